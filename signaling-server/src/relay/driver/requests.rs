//! Rooms: changes to be put in order, questions about rooms, and what a grown roster means for those who are here.

use std::collections::BTreeSet;

use momoland_protocol::clock::UnixMillis;
use momoland_protocol::id::{AccountId, RoomId};
use momoland_protocol::roster::{CountersignedChange, RoomKind, RosterChange};
use momoland_protocol::server::{Request, Response, ServerFrame};
use momoland_protocol::signed::Signed;
use momoland_replica::input::{Command, CommandId, Input, LinkId};
use momoland_replica::roster::longest_cuts;

use super::{Driver, Peer};
use crate::rooms::directory;
use crate::rooms::membership::Moved;
use crate::rooms::rosters::{self, Ending, Known, RoomRefusal};

/// Changes that wait for the disk in all rooms together. Full: further ones are told to come back in a moment.
const WAITING_MAX: usize = 4_096;

impl Driver {
    pub(super) fn request(&mut self, link: LinkId, peer: Peer, id: u32, request: Request) {
        let answer = match request {
            Request::SubmitChange { change } => match self.submit_change(link, peer, id, change) {
                // Answered once it is on the disk.
                Ok(()) => return,
                Err(refusal) => Response::Refused(refusal.into()),
            },
            Request::Preview { room, invite } => {
                let at = UnixMillis(self.app.clock.unix_ms());
                let roster = self.replica.roster(room);
                directory::preview(roster, &self.membership, &self.invites, invite.as_ref(), peer, at)
                    .unwrap_or_else(|refusal| Response::Refused(refusal.into()))
            }
            Request::Directory { after } => {
                self.directory.page(after, &self.membership, |room| self.replica.roster(room))
            }
            // Those two ask accounts, which the connection does itself.
            Request::Profiles { .. } | Request::Lookup { .. } => return,
        };
        self.respond(link, id, answer);
    }

    fn submit_change(
        &mut self,
        link: LinkId,
        peer: Peer,
        id: u32,
        change: Signed<RosterChange>,
    ) -> Result<(), RoomRefusal> {
        if self.replica.is_halted() {
            return Err(RoomRefusal::Unavailable);
        }
        if self.waiting.len() >= WAITING_MAX {
            return Err(RoomRefusal::Busy);
        }
        let at = UnixMillis(self.app.clock.unix_ms());
        let room = change.get().room;
        let roster = self.replica.roster(room);
        let known = Known {
            server: self.app.keys.server_key(),
            membership: &self.membership,
            invites: &self.invites,
            roster,
            at,
            admin: self.links.get(&link).is_some_and(|link| link.admin),
        };
        let version = rosters::admit(known, &change, peer)?;
        let ending = roster.and_then(|roster| rosters::ending(roster, change.get()));
        let cuts = match ending {
            Some(ending) => ending.select(self.replica.cuts_for(room, ending.account())),
            None => {
                let unlisted = roster.map(|roster| roster.unlists(&change.get().op)).unwrap_or_default();
                longest_cuts(self.replica.post_cuts_for(room, &unlisted))
            }
        };
        let countersigned =
            rosters::countersign(self.app.keys.identity(), change, version, at, cuts).map_err(|error| {
                tracing::error!(%error, "a countersignature is out of its bounds");
                RoomRefusal::Unavailable
            })?;
        let hash = countersigned.roster_hash();
        self.waiting.insert(hash, (link, id));
        self.input(Input::Roster(vec![countersigned]));
        if self.replica.roster(room).and_then(|roster| roster.version_of(hash)) != Some(version) {
            // Both run the same checks, so only a fault of ours gets here; but nobody must wait for ever.
            tracing::error!(%room, "a change was countersigned and then not taken");
            self.waiting.remove(&hash);
            return Err(RoomRefusal::Unavailable);
        }
        Ok(())
    }

