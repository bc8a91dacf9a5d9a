//! Membership as it grows: who may have what on which link.

use std::collections::BTreeSet;

use momoland_protocol::event::Event;
use momoland_protocol::id::{ChainId, LogId, RoomId, RosterHash, SetHash};
use momoland_protocol::limits;
use momoland_protocol::replication::Frame;
use momoland_protocol::roster::CountersignedChange;

use super::{Own, Pending, Replica, Room};
use crate::input::{LinkId, Now, Remote};
use crate::log::Log;
use crate::output::{Load, LoadOrder, Notice, Output, Record};
use crate::roster::line::{Line, TakenAll};
use crate::roster::{Roster, RosterRefusal};

/// What the other end of a link may have of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Access {
    None,
    /// A device of a member's account that is not in the roster yet: the roster, so that it can add itself.
    Roster,
    Full,
}

/// Bytes of roster changes in one frame; the frame's own marks come on top.
const CHANGES_BYTES_PER_FRAME: usize = limits::FRAME_BYTES_MAX - 4 * 1024;

impl Replica {
    pub(super) fn recover_roster(&mut self, room: RoomId, changes: &[CountersignedChange]) {
        let Some((first, rest)) = changes.split_first() else { return };
        let Ok((line, refused)) = Line::recover(first, rest, self.config.server) else { return };
        for why in refused {
            self.outputs.push_back(Output::Notice(Notice::RosterRefused { room, why }));
        }
        let taken = changes.len() as u64;
        self.rooms.insert(room, Room { line, taken, unwritten: BTreeSet::new(), registers: SetHash::ZERO });
        self.index_members(room);
    }

    /// What a link may have of a room now.
    pub(super) fn access(&self, remote: Remote, room: RoomId) -> Access {
        let Some(roster) = self.roster(room) else { return Access::None };
        match remote {
            // The relay countersigned the roster itself; but until our own device is in it, there is nothing to share.
            Remote::Relay => match self.own_device() {
                Some(device) if roster.role_of_device(device).is_some() => Access::Full,
                Some(_) | None => Access::Roster,
            },
            Remote::Device { device, account } => {
                let in_roster = roster.role_of_device(device).is_some_and(|(owner, _)| owner == account);
                let own_in_roster = self.own_device().is_none_or(|own| roster.role_of_device(own).is_some());
                #[cfg(feature = "planted")]
                let in_roster = in_roster
                    || self.config.planted == Some(crate::sim::Planted::ForwardsToRemovedMember)
                        && roster.account_of(device).is_some();
                if in_roster && own_in_roster {
                    Access::Full
                } else if self.is_relay() && roster.role(account).is_some() && roster.account_of(device).is_none() {
                    // A new device may add itself; one that was revoked never comes back.
                    Access::Roster
                } else {
                    Access::None
                }
            }
        }
    }

    /// Whether a link may have, and give, everything of a room.
    pub(super) fn shares(&self, link: LinkId, room: RoomId) -> bool {
        self.links.get(link).is_some_and(|link| self.access(link.remote, room) == Access::Full)
    }

