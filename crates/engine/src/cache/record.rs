//! Index records: which checked artifact a program's file maps to.
//!
//! With one, a warm start reads neither the program nor the whole artifact.
//!
//! One small file per program file and engine fingerprint, authenticated as a whole. A record
//! that does not match in every point is passed over, and the full check decides.

use std::fs::{self, File};
use std::io::Read;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::wire::{Reader, Writer};
use super::{ArtifactKey, Cache, sweep};
use crate::digest::Digest;
use crate::identity::StatIdentity;
use crate::settings::{CodeKind, Form};

const PURPOSE: &[u8; 8] = b"record 2";
const MAXIMUM_RECORD_BYTES: u64 = 4096;
/// After this an artifact is read and checked again: disks lose bits without changing times.
const CHECK_LASTS: Duration = Duration::from_secs(7 * 24 * 3600);
/// How exact "last used" is: the record is touched at most this often.
const TOUCHED_EVERY: Duration = Duration::from_secs(3600);

/// A program's file, and the code for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// The program's file when it was read.
    pub(crate) program: StatIdentity,
    pub(crate) digest: Digest,
    pub(crate) kind: CodeKind,
    pub(crate) form: Form,
    /// The artifact's file when it was checked.
    pub(crate) artifact: StatIdentity,
    /// The program's name, as last seen.
    pub(crate) name: String,
}

impl Cache {
    /// The record of the file `program`, if there is an authentic and current one.
    pub(crate) fn find_record(
        &self,
        fingerprint: &[u8; 32],
        program: &StatIdentity,
    ) -> Option<Record> {
        let path = self.path("programs", &record_name(fingerprint, program));
        let file = File::open(path).ok()?;
        let (record, checked_at) = self.read_record(&file, Some(fingerprint))?;
        let age = SystemTime::now().duration_since(checked_at).ok()?;
        if record.program != *program || age > CHECK_LASTS {
            return None;
        }
        if let Ok(metadata) = file.metadata()
            && sweep::age(&metadata) > TOUCHED_EVERY
        {
            // Only orders evictions.
            let _ = file.set_modified(SystemTime::now());
        }
        Some(record)
    }

    /// Remembers a record, unless the artifact changed so recently that its identity proves
    /// nothing yet. The program's identity must be settled already.
    pub(crate) fn remember(&self, fingerprint: &[u8; 32], record: &Record) {
        if !record.artifact.is_settled(SystemTime::now()) {
            return;
        }
        let mut writer = Writer::default();
        writer.array(fingerprint);
        writer.identity(&record.program);
        writer.array(&record.digest.0);
        writer.u8(record.kind.to_byte());
        writer.u8(record.form.to_byte());
        writer.identity(&record.artifact);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        writer.u64(now.map_or(0, |since| since.as_secs()));
        writer.text(&record.name);
        let mac = self.secret.hasher(PURPOSE).update(&writer.0).finalize();
        let name = record_name(fingerprint, &record.program);
        // A record saves time; without one the next start checks in full.
        if self
            .write("programs", &name, &[&writer.0, mac.as_bytes()])
            .is_ok()
        {
            self.note_insertion(0);
        }
    }

    /// Forgets a record that led nowhere.
    pub(crate) fn forget(&self, fingerprint: &[u8; 32], program: &StatIdentity) {
        let _ = fs::remove_file(self.path("programs", &record_name(fingerprint, program)));
    }

    /// Reads a record and when it was written; `fingerprint` is checked when given.
    pub(super) fn read_record(
        &self,
        mut file: &File,
        fingerprint: Option<&[u8; 32]>,
    ) -> Option<(Record, SystemTime)> {
        // A record fits into one read; a longer file is not one.
        let mut bytes = [0; 512];
        let mut length = file.read(&mut bytes).ok()?;
        let mut long = Vec::new();
        if length == bytes.len() {
            long.extend_from_slice(&bytes);
            file.take(MAXIMUM_RECORD_BYTES)
                .read_to_end(&mut long)
                .ok()?;
            length = 0;
        }
        let bytes = if long.is_empty() {
            &bytes[..length]
        } else {
            &long
        };
        let (body, mac) = bytes.split_last_chunk::<32>()?;
        let mut hasher = self.secret.hasher(PURPOSE);
        if hasher.update(body).finalize() != blake3::Hash::from_bytes(*mac) {
            return None;
        }
        let mut reader = Reader(body);
        let found = reader.array()?;
        if fingerprint.is_some_and(|fingerprint| *fingerprint != found) {
            return None;
        }
        let record = Record {
            program: reader.identity()?,
            digest: Digest(reader.array()?),
            kind: CodeKind::from_byte(reader.u8()?)?,
            form: Form::from_byte(reader.u8()?)?,
            artifact: reader.identity()?,
            name: String::new(),
        };
        let checked_at = UNIX_EPOCH.checked_add(Duration::from_secs(reader.u64()?))?;
        let name = reader.text()?;
        reader
            .is_done()
            .then_some((Record { name, ..record }, checked_at))
    }

    /// The artifact that a record of this fingerprint points to.
    pub(crate) fn key_of(fingerprint: &[u8; 32], record: &Record) -> ArtifactKey {
        ArtifactKey::new(fingerprint, record.digest, record.kind)
    }
}

/// Named by device and inode alone, so that a changed file replaces its old record.
fn record_name(fingerprint: &[u8; 32], program: &StatIdentity) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("holm engine record");
    hasher.update(fingerprint);
    hasher.update(&program.device.to_le_bytes());
    hasher.update(&program.inode.to_le_bytes());
    hasher.finalize().to_hex()[..32].to_owned()
}
