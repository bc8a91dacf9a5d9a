//! Speech in a call over a way that is long, and over one that loses packets as well: what is heard is compared with what
//! was said, sample by sample.

use std::ops::Range;
use std::time::Duration;

use serde_json::{Value, json};
use support::sound::{self, ALIKE, Heard};
use support::{Momo, stoi, wait_until};

use crate::distance::Distance;
use crate::meeting::{PATH_WITHIN, Stage, wait_path};
use crate::network::Kind;
use crate::trials::OtherTrial;

pub(crate) const ALL: [OtherTrial; 2] = [
    ("speech over a way of 50 ms", way_is_long),
    ("speech over a way of 100 ms that loses every tenth packet", packets_are_lost),
];

/// Samples a second.
const SECOND: usize = 48_000;
/// What is compared at a time, samples, and how many.
const PIECE: usize = 2 * SECOND;
const PIECES: usize = 11;

/// A call of two without cameras, from one open home to another.
struct Call {
    ada: Momo,
    grace: Momo,
    id: Value,
    /// All that ada can say meanwhile.
    said: Vec<f32>,
}

impl Call {
    fn begin(stage: &mut Stage) -> Self {
        let (ada, grace, room) = stage.people(Kind::Open, Kind::Open);
        let (speech, said) = sound::spoken(ada.data().parent().expect("it is in a folder"));
        sound::with_speech(&ada, &speech, &ada.data().with_extension("heard"));
        sound::with_devices(&grace, 2, &grace.data().with_extension("heard"), None);
        [&ada, &grace].iter().for_each(|person| person.wait_server("online", PATH_WITHIN));
        wait_path(&ada, &grace, "direct");
        let id = ada.ask("calls.start", json!({ "roomId": room, "media": "audio" }))["callId"].clone();
        grace.wait_event(0, "it rings", PATH_WITHIN, |event| event["type"] == "call.incoming" && event["callId"] == id);
        grace.ask("calls.join", json!({ "callId": id }));
        Self { ada, grace, id, said }
    }

    /// So many samples of what grace hears: their place in all that she heard, and that.
    fn hear(&self, samples: usize) -> (Range<usize>, Vec<f32>) {
        let heard = || sound::heard(&self.grace.data().with_extension("heard"));
        wait_until("she hears something", PATH_WITHIN, || heard().iter().any(|sample| *sample != 0.0));
        // The delay settles.
        let from = heard().len() + 3 * SECOND;
        let piece = from..from + samples;
        wait_until("she heard enough", 2 * PATH_WITHIN, || heard().len() >= piece.end);
        (piece, heard())
    }

    /// What grace heard then beside what ada said.
    fn heard_late(&self, piece: Range<usize>) -> Heard {
        let files = [&self.ada, &self.grace].map(|person| person.data().with_extension("heard"));
        sound::heard_late([&files[0], &files[1]], &self.said, piece)
    }
}

fn way_is_long(stage: &mut Stage) {
    let distance = Distance::of(stage.open_homes()[0], Duration::from_millis(50));
    let call = Call::begin(stage);
    let (piece, _) = call.hear(PIECE);
    let heard = call.heard_late(piece);
    eprintln!("mouth to ear: {:.1} ms", heard.late_ms);
    assert!(heard.likeness > ALIKE, "{heard:?}");
    // 150 ms on a machine that has nothing else to do.
    let least = if distance.is_some() { 50.0 } else { 0.0 };
    assert!(heard.late_ms >= least && heard.late_ms <= 400.0, "{heard:?}");
}

fn packets_are_lost(stage: &mut Stage) {
    let _distance = Distance::of(stage.open_homes()[0], Duration::from_millis(100));
    let call = Call::begin(stage);
    let [home, _] = stage.homes_of(Kind::Open, Kind::Open);
    home.trouble("meta l4proto udp numgen random mod 10 0 drop");
    let (piece, heard) = call.hear(PIECE * PIECES);
    home.peace();
    let stats = call.grace.ask("calls.stats", json!({ "callId": call.id }));
    let lost = stats["peers"][0]["audio"]["packetsLost"].as_u64().unwrap_or(0);
    // Each by itself, and the middle one: a machine that stops for a moment makes what follows later, but not less clear.
    let mut understood: Vec<f64> = piece
        .step_by(PIECE)
        .map(|from| {
            let Heard { place, late_ms, .. } = call.heard_late(from..from + PIECE);
            let said = call.said.get(place..place + PIECE).expect("she spoke for longer");
            let understood = stoi::intelligibility(said, &heard[from..from + PIECE]).expect("some of it is no silence");
            eprintln!("STOI {understood:.3}, {late_ms:.1} ms after it was said");
            understood
        })
        .collect();
    understood.sort_by(f64::total_cmp);
    let understood = understood[understood.len() / 2];
    eprintln!("STOI {understood:.3} of {PIECES} pieces the middle one, {lost} packets lost");
    assert!(lost >= 30, "nothing was tried");
    assert!(understood >= 0.9, "STOI {understood}");
}
