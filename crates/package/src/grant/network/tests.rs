//! Tests of the grammar of rules for the network.

use proptest::prelude::*;

use super::parse_net_rule;
use crate::grant::Grant;

#[test]
fn rules_are_read_and_print_in_full() {
    for (text, full) in [
        ("all", "all"),
        ("loopback", "loopback"),
        ("example.com:443", "tcp:connect:example.com:443"),
        (
            "connect:*.Example.com:80,443",
            "tcp:connect:*.example.com:80,443",
        ),
        ("udp:9.9.9.9:53", "udp:connect:9.9.9.9:53"),
        ("tcp:connect:10.0.0.0/8:5432", "tcp:connect:10.0.0.0/8:5432"),
        ("[2001:db8::/32]:*", "tcp:connect:[2001:db8::/32]:*"),
        ("[::ffff:10.0.0.1]:80", "tcp:connect:10.0.0.1:80"),
        ("0x7f.1:80", "tcp:connect:127.0.0.1:80"),
        ("*:8000-8999", "tcp:connect:*:8000-8999"),
        ("listen:0.0.0.0:8080", "tcp:listen:0.0.0.0:8080"),
        ("udp:listen:[::1]:0", "udp:listen:[::1]:0"),
        ("resolve:*.example.com", "resolve:*.example.com"),
    ] {
        let rule = parse_net_rule(text).expect(text);
        assert_eq!(rule.to_string(), full);
        assert_eq!(parse_net_rule(full), Ok(rule.clone()));
        let grant = Grant::parse("net", full).expect(full);
        assert_eq!(grant, Grant::Network(rule));
    }
}

#[test]
fn what_is_wrong_has_a_place_and_often_a_suggestion() {
    for (text, at, suggestion) in [
        ("", 0, None),
        ("example.com", 11, Some("example.com:443")),
        ("https://example.com/x", 0, Some("example.com:443")),
        ("http://example.com:8080", 0, Some("example.com:8080")),
        ("example.com:0", 12, None),
        ("example.com:80,x", 15, None),
        ("tcp:connect:10.0.0.1/8:80", 12, None),
        ("a.*.com:80", 0, None),
        ("listen:localhost:80", 7, Some("tcp:listen:127.0.0.1:80")),
        ("listen:*:80", 7, None),
        ("resolve:127.0.0.1", 8, None),
        ("user@example.com:80", 0, None),
    ] {
        let error = parse_net_rule(text).expect_err(text);
        assert_eq!(
            (error.at, error.suggestion.as_deref()),
            (at, suggestion),
            "{text}"
        );
    }
}

proptest! {
    #[test]
    fn any_text_is_read_without_harm_and_a_rule_reads_back(
        text in "(tcp:|udp:)?(connect:|listen:|resolve:)?[a-z0-9.*:/\\[\\],-]{0,20}(:[0-9,*-]{0,6})?",
    ) {
        if let Ok(rule) = parse_net_rule(&text) {
            prop_assert_eq!(parse_net_rule(&rule.to_string()), Ok(rule));
        }
    }
}
