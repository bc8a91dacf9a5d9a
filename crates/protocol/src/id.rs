//! The names of things. All are fixed byte strings; as text they are lower-case hexadecimal.

use std::fmt;
use std::str::FromStr;

use minicbor::{Decode, Decoder, Encode, Encoder};

/// A text that is not the hexadecimal form of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id: {expected} hexadecimal digits are needed")]
pub struct ParseIdError {
    /// Digits that an id of this kind has.
    pub expected: usize,
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident, $length:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $length]);

        impl $name {
            /// Its length, bytes.
            pub const LENGTH: usize = $length;
            /// All bytes zero: stands for "none" where a field must be there.
            pub const ZERO: Self = Self([0; $length]);

            /// The bytes.
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        // Eight digits tell things apart in a log; the whole id is `Display`.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "("))?;
                self.0.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))?;
                write!(f, "…)")
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                let error = ParseIdError { expected: $length * 2 };
                let digits = text.as_bytes();
                if digits.len() != $length * 2 {
                    return Err(error);
                }
                let mut bytes = [0; $length];
                for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
                    let (high, low) = (hex_digit(pair[0]).ok_or(error)?, hex_digit(pair[1]).ok_or(error)?);
                    *byte = (high << 4) | low;
                }
                Ok(Self(bytes))
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = ParseIdError;

            fn try_from(bytes: &[u8]) -> Result<Self, ParseIdError> {
                bytes.try_into().map(Self).map_err(|_| ParseIdError { expected: $length * 2 })
            }
        }

        impl<C> Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                e: &mut Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
                let bytes = d.bytes()?;
                bytes.try_into().map(Self).map_err(|_| minicbor::decode::Error::message("wrong length of an id"))
            }
        }
    };
}

/// The value of one lower-case hexadecimal digit: one id has one text.
fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

id_type!(
    /// An account: random, given by its home server.
    AccountId, 16
);
id_type!(
    /// A device: its Ed25519 public key.
    DeviceId, 32
);
id_type!(
    /// A server: its Ed25519 public key.
    ServerKey, 32
);
id_type!(
    /// The public half of an invite: an Ed25519 public key.
    InviteKey, 32
);
id_type!(
    /// A room: the hash of its genesis.
    RoomId, 32
);
id_type!(
    /// A log: of a conversation the room's id, of a document or feed the id of the event that announced it.
    LogId, 32
);
id_type!(
    /// An event: BLAKE3 of its signed header.
    EventId, 32
);
id_type!(
    /// A roster change in its place: BLAKE3 of its countersignature.
    RosterHash, 32
);
id_type!(
    /// A roster change: BLAKE3 of the change as its author signed it.
    ChangeHash, 32
);
id_type!(
    /// BLAKE3 of an encoded body.
    BodyHash, 32
);
id_type!(
    /// BLAKE3 over a set of registers, see `replication::Have`.
    SetHash, 32
);
id_type!(
    /// One unbroken life of a device in a log; random, never a counter.
    Incarnation, 16
);
id_type!(
    /// A call: random, given by the device that began it.
    CallId, 16
);
id_type!(
    /// What an administrator told everybody or one person: random, given by the server.
    NoticeId, 16
);
id_type!(
    /// Random bytes that make a signature fresh.
    Nonce, 32
);

impl RoomId {
    /// The log of the room's conversation.
    pub fn conversation(self) -> LogId {
        LogId(self.0)
    }
}

/// A place in a chain. The first event has 1; 0 stands for "before the first".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode)]
#[cbor(transparent)]
pub struct Seq(#[n(0)] pub u64);

impl Seq {
    /// Before the first event.
    pub const ZERO: Self = Self(0);

    /// The place after this one; `None` at the end of numbers.
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One chain of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct ChainId {
    /// Whose chain it is.
    #[n(0)]
    pub device: DeviceId,
    /// Which of the device's lives in the log.
    #[n(1)]
    pub incarnation: Incarnation,
}

/// Fresh random bytes from the operating system.
///
/// # Panics
/// Where the operating system has no randomness to give: nothing here would be safe to go on with.
#[expect(clippy::expect_used, reason = "without randomness no key, nonce or incarnation is safe")]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives randomness");
    bytes
}
