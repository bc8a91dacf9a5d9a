use momoland_protocol::clock::Hlc;
use momoland_protocol::event::Action;
use momoland_protocol::id::{BodyHash, Incarnation, RosterHash};
use proptest::prelude::*;
use yrs::{Text as _, XmlTextPrelim};

use super::live::LIVE_HOLDS_MS;
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
    assert_eq!(document.fold(&header(1, 1, 1), 1, first, Standing::Counts), Folded::Counts);
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
        assert_eq!(ada.fold(&header, 1, &update, Standing::Counts), Folded::Counts);
    }
    for (header, update) in of_ada {
        assert_eq!(grace.fold(&header, 1, &update, Standing::Counts), Folded::Counts);
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
        assert_eq!(grace.fold(&header, 1, &update, Standing::Counts), Folded::Counts);
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
    assert_eq!(ada.fold(&header(2, 1, 10), 1, &update, Standing::Counts), Folded::Refused);
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
    assert_eq!(early.fold(&by_grace, 1, &of_grace, Standing::Counts), Folded::Counts);
    assert_eq!(early.fold(&by_carol, 1, &of_carol, Standing::Counts), Folded::Refused);
    assert_eq!(late.fold(&by_carol, 1, &of_carol, Standing::Counts), Folded::Counts);
    assert_eq!(late.fold(&by_grace, 1, &of_grace, Standing::Counts), Folded::OutOfOrder, "it must be folded anew");
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
        assert_eq!(ada.fold(&header(2, 1, 10), 1, &update, Standing::Counts), Folded::Refused);
        assert_eq!(ada.text(), "");
    }
    let update = nested(&ada, 90);
    assert!(ada.take_raw(&update).is_ok());
    assert_eq!(ada.text(), "\ndeep");
    let mut grace = joined(2, &first);
    for (header, update) in issue(&mut ada, 1, 2, 10) {
        assert_eq!(grace.fold(&header, 1, &update, Standing::Counts), Folded::Counts);
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
        restarted.fold(header, 1, update, Standing::Counts);
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
        assert_ne!(grace.fold(header, 1, update, Standing::Counts), Folded::Refused);
    }
    assert_eq!(grace.text(), long);
}

/// What somebody types, as others are shown it.
fn keys(document: &mut Document) -> Vec<u8> {
    document.take_unsent().unwrap()
}

// Rules: DO8
#[test]
fn what_is_typed_shows_ahead_of_its_event() {
    let (mut ada, first) = begun(1);
    keys(&mut ada);
    let mut grace = joined(2, &first);
    ada.edit(&insert(0, "hello")).unwrap();
    let typed = keys(&mut ada);
    assert!(grace.type_live(device(1), &typed, 1_000));
    assert_eq!(grace.text(), "hello");
    assert!(!grace.type_live(device(1), &typed, 1_000), "once is enough");
    // Nobody types under another device's id.
    ada.edit(&insert(5, " there")).unwrap();
    let more = keys(&mut ada);
    assert!(!grace.type_live(device(3), &more, 1_000));
    assert_eq!(grace.text(), "hello");
    // One was lost: the next is not shown before the event comes.
    ada.edit(&insert(11, "!")).unwrap();
    assert!(!grace.type_live(device(1), &keys(&mut ada), 1_000));
    for (header, update) in issue(&mut ada, 1, 2, 10) {
        assert_eq!(grace.fold(&header, 1, &update, Standing::Counts), Folded::Counts);
    }
    assert_eq!(grace.text(), "hello there!");
    assert!(!grace.expire_live(1_000 + LIVE_HOLDS_MS), "nothing that was shown is missing");
    assert_eq!(grace.text(), "hello there!");
    assert_eq!(grace.live_until(), None);
}

// Rules: DO8
#[test]
fn what_no_event_says_is_shown_no_more() {
    let (mut ada, first) = begun(1);
    keys(&mut ada);
    let mut grace = joined(2, &first);
    ada.edit(&insert(0, "gone")).unwrap();
    assert!(grace.type_live(device(1), &keys(&mut ada), 1_000));
    assert!(!grace.expire_live(1_000 + LIVE_HOLDS_MS - 1));
    assert!(grace.expire_live(1_000 + LIVE_HOLDS_MS));
    assert_eq!(grace.text(), "");
    // An event that says something else than what was typed counts alone.
    ada.edit(&insert(0, "shown ")).unwrap();
    let mut liar = Document::new(LOG, device(1));
    liar.fold(&header(1, 1, 1), 1, &first, Standing::Counts);
    liar.edit(&insert(0, "lie")).unwrap();
    assert!(grace.type_live(device(1), &keys(&mut liar), 2_000));
    assert_eq!(grace.text(), "lie");
    let claimed = Update::decode(&liar.unissued()).unwrap();
    let client = claimed.clients().next().unwrap();
    let truth = typed_by(client, &joined(2, &first), "truth");
    grace.fold(&header(1, 2, 10), 1, &truth, Standing::Counts);
    assert!(grace.expire_live(2_001));
    assert_eq!(grace.text(), "\ntruth");
}

