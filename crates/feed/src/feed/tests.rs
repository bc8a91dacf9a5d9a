use proptest::prelude::*;

use super::*;
use crate::Content;
use crate::fixture::{ADA, Author, GRACE, NOW};

fn no_post_cut(_: ChainId, _: Seq, _: Hlc, _: u64) -> bool {
    false
}

/// The comments of a page of a thread.
fn thread<T: Texts>(feed: &Feed<T>, post: EventId, before: Option<EventId>, limit: usize) -> Option<Page<Comment>> {
    let page = feed.thread(post, before, limit, NOW)?;
    Some(Page { items: page.items.iter().filter_map(|id| feed.comment(*id)).collect(), more: page.more })
}

fn titles(feed: &Feed, by: Order) -> Vec<String> {
    feed.ids(by, NOW).filter_map(|id| feed.post(id)).map(|post| post.title).collect()
}

#[test]
fn posts_are_read_in_three_orders() {
    let (mut ada, mut grace) = (Author::new(ADA, 1), Author::new(GRACE, 2));
    let mut feed = Feed::default();
    let old = ada.publish("old", 0);
    let new = ada.publish("new", 1_000);
    assert_eq!(feed.apply(&old, ADA, 1), Some(Change::Published(old.id())));
    feed.apply(&new, ADA, 1);
    assert_eq!(titles(&feed, Order::New), ["new", "old"]);
    assert_eq!(titles(&feed, Order::Top), ["new", "old"], "of equals the newest");
    let like = grace.like(old.id(), true, 2_000);
    assert_eq!(feed.apply(&like, GRACE, 1), Some(Change::Post(old.id())));
    assert_eq!(titles(&feed, Order::Top), ["old", "new"]);
    assert_eq!(titles(&feed, Order::Hot), ["new", "old"], "one like is as warm as none");
    assert_eq!(titles(&feed, Order::New), ["new", "old"]);
}

// Rules: FE2
#[test]
fn a_person_likes_once() {
    let mut ada = Author::new(ADA, 1);
    let (mut laptop, mut phone) = (Author::new(GRACE, 2), Author::new(GRACE, 3));
    let mut feed = Feed::default();
    let post = ada.publish("post", 0);
    feed.apply(&post, ADA, 1);
    for event in [laptop.like(post.id(), true, 1), laptop.like(post.id(), true, 2), phone.like(post.id(), true, 3)] {
        feed.apply(&event, GRACE, 1);
        feed.apply(&event, GRACE, 1);
    }
    assert_eq!(feed.post(post.id()).unwrap().likes, 1);
    assert!(feed.likes(GRACE, post.id()) && !feed.likes(ADA, post.id()));
    feed.apply(&laptop.like(post.id(), false, 4), GRACE, 1);
    assert_eq!(feed.post(post.id()).unwrap().likes, 0);
}

#[test]
fn what_is_taken_back_is_gone() {
    let (mut ada, mut grace) = (Author::new(ADA, 1), Author::new(GRACE, 2));
    let mut feed = Feed::default();
    let post = ada.publish("post", 0);
    let comment = grace.comment(vec![post.id()], "yes", 1);
    let answer = ada.comment(vec![post.id(), comment.id()], "indeed", 2);
    feed.apply(&post, ADA, 1);
    feed.apply(&comment, GRACE, 1);
    feed.apply(&answer, ADA, 1);
    assert_eq!(feed.post(post.id()).unwrap().comments, 2);

    // A retraction by somebody else is none.
    feed.apply(&ada.take_back(Action::RETRACT, comment.id(), 3), ADA, 1);
    assert_eq!(feed.post(post.id()).unwrap().comments, 2);
    feed.apply(&grace.take_back(Action::RETRACT, comment.id(), 4), GRACE, 1);
    assert_eq!(feed.post(post.id()).unwrap().comments, 1);
    let thread = thread(&feed, post.id(), None, 10).unwrap();
    let texts: Vec<_> = thread.items.iter().map(|comment| comment.text.as_deref()).collect();
    assert_eq!(texts, [None, Some("indeed")], "the answer keeps its place");
    assert_eq!(thread.items[1].reply_to, Some(comment.id()));

    feed.apply(&grace.take_back(Action::REDACT, post.id(), 5), GRACE, 1);
    assert_eq!(feed.post(post.id()), None);
    assert_eq!(feed.comment(answer.id()), None);
    assert_eq!(feed.thread(post.id(), None, 10, NOW), None);
    assert_eq!((feed.standing(post.id()), feed.standing(answer.id())), (None, None));
    assert!(titles(&feed, Order::New).is_empty());
}

