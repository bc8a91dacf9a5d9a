//! What is kept of the account between two starts.
//!
//! Keys of the engine's own in the store, beside `EventLog`'s: all begin with `A`.
//!
//! ```text
//!   A a        the account: AccountRecord as JSON
//!   A b <id>   what administrators told everybody: AnnouncementRecord as JSON
//!   A d <log>  what the person began to write, where it is too long for a register: DraftRecord as JSON
//!   A i <id>   a notification that no message stands for: Noted as JSON
//!   A m <log>  how far one's own chains of a log were relayed and delivered: Marks as JSON
//!   A p <id>   the names of an account: ProfileRecord as JSON
//!   A r <log>  read marks that count although a register has an earlier one: ReadRecords as JSON
//!   A s        how the person chose to appear: ChosenStatus as CBOR
//!   A w <name 2> <target>  what the person chose, and no register says yet: hlc 8, value
//! ```
//!
//! Earlier versions kept choices on the device alone; `earlier` reads them, once.

pub(crate) mod earlier;

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use momoland_protocol::cbor;
use momoland_protocol::certificate::DeviceCertificate;
use momoland_protocol::clock::Hlc;
use momoland_protocol::id::{AccountId, EventId, LogId, NoticeId, RoomId, ServerKey};
use momoland_protocol::limits;
use momoland_protocol::register::{Draft, ReadMark, RegisterName, padded};
use momoland_protocol::server::ChosenStatus;
use momoland_protocol::signed::Signed;
use momoland_store::kv::{Batch, Durability, KeyRange, Order, Store, StoreError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::account::address::ServerAddress;
use crate::api::types::NotificationLevel;
use crate::projection::timeline::Marks;

const ACCOUNT: &[u8] = b"Aa";
const MEDIA: &[u8] = b"Ac";
const ANNOUNCEMENTS: &[u8] = b"Ab";
const DRAFTS: &[u8] = b"Ad";
const NOTED: &[u8] = b"Ai";
const MARKS: &[u8] = b"Am";
const PROFILES: &[u8] = b"Ap";
const READS: &[u8] = b"Ar";
const STATUS: &[u8] = b"As";
const CHOICES: &[u8] = b"Aw";

/// Bytes of a chosen status: its text, and some for the rest.
const STATUS_BYTES_MAX: usize = limits::STATUS_TEXT_CHARS_MAX * 4 + 64;

/// Names read at once when the store is opened.
const PROFILES_MAX: usize = 100_000;

/// The devices of this machine that are used in calls, by their ids; the system's choice where there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct MediaRecord {
    pub(crate) microphone: Option<String>,
    pub(crate) speakers: Option<String>,
    pub(crate) camera: Option<String>,
    /// The microphone's sound goes out as it is, with echo and noise.
    pub(crate) unprocessed: bool,
}

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

impl DraftRecord {
    /// As a register says it; `None` where it is too long for one.
    pub(crate) fn value(&self) -> Option<Vec<u8>> {
        let reply_to = self.reply_to.as_ref().and_then(|id| id.parse().ok());
        let value = cbor::encode(&Draft { text: self.text.clone(), reply_to });
        Some(value).filter(|value| value.len() <= limits::REGISTER_VALUE_BYTES_MAX)
    }

    /// What a register says; `None` where there is none.
    pub(crate) fn of(chosen: &Chosen) -> Option<Self> {
        let Draft { text, reply_to } = cbor::decode(&chosen.value, limits::REGISTER_VALUE_BYTES_MAX).ok()?;
        Some(Self { text, reply_to: reply_to.map(|id| id.to_string()), changed_at: chosen.at.wall().0 })
    }
}

/// Something that a person chooses for themselves: a register of their own room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Choice {
    pub(crate) name: RegisterName,
    pub(crate) target: [u8; 32],
}

impl Choice {
    pub(crate) fn of_room(name: RegisterName, room: RoomId) -> Self {
        Self { name, target: room.0 }
    }

    pub(crate) fn of_account(name: RegisterName, account: AccountId) -> Self {
        Self { name, target: padded(account.0) }
    }

    pub(crate) const fn of_nothing(name: RegisterName) -> Self {
        Self { name, target: [0; 32] }
    }
}

/// What was chosen, and when. Empty: as if nothing ever was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) at: Hlc,
    pub(crate) value: Vec<u8>,
}

/// What the id of a missed call's notification begins with.
pub(crate) const MISSED_CALL: &str = "call-";

