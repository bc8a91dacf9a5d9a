//! The messages of a conversation in the order of display, in little room: where each stands and what it counts for.
//!
//! A conversation may have hundreds of thousands of messages of which a screen shows fifty, so one takes some ninety bytes
//! here: chains are numbered, rows lie in blocks, and the index of ids has a part of each id alone.
//!
//! # Invariants
//! 1. Rows are in the order of display, whatever the order in which they came, and none twice.
//!    Test: `prop_entries_are_as_in_a_tree`.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use momoland_protocol::clock::Hlc;
use momoland_protocol::event::{EventOrder, EventPlace};
use momoland_protocol::id::{AccountId, ChainId, DeviceId, EventId, Incarnation, Seq};

use crate::api::types::DeliveryState;
use crate::projection::amendments::About;

/// Rows of a block at most: what an insertion moves.
const BLOCK_ROWS_MAX: usize = 128;

/// One message, as it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: EventId,
    pub(crate) order: EventOrder,
    pub(crate) author: AccountId,
    pub(crate) reply_to: Option<EventId>,
    /// The roster version that it names: whose reading counts for `read`.
    pub(crate) roster_version: u64,
    pub(super) state: DeliveryState,
    /// Whether there is a text: not where its body was dropped, or it was deleted.
    pub(super) has_text: bool,
    /// Whether this person is meant by it, as it was first written.
    pub(super) is_meant: bool,
    /// Whether it tells of a call that is over.
    pub(crate) is_call: bool,
}

impl Entry {
    /// Where it stands in the log.
    pub(crate) fn place(&self) -> EventPlace {
        self.order.place()
    }

    pub(crate) fn about(&self) -> About {
        (self.place(), self.id)
    }
}

/// One message, as it is held.
#[derive(Debug, Clone)]
struct Row {
    id: EventId,
    hlc: Hlc,
    seq: Seq,
    writer: u32,
    roster_version: u32,
    state: DeliveryState,
    has_text: bool,
    is_meant: bool,
    is_call: bool,
    replies: bool,
}

/// A chain, and whose it is.
type Writer = (ChainId, AccountId);

/// The messages of one conversation.
#[derive(Debug, Default)]
pub(super) struct Entries {
    writers: Vec<Writer>,
    numbers: BTreeMap<Writer, u32>,
    /// None of them empty.
    blocks: Vec<Vec<Row>>,
    /// Of each id the first bytes, and when it was written.
    by_id: BTreeSet<(u64, Hlc)>,
    replies: BTreeMap<EventId, EventId>,
}

/// Where a row is.
type Spot = (usize, usize);

/// What of a row may change.
pub(super) struct Moving<'a> {
    pub(super) id: EventId,
    pub(super) order: EventOrder,
    pub(super) author: AccountId,
    pub(super) roster_version: u64,
    pub(super) state: &'a mut DeliveryState,
}

impl Entries {
    /// Takes a message, which is not here yet. `false` beyond more chains than can be held anyway.
    pub(super) fn insert(&mut self, entry: Entry) -> bool {
        let writer = (entry.order.chain(), entry.author);
        let number = match self.numbers.get(&writer) {
            Some(number) => *number,
            None => {
                let Ok(number) = u32::try_from(self.writers.len()) else { return false };
                self.writers.push(writer);
                self.numbers.insert(writer, number);
                number
            }
        };
        let row = Row {
            id: entry.id,
            hlc: entry.order.hlc,
            seq: entry.order.seq,
            writer: number,
            // A roster has some twenty thousand changes at most.
            roster_version: u32::try_from(entry.roster_version).unwrap_or(u32::MAX),
            state: entry.state,
            has_text: entry.has_text,
            is_meant: entry.is_meant,
            is_call: entry.is_call,
            replies: entry.reply_to.is_some(),
        };
        self.by_id.insert(part_of(entry.id, entry.order.hlc));
        if let Some(answered) = entry.reply_to {
            self.replies.insert(entry.id, answered);
        }
        self.place(row, entry.order);
        true
    }