// Rules: FE5
#[test]
fn of_what_moderators_say_of_hiding_the_latest_counts() {
    let (mut ada, mut grace) = (Author::new(ADA, 1), Author::new(GRACE, 2));
    let mut feed = Feed::default();
    let post = ada.publish("post", 0);
    let comment = grace.comment(vec![post.id()], "yes", 1);
    // It may come before what it is about.
    let hide = grace.hide(post.id(), true, 5);
    assert_eq!(feed.apply(&hide, GRACE, 1), None);
    feed.apply(&post, ADA, 1);
    feed.apply(&comment, GRACE, 1);
    let hidden = feed.post(post.id()).unwrap().hidden.unwrap();
    assert_eq!((hidden.by, hidden.reason.as_str()), (GRACE, "because of 5"));
    assert_eq!(titles(&feed, Order::New), ["post"], "it keeps its place");
    feed.apply(&Author::new(ADA, 3).hide(post.id(), false, 3), ADA, 1);
    assert!(feed.post(post.id()).unwrap().hidden.is_some(), "that was said before");
    assert_eq!(feed.apply(&ada.hide(post.id(), false, 6), ADA, 1), Some(Change::Post(post.id())));
    assert_eq!(feed.post(post.id()).unwrap().hidden, None);
    assert_eq!(feed.apply(&ada.hide(comment.id(), true, 7), ADA, 1), Some(Change::Comment(comment.id())));
    assert!(feed.comment(comment.id()).unwrap().hidden.is_some());
    assert_eq!(feed.post(post.id()).unwrap().comments, 1);
}

#[test]
fn only_its_author_edits_a_post() {
    let (mut ada, mut grace) = (Author::new(ADA, 1), Author::new(GRACE, 2));
    let mut feed = Feed::default();
    let post = ada.publish("teh post", 0);
    feed.apply(&post, ADA, 1);
    feed.apply(&grace.edit(post.id(), "mine", 2), GRACE, 1);
    assert_eq!(titles(&feed, Order::New), ["teh post"]);
    feed.apply(&ada.edit(post.id(), "the post", 1), ADA, 1);
    let edited = feed.post(post.id()).unwrap();
    assert_eq!((edited.title.as_str(), edited.edited_at.is_some()), ("the post", true));
}

#[test]
fn a_cut_takes_back_what_is_beyond_it() {
    let (mut ada, mut grace) = (Author::new(ADA, 1), Author::new(GRACE, 2));
    let mut feed = Feed::default();
    let post = ada.publish("post", 0);
    let (like, comment) = (grace.like(post.id(), true, 1), grace.comment(vec![post.id()], "spam", 2));
    let spam = grace.publish("spam", 3);
    feed.apply(&post, ADA, 1);
    for event in [&like, &comment, &spam] {
        feed.apply(event, GRACE, 1);
    }
    let device = like.header.get().device;
    assert!(feed.take_back(|chain, seq, _| chain.device == device && seq > Seq(1), no_post_cut));
    let left = feed.post(post.id()).unwrap();
    assert_eq!((left.likes, left.comments), (1, 0));
    assert_eq!(titles(&feed, Order::New), ["post"]);
    assert!(feed.take_back(|chain, _, _| chain.device == device, no_post_cut));
    assert_eq!(feed.post(post.id()).unwrap().likes, 0);
    assert!(!feed.take_back(|chain, _, _| chain.device == device, no_post_cut));
}

