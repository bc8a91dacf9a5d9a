//! What is unread, who is meant, how far a message got, and what somebody began to write.

use std::time::Duration;

use serde_json::{Value, json};
use support::{Momo, PASSWORD, World, wait_direct, wait_until};

const ARRIVES_WITHIN: Duration = Duration::from_secs(20);

fn counts(person: &Momo, room: &str) -> (u64, u64) {
    let room = person.room(room).expect("it is in the room");
    let count = |name: &str| room[name].as_u64().expect("a count");
    (count("unreadCount"), count("mentionsCount"))
}

fn wait_counts(person: &Momo, room: &str, expected: (u64, u64)) {
    let what = format!("{} has {expected:?} to read", person.name());
    wait_until(&what, ARRIVES_WITHIN, || counts(person, room) == expected);
}

fn mark_read(person: &Momo, room: &str, message: &str) {
    person.ask("messages.markRead", json!({ "roomId": room, "messageId": message }));
}

#[test]
fn c52_counts_leave_out_what_was_deleted_and_agree_on_all_devices() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    let laptop = world.stranger("ada-laptop");
    laptop.log_in(&world.server.address(), "ada", PASSWORD);
    laptop.wait_server("online", ARRIVES_WITHIN);
    wait_until("the laptop is in the room", ARRIVES_WITHIN, || laptop.room(&room).is_some());
    let messages: Vec<String> = (0..10).map(|number| grace.send(&room, &format!("@ada: {number}"))).collect();
    for message in &messages[..3] {
        grace.ask("messages.delete", json!({ "roomId": room, "messageId": message }));
    }
    for message in &messages[3..5] {
        grace.ask("messages.edit", json!({ "roomId": room, "messageId": message, "text": "never mind" }));
    }
    laptop.send(&room, "my own");
    for device in [&ada, &laptop] {
        wait_counts(device, &room, (7, 5));
    }
    ada.kill_and_start_again();
    wait_counts(&ada, &room, (7, 5));
    // Reading in the middle, here; then to the end, there.
    mark_read(&ada, &room, &messages[7]);
    assert_eq!(counts(&ada, &room), (2, 2));
    wait_counts(&laptop, &room, (2, 2));
    mark_read(&laptop, &room, &messages[9]);
    for device in [&ada, &laptop] {
        wait_counts(device, &room, (0, 0));
        mark_read(device, &room, &messages[4]);
        assert_eq!(counts(device, &room), (0, 0), "an older mark never raises the count");
    }
    // What is edited or deleted behind the mark raises and lowers nothing.
    grace.ask("messages.edit", json!({ "roomId": room, "messageId": messages[9], "text": "@ada once more" }));
    grace.ask("messages.delete", json!({ "roomId": room, "messageId": messages[8] }));
    let last = grace.send(&room, "@room: the end");
    for device in [&ada, &laptop] {
        device.wait_message(&room, &last, "the last", |_| true);
        wait_counts(device, &room, (1, 1));
        device.kill_and_start_again();
        wait_counts(device, &room, (1, 1));
    }
}

