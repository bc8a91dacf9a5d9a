//! What is on disk of the rooms, folded into what people see: all of them when an account is opened, and one anew where
//! what was written in it is judged anew.
//!
//! At the start rooms are read beside each other, since nothing of one depends on another, and then taken one after the
//! other. Not here: what a document's log holds (`documents` reads it when it is opened).

use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use momoland_feed::Feed;
use momoland_protocol::clock::UnixMillis;
use momoland_protocol::event::{Action, BodyBytes, Event as StoredEvent};
use momoland_protocol::id::{AccountId, ChainId, DeviceId, RoomId};
use momoland_replica::replica::Replica;
use momoland_replica::roster::Roster;
use momoland_store::event_log::EventReader;
use momoland_store::kv::{Batch, StoreError};

use super::feeds::{OnDisk, RoomFeed};
use super::reissue::Reissue;
use super::{Home, counts, others_at};
use crate::account::record::Records;
use crate::projection::history::History;
use crate::projection::locations::Locations;
use crate::projection::texts::Texts;
use crate::projection::timeline::Timeline;

/// Threads that read rooms at the start. The disk, and memory that each takes meanwhile, make more of them useless.
const THREADS_MAX: usize = 4;

/// What rooms are read with.
struct Folding<'a> {
    replica: &'a Replica,
    records: &'a Records,
    reader: EventReader,
    texts: &'a Arc<Texts>,
    feed_texts: &'a Arc<Texts<BodyBytes>>,
    own: AccountId,
    device: DeviceId,
    now: UnixMillis,
}

/// What the events of one room come to.
struct Folded {
    timeline: Timeline,
    locations: Locations,
    feed: Feed<OnDisk>,
    history: History,
    reissue: Reissue,
    /// Documents, with who announced them under which roster version.
    announced: Vec<(StoredEvent, AccountId, u64)>,
}

impl Folding<'_> {
    /// Folds what was read of a room, or else what is read now. `None`: it is not held any more.
    fn fold(&self, room: RoomId, read: Option<Vec<StoredEvent>>) -> Result<Option<Folded>, StoreError> {
        let log = room.conversation();
        let Some(roster) = self.replica.roster(room) else { return Ok(None) };
        let mut folded = Folded {
            timeline: Timeline::new(room, self.own, self.records.marks(log)?, Arc::clone(self.texts)),
            locations: Locations::default(),
            feed: Feed::new(OnDisk::new(room, self.feed_texts)),
            history: History::default(),
            reissue: Reissue::new(self.device),
            announced: Vec::new(),
        };
        let mut take = |event: StoredEvent| folded.take(event, roster, self.now);
        match read {
            Some(events) => events.into_iter().for_each(take),
            None => self.reader.each_event_of(log, &mut take)?,
        }
        folded.feed.rest();
        Ok(Some(folded))
    }

    /// Folds rooms, on as many threads as are of use.
    fn fold_all(&self, rooms: &[RoomId]) -> Result<Vec<(RoomId, Folded)>, StoreError> {
        let next = AtomicUsize::new(0);
        let fold_some = || {
            let mut some = Vec::new();
            while let Some(room) = rooms.get(next.fetch_add(1, Ordering::Relaxed)) {
                some.extend(self.fold(*room, None)?.map(|folded| (*room, folded)));
            }
            Ok::<_, StoreError>(some)
        };
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        thread::scope(|scope| {
            let others = 1..cores.min(THREADS_MAX).min(rooms.len());
            // Where the system gives no thread, this one folds all.
            let spawn = |_| thread::Builder::new().spawn_scoped(scope, fold_some).ok();
            let others: Vec<_> = others.filter_map(spawn).collect();
            let mut all = fold_some()?;
            for other in others {
                all.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
            }
            Ok(all)
        })
    }
}

impl Folded {
    fn take(&mut self, event: StoredEvent, roster: &Roster, now: UnixMillis) {
        let header = event.header.get();
        let version = roster.version_of(header.roster).unwrap_or(0);
        let Some(author) = roster.account_of(header.device) else { return };
        let counts = counts(roster, header);
        self.reissue.note(&event, counts);
        if !counts {
            return;
        }
        self.history.note(header, version);
        self.timeline.apply(&event, author, version, now);
        self.locations.apply(&event, author, version);
        self.feed.apply(&event, author, version);
        if header.action == Action::ANNOUNCE {
            self.announced.push((event, author, version));
        }
    }
}

impl Home {
    fn folding(&self) -> Folding<'_> {
        Folding {
            replica: &self.replica,
            records: &self.records,
            reader: self.persistence.reader(),
            texts: &self.texts,
            feed_texts: &self.feed_texts,
            own: self.account.id,
            device: self.key.device(),
            now: self.now().wall,
        }
    }

    /// Folds what is on disk into what people see.
    pub(super) fn fold_rooms(&mut self) -> Result<(), StoreError> {
        let rooms: Vec<RoomId> =
            self.replica.rooms().map(|(room, _)| room).filter(|room| !self.own_room.is(*room)).collect();
        let mut all = self.folding().fold_all(&rooms)?;
        // In one order, whichever thread was done first.
        all.sort_by_key(|(room, _)| *room);
        for (room, folded) in all {
            self.take_folded(room, folded)?;
            let Some(roster) = self.replica.roster(room) else { continue };
            self.members.insert(room, roster.members().map(|member| member.account).collect());
        }
        Ok(())
    }

    /// Folds anew what was read of one room.
    pub(in crate::engine) fn fold_room(&mut self, room: RoomId, read: Vec<StoredEvent>) -> Result<(), StoreError> {
        let Some(folded) = self.folding().fold(room, Some(read))? else { return Ok(()) };
        self.take_folded(room, folded)
    }

    /// Shows what a room's events come to, with what registers and this device's own records say of it.
    fn take_folded(&mut self, room: RoomId, folded: Folded) -> Result<(), StoreError> {
        let Folded { mut timeline, mut locations, feed, history, reissue, announced } = folded;
        let (own, now) = (self.account.id, self.now().wall);
        let log = room.conversation();
        let Some(roster) = self.replica.roster(room) else { return Ok(()) };
        self.texts.forget_log(log);
        self.feed_texts.forget_log(log);
        // Fronts read the list; what they find there is not told as well.
        locations.changes(now, self.mono_ms());
        timeline.set_outdone(self.records.reads(log)?);
        let own_chain = |chain: &ChainId| roster.account_of(chain.device) == Some(own);
        for register in self.replica.registers(room) {
            timeline.apply_register(register.get(), own_chain);
        }
        timeline.set_unread_mark(self.own_room.unread_from(room));
        let outdone = timeline.outdone().contains_key(&own);
        // It lies on disk already, if in another place: it may be shown before it is written here.
        if let Some((marks, noted)) = timeline.unwritten() {
            timeline.advance_to(&noted);
            let mut batch = Batch::new();
            Records::put_marks(&mut batch, log, &marks);
            self.persistence.write(batch);
        }
        timeline.advance_read(|version| others_at(roster, version, own));
        self.timelines.insert(room, timeline);
        self.positions.put(room, locations);
        self.feeds.insert(room, RoomFeed::new(feed, OnDisk::new(room, &self.feed_texts)));
        self.histories.insert(room, history);
        if outdone {
            self.show_read_again(room);
        }
        self.issue_again(room, reissue);
        for (event, author, version) in announced {
            self.document_event(room, &event, author, version, false);
        }
        Ok(())
    }
}
