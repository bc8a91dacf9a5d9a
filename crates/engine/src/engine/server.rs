//! Dealings with the server: its link, its frames, and requests to it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use momoland_protocol::clock::UnixMillis;
use momoland_protocol::ephemeral::Ephemeral;
use momoland_protocol::id::{AccountId, DeviceId, RoomId, RosterHash, ServerKey};
use momoland_protocol::limits;
use momoland_protocol::roster::{
    CountersignedChange, Founder, Genesis, History, Posting, Role as WireRole, RosterOp, Settings, Visibility,
};
use momoland_protocol::server::{
    Availability, ChosenStatus, ClientFrame, Profile, Refusal, RefusalKind, Request as WireRequest, Response,
    ServerFrame, Welcome,
};
use momoland_replica::input::{Input, LinkId, Remote};
use momoland_store::kv::Batch;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::account::address::ServerAddress;
use crate::account::http::Tokens;
use crate::account::record::{ProfileRecord, Records, StoredTokens};
use crate::api::error::{ApiError, ErrorKind};
use crate::api::events::Event;
use crate::api::types::{NetStatus, ServerState};
use crate::engine::home::{Home, OwnPresence};
use crate::link::Signal;
use crate::link::server::{ServerEvent, ServerLink, ServerLinkConfig};

/// A request without an answer fails after this (C30: within 15 s).
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Requests that may be open at once. More are refused: something is wrong.
const REQUESTS_OPEN_MAX: usize = 256;

/// Bytes of events that may wait for one link.
pub(super) const LINK_CREDIT: usize = 256 * 1024;

/// Why a request to the server brought nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RequestFailure {
    /// No connection, or no answer in time. Whether the server did it is not known.
    #[error("the server cannot be reached")]
    Offline,
    /// The server said no.
    #[error("{}", .0.sentence)]
    Refused(Refusal),
    /// The answer does not fit the request.
    #[error("the server's answer does not fit")]
    Unexpected,
}

impl From<RequestFailure> for ApiError {
    fn from(failure: RequestFailure) -> Self {
        match failure {
            RequestFailure::Offline => Self::new(
                ErrorKind::Offline,
                "This needs the server, and it cannot be reached now. Nothing was lost; try again when you are connected.",
            ),
            RequestFailure::Refused(Refusal { kind, sentence, retry_after_ms }) => {
                let kind = match kind {
                    RefusalKind::Forbidden => ErrorKind::Forbidden,
                    RefusalKind::NotFound => ErrorKind::NotFound,
                    RefusalKind::Invalid => ErrorKind::Invalid,
                    RefusalKind::Stale | RefusalKind::Conflict => ErrorKind::Conflict,
                    RefusalKind::RateLimited => ErrorKind::RateLimited,
                    RefusalKind::Unavailable => ErrorKind::Offline,
                };
                let mut error = Self::new(kind, sentence);
                error.retry_after_ms = retry_after_ms;
                error
            }
            RequestFailure::Unexpected => {
                Self::new(ErrorKind::Internal, "The server answered something that this version does not understand.")
            }
        }
    }
}

/// A request that waits for its answer.
#[derive(Debug)]
pub(crate) struct Request {
    pub(super) deadline: Instant,
    answer: Answer,
}

#[derive(Debug)]
pub(super) enum Answer {
    Caller(oneshot::Sender<Result<Response, RequestFailure>>),
    /// Our own device was submitted to a room's roster.
    OwnDevice {
        room: RoomId,
        /// The change that it was to follow.
        after: RosterHash,
    },
    /// The repair of a room's roster was submitted.
    Repair {
        room: RoomId,
    },
    /// A room of which every device knows the id was made: the server's public feed, or the account's own room.
    Founding {
        room: RoomId,
    },
}

