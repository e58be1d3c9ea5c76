//! Terminals: the kernel's, with what the page types and who is in front.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::task::Waker;

use holm_kernel::Process;
use holm_kernel::tty::{Mode, TtyMaster, TtyOptions, TtySize, TtySlave, tty};

use crate::ready::{ReadyQueue, Token};

/// Bytes that are kept which the terminal has no room for yet; a person who pastes more than
/// this loses the rest.
const TYPED_MAX: usize = 1 << 20;

#[derive(Debug)]
struct Terminal {
    master: Arc<TtyMaster>,
    slave: Arc<TtySlave>,
    typed: Vec<u8>,
    waker: Waker,
    foreground: Vec<Weak<Process>>,
}

/// Each key as it is; what is written is still taken for lines, as programs mean it.
const KEYS: Mode = Mode {
    canonical: false,
    echo: false,
    signals: false,
    return_to_newline: false,
    extended: false,
    ..Mode::COOKED
};

/// The terminals of a machine.
#[derive(Debug, Default)]
pub(crate) struct Terminals {
    terminals: BTreeMap<u32, Terminal>,
    next: u32,
}

impl Terminals {
    /// A new terminal: its number, and where what is to be drawn comes from.
    pub(crate) fn add(
        &mut self,
        ready: &Arc<ReadyQueue>,
        columns: u16,
        rows: u16,
    ) -> (u32, Arc<TtyMaster>) {
        let (master, slave) = tty(TtyOptions {
            size: TtySize {
                cols: columns,
                rows,
            },
            ..TtyOptions::default()
        });
        self.next += 1;
        let number = self.next;
        let terminal = Terminal {
            master: master.clone(),
            slave,
            typed: Vec::new(),
            waker: ready.waker(Token::Terminal(number)),
            foreground: Vec::new(),
        };
        self.terminals.insert(number, terminal);
        (number, master)
    }

    /// The side of processes.
    pub(crate) fn slave(&self, number: u32) -> Option<Arc<TtySlave>> {
        self.terminals.get(&number).map(|t| t.slave.clone())
    }

    /// The host's side.
    pub(crate) fn master(&self, number: u32) -> Option<&Arc<TtyMaster>> {
        self.terminals.get(&number).map(|t| &t.master)
    }

    /// Puts a process in front, beside those that are there.
    pub(crate) fn bring_forward(&mut self, number: u32, process: &Arc<Process>) {
        if let Some(terminal) = self.terminals.get_mut(&number) {
            let live = |weak: &Weak<Process>| {
                let process = weak.upgrade();
                process.is_some_and(|process| process.status().is_none())
            };
            terminal.foreground.retain(live);
            terminal.foreground.push(Arc::downgrade(process));
            terminal.master.set_foreground(terminal.foreground.clone());
        }
    }

    /// Types, after what was typed before.
    pub(crate) fn type_bytes(&mut self, number: u32, bytes: &[u8]) {
        if let Some(terminal) = self.terminals.get_mut(&number) {
            let room = TYPED_MAX.saturating_sub(terminal.typed.len());
            terminal
                .typed
                .extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
        self.turn(number);
    }

    /// Gives a terminal what it has room for now.
    pub(crate) fn turn(&mut self, number: u32) {
        if let Some(terminal) = self.terminals.get_mut(&number)
            && !terminal.typed.is_empty()
        {
            let typed = terminal.master.input(&terminal.typed, &terminal.waker);
            terminal.typed.drain(..typed.taken);
        }
    }

    /// How what is typed is treated.
    pub(crate) fn set_mode(&mut self, number: u32, raw: bool) {
        if let Some(terminal) = self.terminals.get(&number) {
            terminal
                .master
                .set_mode(if raw { KEYS } else { Mode::COOKED });
        }
    }

    /// Ends a terminal.
    pub(crate) fn remove(&mut self, number: u32) {
        if let Some(terminal) = self.terminals.remove(&number) {
            terminal.master.hangup();
        }
    }
}
