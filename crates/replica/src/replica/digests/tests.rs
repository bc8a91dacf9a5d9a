use momoland_protocol::event::Action;
use momoland_protocol::id::RoomId;
use momoland_protocol::register::RegisterName;
use momoland_protocol::replication::RelayMode;

use crate::input::{Command, CommandId, Input};
use crate::replica::tests::{acknowledged_by, announce, append, held, world};
use crate::session::SLOW_AFTER_MS;
use crate::sim::world::World;

/// A room in which all ask for digests.
fn fed_by_peers(people: usize) -> (World, RoomId) {
    let (mut world, room) = world(people);
    for node in 1..=people {
        world.input(node, Input::Mode { room, mode: RelayMode::Digest });
    }
    world.settle();
    (world, room)
}

/// As [`fed_by_peers`], and all are linked with each other.
fn mesh(people: usize) -> (World, RoomId) {
    let (mut world, room) = fed_by_peers(people);
    for one in 1..=people {
        (one + 1..=people).for_each(|other| world.connect(one, other));
    }
    world.settle();
    (world, room)
}

/// How many frames of a kind a node sent since the story began.
fn sent(world: &World, node: usize, kind: &str) -> usize {
    let (from, frame) = (format!(" {node} -> Send"), format!("frame: {kind} {{"));
    world.story.iter().flatten().filter(|line| line.contains(&from) && line.contains(&frame)).count()
}

fn begin_story(world: &mut World) {
    world.story = Some(Vec::new());
}

fn set_mark(world: &mut World, node: usize, room: RoomId, value: u8) {
    let command = Command::SetRegister { room, name: RegisterName::READ, target: room.0, value: vec![value], at: None };
    world.input(node, Input::Command { id: CommandId(9_000 + u64::from(value)), command });
}

// Rules: SY15, SY21
#[test]
fn what_peers_bring_is_neither_sent_nor_listed_nor_uploaded_again() {
    let (mut world, room) = mesh(4);
    begin_story(&mut world);
    for number in 0..10 {
        world.post(1 + number % 2, room, &format!("message {number}"));
        world.run_for(700);
    }
    world.settle();
    for node in 0..=4 {
        assert_eq!(world.texts(node, room).len(), 10, "node {node}");
    }
    for kind in ["Events", "Digest", "Fetch", "Have"] {
        assert_eq!(sent(&world, 0, kind), 0, "the relay sent {kind}");
    }
    assert_eq!(world.events_sent(3) + world.events_sent(4), 0, "who wrote nothing uploads nothing");
    assert!(acknowledged_by(&world, 1, true));
}

// Rules: SY15, SY20
#[test]
fn a_gap_that_peers_leave_is_listed_and_fetched() {
    let (mut world, room) = fed_by_peers(3);
    begin_story(&mut world);
    for number in 0..30 {
        world.post(1, room, &format!("message {number}"));
        world.post(2, room, &format!("answer {number}"));
    }
    world.run_for(990);
    assert_eq!(sent(&world, 0, "Events"), 0);
    assert!(world.texts(3, room).is_empty());
    world.run_for(1_100);
    for node in 1..=3 {
        assert_eq!(world.texts(node, room).len(), 60, "node {node}");
    }
    assert_eq!(sent(&world, 0, "Digest"), 3, "one list a device");
    assert_eq!(sent(&world, 3, "Fetch"), 1, "one question for both chains");
    // What is fetched later comes without what came before.
    let before = world.events_sent(0);
    world.post(1, room, "one more");
    world.settle();
    assert_eq!(world.events_sent(0), before + 2, "one event to each of two");
}

// Rules: SY15
#[test]
fn lists_come_at_most_once_a_second() {
    let (mut world, room) = fed_by_peers(2);
    begin_story(&mut world);
    for number in 0..100 {
        world.post(1, room, &format!("message {number}"));
        world.run_for(50);
    }
    let lists = sent(&world, 0, "Digest");
    assert!((1..=5).contains(&lists), "{lists} lists in five seconds");
    world.settle();
    assert_eq!(world.texts(2, room).len(), 100);
}

