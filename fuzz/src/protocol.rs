//! What is decoded of what others send or sign: any bytes give a value, which encodes back to them, or an error.
//!
//! One function a kind of thing, for libFuzzer and, over the same corpus, for the tests of `protocol`.

#![allow(unreachable_pub, reason = "a library has it, and so do tests, by path")]

use momoland_protocol::cbor::{self, Bounded};
use momoland_protocol::certificate::DeviceCertificate;
use momoland_protocol::content::{DeletionContent, MessageContent, PinContent, ReactionContent};
use momoland_protocol::ephemeral::Ephemeral;
use momoland_protocol::event::{Body, Event, EventHeader};
use momoland_protocol::feed::{CommentContent, LikeContent, PostContent};
use momoland_protocol::limits::FRAME_BYTES_MAX;
use momoland_protocol::location::{LivePosition, LocationContent};
use momoland_protocol::peer::PeerFrame;
use momoland_protocol::register::{DeliveryMark, ReadMark, Register};
use momoland_protocol::replication::Frame;
use momoland_protocol::roster::{CountersignedChange, RosterChange};
use momoland_protocol::server::{ClientFrame, ServerFrame};
use momoland_protocol::signed::Signed;

/// A target and its name.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 8] = [
    ("server", server),
    ("peer", peer),
    ("replication", replication),
    ("events", events),
    ("rosters", rosters),
    ("registers", registers),
    ("certificates", certificates),
    ("contents", contents),
];

/// The golden bytes of every kind of object, by name: valid, to be spoilt.
pub fn corpus() -> Vec<(String, Vec<u8>)> {
    let vectors = include_str!("../../crates/protocol/golden/vectors.txt");
    let bytes = |digits: &str| -> Vec<u8> {
        let pairs = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap_or_default());
        pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
    };
    let line = |line: &str| line.split_once(' ').map(|(name, digits)| (name.to_owned(), bytes(digits)));
    vectors.lines().filter_map(line).collect()
}

/// Frames between a device and its server, on the WebSocket.
pub fn server(bytes: &[u8]) {
    one::<ClientFrame>(bytes);
    one::<ServerFrame>(bytes);
}

/// Frames between devices, on both channels of a link.
pub fn peer(bytes: &[u8]) {
    one::<PeerFrame>(bytes);
    one::<Ephemeral>(bytes);
}

/// Frames of the replication core, on either kind of link.
pub fn replication(bytes: &[u8]) {
    one::<Frame>(bytes);
}

/// Events and what their bodies are wrapped in.
pub fn events(bytes: &[u8]) {
    one::<Event>(bytes);
    one::<EventHeader>(bytes);
    one::<Body>(bytes);
}

/// Changes of a roster, signed and countersigned; invites are used in them.
pub fn rosters(bytes: &[u8]) {
    one::<CountersignedChange>(bytes);
    one::<Signed<RosterChange>>(bytes);
}

/// Registers, and the values that the product keeps in them.
pub fn registers(bytes: &[u8]) {
    one::<Signed<Register>>(bytes);
    one::<ReadMark>(bytes);
    one::<DeliveryMark>(bytes);
}

/// What binds a device to an account.
pub fn certificates(bytes: &[u8]) {
    one::<Signed<DeviceCertificate>>(bytes);
}

/// What messages, and other bodies and ephemerals, say.
pub fn contents(bytes: &[u8]) {
    one::<MessageContent>(bytes);
    one::<ReactionContent>(bytes);
    one::<PinContent>(bytes);
    one::<DeletionContent>(bytes);
    one::<PostContent>(bytes);
    one::<LikeContent>(bytes);
    one::<CommentContent>(bytes);
    one::<LocationContent>(bytes);
    one::<LivePosition>(bytes);
}

fn one<T>(bytes: &[u8])
where
    T: minicbor::Encode<()> + for<'b> minicbor::Decode<'b, ()> + Bounded,
{
    if let Ok(value) = cbor::decode::<T>(bytes, FRAME_BYTES_MAX) {
        assert_eq!(cbor::encode(&value), bytes, "it encodes to something else than it was decoded from");
    }
}
