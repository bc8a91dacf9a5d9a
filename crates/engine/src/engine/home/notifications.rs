//! What concerns this person, wherever it happened: for the inbox, for toasts, and for what the desktop pops up.
//!
//! A notification about a message is not kept but found in its timeline (`concerns`), so it follows what becomes of the
//! message and how far the room was read, on whichever device. What no message stands for is noted on this device's disk;
//! what was put away of either is the same on all of a person's devices (`own_room`).
//! What fronts were told last is compared with what is so at the end of each turn, and they are told the difference.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use momoland_protocol::cbor;
use momoland_protocol::clock::Hlc;
use momoland_protocol::id::{EventId, RoomId};
use momoland_protocol::register::{PutAway, RegisterName};
use momoland_protocol::roster::{CountersignedChange, Role, RoomKind, RosterOp};
use momoland_protocol::server::Availability;
use momoland_replica::roster::Roster;
use momoland_store::kv::{Batch, StoreError};
use tokio::sync::oneshot;

use super::Home;
use crate::account::record::{Choice, Noted, Records};
use crate::api::error::ApiError;
use crate::api::events::Event;
use crate::api::types::{Notification, NotificationKind, NotificationLevel, NotificationState, Notifications};
use crate::projection::timeline::concerns::{Concern, Wanted};
use crate::projection::timeline::{Entry, Timeline};

/// Notes that no message stands for; the oldest beyond are dropped.
const NOTED_MAX: usize = 500;

/// What was put away of them.
const OF_NOTES: Choice = Choice::of_nothing(RegisterName::PUT_AWAY);

/// Characters of a message that a notification shows.
pub(super) const BODY_CHARS_MAX: usize = 400;

/// Where a list of notifications, or of activities, goes on: behind the one of this time and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cursor {
    hlc: u64,
    id: String,
}

impl Cursor {
    pub(super) fn new(hlc: Hlc, id: String) -> Self {
        Self { hlc: hlc.0, id }
    }

    pub(super) fn is_at(&self, hlc: Hlc) -> bool {
        self.hlc == hlc.0
    }
}

impl FromStr for Cursor {
    type Err = ApiError;

    fn from_str(text: &str) -> Result<Self, ApiError> {
        let parsed =
            text.split_once('-').and_then(|(hlc, id)| Some(Self { hlc: hlc.parse().ok()?, id: id.to_owned() }));
        parsed.ok_or_else(|| ApiError::invalid("A list goes on where `next` of an answer says."))
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.hlc, self.id)
    }
}

