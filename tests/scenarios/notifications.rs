//! What concerns a person, wherever it happened: once, and read as soon as its room is read anywhere.

use std::time::Duration;

use serde_json::{Value, json};
use support::{Momo, PASSWORD, World, wait_until};

const ARRIVES_WITHIN: Duration = Duration::from_secs(20);

fn inbox(person: &Momo) -> Value {
    person.ask("notifications.list", json!({}))
}

fn listed(person: &Momo) -> Vec<Value> {
    inbox(person)["notifications"].as_array().expect("a list").clone()
}

fn unread(person: &Momo) -> u64 {
    inbox(person)["unreadCount"].as_u64().expect("a count")
}

/// Kind and text of each, the newest first.
fn texts(person: &Momo) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    listed(person).iter().map(|each| (text(&each["kind"]), text(&each["body"]))).collect()
}

fn is_new(event: &Value) -> bool {
    event["type"] == "notification.new"
}

/// Waits until somebody is told of a message, and gives what they are told.
fn wait_told(person: &Momo, message: &str) -> Value {
    let about = |event: &Value| is_new(event) && event["notification"]["messageId"] == message;
    person.wait_event(0, "the notification", ARRIVES_WITHIN, about)
}

fn times_notified(person: &Momo, message: &str) -> usize {
    person.events(|event| is_new(event) && event["notification"]["messageId"] == message).len()
}

fn reply(person: &Momo, room: &str, to: &str, text: &str) -> String {
    let sent = person.ask("messages.send", json!({ "roomId": room, "text": text, "replyTo": to }));
    sent["messageId"].as_str().expect("an id").to_owned()
}

fn set_notify(person: &Momo, room: &str, level: &str) {
    person.ask("rooms.setNotify", json!({ "roomId": room, "level": level }));
}

fn direct(from: &Momo, to: &Momo) -> String {
    let made = from.ask("rooms.direct", json!({ "userId": to.user_id() }));
    made["roomId"].as_str().expect("an id").to_owned()
}

fn second_device(world: &World, of: &Momo, name: &str) -> Momo {
    let second = world.stranger(name);
    second.log_in(&world.server.address(), of.name(), PASSWORD);
    second.wait_server("online", ARRIVES_WITHIN);
    second
}

fn said(kind: &str, text: &str) -> (String, String) {
    (kind.to_owned(), text.to_owned())
}

#[test]
fn what_concerns_a_person_is_told_once_and_is_there_after_a_restart() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    let mine = ada.send(&room, "low water at ten");
    grace.wait_message(&room, &mine, "the message", |_| true);
    let plain = grace.send(&room, "noted");
    let mention = grace.send(&room, "@ada: bring the pump");
    let answer = reply(&grace, &room, &mine, "at eleven, I think");
    let alone = direct(&grace, &ada);
    let private = grace.send(&alone, "are you well?");
    for message in [&plain, &mention, &answer, &private] {
        let told = wait_told(&ada, message);
        assert_eq!(told["silent"], false, "{told}");
        assert_eq!(told["notification"]["userId"], grace.user_id());
    }
    assert_eq!(wait_told(&ada, &plain)["notification"]["kind"], "message");
    let expected = vec![
        said("direct", "are you well?"),
        said("room", "grace opened a conversation with you."),
        said("reply", "at eleven, I think"),
        said("mention", "@ada: bring the pump"),
    ];
    assert_eq!(texts(&ada), expected, "a plain message is told and left to its room");
    assert_eq!(unread(&ada), 4);
    assert!(listed(&grace).is_empty(), "nothing of it concerns who wrote it");

    // Neither a new connection nor a restart says it again.
    let mark = ada.mark();
    ada.ask("net.setOnline", json!({ "online": false }));
    ada.ask("net.setOnline", json!({ "online": true }));
    ada.wait_server("online", ARRIVES_WITHIN);
    let last = grace.send(&room, "@ada are you back?");
    wait_told(&ada, &last);
    let since: Vec<Value> = ada.events_since(mark).into_iter().filter(is_new).collect();
    assert_eq!(since.len(), 1, "{since:?}");
    ada.kill_and_start_again();
    ada.wait_server("online", ARRIVES_WITHIN);
    let mut after = expected;
    after.insert(0, said("mention", "@ada are you back?"));
    assert_eq!(texts(&ada), after);
    assert_eq!(unread(&ada), 5);
    let marker = grace.send(&room, "@room the end");
    wait_told(&ada, &marker);
    for message in [&plain, &mention, &answer, &private, &last] {
        assert!(times_notified(&ada, message) <= 1, "told once at most");
    }
    // Page by page it is the same list.
    let mut paged = Vec::new();
    let mut before = Value::Null;
    loop {
        let page = ada.ask(
            "notifications.list",
            match &before {
                Value::Null => json!({ "limit": 2 }),
                before => json!({ "limit": 2, "before": before }),
            },
        );
        paged.extend(page["notifications"].as_array().expect("a list").clone());
        before = page["next"].clone();
        if before.is_null() {
            break;
        }
    }
    assert_eq!(paged, listed(&ada));
}

