//! Sound on a peer link: one Opus track each way, over SRTP, beside the data channels.
//!
//! Every link has the tracks from its first offer on, so a call needs no renegotiation, begins at once, and shares the
//! link's keys, its proof of who is at the other end, and its ICE restarts. Without a call nothing is sent on them.
//!
//! # Invariants
//! 1. What comes is dropped unless a sink was set, which only the owner of the call does. Test:
//!    `sound_crosses_a_link_and_only_to_who_asked`.
//! 2. What waits to be sent is bounded: [`OUT_MAX`].

use std::sync::{Arc, Mutex, PoisonError};

use momoland_media::Packet;
use rtc::interceptor::Registry;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_OPUS, MediaEngine};
use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use tokio::sync::mpsc;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::PeerConnection;

use super::peer::PeerError;

/// Packets that wait to be sent, 0.3 s. Full: the newest is dropped.
const OUT_MAX: usize = 16;
/// The payload type that stands for Opus in offers.
const PAYLOAD_TYPE: u8 = 111;

/// Takes what is heard. Called by the connection's task: must not wait.
pub(crate) type AudioSink = Arc<dyn Fn(Packet) + Send + Sync>;

/// The owner's end of a link's sound. Outlives the link; then what is sent is dropped.
pub(crate) struct AudioPort {
    out: mpsc::Sender<Packet>,
    waiting: tokio::sync::Mutex<mpsc::Receiver<Packet>>,
    sink: Mutex<Option<AudioSink>>,
}

impl Default for AudioPort {
    fn default() -> Self {
        let (out, waiting) = mpsc::channel(OUT_MAX);
        Self { out, waiting: tokio::sync::Mutex::new(waiting), sink: Mutex::new(None) }
    }
}

impl AudioPort {
    /// Sends a packet. Where too much waits it is dropped: late it is worth nothing.
    pub(crate) fn send(&self, packet: Packet) {
        let _ = self.out.try_send(packet);
    }

    /// Who takes what is heard; nobody to begin with, and what comes is dropped.
    pub(crate) fn set_sink(&self, sink: Option<AudioSink>) {
        *self.sink.lock().unwrap_or_else(PoisonError::into_inner) = sink;
    }

    /// The next packet to be sent.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(crate) async fn next_out(&self) -> Packet {
        match self.waiting.lock().await.recv().await {
            Some(packet) => packet,
            // The sender is held beside the receiver.
            None => std::future::pending().await,
        }
    }

    pub(crate) fn heard(&self, packet: Packet) {
        let sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(sink) = sink {
            sink(packet);
        }
    }
}

impl std::fmt::Debug for AudioPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AudioPort").finish_non_exhaustive()
    }
}

fn opus() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: MIME_TYPE_OPUS.to_owned(),
        clock_rate: momoland_media::SAMPLE_RATE,
        // RFC 7587 §7: always two in descriptions, whatever is sent.
        channels: 2,
        sdp_fmtp_line: "minptime=20;useinbandfec=1;usedtx=1".to_owned(),
        rtcp_feedback: vec![],
    }
}

/// Opus alone. Without the library's interceptor for RTCP reports: with it one link in two hundred never opened (test
/// `links_come_and_go_without_a_trace`), and what arrives is counted by the jitter buffer.
pub(super) fn media_engine() -> Result<(MediaEngine, Registry), PeerError> {
    let mut engine = MediaEngine::default();
    let codec = RTCRtpCodecParameters { rtp_codec: opus(), payload_type: PAYLOAD_TYPE };
    engine.register_codec(codec, RtpCodecKind::Audio)?;
    Ok((engine, Registry::new()))
}

/// This side's track.
pub(crate) struct AudioTrack {
    inner: Arc<TrackLocalStaticRTP>,
    ssrc: u32,
}

impl AudioTrack {
    pub(super) async fn add(connection: &dyn PeerConnection) -> Result<Self, PeerError> {
        let ssrc = u32::from_be_bytes(momoland_protocol::id::random());
        let coding = RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..RTCRtpCodingParameters::default() },
            codec: opus(),
            ..RTCRtpEncodingParameters::default()
        };
        let names = ["momoland", "audio", "audio"].map(str::to_owned);
        let [stream, track, label] = names;
        let track = MediaStreamTrack::new(stream, track, label, RtpCodecKind::Audio, vec![coding]);
        let inner = Arc::new(TrackLocalStaticRTP::new(track));
        let of_library: Arc<dyn TrackLocal> = Arc::clone(&inner) as Arc<dyn TrackLocal>;
        connection.add_track(of_library).await?;
        Ok(Self { inner, ssrc })
    }

    pub(super) async fn send(&self, packet: Packet) -> Result<(), PeerError> {
        let Packet { sequence, timestamp, payload } = packet;
        let header = rtp::Header {
            version: 2,
            payload_type: PAYLOAD_TYPE,
            sequence_number: sequence,
            timestamp,
            ssrc: self.ssrc,
            ..rtp::Header::default()
        };
        Ok(self.inner.write_rtp(rtp::Packet { header, payload: payload.into() }).await?)
    }
}

/// The other side's track.
pub(crate) struct RemoteTrack {
    inner: Arc<dyn TrackRemote>,
}

impl RemoteTrack {
    pub(super) fn new(inner: Arc<dyn TrackRemote>) -> Self {
        Self { inner }
    }

    /// The next packet; `None` once the track has ended.
    ///
    /// # Cancel safety
    /// Nothing is lost: the library's queue gives an event only to a poll that completes.
    pub(crate) async fn next(&self) -> Option<Packet> {
        loop {
            match self.inner.poll().await? {
                TrackRemoteEvent::OnRtpPacket(packet) => {
                    let rtp::Packet { header, payload } = packet;
                    let (sequence, timestamp) = (header.sequence_number, header.timestamp);
                    return Some(Packet { sequence, timestamp, payload: payload.to_vec() });
                }
                TrackRemoteEvent::OnEnded => return None,
                _ => {}
            }
        }
    }
}

impl std::fmt::Debug for RemoteTrack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteTrack").finish_non_exhaustive()
    }
}
