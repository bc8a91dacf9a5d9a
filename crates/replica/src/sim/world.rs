//! A world: replicas, their disks and the links between them, in one thread on virtual time.
//!
//! Everything that is under way has a moment before which it does not happen. Who drives the world lets time pass and
//! chooses among what is due: in the order of time ([`World::run_for`], [`World::settle`]), or in any other
//! ([`World::steps`], [`World::step`]). The world holds every frame, every record and every notice against the
//! checkers as they come (see [`super::checkers`]).
//!
//! Here are the nodes and what goes in and out of them; `network` has the links, `disk` the disks, `server` who orders
//! rosters.
#![allow(clippy::unwrap_used, reason = "a world ends where something does not hold")]
#![cfg_attr(not(test), allow(dead_code, reason = "tests use more of it than the simulation does"))]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use momoland_protocol::clock::UnixMillis;
use momoland_protocol::event::{Action, Body, BodyBytes, Event, EventPlace};
use momoland_protocol::id::{AccountId, ChainId, DeviceId, EventId, LogId, RoomId, Seq};
use momoland_protocol::replication::Frame;
use momoland_protocol::signed::SecretKey;

use super::checkers::{bounds, durability, progress, rights, secrecy};
use super::disk::{Contents, Disk};
use super::network::{Network, Pipe, WINDOW};
use super::server::{Person, Server};
use crate::input::{Command, CommandId, Input, LinkId, Mono, Now, PersistFailed, Remote};
use crate::output::{Notice, Output};
use crate::replica::{Config, DurableState, Own, Replica};

/// A node's number; the relay is 0.
pub(crate) type Node = usize;

/// Steps after which a world that still has something to do will not come to rest.
const STEPS_MAX: usize = 400_000;

/// When something happens: not before a moment, and of several that are due the first that was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Due {
    pub(crate) at_ms: u64,
    pub(crate) number: u64,
}

/// One replica and what it runs on.
pub(crate) struct Machine {
    pub(crate) own: Own,
    pub(crate) replica: Replica,
    pub(crate) disk: Disk,
    notices: Vec<Notice>,
    /// Wall clock less virtual time, milliseconds.
    skew_ms: i64,
    /// Events in the frames that it sent.
    events_sent: usize,
}

pub(crate) struct World {
    pub(crate) machines: Vec<Machine>,
    pub(crate) people: BTreeMap<Node, Person>,
    pub(crate) network: Network,
    pub(crate) server: Server,
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
    planted: Option<crate::sim::Planted>,
}

/// Something that may happen next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The first frame of a pipe comes out.
    Deliver(usize),
    /// A node's disk syncs the batch that was written first.
    Sync(Node),
    /// A node's disk answers the read that was asked for first.
    Load(Node),
}

impl World {
    /// A relay (node 0) and as many people with a device each.
    pub(crate) fn with_people(count: usize) -> Self {
        let mut world = Self {
            machines: Vec::new(),
            people: BTreeMap::new(),
            network: Network::new(),
            server: Server::new(),
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
            let seed = u8::try_from(number + 1).unwrap();
            world.add_device(AccountId([seed; 16]), seed);
        }
        world
    }

    /// A device of an account, with a key of its own.
    pub(crate) fn add_device(&mut self, account: AccountId, seed: u8) -> Node {
        let key = Arc::new(SecretKey::from_seed(&[seed; 32]));
        let certificate = self.server.certify(account, key.device());
        let node = self.add(Own::Device { key: Arc::clone(&key), account });
        self.people.insert(node, Person { key, account, certificate });
        node
    }

