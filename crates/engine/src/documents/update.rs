//! Yjs updates of version 1, taken apart and put together again (the format is `yjs/src/utils/encoding.js` of yjs 13).
//!
//! `document` checks by them what others sent before a `yrs` document sees it, gathers keystrokes into the update of one
//! event, and cuts what is longer than a body.
//!
//! # Invariants
//! 1. Decoding is total: any bytes give an update or an [`UpdateError`], within memory of a small multiple of their
//!    length. Test: `prop_any_bytes_are_an_update_or_an_error`.
//! 2. What is decoded encodes to an update with the same effect on any document. Test:
//!    `prop_what_is_taken_apart_has_the_same_effect`.
//! 3. Gathering is linear in what is gathered, and parts together have the effect of the whole; no character is cut in
//!    two. Test: `prop_parts_have_the_effect_of_the_whole`.
//!
//! Not here: what an update means (`yrs`), who may write what (`document`).

mod codec;
mod rebase;

use std::collections::{BTreeMap, BTreeSet};

use self::codec::kind;

/// The highest clock that is taken. Yjs counts in doubles and yrs in 32 bits; a client of an honest device stays far below.
const CLOCK_MAX: u64 = 0x7fff_ffff;

/// Bytes of a part that are left for its two counts.
const PART_OVERHEAD: usize = 32;

/// The most that stands before a piece in a part: a client id, a count, a start, a length.
const PER_PIECE: usize = 24;

/// So much text is left out where it is part of a struct: the two that are made of it then take as many bytes.
const FORGOTTEN_UNITS_MIN: u32 = 2 * PER_PIECE as u32;

/// A client id of 53 bits and a clock of 31.
const ID_BYTES_MAX: usize = 13;

/// Why bytes are no update that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UpdateError {
    /// They end too early, go on too long, or say what the format has no room for.
    #[error("it is no Yjs update of version 1")]
    Malformed,
    /// A number is beyond what is taken.
    #[error("a number in it is out of bounds")]
    OutOfBounds,
    /// One thing in it that cannot be cut, such as an embedded picture, is longer than an event may be.
    #[error("one piece of it is {bytes} bytes, and {limit} are the most")]
    TooLarge {
        /// Its length,
        bytes: usize,
        /// and what would fit.
        limit: usize,
    },
}

/// What a struct is called: the client that made it, and its place among that client's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id {
    pub(crate) client: u64,
    pub(crate) clock: u32,
}

/// An update: structs by client and clock, and what is deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Update {
    structs: BTreeMap<u64, Vec<Struct>>,
    deleted: BTreeMap<u64, Ranges>,
}

/// Clocks, as ranges that neither touch nor overlap: start to end, the end not in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ranges(BTreeMap<u32, u32>);

/// What structs are called, whatever they are.
#[derive(Debug, Default)]
pub(crate) struct Ids(BTreeMap<u64, Ranges>);

impl Ids {
    pub(crate) fn take(&mut self, update: &Update) {
        for (client, structs) in &update.structs {
            let ranges = self.0.entry(*client).or_default();
            structs.iter().for_each(|it| ranges.insert(it.clock, it.end()));
        }
    }

    fn holds(&self, id: Id) -> bool {
        self.0
            .get(&id.client)
            .is_some_and(|ranges| ranges.within(id.clock, id.clock.saturating_add(1)).next().is_some())
    }
}

/// Where a struct lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lies {
    pub(super) id: Id,
    pub(super) len: u32,
    pub(super) within: Within,
    /// Whether others can lie in it.
    pub(super) holds: bool,
}

