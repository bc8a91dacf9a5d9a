mod amendments;

use std::cell::RefCell;

use momoland_protocol::cbor;
use momoland_protocol::content::DeletionContent;
use momoland_protocol::event::{Body, BodyBytes, EventHeader};
use momoland_protocol::id::{CallId, DeviceId, Incarnation, RosterHash};
use momoland_protocol::register::DeliveredChain;
use momoland_protocol::signed::{SecretKey, Signed};
use proptest::prelude::*;

use super::concerns::Wanted;
use super::*;
use crate::api::types::NotifyLevel;
use crate::projection::texts::ReadEvents;

const ROOM: RoomId = RoomId([7; 32]);
const ADA: AccountId = AccountId([1; 16]);
const GRACE: AccountId = AccountId([2; 16]);
const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

thread_local! {
    /// What was written, as the disk would hold it.
    static WRITTEN: RefCell<BTreeMap<EventPlace, Event>> = RefCell::default();
}

/// The disk, as a test fills it by writing.
#[derive(Debug)]
struct Disk;

impl ReadEvents for Disk {
    fn event_at(&self, log: LogId, place: EventPlace) -> Result<Option<Event>, StoreError> {
        assert_eq!(log, ROOM.conversation());
        Ok(WRITTEN.with_borrow(|written| written.get(&place).cloned()))
    }
}

/// One device's chain in the room.
struct Author {
    account: AccountId,
    key: Arc<SecretKey>,
    last: Option<Event>,
}

impl Author {
    fn new(account: AccountId, seed: u8) -> Self {
        Self { account, key: Arc::new(SecretKey::from_seed(&[seed; 32])), last: None }
    }

    fn device(&self) -> DeviceId {
        self.key.device()
    }

    fn chain(&self) -> ChainId {
        ChainId { device: self.device(), incarnation: Incarnation([9; 16]) }
    }

    /// Tells of a call that is over.
    fn call(&mut self, outcome: CallOutcome, at: UnixMillis) -> Event {
        let (call, accounts) = (CallId([3; 16]), vec![self.account]);
        let entry = CallEntry { call, from: self.account, video: false, began: at, length_ms: 0, accounts, outcome };
        let content = MessageContent { text: String::new(), sent_at: at, mentions: None, call: Some(entry) };
        self.write(Action::CALL, None, &content, at)
    }

    fn post(&mut self, text: &str, at: UnixMillis) -> Event {
        let content = MessageContent { text: text.to_owned(), sent_at: at, mentions: None, call: None };
        self.write(Action::POST, None, &content, at)
    }

    /// Says something of an event that is here.
    fn amend<T: minicbor::Encode<()>>(&mut self, target: &Event, action: Action, content: &T, at: UnixMillis) -> Event {
        self.write(action, Some((target.header.get().own_place(), target.id())), content, at)
    }

    fn write<T: minicbor::Encode<()>>(
        &mut self,
        action: Action,
        about: Option<(EventPlace, EventId)>,
        content: &T,
        at: UnixMillis,
    ) -> Event {
        let body = BodyBytes::new(&Body::Plain(cbor::encode(content))).unwrap();
        let (seq, prev, after) = match &self.last {
            Some(last) => {
                let header = last.header.get();
                (header.seq.next().unwrap(), last.id(), header.hlc)
            }
            None => (Seq(1), EventId::ZERO, Hlc(0)),
        };
        let header = EventHeader {
            log: LogId(ROOM.0),
            device: self.device(),
            incarnation: self.chain().incarnation,
            seq,
            prev,
            hlc: after.tick(at).unwrap(),
            roster: RosterHash::ZERO,
            action,
            targets: about.iter().map(|(_, target)| *target).collect(),
            body_hash: body.hash(),
            body_length: u32::try_from(body.len()).unwrap(),
            place: about.map(|(place, _)| place),
        };
        let event = Event { header: Signed::sign(header, &self.key).unwrap(), body: Some(body) };
        self.last = Some(event.clone());
        WRITTEN.with_borrow_mut(|written| written.insert(event.header.get().own_place(), event.clone()));
        event
    }
}

