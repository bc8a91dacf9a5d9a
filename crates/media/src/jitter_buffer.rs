//! Puts what a network delivers late, twice, out of order or not at all back into a steady stream of frames.
//!
//! Sans-IO: packets go in with the time of their arrival, and whoever plays pulls one step each 20 ms. A frame's place
//! is its RTP timestamp; what is missing was lost if its sequence number is missing too, and else was not sent because
//! nothing was said.
//!
//! # Invariants
//! 1. What is played is in order, and nothing is played twice. Test: `prop_played_once_and_in_order`.
//! 2. At most [`CAPACITY_FRAMES`] packets are held, whatever comes. Test: `prop_played_once_and_in_order`.
//! 3. The delay follows the jitter, and a sender whose clock is faster or slower makes it neither grow nor run dry.
//!    Test: `a_clock_that_drifts_is_followed`.
//! 4. Neither a pause, a loss nor an outage makes what follows later for good. Tests: `no_pause_makes_what_follows_later`,
//!    `no_loss_makes_what_follows_later`, `what_an_outage_kept_back_makes_nothing_later`.

use std::collections::{BTreeMap, VecDeque};

use crate::{FRAME_MS, FRAME_SAMPLES, Packet};

/// Frames held at most, 1.28 s. What is further ahead means that the sender began anew.
pub const CAPACITY_FRAMES: usize = 64;
/// The delay in frames: at least one, which is the look-ahead that recovery needs, at most half a second.
const TARGET_FRAMES: (usize, usize) = (1, 25);
/// Packets whose lateness is remembered, 4 s of speech.
const LATENESS_PACKETS: usize = 200;
/// Frames concealed in a row before this counts as a pause.
const CONCEALED_MAX: u32 = 10;
/// Pulls over which more than the delay wanted must have been held, every time, before a frame is left out: 1 s.
const SURPLUS_PULLS: u32 = 50;

/// What is to be played for the next 20 ms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// This packet.
    Play(Vec<u8>),
    /// A lost frame, of which this packet, the next one, has a copy.
    Recover(Vec<u8>),
    /// A lost frame of which nothing came, or the frame is late.
    Conceal,
    /// Nothing: nothing is being said.
    Silence,
}

/// What became of packets and frames so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets that came, each once.
    pub received: u64,
    /// Packets that were missing when their time came.
    pub lost: u64,
    /// Of the frames played: how many were recovered from the next packet.
    pub recovered: u64,
    /// Of the frames played: how many were made up.
    pub concealed: u64,
    /// Frames played from a packet of their own.
    pub played: u64,
    /// Packets that came after their time.
    pub late: u64,
    /// Packets that came again.
    pub duplicate: u64,
}

/// See the module.
#[derive(Debug, Default)]
pub struct JitterBuffer {
    /// By frame number: sequence number and payload.
    held: BTreeMap<i64, (u16, Vec<u8>)>,
    /// The last timestamp, and its frame number: what timestamps are counted on from.
    reference: Option<(u32, i64)>,
    /// The frame to be played next, once something was said.
    next: Option<i64>,
    /// What is before it was played or given up, also of a sender that begins anew.
    floor: Option<i64>,
    /// What comes after a packet from long ago, if the sender began anew.
    suspect: Option<u16>,
    /// Whether a packet came since a frame was last waited for: at the end of a sentence nothing is.
    arrived: bool,
    last_sequence: Option<u16>,
    /// For how many pulls nothing was here, and the next frame's place was kept.
    waited: u32,
    surplus_pulls: u32,
    /// Arrival less timestamp of the last packets, milliseconds.
    lateness: VecDeque<i64>,
    counts: Counts,
}

impl JitterBuffer {
    /// A packet came.
    pub fn push(&mut self, arrival_ms: u64, packet: Packet) {
        let frame = self.frame_of(packet.timestamp);
        if let Some(floor) = self.floor {
            let ahead = frame - floor;
            if ahead < -(CAPACITY_FRAMES as i64) {
                // From long ago, or of a sender that began anew: the second in a row tells (RFC 3550, appendix A.1).
                if self.suspect != Some(packet.sequence) {
                    self.suspect = Some(packet.sequence.wrapping_add(1));
                    self.counts.late += 1;
                    return;
                }
                self.begin_anew();
                self.floor = None;
                self.lateness.clear();
            } else if ahead - i64::from(self.waited) >= CAPACITY_FRAMES as i64 && self.next.is_some() {
                self.begin_anew();
                self.lateness.clear();
            }
        }
        self.suspect = None;
        let time_ms = frame.saturating_mul(i64::try_from(FRAME_MS).unwrap_or(20));
        if self.lateness.len() == LATENESS_PACKETS {
            self.lateness.pop_front();
        }
        self.lateness.push_back(i64::try_from(arrival_ms).unwrap_or(i64::MAX).saturating_sub(time_ms));
        if self.floor.is_some_and(|floor| frame < floor) {
            self.counts.late += 1;
            return;
        }
        if self.held.contains_key(&frame) {
            self.counts.duplicate += 1;
            return;
        }
        self.counts.received += 1;
        self.arrived = true;
        self.held.insert(frame, (packet.sequence, packet.payload));
        // Before the first frame is played there is no place from which to count ahead.
        while self.held.len() > CAPACITY_FRAMES {
            self.held.pop_first();
        }
    }

