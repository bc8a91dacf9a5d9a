//! Finding the chains in which two ends differ, where there are many: by hashes of parts first.
//!
//! ```text
//!  one end                                  the other
//!    │ ── Position {n, h} ──────────────────► │   where I stand
//!    │ ◄────────────────────── Position {n, h} │
//!    │ ── Parts {key, hashes} ──────────────► │   elsewhere: a hash for each part of the chains
//!    │ ◄────────────────── Parts {key, hashes} │
//!    │ ── HaveParts {parts, ranges} ────────► │   what I hold of the parts that differ
//!    │ ◄──────────── HaveParts {parts, ranges} │   and from here on as after a `Have`
//! ```
//!
//! So who missed one event in a room of a thousand chains is told a few hashes and a few ranges, and not a thousand
//! ranges. Nothing is stored for it, and it is the same between peers, and with a relay that was restored from a backup.
//! `docs/protocol.md`, Replication, has the rules (SY18, SY24).
//!
//! # Invariants
//! 1. What the other end is taken to hold of a part that does not differ is what was held here when the hashes were told,
//!    whatever came since. Test: `what_is_stored_while_parts_are_compared_arrives`.

use std::collections::{BTreeMap, BTreeSet};

use momoland_protocol::event::Event;
use momoland_protocol::id::{ChainId, EventId, LogId, RoomId, Seq, SetHash};
use momoland_protocol::limits;
use momoland_protocol::register::Register;
use momoland_protocol::replication::{ChainRange, Frame, PART_HASH_BYTES, PARTS_MAX, PARTS_MIN, PartsKey};
use momoland_protocol::signed::Signed;

use super::{Replica, toggled};
use crate::input::{LinkId, Now};
use crate::output::Output;

/// From as many chains on, two ends that stand elsewhere compare parts; fewer are told as they are.
const PARTS_FROM_CHAINS: usize = 8;

/// Chains of a part, about.
const CHAINS_A_PART: usize = 4;

/// What a link was told of a log, part by part.
#[derive(Debug)]
pub(crate) struct PartsTold {
    count: usize,
    /// Chains of which something was stored since: its place, and the event before.
    since: BTreeMap<ChainId, (Seq, EventId)>,
}

impl PartsTold {
    fn stored(&mut self, chain: ChainId, seq: Seq, prev: EventId) {
        self.since.entry(chain).or_insert((seq, prev));
    }

    /// A range as it was when the hashes were told; `None` where nothing was held.
    fn as_told(&self, range: ChainRange) -> Option<ChainRange> {
        match self.since.get(&range.chain) {
            Some((seq, _)) if *seq <= range.low => None,
            Some((seq, prev)) => Some(ChainRange { high: Seq(seq.0 - 1), head: *prev, ..range }),
            None => Some(range),
        }
    }
}

/// Which of so many parts a chain belongs to.
fn part_of(chain: ChainId, count: usize) -> usize {
    let (device, incarnation) = (chain.device.as_bytes(), chain.incarnation.0);
    part_of_bytes([device[0] ^ incarnation[0], device[1] ^ incarnation[1]], count)
}

fn part_of_register(register: &Register, count: usize) -> usize {
    part_of_bytes([register.account.0[0], register.account.0[1]], count)
}

fn part_of_bytes(bytes: [u8; 2], count: usize) -> usize {
    usize::from(u16::from_be_bytes(bytes)) % count
}

fn short(hash: blake3::Hash) -> [u8; PART_HASH_BYTES] {
    let mut short = [0; PART_HASH_BYTES];
    short.copy_from_slice(&hash.as_bytes()[..PART_HASH_BYTES]);
    short
}

impl Replica {
    /// Tells a link where we stand in a log, part by part; as a whole where that is as short.
    pub(super) fn compare_parts(&mut self, now: Now, id: LinkId, room: RoomId, log: LogId, ranges: &[ChainRange]) {
        if ranges.len() < PARTS_FROM_CHAINS {
            self.compare(now, id, room, log);
            return;
        }
        let count = (ranges.len() / CHAINS_A_PART).next_power_of_two().clamp(PARTS_MIN, PARTS_MAX);
        let mut key = PartsKey([0; 8]);
        key.0.copy_from_slice(&self.draw()[..8]);
        let chains = chain_hashes(ranges, key, count).concat();
        let registers = self.register_hashes(room, log, key, count).concat();
        let Some(session) = self.links.get_mut(&id).and_then(|link| link.log(room, log)) else { return };
        session.told_position = true;
        session.parts_told = Some(PartsTold { count, since: BTreeMap::new() });
        session.compared_at = Some(now.mono);
        self.outputs.push_back(Output::Send { link: id, frame: Frame::Parts { log, key, chains, registers } });
    }

    fn register_hashes(&self, room: RoomId, log: LogId, key: PartsKey, count: usize) -> Vec<[u8; PART_HASH_BYTES]> {
        if log != room.conversation() {
            return Vec::new();
        }
        let mut sums = vec![SetHash::ZERO; count];
        for register in self.registers(room) {
            let sum = &mut sums[part_of_register(register.get(), count)];
            *sum = toggled(*sum, register);
        }
        let hash = |sum: &SetHash| short(hasher(key).update(&sum.0).finalize());
        sums.iter().map(hash).collect()
    }

