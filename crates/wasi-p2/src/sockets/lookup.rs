//! Names: from a host name to its addresses.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::task::{Context, Poll};

use holm_abi::{ADDRESSES_MAX, Errno};
use holm_kernel::net::{HostTarget, parse_host};
use wasmtime::component::Resource;

use super::{Answer, SocketError};
use crate::{State, ViewId};

/// A lookup: under way, or over.
#[derive(Debug)]
pub struct Lookup {
    view: ViewId,
    progress: Progress,
}

#[derive(Debug)]
enum Progress {
    Asking(String),
    Found(VecDeque<IpAddr>),
    Failed(Errno),
}

impl Lookup {
    /// A lookup of a name, or of an address written out, which nobody has to be asked about.
    ///
    /// # Errors
    ///
    /// `invalid-argument` for what is neither.
    pub(crate) fn new(view: ViewId, name: &str) -> Answer<Lookup> {
        let progress = match parse(name).ok_or(SocketError::InvalidArgument)? {
            HostTarget::Address(address) => {
                Progress::Found(VecDeque::from([address.to_canonical()]))
            }
            HostTarget::Name(name) => Progress::Asking(name),
        };
        Ok(Lookup { view, progress })
    }

    /// The next address of those that were found.
    pub(crate) fn next(&mut self) -> Option<IpAddr> {
        match &mut self.progress {
            Progress::Found(addresses) => addresses.pop_front(),
            Progress::Asking(_) | Progress::Failed(_) => None,
        }
    }
}

/// Reads the text of a host; a name of another script becomes ASCII first (`wasi:sockets`:
/// "Unicode domain names are automatically converted to ASCII using IDNA encoding").
fn parse(text: &str) -> Option<HostTarget> {
    if text.is_ascii() {
        return parse_host(text).ok();
    }
    parse_host(&idna::domain_to_ascii(text).ok()?).ok()
}

impl State {
    /// Waits until a lookup is over.
    pub(crate) fn poll_lookup(
        &mut self,
        lookup: &Resource<Lookup>,
        context: &mut Context<'_>,
    ) -> Poll<Answer<()>> {
        let entry = self.table.get(lookup)?;
        let name = match &entry.progress {
            Progress::Found(_) => return Poll::Ready(Ok(())),
            Progress::Failed(errno) => return Poll::Ready(Err((*errno).into())),
            Progress::Asking(name) => name.clone(),
        };
        let mut addresses = [IpAddr::V4(Ipv4Addr::UNSPECIFIED); ADDRESSES_MAX];
        let answer = self.poll_call(entry.view, context, |task| {
            task.name_lookup(&name, &mut addresses)
        });
        answer.map(|answer| {
            self.table.get_mut(lookup)?.progress = match answer {
                Ok(count) => {
                    let found = addresses.iter().take(count as usize);
                    // No guest has to know of IPv4 addresses in IPv6 clothes.
                    Progress::Found(found.map(IpAddr::to_canonical).collect())
                }
                Err(errno) => Progress::Failed(errno),
            };
            Ok(answer.map(|_| ())?)
        })
    }
}

#[cfg(test)]
mod tests {
    use holm_kernel::net::HostTarget;

    use super::{Lookup, parse};
    use crate::ViewId;

    #[test]
    fn names_of_all_scripts_become_ascii() {
        for (text, name) in [
            ("EXAMPLE.com", Some("example.com")),
            ("bücher.example", Some("xn--bcher-kva.example")),
            ("例え。テスト", Some("xn--r8jz45g.xn--zckzah")),
            ("", None),
            ("a b", None),
            ("ü b", None),
            ("user@example.com", None),
            ("üser@example.com", None),
        ] {
            let expected = name.map(|name| HostTarget::Name(name.to_owned()));
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    #[test]
    fn addresses_are_answered_by_nobody_else() {
        for (text, address) in [
            ("127.0.0.1", "127.0.0.1"),
            ("2130706433", "127.0.0.1"),
            ("１２７.0.0.1", "127.0.0.1"),
            ("::1", "::1"),
            ("::ffff:10.0.0.1", "10.0.0.1"),
            ("[::ffff:a9fe:a9fe]", "169.254.169.254"),
        ] {
            let mut lookup = Lookup::new(ViewId::PROGRAM, text).expect(text);
            let found = lookup.next().map(|address| address.to_string());
            assert_eq!(found.as_deref(), Some(address), "{text}");
            assert_eq!(lookup.next(), None, "{text}");
        }
    }
}
