//! What is kept of the account between two starts.
//!
//! Keys of the engine's own in the store, beside `EventLog`'s: all begin with `A`.
//!
//! ```text
//!   A a        the account: AccountRecord as JSON
//!   A b <id>   what administrators told everybody: AnnouncementRecord as JSON
//!   A c <log>  what was put away in the notifications without reading the room: PutAway as JSON
//!   A d <log>  what the person began to write: DraftRecord as JSON
//!   A f        whom the person follows: FollowRecords as JSON
//!   A i <id>   a notification that no message stands for: Noted as JSON
//!   A m <log>  how far one's own chains of a log were relayed and delivered: Marks as JSON
//!   A n <log>  what the person wants of a room: Preferences as JSON
//!   A p <id>   the names of an account: ProfileRecord as JSON
//!   A r <log>  read marks that count although a register has an earlier one: ReadRecords as JSON
//!   A s        how the person chose to appear: ChosenStatus as CBOR
//!   A u <log>  where the person wants to go on reading: UnreadMark as JSON
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use momoland_protocol::cbor;
use momoland_protocol::certificate::DeviceCertificate;
use momoland_protocol::clock::Hlc;
use momoland_protocol::id::{AccountId, LogId, NoticeId, ServerKey};
use momoland_protocol::limits;
use momoland_protocol::register::ReadMark;
use momoland_protocol::server::ChosenStatus;
use momoland_protocol::signed::Signed;
use momoland_store::kv::{Batch, Durability, KeyRange, Order, Store, StoreError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::account::address::ServerAddress;
use crate::api::types::{NotificationLevel, NotifyLevel};
use crate::projection::timeline::concerns::PutAway;
use crate::projection::timeline::{Marks, UnreadMark};

const ACCOUNT: &[u8] = b"Aa";
const ANNOUNCEMENTS: &[u8] = b"Ab";
const PUT_AWAY: &[u8] = b"Ac";
const DRAFTS: &[u8] = b"Ad";
const FOLLOWS: &[u8] = b"Af";
const NOTED: &[u8] = b"Ai";
const MARKS: &[u8] = b"Am";
const PREFERENCES: &[u8] = b"An";
const PROFILES: &[u8] = b"Ap";
const READS: &[u8] = b"Ar";
const STATUS: &[u8] = b"As";
const UNREADS: &[u8] = b"Au";

/// Bytes of a chosen status: its text, and some for the rest.
const STATUS_BYTES_MAX: usize = limits::STATUS_TEXT_CHARS_MAX * 4 + 64;

/// Names read at once when the store is opened.
const PROFILES_MAX: usize = 100_000;

/// The account that is signed in on this data folder.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) server: ServerAddress,
    /// Pinned on first contact.
    pub(crate) server_key: ServerKey,
    pub(crate) id: AccountId,
    pub(crate) handle: String,
    pub(crate) display_name: String,
    pub(crate) admin: bool,
    pub(crate) certificate: Signed<DeviceCertificate>,
    pub(crate) tokens: StoredTokens,
    /// The server's clock less this machine's, milliseconds, when they last met.
    pub(crate) clock_offset_ms: i64,
}

/// Tokens as they are kept.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StoredTokens {
    pub(crate) access: String,
    /// By this machine's clock, Unix milliseconds.
    pub(crate) access_expires_at: u64,
    pub(crate) refresh: String,
}

impl std::fmt::Debug for StoredTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoredTokens(…)")
    }
}

/// The account as it lies in the store.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccountRecord {
    server: String,
    server_key: String,
    account: String,
    handle: String,
    display_name: String,
    admin: bool,
    certificate: String,
    tokens: StoredTokens,
    clock_offset_ms: i64,
}

/// The names of an account, last time they were told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProfileRecord {
    pub(crate) handle: String,
    pub(crate) display_name: String,
}

/// What a person began to write in a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DraftRecord {
    pub(crate) text: String,
    pub(crate) reply_to: Option<String>,
    pub(crate) changed_at: u64,
}

/// What a person wants of a room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Preferences {
    pub(crate) notify: NotifyLevel,
    pub(crate) favourite: bool,
}

/// A notification that no message stands for: what was done to this person, or an administrator told them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Noted {
    /// Of the roster change or notice that it is about, in hexadecimal: once noted it is the same one for ever.
    pub(crate) id: String,
    pub(crate) hlc: u64,
    pub(crate) personal: bool,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) level: NotificationLevel,
    pub(crate) room: Option<String>,
    pub(crate) account: Option<String>,
    /// The post that it is about.
    #[serde(default)]
    pub(crate) post: Option<String>,
    pub(crate) read: bool,
}

/// Whom the person follows, in hexadecimal, since when.
type FollowRecords = Vec<(String, u64)>;

/// What administrators told everybody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AnnouncementRecord {
    pub(crate) message: String,
    pub(crate) level: NotificationLevel,
    pub(crate) at: u64,
    pub(crate) expires_at: u64,
    /// The administrator's account, in hexadecimal.
    pub(crate) by: String,
    /// Whether the person has put it away.
    pub(crate) away: bool,
}

