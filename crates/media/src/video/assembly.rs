//! Pictures of one source, put together from their parts and given out in an order that can be decoded.
//!
//! # Invariants
//! 1. Each picture given out is a key picture, or follows the one given out before without a gap.
//!    Test: `what_comes_out_can_be_decoded_whatever_came`.
//! 2. What waits is bounded: [`PICTURES_MAX`], [`BYTES_MAX`]. Same test.
//!
//! Pure: all times are given.

use std::collections::BTreeMap;
use std::time::Duration;

use super::payload::Part;

/// Pictures that wait for their parts. More: all are given up.
const PICTURES_MAX: usize = 60;
/// Their bytes.
const BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long a part may be missing, from the first that came behind it, before a key picture is asked for instead.
const PATIENCE: Duration = Duration::from_millis(450);
/// Between two requests for a key picture.
const ASK_EVERY: Duration = Duration::from_millis(300);
/// A source of which nothing came for so long is awaited no more: it may have ended.
const ENDED_AFTER: Duration = Duration::from_secs(3);

/// A whole picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    /// Whether it can be shown without those before.
    pub key: bool,
    /// Of a clock of 90 kHz.
    pub timestamp: u32,
    /// As the codec writes it.
    pub data: Vec<u8>,
    /// When its first part came.
    pub first: Duration,
}

/// What became of packets and pictures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Parts that came.
    pub received: u64,
    /// Parts that were missing when their picture was given up.
    pub lost: u64,
    /// Pictures given up.
    pub dropped: u64,
    /// Key pictures asked for.
    pub keys_asked: u64,
    /// Bytes that came.
    pub bytes: u64,
}

#[derive(Debug)]
struct Partial {
    key: bool,
    timestamp: u32,
    first: Duration,
    parts: Vec<Option<Vec<u8>>>,
    have: usize,
}

