//! Fields: the headers and trailers of a message, by the rules of `wasi:http`.

use std::sync::Arc;

use ::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use holm_kernel::Process;

use super::{ErrorCode, HttpBounds, internal};

/// Why fields are not changed (`header-error`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldProblem {
    /// A name or value that is none.
    Syntax,
    /// A name that is the host's business.
    Forbidden,
    /// They cannot be changed.
    Immutable,
    /// They would be larger than the host keeps for a guest.
    Size,
}

/// `wasi:http/types.fields`. Clones share their values until one of them changes.
#[derive(Clone, Debug)]
pub struct Fields {
    kept: Arc<Kept>,
    mutable: bool,
}

#[derive(Debug)]
struct Kept {
    map: HeaderMap,
    bytes: usize,
    /// What a guest makes is charged to its memory.
    charge: Option<Charge>,
}

#[derive(Debug)]
struct Charge {
    process: Arc<Process>,
    bytes: u64,
}

impl Charge {
    fn resize(&mut self, bytes: usize) -> Result<(), FieldProblem> {
        let bytes = bytes as u64;
        if bytes > self.bytes && !self.process.grow_memory(bytes - self.bytes) {
            return Err(FieldProblem::Size);
        }
        if bytes < self.bytes {
            self.process.shrink_memory(self.bytes - bytes);
        }
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.process.shrink_memory(self.bytes);
    }
}

/// What a value costs beside its bytes: an empty one takes room too.
const VALUE_BYTES: usize = size_of::<HeaderName>() + 2 * size_of::<HeaderValue>();

fn cost(name: &HeaderName, value: &HeaderValue) -> usize {
    name.as_str().len() + value.len() + VALUE_BYTES
}

/// Names that decide how a message is framed and where it goes: the host sets them, and a guest
/// neither sets nor sees them.
#[must_use]
pub fn is_forbidden(name: &HeaderName) -> bool {
    const OTHERS: [&str; 3] = ["keep-alive", "proxy-connection", "http2-settings"];
    [
        header::CONNECTION,
        header::HOST,
        header::PROXY_AUTHENTICATE,
        header::PROXY_AUTHORIZATION,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ]
    .contains(name)
        || OTHERS.contains(&name.as_str())
}

/// Names that may not come after a body, besides those above (RFC 9110, section 6.5.1): what
/// frames, routes, authenticates or describes a message.
#[must_use]
pub fn is_forbidden_trailer(name: &HeaderName) -> bool {
    is_forbidden(name)
        || [
            header::AUTHORIZATION,
            header::CACHE_CONTROL,
            header::CONTENT_ENCODING,
            header::CONTENT_LENGTH,
            header::CONTENT_RANGE,
            header::CONTENT_TYPE,
            header::COOKIE,
            header::EXPECT,
            header::MAX_FORWARDS,
            header::RANGE,
            header::SET_COOKIE,
            header::TE,
            header::TRAILER,
        ]
        .contains(name)
}

/// Takes what a guest does not see out of a message that came in.
pub(crate) fn strip_incoming(map: &mut HeaderMap, is_forbidden: fn(&HeaderName) -> bool) {
    // Messages rarely have any: looking first keeps the common case free of allocation.
    while let Some(name) = map.keys().find(|name| is_forbidden(name)).cloned() {
        map.remove(name);
    }
}

impl Fields {
    /// Of a message that came in: they cannot be changed.
    #[must_use]
    pub fn incoming(mut map: HeaderMap) -> Fields {
        strip_incoming(&mut map, is_forbidden);
        Fields {
            kept: Arc::new(Kept {
                bytes: 0,
                map,
                charge: None,
            }),
            mutable: false,
        }
    }

    /// New ones of a guest, charged to its memory.
    pub(crate) fn new(process: &Arc<Process>) -> Fields {
        let process = process.clone();
        Fields {
            kept: Arc::new(Kept {
                map: HeaderMap::new(),
                bytes: 0,
                charge: Some(Charge { process, bytes: 0 }),
            }),
            mutable: true,
        }
    }

    /// New ones of a guest with what it lists in them.
    pub(crate) fn listed(
        process: &Arc<Process>,
        bounds: &HttpBounds,
        entries: &[(String, Vec<u8>)],
    ) -> Result<Fields, FieldProblem> {
        let mut fields = Fields::new(process);
        for (name, value) in entries {
            fields.append(process, bounds, name, value)?;
        }
        Ok(fields)
    }

    /// The names and values.
    #[must_use]
    pub fn map(&self) -> &HeaderMap {
        &self.kept.map
    }

    /// From now on they cannot be changed: they belong to a message.
    pub(crate) fn freeze(mut self) -> Fields {
        self.mutable = false;
        self
    }

    /// A copy that can be changed.
    pub(crate) fn thaw(&self) -> Fields {
        Fields {
            kept: self.kept.clone(),
            mutable: true,
        }
    }

    /// The map, for the host.
    pub(crate) fn into_map(self) -> HeaderMap {
        match Arc::try_unwrap(self.kept) {
            Ok(kept) => kept.map,
            Err(shared) => shared.map.clone(),
        }
    }

    /// The map, to be sent after a body; what cannot be is refused.
    pub(crate) fn into_trailers(self) -> Result<HeaderMap, ErrorCode> {
        let map = self.into_map();
        match map.keys().find(|name| is_forbidden_trailer(name)) {
            Some(name) => Err(internal(format!("`{name}` cannot be sent as a trailer"))),
            None => Ok(map),
        }
    }

