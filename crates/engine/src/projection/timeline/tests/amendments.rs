//! Edits, reactions, pins and deletions, in any order.

use momoland_protocol::content::{DeletionContent, Mentions, PinContent, ReactionContent};

use super::*;

const EMOJI: [&str; 3] = ["👍", "❤️", "🎉"];
const CAROL: AccountId = AccountId([3; 16]);

fn edit(text: &str, at: UnixMillis) -> MessageContent {
    MessageContent { text: text.to_owned(), sent_at: at, mentions: None, call: None }
}

fn react(emoji: &str, on: bool) -> ReactionContent {
    ReactionContent { emoji: emoji.to_owned(), on }
}

fn shown(timeline: &Timeline) -> (Vec<Message>, Unread, Vec<EventId>) {
    let (page, _) = timeline.page(None, None, usize::MAX).unwrap();
    let messages = page.iter().map(|entry| timeline.message(entry).unwrap()).collect();
    (messages, timeline.unread(), timeline.pins().iter().map(|entry| entry.id).collect())
}

fn only(timeline: &Timeline) -> Message {
    let (messages, _, _) = shown(timeline);
    let [message] = <[Message; 1]>::try_from(messages).unwrap();
    message
}

/// What somebody does; the number picks an event from those before.
#[derive(Debug, Clone)]
enum Does {
    Posts,
    Edits(usize),
    Reacts(usize, usize, bool),
    Pins(usize, bool),
    Retracts(usize),
    Redacts(usize),
}

fn does() -> impl Strategy<Value = Does> {
    let about = 0_usize..1000;
    prop_oneof![
        4 => Just(Does::Posts),
        4 => about.clone().prop_map(Does::Edits),
        6 => (about.clone(), 0..EMOJI.len(), any::<bool>()).prop_map(|(about, emoji, on)| Does::Reacts(about, emoji, on)),
        2 => (about.clone(), any::<bool>()).prop_map(|(about, on)| Does::Pins(about, on)),
        1 => about.clone().prop_map(Does::Retracts),
        1 => about.prop_map(Does::Redacts),
    ]
}