    /// Changes from a link or from elsewhere. They begin anywhere in the chain; what is held already is skipped.
    pub(super) fn roster_changes(&mut self, link: Option<LinkId>, changes: Vec<CountersignedChange>) {
        let Some(room) = changes.first().map(|change| change.change.get().room) else { return };
        if self.halted {
            return;
        }
        if let Some(link) = link {
            let from_relay = self.links.get(link).is_some_and(|link| link.remote == Remote::Relay);
            // What a relay countersigned once and lost with its disk it takes from anybody.
            let own = self.is_relay() && self.rooms.contains_key(&room);
            if !from_relay && !own && !self.shares(link, room) {
                return;
            }
        }
        let before = self.roster(room).map_or(0, Roster::version);
        let TakenAll { new: taken, reordered_after, refused } = self.take_changes(room, changes);
        if let Some(why) = refused {
            self.outputs.push_back(Output::Notice(Notice::RosterRefused { room, why }));
        }
        let reordered = reordered_after.is_some();
        if let Some(after) = reordered_after {
            for link in self.links.in_room(room).collect::<Vec<_>>() {
                if let Some(session) = self.links.room_mut(link, room) {
                    session.remote_version = session.remote_version.map(|version| version.min(after));
                }
            }
        }
        if taken.is_empty() {
            return;
        }
        self.index_members(room);
        self.drop_registers(room);
        self.close_sessions(room);
        if reordered {
            self.renew_incarnations(room);
        } else {
            self.renew_cut_incarnations(room, before + 1);
        }
        let Some(held) = self.rooms.get_mut(&room) else { return };
        let mut batch = Vec::new();
        for change in &taken {
            held.taken += 1;
            held.unwritten.insert(change.roster_hash());
            batch.push(Record::Roster { place: held.taken, change: change.clone() });
        }
        self.persist(Pending::Roster { room, changes: taken, reordered, link }, batch);
    }

    fn take_changes(&mut self, room: RoomId, mut changes: Vec<CountersignedChange>) -> TakenAll {
        if let Some(held) = self.rooms.get_mut(&room) {
            return held.line.take_all(changes);
        }
        let refused = |why| TakenAll { new: Vec::new(), reordered_after: None, refused: Some(why) };
        let first = changes.remove(0);
        let mut line = match Line::create(&first, self.config.server) {
            Ok(line) if line.roster().room() == room => line,
            Ok(_) => return refused(RosterRefusal::WrongRoom),
            Err(why) => return refused(why),
        };
        let mut taken = line.take_all(changes);
        taken.new.insert(0, first);
        self.rooms.insert(room, Room { line, taken: 0, unwritten: BTreeSet::new(), registers: SetHash::ZERO });
        taken
    }

    fn index_members(&mut self, room: RoomId) {
        let Some(held) = self.rooms.get(&room) else { return };
        let members: BTreeSet<_> = held.roster().members().map(|member| member.account).collect();
        for (account, rooms) in &mut self.rooms_of {
            if rooms.contains(&room) && !members.contains(account) {
                rooms.remove(&room);
            }
        }
        for account in members {
            self.rooms_of.entry(account).or_default().insert(room);
        }
        self.rooms_of.retain(|_, rooms| !rooms.is_empty());
    }

    /// A device whose own chain is cut by the versions from `from` on goes on in a new life.
    fn renew_cut_incarnations(&mut self, room: RoomId, from: u64) {
        let (Some(own), Some(held)) = (self.own_device(), self.rooms.get(&room)) else { return };
        if held.roster().endings_of(own).any(|version| version >= from) {
            self.renew_incarnations(room);
        }
    }

    /// A device goes on in new lives in the logs of a room: its present ones may not count.
    fn renew_incarnations(&mut self, room: RoomId) {
        let Some(own) = self.own_device() else { return };
        let written = |(log, chains): &(&LogId, &Log)| {
            let incarnation = self.incarnations.get(log);
            incarnation.is_some_and(|incarnation| {
                chains.chains.contains_key(&ChainId { device: own, incarnation: *incarnation })
            })
        };
        let of_room = self.logs.iter().filter(|(_, log)| log.room == room);
        let renewed: Vec<LogId> = of_room.filter(written).map(|(log, _)| *log).collect();
        for log in renewed {
            self.begin_incarnation(log);
        }
    }

    /// At the start, whether a change ended the right under which the own chain was written: its last event, which names
    /// its roster, is on the disk and tells. Clocks do not.
    pub(super) fn look_at_own_heads(&mut self) {
        let Some(own) = self.own_device() else { return };
        let mut heads = Vec::new();
        for (log, incarnation) in &self.incarnations {
            let chain = ChainId { device: own, incarnation: *incarnation };
            let Some(held) = self.logs.get(log) else { continue };
            let ended = self.rooms.get(&held.room).is_some_and(|room| room.roster().endings_of(own).next().is_some());
            if let (true, Some(last)) = (ended, held.chains.get(&chain)) {
                heads.push((held.room, *log, chain, last.durable.seq));
            }
        }
        for (room, log, chain, from) in heads {
            let ticket = self.open_ticket(Pending::LoadOwnHead { room, log, chain });
            self.unsure.insert(log);
            let load = Load { log, chain, from, to: from, bytes_max: 1, order: LoadOrder::OldestFirst };
            self.outputs.push_back(Output::Load { ticket, load });
        }
    }

