//! CBOR (RFC 8949) with one encoding per value.
//!
//! minicbor accepts trailing bytes, unknown array elements and integers that are longer than need be. All of these
//! would let two byte strings mean one value, so [`decode`] encodes the value again and compares.

use std::convert::Infallible;

use minicbor::{Decode, Decoder, Encode};

/// Why bytes were refused. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Longer than the kind of object may be.
    #[error("{length} bytes where at most {limit} are allowed")]
    TooLong {
        /// Bytes given.
        length: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Not CBOR, or not of the schema.
    #[error("malformed: {0}")]
    Malformed(String),
    /// Another encoding than the one that the protocol allows: trailing bytes, a longer integer, an extra element.
    #[error("not in the canonical encoding")]
    NotCanonical,
    /// A count, a length or a value is outside its bounds.
    #[error("{0} is out of bounds")]
    OutOfBounds(&'static str),
}

impl From<minicbor::decode::Error> for DecodeError {
    fn from(error: minicbor::decode::Error) -> Self {
        Self::Malformed(error.to_string())
    }
}

/// Bounds that the schema cannot express: lengths of strings and lists, ranges of numbers.
///
/// Called after every successful decode, and by constructors of what is sent, so that nobody signs what others refuse.
pub trait Bounded {
    /// # Errors
    /// [`DecodeError::OutOfBounds`] with the name of the field.
    fn check_bounds(&self) -> Result<(), DecodeError>;
}

/// The one encoding of `value`.
pub fn encode<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    let done: Result<(), minicbor::encode::Error<Infallible>> = minicbor::encode(value, &mut bytes);
    // A `Vec` cannot refuse bytes, and no `Encode` of this crate raises a message.
    debug_assert!(done.is_ok(), "encoding into memory cannot fail");
    bytes
}

/// Reads the one value that `bytes` are the encoding of.
///
/// # Errors
/// A [`DecodeError`]; memory stays within a small multiple of `limit`.
pub fn decode<T>(bytes: &[u8], limit: usize) -> Result<T, DecodeError>
where
    T: Encode<()> + for<'b> Decode<'b, ()> + Bounded,
{
    if bytes.len() > limit {
        return Err(DecodeError::TooLong { length: bytes.len(), limit });
    }
    let value: T = Decoder::new(bytes).decode()?;
    if encode(&value) != bytes {
        return Err(DecodeError::NotCanonical);
    }
    value.check_bounds()?;
    Ok(value)
}

/// `Ok` where `holds`, else out of bounds by the name of `field`.
pub fn bound(holds: bool, field: &'static str) -> Result<(), DecodeError> {
    if holds { Ok(()) } else { Err(DecodeError::OutOfBounds(field)) }
}

/// A text field: at most `chars_max` characters, none of them a control character (NUL among them).
pub fn bound_line(text: &str, chars_max: usize, field: &'static str) -> Result<(), DecodeError> {
    bound(text.len() <= chars_max.saturating_mul(4) && text.chars().count() <= chars_max, field)?;
    bound(!text.chars().any(char::is_control), field)
}
