//! Proxies: which requests go through which.

use std::ffi::OsString;
use std::fmt;
use std::sync::Arc;

use holm_wasi_p2::http::ErrorCode;
use http::uri::Scheme;
use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::Matcher;

/// The proxies that requests go through. Names and passwords in their URLs are sent to them and
/// shown to nobody.
#[derive(Clone)]
pub struct Proxies {
    matcher: Arc<Matcher>,
    /// `NO_PROXY=*`: nothing goes through one.
    none: bool,
}

/// Why a proxy cannot be used. The URL, in which a password may stand, is not told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{from} {problem}")]
pub struct ProxyError {
    /// Where its URL stands.
    pub from: &'static str,
    /// What is wrong with it.
    pub problem: ProxyProblem,
}

/// What is wrong with the URL of a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyProblem {
    /// It is no URL of a proxy.
    #[error("is no URL of a proxy: http://[USER:PASSWORD@]HOST:PORT")]
    NotUrl,
    /// A proxy that is spoken to in another way.
    #[error("is no http:// URL: proxies of other kinds (https, socks) are not supported")]
    Scheme,
}

/// One of them, for one request.
#[derive(Clone, Debug)]
pub(super) struct Proxy {
    pub(super) host: String,
    pub(super) port: u16,
    /// What it wants to see; marked as sensitive, so that nobody shows it.
    pub(super) authorization: Option<HeaderValue>,
}

impl Proxies {
    /// The proxy at `url` for every request. `from` says where the URL stands, should it be none.
    ///
    /// # Errors
    ///
    /// [`ProxyError`].
    pub fn at(url: &str, from: &'static str) -> Result<Proxies, ProxyError> {
        check(url, from)?;
        Ok(Proxies {
            matcher: Arc::new(Matcher::builder().all(url).build()),
            none: false,
        })
    }