/// In what a struct lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Within {
    /// In a root.
    Root,
    /// In this one.
    Parent(Id),
    /// In what this one lies in.
    Beside(Id),
    /// It was forgotten where.
    Nothing,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Struct {
    clock: u32,
    /// Clocks that it takes; never zero.
    len: u32,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// What its author has forgotten.
    Gc,
    Item(Box<Item>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Item {
    origin: Option<Id>,
    right_origin: Option<Id>,
    /// Said where neither origin is.
    parent: Option<Parent>,
    /// Whether it is a value under a key; the key is said with the parent.
    keyed: bool,
    key: Option<String>,
    content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Parent {
    Root(String),
    Id(Id),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    Deleted,
    Text(String),
    /// A kind that is never cut: its number, and its bytes as they were.
    Whole(u8, Vec<u8>),
}

impl Update {
    pub(crate) fn is_empty(&self) -> bool {
        self.structs.is_empty() && self.deleted.is_empty()
    }

    /// The clients that made its structs.
    pub(crate) fn clients(&self) -> impl Iterator<Item = u64> + '_ {
        self.structs.keys().copied()
    }

    /// About how many bytes say it.
    pub(crate) fn size(&self) -> usize {
        let structs = self.structs.values().flatten().map(Struct::size).sum::<usize>();
        let ranges = self.deleted.values().map(|ranges| ranges.0.len() * 8).sum::<usize>();
        structs + ranges
    }

    /// Where each struct lies, as far as it says; in the order of clients and clocks.
    pub(super) fn lies(&self) -> impl Iterator<Item = Lies> + '_ {
        self.structs.iter().flat_map(|(client, structs)| structs.iter().map(|it| it.lies(*client)))
    }

    /// Adds what came later. Where the two overlap, what was there first stays.
    pub(crate) fn absorb(&mut self, later: Self) {
        for (client, structs) in later.structs {
            let held = self.structs.entry(client).or_default();
            for it in structs {
                let end = held.last().map_or(0, Struct::end);
                let Some(it) = it.from(client, end) else { continue };
                match held.last_mut() {
                    Some(last) if last.continues_with(client, &it) => last.extend(it),
                    Some(_) | None => held.push(it),
                }
            }
        }
        for (client, ranges) in later.deleted {
            let held = self.deleted.entry(client).or_default();
            for (start, end) in ranges.0 {
                held.insert(start, end);
            }
        }
    }

    /// Leaves out the structs that a document with this many clocks of each client has already.
    pub(crate) fn trim(&mut self, known: impl Fn(u64) -> u32) {
        for (client, structs) in &mut self.structs {
            let known = known(*client);
            *structs = std::mem::take(structs).into_iter().filter_map(|it| it.from(*client, known)).collect();
        }
        self.structs.retain(|_, structs| !structs.is_empty());
    }

    /// Whether a document with this many clocks of each client can take all of it at once: everything that it builds on
    /// is there, or in it.
    pub(crate) fn fits(&self, known: impl Fn(u64) -> u32) -> bool {
        let there = |client: u64, clock: u32| clock < known(client).max(self.end(client));
        let whole = self.structs.iter().all(|(client, structs)| {
            let starts = structs.first().is_none_or(|first| first.clock <= known(*client));
            starts && structs.windows(2).all(|pair| pair[0].end() == pair[1].clock)
        });
        let named = |it: &Struct| it.names().all(|id| there(id.client, id.clock));
        let deletes = |(client, ranges): (&u64, &Ranges)| {
            ranges.0.last_key_value().is_none_or(|(_, end)| *end <= known(*client).max(self.end(*client)))
        };
        whole && self.structs.values().flatten().all(named) && self.deleted.iter().all(deletes)
    }

    fn end(&self, client: u64) -> u32 {
        self.structs.get(&client).and_then(|structs| structs.last()).map_or(0, Struct::end)
    }

    /// Whether both say of some clock that is in both what it is, and not the same. Text that either says is deleted is no
    /// contradiction to text.
    pub(crate) fn contradicts(&self, other: &Self) -> bool {
        let both = self.structs.iter().filter_map(|(client, ours)| Some((*client, ours, other.structs.get(client)?)));
        let mut differ = both.map(|(client, ours, theirs)| {
            let from = ours.first().map_or(0, |it| it.clock).max(theirs.first().map_or(0, |it| it.clock));
            let end = |structs: &[Struct]| structs.last().map_or(0, Struct::end);
            let to = end(ours).min(end(theirs));
            let mut gone = other.deleted.get(&client).cloned().unwrap_or_default();
            for it in ours.iter().chain(theirs).filter(|it| it.is_forgotten()) {
                gone.insert(it.clock, it.end());
            }
            let gone = BTreeMap::from([(client, gone)]);
            let common = |structs: &[Struct]| {
                let mut common = Self::default();
                let within = structs.iter().cloned().filter_map(|it| it.from(client, from)?.until(to));
                common.absorb(Self { structs: BTreeMap::from([(client, within.collect())]), ..Self::default() });
                common.without_text_of(&gone, 1).structs
            };
            from < to && common(ours) != common(theirs)
        });
        differ.any(|differ| differ)
    }

    /// The same without the text that it deletes itself, where that makes it shorter: whoever takes it in would see that
    /// for no moment.
    pub(crate) fn without_deleted_text(self) -> Self {
        let deleted = self.deleted.clone();
        self.without_text_of(&deleted, FORGOTTEN_UNITS_MIN)
    }

    /// Without the text at these clocks, where so many follow each other, or are all of a struct.
    fn without_text_of(mut self, gone: &BTreeMap<u64, Ranges>, least: u32) -> Self {
        for (client, structs) in &mut self.structs {
            let Some(gone) = gone.get(client) else { continue };
            let mut left = Self::default();
            let pieces =
                std::mem::take(structs).into_iter().flat_map(|it| it.without_text_of(*client, gone, least)).collect();
            left.absorb(Self { structs: BTreeMap::from([(*client, pieces)]), ..Self::default() });
            *structs = left.structs.remove(client).unwrap_or_default();
        }
        self
    }

    /// What is left of it where it does not count and others build on it: places without text, blocks without attributes,
    /// and no deletions.
    pub(crate) fn outline(&self) -> Self {
        let structs = self.structs.iter().map(|(client, structs)| {
            let mut outline = Self::default();
            let bare = structs.iter().cloned().map(Struct::bare).collect();
            outline.absorb(Self { structs: BTreeMap::from([(*client, bare)]), ..Self::default() });
            (*client, outline.structs.remove(client).unwrap_or_default())
        });
        Self { structs: structs.collect(), deleted: BTreeMap::new() }
    }

    /// Whether it builds on any of these structs: names one, or follows one of the same client.
    pub(crate) fn builds_on(&self, other: &Self) -> bool {
        let follows = self.structs.iter().any(|(client, structs)| {
            let before = structs.first().and_then(|first| first.clock.checked_sub(1));
            before.is_some_and(|clock| other.holds(Id { client: *client, clock }))
        });
        follows || self.structs.values().flatten().any(|it| it.names().any(|id| other.holds(id)))
    }

    /// The same of any of these.
    pub(crate) fn builds_on_ids(&self, ids: &Ids) -> bool {
        let follows = self.structs.iter().any(|(client, structs)| {
            let before = structs.first().and_then(|first| first.clock.checked_sub(1));
            before.is_some_and(|clock| ids.holds(Id { client: *client, clock }))
        });
        follows || self.structs.values().flatten().any(|it| it.names().any(|id| ids.holds(id)))
    }

    /// What one client wrote into an empty document, as if it had written it into another one: between `left` and `right`
    /// there, after having written `by` clocks. Where there is neither, roots of both have one name.
    pub(crate) fn grafted(mut self, by: u32, left: Option<Id>, right: Option<Id>) -> Self {
        let mut at_top = BTreeSet::new();
        for it in self.structs.values_mut().flatten() {
            let own = it.clock;
            it.clock += by;
            let Kind::Item(item) = &mut it.kind else { continue };
            let in_root = matches!(item.parent, Some(Parent::Root(_)));
            let beside = item.right_origin.is_some_and(|right| at_top.contains(&right.clock));
            let begins = item.origin.is_none() && (in_root || beside);
            let parent = match &mut item.parent {
                Some(Parent::Id(id)) => Some(id),
                Some(Parent::Root(_)) | None => None,
            };
            for id in [item.origin.as_mut(), item.right_origin.as_mut(), parent].into_iter().flatten() {
                id.clock += by;
            }
            if begins {
                at_top.insert(own);
                item.origin = left;
                item.right_origin = item.right_origin.or(right);
                if item.origin.is_some() || item.right_origin.is_some() {
                    item.parent = None;
                }
            }
        }
        for ranges in self.deleted.values_mut() {
            let moved = std::mem::take(&mut ranges.0).into_iter().map(|(from, to)| (from + by, to + by));
            ranges.0 = moved.collect();
        }
        self
    }

    /// Deletes what is called so, and nothing else.
    pub(crate) fn deleting(ids: impl IntoIterator<Item = Id>) -> Self {
        let mut update = Self::default();
        for Id { client, clock } in ids {
            update.deleted.entry(client).or_default().insert(clock, clock.saturating_add(1));
        }
        update
    }

    /// Whether it deletes what is called so.
    pub(crate) fn deletes(&self, id: Id) -> bool {
        let range = self.deleted.get(&id.client).and_then(|ranges| ranges.0.range(..=id.clock).next_back());
        range.is_some_and(|(_, end)| id.clock < *end)
    }

    /// The characters of its text that are called so.
    pub(crate) fn text_of(&self, which: impl Fn(Id) -> bool) -> String {
        let mut text = String::new();
        for (client, structs) in &self.structs {
            for it in structs {
                let Kind::Item(item) = &it.kind else { continue };
                let Content::Text(content) = &item.content else { continue };
                let mut clock = it.clock;
                for c in content.chars() {
                    if which(Id { client: *client, clock }) {
                        text.push(c);
                    }
                    clock += c.len_utf16() as u32;
                }
            }
        }
        text
    }

    /// The struct that a clock is in.
    fn find(&self, id: Id) -> Option<&Struct> {
        let structs = self.structs.get(&id.client)?;
        let place = structs.partition_point(|it| it.clock <= id.clock).checked_sub(1)?;
        structs.get(place).filter(|it| id.clock < it.end())
    }

    fn holds(&self, id: Id) -> bool {
        self.find(id).is_some()
    }

    /// Cuts it into updates that are at most `limit` bytes each, in the order in which they build on each other.
    ///
    /// # Errors
    /// [`UpdateError::TooLarge`] where one piece cannot be cut.
    pub(crate) fn into_parts(self, limit: usize) -> Result<Vec<Vec<u8>>, UpdateError> {
        let room = limit.saturating_sub(PART_OVERHEAD);
        let (mut parts, mut part, mut bytes) = (Vec::new(), Self::default(), 0);
        for (client, structs) in self.structs {
            for it in structs {
                let mut rest = Some(it);
                while let Some(mut it) = rest.take() {
                    let left = room.saturating_sub(bytes + PER_PIECE);
                    if it.size() > left {
                        rest = it.cut_to(client, left);
                        if rest.is_none() && bytes == 0 {
                            return Err(UpdateError::TooLarge { bytes: it.size(), limit: room });
                        }
                        if rest.is_none() {
                            parts.push(std::mem::take(&mut part).encode());
                            bytes = 0;
                            rest = Some(it);
                            continue;
                        }
                    }
                    bytes += it.size() + PER_PIECE;
                    part.structs.entry(client).or_default().push(it);
                }
            }
        }
        for (client, ranges) in self.deleted {
            for (start, end) in ranges.0 {
                if bytes + PER_PIECE > room {
                    parts.push(std::mem::take(&mut part).encode());
                    bytes = 0;
                }
                bytes += PER_PIECE;
                part.deleted.entry(client).or_default().insert(start, end);
            }
        }
        if !part.is_empty() {
            parts.push(part.encode());
        }
        Ok(parts)
    }
}

impl Ranges {
    /// Adds the clocks from `start` up to and without `end`.
    fn insert(&mut self, start: u32, end: u32) {
        if start >= end {
            return;
        }
        let (mut start, mut end) = (start, end);
        // Those that touch or overlap it, from the last that begins before its end backwards.
        while let Some((from, to)) = self.0.range(..=end).next_back().map(|(from, to)| (*from, *to)) {
            if to < start {
                break;
            }
            self.0.remove(&from);
            start = start.min(from);
            end = end.max(to);
        }
        self.0.insert(start, end);
    }

    /// Those that overlap with the clocks from `start` up to and without `end`, in order.
    fn within(&self, start: u32, end: u32) -> impl Iterator<Item = (u32, u32)> + '_ {
        let first = self.0.range(..=start).next_back().map_or(start, |(first, _)| *first);
        self.0.range(first..end).map(|(from, to)| (*from, *to)).filter(move |(_, to)| *to > start)
    }
}

