//! The life of one connection: one task that owns a [`Peer`] from its first socket to its last.
//!
//! `links` starts it, instructs it as `negotiation` decides, and cancels it; it tells the owner of the links directly
//! what happens, in order.
//!
//! ```text
//!   Connecting ──both channels open──► Probing ──pong──► Open ──► (ended)
//! ```
//!
//! A channel is open on one side before the other side has heard of it, and what is sent in between may be lost. So
//! both sides ping over the ephemeral channel until a pong shows that the other side has both channels too; only then
//! is the link announced, with a first round trip.
//!
//! # Invariants
//! 1. Never waits for the owner's queue while a cancellation, an instruction or a ping is to be served; a slow owner
//!    slows the other side's `sync` by SCTP's window. Test: `a_slow_reader_slows_the_writer_and_loses_nothing`.
//! 2. What arrived before the end is delivered before `Closed`. Test: `what_was_sent_before_a_close_arrives`.
//! 3. The peer connection is closed however the task ends, but by abort. Test: `links_come_and_go_without_a_trace`.
//!
//! Not here: which session counts, retries, policy.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use momoland_media::video::VideoPacket;
use momoland_media::{Packet, Sound};
use momoland_protocol::handshake::Side;
use momoland_protocol::id::DeviceId;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::audio::{self, AudioPort};
use super::framing::{EphemeralMessage, Parts, Reassembly};
use super::outbox::Outbox;
use super::peer::{self, ChannelEvent, Peer, PeerError, PeerOutputs, PeerSettings, PeerState};
use super::signal::{Candidate, SessionId, Signal, SignalPayload};
use super::tracks::{MediaPacket, RemoteTrack, TrackKind};
use super::video::VideoPort;
use super::{Class, CloseReason, Fingerprints, PeerEvent, PeerPath, PeerTimeouts};

/// Events kept while the owner's queue is full, before `sync` is read no further and ephemerals are dropped.
const BACKLOG_MAX: usize = 8;
/// Messages sent in one turn, so that what arrives gets its turn too.
const MESSAGES_PER_TURN: usize = 32;
/// Between the first two probing pings; doubled up to [`PROBE_MAX`].
const PROBE_MIN: Duration = Duration::from_millis(50);
const PROBE_MAX: Duration = Duration::from_secs(1);
/// Pings whose pong may still come. The oldest is forgotten.
const PINGS_MAX: usize = 16;
/// After the other side closed: how long what it sent before may take to be read.
const CLOSING: Duration = Duration::from_secs(5);
/// After this side closed: how long what was accepted before may take to arrive, and how often that is looked at. The
/// library has no event for it, and ends the association at once when it is asked to.
const FAREWELL: (Duration, Duration) = (Duration::from_secs(1), Duration::from_millis(5));

/// What others see of a connection, and how they reach it.
#[derive(Debug)]
pub(crate) struct LinkEntry {
    pub(crate) device: DeviceId,
    pub(crate) connection: u64,
    pub(crate) outbox: Outbox,
    /// Set once: why it is to end.
    pub(crate) cancel: watch::Sender<Option<CloseReason>>,
    pub(crate) audio: Arc<AudioPort>,
    pub(crate) video: Arc<VideoPort>,
    way: Mutex<Option<(PeerPath, Duration)>>,
    pub(crate) bytes_in: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
}

impl LinkEntry {
    pub(crate) fn new(device: DeviceId, connection: u64) -> Self {
        Self {
            device,
            connection,
            outbox: Outbox::default(),
            cancel: watch::Sender::new(None),
            audio: Arc::default(),
            video: Arc::default(),
            way: Mutex::new(None),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
        }
    }

    /// Asks it to end. The first reason holds.
    pub(crate) fn cancel(&self, reason: CloseReason) {
        self.cancel.send_if_modified(|current| {
            let first = current.is_none();
            if first {
                *current = Some(reason);
            }
            first
        });
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancel.borrow().is_some()
    }

