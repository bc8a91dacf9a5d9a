use proptest::prelude::*;
use yrs::updates::decoder::Decode as _;
use yrs::{Doc, GetString as _, OffsetKind, Options, ReadTxn as _, StateVector, Text as _, Transact as _};

use super::*;

fn doc(client: u64) -> Doc {
    let mut options = Options::with_client_id(yrs::ClientID::new(client));
    options.offset_kind = OffsetKind::Utf16;
    options.cleanup_formatting = false;
    Doc::with_options(options)
}

/// A document that two people wrote by turns, and the update of each of their changes.
fn written(changes: &[(bool, u32, u32, String)]) -> (Doc, Vec<Vec<u8>>) {
    let docs = [doc(7), doc((1 << 52) + 9)];
    let texts = docs.each_ref().map(|doc| doc.get_or_insert_text("text"));
    let mut updates = Vec::new();
    for (who, at, deleted, inserted) in changes {
        let who = usize::from(*who);
        let mut txn = docs[who].transact_mut();
        // Places between characters: the texts here are of one unit a character, but for those that are typed last.
        let held: Vec<char> = texts[who].get_string(&txn).chars().collect();
        let place = *at as usize % (held.len() + 1);
        let units = |chars: &[char]| chars.iter().map(|c| c.len_utf16() as u32).sum::<u32>();
        let gone = held[place..].iter().take(*deleted as usize).copied().collect::<Vec<char>>();
        let offset = units(&held[..place]);
        if !gone.is_empty() {
            texts[who].remove_range(&mut txn, offset, units(&gone));
        }
        texts[who].insert(&mut txn, offset, inserted);
        let update = txn.encode_update_v1();
        drop(txn);
        docs[1 - who].transact_mut().apply_update(yrs::Update::decode_v1(&update).unwrap()).unwrap();
        updates.push(update);
    }
    let [first, _] = docs;
    (first, updates)
}

fn applied(updates: &[Vec<u8>]) -> String {
    let fresh = doc(1);
    let text = fresh.get_or_insert_text("text");
    for update in updates {
        fresh.transact_mut().apply_update(yrs::Update::decode_v1(update).unwrap()).unwrap();
    }
    assert!(!fresh.transact().has_missing_updates(), "something that it builds on is missing");
    text.get_string(&fresh.transact())
}

fn changes() -> impl Strategy<Value = Vec<(bool, u32, u32, String)>> {
    let text = prop_oneof!["[a-z]{1,5}", Just("é漢😀".to_owned()), Just("👩‍👩‍👧 ".to_owned())];
    prop::collection::vec((any::<bool>(), 0..200_u32, 0..4_u32, text), 1..40)
}

proptest! {
    #[test]
    fn prop_what_is_taken_apart_has_the_same_effect(changes in changes()) {
        let (doc, updates) = written(&changes);
        let expected = doc.get_or_insert_text("text").get_string(&doc.transact());
        let again: Vec<Vec<u8>> = updates.iter().map(|update| Update::decode(update).unwrap().encode()).collect();
        prop_assert_eq!(applied(&again), expected.clone());
        // And of the whole state, where structs were joined, and deleted ones forgotten.
        let state = doc.transact().encode_state_as_update_v1(&StateVector::default());
        prop_assert_eq!(applied(&[Update::decode(&state).unwrap().encode()]), expected);
    }

    #[test]
    fn prop_parts_have_the_effect_of_the_whole(changes in changes(), limit in 140..2_000_usize) {
        let (doc, updates) = written(&changes);
        let expected = doc.get_or_insert_text("text").get_string(&doc.transact());
        let mut whole = Update::default();
        for update in &updates {
            whole.absorb(Update::decode(update).unwrap());
        }
        prop_assert_eq!(applied(&[whole.encode()]), expected.clone());
        let parts = whole.into_parts(limit).unwrap();
        for part in &parts {
            prop_assert!(part.len() <= limit, "{} bytes", part.len());
        }
        prop_assert_eq!(applied(&parts), expected);
    }

    #[test]
    fn prop_any_bytes_are_an_update_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Update::decode(&bytes);
    }

    #[test]
    fn prop_mutated_updates_are_an_update_or_an_error(
        changes in changes(),
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let (_, updates) = written(&changes);
        for mut update in updates {
            for (place, byte) in &places {
                let place = place.index(update.len());
                update[place] = *byte;
            }
            if let Ok(taken) = Update::decode(&update) {
                prop_assert_eq!(Update::decode(&taken.encode()), Ok(taken));
            }
        }
    }
}

