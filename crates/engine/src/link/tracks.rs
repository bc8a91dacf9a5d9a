//! The media of a peer link: a track of Opus and one of VP8 each way, over SRTP, beside the data channels.
//!
//! Every link has the tracks from its first offer on, so a call needs no renegotiation, begins at once, and shares the
//! link's keys, its proof of who is at the other end, and its ICE restarts. Without a call nothing is sent on them.
//!
//! What the other side of a picture tells of it (losses, arrivals, wishes) goes as packets of the video track too, not as
//! RTCP, which the library keeps to itself, and not over a data channel, where it would stand behind a synchronisation.

use std::sync::Arc;

use rtc::interceptor::Registry;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_OPUS, MIME_TYPE_VP8, MediaEngine};
use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::PeerConnection;

use super::peer::PeerError;

/// What a track carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TrackKind {
    Audio,
    Video,
}

impl TrackKind {
    fn of_library(self) -> RtpCodecKind {
        match self {
            Self::Audio => RtpCodecKind::Audio,
            Self::Video => RtpCodecKind::Video,
        }
    }

    /// The number that stands for the codec in offers.
    fn payload_type(self) -> u8 {
        match self {
            Self::Audio => 111,
            Self::Video => 96,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
        }
    }

    fn codec(self) -> RTCRtpCodec {
        match self {
            Self::Audio => RTCRtpCodec {
                mime_type: MIME_TYPE_OPUS.to_owned(),
                clock_rate: momoland_media::SAMPLE_RATE,
                // RFC 7587 §7: always two in descriptions, whatever is sent.
                channels: 2,
                sdp_fmtp_line: "minptime=20;useinbandfec=1;usedtx=1".to_owned(),
                rtcp_feedback: vec![],
            },
            Self::Video => RTCRtpCodec {
                mime_type: MIME_TYPE_VP8.to_owned(),
                clock_rate: 90_000,
                channels: 0,
                sdp_fmtp_line: String::new(),
                rtcp_feedback: vec![],
            },
        }
    }
}

/// Opus and VP8 alone. Without the library's interceptor for RTCP reports: with it one link in two hundred never opened
/// (test `links_come_and_go_without_a_trace`), and what arrives is counted where it is put together.
pub(super) fn media_engine() -> Result<(MediaEngine, Registry), PeerError> {
    let mut engine = MediaEngine::default();
    for kind in [TrackKind::Audio, TrackKind::Video] {
        let codec = RTCRtpCodecParameters { rtp_codec: kind.codec(), payload_type: kind.payload_type() };
        engine.register_codec(codec, kind.of_library())?;
    }
    Ok((engine, Registry::new()))
}

/// A packet as either track carries it.
#[derive(Debug)]
pub(crate) struct MediaPacket {
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    pub(crate) payload: Vec<u8>,
}

/// This side's track.
pub(crate) struct LocalTrack {
    inner: Arc<TrackLocalStaticRTP>,
    kind: TrackKind,
    ssrc: u32,
}

impl LocalTrack {
    pub(super) async fn add(connection: &dyn PeerConnection, kind: TrackKind) -> Result<Self, PeerError> {
        let ssrc = u32::from_be_bytes(momoland_protocol::id::random());
        let coding = RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..RTCRtpCodingParameters::default() },
            codec: kind.codec(),
            ..RTCRtpEncodingParameters::default()
        };
        let [stream, track, label] = ["momoland", kind.name(), kind.name()].map(str::to_owned);
        let track = MediaStreamTrack::new(stream, track, label, kind.of_library(), vec![coding]);
        let inner = Arc::new(TrackLocalStaticRTP::new(track));
        let of_library: Arc<dyn TrackLocal> = Arc::clone(&inner) as Arc<dyn TrackLocal>;
        connection.add_track(of_library).await?;
        Ok(Self { inner, kind, ssrc })
    }

    pub(super) async fn send(&self, packet: MediaPacket) -> Result<(), PeerError> {
        let MediaPacket { sequence, timestamp, marker, payload } = packet;
        let header = rtp::Header {
            version: 2,
            marker,
            payload_type: self.kind.payload_type(),
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
    pub(crate) kind: TrackKind,
}

impl RemoteTrack {
    /// `None` of a kind that this protocol has not.
    pub(super) async fn new(inner: Arc<dyn TrackRemote>) -> Option<Self> {
        let kinds = [TrackKind::Audio, TrackKind::Video];
        let of_library = inner.kind().await;
        let kind = kinds.into_iter().find(|kind| kind.of_library() == of_library)?;
        Some(Self { inner, kind })
    }

    /// The next packet; `None` once the track has ended.
    ///
    /// # Cancel safety
    /// Nothing is lost: the library's queue gives an event only to a poll that completes.
    pub(crate) async fn next(&self) -> Option<MediaPacket> {
        loop {
            match self.inner.poll().await? {
                TrackRemoteEvent::OnRtpPacket(packet) => {
                    let rtp::Packet { header, payload } = packet;
                    let (sequence, timestamp) = (header.sequence_number, header.timestamp);
                    return Some(MediaPacket { sequence, timestamp, marker: header.marker, payload: payload.to_vec() });
                }
                TrackRemoteEvent::OnEnded => return None,
                _ => {}
            }
        }
    }
}

impl std::fmt::Debug for RemoteTrack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteTrack").field("kind", &self.kind).finish_non_exhaustive()
    }
}
