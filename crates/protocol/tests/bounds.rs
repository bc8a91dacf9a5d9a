//! Bounds that the schema cannot say: what signs refuses them, and what decodes does too.
#![allow(clippy::unwrap_used, reason = "a test ends where something does not hold")]

use momoland_protocol::cbor::{self, Bounded, DecodeError};
use momoland_protocol::clock::{Hlc, UnixMillis};
use momoland_protocol::content::{CallEntry, CallOutcome, Mentions, MessageContent, ReactionContent};
use momoland_protocol::document::{Announcement, DocumentUpdate, Editors, NewDocument};
use momoland_protocol::event::{Action, Body, BodyBytes, Event, EventHeader, EventPlace};
use momoland_protocol::id::{
    AccountId, BodyHash, CallId, ChainId, EventId, Incarnation, LogId, RosterHash, Seq, SetHash,
};
use momoland_protocol::limits::{
    BODY_BYTES_MAX, CALL_ACCOUNTS_MAX, CALL_LENGTH_MS_MAX, DOCUMENT_EDITORS_MAX, DOCUMENT_TITLE_CHARS_MAX,
    DOCUMENT_UPDATE_BYTES_MAX, EMOJI_BYTES_MAX, FRAME_BYTES_MAX, MENTIONS_MAX, REGISTER_VALUE_BYTES_MAX,
    ROOM_NAME_CHARS_MAX, TARGETS_MAX,
};
use momoland_protocol::register::PutAway;
use momoland_protocol::replication::{ChainRange, Frame};
use momoland_protocol::roster::{History, Posting, Role, Settings, Visibility};
use momoland_protocol::signed::{SecretKey, Signed};

fn key() -> SecretKey {
    SecretKey::from_seed(&[1; 32])
}

fn header(body: &BodyBytes) -> EventHeader {
    EventHeader {
        log: LogId([1; 32]),
        device: key().device(),
        incarnation: Incarnation([2; 16]),
        seq: Seq(1),
        prev: EventId::ZERO,
        hlc: Hlc(1),
        roster: RosterHash([3; 32]),
        action: Action::POST,
        targets: Vec::new(),
        body_hash: body.hash(),
        body_length: u32::try_from(body.len()).expect("a short body"),
        place: None,
    }
}

fn body() -> BodyBytes {
    BodyBytes::new(&Body::Plain(b"hello".to_vec())).expect("a short body")
}

/// Refused before it is signed, and by whoever decodes it.
fn check(header: EventHeader, field: &'static str) {
    let bytes = cbor::encode(&header);
    assert_eq!(cbor::decode::<EventHeader>(&bytes, bytes.len()), Err(DecodeError::OutOfBounds(field)));
    assert_eq!(Signed::sign(header, &key()).err(), Some(DecodeError::OutOfBounds(field)));
}

// Rules: EV1, EN5
#[test]
fn the_first_of_a_chain_and_no_other_names_nothing_before_it() {
    check(EventHeader { seq: Seq::ZERO, ..header(&body()) }, "seq");
    check(EventHeader { prev: EventId([4; 32]), ..header(&body()) }, "prev");
    check(EventHeader { seq: Seq(2), ..header(&body()) }, "prev");
    let second = EventHeader { seq: Seq(2), prev: EventId([4; 32]), ..header(&body()) };
    assert!(Signed::sign(second, &key()).is_ok());
}

// Rules: EN5
#[test]
fn an_event_is_about_so_many_others_and_no_more() {
    let about = |count: usize| EventHeader { targets: vec![EventId([4; 32]); count], ..header(&body()) };
    assert!(Signed::sign(about(TARGETS_MAX), &key()).is_ok());
    check(about(TARGETS_MAX + 1), "targets");
    check(EventHeader { body_length: u32::try_from(BODY_BYTES_MAX + 1).unwrap(), ..header(&body()) }, "bodyLength");
}

// Rules: EV3, BO2
#[test]
fn a_body_fits_its_header_or_is_refused() {
    let decode = |header: EventHeader, body: Option<BodyBytes>| {
        let event = Event { header: Signed::sign(header, &key()).unwrap(), body };
        cbor::decode::<Event>(&cbor::encode(&event), FRAME_BYTES_MAX).map(|event| event.body.is_some())
    };
    assert_eq!(decode(header(&body()), Some(body())), Ok(true));
    assert_eq!(decode(header(&body()), None), Ok(false), "a body may be dropped");
    let other = BodyBytes::new(&Body::Plain(b"hullo".to_vec())).unwrap();
    assert_eq!(decode(header(&body()), Some(other)), Err(DecodeError::OutOfBounds("bodyHash")));
    let longer = BodyBytes::new(&Body::Plain(b"hello!".to_vec())).unwrap();
    assert_eq!(decode(header(&body()), Some(longer)), Err(DecodeError::OutOfBounds("bodyLength")));
    let foreign = EventHeader { body_hash: BodyHash([9; 32]), ..header(&body()) };
    assert_eq!(decode(foreign, Some(body())), Err(DecodeError::OutOfBounds("bodyHash")));
}

