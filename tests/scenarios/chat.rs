//! Two people talk: the path that everything else widens.

use std::time::{Duration, Instant};

use serde_json::json;
use support::{Proxy, World, invite_and_join, wait_direct, wait_until};

const ARRIVES_WITHIN: Duration = Duration::from_secs(20);

#[test]
fn two_people_chat_both_ways_over_a_direct_link() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    wait_direct(&ada, &grace);

    let hello = ada.send(&room, "hello");
    let heard = grace.wait_text("hello");
    assert_eq!(heard["messageId"], hello);
    assert_eq!(heard["author"], ada.user_id());
    assert_eq!(heard["roomId"], room);
    let reply = grace.ask("messages.send", json!({ "roomId": room, "text": "hello yourself", "replyTo": hello }));
    assert_eq!(reply["state"], "stored", "an answer promises this disk and no more");
    assert_eq!(ada.wait_text("hello yourself")["replyTo"], hello);

    ada.wait_state(&room, &hello, "delivered");
    let expected = ["hello".to_owned(), "hello yourself".to_owned()];
    assert_eq!(ada.texts(&room), expected);
    assert_eq!(grace.texts(&room), expected);
    for person in [&ada, &grace] {
        for message in [hello.as_str(), reply["messageId"].as_str().expect("an id")] {
            assert_eq!(person.times_told(message), 1, "{} is told of each message once", person.name());
        }
        person.check_output();
    }
}

#[test]
fn what_was_answered_survives_the_kill_of_either_side() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    wait_direct(&ada, &grace);
    let mut expected = Vec::new();
    for round in 0..5 {
        for person in [&ada, &grace] {
            let text = format!("{} {round}", person.name());
            person.send(&room, &text);
            // Both sides have each text before the next, so that one order is right.
            ada.wait_text(&text);
            grace.wait_text(&text);
            expected.push(text);
        }
        // Straight after the answer: nothing but the disk can hold it.
        let last_words = format!("last words {round}");
        grace.send(&room, &last_words);
        grace.kill_and_start_again();
        expected.push(last_words.clone());
        grace.wait_texts(&room, &expected, Duration::from_secs(5));
        ada.wait_text(&last_words);
    }
    ada.kill_and_start_again();
    for person in [&ada, &grace] {
        assert_eq!(
            person.ask("account.whoami", json!({}))["account"]["handle"],
            person.name(),
            "it is signed in already"
        );
        person.wait_texts(&room, &expected, ARRIVES_WITHIN);
        for message in person.messages(&room) {
            let id = message["messageId"].as_str().expect("an id");
            let told = person.times_told(id);
            // Between the answer and the event she was killed, so of her last words grace may not have been told.
            let died_first =
                person.name() == "grace" && message["text"].as_str().is_some_and(|text| text.starts_with("last"));
            assert!(
                told == 1 || died_first && told == 0,
                "{} is told {told} times of {}",
                person.name(),
                message["text"]
            );
        }
    }
    wait_direct(&ada, &grace);
}

#[test]
fn three_people_see_one_conversation_in_one_order() {
    let (world, [ada, grace, carol]) = World::with_people(["ada", "grace", "carol"]);
    let people = [&ada, &grace, &carol];
    let room = world.room_of(&people);
    for (one, other) in [(&ada, &grace), (&ada, &carol), (&grace, &carol)] {
        wait_direct(one, other);
    }
    // All at once: the order is then the product's to choose, and must be the same everywhere.
    for round in 0..10 {
        let pending = people.map(|person| {
            person.begin("messages.send", json!({ "roomId": room, "text": format!("{} {round}", person.name()) }))
        });
        for sent in pending {
            sent.wait(ARRIVES_WITHIN).expect("a send is answered from this disk");
        }
    }
    for person in people {
        let what = format!("{} has all thirty", person.name());
        wait_until(&what, ARRIVES_WITHIN, || person.messages(&room).len() == 30);
    }
    let order = ada.texts(&room);
    assert_eq!(grace.texts(&room), order);
    assert_eq!(carol.texts(&room), order);
    for person in people {
        let own: Vec<&String> = order.iter().filter(|text| text.starts_with(person.name())).collect();
        let expected: Vec<String> = (0..10).map(|round| format!("{} {round}", person.name())).collect();
        assert!(own.iter().copied().eq(&expected), "one person's messages stay in their order: {own:?}");
    }
}

