//! What came over one link: which packets are missing and are asked for again, what the other side is told of arrivals,
//! and the pictures of both sources.
//!
//! # Invariants
//! 1. A packet that came twice counts once. Test: `what_is_missing_is_asked_for_again_and_no_more`.
//! 2. What is remembered is bounded: [`GAP_MAX`], [`MISSING_MAX`], [`payload::ARRIVALS_MAX`].
//!
//! Pure: all times are given.

use std::collections::BTreeMap;
use std::time::Duration;

use super::assembly::{Assembly, Counts, Whole};
use super::payload::{self, Feedback, Malformed, Payload};
use super::{Source, VideoPacket};

/// Packets missing in a row that are asked for. More: the way was gone, and a key picture heals it sooner.
const GAP_MAX: u64 = 120;
/// Packets that are missing at once. More: the oldest are given up.
const MISSING_MAX: usize = 300;
/// Packets overtake each other by less than this.
const OVERTAKEN: Duration = Duration::from_millis(10);
/// A packet is asked for so often, and for so long.
const ASKS_MAX: u8 = 8;
const ASKED_FOR: Duration = Duration::from_millis(900);
/// What is assumed of the way until it is known, there and back.
const ROUND_TRIP: Duration = Duration::from_millis(100);
/// The shortest time there and back of this long, and as long before, counts: it is measured by messages that the link
/// sends again where they are lost, and then takes a second more.
const ROUND_TRIPS_OF: Duration = Duration::from_secs(5);
/// The other side hears of arrivals this often.
const TELL_EVERY: Duration = Duration::from_millis(50);

/// The shortest of a while, and of the while before.
#[derive(Debug, Clone, Copy)]
struct RoundTrips {
    since: Duration,
    shortest: Duration,
    before: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Missing {
    since: Duration,
    asked: Option<Duration>,
    asks: u8,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Incoming {
    newest: Option<u64>,
    missing: BTreeMap<u64, Missing>,
    arrivals: Vec<(u16, u32)>,
    came: u32,
    told: Duration,
    /// Parts of pictures came since then. Feedback alone is not answered, or it would go back and forth for ever.
    parts_came: bool,
    round_trips: Option<RoundTrips>,
    camera: Assembly,
    screen: Assembly,
    refused: u64,
}

impl Incoming {
    /// A packet came. What the other side says in it of what it got, if it does.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn push(&mut self, now: Duration, packet: &VideoPacket) -> Result<Option<Feedback>, Malformed> {
        let payload = payload::read(&packet.payload).inspect_err(|_| self.refused += 1)?;
        if !self.is_new(now, packet.sequence) {
            return Ok(None);
        }
        match payload {
            Payload::Feedback(feedback) => Ok(Some(feedback)),
            Payload::Part(part) => {
                self.parts_came = true;
                self.of(part.source).push(now, &part, packet.timestamp);
                Ok(None)
            }
        }
    }

    fn is_new(&mut self, now: Duration, sequence: u16) -> bool {
        let quarters = u32::try_from(now.as_micros() / 250 % (1 << 32)).unwrap_or(0);
        let Some(newest) = self.newest else {
            self.newest = Some(u64::from(sequence) + (1 << 16));
            self.came += 1;
            self.arrivals.push((sequence, quarters));
            return true;
        };
        let ahead = sequence.wrapping_sub(u16::try_from(newest & 0xffff).unwrap_or(0)).cast_signed();
        let Some(extended) = newest.checked_add_signed(ahead.into()) else { return false };
        if ahead > 0 {
            self.newest = Some(extended);
            if extended - newest > GAP_MAX {
                self.missing.clear();
                self.camera.broken();
                self.screen.broken();
            } else {
                let gone = newest + 1..extended;
                self.missing.extend(gone.map(|it| (it, Missing { since: now, asked: None, asks: 0 })));
                while self.missing.len() > MISSING_MAX {
                    self.missing.pop_first();
                }
            }
        } else {
            match self.missing.remove(&extended) {
                None => return false,
                // It says nothing of the way: it went there twice.
                Some(missing) if missing.asks > 0 => return true,
                Some(_) => {}
            }
        }
        self.came = self.came.wrapping_add(1);
        if self.arrivals.len() >= payload::ARRIVALS_MAX {
            self.arrivals.remove(0);
        }
        self.arrivals.push((sequence, quarters));
        true
    }

    fn of(&mut self, source: Source) -> &mut Assembly {
        match source {
            Source::Camera => &mut self.camera,
            Source::Screen => &mut self.screen,
        }
    }

    /// There and back on this way, as it was measured last.
    pub fn set_round_trip(&mut self, now: Duration, round_trip: Duration) {
        let first = RoundTrips { since: now, shortest: round_trip, before: round_trip };
        let known = self.round_trips.get_or_insert(first);
        if known.since + ROUND_TRIPS_OF <= now {
            *known = RoundTrips { since: now, shortest: round_trip, before: known.shortest };
        }
        known.shortest = known.shortest.min(round_trip);
    }

    /// The next picture that can be decoded.
    pub fn next_picture(&mut self, source: Source) -> Option<Whole> {
        self.of(source).next_picture()
    }

    /// The codec refused a picture.
    pub fn refuse(&mut self, source: Source) {
        self.of(source).broken();
    }

    /// What became of a source's packets.
    pub fn counts(&self, source: Source) -> Counts {
        match source {
            Source::Camera => self.camera.counts(),
            Source::Screen => self.screen.counts(),
        }
    }

    /// Packets that were none.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    fn has_news(&self) -> bool {
        self.parts_came && !self.arrivals.is_empty()
    }

