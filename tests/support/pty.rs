//! `holm` on a terminal: a pseudo-terminal whose other end is the test.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::{Folder, HANGS, Holm};

/// A run of `holm` whose three streams are a terminal.
#[derive(Debug)]
pub(crate) struct Terminal {
    keyboard: File,
    parts: Receiver<Vec<u8>>,
    seen: Vec<u8>,
    child: Child,
    _state: Option<Folder>,
}

impl Terminal {
    /// Starts `holm` on a new terminal.
    pub(crate) fn start(mut holm: Holm) -> Terminal {
        let host = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&host).expect("a terminal");
        unlockpt(&host).expect("a terminal");
        let name = ptsname(&host, Vec::new()).expect("its name");
        let side: OwnedFd = open(
            name.as_c_str(),
            OFlags::RDWR | OFlags::NOCTTY,
            Mode::empty(),
        )
        .expect("its side");
        let copy = || Stdio::from(side.try_clone().expect("a descriptor"));
        let command = holm.command();
        command.stdin(copy()).stdout(copy()).stderr(copy());
        let child = command.spawn().expect("holm starts");
        let state = holm.state.take();
        // The command holds copies: the terminal ends when its last user does.
        drop(holm);
        drop(side);
        let keyboard = File::from(host);
        let mut screen = keyboard.try_clone().expect("a descriptor");
        let (sender, parts) = mpsc::channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            // At its end a terminal answers EIO.
            while let Ok(count @ 1..) = screen.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Terminal {
            keyboard,
            parts,
            seen: Vec::new(),
            child,
            _state: state,
        }
    }

    /// Waits until `text` is on the screen.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) {
        while !String::from_utf8_lossy(&self.seen).contains(text) {
            match self.parts.recv_timeout(HANGS) {
                Ok(part) => self.seen.extend(part),
                Err(error) => panic!(
                    "{text:?} never came ({error}); the screen shows {:?}",
                    String::from_utf8_lossy(&self.seen)
                ),
            }
        }
    }

    /// Types.
    pub(crate) fn write(&mut self, keys: &str) {
        self.keyboard
            .write_all(keys.as_bytes())
            .expect("the terminal is there");
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// Waits for the end; answers the exit code and all that was on the screen.
    #[track_caller]
    pub(crate) fn end(mut self) -> (i32, String) {
        loop {
            match self.parts.recv_timeout(HANGS) {
                Ok(part) => self.seen.extend(part),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    drop(self.child.kill());
                    panic!(
                        "it hangs; the screen shows {:?}",
                        String::from_utf8_lossy(&self.seen)
                    );
                }
            }
        }
        let status = self.child.wait().expect("its status");
        let screen = String::from_utf8_lossy(&self.seen).into_owned();
        let code = status
            .code()
            .unwrap_or_else(|| panic!("{status}: {screen}"));
        (code, screen)
    }
}
