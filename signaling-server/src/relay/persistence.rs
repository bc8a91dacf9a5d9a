//! What the relay keeps on the disk: rooms by the store's event log, last-seen times by records of the server's own.

use std::sync::Arc;

use momoland_protocol::clock::UnixMillis;
use momoland_protocol::id::AccountId;
use momoland_protocol::server::ChosenStatus;
use momoland_replica::deletions::Deletion;
use momoland_replica::output::Record;
use momoland_replica::replica::{DurableState, HeldChain, HeldDeletion, HeldFork};
use momoland_store::event_log::{self, EventLog};
use momoland_store::kv::{Batch, Store, StoreError};

use crate::hub::presence::LastSeen;
use crate::records::{self, LastSeenRecord, RecordError};

/// Everything that is read when the server starts.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) log: EventLog,
    pub(super) state: DurableState,
    pub(super) last_seen: Vec<(AccountId, LastSeen)>,
}

/// Reads all but the events. Blocks on the disk.
///
/// # Errors
/// [`RecordError`].
pub(super) fn load(store: &Arc<dyn Store>) -> Result<Loaded, RecordError> {
    let (log, held) = EventLog::open(Arc::clone(store))?;
    let event_log::HeldState { rosters, chains, forks, deletions, registers, logs } = held;
    let chains = chains
        .into_iter()
        .map(|held| {
            let event_log::HeldChain { room, log, chain, low, low_prev, high, head, hlc } = held;
            HeldChain { room, log, chain, low, low_prev, high, head, hlc }
        })
        .collect();
    let forks = forks
        .into_iter()
        .map(|fork| HeldFork { log: fork.log, chain: fork.chain, seq: fork.seq, offered: fork.offered })
        .collect();
    let deletions = deletions
        .into_iter()
        .map(|held| {
            let event_log::HeldDeletion { log, place, target, by, action, roster } = held;
            HeldDeletion { log, place, deletion: Deletion { target, by, action, roster } }
        })
        .collect();
    let last_seen = records::last_seen_of_all(&**store)?
        .into_iter()
        .map(|(account, LastSeenRecord { at_ms, text, availability, chosen_at_ms })| {
            let (availability, at) = (availability.unwrap_or_default(), UnixMillis(chosen_at_ms.unwrap_or(0)));
            (account, LastSeen { at: UnixMillis(at_ms), chosen: ChosenStatus { availability, text, at } })
        })
        .collect();
    Ok(Loaded { log, state: DurableState { rosters, chains, forks, deletions, registers, logs }, last_seen })
}

/// Puts the replica's records into one batch, in their order.
///
/// # Errors
/// [`StoreError`] where what is to be forgotten cannot be listed.
pub(super) fn batch_of(log: &mut EventLog, records: &[Record]) -> Result<Batch, StoreError> {
    let mut batch = Batch::new();
    for record in records {
        match record {
            Record::Roster { place, change } => log.put_roster(&mut batch, *place, change),
            Record::Event { room, event } => log.put_event(&mut batch, *room, event),
            Record::Deletion { room, by } => log.put_deletion(&mut batch, *room, by.get()),
            Record::Fork { room, seq, offered } => log.put_fork(&mut batch, *room, *seq, offered),
            Record::Register(register) => log.put_register(&mut batch, register),
            Record::Forget { room } => log.forget(&mut batch, *room)?,
        }
    }
    Ok(batch)
}