/// Read marks by account: both ids in hexadecimal.
type ReadRecords = Vec<(String, u64, String)>;

/// The engine's own records.
#[derive(Debug, Clone)]
pub(crate) struct Records {
    store: Arc<dyn Store>,
}

impl Records {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    pub(crate) fn account(&self) -> Result<Option<Account>, StoreError> {
        let Some(bytes) = self.store.get(ACCOUNT)? else { return Ok(None) };
        let damaged = || StoreError::Damaged { detail: "the account's record cannot be read".to_owned() };
        let record: AccountRecord = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
        record.understand().ok_or_else(damaged).map(Some)
    }

    pub(crate) fn set_account(&self, account: &Account) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        batch.put(ACCOUNT, to_json(&AccountRecord::of(account)));
        self.store.commit(batch, Durability::Synced)
    }

    pub(crate) fn remove_account(&self) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        for key in [ACCOUNT, FOLLOWS, STATUS] {
            batch.delete(key);
        }
        for prefix in [ANNOUNCEMENTS, PUT_AWAY, DRAFTS, NOTED, MARKS, PREFERENCES, PROFILES, READS, UNREADS] {
            for (key, _) in self.store.range(&KeyRange::prefix(prefix), Order::Ascending, PROFILES_MAX)? {
                batch.delete(key);
            }
        }
        self.store.commit(batch, Durability::Synced)
    }

    pub(crate) fn chosen_status(&self) -> Result<ChosenStatus, StoreError> {
        let bytes = self.store.get(STATUS)?;
        Ok(bytes.and_then(|bytes| cbor::decode(&bytes, STATUS_BYTES_MAX).ok()).unwrap_or_default())
    }

    pub(crate) fn put_chosen_status(batch: &mut Batch, chosen: &ChosenStatus) {
        batch.put(STATUS, cbor::encode(chosen));
    }

    pub(crate) fn profiles(&self) -> Result<Vec<(AccountId, ProfileRecord)>, StoreError> {
        let pairs = self.store.range(&KeyRange::prefix(PROFILES), Order::Ascending, PROFILES_MAX)?;
        let read = |(key, value): (Vec<u8>, Vec<u8>)| {
            let account = AccountId::try_from(key.get(PROFILES.len()..)?).ok()?;
            Some((account, serde_json::from_slice(&value).ok()?))
        };
        // Names are told again by the server: one that cannot be read is no loss.
        Ok(pairs.into_iter().filter_map(read).collect())
    }

    pub(crate) fn put_profile(batch: &mut Batch, account: AccountId, profile: &ProfileRecord) {
        batch.put([PROFILES, account.as_bytes()].concat(), to_json(profile));
    }

    pub(crate) fn marks(&self, log: LogId) -> Result<Marks, StoreError> {
        Ok(self.of_log(MARKS, log)?.unwrap_or_default())
    }

    pub(crate) fn put_marks(batch: &mut Batch, log: LogId, marks: &Marks) {
        batch.put([MARKS, log.as_bytes()].concat(), to_json(marks));
    }

    /// Of a room that is forgotten.
    pub(crate) fn delete_of_log(batch: &mut Batch, log: LogId) {
        for prefix in [PUT_AWAY, DRAFTS, MARKS, PREFERENCES, READS, UNREADS] {
            batch.delete([prefix, log.as_bytes()].concat());
        }
    }

    /// Read marks that count although a register has an earlier one.
    pub(crate) fn reads(&self, log: LogId) -> Result<BTreeMap<AccountId, ReadMark>, StoreError> {
        let records: ReadRecords = self.of_log(READS, log)?.unwrap_or_default();
        let read = |(account, hlc, event): (String, u64, String)| {
            Some((account.parse().ok()?, ReadMark { hlc: Hlc(hlc), event: event.parse().ok()? }))
        };
        Ok(records.into_iter().filter_map(read).collect())
    }

    pub(crate) fn put_reads(batch: &mut Batch, log: LogId, reads: &BTreeMap<AccountId, ReadMark>) {
        let record =
            |(account, mark): (&AccountId, &ReadMark)| (account.to_string(), mark.hlc.0, mark.event.to_string());
        let records: ReadRecords = reads.iter().map(record).collect();
        batch.put([READS, log.as_bytes()].concat(), to_json(&records));
    }

    pub(crate) fn unread_mark(&self, log: LogId) -> Result<Option<UnreadMark>, StoreError> {
        self.of_log(UNREADS, log)
    }

    pub(crate) fn put_unread_mark(batch: &mut Batch, log: LogId, mark: Option<&UnreadMark>) {
        let key = [UNREADS, log.as_bytes()].concat();
        match mark {
            Some(mark) => batch.put(key, to_json(mark)),
            None => batch.delete(key),
        };
    }

    pub(crate) fn preferences(&self, log: LogId) -> Result<Preferences, StoreError> {
        Ok(self.of_log(PREFERENCES, log)?.unwrap_or_default())
    }

    pub(crate) fn put_preferences(batch: &mut Batch, log: LogId, preferences: &Preferences) {
        batch.put([PREFERENCES, log.as_bytes()].concat(), to_json(preferences));
    }

    pub(crate) fn put_away(&self, log: LogId) -> Result<PutAway, StoreError> {
        Ok(self.of_log(PUT_AWAY, log)?.unwrap_or_default())
    }

    pub(crate) fn put_put_away(batch: &mut Batch, log: LogId, away: &PutAway) {
        batch.put([PUT_AWAY, log.as_bytes()].concat(), to_json(away));
    }

    pub(crate) fn follows(&self) -> Result<BTreeMap<AccountId, Hlc>, StoreError> {
        let bytes = self.store.get(FOLLOWS)?;
        let records: FollowRecords = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        let read = |(account, since): (String, u64)| Some((account.parse().ok()?, Hlc(since)));
        Ok(records.into_iter().filter_map(read).collect())
    }

    pub(crate) fn put_follows(batch: &mut Batch, follows: &BTreeMap<AccountId, Hlc>) {
        let records: FollowRecords = follows.iter().map(|(account, since)| (account.to_string(), since.0)).collect();
        batch.put(FOLLOWS.to_vec(), to_json(&records));
    }

    /// Notifications that no message stands for.
    pub(crate) fn noted(&self) -> Result<Vec<Noted>, StoreError> {
        let records = self.store.range(&KeyRange::prefix(NOTED), Order::Ascending, PROFILES_MAX)?;
        Ok(records.into_iter().filter_map(|(_, value)| serde_json::from_slice(&value).ok()).collect())
    }

    pub(crate) fn put_noted(batch: &mut Batch, noted: &Noted) {
        batch.put([NOTED, noted.id.as_bytes()].concat(), to_json(noted));
    }

    pub(crate) fn delete_noted(batch: &mut Batch, noted: &Noted) {
        batch.delete([NOTED, noted.id.as_bytes()].concat());
    }

    /// What administrators told everybody.
    pub(crate) fn announcements(&self) -> Result<Vec<(NoticeId, AnnouncementRecord)>, StoreError> {
        let pairs = self.store.range(&KeyRange::prefix(ANNOUNCEMENTS), Order::Ascending, PROFILES_MAX)?;
        let read = |(key, value): (Vec<u8>, Vec<u8>)| {
            let id = NoticeId::try_from(key.get(ANNOUNCEMENTS.len()..)?).ok()?;
            Some((id, serde_json::from_slice(&value).ok()?))
        };
        // The server tells again what is in force: one that cannot be read is no loss.
        Ok(pairs.into_iter().filter_map(read).collect())
    }

    pub(crate) fn put_announcement(batch: &mut Batch, id: NoticeId, announcement: &AnnouncementRecord) {
        batch.put([ANNOUNCEMENTS, id.as_bytes()].concat(), to_json(announcement));
    }

    pub(crate) fn delete_announcement(batch: &mut Batch, id: NoticeId) {
        batch.delete([ANNOUNCEMENTS, id.as_bytes()].concat());
    }

    pub(crate) fn draft(&self, log: LogId) -> Result<Option<DraftRecord>, StoreError> {
        self.of_log(DRAFTS, log)
    }

    pub(crate) fn put_draft(batch: &mut Batch, log: LogId, draft: Option<&DraftRecord>) {
        let key = [DRAFTS, log.as_bytes()].concat();
        match draft {
            Some(draft) => batch.put(key, to_json(draft)),
            None => batch.delete(key),
        };
    }

    /// A record of a log; `None` where there is none, or one that cannot be read, which is no loss to anybody else.
    fn of_log<T: DeserializeOwned>(&self, prefix: &[u8], log: LogId) -> Result<Option<T>, StoreError> {
        let bytes = self.store.get(&[prefix, log.as_bytes()].concat())?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }
}

