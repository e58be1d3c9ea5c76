//! Trace events: one per system call, for whoever listens.
//!
//! A strace-like printer, an audit log, metrics, learning of needs: all are observers of
//! this one stream. With no observer a call pays a load and a branch.

use core::net::{IpAddr, SocketAddr};
use std::fmt::{self, Debug, Display};
use std::io::IoSlice;
use std::sync::Arc;

use holm_abi::{
    AddressFamily, Advice, ClockId, Errno, Event, ExitStatus, Fd, FdFlags, FdStat, ListSizes,
    LookupFlags, OpenFlags, Pid, PipeEnds, Received, ReceivedFrom, RecvFlags, Rights, SetTimes,
    ShutdownFlags, Signal, SocketKind, SocketOption, Stat, Subscription, Syscall, Whence,
};

use crate::net::HostTarget;
use crate::process::Process;

/// Whoever wants to see system calls.
pub trait Observer: Debug + Send + Sync {
    /// A process that is observed is about to run.
    fn started(&self, process: &Process) {
        let _ = process;
    }
    /// A call has completed. Called on the guest's thread: be quick.
    fn completed(&self, event: &TraceEvent<'_>);
    /// A client of the host's, such as one of HTTP, is about to connect to `host` for a process
    /// that may: to one of `addresses`, or through a proxy that is told the name when there are
    /// none. Called on any thread: be quick.
    fn connects(&self, process: &Process, host: &HostTarget, port: u16, addresses: &[SocketAddr]) {
        let _ = (process, host, port, addresses);
    }
}

/// Passes each event on to all of them, in order.
#[derive(Debug)]
pub struct Observers(Vec<Arc<dyn Observer>>);

impl Observers {
    /// Nobody, the one, or all as one.
    #[must_use]
    pub fn one_of(mut all: Vec<Arc<dyn Observer>>) -> Option<Arc<dyn Observer>> {
        if all.len() > 1 {
            return Some(Arc::new(Observers(all)));
        }
        all.pop()
    }
}

impl Observer for Observers {
    fn started(&self, process: &Process) {
        for observer in &self.0 {
            observer.started(process);
        }
    }

    fn completed(&self, event: &TraceEvent<'_>) {
        for observer in &self.0 {
            observer.completed(event);
        }
    }

    fn connects(&self, process: &Process, host: &HostTarget, port: u16, addresses: &[SocketAddr]) {
        for observer in &self.0 {
            observer.connects(process, host, port, addresses);
        }
    }
}

/// A completed system call.
#[derive(Debug)]
pub struct TraceEvent<'a> {
    /// Who called.
    pub pid: Pid,
    /// What was called.
    pub call: Syscall,
    /// The arguments, in the order of the call's descriptor.
    pub arguments: &'a [Argument<'a>],
    /// What came of it.
    pub outcome: Result<Answer<'a>, Errno>,
    /// When the call began, on the host's monotonic clock, in nanoseconds.
    pub started_ns: u64,
    /// How long it took, waiting included, in nanoseconds.
    pub elapsed_ns: u64,
}

