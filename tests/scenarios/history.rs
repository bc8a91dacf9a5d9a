//! What was said before somebody came: read back by lists alone, page by page, in one order and without a hole.

use std::time::Duration;

use serde_json::{Value, json};
use support::{Momo, World, invite_and_join, wait_for, wait_until};

/// Many more than a newcomer is given at once, and than one question asks for.
const MESSAGES: usize = 3_000;

/// Requests that are under way at once.
const AT_ONCE: usize = 100;

const ARRIVES_WITHIN: Duration = Duration::from_secs(60);

/// A page of a room before a message, and where it goes on.
fn page(momo: &Momo, room: &str, before: Option<&str>) -> (Vec<Value>, Option<String>) {
    let mut params = json!({ "roomId": room, "limit": 150 });
    if let Some(before) = before {
        params["before"] = json!(before);
    }
    let page = momo.ask("messages.list", params);
    (page["messages"].as_array().cloned().unwrap_or_default(), page["next"].as_str().map(str::to_owned))
}

/// Three people talk in turns, `MESSAGES` times in all.
fn talk(people: [&Momo; 3], room: &str) -> Vec<String> {
    let texts: Vec<String> = (0..MESSAGES).map(|number| format!("message {number:05}")).collect();
    for (turn, part) in texts.chunks(AT_ONCE).enumerate() {
        let speaker = people[turn % people.len()];
        let sends: Vec<_> =
            part.iter().map(|text| speaker.begin("messages.send", json!({ "roomId": room, "text": text }))).collect();
        for send in sends {
            send.wait(ARRIVES_WITHIN).expect("it is stored");
        }
        // The next to speak has heard it, so that there is one order.
        let last = part.last().expect("a part is not empty");
        people[(turn + 1) % people.len()].wait_text_within(last, ARRIVES_WITHIN);
    }
    texts
}

#[test]
fn a_newcomer_pages_back_to_the_first_message() {
    let (world, [ada, grace, linus]) = World::with_people(["ada", "grace", "linus"]);
    let room = world.room_of(&[&ada, &grace, &linus]);
    let texts = talk([&ada, &grace, &linus], &room);
    wait_until("everything is at the relay", ARRIVES_WITHIN, || {
        [&ada, &grace, &linus].iter().all(|person| {
            let (newest, _) = page(person, &room, None);
            newest.len() == 150 && newest.iter().all(|message| message["state"] != "stored")
        })
    });

    let barbara = world.person("barbara");
    invite_and_join(&ada, &barbara, &room);
    let (mut held, mut next) = wait_for("the newest messages", ARRIVES_WITHIN, || {
        let (newest, next) = page(&barbara, &room, None);
        let is_last = newest.last().is_some_and(|message| message["text"] == texts[MESSAGES - 1].as_str());
        is_last.then_some((newest, next))
    });
    let mut pages = 1;
    while let Some(before) = next {
        let (older, further) = page(&barbara, &room, Some(&before));
        assert!(!older.is_empty(), "page {pages} is empty, and says that there is more");
        held.splice(0..0, older);
        next = further;
        pages += 1;
        assert!(pages <= MESSAGES, "it never ends");
    }
    let read: Vec<&str> = held.iter().map(|message| message["text"].as_str().unwrap_or_default()).collect();
    assert_eq!(read, texts, "every message once, in the order in which they were said");
}

#[test]
fn a_room_whose_beginning_is_elsewhere_says_that_there_is_more() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada]);
    for part in 0..10 {
        let sends: Vec<_> = (0..AT_ONCE)
            .map(|number| {
                ada.begin("messages.send", json!({ "roomId": room, "text": format!("message {part} {number}") }))
            })
            .collect();
        for send in sends {
            send.wait(ARRIVES_WITHIN).expect("it is stored");
        }
    }
    invite_and_join(&ada, &grace, &room);
    grace.wait_text_within("message 9 99", ARRIVES_WITHIN);
    // Wherever she is when the line goes, no page ends the room before its first message.
    grace.ask("net.setOnline", json!({ "online": false }));
    let (mut oldest, mut next) = (None, None);
    loop {
        let (older, further) = page(&grace, &room, next.as_deref());
        let stuck = older.is_empty();
        oldest = older.first().cloned().or(oldest);
        next = further;
        if stuck || next.is_none() {
            break;
        }
    }
    let has_all = oldest.is_some_and(|message| message["text"] == "message 0 0");
    assert_eq!(next.is_none(), has_all, "the end is where the first message is");
    grace.ask("net.setOnline", json!({ "online": true }));
    wait_for("the room's beginning", ARRIVES_WITHIN, || {
        let mut next = None;
        loop {
            let (older, further) = page(&grace, &room, next.as_deref());
            match further {
                Some(further) if !older.is_empty() => next = Some(further),
                Some(_) => return None,
                None => return (older.first()?["text"] == "message 0 0").then_some(()),
            }
        }
    });
}
