//! One `RTCPeerConnection` with its two data channels.
//!
//! Driven by `connection`, which knows nothing of the library: descriptions are text, candidates are
//! [`Candidate`]s, states are [`PeerState`]s.
//!
//! Both channels are pre-negotiated (RFC 8832 §4 is skipped): their ids and properties are part of this protocol, so
//! no opening handshake can be lost, and no channel arrives that nobody asked for.
//!
//! # Invariants
//! 1. What SCTP holds unsent is bounded: [`SEND_BUFFER_BYTES`] for `sync`, [`EPHEMERAL_BUFFER_BYTES`] for `ephemeral`.
//! 2. A fingerprint is reported only if the certificate presented in DTLS, and the description, agree on it.
//!    Test: `both_ends_see_the_same_fingerprints`.
//! 3. mDNS is off, and neither side's candidates can make this machine open a TCP connection.
//! 4. With [`PeerSettings::turn_only`] nothing that leaves here has an address of this machine.
//!    Test: `c42_who_uses_turn_alone_tells_no_address_of_its_own`.
//!
//! Not here: order of events, time-outs, queues (`connection`); which session counts (`negotiation`).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use momoland_protocol::handshake::Fingerprint;
use tokio::sync::{mpsc, watch};
use webrtc::data_channel::{DataChannel, DataChannelEvent, RTCDataChannelInit};
use webrtc::media_stream::track_remote::TrackRemote;
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfiguration, RTCConfigurationBuilder,
    RTCIceCandidateInit, RTCIceCandidateType, RTCIceGatheringState, RTCIceServer, RTCIceTransportPolicy,
    RTCPeerConnectionIceEvent, RTCPeerConnectionState, RTCSessionDescription, RTCStatsReportEntry, SettingEngine,
    SettingEngineBuilder, StatsSelector,
};

use super::framing::MESSAGE_BYTES_MAX;
use super::interfaces::LocalAddresses;
use super::runtime::LinkRuntime;
use super::signal::Candidate;
use super::tracks::{self, LocalTrack, RemoteTrack, TrackKind};
use super::{IceServer, PeerPath, PeerTimeouts};

const SYNC_ID: u16 = 0;
const EPHEMERAL_ID: u16 = 1;

/// Bytes that SCTP holds of `sync`, unsent or unacknowledged. Full: frames wait in the outbox. As much as is under way
/// on a path of 80 MB/s and 12 ms, or of 8 MB/s and 120 ms.
const SEND_BUFFER_BYTES: usize = 1024 * 1024;
/// The same of `ephemeral`. Full: an ephemeral is dropped, it would come too late.
const EPHEMERAL_BUFFER_BYTES: usize = 64 * 1024;

/// What the checks wait before they settle for a path although a better one may yet work. The library's 2 s make
/// relayed links slow to open; at 0 a relay on the local network beats every direct path that needs a NAT's reply.
const RELAY_WAIT: Duration = Duration::from_millis(500);
/// The same for a path through a NAT.
const SERVER_REFLEXIVE_WAIT: Duration = Duration::from_millis(200);
/// The same for an address learned from a check. The library's 1 s is for addresses behind odd NATs; here most are
/// plain neighbours whose check was faster than the introducer's word of them.
const PEER_REFLEXIVE_WAIT: Duration = Duration::from_millis(50);
/// TURN permissions and nonces expire; refreshing more often than the library would costs one packet a minute.
const TURN_REFRESH: Duration = Duration::from_secs(60);
/// Between two ICE checks, and how many without an answer end a pair: 10 s in all. The first checks often go before
/// the other side has the description, so the time to the second is the time to connect.
const ICE_CHECK: (Duration, u16) = (Duration::from_millis(50), 200);

/// Candidates gathered and not yet sent. Full: the candidate is dropped; there are eight addresses at most.
const GATHERED_MAX: usize = 128;

/// Remote candidates that one connection takes in all. Beyond it they are ignored: each costs checks for seconds.
const REMOTE_CANDIDATES_MAX: usize = 64;

