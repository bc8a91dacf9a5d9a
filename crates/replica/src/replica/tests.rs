use momoland_protocol::event::Body;
use momoland_protocol::event::{Action, BodyBytes, EventHeader};
use momoland_protocol::id::Incarnation;
use momoland_protocol::register::RegisterName;
use momoland_protocol::replication::{ChainRange, RelayMode};
use momoland_protocol::roster::{Founder, Genesis, Posting, Role, RosterOp, Settings, Visibility};
use proptest::prelude::*;

use super::*;
use crate::input::Remote;
use crate::roster::RosterRefusal;
use crate::session::TWINS_MAX;
use crate::sim::world::World;

/// A room of the first person's in which all are, and links from all to the relay.
pub(crate) fn world(people: usize) -> (World, RoomId) {
    let mut world = World::with_people(people);
    let room = world.create_room(1, Visibility::Public);
    world.settle();
    for node in 1..=people {
        world.connect(0, node);
    }
    for node in 2..=people {
        world.join(node, room);
        world.settle();
    }
    (world, room)
}

pub(crate) fn acknowledged_by(world: &World, node: usize, relay: bool) -> bool {
    world.notices(node).iter().any(|notice| match notice {
        Notice::Acknowledged { by, .. } => (*by == Remote::Relay) == relay,
        _ => false,
    })
}

// Rules: SY1, SY2, BO1
#[test]
fn a_message_reaches_everybody_through_the_relay() {
    let (mut world, room) = world(3);
    world.post(1, room, "hello");
    world.settle();
    for node in 0..=3 {
        assert_eq!(world.texts(node, room), ["hello"], "node {node}");
    }
    assert!(acknowledged_by(&world, 1, true));
}

// Rules: SY7, SY11
#[test]
fn two_peers_go_on_without_the_relay() {
    let (mut world, room) = world(2);
    world.connect(1, 2);
    world.settle();
    world.cut(0, 1);
    world.cut(0, 2);
    world.post(1, room, "one");
    world.post(2, room, "two");
    world.settle();
    assert_eq!(world.texts(1, room), world.texts(2, room));
    assert_eq!(world.texts(1, room).len(), 2);
    assert!(acknowledged_by(&world, 1, false));
    assert!(world.texts(0, room).is_empty());
    world.connect(0, 2);
    world.settle();
    assert_eq!(world.texts(0, room).len(), 2, "the relay is given back what it lacks, anybody's events included");
}

// Rules: SY8
#[test]
fn messages_cross_by_a_third_where_two_cannot_meet() {
    let (mut world, room) = world(3);
    world.connect(1, 2);
    world.connect(2, 3);
    world.settle();
    for node in 1..=3 {
        world.cut(0, node);
    }
    world.post(1, room, "from the one end");
    world.post(3, room, "from the other");
    world.settle();
    for node in 1..=3 {
        assert_eq!(world.texts(node, room).len(), 2, "node {node}");
    }
}

// Rules: SY5, SY9, SY10
#[test]
fn who_was_away_gets_everything_once_and_in_the_same_order() {
    let (mut world, room) = world(3);
    world.cut(0, 3);
    for number in 0..200 {
        world.post(1 + number % 2, room, &format!("message {number} with some length to fill the recent events"));
    }
    world.settle();
    world.connect(0, 3);
    world.settle();
    assert_eq!(world.texts(3, room), world.texts(1, room));
    assert_eq!(world.texts(3, room).len(), 200);
    let stored = world.notices(3).iter().filter(|notice| matches!(notice, Notice::Stored { .. })).count();
    assert_eq!(stored, 200);
}

// Rules: SY6
#[test]
fn nothing_leaves_before_it_is_on_disk() {
    let (mut world, room) = world(2);
    world.connect(1, 2);
    world.settle();
    // `World::send` asserts that an own event is on the sender's disk; here the disk is slow, then dies.
    world.post(1, room, "lost");
    while let Some(step) = world.steps().into_iter().find(|step| matches!(step, crate::sim::world::Step::Deliver(_))) {
        world.step(step);
    }
    assert!(world.texts(2, room).is_empty());
    world.crash(1);
    assert!(world.texts(1, room).is_empty());
    world.connect(0, 1);
    world.post(1, room, "kept");
    world.settle();
    assert_eq!(world.texts(2, room), ["kept"]);
}

// Rules: SY6
#[test]
fn after_a_failed_write_nothing_is_acknowledged_any_more() {
    let (mut world, room) = world(2);
    world.post(1, room, "refused by the disk");
    world.fail_disk(1);
    assert!(world.replica_of(1).is_halted());
    assert!(world.notices(1).iter().any(|notice| matches!(notice, Notice::Halted)));
    world.post(1, room, "refused at once");
    assert!(world.notices(1).iter().any(|notice| matches!(notice, Notice::Refused { .. })));
    world.settle();
    assert!(world.texts(2, room).is_empty());
}

