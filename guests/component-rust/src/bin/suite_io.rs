//! Every function of `wasi:io` on files of an empty directory, which the first argument names.

use holm_component_guests::check::Checks;
use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{Descriptor, DescriptorFlags, ErrorCode, OpenFlags, PathFlags};
use wasip2::io::poll::poll;
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

fn main() {
    let mut checks = Checks::new();
    let wanted = std::env::args().nth(1).unwrap_or_else(|| "/d".to_owned());
    let root = get_directories()
        .into_iter()
        .find_map(|(directory, path)| (path == wanted).then_some(directory));
    match root {
        Some(root) => {
            reading(&mut checks, &root);
            writing(&mut checks, &root);
            splicing(&mut checks, &root);
            polling(&mut checks, &root);
            errors(&mut checks, &root);
            for name in ["from", "to"] {
                checks.ok(&format!("remove {name}"), root.unlink_file_at(name));
            }
        }
        None => checks.fail(&format!("no directory is preopened as {wanted}")),
    }
    checks.finish("suite_io");
}

fn open(root: &Descriptor, name: &str, content: &[u8]) -> Result<Descriptor, ErrorCode> {
    let flags = DescriptorFlags::READ | DescriptorFlags::WRITE;
    let create = OpenFlags::CREATE | OpenFlags::TRUNCATE;
    let file = root.open_at(PathFlags::empty(), name, create, flags)?;
    file.write(content, 0)?;
    Ok(file)
}

fn input(checks: &mut Checks, root: &Descriptor, content: &[u8]) -> Option<InputStream> {
    let file = checks.ok("make a file", open(root, "from", content))?;
    checks.ok("read it via a stream", file.read_via_stream(0))
}

fn output(checks: &mut Checks, root: &Descriptor) -> Option<(Descriptor, OutputStream)> {
    let file = checks.ok("make a file", open(root, "to", b""))?;
    let stream = checks.ok("write it via a stream", file.write_via_stream(0))?;
    Some((file, stream))
}

fn content(file: &Descriptor) -> Vec<u8> {
    file.read(1 << 20, 0).map(|read| read.0).unwrap_or_default()
}

fn is_closed<T>(result: &Result<T, StreamError>) -> bool {
    matches!(result, Err(StreamError::Closed))
}

fn reading(checks: &mut Checks, root: &Descriptor) {
    let Some(stream) = input(checks, root, b"0123456789") else {
        return;
    };
    checks.eq("read nothing", stream.read(0).ok(), Some(Vec::new()));
    checks.eq(
        "blocking-read",
        stream.blocking_read(2).ok(),
        Some(b"01".to_vec()),
    );
    stream.subscribe().block();
    checks.that("a stream of a file is ready", stream.subscribe().ready());
    // A read that does not block may have nothing yet.
    let mut read = Vec::new();
    for _ in 0..1000 {
        match stream.read(2) {
            Ok(piece) if piece.is_empty() => stream.subscribe().block(),
            Ok(piece) => {
                read = piece;
                break;
            }
            Err(error) => {
                checks.fail(&format!("read: {error:?}"));
                break;
            }
        }
    }
    checks.that("read", !read.is_empty() && b"23".starts_with(&read));
    let mut position = 2 + read.len() as u64;
    match stream.skip(1) {
        Ok(skipped) => {
            checks.that("skip at most what was asked for", skipped <= 1);
            position += skipped;
        }
        Err(error) => checks.fail(&format!("skip: {error:?}")),
    }
    while position < 6 {
        match stream.blocking_skip(6 - position) {
            Ok(skipped) => {
                checks.that("blocking-skip", (1..=6 - position).contains(&skipped));
                position += skipped;
            }
            Err(error) => {
                checks.fail(&format!("blocking-skip: {error:?}"));
                break;
            }
        }
    }
    checks.eq(
        "what follows",
        stream.blocking_read(u64::MAX).ok(),
        Some(b"6789".to_vec()),
    );
    checks.that("the end", is_closed(&stream.blocking_read(1)));
    checks.that("and it stays", is_closed(&stream.blocking_skip(1)));
    checks.that("an ended stream is ready", {
        let pollable = stream.subscribe();
        pollable.block();
        pollable.ready()
    });
    println!("reading: done");
}

