//! Documents: written together, alone, without a network, over restarts.

use std::time::Duration;

use momoland_protocol::cbor;
use momoland_protocol::clock::{Hlc, UnixMillis};
use momoland_protocol::document::{DocumentSignal, DocumentUpdate};
use momoland_protocol::ephemeral::{Ephemeral, EphemeralSignal, kind};
use momoland_protocol::event::{Action, Body, BodyBytes, Event, EventHeader};
use momoland_protocol::id::{EventId, Incarnation, LogId, RoomId, RosterHash, Seq, random};
use momoland_protocol::replication::Frame;
use momoland_protocol::server::{ClientFrame, ServerFrame};
use momoland_protocol::signed::Signed;
use serde_json::{Value, json};
use support::device::{self, Device};
use support::{Momo, PASSWORD, World, wait_direct, wait_until};
use yrs::{Doc, Transact as _, XmlElementPrelim, XmlFragment as _, XmlTextPrelim};

const ARRIVES_WITHIN: Duration = Duration::from_secs(20);

fn create(person: &Momo, room: &str, title: &str) -> String {
    let created = person.ask("docs.create", json!({ "roomId": room, "title": title, "editing": "members" }));
    created["docId"].as_str().expect("an id").to_owned()
}

fn text(person: &Momo, doc: &str) -> String {
    person.ask("docs.text", json!({ "docId": doc }))["text"].as_str().expect("a text").to_owned()
}

fn insert(person: &Momo, doc: &str, at: usize, text: &str) {
    person.ask("docs.edit", json!({ "docId": doc, "ops": [{ "at": at, "insert": text }] }));
}

fn docs(person: &Momo, room: &str) -> Vec<Value> {
    person.ask("docs.list", json!({ "roomId": room }))["docs"].as_array().expect("a list").clone()
}

/// Waits until a person has a document, so that they can write in it.
#[track_caller]
fn wait_for_document(person: &Momo, doc: &str) {
    let what = format!("{} has the document", person.name());
    wait_until(&what, ARRIVES_WITHIN, || person.call("docs.text", json!({ "docId": doc })).is_ok());
}

#[track_caller]
fn wait_for_text(person: &Momo, doc: &str, expected: &str) {
    let what = format!("{} reads {expected:?}", person.name());
    wait_until(&what, ARRIVES_WITHIN, || {
        person.call("docs.text", json!({ "docId": doc })).is_ok_and(|answer| answer["text"] == expected)
    });
}

#[track_caller]
fn wait_for_one_text(people: &[&Momo], doc: &str, contains: &[&str]) {
    wait_until("all read one text", ARRIVES_WITHIN, || {
        let texts: Vec<String> = people.iter().map(|person| text(person, doc)).collect();
        texts.iter().all(|text| *text == texts[0] && contains.iter().all(|part| text.contains(part)))
    });
}

#[test]
fn two_people_write_one_document() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    wait_direct(&ada, &grace);
    let mark = grace.mark();
    let doc = create(&ada, &room, "Minutes");
    assert_eq!(text(&ada, &doc), "");
    wait_for_document(&grace, &doc);
    let told = grace.wait_event(mark, "the document", ARRIVES_WITHIN, |event| event["type"] == "doc.changed");
    assert_eq!(told["doc"]["docId"], doc);
    let listed = docs(&grace, &room);
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["title"], "Minutes");
    assert_eq!(listed[0]["author"], ada.user_id());
    assert_eq!(listed[0]["editing"], "members");
    assert_eq!(listed[0]["archived"], false);
    assert!(listed[0].get("readOnly").is_none(), "she may write");

    grace.ask("docs.open", json!({ "docId": doc }));
    let mark = grace.mark();
    insert(&ada, &doc, 0, "First: tea\n");
    assert_eq!(text(&ada, &doc), "First: tea\n");
    wait_for_text(&grace, &doc, "First: tea\n");
    grace
        .wait_event(mark, "the update", ARRIVES_WITHIN, |event| event["type"] == "doc.update" && event["docId"] == doc);
    insert(&grace, &doc, 11, "Second: cake");
    wait_for_text(&ada, &doc, "First: tea\nSecond: cake");
    // Both at once, in one line.
    insert(&ada, &doc, 0, "ada ");
    insert(&grace, &doc, 0, "grace ");
    wait_for_one_text(&[&ada, &grace], &doc, &["ada ", "grace ", "Second: cake"]);
    for person in [&ada, &grace] {
        person.check_output();
    }
}