// Rules: SY3
#[test]
fn a_stranger_gets_nothing() {
    let (mut world, room) = world(2);
    let mut outside = World::with_people(3);
    let closed = outside.create_room(1, Visibility::Private);
    outside.connect(0, 1);
    outside.connect(0, 3);
    outside.connect(1, 3);
    outside.settle();
    outside.post(1, closed, "secret");
    outside.settle();
    assert_eq!(outside.texts(0, closed), ["secret"]);
    assert!(outside.replica_of(3).roster(closed).is_none());
    assert!(outside.texts(3, closed).is_empty());
    // Neither does somebody who left.
    world.connect(1, 2);
    world.settle();
    world.change(2, room, RosterOp::Leave);
    world.settle();
    world.post(1, room, "after the leave");
    world.settle();
    assert!(!world.texts(2, room).contains(&"after the leave".to_owned()));
}

// Rules: CU1, CU2, EV5
#[test]
fn what_a_removed_member_writes_is_taken_by_nobody() {
    let (mut world, room) = world(3);
    world.connect(2, 3);
    world.settle();
    world.post(2, room, "before");
    world.settle();
    // Person 2 does not hear of the removal and goes on.
    world.cut(0, 2);
    world.cut(2, 3);
    let account = world.person(2).account;
    world.change(1, room, RosterOp::Remove { account, ban: false });
    world.settle();
    world.post(2, room, "backdated");
    world.settle();
    world.connect(0, 2);
    world.connect(2, 3);
    world.settle();
    for node in [0, 1, 3] {
        assert_eq!(world.texts(node, room), ["before"], "node {node}");
    }
}

/// Lets posting be curated, or opens it.
fn configure(world: &mut World, room: RoomId, posting: Posting) {
    let settings = world.replica_of(0).roster(room).unwrap().settings().clone();
    world.change(1, room, RosterOp::Configure { settings: Settings { posting, ..settings } });
    world.settle();
}

// Rules: FE6
#[test]
fn where_posting_is_curated_only_listed_authors_count() {
    let (mut world, room) = world(3);
    world.connect(2, 3);
    for node in [2, 3] {
        world.publish(node, room, "before");
    }
    world.settle();
    let account = world.person(3).account;
    world.change(1, room, RosterOp::ListAuthor { account, listed: true });
    world.settle();
    // Person 2 does not hear of it and goes on, under the roster that it knows; so does its peer's copy of it.
    world.cut(0, 2);
    world.cut(2, 3);
    configure(&mut world, room, Posting::Curated);
    for node in [2, 3] {
        world.publish(node, room, "after");
        world.post(node, room, "chat goes on");
    }
    world.settle();
    world.connect(0, 2);
    world.connect(2, 3);
    world.settle();
    let posts_of = |world: &World, node: usize, author: usize| {
        let device = world.person(author).device();
        world.shown(node, room).iter().filter(|(of, _, _)| *of == device).count()
    };
    for node in 0..=3 {
        assert_eq!(posts_of(&world, node, 2), 2, "node {node}: what was before, and the chat");
        assert_eq!(posts_of(&world, node, 3), 3, "node {node}");
    }
    // Who knows of it is refused at once, and by everybody if it were not.
    let roster = world.replica_of(1).roster(room).unwrap();
    let (unlisted, version) = (world.person(2).device(), roster.version());
    assert_eq!(roster.allows(unlisted, version, Action::PUBLISH), Err(RosterRefusal::Forbidden { role: Role::Member }));
    assert!(roster.allows(unlisted, version, Action::COMMENT).is_ok() && roster.may_post(account));
    let held = world.shown(2, room).len();
    world.publish(2, room, "knowing");
    world.settle();
    assert_eq!(world.shown(2, room).len(), held);
    // A later grant gives the right for what is written under it, and brings nothing back.
    configure(&mut world, room, Posting::Members);
    world.publish(2, room, "again");
    world.settle();
    for node in 0..=3 {
        assert_eq!(posts_of(&world, node, 2), 3, "node {node}");
    }
    assert!(world.replica_of(2).roster(room).unwrap().may_post(world.person(2).account));
}

