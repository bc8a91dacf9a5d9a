//! Accounts: who exists, which devices they have, and where they are signed in.
//!
//! `http` checks what people send and calls in here; what is decided is one atomic commit, so that parallel requests
//! leave one winner. Everything blocks on the store and is called through [`crate::App::blocking`].
//!
//! # Invariants
//! 1. Of two registrations whose handles look alike one wins, however parallel (CASES C61). Test:
//!    `of_parallel_registrations_one_wins`.
//! 2. A device key belongs to one account for ever; revoked, it never comes back. Test:
//!    `a_revoked_device_cannot_come_back`.
//! 3. A parallel or repeated refresh within the grace signs nobody out; a replay after it ends the device's sessions
//!    (CASES C34). Tests: `twenty_parallel_refreshes_keep_one_family`, `a_replay_ends_the_session`.
//!
//! Not here: passwords' hashing and rate limits (`passwords`, `crate::limits`), which the callers put before this.

pub mod administration;
pub mod devices;
pub mod handles;
pub mod notices;
pub mod passwords;
mod sessions;
pub mod signing_keys;
pub mod tokens;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use momoland_protocol::cbor::{self, DecodeError};
use momoland_protocol::certificate::DeviceCertificate;
use momoland_protocol::clock::UnixMillis;
use momoland_protocol::id::{AccountId, DeviceId, random};
use momoland_protocol::limits::DISPLAY_NAME_CHARS_MAX;
use momoland_protocol::server::Profile;
use momoland_protocol::signed::Signed;
use momoland_store::kv::{Batch, Durability, Expect, Store, StoreError};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use self::administration::TellError;
use self::handles::Handle;
use self::notices::{Notice, Notices};
use self::signing_keys::SigningKeys;
use self::tokens::{FamilyId, SigningFailed, Tokens};
use crate::clock::Clock;
use crate::records::{self, AccountRecord, DeviceRecord, Held, RecordError, SessionRecord};

/// How often a change is tried again when another one came between. Each time somebody else got through, so only a
/// flood on one account reaches the end.
const TRIES_MAX: usize = 64;

/// Bytes of a display name, so that marks cannot make 64 characters large.
const DISPLAY_NAME_BYTES_MAX: usize = 256;

/// Marks in a row on one letter of a display name: more freeze those who draw it (CASES C39).
const MARKS_IN_A_ROW_MAX: usize = 4;

/// The accounts of the server.
#[derive(Debug)]
pub struct Accounts {
    store: Arc<dyn Store>,
    clock: Clock,
    keys: SigningKeys,
    tokens: Arc<Tokens>,
    notices: Notices,
    policy: Policy,
}

/// What the configuration says about accounts.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The handle that administers, folded.
    pub admin: Option<String>,
    pub devices_max: usize,
    pub refresh_ttl: Duration,
    pub refresh_grace: Duration,
}

/// What people see somebody called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisplayName(String);

/// A text is no display name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("A name has at most {DISPLAY_NAME_CHARS_MAX} characters, all of them visible, and few marks on each letter.")]
pub struct DisplayNameError;

/// An account that is to be made. The device's proof was checked.
#[derive(Debug)]
pub struct NewAccount {
    pub handle: Handle,
    pub display_name: DisplayName,
    /// The PHC string of the password.
    pub password: String,
    pub device: DeviceId,
    pub device_name: DisplayName,
}

/// A device that was just signed in.
#[derive(Debug)]
pub struct SignedIn {
    pub account: AccountRecord,
    pub admin: bool,
    pub access_token: String,
    pub refresh_token: String,
    /// The encoded `Signed<DeviceCertificate>`.
    pub certificate: Vec<u8>,
}

/// A device that is signed in now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    pub account: AccountId,
    pub device: DeviceId,
    pub family: FamilyId,
    /// When its access token ends.
    pub expires_at_ms: u64,
}

