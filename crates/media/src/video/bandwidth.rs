//! How much a way carries, from when packets left and when they came.
//!
//! Two signs, as in Google's congestion control for WebRTC: packets wait in a queue on the way, which their growing
//! travel time shows before anything is lost; and packets are lost. The travel time is taken against the shortest of the
//! last while (as LEDBAT does, RFC 6817) instead of by a filtered slope: two numbers to be understood, no filter to be
//! tuned, and a queue that stands is seen as well as one that grows. A wireless loss of a few per cent does not lower it.
//!
//! Pure: all times are given.

use std::collections::VecDeque;

/// The estimate to begin with, and its bounds, bits a second.
pub const START: u32 = 1_200_000;
/// Below it pictures pause: see [`super::outgoing`].
pub const MIN: u32 = 50_000;
/// Good for 720p and a screen.
pub const MAX: u32 = 4_000_000;
/// Waiting on the way, quarters of a millisecond: beyond the first it is too much, below the second there is room.
const QUEUE_MUCH: i64 = 4 * 45;
const QUEUE_LITTLE: i64 = 4 * 20;
/// Beyond it the queue is to be empty soon: sound stands in it too.
const QUEUE_FAR_TOO_MUCH: i64 = 4 * 130;
/// The shortest travel time is of the last so many milliseconds: clocks drift apart, ways change.
const BASE_WINDOW_MS: u64 = 20_000;
/// Shares of packets lost, per thousand. Up to the first they are nothing to go by; up to the second it is chance, as of
/// radio, where nothing waits on the way, and one goes on with care; beyond the third they are too many.
const LOSS_LITTLE: u64 = 40;
const LOSS_CHANCE: u64 = 130;
const LOSS_MUCH: u64 = 200;
/// How much it grows each second, without loss and with some.
const GROWTH: f64 = 1.0 / 6.0;
const GROWTH_WITH_CARE: f64 = 1.0 / 30.0;
/// After it was lowered it is left alone for so long, until what was sent before is through.
const SETTLE_MS: u64 = 350;
/// Pictures pause for so long where even the least is too much.
const STARVED_MS: u64 = 3_000;
/// What came is counted over so long.
const RATE_WINDOW_MS: u64 = 600;
/// Reports that are remembered. More, from who tells more often than every 10 ms: the oldest are dropped.
const REPORTS_MAX: usize = 64;

/// See the module.
#[derive(Debug)]
pub struct Bandwidth {
    estimate: f64,
    /// Shortest travel times, each the shortest of a second.
    bases: VecDeque<(u64, i64)>,
    /// Bytes that came, by when they were told of.
    came: VecDeque<(u64, u64)>,
    counted: Option<(u32, u32)>,
    lost: VecDeque<(u64, u32, u32)>,
    /// From then on what was sent since it was lowered tells.
    settled_ms: Option<u64>,
    grown_ms: Option<u64>,
    starved_ms: Option<u64>,
    was_much: bool,
}

impl Default for Bandwidth {
    fn default() -> Self {
        Self {
            estimate: f64::from(START),
            bases: VecDeque::new(),
            came: VecDeque::new(),
            counted: None,
            lost: VecDeque::new(),
            settled_ms: None,
            grown_ms: None,
            starved_ms: None,
            was_much: false,
        }
    }
}

/// A packet that came, as a report tells of it.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// When it left, quarters of a millisecond of this side's clock.
    pub left: u64,
    /// When it came, of the other side's.
    pub came: u32,
    /// How long it is.
    pub bytes: u32,
}

impl Bandwidth {
    /// Bits a second.
    pub fn estimate(&self) -> u32 {
        self.estimate as u32
    }

    /// Whether the way has no room beside sound: even the least was too much, a moment ago.
    pub fn is_starved(&self, now_ms: u64) -> bool {
        self.starved_ms.is_some_and(|at| now_ms < at + STARVED_MS)
    }

