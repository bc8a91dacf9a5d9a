//! The state of the signed-in account: everything that ends with a sign-out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use momoland_protocol::cbor;
use momoland_protocol::clock::{Hlc, UnixMillis};
use momoland_protocol::content::MessageContent;
use momoland_protocol::ephemeral::{Ephemeral, EphemeralSignal};
use momoland_protocol::event::{Action, Body, BodyBytes};
use momoland_protocol::id::{AccountId, ChainId, DeviceId, EventId, RoomId, random};
use momoland_protocol::register::{DeliveredChain, DeliveryMark, RegisterName};
use momoland_protocol::roster::{RoomKind as WireKind, RosterChange, RosterOp, Visibility as WireVisibility};
use momoland_protocol::signed::{SecretKey, Signed};
use momoland_replica::input::{Command, CommandId, Input, LinkId, Mono, Now};
use momoland_replica::output::CommandRefusal;
use momoland_replica::replica::{Config, Own, Replica};
use momoland_replica::roster::Roster;
use momoland_store::kv::{Batch, Store, StoreError};
use tokio::sync::{broadcast, oneshot};
use tokio::time::Instant;

use crate::account::record::{Account, ProfileRecord, Records};
use crate::api::error::{ApiError, ErrorKind};
use crate::api::events::Event;
use crate::api::types::{
    Member, PeerPath as ApiPath, PeerPolicy, Role, Room, RoomKind, ServerState, UserPresence, Visibility,
};
use crate::engine::actor::Channels;
use crate::engine::peers::Peer;
use crate::engine::server::Request;
use crate::ephemeral::presence::Presence;
use crate::ephemeral::typing::Typing;
use crate::link::server::{ServerLink, Traffic};
use crate::link::{Dialer, PeerLinks};
use crate::persistence::{DiskEvent, Persistence};
use crate::projection::timeline::{Entry, Timeline};

/// Bytes of stored events kept in memory so that they need not be read again to be sent.
const RECENT_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Read and delivery marks are written at most this often for each room.
const MARK_EVERY: Duration = Duration::from_secs(2);

/// In larger rooms nobody says what reached them through the relay: the marks would be more than the messages.
const DELIVERY_MARKS_MEMBERS_MAX: usize = 64;

/// What a command was for.
pub(super) enum Waiting {
    Send(oneshot::Sender<Result<EventId, CommandRefusal>>),
    Nobody,
}

/// What marks of a room wait to be written, and until when.
#[derive(Debug)]
pub(super) struct MarkState {
    /// [`MARK_EVERY`] after the last ones.
    not_before: Instant,
    /// A read mark that waits for its turn.
    read: Option<EventId>,
    /// Chains of others that grew since the last delivery mark.
    grown: BTreeSet<ChainId>,
}

pub(crate) struct Home {
    pub(crate) account: Account,
    pub(crate) key: Arc<SecretKey>,
    pub(super) records: Records,
    pub(super) events: broadcast::Sender<Event>,
    pub(super) channels: Channels,
    pub(super) started: Instant,
    pub(super) replica: Replica,
    pub(super) persistence: Persistence,
    pub(super) timelines: BTreeMap<RoomId, Timeline>,
    pub(super) members: BTreeMap<RoomId, BTreeSet<AccountId>>,
    pub(super) profiles: BTreeMap<AccountId, ProfileRecord>,
    pub(super) presence: Presence,
    pub(super) typing: Typing,
    pub(super) marks: BTreeMap<RoomId, MarkState>,
    pub(super) waiting: BTreeMap<CommandId, Waiting>,
    pub(super) next_number: u64,
    /// Rooms whose appearance changed in this turn.
    pub(super) dirty: BTreeSet<RoomId>,
    pub(super) net_dirty: bool,
    pub(super) dial_dirty: bool,
    // The server.
    pub(super) server: Option<ServerLink>,
    pub(super) traffic: Arc<Traffic>,
    pub(super) server_state: ServerState,
    pub(super) server_link: Option<LinkId>,
    pub(super) problem: Option<String>,
    pub(super) requests: BTreeMap<u32, Request>,
    pub(super) adding_device: BTreeSet<RoomId>,
    pub(super) own_presence: (bool, String),
    // Peers.
    pub(super) links: Option<PeerLinks>,
    pub(super) dialer: Dialer,
    pub(super) peers: BTreeMap<u64, Peer>,
    pub(super) policy: PeerPolicy,
}

