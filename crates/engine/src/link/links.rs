//! All peer links of this device: one task that owns who is linked and which attempt counts.
//!
//! [`PeerLinks`] is the handle. The task behind it holds one [`Negotiation`] for each device, starts a `connection` for
//! each session, and carries signals and actions between the two. Frames do not pass through it: they go from the
//! outbox to the connection, and from there to the owner.
//!
//! # Invariants
//! 1. The task never waits for the owner, nor for a connection; so neither can hold up the other links.
//! 2. A dial is always followed by `Open` or `AttemptFailed`, unless the device is linked already.
//!    Test: `a_dial_always_comes_to_something`.
//! 3. A link that was closed by [`PeerLinks::close`] takes no further frame, even before its task knows.
//!    Test: `a_closed_link_refuses_frames_at_once`.
//!
//! Not here: when to dial (`dialer`).

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use momoland_protocol::id::DeviceId;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio::time::Instant;

use super::audio::AudioPort;
use super::connection::{self, Instruction, LinkEntry, Report, Setup, Start};
use super::negotiation::{Action, Negotiation};
use super::peer::PeerSettings;
use super::signal::{SessionId, Signal, SignalPayload};
use super::video::VideoPort;
use super::{Class, CloseReason, IceServer, PeerConfig, PeerEvent, PeerPolicy, PeerStats, SendRefused};

/// Connections at once, whoever began them. Each holds a few sockets and about half a megabyte. Full: dials and
/// offers are refused.
const CONNECTIONS_MAX: usize = 32;
/// Connections with one device, those that are closing included. Full: its offers are refused. A device that restarts
/// has one that is closing and one that begins.
const CONNECTIONS_PER_DEVICE_MAX: usize = 3;
/// Signals that came in and were not looked at yet. Full: the newest is dropped, as a network would.
const SIGNALS_MAX: usize = 1024;
/// Signals to be sent while the owner's queue is full. Full: the newest is dropped.
const OUTGOING_MAX: usize = 256;
/// Instructions that one connection has not carried out yet. Full: the session is given up.
const INSTRUCTIONS_MAX: usize = 128;
/// Reports not looked at yet. Full: connections wait, shortly.
const REPORTS_MAX: usize = 64;
/// Devices without a connection whose given-up sessions are remembered. Full: those idle longest are forgotten.
const IDLE_PEERS_MAX: usize = 256;
/// The polite side looks for another way this much later than the impolite one.
const POLITE_RESTART_DELAY: Duration = Duration::from_millis(700);
/// How long connections may take to say good-bye at the end of the process.
const SHUTDOWN: Duration = Duration::from_secs(3);

/// Names links, over all sets of them that the process makes: one's last words are not taken for another's.
static NEXT_CONNECTION: AtomicU64 = AtomicU64::new(1);

#[derive(Debug)]
enum Command {
    Dial(DeviceId),
    Signal(DeviceId, Signal),
    Close(DeviceId, CloseReason),
    Restart(DeviceId),
}

/// What is asked of the task, and not yet done.
#[derive(Debug, Default)]
struct Inbox {
    /// In the order of asking: a close between two dials is one.
    commands: VecDeque<Command>,
    signals: usize,
    policy: Option<PeerPolicy>,
    ice_servers: Option<Vec<IceServer>>,
    shutdown: bool,
}

#[derive(Debug, Default)]
struct Shared {
    inbox: Mutex<Inbox>,
    asked: Notify,
    /// By connection; attempts as well.
    links: Mutex<BTreeMap<u64, Arc<LinkEntry>>>,
}