    /// What to play for the next 20 ms.
    pub fn pull(&mut self) -> Step {
        let Some(&first) = self.held.keys().next() else { return self.pull_empty() };
        let last = self.held.keys().next_back().copied().unwrap_or(first);
        let Some(next) = self.next else {
            // Gathers until the delay is there.
            if usize::try_from(last - first + 1).unwrap_or(0) <= self.target_frames() {
                // Somebody says one word only: it is not to wait for a second.
                self.waited += 1;
                if usize::try_from(self.waited).unwrap_or(0) <= self.target_frames() {
                    return Step::Silence;
                }
            }
            self.advance(first);
            return self.pull();
        };
        let next = if self.waited > 0 { self.resume(next, first, last) } else { self.catch_up(next, last) };
        if let Some((sequence, payload)) = self.held.remove(&next) {
            self.advance(next + 1);
            let before = self.last_sequence.replace(sequence);
            let missing = before.map_or(0, |before| sequence.wrapping_sub(before).wrapping_sub(1));
            // After an outage, or a sender that began anew, the numbers say nothing.
            self.counts.lost += u64::from(if usize::from(missing) < CAPACITY_FRAMES { missing } else { 0 });
            self.counts.played += 1;
            return Step::Play(payload);
        }
        let after =
            self.held.range(next..).next().map(|(frame, (sequence, payload))| (*frame, *sequence, payload.clone()));
        let Some((frame, sequence, payload)) = after else { return self.pull_empty() };
        if self.last_sequence.is_some_and(|last| last.wrapping_add(1) == sequence) {
            self.advance(next + 1);
            return Step::Silence;
        }
        // Others come later than what is kept in hand allows for: the frame is waited for, and the delay grows.
        if usize::try_from(last - next).unwrap_or(0) + 1 < self.target_frames() && std::mem::take(&mut self.arrived) {
            self.advance(next);
            self.counts.concealed += 1;
            return Step::Conceal;
        }
        self.advance(next + 1);
        if frame == next + 1 {
            self.counts.recovered += 1;
            return Step::Recover(payload);
        }
        self.counts.concealed += 1;
        Step::Conceal
    }

    /// Where to go on after nothing was here for a while, in which a frame's place was kept.
    ///
    /// It is the frame whose time it is, so that a pause or a loss changes no delay; but an earlier one if packets come later
    /// than that, and a later one if they come so much earlier that no chance of when it was looked explains it.
    fn resume(&mut self, next: i64, first: i64, last: i64) -> i64 {
        let due = next.saturating_add(i64::from(self.waited));
        let wanted = last.saturating_sub(i64::try_from(self.target_frames()).unwrap_or(0));
        // What is here is played, unless it comes from before an outage and would be as late from then on.
        let is_old = due.saturating_sub(first) > i64::from(CONCEALED_MAX);
        let bound = if is_old { last } else { first };
        let at = if wanted > due.saturating_add(1) || is_old { wanted } else { wanted.min(due) };
        let at = at.min(bound).max(next);
        let kept = self.held.split_off(&at);
        self.counts.late += std::mem::replace(&mut self.held, kept).len() as u64;
        self.advance(at);
        at
    }

    /// The next frame, or the one after it if more than wanted has been held for long.
    fn catch_up(&mut self, next: i64, last: i64) -> i64 {
        if usize::try_from(last - next).unwrap_or(0) > self.target_frames() + 1 {
            self.surplus_pulls += 1;
        } else {
            self.surplus_pulls = 0;
        }
        if self.surplus_pulls < SURPLUS_PULLS {
            return next;
        }
        self.surplus_pulls = 0;
        if let Some((sequence, _)) = self.held.remove(&next) {
            self.last_sequence = Some(sequence);
        }
        next + 1
    }

