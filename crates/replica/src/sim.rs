//! Deterministic simulation: a seed is a plan of what happens in a world of the shipped replicas; any failure replays.
//!
//! [`plan::Plan::from_seed`] draws some hundreds of operations: commands, faults, and single steps of what is under
//! way, in any order. [`run`] carries them out on virtual time, heals the world, lets it come to rest, and holds what is
//! there against the invariants. After FoundationDB's and TigerBeetle's simulators; see `docs/protocol.md` for the rules.
//!
//! # What is held, and where
//! 1. Durability: what was told as stored, acknowledged or claimed in a vector is on that disk, and survives every
//!    crash (`World::check_sent`, `World::check_notice`, `World::crash`).
//! 2. Rights: nothing is stored that is forged, or that its author may not write; nothing beyond a cut is sent or shown.
//! 3. Secrecy: nobody outside of the roster that the sender holds is sent anything of a room (`World::check_sent`).
//! 4. Convergence: after healing, all members show the same events in the same order, the same registers and rosters.
//! 5. Progress: the world comes to rest in bounded virtual time with no ticket open, and what is written afterwards is
//!    acknowledged to its author and reaches everybody, also who asked the relay to hold back.
//! 6. Bounds: every frame is within its bound and decodes to itself; `Replica::check_invariants` after every input.
//! 7. The same plan gives the same frames, byte for byte. Test: `a_seed_replays_exactly`.
//!
//! Not here: real disks and processes (`./dev crash`), real links, latency as a distribution: an operation is delivered
//! before or after any other, which is more than any latency does.
#![allow(clippy::unwrap_used, reason = "a run ends where something does not hold")]

pub mod plan;
pub mod shrink;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use momoland_protocol::event::{Action, Body, BodyBytes, Event, EventHeader};
use momoland_protocol::id::{ChainId, EventId, Incarnation, RoomId, Seq, SetHash};
use momoland_protocol::register::RegisterName;
use momoland_protocol::replication::{ChainHead, ChainRange, Frame, RelayMode};
use momoland_protocol::roster::{Role, RosterOp, Visibility};
use momoland_protocol::signed::{SecretKey, Signed};

use self::plan::{Lie, Op, Plan};
use crate::input::{Command, CommandId, Input, LinkId, Remote};
use crate::output::Notice;
use crate::world::{Disk, Node, World};

/// People whose replicas are honest; the relay is node 0.
pub const PEOPLE: usize = 5;

/// The member who has no replica, and lies.
const LIAR: Node = PEOPLE + 1;

/// Faults that can be built in, to prove that the simulation finds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    /// An own event leaves before it is on the disk.
    SendsBeforePersisted,
    /// What is beyond a cut is sent.
    SkipsCut,
    /// An event that claims a right that had ended is taken.
    AcceptsBackdated,
    /// Nobody is told that an event is on the disk.
    DropsAcknowledgement,
    /// After a crash the last place of the own chain is used again.
    ReusesSeqAfterCrash,
    /// The relay holds back what peers should bring, and never sends what they did not.
    DigestWithoutTheGap,
    /// The lower end of a range moves one place too far.
    MergesRangesWrongly,
    /// Whoever was ever in the roster is sent everything.
    ForwardsToRemovedMember,
}

/// How much of everything a run saw.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    counts: BTreeMap<&'static str, u64>,
}

impl Totals {
    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// Adds another run's.
    pub fn add(&mut self, other: &Self) {
        for (what, count) in &other.counts {
            *self.counts.entry(what).or_default() += count;
        }
    }

    /// What was counted, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.counts.iter().map(|(what, count)| (*what, *count))
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
/// What did not hold, in a sentence.
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
            run.world.tell(|_| format!("-- {op}"));
            run.carry_out(op);
        }
        run.world.tell(|_| "-- the end".to_owned());
        run.finish();
        run.totals.counts.insert("frames", run.world.frames);
        run.totals.counts.insert("bytes of frames", run.world.frame_bytes);
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
    room: RoomId,
    totals: Totals,
    copies: BTreeMap<Node, Disk>,
    written: u64,
    lies: u64,
}

