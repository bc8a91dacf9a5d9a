//! Everything that events say about one post or comment, kept apart by event so that a cut can take each back.

use std::collections::BTreeMap;

use momoland_protocol::cbor;
use momoland_protocol::clock::{Hlc, UnixMillis};
use momoland_protocol::event::EventOrder;
use momoland_protocol::feed::{CommentContent, HideContent, PostContent};
use momoland_protocol::id::{AccountId, ChainId, EventId, Seq};
use momoland_protocol::limits::BODY_BYTES_MAX;

use crate::likes::Likes;
use crate::names::{Names, Stamp};

/// Stands for an item of a feed: where it is among all.
pub(crate) type Number = u32;

/// What one event says, with what is needed to judge it.
#[derive(Debug, Clone)]
pub(crate) struct Said<T> {
    pub(crate) author: AccountId,
    pub(crate) roster_version: u64,
    pub(crate) what: T,
}

/// A post or comment when it was written.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub(crate) stamp: Stamp,
    pub(crate) roster_version: u32,
    pub(crate) author: AccountId,
    pub(crate) what: What,
}

/// What it said, encoded: a feed has thousands of which a page shows twenty. `None`: its body was dropped.
#[derive(Debug, Clone)]
pub(crate) enum What {
    Post(Option<Box<[u8]>>),
    Comment { post: Number, reply_to: Option<Number>, content: Option<Box<[u8]>> },
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
pub(crate) struct Item {
    pub(crate) id: EventId,
    pub(crate) written: Option<Written>,
    pub(crate) likes: Likes,
    /// Of a post: its comments, in the order of display,
    pub(crate) thread: Vec<Number>,
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
    pub(crate) hlc: Hlc,
    pub(crate) likes: u32,
}

#[derive(Debug, Clone, Default)]
struct Rare {
    edits: BTreeMap<EventOrder, Said<PostContent>>,
    removals: BTreeMap<EventOrder, Said<Removal>>,
    hides: BTreeMap<EventOrder, Said<HideContent>>,
}

impl Item {
    pub(crate) fn new(id: EventId) -> Self {
        Self {
            id,
            written: None,
            likes: Likes::default(),
            thread: Vec::new(),
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

    /// Whether its author or a moderator took it back.
    pub(crate) fn is_removed(&self) -> bool {
        let (Some(written), Some(rare)) = (&self.written, &self.rare) else { return false };
        let mut removals = rare.removals.values();
        removals.any(|said| said.what == Removal::Redacted || said.author == written.author)
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
    pub(crate) fn is_shown_post(&self) -> bool {
        let written = self.written.as_ref();
        written.is_some_and(|written| matches!(written.what, What::Post(Some(_)))) && !self.is_removed()
    }

    /// Whether it is a comment whose text is shown.
    pub(crate) fn is_shown_comment(&self) -> bool {
        let written = self.written.as_ref();
        written.is_some_and(|written| matches!(written.what, What::Comment { content: Some(_), .. }))
            && !self.is_removed()
    }

    /// What a post says now, and whether it was edited; `None` where nothing of it is shown.
    pub(crate) fn post(&self) -> Option<(PostContent, bool)> {
        let written = self.written.as_ref().filter(|_| self.is_shown_post())?;
        let What::Post(Some(content)) = &written.what else { return None };
        let mut edits = self.rare.iter().flat_map(|rare| rare.edits.values().rev());
        match edits.find(|said| said.author == written.author) {
            Some(edit) => Some((edit.what.clone(), true)),
            None => Some((decoded(content)?, false)),
        }
    }

    /// What a comment says; `None` where it was taken back, or where this is no comment.
    pub(crate) fn comment_text(&self) -> Option<String> {
        let written = self.written.as_ref().filter(|_| self.is_shown_comment())?;
        let What::Comment { content: Some(content), .. } = &written.what else { return None };
        decoded::<CommentContent>(content).map(|content| content.text)
    }

    /// Takes back what is beyond a cut, or a post that does not count. Whether anything was.
    pub(crate) fn take_back(
        &mut self,
        names: &Names,
        is_cut: impl Fn(ChainId, Seq, u64) -> bool,
        is_post_cut: impl Fn(ChainId, Seq, Hlc, u64) -> bool,
    ) -> bool {
        let before = self.len();
        let of = |order: &EventOrder| ChainId { device: order.device, incarnation: order.incarnation };
        let is_cut = |order: &EventOrder, version: u64| is_cut(of(order), order.seq, version);
        self.written = self.written.take().filter(|written| {
            let posts = matches!(written.what, What::Post(_));
            let version = u64::from(written.roster_version);
            let Some(order) = written.stamp.order(names) else { return true };
            !(is_cut(&order, version) || posts && is_post_cut(of(&order), order.seq, order.hlc, version))
        });
        if let Some(rare) = &mut self.rare {
            rare.edits.retain(|order, said| !is_cut(order, said.roster_version));
            rare.removals.retain(|order, said| !is_cut(order, said.roster_version));
            rare.hides.retain(|order, said| !is_cut(order, said.roster_version));
        }
        self.likes.take_back(names, is_cut);
        before != self.len()
    }

    fn len(&self) -> usize {
        let rare = self.rare.as_ref().map_or(0, |rare| rare.edits.len() + rare.removals.len() + rare.hides.len());
        usize::from(self.written.is_some()) + rare + self.likes.said()
    }
}

/// What a content is held as.
pub(crate) fn encoded<T: minicbor::Encode<()>>(content: &T) -> Box<[u8]> {
    cbor::encode(content).into_boxed_slice()
}

fn decoded<T>(bytes: &[u8]) -> Option<T>
where
    T: minicbor::Encode<()> + for<'b> minicbor::Decode<'b, ()> + cbor::Bounded,
{
    cbor::decode(bytes, BODY_BYTES_MAX).ok()
}
