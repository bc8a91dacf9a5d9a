//! Calls between two processes with synthetic devices: what one says is what the other hears.

use std::path::{Path, PathBuf};
use std::time::Duration;

use momoland_media::devices::synthetic::Speech;
use momoland_media::level::{correlation, rms};
use serde_json::{Value, json};
use support::{Momo, PASSWORD, World, sound, wait_direct, wait_for, wait_until};

const WITHIN: Duration = Duration::from_secs(20);

/// Gives a person synthetic devices, which are named in `FILE.devices`.
fn with_devices(person: &Momo, voice: u64, file: &Path) {
    let list = devices_of(file);
    std::fs::write(&list, "desk\nheadset\n").expect("the folder is ours");
    sound::with_devices(person, voice, file, Some(&list));
}

fn devices_of(file: &Path) -> PathBuf {
    file.with_extension("devices")
}

/// Waits until so many more samples were heard; those.
fn hear(file: &Path, count: usize) -> Vec<f32> {
    let before = sound::heard(file).len();
    wait_for("more is heard", WITHIN, || {
        let heard = sound::heard(file);
        (heard.len() >= before + count).then(|| heard[before..before + count].to_vec())
    })
}

/// Waits until what is heard is some part of what a voice says in its first minute. A machine with much else to do
/// stutters, so one word is enough.
fn wait_voice(file: &Path, voice: u64) {
    let mut speech = Speech::new(voice);
    let said: Vec<f32> = (0..3_000).flat_map(|_| speech.next_frame()).collect();
    let said = sound::coarse(&said);
    wait_until("what is heard is what was said", WITHIN, || {
        let heard = sound::coarse(&hear(file, 9_600));
        correlation(&heard, &said, said.len() - heard.len()).0 >= 0.8
    });
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
    wait_voice(&at_ada, 2);
    ada.ask("calls.setMedia", json!({ "mic": true }));
    wait_voice(&at_grace, 1);

    world.server.kill();
    ada.wait_server_not_online(WITHIN);
    wait_voice(&at_grace, 1);

    let (of_ada, of_grace) = (ada.mark(), grace.mark());
    grace.ask("calls.leave", json!({ "callId": call }));
    grace.wait_event(of_grace, "it ended", WITHIN, |event| is_call(event, "ended"));
    let left = |event: &Value| {
        event["type"] == "call.changed"
            && event["call"]["participants"].as_array().is_some_and(|others| others.is_empty())
    };
    ada.wait_event(of_ada, "she is alone", WITHIN, left);
    // Grace hung up, and so told of the call; Ada, who was left alone by her word, tells nothing more.
    ada.ask("calls.leave", json!({ "callId": call }));
    wait_until("the call is told of", WITHIN, || told_calls(&ada, &room).len() == 1);
    let told = told_calls(&grace, &room);
    let [entry] = told.as_slice() else { panic!("one entry: {told:?}") };
    assert_eq!((&entry["call"]["outcome"], &entry["call"]["callId"]), (&json!("held"), &call));
    assert_eq!(entry["call"]["userIds"].as_array().map(Vec::len), Some(2));
    assert!(entry["call"]["lengthMs"].as_u64() > Some(1_000), "{entry}");
    grace.refused_as(
        "invalid",
        "messages.edit",
        json!({ "roomId": room, "messageId": entry["messageId"], "text": "?" }),
    );
}

/// What a room tells of calls that are over.
fn told_calls(person: &Momo, room: &str) -> Vec<Value> {
    person.messages(room).into_iter().filter(|message| !message["call"].is_null()).collect()
}

/// Waits until nothing but silence is heard for 100 ms.
fn wait_silence(file: &Path) {
    wait_until("it is silent", WITHIN, || rms(&hear(file, 4_800)) == 0.0);
}

