//! Messages that are given another text, and messages that are taken away for everybody.

use std::time::Duration;

use serde_json::{Value, json};
use support::{Momo, PASSWORD, World, is_in_folder, wait_direct, wait_until};

const ARRIVES_WITHIN: Duration = Duration::from_secs(20);

fn edit(person: &Momo, room: &str, message: &str, text: &str) -> Value {
    person.ask("messages.edit", json!({ "roomId": room, "messageId": message, "text": text }))["message"].clone()
}

fn delete(person: &Momo, room: &str, message: &str) -> Value {
    person.ask("messages.delete", json!({ "roomId": room, "messageId": message }))["message"].clone()
}

fn is_mark(message: &Value) -> bool {
    message["deletedAt"].is_u64()
        && message["text"] == ""
        && message["reactions"] == json!([])
        && message["mentions"] == json!([])
        && message["pinned"] == false
}

/// Another device of the same person's.
fn second_device(world: &World, of: &Momo, name: &str) -> Momo {
    let second = world.stranger(name);
    second.log_in(&world.server.address(), of.name(), PASSWORD);
    second.wait_server("online", ARRIVES_WITHIN);
    second
}

fn set_online(person: &Momo, online: bool) {
    person.ask("net.setOnline", json!({ "online": online }));
    if online {
        person.wait_server("online", ARRIVES_WITHIN);
    }
}

#[test]
fn an_edit_shows_on_both_sides_and_over_restarts() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    wait_direct(&ada, &grace);
    for (author, other) in [(&ada, &grace), (&grace, &ada)] {
        let message = author.send(&room, &format!("{}: low water at ten", author.name()));
        other.wait_message(&room, &message, "the message", |_| true);
        let mark = other.mark();
        let text = format!("{}: low water at eleven", author.name());
        let edited = edit(author, &room, &message, &text);
        assert_eq!(edited["text"], text);
        assert!(edited["editedAt"].as_u64() >= edited["sentAt"].as_u64(), "{edited}");
        let told = other.wait_event(mark, "message.changed", ARRIVES_WITHIN, |event| {
            event["type"] == "message.changed" && event["message"]["text"] == text
        });
        assert_eq!(told["message"]["editedAt"], edited["editedAt"]);
        assert_eq!(other.times_told(&message), 1, "an edit is no new message");
        assert_eq!(
            edit(author, &room, &message, &text),
            author.message(&room, &message),
            "the same text again is none"
        );
    }
    let before = ada.texts(&room);
    for person in [&ada, &grace] {
        person.kill_and_start_again();
        assert_eq!(person.texts(&room), before);
        assert!(person.messages(&room).iter().all(|message| message["editedAt"].is_u64()));
    }
}

#[test]
fn edits_of_two_devices_that_did_not_see_each_other_come_to_one_text() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    let laptop = second_device(&world, &ada, "ada-laptop");
    wait_until("the laptop is in the room", ARRIVES_WITHIN, || laptop.room(&room).is_some());
    let message = ada.send(&room, "first");
    for person in [&laptop, &grace] {
        person.wait_message(&room, &message, "the message", |_| true);
    }
    for device in [&ada, &laptop] {
        set_online(device, false);
    }
    for number in 0..3 {
        edit(&ada, &room, &message, &format!("ada {number}"));
        edit(&laptop, &room, &message, &format!("laptop {number}"));
    }
    // Who was killed in between has lost nothing.
    laptop.kill_and_start_again();
    for device in [&ada, &laptop] {
        set_online(device, true);
    }
    // The two wrote within the same moment by their clocks, which is why it may be either's last: but one's for all.
    let people = [&ada, &laptop, &grace];
    let shown = || people.map(|person| person.message(&room, &message)["text"].clone());
    wait_until("all show one of the last edits", ARRIVES_WITHIN, || {
        shown().windows(2).all(|pair| pair[0] == pair[1]) && (shown()[0] == "ada 2" || shown()[0] == "laptop 2")
    });
    let agreed = shown();
    for person in people {
        person.kill_and_start_again();
        person.wait_server("online", ARRIVES_WITHIN);
        assert_eq!(person.messages(&room).len(), 1);
    }
    assert_eq!(shown(), agreed, "and it stays");
    // Whoever lost writes over what won, having seen it.
    for (device, text) in [(&ada, "ada at last"), (&laptop, "laptop at last")] {
        edit(device, &room, &message, text);
        for person in people {
            person.wait_message(&room, &message, text, |message| message["text"] == text);
        }
    }
}

