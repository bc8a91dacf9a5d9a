use momoland_protocol::clock::Hlc;
use momoland_protocol::event::Action;
use momoland_protocol::id::{BodyHash, EventId, Incarnation, RosterHash};
use proptest::prelude::*;
use yrs::{Text as _, XmlTextPrelim};

use super::*;

const LOG: LogId = LogId([7; 32]);

fn device(number: u8) -> DeviceId {
    DeviceId([number; 32])
}

/// The header of an event of a device.
fn header(number: u8, seq: u64, hlc: u64) -> EventHeader {
    EventHeader {
        log: LOG,
        device: device(number),
        incarnation: Incarnation([number; 16]),
        seq: Seq(seq),
        prev: EventId([u8::from(seq > 1); 32]),
        hlc: Hlc(hlc),
        roster: RosterHash::ZERO,
        action: Action::DOCUMENT_UPDATE,
        targets: Vec::new(),
        body_hash: BodyHash([0; 32]),
        body_length: 0,
        place: None,
    }
}

fn begun(number: u8) -> (Document, Vec<u8>) {
    let mut document = Document::new(LOG, device(number));
    let first = document.begin().unwrap();
    document.take_unissued(limits::DOCUMENT_UPDATE_BYTES_MAX);
    document.issued(&header(number, 1, 1), 1, &first);
    (document, first)
}

fn joined(number: u8, first: &[u8]) -> Document {
    let mut document = Document::new(LOG, device(number));
    assert_eq!(document.fold(&header(1, 1, 1), 1, first), Folded::Counts);
    document
}

fn insert(at: u32, text: &str) -> Vec<Edit> {
    vec![Edit::Insert { at, text: text.to_owned() }]
}

fn issue(document: &mut Document, number: u8, seq: u64, hlc: u64) -> Vec<(EventHeader, Vec<u8>)> {
    let mut events = Vec::new();
    for (place, update) in document.take_unissued(limits::DOCUMENT_UPDATE_BYTES_MAX).into_iter().enumerate() {
        let header = header(number, seq + place as u64, hlc + place as u64);
        document.issued(&header, 1, &update);
        events.push((header, update));
    }
    events
}

// Rules: DO1
#[test]
fn two_who_write_at_once_have_both_texts() {
    let (mut ada, first) = begun(1);
    let mut grace = joined(2, &first);
    ada.edit(&insert(0, "from ada ")).unwrap();
    grace.edit(&insert(0, "from grace ")).unwrap();
    let (of_ada, of_grace) = (issue(&mut ada, 1, 2, 10), issue(&mut grace, 2, 1, 10));
    for (header, update) in of_grace {
        assert_eq!(ada.fold(&header, 1, &update), Folded::Counts);
    }
    for (header, update) in of_ada {
        assert_eq!(grace.fold(&header, 1, &update), Folded::Counts);
    }
    assert_eq!(ada.text(), grace.text());
    assert!(ada.text().contains("from ada ") && ada.text().contains("from grace "));
    assert!(!ada.text().contains('\n'), "both began in the paragraph that was there");
}

#[test]
fn an_update_that_is_not_taken_changes_nothing() {
    let (mut ada, _) = begun(1);
    ada.edit(&insert(0, "a😀b")).unwrap();
    let before = ada.state(None).unwrap();
    let cases: [(Vec<Edit>, EditRefusal); 5] = [
        (insert(5, "x"), EditRefusal::BeyondTheEnd { units: 4 }),
        (insert(2, "x"), EditRefusal::InACharacter { at: 2 }),
        (vec![Edit::Delete { at: 1, len: 1 }], EditRefusal::InACharacter { at: 2 }),
        (vec![Edit::Delete { at: 3, len: 2 }], EditRefusal::BeyondTheEnd { units: 4 }),
        // The second of two.
        ([insert(0, "first"), insert(99, "x")].concat(), EditRefusal::BeyondTheEnd { units: 9 }),
    ];
    for (edits, expected) in cases {
        assert_eq!(ada.edit(&edits), Err(expected), "{edits:?}");
    }
    assert_eq!(ada.take_raw(&[1, 2, 3]), Err(EditRefusal::Update(UpdateError::Malformed)));
    assert_eq!(ada.state(None).unwrap(), before);
    assert_eq!(ada.text(), "a😀b");
}