/// Two people with devices and a link, and what each hears.
fn two(people: [&Momo; 2], folder: &Path) -> [PathBuf; 2] {
    let files = [folder.join("one"), folder.join("other")];
    with_devices(people[0], 1, &files[0]);
    with_devices(people[1], 2, &files[1]);
    people.iter().for_each(|person| person.wait_server("online", WITHIN));
    wait_direct(people[0], people[1]);
    files
}

#[test]
fn two_who_call_each_other_at_once_are_in_one_call_and_nobody_missed_it() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    world.room_of(&[&ada, &grace]);
    let folder = tempfile::tempdir().expect("a folder");
    let [at_ada, at_grace] = two([&ada, &grace], folder.path());
    let room = ada.ask("rooms.direct", json!({ "userId": grace.user_id() }))["roomId"].clone();
    let there = |person: &Momo| person.room(room.as_str().expect("an id")).is_some();
    wait_until("the room is there", WITHIN, || there(&grace));

    let marks = [&ada, &grace].map(Momo::mark);
    let both = [&ada, &grace].map(|person| person.begin("calls.start", json!({ "roomId": room, "media": "audio" })));
    for pending in both {
        pending.wait(WITHIN).expect("both may call");
    }
    let calls = |person: &Momo| {
        let calls = person.ask("calls.list", json!({}))["calls"].clone();
        let calls = calls.as_array().expect("a list").clone();
        calls.iter().map(|call| (call["callId"].clone(), call["part"].clone())).collect::<Vec<_>>()
    };
    wait_until("they are in one call", WITHIN, || {
        let (of_ada, of_grace) = (calls(&ada), calls(&grace));
        of_ada == of_grace && of_ada.len() == 1 && of_ada[0].1 == "in"
    });
    wait_voice(&at_grace, 1);
    wait_voice(&at_ada, 2);
    for (person, mark) in [&ada, &grace].into_iter().zip(marks) {
        // On a busy machine the other's call may ring before one's own was taken up; it rings on nowhere.
        let wrong = person
            .events_since(mark)
            .into_iter()
            .find(|event| event["type"] == "notification.new" || is_call(event, "ended"));
        assert_eq!(wrong, None, "of {}", person.name());
    }
    let call = ada.ask("calls.list", json!({}))["calls"][0]["callId"].clone();
    ada.ask("calls.leave", json!({ "callId": call }));
    grace.wait_event(marks[1], "it ends for both", WITHIN, |event| is_call(event, "ended"));
}

