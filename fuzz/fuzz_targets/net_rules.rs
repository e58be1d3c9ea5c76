//! Any rule for the network and any host is read or refused, and what is read says the same again.
#![no_main]

use std::net::IpAddr;

use holm_fuzz::drives_terminal;
use holm_kernel::net::{AddressClass, HostTarget, classify, parse_host, unwrap_disguise};
use holm_package::grant::parse_net_rule;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = core::str::from_utf8(bytes) {
        check_rule(text);
        check_host(text);
    }
    if let Some(bits) = bytes.first_chunk::<16>() {
        check_address(IpAddr::from(*bits));
    }
    if let Some(bits) = bytes.first_chunk::<4>() {
        check_address(IpAddr::from(*bits));
    }
});

fn check_rule(text: &str) {
    match parse_net_rule(text) {
        Ok(rule) => {
            let written = rule.to_string();
            match parse_net_rule(&written) {
                Ok(again) => assert_eq!(again, rule, "written as {written}"),
                Err(error) => panic!("{error}\nwritten as {written}"),
            }
            assert!(rule.covers(&rule), "{written} covers itself");
            assert!(!written.contains(drives_terminal), "{written:?}");
        }
        Err(error) => {
            assert!(text.get(..error.at).is_some(), "{error:?}");
            if let Some(meant) = &error.suggestion {
                assert!(parse_net_rule(meant).is_ok(), "{meant} is suggested");
            }
            let shown = error.to_string();
            assert!(!shown.contains(drives_terminal), "{shown:?}");
            assert!(shown.len() < 4096, "{} bytes of refusal", shown.len());
        }
    }
}

fn check_host(text: &str) {
    if let Ok(target) = parse_host(text) {
        let written = target.to_string();
        assert_eq!(parse_host(&written), Ok(target.clone()), "{text:?}");
        match target {
            HostTarget::Name(name) => {
                assert!(name.parse::<IpAddr>().is_err(), "{name} is an address");
                assert!(name.is_ascii() && name.len() <= 253);
            }
            HostTarget::Address(address) => check_address(address),
        }
    }
}

/// A disguise is taken off whole, and none makes a special address a public one.
fn check_address(address: IpAddr) {
    let meant = unwrap_disguise(address);
    assert_eq!(unwrap_disguise(meant), meant, "{address}");
    assert_eq!(classify(meant), classify(address), "{address}");
    if let (IpAddr::V4(four), true) = (meant, address.is_ipv6()) {
        let special = four.is_loopback() || four.is_private() || four.is_link_local();
        assert!(
            !special || classify(address) != AddressClass::Public,
            "{address}"
        );
    }
}
