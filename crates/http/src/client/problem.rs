//! What went wrong, in the words of `wasi:http`.

use std::error::Error;
use std::io;

use holm_wasi_p2::bindings::p2::wasi::http::types::{DnsErrorPayload, TlsAlertReceivedPayload};
use holm_wasi_p2::http::ErrorCode;
use rustls::CertificateError;

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

/// Why a host's certificate was refused, in words for people, if that is what went wrong.
pub(super) fn distrust(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(rustls::Error::InvalidCertificate(refused)) = error.downcast_ref() {
        return Some(of_certificate(refused));
    }
    let held = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref);
    match held {
        Some(held) => distrust(held),
        None => distrust(error.source()?),
    }
}

fn of_certificate(refused: &CertificateError) -> String {
    match refused {
        // The other one: an authority of that name is trusted, and another one has signed.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "nobody who is trusted has signed its certificate. To trust who has: --trust-ca FILE, \
             with that authority's certificate"
                .to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet: one of the two clocks may be wrong".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is one for other names".to_owned()
        }
        // What `openssl req -x509` makes. Its error has no type here.
        other if other.to_string().contains("CaUsedAsEndEntity") => {
            "its certificate is an authority's, and no host's: one that signs itself must say that \
             it is none (basicConstraints = CA:FALSE)"
                .to_owned()
        }
        other => other.to_string(),
    }
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
