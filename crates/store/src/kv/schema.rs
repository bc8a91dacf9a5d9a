//! Schema versions: what lets an older store be migrated, and a newer one be refused instead of misread.

use std::fmt;

use super::{Store, StoreError};

/// The version of the layout of keys and values, counted by the owner of the store from 1 up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SchemaVersion(pub u32);

/// Brings a store from the schema it is given to the next one.
///
/// Runs again from its start where a crash or an error interrupts it, so it must bear being repeated. Its own commits may be
/// buffered: the new version is recorded by a synced commit after it.
pub type MigrationStep<'a> = dyn Fn(&dyn Store, SchemaVersion) -> Result<(), StoreError> + 'a;

impl SchemaVersion {
    /// The version after this one.
    pub(crate) fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for SchemaVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
