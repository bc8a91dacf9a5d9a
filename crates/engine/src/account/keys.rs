//! This device's secret key: in a vault that the front brings (the system's keychain), or in a file that only its owner
//! can read.
//!
//! A machine without a keychain, or one whose keychain refuses, keeps the key in the file: to lose the key would be worse.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use momoland_protocol::signed::SecretKey;
use zeroize::Zeroizing;

/// The file in the data folder.
const FILE: &str = "device.key";

/// Keeps secrets for the person who is logged in to the machine: the system's keychain.
pub trait KeyVault: std::fmt::Debug + Send + Sync {
    /// The secret of a name, where there is one.
    ///
    /// # Errors
    /// Where the vault cannot be used now.
    fn load(&self, name: &str) -> io::Result<Option<Zeroizing<String>>>;

    /// Keeps a secret under a name, for good before it returns.
    ///
    /// # Errors
    /// Where the vault did not take it.
    fn save(&self, name: &str, secret: &str) -> io::Result<()>;

    /// Forgets a secret; that there is none is no error.
    ///
    /// # Errors
    /// Where the vault may still have it.
    fn remove(&self, name: &str) -> io::Result<()>;
}

/// The device's key of a data folder.
#[derive(Debug, Clone)]
pub(crate) struct DeviceKey {
    path: PathBuf,
    vault: Option<Arc<dyn KeyVault>>,
    /// Names the folder in the vault.
    name: String,
}

impl DeviceKey {
    pub(crate) fn in_folder(data_dir: &Path, vault: Option<Arc<dyn KeyVault>>) -> Self {
        let whole = data_dir.canonicalize().unwrap_or_else(|_| data_dir.to_owned());
        let name = format!("device of {}", whole.display());
        Self { path: data_dir.join(FILE), vault, name }
    }

    /// The key, where there is one.
    ///
    /// # Errors
    /// Where the vault or the file cannot be read, or holds no key.
    pub(crate) fn load(&self) -> io::Result<Option<SecretKey>> {
        // The file first: it is there only where the vault was not to be had, and then it is the newest.
        if let Some(text) = self.read_file()? {
            return self.parse(&text).map(Some);
        }
        match &self.vault {
            Some(vault) => vault.load(&self.name)?.map(|text| self.parse(&text)).transpose(),
            None => Ok(None),
        }
    }

    fn read_file(&self) -> io::Result<Option<Zeroizing<String>>> {
        match fs::read_to_string(&self.path) {
            Ok(text) => Ok(Some(Zeroizing::new(text))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn parse(&self, text: &str) -> io::Result<SecretKey> {
        // The seed has the form of an id: as many digits.
        let seed: momoland_protocol::id::Nonce = text
            .trim()
            .parse()
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, format!("{} holds no key", self.path.display())))?;
        Ok(SecretKey::from_seed(&seed.0))
    }

    /// Keeps a key, for good before it returns.
    ///
    /// # Errors
    /// Where neither the vault nor the file takes it.
    pub(crate) fn save(&self, key: &SecretKey) -> io::Result<()> {
        let seed = key.seed();
        let text = Zeroizing::new(momoland_protocol::id::Nonce(*seed).to_string());
        if let Some(vault) = &self.vault {
            // Some keychains say yes and forget: only what can be read back is kept.
            let kept = vault.save(&self.name, &text).and_then(|()| vault.load(&self.name));
            match kept {
                Ok(Some(held)) if held == text => return Ok(()),
                Ok(_) => tracing::warn!("the keychain did not keep this device's key; it lies in the data folder"),
                Err(error) => {
                    tracing::warn!(%error, "there is no keychain to be had; this device's key lies in the data folder");
                }
            }
        }
        self.write_file(&text)
    }

    fn write_file(&self, text: &str) -> io::Result<()> {
        let fresh = self.path.with_extension("key.new");
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&fresh)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, &self.path)
    }

    /// Forgets the key.
    ///
    /// # Errors
    /// Where the file cannot be removed.
    pub(crate) fn remove(&self) -> io::Result<()> {
        let in_vault = self.vault.as_ref().map_or(Ok(()), |vault| vault.remove(&self.name));
        match fs::remove_file(&self.path) {
            // It lay in the file: whether the keychain answers does not matter.
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => in_vault,
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::{Mutex, MutexGuard, PoisonError};

    use super::*;

    /// A keychain in memory; it may be out of order, or forget.
    #[derive(Debug, Default)]
    struct Keychain {
        secrets: Mutex<BTreeMap<String, String>>,
        broken: bool,
        forgetful: bool,
    }

    impl Keychain {
        fn secrets(&self) -> io::Result<MutexGuard<'_, BTreeMap<String, String>>> {
            if self.broken {
                return Err(io::Error::other("no secret service"));
            }
            Ok(self.secrets.lock().unwrap_or_else(PoisonError::into_inner))
        }
    }

    impl KeyVault for Keychain {
        fn load(&self, name: &str) -> io::Result<Option<Zeroizing<String>>> {
            Ok(self.secrets()?.get(name).cloned().map(Zeroizing::new))
        }

        fn save(&self, name: &str, secret: &str) -> io::Result<()> {
            let mut secrets = self.secrets()?;
            if !self.forgetful {
                secrets.insert(name.to_owned(), secret.to_owned());
            }
            Ok(())
        }

        fn remove(&self, name: &str) -> io::Result<()> {
            self.secrets()?.remove(name);
            Ok(())
        }
    }

    fn check(keychain: Keychain, in_file: bool) {
        let folder = tempfile::tempdir().unwrap();
        let keys = DeviceKey::in_folder(folder.path(), Some(Arc::new(keychain)));
        let key = SecretKey::generate();
        keys.save(&key).unwrap();
        assert_eq!(keys.load().unwrap().unwrap().device(), key.device());
        assert_eq!(folder.path().join(FILE).exists(), in_file);
        keys.remove().unwrap();
        assert!(!folder.path().join(FILE).exists());
    }

    #[test]
    fn the_key_lies_in_the_keychain_where_there_is_one() {
        check(Keychain::default(), false);
    }

    #[test]
    fn without_a_keychain_the_key_lies_in_the_data_folder() {
        check(Keychain { broken: true, ..Keychain::default() }, true);
        check(Keychain { forgetful: true, ..Keychain::default() }, true);
    }

    #[test]
    fn a_key_file_is_its_owners_alone_and_goes_with_the_sign_out() {
        let folder = tempfile::tempdir().unwrap();
        let keys = DeviceKey::in_folder(folder.path(), None);
        assert!(keys.load().unwrap().is_none());
        let key = SecretKey::generate();
        keys.save(&key).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert_eq!(keys.load().unwrap().unwrap().device(), key.device());
        keys.remove().unwrap();
        keys.remove().unwrap();
        assert!(keys.load().unwrap().is_none());
    }

    #[test]
    fn a_spoilt_key_file_is_an_error_not_a_new_device() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "not a key").unwrap();
        assert!(DeviceKey::in_folder(folder.path(), None).load().is_err());
    }
}