impl Home {
    /// Starts to connect, and to link with peers.
    pub(super) fn connect(&mut self) {
        if self.server.is_some() {
            return;
        }
        let StoredTokens { access, access_expires_at, refresh } = self.account.tokens.clone();
        let config = ServerLinkConfig {
            address: self.account.server.clone(),
            server_key: self.account.server_key,
            key: Arc::clone(&self.key),
            access_token: access,
            access_expires_at,
            refresh_token: refresh,
        };
        let number = self.number();
        let link = ServerLink::start(number, config, Arc::clone(&self.traffic), self.channels.server.clone());
        self.server = Some(link);
        self.set_server_state(ServerState::Connecting, None);
        self.start_peers();
        self.tell_presence(vec![self.account.id]);
    }

    /// Closes all links; nothing is tried until [`Self::connect`].
    pub(crate) fn disconnect(&mut self) {
        if let Some(server) = self.server.take() {
            tokio::spawn(server.stop());
        }
        self.server_down();
        self.stop_peers();
        self.set_server_state(ServerState::Offline, None);
        self.tell_presence(vec![self.account.id]);
    }

    /// The server, and the key that it showed at first.
    pub(crate) fn home_server(&self) -> (ServerAddress, ServerKey) {
        (self.account.server.clone(), self.account.server_key)
    }

    /// Goes online or offline as the person wants.
    pub(crate) fn set_online(&mut self, online: bool) {
        if online { self.connect() } else { self.disconnect() }
    }

    /// Gives up the connection and begins a new one.
    pub(super) fn restart_server(&mut self, problem: &str) {
        if let Some(server) = self.server.take() {
            tokio::spawn(server.stop());
            self.server_down();
            self.connect();
            self.set_server_state(ServerState::Connecting, Some(problem.to_owned()));
        }
    }

    fn set_server_state(&mut self, state: ServerState, problem: Option<String>) {
        if self.server_state != state || self.problem != problem {
            self.server_state = state;
            self.problem = problem;
            self.net_dirty = true;
        }
    }

    /// The link of a number says something.
    pub(super) fn server_event(&mut self, link: u64, event: ServerEvent) {
        if let ServerEvent::Tokens(tokens) = &event {
            self.take_tokens(link, tokens);
            return;
        }
        // What a link that was stopped still has to say is not about the present one.
        if self.server.as_ref().is_none_or(|server| server.number != link) {
            return;
        }
        match event {
            ServerEvent::Connecting => {
                if self.server.is_some() && self.server_state != ServerState::Online {
                    let problem = self.problem.take();
                    self.set_server_state(ServerState::Connecting, problem);
                }
            }
            ServerEvent::Online(welcome) => self.welcomed(*welcome),
            ServerEvent::Frame(frame) => self.server_frame(*frame),
            ServerEvent::Written { credit } => {
                if let Some(link) = self.server_link
                    && credit > 0
                {
                    let now = self.now();
                    self.replica.handle_input(now, Input::Credit { link, bytes: credit });
                    self.drain();
                }
            }
            ServerEvent::Tokens(_) => {}
            ServerEvent::Offline { problem } => {
                self.server_down();
                // After the first failure it is honest to say so; the link goes on trying.
                self.set_server_state(ServerState::Offline, problem);
            }
            ServerEvent::SignedOut { sentence } => {
                self.server = None;
                self.server_down();
                self.set_server_state(ServerState::Offline, Some(sentence));
            }
        }
    }

    /// A link renewed the tokens.
    pub(super) fn take_tokens(&mut self, link: u64, tokens: &Tokens) {
        if link >= self.tokens_since {
            self.keep_tokens(tokens);
        }
    }

    /// A call over HTTP renewed the tokens: the link has to know, or it would use what counts as stolen now.
    pub(crate) fn renewed(&mut self, tokens: &Tokens) {
        self.keep_tokens(tokens);
        if let Some(server) = &self.server {
            server.renew(self.account.tokens.clone());
        }
    }

    pub(crate) fn keep_tokens(&mut self, tokens: &Tokens) {
        let now = UnixMillis::now().0;
        self.account.tokens = StoredTokens {
            access: tokens.access.clone(),
            access_expires_at: now.saturating_add(tokens.access_expires_in.saturating_mul(1_000)),
            refresh: tokens.refresh.clone(),
        };
        self.keep_account();
    }

