use momoland_protocol::clock::Hlc;
use momoland_protocol::event::{Action, Body, BodyBytes, EventHeader};
use momoland_protocol::id::{Incarnation, RoomId, RosterHash};
use momoland_protocol::roster::{RosterOp, Visibility};
use momoland_protocol::signed::{SecretKey, Signed};

use super::*;
use crate::log::{Head, Low};
use crate::sim::world::World;

/// A public room of the first person's in which the second is, at version 2.
fn world() -> (World, RoomId) {
    let mut world = World::with_people(2);
    let room = world.create_room(1, Visibility::Public);
    world.settle();
    world.join(2, room);
    world.settle();
    (world, room)
}

fn roster(world: &World, room: RoomId) -> Roster {
    world.replica_of(0).roster(room).unwrap().clone()
}

/// The first event of the second person's chain, under the roster as it is.
fn header(world: &World, room: RoomId) -> EventHeader {
    let body = body();
    EventHeader {
        log: room.conversation(),
        device: world.person(2).device(),
        incarnation: Incarnation([1; 16]),
        seq: Seq(1),
        prev: EventId::ZERO,
        hlc: Hlc(100),
        roster: roster(world, room).head(),
        action: Action::POST,
        targets: Vec::new(),
        body_hash: body.hash(),
        body_length: u32::try_from(body.len()).unwrap(),
        place: None,
    }
}

fn body() -> BodyBytes {
    BodyBytes::new(&Body::Plain(b"hello".to_vec())).unwrap()
}

fn signed(header: EventHeader, key: &SecretKey) -> Event {
    Event { header: Signed::sign(header, key).unwrap(), body: Some(body()) }
}

fn rejection(admission: Admission) -> Rejection {
    match admission {
        Admission::Rejected(why) => why,
        other => panic!("it was {other:?}"),
    }
}

// Rules: EV1, EV2, EV6
#[test]
fn what_does_not_continue_its_chain_is_refused() {
    let (world, room) = world();
    let (roster, key) = (roster(&world, room), &world.person(2).key);
    let first = signed(header(&world, room), key);
    assert!(matches!(
        admit(&first, &roster, &Held::alone(&Chain::empty())),
        Admission::Admitted { roster_version: 2, .. }
    ));
    let chain = Chain::held(Low::FIRST, Head::of(first.header.get(), first.id()));
    let next = |prev: EventId, hlc: u64, seq: u64| {
        let next = EventHeader { seq: Seq(seq), prev, hlc: Hlc(hlc), ..header(&world, room) };
        admit(&signed(next, key), &roster, &Held::alone(&chain))
    };
    assert!(matches!(next(first.id(), 101, 2), Admission::Admitted { .. }));
    assert!(matches!(next(first.id(), 101, 3), Admission::Gap));
    let back = rejection(next(first.id(), 100, 2));
    assert_eq!(back, Rejection::TimeWentBack);
    assert!(back.proves_misbehaviour());
    // What its own device signed after something else is its fork, and whoever passes it on may be honest.
    let branch = rejection(next(EventId([9; 32]), 101, 2));
    assert!(matches!(branch, Rejection::Forked { .. }));
    assert!(!branch.proves_misbehaviour());
    // What somebody else signed in its name is a forgery.
    let forged = EventHeader { seq: Seq(2), prev: EventId([9; 32]), hlc: Hlc(101), ..header(&world, room) };
    let forged = rejection(admit(&signed(forged, &world.person(1).key), &roster, &Held::alone(&chain)));
    assert_eq!(forged, Rejection::Unlinked);
    assert!(forged.proves_misbehaviour());
    assert!(matches!(admit(&first, &roster, &Held::alone(&chain)), Admission::Duplicate));
}

// Rules: EV4, EV5
#[test]
fn an_author_has_the_right_that_the_named_roster_gives() {
    let (mut world, room) = world();
    let before = header(&world, room);
    let with = |world: &World, header: EventHeader| {
        let event = signed(header, &world.person(2).key);
        admit(&event, &roster(world, room), &Held::alone(&Chain::empty()))
    };
    let redaction = EventHeader { action: Action::REDACT, ..before.clone() };
    assert!(matches!(rejection(with(&world, redaction)), Rejection::NotAllowed(RosterRefusal::Forbidden { .. })));
    let unknown = EventHeader { action: Action(0x0177), ..before.clone() };
    assert!(matches!(with(&world, unknown), Admission::Admitted { .. }), "an unknown action has a known role");
    let nobodys = EventHeader { action: Action(0x0400), ..before.clone() };
    assert!(matches!(rejection(with(&world, nobodys)), Rejection::NotAllowed(_)));
    let early = EventHeader { roster: roster(&world, room).hash_at(1).unwrap(), ..before.clone() };
    assert!(matches!(rejection(with(&world, early)), Rejection::NotAllowed(RosterRefusal::NotAMember)));
    let elsewhere = EventHeader { roster: RosterHash([9; 32]), ..before.clone() };
    assert!(matches!(with(&world, elsewhere), Admission::UnknownRoster));

    world.change(2, room, RosterOp::Leave);
    world.settle();
    // The change that ended the right lists no such chain: its author kept it back, so none of it counts.
    assert_eq!(rejection(with(&world, before)), Rejection::Cut);
    let after = header(&world, room);
    assert!(matches!(rejection(with(&world, after)), Rejection::NotAllowed(RosterRefusal::NotAMember)));
}

// Rules: EV5, EV6
#[test]
fn an_event_in_somebody_elses_name_is_refused_at_last() {
    let (world, room) = world();
    let roster = roster(&world, room);
    let forged = signed(header(&world, room), &world.person(1).key);
    let why = rejection(admit(&forged, &roster, &Held::alone(&Chain::empty())));
    assert_eq!(why, Rejection::BadSignature);
    assert!(why.proves_misbehaviour());
}
