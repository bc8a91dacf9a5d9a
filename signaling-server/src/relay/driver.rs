//! The relay's one task: owns the replica, the rooms' indexes and the hub, and takes one thing after the other.
//!
//! `wakes` → one input → drain outputs → sleep until the earliest time-out. Nothing in here waits for a socket or a
//! disk: batches go to the store's writer, loads to threads that may block, and both come back as completions.

mod people;
mod requests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use momoland_protocol::clock::UnixMillis;
use momoland_protocol::event::Event;
use momoland_protocol::id::{AccountId, RoomId, RosterHash};
use momoland_protocol::replication::Frame;
use momoland_protocol::roster::{CountersignedChange, RoomKind};
use momoland_protocol::server::{ClientFrame, Goodbye, GoodbyeReason, ServerFrame};
use momoland_replica::input::{Input, LinkId, Mono, Now, PersistFailed, Ticket};
use momoland_replica::output::{CloseReason, Load, LoadOrder, Notice, Output, Record};
use momoland_replica::replica::{Config, Own, Replica};
use momoland_store::event_log::EventLog;
use momoland_store::kv::{Batch, Store, StoreError};
use momoland_store::writer::{Refused, Writer};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

use super::outbox::{self, Outbox};
use super::persistence::{self, Loaded};
use super::window::Window;
use super::{Call, Inbox, Joined, RelayHandle, Signal};
use crate::App;
use crate::accounts::notices;
use crate::hub::fan_out::Typing;
use crate::hub::presence::Presence;
use crate::hub::registry::Registry;
use crate::records::RecordError;
use crate::rooms::Peer;
use crate::rooms::directory::Directory;
use crate::rooms::invites::Invites;
use crate::rooms::membership::Membership;
use crate::rooms::rosters::{self, Ending};
use crate::shutdown::Phase;

/// Bytes of events kept in memory, so that what was just stored is not read again to be forwarded.
const RECENT_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Frames of events that are kept as they travel, for the next link: of more logs at once than this some are encoded anew.
const ENCODED_MAX: usize = 8;

/// Loads that read the disk at once. More wait; each link has at most one.
const LOADS_AT_ONCE_MAX: usize = 4;

/// Wakes that are handled before other tasks get a turn.
const WAKES_PER_TURN_MAX: usize = 64;

/// The ticket of writes that nobody waits for. The replica counts its own from 1.
const OWN_TICKET: u64 = u64::MAX;

/// The ticket of batches that delete what forgotten rooms and deleted messages left behind.
const SWEEP_TICKET: u64 = u64::MAX - 1;

/// The relay before it runs: its state as the store has it.
#[derive(Debug)]
pub struct RelayTask {
    handle: RelayHandle,
    inbox: Inbox,
    store: Arc<dyn Store>,
    loaded: Loaded,
}

/// Something came back from the disk.
#[derive(Debug)]
enum Completion {
    Persisted { ticket: u64, result: Result<(), StoreError> },
    Loaded { ticket: Ticket, events: Result<Vec<Event>, StoreError> },
}

/// Everything that wakes the task.
#[derive(Debug)]
enum Wake {
    Completion(Completion),
    Signal(Signal),
    Call(Call),
    Account(Result<notices::Notice, RecvError>),
    Timer,
    Stop,
}

/// One connection, as the relay sees it.
#[derive(Debug)]
struct Link {
    peer: Peer,
    /// Whether its account administered the server when it connected.
    admin: bool,
    outbox: Arc<Outbox>,
    window: Window,
}

#[derive(Debug)]
struct Driver {
    app: Arc<App>,
    handle: RelayHandle,
    replica: Replica,
    links: BTreeMap<LinkId, Link>,
    /// Calls that were taken so far.
    calls_taken: u64,
    /// Links whose sockets are gone, and after how many calls they go themselves: what a device said last is heard first.
    departing: VecDeque<(u64, LinkId)>,
    /// The last frames of events, as they travel, until all is said: mostly the next link is sent the same.
    encoded: VecDeque<(ServerFrame, Bytes)>,
    registry: Registry,
    presence: Presence,
    typing: Typing,
    membership: Membership,
    invites: Invites,
    directory: Directory,
    /// Who waits for a change to be on the disk: the link and the number of its request.
    waiting: BTreeMap<RosterHash, (LinkId, u32)>,
    /// The change that ended somebody's membership, where it has not begun again.
    removals: BTreeMap<(AccountId, RoomId), CountersignedChange>,
    log: EventLog,
    writer: Writer,
    /// Batches that the writer had no room for. While there are any, no calls are taken.
    backlog: VecDeque<(u64, Batch)>,
    /// Batches that the writer has not answered.
    writes_open: usize,
    sweeping: bool,
    loads: VecDeque<(Ticket, Load)>,
    loads_open: usize,
    completions: mpsc::UnboundedSender<Completion>,
}