    /// Nothing is here: late, lost, or nothing is said.
    fn pull_empty(&mut self) -> Step {
        if self.next.is_none() {
            return Step::Silence;
        }
        // The frame's place is kept, so that it is played if it was only late.
        self.waited = self.waited.saturating_add(1);
        if self.waited > CONCEALED_MAX {
            return Step::Silence;
        }
        self.counts.concealed += 1;
        Step::Conceal
    }

    /// This frame is the next to be played, and none before it.
    fn advance(&mut self, next: i64) {
        self.next = Some(next);
        self.floor = Some(next);
        self.waited = 0;
    }

    fn begin_anew(&mut self) {
        self.held.clear();
        self.next = None;
        self.last_sequence = None;
        self.waited = 0;
        self.surplus_pulls = 0;
    }

    /// What became of packets and frames so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// By how much packets are later than the earliest, milliseconds: what 19 of 20 keep.
    pub fn jitter_ms(&self) -> u64 {
        let Some(earliest) = self.lateness.iter().min() else { return 0 };
        let mut late: Vec<i64> = self.lateness.iter().map(|late| late - earliest).collect();
        late.sort_unstable();
        let at = late.len() * 19 / 20;
        u64::try_from(late.get(at.min(late.len() - 1)).copied().unwrap_or(0)).unwrap_or(0)
    }

    /// The delay that is wanted, frames.
    pub fn target_frames(&self) -> usize {
        // Half a frame is there anyhow, on average: a player's clock is not the sender's.
        let frames = usize::try_from((self.jitter_ms() + FRAME_MS / 2) / FRAME_MS).unwrap_or(usize::MAX);
        frames.saturating_add(1).clamp(TARGET_FRAMES.0, TARGET_FRAMES.1)
    }

