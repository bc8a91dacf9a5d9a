//! What became of messages after they were written: edits, reactions, pins, deletions.
//!
//! Fed by `timeline` with every amendment that is stored, before or after its target; read when a message is shown. The
//! rules are AM1 to AM4 of `docs/protocol.md`. Everything that was said is kept, not what it came to: a cut takes single
//! amendments back, and what then counts is what others had said.
//!
//! # Invariants
//! 1. The same amendments in any order, with any of them cut, come to the same. Test: `prop_amendments_converge`.
//!
//! What an edit says lies on the disk, as what a message says does. Not here: who may amend (`replica` admits by role; whose
//! message it is, `timeline` knows), the disk.

use std::collections::BTreeMap;

use momoland_protocol::clock::UnixMillis;
use momoland_protocol::content::{Mentions, MessageContent, PinContent, ReactionContent};
use momoland_protocol::event::{Action, Event, EventOrder, EventPlace};
use momoland_protocol::id::{AccountId, ChainId, EventId, Seq};

use crate::projection::emoji;

/// What an amendment is about: where that stands, and which event it is.
pub(crate) type About = (EventPlace, EventId);

/// One amendment, as it was said.
#[derive(Debug, Clone)]
pub(crate) struct Amendment {
    pub(crate) about: About,
    pub(crate) order: EventOrder,
    pub(crate) author: AccountId,
    /// The roster version that it names.
    pub(crate) roster_version: u64,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Edit {
        /// Whether this person is meant by the new text.
        is_meant: bool,
    },
    Reaction {
        emoji: &'static str,
        on: bool,
    },
    Pin {
        on: bool,
    },
    /// By its author, or by a moderator.
    Deletion {
        own: bool,
    },
}

/// Something that was said of one message.
#[derive(Debug, Clone)]
struct Said<T> {
    author: AccountId,
    roster_version: u64,
    what: T,
}

/// What was said, in its order. Mostly one thing, so no tree.
#[derive(Debug)]
struct ByOrder<T>(Vec<(EventOrder, Said<T>)>);

impl<T> Default for ByOrder<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> ByOrder<T> {
    fn insert(&mut self, order: EventOrder, said: Said<T>) {
        // One event says one thing, however often it comes.
        if let Err(at) = self.0.binary_search_by_key(&order, |(order, _)| *order) {
            insert_tight(&mut self.0, at, (order, said));
        }
    }

    fn get(&self, order: &EventOrder) -> Option<&Said<T>> {
        let at = self.0.binary_search_by_key(order, |(order, _)| *order).ok()?;
        self.0.get(at).map(|(_, said)| said)
    }

    fn iter(&self) -> impl DoubleEndedIterator<Item = (&EventOrder, &Said<T>)> {
        self.0.iter().map(|(order, said)| (order, said))
    }

    fn values(&self) -> impl DoubleEndedIterator<Item = &Said<T>> {
        self.0.iter().map(|(_, said)| said)
    }

    fn retain(&mut self, is_wanted: impl Fn(&EventOrder, &Said<T>) -> bool) {
        self.0.retain(|(order, said)| is_wanted(order, said));
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// An emoji, and who reacts with it.
type Reacts = (&'static str, AccountId);

/// An edit, without its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Edited {
    /// Where it stands.
    pub(crate) at: EventOrder,
    pub(crate) is_meant: bool,
}

impl Edited {
    pub(crate) fn place(&self) -> EventPlace {
        self.at.place()
    }
}

/// All that was said of one message.
#[derive(Debug, Default)]
struct Amended {
    edits: ByOrder<bool>,
    /// By emoji and person, sorted.
    reactions: Vec<(Reacts, ByOrder<bool>)>,
    pins: ByOrder<bool>,
    /// Whether it was by the message's author.
    deletions: ByOrder<bool>,
}

/// The amendments of one conversation.
#[derive(Debug, Default)]
pub(crate) struct Amendments {
    of: BTreeMap<About, Amended>,
}

/// Who deleted a message, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deleted {
    pub(crate) at: UnixMillis,
    pub(crate) by: AccountId,
}

/// Grows by a quarter, not to the double: a conversation has thousands of these lists.
fn insert_tight<T>(list: &mut Vec<T>, at: usize, item: T) {
    if list.len() == list.capacity() {
        list.reserve_exact(1 + list.len() / 4);
    }
    list.insert(at, item);
}

impl Amendment {
    /// Whether it takes its message away: nothing of that is on any disk then, and there is nothing to wait for.
    pub(crate) fn is_deletion(&self) -> bool {
        matches!(self.what, What::Deletion { .. })
    }

