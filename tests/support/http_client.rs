//! An HTTP/1.1 client that can also send what no client should: a connection for each request, read to its end.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;

use super::HANGS;

/// What a server answered.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    /// 0 when the connection ended without an answer.
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) fields: Vec<(String, String)>,
    /// Without the framing.
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<(String, String)>,
    /// Whether the body came to the end that it should have.
    pub(crate) whole: bool,
}

/// `GET PATH`, with more fields (`name: value\r\n` each).
pub(crate) fn get(address: SocketAddr, path: &str, fields: &str) -> Reply {
    send(
        address,
        format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{fields}\r\n"),
    )
}

/// Sends these bytes, and nothing after them; answers what came until the connection ended.
pub(crate) fn send(address: SocketAddr, bytes: impl Into<Vec<u8>>) -> Reply {
    let bytes = bytes.into();
    let mut stream = connect(address);
    let mut writing = stream.try_clone().expect("a second handle");
    let writer = thread::spawn(move || {
        // A server may have seen enough before it has seen all.
        let _ = writing.write_all(&bytes);
    });
    let reply = receive(&mut stream, Vec::new());
    let _ = stream.shutdown(Shutdown::Both);
    writer.join().expect("the writer ends");
    reply
}

/// A connection on which nothing waits for ever.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(HANGS)).expect("a timeout");
    stream.set_write_timeout(Some(HANGS)).expect("a timeout");
    stream
}

/// Reads until what came ends with `end`.
#[track_caller]
pub(crate) fn read_until(stream: &mut TcpStream, end: &[u8]) -> Vec<u8> {
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    while !seen.ends_with(end) {
        let count = stream.read(&mut buffer).expect("an answer");
        assert_ne!(count, 0, "it ended: {}", String::from_utf8_lossy(&seen));
        seen.extend(&buffer[..count]);
    }
    seen
}

/// What came, and what comes until the end of the connection.
pub(crate) fn receive(stream: &mut TcpStream, mut seen: Vec<u8>) -> Reply {
    // A connection that is reset has said what it had to say.
    let _ = stream.read_to_end(&mut seen);
    parse(&seen)
}

fn parse(bytes: &[u8]) -> Reply {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Reply::default();
    };
    let head = String::from_utf8_lossy(&bytes[..end]);
    let (line, rest) = head.split_once("\r\n").unwrap_or((&head, ""));
    let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
    let mut reply = Reply {
        status: status.unwrap_or_default(),
        fields: fields(rest),
        ..Reply::default()
    };
    let body = &bytes[end + 4..];
    if reply.field("transfer-encoding") == Some("chunked") {
        reply.whole = chunks(body, &mut reply).is_some();
    } else {
        reply.body = body.to_vec();
        let length = reply.field("content-length");
        reply.whole = length.is_none_or(|length| length == body.len().to_string());
    }
    reply
}

/// Takes a body out of its chunks; `None` when it was cut off.
fn chunks(mut bytes: &[u8], reply: &mut Reply) -> Option<()> {
    loop {
        let line = bytes.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&bytes[..line]).ok()?;
        let size = usize::from_str_radix(size, 16).ok()?;
        bytes = &bytes[line + 2..];
        if size == 0 {
            let text = std::str::from_utf8(bytes).ok()?;
            reply.trailers = fields(text);
            return text.ends_with("\r\n").then_some(());
        }
        reply.body.extend(&bytes[..size.min(bytes.len())]);
        bytes = bytes.get(size + 2..)?;
    }
}

fn fields(text: &str) -> Vec<(String, String)> {
    let pairs = text.lines().filter_map(|line| line.split_once(": "));
    pairs
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect()
}

impl Reply {
    /// The first field of a name.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// It is a whole answer with this status.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Reply {
        assert_eq!(self.status, status, "{self:?}");
        assert!(self.whole, "cut off: {self:?}");
        self
    }

    /// Its body is this.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Reply {
        assert_eq!(self.text(), text, "{self:?}");
        self
    }
}
