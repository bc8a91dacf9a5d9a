//! What crosses a wire or lies on a disk: ids, clocks, signed objects, frames, and their CBOR form.
//!
//! Everybody uses it; it uses nobody. `docs/protocol.md` states the rules (with ids that tests cite) and the CDDL
//! schema; `golden/vectors.txt` freezes the bytes.
//!
//! # Invariants
//! 1. Decoding is total: any bytes give a value or a [`cbor::DecodeError`], within bounded memory and depth.
//!    Test: `prop_decoders_survive_any_bytes`.
//! 2. One value has one encoding; what does not encode back to itself is refused, so that a hash over received
//!    bytes and a hash over a re-encoding can never differ. Test: `prop_decoded_bytes_encode_back`.
//! 3. What is signed is a context string for the kind of object, then the bytes as received.
//!
//! Not here: whether an object is *allowed* (that is `replica`'s admission and roster fold), any IO, any clock.
#![warn(missing_docs)]

pub mod limits;
pub mod cbor;
pub mod id;
pub mod clock;
pub mod signed;
pub mod certificate;
pub mod event;
pub mod content;
pub mod document;
pub mod register;
pub mod roster;
pub mod handshake;
pub mod replication;
pub mod ephemeral;
pub mod call;
pub mod listening;
pub mod location;
pub mod feed;
pub mod notice;
pub mod server;
pub mod peer;
pub mod redacted;