// Rules: FE6
#[test]
fn who_is_taken_off_the_list_of_authors_posts_no_more() {
    let (mut world, room) = world(2);
    configure(&mut world, room, Posting::Curated);
    let account = world.person(2).account;
    let list = |listed| RosterOp::ListAuthor { account, listed };
    assert_eq!(world.submit(2, room, list(true)), Err(RosterRefusal::Forbidden { role: Role::Member }));
    world.change(1, room, list(true));
    world.settle();
    assert_eq!(world.submit(1, room, list(true)), Err(RosterRefusal::AlreadySo));
    world.publish(2, room, "listed");
    world.settle();
    world.cut(0, 2);
    world.change(1, room, list(false));
    world.publish(2, room, "unlisted");
    world.settle();
    world.connect(0, 2);
    world.settle();
    for node in 0..=2 {
        assert_eq!(world.shown(node, room).len(), 1, "node {node}");
    }
    // Who leaves and comes back is not listed by that.
    world.change(1, room, list(true));
    world.change(2, room, RosterOp::Leave);
    world.settle();
    world.join(2, room);
    world.settle();
    assert!(!world.replica_of(0).roster(room).unwrap().may_post(account));
}

// Rules: EV6
#[test]
fn an_event_with_a_bad_signature_closes_the_link() {
    let (mut world, room) = world(2);
    world.post(1, room, "honest");
    world.settle();
    let honest = world.event(1, "honest");
    let mut header: EventHeader = honest.header.get().clone();
    header.seq = Seq(2);
    header.prev = honest.id();
    header.hlc = header.hlc.tick(UnixMillis(0)).unwrap();
    // Signed by person 2, in person 1's name.
    let forged = Signed::sign(header, &world.person(2).key).unwrap();
    let forged = Event { header: forged, body: honest.body.clone() };

    let relay = world.replica_of(0);
    let roster = relay.roster(room).unwrap();
    let chain = Chain::held(Low::FIRST, Head { seq: Seq(1), event: honest.id(), hlc: honest.header.get().hlc });
    match crate::admission::admit(&forged, roster, &crate::admission::Held::alone(&chain)) {
        crate::admission::Admission::Rejected(why) => assert!(why.proves_misbehaviour(), "{why}"),
        other => panic!("a forged event was {other:?}"),
    }
}

// Rules: EV4
#[test]
fn a_reader_may_not_write() {
    let (mut world, room) = world(2);
    let account = world.person(2).account;
    world.change(1, room, RosterOp::SetRole { account, role: Role::Reader });
    world.settle();
    world.post(2, room, "not allowed");
    world.settle();
    let refused = |notice: &Notice| matches!(notice, Notice::Refused { why: CommandRefusal::NotAllowed(_), .. });
    assert!(world.notices(2).iter().any(refused));
    assert!(world.texts(2, room).is_empty());
}

// Rules: EV7
#[test]
fn a_fork_freezes_the_chain() {
    let (mut world, room) = world(2);
    world.post(1, room, "first");
    world.settle();
    let first = world.event(1, "first");
    let roster = world.replica_of(0).roster(room).unwrap().clone();
    let body = BodyBytes::new(&Body::Plain(b"other".to_vec())).unwrap();
    let header = EventHeader {
        body_hash: body.hash(),
        body_length: u32::try_from(body.len()).unwrap(),
        place: None,
        action: Action::POST,
        ..first.header.get().clone()
    };
    let twin = Event { header: Signed::sign(header, &world.person(1).key).unwrap(), body: Some(body) };
    let chain = Chain::held(Low::FIRST, Head { seq: Seq(1), event: first.id(), hlc: first.header.get().hlc });
    let admission = crate::admission::admit(&twin, &roster, &crate::admission::Held::alone(&chain));
    let forked = |why: &crate::admission::Rejection| matches!(why, crate::admission::Rejection::Forked { .. });
    assert!(matches!(admission, crate::admission::Admission::Rejected(why) if forked(&why)));
}

/// A link of person 2's to the relay over which the test itself speaks.
pub(crate) fn hostile_link(world: &mut World) -> LinkId {
    let link = LinkId(u64::MAX);
    let remote = Remote::Device { device: world.person(2).device(), account: world.person(2).account };
    world.input(0, Input::LinkUp { link, remote });
    link
}

// Rules: EV6, EV7
#[test]
fn nobody_is_silenced_by_a_twin_that_somebody_else_signed() {
    let (mut world, room) = world(3);
    world.post(1, room, "first");
    world.settle();
    let first = world.event(1, "first");
    let body = BodyBytes::new(&Body::Plain(b"other".to_vec())).unwrap();
    let header = EventHeader {
        body_hash: body.hash(),
        body_length: u32::try_from(body.len()).unwrap(),
        place: None,
        ..first.header.get().clone()
    };
    let twin = Event { header: Signed::sign(header, &world.person(2).key).unwrap(), body: Some(body) };
    let link = hostile_link(&mut world);
    world.input(0, Input::Frame { link, frame: Frame::Events { log: room.conversation(), events: vec![twin] } });
    world.settle();
    assert_eq!(world.closed, 1, "who passes on a forgery is cut off");
    world.post(1, room, "second");
    world.settle();
    assert_eq!(world.texts(3, room), ["first", "second"]);
}