impl RelayTask {
    /// Reads the relay's state. Blocks on the disk.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn load(store: Arc<dyn Store>) -> Result<(RelayHandle, Self), RecordError> {
        let loaded = persistence::load(&store)?;
        let (handle, inbox) = RelayHandle::new();
        Ok((handle.clone(), Self { handle, inbox, store, loaded }))
    }

    /// Runs until the server stops: everybody who is connected has gone and what was taken is on the disk, or the grace
    /// is over.
    pub async fn run(self, app: Arc<App>) {
        let Self { handle, mut inbox, store, loaded } = self;
        // At most one for each batch and load that is open, which the writer and the links bound.
        let (completions, mut completions_inbox) = mpsc::unbounded_channel();
        let done = completions.clone();
        let on_done = move |ticket, result| {
            // A relay that ended asks nobody any more.
            let _ = done.send(Completion::Persisted { ticket, result });
        };
        let writer = match Writer::spawn(store, on_done) {
            Ok(writer) => writer,
            Err(error) => {
                tracing::error!(%error, "the relay cannot run");
                handle.halted.send_replace(true);
                return;
            }
        };
        let mut accounts = app.notices.listen();
        let mut driver = Driver::new(Arc::clone(&app), handle, loaded, writer, completions);
        driver.fold_feed().await;
        driver.forget_empty_rooms();
        driver.sweep();
        loop {
            for _ in 0..WAKES_PER_TURN_MAX {
                let wake = driver.next_wake(&mut inbox, &mut completions_inbox, &mut accounts).await;
                if matches!(wake, Wake::Stop) {
                    // Both are gone before the server counts its tasks: then the store's folder is free.
                    driver.end().await;
                    return;
                }
                driver.handle_wake(wake, inbox.calls.len(), &mut completions_inbox);
            }
            tokio::task::yield_now().await;
        }
    }
}

impl Driver {
    fn new(
        app: Arc<App>,
        handle: RelayHandle,
        loaded: Loaded,
        writer: Writer,
        completions: mpsc::UnboundedSender<Completion>,
    ) -> Self {
        let Loaded { log, state, last_seen } = loaded;
        let config = Config { own: Own::Relay, server: app.keys.server_key(), recent_bytes_max: RECENT_BYTES_MAX };
        let mut removals = BTreeMap::new();
        let mut invites = Invites::default();
        for (_, changes) in &state.rosters {
            for change in changes {
                invites.follow(change);
            }
        }
        let rosters = state.rosters.clone();
        let replica = Replica::new(config, momoland_protocol::id::random(), state);
        let mut membership = Membership::new(app.feed.room());
        let mut directory = Directory::default();
        for (room, roster) in replica.rooms() {
            let members: BTreeSet<AccountId> = roster.members().map(|member| member.account).collect();
            if !members.is_empty() && roster.kind() != RoomKind::Own {
                app.metrics.rooms.increment();
            }
            membership.update(room, members);
            directory.follow(room, Some(roster));
        }
        for (room, changes) in rosters {
            let Some(roster) = replica.roster(room) else { continue };
            for change in changes {
                if let Some(Ending::Account(account)) = rosters::removal(roster, change.change.get())
                    && roster.role(account).is_none()
                {
                    removals.insert((account, room), change);
                }
            }
        }
        Self {
            app,
            handle,
            replica,
            links: BTreeMap::new(),
            calls_taken: 0,
            departing: VecDeque::new(),
            encoded: VecDeque::new(),
            registry: Registry::default(),
            presence: Presence::new(last_seen),
            typing: Typing::default(),
            membership,
            invites,
            directory,
            waiting: BTreeMap::new(),
            removals,
            log,
            writer,
            backlog: VecDeque::new(),
            writes_open: 0,
            sweeping: false,
            loads: VecDeque::new(),
            loads_open: 0,
            completions,
        }
    }

