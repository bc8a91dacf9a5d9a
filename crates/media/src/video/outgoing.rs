//! What goes over one link: pictures cut into packets, spread over time, sent again where they were lost, and left out
//! where the way has no room for them.
//!
//! # Invariants
//! 1. What waits is bounded by time: [`WAIT_MAX`] at the estimated rate. Beyond it a source's pictures are left out until a
//!    key picture. Test: `what_the_way_has_no_room_for_is_left_out_until_a_key_picture`.
//! 2. What is remembered is bounded: [`HISTORY_MAX`].
//! 3. Each source's pictures are numbered here, one after the other whoever makes them, and the first after
//!    [`Outgoing::begin`] is a key picture. Test: `whoever_listens_from_now_on_gets_a_key_picture_first`.
//! 4. Where nothing is heard of what was sent, nearly nothing is sent. Test: `it_falls_silent_when_nothing_arrives`.
//!
//! Pure: all times are given.

use std::collections::VecDeque;
use std::time::Duration;

use super::bandwidth::{Arrival, Bandwidth};
use super::payload::{self, Feedback};
use super::{EncodedPicture, Source, VideoPacket};

/// Packets that can be sent again: some 2 s of 720p.
const HISTORY_MAX: usize = 800;
/// Pictures wait so long at most.
const WAIT_MAX: Duration = Duration::from_millis(400);
/// Packets go out at this multiple of the estimate, so that a picture is through before the next comes, and sound
/// never stands behind a whole key picture.
const PACE: f64 = 2.5;
/// As much as may go out at once after a pause: timers are not exact.
const BURST: Duration = Duration::from_millis(4);
/// So long after the first packet that nothing was heard of, the way is taken for gone.
const SILENCE: Duration = Duration::from_millis(800);
/// Then one packet goes so often, to be heard of.
const PROBE_EVERY: Duration = Duration::from_millis(80);
/// A packet goes again no sooner than this.
const AGAIN_AFTER: Duration = Duration::from_millis(25);
/// Feedback that waits. More: the oldest is dropped.
const FEEDBACK_MAX: usize = 4;

#[derive(Debug)]
struct Waiting {
    source: Source,
    timestamp: u32,
    marker: bool,
    payload: Vec<u8>,
}

#[derive(Debug)]
struct Sent {
    at: Duration,
    again: bool,
    packet: VideoPacket,
}

/// Of each source: whether its pictures are left out until a key picture, whether one is wanted, and the number of the
/// next.
#[derive(Debug, Clone, Copy)]
struct Flow {
    left_out: bool,
    key_wanted: bool,
    next_id: u16,
}

impl Default for Flow {
    fn default() -> Self {
        Self { left_out: true, key_wanted: true, next_id: 0 }
    }
}

impl Flow {
    /// Who listens has seen nothing so far. The other side may remember the numbers, so they go on.
    fn begin(&mut self) {
        (self.left_out, self.key_wanted) = (true, true);
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Outgoing {
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    again: VecDeque<u16>,
    feedback: VecDeque<Vec<u8>>,
    sequence: u16,
    history: VecDeque<Sent>,
    bandwidth: Bandwidth,
    /// When the next packet may go.
    free: Duration,
    /// Since when something is under way that was not heard of.
    unheard: Option<Duration>,
    camera: Flow,
    screen: Flow,
}

impl Outgoing {
    fn flow(&mut self, source: Source) -> &mut Flow {
        match source {
            Source::Camera => &mut self.camera,
            Source::Screen => &mut self.screen,
        }
    }

    /// Begins anew for who listens from now on. The numbers go on: they are never used twice with one key.
    pub fn begin(&mut self) {
        self.waiting.clear();
        self.waiting_bytes = 0;
        self.again.clear();
        // It was for somebody else.
        self.history.clear();
        self.feedback.clear();
        self.unheard = None;
        self.camera.begin();
        self.screen.begin();
    }

    /// What the way is thought to carry, bits a second; none where pictures pause. Where nothing is heard they are made as
    /// before, since with one packet of them the way is asked whether it is back.
    pub fn estimate(&self, now: Duration) -> Option<u32> {
        (!self.bandwidth.is_starved(millis(now))).then(|| self.bandwidth.estimate())
    }

    fn is_silent(&self, now: Duration) -> bool {
        self.unheard.is_some_and(|since| since + SILENCE <= now)
    }

    fn is_paused(&self, now: Duration) -> bool {
        self.bandwidth.is_starved(millis(now)) || self.is_silent(now)
    }

    /// Sends a picture, if there is room for it.
    pub fn push(&mut self, now: Duration, picture: &EncodedPicture) {
        let room = f64::from(self.bandwidth.estimate()) / 8.0 * WAIT_MAX.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "at most megabytes")]
        let full = self.waiting_bytes as f64 > room;
        if full || self.is_paused(now) {
            self.leave_out(picture.source);
            // One packet stays to ask the way with.
            if self.is_silent(now) && self.waiting.is_empty() {
                self.queue(picture, 1);
            }
            return;
        }
        let flow = self.flow(picture.source);
        if flow.left_out && !picture.key {
            flow.key_wanted = true;
            return;
        }
        flow.left_out = false;
        if picture.key {
            flow.key_wanted = false;
        }
        self.queue(picture, usize::MAX);
    }