    /// Path and round trip, while it is open.
    pub(crate) fn way(&self) -> Option<(PeerPath, Duration)> {
        *self.way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_way(&self, way: Option<(PeerPath, Duration)>) {
        *self.way.lock().unwrap_or_else(PoisonError::into_inner) = way;
    }
}

/// How it begins.
#[derive(Debug)]
pub(crate) enum Start {
    Offer,
    Answer { sdp: String },
}

/// What `negotiation` wants of it.
#[derive(Debug)]
pub(crate) enum Instruction {
    Apply { sdp: String },
    Candidate(Candidate),
    Repeat,
    Restart { round: u32 },
    Accept { round: u32, sdp: String, rollback: bool },
    Rollback,
}

/// What `negotiation` must know.
#[derive(Debug)]
pub(crate) enum Report {
    Opened {
        device: DeviceId,
        session: SessionId,
    },
    /// ICE hears nothing any more: another way should be looked for.
    Disconnected {
        device: DeviceId,
        session: SessionId,
    },
}

/// Everything a connection is made of.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) entry: Arc<LinkEntry>,
    pub(crate) session: SessionId,
    pub(crate) start: Start,
    pub(crate) settings: PeerSettings,
    /// How long the way may be silent before this side looks for another one; the two sides' differ, so that usually
    /// one of them does.
    pub(crate) restart_delay: Duration,
    pub(crate) instructions: mpsc::Receiver<Instruction>,
    pub(crate) reports: mpsc::Sender<Report>,
    pub(crate) events: mpsc::Sender<PeerEvent>,
    /// Resolves once the former connection with the device has announced its end.
    pub(crate) predecessor: Option<oneshot::Receiver<()>>,
    /// Dropped once this one has.
    pub(crate) announced: oneshot::Sender<()>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Connecting,
    Probing { delay: Duration },
    Open,
}

struct Connection {
    entry: Arc<LinkEntry>,
    session: SessionId,
    side: Side,
    timeouts: PeerTimeouts,
    restart_delay: Duration,
    cancel: watch::Receiver<Option<CloseReason>>,
    instructions: mpsc::Receiver<Instruction>,
    reports: mpsc::Sender<Report>,
    events: mpsc::Sender<PeerEvent>,
    predecessor: Option<oneshot::Receiver<()>>,

    phase: Phase,
    /// For the owner, oldest first.
    backlog: VecDeque<PeerEvent>,
    sync_open: bool,
    ephemeral_open: bool,
    ephemeral_ended: bool,
    reassembly: Reassembly,
    /// The durable frame being sent.
    parts: Option<Parts>,
    /// SCTP takes no more of `sync` for now.
    blocked: bool,
    /// The turn ended before the outbox was empty.
    more_to_send: bool,
    pings: VecDeque<(u64, Instant)>,
    next_nonce: u64,
    next_ping: Option<Instant>,
    restart_at: Option<Instant>,
    /// The way broke; if it is not whole again by then, the link is given up. The library's own time-out does not
    /// count on once an ICE restart was offered.
    broken_until: Option<Instant>,
    /// The other side closed; what it sent before is being read.
    closing_until: Option<Instant>,
    last_heard: Instant,
    /// Packets of sound, whatever they are of: no two may bear one number under one key.
    sounds_sent: u16,
    reported: Option<(PeerPath, Duration)>,
}

/// What woke the task.
enum Wake<'a> {
    Cancelled(CloseReason),
    Deliver(Result<mpsc::Permit<'a, PeerEvent>, mpsc::error::SendError<()>>),
    Instruction(Option<Instruction>),
    State(PeerState),
    Gathered(Option<Candidate>),
    Timer,
    Send,
    Sync(Option<ChannelEvent>),
    Ephemeral(Option<ChannelEvent>),
    AudioOut((Sound, Packet)),
    Track(RemoteTrack),
    AudioIn(Option<MediaPacket>),
    VideoOut(VideoPacket),
    VideoIn(Option<MediaPacket>),
}

