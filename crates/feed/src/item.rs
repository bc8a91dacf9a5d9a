//! Everything that events say about one post or comment, kept apart by event so that a cut can take each back.

use std::collections::BTreeMap;

use momoland_protocol::clock::{Hlc, UnixMillis};
use momoland_protocol::event::EventOrder;
use momoland_protocol::feed::{CommentContent, HideContent, PostContent};
use momoland_protocol::id::{AccountId, ChainId, EventId, Seq};

use crate::likes::{Chains, Likes};

/// What one event says, with what is needed to judge it.
#[derive(Debug, Clone)]
pub(crate) struct Said<T> {
    pub(crate) author: AccountId,
    pub(crate) roster_version: u64,
    pub(crate) what: T,
}

/// What a post or comment was when it was written. `None`: its body was dropped.
#[derive(Debug, Clone)]
pub(crate) enum Written {
    Post(Option<PostContent>),
    Comment { post: EventId, reply_to: Option<EventId>, content: Option<CommentContent> },
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
#[derive(Debug, Clone, Default)]
pub(crate) struct Item {
    pub(crate) written: Option<(EventOrder, Said<Written>)>,
    pub(crate) likes: Likes,
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
        let (Some((_, written)), Some(rare)) = (&self.written, &self.rare) else { return false };
        let mut removals = rare.removals.values();
        removals.any(|said| said.what == Removal::Redacted || said.author == written.author)
    }

    /// Who hid it, where the latest word is that.
    pub(crate) fn hidden(&self) -> Option<Hidden> {
        let (order, said) = self.rare.as_ref()?.hides.last_key_value().filter(|(_, said)| said.what.on)?;
        Some(Hidden { by: said.author, reason: said.what.reason.clone(), at: order.hlc.wall() })
    }

    /// Of a comment: its post.
    pub(crate) fn comment_on(&self) -> Option<EventId> {
        match &self.written.as_ref()?.1.what {
            Written::Comment { post, .. } => Some(*post),
            Written::Post(_) => None,
        }
    }

    /// What a post says now, and whether it was edited; `None` where nothing of it is shown.
    pub(crate) fn post(&self) -> Option<(&PostContent, bool)> {
        let (_, written) = self.written.as_ref()?;
        let Written::Post(Some(content)) = &written.what else { return None };
        if self.is_removed() {
            return None;
        }
        let mut edits = self.rare.iter().flat_map(|rare| rare.edits.values().rev());
        match edits.find(|said| said.author == written.author) {
            Some(edit) => Some((&edit.what, true)),
            None => Some((content, false)),
        }
    }

    /// Takes back what is beyond a cut, or a post that does not count. Whether anything was.
    pub(crate) fn take_back(
        &mut self,
        chains: &Chains,
        is_cut: impl Fn(ChainId, Seq, u64) -> bool,
        is_post_cut: impl Fn(ChainId, Seq, Hlc, u64) -> bool,
    ) -> bool {
        let before = self.len();
        let of = |order: &EventOrder| ChainId { device: order.device, incarnation: order.incarnation };
        let is_cut = |order: &EventOrder, version: u64| is_cut(of(order), order.seq, version);
        self.written = self.written.take().filter(|(order, said)| {
            let posts = matches!(said.what, Written::Post(_));
            let version = said.roster_version;
            !(is_cut(order, version) || posts && is_post_cut(of(order), order.seq, order.hlc, version))
        });
        if let Some(rare) = &mut self.rare {
            rare.edits.retain(|order, said| !is_cut(order, said.roster_version));
            rare.removals.retain(|order, said| !is_cut(order, said.roster_version));
            rare.hides.retain(|order, said| !is_cut(order, said.roster_version));
        }
        self.likes.take_back(chains, is_cut);
        before != self.len()
    }

    fn len(&self) -> usize {
        let rare = self.rare.as_ref().map_or(0, |rare| rare.edits.len() + rare.removals.len() + rare.hides.len());
        usize::from(self.written.is_some()) + rare + self.likes.said()
    }
}
