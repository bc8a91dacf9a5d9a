//! What goes: forgotten rooms, and the bodies of what was deleted.

use super::*;

/// Sweeps until nothing is left to do, committing in between; how many batches it took.
pub(super) fn sweep_all(log: &mut EventLog, store: &Arc<dyn Store>) -> usize {
    for batches in 0..1000 {
        let mut batch = Batch::new();
        if !log.sweep(&mut batch).unwrap() {
            assert!(batch.is_empty());
            return batches;
        }
        assert!(batch.operations().len() <= SWEEP_KEYS_MAX + 1);
        commit(store, batch);
    }
    panic!("a sweep without an end");
}

pub(super) fn a_forgotten_room_leaves_nothing_behind<B: Backend>() {
    let backend = B::new();
    let store = backend.store();
    let mut world = World::default();
    let (mut log, _) = opened(&store);
    // Another owner's keys, on both sides of ours.
    let mut batch = Batch::new();
    batch.put("Kept", "1").put("M", "2");
    commit(&store, batch);
    furnished(&mut world, &mut log, &store);

    let mut batch = Batch::new();
    log.forget(&mut batch, room(1)).unwrap();
    log.forget(&mut batch, room(3)).unwrap();
    assert_eq!(world.held().chains.len(), 4);
    world.forget(room(1));
    assert!(
        log.reader()
            .load(LogId([9; 32]), world::chain_of(device(1), LogId([9; 32])), Seq(1), Seq(9), 1)
            .unwrap()
            .is_empty()
    );
    commit(&store, batch);
    log.check_invariants();
    assert_eq!(opened(&store).1, world.held());
    sweep_all(&mut log, &store);
    // Room 2: its record, one change, one chain, two events, one register; and the other owner's.
    assert_eq!(all_keys(&store).len(), 6 + 2);
    assert_eq!(opened(&store).1, world.held());

    let mut batch = Batch::new();
    log.forget(&mut batch, room(2)).unwrap();
    commit(&store, batch);
    sweep_all(&mut log, &store);
    assert_eq!(all_keys(&store), [b"Kept".to_vec(), b"M".to_vec()]);
    assert_eq!(opened(&store).1, DurableState::default());
}

pub(super) fn what_was_in_flight_goes_with_its_room<B: Backend>() {
    let backend = B::new();
    let store = backend.store();
    let mut world = World::default();
    let (mut log, _) = opened(&store);
    let mut first = Batch::new();
    world.events(&mut log, &mut first, room(1), room(1).conversation(), device(1), 3);
    world.register(&mut log, &mut first, room(1), 1);
    let mut second = Batch::new();
    log.forget(&mut second, room(1)).unwrap();
    // Nothing of this is in the store yet: the sweep can only wait.
    let mut third = Batch::new();
    assert!(log.sweep(&mut third).unwrap());
    assert!(third.is_empty());
    commit(&store, first);
    let mut fourth = Batch::new();
    assert!(log.sweep(&mut fourth).unwrap());
    assert!(fourth.is_empty());
    commit(&store, second);
    assert_eq!(opened(&store).1, DurableState::default());
    sweep_all(&mut log, &store);
    assert!(all_keys(&store).is_empty());
}

pub(super) fn a_large_room_is_forgotten_in_bounded_batches<B: Backend>() {
    let mut backend = B::new();
    let mut world = World::default();
    {
        let store = backend.store();
        let (mut log, _) = opened(&store);
        let mut batch = Batch::new();
        let many = u32::try_from(SWEEP_KEYS_MAX * 2 + 100).unwrap();
        world.events(&mut log, &mut batch, room(1), room(1).conversation(), device(1), many);
        world.roster(&mut log, &mut batch, room(2));
        commit(&store, batch);
        let mut batch = Batch::new();
        log.forget(&mut batch, room(1)).unwrap();
        assert_eq!(batch.operations().len(), SWEEP_KEYS_MAX + 1);
        commit(&store, batch);
        assert_eq!(log.reader().each_event_of(room(1).conversation(), &mut |_| panic!("it is gone")), Ok(()));
        let mut batch = Batch::new();
        assert!(log.sweep(&mut batch).unwrap());
        assert_eq!(batch.operations().len(), SWEEP_KEYS_MAX);
        // This one is lost in a crash.
    }
    backend.reopen();
    let store = backend.store();
    let (mut log, held) = opened(&store);
    world.forget(room(1));
    assert_eq!(held, world.held());
    assert!(all_keys(&store).len() > SWEEP_KEYS_MAX);
    assert_eq!(sweep_all(&mut log, &store), 2);
    assert_eq!(all_keys(&store).len(), 2);
}

/// A message with more edits than a page holds and two that only look like edits of it, then its deletion; all in one
/// room, by two devices, each event in a batch of its own. What has a body at the end, and the batches.
pub(super) fn deleted(world: &mut World, log: &mut EventLog) -> (Vec<Event>, Vec<Batch>) {
    let conversation = room(1).conversation();
    let mut batches = Vec::new();
    let mut keeping = Vec::new();
    let mut put = |world: &mut World, log: &mut EventLog, number, action, about| {
        let mut event = world.next_event_about(room(1), conversation, device(number), action, about);
        while event.body.is_none() {
            let mut batch = Batch::new();
            log.put_event(&mut batch, room(1), &event);
            batches.push(batch);
            event = world.next_event_about(room(1), conversation, device(number), action, about);
        }
        let mut batch = Batch::new();
        log.put_event(&mut batch, room(1), &event);
        if action == Action::REDACT {
            log.put_deletion(&mut batch, room(1), event.header.get());
        }
        batches.push(batch);
        event
    };
    let message = put(world, log, 1, Action::POST, None);
    let about = (message.header.get().own_place(), message.id());
    let other = put(world, log, 1, Action::POST, None);
    for _ in 0..PAGE_PAIRS + 3 {
        put(world, log, 1, Action::EDIT, Some(about));
    }
    keeping.push(put(world, log, 2, Action::EDIT, Some((about.0, other.id()))));
    keeping.push(put(world, log, 2, Action::REACT, Some(about)));
    keeping.push(put(world, log, 2, Action::REDACT, Some(about)));
    keeping.push(other);
    (keeping, batches)
}

