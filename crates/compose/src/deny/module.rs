//! The core module of an adapter: a function for each that is denied, and memory for arguments.

use std::borrow::Cow;
use std::collections::BTreeSet;

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataSection, EntityType, ExportKind, ExportSection,
    Function, FunctionSection, ImportSection, InstructionSink, MemArg, MemorySection, MemoryType,
    Module, TypeSection, ValType,
};
use wit_parser::abi::{AbiVariant, FlatTypes, WasmType};
use wit_parser::{
    Handle, InterfaceId, Resolve, Type, TypeDefKind, TypeId, TypeOwner, WorldId, WorldItem,
};

use super::answer::{Answers, Flat, Unanswerable};
use crate::component::behind_names;

/// What makes a pollable of a time to wait.
pub(super) const SUBSCRIBE: &str = "subscribe-duration";

/// Where answers begin in memory: not at 0, which is nobody's address.
const ANSWERS_AT: u32 = 1024;
const PAGE: u32 = 65536;

/// Builds the module for a world; `denied` are its exports, `clock` what makes pollables.
pub(super) fn build(
    resolve: &Resolve,
    world: WorldId,
    denied: &BTreeSet<InterfaceId>,
    clock: Option<InterfaceId>,
) -> Vec<u8> {
    let mut builder = Builder {
        resolve,
        denied,
        clock,
        answers: Answers::new(resolve),
        imports: Vec::new(),
        exports: Vec::new(),
        memory: Vec::new(),
    };
    for item in resolve.worlds[world].exports.values() {
        let WorldItem::Interface { id, .. } = item else {
            continue;
        };
        let name = resolve.id_of(*id).unwrap_or_default();
        for function in resolve.interfaces[*id].functions.values() {
            builder.deny(&name, function);
        }
    }
    builder.finish()
}

type CoreType = (Vec<ValType>, Vec<ValType>);

struct Import {
    module: String,
    name: String,
    ty: CoreType,
}

struct Export {
    name: String,
    ty: CoreType,
    body: Function,
}

struct Builder<'r> {
    resolve: &'r Resolve,
    denied: &'r BTreeSet<InterfaceId>,
    clock: Option<InterfaceId>,
    answers: Answers<'r>,
    imports: Vec<Import>,
    exports: Vec<Export>,
    /// What memory holds from [`ANSWERS_AT`] on.
    memory: Vec<u8>,
}

