//! A world: replicas, their disks and the links between them, in one thread on virtual time.
//!
//! A disk keeps what is written apart from what is synced; a crash drops what was not, and makes the replica anew.
//! Everything that is under way is a list, and a test (or a seed of `sim`) chooses what happens next. The world holds
//! every frame and every notice against what is on the disks: see [`World::check_sent`] and [`World::check_notice`].
#![allow(clippy::unwrap_used, reason = "a world ends where something does not hold")]
#![cfg_attr(not(test), allow(dead_code, reason = "tests use more of it than the simulation does"))]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use momoland_protocol::cbor;
use momoland_protocol::certificate::DeviceCertificate;
use momoland_protocol::clock::{Hlc, UnixMillis};
use momoland_protocol::event::{Action, Body, BodyBytes, Event, EventHeader};
use momoland_protocol::id::{
    AccountId, ChainId, DeviceId, EventId, InviteKey, LogId, Nonce, RoomId, RosterHash, Seq, ServerKey,
};
use momoland_protocol::limits;
use momoland_protocol::register::{Register, RegisterKey};
use momoland_protocol::replication::Frame;
use momoland_protocol::roster::{
    Countersignature, CountersignedChange, Cut, Founder, Genesis, History, InviteProof, Posting, Role, RoomKind,
    RosterChange, RosterOp, Settings, Visibility,
};
use momoland_protocol::signed::{SecretKey, Signed};

use crate::input::{Command, CommandId, Input, LinkId, Mono, Now, PersistFailed, Remote, Ticket};
use crate::output::{Load, LoadOrder, Notice, Output, Record};
use crate::replica::{Config, DurableState, HeldChain, HeldFork, Own, Replica};

/// Credit that a link is given, and again whenever a frame arrives.
const CREDIT: usize = 64 * 1024;

pub(crate) type Node = usize;

/// What a disk holds.
#[derive(Default, Clone)]
pub(crate) struct Disk {
    rosters: BTreeMap<RoomId, Vec<CountersignedChange>>,
    events: BTreeMap<(LogId, ChainId, Seq), (RoomId, Event)>,
    forks: BTreeMap<(LogId, ChainId), (Seq, Signed<EventHeader>)>,
    registers: BTreeMap<RegisterKey, Signed<Register>>,
}

impl Disk {
    fn write(&mut self, record: &Record) {
        match record {
            Record::Roster { version, change } => {
                let changes = self.rosters.entry(change.change.get().room).or_default();
                assert_eq!(changes.len() as u64 + 1, *version, "roster changes are written in order");
                changes.push(change.clone());
            }
            Record::Event { room, event } => {
                let header = event.header.get();
                let before = Seq(header.seq.0 - 1);
                let (first, last) = ((header.log, header.chain(), Seq(0)), (header.log, header.chain(), Seq(u64::MAX)));
                let unknown = self.events.range(first..=last).next().is_none();
                let after = Seq(header.seq.0 + 1);
                let beside = |seq| self.events.contains_key(&(header.log, header.chain(), seq));
                assert!(unknown || beside(before) || beside(after), "events are written without a gap");
                let key = (header.log, header.chain(), header.seq);
                assert!(self.events.insert(key, (*room, event.clone())).is_none(), "no event is written twice");
            }
            Record::Fork { room: _, seq, offered } => {
                let header = offered.get();
                let held = self.events.keys().any(|(log, chain, _)| (*log, *chain) == (header.log, header.chain()));
                assert!(held, "the proof of a fork is written after its chain");
                self.forks.insert((header.log, header.chain()), (*seq, offered.clone()));
            }
            Record::Register(register) => {
                self.registers.insert(register.get().key(), register.clone());
            }
            Record::Forget { room } => {
                self.rosters.remove(room);
                self.events.retain(|_, (of, _)| of != room);
                let events = &self.events;
                self.forks.retain(|(log, chain), _| events.keys().any(|key| (key.0, key.1) == (*log, *chain)));
                self.registers.retain(|key, _| key.room != *room);
            }
        }
    }