#[test]
fn c16_offsets_count_as_editors_count() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    let doc = create(&ada, &room, "Emoji");
    insert(&ada, &doc, 0, "a😀b👩‍👩‍👧c");
    // 😀 has two units, the family eight.
    ada.ask("docs.edit", json!({ "docId": doc, "ops": [{ "at": 3, "insert": "漢" }, { "at": 13, "delete": 1 }] }));
    wait_for_text(&grace, &doc, "a😀漢b👩‍👩‍👧");
    for ops in [
        json!([{ "at": 2, "insert": "x" }]),
        json!([{ "at": 1, "delete": 1 }]),
        json!([{ "at": 0, "insert": "y" }, { "at": 3, "delete": 1 }]),
        json!([{ "at": 99, "insert": "x" }]),
        json!([{ "at": 12, "delete": 2 }]),
        json!([{ "at": 0, "insert": "y" }, { "at": 99, "delete": 1 }]),
        json!([{ "at": -1, "insert": "x" }]),
        json!([{ "at": 0 }]),
        json!([{ "at": 0, "insert": "x", "delete": 1 }]),
        json!([{ "at": 0, "insert": "x", "bold": true }]),
    ] {
        ada.refused_as("invalid", "docs.edit", json!({ "docId": doc, "ops": ops }));
    }
    assert_eq!(text(&ada, &doc), "a😀漢b👩‍👩‍👧", "a refused change leaves no part behind");
}

#[test]
fn what_was_typed_survives_the_kill_of_its_author() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    let doc = create(&ada, &room, "Draft");
    wait_for_document(&grace, &doc);
    let mut expected = String::new();
    for round in 0..5 {
        let line = format!("round {round}\n");
        insert(&ada, &doc, expected.len(), &line);
        expected.push_str(&line);
        // Straight after the answer: the event that is to say it is not signed yet.
        ada.kill_and_start_again();
        assert_eq!(text(&ada, &doc), expected, "nothing that was answered is missing");
    }
    wait_for_text(&grace, &doc, &expected);
    // What the journal kept was issued once.
    grace.kill_and_start_again();
    assert_eq!(text(&grace, &doc), expected);
}

