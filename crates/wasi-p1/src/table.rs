//! The table of the 46 functions, with their Wasm signatures, from which host glue is made.

/// Name of the module that guests import the functions from.
pub const MODULE: &str = "wasi_snapshot_preview1";

/// Most arguments that one function has.
pub const ARGUMENTS_MAX: usize = 9;

/// Calls the macro `$apply` with every function: its name, its parameters with their Wasm
/// types, and whether it answers an `errno` (an `i32`) or never returns.
///
/// The Rust function of the same name in [`functions`](crate::functions) takes a task and a
/// memory before these parameters.
#[macro_export]
macro_rules! for_each_p1_function {
    ($apply:ident) => {
        $apply! {
            args_get(argv: i32, argv_buf: i32) -> errno;
            args_sizes_get(count: i32, size: i32) -> errno;
            environ_get(environ: i32, environ_buf: i32) -> errno;
            environ_sizes_get(count: i32, size: i32) -> errno;
            clock_res_get(id: i32, result: i32) -> errno;
            clock_time_get(id: i32, precision: i64, result: i32) -> errno;
            fd_advise(fd: i32, offset: i64, length: i64, advice: i32) -> errno;
            fd_allocate(fd: i32, offset: i64, length: i64) -> errno;
            fd_close(fd: i32) -> errno;
            fd_datasync(fd: i32) -> errno;
            fd_fdstat_get(fd: i32, result: i32) -> errno;
            fd_fdstat_set_flags(fd: i32, flags: i32) -> errno;
            fd_fdstat_set_rights(fd: i32, rights_base: i64, rights_inheriting: i64) -> errno;
            fd_filestat_get(fd: i32, result: i32) -> errno;
            fd_filestat_set_size(fd: i32, size: i64) -> errno;
            fd_filestat_set_times(fd: i32, accessed: i64, modified: i64, flags: i32) -> errno;
            fd_pread(fd: i32, iovs: i32, iovs_len: i32, offset: i64, nread: i32) -> errno;
            fd_prestat_get(fd: i32, result: i32) -> errno;
            fd_prestat_dir_name(fd: i32, path: i32, path_len: i32) -> errno;
            fd_pwrite(fd: i32, iovs: i32, iovs_len: i32, offset: i64, nwritten: i32) -> errno;
            fd_read(fd: i32, iovs: i32, iovs_len: i32, nread: i32) -> errno;
            fd_readdir(fd: i32, buf: i32, buf_len: i32, cookie: i64, bufused: i32) -> errno;
            fd_renumber(fd: i32, to: i32) -> errno;
            fd_seek(fd: i32, offset: i64, whence: i32, result: i32) -> errno;
            fd_sync(fd: i32) -> errno;
            fd_tell(fd: i32, result: i32) -> errno;
            fd_write(fd: i32, iovs: i32, iovs_len: i32, nwritten: i32) -> errno;
            path_create_directory(fd: i32, path: i32, path_len: i32) -> errno;
            path_filestat_get(fd: i32, flags: i32, path: i32, path_len: i32, result: i32) -> errno;
            path_filestat_set_times(fd: i32, flags: i32, path: i32, path_len: i32, accessed: i64, modified: i64, fst_flags: i32) -> errno;
            path_link(old_fd: i32, old_flags: i32, old_path: i32, old_path_len: i32, new_fd: i32, new_path: i32, new_path_len: i32) -> errno;
            path_open(fd: i32, dirflags: i32, path: i32, path_len: i32, oflags: i32, rights_base: i64, rights_inheriting: i64, fdflags: i32, result: i32) -> errno;
            path_readlink(fd: i32, path: i32, path_len: i32, buf: i32, buf_len: i32, bufused: i32) -> errno;
            path_remove_directory(fd: i32, path: i32, path_len: i32) -> errno;
            path_rename(fd: i32, old_path: i32, old_path_len: i32, new_fd: i32, new_path: i32, new_path_len: i32) -> errno;
            path_symlink(old_path: i32, old_path_len: i32, fd: i32, new_path: i32, new_path_len: i32) -> errno;
            path_unlink_file(fd: i32, path: i32, path_len: i32) -> errno;
            poll_oneoff(subscriptions: i32, events: i32, nsubscriptions: i32, nevents: i32) -> errno;
            proc_exit(code: i32) -> never;
            proc_raise(signal: i32) -> errno;
            sched_yield() -> errno;
            random_get(buf: i32, buf_len: i32) -> errno;
            sock_accept(fd: i32, flags: i32, result: i32) -> errno;
            sock_recv(fd: i32, ri_data: i32, ri_data_len: i32, ri_flags: i32, ro_datalen: i32, ro_flags: i32) -> errno;
            sock_send(fd: i32, si_data: i32, si_data_len: i32, si_flags: i32, so_datalen: i32) -> errno;
            sock_shutdown(fd: i32, how: i32) -> errno;
        }
    };
}

/// A Wasm value type of the signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueKind {
    /// `i32`.
    I32,
    /// `i64`.
    I64,
}

impl ValueKind {
    /// Its name in the text format.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            ValueKind::I32 => "i32",
            ValueKind::I64 => "i64",
        }
    }
}

/// What is known of a function at run time.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// Names and types of its parameters.
    pub parameters: &'static [(&'static str, ValueKind)],
    /// Whether it answers an `errno`; otherwise it never returns.
    pub returns: bool,
}

macro_rules! kind {
    (i32) => {
        ValueKind::I32
    };
    (i64) => {
        ValueKind::I64
    };
}

macro_rules! returns {
    (errno) => {
        true
    };
    (never) => {
        false
    };
}

macro_rules! define {
    ($($name:ident($($arg:ident: $type:tt),*) -> $result:ident;)*) => {
        /// Every function, in the table's order.
        pub const FUNCTIONS: &[Function] = &[$(Function {
            name: stringify!($name),
            parameters: &[$((stringify!($arg), kind!($type))),*],
            returns: returns!($result),
        }),*];
    };
}

crate::for_each_p1_function!(define);

/// Index in [`FUNCTIONS`] of the function with this name.
#[must_use]
pub fn index_of(name: &str) -> Option<usize> {
    FUNCTIONS.iter().position(|function| function.name == name)
}

#[cfg(test)]
mod tests {
    use super::{ARGUMENTS_MAX, FUNCTIONS, index_of};

    #[test]
    fn the_table_is_whole() {
        assert_eq!(FUNCTIONS.len(), 46);
        let longest = FUNCTIONS
            .iter()
            .map(|function| function.parameters.len())
            .max();
        assert_eq!(longest, Some(ARGUMENTS_MAX));
        let silent: Vec<_> = FUNCTIONS
            .iter()
            .filter(|function| !function.returns)
            .collect();
        assert_eq!(silent.len(), 1);
        assert_eq!(silent[0].name, "proc_exit");
        assert_eq!(index_of("sock_shutdown"), Some(45));
        assert_eq!(index_of("fd_dup"), None);
    }
}
