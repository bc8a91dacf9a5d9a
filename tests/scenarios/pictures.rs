//! Pictures in calls between processes with synthetic cameras: each picture bears its own number, which is read from what
//! a window is given.

use std::path::Path;
use std::time::{Duration, Instant};

use momoland_media::cameras::synthetic::CAMERAS_ENV;
use momoland_media::cameras::test_picture::{TestPicture, read};
use serde_json::{Value, json};
use support::{Momo, Shown, Viewer, World, sound, wait_direct, wait_until};

const WITHIN: Duration = Duration::from_secs(20);
/// A window that is away for less is one that is loaded again.
const AWAY: Duration = Duration::from_secs(5);
/// Added to who is seen, of a screen.
const SCREEN: u8 = 8;

/// A person with a synthetic camera that shows this number, in a `momo rpc`.
fn with_camera(person: &Momo, who: u8, folder: &Path) {
    sound::with_devices(person, who.into(), &folder.join(person.name()), None);
    person.wait_server("online", WITHIN);
}

/// The same in a window.
fn at_window(person: &Momo, who: u8, folder: &Path) -> Viewer {
    Viewer::instead_of(person, &sound::environment(who.into(), &folder.join(person.name()), None))
}

fn own_device(viewer: &mut Viewer) -> String {
    let account = viewer.ask("account.whoami", json!({}))["account"].clone();
    account["deviceId"].as_str().expect("she is signed in").to_owned()
}

fn counted(shown: &Shown) -> Option<TestPicture> {
    read(&shown.picture)
}

/// Who is in the call, by user, as the window was told last.
fn wait_participant(viewer: &mut Viewer, user: &str, what: &str, matches: impl Fn(&Value) -> bool) -> Value {
    let event = viewer.wait_event(what, WITHIN, |event| {
        let others = event["call"]["participants"].as_array();
        others.is_some_and(|others| others.iter().any(|other| other["userId"] == user && matches(other)))
    });
    let mut others = event["call"]["participants"].as_array().expect("a list").iter();
    others.find(|other| other["userId"] == user && matches(other)).expect("it matched").clone()
}

/// What is seen counts up, without what was seen before: each picture is newer than the last.
fn assert_counts_up(shown: &[Shown], who: u8, tile: usize) {
    let counts: Vec<u32> = shown
        .iter()
        .filter(|shown| shown.tile == tile)
        .map(|shown| {
            let counted = counted(shown).expect("a whole picture");
            assert_eq!(counted.who, who, "somebody else's picture");
            counted.count
        })
        .collect();
    assert!(counts.is_sorted_by(|one, other| one < other), "out of order: {counts:?}");
}

