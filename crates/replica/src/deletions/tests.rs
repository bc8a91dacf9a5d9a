use momoland_protocol::event::{Action, Event};
use momoland_protocol::id::RoomId;
use momoland_protocol::replication::Frame;
use momoland_protocol::roster::{Role, RosterOp};

use crate::input::Input;
use crate::output::Notice;
use crate::replica::tests::{hostile_link, world};
use crate::sim::world::World;

/// Everybody is in step, with a message of person 1's and an edit of it.
fn written(people: usize) -> (World, RoomId, Event) {
    let (mut world, room) = world(people);
    world.post(1, room, "a secret");
    world.settle();
    let message = world.event(1, "a secret");
    world.amend(1, room, Action::EDIT, &message, "the same secret");
    world.settle();
    (world, room, message)
}

fn check(world: &World, room: RoomId, nodes: impl IntoIterator<Item = usize>, texts: &[&str]) {
    for node in nodes {
        assert_eq!(world.texts(node, room), texts, "node {node}");
    }
}

fn promote(world: &mut World, room: RoomId, node: usize, role: Role) {
    let account = world.person(node).account;
    world.change(1, room, RosterOp::SetRole { account, role });
    world.settle();
}

// Rules: BO4
#[test]
fn a_deletion_reaches_every_disk_and_restarts_change_nothing() {
    let (mut world, room, message) = written(3);
    world.amend(1, room, Action::RETRACT, &message, "it is gone");
    world.settle();
    check(&world, room, 0..=3, &["it is gone"]);
    for node in 0..=3 {
        world.crash(node);
    }
    for node in 1..=3 {
        world.connect(0, node);
    }
    world.amend(1, room, Action::EDIT, &message, "an edit that comes too late");
    world.settle();
    check(&world, room, 0..=3, &["it is gone"]);
}

// Rules: BO4
#[test]
fn a_newcomer_gets_headers_alone() {
    let (mut world, room, message) = written(3);
    world.cut(0, 3);
    world.amend(1, room, Action::RETRACT, &message, "it is gone");
    world.settle();
    check(&world, room, [3], &["a secret", "the same secret"]);
    let heard = world.notices(3).len();
    world.connect(0, 3);
    world.settle();
    check(&world, room, [3], &["it is gone"]);
    assert_eq!(world.shown(3, room), world.shown(1, room), "every header is there");
    let told = world.notices(3)[heard..].iter().filter(|notice| matches!(notice, Notice::Stored { .. })).count();
    assert_eq!(told, 1, "the deletion is all that is new");
}

// Rules: BO4, SY11
#[test]
fn a_deletion_may_come_before_what_it_deletes() {
    // Person 2 alone has the message; the deletion is with the relay before.
    let (mut world, room) = world(3);
    promote(&mut world, room, 2, Role::Moderator);
    world.connect(2, 3);
    world.settle();
    for node in [2, 3] {
        world.cut(0, node);
    }
    world.post(3, room, "a secret");
    world.settle();
    let message = world.event(2, "a secret");
    world.amend(3, room, Action::EDIT, &message, "the same secret");
    world.settle();
    world.cut(2, 3);
    world.amend(2, room, Action::REDACT, &message, "it is gone");
    world.settle();
    check(&world, room, [2], &["it is gone"]);
    check(&world, room, [3], &["a secret", "the same secret"]);
    // The relay and person 1 hear of the deletion first, and take the message by person 3 afterwards.
    world.connect(0, 2);
    world.settle();
    world.crash(0);
    for node in [1, 2, 3] {
        world.connect(0, node);
    }
    world.settle();
    check(&world, room, 0..=3, &["it is gone"]);
    for node in 0..=3 {
        assert_eq!(world.shown(node, room), world.shown(2, room), "node {node}");
    }
}

// Rules: AM2, BO4
#[test]
fn a_deletion_that_does_not_count_drops_nothing() {
    let (mut world, room, message) = written(3);
    // Not the author; not a moderator; not there where it says.
    world.amend(2, room, Action::RETRACT, &message, "not theirs to take");
    world.amend(2, room, Action::REDACT, &message, "refused");
    world.post(1, room, "another");
    world.settle();
    let place = world.event(1, "another").header.get().own_place();
    world.amend_at(1, room, Action::RETRACT, (place, message.id()), "of another place");
    world.settle();
    let texts = ["a secret", "the same secret", "not theirs to take", "another", "of another place"];
    check(&world, room, 0..=3, &texts);
    for node in 0..=3 {
        world.crash(node);
    }
    check(&world, room, 0..=3, &texts);
}

// Rules: BO4, CU2
#[test]
fn a_deletion_beyond_a_cut_drops_nothing_from_then_on() {
    let (mut world, room, message) = written(3);
    promote(&mut world, room, 2, Role::Moderator);
    // Removed, and not told: what person 2 does now claims the roster from before.
    world.cut(0, 2);
    let account = world.person(2).account;
    world.change(1, room, RosterOp::Remove { account, ban: false });
    world.settle();
    world.amend(2, room, Action::REDACT, &message, "backdated");
    world.settle();
    check(&world, room, [2], &["backdated"]);
    world.connect(2, 3);
    world.connect(0, 2);
    world.settle();
    check(&world, room, [0, 1, 3], &["a secret", "the same secret"]);
}

// Rules: BO4, BO5
#[test]
fn a_body_that_comes_again_is_not_taken_again() {
    let (mut world, room, message) = written(2);
    let edit = world.event(1, "the same secret");
    world.amend(1, room, Action::RETRACT, &message, "it is gone");
    world.settle();
    let link = hostile_link(&mut world);
    let frame = Frame::Events { log: room.conversation(), events: vec![message, edit] };
    world.input(0, Input::Frame { link, frame });
    world.settle();
    check(&world, room, 0..=2, &["it is gone"]);
}