    fn add(&mut self, own: Own) -> Node {
        let node = self.machines.len();
        let replica = self.replica(&own, node, DurableState::default());
        let (disk, notices) = (Disk::default(), Vec::new());
        self.machines.push(Machine { own, replica, disk, notices, skew_ms: 0, events_sent: 0 });
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

    pub(crate) fn person(&self, node: Node) -> &Person {
        &self.people[&node]
    }

    pub(crate) fn replica_of(&self, node: Node) -> &Replica {
        &self.machines[node].replica
    }

    pub(crate) fn disk(&self, node: Node) -> &Contents {
        &self.machines[node].disk.synced
    }

    pub(crate) fn set_skew(&mut self, node: Node, skew_ms: i64) {
        self.machines[node].skew_ms = skew_ms;
    }

    /// Everything that a node's disk does takes so long from now on, milliseconds.
    pub(crate) fn slow_disk(&mut self, node: Node, takes_ms: u64) {
        self.machines[node].disk.takes_ms = takes_ms;
    }

    /// Builds a fault into every replica.
    #[cfg(feature = "planted")]
    pub(crate) fn plant(&mut self, planted: Option<crate::sim::Planted>) {
        self.planted = planted;
        for node in 0..self.machines.len() {
            self.crash(node);
        }
    }

    pub(crate) fn now(&self, node: Node) -> Now {
        let wall = (1_800_000_000_000 + self.now_ms).saturating_add_signed(self.machines[node].skew_ms);
        Now { mono: Mono(self.now_ms), wall: UnixMillis(wall) }
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    // Links.

    /// Connects two nodes; both ends get credit.
    pub(crate) fn connect(&mut self, one: Node, other: Node) {
        let (at_one, at_other) = (LinkId(self.number()), LinkId(self.number()));
        self.network.pipes.push(Pipe::new(one, other, at_one, at_other));
        self.network.pipes.push(Pipe::new(other, one, at_other, at_one));
        for (node, link, remote) in [(one, at_one, self.remote(other)), (other, at_other, self.remote(one))] {
            self.input(node, Input::LinkUp { link, remote });
            self.input(node, Input::Credit { link, bytes: WINDOW });
        }
    }

    /// Cuts all links between two nodes; what was under way is lost.
    pub(crate) fn cut(&mut self, one: Node, other: Node) {
        self.cut_where(|pipe| (pipe.from, pipe.to) == (one, other) || (pipe.from, pipe.to) == (other, one));
    }

    fn cut_where(&mut self, which: impl Fn(&Pipe) -> bool) {
        for (node, link) in self.network.remove(which) {
            self.input(node, Input::LinkDown { link });
        }
    }

    pub(crate) fn is_connected(&self, one: Node, other: Node) -> bool {
        self.links_between(one, other) > 0
    }

    pub(crate) fn links_between(&self, one: Node, other: Node) -> usize {
        self.network.pipes.iter().filter(|pipe| (pipe.from, pipe.to) == (one, other)).count()
    }

    pub(crate) fn remote(&self, node: Node) -> Remote {
        match &self.machines[node].own {
            Own::Relay => Remote::Relay,
            Own::Device { key, account } => Remote::Device { device: key.device(), account: *account },
        }
    }

    /// Nothing that one node sends reaches the other any more, and neither notices.
    pub(crate) fn stall(&mut self, from: Node, to: Node) {
        self.pipes(from, to).for_each(Pipe::stall);
    }

    /// The pipes from a node to another.
    pub(crate) fn pipes(&mut self, from: Node, to: Node) -> impl Iterator<Item = &mut Pipe> {
        self.network.pipes.iter_mut().filter(move |pipe| (pipe.from, pipe.to) == (from, to))
    }

    // Machines.

    /// The node loses power: what was not synced is gone, its links break, and it starts anew.
    pub(crate) fn crash(&mut self, node: Node) {
        self.cut_where(|pipe| pipe.from == node || pipe.to == node);
        let state = self.disk(node).state();
        let own = self.machines[node].own.clone();
        let replica = self.replica(&own, node, state);
        let machine = &mut self.machines[node];
        machine.replica = replica;
        machine.disk.lose_power();
        durability::restarted(self, node);
        self.drain(node);
    }

    /// The node's disk as it is now.
    pub(crate) fn copy(&self, node: Node) -> Contents {
        self.disk(node).clone()
    }

    /// The node starts anew from an older copy of its disk.
    pub(crate) fn restore(&mut self, node: Node, copy: Contents) {
        self.machines[node].disk.synced = copy;
        self.acknowledged.retain(|(of, _)| *of != node);
        self.crash(node);
    }

    /// A crash in which the disk also lost what it had synced of the node's own last events in a room.
    pub(crate) fn lose_tail(&mut self, node: Node, room: RoomId) {
        let device = self.person(node).device();
        let events = &mut self.machines[node].disk.synced.events;
        let own = events.keys().rfind(|(log, chain, _)| *log == room.conversation() && chain.device == device).copied();
        if let Some((_, event)) = events.remove(&own.expect("the node wrote something")) {
            self.acknowledged.remove(&(node, event.id()));
        }
        self.crash(node);
    }

    /// The next batch of a node is refused by its disk.
    pub(crate) fn fail_disk(&mut self, node: Node) {
        self.machines[node].disk.refuses = 1;
        if let Some(answer @ Input::Persisted { result: Err(PersistFailed), .. }) = self.machines[node].disk.sync() {
            self.input(node, answer);
        }
    }

    // Inputs and what comes of them.

    /// Adds a line to the story, where there is one.
    pub(crate) fn tell(&mut self, line: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            story.push(format!("{:>8} {}", self.now_ms, line()));
        }
    }

    pub(crate) fn input(&mut self, node: Node, input: Input) {
        self.take(node, input);
        self.drain(node);
    }

    fn take(&mut self, node: Node, input: Input) {
        self.tell(|| format!("{node} <- {input:?}"));
        if let (0, Input::Roster(changes)) = (node, &input) {
            self.server.note_ordered(changes);
        }
        let now = self.now(node);
        self.machines[node].replica.handle_input(now, input);
    }

    fn drain(&mut self, node: Node) {
        self.machines[node].replica.check_invariants();
        while let Some(output) = self.machines[node].replica.poll_output() {
            self.tell(|| format!("{node} -> {output:?}"));
            match output {
                Output::Send { link, frame } => self.send(node, link, frame),
                Output::Persist { ticket, batch } => {
                    rights::taken(self, node, &batch);
                    let number = self.number();
                    self.machines[node].disk.write(self.now_ms, number, ticket, batch);
                }
                Output::Load { ticket, load } => {
                    let number = self.number();
                    self.machines[node].disk.read(self.now_ms, number, ticket, load);
                }
                Output::Notice(notice) => {
                    durability::told(self, node, &notice);
                    rights::told(self, node, &notice);
                    if let Notice::Stored { event, .. } = &notice {
                        self.acknowledged.insert((node, event.id()));
                    }
                    self.machines[node].notices.push(notice);
                }
                Output::CloseLink { link, reason: _ } => self.close(node, link),
            }
        }
    }

    /// A node closes a link for what came over it.
    fn close(&mut self, node: Node, link: LinkId) {
        self.closed += 1;
        progress::closed(self, node, link);
        self.input(node, Input::LinkDown { link });
    }

    fn send(&mut self, node: Node, link: LinkId, frame: Frame) {
        if let Frame::Events { log: _, events } = &frame {
            self.machines[node].events_sent += events.len();
        }
        let bytes = bounds::sent(&frame);
        self.trace.update(&bytes);
        self.frames += 1;
        self.frame_bytes += bytes.len() as u64;
        let Some(place) = self.network.pipe_from(node, link) else { return };
        durability::sent(self, node, &frame);
        rights::sent(self, node, &frame);
        secrecy::sent(self, node, self.network.pipes[place].to, &frame);
        let number = self.number();
        self.network.send(place, self.now_ms, number, frame);
        bounds::under_way(&self.network.pipes[place]);
    }

    /// A hash over every frame so far.
    pub(crate) fn trace(&self) -> [u8; 32] {
        *self.trace.finalize().as_bytes()
    }

    // Time.

    /// Everything that is under way, and when it is due.
    fn under_way(&self) -> impl Iterator<Item = (Due, Step)> + '_ {
        let pipes = self.network.pipes.iter().enumerate();
        let deliveries = pipes.filter_map(|(place, pipe)| Some((pipe.due()?, Step::Deliver(place))));
        let disks = self.machines.iter().enumerate().flat_map(|(node, machine)| {
            let sync = machine.disk.write_due().map(|due| (due, Step::Sync(node)));
            let load = machine.disk.read_due().map(|due| (due, Step::Load(node)));
            sync.into_iter().chain(load)
        });
        deliveries.chain(disks)
    }