// Rules: EN5
#[test]
fn a_line_has_its_characters_and_no_control_among_them() {
    let named = |name: String| Settings {
        name,
        topic: String::new(),
        visibility: Visibility::Public,
        history: History::All,
        posting: Posting::Members,
    };
    assert!(named("é".repeat(ROOM_NAME_CHARS_MAX)).check_bounds().is_ok());
    assert!(named("é".repeat(ROOM_NAME_CHARS_MAX + 1)).check_bounds().is_err());
    for control in ['\0', '\n', '\u{1b}', '\u{85}'] {
        assert!(named(format!("boat{control}shed")).check_bounds().is_err(), "{control:?}");
    }
}

// Rules: EN5, SY5
#[test]
fn a_vector_is_sorted_and_its_ranges_are_ranges() {
    let range = |device: u8, low: u64, high: u64| ChainRange {
        chain: ChainId { device: SecretKey::from_seed(&[device; 32]).device(), incarnation: Incarnation([0; 16]) },
        low: Seq(low),
        high: Seq(high),
        head: EventId([1; 32]),
    };
    let decode = |chains: Vec<ChainRange>| {
        let frame = Frame::Have { log: LogId([1; 32]), chains, more: false, registers: SetHash::ZERO };
        cbor::decode::<Frame>(&cbor::encode(&frame), FRAME_BYTES_MAX).is_ok()
    };
    let mut sorted = vec![range(1, 1, 4), range(2, 1, 1)];
    sorted.sort_by_key(|range| range.chain);
    assert!(decode(sorted.clone()));
    sorted.reverse();
    assert!(!decode(sorted.clone()));
    assert!(!decode(vec![sorted[0], sorted[0]]), "one chain has one range");
    assert!(!decode(vec![range(1, 0, 4)]));
    assert!(!decode(vec![range(1, 5, 4)]));
}

// Rules: EN5, RG5
#[test]
fn what_was_put_away_fits_one_register_and_adds_up() {
    let id = |number: u8| EventId([number; 32]);
    let decode = |value: &PutAway| cbor::decode::<PutAway>(&cbor::encode(value), REGISTER_VALUE_BYTES_MAX).is_ok();
    let mut away = PutAway { until: Hlc(7), these: Vec::new() };
    (0..=u8::MAX).rev().for_each(|number| away.insert(id(number)));
    assert_eq!(away.these.len(), PutAway::THESE_MAX);
    assert!(decode(&away));
    assert!(away.has(Hlc(7), id(9)) && away.has(Hlc(8), id(0)), "the last that was put away is so in any case");
    let mut reversed = away.clone();
    reversed.these.reverse();
    assert!(!decode(&reversed));
    let (mut one, mut other) = (PutAway::default(), PutAway { until: Hlc(3), these: vec![id(1)] });
    one.insert(id(2));
    assert!(!one.covers(&other) && !other.covers(&one));
    let before = one.clone();
    one.until = other.until;
    one.insert(id(1));
    other.insert(id(2));
    assert_eq!(one, other, "whichever comes first");
    assert!(one.covers(&before) && !before.covers(&one));
}

// Rules: EV2
#[test]
fn a_clock_runs_past_what_it_has_seen() {
    let wall = UnixMillis(1_800_000_000_000);
    let seen = Hlc::at(wall);
    assert_eq!(seen.wall(), wall);
    assert!(seen.tick(wall).unwrap() > seen, "in the same millisecond");
    assert!(seen.tick(UnixMillis(0)).unwrap() > seen, "where the wall clock went back");
    let later = UnixMillis(wall.0 + 5);
    assert_eq!(seen.tick(later).unwrap(), Hlc::at(later));
    assert_eq!(Hlc(u64::MAX).tick(wall), None, "at the end of time");
}

// Rules: EV4
#[test]
fn an_actions_high_byte_is_its_role() {
    for (code, role) in
        [(0x0001, Role::Reader), (0x01ff, Role::Member), (0x0201, Role::Moderator), (0x0300, Role::Owner)]
    {
        assert_eq!(Action(code).role(), Some(role));
    }
    assert_eq!(Action(0x0400).role(), None);
    assert_eq!(Action(0xffff).role(), None);
}

// Rules: EN5, AM1
#[test]
fn an_amendment_says_where_its_target_stands() {
    let chain = ChainId { device: key().device(), incarnation: Incarnation([2; 16]) };
    let at = |seq| Some(EventPlace { chain, seq });
    let about = EventHeader { targets: vec![EventId([4; 32])], place: at(Seq(1)), ..header(&body()) };
    let signed = Signed::sign(about.clone(), &key()).unwrap();
    assert_eq!(signed.get().amended(), Some((EventPlace { chain, seq: Seq(1) }, EventId([4; 32]))));
    check(EventHeader { place: at(Seq::ZERO), ..about.clone() }, "place");
    check(EventHeader { targets: Vec::new(), ..about }, "place");
}

