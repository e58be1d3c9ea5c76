//! Sizes and durations: what is read, what is refused, and that writing is exact.

use core::time::Duration;

use proptest::prelude::{ProptestConfig, any, proptest};

use super::{UnitError, format_duration, format_size, parse_duration, parse_size};

#[test]
fn sizes_are_read() {
    let cases: [(&str, u64); 13] = [
        ("0", 0),
        ("4096", 4096),
        ("4096 B", 4096),
        ("64MiB", 64 << 20),
        ("64mib", 64 << 20),
        ("64 MiB", 64 << 20),
        ("500k", 500 << 10),
        ("2G", 2 << 30),
        ("1GB", 1_000_000_000),
        ("1.5GiB", 3 << 29),
        ("0.5KB", 500),
        ("16TiB", 16 << 40),
        ("18446744073709551615", u64::MAX),
    ];
    for (text, bytes) in cases {
        assert_eq!(parse_size(text), Ok(bytes), "{text}");
    }
}

#[test]
fn bad_sizes_say_what_is_wrong() {
    let cases = [
        ("", "nothing is written here"),
        ("MiB", "does not start with a number"),
        ("-1", "does not start with a number"),
        (".5MiB", "does not start with a number"),
        ("1.MiB", "does not start with a number"),
        ("1.2.3K", "does not start with a number"),
        ("64MiBs", "`MiBs` is not a unit"),
        ("0.0001KB", "not a whole number of bytes"),
        ("18446744073709551616", "is too large"),
        ("99999999999999999999999999999999999999999", "is too large"),
        ("17000000TiB", "is too large"),
        ("1.0000000000000000000000000000000000000001", "is too large"),
    ];
    for (text, message) in cases {
        let error = parse_size(text).expect_err(text).to_string();
        assert!(error.contains(message), "{text}: {error}");
    }
}

#[test]
fn durations_are_read() {
    let cases = [
        ("0", Duration::ZERO),
        ("5s", Duration::from_secs(5)),
        ("250ms", Duration::from_millis(250)),
        ("1m30s", Duration::from_secs(90)),
        ("1m 30s", Duration::from_secs(90)),
        ("1.5s", Duration::from_millis(1500)),
        ("2h", Duration::from_secs(7200)),
        ("1d", Duration::from_secs(86_400)),
        ("10us", Duration::from_micros(10)),
        ("10µs", Duration::from_micros(10)),
        ("7ns", Duration::from_nanos(7)),
    ];
    for (text, duration) in cases {
        assert_eq!(parse_duration(text), Ok(duration), "{text}");
    }
}

#[test]
fn bad_durations_say_what_is_wrong() {
    assert_eq!(
        parse_duration("30"),
        Err(UnitError::MissingUnit { text: "30".into() })
    );
    let cases = [
        ("", "nothing is written here"),
        ("s", "does not start with a number"),
        ("5sec", "`sec` is not a unit"),
        ("30s1m", "units out of order"),
        ("1s1s", "units out of order"),
        ("1m30", "write 30s for seconds"),
        ("0.5ns", "not a whole number of nanoseconds"),
        ("213504d", "is too large"),
        ("213503d200h", "is too large"),
    ];
    for (text, message) in cases {
        let error = parse_duration(text).expect_err(text).to_string();
        assert!(error.contains(message), "{text}: {error}");
    }
}

#[test]
fn formatting_chooses_the_unit_a_person_would() {
    assert_eq!(format_size(64 << 20), "64MiB");
    assert_eq!(format_size(1536 << 20), "1536MiB");
    assert_eq!(format_size(500_000), "500KB");
    assert_eq!(format_size(0), "0");
    assert_eq!(format_size(4095), "4095");
    assert_eq!(format_duration(Duration::from_secs(90)), "1m30s");
    assert_eq!(format_duration(Duration::ZERO), "0s");
    assert_eq!(format_duration(Duration::from_micros(1500)), "1ms500us");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_size_reads_back(bytes in any::<u64>(), shift in 0u32..64) {
        let bytes = bytes >> shift;
        assert_eq!(parse_size(&format_size(bytes)), Ok(bytes));
        let rounded = bytes & !0xfffff;
        assert_eq!(parse_size(&format_size(rounded)), Ok(rounded));
    }

    #[test]
    fn every_duration_reads_back(nanoseconds in any::<u64>(), shift in 0u32..64) {
        let duration = Duration::from_nanos(nanoseconds >> shift);
        assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,24}") {
        drop(parse_size(&text));
        drop(parse_duration(&text));
    }
}