#[test]
fn c05_c12_edits_without_a_network_merge_on_return() {
    let (mut world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    let doc = create(&ada, &room, "Plan");
    insert(&ada, &doc, 0, "begin\nend");
    wait_for_text(&grace, &doc, "begin\nend");
    grace.ask("net.setOnline", json!({ "online": false }));
    insert(&grace, &doc, 5, " (grace, offline)");
    grace.close();
    grace.start_again();
    grace.ask("net.setOnline", json!({ "online": false }));
    assert_eq!(text(&grace, &doc), "begin (grace, offline)\nend", "it is there after a restart without a network");
    insert(&grace, &doc, 0, "G: ");
    let kept = grace.refused("account.logout", json!({}));
    assert_eq!(kept.kind, "conflict", "a sign-out would lose what she wrote: {}", kept.message);
    // Meanwhile the other one writes, without the server.
    world.server.stop();
    ada.wait_server_not_online(ARRIVES_WITHIN);
    insert(&ada, &doc, 9, " (ada, without the server)");
    ada.kill_and_start_again();
    world.server.start_again();
    grace.ask("net.setOnline", json!({ "online": true }));
    wait_for_text(&ada, &doc, "G: begin (grace, offline)\nend (ada, without the server)");
    wait_for_text(&grace, &doc, "G: begin (grace, offline)\nend (ada, without the server)");
    // A third who comes late reads the same.
    let carol = world.person("carol");
    support::invite_and_join(&ada, &carol, &room);
    wait_for_text(&carol, &doc, "G: begin (grace, offline)\nend (ada, without the server)");
    insert(&carol, &doc, 0, "C: ");
    wait_for_one_text(&[&ada, &grace, &carol], &doc, &["C: G: begin"]);
}

// Rules: DO1
#[test]
fn c03_a_document_that_is_not_here_is_no_empty_page() {
    let (mut world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    world.server.stop();
    let unknown = "00".repeat(32);
    for method in ["docs.text", "docs.open", "docs.close", "docs.state"] {
        ada.refused_as("not_found", method, json!({ "docId": unknown }));
        ada.refused_as("invalid", method, json!({ "docId": "no id" }));
        ada.refused_as("invalid", method, json!({ "docId": unknown, "more": 1 }));
    }
    ada.refused_as("not_found", "docs.edit", json!({ "docId": unknown, "ops": [{ "at": 0, "insert": "x" }] }));
    ada.refused_as("not_found", "docs.list", json!({ "roomId": unknown }));
    ada.refused_as("not_found", "docs.create", json!({ "roomId": unknown, "title": "x", "editing": "members" }));
    for title in ["", "  ", "two\nlines", &"x".repeat(129)] {
        ada.refused_as("invalid", "docs.create", json!({ "roomId": room, "title": title, "editing": "members" }));
    }
    ada.refused_as("invalid", "docs.create", json!({ "roomId": room, "title": "x", "editing": "nobody" }));
    let editors = json!({ "roomId": room, "title": "x", "editing": "members", "editors": [ada.user_id()] });
    ada.refused_as("invalid", "docs.create", editors);
    assert!(docs(&ada, &room).is_empty());
}

#[test]
fn c18_updates_that_are_none_change_nothing() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    let doc = create(&ada, &room, "Target");
    insert(&ada, &doc, 0, "as it was");
    wait_for_text(&grace, &doc, "as it was");
    let state = ada.ask("docs.state", json!({ "docId": doc }));
    for update in [
        "",
        "not base64!",
        "AAAA",
        // A struct without a length; clocks beyond all bounds; a promise of many clients.
        "AQEHAAAAAA==",
        "AQEH/////wcAAQA=",
        "/////////w8=",
    ] {
        let refused = ada.call("docs.update", json!({ "docId": doc, "update": update }));
        assert_eq!(refused.map_err(|error| error.kind).unwrap_err(), "invalid", "{update}");
    }
    // Longer than any update may be: zeros in base64.
    ada.refused_as("invalid", "docs.update", json!({ "docId": doc, "update": "AAAA".repeat(800_000) }));
    // What somebody has already is nothing new, and no mistake.
    ada.ask("docs.update", json!({ "docId": doc, "update": state["update"] }));
    ada.refused_as("invalid", "docs.state", json!({ "docId": doc, "stateVector": "AQ==" }));
    assert_eq!(text(&ada, &doc), "as it was");
    assert_eq!(ada.ask("docs.state", json!({ "docId": doc })), state);
    let nothing_new = ada.ask("docs.state", json!({ "docId": doc, "stateVector": state["stateVector"] }));
    assert!(nothing_new["update"].as_str().expect("base64").len() < 20);
}

// Rules: DO8
#[test]
fn what_is_typed_shows_at_once_and_what_was_written_beside_it_outlives_it() {
    let (world, [ada, grace, carol]) = World::with_people(["ada", "grace", "carol"]);
    let room = world.room_of(&[&ada, &grace, &carol]);
    wait_direct(&ada, &grace);
    let doc = create(&ada, &room, "Live");
    for person in [&grace, &carol] {
        wait_for_document(person, &doc);
        person.ask("docs.open", json!({ "docId": doc }));
    }
    let mark = grace.mark();
    insert(&ada, &doc, 0, "typed and never said");
    wait_for_text(&grace, &doc, "typed and never said");
    // Within the second before its event; where the machine was too slow for that, it is there for good, as it should be.
    ada.kill();
    insert(&grace, &doc, 5, "(kept)");
    let settled = |text: &str| text == "(kept)" || text == "typed(kept) and never said";
    wait_until("one of the two is everybody's", Duration::from_secs(40), || {
        let texts = [text(&grace, &doc), text(&carol, &doc)];
        texts[0] == texts[1] && settled(&texts[0])
    });
    if text(&grace, &doc) == "(kept)" {
        grace.wait_event(mark, "that what was shown is gone", ARRIVES_WITHIN, |event| event["type"] == "doc.reset");
    }
    // Her machine was not dead after all: its journal has what she was told was kept.
    ada.start_again();
    wait_for_one_text(&[&ada, &grace, &carol], &doc, &["(kept)", "and never said"]);
}

// Rules: DO9
#[test]
fn c56_people_see_where_the_others_are() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    wait_direct(&ada, &grace);
    let doc = create(&ada, &room, "Carets");
    wait_for_document(&grace, &doc);
    let is = |event: &Value, state: &Value| {
        event["type"] == "doc.awareness" && event["userId"] == ada.user_id() && event["state"] == *state
    };
    let here = json!({ "user": { "name": "Ada", "color": "#c2410c" }, "cursor": { "anchor": 1, "head": 3 } });
    let mark = grace.mark();
    ada.ask("docs.awareness", json!({ "docId": doc, "state": here }));
    grace.wait_event(mark, "where ada is", ARRIVES_WITHIN, |event| is(event, &here));
    let opened = grace.ask("docs.open", json!({ "docId": doc }));
    assert_eq!(opened["present"][0]["userId"], ada.user_id());
    assert_eq!(opened["present"][0]["state"], here);
    assert!(ada.ask("docs.open", json!({ "docId": doc }))["present"].as_array().is_some_and(Vec::is_empty));
    // The last of many words arrives, and not each of them.
    let mark = grace.mark();
    for head in 0..200 {
        ada.ask("docs.awareness", json!({ "docId": doc, "state": { "cursor": head } }));
    }
    grace.wait_event(mark, "the last word", ARRIVES_WITHIN, |event| is(event, &json!({ "cursor": 199 })));
    let mark = grace.mark();
    ada.ask("docs.close", json!({ "docId": doc }));
    grace.wait_event(mark, "that she closed it", ARRIVES_WITHIN, |event| is(event, &Value::Null));
    ada.ask("docs.awareness", json!({ "docId": doc, "state": here }));
    grace.wait_event(mark, "that she is back", ARRIVES_WITHIN, |event| is(event, &here));
    let mark = grace.mark();
    ada.kill();
    grace.wait_event(mark, "that she went", Duration::from_secs(40), |event| is(event, &Value::Null));
    for state in [json!("here"), json!(7), json!({ "name": "x".repeat(5_000) })] {
        grace.refused_as("invalid", "docs.awareness", json!({ "docId": doc, "state": state }));
    }
    grace.refused_as("not_found", "docs.awareness", json!({ "docId": "00".repeat(32), "state": null }));
}