impl Run {
    fn new(planted: Option<Planted>) -> Self {
        let mut world = World::with_people(PEOPLE + 1);
        #[cfg(feature = "planted")]
        world.plant(planted);
        #[cfg(not(feature = "planted"))]
        let _ = planted;
        world.unreliable.insert(LIAR);
        let room = world.create_room(1, Visibility::Public);
        world.settle();
        for node in 1..=PEOPLE {
            world.connect(0, node);
        }
        for node in (2..PEOPLE).chain([LIAR]) {
            world.join(node, room);
        }
        world.settle();
        Self { world, room, totals: Totals::default(), copies: BTreeMap::new(), written: 0, lies: 0 }
    }

    fn carry_out(&mut self, op: &Op) {
        self.totals.count(op.name());
        match *op {
            Op::Post(node) => self.post(node),
            Op::PostMany(node, count) => (0..count).for_each(|_| self.post(node)),
            Op::Mark(node) => self.mark(node),
            Op::Mode(node, held_back) => {
                let mode = if held_back { RelayMode::Digest } else { RelayMode::Full };
                self.world.input(node, Input::Mode { room: self.room, mode });
            }
            Op::Step(choice) => {
                let steps = self.world.steps();
                if let Some(step) = steps.get(choice as usize % steps.len().max(1)) {
                    self.world.step(*step);
                }
            }
            Op::Steps(count) => {
                for _ in 0..count {
                    let Some(step) = self.world.steps().first().copied() else { break };
                    self.world.step(step);
                }
            }
            Op::Wait(ms) => self.world.advance(u64::from(ms)),
            Op::Link(one, other) if !self.world.is_connected(one, other) => self.world.connect(one, other),
            Op::Cut(one, other) if self.world.is_connected(one, other) => self.world.cut(one, other),
            Op::Link(..) | Op::Cut(..) => {}
            Op::Stall(one, other) => self.world.stall(one, other),
            Op::Crash(node) => self.world.crash(node),
            Op::FullDisk(node) => {
                self.world.fail_disk(node);
                // The driver reopens the store and makes a new replica.
                if self.world.replica_of(node).is_halted() {
                    self.world.crash(node);
                }
            }
            Op::Skew(node, ms) => self.world.set_skew(node, ms),
            Op::Copy(node) => {
                self.copies.insert(node, self.world.copy(node));
            }
            Op::Restore(node) => {
                if let Some(copy) = self.copies.remove(&node) {
                    self.world.unreliable.insert(node);
                    self.world.restore(node, copy);
                    if node == 0 {
                        // Nobody changes rosters before their order is known again: members give it back.
                        self.relink();
                        self.world.settle();
                    }
                }
            }
            Op::Join(node) => self.change_if(node, false, |run| run.world.join(node, run.room)),
            Op::Leave(node) => self.change_if(node, true, |run| run.world.change(node, run.room, RosterOp::Leave)),
            Op::Remove(node) => self.change_if(node, true, |run| {
                let account = run.world.person(node).account;
                run.world.change(1, run.room, RosterOp::Remove { account, ban: false });
            }),
            Op::SetRole(node, reader) => {
                let role = if reader { Role::Reader } else { Role::Member };
                let account = self.world.person(node).account;
                let present = self.world.replica_of(0).roster(self.room).and_then(|roster| roster.role(account));
                if present.is_some_and(|present| present != role) {
                    self.world.change(1, self.room, RosterOp::SetRole { account, role });
                }
            }
            Op::Lie(node, lie) => self.lie(node, lie),
        }
    }

    /// Only where the relay's roster has somebody in, or out; the owner stays.
    fn change_if(&mut self, node: Node, member: bool, change: impl FnOnce(&mut Self)) {
        let account = self.world.person(node).account;
        let role = self.world.replica_of(0).roster(self.room).and_then(|roster| roster.role(account));
        if role.is_some() == member && node != 1 {
            change(self);
        }
    }

