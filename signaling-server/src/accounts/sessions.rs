//! Sessions: signing a device in, keeping it in by refreshing, and out.

use momoland_protocol::id::{AccountId, DeviceId};
use momoland_store::kv::{Batch, Durability, Expect, StoreError};

use super::notices::{Notice, SignOut};
use super::tokens::{AccessToken, RefreshToken, Standing};
use super::{AccountError, Accounts, DisplayName, Session, SignedIn, TRIES_MAX};
use crate::records::{self, AccountRecord, DeviceRecord, Held, SessionRecord};

/// Families of one device. A log-in whose answer was lost leaves one behind; beyond, the oldest ends.
const FAMILIES_MAX: usize = 4;

/// What a refresh gives.
#[derive(Debug)]
pub struct Refreshed {
    pub account: AccountId,
    pub device: DeviceId,
    pub access_token: String,
    pub refresh_token: String,
}

impl Accounts {
    /// Signs a device in to an account whose password was found right, and certifies it where it is new.
    ///
    /// # Errors
    /// [`AccountError::DeviceElsewhere`], [`AccountError::DeviceRevoked`], [`AccountError::TooManyDevices`],
    /// [`AccountError::PasswordChanged`], or a fault of the store.
    pub fn sign_in(
        &self,
        verified: &AccountRecord,
        device: DeviceId,
        device_name: &DisplayName,
    ) -> Result<SignedIn, AccountError> {
        for _ in 0..TRIES_MAX {
            let held = self.account(verified.id)?.ok_or(AccountError::PasswordChanged)?;
            if held.record.password != verified.password {
                return Err(AccountError::PasswordChanged);
            }
            match self.try_sign_in(&held, device, device_name) {
                Err(AccountError::Records(records::RecordError::Store(StoreError::Conflict { .. }))) => {}
                done => return done,
            }
        }
        Err(AccountError::Contended)
    }

    fn try_sign_in(
        &self,
        held: &Held<AccountRecord>,
        device: DeviceId,
        device_name: &DisplayName,
    ) -> Result<SignedIn, AccountError> {
        let mut account = held.record.clone();
        let now_ms = self.clock.unix_ms();
        let mut batch = Batch::new();
        // So that a password changed in between, and a device too many, are noticed.
        batch.require(records::account_key(account.id), held.unchanged());

        let device_key = records::device_key(device);
        let known = records::read::<DeviceRecord>(&*self.store, &device_key)?;
        let added = known.is_none();
        let certificate = match known {
            Some(known) => {
                if known.record.account != account.id {
                    return Err(AccountError::DeviceElsewhere);
                }
                if known.record.revoked_at_ms.is_some() {
                    return Err(AccountError::DeviceRevoked);
                }
                batch.require(device_key, known.unchanged());
                known.record.certificate
            }
            None => {
                let max = self.policy.devices_max;
                if usize::try_from(account.devices).unwrap_or(usize::MAX) >= max {
                    return Err(AccountError::TooManyDevices { max });
                }
                let certificate = self.certify(account.id, &account.handle, device, now_ms)?;
                let record = DeviceRecord {
                    account: account.id,
                    certificate: certificate.clone(),
                    name: device_name.as_str().to_owned(),
                    created_at_ms: now_ms,
                    revoked_at_ms: None,
                };
                account.devices = account.devices.saturating_add(1);
                batch.require(device_key.clone(), Expect::Absent);
                records::put(&mut batch, device_key, &record);
                records::put(&mut batch, records::account_key(account.id), &account);
                batch.put(records::account_device_key(account.id, device), Vec::new());
                certificate
            }
        };

        let session_key = records::session_key(device);
        let session = records::read::<SessionRecord>(&*self.store, &session_key)?;
        let expect = session.as_ref().map_or(Expect::Absent, Held::unchanged);
        batch.require(session_key.clone(), expect);
        let mut families = session.map(|held| held.record.families).unwrap_or_default();
        if families.len() >= FAMILIES_MAX {
            families.remove(0);
        }
        let (family, refresh_token) = self.tokens.start_family(device);
        let access_token = self.tokens.issue_access(account.id, device, family.id)?;
        families.push(family);
        records::put(&mut batch, session_key, &SessionRecord { account: account.id, families });
        self.store.commit(batch, Durability::Synced)?;

        if added {
            self.notices.send(Notice::DeviceAdded { account: account.id, device });
        }
        let admin = self.administers(&account);
        Ok(SignedIn { account, admin, access_token, refresh_token, certificate })
    }