// Rules: DO6, DO7
#[test]
fn c10_who_may_write_no_more_changes_nothing_not_even_from_before() {
    let (world, [ada, grace, carol]) = World::with_people(["ada", "grace", "carol"]);
    let room = world.room_of(&[&ada, &grace, &carol]);
    let doc = create(&ada, &room, "Shared");
    insert(&ada, &doc, 0, "all: ");
    for person in [&grace, &carol] {
        wait_for_text(person, &doc, "all: ");
    }
    let mark = ada.mark();
    insert(&grace, &doc, 5, "grace's, in time. ");
    for person in [&ada, &carol] {
        wait_for_text(person, &doc, "all: grace's, in time. ");
    }
    // Not only shown while it is typed: its event is what can count.
    ada.wait_event(mark, "the event", ARRIVES_WITHIN, |event| event["type"] == "doc.changed");
    grace.ask("net.setOnline", json!({ "online": false }));
    insert(&grace, &doc, 5, "too late. ");
    // Signed, and waiting to be sent.
    grace.ask("docs.close", json!({ "docId": doc }));
    grace.refused_as("forbidden", "docs.setEditors", json!({ "docId": doc, "editors": [grace.user_id()] }));
    ada.ask("docs.setEditors", json!({ "docId": doc, "editors": [carol.user_id()] }));
    let mark = grace.mark();
    grace.ask("net.setOnline", json!({ "online": true }));
    grace.wait_event(mark, "that she may not write", ARRIVES_WITHIN, |event| {
        event["type"] == "doc.changed" && event["doc"]["readOnly"].is_string()
    });
    grace.refused_as("forbidden", "docs.edit", json!({ "docId": doc, "ops": [{ "at": 0, "insert": "x" }] }));
    insert(&carol, &doc, 0, "carol: ");
    for person in [&ada, &grace, &carol] {
        wait_for_text(person, &doc, "carol: all: grace's, in time. ");
        person.kill_and_start_again();
        // What was only shown as it was typed comes with its event.
        wait_for_text(person, &doc, "carol: all: grace's, in time. ");
    }
    // Let in again, she writes on; what was refused stays out.
    ada.ask("docs.setEditors", json!({ "docId": doc, "editing": "members" }));
    wait_until("she may write again", ARRIVES_WITHIN, || docs(&grace, &room)[0].get("readOnly").is_none());
    insert(&grace, &doc, 0, "grace: ");
    for person in [&ada, &grace, &carol] {
        wait_for_text(person, &doc, "grace: carol: all: grace's, in time. ");
    }
}