    fn place(&mut self, row: Row, order: EventOrder) {
        let (at, within) = self.spot_of(order);
        let is_end = at == self.blocks.len();
        // Behind the last row of all: into the last block, or a new one where that is full.
        let at = if is_end { at.saturating_sub(1) } else { at };
        let Some(block) = self.blocks.get_mut(at) else {
            self.blocks.push(vec![row]);
            return;
        };
        let within = if is_end { block.len() } else { within };
        if block.len() < BLOCK_ROWS_MAX {
            block.insert(within, row);
        } else if within == block.len() {
            self.blocks.insert(at + 1, vec![row]);
        } else if within == 0 {
            // Between two blocks: behind the one before, where that has room. History comes newest first.
            let before = at.checked_sub(1).and_then(|before| self.blocks.get_mut(before));
            match before.filter(|before| before.len() < BLOCK_ROWS_MAX) {
                Some(before) => before.push(row),
                None => self.blocks.insert(at, vec![row]),
            }
        } else {
            let mut behind = block.split_off(BLOCK_ROWS_MAX / 2);
            match within.checked_sub(block.len()) {
                Some(within) => behind.insert(within, row),
                None => block.insert(within, row),
            }
            self.blocks.insert(at + 1, behind);
        }
    }

    /// The first row that does not come before an order; behind the last block where all do.
    fn spot_of(&self, order: EventOrder) -> Spot {
        let before = |row: &Row| self.compare(row, &order) == Ordering::Less;
        let at = self.blocks.partition_point(|block| block.last().is_some_and(before));
        let within = self.blocks.get(at).map_or(0, |block| block.partition_point(before));
        (at, within)
    }

    fn compare(&self, row: &Row, order: &EventOrder) -> Ordering {
        row.hlc.cmp(&order.hlc).then_with(|| self.order(row).cmp(order))
    }

    fn writer(&self, row: &Row) -> Writer {
        writer(&self.writers, row)
    }

    fn order(&self, row: &Row) -> EventOrder {
        order(self.writer(row).0, row)
    }

    fn entry(&self, row: &Row) -> Entry {
        let (chain, author) = self.writer(row);
        Entry {
            id: row.id,
            order: order(chain, row),
            author,
            reply_to: if row.replies { self.replies.get(&row.id).copied() } else { None },
            roster_version: u64::from(row.roster_version),
            state: row.state,
            has_text: row.has_text,
            is_meant: row.is_meant,
            is_call: row.is_call,
        }
    }

    fn row(&self, (at, within): Spot) -> Option<&Row> {
        self.blocks.get(at)?.get(within)
    }

    fn find(&self, id: EventId) -> Option<Spot> {
        let (part, _) = part_of(id, Hlc(0));
        self.by_id.range((part, Hlc(0))..=(part, Hlc(u64::MAX))).find_map(|(_, hlc)| self.find_at(id, *hlc))
    }

    /// Among those that were written at once, by different devices.
    fn find_at(&self, id: EventId, hlc: Hlc) -> Option<Spot> {
        let mut at = self.blocks.partition_point(|block| block.last().is_some_and(|row| row.hlc < hlc));
        let mut within = self.blocks.get(at)?.partition_point(|row| row.hlc < hlc);
        loop {
            match self.row((at, within)) {
                Some(row) if row.hlc > hlc => return None,
                Some(row) if row.id == id => return Some((at, within)),
                Some(_) => within += 1,
                None if at + 1 < self.blocks.len() => (at, within) = (at + 1, 0),
                None => return None,
            }
        }
    }

    pub(super) fn get(&self, id: EventId) -> Option<Entry> {
        Some(self.entry(self.row(self.find(id)?)?))
    }

    /// A message has no text any more.
    pub(super) fn drop_text(&mut self, id: EventId) {
        if let Some((at, within)) = self.find(id)
            && let Some(row) = self.blocks.get_mut(at).and_then(|block| block.get_mut(within))
        {
            row.has_text = false;
            row.is_meant = false;
        }
    }

