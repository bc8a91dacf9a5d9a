//! What is kept of the account between two starts.
//!
//! Keys of the engine's own in the store, beside `EventLog`'s: all begin with `A`.
//!
//! ```text
//!   A a        the account: AccountRecord as JSON
//!   A m <log>  how far one's own chains of a log were relayed and delivered: Marks as JSON
//!   A p <id>   the names of an account: ProfileRecord as JSON
//! ```

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use momoland_protocol::cbor;
use momoland_protocol::certificate::DeviceCertificate;
use momoland_protocol::id::{AccountId, LogId, ServerKey};
use momoland_protocol::limits;
use momoland_protocol::signed::Signed;
use momoland_store::kv::{Batch, Durability, KeyRange, Order, Store, StoreError};
use serde::{Deserialize, Serialize};

use crate::account::address::ServerAddress;
use crate::projection::timeline::Marks;

const ACCOUNT: &[u8] = b"Aa";
const MARKS: &[u8] = b"Am";
const PROFILES: &[u8] = b"Ap";

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
        batch.delete(ACCOUNT);
        for prefix in [MARKS, PROFILES] {
            for (key, _) in self.store.range(&KeyRange::prefix(prefix), Order::Ascending, PROFILES_MAX)? {
                batch.delete(key);
            }
        }
        self.store.commit(batch, Durability::Synced)
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
        let bytes = self.store.get(&[MARKS, log.as_bytes()].concat())?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default())
    }

    pub(crate) fn put_marks(batch: &mut Batch, log: LogId, marks: &Marks) {
        batch.put([MARKS, log.as_bytes()].concat(), to_json(marks));
    }

    pub(crate) fn delete_marks(batch: &mut Batch, log: LogId) {
        batch.delete([MARKS, log.as_bytes()].concat());
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