// Rules: DO10
#[test]
fn a_document_is_renamed_put_away_deleted_and_restored() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    let doc = create(&ada, &room, "Untitled");
    insert(&ada, &doc, 0, "text");
    wait_for_text(&grace, &doc, "text");
    grace.ask("docs.rename", json!({ "docId": doc, "title": "Minutes of May" }));
    grace.ask("docs.archive", json!({ "docId": doc, "archived": true }));
    let shown = |person: &Momo| docs(person, &room).first().cloned().unwrap_or_default();
    wait_until("both see the title", ARRIVES_WITHIN, || {
        [&ada, &grace]
            .iter()
            .all(|person| shown(person)["title"] == "Minutes of May" && shown(person)["archived"] == true)
    });
    grace.refused_as("forbidden", "docs.delete", json!({ "docId": doc }));
    grace.refused_as("invalid", "docs.rename", json!({ "docId": doc, "title": "" }));
    ada.ask("docs.archive", json!({ "docId": doc, "archived": false }));
    ada.ask("docs.delete", json!({ "docId": doc }));
    wait_until("it is off the list", ARRIVES_WITHIN, || docs(&grace, &room).is_empty());
    let deleted = grace.ask("docs.list", json!({ "roomId": room, "deleted": true }));
    assert_eq!(deleted["docs"][0]["docId"], doc);
    grace.refused_as("conflict", "docs.edit", json!({ "docId": doc, "ops": [{ "at": 0, "insert": "x" }] }));
    grace.kill_and_start_again();
    assert!(docs(&grace, &room).is_empty());
    ada.ask("docs.restore", json!({ "docId": doc }));
    wait_until("it is back", ARRIVES_WITHIN, || shown(&grace)["archived"] == false);
    assert_eq!(shown(&grace)["title"], "Minutes of May");
    assert_eq!(text(&grace, &doc), "text");
}

#[test]
fn a_document_of_many_kilobytes_crosses_in_parts() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    let doc = create(&ada, &room, "A book");
    let long = "we write to each other, and the machines carry it 😀\n".repeat(8_000);
    insert(&ada, &doc, 0, &long);
    wait_for_text(&grace, &doc, &long);
    grace.kill_and_start_again();
    assert_eq!(text(&grace, &doc), long);
}