/// Why the library would not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PeerError {
    #[error("the WebRTC library: {0}")]
    Library(#[from] webrtc::error::Error),
    /// No certificate was presented, or it is not the one that the description names.
    #[error("the certificates are not those of the descriptions")]
    Fingerprint,
    /// No pair of candidates is selected.
    #[error("no path is selected")]
    NoPath,
}

/// How to make a connection.
#[derive(Debug, Clone)]
pub(crate) struct PeerSettings {
    /// The newest are asked when a way is looked for, at first and in each ICE restart.
    pub(crate) ice_servers: watch::Receiver<Vec<IceServer>>,
    pub(crate) turn_only: bool,
    pub(crate) include_loopback: bool,
    pub(crate) timeouts: PeerTimeouts,
}

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PeerState {
    Connecting,
    Connected,
    /// No answers for a while; another way may be found.
    Disconnected,
    Failed,
    Closed,
    /// The other side opened a channel that is not ours.
    ForeignChannel,
}

/// What happens on a channel.
#[derive(Debug)]
pub(crate) enum ChannelEvent {
    Open,
    Message(Bytes),
    Closed,
}

/// One of the two channels.
#[derive(Clone)]
pub(crate) struct Channel {
    inner: Arc<dyn DataChannel>,
    buffer_bytes: usize,
}

/// What the connection says by itself.
#[derive(Debug)]
pub(crate) struct PeerOutputs {
    /// Local candidates, then `None`.
    pub(crate) gathered: mpsc::Receiver<Option<Candidate>>,
    pub(crate) state: watch::Receiver<PeerState>,
    /// The other side's sound and pictures, once there are any.
    pub(crate) tracks: mpsc::Receiver<RemoteTrack>,
}

pub(crate) struct Peer {
    inner: Arc<dyn PeerConnection>,
    pub(crate) audio: LocalTrack,
    pub(crate) video: LocalTrack,
    pub(crate) sync: Channel,
    pub(crate) ephemeral: Channel,
    /// Addresses that the other side said are relays. A check from there may arrive before its candidate does, and
    /// then counts as peer-reflexive for the library.
    remote_relays: Vec<SocketAddr>,
    remote_candidates: usize,
    ice_servers: watch::Receiver<Vec<IceServer>>,
    turn_only: bool,
}

/// Called on the library's driver: must never wait.
struct Handler {
    gathered: mpsc::Sender<Option<Candidate>>,
    state: watch::Sender<PeerState>,
    tracks: mpsc::Sender<RemoteTrack>,
    turn_only: bool,
}

impl Handler {
    fn gathered(&self, candidate: Option<Candidate>) {
        if self.gathered.try_send(candidate).is_err() {
            tracing::warn!("a gathered candidate was dropped");
        }
    }
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_candidate(&self, event: RTCPeerConnectionIceEvent) {
        match event.candidate.to_json() {
            Ok(init) => {
                let candidate =
                    Candidate { line: init.candidate, mid: init.sdp_mid, mline_index: init.sdp_mline_index };
                if let Some(candidate) = shown(candidate, self.turn_only) {
                    self.gathered(Some(candidate));
                }
            }
            Err(error) => tracing::warn!(%error, "a gathered candidate cannot be written"),
        }
    }

    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.gathered(None);
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        let state = match state {
            RTCPeerConnectionState::Connected => PeerState::Connected,
            RTCPeerConnectionState::Disconnected => PeerState::Disconnected,
            RTCPeerConnectionState::Failed => PeerState::Failed,
            RTCPeerConnectionState::Closed => PeerState::Closed,
            // The library's type may grow.
            _ => PeerState::Connecting,
        };
        self.state.send_if_modified(|current| {
            let changed = *current != state && *current != PeerState::ForeignChannel;
            if changed {
                *current = state;
            }
            changed
        });
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let track = RemoteTrack::new(track).await;
        if track.is_none_or(|track| self.tracks.try_send(track).is_err()) {
            tracing::debug!("a further track was ignored");
        }
    }

    async fn on_data_channel(&self, _: Arc<dyn DataChannel>) {
        self.state.send_replace(PeerState::ForeignChannel);
    }
}

