//! What this store puts into sled: values with a checksum, long ones in pieces, and one ledger that sums them up.
//!
//! ```text
//! ledger   00                                        → ledger(53) ‖ checksum(8)     in every commit, atomically with it
//! record   01 ‖ key                                  → 00 ‖ value ‖ checksum(8)     up to 4096 bytes of value
//!                                                    → 01 ‖ commit(8) ‖ entry(4) ‖ pieces(4) ‖ bytes(8) ‖ sum(8) ‖ checksum(8)
//! piece    02 ‖ commit(8) ‖ entry(4) ‖ piece(4)      → bytes ‖ checksum(8)          numbers in keys are big-endian
//! ```
//!
//! A checksum is the first eight bytes of BLAKE3 over key length, key and value. sled checks what it reads from its log, but
//! not that a page belongs under this key, nor that a page is the newest. The first is the checksum's work, the second the
//! ledger's: the number of records and pieces and the sum of their checksums change with every write, so a leaf that is
//! missing or old shows when all of them are counted.
//!
//! Long values are cut because sled puts a page beyond an eighth of a mebibyte into a file of its own, which it never fsyncs,
//! and hangs when that file meets a full disk. A leaf holds at most about twenty entries and an index page about 260 keys, so with pieces
//! of 4 KiB and keys of 256 bytes no page comes near. Test: `no_value_is_long_enough_for_a_file_of_its_own`.

use super::super::{Pair, SchemaVersion, StoreError};

/// Where the ledger lies: before every record.
pub(super) const LEDGER_KEY: &[u8] = &[0];

const RECORD: u8 = 1;
/// Also the end of the records.
const PIECE: u8 = 2;

const WHOLE: u8 = 0;
const IN_PIECES: u8 = 1;

/// Bytes of a value that are stored as they are; longer ones are cut into pieces of this size.
const PIECE_BYTES: usize = 4096;

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
    /// Something was overwritten or removed that is to leave the disk: sled's files are to be written anew.
    pub(super) erase_due: bool,
}

/// What a record holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stored<'a> {
    Whole(&'a [u8]),
    InPieces(Pieces),
}

/// Where the pieces of a long value lie, and what they come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pieces {
    /// The commit that wrote them, and their number among its long values: no two values share pieces.
    commit: u64,
    entry: u32,
    pub(super) count: u32,
    pub(super) bytes: u64,
    /// The sum of their checksums.
    sum: u64,
}

/// The number of records and pieces and the sum of their checksums, modulo 2^64: independent of the order of writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    pub(super) records: u64,
    pub(super) sum: u64,
}

/// Where the record of `key` lies.
pub(super) fn key_of(key: &[u8]) -> Vec<u8> {
    [&[RECORD], key].concat()
}

/// The key of the caller whose record lies under `key`.
pub(super) fn caller_key(key: &[u8]) -> &[u8] {
    key.strip_prefix(&[RECORD]).unwrap_or(key)
}

/// The first key behind every record.
pub(super) fn end_of_records() -> Vec<u8> {
    vec![PIECE]
}

/// A short value as the content of a record; a long one cannot be.
pub(super) fn whole(value: &[u8]) -> Option<Vec<u8>> {
    (value.len() <= PIECE_BYTES).then(|| [&[WHOLE], value].concat())
}

/// Cuts a long value: the content of its record, and each piece with its key.
pub(super) fn cut(value: &[u8], commit: u64, entry: u32) -> (Pieces, Vec<Pair>) {
    let mut pieces = Pieces { commit, entry, count: 0, bytes: value.len() as u64, sum: 0 };
    let mut stored = Vec::with_capacity(value.len().div_ceil(PIECE_BYTES));
    for piece in value.chunks(PIECE_BYTES) {
        let key = pieces.key(pieces.count);
        pieces.count += 1;
        pieces.sum = pieces.sum.wrapping_add(checksum(&key, piece));
        let piece = seal(&key, piece.to_vec());
        stored.push((key, piece));
    }
    (pieces, stored)
}

/// What the record `stored` under the whole of `key` holds.
pub(super) fn read<'a>(key: &[u8], stored: &'a [u8]) -> Result<Stored<'a>, StoreError> {
    let content = open(key, stored)?;
    let read = match content.split_first() {
        Some((&WHOLE, value)) => Some(Stored::Whole(value)),
        Some((&IN_PIECES, pieces)) => Pieces::decode(pieces).map(Stored::InPieces),
        Some(_) | None => None,
    };
    read.ok_or_else(|| StoreError::damaged("a record cannot be read"))
}

