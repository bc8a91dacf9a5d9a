//! Who does not belong gets nothing, and is told so in a stable way.

use std::time::{Duration, Instant};

use momoland_protocol::cbor;
use momoland_protocol::clock::{Hlc, UnixMillis};
use momoland_protocol::content::MessageContent;
use momoland_protocol::ephemeral::{Ephemeral, EphemeralSignal};
use momoland_protocol::event::{Action, Body, BodyBytes, Event, EventHeader};
use momoland_protocol::id::{EventId, Incarnation, RoomId, Seq, SetHash, random};
use momoland_protocol::replication::Frame;
use momoland_protocol::server::{ClientFrame, Request, Response, ServerFrame};
use momoland_protocol::signed::Signed;
use serde_json::{Value, json};
use support::device::{self, Device};
use support::socket::Socket;
use support::{Momo, PASSWORD, Proxy, World, invite_and_join, wait_direct, wait_until};

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

/// Her client does not know that she was removed, which is as good as one that does not care: it goes on over the links
/// that it has.
// Rules: SY3, EP1
#[test]
fn c08_who_was_removed_gets_and_says_nothing_over_the_links_that_are_open() {
    let world = World::new();
    let wire = Proxy::start(world.server.port());
    let grace = world.person_by_way_of("grace", &wire.address());
    let [ada, carol] = ["ada", "carol"].map(|name| world.person(name));
    let everybody = [&ada, &grace, &carol];
    let (room, elsewhere) = (world.room_of(&everybody), world.room_of(&everybody));
    wait_direct(&ada, &grace);
    wait_direct(&carol, &grace);
    ada.send(&room, "all of us");
    grace.wait_text("all of us");

    wire.silence();
    ada.ask("rooms.remove", json!({ "roomId": room, "userId": grace.user_id() }));
    wait_until("carol knows it", ARRIVES_WITHIN, || carol.members(&room).len() == 2);
    let marks = everybody.map(Momo::mark);
    for (author, other, text) in [(&ada, &carol, "secret of ada"), (&carol, &ada, "secret of carol")] {
        author.ask("typing.set", json!({ "roomId": room, "typing": true }));
        author.send(&room, text);
        other.wait_text(text);
    }
    // Her own client may have heard of it from a peer by now, and refuse; nobody else takes it in either case.
    for method in ["messages.send", "typing.set"] {
        let mut params = json!({ "roomId": room });
        params[if method == "messages.send" { "text" } else { "typing" }] =
            if method == "messages.send" { json!("I am still here") } else { json!(true) };
        if let Err(refusal) = grace.call(method, params) {
            assert!(["not_found", "forbidden"].contains(&refusal.kind.as_str()), "{method}: {refusal:?}");
        }
    }
    // The same links, in their order, carry what they may: all of the above has been on its way before.
    for (number, (author, readers)) in
        [(&grace, [&ada, &carol]), (&ada, [&grace, &carol]), (&carol, [&grace, &ada])].into_iter().enumerate()
    {
        let text = format!("elsewhere {number}");
        author.send(&elsewhere, &text);
        for reader in readers {
            reader.wait_text(&text);
        }
    }
    wire.restore();
    grace.wait_event(0, "room.removed", Duration::from_secs(60), |event| {
        event["type"] == "room.removed" && event["roomId"] == room
    });
    ada.send(&elsewhere, "no hard feelings");
    grace.wait_text("no hard feelings");

    let leaked = grace.events(|event| event.to_string().contains("secret of"));
    assert!(leaked.is_empty(), "{leaked:?}");
    let told = |who: &Momo, mark: usize, of: &Momo| {
        let mut events = who.events_since(mark);
        events.retain(|event| {
            event["type"] == "typing.changed" && event["roomId"] == room && event["userId"] == of.user_id()
        });
        events
    };
    let [of_ada, of_grace, of_carol] = marks;
    for (who, mark, of) in
        [(&grace, of_grace, &ada), (&grace, of_grace, &carol), (&ada, of_ada, &grace), (&carol, of_carol, &grace)]
    {
        assert!(told(who, mark, of).is_empty(), "{} is told that {} types", who.name(), of.name());
    }
    let expected = ["all of us", "secret of ada", "secret of carol"];
    assert_eq!(ada.texts(&room), expected);
    assert_eq!(carol.texts(&room), expected);
    let refusal = grace.refused("messages.list", json!({ "roomId": room }));
    assert!(["not_found", "forbidden"].contains(&refusal.kind.as_str()), "{refusal:?}");
}

