//! Signals: what two devices say to each other, through an introducer, before a peer connection stands.
//!
//! `connection` makes offers, answers and candidates, `negotiation` judges those that arrive; whoever introduces
//! carries them as opaque bytes. Names are those of JSEP (RFC 9429) and trickle ICE (RFC 8838).
//!
//! # Invariants
//! 1. Any bytes decode to a signal within the bounds below or to an error. Test: `prop_any_bytes_decode_or_are_refused`.
//! 2. Addresses and descriptions never reach a log: `Debug` shows kinds and lengths only. Test: `debug_hides_what_is_inside`.
//!
//! Not here: who may signal to whom. The server passes signals between members of a common room only.

use std::fmt;

use minicbor::{Decode, Encode};
use momoland_protocol::cbor::{self, Bounded, DecodeError, bound};
use momoland_protocol::limits;

/// Bytes of a session description. Ours have about 1 KiB, and 150 bytes for each gathered candidate.
const SDP_BYTES_MAX: usize = 12 * 1024;
/// Bytes of one candidate line (RFC 8839 §5.1); ours have about 100.
const CANDIDATE_BYTES_MAX: usize = 512;
/// Bytes of a media section's id; ours is one digit.
const MID_BYTES_MAX: usize = 32;

/// One attempt to connect two devices, and the connection that came of it. Random, chosen by the offerer.
///
/// What carries another session than the current one is stale, however it was delayed, doubled or reordered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct SessionId(
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub [u8; 16],
);

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(")?;
        self.0.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("…)")
    }
}

/// One thing said about one session.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Signal {
    /// Which session it is about.
    #[n(0)]
    pub session: SessionId,
    /// What is said.
    #[n(1)]
    pub payload: SignalPayload,
}

/// What a signal says.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub enum SignalPayload {
    /// A session description that asks for an answer. Round 0 begins the session, later ones renegotiate it.
    #[n(0)]
    Offer {
        /// Counts the exchanges of the session, so that a repeated offer is not taken for a new one.
        #[n(0)]
        round: u32,
        /// The description.
        #[n(1)]
        sdp: String,
    },
    /// The answer to the offer of the same round.
    #[n(1)]
    Answer {
        /// The offer's.
        #[n(0)]
        round: u32,
        /// The description.
        #[n(1)]
        sdp: String,
    },
    /// One address where the sender may be reached.
    #[n(2)]
    Candidate(#[n(0)] Candidate),
    /// No further candidates will follow (RFC 8838 §8.1).
    #[n(3)]
    EndOfCandidates,
    /// The sender has given the session up.
    #[n(4)]
    Bye,
}

/// An ICE candidate as RFC 8839 writes it.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Candidate {
    /// The candidate line, `candidate:` included.
    #[n(0)]
    pub line: String,
    /// The media section that it belongs to.
    #[n(1)]
    pub mid: Option<String>,
    /// The same as an index.
    #[n(2)]
    pub mline_index: Option<u16>,
}

impl Signal {
    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        cbor::encode(self)
    }

    /// # Errors
    /// [`DecodeError`] where the bytes are no signal, or one beyond the bounds.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        cbor::decode(bytes, limits::SIGNAL_BYTES_MAX)
    }
}

impl Bounded for Signal {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        match &self.payload {
            SignalPayload::Offer { round: _, sdp } | SignalPayload::Answer { round: _, sdp } => {
                bound(sdp.len() <= SDP_BYTES_MAX, "sdp")
            }
            SignalPayload::Candidate(candidate) => {
                bound(candidate.line.len() <= CANDIDATE_BYTES_MAX, "candidate")?;
                bound(candidate.mid.as_ref().is_none_or(|mid| mid.len() <= MID_BYTES_MAX), "mid")
            }
            SignalPayload::EndOfCandidates | SignalPayload::Bye => Ok(()),
        }
    }
}

impl fmt::Debug for SignalPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offer { round, sdp } => write!(f, "Offer(round {round}, {} bytes)", sdp.len()),
            Self::Answer { round, sdp } => write!(f, "Answer(round {round}, {} bytes)", sdp.len()),
            Self::Candidate(candidate) => candidate.fmt(f),
            Self::EndOfCandidates => f.write_str("EndOfCandidates"),
            Self::Bye => f.write_str("Bye"),
        }
    }
}

impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Candidate({})", self.kind().unwrap_or("unknown"))
    }
}

impl Candidate {
    /// The word after `typ`: `host`, `srflx`, `prflx`, `relay`.
    pub(crate) fn kind(&self) -> Option<&str> {
        let mut words = self.line.split_ascii_whitespace();
        words.find(|word| *word == "typ")?;
        words.next()
    }

    /// The transport, the address and the port, as written.
    fn endpoint(&self) -> Option<(&str, &str, &str)> {
        let mut words = self.line.split_ascii_whitespace().skip(2);
        let transport = words.next()?;
        words.next()?;
        Some((transport, words.next()?, words.next()?))
    }

    /// Whether ICE here can use it at all: over UDP, at an IP address.
    ///
    /// Names under `.local` need mDNS, which is off: waiting for one would hold the others up (C42). A TCP candidate
    /// would make the ICE library open a connection to wherever the other side likes.
    pub(crate) fn is_usable(&self) -> bool {
        self.endpoint().is_some_and(|(transport, address, _)| {
            transport.eq_ignore_ascii_case("udp") && address.parse::<std::net::IpAddr>().is_ok()
        })
    }