/// What an editor with this client id writes into a document of which it has everything.
fn typed_by(client: u64, document: &Document, text: &str) -> Vec<u8> {
    let doc = Doc::with_client_id(client);
    let content = doc.transact_mut().get_or_insert_xml_fragment("default");
    let (state, _) = document.state(None).unwrap();
    doc.transact_mut().apply_update(yrs::Update::decode_v1(&state).unwrap()).unwrap();
    let mut txn = doc.transact_mut();
    let paragraph = content.push_back(&mut txn, XmlElementPrelim::empty("paragraph"));
    let run = paragraph.push_back(&mut txn, XmlTextPrelim::new(""));
    run.insert(&mut txn, 0, text);
    txn.encode_update_v1()
}

// Rules: DO4
#[test]
fn an_editor_writes_under_an_id_of_its_own() {
    let (mut ada, first) = begun(1);
    for client in [ada.new_client(), 123_456] {
        let update = typed_by(client, &ada, "typed");
        assert!(!ada.take_raw(&update).unwrap().is_empty());
        assert_eq!(ada.take_raw(&update), Ok(Vec::new()), "once is enough");
    }
    assert_eq!(ada.text(), "\ntyped\ntyped");
    let mut grace = joined(2, &first);
    for (header, update) in issue(&mut ada, 1, 2, 10) {
        assert_eq!(grace.fold(&header, 1, &update), Folded::Counts);
    }
    assert_eq!(grace.text(), ada.text());
}

// Rules: DO4, DO5
#[test]
fn an_id_of_another_device_is_refused() {
    let (mut ada, first) = begun(1);
    let mut grace = joined(2, &first);
    let stolen = ada.new_client();
    let update = typed_by(stolen, &grace, "stolen");
    assert_eq!(grace.take_raw(&update), Err(EditRefusal::ForeignClient { client: stolen }));
    // A modified client does not ask.
    let before = ada.text();
    assert_eq!(ada.fold(&header(2, 1, 10), 1, &update), Folded::Refused);
    assert_eq!(ada.text(), before);
}

// Rules: DO4
#[test]
fn a_chosen_id_is_whose_event_is_first() {
    let (mut ada, first) = begun(1);
    let (mut early, mut late) = (joined(3, &first), joined(4, &first));
    let of_grace = typed_by(99, &ada, "grace's");
    let of_carol = typed_by(99, &ada, "carol's");
    ada.take_raw(&of_grace).unwrap();
    let (by_grace, by_carol) = (header(1, 2, 10), header(5, 1, 20));
    assert_eq!(early.fold(&by_grace, 1, &of_grace), Folded::Counts);
    assert_eq!(early.fold(&by_carol, 1, &of_carol), Folded::Refused);
    assert_eq!(late.fold(&by_carol, 1, &of_carol), Folded::Counts);
    assert_eq!(late.fold(&by_grace, 1, &of_grace), Folded::OutOfOrder, "it must be folded anew");
}

#[test]
fn what_builds_on_what_is_not_here_is_refused() {
    let (mut ada, first) = begun(1);
    let mut grace = joined(2, &first);
    ada.edit(&insert(0, "not sent\nat all")).unwrap();
    let update = typed_by(4_711, &ada, "behind it");
    assert_eq!(grace.take_raw(&update), Err(EditRefusal::LeansOnUnknown));
    assert_eq!(grace.text(), "");
}

/// Blocks within each other, and text in the innermost.
fn nested(document: &Document, depth: usize) -> Vec<u8> {
    let doc = Doc::with_client_id(77);
    let content = doc.transact_mut().get_or_insert_xml_fragment("default");
    let (state, _) = document.state(None).unwrap();
    doc.transact_mut().apply_update(yrs::Update::decode_v1(&state).unwrap()).unwrap();
    let mut txn = doc.transact_mut();
    let mut block = content.push_back(&mut txn, XmlElementPrelim::empty("blockquote"));
    for _ in 0..depth {
        block = block.push_back(&mut txn, XmlElementPrelim::empty("blockquote"));
    }
    block.push_back(&mut txn, XmlTextPrelim::new("deep"));
    let update = txn.encode_update_v1();
    drop(txn);
    // To let go of it here as well would take a stack that a test has not.
    std::mem::forget(doc);
    update
}

// Rules: DO5
#[test]
fn what_lies_too_deep_is_refused() {
    let (mut ada, first) = begun(1);
    for depth in [200, 5_000] {
        let update = nested(&ada, depth);
        assert_eq!(ada.take_raw(&update), Err(EditRefusal::TooDeep));
        assert_eq!(ada.fold(&header(2, 1, 10), 1, &update), Folded::Refused);
        assert_eq!(ada.text(), "");
    }
    let update = nested(&ada, 90);
    assert!(ada.take_raw(&update).is_ok());
    assert_eq!(ada.text(), "\ndeep");
    let mut grace = joined(2, &first);
    for (header, update) in issue(&mut ada, 1, 2, 10) {
        assert_eq!(grace.fold(&header, 1, &update), Folded::Counts);
    }
    let all = units(&grace.text());
    grace.edit(&[Edit::Delete { at: 0, len: all }]).unwrap();
    assert_eq!(grace.text(), "");
}