    /// Notes for links that were told where we stand what was stored since; who sent it has it.
    pub(super) fn note_stored_since(&mut self, room: RoomId, log: LogId, event: &Event, from: Option<LinkId>) {
        let header = event.header.get();
        let others = self.links.iter_mut().filter(|(id, _)| Some(**id) != from);
        for (_, link) in others {
            let session = link.rooms.get_mut(&room).and_then(|session| session.logs.get_mut(&log));
            if let Some(told) = session.and_then(|session| session.parts_told.as_mut()) {
                told.stored(header.chain(), header.seq, header.prev);
            }
        }
    }

    /// The other end says where it stands, part by part: it is told what is held of those that differ.
    pub(super) fn parts(&mut self, now: Now, id: LinkId, log: LogId, key: PartsKey, chains: &[u8], registers: &[u8]) {
        let Some(room) = self.room_of(log).filter(|room| self.shares(id, *room)) else { return };
        let ranges = self.logs.get(&log).map(super::Log::ranges).unwrap_or_default();
        let count = chains.len() / PART_HASH_BYTES;
        let differing = differing(&chain_hashes(&ranges, key, count), chains);
        let of_registers = differing_registers(&self.register_hashes(room, log, key, count), registers);
        if !of_registers.is_empty() {
            let lacking = self.registers(room);
            let lacking = lacking.filter(|register| of_registers.contains(&part_of_register(register.get(), count)));
            let lacking: Vec<Signed<Register>> = lacking.cloned().collect();
            self.send_registers(id, room, lacking);
        }
        if differing.len() > count / 2 {
            self.compare(now, id, room, log);
            return;
        }
        let is_in = |range: &&ChainRange| differing.contains(&part_of(range.chain, count));
        let held: Vec<ChainRange> = ranges.iter().filter(is_in).copied().collect();
        // Bounded by `PARTS_MAX`.
        let number = |part: usize| u16::try_from(part).unwrap_or(u16::MAX);
        let parts: Vec<u16> = differing.iter().copied().map(number).collect();
        let mut pages: Vec<Vec<ChainRange>> =
            held.chunks(limits::CHAINS_PER_FRAME_MAX / 2).map(<[ChainRange]>::to_vec).collect();
        if pages.is_empty() {
            pages.push(Vec::new());
        }
        let last = pages.len() - 1;
        for (place, chains) in pages.into_iter().enumerate() {
            let frame = Frame::HaveParts { log, of: number(count), parts: parts.clone(), chains, more: place < last };
            self.outputs.push_back(Output::Send { link: id, frame });
        }
    }

    /// The other end says what it has of the parts that differ; of the others it has what it was told.
    pub(super) fn have_parts(
        &mut self,
        now: Now,
        id: LinkId,
        log: LogId,
        (of, parts): (u16, Vec<u16>),
        chains: Vec<ChainRange>,
        more: bool,
    ) {
        let Some(room) = self.room_of(log).filter(|room| self.shares(id, *room)) else { return };
        let Some(theirs) = self.take_vector(id, log, chains, more) else { return };
        let ranges = self.logs.get(&log).map(super::Log::ranges).unwrap_or_default();
        let count = usize::from(of);
        let session = self.links.get_mut(&id).and_then(|link| link.log(room, log));
        let told = session.and_then(|session| {
            session.told_position = false;
            session.parts_told.take().filter(|told| told.count == count)
        });
        let Some(told) = told else {
            // It answers what it was not told, or what was said anew since.
            self.compare_soon(now, id, room, log);
            return;
        };
        let parts: BTreeSet<usize> = parts.into_iter().map(usize::from).collect();
        let differs = |chain: ChainId| parts.contains(&part_of(chain, count));
        let alike = ranges.into_iter().filter(|range| !differs(range.chain)).filter_map(|range| told.as_told(range));
        let mut vector: Vec<ChainRange> = theirs.into_iter().filter(|range| differs(range.chain)).collect();
        vector.extend(alike);
        vector.sort_by_key(|range| range.chain);
        self.compared_as(now, id, room, log, &vector);
    }
}

fn hasher(key: PartsKey) -> blake3::Hasher {
    let mut hasher = blake3::Hasher::new_derive_key("momoland 1 part");
    hasher.update(&key.0);
    hasher
}

/// A hash for each part of a log's chains.
fn chain_hashes(ranges: &[ChainRange], key: PartsKey, count: usize) -> Vec<[u8; PART_HASH_BYTES]> {
    let mut parts: Vec<Vec<&ChainRange>> = vec![Vec::new(); count];
    for range in ranges {
        parts[part_of(range.chain, count)].push(range);
    }
    let hash = |ranges: &Vec<&ChainRange>| {
        let mut hasher = hasher(key);
        for ChainRange { chain, low, high, head } in ranges {
            hasher.update(chain.device.as_bytes()).update(&chain.incarnation.0);
            hasher.update(&low.0.to_be_bytes()).update(&high.0.to_be_bytes()).update(&head.0);
        }
        short(hasher.finalize())
    };
    parts.iter().map(hash).collect()
}

/// The parts in which what is held here is not what the other end says.
fn differing(ours: &[[u8; PART_HASH_BYTES]], theirs: &[u8]) -> BTreeSet<usize> {
    let pairs = ours.iter().zip(theirs.chunks(PART_HASH_BYTES)).enumerate();
    pairs.filter(|(_, (ours, theirs))| ours.as_slice() != *theirs).map(|(part, _)| part).collect()
}

/// As [`differing`]; a log beside the conversation has no registers.
fn differing_registers(ours: &[[u8; PART_HASH_BYTES]], theirs: &[u8]) -> BTreeSet<usize> {
    if theirs.is_empty() { BTreeSet::new() } else { differing(ours, theirs) }
}

#[cfg(test)]
mod tests;
