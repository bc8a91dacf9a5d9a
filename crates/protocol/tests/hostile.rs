//! Bytes from outside, of any kind: decoders answer a value or a typed error, never more.
#![allow(clippy::unwrap_used, reason = "a test ends where something does not hold")]

use momoland_protocol::cbor::{self, DecodeError};
use momoland_protocol::event::EventHeader;
use momoland_protocol::id::DeviceId;
use momoland_protocol::limits::HEADER_BYTES_MAX;
use momoland_protocol::server::ServerFrame;
use momoland_protocol::signed::{Context, SecretKey};
use proptest::prelude::*;

#[path = "../../../fuzz/src/mutation.rs"]
mod mutation;
#[path = "../../../fuzz/src/protocol.rs"]
mod targets;

/// Decodes `bytes` as every kind of object; what decodes must encode back to them.
fn every_decoder(bytes: &[u8]) {
    targets::TARGETS.into_iter().for_each(|(_, target)| target(bytes));
}

/// The golden vectors: valid objects to be spoilt.
fn valid() -> Vec<Vec<u8>> {
    targets::corpus().into_iter().map(|(_, bytes)| bytes).collect()
}

// Rules: EN1, EN4
#[test]
fn fuzz_targets_survive_spoilt_inputs() {
    let corpus = valid();
    assert!(corpus.len() > 40, "the golden vectors were not read");
    for (number, (name, target)) in targets::TARGETS.into_iter().enumerate() {
        println!("{name}");
        mutation::run(target, &corpus, number as u64, 4_000);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    // Rules: EN4
    #[test]
    fn prop_decoders_survive_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        every_decoder(&bytes);
    }

    // Rules: EN1
    #[test]
    fn prop_decoded_bytes_encode_back(
        choice in any::<prop::sample::Index>(),
        spoils in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
        shorten in any::<bool>(),
    ) {
        let valid = valid();
        let mut bytes = choice.get(&valid).clone();
        for (place, value) in spoils {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        if shorten {
            bytes.truncate(cut.index(bytes.len()));
        }
        every_decoder(&bytes);
    }
}

// Rules: EN4
#[test]
fn counts_that_promise_too_much_cost_nothing() {
    // An array, a text and a byte string of nearly 2^63 entries.
    for first in [0x9b, 0x7b, 0x5b] {
        every_decoder(&[first, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    }
    // A hundred thousand arrays within each other.
    every_decoder(&vec![0x81; 60_000]);
}

// Rules: EN1
#[test]
fn a_second_encoding_of_the_same_value_is_refused() {
    let frame = cbor::encode(&ServerFrame::Online { count: 3 });
    assert!(cbor::decode::<ServerFrame>(&frame, 64).is_ok());
    let mut trailing = frame.clone();
    trailing.push(0);
    assert_eq!(cbor::decode::<ServerFrame>(&trailing, 64), Err(DecodeError::NotCanonical));
    // The count, in two bytes instead of one.
    let mut longer = frame;
    assert_eq!(longer.pop(), Some(3));
    longer.extend([0x18, 3]);
    assert_eq!(cbor::decode::<ServerFrame>(&longer, 64), Err(DecodeError::NotCanonical));
}

// Rules: EN3
#[test]
fn what_is_too_long_is_refused_unread() {
    let bytes = vec![0x81; HEADER_BYTES_MAX + 1];
    let refused = cbor::decode::<EventHeader>(&bytes, HEADER_BYTES_MAX);
    assert_eq!(refused, Err(DecodeError::TooLong { length: HEADER_BYTES_MAX + 1, limit: HEADER_BYTES_MAX }));
}

// Rules: SG2, SG3
#[test]
fn a_signature_for_one_kind_of_object_is_none_for_another() {
    use momoland_protocol::signed::PublicKey as _;
    let key = SecretKey::from_seed(&[1; 32]);
    let one = Context::new("momoland/1/one\0");
    let other = Context::new("momoland/1/other\0");
    let signature = key.sign(one, b"bytes");
    assert!(key.device().check(one, b"bytes", &signature).is_ok());
    assert!(key.device().check(other, b"bytes", &signature).is_err());
    assert!(key.device().check(one, b"other bytes", &signature).is_err());
    // No point of the curve, and the identity, whose signatures would fit anything.
    assert!(DeviceId([2; 32]).check(one, b"bytes", &signature).is_err());
    let mut identity = [0; 32];
    identity[0] = 1;
    assert!(DeviceId(identity).check(one, b"bytes", &signature).is_err());
}

// Rules: ID1
#[test]
fn ids_have_one_text() {
    let id = DeviceId([0xab; 32]);
    assert_eq!(id.to_string().parse::<DeviceId>(), Ok(id));
    assert!(id.to_string().to_uppercase().parse::<DeviceId>().is_err());
    assert!("ab".parse::<DeviceId>().is_err());
    assert!("é".repeat(32).parse::<DeviceId>().is_err());
}