// Rules: EV8
#[test]
fn a_member_cannot_keep_the_disk_busy_with_headers_of_ones_own() {
    let (mut world, room) = world(2);
    for number in 0..100 {
        world.post(1, room, &format!("message {number}"));
    }
    world.settle();
    let headers: Vec<Event> =
        (0..100).map(|number| Event { body: None, ..world.event(1, &format!("message {number}")) }).collect();
    // Nothing is in memory any more: each would be read.
    world.crash(1);
    world.settle();
    let link = LinkId(u64::MAX);
    let remote = Remote::Device { device: world.person(2).device(), account: world.person(2).account };
    world.input(1, Input::LinkUp { link, remote });
    for _ in 0..3 {
        let frame = Frame::Events { log: room.conversation(), events: headers.clone() };
        world.input(1, Input::Frame { link, frame });
        assert!(world.replica_of(1).tickets_open() <= TWINS_MAX);
    }
    assert!(world.replica_of(1).tickets_open() > 0, "one that may be a proof is looked at");
    world.settle();
    world.connect(0, 1);
    world.post(1, room, "undisturbed");
    world.settle();
    assert!(world.texts(2, room).contains(&"undisturbed".to_owned()));
}

// Rules: EV7
#[test]
fn nobody_is_silenced_by_a_vector_that_lies() {
    let (mut world, room) = world(3);
    world.post(1, room, "first");
    world.settle();
    let first = world.event(1, "first");
    let link = hostile_link(&mut world);
    let chain = first.header.get().chain();
    let lie = ChainRange { chain, low: Seq(1), high: Seq(1), head: EventId([9; 32]) };
    let log = room.conversation();
    let frame = Frame::Have { log, chains: vec![lie], more: false, registers: SetHash::ZERO };
    world.input(0, Input::Frame { link, frame });
    world.settle();
    world.post(1, room, "second");
    world.settle();
    assert_eq!(world.texts(3, room), ["first", "second"]);
}

// Rules: CU2, EV8
#[test]
fn who_is_demoted_and_promoted_again_writes_on_in_a_new_life() {
    let (mut world, room) = world(3);
    let account = world.person(2).account;
    world.post(2, room, "as a member");
    world.settle();
    world.change(1, room, RosterOp::SetRole { account, role: Role::Reader });
    world.settle();
    world.change(1, room, RosterOp::SetRole { account, role: Role::Member });
    world.settle();
    world.post(2, room, "as a member again");
    world.settle();
    for node in 0..=3 {
        assert_eq!(world.texts(node, room), ["as a member", "as a member again"], "node {node}");
    }
}

// Rules: CU2, EV8
#[test]
fn a_restart_mutes_nobody_who_was_demoted_and_promoted_again() {
    let (mut world, room) = world(3);
    let account = world.person(2).account;
    world.post(2, room, "before");
    world.settle();
    world.change(1, room, RosterOp::SetRole { account, role: Role::Reader });
    world.settle();
    world.change(1, room, RosterOp::SetRole { account, role: Role::Member });
    world.settle();
    world.cut(0, 3);
    world.post(2, room, "after");
    world.settle();
    world.crash(0);
    world.crash(2);
    for node in [1, 2, 3] {
        if !world.is_connected(0, node) {
            world.connect(0, node);
        }
    }
    world.settle();
    world.post(2, room, "after the restart");
    world.settle();
    for node in 0..=3 {
        assert_eq!(world.texts(node, room), ["before", "after", "after the restart"], "node {node}");
    }
}

// Rules: RG3
#[test]
fn a_flood_of_registers_is_bounded() {
    let (mut world, room) = world(2);
    for number in 0..400_u32 {
        let mut target = [0; 32];
        target[..4].copy_from_slice(&number.to_be_bytes());
        let command = Command::SetRegister { room, name: RegisterName::DRAFT, target, value: vec![1], at: None };
        world.input(2, Input::Command { id: CommandId(50_000 + u64::from(number)), command });
    }
    world.settle();
    assert!(world.replica_of(0).registers(room).count() <= 256);
    world.post(2, room, "still here");
    world.settle();
    assert_eq!(world.texts(1, room), ["still here"]);
}

// Rules: RG2, RG3
#[test]
fn a_register_is_judged_before_it_is_asked_whether_there_is_place_for_it() {
    use momoland_protocol::register::Register;
    let (mut world, room) = world(2);
    for number in 0..256 {
        set_register(&mut world, 2, room, number, vec![1], None);
    }
    world.settle();
    assert_eq!(world.replica_of(0).registers(room).count(), 256);
    let link = hostile_link(&mut world);
    let (account, device) = (world.person(2).account, world.person(2).device());
    let roster = world.replica_of(0).roster(room).unwrap().head();
    let register = Register {
        account,
        device,
        room,
        name: RegisterName::DRAFT,
        target: [9; 32],
        roster,
        hlc: Hlc(1 << 40),
        value: vec![1],
    };
    for (key, closed) in [(&world.person(2).key.clone(), 0), (&world.person(1).key.clone(), 1)] {
        let registers = vec![Signed::sign(register.clone(), key).unwrap()];
        world.input(0, Input::Frame { link, frame: Frame::Registers { room, registers } });
        world.settle();
        assert_eq!(world.closed, closed, "who passes on a forgery is cut off");
        assert_eq!(world.replica_of(0).registers(room).count(), 256);
    }
}