    fn post(&mut self, node: Node) {
        self.written += 1;
        let text = format!("message {}", self.written);
        self.world.post(node, self.room, &text);
    }

    fn mark(&mut self, node: Node) {
        self.written += 1;
        let (room, id) = (self.room, CommandId(u64::MAX - self.written));
        let value = self.written.to_be_bytes().to_vec();
        let command = Command::SetRegister { room, name: RegisterName::READ, target: room.0, value };
        self.world.input(node, Input::Command { id, command });
    }

    /// The liar says something over a link of its own to a node.
    fn lie(&mut self, node: Node, lie: Lie) {
        self.lies += 1;
        let log = self.room.conversation();
        let link = LinkId(1_000_000 + self.lies);
        let (device, account) = (self.world.person(LIAR).device(), self.world.person(LIAR).account);
        self.world.input(node, Input::LinkUp { link, remote: Remote::Device { device, account } });
        let key = std::sync::Arc::clone(&self.world.person(LIAR).key);
        let stranger = SecretKey::from_seed(&[200; 32]);
        let frames = match lie {
            Lie::Forged => {
                let victim = self.world.person(1).device();
                vec![self.event_frame(ChainId { device: victim, incarnation: Incarnation([9; 16]) }, 1, &key)]
            }
            Lie::Stranger => {
                let chain = ChainId { device: stranger.device(), incarnation: Incarnation([9; 16]) };
                vec![self.event_frame(chain, 1, &stranger)]
            }
            // Two first events of one chain, told to different nodes by turns.
            Lie::Fork => {
                let chain = ChainId { device, incarnation: Incarnation([u8::try_from(self.lies % 3).unwrap(); 16]) };
                vec![self.event_frame(chain, 1, &key)]
            }
            Lie::Middle => {
                let chain = ChainId { device, incarnation: Incarnation([100; 16]) };
                vec![self.event_frame(chain, 40, &key)]
            }
            // A chain that was kept back, under whatever right the liar once had.
            Lie::Backdated => {
                let incarnation = Incarnation([u8::try_from(110 + self.lies % 100).unwrap(); 16]);
                vec![self.event_frame(ChainId { device, incarnation }, 1, &key)]
            }
            Lie::Flood => {
                let chain = ChainId { device: self.world.person(1).device(), incarnation: Incarnation([7; 16]) };
                let (head, high) = (EventId([7; 32]), Seq(u64::MAX - 1));
                let range = ChainRange { chain, low: Seq(1), high, head };
                vec![
                    Frame::Have { log, chains: vec![range], more: true, registers: SetHash([1; 32]) },
                    Frame::Have { log, chains: vec![range], more: false, registers: SetHash([1; 32]) },
                    Frame::Ack { log, chains: vec![ChainHead { chain, seq: high, event: head }; 64] },
                    Frame::Want { log, chain, from: Seq(1), to: high },
                ]
            }
        };
        for frame in frames {
            self.world.input(node, Input::Frame { link, frame });
        }
        self.world.input(node, Input::LinkDown { link });
    }

    /// An event that continues nothing but itself, under the first roster that is known.
    fn event_frame(&self, chain: ChainId, seq: u64, key: &SecretKey) -> Frame {
        let log = self.room.conversation();
        let body = BodyBytes::new(&Body::Plain(self.lies.to_be_bytes().to_vec())).unwrap();
        let roster = self.world.replica_of(0).roster(self.room).unwrap();
        let version = roster.version().min(PEOPLE as u64 + 1);
        let header = EventHeader {
            log,
            device: chain.device,
            incarnation: chain.incarnation,
            seq: Seq(seq),
            prev: if seq == 1 { EventId::ZERO } else { EventId([8; 32]) },
            hlc: momoland_protocol::clock::Hlc(self.lies),
            roster: roster.hash_at(version).unwrap(),
            action: Action::POST,
            targets: Vec::new(),
            body_hash: body.hash(),
            body_length: u32::try_from(body.len()).unwrap(),
        };
        let event = Event { header: Signed::sign(header, key).unwrap(), body: Some(body) };
        Frame::Events { log, events: vec![event] }
    }

