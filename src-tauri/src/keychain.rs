//! The system's keychain as the engine's vault: Secret Service, macOS' Keychain, Windows' Credential Manager.
//!
//! Where there is none (a machine without a desktop session), every call fails and the engine keeps the key in the data
//! folder.

use std::io;

use keyring::{Entry, Error};
use momoland_engine::KeyVault;
use zeroize::Zeroizing;

/// Under which the keychain shows Momoland's entries.
const SERVICE: &str = "Momoland";

/// The keychain of whoever is logged in.
#[derive(Debug)]
pub(crate) struct Keychain;

impl KeyVault for Keychain {
    fn load(&self, name: &str) -> io::Result<Option<Zeroizing<String>>> {
        match entry(name)?.get_password() {
            Ok(secret) => Ok(Some(Zeroizing::new(secret))),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(io::Error::other(error)),
        }
    }

    fn save(&self, name: &str, secret: &str) -> io::Result<()> {
        entry(name)?.set_password(secret).map_err(io::Error::other)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match entry(name)?.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(io::Error::other(error)),
        }
    }
}

fn entry(name: &str) -> io::Result<Entry> {
    Entry::new(SERVICE, name).map_err(io::Error::other)
}