    pub(super) fn keep_account(&mut self) {
        if let Err(error) = self.records.set_account(&self.account) {
            tracing::error!(%error, "the account's record could not be written");
            if error.halts() {
                self.disk_failed();
            }
        }
    }

    fn welcomed(&mut self, welcome: Welcome) {
        if welcome.account != self.account.id || welcome.certificate.get().device != self.key.device() {
            self.restart_server("The server took this device for another.");
            return;
        }
        let local = UnixMillis::now().0;
        self.account.clock_offset_ms = i64::try_from(i128::from(welcome.time.0) - i128::from(local)).unwrap_or(0);
        self.account.certificate = welcome.certificate;
        let before = (self.account.admin, std::mem::take(&mut self.account.display_name));
        self.account.admin = welcome.admin;
        self.account.display_name = welcome.profile.display_name;
        if before != (self.account.admin, self.account.display_name.clone()) {
            self.tell(Event::AccountChanged {});
        }
        self.keep_account();
        self.set_server_state(ServerState::Online, None);
        if self.server_link.is_some() {
            self.server_down();
        }
        let link = LinkId(self.number());
        self.server_link = Some(link);
        self.say_own_presence();
        let now = self.now();
        self.replica.handle_input(now, Input::LinkUp { link, remote: Remote::Relay });
        self.found_public_feed();
        self.found_own_room();
        self.replica.handle_input(now, Input::Credit { link, bytes: LINK_CREDIT });
        self.drain();
        self.add_own_device_everywhere();
        self.dialer.handle_network_change(self.started.elapsed());
        self.dial_dirty = true;
    }

    /// The connection is gone: requests fail, presence falls back to what peers show.
    pub(super) fn server_down(&mut self) {
        if let Some(link) = self.server_link.take() {
            let now = self.now();
            self.replica.handle_input(now, Input::LinkDown { link });
            self.drain();
            let changed = self.presence.server_lost(now.wall);
            self.tell_presence(changed);
            self.dial_dirty = true;
            self.tell_heard();
        }
        self.adding_device.clear();
        for (_, request) in std::mem::take(&mut self.requests) {
            request.settle(Err(RequestFailure::Offline));
        }
        self.net_dirty = true;
    }

    fn server_frame(&mut self, frame: ServerFrame) {
        match frame {
            ServerFrame::Response { id, response } => self.answered(id, response),
            ServerFrame::Replication(frame) => {
                if let Some(link) = self.server_link {
                    let now = self.now();
                    self.replica.handle_input(now, Input::Frame { link, frame });
                    self.drain();
                }
            }
            ServerFrame::Ephemeral { device, account, ephemeral } => self.ephemeral(device, account, ephemeral),
            ServerFrame::Introduced { from, signal } => self.introduced(from, &signal),
            ServerFrame::Presence { accounts } => {
                let changed = self.presence.told_by_server(accounts);
                self.tell_presence(changed);
                self.follow_chosen_status();
                self.dial_dirty = true;
                self.net_dirty = true;
            }
            ServerFrame::Online { count } => {
                if self.presence.online_count != count {
                    self.presence.online_count = count;
                    self.net_dirty = true;
                }
            }
            ServerFrame::Profiles { profiles } => self.take_profiles(profiles),
            ServerFrame::Notices { notices } => self.take_notices(notices),
            ServerFrame::Turn(access) => self.take_turn_access(access),
            ServerFrame::Removed { change } => {
                let room = change.change.get().room;
                let genuine = self.is_own_removal(&change);
                if genuine {
                    self.note_standing(room, std::slice::from_ref(&change));
                }
                self.take_changes(vec![change]);
                if genuine {
                    // It may not follow what is held here: the roster between was not for us any more.
                    self.forget_room(room);
                }
            }
            // The link deals with these itself.
            ServerFrame::Hello(_) | ServerFrame::Welcome(_) | ServerFrame::Goodbye(_) => {}
        }
    }

