//! What the relay keeps on the disk: rooms by the store's event log, last-seen times by records of the server's own.

use std::sync::Arc;

use momoland_protocol::clock::UnixMillis;
use momoland_protocol::id::AccountId;
use momoland_protocol::server::ChosenStatus;
use momoland_replica::output::Record;
use momoland_replica::replica::DurableState;
use momoland_store::event_log::EventLog;
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
    let (log, state) = EventLog::open(Arc::clone(store))?;
    let last_seen = records::last_seen_of_all(&**store)?
        .into_iter()
        .map(|(account, LastSeenRecord { at_ms, text, availability, chosen_at_ms })| {
            let (availability, at) = (availability.unwrap_or_default(), UnixMillis(chosen_at_ms.unwrap_or(0)));
            (account, LastSeen { at: UnixMillis(at_ms), chosen: ChosenStatus { availability, text, at } })
        })
        .collect();
    Ok(Loaded { log, state, last_seen })
}

/// Puts the replica's records into one batch, in their order.
///
/// # Errors
/// As [`EventLog::put`].
pub(super) fn batch_of(log: &mut EventLog, records: &[Record]) -> Result<Batch, StoreError> {
    let mut batch = Batch::new();
    for record in records {
        log.put(&mut batch, record)?;
    }
    Ok(batch)
}