// Rules: SY3, SY4, CU2
#[test]
fn c08_a_modified_client_that_ignores_its_removal_gets_nothing_from_the_server_and_puts_nothing_in() {
    let (world, [ada, grace, carol]) = World::with_people(["ada", "grace", "carol"]);
    let room = world.room_of(&[&ada, &grace, &carol]);
    let before = ada.send(&room, "all of us");
    ada.wait_state(&room, &before, "delivered");
    carol.wait_text("all of us");
    grace.kill();

    let port = world.server.port();
    let modified = Device::take_over(port, "grace", PASSWORD, grace.data());
    let mut socket = modified.welcome(port);
    let id: RoomId = room.parse().expect("a room's id");
    let (version, head) = device::enter_room(&mut socket, id);
    // The open link works.
    frames_until(&mut socket, |frame| carries(frame, b"all of us"));

    ada.ask("rooms.remove", json!({ "roomId": room, "userId": grace.user_id() }));
    wait_until("carol knows it", ARRIVES_WITHIN, || carol.members(&room).len() == 2);
    frames_until(&mut socket, |frame| matches!(frame, ServerFrame::Removed { .. }));

    // It goes on as if nothing had happened: says that it is in the room, asks for everything, types, and writes under
    // the roster in which it still had the right.
    let log = id.conversation();
    let content =
        MessageContent { text: "I am still here".to_owned(), sent_at: UnixMillis::now(), mentions: None, call: None };
    let body = BodyBytes::new(&Body::Plain(cbor::encode(&content))).expect("it is short");
    let header = EventHeader {
        log,
        device: modified.key().device(),
        incarnation: Incarnation(random()),
        seq: Seq(1),
        prev: EventId::ZERO,
        hlc: Hlc::at(UnixMillis::now()),
        roster: head,
        action: Action::POST,
        targets: Vec::new(),
        body_hash: body.hash(),
        body_length: u32::try_from(body.len()).expect("it is short"),
        place: None,
    };
    let forged = Event { header: Signed::sign(header, modified.key()).expect("it fits"), body: Some(body) };
    let typing = ClientFrame::Ephemeral {
        ephemeral: Ephemeral { room: id, signal: EphemeralSignal::Typing { typing: true } },
        except: Vec::new(),
    };
    let marks = [&ada, &carol].map(Momo::mark);
    for round in 0..2 {
        device::send_replication(&mut socket, Frame::Room { room: id, version, head });
        let everything = Frame::Have { log, chains: Vec::new(), more: false, registers: SetHash::ZERO };
        device::send_replication(&mut socket, everything);
        device::send_replication(&mut socket, Frame::Events { log, events: vec![forged.clone()] });
        device::send(&mut socket, &typing).expect("the socket is open");
        let preview = ClientFrame::Request { id: 10 + round, request: Request::Preview { room: id, invite: None } };
        device::send(&mut socket, &preview).expect("the socket is open");
        for (author, other) in [(&ada, &carol), (&carol, &ada)] {
            let text = format!("secret {round} of {}", author.name());
            author.ask("typing.set", json!({ "roomId": room, "typing": true }));
            author.ask("presence.set", json!({ "status": "away", "text": text }));
            let id = author.send(&room, &text);
            other.wait_text(&text);
            author.wait_state(&room, &id, "delivered");
        }
    }
    let frames = frames_until_answer(&mut socket, 1);
    for frame in &frames {
        let harmless = match frame {
            ServerFrame::Replication(Frame::Closed { room }) => *room == id,
            // Who asks is told why: nothing else of the roster.
            ServerFrame::Removed { change } => change.change.get().room == id,
            ServerFrame::Response { response, .. } => {
                matches!(response, Response::Refused(_) | Response::Profiles { .. })
            }
            ServerFrame::Online { .. } => true,
            ServerFrame::Presence { accounts } => accounts.iter().all(|one| one.account.to_string() == grace.user_id()),
            _ => false,
        };
        assert!(harmless && !carries(frame, b"secret"), "it was told {frame:?}");
    }
    let expected = ["all of us", "secret 0 of ada", "secret 0 of carol", "secret 1 of ada", "secret 1 of carol"];
    for (person, mark) in [&ada, &carol].into_iter().zip(marks) {
        assert_eq!(person.texts(&room), expected, "{}", person.name());
        let told = person.events_since(mark);
        let of_grace = |event: &Value| event["type"] == "typing.changed" && event["userId"] == grace.user_id();
        assert!(!told.iter().any(of_grace), "{} is told that she types", person.name());
    }
}

/// Everything that the server said before it answers a question that is asked now, and the answer.
fn frames_until_answer(socket: &mut Socket, id: u32) -> Vec<ServerFrame> {
    let question = ClientFrame::Request { id, request: Request::Lookup { handle: "nobody".to_owned() } };
    device::send(socket, &question).expect("the socket is open");
    frames_until(socket, |frame| matches!(frame, ServerFrame::Response { id: of, .. } if *of == id))
}

/// Everything up to and including such a frame; the socket's own time is the bound.
fn frames_until(socket: &mut Socket, is_last: impl Fn(&ServerFrame) -> bool) -> Vec<ServerFrame> {
    let mut frames = Vec::new();
    loop {
        let frame = device::receive(socket).expect("the server goes on");
        let last = is_last(&frame);
        frames.push(frame);
        if last {
            return frames;
        }
    }
}

fn carries(frame: &ServerFrame, text: &[u8]) -> bool {
    cbor::encode(frame).windows(text.len()).any(|bytes| bytes == text)
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
    let role = |of: &Momo| {
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
fn an_invite_from_another_server_is_refused_with_a_sentence_and_changes_nothing() {
    let (_here, [ada]) = World::with_people(["ada"]);
    let (_there, [grace]) = World::with_people(["grace"]);
    let room = grace.create_room("the workshop", "private");
    let invite = grace.invite(&room);
    let refusal = ada.refused("rooms.join", json!({ "invite": invite }));
    assert!(["invalid", "conflict"].contains(&refusal.kind.as_str()), "{refusal:?}");
    assert!(refusal.message.contains("server"), "it says why: {refusal:?}");
    assert!(ada.room(&room).is_none());
    assert_eq!(grace.members(&room).len(), 1);
    // Both go on as before.
    let own = ada.create_room("the boat shed", "private");
    ada.send(&own, "still here");
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