#[test]
fn what_the_journal_kept_is_taken_in_once() {
    let (mut ada, first) = begun(1);
    let kept: Vec<Vec<u8>> = ["one ", "two "].map(|text| ada.edit(&insert(0, text)).unwrap()).into();
    let events = issue(&mut ada, 1, 2, 10);
    // It stopped before the journal was cleared, or before the events were stored.
    let mut restarted = joined(1, &first);
    for update in &kept {
        assert_eq!(restarted.recover(update), Recovered::New);
    }
    assert_eq!(restarted.text(), "two one ");
    assert!(restarted.has_unissued());
    let mut restarted = joined(1, &first);
    for (header, update) in &events {
        restarted.fold(header, 1, update);
    }
    for update in &kept {
        assert_eq!(restarted.recover(update), Recovered::Known);
    }
    assert!(!restarted.has_unissued());
    assert_eq!(restarted.text(), "two one ");
}

// Rules: DO3
#[test]
fn a_long_text_is_several_events() {
    let (mut ada, first) = begun(1);
    let line = "we write to each other, and the machines carry it 😀\n";
    let long = line.repeat(4_000);
    ada.edit(&insert(0, &long)).unwrap();
    let events = issue(&mut ada, 1, 2, 10);
    assert!(events.len() > 3);
    let mut grace = joined(2, &first);
    for (header, update) in events.iter().rev() {
        assert!(update.len() <= limits::DOCUMENT_UPDATE_BYTES_MAX);
        assert_ne!(grace.fold(header, 1, update), Folded::Refused);
    }
    assert_eq!(grace.text(), long);
}

proptest! {
    // Rules: DO3, DO5
    #[test]
    fn prop_documents_converge_in_any_order(
        steps in prop::collection::vec((0..3_usize, any::<u32>(), 0..3_u32, "[a-z\n]{0,3}"), 1..30),
        shuffle in any::<prop::sample::Index>(),
    ) {
        let (ada, first) = begun(1);
        let mut people = [ada, joined(2, &first), joined(3, &first)];
        let mut events = vec![(header(1, 1, 1), first)];
        let mut seqs = [1, 0, 0];
        for (place, (who, at, len, text)) in steps.into_iter().enumerate() {
            let document = &mut people[who];
            let held = units(&document.text());
            let at = at % (held + 1);
            let edits = [Edit::Delete { at, len: len.min(held - at) }, Edit::Insert { at, text }];
            document.edit(&edits).unwrap();
            let number = u8::try_from(who).unwrap() + 1;
            let issued = issue(document, number, seqs[who] + 1, 10 + place as u64 * 10);
            seqs[who] += issued.len() as u64;
            events.extend(issued);
            // Every third change is seen by all; the others are concurrent.
            if place % 3 == 0 {
                for (other, person) in people.iter_mut().enumerate() {
                    for (header, update) in events.iter().filter(|(header, _)| header.device != device(other as u8 + 1)) {
                        person.fold(header, 1, update);
                    }
                }
            }
        }
        for (other, person) in people.iter_mut().enumerate() {
            for (header, update) in events.iter().filter(|(header, _)| header.device != device(other as u8 + 1)) {
                prop_assert_ne!(person.fold(header, 1, update), Folded::Refused);
            }
        }
        let expected = people[0].text();
        let turn = shuffle.index(events.len());
        events.rotate_left(turn);
        events.reverse();
        let mut late = Document::new(LOG, device(9));
        for (header, update) in &events {
            late.fold(header, 1, update);
        }
        for person in &mut people {
            prop_assert_eq!(person.text(), expected.clone());
        }
        prop_assert_eq!(late.text(), expected);
    }

    #[test]
    fn prop_mutated_updates_do_no_harm(
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        texts in prop::collection::vec("[a-z\n😀]{1,6}", 1..6),
    ) {
        let (mut ada, first) = begun(1);
        let mut grace = joined(2, &first);
        for text in &texts {
            ada.edit(&insert(0, text)).unwrap();
        }
        for (header, mut update) in issue(&mut ada, 1, 2, 10) {
            for (place, byte) in &places {
                let place = place.index(update.len());
                update[place] = *byte;
            }
            grace.fold(&header, 1, &update);
            let _ = grace.take_raw(&update);
        }
        // Whatever became of them, the document goes on.
        grace.text();
        grace.edit(&insert(0, "still here\n")).unwrap();
        prop_assert!(grace.text().starts_with("still here"));
    }
}
