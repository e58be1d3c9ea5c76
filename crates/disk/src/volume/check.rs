//! Checking: walks everything and says in words what does not fit together.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use holm_abi::FileType;

use super::Volume;
use crate::checksum::xxh64_low;
use crate::error::Result;
use crate::layout::{BLOCK, BLOCK_BYTES, bytes};
use crate::node::Key;
use crate::record::{
    CHUNK_BLOCKS, Entry, Extent, Inode, Kind, ROOT, is_name, name_keys, order_key,
};

/// Findings that are kept; more are counted.
const FINDINGS_MAX: usize = 100;
/// Chunks whose data is checked at a time.
const BATCH: usize = 64;

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Regular files.
    pub files: u64,
    /// Directories, the root included.
    pub directories: u64,
    /// Symbolic links.
    pub links: u64,
    /// Bytes of data that are stored.
    pub data_bytes: u64,
    /// What is wrong, a sentence each.
    pub findings: Vec<String>,
    /// Findings beyond those.
    pub more: u64,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    fn add(&mut self, finding: String) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        } else {
            self.more += 1;
        }
    }
}

/// What the records say of one inode.
#[derive(Debug, Default)]
struct Facts {
    inode: Option<Inode>,
    /// Entries that lead here, and the directory of the last one.
    names: u64,
    named_in: u64,
    /// Of a directory: its entries, and the directories among them.
    entries: u64,
    directories: u64,
    last_position: u64,
    text: u64,
    has_data: bool,
    is_orphan: bool,
}

#[derive(Debug, Default)]
struct Checker {
    report: Report,
    facts: BTreeMap<u64, Facts>,
    /// Entries of the directory at hand by position, as their names' records tell them.
    names: HashMap<u64, Vec<u8>>,
    at: u64,
}

impl Checker {
    fn of(&mut self, number: u64) -> &mut Facts {
        self.facts.entry(number).or_default()
    }

    fn record(&mut self, key: Key, value: &[u8]) {
        let Some(kind) = Kind::of(key) else {
            self.report
                .add(format!("a record of an unknown kind: {key:#034x}"));
            return;
        };
        let number = match kind {
            Kind::Orphan(_) => 0,
            Kind::Inode(number)
            | Kind::Link(number, _)
            | Kind::Name(number, _)
            | Kind::Order(number, _)
            | Kind::Data(number, _) => number,
        };
        if number != self.at {
            self.end_directory();
            self.at = number;
        }
        match kind {
            Kind::Orphan(number) => self.of(number).is_orphan = true,
            Kind::Inode(number) => match Inode::decode(value) {
                Ok(inode) => self.of(number).inode = Some(inode),
                Err(error) => self.report.add(format!("inode {number}: {error}")),
            },
            Kind::Link(number, _) => self.of(number).text += bytes(value.len()),
            Kind::Name(number, _) => self.name(number, key, value),
            Kind::Order(number, position) => self.order(number, position, value),
            Kind::Data(number, _) => self.data(number, value),
        }
    }

    fn name(&mut self, directory: u64, key: Key, value: &[u8]) {
        let entry = match Entry::decode(value) {
            Ok(entry) => entry,
            Err(error) => {
                return self.report.add(format!("directory {directory}: {error}"));
            }
        };
        let (from, to) = name_keys(directory, &entry.name);
        if key < from || key > to || !is_name(&entry.name) {
            self.report.add(format!(
                "directory {directory}: {:?} cannot be found by its name",
                entry.name
            ));
        }
        let is_directory = entry.file_type == FileType::Directory;
        let child = self.of(entry.inode);
        child.names += 1;
        child.named_in = directory;
        let facts = self.of(directory);
        facts.entries += 1;
        facts.directories += u64::from(is_directory);
        facts.last_position = facts.last_position.max(entry.position);
        self.names.insert(entry.position, value.to_vec());
    }

    fn order(&mut self, directory: u64, position: u64, value: &[u8]) {
        let named = self.names.remove(&position);
        let fits = Entry::decode(value).is_ok_and(|entry| entry.position == position);
        if !fits || named.as_deref() != Some(value) {
            self.report.add(format!(
                "directory {directory}: position {position} of its listing does not fit a name"
            ));
        }
    }

    fn end_directory(&mut self) {
        let at = self.at;
        let missing = self.names.len();
        if missing > 0 {
            self.report.add(format!(
                "directory {at}: {missing} of its names are missing in its listing"
            ));
        }
        self.names.clear();
    }

    fn data(&mut self, number: u64, value: &[u8]) {
        self.of(number).has_data = true;
        match Extent::decode(value) {
            Ok(extent) => self.report.data_bytes += bytes(extent.blocks().count()) * BLOCK_BYTES,
            Err(error) => self.report.add(format!("inode {number}: {error}")),
        }
    }

