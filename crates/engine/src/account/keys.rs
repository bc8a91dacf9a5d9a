//! This device's secret key: in a file that only its owner can read, or in the system's keychain.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use momoland_protocol::signed::SecretKey;
use zeroize::Zeroizing;

/// The file in the data folder.
const FILE: &str = "device.key";

/// The device's key in a data folder.
#[derive(Debug, Clone)]
pub(crate) struct KeyFile {
    path: PathBuf,
}

impl KeyFile {
    pub(crate) fn in_folder(data_dir: &Path) -> Self {
        Self { path: data_dir.join(FILE) }
    }

    /// The key, where there is one.
    ///
    /// # Errors
    /// Where the file cannot be read or holds no key.
    pub(crate) fn load(&self) -> io::Result<Option<SecretKey>> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        // The seed has an id's form: as many digits.
        let seed: momoland_protocol::id::Nonce = text
            .trim()
            .parse()
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, format!("{} holds no key", self.path.display())))?;
        Ok(Some(SecretKey::from_seed(&seed.0)))
    }

    /// Keeps a key, on disk before it returns.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub(crate) fn save(&self, key: &SecretKey) -> io::Result<()> {
        let seed = key.seed();
        let text = Zeroizing::new(momoland_protocol::id::Nonce(*seed).to_string());
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
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}
