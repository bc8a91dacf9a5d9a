//! What this store puts into sled: values with a checksum, and one ledger that sums them up.
//!
//! ```text
//! record   key → value ‖ checksum(8)             checksum = BLAKE3(key length ‖ key ‖ value), its first 8 bytes
//! ledger   ""  → ledger(53) ‖ checksum(8)        written in every commit, atomically with it
//! ```
//!
//! sled checks what it reads from its log, but not that a page belongs under this key, nor that a page is the newest. The
//! first is the checksum's work, the second the ledger's: the number of records and the sum of their checksums change
//! with every write, so a leaf that is missing or old shows when all records are counted.

use super::super::{SchemaVersion, StoreError};

/// Where the ledger lies: before every key that a caller may use.
pub(super) const LEDGER_KEY: &[u8] = b"";

const CHECKSUM_BYTES: usize = 8;
const LEDGER_BYTES: usize = 53;
const MAGIC: &[u8; 8] = b"momokv\0\x01";

/// Which store this is, and what all of its records come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ledger {
    /// Names this store among copies and others; also in the head file.
    pub(super) id: [u8; 16],
    pub(super) schema: SchemaVersion,
    /// Counts commits, synced and buffered alike.
    pub(super) commit: u64,
    /// Where the sum of all records stands.
    pub(super) tally: Tally,
}

/// The number of records and the sum of their checksums, modulo 2^64: independent of the order of writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    pub(super) records: u64,
    pub(super) sum: u64,
}

/// `value` as it is stored under `key`.
pub(super) fn seal(key: &[u8], mut value: Vec<u8>) -> Vec<u8> {
    let checksum = checksum(key, &value);
    value.extend_from_slice(&checksum.to_le_bytes());
    value
}

/// The value in `stored`, if it is what was once sealed under `key`.
pub(super) fn open<'a>(key: &[u8], stored: &'a [u8]) -> Result<&'a [u8], StoreError> {
    let (value, found) = split(stored)?;
    if found != checksum(key, value) {
        return Err(StoreError::damaged("a record does not match its checksum"));
    }
    Ok(value)
}

/// The checksum that `stored` ends with, taken as it is.
pub(super) fn checksum_of(stored: &[u8]) -> Result<u64, StoreError> {
    split(stored).map(|(_, found)| found)
}

impl Tally {
    pub(super) fn add(&mut self, checksum: u64) {
        self.records = self.records.wrapping_add(1);
        self.sum = self.sum.wrapping_add(checksum);
    }

    pub(super) fn remove(&mut self, checksum: u64) {
        self.records = self.records.wrapping_sub(1);
        self.sum = self.sum.wrapping_sub(checksum);
    }
}

impl Ledger {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(LEDGER_BYTES + CHECKSUM_BYTES);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.id);
        bytes.extend_from_slice(&self.schema.0.to_le_bytes());
        bytes.push(0);
        bytes.extend_from_slice(&self.commit.to_le_bytes());
        bytes.extend_from_slice(&self.tally.records.to_le_bytes());
        bytes.extend_from_slice(&self.tally.sum.to_le_bytes());
        seal(LEDGER_KEY, bytes)
    }

    pub(super) fn decode(stored: &[u8]) -> Result<Self, StoreError> {
        let mut rest = open(LEDGER_KEY, stored)?;
        let mut fields = || -> Option<Self> {
            if take::<8>(&mut rest)? != *MAGIC {
                return None;
            }
            let id = take::<16>(&mut rest)?;
            let schema = SchemaVersion(u32::from_le_bytes(take::<4>(&mut rest)?));
            take::<1>(&mut rest)?;
            let commit = u64::from_le_bytes(take::<8>(&mut rest)?);
            let records = u64::from_le_bytes(take::<8>(&mut rest)?);
            let sum = u64::from_le_bytes(take::<8>(&mut rest)?);
            Some(Self { id, schema, commit, tally: Tally { records, sum } })
        };
        fields().ok_or_else(|| StoreError::damaged("the ledger cannot be read"))
    }
}

/// Takes `N` bytes off the front of `rest`.
pub(super) fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (front, behind) = rest.split_first_chunk::<N>()?;
    *rest = behind;
    Some(*front)
}

fn split(stored: &[u8]) -> Result<(&[u8], u64), StoreError> {
    let (value, checksum) = stored
        .split_last_chunk::<CHECKSUM_BYTES>()
        .ok_or_else(|| StoreError::damaged("a record is too short for its checksum"))?;
    Ok((value, u64::from_le_bytes(*checksum)))
}

fn checksum(key: &[u8], value: &[u8]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(key.len() as u64).to_le_bytes());
    hasher.update(key);
    hasher.update(value);
    let mut first = [0; CHECKSUM_BYTES];
    hasher.finalize_xof().fill(&mut first);
    u64::from_le_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_opens_only_under_its_own_key_and_unchanged() {
        let stored = seal(b"key", b"value".to_vec());
        assert_eq!(open(b"key", &stored), Ok(b"value".as_slice()));
        assert!(open(b"kex", &stored).is_err());
        assert!(open(b"ke", &stored).is_err());
        for bit in 0..stored.len() * 8 {
            let mut flipped = stored.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(open(b"key", &flipped).is_err(), "bit {bit}");
        }
        for length in 0..stored.len() {
            assert!(open(b"key", &stored[..length]).is_err(), "cut to {length}");
        }
    }

    #[test]
    fn a_ledger_comes_back_as_it_was() {
        let tally = Tally { records: 3, sum: u64::MAX };
        let ledger = Ledger { id: [7; 16], schema: SchemaVersion(2), commit: 9, tally };
        let stored = ledger.encode();
        assert_eq!(stored.len(), LEDGER_BYTES + CHECKSUM_BYTES);
        assert_eq!(Ledger::decode(&stored), Ok(ledger));
        assert!(Ledger::decode(&seal(LEDGER_KEY, b"short".to_vec())).is_err());
    }
}
