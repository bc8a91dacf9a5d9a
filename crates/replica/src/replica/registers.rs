//! Registers: set here, taken from links, passed on, acknowledged by the relay, dropped with who set them.
//!
//! # Invariants
//! 1. What is told as acknowledged is on the relay's disk: the hash that a comparison says, and what the relay gives back
//!    to who set it, are of what is there. Tests: `the_relay_acknowledges_a_choice_only_once_it_is_on_its_disk`, and the
//!    simulation's `durability`.

use std::collections::BTreeSet;

use momoland_protocol::clock::Hlc;
use momoland_protocol::event::Action;
use momoland_protocol::id::{AccountId, RoomId, RosterHash, SetHash};
use momoland_protocol::limits;
use momoland_protocol::register::{Register, RegisterKey, RegisterName};
use momoland_protocol::replication::Frame;
use momoland_protocol::roster::RoomKind;
use momoland_protocol::signed::Signed;

use super::sync::EVENTS_BYTES_PER_FRAME;
use super::{Own, Pending, Replica, toggled};
use crate::input::{CommandId, LinkId, Now, Remote};
use crate::links::Link;
use crate::output::{CloseReason, CommandRefusal, Notice, Output, Record};
use crate::roster::RosterRefusal;
use crate::session::LogSession;

/// Registers of one account in one room: a few names, with room for targets. More are not taken from a link.
const REGISTERS_AN_ACCOUNT_MAX: usize = 256;

/// In an account's own room: some for each room that it may be in, and for each author whom it may follow.
const REGISTERS_IN_OWN_ROOM_MAX: usize = 4_096;

/// Their bytes together: they are exchanged at once, and half of what may wait for a connection is left to the rest.
const REGISTERS_BYTES_MAX: usize = 2 * 1024 * 1024;

/// What a register of one's own is to be set to.
pub(super) struct Setting {
    pub(super) room: RoomId,
    pub(super) name: RegisterName,
    pub(super) target: [u8; 32],
    pub(super) value: Vec<u8>,
    pub(super) at: Option<Hlc>,
}

impl Replica {
    pub(super) fn set_register(&mut self, now: Now, command: CommandId, setting: Setting) {
        let Setting { room, name, target, value, at } = setting;
        let Own::Device { key, account } = self.config.own.clone() else {
            self.refuse(command, CommandRefusal::NotAllowed(RosterRefusal::NotAMember));
            return;
        };
        let Some(roster) = self.roster(room) else {
            self.refuse(command, CommandRefusal::UnknownRoom);
            return;
        };
        let version = match roster.writes_under(key.device(), Action(0)) {
            Ok(version) => version,
            Err(why) => {
                self.refuse(command, CommandRefusal::NotAllowed(why));
                return;
            }
        };
        let roster = roster.hash_at(version).unwrap_or(RosterHash::ZERO);
        let Some(hlc) = at.or_else(|| self.clock.tick(now.wall)) else {
            self.refuse(command, CommandRefusal::OutOfBounds("the clock".to_owned()));
            return;
        };
        let register = Register { account, device: key.device(), room, name, target, roster, hlc, value };
        let register = match Signed::sign(register, &key) {
            Ok(register) => register,
            Err(error) => {
                self.refuse(command, CommandRefusal::OutOfBounds(error.to_string()));
                return;
            }
        };
        if self.registers.get(&register.get().key()).is_some_and(|held| !register.supersedes(held)) {
            self.outputs.push_back(Output::Notice(Notice::Done { command }));
        } else if self.has_no_place_for(&register) {
            self.refuse(command, CommandRefusal::OutOfBounds("registers".to_owned()));
        } else {
            match at {
                Some(_) => self.observe(hlc, now.wall),
                None => self.clock = hlc,
            }
            self.hold_register(&register);
            self.write_registers(now, Some(command), None, vec![register]);
        }
    }

