//! What the client decodes beside the protocol's own objects, as fuzz targets (`fuzz/`): any bytes give a value or an error.
//!
//! Only in tests and in a fuzzer's build.

use bytes::Bytes;
use momoland_protocol::id::{Nonce, RoomId, ServerKey};

use crate::account::address::ServerAddress;
use crate::api::invite::InviteContent;
use crate::link::framing::{EphemeralMessage, Parts, Reassembly};
use crate::link::{Candidate, SessionId, Signal, SignalPayload};

/// A target and its name.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 3] = [("channels", channels), ("signals", signals), ("invites", invites)];

/// Valid inputs, to be spoilt.
pub fn corpus() -> Vec<Vec<u8>> {
    let invite = InviteContent {
        server: "https://momo.example.org".to_owned(),
        server_key: ServerKey([9; 32]),
        room: RoomId([7; 32]),
        secret: Nonce([3; 32]),
    };
    let texts = [invite.write(), "https://momo.example.org:7420".to_owned(), "[::1]:7420".to_owned()];
    let mut corpus: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
    for length in [0, 40, 20_000] {
        // Messages of a channel, each behind its length.
        let parts = Parts::new(Bytes::from(vec![7; length]));
        corpus.push(parts.flat_map(|part| [&length_of(&part), part.as_ref()].concat()).collect());
    }
    for message in
        [EphemeralMessage::Ping(1), EphemeralMessage::Pong(2), EphemeralMessage::Frame(Bytes::from_static(b"it"))]
    {
        let message = message.encode();
        corpus.push([&length_of(&message), message.as_ref()].concat());
    }
    let line = "candidate:1 1 udp 2130706431 127.0.0.1 4000 typ host".to_owned();
    let payloads = [
        SignalPayload::Offer { round: 0, sdp: "v=0".to_owned() },
        SignalPayload::Answer { round: 3, sdp: String::new() },
        SignalPayload::Candidate(Candidate { line, mid: Some("0".to_owned()), mline_index: Some(0) }),
        SignalPayload::EndOfCandidates,
        SignalPayload::Bye,
    ];
    let session = SessionId([7; 16]);
    corpus.extend(payloads.into_iter().map(|payload| Signal { session, payload }.encode()));
    corpus
}

fn length_of(part: &[u8]) -> [u8; 2] {
    u16::try_from(part.len()).unwrap_or(u16::MAX).to_be_bytes()
}

/// Messages of a data channel, each behind two bytes of its length: the reliable one puts them together.
pub fn channels(bytes: &[u8]) {
    let (mut rest, mut reassembly, mut taken) = (bytes, Reassembly::default(), 0);
    while let Some((length, behind)) = rest.split_first_chunk::<2>() {
        let (message, behind) = behind.split_at(usize::from(u16::from_be_bytes(*length)).min(behind.len()));
        rest = behind;
        taken += message.len();
        let message = Bytes::copy_from_slice(message);
        if let Ok(decoded) = EphemeralMessage::decode(message.clone()) {
            assert_eq!(decoded.encode(), message, "it encodes to something else than it was decoded from");
        }
        match reassembly.push(message) {
            Ok(Some(frame)) => assert!(frame.len() <= taken, "a frame is more than came"),
            Ok(None) => {}
            Err(_) => return,
        }
    }
}

/// What devices say to each other through an introducer.
pub fn signals(bytes: &[u8]) {
    if let Ok(signal) = Signal::decode(bytes) {
        assert_eq!(signal.encode(), bytes, "it encodes to something else than it was decoded from");
    }
}

/// What people paste: invites, and addresses of servers.
pub fn invites(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(content) = InviteContent::read(text) {
        assert_eq!(InviteContent::read(&content.write()), Some(content), "it is written as something else");
    }
    if let Ok(address) = ServerAddress::parse(text) {
        let again = ServerAddress::parse(&address.to_string());
        assert_eq!(
            again.map(|again| again.to_string()).ok(),
            Some(address.to_string()),
            "it is written as something else"
        );
    }
}

#[cfg(test)]
#[path = "../../../fuzz/src/mutation.rs"]
mod mutation;

#[cfg(test)]
mod tests {
    use super::*;

    // Rules: EN4, EN5
    #[test]
    fn targets_survive_spoilt_inputs() {
        for (number, (name, target)) in TARGETS.into_iter().enumerate() {
            println!("{name}");
            mutation::run(target, &corpus(), number as u64, 4_000);
        }
    }

    #[test]
    fn the_corpus_is_valid() {
        let corpus = corpus();
        let invite = corpus.first().and_then(|bytes| std::str::from_utf8(bytes).ok());
        assert!(invite.and_then(InviteContent::read).is_some(), "an invite");
        assert!(corpus.iter().filter(|bytes| Signal::decode(bytes).is_ok()).count() >= 5, "signals");
    }
}