/// Runs a connection to its end.
pub(crate) async fn run(setup: Setup) {
    let Setup { entry, session, start, settings, restart_delay, instructions, reports, events, .. } = setup;
    let mut connection = Connection {
        cancel: entry.cancel.subscribe(),
        entry,
        session,
        side: match start {
            Start::Offer => Side::Offerer,
            Start::Answer { .. } => Side::Answerer,
        },
        timeouts: settings.timeouts,
        restart_delay,
        instructions,
        reports,
        events,
        predecessor: setup.predecessor,
        phase: Phase::Connecting,
        backlog: VecDeque::new(),
        sync_open: false,
        ephemeral_open: false,
        ephemeral_ended: false,
        reassembly: Reassembly::default(),
        parts: None,
        blocked: false,
        more_to_send: false,
        pings: VecDeque::new(),
        next_nonce: 0,
        next_ping: None,
        restart_at: None,
        broken_until: None,
        closing_until: None,
        last_heard: Instant::now(),
        sounds_sent: 0,
        reported: None,
    };
    // Not cancelled half-way: the library's driver would outlive what started it. It binds and returns.
    let opened = match &start {
        Start::Answer { sdp } if !peer::is_answerable(sdp) => Err(PeerError::Fingerprint),
        Start::Answer { .. } | Start::Offer => Peer::open(settings).await,
    };
    let reason = match opened {
        Ok((mut peer, outputs)) => {
            let reason = connection.drive(&mut peer, outputs, start).await;
            connection.farewell(&peer, reason).await;
            tokio::join!(connection.announce_end(reason), peer.close());
            reason
        }
        Err(error) => {
            tracing::warn!(%error, device = ?connection.entry.device, "no peer connection could be made");
            let reason = match error {
                PeerError::Fingerprint => CloseReason::Violation,
                PeerError::Library(_) | PeerError::NoPath => CloseReason::Setup,
            };
            connection.announce_end(reason).await;
            reason
        }
    };
    tracing::debug!(device = ?connection.entry.device, connection = connection.entry.connection, %reason, "link ended");
    drop(setup.announced);
}

