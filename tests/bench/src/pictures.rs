//! Pictures in a call between two programs with synthetic cameras: what they cost beside the codec alone, and what a long
//! call takes of memory.

use std::time::{Duration, Instant};

use momoland_media::cameras::test_picture::TestPicture;
use momoland_media::video::codec::Content;
use momoland_media::video::vp8;
use serde_json::{Value, json};
use support::sound::with_devices;
use support::{Momo, World, wait_direct, wait_until};

use crate::figure::{self, Samples, Target};
use crate::memory::Memory;
use crate::processor;

/// For anything that must happen, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Over which processor time is counted.
const COUNTED: Duration = Duration::from_secs(10);
/// Pictures of a second.
const RATE: u32 = 30;
/// What the codec alone is given by each side.
const PICTURES: u32 = 10 * RATE;

pub(crate) fn measure() -> bool {
    let (ours, bits_per_second) = call();
    let bare = codec_alone(bits_per_second);
    let name = "calls.cpu_of_720p30/encode_and_decode_alone";
    figure::print_beside(
        name,
        "ms a second",
        &Samples::from(ours),
        Some(&Samples::from(bare)),
        Target::RatioAtMost(1.5),
    )
}

/// Two who see each other in 720p.
struct Call {
    ada: Momo,
    grace: Momo,
    id: Value,
    /// Goes last: its server and folder are theirs.
    _world: World,
}

impl Call {
    fn begin() -> Self {
        let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
        let room = world.room_of(&[&ada, &grace]);
        for (person, voice) in [(&ada, 1), (&grace, 2)] {
            with_devices(person, voice, &world.folder().join(format!("{}.heard", person.name())), None);
            person.wait_server("online", PATIENCE);
        }
        wait_direct(&ada, &grace);
        let id = ada.ask("calls.start", json!({ "roomId": room, "media": "video" }))["callId"].clone();
        grace.wait_event(0, "it rings", PATIENCE, |event| event["type"] == "call.incoming");
        grace.ask("calls.join", json!({ "callId": id, "camera": true }));
        let call = Self { ada, grace, id, _world: world };
        wait_until("both see 720p", PATIENCE, || {
            [&call.ada, &call.grace].into_iter().all(|person| {
                let stats = call.stats(person);
                stats["peers"][0]["video"]["height"].as_u64() == Some(720)
            })
        });
        call
    }

    fn stats(&self, person: &Momo) -> Value {
        person.ask("calls.stats", json!({ "callId": self.id }))
    }
}

/// What a client holds of memory in a call, at its fifteenth minute beside its third. Takes that long.
pub(crate) fn measure_long() -> bool {
    let call = Call::begin();
    let begun = Instant::now();
    let at = |minutes: u64| {
        std::thread::sleep(Duration::from_secs(minutes * 60).saturating_sub(begun.elapsed()));
        let held = [&call.ada, &call.grace].map(|person| Memory::of(person.pid()).rss_kib / 1024.0);
        Samples::from(held.into_iter().fold(0.0, f64::max))
    };
    let (early, late) = (at(3), at(15));
    let decoded = call.stats(&call.ada)["peers"][0]["video"]["framesDecoded"].as_u64().unwrap_or_default();
    assert!(decoded > 10_000, "it was a call until the end: {decoded} pictures");
    let name = "calls.rss_at_minute_15/minute_3";
    figure::print_beside(name, "MiB", &late, Some(&early), Target::RatioAtMost(1.05))
}

/// Processor time of one of two who see each other, milliseconds a second of 30 pictures each way; and the rate.
fn call() -> (f64, u32) {
    let call = Call::begin();
    let ada = &call.ada;
    let decoded = || call.stats(ada)["peers"][0]["video"]["framesDecoded"].as_u64().expect("she sees some");
    let before = (processor::time_of(ada.pid()), decoded());
    let begun = Instant::now();
    wait_until("the time is over", PATIENCE, || begun.elapsed() >= COUNTED);
    let used = processor::time_of(ada.pid()) - before.0;
    #[expect(clippy::cast_precision_loss, reason = "some hundred")]
    let pictures = (decoded() - before.1) as f64;
    let bits = call.stats(ada)["peers"][0]["sent"]["video"]["bitsPerSecond"].as_u64();
    let bits = bits.and_then(|bits| u32::try_from(bits).ok()).expect("she sends some");
    let rate = Samples::from(pictures / begun.elapsed().as_secs_f64());
    figure::print("calls.pictures_a_second_of_720p", "1/s", &rate, None);
    (used.as_secs_f64() * 1e3 / pictures * f64::from(RATE), bits)
}

/// The same for the same pictures through the codec and nothing else: for both sides at once, each picture when it is due, as
/// in a call: one side alone without a pause takes a quarter less a picture.
fn codec_alone(bits_per_second: u32) -> f64 {
    let own = std::process::id();
    let before = processor::time_of(own);
    std::thread::scope(|scope| {
        for who in [1, 2] {
            scope.spawn(move || code(who, bits_per_second));
        }
    });
    let used = processor::time_of(own) - before;
    used.as_secs_f64() * 1e3 / f64::from(2 * PICTURES) * f64::from(RATE)
}

/// One side of a call without anything but its codec.
fn code(who: u8, bits_per_second: u32) {
    let mut encoder = vp8::encoder(1_280, 720, Content::Camera, bits_per_second).expect("libvpx is there");
    let mut decoder = vp8::decoder().expect("libvpx is there");
    let begun = Instant::now();
    for count in 0..PICTURES {
        let due = Duration::from_secs(1) * count / RATE;
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
        let picture = TestPicture { who, count }.draw(1_280, 720);
        let encoded = encoder.encode(&picture, i64::from(count) * 3_000, false).expect("it is encoded");
        if let Some(encoded) = encoded {
            decoder.decode(&encoded.data).expect("it is decoded");
        }
    }
}
