//! Process ids: which are taken, and which comes next.

use std::collections::BTreeSet;

use holm_abi::{Errno, Pid};

/// The last id: ids are positive where they are signed, as POSIX has `pid_t`.
const LAST: u32 = i32::MAX.cast_unsigned();

/// Gives ids in order, and from the first one again after the last. An id is given again only when
/// nobody holds its process any more, so that whoever waits for one gets that one.
#[derive(Debug)]
pub(crate) struct ProcessIds {
    next: u32,
    last: u32,
    taken: BTreeSet<u32>,
}

impl ProcessIds {
    pub(crate) fn new() -> ProcessIds {
        ProcessIds::up_to(LAST)
    }

    fn up_to(last: u32) -> ProcessIds {
        ProcessIds {
            next: 1,
            last,
            taken: BTreeSet::new(),
        }
    }

    /// An id that no other process has. `EAGAIN` when all are taken.
    pub(crate) fn take(&mut self) -> Result<Pid, Errno> {
        let free = self.first_free(self.next, self.last);
        let free = free.or_else(|| self.first_free(1, self.next.saturating_sub(1)));
        let id = free.ok_or(Errno::Again)?;
        self.taken.insert(id);
        self.next = if id == self.last { 1 } else { id + 1 };
        Ok(Pid(id))
    }

    /// As it is when all but the last were given.
    #[cfg(test)]
    pub(crate) fn go_to_the_last(&mut self) {
        self.next = self.last;
    }

    /// Nobody holds the process of this id any more.
    pub(crate) fn release(&mut self, pid: Pid) {
        self.taken.remove(&pid.0);
    }

    /// The first id from `from` on, up to `to`, that is not taken. Those in a row are passed over
    /// once for each time round.
    fn first_free(&self, from: u32, to: u32) -> Option<u32> {
        let mut candidate = from;
        for taken in self.taken.range(from..) {
            if *taken != candidate {
                break;
            }
            candidate = candidate.checked_add(1)?;
        }
        (candidate <= to).then_some(candidate)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use holm_abi::{Errno, Pid};
    use proptest::prelude::*;

    use super::{LAST, ProcessIds};

    #[test]
    fn ids_are_given_in_order_and_again_after_the_last() {
        let mut ids = ProcessIds::up_to(4);
        let taken: Vec<u32> = (0..4).map(|_| ids.take().expect("free").0).collect();
        assert_eq!(taken, [1, 2, 3, 4]);
        assert_eq!(ids.take(), Err(Errno::Again));
        ids.release(Pid(3));
        assert_eq!(ids.take(), Ok(Pid(3)));
        ids.release(Pid(2));
        ids.release(Pid(4));
        // In order from the last one on, not the lowest.
        assert_eq!(ids.take(), Ok(Pid(4)));
        assert_eq!(ids.take(), Ok(Pid(2)));
    }

    /// More requests than there are ids, one after the other.
    #[test]
    fn a_server_never_runs_out() {
        let mut ids = ProcessIds::new();
        ids.next = LAST - 2;
        let held = ids.take().expect("free");
        for _ in 0..100 {
            let pid = ids.take().expect("free");
            assert_ne!(pid, held);
            ids.release(pid);
        }
        ids.next = held.0;
        assert_eq!(ids.take(), Ok(Pid(held.0 + 1)));
    }

    proptest! {
        /// Whatever is taken and released, no id is given that is taken, none is out of range, and
        /// one is given as long as one is free.
        #[test]
        fn never_an_id_that_lives(
            last in 1_u32..12,
            steps in prop::collection::vec((any::<bool>(), 0_usize..12), 0..200),
        ) {
            let mut ids = ProcessIds::up_to(last);
            let mut live = BTreeSet::new();
            for (takes, which) in steps {
                if takes {
                    match ids.take() {
                        Ok(pid) => {
                            prop_assert!((1..=last).contains(&pid.0));
                            prop_assert!(live.insert(pid), "{pid} is taken");
                        }
                        Err(errno) => {
                            prop_assert_eq!(errno, Errno::Again);
                            prop_assert_eq!(live.len(), last as usize);
                        }
                    }
                } else if let Some(pid) = live.iter().nth(which).copied() {
                    live.remove(&pid);
                    ids.release(pid);
                }
            }
        }
    }
}
