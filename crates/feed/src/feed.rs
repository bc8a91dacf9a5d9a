//! The fold: events in, posts and comments out.
//!
//! # Invariants
//! 1. The same events in any order give the same pages, counts and threads. Test: `prop_feeds_converge`.
//! 2. A person's like counts once, however many devices said it how often. Test: `a_person_likes_once`.
//! 3. What is taken back is shown nowhere and counted nowhere. Test: `what_is_taken_back_is_gone`.
//! 4. What one event changes costs the place of one post in each order, not a look at all. By construction: `rerank`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use momoland_protocol::clock::{Hlc, UnixMillis};
use momoland_protocol::event::{Action, Event, EventOrder, EventPlace};
use momoland_protocol::feed::{CommentContent, HideContent, LikeContent, PostContent};
use momoland_protocol::id::{AccountId, ChainId, DeviceId, EventId, Incarnation, Seq};

use crate::item::{Hidden, Item, Ranked, Removal, Said, Written};
use crate::likes::Chains;
use crate::rank::{Order, Rank};

/// How far ahead of the clock something may be and still be shown at once, milliseconds.
const AHEAD_MAX_MS: u64 = 10 * 60 * 1000;

/// A post as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// The event that published it.
    pub id: EventId,
    /// Who wrote it.
    pub author: AccountId,
    /// One line; may be empty.
    pub title: String,
    /// Markdown.
    pub body: String,
    /// What it is about.
    pub tags: Vec<String>,
    /// When it was written.
    pub published_at: UnixMillis,
    /// When it was changed last.
    pub edited_at: Option<UnixMillis>,
    /// People who like it.
    pub likes: u32,
    /// Comments that were not taken back.
    pub comments: u32,
    /// Where moderators hid it: it keeps its place, for its author and them.
    pub hidden: Option<Hidden>,
}

/// A comment as it is now. One that was taken back stays in its thread, without a text, so that answers keep their place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// The event that said it.
    pub id: EventId,
    /// The post.
    pub post: EventId,
    /// The comment that it answers.
    pub reply_to: Option<EventId>,
    /// Who wrote it.
    pub author: AccountId,
    /// Markdown; `None` where it was taken back.
    pub text: Option<String>,
    /// When it was written.
    pub sent_at: UnixMillis,
    /// People who like it.
    pub likes: u32,
    /// Where moderators hid it: it keeps its place, for its author and them.
    pub hidden: Option<Hidden>,
}

/// What an event changed for those who look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A post is new here.
    Published(EventId),
    /// A post has other words, likes or comments, was hidden or shown again, or is gone.
    Post(EventId),
    /// A comment is new here.
    Commented(EventId),
    /// A comment has other likes, was hidden or shown again, or was taken back.
    Comment(EventId),
}

/// Some of a list, and whether it goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// In the order asked for.
    pub items: Vec<T>,
    /// Whether there are more behind these.
    pub more: bool,
}

/// The posts of one feed.
#[derive(Debug, Clone, Default)]
pub struct Feed {
    items: BTreeMap<EventId, Item>,
    /// Posts that are shown, by each order.
    ranked: BTreeMap<Order, BTreeSet<Rank>>,
    /// Comments that were not taken back, each with its post, and how many a post has.
    counted: BTreeMap<EventId, EventId>,
    comments: BTreeMap<EventId, u32>,
    /// The comments of each post, in the order of display.
    threads: BTreeMap<(EventId, EventOrder), EventId>,
    chains: Chains,
    /// Grows with every change of what is shown.
    generation: u64,
}

/// What every place in an order lies between.
const FIRST: EventOrder =
    EventOrder { hlc: Hlc(0), device: DeviceId([0; 32]), incarnation: Incarnation([0; 16]), seq: Seq(0) };
const LAST: EventOrder = EventOrder {
    hlc: Hlc(u64::MAX),
    device: DeviceId([u8::MAX; 32]),
    incarnation: Incarnation([u8::MAX; 16]),
    seq: Seq(u64::MAX),
};

const ORDERS: [Order; 3] = [Order::New, Order::Top, Order::Hot];

