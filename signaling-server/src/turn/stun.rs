//! STUN messages (RFC 8489) and TURN's ChannelData (RFC 8656 §12.4), as far as a relay over UDP needs them.
//!
//! `allocations` reads requests and writes answers with it. A [`Message`] borrows its datagram: nothing is copied before
//! its sender has been authenticated.
//!
//! # Invariants
//! 1. Any bytes decode to a message or to `None`, without a panic and with at most [`ATTRIBUTES_MAX`] attributes.
//!    Test: `prop_any_datagram_is_judged`.
//! 2. What is behind MESSAGE-INTEGRITY is not believed, but for a fingerprint that fits (RFC 8489 §14.5).
//!    Test: `what_stands_behind_the_integrity_is_ignored`.
//!
//! Not here: what a method does, who may use it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hmac::{Hmac, Mac};
use sha1::Sha1;

const HEADER_BYTES: usize = 20;
const COOKIE: u32 = 0x2112_A442;
const COOKIE_BYTES: [u8; 4] = COOKIE.to_be_bytes();
const FINGERPRINT_MASK: u32 = 0x5354_554e;
const INTEGRITY_BYTES: usize = 20;

/// Attributes of one message. A request has some eight; one with more is not answered.
const ATTRIBUTES_MAX: usize = 40;

/// First and last channel numbers (RFC 8656 §12; RFC 5766 had more, which clients may still use).
pub(super) const CHANNELS: std::ops::RangeInclusive<u16> = 0x4000..=0x7FFE;

pub(super) type Transaction = [u8; 12];

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Binding,
    Allocate,
    Refresh,
    Send,
    Data,
    CreatePermission,
    ChannelBind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Request,
    Indication,
    Success,
    Error,
}

/// Attributes that this server knows (IANA's registry of STUN attributes).
pub(super) mod attribute {
    pub(in super::super) const USERNAME: u16 = 0x0006;
    pub(in super::super) const MESSAGE_INTEGRITY: u16 = 0x0008;
    pub(in super::super) const ERROR_CODE: u16 = 0x0009;
    pub(in super::super) const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
    pub(in super::super) const CHANNEL_NUMBER: u16 = 0x000C;
    pub(in super::super) const LIFETIME: u16 = 0x000D;
    pub(in super::super) const XOR_PEER_ADDRESS: u16 = 0x0012;
    pub(in super::super) const DATA: u16 = 0x0013;
    pub(in super::super) const REALM: u16 = 0x0014;
    pub(in super::super) const NONCE: u16 = 0x0015;
    pub(in super::super) const XOR_RELAYED_ADDRESS: u16 = 0x0016;
    pub(in super::super) const REQUESTED_ADDRESS_FAMILY: u16 = 0x0017;
    pub(in super::super) const EVEN_PORT: u16 = 0x0018;
    pub(in super::super) const REQUESTED_TRANSPORT: u16 = 0x0019;
    pub(in super::super) const XOR_MAPPED_ADDRESS: u16 = 0x0020;
    pub(in super::super) const RESERVATION_TOKEN: u16 = 0x0022;
    pub(in super::super) const PRIORITY: u16 = 0x0024;
    pub(in super::super) const USE_CANDIDATE: u16 = 0x0025;
    pub(in super::super) const FINGERPRINT: u16 = 0x8028;

    /// Those below 0x8000 that may stand in a request without its being refused as not understood.
    pub(in super::super) const UNDERSTOOD: [u16; 14] = [
        USERNAME,
        MESSAGE_INTEGRITY,
        CHANNEL_NUMBER,
        LIFETIME,
        XOR_PEER_ADDRESS,
        DATA,
        REALM,
        NONCE,
        REQUESTED_ADDRESS_FAMILY,
        EVEN_PORT,
        REQUESTED_TRANSPORT,
        RESERVATION_TOKEN,
        PRIORITY,
        USE_CANDIDATE,
    ];
}

impl Method {
    fn of(bits: u16) -> Option<Self> {
        Some(match bits {
            0x001 => Self::Binding,
            0x003 => Self::Allocate,
            0x004 => Self::Refresh,
            0x006 => Self::Send,
            0x007 => Self::Data,
            0x008 => Self::CreatePermission,
            0x009 => Self::ChannelBind,
            _ => return None,
        })
    }