#[test]
fn c36_a_deleted_message_leaves_a_mark_and_no_trace() {
    let (mut world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    wait_direct(&ada, &grace);
    let message = ada.send(&room, "the first secret");
    grace.wait_message(&room, &message, "the message", |_| true);
    edit(&ada, &room, &message, "the second secret @grace");
    grace.wait_message(&room, &message, "the edit", |message| message["text"] == "the second secret @grace");
    let about = json!({ "roomId": room, "messageId": message });
    let with = |more: Value| {
        let mut params = about.clone();
        params.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        params
    };
    grace.ask("messages.react", with(json!({ "emoji": "👍", "on": true })));
    grace.ask("messages.pin", with(json!({ "on": true })));
    let reply = grace.ask("messages.send", json!({ "roomId": room, "text": "a reply", "replyTo": message }));
    ada.wait_text("a reply");
    ada.wait_message(&room, &message, "the pin", |message| message["pinned"] == true);

    // Grace is away meanwhile, and says more of it.
    set_online(&grace, false);
    grace.ask("messages.react", with(json!({ "emoji": "🎉", "on": true })));
    let gone = delete(&ada, &room, &message);
    assert!(is_mark(&gone), "{gone}");
    assert_eq!(gone["deletedBy"], ada.user_id());
    grace.ask("messages.pin", with(json!({ "on": false })));
    grace.ask("messages.pin", with(json!({ "on": true })));
    let mark = grace.mark();
    set_online(&grace, true);
    let told = grace.wait_event(mark, "the deletion", ARRIVES_WITHIN, |event| {
        event["type"] == "message.changed" && event["message"]["messageId"] == message.as_str()
    });
    assert!(is_mark(&told["message"]), "{told}");
    // What Grace said meanwhile is with Ada by now, or later: it changes nothing.
    let after = grace.send(&room, "and on");
    ada.wait_message(&room, &after, "what Grace sent afterwards", |_| true);

    let check = |person: &Momo| {
        let seen = person.message(&room, &message);
        assert!(is_mark(&seen), "{}: {seen}", person.name());
        assert_eq!(person.messages(&room).len(), 3);
        assert_eq!(person.message(&room, reply["messageId"].as_str().expect("an id"))["replyTo"], message.as_str());
        assert_eq!(person.ask("messages.pins", json!({ "roomId": room }))["messages"], json!([]));
        let quiet = person.mark();
        person.refused_as("conflict", "messages.react", with(json!({ "emoji": "👍", "on": true })));
        person.refused_as("conflict", "messages.pin", with(json!({ "on": true })));
        if person.name() == "ada" {
            person.refused_as("conflict", "messages.edit", with(json!({ "text": "anew" })));
            assert!(is_mark(&person.ask("messages.delete", about.clone())["message"]), "once more is nothing");
        } else {
            person.refused_as("forbidden", "messages.edit", with(json!({ "text": "anew" })));
            person.refused_as("forbidden", "messages.delete", about.clone());
        }
        let told = person.events_since(quiet);
        // Of another message it may be told meanwhile how far it got.
        let changes = |event: &Value| event["type"] == "message.changed" && event["message"]["messageId"] == *message;
        assert!(!told.iter().any(changes), "{told:?}");
        let room = person.room(&room).expect("it is in the room");
        assert!(!room.to_string().contains("secret"), "no preview has it: {room}");
    };
    check(&ada);
    check(&grace);

    // The text is in nobody's store any more once the stores were opened anew.
    for person in [&ada, &grace] {
        person.close();
        person.start_again();
        check(person);
    }
    world.server.stop();
    world.server.start_again();
    for (name, folder) in [("ada", ada.data()), ("grace", grace.data()), ("the server", world.server.data())] {
        for secret in ["the first secret", "the second secret"] {
            assert!(!is_in_folder(folder, secret.as_bytes()), "{name} holds {secret:?}");
        }
        assert!(is_in_folder(folder, b"a reply"), "{name} holds the rest, or this shows nothing");
    }
    for person in [&ada, &grace] {
        person.wait_server("online", ARRIVES_WITHIN);
    }
    let carol = world.person("carol");
    support::invite_and_join(&ada, &carol, &room);
    let seen = carol.wait_message(&room, &message, "the mark", |_| true);
    assert!(is_mark(&seen), "a newcomer gets the header alone: {seen}");
    assert!(!is_in_folder(carol.data(), b"secret"));
}

#[test]
fn who_was_away_never_gets_what_was_deleted_meanwhile() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    for (author, other) in [(&ada, &grace), (&grace, &ada)] {
        set_online(other, false);
        let secret = format!("a secret of {}", author.name());
        let message = author.send(&room, &secret);
        author.wait_state(&room, &message, "relayed");
        delete(author, &room, &message);
        let last = author.send(&room, &format!("{} goes on", author.name()));
        author.wait_state(&room, &last, "relayed");
        set_online(other, true);
        other.wait_message(&room, &last, "what came after", |_| true);
        let seen = other.wait_message(&room, &message, "the mark", is_mark);
        assert_eq!(seen["deletedBy"], author.user_id());
        assert!(!is_in_folder(other.data(), secret.as_bytes()));
        assert_eq!(other.room(&room).expect("a room")["unreadCount"].as_u64(), Some(1));
        let told = other.events(|event| event["message"]["text"] == secret.as_str());
        assert_eq!(told, Vec::<Value>::new());
    }
}

