//! A small HTTP/1.1 server on the loopback address, with an answer of its own for each path.
//!
//! | path | answer |
//! |---|---|
//! | `/hello` | `hello`, with the field `x-server: holm-test` |
//! | `/method…` | the method and the path |
//! | `/fields` | the fields that arrived, a line each |
//! | `/status/N` | that status, an empty body |
//! | `/echo` | the body that arrived |
//! | `/echo-trailers` | the trailers that arrived, a line each |
//! | `/trailers` | a body in chunks, and the trailer `x-checksum: 1234` |
//! | `/bytes/N` | as many `x` |
//! | `/late/MS` | `late`, after so many milliseconds |
//! | `/pause/MS` | half a body, a pause, the other half |
//! | `/cut` | half of the body that the head announces, and the end |
//! | `/close` | nothing: the connection ends |
//! | `/garbage` | what is no HTTP |

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// The server, until it is dropped.
#[derive(Debug)]
pub(crate) struct HttpServer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    stopped: AtomicBool,
    requests: AtomicUsize,
}

/// What arrived.
#[derive(Debug, Default)]
struct Request {
    method: String,
    path: String,
    fields: Vec<(String, String)>,
    body: Vec<u8>,
    trailers: Vec<(String, String)>,
}

impl HttpServer {
    /// Listens on a free port of 127.0.0.1.
    pub(crate) fn start() -> HttpServer {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared::default());
        let server = HttpServer {
            address,
            shared: Arc::clone(&shared),
        };
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if shared.stopped.load(Ordering::Relaxed) {
                    break;
                }
                let shared = Arc::clone(&shared);
                // A client that goes away early ends its connection and nothing else.
                thread::spawn(move || drop(serve(&stream, &shared)));
            }
        });
        server
    }

    /// The address and port it listens on.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT` and a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// How many requests arrived.
    pub(crate) fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        // Wakes the loop, which then sees that it is over.
        drop(TcpStream::connect(self.address));
    }
}

/// Answers the requests of one connection.
fn serve(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader, stream)? {
        shared.requests.fetch_add(1, Ordering::SeqCst);
        if !answer(stream, &request)? {
            break;
        }
    }
    Ok(())
}

fn read(reader: &mut BufReader<&TcpStream>, stream: &TcpStream) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let mut request = Request {
        method: words.next().unwrap_or_default().to_owned(),
        path: words.next().unwrap_or_default().to_owned(),
        fields: fields(reader)?,
        ..Request::default()
    };
    if field(&request, "expect").is_some() {
        (&*stream).write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    if field(&request, "transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            let size = line.trim().split(';').next().unwrap_or_default();
            let size = usize::from_str_radix(size, 16).map_err(io::Error::other)?;
            if size == 0 {
                break;
            }
            let start = request.body.len();
            request.body.resize(start + size, 0);
            reader.read_exact(&mut request.body[start..])?;
            reader.read_exact(&mut [0; 2])?;
        }
        request.trailers = fields(reader)?;
    } else if let Some(length) = field(&request, "content-length") {
        let length = length.parse().map_err(io::Error::other)?;
        request.body.resize(length, 0);
        reader.read_exact(&mut request.body)?;
    }
    Ok(Some(request))
}

/// Lines up to an empty one; names in lower case.
fn fields(reader: &mut BufReader<&TcpStream>) -> io::Result<Vec<(String, String)>> {
    let mut fields = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => {
                fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
            None => return Ok(fields),
        }
    }
}

fn field<'request>(request: &'request Request, name: &str) -> Option<&'request str> {
    let found = request.fields.iter().find(|(field, _)| field == name);
    found.map(|(_, value)| value.as_str())
}

fn list(fields: &[(String, String)]) -> String {
    fields
        .iter()
        .map(|(name, value)| format!("{name}: {value}\n"))
        .collect()
}

/// Answers, and says whether the connection may go on.
fn answer(mut stream: &TcpStream, request: &Request) -> io::Result<bool> {
    let (route, parameter) = match request.path.rsplit_once('/') {
        Some((route, parameter)) if !route.is_empty() => (route, parameter.parse().unwrap_or(0)),
        _ => (request.path.as_str(), 0_u64),
    };
    match route {
        "/hello" => whole(stream, request, 200, b"hello\n"),
        "/fields" => whole(stream, request, 200, list(&request.fields).as_bytes()),
        "/status" => {
            let status = u16::try_from(parameter).map_err(io::Error::other)?;
            whole(stream, request, status, b"")
        }
        "/echo" => whole(stream, request, 200, &request.body),
        "/echo-trailers" => whole(stream, request, 200, list(&request.trailers).as_bytes()),
        "/bytes" => {
            let length = usize::try_from(parameter).map_err(io::Error::other)?;
            whole(stream, request, 200, &vec![b'x'; length])
        }
        "/late" => {
            thread::sleep(Duration::from_millis(parameter));
            whole(stream, request, 200, b"late\n")
        }
        "/trailers" => {
            stream.write_all(
                b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-checksum\r\n\r\n\
                  14\r\nbefore the trailers\n\r\n0\r\nx-checksum: 1234\r\n\r\n",
            )?;
            Ok(true)
        }
        "/pause" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfirst")?;
            thread::sleep(Duration::from_millis(parameter));
            stream.write_all(b"other")?;
            Ok(true)
        }
        "/cut" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfirst")?;
            Ok(false)
        }
        "/close" => Ok(false),
        "/garbage" => {
            stream.write_all(b"this is no HTTP\r\n\r\n")?;
            Ok(false)
        }
        path if path.starts_with("/method") => {
            let text = format!("{} {}\n", request.method, request.path);
            whole(stream, request, 200, text.as_bytes())
        }
        _ => whole(stream, request, 404, b"no such path\n"),
    }
}

fn whole(mut stream: &TcpStream, request: &Request, status: u16, body: &[u8]) -> io::Result<bool> {
    let mut head = format!("HTTP/1.1 {status} Status\r\nx-server: holm-test\r\n");
    if status == 301 {
        head.push_str("location: /hello\r\n");
    }
    if status != 204 {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    let mut bytes = (head + "\r\n").into_bytes();
    if request.method != "HEAD" {
        bytes.extend_from_slice(body);
    }
    stream.write_all(&bytes)?;
    Ok(true)
}