/// Why something about an account was refused. Nothing changed, unless a variant says so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    #[error("This handle is taken, or looks like one that is. Choose another.")]
    HandleTaken,
    #[error("This device belongs to another account. Make a new device key for this one.")]
    DeviceElsewhere,
    #[error("This device was revoked. Sign in with a new device key.")]
    DeviceRevoked,
    #[error("An account has at most {max} devices. Revoke one that is not used any more.")]
    TooManyDevices { max: usize },
    #[error("This account has no such device.")]
    NoSuchDevice,
    /// The password was changed while it was being compared.
    #[error("The password has just been changed.")]
    PasswordChanged,
    /// Signed out, revoked, expired, or never signed in.
    #[error("This device is not signed in. Sign in again.")]
    NotSignedIn,
    /// A retired refresh token came again. The device's sessions were ended.
    #[error("This token was used before, so this device was signed out to be safe. Sign in again.")]
    TokenReused,
    /// Others changed the same account again and again in between.
    #[error("This account is being changed too often at once. Try again.")]
    Contended,
    /// The process is going down.
    #[error("the work was interrupted")]
    Interrupted,
    #[error(transparent)]
    Tell(#[from] TellError),
    #[error(transparent)]
    Records(#[from] RecordError),
    #[error(transparent)]
    Signing(#[from] SigningFailed),
    #[error("a certificate could not be made: {0}")]
    Certificate(#[from] DecodeError),
}

impl From<StoreError> for AccountError {
    fn from(error: StoreError) -> Self {
        Self::Records(RecordError::Store(error))
    }
}

impl DisplayName {
    /// The name that `text` spells, or `otherwise` where it is empty.
    ///
    /// # Errors
    /// [`DisplayNameError`].
    pub fn parse(text: &str) -> Result<Self, DisplayNameError> {
        if text.len() > DISPLAY_NAME_BYTES_MAX {
            return Err(DisplayNameError);
        }
        let name: String = text.trim().nfc().collect();
        let mut marks = 0;
        for character in name.chars() {
            marks = if is_combining_mark(character) { marks + 1 } else { 0 };
            if marks > MARKS_IN_A_ROW_MAX || is_invisible(character) {
                return Err(DisplayNameError);
            }
        }
        if name.chars().count() > DISPLAY_NAME_CHARS_MAX {
            return Err(DisplayNameError);
        }
        Ok(Self(name))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Control characters, separators of lines, and what turns or hides text: one name must not rearrange its surroundings.
/// The joiners U+200C and U+200D stay, since scripts and emoji need them.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{00AD}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{180E}' | '\u{200B}' | '\u{200E}' | '\u{200F}'
                | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}'
                | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}'
        )
}

impl Accounts {
    pub fn new(
        store: Arc<dyn Store>,
        clock: Clock,
        keys: SigningKeys,
        tokens: Arc<Tokens>,
        notices: Notices,
        policy: Policy,
    ) -> Self {
        Self { store, clock, keys, tokens, notices, policy }
    }

    /// Makes an account and signs its first device in.
    ///
    /// # Errors
    /// [`AccountError::HandleTaken`], [`AccountError::DeviceElsewhere`], or a fault of the store.
    pub fn register(&self, new: &NewAccount) -> Result<SignedIn, AccountError> {
        let id = AccountId(random());
        let now_ms = self.clock.unix_ms();
        let certificate = self.certify(id, new.handle.as_str(), new.device, now_ms)?;
        let (family, refresh_token) = self.tokens.start_family(new.device);
        let access_token = self.tokens.issue_access(id, new.device, family.id)?;
        let mut account = AccountRecord {
            id,
            handle: new.handle.as_str().to_owned(),
            folded: new.handle.folded().to_owned(),
            display_name: if new.display_name.is_empty() {
                new.handle.as_str().to_owned()
            } else {
                new.display_name.as_str().to_owned()
            },
            password: new.password.clone(),
            created_at_ms: now_ms,
            devices: 1,
            first: false,
        };
        let device = DeviceRecord {
            account: id,
            certificate: certificate.clone(),
            name: new.device_name.as_str().to_owned(),
            created_at_ms: now_ms,
            revoked_at_ms: None,
        };
        let session = SessionRecord { account: id, families: vec![family] };
        for _ in 0..TRIES_MAX {
            account.first = self.store.get(records::FIRST_ACCOUNT)?.is_none();
            let mut batch = Batch::new();
            for skeleton in new.handle.skeletons() {
                batch.require(records::skeleton_key(skeleton), Expect::Absent);
                batch.put(records::skeleton_key(skeleton), id.as_bytes());
            }
            batch.require(records::device_key(new.device), Expect::Absent);
            if account.first {
                batch.require(records::FIRST_ACCOUNT, Expect::Absent);
                batch.put(records::FIRST_ACCOUNT, id.as_bytes());
            }
            records::put(&mut batch, records::account_key(id), &account);
            records::put(&mut batch, records::device_key(new.device), &device);
            records::put(&mut batch, records::session_key(new.device), &session);
            batch.put(records::account_device_key(id, new.device), Vec::new());
            match self.store.commit(batch, Durability::Synced) {
                Ok(()) => {
                    let admin = self.administers(&account);
                    return Ok(SignedIn { account, admin, access_token, refresh_token, certificate });
                }
                Err(StoreError::Conflict { key }) if key == records::FIRST_ACCOUNT => {}
                Err(StoreError::Conflict { key }) if key == records::device_key(new.device) => {
                    return Err(AccountError::DeviceElsewhere);
                }
                Err(StoreError::Conflict { .. }) => return Err(AccountError::HandleTaken),
                Err(error) => return Err(error.into()),
            }
        }
        Err(AccountError::Contended)
    }

    /// The account that `handle` spells, in any case and normal form. A look-alike finds nobody.
    ///
    /// # Errors
    /// A fault of the store.
    pub fn find(&self, handle: &str) -> Result<Option<Held<AccountRecord>>, AccountError> {
        let Ok(handle) = Handle::parse(handle) else { return Ok(None) };
        for skeleton in handle.skeletons() {
            let Some(id) = records::read_skeleton(&*self.store, skeleton)? else { continue };
            let found = self.account(id)?;
            if let Some(account) = found.filter(|account| account.record.folded == handle.folded()) {
                return Ok(Some(account));
            }
        }
        Ok(None)
    }

    /// Whether a handle, or one that looks like it, is taken.
    ///
    /// # Errors
    /// A fault of the store.
    pub fn is_taken(&self, skeletons: &BTreeSet<String>) -> Result<bool, AccountError> {
        for skeleton in skeletons {
            if records::read_skeleton(&*self.store, skeleton)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// An account by its id.
    ///
    /// # Errors
    /// A fault of the store.
    pub fn account(&self, id: AccountId) -> Result<Option<Held<AccountRecord>>, AccountError> {
        Ok(records::read(&*self.store, &records::account_key(id))?)
    }

    /// The names of an account, as the protocol shows them.
    ///
    /// # Errors
    /// A fault of the store.
    pub fn profile(&self, id: AccountId) -> Result<Option<Profile>, AccountError> {
        Ok(self.account(id)?.map(|held| Profile {
            account: id,
            handle: held.record.handle,
            display_name: held.record.display_name,
        }))
    }

    /// Whether an account administers this server.
    pub fn administers(&self, account: &AccountRecord) -> bool {
        match &self.policy.admin {
            Some(folded) => account.folded == *folded,
            None => account.first,
        }
    }

    /// Gives an account another display name; an empty one means its handle.
    ///
    /// # Errors
    /// [`AccountError::NotSignedIn`] where the account is gone, or a fault of the store.
    pub fn rename(&self, id: AccountId, name: &DisplayName) -> Result<AccountRecord, AccountError> {
        let changed = self.change_account(id, |account| {
            account.display_name = if name.is_empty() { account.handle.clone() } else { name.as_str().to_owned() };
            Ok(())
        })?;
        self.notices.send(Notice::ProfileChanged { account: id });
        Ok(changed)
    }

    /// Replaces a password, if it still is the one that `verified` holds.
    ///
    /// # Errors
    /// [`AccountError::PasswordChanged`] where somebody was faster, or a fault of the store.
    pub fn change_password(&self, verified: &AccountRecord, password: &str) -> Result<(), AccountError> {
        self.change_account(verified.id, |account| {
            if account.password != verified.password {
                return Err(AccountError::PasswordChanged);
            }
            password.clone_into(&mut account.password);
            Ok(())
        })?;
        Ok(())
    }

    fn change_account(
        &self,
        id: AccountId,
        change: impl Fn(&mut AccountRecord) -> Result<(), AccountError>,
    ) -> Result<AccountRecord, AccountError> {
        for _ in 0..TRIES_MAX {
            let held = self.account(id)?.ok_or(AccountError::NotSignedIn)?;
            let mut account = held.record.clone();
            change(&mut account)?;
            let mut batch = Batch::new();
            batch.require(records::account_key(id), held.unchanged());
            records::put(&mut batch, records::account_key(id), &account);
            match self.store.commit(batch, Durability::Synced) {
                Ok(()) => return Ok(account),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(AccountError::Contended)
    }

    /// The server's word that a device belongs to an account.
    fn certify(
        &self,
        account: AccountId,
        handle: &str,
        device: DeviceId,
        now_ms: u64,
    ) -> Result<Vec<u8>, AccountError> {
        let certificate = DeviceCertificate {
            server: self.keys.server_key(),
            account,
            handle: handle.to_owned(),
            device,
            issued_at: UnixMillis(now_ms),
            vouch: None,
        };
        Ok(cbor::encode(&Signed::sign(certificate, self.keys.identity())?))
    }
}

#[cfg(test)]
mod tests;