impl Home {
    pub(super) fn open(
        account: Account,
        key: SecretKey,
        store: Arc<dyn Store>,
        records: Records,
        events: broadcast::Sender<Event>,
        channels: Channels,
    ) -> Result<Self, StoreError> {
        let key = Arc::new(key);
        let (persistence, state) = Persistence::start(store, channels.disk.clone())?;
        let own = Own::Device { key: Arc::clone(&key), account: account.id };
        let config = Config { own, server: account.server_key, recent_bytes_max: RECENT_BYTES_MAX };
        let replica = Replica::new(config, random(), state);
        let profiles = records.profiles()?.into_iter().collect();
        let dialer = Dialer::new(key.device(), u64::from_be_bytes(random()));
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
            members: BTreeMap::new(),
            profiles,
            presence: Presence::default(),
            typing: Typing::default(),
            marks: BTreeMap::new(),
            waiting: BTreeMap::new(),
            next_number: 0,
            dirty: BTreeSet::new(),
            net_dirty: false,
            dial_dirty: false,
            server: None,
            traffic: Arc::default(),
            server_state: ServerState::Offline,
            server_link: None,
            problem: None,
            requests: BTreeMap::new(),
            adding_device: BTreeSet::new(),
            own_presence: (false, String::new()),
            links: None,
            dialer,
            peers: BTreeMap::new(),
            policy: PeerPolicy::All,
        };
        home.fold_rooms()?;
        Ok(home)
    }

    /// Folds what is on disk into what people see.
    fn fold_rooms(&mut self) -> Result<(), StoreError> {
        let rooms: Vec<RoomId> = self.replica.rooms().map(|(room, _)| room).collect();
        let (own, now) = (self.account.id, self.now().wall);
        for room in rooms {
            let log = room.conversation();
            let mut timeline = Timeline::new(room, own, self.records.marks(log)?);
            let Some(roster) = self.replica.roster(room) else { continue };
            self.persistence.each_event(log, &mut |event| {
                let header = event.header.get();
                let version = roster.version_of(header.roster).unwrap_or(0);
                let Some(author) = roster.account_of(header.device) else { return };
                if !roster.is_cut(log, header.chain(), header.seq, version) {
                    timeline.apply(&event, author, version, now);
                }
            })?;
            let own_chain = |chain: &ChainId| roster.account_of(chain.device) == Some(own);
            for register in self.replica.registers(room) {
                timeline.apply_register(register.get(), own_chain);
            }
            timeline.advance_read(|version| others_at(roster, version, own));
            self.members.insert(room, roster.members().map(|member| member.account).collect());
            self.timelines.insert(room, timeline);
        }
        Ok(())
    }

    /// Writes what waits, says goodbye, and releases what is held.
    pub(crate) async fn close(self) {
        let Self { server, links, persistence, .. } = self;
        if let Some(links) = links {
            links.shutdown().await;
        }
        if let Some(server) = server {
            server.stop().await;
        }
        if tokio::task::spawn_blocking(move || persistence.close()).await.is_err() {
            tracing::error!("the store's writer could not be closed");
        }
    }

    /// Signs in again after the server ended the session: everything else goes on as it was.
    pub(crate) fn sign_in_again(&mut self, signed_in: crate::account::http::SignedIn) {
        self.account.certificate = signed_in.certificate;
        self.account.display_name = signed_in.display_name;
        self.account.admin = signed_in.admin;
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
        self.write_due_marks();
        let rooms: Vec<RoomId> = self.timelines.keys().copied().collect();
        for room in rooms {
            let released = self.timelines.get_mut(&room).map(|timeline| timeline.release(now.wall)).unwrap_or_default();
            for id in released {
                self.tell_message(room, id, true);
            }
        }
        self.dial();
    }

    /// Ends a turn: tells once what changed, however often it did.
    pub(super) fn settle(&mut self) {
        if std::mem::take(&mut self.dial_dirty) {
            self.update_wanted();
            self.update_modes();
        }
        self.dial();
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
        let _ = self.events.send(event);
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
            DiskEvent::Swept => {
                self.persistence.sweep();
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

    /// Gives the replica a command.
    pub(super) fn command(&mut self, command: Command, waiting: Waiting) {
        let id = CommandId(self.number());
        self.waiting.insert(id, waiting);
        let now = self.now();
        self.replica.handle_input(now, Input::Command { id, command });
        self.drain();
    }

    // Messages.

    /// Writes a message; answered once it is on disk.
    pub(crate) fn send_message(
        &mut self,
        room: RoomId,
        text: String,
        reply_to: Option<EventId>,
    ) -> Result<oneshot::Receiver<Result<EventId, CommandRefusal>>, ApiError> {
        let timeline = self.timeline(room)?;
        if let Some(reply_to) = reply_to
            && timeline.get(reply_to).is_none()
        {
            return Err(ApiError::not_found("The message that you reply to is not in this room."));
        }
        let content = MessageContent { text, sent_at: self.now().wall };
        cbor::Bounded::check_bounds(&content).map_err(|_| {
            ApiError::invalid(
                "A message holds at most 32 KiB of text, and no NUL character. Shorten it, or send a file.",
            )
        })?;
        let body = BodyBytes::new(&Body::Plain(cbor::encode(&content)))
            .map_err(|error| ApiError::invalid(format!("The message is too long: {error}.")))?;
        let (answer, answered) = oneshot::channel();
        let targets = reply_to.into_iter().collect();
        let command = Command::Append { log: room.conversation(), action: Action::POST, targets, body };
        self.command(command, Waiting::Send(answer));
        Ok(answered)
    }

    /// The timeline of a room that this person is in.
    pub(crate) fn timeline(&self, room: RoomId) -> Result<&Timeline, ApiError> {
        self.require_member(room)?;
        self.timelines.get(&room).ok_or_else(no_such_room)
    }

    /// The roster of a room that this person is in.
    pub(crate) fn require_member(&self, room: RoomId) -> Result<&Roster, ApiError> {
        let roster = self.replica.roster(room).ok_or_else(no_such_room)?;
        if roster.role(self.account.id).is_none() {
            return Err(no_such_room());
        }
        Ok(roster)
    }

    /// Whether this device can read and write in a room by what is held here.
    pub(crate) fn has_room(&self, room: RoomId) -> bool {
        let counts = |roster: &Roster| roster.role_of_device(self.key.device()).is_some();
        self.timelines.contains_key(&room) && self.replica.roster(room).is_some_and(counts)
    }

    /// Own messages that have not left this device.
    pub(crate) fn unsent(&self) -> u64 {
        self.timelines.values().map(Timeline::unsent).sum()
    }

    /// Marks everything up to a message as read; an older message than before changes nothing.
    pub(crate) fn mark_read(&mut self, room: RoomId, message: EventId) -> Result<(), ApiError> {
        let timeline = self.timeline(room)?;
        let mark = timeline.mark_at(message).ok_or_else(no_such_message)?;
        if timeline.read_up_to().is_some_and(|held| mark <= held) {
            return Ok(());
        }
        // The count falls at once; that others, and the next start, learn of it may wait a little.
        let own = self.account.id;
        if let Some(timeline) = self.timelines.get_mut(&room) {
            timeline.set_read(own, mark);
        }
        self.dirty.insert(room);
        self.mark_state(room).read = Some(message);
        self.write_due_marks();
        Ok(())
    }

    /// Notes that others' chains grew, so that the authors learn of it.
    pub(super) fn note_grown(&mut self, room: RoomId, chain: ChainId) {
        let small = self.replica.roster(room).is_some_and(|roster| {
            roster.members().take(DELIVERY_MARKS_MEMBERS_MAX + 1).count() <= DELIVERY_MARKS_MEMBERS_MAX
        });
        if small {
            self.mark_state(room).grown.insert(chain);
        }
    }

    fn mark_state(&mut self, room: RoomId) -> &mut MarkState {
        let started = self.started;
        self.marks.entry(room).or_insert_with(|| MarkState { not_before: started, read: None, grown: BTreeSet::new() })
    }

    fn write_due_marks(&mut self) {
        let now = Instant::now();
        let due: Vec<RoomId> = self
            .marks
            .iter()
            .filter(|(_, state)| state.due_at().is_some_and(|at| at <= now))
            .map(|(room, _)| *room)
            .collect();
        for room in due {
            let Some(state) = self.marks.get_mut(&room) else { continue };
            state.not_before = now + MARK_EVERY;
            let (read, grown) = (state.read.take(), std::mem::take(&mut state.grown));
            let target = room.conversation().0;
            if let Some(mark) = read.and_then(|id| self.timelines.get(&room)?.mark_at(id)) {
                let value = cbor::encode(&mark);
                let name = RegisterName::READ;
                self.command(Command::SetRegister { room, name, target, value }, Waiting::Nobody);
            }
            if !grown.is_empty() {
                let value = cbor::encode(&self.delivery_mark(room, grown));
                let name = RegisterName::DELIVERED;
                self.command(Command::SetRegister { room, name, target, value }, Waiting::Nobody);
            }
        }
    }

    /// What is on disk here of others' chains: those that grew first, then as many more as a mark holds.
    fn delivery_mark(&self, room: RoomId, grown: BTreeSet<ChainId>) -> DeliveryMark {
        let own = self.key.device();
        let mut chains: Vec<(ChainId, _)> = self.replica.chains(room.conversation()).collect();
        chains.retain(|(chain, _)| chain.device != own);
        chains.sort_by_key(|(chain, _)| !grown.contains(chain));
        chains.truncate(DeliveryMark::CHAINS_MAX);
        chains.sort_by_key(|(chain, _)| *chain);
        DeliveryMark { chains: chains.into_iter().map(|(chain, seq)| DeliveredChain { chain, seq }).collect() }
    }

    pub(super) fn tell_message(&mut self, room: RoomId, id: EventId, new: bool) {
        let Some(timeline) = self.timelines.get(&room) else { return };
        let Some(entry) = timeline.get(id) else { return };
        let message = timeline.message(entry);
        let room_id = room.to_string();
        self.tell(if new {
            Event::MessageNew { room_id, message }
        } else {
            Event::MessageChanged { room_id, message }
        });
        self.dirty.insert(room);
    }

    pub(super) fn tell_messages(&mut self, room: RoomId, ids: Vec<EventId>) {
        if ids.is_empty() {
            return;
        }
        self.keep_marks(room);
        for id in ids {
            self.tell_message(room, id, false);
        }
    }

    /// Keeps how far one's own messages got.
    fn keep_marks(&mut self, room: RoomId) {
        let Some(timeline) = self.timelines.get(&room) else { return };
        let mut batch = Batch::new();
        Records::put_marks(&mut batch, room.conversation(), timeline.marks());
        self.persistence.write(batch);
    }

    // Rooms.

    /// A room as fronts see it.
    pub(crate) fn room(&self, room: RoomId) -> Option<Room> {
        let roster = self.replica.roster(room)?;
        let timeline = self.timelines.get(&room)?;
        let role = roster.role(self.account.id)?;
        let kind = match roster.kind() {
            WireKind::Chat => RoomKind::Chat,
            WireKind::Direct => RoomKind::Direct,
            WireKind::Feed | WireKind::Own => return None,
        };
        let peer = match kind {
            RoomKind::Direct => roster.members().map(|member| member.account).find(|who| *who != self.account.id),
            RoomKind::Chat => None,
        };
        let settings = roster.settings();
        let name = match (kind, peer) {
            (RoomKind::Direct, Some(peer)) => self.display_name(peer),
            (RoomKind::Direct, None) => self.account.display_name.clone(),
            (RoomKind::Chat, _) => settings.name.clone(),
        };
        Some(Room {
            room_id: room.to_string(),
            name,
            topic: settings.topic.clone(),
            kind,
            visibility: match settings.visibility {
                WireVisibility::Private => Visibility::Private,
                WireVisibility::Public => Visibility::Public,
            },
            role: api_role(role),
            member_count: u32::try_from(roster.members().count()).unwrap_or(u32::MAX),
            peer_user_id: peer.map(|peer| peer.to_string()),
            unread_count: timeline.unread(),
            read_up_to: timeline.read_up_to().map(|mark| mark.event.to_string()),
            last_message: timeline.last().map(|entry: &Entry| timeline.message(entry)),
        })
    }

    /// All rooms that this person is in, those with the newest messages first.
    pub(crate) fn rooms(&self) -> Vec<Room> {
        let mut rooms: Vec<Room> = self.timelines.keys().filter_map(|room| self.room(*room)).collect();
        let newest = |room: &Room| room.last_message.as_ref().map_or(0, |message| message.sent_at);
        rooms.sort_by(|one, other| newest(other).cmp(&newest(one)).then_with(|| one.name.cmp(&other.name)));
        rooms
    }

    pub(crate) fn member(&self, account: AccountId, role: momoland_protocol::roster::Role) -> Member {
        let shown = self.shown_presence(account);
        Member {
            user_id: account.to_string(),
            handle: self.handle(account),
            display_name: self.display_name(account),
            role: api_role(role),
            status: shown.status,
            last_seen: shown.last_seen.map(|at| at.0),
        }
    }

    pub(crate) fn user_presence(&self, account: AccountId) -> UserPresence {
        let shown = self.shown_presence(account);
        UserPresence {
            user_id: account.to_string(),
            handle: self.handle(account),
            display_name: self.display_name(account),
            status: shown.status,
            text: shown.text,
            last_seen: shown.last_seen.map(|at| at.0),
        }
    }

    /// One's own presence is what one set, as soon as the engine is meant to be online.
    pub(crate) fn shown_presence(&self, account: AccountId) -> crate::ephemeral::presence::Shown {
        let mut shown = self.presence.of(account);
        if account == self.account.id && self.server.is_some() {
            let (away, text) = &self.own_presence;
            shown.status =
                if *away { crate::api::types::PresenceStatus::Away } else { crate::api::types::PresenceStatus::Online };
            shown.text = Some(text.clone()).filter(|text| !text.is_empty());
            shown.last_seen = None;
        }
        shown
    }

    pub(crate) fn roster(&self, room: RoomId) -> Option<&Roster> {
        self.replica.roster(room)
    }

    /// Everybody who shares a room with this person, this person included.
    pub(crate) fn acquaintances(&self) -> BTreeSet<AccountId> {
        let mut accounts: BTreeSet<AccountId> =
            self.replica.rooms().flat_map(|(_, roster)| roster.members().map(|member| member.account)).collect();
        accounts.insert(self.account.id);
        accounts
    }

    pub(crate) fn display_name(&self, account: AccountId) -> String {
        if account == self.account.id {
            return self.account.display_name.clone();
        }
        match self.profiles.get(&account) {
            Some(profile) if !profile.display_name.is_empty() => profile.display_name.clone(),
            Some(_) | None => self.handle(account),
        }
    }

    pub(crate) fn handle(&self, account: AccountId) -> String {
        if account == self.account.id {
            return self.account.handle.clone();
        }
        if let Some(profile) = self.profiles.get(&account) {
            return profile.handle.clone();
        }
        let handle = self.replica.rooms().find_map(|(_, roster)| roster.handle(account).map(str::to_owned));
        handle.unwrap_or_else(|| account.to_string().chars().take(8).collect())
    }

    /// Signs a change that follows the roster held here.
    pub(crate) fn sign_change(&self, room: RoomId, op: RosterOp) -> Result<Signed<RosterChange>, ApiError> {
        let roster = self.replica.roster(room).ok_or_else(no_such_room)?;
        let cuts = match &op {
            RosterOp::Remove { account, ban: _ } => self.replica.cuts_for(room, *account),
            RosterOp::SetRole { account, role } if roster.role(*account).is_some_and(|held| *role < held) => {
                self.replica.cuts_for(room, *account)
            }
            RosterOp::Leave => self.replica.cuts_for(room, self.account.id),
            RosterOp::RevokeDevice { device } => {
                let mut cuts = self.replica.cuts_for(room, self.account.id);
                cuts.retain(|cut| cut.chain.device == *device);
                cuts
            }
            RosterOp::Create { .. }
            | RosterOp::Join { .. }
            | RosterOp::AddDevice { .. }
            | RosterOp::SetRole { .. }
            | RosterOp::Unban { .. }
            | RosterOp::OpenInvite { .. }
            | RosterOp::CloseInvite { .. }
            | RosterOp::Configure { .. }
            | RosterOp::Repair { .. }
            | RosterOp::ChooseFork { .. } => Vec::new(),
        };
        self.sign_change_after(room, roster.head(), op, cuts)
    }

    /// Signs a change that follows a given one.
    pub(crate) fn sign_change_after(
        &self,
        room: RoomId,
        prev: momoland_protocol::id::RosterHash,
        op: RosterOp,
        cuts: Vec<momoland_protocol::roster::Cut>,
    ) -> Result<Signed<RosterChange>, ApiError> {
        let hlc = Hlc::at(self.now().wall);
        let change = RosterChange { room, prev, device: self.key.device(), hlc, op, cuts };
        Signed::sign(change, &self.key).map_err(|error| {
            ApiError::invalid(format!("{error}. A room's name has at most 64 characters, its topic 256, in one line."))
        })
    }

    /// Takes changes that the server answered with.
    pub(crate) fn take_changes(&mut self, changes: Vec<momoland_protocol::roster::CountersignedChange>) {
        let now = self.now();
        self.replica.handle_input(now, Input::Roster(changes));
        self.drain();
    }

    /// Forgets a room that one is no member of any more.
    pub(crate) fn forget_room(&mut self, room: RoomId) {
        if self.replica.roster(room).is_some() {
            self.command(Command::Forget { room }, Waiting::Nobody);
        }
    }

    // Typing.

    pub(crate) fn set_typing(&mut self, room: RoomId, typing: bool) -> Result<(), ApiError> {
        self.require_member(room)?;
        let now = self.mono_ms();
        if self.typing.own(room, typing, now) {
            self.send_ephemeral(Ephemeral { room, signal: EphemeralSignal::Typing { typing } });
        }
        Ok(())
    }

    /// An ephemeral came, from a proven device.
    pub(super) fn ephemeral(&mut self, device: DeviceId, account: AccountId, ephemeral: Ephemeral) {
        let Ephemeral { room, signal } = ephemeral;
        let in_room = |roster: &Roster| roster.role_of_device(device).is_some_and(|(owner, _)| owner == account);
        if !self.replica.roster(room).is_some_and(in_room) || account == self.account.id {
            return;
        }
        match signal {
            EphemeralSignal::Typing { typing } => {
                let now = self.mono_ms();
                if self.typing.other(room, account, device, typing, now) {
                    self.tell_typing(room, account, typing);
                }
            }
            EphemeralSignal::Other { .. } => {}
        }
    }

    pub(super) fn tell_typing(&self, room: RoomId, account: AccountId, typing: bool) {
        self.tell(Event::TypingChanged { room_id: room.to_string(), user_id: account.to_string(), typing });
    }

    pub(super) fn tell_presence(&mut self, accounts: Vec<AccountId>) {
        for account in accounts {
            let shown = self.shown_presence(account);
            self.tell(Event::PresenceChanged {
                user_id: account.to_string(),
                status: shown.status,
                text: shown.text,
                last_seen: shown.last_seen.map(|at| at.0),
            });
        }
    }

    /// The way to a device now.
    pub(super) fn path_to(&self, device: DeviceId) -> Option<ApiPath> {
        let linked = self.peers.values().find(|peer| peer.device == device && peer.link.is_some());
        match linked {
            Some(peer) => Some(peer.api_path()),
            None if self.server_link.is_some() => Some(ApiPath::Relay),
            None => None,
        }
    }
}

impl std::fmt::Debug for Home {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Home").field("account", &self.account.id).finish_non_exhaustive()
    }
}