#[test]
fn what_a_camera_takes_is_seen_until_it_is_off_and_without_the_server() {
    let (mut world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    let folder = tempfile::tempdir().expect("a folder");
    with_camera(&ada, 1, folder.path());
    let mut grace_window = at_window(&grace, 2, folder.path());
    let own = own_device(&mut grace_window);
    let with_grace = |peer: &Value| peer["userId"] == grace.user_id() && peer["path"] == "direct";
    wait_until("they are linked", WITHIN, || {
        let status = ada.ask("net.status", json!({}));
        status["peers"].as_array().is_some_and(|peers| peers.iter().any(with_grace))
    });

    let call = ada.ask("calls.start", json!({ "roomId": room, "media": "video" }))["callId"].clone();
    let ring = grace_window.wait_event("it rings", WITHIN, |event| event["type"] == "call.incoming");
    assert_eq!((&ring["callId"], &ring["media"]), (&call, &json!("video")));
    grace_window.ask("calls.join", json!({ "callId": call, "camera": true }));
    let ada_there =
        wait_participant(&mut grace_window, ada.user_id(), "ada's camera is on", |other| other["camera"] == true);
    let of_ada = ada_there["deviceId"].clone();
    let tiles = json!([
        { "deviceId": of_ada, "source": "camera", "width": 640, "height": 640 },
        { "deviceId": own, "source": "camera", "width": 160, "height": 90 },
    ]);
    let view = grace_window.ask("calls.view", json!({ "callId": call, "tiles": tiles }))["view"].clone();
    let first = grace_window.wait_picture("ada is seen", WITHIN, |shown| shown.tile == 0);
    assert_eq!(json!(first.view), view);
    assert!(first.picture.width() <= 640 && first.picture.height() <= 360, "{:?}", first.picture);
    grace_window.wait_picture("she sees herself", WITHIN, |shown| shown.tile == 1);
    let seen = grace_window.wait_pictures("ten of each", WITHIN, |seen| {
        (0..2).all(|tile| seen.iter().filter(|shown| shown.tile == tile).count() >= 10)
    });
    assert_counts_up(&seen, 1, 0);
    assert_counts_up(&seen, 2, 1);

    // What comes is counted, and so is what goes.
    wait_until("ada's engine counts grace's pictures", WITHIN, || {
        let stats = ada.ask("calls.stats", json!({ "callId": call }));
        let peer = &stats["peers"][0];
        peer["video"]["framesDecoded"].as_u64() > Some(20)
            && peer["video"]["width"].as_u64() >= Some(320)
            && peer["sent"]["video"]["bitsPerSecond"].as_u64() > Some(10_000)
    });

    world.server.kill();
    ada.wait_server_not_online(WITHIN);
    let of_ada_now = |shown: &Shown| counted(shown).filter(|_| shown.tile == 0).map(|counted| counted.count);
    let seen = grace_window.wait_pictures("some that waited", WITHIN, |seen| seen.iter().any(|it| it.tile == 0));
    let before = seen.iter().find_map(of_ada_now).expect("a whole picture");
    let seen = grace_window.wait_pictures("the server is not missed", WITHIN, |seen| {
        seen.iter().filter_map(of_ada_now).any(|count| count > before + 60)
    });
    assert_counts_up(&seen, 1, 0);
    let last = seen.iter().filter_map(of_ada_now).max().expect("a whole picture");

    // Off is off at once, and on again it is a picture again.
    ada.ask("calls.setMedia", json!({ "callId": call, "camera": false }));
    wait_participant(&mut grace_window, ada.user_id(), "her camera is off", |other| other["camera"] == false);
    // What was under way to the window came before this answer.
    grace_window.ask("calls.list", json!({}));
    let seen = grace_window.watch(Duration::from_secs(1));
    assert_eq!(seen.iter().filter(|shown| shown.tile == 0).count(), 0, "off, and seen");
    ada.ask("calls.setMedia", json!({ "callId": call, "camera": true }));
    // It counts from the beginning. Not as soon as it has counted as far as before: many were seen until then.
    let again = grace_window.wait_picture("she is seen again", WITHIN, |shown| of_ada_now(shown).is_some());
    assert!(of_ada_now(&again).is_some_and(|count| count < last), "{last} were seen before");

    // A screen beside the face.
    ada.ask("calls.setMedia", json!({ "callId": call, "screen": true }));
    wait_participant(&mut grace_window, ada.user_id(), "she shows her screen", |other| other["screen"] == true);
    let tiles = json!([{ "deviceId": of_ada, "source": "screen", "width": 1_920, "height": 1_080 }]);
    grace_window.ask("calls.view", json!({ "callId": call, "tiles": tiles }));
    let screen = grace_window.wait_picture("her screen is seen", WITHIN, |shown| {
        counted(shown).is_some_and(|counted| counted.who == 1 + SCREEN)
    });
    assert_eq!((screen.picture.width(), screen.picture.height()), (1_280, 720), "in its own size");

    // A view of nothing stops pictures, and so does the end.
    grace_window.ask("calls.view", json!({ "callId": call, "tiles": [] }));
    assert!(grace_window.watch(Duration::from_millis(500)).is_empty());
    ada.ask("calls.leave", json!({ "callId": call }));
}

#[test]
fn who_closed_the_last_window_is_seen_no_more_and_a_page_that_is_loaded_again_changes_nothing() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    let folder = tempfile::tempdir().expect("a folder");
    with_camera(&ada, 1, folder.path());
    let mut window = at_window(&grace, 2, folder.path());
    let call = window.ask("calls.start", json!({ "roomId": room, "media": "video" }))["callId"].clone();
    ada.wait_event(0, "it rings", WITHIN, |event| event["type"] == "call.incoming");
    ada.ask("calls.join", json!({ "callId": call }));
    window.ask("calls.setMedia", json!({ "callId": call, "screen": true }));
    let shows = |camera: bool, screen: bool| {
        let calls = ada.ask("calls.list", json!({}));
        let grace = calls["calls"][0]["participants"][0].clone();
        (&grace["camera"], &grace["screen"]) == (&json!(camera), &json!(screen))
    };
    wait_until("camera and screen are on", WITHIN, || shows(true, true));
    let left = Instant::now();
    window.close_page();
    window.open_page();
    let away = left.elapsed();
    // Longer than a window may be away, and whatever it does without one is heard of each second.
    window.watch(Duration::from_secs(8));
    // A machine that stood still meanwhile proves nothing; how long it may be is told of in the engine's own test.
    assert!(away >= AWAY || shows(true, true), "it was loaded again, and that is all");
    window.close_page();
    wait_until("both are off, and she is in the call", WITHIN, || shows(false, false));
    window.open_page();
    let calls = window.ask("calls.list", json!({}));
    let own = &calls["calls"][0];
    assert_eq!((&own["part"], &own["camera"], &own["mic"]), (&json!("in"), &json!(false), &json!(true)), "{own}");
    ada.ask("calls.leave", json!({ "callId": call }));
}