// Rules: CU1
#[test]
fn a_change_cuts_only_whose_right_it_ends() {
    let (mut world, room) = world(3);
    world.post(1, room, "history");
    world.settle();
    let log = room.conversation();
    let (chain, _) = world.replica_of(0).chains(log).next().unwrap();
    let cut = Cut { log, chain, seq: Seq::ZERO, event: EventId::ZERO };
    world.change_with_cuts(2, room, RosterOp::Leave, vec![cut]);
    world.settle();
    let roster = world.replica_of(0).roster(room).unwrap();
    assert!(!roster.is_cut(log, chain, Seq(1), 1), "somebody who leaves erases nobody else");
}

// Rules: CU2
#[test]
fn a_chain_that_no_list_of_a_removal_names_does_not_count() {
    let (mut world, room) = world(3);
    world.connect(2, 3);
    world.settle();
    // Persons 2 and 3 go on without the others; neither the remover nor the server knows what 2 writes.
    world.cut(0, 2);
    world.cut(0, 3);
    world.post(2, room, "known to a friend only");
    world.settle();
    assert_eq!(world.texts(3, room), ["known to a friend only"]);
    let account = world.person(2).account;
    world.change(1, room, RosterOp::Remove { account, ban: false });
    world.settle();
    world.connect(0, 3);
    world.settle();
    for node in [0, 1] {
        assert!(world.texts(node, room).is_empty(), "node {node}");
    }
    let roster = world.replica_of(3).roster(room).unwrap();
    let event = world.event(3, "known to a friend only");
    let header = event.header.get();
    assert!(roster.is_cut(header.log, header.chain(), header.seq, 2), "its effect is taken back");
}

// Rules: EV8
#[test]
fn a_device_that_lost_its_tail_begins_a_new_life() {
    let (mut world, room) = world(2);
    world.post(1, room, "kept");
    world.settle();
    let before = chains_of(&world, 2, room, 1);
    world.lose_tail(1, room);
    world.connect(0, 1);
    world.settle();
    world.post(1, room, "after the loss");
    world.settle();
    assert_eq!(world.texts(2, room), ["kept", "after the loss"]);
    assert_eq!(chains_of(&world, 2, room, 1).len(), before.len() + 1, "the chain was not restarted in place");
    assert_eq!(world.texts(1, room), world.texts(2, room));
}

fn chains_of(world: &World, node: usize, room: RoomId, author: usize) -> Vec<Incarnation> {
    let device = world.person(author).device();
    let chains = world.replica_of(node).chains(room.conversation());
    chains.filter(|(chain, _)| chain.device == device).map(|(chain, _)| chain.incarnation).collect()
}

// Rules: SY8, SY15
#[test]
fn the_relay_does_not_repeat_what_peers_bring() {
    let (mut world, room) = world(2);
    world.connect(1, 2);
    world.settle();
    for node in [1, 2] {
        world.input(node, Input::Mode { room, mode: RelayMode::Digest });
    }
    world.settle();
    let before = world.events_sent(0);
    for number in 0..20 {
        world.post(1 + number % 2, room, &format!("message {number}"));
        world.settle();
    }
    assert_eq!(world.texts(0, room).len(), 20);
    assert_eq!(world.events_sent(0), before, "the relay sent an event that a peer had brought");
    // The peer goes without a word: what it did not bring comes from the relay.
    world.cut(1, 2);
    world.post(1, room, "by the relay");
    world.settle();
    assert_eq!(world.texts(2, room), world.texts(1, room));
    assert_eq!(world.events_sent(0), before + 1);
}

// Rules: RG1, RG3, SY12
#[test]
fn registers_reach_everybody_and_the_newest_counts() {
    let (mut world, room) = world(3);
    world.cut(0, 3);
    for value in [1, 2] {
        let command =
            Command::SetRegister { room, name: RegisterName::READ, target: room.0, value: vec![value], at: None };
        world.input(1, Input::Command { id: CommandId(9_000 + u64::from(value)), command });
        world.settle();
    }
    world.connect(0, 3);
    world.settle();
    let account = world.person(1).account;
    let key = RegisterKey { room, account, name: RegisterName::READ, target: room.0 };
    for node in 0..=3 {
        let value = world.replica_of(node).register(&key).map(|register| register.get().value.clone());
        assert_eq!(value, Some(vec![2]), "node {node}");
    }
}

