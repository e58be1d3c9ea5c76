//! Artifacts: compiled code followed by a trailer that authenticates it.
//!
//! ```text
//! code          what Wasmtime made; mapped from offset 0
//! description   key, kind, digest of the program, keyed digest of the code, ...
//! mac           32 bytes: keyed digest of the description
//! length        8 bytes: of the description
//! magic         8 bytes
//! ```
//!
//! The trailer is last so that the code can be mapped where it lies. Two digests, so that listing
//! the cache need not read the code.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::time::{SystemTime, UNIX_EPOCH};

use super::wire::{Reader, Writer};
use super::{Cache, CacheError, failed};
use crate::digest::Digest;
use crate::identity::StatIdentity;
use crate::settings::CodeKind;

const MAGIC: &[u8; 8] = b"holm-ca1";
const FIXED_BYTES: usize = 32 + 8 + 8;
const MAXIMUM_DESCRIPTION_BYTES: u64 = 4096;
const CODE_PURPOSE: &[u8; 8] = b"code    ";
const DESCRIPTION_PURPOSE: &[u8; 8] = b"describe";

/// What an artifact is filed under: the program, the engine's fingerprint and the kind of code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ArtifactKey {
    hash: [u8; 32],
    pub(crate) kind: CodeKind,
}

impl ArtifactKey {
    pub(crate) fn new(fingerprint: &[u8; 32], digest: Digest, kind: CodeKind) -> ArtifactKey {
        let mut hasher = blake3::Hasher::new_derive_key("holm engine artifact");
        hasher.update(fingerprint);
        hasher.update(&digest.0);
        hasher.update(&[kind.to_byte()]);
        ArtifactKey {
            hash: *hasher.finalize().as_bytes(),
            kind,
        }
    }

    /// The file's name.
    pub(crate) fn name(&self) -> String {
        let hash = blake3::Hash::from_bytes(self.hash).to_hex();
        format!("{hash}.{}", char::from(self.kind.to_byte()))
    }
}

/// What an artifact is the code of.
#[derive(Debug, Clone)]
pub(crate) struct Description {
    pub(crate) kind: CodeKind,
    pub(crate) digest: Digest,
    /// The program's name when it was compiled.
    pub(crate) name: String,
    pub(crate) program_bytes: u64,
    pub(crate) compiled_at: SystemTime,
}

impl Cache {
    /// Opens the artifact `key` after reading all of it to check that this cache made it.
    ///
    /// None when it is not there. What is there but fails the check is removed and counts as
    /// not there.
    pub(crate) fn open_checked(&self, key: &ArtifactKey) -> Option<(File, StatIdentity)> {
        let path = self.path("code", &key.name());
        let mut file = File::open(&path).ok()?;
        let before = StatIdentity::of(&file.metadata().ok()?);
        let intact = self.check(&mut file, before.size, key);
        let after = StatIdentity::of(&file.metadata().ok()?);
        if intact != Some(true) || before != after {
            let _ = fs::remove_file(&path);
            return None;
        }
        Some((file, after))
    }

    /// Opens the artifact `key` if it is still the file that was checked when it was `identity`.
    pub(crate) fn open_known(&self, key: &ArtifactKey, identity: &StatIdentity) -> Option<File> {
        let file = File::open(self.path("code", &key.name())).ok()?;
        (StatIdentity::of(&file.metadata().ok()?) == *identity).then_some(file)
    }

    /// Whether there is a file for `key`, intact or not.
    pub(crate) fn has_artifact(&self, key: &ArtifactKey) -> bool {
        self.path("code", &key.name()).exists()
    }

    pub(crate) fn remove_artifact(&self, key: &ArtifactKey) {
        // Gone already is as good.
        let _ = fs::remove_file(self.path("code", &key.name()));
    }

    /// Files `code` under `key`; answers the file, open, and its identity.
    pub(crate) fn insert(
        &self,
        key: &ArtifactKey,
        code: &[u8],
        description: &Description,
    ) -> Result<(File, StatIdentity), CacheError> {
        let size = u64::try_from(code.len()).unwrap_or(u64::MAX);
        self.check_fits(size)?;
        let trailer = self.trailer(key, code, description);
        let name = key.name();
        let file = self.write("code", &name, &[code, &trailer])?;
        let metadata = file
            .metadata()
            .map_err(|source| failed("look at", &self.path("code", &name), source))?;
        self.note_insertion(size);
        Ok((file, StatIdentity::of(&metadata)))
    }

