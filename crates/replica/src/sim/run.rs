//! Carries out a plan in a world of its own, heals it, and holds it against what it promises.
#![allow(clippy::unwrap_used, reason = "a run ends where something does not hold")]

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use momoland_protocol::clock::UnixMillis;
use momoland_protocol::event::{Action, EventPlace};
use momoland_protocol::id::{EventId, InviteKey, RoomId};
use momoland_protocol::register::RegisterName;
use momoland_protocol::replication::RelayMode;
use momoland_protocol::roster::{Role, RosterOp, Visibility};
use momoland_protocol::signed::SecretKey;

use super::checkers::{bounds, convergence, deletions, progress, rights};
use super::disk::Contents;
use super::liar::Liar;
use super::plan::{Lie, Op, PRIVATE, PUBLIC, Plan, Sort};
use super::world::{Node, World};
use super::{HONEST, LIAR, PEOPLE, Planted, RELAY, TABLET};
use crate::input::{Command, CommandId, Input};
use crate::roster::Roster;

/// What can be said of an event.
const AMENDMENTS: [Action; 4] = [Action::EDIT, Action::REACT, Action::RETRACT, Action::REDACT];

/// How much of everything a run saw.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    counts: BTreeMap<String, u64>,
}

impl Totals {
    fn count(&mut self, what: &str) {
        self.add_to(what, 1);
    }

    fn add_to(&mut self, what: &str, more: u64) {
        match self.counts.get_mut(what) {
            Some(count) => *count += more,
            None => {
                self.counts.insert(what.to_owned(), more);
            }
        }
    }

    /// Adds another run's.
    pub fn add(&mut self, other: &Self) {
        other.counts.iter().for_each(|(what, count)| self.add_to(what, *count));
    }

    /// What was counted, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> + '_ {
        self.counts.iter().map(|(what, count)| (what.as_str(), *count))
    }
}

/// A run that went well.
#[derive(Debug, Clone)]
pub struct Ran {
    /// What it saw.
    pub totals: Totals,
    /// A hash over every frame.
    pub trace: [u8; 32],
}

/// Carries out a plan.
///
/// # Errors
/// What did not hold, in a sentence that begins with the checker's name.
pub fn run(plan: &Plan) -> Result<Ran, String> {
    run_with(plan, None)
}

/// As [`run`], with a fault built in where the feature `planted` is on.
///
/// # Errors
/// What did not hold, in a sentence.
pub fn run_with(plan: &Plan, planted: Option<Planted>) -> Result<Ran, String> {
    carry_out(plan, planted, false).0
}

/// As [`run`], with a line for everything that went in and out of a replica.
pub fn narrate(plan: &Plan) -> (Result<Ran, String>, Vec<String>) {
    carry_out(plan, None, true)
}

fn carry_out(plan: &Plan, planted: Option<Planted>, told: bool) -> (Result<Ran, String>, Vec<String>) {
    let mut run = Run::new(planted);
    run.world.story = told.then(Vec::new);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        for op in &plan.ops {
            run.world.tell(|| format!("-- {op}"));
            run.carry_out(op);
        }
        run.world.tell(|| "-- the end".to_owned());
        run.finish();
        Ran { totals: run.totals.clone(), trace: run.world.trace() }
    }));
    let outcome = outcome.map_err(|panic| {
        let sentence = panic.downcast_ref::<String>().cloned();
        sentence.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
    });
    (outcome, run.world.story.take().unwrap_or_default())
}

struct Run {
    world: World,
    rooms: [RoomId; 2],
    /// The secrets of the invites to the private room.
    invites: Vec<SecretKey>,
    liar: Liar,
    totals: Totals,
    copies: BTreeMap<Node, Contents>,
    written: u64,
    /// Whether the server may have put two changes in one place since the last repair. It does so once at a time: a third
    /// successor, and a split within a split, are refused (RO13).
    may_be_split: bool,
    /// How many changes of each room the relay had on its disk after the last repair.
    repaired: [usize; 2],
}

