//! What a person chose for themselves, the same on all their devices: registers in the account's own room.
//!
//! A choice counts here at once and is on this device's disk before it is answered. As soon as this device can write in the
//! own room it becomes a register, with the time of the choice: of two devices that chose without each other, the one that
//! chose later counts. It is kept apart until the relay is known to have that register: devices that sign out say nothing
//! any more. Registers and choices that wait are what is true; `preferences`, `drafts`, `notifications` and the
//! others are shown it ([`Home::show_choice`]) and hold what follows from it.
//!
//! The own room is made by the first device that meets the server. It is no room that people see: it has no timeline, is in
//! no list, and [`Home::require_member`] knows of none, so that every call on it is refused.
//!
//! # Invariants
//! 1. What was answered is not lost, whether or not there is an own room yet. Test: scenario
//!    `what_was_chosen_offline_survives_and_the_later_choice_counts`.
//! 2. What the relay is not known to have counts as unsent, over restarts too, until it says that it has it. Tests: scenarios
//!    `what_was_chosen_right_before_a_sign_out_is_not_lost`, `a_sign_out_says_that_what_was_chosen_offline_would_be_lost`.
//! 3. What one device put away is never taken back by another that did not know of it. Test: scenario
//!    `c52_what_is_put_away_on_two_devices_at_once_adds_up`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use momoland_protocol::cbor::{self, Bounded};
use momoland_protocol::clock::{Hlc, UnixMillis};
use momoland_protocol::id::{DeviceId, RoomId};
use momoland_protocol::limits::REGISTER_VALUE_BYTES_MAX;
use momoland_protocol::register::{PutAway, Register, RegisterKey, RegisterName, UnreadFrom};
use momoland_protocol::roster::{Founder, Genesis, History, Posting, Role, RosterOp, Settings, Visibility};
use momoland_protocol::signed::Signed;
use momoland_replica::input::Command;
use momoland_store::kv::{Batch, StoreError};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Home, Waiting};
use crate::account::record::{Choice, Chosen, Records};

/// A register is written at most this often: who types a draft changes it with every key.
const WRITE_EVERY: Duration = Duration::from_secs(2);

/// A choice that the relay is not known to have: a sign-out would lose it.
#[derive(Debug)]
struct Unheard {
    chosen: Chosen,
    step: Step,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Due,
    UnderWay,
    /// Tried again when the roster grows, or at the next start.
    Refused,
    /// A register says it.
    Said,
}

/// What registers of the own room say, and what they are to say.
#[derive(Debug)]
pub(in crate::engine) struct OwnRoom {
    id: RoomId,
    held: BTreeMap<Choice, Chosen>,
    unheard: BTreeMap<Choice, Unheard>,
    not_before: BTreeMap<Choice, Instant>,
    /// Who waits until the relay has what is on its way there.
    hearing: Vec<oneshot::Sender<()>>,
}

impl OwnRoom {
    pub(super) fn new(genesis: &Genesis) -> Self {
        Self {
            id: genesis.room(),
            held: BTreeMap::new(),
            unheard: BTreeMap::new(),
            not_before: BTreeMap::new(),
            hearing: Vec::new(),
        }
    }

    pub(in crate::engine) fn is(&self, room: RoomId) -> bool {
        self.id == room
    }

    /// The newest that is known of a choice.
    fn newest(&self, choice: Choice) -> Option<&Chosen> {
        let unheard = self.unheard.get(&choice).map(|unheard| &unheard.chosen);
        let held = self.held.get(&choice);
        match (unheard, held) {
            (Some(unheard), Some(held)) if held.at > unheard.at => Some(held),
            (unheard, held) => unheard.or(held),
        }
    }

    fn value(&self, choice: Choice) -> &[u8] {
        self.newest(choice).map_or(&[], |chosen| &chosen.value)
    }

    /// What was chosen; `None` where nothing was, or nothing that this version understands.
    pub(super) fn read<T>(&self, choice: Choice) -> Option<T>
    where
        T: minicbor::Encode<()> + for<'b> minicbor::Decode<'b, ()> + Bounded,
    {
        cbor::decode(self.value(choice), REGISTER_VALUE_BYTES_MAX).ok()
    }

