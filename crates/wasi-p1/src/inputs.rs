//! What of a guest's memory each function reads: for hosts whose kernel cannot see it.
//!
//! In a browser the kernel and the guest run in different workers. The guest's side sends
//! along what the call will read, and the kernel's side lends that as a
//! [`GuestMemory`](crate::GuestMemory). A call never reads what is not listed here.

use holm_abi::{EVENTS_MAX, IOV_MAX, PATH_MAX};

use crate::layout::{IOVEC_SIZE, SUBSCRIPTION_SIZE};

/// A range, or ranges, that a function reads, by the names of the parameters that say where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// `count` records of `size` bytes each; more than `most` of them are refused before one
    /// is looked at.
    Records {
        /// Parameter with the address of the first.
        at: &'static str,
        /// Parameter with their number.
        count: &'static str,
        /// Bytes of each.
        size: usize,
        /// How many are looked at, at most.
        most: usize,
    },
    /// An array of `iovec`, at most [`IOV_MAX`] of them. The bytes they name are not read.
    Buffers {
        /// Parameter with the address of the array.
        at: &'static str,
        /// Parameter with the number of its entries.
        count: &'static str,
    },
    /// An array of `ciovec`, at most [`IOV_MAX`] of them, and the bytes they name.
    Data {
        /// Parameter with the address of the array.
        at: &'static str,
        /// Parameter with the number of its entries.
        count: &'static str,
    },
}

/// Bytes of an `iovec`.
pub const VECTOR_SIZE: usize = IOVEC_SIZE;
/// Most entries of an array of `iovec`.
pub const VECTORS_MAX: usize = IOV_MAX;

/// What the function with this name reads.
#[must_use]
pub fn inputs(function: &str) -> &'static [Input] {
    const fn text(at: &'static str, count: &'static str) -> Input {
        Input::Records {
            at,
            count,
            size: 1,
            most: PATH_MAX,
        }
    }
    const PATH: Input = text("path", "path_len");
    const OLD_PATH: Input = text("old_path", "old_path_len");
    const NEW_PATH: Input = text("new_path", "new_path_len");
    const BUFFERS: Input = Input::Buffers {
        at: "iovs",
        count: "iovs_len",
    };
    const DATA: Input = Input::Data {
        at: "iovs",
        count: "iovs_len",
    };
    match function {
        "fd_read" | "fd_pread" => &[BUFFERS],
        "fd_write" | "fd_pwrite" => &[DATA],
        "sock_recv" => &[Input::Buffers {
            at: "ri_data",
            count: "ri_data_len",
        }],
        "sock_send" => &[Input::Data {
            at: "si_data",
            count: "si_data_len",
        }],
        "path_link" | "path_rename" | "path_symlink" => &[OLD_PATH, NEW_PATH],
        "path_create_directory"
        | "path_filestat_get"
        | "path_filestat_set_times"
        | "path_open"
        | "path_readlink"
        | "path_remove_directory"
        | "path_unlink_file" => &[PATH],
        "poll_oneoff" => &[Input::Records {
            at: "subscriptions",
            count: "nsubscriptions",
            size: SUBSCRIPTION_SIZE,
            most: EVENTS_MAX,
        }],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::{Input, inputs};
    use crate::FUNCTIONS;

    /// Parameters that point at what goes in have these names in the standard; a function
    /// that gains one must gain its input.
    #[test]
    fn every_pointer_to_input_is_described() {
        for function in FUNCTIONS {
            let wanted = function.parameters.iter().filter(|(name, _)| {
                name.ends_with("path") && function.name != "fd_prestat_dir_name"
                    || ["iovs", "ri_data", "si_data", "subscriptions"].contains(name)
            });
            let described: Vec<_> = inputs(function.name)
                .iter()
                .map(|input| match input {
                    Input::Records { at, count, .. }
                    | Input::Buffers { at, count }
                    | Input::Data { at, count } => {
                        assert!(function.parameters.iter().any(|(name, _)| name == count));
                        *at
                    }
                })
                .collect();
            let wanted: Vec<_> = wanted.map(|(name, _)| *name).collect();
            assert_eq!(described, wanted, "{}", function.name);
        }
    }
}