impl Connection {
    /// Everything between a [`Peer`] that was opened and the reason to close it.
    async fn drive(&mut self, peer: &mut Peer, mut outputs: PeerOutputs, start: Start) -> CloseReason {
        if let Err(reason) = self.begin(peer, start).await {
            return reason;
        }
        let (mut gathering, mut instructed) = (true, true);
        let (mut audio, mut video): (Option<RemoteTrack>, Option<RemoteTrack>) = (None, None);
        loop {
            let timers = [self.next_ping, self.restart_at, self.broken_until, self.closing_until];
            let timer = timers.into_iter().flatten().min();
            let may_cancel = self.closing_until.is_none();
            let read_sync = !self.sync_open || (self.phase == Phase::Open && self.backlog.len() < BACKLOG_MAX);
            let (sync, ephemeral) = (peer.sync.clone(), peer.ephemeral.clone());
            let (entry, events) = (Arc::clone(&self.entry), self.events.clone());
            let (is_open, blocked, more_to_send) = (self.phase == Phase::Open, self.blocked, self.more_to_send);
            let read_ephemeral = !self.ephemeral_ended;
            let may_hear = audio.is_none() || video.is_none();
            let wake = tokio::select! {
                biased;
                reason = cancelled(&mut self.cancel), if may_cancel => Wake::Cancelled(reason),
                () = sleep_until(timer) => Wake::Timer,
                instruction = self.instructions.recv(), if instructed => Wake::Instruction(instruction),
                state = changed(&mut outputs.state) => Wake::State(state),
                gathered = outputs.gathered.recv(), if gathering => Wake::Gathered(gathered.flatten()),
                // Sound before the rest: it is little, and late it is worth nothing.
                packet = entry.audio.next_out(), if is_open => Wake::AudioOut(packet),
                packet = heard(audio.as_ref()), if is_open => Wake::AudioIn(packet),
                Some(track) = outputs.tracks.recv(), if may_hear => Wake::Track(track),
                permit = events.reserve(), if !self.backlog.is_empty() => Wake::Deliver(permit),
                // By turns: neither direction and neither channel starves another.
                wake = async { tokio::select! {
                    () = entry.outbox.filled(), if is_open => Wake::Send,
                    () = std::future::ready(()), if more_to_send => Wake::Send,
                    _ = sync.writable(), if blocked => Wake::Send,
                    event = sync.next(), if read_sync => Wake::Sync(event),
                    event = ephemeral.next(), if read_ephemeral => Wake::Ephemeral(event),
                    packet = entry.video.next_out(), if is_open => Wake::VideoOut(packet),
                    packet = heard(video.as_ref()), if is_open => Wake::VideoIn(packet),
                    else => std::future::pending().await,
                } } => wake,
            };
            let step = match wake {
                // Word of it by the introducer may overtake what was sent before.
                Wake::Cancelled(CloseReason::RemoteClosed) if is_open => {
                    self.closing_until = Some(Instant::now() + CLOSING);
                    Ok(())
                }
                Wake::Cancelled(reason) => Err(reason),
                Wake::Deliver(Ok(permit)) => {
                    if let Some(event) = self.backlog.pop_front() {
                        permit.send(event);
                    }
                    Ok(())
                }
                // Nobody listens any more.
                Wake::Deliver(Err(_)) => Err(CloseReason::Shutdown),
                // The session is over; a cancellation says so as well, and why.
                Wake::Instruction(None) => {
                    instructed = false;
                    Ok(())
                }
                Wake::Instruction(Some(instruction)) => self.handle_instruction(peer, instruction).await,
                Wake::State(state) => self.handle_state(state),
                Wake::Gathered(Some(candidate)) => {
                    self.signal(SignalPayload::Candidate(candidate));
                    Ok(())
                }
                Wake::Gathered(None) => {
                    gathering = !outputs.gathered.is_closed();
                    self.signal(SignalPayload::EndOfCandidates);
                    Ok(())
                }
                Wake::Timer => self.handle_timer(peer).await,
                Wake::Send => self.pump(peer).await,
                Wake::Sync(event) => self.handle_sync(peer, event).await,
                Wake::Ephemeral(event) => self.handle_ephemeral(peer, event).await,
                Wake::AudioOut((of, packet)) => {
                    let payload = audio::framed(of, packet.sequence, &packet.payload);
                    self.entry.bytes_out.fetch_add(payload.len() as u64, Ordering::Relaxed);
                    let (sequence, timestamp) = (self.sounds_sent, packet.timestamp);
                    self.sounds_sent = self.sounds_sent.wrapping_add(1);
                    let packet = MediaPacket { sequence, timestamp, marker: false, payload };
                    if let Err(error) = peer.audio.send(packet).await {
                        tracing::debug!(%error, "sound was not sent");
                    }
                    Ok(())
                }
                Wake::VideoOut(packet) => {
                    self.entry.bytes_out.fetch_add(packet.payload.len() as u64, Ordering::Relaxed);
                    let VideoPacket { sequence, timestamp, marker, payload } = packet;
                    if let Err(error) = peer.video.send(MediaPacket { sequence, timestamp, marker, payload }).await {
                        tracing::debug!(%error, "a part of a picture was not sent");
                    }
                    Ok(())
                }
                Wake::Track(track) => {
                    match track.kind {
                        TrackKind::Audio => audio = Some(track),
                        TrackKind::Video => video = Some(track),
                    }
                    Ok(())
                }
                Wake::AudioIn(Some(MediaPacket { timestamp, payload, sequence: _, marker: _ })) => {
                    self.came(payload.len());
                    if let Some((of, sequence, opus)) = audio::unframed(&payload) {
                        self.entry.audio.heard(of, Packet { sequence, timestamp, payload: opus.to_vec() });
                    }
                    Ok(())
                }
                Wake::VideoIn(Some(MediaPacket { sequence, timestamp, marker, payload })) => {
                    self.came(payload.len());
                    self.entry.video.seen(VideoPacket { sequence, timestamp, marker, payload });
                    Ok(())
                }
                Wake::AudioIn(None) => {
                    audio = None;
                    Ok(())
                }
                Wake::VideoIn(None) => {
                    video = None;
                    Ok(())
                }
            };
            if let Err(reason) = step {
                return reason;
            }
        }
    }

