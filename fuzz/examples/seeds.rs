//! Writes the seeds that are not text: archives, and calls as the targets read them.
//!
//! `cargo run --example seeds`, in this folder, after a change of what the targets read.
#![allow(clippy::print_stdout, reason = "a tool says what it did")]

use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use holm_wasi_p1::index_of;
use tar::{Builder, EntryType, Header};

fn header(kind: EntryType, size: usize) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(0o755);
    header.set_mtime(1_700_000_000);
    header.set_size(size as u64);
    header
}

/// Each kind of entry, a long name, a PAX header.
fn tar() -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    let append = |tar: &mut Builder<Vec<u8>>, kind, path: &str, content: &[u8]| {
        tar.append_data(&mut header(kind, content.len()), path, content)
            .expect("memory");
    };
    append(&mut tar, EntryType::Directory, "bin/", b"");
    append(&mut tar, EntryType::Regular, "bin/tool", b"content");
    append(
        &mut tar,
        EntryType::Regular,
        &format!("deep/{}/x", "n".repeat(120)),
        b"y",
    );
    for (kind, name) in [
        (EntryType::Symlink, "bin/soft"),
        (EntryType::Link, "bin/hard"),
    ] {
        tar.append_link(&mut header(kind, 0), name, "bin/tool")
            .expect("memory");
    }
    append(&mut tar, EntryType::Fifo, "pipe", b"");
    tar.append_pax_extensions([("path", &b"renamed"[..]), ("mtime", b"1.5")])
        .expect("memory");
    append(&mut tar, EntryType::Regular, "old", &[0; 600]);
    tar.into_inner().expect("memory")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

/// A zip of a directory, a stored, a deflated and a linked entry.
fn zip() -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&[b'x'; 300]).expect("memory takes all");
    let deflated = encoder.finish().expect("memory takes all");
    let long = vec![b'x'; 300];
    type Entry<'b> = (&'b str, &'b [u8], &'b [u8], u16, u32);
    let entries: [Entry<'_>; 4] = [
        ("data/", b"", b"", 0, 0o40_755),
        ("data/stored", b"content", b"content", 0, 0o100_644),
        ("data/deflated", &deflated, &long, 8, 0o100_755),
        ("link", b"data/stored", b"data/stored", 0, 0o120_777),
    ];
    let short = |length: usize| u16::try_from(length).expect("small").to_le_bytes();
    let long = |length: usize| u32::try_from(length).expect("small").to_le_bytes();
    let mut zip = Vec::new();
    let mut directory = Vec::new();
    for (name, packed, content, method, mode) in entries {
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let common = [
            &[0, 0][..],
            &method.to_le_bytes(),
            &0x5d64_645c_u32.to_le_bytes(),
            &crc.sum().to_le_bytes(),
            &long(packed.len()),
            &long(content.len()),
            &short(name.len()),
            &[0, 0],
        ]
        .concat();
        let start = long(zip.len());
        zip.extend([b"PK\x03\x04\x14\0", &common[..], name.as_bytes(), packed].concat());
        let mode = (mode << 16).to_le_bytes();
        let head = [
            b"PK\x01\x02\x14\x03\x14\0",
            &common[..],
            &[0; 6],
            &mode,
            &start,
        ];
        directory.extend(head.concat());
        directory.extend(name.as_bytes());
    }
    let start = long(zip.len());
    zip.extend(&directory);
    let count = short(entries.len());
    let end = [
        b"PK\x05\x06\0\0\0\0",
        &count[..],
        &count,
        &long(directory.len()),
        &start,
        &[0, 0],
    ];
    zip.extend(end.concat());
    zip
}

/// A call of the right shape, as `p1` reads it: the function, then what its arguments need.
fn call(name: &str, decisions: &[u8]) -> Vec<u8> {
    let index = index_of(name).expect("a function of preview 1");
    // The first number that stands for a call of this shape and is no smaller one.
    let number = u8::try_from(138 + index).expect("small");
    [&[number], decisions].concat()
}

/// One plain name of the table in `tree`.
fn name(at: u8) -> [u8; 2] {
    [0, 12 + at]
}

