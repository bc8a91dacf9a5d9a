//! Events: everything durable that happens in a log.
//!
//! A header is signed; the body lies beside it and may be dropped (redaction, retention, compaction) while the
//! chain stays verifiable.

use std::fmt;
use std::sync::Arc;

use minicbor::{Decode, Decoder, Encode, Encoder};

use crate::cbor::{self, Bounded, DecodeError, bound};
use crate::clock::Hlc;
use crate::id::{BodyHash, ChainId, DeviceId, EventId, Incarnation, LogId, RosterHash, Seq};
use crate::limits;
use crate::roster::Role;
use crate::signed::{Context, Signable, Signed};

/// The signed part of an event.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct EventHeader {
    /// The log that it belongs to.
    #[n(0)]
    pub log: LogId,
    /// Its author's device; its key signs.
    #[n(1)]
    pub device: DeviceId,
    /// Which life of the device in the log.
    #[n(2)]
    pub incarnation: Incarnation,
    /// Its place in the chain: 1 for the first, no gaps.
    #[n(3)]
    pub seq: Seq,
    /// The id of the chain's previous event; zero for the first.
    #[n(4)]
    pub prev: EventId,
    /// Rises along a chain, and exceeds that of what the event refers to.
    #[n(5)]
    pub hlc: Hlc,
    /// The roster change under which its author had the right to do this.
    #[n(6)]
    pub roster: RosterHash,
    /// What it does.
    #[n(7)]
    pub action: Action,
    /// The events that it is about.
    #[n(8)]
    pub targets: Vec<EventId>,
    /// BLAKE3 of the encoded body, its tag included.
    #[n(9)]
    pub body_hash: BodyHash,
    /// Bytes of the encoded body.
    #[n(10)]
    pub body_length: u32,
    /// Where in the log the first target stands, so that it is found without an index of ids. An amendment has it.
    #[n(11)]
    pub place: Option<EventPlace>,
}

/// Where an event stands in its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct EventPlace {
    /// The chain.
    #[n(0)]
    pub chain: ChainId,
    /// Its place there.
    #[n(1)]
    pub seq: Seq,
}

impl EventHeader {
    /// The chain that it extends.
    pub fn chain(&self) -> ChainId {
        ChainId { device: self.device, incarnation: self.incarnation }
    }

    /// Where it stands in its log.
    pub fn own_place(&self) -> EventPlace {
        EventPlace { chain: self.chain(), seq: self.seq }
    }

    /// The event that an amendment is about, and where that stands: its first target.
    pub fn amended(&self) -> Option<(EventPlace, EventId)> {
        Some((self.place?, *self.targets.first()?))
    }

    /// Its place in the one order that every replica shows.
    pub fn order(&self) -> EventOrder {
        EventOrder { hlc: self.hlc, device: self.device, incarnation: self.incarnation, seq: self.seq }
    }
}

/// The order of display: by time, then by author so that it is total.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventOrder {
    /// First by hybrid time,
    pub hlc: Hlc,
    /// then by device,
    pub device: DeviceId,
    /// incarnation,
    pub incarnation: Incarnation,
    /// and place.
    pub seq: Seq,
}

impl EventOrder {
    /// The chain that it is of.
    pub fn chain(&self) -> ChainId {
        ChainId { device: self.device, incarnation: self.incarnation }
    }

    /// Where it stands there.
    pub fn place(&self) -> EventPlace {
        EventPlace { chain: self.chain(), seq: self.seq }
    }
}

impl Bounded for EventHeader {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        bound(self.seq > Seq::ZERO, "seq")?;
        bound((self.seq == Seq(1)) == (self.prev == EventId::ZERO), "prev")?;
        bound(self.targets.len() <= limits::TARGETS_MAX, "targets")?;
        bound(self.place.is_none_or(|place| place.seq > Seq::ZERO && !self.targets.is_empty()), "place")?;
        bound(self.body_length as usize <= limits::BODY_BYTES_MAX, "bodyLength")
    }
}

impl Signable for EventHeader {
    const CONTEXT: Context = Context::new("momoland/1/event\0");
    const BYTES_MAX: usize = limits::HEADER_BYTES_MAX;
}