    /// Whether a change ends this person's membership, as somebody decided who may: the server alone cannot take a
    /// room from a device.
    fn is_own_removal(&self, change: &CountersignedChange) -> bool {
        let it = change.change.get();
        let Some(roster) = self.replica.roster(it.room) else { return false };
        let own = self.account.id;
        let decided = match &it.op {
            RosterOp::Remove { account, ban: _ } => {
                *account == own && roster.role_of_device(it.device).is_some_and(|(_, role)| role >= WireRole::Moderator)
            }
            RosterOp::Leave => roster.account_of(it.device) == Some(own),
            RosterOp::RevokeDevice { device } => {
                *device == self.key.device() && roster.account_of(it.device) == Some(own)
            }
            _ => false,
        };
        decided
            && change.change.verify(&it.device).is_ok()
            && change.countersignature.verify(&self.account.server_key).is_ok()
    }

    pub(super) fn introduced(&mut self, from: DeviceId, signal: &[u8]) {
        match Signal::decode(signal) {
            Ok(signal) => self.signalled(from, signal),
            Err(error) => tracing::warn!(?from, %error, "an introduction was malformed"),
        }
    }

    pub(crate) fn take_profiles(&mut self, profiles: Vec<Profile>) {
        let mut batch = Batch::new();
        for Profile { account, handle, display_name } in profiles {
            if account == self.account.id {
                continue;
            }
            let profile = ProfileRecord { handle, display_name };
            if self.profiles.get(&account) == Some(&profile) {
                continue;
            }
            Records::put_profile(&mut batch, account, &profile);
            self.profiles.insert(account, profile);
            let knows = |roster: &momoland_replica::roster::Roster| roster.role(account).is_some();
            let rooms: Vec<RoomId> =
                self.replica.rooms().filter(|(_, roster)| knows(roster)).map(|(room, _)| room).collect();
            self.dirty.extend(rooms);
            self.tell_presence(vec![account]);
        }
        if !batch.is_empty() {
            self.persistence.write(batch);
        }
    }

    /// Sends a frame; where it cannot be taken, what is durable is compared anew on the next connection.
    pub(super) fn send_to_server(&mut self, frame: &ClientFrame, credit: usize) {
        let Some(server) = &self.server else { return };
        if !server.send(frame, credit) && self.server_link.is_some() {
            tracing::warn!("too much waits for the server");
            self.restart_server("The connection to the server stalled.");
        }
    }

    /// Asks the server; the answer, or `Offline`, comes within [`REQUEST_TIMEOUT`].
    pub(crate) fn request(&mut self, request: WireRequest) -> oneshot::Receiver<Result<Response, RequestFailure>> {
        let (answer, answered) = oneshot::channel();
        self.send_request(request, Answer::Caller(answer));
        answered
    }

    pub(super) fn send_request(&mut self, request: WireRequest, answer: Answer) {
        let id = u32::try_from(self.number() & u64::from(u32::MAX)).unwrap_or_default();
        let request_state = Request { deadline: Instant::now() + REQUEST_TIMEOUT, answer };
        if self.server_link.is_none() || self.requests.len() >= REQUESTS_OPEN_MAX {
            if let Answer::OwnDevice { room, after: _ } = &request_state.answer {
                self.adding_device.remove(room);
            }
            request_state.settle(Err(RequestFailure::Offline));
            return;
        }
        self.requests.insert(id, request_state);
        self.send_to_server(&ClientFrame::Request { id, request }, 0);
    }

