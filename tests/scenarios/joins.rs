//! Somebody joins while others write.

use std::time::Duration;

use serde_json::json;
use support::{Momo, World, wait_until};

/// C19.
const READS_WITHIN: Duration = Duration::from_secs(10);

const ARRIVES_WITHIN: Duration = Duration::from_secs(20);

/// C19 asks for 50.
const ROUNDS: usize = 50;

#[test]
fn c19_what_is_sent_while_somebody_joins_reaches_them() {
    let (_world, [ada, carol]) = World::with_people(["ada", "carol"]);
    for round in 0..ROUNDS {
        let room = ada.create_room(&format!("room {round}"), "public");
        let before = format!("before {round}");
        ada.send(&room, &before);
        // Both requests are on their way before either is answered: within far less than 20 ms, in either order.
        let text = format!("message {round}");
        let join = || carol.begin("rooms.join", json!({ "roomId": room }));
        let send = || ada.begin("messages.send", json!({ "roomId": room, "text": text }));
        let (joined, written) = if round.is_multiple_of(2) {
            let joined = join();
            (joined, send())
        } else {
            let written = send();
            (join(), written)
        };
        joined.wait(ARRIVES_WITHIN).unwrap_or_else(|refusal| panic!("round {round}: {refusal:?}"));
        written.wait(ARRIVES_WITHIN).unwrap_or_else(|refusal| panic!("round {round}: {refusal:?}"));
        // The room's history is for all members, so nothing may be missing, and nothing stand there as an error.
        let expected = [before, text];
        carol.wait_texts(&room, &expected, READS_WITHIN);
        assert_eq!(ada.texts(&room), expected);
    }
}

#[test]
fn c19_what_is_sent_before_its_author_knows_of_the_newcomer_reaches_them() {
    let (_world, [ada, grace, carol]) = World::with_people(["ada", "grace", "carol"]);
    let room = ada.create_room("the square", "public");
    grace.ask("rooms.join", json!({ "roomId": room }));
    wait_members(&ada, &room, 2);
    ada.ask("net.setOnline", json!({ "online": false }));
    ada.send(&room, "who will read this?");
    carol.ask("rooms.join", json!({ "roomId": room }));
    ada.send(&room, "and this?");
    assert_eq!(ada.members(&room).len(), 2, "she cannot know yet");
    ada.ask("net.setOnline", json!({ "online": true }));
    let expected = ["who will read this?".to_owned(), "and this?".to_owned()];
    for person in [&carol, &grace] {
        person.wait_texts(&room, &expected, READS_WITHIN);
    }
    wait_members(&ada, &room, 3);
}

/// How often somebody leaves and comes back at once.
const RETURNS: usize = 50;

#[test]
fn who_leaves_and_comes_back_at_once_is_there() {
    let (_world, [ada, carol]) = World::with_people(["ada", "carol"]);
    let room = ada.create_room("the square", "public");
    carol.ask("rooms.join", json!({ "roomId": room }));
    let mut sent = Vec::new();
    for round in 0..RETURNS {
        carol.ask("rooms.leave", json!({ "roomId": room }));
        carol.ask("rooms.join", json!({ "roomId": room }));
        let text = format!("message {round}");
        ada.send(&room, &text);
        sent.push(text);
        carol.wait_texts(&room, &sent, ARRIVES_WITHIN);
        assert_eq!(ada.members(&room).len(), 2);
    }
}

#[track_caller]
fn wait_members(who: &Momo, room: &str, count: usize) {
    wait_until("the roster is known", ARRIVES_WITHIN, || who.members(room).len() == count);
}