impl Peer {
    /// Binds sockets and makes both channels; gathering starts with the first description.
    pub(crate) async fn open(mut settings: PeerSettings) -> Result<(Self, PeerOutputs), PeerError> {
        let (gathered_sender, gathered) = mpsc::channel(GATHERED_MAX);
        let (state_sender, state) = watch::channel(PeerState::Connecting);
        let (tracks_sender, tracks) = mpsc::channel(2);
        let turn_only = settings.turn_only;
        let handler = Handler { gathered: gathered_sender, state: state_sender, tracks: tracks_sender, turn_only };
        let (media, interceptors) = tracks::media_engine()?;
        let configuration = configuration(&settings.ice_servers.borrow_and_update(), settings.turn_only);
        let connection = PeerConnectionBuilder::new()
            .with_configuration(configuration)
            .with_setting_engine(setting_engine(&settings))
            .with_media_engine(media)
            .with_interceptor_registry(interceptors)
            .with_handler(Arc::new(handler))
            .with_runtime(Arc::new(LinkRuntime::new()))
            .with_udp_addrs(vec![LocalAddresses { include_loopback: settings.include_loopback }])
            .with_data_channel_send_buffer_limit(SEND_BUFFER_BYTES)
            .build()
            .await?;
        let connection: Arc<dyn PeerConnection> = Arc::new(connection);
        match Self::with_channels(Arc::clone(&connection), settings).await {
            Ok(peer) => Ok((peer, PeerOutputs { gathered, state, tracks })),
            Err(error) => {
                // The driver runs by now, and nothing but this ends it.
                let _ = connection.close().await;
                Err(error)
            }
        }
    }

    async fn with_channels(
        connection: Arc<dyn PeerConnection>,
        PeerSettings { ice_servers, turn_only, include_loopback: _, timeouts: _ }: PeerSettings,
    ) -> Result<Self, PeerError> {
        let sync = RTCDataChannelInit { negotiated: Some(SYNC_ID), ..RTCDataChannelInit::default() };
        let ephemeral = RTCDataChannelInit {
            negotiated: Some(EPHEMERAL_ID),
            ordered: false,
            max_retransmits: Some(0),
            ..RTCDataChannelInit::default()
        };
        let sync = Channel {
            inner: connection.create_data_channel("sync", Some(sync)).await?,
            buffer_bytes: SEND_BUFFER_BYTES,
        };
        let ephemeral = Channel {
            inner: connection.create_data_channel("ephemeral", Some(ephemeral)).await?,
            buffer_bytes: EPHEMERAL_BUFFER_BYTES,
        };
        let audio = LocalTrack::add(&*connection, TrackKind::Audio).await?;
        let video = LocalTrack::add(&*connection, TrackKind::Video).await?;
        Ok(Self {
            inner: connection,
            audio,
            video,
            sync,
            ephemeral,
            remote_relays: Vec::new(),
            remote_candidates: 0,
            ice_servers,
            turn_only,
        })
    }

    /// An offer, applied here.
    pub(crate) async fn offer(&self) -> Result<String, PeerError> {
        let offer = self.inner.create_offer(None).await?;
        let sdp = self.shown(&offer.sdp);
        self.inner.set_local_description(offer).await?;
        Ok(sdp)
    }

    /// The pending offer as it stands, with the candidates gathered by now.
    pub(crate) async fn pending_offer(&self) -> Option<String> {
        self.inner.pending_local_description().await.map(|description| self.shown(&description.sdp))
    }

    /// An offer with fresh ICE credentials, applied here.
    pub(crate) async fn restart(&mut self) -> Result<String, PeerError> {
        self.renew_ice_servers().await?;
        self.inner.restart_ice().await?;
        self.offer().await
    }

    /// The answer to the other side's offer, both applied here.
    pub(crate) async fn answer(&mut self, sdp: String) -> Result<String, PeerError> {
        self.note_relays(&sdp);
        self.renew_ice_servers().await?;
        self.inner.set_remote_description(RTCSessionDescription::offer(sdp)?).await?;
        let answer = self.inner.create_answer(None).await?;
        let sdp = self.shown(&answer.sdp);
        self.inner.set_local_description(answer).await?;
        Ok(sdp)
    }