    /// Everything that may happen now.
    pub(crate) fn steps(&self) -> Vec<Step> {
        self.under_way().filter(|(due, _)| due.at_ms <= self.now_ms).map(|(_, step)| step).collect()
    }

    pub(crate) fn step(&mut self, step: Step) {
        match step {
            Step::Deliver(place) => {
                let pipe = &mut self.network.pipes[place];
                let (from, to, at_sender, at_receiver) = (pipe.from, pipe.to, pipe.at_sender, pipe.at_receiver);
                let Some((frame, credit)) = pipe.take() else { return };
                let withheld = pipe.withholds && matches!(frame, Frame::Events { .. });
                if !withheld {
                    self.input(to, Input::Frame { link: at_receiver, frame });
                }
                if credit > 0 && self.network.pipe_from(from, at_sender).is_some() {
                    self.input(from, Input::Credit { link: at_sender, bytes: credit });
                }
            }
            Step::Sync(node) => {
                // A relay is told of all that one sync brought to its disk before it says anything.
                let together = self.now_ms.is_multiple_of(2);
                loop {
                    let told = durability::forgotten(self, node);
                    let Some(answer) = self.machines[node].disk.sync() else { break };
                    if let Input::Persisted { result: Ok(()), .. } = &answer {
                        told.iter().for_each(|event| {
                            self.acknowledged.remove(&(node, *event));
                        });
                    }
                    self.take(node, answer);
                    let next = self.machines[node].disk.write_due();
                    if !(together && next.is_some_and(|due| due.at_ms <= self.now_ms)) {
                        break;
                    }
                }
                self.drain(node);
            }
            Step::Load(node) => {
                if let Some(answer) = self.machines[node].disk.load() {
                    self.input(node, answer);
                }
            }
        }
    }

