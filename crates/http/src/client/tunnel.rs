//! A tunnel through a proxy: `CONNECT`, and what the proxy answers to it.

use holm_wasi_p2::http::ErrorCode;
use http::HeaderValue;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::problem;

/// Longest head of a proxy's answer.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// Asks the proxy at the other end of `stream` for a tunnel to `target`, a host and a port.
pub(super) async fn open(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    target: &str,
    authorization: Option<&HeaderValue>,
) -> Result<(), ErrorCode> {
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n").into_bytes();
    if let Some(authorization) = authorization {
        request.extend_from_slice(b"proxy-authorization: ");
        request.extend_from_slice(authorization.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    let broken = |error| problem::of_io(&error);
    stream.write_all(&request).await.map_err(broken)?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        // Byte by byte: what follows the head is not for here. It is short, and comes once.
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(error) => return Err(broken(error)),
        }
        if head.len() > HEAD_BYTES_MAX {
            return Err(ErrorCode::HttpProtocolError);
        }
    }
    match status(&head).ok_or(ErrorCode::HttpProtocolError)? {
        200..=299 => Ok(()),
        407 => Err(ErrorCode::ConfigurationError),
        504 => Err(ErrorCode::ConnectionTimeout),
        _ => Err(ErrorCode::DestinationUnavailable),
    }
}

fn status(head: &[u8]) -> Option<u16> {
    let rest = head
        .strip_prefix(b"HTTP/1.1 ")
        .or_else(|| head.strip_prefix(b"HTTP/1.0 "))?;
    let (digits, after) = rest.split_at_checked(3)?;
    let ends = matches!(after.first(), Some(b' ' | b'\r'));
    let status = str::from_utf8(digits).ok()?.parse().ok()?;
    (ends && digits.iter().all(u8::is_ascii_digit)).then_some(status)
}

#[cfg(test)]
mod tests {
    use holm_wasi_p2::http::ErrorCode;
    use http::HeaderValue;
    use tokio::io::AsyncReadExt as _;
    use tokio::io::AsyncWriteExt as _;

    use super::{HEAD_BYTES_MAX, open};

    /// What comes of an answer, what the proxy was told, and what is left of the answer.
    fn ask(answer: &[u8]) -> (Result<(), ErrorCode>, String, Vec<u8>) {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.build().expect("a runtime");
        runtime.block_on(async {
            let (mut near, mut far) = tokio::io::duplex(64 << 10);
            far.write_all(answer).await.expect("room");
            far.shutdown().await.expect("open");
            let authorization = HeaderValue::from_static("Basic abc");
            let opened = open(&mut near, "example.com:443", Some(&authorization)).await;
            let mut left = Vec::new();
            near.read_to_end(&mut left).await.expect("the rest");
            drop(near);
            let mut told = String::new();
            far.read_to_string(&mut told).await.expect("text");
            (opened, told, left)
        })
    }

    #[test]
    fn a_tunnel_begins_after_the_head() {
        let (opened, told, left) =
            ask(b"HTTP/1.1 200 Connection established\r\nvia: 1.1 p\r\n\r\nthe rest");
        assert!(opened.is_ok(), "{opened:?}");
        assert_eq!(left, b"the rest");
        assert_eq!(
            told,
            "CONNECT example.com:443 HTTP/1.1\r\nhost: example.com:443\r\n\
             proxy-authorization: Basic abc\r\n\r\n"
        );
    }

    #[test]
    fn other_answers_are_errors() {
        let long = [
            b"HTTP/1.1 200 OK\r\nx: ".as_slice(),
            &[b'x'; HEAD_BYTES_MAX],
        ]
        .concat();
        for (answer, code) in [
            (
                b"HTTP/1.1 407 Authenticate\r\n\r\n".as_slice(),
                "ConfigurationError",
            ),
            (b"HTTP/1.0 403 No\r\n\r\n", "DestinationUnavailable"),
            (b"HTTP/1.1 502 Bad\r\n\r\n", "DestinationUnavailable"),
            (b"HTTP/1.1 504 Late\r\n\r\n", "ConnectionTimeout"),
            (b"HTTP/1.1 2000 OK\r\n\r\n", "HttpProtocolError"),
            (b"HTTP/1.1 +20 OK\r\n\r\n", "HttpProtocolError"),
            (b"HTTP/1.1 20\r\n\r\n", "HttpProtocolError"),
            (b"SSH-2.0\r\n\r\n", "HttpProtocolError"),
            (b"\r\n\r\n", "HttpProtocolError"),
            (b"HTTP/1.1 200 OK\r\n", "ConnectionTerminated"),
            (b"", "ConnectionTerminated"),
            (&long, "HttpProtocolError"),
        ] {
            let (opened, ..) = ask(answer);
            let told = format!("{opened:?}");
            assert!(told.contains(code), "{code}: {told}");
        }
    }
}