// Rules: DO6
#[test]
fn c10_who_may_only_read_changes_nothing() {
    let (world, [ada, grace, carol]) = World::with_people(["ada", "grace", "carol"]);
    let room = world.room_of(&[&ada, &grace, &carol]);
    let own = ada.ask("docs.create", json!({ "roomId": room, "title": "Mine", "editing": "author" }));
    let listed = json!({ "roomId": room, "title": "Ours", "editing": "listed", "editors": [carol.user_id()] });
    let ours = ada.ask("docs.create", listed);
    let (own, ours) = (own["docId"].as_str().expect("an id"), ours["docId"].as_str().expect("an id"));
    for doc in [own, ours] {
        insert(&ada, doc, 0, "hers");
        for person in [&grace, &carol] {
            wait_for_text(person, doc, "hers");
        }
    }
    let everything = grace.ask("docs.state", json!({ "docId": own }));
    for doc in [own, ours] {
        grace.refused_as("forbidden", "docs.edit", json!({ "docId": doc, "ops": [{ "at": 0, "insert": "x" }] }));
        grace.refused_as("forbidden", "docs.update", json!({ "docId": doc, "update": everything["update"] }));
    }
    carol.refused_as("forbidden", "docs.edit", json!({ "docId": own, "ops": [{ "at": 0, "insert": "x" }] }));
    insert(&carol, ours, 4, " and carol's");
    for person in [&ada, &grace] {
        wait_for_text(person, ours, "hers and carol's");
        assert_eq!(text(person, own), "hers");
    }
    let seen = docs(&grace, &room);
    assert!(seen.iter().all(|doc| doc["readOnly"].is_string()), "she is told why: {seen:?}");
    assert!(docs(&ada, &room).iter().all(|doc| doc.get("readOnly").is_none()));
}

/// What a stock Yjs editor would make of a line that is typed into an empty document.
fn typed(line: &str) -> Vec<u8> {
    let doc = Doc::with_client_id(77);
    let blocks = doc.get_or_insert_xml_fragment("default");
    let mut txn = doc.transact_mut();
    let block = blocks.push_back(&mut txn, XmlElementPrelim::empty("paragraph"));
    block.push_back(&mut txn, XmlTextPrelim::new(line));
    txn.encode_update_v1()
}

/// The first event of a device's chain in a document, under the list of editors that its announcement was.
fn update_event(device: &Device, log: LogId, roster: RosterHash, update: Vec<u8>) -> Event {
    let content = cbor::encode(&DocumentUpdate { update, inflated: None });
    let body = BodyBytes::new(&Body::Plain(content)).expect("it is short");
    let header = EventHeader {
        log,
        device: device.key().device(),
        incarnation: Incarnation(random()),
        seq: Seq(1),
        prev: EventId::ZERO,
        hlc: Hlc::at(UnixMillis::now()),
        roster,
        action: Action::DOCUMENT_UPDATE,
        targets: vec![EventId(log.0)],
        body_hash: body.hash(),
        body_length: u32::try_from(body.len()).expect("it is short"),
        place: None,
    };
    Event { header: Signed::sign(header, device.key()).expect("it fits"), body: Some(body) }
}