    /// Changes are on the disk: answers those who wait, and tells those whom it concerns.
    pub(super) fn roster_grew(&mut self, room: RoomId, changes: &[CountersignedChange], reordered: bool) {
        if reordered {
            tracing::error!(
                %room,
                "this server put two changes of a room in one place, as happens when it is restored from a backup: \
                 both count, and nothing can be changed until a device of one of the room's owners has joined them"
            );
        }
        for change in changes {
            if let Some((link, id)) = self.waiting.remove(&change.roster_hash()) {
                self.respond(link, id, Response::Accepted { change: change.clone() });
            }
        }
        let Some(roster) = self.replica.roster(room) else { return };
        if changes.iter().any(|change| change.change.get().op.may_end_rights()) {
            self.app.feed.follow(roster);
        }
        // As of what is on the disk now: later changes may be on their way there, and get their own turn.
        let durable = self.replica.durable_version(room);
        let members: BTreeSet<AccountId> = roster.members_at(durable).collect();
        let empty = members.is_empty();
        let over = empty && roster.version() == durable;
        let is_new = self.membership.members_of(room).is_none();
        self.directory.follow(room, Some(roster).filter(|_| !empty));
        let moved = self.membership.update(room, members);
        let counts = roster.kind() != RoomKind::Own;
        match (is_new, empty) {
            _ if !counts => {}
            (true, false) => self.app.metrics.rooms.increment(),
            (false, true) => self.app.metrics.rooms.decrement(),
            (true, true) | (false, false) => {}
        }
        self.tell_removed(room, changes, &moved);
        self.welcome_members(room, &moved);
        if over {
            self.forget(room);
        }
    }

    /// Nobody belongs to a room any more, and nobody can: it goes, with what is in it (CASES C58).
    pub(super) fn forget(&mut self, room: RoomId) {
        self.invites.forget(room);
        self.removals.retain(|(_, removed_from), _| *removed_from != room);
        // Nothing waits for the answer.
        self.input(Input::Command { id: CommandId(0), command: Command::Forget { room } });
    }

    /// Newcomers and members are shown each other.
    fn welcome_members(&mut self, room: RoomId, moved: &Moved) {
        if !self.membership.meet_in(room) {
            return;
        }
        let Some(members) = self.membership.members_of(room) else { return };
        for account in &moved.joined {
            for (_, link) in self.registry.devices_of(*account) {
                let Some(link) = self.links.get(&link) else { continue };
                link.outbox.show(members.iter().map(|member| self.shown(*member)));
                link.outbox.meet(members.iter().copied());
            }
        }
        for member in members {
            for (_, link) in self.registry.devices_of(*member) {
                let Some(link) = self.links.get(&link) else { continue };
                link.outbox.show(moved.joined.iter().map(|account| self.shown(*account)));
                link.outbox.meet(moved.joined.iter().copied());
            }
        }
    }

    /// Those who are out are told by what.
    fn tell_removed(&mut self, room: RoomId, changes: &[CountersignedChange], moved: &Moved) {
        for account in &moved.joined {
            self.removals.remove(&(*account, room));
        }
        let Some(roster) = self.replica.roster(room) else { return };
        for change in changes {
            let signer = change.change.get().device;
            let told: Vec<LinkId> = match rosters::removal(roster, change.change.get()) {
                Some(Ending::Account(account)) if moved.left.contains(&account) => {
                    self.removals.insert((account, room), change.clone());
                    let devices = self.registry.devices_of(account);
                    devices.filter(|(device, _)| *device != signer).map(|(_, link)| link).collect()
                }
                Some(Ending::Device(_, device)) => {
                    self.registry.link_of(device).map(|(link, _)| link).into_iter().collect()
                }
                Some(Ending::Account(_)) | None => Vec::new(),
            };
            for link in told.iter().filter_map(|link| self.links.get(link)) {
                link.outbox.push(&ServerFrame::Removed { change: change.clone() }, 0);
            }
        }
    }

    /// A device says that it is in a room: where its account is out, it is told by what.
    pub(super) fn tell_of_removal(&self, link: LinkId, peer: Peer, room: RoomId) {
        let Some(change) = self.removals.get(&(peer.account, room)) else { return };
        let Some(link) = self.links.get(&link) else { return };
        link.outbox.push(&ServerFrame::Removed { change: change.clone() }, 0);
    }

    fn respond(&self, link: LinkId, id: u32, response: Response) {
        if let Some(link) = self.links.get(&link) {
            link.outbox.push(&ServerFrame::Response { id, response }, 0);
        }
    }

    pub(super) fn respond_unavailable(&self, link: LinkId, id: u32) {
        self.respond(link, id, Response::Refused(RoomRefusal::Unavailable.into()));
    }
}
