//! What stores of a schema before 3 kept of a device's own: preferences, drafts, whom the person follows, what they put away.
//!
//! Read when an account is opened, and deleted with the write that takes it into the account's own room.
//!
//! ```text
//!   A c <log>  what was put away in the notifications without reading the room: PutAwayRecord as JSON
//!   A d <log>  drafts; what is too long for a register stays there
//!   A f        whom the person follows: pairs of an account in hexadecimal and since when, as JSON
//!   A n <log>  what the person wants of a room: PreferencesRecord as JSON
//!   A u <log>  where the person wants to go on reading: UnreadRecord as JSON
//! ```

use momoland_protocol::cbor;
use momoland_protocol::clock::{Hlc, UnixMillis};
use momoland_protocol::id::{AccountId, EventId, LogId, RoomId};
use momoland_protocol::register::{FavouriteChoice, Follow, NotifyChoice, PutAway, RegisterName, UnreadFrom};
use momoland_store::kv::{Batch, StoreError};
use serde::Deserialize;

use super::{Choice, Chosen, Records};
use crate::api::types::NotifyLevel;

const PUT_AWAY: &[u8] = b"Ac";
const FOLLOWS: &[u8] = b"Af";
const PREFERENCES: &[u8] = b"An";
const UNREADS: &[u8] = b"Au";

/// When what has no time was chosen: before everything that has one.
const LONG_AGO: Hlc = Hlc(1 << 16);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct PreferencesRecord {
    notify: NotifyLevel,
    favourite: bool,
}

#[derive(Deserialize)]
struct PutAwayRecord {
    until: u64,
    messages: Vec<String>,
}

#[derive(Deserialize)]
struct UnreadRecord {
    after: u64,
    message: Option<String>,
}

/// What was kept, as registers say it.
#[derive(Debug, Default)]
pub(crate) struct Earlier {
    pub(crate) choices: Vec<(Choice, Chosen)>,
    keys: Vec<Vec<u8>>,
}

impl Earlier {
    /// Has it gone from where it was.
    pub(crate) fn delete(&self, batch: &mut Batch) {
        for key in &self.keys {
            batch.delete(key.clone());
        }
    }

    fn take(&mut self, choice: Choice, at: Hlc, value: Vec<u8>) {
        self.choices.push((choice, Chosen { at, value }));
    }
}

impl Records {
    pub(crate) fn earlier(&self) -> Result<Earlier, StoreError> {
        let mut earlier = Earlier::default();
        let key = |prefix: &[u8], log: LogId| [prefix, log.as_bytes()].concat();
        for (log, record) in self.of_logs::<PreferencesRecord>(PREFERENCES)? {
            let notify = match record.notify {
                NotifyLevel::All => None,
                NotifyLevel::Mentions => Some(NotifyChoice::Mentions),
                NotifyLevel::None => Some(NotifyChoice::Nothing),
            };
            let of_room = |name| Choice::of_room(name, RoomId(log.0));
            if let Some(notify) = notify {
                earlier.take(of_room(RegisterName::NOTIFY), LONG_AGO, cbor::encode(&notify));
            }
            if record.favourite {
                let value = cbor::encode(&FavouriteChoice { on: true });
                earlier.take(of_room(RegisterName::FAVOURITE), LONG_AGO, value);
            }
            earlier.keys.push(key(PREFERENCES, log));
        }
        for (log, record) in self.of_logs::<PutAwayRecord>(PUT_AWAY)? {
            let mut these: Vec<EventId> = record.messages.iter().filter_map(|id| id.parse().ok()).collect();
            these.truncate(PutAway::THESE_MAX);
            these.sort();
            let away = PutAway { until: Hlc(record.until), these };
            let choice = Choice::of_room(RegisterName::PUT_AWAY, RoomId(log.0));
            earlier.take(choice, LONG_AGO, cbor::encode(&away));
            earlier.keys.push(key(PUT_AWAY, log));
        }
        for (log, record) in self.of_logs::<UnreadRecord>(UNREADS)? {
            let event = record.message.and_then(|id| id.parse().ok());
            // How far they had read is not known: it counts until they say otherwise.
            let from = UnreadFrom { after: Hlc(record.after), read: Hlc(u64::MAX), event };
            let choice = Choice::of_room(RegisterName::UNREAD, RoomId(log.0));
            earlier.take(choice, LONG_AGO, cbor::encode(&from));
            earlier.keys.push(key(UNREADS, log));
        }
        if let Some(bytes) = self.store.get(FOLLOWS)? {
            let follows: Vec<(String, u64)> = serde_json::from_slice(&bytes).unwrap_or_default();
            for (account, since) in follows {
                let Ok(account) = account.parse::<AccountId>() else { continue };
                let choice = Choice::of_account(RegisterName::FOLLOW, account);
                earlier.take(choice, Hlc(since), cbor::encode(&Follow { since: Hlc(since) }));
            }
            earlier.keys.push(FOLLOWS.to_vec());
        }
        for (log, record) in self.long_drafts()? {
            if let Some(value) = record.value() {
                let at = Hlc::at(UnixMillis(record.changed_at));
                earlier.take(Choice::of_room(RegisterName::DRAFT, RoomId(log.0)), at, value);
                earlier.keys.push(key(super::DRAFTS, log));
            }
        }
        Ok(earlier)
    }
}