    /// What an event says of another; `None` where it is no amendment, says nothing that can be shown, or its body is gone.
    pub(crate) fn of(event: &Event, author: AccountId, roster_version: u64, own: AccountId) -> Option<Self> {
        let header = event.header.get();
        let about = header.amended()?;
        let what = match header.action {
            Action::EDIT => {
                let MessageContent { text: _, sent_at: _, mentions: meant, call: _ } = event.content()?;
                What::Edit { is_meant: mentions(meant.as_ref(), own) }
            }
            Action::REACT => {
                let ReactionContent { emoji, on } = event.content()?;
                What::Reaction { emoji: emoji::canonical(&emoji)?, on }
            }
            Action::PIN => {
                let PinContent { on } = event.content()?;
                What::Pin { on }
            }
            Action::RETRACT => What::Deletion { own: true },
            Action::REDACT => What::Deletion { own: false },
            _ => return None,
        };
        Some(Self { about, order: header.order(), author, roster_version, what })
    }
}

impl Amendments {
    /// Notes an amendment, whether its target is held or not.
    pub(crate) fn insert(&mut self, amendment: Amendment) {
        let Amendment { about, order, author, roster_version, what } = amendment;
        let amended = self.of.entry(about).or_default();
        match what {
            // What is deleted is not looked at any more, whoever knew of it or not.
            What::Edit { .. } if amended.deletions.values().any(|said| !said.what || said.author == author) => {}
            What::Edit { is_meant } => {
                amended.edits.insert(order, Said { author, roster_version, what: is_meant });
            }
            What::Reaction { emoji, on } => {
                let at = amended.reactions.binary_search_by_key(&(emoji, author), |(reacts, _)| *reacts);
                let at = at.unwrap_or_else(|at| {
                    insert_tight(&mut amended.reactions, at, ((emoji, author), ByOrder::default()));
                    at
                });
                if let Some((_, said)) = amended.reactions.get_mut(at) {
                    said.insert(order, Said { author, roster_version, what: on });
                }
            }
            What::Pin { on } => {
                amended.pins.insert(order, Said { author, roster_version, what: on });
            }
            What::Deletion { own } => {
                // By its author, it concerns what that author wrote.
                amended.edits.retain(|_, said| own && said.author != author);
                amended.deletions.insert(order, Said { author, roster_version, what: own });
            }
        }
    }

    /// Takes back what is beyond a cut. Whether anything was.
    pub(crate) fn take_back(&mut self, is_cut: impl Fn(ChainId, Seq, u64) -> bool) -> bool {
        fn retain<T>(said: &mut ByOrder<T>, is_cut: &impl Fn(ChainId, Seq, u64) -> bool) -> bool {
            let before = said.len();
            said.retain(|order, said| !is_cut(order.chain(), order.seq, said.roster_version));
            before != said.len()
        }
        let mut any = false;
        for amended in self.of.values_mut() {
            any |= retain(&mut amended.edits, &is_cut);
            any |= retain(&mut amended.pins, &is_cut);
            any |= retain(&mut amended.deletions, &is_cut);
            for (_, said) in &mut amended.reactions {
                any |= retain(said, &is_cut);
            }
            amended.reactions.retain(|(_, said)| !said.is_empty());
        }
        self.of.retain(|_, amended| !amended.is_empty());
        any
    }

    /// Who deleted a message first, where anybody did.
    pub(crate) fn deleted(&self, about: &About, author: AccountId) -> Option<Deleted> {
        let mut said = self.of.get(about)?.deletions.iter();
        let (order, said) = said.find(|(_, said)| !said.what || said.author == author)?;
        Some(Deleted { at: order.hlc.wall(), by: said.author })
    }