// Rules: EN5
#[test]
fn what_messages_and_reactions_may_say() {
    let refused = |content: &MessageContent| content.check_bounds().is_err();
    let message = |accounts: Vec<AccountId>, room| MessageContent {
        text: "Who comes?".to_owned(),
        sent_at: UnixMillis(1),
        mentions: Some(Mentions { accounts, room }),
        call: None,
    };
    let (one, other) = (AccountId([1; 16]), AccountId([2; 16]));
    assert!(!refused(&message(vec![one, other], false)) && !refused(&message(Vec::new(), true)));
    assert!(refused(&message(Vec::new(), false)), "who means nobody says nothing of it");
    assert!(refused(&message(vec![other, one], false)) && refused(&message(vec![one, one], false)));
    let many = (0..=MENTIONS_MAX).map(|number| AccountId([u8::try_from(number).unwrap(); 16])).collect();
    assert!(refused(&message(many, false)));
    let call = |accounts: Vec<AccountId>| MessageContent {
        text: String::new(),
        sent_at: UnixMillis(1),
        mentions: None,
        call: Some(CallEntry {
            call: CallId([3; 16]),
            from: one,
            video: false,
            began: UnixMillis(1),
            length_ms: 0,
            accounts,
            outcome: CallOutcome::Unanswered,
        }),
    };
    assert!(!refused(&call(vec![one])) && !refused(&call(vec![one, other])));
    assert!(refused(&call(Vec::new())) && refused(&call(vec![other, one])) && refused(&call(vec![one, one])));
    let mut longer = call(vec![one]);
    longer.call.as_mut().unwrap().length_ms = CALL_LENGTH_MS_MAX + 1;
    assert!(refused(&longer));
    let many = (0..=CALL_ACCOUNTS_MAX).map(|number| AccountId([u8::try_from(number).unwrap(); 16])).collect();
    assert!(refused(&call(many)));
    let reaction = |emoji: &str| ReactionContent { emoji: emoji.to_owned(), on: true }.check_bounds();
    assert!(reaction("\u{1f44d}").is_ok());
    for emoji in ["", "a b", "a\0", "a\n", &"x".repeat(EMOJI_BYTES_MAX + 1)] {
        assert!(reaction(emoji).is_err(), "{emoji:?}");
    }
}

// Rules: EN5
#[test]
fn a_document_has_a_title_in_one_line_and_its_editors_in_order() {
    let document = |title: &str, editors| {
        let created_at = UnixMillis(1);
        let announcement = Announcement::Document(NewDocument { title: title.to_owned(), editors, created_at });
        let bytes = cbor::encode(&announcement);
        cbor::decode::<Announcement>(&bytes, BODY_BYTES_MAX).err()
    };
    let refused = |field| Some(DecodeError::OutOfBounds(field));
    assert_eq!(document(&"x".repeat(DOCUMENT_TITLE_CHARS_MAX), Editors::Members), None);
    for title in ["", " ", "two\nlines", &"x".repeat(DOCUMENT_TITLE_CHARS_MAX + 1)] {
        assert_eq!(document(title, Editors::Members), refused("title"), "{title:?}");
    }
    let listed = |numbers: &[u8]| Editors::Listed { accounts: numbers.iter().map(|it| AccountId([*it; 16])).collect() };
    assert_eq!(document("x", listed(&[1, 2])), None);
    assert_eq!(document("x", listed(&[2, 1])), refused("editors"));
    assert_eq!(document("x", listed(&[1, 1])), refused("editors"));
    let many = (0..=DOCUMENT_EDITORS_MAX).map(|number| {
        let mut account = AccountId([0; 16]);
        account.0[..8].copy_from_slice(&(number as u64).to_be_bytes());
        account
    });
    assert_eq!(document("x", Editors::Listed { accounts: many.collect() }), refused("editors"));
    for update in [Vec::new(), vec![0; DOCUMENT_UPDATE_BYTES_MAX + 1]] {
        let bytes = cbor::encode(&DocumentUpdate { update, inflated: None });
        assert_eq!(cbor::decode::<DocumentUpdate>(&bytes, BODY_BYTES_MAX * 2).err(), refused("update"));
    }
    for inflated in [0, DOCUMENT_UPDATE_BYTES_MAX as u32 + 1] {
        let bytes = cbor::encode(&DocumentUpdate { update: vec![3, 0], inflated: Some(inflated) });
        assert_eq!(cbor::decode::<DocumentUpdate>(&bytes, BODY_BYTES_MAX).err(), refused("inflated"));
    }
    let full = cbor::encode(&DocumentUpdate { update: vec![0; DOCUMENT_UPDATE_BYTES_MAX], inflated: None });
    assert!(BodyBytes::new(&Body::Plain(full)).is_ok(), "what an update may have fits into a body");
}
