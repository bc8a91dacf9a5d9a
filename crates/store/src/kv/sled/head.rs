//! The head file: how far the store had come, kept apart from sled so that a lost tail shows.
//!
//! ```text
//! slot     magic(8) ‖ id(16) ‖ schema(4) ‖ zero(4) ‖ commit(8) ‖ zeros(16) ‖ checksum(8)          64 bytes
//! file     slot at 0, slot at 4096
//! ```
//!
//! Commit `n` goes into slot `n mod 2`, so that a write that is torn leaves the other slot, one commit behind. It is written
//! after sled's own file is on the disk: the head never claims what was not stored, and sled's ledger behind the head
//! means that acknowledged commits are gone.
//!
//! The slot is written with each synced commit but brought to the disk by the operating system, in its own time, and by
//! [`Head::sync`] at a clean close. It need not be sooner: the commit itself is on the disk by then, SIGKILL does not touch
//! written pages, and after a power cut an old head only asks for less. Measured in turns, a
//! second fsync would halve the commits per second.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::super::{SchemaVersion, StoreError};
use super::folder::sync_folder;
use super::record::take;

const MAGIC: &[u8; 8] = b"momohd\0\x01";
const SLOT_BYTES: usize = 64;
/// Slots lie a page apart: a sector that breaks takes only one.
const SLOT_DISTANCE: u64 = 4096;
const CHECKSUM_BYTES: usize = 8;

/// What a slot says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) id: [u8; 16],
    /// The newest schema that has begun to write here. Raised before a migration's first write, so that an older program
    /// never opens half of it.
    pub(super) schema: SchemaVersion,
    /// The newest synced commit.
    pub(super) commit: u64,
}

/// The open head file.
#[derive(Debug)]
pub(super) struct Head {
    file: File,
    path: PathBuf,
}

impl Head {
    /// Opens the file, and reads its newest slot. `None` where there is no file.
    pub(super) fn open(path: &Path) -> Result<Option<(Self, Mark)>, StoreError> {
        let mut file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::io(&error, path)),
        };
        let mut bytes = Vec::new();
        (&mut file)
            .take(SLOT_DISTANCE + SLOT_BYTES as u64)
            .read_to_end(&mut bytes)
            .map_err(|error| StoreError::io(&error, path))?;
        let slots = [bytes.get(..SLOT_BYTES), bytes.get(SLOT_DISTANCE as usize..)];
        let marks = slots.into_iter().flatten().filter_map(decode);
        let newest = marks.max_by_key(|mark| (mark.commit, mark.schema));
        let mark = newest.ok_or_else(|| StoreError::damaged("its head file cannot be read"))?;
        Ok(Some((Self { file, path: path.to_path_buf() }, mark)))
    }

    /// Makes a file that says `mark` in both slots. It appears whole or not at all.
    pub(super) fn create(path: &Path, mark: &Mark) -> Result<Self, StoreError> {
        let fails = |error: std::io::Error| StoreError::io(&error, path);
        let new = path.with_extension("new");
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&new).map_err(fails)?;
        let head = Self { file, path: path.to_path_buf() };
        head.write_slot(0, mark)?;
        head.write_slot(1, mark)?;
        head.sync()?;
        std::fs::rename(&new, path).map_err(fails)?;
        if let Some(folder) = path.parent() {
            sync_folder(folder)?;
        }
        Ok(head)
    }

    /// Records `mark`, in the slot that its commit names.
    pub(super) fn write(&self, mark: &Mark) -> Result<(), StoreError> {
        self.write_slot(mark.commit % 2, mark)
    }

    /// Records `mark` in both slots and waits until they are on the disk.
    pub(super) fn write_both(&self, mark: &Mark) -> Result<(), StoreError> {
        // The slot that is not the newest first: at any moment one of the two is whole.
        self.write_slot(mark.commit.wrapping_add(1) % 2, mark)?;
        self.sync()?;
        self.write_slot(mark.commit % 2, mark)?;
        self.sync()
    }

    /// Waits until what was written is on the disk.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        self.file.sync_data().map_err(|error| StoreError::io(&error, &self.path))
    }

    fn write_slot(&self, slot: u64, mark: &Mark) -> Result<(), StoreError> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(slot * SLOT_DISTANCE))
            .and_then(|_| file.write_all(&encode(mark)))
            .map_err(|error| StoreError::io(&error, &self.path))
    }
}

fn encode(mark: &Mark) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(SLOT_BYTES);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&mark.id);
    bytes.extend_from_slice(&mark.schema.0.to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&mark.commit.to_le_bytes());
    bytes.resize(SLOT_BYTES - CHECKSUM_BYTES, 0);
    let checksum = blake3::hash(&bytes);
    bytes.extend_from_slice(&checksum.as_bytes()[..CHECKSUM_BYTES]);
    bytes
}

/// `None` for anything but a slot that was written whole.
fn decode(slot: &[u8]) -> Option<Mark> {
    let (mut fields, checksum) = slot.split_last_chunk::<CHECKSUM_BYTES>()?;
    if slot.len() != SLOT_BYTES || blake3::hash(fields).as_bytes()[..CHECKSUM_BYTES] != *checksum {
        return None;
    }
    if take::<8>(&mut fields)? != *MAGIC {
        return None;
    }
    let id = take::<16>(&mut fields)?;
    let schema = SchemaVersion(u32::from_le_bytes(take::<4>(&mut fields)?));
    take::<4>(&mut fields)?;
    let commit = u64::from_le_bytes(take::<8>(&mut fields)?);
    Some(Mark { id, schema, commit })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(commit: u64) -> Mark {
        Mark { id: [3; 16], schema: SchemaVersion(1), commit }
    }

    #[test]
    fn the_newest_whole_slot_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("head");
        assert!(Head::open(&path).unwrap().is_none());
        let head = Head::create(&path, &mark(0)).unwrap();
        head.write(&mark(1)).unwrap();
        head.write(&mark(2)).unwrap();
        assert_eq!(Head::open(&path).unwrap().unwrap().1, mark(2));

        let whole = std::fs::read(&path).unwrap();
        for bit in 0..SLOT_BYTES * 8 {
            let mut torn = whole.clone();
            torn[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, &torn).unwrap();
            assert_eq!(Head::open(&path).unwrap().unwrap().1, mark(1), "bit {bit}");
        }
        for length in 0..SLOT_BYTES {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(matches!(Head::open(&path), Err(StoreError::Damaged { .. })), "cut to {length}");
        }
    }
}
