//! Listening together: what one plays from disk all hear at the same moment, whoever plays, pauses or seeks.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use momoland_media::devices::synthetic::Speech;
use momoland_media::level::{correlation, rms};
use serde_json::{Value, json};
use support::{Momo, World, sound, wait_direct, wait_until};

const WITHIN: Duration = Duration::from_secs(20);
/// What all hear may be apart by this, milliseconds.
const APART_MS: f64 = 100.0;
/// Samples by which a moment is known: 200 ms.
const MOMENT: usize = 9_600;
/// Coarse samples a millisecond.
const A_MS: f64 = 6.0;

/// A file whose every moment sounds different, on a person's disk.
struct Music {
    path: PathBuf,
    coarse: Vec<f32>,
}

impl Music {
    fn write(folder: &Path) -> Self {
        let mut speech = Speech::new(77);
        let samples: Vec<f32> = (0..180 * 50).flat_map(|_| speech.next_frame()).collect();
        let path = folder.join("Low water.wav");
        std::fs::write(&path, sound::wav(&samples)).expect("the folder is ours");
        Self { path, coarse: sound::coarse(&samples) }
    }

    /// The moment that a sound ends with, where it is some part of the file not far from what is expected.
    fn moment(&self, heard: &[f32], expected_ms: f64) -> Option<f64> {
        let heard = sound::coarse(heard);
        let from = ((expected_ms - 2_500.0).max(0.0) * A_MS) as usize;
        let part = self.coarse.get(from..)?;
        let part = &part[..part.len().min(24_000)];
        let (best, lag) = correlation(&heard, part, part.len().checked_sub(heard.len())?);
        (best >= 0.8).then(|| (from + lag + heard.len()) as f64 / A_MS)
    }
}

fn now_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs_f64() * 1_000.0
}

fn listening(person: &Momo) -> Value {
    person.ask("calls.list", json!({}))["calls"][0]["listening"].clone()
}

/// How far the file is by what somebody is told.
fn told_ms(listening: &Value) -> f64 {
    let number = |name: &str| listening[name].as_f64().unwrap_or_default();
    let since = if listening["state"] == "playing" { now_ms() - number("at") } else { 0.0 };
    number("positionMs") + since
}

/// Waits until all hear the same moment of the file, and that which they are told.
fn wait_together(music: &Music, people: &[(&Momo, &Path)]) {
    let files: Vec<&Path> = people.iter().map(|(_, file)| *file).collect();
    let mut seen = Vec::new();
    let mut apart = Vec::new();
    wait_until("all hear the same", WITHIN, || {
        let told = told_ms(&listening(people[0].0));
        let heard = sound::last_heard(&files, MOMENT);
        let moments: Option<Vec<f64>> = heard.iter().map(|heard| music.moment(heard, told)).collect();
        let Some(moments) = moments else { return false };
        let most = moments.iter().copied().fold(f64::MIN, f64::max);
        let least = moments.iter().copied().fold(f64::MAX, f64::min);
        seen.push((told, moments));
        apart.push(most - least);
        apart.len() >= 7
    });
    apart.sort_by(f64::total_cmp);
    assert!(apart[apart.len() / 2] <= APART_MS, "apart by {apart:?} ms: {seen:?}");
}

fn wait_listening(person: &Momo, what: &str, matches: impl Fn(&Value) -> bool) {
    wait_until(what, WITHIN, || matches(&listening(person)));
}

fn wait_silent(files: &[&Path]) {
    wait_until("it is silent", WITHIN, || {
        sound::last_heard(files, MOMENT).iter().all(|heard| heard.len() == MOMENT && rms(heard) == 0.0)
    });
}