#[test]
fn keystrokes_in_a_row_are_one_piece() {
    let doc = doc(7);
    let text = doc.get_or_insert_text("text");
    let mut gathered = Update::default();
    for (place, c) in "we write to each other".chars().enumerate() {
        let mut txn = doc.transact_mut();
        text.insert(&mut txn, place as u32, &c.to_string());
        gathered.absorb(Update::decode(&txn.encode_update_v1()).unwrap());
    }
    assert_eq!(gathered.structs[&7].len(), 1);
    assert!(gathered.encode().len() < 40);
}

#[test]
fn what_is_known_is_left_out() {
    let (doc, _) = written(&[(false, 0, 0, "hello".to_owned()), (false, 5, 0, " world".to_owned())]);
    let state = doc.transact().encode_state_as_update_v1(&StateVector::default());
    let mut update = Update::decode(&state).unwrap();
    update.trim(|_| 8);
    assert!(!update.fits(|_| 7), "a clock is missing before it");
    assert!(update.fits(|_| 8));
    assert_eq!(update.structs[&7].iter().map(|it| it.len).sum::<u32>(), 3);
    update.trim(|_| 11);
    assert!(update.is_empty());
}

#[test]
fn a_promise_of_more_than_there_is_is_refused() {
    let cases: [&[u8]; 6] = [
        &[],
        &[1],
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f],
        // A struct without a length.
        &[1, 1, 7, 0, 0, 0, 0],
        // Clocks beyond what is taken.
        &[1, 1, 7, 0xff, 0xff, 0xff, 0xff, 0x07, 0, 1, 0],
        // Something behind the end.
        &[0, 0, 0],
    ];
    for bytes in cases {
        assert!(Update::decode(bytes).is_err(), "{bytes:?}");
    }
    assert_eq!(Update::decode(&[0, 0]), Ok(Update::default()));
}

proptest! {
    #[test]
    fn prop_without_the_text_that_it_deletes_it_has_the_same_effect(changes in changes()) {
        let (doc, updates) = written(&changes);
        let expected = doc.get_or_insert_text("text").get_string(&doc.transact());
        let mut whole = Update::default();
        for update in &updates {
            whole.absorb(Update::decode(update).unwrap());
        }
        let without = whole.clone().without_deleted_text();
        prop_assert_eq!(applied(&[without.encode()]), expected);
        prop_assert!(without.size() <= whole.size());
        // Whoever saw it typed finds the same in it.
        prop_assert!(!whole.contradicts(&without) && !without.contradicts(&whole));
        let deleted = whole.deleted.clone();
        let bare = whole.clone().without_text_of(&deleted, 1);
        prop_assert_eq!(bare.text_of(|id| whole.deletes(id)), "");
        prop_assert_eq!(applied(&[bare.encode()]), applied(&[whole.encode()]));
        prop_assert!(!whole.contradicts(&bare) && !bare.contradicts(&whole));
    }
}

#[test]
fn what_was_typed_and_taken_back_at_once_takes_no_room() {
    let doc = doc(7);
    let text = doc.get_or_insert_text("text");
    let mut gathered = Update::default();
    for _ in 0..200 {
        let mut txn = doc.transact_mut();
        text.insert(&mut txn, 0, "0123456789");
        text.remove_range(&mut txn, 0, 10);
        gathered.absorb(Update::decode(&txn.encode_update_v1()).unwrap());
    }
    assert!(gathered.encode().len() > 2_000);
    assert!(gathered.without_deleted_text().encode().len() < 40);
}