    fn bits(self) -> u16 {
        match self {
            Self::Binding => 0x001,
            Self::Allocate => 0x003,
            Self::Refresh => 0x004,
            Self::Send => 0x006,
            Self::Data => 0x007,
            Self::CreatePermission => 0x008,
            Self::ChannelBind => 0x009,
        }
    }
}

impl Class {
    /// Its two bits, where the type has them (RFC 8489 §5).
    fn bits(self) -> u16 {
        match self {
            Self::Request => 0x000,
            Self::Indication => 0x010,
            Self::Success => 0x100,
            Self::Error => 0x110,
        }
    }
}

/// A message as it came.
#[derive(Debug)]
pub(super) struct Message<'a> {
    pub(super) class: Class,
    pub(super) method: Method,
    pub(super) transaction: Transaction,
    bytes: &'a [u8],
    /// Those before MESSAGE-INTEGRITY, in order.
    attributes: Vec<(u16, &'a [u8])>,
    /// Where the attribute begins, and its value.
    integrity: Option<(usize, &'a [u8])>,
}

impl<'a> Message<'a> {
    /// `None` where it is no STUN message, a damaged one, or one of a method that is not TURN's.
    pub(super) fn decode(bytes: &'a [u8]) -> Option<Self> {
        let kind = u16::from_be_bytes(bytes.get(..2)?.try_into().ok()?);
        let length = usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?));
        let aligned = length.is_multiple_of(4);
        if kind & 0xC000 != 0 || !aligned || bytes.get(4..8)? != COOKIE_BYTES || bytes.len() != HEADER_BYTES + length {
            return None;
        }
        let class = [Class::Request, Class::Indication, Class::Success, Class::Error];
        let class = class.into_iter().find(|class| class.bits() == kind & 0x0110)?;
        let method = Method::of(kind & 0x000F | (kind & 0x00E0) >> 1 | (kind & 0x3E00) >> 2)?;
        let mut message = Self {
            class,
            method,
            transaction: bytes.get(8..HEADER_BYTES)?.try_into().ok()?,
            bytes,
            attributes: Vec::new(),
            integrity: None,
        };
        let mut at = HEADER_BYTES;
        for _ in 0..ATTRIBUTES_MAX {
            if at == bytes.len() {
                return Some(message);
            }
            let kind = u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?);
            let length = usize::from(u16::from_be_bytes(bytes.get(at + 2..at + 4)?.try_into().ok()?));
            let value = bytes.get(at + 4..at + 4 + length)?;
            match kind {
                attribute::FINGERPRINT if value != fingerprint(bytes.get(..at)?, 8) => return None,
                attribute::FINGERPRINT => {}
                _ if message.integrity.is_some() => {}
                attribute::MESSAGE_INTEGRITY => message.integrity = Some((at, value)),
                _ => message.attributes.push((kind, value)),
            }
            at += 4 + length.next_multiple_of(4);
        }
        None
    }

    /// The first of a kind.
    pub(super) fn get(&self, kind: u16) -> Option<&'a [u8]> {
        self.all(kind).next()
    }

    /// All of a kind, in order.
    pub(super) fn all(&self, kind: u16) -> impl Iterator<Item = &'a [u8]> {
        self.attributes.iter().filter(move |(other, _)| *other == kind).map(|(_, value)| *value)
    }

    pub(super) fn text(&self, kind: u16) -> Option<&'a str> {
        std::str::from_utf8(self.get(kind)?).ok()
    }

    /// An attribute of four bytes.
    pub(super) fn number(&self, kind: u16) -> Option<u32> {
        Some(u32::from_be_bytes(self.get(kind)?.try_into().ok()?))
    }

    /// Kinds that the sender wants understood and this server does not know.
    pub(super) fn not_understood(&self) -> Vec<u16> {
        let kinds = self.attributes.iter().map(|(kind, _)| *kind);
        kinds.filter(|kind| *kind < 0x8000 && !attribute::UNDERSTOOD.contains(kind)).collect()
    }

    /// The addresses of all XOR-PEER-ADDRESS attributes; `None` where one is malformed.
    pub(super) fn peers(&self) -> Option<Vec<SocketAddr>> {
        self.all(attribute::XOR_PEER_ADDRESS).map(|value| read_address(value, &self.transaction)).collect()
    }

    pub(super) fn has_integrity(&self) -> bool {
        self.integrity.is_some()
    }

    /// Whether MESSAGE-INTEGRITY was made with this key (RFC 8489 §14.5).
    pub(super) fn is_sealed_with(&self, key: &[u8]) -> bool {
        let Some((at, value)) = self.integrity else { return false };
        let Some(covered) = self.bytes.get(..at) else { return false };
        integrity(covered, key).verify_slice(value).is_ok()
    }
}

