//! Randomness: different each time, every byte value, any length; `show` prints what came, for seeded runs.

use holm_guests::check::Checks;
use holm_guests::preview1 as wasi;

fn main() {
    let mut checks = Checks::new();
    let mut first = [0_u8; 32];
    let mut second = [0_u8; 32];
    checks.ok("32 bytes", wasi::random_get(&mut first));
    checks.ok("32 bytes more", wasi::random_get(&mut second));
    if std::env::args().nth(1).as_deref() == Some("show") {
        println!("{first:02x?}\n{second:02x?}");
    }
    checks.that("two draws differ", first != second);
    checks.that("a draw is not all zero", first != [0; 32]);
    checks.ok("no bytes at all", wasi::random_get(&mut []));

    let mut many = vec![0_u8; 1 << 20];
    checks.ok("1 MiB", wasi::random_get(&mut many));
    let mut counts = [0_u32; 256];
    for byte in &many {
        counts[usize::from(*byte)] += 1;
    }
    // 4096 expected of each; eight standard deviations (64 each) on either side.
    checks.that(
        "every byte value comes about as often",
        counts.iter().all(|count| (3584..=4608).contains(count)),
    );
    checks.finish("random");
}
