//! Who is typing: seen soon, gone soon, never for ever.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Momo, World, wait_direct};

const ARRIVES_WITHIN: Duration = Duration::from_secs(10);

#[test]
fn typing_is_seen_and_ends_with_a_stop_or_a_message() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    wait_direct(&ada, &grace);

    set(&ada, &room, true);
    let mark = wait_typing(&grace, &ada, 0, true);
    set(&ada, &room, false);
    let mark = wait_typing(&grace, &ada, mark, false);
    set(&ada, &room, true);
    let mark = wait_typing(&grace, &ada, mark, true);
    ada.send(&room, "there");
    grace.wait_text("there");
    wait_typing(&grace, &ada, mark, false);
    assert!(ada.events(|event| is_typing(event, &ada)).is_empty(), "nobody is told of their own typing");
}

// Rules: EP3
#[test]
fn c54_a_typist_who_dies_stops_typing() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    wait_direct(&ada, &grace);
    set(&ada, &room, true);
    let mark = wait_typing(&grace, &ada, 0, true);
    ada.kill();
    wait_typing(&grace, &ada, mark, false);
}

#[test]
fn c54_typing_in_a_hurry_is_told_at_most_once_a_second() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    wait_direct(&ada, &grace);
    let begun = Instant::now();
    for _ in 0..300 {
        set(&ada, &room, true);
    }
    let last = ada.send(&room, "done");
    grace.wait_text("done");
    let seconds = begun.elapsed().as_secs() as usize;
    let told = grace.events(|event| is_typing(event, &ada) && event["typing"] == true).len();
    assert!((1..=seconds + 1).contains(&told), "in {seconds} s {told} times (message {last})");
}

fn set(who: &Momo, room: &str, typing: bool) {
    who.ask("typing.set", json!({ "roomId": room, "typing": typing }));
}

fn is_typing(event: &Value, who: &Momo) -> bool {
    event["type"] == "typing.changed" && event["userId"] == who.user_id()
}

/// Gives the mark behind what was seen.
#[track_caller]
fn wait_typing(by: &Momo, who: &Momo, mark: usize, typing: bool) -> usize {
    let what = format!("{} typing: {typing}", who.name());
    by.wait_event(mark, &what, ARRIVES_WITHIN, |event| is_typing(event, who) && event["typing"] == typing);
    by.mark()
}
