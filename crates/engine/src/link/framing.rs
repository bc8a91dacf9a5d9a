//! How frames lie in data-channel messages.
//!
//! A message carries at most [`MESSAGE_BYTES_MAX`]: above 64 KiB implementations differ, and one large message would
//! hold up the other channel. A longer durable frame is cut into messages that follow each other on the reliable,
//! ordered channel, and put together again by [`Reassembly`]. The other channel has whole frames, pings and pongs.
//!
//! ```text
//!  sync        00 frame…             a whole frame
//!              01 length(4) part…    the first part of a frame of `length` bytes
//!              02 part…              a further part; all but the last are full
//!  ephemeral   10 frame…             an ephemeral
//!              11 nonce(8)           ping
//!              12 nonce(8)           pong
//! ```
//!
//! # Invariants
//! 1. What was cut comes out the same. Test: `prop_frames_survive_cutting`.
//! 2. Any messages give frames or an error, and hold at most [`DURABLE_FRAME_BYTES_MAX`] in memory.
//!    Test: `prop_hostile_messages_are_refused_within_bounds`.
//!
//! Not here: what a frame means (`session`), sending (`connection`).

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Bytes of one data-channel message, its tag included.
pub(crate) const MESSAGE_BYTES_MAX: usize = 32 * 1024;
/// Bytes of one durable frame, cut or whole.
pub const DURABLE_FRAME_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of one ephemeral frame: it is never cut, since the loss of one part would waste the others.
pub const EPHEMERAL_FRAME_BYTES_MAX: usize = MESSAGE_BYTES_MAX - 1;

const WHOLE: u8 = 0x00;
const FIRST: u8 = 0x01;
const FURTHER: u8 = 0x02;
const EPHEMERAL: u8 = 0x10;
const PING: u8 = 0x11;
const PONG: u8 = 0x12;

const WHOLE_PAYLOAD_MAX: usize = MESSAGE_BYTES_MAX - 1;
const FIRST_PAYLOAD: usize = MESSAGE_BYTES_MAX - 5;

/// Why a message was refused. The link is closed: the other side does not speak this protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FramingError {
    /// No such tag on this channel, or nothing behind it that fits.
    #[error("a message of unknown form")]
    UnknownForm,
    /// More bytes than a message or a frame may have.
    #[error("{0} bytes are too many")]
    TooLong(usize),
    /// A part without a beginning, a beginning inside a frame, a part of the wrong size.
    #[error("parts out of order")]
    PartsOutOfOrder,
}

/// The messages of one durable frame, one after the other.
#[derive(Debug)]
pub(crate) struct Parts {
    rest: Bytes,
    next: Next,
}

#[derive(Debug)]
enum Next {
    Whole,
    First,
    Further,
}

impl Parts {
    /// `frame` has at most [`DURABLE_FRAME_BYTES_MAX`]: the outbox has seen to it.
    pub(crate) fn new(frame: Bytes) -> Self {
        let next = if frame.len() <= WHOLE_PAYLOAD_MAX { Next::Whole } else { Next::First };
        Self { rest: frame, next }
    }
}

impl Iterator for Parts {
    type Item = BytesMut;

    fn next(&mut self) -> Option<BytesMut> {
        let mut message = BytesMut::with_capacity(MESSAGE_BYTES_MAX.min(self.rest.len() + 5));
        match self.next {
            Next::Whole => message.put_u8(WHOLE),
            Next::First => {
                message.put_u8(FIRST);
                message.put_u32(u32::try_from(self.rest.len()).unwrap_or(u32::MAX));
            }
            Next::Further if self.rest.is_empty() => return None,
            Next::Further => message.put_u8(FURTHER),
        }
        let part = self.rest.len().min(MESSAGE_BYTES_MAX - message.len());
        message.put(self.rest.split_to(part));
        self.next = Next::Further;
        Some(message)
    }
}

/// Puts the messages of the reliable channel together.
#[derive(Debug, Default)]
pub(crate) struct Reassembly {
    /// The frame so far, and how long it will be. Empty while no frame is under way.
    buffer: BytesMut,
    length: usize,
}

