//! Tries what it was not granted and prints the error for each; with no grants, every line is a refusal.

use holm_guests::errno::Errno;
use holm_guests::preview1 as wasi;
use std::fs;
use std::io;

fn show<T>(what: &str, result: io::Result<T>) {
    match result {
        Ok(_) => println!("{what}: allowed"),
        Err(error) => println!("{what}: {}", Errno::of(&error)),
    }
}

fn show_call<T>(what: &str, result: wasi::Outcome<T>) {
    match result {
        Ok(_) => println!("{what}: allowed"),
        Err(errno) => println!("{what}: {errno}"),
    }
}

fn main() {
    show("read /etc/passwd", fs::read("/etc/passwd"));
    show("list /", fs::read_dir("/"));
    show("list .", fs::read_dir("."));
    show(
        "create /tmp/holm-denied",
        fs::write("/tmp/holm-denied", "x"),
    );
    show("create relative", fs::write("holm-denied", "x"));
    show("stat ..", fs::metadata(".."));
    show("mkdir /data/new", fs::create_dir("/data/new"));
    show("remove /etc/hosts", fs::remove_file("/etc/hosts"));
    show("rename /a to /b", fs::rename("/a", "/b"));
    println!("environment variables: {}", std::env::vars_os().count());
    println!("preopened directories: {}", wasi::preopens().len());
    show_call("prestat of 3", wasi::fd_prestat_get(3));
    show_call("read descriptor 3", wasi::fd_read(3, &mut [0; 1]));
    show_call("accept on 0", wasi::sock_accept(0, 0));
    show_call("accept on 3", wasi::sock_accept(3, 0));
    show_call("shutdown of 1", wasi::sock_shutdown(1, 3));
    println!("denied: done");
}