    fn members(&self) -> Vec<Node> {
        let roster = self.world.replica_of(0).roster(self.room).unwrap();
        (1..=PEOPLE).filter(|node| roster.role(self.world.person(*node).account).is_some()).collect()
    }

    /// Everybody is linked with the relay anew, and with nobody else.
    fn relink(&mut self) {
        for one in 0..=PEOPLE {
            for other in one + 1..=PEOPLE {
                self.world.cut(one, other);
            }
        }
        for node in 1..=PEOPLE {
            self.world.connect(0, node);
        }
    }

    /// Heals everything, and holds the world against what it promises.
    fn finish(&mut self) {
        let restored: Vec<Node> = self.world.unreliable.iter().copied().collect();
        for node in 0..=PEOPLE {
            self.world.set_skew(node, 0);
        }
        self.relink();
        self.world.settle();
        // Wrong clocks ahead of the present are waited for.
        self.world.advance(60_000);
        self.world.settle();
        self.check_alike();
        // What is written now reaches everybody, and its author hears so; also who asked the relay to hold back.
        let members = self.members();
        for (place, node) in members.iter().copied().enumerate() {
            let mode = if place % 2 == 0 { RelayMode::Digest } else { RelayMode::Full };
            self.world.input(node, Input::Mode { room: self.room, mode });
        }
        self.world.settle();
        for node in members {
            let account = self.world.person(node).account;
            let role = self.world.replica_of(0).roster(self.room).and_then(|roster| roster.role(account));
            // The first may go into a chain of which its author learns only then that it forked elsewhere.
            let acknowledged = self.is_acknowledged(node) || self.is_acknowledged(node);
            let reads_only = role == Some(Role::Reader);
            assert!(acknowledged || reads_only, "progress: node {node} wrote, and nobody acknowledged it");
        }
        self.check_alike();
        for node in 0..=PEOPLE {
            assert_eq!(self.world.replica_of(node).tickets_open(), 0, "progress: a ticket stayed open at node {node}");
        }
        let shown = self.world.shown(0, self.room).len();
        self.totals.counts.insert("events at the end", shown as u64);
        self.totals.counts.insert("nodes restored from a copy", restored.len() as u64 - 1);
    }

    /// Writes once more, and whether the relay told that it has it.
    fn is_acknowledged(&mut self, node: Node) -> bool {
        let heard = self.world.notices(node).len();
        self.post(node);
        self.world.settle();
        let mut notices = self.world.notices(node).iter().skip(heard);
        notices.any(|notice| matches!(notice, Notice::Acknowledged { by: Remote::Relay, .. }))
    }

    fn check_alike(&self) {
        let (room, relay) = (self.room, self.world.replica_of(0));
        let events = self.world.shown(0, room);
        let head = relay.roster(room).unwrap().head();
        for node in self.members() {
            let roster = self.world.replica_of(node).roster(room).map(crate::roster::Roster::head);
            assert!(roster == Some(head), "convergence: node {node} has another roster than the relay");
            let shown = self.world.shown(node, room);
            let lacks: Vec<_> = events.iter().filter(|event| !shown.contains(event)).take(5).collect();
            let extra: Vec<_> = shown.iter().filter(|event| !events.contains(event)).take(5).collect();
            let alike = shown == events;
            assert!(
                alike,
                "convergence: node {node} shows other events than the relay: lacks {lacks:?}, has {extra:?}"
            );
            let alike = self.world.registers(node, room) == self.world.registers(0, room);
            assert!(alike, "convergence: node {node} has other registers than the relay");
        }
    }
}

#[cfg(test)]
mod tests;