// Rules: SY15
#[test]
fn back_in_full_mode_everything_comes_at_once() {
    let (mut world, room) = fed_by_peers(2);
    world.post(1, room, "held back");
    set_mark(&mut world, 1, room, 1);
    world.run_for(300);
    assert!(world.texts(2, room).is_empty());
    begin_story(&mut world);
    world.input(2, Input::Mode { room, mode: RelayMode::Full });
    world.run_for(100);
    assert_eq!(world.texts(2, room), ["held back"]);
    assert_eq!(sent(&world, 0, "Registers"), 1);
    world.post(1, room, "pushed");
    world.run_for(100);
    assert_eq!(world.texts(2, room).len(), 2);
    assert_eq!(sent(&world, 0, "Digest"), 0);
}

// Rules: SY21
#[test]
fn the_relay_fetches_what_others_acknowledge_and_it_lacks() {
    let (mut world, room) = mesh(3);
    // The first person's connection to the relay is gone, and the others go on being fed by peers.
    world.cut(0, 1);
    begin_story(&mut world);
    for number in 0..5 {
        world.post(1, room, &format!("message {number}"));
    }
    world.settle();
    assert_eq!(world.texts(0, room), world.texts(1, room));
    assert_eq!(world.texts(0, room).len(), 5);
    assert!(sent(&world, 0, "Fetch") >= 1, "it asked");
    assert_eq!(sent(&world, 0, "Have"), 0, "and not for everything");
}

// Rules: SY21
#[test]
fn the_relay_fetches_what_was_on_its_way_to_a_disk_when_its_author_left() {
    let (mut world, room) = mesh(2);
    world.cut(0, 1);
    world.slow_disk(2, 4_000);
    world.post(1, room, "the last word");
    world.run_for(1_000);
    assert_eq!(world.texts(2, room), Vec::<String>::new(), "it is not on the disk yet");
    world.cut(1, 2);
    world.settle();
    assert_eq!(world.texts(2, room), ["the last word"]);
    assert_eq!(world.texts(0, room), ["the last word"]);
}

// Rules: SY22
#[test]
fn registers_that_peers_bring_do_not_come_from_the_relay() {
    let (mut world, room) = mesh(4);
    begin_story(&mut world);
    for value in 1..=5 {
        set_mark(&mut world, 1, room, value);
        world.run_for(1_000);
    }
    world.settle();
    assert_eq!(sent(&world, 0, "Registers"), 0);
    let held = world.registers(1, room);
    for node in 0..=4 {
        assert_eq!(world.registers(node, room), held, "node {node}");
    }
}

// Rules: SY22
#[test]
fn registers_that_no_peer_brings_come_a_second_later_and_only_the_last() {
    let (mut world, room) = fed_by_peers(2);
    begin_story(&mut world);
    for value in 1..=5 {
        set_mark(&mut world, 1, room, value);
        world.run_for(100);
    }
    world.run_for(400);
    assert_eq!(sent(&world, 0, "Registers"), 0);
    world.settle();
    assert_eq!(sent(&world, 0, "Registers"), 1);
    assert_eq!(world.registers(2, room), world.registers(1, room));
}

/// Fills the window of the second person, who takes nothing.
fn stalled() -> (World, RoomId) {
    let (mut world, room) = world(3);
    let until = world.now_ms + 60_000;
    world.pipes(0, 2).for_each(|pipe| pipe.quiet_until_ms = until);
    let long = "m".repeat(8_000);
    for number in 0..12 {
        world.post(1, room, &format!("{number} {long}"));
        world.run_for(100);
    }
    (world, room)
}

// Rules: SY9, SY23
#[test]
fn who_takes_nothing_is_listed_what_it_lacks_and_catches_up() {
    let (mut world, room) = stalled();
    world.run_for(SLOW_AFTER_MS);
    begin_story(&mut world);
    for number in 0..40 {
        world.post(3, room, &format!("meanwhile {number}"));
        world.run_for(500);
    }
    assert_eq!(sent(&world, 0, "Digest"), 0, "nothing waits for who takes nothing");
    assert_eq!(world.texts(1, room).len(), 52, "it costs nobody else anything");
    world.run_for(60_000);
    assert_eq!(world.texts(2, room), world.texts(0, room));
    assert_eq!(sent(&world, 0, "Digest"), 1, "one list of both chains");
    assert_eq!(sent(&world, 2, "Fetch"), 1);
    // In step again, it is sent what is new at once.
    world.post(3, room, "at once");
    world.run_for(100);
    assert_eq!(world.texts(2, room).len(), 53);
    assert_eq!(sent(&world, 0, "Digest"), 1);
}