    /// Turns a refresh token into a fresh pair. A repeat within the grace gives the successor that the first use made.
    ///
    /// # Errors
    /// [`AccountError::NotSignedIn`]; [`AccountError::TokenReused`], and then all sessions of the device are ended; or a
    /// fault of the store.
    pub fn refresh(&self, token: &RefreshToken) -> Result<Refreshed, AccountError> {
        let key = records::session_key(token.device);
        for _ in 0..TRIES_MAX {
            let held = records::read::<SessionRecord>(&*self.store, &key)?.ok_or(AccountError::NotSignedIn)?;
            let mut session = held.record.clone();
            let account = session.account;
            let family = session
                .families
                .iter_mut()
                .find(|family| family.id == token.family)
                .ok_or(AccountError::NotSignedIn)?;
            let unused_ms = self.clock.unix_ms().saturating_sub(family.used_at_ms);
            if u128::from(unused_ms) > self.policy.refresh_ttl.as_millis() {
                return Err(AccountError::NotSignedIn);
            }
            let refresh_token = match self.tokens.standing(family, token, self.policy.refresh_grace) {
                Standing::Repeated(successor) => {
                    let refresh_token = self.tokens.write_successor(token, &successor);
                    let access_token = self.tokens.issue_access(account, token.device, token.family)?;
                    return Ok(Refreshed { account, device: token.device, access_token, refresh_token });
                }
                Standing::Current => self.tokens.rotate(family, token, self.policy.refresh_grace),
                Standing::Reused => {
                    match self.end_sessions(account, token.device, SignOut::TokenReused, Some(held.unchanged())) {
                        Ok(()) => return Err(AccountError::TokenReused),
                        Err(AccountError::Records(records::RecordError::Store(StoreError::Conflict { .. }))) => {
                            continue;
                        }
                        Err(error) => return Err(error),
                    }
                }
            };
            let access_token = self.tokens.issue_access(account, token.device, token.family)?;
            let mut batch = Batch::new();
            batch.require(key.clone(), held.unchanged());
            records::put(&mut batch, key.clone(), &session);
            match self.store.commit(batch, Durability::Synced) {
                Ok(()) => return Ok(Refreshed { account, device: token.device, access_token, refresh_token }),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(AccountError::Contended)
    }

    /// The session that a good access token belongs to.
    ///
    /// # Errors
    /// [`AccountError::NotSignedIn`] where its family has ended or its device is revoked, or a fault of the store.
    pub fn session(&self, token: &AccessToken) -> Result<Session, AccountError> {
        let session = records::read::<SessionRecord>(&*self.store, &records::session_key(token.device))?
            .filter(|held| held.record.account == token.account)
            .ok_or(AccountError::NotSignedIn)?;
        if !session.record.families.iter().any(|family| family.id == token.family) {
            return Err(AccountError::NotSignedIn);
        }
        Ok(Session {
            account: token.account,
            device: token.device,
            family: token.family,
            expires_at_ms: token.expires_at_ms,
        })
    }

    /// Whether a device is signed in at all: what a connection asks that missed a notice.
    ///
    /// # Errors
    /// A fault of the store.
    pub fn is_signed_in(&self, device: DeviceId) -> Result<bool, AccountError> {
        let session = records::read::<SessionRecord>(&*self.store, &records::session_key(device))?;
        Ok(session.is_some_and(|held| !held.record.families.is_empty()))
    }

    /// Ends the sessions of the device that a refresh token is of. A token that is no longer good ends nothing.
    ///
    /// # Errors
    /// A fault of the store.
    pub fn log_out_by_token(&self, token: &RefreshToken) -> Result<(), AccountError> {
        let session = records::read::<SessionRecord>(&*self.store, &records::session_key(token.device))?;
        let Some(held) = session else { return Ok(()) };
        let good = held.record.families.iter().filter(|family| family.id == token.family).any(|family| {
            match self.tokens.standing(family, token, self.policy.refresh_grace) {
                Standing::Current | Standing::Repeated(_) => true,
                Standing::Reused => false,
            }
        });
        if good { self.log_out(held.record.account, token.device) } else { Ok(()) }
    }

    /// Ends the sessions of a device. Its certificate stays good, and so does its place among the devices.
    ///
    /// # Errors
    /// A fault of the store.
    pub fn log_out(&self, account: AccountId, device: DeviceId) -> Result<(), AccountError> {
        self.end_sessions(account, device, SignOut::LoggedOut, None)
    }

    /// Ends the sessions of all devices but `kept`, after the password was changed.
    ///
    /// # Errors
    /// A fault of the store.
    pub fn log_out_others(&self, account: AccountId, kept: DeviceId) -> Result<(), AccountError> {
        for device in records::devices_of(&*self.store, account)? {
            if device != kept && self.is_signed_in(device)? {
                self.end_sessions(account, device, SignOut::PasswordChanged, None)?;
            }
        }
        Ok(())
    }

    fn end_sessions(
        &self,
        account: AccountId,
        device: DeviceId,
        reason: SignOut,
        expect: Option<Expect>,
    ) -> Result<(), AccountError> {
        let mut batch = Batch::new();
        if let Some(expect) = expect {
            batch.require(records::session_key(device), expect);
        }
        batch.delete(records::session_key(device));
        self.store.commit(batch, Durability::Synced)?;
        self.notices.send(Notice::SignedOut { account, device, reason });
        Ok(())
    }
}