    /// Registers from a link.
    pub(super) fn receive_registers(&mut self, now: Now, link: LinkId, room: RoomId, registers: Vec<Signed<Register>>) {
        if !self.shares(link, room) {
            return;
        }
        let mut taken = Vec::new();
        for register in registers {
            self.register_is_there(link, &register);
            self.given_back(link, &register);
            let it = register.get();
            let Some(roster) = self.roster(room) else { break };
            let newer = self.registers.get(&it.key()).is_none_or(|held| register.supersedes(held));
            let allowed = roster.version_of(it.roster).is_some_and(|version| {
                roster.allows(it.device, version, Action(0)).is_ok_and(|account| account == it.account)
            });
            // Who is no member any more sets nothing, whatever roster it names: registers have no cuts.
            let member = roster.counts(it);
            if !newer || !allowed || !member {
                continue;
            }
            if register.verify(&it.device).is_err() {
                self.outputs.push_back(Output::CloseLink { link, reason: CloseReason::Misbehaved });
                break;
            }
            // Last, since it takes a look at all that are held.
            if self.has_no_place_for(&register) {
                continue;
            }
            self.observe(it.hlc, now.wall);
            // At once: what follows in the frame is compared with it.
            self.hold_register(&register);
            taken.push(register);
        }
        if !taken.is_empty() {
            self.write_registers(now, None, Some(link), taken);
        }
    }

    /// Whether an account's others in the room are as many as they may be, or leave too few bytes for this one.
    fn has_no_place_for(&self, register: &Signed<Register>) -> bool {
        let key = register.get().key();
        let own = self.roster(key.room).is_some_and(|roster| roster.kind() == RoomKind::Own);
        let count_max = if own { REGISTERS_IN_OWN_ROOM_MAX } else { REGISTERS_AN_ACCOUNT_MAX };
        let first = RegisterKey { name: RegisterName(0), target: [0; 32], ..key };
        let of_account =
            self.registers.range(first..).take_while(|(held, _)| held.room == key.room && held.account == key.account);
        let others = of_account.filter(|(held, _)| **held != key);
        let (count, bytes) = others.fold((0, 0), |(count, bytes), (_, other)| (count + 1, bytes + other.size()));
        count >= count_max || bytes + register.size() > REGISTERS_BYTES_MAX
    }

    fn hold_register(&mut self, register: &Signed<Register>) {
        let key = register.get().key();
        let replaced = self.registers.insert(key, register.clone());
        if let Some(room) = self.rooms.get_mut(&key.room) {
            room.registers = toggled(room.registers, register);
            if let Some(replaced) = &replaced {
                room.registers = toggled(room.registers, replaced);
            }
        }
    }

    /// Has registers that are held written, and passed on once they are.
    fn write_registers(
        &mut self,
        now: Now,
        command: Option<CommandId>,
        link: Option<LinkId>,
        registers: Vec<Signed<Register>>,
    ) {
        self.registers_taken(now, link, &registers);
        let batch = registers.iter().cloned().map(Record::Register).collect();
        self.persist(Pending::Registers { command, registers, link }, batch);
    }

    pub(super) fn registers_stored(
        &mut self,
        command: Option<CommandId>,
        registers: Vec<Signed<Register>>,
        from: Option<LinkId>,
    ) {
        for register in registers {
            let room = register.get().room;
            let open = |id: &LinkId| {
                self.links.get(*id).and_then(|link| link.room(room)).is_some_and(|session| {
                    let of_conversation = session.logs.get(&room.conversation());
                    !session.logs.is_empty() && !of_conversation.is_some_and(LogSession::is_digest)
                })
            };
            let told = |id: &LinkId| Some(*id) != from && open(id) || self.acknowledges(*id, &register);
            let links: Vec<LinkId> =
                self.links.in_room(room).filter(told).filter(|id| self.shares(*id, room)).collect();
            for link in links {
                if self.acknowledges(link, &register)
                    && let Some(session) = self.links.room_mut(link, room)
                {
                    // Nor is it sent again because peers were to bring it.
                    session.registers.remove(&register.get().key());
                }
                let frame = Frame::Registers { room, registers: vec![register.clone()] };
                self.outputs.push_back(Output::Send { link, frame });
            }
            self.outputs.push_back(Output::Notice(Notice::Register { register }));
        }
        if let Some(command) = command {
            self.outputs.push_back(Output::Notice(Notice::Done { command }));
        }
    }

    /// Whether the relay gives a register back to the link's device once it is on its disk. That is done where nobody
    /// else would notice that it is lost: who set it counts on that before it signs out.
    fn acknowledges(&self, id: LinkId, register: &Signed<Register>) -> bool {
        let Register { device: by, room, .. } = *register.get();
        let is_author = |link: &Link| matches!(link.remote, Remote::Device { device, .. } if device == by);
        self.is_relay() && self.links.get(id).is_some_and(is_author) && self.is_own_room(room)
    }

    fn is_own_room(&self, room: RoomId) -> bool {
        self.roster(room).is_some_and(|roster| roster.kind() == RoomKind::Own)
    }