pub(super) fn with_bodies(log: &EventLog) -> Vec<Event> {
    let mut events = Vec::new();
    log.reader().each_event_of(room(1).conversation(), &mut |event| events.push(event)).unwrap();
    events.retain(|event| event.body.is_some());
    events
}

pub(super) fn a_deletion_drops_bodies_whatever_was_in_flight<B: Backend>() {
    // Swept before any batch is committed, in between, or only after a crash.
    for committed_first in [0, 3, usize::MAX] {
        let mut backend = B::new();
        let mut world = World::default();
        let store = backend.store();
        let (mut log, _) = opened(&store);
        let (keeping, batches) = deleted(&mut world, &mut log);
        for (number, batch) in batches.into_iter().enumerate() {
            if number == committed_first {
                let mut sweep = Batch::new();
                assert!(log.sweep(&mut sweep).unwrap(), "there is something to wait for");
                assert!(sweep.operations().is_empty(), "and nothing to do yet");
            }
            commit(&store, batch);
        }
        assert!(with_bodies(&log).len() > PAGE_PAIRS);
        if committed_first == usize::MAX {
            drop((log, store));
            backend.reopen();
        } else {
            drop(store);
        }
        let store = backend.store();
        let (mut log, held) = opened(&store);
        assert_eq!(held.deletions.len(), 1);
        sweep_all(&mut log, &store);
        let left: Vec<EventId> = with_bodies(&log).iter().map(Event::id).collect();
        let kept: BTreeSet<EventId> = keeping.iter().map(Event::id).collect();
        assert_eq!(left.iter().copied().collect::<BTreeSet<_>>(), kept);
        let mut headers = 0;
        log.reader().each_event_of(room(1).conversation(), &mut |_| headers += 1).unwrap();
        assert_eq!(headers, world.log(room(1).conversation()).len(), "every header stays");
        // Opened again, there is nothing left to do.
        let (mut log, held) = opened(&store);
        assert_eq!(held.deletions.len(), 1, "what is not held yet may still come");
        assert!(!log.sweep(&mut Batch::new()).unwrap());
    }
}

pub(super) fn a_deletion_of_what_is_not_held_is_kept<B: Backend>() {
    let backend = B::new();
    let store = backend.store();
    let mut world = World::default();
    let (mut log, _) = opened(&store);
    let place = EventPlace { chain: world::chain_of(device(7), room(1).conversation()), seq: Seq(40) };
    let target = EventId([5; 32]);
    let event =
        world.next_event_about(room(1), room(1).conversation(), device(2), Action::RETRACT, Some((place, target)));
    let mut batch = Batch::new();
    log.put_event(&mut batch, room(1), &event);
    log.put_deletion(&mut batch, room(1), event.header.get());
    commit(&store, batch);
    sweep_all(&mut log, &store);
    let header = event.header.get();
    let (by, action, roster) = (header.own_place(), Action::RETRACT, header.roster);
    let expected = HeldDeletion { log: header.log, place, deletion: Deletion { target, by, action, roster } };
    assert_eq!(opened(&store).1.deletions, [expected]);
}

pub(super) fn a_deletion_goes_with_its_room<B: Backend>() {
    let backend = B::new();
    let store = backend.store();
    let mut world = World::default();
    let (mut log, _) = opened(&store);
    let (_, batches) = deleted(&mut world, &mut log);
    batches.into_iter().for_each(|batch| commit(&store, batch));
    let mut batch = Batch::new();
    log.forget(&mut batch, room(1)).unwrap();
    commit(&store, batch);
    sweep_all(&mut log, &store);
    assert_eq!(all_keys(&store), Vec::<Vec<u8>>::new());
    assert_eq!(opened(&store).1, DurableState::default());
}

pub(super) fn a_room_of_the_same_name_is_a_new_one<B: Backend>() {
    let backend = B::new();
    let store = backend.store();
    let mut world = World::default();
    let (mut log, _) = opened(&store);
    furnished(&mut world, &mut log, &store);
    // Forgotten, joined again and written to, all in one batch.
    let mut batch = Batch::new();
    log.forget(&mut batch, room(1)).unwrap();
    world.forget(room(1));
    world.roster(&mut log, &mut batch, room(1));
    world.events(&mut log, &mut batch, room(1), room(1).conversation(), device(1), 2);
    commit(&store, batch);
    log.check_invariants();
    assert_eq!(opened(&store).1, world.held());
    sweep_all(&mut log, &store);
    assert_eq!(opened(&store).1, world.held());
    let chain = world::chain_of(device(1), room(1).conversation());
    let loaded = log.reader().load(room(1).conversation(), chain, Seq(1), Seq(99), usize::MAX).unwrap();
    assert_eq!(loaded, world.chain(room(1).conversation(), chain));
}
