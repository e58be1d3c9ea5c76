//! What "no" is in a type: a value laid out as the canonical ABI has it.

use wit_parser::{Handle, Resolve, SizeAlign, Type, TypeDefKind, TypeId};

/// Names of cases that mean no, the plainest first.
pub(crate) const DENIALS: [&str; 12] = [
    "HTTP-request-denied",
    "access-denied",
    "not-permitted",
    "access",
    "permission-denied",
    "denied",
    "forbidden",
    "closed",
    "unsupported",
    "not-supported",
    "unavailable",
    "other",
];

/// A value that is made at run time, written at an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) offset: usize,
    pub(super) made: Made,
}

/// What is made at run time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Made {
    /// An owned handle of this resource.
    Handle(TypeId),
    /// The reading end of a stream of this type, which is at its end.
    Stream(TypeId),
    /// The reading end of a future of this type, which holds "no".
    Future(TypeId),
}

/// A value of one flat number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Flat {
    I32(i32),
    I64(i64),
    F32,
    F64,
    Made(Made),
}

/// No value of the type can be made up.
#[derive(Debug)]
pub(super) struct Unanswerable;

/// Lays values out.
pub(super) struct Answers<'r> {
    resolve: &'r Resolve,
    sizes: SizeAlign,
}

impl<'r> Answers<'r> {
    pub(super) fn new(resolve: &'r Resolve) -> Self {
        let mut sizes = SizeAlign::default();
        sizes.fill(resolve);
        Self { resolve, sizes }
    }

    /// The answer in memory: its bytes, and the handles that belong in it.
    pub(super) fn in_memory(&self, ty: &Type) -> Result<(Vec<u8>, Vec<Place>), Unanswerable> {
        let mut image = vec![0; self.sizes.size(ty).size_wasm32()];
        let mut places = Vec::new();
        self.fill(ty, 0, &mut image, &mut places)?;
        Ok((image, places))
    }

    /// A result that is right, in memory, with this number in it.
    pub(super) fn accepting(&self, ty: &Type, number: u64) -> Vec<u8> {
        const PAYLOAD: usize = 8;
        let mut image = vec![0; self.sizes.size(ty).size_wasm32()];
        for (target, byte) in image.iter_mut().skip(PAYLOAD).zip(number.to_le_bytes()) {
            *target = byte;
        }
        image
    }

    fn fill(
        &self,
        ty: &Type,
        at: usize,
        image: &mut [u8],
        places: &mut Vec<Place>,
    ) -> Result<(), Unanswerable> {
        let Type::Id(id) = ty else {
            if matches!(ty, Type::ErrorContext) {
                return Err(Unanswerable);
            }
            // Numbers are 0, booleans false, strings empty.
            return Ok(());
        };
        match &self.resolve.types[*id].kind {
            TypeDefKind::Type(named) => self.fill(named, at, image, places),
            TypeDefKind::List(_) | TypeDefKind::Option(_) | TypeDefKind::Flags(_) => Ok(()),
            TypeDefKind::Map(..) => Ok(()),
            TypeDefKind::Record(record) => {
                let fields = record.fields.iter().map(|field| &field.ty);
                self.fill_fields(fields, at, image, places)
            }
            TypeDefKind::Tuple(tuple) => self.fill_fields(&tuple.types, at, image, places),
            TypeDefKind::FixedLengthList(element, count) => {
                let size = self.sizes.size(element).size_wasm32();
                let count = usize::try_from(*count).map_err(|_| Unanswerable)?;
                (0..count).try_for_each(|n| self.fill(element, at + n * size, image, places))
            }
            TypeDefKind::Enum(cases) => {
                put(image, at, denial_of(cases));
                Ok(())
            }
            TypeDefKind::Variant(variant) => {
                let chosen = denial_case(variant);
                put(image, at, chosen);
                let cases = variant.cases.iter().map(|case| case.ty.as_ref());
                let payload = self.sizes.payload_offset(variant.tag(), cases);
                match &variant.cases[chosen].ty {
                    Some(ty) => self.fill(ty, at + payload.size_wasm32(), image, places),
                    None => Ok(()),
                }
            }
            TypeDefKind::Result(result) => {
                put(image, at, 1);
                let cases = [result.ok.as_ref(), result.err.as_ref()];
                let payload = self.sizes.payload_offset(wit_parser::Int::U8, cases);
                match &result.err {
                    Some(ty) => self.fill(ty, at + payload.size_wasm32(), image, places),
                    None => Ok(()),
                }
            }
            kind @ (TypeDefKind::Handle(Handle::Own(_))
            | TypeDefKind::Future(_)
            | TypeDefKind::Stream(_)) => {
                let made = made(*id, kind).ok_or(Unanswerable)?;
                places.push(Place { offset: at, made });
                Ok(())
            }
            TypeDefKind::Handle(Handle::Borrow(_))
            | TypeDefKind::Resource
            | TypeDefKind::Unknown => Err(Unanswerable),
        }
    }

