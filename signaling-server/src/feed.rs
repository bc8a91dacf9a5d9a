//! The public feed as browsers and readers see it: the one log whose bodies the server reads (DESIGN §3).
//!
//! Folded from what the relay stored, by the same code as in every client. The relay writes, HTTP reads; the lock is held
//! for one event or one page.
//!
//! # Invariants
//! 1. Only what is on the disk is shown, and nothing that was taken back. Test: `the_public_feed_is_read_over_http`.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use momoland_feed::{Cursor, Feed, Listed, Order, Post, Snapshots};
use momoland_protocol::clock::{Hlc, UnixMillis};
use momoland_protocol::event::Event;
use momoland_protocol::id::{ChainId, RoomId, Seq, ServerKey, random};
use momoland_protocol::roster::Genesis;
use momoland_replica::roster::Roster;

/// The public feed of this server.
#[derive(Debug)]
pub struct PublicFeed {
    room: RoomId,
    held: Mutex<Held>,
    /// What was answered last to the questions that most ask: each when, in Unix milliseconds.
    answers: Mutex<BTreeMap<Asked, (UnixMillis, Bytes)>>,
}

/// A question that many ask alike, and whose answer may be given again for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asked {
    /// The first page of an order, of the length that is given unasked.
    Page(Order),
}

/// For how long an answer is given again. Far less than what it says itself to those who keep it.
const ANSWER_HOLDS_MS: u64 = 1_000;

#[derive(Debug)]
struct Held {
    feed: Feed,
    snapshots: Snapshots,
}

impl Held {
    fn new() -> Self {
        Self { feed: Feed::default(), snapshots: Snapshots::public(u64::from_be_bytes(random())) }
    }
}

/// A page of it, and where it goes on.
pub type Page = (Vec<Post>, Option<Cursor>);

impl PublicFeed {
    pub fn new(server: ServerKey) -> Self {
        Self { room: Genesis::PublicFeed { server }.room(), held: Mutex::new(Held::new()), answers: Mutex::default() }
    }

    /// The room that it is.
    pub fn room(&self) -> RoomId {
        self.room
    }

    /// Takes an event of its log that is on the disk.
    pub fn fold(&self, roster: &Roster, event: &Event) {
        let header = event.header.get();
        let Some(author) = roster.account_of(header.device) else { return };
        if roster.counts_event(header) && !roster.is_unlisted(header) {
            self.held().feed.apply(event, author, roster.version_of(header.roster).unwrap_or(0));
        }
    }

    /// The roster grew: what is beyond its cuts goes.
    pub fn follow(&self, roster: &Roster) {
        if roster.room() == self.room {
            let log = self.room.conversation();
            let is_cut = |chain: ChainId, seq: Seq, version: u64| roster.is_cut(log, chain, seq, version);
            let is_post_cut =
                |chain: ChainId, seq: Seq, hlc: Hlc, version: u64| roster.is_post_cut(chain, seq, hlc, version);
            self.held().feed.take_back(is_cut, is_post_cut);
        }
    }

    /// Everything that was stored of it was folded.
    pub fn folded(&self) {
        self.held().feed.rest();
    }

    /// The room is gone, with everything in it.
    pub fn forget(&self, room: RoomId) {
        if room == self.room {
            *self.held() = Held::new();
        }
    }

    /// The first page of an order.
    pub fn first(&self, by: Order, limit: usize, now: UnixMillis) -> Page {
        let mut held = self.held();
        let Held { feed, snapshots } = &mut *held;
        read(feed, snapshots.first(feed, by, limit, now))
    }

    /// The page behind a cursor. `None`: it is too old.
    pub fn next(&self, cursor: Cursor, limit: usize) -> Option<Page> {
        let mut held = self.held();
        let Held { feed, snapshots } = &mut *held;
        let listed = snapshots.next(feed, cursor, limit)?;
        Some(read(feed, listed))
    }

    /// What was answered to this question less than a second ago.
    pub fn answered(&self, asked: Asked, now: UnixMillis) -> Option<Bytes> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, answer) = answers.get(&asked)?;
        let age = now.0.checked_sub(at.0)?;
        (age < ANSWER_HOLDS_MS).then(|| answer.clone())
    }

    /// Keeps an answer, to be given again.
    pub fn keep_answer(&self, asked: Asked, now: UnixMillis, answer: Bytes) {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).insert(asked, (now, answer));
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // A panic while it was held left at most one event half counted.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(feed: &Feed, (ids, next): Listed) -> Page {
    (ids.into_iter().filter_map(|id| feed.post(id)).collect(), next)
}
