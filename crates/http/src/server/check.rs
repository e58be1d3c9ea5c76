//! What a request must be before anybody answers it.

use holm_wasi_p2::http::{authority_of, parse_authority};
use http::request::Parts;
use http::{Method, StatusCode, Version, header};

use super::ServerBounds;

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal(pub(super) StatusCode, pub(super) &'static str);

/// Checks a request: whatever reads it later, here or behind a proxy, must read the same.
pub(super) fn check(request: &Parts, bounds: &ServerBounds) -> Result<(), Refusal> {
    let bad = |text| Err(Refusal(StatusCode::BAD_REQUEST, text));
    if request.method == Method::CONNECT {
        return Err(Refusal(
            StatusCode::METHOD_NOT_ALLOWED,
            "this is no proxy: CONNECT is not served",
        ));
    }
    if request.headers.len() > bounds.fields {
        return Err(Refusal(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "too many headers",
        ));
    }
    let mut hosts = request.headers.get_all(header::HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return bad("more than one Host");
    }
    // RFC 9112, section 3.2.
    if host.is_none() && request.version == Version::HTTP_11 {
        return bad("no Host");
    }
    if let (Some(authority), Some(host)) = (request.uri.authority(), host) {
        // A target in absolute form, or `:authority`: what routes by one of the two must not be
        // talked past what routes by the other.
        if !host
            .as_bytes()
            .eq_ignore_ascii_case(authority.as_str().as_bytes())
        {
            return bad("the request's target and its Host differ");
        }
    }
    match authority_of(request) {
        Some(authority) if parse_authority(authority).is_none() => bad("Host is no host"),
        None if host.is_some() => bad("Host is no host"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn checked(request: http::request::Builder) -> Result<(), Refusal> {
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        check(&parts, &ServerBounds::default())
    }

    #[test]
    fn a_request_is_for_one_host() {
        let get = |uri: &str| Request::get(uri);
        assert_eq!(checked(get("/").header("host", "a:80")), Ok(()));
        assert_eq!(checked(get("http://a/").header("host", "A")), Ok(()));
        assert_eq!(checked(get("/").version(Version::HTTP_10)), Ok(()));
        for refused in [
            get("/"),
            get("http://a/").header("host", "b"),
            get("http://a/").header("host", "a:80"),
            get("/").header("host", "a").header("host", "a"),
            get("/").header("host", "user@a"),
            get("/").header("host", ""),
            get("/").header("host", "a:0"),
            get("/").header("host", "a/b"),
            Request::builder()
                .method("CONNECT")
                .uri("a:1")
                .header("host", "a:1"),
        ] {
            assert!(checked(refused).is_err());
        }
    }

    #[test]
    fn headers_are_counted() {
        let mut request = Request::get("/").header("host", "a");
        for at in 0..200 {
            request = request.header(format!("x-{at}"), "");
        }
        let refused = checked(request).expect_err("too many");
        assert_eq!(refused.0, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
}