#[test]
fn who_does_not_answer_has_missed_it_and_a_declined_call_is_over() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    let folder = tempfile::tempdir().expect("a folder");
    two([&ada, &grace], folder.path());
    let laptop = world.stranger("grace-laptop");
    laptop.log_in(&world.server.address(), "grace", PASSWORD);
    laptop.wait_server("online", WITHIN);
    wait_until("the laptop is in the room", WITHIN, || laptop.room(&room).is_some());
    let mark = grace.mark();
    let call = ada.ask("calls.start", json!({ "roomId": room, "media": "audio" }))["callId"].clone();
    grace.wait_event(mark, "it rings", WITHIN, |event| event["type"] == "call.incoming");
    laptop.wait_event(0, "it rings there, too", WITHIN, |event| event["type"] == "call.incoming");
    ada.ask("calls.leave", json!({ "callId": call }));
    let missed = grace.wait_event(mark, "it was missed", WITHIN, |event| event["type"] == "notification.new");
    assert_eq!(missed["notification"]["roomId"], room.as_str());
    let listed = grace.ask("notifications.list", json!({}))["notifications"].clone();
    let entries = listed.as_array().into_iter().flatten();
    assert_eq!(entries.filter(|entry| entry["notificationId"] == missed["notification"]["notificationId"]).count(), 1);
    grace.refused_as("not_found", "calls.join", json!({ "callId": call }));
    // Put away on one of her devices it is so on both, for good.
    let unread = |device: &Momo| device.ask("notifications.list", json!({}))["unreadCount"].as_u64();
    wait_until("the laptop missed it, too", WITHIN, || unread(&laptop) == Some(1));
    grace.ask("notifications.markRead", json!({ "notificationId": missed["notification"]["notificationId"] }));
    assert_eq!(unread(&grace), Some(0));
    wait_until("the laptop knows", WITHIN, || unread(&laptop) == Some(0));
    laptop.kill_and_start_again();
    assert_eq!(unread(&laptop), Some(0));

    let (of_ada, of_grace) = (ada.mark(), grace.mark());
    let call = ada.ask("calls.start", json!({ "roomId": room, "media": "audio" }))["callId"].clone();
    grace.wait_event(of_grace, "it rings", WITHIN, |event| event["type"] == "call.incoming");
    grace.ask("calls.decline", json!({ "callId": call }));
    ada.ask("calls.leave", json!({ "callId": call }));
    ada.wait_event(of_ada, "it ended", WITHIN, |event| is_call(event, "ended"));
    grace.wait_event(of_grace, "it ended", WITHIN, |event| is_call(event, "ended"));
    // Both calls are entries of the room, at everybody's, and unread nowhere.
    for person in [&ada, &grace, &laptop] {
        let told = || told_calls(person, &room);
        wait_until("both calls are told of", WITHIN, || told().len() == 2);
        for entry in told() {
            assert_eq!(
                (&entry["call"]["from"], &entry["call"]["outcome"]),
                (&json!(ada.user_id()), &json!("unanswered"))
            );
            assert_eq!((&entry["call"]["lengthMs"], &entry["text"]), (&json!(0), &json!("")));
        }
        assert_eq!(person.room(&room).expect("it is there")["unreadCount"], 0);
    }
    let told = grace.events_since(of_grace);
    assert!(!told.iter().any(|event| event["type"] == "notification.new"), "who declined did not miss it");
    ada.refused_as("invalid", "calls.start", json!({ "roomId": room, "media": "hologram" }));
}

#[test]
fn a_device_that_goes_is_replaced_and_who_has_none_hears_of_it() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    let folder = tempfile::tempdir().expect("a folder");
    let [at_ada, at_grace] = two([&ada, &grace], folder.path());
    let mark = ada.mark();
    let call = ada.ask("calls.start", json!({ "roomId": room, "media": "audio" }))["callId"].clone();
    grace.wait_event(0, "it rings", WITHIN, |event| event["type"] == "call.incoming");
    grace.ask("calls.join", json!({ "callId": call }));
    let devices = ada.ask("calls.devices", json!({}));
    assert_eq!(devices["microphones"][1]["name"], "headset");
    ada.ask("calls.setMedia", json!({ "microphone": "headset" }));
    let uses = |name: &'static str| move |event: &Value| event["call"]["sound"]["microphone"] == name;
    ada.wait_event(mark, "what was chosen is used", WITHIN, uses("headset"));
    wait_voice(&at_grace, 1);

    let mark = ada.mark();
    std::fs::write(devices_of(&at_ada), "desk\n").expect("the file is ours");
    ada.wait_event(mark, "another is used", WITHIN, uses("desk"));
    wait_voice(&at_grace, 1);

    std::fs::write(devices_of(&at_ada), "").expect("the file is ours");
    let missing =
        |event: &Value| event["call"]["sound"]["problem"].as_str().is_some_and(|it| it.contains("microphone"));
    ada.wait_event(mark, "she is told that there is none", WITHIN, missing);
    wait_silence(&at_grace);

    let mark = ada.mark();
    std::fs::write(devices_of(&at_ada), "desk\nheadset\n").expect("the file is ours");
    ada.wait_event(mark, "what was chosen is used again", WITHIN, uses("headset"));
    wait_voice(&at_grace, 1);
    wait_voice(&at_ada, 2);
}