impl Feed {
    /// Takes a stored event of the feed's log by an author who may do what it does.
    pub fn apply(&mut self, event: &Event, author: AccountId, roster_version: u64) -> Option<Change> {
        let header = event.header.get();
        let (id, order) = (event.id(), header.order());
        let target = header.targets.first().copied();
        match header.action {
            Action::PUBLISH => {
                let what = Written::Post(event.content::<PostContent>());
                self.write(id, order, Said { author, roster_version, what })
            }
            Action::COMMENT => {
                let post = target?;
                let reply_to = header.targets.get(1).copied();
                let what = Written::Comment { post, reply_to, content: event.content::<CommentContent>() };
                self.write(id, order, Said { author, roster_version, what })
            }
            Action::LIKE => {
                let what = event.content::<LikeContent>()?.on;
                let target = target?;
                let item = self.items.entry(target).or_default();
                item.likes.say(&mut self.chains, author, order, roster_version, what);
                self.amended(target)
            }
            Action::EDIT => {
                let what = event.content::<PostContent>()?;
                self.amend(target?, |item| item.edit(order, Said { author, roster_version, what }))
            }
            Action::RETRACT => {
                let what = Removal::Retracted;
                self.amend(target?, |item| item.remove(order, Said { author, roster_version, what }))
            }
            Action::REDACT => {
                let what = Removal::Redacted;
                self.amend(target?, |item| item.remove(order, Said { author, roster_version, what }))
            }
            Action::HIDE => {
                let what = event.content::<HideContent>()?;
                self.amend(target?, |item| item.hide(order, Said { author, roster_version, what }))
            }
            _ => None,
        }
    }

    fn write(&mut self, id: EventId, order: EventOrder, said: Said<Written>) -> Option<Change> {
        let comment_of = match &said.what {
            Written::Post(_) => None,
            Written::Comment { post, .. } => Some(*post),
        };
        let item = self.items.entry(id).or_default();
        if item.written.is_some() {
            return None;
        }
        item.written = Some((order, said));
        if let Some(post) = comment_of {
            self.threads.insert((post, order), id);
        }
        self.settle(id);
        match comment_of {
            Some(_) => self.comment_of(id).map(|_| Change::Commented(id)),
            None => self.post(id).map(|_| Change::Published(id)),
        }
    }

    fn amend(&mut self, target: EventId, change: impl FnOnce(&mut Item)) -> Option<Change> {
        change(self.items.entry(target).or_default());
        self.amended(target)
    }

    fn amended(&mut self, target: EventId) -> Option<Change> {
        self.settle(target);
        let (_, said) = self.items.get(&target)?.written.as_ref()?;
        Some(match said.what {
            Written::Post(_) => Change::Post(target),
            Written::Comment { .. } => Change::Comment(target),
        })
    }

    /// Ranks a post anew, or counts a comment where it is shown.
    fn settle(&mut self, id: EventId) {
        self.generation = self.generation.wrapping_add(1);
        let item = self.items.get(&id);
        let post = item.filter(|item| comment_text(item).is_some()).and_then(|item| item.comment_on());
        let before = match post {
            Some(post) => self.counted.insert(id, post),
            None => self.counted.remove(&id),
        };
        if let Some(before) = before
            && let Some(count) = self.comments.get_mut(&before)
        {
            *count = count.saturating_sub(1);
        }
        if let Some(post) = post {
            *self.comments.entry(post).or_default() += 1;
        }
        self.rerank(id);
    }

    fn rerank(&mut self, id: EventId) {
        let Some(item) = self.items.get_mut(&id) else { return };
        let shown = item.post().and(item.written.as_ref()).map(|(order, _)| (order.hlc, item.likes.count()));
        let before = item.ranked.take();
        item.ranked = shown.map(|(hlc, likes)| Ranked { hlc, likes });
        if before == item.ranked {
            return;
        }
        let after = item.ranked;
        for by in ORDERS {
            let ranked = self.ranked.entry(by).or_default();
            if let Some(Ranked { hlc, likes }) = before {
                ranked.remove(&Rank::of(by, likes, hlc, id));
            }
            if let Some(Ranked { hlc, likes }) = after {
                ranked.insert(Rank::of(by, likes, hlc, id));
            }
        }
    }

    /// Another number wherever something else is shown than before.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Takes back what is beyond a cut, and posts whose author may not post since. Whether anything was.
    pub fn take_back(
        &mut self,
        is_cut: impl Fn(ChainId, Seq, u64) -> bool,
        is_post_cut: impl Fn(ChainId, Seq, Hlc, u64) -> bool,
    ) -> bool {
        let mut changed = Vec::new();
        for (id, item) in &mut self.items {
            if item.take_back(&self.chains, &is_cut, &is_post_cut) {
                changed.push(*id);
            }
        }
        for id in &changed {
            self.settle(*id);
        }
        !changed.is_empty()
    }