    /// Timestamps wrap after a day; frame numbers do not.
    fn frame_of(&mut self, timestamp: u32) -> i64 {
        let samples = FRAME_SAMPLES as i64;
        let (last, at) = self.reference.unwrap_or((timestamp, i64::from(timestamp)));
        #[expect(clippy::cast_possible_wrap, reason = "the shorter way round, which may be back")]
        let time = at + i64::from(timestamp.wrapping_sub(last) as i32);
        self.reference = Some((timestamp, time));
        time.div_euclid(samples)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::split_mix::SplitMix;

    /// The packet of a frame, with its number inside.
    fn packet(n: u32) -> Packet {
        let samples = FRAME_SAMPLES as u32;
        // Both wrap within a test.
        let sequence = 65_500_u16.wrapping_add(n as u16);
        Packet {
            sequence,
            timestamp: (u32::MAX - 50 * samples).wrapping_add(n * samples),
            payload: n.to_be_bytes().to_vec(),
        }
    }

    fn number(payload: &[u8]) -> u32 {
        u32::from_be_bytes(payload.try_into().unwrap())
    }

    /// Plays what arrives at its time, a pull each 20 ms; what was played.
    fn run(arrivals: &mut [(u64, u32)], until_ms: u64, pull_every_us: u64) -> (Vec<Step>, JitterBuffer) {
        arrivals.sort_unstable();
        let mut buffer = JitterBuffer::default();
        let (mut steps, mut waiting) = (Vec::new(), arrivals.iter().peekable());
        let mut now_us = 0;
        while now_us < until_ms * 1_000 {
            while let Some((at, n)) = waiting.next_if(|(at, _)| *at * 1_000 <= now_us) {
                buffer.push(*at, packet(*n));
            }
            steps.push(buffer.pull());
            assert!(buffer.held.len() <= CAPACITY_FRAMES);
            now_us += pull_every_us;
        }
        (steps, buffer)
    }

    fn played(steps: &[Step]) -> Vec<u32> {
        let played = steps.iter().filter_map(|step| match step {
            Step::Play(payload) => Some(number(payload)),
            Step::Recover(_) | Step::Conceal | Step::Silence => None,
        });
        played.collect()
    }

    #[test]
    fn a_steady_stream_is_played_whole_with_one_frame_of_delay() {
        let mut arrivals: Vec<_> = (0..200).map(|n| (u64::from(n) * 20, n)).collect();
        let (steps, buffer) = run(&mut arrivals, 4_100, 20_000);
        assert_eq!(played(&steps), (0..200).collect::<Vec<_>>());
        assert_eq!(buffer.counts().lost, 0);
        let silent = steps.iter().position(|step| *step != Step::Silence).unwrap();
        assert_eq!(silent, 1);
    }

    #[test]
    fn a_lost_packet_is_recovered_from_the_next() {
        let mut arrivals: Vec<_> = (0..100).filter(|n| n % 10 != 5).map(|n| (u64::from(n) * 20, n)).collect();
        let (steps, buffer) = run(&mut arrivals, 1_980, 20_000);
        assert_eq!((buffer.counts().lost, buffer.counts().recovered), (10, 10));
        assert!(steps.contains(&Step::Recover(packet(6).payload)));
        assert_eq!(buffer.counts().concealed, 0);
    }

    #[test]
    fn a_pause_is_no_loss() {
        // The sender says nothing for a second; sequence numbers go on, timestamps count the pause.
        let mut buffer = JitterBuffer::default();
        let (mut steps, mut sequence) = (Vec::new(), 0);
        for n in 0..200_u32 {
            if !(50..100).contains(&n) {
                let it = Packet { sequence, ..packet(n) };
                buffer.push(u64::from(n) * 20, it);
                sequence += 1;
            }
            steps.push(buffer.pull());
        }
        assert_eq!(buffer.counts().lost, 0);
        assert_eq!(played(&steps).len() as u64, buffer.counts().received - buffer.held.len() as u64);
    }

    /// By how many frames what is played is later than it came, at most: 0.6 s are said, and nothing for so many frames,
    /// over and over.
    fn latest(pause: u32, rounds: u32, mut is_lost: impl FnMut() -> bool) -> u32 {
        let mut buffer = JitterBuffer::default();
        let (mut sequence, mut latest) = (0, 0);
        for n in 0..rounds * (pause + 30) {
            if n % (pause + 30) < 30 {
                if !is_lost() {
                    buffer.push(u64::from(n) * 20, Packet { sequence, ..packet(n) });
                }
                sequence += 1;
            }
            if let Step::Play(payload) = buffer.pull() {
                latest = latest.max(n - number(&payload));
            }
        }
        latest
    }

    #[test]
    fn no_pause_makes_what_follows_later() {
        for pause in 1..=25 {
            let latest = latest(pause, 10, || false);
            assert!(latest <= 2, "with pauses of {pause} frames some were played {latest} frames after they came");
        }
    }

    #[test]
    fn no_loss_makes_what_follows_later() {
        // Each tenth packet is lost, others each time, in speech with pauses and in speech without.
        for (pause, seed) in (0..=25).flat_map(|pause| (0..20).map(move |seed| (pause, seed))) {
            let mut chance = SplitMix::new(seed);
            let latest = latest(pause, 20, || chance.draw().is_multiple_of(10));
            assert!(latest <= 2, "with pauses of {pause} frames some were played {latest} frames after they came");
        }
    }

    #[test]
    fn neither_loss_nor_pauses_change_the_delay_beside_a_little_jitter() {
        for (phase_ms, seed) in (0..20).flat_map(|phase_ms| (0..20).map(move |seed| (phase_ms, seed))) {
            let (mut buffer, mut draw, mut sequence) = (JitterBuffer::default(), SplitMix::new(seed), 0);
            let (mut underway, mut delays) = (Vec::new(), Vec::new());
            for n in 0..4_000_u32 {
                // 0.7 s are said, and then nothing for up to a second.
                if n % (40 + 2 * seed as u32) < 35 {
                    if !draw.draw().is_multiple_of(10) {
                        underway.push((u64::from(n) * 20 + draw.draw() % 6, Packet { sequence, ..packet(n) }));
                    }
                    sequence += 1;
                }
                let now_ms = u64::from(n) * 20 + phase_ms;
                underway.extract_if(.., |(at, _)| *at <= now_ms).for_each(|(at, packet)| buffer.push(at, packet));
                if let Step::Play(payload) = buffer.pull() {
                    delays.push(n - number(&payload));
                }
            }
            delays.dedup();
            assert!(delays.len() <= 2 && delays.iter().all(|delay| *delay <= 2), "{delays:?} frames at {phase_ms} ms");
        }
    }

    #[test]
    fn a_microphone_that_was_gone_makes_nothing_later() {
        // Timestamps count what it heard, so they stand still meanwhile.
        for gone in [5, 20, 100_u32] {
            let at = |n: u32| u64::from(if n < 100 { n } else { n + gone }) * 20 + u64::from(n * 7 % 5);
            let mut arrivals: Vec<_> = (0..300_u32).map(|n| (at(n), n)).collect();
            let (steps, buffer) = run(&mut arrivals, 10_000, 20_000);
            assert_eq!(played(&steps), (0..300).collect::<Vec<_>>());
            let last = steps.iter().rposition(|step| matches!(step, Step::Play(_))).unwrap();
            assert!(last <= 299 + gone as usize + 2, "{} frames late", last - 299 - gone as usize);
            assert!(buffer.counts().concealed <= u64::from(CONCEALED_MAX) * 2 + 3, "{:?}", buffer.counts());
        }
    }

    #[test]
    fn what_an_outage_kept_back_makes_nothing_later() {
        for outage in 15..60_u32 {
            let late = |n: u32| if (100..100 + outage).contains(&n) { 100 + outage - n } else { 0 };
            let mut arrivals: Vec<_> = (0..300_u32).map(|n| (u64::from(n + late(n)) * 20, n)).collect();
            let (steps, buffer) = run(&mut arrivals, 4_000, 20_000);
            let last = steps.iter().rposition(|step| matches!(step, Step::Play(_))).unwrap();
            assert!(last - 100 <= 200 + 11 + buffer.target_frames(), "{outage} frames: all is later");
        }
    }

    #[test]
    fn jitter_is_met_with_delay() {
        // Each fourth packet is 70 ms late.
        let mut arrivals: Vec<_> =
            (0..1_000).map(|n| (u64::from(n) * 20 + if n % 4 == 3 { 70 } else { 0 }, n)).collect();
        let (steps, buffer) = run(&mut arrivals, 19_900, 20_000);
        assert_eq!(buffer.target_frames(), 5);
        let made_up = steps.iter().skip(400).filter(|step| matches!(step, Step::Conceal | Step::Recover(_))).count();
        assert!(made_up <= 2, "{made_up} frames of 600 were made up");
    }

    #[test]
    fn a_few_milliseconds_of_jitter_cost_no_frame() {
        let mut arrivals: Vec<_> = (0..1_000_u32).map(|n| (u64::from(n) * 20 + u64::from(n * 7 % 5), n)).collect();
        let (steps, buffer) = run(&mut arrivals, 19_900, 20_000);
        assert_eq!(buffer.target_frames(), 1);
        assert!(!steps.contains(&Step::Conceal));
    }

    #[test]
    fn a_clock_that_drifts_is_followed() {
        // A sender whose clock differs by 1 %, which is fifty times what is seen, for 100 s.
        for (every_us, name) in [(20_200, "slow player"), (19_800, "fast player")] {
            let mut arrivals: Vec<_> = (0..5_000).map(|n| (u64::from(n) * 20, n)).collect();
            let (steps, buffer) = run(&mut arrivals, 99_900, every_us);
            let held = buffer.held.len();
            assert!(held <= 6, "{name}: {held} frames wait at the end");
            let order = played(&steps);
            assert!(order.len() > 4_850, "{name}: {} of 5,000 frames were played", order.len());
        }
    }

    #[test]
    fn a_sender_that_begins_anew_is_followed() {
        let mut buffer = JitterBuffer::default();
        for n in 0..20 {
            buffer.push(n * 20, packet(n as u32));
            buffer.pull();
        }
        for n in 0..20 {
            let it = packet(n as u32);
            buffer
                .push(400 + n * 20, Packet { timestamp: it.timestamp.wrapping_add(1 << 30), sequence: n as u16, ..it });
        }
        let steps: Vec<Step> = (0..20).map(|_| buffer.pull()).collect();
        assert!(played(&steps).len() >= 15, "{steps:?}");
    }

    proptest! {
        // Order, loss, reordering, duplicates, delays of up to a second: what is played rises, each frame once.
        #[test]
        fn prop_played_once_and_in_order(
            fates in prop::collection::vec((0_u64..1_000, prop::bool::weighted(0.2), prop::bool::weighted(0.1)), 1..300),
            calm in any::<bool>(),
        ) {
            let mut arrivals = Vec::new();
            for (n, (delay, lost, twice)) in fates.iter().enumerate() {
                let delay = if calm { delay / 20 } else { *delay };
                let at = n as u64 * 20 + delay;
                if !lost {
                    arrivals.push((at, n as u32));
                }
                if *twice {
                    arrivals.push((at + 30, n as u32));
                }
            }
            let until = fates.len() as u64 * 20 + 3_000;
            let (steps, buffer) = run(&mut arrivals, until, 20_000);
            let order = played(&steps);
            prop_assert!(order.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", order);
            prop_assert_eq!(buffer.counts().played, order.len() as u64);
            prop_assert!(buffer.held.is_empty(), "all that came is played or given up");
        }

        #[test]
        fn prop_any_packets_are_survived(
            packets in prop::collection::vec((any::<u16>(), any::<u32>(), any::<u64>(), any::<bool>()), 0..500),
        ) {
            let mut buffer = JitterBuffer::default();
            for (sequence, timestamp, at, pull) in packets {
                buffer.push(at, Packet { sequence, timestamp, payload: vec![1] });
                if pull {
                    buffer.pull();
                }
                prop_assert!(buffer.held.len() <= CAPACITY_FRAMES);
            }
        }
    }
}