    pub(super) fn loaded_own_head(&mut self, room: RoomId, log: LogId, chain: ChainId, events: &[Event]) {
        let was_unsure = self.unsure.remove(&log);
        let cut = events.first().is_none_or(|event| self.is_cut(room, event));
        if was_unsure && cut && self.incarnations.get(&log) == Some(&chain.incarnation) {
            self.begin_incarnation(log);
        }
    }

    /// Changes are on disk: tell, open and close sessions, pass on.
    pub(super) fn roster_stored(
        &mut self,
        now: Now,
        room: RoomId,
        changes: Vec<CountersignedChange>,
        reordered: bool,
        source: Option<LinkId>,
    ) {
        let Some(held) = self.rooms.get_mut(&room) else { return };
        for change in &changes {
            held.unwritten.remove(&change.roster_hash());
        }
        self.outputs.push_back(Output::Notice(Notice::Roster { room, changes, reordered }));
        let links: Vec<(LinkId, Remote)> = self.links.iter().map(|(id, link)| (id, link.remote)).collect();
        for (id, remote) in links {
            self.follow_roster(now, id, remote, room, source == Some(id) && !reordered);
            if reordered {
                // Everybody may lack one of the branches, the relay and who brought the other alike.
                self.send_changes(id, room);
            }
        }
    }

    /// Brings one link's session in a room in step with the roster.
    fn follow_roster(&mut self, now: Now, id: LinkId, remote: Remote, room: RoomId, is_source: bool) {
        let access = self.access(remote, room);
        let version = self.rooms.get(&room).map_or(0, Room::durable_version);
        if access == Access::None {
            if self.links.leave(id, room).is_some() {
                self.outputs.push_back(Output::Send { link: id, frame: Frame::Closed { room } });
            }
            return;
        }
        let Some(session) = self.links.enter(id, room) else { return };
        if is_source {
            session.remote_version = Some(session.remote_version.unwrap_or(0).max(version));
        }
        let became_full = access == Access::Full && !session.offered;
        if !session.announced || became_full {
            // An end that was told before learns by the repetition that it may be compared with now.
            self.announce_room(id, room);
        }
        // To the relay too: it may have been restored from a backup since it sent them to whoever we have them from. And to
        // a device that the change lets in, which said before how much it holds.
        self.send_changes(id, room);
        if became_full {
            self.compare_all(now, id, room);
        }
    }

    /// Says that we are in a room and how much of its roster we hold.
    pub(super) fn announce_room(&mut self, id: LinkId, room: RoomId) {
        let Some(held) = self.rooms.get(&room) else { return };
        let version = held.durable_version();
        let Some(head) = held.roster().hash_at(version) else { return };
        let Some(session) = self.links.enter(id, room) else { return };
        session.announced = true;
        self.outputs.push_back(Output::Send { link: id, frame: Frame::Room { room, version, head } });
    }

