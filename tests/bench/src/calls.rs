//! Voice calls between two programs with synthetic devices: how soon people talk, how late they hear each other, and how
//! much of a lossy network is heard.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use momoland_media::codec::Encoder;
use momoland_media::devices::synthetic::Speech;
use momoland_media::jitter_buffer::JitterBuffer;
use momoland_media::stream::Stream;
use momoland_media::{FRAME_MS, FRAME_SAMPLES, Packet, SAMPLE_RATE};
use serde_json::json;
use support::sound::{ALIKE, PIECE, heard, heard_late, place_of, spoken, voice, with_devices};
use support::split_mix::SplitMix;
use support::stoi;
use support::{World, wait_direct};

use crate::figure::{self, Samples, Target};

/// Calls that are made.
const CALLS: usize = 7;
/// For anything that must happen, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at what was heard.
const LOOK_PAUSE: Duration = Duration::from_millis(2);
/// Of speech, what is compared to find how late it is heard, samples: 4 s; and by how much at most.
const BEGINNING: usize = 192_000;
const LATE_MAX: usize = 19_200;
/// Networks that lose others of the packets.
const LOSSES: u64 = 5;
/// Packets of the lossy network: ten minutes.
const PACKETS: u32 = 30_000;

pub(crate) fn measure() -> bool {
    let (talking, late) = on_loopback();
    let kept = figure::print_beside("calls.ring_to_talking", "ms", &talking, None, Target::AtMost(700.0));
    let in_time = figure::print_beside("calls.mouth_to_ear.loopback", "ms", &late, None, Target::AtMost(80.0));
    let (ours, bare) = made_up_at_loss();
    let name = "calls.frames_made_up_at_10_percent_loss/without_fec";
    let made_up = figure::print_beside(name, "share", &ours, Some(&bare), Target::RatioAtMost(0.4));
    let understood = understood_at_loss();
    kept && in_time && made_up && understood
}

/// How much of speech is understood of a call that loses each tenth packet, beside one that loses none.
fn understood_at_loss() -> bool {
    let said = spoken(tempfile::tempdir().expect("a folder can be made").path()).1;
    let heard = |seed: Option<u64>| {
        let heard = through_a_call(&said, seed);
        let (late, likeness) = place_of(&said[..BEGINNING], &heard[..BEGINNING + LATE_MAX]);
        assert!(likeness > ALIKE, "what is heard is not what was said: {likeness}");
        stoi::intelligibility(&said[..said.len() - late], &heard[late..]).expect("some of it is no silence")
    };
    let mut ours = Samples::default();
    (1..=LOSSES).for_each(|seed| ours.push(heard(Some(seed))));
    let beside = Samples::from(heard(None));
    let name = "calls.understood_at_10_percent_loss/without_loss";
    figure::print_beside(name, "STOI", &ours, Some(&beside), Target::AtLeast(0.9))
}

/// What is heard of a sound behind Opus and a network that, with a seed, loses each tenth packet.
fn through_a_call(said: &[f32], losses: Option<u64>) -> Vec<f32> {
    let (mut encoder, mut stream) = (Encoder::new().expect("Opus"), Stream::new().expect("Opus"));
    let mut chance = losses.map(SplitMix::new);
    let (mut heard, mut sequence) = (Vec::new(), 0_u16);
    for (n, frame) in (0_u32..).zip(said.as_chunks::<FRAME_SAMPLES>().0) {
        if let Some(payload) = encoder.encode(frame).expect("speech is encoded") {
            let packet = Packet { sequence, timestamp: n.wrapping_mul(FRAME_SAMPLES as u32), payload };
            sequence = sequence.wrapping_add(1);
            if chance.as_mut().is_none_or(|chance| !chance.draw().is_multiple_of(10)) {
                stream.push(u64::from(n) * FRAME_MS, packet);
            }
        }
        heard.extend(stream.pull());
    }
    heard
}

/// How long from the first ring until both hear each other, and how late a voice is heard.
fn on_loopback() -> (Samples, Samples) {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    let (mut talking, mut late) = (Samples::default(), Samples::default());
    for n in 0..CALLS {
        let files = [&ada, &grace].map(|person| world.folder().join(format!("{}-{n}", person.name())));
        with_devices(&ada, 1, &files[0], None);
        with_devices(&grace, 2, &files[1], None);
        [&ada, &grace].iter().for_each(|person| person.wait_server("online", PATIENCE));
        wait_direct(&ada, &grace);
        let mark = grace.mark();
        let begun = Instant::now();
        let call = ada.ask("calls.start", json!({ "roomId": room, "media": "audio" }))["callId"].clone();
        grace.wait_event(mark, "it rings", PATIENCE, |event| event["type"] == "call.incoming");
        grace.ask("calls.join", json!({ "callId": call }));
        wait(begun, || files.iter().all(|file| heard(file).iter().any(|sample| *sample != 0.0)));
        talking.push_ms(begun.elapsed());
        // The delay settles.
        let enough = heard(&files[1]).len() + 3 * SAMPLE_RATE as usize;
        wait(begun, || heard(&files[1]).len() >= enough);
        let played = heard(&files[1]).len();
        let said = voice(1, played + SAMPLE_RATE as usize);
        let last = heard_late(files.each_ref().map(PathBuf::as_path), &said, played - PIECE..played);
        assert!(last.likeness > ALIKE, "what is heard is not what was said: {last:?}");
        late.push(last.late_ms);
        ada.ask("calls.leave", json!({ "callId": call }));
    }
    (talking, late)
}

fn wait(since: Instant, is_so: impl Fn() -> bool) {
    while !is_so() {
        assert!(since.elapsed() < PATIENCE, "it was never heard");
        std::thread::sleep(LOOK_PAUSE);
    }
}

/// The share of frames that had to be made up where each tenth packet is lost, and what it is without copies in the
/// packets after them.
#[expect(clippy::cast_precision_loss, reason = "counts")]
fn made_up_at_loss() -> (Samples, Samples) {
    let (mut encoder, mut buffer) = (Encoder::new().expect("Opus"), JitterBuffer::default());
    let (mut voice, mut chance, mut sequence) = (Speech::new(1), SplitMix::new(1), 0_u16);
    for n in 0..PACKETS {
        if let Some(payload) = encoder.encode(&voice.next_frame()).expect("speech is encoded") {
            let packet = Packet { sequence, timestamp: n.wrapping_mul(FRAME_SAMPLES as u32), payload };
            sequence = sequence.wrapping_add(1);
            if chance.draw() % 10 != 0 {
                buffer.push(u64::from(n) * FRAME_MS, packet);
            }
        }
        buffer.pull();
    }
    let counts = buffer.counts();
    let frames = (counts.played + counts.recovered + counts.concealed) as f64;
    let share = |count: u64| Samples::from(count as f64 / frames);
    (share(counts.concealed), share(counts.concealed + counts.recovered))
}