#[test]
fn who_is_meant_is_settled_when_it_is_written() {
    let (world, [ada, grace, carol]) = World::with_people(["ada", "grace", "carol"]);
    let room = world.room_of(&[&ada, &grace]);
    let sent = |text: &str| grace.message(&room, &grace.send(&room, text));
    assert_eq!(sent("Where is @Ada?")["mentions"], json!([ada.user_id()]));
    let both = sent("@ada, @grace!");
    let named: Vec<&str> = both["mentions"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert_eq!(named.len(), 2);
    assert_eq!(sent("@room, listen")["mentionsRoom"], true);
    assert_eq!(sent("@carol is not here")["mentions"], json!([]), "only members are meant: {}", carol.user_id());
    assert_eq!(sent("as in `@ada`")["mentions"], json!([]));
    let everybody = sent("```\n@room\n```");
    assert_eq!((everybody["mentions"].clone(), everybody["mentionsRoom"].clone()), (json!([]), json!(false)));
    wait_counts(&ada, &room, (6, 3));
    let name = json!({ "displayName": "Somebody Else" });
    ada.ask("account.setProfile", name);
    assert_eq!(grace.messages(&room)[0]["mentions"], json!([ada.user_id()]));
}

#[test]
fn receipts_say_how_far_a_message_got_with_each() {
    let (world, [ada, grace, carol]) = World::with_people(["ada", "grace", "carol"]);
    let room = world.room_of(&[&ada, &grace, &carol]);
    wait_direct(&ada, &grace);
    carol.ask("net.setOnline", json!({ "online": false }));
    let message = ada.send(&room, "how far?");
    let receipts = |person: &Momo| {
        let all = person.ask("messages.receipts", json!({ "roomId": room, "messageId": message }))["receipts"].clone();
        let mut all: Vec<(String, String)> = all
            .as_array()
            .expect("a list")
            .iter()
            .map(|receipt| {
                let text = |name: &str| receipt[name].as_str().expect("a text").to_owned();
                (text("userId"), text("state"))
            })
            .collect();
        all.sort();
        all
    };
    let of = |person: &Momo, state: &str| (person.user_id().to_owned(), state.to_owned());
    let wait = |person: &Momo, mut expected: Vec<(String, String)>| {
        expected.sort();
        wait_until(&format!("{} sees {expected:?}", person.name()), ARRIVES_WITHIN, || receipts(person) == expected);
    };
    wait(&ada, vec![of(&grace, "delivered")]);
    mark_read(&grace, &room, &message);
    wait(&ada, vec![of(&grace, "read")]);
    carol.ask("net.setOnline", json!({ "online": true }));
    wait(&ada, vec![of(&grace, "read"), of(&carol, "delivered")]);
    mark_read(&carol, &room, &message);
    wait(&ada, vec![of(&grace, "read"), of(&carol, "read")]);
    wait(&grace, vec![of(&carol, "read")]);
    ada.kill_and_start_again();
    wait(&ada, vec![of(&grace, "read"), of(&carol, "read")]);
    // To want to read it again is Grace's own business.
    grace.ask("messages.markUnread", json!({ "roomId": room, "messageId": message }));
    assert_eq!(counts(&grace, &room), (1, 0));
    assert!(grace.room(&room).expect("a room").get("readUpTo").is_none());
    grace.kill_and_start_again();
    assert_eq!(counts(&grace, &room), (1, 0), "it is kept");
    let more = ada.send(&room, "more");
    grace.wait_message(&room, &more, "more", |_| true);
    assert_eq!(counts(&grace, &room), (2, 0));
    assert_eq!(receipts(&ada), {
        let mut all = vec![of(&grace, "read"), of(&carol, "read")];
        all.sort();
        all
    });
    mark_read(&grace, &room, &more);
    assert_eq!(counts(&grace, &room), (0, 0));
}

#[test]
fn a_draft_survives_a_kill() {
    let (world, [ada]) = World::with_people(["ada"]);
    let room = world.room_of(&[&ada]);
    let message = ada.send(&room, "to be answered");
    let draft = |text: &str| json!({ "roomId": room, "text": text, "replyTo": message });
    ada.ask("drafts.set", draft("half a sen"));
    ada.ask("drafts.set", draft("half a sentence"));
    ada.kill_and_start_again();
    let drafts = ada.ask("drafts.list", json!({}))["drafts"].clone();
    assert_eq!(drafts[0]["text"], "half a sentence");
    assert_eq!((&drafts[0]["roomId"], &drafts[0]["replyTo"]), (&json!(room), &json!(message)));
    assert!(drafts[0]["changedAt"].is_u64());
    assert_eq!(ada.room(&room).expect("a room")["draft"], "half a sentence");
    ada.refused_as("invalid", "drafts.set", json!({ "roomId": room, "text": "x".repeat(32 * 1024 + 1) }));
    ada.refused_as("not_found", "drafts.set", json!({ "roomId": "ab".repeat(32), "text": "x" }));
    ada.refused_as("not_found", "drafts.set", json!({ "roomId": room, "text": "x", "replyTo": "ab".repeat(32) }));
    assert_eq!(ada.ask("drafts.list", json!({}))["drafts"], drafts, "what was refused changed nothing");
    ada.ask("drafts.set", json!({ "roomId": room, "text": "" }));
    ada.kill_and_start_again();
    assert_eq!(ada.ask("drafts.list", json!({}))["drafts"], json!([]));
    assert!(ada.room(&room).expect("a room").get("draft").is_none());
}

#[test]
fn what_somebody_wants_of_a_room_is_kept_and_changes_no_count() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    let wants = |person: &Momo| {
        let room = person.room(&room).expect("a room");
        (room["notify"].clone(), room["favourite"].clone())
    };
    assert_eq!(wants(&ada), (json!("all"), json!(false)));
    grace.send(&room, "@ada, look");
    wait_counts(&ada, &room, (1, 1));
    let mark = ada.mark();
    ada.ask("rooms.setNotify", json!({ "roomId": room, "level": "none" }));
    ada.wait_event(mark, "room.changed", ARRIVES_WITHIN, |event| {
        event["type"] == "room.changed" && event["room"]["notify"] == "none"
    });
    ada.ask("rooms.setFavourite", json!({ "roomId": room, "on": true }));
    ada.kill_and_start_again();
    assert_eq!(wants(&ada), (json!("none"), json!(true)));
    assert_eq!(counts(&ada, &room), (1, 1), "a muted room is counted all the same");
    assert_eq!(wants(&grace), (json!("all"), json!(false)), "it is nobody else's business");
    ada.refused_as("invalid", "rooms.setNotify", json!({ "roomId": room, "level": "some" }));
    ada.refused_as("invalid", "rooms.setFavourite", json!({ "roomId": room }));
    ada.refused_as("not_found", "rooms.setNotify", json!({ "roomId": "ab".repeat(32), "level": "all" }));
    assert_eq!(wants(&ada), (json!("none"), json!(true)));
}
