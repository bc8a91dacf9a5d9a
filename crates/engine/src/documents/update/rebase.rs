//! One's own changes made anew, beside what survives of what they were made beside.
//!
//! Live keystrokes show before their event is stored, and one writes beside them. Where that event never comes (its
//! author's machine died), nobody could place what builds on it. Then one's own changes are made again, under a client
//! id that nobody has seen: each beside the nearest neighbour that is in an event, in the block that it was in, which is
//! made again, empty, where it went too. What has no neighbour left at all goes into a paragraph at the beginning.
//!
//! # Invariants
//! 1. Every character of one's own is in the result, and nothing of what was lost but empty blocks. Test:
//!    `prop_own_text_survives_the_loss_of_its_neighbours`.
//! 2. The result builds on nothing but what is known. Test: the same.

use std::collections::BTreeMap;

use super::{Content, Id, Item, Kind, Parent, Struct, Update, kind};

/// Lost blocks within each other that are made again. Deeper ones count as gone without a trace.
const DEPTH_MAX: u32 = 64;

/// What y-prosemirror calls the two kinds of nodes (`yjs/src/structs/ContentType.js`).
const ELEMENT: u8 = 3;
const TEXT: u8 = 6;

struct Rebase<'a, K: Fn(u64) -> u32> {
    lost: &'a Update,
    known: K,
    client: u64,
    /// Structs that were made again: their client and clock, their length, and their new clock.
    made: BTreeMap<(u64, u32), (u32, u32)>,
    out: Vec<Struct>,
    next: u32,
    /// A paragraph for what has no place any more, and the text in it.
    refuge: Option<(Id, Id)>,
}

impl Update {
    /// These changes, made again under `client` for a document that has so many clocks of each client, and none of it.
    /// `lost` is what they may build on and the document will never have.
    pub(crate) fn rebased(&self, lost: &Self, client: u64, known: impl Fn(u64) -> u32) -> Self {
        let mut rebase = Rebase { lost, known, client, made: BTreeMap::new(), out: Vec::new(), next: 0, refuge: None };
        let mut waiting: Vec<(u64, &Struct)> =
            self.structs.iter().flat_map(|(client, structs)| structs.iter().map(|it| (*client, it))).collect();
        // Of two clients of one's own, each may build on the other.
        while !waiting.is_empty() {
            let before = waiting.len();
            waiting.retain(|(client, it)| {
                let builds_on = |id: Id| self.find(id).is_some() && rebase.made(id).is_none();
                let blocked = it.names().any(builds_on);
                if !blocked {
                    rebase.make_again(*client, it);
                }
                blocked
            });
            if waiting.len() == before {
                // No honest changes go round in a circle.
                for (client, it) in waiting.drain(..) {
                    rebase.make_again(client, it);
                }
            }
        }
        let mut result = Self::default();
        for (client, ranges) in &self.deleted {
            for (start, end) in &ranges.0 {
                rebase.delete(&mut result, *client, *start, *end);
            }
        }
        if !rebase.out.is_empty() {
            result.structs.insert(client, rebase.out);
        }
        result
    }
}

