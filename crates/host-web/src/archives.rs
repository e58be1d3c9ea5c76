//! Archives of the page: given as bytes, or somewhere else and fetched by range.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

use holm_kernel::vfs::Directory;
use holm_kernel::vfs::ranges::{RangeCache, RangeRequest, RangeSource, SourceVersion};
use holm_package::archive::{ArchiveLimits, ArchiveOpening};

use crate::event::{Event, Outside};
use crate::ready::{ReadyQueue, Token};

/// Most archives that are being opened at one time.
const OPENINGS_MAX: usize = 256;

/// Bytes that are all here.
#[derive(Debug)]
struct Whole {
    bytes: Vec<u8>,
    version: SourceVersion,
}

impl RangeSource for Whole {
    fn request(&self, request: RangeRequest) {
        let start = usize::try_from(request.offset()).unwrap_or(usize::MAX);
        let rest = self.bytes.get(start..).unwrap_or(&[]);
        let range = &rest[..request.length().min(rest.len())];
        request.complete(range, &self.version);
    }
}

/// Requests that the page has not answered yet, by ticket.
#[derive(Debug, Default)]
struct Tickets {
    waiting: BTreeMap<u32, RangeRequest>,
    next: u32,
}

/// Bytes that the page fetches.
#[derive(Debug)]
struct Remote {
    url: String,
    tickets: Arc<Mutex<Tickets>>,
    outside: Arc<dyn Outside>,
}

impl RangeSource for Remote {
    fn request(&self, request: RangeRequest) {
        let event = {
            let mut tickets = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
            tickets.next = tickets.next.wrapping_add(1);
            let ticket = tickets.next;
            let event = Event::Fetch {
                ticket,
                url: self.url.clone(),
                offset: request.offset(),
                length: request.length(),
            };
            tickets.waiting.insert(ticket, request);
            event
        };
        self.outside.tell(&event, &[]);
    }
}

/// The files of an archive, or why it cannot be opened.
pub(crate) type Opened = Result<Arc<dyn Directory>, String>;

/// An archive on its way to be mounted.
#[derive(Debug)]
struct Opening<T> {
    opening: ArchiveOpening,
    waker: Waker,
    then: T,
}

/// The archives of a machine. `T` is what is to be done with one that is open.
#[derive(Debug)]
pub(crate) struct Archives<T> {
    tickets: Arc<Mutex<Tickets>>,
    openings: BTreeMap<u32, Opening<T>>,
    next: u32,
}

impl<T> Default for Archives<T> {
    fn default() -> Archives<T> {
        Archives {
            tickets: Arc::default(),
            openings: BTreeMap::new(),
            next: 0,
        }
    }
}

impl<T> Archives<T> {
    /// Begins to open an archive whose bytes are here.
    pub(crate) fn open_bytes(
        &mut self,
        ready: &Arc<ReadyQueue>,
        bytes: Vec<u8>,
        then: T,
    ) -> Result<(), String> {
        let version = SourceVersion {
            length: bytes.len() as u64,
            tag: None,
        };
        let source = Whole {
            bytes,
            version: version.clone(),
        };
        self.open(ready, Arc::new(source), version, then)
    }

    /// Begins to open an archive that the page fetches by range.
    pub(crate) fn open_remote(
        &mut self,
        ready: &Arc<ReadyQueue>,
        outside: &Arc<dyn Outside>,
        url: String,
        version: SourceVersion,
        then: T,
    ) -> Result<(), String> {
        let source = Remote {
            url,
            tickets: self.tickets.clone(),
            outside: outside.clone(),
        };
        self.open(ready, Arc::new(source), version, then)
    }

    fn open(
        &mut self,
        ready: &Arc<ReadyQueue>,
        source: Arc<dyn RangeSource>,
        version: SourceVersion,
        then: T,
    ) -> Result<(), String> {
        if self.openings.len() >= OPENINGS_MAX {
            return Err(format!("{OPENINGS_MAX} archives are being opened already"));
        }
        self.next += 1;
        let waker = ready.waker(Token::Archive(self.next));
        waker.wake_by_ref();
        let cache = RangeCache::new(source, version, RangeCache::BYTES);
        let opening = ArchiveOpening::new(cache, &ArchiveLimits::default());
        let opening = Opening {
            opening,
            waker,
            then,
        };
        self.openings.insert(self.next, opening);
        Ok(())
    }

    /// Goes on with an archive that was woken; answers its files, or why it cannot be
    /// opened, once that is known.
    pub(crate) fn turn(&mut self, number: u32) -> Option<(T, Opened)> {
        let opening = self.openings.get_mut(&number)?;
        let result = match opening.opening.poll(&opening.waker) {
            Poll::Pending => return None,
            Poll::Ready(Ok(archive)) => archive
                .image()
                .map(|image| image.root())
                .map_err(|error| error.to_string()),
            Poll::Ready(Err(error)) => Err(error.to_string()),
        };
        let opening = self.openings.remove(&number)?;
        Some((opening.then, result))
    }

    /// The page answers a request.
    pub(crate) fn fetched(&mut self, ticket: u32, answer: Result<(&[u8], &SourceVersion), &str>) {
        let request = {
            let mut tickets = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
            tickets.waiting.remove(&ticket)
        };
        match (request, answer) {
            (Some(request), Ok((bytes, version))) => request.complete(bytes, version),
            (Some(request), Err(why)) => request.fail(why),
            (None, _) => {}
        }
    }
}
