//! Core modules for the components of tests: functions that trap, in the shape of a world.

use wasm_encoder::{
    CodeSection, EntityType, ExportKind, ExportSection, Function, FunctionSection, ImportSection,
    MemorySection, MemoryType, Module, TypeSection, ValType,
};
use wit_parser::abi::AbiVariant;
use wit_parser::{Function as WitFunction, Resolve, WorldId, WorldItem, WorldKey};

use crate::deny::module::values;

pub(super) fn module(resolve: &Resolve, world: WorldId) -> Vec<u8> {
    let world = &resolve.worlds[world];
    let mut types = TypeSection::new();
    let mut imports = ImportSection::new();
    let mut functions = FunctionSection::new();
    let mut exports = ExportSection::new();
    let mut code = CodeSection::new();
    let mut add = |variant, function: &WitFunction| {
        let signature = resolve.wasm_signature(variant, function);
        types
            .ty()
            .function(values(&signature.params), values(&signature.results));
        types.len() - 1
    };
    for (key, item) in &world.imports {
        each(resolve, key, item, |module, function| {
            let ty = add(AbiVariant::GuestImport, function);
            let module = module.unwrap_or_else(|| "$root".to_owned());
            imports.import(&module, &function.name, EntityType::Function(ty));
        });
    }
    let first = imports.len();
    for (key, item) in &world.exports {
        each(resolve, key, item, |module, function| {
            let ty = add(AbiVariant::GuestExport, function);
            let name = match module {
                Some(module) => format!("{module}#{}", function.name),
                None => function.name.clone(),
            };
            exports.export(&name, ExportKind::Func, first + functions.len());
            functions.function(ty);
            trap(&mut code);
        });
    }
    exports.export("cabi_realloc", ExportKind::Func, first + functions.len());
    types.ty().function([ValType::I32; 4], [ValType::I32]);
    functions.function(types.len() - 1);
    trap(&mut code);
    exports.export("memory", ExportKind::Memory, 0);
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: 1,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut module = Module::new();
    module
        .section(&types)
        .section(&imports)
        .section(&functions)
        .section(&memories)
        .section(&exports)
        .section(&code);
    module.finish()
}

fn each(
    resolve: &Resolve,
    key: &WorldKey,
    item: &WorldItem,
    mut visit: impl FnMut(Option<String>, &WitFunction),
) {
    match item {
        WorldItem::Function(function) => visit(None, function),
        WorldItem::Interface { id, .. } => {
            for function in resolve.interfaces[*id].functions.values() {
                visit(Some(resolve.name_world_key(key)), function);
            }
        }
        WorldItem::Type { .. } => {}
    }
}

fn trap(code: &mut CodeSection) {
    let mut body = Function::new([]);
    body.instructions().unreachable().end();
    code.function(&body);
}
