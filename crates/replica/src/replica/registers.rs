//! Registers: set here, taken from links, passed on, dropped with who set them.

use momoland_protocol::event::Action;
use momoland_protocol::id::{AccountId, RoomId, RosterHash};
use momoland_protocol::limits;
use momoland_protocol::register::{Register, RegisterKey, RegisterName};
use momoland_protocol::replication::Frame;
use momoland_protocol::signed::Signed;

use super::sync::EVENTS_BYTES_PER_FRAME;
use super::{Own, Pending, Replica, toggled};
use crate::input::{CommandId, LinkId, Now};
use crate::output::{CloseReason, CommandRefusal, Notice, Output, Record};
use crate::roster::RosterRefusal;
use crate::session::LogSession;

/// Registers of one account in one room: a few names, with room for targets. More are not taken from a link.
const REGISTERS_AN_ACCOUNT_MAX: usize = 256;

impl Replica {
    pub(super) fn set_register(
        &mut self,
        now: Now,
        command: CommandId,
        room: RoomId,
        name: RegisterName,
        target: [u8; 32],
        value: Vec<u8>,
    ) {
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
        let Some(hlc) = self.clock.tick(now.wall) else {
            self.refuse(command, CommandRefusal::OutOfBounds("the clock".to_owned()));
            return;
        };
        let register = Register { account, device: key.device(), room, name, target, roster, hlc, value };
        match Signed::sign(register, &key) {
            Ok(register) => {
                self.clock = hlc;
                self.take_registers(now, Some(command), None, vec![register]);
            }
            Err(error) => self.refuse(command, CommandRefusal::OutOfBounds(error.to_string())),
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
            let it = register.get();
            let Some(roster) = self.roster(room) else { return };
            let newer = self.registers.get(&it.key()).is_none_or(|held| register.supersedes(held));
            let full = !self.registers.contains_key(&it.key()) && self.registers_are_full(room, it.account);
            let allowed = roster.version_of(it.roster).is_some_and(|version| {
                roster.allows(it.device, version, Action(0)).is_ok_and(|account| account == it.account)
            });
            // Who is no member any more sets nothing, whatever roster it names: registers have no cuts.
            let member = roster.counts(it);
            if !newer || !allowed || !member || full {
                continue;
            }
            if register.verify(&it.device).is_err() {
                self.outputs.push_back(Output::CloseLink { link, reason: CloseReason::Misbehaved });
                break;
            }
            self.observe(it.hlc, now.wall);
            taken.push(register);
        }
        if !taken.is_empty() {
            self.take_registers(now, None, Some(link), taken);
        }
    }

    /// Whether an account has as many registers in a room as it may.
    fn registers_are_full(&self, room: RoomId, account: AccountId) -> bool {
        let first = RegisterKey { room, account, name: RegisterName(0), target: [0; 32] };
        let own = self.registers.range(first..).take_while(|(key, _)| key.room == room && key.account == account);
        own.take(REGISTERS_AN_ACCOUNT_MAX).count() == REGISTERS_AN_ACCOUNT_MAX
    }

    fn take_registers(
        &mut self,
        now: Now,
        command: Option<CommandId>,
        link: Option<LinkId>,
        registers: Vec<Signed<Register>>,
    ) {
        self.registers_taken(now, link, &registers);
        for register in &registers {
            let key = register.get().key();
            let replaced = self.registers.insert(key, register.clone());
            if let Some(room) = self.rooms.get_mut(&key.room) {
                room.registers = toggled(room.registers, register);
                if let Some(replaced) = &replaced {
                    room.registers = toggled(room.registers, replaced);
                }
            }
        }
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
            let elsewhere = |(id, link): (&LinkId, &crate::session::Link)| {
                let open = link.rooms.get(&room).is_some_and(|session| {
                    let of_conversation = session.logs.get(&room.conversation());
                    !session.logs.is_empty() && !of_conversation.is_some_and(LogSession::is_digest)
                });
                (Some(*id) != from && open).then_some(*id)
            };
            let mut links: Vec<LinkId> = self.links.iter().filter_map(elsewhere).collect();
            links.retain(|link| self.shares(*link, room));
            for link in links {
                let frame = Frame::Registers { room, registers: vec![register.clone()] };
                self.outputs.push_back(Output::Send { link, frame });
            }
            self.outputs.push_back(Output::Notice(Notice::Register { register }));
        }
        if let Some(command) = command {
            self.outputs.push_back(Output::Notice(Notice::Done { command }));
        }
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
