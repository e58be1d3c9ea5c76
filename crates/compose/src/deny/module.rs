//! The core module of an adapter: a function for each that is denied, and memory for arguments.

use std::borrow::Cow;
use std::collections::BTreeSet;

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataSection, EntityType, ExportKind, ExportSection,
    Function, FunctionSection, GlobalSection, GlobalType, ImportSection, InstructionSink, MemArg,
    MemorySection, MemoryType, Module, TypeSection, ValType,
};
use wit_parser::abi::{AbiVariant, FlatTypes, WasmType};
use wit_parser::{
    Handle, InterfaceId, Resolve, Type, TypeDefKind, TypeId, TypeOwner, WorldId, WorldItem,
};

use super::answer::{Answers, Flat, Made, Unanswerable};
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
        sets: 0,
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
    /// Globals, each a set of futures that are written and not yet read; 0 before there is one.
    sets: u32,
}

/// A function with the streams and futures in its type, by whose number in it their intrinsics are
/// named.
struct Flows {
    interface: String,
    function: String,
    types: Vec<TypeId>,
}

impl Builder<'_> {
    fn deny(&mut self, interface: &str, function: &wit_parser::Function) {
        let signature = self
            .resolve
            .wasm_signature(AbiVariant::GuestExport, function);
        let flows = Flows {
            interface: interface.to_owned(),
            function: function.name.clone(),
            types: function.find_futures_and_streams(self.resolve),
        };
        // A local for both ends of a stream or future.
        let mut body = Function::new([(1, ValType::I64)]);
        let mut code = body.instructions();
        // What does not return cannot say no.
        let returns = !(interface.starts_with("wasi:cli/exit@") || interface == "wasi:cli/exit");
        let answered = returns
            && self
                .write_answer(&mut code, function, &signature, &flows)
                .is_ok();
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
        flows: &Flows,
    ) -> Result<(), Unanswerable> {
        let ends = size(signature.params.len());
        if !signature.indirect_params {
            self.drop_arguments(code, function, flows);
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
                .map(|place| self.maker(place.made, flows))
                .collect::<Result<Vec<_>, _>>()?;
            let at = self.reserve(&image);
            for (place, maker) in places.iter().zip(makers) {
                let offset = u64::try_from(place.offset).unwrap_or(0);
                code.i32_const(signed(at));
                maker.write(code, ends);
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
            Flat::Made(made) => self.maker(made, flows)?.write(code, ends),
        }
        Ok(())
    }

    /// Gives back the handles among the arguments: those that are owned, and those borrowed of
    /// others' resources, which must be gone when the call returns.
    fn drop_arguments(
        &mut self,
        code: &mut InstructionSink<'_>,
        function: &wit_parser::Function,
        flows: &Flows,
    ) {
        let mut local = 0;
        for parameter in &function.params {
            match self.handle_in(&parameter.ty, flows) {
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
    fn handle_in(&mut self, ty: &Type, flows: &Flows) -> Option<(bool, u32)> {
        let Type::Id(id) = ty else {
            return None;
        };
        let id = behind_names(self.resolve, *id);
        match &self.resolve.types[id].kind {
            TypeDefKind::Stream(_) => {
                Some((false, self.flow("stream-drop-readable", id, flows, DROPS)?))
            }
            TypeDefKind::Future(_) => {
                Some((false, self.flow("future-drop-readable", id, flows, DROPS)?))
            }
            TypeDefKind::Handle(Handle::Own(resource)) => Some((false, self.dropper(*resource)?)),
            TypeDefKind::Handle(Handle::Borrow(resource)) => {
                let (_, owner) = self.owner(*resource)?;
                // Of a resource made here, what is borrowed is no handle.
                let foreign = !self.denied.contains(&owner);
                foreign
                    .then(|| self.dropper(*resource))?
                    .map(|f| (false, f))
            }
            TypeDefKind::Option(inner) => match self.handle_in(&inner.clone(), flows)? {
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

    /// What makes a value at run time.
    fn maker(&mut self, made: Made, flows: &Flows) -> Result<Maker, Unanswerable> {
        match made {
            Made::Handle(resource) => self.handle_maker(resource),
            Made::Stream(id) => {
                let new = self.flow("stream-new", id, flows, NEW);
                let drop = self.flow("stream-drop-writable", id, flows, DROPS);
                let made = new.zip(drop).map(|(new, drop)| Maker::Stream { new, drop });
                made.ok_or(Unanswerable)
            }
            Made::Future(id) => self.future_maker(id, flows),
        }
    }

    fn future_maker(&mut self, id: TypeId, flows: &Flows) -> Result<Maker, Unanswerable> {
        let TypeDefKind::Future(payload) = &self.resolve.types[id].kind else {
            return Err(Unanswerable);
        };
        let image = match payload {
            None => Vec::new(),
            Some(payload) => match self.answers.in_memory(payload)? {
                (image, places) if places.is_empty() => image,
                // What would be made for it may never be taken out of it.
                _ => return Err(Unanswerable),
            },
        };
        let flow = |builder: &mut Self, what, ty| {
            let found = builder.flow(what, id, flows, ty);
            found.ok_or(Unanswerable)
        };
        let set = self.sets;
        self.sets += 1;
        Ok(Maker::Future(Future {
            new: flow(self, "future-new", NEW)?,
            write: flow(self, "[async-lower]future-write", TWO)?,
            drop: flow(self, "future-drop-writable", DROPS)?,
            new_set: self.root("[waitable-set-new]", &[], &[ValType::I32]),
            poll: self.root("[waitable-set-poll]", &[ValType::I32; 2], &[ValType::I32]),
            join: self.root("[waitable-join]", &[ValType::I32; 2], &[]),
            value: self.reserve(&image),
            event: self.reserve(&[0; 8]),
            set,
        }))
    }

    /// An intrinsic of a stream or future in the type of a function.
    fn flow(&mut self, what: &str, id: TypeId, flows: &Flows, ty: FlowType) -> Option<u32> {
        let number = flows.types.iter().position(|known| *known == id)?;
        let (lowered, what) = match what.strip_prefix("[async-lower]") {
            Some(what) => ("[async-lower]", what),
            None => ("", what),
        };
        let name = format!("{lowered}[{what}-{number}]{}", flows.function);
        let ty = (ty.0.to_vec(), ty.1.to_vec());
        Some(self.import(format!("[export]{}", flows.interface), name, ty))
    }

    /// An intrinsic that is of no type.
    fn root(&mut self, name: &str, parameters: &[ValType], results: &[ValType]) -> u32 {
        let ty = (parameters.to_vec(), results.to_vec());
        self.import("$root".to_owned(), name.to_owned(), ty)
    }

    /// What makes an owned handle.
    fn handle_maker(&mut self, resource: TypeId) -> Result<Maker, Unanswerable> {
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
        let mut globals = GlobalSection::new();
        for _ in 0..self.sets {
            let ty = GlobalType {
                val_type: ValType::I32,
                mutable: true,
                shared: false,
            };
            globals.global(ty, &ConstExpr::i32_const(0));
        }
        let mut data = DataSection::new();
        let at = ConstExpr::i32_const(signed(ANSWERS_AT));
        data.active(0, &at, self.memory.iter().copied());
        let mut module = Module::new();
        module
            .section(&types)
            .section(&imports)
            .section(&functions)
            .section(&memories)
            .section(&globals)
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

/// Core parameters and results of an intrinsic.
type FlowType = (&'static [ValType], &'static [ValType]);
const NEW: FlowType = (&[], &[ValType::I64]);
const DROPS: FlowType = (&[ValType::I32], &[]);
const TWO: FlowType = (&[ValType::I32, ValType::I32], &[ValType::I32]);

/// How a value comes to be that is made at run time.
enum Maker {
    /// A resource of the adapter's own, which has nothing to it.
    New(u32),
    /// A pollable that is ready at once.
    Subscribe(u32),
    /// A stream whose writing end is gone.
    Stream { new: u32, drop: u32 },
    /// A future that holds an answer.
    Future(Future),
}

/// The functions that make a future, where its value lies, and where events are told.
struct Future {
    new: u32,
    write: u32,
    drop: u32,
    new_set: u32,
    poll: u32,
    join: u32,
    value: u32,
    event: u32,
    /// The global with the set of those that nobody has read yet.
    set: u32,
}

impl Maker {
    /// Leaves the handle on the stack; `ends` is a local for the two ends of a stream or future.
    fn write(&self, code: &mut InstructionSink<'_>, ends: u32) {
        match self {
            Self::New(function) => drop(code.i32_const(0).call(*function)),
            Self::Subscribe(function) => drop(code.i64_const(0).call(*function)),
            Self::Stream { new, drop } => {
                code.call(*new).local_set(ends);
                writable(code, ends).call(*drop);
                code.local_get(ends).i32_wrap_i64();
            }
            Self::Future(future) => future.write(code, ends),
        }
    }
}

impl Future {
    /// A future is written when somebody reads it, and only then may its writing end go: it is
    /// kept in a set, from which those that were read since are taken by the next call.
    fn write(&self, code: &mut InstructionSink<'_>, ends: u32) {
        const BLOCKED: i32 = -1;
        let at_event = MemArg {
            offset: 0,
            align: 2,
            memory_index: 0,
        };
        code.global_get(self.set)
            .i32_eqz()
            .if_(BlockType::Empty)
            .call(self.new_set)
            .global_set(self.set)
            .end()
            .loop_(BlockType::Empty)
            .global_get(self.set)
            .i32_const(signed(self.event))
            .call(self.poll)
            .if_(BlockType::Empty)
            // The event tells the handle first.
            .i32_const(signed(self.event))
            .i32_load(at_event)
            .call(self.drop)
            .br(1)
            .end()
            .end()
            .call(self.new)
            .local_set(ends);
        writable(code, ends)
            .i32_const(signed(self.value))
            .call(self.write)
            .i32_const(BLOCKED)
            .i32_eq()
            .if_(BlockType::Empty);
        writable(code, ends).global_get(self.set).call(self.join);
        code.else_();
        writable(code, ends).call(self.drop);
        code.end().local_get(ends).i32_wrap_i64();
    }
}

/// The writing end: the upper half of what makes both.
fn writable<'s, 'c>(code: &'s mut InstructionSink<'c>, ends: u32) -> &'s mut InstructionSink<'c> {
    code.local_get(ends)
        .i64_const(32)
        .i64_shr_u()
        .i32_wrap_i64()
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

/// Types of the parameters or results of a core function.
pub(crate) fn values(types: &[WasmType]) -> Vec<ValType> {
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
