//! The fold: events in, posts and comments out.
//!
//! # Invariants
//! 1. The same events in any order give the same pages, counts and threads. Test: `prop_feeds_converge`.
//! 2. A person's like counts once, however many devices said it how often. Test: `a_person_likes_once`.
//! 3. What is taken back is shown nowhere and counted nowhere. Test: `what_is_taken_back_is_gone`.
//! 4. What one event changes costs the place of one post in each order, not a look at all. By construction: `rerank`.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;
use momoland_protocol::clock::{Hlc, UnixMillis};
use momoland_protocol::event::{Action, Event, EventOrder, EventPlace};
use momoland_protocol::feed::{CommentContent, HideContent, LikeContent, PostContent};
use momoland_protocol::id::{AccountId, ChainId, EventId, Seq};

use crate::item::{Hidden, Item, Number, Ranked, Removal, Said, What, Written};
use crate::likes::Word;
use crate::lists::Lists;
use crate::names::{Names, Stamp};
use crate::rank::{Order, Rank};
use crate::texts::{InMemory, Texts};

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

/// What is known of a post or comment that is shown, without a look at what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The event that said it.
    pub id: EventId,
    /// Of a comment: its post.
    pub comment_on: Option<EventId>,
    /// Who wrote it.
    pub author: AccountId,
    /// When it was written, by the clock of its order.
    pub hlc: Hlc,
    /// Where moderators hid it.
    pub hidden: Option<Hidden>,
    /// Where what it says is to be read; `None` where the feed itself knows it.
    pub text: Option<EventPlace>,
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
#[derive(Debug, Clone)]
pub struct Feed<T: Texts = InMemory> {
    texts: T,
    items: Items<T::Text>,
    /// What was said of items that somebody likes them, and their threads.
    words: Lists<Word>,
    threads: Lists<Number>,
    /// Posts that are shown, by each of [`ORDERS`], those that are read first last.
    ranked: [Vec<Number>; ORDERS.len()],
    names: Names,
    /// Grows with every change of what is shown.
    generation: u64,
}

/// What events are about, whether it is here itself or not.
#[derive(Debug, Clone)]
struct Items<X> {
    all: Vec<Item<X>>,
    by_id: HashTable<Number>,
    /// Its seed is random: ids can be made that are alike in part.
    hasher: RandomState,
}

impl<X> Default for Items<X> {
    fn default() -> Self {
        Self { all: Vec::new(), by_id: HashTable::new(), hasher: RandomState::new() }
    }
}

impl<X> Items<X> {
    fn get(&self, number: Number) -> Option<&Item<X>> {
        self.all.get(number.index())
    }

    fn get_mut(&mut self, number: Number) -> Option<&mut Item<X>> {
        self.all.get_mut(number.index())
    }

    fn number(&self, id: EventId) -> Option<Number> {
        let is_it = |number: &Number| self.get(*number).is_some_and(|item| item.id == id);
        self.by_id.find(self.hasher.hash_one(id), is_it).copied()
    }

    fn find(&self, id: EventId) -> Option<&Item<X>> {
        self.get(self.number(id)?)
    }

    /// The number of an item, which is new where nothing was said of it yet.
    fn number_or_new(&mut self, id: EventId) -> Option<Number> {
        if let Some(number) = self.number(id) {
            return Some(number);
        }
        let number = Number::at(self.all.len())?;
        self.all.push(Item::new(id));
        let Self { all, by_id, hasher } = self;
        let hash_of =
            |number: &Number| all.get(number.index()).map(|item| hasher.hash_one(item.id)).unwrap_or_default();
        by_id.insert_unique(hasher.hash_one(id), number, hash_of);
        Some(number)
    }

    fn order(&self, names: &Names, number: Number) -> Option<EventOrder> {
        self.get(number)?.written.as_ref()?.stamp.order(names)
    }
}

const ORDERS: [Order; 3] = [Order::New, Order::Top, Order::Hot];

impl Default for Feed<InMemory> {
    fn default() -> Self {
        Self::new(InMemory)
    }
}