fn timeline() -> Timeline {
    of_marks(Marks::default())
}

fn of_marks(marks: Marks) -> Timeline {
    Timeline::new(ROOM, ADA, marks, Arc::new(Texts::new(Arc::new(Disk))))
}

fn texts(timeline: &Timeline) -> Vec<String> {
    let (page, _) = timeline.page(None, None, usize::MAX).unwrap();
    page.iter().map(|entry| timeline.message(entry).unwrap().text).collect()
}

fn state(timeline: &Timeline, id: EventId) -> DeliveryState {
    timeline.get(id).unwrap().state
}

fn read_register(account: AccountId, timeline: &Timeline, id: EventId) -> Register {
    register(account, RegisterName::READ, cbor::encode(&timeline.mark_at(id).unwrap()))
}

fn register(account: AccountId, name: RegisterName, value: Vec<u8>) -> Register {
    Register {
        account,
        device: DeviceId([5; 32]),
        room: ROOM,
        name,
        target: ROOM.0,
        roster: RosterHash::ZERO,
        hlc: Hlc::at(NOW),
        value,
    }
}

// Rules: CA10
#[test]
fn a_call_that_is_over_is_listed_and_unread_nowhere() {
    let mut grace = Author::new(GRACE, 2);
    let mut timeline = timeline();
    let told = grace.call(CallOutcome::Unanswered, NOW);
    let id = told.id();
    assert_eq!(timeline.apply(&told, GRACE, 0, NOW), Applied::New(id));
    let entry = timeline.get(id).unwrap();
    let message = timeline.message(&entry).unwrap();
    let call = message.call.unwrap();
    assert_eq!((call.from, call.outcome), (GRACE.to_string(), MessageCallOutcome::Unanswered));
    assert_eq!((message.text.as_str(), timeline.unread()), ("", Unread::default()));
    assert_eq!(timeline.concern(&entry, Wanted { level: NotifyLevel::All, direct: true }), None);

    // Who tells of no call tells nothing, and a message does not pass for a call.
    let content = |call| MessageContent { text: "hello".to_owned(), sent_at: NOW, mentions: None, call };
    let empty = grace.write(Action::CALL, None, &content(None), NOW);
    assert_eq!(timeline.apply(&empty, GRACE, 0, NOW), Applied::Nothing);
    let entry = told.content::<MessageContent>().unwrap().call;
    let disguised = grace.write(Action::POST, None, &content(entry), NOW);
    timeline.apply(&disguised, GRACE, 0, NOW);
    assert_eq!(timeline.message(&timeline.get(disguised.id()).unwrap()).unwrap().call, None);

    let deletion = grace.amend(&told, Action::RETRACT, &DeletionContent {}, NOW);
    timeline.apply(&deletion, GRACE, 0, NOW);
    assert_eq!(timeline.message(&timeline.get(id).unwrap()).unwrap().call, None, "deleted like any message");
}

proptest! {
    // Rules: EV9
    #[test]
    fn prop_order_of_arrival_does_not_matter(
        turns in proptest::collection::vec((any::<bool>(), 0_u64..5), 1..24),
        shuffle in any::<u64>(),
    ) {
        let (mut ada, mut grace) = (Author::new(ADA, 1), Author::new(GRACE, 2));
        let mut events = Vec::new();
        for (number, (first, later)) in turns.into_iter().enumerate() {
            let author = if first { &mut ada } else { &mut grace };
            let account = author.account;
            events.push((author.post(&number.to_string(), UnixMillis(NOW.0 + later)), account));
        }
        let mut straight = timeline();
        for (event, account) in &events {
            straight.apply(event, *account, 1, NOW);
        }
        let mut shuffled = timeline();
        let mut order: Vec<usize> = (0..events.len()).collect();
        order.sort_by_key(|place| spread(shuffle, *place));
        for place in order.iter().chain(&order) {
            let (event, account) = &events[*place];
            shuffled.apply(event, *account, 1, NOW);
        }
        prop_assert_eq!(texts(&straight), texts(&shuffled));
        prop_assert_eq!(straight.unread(), shuffled.unread());
    }
}

