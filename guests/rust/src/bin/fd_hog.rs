//! Opens descriptors until it is refused, closes them, and does it again: the second round must get as many.

use holm_guests::check::Checks;
use holm_guests::errno::Errno;
use holm_guests::work_directory;
use std::fs::File;

fn round(checks: &mut Checks, path: &std::path::Path) -> usize {
    let mut held = Vec::new();
    loop {
        match File::open(path) {
            Ok(file) => held.push(file),
            Err(error) => {
                let errno = Errno::of(&error);
                println!("refused: {errno}");
                checks.that("the refusal is MFILE or NFILE", [33, 41].contains(&errno.0));
                return held.len();
            }
        }
        if held.len() == 1 << 20 {
            checks.fail("over a million descriptors and no limit");
            return held.len();
        }
    }
}

fn main() {
    let mut checks = Checks::new();
    let path = work_directory().join("fd_hog.txt");
    checks.ok("a file to open", File::create(&path));
    let first = round(&mut checks, &path);
    let second = round(&mut checks, &path);
    checks.that("at least one was opened", first > 0);
    checks.eq("opened the second time", second, first);
    println!("opened {first}");
    checks.ok("remove", std::fs::remove_file(&path));
    checks.finish("fd_hog");
}