    /// What was put away, by a choice of that kind.
    pub(super) fn put_away(&self, choice: Choice) -> PutAway {
        self.read(choice).unwrap_or_default()
    }

    /// From where on a room is to count as unread again.
    pub(in crate::engine) fn unread_from(&self, room: RoomId) -> Option<UnreadFrom> {
        self.read(Choice::of_room(RegisterName::UNREAD, room))
    }

    /// Whether nobody ever chose anything of it.
    pub(super) fn is_unknown(&self, choice: Choice) -> bool {
        self.newest(choice).is_none()
    }

    /// When a choice is made now: after the last one, whatever the clock says.
    fn next(&self, choice: Choice, wall: UnixMillis) -> Hlc {
        let last = self.newest(choice).map_or(Hlc::default(), |chosen| chosen.at);
        last.tick(wall).unwrap_or(last)
    }

    /// All that something is known of.
    fn choices(&self) -> BTreeSet<Choice> {
        self.held.keys().chain(self.unheard.keys()).copied().collect()
    }

    fn is_due(&self) -> bool {
        self.unheard.values().any(|unheard| unheard.step == Step::Due)
    }

    /// Choices that the relay is not known to have.
    pub(super) fn unsent(&self) -> u64 {
        self.unheard.len() as u64
    }

    fn try_refused_again(&mut self) {
        for unheard in self.unheard.values_mut().filter(|unheard| unheard.step == Step::Refused) {
            unheard.step = Step::Due;
        }
    }
}

impl Home {
    /// Takes up what is on the disk, and once what earlier versions kept on the device alone.
    pub(super) fn open_own_room(&mut self) -> Result<(), StoreError> {
        let registers: Vec<Signed<Register>> = self.replica.registers(self.own_room.id).cloned().collect();
        for register in &registers {
            let (choice, chosen) = said(register.get());
            self.own_room.held.insert(choice, chosen);
        }
        let due = |chosen| Unheard { chosen, step: Step::Due };
        for (choice, chosen) in self.records.choices()? {
            let step = if self.says(choice, chosen.at) { Step::Said } else { Step::Due };
            self.own_room.unheard.insert(choice, Unheard { chosen, step });
        }
        let mut batch = Batch::new();
        let earlier = self.records.earlier()?;
        earlier.delete(&mut batch);
        for (choice, chosen) in earlier.choices {
            // What an even newer version chose before somebody went back to an earlier one.
            if self.own_room.newest(choice).is_none_or(|newest| newest.at < chosen.at) {
                Records::put_choice(&mut batch, &choice, &chosen);
                self.own_room.unheard.insert(choice, due(chosen));
            }
        }
        if !batch.is_empty() {
            self.persistence.write(batch);
        }
        Ok(())
    }

    /// Shows what was chosen, when the account is opened: fronts read the lists, and are told nothing.
    pub(super) fn show_own_room(&mut self) {
        for choice in self.own_room.choices() {
            self.show_choice(choice, false);
        }
    }

    /// Has something count from now on. What has to be on the disk before that is answered goes into `batch`.
    pub(super) fn choose(&mut self, batch: &mut Batch, choice: Choice, value: Vec<u8>) {
        if self.own_room.value(choice) == value {
            return;
        }
        let chosen = Chosen { at: self.own_room.next(choice, self.wall()), value };
        Records::put_choice(batch, &choice, &chosen);
        self.own_room.unheard.insert(choice, Unheard { chosen, step: Step::Due });
        self.show_choice(choice, true);
    }

    /// As [`Self::choose`], of one thing alone. Answered with whether it is on the disk.
    pub(super) fn choose_one(&mut self, choice: Choice, value: Vec<u8>) -> oneshot::Receiver<bool> {
        let mut batch = Batch::new();
        self.choose(&mut batch, choice, value);
        self.persistence.keep(batch)
    }

