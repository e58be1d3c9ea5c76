//! Measures system calls and computing; the same source runs natively, for figures side by side.
//!
//! `bench DIR [--rounds N] [--only NAME]` prints one JSON object: nanoseconds for an operation (`_ns`), or MB/s
//! (`_mbps`), each the median of the rounds.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::hint::black_box;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::exit;
use std::time::{Instant, SystemTime};

const BLOCK: usize = 1 << 20;
const SEQUENTIAL_BLOCKS: usize = 64;

struct Options {
    directory: PathBuf,
    rounds: usize,
    only: Option<String>,
}

type Measure = fn(&Path) -> io::Result<f64>;

const MEASURES: [(&str, Measure); 15] = [
    ("write_8_ns", write_small),
    ("read_8_ns", read_small),
    ("pread_like_ns", seek_and_read),
    ("stat_ns", stat),
    ("open_close_ns", open_close),
    ("create_remove_ns", create_remove),
    ("read_dir_entry_ns", list),
    ("write_1m_mbps", write_sequential),
    ("read_1m_mbps", read_sequential),
    ("clock_ns", clock),
    ("dev_null_ns", dev_null),
    ("random_8_ns", random),
    ("args_ns", arguments),
    ("hash_ns_per_kib", hash),
    ("matrix_sort_ns", matrix_and_sort),
];

fn main() {
    let options = options();
    if let Err(error) = fs::create_dir_all(&options.directory) {
        eprintln!("bench: {}: {error}", options.directory.display());
        exit(1);
    }
    let mut json = String::from("{");
    for (name, measure) in MEASURES {
        if options
            .only
            .as_deref()
            .is_some_and(|only| !name.contains(only))
        {
            continue;
        }
        let mut samples = Vec::new();
        for _ in 0..options.rounds {
            match measure(&options.directory) {
                Ok(sample) => samples.push(sample),
                Err(error) => {
                    eprintln!("bench: {name}: {error}");
                    break;
                }
            }
        }
        samples.sort_by(f64::total_cmp);
        let comma = if json.len() > 1 { "," } else { "" };
        match samples.get(samples.len() / 2) {
            Some(median) => write!(json, "{comma}\n  \"{name}\": {median:.2}"),
            None => write!(json, "{comma}\n  \"{name}\": null"),
        }
        .expect("writing to a String cannot fail");
    }
    println!("{json}\n}}");
}

fn options() -> Options {
    let mut found = Options {
        directory: PathBuf::from("."),
        rounds: 7,
        only: None,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--rounds" => {
                found.rounds = arguments
                    .next()
                    .and_then(|text| text.parse().ok())
                    .unwrap_or(7)
                    .max(1)
            }
            "--only" => found.only = arguments.next(),
            _ => found.directory = PathBuf::from(argument),
        }
    }
    found
}

/// Runs `operation` `count` times; nanoseconds for one.
fn each(count: u32, mut operation: impl FnMut() -> io::Result<()>) -> io::Result<f64> {
    let start = Instant::now();
    for _ in 0..count {
        operation()?;
    }
    Ok(start.elapsed().as_secs_f64() * 1e9 / f64::from(count))
}

fn write_small(directory: &Path) -> io::Result<f64> {
    let mut file = File::create(directory.join("small.bin"))?;
    each(50_000, || file.write_all(b"8 bytes."))
}

fn read_small(directory: &Path) -> io::Result<f64> {
    let path = directory.join("small-read.bin");
    fs::write(&path, vec![1; 8 * 50_000])?;
    let mut file = File::open(&path)?;
    let mut bytes = [0; 8];
    each(50_000, || file.read_exact(&mut bytes))
}

fn seek_and_read(directory: &Path) -> io::Result<f64> {
    let path = directory.join("seek.bin");
    fs::write(&path, vec![1; 1 << 16])?;
    let mut file = File::open(&path)?;
    let mut bytes = [0; 8];
    let mut at = 0;
    each(20_000, || {
        at = (at + 4099) & 0xfff0;
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut bytes)
    })
}

fn stat(directory: &Path) -> io::Result<f64> {
    let path = directory.join("stat.bin");
    fs::write(&path, "x")?;
    each(20_000, || {
        fs::metadata(&path).map(|meta| {
            black_box(meta.len());
        })
    })
}

fn open_close(directory: &Path) -> io::Result<f64> {
    let path = directory.join("open.bin");
    fs::write(&path, "x")?;
    each(20_000, || {
        File::open(&path).map(|file| drop(black_box(file)))
    })
}

fn create_remove(directory: &Path) -> io::Result<f64> {
    let path = directory.join("create.bin");
    each(5_000, || {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)?;
        fs::remove_file(&path)
    })
}