    /// Takes the other side's answer.
    pub(crate) async fn apply(&mut self, sdp: String) -> Result<(), PeerError> {
        self.note_relays(&sdp);
        self.inner.set_remote_description(RTCSessionDescription::answer(sdp)?).await?;
        Ok(())
    }

    /// Takes an own offer back. Explicit: the library refuses an offer while its own is pending.
    pub(crate) async fn rollback(&self) -> Result<(), PeerError> {
        self.inner.set_local_description(RTCSessionDescription::rollback(None)?).await?;
        Ok(())
    }

    /// Takes a candidate of the other side. One that is of no use is passed over.
    pub(crate) async fn add_candidate(&mut self, candidate: Candidate) -> Result<(), PeerError> {
        if self.remote_candidates == REMOTE_CANDIDATES_MAX || !candidate.is_usable() {
            tracing::debug!(?candidate, "a candidate was passed over");
            return Ok(());
        }
        self.remote_candidates += 1;
        self.remote_relays.extend(candidate.relay_endpoint());
        let init = RTCIceCandidateInit {
            candidate: candidate.line,
            sdp_mid: candidate.mid,
            sdp_mline_index: candidate.mline_index,
            ..RTCIceCandidateInit::default()
        };
        self.inner.add_ice_candidate(init).await?;
        Ok(())
    }

    /// The way that the selected pair takes.
    pub(crate) async fn path(&self) -> Result<PeerPath, PeerError> {
        let sctp = self.inner.sctp().await.ok_or(PeerError::NoPath)?;
        let ice = sctp.transport().ice_transport();
        let pair = ice.get_selected_candidate_pair().await?.ok_or(PeerError::NoPath)?;
        let (local, remote) = (pair.local(), pair.remote());
        let remote_endpoint =
            remote.address.parse::<IpAddr>().ok().map(|address| SocketAddr::new(address, remote.port));
        let relayed = local.typ == RTCIceCandidateType::Relay
            || remote.typ == RTCIceCandidateType::Relay
            || remote_endpoint.is_some_and(|endpoint| self.remote_relays.contains(&endpoint));
        Ok(if relayed { PeerPath::Turn } else { PeerPath::Direct })
    }

    /// The fingerprints of the own and the other side's certificate: as presented in the DTLS handshake, and the same
    /// as in the descriptions that were applied.
    pub(crate) async fn fingerprints(&self) -> Result<(Fingerprint, Fingerprint), PeerError> {
        let report = self.inner.get_stats(Instant::now(), StatsSelector::None).await;
        let transport = report.iter().find_map(|entry| match entry {
            RTCStatsReportEntry::Transport(transport) => Some(transport),
            _ => None,
        });
        let transport = transport.ok_or(PeerError::Fingerprint)?;
        let presented = |id: &str| {
            report.iter().find_map(|entry| match entry {
                RTCStatsReportEntry::Certificate(certificate)
                    if certificate.stats.id == id
                        && certificate.fingerprint_algorithm.eq_ignore_ascii_case("sha-256") =>
                {
                    parse_fingerprint(&certificate.fingerprint)
                }
                _ => None,
            })
        };
        let own = presented(&transport.local_certificate_id);
        let other = presented(&transport.remote_certificate_id);
        let described = |description: Option<RTCSessionDescription>| {
            description.and_then(|description| described_fingerprint(&description.sdp))
        };
        let own_described = described(self.inner.current_local_description().await);
        let other_described = described(self.inner.current_remote_description().await);
        match (own, other) {
            (Some(own), Some(other)) if own_described == Some(own) && other_described == Some(other) => {
                Ok((own, other))
            }
            _ => Err(PeerError::Fingerprint),
        }
    }

    /// Tells the other side, closes the sockets, ends the driver.
    pub(crate) async fn close(self) {
        if let Err(error) = self.inner.close().await {
            tracing::debug!(%error, "a peer connection closed with an error");
        }
    }