    /// This person left a room on purpose: what they wanted of it is over, on all devices.
    pub(crate) fn forget_choices(&mut self, room: RoomId) {
        let mut batch = Batch::new();
        let names = [
            RegisterName::NOTIFY,
            RegisterName::FAVOURITE,
            RegisterName::DRAFT,
            RegisterName::PUT_AWAY,
            RegisterName::UNREAD,
        ];
        for name in names {
            self.choose(&mut batch, Choice::of_room(name, room), Vec::new());
        }
        if !batch.is_empty() {
            self.persistence.write(batch);
        }
    }

    /// Shows what counts of a choice; `tells`: fronts, too.
    fn show_choice(&mut self, choice: Choice, tells: bool) {
        let room = RoomId(choice.target);
        match choice.name {
            RegisterName::NOTIFY | RegisterName::FAVOURITE => self.show_preferences(room),
            RegisterName::DRAFT => {
                let draft = self.own_room.newest(choice).cloned();
                self.show_draft(room, draft);
            }
            RegisterName::FOLLOW => self.show_follow(choice, tells),
            RegisterName::PUT_AWAY if choice.target == [0; 32] => self.show_noted_away(),
            RegisterName::PUT_AWAY => self.show_put_away(room),
            RegisterName::ANNOUNCEMENTS => self.show_announcements_away(tells),
            RegisterName::UNREAD => self.show_unread(room),
            // Of a later version.
            _ => {}
        }
    }

    /// A register of the own room is on the disk: another device's, or what this one chose.
    pub(in crate::engine) fn own_register(&mut self, register: &Register) {
        let (choice, chosen) = said(register);
        if self.own_room.held.get(&choice).is_some_and(|held| held.at > chosen.at) {
            return;
        }
        let before = self.own_room.value(choice).to_vec();
        let mut batch = Batch::new();
        // Of two that were made at the same moment the device decides, and that of the register which is here now counts.
        let of_another = register.device != self.key.device();
        let outdone = self.own_room.unheard.get(&choice).is_some_and(|unheard| {
            unheard.chosen.at < chosen.at || of_another && unheard.step == Step::Said && unheard.chosen.at == chosen.at
        });
        if outdone {
            self.own_room.unheard.remove(&choice);
            Records::delete_choice(&mut batch, &choice);
            self.tell_heard();
        }
        let heard = chosen.value.clone();
        self.own_room.held.insert(choice, chosen);
        if self.own_room.value(choice) != before {
            self.show_choice(choice, true);
        }
        // One that was unset begins anew.
        if matches!(choice.name, RegisterName::PUT_AWAY | RegisterName::ANNOUNCEMENTS) && !heard.is_empty() {
            self.add_up(&mut batch, choice, &before, &heard);
        }
        if !batch.is_empty() {
            self.persistence.write(batch);
        }
    }

    /// Adds to what another device put away what was so here before, and is not settled since. Nothing of what the other one
    /// said is left out, or the two might go on correcting each other; and what a later version said stays as it is.
    fn add_up(&mut self, batch: &mut Batch, choice: Choice, before: &[u8], heard: &[u8]) {
        let read = |value: &[u8]| cbor::decode::<PutAway>(value, REGISTER_VALUE_BYTES_MAX).ok();
        let Some(mut both) = read(heard) else { return };
        let mut own = read(before).unwrap_or_default();
        both.until = both.until.max(own.until);
        own.until = both.until;
        self.leave_out_settled(choice, &mut own);
        // What has no place beside it counts again.
        for id in own.these {
            if both.these.len() < PutAway::THESE_MAX {
                both.insert(id);
            }
        }
        if !self.own_room.put_away(choice).covers(&both) {
            self.choose(batch, choice, cbor::encode(&both));
        }
    }

    fn leave_out_settled(&self, choice: Choice, away: &mut PutAway) {
        // Announcements are put away by name alone, and not read anywhere else.
        if choice.name != RegisterName::PUT_AWAY {
            return;
        }
        if choice.target == [0; 32] {
            self.inbox.leave_out_settled(away);
        } else if let Some(timeline) = self.timelines.get(&RoomId(choice.target)) {
            timeline.leave_out_settled(away);
        }
    }

    /// Writes the registers that are due.
    pub(in crate::engine) fn write_choices(&mut self) {
        let now = Instant::now();
        self.write_choices_due(now, now);
    }

