//! Thousands of short lists in little room.
//!
//! A list of its own takes more for the allocator and for room to grow than for what is in it, and lists that grow by
//! turns with what else a long read allocates leave holes that nothing fits into. So lists lie one behind the other in one
//! piece of memory; one that changes gets a place of its own, until so many did that all are settled anew.
//!
//! # Invariants
//! 1. What is in a list does not depend on when lists are settled. Test: `prop_lists_are_as_vectors`.

use std::marker::PhantomData;

/// Changes from which on lists are settled anew; more where there is more to settle, so that it costs the same a change.
const CHANGES_MIN: usize = 1024;

/// So many entries are copied a change: fewer would leave more lists loose at a time, and each leaves a hole when it is settled.
const ENTRIES_PER_CHANGE: usize = 16;

/// Where the entries of one list are.
#[derive(Debug, Clone)]
pub(crate) struct List<T> {
    /// In the one piece; or of a list in a place of its own, which place.
    start: u32,
    len: u32,
    of: PhantomData<T>,
}

/// Stands for the length of a list in a place of its own, which knows it.
const LOOSE: u32 = u32::MAX;

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { start: 0, len: 0, of: PhantomData }
    }
}

impl<T> List<T> {
    fn loose_at(&self) -> Option<usize> {
        if self.len == LOOSE { usize::try_from(self.start).ok() } else { None }
    }
}

/// The entries of all lists of a kind.
#[derive(Debug, Clone)]
pub(crate) struct Lists<T> {
    piece: Vec<T>,
    /// Those that changed since all were settled.
    loose: Vec<Vec<T>>,
    /// Entries of all lists, loose ones too.
    entries: usize,
    /// Changes of lists since they were settled.
    changes: usize,
}

impl<T> Default for Lists<T> {
    fn default() -> Self {
        Self { piece: Vec::new(), loose: Vec::new(), entries: 0, changes: 0 }
    }
}

impl<T: Copy> Lists<T> {
    pub(crate) fn get(&self, list: &List<T>) -> &[T] {
        match list.loose_at() {
            Some(at) => self.loose.get(at).map(Vec::as_slice).unwrap_or_default(),
            None => self.settled(list).unwrap_or_default(),
        }
    }

    fn settled(&self, list: &List<T>) -> Option<&[T]> {
        let start = usize::try_from(list.start).ok()?;
        self.piece.get(start..start.checked_add(usize::try_from(list.len).ok()?)?)
    }

    pub(crate) fn change(&mut self, list: &mut List<T>, change: impl FnOnce(&mut Vec<T>)) {
        let at = list.loose_at().unwrap_or(self.loose.len());
        if at == self.loose.len() {
            // So many changes settle all lists long before.
            let Ok(start) = u32::try_from(at) else { return };
            self.loose.push(self.get(list).to_vec());
            (list.start, list.len) = (start, LOOSE);
        }
        let Some(entries) = self.loose.get_mut(at) else { return };
        let before = entries.len();
        change(entries);
        self.entries = self.entries.saturating_sub(before).saturating_add(entries.len());
        self.changes = self.changes.saturating_add(1);
    }

    /// Whether so much changed that settling is worth what it costs.
    pub(crate) fn is_due(&self) -> bool {
        self.changes >= CHANGES_MIN.max(self.entries / ENTRIES_PER_CHANGE)
    }

    /// Settles all lists, which are to be all that there are.
    pub(crate) fn settle<'a>(&mut self, lists: impl Iterator<Item = &'a mut List<T>>)
    where
        T: 'a,
    {
        if self.changes == 0 {
            return;
        }
        let (mut piece, mut loose) = (Vec::with_capacity(self.entries), Vec::new());
        for list in lists {
            let entries = self.get(list);
            match (u32::try_from(piece.len()), u32::try_from(entries.len())) {
                (Ok(start), Ok(len)) if len != LOOSE => {
                    piece.extend_from_slice(entries);
                    (list.start, list.len) = (start, len);
                }
                // More than can be numbered stay loose.
                _ => {
                    let entries = entries.to_vec();
                    (list.start, list.len) = (u32::try_from(loose.len()).unwrap_or(u32::MAX), LOOSE);
                    loose.push(entries);
                }
            }
        }
        (self.piece, self.loose, self.changes) = (piece, loose, 0);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn prop_lists_are_as_vectors(steps in prop::collection::vec((0..4_usize, any::<u8>(), 0..4_u8), 0..60)) {
            let mut lists = Lists::default();
            let mut ours: Vec<List<u8>> = vec![List::default(); 4];
            let mut plain: Vec<Vec<u8>> = vec![Vec::new(); 4];
            for (at, entry, what) in steps {
                let change = |entries: &mut Vec<u8>| match what {
                    0 => entries.clear(),
                    _ => entries.insert(entries.len() / 2, entry),
                };
                lists.change(&mut ours[at], change);
                change(&mut plain[at]);
                if what == 1 {
                    lists.settle(ours.iter_mut());
                    prop_assert_eq!(lists.piece.len(), lists.entries);
                }
                for (list, plain) in ours.iter().zip(&plain) {
                    prop_assert_eq!(lists.get(list), plain.as_slice());
                }
            }
        }
    }
}
