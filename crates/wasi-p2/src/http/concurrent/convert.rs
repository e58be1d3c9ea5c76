//! Errors of 0.2 and of 0.3, which are the same in two types.

use crate::bindings::p2::wasi::http::types as two;
use crate::bindings::p3_http::wasi::http::types as three;

macro_rules! conversion {
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

conversion!(into_code, two, three);
conversion!(from_code, three, two);