#[test]
fn a_deletion_made_while_the_server_is_away_reaches_it_later() {
    let (mut world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    wait_direct(&ada, &grace);
    let message = ada.send(&room, "a secret that the server has");
    ada.wait_state(&room, &message, "delivered");
    world.server.kill();
    let other = grace.send(&room, "a secret that the server never had");
    ada.wait_message(&room, &other, "the message", |_| true);
    for (person, message) in [(&ada, &message), (&grace, &other)] {
        delete(person, &room, message);
    }
    for person in [&ada, &grace] {
        for message in [&message, &other] {
            person.wait_message(&room, message, "the mark", is_mark);
        }
    }
    world.server.start_again();
    for person in [&ada, &grace] {
        person.wait_server("online", ARRIVES_WITHIN);
    }
    let last = ada.send(&room, "in step");
    ada.wait_state(&room, &last, "relayed");
    let last = grace.send(&room, "in step too");
    grace.wait_state(&room, &last, "relayed");
    // The relay drops bodies as soon as it has the deletions, and its next start leaves nothing in old files. Until then a
    // start may come too early, so there may be a second.
    wait_until("the server's store is clean", Duration::from_secs(60), || {
        world.server.stop();
        world.server.start_again();
        !is_in_folder(world.server.data(), b"a secret that")
    });
}

#[test]
fn only_moderators_delete_what_others_wrote_and_nobody_edits_it() {
    let (world, [ada, grace, carol]) = World::with_people(["ada", "grace", "carol"]);
    let room = world.room_of(&[&ada, &grace, &carol]);
    let set_role = |person: &Momo, role: &str| {
        ada.ask("rooms.setRole", json!({ "roomId": room, "userId": person.user_id(), "role": role }));
        let what = format!("{} is a {role}", person.name());
        wait_until(&what, ARRIVES_WITHIN, || person.room(&room).is_some_and(|room| room["role"] == role));
    };
    let of_carol = carol.send(&room, "by carol");
    let of_ada = ada.send(&room, "by ada");
    for message in [&of_carol, &of_ada] {
        for person in [&ada, &grace, &carol] {
            person.wait_message(&room, message, "both", |_| true);
        }
    }
    let params = |message: &str, more: Value| {
        let mut params = json!({ "roomId": room, "messageId": message });
        params.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        params
    };
    // A reader does none of it, not even to what they wrote as a member.
    set_role(&carol, "reader");
    carol.refused_as("forbidden", "messages.edit", params(&of_carol, json!({ "text": "else" })));
    carol.refused_as("forbidden", "messages.delete", params(&of_carol, json!({})));
    carol.refused_as("forbidden", "messages.react", params(&of_ada, json!({ "emoji": "👍", "on": true })));
    carol.refused_as("forbidden", "messages.pin", params(&of_ada, json!({ "on": true })));
    // A member does all of it to what is theirs, and reacts to and pins what is not.
    grace.refused_as("forbidden", "messages.edit", params(&of_carol, json!({ "text": "else" })));
    grace.refused_as("forbidden", "messages.delete", params(&of_carol, json!({})));
    grace.ask("messages.react", params(&of_carol, json!({ "emoji": "👍", "on": true })));
    grace.ask("messages.pin", params(&of_carol, json!({ "on": true })));
    // A moderator and an owner take anybody's away, and put words in nobody's mouth.
    set_role(&grace, "moderator");
    for person in [&grace, &ada] {
        person.refused_as("forbidden", "messages.edit", params(&of_carol, json!({ "text": "else" })));
    }
    let gone = delete(&grace, &room, &of_ada);
    assert_eq!(gone["deletedBy"], grace.user_id());
    delete(&ada, &room, &of_carol);
    for person in [&ada, &grace, &carol] {
        for message in [&of_carol, &of_ada] {
            person.wait_message(&room, message, "two marks", is_mark);
        }
    }
    // In a conversation of two, both are owners, and each one's words are their own.
    let direct = ada.ask("rooms.direct", json!({ "userId": grace.user_id() }))["roomId"].clone();
    let direct = direct.as_str().expect("an id");
    let message = ada.send(direct, "between us");
    grace.wait_message(direct, &message, "it", |_| true);
    grace.refused_as("forbidden", "messages.delete", json!({ "roomId": direct, "messageId": message }));
    delete(&ada, direct, &message);
    grace.wait_message(direct, &message, "the mark", is_mark);
}

#[test]
fn bad_edits_are_refused_and_change_nothing() {
    let (world, [ada]) = World::with_people(["ada"]);
    let room = world.room_of(&[&ada]);
    let message = ada.send(&room, "as it was");
    ada.wait_state(&room, &message, "relayed");
    let before = ada.message(&room, &message);
    let params = |text: Value| json!({ "roomId": room, "messageId": message, "text": text });
    for text in [json!(""), json!("  \n"), json!("a\u{0}b"), json!("x".repeat(32 * 1024 + 1)), json!(7)] {
        ada.refused_as("invalid", "messages.edit", params(text));
    }
    ada.refused_as("invalid", "messages.edit", json!({ "roomId": room, "messageId": message }));
    let unknown = "ab".repeat(32);
    for method in ["messages.delete", "messages.receipts", "messages.markUnread"] {
        ada.refused_as("not_found", method, json!({ "roomId": room, "messageId": unknown }));
        ada.refused_as("not_found", method, json!({ "roomId": unknown, "messageId": message }));
        ada.refused_as("invalid", method, json!({ "roomId": room, "messageId": "no id" }));
        ada.refused_as("invalid", method, json!({ "roomId": room, "messageId": message, "more": 1 }));
    }
    ada.refused_as("not_found", "messages.edit", json!({ "roomId": room, "messageId": unknown, "text": "x" }));
    ada.refused_as("not_found", "messages.send", json!({ "roomId": room, "text": "x", "replyTo": unknown }));
    assert_eq!(ada.message(&room, &message), before);
}