fn calls() -> Vec<(&'static str, Vec<u8>)> {
    let open = |fd: u8, at: u8, flags: u8| {
        let [shape, name] = name(at);
        call("path_open", &[fd, 1, shape, name, flags, 0, 0, 0])
    };
    let files = [
        vec![0],
        open(3, 2, 1),
        call("fd_write", &[10, 2, 5, 9]),
        call("fd_seek", &[10, 0, 0]),
        call("fd_read", &[10, 1, 40]),
        call("fd_filestat_get", &[10]),
        call("fd_filestat_set_size", &[10, 3]),
        call("fd_renumber", &[10, 12]),
        call("fd_close", &[12]),
        open(6, 5, 8),
        call("fd_write", &[10, 1, 5]),
    ];
    let directories = [
        vec![1],
        open(3, 0, 2),
        call("fd_readdir", &[10, 60, 0]),
        call("path_create_directory", &[3, 0, 14]),
        call("path_rename", &[3, 0, 14, 3, 0, 16]),
        call("path_link", &[4, 0, 0, 17, 4, 0, 14]),
        call("path_symlink", &[0, 12, 6, 0, 14]),
        call("path_readlink", &[6, 0, 14, 20]),
        call("path_unlink_file", &[6, 0, 14]),
        call("path_remove_directory", &[3, 0, 16]),
    ];
    let waiting = [
        vec![0, 72, 0, 0],
        b"typed by someone".to_vec(),
        call("fd_read", &[0, 1, 40]),
        call("poll_oneoff", &[2, 0, 1, 0, 5, 0, 1, 2, 0]),
        vec![72, 0, 2],
        call("sock_accept", &[9, 0]),
        call("sock_recv", &[10, 1, 9, 0]),
        call("sock_send", &[10, 1, 9, 0]),
        call("sock_shutdown", &[10, 3]),
        vec![72, 0, 3],
        call("proc_exit", &[3]),
    ];
    vec![
        ("files", files.concat()),
        ("directories", directories.concat()),
        ("waiting", waiting.concat()),
    ]
}

/// Trees with mounts and links, and calls on their paths, as `walk` reads them.
fn walks() -> Vec<(&'static str, Vec<u8>)> {
    // Directories a, a/b, a/b/c; a link `d` in the last, three up and down again.
    let tree = [
        5, 0, 0, 0, 1, 1, 0, 2, 2, 0, 3, 3, 3, 0x30, 0, 0, 0, 12, 0, 5, 2,
    ];
    let deep = [0x30, 12, 13, 14, 15];
    let calls = [
        &[0, 0][..],
        &deep,
        &[1],
        &[11, 0],
        &deep,
        &[0, 1],
        &[8, 0],
        &deep,
        &[0],
        &name(1),
        &[0, 0, 0x30, 12, 13, 0, 0, 1],
        &[241, 0, 0],
        &[2, 0],
        &name(4),
    ]
    .concat();
    let plain = [&[0][..], &tree, &calls].concat();
    let looked_up = [&[1][..], &tree, &calls].concat();
    let mounted = [&[0x40][..], &tree, &[2], &tree, &calls].concat();
    let overlaid = [&[4][..], &tree, &calls].concat();
    vec![
        ("plain", plain),
        ("looked_up", looked_up),
        ("mounted", mounted),
        ("overlaid", overlaid),
    ]
}

fn main() -> std::io::Result<()> {
    let tar = tar();
    let zstd =
        ruzstd::encoding::compress_to_vec(&tar[..], ruzstd::encoding::CompressionLevel::Fastest);
    let archives = vec![
        ("gz", gzip(&tar)),
        ("zst", zstd),
        ("zip", zip()),
        ("tar", tar),
    ];
    // What is no request of its own is calls as `p1` reads them.
    let compared = calls()
        .into_iter()
        .map(|(name, bytes)| (name, [&[u8::MAX], &bytes[..]].concat()));
    for (target, seeds) in [
        ("archive", archives),
        ("p1", calls()),
        ("walk", walks()),
        ("wire", compared.collect()),
    ] {
        let folder = Path::new("seeds").join(target);
        std::fs::create_dir_all(&folder)?;
        for (name, bytes) in seeds {
            std::fs::write(folder.join(name), &bytes)?;
            println!("{}/{name}: {} bytes", folder.display(), bytes.len());
        }
    }
    Ok(())
}
