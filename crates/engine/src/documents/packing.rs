//! Updates as events carry them, and what a document is folded to: deflated (RFC 1951) where that makes them shorter.
//!
//! What people type names the same few clients in every struct, and their text is text, so that half and more of it goes.
//!
//! # Invariants
//! 1. What was packed comes out the same. Test: `prop_what_was_packed_comes_out`.
//! 2. Any bytes give what they promise or nothing, within memory of that length. Test: `a_promise_that_is_not_kept_is_refused`.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use momoland_protocol::document::DocumentUpdate;

/// What an event says of an update.
pub(crate) fn pack(update: Vec<u8>) -> DocumentUpdate {
    match (deflate(&update), u32::try_from(update.len())) {
        (Some(deflated), Ok(bytes)) if deflated.len() + size_of::<u32>() < update.len() => {
            DocumentUpdate { update: deflated, inflated: Some(bytes) }
        }
        _ => DocumentUpdate { update, inflated: None },
    }
}

/// The update that an event says; `None` where it is not what it promises.
pub(crate) fn unpack(written: DocumentUpdate) -> Option<Vec<u8>> {
    let DocumentUpdate { update, inflated } = written;
    match inflated {
        None => Some(update),
        Some(bytes) => inflate(&update, bytes),
    }
}

/// `None` where memory cannot be written to, which does not happen.
pub(crate) fn deflate(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}

/// Exactly so many bytes, of all that is given; or `None`.
pub(crate) fn inflate(deflated: &[u8], bytes: u32) -> Option<Vec<u8>> {
    let mut decoder = DeflateDecoder::new(deflated);
    let mut inflated = Vec::new();
    decoder.by_ref().take(u64::from(bytes) + 1).read_to_end(&mut inflated).ok()?;
    let whole = inflated.len() as u64 == u64::from(bytes) && decoder.total_in() == deflated.len() as u64;
    whole.then_some(inflated)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn prop_what_was_packed_comes_out(update in prop::collection::vec(0..4_u8, 1..2_000)) {
            let packed = pack(update.clone());
            prop_assert!(packed.update.len() <= update.len());
            prop_assert_eq!(unpack(packed), Some(update));
        }
    }

    // Rules: DO3
    #[test]
    fn a_promise_that_is_not_kept_is_refused() {
        let update = vec![7; 1_000];
        let packed = pack(update.clone());
        assert!(packed.update.len() < 50);
        let promises = |inflated| DocumentUpdate { inflated, ..packed.clone() };
        assert_eq!(unpack(promises(Some(1_000))), Some(update));
        for wrong in [1, 999, 1_001, u32::MAX] {
            assert_eq!(unpack(promises(Some(wrong))), None, "{wrong}");
        }
        let cut = DocumentUpdate { update: packed.update[..packed.update.len() - 1].to_vec(), ..packed.clone() };
        assert_eq!(unpack(cut), None);
        let longer = DocumentUpdate { update: [packed.update.as_slice(), &[0]].concat(), ..packed.clone() };
        assert_eq!(unpack(longer), None, "something behind the end");
        assert_eq!(unpack(DocumentUpdate { update: vec![0xff; 40], inflated: Some(40) }), None);
    }
}
