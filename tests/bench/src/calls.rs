//! Voice calls between two programs with synthetic devices: how soon people talk, how late they hear each other, and how
//! much of a lossy network is heard.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use momoland_media::codec::Encoder;
use momoland_media::devices::synthetic::Speech;
use momoland_media::jitter_buffer::JitterBuffer;
use momoland_media::level::correlation;
use momoland_media::listening::file::SoundFile;
use momoland_media::stream::Stream;
use momoland_media::{FRAME_MS, FRAME_SAMPLES, Packet, SAMPLE_RATE};
use serde_json::json;
use support::sound::{COARSE, coarse, heard, with_devices};
use support::split_mix::SplitMix;
use support::{World, wait_direct};

use crate::figure::{self, Samples, Target};
use crate::stoi;

/// Calls that are made.
const CALLS: usize = 7;
/// For anything that must happen, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at what was heard.
const LOOK_PAUSE: Duration = Duration::from_millis(2);
/// What is compared to find how late it is heard, samples: 0.4 s.
const PIECE: usize = 19_200;
/// Of speech, what is compared to find how late it is heard, samples: 4 s; and by how much at most.
const BEGINNING: usize = 192_000;
const LATE_MAX: usize = 19_200;
/// Networks that lose others of the packets.
const LOSSES: u64 = 5;
/// What is said, with all that English sounds like.
const TEXT: &str = "The ferry leaves the harbour at half past seven, unless the fog comes in from the sea. Bring thick gloves and \
    a jar of fish soup for the children. We measured the bridge twice, and both times the numbers were too large by a third. \
    Yesterday Joyce threw the old azure carpet out of the window, which pleased nobody. Could you check whether the engine \
    is warm enough to start? The judge asked for five copies of each page, and a good pencil. Rough weather is usual here \
    in spring; the cows stay in their shed and chew. She thought that the other path would be shorter, but a bull stood \
    in the way. Put the yellow box under the table and the blue one beside the chair. Nothing is as quiet as the village \
    after the first snow. My uncle owns a boat house with a very thin roof. He vanished with a huge bunch of violets, \
    singing. Please weigh the cheese again, and tell me what it comes to.";
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
    let said = spoken();
    let heard = |seed: Option<u64>| {
        let heard = through_a_call(&said, seed);
        let late = place_of(&said[..BEGINNING], &heard[..BEGINNING + LATE_MAX]);
        stoi::intelligibility(&said[..said.len() - late], &heard[late..]).expect("some of it is no silence")
    };
    let mut ours = Samples::default();
    (1..=LOSSES).for_each(|seed| ours.push(heard(Some(seed))));
    let beside = Samples::from(heard(None));
    let name = "calls.understood_at_10_percent_loss/without_loss";
    figure::print_beside(name, "STOI", &ours, Some(&beside), Target::AtLeast(0.9))
}

/// A minute of speech, of espeak-ng.
fn spoken() -> Vec<f32> {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("speech.wav");
    let speaks = Command::new("espeak-ng").arg("-w").arg(&path).arg(TEXT).status();
    assert!(speaks.is_ok_and(|status| status.success()), "espeak-ng is needed to speak");
    let mut file = SoundFile::open(&path).expect("it wrote a sound");
    let frames = std::iter::from_fn(|| file.next_frame().expect("it wrote all of it"));
    frames.flatten().collect()
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
        late.push(heard_late_ms(&files));
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

/// How long after the first speaks the second hears it. A synthetic microphone begins with the speakers beside it, and
/// those with the file of what is heard, so the files' ages tell when each sample was spoken and played.
#[expect(clippy::cast_precision_loss, reason = "samples of seconds")]
fn heard_late_ms(files: &[PathBuf; 2]) -> f64 {
    let begun = |file: &Path| {
        let made =
            std::fs::metadata(file).and_then(|it| it.created()).expect("the file system keeps when a file was made");
        ms(made)
    };
    let played = heard(&files[1]);
    let at = played.len().saturating_sub(PIECE);
    let mut voice = Speech::new(1);
    let said: Vec<f32> = (0..played.len() / FRAME_SAMPLES + 200).flat_map(|_| voice.next_frame()).collect();
    let lag = place_of(&played[at..], &said);
    let spoken_ms = begun(&files[0]) + lag as f64 * 1e3 / f64::from(SAMPLE_RATE);
    let played_ms = begun(&files[1]) + at as f64 * 1e3 / f64::from(SAMPLE_RATE);
    // A microphone hands out a frame once it has heard it whole, which the synthetic one does at its beginning.
    #[expect(clippy::cast_precision_loss, reason = "20")]
    let frame_ms = FRAME_MS as f64;
    played_ms - spoken_ms + frame_ms
}

fn ms(at: SystemTime) -> f64 {
    at.duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64() * 1e3
}

/// Where in a sound a piece is that is alike: roughly first, then to the sample.
fn place_of(piece: &[f32], sound: &[f32]) -> usize {
    let (few, all) = (coarse(piece), coarse(sound));
    let (likeness, near) = correlation(&few, &all, all.len().saturating_sub(few.len()));
    assert!(likeness > 0.6, "what is heard is not what was said: {likeness}");
    let from = (near * COARSE).saturating_sub(2 * COARSE);
    from + correlation(piece, &sound[from..], 4 * COARSE).1
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