impl Struct {
    fn is_forgotten(&self) -> bool {
        matches!(&self.kind, Kind::Item(item) if item.content == Content::Deleted)
    }

    /// Itself in pieces, of which those that are text of these clocks have none.
    fn without_text_of(self, client: u64, gone: &Ranges, least: u32) -> Vec<Self> {
        let is_text = matches!(&self.kind, Kind::Item(item) if matches!(item.content, Content::Text(_)));
        let all = gone.within(self.clock, self.end()).map(|(from, to)| (from.max(self.clock), to.min(self.end())));
        let gone: Vec<(u32, u32)> = all.filter(|(from, to)| to - from >= least.min(self.len)).collect();
        if !is_text || gone.is_empty() {
            return vec![self];
        }
        let piece = |from: u32, to: u32| self.clone().from(client, from)?.until(to);
        let mut pieces = Vec::new();
        let mut next = self.clock;
        for (from, to) in gone {
            let kept = if next < from { piece(next, from).map(Some) } else { Some(None) };
            // Half a character cannot be cut off.
            let (Some(kept), Some(forgotten)) = (kept, piece(from, to)) else { return vec![self] };
            pieces.extend(kept);
            pieces.push(forgotten.bare());
            next = to;
        }
        if next < self.end() {
            let Some(rest) = piece(next, self.end()) else { return vec![self] };
            pieces.push(rest);
        }
        pieces
    }

