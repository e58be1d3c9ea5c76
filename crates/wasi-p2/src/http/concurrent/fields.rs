//! `fields` of 0.3.

use wasmtime::component::Resource;

use super::types;
use crate::http::{FieldProblem, Fields};
use crate::{State, ViewId};

fn answer<T>(result: Result<T, FieldProblem>) -> Result<T, types::HeaderError> {
    result.map_err(|problem| match problem {
        FieldProblem::Syntax => types::HeaderError::InvalidSyntax,
        FieldProblem::Forbidden => types::HeaderError::Forbidden,
        FieldProblem::Immutable => types::HeaderError::Immutable,
        FieldProblem::Size => types::HeaderError::SizeExceeded,
    })
}

type Changed<T = ()> = wasmtime::Result<Result<T, types::HeaderError>>;

impl types::HostFields for &mut State {
    fn new(&mut self) -> wasmtime::Result<Resource<Fields>> {
        let fields = Fields::new(self.process(ViewId::PROGRAM));
        Ok(self.table.push(fields)?)
    }

    fn from_list(&mut self, entries: Vec<(String, Vec<u8>)>) -> Changed<Resource<Fields>> {
        let process = self.process(ViewId::PROGRAM).clone();
        let bounds = self.bounds().http;
        Ok(match answer(Fields::listed(&process, &bounds, &entries)) {
            Ok(fields) => Ok(self.table.push(fields)?),
            Err(error) => Err(error),
        })
    }

    fn get(&mut self, fields: Resource<Fields>, name: String) -> wasmtime::Result<Vec<Vec<u8>>> {
        Ok(self.table.get(&fields)?.get(&name))
    }

    fn has(&mut self, fields: Resource<Fields>, name: String) -> wasmtime::Result<bool> {
        Ok(self.table.get(&fields)?.has(&name))
    }

    fn set(&mut self, fields: Resource<Fields>, name: String, values: Vec<Vec<u8>>) -> Changed {
        let process = self.process(ViewId::PROGRAM).clone();
        let bounds = self.bounds().http;
        let fields = self.table.get_mut(&fields)?;
        Ok(answer(fields.set(&process, &bounds, &name, &values)))
    }

    fn delete(&mut self, fields: Resource<Fields>, name: String) -> Changed {
        let process = self.process(ViewId::PROGRAM).clone();
        let fields = self.table.get_mut(&fields)?;
        Ok(answer(fields.delete(&process, &name).map(drop)))
    }

    fn get_and_delete(&mut self, fields: Resource<Fields>, name: String) -> Changed<Vec<Vec<u8>>> {
        let process = self.process(ViewId::PROGRAM).clone();
        let fields = self.table.get_mut(&fields)?;
        Ok(answer(fields.delete(&process, &name)))
    }

    fn append(&mut self, fields: Resource<Fields>, name: String, value: Vec<u8>) -> Changed {
        let process = self.process(ViewId::PROGRAM).clone();
        let bounds = self.bounds().http;
        let fields = self.table.get_mut(&fields)?;
        Ok(answer(fields.append(&process, &bounds, &name, &value)))
    }

    fn copy_all(&mut self, fields: Resource<Fields>) -> wasmtime::Result<Vec<(String, Vec<u8>)>> {
        Ok(self.table.get(&fields)?.entries())
    }

    fn clone(&mut self, fields: Resource<Fields>) -> wasmtime::Result<Resource<Fields>> {
        let copy = self.table.get(&fields)?.thaw();
        Ok(self.table.push(copy)?)
    }

    fn drop(&mut self, fields: Resource<Fields>) -> wasmtime::Result<()> {
        self.table.delete(fields)?;
        Ok(())
    }
}