    /// What the relay has of what this device set in an own room, it says by sending it. In others it may send what is still on
    /// its way to the disk.
    fn given_back(&mut self, id: LinkId, register: &Signed<Register>) {
        let (it, key) = (register.get(), register.get().key());
        if self.own_device() == Some(it.device)
            && self.is_relay_link(id)
            && self.is_own_room(it.room)
            && self.registers.get(&key).is_some_and(|held| held.hash() == register.hash())
            && !self.is_being_written(&key)
        {
            self.outputs.push_back(Output::Notice(Notice::RegisterAcknowledged { key, hlc: it.hlc }));
        }
    }

    /// The other end has the same registers of a room on its disk.
    pub(super) fn registers_are_there(&mut self, id: LinkId, room: RoomId) {
        let Own::Device { key, account } = &self.config.own else { return };
        if !self.is_relay_link(id) {
            return;
        }
        let (device, account) = (key.device(), *account);
        let under_way = self.registers_under_way(room);
        let first = RegisterKey { room, account, name: RegisterName(0), target: [0; 32] };
        let own = self.registers.range(first..).take_while(|(key, _)| (key.room, key.account) == (room, account));
        let own = own.filter(|(key, register)| register.get().device == device && !under_way.contains(key));
        for (key, register) in own {
            let notice = Notice::RegisterAcknowledged { key: *key, hlc: register.get().hlc };
            self.outputs.push_back(Output::Notice(notice));
        }
    }

    fn is_relay_link(&self, id: LinkId) -> bool {
        self.links.get(id).is_some_and(|link| link.remote == Remote::Relay)
    }

    /// Registers of a room that are not on the disk yet.
    fn registers_under_way(&self, room: RoomId) -> BTreeSet<RegisterKey> {
        let pending = self.tickets.values().filter_map(|pending| match pending {
            Pending::Registers { registers, .. } => Some(registers),
            _ => None,
        });
        pending.flatten().map(|register| register.get().key()).filter(|key| key.room == room).collect()
    }

    /// The hash over the registers of a room that are on the disk. What they are about to replace is not held any more: to
    /// whoever has that, this is another set, and all are exchanged.
    pub(super) fn durable_registers(&self, room: RoomId) -> SetHash {
        let held = self.rooms.get(&room).map_or(SetHash::ZERO, |room| room.registers);
        let under_way = self.registers_under_way(room);
        under_way.iter().filter_map(|key| self.registers.get(key)).fold(held, toggled)
    }

    /// Gives a link all registers of a room; what counts as acknowledged by that follows once it is on the disk.
    pub(super) fn send_all_registers(&mut self, id: LinkId, room: RoomId) {
        let under_way = self.registers_under_way(room);
        let is_later =
            |register: &Signed<Register>| under_way.contains(&register.get().key()) && self.acknowledges(id, register);
        let registers = self.registers(room).filter(|register| !is_later(register)).cloned().collect();
        self.send_registers(id, room, registers);
    }

    /// Gives a link registers of a room, in as many frames as they need.
    pub(super) fn send_registers(&mut self, id: LinkId, room: RoomId, registers: Vec<Signed<Register>>) {
        let mut part = Vec::new();
        let mut bytes = 0;
        for register in registers {
            if !part.is_empty()
                && (bytes + register.size() > EVENTS_BYTES_PER_FRAME || part.len() == limits::REGISTERS_PER_FRAME_MAX)
            {
                let registers = std::mem::take(&mut part);
                self.outputs.push_back(Output::Send { link: id, frame: Frame::Registers { room, registers } });
                bytes = 0;
            }
            bytes += register.size();
            part.push(register);
        }
        if !part.is_empty() {
            self.outputs.push_back(Output::Send { link: id, frame: Frame::Registers { room, registers: part } });
        }
    }

    /// Registers of who is out do not count, and nobody takes them: who has them drops them, so that all have the same.
    pub(super) fn drop_registers(&mut self, room: RoomId) {
        let Some(held) = self.rooms.get_mut(&room) else { return };
        let first = RegisterKey { room, account: AccountId([0; 16]), name: RegisterName(0), target: [0; 32] };
        let of_room = self.registers.range(first..).take_while(|(key, _)| key.room == room);
        let over = of_room.filter(|(_, register)| !held.roster().counts(register.get()));
        let over: Vec<RegisterKey> = over.map(|(key, _)| *key).collect();
        for key in over {
            if let Some(register) = self.registers.remove(&key) {
                held.registers = toggled(held.registers, &register);
            }
        }
    }
}

#[cfg(test)]
mod tests;