    async fn begin(&mut self, peer: &mut Peer, start: Start) -> Result<(), CloseReason> {
        let payload = match start {
            Start::Offer => {
                let sdp = peer.offer().await.map_err(|error| self.fail(&error, CloseReason::Setup))?;
                SignalPayload::Offer { round: 0, sdp }
            }
            Start::Answer { sdp } => {
                let sdp = peer.answer(sdp).await.map_err(|error| self.fail(&error, CloseReason::Violation))?;
                SignalPayload::Answer { round: 0, sdp }
            }
        };
        self.signal(payload);
        Ok(())
    }

    async fn handle_instruction(&mut self, peer: &mut Peer, instruction: Instruction) -> Result<(), CloseReason> {
        match instruction {
            Instruction::Apply { sdp } => {
                let applied = peer.apply(sdp).await;
                applied.map_err(|error| self.fail(&error, CloseReason::Violation))?;
            }
            Instruction::Candidate(candidate) => {
                if let Err(error) = peer.add_candidate(candidate).await {
                    tracing::debug!(%error, "a candidate was refused");
                }
            }
            Instruction::Repeat => {
                if let Some(sdp) = peer.pending_offer().await {
                    self.signal(SignalPayload::Offer { round: 0, sdp });
                }
            }
            // A renegotiation that fails leaves the link as it was; ICE tells if it is of no use any more.
            Instruction::Restart { round } => match peer.restart().await {
                Ok(sdp) => self.signal(SignalPayload::Offer { round, sdp }),
                Err(error) => tracing::warn!(%error, "no ICE restart could be offered"),
            },
            Instruction::Accept { round, sdp, rollback } => {
                let answer = async {
                    if rollback {
                        peer.rollback().await?;
                    }
                    peer.answer(sdp).await
                };
                match answer.await {
                    Ok(sdp) => self.signal(SignalPayload::Answer { round, sdp }),
                    Err(error) => tracing::warn!(%error, "a renegotiation was not answered"),
                }
            }
            Instruction::Rollback => {
                if let Err(error) = peer.rollback().await {
                    tracing::warn!(%error, "an offer could not be taken back");
                }
            }
        }
        Ok(())
    }

    fn handle_state(&mut self, state: PeerState) -> Result<(), CloseReason> {
        match state {
            // Of an open link: an ICE restart.
            PeerState::Connecting => {
                let PeerTimeouts { ice_disconnected, ice_failed, .. } = self.timeouts;
                self.broken_for(ice_disconnected + ice_failed);
            }
            PeerState::Connected => {
                self.restart_at = None;
                self.broken_until = None;
            }
            PeerState::Disconnected => {
                self.broken_for(self.timeouts.ice_failed);
                self.restart_at = self.broken_until.map(|_| Instant::now() + self.restart_delay);
            }
            // The library goes on taking messages after this, without end and without use.
            PeerState::Failed => return Err(CloseReason::IceFailed),
            // What it sent before is still in the channels' queues; their end comes behind it.
            PeerState::Closed => self.closing_until = Some(Instant::now() + CLOSING),
            PeerState::ForeignChannel => return Err(CloseReason::Violation),
        }
        Ok(())
    }

    fn broken_for(&mut self, duration: Duration) {
        if self.phase == Phase::Open {
            self.broken_until.get_or_insert(Instant::now() + duration);
        }
    }

    async fn handle_timer(&mut self, peer: &Peer) -> Result<(), CloseReason> {
        let now = Instant::now();
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if due(self.closing_until) {
            return Err(CloseReason::RemoteClosed);
        }
        if due(self.broken_until) {
            return Err(CloseReason::IceFailed);
        }
        if due(self.restart_at) {
            self.restart_at = None;
            self.report(|device, session| Report::Disconnected { device, session }).await;
        }
        if due(self.next_ping) {
            if now - self.last_heard > self.timeouts.unresponsive {
                return Err(CloseReason::Unresponsive);
            }
            self.send_ping(peer, now).await?;
        }
        Ok(())
    }

