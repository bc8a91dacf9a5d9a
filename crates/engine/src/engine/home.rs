//! The state of the signed-in account: everything that ends with a sign-out.
//!
//! Here it is opened, timed and closed; `documents`, `messages`, `rooms` and `ephemerals` are what it does for fronts.

mod calls;
mod documents;
mod messages;
mod activity;
mod amendments;
mod announcements;
mod notifications;
mod drafts;
mod own_room;
mod preferences;
mod reissue;
mod rooms;
mod ephemerals;
mod feeds;
mod folding;
mod locations;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use momoland_protocol::clock::{Hlc, UnixMillis};
use momoland_protocol::ephemeral::{Ephemeral, EphemeralSignal};
use momoland_protocol::event::{BodyBytes, Event as StoredEvent, EventHeader};
use momoland_protocol::id::{AccountId, BodyHash, EventId, NoticeId, RoomId, random};
use momoland_protocol::location::Point;
use momoland_protocol::server::ChosenStatus;
use momoland_protocol::signed::SecretKey;
use momoland_replica::deletions::Deletion;
use momoland_replica::input::{Command, CommandId, Input, LinkId, Mono, Now};
use momoland_replica::output::CommandRefusal;
use momoland_replica::replica::{Config, Own, Replica};
use momoland_replica::roster::{Roster, RosterRefusal};
use momoland_store::kv::{Store, StoreError};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::Instant;

use self::calls::Calling;
pub(super) use self::documents::DocumentStep;
use self::documents::Documents;
pub(crate) use self::documents::{DocumentHistory, DocumentVersion, no_such_document};
use self::feeds::RoomFeed;
pub(crate) use self::feeds::ToRead as FeedToRead;
use self::locations::Positions;
pub(crate) use self::messages::Listed;
use self::messages::{MarkState, Progress};
use self::notifications::Inbox;
use self::own_room::{OwnRoom, own_genesis};
use self::preferences::Preferences;
use crate::account::record::{Account, AnnouncementRecord, Choice, DraftRecord, ProfileRecord, Records};
use crate::api::error::{ApiError, ErrorKind};
use crate::api::events::Event;
use crate::api::types::{PeerPolicy, ServerState};
use crate::documents::records::DocumentRecords;
use crate::engine::actor::Channels;
use crate::engine::peers::Peer;
use crate::engine::repair::Repairs;
use crate::engine::server::Request;
use crate::ephemeral::presence::Presence;
use crate::ephemeral::typing::Typing;
use crate::link::roaming::{self, Roaming};
use crate::link::server::{ServerEvent, ServerLink, Traffic};
use crate::link::{Dialer, IceServer, PeerLinks};
use crate::persistence::{DiskEvent, Persistence};
use crate::projection::history::History;
use crate::projection::texts::Texts;
use crate::projection::timeline::Timeline;

/// Bytes of stored events kept in memory so that they need not be read again to be sent.
const RECENT_BYTES_MAX: usize = 2 * 1024 * 1024;

/// What answers whoever waits for an event to be on disk.
pub(crate) type Stored = oneshot::Receiver<Result<EventId, CommandRefusal>>;

/// What a command was for.
pub(super) enum Waiting {
    Send(oneshot::Sender<Result<EventId, CommandRefusal>>),
    Document(DocumentStep),
    /// A message that is written anew; see [`Home::again`].
    Again((RoomId, BodyHash)),
    /// A register of the own room, and when it was chosen.
    Choice {
        choice: Choice,
        at: Hlc,
    },
    Nobody,
}

/// How this person appears to others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct OwnPresence {
    /// What was chosen last, on this device or another.
    pub(super) chosen: ChosenStatus,
    /// Whether nobody sits at this device.
    pub(super) idle: bool,
}

/// What a person had when the disk failed, beside what is on it.
pub(super) struct Kept {
    /// With tokens that may have been renewed meanwhile.
    account: Account,
    own_presence: OwnPresence,
    /// Up to where each room was read.
    read: Vec<(RoomId, EventId)>,
    /// Where the person is, in the rooms in which that is shared live.
    shared: Vec<(RoomId, Point)>,
}