#[test]
fn what_claims_to_be_from_tomorrow_waits() {
    let mut ada = Author::new(ADA, 1);
    let mut feed = Feed::default();
    let post = ada.publish("tomorrow", 86_400_000);
    feed.apply(&post, ADA, 1);
    assert!(titles(&feed, Order::New).is_empty());
    assert_eq!(feed.ids(Order::Hot, UnixMillis(NOW.0 + 86_400_000)).count(), 1);
}

#[test]
fn a_thread_is_read_in_pages_from_its_end() {
    let mut ada = Author::new(ADA, 1);
    let mut feed = Feed::default();
    let post = ada.publish("post", 0);
    feed.apply(&post, ADA, 1);
    let said: Vec<EventId> = (1..=5)
        .map(|at| {
            let comment = ada.comment(vec![post.id()], &format!("{at}"), at);
            feed.apply(&comment, ADA, 1);
            comment.id()
        })
        .collect();
    let last = thread(&feed, post.id(), None, 2).unwrap();
    assert_eq!(last.items.iter().map(|comment| comment.id).collect::<Vec<_>>(), &said[3..]);
    assert!(last.more);
    let rest = thread(&feed, post.id(), Some(said[3]), 10).unwrap();
    assert_eq!((rest.items.len(), rest.more), (3, false));
    assert_eq!(feed.thread(post.id(), Some(post.id()), 2, NOW), None, "that is no comment of it");
}

#[derive(Debug, Clone)]
enum Step {
    Publish(bool),
    Edit(bool, usize),
    Like(bool, usize, bool),
    Comment(bool, usize),
    Retract(bool, usize),
    Redact(bool, usize),
    Hide(bool, usize, bool),
}

fn step() -> impl Strategy<Value = Step> {
    let who = any::<bool>();
    prop_oneof![
        who.prop_map(Step::Publish),
        (who, 0..20_usize).prop_map(|(who, what)| Step::Edit(who, what)),
        (who, 0..20_usize, any::<bool>()).prop_map(|(who, what, on)| Step::Like(who, what, on)),
        (who, 0..20_usize).prop_map(|(who, what)| Step::Comment(who, what)),
        (who, 0..20_usize).prop_map(|(who, what)| Step::Retract(who, what)),
        (who, 0..20_usize).prop_map(|(who, what)| Step::Redact(who, what)),
        (who, 0..20_usize, any::<bool>()).prop_map(|(who, what, on)| Step::Hide(who, what, on)),
    ]
}

type Shown = (Vec<Vec<Post>>, Vec<Option<Page<Comment>>>);

fn shown<T: Texts>(feed: &Feed<T>, ids: &[EventId]) -> Shown {
    let posts = ORDERS.map(|by| feed.ids(by, NOW).filter_map(|id| feed.post(id)).collect());
    (posts.to_vec(), ids.iter().map(|id| thread(feed, *id, None, 100)).collect())
}

/// Texts that lie elsewhere: here as the events themselves.
#[derive(Debug, Clone)]
struct Elsewhere(std::collections::BTreeMap<EventPlace, Event>);

impl Texts for Elsewhere {
    type Text = ();

    fn take<C: Content>(&self, _: &C) {}

    fn read<C: Content>(&self, (): &(), place: EventPlace) -> Option<C> {
        self.0.get(&place)?.content()
    }
}

/// What is known without reading: as what is read says, for everything that is shown.
fn check_standings<T: Texts>(feed: &Feed<T>, ids: &[EventId]) -> Result<(), TestCaseError> {
    for id in ids {
        let (post, comment) = (feed.post(*id), feed.comment(*id).filter(|comment| comment.text.is_some()));
        let read = match (&post, &comment) {
            (Some(post), _) => Some((post.author, None, post.hidden.clone())),
            (None, Some(comment)) => Some((comment.author, Some(comment.post), comment.hidden.clone())),
            (None, None) => None,
        };
        let known = feed.standing(*id).map(|it| (it.author, it.comment_on, it.hidden));
        prop_assert_eq!(known, read);
        prop_assert_eq!(feed.is_hidden(*id), post.map(|post| post.hidden.is_some()));
    }
    Ok(())
}