/// What the same comes to, worked out from the whole of it.
fn expected(events: &[(Event, AccountId)], posts: &BTreeMap<EventId, AccountId>) -> BTreeMap<String, Expected> {
    let mut events: Vec<&(Event, AccountId)> = events.iter().collect();
    events.sort_by_key(|(event, _)| event.header.get().order());
    let mut expected: BTreeMap<EventId, Expected> = BTreeMap::new();
    for (event, author) in events.iter().filter(|(event, _)| event.header.get().action == Action::POST) {
        let content: MessageContent = event.content().unwrap();
        let fresh = Expected { text: content.text, author: Some(*author), ..Expected::default() };
        expected.insert(event.id(), fresh);
    }
    for (event, author) in events {
        let header = event.header.get();
        let Some((_, target)) = header.amended().filter(|(_, target)| posts.contains_key(target)) else { continue };
        let Some(message) = expected.get_mut(&target) else { continue };
        match header.action {
            Action::EDIT if posts[&target] == *author => {
                message.text = event.content::<MessageContent>().unwrap().text;
            }
            Action::REACT => {
                let ReactionContent { emoji, on } = event.content().unwrap();
                let key = (emoji, *author);
                if on {
                    message.reactions.insert(key)
                } else {
                    message.reactions.remove(&key)
                };
            }
            Action::PIN => message.pinned = event.content::<PinContent>().unwrap().on,
            Action::RETRACT => message.deleted |= posts[&target] == *author,
            Action::REDACT => message.deleted = true,
            _ => {}
        }
    }
    let plain = |message: Expected| match message.deleted {
        true => Expected { deleted: true, author: message.author, ..Expected::default() },
        false => message,
    };
    expected.into_iter().map(|(id, message)| (id.to_string(), plain(message))).collect()
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Expected {
    author: Option<AccountId>,
    text: String,
    reactions: BTreeSet<(String, AccountId)>,
    pinned: bool,
    deleted: bool,
}

impl Expected {
    fn of(message: &Message) -> Self {
        let reactions = message.reactions.iter().flat_map(|reaction| {
            let users = reaction.user_ids.iter().map(|user| user.parse().unwrap());
            users.map(|user| (reaction.emoji.clone(), user))
        });
        Self {
            author: Some(message.author.parse().unwrap()),
            text: message.text.clone(),
            reactions: reactions.collect(),
            pinned: message.pinned,
            deleted: message.deleted_at.is_some(),
        }
    }
}

proptest! {
    // Rules: AM1, AM2, AM3, AM4
    #[test]
    fn prop_amendments_converge(
        turns in proptest::collection::vec((0_usize..3, 0_u64..4, does()), 1..32),
        shuffle in any::<u64>(),
        cut in (0_usize..3, 0_u64..12),
        cut_when in any::<prop::sample::Index>(),
    ) {
        let mut authors = [Author::new(ADA, 1), Author::new(GRACE, 2), Author::new(CAROL, 3)];
        let mut events: Vec<(Event, AccountId)> = Vec::new();
        for (number, (who, later, does)) in turns.into_iter().enumerate() {
            let at = UnixMillis(NOW.0 + later);
            let author = &mut authors[who];
            let target = |about: usize| events.get(about % events.len().max(1)).map(|(event, _)| event.clone());
            let event = match does {
                Does::Posts => Some(author.post(&format!("message {number}"), at)),
                Does::Edits(about) => {
                    target(about).map(|of| author.amend(&of, Action::EDIT, &edit(&format!("edit {number}"), at), at))
                }
                Does::Reacts(about, emoji, on) => {
                    target(about).map(|of| author.amend(&of, Action::REACT, &react(EMOJI[emoji], on), at))
                }
                Does::Pins(about, on) => target(about).map(|of| author.amend(&of, Action::PIN, &PinContent { on }, at)),
                Does::Retracts(about) => {
                    target(about).map(|of| author.amend(&of, Action::RETRACT, &DeletionContent {}, at))
                }
                Does::Redacts(about) => target(about).map(|of| author.amend(&of, Action::REDACT, &DeletionContent {}, at)),
            };
            if let Some(event) = event {
                events.push((event, author.account));
            }
        }
        let posts: BTreeMap<EventId, AccountId> = events
            .iter()
            .filter(|(event, _)| event.header.get().action == Action::POST)
            .map(|(event, author)| (event.id(), *author))
            .collect();
        let (chain, last) = (authors[cut.0].chain(), Seq(cut.1));
        let is_cut = move |of: ChainId, seq: Seq, _: u64| of == chain && seq > last;
        let beyond = |event: &Event| is_cut(event.header.get().chain(), event.header.get().seq, 1);
        // Who deletes what is not theirs is taken by nobody, and what a deletion took away no cut brings back.
        events.retain(|(event, author)| {
            let header = event.header.get();
            let target = header.amended().and_then(|(_, target)| posts.get(&target));
            let deletes = matches!(header.action, Action::RETRACT | Action::REDACT);
            let foreign = header.action == Action::RETRACT && target != Some(author);
            !(foreign || deletes && beyond(event))
        });

        let mut straight = timeline();
        for (event, account) in &events {
            straight.apply(event, *account, 1, NOW);
        }
        let mut order: Vec<usize> = (0..events.len()).collect();
        order.sort_by_key(|place| spread(shuffle, *place));
        let mut shuffled = timeline();
        for place in order.iter().chain(&order) {
            let (event, account) = &events[*place];
            shuffled.apply(event, *account, 1, NOW);
        }
        prop_assert_eq!(shown(&shuffled), shown(&straight));
        let of_messages = |timeline: &Timeline| -> BTreeMap<String, Expected> {
            let (messages, _, _) = shown(timeline);
            messages.iter().map(|message| (message.message_id.clone(), Expected::of(message))).collect()
        };
        prop_assert_eq!(of_messages(&straight), expected(&events, &posts));

        // A cut, known in the middle, at the end, or before anything that it excludes came.
        straight.take_back(is_cut);
        let mut middle = timeline();
        let when = cut_when.index(order.len() + 1);
        for (number, place) in order.iter().enumerate() {
            if number == when {
                middle.take_back(is_cut);
            }
            let (event, account) = &events[*place];
            // What comes once the cut is known is not taken.
            if number < when || !beyond(event) {
                middle.apply(event, *account, 1, NOW);
            }
        }
        middle.take_back(is_cut);
        prop_assert_eq!(shown(&middle), shown(&straight));
        let left: Vec<(Event, AccountId)> = events.iter().filter(|(event, _)| !beyond(event)).cloned().collect();
        prop_assert_eq!(of_messages(&straight), expected(&left, &posts));
    }
}

// Rules: AM4
#[test]
fn a_deleted_message_leaves_no_text() {
    let (mut ada, mut grace) = (Author::new(ADA, 1), Author::new(GRACE, 2));
    let message = grace.post("a secret", NOW);
    let said = [
        (grace.amend(&message, Action::EDIT, &edit("the same secret", NOW), NOW), GRACE),
        (ada.amend(&message, Action::REACT, &react("👍", true), NOW), ADA),
        (ada.amend(&message, Action::PIN, &PinContent { on: true }, NOW), ADA),
        (grace.amend(&message, Action::RETRACT, &DeletionContent {}, UnixMillis(NOW.0 + 5)), GRACE),
        (grace.amend(&message, Action::EDIT, &edit("still the secret", NOW), UnixMillis(NOW.0 + 9)), GRACE),
        (ada.amend(&message, Action::REACT, &react("🎉", true), UnixMillis(NOW.0 + 9)), ADA),
    ];
    let mut straight = timeline();
    straight.apply(&message, GRACE, 1, NOW);
    straight.apply(&said[0].0, GRACE, 1, NOW);
    assert_eq!(only(&straight).text, "the same secret");
    assert!(format!("{straight:?}").contains("secret"), "what was looked at is kept");
    said.iter().for_each(|(event, author)| {
        straight.apply(event, *author, 1, NOW);
    });
    let mut backwards = timeline();
    said.iter().rev().for_each(|(event, author)| {
        backwards.apply(event, *author, 1, NOW);
    });
    backwards.apply(&message, GRACE, 1, NOW);
    for timeline in [straight, backwards] {
        let shown = only(&timeline);
        assert_eq!((shown.text.as_str(), shown.edited_at, shown.pinned), ("", None, false));
        assert_eq!((shown.reactions.len(), shown.mentions.len()), (0, 0));
        assert_eq!((shown.deleted_at, shown.deleted_by), (Some(NOW.0 + 5), Some(GRACE.to_string())));
        assert_eq!(timeline.unread(), Unread::default());
        assert!(timeline.pins().is_empty());
        assert!(!format!("{timeline:?}").contains("secret"), "it is not in memory either");
    }
}

// Rules: EV10
#[test]
fn a_deletion_from_far_ahead_counts_at_once() {
    let mut grace = Author::new(GRACE, 2);
    let message = grace.post("a secret", NOW);
    let tomorrow = UnixMillis(NOW.0 + 24 * 3_600_000);
    let deletion = grace.amend(&message, Action::RETRACT, &DeletionContent {}, tomorrow);
    let mut timeline = timeline();
    timeline.apply(&message, GRACE, 1, NOW);
    assert_eq!(timeline.apply(&deletion, GRACE, 1, NOW), Applied::Changed(message.id()));
    assert_eq!(only(&timeline).deleted_by, Some(GRACE.to_string()));
    assert_eq!(timeline.unread(), Unread::default());
}

#[test]
fn what_was_taken_back_leaves_no_text() {
    let mut grace = Author::new(GRACE, 2);
    let message = grace.post("a secret", NOW);
    let mut timeline = timeline();
    timeline.apply(&message, GRACE, 1, NOW);
    assert_eq!(only(&timeline).text, "a secret");
    assert!(timeline.take_back(|_, _, _| true));
    assert!(!format!("{timeline:?}").contains("secret"), "its deletion would find nothing here");
}

// Rules: BO5
#[test]
fn a_message_without_its_body_is_a_mark() {
    let mut grace = Author::new(GRACE, 2);
    let message = grace.post("a secret", NOW);
    let mut timeline = timeline();
    let applied = timeline.apply(&Event { body: None, ..message.clone() }, GRACE, 1, NOW);
    assert_eq!(applied, Applied::New(message.id()));
    let shown = only(&timeline);
    assert_eq!((shown.text.as_str(), shown.deleted_at, shown.deleted_by), ("", Some(NOW.0), None));
    assert_eq!(timeline.unread(), Unread::default());
}

// Rules: AM1
#[test]
fn an_amendment_that_names_another_place_has_no_effect() {
    let mut grace = Author::new(GRACE, 2);
    let (one, other) = (grace.post("one", NOW), grace.post("other", NOW));
    let mut timeline = timeline();
    for event in [&one, &other] {
        timeline.apply(event, GRACE, 1, NOW);
    }
    let elsewhere = Some((other.header.get().own_place(), one.id()));
    for (action, content) in [(Action::EDIT, edit("else", NOW)), (Action::RETRACT, edit("", NOW))] {
        let event = grace.write(action, elsewhere, &content, NOW);
        assert_eq!(timeline.apply(&event, GRACE, 1, NOW), Applied::Nothing);
    }
    assert_eq!(texts(&timeline), ["one", "other"]);
}

// Rules: AM2
#[test]
fn nobody_edits_or_retracts_for_somebody_else() {
    let (mut ada, mut grace) = (Author::new(ADA, 1), Author::new(GRACE, 2));
    let message = grace.post("mine", NOW);
    let mut timeline = timeline();
    timeline.apply(&message, GRACE, 1, NOW);
    let foreign = ada.amend(&message, Action::EDIT, &edit("not yours", NOW), NOW);
    assert_eq!(timeline.apply(&foreign, ADA, 1, NOW), Applied::Nothing);
    let foreign = ada.amend(&message, Action::RETRACT, &DeletionContent {}, NOW);
    assert_eq!(timeline.apply(&foreign, ADA, 1, NOW), Applied::Nothing);
    assert_eq!(only(&timeline).text, "mine");
    let own = grace.amend(&message, Action::EDIT, &edit("mine, better", NOW), NOW);
    assert_eq!(timeline.apply(&own, GRACE, 1, NOW), Applied::Changed(message.id()));
    assert_eq!(timeline.apply(&own, GRACE, 1, NOW), Applied::Nothing, "once is enough");
}

// Rules: AM3
#[test]
fn a_reaction_of_a_kind_stands_once_for_each_person() {
    let (mut ada, mut grace, mut carol) = (Author::new(ADA, 1), Author::new(GRACE, 2), Author::new(CAROL, 3));
    let message = grace.post("low water at ten", NOW);
    let mut timeline = timeline();
    timeline.apply(&message, GRACE, 1, NOW);
    let mut say = |author: &mut Author, emoji: &str, on: bool, later: u64| {
        let event = author.amend(&message, Action::REACT, &react(emoji, on), UnixMillis(NOW.0 + later));
        timeline.apply(&event, author.account, 1, NOW);
        let said = |reaction: &Reaction| (reaction.emoji.clone(), reaction.user_ids.len());
        only(&timeline).reactions.iter().map(said).collect::<Vec<_>>()
    };
    assert_eq!(say(&mut carol, "🎉", true, 1), [("🎉".to_owned(), 1)]);
    // Without its variation selector it is the same heart.
    assert_eq!(say(&mut ada, "❤", true, 2).len(), 2);
    assert_eq!(say(&mut grace, "❤️", true, 3)[1], ("❤️".to_owned(), 2));
    assert_eq!(say(&mut grace, "❤️", true, 4)[1], ("❤️".to_owned(), 2), "twice is once");
    assert_eq!(say(&mut carol, "🎉", false, 5), [("❤️".to_owned(), 2)]);
    assert_eq!(say(&mut carol, "🎉", true, 6).last(), Some(&("🎉".to_owned(), 1)), "who comes back comes last");
    let people = &only(&timeline).reactions[0].user_ids;
    assert_eq!(people, &[ADA.to_string(), GRACE.to_string()]);
    let words = carol.amend(&message, Action::REACT, &react("words", true), UnixMillis(NOW.0 + 7));
    assert_eq!(timeline.apply(&words, CAROL, 1, NOW), Applied::Nothing);
}

// Rules: AM3, EV10
#[test]
fn an_amendment_from_tomorrow_waits() {
    let mut grace = Author::new(GRACE, 2);
    let tomorrow = UnixMillis(NOW.0 + 24 * 3_600_000);
    let message = grace.post("today", NOW);
    let mut timeline = timeline();
    timeline.apply(&message, GRACE, 1, NOW);
    let later = grace.amend(&message, Action::EDIT, &edit("tomorrow", tomorrow), tomorrow);
    assert_eq!(timeline.apply(&later, GRACE, 1, NOW), Applied::Nothing);
    assert_eq!(texts(&timeline), ["today"]);
    assert_eq!(timeline.release(tomorrow), [Applied::Changed(message.id())]);
    assert_eq!(texts(&timeline), ["tomorrow"]);
}

#[test]
fn who_is_meant_counts_until_the_message_is_read_or_deleted() {
    let mut grace = Author::new(GRACE, 2);
    let meant = |accounts: Vec<AccountId>, room| MessageContent {
        mentions: Some(Mentions { accounts, room }),
        call: None,
        ..edit("hear, hear", NOW)
    };
    let mut timeline = timeline();
    let by_name = grace.write(Action::POST, None, &meant(vec![ADA], false), NOW);
    let other = grace.write(Action::POST, None, &meant(vec![CAROL], false), NOW);
    let everybody = grace.write(Action::POST, None, &meant(Vec::new(), true), NOW);
    for event in [&by_name, &other, &everybody] {
        timeline.apply(event, GRACE, 1, NOW);
    }
    assert_eq!(timeline.unread(), Unread { messages: 3, mentions: 2 });
    let edited = grace.amend(&by_name, Action::EDIT, &edit("never mind", NOW), NOW);
    timeline.apply(&edited, GRACE, 1, NOW);
    assert_eq!(timeline.unread(), Unread { messages: 3, mentions: 1 });
    let deleted = grace.amend(&everybody, Action::RETRACT, &DeletionContent {}, NOW);
    timeline.apply(&deleted, GRACE, 1, NOW);
    assert_eq!(timeline.unread(), Unread { messages: 2, mentions: 0 });
    let last = timeline.mark_at(other.id()).unwrap();
    timeline.set_read(ADA, last);
    let again = grace.amend(&other, Action::EDIT, &meant(vec![ADA], false), NOW);
    timeline.apply(&again, GRACE, 1, NOW);
    assert_eq!(timeline.unread(), Unread::default(), "an edit makes nothing unread again");
}

#[test]
fn a_sign_out_would_lose_amendments_too() {
    let mut ada = Author::new(ADA, 1);
    let message = ada.post("hello", NOW);
    let mut timeline = timeline();
    timeline.apply(&message, ADA, 1, NOW);
    timeline.apply(&ada.amend(&message, Action::REACT, &react("👍", true), NOW), ADA, 1, NOW);
    assert_eq!(timeline.unsent(), 2);
    timeline.note_relayed(ada.chain(), Seq(2));
    write(&mut timeline);
    assert_eq!(timeline.unsent(), 0);
}
