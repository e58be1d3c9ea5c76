//! Where a request goes: methods, schemes, authorities and paths, checked once they are parsed.

use ::http::header::{self, HeaderMap, HeaderValue};
use ::http::uri::{Authority, PathAndQuery, Scheme};
use ::http::{Method, Request, StatusCode, Uri};

use super::{Body, ErrorCode};

/// Longest path with query, in bytes.
const PATH_BYTES_MAX: usize = 16 << 10;
/// Longest authority, in bytes: a name of 253 and a port, with room for a zone.
const AUTHORITY_BYTES_MAX: usize = 320;

/// The authority that a request is for: that of its `Uri`, or its `Host`.
#[must_use]
pub fn authority_of(request: &::http::request::Parts) -> Option<&str> {
    match request.uri.authority() {
        Some(authority) => Some(authority.as_str()),
        None => request.headers.get(header::HOST)?.to_str().ok(),
    }
}

/// An authority: a host, and perhaps a port. Names and passwords in it are refused: what looks
/// like a host to one reader is a user to another.
#[must_use]
pub fn parse_authority(text: &str) -> Option<Authority> {
    if text.len() > AUTHORITY_BYTES_MAX || text.contains('@') {
        return None;
    }
    let authority: Authority = text.parse().ok()?;
    let host = authority.host();
    if host.is_empty() {
        return None;
    }
    // What follows the host must be nothing, or a port that is one.
    let port = text.get(host.len()..)?;
    match port.strip_prefix(':') {
        None if port.is_empty() => Some(authority),
        Some(digits)
            if digits.bytes().all(|byte| byte.is_ascii_digit())
                && digits.parse::<u16>().is_ok_and(|port| port != 0) =>
        {
            Some(authority)
        }
        _ => None,
    }
}

/// A path with its query. An absolute URI is refused: at the start of a request it would
/// address another host than the one that it is sent to.
pub(crate) fn parse_path(text: &str) -> Option<PathAndQuery> {
    if text.len() > PATH_BYTES_MAX || text.contains('#') {
        return None;
    }
    if !(text.is_empty() || text.starts_with('/') || text.starts_with('?')) {
        return None;
    }
    if text.starts_with('?') {
        return format!("/{text}").parse().ok();
    }
    if text.is_empty() {
        return Some(PathAndQuery::from_static("/"));
    }
    text.parse().ok()
}

/// Whether a guest may set this path: relative ones too, which it can read back and not send.
pub(crate) fn is_path(text: &str) -> bool {
    if text.starts_with('/') || text.len() > PATH_BYTES_MAX {
        return parse_path(text).is_some();
    }
    parse_path(&format!("/{text}")).is_some()
}

/// Whether a guest may set this authority: one with a user too, which it can read back and not
/// send.
pub(crate) fn is_authority(text: &str) -> bool {
    match text.rsplit_once('@') {
        None => parse_authority(text).is_some(),
        Some((user, host)) => {
            !user.is_empty()
                && text.len() <= AUTHORITY_BYTES_MAX
                && parse_authority(host).is_some()
                && text.parse::<Authority>().is_ok()
        }
    }
}

/// A scheme, as it is written: a guest reads back what it set.
pub(crate) fn parse_scheme(text: &str) -> Option<Scheme> {
    if text.len() > 64 {
        return None;
    }
    text.parse().ok()
}

/// A status that a response of a service can have.
pub(crate) fn status_code(code: u16) -> Option<StatusCode> {
    (100..=599)
        .contains(&code)
        .then(|| StatusCode::from_u16(code).ok())?
}

/// A length: digits and nothing else (RFC 9110, section 8.6).
pub(crate) fn parse_length(value: &HeaderValue) -> Option<u64> {
    let text = value.to_str().ok()?;
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

/// The length that headers declare.
pub(crate) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH).and_then(parse_length)
}

