//! A file's sound on its way in: each frame is played a fixed time after it was sent, which is the same for everybody.
//!
//! Sans-IO. Clocks of different machines are not compared: the packet that took the shortest tells when, by this clock,
//! what was sent would arrive at best; from there on a frame waits for what is left of the delay.
//!
//! # Invariants
//! 1. Two who listen by ways that differ hear each frame at the same moment, give or take a frame and half the
//!    asymmetry of their ways. Test: `two_by_different_ways_hear_the_same_at_once`.
//! 2. At most [`HELD_MAX`] packets are held. Test: `prop_any_packets_are_survived`.

use std::collections::{BTreeMap, VecDeque};

use crate::codec::{CodecError, Decoder};
use crate::{FRAME_MS, FRAME_SAMPLES, Frame, Packet, SILENCE};

/// Packets held at most, 2.5 s; what is as far away begins anew.
const HELD_MAX: usize = 128;
/// Packets whose way is remembered, 4 s.
const WAYS: usize = 200;
/// After so long without a packet the ways are learnt anew: clocks drift, milliseconds.
const FORGET_MS: i64 = 10_000;
/// Frames that it may be off for a moment: devices play in bursts.
const OFF_MAX: i64 = 1;
/// Pulls in a row that it must be off before it jumps: half a second.
const OFF_PULLS: u32 = 25;
/// What waiting for the next pull and the device's bursts need, milliseconds.
const SLACK_MS: u64 = 40;

/// See the module.
#[derive(Debug)]
pub struct Playout {
    decoder: Decoder,
    held: BTreeMap<i64, (u16, Vec<u8>)>,
    /// The last timestamp, and its frame's time: what timestamps are counted on from.
    reference: Option<(u32, i64)>,
    /// Arrival less time of sending of the last packets, by two clocks, milliseconds.
    ways: VecDeque<i64>,
    arrived_ms: i64,
    next: Option<i64>,
    off_pulls: u32,
    /// The last that was played.
    played: Option<u16>,
    /// From sending to playing, and what of it the way takes at best.
    delay_ms: u64,
    way_ms: u64,
}

impl Playout {
    /// # Errors
    /// Where no decoder can be made.
    pub fn new() -> Result<Self, CodecError> {
        Ok(Self {
            decoder: Decoder::new()?,
            held: BTreeMap::new(),
            reference: None,
            ways: VecDeque::new(),
            arrived_ms: 0,
            next: None,
            off_pulls: 0,
            played: None,
            delay_ms: 0,
            way_ms: 0,
        })
    }

    /// How long after its sending a frame is played, and how much of that the way takes at best.
    pub fn set_delay(&mut self, delay_ms: u64, way_ms: u64) {
        (self.delay_ms, self.way_ms) = (delay_ms, way_ms);
    }

    /// The shortest delay with which 19 of 20 packets are in time, beside what the way takes at best.
    pub fn needs_ms(&self) -> u64 {
        let Some(best) = self.ways.iter().min() else { return SLACK_MS };
        let mut later: Vec<i64> = self.ways.iter().map(|way| way.saturating_sub(*best)).collect();
        later.sort_unstable();
        let at = (later.len() * 19 / 20).min(later.len() - 1);
        SLACK_MS + u64::try_from(later.get(at).copied().unwrap_or(0)).unwrap_or(0)
    }

    /// A packet came.
    pub fn push(&mut self, arrival_ms: u64, packet: Packet) {
        let arrival_ms = i64::try_from(arrival_ms).unwrap_or(i64::MAX);
        let frame = self.frame_of(packet.timestamp);
        let far = |from: i64| (frame - from).unsigned_abs() > HELD_MAX as u64;
        let is_other = self.held.keys().next_back().is_some_and(|last| far(*last));
        if arrival_ms - self.arrived_ms > FORGET_MS || is_other {
            self.ways.clear();
            self.held.clear();
            self.next = None;
        }
        self.arrived_ms = arrival_ms;
        if self.ways.len() == WAYS {
            self.ways.pop_front();
        }
        self.ways.push_back(arrival_ms.saturating_sub(frame.saturating_mul(FRAME_MS as i64)));
        if self.next.is_some_and(|next| frame < next && !far(next)) {
            return;
        }
        self.held.insert(frame, (packet.sequence, packet.payload));
        while self.held.len() > HELD_MAX {
            self.held.pop_first();
        }
    }

    /// What to play for the next 20 ms.
    pub fn pull(&mut self, now_ms: u64) -> Frame {
        let Some(best) = self.ways.iter().min() else { return SILENCE };
        let wait_ms = i64::try_from(self.delay_ms.saturating_sub(self.way_ms).max(FRAME_MS)).unwrap_or(i64::MAX);
        let sent_ms = i64::try_from(now_ms).unwrap_or(i64::MAX).saturating_sub(*best).saturating_sub(wait_ms);
        let due = sent_ms.div_euclid(FRAME_MS as i64);
        let frame = match self.next {
            Some(next) if (next - due).abs() <= OFF_MAX => {
                self.off_pulls = 0;
                next
            }
            Some(next) if (next - due).abs() <= i64::from(OFF_PULLS) && self.off_pulls < OFF_PULLS => {
                self.off_pulls += 1;
                next
            }
            Some(_) | None => {
                self.off_pulls = 0;
                due
            }
        };
        self.next = Some(frame + 1);
        self.held = self.held.split_off(&frame);
        if let Some((sequence, payload)) = self.held.remove(&frame) {
            self.played = Some(sequence);
            return self.decoder.decode(&payload).unwrap_or_else(|error| {
                tracing::debug!(%error, "a packet of a file was refused");
                SILENCE
            });
        }
        // Numbers that follow each other with frames between them are a pause; others are a loss.
        let follows = self.held.values().next().map(|(sequence, _)| *sequence);
        match (self.played, follows) {
            (Some(played), Some(follows)) if follows != played.wrapping_add(1) => self.decoder.conceal(),
            _ => SILENCE,
        }
    }

