//! Pages that stay stable while posts, likes and deletions arrive.
//!
//! A reader who turns pages goes on in the order that the first page had: who asks for a first page of an order that
//! moves gets a cursor into a list of ids that was made then. What is new since is not in it, what was taken back since
//! is skipped, so everything that was there throughout is read once. The last [`KEPT`] lists
//! are kept. Who asks while nothing has changed shares one, so that many readers do not push each other out.
//!
//! Test: `every_post_that_was_there_throughout_is_read_once`.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::str::FromStr;

use momoland_protocol::clock::UnixMillis;
use momoland_protocol::id::EventId;

use crate::feed::Feed;
use crate::item::Number;
use crate::rank::Order;
use crate::texts::Texts;

/// The ids of a page's posts, and where it goes on.
pub type Listed = (Vec<EventId>, Option<Cursor>);

/// Lists kept at most: of 10,000 posts one is 40 kB.
const KEPT: usize = 32;

/// For how long a list is shared: as time passes, posts that claimed to be from later are shown.
const SHARED_MS: u64 = 1_000;

/// Where a reader goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    list: u64,
    place: usize,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{}", self.list, self.place)
    }
}

/// A text that is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseCursorError;

impl FromStr for Cursor {
    type Err = ParseCursorError;

    fn from_str(text: &str) -> Result<Self, ParseCursorError> {
        let (list, place) = text.split_once('-').ok_or(ParseCursorError)?;
        let list = u64::from_str_radix(list, 16).map_err(|_| ParseCursorError)?;
        let place = place.parse().map_err(|_| ParseCursorError)?;
        Ok(Self { list, place })
    }
}

/// The lists of the last readers of one feed: of another, or of one that was folded anew, they would say something else.
#[derive(Debug)]
pub struct Snapshots {
    lists: VecDeque<(u64, Box<[Number]>)>,
    next: u64,
    /// By order: the list that was made last of all posts, of which generation of the feed, and when.
    latest: BTreeMap<Order, Shared>,
    public: bool,
}

#[derive(Debug, Clone, Copy)]
struct Shared {
    list: u64,
    generation: u64,
    at: UnixMillis,
}

impl Snapshots {
    /// `seed`: random, so that a cursor from before a restart is not taken for one of now.
    pub fn new(seed: u64) -> Self {
        Self { lists: VecDeque::new(), next: seed, latest: BTreeMap::new(), public: false }
    }

    /// For readers of whom nobody is an author or moderator: what is hidden is left out, and a list is shared for a second
    /// whatever changes meanwhile.
    pub fn public(seed: u64) -> Self {
        Self { public: true, ..Self::new(seed) }
    }

    /// The first page of an order, and where it goes on.
    pub fn first<T: Texts>(&mut self, feed: &Feed<T>, by: Order, limit: usize, now: UnixMillis) -> Listed {
        let fresh = |shared: &Shared| {
            let old = now.0.saturating_sub(shared.at.0) >= SHARED_MS || now < shared.at;
            !old && (self.public || shared.generation == feed.generation())
        };
        if let Some(shared) = self.latest.get(&by).copied().filter(fresh)
            && let Some(page) = self.next(feed, Cursor { list: shared.list, place: 0 }, limit)
        {
            return page;
        }
        let list = self.keep(feed.numbers(by, now).collect());
        self.latest.insert(by, Shared { list, generation: feed.generation(), at: now });
        self.next(feed, Cursor { list, place: 0 }, limit).unwrap_or_default()
    }

    /// As [`Self::first`], of some posts alone.
    pub fn first_of<T: Texts>(
        &mut self,
        feed: &Feed<T>,
        by: Order,
        limit: usize,
        now: UnixMillis,
        wanted: impl Fn(EventId) -> bool,
    ) -> Listed {
        let list = self.keep(feed.numbers(by, now).filter(|number| feed.id(*number).is_some_and(&wanted)).collect());
        self.next(feed, Cursor { list, place: 0 }, limit).unwrap_or_default()
    }

    fn keep(&mut self, numbers: Box<[Number]>) -> u64 {
        let list = self.next;
        self.next = self.next.wrapping_add(1);
        if self.lists.len() == KEPT {
            self.lists.pop_front();
        }
        self.lists.push_back((list, numbers));
        list
    }

    /// The page behind a cursor, and where it goes on. `None`: its list is not kept any more; the reader begins again.
    pub fn next<T: Texts>(&mut self, feed: &Feed<T>, cursor: Cursor, limit: usize) -> Option<Listed> {
        let at = self.lists.iter().position(|(list, _)| *list == cursor.list)?;
        // Who goes on reading is kept longest.
        let (list, numbers) = self.lists.remove(at)?;
        let page = read(feed, &numbers, cursor.place, limit, self.public);
        self.lists.push_back((list, numbers));
        let (ids, next) = page;
        Some((ids, next.map(|place| Cursor { list, place })))
    }
}

/// The posts of a list that are shown, from a place on, and where the next one is.
fn read<T: Texts>(
    feed: &Feed<T>,
    numbers: &[Number],
    from: usize,
    limit: usize,
    public: bool,
) -> (Vec<EventId>, Option<usize>) {
    let (mut page, mut end) = (Vec::new(), from);
    for (place, number) in numbers.iter().enumerate().skip(from) {
        let Some(id) = feed.id(*number) else { continue };
        let Some(is_hidden) = feed.is_hidden(id) else { continue };
        if public && is_hidden {
            continue;
        }
        if page.len() == limit {
            return (page, Some(end));
        }
        page.push(id);
        end = place + 1;
    }
    (page, None)
}

#[cfg(test)]
mod tests;
