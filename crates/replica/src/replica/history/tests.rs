use momoland_protocol::event::{Action, Body, BodyBytes, Event, EventHeader};
use momoland_protocol::id::{EventId, Incarnation, RoomId, Seq, SetHash};
use momoland_protocol::limits;
use momoland_protocol::replication::Frame;
use momoland_protocol::roster::Visibility;
use momoland_protocol::signed::Signed;

use crate::input::{Input, LinkId, Remote};
use crate::output::Notice;
use crate::replica::tests::{acknowledged_by, hostile_link, world};
use crate::session::{ASKED_MAX, HISTORY_EVENTS, TAIL_EVENTS, TAIL_EVENTS_MIN};
use crate::sim::world::{Step, World};

/// More than a newcomer is given at once, and more than one question asks for.
const LONG: u64 = TAIL_EVENTS + HISTORY_EVENTS + 100;

fn write_many(world: &mut World, room: RoomId, count: u64) {
    for number in 0..count {
        world.post(1, room, &format!("message {number:05}"));
    }
    world.settle();
}

/// The first person has written much; the second is a member, without any link.
fn long_conversation(people: usize) -> (World, RoomId) {
    let (mut world, room) = world(people);
    for node in 2..=people {
        world.cut(0, node);
    }
    write_many(&mut world, room, LONG);
    (world, room)
}

/// Lets the world go on until something holds.
fn step_until(world: &mut World, holds: impl Fn(&World) -> bool) {
    for _ in 0..100_000 {
        if holds(world) {
            return;
        }
        let step = world.steps().first().copied().expect("something is under way");
        world.step(step);
    }
    panic!("in vain");
}

// Rules: SY16
#[test]
fn a_newcomer_has_the_newest_first_and_everything_in_the_end() {
    let (mut world, room) = long_conversation(2);
    let sent_before = world.events_sent(0);
    world.connect(0, 2);
    step_until(&mut world, |world| world.texts(2, room).contains(&format!("message {:05}", LONG - 1)));
    let before = usize::try_from(TAIL_EVENTS).unwrap();
    assert!(world.texts(2, room).len() <= before, "the newest came before anything else");
    assert_eq!(world.begins_at(2, room, 1), Some(Seq(LONG - TAIL_EVENTS + 1)));
    world.settle();
    assert_eq!(world.texts(2, room), world.texts(1, room));
    assert_eq!(world.events_sent(0) - sent_before, usize::try_from(LONG).unwrap(), "nothing was sent twice");
}

// Rules: SY16
#[test]
fn history_comes_from_peers_where_they_have_it() {
    let (mut world, room) = long_conversation(3);
    world.connect(0, 3);
    world.settle();
    world.connect(2, 3);
    world.settle();
    let sent_before = world.events_sent(0);
    world.connect(0, 2);
    world.settle();
    assert_eq!(world.texts(2, room), world.texts(1, room));
    let by_relay = world.events_sent(0) - sent_before;
    assert!(by_relay <= usize::try_from(TAIL_EVENTS).unwrap(), "the relay sent {by_relay} events");
}

// Rules: SY16
#[test]
fn without_the_relay_a_peer_gives_a_long_chain_from_its_beginning() {
    let (mut world, room) = long_conversation(2);
    world.connect(1, 2);
    world.settle();
    assert_eq!(world.texts(2, room), world.texts(1, room));
    assert!(acknowledged_by(&world, 1, false));
}

// Rules: SY16
#[test]
fn history_goes_on_where_it_was_cut_off() {
    let (mut world, room) = long_conversation(3);
    world.connect(0, 3);
    world.settle();
    world.connect(0, 2);
    step_until(&mut world, |world| world.begins_at(2, room, 1).is_some_and(|low| low < Seq(LONG - TAIL_EVENTS - 10)));
    // The link breaks, and so does the machine: what is on disk stays, and another has the rest.
    world.crash(2);
    let held = world.texts(2, room).len();
    assert!(held > usize::try_from(TAIL_EVENTS).unwrap());
    assert!(held < usize::try_from(LONG).unwrap());
    let sent_before = world.events_sent(3);
    world.connect(2, 3);
    world.settle();
    assert_eq!(world.texts(2, room), world.texts(1, room));
    assert_eq!(world.events_sent(3) - sent_before + held, usize::try_from(LONG).unwrap(), "nothing came twice");
}

// Rules: SY16
#[test]
fn history_goes_on_with_others_where_its_giver_went_before_it_was_on_the_disk() {
    let (mut world, room) = long_conversation(3);
    world.connect(1, 3);
    world.settle();
    world.slow_disk(2, 4_000);
    world.connect(1, 2);
    world.run_for(1_000);
    assert!(world.texts(2, room).is_empty(), "the beginning is on its way to the disk");
    world.cut(1, 2);
    world.connect(3, 2);
    world.settle();
    assert_eq!(world.texts(2, room), world.texts(1, room));
}