#[test]
fn all_in_a_call_hear_the_same_moment_of_a_file_and_any_may_change_it() {
    let (world, [ada, grace, carol]) = World::with_people(["ada", "grace", "carol"]);
    let room = world.room_of(&[&ada, &grace, &carol]);
    let folder = tempfile::tempdir().expect("a folder");
    let music = Music::write(folder.path());
    let files = ["ada", "grace", "carol"].map(|name| folder.path().join(name));
    let [at_ada, at_grace, at_carol] = [&files[0], &files[1], &files[2]].map(PathBuf::as_path);
    for (n, (person, file)) in [&ada, &grace, &carol].into_iter().zip(&files).enumerate() {
        sound::with_devices(person, n as u64 + 1, file, None);
        person.wait_server("online", WITHIN);
    }
    for (one, other) in [(&ada, &grace), (&ada, &carol), (&grace, &carol)] {
        wait_direct(one, other);
    }
    let call = ada.ask("calls.start", json!({ "roomId": room, "media": "audio" }))["callId"].clone();
    let join = |person: &Momo| {
        wait_until("the call is there", WITHIN, || person.ask("calls.list", json!({}))["calls"][0]["callId"] == call);
        person.ask("calls.join", json!({ "callId": call }));
        person.ask("calls.setMedia", json!({ "callId": call, "mic": false }));
    };
    ada.ask("calls.setMedia", json!({ "callId": call, "mic": false }));
    join(&grace);

    // What cannot be played is said, and changes nothing.
    let text = folder.path().join("notes.mp3");
    std::fs::write(&text, "No sound.").expect("the folder is ours");
    let play = |path: &Path| json!({ "callId": call, "path": path });
    ada.refused_as("not_found", "calls.play", play(&folder.path().join("none.wav")));
    ada.refused_as("invalid", "calls.play", play(&text));
    let act = |action: &str| json!({ "callId": call, "action": action });
    grace.refused_as("conflict", "calls.playback", act("pause"));
    assert_eq!(listening(&ada), Value::Null);

    // Muted, and heard: the file is no voice.
    let mark = grace.mark();
    ada.ask("calls.play", play(&music.path));
    let is_told = |event: &Value| event["type"] == "call.changed" && event["call"]["listening"]["title"] == "Low water";
    let told = grace.wait_event(mark, "what is played", WITHIN, is_told)["call"]["listening"].clone();
    assert_eq!((&told["state"], &told["userId"]), (&json!("playing"), &json!(ada.user_id())));
    assert_eq!(told["lengthMs"], 180_000);
    wait_together(&music, &[(&ada, at_ada), (&grace, at_grace)]);

    grace.ask("calls.playback", act("pause"));
    wait_silent(&[at_ada, at_grace]);
    for person in [&ada, &grace] {
        wait_listening(person, "it is paused by grace", |it| {
            it["state"] == "paused" && it["changedBy"] == grace.user_id()
        });
    }
    grace.refused_as("invalid", "calls.playback", act("seek"));
    grace.ask("calls.playback", json!({ "callId": call, "action": "seek", "positionMs": 20_000 }));
    wait_listening(&grace, "it is elsewhere", |it| it["positionMs"] == 20_000);
    grace.ask("calls.playback", act("play"));
    wait_listening(&grace, "it plays", |it| it["state"] == "playing");
    assert!(told_ms(&listening(&grace)) >= 20_000.0);
    wait_together(&music, &[(&ada, at_ada), (&grace, at_grace)]);

    // A newcomer hears what the others hear.
    join(&carol);
    wait_listening(&carol, "carol hears of it", |it| it["title"] == "Low water" && it["state"] == "playing");
    wait_together(&music, &[(&ada, at_ada), (&grace, at_grace), (&carol, at_carol)]);

    // With who has the file it goes, and that is said.
    ada.ask("calls.leave", json!({ "callId": call }));
    for person in [&grace, &carol] {
        wait_listening(person, "it went with ada", |it| it["state"] == "left");
    }
    wait_silent(&[at_grace, at_carol]);
    grace.refused_as("conflict", "calls.playback", act("play"));
}
