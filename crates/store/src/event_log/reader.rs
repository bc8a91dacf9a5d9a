//! Reading events: what is committed, from any thread, a page at a time.

use std::ops::ControlFlow;
use std::sync::Arc;

use momoland_protocol::event::Event;
use momoland_protocol::id::{ChainId, LogId, Seq};

use super::places::{Place, Places};
use super::{PAGE_PAIRS, keys, records};
use crate::kv::{Order, Store, StoreError};

/// Reads the events of an [`super::EventLog`]. Cheap to clone; its calls block.
///
/// It shows what is committed, whether synced yet or not: who may hear of it is decided by whoever waits for the
/// commit. Nothing is shown of a chain that is not held, not yet committed, or of a room that is being forgotten.
#[derive(Debug, Clone)]
pub struct EventReader {
    store: Arc<dyn Store>,
    places: Arc<Places>,
}

impl EventReader {
    pub(super) fn new(store: Arc<dyn Store>, places: Arc<Places>) -> Self {
        Self { store, places }
    }

    /// The events of a chain from `from` to `to`, both of them in, in order and without a gap.
    ///
    /// Stops after the event that reaches `bytes_max` (as [`Event::size`] counts), so there is at least one where
    /// `from` is held, and none where it is not.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] with the key where a value is not the event that belongs there, or an event between
    /// two others is missing; as [`Store::range`] else.
    pub fn load(
        &self,
        log: LogId,
        chain: ChainId,
        from: Seq,
        to: Seq,
        bytes_max: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let Some(place) = self.places.get(log, chain) else { return Ok(Vec::new()) };
        let mut events = Vec::new();
        let mut bytes = 0usize;
        self.walk((log, chain), place, Start::At(from), to, &mut |event| {
            bytes = bytes.saturating_add(event.size());
            events.push(event);
            if bytes < bytes_max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(events)
    }

    /// The events of a chain from `to` down to `from`, both of them in, newest first and without a gap.
    ///
    /// Stops as [`EventReader::load`] does; there is none where `to` is not held.
    ///
    /// # Errors
    /// As [`EventReader::load`].
    pub fn load_back(
        &self,
        log: LogId,
        chain: ChainId,
        from: Seq,
        to: Seq,
        bytes_max: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let Some(place) = self.places.get(log, chain) else { return Ok(Vec::new()) };
        let (mut events, mut bytes, mut next) = (Vec::new(), 0usize, to);
        loop {
            let page = self.store.range(&keys::events(place, from, next), Order::Descending, PAGE_PAIRS)?;
            let is_last = page.len() < PAGE_PAIRS;
            for (key, value) in page {
                let found = keys::seq(place, &key).ok_or_else(|| records::damaged(&key, "no key of an event"))?;
                if found != next {
                    // The last is not held; or the room is being swept.
                    if events.is_empty() || self.places.get(log, chain) != Some(place) {
                        return Ok(events);
                    }
                    return Err(records::damaged(&keys::event(place, next), "an event is missing"));
                }
                let event = records::decode_event((log, chain), place, found, &value)?;
                bytes = bytes.saturating_add(event.size());
                events.push(event);
                if bytes >= bytes_max || found <= from || found.0 == 0 {
                    return Ok(events);
                }
                next = Seq(found.0 - 1);
            }
            if is_last {
                return Ok(events);
            }
        }
    }

    /// The event at a place of a chain.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] with the key where the value is not the event that belongs there; as [`Store::get`]
    /// else.
    pub fn event(&self, log: LogId, chain: ChainId, seq: Seq) -> Result<Option<Event>, StoreError> {
        let Some(place) = self.places.get(log, chain) else { return Ok(None) };
        let value = self.store.get(&keys::event(place, seq))?;
        value.map(|value| records::decode_event((log, chain), place, seq, &value)).transpose()
    }

    /// Visits every event of a log, chain after chain and each chain in order: not in the order of display. Memory
    /// stays within a page.
    ///
    /// # Errors
    /// As [`EventReader::load`]; the events before the error have been visited.
    pub fn each_event_of(&self, log: LogId, visit: &mut dyn FnMut(Event)) -> Result<(), StoreError> {
        for (chain, place) in self.places.of_log(log) {
            self.walk((log, chain), place, Start::Lowest, Seq(u64::MAX), &mut |event| {
                visit(event);
                ControlFlow::Continue(())
            })?;
        }
        Ok(())
    }

    /// Visits the events of a log that are outside of what is known of each chain: below the first place or above the last.
    /// Memory stays within a page.
    ///
    /// # Errors
    /// As [`EventReader::load`]; the events before the error have been visited.
    pub fn each_event_beyond(
        &self,
        log: LogId,
        known: &dyn Fn(ChainId) -> Option<(Seq, Seq)>,
        visit: &mut dyn FnMut(Event),
    ) -> Result<(), StoreError> {
        for (chain, place) in self.places.of_log(log) {
            let mut go_on = |event| {
                visit(event);
                ControlFlow::Continue(())
            };
            let Some((low, high)) = known(chain) else {
                self.walk((log, chain), place, Start::Lowest, Seq(u64::MAX), &mut go_on)?;
                continue;
            };
            if low > Seq(1) {
                self.walk((log, chain), place, Start::Lowest, Seq(low.0 - 1), &mut go_on)?;
            }
            if let Some(next) = high.next() {
                self.walk((log, chain), place, Start::At(next), Seq(u64::MAX), &mut go_on)?;
            }
        }
        Ok(())
    }

    fn walk(
        &self,
        of: (LogId, ChainId),
        place: Place,
        start: Start,
        to: Seq,
        visit: &mut dyn FnMut(Event) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let mut next = match start {
            Start::At(seq) => Some(seq),
            Start::Lowest => None,
        };
        let mut visited = false;
        loop {
            let range = keys::events(place, next.unwrap_or(Seq::ZERO), to);
            let page = self.store.range(&range, Order::Ascending, PAGE_PAIRS)?;
            let is_last = page.len() < PAGE_PAIRS;
            for (key, value) in page {
                let found = keys::seq(place, &key).ok_or_else(|| records::damaged(&key, "no key of an event"))?;
                if next.is_some_and(|next| next != found) {
                    // The first is not held; or the room is being swept, from its lowest key on.
                    if !visited || self.places.get(of.0, of.1) != Some(place) {
                        return Ok(());
                    }
                    let missing = keys::event(place, next.unwrap_or(found));
                    return Err(records::damaged(&missing, "an event is missing"));
                }
                visited = true;
                if visit(records::decode_event(of, place, found, &value)?).is_break() {
                    return Ok(());
                }
                next = found.next();
                if next.is_none() {
                    return Ok(());
                }
            }
            if is_last {
                return Ok(());
            }
        }
    }
}

/// Where a walk begins.
#[derive(Debug, Clone, Copy)]
enum Start {
    /// At this place, or not at all.
    At(Seq),
    /// With the first event that is there.
    Lowest,
}