    fn answered(&mut self, id: u32, response: Response) {
        let Some(request) = self.requests.remove(&id) else { return };
        let response = match response {
            Response::Refused(refusal) => Err(RequestFailure::Refused(refusal)),
            response => Ok(response),
        };
        match request.answer {
            Answer::Caller(answer) => {
                // The caller may have gone.
                let _ = answer.send(response);
            }
            Answer::OwnDevice { room, after } => {
                self.adding_device.remove(&room);
                match response {
                    Ok(Response::Accepted { change }) => self.take_changes(vec![change]),
                    Ok(_) => {}
                    Err(failure) => {
                        tracing::debug!(%room, %failure, "this device could not be added to a room");
                        // What made it stale may have come before the refusal; else it brings another try when it comes.
                        if self.replica.roster(room).is_some_and(|roster| roster.head() != after) {
                            self.add_own_device(room);
                        }
                    }
                }
            }
            Answer::Repair { room } => match response {
                Ok(Response::Accepted { change }) => self.take_changes(vec![change]),
                Ok(_) => {}
                // Tried again later, unless somebody else does it meanwhile.
                Err(failure) => tracing::debug!(%room, %failure, "a room's roster could not be repaired yet"),
            },
            Answer::Founding { room } => match response {
                Ok(Response::Accepted { change }) => self.take_changes(vec![change]),
                Ok(_) => {}
                // Somebody else was faster, and it comes from there; or the server is asked again at the next connection.
                Err(failure) => tracing::debug!(%room, %failure, "a room was not made"),
            },
        }
        if self.requests.len() + 1 == REQUESTS_OPEN_MAX {
            // There is room for a device that found none.
            self.add_own_device_everywhere();
        }
    }

    fn add_own_device_everywhere(&mut self) {
        let rooms: Vec<RoomId> = self.replica.rooms().map(|(room, _)| room).collect();
        for room in rooms {
            self.plan_repair(room);
            self.add_own_device(room);
        }
    }