    /// Where a post or comment stands in its log, which whoever amends it has to say.
    pub fn place(&self, id: EventId) -> Option<EventPlace> {
        let (order, _) = self.items.get(&id)?.written.as_ref()?;
        let chain = ChainId { device: order.device, incarnation: order.incarnation };
        Some(EventPlace { chain, seq: order.seq })
    }

    /// A post, where it is shown.
    pub fn post(&self, id: EventId) -> Option<Post> {
        let item = self.items.get(&id)?;
        let (order, said) = item.written.as_ref()?;
        let (content, edited) = item.post()?;
        Some(Post {
            id,
            author: said.author,
            title: content.title.clone(),
            body: content.body.clone(),
            tags: content.tags.clone(),
            published_at: order.hlc.wall(),
            edited_at: edited.then_some(content.sent_at),
            likes: item.likes.count(),
            hidden: item.hidden(),
            comments: self.comments.get(&id).copied().unwrap_or_default(),
        })
    }

    /// Who wrote a post or comment, and when by the clock of its order.
    pub fn written(&self, id: EventId) -> Option<(AccountId, Hlc)> {
        self.items.get(&id)?.written.as_ref().map(|(order, said)| (said.author, order.hlc))
    }

    /// Whether moderators hid a post or comment.
    pub fn is_hidden(&self, id: EventId) -> bool {
        self.items.get(&id).is_some_and(|item| item.hidden().is_some())
    }

    /// A comment, where its post is shown.
    pub fn comment(&self, id: EventId) -> Option<Comment> {
        let comment = self.comment_of(id)?;
        self.post(comment.post).map(|_| comment)
    }

    fn comment_of(&self, id: EventId) -> Option<Comment> {
        let item = self.items.get(&id)?;
        let (order, said) = item.written.as_ref()?;
        let Written::Comment { post, reply_to, .. } = &said.what else { return None };
        Some(Comment {
            id,
            post: *post,
            reply_to: *reply_to,
            author: said.author,
            text: comment_text(item).map(str::to_owned),
            sent_at: order.hlc.wall(),
            likes: item.likes.count(),
            hidden: item.hidden(),
        })
    }

    /// Whether somebody likes a post or comment.
    pub fn likes(&self, account: AccountId, id: EventId) -> bool {
        self.items.get(&id).is_some_and(|item| item.likes.is_liked_by(account))
    }

    /// The ids of all posts that are shown by now, first those that are read first.
    pub fn ids(&self, by: Order, now: UnixMillis) -> impl Iterator<Item = EventId> {
        let until = now.0.saturating_add(AHEAD_MAX_MS);
        let ranked = self.ranked.get(&by).into_iter().flat_map(|ranked| ranked.iter().rev());
        ranked.map(|rank| rank.id).filter(move |id| {
            let written = self.items.get(id).and_then(|item| item.written.as_ref());
            written.is_some_and(|(order, _)| order.hlc.wall().0 <= until)
        })
    }

    /// At most `limit` comments of a post before one, oldest first; the latest without one. `None`: there is no such post,
    /// or no such comment of it.
    pub fn thread(
        &self,
        post: EventId,
        before: Option<EventId>,
        limit: usize,
        now: UnixMillis,
    ) -> Option<Page<Comment>> {
        self.post(post)?;
        let until = now.0.saturating_add(AHEAD_MAX_MS);
        let before = match before {
            Some(before) => {
                let (order, _) = self.items.get(&before)?.written.as_ref()?;
                Some(*order).filter(|order| self.threads.contains_key(&(post, *order))).map(Some)?
            }
            None => None,
        };
        let end = before.map_or(Bound::Included((post, LAST)), |before| Bound::Excluded((post, before)));
        let range = self.threads.range((Bound::Included((post, FIRST)), end)).rev();
        let mut rest =
            range.filter(|((_, order), _)| order.hlc.wall().0 <= until).filter_map(|(_, id)| self.comment_of(*id));
        let mut items: Vec<Comment> = rest.by_ref().take(limit).collect();
        items.reverse();
        Some(Page { items, more: rest.next().is_some() })
    }
}

/// What a comment says; `None` where it was taken back, or where this is no comment.
fn comment_text(item: &Item) -> Option<&str> {
    let (_, said) = item.written.as_ref()?;
    match &said.what {
        Written::Comment { content: Some(content), .. } if !item.is_removed() => Some(&content.text),
        Written::Comment { .. } | Written::Post(_) => None,
    }
}

#[cfg(test)]
mod tests;