/// What an event does. The high byte is the lowest role that may do it, so that a replica that does not know an
/// action still knows who may perform it: it stores and forwards what it cannot show.
///
/// ```text
///   0x00··  readers     0x01··  members     0x02··  moderators     0x03··  owners
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Action(#[n(0)] pub u16);

impl Action {
    /// A message. `targets`: the message that it replies to, if any.
    pub const POST: Self = Self(0x0101);
    /// A new text for one's own message, the target.
    pub const EDIT: Self = Self(0x0102);
    /// Takes back one's own message, the target.
    pub const RETRACT: Self = Self(0x0103);
    /// A reaction set or taken back, to the target.
    pub const REACT: Self = Self(0x0104);
    /// Pins the target, or takes the pin off.
    pub const PIN: Self = Self(0x0105);
    /// Announces a document or a feed: the event's id becomes the new log's.
    pub const ANNOUNCE: Self = Self(0x0110);
    /// A Yjs update of a document.
    pub const DOCUMENT_UPDATE: Self = Self(0x0111);
    /// A new list of a document's editors, by the document's author.
    pub const DOCUMENT_EDITORS: Self = Self(0x0112);
    /// A new title, archived or restored.
    pub const DOCUMENT_CHANGE: Self = Self(0x0113);
    /// A post in a feed.
    pub const PUBLISH: Self = Self(0x0120);
    /// A like set or taken back, of the target.
    pub const LIKE: Self = Self(0x0121);
    /// A comment on the target.
    pub const COMMENT: Self = Self(0x0122);
    /// A file offered in the conversation.
    pub const FILE: Self = Self(0x0130);
    /// A position's sharing begins, ends or leaves a last point.
    pub const LOCATION: Self = Self(0x0140);
    /// A call began, ended, was declined or missed.
    pub const CALL: Self = Self(0x0150);
    /// Takes back anybody's event, the target.
    pub const REDACT: Self = Self(0x0201);
    /// Hides a post or comment of a feed, the target, or shows it again.
    pub const HIDE: Self = Self(0x0202);
    /// A fold of the log's state with the vector that it covers.
    pub const CHECKPOINT: Self = Self(0x0160);

    /// The lowest role that may do it; `None` for a code outside the known roles, which nobody may use.
    pub fn role(self) -> Option<Role> {
        match self.0 >> 8 {
            0x00 => Some(Role::Reader),
            0x01 => Some(Role::Member),
            0x02 => Some(Role::Moderator),
            0x03 => Some(Role::Owner),
            _ => None,
        }
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Action({:#06x})", self.0)
    }
}

/// What an event says, opaque to replication.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Body {
    /// Readable by whoever holds it: the encoding of a type in [`crate::content`].
    #[n(0)]
    Plain(
        #[n(0)]
        #[cbor(with = "minicbor::bytes")]
        Vec<u8>,
    ),
    /// Readable by the members of an epoch.
    #[n(1)]
    Sealed {
        /// Which group key.
        #[n(0)]
        epoch: u64,
        /// Fresh for each body.
        #[n(1)]
        #[cbor(with = "minicbor::bytes")]
        nonce: [u8; 24],
        /// The encrypted content.
        #[n(2)]
        #[cbor(with = "minicbor::bytes")]
        ciphertext: Vec<u8>,
    },
}

impl Bounded for Body {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        Ok(())
    }
}

/// An encoded [`Body`], as it travels: hashed and stored without being understood. Cloning shares it.
#[derive(Clone, PartialEq, Eq)]
pub struct BodyBytes(Arc<[u8]>);

impl BodyBytes {
    /// Encodes a body.
    ///
    /// # Errors
    /// [`DecodeError::TooLong`] past [`limits::BODY_BYTES_MAX`].
    pub fn new(body: &Body) -> Result<Self, DecodeError> {
        let bytes = cbor::encode(body);
        if bytes.len() > limits::BODY_BYTES_MAX {
            return Err(DecodeError::TooLong { length: bytes.len(), limit: limits::BODY_BYTES_MAX });
        }
        Ok(Self(bytes.into()))
    }

    /// Encodes what an event says, for whoever holds the event.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn plain<T: Encode<()>>(content: &T) -> Result<Self, DecodeError> {
        Self::new(&Body::Plain(cbor::encode(content)))
    }

    /// Understands it.
    ///
    /// # Errors
    /// [`DecodeError`] where it is no body.
    pub fn decode(&self) -> Result<Body, DecodeError> {
        cbor::decode(&self.0, limits::BODY_BYTES_MAX)
    }

    /// BLAKE3 of the bytes.
    pub fn hash(&self) -> BodyHash {
        BodyHash(*blake3::hash(&self.0).as_bytes())
    }

    /// Bytes.
    #[expect(clippy::len_without_is_empty, reason = "a body has at least its tag")]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// Bodies stay out of logs.
impl fmt::Debug for BodyBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BodyBytes({} B)", self.0.len())
    }
}

impl<C> Encode<C> for BodyBytes {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for BodyBytes {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Ok(Self(d.bytes()?.into()))
    }
}

/// A header with its body, or without one that was dropped. Well-formed, not verified.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Event {
    /// The signed header.
    #[n(0)]
    pub header: Signed<EventHeader>,
    /// The body, where it is held.
    #[n(1)]
    pub body: Option<BodyBytes>,
}

impl Event {
    /// Its id.
    pub fn id(&self) -> EventId {
        EventId(self.header.hash())
    }

    /// What it says; `None` where the body was dropped or is sealed, or says something else.
    pub fn content<T>(&self) -> Option<T>
    where
        T: Encode<()> + for<'b> Decode<'b, ()> + Bounded,
    {
        let Body::Plain(bytes) = self.body.as_ref()?.decode().ok()? else { return None };
        cbor::decode(&bytes, limits::BODY_BYTES_MAX).ok()
    }

    /// Bytes that it takes in a frame, give or take a few.
    pub fn size(&self) -> usize {
        self.header.size() + self.body.as_ref().map_or(1, |body| body.len() + 3) + 1
    }
}

impl Bounded for Event {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        if let Some(body) = &self.body {
            bound(body.len() == self.header.get().body_length as usize, "bodyLength")?;
            bound(body.hash() == self.header.get().body_hash, "bodyHash")?;
        }
        Ok(())
    }
}
