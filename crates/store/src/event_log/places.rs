//! Where each chain is: shared by the log, which fills it ahead of the disk, and its readers.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use momoland_protocol::id::{ChainId, DeviceId, Incarnation, LogId};

use super::keys::{ChainNumber, RoomNumber};

/// The numbers that stand for a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) room: RoomNumber,
    pub(super) chain: ChainNumber,
}

/// Each chain's numbers. A chain may be here before anything of it is committed: reading it finds nothing then.
#[derive(Debug, Default)]
pub(super) struct Places(RwLock<BTreeMap<(LogId, ChainId), Place>>);

impl Places {
    pub(super) fn get(&self, log: LogId, chain: ChainId) -> Option<Place> {
        self.read().get(&(log, chain)).copied()
    }

    /// The chains of a log, sorted.
    pub(super) fn of_log(&self, log: LogId) -> Vec<(ChainId, Place)> {
        let lowest = ChainId { device: DeviceId::ZERO, incarnation: Incarnation::ZERO };
        let places = self.read();
        let of_log = places.range((log, lowest)..).take_while(|((found, _), _)| *found == log);
        of_log.map(|((_, chain), place)| (*chain, *place)).collect()
    }

    /// What was there before, which nothing but damage explains.
    pub(super) fn insert(&self, log: LogId, chain: ChainId, place: Place) -> Option<Place> {
        self.write().insert((log, chain), place)
    }

    pub(super) fn remove(&self, chains: impl Iterator<Item = (LogId, ChainId)>) {
        let mut places = self.write();
        for chain in chains {
            places.remove(&chain);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.read().len()
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<(LogId, ChainId), Place>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<(LogId, ChainId), Place>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