/// What a notification is made of.
enum Told<'a> {
    Message(RoomId, &'a Timeline, Entry, Concern),
    Noted(&'a Noted),
}

/// What fronts know of, and what is noted.
#[derive(Debug, Default)]
pub(in crate::engine) struct Inbox {
    noted: BTreeMap<Cursor, Noted>,
    /// What was put away of each room's messages,
    away: BTreeMap<RoomId, PutAway>,
    /// and of what is noted.
    noted_away: PutAway,
    /// The unread notifications about each room's messages, as fronts were told last.
    fresh: BTreeMap<RoomId, BTreeSet<EventId>>,
    /// Messages that came in this turn.
    arrived: Vec<(RoomId, EventId)>,
    /// Notes that were made in this turn.
    made: Vec<Noted>,
    /// Notes that were read in this turn.
    read: Vec<String>,
    /// Notes that went in this turn.
    gone: Vec<String>,
    /// Rooms that are to be looked at although nothing else of them changed.
    stale: BTreeSet<RoomId>,
}

impl Inbox {
    fn unread_count(&self) -> u32 {
        let fresh: usize = self.fresh.values().map(BTreeSet::len).sum();
        let noted = self.noted.values().filter(|noted| !noted.read).count();
        u32::try_from(fresh + noted).unwrap_or(u32::MAX)
    }

    pub(super) fn arrived(&mut self, room: RoomId, message: EventId) {
        self.arrived.push((room, message));
    }

    /// Whoever was put away by its time needs no name any more; what is not here keeps its.
    pub(super) fn leave_out_settled(&self, away: &mut PutAway) {
        let older = self.noted.values().take_while(|noted| Hlc(noted.hlc) <= away.until);
        let older: BTreeSet<EventId> = older.filter_map(Noted::name).collect();
        away.these.retain(|name| !older.contains(name));
    }
}

impl Home {
    /// Takes up what is on the disk, when the account is opened. What is unread by then is listed, not told.
    pub(super) fn open_inbox(&mut self) -> Result<(), StoreError> {
        for noted in self.records.noted()? {
            self.inbox.noted.insert(cursor_of(&noted), noted);
        }
        self.show_own_room();
        self.share_what_was_put_away();
        let rooms: Vec<RoomId> = self.timelines.keys().copied().collect();
        for room in rooms {
            self.inbox.fresh.insert(room, self.fresh(room));
        }
        // It is listed.
        self.inbox.read.clear();
        self.inbox.stale.clear();
        self.dirty.clear();
        Ok(())
    }

    /// Notes and announcements that were put away here before there was an own room, for this person's other devices.
    fn share_what_was_put_away(&mut self) {
        let mut batch = Batch::new();
        if self.own_room.is_unknown(OF_NOTES) && self.inbox.noted.values().any(|noted| noted.read) {
            let away = self.notes_away(|noted| noted.read);
            self.choose(&mut batch, OF_NOTES, cbor::encode(&away));
        }
        self.share_announcements_put_away(&mut batch);
        if !batch.is_empty() {
            self.persistence.write(batch);
        }
    }

    /// What is put away of notes, with `which` of those that are here: by their names, since one that was written earlier may
    /// come later. What does not fit is put away by its time, as far as nothing else is unread or still to come by then.
    fn notes_away(&self, which: impl Fn(&Noted) -> bool) -> PutAway {
        let before = self.own_room.put_away(OF_NOTES);
        let (mut here, mut by_name) = (BTreeSet::new(), Vec::new());
        for noted in self.inbox.noted.values() {
            let Some(name) = noted.name() else { continue };
            here.insert(name);
            if which(noted) || before.these.binary_search(&name).is_ok() {
                by_name.push((which(noted), Hlc(noted.hlc), name));
            }
        }
        by_name.sort_unstable_by(|one, other| other.cmp(one));
        let by_time = by_name.split_off(by_name.len().min(PutAway::THESE_MAX));
        let unread = self.inbox.noted.values().find(|noted| !noted.read && !which(noted)).map(|noted| Hlc(noted.hlc));
        let now = Hlc::at(self.wall());
        let may = |hlc: &Hlc| *hlc <= now && unread.is_none_or(|unread| *hlc < unread);
        let until = by_time.into_iter().map(|(_, hlc, _)| hlc).filter(may).max();
        let elsewhere = before.these.iter().filter(|name| !here.contains(name));
        let these = by_name.iter().map(|(_, _, name)| name).chain(elsewhere).take(PutAway::THESE_MAX);
        let mut these: Vec<EventId> = these.copied().collect();
        these.sort_unstable();
        let mut away = PutAway { until: before.until.max(until.unwrap_or_default()), these };
        self.inbox.leave_out_settled(&mut away);
        away
    }

    /// A page of notifications, the newest first.
    pub(crate) fn notifications(&self, before: Option<Cursor>, limit: usize) -> Notifications {
        let before = before.unwrap_or(Cursor { hlc: u64::MAX, id: String::new() });
        let mut page: Vec<(Cursor, Told<'_>)> = Vec::new();
        for (room, timeline) in &self.timelines {
            let Some(wanted) = self.wanted(*room) else { continue };
            let concerns = timeline.concerns(Hlc(before.hlc), wanted);
            let listed = concerns.map(|(entry, concern)| {
                let cursor = Cursor::new(entry.order.hlc, entry.id.to_string());
                (cursor, Told::Message(*room, timeline, entry, concern))
            });
            page.extend(listed.filter(|(cursor, _)| *cursor < before).take(limit + 1));
        }
        let noted = self.inbox.noted.range(..before).rev().take(limit + 1);
        page.extend(noted.map(|(cursor, noted)| (cursor.clone(), Told::Noted(noted))));
        page.sort_by(|(one, _), (other, _)| other.cmp(one));
        let more = page.len() > limit;
        page.truncate(limit);
        let next = page.last().filter(|_| more).map(|(cursor, _)| cursor.to_string());
        let notifications = page.into_iter().filter_map(|(_, told)| match told {
            Told::Message(room, timeline, entry, concern) => self.about(room, timeline, &entry, concern),
            Told::Noted(noted) => Some(self.api_noted(noted)),
        });
        let notifications = notifications.collect();
        Notifications { notifications, unread_count: self.unread_listed(), next }
    }

    /// Puts one notification away, or all of them, without reading the rooms. Answered with whether that is on the disk.
    pub(crate) fn mark_notified(&mut self, id: Option<&str>) -> Result<oneshot::Receiver<bool>, ApiError> {
        let mut batch = Batch::new();
        let Some(id) = id else {
            let mut chosen = Vec::new();
            for (room, timeline) in &self.timelines {
                if self.inbox.fresh.get(room).is_none_or(BTreeSet::is_empty) {
                    continue;
                }
                let choice = Choice::of_room(RegisterName::PUT_AWAY, *room);
                let mut away = self.own_room.put_away(choice);
                timeline.put_all_away(&mut away);
                chosen.push((choice, away));
            }
            if self.inbox.noted.values().any(|noted| !noted.read) {
                chosen.push((OF_NOTES, self.notes_away(|noted| !noted.read)));
            }
            for (choice, away) in chosen {
                self.choose(&mut batch, choice, cbor::encode(&away));
            }
            return Ok(self.persistence.keep(batch));
        };
        if let Some(noted) = self.inbox.noted.values().find(|noted| noted.id == id) {
            let mut away = self.own_room.put_away(OF_NOTES);
            if let Some(name) = noted.name().filter(|_| !noted.read) {
                self.inbox.leave_out_settled(&mut away);
                away.insert(name);
                self.choose(&mut batch, OF_NOTES, cbor::encode(&away));
            }
            return Ok(self.persistence.keep(batch));
        }
        let gone = || ApiError::not_found("There is no such notification any more.");
        let message: EventId = id.parse().map_err(|_| gone())?;
        let found = self.timelines.iter().find_map(|(room, timeline)| Some((*room, timeline, timeline.get(message)?)));
        let (room, timeline, entry) = found.ok_or_else(gone)?;
        // Whoever was told of a message of a room of which they want every one may put that away as well.
        if self.wanted(room).is_some_and(|wanted| timeline.concern(&entry, wanted).is_some()) {
            let choice = Choice::of_room(RegisterName::PUT_AWAY, room);
            let mut away = self.own_room.put_away(choice);
            timeline.leave_out_settled(&mut away);
            away.insert(message);
            self.choose(&mut batch, choice, cbor::encode(&away));
        }
        Ok(self.persistence.keep(batch))
    }

    pub(super) fn show_put_away(&mut self, room: RoomId) {
        let away = self.own_room.put_away(Choice::of_room(RegisterName::PUT_AWAY, room));
        self.inbox.away.insert(room, away);
        self.inbox.stale.insert(room);
    }

    pub(super) fn show_noted_away(&mut self) {
        let away = self.own_room.put_away(OF_NOTES);
        let mut batch = Batch::new();
        for noted in self.inbox.noted.values_mut().filter(|noted| !noted.read && is_away(&away, noted)) {
            noted.read = true;
            Records::put_noted(&mut batch, noted);
            self.inbox.read.push(noted.id.clone());
        }
        if !batch.is_empty() {
            self.persistence.write(batch);
        }
        self.inbox.noted_away = away;
    }

    /// Notes something that no message stands for: once, whoever says it how often.
    pub(in crate::engine) fn note(&mut self, mut noted: Noted) {
        // Another device may have been told of it first.
        noted.read |= is_away(&self.inbox.noted_away, &noted);
        let cursor = cursor_of(&noted);
        // Nor what would be the first to be dropped: it was told, and dropped, before.
        let full = self.inbox.noted.len() >= NOTED_MAX;
        let too_old = full && self.inbox.noted.first_key_value().is_some_and(|(first, _)| cursor < *first);
        if too_old || self.inbox.noted.contains_key(&cursor) {
            return;
        }
        let mut batch = Batch::new();
        Records::put_noted(&mut batch, &noted);
        self.inbox.made.push(noted.clone());
        self.inbox.noted.insert(cursor, noted);
        while self.inbox.noted.len() > NOTED_MAX {
            let Some((_, oldest)) = self.inbox.noted.pop_first() else { break };
            Records::delete_noted(&mut batch, &oldest);
        }
        self.persistence.write(batch);
    }

    /// What a note was about is gone.
    pub(super) fn note_gone(&mut self, id: &str) {
        let Some(cursor) = self.inbox.noted.values().find(|noted| noted.id == id).map(cursor_of) else { return };
        let Some(noted) = self.inbox.noted.remove(&cursor) else { return };
        let mut batch = Batch::new();
        Records::delete_noted(&mut batch, &noted);
        self.persistence.write(batch);
        self.inbox.made.retain(|made| made.id != id);
        self.inbox.gone.push(noted.id);
    }

    /// Notes what others did to this person's standing in a room, whose roster is held with the changes.
    pub(in crate::engine) fn note_standing(&mut self, room: RoomId, changes: &[CountersignedChange]) {
        let own = self.account.id;
        let since = self.account.certificate.get().issued_at;
        let Some(roster) = self.replica.roster(room) else { return };
        let mut made = Vec::new();
        for change in changes {
            let it = change.change.get();
            let Some(by) = roster.account_of(it.device).filter(|by| *by != own) else { continue };
            // What was before this device was, other devices told.
            if change.countersignature.get().at < since {
                continue;
            }
            let name = self.display_name(by);
            let (body, level) = match &it.op {
                RosterOp::Create { .. } => (format!("{name} opened a conversation with you."), NotificationLevel::Info),
                RosterOp::SetRole { account, role } if *account == own => {
                    let role = match role {
                        Role::Reader => "a reader",
                        Role::Member => "a member",
                        Role::Moderator => "a moderator",
                        Role::Owner => "an owner",
                    };
                    (format!("{name} made you {role} of this room."), NotificationLevel::Info)
                }
                RosterOp::Remove { account, ban } if *account == own => {
                    let ending =
                        if *ban { "removed you from this room for good." } else { "removed you from this room." };
                    (format!("{name} {ending}"), NotificationLevel::Warning)
                }
                _ => continue,
            };
            if matches!(it.op, RosterOp::Create { .. }) && !is_direct(roster) {
                continue;
            }
            let title = if is_direct(roster) { name } else { roster.settings().name.clone() };
            made.push(Noted {
                id: change.roster_hash().to_string(),
                hlc: it.hlc.0,
                personal: false,
                title,
                body,
                level,
                room: Some(room.to_string()),
                account: Some(by.to_string()),
                post: None,
                read: false,
            });
        }
        for noted in made {
            self.note(noted);
        }
    }

    /// A room is forgotten, with everything that was told of its messages.
    pub(in crate::engine) fn inbox_forgets(&mut self, room: RoomId) {
        self.inbox.arrived.retain(|(of, _)| *of != room);
        self.inbox.stale.insert(room);
    }

    /// Ends a turn: tells once what came, and what was read or is gone.
    pub(super) fn tell_inbox(&mut self) {
        let mut rooms = std::mem::take(&mut self.inbox.stale);
        rooms.extend(self.dirty.iter().copied());
        let arrived: BTreeSet<EventId> = self.inbox.arrived.iter().map(|(_, message)| *message).collect();
        let mut changed = Vec::new();
        for room in rooms {
            let fresh = self.fresh(room);
            let before = self.inbox.fresh.remove(&room).unwrap_or_default();
            let still = |message: &EventId| self.listed(room, *message);
            let (read, gone): (Vec<EventId>, Vec<EventId>) =
                before.difference(&fresh).partition(|message| still(message));
            let again = fresh.difference(&before).filter(|message| !arrived.contains(message));
            changed.push((NotificationState::Unread, again.map(EventId::to_string).collect::<Vec<_>>()));
            changed.push((NotificationState::Read, read.iter().map(EventId::to_string).collect()));
            changed.push((NotificationState::Gone, gone.iter().map(EventId::to_string).collect()));
            if self.timelines.contains_key(&room) {
                self.inbox.fresh.insert(room, fresh);
            }
        }
        changed.push((NotificationState::Read, std::mem::take(&mut self.inbox.read)));
        changed.push((NotificationState::Gone, std::mem::take(&mut self.inbox.gone)));
        let unread_count = self.inbox.unread_count();
        let made = std::mem::take(&mut self.inbox.made);
        let arrived = std::mem::take(&mut self.inbox.arrived);
        let made = made.iter().filter(|noted| !noted.read).map(|noted| self.api_noted(noted));
        let arrived = arrived.into_iter().filter_map(|(room, message)| self.arrival(room, message));
        let silent = self.own_presence.chosen.availability == Availability::Busy;
        for notification in made.chain(arrived).collect::<Vec<_>>() {
            self.tell(Event::NotificationNew { notification, silent, unread_count });
        }
        for (state, notification_ids) in changed.into_iter().filter(|(_, ids)| !ids.is_empty()) {
            self.tell(Event::NotificationChanged { notification_ids, state, unread_count });
        }
    }

    /// The notification about a message that has just come, unless it was read already.
    fn arrival(&self, room: RoomId, message: EventId) -> Option<Notification> {
        let timeline = self.timelines.get(&room)?;
        let entry = timeline.get(message)?;
        let concern = timeline.concern(&entry, self.wanted(room)?)?;
        // What was said before this person came is history.
        let roster = self.replica.roster(room)?;
        let was_here = roster.members_at(entry.roster_version).any(|account| account == self.account.id);
        if !was_here {
            return None;
        }
        self.about(room, timeline, &entry, concern).filter(|notification| !notification.read)
    }

    fn fresh(&self, room: RoomId) -> BTreeSet<EventId> {
        let none = PutAway::default();
        let away = self.inbox.away.get(&room).unwrap_or(&none);
        match (self.timelines.get(&room), self.wanted(room)) {
            (Some(timeline), Some(wanted)) => timeline.fresh_concerns(wanted, away),
            _ => BTreeSet::new(),
        }
    }

    /// How many of what is listed now are unread. A room that is just gone is not listed, and fronts are told of it next.
    fn unread_listed(&self) -> u32 {
        let gone = self.inbox.fresh.iter().filter(|(room, _)| self.wanted(**room).is_none());
        let gone: usize = gone.map(|(_, fresh)| fresh.len()).sum();
        self.inbox.unread_count().saturating_sub(u32::try_from(gone).unwrap_or(u32::MAX))
    }

    fn listed(&self, room: RoomId, message: EventId) -> bool {
        let Some(timeline) = self.timelines.get(&room) else { return false };
        let (Some(entry), Some(wanted)) = (timeline.get(message), self.wanted(room)) else { return false };
        timeline.concern(&entry, wanted).is_some_and(|concern| concern != Concern::Any)
    }

    /// What is wanted of a room; `None` of one that no front is shown.
    fn wanted(&self, room: RoomId) -> Option<Wanted> {
        let roster = self.replica.roster(room)?;
        roster.role_of_device(self.key.device())?;
        let direct = match roster.kind() {
            RoomKind::Direct => true,
            RoomKind::Chat => false,
            RoomKind::Feed | RoomKind::Own => return None,
        };
        let level = self.preferences.get(&room).copied().unwrap_or_default().notify;
        Some(Wanted { level, direct })
    }

    /// `None` where the disk cannot be read.
    fn about(&self, room: RoomId, timeline: &Timeline, entry: &Entry, concern: Concern) -> Option<Notification> {
        let none = PutAway::default();
        let away = self.inbox.away.get(&room).unwrap_or(&none);
        let message = self.message(room, timeline, entry)?;
        let name = self.display_name(entry.author);
        let (kind, title) = match concern {
            Concern::Mention => (NotificationKind::Mention, format!("{name} mentioned you")),
            Concern::Reply => (NotificationKind::Reply, format!("{name} answered you")),
            Concern::Direct => (NotificationKind::Direct, name),
            Concern::Any => (NotificationKind::Message, name),
        };
        Some(Notification {
            notification_id: message.message_id.clone(),
            kind,
            title,
            body: message.text.chars().take(BODY_CHARS_MAX).collect(),
            level: NotificationLevel::Info,
            room_id: Some(message.room_id),
            message_id: Some(message.message_id),
            post_id: None,
            user_id: Some(message.author),
            at: message.sent_at,
            read: timeline.is_settled(entry, away),
        })
    }

    fn api_noted(&self, noted: &Noted) -> Notification {
        Notification {
            notification_id: noted.id.clone(),
            kind: match (noted.personal, &noted.post) {
                (true, _) => NotificationKind::Personal,
                (false, Some(_)) => NotificationKind::Post,
                (false, None) => NotificationKind::Room,
            },
            title: noted.title.clone(),
            body: noted.body.clone(),
            level: noted.level,
            room_id: noted.room.clone(),
            message_id: None,
            post_id: noted.post.clone(),
            user_id: noted.account.clone(),
            at: Hlc(noted.hlc).wall().0,
            read: noted.read,
        }
    }
}

fn cursor_of(noted: &Noted) -> Cursor {
    Cursor { hlc: noted.hlc, id: noted.id.clone() }
}

fn is_away(away: &PutAway, noted: &Noted) -> bool {
    noted.name().is_some_and(|id| away.has(Hlc(noted.hlc), id))
}

fn is_direct(roster: &Roster) -> bool {
    roster.kind() == RoomKind::Direct
}

#[cfg(test)]
mod tests;