// Rules: DO5, DO6, DO8
#[test]
fn c10_what_a_reader_sends_past_her_own_client_by_the_relay_changes_nothing() {
    let (world, [ada, grace, carol]) = World::with_people(["ada", "grace", "carol"]);
    let room = world.room_of(&[&ada, &grace, &carol]);
    let params = json!({ "roomId": room, "title": "Hers alone", "editing": "author" });
    let closed = ada.ask("docs.create", params)["docId"].as_str().expect("an id").to_owned();
    let open = create(&ada, &room, "Everybody's");
    for doc in [&closed, &open] {
        insert(&ada, doc, 0, "hers");
        for person in [&grace, &carol] {
            wait_for_text(person, doc, "hers");
        }
    }
    grace.kill();
    let readers = [&ada, &carol];
    // An editor is open, and would be told of each change.
    for (person, doc) in readers.iter().flat_map(|person| [(person, &closed), (person, &open)]) {
        person.ask("docs.open", json!({ "docId": doc }));
    }
    let marks = readers.map(Momo::mark);

    let modified = Device::take_over(world.server.port(), "grace", PASSWORD, grace.data());
    let mut socket = modified.welcome(world.server.port());
    let id: RoomId = room.parse().expect("a room's id");
    let (_, roster) = device::enter_room(&mut socket, id);
    let signal = |doc: &str, kind, content| {
        let log: LogId = doc.parse().expect("a log's id");
        let payload = cbor::encode(&DocumentSignal { document: DocumentSignal::name(log), content });
        let ephemeral = Ephemeral { room: id, signal: EphemeralSignal::Other { kind, payload } };
        ClientFrame::Ephemeral { ephemeral, except: Vec::new() }
    };
    // The same twice: what is denied in the one document counts in the other, and comes behind it.
    let mut incarnations = Vec::new();
    for doc in [&closed, &open] {
        let update = typed("and grace's");
        device::send(&mut socket, &signal(doc, kind::DOCUMENT_KEYS, update.clone())).expect("the socket is open");
        let log: LogId = doc.parse().expect("a log's id");
        let event = update_event(&modified, log, roster, update);
        incarnations.push(event.header.get().incarnation);
        device::send_replication(&mut socket, Frame::Events { log, events: vec![event] });
    }
    // She may write in the room, so the relay keeps both.
    while !incarnations.is_empty() {
        if let ServerFrame::Replication(Frame::Ack { chains, .. }) = device::receive(&mut socket).expect("it goes on") {
            incarnations.retain(|sent| !chains.iter().any(|head| head.chain.incarnation == *sent));
        }
    }
    for person in readers {
        wait_until("what she may write is there", ARRIVES_WITHIN, || text(person, &open).contains("and grace's"));
        assert_eq!(text(person, &closed), "hers", "{}", person.name());
    }
    // Where she is, everybody may say. It is lossy: said until it is heard, behind what she typed.
    let state = json!({ "caret": 4 });
    for (person, mark) in readers.into_iter().zip(marks) {
        wait_until("her caret shows", ARRIVES_WITHIN, || {
            let here = signal(&closed, kind::DOCUMENT_AWARENESS, state.to_string().into_bytes());
            device::send(&mut socket, &here).expect("the socket is open");
            let told = person.events_since(mark);
            told.iter().any(|event| event["type"] == "doc.awareness" && event["docId"] == closed)
        });
        let changed = |event: &Value| {
            ["doc.update", "doc.reset"].iter().any(|kind| event["type"] == *kind) && event["docId"] == closed
        };
        let changes: Vec<Value> = person.events_since(mark).into_iter().filter(changed).collect();
        assert!(changes.is_empty(), "{} was shown {changes:?}, if only for a moment", person.name());
    }
    for person in readers {
        person.kill_and_start_again();
        wait_until("what she may write is there", ARRIVES_WITHIN, || text(person, &open).contains("and grace's"));
        assert_eq!(text(person, &closed), "hers", "{} after a restart", person.name());
    }
}

// Rules: DO11
#[test]
fn a_document_goes_out_as_a_file_and_a_file_comes_in() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    let doc = create(&ada, &room, "Plan: <b>A/B</b>");
    let markdown = "# Plan\n\n- [x] **tea**\n- [ ] cake\n\n| who | what |\n| --- | --- |\n| ada | tea |\n";
    ada.ask("docs.import", json!({ "docId": doc, "format": "markdown", "content": markdown }));
    let export = |person: &Momo, format: &str| person.ask("docs.export", json!({ "docId": doc, "format": format }));
    assert_eq!(export(&ada, "markdown")["content"], markdown);
    wait_for_text(&grace, &doc, "Plan\ntea\ncake\nwho\nwhat\nada\ntea");
    let exported = export(&grace, "markdown");
    assert_eq!(exported["content"], markdown);
    assert_eq!(exported["fileName"], "Plan b A B b.md");
    assert_eq!(export(&grace, "text")["content"], "Plan\ntea\ncake\nwho\nwhat\nada\ntea");

    // What looks like markup is text, and goes to the end.
    let text = "<script>alert(1)</script>\n# no heading";
    grace.ask("docs.import", json!({ "docId": doc, "format": "text", "content": text }));
    let page = export(&grace, "html")["content"].as_str().expect("a page").to_owned();
    assert!(page.contains("<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n<p># no heading</p>"), "{page}");
    assert!(page.contains("<title>Plan: &lt;b&gt;A/B&lt;/b&gt;</title>"), "{page}");

    // Who may not write adds nothing; what is too long is refused whole.
    ada.ask("docs.setEditors", json!({ "docId": doc, "editing": "author" }));
    wait_until("grace may not write", ARRIVES_WITHIN, || docs(&grace, &room)[0].get("readOnly").is_some());
    let refused = grace.call("docs.import", json!({ "docId": doc, "format": "text", "content": "more" }));
    assert_eq!(refused.expect_err("she may not").kind, "forbidden");
    let long = "x".repeat(1024 * 1024 + 1);
    let refused = ada.call("docs.import", json!({ "docId": doc, "format": "text", "content": long }));
    assert_eq!(refused.expect_err("it is too long").kind, "invalid");
    assert_eq!(export(&ada, "text")["content"], export(&grace, "text")["content"]);
}

