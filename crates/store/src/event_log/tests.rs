//! What the log promises, as one suite over memory and over sled.

mod damage;
mod forgetting;
mod model;
mod world;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use momoland_protocol::event::EventPlace;
use momoland_protocol::id::{ChainId, DeviceId, EventId};
use momoland_replica::deletions::Deletion;
use momoland_replica::replica::{HeldDeletion, HeldFork};

use self::damage::*;
use self::forgetting::*;
use self::world::{Backend, Disk, Memory, World, all_keys, commit, device, opened, room};
use super::*;
use crate::kv::Durability;
use crate::writer::Writer;

/// Makes a test of each rule, for one backend.
macro_rules! suite {
    ($backend:ty: $($rule:ident,)*) => {
        $(#[test] fn $rule() { super::$rule::<$backend>(); })*
    };
    ($backend:ty) => {
        suite!($backend:
            what_was_put_is_there_after_opening_again,
            pages_of_every_kind_are_read_at_opening,
            a_load_stops_at_its_bounds,
            a_log_is_visited_chain_after_chain,
            what_is_in_flight_is_not_shown,
            a_register_replaces_the_one_before,
            a_chain_may_begin_late,
            a_chain_grows_downwards,
            a_load_back_stops_at_its_bounds,
            a_fork_is_kept_until_its_room_is_forgotten,
            a_forgotten_room_leaves_nothing_behind,
            what_was_in_flight_goes_with_its_room,
            a_large_room_is_forgotten_in_bounded_batches,
            a_deletion_drops_bodies_whatever_was_in_flight,
            a_deletion_of_what_is_not_held_is_kept,
            a_deletion_goes_with_its_room,
            a_room_of_the_same_name_is_a_new_one,
            a_batch_after_a_lost_one_is_refused,
            a_call_out_of_turn_spoils_its_batch,
            damage_is_named,
            a_lost_key_is_noticed,
            a_stray_key_is_noticed,
            batches_that_share_a_commit_are_taken,
            a_reader_beside_the_writer_sees_no_gap,
            a_walk_ends_where_its_room_is_forgotten_under_it,
            it_behaves_like_its_model,
        );
    };
}

mod memory {
    use super::*;
    suite!(Memory);
}

mod disk {
    use super::*;
    suite!(Disk);
}

use self::model::it_behaves_like_its_model;

fn seqs(events: &[Event]) -> Vec<u64> {
    events.iter().map(|event| event.header.get().seq.0).collect()
}

/// Two rooms with everything in them, committed: three chains of 5, 1 and 70 events in the first, one of 2 in the
/// second.
fn furnished(world: &mut World, log: &mut EventLog, store: &Arc<dyn Store>) {
    let mut batch = Batch::new();
    for _ in 0..3 {
        world.roster(log, &mut batch, room(1));
    }
    world.roster(log, &mut batch, room(2));
    world.events(log, &mut batch, room(1), room(1).conversation(), device(1), 5);
    world.events(log, &mut batch, room(1), room(1).conversation(), device(2), 1);
    commit(store, batch);
    let mut batch = Batch::new();
    world.events(log, &mut batch, room(1), LogId([9; 32]), device(1), 70);
    world.events(log, &mut batch, room(2), room(2).conversation(), device(1), 2);
    world.register(log, &mut batch, room(1), 1);
    world.register(log, &mut batch, room(1), 2);
    world.register(log, &mut batch, room(2), 1);
    commit(store, batch);
    log.check_invariants();
}

fn what_was_put_is_there_after_opening_again<B: Backend>() {
    let mut backend = B::new();
    let mut world = World::default();
    {
        let (mut log, held) = opened(&backend.store());
        assert_eq!(held, DurableState::default());
        furnished(&mut world, &mut log, &backend.store());
    }
    backend.reopen();
    let (log, held) = opened(&backend.store());
    log.check_invariants();
    assert_eq!(held, world.held());
    let reader = log.reader();
    for chain in &held.chains {
        let events = reader.load(chain.log, chain.chain, chain.low, chain.high, usize::MAX).unwrap();
        assert_eq!(events, world.chain(chain.log, chain.chain));
        for event in events {
            assert_eq!(reader.event(chain.log, chain.chain, event.header.get().seq).unwrap(), Some(event));
        }
    }
}

fn pages_of_every_kind_are_read_at_opening<B: Backend>() {
    for count in [u8::try_from(PAGE_PAIRS).unwrap(), u8::try_from(PAGE_PAIRS * 2 + 3).unwrap()] {
        let backend = B::new();
        let mut world = World::default();
        let (mut log, _) = opened(&backend.store());
        let mut batch = Batch::new();
        for number in 1..=count {
            world.roster(&mut log, &mut batch, room(0));
            world.register(&mut log, &mut batch, room(0), number.into());
            world.events(&mut log, &mut batch, room(0), room(0).conversation(), device(number), 1);
            world.roster(&mut log, &mut batch, room(number));
        }
        commit(&backend.store(), batch);
        let (log, held) = opened(&backend.store());
        log.check_invariants();
        assert_eq!(held, world.held());
    }
}

fn a_load_stops_at_its_bounds<B: Backend>() {
    let backend = B::new();
    let mut world = World::default();
    let (mut log, _) = opened(&backend.store());
    furnished(&mut world, &mut log, &backend.store());
    let (reader, long) = (log.reader(), LogId([9; 32]));
    let chain = world::chain_of(device(1), long);
    let load = |from, to, bytes_max| seqs(&reader.load(long, chain, Seq(from), Seq(to), bytes_max).unwrap());

    assert_eq!(load(1, 70, usize::MAX), (1..=70).collect::<Vec<_>>());
    assert_eq!(load(64, 65, usize::MAX), [64, 65]);
    assert_eq!(load(65, 65, usize::MAX), [65]);
    assert_eq!(load(69, 1000, usize::MAX), [69, 70]);
    assert_eq!(load(3, u64::MAX, 0), [3], "one event, however little is asked for");
    let size = reader.event(long, chain, Seq(3)).unwrap().unwrap().size();
    assert_eq!(load(3, 70, size), [3], "the event that reaches the bound is the last");
    assert_eq!(load(3, 70, size + 1), [3, 4]);

    assert!(load(71, 80, usize::MAX).is_empty(), "the first is not held");
    assert!(load(0, 5, usize::MAX).is_empty(), "nothing has place 0");
    assert!(load(5, 4, usize::MAX).is_empty());
    assert!(load(u64::MAX, u64::MAX, usize::MAX).is_empty());
    assert_eq!(reader.event(long, chain, Seq(71)).unwrap(), None);
    let unknown = ChainId { device: DeviceId([0xEE; 32]), incarnation: chain.incarnation };
    assert!(reader.load(long, unknown, Seq(1), Seq(9), usize::MAX).unwrap().is_empty());
    assert!(reader.load(LogId([8; 32]), chain, Seq(1), Seq(9), usize::MAX).unwrap().is_empty());
    assert_eq!(reader.event(LogId([8; 32]), chain, Seq(1)).unwrap(), None);
}

fn a_log_is_visited_chain_after_chain<B: Backend>() {
    let backend = B::new();
    let mut world = World::default();
    let (mut log, _) = opened(&backend.store());
    furnished(&mut world, &mut log, &backend.store());
    for id in [room(1).conversation(), LogId([9; 32]), room(2).conversation(), LogId([8; 32])] {
        let mut visited = Vec::new();
        log.reader().each_event_of(id, &mut |event| visited.push(event)).unwrap();
        assert_eq!(visited, world.log(id));
        // And what is beyond a part of it.
        let middle = |event: &Event| (Seq(2)..=Seq(3)).contains(&event.header.get().seq);
        let mut beyond = Vec::new();
        let known = |_| Some((Seq(2), Seq(3)));
        log.reader().each_event_beyond(id, &known, &mut |event| beyond.push(event)).unwrap();
        assert_eq!(beyond, world.log(id).into_iter().filter(|event| !middle(event)).collect::<Vec<_>>());
        let mut all = Vec::new();
        log.reader().each_event_beyond(id, &|_| None, &mut |event| all.push(event)).unwrap();
        assert_eq!(all, world.log(id));
    }
}

fn what_is_in_flight_is_not_shown<B: Backend>() {
    let backend = B::new();
    let mut world = World::default();
    let (mut log, _) = opened(&backend.store());
    let (reader, id) = (log.reader(), room(1).conversation());
    let chain = world::chain_of(device(1), id);
    let mut first = Batch::new();
    world.events(&mut log, &mut first, room(1), id, device(1), 2);
    let mut second = Batch::new();
    world.events(&mut log, &mut second, room(1), id, device(1), 2);
    let load = || seqs(&reader.load(id, chain, Seq(1), Seq(9), usize::MAX).unwrap());

    assert!(load().is_empty());
    commit(&backend.store(), first);
    assert_eq!(load(), [1, 2]);
    commit(&backend.store(), second);
    assert_eq!(load(), [1, 2, 3, 4]);
}

fn a_register_replaces_the_one_before<B: Backend>() {
    let backend = B::new();
    let mut world = World::default();
    let (mut log, _) = opened(&backend.store());
    let mut batch = Batch::new();
    world.register(&mut log, &mut batch, room(1), 1);
    world.register(&mut log, &mut batch, room(1), 1);
    commit(&backend.store(), batch);
    let mut batch = Batch::new();
    let newest = world.register(&mut log, &mut batch, room(1), 1);
    commit(&backend.store(), batch);
    assert_eq!(opened(&backend.store()).1.registers, [newest]);
}

fn a_chain_may_begin_late<B: Backend>() {
    let backend = B::new();
    let mut world = World::default();
    let (mut log, _) = opened(&backend.store());
    let id = room(1).conversation();
    let mut batch = Batch::new();
    // The world writes four events, and the log is given the last two.
    let events: Vec<_> = (0..4).map(|_| world.next_event(room(1), id, device(1))).collect();
    for event in &events[2..] {
        log.put_event(&mut batch, room(1), event);
    }
    commit(&backend.store(), batch);
    let (log, held) = opened(&backend.store());
    assert_eq!((held.chains[0].low, held.chains[0].high), (Seq(3), Seq(4)));
    let chain = held.chains[0].chain;
    assert!(log.reader().load(id, chain, Seq(2), Seq(4), usize::MAX).unwrap().is_empty());
    assert_eq!(log.reader().load(id, chain, Seq(3), Seq(4), usize::MAX).unwrap(), events[2..]);
    let mut visited = Vec::new();
    log.reader().each_event_of(id, &mut |event| visited.push(event)).unwrap();
    assert_eq!(visited, events[2..]);
}

fn a_chain_grows_downwards<B: Backend>() {
    let backend = B::new();
    let mut world = World::default();
    let id = room(1).conversation();
    let events: Vec<_> = (0..100).map(|_| world.next_event(room(1), id, device(1))).collect();
    let (mut log, _) = opened(&backend.store());
    // From the middle upwards, then downwards, by turns of opening and writing.
    let mut batch = Batch::new();
    events[90..].iter().for_each(|event| log.put_event(&mut batch, room(1), event));
    commit(&backend.store(), batch);
    for part in events[..90].rchunks(30) {
        let (mut log, held) = opened(&backend.store());
        let first = part.last().unwrap().header.get().seq;
        assert_eq!((held.chains[0].low, held.chains[0].low_prev), (Seq(first.0 + 1), part.last().unwrap().id()));
        let mut batch = Batch::new();
        part.iter().rev().for_each(|event| log.put_event(&mut batch, room(1), event));
        commit(&backend.store(), batch);
        log.check_invariants();
    }
    let (mut log, held) = opened(&backend.store());
    assert_eq!(held, world.held());
    assert_eq!(log.reader().load(id, held.chains[0].chain, Seq(1), Seq(100), usize::MAX).unwrap(), events);
    // Another event there, and one with a gap in between, are out of turn.
    for wrong in [&events[0], &events[50]] {
        let mut batch = Batch::new();
        log.put_event(&mut batch, room(1), wrong);
        assert!(matches!(backend.store().commit(batch, Durability::Synced), Err(StoreError::Conflict { .. })));
    }
}

fn a_load_back_stops_at_its_bounds<B: Backend>() {
    let backend = B::new();
    let mut world = World::default();
    let (mut log, _) = opened(&backend.store());
    furnished(&mut world, &mut log, &backend.store());
    let (reader, long) = (log.reader(), LogId([9; 32]));
    let chain = world::chain_of(device(1), long);
    let load = |from, to, bytes_max| seqs(&reader.load_back(long, chain, Seq(from), Seq(to), bytes_max).unwrap());

    assert_eq!(load(1, 70, usize::MAX), (1..=70).rev().collect::<Vec<_>>());
    assert_eq!(load(0, 2, usize::MAX), [2, 1]);
    assert_eq!(load(64, 65, usize::MAX), [65, 64]);
    assert_eq!(load(3, 9, 0), [9], "one event, however little is asked for");
    let size = reader.event(long, chain, Seq(9)).unwrap().unwrap().size();
    assert_eq!(load(3, 9, size), [9], "the event that reaches the bound is the last");
    assert_eq!(load(3, 9, size + 1), [9, 8]);
    assert!(load(60, 71, usize::MAX).is_empty(), "the last is not held");
    assert!(load(5, 4, usize::MAX).is_empty());
    assert!(load(0, 0, usize::MAX).is_empty());
    assert!(reader.load_back(LogId([8; 32]), chain, Seq(1), Seq(9), usize::MAX).unwrap().is_empty());
}

fn a_fork_is_kept_until_its_room_is_forgotten<B: Backend>() {
    let backend = B::new();
    let mut world = World::default();
    let (mut log, _) = opened(&backend.store());
    let id = room(1).conversation();
    let mut batch = Batch::new();
    world.events(&mut log, &mut batch, room(1), id, device(1), 3);
    commit(&backend.store(), batch);
    let mut other = World::default();
    let twins: Vec<_> = (0..5).map(|_| other.next_event(room(1), id, device(1))).collect();
    for (seq, twin) in [(Seq(3), &twins[3]), (Seq(2), &twins[1])] {
        let mut batch = Batch::new();
        log.put_fork(&mut batch, room(1), seq, &twin.header);
        commit(&backend.store(), batch);
        let (_, held) = opened(&backend.store());
        let chain = world::chain_of(device(1), id);
        assert_eq!(held.forks, [HeldFork { log: id, chain, seq, offered: twin.header.clone() }]);
    }
    let mut batch = Batch::new();
    log.put_fork(&mut batch, room(2), Seq(1), &twins[0].header);
    assert!(matches!(backend.store().commit(batch, Durability::Synced), Err(StoreError::Conflict { .. })));
    let (mut log, _) = opened(&backend.store());
    let mut batch = Batch::new();
    log.forget(&mut batch, room(1)).unwrap();
    commit(&backend.store(), batch);
    sweep_all(&mut log, &backend.store());
    assert!(all_keys(&backend.store()).is_empty());
}

fn a_batch_after_a_lost_one_is_refused<B: Backend>() {
    type Put = fn(&mut World, &mut EventLog, &mut Batch);
    let extend: Put = |world, log, batch| world.events(log, batch, room(1), room(1).conversation(), device(1), 1);
    let begin: Put = |world, log, batch| world.events(log, batch, room(1), LogId([7; 32]), device(2), 1);
    let change: Put = |world, log, batch| world.roster(log, batch, room(1));
    let register: Put = |world, log, batch| drop(world.register(log, batch, room(1), 1));
    let forget: Put = |_, log, batch| log.forget(batch, room(1)).unwrap();
    // What is lost, and what then cannot be written, with the room there before or not.
    let cases: [(bool, Put, &[Put]); 4] = [
        (false, extend, &[extend, begin, change, register, forget]),
        (false, register, &[extend, begin, change, register, forget]),
        (true, change, &[change, begin, register, forget]),
        (true, extend, &[extend]),
    ];
    for (exists, lost, later) in cases {
        for put in later {
            let backend = B::new();
            let store = backend.store();
            let mut world = World::default();
            let (mut log, _) = opened(&store);
            if exists {
                furnished(&mut world, &mut log, &store);
            }
            let before = opened(&store).1;
            lost(&mut world, &mut log, &mut Batch::new());
            let mut batch = Batch::new();
            put(&mut world, &mut log, &mut batch);
            let refused = store.commit(batch, Durability::Synced);
            assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
            // The way on: open again. Everything before is there, and the log takes more.
            let (mut log, held) = opened(&store);
            assert_eq!(held, before);
            let mut batch = Batch::new();
            World::default().events(&mut log, &mut batch, room(3), LogId([3; 32]), device(3), 1);
            commit(&store, batch);
        }
    }
}

fn a_call_out_of_turn_spoils_its_batch<B: Backend>() {
    let backend = B::new();
    let store = backend.store();
    let id = room(1).conversation();
    type Put = fn(&mut World, &mut EventLog, &mut Batch);
    let cases: [(&str, Put); 7] = [
        ("a gap", |world, log, batch| {
            world.next_event(room(1), room(1).conversation(), device(1));
            let event = world.next_event(room(1), room(1).conversation(), device(1));
            log.put_event(batch, room(1), &event);
        }),
        ("the same event again", |world, log, batch| {
            let event = world.next_event(room(1), room(1).conversation(), device(1));
            log.put_event(batch, room(1), &event);
            log.put_event(batch, room(1), &event);
        }),
        ("a fork", |world, log, batch| {
            let mut other = World::default();
            for _ in 0..5 {
                other.next_event(room(1), room(1).conversation(), device(1));
            }
            world.next_event(room(1), room(1).conversation(), device(1));
            let event = other.next_event(room(1), room(1).conversation(), device(1));
            log.put_event(batch, room(1), &event);
        }),
        ("a log of another room", |world, log, batch| {
            let event = world.next_event(room(1), room(1).conversation(), device(1));
            log.put_event(batch, room(2), &event);
        }),
        ("a log of a room that is not held", |world, log, batch| {
            let event = world.next_event(room(1), room(1).conversation(), device(1));
            log.put_event(batch, room(3), &event);
        }),
        ("a change too far", |world, log, batch| {
            let change = world.next_change(room(1));
            log.put_roster(batch, 5, &change);
        }),
        ("a change again", |world, log, batch| {
            let change = world.next_change(room(1));
            log.put_roster(batch, 3, &change);
        }),
    ];
    let mut world = World::default();
    let (mut log, _) = opened(&store);
    furnished(&mut world, &mut log, &store);
    let keys = all_keys(&store);
    for (name, put) in cases {
        let mut world = world.clone();
        let (mut log, _) = opened(&store);
        let mut batch = Batch::new();
        world.events(&mut log, &mut batch, room(2), room(2).conversation(), device(2), 1);
        put(&mut world, &mut log, &mut batch);
        let refused = store.commit(batch, Durability::Synced);
        assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{name}: {refused:?}");
        assert_eq!(all_keys(&store), keys, "{name}");
    }
    assert_eq!(opened(&store).1, world.held());
    assert_eq!(seqs(&world.chain(id, world::chain_of(device(1), id))), [1, 2, 3, 4, 5]);
}

fn batches_that_share_a_commit_are_taken<B: Backend>() {
    let mut backend = B::new();
    let mut world = World::default();
    {
        let (mut log, _) = opened(&backend.store());
        let (tell, told) = mpsc::channel();
        let writer = Writer::spawn(backend.store(), move |_, result| drop(tell.send(result))).unwrap();
        for ticket in 0..300u64 {
            let mut batch = Batch::new();
            let of = room(u8::try_from(ticket % 3).unwrap());
            match ticket % 20 {
                7 => world.roster(&mut log, &mut batch, of),
                11 => drop(world.register(&mut log, &mut batch, of, 1)),
                19 => {
                    log.forget(&mut batch, of).unwrap();
                    world.forget(of);
                }
                _ => world.events(&mut log, &mut batch, of, of.conversation(), device(1), 2),
            }
            log.sweep(&mut batch).unwrap();
            writer.submit(ticket, batch).unwrap();
        }
        writer.close();
        let results: Vec<_> = told.iter().collect();
        assert_eq!(results, vec![Ok(()); 300]);
        sweep_all(&mut log, &backend.store());
    }
    backend.reopen();
    assert_eq!(opened(&backend.store()).1, world.held());
    assert_eq!(all_keys(&backend.store()).len(), world.keys());
}

/// Ends the watching thread also where the writing one panics.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

fn a_reader_beside_the_writer_sees_no_gap<B: Backend>() {
    let backend = B::new();
    let store = backend.store();
    let (mut log, _) = opened(&store);
    let reader = log.reader();
    let id = room(1).conversation();
    let chain = world::chain_of(device(1), id);
    let done = AtomicBool::new(false);
    let longest = thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut longest = 0;
            while !done.load(Ordering::Acquire) {
                let events = reader.load(id, chain, Seq(1), Seq(u64::MAX), usize::MAX).unwrap();
                assert_eq!(seqs(&events), (1..=events.len() as u64).collect::<Vec<_>>());
                let linked = events.windows(2).all(|pair| pair[1].header.get().prev == pair[0].id());
                assert!(linked, "the events of two rooms with one name");
                longest = longest.max(events.len());
            }
            longest
        });
        let ends = SetOnDrop(&done);
        // The chain grows over several pages, goes, and begins anew.
        for _ in 0..6 {
            let mut world = World::default();
            for _ in 0..4 {
                let mut batch = Batch::new();
                world.events(&mut log, &mut batch, room(1), id, device(1), 50);
                commit(&store, batch);
            }
            assert_eq!(log.reader().load(id, chain, Seq(1), Seq(999), usize::MAX).unwrap().len(), 200);
            let mut batch = Batch::new();
            log.forget(&mut batch, room(1)).unwrap();
            commit(&store, batch);
            sweep_all(&mut log, &store);
        }
        drop(ends);
        watching.join().unwrap()
    });
    assert!(longest <= 200);
    assert!(all_keys(&store).is_empty());
}

fn a_walk_ends_where_its_room_is_forgotten_under_it<B: Backend>() {
    let backend = B::new();
    let store = backend.store();
    let mut world = World::default();
    let (mut log, _) = opened(&store);
    let reader = log.reader();
    let id = room(1).conversation();
    let mut batch = Batch::new();
    let many = u32::try_from(SWEEP_KEYS_MAX + 100).unwrap();
    world.events(&mut log, &mut batch, room(1), id, device(1), many);
    commit(&store, batch);
    let mut visited = Vec::new();
    let walked = reader.each_event_of(id, &mut |event| {
        visited.push(event);
        if visited.len() == 10 {
            // Deletes the lower end of the chain and not the upper.
            let mut batch = Batch::new();
            log.forget(&mut batch, room(1)).unwrap();
            commit(&store, batch);
        }
    });
    assert_eq!(walked, Ok(()));
    assert_eq!(visited, world.log(id)[..PAGE_PAIRS], "the page that was read before, and no more");
}