    fn fill_fields<'t>(
        &self,
        fields: impl IntoIterator<Item = &'t Type>,
        at: usize,
        image: &mut [u8],
        places: &mut Vec<Place>,
    ) -> Result<(), Unanswerable> {
        self.sizes
            .field_offsets(fields)
            .into_iter()
            .try_for_each(|(offset, ty)| self.fill(ty, at + offset.size_wasm32(), image, places))
    }

    /// The answer as one number; the type is one that is passed so.
    pub(super) fn flat(&self, ty: &Type) -> Result<Flat, Unanswerable> {
        let Type::Id(id) = ty else {
            return Ok(match ty {
                // What could be waited for is over: a pollable is ready.
                Type::Bool => Flat::I32(1),
                Type::U64 | Type::S64 => Flat::I64(0),
                Type::F32 => Flat::F32,
                Type::F64 => Flat::F64,
                Type::ErrorContext | Type::String => return Err(Unanswerable),
                _ => Flat::I32(0),
            });
        };
        match &self.resolve.types[*id].kind {
            TypeDefKind::Type(named) => self.flat(named),
            TypeDefKind::Enum(cases) => Ok(number(denial_of(cases))),
            TypeDefKind::Variant(variant) => Ok(number(denial_case(variant))),
            TypeDefKind::Result(_) => Ok(Flat::I32(1)),
            TypeDefKind::Option(_) | TypeDefKind::Flags(_) => Ok(Flat::I32(0)),
            TypeDefKind::Record(record) => {
                self.flat_field(record.fields.iter().map(|field| &field.ty))
            }
            TypeDefKind::Tuple(tuple) => self.flat_field(&tuple.types),
            kind => made(*id, kind).map(Flat::Made).ok_or(Unanswerable),
        }
    }

    /// Of the fields, the only one that takes any space.
    fn flat_field<'t>(
        &self,
        fields: impl IntoIterator<Item = &'t Type>,
    ) -> Result<Flat, Unanswerable> {
        let mut fields = fields.into_iter();
        let field = fields.find(|ty| !self.sizes.size(ty).is_empty());
        self.flat(field.ok_or(Unanswerable)?)
    }
}

/// What is to be made for a type, when it is one of those that are.
fn made(id: TypeId, kind: &TypeDefKind) -> Option<Made> {
    match kind {
        TypeDefKind::Handle(Handle::Own(resource)) => Some(Made::Handle(*resource)),
        TypeDefKind::Stream(_) => Some(Made::Stream(id)),
        TypeDefKind::Future(_) => Some(Made::Future(id)),
        _ => None,
    }
}

/// The resource that a function answers an owned handle of.
pub(super) fn handle(resolve: &Resolve, result: Option<Type>) -> Option<TypeId> {
    let Type::Id(id) = result? else {
        return None;
    };
    match &resolve.types[id].kind {
        TypeDefKind::Type(named) => handle(resolve, Some(*named)),
        TypeDefKind::Handle(Handle::Own(resource)) => Some(*resource),
        _ => None,
    }
}

fn denial_case(variant: &wit_parser::Variant) -> usize {
    let names: Vec<&str> = variant
        .cases
        .iter()
        .map(|case| case.name.as_str())
        .collect();
    denial(&names)
}

fn denial_of(cases: &wit_parser::Enum) -> usize {
    let names: Vec<&str> = cases.cases.iter().map(|case| case.name.as_str()).collect();
    denial(&names)
}

/// The case that says no; the last where none does, which is the vaguest by custom.
fn denial(names: &[&str]) -> usize {
    let find = |denial: &&str| names.iter().position(|name| name == denial);
    let last = names.len().saturating_sub(1);
    DENIALS.iter().find_map(find).unwrap_or(last)
}

/// Writes the number of a case; one of more than 256 is written in the bytes it takes.
fn put(image: &mut [u8], at: usize, case: usize) {
    let bytes = case.to_le_bytes();
    let used = bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(1, |n| n + 1);
    for (target, byte) in image.iter_mut().skip(at).zip(&bytes[..used]) {
        *target = *byte;
    }
}

fn number(case: usize) -> Flat {
    Flat::I32(i32::try_from(case).unwrap_or(0))
}