    /// The last of what was chosen, before the store is closed.
    pub(super) fn write_choices_at_last(&mut self) {
        let now = Instant::now();
        self.write_choices_due(now, now + WRITE_EVERY);
    }

    /// Before a sign-out counts what would be lost: what only waits for its turn is written. Answered once that was tried.
    /// Then [`Self::choices_heard`] says when the relay has it.
    pub(crate) fn say_choices_at_last(&mut self) -> oneshot::Receiver<bool> {
        self.write_choices_at_last();
        // What is handed to the disk is done in order.
        self.persistence.keep(Batch::new())
    }

    /// Those whose turn comes until then.
    fn write_choices_due(&mut self, now: Instant, until: Instant) {
        if !self.own_room.is_due() || !self.writes_in_own_room() {
            return;
        }
        let own = &mut self.own_room;
        own.not_before.retain(|_, at| *at > until);
        let mut due = Vec::new();
        for (choice, unheard) in &mut own.unheard {
            if unheard.step == Step::Due && !own.not_before.contains_key(choice) {
                unheard.step = Step::UnderWay;
                own.not_before.insert(*choice, now + WRITE_EVERY);
                due.push((*choice, unheard.chosen.clone()));
            }
        }
        let room = own.id;
        for (choice, Chosen { at, value }) in due {
            let Choice { name, target } = choice;
            let command = Command::SetRegister { room, name, target, value, at: Some(at) };
            self.command(command, Waiting::Choice { choice, at });
        }
    }

    fn writes_in_own_room(&self) -> bool {
        let roster = self.replica.roster(self.own_room.id);
        roster.is_some_and(|roster| roster.role_of_device(self.key.device()).is_some())
    }

    /// When a register that waits for its turn is due.
    pub(super) fn next_choice(&self) -> Option<Instant> {
        if !self.writes_in_own_room() {
            return None;
        }
        let due = self.own_room.unheard.iter().filter(|(_, unheard)| unheard.step == Step::Due);
        due.map(|(choice, _)| self.own_room.not_before.get(choice).copied().unwrap_or_else(Instant::now)).min()
    }

    /// A register says what was chosen, or something newer.
    pub(in crate::engine) fn choice_written(&mut self, choice: Choice, at: Hlc) {
        let says = self.says(choice, at);
        let waiting = self.own_room.unheard.get_mut(&choice);
        let Some(unheard) = waiting.filter(|unheard| unheard.chosen.at == at) else { return };
        if says {
            unheard.step = Step::Said;
            return;
        }
        let before = self.own_room.value(choice).to_vec();
        self.settle_choice(choice);
        if self.own_room.value(choice) != before {
            self.show_choice(choice, true);
        }
    }

    /// The relay has a register that this device set.
    pub(in crate::engine) fn choice_heard(&mut self, key: &RegisterKey, at: Hlc) {
        let choice = Choice { name: key.name, target: key.target };
        let heard = |unheard: &Unheard| unheard.step == Step::Said && unheard.chosen.at == at;
        if self.own_room.unheard.get(&choice).is_some_and(heard) {
            self.settle_choice(choice);
        }
    }

    /// There is nothing more to be done for a choice.
    fn settle_choice(&mut self, choice: Choice) {
        self.own_room.unheard.remove(&choice);
        let mut batch = Batch::new();
        Records::delete_choice(&mut batch, &choice);
        self.persistence.write(batch);
        self.tell_heard();
    }

    /// Whether a register of this device says what was chosen then.
    fn says(&self, choice: Choice, at: Hlc) -> bool {
        let Choice { name, target } = choice;
        let key = RegisterKey { room: self.own_room.id, account: self.account.id, name, target };
        let held = self.replica.register(&key).map(Signed::get);
        held.is_some_and(|held| held.hlc == at && held.device == self.key.device())
    }

    /// Completes, one way or the other, once the relay has all choices that are on their way to it, or no link leads there.
    pub(crate) fn choices_heard(&mut self) -> oneshot::Receiver<()> {
        let (hearing, heard) = oneshot::channel();
        self.own_room.hearing.push(hearing);
        self.tell_heard();
        heard
    }