    /// A report came: what it tells of arrivals, and the counts of all that came at the first try, and of all up to the
    /// newest.
    pub fn report(&mut self, now_ms: u64, arrivals: &[Arrival], came: u32, newest: u32) {
        let bytes: u64 = arrivals.iter().map(|arrival| u64::from(arrival.bytes)).sum();
        self.came.push_back((now_ms, bytes));
        while self.came.len() > REPORTS_MAX || self.came.front().is_some_and(|(at, _)| at + RATE_WINDOW_MS < now_ms) {
            self.came.pop_front();
        }
        let queue = self.queue(now_ms, arrivals);
        let loss = self.loss(now_ms, came, newest);
        let settling = self.settled_ms.is_some_and(|at| now_ms < at);
        // Twice, since a machine that was busy for a moment is no queue.
        let is_much = queue.is_some_and(|queue| queue > QUEUE_MUCH);
        let too_much = std::mem::replace(&mut self.was_much, is_much) && is_much;
        if !settling && too_much {
            // A little less than what comes through, so that the queue empties. Not by more than half at once: where
            // little was sent, little came through.
            let share = if queue.is_some_and(|queue| queue > QUEUE_FAR_TOO_MUCH) { 0.6 } else { 0.85 };
            self.lower(now_ms, (self.came_rate() * share).clamp(self.estimate * 0.5, self.estimate * 0.95));
            // What stands in the queue has to go first.
            let waits_ms = queue.and_then(|queue| u64::try_from(queue / 4).ok()).unwrap_or(0).min(1_000);
            self.settled_ms = self.settled_ms.map(|at| at + waits_ms);
        } else if !settling && loss > LOSS_MUCH {
            #[expect(clippy::cast_precision_loss, reason = "per thousand")]
            let share = loss as f64 / 1_000.0;
            self.lower(now_ms, self.estimate * (1.0 - 0.5 * share));
        } else if !settling && loss <= LOSS_CHANCE && queue.is_some_and(|queue| queue < QUEUE_LITTLE) {
            self.raise(now_ms, if loss <= LOSS_LITTLE { GROWTH } else { GROWTH_WITH_CARE });
        } else {
            self.grown_ms = Some(now_ms);
        }
    }

    fn lower(&mut self, now_ms: u64, to: f64) {
        if self.estimate <= f64::from(MIN) {
            self.starved_ms = Some(now_ms);
        }
        self.estimate = to.clamp(f64::from(MIN), f64::from(MAX));
        (self.settled_ms, self.grown_ms) = (Some(now_ms + SETTLE_MS), Some(now_ms));
        self.lost.clear();
    }

    fn raise(&mut self, now_ms: u64, growth: f64) {
        let since_ms = now_ms.saturating_sub(self.grown_ms.unwrap_or(now_ms)).min(1_000);
        self.grown_ms = Some(now_ms);
        #[expect(clippy::cast_precision_loss, reason = "at most a thousand")]
        let seconds = since_ms as f64 / 1_000.0;
        self.estimate = (self.estimate * (1.0 + seconds * growth)).min(f64::from(MAX));
    }

    fn came_rate(&self) -> f64 {
        let bytes: u64 = self.came.iter().map(|(_, bytes)| bytes).sum();
        #[expect(clippy::cast_precision_loss, reason = "milliseconds, and at most megabytes")]
        let (bytes, seconds) = (bytes as f64, RATE_WINDOW_MS as f64 / 1_000.0);
        bytes * 8.0 / seconds
    }

    /// How long the packets of a report waited on the way, in the middle.
    fn queue(&mut self, now_ms: u64, arrivals: &[Arrival]) -> Option<i64> {
        let travel = |arrival: &Arrival| {
            // Both clocks are cut to 32 bits; how far apart they are does not matter.
            let left = u32::try_from(arrival.left & 0xffff_ffff).unwrap_or(0);
            i64::from(arrival.came.wrapping_sub(left).cast_signed())
        };
        let mut travels: Vec<i64> = arrivals.iter().map(travel).collect();
        travels.sort_unstable();
        let shortest = *travels.first()?;
        match self.bases.back_mut() {
            Some((at, base)) if *at / 1_000 == now_ms / 1_000 => *base = shortest.min(*base),
            Some(_) | None => self.bases.push_back((now_ms, shortest)),
        }
        while self.bases.front().is_some_and(|(at, _)| at + BASE_WINDOW_MS < now_ms) {
            self.bases.pop_front();
        }
        let base = self.bases.iter().map(|(_, base)| *base).min()?;
        travels.get(travels.len() / 2).map(|middle| middle - base)
    }