pub(crate) struct Home {
    pub(crate) account: Account,
    pub(crate) key: Arc<SecretKey>,
    pub(super) records: Records,
    pub(super) events: broadcast::Sender<Arc<Event>>,
    pub(super) channels: Channels,
    pub(super) started: Instant,
    pub(super) replica: Replica,
    pub(super) persistence: Persistence,
    pub(super) timelines: BTreeMap<RoomId, Timeline>,
    /// What messages say.
    pub(super) texts: Arc<Texts>,
    /// What posts and comments of feeds say.
    pub(super) feed_texts: Arc<Texts<BodyBytes>>,
    pub(super) histories: BTreeMap<RoomId, History>,
    /// Who reads a room back to where it begins here, and waits for more.
    pub(super) readers: BTreeMap<RoomId, Vec<oneshot::Sender<()>>>,
    /// Rooms that are read anew, with what was stored meanwhile.
    pub(super) rereading: BTreeMap<RoomId, Vec<StoredEvent>>,
    /// Rooms that reach further back than before this turn.
    pub(super) grown_back: BTreeSet<RoomId>,
    pub(super) members: BTreeMap<RoomId, BTreeSet<AccountId>>,
    pub(super) profiles: BTreeMap<AccountId, ProfileRecord>,
    pub(super) presence: Presence,
    pub(super) typing: Typing,
    pub(super) positions: Positions,
    pub(super) calling: Calling,
    pub(super) feeds: BTreeMap<RoomId, RoomFeed>,
    pub(super) marks: BTreeMap<RoomId, MarkState>,
    pub(super) own_room: OwnRoom,
    pub(super) drafts: BTreeMap<RoomId, DraftRecord>,
    /// Drafts that are too long for a register.
    pub(super) long_drafts: BTreeMap<RoomId, DraftRecord>,
    pub(super) preferences: BTreeMap<RoomId, Preferences>,
    /// Authors whom this person follows, since when.
    pub(super) follows: BTreeMap<AccountId, Hlc>,
    pub(super) progress: Progress,
    pub(super) inbox: Inbox,
    pub(super) announcements: BTreeMap<NoticeId, AnnouncementRecord>,
    pub(super) documents: Documents,
    /// Messages that are being written anew, by what they say: not on the disk yet.
    pub(super) again: BTreeSet<(RoomId, BodyHash)>,
    pub(super) waiting: BTreeMap<CommandId, Waiting>,
    pub(super) next_number: u64,
    /// Rooms whose appearance changed in this turn.
    pub(super) dirty: BTreeSet<RoomId>,
    pub(super) net_dirty: bool,
    pub(super) dial_dirty: bool,
    /// Links, or who shares a room, changed in this turn.
    pub(super) around_dirty: bool,
    // The server.
    pub(super) server: Option<ServerLink>,
    pub(super) traffic: Arc<Traffic>,
    pub(super) server_state: ServerState,
    pub(super) server_link: Option<LinkId>,
    /// Tokens of links with a lower number are of a session that is over.
    pub(super) tokens_since: u64,
    pub(super) problem: Option<String>,
    /// Why the disk takes nothing.
    pub(super) disk_problem: Option<String>,
    pub(super) requests: BTreeMap<u32, Request>,
    pub(super) adding_device: BTreeSet<RoomId>,
    pub(super) repairs: Repairs,
    pub(super) own_presence: OwnPresence,
    // Peers.
    pub(super) links: Option<PeerLinks>,
    /// For links that begin from now on.
    pub(super) ice_servers: Vec<IceServer>,
    pub(super) dialer: Dialer,
    pub(super) peers: BTreeMap<u64, Peer>,
    pub(super) policy: PeerPolicy,
    pub(super) roaming: Roaming,
}

