//! A source of ranges whose answers come when a test says so, in whatever order.

use std::fmt;
use std::sync::{Arc, Mutex};

use crate::lock;
use crate::vfs::ranges::{RangeRequest, RangeSource, SourceVersion};

type Content = dyn Fn(u64, usize) -> Vec<u8> + Send + Sync;

/// A source that is asked and keeps the requests.
pub struct LateSource {
    version: SourceVersion,
    content: Box<Content>,
    waiting: Mutex<Vec<RangeRequest>>,
}

impl fmt::Debug for LateSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LateSource")
            .field("waiting", &self.waiting)
            .finish_non_exhaustive()
    }
}

impl RangeSource for LateSource {
    fn request(&self, request: RangeRequest) {
        lock(&self.waiting).push(request);
    }
}

impl LateSource {
    /// A source of `length` bytes, those at an offset made by `content`.
    #[must_use]
    pub fn made(
        length: u64,
        content: impl Fn(u64, usize) -> Vec<u8> + Send + Sync + 'static,
    ) -> Arc<LateSource> {
        Arc::new(LateSource {
            version: SourceVersion {
                length,
                tag: Some("one".to_owned()),
            },
            content: Box::new(content),
            waiting: Mutex::default(),
        })
    }

    /// A source of these bytes.
    #[must_use]
    pub fn of(bytes: Vec<u8>) -> Arc<LateSource> {
        LateSource::made(bytes.len() as u64, move |offset, length| {
            let start = usize::try_from(offset).unwrap_or(usize::MAX);
            let rest = bytes.get(start..).unwrap_or_default();
            rest[..rest.len().min(length)].to_vec()
        })
    }

    /// The version that its answers are of.
    #[must_use]
    pub fn version(&self) -> &SourceVersion {
        &self.version
    }

    /// Offset and length of what was asked for and not answered, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<(u64, usize)> {
        let waiting = lock(&self.waiting);
        waiting
            .iter()
            .map(|request| (request.offset(), request.length()))
            .collect()
    }

    /// Takes a request, to be answered otherwise.
    pub fn take(&self, at: usize) -> RangeRequest {
        lock(&self.waiting).remove(at)
    }

    /// Answers a request as it should be.
    pub fn answer(&self, at: usize) {
        self.answer_as(at, &self.version);
    }

    /// Answers a request with bytes of another version.
    pub fn answer_as(&self, at: usize, version: &SourceVersion) {
        let request = self.take(at);
        let bytes = (self.content)(request.offset(), request.length());
        request.complete(&bytes, version);
    }

    /// Answers everything that waits; whether there was anything.
    pub fn answer_all(&self) -> bool {
        let any = !lock(&self.waiting).is_empty();
        while !lock(&self.waiting).is_empty() {
            self.answer(0);
        }
        any
    }
}
