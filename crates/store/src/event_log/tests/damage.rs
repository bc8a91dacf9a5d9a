//! What a damaged store says of itself: never nothing, and never less than it holds.

use super::*;

/// What opening and then reading everything says.
pub(super) fn opened_and_read(store: &Arc<dyn Store>, world: &World) -> Result<DurableState, StoreError> {
    let (log, held) = EventLog::open(Arc::clone(store))?;
    let reader = log.reader();
    for (id, chain, events) in world.chains() {
        let last = events.last().unwrap().header.get().seq;
        assert!(reader.load(id, chain, events[0].header.get().seq, last, usize::MAX)?.len() <= events.len());
        reader.each_event_of(id, &mut |_| {})?;
    }
    Ok(held)
}

pub(super) fn damage_of(result: Result<DurableState, StoreError>) -> String {
    match result {
        Err(StoreError::Damaged { detail }) => detail,
        other => panic!("no damage: {other:?}"),
    }
}

pub(super) fn damage_is_named<B: Backend>() {
    let backend = B::new();
    let store = backend.store();
    let mut world = World::default();
    let (mut log, _) = opened(&store);
    furnished(&mut world, &mut log, &store);
    let keys = all_keys(&store);
    for key in &keys {
        let value = store.get(key).unwrap().unwrap();
        let other_kind = keys.iter().find(|other| other[..2] != key[..2] || other.get(6) != key.get(6)).unwrap();
        let mut longer = value.clone();
        longer.push(0);
        let mut flipped = value.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 0x10;
        let mut damaged = vec![
            Vec::new(),
            vec![0xFF; 40],
            value[..value.len() - 1].to_vec(),
            longer,
            store.get(other_kind).unwrap().unwrap(),
            vec![0x81; 80 * 1024],
        ];
        // A flipped bit of a signed value may only break its signature, which its reader checks and the store does
        // not; of a head it always shows.
        if key.starts_with(b"Lr") || key.get(6) == Some(&b'c') {
            damaged.push(flipped);
        }
        for bytes in damaged {
            let mut batch = Batch::new();
            batch.put(key.clone(), bytes);
            commit(&store, batch);
            let detail = damage_of(opened_and_read(&store, &world));
            assert!(detail.contains("key \"L"), "{detail}");
        }
        // A value that does not decode is named by its own key.
        let mut batch = Batch::new();
        batch.put(key.clone(), vec![0xFF; 40]);
        commit(&store, batch);
        let detail = damage_of(opened_and_read(&store, &world));
        assert!(detail.contains(&format!("key \"{}\"", key.escape_ascii())), "{detail}");
        let mut batch = Batch::new();
        batch.put(key.clone(), value);
        commit(&store, batch);
    }
    // Values that decode, under the key of another of their kind.
    for kind in [b'e', b'g', b'r', b'c'] {
        let of_kind: Vec<_> = keys.iter().filter(|key| key.starts_with(b"Ld") && key[6] == kind).collect();
        for pair in of_kind.windows(2) {
            let [one, other] = pair else { panic!("a window of two") };
            let (value, foreign) = (store.get(one).unwrap().unwrap(), store.get(other).unwrap().unwrap());
            let mut batch = Batch::new();
            batch.put(one.to_vec(), foreign);
            commit(&store, batch);
            // A change in the middle of a roster is the next reader's to check: each names the one before.
            let is_middle_change = kind == b'r' && one[2..6] == other[2..6] && one[14] != 3;
            if !is_middle_change {
                damage_of(opened_and_read(&store, &world));
            }
            let mut batch = Batch::new();
            batch.put(one.to_vec(), value);
            commit(&store, batch);
        }
    }
    assert_eq!(opened_and_read(&store, &world), Ok(world.held()));
}

pub(super) fn a_lost_key_is_noticed<B: Backend>() {
    let backend = B::new();
    let store = backend.store();
    let mut world = World::default();
    let (mut log, _) = opened(&store);
    furnished(&mut world, &mut log, &store);
    for key in all_keys(&store) {
        let value = store.get(&key).unwrap().unwrap();
        let mut batch = Batch::new();
        batch.delete(key.clone());
        commit(&store, batch);
        if key.get(6) == Some(&b'g') && key.starts_with(b"Ld") {
            // Nothing counts registers: one that is lost is fetched again as soon as two replicas compare theirs.
            assert_eq!(opened(&store).1.registers.len(), 2);
        } else {
            damage_of(opened_and_read(&store, &world));
        }
        let mut batch = Batch::new();
        batch.put(key, value);
        commit(&store, batch);
    }
    assert_eq!(opened_and_read(&store, &world), Ok(world.held()));
}

pub(super) fn a_stray_key_is_noticed<B: Backend>() {
    let backend = B::new();
    let store = backend.store();
    let mut world = World::default();
    let (mut log, _) = opened(&store);
    furnished(&mut world, &mut log, &store);
    let place = |room, chain| Place { room: RoomNumber(room), chain: ChainNumber(chain) };
    let event = store.get(&keys::event(place(1, 1), Seq(5))).unwrap().unwrap();
    let strays = [
        (keys::event(place(1, 1), Seq(6)), event.clone()),
        (keys::event(place(1, 4), Seq(1)), event.clone()),
        (keys::event(place(0, 1), Seq(1)), event.clone()),
        (keys::event(place(3, 1), Seq(1)), event.clone()),
        (keys::event(place(u32::MAX, 1), Seq(1)), event),
        (keys::change(RoomNumber(1), 4), store.get(&keys::change(RoomNumber(1), 3)).unwrap().unwrap()),
        (keys::chain(place(1, 9)), store.get(&keys::chain(place(1, 1))).unwrap().unwrap()),
        (keys::room(RoomNumber(9)), store.get(&keys::room(RoomNumber(1))).unwrap().unwrap()),
        (b"Lr1".to_vec(), store.get(&keys::room(RoomNumber(1))).unwrap().unwrap()),
        ([keys::chain(place(1, 1)), vec![0]].concat(), store.get(&keys::chain(place(1, 1))).unwrap().unwrap()),
    ];
    for (key, value) in strays {
        let mut batch = Batch::new();
        batch.put(key.clone(), value);
        commit(&store, batch);
        damage_of(opened_and_read(&store, &world));
        let mut batch = Batch::new();
        batch.delete(key);
        commit(&store, batch);
    }
    assert_eq!(opened_and_read(&store, &world), Ok(world.held()));
}