impl Home {
    pub(super) fn open(
        account: Account,
        key: SecretKey,
        store: Arc<dyn Store>,
        records: Records,
        events: broadcast::Sender<Arc<Event>>,
        channels: Channels,
    ) -> Result<Self, StoreError> {
        momoland_allocator::keep_large_pieces_apart();
        let key = Arc::new(key);
        let documents = Documents::new(DocumentRecords::new(Arc::clone(&store)));
        let (persistence, state) = Persistence::start(Arc::clone(&store), channels.disk.clone())?;
        let texts = Arc::new(Texts::new(Arc::new(persistence.reader())));
        let feed_texts = Arc::new(Texts::new(Arc::new(persistence.reader())));
        let own = Own::Device { key: Arc::clone(&key), account: account.id };
        let config = Config { own, server: account.server_key, recent_bytes_max: RECENT_BYTES_MAX };
        let replica = Replica::new(config, random(), state);
        let profiles = records.profiles()?.into_iter().collect();
        let own_presence = OwnPresence { chosen: records.chosen_status()?, idle: false };
        let dialer = Dialer::new(key.device(), u64::from_be_bytes(random()));
        let calling = Calling::new(account.id, records.media()?);
        let own_room = OwnRoom::new(&own_genesis(&account));
        let mut home = Self {
            account,
            key,
            records,
            events,
            channels,
            started: Instant::now(),
            replica,
            persistence,
            timelines: BTreeMap::new(),
            texts,
            feed_texts,
            histories: BTreeMap::new(),
            readers: BTreeMap::new(),
            rereading: BTreeMap::new(),
            grown_back: BTreeSet::new(),
            members: BTreeMap::new(),
            profiles,
            presence: Presence::default(),
            typing: Typing::default(),
            positions: Positions::default(),
            calling,
            feeds: BTreeMap::new(),
            marks: BTreeMap::new(),
            own_room,
            drafts: BTreeMap::new(),
            long_drafts: BTreeMap::new(),
            preferences: BTreeMap::new(),
            follows: BTreeMap::new(),
            progress: Progress::default(),
            inbox: Inbox::default(),
            announcements: BTreeMap::new(),
            documents,
            again: BTreeSet::new(),
            waiting: BTreeMap::new(),
            next_number: 0,
            dirty: BTreeSet::new(),
            net_dirty: false,
            dial_dirty: false,
            around_dirty: false,
            server: None,
            traffic: Arc::default(),
            server_state: ServerState::Offline,
            server_link: None,
            tokens_since: 0,
            problem: None,
            disk_problem: None,
            requests: BTreeMap::new(),
            adding_device: BTreeSet::new(),
            repairs: Repairs::default(),
            own_presence,
            links: None,
            ice_servers: Vec::new(),
            dialer,
            peers: BTreeMap::new(),
            policy: PeerPolicy::All,
            roaming: Roaming::new(Duration::ZERO, UnixMillis::now().0, roaming::addresses()),
        };
        home.open_own_room()?;
        home.open_long_drafts()?;
        home.fold_rooms()?;
        home.recover_documents()?;
        home.open_announcements()?;
        home.open_inbox()?;
        // All that was written was read for this, and most of it is held no more.
        store.rest()?;
        momoland_allocator::give_back();
        Ok(home)
    }

    /// Ends as [`Self::close`] does, for one that goes on from what is on the disk.
    pub(super) async fn retire(mut self, server_events: Option<mpsc::Receiver<(u64, ServerEvent)>>) -> Kept {
        self.server_down();
        let read = self.timelines.iter().filter_map(|(room, timeline)| Some((*room, timeline.read_up_to()?.event)));
        let (read, shared, own_presence) = (read.collect(), self.positions.shared(), self.own_presence.clone());
        Kept { account: self.close(server_events).await, own_presence, read, shared }
    }

    /// Goes on with what one before had and could not write.
    pub(super) fn take_over(&mut self, kept: Kept) {
        let Kept { account, own_presence, read, shared } = kept;
        self.account = account;
        self.keep_account();
        self.own_presence = own_presence;
        self.positions.share_on(shared);
        for (room, message) in read {
            // The room, or the message, may be gone by what the disk says.
            self.show_read_to(room, message);
        }
    }

    /// Writes what waits, says goodbye, and releases what is held. `server_events`: what the server's link still says;
    /// tokens that it renewed at the last moment are kept, since the old ones count as stolen from then on. The account
    /// with the last of them.
    pub(crate) async fn close(mut self, server_events: Option<mpsc::Receiver<(u64, ServerEvent)>>) -> Account {
        self.end_call();
        self.write_journal_at_last();
        self.write_choices_at_last();
        if let Some(links) = self.links.take() {
            links.shutdown().await;
        }
        if let Some(server) = self.server.take() {
            let stopping = server.stop();
            tokio::pin!(stopping);
            match server_events {
                Some(mut events) => {
                    loop {
                        tokio::select! {
                            biased;
                            Some((link, event)) = events.recv() => self.keep_last_tokens(link, event),
                            () = &mut stopping => break,
                        }
                    }
                    while let Ok((link, event)) = events.try_recv() {
                        self.keep_last_tokens(link, event);
                    }
                }
                None => stopping.await,
            }
        }
        let Self { mut persistence, account, .. } = self;
        // What reads beside holds the store.
        persistence.end_beside().await;
        if tokio::task::spawn_blocking(move || persistence.close()).await.is_err() {
            tracing::error!("the store's writer could not be closed");
        }
        account
    }