/// The HMAC over a message up to its MESSAGE-INTEGRITY, with the length as it was then.
fn integrity(covered: &[u8], key: &[u8]) -> Hmac<Sha1> {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(covered.get(..2).unwrap_or_default());
    mac.update(&length_with(covered, 4 + INTEGRITY_BYTES));
    mac.update(covered.get(4..).unwrap_or_default());
    mac
}

/// The CRC over a message up to its FINGERPRINT, with the length as it is with `further` bytes more.
fn fingerprint(covered: &[u8], further: usize) -> [u8; 4] {
    let mut crc = crc32fast::Hasher::new();
    crc.update(covered.get(..2).unwrap_or_default());
    crc.update(&length_with(covered, further));
    crc.update(covered.get(4..).unwrap_or_default());
    (crc.finalize() ^ FINGERPRINT_MASK).to_be_bytes()
}

fn length_with(covered: &[u8], further: usize) -> [u8; 2] {
    u16::try_from(covered.len().saturating_sub(HEADER_BYTES) + further).unwrap_or(u16::MAX).to_be_bytes()
}

/// A message that is being written.
#[derive(Debug)]
pub(super) struct Builder {
    bytes: Vec<u8>,
    transaction: Transaction,
}

impl Builder {
    pub(super) fn new(class: Class, method: Method, transaction: Transaction) -> Self {
        let bits = method.bits();
        let kind = bits & 0x000F | (bits & 0x0070) << 1 | (bits & 0x0F80) << 2 | class.bits();
        let mut bytes = Vec::with_capacity(128);
        bytes.extend(kind.to_be_bytes());
        bytes.extend([0, 0]);
        bytes.extend(COOKIE_BYTES);
        bytes.extend(transaction);
        Self { bytes, transaction }
    }