#[test]
fn devices_are_tried_out_before_a_call_and_what_was_chosen_is_kept() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    let folder = tempfile::tempdir().expect("a folder");
    let at_ada = folder.path().join("ada");
    with_devices(&ada, 1, &at_ada);
    ada.wait_server("online", WITHIN);

    let mark = ada.mark();
    ada.ask("calls.test", json!({ "on": true, "camera": true }));
    let loud = |event: &Value| event["type"] == "call.test" && event["level"].as_f64() > Some(0.01);
    ada.wait_event(mark, "the microphone has a level", WITHIN, loud);
    let named = |event: &Value| event["sound"]["microphone"] == "desk" && event["picture"]["camera"].is_string();
    ada.wait_event(mark, "the devices are named", WITHIN, named);
    assert!(rms(&hear(&at_ada, 4_800)) == 0.0, "nothing is played unasked");
    ada.ask("calls.test", json!({ "on": true, "sound": true }));
    wait_until("the sound is heard", WITHIN, || rms(&hear(&at_ada, 960)) > 0.02);

    // What is chosen is used at once, and kept over restarts.
    let mark = ada.mark();
    ada.ask("calls.setMedia", json!({ "microphone": "headset", "processing": false }));
    ada.wait_event(mark, "another is tried", WITHIN, |event| event["sound"]["microphone"] == "headset");
    ada.ask("calls.test", json!({ "on": false }));
    let over = |event: &Value| event["type"] == "call.test" && event["sound"].is_null();
    ada.wait_event(mark, "it is over", WITHIN, over);
    ada.kill_and_start_again();
    let devices = ada.ask("calls.devices", json!({}));
    assert_eq!((&devices["chosenMicrophone"], &devices["processing"]), (&json!("headset"), &json!(false)));

    // A call takes the devices, and nothing is tried out meanwhile; who is gone tries nothing out.
    let mark = ada.mark();
    ada.ask("calls.test", json!({ "on": true }));
    let call = ada.ask("calls.start", json!({ "roomId": room, "media": "audio" }))["callId"].clone();
    ada.wait_event(mark, "the trial is over", WITHIN, over);
    ada.refused_as("conflict", "calls.test", json!({ "on": true }));
    ada.ask("calls.leave", json!({ "callId": call }));
    let mark = ada.mark();
    ada.ask("calls.test", json!({ "on": true }));
    ada.wait_event(mark, "it ends where nobody asks for it again", WITHIN, over);
}

#[test]
fn by_turn_alone_people_hear_each_other_and_figures_tell_how() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    let folder = tempfile::tempdir().expect("a folder");
    let [at_ada, at_grace] = two([&ada, &grace], folder.path());
    for person in [&ada, &grace] {
        person.ask("net.setPolicy", json!({ "peers": "turnOnly" }));
    }
    let by_turn = |one: &Momo, other: &Momo| one.path_to(other).as_deref() == Some("turn");
    wait_until("they are linked by TURN", WITHIN, || by_turn(&ada, &grace) && by_turn(&grace, &ada));
    let call = ada.ask("calls.start", json!({ "roomId": room, "media": "audio" }))["callId"].clone();
    grace.wait_event(0, "it rings", WITHIN, |event| event["type"] == "call.incoming");
    grace.ask("calls.join", json!({ "callId": call }));
    wait_voice(&at_grace, 1);
    wait_voice(&at_ada, 2);

    let mark = grace.mark();
    let told = |event: &Value| {
        event["type"] == "call.stats" && event["peers"][0]["audio"]["bitsPerSecond"].as_u64() > Some(8_000)
    };
    let stats = grace.wait_event(mark, "figures", WITHIN, told);
    let audio = &stats["peers"][0]["audio"];
    assert_eq!(stats["peers"][0]["userId"], ada.user_id());
    assert_eq!(stats["peers"][0]["path"], "turn");
    assert!(audio["packetsReceived"].as_u64() > Some(20), "{audio}");
    assert!(audio["framesDecoded"].as_u64() > Some(20), "{audio}");
    assert!(audio["mouthToEarMs"].as_f64().is_some_and(|ms| (40.0..1_000.0).contains(&ms)), "{audio}");
    let asked = grace.ask("calls.stats", json!({ "callId": call }));
    assert_eq!(asked["peers"][0]["userId"], ada.user_id());
}