    fn queue(&mut self, picture: &EncodedPicture, parts_max: usize) {
        let flow = self.flow(picture.source);
        let number = flow.next_id;
        flow.next_id = number.wrapping_add(1);
        let mut parts = payload::parts(picture, number).into_iter().take(parts_max).peekable();
        while let Some(payload) = parts.next() {
            self.waiting_bytes += payload.len();
            let marker = parts.peek().is_none();
            let (source, timestamp) = (picture.source, picture.timestamp);
            self.waiting.push_back(Waiting { source, timestamp, marker, payload });
        }
    }

    /// Nothing that waits of a source goes out, and nothing of it before its next key picture.
    pub fn leave_out(&mut self, source: Source) {
        self.waiting.retain(|waiting| waiting.source != source);
        self.waiting_bytes = self.waiting.iter().map(|waiting| waiting.payload.len()).sum();
        let flow = self.flow(source);
        (flow.left_out, flow.key_wanted) = (true, true);
    }

    /// Tells the other side something.
    pub fn tell(&mut self, feedback: &Feedback) {
        if self.feedback.len() == FEEDBACK_MAX {
            self.feedback.pop_front();
        }
        self.feedback.push_back(feedback.write());
    }

    /// What the other side says of what was sent.
    pub fn hear(&mut self, now: Duration, feedback: &Feedback) {
        self.camera.key_wanted |= feedback.key_camera;
        self.screen.key_wanted |= feedback.key_screen;
        let arrivals = feedback.arrivals.iter().filter_map(|(sequence, came)| {
            let sent = self.sent(*sequence).filter(|sent| !sent.again)?;
            let left = u64::try_from(sent.at.as_micros() / 250).unwrap_or(u64::MAX);
            let bytes = u32::try_from(sent.packet.payload.len()).unwrap_or(0);
            Some(Arrival { left, came: *came, bytes })
        });
        let arrivals: Vec<Arrival> = arrivals.collect();
        if !arrivals.is_empty() {
            self.unheard = None;
            self.bandwidth.report(millis(now), &arrivals, feedback.came, feedback.newest);
        }
        for sequence in &feedback.asked {
            if !self.again.contains(sequence) && self.again.len() < payload::ASKED_MAX {
                self.again.push_back(*sequence);
            }
        }
    }

    fn sent(&self, sequence: u16) -> Option<&Sent> {
        self.history.get(self.place_of(sequence)?)
    }

    /// They lie one after the other.
    fn place_of(&self, sequence: u16) -> Option<usize> {
        let first = self.history.front()?.packet.sequence;
        Some(usize::from(sequence.wrapping_sub(first)))
    }

    /// Whether somebody waits for a key picture of a source. Once; and not while nothing of it would be sent: it costs
    /// everybody as much as ten others, and the wish stands.
    pub fn takes_key(&mut self, now: Duration, source: Source) -> bool {
        !self.is_paused(now) && std::mem::take(&mut self.flow(source).key_wanted)
    }

