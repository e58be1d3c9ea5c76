//! Serves a preopened listener: accepts connections and echoes lines in upper case, until one says `quit`.
//!
//! The listener is the first descriptor from 3 on that is a stream socket.

use holm_guests::preview1::{self as wasi, Errno, Subscription};
use std::process::exit;

const SOCKET_STREAM: u8 = 6;
const SHUTDOWN_BOTH: u32 = 3;
const RECEIVE_PEEK: u32 = 1;

fn main() {
    let Some(listener) = (3..64)
        .find(|fd| wasi::fd_fdstat_get(*fd).is_ok_and(|stat| stat.file_type == SOCKET_STREAM))
    else {
        eprintln!("tcp_server: no listening socket among descriptors 3 to 63");
        exit(2);
    };
    println!("listening on descriptor {listener}");
    let mut connections = 0;
    loop {
        let stream = accept(listener);
        connections += 1;
        let told_to_quit = serve(stream);
        if let Err(errno) = wasi::sock_shutdown(stream, SHUTDOWN_BOTH) {
            // The peer may have gone first.
            println!("shutdown: {errno}");
        }
        if let Err(errno) = wasi::fd_close(stream) {
            eprintln!("tcp_server: close: {errno}");
            exit(1);
        }
        if told_to_quit {
            println!("served {connections} connections");
            return;
        }
    }
}

/// Waits for a connection, whether or not the listener blocks.
fn accept(listener: u32) -> u32 {
    loop {
        match wasi::sock_accept(listener, 0) {
            Ok(stream) => return stream,
            Err(Errno::AGAIN) => wait_readable(listener),
            Err(errno) => {
                eprintln!("tcp_server: accept: {errno}");
                exit(1);
            }
        }
    }
}

fn wait_readable(fd: u32) {
    if let Err(errno) = wasi::poll_oneoff(&[Subscription::Read { userdata: 1, fd }]) {
        eprintln!("tcp_server: poll: {errno}");
        exit(1);
    }
}

/// Echoes until end of stream; true when the peer said `quit`.
fn serve(stream: u32) -> bool {
    let mut pending = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let received = match wasi::sock_recv(stream, &mut buffer, 0) {
            Ok((count, _)) => count,
            Err(Errno::AGAIN) => {
                wait_readable(stream);
                continue;
            }
            Err(errno) => {
                println!("receive: {errno}");
                return false;
            }
        };
        if received == 0 {
            return false;
        }
        pending.extend_from_slice(&buffer[..received]);
        while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = pending.drain(..=end).collect();
            if line.starts_with(b"quit") {
                return true;
            }
            if line.starts_with(b"peek") && pending.is_empty() {
                peek(stream);
            }
            send_all(stream, &line.to_ascii_uppercase());
        }
    }
}

/// Looks at what comes next without taking it: the same bytes must come again.
fn peek(stream: u32) {
    send_all(stream, b"GO ON\n");
    wait_readable(stream);
    let mut buffer = [0; 64];
    match wasi::sock_recv(stream, &mut buffer, RECEIVE_PEEK) {
        Ok((count, _)) => println!("peeked {:?}", String::from_utf8_lossy(&buffer[..count])),
        Err(errno) => println!("peek: {errno}"),
    }
}

fn send_all(stream: u32, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match wasi::sock_send(stream, bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::AGAIN) => {
                if wasi::poll_oneoff(&[Subscription::Write {
                    userdata: 2,
                    fd: stream,
                }])
                .is_err()
                {
                    return;
                }
            }
            Err(errno) => {
                println!("send: {errno}");
                return;
            }
        }
    }
}
