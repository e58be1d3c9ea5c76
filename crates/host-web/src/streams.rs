//! Streams between processes and the page: pipes whose other end is outside.
//!
//! The page gives credit for what it will take, so that a process which writes faster than
//! the page reads blocks, as it would on a pipe, and no queue grows without bound.

use std::collections::{BTreeMap, VecDeque};
use std::io::IoSlice;
use std::sync::Arc;
use std::task::{Poll, Waker};

use holm_abi::Errno;
use holm_kernel::tty::TtyMaster;
use holm_kernel::vfs::Stream;

use crate::event::{Event, Outside};
use crate::ready::{ReadyQueue, Token};

/// Bytes that are read from a stream in one piece.
const PIECE_BYTES: usize = 64 << 10;
/// Bytes that the page may give to a stream before it must wait until they are taken.
pub(crate) const GIVEN_MAX: usize = 4 << 20;

/// Where what the page gets comes from.
#[derive(Debug)]
pub(crate) enum From {
    /// A pipe.
    Pipe(Arc<dyn Stream>),
    /// What is to be drawn.
    Terminal(Arc<TtyMaster>),
}

impl From {
    fn read(&self, buffer: &mut [u8], waker: &Waker) -> Poll<usize> {
        match self {
            From::Pipe(stream) => stream
                .read(buffer, waker)
                .map(|read| read.unwrap_or_default()),
            From::Terminal(master) => master.output(buffer, waker),
        }
    }
}

#[derive(Debug)]
enum Flow {
    /// From a process to the page, with how much the page will take.
    Out { from: From, credit: usize },
    /// From the page to a process: what was given and not yet taken.
    In {
        to: Option<Arc<dyn Stream>>,
        given: VecDeque<Vec<u8>>,
        bytes: usize,
        /// How much of the first piece was taken.
        taken: usize,
        closing: bool,
    },
}

#[derive(Debug)]
struct Entry {
    flow: Flow,
    waker: Waker,
}

/// The streams of a machine.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    entries: BTreeMap<u32, Entry>,
    next: u32,
    buffer: Vec<u8>,
}

impl Streams {
    fn add(&mut self, ready: &Arc<ReadyQueue>, flow: Flow) -> u32 {
        self.next += 1;
        let number = self.next;
        let waker = ready.waker(Token::Stream(number));
        // The first look registers with the other end.
        waker.wake_by_ref();
        self.entries.insert(number, Entry { flow, waker });
        number
    }

    /// A stream from `from` to the page.
    pub(crate) fn outwards(&mut self, ready: &Arc<ReadyQueue>, from: From) -> u32 {
        self.add(ready, Flow::Out { from, credit: 0 })
    }

    /// A stream from the page to `to`.
    pub(crate) fn inwards(&mut self, ready: &Arc<ReadyQueue>, to: Arc<dyn Stream>) -> u32 {
        let flow = Flow::In {
            to: Some(to),
            given: VecDeque::new(),
            bytes: 0,
            taken: 0,
            closing: false,
        };
        self.add(ready, flow)
    }

    /// The page will take `bytes` more.
    pub(crate) fn credit(&mut self, number: u32, bytes: usize) {
        if let Some(Entry {
            flow: Flow::Out { credit, .. },
            waker,
        }) = self.entries.get_mut(&number)
        {
            *credit = credit.saturating_add(bytes);
            waker.wake_by_ref();
        }
    }

    /// The page gives bytes to a process.
    ///
    /// # Errors
    ///
    /// `EPIPE` when the stream is closed, `EAGAIN` when too much was given already.
    pub(crate) fn give(&mut self, number: u32, data: Vec<u8>) -> Result<(), Errno> {
        let Some(Entry {
            flow:
                Flow::In {
                    given,
                    bytes,
                    closing: false,
                    ..
                },
            waker,
        }) = self.entries.get_mut(&number)
        else {
            return Err(Errno::BrokenPipe);
        };
        if *bytes > 0 && bytes.saturating_add(data.len()) > GIVEN_MAX {
            return Err(Errno::Again);
        }
        *bytes += data.len();
        given.push_back(data);
        waker.wake_by_ref();
        Ok(())
    }

    /// The page is done with a stream: it gives no more, or takes no more.
    pub(crate) fn close(&mut self, number: u32) {
        match self.entries.get_mut(&number) {
            Some(Entry {
                flow: Flow::In { closing, .. },
                waker,
            }) => {
                *closing = true;
                waker.wake_by_ref();
            }
            Some(_) => drop(self.entries.remove(&number)),
            None => {}
        }
    }

    /// Moves what can be moved in a stream that was woken.
    pub(crate) fn turn(&mut self, number: u32, outside: &dyn Outside) {
        let Some(entry) = self.entries.get_mut(&number) else {
            return;
        };
        let over = match &mut entry.flow {
            Flow::Out { from, credit } => {
                self.buffer.resize(PIECE_BYTES, 0);
                move_out(
                    number,
                    from,
                    credit,
                    &mut self.buffer,
                    &entry.waker,
                    outside,
                )
            }
            Flow::In {
                to,
                given,
                bytes,
                taken,
                closing,
            } => {
                if let Some(stream) = to {
                    while let Some(piece) = given.front() {
                        let rest = &piece[*taken..];
                        match stream.write(&[IoSlice::new(rest)], &entry.waker) {
                            Poll::Pending => return,
                            Poll::Ready(Ok(count)) if count < rest.len() => *taken += count,
                            Poll::Ready(Ok(_)) => {
                                *bytes -= piece.len();
                                *taken = 0;
                                given.pop_front();
                                outside.tell(&Event::Taken { stream: number }, &[]);
                            }
                            Poll::Ready(Err(_)) => {
                                *to = None;
                                outside.tell(&Event::Broken { stream: number }, &[]);
                                break;
                            }
                        }
                    }
                }
                to.is_none() || *closing
            }
        };
        if over {
            self.entries.remove(&number);
        }
    }
}

/// Moves bytes to the page as far as its credit goes; answers whether the stream is over.
fn move_out(
    number: u32,
    from: &From,
    credit: &mut usize,
    buffer: &mut [u8],
    waker: &Waker,
    outside: &dyn Outside,
) -> bool {
    while *credit > 0 {
        let room = buffer.len().min(*credit);
        match from.read(&mut buffer[..room], waker) {
            Poll::Pending => return false,
            Poll::Ready(0) => {
                outside.tell(&Event::Closed { stream: number }, &[]);
                return true;
            }
            Poll::Ready(count) => {
                *credit -= count;
                outside.tell(&Event::Output { stream: number }, &buffer[..count]);
            }
        }
    }
    false
}