impl Reassembly {
    /// A frame, if `message` completes one.
    ///
    /// # Errors
    /// [`FramingError`]; the reassembly must not be used on.
    pub(crate) fn push(&mut self, mut message: Bytes) -> Result<Option<Bytes>, FramingError> {
        if message.len() > MESSAGE_BYTES_MAX {
            return Err(FramingError::TooLong(message.len()));
        }
        let tag = message.try_get_u8().map_err(|_| FramingError::UnknownForm)?;
        let under_way = self.length > 0;
        match tag {
            WHOLE if !under_way => Ok(Some(message)),
            FIRST if !under_way => {
                let length = message.try_get_u32().map_err(|_| FramingError::UnknownForm)?;
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                if length > DURABLE_FRAME_BYTES_MAX {
                    return Err(FramingError::TooLong(length));
                }
                // Exactly what `Parts` makes: a peer cannot spread a frame over thousands of tiny messages.
                if length <= WHOLE_PAYLOAD_MAX || message.len() != FIRST_PAYLOAD {
                    return Err(FramingError::PartsOutOfOrder);
                }
                self.length = length;
                self.buffer.put(message);
                Ok(None)
            }
            FURTHER if under_way => {
                let missing = self.length - self.buffer.len();
                if message.len() != missing.min(WHOLE_PAYLOAD_MAX) {
                    return Err(FramingError::PartsOutOfOrder);
                }
                self.buffer.put(message);
                if self.buffer.len() < self.length {
                    return Ok(None);
                }
                self.length = 0;
                // Takes the allocation along, so that an idle link holds none.
                Ok(Some(std::mem::take(&mut self.buffer).freeze()))
            }
            WHOLE | FIRST | FURTHER => Err(FramingError::PartsOutOfOrder),
            _ => Err(FramingError::UnknownForm),
        }
    }
}

/// A message of the channel without retransmission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EphemeralMessage {
    Frame(Bytes),
    Ping(u64),
    Pong(u64),
}

impl EphemeralMessage {
    pub(crate) fn encode(&self) -> BytesMut {
        let mut message = BytesMut::with_capacity(9);
        match self {
            Self::Frame(frame) => {
                message.reserve(frame.len() + 1);
                message.put_u8(EPHEMERAL);
                message.put_slice(frame);
            }
            Self::Ping(nonce) => {
                message.put_u8(PING);
                message.put_u64(*nonce);
            }
            Self::Pong(nonce) => {
                message.put_u8(PONG);
                message.put_u64(*nonce);
            }
        }
        message
    }

