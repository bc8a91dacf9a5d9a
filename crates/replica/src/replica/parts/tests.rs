use momoland_protocol::clock::{Hlc, UnixMillis};
use momoland_protocol::event::{Action, Body, BodyBytes, Event, EventHeader};
use momoland_protocol::id::{EventId, Incarnation, RoomId, Seq};
use momoland_protocol::register::RegisterName;
use momoland_protocol::replication::Frame;
use momoland_protocol::signed::Signed;

use crate::input::{Command, CommandId, Input, LinkId};
use crate::replica::tests::world;
use crate::sim::world::{Step, World};

/// Chains of the first person's in the room.
const CHAINS: u8 = 100;

/// A room of many chains, which all hold.
fn many_chains(people: usize) -> (World, RoomId) {
    let (mut world, room) = world(people);
    for life in 1..=CHAINS {
        let event = event_of(&world, room, life);
        let link = link_at_relay(&world);
        let log = room.conversation();
        world.input(0, Input::Frame { link, frame: Frame::Events { log, events: vec![event] } });
    }
    world.settle();
    (world, room)
}

fn link_at_relay(world: &World) -> LinkId {
    let pipe = world.network.pipes.iter().find(|pipe| (pipe.from, pipe.to) == (0, 1));
    pipe.expect("the first person is connected").at_sender
}

/// The first event of one of the first person's lives.
fn event_of(world: &World, room: RoomId, life: u8) -> Event {
    let body = BodyBytes::new(&Body::Plain(format!("life {life:03}").into_bytes())).unwrap();
    let key = &world.person(1).key;
    let mut incarnation = Incarnation([life; 16]);
    incarnation.0[0] = life.wrapping_mul(37);
    let header = EventHeader {
        log: room.conversation(),
        device: key.device(),
        incarnation,
        seq: Seq(1),
        prev: EventId::ZERO,
        hlc: Hlc::at(UnixMillis(1_000 + u64::from(life))),
        roster: world.replica_of(0).roster(room).unwrap().head(),
        action: Action::POST,
        targets: Vec::new(),
        body_hash: body.hash(),
        body_length: u32::try_from(body.len()).unwrap(),
        place: None,
    };
    Event { header: Signed::sign(header, key).unwrap(), body: Some(body) }
}

fn chains(world: &World, node: usize, room: RoomId) -> usize {
    world.replica_of(node).chains(room.conversation()).count()
}

/// Bytes of all frames since the count began.
fn bytes_of(world: &mut World, happens: impl FnOnce(&mut World)) -> u64 {
    let before = world.frame_bytes;
    happens(world);
    world.settle();
    world.frame_bytes - before
}

// Rules: SY18, SY24
#[test]
fn who_missed_one_event_is_told_of_a_few_chains() {
    let (mut world, room) = many_chains(3);
    assert_eq!(chains(&world, 2, room), usize::from(CHAINS));
    world.cut(0, 2);
    let nothing = bytes_of(&mut world, |world| world.connect(0, 2));
    assert!(nothing < 400, "{nothing} bytes where nothing was missed");
    world.cut(0, 2);
    world.post(3, room, "missed");
    world.settle();
    let one = bytes_of(&mut world, |world| world.connect(0, 2));
    assert_eq!(world.texts(2, room).last().unwrap(), "missed");
    assert!(one < 4_000, "{one} bytes for one event in a room of {CHAINS} chains");
    // Both ways: what the relay lacks is given back to it as shortly.
    world.cut(0, 2);
    world.post(2, room, "written alone");
    world.post(3, room, "written meanwhile");
    world.settle();
    let two = bytes_of(&mut world, |world| world.connect(0, 2));
    assert_eq!(world.texts(2, room), world.texts(0, room));
    assert!(two < 6_000, "{two} bytes for two events in a room of {CHAINS} chains");
}

// Rules: SY24
#[test]
fn what_is_stored_while_parts_are_compared_arrives() {
    let (mut world, room) = many_chains(3);
    for moment in 0..12 {
        world.cut(0, 2);
        world.post(3, room, &format!("missed {moment}"));
        world.settle();
        world.connect(0, 2);
        // So many steps of the comparison, and then somebody writes: in a chain that is there, and in a new one.
        for _ in 0..moment {
            let deliver = world.steps().into_iter().find(|step| matches!(step, Step::Deliver(_)));
            if let Some(step) = deliver {
                world.step(step);
            }
        }
        world.post(1, room, &format!("meanwhile {moment}"));
        world.post(3, room, &format!("and {moment}"));
        world.settle();
        assert_eq!(world.texts(2, room), world.texts(0, room), "moment {moment}");
    }
    assert_eq!(world.closed, 0);
}

// Rules: SY24, SY12
#[test]
fn registers_of_parts_that_differ_are_exchanged() {
    let (mut world, room) = many_chains(3);
    world.cut(0, 2);
    let command = Command::SetRegister { room, name: RegisterName::READ, target: room.0, value: vec![7] };
    world.input(3, Input::Command { id: CommandId(9_000), command });
    world.settle();
    world.connect(0, 2);
    world.settle();
    assert_eq!(world.registers(2, room), world.registers(0, room));
    assert_eq!(world.registers(2, room).len(), 1);
}

// Rules: SY24
#[test]
fn who_lacks_most_is_told_everything() {
    let (mut world, room) = world(3);
    world.cut(0, 2);
    for life in 1..=CHAINS {
        let (event, link, log) = (event_of(&world, room, life), link_at_relay(&world), room.conversation());
        world.input(0, Input::Frame { link, frame: Frame::Events { log, events: vec![event] } });
    }
    for number in 0..3 {
        world.post(2, room, &format!("alone {number}"));
    }
    world.settle();
    world.connect(0, 2);
    world.settle();
    assert_eq!(world.texts(2, room), world.texts(0, room));
    assert_eq!(world.texts(2, room).len(), usize::from(CHAINS) + 3);
}