    pub(super) fn expire_requests(&mut self) {
        let now = Instant::now();
        let (expired, open): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut self.requests).into_iter().partition(|(_, request)| request.deadline <= now);
        self.requests = open;
        for (_, request) in expired {
            if let Answer::OwnDevice { room, after: _ } = &request.answer {
                self.adding_device.remove(room);
            }
            request.settle(Err(RequestFailure::Offline));
        }
    }

    /// Adds this device to a room of its account that does not have it yet.
    pub(super) fn add_own_device(&mut self, room: RoomId) {
        let Some(roster) = self.replica.roster(room) else { return };
        let device = self.key.device();
        let missing = roster.role(self.account.id).is_some() && roster.certificate(device).is_none();
        if !missing || self.server_link.is_none() || !self.adding_device.insert(room) {
            return;
        }
        let after = roster.head();
        let op = RosterOp::AddDevice { certificate: self.account.certificate.clone() };
        match self.sign_change(room, op) {
            Ok(change) => self.send_request(WireRequest::SubmitChange { change }, Answer::OwnDevice { room, after }),
            Err(error) => tracing::error!(error = %error.message, "this device could not be added to a room"),
        }
    }

    /// Makes the server's public feed, where this person administers a server that has none.
    fn found_public_feed(&mut self) {
        let server = self.account.server_key;
        let genesis = Genesis::PublicFeed { server };
        let room = genesis.room();
        if !self.account.admin || self.replica.roster(room).is_some() {
            return;
        }
        let settings = Settings {
            name: "Feed".to_owned(),
            topic: String::new(),
            visibility: Visibility::Public,
            history: History::All,
            posting: Posting::Members,
        };
        let certificates = vec![self.account.certificate.clone()];
        let founders = vec![Founder { account: self.account.id, role: WireRole::Owner, certificates }];
        self.found(room, RosterOp::Create { genesis, settings, founders });
    }

    /// Makes this account's own room, unless it is here.
    fn found_own_room(&mut self) {
        if let Some((room, op)) = self.own_room_to_found() {
            self.found(room, op);
        }
    }

    fn found(&mut self, room: RoomId, op: RosterOp) {
        match self.sign_change_after(room, RosterHash::ZERO, op, Vec::new()) {
            Ok(change) => self.send_request(WireRequest::SubmitChange { change }, Answer::Founding { room }),
            Err(error) => tracing::error!(%room, error = %error.message, "a room could not be made"),
        }
    }

    /// Sends an ephemeral to everybody in its room: to linked devices directly, to the others through the server.
    pub(super) fn send_ephemeral(&mut self, ephemeral: Ephemeral) {
        let mut except = self.send_ephemeral_to_peers(&ephemeral);
        except.truncate(limits::PROFILES_PER_FRAME_MAX);
        // Where all who are here were reached, the server has nobody to pass it to.
        if self.server_link.is_some() && !self.reaches_all(ephemeral.room, &except) {
            self.send_to_server(&ClientFrame::Ephemeral { ephemeral, except }, 0);
        }
    }

    /// How this person wants to appear from now on, on all devices. Without a text the one that is there stays.
    pub(crate) fn choose_status(&mut self, availability: Availability, text: Option<String>) {
        let held = &self.own_presence.chosen;
        // After the last one, whatever the clock says.
        let at = self.now().wall.max(UnixMillis(held.at.0.saturating_add(1)));
        let text = text.unwrap_or_else(|| held.text.clone());
        self.take_chosen_status(ChosenStatus { availability, text, at });
        self.say_own_presence();
    }

    /// Whether nobody sits at this device.
    pub(crate) fn set_idle(&mut self, idle: bool) {
        if self.own_presence.idle != idle {
            self.own_presence.idle = idle;
            self.say_own_presence();
            self.tell_presence(vec![self.account.id]);
        }
    }

    fn take_chosen_status(&mut self, chosen: ChosenStatus) {
        let mut batch = Batch::new();
        Records::put_chosen_status(&mut batch, &chosen);
        self.persistence.write(batch);
        self.own_presence.chosen = chosen;
        self.tell_presence(vec![self.account.id]);
    }

    /// The server knows what another device of this person chose later.
    fn follow_chosen_status(&mut self) {
        let known = self.presence.chosen(self.account.id);
        if let Some(chosen) = known.filter(|chosen| chosen.at > self.own_presence.chosen.at).cloned() {
            self.take_chosen_status(chosen);
        }
    }

    fn say_own_presence(&mut self) {
        let OwnPresence { chosen, idle } = self.own_presence.clone();
        self.send_to_server_if_online(&ClientFrame::Presence { idle, chosen });
    }

    pub(super) fn send_to_server_if_online(&mut self, frame: &ClientFrame) {
        if self.server_link.is_some() {
            self.send_to_server(frame, 0);
        }
    }

    pub(crate) fn set_display_name(&mut self, display_name: String) {
        self.account.display_name = display_name;
        self.keep_account();
        self.tell(Event::AccountChanged {});
        let rooms: Vec<RoomId> = self.timelines.keys().copied().collect();
        self.dirty.extend(rooms);
    }

    pub(crate) fn net_status(&self) -> NetStatus {
        NetStatus {
            server: self.server_state,
            problem: self.disk_problem.clone().or_else(|| self.problem.clone()),
            peers: self.peer_statuses(),
            online_count: self.presence.online_count,
            server_bytes_in: self.traffic.received.load(Ordering::Relaxed),
            server_bytes_out: self.traffic.sent.load(Ordering::Relaxed),
        }
    }

    /// The account that a device belongs to by any roster held here.
    pub(super) fn account_of(&self, device: DeviceId) -> Option<AccountId> {
        let current = |roster: &momoland_replica::roster::Roster| roster.role_of_device(device).map(|(owner, _)| owner);
        self.replica.rooms().find_map(|(_, roster)| current(roster))
    }
}

impl Request {
    fn settle(self, outcome: Result<Response, RequestFailure>) {
        match self.answer {
            Answer::Caller(answer) => {
                // The caller may have gone.
                let _ = answer.send(outcome);
            }
            Answer::OwnDevice { .. } | Answer::Repair { .. } | Answer::Founding { .. } => {}
        }
    }
}