    /// The next packet, if it is time for one.
    pub fn poll(&mut self, now: Duration) -> Option<VideoPacket> {
        if let Some(payload) = self.feedback.pop_front() {
            return Some(self.send(now, 0, true, payload));
        }
        if self.free > now {
            return None;
        }
        while let Some(sequence) = self.again.pop_front() {
            let place = self.place_of(sequence);
            let Some(sent) = place.and_then(|place| self.history.get_mut(place)) else { continue };
            if sent.at + AGAIN_AFTER > now {
                continue;
            }
            (sent.at, sent.again) = (now, true);
            let packet = sent.packet.clone();
            self.spend(now, packet.payload.len());
            return Some(packet);
        }
        let Waiting { timestamp, marker, payload, source: _ } = self.waiting.pop_front()?;
        self.waiting_bytes = self.waiting_bytes.saturating_sub(payload.len());
        self.unheard.get_or_insert(now);
        self.spend(now, payload.len());
        Some(self.send(now, timestamp, marker, payload))
    }

    /// When [`Self::poll`] has a packet, if nothing changes.
    pub fn poll_timeout(&self) -> Option<Duration> {
        if !self.feedback.is_empty() {
            return Some(Duration::ZERO);
        }
        (!self.waiting.is_empty() || !self.again.is_empty()).then_some(self.free)
    }

