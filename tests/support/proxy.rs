//! A proxy on the loopback address, which keeps what it was told.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Answers each request with `through the proxy`; its tunnels lead to one server.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Tunnels lead to `server`, whoever they are for.
    pub(crate) fn start(server: SocketAddr) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = heads.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let seen = seen.clone();
                // A client that goes away ends its connection and nothing else.
                thread::spawn(move || drop(serve(&stream, server, &seen)));
            }
        });
        Proxy { address, heads }
    }

    /// Its URL, with a user and a password.
    pub(crate) fn url(&self) -> String {
        format!("http://me:secret@{}", self.address)
    }

    /// The first line of each request that it saw.
    pub(crate) fn lines(&self) -> Vec<String> {
        let heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = heads.iter().map(|head| head.lines().next());
        lines
            .map(|line| line.unwrap_or_default().to_owned())
            .collect()
    }

    /// Whether each request said who sends it: `me:secret`, in Base64.
    pub(crate) fn was_told_who(&self) -> bool {
        let heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        heads.iter().all(|head| head.contains("Basic bWU6c2VjcmV0"))
    }
}

fn serve(stream: &TcpStream, server: SocketAddr, seen: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let tunnel = head.starts_with("CONNECT ");
        seen.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(head);
        if tunnel {
            break;
        }
        (&*stream)
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 18\r\n\r\nthrough the proxy\n")?;
    }
    let far = TcpStream::connect(server)?;
    (&*stream).write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    thread::scope(|scope| {
        scope.spawn(|| pass(&mut &far, &mut &*stream, stream));
        pass(&mut reader, &mut &far, &far);
    });
    Ok(())
}

/// Passes bytes on until there are no more.
fn pass(from: &mut impl Read, to: &mut impl Write, end: &TcpStream) {
    let _ = std::io::copy(from, to);
    let _ = end.shutdown(Shutdown::Write);
}
