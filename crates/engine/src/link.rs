//! Links: bytes in and out, between this device and others.
//!
//! A *peer link* is one WebRTC connection with two data channels: `sync`, reliable and ordered, for durable frames, and
//! `ephemeral`, unordered and without retransmission. [`PeerLinks`] keeps one for each device that it is told to dial
//! or that dials; [`Dialer`] says whom to dial and when. Signals go to and come from the caller, who knows an
//! introducer; `session` makes of the bytes what they mean, and proves who is at the other end.
//!
//! ```text
//!   dialer (whom, when) ──► links (one owner: who is linked, which attempt counts)
//!                             │ negotiation (perfect negotiation, pure)
//!                             ▼
//!                           connection (one task a link) ◄─► outbox (what waits to be sent)
//!                             │ framing, signal (bytes)
//!                             ▼
//!                           peer (RTCPeerConnection) ── runtime, interfaces
//! ```
//!
//! # Invariants
//! 1. At most one link stands with a device, also when both dial at once. Test: `glare_ends_in_one_link`.
//! 2. Every [`PeerEvent::Open`] is followed by one [`PeerEvent::Closed`] of the same connection, and frames come only
//!    between the two. Test: `what_was_sent_before_a_close_arrives`, and `check_order` in most others.
//! 3. A link that ended leaves nothing: no task, no socket. Test: `links_come_and_go_without_a_trace`.
//! 4. The fingerprints in `Open` are those of the certificates that DTLS verified. Test: `both_ends_see_the_same_fingerprints`.
//! 5. Every queue is bounded, and says what happens when it is full.
//!
//! Not here: who may be dialled or answered, what a frame means, the relay. Only `audio`, `peer`, `runtime` and `probe`
//! know `webrtc` and `rtc`.

mod audio;
mod connection;
mod dialer;
pub(crate) mod framing;
mod interfaces;
mod links;
mod negotiation;
mod outbox;
mod peer;
pub(crate) mod probe;
pub(crate) mod roaming;
mod runtime;
pub(crate) mod server;
mod signal;
mod tracks;
mod video;

use std::time::Duration;

use bytes::Bytes;
use momoland_protocol::handshake::{Fingerprint, Side};
use momoland_protocol::id::DeviceId;

pub(crate) use self::audio::{AudioPort, AudioSink};
pub use self::dialer::Dialer;
pub use self::framing::{DURABLE_FRAME_BYTES_MAX, EPHEMERAL_FRAME_BYTES_MAX};
pub use self::links::PeerLinks;
pub use self::signal::{Candidate, SessionId, Signal, SignalPayload};
pub(crate) use self::video::{VideoPort, VideoSink};

/// What peer links are made with.
#[derive(Debug, Clone)]
pub struct PeerConfig {
    /// This device.
    pub own: DeviceId,
    /// STUN and TURN servers; [`PeerLinks::set_ice_servers`] replaces them as credentials expire.
    pub ice_servers: Vec<IceServer>,
    /// Which ways may be taken.
    pub policy: PeerPolicy,
    /// Whether loopback addresses are candidates too: where the server is on loopback.
    pub include_loopback: bool,
    /// How long things may take.
    pub timeouts: PeerTimeouts,
}

/// How long things may take. [`PeerTimeouts::PRODUCT`] are the measured values.
#[derive(Debug, Clone, Copy)]
pub struct PeerTimeouts {
    /// From dial or offer until both channels are open.
    pub attempt: Duration,
    /// Without an answer to ICE's checks, until another way is looked for.
    pub ice_disconnected: Duration,
    /// From there until the link is given up.
    pub ice_failed: Duration,
    /// Between ICE's checks of an idle link.
    pub ice_keepalive: Duration,
    /// Between two pings: how often round trip and path are looked at.
    pub ping: Duration,
    /// Without any message or pong, until the link is given up although ICE is content: the driver at the other end
    /// answers checks by itself, also for a program that hangs.
    pub unresponsive: Duration,
}

impl PeerTimeouts {
    /// A killed peer is found dead after 6 s: short enough that its face does not stay green, long enough that a
    /// changing Wi-Fi is survived by an ICE restart.
    pub const PRODUCT: Self = Self {
        attempt: Duration::from_secs(15),
        ice_disconnected: Duration::from_secs(2),
        ice_failed: Duration::from_secs(4),
        ice_keepalive: Duration::from_millis(500),
        ping: Duration::from_secs(2),
        unresponsive: Duration::from_secs(30),
    };
}

/// A STUN or TURN server (RFC 7064, RFC 7065).
#[derive(Clone, PartialEq, Eq)]
pub struct IceServer {
    /// `stun:host:port` or `turn:host:port`; TURN over UDP only.
    pub urls: Vec<String>,
    /// For TURN.
    pub username: String,
    /// For TURN.
    pub credential: String,
}