    fn end(&self) -> u32 {
        // Bounded by `CLOCK_MAX` when it was read.
        self.clock + self.len
    }

    /// The structs that it builds on.
    fn names(&self) -> impl Iterator<Item = Id> {
        let item = match &self.kind {
            Kind::Gc => None,
            Kind::Item(item) => Some(item),
        };
        let parent = item.and_then(|item| match &item.parent {
            Some(Parent::Id(id)) => Some(*id),
            Some(Parent::Root(_)) | None => None,
        });
        let (origin, right) = item.map_or((None, None), |item| (item.origin, item.right_origin));
        [origin, right, parent].into_iter().flatten()
    }

    fn lies(&self, client: u64) -> Lies {
        let (within, holds) = match &self.kind {
            Kind::Gc => (Within::Nothing, false),
            Kind::Item(item) => {
                let within = match (item.origin.or(item.right_origin), &item.parent) {
                    (Some(id), _) => Within::Beside(id),
                    (None, Some(Parent::Id(id))) => Within::Parent(*id),
                    (None, Some(Parent::Root(_)) | None) => Within::Root,
                };
                (within, matches!(item.content, Content::Whole(kind::TYPE, _)))
            }
        };
        Lies { id: Id { client, clock: self.clock }, len: self.len, within, holds }
    }

