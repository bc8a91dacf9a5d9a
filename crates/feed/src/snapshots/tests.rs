use std::collections::BTreeSet;

use momoland_protocol::event::Action;

use super::*;
use crate::fixture::{ADA, Author, GRACE, NOW};

const LATER: UnixMillis = UnixMillis(NOW.0 + 1_000_000);

// Rules: FE4
#[test]
fn every_post_that_was_there_throughout_is_read_once() {
    for by in [Order::New, Order::Top, Order::Hot] {
        let (mut ada, mut grace) = (Author::new(ADA, 1), Author::new(GRACE, 2));
        let mut feed = Feed::default();
        let posts: Vec<EventId> = (0..45)
            .map(|at| {
                let post = ada.publish(&format!("{at}"), at);
                feed.apply(&post, ADA, 1);
                post.id()
            })
            .collect();
        let mut snapshots = Snapshots::new(7);
        let (page, mut cursor) = snapshots.first(&feed, by, 10, LATER);
        let mut read = page;
        let mut round = 100;
        let mut gone = None;
        while let Some(next) = cursor {
            // Between two pages: a post arrives, one that nobody has read yet is liked, one that was read is taken back.
            feed.apply(&grace.publish("new", round), GRACE, 1);
            let unread = posts.iter().find(|id| !read.contains(id)).copied().unwrap();
            feed.apply(&grace.like(unread, true, round), GRACE, 1);
            if gone.is_none() {
                gone = read.first().copied();
                feed.apply(&ada.take_back(Action::RETRACT, read[0], round), ADA, 1);
            }
            let (page, after) = snapshots.next(&feed, next, 10).unwrap();
            read.extend(page);
            cursor = after;
            round += 1;
        }
        let once: BTreeSet<EventId> = read.iter().copied().collect();
        assert_eq!(once.len(), read.len(), "{by:?}: something was read twice");
        assert!(posts.iter().all(|id| once.contains(id)), "{by:?}: something was skipped");
    }
}

#[test]
fn a_list_that_is_not_kept_any_more_is_told_from_an_end() {
    let mut ada = Author::new(ADA, 1);
    let mut feed = Feed::default();
    for at in 0..3 {
        feed.apply(&ada.publish(&format!("{at}"), at), ADA, 1);
    }
    let mut snapshots = Snapshots::new(7);
    let (_, cursor) = snapshots.first(&feed, Order::New, 2, LATER);
    let cursor = cursor.unwrap();
    assert_eq!(cursor.to_string().parse(), Ok(cursor));
    for _ in 0..KEPT {
        snapshots.first(&feed, Order::New, 2, LATER);
    }
    assert!(snapshots.next(&feed, cursor, 2).is_some(), "while nothing changes all read one list");
    for at in 10..10 + KEPT as u64 {
        feed.apply(&ada.publish("more", at), ADA, 1);
        snapshots.first(&feed, Order::New, 2, LATER);
    }
    assert!(snapshots.next(&feed, cursor, 2).is_none());
    for bad in ["", "-", "7", "7-x", "zz-1", "7-1-1"] {
        assert_eq!(bad.parse::<Cursor>(), Err(ParseCursorError), "{bad}");
    }
    let (rest, end) = snapshots.first(&feed, Order::New, 100, LATER);
    assert_eq!((rest.len(), end), (3 + KEPT, None));
}

// Rules: FE5
#[test]
fn the_public_reads_nothing_that_is_hidden() {
    let (mut ada, mut grace) = (Author::new(ADA, 1), Author::new(GRACE, 2));
    let mut feed = Feed::default();
    let posts: Vec<_> = (0..3).map(|at| ada.publish(&format!("{at}"), at)).collect();
    for post in &posts {
        feed.apply(post, ADA, 1);
    }
    let mut public = Snapshots::public(7);
    let (first, cursor) = public.first(&feed, Order::New, 1, LATER);
    assert_eq!(first, [posts[2].id()]);
    feed.apply(&grace.hide(posts[1].id(), true, 10), GRACE, 1);
    let (rest, _) = public.next(&feed, cursor.unwrap(), 5).unwrap();
    assert_eq!(rest, [posts[0].id()]);
    let mut all = Snapshots::new(7);
    assert_eq!(all.first(&feed, Order::New, 5, LATER).0.len(), 3, "it keeps its place for those who may see it");
    feed.apply(&grace.hide(posts[1].id(), false, 11), GRACE, 1);
    assert_eq!(public.first(&feed, Order::New, 5, UnixMillis(LATER.0 + SHARED_MS)).0.len(), 3);
}