#[test]
fn c52_reading_a_room_anywhere_reads_what_it_notified() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    let laptop = second_device(&world, &ada, "ada-laptop");
    wait_until("the laptop is in the room", ARRIVES_WITHIN, || laptop.room(&room).is_some());
    let messages: Vec<String> = (0..4).map(|number| grace.send(&room, &format!("@ada: {number}"))).collect();
    for device in [&ada, &laptop] {
        wait_until("all four are unread", ARRIVES_WITHIN, || unread(device) == 4);
    }
    let agree = |device: &Momo, count: u64| {
        let mentions = device.room(&room).expect("the room")["mentionsCount"].as_u64();
        unread(device) == count && mentions == Some(count)
    };
    let mark = ada.mark();
    laptop.ask("messages.markRead", json!({ "roomId": room, "messageId": messages[2] }));
    for device in [&ada, &laptop] {
        wait_until("one is left", ARRIVES_WITHIN, || agree(device, 1));
    }
    let told = ada.wait_event(mark, "what was read elsewhere", ARRIVES_WITHIN, |event| {
        event["type"] == "notification.changed" && event["state"] == "read"
    });
    assert_eq!(told["unreadCount"], 1);
    assert_eq!(told["notificationIds"].as_array().map(Vec::len), Some(3));
    // What is deleted is gone, and lowers the count by no more than itself.
    grace.ask("messages.delete", json!({ "roomId": room, "messageId": messages[0] }));
    grace.ask("messages.delete", json!({ "roomId": room, "messageId": messages[3] }));
    for device in [&ada, &laptop] {
        wait_until("none is left", ARRIVES_WITHIN, || agree(device, 0) && listed(device).len() == 2);
    }
    // Read again, and unread again.
    ada.ask("messages.markRead", json!({ "roomId": room, "messageId": messages[3] }));
    assert_eq!(unread(&ada), 0);
    ada.ask("messages.markUnread", json!({ "roomId": room, "messageId": messages[2] }));
    assert!(agree(&ada, 1));
    ada.kill_and_start_again();
    assert!(agree(&ada, 1));
}

#[test]
fn what_is_put_away_stays_so_and_leaves_its_room_unread() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    let messages: Vec<String> = (0..3).map(|number| grace.send(&room, &format!("@ada: {number}"))).collect();
    wait_until("all three are unread", ARRIVES_WITHIN, || unread(&ada) == 3);
    for _ in 0..2 {
        ada.ask("notifications.markRead", json!({ "notificationId": messages[1] }));
        assert_eq!(unread(&ada), 2, "twice is once");
    }
    ada.kill_and_start_again();
    assert_eq!(unread(&ada), 2);
    let read: Vec<bool> = listed(&ada).iter().map(|each| each["read"] == true).collect();
    assert_eq!(read, [false, true, false]);
    ada.ask("notifications.markRead", json!({}));
    assert_eq!(unread(&ada), 0);
    ada.kill_and_start_again();
    assert_eq!(unread(&ada), 0);
    assert_eq!(ada.room(&room).expect("the room")["unreadCount"], 3, "the room is as unread as before");
    ada.refused_as("not_found", "notifications.markRead", json!({ "notificationId": "ab".repeat(32) }));
    ada.refused_as("not_found", "notifications.markRead", json!({ "notificationId": "nothing" }));
    ada.refused_as("invalid", "notifications.list", json!({ "before": "nothing" }));
    ada.refused_as("invalid", "notifications.list", json!({ "limit": 0 }));
}

#[test]
fn a_person_is_told_as_much_as_they_want() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    let write = |text: &str| {
        let message = grace.send(&room, text);
        ada.wait_message(&room, &message, text, |_| true);
        message
    };
    set_notify(&ada, &room, "mentions");
    let plain = write("plain");
    let mention = write("@ada");
    wait_told(&ada, &mention);
    assert_eq!(times_notified(&ada, &plain), 0);
    set_notify(&ada, &room, "none");
    assert_eq!(unread(&ada), 0, "a muted room has nothing in the inbox");
    let muted = write("@ada @room");
    set_notify(&ada, &room, "all");
    let wanted = write("plain again");
    wait_told(&ada, &wanted);
    assert_eq!(times_notified(&ada, &muted), 0, "what came meanwhile is not told afterwards");
    assert_eq!(unread(&ada), 2, "but it is in the list again");
    // Who is not to be disturbed is told without a sound.
    ada.ask("presence.set", json!({ "status": "dnd" }));
    let quiet = write("@ada, once more");
    assert_eq!(wait_told(&ada, &quiet)["silent"], true);
    assert_eq!(unread(&ada), 3);
}

#[test]
fn a_person_learns_what_others_did_to_their_standing() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    let mention = ada.send(&room, "@grace: welcome");
    wait_told(&grace, &mention);
    ada.ask("rooms.setRole", json!({ "roomId": room, "userId": grace.user_id(), "role": "moderator" }));
    wait_until("the role is told", ARRIVES_WITHIN, || {
        texts(&grace).first() == Some(&said("room", "ada made you a moderator of this room."))
    });
    // While she is away.
    grace.ask("net.setOnline", json!({ "online": false }));
    ada.ask("rooms.remove", json!({ "roomId": room, "userId": grace.user_id() }));
    grace.ask("net.setOnline", json!({ "online": true }));
    wait_until("the room is gone", ARRIVES_WITHIN, || grace.room(&room).is_none());
    for _ in 0..2 {
        let expected = vec![
            said("room", "ada removed you from this room."),
            said("room", "ada made you a moderator of this room."),
        ];
        assert_eq!(texts(&grace), expected, "what was written there is gone with the room");
        assert_eq!(unread(&grace), 2);
        assert_eq!(listed(&grace)[0]["title"], "the workshop");
        grace.kill_and_start_again();
        grace.wait_server("online", ARRIVES_WITHIN);
    }
    // Who goes by themselves needs no telling.
    let other = world.room_of(&[&ada, &grace]);
    grace.ask("rooms.leave", json!({ "roomId": other }));
    assert_eq!(unread(&grace), 2);
    grace.ask("notifications.markRead", json!({}));
    grace.kill_and_start_again();
    assert_eq!(unread(&grace), 0);
}