/// The room of an account's own devices: the first two of a world, both linked with the relay.
fn own_room() -> (World, RoomId) {
    let mut world = World::with_people(1);
    let account = world.person(1).account;
    let laptop = world.add_device(account, 100);
    let genesis = Genesis::Own { server: world.server_key(), account };
    let room = genesis.room();
    let certificates = vec![world.person(1).certificate.clone()];
    let settings = Settings {
        name: String::new(),
        topic: String::new(),
        visibility: Visibility::Private,
        history: momoland_protocol::roster::History::All,
        posting: Posting::Members,
    };
    let founders = vec![Founder { account, role: Role::Owner, certificates }];
    world.change(1, room, RosterOp::Create { genesis, settings, founders });
    world.settle();
    world.connect(0, 1);
    world.connect(0, laptop);
    world.settle();
    let certificate = world.person(laptop).certificate.clone();
    world.change(laptop, room, RosterOp::AddDevice { certificate });
    world.settle();
    (world, room)
}

fn set_register(world: &mut World, node: usize, room: RoomId, target: u32, value: Vec<u8>, at: Option<Hlc>) {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&target.to_be_bytes());
    let command = Command::SetRegister { room, name: RegisterName::DRAFT, target: bytes, value, at };
    let id = CommandId(world.number());
    world.input(node, Input::Command { id, command });
}

// Rules: RG4
#[test]
fn what_was_chosen_earlier_and_said_later_does_not_replace_what_is_newer() {
    let (mut world, room) = own_room();
    let now = Hlc::at(world.now(1).wall);
    let earlier = Hlc(now.0 - 5);
    set_register(&mut world, 1, room, 1, vec![2], Some(now));
    set_register(&mut world, 1, room, 1, vec![1], Some(earlier));
    world.settle();
    set_register(&mut world, 2, room, 1, vec![1], Some(earlier));
    set_register(&mut world, 2, room, 2, vec![3], Some(earlier));
    world.settle();
    for node in 0..=2 {
        let values: Vec<Vec<u8>> =
            world.replica_of(node).registers(room).map(|register| register.get().value.clone()).collect();
        assert_eq!(values, [vec![2], vec![3]], "node {node}");
    }
}

// Rules: RG3
#[test]
fn an_own_room_holds_what_all_rooms_and_authors_need_and_no_more() {
    let (mut world, room) = own_room();
    for number in 0..4_200 {
        set_register(&mut world, 1, room, number, vec![1], None);
    }
    world.settle();
    for node in 0..=2 {
        assert_eq!(world.replica_of(node).registers(room).count(), 4_096, "node {node}");
    }
    // What is held may change, as far as the bytes reach.
    for number in 0..600 {
        set_register(&mut world, 1, room, number, vec![2; 4_096], None);
    }
    world.settle();
    let bytes: usize = world.replica_of(1).registers(room).map(Signed::size).sum();
    assert!((1_500_000..=2_097_152).contains(&bytes), "{bytes} bytes");
    assert_eq!(world.registers(0, room), world.registers(1, room));
    assert_eq!(world.registers(2, room), world.registers(1, room));
}

// Rules: EV2, EV9
#[test]
fn wrong_clocks_do_not_change_the_order_of_a_conversation() {
    let (mut world, room) = world(3);
    // What is left of a wrong clock after its correction by the server's.
    world.set_skew(1, 4 * 60_000);
    world.set_skew(2, -4 * 60_000);
    for (node, text) in [(1, "A1"), (2, "B1"), (1, "A2"), (3, "C1"), (2, "B2")] {
        world.post(node, room, text);
        world.settle();
    }
    for node in 0..=3 {
        assert_eq!(world.texts(node, room), ["A1", "B1", "A2", "C1", "B2"], "node {node}");
    }
}

// Rules: EV10
#[test]
fn a_clock_a_day_ahead_drags_nobody() {
    let (mut world, room) = world(2);
    world.set_skew(1, 24 * 3_600_000);
    world.post(1, room, "from tomorrow");
    world.settle();
    world.post(2, room, "from today");
    world.settle();
    let ahead = world.event(2, "from tomorrow").header.get().hlc;
    let today = world.event(2, "from today").header.get().hlc;
    assert!(today < ahead);
    assert_eq!(world.texts(1, room), ["from today", "from tomorrow"]);
}

