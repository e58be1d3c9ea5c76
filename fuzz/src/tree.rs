//! Trees of files to begin with, and the names and paths that lead about in them.

use std::io::IoSlice;
use std::sync::Arc;

use holm_kernel::vfs::{Directory, Lookup, OpenOptions, Opened};

use crate::Input;

/// Names that trees are made of and paths go through: few, so that they meet.
const NAMES: [&str; 6] = ["a", "b", "c", "d", "jail", "canary"];

/// A name of a tree.
pub fn name(input: &mut Input<'_>) -> &'static str {
    input.pick(&NAMES)
}

/// A path of names, dots and slashes, in one case of sixteen of any text.
pub fn path(input: &mut Input<'_>) -> String {
    let shape = input.byte();
    if shape >= 240 {
        let length = usize::from(input.byte());
        return String::from_utf8_lossy(input.bytes(length)).into_owned();
    }
    let mut path = String::new();
    if shape % 16 == 15 {
        path.push('/');
    }
    for at in 0..=shape / 16 % 8 {
        if at > 0 {
            path.push('/');
        }
        match input.byte() % 24 {
            0..=2 => path.push_str(".."),
            6 => path.push('.'),
            7 => path.push('/'),
            8 => path.push_str(&"n".repeat(255)),
            9 => path.push_str(&"n".repeat(256)),
            10 => path.push_str(input.pick(&["dev", "proc", "self", "fd", "0", "1", "mounts"])),
            11 => path.push_str(input.pick(&["é", "a\0b", "...", " ", "a b", "null", "status"])),
            other => path.push_str(NAMES[usize::from(other) % NAMES.len()]),
        }
    }
    if shape / 128 == 1 {
        path.push('/');
    }
    path
}

/// The directory `name` in a directory.
///
/// # Panics
///
/// When there is none.
pub fn child(directory: &dyn Directory, name: &str) -> Arc<dyn Directory> {
    match directory.lookup(name) {
        Ok(Lookup::Directory(child)) => child,
        other => panic!("{name} should be a directory, not {other:?}"),
    }
}

/// The directory `name` in a directory, made when nothing is there.
pub fn make(directory: &dyn Directory, name: &str) -> Arc<dyn Directory> {
    directory
        .create_directory_at(name)
        .expect("the name is free");
    child(directory, name)
}

/// Writes a file, unless something else is there.
pub fn write(directory: &dyn Directory, name: &str, content: &[u8]) {
    let options = OpenOptions {
        write: true,
        create: true,
        ..OpenOptions::default()
    };
    if let Ok(Opened::File(file)) = directory.open_at(name, options) {
        let written = file.write_at(0, &[IoSlice::new(content)]);
        assert_eq!(written, Ok(content.len()), "a tree to begin with is small");
    }
}

/// Adds directories, files and symbolic links as the input says.
pub fn grow(root: &Arc<dyn Directory>, input: &mut Input<'_>) {
    let mut directories = vec![root.clone()];
    for _ in 0..input.below(24) {
        let at = input.below(directories.len());
        let directory = directories[at].clone();
        let name = name(input);
        match input.below(4) {
            0 | 1 if directory.create_directory_at(name).is_ok() => {
                directories.push(child(&*directory, name));
            }
            2 => write(&*directory, name, b"inside"),
            3 => {
                let target = path(input);
                if !target.is_empty() && !target.contains('\0') {
                    // Where the name is taken the tree is as good without the link.
                    let _ = directory.symlink_at(name, &target);
                }
            }
            _ => {}
        }
    }
}