    fn state(&self) -> DurableState {
        let mut chains: BTreeMap<(LogId, ChainId), HeldChain> = BTreeMap::new();
        for ((log, chain, seq), (room, event)) in &self.events {
            let header = event.header.get();
            let first = HeldChain {
                room: *room,
                log: *log,
                chain: *chain,
                low: *seq,
                low_prev: header.prev,
                high: *seq,
                head: event.id(),
                hlc: header.hlc,
            };
            let held = chains.entry((*log, *chain)).or_insert(first);
            (held.high, held.head, held.hlc) = (*seq, event.id(), header.hlc);
        }
        let forks = self.forks.iter().map(|((log, chain), (seq, offered))| HeldFork {
            log: *log,
            chain: *chain,
            seq: *seq,
            offered: offered.clone(),
        });
        DurableState {
            rosters: self.rosters.iter().map(|(room, changes)| (*room, changes.clone())).collect(),
            chains: chains.into_values().collect(),
            forks: forks.collect(),
            registers: self.registers.values().cloned().collect(),
        }
    }
}

pub(crate) struct Person {
    pub(crate) key: Arc<SecretKey>,
    pub(crate) account: AccountId,
    pub(crate) certificate: Signed<DeviceCertificate>,
}

impl Person {
    pub(crate) fn device(&self) -> DeviceId {
        self.key.device()
    }
}

struct Member {
    own: Own,
    replica: Replica,
    synced: Disk,
    /// Batches that are not synced yet, in order.
    writing: VecDeque<(Ticket, Vec<Record>)>,
    loading: VecDeque<Output>,
    notices: Vec<Notice>,
    /// Wall clock less virtual time, milliseconds.
    skew_ms: i64,
    /// Events in the frames that it sent.
    events_sent: usize,
}

/// One direction of a link.
struct Pipe {
    from: Node,
    to: Node,
    /// The link's name at the receiver.
    at: LinkId,
    frames: VecDeque<Frame>,
    stalled: bool,
}

pub(crate) struct World {
    server: SecretKey,
    members: Vec<Member>,
    people: BTreeMap<Node, Person>,
    pipes: Vec<Pipe>,
    next: u64,
    /// Replicas made so far.
    lives: u64,
    pub(crate) now_ms: u64,
    /// Links that a node closed for what came over them.
    pub(crate) closed: usize,
    /// Everything that was ever answered as stored, and must never be lost.
    pub(crate) acknowledged: BTreeSet<(Node, EventId)>,
    /// Nodes that started from an older copy of their disk, or lie: what they said to have they may not have.
    pub(crate) unreliable: BTreeSet<Node>,
    /// A hash over every frame, so that two runs can be compared.
    trace: blake3::Hasher,
    /// Frames that were sent, and their bytes.
    pub(crate) frames: u64,
    pub(crate) frame_bytes: u64,
    /// What happened, a line each, where somebody wants to read it.
    pub(crate) story: Option<Vec<String>>,
    #[cfg(feature = "planted")]
    pub(crate) planted: Option<crate::sim::Planted>,
}

/// Something that may happen next.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Deliver(usize),
    Sync(Node),
    Load(Node),
}

impl World {
    /// A relay (node 0) and as many people.
    pub(crate) fn with_people(count: usize) -> Self {
        let server = SecretKey::from_seed(&[255; 32]);
        let mut world = Self {
            server,
            members: Vec::new(),
            people: BTreeMap::new(),
            pipes: Vec::new(),
            next: 0,
            lives: 0,
            now_ms: 0,
            closed: 0,
            acknowledged: BTreeSet::new(),
            unreliable: BTreeSet::new(),
            trace: blake3::Hasher::new(),
            frames: 0,
            frame_bytes: 0,
            story: None,
            #[cfg(feature = "planted")]
            planted: None,
        };
        world.add(Own::Relay);
        for number in 0..count {
            world.add_person(number);
        }
        world
    }