    /// The server's link went, or there may be nothing more to wait for.
    pub(in crate::engine) fn tell_heard(&mut self) {
        let own = &mut self.own_room;
        if self.server_link.is_none() || own.unheard.values().all(|unheard| unheard.step == Step::Refused) {
            own.hearing.clear();
        }
    }

    pub(in crate::engine) fn choice_refused(&mut self, choice: Choice, at: Hlc) {
        if let Some(unheard) = self.own_room.unheard.get_mut(&choice)
            && unheard.chosen.at == at
        {
            unheard.step = Step::Refused;
            self.tell_heard();
        }
    }

    /// What makes the own room, where it is not here yet. Another device may be faster: then it comes from there.
    pub(in crate::engine) fn own_room_to_found(&self) -> Option<(RoomId, RosterOp)> {
        let genesis = own_genesis(&self.account);
        let room = genesis.room();
        if self.replica.roster(room).is_some() {
            return None;
        }
        let settings = Settings {
            name: String::new(),
            topic: String::new(),
            visibility: Visibility::Private,
            history: History::All,
            posting: Posting::Members,
        };
        let certificates = vec![self.account.certificate.clone()];
        let founders = vec![Founder { account: self.account.id, role: Role::Owner, certificates }];
        Some((room, RosterOp::Create { genesis, settings, founders }))
    }

    /// Devices were added to the own room, or taken out.
    pub(in crate::engine) fn own_room_grew(&mut self) {
        let room = self.own_room.id;
        if self.replica.roster(room).is_none_or(|roster| roster.role(self.account.id).is_none()) {
            self.forget_room(room);
            return;
        }
        self.own_room.try_refused_again();
        self.say_again_what_is_gone();
        self.dial_dirty = true;
        self.around_dirty = true;
        self.plan_repair(room);
        self.add_own_device(room);
        self.close_strangers();
    }

    /// Before a device is put out: what it had chosen last is said by this one, since registers go with who set them.
    /// Answered with whether that is on the disk.
    pub(crate) fn take_over_choices(&mut self, device: DeviceId) -> oneshot::Receiver<bool> {
        let of_device = self.replica.registers(self.own_room.id).filter(|register| register.get().device == device);
        let of_device: Vec<(Choice, Chosen)> = of_device.map(|register| said(register.get())).collect();
        let mut batch = Batch::new();
        for (choice, Chosen { at, value }) in of_device {
            let own = &mut self.own_room;
            if own.newest(choice).is_none_or(|newest| newest.at <= at) {
                let chosen = Chosen { at: Hlc(at.0.saturating_add(1)), value };
                Records::put_choice(&mut batch, &choice, &chosen);
                own.unheard.insert(choice, Unheard { chosen, step: Step::Due });
            }
        }
        self.persistence.keep(batch)
    }

    /// What a device had set goes with it, as registers have no cuts, and all of it with the room itself. It was this person's
    /// choice all the same.
    fn say_again_what_is_gone(&mut self) {
        let (room, account) = (self.own_room.id, self.account.id);
        let mut batch = Batch::new();
        let own = &mut self.own_room;
        for (choice, chosen) in &own.held {
            let Choice { name, target } = *choice;
            let is_there = self.replica.register(&RegisterKey { room, account, name, target }).is_some();
            let waits = |unheard: &Unheard| unheard.step != Step::Said && unheard.chosen.at >= chosen.at;
            if is_there || own.unheard.get(choice).is_some_and(waits) {
                continue;
            }
            Records::put_choice(&mut batch, choice, chosen);
            own.unheard.insert(*choice, Unheard { chosen: chosen.clone(), step: Step::Due });
        }
        if !batch.is_empty() {
            self.persistence.write(batch);
        }
    }
}

/// The genesis of an account's own room.
pub(super) fn own_genesis(account: &crate::account::record::Account) -> Genesis {
    Genesis::Own { server: account.server_key, account: account.id }
}

fn said(register: &Register) -> (Choice, Chosen) {
    let Register { name, target, hlc, .. } = register;
    (Choice { name: *name, target: *target }, Chosen { at: *hlc, value: register.value.clone() })
}

#[cfg(test)]
mod tests;