    /// Before ways are looked for anew: TURN credentials may have ended since the last time. Not for a link that is
    /// well, whose relayed address goes on under the old ones.
    async fn renew_ice_servers(&mut self) -> Result<(), PeerError> {
        if self.ice_servers.has_changed().unwrap_or(false) {
            let configuration = configuration(&self.ice_servers.borrow_and_update(), self.turn_only);
            self.inner.set_configuration(configuration).await?;
        }
        Ok(())
    }

    /// A description as the other side may see it.
    fn shown(&self, sdp: &str) -> String {
        let lines = sdp.split_inclusive('\n').filter_map(|line| {
            let Some(candidate) = line.strip_prefix("a=").filter(|rest| rest.starts_with("candidate:")) else {
                return Some(line.to_owned());
            };
            let candidate = Candidate { line: candidate.trim_end().to_owned(), mid: None, mline_index: None };
            let candidate = shown(candidate, self.turn_only)?;
            Some(format!("a={}\r\n", candidate.line))
        });
        lines.collect()
    }

    fn note_relays(&mut self, sdp: &str) {
        let relays = sdp.lines().filter_map(|line| {
            let line = line.strip_prefix("a=")?.to_owned();
            Candidate { line, mid: None, mline_index: None }.relay_endpoint()
        });
        self.remote_relays.extend(relays.take(REMOTE_CANDIDATES_MAX));
        self.remote_relays.truncate(2 * REMOTE_CANDIDATES_MAX);
    }
}

impl Channel {
    /// What happens next. `None` once nothing more will.
    ///
    /// # Cancel safety
    /// Nothing is lost: the library's queue gives an event only to a poll that completes.
    pub(crate) async fn next(&self) -> Option<ChannelEvent> {
        loop {
            match self.inner.poll().await? {
                DataChannelEvent::OnOpen => return Some(ChannelEvent::Open),
                DataChannelEvent::OnMessage(message) => return Some(ChannelEvent::Message(message.data.freeze())),
                DataChannelEvent::OnClosing | DataChannelEvent::OnClose | DataChannelEvent::OnError => {
                    return Some(ChannelEvent::Closed);
                }
                _ => {}
            }
        }
    }

    /// Whether another message may be sent now.
    pub(crate) async fn has_room(&self) -> Result<bool, PeerError> {
        Ok(self.inner.outstanding_bytes().await? < self.buffer_bytes)
    }

    /// Whether the other side has acknowledged everything, or never will.
    pub(crate) async fn is_drained(&self) -> bool {
        self.inner.outstanding_bytes().await.map_or(true, |bytes| bytes == 0)
    }

    /// Resolves when [`Self::has_room`] may be true again; of use for `sync` only.
    ///
    /// # Cancel safety
    /// Changes nothing.
    pub(crate) async fn writable(&self) -> Result<(), PeerError> {
        Ok(self.inner.writable().await?)
    }

    /// Queues one message. Does not wait if there is room.
    pub(crate) async fn send(&self, message: BytesMut) -> Result<(), PeerError> {
        debug_assert!(message.len() <= MESSAGE_BYTES_MAX, "framing keeps messages short");
        Ok(self.inner.send(message).await?)
    }
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Peer").field("remote_candidates", &self.remote_candidates).finish_non_exhaustive()
    }
}

/// A candidate of this side as the other side may see it, if it may.
fn shown(candidate: Candidate, turn_only: bool) -> Option<Candidate> {
    // The library gathers no others then; that it never will is not left to it.
    let may = !turn_only || candidate.kind() == Some("relay");
    may.then(|| candidate.without_related())
}

fn configuration(ice_servers: &[IceServer], turn_only: bool) -> RTCConfiguration {
    let transport_policy = if turn_only { RTCIceTransportPolicy::Relay } else { RTCIceTransportPolicy::All };
    let ice_servers = ice_servers.iter().map(|server| RTCIceServer {
        urls: server.urls.clone(),
        username: server.username.clone(),
        credential: server.credential.clone(),
    });
    RTCConfigurationBuilder::new()
        .with_ice_servers(ice_servers.collect())
        .with_ice_transport_policy(transport_policy)
        .build()
}