impl Builder<'_> {
    fn deny(&mut self, interface: &str, function: &wit_parser::Function) {
        let signature = self
            .resolve
            .wasm_signature(AbiVariant::GuestExport, function);
        let mut body = Function::new([]);
        let mut code = body.instructions();
        // What does not return cannot say no.
        let returns = !(interface.starts_with("wasi:cli/exit@") || interface == "wasi:cli/exit");
        let answered = returns && self.write_answer(&mut code, function, &signature).is_ok();
        if !answered {
            body = Function::new([]);
            body.instructions().unreachable();
        }
        body.instructions().end();
        self.exports.push(Export {
            name: format!("{interface}#{}", function.name),
            ty: (values(&signature.params), values(&signature.results)),
            body,
        });
    }

    fn write_answer(
        &mut self,
        code: &mut InstructionSink<'_>,
        function: &wit_parser::Function,
        signature: &wit_parser::abi::WasmSignature,
    ) -> Result<(), Unanswerable> {
        if !signature.indirect_params {
            self.drop_arguments(code, function);
        }
        let Some(result) = &function.result else {
            return Ok(());
        };
        if signature.retptr {
            let (image, places) = match accepted(&function.name) {
                Some(room) => (self.answers.accepting(result, room), Vec::new()),
                None => self.answers.in_memory(result)?,
            };
            let makers = places
                .iter()
                .map(|place| self.maker(place.resource))
                .collect::<Result<Vec<_>, _>>()?;
            let at = self.reserve(&image);
            for (place, maker) in places.iter().zip(makers) {
                let offset = u64::try_from(place.offset).unwrap_or(0);
                code.i32_const(signed(at));
                maker.write(code);
                code.i32_store(MemArg {
                    offset,
                    align: 2,
                    memory_index: 0,
                });
            }
            code.i32_const(signed(at));
            return Ok(());
        }
        match self.answers.flat(result)? {
            Flat::I32(value) => drop(code.i32_const(value)),
            Flat::I64(value) => drop(code.i64_const(value)),
            Flat::F32 => drop(code.f32_const(0.0.into())),
            Flat::F64 => drop(code.f64_const(0.0.into())),
            Flat::Handle(resource) => self.maker(resource)?.write(code),
        }
        Ok(())
    }

    /// Gives back the handles among the arguments: those that are owned, and those borrowed of
    /// others' resources, which must be gone when the call returns.
    fn drop_arguments(&mut self, code: &mut InstructionSink<'_>, function: &wit_parser::Function) {
        let mut local = 0;
        for parameter in &function.params {
            match self.handle_in(&parameter.ty) {
                Some((false, dropper)) => {
                    code.local_get(local).call(dropper);
                }
                Some((true, dropper)) => {
                    code.local_get(local)
                        .if_(BlockType::Empty)
                        .local_get(local + 1)
                        .call(dropper)
                        .end();
                }
                None => {}
            }
            local += self.flat_count(&parameter.ty);
        }
    }

    /// Whether a type is a handle to give back, or an option of one, and what gives it back.
    fn handle_in(&mut self, ty: &Type) -> Option<(bool, u32)> {
        let Type::Id(id) = ty else {
            return None;
        };
        match &self.resolve.types[behind_names(self.resolve, *id)].kind {
            TypeDefKind::Handle(Handle::Own(resource)) => Some((false, self.dropper(*resource)?)),
            TypeDefKind::Handle(Handle::Borrow(resource)) => {
                let (_, owner) = self.owner(*resource)?;
                // Of a resource made here, what is borrowed is no handle.
                let foreign = !self.denied.contains(&owner);
                foreign
                    .then(|| self.dropper(*resource))?
                    .map(|f| (false, f))
            }
            TypeDefKind::Option(inner) => match self.handle_in(&inner.clone())? {
                (false, dropper) => Some((true, dropper)),
                (true, _) => None,
            },
            _ => None,
        }
    }

    fn flat_count(&self, ty: &Type) -> u32 {
        let mut storage = [WasmType::I32; Resolve::MAX_FLAT_PARAMS + 1];
        let mut flat = FlatTypes::new(&mut storage);
        self.resolve.push_flat(ty, &mut flat);
        u32::try_from(flat.to_vec().len()).unwrap_or(0)
    }

    fn owner(&self, resource: TypeId) -> Option<(TypeId, InterfaceId)> {
        let resource = behind_names(self.resolve, resource);
        match self.resolve.types[resource].owner {
            TypeOwner::Interface(owner) => Some((resource, owner)),
            TypeOwner::World(_) | TypeOwner::None => None,
        }
    }

    fn dropper(&mut self, resource: TypeId) -> Option<u32> {
        self.intrinsic("[resource-drop]", resource, (vec![ValType::I32], vec![]))
    }

    fn intrinsic(&mut self, what: &str, resource: TypeId, ty: CoreType) -> Option<u32> {
        let (resource, owner) = self.owner(resource)?;
        let name = self.resolve.types[resource].name.as_deref()?;
        let interface = self.resolve.id_of(owner)?;
        let module = if self.denied.contains(&owner) {
            format!("[export]{interface}")
        } else {
            interface
        };
        Some(self.import(module, format!("{what}{name}"), ty))
    }

    fn import(&mut self, module: String, name: String, ty: CoreType) -> u32 {
        let known = |import: &Import| import.module == module && import.name == name;
        let index = self.imports.iter().position(known).unwrap_or_else(|| {
            self.imports.push(Import { module, name, ty });
            self.imports.len() - 1
        });
        u32::try_from(index).unwrap_or(u32::MAX)
    }

    /// What makes an owned handle.
    fn maker(&mut self, resource: TypeId) -> Result<Maker, Unanswerable> {
        let (target, owner) = self.owner(resource).ok_or(Unanswerable)?;
        if self.denied.contains(&owner) {
            let ty = (vec![ValType::I32], vec![ValType::I32]);
            let new = self.intrinsic("[resource-new]", target, ty);
            return new.map(Maker::New).ok_or(Unanswerable);
        }
        let is_pollable = self.resolve.types[target].name.as_deref() == Some("pollable");
        let clock = self.clock.filter(|_| is_pollable).ok_or(Unanswerable)?;
        let module = self.resolve.id_of(clock).ok_or(Unanswerable)?;
        let ty = (vec![ValType::I64], vec![ValType::I32]);
        let subscribe = self.import(module, SUBSCRIBE.to_owned(), ty);
        Ok(Maker::Subscribe(subscribe))
    }

    /// Where a copy of `image` lies in memory.
    fn reserve(&mut self, image: &[u8]) -> u32 {
        self.memory.resize(self.memory.len().next_multiple_of(8), 0);
        let at = ANSWERS_AT.saturating_add(size(self.memory.len()));
        self.memory.extend_from_slice(image);
        at
    }

    fn finish(self) -> Vec<u8> {
        let arguments_at =
            (ANSWERS_AT.saturating_add(size(self.memory.len()))).next_multiple_of(16);
        let mut types = TypeSection::new();
        let mut imports = ImportSection::new();
        let mut functions = FunctionSection::new();
        let mut exports = ExportSection::new();
        let mut code = CodeSection::new();
        let mut add_type = |(parameters, results): CoreType| {
            types.ty().function(parameters, results);
            types.len() - 1
        };
        for import in self.imports {
            let ty = EntityType::Function(add_type(import.ty));
            imports.import(&import.module, &import.name, ty);
        }
        let first = imports.len();
        for export in self.exports {
            exports.export(&export.name, ExportKind::Func, first + functions.len());
            functions.function(add_type(export.ty));
            code.function(&export.body);
        }
        exports.export("cabi_realloc", ExportKind::Func, first + functions.len());
        functions.function(add_type((vec![ValType::I32; 4], vec![ValType::I32])));
        code.function(&reallocate(arguments_at));
        exports.export("memory", ExportKind::Memory, 0);
        let mut memories = MemorySection::new();
        memories.memory(MemoryType {
            minimum: u64::from(arguments_at / PAGE + 1),
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        let mut data = DataSection::new();
        let at = ConstExpr::i32_const(signed(ANSWERS_AT));
        data.active(0, &at, self.memory.iter().copied());
        let mut module = Module::new();
        module
            .section(&types)
            .section(&imports)
            .section(&functions)
            .section(&memories)
            .section(&exports)
            .section(&code)
            .section(&data);
        let producers = wasm_encoder::CustomSection {
            name: Cow::Borrowed("holm:denied"),
            data: Cow::Borrowed(&[]),
        };
        module.section(&producers);
        module.finish()
    }
}

/// For a function of an output stream that accepts what it is given, as there is nobody to
/// refuse: how many bytes it has room for, where it says so.
fn accepted(function: &str) -> Option<u64> {
    match function.strip_prefix("[method]output-stream.")? {
        "check-write" => Some(1 << 16),
        "splice" | "blocking-splice" | "subscribe" => None,
        _ => Some(0),
    }
}

/// How an owned handle comes to be.
enum Maker {
    /// A resource of the adapter's own, which has nothing to it.
    New(u32),
    /// A pollable that is ready at once.
    Subscribe(u32),
}

impl Maker {
    fn write(&self, code: &mut InstructionSink<'_>) {
        match self {
            Self::New(function) => code.i32_const(0).call(*function),
            Self::Subscribe(function) => code.i64_const(0).call(*function),
        };
    }
}

/// `cabi_realloc`: arguments are never looked at, so all of them lie in one place, of which there
/// is enough.
fn reallocate(arguments_at: u32) -> Function {
    const NEW_SIZE: u32 = 3;
    const MISSING: u32 = 4;
    let mut body = Function::new([(1, ValType::I64)]);
    body.instructions()
        // Bytes that are missing: arguments_at + new size - size of the memory.
        .local_get(NEW_SIZE)
        .i64_extend_i32_u()
        .i64_const(i64::from(arguments_at))
        .i64_add()
        .memory_size(0)
        .i64_extend_i32_u()
        .i64_const(i64::from(PAGE))
        .i64_mul()
        .i64_sub()
        .local_tee(MISSING)
        .i64_const(0)
        .i64_gt_s()
        .if_(BlockType::Empty)
        .local_get(MISSING)
        .i64_const(i64::from(PAGE) - 1)
        .i64_add()
        .i64_const(i64::from(PAGE))
        .i64_div_u()
        .i32_wrap_i64()
        .memory_grow(0)
        .i32_const(-1)
        .i32_eq()
        .if_(BlockType::Empty)
        .unreachable()
        .end()
        .end()
        .i32_const(signed(arguments_at))
        .end();
    body
}

fn values(types: &[WasmType]) -> Vec<ValType> {
    let value = |ty: &WasmType| match ty {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => ValType::I32,
        WasmType::I64 | WasmType::PointerOrI64 => ValType::I64,
        WasmType::F32 => ValType::F32,
        WasmType::F64 => ValType::F64,
    };
    types.iter().map(value).collect()
}

fn size(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn signed(address: u32) -> i32 {
    address.cast_signed()
}