proptest! {
    #[test]
    fn prop_feeds_converge(
        steps in prop::collection::vec(step(), 1..20),
        shuffled in Just((0..20_usize).collect::<Vec<_>>()).prop_shuffle(),
        cut in any::<Option<prop::sample::Index>>(),
        post_cut in any::<Option<prop::sample::Index>>(),
    ) {
        let mut authors = [Author::new(ADA, 1), Author::new(GRACE, 2)];
        let (mut events, mut ids): (Vec<(AccountId, Event)>, Vec<EventId>) = Default::default();
        for (at, step) in steps.into_iter().enumerate() {
            let at_ms = at as u64;
            let target = |what: usize| ids.get(what % ids.len().max(1)).copied();
            let (who, event) = match step {
                Step::Publish(who) => (who, Some(authors[usize::from(who)].publish(&format!("{at}"), at_ms))),
                Step::Edit(who, what) => {
                    (who, target(what).map(|id| authors[usize::from(who)].edit(id, &format!("{at}"), at_ms)))
                }
                Step::Like(who, what, on) => {
                    (who, target(what).map(|id| authors[usize::from(who)].like(id, on, at_ms)))
                }
                Step::Comment(who, what) => {
                    (who, target(what).map(|id| authors[usize::from(who)].comment(vec![id], &format!("{at}"), at_ms)))
                }
                Step::Retract(who, what) => {
                    (who, target(what).map(|id| authors[usize::from(who)].take_back(Action::RETRACT, id, at_ms)))
                }
                Step::Redact(who, what) => {
                    (who, target(what).map(|id| authors[usize::from(who)].take_back(Action::REDACT, id, at_ms)))
                }
                Step::Hide(who, what, on) => {
                    (who, target(what).map(|id| authors[usize::from(who)].hide(id, on, at_ms)))
                }
            };
            if let Some(event) = event {
                ids.push(event.id());
                events.push((authors[usize::from(who)].account, event));
            }
        }
        let cut_at = cut.map(|cut| Seq(cut.index(events.len().max(1)) as u64));
        let is_cut = |chain: ChainId, seq: Seq, _: u64| {
            chain.device == Author::new(ADA, 1).device() && cut_at.is_some_and(|cut| seq > cut)
        };
        let post_cut_at = post_cut.map(|cut| Seq(cut.index(events.len().max(1)) as u64));
        let is_post_cut = |chain: ChainId, seq: Seq, _: Hlc, _: u64| {
            chain.device == Author::new(GRACE, 2).device() && post_cut_at.is_some_and(|cut| seq > cut)
        };
        let mut one = Feed::default();
        for (account, event) in &events {
            one.apply(event, *account, 1);
        }
        one.take_back(is_cut, is_post_cut);
        let mut other = Feed::default();
        for at in shuffled.into_iter().filter(|at| *at < events.len()) {
            let (account, event) = &events[at];
            other.apply(event, *account, 1);
            other.apply(event, *account, 1);
        }
        other.take_back(is_cut, is_post_cut);
        prop_assert_eq!(shown(&one, &ids), shown(&other, &ids));
        check_standings(&one, &ids)?;
        // Who reads texts where they lie, and rests now and then, shows the same.
        let places = events.iter().map(|(_, event)| (event.header.get().order().place(), event.clone()));
        let mut lean = Feed::new(Elsewhere(places.collect()));
        for (account, event) in &events {
            lean.apply(event, *account, 1);
            if event.header.get().seq.0 % 3 == 0 {
                lean.rest();
            }
        }
        lean.take_back(is_cut, is_post_cut);
        prop_assert_eq!(shown(&one, &ids), shown(&lean, &ids));
        // Who never got what was cut shows the same.
        let mut clean = Feed::default();
        for (account, event) in &events {
            let header = event.header.get();
            let publishes = header.action == Action::PUBLISH;
            let post_cut = publishes && is_post_cut(header.chain(), header.seq, header.hlc, 1);
            if !is_cut(header.chain(), header.seq, 1) && !post_cut {
                clean.apply(event, *account, 1);
            }
        }
        prop_assert_eq!(shown(&one, &ids), shown(&clean, &ids));
    }
}