fn writing(checks: &mut Checks, root: &Descriptor) {
    let Some((file, stream)) = output(checks, root) else {
        return;
    };
    stream.subscribe().block();
    let permit = stream.check_write().unwrap_or(0);
    checks.that("check-write permits something once it is ready", permit > 0);
    checks.ok("write", stream.write(b"ab").map_err(drop));
    checks.ok("flush", stream.flush().map_err(drop));
    checks.ok("blocking-flush", stream.blocking_flush().map_err(drop));
    checks.eq("what was written", content(&file), b"ab".to_vec());
    checks.ok(
        "blocking-write-and-flush",
        stream.blocking_write_and_flush(b"cd").map_err(drop),
    );
    checks.ok(
        "4096 bytes at once",
        stream.blocking_write_and_flush(&[b'x'; 4096]).map_err(drop),
    );
    checks.eq("all of them", content(&file).len(), 4100);
    stream.subscribe().block();
    checks.that(
        "check-write",
        stream.check_write().is_ok_and(|permit| permit >= 3),
    );
    checks.ok("write-zeroes", stream.write_zeroes(3).map_err(drop));
    checks.ok(
        "blocking-write-zeroes-and-flush",
        stream.blocking_write_zeroes_and_flush(2).map_err(drop),
    );
    checks.eq(
        "zeros",
        content(&file).get(4100..).map(<[u8]>::to_vec),
        Some(vec![0; 5]),
    );
    checks.ok(
        "write nothing",
        stream.blocking_write_and_flush(b"").map_err(drop),
    );
    checks.eq("nothing came", content(&file).len(), 4105);
    println!("writing: done");
}

fn splicing(checks: &mut Checks, root: &Descriptor) {
    let bytes: Vec<u8> = (0..10_000_u32).map(|at| at.to_le_bytes()[0]).collect();
    let (Some(from), Some((file, to))) = (input(checks, root, &bytes), output(checks, root)) else {
        return;
    };
    let mut moved = 0;
    to.subscribe().block();
    from.subscribe().block();
    match to.splice(&from, 100) {
        Ok(count) => {
            checks.that("splice at most what was asked for", count <= 100);
            moved += count;
        }
        Err(error) => checks.fail(&format!("splice: {error:?}")),
    }
    for _ in 0..10_000 {
        match to.blocking_splice(&from, 4096) {
            Ok(count) => {
                checks.that("blocking-splice at most what was asked for", count <= 4096);
                moved += count;
            }
            Err(StreamError::Closed) => break,
            Err(error) => {
                checks.fail(&format!("blocking-splice: {error:?}"));
                break;
            }
        }
    }
    checks.eq("all was moved", moved, 10_000);
    checks.ok("flush", to.blocking_flush().map_err(drop));
    checks.that("as it was", content(&file) == bytes);
    println!("splicing: done");
}

fn polling(checks: &mut Checks, root: &Descriptor) {
    let Some(stream) = input(checks, root, b"x") else {
        return;
    };
    let never = subscribe_duration(u64::MAX);
    let ready = stream.subscribe();
    ready.block();
    checks.eq("what is ready", poll(&[&never, &ready]), vec![1]);
    checks.that("what is not", !never.ready());
    let pollables: Vec<_> = (0..100).map(|_| stream.subscribe()).collect();
    let list: Vec<_> = pollables.iter().collect();
    checks.eq("a hundred at once", poll(&list).len(), 100);
    println!("polling: done");
}

fn errors(checks: &mut Checks, root: &Descriptor) {
    // The file is open to read alone: either its stream is refused, or the stream tells why nothing can be written.
    let file = root.open_at(
        PathFlags::empty(),
        "from",
        OpenFlags::empty(),
        DescriptorFlags::READ,
    );
    let Some(file) = checks.ok("open to read", file) else {
        return;
    };
    match file.write_via_stream(0) {
        Err(code) => checks.eq("refused at once", code, ErrorCode::BadDescriptor),
        Ok(stream) => {
            match stream.blocking_write_and_flush(b"x") {
                Err(StreamError::LastOperationFailed(error)) => {
                    checks.that("an error has words", !error.to_debug_string().is_empty());
                }
                other => checks.fail(&format!("write through a reader: {other:?}")),
            }
            checks.that("closed from then on", is_closed(&stream.check_write()));
        }
    }
    println!("errors: done");
}