    /// What of it is from a clock on.
    fn from(mut self, client: u64, clock: u32) -> Option<Self> {
        if clock <= self.clock {
            return Some(self);
        }
        if self.end() <= clock {
            return None;
        }
        let skipped = clock - self.clock;
        self.kind = match self.kind {
            Kind::Gc => Kind::Gc,
            Kind::Item(item) => Kind::Item(Box::new(item.after(skipped, Id { client, clock: clock - 1 })?)),
        };
        (self.clock, self.len) = (clock, self.len - skipped);
        Some(self)
    }

    fn bare(mut self) -> Self {
        let Kind::Item(item) = &mut self.kind else { return self };
        match &item.content {
            // A value under a key would stand in the way of the one before.
            _ if item.keyed => self.kind = Kind::Gc,
            Content::Whole(kind::TYPE, _) | Content::Deleted => {}
            Content::Text(_) | Content::Whole(..) => item.content = Content::Deleted,
        }
        self
    }

    /// What of it is before a clock.
    fn until(mut self, clock: u32) -> Option<Self> {
        if self.end() <= clock {
            return Some(self);
        }
        let len = clock.checked_sub(self.clock).filter(|len| *len > 0)?;
        if let Kind::Item(item) = &mut self.kind {
            match &mut item.content {
                Content::Deleted => {}
                Content::Text(text) => text.truncate(offset_of(text, len)?),
                Content::Whole(..) => return None,
            }
        }
        self.len = len;
        Some(self)
    }