#[test]
fn sends_that_do_not_wait_for_each_other_keep_their_order() {
    let (world, [ada]) = World::with_people(["ada"]);
    let room = world.room_of(&[&ada]);
    let expected: Vec<String> = (0..100).map(|number| format!("line {number}")).collect();
    let pending: Vec<_> =
        expected.iter().map(|text| ada.begin("messages.send", json!({ "roomId": room, "text": text }))).collect();
    for sent in pending {
        sent.wait(ARRIVES_WITHIN).expect("a send is answered from this disk");
    }
    assert_eq!(ada.texts(&room), expected);
}

#[test]
fn a_slow_request_does_not_hold_back_others() {
    let world = World::new();
    let mute = Proxy::start(world.server.port());
    mute.silence();
    let ada = world.stranger("ada");
    let slow = ada
        .begin("account.register", json!({ "server": mute.address(), "handle": "ada", "password": support::PASSWORD }));
    let begun = Instant::now();
    for _ in 0..20 {
        ada.ask("account.whoami", json!({}));
    }
    assert!(begun.elapsed() < Duration::from_secs(2), "twenty answers took {:?}", begun.elapsed());
    let refusal = slow.wait(Duration::from_secs(20)).expect_err("nobody answers there");
    assert_eq!(refusal.kind, "offline", "{refusal:?}");
}

#[test]
fn a_conversation_is_read_in_pages_without_gap_or_repetition() {
    let (world, [ada]) = World::with_people(["ada"]);
    let room = world.room_of(&[&ada]);
    let ids: Vec<String> = (0..25).map(|number| ada.send(&room, &format!("line {number}"))).collect();

    let mut pages = Vec::new();
    let mut before: Option<String> = None;
    loop {
        let mut params = json!({ "roomId": room, "limit": 10 });
        if let Some(before) = &before {
            params["before"] = json!(before);
        }
        let page = ada.ask("messages.list", params);
        let found: Vec<String> = page["messages"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|message| message["messageId"].as_str().expect("an id").to_owned())
            .collect();
        pages.push(found);
        match page.get("next").and_then(|next| next.as_str()) {
            Some(next) => before = Some(next.to_owned()),
            None => break,
        }
        assert!(pages.len() < 10, "the pages have no end");
    }
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 5]);
    pages.reverse();
    assert_eq!(pages.concat(), ids);

    let after = ada.ask("messages.list", json!({ "roomId": room, "after": ids[19], "limit": 10 }));
    let after: Vec<&str> = after["messages"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|message| message["messageId"].as_str())
        .collect();
    assert_eq!(after, &ids[20..]);
    for limit in [json!(0), json!(10_001), json!(-1), json!("10")] {
        ada.refused_as("invalid", "messages.list", json!({ "roomId": room, "limit": limit }));
    }
}

#[test]
fn reading_clears_the_unread_count_and_tells_the_author() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    let first = ada.send(&room, "one");
    let second = ada.send(&room, "two");
    grace.wait_text("two");
    grace.send(&room, "my own does not count");
    let unread = |expected: u32| grace.room(&room).expect("grace has the room")["unreadCount"] == expected;
    wait_until("two are unread", ARRIVES_WITHIN, || unread(2));

    grace.ask("messages.markRead", json!({ "roomId": room, "messageId": second }));
    wait_until("nothing is unread", ARRIVES_WITHIN, || unread(0));
    ada.wait_state(&room, &second, "read");
    ada.wait_state(&room, &first, "read");
    grace.ask("messages.markRead", json!({ "roomId": room, "messageId": first }));
    assert!(unread(0), "an older mark raises nothing");
    grace.kill_and_start_again();
    wait_until("nothing is unread after a restart", ARRIVES_WITHIN, || unread(0));
}

#[test]
fn states_never_go_back() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    let ids: Vec<String> = (0..20).map(|number| ada.send(&room, &format!("line {number}"))).collect();
    grace.wait_text("line 19");
    grace.ask("messages.markRead", json!({ "roomId": room, "messageId": ids[19] }));
    for id in &ids {
        ada.wait_state(&room, id, "read");
        let told = ada.events(|event| event["message"]["messageId"] == id.as_str());
        let ranks: Vec<usize> = told
            .iter()
            .map(|event| {
                let state = event["message"]["state"].as_str().expect("a state");
                ["stored", "relayed", "delivered", "read"]
                    .iter()
                    .position(|known| *known == state)
                    .expect("a known state")
            })
            .collect();
        assert!(ranks.is_sorted(), "the states of one message went back: {told:?}");
    }
}