impl MarkState {
    /// When what waits may be written; `None` where nothing waits.
    fn due_at(&self) -> Option<Instant> {
        (self.read.is_some() || !self.grown.is_empty()).then_some(self.not_before)
    }
}

/// The other accounts that belonged at a version.
pub(super) fn others_at(roster: &Roster, version: u64, own: AccountId) -> BTreeSet<AccountId> {
    roster.members_at(version).filter(|account| *account != own).collect()
}

pub(crate) fn api_role(role: momoland_protocol::roster::Role) -> Role {
    use momoland_protocol::roster::Role as Wire;
    match role {
        Wire::Reader => Role::Reader,
        Wire::Member => Role::Member,
        Wire::Moderator => Role::Moderator,
        Wire::Owner => Role::Owner,
    }
}

pub(crate) fn no_such_room() -> ApiError {
    ApiError::not_found("There is no such room here, or you are not in it.")
}

pub(crate) fn no_such_message() -> ApiError {
    ApiError::not_found("There is no such message in this room.")
}

/// What a refused command means to a person.
pub(crate) fn refused(refusal: CommandRefusal) -> ApiError {
    match refusal {
        CommandRefusal::UnknownRoom => no_such_room(),
        CommandRefusal::NotAllowed(_) => {
            ApiError::new(ErrorKind::Forbidden, "Your role in this room does not allow it. Ask one of its owners.")
        }
        CommandRefusal::OutOfBounds(what) => ApiError::invalid(format!("It is out of bounds: {what}.")),
        CommandRefusal::Halted => ApiError::new(
            ErrorKind::Internal,
            "The disk takes nothing any more, so nothing was sent. Make room on it, then start Momoland again.",
        ),
    }
}
