use std::sync::Arc;

use momoland_protocol::replication::RelayMode;
use momoland_protocol::roster::{Founder, Genesis, History, Posting, Role, RosterOp, Settings, Visibility};

use super::*;
use crate::input::{Command, Input, Remote};
use crate::replica::tests::{hostile_link, world};
use crate::sim::world::World;

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
        history: History::All,
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

/// When those registers were set of which a node heard, in this order, that the relay has them.
fn acknowledged(world: &World, node: usize) -> Vec<Hlc> {
    let told = world.notices(node).iter().filter_map(|notice| match notice {
        Notice::RegisterAcknowledged { key: _, hlc } => Some(*hlc),
        _ => None,
    });
    told.collect()
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

// Rules: RG2
#[test]
fn a_register_is_set_by_its_own_account_while_that_belongs() {
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

// Rules: RG2, RG3
#[test]
fn a_register_is_judged_before_it_is_asked_whether_there_is_place_for_it() {
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

// Rules: RG1, RG3
#[test]
fn of_one_frame_the_newest_counts_and_no_more_are_taken_than_may_be() {
    let (mut world, room) = world(2);
    for number in 0..250 {
        set_register(&mut world, 2, room, number, vec![1], None);
    }
    world.settle();
    let link = hostile_link(&mut world);
    let (key, account) = (world.person(2).key.clone(), world.person(2).account);
    let roster = world.replica_of(0).roster(room).unwrap().head();
    let register = |number: u8, hlc: u64| {
        let (device, name, target) = (key.device(), RegisterName::NOTIFY, [number; 32]);
        let value = hlc.to_be_bytes().to_vec();
        Signed::sign(Register { account, device, room, name, target, roster, hlc: Hlc(hlc), value }, &key).unwrap()
    };
    let newest_first = vec![register(1, 9), register(1, 8)];
    let more = (2..60).map(|number| register(number, 7)).collect();
    for registers in [newest_first, more] {
        world.input(0, Input::Frame { link, frame: Frame::Registers { room, registers } });
        world.settle();
    }
    let held = RegisterKey { room, account, name: RegisterName::NOTIFY, target: [1; 32] };
    assert_eq!(world.replica_of(0).register(&held).unwrap().get().hlc, Hlc(9));
    assert_eq!(world.replica_of(0).registers(room).count(), 256);
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

// Rules: SY24
#[test]
fn the_relay_acknowledges_a_choice_only_once_it_is_on_its_disk() {
    let (mut world, room) = own_room();
    world.slow_disk(0, 1_000);
    set_register(&mut world, 1, room, 1, vec![1], Some(Hlc(7)));
    world.run_for(500);
    assert_eq!(acknowledged(&world, 1), []);
    // Nor does a comparison say so meanwhile, whoever else passed it on.
    world.connect(1, 2);
    world.cut(0, 1);
    world.connect(0, 1);
    world.run_for(300);
    assert_eq!(acknowledged(&world, 1), []);
    world.crash(0);
    assert!(world.registers(0, room).is_empty(), "it was on no disk but its own");
    world.connect(0, 1);
    world.settle();
    assert_eq!(acknowledged(&world, 1), [Hlc(7)]);
    assert_eq!(world.registers(0, room).len(), 1);
    assert_eq!(acknowledged(&world, 2), [], "it is told to who set it");
}

// Rules: SY6, SY24
#[test]
fn a_choice_that_the_relays_disk_refused_is_acknowledged_by_no_comparison() {
    let (mut world, room) = own_room();
    world.cut(0, 2);
    world.post(2, room, "one");
    world.post(2, room, "two");
    world.settle();
    let link = hostile_link(&mut world);
    let roster = world.replica_of(0).roster(room).unwrap();
    let announced = Frame::Room { room, version: roster.version(), head: roster.head() };
    world.input(0, Input::Frame { link, frame: announced });
    // A gap: the relay is to compare again, half a second after the last time.
    let gap = Frame::Events { log: room.conversation(), events: vec![world.event(2, "two")] };
    world.input(0, Input::Frame { link, frame: gap });
    set_register(&mut world, 1, room, 1, vec![1], Some(Hlc(7)));
    world.slow_disk(0, 10_000);
    world.run_for(100);
    world.fail_disk(0);
    assert!(world.replica_of(0).is_halted());
    world.story = Some(Vec::new());
    world.run_for(1_000);
    let told: Vec<String> = world.story.take().unwrap().into_iter().filter(|line| line.contains("0 -> Send")).collect();
    assert!(told.iter().any(|line| line.contains("frame: Have {")), "it compares: {told:?}");
    for line in told {
        assert!(!line.contains("registers: SetHash(") || line.contains("registers: SetHash(00000000"), "{line}");
    }
}

// Rules: SY24
#[test]
fn a_choice_that_peers_brought_the_relay_is_acknowledged_too() {
    let (mut world, room) = own_room();
    world.connect(1, 2);
    for node in [1, 2] {
        world.input(node, Input::Mode { room, mode: RelayMode::Digest });
    }
    world.settle();
    // From the laptop, before its author can say it.
    world.stall(1, 0);
    set_register(&mut world, 1, room, 1, vec![1], Some(Hlc(7)));
    world.settle();
    assert_eq!(acknowledged(&world, 1), [Hlc(7)]);
    assert_eq!(acknowledged(&world, 2), []);
}

// Rules: SY24
#[test]
fn an_acknowledgement_that_was_lost_is_made_up_for_at_the_next_link() {
    let (mut world, room) = own_room();
    world.stall(0, 1);
    set_register(&mut world, 1, room, 1, vec![1], Some(Hlc(7)));
    world.settle();
    assert_eq!(world.registers(0, room).len(), 1);
    assert_eq!(acknowledged(&world, 1), []);
    // Nothing is sent twice: that the two have the same says enough. It needs nothing that the device remembers.
    world.crash(1);
    world.connect(0, 1);
    world.settle();
    assert_eq!(acknowledged(&world, 1), [Hlc(7)]);
}
