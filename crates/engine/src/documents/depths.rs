//! How deep everything in a document lies: what would lie too deep, or in nothing, is not taken.
//!
//! `yrs` lets go of what lies within each other by calling itself, so whoever may write could end everybody's process with
//! some thousand blocks in each other. Editors nest a dozen.
//!
//! # Invariants
//! 1. What is taken lies at most [`DEPTH_MAX`] deep. Test: `what_lies_too_deep_is_refused`.
//! 2. What is refused leaves no trace. Test: the same.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};

use super::update::{Id, Lies, Update, Within};

/// Blocks within each other, at most; text and formatting in them included.
const DEPTH_MAX: u16 = 100;

/// How deep each struct lies, and whether others can lie in it: runs of clocks that are alike are one entry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub(super) struct Depths(#[n(0)] BTreeMap<u64, BTreeMap<u32, Run>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
struct Run {
    #[n(0)]
    end: u32,
    #[n(1)]
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
struct Place {
    #[n(0)]
    depth: u16,
    #[n(1)]
    holds: bool,
}

impl Depths {
    /// Takes in an update of which everything that it builds on is there. `false` where it lies too deep, in something that
    /// holds nothing, or in a circle; then nothing changed.
    pub(super) fn take(&mut self, update: &Update) -> bool {
        let mut new = Self::default();
        let mut waiting: Vec<Lies> = update.lies().collect();
        while !waiting.is_empty() {
            let before = waiting.len();
            let mut refused = false;
            waiting.retain(|it| {
                let place = |id: Id| new.at(id).or_else(|| self.at(id));
                let depth = match it.within {
                    Within::Root | Within::Nothing => Some(0),
                    Within::Parent(id) => match place(id) {
                        Some(parent) if parent.holds => Some(parent.depth + 1),
                        // A parent that its author has forgotten: what lies in it is gone as well.
                        Some(parent) if parent == FORGOTTEN => Some(0),
                        Some(_) => {
                            refused = true;
                            None
                        }
                        None => None,
                    },
                    Within::Beside(id) => place(id).map(|beside| beside.depth),
                };
                let Some(depth) = depth else { return true };
                refused |= depth > DEPTH_MAX;
                let place = if it.within == Within::Nothing { FORGOTTEN } else { Place { depth, holds: it.holds } };
                new.insert(it.id, it.len, place);
                false
            });
            if refused || waiting.len() == before {
                return false;
            }
        }
        for (client, runs) in new.0 {
            for (start, run) in runs {
                self.insert(Id { client, clock: start }, run.end - start, run.place);
            }
        }
        true
    }

    fn at(&self, id: Id) -> Option<Place> {
        let (_, run) = self.0.get(&id.client)?.range(..=id.clock).next_back()?;
        (id.clock < run.end).then_some(run.place)
    }

    /// Notes a struct. What was known of its clocks before stays.
    fn insert(&mut self, id: Id, len: u32, place: Place) {
        let runs = self.0.entry(id.client).or_default();
        let end = id.clock + len;
        let last = runs.range(..end).next_back().map(|(start, run)| (*start, *run));
        match last {
            Some((_, run)) if run.end >= end => {}
            Some((start, run)) if run.end >= id.clock && run.place == place => {
                runs.insert(start, Run { end, place });
            }
            Some((_, run)) => {
                runs.insert(id.clock.max(run.end), Run { end, place });
            }
            None => {
                runs.insert(id.clock, Run { end, place });
            }
        }
    }
}

/// Nothing is known of it but that it was.
const FORGOTTEN: Place = Place { depth: 0, holds: false };
