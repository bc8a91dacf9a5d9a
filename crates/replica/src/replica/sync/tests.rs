use momoland_protocol::clock::Hlc;
use momoland_protocol::event::{Event, EventHeader};
use momoland_protocol::id::{EventId, RoomId, RosterHash, Seq, SetHash};
use momoland_protocol::replication::{ChainRange, Frame};
use momoland_protocol::roster::{Role, RosterOp, Visibility};
use momoland_protocol::signed::Signed;

use crate::input::Input;
use crate::replica::tests::{acknowledged_by, hostile_link, world};
use crate::roster::Roster;
use crate::sim::world::{Step, World};

// Rules: EV2, EV8
#[test]
fn an_own_tail_that_comes_back_is_not_continued() {
    let (mut world, room) = world(2);
    world.set_skew(1, 24 * 3_600_000);
    world.post(1, room, "kept");
    world.settle();
    let copy = world.copy(1);
    world.slow_disk(0, 60_000);
    world.post(1, room, "lost with the disk");
    world.run_for(1_000);
    world.restore(1, copy);
    world.set_skew(1, 0);
    // The relay's vector does not have the tail yet; it comes as an event.
    world.connect(0, 1);
    world.settle();
    let lives = world.replica_of(0).chains(room.conversation()).count();
    world.post(1, room, "after the loss");
    world.settle();
    assert_eq!(world.closed, 0, "an honest author is not taken for a liar");
    assert_eq!(world.replica_of(0).chains(room.conversation()).count(), lives + 1, "a new life");
    assert_eq!(world.texts(2, room), world.texts(0, room));
    assert_eq!(world.texts(1, room).len(), 3);
}

// Rules: SY1, SY3
#[test]
fn who_was_out_for_a_moment_is_compared_with_again() {
    let (mut world, room) = world(2);
    let account = world.person(2).account;
    world.cut(0, 2);
    world.change(1, room, RosterOp::Remove { account, ban: false });
    world.settle();
    world.post(1, room, "meanwhile");
    world.settle();
    // The relay has the return in memory, and its disk has not; so the link opens under the one roster and the other.
    world.join(2, room);
    world.connect(0, 2);
    world.settle();
    assert_eq!(world.replica_of(2).roster(room).unwrap().role(account), Some(Role::Member));
    assert_eq!(world.texts(2, room), ["meanwhile"]);
}

// Rules: SY1, EV8
#[test]
fn who_was_removed_while_the_disk_read_is_asked_nothing() {
    let (mut world, room) = world(3);
    world.post(1, room, "first");
    for number in 0..40 {
        world.post(1, room, &format!("message {number}, long enough for the first to be in nobody's memory any more"));
    }
    world.settle();
    world.connect(1, 2);
    world.settle();
    let log = room.conversation();
    let chain = world.event(1, "first").header.get().chain();
    let with_second = world.remote(2);
    let to_second = world.replica_of(1).links.iter().find(|(_, link)| link.remote == with_second);
    let link = to_second.expect("it stands").0;
    // A place of its own chain, of which the other end says that it holds another event there.
    let range = ChainRange { chain, low: Seq(1), high: Seq(1), head: EventId([7; 32]) };
    let have = Frame::Have { log, chains: vec![range], more: false, registers: SetHash::ZERO };
    world.input(1, Input::Frame { link, frame: have });
    assert!(world.steps().contains(&Step::Load(1)), "it is read to be compared");
    let remove = RosterOp::Remove { account: world.person(2).account, ban: false };
    let removal = world.signed_change(1, room, remove);
    let removal = world.countersign(removal);
    world.server.note_ordered(std::slice::from_ref(&removal));
    world.input(1, Input::Roster(vec![removal]));
    // The world holds each frame that is sent against its sender's roster.
    world.settle();
}

// Rules: EV7, CU2, SY13
#[test]
fn another_branch_is_seen_though_what_follows_is_beyond_a_cut() {
    for beyond in [0, 3] {
        let (mut world, room) = world(3);
        world.post(3, room, "common");
        world.settle();
        let copy = world.copy(3);
        world.cut(0, 2);
        // One branch is known to the relay, the other to person 2 alone. Both end behind the cut, or only one does.
        world.post(3, room, "the one branch");
        world.settle();
        let account = world.person(3).account;
        let remove = RosterOp::Remove { account, ban: false };
        let removal = world.signed_change(1, room, remove);
        let removal = world.countersign(removal);
        for number in 0..beyond {
            world.post(3, room, &format!("too late {number}"));
        }
        world.settle();
        world.cut(0, 3);
        world.restore(3, copy);
        world.connect(2, 3);
        for number in 0..40 {
            world.post(3, room, &format!("the other branch {number}, long enough to be in nobody's memory any more"));
        }
        world.settle();
        world.cut(2, 3);
        world.input(0, Input::Roster(vec![removal]));
        world.settle();
        world.connect(0, 2);
        world.settle();
        for node in [0, 2] {
            assert_eq!(world.replica_of(node).proofs.len(), 1, "node {node}, {beyond} beyond the cut");
        }
    }
}

// Rules: SY3, SY7
#[test]
fn who_is_being_removed_is_told_nothing_more() {
    let (mut world, room) = world(2);
    let account = world.person(2).account;
    world.slow_disk(0, 1_000);
    world.post(2, room, "on its way to the relay's disk");
    world.run_for(100);
    // The removal is known to the relay before the event is stored. The world holds what is sent against the roster.
    world.change(1, room, RosterOp::Remove { account, ban: false });
    world.settle();
    assert!(!acknowledged_by(&world, 2, true));
    assert_eq!(world.replica_of(0).roster(room).unwrap().role(account), None);
}