    fn spend(&mut self, now: Duration, bytes: usize) {
        if self.is_silent(now) {
            self.free = now + PROBE_EVERY;
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "a packet")]
        let seconds = bytes as f64 * 8.0 / (f64::from(self.bandwidth.estimate()) * PACE);
        self.free = self.free.max(now.saturating_sub(BURST)) + Duration::from_secs_f64(seconds);
    }

    fn send(&mut self, now: Duration, timestamp: u32, marker: bool, payload: Vec<u8>) -> VideoPacket {
        let packet = VideoPacket { sequence: self.sequence, timestamp, marker, payload };
        self.sequence = self.sequence.wrapping_add(1);
        if self.history.len() == HISTORY_MAX {
            self.history.pop_front();
        }
        self.history.push_back(Sent { at: now, again: false, packet: packet.clone() });
        packet
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::video::incoming::Incoming;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn picture(timestamp: u16, key: bool, bytes: usize) -> EncodedPicture {
        EncodedPicture { source: Source::Camera, key, timestamp: timestamp.into(), data: vec![7; bytes].into() }
    }

    fn drain(outgoing: &mut Outgoing, now: Duration) -> Vec<VideoPacket> {
        std::iter::from_fn(|| outgoing.poll(now)).collect()
    }

    // Rules: CA7
    #[test]
    fn a_lost_packet_goes_again_with_its_own_number() {
        let mut outgoing = Outgoing::default();
        let mut incoming = Incoming::default();
        for id in 0..4 {
            outgoing.push(ms(100 * u64::from(id)), &picture(id, id == 0, 1_000));
            let sent = drain(&mut outgoing, ms(100 * u64::from(id)));
            assert_eq!(sent.len(), 1);
            if id != 2 {
                incoming.push(ms(100 * u64::from(id) + 20), &sent[0]).unwrap();
            }
        }
        while incoming.next_picture(Source::Camera).is_some() {}
        let asked = incoming.feedback(ms(340)).unwrap();
        assert_eq!(asked.asked, [2]);
        outgoing.hear(ms(360), &asked);
        let again = drain(&mut outgoing, ms(360));
        assert_eq!(again.len(), 1);
        incoming.push(ms(380), &again[0]).unwrap();
        let rest: Vec<u32> =
            std::iter::from_fn(|| incoming.next_picture(Source::Camera)).map(|it| it.timestamp).collect();
        assert_eq!(rest, [2, 3]);
    }

    #[test]
    fn whoever_listens_from_now_on_gets_a_key_picture_first() {
        let mut outgoing = Outgoing::default();
        for (begun, n) in (0..3).map(|n| (1_000 * u64::from(n), 10 * n)) {
            outgoing.push(ms(begun), &picture(n, false, 100));
            assert_eq!(outgoing.poll(ms(begun)), None, "nothing can be made of it there");
            assert!(outgoing.takes_key(ms(begun), Source::Camera));
            outgoing.push(ms(begun + 30), &picture(n + 1, true, 100));
            let first = drain(&mut outgoing, ms(begun + 30)).remove(0);
            outgoing.begin();
            let asked = Feedback { asked: vec![first.sequence], ..Feedback::default() };
            outgoing.hear(ms(begun + 100), &asked);
            assert_eq!(drain(&mut outgoing, ms(begun + 100)), [], "that was for somebody else");
        }
    }

    #[test]
    fn pictures_count_on_whoever_makes_them_and_whatever_is_left_out() {
        let (mut outgoing, mut incoming) = (Outgoing::default(), Incoming::default());
        let mut seen = Vec::new();
        for n in 0..60_u16 {
            let now = ms(33 * u64::from(n));
            match n {
                // The camera is off, and on again: another encoder, and who looks is the same.
                30 => outgoing.leave_out(Source::Camera),
                31..40 => continue,
                _ => outgoing.push(now, &picture(n, n == 0 || n == 40, 1_000)),
            }
            for packet in drain(&mut outgoing, now) {
                incoming.push(now, &packet).unwrap();
            }
            seen.extend(std::iter::from_fn(|| incoming.next_picture(Source::Camera)).map(|it| it.timestamp));
            if let Some(feedback) = incoming.feedback(now) {
                assert!(!feedback.key_camera, "{n}: nothing is missing");
                outgoing.hear(now, &feedback);
            }
        }
        let expected: Vec<u32> = (0..30).chain(40..60).collect();
        assert_eq!(seen, expected);
        outgoing.push(ms(2_000), &picture(60, false, 1_000));
        outgoing.leave_out(Source::Camera);
        assert_eq!(drain(&mut outgoing, ms(2_000)), [], "off is off");
    }

    #[test]
    fn packets_are_spread_over_time() {
        let mut outgoing = Outgoing::default();
        // A quarter of a second at the rate to begin with, so a tenth at the pace.
        outgoing.push(ms(1_000), &picture(0, true, 37_500));
        let at_once = drain(&mut outgoing, ms(1_000)).len();
        assert!(at_once < 5, "{at_once} at once");
        let (mut now, mut sent) = (1_000, at_once);
        while outgoing.poll_timeout().is_some() {
            now += 1;
            sent += drain(&mut outgoing, ms(now)).len();
        }
        assert_eq!(sent, 35);
        assert!((1_080..1_120).contains(&now), "{now}");
    }

    #[test]
    fn what_the_way_has_no_room_for_is_left_out_until_a_key_picture() {
        let mut outgoing = Outgoing::default();
        for id in 0..20 {
            outgoing.push(ms(0), &picture(id, id == 0, 20_000));
        }
        assert!(outgoing.waiting_bytes < 100_000, "{} bytes wait", outgoing.waiting_bytes);
        assert!(outgoing.takes_key(ms(0), Source::Camera));
        assert!(!outgoing.takes_key(ms(0), Source::Camera));
        outgoing.push(ms(1), &picture(20, false, 100));
        assert_eq!(outgoing.waiting_bytes, 0, "nothing can be made of it there");
        outgoing.push(ms(2), &picture(21, true, 100));
        assert!(outgoing.waiting_bytes > 0);
    }

    #[test]
    fn it_falls_silent_when_nothing_arrives() {
        let mut outgoing = Outgoing::default();
        let (mut late, mut late_keys) = (0, 0);
        for n in 0..300_u16 {
            let now = u64::from(n) * 10;
            if n % 3 == 0 {
                let key = outgoing.takes_key(ms(now), Source::Camera);
                late_keys += u32::from(key && now > 1_000);
                outgoing.push(ms(now), &picture(n, key, 3_000));
            }
            let sent = drain(&mut outgoing, ms(now)).len();
            if now > 1_000 {
                late += sent;
                assert!(outgoing.estimate(ms(now)).is_some(), "without pictures nobody would ask the way");
            }
        }
        assert!((5..40).contains(&late), "{late} packets in two seconds without a word");
        assert_eq!(late_keys, 0, "key pictures for a way that carries none");
        // One of them is heard of, and it goes on.
        let newest = outgoing.sequence - 1;
        let feedback = Feedback { arrivals: vec![(newest, 5)], came: 1, newest: 1, ..Feedback::default() };
        outgoing.hear(ms(3_000), &feedback);
        assert!(outgoing.takes_key(ms(3_000), Source::Camera), "it was left out, and is wanted since");
        outgoing.push(ms(3_001), &picture(500, true, 3_000));
        assert!(outgoing.estimate(ms(3_001)).is_some());
        let mut sent = 0;
        for now in 3_001..3_200 {
            sent += drain(&mut outgoing, ms(now)).len();
        }
        assert!(sent >= 3);
    }
}