#[test]
fn whoever_is_removed_from_the_room_is_out_of_its_call() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    let folder = tempfile::tempdir().expect("a folder");
    let [_, at_grace] = two([&ada, &grace], folder.path());
    let call = ada.ask("calls.start", json!({ "roomId": room, "media": "audio" }))["callId"].clone();
    grace.wait_event(0, "it rings", WITHIN, |event| event["type"] == "call.incoming");
    let (of_ada, of_grace) = (ada.mark(), grace.mark());
    grace.ask("calls.join", json!({ "callId": call }));
    wait_voice(&at_grace, 1);
    ada.ask("rooms.remove", json!({ "roomId": room, "userId": grace.user_id() }));
    let out = |event: &Value| is_call(event, "ended") && event["call"]["ended"] == "removed";
    grace.wait_event(of_grace, "she is out", WITHIN, out);
    let alone = |event: &Value| {
        is_call(event, "in") && event["call"]["participants"].as_array().is_some_and(|others| others.is_empty())
    };
    ada.wait_event(of_ada, "she is alone", WITHIN, alone);
    grace.refused_as("not_found", "calls.join", json!({ "callId": call }));
}

/// C48: links that went and came back in the middle of a call carry sound again, both ways.
#[test]
fn c48_who_was_offline_for_a_moment_is_heard_again() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    let folder = tempfile::tempdir().expect("a folder");
    let [at_ada, at_grace] = two([&ada, &grace], folder.path());
    let call = ada.ask("calls.start", json!({ "roomId": room, "media": "audio" }))["callId"].clone();
    grace.wait_event(0, "it rings", WITHIN, |event| event["type"] == "call.incoming");
    grace.ask("calls.join", json!({ "callId": call }));
    wait_voice(&at_grace, 1);
    for online in [false, true] {
        ada.ask("net.setOnline", json!({ "online": online }));
    }
    ada.wait_server("online", WITHIN);
    wait_direct(&ada, &grace);
    wait_voice(&at_grace, 1);
    wait_voice(&at_ada, 2);

    // Muted while the link is cut is muted afterwards.
    ada.ask("net.setOnline", json!({ "online": false }));
    ada.ask("calls.setMedia", json!({ "callId": call, "mic": false }));
    ada.ask("net.setOnline", json!({ "online": true }));
    wait_direct(&ada, &grace);
    let mic = |person: &Momo| person.ask("calls.list", json!({}))["calls"][0]["participants"][0]["mic"].clone();
    wait_until("grace sees that ada is muted", WITHIN, || mic(&grace) == json!(false));
    wait_voice(&at_ada, 2);
    wait_silence(&at_grace);
    ada.ask("calls.setMedia", json!({ "callId": call, "mic": true }));
    wait_voice(&at_grace, 1);
}

#[test]
fn readers_take_no_part_in_calls() {
    let (world, [ada, grace, carol]) = World::with_people(["ada", "grace", "carol"]);
    let room = world.room_of(&[&ada, &grace, &carol]);
    let folder = tempfile::tempdir().expect("a folder");
    two([&ada, &grace], folder.path());
    ada.ask("rooms.setRole", json!({ "roomId": room, "userId": carol.user_id(), "role": "reader" }));
    wait_until("carol reads", WITHIN, || carol.room(&room).is_some_and(|room| room["role"] == "reader"));
    let marks = [&grace, &carol].map(Momo::mark);
    let call = ada.ask("calls.start", json!({ "roomId": room, "media": "audio" }))["callId"].clone();
    grace.wait_event(marks[0], "it rings", WITHIN, |event| event["type"] == "call.incoming");
    carol.refused_as("forbidden", "calls.start", json!({ "roomId": room, "media": "audio" }));
    carol.refused_as("not_found", "calls.join", json!({ "callId": call }));
    let rung = |event: &Value| event["type"] == "call.incoming";
    assert_eq!(carol.events_since(marks[1]).into_iter().find(rung), None);
}
