//! Everything that events say about one post or comment, kept apart by event so that a cut can take each back.

use std::collections::BTreeMap;

use momoland_protocol::event::EventOrder;
use momoland_protocol::feed::{CommentContent, PostContent};
use momoland_protocol::id::{AccountId, ChainId, EventId, Seq};

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

/// All about one event, which itself may not be here yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Item {
    pub(crate) written: Option<(EventOrder, Said<Written>)>,
    edits: BTreeMap<EventOrder, Said<PostContent>>,
    removals: BTreeMap<EventOrder, Said<Removal>>,
    likes: BTreeMap<AccountId, BTreeMap<EventOrder, Said<bool>>>,
    /// Of a post: its comments, in the order of display.
    pub(crate) comments: BTreeMap<EventOrder, EventId>,
}

impl Item {
    pub(crate) fn edit(&mut self, order: EventOrder, said: Said<PostContent>) {
        self.edits.insert(order, said);
    }

    pub(crate) fn remove(&mut self, order: EventOrder, said: Said<Removal>) {
        self.removals.insert(order, said);
    }

    pub(crate) fn like(&mut self, order: EventOrder, said: Said<bool>) {
        self.likes.entry(said.author).or_default().insert(order, said);
    }

    /// Of each person the latest word counts.
    pub(crate) fn is_liked_by(&self, account: AccountId) -> bool {
        let latest = self.likes.get(&account).and_then(BTreeMap::last_key_value);
        latest.is_some_and(|(_, said)| said.what)
    }

    pub(crate) fn likes_count(&self) -> u32 {
        let on = self.likes.values().filter_map(BTreeMap::last_key_value).filter(|(_, said)| said.what);
        u32::try_from(on.count()).unwrap_or(u32::MAX)
    }

    /// Whether its author or a moderator took it back.
    pub(crate) fn is_removed(&self) -> bool {
        let Some((_, written)) = &self.written else { return false };
        let mut removals = self.removals.values();
        removals.any(|said| said.what == Removal::Redacted || said.author == written.author)
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
        let mut edits = self.edits.values().rev();
        match edits.find(|said| said.author == written.author) {
            Some(edit) => Some((&edit.what, true)),
            None => Some((content, false)),
        }
    }

    /// Takes back what is beyond a cut. Whether anything was.
    pub(crate) fn take_back(&mut self, is_cut: impl Fn(ChainId, Seq, u64) -> bool) -> bool {
        let before = self.len();
        let is_cut = |order: &EventOrder, version: u64| {
            is_cut(ChainId { device: order.device, incarnation: order.incarnation }, order.seq, version)
        };
        self.written = self.written.take().filter(|(order, said)| !is_cut(order, said.roster_version));
        self.edits.retain(|order, said| !is_cut(order, said.roster_version));
        self.removals.retain(|order, said| !is_cut(order, said.roster_version));
        for all in self.likes.values_mut() {
            all.retain(|order, said| !is_cut(order, said.roster_version));
        }
        self.likes.retain(|_, all| !all.is_empty());
        before != self.len()
    }

    fn len(&self) -> usize {
        let likes: usize = self.likes.values().map(BTreeMap::len).sum();
        usize::from(self.written.is_some()) + self.edits.len() + self.removals.len() + likes
    }
}