impl Run {
    fn new(planted: Option<Planted>) -> Self {
        let mut world = World::with_people(PEOPLE);
        let tablet = world.add_device(world.person(2).account, 100);
        let liar = world.add_device(momoland_protocol::id::AccountId([101; 16]), 101);
        assert_eq!((tablet, liar), (TABLET, LIAR), "nodes have the numbers that plans use");
        #[cfg(feature = "planted")]
        world.plant(planted);
        #[cfg(not(feature = "planted"))]
        let _ = planted;
        world.unreliable.insert(LIAR);
        let rooms = [world.create_room(1, Visibility::Public), world.create_room(1, Visibility::Private)];
        world.settle();
        for node in 1..=HONEST {
            world.connect(RELAY, node);
        }
        for node in (2..PEOPLE).chain([LIAR]) {
            world.join(node, rooms[PUBLIC]);
        }
        world.settle();
        let secret = world.open_invite(1, rooms[PRIVATE], Some(2));
        world.settle();
        world.join_by(2, rooms[PRIVATE], &secret);
        world.settle();
        let liar = Liar::new(&world, rooms[PUBLIC], rooms[PRIVATE], &secret, 2);
        let invites = vec![secret];
        Self {
            world,
            rooms,
            invites,
            liar,
            totals: Totals::default(),
            copies: BTreeMap::new(),
            written: 0,
            may_be_split: false,
            repaired: [0; 2],
        }
    }

    fn carry_out(&mut self, op: &Op) {
        let sort = match op.sort() {
            Sort::Command => "command",
            Sort::Fault => "fault",
            Sort::Time => "step",
        };
        self.totals.count(&format!("{sort}s"));
        self.totals.count(&format!("{sort}: {}", op.name()));
        match *op {
            Op::Post(node, room) => self.post(node, room),
            Op::PostMany(node, room, count) => (0..count).for_each(|_| self.post(node, room)),
            Op::Amend(node, room, choice) => self.amend(node, room, choice),
            Op::Mark(node, room) => self.mark(node, room),
            Op::Mode(node, room, held_back) => self.set_mode(node, room, held_back),
            Op::Step(choice) => {
                self.world.wait_for_something();
                let steps = self.world.steps();
                if let Some(step) = steps.get(choice as usize % steps.len().max(1)) {
                    self.world.step(*step);
                }
                self.reopen_stores();
            }
            Op::Steps(count) => {
                for _ in 0..count {
                    self.world.wait_for_something();
                    let Some(step) = self.world.steps().first().copied() else { break };
                    self.world.step(step);
                    self.reopen_stores();
                }
            }
            Op::Wait(ms) => self.world.advance(u64::from(ms)),
            Op::Run(ms) => {
                self.world.run_for(u64::from(ms));
                self.reopen_stores();
            }
            Op::Link(one, other) if !self.world.is_connected(one, other) => self.world.connect(one, other),
            Op::Twin(one, other) if self.world.links_between(one, other) == 1 => self.world.connect(one, other),
            Op::Link(..) | Op::Twin(..) => {}
            Op::Cut(one, other) => self.world.cut(one, other),
            Op::Stall(one, other) => self.world.stall(one, other),
            Op::Latency(one, other, least, jitter) => {
                self.world.network.set_latency(one, other, least.into(), jitter.into());
            }
            Op::SlowReader(one, other, ms) => {
                let until = self.world.now_ms + u64::from(ms);
                self.world.pipes(one, other).for_each(|pipe| pipe.quiet_until_ms = until);
            }
            Op::SlowDisk(node, ms) => self.world.slow_disk(node, u64::from(ms)),
            Op::Withhold(node) => self.world.pipes(RELAY, node).for_each(|pipe| pipe.withholds = true),
            Op::Crash(node) => self.world.crash(node),
            Op::FullDisk(node, count) => self.world.machines[node].disk.refuses = count,
            Op::Skew(node, ms) => self.world.set_skew(node, ms),
            Op::Copy(node) => {
                self.copies.insert(node, self.world.copy(node));
            }
            Op::Restore(node) => self.restore(node),
            Op::Join(node, room) => {
                let op = self.world.join_op(node);
                self.change(node, room, op);
            }
            Op::JoinBy(node, invite) => self.join_by(node, invite),
            Op::Invite(node, uses, minutes) => self.invite(node, uses, minutes),
            Op::Withdraw(node, invite) => {
                let invite = InviteKey(self.invites[invite % self.invites.len()].public());
                self.change(node, PRIVATE, RosterOp::CloseInvite { invite });
            }
            Op::Leave(node, room) => {
                self.change(node, room, RosterOp::Leave);
            }
            Op::Remove(node, room) => {
                let account = self.world.person(node).account;
                self.change(1, room, RosterOp::Remove { account, ban: false });
            }
            Op::Ban(node, room) => {
                let account = self.world.person(node).account;
                self.change(1, room, RosterOp::Remove { account, ban: true });
            }
            Op::Unban(node, room) => {
                let account = self.world.person(node).account;
                self.change(1, room, RosterOp::Unban { account });
            }
            Op::Forget(node, room) => self.forget(node, room),
            Op::Gather => self.gather(),
            Op::SetRole(node, room, reader) => {
                let role = if reader { Role::Reader } else { Role::Member };
                let account = self.world.person(node).account;
                self.change(1, room, RosterOp::SetRole { account, role });
            }
            Op::AddDevice(room) => {
                let certificate = self.world.person(TABLET).certificate.clone();
                self.change(TABLET, room, RosterOp::AddDevice { certificate });
            }
            Op::Revoke(room) => {
                let device = self.world.person(TABLET).device();
                self.change(2, room, RosterOp::RevokeDevice { device });
            }
            Op::Repair => self.repair(),
            Op::Lie(node, Lie::TwoSuccessors) if !self.may_be_told_another(node) => {}
            Op::Lie(node, lie) => {
                self.may_be_split |= lie == Lie::TwoSuccessors;
                self.totals.count(&format!("lie: {}", lie.name()));
                self.liar.lie(&mut self.world, node, lie);
            }
        }
    }