/// A notification that no message stands for: what was done to this person or published, a call that they missed, or what
/// an administrator told them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Noted {
    /// Of the roster change, post, notice or call that it is about, in hexadecimal, a call's behind [`MISSED_CALL`]: once
    /// noted it is the same one for ever.
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

impl Noted {
    /// As a register names it.
    pub(crate) fn name(&self) -> Option<EventId> {
        let id = self.id.strip_prefix(MISSED_CALL).unwrap_or(&self.id);
        let short = || id.parse::<NoticeId>().ok().map(|short| EventId(padded(short.0)));
        id.parse().ok().or_else(short)
    }
}

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
        for key in [ACCOUNT, MEDIA, STATUS] {
            batch.delete(key);
        }
        self.earlier()?.delete(&mut batch);
        for prefix in [ANNOUNCEMENTS, DRAFTS, NOTED, MARKS, PROFILES, READS, CHOICES] {
            for (key, _) in self.store.range(&KeyRange::prefix(prefix), Order::Ascending, PROFILES_MAX)? {
                batch.delete(key);
            }
        }
        self.store.commit(batch, Durability::Synced)
    }

    /// What was chosen for calls; an unreadable record counts as none.
    pub(crate) fn media(&self) -> Result<MediaRecord, StoreError> {
        let bytes = self.store.get(MEDIA)?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default())
    }

    pub(crate) fn put_media(batch: &mut Batch, media: &MediaRecord) {
        batch.put(MEDIA, to_json(media));
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
        for prefix in [DRAFTS, MARKS, READS] {
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

    /// What was chosen and no register says yet.
    pub(crate) fn choices(&self) -> Result<Vec<(Choice, Chosen)>, StoreError> {
        let pairs = self.store.range(&KeyRange::prefix(CHOICES), Order::Ascending, PROFILES_MAX)?;
        let read = |(key, value): (Vec<u8>, Vec<u8>)| {
            let (name, target) = key.get(CHOICES.len()..)?.split_first_chunk::<2>()?;
            let (at, value) = value.split_first_chunk::<8>()?;
            let choice = Choice { name: RegisterName(u16::from_be_bytes(*name)), target: target.try_into().ok()? };
            Some((choice, Chosen { at: Hlc(u64::from_be_bytes(*at)), value: value.to_vec() }))
        };
        Ok(pairs.into_iter().filter_map(read).collect())
    }

    pub(crate) fn put_choice(batch: &mut Batch, choice: &Choice, chosen: &Chosen) {
        batch.put(key_of_choice(choice), [&chosen.at.0.to_be_bytes()[..], &chosen.value].concat());
    }

    pub(crate) fn delete_choice(batch: &mut Batch, choice: &Choice) {
        batch.delete(key_of_choice(choice));
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

    /// Drafts that are too long for a register.
    pub(crate) fn long_drafts(&self) -> Result<Vec<(LogId, DraftRecord)>, StoreError> {
        self.of_logs(DRAFTS)
    }

    pub(crate) fn put_draft(batch: &mut Batch, log: LogId, draft: Option<&DraftRecord>) {
        let key = [DRAFTS, log.as_bytes()].concat();
        match draft {
            Some(draft) => batch.put(key, to_json(draft)),
            None => batch.delete(key),
        };
    }

    /// The records of all logs; those that cannot be read are no loss to anybody else.
    fn of_logs<T: DeserializeOwned>(&self, prefix: &[u8]) -> Result<Vec<(LogId, T)>, StoreError> {
        let pairs = self.store.range(&KeyRange::prefix(prefix), Order::Ascending, PROFILES_MAX)?;
        let read = |(key, value): (Vec<u8>, Vec<u8>)| {
            let log = LogId::try_from(key.get(prefix.len()..)?).ok()?;
            Some((log, serde_json::from_slice(&value).ok()?))
        };
        Ok(pairs.into_iter().filter_map(read).collect())
    }

    /// A record of a log; `None` where there is none, or one that cannot be read, which is no loss to anybody else.
    fn of_log<T: DeserializeOwned>(&self, prefix: &[u8], log: LogId) -> Result<Option<T>, StoreError> {
        let bytes = self.store.get(&[prefix, log.as_bytes()].concat())?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }
}

fn key_of_choice(choice: &Choice) -> Vec<u8> {
    [CHOICES, &choice.name.0.to_be_bytes(), &choice.target].concat()
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