    /// Timestamps wrap after a day; frame numbers do not.
    fn frame_of(&mut self, timestamp: u32) -> i64 {
        let (last, at) = self.reference.unwrap_or((timestamp, i64::from(timestamp)));
        #[expect(clippy::cast_possible_wrap, reason = "the shorter way round, which may be back")]
        let time = at + i64::from(timestamp.wrapping_sub(last) as i32);
        self.reference = Some((timestamp, time));
        time.div_euclid(FRAME_SAMPLES as i64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::Encoder;
    use crate::devices::synthetic::Speech;
    use crate::level::{correlation, rms};

    /// One that plays sends 20 ms each 20 ms; what is heard by this way, from its beginning on.
    fn listen(
        frames: u32,
        way_ms: impl Fn(u32) -> u64,
        playout: &mut Playout,
        is_sent: impl Fn(u32) -> bool,
    ) -> Vec<f32> {
        let (mut encoder, mut speech) = (Encoder::music().unwrap(), Speech::new(9));
        let mut sequence = 0;
        let packets = (0..frames).filter_map(|n| {
            let payload = encoder.encode(&speech.next_frame()).unwrap().unwrap();
            sequence += u16::from(is_sent(n));
            let packet = Packet { sequence, timestamp: n * FRAME_SAMPLES as u32, payload };
            is_sent(n).then_some((u64::from(n) * FRAME_MS + way_ms(n), packet))
        });
        let mut packets: Vec<_> = packets.collect();
        packets.sort_by_key(|(at, _)| *at);
        let mut packets = packets.into_iter().peekable();
        let mut heard = Vec::new();
        for now_ms in (0..u64::from(frames) * FRAME_MS).step_by(FRAME_MS as usize) {
            while let Some((at, packet)) = packets.next_if(|(at, _)| *at <= now_ms) {
                playout.push(at, packet);
            }
            heard.extend(playout.pull(now_ms));
        }
        heard
    }

    #[test]
    fn two_by_different_ways_hear_the_same_at_once() {
        let here = &mut Playout::new().unwrap();
        here.set_delay(300, 0);
        let at_home = listen(250, |_| 0, here, |_| true);
        for (way_ms, jitter_ms) in [(20, 0), (150, 0), (90, 110)] {
            let playout = &mut Playout::new().unwrap();
            playout.set_delay(300, way_ms);
            let way = |n: u32| way_ms + if n.is_multiple_of(3) { jitter_ms } else { 0 };
            let heard = listen(250, way, playout, |_| true);
            assert!(playout.needs_ms() + way_ms <= 300);
            let (later, sooner) = (48_000..96_000, 3_840);
            let from = later.start - sooner;
            let (best, lag) = correlation(&at_home[later.clone()], &heard[from..later.end + sooner], 2 * sooner);
            let off_ms = (lag as f64 - sooner as f64) / 48.0;
            assert!(best > 0.95 && off_ms.abs() <= 21.0, "{way_ms} and {jitter_ms} ms: {off_ms} ms off, {best}");
        }
    }

    #[test]
    fn a_pause_is_silent_and_what_follows_keeps_the_moment() {
        let (whole, paused) = (&mut Playout::new().unwrap(), &mut Playout::new().unwrap());
        whole.set_delay(100, 0);
        paused.set_delay(100, 0);
        let all = listen(200, |_| 0, whole, |_| true);
        let some = listen(200, |_| 0, paused, |n| !(50..120).contains(&n));
        assert_eq!(rms(&some[57 * FRAME_SAMPLES..124 * FRAME_SAMPLES]), 0.0);
        let later = 130 * FRAME_SAMPLES..190 * FRAME_SAMPLES;
        let (best, lag) = correlation(&all[later.clone()], &some[later.start - 960..], 2_000);
        assert!(best > 0.9 && lag.abs_diff(960) <= 1, "{best}, {lag}");
    }

    proptest! {
        #[test]
        fn prop_any_packets_are_survived(
            packets in prop::collection::vec((any::<u16>(), any::<u32>(), any::<u64>(), any::<bool>()), 0..300),
        ) {
            let mut playout = Playout::new().unwrap();
            for (sequence, timestamp, at, pull) in packets {
                playout.push(at, Packet { sequence, timestamp, payload: vec![1] });
                if pull {
                    playout.set_delay(at, u64::from(timestamp));
                    playout.pull(at);
                }
                prop_assert!(playout.held.len() <= HELD_MAX && playout.ways.len() <= WAYS);
            }
            playout.needs_ms();
        }
    }
}