// Rules: DO13
#[test]
fn versions_say_who_wrote_what_and_a_document_goes_back_to_one() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    let doc = create(&ada, &room, "Plan");
    let versions = |person: &Momo| {
        person.ask("docs.history", json!({ "docId": doc }))["versions"].as_array().expect("a list").clone()
    };
    ada.ask("docs.import", json!({ "docId": doc, "format": "markdown", "content": "# Plan\n\n- tea\n" }));
    wait_for_text(&grace, &doc, "Plan\ntea");
    // In an event, not only live: what grace writes beside it is a version of its own.
    wait_until("ada's is a version", ARRIVES_WITHIN, || {
        let newest = versions(&grace)[0]["versionId"].clone();
        let held = grace.ask("docs.version", json!({ "docId": doc, "versionId": newest }));
        held["markdown"] == "# Plan\n\n- tea\n"
    });
    let first = versions(&grace)[0].clone();
    insert(&grace, &doc, 8, " and cake");
    wait_until("both know grace's version", ARRIVES_WITHIN, || {
        [&ada, &grace].iter().all(|person| versions(person)[0]["userId"] == grace.user_id())
    });
    assert_eq!(versions(&ada), versions(&grace), "history is alike everywhere");
    assert_eq!(versions(&ada).len(), 2);
    assert_eq!(versions(&ada)[1], first);
    assert_eq!(first["userId"], ada.user_id());
    let page = ada.ask("docs.history", json!({ "docId": doc, "limit": 1 }));
    assert_eq!(page["versions"].as_array().map(Vec::len), Some(1));
    let rest = ada.ask("docs.history", json!({ "docId": doc, "before": page["next"] }));
    assert_eq!(rest["versions"][0], first);
    assert!(rest.get("next").is_none());
    let newest = &versions(&ada)[0]["versionId"];
    let changed = ada.ask("docs.version", json!({ "docId": doc, "versionId": newest }));
    assert_eq!(changed["before"], "# Plan\n\n- tea\n");
    assert_eq!(changed["markdown"], "# Plan\n\n- tea and cake\n");

    // Back, by an edit like any other: the version that it undoes stays in the history.
    ada.ask("docs.revert", json!({ "docId": doc, "versionId": first["versionId"] }));
    for person in [&ada, &grace] {
        wait_for_text(person, &doc, "Plan\ntea");
        wait_until("it is a version", ARRIVES_WITHIN, || versions(person).len() == 3);
    }
    let unknown = ada.call("docs.version", json!({ "docId": doc, "versionId": doc }));
    assert_eq!(unknown.expect_err("no version").kind, "not_found");
    ada.ask("docs.setEditors", json!({ "docId": doc, "editing": "author" }));
    wait_until("grace may not write", ARRIVES_WITHIN, || docs(&grace, &room)[0].get("readOnly").is_some());
    let refused = grace.call("docs.revert", json!({ "docId": doc, "versionId": first["versionId"] }));
    assert_eq!(refused.expect_err("she may not").kind, "forbidden");
}
