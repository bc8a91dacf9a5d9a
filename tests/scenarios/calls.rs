//! Calls between two processes with synthetic devices: what one says is what the other hears.

use std::path::Path;
use std::time::{Duration, Instant};

use momoland_media::devices::synthetic::Speech;
use momoland_media::level::{correlation, rms};
use serde_json::{Value, json};
use support::{Momo, World, wait_direct};

const WITHIN: Duration = Duration::from_secs(20);

fn with_devices(person: &Momo, voice: u64, file: &Path) {
    let pairs = [
        ("MOMOLAND_MEDIA", "synthetic".to_owned()),
        ("MOMOLAND_MEDIA_VOICE", voice.to_string()),
        ("MOMOLAND_MEDIA_CAPTURE", file.display().to_string()),
    ];
    person.set_environment(pairs.map(|(name, value)| (name.to_owned(), value)).to_vec());
    person.kill_and_start_again();
}

fn samples(file: &Path) -> Vec<f32> {
    let bytes = std::fs::read(file).unwrap_or_default();
    bytes.as_chunks::<4>().0.iter().map(|sample| f32::from_le_bytes(*sample)).collect()
}

/// Waits until so many more samples were heard; those.
fn hear(file: &Path, count: usize) -> Vec<f32> {
    let (before, started) = (samples(file).len(), Instant::now());
    loop {
        let heard = samples(file);
        if heard.len() >= before + count {
            return heard[before..before + count].to_vec();
        }
        assert!(started.elapsed() < WITHIN, "only {} samples were heard", heard.len() - before);
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Samples that are taken together before sounds are compared: voices are far below the 6 kHz that are left.
const COARSE: usize = 8;

fn coarse(sound: &[f32]) -> Vec<f32> {
    #[expect(clippy::cast_precision_loss, reason = "eight")]
    sound.chunks_exact(COARSE).map(|group| group.iter().sum::<f32>() / COARSE as f32).collect()
}

/// Waits until what is heard is some part of what a voice says in its first minute. A machine with much else to do
/// stutters, so one word is enough.
fn wait_voice(file: &Path, voice: u64) {
    let mut speech = Speech::new(voice);
    let said: Vec<f32> = (0..3_000).flat_map(|_| speech.next_frame()).collect();
    let (said, started) = (coarse(&said), Instant::now());
    let mut best = 0.0_f32;
    while best < 0.8 {
        assert!(started.elapsed() < WITHIN, "what is heard is not what was said: {best}");
        let heard = coarse(&hear(file, 9_600));
        best = best.max(correlation(&heard, &said, said.len() - heard.len()).0);
    }
}

fn is_call(event: &Value, part: &str) -> bool {
    event["type"] == "call.changed" && event["call"]["part"] == part
}

#[test]
fn what_is_said_is_heard_until_somebody_hangs_up_with_or_without_the_server() {
    let (mut world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    let folder = tempfile::tempdir().expect("a folder");
    let (at_ada, at_grace) = (folder.path().join("ada"), folder.path().join("grace"));
    with_devices(&ada, 1, &at_ada);
    with_devices(&grace, 2, &at_grace);
    wait_direct(&ada, &grace);

    let (of_ada, of_grace) = (ada.mark(), grace.mark());
    let call = ada.ask("calls.start", json!({ "roomId": room, "media": "audio" }))["callId"].clone();
    let ring = grace.wait_event(of_grace, "it rings", WITHIN, |event| event["type"] == "call.incoming");
    assert_eq!((&ring["callId"], ring["from"].as_str()), (&call, Some(ada.user_id())));
    grace.ask("calls.join", json!({ "callId": call }));
    ada.wait_event(of_ada, "it was answered", WITHIN, |event| is_call(event, "in"));
    hear(&at_grace, 24_000);
    wait_voice(&at_grace, 1);
    wait_voice(&at_ada, 2);

    // Muted is silent, and the other end still speaks.
    ada.ask("calls.setMedia", json!({ "callId": call, "mic": false }));
    hear(&at_grace, 38_400);
    assert!(rms(&hear(&at_grace, 9_600)) == 0.0, "muted and heard");
    assert!(rms(&hear(&at_ada, 9_600)) > 0.005);
    ada.ask("calls.setMedia", json!({ "mic": true }));
    hear(&at_grace, 38_400);
    assert!(rms(&hear(&at_grace, 9_600)) > 0.005, "not heard after unmuting");

    world.server.kill();
    ada.wait_server_not_online(WITHIN);
    assert!(rms(&hear(&at_grace, 9_600)) > 0.005, "the server is missed");

    let (of_ada, of_grace) = (ada.mark(), grace.mark());
    grace.ask("calls.leave", json!({ "callId": call }));
    grace.wait_event(of_grace, "it ended", WITHIN, |event| is_call(event, "ended"));
    let left = |event: &Value| {
        event["type"] == "call.changed"
            && event["call"]["participants"].as_array().is_some_and(|others| others.is_empty())
    };
    ada.wait_event(of_ada, "she is alone", WITHIN, left);
}
