//! Who does not belong gets nothing, and is told so in a stable way.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{PASSWORD, World, invite_and_join, wait_direct, wait_until};

const ARRIVES_WITHIN: Duration = Duration::from_secs(20);

// Rules: SY3
#[test]
fn a_stranger_gets_nothing_of_a_private_room() {
    let (world, [ada, grace, mallory]) = World::with_people(["ada", "grace", "mallory"]);
    let room = world.room_of(&[&ada, &grace]);
    wait_direct(&ada, &grace);
    let secret = ada.send(&room, "the key is under the mat");
    ada.wait_state(&room, &secret, "delivered");

    for (method, params) in [
        ("messages.list", json!({ "roomId": room })),
        ("messages.send", json!({ "roomId": room, "text": "let me in" })),
        ("messages.markRead", json!({ "roomId": room, "messageId": secret })),
        ("rooms.members", json!({ "roomId": room })),
        ("rooms.join", json!({ "roomId": room })),
        ("rooms.invite", json!({ "roomId": room })),
        ("rooms.update", json!({ "roomId": room, "name": "mine" })),
        ("rooms.leave", json!({ "roomId": room })),
        ("rooms.remove", json!({ "roomId": room, "userId": ada.user_id() })),
        ("rooms.setRole", json!({ "roomId": room, "userId": mallory.user_id(), "role": "owner" })),
        ("typing.set", json!({ "roomId": room, "typing": true })),
        ("presence.list", json!({ "roomId": room })),
    ] {
        let refusal = mallory.refused(method, params);
        assert!(["not_found", "forbidden"].contains(&refusal.kind.as_str()), "{method}: {refusal:?}");
    }
    // A second message, seen by those who belong, after everything that the stranger tried.
    let later = ada.send(&room, "still only us");
    ada.wait_state(&room, &later, "delivered");
    let leaked =
        mallory.events(|event| event.to_string().contains(&room) || event.to_string().contains("under the mat"));
    assert!(leaked.is_empty(), "the stranger was told: {leaked:?}");
    assert_eq!(mallory.path_to(&ada), None, "people who share no room are not introduced");
    assert_eq!(mallory.ask("rooms.list", json!({}))["rooms"], json!([]));
    let directory = mallory.ask("rooms.directory", json!({}));
    assert!(!directory.to_string().contains(&room), "{directory}");
    let people = mallory.ask("presence.list", json!({}));
    assert!(!people.to_string().contains(ada.user_id()), "presence is for those who share a room: {people}");
    assert_eq!(ada.members(&room).len(), 2);
}

// Rules: RO12, CU2
#[test]
fn who_was_removed_hears_and_says_no_more() {
    let (world, [ada, grace, carol]) = World::with_people(["ada", "grace", "carol"]);
    let room = world.room_of(&[&ada, &grace, &carol]);
    wait_direct(&ada, &grace);
    wait_direct(&carol, &grace);
    ada.send(&room, "all of us");
    grace.wait_text("all of us");

    ada.ask("rooms.remove", json!({ "roomId": room, "userId": grace.user_id() }));
    grace.wait_event(0, "room.removed", ARRIVES_WITHIN, |event| {
        event["type"] == "room.removed" && event["roomId"] == room
    });
    wait_until("carol sees it", ARRIVES_WITHIN, || carol.members(&room).len() == 2);
    for method in ["messages.send", "messages.list"] {
        let mut params = json!({ "roomId": room });
        if method == "messages.send" {
            params["text"] = json!("one more thing");
        }
        let refusal = grace.refused(method, params);
        assert!(["not_found", "forbidden"].contains(&refusal.kind.as_str()), "{method}: {refusal:?}");
    }
    let unheard = carol.send(&room, "now that we are alone");
    ada.wait_text("now that we are alone");
    let elsewhere = world.room_of(&[&ada, &grace]);
    ada.send(&elsewhere, "no hard feelings");
    grace.wait_text("no hard feelings");
    assert_eq!(grace.times_told(&unheard), 0);
}