    /// Whether [`Self::feedback`] may have something to say soon.
    pub fn is_busy(&self, now: Duration) -> bool {
        !self.missing.is_empty() || self.has_news() || self.camera.waits(now) || self.screen.waits(now)
    }

    /// What the other side is to be told now.
    pub fn feedback(&mut self, now: Duration) -> Option<Feedback> {
        let (key_camera, key_screen) = (self.camera.asks_for_key(now), self.screen.asks_for_key(now));
        let asked = self.asks(now);
        let tells = self.has_news() && self.told + TELL_EVERY <= now;
        if !(key_camera || key_screen || tells) && asked.is_empty() {
            return None;
        }
        (self.told, self.parts_came) = (now, false);
        let newest = u32::try_from(self.newest.unwrap_or(0) % (1 << 32)).unwrap_or(0);
        Some(Feedback {
            key_camera,
            key_screen,
            came: self.came,
            newest,
            asked,
            arrivals: std::mem::take(&mut self.arrivals),
        })
    }

    fn asks(&mut self, now: Duration) -> Vec<u16> {
        self.missing.retain(|_, it| it.asks < ASKS_MAX && it.since + ASKED_FOR > now);
        let round_trip = self.round_trips.map_or(ROUND_TRIP, |known| known.shortest.min(known.before));
        let again = round_trip * 5 / 4 + Duration::from_millis(10);
        let mut asked = Vec::new();
        for (sequence, missing) in &mut self.missing {
            let due = missing.asked.map_or(missing.since + OVERTAKEN, |asked| asked + again) <= now;
            if due && asked.len() < payload::ASKED_MAX {
                (missing.asked, missing.asks) = (Some(now), missing.asks + 1);
                asked.push(u16::try_from(sequence & 0xffff).unwrap_or(0));
            }
        }
        asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::video::EncodedPicture;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn packet(sequence: u16, picture: u16, key: bool) -> VideoPacket {
        let data = vec![sequence.to_be_bytes()[1]; 40].into();
        let encoded = EncodedPicture { source: Source::Camera, key, timestamp: picture.into(), data };
        VideoPacket {
            sequence,
            timestamp: encoded.timestamp,
            marker: true,
            payload: payload::parts(&encoded, picture).remove(0),
        }
    }

    fn pictures(incoming: &mut Incoming) -> Vec<u32> {
        std::iter::from_fn(|| incoming.next_picture(Source::Camera)).map(|whole| whole.timestamp).collect()
    }

    // Rules: CA7
    #[test]
    fn a_measurement_that_was_late_keeps_nothing_from_being_asked_for() {
        let mut incoming = Incoming::default();
        let mut asked = |now, sequence, round_trip| {
            incoming.set_round_trip(ms(now), ms(round_trip));
            incoming.push(ms(now), &packet(sequence, sequence, true)).unwrap();
            let later = now..now + 400;
            later.map(|now| incoming.feedback(ms(now)).map_or(0, |feedback| feedback.asked.len())).sum::<usize>()
        };
        assert_eq!(asked(100, 1, 40), 0);
        assert_eq!(asked(300, 3, 1_040), 7, "packet 2, every 60 ms");
        assert_eq!(asked(5_400, 5, 1_040), 7, "packet 4");
        assert_eq!(asked(10_500, 7, 1_040), 1, "the way is that long");
    }

    #[test]
    fn what_is_missing_is_asked_for_again_and_no_more() {
        let mut incoming = Incoming::default();
        incoming.push(ms(100), &packet(65_534, 1, true)).unwrap();
        incoming.push(ms(101), &packet(0, 3, false)).unwrap();
        incoming.push(ms(101), &packet(0, 3, false)).unwrap();
        assert_eq!(pictures(&mut incoming), [1]);
        let first = incoming.feedback(ms(105)).unwrap();
        assert_eq!(
            (first.asked.as_slice(), first.arrivals.len(), first.came),
            (&[] as &[u16], 2, 2),
            "it may come yet"
        );
        assert_eq!(incoming.feedback(ms(112)).unwrap().asked, [65_535]);
        assert_eq!(incoming.feedback(ms(130)), None, "it was asked for");
        assert_eq!(incoming.feedback(ms(260)).unwrap().asked, [65_535], "and is again");
        incoming.push(ms(270), &packet(65_535, 2, false)).unwrap();
        assert_eq!(pictures(&mut incoming), [2, 3]);
        assert_eq!(incoming.feedback(ms(600)), None);
        incoming.push(ms(601), &packet(1, 4, false)).unwrap();
        assert_eq!(incoming.feedback(ms(700)).unwrap().came, 3, "what was sent twice is not counted");
        assert_eq!(incoming.counts(Source::Camera).received, 4);
    }

    #[test]
    fn after_an_outage_a_key_picture_is_asked_for_and_not_thousands_of_packets() {
        let mut incoming = Incoming::default();
        incoming.push(ms(0), &packet(1, 1, true)).unwrap();
        assert_eq!(pictures(&mut incoming), [1]);
        incoming.push(ms(2_000), &packet(900, 60, false)).unwrap();
        let feedback = incoming.feedback(ms(2_000)).unwrap();
        assert!(feedback.key_camera && feedback.asked.is_empty());
        incoming.push(ms(2_100), &packet(901, 61, true)).unwrap();
        assert_eq!(pictures(&mut incoming), [61]);
    }

    #[test]
    fn feedback_is_not_answered() {
        let mut incoming = Incoming::default();
        let payload = Feedback { came: 1, ..Feedback::default() }.write();
        let packet = VideoPacket { sequence: 9, timestamp: 0, marker: true, payload };
        assert!(incoming.push(ms(0), &packet).unwrap().is_some());
        assert_eq!((incoming.is_busy(ms(0)), incoming.feedback(ms(500))), (false, None));
    }

    #[test]
    fn what_is_no_packet_of_ours_is_counted_and_changes_nothing() {
        let mut incoming = Incoming::default();
        let packet = VideoPacket { sequence: 9, timestamp: 0, marker: false, payload: b"\x80 not ours".to_vec() };
        assert_eq!(incoming.push(ms(0), &packet), Err(Malformed));
        assert_eq!((incoming.refused(), incoming.feedback(ms(100))), (1, None));
    }
}