    fn add_person(&mut self, number: usize) -> Node {
        let seed = u8::try_from(number + 1).unwrap();
        let key = Arc::new(SecretKey::from_seed(&[seed; 32]));
        let account = AccountId([seed; 16]);
        let certificate = DeviceCertificate {
            server: self.server_key(),
            account,
            handle: format!("person{number}"),
            device: key.device(),
            issued_at: UnixMillis(1),
            vouch: None,
        };
        let certificate = Signed::sign(certificate, &self.server).unwrap();
        let node = self.add(Own::Device { key: Arc::clone(&key), account });
        self.people.insert(node, Person { key, account, certificate });
        node
    }

    fn add(&mut self, own: Own) -> Node {
        let node = self.members.len();
        let replica = self.replica(&own, node, DurableState::default());
        self.members.push(Member {
            own,
            replica,
            synced: Disk::default(),
            writing: VecDeque::new(),
            loading: VecDeque::new(),
            notices: Vec::new(),
            skew_ms: 0,
            events_sent: 0,
        });
        node
    }

    fn replica(&mut self, own: &Own, node: Node, state: DurableState) -> Replica {
        self.lives += 1;
        let config = Config {
            own: own.clone(),
            server: self.server_key(),
            recent_bytes_max: 4 * 1024,
            #[cfg(feature = "planted")]
            planted: self.planted,
        };
        // Fresh for every life of every node, and the same in every run.
        let mut seed = [0; 32];
        seed[0] = u8::try_from(node).unwrap();
        seed[1..9].copy_from_slice(&self.lives.to_be_bytes());
        Replica::new(config, seed, state)
    }

    pub(crate) fn server_key(&self) -> ServerKey {
        ServerKey(self.server.public())
    }

    pub(crate) fn person(&self, node: Node) -> &Person {
        &self.people[&node]
    }

    pub(crate) fn replica_of(&self, node: Node) -> &Replica {
        &self.members[node].replica
    }

    pub(crate) fn set_skew(&mut self, node: Node, skew_ms: i64) {
        self.members[node].skew_ms = skew_ms;
    }

    /// Builds a fault into every replica.
    #[cfg(feature = "planted")]
    pub(crate) fn plant(&mut self, planted: Option<crate::sim::Planted>) {
        self.planted = planted;
        for node in 0..self.members.len() {
            self.crash(node);
        }
    }