    fn keep_last_tokens(&mut self, link: u64, event: ServerEvent) {
        if let ServerEvent::Tokens(tokens) = event {
            self.take_tokens(link, &tokens);
        }
    }

    /// Signs in again after the server ended the session: everything else goes on as it was.
    pub(crate) fn sign_in_again(&mut self, signed_in: crate::account::http::SignedIn) {
        self.account.certificate = signed_in.certificate;
        self.account.display_name = signed_in.display_name;
        self.account.admin = signed_in.admin;
        // Tokens of links from before are another session's.
        self.tokens_since = self.number();
        self.keep_tokens(&signed_in.tokens);
        self.tell(Event::AccountChanged {});
    }

    /// Before a sign-out: nothing of any room stays on disk.
    pub(crate) fn forget_everything(&mut self) {
        let rooms: Vec<RoomId> = self.replica.rooms().map(|(room, _)| room).collect();
        for room in rooms {
            self.forget_room(room);
        }
    }

    // Time.

    /// The wall clock, corrected by the known offset to the server's.
    pub(crate) fn wall(&self) -> UnixMillis {
        self.now().wall
    }

    /// Both clocks; the wall clock corrected by the known offset to the server's.
    pub(super) fn now(&self) -> Now {
        let wall = UnixMillis::now().0.saturating_add_signed(self.account.clock_offset_ms);
        Now { mono: Mono(self.mono_ms()), wall: UnixMillis(wall) }
    }

    pub(super) fn mono_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn instant_of(&self, mono_ms: u64) -> Instant {
        self.started + Duration::from_millis(mono_ms)
    }

    /// When [`Self::deadline`] wants to be called.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let wall = self.now().wall.0;
        let release = self.timelines.values().filter_map(Timeline::next_release).min();
        [
            self.replica.poll_timeout().map(|(at, _)| self.instant_of(at.0)),
            self.typing.next_timeout().map(|at| self.instant_of(at)),
            self.dialer.poll_timeout().map(|at| self.started + at),
            self.requests.values().map(|request| request.deadline).min(),
            self.marks.values().filter_map(MarkState::due_at).min(),
            self.next_choice(),
            self.repairs.next_timeout(),
            self.documents.next_timeout(),
            self.documents.next_live_ms().map(|at| self.instant_of(at)),
            self.server.is_some().then(|| self.started + self.roaming.next_look()),
            self.next_position(),
            self.next_call(),
            release.map(|at| Instant::now() + Duration::from_millis(at.0.saturating_sub(wall).max(1))),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Does what is due.
    pub(super) fn deadline(&mut self) {
        let now = self.now();
        self.replica.handle_timeout(now);
        self.drain();
        for (room, account) in self.typing.expire(now.mono.0) {
            self.tell_typing(room, account, false);
        }
        for room in self.typing.due(now.mono.0) {
            self.send_ephemeral(Ephemeral { room, signal: EphemeralSignal::Typing { typing: true } });
        }
        self.expire_requests();
        self.look_around();
        self.write_due_marks();
        self.positions_due();
        self.calls_due();
        self.issue_due_documents();
        self.expire_live();
        let rooms: Vec<RoomId> = self.timelines.keys().copied().collect();
        for room in rooms {
            let released = self.timelines.get_mut(&room).map(|timeline| timeline.release(now.wall)).unwrap_or_default();
            for applied in released {
                self.tell_applied(room, applied);
            }
        }
        self.dial();
    }

    /// Ends a turn: tells once what changed, however often it did.
    pub(super) fn settle(&mut self) {
        self.edit_together();
        if std::mem::take(&mut self.around_dirty) {
            self.tell_around();
        }
        if std::mem::take(&mut self.dial_dirty) {
            self.update_wanted();
            self.update_modes();
            self.awareness_follows_presence();
        }
        self.dial();
        self.repair_rosters();
        self.write_progress();
        self.write_choices();
        for room in std::mem::take(&mut self.grown_back) {
            for reader in self.readers.remove(&room).unwrap_or_default() {
                // It may have waited long enough.
                let _ = reader.send(());
            }
        }
        self.write_journal();
        self.send_live();
        self.tell_documents();
        self.tell_inbox();
        for room in std::mem::take(&mut self.dirty) {
            if let Some(room) = self.room(room) {
                self.tell(Event::RoomChanged { room });
            }
        }
        if std::mem::take(&mut self.net_dirty) {
            let status = self.net_status();
            self.tell(Event::NetChanged { status });
        }
    }

    pub(super) fn tell(&self, event: Event) {
        // Without a front nobody listens.
        let _ = self.events.send(Arc::new(event));
    }

    // Disk.

    pub(super) fn disk(&mut self, event: DiskEvent) {
        let now = self.now();
        let input = match event {
            DiskEvent::Persisted { ticket, result } => {
                self.persistence.resume();
                Input::Persisted { ticket, result }
            }
            DiskEvent::Loaded { ticket, events } => Input::Loaded { ticket, events },
            DiskEvent::Marked => {
                self.persistence.resume();
                self.progress_written();
                return;
            }
            DiskEvent::Kept { ticket, result } => {
                self.persistence.resume();
                self.persistence.kept(ticket, result);
                if result.is_err() {
                    self.disk_failed();
                }
                return;
            }
            DiskEvent::Journalled { written } => {
                self.persistence.resume();
                self.journal_written(written);
                return;
            }
            DiskEvent::Folded { log, snapshot } => {
                self.document_folded(log, snapshot);
                return;
            }
            DiskEvent::Swept => {
                self.persistence.sweep();
                return;
            }
            DiskEvent::Read { room, events } => {
                self.reread(room, events);
                return;
            }
            DiskEvent::Failed => {
                self.disk_failed();
                return;
            }
        };
        self.replica.handle_input(now, input);
        self.drain();
    }

    pub(super) fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    /// Has the replica write an event; answered once it is on disk.
    pub(super) fn append(&mut self, command: Command) -> Stored {
        let (answer, stored) = oneshot::channel();
        self.command(command, Waiting::Send(answer));
        stored
    }

    /// Gives the replica a command.
    pub(super) fn command(&mut self, command: Command, waiting: Waiting) {
        let id = CommandId(self.number());
        self.waiting.insert(id, waiting);
        let now = self.now();
        self.replica.handle_input(now, Input::Command { id, command });
        self.drain();
    }
}

impl std::fmt::Debug for Home {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Home").field("account", &self.account.id).finish_non_exhaustive()
    }
}