impl<K: Fn(u64) -> u32> Rebase<'_, K> {
    fn is_known(&self, id: Id) -> bool {
        id.clock < (self.known)(id.client)
    }

    /// What a struct that was made again is called now.
    fn made(&self, id: Id) -> Option<Id> {
        let ((client, start), (len, clock)) = self.made.range(..=(id.client, id.clock)).next_back()?;
        let within = *client == id.client && id.clock - start < *len;
        within.then(|| Id { client: self.client, clock: clock + (id.clock - start) })
    }

    /// The nearest neighbour on one side that is there.
    fn neighbour(&self, id: Option<Id>, side: fn(&Item) -> Option<Id>) -> Option<Id> {
        let mut id = id?;
        // Each step leads to another struct; a circle is as long as there are.
        for _ in 0..=self.lost.structs.values().map(Vec::len).sum::<usize>() {
            if self.is_known(id) {
                return Some(id);
            }
            if let Some(made) = self.made(id) {
                return Some(made);
            }
            let Kind::Item(item) = &self.lost.find(id)?.kind else { return None };
            id = side(item)?;
        }
        None
    }

    /// The parent and key of a struct whose neighbours are all lost, as the first of them says.
    fn home(&self, item: &Item) -> Option<(Parent, Option<String>)> {
        let mut item = item;
        for _ in 0..=self.lost.structs.values().map(Vec::len).sum::<usize>() {
            if let Some(parent) = &item.parent {
                return Some((parent.clone(), item.key.clone()));
            }
            let next = self.lost.find(item.origin.or(item.right_origin)?)?;
            let Kind::Item(next) = &next.kind else { return None };
            item = next;
        }
        None
    }

    fn make_again(&mut self, client: u64, it: &Struct) {
        let id = Id { client, clock: it.clock };
        match &it.kind {
            Kind::Gc => {
                self.push(id, it.len, Kind::Gc);
            }
            Kind::Item(item) => {
                let placed = self.place(item, item.content.clone(), DEPTH_MAX).unwrap_or_else(|| self.take_in(item));
                self.push(id, it.len, Kind::Item(Box::new(placed)));
            }
        }
    }

    fn push(&mut self, id: Id, len: u32, kind: Kind) -> Id {
        let new = Id { client: self.client, clock: self.next };
        self.out.push(Struct { clock: self.next, len, kind });
        self.made.insert((id.client, id.clock), (len, self.next));
        self.next += len;
        new
    }

    /// An item beside what survives; `None` where nothing of what it was in does.
    fn place(&mut self, item: &Item, content: Content, depth: u32) -> Option<Item> {
        let origin = self.neighbour(item.origin, |item| item.origin);
        let right_origin = self.neighbour(item.right_origin, |item| item.right_origin);
        let keyed = item.keyed;
        if origin.is_some() || right_origin.is_some() {
            return Some(Item { origin, right_origin, parent: None, keyed, key: None, content });
        }
        let (parent, key) = self.home(item)?;
        if keyed && key.is_none() {
            return None;
        }
        let parent = match parent {
            Parent::Root(name) => Parent::Root(name),
            Parent::Id(id) => Parent::Id(self.parent(id, depth)?),
        };
        Some(Item { origin, right_origin, parent: Some(parent), keyed, key, content })
    }

    /// What something lies in: as it is, or made again, empty.
    fn parent(&mut self, id: Id, depth: u32) -> Option<Id> {
        if self.is_known(id) {
            return Some(id);
        }
        if let Some(made) = self.made(id) {
            return Some(made);
        }
        let depth = depth.checked_sub(1)?;
        let lost = self.lost;
        let Kind::Item(item) = &lost.find(id)?.kind else { return None };
        let Content::Whole(kind::TYPE, _) = &item.content else { return None };
        if item.keyed {
            return None;
        }
        let placed = self.place(item, item.content.clone(), depth)?;
        let new = self.push(id, 1, Kind::Item(Box::new(placed)));
        // What kind of heading it was.
        let attributes = lost.structs.iter().flat_map(|(client, structs)| structs.iter().map(|it| (*client, it)));
        for (client, it) in attributes {
            let Kind::Item(attribute) = &it.kind else { continue };
            let of_it = attribute.parent == Some(Parent::Id(id)) && attribute.keyed;
            if of_it && matches!(attribute.content, Content::Whole(kind::ANY, _)) {
                let attribute = Item { parent: Some(Parent::Id(new)), ..(**attribute).clone() };
                self.push(Id { client, clock: it.clock }, it.len, Kind::Item(Box::new(attribute)));
            }
        }
        Some(new)
    }

    /// A place for what has none any more.
    fn take_in(&mut self, item: &Item) -> Item {
        let under = |parent: Parent, content: Content| Item {
            origin: None,
            right_origin: None,
            parent: Some(parent),
            keyed: false,
            key: None,
            content,
        };
        let root = || Parent::Root(super::super::document::CONTENT.to_owned());
        let content = match &item.content {
            // A value under a key of something that is gone says nothing.
            _ if item.keyed => return under(root(), Content::Deleted),
            content => content.clone(),
        };
        let is = |number: u8| matches!(&content, Content::Whole(kind::TYPE, bytes) if bytes.first() == Some(&number));
        if is(ELEMENT) {
            return under(root(), content);
        }
        let (paragraph, text) = match self.refuge {
            Some(refuge) => refuge,
            None => {
                let element = Content::Whole(kind::TYPE, [&[ELEMENT, 9][..], b"paragraph"].concat());
                let paragraph = self.push_new(under(root(), element));
                let text = self.push_new(under(Parent::Id(paragraph), Content::Whole(kind::TYPE, vec![TEXT])));
                self.refuge = Some((paragraph, text));
                (paragraph, text)
            }
        };
        under(Parent::Id(if is(TEXT) { paragraph } else { text }), content)
    }

    fn push_new(&mut self, item: Item) -> Id {
        let new = Id { client: self.client, clock: self.next };
        self.out.push(Struct { clock: self.next, len: 1, kind: Kind::Item(Box::new(item)) });
        self.next += 1;
        new
    }

    /// What was deleted of what is known or was made again.
    fn delete(&self, result: &mut Update, client: u64, start: u32, end: u32) {
        let known = (self.known)(client).clamp(start, end);
        result.deleted.entry(client).or_default().insert(start, known);
        for clock in known..end {
            if let Some(made) = self.made(Id { client, clock }) {
                result.deleted.entry(made.client).or_default().insert(made.clock, made.clock + 1);
            }
        }
        result.deleted.retain(|_, ranges| !ranges.0.is_empty());
    }
}