impl Shared {
    // Nothing panics under these locks; were anything to, the data would still be whole.
    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn links(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<LinkEntry>>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The peer links of one device. None of its methods waits; dropping it closes everything.
#[derive(Debug)]
pub struct PeerLinks {
    shared: Arc<Shared>,
    task: Option<JoinHandle<()>>,
}

impl PeerLinks {
    /// Starts without links. Must be called within a tokio runtime. What happens goes to `events`; while that queue is
    /// full, links read no further, and their other ends are slowed.
    pub fn new(config: PeerConfig, events: mpsc::Sender<PeerEvent>) -> Self {
        let shared = Arc::new(Shared::default());
        let (reports_sender, reports) = mpsc::channel(REPORTS_MAX);
        let actor = LinksActor {
            shared: Arc::clone(&shared),
            policy: config.policy,
            ice_servers: watch::Sender::new(config.ice_servers.clone()),
            config,
            started: Instant::now(),
            peers: BTreeMap::new(),
            tasks: JoinSet::new(),
            sessions: HashMap::new(),
            reports_sender,
            reports,
            outgoing: VecDeque::new(),
            events,
        };
        let task = tokio::spawn(actor.run());
        Self { shared, task: Some(task) }
    }

    /// Connects to the device, unless it is linked or an attempt is under way.
    pub fn dial(&self, device: DeviceId) {
        self.ask(Command::Dial(device));
    }

    /// What an introducer brought from `from`.
    pub fn signal(&self, from: DeviceId, signal: Signal) {
        {
            let mut inbox = self.shared.inbox();
            if inbox.signals >= SIGNALS_MAX {
                tracing::warn!(device = ?from, "a signal was dropped: too many wait");
                return;
            }
            inbox.signals += 1;
            inbox.commands.push_back(Command::Signal(from, signal));
        }
        self.shared.asked.notify_one();
    }

    /// Queues a frame for an open link.
    ///
    /// # Errors
    /// [`SendRefused`]; the frame was not queued. An ephemeral is never refused for want of room, it replaces the
    /// oldest that waits.
    pub fn try_send(&self, connection: u64, class: Class, bytes: Bytes) -> Result<(), SendRefused> {
        let entry = self.shared.links().get(&connection).cloned();
        let is_open = |entry: &Arc<LinkEntry>| entry.way().is_some() && !entry.is_cancelled();
        let entry = entry.filter(is_open).ok_or(SendRefused::Closed)?;
        entry.outbox.try_send(class, bytes)
    }

    /// The sound of a link, for any thread; `None` where the link is not there.
    pub(crate) fn audio(&self, connection: u64) -> Option<Arc<AudioPort>> {
        self.shared.links().get(&connection).map(|entry| Arc::clone(&entry.audio))
    }

    /// The pictures of a link, likewise.
    pub(crate) fn video(&self, connection: u64) -> Option<Arc<VideoPort>> {
        self.shared.links().get(&connection).map(|entry| Arc::clone(&entry.video))
    }

    /// Closes the link with the device, or ends the attempt. What was queued still goes out, as far as the network
    /// takes it at once. `reason` comes back in the event.
    pub fn close(&self, device: DeviceId, reason: CloseReason) {
        self.ask(Command::Close(device, reason));
        for entry in self.shared.links().values() {
            if entry.device == device {
                entry.cancel(reason);
            }
        }
    }

    /// Looks for another way under the link with the device, without closing it: the network changed.
    pub fn restart_ice(&self, device: DeviceId) {
        self.ask(Command::Restart(device));
    }

    /// A change closes every link, since each may go a way that is not allowed any more.
    pub fn set_policy(&self, policy: PeerPolicy) {
        self.shared.inbox().policy = Some(policy);
        self.shared.asked.notify_one();
    }

    /// For attempts and ICE restarts from now on: TURN credentials end.
    pub fn set_ice_servers(&self, servers: Vec<IceServer>) {
        self.shared.inbox().ice_servers = Some(servers);
        self.shared.asked.notify_one();
    }

    /// The links that are open.
    pub fn stats(&self) -> Vec<PeerStats> {
        let links = self.shared.links();
        let stats = links.values().filter_map(|entry| {
            let (path, rtt) = entry.way()?;
            Some(PeerStats {
                device: entry.device,
                connection: entry.connection,
                path,
                rtt,
                bytes_in: entry.bytes_in.load(Ordering::Relaxed),
                bytes_out: entry.bytes_out.load(Ordering::Relaxed),
            })
        });
        stats.collect()
    }

    /// Closes every link and waits until their sockets are closed.
    pub async fn shutdown(mut self) {
        self.ask_shutdown();
        if let Some(task) = self.task.take() {
            // A panic in there was reported where it happened, and there is nothing left to save.
            let _ = task.await;
        }
    }

    /// Connections that have not ended, attempts included.
    #[cfg(test)]
    pub(super) fn connections(&self) -> usize {
        self.shared.links().len()
    }

    fn ask(&self, command: Command) {
        {
            let mut inbox = self.shared.inbox();
            // Asking twice is asking once: so what waits is bounded by the devices that the caller knows.
            let superseded = |waiting: &Command| match (waiting, &command) {
                (Command::Dial(one), Command::Dial(other) | Command::Close(other, _))
                | (Command::Close(one, _), Command::Close(other, _))
                | (Command::Restart(one), Command::Restart(other) | Command::Close(other, _)) => one == other,
                (Command::Dial(_) | Command::Close(..) | Command::Restart(_) | Command::Signal(..), _) => false,
            };
            inbox.commands.retain(|waiting| !superseded(waiting));
            inbox.commands.push_back(command);
        }
        self.shared.asked.notify_one();
    }

    fn ask_shutdown(&self) {
        self.shared.inbox().shutdown = true;
        self.shared.asked.notify_one();
    }
}

impl Drop for PeerLinks {
    fn drop(&mut self) {
        self.ask_shutdown();
    }
}

#[derive(Debug)]
struct RemotePeer {
    negotiation: Negotiation,
    current: Option<Current>,
    /// Resolves when the last connection has announced its end.
    last_announced: Option<oneshot::Receiver<()>>,
    idle_since: Duration,
}

#[derive(Debug)]
struct Current {
    session: SessionId,
    entry: Arc<LinkEntry>,
    instructions: mpsc::Sender<Instruction>,
}

#[derive(Debug)]
struct LinksActor {
    shared: Arc<Shared>,
    config: PeerConfig,
    policy: PeerPolicy,
    ice_servers: watch::Sender<Vec<IceServer>>,
    started: Instant,
    peers: BTreeMap<DeviceId, RemotePeer>,
    tasks: JoinSet<()>,
    sessions: HashMap<tokio::task::Id, (DeviceId, SessionId, u64)>,
    reports_sender: mpsc::Sender<Report>,
    reports: mpsc::Receiver<Report>,
    outgoing: VecDeque<PeerEvent>,
    events: mpsc::Sender<PeerEvent>,
}

enum Wake {
    Asked,
    Report(Report),
    Ended(Result<tokio::task::Id, JoinError>),
    Timer,
}

impl LinksActor {
    async fn run(mut self) {
        loop {
            let deadline = self.peers.values().filter_map(|peer| peer.negotiation.poll_timeout()).min();
            let deadline = deadline.map(|deadline| self.started + deadline);
            let events = self.events.clone();
            let wake = tokio::select! {
                biased;
                // First, so that what the owner asks of a link after it heard of it finds it open here too.
                Some(report) = self.reports.recv() => Wake::Report(report),
                Some(ended) = self.tasks.join_next_with_id() => Wake::Ended(ended.map(|(id, ())| id)),
                () = self.shared.asked.notified() => Wake::Asked,
                permit = events.reserve(), if !self.outgoing.is_empty() => {
                    match (permit, self.outgoing.pop_front()) {
                        (Ok(permit), Some(event)) => permit.send(event),
                        (Ok(_), None) => {}
                        (Err(_), _) => break,
                    }
                    continue;
                }
                () = sleep_until(deadline) => Wake::Timer,
            };
            match wake {
                Wake::Asked => {
                    if self.handle_asked() {
                        break;
                    }
                }
                Wake::Report(report) => self.handle_report(report),
                Wake::Ended(ended) => self.handle_ended(ended),
                Wake::Timer => {
                    let now = self.now();
                    let devices: Vec<DeviceId> = self.peers.keys().copied().collect();
                    for device in devices {
                        self.negotiate(device, |negotiation| negotiation.handle_timeout(now));
                    }
                }
            }
        }
        self.end().await;
    }

    /// Whether to end.
    fn handle_asked(&mut self) -> bool {
        let inbox = std::mem::take(&mut *self.shared.inbox());
        if inbox.shutdown {
            return true;
        }
        if let Some(servers) = inbox.ice_servers {
            self.ice_servers.send_if_modified(|current| {
                let changed = *current != servers;
                *current = servers;
                changed
            });
        }
        if let Some(policy) = inbox.policy
            && policy != self.policy
        {
            self.policy = policy;
            let devices: Vec<DeviceId> = self.peers.keys().copied().collect();
            for device in devices {
                self.negotiate(device, |negotiation| negotiation.handle_close(CloseReason::Policy));
            }
        }
        for command in inbox.commands {
            self.handle_command(command);
        }
        false
    }

    fn handle_command(&mut self, command: Command) {
        let now = self.now();
        match command {
            Command::Dial(device) => {
                if let Some(peer) = self.peers.get(&device)
                    && let Some(session) = peer.negotiation.session()
                {
                    let is_this = |current: &&Current| current.session == session;
                    if peer.current.as_ref().filter(is_this).is_none_or(|current| !current.entry.is_cancelled()) {
                        return;
                    }
                    // It told its owner that it is over, and its task is about to end.
                    self.negotiate(device, |negotiation| negotiation.handle_ended(session));
                }
                if let Err(reason) = self.may_connect(device) {
                    self.outgoing(PeerEvent::AttemptFailed { device, reason });
                    return;
                }
                let mut session = [0; 16];
                if let Err(error) = getrandom::fill(&mut session) {
                    tracing::error!(%error, "no random numbers");
                    self.outgoing(PeerEvent::AttemptFailed { device, reason: CloseReason::Setup });
                    return;
                }
                self.negotiate(device, |negotiation| negotiation.handle_dial(now, SessionId(session)));
            }
            Command::Signal(device, signal) => {
                let current = self.peers.get(&device).and_then(|peer| peer.negotiation.session());
                if matches!(signal.payload, SignalPayload::Offer { round: 0, .. })
                    && current != Some(signal.session)
                    && let Err(reason) = self.may_connect(device)
                {
                    tracing::debug!(?device, %reason, "an offer was refused");
                    let signal = Signal { session: signal.session, payload: SignalPayload::Bye };
                    self.outgoing(PeerEvent::Signal { to: device, signal });
                    return;
                }
                self.negotiate(device, |negotiation| negotiation.handle_signal(now, signal));
            }
            Command::Close(device, reason) => {
                if self.peers.contains_key(&device) {
                    self.negotiate(device, |negotiation| negotiation.handle_close(reason));
                }
            }
            Command::Restart(device) => {
                if let Some(peer) = self.peers.get(&device)
                    && let Some(session) = peer.negotiation.session()
                {
                    self.negotiate(device, |negotiation| negotiation.handle_restart(now, session));
                }
            }
        }
    }

    fn may_connect(&self, device: DeviceId) -> Result<(), CloseReason> {
        if device == self.config.own {
            return Err(CloseReason::Setup);
        }
        if self.policy == PeerPolicy::None {
            return Err(CloseReason::Policy);
        }
        // Counts connections that are closing as well: their sockets are not back yet.
        let with_device = self.sessions.values().filter(|(other, ..)| *other == device).count();
        if self.sessions.len() >= CONNECTIONS_MAX || with_device >= CONNECTIONS_PER_DEVICE_MAX {
            return Err(CloseReason::Limit);
        }
        Ok(())
    }

    fn handle_report(&mut self, report: Report) {
        let now = self.now();
        match report {
            Report::Opened { device, session } => {
                self.negotiate(device, |negotiation| negotiation.handle_opened(session));
            }
            Report::Disconnected { device, session } => {
                tracing::debug!(?device, "looking for another way");
                self.negotiate(device, |negotiation| negotiation.handle_restart(now, session));
            }
        }
    }

    fn handle_ended(&mut self, ended: Result<tokio::task::Id, JoinError>) {
        let id = match &ended {
            Ok(id) => *id,
            Err(error) => {
                tracing::error!(%error, "a connection's task panicked");
                error.id()
            }
        };
        let Some((device, session, connection)) = self.sessions.remove(&id) else { return };
        self.shared.links().remove(&connection);
        if ended.is_err() {
            let reason = CloseReason::Setup;
            self.outgoing(PeerEvent::Closed { device, connection, reason });
        }
        if let Some(peer) = self.peers.get_mut(&device)
            && peer.current.as_ref().is_some_and(|current| current.session == session)
        {
            peer.current = None;
        }
        self.negotiate(device, |negotiation| negotiation.handle_ended(session));
    }

    /// Gives a device's negotiation one input and carries out what it wants.
    fn negotiate(&mut self, device: DeviceId, input: impl FnOnce(&mut Negotiation)) {
        let (own, attempt) = (self.config.own, self.config.timeouts.attempt);
        let now = self.now();
        let peer = self.peers.entry(device).or_insert_with(|| RemotePeer {
            negotiation: Negotiation::new(own, device, attempt),
            current: None,
            last_announced: None,
            idle_since: now,
        });
        input(&mut peer.negotiation);
        while let Some(action) = self.peers.get_mut(&device).and_then(|peer| peer.negotiation.poll_action()) {
            self.carry_out(device, action);
        }
        if let Some(peer) = self.peers.get_mut(&device)
            && peer.negotiation.session().is_none()
        {
            peer.idle_since = now;
        }
        self.forget_idle();
    }

    fn carry_out(&mut self, device: DeviceId, action: Action) {
        match action {
            Action::Offer { session } => self.connect(device, session, Start::Offer),
            Action::Answer { session, sdp } => self.connect(device, session, Start::Answer { sdp }),
            Action::Repeat { session } => self.instruct(device, session, Instruction::Repeat),
            Action::Apply { session, sdp } => self.instruct(device, session, Instruction::Apply { sdp }),
            Action::Candidate { session, candidate } => {
                self.instruct(device, session, Instruction::Candidate(candidate));
            }
            Action::Restart { session, round } => self.instruct(device, session, Instruction::Restart { round }),
            Action::Accept { session, round, sdp, rollback } => {
                self.instruct(device, session, Instruction::Accept { round, sdp, rollback });
            }
            Action::Rollback { session } => self.instruct(device, session, Instruction::Rollback),
            Action::End { session, reason } => {
                if let Some(peer) = self.peers.get_mut(&device)
                    && let Some(current) = peer.current.take_if(|current| current.session == session)
                {
                    current.entry.cancel(reason);
                }
            }
            Action::Send(signal) => self.outgoing(PeerEvent::Signal { to: device, signal }),
        }
    }

    fn connect(&mut self, device: DeviceId, session: SessionId, start: Start) {
        let Some(peer) = self.peers.get_mut(&device) else { return };
        let connection = NEXT_CONNECTION.fetch_add(1, Ordering::Relaxed);
        let entry = Arc::new(LinkEntry::new(device, connection));
        let (instructions_sender, instructions) = mpsc::channel(INSTRUCTIONS_MAX);
        let (announced, last_announced) = oneshot::channel();
        let predecessor = peer.last_announced.replace(last_announced);
        peer.current = Some(Current { session, entry: Arc::clone(&entry), instructions: instructions_sender });
        self.shared.links().insert(connection, Arc::clone(&entry));
        let restart_delay = if self.config.own < device { POLITE_RESTART_DELAY } else { Duration::ZERO };
        let setup = Setup {
            entry,
            session,
            start,
            settings: PeerSettings {
                ice_servers: self.ice_servers.subscribe(),
                turn_only: self.policy == PeerPolicy::TurnOnly,
                include_loopback: self.config.include_loopback,
                timeouts: self.config.timeouts,
            },
            restart_delay,
            instructions,
            reports: self.reports_sender.clone(),
            events: self.events.clone(),
            predecessor,
            announced,
        };
        let task = self.tasks.spawn(connection::run(setup));
        self.sessions.insert(task.id(), (device, session, connection));
    }

    fn instruct(&mut self, device: DeviceId, session: SessionId, instruction: Instruction) {
        let current = self.peers.get(&device).and_then(|peer| peer.current.as_ref());
        let Some(current) = current.filter(|current| current.session == session) else { return };
        if let Err(mpsc::error::TrySendError::Full(_)) = current.instructions.try_send(instruction) {
            // The other side sends faster than candidates can be looked at.
            current.entry.cancel(CloseReason::Limit);
        }
    }

    fn outgoing(&mut self, event: PeerEvent) {
        if self.outgoing.len() >= OUTGOING_MAX && matches!(event, PeerEvent::Signal { .. }) {
            tracing::warn!("a signal was dropped: the owner reads nothing");
            return;
        }
        self.outgoing.push_back(event);
    }

    fn forget_idle(&mut self) {
        let idle = |peer: &RemotePeer| peer.negotiation.session().is_none() && peer.current.is_none();
        if self.peers.len() <= IDLE_PEERS_MAX {
            return;
        }
        let longest = self.peers.iter().filter(|(_, peer)| idle(peer)).min_by_key(|(_, peer)| peer.idle_since);
        if let Some(device) = longest.map(|(device, _)| *device) {
            self.peers.remove(&device);
        }
    }

    /// Closes what stands, and waits for it.
    async fn end(mut self) {
        for entry in self.shared.links().values() {
            entry.cancel(CloseReason::Shutdown);
        }
        // Attempts have no channel to say it on.
        let byes = self.peers.iter().filter_map(|(device, peer)| {
            let session = peer.negotiation.session()?;
            Some(PeerEvent::Signal { to: *device, signal: Signal { session, payload: SignalPayload::Bye } })
        });
        for event in self.outgoing.drain(..).chain(byes) {
            let _ = self.events.try_send(event);
        }
        self.peers.clear();
        let ended = tokio::time::timeout(SHUTDOWN, async {
            loop {
                tokio::select! {
                    biased;
                    ended = self.tasks.join_next() => if ended.is_none() { break },
                    // A connection that is just reporting must not wait for ever.
                    _ = self.reports.recv() => {}
                }
            }
        });
        if ended.await.is_err() {
            tracing::warn!("peer links did not close in time");
        }
        self.shared.links().clear();
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
