//! Reactions and pins: each person's once, in any order, whoever was away.

use std::time::Duration;

use serde_json::{Value, json};
use support::{Momo, World, wait_direct};

const ARRIVES_WITHIN: Duration = Duration::from_secs(20);

fn react(person: &Momo, room: &str, message: &str, emoji: &str, on: bool) -> Value {
    let params = json!({ "roomId": room, "messageId": message, "emoji": emoji, "on": on });
    person.ask("messages.react", params)["message"]["reactions"].clone()
}

fn pin(person: &Momo, room: &str, message: &str, on: bool) -> Value {
    person.ask("messages.pin", json!({ "roomId": room, "messageId": message, "on": on }))["message"].clone()
}

fn pins(person: &Momo, room: &str) -> Vec<String> {
    let pins = person.ask("messages.pins", json!({ "roomId": room }));
    let pins = pins["messages"].as_array().expect("a list").iter();
    pins.map(|message| message["messageId"].as_str().expect("an id").to_owned()).collect()
}

#[test]
fn reactions_and_pins_show_on_both_sides_and_over_restarts() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    wait_direct(&ada, &grace);
    for (author, other) in [(&ada, &grace), (&grace, &ada)] {
        let message = author.send(&room, &format!("by {}", author.name()));
        other.wait_message(&room, &message, "the message", |_| true);
        let mark = author.mark();
        let once = react(other, &room, &message, "👍", true);
        assert_eq!(once, json!([{ "emoji": "👍", "userIds": [other.user_id()] }]));
        assert_eq!(react(other, &room, &message, "👍", true), once, "a kind stands once for each person");
        let told = author.wait_event(mark, "message.changed", ARRIVES_WITHIN, |event| {
            event["type"] == "message.changed" && event["message"]["reactions"] == once
        });
        assert_eq!(told["message"]["messageId"], message.as_str());
        // The author's own, of the same kind in another spelling and of another.
        react(author, &room, &message, "❤", true);
        react(author, &room, &message, "👍", true);
        let both = json!([
            { "emoji": "👍", "userIds": [other.user_id(), author.user_id()] },
            { "emoji": "❤️", "userIds": [author.user_id()] },
        ]);
        other.wait_message(&room, &message, "both", |message| message["reactions"] == both);
        assert_eq!(pin(other, &room, &message, true)["pinned"], true);
        author.wait_message(&room, &message, "the pin", |message| message["pinned"] == true);
        assert_eq!(author.times_told(&message), 1);
    }
    let before = ada.messages(&room);
    let pinned = pins(&ada, &room);
    assert_eq!(pinned.len(), 2);
    for person in [&ada, &grace] {
        person.kill_and_start_again();
        let as_seen = |messages: Vec<Value>| -> Vec<(Value, Value)> {
            messages.into_iter().map(|message| (message["reactions"].clone(), message["pinned"].clone())).collect()
        };
        assert_eq!(as_seen(person.messages(&room)), as_seen(before.clone()));
        assert_eq!(pins(person, &room), pinned, "by when they were pinned");
    }
    for message in &pinned {
        assert_eq!(react(&ada, &room, message, "👍", false).as_array().map(Vec::len), Some(2));
        pin(&ada, &room, message, false);
        grace.wait_message(&room, message, "no pin", |message| message["pinned"] == false);
    }
    assert_eq!(pins(&grace, &room), Vec::<String>::new());
}

#[test]
fn reactions_made_apart_come_together() {
    let (world, [ada, grace, carol]) = World::with_people(["ada", "grace", "carol"]);
    let people = [&ada, &grace, &carol];
    let room = world.room_of(&people);
    let message = ada.send(&room, "low water at ten");
    for person in people {
        person.wait_message(&room, &message, "the message", |_| true);
    }
    for person in people {
        person.ask("net.setOnline", json!({ "online": false }));
    }
    for person in people {
        for emoji in ["👍", "🎉"] {
            react(person, &room, &message, emoji, true);
        }
    }
    react(&grace, &room, &message, "👍", false);
    react(&carol, &room, &message, "🎉", false);
    react(&carol, &room, &message, "🎉", true);
    pin(&grace, &room, &message, true);
    carol.kill_and_start_again();
    for person in people {
        person.ask("net.setOnline", json!({ "online": true }));
    }
    let expected = json!([
        { "emoji": "👍", "userIds": [ada.user_id(), carol.user_id()] },
        { "emoji": "🎉", "userIds": [ada.user_id(), grace.user_id(), carol.user_id()] },
    ]);
    for person in people {
        let seen = person.wait_message(&room, &message, "what all of them mean", |message| {
            message["reactions"] == expected && message["pinned"] == true
        });
        assert_eq!(seen["text"], "low water at ten");
    }
}

#[test]
fn what_is_not_one_emoji_is_refused() {
    let (world, [ada]) = World::with_people(["ada"]);
    let room = world.room_of(&[&ada]);
    let message = ada.send(&room, "anything");
    let params = |emoji: Value| json!({ "roomId": room, "messageId": message, "emoji": emoji, "on": true });
    let long = "👍".repeat(2_500);
    for emoji in ["", " ", "a", "ok", ":+1:", "👍👍", "👍 ", "a\u{0}b", "\u{202e}👍", "\u{200d}", long.as_str()]
    {
        ada.refused_as("invalid", "messages.react", params(json!(emoji)));
    }
    ada.refused_as("invalid", "messages.react", params(json!(3)));
    let unknown = "cd".repeat(32);
    ada.refused_as(
        "not_found",
        "messages.react",
        json!({ "roomId": room, "messageId": unknown, "emoji": "👍", "on": true }),
    );
    ada.refused_as("not_found", "messages.pin", json!({ "roomId": room, "messageId": unknown, "on": true }));
    ada.refused_as("invalid", "messages.pin", json!({ "roomId": room, "messageId": message }));
    assert_eq!(ada.message(&room, &message)["reactions"], json!([]));
    for emoji in ["👩‍🚀", "🇰🇪", "🫱🏿‍🫲🏻", "1️⃣"] {
        assert_eq!(
            react(&ada, &room, &message, emoji, true)
                .as_array()
                .and_then(|all| all.last().cloned())
                .map(|last| last["emoji"].clone()),
            Some(json!(emoji))
        );
    }
}