    fn post(&mut self, node: Node, room: usize) {
        self.written += 1;
        let text = format!("message {}", self.written);
        self.world.post(node, self.rooms[room], &text);
    }

    /// Says something of one of the events that a node holds; who has no right to it is refused, or it does not count.
    fn amend(&mut self, node: Node, room: usize, choice: u32) {
        let room = self.rooms[room];
        let log = room.conversation();
        let held =
            self.world.disk(node).events.values().filter(|(of, event)| *of == room && event.header.get().log == log);
        let targets: Vec<(EventPlace, EventId)> =
            held.map(|(_, event)| (event.header.get().own_place(), event.id())).collect();
        let (which, how) = (choice as usize / AMENDMENTS.len(), choice as usize % AMENDMENTS.len());
        let Some(target) = targets.get(which % targets.len().max(1)).copied() else { return };
        self.written += 1;
        let text = format!("about it {}", self.written);
        self.world.amend_at(node, room, AMENDMENTS[how], target, &text);
        self.totals.count("events amended");
    }

    fn mark(&mut self, node: Node, room: usize) {
        self.written += 1;
        let (room, id) = (self.rooms[room], CommandId(u64::MAX - self.written));
        let value = self.written.to_be_bytes().to_vec();
        let command = Command::SetRegister { room, name: RegisterName::READ, target: room.0, value, at: None };
        self.world.input(node, Input::Command { id, command });
    }

    /// Who is out may forget a room; of what it had it need keep nothing.
    fn forget(&mut self, node: Node, room: usize) {
        let (device, room) = (self.world.person(node).device(), self.rooms[room]);
        let roster = self.world.replica_of(node).roster(room);
        if roster.is_none_or(|roster| roster.role_of_device(device).is_some()) {
            return;
        }
        self.written += 1;
        let id = CommandId(u64::MAX - self.written);
        self.world.input(node, Input::Command { id, command: Command::Forget { room } });
        self.totals.count("rooms forgotten");
    }