/// Spreads a seed over places, so that one number is a whole order.
fn spread(seed: u64, place: usize) -> u64 {
    (seed ^ place as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

#[test]
fn states_only_go_forward() {
    let mut ada = Author::new(ADA, 1);
    let mut timeline = timeline();
    let message = ada.post("hello", NOW);
    timeline.apply(&message, ADA, 1, NOW);
    assert_eq!(state(&timeline, message.id()), DeliveryState::Stored);
    timeline.note_relayed(ada.chain(), Seq(1));
    assert_eq!(write(&mut timeline).1, vec![message.id()]);
    timeline.note_delivered(ada.chain(), Seq(1));
    let (marks, moved) = write(&mut timeline);
    assert_eq!(moved, vec![message.id()]);
    timeline.note_relayed(ada.chain(), Seq(1));
    assert_eq!(timeline.unwritten(), None);
    assert_eq!(state(&timeline, message.id()), DeliveryState::Delivered);

    // Kept over a restart.
    let marks = serde_json::to_vec(&marks).unwrap();
    let mut restarted = of_marks(serde_json::from_slice(&marks).unwrap());
    restarted.apply(&message, ADA, 1, NOW);
    assert_eq!(state(&restarted, message.id()), DeliveryState::Delivered);
    assert_eq!(restarted.unsent(), 0);
}

/// The disk takes what is noted: what it holds then, and what that moves.
fn write(timeline: &mut Timeline) -> (Marks, Vec<EventId>) {
    let (marks, noted) = timeline.unwritten().unwrap();
    (marks, timeline.advance_to(&noted))
}

#[test]
fn what_is_not_written_is_not_shown() {
    let mut ada = Author::new(ADA, 1);
    let mut timeline = timeline();
    let (one, two) = (ada.post("one", NOW), ada.post("two", NOW));
    timeline.apply(&one, ADA, 1, NOW);
    timeline.apply(&two, ADA, 1, NOW);
    timeline.note_delivered(ada.chain(), Seq(1));
    let (_, first) = timeline.unwritten().unwrap();
    // Learned while the first is being written.
    timeline.note_relayed(ada.chain(), Seq(2));
    assert_eq!([&one, &two].map(|event| state(&timeline, event.id())), [DeliveryState::Stored; 2]);
    assert_eq!(timeline.advance_to(&first), vec![one.id()]);
    assert_eq!(state(&timeline, two.id()), DeliveryState::Stored);
    let (marks, moved) = write(&mut timeline);
    assert_eq!(moved, vec![two.id()]);
    assert_eq!(timeline.unwritten(), None);
    let mut restarted = of_marks(marks);
    restarted.apply(&one, ADA, 1, NOW);
    restarted.apply(&two, ADA, 1, NOW);
    for event in [&one, &two] {
        assert_eq!(state(&restarted, event.id()), state(&timeline, event.id()));
    }
}

#[test]
fn a_message_is_read_when_everybody_else_has_read_it() {
    let mut ada = Author::new(ADA, 1);
    let mut timeline = timeline();
    let (one, two) = (ada.post("one", NOW), ada.post("two", NOW));
    timeline.apply(&one, ADA, 1, NOW);
    timeline.apply(&two, ADA, 1, NOW);
    let others = |_| BTreeSet::from([GRACE]);
    assert!(timeline.advance_read(others).is_empty());
    timeline.apply_register(&read_register(GRACE, &timeline, one.id()), |_| true);
    assert_eq!(timeline.advance_read(others), vec![one.id()]);
    assert_eq!(state(&timeline, one.id()), DeliveryState::Read);
    assert_eq!(state(&timeline, two.id()), DeliveryState::Stored);
    // Alone in a room, nobody reads.
    assert!(timeline.advance_read(|_| BTreeSet::new()).is_empty());
}

#[test]
fn a_delivery_mark_speaks_for_ones_own_chains_only() {
    let mut ada = Author::new(ADA, 1);
    let mut timeline = timeline();
    let message = ada.post("hello", NOW);
    timeline.apply(&message, ADA, 1, NOW);
    let mark = DeliveryMark { chains: vec![DeliveredChain { chain: ada.chain(), seq: Seq(1) }] };
    let delivered = register(GRACE, RegisterName::DELIVERED, cbor::encode(&mark));
    timeline.apply_register(&delivered, |_| false);
    assert_eq!(timeline.unwritten(), None);
    timeline.apply_register(&delivered, |_| true);
    assert_eq!(write(&mut timeline).1, vec![message.id()]);
}

#[test]
fn unread_counts_what_others_wrote_after_the_mark() {
    let (mut ada, mut grace) = (Author::new(ADA, 1), Author::new(GRACE, 2));
    let mut timeline = timeline();
    let first = grace.post("first", NOW);
    timeline.apply(&first, GRACE, 1, NOW);
    timeline.apply(&ada.post("mine", UnixMillis(NOW.0 + 1)), ADA, 1, NOW);
    let last = grace.post("last", UnixMillis(NOW.0 + 2));
    timeline.apply(&last, GRACE, 1, NOW);
    assert_eq!(timeline.unread().messages, 2);
    timeline.apply_register(&read_register(ADA, &timeline, first.id()), |_| false);
    assert_eq!(timeline.unread().messages, 1);
    timeline.apply_register(&read_register(ADA, &timeline, last.id()), |_| false);
    assert_eq!(timeline.unread().messages, 0);
    // An older mark never raises the count.
    timeline.apply_register(&read_register(ADA, &timeline, first.id()), |_| false);
    assert_eq!(timeline.unread().messages, 0);
}

#[test]
fn an_earlier_mark_with_a_newer_clock_changes_nothing_over_a_restart_either() {
    let mut grace = Author::new(GRACE, 2);
    let (one, two) = (grace.post("one", NOW), grace.post("two", UnixMillis(NOW.0 + 1)));
    let begun = || {
        let mut timeline = timeline();
        timeline.apply(&one, GRACE, 1, NOW);
        timeline.apply(&two, GRACE, 1, NOW);
        timeline
    };
    let mut before = begun();
    let (early, late) = (read_register(ADA, &before, one.id()), read_register(ADA, &before, two.id()));
    assert!(!before.apply_register(&late, |_| false));
    assert!(before.apply_register(&early, |_| false), "what counts is in no register any more");
    assert_eq!(before.read_up_to(), before.mark_at(two.id()));
    let kept = before.outdone().clone();
    let mut after = begun();
    after.set_outdone(kept);
    assert!(!after.apply_register(&early, |_| false));
    assert_eq!(after.read_up_to(), after.mark_at(two.id()));
    // Shown again, nothing needs to be kept.
    assert!(after.apply_register(&late, |_| false));
    assert!(after.outdone().is_empty());
}

#[test]
fn what_is_marked_unread_is_so_for_this_person_alone() {
    let mut grace = Author::new(GRACE, 2);
    let (mut timeline, mut other) = (timeline(), timeline());
    let messages: Vec<Event> =
        (0..4_u64).map(|number| grace.post(&number.to_string(), UnixMillis(NOW.0 + number))).collect();
    messages.iter().for_each(|message| {
        timeline.apply(message, GRACE, 1, NOW);
    });
    let mark = |timeline: &Timeline, number: usize| timeline.mark_at(messages[number].id()).unwrap();
    let all = mark(&timeline, 3);
    assert!(timeline.read_on(all));
    timeline.set_read(ADA, all);
    assert_eq!(timeline.unread().messages, 0);
    let kept = timeline.mark_unread(messages[1].id()).unwrap();
    assert_eq!(timeline.unread().messages, 3);
    assert_eq!(timeline.last_read(), Some(messages[0].id().to_string()));
    assert_eq!(timeline.read_up_to(), Some(all), "others see what they saw");
    messages.iter().for_each(|message| {
        other.apply(message, GRACE, 1, NOW);
    });
    other.set_unread_mark(Some(kept));
    other.set_read(ADA, all);
    assert_eq!(other.unread().messages, 3, "on another device, whichever comes first");
    // Reading on moves the private mark until it is where the other one is.
    let second = mark(&timeline, 2);
    assert!(timeline.read_on(second));
    assert_eq!((timeline.unread().messages, timeline.read_up_to()), (1, Some(all)));
    let first = mark(&timeline, 0);
    assert!(!timeline.read_on(first), "an older one never raises the count");
    assert!(timeline.read_on(all));
    assert_eq!((timeline.unread().messages, timeline.unread_mark()), (0, None));
    let begin = timeline.mark_unread(messages[0].id()).unwrap();
    assert_eq!((timeline.unread().messages, begin.event), (4, None));
    assert_eq!(timeline.mark_unread(EventId([9; 32])), None);
}

// Rules: EV10
#[test]
fn a_message_from_tomorrow_waits_without_getting_lost() {
    let mut grace = Author::new(GRACE, 2);
    let mut timeline = timeline();
    let tomorrow = UnixMillis(NOW.0 + 24 * 3_600_000);
    let message = grace.post("from tomorrow", tomorrow);
    assert_eq!(timeline.apply(&message, GRACE, 1, NOW), Applied::Nothing);
    assert!(texts(&timeline).is_empty());
    assert_eq!(timeline.next_release(), Some(UnixMillis(tomorrow.0 - AHEAD_MAX_MS)));
    assert!(timeline.release(NOW).is_empty());
    assert_eq!(timeline.release(tomorrow), vec![Applied::New(message.id())]);
    assert_eq!(texts(&timeline), ["from tomorrow"]);
}

#[test]
fn pages_join_without_a_gap_or_an_overlap() {
    let mut grace = Author::new(GRACE, 2);
    let mut timeline = timeline();
    for number in 0..25_u64 {
        timeline.apply(&grace.post(&number.to_string(), UnixMillis(NOW.0 + number)), GRACE, 1, NOW);
    }
    let mut pages: Vec<Vec<String>> = Vec::new();
    let mut before = None;
    loop {
        let (page, more) = timeline.page(before, None, 10).unwrap();
        before = page.first().map(|entry| entry.id);
        pages.push(page.iter().map(|entry| timeline.message(entry).unwrap().text).collect());
        if !more {
            break;
        }
    }
    let joined: Vec<String> = pages.into_iter().rev().flatten().collect();
    assert_eq!(joined, texts(&timeline));
    let (after, more) = timeline.page(None, before, 3).unwrap();
    assert_eq!(after.iter().map(|entry| timeline.message(entry).unwrap().text).collect::<Vec<_>>(), ["1", "2", "3"]);
    assert!(more);
    assert!(timeline.page(Some(EventId([3; 32])), None, 3).is_none());
}

// Rules: CU2
#[test]
fn what_is_beyond_a_cut_is_gone() {
    let mut grace = Author::new(GRACE, 2);
    let mut timeline = timeline();
    for text in ["one", "two", "three"] {
        timeline.apply(&grace.post(text, NOW), GRACE, 1, NOW);
    }
    let chain = grace.chain();
    let cut = move |of: ChainId, seq: Seq, version: u64| of == chain && seq > Seq(1) && version < 2;
    assert!(timeline.take_back(cut));
    assert_eq!(texts(&timeline), ["one"]);
    assert!(!timeline.take_back(cut));
}