/// An argument of a call.
#[derive(Clone, Copy)]
pub enum Argument<'a> {
    /// A descriptor.
    Fd(Fd),
    /// A number.
    Unsigned(u64),
    /// A number with a sign.
    Signed(i64),
    /// A path or other text.
    Text(&'a str),
    /// Flags or a value with a name.
    Named(&'a dyn Display),
    /// Bytes that went in.
    DataIn(&'a [IoSlice<'a>]),
    /// Bytes that came out: as many as the call answers, of this buffer.
    DataOut(&'a [u8]),
    /// What was subscribed to.
    Subscriptions(&'a [Subscription]),
    /// Where events went: as many as the call answers.
    Events(&'a [Event]),
    /// A socket's address, where there is one.
    Address(Option<SocketAddr>),
    /// Where addresses went: as many as the call answers.
    Addresses(&'a [IpAddr]),
}

impl Debug for Argument<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Argument::Fd(fd) => write!(f, "{fd}"),
            Argument::Unsigned(number) => write!(f, "{number}"),
            Argument::Signed(number) => write!(f, "{number}"),
            Argument::Text(text) => write!(f, "{text:?}"),
            Argument::Named(value) => write!(f, "{value}"),
            Argument::DataIn(data) => {
                write!(
                    f,
                    "[{}]",
                    data.iter().map(|slice| slice.len()).sum::<usize>()
                )
            }
            Argument::DataOut(buffer) => write!(f, "[{}]", buffer.len()),
            Argument::Subscriptions(list) => write!(f, "{list:?}"),
            Argument::Events(list) => write!(f, "[{}]", list.len()),
            Argument::Address(Some(address)) => write!(f, "{address}"),
            Argument::Address(None) => f.write_str("-"),
            Argument::Addresses(list) => write!(f, "[{}]", list.len()),
        }
    }
}

/// The result of a call that succeeded.
#[derive(Clone, Copy, Debug)]
pub enum Answer<'a> {
    /// Nothing to say.
    Unit,
    /// A number: a size, a time, a descriptor.
    Number(u64),
    /// A record.
    Record(&'a dyn Debug),
}

/// How an argument's type shows in a trace.
pub(crate) trait AsArgument {
    fn as_argument(&self) -> Argument<'_>;
}

/// How a result's type shows in a trace.
pub(crate) trait AsAnswer {
    fn as_answer(&self) -> Answer<'_>;
}

macro_rules! shows {
    ($($type:ty => |$value:ident| $argument:expr;)*) => {
        $(impl AsArgument for $type {
            fn as_argument(&self) -> Argument<'_> {
                let $value = self;
                $argument
            }
        })*
    };
}

shows! {
    u32 => |value| Argument::Unsigned(u64::from(*value));
    u64 => |value| Argument::Unsigned(*value);
    i64 => |value| Argument::Signed(*value);
    Fd => |value| Argument::Fd(*value);
    Pid => |value| Argument::Unsigned(u64::from(value.0));
    FdFlags => |value| Argument::Named(value);
    OpenFlags => |value| Argument::Named(value);
    LookupFlags => |value| Argument::Named(value);
    RecvFlags => |value| Argument::Named(value);
    ShutdownFlags => |value| Argument::Named(value);
    Rights => |value| Argument::Named(value);
    SetTimes => |value| Argument::Named(value);
    &str => |value| Argument::Text(value);
    &[IoSlice<'_>] => |value| Argument::DataIn(value);
    &mut [u8] => |value| Argument::DataOut(value);
    &[Subscription] => |value| Argument::Subscriptions(value);
    &mut [Event] => |value| Argument::Events(value);
    ClockId => |value| Argument::Named(value);
    Signal => |value| Argument::Named(value);
    Whence => |value| Argument::Named(value);
    Advice => |value| Argument::Named(value);
    AddressFamily => |value| Argument::Named(value);
    SocketKind => |value| Argument::Named(value);
    SocketOption => |value| Argument::Named(value);
    SocketAddr => |value| Argument::Address(Some(*value));
    Option<SocketAddr> => |value| Argument::Address(*value);
    &mut [IpAddr] => |value| Argument::Addresses(value);
}

macro_rules! answers {
    ($($type:ty => |$value:ident| $answer:expr;)*) => {
        $(impl AsAnswer for $type {
            fn as_answer(&self) -> Answer<'_> {
                let $value = self;
                $answer
            }
        })*
    };
}

answers! {
    () => |_value| Answer::Unit;
    u32 => |value| Answer::Number(u64::from(*value));
    u64 => |value| Answer::Number(*value);
    Fd => |value| Answer::Number(u64::from(value.0));
    Pid => |value| Answer::Number(u64::from(value.0));
    ListSizes => |value| Answer::Record(value);
    FdStat => |value| Answer::Record(value);
    Stat => |value| Answer::Record(value);
    PipeEnds => |value| Answer::Record(value);
    Received => |value| Answer::Record(value);
    ReceivedFrom => |value| Answer::Record(value);
    SocketAddr => |value| Answer::Record(value);
    ExitStatus => |value| Answer::Record(value);
}