    /// Values of a name; none for what is no name.
    pub(crate) fn get(&self, name: &str) -> Vec<Vec<u8>> {
        let values = self.kept.map.get_all(name).into_iter();
        values.map(|value| value.as_bytes().to_vec()).collect()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.kept.map.contains_key(name)
    }

    pub(crate) fn entries(&self) -> Vec<(String, Vec<u8>)> {
        let entries = self.kept.map.iter();
        entries
            .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
            .collect()
    }

    pub(crate) fn append(
        &mut self,
        process: &Arc<Process>,
        bounds: &HttpBounds,
        name: &str,
        value: &[u8],
    ) -> Result<(), FieldProblem> {
        let name = check_name(name)?;
        let value = check_value(&name, value)?;
        self.check_mutable()?;
        // Two lengths would let two readers disagree on where the message ends.
        if name == header::CONTENT_LENGTH && self.kept.map.contains_key(&name) {
            return Err(FieldProblem::Syntax);
        }
        let kept = self.edit(process)?;
        kept.grow(bounds, 1, cost(&name, &value))?;
        let added = kept.map.try_append(name, value);
        added.map(drop).map_err(|_| FieldProblem::Size)
    }

    pub(crate) fn set(
        &mut self,
        process: &Arc<Process>,
        bounds: &HttpBounds,
        name: &str,
        values: &[Vec<u8>],
    ) -> Result<(), FieldProblem> {
        let name = check_name(name)?;
        if name == header::CONTENT_LENGTH && values.len() > 1 {
            return Err(FieldProblem::Syntax);
        }
        let values: Result<Vec<_>, _> = values
            .iter()
            .map(|value| check_value(&name, value))
            .collect();
        let values = values?;
        self.check_mutable()?;
        let kept = self.edit(process)?;
        let bytes = values.iter().map(|value| cost(&name, value)).sum();
        // Before anything is taken out: what fails leaves everything as it was.
        kept.grow(bounds, values.len(), bytes)?;
        kept.remove(&name);
        for value in values {
            kept.map
                .try_append(name.clone(), value)
                .map_err(|_| FieldProblem::Size)?;
        }
        Ok(())
    }

    /// Takes all values of a name out.
    pub(crate) fn delete(
        &mut self,
        process: &Arc<Process>,
        name: &str,
    ) -> Result<Vec<Vec<u8>>, FieldProblem> {
        let name = check_name(name)?;
        self.check_mutable()?;
        if !self.kept.map.contains_key(&name) {
            return Ok(Vec::new());
        }
        let values = self.get(name.as_str());
        self.edit(process)?.remove(&name);
        Ok(values)
    }

    fn check_mutable(&self) -> Result<(), FieldProblem> {
        if self.mutable {
            Ok(())
        } else {
            Err(FieldProblem::Immutable)
        }
    }

    /// What is kept, for these fields alone.
    fn edit(&mut self, process: &Arc<Process>) -> Result<&mut Kept, FieldProblem> {
        if Arc::get_mut(&mut self.kept).is_none_or(|kept| kept.charge.is_none()) {
            let map = self.kept.map.clone();
            let bytes = map.iter().map(|(name, value)| cost(name, value)).sum();
            let mut charge = Charge {
                process: process.clone(),
                bytes: 0,
            };
            charge.resize(bytes)?;
            self.kept = Arc::new(Kept {
                map,
                bytes,
                charge: Some(charge),
            });
        }
        Ok(Arc::get_mut(&mut self.kept).expect("invariant: nobody else has it"))
    }
}

impl Kept {
    fn grow(
        &mut self,
        bounds: &HttpBounds,
        values: usize,
        bytes: usize,
    ) -> Result<(), FieldProblem> {
        let total = self.bytes.saturating_add(bytes);
        if self.map.len().saturating_add(values) > bounds.fields || total > bounds.field_bytes {
            return Err(FieldProblem::Size);
        }
        if let Some(charge) = &mut self.charge {
            charge.resize(total)?;
        }
        self.bytes = total;
        Ok(())
    }

    fn remove(&mut self, name: &HeaderName) {
        let values = self.map.get_all(name).into_iter();
        let freed: usize = values.map(|value| cost(name, value)).sum();
        self.map.remove(name);
        self.bytes = self.bytes.saturating_sub(freed);
        if let Some(charge) = &mut self.charge {
            // Becoming smaller cannot fail.
            let _ = charge.resize(self.bytes);
        }
    }
}

fn check_name(name: &str) -> Result<HeaderName, FieldProblem> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| FieldProblem::Syntax)?;
    if is_forbidden(&name) {
        return Err(FieldProblem::Forbidden);
    }
    Ok(name)
}

fn check_value(name: &HeaderName, value: &[u8]) -> Result<HeaderValue, FieldProblem> {
    // Refuses CR, LF and NUL: a value never becomes a second header, nor a second response.
    let value = HeaderValue::from_bytes(value).map_err(|_| FieldProblem::Syntax)?;
    if *name == header::CONTENT_LENGTH && super::target::parse_length(&value).is_none() {
        return Err(FieldProblem::Syntax);
    }
    Ok(value)
}

#[cfg(test)]
mod tests;