    /// Folds what is stored of the public feed, once, before anybody is served. It waits for the disk on a thread that may.
    async fn fold_feed(&self) {
        let room = self.app.feed.room();
        let Some(roster) = self.replica.roster(room).cloned() else { return };
        let (reader, app) = (self.log.reader(), Arc::clone(&self.app));
        let read = tokio::task::spawn_blocking(move || {
            reader.each_event_of(room.conversation(), &mut |event| app.feed.fold(&roster, &event))?;
            app.feed.folded();
            Ok::<_, StoreError>(())
        });
        match read.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!(%error, "the public feed could not be read; HTTP shows what comes from now on");
            }
            Err(error) => tracing::error!(%error, "the public feed could not be folded"),
        }
    }

    /// Rooms whose last member's leaving was written, but not yet the room's end.
    fn forget_empty_rooms(&mut self) {
        let empty: Vec<RoomId> = self
            .replica
            .rooms()
            .filter(|(_, roster)| roster.members().next().is_none())
            .map(|(room, _)| room)
            .collect();
        for room in empty {
            self.directory.follow(room, None);
            self.forget(room);
        }
    }

    /// Waits for whatever comes first. Completions and the departed go before new work.
    async fn next_wake(
        &self,
        inbox: &mut Inbox,
        completions: &mut mpsc::UnboundedReceiver<Completion>,
        accounts: &mut broadcast::Receiver<notices::Notice>,
    ) -> Wake {
        let now_ms = self.app.clock.mono_ms();
        let due = self.poll_timeout();
        let sleep = Duration::from_millis(due.map_or(0, |due| due.0.saturating_sub(now_ms)));
        let idle = self.links.is_empty() && self.writes_open == 0;
        tokio::select! {
            biased;
            () = self.app.shutdown.ended() => Wake::Stop,
            Some(completion) = completions.recv() => Wake::Completion(completion),
            Some(signal) = inbox.signals.recv() => Wake::Signal(signal),
            () = self.app.shutdown.draining(), if idle => Wake::Stop,
            notice = accounts.recv() => Wake::Account(notice),
            () = tokio::time::sleep(sleep), if due.is_some() => Wake::Timer,
            Some(call) = inbox.calls.recv(), if self.backlog.is_empty() => Wake::Call(call),
        }
    }

    fn handle_wake(&mut self, wake: Wake, calls_waiting: usize, completions: &mut mpsc::UnboundedReceiver<Completion>) {
        match wake {
            Wake::Completion(completion) => {
                self.completed(completion);
                // What one sync brought to the disk leaves together.
                while let Ok(completion) = completions.try_recv() {
                    self.completed(completion);
                }
                self.drain();
                self.hand_over_backlog();
                self.start_loads();
            }
            Wake::Signal(Signal::Gone { link }) => {
                // Signals go before calls, and a link's last frames may still wait among those.
                self.departing.push_back((self.calls_taken.saturating_add(calls_waiting as u64), link));
                self.see_off();
            }
            Wake::Signal(Signal::Drained { link, bytes }) => {
                if let Some(known) = self.links.get_mut(&link) {
                    let bytes = known.window.drained(bytes);
                    self.input(Input::Credit { link, bytes });
                }
            }
            Wake::Call(call) => {
                match call {
                    Call::Join { peer, admin, outbox, joined } => self.join(peer, admin, outbox, joined),
                    Call::Frame { link, frame } => self.frame(link, frame),
                }
                self.calls_taken = self.calls_taken.saturating_add(1);
                self.see_off();
            }
            Wake::Account(notice) => self.account_notice(notice),
            Wake::Timer => self.timer(),
            // The loop ends before it gets here.
            Wake::Stop => {}
        }
    }

    /// Lets those go whose last frames were taken.
    fn see_off(&mut self) {
        while let Some((_, link)) = self.departing.pop_front_if(|(after, _)| *after <= self.calls_taken) {
            self.depart(link);
        }
    }

    fn completed(&mut self, completion: Completion) {
        match completion {
            Completion::Persisted { ticket, result } => self.persisted(ticket, result),
            Completion::Loaded { ticket, events } => {
                self.loads_open -= 1;
                let events = events.unwrap_or_else(|error| {
                    tracing::error!(%error, "events could not be read");
                    Vec::new()
                });
                self.replica.handle_input(self.now(), Input::Loaded { ticket, events });
            }
        }
    }

    fn frame(&mut self, link: LinkId, frame: ClientFrame) {
        // What was on its way when the device was replaced or went.
        let Some(peer) = self.links.get(&link).map(|link| link.peer) else { return };
        match frame {
            ClientFrame::Replication(frame) => {
                let announced = match &frame {
                    Frame::Room { room, .. } => Some(*room),
                    _ => None,
                };
                self.input(Input::Frame { link, frame });
                if let Some(room) = announced {
                    self.tell_of_removal(link, peer, room);
                }
            }
            ClientFrame::Request { id, request } => self.request(link, peer, id, request),
            ClientFrame::Ephemeral { ephemeral, except } => self.ephemeral(peer, ephemeral, except),
            ClientFrame::Introduce { to, signal } => self.introduce(peer, to, signal),
            ClientFrame::Presence { idle, mut chosen } => {
                let now = self.now();
                // A clock that is ahead is not to settle the matter for all time.
                chosen.at = chosen.at.min(now.wall);
                self.presence.set(now.mono, peer.account, peer.device, idle, chosen);
            }
            // The connection refuses a second one.
            ClientFrame::Hello(_) => {}
        }
    }

    fn poll_timeout(&self) -> Option<Mono> {
        let replica = self.replica.poll_timeout().map(|(at, _)| at);
        [replica, self.presence.poll_timeout(), self.typing.poll_timeout()].into_iter().flatten().min()
    }

    fn timer(&mut self) {
        let now = self.now();
        if self.replica.poll_timeout().is_some_and(|(at, _)| at <= now.mono) {
            self.replica.handle_timeout(now);
            self.drain();
        }
        self.tell_presence(now.mono);
        for told in self.typing.take_due(now.mono) {
            self.tell_typing(&told);
        }
    }

    fn input(&mut self, input: Input) {
        let now = self.now();
        self.replica.handle_input(now, input);
        self.drain();
    }

    fn now(&self) -> Now {
        Now { mono: Mono(self.app.clock.mono_ms()), wall: UnixMillis(self.app.clock.unix_ms()) }
    }

    fn drain(&mut self) {
        while let Some(output) = self.replica.poll_output() {
            self.handle_output(output);
        }
        self.encoded.clear();
    }

    fn handle_output(&mut self, output: Output) {
        match output {
            Output::Send { link, frame } => self.send(link, frame),
            Output::Persist { ticket, batch } => {
                for record in &batch {
                    if let Record::Roster { place: _, change } = record {
                        self.invites.follow(change);
                    }
                }
                self.write(ticket.0, batch);
            }
            Output::Load { ticket, load } => {
                self.loads.push_back((ticket, load));
                self.start_loads();
            }
            Output::Notice(notice) => self.notice(notice),
            Output::CloseLink { link, reason } => {
                let CloseReason::Misbehaved = reason;
                self.close(
                    link,
                    GoodbyeReason::Protocol,
                    "This device passed on what no honest one would: a bad signature, or a chain that does not link.",
                );
            }
        }
    }

    fn send(&mut self, link: LinkId, frame: Frame) {
        let Some(link) = self.links.get_mut(&link) else { return };
        let events_bytes = match &frame {
            Frame::Events { log: _, events } => events.iter().map(Event::size).sum(),
            _ => 0,
        };
        if events_bytes == 0 {
            link.outbox.push(&ServerFrame::Replication(frame), 0);
            return;
        }
        link.window.sent(events_bytes);
        let frame = ServerFrame::Replication(frame);
        let bytes = match self.encoded.iter().find(|(known, _)| *known == frame) {
            Some((_, bytes)) => bytes.clone(),
            None => {
                let bytes = outbox::encode(&frame);
                self.encoded.truncate(ENCODED_MAX - 1);
                self.encoded.push_front((frame, bytes.clone()));
                bytes
            }
        };
        link.outbox.push_encoded(bytes, events_bytes);
    }

    fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Stored { room, event, author: _, roster_version: _, command: _ } => {
                self.app.metrics.events_stored.increment();
                if let Some(roster) = self.replica.roster(room).filter(|_| room == self.app.feed.room()) {
                    self.app.feed.fold(roster, &event);
                }
            }
            Notice::Roster { room, changes, reordered } => self.roster_grew(room, &changes, reordered),
            Notice::Forgotten { room } => {
                tracing::debug!(%room, "an empty room was forgotten");
                self.app.feed.forget(room);
                self.sweep();
            }
            Notice::RosterRefused { room, why } => tracing::debug!(%room, %why, "a roster was refused"),
            Notice::Rejected { link, device, why } => {
                self.app.metrics.ws_dropped.increment("event_rejected");
                tracing::debug!(link = link.0, %device, %why, "an event was refused");
            }
            Notice::Refused { command, why } => tracing::warn!(command = command.0, %why, "a command was refused"),
            Notice::Halted => self.halted(),
            Notice::Register { .. }
            | Notice::Done { .. }
            | Notice::Acknowledged { .. }
            | Notice::RegisterAcknowledged { .. } => {}
        }
    }

    /// The store failed: nothing more is taken, and nobody is told that anything was.
    fn halted(&mut self) {
        tracing::error!("the store failed: the relay takes nothing until the server serves anew");
        self.handle.halted.send_replace(true);
        for (link, id) in std::mem::take(&mut self.waiting).into_values() {
            self.respond_unavailable(link, id);
        }
    }

    fn write(&mut self, ticket: u64, records: Vec<Record>) {
        match persistence::batch_of(&mut self.log, &records) {
            Ok(batch) => {
                self.submit(ticket, batch);
                if records.iter().any(|record| matches!(record, Record::Deletion { .. })) {
                    self.sweep();
                }
            }
            Err(error) => {
                // As if the disk had refused it: nothing of it is acknowledged.
                tracing::error!(%error, "a batch could not be put together");
                let failed = Completion::Persisted { ticket, result: Err(error) };
                self.writes_open += 1;
                let _ = self.completions.send(failed);
            }
        }
    }

    fn submit(&mut self, ticket: u64, batch: Batch) {
        self.writes_open += 1;
        self.backlog.push_back((ticket, batch));
        self.hand_over_backlog();
    }

    fn hand_over_backlog(&mut self) {
        while let Some((ticket, batch)) = self.backlog.pop_front() {
            match self.writer.try_submit(ticket, batch) {
                Ok(()) => {}
                Err(Refused::Full(batch)) => {
                    self.backlog.push_front((ticket, batch));
                    return;
                }
                Err(Refused::Closed(_)) => {
                    // Only a writer that panicked closes while it is owned.
                    let result = Err(StoreError::Io {
                        kind: std::io::ErrorKind::BrokenPipe,
                        detail: "the store's writer has ended".to_owned(),
                    });
                    let _ = self.completions.send(Completion::Persisted { ticket, result });
                }
            }
        }
    }

    fn persisted(&mut self, ticket: u64, result: Result<(), StoreError>) {
        self.writes_open -= 1;
        if let Err(error) = &result {
            tracing::error!(%error, "a batch was not written");
        }
        match ticket {
            OWN_TICKET => {}
            SWEEP_TICKET => {
                self.sweeping = false;
                if result.is_ok() {
                    self.sweep();
                }
            }
            _ => {
                let result = result.map_err(|_| PersistFailed);
                self.replica.handle_input(self.now(), Input::Persisted { ticket: Ticket(ticket), result });
            }
        }
    }

    /// Takes the next part of what forgotten rooms and deleted messages left behind from the disk, if there is any.
    fn sweep(&mut self) {
        if self.sweeping {
            return;
        }
        let mut batch = Batch::new();
        match self.log.sweep(&mut batch) {
            Ok(true) => {
                self.sweeping = true;
                self.submit(SWEEP_TICKET, batch);
            }
            Ok(false) => {}
            // The next start tries again.
            Err(error) => tracing::warn!(%error, "what was forgotten or deleted was not swept away"),
        }
    }

    fn start_loads(&mut self) {
        while self.loads_open < LOADS_AT_ONCE_MAX
            && let Some((ticket, Load { log, chain, from, to, bytes_max, order })) = self.loads.pop_front()
        {
            self.loads_open += 1;
            let (reader, completions) = (self.log.reader(), self.completions.clone());
            self.app.tasks.spawn_blocking(move || {
                let events = match order {
                    LoadOrder::OldestFirst => reader.load(log, chain, from, to, bytes_max),
                    LoadOrder::NewestFirst => reader.load_back(log, chain, from, to, bytes_max),
                };
                // Before the completion, so that who waits for the last one finds the store's folder free.
                drop(reader);
                let _ = completions.send(Completion::Loaded { ticket, events });
            });
        }
    }

    fn close(&self, link: LinkId, reason: GoodbyeReason, sentence: &str) {
        let Some(link) = self.links.get(&link) else { return };
        link.outbox.close(Goodbye { reason, sentence: sentence.to_owned(), retry_after_ms: None });
    }

    /// Closes the writer: what was handed over is written.
    async fn end(self) {
        let Self { app, writer, links, .. } = self;
        if app.shutdown.phase() == Phase::Ended && !links.is_empty() {
            tracing::warn!(connections = links.len(), "connections were cut off");
        }
        if tokio::task::spawn_blocking(move || writer.close()).await.is_err() {
            tracing::error!("the store's writer did not close");
        }
    }
}