impl std::fmt::Debug for IceServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IceServer").field("urls", &self.urls).finish_non_exhaustive()
    }
}

/// Which ways a peer link may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerPolicy {
    /// Direct where possible, else through TURN.
    All,
    /// Through TURN only: other members do not learn this machine's addresses.
    TurnOnly,
    /// No peer links; everything goes by the server's relay.
    None,
}

/// The way that a link takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerPath {
    /// From machine to machine.
    Direct,
    /// Through a TURN server, at either end.
    Turn,
}

/// The two kinds of frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Arrives, in order, or the link closes. At most [`DURABLE_FRAME_BYTES_MAX`].
    Durable,
    /// May be lost or overtaken. At most [`EPHEMERAL_FRAME_BYTES_MAX`].
    Ephemeral,
}

/// The fingerprints of the two DTLS certificates, as presented and verified. The session handshake signs them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprints {
    /// Of the device that offered.
    pub offerer: Fingerprint,
    /// Of the device that answered.
    pub answerer: Fingerprint,
}

/// What peer links say to their owner.
#[derive(Debug)]
pub enum PeerEvent {
    /// To be passed to the device by an introducer.
    Signal {
        /// The device.
        to: DeviceId,
        /// What to say.
        signal: Signal,
    },
    /// Both channels are open, in both directions.
    Open {
        /// The other end, as the introducer says; the session handshake proves it.
        device: DeviceId,
        /// Names this link; never used again by this process.
        connection: u64,
        /// For the session handshake.
        fingerprints: Fingerprints,
        /// Whether this end offered or answered.
        side: Side,
        /// The way it takes now.
        path: PeerPath,
        /// A first round trip.
        rtt: Duration,
    },
    /// A frame of the other end.
    Frame {
        /// The link.
        connection: u64,
        /// Its other end.
        device: DeviceId,
        /// On which channel.
        class: Class,
        /// The frame.
        bytes: Bytes,
    },
    /// After [`SendRefused::Full`]: there is room again.
    Writable {
        /// The link.
        connection: u64,
        /// Its other end.
        device: DeviceId,
    },
    /// The way or the round trip changed.
    Path {
        /// The other end.
        device: DeviceId,
        /// The link.
        connection: u64,
        /// The way.
        path: PeerPath,
        /// The round trip of a ping.
        rtt: Duration,
    },
    /// The link is gone. What was sent and not answered may or may not have arrived.
    Closed {
        /// The other end.
        device: DeviceId,
        /// The link.
        connection: u64,
        /// Why.
        reason: CloseReason,
    },
    /// An attempt, by either side, did not become a link.
    AttemptFailed {
        /// The other end.
        device: DeviceId,
        /// Why.
        reason: CloseReason,
    },
}

/// Why a link or an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// This side wanted it.
    #[error("closed here")]
    Requested,
    /// The other side closed it.
    #[error("closed by the other side")]
    RemoteClosed,
    /// No way between the two works (any more).
    #[error("no way to the other side")]
    IceFailed,
    /// The attempt took too long.
    #[error("no connection within the time allowed")]
    TimedOut,
    /// ICE still reaches the other machine, but nobody there answers.
    #[error("the other side does not answer")]
    Unresponsive,
    /// The other side began a new session, or both had offered.
    #[error("replaced by another attempt")]
    Superseded,
    /// The policy forbids it, or changed.
    #[error("not allowed by the policy on peer links")]
    Policy,
    /// There are as many links as there may be, or too much is being asked at once.
    #[error("too many peer links")]
    Limit,
    /// The other side broke the protocol of links.
    #[error("the other side broke the protocol")]
    Violation,
    /// No socket, no description: this machine could not even begin.
    #[error("a connection could not be set up")]
    Setup,
    /// The process ends.
    #[error("shutting down")]
    Shutdown,
}

/// Why a frame was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendRefused {
    /// Too much waits already. Keep the frame; [`PeerEvent::Writable`] follows.
    #[error("the link's queue is full")]
    Full,
    /// The link is not open, or no longer.
    #[error("the link is closed")]
    Closed,
    /// Longer than its class allows.
    #[error("the frame is too long")]
    TooLong,
}

/// How one link does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerStats {
    /// The other end.
    pub device: DeviceId,
    /// The link.
    pub connection: u64,
    /// The way it takes.
    pub path: PeerPath,
    /// The last round trip of a ping.
    pub rtt: Duration,
    /// Bytes of messages that came in on both channels.
    pub bytes_in: u64,
    /// Bytes of messages that went out on both channels.
    pub bytes_out: u64,
}

#[cfg(test)]
mod tests;