    /// What comes next in the order of time: a step, or a time-out (`None`).
    fn next_in_time(&self) -> Option<(u64, Option<Step>)> {
        let step = self.under_way().min_by_key(|(due, _)| *due).map(|(due, step)| (due.at_ms, Some(step)));
        let wakes = self.machines.iter().filter_map(|machine| machine.replica.poll_timeout());
        let wake = wakes.map(|(at, _)| (at.0, None)).min_by_key(|(at, _)| *at);
        match (step, wake) {
            (Some(step), Some(wake)) => Some(if step.0 <= wake.0 { step } else { wake }),
            (step, wake) => step.or(wake),
        }
    }

    fn do_next(&mut self, at_ms: u64, step: Option<Step>) {
        self.now_ms = self.now_ms.max(at_ms);
        match step {
            Some(step) => self.step(step),
            None => self.wake_all(),
        }
    }

    /// Lets everything happen, time included, until nothing more does.
    pub(crate) fn settle(&mut self) {
        for _ in 0..STEPS_MAX {
            let Some((at_ms, step)) = self.next_in_time() else { return };
            self.do_next(at_ms, step);
        }
        panic!("progress: the world does not come to rest");
    }

    /// Lets everything happen that is due within some time.
    pub(crate) fn run_for(&mut self, ms: u64) {
        let until = self.now_ms + ms;
        for _ in 0..STEPS_MAX {
            match self.next_in_time() {
                Some((at_ms, step)) if at_ms <= until => self.do_next(at_ms, step),
                Some(_) | None => {
                    self.now_ms = until;
                    return;
                }
            }
        }
        panic!("progress: the world does more and more within {ms} ms");
    }

    /// Time goes to when the next thing that is under way is due, where nothing is.
    pub(crate) fn wait_for_something(&mut self) {
        let next = self.under_way().map(|(due, _)| due.at_ms).min();
        if let Some(at_ms) = next.filter(|at_ms| self.now_ms < *at_ms) {
            self.now_ms = at_ms;
            self.wake_all();
        }
    }

    /// Time passes, and nothing that is under way comes to its end meanwhile.
    pub(crate) fn advance(&mut self, ms: u64) {
        self.now_ms += ms;
        self.wake_all();
    }

    fn wake_all(&mut self) {
        for node in 0..self.machines.len() {
            let now = self.now(node);
            self.machines[node].replica.handle_timeout(now);
            progress::woken(self, node);
            self.drain(node);
        }
    }

    // What people do and see.

    pub(crate) fn post(&mut self, node: Node, room: RoomId, text: &str) {
        self.write(node, room, Action::POST, None, text);
    }

    #[cfg(test)]
    pub(crate) fn publish(&mut self, node: Node, room: RoomId, text: &str) {
        self.write(node, room, Action::PUBLISH, None, text);
    }

    /// Says something of an event.
    #[cfg(test)]
    pub(crate) fn amend(&mut self, node: Node, room: RoomId, action: Action, of: &Event, text: &str) {
        self.write(node, room, action, Some((of.header.get().own_place(), of.id())), text);
    }

    /// Says something of an event that is to stand at a place.
    pub(crate) fn amend_at(
        &mut self,
        node: Node,
        room: RoomId,
        action: Action,
        (place, target): (EventPlace, EventId),
        text: &str,
    ) {
        self.write(node, room, action, Some((place, target)), text);
    }

