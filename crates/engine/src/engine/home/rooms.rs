//! Rooms and people as fronts see them, and the changes that this device signs.

use std::collections::BTreeSet;

use momoland_protocol::clock::Hlc;
use momoland_protocol::id::{AccountId, DeviceId, RoomId, RosterHash};
use momoland_protocol::roster::{
    CountersignedChange, Cut, Role as WireRole, RoomKind as WireKind, RosterChange, RosterOp,
    Visibility as WireVisibility,
};
use momoland_protocol::signed::Signed;
use momoland_replica::input::{Command, Input};
use momoland_replica::roster::longest_cuts;

use super::{Home, OwnPresence, Waiting, no_such_room};
use crate::api::error::ApiError;
use crate::api::types::{Member, PresenceStatus, Role, Room, RoomKind, UserPresence, Visibility};
use crate::ephemeral::presence::{self, Shown};

impl Home {
    /// A room as fronts see it.
    pub(crate) fn room(&self, room: RoomId) -> Option<Room> {
        let roster = self.replica.roster(room)?;
        let timeline = self.timelines.get(&room)?;
        // Not before this device itself can read and write there.
        let (_, role) = roster.role_of_device(self.key.device())?;
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
        let unread = timeline.unread();
        let preferences = self.preferences.get(&room).copied().unwrap_or_default();
        let draft = self.draft(room);
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
            unread_count: unread.messages,
            mentions_count: unread.mentions,
            notify: preferences.notify,
            favourite: preferences.favourite,
            draft: draft.map(|draft| draft.text.clone()),
            draft_reply_to: draft.and_then(|draft| draft.reply_to.clone()),
            read_up_to: timeline.last_read(),
            last_message: timeline.last().and_then(|entry| self.message(room, timeline, &entry)),
        })
    }

    /// All rooms that this person is in, those with the newest messages first.
    pub(crate) fn rooms(&self) -> Vec<Room> {
        let mut rooms: Vec<Room> = self.timelines.keys().filter_map(|room| self.room(*room)).collect();
        let newest = |room: &Room| room.last_message.as_ref().map_or(0, |message| message.sent_at);
        rooms.sort_by(|one, other| newest(other).cmp(&newest(one)).then_with(|| one.name.cmp(&other.name)));
        rooms
    }

    pub(crate) fn member(&self, account: AccountId, role: WireRole) -> Member {
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
    pub(crate) fn shown_presence(&self, account: AccountId) -> Shown {
        let mut shown = self.presence.of(account);
        if account == self.account.id && self.server.is_some() {
            let OwnPresence { chosen, idle } = &self.own_presence;
            // Somebody may sit at another device.
            let elsewhere = self.server_link.is_some() && shown.status == PresenceStatus::Online;
            shown.status = presence::appearance(chosen.availability, *idle && !elsewhere);
            shown.text = Some(chosen.text.clone()).filter(|text| !text.is_empty());
            shown.last_seen = None;
        }
        shown
    }

    /// Everybody who shares a room with this person, this person included. In a feed people do not meet.
    pub(crate) fn acquaintances(&self) -> BTreeSet<AccountId> {
        let rooms = self.replica.rooms().filter(|(_, roster)| roster.kind() != WireKind::Feed);
        let mut accounts: BTreeSet<AccountId> =
            rooms.flat_map(|(_, roster)| roster.members().map(|member| member.account)).collect();
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
            | RosterOp::Repair { .. } => Vec::new(),
            RosterOp::Configure { .. } | RosterOp::ListAuthor { .. } => {
                self.replica.post_cuts_for(room, &roster.unlists(&op))
            }
        };
        self.sign_change_after(room, roster.head(), op, longest_cuts(cuts))
    }

    /// Signs a change that follows a given one.
    pub(crate) fn sign_change_after(
        &self,
        room: RoomId,
        prev: RosterHash,
        op: RosterOp,
        cuts: Vec<Cut>,
    ) -> Result<Signed<RosterChange>, ApiError> {
        let hlc = Hlc::at(self.now().wall);
        let change = RosterChange { room, prev, device: self.key.device(), hlc, op, cuts };
        Signed::sign(change, &self.key).map_err(|error| {
            ApiError::invalid(format!("{error}. A room's name has at most 64 characters, its topic 256, in one line."))
        })
    }

    /// Takes changes that the server answered with.
    pub(crate) fn take_changes(&mut self, changes: Vec<CountersignedChange>) {
        let now = self.now();
        self.replica.handle_input(now, Input::Roster(changes));
        self.drain();
    }

    /// All rooms that a device of this person's is in: those that people see, feeds, and the own room.
    pub(crate) fn rooms_with(&self, device: DeviceId) -> Vec<RoomId> {
        let rooms = self.replica.rooms().filter(|(_, roster)| roster.role_of_device(device).is_some());
        rooms.map(|(room, _)| room).collect()
    }

    /// Whether it is the room in which this person's devices keep what they chose, which nobody sees.
    pub(crate) fn is_own_room(&self, room: RoomId) -> bool {
        self.own_room.is(room)
    }

    /// Forgets a room that one is no member of any more.
    pub(crate) fn forget_room(&mut self, room: RoomId) {
        if self.replica.roster(room).is_some() {
            self.command(Command::Forget { room }, Waiting::Nobody);
        }
    }
}

pub(crate) fn api_role(role: WireRole) -> Role {
    match role {
        WireRole::Reader => Role::Reader,
        WireRole::Member => Role::Member,
        WireRole::Moderator => Role::Moderator,
        WireRole::Owner => Role::Owner,
    }
}
