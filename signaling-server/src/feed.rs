//! The public feed as browsers and readers see it: the one log whose bodies the server reads (DESIGN §3).
//!
//! Folded from what the relay stored, by the same code as in every client. The relay writes, HTTP reads; the lock is held
//! for one event or one page.
//!
//! # Invariants
//! 1. Only what is on the disk is shown, and nothing that was taken back. Test: `the_public_feed_is_read_over_http`.

use std::sync::{Mutex, MutexGuard, PoisonError};

use momoland_feed::{Cursor, Feed, Order, Post, Snapshots};
use momoland_protocol::clock::UnixMillis;
use momoland_protocol::event::Event;
use momoland_protocol::id::{AccountId, ChainId, RoomId, Seq, ServerKey, random};
use momoland_protocol::roster::Genesis;
use momoland_replica::roster::Roster;

/// The public feed of this server.
#[derive(Debug)]
pub struct PublicFeed {
    room: RoomId,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    feed: Feed,
    snapshots: Snapshots,
}

/// A page of it, and where it goes on.
pub type Page = (Vec<Post>, Option<Cursor>);

impl PublicFeed {
    pub fn new(server: ServerKey) -> Self {
        let snapshots = Snapshots::new(u64::from_be_bytes(random()));
        Self {
            room: Genesis::PublicFeed { server }.room(),
            held: Mutex::new(Held { feed: Feed::default(), snapshots }),
        }
    }

    /// The room that it is.
    pub fn room(&self) -> RoomId {
        self.room
    }

    /// Takes an event that is on the disk; of other rooms nothing.
    pub fn apply(&self, room: RoomId, event: &Event, author: AccountId, roster_version: u64) {
        if room == self.room {
            self.held().feed.apply(event, author, roster_version);
        }
    }

    /// Takes an event of the log as it is read at the start.
    pub fn fold(&self, roster: &Roster, event: &Event) {
        let header = event.header.get();
        let Some(author) = roster.account_of(header.device) else { return };
        if roster.counts_event(header) {
            self.apply(self.room, event, author, roster.version_of(header.roster).unwrap_or(0));
        }
    }

    /// The roster grew: what is beyond its cuts goes.
    pub fn follow(&self, roster: &Roster) {
        if roster.room() == self.room {
            let log = self.room.conversation();
            let is_cut = |chain: ChainId, seq: Seq, version: u64| roster.is_cut(log, chain, seq, version);
            self.held().feed.take_back(is_cut);
        }
    }

    /// The room is gone, with everything in it.
    pub fn forget(&self, room: RoomId) {
        if room == self.room {
            self.held().feed = Feed::default();
        }
    }

    /// The first page of an order.
    pub fn first(&self, by: Order, limit: usize, now: UnixMillis) -> Page {
        let mut held = self.held();
        let Held { feed, snapshots } = &mut *held;
        snapshots.first(feed, by, limit, now)
    }

    /// The page behind a cursor. `None`: it is too old.
    pub fn next(&self, cursor: Cursor, limit: usize) -> Option<Page> {
        let mut held = self.held();
        let Held { feed, snapshots } = &mut *held;
        snapshots.next(feed, cursor, limit)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // A panic while it was held left at most one event half counted.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