    fn trailer(&self, key: &ArtifactKey, code: &[u8], description: &Description) -> Vec<u8> {
        let code_mac = self.secret.hasher(CODE_PURPOSE).update(code).finalize();
        let mut writer = Writer::default();
        writer.array(&key.hash);
        writer.u8(description.kind.to_byte());
        writer.array(&description.digest.0);
        writer.array(code_mac.as_bytes());
        writer.u64(description.program_bytes);
        let compiled_at = description.compiled_at.duration_since(UNIX_EPOCH);
        writer.u64(compiled_at.map_or(0, |since| since.as_secs()));
        writer.text(&description.name);
        let mut trailer = writer.0;
        let length = u64::try_from(trailer.len()).unwrap_or(0);
        let mut hasher = self.secret.hasher(DESCRIPTION_PURPOSE);
        let mac = hasher.update(&trailer).finalize();
        trailer.extend_from_slice(mac.as_bytes());
        trailer.extend_from_slice(&length.to_le_bytes());
        trailer.extend_from_slice(MAGIC);
        trailer
    }

    /// Whether the file holds what was inserted under `key`; none when it cannot be read.
    fn check(&self, file: &mut File, size: u64, key: &ArtifactKey) -> Option<bool> {
        let trailer = self.read_trailer(file, size)?;
        if trailer.key_hash != key.hash || trailer.description.kind != key.kind {
            return Some(false);
        }
        file.seek(SeekFrom::Start(0)).ok()?;
        let mut hasher = self.secret.hasher(CODE_PURPOSE);
        let read = std::io::copy(&mut file.take(trailer.code_bytes), &mut hasher).ok()?;
        Some(read == trailer.code_bytes && hasher.finalize() == trailer.code_mac)
    }

    /// Reads and authenticates a trailer.
    pub(super) fn read_trailer(&self, file: &mut File, size: u64) -> Option<Trailer> {
        let fixed = u64::try_from(FIXED_BYTES).ok()?;
        let fixed_start = size.checked_sub(fixed)?;
        file.seek(SeekFrom::Start(fixed_start)).ok()?;
        let mut tail = [0; FIXED_BYTES];
        file.read_exact(&mut tail).ok()?;
        let (mac, rest) = tail.split_first_chunk::<32>()?;
        let (length, magic) = rest.split_first_chunk::<8>()?;
        let length = u64::from_le_bytes(*length);
        if magic != MAGIC || length > MAXIMUM_DESCRIPTION_BYTES {
            return None;
        }
        let code_bytes = fixed_start.checked_sub(length)?;
        file.seek(SeekFrom::Start(code_bytes)).ok()?;
        let mut description = vec![0; usize::try_from(length).ok()?];
        file.read_exact(&mut description).ok()?;
        let mut hasher = self.secret.hasher(DESCRIPTION_PURPOSE);
        // `blake3::Hash` compares in constant time.
        if hasher.update(&description).finalize() != blake3::Hash::from_bytes(*mac) {
            return None;
        }
        let mut reader = Reader(&description);
        let trailer = Trailer {
            key_hash: reader.array()?,
            code_bytes,
            description: Description {
                kind: CodeKind::from_byte(reader.u8()?)?,
                digest: Digest(reader.array()?),
                name: String::new(),
                program_bytes: 0,
                compiled_at: UNIX_EPOCH,
            },
            code_mac: blake3::Hash::from_bytes(reader.array()?),
        };
        let program_bytes = reader.u64()?;
        let compiled_at = UNIX_EPOCH.checked_add(std::time::Duration::from_secs(reader.u64()?))?;
        let name = reader.text()?;
        reader.is_done().then_some(Trailer {
            description: Description {
                name,
                program_bytes,
                compiled_at,
                ..trailer.description
            },
            ..trailer
        })
    }
}

/// An authentic trailer.
#[derive(Debug)]
pub(super) struct Trailer {
    key_hash: [u8; 32],
    code_mac: blake3::Hash,
    pub(super) code_bytes: u64,
    pub(super) description: Description,
}
