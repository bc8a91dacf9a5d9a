use proptest::prelude::*;

use super::*;

/// A message by one of four devices, whose ids share what they are found by where `twin` says so.
fn entry(number: usize, (hlc, device, twin, replies): (u64, u8, bool, bool)) -> Entry {
    let mut id = [u8::try_from(number % 251).unwrap(); 32];
    id[..8].copy_from_slice(&if twin { [0; 8] } else { number.to_be_bytes() });
    id[8..16].copy_from_slice(&number.to_be_bytes());
    let order = EventOrder {
        hlc: Hlc(hlc),
        device: DeviceId([device; 32]),
        incarnation: Incarnation([1; 16]),
        seq: Seq(u64::try_from(number).unwrap() + 1),
    };
    Entry {
        id: EventId(id),
        order,
        author: AccountId([device % 2; 16]),
        reply_to: replies.then_some(EventId([9; 32])),
        roster_version: u64::from(device),
        state: DeliveryState::Stored,
        has_text: true,
        is_meant: number.is_multiple_of(3),
        is_call: number.is_multiple_of(5),
    }
}

proptest! {
    #[test]
    fn prop_entries_are_as_in_a_tree(
        written in proptest::collection::vec((0_u64..400, 0_u8..4, any::<bool>(), any::<bool>()), 1..600),
        rising in any::<bool>(),
        asked in any::<prop::sample::Index>(),
        gone in 0_u8..5,
    ) {
        let mut written: Vec<Entry> = written.into_iter().enumerate().map(|(number, it)| entry(number, it)).collect();
        if rising {
            written.sort_by_key(|entry| entry.order);
        }
        let mut entries = Entries::default();
        let mut tree: BTreeMap<EventOrder, Entry> = BTreeMap::new();
        for entry in &written {
            prop_assert!(entries.insert(*entry));
            tree.insert(entry.order, *entry);
        }
        prop_assert!(entries.blocks.iter().all(|block| (1..=BLOCK_ROWS_MAX).contains(&block.len())));
        let middle = written[asked.index(written.len())];
        entries.drop_text(middle.id);
        tree.insert(middle.order, Entry { has_text: false, is_meant: false, ..middle });
        for moving in entries.moving().take(7) {
            *moving.state = DeliveryState::Read;
            tree.get_mut(&moving.order).unwrap().state = DeliveryState::Read;
        }
        let compare = |entries: &Entries, tree: &BTreeMap<EventOrder, Entry>| {
            let rev: Vec<Entry> = tree.values().rev().copied().collect();
            assert_eq!(entries.newest_first().collect::<Vec<_>>(), rev);
            let before: Vec<Entry> = tree.range(..middle.order).rev().map(|(_, entry)| *entry).collect();
            assert_eq!(entries.before(middle.order).collect::<Vec<_>>(), before);
            let after = tree.range(middle.order..).map(|(_, entry)| *entry);
            let after: Vec<Entry> = after.filter(|entry| entry.order != middle.order).collect();
            assert_eq!(entries.after(middle.order).collect::<Vec<_>>(), after);
            for entry in &written {
                assert_eq!(entries.get(entry.id), tree.get(&entry.order).copied());
            }
            assert_eq!(entries.get(EventId([77; 32])), None);
        };
        compare(&entries, &tree);
        let stays = |entry: &Entry| entry.order.device.0[0] != gone;
        let before = tree.len();
        tree.retain(|_, entry| stays(entry));
        prop_assert_eq!(entries.retain(stays), before != tree.len());
        compare(&entries, &tree);
    }
}

#[test]
fn a_long_conversation_takes_few_blocks_whichever_end_it_grows_at() {
    let rows = 20_u64 * 128;
    for (name, hlcs) in [
        ("as it is written", (0..rows).collect::<Vec<_>>()),
        ("history, the newest first", (0..rows).rev().collect()),
        ("history before a full block", (rows..rows + 128).chain(0..rows - 128).collect()),
        ("one chain between the events of another", (0..rows).step_by(2).chain((1..rows).step_by(2)).collect()),
    ] {
        let mut entries = Entries::default();
        for (number, hlc) in hlcs.into_iter().enumerate() {
            entries.insert(entry(number, (hlc, 1, false, false)));
        }
        let most = if name.starts_with("one chain") { 40 } else { 21 };
        assert!(entries.blocks.len() <= most, "{name}: {} blocks", entries.blocks.len());
    }
}