    /// The last edit of a message by its author.
    pub(crate) fn edit(&self, about: &About, author: AccountId) -> Option<Edited> {
        let mut edits = self.of.get(about)?.edits.iter().rev();
        let (order, said) = edits.find(|(_, said)| said.author == author)?;
        Some(Edited { at: *order, is_meant: said.what })
    }

    /// Where the edits of a message stand that are held.
    pub(crate) fn edits(&self, about: &About) -> impl Iterator<Item = EventPlace> {
        let edits = self.of.get(about).into_iter().flat_map(|amended| amended.edits.iter());
        edits.map(|(order, _)| order.place())
    }

    /// Emojis by when the first who still means it reacted, and for each the people, in the order in which they did.
    pub(crate) fn reactions(&self, about: &About) -> Vec<(&'static str, Vec<AccountId>)> {
        let reactions = self.of.get(about).map(|amended| &amended.reactions);
        let mut by_emoji: BTreeMap<&'static str, Vec<(EventOrder, AccountId)>> = BTreeMap::new();
        for ((emoji, account), said) in reactions.into_iter().flatten() {
            if let Some(since) = on_since(said) {
                by_emoji.entry(emoji).or_default().push((since, *account));
            }
        }
        let mut reactions: Vec<_> = by_emoji.into_iter().collect();
        reactions.iter_mut().for_each(|(_, people)| people.sort());
        reactions.sort_by_key(|(_, people)| people.first().copied());
        let accounts = |people: Vec<(EventOrder, AccountId)>| people.into_iter().map(|(_, account)| account).collect();
        reactions.into_iter().map(|(emoji, people)| (emoji, accounts(people))).collect()
    }

    /// Whether an account's reaction with an emoji stands.
    pub(crate) fn reacts(&self, about: &About, account: AccountId, emoji: &'static str) -> bool {
        let Some(amended) = self.of.get(about) else { return false };
        let mut reactions = amended.reactions.iter();
        reactions.any(|(reacts, said)| *reacts == (emoji, account) && on_since(said).is_some())
    }

    /// Since when a message is pinned.
    pub(crate) fn pinned_since(&self, about: &About) -> Option<EventOrder> {
        on_since(&self.of.get(about)?.pins)
    }

    /// Since when a message is pinned, and who did it.
    pub(crate) fn pinned_by(&self, about: &About) -> Option<(EventOrder, AccountId)> {
        let pins = &self.of.get(about)?.pins;
        let since = on_since(pins)?;
        Some((since, pins.get(&since)?.author))
    }

    /// Messages that are pinned, held or not, with when they were.
    pub(crate) fn pins(&self) -> impl Iterator<Item = (EventOrder, EventId)> + '_ {
        self.of.iter().filter_map(|((_, id), amended)| Some((on_since(&amended.pins)?, *id)))
    }

    /// Where an account's own amendments stand.
    pub(crate) fn written_by(&self, account: AccountId) -> impl Iterator<Item = EventOrder> + '_ {
        fn orders<T>(said: &ByOrder<T>, account: AccountId) -> impl Iterator<Item = EventOrder> + '_ {
            said.iter().filter(move |(_, said)| said.author == account).map(|(order, _)| *order)
        }
        self.of.values().flat_map(move |amended| {
            let reactions = amended.reactions.iter().flat_map(move |(_, said)| orders(said, account));
            orders(&amended.edits, account)
                .chain(orders(&amended.pins, account))
                .chain(orders(&amended.deletions, account))
                .chain(reactions)
        })
    }
}

impl Amended {
    fn is_empty(&self) -> bool {
        let Self { edits, reactions, pins, deletions } = self;
        edits.is_empty() && reactions.is_empty() && pins.is_empty() && deletions.is_empty()
    }
}

/// When what is on now was set: to say again what holds changes nothing.
fn on_since(said: &ByOrder<bool>) -> Option<EventOrder> {
    let mut on = said.iter().rev().take_while(|(_, said)| said.what);
    on.by_ref().last().map(|(order, _)| *order)
}

/// Whether somebody is meant: by name, or as everybody.
pub(crate) fn mentions(mentions: Option<&Mentions>, account: AccountId) -> bool {
    mentions.is_some_and(|mentions| mentions.room || mentions.accounts.binary_search(&account).is_ok())
}