    /// Sends the changes that the other end is known to lack.
    pub(super) fn send_changes(&mut self, id: LinkId, room: RoomId) {
        let Some(held) = self.rooms.get(&room) else { return };
        let Some(session) = self.links.room_mut(id, room) else { return };
        let Some(remote_version) = session.remote_version else { return };
        let durable_version = held.durable_version();
        if remote_version >= durable_version {
            return;
        }
        session.remote_version = Some(durable_version);
        let from = usize::try_from(remote_version).unwrap_or(usize::MAX);
        let to = usize::try_from(durable_version).unwrap_or(usize::MAX);
        let mut part = Vec::new();
        let mut bytes = 0;
        for change in held.line.changes().get(from..to).unwrap_or_default() {
            let size = change.change.size() + change.countersignature.size();
            if !part.is_empty()
                && (bytes + size > CHANGES_BYTES_PER_FRAME || part.len() == limits::CHANGES_PER_FRAME_MAX)
            {
                let changes = std::mem::take(&mut part);
                self.outputs.push_back(Output::Send { link: id, frame: Frame::Roster { room, changes } });
                bytes = 0;
            }
            bytes += size;
            part.push(change.clone());
        }
        if !part.is_empty() {
            self.outputs.push_back(Output::Send { link: id, frame: Frame::Roster { room, changes: part } });
        }
    }

    /// The other end says that it is in a room.
    pub(super) fn room_announced(&mut self, now: Now, id: LinkId, room: RoomId, version: u64, head: RosterHash) {
        let Some(remote) = self.links.get(id).map(|link| link.remote) else { return };
        if !self.rooms.contains_key(&room) {
            // Only the relay may tell a device of a room that it did not know.
            let wanted = remote == Remote::Relay && matches!(self.config.own, Own::Device { .. });
            let frame = match wanted && version > 0 {
                true => {
                    let Some(session) = self.links.enter(id, room) else { return };
                    session.remote_version = Some(version);
                    Frame::Room { room, version: 0, head: RosterHash::ZERO }
                }
                false if self.is_relay() => Frame::Closed { room },
                false => return,
            };
            self.outputs.push_back(Output::Send { link: id, frame });
            return;
        }
        let access = self.access(remote, room);
        if access == Access::None {
            if self.is_relay() {
                // Who holds more of the roster may be in it by what we lost.
                let behind = self.roster(room).is_some_and(|roster| roster.version() < version);
                let frame = match behind {
                    true => Frame::Room { room, version: 0, head: RosterHash::ZERO },
                    false => Frame::Closed { room },
                };
                self.outputs.push_back(Output::Send { link: id, frame });
            }
            return;
        }
        let Some(session) = self.links.enter(id, room) else { return };
        let Some(held) = self.rooms.get(&room) else { return };
        // Who holds more than is held here sends it by itself.
        let in_common = if version == 0 { Some(0) } else { held.line.in_common(head, version) };
        let parted = in_common.is_none() && version <= held.durable_version();
        session.remote_version = Some(in_common.unwrap_or(version));
        if in_common.is_some() {
            (session.parting_step, session.parting_at_first) = (0, false);
        }
        if !session.announced {
            self.announce_room(id, room);
        }
        if parted {
            self.search_parting(id, room, version);
        }
        self.send_changes(id, room);
        if access == Access::Full {
            self.compare_all(now, id, room);
        }
    }
    /// The other end's roster at `version` is another than ours: says what we hold further in front, farther each time,
    /// until it is something that the other end knows. Then it sends what follows there.
    fn search_parting(&mut self, id: LinkId, room: RoomId, version: u64) {
        let Some(held) = self.rooms.get(&room) else { return };
        let Some(session) = self.links.room_mut(id, room) else { return };
        session.parting_step = session.parting_step.saturating_mul(2).max(1);
        let version = version.saturating_sub(session.parting_step).max(1);
        let Some(head) = held.roster().hash_at(version).filter(|_| !session.parting_at_first) else { return };
        session.parting_at_first = version == 1;
        self.outputs.push_back(Output::Send { link: id, frame: Frame::Room { room, version, head } });
    }
}

impl Room {
    pub(super) fn roster(&self) -> &Roster {
        self.line.roster()
    }

    /// How many of the changes, from the first on, are on disk.
    pub(super) fn durable_version(&self) -> u64 {
        let unwritten = self.unwritten.iter().filter_map(|change| self.roster().version_of(*change));
        unwritten.min().map_or_else(|| self.roster().version(), |first| first.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests;