#[test]
fn a_public_room_is_found_in_the_directory_and_joined_by_its_id() {
    let (_world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = ada.create_room("the square", "public");
    let hidden = ada.create_room("the attic", "private");
    let listed = |id: &str| {
        let directory = grace.ask("rooms.directory", json!({}));
        directory["rooms"].as_array().expect("a list").iter().find(|room| room["roomId"] == id).cloned()
    };
    wait_until("the directory lists the public room", ARRIVES_WITHIN, || listed(&room).is_some());
    let entry = listed(&room).expect("it was there");
    assert_eq!((entry["name"].as_str(), entry["joined"].as_bool()), (Some("the square"), Some(false)), "{entry}");
    assert_eq!(listed(&hidden), None, "a private room is not listed");

    assert_eq!(grace.ask("rooms.join", json!({ "roomId": room }))["roomId"], room);
    wait_until("ada sees grace", ARRIVES_WITHIN, || ada.members(&room).len() == 2);
    grace.send(&room, "is anybody here?");
    ada.wait_text("is anybody here?");
    wait_until("the directory says joined", ARRIVES_WITHIN, || {
        listed(&room).is_some_and(|entry| entry["joined"] == true)
    });
}

#[test]
fn two_people_who_open_their_direct_room_at_once_open_one() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    world.room_of(&[&ada, &grace]);
    let from_ada = ada.begin("rooms.direct", json!({ "userId": grace.user_id() }));
    let from_grace = grace.begin("rooms.direct", json!({ "userId": ada.user_id() }));
    let room = from_ada.wait(ARRIVES_WITHIN).expect("ada opens it")["roomId"].as_str().expect("an id").to_owned();
    assert_eq!(from_grace.wait(ARRIVES_WITHIN).expect("grace opens it")["roomId"], room);

    ada.send(&room, "between us");
    grace.wait_text("between us");
    for (person, other) in [(&ada, &grace), (&grace, &ada)] {
        let found = person.room(&room).expect("the room is listed");
        assert_eq!(
            (found["kind"].as_str(), found["peerUserId"].as_str()),
            (Some("direct"), Some(other.user_id())),
            "{found}"
        );
        assert_eq!(found["role"], "owner", "a direct room is both's");
        assert_eq!(
            person.ask("rooms.direct", json!({ "userId": other.user_id() }))["roomId"],
            room,
            "asked again it is the same"
        );
    }
}

#[test]
fn who_leaves_hears_no_more_and_an_empty_room_is_gone() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = ada.create_room("the square", "public");
    invite_and_join(&ada, &grace, &room);
    wait_direct(&ada, &grace);
    grace.send(&room, "goodbye");
    ada.wait_text("goodbye");

    grace.ask("rooms.leave", json!({ "roomId": room }));
    ada.wait_event(0, "member.left", ARRIVES_WITHIN, |event| {
        event["type"] == "member.left" && event["userId"] == grace.user_id()
    });
    grace.wait_event(0, "room.removed", ARRIVES_WITHIN, |event| {
        event["type"] == "room.removed" && event["roomId"] == room
    });
    assert_eq!(grace.room(&room), None);
    let mark = grace.mark();
    let unheard = ada.send(&room, "among those who stayed");
    ada.wait_state(&room, &unheard, "relayed");
    // A word that does come, sent later by the same way, shows that the first did not.
    let other = world.room_of(&[&ada, &grace]);
    ada.send(&other, "elsewhere");
    grace.wait_text("elsewhere");
    let heard = grace.events(|event| event["message"]["messageId"] == unheard);
    assert!(heard.is_empty(), "heard after leaving: {heard:?} (from {mark})");

    ada.ask("rooms.leave", json!({ "roomId": room }));
    wait_until("the empty room is not listed", ARRIVES_WITHIN, || {
        let directory = grace.ask("rooms.directory", json!({}));
        directory["rooms"].as_array().expect("a list").iter().all(|listed| listed["roomId"] != room)
    });
}
