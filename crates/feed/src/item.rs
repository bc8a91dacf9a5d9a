//! Everything that events say about one post or comment, kept apart by event so that a cut can take each back.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use momoland_protocol::clock::{Hlc, UnixMillis};
use momoland_protocol::event::EventOrder;
use momoland_protocol::feed::{CommentContent, HideContent, PostContent};
use momoland_protocol::id::{AccountId, ChainId, EventId, Seq};

use crate::likes::{Likes, Word};
use crate::lists::{List, Lists};
use crate::names::{Names, Stamp, joined, split};
use crate::texts::Texts;

/// Stands for an item of a feed: where it is among all, counted from one, so that none takes no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number(NonZeroU32);

impl Number {
    /// `None` beyond more items than can be held anyway.
    pub(crate) fn at(index: usize) -> Option<Self> {
        u32::try_from(index).ok()?.checked_add(1).and_then(NonZeroU32::new).map(Self)
    }

    pub(crate) fn index(self) -> usize {
        usize::try_from(self.0.get() - 1).unwrap_or(usize::MAX)
    }
}

/// What one event says, with what is needed to judge it.
#[derive(Debug, Clone)]
pub(crate) struct Said<T> {
    pub(crate) author: AccountId,
    pub(crate) roster_version: u64,
    pub(crate) what: T,
}

/// A post or comment when it was written.
#[derive(Debug, Clone)]
pub(crate) struct Written<X> {
    pub(crate) stamp: Stamp,
    pub(crate) what: What<X>,
}

/// What it is, and what is held of its text. `None`: its body was dropped.
#[derive(Debug, Clone)]
pub(crate) enum What<X> {
    Post(Option<X>),
    Comment { post: Number, reply_to: Option<Number>, text: Option<X> },
}

/// How something is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Removal {
    /// By its author.
    Retracted,
    /// By whoever moderates.
    Redacted,
}

/// That moderators hid something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hidden {
    /// Who did.
    pub by: AccountId,
    /// Why, in a line; may be empty.
    pub reason: String,
    /// When.
    pub at: UnixMillis,
}

/// All about one event, which itself may not be here yet.
#[derive(Debug, Clone)]
pub(crate) struct Item<X> {
    pub(crate) id: EventId,
    pub(crate) written: Option<Written<X>>,
    pub(crate) likes: Likes,
    /// Of a post: its comments, in the order of display,
    pub(crate) thread: List<Number>,
    /// and how many of them were not taken back.
    pub(crate) comments: u32,
    /// Of a comment that was not taken back: its post, which counts it.
    pub(crate) counted_for: Option<Number>,
    /// Of a post that is ranked: by what.
    pub(crate) ranked: Option<Ranked>,
    /// Most have none of these.
    rare: Option<Box<Rare>>,
}

/// What a post's place depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ranked {
    hlc: [u32; 2],
    pub(crate) likes: u32,
}

impl Ranked {
    pub(crate) fn new(hlc: Hlc, likes: u32) -> Self {
        Self { hlc: split(hlc), likes }
    }

    pub(crate) fn hlc(&self) -> Hlc {
        joined(self.hlc)
    }
}

#[derive(Debug, Clone, Default)]
struct Rare {
    edits: BTreeMap<EventOrder, Said<PostContent>>,
    removals: BTreeMap<EventOrder, Said<Removal>>,
    hides: BTreeMap<EventOrder, Said<HideContent>>,
}

impl<X> Item<X> {
    pub(crate) fn new(id: EventId) -> Self {
        Self {
            id,
            written: None,
            likes: Likes::default(),
            thread: List::default(),
            comments: 0,
            counted_for: None,
            ranked: None,
            rare: None,
        }
    }

    pub(crate) fn edit(&mut self, order: EventOrder, said: Said<PostContent>) {
        self.rare().edits.insert(order, said);
    }

    pub(crate) fn remove(&mut self, order: EventOrder, said: Said<Removal>) {
        self.rare().removals.insert(order, said);
    }