    /// Compares what an inode says with what leads to it and what hangs on it.
    fn inode(report: &mut Report, number: u64, facts: &Facts) {
        let Some(inode) = &facts.inode else {
            if facts.names > 0 || facts.entries > 0 || facts.has_data {
                report.add(format!(
                    "inode {number} is missing, though {} names lead to it",
                    facts.names
                ));
            }
            return;
        };
        let mut add = |what: String| report.add(format!("inode {number}: {what}"));
        let directory = inode.file_type == FileType::Directory;
        if directory {
            let names = u64::from(inode.links > 0 && number != ROOT);
            if facts.names != names {
                add(format!("{} names lead to this directory", facts.names));
            }
            if inode.links > 0 && inode.links != 2 + facts.directories {
                add(format!(
                    "its link count is {}, and it holds {} directories",
                    inode.links, facts.directories
                ));
            }
            if inode.entries != facts.entries || inode.last_position < facts.last_position {
                add(format!(
                    "it counts {} entries, and holds {}",
                    inode.entries, facts.entries
                ));
            }
            if facts.names == 1 && inode.parent != facts.named_in {
                add(format!(
                    "it says that it is in directory {}, and is in {}",
                    inode.parent, facts.named_in
                ));
            }
        } else {
            if inode.links != facts.names {
                add(format!(
                    "its link count is {}, and {} names lead to it",
                    inode.links, facts.names
                ));
            }
            if facts.entries > 0 {
                add("it has entries, and is no directory".to_owned());
            }
        }
        if inode.links == 0 && !facts.is_orphan {
            add("no name leads to it, and nothing will remove it".to_owned());
        }
        if inode.file_type == FileType::SymbolicLink && inode.size != facts.text {
            add("the text of the symbolic link is not whole".to_owned());
        }
        if inode.file_type != FileType::RegularFile && facts.has_data {
            add("it has data, and is no file".to_owned());
        }
    }

    fn finish(mut self) -> Report {
        self.end_directory();
        for (number, facts) in &self.facts {
            Checker::inode(&mut self.report, *number, facts);
            match facts.inode.map(|inode| inode.file_type) {
                Some(FileType::Directory) => self.report.directories += 1,
                Some(FileType::SymbolicLink) => self.report.links += 1,
                Some(_) => self.report.files += 1,
                None => {}
            }
        }
        let lost = self.lost_directories();
        if lost > 0 {
            self.report.add(format!(
                "{lost} directories cannot be reached from the root"
            ));
        }
        self.report
    }

    /// Directories with a name from which going up does not lead to the root.
    fn lost_directories(&self) -> u64 {
        let mut good: HashMap<u64, bool> = HashMap::from([(ROOT, true)]);
        let mut lost = 0;
        for (number, facts) in &self.facts {
            if facts
                .inode
                .is_none_or(|inode| inode.file_type != FileType::Directory || inode.links == 0)
            {
                continue;
            }
            let mut way = Vec::new();
            let mut current = *number;
            let reached = loop {
                if let Some(known) = good.get(&current) {
                    break *known;
                }
                // Until it is known better: who comes by again has gone round in a circle.
                good.insert(current, false);
                way.push(current);
                match self.facts.get(&current) {
                    Some(facts) if facts.names > 0 => current = facts.named_in,
                    _ => break false,
                }
            };
            for passed in way {
                good.insert(passed, reached);
            }
            lost += u64::from(!reached);
        }
        lost
    }
}

impl Volume {
    /// Walks all records and, with `data`, reads all data.
    pub(crate) fn check(&mut self, data: bool) -> Result<Report> {
        if self.store.check_writable().is_ok() {
            self.commit()?;
        }
        let mut checker = Checker::default();
        self.store.scan(0, Key::MAX, &mut |key, value| {
            checker.record(key, value);
            ControlFlow::Continue(())
        })?;
        let mut report = checker.finish();
        if data {
            self.check_data(&mut report)?;
        }
        Ok(report)
    }

    fn check_data(&mut self, report: &mut Report) -> Result<()> {
        let mut from = 0;
        // Per file: blocks that are damaged, and the first of them.
        let mut bad: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
        loop {
            let mut batch = Vec::new();
            self.store.scan(from, Key::MAX, &mut |key, value| {
                if let (Some(Kind::Data(number, chunk)), Ok(extent)) =
                    (Kind::of(key), Extent::decode(value))
                {
                    batch.push((key, number, chunk, extent));
                }
                if batch.len() == BATCH {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })?;
            let Some((last, ..)) = batch.last() else {
                break;
            };
            from = *last + 1;
            for (_, number, chunk, extent) in batch {
                for at in self.bad_blocks(&extent) {
                    let place = (chunk.saturating_mul(bytes(CHUNK_BLOCKS)) + bytes(at))
                        .saturating_mul(BLOCK_BYTES);
                    bad.entry(number).or_insert((0, place)).0 += 1;
                }
            }
        }
        for (number, (count, first)) in bad {
            let path = self.path_of(number)?;
            report.add(format!(
                "{path}: {count} of its blocks are damaged, the first at byte {first}"
            ));
        }
        Ok(())
    }

    /// The places of a chunk whose data cannot be read or has another checksum.
    fn bad_blocks(&mut self, extent: &Extent) -> Vec<usize> {
        let mut buffer = [0; BLOCK];
        (0..CHUNK_BLOCKS)
            .filter(|at| extent.block[*at] != 0)
            .filter(|at| {
                self.store
                    .read_blocks(extent.block[*at], &mut buffer)
                    .is_err()
                    || xxh64_low(&buffer) != extent.checksum[*at]
            })
            .collect()
    }

    /// A path of an inode, for people: found by looking through all entries, going up.
    fn path_of(&mut self, number: u64) -> Result<String> {
        let mut path = String::new();
        let mut current = number;
        for _ in 0..holm_abi::PATH_MAX {
            if current == ROOT {
                return Ok(path);
            }
            let mut found = None;
            self.store
                .scan(order_key(ROOT, 0), Key::MAX, &mut |key, value| {
                    if let (Some(Kind::Order(directory, _)), Ok(entry)) =
                        (Kind::of(key), Entry::decode(value))
                        && entry.inode == current
                    {
                        found = Some((directory, entry.name.into_owned()));
                        return ControlFlow::Break(());
                    }
                    ControlFlow::Continue(())
                })?;
            let Some((directory, name)) = found else {
                break;
            };
            path = format!("/{name}{path}");
            current = directory;
        }
        Ok(format!("inode {number}"))
    }
}