/// Nanoseconds for one entry of a directory of 1,000.
fn list(directory: &Path) -> io::Result<f64> {
    let many = directory.join("many");
    if fs::metadata(&many).is_err() {
        fs::create_dir(&many)?;
        for index in 0..1000 {
            fs::write(many.join(format!("entry-{index:04}")), "")?;
        }
    }
    let one = each(20, || {
        let mut count = 0;
        for entry in fs::read_dir(&many)? {
            black_box(entry?.file_name());
            count += 1;
        }
        if count == 1000 {
            Ok(())
        } else {
            Err(io::Error::other(format!("{count} entries of 1000")))
        }
    })?;
    Ok(one / 1000.0)
}

fn write_sequential(directory: &Path) -> io::Result<f64> {
    let block = vec![7_u8; BLOCK];
    let mut file = File::create(directory.join("sequential.bin"))?;
    // The pages are there from the first pass on: what is measured is the copy, not the file system's allocation.
    for _ in 0..SEQUENTIAL_BLOCKS {
        file.write_all(&block)?;
    }
    file.seek(SeekFrom::Start(0))?;
    rate(|| file.write_all(&block))
}

fn read_sequential(directory: &Path) -> io::Result<f64> {
    let path = directory.join("sequential.bin");
    let mut block = vec![7_u8; BLOCK];
    if fs::metadata(&path).map(|meta| meta.len()).ok() != Some((BLOCK * SEQUENTIAL_BLOCKS) as u64) {
        fs::write(&path, vec![7_u8; BLOCK * SEQUENTIAL_BLOCKS])?;
    }
    let mut file = File::open(&path)?;
    rate(|| file.read_exact(&mut block))
}

/// Runs `operation`, which moves one block, over the whole file; MB/s.
fn rate(mut operation: impl FnMut() -> io::Result<()>) -> io::Result<f64> {
    let start = Instant::now();
    for _ in 0..SEQUENTIAL_BLOCKS {
        operation()?;
    }
    Ok((BLOCK * SEQUENTIAL_BLOCKS) as f64 / 1e6 / start.elapsed().as_secs_f64())
}

fn clock(_: &Path) -> io::Result<f64> {
    each(200_000, || {
        black_box(SystemTime::now());
        Ok(())
    })
}

fn dev_null(_: &Path) -> io::Result<f64> {
    let mut null = OpenOptions::new().write(true).open("/dev/null")?;
    each(100_000, || null.write_all(b"8 bytes."))
}

#[cfg(all(target_os = "wasi", target_env = "p2"))]
fn random(_: &Path) -> io::Result<f64> {
    let mut bytes = [0; 8];
    each(100_000, || holm_guests::posix::random_get(&mut bytes))
}

#[cfg(all(target_os = "wasi", not(target_env = "p2")))]
fn random(_: &Path) -> io::Result<f64> {
    let mut bytes = [0; 8];
    each(100_000, || {
        holm_guests::preview1::random_get(&mut bytes)
            .map_err(|errno| io::Error::other(errno.to_string()))
    })
}

/// Std has no call for randomness: natively, a read of the kernel's own device stands for `getrandom`.
#[cfg(not(target_os = "wasi"))]
fn random(_: &Path) -> io::Result<f64> {
    let mut device = File::open("/dev/urandom")?;
    let mut bytes = [0; 8];
    each(100_000, || device.read_exact(&mut bytes))
}

/// Two system calls in a guest: the sizes, and the arguments.
fn arguments(_: &Path) -> io::Result<f64> {
    each(50_000, || {
        black_box(std::env::args_os().len());
        Ok(())
    })
}

/// FNV-1a with a finishing mix over 4 MiB: loads, multiplies and shifts. Nanoseconds for a KiB.
fn hash(_: &Path) -> io::Result<f64> {
    let bytes = black_box(vec![0x5a_u8; 4 << 20]);
    let start = Instant::now();
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    for chunk in bytes.chunks_exact(8) {
        for byte in chunk {
            state = (state ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        state ^= state >> 29;
    }
    black_box(state);
    Ok(start.elapsed().as_secs_f64() * 1e9 / 4096.0)
}

/// A 128 x 128 matrix product and a sort of 100,000 numbers. Nanoseconds for both.
fn matrix_and_sort(_: &Path) -> io::Result<f64> {
    const SIDE: usize = 128;
    let left: Vec<f64> = (0..SIDE * SIDE).map(|index| (index % 97) as f64).collect();
    let right: Vec<f64> = (0..SIDE * SIDE).map(|index| (index % 89) as f64).collect();
    let mut numbers = Vec::with_capacity(100_000);
    let mut state = 12345_u64;
    for _ in 0..100_000 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        numbers.push(state >> 33);
    }
    let start = Instant::now();
    let mut product = vec![0.0; SIDE * SIDE];
    for row in 0..SIDE {
        for inner in 0..SIDE {
            let factor = left[row * SIDE + inner];
            for column in 0..SIDE {
                product[row * SIDE + column] += factor * right[inner * SIDE + column];
            }
        }
    }
    numbers.sort_unstable();
    black_box((product, numbers));
    Ok(start.elapsed().as_secs_f64() * 1e9)
}
