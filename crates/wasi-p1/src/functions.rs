//! The functions of `wasi_snapshot_preview1`, one Rust function each.
//!
//! Parameters have the names, the order and the Wasm types of the standard; pointers and
//! sizes are `i32`, read as unsigned.

mod descriptor;
mod file;
mod path;
mod poll;
mod process;
mod socket;

pub use descriptor::{
    fd_close, fd_fdstat_get, fd_fdstat_set_flags, fd_fdstat_set_rights, fd_pread, fd_pwrite,
    fd_read, fd_renumber, fd_seek, fd_tell, fd_write,
};
pub use file::{
    fd_advise, fd_allocate, fd_datasync, fd_filestat_get, fd_filestat_set_size,
    fd_filestat_set_times, fd_prestat_dir_name, fd_prestat_get, fd_readdir, fd_sync,
};
pub use path::{
    path_create_directory, path_filestat_get, path_filestat_set_times, path_link, path_open,
    path_readlink, path_remove_directory, path_rename, path_symlink, path_unlink_file,
};
pub use poll::poll_oneoff;
pub use process::{
    args_get, args_sizes_get, clock_res_get, clock_time_get, environ_get, environ_sizes_get,
    proc_exit, proc_raise, random_get, sched_yield,
};
pub use socket::{sock_accept, sock_recv, sock_send, sock_shutdown};