    fn now(&self, node: Node) -> Now {
        let wall = (1_800_000_000_000 + self.now_ms).saturating_add_signed(self.members[node].skew_ms);
        Now { mono: Mono(self.now_ms), wall: UnixMillis(wall) }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    // Links.

    /// Connects two nodes; both ends get credit.
    pub(crate) fn connect(&mut self, one: Node, other: Node) {
        let (at_one, at_other) = (LinkId(self.number()), LinkId(self.number()));
        self.pipes.push(Pipe { from: one, to: other, at: at_other, frames: VecDeque::new(), stalled: false });
        self.pipes.push(Pipe { from: other, to: one, at: at_one, frames: VecDeque::new(), stalled: false });
        for (node, link, remote) in [(one, at_one, self.remote(other)), (other, at_other, self.remote(one))] {
            self.input(node, Input::LinkUp { link, remote });
            self.input(node, Input::Credit { link, bytes: CREDIT });
        }
    }

    /// Cuts all links between two nodes; what was under way is lost.
    pub(crate) fn cut(&mut self, one: Node, other: Node) {
        let between = |pipe: &Pipe| (pipe.from, pipe.to) == (one, other) || (pipe.from, pipe.to) == (other, one);
        let ends: Vec<(Node, LinkId)> =
            self.pipes.iter().filter(|pipe| between(pipe)).map(|pipe| (pipe.to, pipe.at)).collect();
        self.pipes.retain(|pipe| !between(pipe));
        for (node, link) in ends {
            self.input(node, Input::LinkDown { link });
        }
    }

    pub(crate) fn is_connected(&self, one: Node, other: Node) -> bool {
        self.pipes.iter().any(|pipe| (pipe.from, pipe.to) == (one, other))
    }

    fn remote(&self, node: Node) -> Remote {
        match &self.members[node].own {
            Own::Relay => Remote::Relay,
            Own::Device { key, account } => Remote::Device { device: key.device(), account: *account },
        }
    }

    /// The node loses power: what was not synced is gone, its links break, and it starts anew.
    pub(crate) fn crash(&mut self, node: Node) {
        let others: Vec<Node> = (0..self.members.len()).filter(|other| self.is_connected(node, *other)).collect();
        for other in others {
            self.cut(node, other);
        }
        let state = self.members[node].synced.state();
        let own = self.members[node].own.clone();
        let replica = self.replica(&own, node, state);
        let member = &mut self.members[node];
        member.replica = replica;
        member.writing.clear();
        member.loading.clear();
        for (_, event) in self.acknowledged.iter().filter(|(of, _)| *of == node) {
            let there = self.members[node].synced.events.values().any(|(_, held)| held.id() == *event);
            assert!(there, "an acknowledged event was lost");
        }
    }

    /// The node's disk as it is now.
    pub(crate) fn copy(&self, node: Node) -> Disk {
        self.members[node].synced.clone()
    }

    /// The node starts anew from an older copy of its disk.
    pub(crate) fn restore(&mut self, node: Node, copy: Disk) {
        self.members[node].synced = copy;
        self.acknowledged.retain(|(of, _)| *of != node);
        self.crash(node);
    }

    /// Nothing that one node sends reaches the other any more, and neither notices.
    pub(crate) fn stall(&mut self, from: Node, to: Node) {
        for pipe in self.pipes.iter_mut().filter(|pipe| (pipe.from, pipe.to) == (from, to)) {
            pipe.stalled = true;
            pipe.frames.clear();
        }
    }

    /// A crash in which the disk also lost what it had synced of the node's own last events in a room.
    pub(crate) fn lose_tail(&mut self, node: Node, room: RoomId) {
        let device = self.person(node).device();
        let own = self.members[node]
            .synced
            .events
            .keys()
            .rfind(|(log, chain, _)| *log == room.conversation() && chain.device == device);
        let last = *own.expect("the node wrote something");
        if let Some((_, event)) = self.members[node].synced.events.remove(&last) {
            self.acknowledged.remove(&(node, event.id()));
        }
        self.crash(node);
    }

    // Inputs and what comes of them.

    /// Adds a line to the story, where there is one.
    pub(crate) fn tell(&mut self, line: impl FnOnce(&Self) -> String) {
        if self.story.is_some() {
            let line = format!("{:>8} {}", self.now_ms, line(self));
            self.story.iter_mut().for_each(|story| story.push(line.clone()));
        }
    }

    pub(crate) fn input(&mut self, node: Node, input: Input) {
        self.tell(|_| format!("{node} <- {input:?}"));
        let now = self.now(node);
        self.members[node].replica.handle_input(now, input);
        self.drain(node);
    }

    fn drain(&mut self, node: Node) {
        let now = self.now(node);
        self.members[node].replica.check_invariants();
        while let Some(output) = self.members[node].replica.poll_output() {
            self.tell(|_| format!("{node} -> {output:?}"));
            match output {
                Output::Send { link, frame } => self.send(node, link, frame),
                Output::Persist { ticket, batch } => {
                    self.check_taken(node, &batch);
                    self.members[node].writing.push_back((ticket, batch));
                }
                Output::Load { .. } => self.members[node].loading.push_back(output),
                Output::Notice(notice) => {
                    self.check_notice(node, &notice);
                    if let Notice::Stored { event, .. } = &notice {
                        self.acknowledged.insert((node, event.id()));
                    }
                    self.members[node].notices.push(notice);
                }
                Output::CloseLink { link, reason: _ } => {
                    self.closed += 1;
                    self.members[node].replica.handle_input(now, Input::LinkDown { link });
                }
            }
        }
    }

    fn send(&mut self, node: Node, link: LinkId, frame: Frame) {
        if let Frame::Events { log: _, events } = &frame {
            self.members[node].events_sent += events.len();
        }
        let bytes = cbor::encode(&frame);
        self.trace.update(&bytes);
        self.frames += 1;
        self.frame_bytes += bytes.len() as u64;
        assert!(bytes.len() <= limits::FRAME_BYTES_MAX, "bounds: a frame of {} bytes", bytes.len());
        let decoded = cbor::decode::<Frame>(&bytes, limits::FRAME_BYTES_MAX);
        assert_eq!(decoded.as_ref(), Ok(&frame), "bounds: a frame that does not decode to itself");
        // The link's name at the sender is that of the pipe that comes back.
        let Some(peer) = self.pipes.iter().find(|pipe| pipe.to == node && pipe.at == link).map(|pipe| pipe.from) else {
            return;
        };
        self.check_sent(node, peer, &frame);
        let mut open = self.pipes.iter_mut().filter(|pipe| !pipe.stalled);
        if let Some(pipe) = open.find(|pipe| (pipe.from, pipe.to) == (node, peer)) {
            pipe.frames.push_back(frame);
        }
    }

    /// Holds what a replica wants written against the roster that it holds.
    fn check_taken(&self, node: Node, batch: &[Record]) {
        for record in batch {
            let Record::Event { room, event } = record else { continue };
            let header = event.header.get();
            let roster = self.members[node].replica.roster(*room).expect("a room with events");
            let cut = roster
                .version_of(header.roster)
                .is_none_or(|version| roster.is_cut(header.log, header.chain(), header.seq, version));
            assert!(!cut, "rights: an event beyond a cut was taken");
        }
    }

    /// Holds a frame against the sender's disk and roster.
    fn check_sent(&self, node: Node, peer: Node, frame: &Frame) {
        let synced = &self.members[node].synced;
        let room = match frame {
            Frame::Events { log, events } => {
                for event in events {
                    let header = event.header.get();
                    let held = synced.events.get(&(header.log, header.chain(), header.seq));
                    // The proof of a fork: nobody drops bodies here.
                    if event.body.is_none() {
                        continue;
                    }
                    assert!(held.is_some(), "durability: an event left before it was on the sender's disk");
                    let roster = self.members[node].replica.roster(RoomId(log.0)).expect("a room with events");
                    let version = roster.version_of(header.roster).expect("a version that was admitted");
                    let cut = roster.is_cut(header.log, header.chain(), header.seq, version);
                    assert!(!cut, "rights: an event beyond a cut was sent");
                }
                RoomId(log.0)
            }
            Frame::Have { log, chains, .. } => {
                for range in chains {
                    let ends = [range.low, range.high].map(|seq| synced.events.get(&(*log, range.chain, seq)));
                    assert!(ends.iter().all(Option::is_some), "durability: a vector claims what is not on the disk");
                }
                RoomId(log.0)
            }
            Frame::Registers { room, .. } => *room,
            _ => return,
        };
        if let Remote::Device { device, account } = self.remote(peer) {
            let roster = self.members[node].replica.roster(room).expect("a room that is shared");
            let member = roster.role_of_device(device).is_some_and(|(owner, _)| owner == account);
            assert!(member, "secrecy: somebody outside of the roster is sent what belongs to the room");
        }
    }

    /// Holds a notice against the disks and the roster.
    fn check_notice(&self, node: Node, notice: &Notice) {
        match notice {
            Notice::Stored { room, event, .. } => {
                let header = event.header.get();
                let key = (header.log, header.chain(), header.seq);
                let there = self.members[node].synced.events.get(&key).is_some_and(|(_, held)| held.id() == event.id());
                assert!(there, "durability: told as stored before it was on the disk");
                assert!(event.header.verify(&header.device).is_ok(), "rights: a forged event was stored");
                let roster = self.members[node].replica.roster(*room).expect("a room with events");
                let version = roster.version_of(header.roster).expect("rights: an event under no roster was stored");
                let allowed = roster.allows(header.device, version, header.action).is_ok();
                assert!(allowed, "rights: an event was stored that its author may not write");
            }
            Notice::Acknowledged { log, chain, seq, by } => {
                let remote =
                    (0..self.members.len()).find(|other| self.remote(*other) == *by).expect("somebody is there");
                let there = self.members[remote].synced.events.contains_key(&(*log, *chain, *seq));
                let unreliable = self.unreliable.contains(&remote);
                assert!(there || unreliable, "durability: acknowledged by one who does not have it on its disk");
            }
            _ => {}
        }
    }

    /// A hash over every frame so far.
    pub(crate) fn trace(&self) -> [u8; 32] {
        *self.trace.finalize().as_bytes()
    }

    /// Everything that may happen next.
    pub(crate) fn steps(&self) -> Vec<Step> {
        let pipes = self.pipes.iter().enumerate().filter(|(_, pipe)| !pipe.frames.is_empty());
        let mut steps: Vec<Step> = pipes.map(|(place, _)| Step::Deliver(place)).collect();
        for (node, member) in self.members.iter().enumerate() {
            if !member.writing.is_empty() {
                steps.push(Step::Sync(node));
            }
            if !member.loading.is_empty() {
                steps.push(Step::Load(node));
            }
        }
        steps
    }

    pub(crate) fn step(&mut self, step: Step) {
        match step {
            Step::Deliver(place) => {
                let pipe = &mut self.pipes[place];
                let (to, link) = (pipe.to, pipe.at);
                let Some(frame) = pipe.frames.pop_front() else { return };
                let (from, bytes) = (pipe.from, CREDIT / 8);
                self.input(to, Input::Frame { link, frame });
                // The sender's link has room again.
                let back = self.pipes.iter().find(|pipe| (pipe.from, pipe.to) == (to, from)).map(|pipe| pipe.at);
                if let Some(link) = back {
                    self.input(from, Input::Credit { link, bytes });
                }
            }
            Step::Sync(node) => {
                let Some((ticket, batch)) = self.members[node].writing.pop_front() else { return };
                for record in &batch {
                    self.members[node].synced.write(record);
                }
                self.input(node, Input::Persisted { ticket, result: Ok(()) });
            }
            Step::Load(node) => {
                let Some(Output::Load { ticket, load }) = self.members[node].loading.pop_front() else { return };
                let Load { log, chain, from, to, bytes_max, order } = load;
                let mut bytes = 0;
                let range = (log, chain, from)..=(log, chain, to);
                let mut events = Vec::new();
                let mut held: Vec<&Event> =
                    self.members[node].synced.events.range(range).map(|(_, (_, event))| event).collect();
                if order == LoadOrder::NewestFirst {
                    held.reverse();
                }
                for event in held {
                    events.push(event.clone());
                    bytes += event.size();
                    if bytes >= bytes_max {
                        break;
                    }
                }
                self.input(node, Input::Loaded { ticket, events });
            }
        }
    }

    /// The next batch of a node is refused by its disk.
    pub(crate) fn fail_disk(&mut self, node: Node) {
        let Some((ticket, _)) = self.members[node].writing.pop_front() else { return };
        self.input(node, Input::Persisted { ticket, result: Err(PersistFailed) });
    }

    /// Lets everything happen, time included, until nothing more does.
    pub(crate) fn settle(&mut self) {
        for _ in 0..200_000 {
            if let Some(step) = self.steps().first().copied() {
                self.step(step);
                continue;
            }
            let wakes = self.members.iter().filter_map(|member| member.replica.poll_timeout());
            let Some(at) = wakes.map(|(at, _)| at.0).min() else { return };
            self.now_ms = self.now_ms.max(at);
            self.wake_all();
        }
        panic!("the world does not come to rest");
    }

    /// Delivers and syncs until only the relay's disk has something to do.
    pub(crate) fn settle_links(&mut self) {
        let relays = |step: &Step| matches!(step, Step::Sync(0) | Step::Load(0));
        while let Some(step) = self.steps().into_iter().find(|step| !relays(step)) {
            self.step(step);
        }
    }

    pub(crate) fn advance(&mut self, ms: u64) {
        self.now_ms += ms;
        self.wake_all();
    }

    fn wake_all(&mut self) {
        for node in 0..self.members.len() {
            let now = self.now(node);
            self.members[node].replica.handle_timeout(now);
            self.drain(node);
        }
    }

    // Rosters: the test is the server that puts changes in order.

    pub(crate) fn create_room(&mut self, owner: Node, visibility: Visibility) -> RoomId {
        let person = self.person(owner);
        let genesis = Genesis::Made { kind: RoomKind::Chat, device: person.device(), nonce: Nonce([3; 32]) };
        let room = genesis.room();
        let certificates = vec![person.certificate.clone()];
        let founders = vec![Founder { account: person.account, role: Role::Owner, certificates }];
        let settings = Settings {
            name: "boat-shed".to_owned(),
            topic: String::new(),
            visibility,
            history: History::All,
            posting: Posting::Members,
        };
        self.change(owner, room, RosterOp::Create { genesis, settings, founders });
        room
    }

    pub(crate) fn join(&mut self, node: Node, room: RoomId) {
        let certificate = self.person(node).certificate.clone();
        self.change(node, room, RosterOp::Join { certificate, invite: None });
    }

    pub(crate) fn join_by(&mut self, node: Node, room: RoomId, secret: &SecretKey) {
        let person = self.person(node);
        let invite = Some(InviteProof::new(secret, room, person.device()));
        let certificate = person.certificate.clone();
        self.change(node, room, RosterOp::Join { certificate, invite });
    }

    pub(crate) fn open_invite(&mut self, node: Node, room: RoomId, uses_max: Option<u32>) -> SecretKey {
        let secret = SecretKey::from_seed(&[77; 32]);
        let invite = InviteKey(secret.public());
        let expires_at = UnixMillis(u64::MAX);
        self.change(node, room, RosterOp::OpenInvite { invite, role: Role::Member, uses_max, expires_at });
        secret
    }

    /// Signs a change, countersigns it, and gives it to the relay.
    pub(crate) fn change(&mut self, author: Node, room: RoomId, op: RosterOp) {
        let change = self.signed_change(author, room, op);
        let countersigned = self.countersign(change);
        self.input(0, Input::Roster(vec![countersigned]));
    }

    /// As [`Self::change`], with a list of cuts of the author's own making.
    pub(crate) fn change_with_cuts(&mut self, author: Node, room: RoomId, op: RosterOp, cuts: Vec<Cut>) {
        let mut change = self.signed_change(author, room, op).get().clone();
        change.cuts = cuts;
        let change = Signed::sign(change, &self.person(author).key).unwrap();
        let countersigned = self.countersign(change);
        self.input(0, Input::Roster(vec![countersigned]));
    }

    pub(crate) fn signed_change(&self, author: Node, room: RoomId, op: RosterOp) -> Signed<RosterChange> {
        let relay = self.replica_of(0);
        let prev = relay.roster(room).map_or(RosterHash::ZERO, crate::roster::Roster::head);
        let cuts = match &op {
            RosterOp::Remove { account, ban: _ } | RosterOp::SetRole { account, role: _ } => {
                self.replica_of(author).cuts_for(room, *account)
            }
            RosterOp::Leave => self.replica_of(author).cuts_for(room, self.person(author).account),
            _ => Vec::new(),
        };
        let person = self.person(author);
        let hlc = Hlc::at(self.now(author).wall);
        Signed::sign(RosterChange { room, prev, device: person.device(), hlc, op, cuts }, &person.key).unwrap()
    }

    pub(crate) fn countersign(&self, change: Signed<RosterChange>) -> CountersignedChange {
        let room = change.get().room;
        let relay = self.replica_of(0);
        let version = relay.roster(room).map_or(0, crate::roster::Roster::version) + 1;
        let cuts = match &change.get().op {
            RosterOp::Remove { account, ban: _ } | RosterOp::SetRole { account, role: _ } => {
                relay.cuts_for(room, *account)
            }
            _ => Vec::new(),
        };
        let countersignature = Countersignature { change: change.roster_hash(), version, at: self.now(0).wall, cuts };
        CountersignedChange { change, countersignature: Signed::sign(countersignature, &self.server).unwrap() }
    }

    // What people do and see.

    pub(crate) fn post(&mut self, node: Node, room: RoomId, text: &str) {
        let body = BodyBytes::new(&Body::Plain(text.as_bytes().to_vec())).unwrap();
        let id = CommandId(self.number());
        let command = Command::Append { log: room.conversation(), action: Action::POST, targets: Vec::new(), body };
        self.input(node, Input::Command { id, command });
    }

    /// What a node shows: what is on its disk and counts by the roster that it holds, in the order of display. Chains
    /// that forked are left out: each replica keeps the branch that it saw first.
    pub(crate) fn shown(&self, node: Node, room: RoomId) -> Vec<(DeviceId, Seq, EventId)> {
        let log = room.conversation();
        let Some(roster) = self.replica_of(node).roster(room) else { return Vec::new() };
        let forked =
            |chain: &ChainId| self.members.iter().any(|member| member.synced.forks.contains_key(&(log, *chain)));
        let held = self.members[node].synced.events.iter().filter(|((of, chain, _), _)| *of == log && !forked(chain));
        let mut events: Vec<&Event> = held.map(|(_, (_, event))| event).collect();
        events.retain(|event| {
            let header = event.header.get();
            let version = roster.version_of(header.roster);
            version.is_some_and(|version| !roster.is_cut(log, header.chain(), header.seq, version))
        });
        events.sort_by_key(|event| event.header.get().order());
        events.iter().map(|event| (event.header.get().device, event.header.get().seq, event.id())).collect()
    }

    /// The registers of a room that count at a node.
    pub(crate) fn registers(&self, node: Node, room: RoomId) -> Vec<[u8; 32]> {
        self.replica_of(node).registers(room).map(|register| register.hash()).collect()
    }

    /// What a node was told is stored, in the order of display.
    pub(crate) fn texts(&self, node: Node, room: RoomId) -> Vec<String> {
        let log = room.conversation();
        let held = self.members[node].synced.events.iter().filter(|((of, _, _), _)| *of == log);
        let mut events: Vec<&Event> = held.map(|(_, (_, event))| event).collect();
        events.sort_by_key(|event| event.header.get().order());
        events.into_iter().map(text_of).collect()
    }

    /// The first place that a node has on disk of another's chains in a room.
    pub(crate) fn begins_at(&self, node: Node, room: RoomId, author: Node) -> Option<Seq> {
        let device = self.person(author).device();
        let mut events = self.members[node].synced.events.keys();
        events.find(|(log, chain, _)| *log == room.conversation() && chain.device == device).map(|(_, _, seq)| *seq)
    }

    pub(crate) fn events_sent(&self, node: Node) -> usize {
        self.members[node].events_sent
    }

    pub(crate) fn notices(&self, node: Node) -> &[Notice] {
        &self.members[node].notices
    }

    /// An event as a node holds it.
    pub(crate) fn event(&self, node: Node, text: &str) -> Event {
        let mut held = self.members[node].synced.events.values();
        held.find(|(_, event)| text_of(event) == text).map(|(_, event)| event.clone()).expect("the event is held")
    }
}

fn text_of(event: &Event) -> String {
    match event.body.as_ref().unwrap().decode().unwrap() {
        Body::Plain(bytes) => String::from_utf8(bytes).unwrap(),
        Body::Sealed { .. } => panic!("no test seals"),
    }
}