// Rules: SY16
#[test]
fn who_does_not_answer_is_not_waited_for() {
    let (mut world, room) = long_conversation(3);
    world.connect(0, 3);
    world.settle();
    world.connect(0, 2);
    world.connect(2, 3);
    step_until(&mut world, |world| world.begins_at(2, room, 1).is_some());
    world.stall(3, 2);
    world.settle();
    assert_eq!(world.texts(2, room), world.texts(1, room), "the relay was asked instead");
}

// Rules: SY7, SY16
#[test]
fn nothing_is_delivered_before_all_of_it_is() {
    let (mut world, room) = long_conversation(2);
    world.connect(0, 2);
    world.connect(1, 2);
    while let Some(step) = world.steps().first().copied() {
        world.step(step);
        let whole = world.begins_at(2, room, 1) == Some(Seq(1));
        assert!(whole || !acknowledged_by(&world, 1, false), "the author was told before the beginning was there");
    }
    world.settle();
    assert!(acknowledged_by(&world, 1, false));
}

/// An event of the second person's in a chain of its own, at any place.
fn event_at(world: &World, room: RoomId, incarnation: u8, seq: u64, prev: EventId) -> Event {
    let body = BodyBytes::new(&Body::Plain(b"from nowhere".to_vec())).unwrap();
    let person = world.person(2);
    let header = EventHeader {
        log: room.conversation(),
        device: person.device(),
        incarnation: Incarnation([incarnation; 16]),
        seq: Seq(seq),
        prev,
        hlc: momoland_protocol::clock::Hlc(seq),
        roster: world.replica_of(0).roster(room).unwrap().head(),
        action: Action::POST,
        targets: Vec::new(),
        body_hash: body.hash(),
        body_length: u32::try_from(body.len()).unwrap(),
        place: None,
    };
    Event { header: Signed::sign(header, &person.key).unwrap(), body: Some(body) }
}

// Rules: SY10, SY16
#[test]
fn the_relay_takes_no_chain_from_its_middle() {
    let (mut world, room) = world(2);
    let link = hostile_link(&mut world);
    let events = vec![event_at(&world, room, 9, 7, EventId([7; 32]))];
    world.input(0, Input::Frame { link, frame: Frame::Events { log: room.conversation(), events } });
    world.settle();
    assert!(world.texts(0, room).is_empty());
}

// Rules: LM2
#[test]
fn an_account_has_a_bounded_number_of_chains_in_a_log() {
    let (mut world, room) = world(2);
    let link = hostile_link(&mut world);
    let log = room.conversation();
    let bound = u8::try_from(limits::CUTS_MAX).unwrap();
    for incarnation in 1..=bound + 20 {
        let events = vec![event_at(&world, room, incarnation, 1, EventId::ZERO)];
        world.input(0, Input::Frame { link, frame: Frame::Events { log, events } });
    }
    world.settle();
    assert_eq!(world.replica_of(0).chains(log).count(), limits::CUTS_MAX);
    assert_eq!(world.replica_of(0).cuts_for(room, world.person(2).account).len(), limits::CUTS_MAX, "all can be cut");
    assert_eq!(world.closed, 0);
    world.post(1, room, "others write on");
    world.settle();
    assert!(world.texts(2, room).contains(&"others write on".to_owned()));
}

// Rules: EV7, EV8
#[test]
fn a_fork_is_remembered_and_its_author_goes_on_in_a_new_life() {
    let (mut world, room) = world(3);
    world.post(1, room, "before");
    world.settle();
    let copy = world.copy(1);
    world.post(1, room, "one branch");
    world.settle();
    // The folder as it was before: the same key writes at the same place again.
    world.cut(0, 1);
    world.restore(1, copy);
    world.post(1, room, "the other branch");
    world.settle();
    world.connect(0, 1);
    world.settle();
    assert!(world.notices(0).iter().any(|notice| matches!(notice, Notice::Rejected { .. })), "the fork is reported");
    // Nothing that happens later in that chain is taken, also not by who starts anew.
    world.crash(0);
    for node in 1..=3 {
        world.cut(0, node);
        world.connect(0, node);
    }
    world.settle();
    world.post(1, room, "in a new life");
    world.settle();
    for node in [0, 2, 3] {
        assert_eq!(world.texts(node, room), ["before", "one branch", "in a new life"], "node {node}");
    }
    assert_eq!(world.closed, 0);
}