    /// All, the newest first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = Entry> {
        self.blocks.iter().rev().flat_map(|block| block.iter().rev()).map(|row| self.entry(row))
    }

    /// Those before an order, the newest first.
    pub(super) fn before(&self, order: EventOrder) -> impl Iterator<Item = Entry> {
        let (at, within) = self.spot_of(order);
        let split = self.blocks.get(at).and_then(|block| block.get(..within)).unwrap_or_default();
        let earlier = self.blocks.get(..at).unwrap_or_default().iter().rev().flat_map(|block| block.iter().rev());
        split.iter().rev().chain(earlier).map(|row| self.entry(row))
    }

    /// Those after an order, the oldest first.
    pub(super) fn after(&self, order: EventOrder) -> impl Iterator<Item = Entry> {
        let (at, within) = self.spot_of(order);
        let split = self.blocks.get(at).and_then(|block| block.get(within..)).unwrap_or_default();
        let later = self.blocks.get(at + 1..).unwrap_or_default().iter().flatten();
        split.iter().chain(later).map(|row| self.entry(row)).skip_while(move |entry| entry.order <= order)
    }

    /// All, to be moved, the newest first.
    pub(super) fn moving(&mut self) -> impl Iterator<Item = Moving<'_>> {
        let Self { writers, blocks, .. } = self;
        blocks.iter_mut().rev().flat_map(|block| block.iter_mut().rev()).map(|row| {
            let (chain, author) = writer(writers, row);
            Moving {
                id: row.id,
                order: order(chain, row),
                author,
                roster_version: u64::from(row.roster_version),
                state: &mut row.state,
            }
        })
    }

    /// Leaves those that are wanted. Whether any went.
    pub(super) fn retain(&mut self, is_wanted: impl Fn(&Entry) -> bool) -> bool {
        let mut gone = Vec::new();
        let mut blocks = std::mem::take(&mut self.blocks);
        for block in &mut blocks {
            block.retain(|row| {
                let entry = self.entry(row);
                let wanted = is_wanted(&entry);
                if !wanted {
                    gone.push((entry.id, entry.order.hlc));
                }
                wanted
            });
        }
        blocks.retain(|block| !block.is_empty());
        self.blocks = blocks;
        for (id, hlc) in &gone {
            self.replies.remove(id);
            self.by_id.remove(&part_of(*id, *hlc));
        }
        // Of two that share the part and the time, one may be left.
        let left: Vec<(u64, Hlc)> = gone
            .iter()
            .filter_map(|(id, hlc)| {
                let (part, _) = part_of(*id, *hlc);
                let mut at_once = self.at(*hlc);
                at_once.any(|entry| part_of(entry.id, *hlc).0 == part).then_some((part, *hlc))
            })
            .collect();
        self.by_id.extend(left);
        !gone.is_empty()
    }

    fn at(&self, hlc: Hlc) -> impl Iterator<Item = Entry> {
        let before = EventOrder { hlc, device: DeviceId::ZERO, incarnation: Incarnation::ZERO, seq: Seq::ZERO };
        self.after(before).take_while(move |entry| entry.order.hlc == hlc)
    }
}

fn writer(writers: &[Writer], row: &Row) -> Writer {
    let none = (ChainId { device: DeviceId::ZERO, incarnation: Incarnation::ZERO }, AccountId::ZERO);
    let at = usize::try_from(row.writer).unwrap_or(usize::MAX);
    writers.get(at).copied().unwrap_or(none)
}

fn order(chain: ChainId, row: &Row) -> EventOrder {
    EventOrder { hlc: row.hlc, device: chain.device, incarnation: chain.incarnation, seq: row.seq }
}

/// What an id is found by.
fn part_of(id: EventId, hlc: Hlc) -> (u64, Hlc) {
    let (part, _) = id.0.split_first_chunk().unwrap_or((&[0; 8], &[]));
    (u64::from_be_bytes(*part), hlc)
}

#[cfg(test)]
mod tests;