    async fn handle_sync(&mut self, peer: &Peer, event: Option<ChannelEvent>) -> Result<(), CloseReason> {
        match event {
            Some(ChannelEvent::Open) => {
                self.sync_open = true;
                self.probe(peer).await
            }
            Some(ChannelEvent::Message(message)) => {
                self.heard(&message);
                let frame = self.reassembly.push(message).map_err(|error| {
                    tracing::warn!(%error, device = ?self.entry.device, "a message was refused");
                    CloseReason::Violation
                })?;
                if let Some(bytes) = frame {
                    self.frame(Class::Durable, bytes);
                }
                Ok(())
            }
            Some(ChannelEvent::Closed) | None => Err(CloseReason::RemoteClosed),
        }
    }

    async fn handle_ephemeral(&mut self, peer: &Peer, event: Option<ChannelEvent>) -> Result<(), CloseReason> {
        let message = match event {
            Some(ChannelEvent::Open) => {
                self.ephemeral_open = true;
                return self.probe(peer).await;
            }
            Some(ChannelEvent::Message(message)) => message,
            // `sync` ends too, behind what is still in it.
            Some(ChannelEvent::Closed) | None => {
                self.ephemeral_ended = true;
                return Ok(());
            }
        };
        self.heard(&message);
        let message = EphemeralMessage::decode(message).map_err(|error| {
            tracing::warn!(%error, device = ?self.entry.device, "a message was refused");
            CloseReason::Violation
        })?;
        match message {
            EphemeralMessage::Frame(bytes) => {
                if self.phase == Phase::Open && self.backlog.len() < BACKLOG_MAX {
                    self.frame(Class::Ephemeral, bytes);
                }
            }
            // A pong says that both channels are open here.
            EphemeralMessage::Ping(nonce) => {
                if self.sync_open {
                    self.send_ephemeral(peer, &EphemeralMessage::Pong(nonce)).await?;
                }
                // The other side can answer by now: no need to wait for the next probe's time.
                if matches!(self.phase, Phase::Probing { .. }) {
                    self.send_ping(peer, Instant::now()).await?;
                }
            }
            EphemeralMessage::Pong(nonce) => self.handle_pong(peer, nonce).await?,
        }
        Ok(())
    }

    async fn handle_pong(&mut self, peer: &Peer, nonce: u64) -> Result<(), CloseReason> {
        let Some(index) = self.pings.iter().position(|(sent, _)| *sent == nonce) else { return Ok(()) };
        let Some((_, sent_at)) = self.pings.remove(index) else { return Ok(()) };
        let rtt = sent_at.elapsed();
        match self.phase {
            Phase::Connecting => Ok(()),
            Phase::Probing { .. } => self.announce_open(peer, rtt).await,
            Phase::Open => {
                self.update_way(peer, rtt).await;
                Ok(())
            }
        }
    }

    async fn probe(&mut self, peer: &Peer) -> Result<(), CloseReason> {
        if self.sync_open && self.ephemeral_open && self.phase == Phase::Connecting {
            self.phase = Phase::Probing { delay: PROBE_MIN };
            self.last_heard = Instant::now();
            self.send_ping(peer, Instant::now()).await?;
        }
        Ok(())
    }