    /// The relay is away, and all others meet: whoever holds the newest roster among them shows the same.
    fn gather(&mut self) {
        loop {
            self.cut_all();
            for one in 1..=HONEST {
                (one + 1..=HONEST).for_each(|other| self.world.connect(one, other));
            }
            self.world.settle();
            if !self.reopen_stores() {
                break;
            }
        }
        for room in self.rooms {
            convergence::alike_without_relay(&self.world, room, 1..=HONEST);
        }
        self.cut_all();
        for node in 1..=HONEST {
            self.world.connect(RELAY, node);
        }
    }

    fn set_mode(&mut self, node: Node, room: usize, held_back: bool) {
        let mode = if held_back { RelayMode::Digest } else { RelayMode::Full };
        self.world.input(node, Input::Mode { room: self.rooms[room], mode });
    }

    /// Asks the server for a change; whether it was ordered.
    fn change(&mut self, author: Node, room: usize, op: RosterOp) -> bool {
        match self.world.submit(author, self.rooms[room], op) {
            Ok(()) => true,
            Err(why) => {
                let why = format!("{why:?}");
                let name: String = why.chars().take_while(char::is_ascii_alphanumeric).collect();
                self.totals.count(&format!("refused: {name}"));
                false
            }
        }
    }

    fn invite(&mut self, node: Node, uses: u32, minutes: u32) {
        let number = u8::try_from(self.invites.len() % 100).unwrap();
        let secret = SecretKey::from_seed(&[150 + number; 32]);
        let expires_at = UnixMillis(self.world.now(RELAY).wall.0 + u64::from(minutes) * 60_000);
        let (invite, uses_max) = (InviteKey(secret.public()), Some(uses));
        let op = RosterOp::OpenInvite { invite, role: Role::Member, uses_max, expires_at };
        if self.change(node, PRIVATE, op) {
            self.invites.push(secret);
        }
    }

    fn join_by(&mut self, node: Node, invite: usize) {
        let secret = &self.invites[invite % self.invites.len()];
        let op = self.world.join_by_op(node, self.rooms[PRIVATE], secret);
        self.change(node, PRIVATE, op);
    }

    /// A node starts from an older copy of its disk, if one was taken.
    fn restore(&mut self, node: Node) {
        let Some(copy) = self.copies.remove(&node) else { return };
        self.totals.count("restored from a copy");
        self.world.unreliable.insert(node);
        let lost_repair = (0..2).any(|room| {
            let taken = copy.rosters.get(&self.rooms[room]).map_or(0, Vec::len);
            taken < self.repaired[room]
        });
        self.world.restore(node, copy);
        if node != RELAY {
            return;
        }
        if self.may_be_split || lost_repair {
            // Members give back what was lost before anything else is put in its place.
            self.repair();
        } else {
            self.may_be_split = true;
        }
    }

    /// Whether a node may be told of another change than the others: once at a time, and of nothing before a repair.
    fn may_be_told_another(&self, node: Node) -> bool {
        let taken = self.world.roster_on_disk(node, self.rooms[PUBLIC]).len();
        node != RELAY && !self.may_be_split && taken >= self.repaired[PUBLIC]
    }

    /// Everybody meets the relay, so that whoever holds a branch of a roster tells of it; and the owner joins them.
    fn repair(&mut self) {
        loop {
            self.relink();
            self.world.settle();
            if self.reopen_stores() {
                continue;
            }
            let split = |room: &RoomId| Some((*room, self.world.replica_of(RELAY).roster(*room)?.split()?));
            let Some((room, heads)) = self.rooms.iter().find_map(split) else { break };
            let place = usize::from(room != self.rooms[PUBLIC]);
            if self.change(1, place, RosterOp::Repair { one: heads.one, other: heads.other }) {
                self.totals.count("rosters repaired");
            }
        }
        self.may_be_split = false;
        self.repaired = self.rooms.map(|room| self.world.roster_on_disk(RELAY, room).len());
    }

