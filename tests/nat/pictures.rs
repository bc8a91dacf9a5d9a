//! Pictures in a call over a way that loses packets, is gone for a while, or carries little; and over TURN alone.
//!
//! What is looked at is what the engine that gets them counts as decoded.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Momo, sound, wait_until};

use crate::meeting::{PATH_WITHIN, Stage, wait_path};
use crate::network::{Home, Kind};
use crate::trials::OtherTrial;

pub(crate) const ALL: [OtherTrial; 4] = [
    ("pictures over a way that loses every tenth packet", packets_are_lost),
    ("pictures after two seconds without a way", way_is_gone),
    ("pictures over a way that carries 300 kbit/s", way_is_narrow),
    ("pictures over TURN alone", over_turn),
];

/// A call of two with cameras.
struct Call {
    ada: Momo,
    grace: Momo,
    id: Value,
}

impl Call {
    fn begin(stage: &mut Stage, one: Kind, other: Kind, expected: &str) -> Self {
        let (ada, grace, room) = stage.people(one, other);
        for (person, voice) in [(&ada, 1), (&grace, 2)] {
            sound::with_devices(person, voice, &person.data().with_extension("heard"), None);
            person.wait_server("online", PATH_WITHIN);
        }
        wait_path(&ada, &grace, expected);
        let id = ada.ask("calls.start", json!({ "roomId": room, "media": "video" }))["callId"].clone();
        grace.wait_event(0, "it rings", PATH_WITHIN, |event| event["type"] == "call.incoming" && event["callId"] == id);
        grace.ask("calls.join", json!({ "callId": id, "camera": true }));
        let call = Self { ada, grace, id };
        wait_until("both are seen", PATH_WITHIN, || {
            [&call.ada, &call.grace].into_iter().all(|person| call.decoded(person) > 20)
        });
        call
    }

    fn stats(&self, person: &Momo) -> Value {
        person.ask("calls.stats", json!({ "callId": self.id }))["peers"][0].clone()
    }

    fn decoded(&self, person: &Momo) -> u64 {
        self.stats(person)["video"]["framesDecoded"].as_u64().unwrap_or(0)
    }

    /// Pictures a second, of so long.
    fn rate(&self, person: &Momo, time: Duration) -> f64 {
        let (before, begun) = (self.decoded(person), Instant::now());
        wait_until("the time is over", 2 * time, || begun.elapsed() >= time);
        #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
        let more = (self.decoded(person) - before) as f64;
        more / begun.elapsed().as_secs_f64()
    }
}

fn packets_are_lost(stage: &mut Stage) {
    let call = Call::begin(stage, Kind::Open, Kind::Restricted, "direct");
    let homes = stage.homes_of(Kind::Open, Kind::Restricted);
    homes.iter().for_each(|home| home.trouble("meta l4proto udp numgen random mod 10 0 drop"));
    let rate = call.rate(&call.grace, Duration::from_secs(8));
    homes.iter().for_each(|home| home.peace());
    let stats = call.stats(&call.grace);
    eprintln!("{rate:.1} pictures a second: {}", stats["video"]);
    // A machine that is busy sends fewer.
    let sent = call.stats(&call.ada)["sent"]["video"]["framesPerSecond"].as_f64().expect("she sends some");
    assert!(rate >= sent / 2.0, "{rate} pictures a second of {sent}: {stats}");
}

fn way_is_gone(stage: &mut Stage) {
    let call = Call::begin(stage, Kind::Open, Kind::Open, "direct");
    let [home, _] = stage.homes_of(Kind::Open, Kind::Open);
    home.trouble("meta l4proto udp drop");
    call.rate(&call.grace, Duration::from_secs(2));
    let before = call.decoded(&call.grace);
    home.peace();
    let back = Instant::now();
    wait_until("pictures are back", PATH_WITHIN, || call.decoded(&call.grace) > before + 2);
    let took = back.elapsed();
    eprintln!("back after {} ms", took.as_millis());
    // A second on a machine that has nothing else to do.
    assert!(took <= Duration::from_secs(3), "back after {took:?}: {}", call.stats(&call.grace));
}

fn way_is_narrow(stage: &mut Stage) {
    let call = Call::begin(stage, Kind::Open, Kind::Open, "direct");
    let [home, _]: [&Home; 2] = stage.homes_of(Kind::Open, Kind::Open);
    home.narrow("300kbit");
    let target = || call.stats(&call.ada)["sent"]["video"]["targetBitsPerSecond"].as_u64();
    let begun = Instant::now();
    wait_until("the sender follows", PATH_WITHIN, || target().is_some_and(|target| target <= 350_000));
    let followed = begun.elapsed();
    let concealed = |stats: &Value| stats["audio"]["framesConcealed"].as_u64().unwrap_or(0);
    let before = call.stats(&call.grace);
    let rate = call.rate(&call.grace, Duration::from_secs(8));
    let after = call.stats(&call.grace);
    let lost = concealed(&after) - concealed(&before);
    eprintln!(
        "followed after {} ms; then {rate:.1} pictures a second of {}×{}, {lost} of 400 frames of sound concealed",
        followed.as_millis(),
        after["video"]["width"],
        after["video"]["height"]
    );
    home.widen();
    assert!(followed <= Duration::from_secs(8), "after {followed:?}");
    assert!(rate >= 2.0 && lost <= 60, "{rate} pictures a second, {lost} frames of sound concealed: {after}");
}

fn over_turn(stage: &mut Stage) {
    let call = Call::begin(stage, Kind::Symmetric, Kind::Symmetric, "turn");
    let rate = call.rate(&call.grace, Duration::from_secs(4));
    assert!(rate >= 5.0, "{rate} pictures a second: {}", call.stats(&call.grace));
}