    /// # Errors
    /// [`FramingError`] where `message` is none of them.
    pub(crate) fn decode(mut message: Bytes) -> Result<Self, FramingError> {
        if message.len() > MESSAGE_BYTES_MAX {
            return Err(FramingError::TooLong(message.len()));
        }
        let tag = message.try_get_u8().map_err(|_| FramingError::UnknownForm)?;
        match tag {
            EPHEMERAL => Ok(Self::Frame(message)),
            PING | PONG if message.len() == 8 => {
                let nonce = message.get_u64();
                Ok(if tag == PING { Self::Ping(nonce) } else { Self::Pong(nonce) })
            }
            _ => Err(FramingError::UnknownForm),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(frame: &Bytes) -> Vec<Bytes> {
        Parts::new(frame.clone()).map(BytesMut::freeze).collect()
    }

    fn join(messages: Vec<Bytes>) -> Result<Vec<Bytes>, FramingError> {
        let mut reassembly = Reassembly::default();
        let mut frames = Vec::new();
        for message in messages {
            frames.extend(reassembly.push(message)?);
        }
        Ok(frames)
    }

    // Rules: PL2
    #[test]
    fn frames_around_every_border_survive() {
        for length in [
            0,
            1,
            WHOLE_PAYLOAD_MAX,
            WHOLE_PAYLOAD_MAX + 1,
            FIRST_PAYLOAD + WHOLE_PAYLOAD_MAX,
            FIRST_PAYLOAD + WHOLE_PAYLOAD_MAX + 1,
            DURABLE_FRAME_BYTES_MAX,
        ] {
            let frame: Bytes = (0..length).map(|index| (index % 251) as u8).collect();
            let messages = cut(&frame);
            assert!(messages.iter().all(|message| message.len() <= MESSAGE_BYTES_MAX));
            assert_eq!(join(messages), Ok(vec![frame]), "{length}");
        }
    }

    // Rules: PL3
    #[test]
    fn a_length_beyond_the_bound_is_refused_at_its_first_message() {
        let mut message = BytesMut::new();
        message.put_u8(FIRST);
        message.put_u32(DURABLE_FRAME_BYTES_MAX as u32 + 1);
        message.put_bytes(0, FIRST_PAYLOAD);
        let refused = Reassembly::default().push(message.freeze());
        assert_eq!(refused, Err(FramingError::TooLong(DURABLE_FRAME_BYTES_MAX + 1)));
    }

    // Rules: PL3
    #[test]
    fn parts_out_of_order_are_refused() {
        let frame = Bytes::from(vec![1; 100_000]);
        let messages = cut(&frame);
        assert_eq!(join(vec![messages[1].clone()]), Err(FramingError::PartsOutOfOrder));
        assert_eq!(join(vec![messages[0].clone(), messages[0].clone()]), Err(FramingError::PartsOutOfOrder));
        assert_eq!(
            join(vec![messages[0].clone(), Bytes::from_static(&[WHOLE, 1])]),
            Err(FramingError::PartsOutOfOrder)
        );
        assert_eq!(
            join(vec![messages[0].clone(), Bytes::from_static(&[FURTHER, 1])]),
            Err(FramingError::PartsOutOfOrder)
        );
        assert_eq!(join(vec![Bytes::new()]), Err(FramingError::UnknownForm));
        assert_eq!(join(vec![Bytes::from_static(&[9])]), Err(FramingError::UnknownForm));
    }

    #[test]
    fn ephemerals_survive_their_encoding() {
        for message in [
            EphemeralMessage::Frame(Bytes::from_static(b"typing")),
            EphemeralMessage::Frame(Bytes::new()),
            EphemeralMessage::Ping(u64::MAX),
            EphemeralMessage::Pong(7),
        ] {
            assert_eq!(EphemeralMessage::decode(message.encode().freeze()), Ok(message));
        }
        assert_eq!(EphemeralMessage::decode(Bytes::from_static(&[PING, 1])), Err(FramingError::UnknownForm));
        assert_eq!(EphemeralMessage::decode(Bytes::from_static(&[WHOLE])), Err(FramingError::UnknownForm));
    }

    proptest! {
        // Rules: PL2
        #[test]
        fn prop_frames_survive_cutting(lengths in prop::collection::vec(0usize..200_000, 0..6)) {
            let frames: Vec<Bytes> =
                lengths.iter().map(|length| Bytes::from(vec![(*length % 256) as u8; *length])).collect();
            let messages = frames.iter().flat_map(cut).collect();
            prop_assert_eq!(join(messages), Ok(frames));
        }

        // Rules: PL3
        #[test]
        fn prop_hostile_messages_are_refused_within_bounds(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 0..32),
            full in prop::collection::vec(0u8..4, 0..64),
        ) {
            let mut reassembly = Reassembly::default();
            let long = full.iter().map(|tag| {
                let mut message = BytesMut::zeroed(MESSAGE_BYTES_MAX);
                message[0] = *tag;
                message[2] = *tag;
                message.freeze()
            });
            for message in messages.into_iter().map(Bytes::from).chain(long) {
                let _ = EphemeralMessage::decode(message.clone());
                let _ = reassembly.push(message);
                prop_assert!(reassembly.buffer.len() <= DURABLE_FRAME_BYTES_MAX);
            }
        }
    }
}