    fn write(&mut self, node: Node, room: RoomId, action: Action, about: Option<(EventPlace, EventId)>, text: &str) {
        let body = BodyBytes::new(&Body::Plain(text.as_bytes().to_vec())).unwrap();
        let id = CommandId(self.number());
        let (targets, place) = (about.iter().map(|(_, id)| *id).collect(), about.map(|(place, _)| place));
        let command = Command::Append { log: room.conversation(), action, targets, place, body };
        self.input(node, Input::Command { id, command });
    }

    /// What a node shows: what is on its disk and counts by the roster that it holds, in the order of display. Chains
    /// that forked are left out: each replica keeps the branch that it saw first.
    pub(crate) fn shown(&self, node: Node, room: RoomId) -> Vec<(DeviceId, Seq, EventId)> {
        self.shown_by_chain(node, room).into_iter().map(|(chain, seq, event)| (chain.device, seq, event)).collect()
    }

    /// As [`Self::shown`], with the chain of each.
    pub(crate) fn shown_by_chain(&self, node: Node, room: RoomId) -> Vec<(ChainId, Seq, EventId)> {
        let log = room.conversation();
        let Some(roster) = self.replica_of(node).roster(room) else { return Vec::new() };
        let of_log = |forks: &BTreeMap<(LogId, ChainId), _>| -> Vec<ChainId> {
            forks.keys().filter(|(of, _)| *of == log).map(|(_, chain)| *chain).collect()
        };
        let forked: BTreeSet<ChainId> =
            self.machines.iter().flat_map(|machine| of_log(&machine.disk.synced.forks)).collect();
        let held = self.disk(node).events.iter().filter(|((of, chain, _), _)| *of == log && !forked.contains(chain));
        let mut events: Vec<&Event> = held.map(|(_, (_, event))| event).collect();
        events.retain(|event| roster.counts_event(event.header.get()) && !roster.is_unlisted(event.header.get()));
        events.sort_by_key(|event| event.header.get().order());
        events.iter().map(|event| (event.header.get().chain(), event.header.get().seq, event.id())).collect()
    }

    /// The chains of a room that a node has on disk from their beginning on.
    pub(crate) fn whole_chains(&self, node: Node, room: RoomId) -> Vec<ChainId> {
        let first = |(log, _, seq): &&(LogId, ChainId, Seq)| *log == room.conversation() && *seq == Seq(1);
        self.disk(node).events.keys().filter(first).map(|(_, chain, _)| *chain).collect()
    }

    /// The registers of a room that count at a node.
    pub(crate) fn registers(&self, node: Node, room: RoomId) -> Vec<[u8; 32]> {
        self.replica_of(node).registers(room).map(|register| register.hash()).collect()
    }

    /// What a node was told is stored, in the order of display.
    pub(crate) fn texts(&self, node: Node, room: RoomId) -> Vec<String> {
        let log = room.conversation();
        let held = self.disk(node).events.iter().filter(|((of, _, _), _)| *of == log);
        let mut events: Vec<&Event> = held.map(|(_, (_, event))| event).collect();
        events.sort_by_key(|event| event.header.get().order());
        events.into_iter().filter_map(text_of).collect()
    }

    /// The first place that a node has on disk of another's chains in a room.
    pub(crate) fn begins_at(&self, node: Node, room: RoomId, author: Node) -> Option<Seq> {
        let device = self.person(author).device();
        let mut events = self.disk(node).events.keys();
        events.find(|(log, chain, _)| *log == room.conversation() && chain.device == device).map(|(_, _, seq)| *seq)
    }

    /// The changes of a room's roster that a node has on disk, in the order in which it took them.
    pub(crate) fn roster_on_disk(&self, node: Node, room: RoomId) -> &[momoland_protocol::roster::CountersignedChange] {
        self.disk(node).rosters.get(&room).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn events_sent(&self, node: Node) -> usize {
        self.machines[node].events_sent
    }

    pub(crate) fn notices(&self, node: Node) -> &[Notice] {
        &self.machines[node].notices
    }

    /// An event as a node holds it.
    pub(crate) fn event(&self, node: Node, text: &str) -> Event {
        let mut held = self.disk(node).events.values();
        held.find(|(_, event)| text_of(event).as_deref() == Some(text))
            .map(|(_, event)| event.clone())
            .expect("the event is held")
    }
}

/// What an event says; `None` where its body was dropped.
fn text_of(event: &Event) -> Option<String> {
    match event.body.as_ref()?.decode().unwrap() {
        Body::Plain(bytes) => Some(String::from_utf8(bytes).unwrap()),
        Body::Sealed { .. } => panic!("no test seals"),
    }
}