    /// Those that an environment names, as curl reads it: `http_proxy` for requests over HTTP,
    /// `https_proxy` for those over HTTPS, `all_proxy` where there is none of these, and
    /// `no_proxy` for hosts that are reached directly. The names in capitals count where these are
    /// unset, but for `HTTP_PROXY`, which does not count: a client of a web server sets it by
    /// sending a header called `Proxy` (httpoxy). An empty variable is unset.
    ///
    /// `None` when it names no proxy.
    ///
    /// # Errors
    ///
    /// [`ProxyError`] with the variable's name.
    pub fn from_environment(
        variable: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Option<Proxies>, ProxyError> {
        let first = |names: &[&'static str]| {
            names.iter().copied().find_map(|name| {
                let value = variable(name).filter(|value| !value.is_empty())?;
                Some((name, value.to_string_lossy().into_owned()))
            })
        };
        let http = first(&["http_proxy"]);
        let https = first(&["https_proxy", "HTTPS_PROXY"]);
        let all = first(&["all_proxy", "ALL_PROXY"]);
        let mut matcher = Matcher::builder();
        let http = http.or_else(|| all.clone());
        let https = https.or(all);
        if http.is_none() && https.is_none() {
            return Ok(None);
        }
        if let Some((name, url)) = http {
            check(&url, name)?;
            matcher = matcher.http(url);
        }
        if let Some((name, url)) = https {
            check(&url, name)?;
            matcher = matcher.https(url);
        }
        // Between its entries stand commas or spaces.
        let (_, direct) = first(&["no_proxy", "NO_PROXY"]).unwrap_or_default();
        let direct: Vec<&str> = direct
            .split(|letter: char| letter == ',' || letter.is_whitespace())
            .filter(|entry| !entry.is_empty())
            .collect();
        Ok(Some(Proxies {
            none: direct.contains(&"*"),
            matcher: Arc::new(matcher.no(direct.join(",")).build()),
        }))
    }

    /// The proxy for a request to `uri`, whose host is in lower case; `None` when it goes there
    /// directly.
    pub(super) fn of(&self, uri: &Uri) -> Option<Proxy> {
        if self.none {
            return None;
        }
        let found = self.matcher.intercept(uri)?;
        let at = found.uri();
        Some(Proxy {
            host: at.host()?.trim_matches(['[', ']']).to_owned(),
            port: at.port_u16().unwrap_or(80),
            authorization: found.basic_auth().cloned(),
        })
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxies").finish_non_exhaustive()
    }
}

/// What is no URL of a proxy would be passed over, and requests leave without one.
fn check(url: &str, from: &'static str) -> Result<(), ProxyError> {
    let wrong = |problem| Err(ProxyError { from, problem });
    let Ok(uri) = url.parse::<Uri>() else {
        return wrong(ProxyProblem::NotUrl);
    };
    if uri.scheme().is_some_and(|scheme| *scheme != Scheme::HTTP) {
        return wrong(ProxyProblem::Scheme);
    }
    let Some(authority) = uri.authority() else {
        return wrong(ProxyProblem::NotUrl);
    };
    let host = authority.host();
    let after = authority.as_str().rsplit('@').next().unwrap_or_default();
    let port = after.strip_prefix(host).unwrap_or_default();
    let port_is_one = port.is_empty()
        || port
            .strip_prefix(':')
            .is_some_and(|port| port.parse::<u16>().is_ok_and(|port| port != 0));
    if host.is_empty() || !port_is_one {
        return wrong(ProxyProblem::NotUrl);
    }
    Ok(())
}

/// `uri` at another authority, whose port is left out where it is the scheme's own.
pub(super) fn with_authority(uri: &Uri, authority: &str) -> Result<Uri, ErrorCode> {
    let own = match uri.scheme_str() {
        Some("https") => ":443",
        _ => ":80",
    };
    let short = authority.strip_suffix(own).unwrap_or(authority);
    let mut parts = uri.clone().into_parts();
    let short = short.parse();
    parts.authority = Some(short.map_err(|_| ErrorCode::HttpRequestUriInvalid)?);
    Uri::from_parts(parts).map_err(|_| ErrorCode::HttpRequestUriInvalid)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use holm_kernel::net::parse_host;
    use http::Uri;
    use proptest::prelude::*;

    use super::{Proxies, ProxyProblem, with_authority};

    fn read(variables: &[(&str, &str)]) -> Option<Proxies> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        };
        Proxies::from_environment(&variable).expect("proxies")
    }

    /// `HOST:PORT` of the proxy for a URL, or where there is none `-`.
    fn proxy(proxies: Option<&Proxies>, url: &'static str) -> String {
        let found = proxies.and_then(|proxies| proxies.of(&Uri::from_static(url)));
        found.map_or_else(
            || "-".to_owned(),
            |proxy| format!("{}:{}", proxy.host, proxy.port),
        )
    }

    #[test]
    fn variables_are_read_as_curl_reads_them() {
        for (variables, http, https) in [
            (&[][..], "-", "-"),
            (&[("http_proxy", "http://p:1")], "p:1", "-"),
            // A header `Proxy` of a request to a CGI program.
            (&[("HTTP_PROXY", "http://p:1")], "-", "-"),
            (&[("HTTPS_PROXY", "http://p:1")], "-", "p:1"),
            (&[("ALL_PROXY", "p:1")], "p:1", "p:1"),
            (&[("all_proxy", "p:1"), ("ALL_PROXY", "q:2")], "p:1", "p:1"),
            (
                &[("https_proxy", "p:1"), ("HTTPS_PROXY", "q:2")],
                "-",
                "p:1",
            ),
            (&[("https_proxy", ""), ("HTTPS_PROXY", "q:2")], "-", "q:2"),
            (
                &[("https_proxy", "p:1"), ("all_proxy", "q:2")],
                "q:2",
                "p:1",
            ),
            (&[("all_proxy", "http://p")], "p:80", "p:80"),
            (&[("all_proxy", "http://[::1]:8/x")], "::1:8", "::1:8"),
            (&[("no_proxy", "example.org")], "-", "-"),
        ] {
            let proxies = read(variables);
            let found = [
                proxy(proxies.as_ref(), "http://example.com/"),
                proxy(proxies.as_ref(), "https://example.com/"),
            ];
            assert_eq!(found, [http, https], "{variables:?}");
        }
    }

    #[test]
    fn some_hosts_are_reached_directly() {
        let direct = "example.com, .example.org internal\t10.0.0.0/8,2001:db8::/32";
        let proxies = read(&[("ALL_PROXY", "p:1"), ("NO_PROXY", direct)]);
        for (url, through) in [
            ("http://example.com/", "-"),
            ("http://example.com:81/", "-"),
            ("https://a.b.example.com/", "-"),
            ("http://notexample.com/", "p:1"),
            ("http://example.com.other/", "p:1"),
            ("http://www.example.org/", "-"),
            ("http://internal/", "-"),
            ("http://10.1.2.3/", "-"),
            ("http://11.1.2.3/", "p:1"),
            ("http://[2001:db8::1]/", "-"),
            ("http://[2001:db9::1]/", "p:1"),
        ] {
            assert_eq!(proxy(proxies.as_ref(), url), through, "{url}");
        }
        let none = read(&[("ALL_PROXY", "p:1"), ("no_proxy", "*")]);
        assert_eq!(proxy(none.as_ref(), "http://9.9.9.9/"), "-");
    }

    #[test]
    fn what_is_no_proxy_is_an_error_that_tells_no_password() {
        for (url, problem) in [
            ("http://", ProxyProblem::NotUrl),
            ("", ProxyProblem::NotUrl),
            ("/secret", ProxyProblem::NotUrl),
            ("http://me:secret@", ProxyProblem::NotUrl),
            ("http://me:secret@p:99999", ProxyProblem::NotUrl),
            ("http://me:secret@p:0", ProxyProblem::NotUrl),
            ("http://me:sec ret@p:1", ProxyProblem::NotUrl),
            ("https://me:secret@p:1", ProxyProblem::Scheme),
            ("socks5://me:secret@p:1", ProxyProblem::Scheme),
        ] {
            let error = Proxies::at(url, "--http-proxy").expect_err(url);
            assert_eq!(error.problem, problem, "{url}");
            let told = format!("{error} {error:?}");
            assert!(!told.contains("sec"), "{told}");
        }
    }

    #[test]
    fn passwords_are_sent_and_not_shown() {
        let proxies = Proxies::at("http://Aladdin:open%20sesame@p:1", "here").expect("a proxy");
        let proxy = proxies.of(&Uri::from_static("http://example.com/"));
        let shown = format!("{proxies:?} {proxy:?}");
        let sent = proxy.and_then(|proxy| proxy.authorization).expect("one");
        assert_eq!(sent, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        for secret in ["open", "QWx", "Aladdin"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }

    fn any_host() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-zA-Z0-9.-]{1,20}",
            "(0x|0)?[0-9]{1,4}(\\.(0x|0)?[0-9]{1,3}){0,3}\\.?",
            any::<u32>().prop_map(|bits| core::net::Ipv4Addr::from_bits(bits).to_string()),
            any::<u128>().prop_map(|bits| format!("[{}]", core::net::Ipv6Addr::from_bits(bits))),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        /// A proxy is told the host that was judged, and nothing that could be another.
        #[test]
        fn what_a_proxy_is_told_is_what_was_judged(
            text in any_host(),
            port in 1..=u16::MAX,
            over_tls: bool,
        ) {
            let Ok(host) = parse_host(&text) else {
                return Ok(());
            };
            let from = if over_tls { "https://elsewhere.test/a?b" } else { "http://x.test:1/a?b" };
            let told = with_authority(&Uri::from_static(from), &format!("{host}:{port}"))
                .expect("a host and a port");
            prop_assert_eq!(parse_host(told.host().unwrap_or_default()), Ok(host.clone()));
            let judged = host.to_string();
            prop_assert_eq!(told.host(), Some(judged.as_str()));
            let own = if over_tls { 443 } else { 80 };
            prop_assert_eq!(told.port_u16(), (port != own).then_some(port));
            prop_assert_eq!(told.path_and_query().map(ToString::to_string), Some("/a?b".to_owned()));
            let proxy = format!("p:{port}");
            prop_assert!(Proxies::at(&proxy, "here").is_ok());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        /// Whatever an environment holds, there is a proxy or an error, and never neither.
        #[test]
        fn no_proxy_is_passed_over(
            url in prop_oneof![
                4 => "(http://)?([a-z:%@]{0,6}@)?[a-z\\[\\]:.]{0,6}(:[0-9]{0,5})?(/[a-z]?)?",
                1 => any::<String>(),
            ],
            direct: String,
        ) {
            let variable = |name: &str| match name {
                "all_proxy" => Some(OsString::from(&url)),
                "no_proxy" => Some(OsString::from(&direct)),
                _ => None,
            };
            let read = Proxies::from_environment(&variable);
            if let Ok(Some(proxies)) = read {
                let found = Proxies::at(&url, "here").expect("the same");
                let uri = Uri::from_static("https://a.test/");
                prop_assert!(found.of(&uri).is_some());
                let _ = proxies.of(&uri);
            } else {
                prop_assert!(read.is_err() || url.is_empty());
            }
        }
    }
}
