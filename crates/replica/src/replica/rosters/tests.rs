use momoland_protocol::clock::UnixMillis;
use momoland_protocol::id::{InviteKey, RoomId};
use momoland_protocol::roster::{Role, RosterOp};

use crate::replica::tests::world;
use crate::sim::world::World;

/// The relay is restored from a backup, and puts other changes where those were that it lost.
fn split(world: &mut World, room: RoomId, lost: impl FnOnce(&mut World), anew: impl FnOnce(&mut World)) {
    let backup = world.copy(0);
    lost(world);
    world.settle();
    world.restore(0, backup);
    anew(world);
    world.settle();
    assert!(world.replica_of(0).roster(room).unwrap().split().is_none(), "the relay alone cannot know");
}

fn remove(world: &World, node: usize) -> RosterOp {
    RosterOp::Remove { account: world.person(node).account, ban: false }
}

fn assert_level(world: &World, room: RoomId, nodes: &[usize]) {
    let relay = world.replica_of(0).roster(room).unwrap();
    for node in nodes {
        let roster = world.replica_of(*node).roster(room).unwrap();
        assert_eq!(roster, relay, "node {node}");
    }
}

// Rules: RO13, RO14, RO15, SY17
#[test]
fn a_relay_restored_from_a_backup_undoes_no_removal() {
    let (mut world, room) = world(5);
    world.post(4, room, "before");
    world.settle();
    split(
        &mut world,
        room,
        |world| world.change(1, room, remove(world, 5)),
        |world| world.change(2, room, RosterOp::Leave),
    );
    for node in [1, 3, 4] {
        world.connect(0, node);
    }
    world.settle();
    assert_level(&world, room, &[1, 3, 4]);
    let roster = world.replica_of(0).roster(room).unwrap();
    let heads = roster.split().expect("two branches");
    for node in [2, 5] {
        assert_eq!(roster.role(world.person(node).account), None, "person {node} is out");
    }
    // The conversation goes on under the roster that is frozen.
    world.post(3, room, "meanwhile");
    world.settle();
    assert!(world.texts(4, room).contains(&"meanwhile".to_owned()));

    world.change(1, room, RosterOp::Repair { one: heads.one, other: heads.other });
    world.settle();
    world.join(5, room);
    world.settle();
    assert_level(&world, room, &[1, 3, 4]);
    let roster = world.replica_of(4).roster(room).unwrap();
    assert!(roster.split().is_none());
    assert_eq!(roster.role(world.person(5).account), Some(Role::Member), "a fresh grant");
    for node in [0, 1, 3, 4] {
        assert_eq!(world.shown(node, room), world.shown(0, room), "node {node}");
    }
    // All of it is on the disk.
    for node in [0, 1, 3, 4] {
        let before = world.replica_of(node).roster(room).unwrap().clone();
        world.crash(node);
        assert_eq!(world.replica_of(node).roster(room).unwrap(), &before, "node {node}");
    }
}

// Rules: RO13, SY17
#[test]
fn two_peers_find_where_their_rosters_part() {
    let (mut world, room) = world(4);
    let toggle = |world: &mut World, node: usize, times: usize| {
        for _ in 0..times {
            world.change(node, room, RosterOp::Leave);
            world.settle();
            world.join(node, room);
            world.settle();
        }
    };
    // Person 2 hears of the one branch, person 1 of the other.
    world.cut(0, 2);
    let backup = world.copy(0);
    toggle(&mut world, 3, 20);
    world.cut(0, 1);
    world.restore(0, backup);
    world.connect(0, 2);
    world.connect(0, 4);
    toggle(&mut world, 4, 15);
    world.cut(0, 2);
    world.connect(1, 2);
    world.settle();
    let (one, other) = (world.replica_of(1).roster(room).unwrap(), world.replica_of(2).roster(room).unwrap());
    assert!(one.split().is_some());
    assert_eq!(one, other);
    world.connect(0, 1);
    world.settle();
    assert_level(&world, room, &[1, 2]);
}

// Rules: RO13, EV5
#[test]
fn what_was_written_under_either_branch_is_shown_by_all() {
    let (mut world, room) = world(4);
    split(
        &mut world,
        room,
        |world| {
            world.change(1, room, remove(world, 3));
            world.settle();
            world.post(1, room, "under the first");
        },
        |world| {
            world.connect(0, 4);
            world.settle();
            world.change(
                4,
                room,
                RosterOp::OpenInvite {
                    invite: InviteKey([8; 32]),
                    role: Role::Member,
                    uses_max: None,
                    expires_at: UnixMillis(u64::MAX),
                },
            );
            world.settle();
            world.post(4, room, "under the second");
        },
    );
    for node in [1, 2] {
        world.connect(0, node);
    }
    world.settle();
    assert_level(&world, room, &[1, 2, 4]);
    for node in [0, 1, 2, 4] {
        assert_eq!(world.shown(node, room).len(), 2, "node {node}");
    }
}