// Rules: SY14
#[test]
fn a_forgotten_room_leaves_nothing() {
    let (mut world, room) = world(2);
    world.post(1, room, "hello");
    world.settle();
    world.change(2, room, RosterOp::Leave);
    world.settle();
    world.input(2, Input::Command { id: CommandId(1_000_000), command: Command::Forget { room } });
    world.settle();
    assert!(world.replica_of(2).roster(room).is_none());
    assert_eq!(world.replica_of(2).chains(room.conversation()).count(), 0);
    assert!(world.texts(2, room).is_empty());
    assert_eq!(world.texts(1, room), ["hello"]);
}

/// What a random schedule does.
#[derive(Debug, Clone, Copy)]
enum Move {
    Post(usize),
    Step(usize),
    Toggle(usize, usize),
    Crash(usize),
    Wait(u64),
    Mode(usize, bool),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        4 => (1..=3_usize).prop_map(Move::Post),
        30 => any::<usize>().prop_map(Move::Step),
        3 => (0..=3_usize, 0..=3_usize).prop_map(|(one, other)| Move::Toggle(one, other)),
        1 => (0..=3_usize).prop_map(Move::Crash),
        2 => (1..2_000_u64).prop_map(Move::Wait),
        1 => (1..=3_usize, any::<bool>()).prop_map(|(node, fed)| Move::Mode(node, fed)),
    ];
    proptest::collection::vec(one, 1..250)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    // Rules: EV9, SY5, SY6, SY10
    #[test]
    fn prop_replicas_converge_under_any_schedule(moves in moves()) {
        let (mut world, room) = world(3);
        let mut posted = 0;
        for (number, next) in moves.into_iter().enumerate() {
            match next {
                Move::Post(node) => {
                    world.post(node, room, &format!("message {number} of node {node}"));
                    posted += 1;
                }
                Move::Step(choice) => {
                    let steps = world.steps();
                    if let Some(step) = steps.get(choice % steps.len().max(1)) {
                        world.step(*step);
                    }
                }
                Move::Toggle(one, other) if one != other => {
                    if world.is_connected(one, other) { world.cut(one, other) } else { world.connect(one, other) }
                }
                Move::Toggle(..) => {}
                Move::Crash(node) => world.crash(node),
                Move::Wait(ms) => world.advance(ms),
                Move::Mode(node, fed) => {
                    let mode = if fed { RelayMode::Digest } else { RelayMode::Full };
                    world.input(node, Input::Mode { room, mode });
                }
            }
        }
        // Heal: everybody reaches the relay again.
        for node in 1..=3 {
            if !world.is_connected(0, node) {
                world.connect(0, node);
            }
        }
        world.settle();
        let texts = world.texts(0, room);
        prop_assert!(texts.len() <= posted);
        for node in 1..=3 {
            prop_assert_eq!(&world.texts(node, room), &texts, "node {}", node);
        }
        let acknowledged: BTreeSet<_> = world.acknowledged.iter().map(|(_, id)| *id).collect();
        prop_assert_eq!(acknowledged.len(), texts.len(), "everything that was acknowledged is there, once");
        prop_assert_eq!(world.closed, 0, "honest replicas do not take each other for liars");
    }
}

// Rules: RG2
#[test]
fn a_register_is_set_by_its_own_account_while_that_belongs() {
    use momoland_protocol::register::Register;
    let (mut world, room) = world(2);
    let (first, second) = (world.person(1).account, world.person(2).account);
    // Through the first person's link, who may pass on what others set.
    let (link, remote) = (LinkId(u64::MAX), Remote::Device { device: world.person(1).device(), account: first });
    world.input(0, Input::LinkUp { link, remote });
    let old_roster = world.replica_of(0).roster(room).unwrap().head();
    let set_by_second = |world: &mut World, account: AccountId, hlc: u64| {
        let key = Arc::clone(&world.person(2).key);
        let (name, target) = (RegisterName::READ, room.0);
        let value = hlc.to_be_bytes().to_vec();
        let register =
            Register { account, device: key.device(), room, name, target, roster: old_roster, hlc: Hlc(hlc), value };
        let registers = vec![Signed::sign(register, &key).unwrap()];
        world.input(0, Input::Frame { link, frame: Frame::Registers { room, registers } });
        world.settle();
        let key = RegisterKey { room, account, name, target };
        world.replica_of(0).register(&key).map(|register| register.get().hlc.0)
    };
    assert_eq!(set_by_second(&mut world, first, 7), None, "it is another account's");
    assert_eq!(set_by_second(&mut world, second, 7), Some(7));
    world.change(1, room, RosterOp::Remove { account: second, ban: false });
    world.settle();
    assert_eq!(set_by_second(&mut world, second, 8), None, "who is out sets nothing, whatever roster it names");
    world.join(2, room);
    world.settle();
    assert_eq!(set_by_second(&mut world, second, 9), None, "nor does who is back, by what was before");
}