    /// The same without what only helps to find faults: the address behind a reflexive or relayed one, which would
    /// tell the other side this machine's own (C42). RFC 8839 §5.1 has zeros for it.
    pub(crate) fn without_related(self) -> Self {
        let words = self.line.split(' ');
        let mut before = "";
        let line = words.map(|word| {
            let shown = match before {
                "raddr" if word.contains(':') => "::",
                "raddr" => "0.0.0.0",
                "rport" => "0",
                _ => word,
            };
            before = word;
            shown
        });
        let line = line.collect::<Vec<_>>().join(" ");
        Self { line, ..self }
    }

    /// Where it is, if it stands for a relay's address.
    pub(crate) fn relay_endpoint(&self) -> Option<std::net::SocketAddr> {
        if self.kind() != Some("relay") {
            return None;
        }
        let (_, address, port) = self.endpoint()?;
        Some(std::net::SocketAddr::new(address.parse().ok()?, port.parse().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SESSION: SessionId = SessionId([7; 16]);

    fn candidate(line: &str) -> Candidate {
        Candidate { line: line.to_owned(), mid: Some("0".to_owned()), mline_index: Some(0) }
    }

    #[test]
    fn every_kind_survives_its_encoding() {
        let payloads = [
            SignalPayload::Offer { round: 0, sdp: "v=0".to_owned() },
            SignalPayload::Answer { round: 3, sdp: String::new() },
            SignalPayload::Candidate(candidate("candidate:1 1 udp 2130706431 127.0.0.1 4000 typ host")),
            SignalPayload::EndOfCandidates,
            SignalPayload::Bye,
        ];
        for payload in payloads {
            let signal = Signal { session: SESSION, payload };
            assert_eq!(Signal::decode(&signal.encode()).unwrap(), signal);
        }
    }

    // Rules: EN5
    #[test]
    fn what_passes_a_bound_is_refused() {
        let offer =
            |bytes| Signal { session: SESSION, payload: SignalPayload::Offer { round: 0, sdp: "s".repeat(bytes) } };
        assert!(Signal::decode(&offer(SDP_BYTES_MAX).encode()).is_ok());
        assert!(Signal::decode(&offer(SDP_BYTES_MAX + 1).encode()).is_err());
        assert!(Signal::decode(&offer(limits::SIGNAL_BYTES_MAX).encode()).is_err());
        let long = Signal {
            session: SESSION,
            payload: SignalPayload::Candidate(candidate(&"c".repeat(CANDIDATE_BYTES_MAX + 1))),
        };
        assert!(Signal::decode(&long.encode()).is_err());
    }

    #[test]
    fn only_udp_at_an_address_is_usable() {
        assert!(candidate("candidate:1 1 udp 2130706431 192.0.2.1 4000 typ host").is_usable());
        assert!(candidate("candidate:1 1 UDP 2130706431 2001:db8::1 4000 typ srflx raddr :: rport 0").is_usable());
        assert!(!candidate("candidate:1 1 tcp 2130706431 192.0.2.1 9 typ host tcptype passive").is_usable());
        assert!(!candidate("candidate:1 1 udp 2130706431 6b0f8f4c.local 4000 typ host").is_usable());
        assert!(!candidate("candidate:").is_usable());
    }

    #[test]
    fn a_relays_address_is_known_from_its_candidate() {
        let relay = candidate("candidate:4 1 udp 16777215 192.0.2.9 50001 typ relay raddr 0.0.0.0 rport 0");
        assert_eq!(relay.relay_endpoint(), Some("192.0.2.9:50001".parse().unwrap()));
        assert_eq!(candidate("candidate:1 1 udp 1 192.0.2.1 4000 typ host").relay_endpoint(), None);
    }

    #[test]
    fn a_related_address_is_not_told() {
        let shown = |line: &str| candidate(line).without_related().line;
        let relay = "candidate:4 1 udp 16777215 192.0.2.9 50001 typ relay raddr 10.0.0.2 rport 5000 ufrag x";
        let expected = "candidate:4 1 udp 16777215 192.0.2.9 50001 typ relay raddr 0.0.0.0 rport 0 ufrag x";
        assert_eq!(shown(relay), expected);
        let v6 = "candidate:4 1 udp 1 2001:db8::1 50001 typ srflx raddr fd00::1 rport 5000";
        assert_eq!(shown(v6), "candidate:4 1 udp 1 2001:db8::1 50001 typ srflx raddr :: rport 0");
        let host = "candidate:1 1 udp 2130706431 127.0.0.1 4000 typ host";
        assert_eq!(shown(host), host);
    }

    #[test]
    fn debug_hides_what_is_inside() {
        let signal = Signal {
            session: SESSION,
            payload: SignalPayload::Candidate(candidate("candidate:1 1 udp 1 192.0.2.77 4000 typ host")),
        };
        let text = format!("{signal:?}");
        assert!(!text.contains("192.0.2.77"), "{text}");
        assert!(text.contains("host"), "{text}");
    }

    proptest! {
        #[test]
        fn prop_any_bytes_decode_or_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            if let Ok(signal) = Signal::decode(&bytes) {
                prop_assert_eq!(signal.encode(), bytes);
            }
        }

        #[test]
        fn prop_any_candidate_line_is_judged(line in ".{0,200}") {
            let candidate = candidate(&line);
            let _ = (candidate.is_usable(), candidate.relay_endpoint(), candidate.kind());
        }
    }
}