    pub(crate) fn hide(&mut self, order: EventOrder, said: Said<HideContent>) {
        self.rare().hides.insert(order, said);
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    pub(crate) fn author(&self, names: &Names) -> Option<AccountId> {
        self.written.as_ref()?.stamp.author(names)
    }

    /// Whether its author or a moderator took it back.
    pub(crate) fn is_removed(&self, names: &Names) -> bool {
        let (Some(rare), Some(author)) = (&self.rare, self.author(names)) else { return false };
        let mut removals = rare.removals.values();
        removals.any(|said| said.what == Removal::Redacted || said.author == author)
    }

    /// Whether moderators hid it, by the latest word.
    pub(crate) fn is_hidden(&self) -> bool {
        let latest = self.rare.as_ref().and_then(|rare| rare.hides.last_key_value());
        latest.is_some_and(|(_, said)| said.what.on)
    }

    /// Who hid it, where the latest word is that.
    pub(crate) fn hidden(&self) -> Option<Hidden> {
        let (order, said) = self.rare.as_ref()?.hides.last_key_value().filter(|(_, said)| said.what.on)?;
        Some(Hidden { by: said.author, reason: said.what.reason.clone(), at: order.hlc.wall() })
    }

    /// Of a comment: its post.
    pub(crate) fn comment_on(&self) -> Option<Number> {
        match self.written.as_ref()?.what {
            What::Comment { post, .. } => Some(post),
            What::Post(_) => None,
        }
    }

    /// Whether it is a post of which something is shown.
    pub(crate) fn is_shown_post(&self, names: &Names) -> bool {
        let written = self.written.as_ref();
        written.is_some_and(|written| matches!(written.what, What::Post(Some(_)))) && !self.is_removed(names)
    }

    /// Whether it is a comment whose text is shown.
    pub(crate) fn is_shown_comment(&self, names: &Names) -> bool {
        let written = self.written.as_ref();
        written.is_some_and(|written| matches!(written.what, What::Comment { text: Some(_), .. }))
            && !self.is_removed(names)
    }

    /// What a post says since its author edited it.
    fn edited(&self, names: &Names) -> Option<&PostContent> {
        let author = self.author(names)?;
        let mut edits = self.rare.as_ref()?.edits.values().rev();
        edits.find(|said| said.author == author).map(|said| &said.what)
    }

    /// What a post says now, and whether it was edited; `None` where nothing of it is shown.
    pub(crate) fn post<T: Texts<Text = X>>(&self, texts: &T, names: &Names) -> Option<(PostContent, bool)> {
        let written = self.written.as_ref().filter(|_| self.is_shown_post(names))?;
        let What::Post(Some(text)) = &written.what else { return None };
        match self.edited(names) {
            Some(edit) => Some((edit.clone(), true)),
            None => Some((texts.read(text, written.stamp.place(names)?)?, false)),
        }
    }

    /// Whether what it says is its text, which is read where texts are.
    pub(crate) fn needs_text(&self, names: &Names) -> bool {
        self.is_shown_comment(names) || self.is_shown_post(names) && self.edited(names).is_none()
    }

    /// What a comment says; `None` where it was taken back, or where this is no comment.
    pub(crate) fn comment_text<T: Texts<Text = X>>(&self, texts: &T, names: &Names) -> Option<String> {
        let written = self.written.as_ref().filter(|_| self.is_shown_comment(names))?;
        let What::Comment { text: Some(text), .. } = &written.what else { return None };
        texts.read::<CommentContent>(text, written.stamp.place(names)?).map(|content| content.text)
    }

    /// Takes back what is beyond a cut, or a post that does not count. Whether anything was.
    pub(crate) fn take_back(
        &mut self,
        lists: &mut Lists<Word>,
        names: &Names,
        is_cut: impl Fn(ChainId, Seq, u64) -> bool,
        is_post_cut: impl Fn(ChainId, Seq, Hlc, u64) -> bool,
    ) -> bool {
        let before = self.len();
        let of = |order: &EventOrder| ChainId { device: order.device, incarnation: order.incarnation };
        let is_cut = |order: &EventOrder, version: u64| is_cut(of(order), order.seq, version);
        self.written = self.written.take().filter(|written| {
            let posts = matches!(written.what, What::Post(_));
            let stamp = written.stamp;
            let Some((order, version)) = stamp.order(names).zip(stamp.roster_version(names)) else { return true };
            !(is_cut(&order, version) || posts && is_post_cut(of(&order), order.seq, order.hlc, version))
        });
        if let Some(rare) = &mut self.rare {
            rare.edits.retain(|order, said| !is_cut(order, said.roster_version));
            rare.removals.retain(|order, said| !is_cut(order, said.roster_version));
            rare.hides.retain(|order, said| !is_cut(order, said.roster_version));
        }
        let likes = self.likes.take_back(lists, names, is_cut);
        likes || before != self.len()
    }

    fn len(&self) -> usize {
        let rare = self.rare.as_ref().map_or(0, |rare| rare.edits.len() + rare.removals.len() + rare.hides.len());
        usize::from(self.written.is_some()) + rare
    }
}