impl Partial {
    fn is_whole(&self) -> bool {
        self.have == self.parts.len()
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Assembly {
    /// The picture that can be decoded next; none: only a key picture can.
    next: Option<u64>,
    newest: Option<u64>,
    /// When the last part came.
    heard: Option<Duration>,
    /// No picture up to this one is of use any more.
    done: Option<u64>,
    pictures: BTreeMap<u64, Partial>,
    bytes: usize,
    asked: Option<Duration>,
    counts: Counts,
}

impl Assembly {
    /// What became of everything so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// A part came, for the first time.
    pub fn push(&mut self, now: Duration, part: &Part<'_>, timestamp: u32) {
        self.heard = Some(now);
        self.counts.received += 1;
        self.counts.bytes += part.data.len() as u64;
        // The first may come after some that were sent later.
        let newest = *self.newest.get_or_insert(u64::from(part.picture) + (1 << 16));
        let ahead = part.picture.wrapping_sub(u16::try_from(newest & 0xffff).unwrap_or(0)).cast_signed();
        let Some(id) = newest.checked_add_signed(ahead.into()) else { return };
        self.newest = Some(newest.max(id));
        if self.done.is_some_and(|done| id <= done) {
            return;
        }
        let partial = self.pictures.entry(id).or_insert_with(|| Partial {
            key: part.key,
            timestamp,
            first: now,
            parts: vec![None; usize::from(part.parts)],
            have: 0,
        });
        // Of another number of parts: a liar's, and the first word counts.
        let Some(place) = partial.parts.get_mut(usize::from(part.part)) else { return };
        if place.is_none() {
            *place = Some(part.data.to_vec());
            partial.have += 1;
            self.bytes += part.data.len();
        }
        if self.pictures.len() > PICTURES_MAX || self.bytes > BYTES_MAX {
            self.give_up();
        }
    }

    /// The next picture that can be decoded.
    pub fn next_picture(&mut self) -> Option<Whole> {
        let next = self.next.filter(|next| self.pictures.get(next).is_some_and(Partial::is_whole));
        let newest_key = || self.pictures.iter().rev().find(|(_, it)| it.key && it.is_whole()).map(|(id, _)| *id);
        let id = next.or_else(newest_key)?;
        let partial = self.pictures.remove(&id)?;
        self.drop_up_to(id);
        self.next = Some(id + 1);
        if partial.key {
            self.asked = None;
        }
        let length = partial.parts.iter().flatten().map(Vec::len).sum();
        self.bytes = self.bytes.saturating_sub(length);
        let mut data = Vec::with_capacity(length);
        partial.parts.into_iter().flatten().for_each(|part| data.extend(part));
        Some(Whole { key: partial.key, timestamp: partial.timestamp, data, first: partial.first })
    }

    /// Nothing that follows can be decoded: the codec refused, or very much was lost.
    pub fn broken(&mut self) {
        self.next = None;
    }

    /// Whether a key picture is to be asked for now.
    pub fn asks_for_key(&mut self, now: Duration) -> bool {
        if let Some(next) = self.next {
            let waited = self.pictures.range(next..).map(|(_, partial)| partial.first).min();
            if waited.is_some_and(|since| since + PATIENCE <= now) {
                self.give_up();
            }
        }
        // One is on its way.
        let comes = self.pictures.values().any(|it| it.key && it.first + PATIENCE > now);
        let asked = self.asked.is_some_and(|asked| asked + ASK_EVERY > now);
        let asks = self.goes_on(now) && self.next.is_none() && !comes && !asked;
        if asks {
            self.asked = Some(now);
            self.counts.keys_asked += 1;
        }
        asks
    }

    /// Whether [`Self::asks_for_key`] has something to look after.
    pub fn waits(&self, now: Duration) -> bool {
        self.goes_on(now) && (!self.pictures.is_empty() || self.next.is_none())
    }

    fn goes_on(&self, now: Duration) -> bool {
        self.heard.is_some_and(|heard| heard + ENDED_AFTER > now)
    }

    fn give_up(&mut self) {
        // A key picture that still grows is kept, if there is room for it.
        let keep = self.pictures.iter().rev().find(|(_, it)| it.key).map(|(id, _)| *id);
        let keep = keep.filter(|_| self.pictures.len() <= PICTURES_MAX && self.bytes <= BYTES_MAX);
        let newest = self.pictures.keys().next_back().copied();
        match (keep, newest) {
            (Some(keep), _) => self.drop_up_to(keep.saturating_sub(1)),
            (None, Some(newest)) => self.drop_up_to(newest),
            (None, None) => {}
        }
        self.next = None;
    }

    fn drop_up_to(&mut self, id: u64) {
        while let Some(first) = self.pictures.first_entry().filter(|first| *first.key() <= id) {
            let partial = first.remove();
            self.bytes = self.bytes.saturating_sub(partial.parts.iter().flatten().map(Vec::len).sum());
            self.counts.dropped += 1;
            self.counts.lost += (partial.parts.len() - partial.have) as u64;
        }
        self.done = self.done.max(Some(id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::video::Source;
    use proptest::prelude::*;

    fn part(picture: u16, part: u16, parts: u16, key: bool) -> Part<'static> {
        Part { source: Source::Camera, key, picture, part, parts, data: b"vp8" }
    }

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn parts_in_any_order_make_pictures_in_order() {
        let mut assembly = Assembly::default();
        assembly.push(ms(0), &part(65_535, 1, 2, true), 1);
        assert_eq!(assembly.next_picture(), None);
        assembly.push(ms(1), &part(0, 0, 1, false), 2);
        assembly.push(ms(2), &part(65_535, 0, 2, true), 1);
        assert_eq!(assembly.next_picture().map(|whole| whole.timestamp), Some(1));
        assert_eq!(
            assembly.next_picture().map(|whole| whole.timestamp),
            Some(2),
            "beyond the last number comes the first"
        );
        assert_eq!(assembly.next_picture(), None);
    }

    // Rules: CA7
    #[test]
    fn a_gap_stops_pictures_until_a_key_picture_which_is_asked_for() {
        let mut assembly = Assembly::default();
        assembly.push(ms(0), &part(1, 0, 1, true), 1);
        assert!(assembly.next_picture().is_some());
        assert!(!assembly.asks_for_key(ms(0)));
        assembly.push(ms(10), &part(3, 0, 1, false), 3);
        assert_eq!(assembly.next_picture(), None, "the second is missing");
        assert!(!assembly.asks_for_key(ms(400)), "it may still come");
        assert!(assembly.asks_for_key(ms(460)));
        assert!(!assembly.asks_for_key(ms(470)), "once is enough for now");
        assembly.push(ms(480), &part(2, 0, 1, false), 2);
        assert_eq!(assembly.next_picture(), None, "too late");
        assert!(assembly.asks_for_key(ms(760)), "the request may have been lost");
        assembly.push(ms(800), &part(9, 0, 1, true), 9);
        assert!(assembly.next_picture().is_some_and(|whole| whole.key));
        assembly.push(ms(810), &part(10, 0, 1, false), 10);
        assert!(assembly.next_picture().is_some());
        assert!(!assembly.asks_for_key(ms(2_000)));
        assert_eq!(assembly.counts().keys_asked, 2);
    }

    #[test]
    fn a_picture_that_cannot_be_decoded_is_followed_by_a_key_picture_alone() {
        let mut assembly = Assembly::default();
        assembly.push(ms(0), &part(1, 0, 1, true), 1);
        assert!(assembly.next_picture().is_some());
        assembly.broken();
        assembly.push(ms(1), &part(2, 0, 1, false), 2);
        assert_eq!(assembly.next_picture(), None);
        assert!(assembly.asks_for_key(ms(1)));
    }

    #[test]
    fn a_source_that_ended_is_neither_awaited_nor_asked_of_for_ever() {
        let mut assembly = Assembly::default();
        assert!(!assembly.waits(ms(0)), "nothing began");
        assembly.push(ms(0), &part(1, 0, 1, true), 1);
        assert!(assembly.next_picture().is_some());
        assembly.push(ms(100), &part(2, 0, 2, false), 2);
        assembly.broken();
        assert!(assembly.waits(ms(200)) && assembly.asks_for_key(ms(3_000)));
        assert!(!assembly.asks_for_key(ms(3_400)) && !assembly.waits(ms(3_400)), "it has ended");
        assembly.push(ms(9_000), &part(3, 0, 1, false), 3);
        assert!(assembly.asks_for_key(ms(9_000)) && assembly.waits(ms(9_000)), "it goes on");
    }

    proptest! {
        #[test]
        fn what_comes_out_can_be_decoded_whatever_came(
            came in proptest::collection::vec((0_u16..40, 0_u16..4, 1_u16..5, any::<bool>(), 0_u64..300), 0..300),
        ) {
            let mut assembly = Assembly::default();
            let (mut now, mut before) = (0, None);
            for (picture, n, parts, key, later) in came {
                now += later;
                if n < parts {
                    assembly.push(ms(now), &part(picture, n, parts, key), picture.into());
                }
                let _ = assembly.asks_for_key(ms(now));
                while let Some(whole) = assembly.next_picture() {
                    prop_assert!(whole.key || before.is_some_and(|before: u32| before + 1 == whole.timestamp));
                    before = Some(whole.timestamp);
                }
                prop_assert!(assembly.pictures.len() <= PICTURES_MAX && assembly.bytes <= BYTES_MAX);
                let held: usize = assembly.pictures.values().flat_map(|it| it.parts.iter().flatten()).map(Vec::len).sum();
                prop_assert_eq!(held, assembly.bytes);
            }
        }
    }
}