    fn continues_with(&self, client: u64, next: &Self) -> bool {
        if self.end() != next.clock {
            return false;
        }
        match (&self.kind, &next.kind) {
            (Kind::Gc, Kind::Gc) => true,
            (Kind::Item(item), Kind::Item(next)) => {
                let last = Id { client, clock: self.end() - 1 };
                let alike = match (&item.content, &next.content) {
                    (Content::Deleted, Content::Deleted) => true,
                    (Content::Text(_), Content::Text(_)) => true,
                    (Content::Deleted | Content::Text(_) | Content::Whole(..), _) => false,
                };
                alike && next.origin == Some(last) && next.right_origin == item.right_origin
            }
            (Kind::Gc | Kind::Item(_), _) => false,
        }
    }

    fn extend(&mut self, next: Self) {
        self.len += next.len;
        if let (Kind::Item(item), Kind::Item(next)) = (&mut self.kind, next.kind)
            && let (Content::Text(text), Content::Text(more)) = (&mut item.content, next.content)
        {
            text.push_str(&more);
        }
    }

    /// About how many bytes say it; never fewer than it takes.
    fn size(&self) -> usize {
        match &self.kind {
            Kind::Gc => 8,
            Kind::Item(item) => {
                let ids = [item.origin, item.right_origin].iter().flatten().count() * ID_BYTES_MAX;
                let parent = match &item.parent {
                    Some(Parent::Root(name)) => name.len() + 8,
                    Some(Parent::Id(_)) => ID_BYTES_MAX + 1,
                    None => 0,
                };
                let content = match &item.content {
                    Content::Deleted => 0,
                    Content::Text(text) => text.len(),
                    Content::Whole(_, bytes) => bytes.len(),
                };
                ids + parent + item.key.as_ref().map_or(0, |key| key.len() + 8) + content + 8
            }
        }
    }

    /// Shortens it to a number of bytes, and gives the rest. `None` where it cannot be cut so; then it is as it was.
    fn cut_to(&mut self, client: u64, bytes: usize) -> Option<Self> {
        let beside = {
            let Kind::Item(item) = &self.kind else { return None };
            let Content::Text(text) = &item.content else { return None };
            self.size() - text.len()
        };
        let Kind::Item(item) = &mut self.kind else { return None };
        let Content::Text(text) = &mut item.content else { return None };
        let at = text.floor_char_boundary(bytes.checked_sub(beside)?);
        if at == 0 {
            return None;
        }
        let rest = text.split_off(at);
        let len = units(text);
        let rest = Self {
            clock: self.clock + len,
            len: self.len - len,
            kind: Kind::Item(Box::new(Item {
                origin: Some(Id { client, clock: self.clock + len - 1 }),
                right_origin: item.right_origin,
                parent: None,
                keyed: item.keyed,
                key: None,
                content: Content::Text(rest),
            })),
        };
        self.len = len;
        Some(rest)
    }
}

impl Item {
    /// What is left of it after so many clocks; `None` where it cannot be cut there.
    fn after(self, skipped: u32, origin: Id) -> Option<Self> {
        let content = match self.content {
            Content::Deleted => Content::Deleted,
            Content::Text(text) => Content::Text(text.get(offset_of(&text, skipped)?..)?.to_owned()),
            Content::Whole(..) => return None,
        };
        // What is cut off stands behind what it is cut off from.
        Some(Self { origin: Some(origin), parent: None, key: None, content, ..self })
    }
}

/// UTF-16 code units, in which Yjs counts.
pub(crate) fn units(text: &str) -> u32 {
    text.chars().map(|c| c.len_utf16() as u32).sum()
}

/// Where in the bytes a number of UTF-16 code units is over; `None` in the middle of a character, or behind the end.
pub(crate) fn offset_of(text: &str, units: u32) -> Option<usize> {
    let mut left = units as usize;
    for (at, c) in text.char_indices() {
        if left == 0 {
            return Some(at);
        }
        left = left.checked_sub(c.len_utf16())?;
    }
    (left == 0).then_some(text.len())
}

#[cfg(test)]
mod tests;