/// A request for the client. Its `Uri` is absolute, and nothing else says where it goes.
pub(crate) fn assemble(
    method: Method,
    scheme: Option<Scheme>,
    authority: Option<Authority>,
    path: Option<PathAndQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Request<Body>, ErrorCode> {
    // A tunnel would lead past every rule.
    if method == Method::CONNECT {
        return Err(ErrorCode::HttpRequestMethodInvalid);
    }
    // Case says nothing in a scheme (RFC 3986, section 3.1).
    let scheme = match scheme {
        None => Scheme::HTTPS,
        Some(it) if it.as_str().eq_ignore_ascii_case("https") => Scheme::HTTPS,
        Some(it) if it.as_str().eq_ignore_ascii_case("http") => Scheme::HTTP,
        Some(_) => return Err(ErrorCode::HttpProtocolError),
    };
    let authority = authority.ok_or(ErrorCode::HttpRequestUriInvalid)?;
    let uri = Uri::builder()
        .scheme(scheme)
        .authority(authority)
        .path_and_query(path.unwrap_or_else(|| PathAndQuery::from_static("/")))
        .build()
        .map_err(|_| ErrorCode::HttpRequestUriInvalid)?;
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_name_a_host_and_perhaps_a_port() {
        for good in [
            "a",
            "a:1",
            "a.example:65535",
            "127.0.0.1:80",
            "[::1]",
            "[::1]:443",
        ] {
            assert!(parse_authority(good).is_some(), "{good}");
        }
        for bad in [
            "",
            ":80",
            "a:",
            "a:0",
            "a:65536",
            "a:x",
            "a:+1",
            "user@a",
            "user:secret@a:80",
            "@a",
            "a/b",
            "a b",
            "a\r\nb",
            "a:80:90",
            "[::1]:",
            "[::1]x",
            "http://a",
        ] {
            assert!(parse_authority(bad).is_none(), "{bad}");
        }
        assert!(parse_authority(&"a".repeat(100_000)).is_none());
    }

    #[test]
    fn paths_are_no_absolute_uris() {
        for good in ["", "/", "/a?b=c", "?b", "//a/b"] {
            assert!(parse_path(good).is_some(), "{good}");
        }
        for bad in ["a", "*", "http://other/", "/a b", "/a\r\nX: y", "/a#b"] {
            assert!(parse_path(bad).is_none(), "{bad}");
        }
        assert!(parse_path(&format!("/{}", "a".repeat(70_000))).is_none());
    }

    #[test]
    fn what_may_be_set_is_more_than_what_may_be_sent() {
        for path in ["", "a/b", "../..", "?b", "/a"] {
            assert!(is_path(path), "{path}");
        }
        for path in ["a b", "/a\r\nX: y", "a#b"] {
            assert!(!is_path(path), "{path}");
        }
        for authority in ["a", "a:1", "user@a", "user:secret@a:80"] {
            assert!(is_authority(authority), "{authority}");
        }
        for authority in ["", "::", ":@", "@@", "@:", "a:what", "user@", "a b@c"] {
            assert!(!is_authority(authority), "{authority}");
        }
    }

    #[test]
    fn lengths_are_digits() {
        let length = |text: &'static str| parse_length(&HeaderValue::from_static(text));
        assert_eq!(length("12"), Some(12));
        for bad in [
            "",
            "+1",
            "-1",
            " 1",
            "1 ",
            "0x1",
            "1,1",
            "18446744073709551616",
        ] {
            assert_eq!(length(bad), None, "{bad}");
        }
    }

    #[test]
    fn schemes_are_kept_as_written_and_sent_in_lower_case() {
        for text in ["A", "http", "HTTPS", "a+b"] {
            assert_eq!(parse_scheme(text).expect(text).as_str(), text);
        }
        assert!(parse_scheme(&"a".repeat(65)).is_none());
        let send = |scheme| {
            assemble(
                Method::GET,
                parse_scheme(scheme),
                parse_authority("a"),
                None,
                HeaderMap::new(),
                super::super::body::empty(),
            )
        };
        assert_eq!(send("HTTP").expect("a request").uri(), "http://a/");
        assert!(send("ftp").is_err());
    }

    #[test]
    fn a_tunnel_and_a_request_to_nowhere_are_refused() {
        let make = |method, authority| {
            assemble(
                method,
                None,
                authority,
                None,
                HeaderMap::new(),
                super::super::body::empty(),
            )
        };
        let somewhere = parse_authority("example.com");
        assert!(make(Method::CONNECT, somewhere.clone()).is_err());
        assert!(make(Method::GET, None).is_err());
        let request = make(Method::GET, somewhere).expect("a request");
        assert_eq!(request.uri(), "https://example.com/");
    }
}
