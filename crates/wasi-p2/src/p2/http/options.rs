//! `request-options`: how long a request may take.

use std::time::Duration;

use wasmtime::component::Resource;

use super::{RequestOptions, State, types};

type Get = wasmtime::Result<Option<u64>>;
type Set = wasmtime::Result<Result<(), ()>>;

fn nanoseconds(time: Option<Duration>) -> Option<u64> {
    time.map(|time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}

impl types::HostRequestOptions for State {
    fn new(&mut self) -> wasmtime::Result<Resource<RequestOptions>> {
        Ok(self.table.push(RequestOptions::default())?)
    }

    fn connect_timeout(&mut self, options: Resource<RequestOptions>) -> Get {
        Ok(nanoseconds(self.table.get(&options)?.connect))
    }

    fn set_connect_timeout(&mut self, options: Resource<RequestOptions>, time: Option<u64>) -> Set {
        self.table.get_mut(&options)?.connect = time.map(Duration::from_nanos);
        Ok(Ok(()))
    }

    fn first_byte_timeout(&mut self, options: Resource<RequestOptions>) -> Get {
        Ok(nanoseconds(self.table.get(&options)?.first_byte))
    }

    fn set_first_byte_timeout(
        &mut self,
        options: Resource<RequestOptions>,
        time: Option<u64>,
    ) -> Set {
        self.table.get_mut(&options)?.first_byte = time.map(Duration::from_nanos);
        Ok(Ok(()))
    }

    fn between_bytes_timeout(&mut self, options: Resource<RequestOptions>) -> Get {
        Ok(nanoseconds(self.table.get(&options)?.between_bytes))
    }

    fn set_between_bytes_timeout(
        &mut self,
        options: Resource<RequestOptions>,
        time: Option<u64>,
    ) -> Set {
        self.table.get_mut(&options)?.between_bytes = time.map(Duration::from_nanos);
        Ok(Ok(()))
    }

    fn drop(&mut self, options: Resource<RequestOptions>) -> wasmtime::Result<()> {
        self.table.delete(options)?;
        Ok(())
    }
}