/// `value` with the checksum that belongs to it under `key`.
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

impl Pieces {
    /// Where piece `number` lies.
    pub(super) fn key(&self, number: u32) -> Vec<u8> {
        let mut key = vec![PIECE];
        key.extend_from_slice(&self.commit.to_be_bytes());
        key.extend_from_slice(&self.entry.to_be_bytes());
        key.extend_from_slice(&number.to_be_bytes());
        key
    }

    /// The content of the record that refers to the pieces.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![IN_PIECES];
        bytes.extend_from_slice(&self.commit.to_le_bytes());
        bytes.extend_from_slice(&self.entry.to_le_bytes());
        bytes.extend_from_slice(&self.count.to_le_bytes());
        bytes.extend_from_slice(&self.bytes.to_le_bytes());
        bytes.extend_from_slice(&self.sum.to_le_bytes());
        bytes
    }

    fn decode(mut rest: &[u8]) -> Option<Self> {
        let commit = u64::from_le_bytes(take(&mut rest)?);
        let entry = u32::from_le_bytes(take(&mut rest)?);
        let count = u32::from_le_bytes(take(&mut rest)?);
        let bytes = u64::from_le_bytes(take(&mut rest)?);
        let sum = u64::from_le_bytes(take(&mut rest)?);
        rest.is_empty().then_some(Self { commit, entry, count, bytes, sum })
    }
}

impl Tally {
    pub(super) fn add_pieces(&mut self, pieces: &Pieces) {
        self.records = self.records.wrapping_add(u64::from(pieces.count));
        self.sum = self.sum.wrapping_add(pieces.sum);
    }

    pub(super) fn remove_pieces(&mut self, pieces: &Pieces) {
        self.records = self.records.wrapping_sub(u64::from(pieces.count));
        self.sum = self.sum.wrapping_sub(pieces.sum);
    }

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
        bytes.push(u8::from(self.erase_due));
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
            let erase_due = take::<1>(&mut rest)? != [0];
            let commit = u64::from_le_bytes(take::<8>(&mut rest)?);
            let records = u64::from_le_bytes(take::<8>(&mut rest)?);
            let sum = u64::from_le_bytes(take::<8>(&mut rest)?);
            Some(Self { id, schema, commit, tally: Tally { records, sum }, erase_due })
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
    fn a_long_value_is_cut_and_its_pieces_name_their_place() {
        for bytes in [PIECE_BYTES + 1, 2 * PIECE_BYTES, 2 * PIECE_BYTES + 1] {
            let value: Vec<u8> = (0..bytes).map(|at| (at / 7) as u8).collect();
            assert_eq!(whole(&value), None);
            let (pieces, stored) = cut(&value, 9, 1);
            assert_eq!(pieces.count as usize, bytes.div_ceil(PIECE_BYTES));
            let joined: Vec<u8> = stored.iter().flat_map(|(key, piece)| open(key, piece).unwrap().to_vec()).collect();
            assert_eq!(joined, value);
            let record = seal(&key_of(b"key"), pieces.encode());
            assert_eq!(read(&key_of(b"key"), &record), Ok(Stored::InPieces(pieces)));
            let mut tally = Tally::default();
            for (_, piece) in &stored {
                tally.add(checksum_of(piece).unwrap());
            }
            tally.remove_pieces(&pieces);
            assert_eq!(tally, Tally::default());
        }
        let short = whole(&[7; PIECE_BYTES]).unwrap();
        assert_eq!(read(b"k", &seal(b"k", short)), Ok(Stored::Whole(&[7; PIECE_BYTES])));
    }

    #[test]
    fn a_ledger_comes_back_as_it_was() {
        let tally = Tally { records: 3, sum: u64::MAX };
        let ledger = Ledger { id: [7; 16], schema: SchemaVersion(2), commit: 9, tally, erase_due: true };
        let stored = ledger.encode();
        assert_eq!(stored.len(), LEDGER_BYTES + CHECKSUM_BYTES);
        assert_eq!(Ledger::decode(&stored), Ok(ledger));
        assert!(Ledger::decode(&seal(LEDGER_KEY, b"short".to_vec())).is_err());
    }
}