// Rules: SY22
#[test]
fn registers_on_their_way_to_the_disk_reach_who_asks_for_digests_meanwhile() {
    let (mut world, room) = world(2);
    world.slow_disk(0, 500);
    set_mark(&mut world, 1, room, 1);
    world.run_for(200);
    world.input(2, Input::Mode { room, mode: RelayMode::Digest });
    world.run_for(5_000);
    assert_eq!(world.registers(0, room).len(), 1);
    assert_eq!(world.registers(2, room), world.registers(0, room));
}

// Rules: SY22, SY23
#[test]
fn registers_on_their_way_to_the_disk_reach_who_is_found_to_take_nothing_meanwhile() {
    let (mut world, room) = stalled();
    world.run_for(SLOW_AFTER_MS);
    world.slow_disk(0, 500);
    world.post(3, room, "too much");
    world.run_for(100);
    set_mark(&mut world, 1, room, 1);
    world.run_for(60_000);
    assert_eq!(world.texts(2, room), world.texts(0, room));
    assert_eq!(world.registers(0, room).len(), 1);
    assert_eq!(world.registers(2, room), world.registers(0, room));
}

// Rules: SY9, SY23
#[test]
fn who_takes_nothing_costs_a_place_a_chain() {
    let (mut world, room) = stalled();
    world.run_for(SLOW_AFTER_MS);
    for number in 0..200 {
        world.post(1 + 2 * (number % 2), room, "more");
        world.run_for(100);
    }
    let links = world.replica_of(0).owed_places();
    assert!(links.iter().all(|places| *places <= 2), "{links:?}");
}

// Rules: SY15, SY20
#[test]
fn a_log_and_its_mode_begin_together() {
    let (mut world, room) = mesh(2);
    world.cut(0, 2);
    world.post(1, room, "meanwhile");
    world.settle();
    world.connect(0, 2);
    world.settle();
    begin_story(&mut world);
    world.post(1, room, "after");
    world.settle();
    assert_eq!(world.texts(2, room), ["meanwhile", "after"]);
    assert_eq!(sent(&world, 0, "Events"), 0, "who comes back asks for digests again");
}

// Rules: SY7
#[test]
fn a_burst_that_peers_carry_is_acknowledged_a_few_times() {
    let (mut world, room) = mesh(2);
    begin_story(&mut world);
    for number in 0..100 {
        world.post(1, room, &format!("message {number}"));
        world.run_for(3);
    }
    world.settle();
    assert_eq!(world.texts(0, room).len(), 100);
    let told = sent(&world, 0, "Ack");
    assert!((1..=6).contains(&told), "{told} acknowledgements");
    assert!(acknowledged_by(&world, 1, true));
}

// Rules: SY7
#[test]
fn a_burst_that_the_relay_carries_is_acknowledged_to_it_a_few_times() {
    let (mut world, room) = world(2);
    begin_story(&mut world);
    for number in 0..100 {
        world.post(1, room, &format!("message {number}"));
        world.run_for(3);
    }
    world.settle();
    assert_eq!(world.texts(2, room).len(), 100);
    let told = sent(&world, 2, "Ack");
    assert!((1..=2).contains(&told), "{told} acknowledgements");
    assert!(acknowledged_by(&world, 1, true));
}

// Rules: SY15, SY19
#[test]
fn a_mode_holds_for_a_log_that_the_relay_learns_of_last() {
    let (mut world, room) = mesh(2);
    // Both say how they want the log while its announcement is on its way to the relay's disk.
    world.slow_disk(0, 300);
    let log = announce(&mut world, 1, room);
    world.settle();
    world.slow_disk(0, 0);
    begin_story(&mut world);
    append(&mut world, 1, log, Action::DOCUMENT_UPDATE, "an update");
    world.settle();
    assert_eq!(held(&world, 2, log).len(), 1);
    assert_eq!(held(&world, 0, log).len(), 1);
    assert_eq!(sent(&world, 0, "Events"), 0, "the other has it from its author");
}