// Rules: DO8
#[test]
fn own_text_beside_what_never_came_is_made_again() {
    let (mut ada, first) = begun(1);
    keys(&mut ada);
    let mut grace = joined(2, &first);
    ada.edit(&insert(0, "never\nto come")).unwrap();
    assert!(grace.type_live(device(1), &keys(&mut ada), 1_000));
    // In the middle of a line, and in a block that is lost as well.
    grace.edit(&insert(2, "(kept)")).unwrap();
    grace.edit(&insert(13, "[kept too]")).unwrap();
    assert_eq!(grace.text(), "ne(kept)ver\nt[kept too]o come");
    assert!(grace.leans());
    assert!(!grace.expire_live(1_000 + LIVE_HOLDS_MS), "first what builds on it is made again");
    let mut again = joined(2, &first);
    let update = again.rebase(&grace).unwrap();
    assert_eq!(again.text(), "(kept)\n[kept too]");
    assert!(!again.leans());
    // It is an event like any other, and what the dead one never said may still come.
    let mut carol = joined(3, &first);
    let of_ada = issue(&mut ada, 1, 2, 10);
    for (header, update) in issue(&mut again, 2, 1, 20).iter().chain(&of_ada) {
        assert_eq!(carol.fold(header, 1, update, Standing::Counts), Folded::Counts);
    }
    for (header, update) in &of_ada {
        again.fold(header, 1, update, Standing::Counts);
    }
    assert_eq!(carol.text(), again.text());
    assert!(carol.text().contains("(kept)") && carol.text().contains("never"));
    assert!(!update.is_empty());
}

// Rules: DO8
#[test]
fn own_text_waits_for_what_it_was_written_beside() {
    let (mut ada, first) = begun(1);
    keys(&mut ada);
    let mut grace = joined(2, &first);
    ada.edit(&insert(0, "slow")).unwrap();
    assert!(grace.type_live(device(1), &keys(&mut ada), 1_000));
    let kept = grace.edit(&insert(4, " but sure")).unwrap();
    assert!(grace.leans());
    // Over a restart, too.
    let mut restarted = joined(2, &first);
    assert_eq!(restarted.recover(&kept), Recovered::New);
    assert!(restarted.leans() && restarted.text().is_empty());
    for (header, update) in issue(&mut ada, 1, 2, 10) {
        for person in [&mut grace, &mut restarted] {
            assert_eq!(person.fold(&header, 1, &update, Standing::Counts), Folded::Counts);
        }
    }
    for person in [&mut grace, &mut restarted] {
        assert!(!person.leans());
        assert_eq!(person.text(), "slow but sure");
        assert!(person.has_unissued());
    }
}

// Rules: DO7
#[test]
fn what_was_written_beside_a_refused_edit_stays() {
    let (mut ada, first) = begun(1);
    let mut grace = joined(2, &first);
    ada.edit(&insert(0, "one two")).unwrap();
    let mut events: Vec<(EventHeader, Vec<u8>, Standing)> = Vec::new();
    let say = |events: &mut Vec<_>, by: &mut Document, number, seq, hlc, standing, to: &mut Document| {
        for (header, update) in issue(by, number, seq, hlc) {
            to.fold(&header, 1, &update, Standing::Counts);
            events.push((header, update, standing));
        }
    };
    say(&mut events, &mut ada, 1, 2, 10, Standing::Counts, &mut grace);
    // She deletes something, writes a line, and does not count any more from there on.
    grace.edit(&[Edit::Delete { at: 0, len: 4 }]).unwrap();
    grace.edit(&insert(3, " spam\nmore spam")).unwrap();
    say(&mut events, &mut grace, 2, 1, 20, Standing::Refused, &mut ada);
    assert_eq!(ada.text(), "two spam\nmore spam");
    // In good faith, beside it.
    ada.edit(&insert(6, "[honest]")).unwrap();
    say(&mut events, &mut ada, 1, 3, 30, Standing::Counts, &mut grace);
    // A refused edit that nothing was written beside leaves no trace.
    grace.edit(&insert(0, "unseen\n")).unwrap();
    say(&mut events, &mut grace, 2, 3, 40, Standing::Refused, &mut ada);
    events.insert(0, (header(1, 1, 1), first, Standing::Counts));
    let mut texts = BTreeSet::new();
    for turn in 0..events.len() {
        for reverse in [false, true] {
            let mut order: Vec<_> = events.iter().collect();
            order.rotate_left(turn);
            if reverse {
                order.reverse();
            }
            let mut carol = Document::new(LOG, device(9));
            for (header, update, standing) in order {
                carol.fold(header, 1, update, *standing);
            }
            assert!(carol.waiting.is_empty(), "nobody waits for what does not count");
            texts.insert(carol.text());
        }
    }
    assert_eq!(texts.len(), 1, "{texts:?}");
    let text = texts.pop_first().unwrap();
    assert!(text.contains("one two") && text.contains("[honest]"), "{text:?}");
    assert!(!text.contains("spam") && !text.contains("unseen"), "{text:?}");
}

