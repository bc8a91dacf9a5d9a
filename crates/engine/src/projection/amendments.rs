//! What became of messages after they were written: edits, reactions, pins, deletions.
//!
//! Fed by `timeline` with every amendment that is stored, before or after its target; read when a message is shown. The
//! rules are AM1 to AM4 of `docs/protocol.md`. Everything that was said is kept, not what it came to: a cut takes single
//! amendments back, and what then counts is what others had said.
//!
//! # Invariants
//! 1. The same amendments in any order, with any of them cut, come to the same. Test: `prop_amendments_converge`.
//! 2. Of a message that was deleted no text is held, neither its own nor that of an edit: C36.
//!    Test: `a_deleted_message_leaves_no_text`.
//!
//! Not here: who may amend (`replica` admits by role; whose message it is, `timeline` knows), the disk.

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
    Edit(MessageContent),
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

type ByOrder<T> = BTreeMap<EventOrder, Said<T>>;

/// All that was said of one message.
#[derive(Debug, Default)]
struct Amended {
    edits: ByOrder<MessageContent>,
    reactions: BTreeMap<(&'static str, AccountId), ByOrder<bool>>,
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

impl Amendment {
    /// What an event says of another; `None` where it is no amendment, says nothing that can be shown, or its body is gone.
    pub(crate) fn of(event: &Event, author: AccountId, roster_version: u64) -> Option<Self> {
        let header = event.header.get();
        let about = header.amended()?;
        let what = match header.action {
            Action::EDIT => What::Edit(event.content()?),
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
            // What is deleted keeps no text, whoever knew of it or not.
            What::Edit(_) if amended.deletions.values().any(|said| !said.what || said.author == author) => {}
            What::Edit(what) => {
                amended.edits.insert(order, Said { author, roster_version, what });
            }
            What::Reaction { emoji, on } => {
                let said = amended.reactions.entry((emoji, author)).or_default();
                said.insert(order, Said { author, roster_version, what: on });
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
            for said in amended.reactions.values_mut() {
                any |= retain(said, &is_cut);
            }
            amended.reactions.retain(|_, said| !said.is_empty());
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
    pub(crate) fn edit(&self, about: &About, author: AccountId) -> Option<&MessageContent> {
        let edits = &self.of.get(about)?.edits;
        edits.values().rev().find(|said| said.author == author).map(|said| &said.what)
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
        let said = self.of.get(about).and_then(|amended| amended.reactions.get(&(emoji, account)));
        said.and_then(on_since).is_some()
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
            let reactions = amended.reactions.values().flat_map(move |said| orders(said, account));
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
