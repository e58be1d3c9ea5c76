//! TCP echo, both ends, measured: `tcp_echo serve ADDRESS [CONNECTIONS]`, `tcp_echo connect ADDRESS [MESSAGES [BYTES]]`.
//!
//! It uses std alone, so that it builds natively too, for figures side by side. The client sends a message, reads it
//! back whole, and at the end prints one JSON object.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::exit;
use std::time::Instant;

const MESSAGE_BYTES: usize = 64 << 10;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, usual: usize| {
        arguments
            .get(at)
            .map_or(Ok(usual), |text| text.parse::<usize>())
    };
    let outcome = match (arguments.first().map(String::as_str), arguments.get(1)) {
        (Some("serve"), Some(address)) => match number(2, 1) {
            Ok(connections) => serve(address, connections),
            Err(error) => Err(io::Error::other(error)),
        },
        (Some("connect"), Some(address)) => match (number(2, 1000), number(3, MESSAGE_BYTES)) {
            (Ok(messages), Ok(bytes)) => connect(address, messages, bytes),
            (Err(error), _) | (_, Err(error)) => Err(io::Error::other(error)),
        },
        _ => {
            eprintln!("tcp_echo: serve or connect, and an address");
            exit(2);
        }
    };
    if let Err(error) = outcome {
        eprintln!("tcp_echo: {error}");
        exit(1);
    }
}

/// Serves connections one after the other.
fn serve(address: &str, connections: usize) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    let mut buffer = vec![0; MESSAGE_BYTES];
    for _ in 0..connections {
        let (mut stream, _) = listener.accept()?;
        loop {
            let count = stream.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            stream.write_all(&buffer[..count])?;
        }
    }
    Ok(())
}

fn connect(address: &str, messages: usize, bytes: usize) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    let message: Vec<u8> = (0..bytes).map(|at| at.to_le_bytes()[0]).collect();
    let mut back = vec![0; bytes];
    let start = Instant::now();
    for _ in 0..messages {
        // A message larger than the sockets' buffers would block both ends for ever if it were written at once.
        for (sent, received) in message
            .chunks(MESSAGE_BYTES)
            .zip(back.chunks_mut(MESSAGE_BYTES))
        {
            stream.write_all(sent)?;
            stream.read_exact(received)?;
        }
        if back != message {
            return Err(io::Error::other("what came back is not what was sent"));
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let total = messages as f64 * bytes as f64;
    println!(
        "{{\"messages\": {messages}, \"bytes\": {bytes}, \"mbps\": {:.1}, \"round_trip_us\": {:.1}}}",
        total / seconds / 1e6,
        seconds / messages.max(1) as f64 * 1e6
    );
    Ok(())
}