/// A relay that lost what came after a copy of its disk, and who alone has it: a member, or somebody whom it does not
/// know any more.
fn restored_relay(members: usize) -> (World, RoomId) {
    let mut world = World::with_people(3);
    let room = world.create_room(1, Visibility::Public);
    (1..=3).for_each(|node| world.connect(0, node));
    (2..=members).for_each(|node| world.join(node, room));
    world.settle();
    (world, room)
}

// Rules: SY1, SY2
#[test]
fn a_restored_relay_takes_back_a_change_from_somebody_it_does_not_know() {
    let (mut world, room) = restored_relay(2);
    let copy = world.copy(0);
    (1..=2).for_each(|node| world.cut(0, node));
    world.join(3, room);
    world.settle();
    world.restore(0, copy);
    assert_eq!(world.replica_of(0).roster(room).unwrap().role(world.person(3).account), None);
    (1..=3).for_each(|node| world.connect(0, node));
    world.post(3, room, "in the room that nobody else knows me to be in");
    world.settle();
    for node in 0..=3 {
        assert_eq!(world.replica_of(node).roster(room).map(Roster::version), Some(3), "node {node}");
        assert_eq!(world.texts(node, room).len(), 1, "node {node}");
    }
}

// Rules: SY1, SY2
#[test]
fn a_restored_relay_is_given_a_change_once_it_is_on_somebodys_disk() {
    let (mut world, room) = restored_relay(3);
    let copy = world.copy(0);
    world.slow_disk(2, 60_000);
    (1..=3).filter(|node| *node != 2).for_each(|node| world.cut(0, node));
    let account = world.person(3).account;
    world.change(1, room, RosterOp::SetRole { account, role: Role::Reader });
    world.run_for(1_000);
    world.restore(0, copy);
    // Person 2 says what is on its disk, which has not taken the change yet.
    world.connect(0, 2);
    world.run_for(1_000);
    assert_eq!(world.replica_of(0).roster(room).unwrap().role(account), Some(Role::Member));
    world.settle();
    assert_eq!(world.replica_of(0).roster(room).unwrap().role(account), Some(Role::Reader));
}

// Rules: SY18
#[test]
fn who_missed_nothing_is_compared_by_a_hash() {
    let people = 6;
    let (mut world, room) = world(people);
    for node in 1..=people {
        world.post(node, room, &format!("of person {node}"));
        world.settle();
    }
    let reconnect = |world: &mut World| {
        world.cut(0, 1);
        let before = world.frame_bytes;
        world.connect(0, 1);
        world.settle();
        world.frame_bytes - before
    };
    let in_step = reconnect(&mut world);
    // One end has more than the other, and the other way round.
    world.cut(0, 1);
    world.post(1, room, "written here");
    world.post(2, room, "written there");
    world.settle();
    let behind = reconnect(&mut world);
    let vectors = 2 * people as u64 * 80;
    assert!(in_step + vectors < behind, "{in_step} bytes in step, {behind} behind");
    for node in 0..=people {
        assert_eq!(world.texts(node, room).len(), people + 2, "node {node}");
    }
    assert!(acknowledged_by(&world, 1, true));
}

// Rules: EV7, EV8
#[test]
fn an_author_learns_of_a_fork_whose_other_branch_is_still_on_its_way_to_the_disk() {
    let (mut world, room) = world(2);
    world.post(1, room, "common");
    world.settle();
    let copy = world.copy(1);
    world.slow_disk(0, 5_000);
    world.post(1, room, "the one branch");
    world.run_for(1_000);
    world.restore(1, copy);
    world.post(1, room, "the other branch");
    world.connect(0, 1);
    world.settle();
    world.post(1, room, "in a new life");
    world.settle();
    assert!(world.texts(2, room).contains(&"in a new life".to_owned()), "{:?}", world.texts(2, room));
}

// Rules: SY1, SY3
#[test]
fn a_device_is_given_the_change_that_added_it_over_a_link_that_stands() {
    let (mut world, room) = world(2);
    let tablet = world.add_device(world.person(2).account, 100);
    world.connect(0, tablet);
    world.settle();
    let certificate = world.person(tablet).certificate.clone();
    world.change(tablet, room, RosterOp::AddDevice { certificate });
    world.post(1, room, "to both devices");
    world.settle();
    assert_eq!(world.texts(tablet, room), ["to both devices"]);
}

// Rules: SY10
#[test]
fn a_roster_that_does_not_come_is_asked_for_twice_a_second_at_most() {
    let (mut world, room) = world(2);
    world.post(2, room, "names a change that is held");
    world.settle();
    let key = std::sync::Arc::clone(&world.person(2).key);
    let known = world.event(2, "names a change that is held");
    let header = EventHeader {
        seq: Seq(2),
        prev: known.id(),
        hlc: Hlc(u64::MAX >> 1),
        roster: RosterHash([9; 32]),
        ..known.header.get().clone()
    };
    let event = Event { header: Signed::sign(header, &key).unwrap(), body: known.body.clone() };
    let (log, link) = (room.conversation(), hostile_link(&mut world));
    let before = world.frames;
    for _ in 0..50 {
        world.input(0, Input::Frame { link, frame: Frame::Events { log, events: vec![event.clone()] } });
    }
    let said = world.frames - before;
    assert!((1..=2).contains(&said), "{said} frames for one that does not come");
}