fn to_json<T: Serialize>(value: &T) -> Vec<u8> {
    // Records have string keys and finite numbers only: there is nothing that JSON could refuse.
    serde_json::to_vec(value).unwrap_or_default()
}

impl AccountRecord {
    fn of(account: &Account) -> Self {
        Self {
            server: account.server.to_string(),
            server_key: account.server_key.to_string(),
            account: account.id.to_string(),
            handle: account.handle.clone(),
            display_name: account.display_name.clone(),
            admin: account.admin,
            certificate: URL_SAFE_NO_PAD.encode(cbor::encode(&account.certificate)),
            tokens: account.tokens.clone(),
            clock_offset_ms: account.clock_offset_ms,
        }
    }

    fn understand(self) -> Option<Account> {
        let certificate = URL_SAFE_NO_PAD.decode(self.certificate).ok()?;
        Some(Account {
            server: ServerAddress::parse(&self.server).ok()?,
            server_key: self.server_key.parse().ok()?,
            id: self.account.parse().ok()?,
            handle: self.handle,
            display_name: self.display_name,
            admin: self.admin,
            certificate: cbor::decode(&certificate, limits::CERTIFICATE_BYTES_MAX + 128).ok()?,
            tokens: self.tokens,
            clock_offset_ms: self.clock_offset_ms,
        })
    }
}