impl<T: Texts> Feed<T> {
    /// An empty one, whose texts are kept and found there.
    pub fn new(texts: T) -> Self {
        Self {
            texts,
            items: Items::default(),
            words: Lists::default(),
            threads: Lists::default(),
            ranked: Default::default(),
            names: Names::default(),
            generation: 0,
        }
    }

    /// Takes a stored event of the feed's log by an author who may do what it does.
    pub fn apply(&mut self, event: &Event, author: AccountId, roster_version: u64) -> Option<Change> {
        let header = event.header.get();
        let (id, order) = (event.id(), header.order());
        let target = header.targets.first().copied();
        match header.action {
            Action::PUBLISH => {
                let what = What::Post(event.content::<PostContent>().map(|content| self.texts.take(&content)));
                self.write(id, order, author, roster_version, what)
            }
            Action::COMMENT => {
                let post = self.items.number_or_new(target?)?;
                let reply_to = header.targets.get(1).and_then(|answered| self.items.number_or_new(*answered));
                let text = event.content::<CommentContent>().map(|content| self.texts.take(&content));
                self.write(id, order, author, roster_version, What::Comment { post, reply_to, text })
            }
            Action::LIKE => {
                let on = event.content::<LikeContent>()?.on;
                let number = self.items.number_or_new(target?)?;
                let item = self.items.get_mut(number)?;
                let held = (&mut self.words, &mut self.names);
                item.likes.say(held, author, order, roster_version, on);
                if self.words.is_due() {
                    self.settle_lists();
                }
                self.amended(number)
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

    fn write(
        &mut self,
        id: EventId,
        order: EventOrder,
        author: AccountId,
        roster_version: u64,
        what: What<T::Text>,
    ) -> Option<Change> {
        let stamp = Stamp::of(order, author, roster_version, false, &mut self.names)?;
        let number = self.items.number_or_new(id)?;
        let item = self.items.get_mut(number)?;
        if item.written.is_some() {
            return None;
        }
        item.written = Some(Written { stamp, what });
        let post = item.comment_on();
        if let Some(post) = post {
            let (items, names) = (&self.items, &self.names);
            let earlier = |comment: &Number| items.order(names, *comment) < Some(order);
            let at = self.threads.get(&items.get(post)?.thread).partition_point(earlier);
            let thread = &mut self.items.get_mut(post)?.thread;
            self.threads.change(thread, |thread| thread.insert(at, number));
            if self.threads.is_due() {
                self.settle_lists();
            }
        }
        self.settle(number);
        match post {
            Some(_) => Some(Change::Commented(id)),
            None => self.items.get(number)?.is_shown_post(&self.names).then_some(Change::Published(id)),
        }
    }

    fn amend(&mut self, target: EventId, change: impl FnOnce(&mut Item<T::Text>)) -> Option<Change> {
        let number = self.items.number_or_new(target)?;
        change(self.items.get_mut(number)?);
        self.amended(number)
    }

    fn amended(&mut self, number: Number) -> Option<Change> {
        self.settle(number);
        let item = self.items.get(number)?;
        Some(match item.written.as_ref()?.what {
            What::Post(_) => Change::Post(item.id),
            What::Comment { .. } => Change::Comment(item.id),
        })
    }

    /// Gives back what it grew by while many events came, before it goes on as it is.
    pub fn rest(&mut self) {
        self.settle_lists();
        self.items.all.shrink_to_fit();
        self.ranked.iter_mut().for_each(Vec::shrink_to_fit);
    }

    fn settle_lists(&mut self) {
        self.words.settle(self.items.all.iter_mut().map(|item| &mut item.likes.words));
        self.threads.settle(self.items.all.iter_mut().map(|item| &mut item.thread));
    }

    /// Ranks a post anew, or counts a comment where it is shown.
    fn settle(&mut self, number: Number) {
        self.generation = self.generation.wrapping_add(1);
        let Some(item) = self.items.get_mut(number) else { return };
        let post = if item.is_shown_comment(&self.names) { item.comment_on() } else { None };
        let before = std::mem::replace(&mut item.counted_for, post);
        if let Some(before) = before.and_then(|before| self.items.get_mut(before)) {
            before.comments = before.comments.saturating_sub(1);
        }
        if let Some(post) = post.and_then(|post| self.items.get_mut(post)) {
            post.comments = post.comments.saturating_add(1);
        }
        self.rerank(number);
    }

    fn rerank(&mut self, number: Number) {
        let Some(item) = self.items.get(number) else { return };
        let shown = item.written.as_ref().filter(|_| item.is_shown_post(&self.names));
        let shown = shown.map(|written| Ranked::new(written.stamp.hlc(), item.likes.count()));
        if item.ranked == shown {
            return;
        }
        let published = |ranked: Option<Ranked>| ranked.map(|ranked| ranked.hlc());
        let stays = published(item.ranked) == published(shown);
        // Likes move nothing among the newest.
        let moves = |(by, _): &(Order, &mut Vec<Number>)| !(stays && *by == Order::New);
        for (by, ranked) in ORDERS.into_iter().zip(&mut self.ranked).filter(moves) {
            if let Ok(at) = place_of(&self.items, by, ranked, number) {
                ranked.remove(at);
            }
        }
        if let Some(item) = self.items.get_mut(number) {
            item.ranked = shown;
        }
        for (by, ranked) in ORDERS.into_iter().zip(&mut self.ranked).filter(moves) {
            if shown.is_some()
                && let Err(at) = place_of(&self.items, by, ranked, number)
            {
                ranked.insert(at, number);
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
        let (mut changed, mut lost) = (Vec::new(), BTreeSet::new());
        for (index, item) in self.items.all.iter_mut().enumerate() {
            let post = item.comment_on();
            if item.take_back(&mut self.words, &self.names, &is_cut, &is_post_cut) {
                changed.extend(Number::at(index));
                if item.written.is_none() {
                    lost.extend(post);
                }
            }
        }
        for post in lost {
            let Some(mut thread) = self.items.get_mut(post).map(|post| std::mem::take(&mut post.thread)) else {
                continue;
            };
            let is_written = |comment: &Number| self.items.get(*comment).is_some_and(|it| it.written.is_some());
            self.threads.change(&mut thread, |thread| thread.retain(is_written));
            if let Some(post) = self.items.get_mut(post) {
                post.thread = thread;
            }
        }
        for number in &changed {
            self.settle(*number);
        }
        !changed.is_empty()
    }

    /// Where a post or comment stands in its log, which whoever amends it has to say.
    pub fn place(&self, id: EventId) -> Option<EventPlace> {
        self.items.find(id)?.written.as_ref()?.stamp.place(&self.names)
    }

    /// What is known of a post that is shown, or of a comment that was not taken back, under such a post.
    pub fn standing(&self, id: EventId) -> Option<Standing> {
        let item = self.items.find(id)?;
        let written = item.written.as_ref()?;
        let post = item.comment_on().map_or(Some(item), |post| self.items.get(post))?;
        let is_comment = post.id != id;
        if !post.is_shown_post(&self.names) || is_comment && !item.is_shown_comment(&self.names) {
            return None;
        }
        Some(Standing {
            id,
            comment_on: is_comment.then_some(post.id),
            author: written.stamp.author(&self.names)?,
            hlc: written.stamp.hlc(),
            hidden: item.hidden(),
            text: written.stamp.place(&self.names).filter(|_| item.needs_text(&self.names)),
        })
    }

    /// A post, where it is shown.
    pub fn post(&self, id: EventId) -> Option<Post> {
        let item = self.items.find(id)?;
        let written = item.written.as_ref()?;
        let (PostContent { title, body, tags, sent_at }, edited) = item.post(&self.texts, &self.names)?;
        Some(Post {
            id: item.id,
            author: written.stamp.author(&self.names)?,
            title,
            body,
            tags,
            published_at: written.stamp.hlc().wall(),
            edited_at: edited.then_some(sent_at),
            likes: item.likes.count(),
            hidden: item.hidden(),
            comments: item.comments,
        })
    }

    /// Whether moderators hid a post; `None` where there is none that is shown.
    pub fn is_hidden(&self, id: EventId) -> Option<bool> {
        self.items.find(id).filter(|item| item.is_shown_post(&self.names)).map(Item::is_hidden)
    }

    /// Who wrote a post or comment, and when by the clock of its order.
    pub fn written(&self, id: EventId) -> Option<(AccountId, Hlc)> {
        let stamp = &self.items.find(id)?.written.as_ref()?.stamp;
        Some((stamp.author(&self.names)?, stamp.hlc()))
    }

    /// The post of a comment, where it is shown.
    pub fn post_of(&self, comment: EventId) -> Option<EventId> {
        let post = self.items.get(self.items.find(comment)?.comment_on()?)?;
        Some(post.id).filter(|_| post.is_shown_post(&self.names))
    }

    /// A comment, where its post is shown.
    pub fn comment(&self, id: EventId) -> Option<Comment> {
        let item = self.items.find(id)?;
        let written = item.written.as_ref()?;
        let What::Comment { post, reply_to, .. } = &written.what else { return None };
        Some(Comment {
            id: item.id,
            post: self.items.get(*post).filter(|post| post.is_shown_post(&self.names))?.id,
            reply_to: reply_to.and_then(|answered| self.items.get(answered)).map(|answered| answered.id),
            author: written.stamp.author(&self.names)?,
            text: item.comment_text(&self.texts, &self.names),
            sent_at: written.stamp.hlc().wall(),
            likes: item.likes.count(),
            hidden: item.hidden(),
        })
    }

    /// Whether somebody likes a post or comment.
    pub fn likes(&self, account: AccountId, id: EventId) -> bool {
        self.items.find(id).is_some_and(|item| item.likes.is_liked_by(&self.words, &self.names, account))
    }

    /// The ids of all posts that are shown by now, first those that are read first.
    pub fn ids(&self, by: Order, now: UnixMillis) -> impl Iterator<Item = EventId> {
        self.numbers(by, now).filter_map(|number| self.id(number))
    }

    pub(crate) fn id(&self, number: Number) -> Option<EventId> {
        self.items.get(number).map(|item| item.id)
    }

    /// As [`Self::ids`]. A number stands for the same as long as the feed does.
    pub(crate) fn numbers(&self, by: Order, now: UnixMillis) -> impl Iterator<Item = Number> {
        let until = now.0.saturating_add(AHEAD_MAX_MS);
        let ranked = ORDERS.into_iter().zip(&self.ranked).filter(move |(order, _)| *order == by);
        ranked.flat_map(|(_, ranked)| ranked.iter().rev()).copied().filter(move |number| {
            let written = self.items.get(*number).and_then(|item| item.written.as_ref());
            written.is_some_and(|written| written.stamp.hlc().wall().0 <= until)
        })
    }

    /// The ids of at most `limit` comments of a post before one, oldest first; the latest without one. `None`: there is no such post,
    /// or no such comment of it.
    pub fn thread(
        &self,
        post: EventId,
        before: Option<EventId>,
        limit: usize,
        now: UnixMillis,
    ) -> Option<Page<EventId>> {
        let post = self.items.find(post).filter(|post| post.is_shown_post(&self.names))?;
        let thread = self.threads.get(&post.thread);
        let until = now.0.saturating_add(AHEAD_MAX_MS);
        let end = match before {
            Some(before) => {
                let before = self.items.number(before)?;
                thread.iter().position(|comment| *comment == before)?
            }
            None => thread.len(),
        };
        let listed = thread.get(..end).unwrap_or_default().iter().rev();
        let listed = listed.filter_map(|comment| self.items.get(*comment)).filter(|comment| {
            let written = comment.written.as_ref();
            written.is_some_and(|written| written.stamp.hlc().wall().0 <= until)
        });
        let mut rest = listed.map(|comment| comment.id);
        let mut items: Vec<EventId> = rest.by_ref().take(limit).collect();
        items.reverse();
        Some(Page { items, more: rest.next().is_some() })
    }
}

/// Where an item is among those that are ranked, or belongs.
fn place_of<X>(items: &Items<X>, by: Order, ranked: &[Number], number: Number) -> Result<usize, usize> {
    let rank = |number: Number| {
        let item = items.get(number)?;
        item.ranked.map(|ranked| Rank::of(by, ranked.likes, ranked.hlc(), item.id))
    };
    let own = rank(number);
    ranked.binary_search_by(|other| rank(*other).cmp(&own))
}

#[cfg(test)]
mod tests;
