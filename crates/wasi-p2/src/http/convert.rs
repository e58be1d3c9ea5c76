//! Methods, schemes and errors of 0.2 and of 0.3, which are the same in two types.

use ::http::Method;
use ::http::uri::Scheme;

use super::parse_scheme;
use crate::bindings::p2::wasi::http::types as two;
use crate::bindings::p3_http::wasi::http::types as three;

/// Most bytes of a method's name.
const METHOD_MAX: usize = 64;

macro_rules! words {
    ($types:ident) => {
        impl From<&Method> for $types::Method {
            fn from(method: &Method) -> $types::Method {
                match method.as_str() {
                    "GET" => $types::Method::Get,
                    "HEAD" => $types::Method::Head,
                    "POST" => $types::Method::Post,
                    "PUT" => $types::Method::Put,
                    "DELETE" => $types::Method::Delete,
                    "CONNECT" => $types::Method::Connect,
                    "OPTIONS" => $types::Method::Options,
                    "TRACE" => $types::Method::Trace,
                    "PATCH" => $types::Method::Patch,
                    other => $types::Method::Other(other.to_owned()),
                }
            }
        }

        impl $types::Method {
            /// The method, if it is one.
            pub(crate) fn parsed(&self) -> Option<Method> {
                Some(match self {
                    $types::Method::Get => Method::GET,
                    $types::Method::Head => Method::HEAD,
                    $types::Method::Post => Method::POST,
                    $types::Method::Put => Method::PUT,
                    $types::Method::Delete => Method::DELETE,
                    $types::Method::Connect => Method::CONNECT,
                    $types::Method::Options => Method::OPTIONS,
                    $types::Method::Trace => Method::TRACE,
                    $types::Method::Patch => Method::PATCH,
                    $types::Method::Other(text) if text.len() <= METHOD_MAX => text.parse().ok()?,
                    $types::Method::Other(_) => return None,
                })
            }
        }

        impl From<&Scheme> for $types::Scheme {
            fn from(scheme: &Scheme) -> $types::Scheme {
                match scheme.as_str() {
                    "http" => $types::Scheme::Http,
                    "https" => $types::Scheme::Https,
                    other => $types::Scheme::Other(other.to_owned()),
                }
            }
        }

        impl $types::Scheme {
            /// The scheme, if it is one.
            pub(crate) fn parsed(&self) -> Option<Scheme> {
                match self {
                    $types::Scheme::Http => Some(Scheme::HTTP),
                    $types::Scheme::Https => Some(Scheme::HTTPS),
                    $types::Scheme::Other(text) => parse_scheme(text),
                }
            }
        }
    };
}

words!(two);
words!(three);

macro_rules! errors {
    ($name:ident, $from:ident, $to:ident) => {
        /// The same error.
        pub(crate) fn $name(code: $from::ErrorCode) -> $to::ErrorCode {
            use $from::ErrorCode as From;
            use $to::ErrorCode as To;
            let size = |it: $from::FieldSizePayload| $to::FieldSizePayload {
                field_name: it.field_name,
                field_size: it.field_size,
            };
            match code {
                From::DnsTimeout => To::DnsTimeout,
                From::DestinationNotFound => To::DestinationNotFound,
                From::DestinationUnavailable => To::DestinationUnavailable,
                From::DestinationIpProhibited => To::DestinationIpProhibited,
                From::DestinationIpUnroutable => To::DestinationIpUnroutable,
                From::ConnectionRefused => To::ConnectionRefused,
                From::ConnectionTerminated => To::ConnectionTerminated,
                From::ConnectionTimeout => To::ConnectionTimeout,
                From::ConnectionReadTimeout => To::ConnectionReadTimeout,
                From::ConnectionWriteTimeout => To::ConnectionWriteTimeout,
                From::ConnectionLimitReached => To::ConnectionLimitReached,
                From::TlsProtocolError => To::TlsProtocolError,
                From::TlsCertificateError => To::TlsCertificateError,
                From::HttpRequestDenied => To::HttpRequestDenied,
                From::HttpRequestLengthRequired => To::HttpRequestLengthRequired,
                From::HttpRequestMethodInvalid => To::HttpRequestMethodInvalid,
                From::HttpRequestUriInvalid => To::HttpRequestUriInvalid,
                From::HttpRequestUriTooLong => To::HttpRequestUriTooLong,
                From::HttpResponseIncomplete => To::HttpResponseIncomplete,
                From::HttpResponseTimeout => To::HttpResponseTimeout,
                From::HttpUpgradeFailed => To::HttpUpgradeFailed,
                From::HttpProtocolError => To::HttpProtocolError,
                From::LoopDetected => To::LoopDetected,
                From::ConfigurationError => To::ConfigurationError,
                From::HttpRequestBodySize(it) => To::HttpRequestBodySize(it),
                From::HttpRequestHeaderSectionSize(it) => To::HttpRequestHeaderSectionSize(it),
                From::HttpRequestTrailerSectionSize(it) => To::HttpRequestTrailerSectionSize(it),
                From::HttpResponseHeaderSectionSize(it) => To::HttpResponseHeaderSectionSize(it),
                From::HttpResponseBodySize(it) => To::HttpResponseBodySize(it),
                From::HttpResponseTrailerSectionSize(it) => To::HttpResponseTrailerSectionSize(it),
                From::HttpResponseTransferCoding(it) => To::HttpResponseTransferCoding(it),
                From::HttpResponseContentCoding(it) => To::HttpResponseContentCoding(it),
                From::InternalError(it) => To::InternalError(it),
                From::HttpRequestTrailerSize(it) => To::HttpRequestTrailerSize(size(it)),
                From::HttpResponseHeaderSize(it) => To::HttpResponseHeaderSize(size(it)),
                From::HttpResponseTrailerSize(it) => To::HttpResponseTrailerSize(size(it)),
                From::HttpRequestHeaderSize(it) => To::HttpRequestHeaderSize(it.map(size)),
                From::DnsError(it) => To::DnsError($to::DnsErrorPayload {
                    rcode: it.rcode,
                    info_code: it.info_code,
                }),
                From::TlsAlertReceived(it) => To::TlsAlertReceived($to::TlsAlertReceivedPayload {
                    alert_id: it.alert_id,
                    alert_message: it.alert_message,
                }),
            }
        }
    };
}

errors!(into_code, two, three);
errors!(from_code, three, two);