fn setting_engine(settings: &PeerSettings) -> SettingEngine {
    let PeerTimeouts { ice_disconnected, ice_failed, ice_keepalive, .. } = settings.timeouts;
    let relay_wait = if settings.turn_only { Duration::ZERO } else { RELAY_WAIT };
    let (check, checks_max) = ICE_CHECK;
    let message_max = rtc::peer_connection::configuration::setting_engine::SctpMaxMessageSize::Bounded(
        u32::try_from(MESSAGE_BYTES_MAX).unwrap_or(u32::MAX),
    );
    SettingEngineBuilder::new()
        .with_multicast_dns_mode(rtc::ice::mdns::MulticastDnsMode::Disabled)
        .with_ice_timeouts(Some(ice_disconnected), Some(ice_failed), Some(ice_keepalive))
        .with_ice_connection_attempts(Some(check), Some(checks_max))
        .with_prflx_acceptance_min_wait(Some(PEER_REFLEXIVE_WAIT))
        .with_srflx_acceptance_min_wait(Some(SERVER_REFLEXIVE_WAIT))
        .with_relay_acceptance_min_wait(Some(relay_wait))
        .with_turn_allocation_refresh_interval_cap(TURN_REFRESH)
        .with_sctp_max_message_size(message_max)
        // The offerer's ICE agent nominates, so it is connected after the answerer's: begun by the offerer, the DTLS
        // handshake finds an answerer that listens, and loses no second to a retransmission.
        .with_answering_dtls_role(rtc::peer_connection::transport::RTCDtlsRole::Server)
        // An ICE restart binds anew, so that a machine that changed networks is reached at its new addresses.
        .with_discard_local_candidates_during_ice_restart(true)
        .build()
}

/// Whether an offer is worth sockets and a key: it names the certificate that will be checked.
pub(crate) fn is_answerable(sdp: &str) -> bool {
    described_fingerprint(sdp).is_some()
}

/// The SHA-256 fingerprint of a description (RFC 8122 §5). A description with several different ones has none.
fn described_fingerprint(sdp: &str) -> Option<Fingerprint> {
    let mut found = sdp.lines().filter_map(|line| {
        let (algorithm, value) = line.strip_prefix("a=fingerprint:")?.trim().split_once(' ')?;
        Some(if algorithm.eq_ignore_ascii_case("sha-256") { parse_fingerprint(value) } else { None })
    });
    let first = found.next()??;
    found.all(|other| other == Some(first)).then_some(first)
}

/// `AB:CD:…`, 32 bytes.
fn parse_fingerprint(text: &str) -> Option<Fingerprint> {
    let mut bytes = [0; 32];
    let mut pairs = text.trim().split(':');
    for byte in &mut bytes {
        let pair = pairs.next()?;
        if pair.len() != 2 || !pair.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    pairs.next().is_none().then_some(Fingerprint(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_read_as_descriptions_write_them() {
        let text = ["AB"; 32].join(":");
        assert_eq!(parse_fingerprint(&text), Some(Fingerprint([0xab; 32])));
        assert_eq!(parse_fingerprint(&text.to_lowercase()), Some(Fingerprint([0xab; 32])));
        assert_eq!(parse_fingerprint(&format!("{text}:AB")), None);
        assert_eq!(parse_fingerprint("AB:CD"), None);
        assert_eq!(parse_fingerprint(&["+1"; 32].join(":")), None);

        let line = format!("v=0\r\na=fingerprint:sha-256 {text}\r\nm=application 9\r\n");
        assert_eq!(described_fingerprint(&line), Some(Fingerprint([0xab; 32])));
        assert_eq!(
            described_fingerprint(&format!("{line}a=fingerprint:sha-256 {text}\r\n")),
            Some(Fingerprint([0xab; 32]))
        );
        let other = ["CD"; 32].join(":");
        assert_eq!(described_fingerprint(&format!("{line}a=fingerprint:sha-256 {other}\r\n")), None);
        assert_eq!(described_fingerprint(&format!("{line}a=fingerprint:sha-1 {other}\r\n")), None);
        assert_eq!(described_fingerprint("v=0\r\n"), None);
    }
}