/// The other accounts that belonged at a version.
pub(super) fn others_at(roster: &Roster, version: u64, own: AccountId) -> BTreeSet<AccountId> {
    roster.members_at(version).filter(|account| *account != own).collect()
}

/// Whether an event is shown, or has an effect on what is, by the roster held now.
pub(super) fn counts(roster: &Roster, header: &EventHeader) -> bool {
    let deletes = Deletion::of(header);
    roster.counts_event(header)
        && !roster.is_unlisted(header)
        && deletes.is_none_or(|(place, deletion)| deletion.counts(header.log, place, roster))
}

/// What an event says, in the form in which it is signed and kept.
pub(super) fn body_of<T: minicbor::Encode<()>>(content: &T) -> Result<BodyBytes, ApiError> {
    BodyBytes::plain(content).map_err(|error| ApiError::invalid(format!("It is too long: {error}.")))
}

pub(crate) fn no_such_room() -> ApiError {
    ApiError::not_found("There is no such room here, or you are not in it.")
}

pub(crate) fn no_such_message() -> ApiError {
    ApiError::not_found("There is no such message in this room.")
}

/// That what a conversation says cannot be read from the disk.
pub(crate) fn unreadable(room: RoomId, error: &StoreError) -> ApiError {
    tracing::error!(%room, %error, "messages could not be read");
    ApiError::new(
        ErrorKind::Internal,
        "These messages cannot be read from the disk now. Nothing was changed; try again.",
    )
}

/// What a refused command means to a person.
pub(crate) fn refused(refusal: CommandRefusal) -> ApiError {
    match refusal {
        CommandRefusal::UnknownRoom => no_such_room(),
        CommandRefusal::NotAllowed(RosterRefusal::Frozen) => ApiError::new(
            ErrorKind::Conflict,
            "The server put two changes of this room in one place. Wait until one of its owners has been online.",
        ),
        CommandRefusal::NotAllowed(_) => {
            ApiError::new(ErrorKind::Forbidden, "Your role in this room does not allow it. Ask one of its owners.")
        }
        CommandRefusal::OutOfBounds(what) => ApiError::invalid(format!("It is out of bounds: {what}.")),
        CommandRefusal::Halted => ApiError::new(
            ErrorKind::Internal,
            "The disk takes nothing any more, so nothing was sent. Make room on it, and Momoland goes on by itself.",
        ),
        CommandRefusal::Unsure => ApiError::new(
            ErrorKind::Internal,
            "The disk failed while this was being written. Make room on it, and look whether it is there before you send it \
             again.",
        ),
    }
}
