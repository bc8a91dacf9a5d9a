//! Devices of an account: their certificates, their list, their revocation.

use momoland_protocol::certificate::{REGISTRATION_CONTEXT, registration_message};
use momoland_protocol::id::{AccountId, DeviceId};
use momoland_protocol::signed::{BadSignature, PublicKey, Signature};
use momoland_store::kv::{Batch, Durability, StoreError};

use super::notices::{Notice, SignOut};
use super::{AccountError, Accounts, TRIES_MAX};
use crate::records::{self, DeviceRecord, SessionRecord};

/// A device, as its owner's list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceEntry {
    pub device: DeviceId,
    pub name: String,
    pub created_at_ms: u64,
    /// When it last logged in or refreshed, where it is signed in.
    pub used_at_ms: Option<u64>,
    pub revoked_at_ms: Option<u64>,
}

/// Checks that whoever asks for a certificate has the device's key.
///
/// # Errors
/// [`BadSignature`].
pub fn check_proof(handle_as_sent: &str, device: DeviceId, proof: &Signature) -> Result<(), BadSignature> {
    device.check(REGISTRATION_CONTEXT, &registration_message(handle_as_sent, device), proof)
}

impl Accounts {
    /// A device by its key, revoked ones too.
    ///
    /// # Errors
    /// A fault of the store.
    pub fn device(&self, device: DeviceId) -> Result<Option<DeviceRecord>, AccountError> {
        let held = records::read::<DeviceRecord>(&*self.store, &records::device_key(device))?;
        Ok(held.map(|held| held.record))
    }

    /// All devices of an account, oldest first.
    ///
    /// # Errors
    /// A fault of the store.
    pub fn devices(&self, account: AccountId) -> Result<Vec<DeviceEntry>, AccountError> {
        let mut entries = Vec::new();
        for device in records::devices_of(&*self.store, account)? {
            let Some(record) = self.device(device)? else { continue };
            let session = records::read::<SessionRecord>(&*self.store, &records::session_key(device))?;
            entries.push(DeviceEntry {
                device,
                name: record.name,
                created_at_ms: record.created_at_ms,
                used_at_ms: session.and_then(|held| held.record.families.iter().map(|family| family.used_at_ms).max()),
                revoked_at_ms: record.revoked_at_ms,
            });
        }
        entries.sort_by_key(|entry| (entry.created_at_ms, entry.device));
        Ok(entries)
    }

    /// Revokes a device for ever and ends its sessions. Again, it does nothing.
    ///
    /// # Errors
    /// [`AccountError::NoSuchDevice`] where it is not the account's, or a fault of the store.
    pub fn revoke(&self, account: AccountId, device: DeviceId) -> Result<(), AccountError> {
        for _ in 0..TRIES_MAX {
            let held_device = records::read::<DeviceRecord>(&*self.store, &records::device_key(device))?
                .filter(|held| held.record.account == account)
                .ok_or(AccountError::NoSuchDevice)?;
            if held_device.record.revoked_at_ms.is_some() {
                return Ok(());
            }
            let held_account = self.account(account)?.ok_or(AccountError::NotSignedIn)?;
            let mut account_record = held_account.record.clone();
            account_record.devices = account_record.devices.saturating_sub(1);
            let mut device_record = held_device.record.clone();
            device_record.revoked_at_ms = Some(self.clock.unix_ms());
            let mut batch = Batch::new();
            batch.require(records::device_key(device), held_device.unchanged());
            batch.require(records::account_key(account), held_account.unchanged());
            records::put(&mut batch, records::device_key(device), &device_record);
            records::put(&mut batch, records::account_key(account), &account_record);
            batch.delete(records::session_key(device));
            match self.store.commit(batch, Durability::Synced) {
                Ok(()) => {
                    self.notices.send(Notice::SignedOut { account, device, reason: SignOut::Revoked });
                    return Ok(());
                }
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(AccountError::Contended)
    }
}