// Rules: DO13
#[test]
fn going_back_leaves_what_others_write_beside_it() {
    let (mut ada, first) = begun(1);
    let mut grace = joined(2, &first);
    ada.edit(&insert(0, "the tide is high today\nno wind")).unwrap();
    let before = ada.blocks();
    ada.edit(&[Edit::Delete { at: 12, len: 4 }, Edit::Insert { at: 12, text: "low".to_owned() }]).unwrap();
    for (header, update) in issue(&mut ada, 1, 2, 10) {
        grace.fold(&header, 1, &update, Standing::Counts);
    }
    assert_eq!(grace.text(), "the tide is low today\nno wind");
    grace.edit(&insert(21, ", says grace")).unwrap();
    ada.become_blocks(&before).unwrap();
    assert_eq!(ada.blocks(), before);
    for (header, update) in issue(&mut ada, 1, 20, 30) {
        grace.fold(&header, 1, &update, Standing::Counts);
    }
    for (header, update) in issue(&mut grace, 2, 1, 30) {
        ada.fold(&header, 1, &update, Standing::Counts);
    }
    assert_eq!(ada.text(), "the tide is high today, says grace\nno wind");
    assert_eq!(grace.text(), ada.text());
}

proptest! {
    // Rules: DO8
    #[test]
    fn prop_own_text_survives_the_loss_of_its_neighbours(
        steps in prop::collection::vec((any::<bool>(), any::<u32>(), "[a-z\n]{1,3}"), 1..25),
    ) {
        let (mut ada, first) = begun(1);
        keys(&mut ada);
        let mut grace = joined(2, &first);
        grace.edit(&insert(0, "SHARED\nTEXT")).unwrap();
        let shared = issue(&mut grace, 2, 1, 10);
        grace.take_unsent();
        for (header, update) in &shared {
            ada.fold(header, 1, update, Standing::Counts);
        }
        let mut own = String::new();
        for (by_ada, at, text) in steps {
            let (document, text) = if by_ada { (&mut ada, text) } else { (&mut grace, text.to_uppercase()) };
            let at = at % (units(&document.text()) + 1);
            document.edit(&insert(at, &text)).unwrap();
            if by_ada {
                prop_assert!(grace.type_live(device(1), &keys(&mut ada), 1_000));
            } else {
                own.push_str(&text);
                prop_assert!(ada.type_live(device(2), &keys(&mut grace), 1_000));
            }
            prop_assert_eq!(ada.text(), grace.text());
        }
        // Her machine dies, and nothing that she typed is in an event.
        let mut again = joined(2, &first);
        for (header, update) in &shared {
            again.fold(header, 1, update, Standing::Counts);
        }
        again.rebase(&grace).unwrap();
        let letters = |text: &str| {
            let mut letters: Vec<char> = text.chars().filter(|c| *c != '\n').collect();
            letters.sort_unstable();
            letters
        };
        let (found, expected) = (letters(&again.text()), letters(&format!("SHAREDTEXT{own}")));
        if own.contains('\n') {
            // Who splits a line moves what is behind, and so has written it again.
            let count = |of: &[char], c: char| of.iter().filter(|it| **it == c).count();
            prop_assert!(expected.iter().all(|c| count(&expected, *c) <= count(&found, *c)));
        } else {
            prop_assert_eq!(found, expected);
        }
        prop_assert!(!again.leans());
    }

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
                        person.fold(header, 1, update, Standing::Counts);
                    }
                }
            }
        }
        for (other, person) in people.iter_mut().enumerate() {
            for (header, update) in events.iter().filter(|(header, _)| header.device != device(other as u8 + 1)) {
                prop_assert_ne!(person.fold(header, 1, update, Standing::Counts), Folded::Refused);
            }
        }
        let expected = people[0].text();
        let turn = shuffle.index(events.len());
        events.rotate_left(turn);
        events.reverse();
        let mut late = Document::new(LOG, device(9));
        for (header, update) in &events {
            late.fold(header, 1, update, Standing::Counts);
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
            grace.fold(&header, 1, &update, Standing::Counts);
            let _ = grace.take_raw(&update);
        }
        // Whatever became of them, the document goes on.
        grace.text();
        grace.edit(&insert(0, "still here\n")).unwrap();
        prop_assert!(grace.text().starts_with("still here"));
    }
}