// Rules: RG2
#[test]
fn who_hears_of_a_way_out_and_back_at_once_has_the_same_registers() {
    let (mut world, room) = world(3);
    let command = Command::SetRegister { room, name: RegisterName::READ, target: room.0, value: vec![1], at: None };
    world.input(2, Input::Command { id: CommandId(9_000), command });
    world.settle();
    world.cut(0, 3);
    let account = world.person(2).account;
    world.change(1, room, RosterOp::Remove { account, ban: false });
    world.settle();
    world.join(2, room);
    world.settle();
    world.connect(0, 3);
    world.settle();
    for node in 0..=3 {
        assert!(world.registers(node, room).is_empty(), "node {node}");
    }
}

/// Writes an event into a log, as a device does.
pub(crate) fn append(world: &mut World, node: usize, log: LogId, action: Action, text: &str) {
    let body = BodyBytes::new(&Body::Plain(text.as_bytes().to_vec())).unwrap();
    let id = CommandId(world.number());
    world.input(
        node,
        Input::Command { id, command: Command::Append { log, action, targets: Vec::new(), place: None, body } },
    );
}

/// What a node has on disk of a log, by author and place.
pub(crate) fn held(world: &World, node: usize, log: LogId) -> Vec<(ChainId, Seq)> {
    world.replica_of(node).chains(log).collect()
}

/// Announces a log and settles.
pub(crate) fn announce(world: &mut World, node: usize, room: RoomId) -> LogId {
    append(world, node, room.conversation(), Action::ANNOUNCE, "a document");
    world.settle();
    let announced = world.notices(node).iter().rev().find_map(|notice| match notice {
        Notice::Stored { event, .. } if event.header.get().action == Action::ANNOUNCE => Some(LogId(event.id().0)),
        _ => None,
    });
    announced.unwrap()
}

// Rules: SY19
#[test]
fn a_log_reaches_everybody_whoever_learns_of_it_first() {
    let (mut world, room) = world(3);
    world.connect(1, 2);
    world.settle();
    world.cut(0, 3);
    let log = announce(&mut world, 1, room);
    for node in [1, 2] {
        append(&mut world, node, log, Action::DOCUMENT_UPDATE, "an update");
    }
    world.settle();
    for node in [0, 1, 2] {
        assert_eq!(held(&world, node, log).len(), 2, "node {node}");
    }
    // Who was away, and learns of it with everything else.
    world.connect(0, 3);
    world.settle();
    assert_eq!(held(&world, 3, log), held(&world, 1, log));
    append(&mut world, 3, log, Action::DOCUMENT_UPDATE, "an answer");
    world.settle();
    for node in 0..=2 {
        assert_eq!(held(&world, node, log).len(), 3, "node {node}");
    }
    // Over a restart, and without the relay.
    world.crash(2);
    world.cut(0, 1);
    world.connect(1, 2);
    for _ in 0..300 {
        append(&mut world, 1, log, Action::DOCUMENT_UPDATE, "a long chain");
    }
    world.settle();
    assert_eq!(held(&world, 2, log), held(&world, 1, log));
    world.connect(0, 1);
    world.settle();
    assert_eq!(held(&world, 3, log), held(&world, 1, log));
    for node in 0..=3 {
        world.replica_of(node).check_invariants();
    }
}

// Rules: SY19
#[test]
fn a_newcomer_is_given_a_document_from_its_beginning() {
    let (mut world, room) = world(2);
    let log = announce(&mut world, 1, room);
    for _ in 0..400 {
        append(&mut world, 1, log, Action::DOCUMENT_UPDATE, "an update");
    }
    world.settle();
    world.cut(0, 2);
    world.crash(2);
    world.connect(0, 2);
    world.settle();
    let lows: Vec<Seq> = world.replica_of(2).logs[&log].chains.values().map(|chain| chain.low.seq).collect();
    assert_eq!(lows, [Seq(1)]);
    assert_eq!(held(&world, 2, log), held(&world, 1, log));
}

// Rules: SY19
#[test]
fn a_log_that_nobody_announced_is_not_taken() {
    let (mut world, room) = world(2);
    let log = announce(&mut world, 1, room);
    append(&mut world, 1, log, Action::DOCUMENT_UPDATE, "an update");
    world.settle();
    let stored = world.notices(1).iter().rev().find_map(|notice| match notice {
        Notice::Stored { event, .. } => Some(event.clone()),
        _ => None,
    });
    let event = stored.unwrap();
    let unknown = LogId([9; 32]);
    let link = LinkId(world.number());
    let remote = world.remote(1);
    world.input(2, Input::LinkUp { link, remote });
    world.input(2, Input::Frame { link, frame: Frame::Events { log: unknown, events: vec![event] } });
    world.settle();
    assert!(held(&world, 2, unknown).is_empty());
    assert!(!world.replica_of(2).logs.contains_key(&unknown));
}