    pub(super) fn with(mut self, kind: u16, value: &[u8]) -> Self {
        self.bytes.extend(kind.to_be_bytes());
        // Values are ours, or no longer than the datagram that they came in.
        self.bytes.extend(u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
        self.bytes.extend(value);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self
    }

    pub(super) fn with_address(self, kind: u16, address: SocketAddr) -> Self {
        let value = write_address(address, &self.transaction);
        self.with(kind, &value)
    }

    pub(super) fn with_error(self, code: u16, reason: &str) -> Self {
        let [hundreds, rest] = [code / 100, code % 100].map(|part| u8::try_from(part).unwrap_or(0));
        let mut value = vec![0, 0, hundreds, rest];
        value.extend(reason.as_bytes());
        self.with(attribute::ERROR_CODE, &value)
    }

    /// The bytes, with MESSAGE-INTEGRITY where there is a key, and a fingerprint.
    pub(super) fn finish(mut self, key: Option<&[u8]>) -> Vec<u8> {
        if let Some(key) = key {
            let mac = integrity(&self.bytes, key).finalize().into_bytes();
            self = self.with(attribute::MESSAGE_INTEGRITY, &mac);
        }
        let crc = fingerprint(&self.bytes, 8);
        self = self.with(attribute::FINGERPRINT, &crc);
        self.without_fingerprint()
    }

    /// The bytes of an indication: what is relayed need be no longer than it is.
    pub(super) fn without_fingerprint(mut self) -> Vec<u8> {
        let length = length_with(&self.bytes, 0);
        if let Some(field) = self.bytes.get_mut(2..4) {
            field.copy_from_slice(&length);
        }
        self.bytes
    }
}

/// An XOR'd address (RFC 8489 §14.2).
fn read_address(value: &[u8], transaction: &Transaction) -> Option<SocketAddr> {
    let [_, family, high, low] = *value.first_chunk::<4>()?;
    let [cookie_high, cookie_low, ..] = COOKIE_BYTES;
    let port = u16::from_be_bytes([high ^ cookie_high, low ^ cookie_low]);
    let mask = mask(transaction);
    let unmasked = value.get(4..)?.iter().zip(mask).map(|(byte, mask)| byte ^ mask);
    let ip = match (family, value.len()) {
        (1, 8) => IpAddr::from(<[u8; 4]>::try_from(unmasked.collect::<Vec<_>>()).ok()?),
        (2, 20) => IpAddr::from(<[u8; 16]>::try_from(unmasked.collect::<Vec<_>>()).ok()?),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

fn write_address(address: SocketAddr, transaction: &Transaction) -> Vec<u8> {
    let [cookie_high, cookie_low, ..] = COOKIE_BYTES;
    let [high, low] = address.port().to_be_bytes();
    let (family, octets) = match address.ip() {
        IpAddr::V4(ip) => (1, Ipv4Addr::octets(&ip).to_vec()),
        IpAddr::V6(ip) => (2, Ipv6Addr::octets(&ip).to_vec()),
    };
    let mut value = vec![0, family, high ^ cookie_high, low ^ cookie_low];
    value.extend(octets.iter().zip(mask(transaction)).map(|(byte, mask)| byte ^ mask));
    value
}

fn mask(transaction: &Transaction) -> impl Iterator<Item = u8> {
    COOKIE_BYTES.into_iter().chain(*transaction)
}

/// Data of a channel: the number, and what is sent.
pub(super) fn decode_channel_data(datagram: &[u8]) -> Option<(u16, &[u8])> {
    let number = u16::from_be_bytes(datagram.get(..2)?.try_into().ok()?);
    let length = usize::from(u16::from_be_bytes(datagram.get(2..4)?.try_into().ok()?));
    if !CHANNELS.contains(&number) {
        return None;
    }
    Some((number, datagram.get(4..4 + length)?))
}

/// The same way back. Over UDP it is not padded.
pub(super) fn encode_channel_data(number: u16, data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(4 + data.len());
    bytes.extend(number.to_be_bytes());
    bytes.extend(u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes());
    bytes.extend(data);
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRANSACTION: Transaction = *b"twelve bytes";

    /// RFC 5769 §2.1: the request, whose password is `VOkJxbRl1RmTxUk/WvJxBt`.
    const SAMPLE_REQUEST: [u8; 108] = [
        0x00, 0x01, 0x00, 0x58, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87,
        0xdf, 0xae, 0x80, 0x22, 0x00, 0x10, 0x53, 0x54, 0x55, 0x4e, 0x20, 0x74, 0x65, 0x73, 0x74, 0x20, 0x63, 0x6c,
        0x69, 0x65, 0x6e, 0x74, 0x00, 0x24, 0x00, 0x04, 0x6e, 0x00, 0x01, 0xff, 0x80, 0x29, 0x00, 0x08, 0x93, 0x2f,
        0xf9, 0xb1, 0x51, 0x26, 0x3b, 0x36, 0x00, 0x06, 0x00, 0x09, 0x65, 0x76, 0x74, 0x6a, 0x3a, 0x68, 0x36, 0x76,
        0x59, 0x20, 0x20, 0x20, 0x00, 0x08, 0x00, 0x14, 0x9a, 0xea, 0xa7, 0x0c, 0xbf, 0xd8, 0xcb, 0x56, 0x78, 0x1e,
        0xf2, 0xb5, 0xb2, 0xd3, 0xf2, 0x49, 0xc1, 0xb5, 0x71, 0xa2, 0x80, 0x28, 0x00, 0x04, 0xe5, 0x7a, 0x3b, 0xcf,
    ];

    #[test]
    fn the_sample_request_of_the_rfc_is_read_and_verified() {
        // SOFTWARE, ICE-CONTROLLED and the padding are as the RFC has them.
        let bytes = SAMPLE_REQUEST;
        let message = Message::decode(&bytes).unwrap();
        assert_eq!((message.class, message.method), (Class::Request, Method::Binding));
        assert_eq!(message.text(attribute::USERNAME), Some("evtj:h6vY"));
        assert!(message.is_sealed_with(b"VOkJxbRl1RmTxUk/WvJxBt"));
        assert!(!message.is_sealed_with(b"VOkJxbRl1RmTxUk/WvJxBu"));
        assert!(message.not_understood().is_empty());
    }

    #[test]
    fn a_changed_bit_is_noticed() {
        // The last eight bytes are the fingerprint itself.
        for at in HEADER_BYTES..SAMPLE_REQUEST.len() - 8 {
            let mut bytes = SAMPLE_REQUEST;
            bytes[at] ^= 1;
            assert!(Message::decode(&bytes).is_none(), "byte {at}: the fingerprint covers it");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for address in ["192.0.2.1:32853", "[2001:db8:1234:5678:11:2233:4455:6677]:32853"] {
            let address: SocketAddr = address.parse().unwrap();
            let bytes = Builder::new(Class::Request, Method::ChannelBind, TRANSACTION)
                .with_address(attribute::XOR_PEER_ADDRESS, address)
                .with(attribute::CHANNEL_NUMBER, &[0x40, 0, 0, 0])
                .with(attribute::USERNAME, b"ada")
                .finish(Some(b"key"));
            let message = Message::decode(&bytes).unwrap();
            assert_eq!((message.class, message.method), (Class::Request, Method::ChannelBind));
            assert_eq!(message.peers(), Some(vec![address]));
            assert_eq!(message.number(attribute::CHANNEL_NUMBER), Some(0x4000_0000));
            assert!(message.is_sealed_with(b"key") && !message.is_sealed_with(b"kez"));
        }
    }

    #[test]
    fn what_stands_behind_the_integrity_is_ignored() {
        let sealed =
            Builder::new(Class::Request, Method::Refresh, TRANSACTION).with(attribute::LIFETIME, &[0, 0, 0, 9]);
        let mac = integrity(&sealed.bytes, b"key").finalize().into_bytes();
        let bytes = sealed
            .with(attribute::MESSAGE_INTEGRITY, &mac)
            .with(attribute::USERNAME, b"mallory")
            .with(attribute::LIFETIME, &[0, 0, 0, 0])
            .finish(None);
        let message = Message::decode(&bytes).unwrap();
        assert!(message.is_sealed_with(b"key"));
        assert_eq!(message.number(attribute::LIFETIME), Some(9));
        assert_eq!(message.text(attribute::USERNAME), None);
    }

    #[test]
    fn malformed_peers_are_no_peers() {
        for value in
            [&[][..], &[0, 1, 0, 0], &[0, 1, 0, 0, 1, 2, 3], &[0, 2, 0, 0, 1, 2, 3, 4], &[0, 9, 0, 0, 1, 2, 3, 4]]
        {
            let bytes = Builder::new(Class::Request, Method::CreatePermission, TRANSACTION)
                .with(attribute::XOR_PEER_ADDRESS, value)
                .finish(None);
            assert_eq!(Message::decode(&bytes).unwrap().peers(), None, "{value:?}");
        }
    }

    #[test]
    fn channel_data_is_read_as_far_as_it_says() {
        assert_eq!(decode_channel_data(&encode_channel_data(0x4001, b"hello")), Some((0x4001, &b"hello"[..])));
        assert_eq!(decode_channel_data(&[0x40, 0x01, 0, 2, 7, 8, 0, 0]), Some((0x4001, &[7, 8][..])), "padded");
        assert_eq!(decode_channel_data(&[0x40, 0x01, 0, 3, 7, 8]), None);
        assert_eq!(decode_channel_data(&[0x7F, 0xFF, 0, 0]), None);
        assert_eq!(decode_channel_data(&[0x40]), None);
    }

    proptest! {
        #[test]
        fn prop_any_datagram_is_judged(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Some(message) = Message::decode(&bytes) {
                let _ = (message.peers(), message.not_understood(), message.is_sealed_with(&bytes));
            }
            let _ = decode_channel_data(&bytes);
        }

        #[test]
        fn prop_a_damaged_request_is_judged(at in 0_usize..108, with: u8, cut in 0_usize..=108) {
            let mut bytes = SAMPLE_REQUEST;
            bytes[at] = with;
            if let Some(message) = Message::decode(&bytes[..cut]) {
                let _ = (message.peers(), message.not_understood(), message.is_sealed_with(b"key"));
            }
        }
    }
}
