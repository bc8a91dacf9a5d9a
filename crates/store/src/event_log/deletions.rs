//! What deletions leave on the disk: headers without their bodies.
//!
//! A deletion's record is committed with its event. Only then is it known what there is to drop: whatever was put before
//! it is committed by now, and what is put after it comes without its body.

use momoland_protocol::cbor;
use momoland_protocol::event::{Action, Event, EventHeader, EventPlace};
use momoland_protocol::id::{ChainId, LogId, RoomId, Seq};

use super::keys;
use super::places::Place;
use super::records::{self, DeletionRecord};
use super::{EventLog, PAGE_PAIRS, spoil};
use crate::kv::{Batch, KeyRange, Order, StoreError};

/// Deletions for which one batch drops bodies.
const DELETIONS_A_BATCH_MAX: usize = 32;

impl EventLog {
    /// Adds that an event deletes its target; the event was put before. Bodies go with [`EventLog::sweep`].
    pub(super) fn put_deletion(&mut self, batch: &mut Batch, room: RoomId, header: &EventHeader) {
        let number = self.rooms.get(&room).map(|held| held.number);
        let by = self.places.get(header.log, header.chain()).filter(|place| Some(place.room) == number);
        let (Some(by), Some((place, target))) = (by, header.amended()) else {
            return spoil(batch, "a deletion", room);
        };
        let (log, action, roster) = (header.log, header.action, header.roster);
        let record = DeletionRecord { log, place, target, action, roster, dropped: false };
        let key = keys::deletion(log, place, by, header.seq);
        batch.put(key.clone(), cbor::encode(&record));
        self.undropped.insert(key);
    }

    /// Drops the bodies that the next deletions concern. Whether there is more to do.
    pub(super) fn drop_bodies(&mut self, batch: &mut Batch) -> Result<bool, StoreError> {
        let next: Vec<Vec<u8>> = self.undropped.iter().take(DELETIONS_A_BATCH_MAX).cloned().collect();
        for key in &next {
            let Some(value) = self.store.get(key)? else { break };
            let record: DeletionRecord = records::decode(key, &value)?;
            self.drop_target(batch, &record)?;
            if self.drop_edits(batch, key, &record)? {
                batch.put(key.clone(), cbor::encode(&DeletionRecord { dropped: true, ..record }));
                self.undropped.remove(key);
            }
        }
        Ok(!next.is_empty())
    }

    fn drop_target(&self, batch: &mut Batch, record: &DeletionRecord) -> Result<(), StoreError> {
        let EventPlace { chain, seq } = record.place;
        let Some(place) = self.places.get(record.log, chain) else { return Ok(()) };
        self.drop_body(batch, (record.log, chain), place, seq, |event| event.id() == record.target)
    }

    /// Drops bodies of the target's edits, a page of them. Whether these were all.
    fn drop_edits(&self, batch: &mut Batch, deletion: &[u8], record: &DeletionRecord) -> Result<bool, StoreError> {
        let page = self.store.range(&KeyRange::prefix(keys::edits_like(deletion)), Order::Ascending, PAGE_PAIRS)?;
        for (key, _) in &page {
            let (place, seq) = keys::standing(key).ok_or_else(|| records::damaged(key, "no key of an edit"))?;
            let held = self.rooms.values().find(|held| held.number == place.room);
            let chain = held.and_then(|held| held.chains.get(&place.chain));
            let chain = chain.ok_or_else(|| records::damaged(key, "an edit in a chain that is not held"))?;
            let about = Some((record.place, record.target));
            self.drop_body(batch, (chain.log, chain.chain), place, seq, |event| {
                let header = event.header.get();
                header.action == Action::EDIT && header.amended() == about
            })?;
            batch.delete(key.clone());
        }
        Ok(page.len() < PAGE_PAIRS)
    }

    /// Leaves the header of an event, where it is the one that is meant.
    fn drop_body(
        &self,
        batch: &mut Batch,
        of: (LogId, ChainId),
        place: Place,
        seq: Seq,
        is_meant: impl Fn(&Event) -> bool,
    ) -> Result<(), StoreError> {
        let key = keys::event(place, seq);
        let Some(value) = self.store.get(&key)? else { return Ok(()) };
        let event = records::decode_event(of, place, seq, &value)?;
        if event.body.is_some() && is_meant(&event) {
            batch.put(key, cbor::encode(&Event { header: event.header, body: None })).erase();
        }
        Ok(())
    }
}