    async fn announce_open(&mut self, peer: &Peer, rtt: Duration) -> Result<(), CloseReason> {
        let fingerprints = peer.fingerprints().await;
        let (own, other) = fingerprints.map_err(|error| self.fail(&error, CloseReason::Violation))?;
        let path = peer.path().await.map_err(|error| self.fail(&error, CloseReason::IceFailed))?;
        if let Some(predecessor) = self.predecessor.take() {
            tokio::select! {
                biased;
                reason = cancelled(&mut self.cancel) => return Err(reason),
                _ = predecessor => {}
            }
        }
        let fingerprints = match self.side {
            Side::Offerer => Fingerprints { offerer: own, answerer: other },
            Side::Answerer => Fingerprints { offerer: other, answerer: own },
        };
        self.report(|device, session| Report::Opened { device, session }).await;
        let now = Instant::now();
        self.phase = Phase::Open;
        self.last_heard = now;
        self.next_ping = Some(now + self.timeouts.ping);
        self.reported = Some((path, rtt));
        self.entry.set_way(self.reported);
        self.backlog.push_back(PeerEvent::Open {
            device: self.entry.device,
            connection: self.entry.connection,
            fingerprints,
            side: self.side,
            path,
            rtt,
        });
        Ok(())
    }

    async fn update_way(&mut self, peer: &Peer, rtt: Duration) {
        // While ICE looks for another pair none is selected: the way is as it was last.
        let known = self.reported.map(|(path, _)| path);
        let Some(path) = peer.path().await.ok().or(known) else { return };
        self.entry.set_way(Some((path, rtt)));
        // A screen shows whole milliseconds; a quarter more or less is worth telling.
        let changed = self.reported.is_none_or(|(reported, before)| {
            reported != path || rtt.abs_diff(before) > (before / 4).max(Duration::from_millis(1))
        });
        if changed && self.backlog.len() < BACKLOG_MAX {
            self.reported = Some((path, rtt));
            self.backlog.push_back(PeerEvent::Path {
                device: self.entry.device,
                connection: self.entry.connection,
                path,
                rtt,
            });
        }
    }

    async fn send_ping(&mut self, peer: &Peer, now: Instant) -> Result<(), CloseReason> {
        let delay = match &mut self.phase {
            Phase::Connecting => return Ok(()),
            Phase::Probing { delay } => {
                *delay = (*delay * 2).min(PROBE_MAX);
                *delay
            }
            Phase::Open => self.timeouts.ping,
        };
        self.next_ping = Some(now + delay);
        if self.pings.len() == PINGS_MAX {
            self.pings.pop_front();
        }
        let nonce = self.next_nonce;
        self.next_nonce += 1;
        self.pings.push_back((nonce, Instant::now()));
        self.send_ephemeral(peer, &EphemeralMessage::Ping(nonce)).await
    }

    /// Sends what waits, as far as the channels take it and the turn allows.
    async fn pump(&mut self, peer: &Peer) -> Result<(), CloseReason> {
        while let Some(frame) = self.entry.outbox.pop_ephemeral() {
            self.send_ephemeral(peer, &EphemeralMessage::Frame(frame)).await?;
        }
        self.blocked = false;
        self.more_to_send = false;
        for _ in 0..MESSAGES_PER_TURN {
            if self.parts.is_none() {
                self.parts = self.entry.outbox.pop_durable().map(Parts::new);
            }
            if self.parts.is_none() {
                self.tell_writable();
                return Ok(());
            }
            let room = peer.sync.has_room().await;
            if !room.map_err(|error| self.fail(&error, CloseReason::RemoteClosed))? {
                self.blocked = true;
                return Ok(());
            }
            match self.parts.as_mut().and_then(Iterator::next) {
                Some(message) => {
                    self.entry.bytes_out.fetch_add(message.len() as u64, Ordering::Relaxed);
                    let sent = peer.sync.send(message).await;
                    sent.map_err(|error| self.fail(&error, CloseReason::RemoteClosed))?;
                }
                None => self.parts = None,
            }
        }
        self.more_to_send = true;
        self.tell_writable();
        Ok(())
    }

    async fn send_ephemeral(&mut self, peer: &Peer, message: &EphemeralMessage) -> Result<(), CloseReason> {
        let send = async {
            if peer.ephemeral.has_room().await? {
                let message = message.encode();
                self.entry.bytes_out.fetch_add(message.len() as u64, Ordering::Relaxed);
                peer.ephemeral.send(message).await?;
            }
            Ok::<(), PeerError>(())
        };
        let sent = send.await;
        if let Err(error) = sent {
            // The channel ended; `sync` says so as well, behind what is left in it.
            tracing::debug!(%error, "an ephemeral was not sent");
        }
        Ok(())
    }