// Rules: EV7
#[test]
fn a_chain_that_forks_within_its_first_frame_is_kept_before_the_proof() {
    let (mut world, room) = world(2);
    let link = hostile_link(&mut world);
    let one = event_at(&world, room, 9, 1, EventId::ZERO);
    let header = EventHeader { hlc: momoland_protocol::clock::Hlc(2), ..one.header.get().clone() };
    let twin = Event { header: Signed::sign(header, &world.person(2).key).unwrap(), body: one.body.clone() };
    let frame = Frame::Events { log: room.conversation(), events: vec![one, twin] };
    world.input(0, Input::Frame { link, frame });
    world.settle();
    assert!(!world.replica_of(0).is_halted());
    assert_eq!(world.texts(0, room).len(), 1);
}

// Rules: SY16
#[test]
fn a_private_room_gives_no_history_to_strangers() {
    let mut world = World::with_people(2);
    let room = world.create_room(1, Visibility::Private);
    world.connect(0, 1);
    world.connect(0, 2);
    world.settle();
    write_many(&mut world, room, TAIL_EVENTS + 10);
    let chain = world.event(1, "message 00000").header.get().chain();
    let link = hostile_link(&mut world);
    let want = Frame::Want { log: room.conversation(), chain, from: Seq(1), to: Seq(TAIL_EVENTS) };
    world.input(0, Input::Frame { link, frame: want });
    assert!(!world.steps().iter().any(|step| matches!(step, Step::Load(0))), "nothing is even read");
    world.settle();
    assert!(world.texts(2, room).is_empty());
}

// Rules: SY16
#[test]
fn what_comes_from_its_middle_is_asked_for_whatever_was_compared_before() {
    let (mut world, room) = long_conversation(2);
    let log = room.conversation();
    let roster = world.replica_of(0).roster(room).unwrap();
    let (version, head) = (roster.version(), roster.head());
    let last: Vec<Event> = (LONG - 2..LONG).map(|number| world.event(0, &format!("message {number:05}"))).collect();
    let link = LinkId(u64::MAX);
    world.input(2, Input::LinkUp { link, remote: Remote::Relay });
    let nothing = || Frame::Have { log, chains: Vec::new(), more: false, registers: SetHash::ZERO };
    // It compared before it had the chain, and says so once more when what it sends since is under way.
    for frame in [Frame::Room { room, version, head }, nothing(), Frame::Events { log, events: last }, nothing()] {
        world.input(2, Input::Frame { link, frame });
    }
    world.run_for(1_000);
    assert_eq!(world.begins_at(2, room, 1), Some(Seq(LONG - 1)));
    let link = &world.replica_of(2).links.get(link).expect("it stands");
    let asked: Vec<Seq> = link.asked.iter().map(|asked| asked.from).collect();
    assert_eq!(asked, [Seq(LONG - 1 - HISTORY_EVENTS)]);
}

/// More chains than are asked about at once, all of them longer than a newcomer is given of so many.
fn many_long_chains(authors: usize) -> (World, RoomId) {
    let (mut world, room) = world(authors + 1);
    world.cut(0, authors + 1);
    for number in 0..TAIL_EVENTS_MIN * 4 {
        for author in 1..=authors {
            world.post(author, room, &format!("message {number:05} of {author}"));
        }
    }
    world.settle();
    (world, room)
}

// Rules: SY16
#[test]
fn what_somebody_reads_back_to_is_asked_for_first() {
    let authors = ASKED_MAX + 4;
    let (mut world, room) = many_long_chains(authors);
    let reader = authors + 1;
    world.connect(0, reader);
    step_until(&mut world, |world| (1..=authors).all(|author| world.begins_at(reader, room, author).is_some()));
    let begins = |world: &World| (1..=authors).map(|author| world.begins_at(reader, room, author)).collect::<Vec<_>>();
    // The chain that would be asked for last: the questions go in the order of devices.
    let last = (1..=authors).max_by_key(|author| world.person(*author).device()).unwrap();
    let device = world.person(last).device();
    let shown = world.shown_by_chain(reader, room);
    let wanted = shown.into_iter().map(|(chain, ..)| chain).find(|chain| chain.device == device).unwrap();
    let before = begins(&world);
    assert!(world.replica_of(reader).lacks_history(room.conversation()));
    world.input(reader, Input::Fetch { log: room.conversation(), chains: vec![wanted] });
    step_until(&mut world, |world| world.begins_at(reader, room, last) == Some(Seq(1)));
    let untouched = begins(&world).into_iter().zip(before).filter(|(now, before)| now == before).count();
    assert!(untouched > 0, "the others were not all asked before");
    world.settle();
    assert_eq!(begins(&world), vec![Some(Seq(1)); authors]);
    assert!(!world.replica_of(reader).lacks_history(room.conversation()));
}
