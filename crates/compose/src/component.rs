//! One component: checked, and what it imports and exports.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use holm_package::program::{self, ProgramKind};
use wasmparser::{Validator, WasmFeatures};
use wit_component::DecodedWasm;
use wit_parser::{InterfaceId, Resolve, TypeDefKind, TypeId, TypeOwner, WorldId, WorldItem};

/// The most imports, and the most exports, that a component may have.
pub(crate) const ITEMS_MAX: usize = 4096;

/// A checked component.
#[derive(Debug)]
pub(crate) struct Component {
    pub(crate) bytes: Arc<[u8]>,
    /// BLAKE3 of the bytes, in hexadecimal.
    pub(crate) digest: String,
    pub(crate) resolve: Resolve,
    pub(crate) imports: Vec<Item>,
    pub(crate) exports: Vec<Item>,
}

/// Something imported or exported.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// `namespace:package/interface@version`, or a plain name.
    pub(crate) name: String,
    /// The interface; `None` for a function or a type.
    pub(crate) interface: Option<InterfaceId>,
}

/// Why a file is no component that can be linked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotLinkable {
    /// It is a core module.
    Module,
    /// It is a WIT package, encoded: types without code.
    Wit,
    /// It is something else, in words.
    Other(String),
}

impl Component {
    pub(crate) fn read(name: &str, bytes: Arc<[u8]>) -> Result<Self, NotLinkable> {
        match program::kind(name, &bytes) {
            Ok(ProgramKind::Component) => {}
            Ok(ProgramKind::Module) => return Err(NotLinkable::Module),
            Err(error) => return Err(NotLinkable::Other(error.to_string())),
        }
        Validator::new_with_features(WasmFeatures::all())
            .validate_all(&bytes)
            .map_err(|error| {
                let offset = error.offset();
                let message = error.message();
                NotLinkable::Other(format!("{name} is not valid: {message} (at {offset:#x})"))
            })?;
        let decoded = guarded(|| wit_component::decode(&bytes))
            .and_then(|decoded| decoded.map_err(|error| format!("{error:#}")))
            .map_err(|error| {
                NotLinkable::Other(format!("the types of {name} cannot be read: {error}"))
            })?;
        let DecodedWasm::Component(resolve, world) = decoded else {
            return Err(NotLinkable::Wit);
        };
        let (imports, exports) = items(&resolve, world);
        if imports.len().max(exports.len()) > ITEMS_MAX {
            let message = format!("{name} has more than {ITEMS_MAX} imports or exports");
            return Err(NotLinkable::Other(message));
        }
        Ok(Self {
            digest: blake3::hash(&bytes).to_hex().to_string(),
            bytes,
            imports,
            exports,
            resolve,
        })
    }

    pub(crate) fn import(&self, name: &str) -> Option<&Item> {
        self.imports.iter().find(|item| item.name == name)
    }
}

/// Runs code of others on bytes of others, which might panic however it was checked before.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        format!(
            "the linker gave up: {}",
            text.unwrap_or("it did not say why")
        )
    })
}

fn items(resolve: &Resolve, world: WorldId) -> (Vec<Item>, Vec<Item>) {
    let world = &resolve.worlds[world];
    let list = |items: &mut dyn Iterator<Item = (String, &WorldItem)>| {
        items
            .map(|(name, item)| Item {
                name,
                interface: match item {
                    WorldItem::Interface { id, .. } => Some(*id),
                    WorldItem::Function(_) | WorldItem::Type { .. } => None,
                },
            })
            .collect()
    };
    let name = |key| resolve.name_world_key(key);
    (
        list(&mut world.imports.iter().map(|(key, item)| (name(key), item))),
        list(&mut world.exports.iter().map(|(key, item)| (name(key), item))),
    )
}

/// The interfaces whose types an interface uses, each once.
pub(crate) fn used_by(resolve: &Resolve, interface: InterfaceId) -> Vec<InterfaceId> {
    let mut used = Vec::new();
    for id in resolve.interfaces[interface].types.values() {
        let TypeDefKind::Type(wit_parser::Type::Id(target)) = resolve.types[*id].kind else {
            continue;
        };
        if let TypeOwner::Interface(owner) = resolve.types[target].owner
            && owner != interface
            && !used.contains(&owner)
        {
            used.push(owner);
        }
    }
    used
}

/// The type behind names given to it.
pub(crate) fn behind_names(resolve: &Resolve, mut id: TypeId) -> TypeId {
    while let TypeDefKind::Type(wit_parser::Type::Id(target)) = resolve.types[id].kind {
        id = target;
    }
    id
}