    /// Where the disk refused something, the driver reopens the store and makes a new replica. Whether it did.
    fn reopen_stores(&mut self) -> bool {
        let halted: Vec<Node> = (RELAY..=HONEST).filter(|node| self.world.replica_of(*node).is_halted()).collect();
        for node in halted.iter().copied() {
            self.world.crash(node);
            self.totals.count("stores reopened");
        }
        !halted.is_empty()
    }

    fn members(&self, room: usize) -> Vec<Node> {
        let Some(roster) = self.world.replica_of(RELAY).roster(self.rooms[room]) else { return Vec::new() };
        let is_in = |node: &Node| roster.role_of_device(self.world.person(*node).device()).is_some();
        (1..=HONEST).filter(is_in).collect()
    }

    /// Everybody is linked with the relay anew, and with nobody else.
    fn relink(&mut self) {
        self.cut_all();
        for node in 1..=HONEST {
            self.world.connect(RELAY, node);
        }
    }

    fn cut_all(&mut self) {
        for one in RELAY..=HONEST {
            (one + 1..=HONEST).for_each(|other| self.world.cut(one, other));
        }
    }

    /// Heals everything, and holds the world against what it promises.
    fn finish(&mut self) {
        for node in RELAY..=HONEST {
            self.world.set_skew(node, 0);
            let disk = &mut self.world.machines[node].disk;
            (disk.takes_ms, disk.refuses) = (0, 0);
        }
        self.reopen_stores();
        self.world.network.forget_latencies();
        self.repair();
        progress::rest(&mut self.world);
        // Wrong clocks ahead of the present are waited for.
        self.world.advance(60_000);
        progress::rest(&mut self.world);
        self.check_alike();
        // What is written now reaches everybody, and its author hears so; also who asked the relay to hold back.
        for room in [PUBLIC, PRIVATE] {
            let members = self.members(room);
            for (place, node) in members.iter().copied().enumerate() {
                self.set_mode(node, room, place % 2 == 0);
            }
            progress::rest(&mut self.world);
            for node in members {
                self.check_writes(node, room);
            }
        }
        self.check_alike();
        self.totals.add_to("frames", self.world.frames);
        self.totals.add_to("bytes of frames", self.world.frame_bytes);
        for room in self.rooms {
            let shown = self.world.shown(RELAY, room).len();
            self.totals.add_to("events at the end", shown as u64);
        }
        self.totals.add_to("virtual seconds", self.world.now_ms / 1_000);
    }

    fn check_writes(&mut self, node: Node, room: usize) {
        let device = self.world.person(node).device();
        let role = self.world.replica_of(RELAY).roster(self.rooms[room]).and_then(|held| held.role_of_device(device));
        if role.is_none_or(|(_, role)| role == Role::Reader) {
            return;
        }
        // The first may go into a chain of which its author learns only then that it forked elsewhere.
        let acknowledged = (0..2).any(|_| {
            self.written += 1;
            let text = format!("message {}", self.written);
            progress::is_acknowledged(&mut self.world, node, self.rooms[room], &text)
        });
        assert!(acknowledged, "progress: node {node} wrote, and nobody acknowledged it");
    }

    fn check_alike(&self) {
        for (place, room) in self.rooms.iter().copied().enumerate() {
            convergence::alike(&self.world, room, &self.members(place));
            for node in RELAY..=HONEST {
                deletions::obeyed(&self.world, node, room);
                bounds::held(&self.world, node, room);
                if place == PRIVATE {
                    rights::invited(&self.world, node, room);
                }
            }
        }
        let version = |node: Node| self.world.replica_of(node).roster(self.rooms[PUBLIC]).map(Roster::version);
        assert!(version(RELAY).is_some(), "durability: the relay lost a room");
    }
}