    /// Per thousand, of the last second.
    fn loss(&mut self, now_ms: u64, came: u32, newest: u32) -> u64 {
        let (came_before, newest_before) = *self.counted.get_or_insert((came, newest));
        let of = newest.wrapping_sub(newest_before);
        let got = came.wrapping_sub(came_before);
        // Reports overtake each other: what an older one tells was told.
        let is_overtaken = (-(1 << 15)..0).contains(&of.cast_signed());
        if !is_overtaken {
            self.counted = Some((came, newest));
            // Beyond, the other side began anew.
            if of < 1 << 16 && got < 1 << 16 {
                self.lost.push_back((now_ms, of.saturating_sub(got), of));
            }
        }
        while self.lost.len() > REPORTS_MAX || self.lost.front().is_some_and(|(at, _, _)| at + 1_000 < now_ms) {
            self.lost.pop_front();
        }
        let (lost, of) = self.lost.iter().fold((0, 0), |(lost, of), it| (lost + u64::from(it.1), of + u64::from(it.2)));
        // Of a few packets one says nothing.
        if of < 20 { 0 } else { lost * 1_000 / of }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::split_mix::SplitMix;

    /// A way with a rate, a queue and random loss, driven with packets at the estimate for some seconds.
    struct Way {
        bits_per_second: f64,
        loss: f64,
        free_at: f64,
        now_ms: u64,
        chance: SplitMix,
        came: u32,
        newest: u32,
    }

    impl Way {
        fn run(&mut self, bandwidth: &mut Bandwidth, seconds: u64) -> f64 {
            let mut longest = 0.0_f64;
            for _ in 0..seconds * 20 {
                let mut arrivals = Vec::new();
                let mut left = self.now_ms as f64;
                let each = 1_100.0 * 8.0 * 1_000.0 / f64::from(bandwidth.estimate());
                while left < self.now_ms as f64 + 50.0 {
                    self.newest += 1;
                    self.free_at = self.free_at.max(left) + 1_100.0 * 8.0 * 1_000.0 / self.bits_per_second;
                    let waited = self.free_at - left;
                    // A queue of 300 ms; what does not fit is lost.
                    if waited > 300.0 {
                        self.free_at -= 1_100.0 * 8.0 * 1_000.0 / self.bits_per_second;
                    } else if (self.chance.draw() >> 11) as f64 / (1_u64 << 53) as f64 >= self.loss {
                        self.came += 1;
                        longest = longest.max(waited);
                        let came = ((self.free_at + 30.0) * 4.0) as u64 + 77_777;
                        arrivals.push(Arrival { left: (left * 4.0) as u64, came: came as u32, bytes: 1_100 });
                    }
                    left += each;
                }
                self.now_ms += 50;
                bandwidth.report(self.now_ms, &arrivals, self.came, self.newest);
            }
            longest
        }
    }

    fn way(bits_per_second: f64, loss: f64) -> Way {
        Way { bits_per_second, loss, free_at: 0.0, now_ms: 1_000, chance: SplitMix::new(7), came: 0, newest: 0 }
    }

    #[test]
    fn it_grows_where_there_is_room() {
        let (mut bandwidth, mut way) = (Bandwidth::default(), way(10e6, 0.0));
        way.run(&mut bandwidth, 10);
        assert!(bandwidth.estimate() > 3_000_000, "{}", bandwidth.estimate());
    }

    #[test]
    fn a_cut_is_followed_within_seconds_and_undone_later() {
        let (mut bandwidth, mut way) = (Bandwidth::default(), way(10e6, 0.0));
        way.run(&mut bandwidth, 5);
        way.bits_per_second = 300_000.0;
        way.run(&mut bandwidth, 3);
        assert!(bandwidth.estimate() < 320_000, "{}", bandwidth.estimate());
        way.run(&mut bandwidth, 3);
        let waited = way.run(&mut bandwidth, 20);
        assert!((120_000..330_000).contains(&bandwidth.estimate()), "{}", bandwidth.estimate());
        assert!(waited < 150.0, "sound would wait {waited} ms");
        way.bits_per_second = 10e6;
        way.run(&mut bandwidth, 15);
        assert!(bandwidth.estimate() > 1_000_000, "{}", bandwidth.estimate());
    }

    #[test]
    fn a_report_that_was_overtaken_changes_nothing_and_many_are_bounded() {
        let mut bandwidth = Bandwidth::default();
        bandwidth.loss(0, 100, 1_000);
        bandwidth.loss(50, 200, 1_100);
        // Sent before the last.
        assert_eq!(bandwidth.loss(60, 150, 1_050), 0);
        assert_eq!(bandwidth.loss(100, 250, 1_150), 0, "nothing was lost");
        assert_eq!(bandwidth.loss(150, 250, 1_200), 250, "50 of 200");
        // The other side began anew: its counts are others, and go on from there.
        assert_eq!(bandwidth.loss(2_000, 1, 1_201), 0);
        assert_eq!(bandwidth.loss(2_050, 51, 1_301), 500);
        let arrivals = [Arrival { left: 0, came: 0, bytes: u32::MAX }; 2];
        for _ in 0..1_000 {
            bandwidth.report(3_000, &arrivals, 51, 1_301);
        }
        assert!(bandwidth.came.len() <= REPORTS_MAX && bandwidth.lost.len() <= REPORTS_MAX);
    }

    #[test]
    fn chance_loss_alone_does_not_starve_it() {
        let (mut bandwidth, mut way) = (Bandwidth::default(), way(10e6, 0.10));
        way.run(&mut bandwidth, 20);
        assert!(bandwidth.estimate() > 700_000, "{}", bandwidth.estimate());
    }
}