    /// What was accepted before the owner asked for the end goes out first, within reason.
    async fn farewell(&mut self, peer: &Peer, reason: CloseReason) {
        let orderly = matches!(reason, CloseReason::Requested | CloseReason::Policy | CloseReason::Shutdown);
        if self.phase == Phase::Open && orderly {
            let (longest, interval) = FAREWELL;
            let until = Instant::now() + longest;
            loop {
                let pumped = self.pump(peer).await;
                let sent = self.parts.is_none() && peer.sync.is_drained().await;
                if pumped.is_err() || sent || Instant::now() >= until {
                    break;
                }
                tokio::time::sleep(interval).await;
            }
        }
    }

    async fn announce_end(&mut self, reason: CloseReason) {
        // Before anybody is told: whoever dials for that must not find it here still.
        self.entry.cancel(reason);
        self.entry.outbox.close();
        self.entry.set_way(None);
        let device = self.entry.device;
        let end = match self.phase {
            Phase::Open => Some(PeerEvent::Closed { device, connection: self.entry.connection, reason }),
            // Another attempt took its place, and will say what came of it.
            Phase::Connecting | Phase::Probing { .. } if reason == CloseReason::Superseded => None,
            Phase::Connecting | Phase::Probing { .. } => Some(PeerEvent::AttemptFailed { device, reason }),
        };
        for event in self.backlog.drain(..).chain(end) {
            if reason == CloseReason::Shutdown {
                // Nobody may be reading any more.
                let _ = self.events.try_send(event);
            } else if self.events.send(event).await.is_err() {
                return;
            }
        }
    }

    fn frame(&mut self, class: Class, bytes: Bytes) {
        let (device, connection) = (self.entry.device, self.entry.connection);
        self.backlog.push_back(PeerEvent::Frame { connection, device, class, bytes });
    }

    fn tell_writable(&mut self) {
        if self.entry.outbox.take_writable() {
            let (device, connection) = (self.entry.device, self.entry.connection);
            self.backlog.push_back(PeerEvent::Writable { connection, device });
        }
    }

    fn signal(&mut self, payload: SignalPayload) {
        let signal = Signal { session: self.session, payload };
        self.backlog.push_back(PeerEvent::Signal { to: self.entry.device, signal });
    }

    fn heard(&mut self, message: &Bytes) {
        self.came(message.len());
    }

    fn came(&mut self, bytes: usize) {
        self.last_heard = Instant::now();
        self.entry.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    async fn report(&self, report: impl FnOnce(DeviceId, SessionId) -> Report) {
        // Its reader never waits for a connection, so this is soon done. Without a reader the end is near anyway.
        let _ = self.reports.send(report(self.entry.device, self.session)).await;
    }

    fn fail(&self, error: &PeerError, reason: CloseReason) -> CloseReason {
        tracing::info!(%error, device = ?self.entry.device, connection = self.entry.connection, "link failed");
        reason
    }
}

async fn heard(track: Option<&RemoteTrack>) -> Option<MediaPacket> {
    match track {
        Some(track) => track.next().await,
        None => std::future::pending().await,
    }
}

async fn cancelled(cancel: &mut watch::Receiver<Option<CloseReason>>) -> CloseReason {
    match cancel.wait_for(Option::is_some).await {
        Ok(reason) => reason.unwrap_or(CloseReason::Shutdown),
        // The entry holds the sender, and the connection the entry.
        Err(_) => CloseReason::Shutdown,
    }
}

async fn changed(state: &mut watch::Receiver<PeerState>) -> PeerState {
    match state.changed().await {
        Ok(()) => *state.borrow_and_update(),
        // The driver is gone, and its handler with it: the channels end too.
        Err(_) => std::future::pending().await,
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