#[test]
fn four_see_each_other() {
    let (world, [ada, bo, cy, di]) = World::with_people(["ada", "bo", "cy", "di"]);
    let room = world.room_of(&[&ada, &bo, &cy, &di]);
    let folder = tempfile::tempdir().expect("a folder");
    for (person, who) in [(&ada, 1), (&bo, 2), (&cy, 3)] {
        with_camera(person, who, folder.path());
    }
    let mut window = at_window(&di, 4, folder.path());
    wait_direct(&ada, &bo);
    wait_direct(&bo, &cy);
    let call = ada.ask("calls.start", json!({ "roomId": room, "media": "video" }))["callId"].clone();
    // It rings at those who hear of it before somebody has answered.
    for person in [&bo, &cy] {
        person.wait_event(0, "she is told of the call", WITHIN, |event| event["call"]["callId"] == call);
        person.ask("calls.join", json!({ "callId": call, "camera": true }));
    }
    window.wait_event("she is told of the call", WITHIN, |event| event["call"]["callId"] == call);
    window.ask("calls.join", json!({ "callId": call, "camera": true }));
    let all = window.wait_event("all are there", WITHIN, |event| {
        let others = event["call"]["participants"].as_array();
        others.is_some_and(|others| others.len() == 3 && others.iter().all(|other| other["camera"] == true))
    });
    let others = all["call"]["participants"].as_array().expect("a list").clone();
    let tile =
        |other: &Value| json!({ "deviceId": other["deviceId"], "source": "camera", "width": 320, "height": 180 });
    let tiles: Vec<Value> = others.iter().map(tile).collect();
    window.ask("calls.view", json!({ "callId": call, "tiles": tiles }));
    for (place, other) in others.iter().enumerate() {
        let people = [(&ada, 1), (&bo, 2), (&cy, 3)];
        let (_, who) = people.into_iter().find(|(person, _)| person.user_id() == other["userId"]).expect("one of them");
        window.wait_picture("each is seen in their place", WITHIN, |shown| {
            shown.tile == place && counted(shown).is_some_and(|counted| counted.who == who)
        });
    }
}

#[test]
fn pictures_are_refused_with_a_reason_where_there_can_be_none() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    let folder = tempfile::tempdir().expect("a folder");
    // Whatever cameras this machine has.
    let none = folder.path().join("none");
    std::fs::write(&none, "").expect("the folder is ours");
    let mut environment = sound::environment(1, &folder.path().join("ada"), None);
    environment.push((CAMERAS_ENV.to_owned(), none.display().to_string()));
    ada.set_environment(environment);
    ada.kill_and_start_again();
    ada.wait_server("online", WITHIN);
    let refused = ada.refused_as("invalid", "calls.start", json!({ "roomId": room, "media": "video" }));
    assert!(refused.message.contains("camera"), "{refused:?}");
    let call = ada.ask("calls.start", json!({ "roomId": room, "media": "audio" }))["callId"].clone();
    ada.refused_as("invalid", "calls.setMedia", json!({ "callId": call, "camera": true }));
    let nothing = json!({ "callId": call, "tiles": [] });
    assert!(ada.refused_as("invalid", "calls.view", nothing.clone()).message.contains("window"));
    ada.ask("calls.leave", json!({ "callId": call }));
    let mut window = at_window(&grace, 2, folder.path());
    let refused = window.call("calls.view", nothing).expect_err("she is in no call");
    assert_eq!(refused["data"]["kind"], "not_found");
    let tile = json!({ "deviceId": own_device(&mut window), "source": "camera", "width": 10, "height": 10 });
    let many = json!({ "callId": call, "tiles": vec![tile; 13] });
    assert_eq!(window.call("calls.view", many).expect_err("too many")["data"]["kind"], "invalid");
}
