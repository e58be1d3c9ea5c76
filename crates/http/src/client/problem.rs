//! What went wrong, in the words of `wasi:http`.

use std::error::Error;
use std::io;

use holm_wasi_p2::bindings::p2::wasi::http::types::{DnsErrorPayload, TlsAlertReceivedPayload};
use holm_wasi_p2::http::ErrorCode;

/// A name that leads nowhere.
pub(super) fn no_such_host() -> ErrorCode {
    ErrorCode::DnsError(DnsErrorPayload {
        rcode: Some("NXDOMAIN".to_owned()),
        info_code: None,
    })
}

/// Why a request got no response.
pub(super) fn of_request(error: &hyper_util::client::legacy::Error) -> ErrorCode {
    of_chain(error).unwrap_or(ErrorCode::HttpProtocolError)
}

/// Why a body ended early.
pub(super) fn of_body(error: &hyper::Error) -> ErrorCode {
    of_chain(error).unwrap_or(ErrorCode::HttpResponseIncomplete)
}

/// What the cause that lies deepest says, as far as it is known.
fn of_chain(error: &(dyn Error + 'static)) -> Option<ErrorCode> {
    let deeper = error.source().and_then(of_chain);
    deeper.or_else(|| of_one(error))
}

fn of_one(error: &(dyn Error + 'static)) -> Option<ErrorCode> {
    if let Some(code) = error.downcast_ref::<ErrorCode>() {
        return Some(code.clone());
    }
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(of_tls(error));
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return Some(of_io(error));
    }
    let error = error.downcast_ref::<hyper::Error>()?;
    Some(if error.is_parse_too_large() {
        ErrorCode::HttpResponseHeaderSectionSize(None)
    } else if error.is_parse() {
        ErrorCode::HttpProtocolError
    } else if error.is_incomplete_message() {
        ErrorCode::HttpResponseIncomplete
    } else if error.is_timeout() {
        ErrorCode::ConnectionReadTimeout
    } else if error.is_canceled() || error.is_closed() {
        ErrorCode::ConnectionTerminated
    } else {
        return None;
    })
}

/// A failure of the connection.
pub(super) fn of_io(error: &io::Error) -> ErrorCode {
    // TLS hides its errors in those of its transport, once or twice, and what an error holds is
    // no source of it.
    let held = error.get_ref();
    if let Some(code) = held.and_then(|held| of_chain(held)) {
        return code;
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => ErrorCode::ConnectionRefused,
        io::ErrorKind::TimedOut => ErrorCode::ConnectionTimeout,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            ErrorCode::DestinationIpUnroutable
        }
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::NetworkDown => {
            ErrorCode::DestinationUnavailable
        }
        io::ErrorKind::InvalidData => ErrorCode::HttpProtocolError,
        _ => ErrorCode::ConnectionTerminated,
    }
}

fn of_tls(error: &rustls::Error) -> ErrorCode {
    match error {
        rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => {
            ErrorCode::TlsCertificateError
        }
        rustls::Error::AlertReceived(alert) => {
            ErrorCode::TlsAlertReceived(TlsAlertReceivedPayload {
                alert_id: Some(u8::from(*alert)),
                alert_message: Some(format!("{alert:?}")),
            })
        }
        _ => ErrorCode::TlsProtocolError,
    }
}
