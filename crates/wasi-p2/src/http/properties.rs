//! Properties of what reads hostile text: where a request goes, and what its fields hold.

use std::sync::Arc;

use ::http::uri::Scheme;
use ::http::{HeaderMap, Method, Uri};
use holm_kernel::deterministic::{SeededEntropy, VirtualClock};
use holm_kernel::net::parse_host;
use holm_kernel::{Kernel, Options, Ports, Process, ProcessSpec};
use proptest::prelude::*;

use super::target::parse_length;
use super::{
    Fields, HttpBounds, assemble, body, is_authority, is_forbidden, is_path, parse_authority,
    parse_path, parse_scheme,
};

/// Pieces of which authorities and paths are made, and what has confused readers of them.
fn hostile() -> impl Strategy<Value = String> {
    let pieces = [
        "a",
        "example.com",
        "EXAMPLE",
        "127.0.0.1",
        "127.1",
        "0x7f",
        "017",
        "2130706433",
        "[",
        "]",
        "[::1]",
        "::1",
        "[::ffff:7f00:1]",
        "%25eth0",
        "%41",
        "%",
        ":",
        "80",
        "443",
        "0",
        "65536",
        "+1",
        "@",
        "user:secret@",
        ".",
        "..",
        "-",
        "_",
        "/",
        "//",
        "\\",
        "?",
        "#",
        "&",
        "=",
        ";",
        ",",
        "*",
        " ",
        "\t",
        "\r\n",
        "\n",
        "\0",
        "\u{7f}",
        "\u{fc}",
        "\u{ff0e}",
        "\u{200b}",
        "http://",
        "https:",
        "x-a: b",
    ];
    let piece = prop::sample::select(pieces.to_vec());
    prop_oneof![
        8 => prop::collection::vec(piece, 0..7).prop_map(|pieces| pieces.concat()),
        1 => any::<String>(),
    ]
}

/// What anybody takes for the host and the port of `HOST[:PORT]`, without looking closer.
fn plainly(text: &str) -> (&str, Option<&str>) {
    let after_brackets = text.find(']').map_or(0, |at| at + 1);
    match text[after_brackets..].find(':') {
        Some(at) => {
            let (host, port) = text.split_at(after_brackets + at);
            (host, Some(&port[1..]))
        }
        None => (text, None),
    }
}

fn process() -> Arc<Process> {
    let ports = Ports {
        clock: Arc::new(VirtualClock::new()),
        entropy: Arc::new(SeededEntropy::new(1)),
        network: None,
    };
    let (kernel, authority) = Kernel::boot(ports, Options::default()).expect("a kernel");
    let spec = ProcessSpec::default();
    kernel.spawn(&authority, spec).expect("a process")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    /// Whoever reads the text, here or behind a proxy, reads the same host and port.
    #[test]
    fn an_authority_is_read_in_one_way(text in hostile()) {
        let Some(authority) = parse_authority(&text) else {
            return Ok(());
        };
        prop_assert!(is_authority(&text), "what may be sent may be set");
        let (host, port) = plainly(&text);
        prop_assert_eq!(authority.host(), host);
        prop_assert_eq!(authority.port_u16().map(|port| port.to_string()),
            port.map(|port| port.trim_start_matches('0').to_owned()));
        prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{:?}", text);
        prop_assert!(!text.contains(['@', '/', '\\', '?', '#']), "{:?}", text);
        // The host that the kernel judges says the same again.
        if let Ok(target) = parse_host(host) {
            prop_assert_eq!(parse_host(&target.to_string()), Ok(target));
        }
    }

    /// A path never says where a request goes, and begins no second line.
    #[test]
    fn a_request_goes_where_its_authority_says(
        authority in hostile(),
        path in hostile(),
        scheme in hostile(),
    ) {
        let text = path;
        let path = parse_path(&text);
        if let Some(path) = &path {
            // Nothing is left out on the way.
            prop_assert_eq!(path.as_str().trim_start_matches('/'), text.trim_start_matches('/'));
            prop_assert!(path.as_str().starts_with('/'), "{:?}", path);
            let plain = |byte: u8| byte > b' ' && byte != 0x7f && byte != b'#';
            prop_assert!(path.as_str().bytes().all(plain), "{:?}", path);
            prop_assert!(is_path(path.as_str()), "what may be sent may be set");
        }
        let Some(authority) = parse_authority(&authority) else {
            return Ok(());
        };
        let scheme = parse_scheme(&scheme).or(Some(Scheme::HTTP));
        let made = assemble(
            Method::GET, scheme, Some(authority.clone()), path, HeaderMap::new(), body::empty(),
        );
        let Ok(request) = made else {
            return Ok(());
        };
        let uri = request.uri();
        prop_assert!(["http", "https"].contains(&uri.scheme_str().unwrap_or_default()));
        // As a proxy gets it, in one line.
        let written = uri.to_string();
        let again: Uri = written.parse().expect("it was written by us");
        prop_assert_eq!(again.authority(), Some(&authority));
        prop_assert_eq!(again.path_and_query(), uri.path_and_query());
        let rest = written.split_once("://").map(|(_, rest)| rest).unwrap_or_default();
        prop_assert_eq!(rest.split(['/', '?', '#']).next(), Some(authority.as_str()));
    }

    #[test]
    fn a_length_is_the_number_that_anybody_reads(text in "[-+0-9a-fx ,]{0,22}") {
        let Ok(value) = text.parse() else {
            return Ok(());
        };
        if let Some(length) = parse_length(&value) {
            let read = length.to_string();
            prop_assert_eq!(text.trim_start_matches('0'), read.trim_start_matches('0'));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// A field is one line of one name, and none that is the host's business.
    #[test]
    fn fields_are_lines_and_stay_within_their_bounds(
        names in prop::collection::vec(prop_oneof![
            hostile(), "[A-Za-z-]{1,12}",
            prop::sample::select(vec!["Host", "hOST", "Upgrade", "proxy-authorization"])
                .prop_map(str::to_owned),
        ], 1..12),
        value in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let process = process();
        let bounds = HttpBounds { fields: 4, field_bytes: 1024 };
        let mut fields = Fields::new(&process);
        let mut kept = Vec::new();
        for name in &names {
            if fields.append(&process, &bounds, name, &value).is_ok() {
                kept.push(name.to_ascii_lowercase());
            }
        }
        prop_assert!(kept.len() <= bounds.fields);
        let entries = fields.entries();
        prop_assert_eq!(entries.len(), kept.len());
        for (name, held) in entries {
            prop_assert!(kept.contains(&name), "{}", name);
            let token = |byte: u8| {
                byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
            };
            prop_assert!(!name.is_empty() && name.bytes().all(token), "{:?}", name);
            prop_assert!(!is_forbidden(&name.parse().expect("a name")), "{}", name);
            prop_assert_eq!(&held, &value);
            prop_assert!(!held.iter().any(|byte| b"\r\n\0".contains(byte)), "{:?}", held);
        }
    }
}
