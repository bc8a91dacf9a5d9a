use momoland_protocol::event::Body;
use momoland_protocol::event::{Action, BodyBytes, EventHeader};
use momoland_protocol::id::Incarnation;
use momoland_protocol::replication::{ChainRange, RelayMode};
use momoland_protocol::roster::{Posting, Role, RosterOp, Settings, Visibility};
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