#[test]
fn a_member_may_not_do_what_an_owner_may() {
    let (world, [ada, grace, carol]) = World::with_people(["ada", "grace", "carol"]);
    let room = world.room_of(&[&ada, &grace, &carol]);
    grace.refused_as("forbidden", "rooms.remove", json!({ "roomId": room, "userId": carol.user_id() }));
    grace.refused_as(
        "forbidden",
        "rooms.setRole",
        json!({ "roomId": room, "userId": grace.user_id(), "role": "owner" }),
    );
    grace.refused_as("forbidden", "rooms.update", json!({ "roomId": room, "name": "mine now" }));
    let role = |of: &support::Momo| {
        let members = ada.members(&room);
        let member = members.iter().find(|member| member["userId"] == of.user_id()).cloned();
        member.expect("a member")["role"].clone()
    };
    assert_eq!((role(&ada), role(&grace)), (json!("owner"), json!("member")));

    ada.ask("rooms.setRole", json!({ "roomId": room, "userId": grace.user_id(), "role": "reader" }));
    wait_until("grace knows her role", ARRIVES_WITHIN, || grace.room(&room).expect("she is in it")["role"] == "reader");
    grace.refused_as("forbidden", "messages.send", json!({ "roomId": room, "text": "may I?" }));
    ada.send(&room, "listen");
    grace.wait_text("listen");
}

#[test]
fn an_invite_is_good_for_what_it_says_and_no_more() {
    let (_world, [ada, grace, carol]) = World::with_people(["ada", "grace", "carol"]);
    let room = ada.create_room("the workshop", "private");
    let invite = |params: Value| {
        let mut all = json!({ "roomId": room });
        for (name, value) in params.as_object().expect("an object") {
            all[name] = value.clone();
        }
        ada.ask("rooms.invite", all)["invite"].as_str().expect("an invite").to_owned()
    };

    let once = invite(json!({ "maxUses": 1 }));
    grace.join(&once);
    carol.refused_as("conflict", "rooms.join", json!({ "invite": once }));

    let short = invite(json!({ "ttlS": 1 }));
    let made = Instant::now();
    // Its time is the condition; nothing else announces it.
    wait_until("the invite's second has passed, and some for two clocks", ARRIVES_WITHIN, || {
        made.elapsed() > Duration::from_secs(3)
    });
    carol.refused_as("conflict", "rooms.join", json!({ "invite": short }));

    for garbage in ["", "momoland://join/", "momoland://join/AAAA", "https://evil.example/join", "javascript:alert(1)"]
    {
        carol.refused_as("invalid", "rooms.join", json!({ "invite": garbage }));
    }
    carol.refused_as("invalid", "rooms.join", json!({ "invite": "x".repeat(100_000) }));
    carol.refused_as("invalid", "rooms.join", json!({ "invite": invite(json!({})), "roomId": room }));
    carol.refused_as("invalid", "rooms.join", json!({}));
    for (name, value) in [("maxUses", json!(0)), ("ttlS", json!(0)), ("ttlS", json!(-1)), ("role", json!("king"))] {
        let mut params = json!({ "roomId": room });
        params[name] = value;
        ada.refused_as("invalid", "rooms.invite", params);
    }

    // One character changed: the signature over the room no longer fits.
    let mut forged = invite(json!({}));
    let last = forged.pop().expect("an invite is not empty");
    forged.push(if last == 'A' { 'B' } else { 'A' });
    let refusal = carol.refused("rooms.join", json!({ "invite": forged }));
    assert!(["invalid", "not_found", "forbidden", "conflict"].contains(&refusal.kind.as_str()), "{refusal:?}");
    assert_eq!(ada.members(&room).len(), 2, "nobody but grace came in");

    let reader = invite(json!({ "role": "reader" }));
    carol.join(&reader);
    carol.refused_as("forbidden", "messages.send", json!({ "roomId": room, "text": "may I?" }));
    assert_eq!(carol.join(&reader), room, "who is in already is in");
}

#[test]
fn an_invite_of_another_server_leads_nowhere() {
    let (_here, [ada]) = World::with_people(["ada"]);
    let there = World::new();
    let grace = there.person("grace");
    let room = ada.create_room("the workshop", "private");
    let refusal = grace.refused("rooms.join", json!({ "invite": ada.invite(&room) }));
    assert!(["invalid", "not_found", "conflict"].contains(&refusal.kind.as_str()), "{refusal:?}");
}

#[test]
fn who_is_not_signed_in_is_told_so() {
    let world = World::new();
    let nobody = world.stranger("nobody");
    assert_eq!(nobody.ask("account.whoami", json!({}))["account"], Value::Null);
    let room = "0".repeat(64);
    for (method, params) in [
        ("rooms.list", json!({})),
        ("rooms.create", json!({ "name": "x", "kind": "chat", "visibility": "private" })),
        ("messages.send", json!({ "roomId": room, "text": "hello" })),
        ("account.devices", json!({})),
    ] {
        nobody.refused_as("unauthorized", method, params);
    }
    nobody.register(&world.server.address(), PASSWORD);
    let somebody = world.person("somebody");
    let room = nobody.create_room("the workshop", "private");
    invite_and_join(&nobody, &somebody, &room);
}
