//! The server's keys: its identity, and the key that signs access tokens.
//!
//! The *identity* is what clients pin: it signs device certificates and puts roster changes in order, and never changes.
//! The *token key* signs access tokens only; it may be replaced by deleting its file, which ends every access token and
//! nothing else. Both are made at the first start, as PKCS #8 in PEM (RFC 8410), readable by the owner alone.
//!
//! From the identity's seed a third secret is derived, which marks refresh tokens as ours (`tokens`).

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use momoland_protocol::id::ServerKey;
use momoland_protocol::signed::SecretKey;
use serde_json::{Value, json};
use zeroize::Zeroizing;

/// Bytes of a key file; a real one has 119.
const FILE_BYTES_MAX: u64 = 4096;

/// What the key that marks refresh tokens is derived under.
const REFRESH_CONTEXT: &str = "momoland server 1: refresh token marks";

/// The server's secret keys.
#[derive(Debug, Clone)]
pub struct SigningKeys {
    identity: SecretKey,
    tokens: SecretKey,
}

/// Why there are no keys. Nothing was overwritten.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("The key {path} cannot be read or written: {cause}.")]
    Io { path: PathBuf, cause: io::Error },
    #[error("The file {path} is not a key of this server: {cause}. Put the right file back, from a backup if need be.")]
    Malformed { path: PathBuf, cause: String },
}

impl SigningKeys {
    /// Fresh keys that are kept nowhere.
    pub fn generate() -> Self {
        Self { identity: SecretKey::generate(), tokens: SecretKey::generate() }
    }

    /// The keys in `folder`; those that are not there are made.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn open(folder: &Path) -> Result<Self, KeyError> {
        Ok(Self {
            identity: open_or_make(&folder.join("identity.pem"))?,
            tokens: open_or_make(&folder.join("tokens.pem"))?,
        })
    }

    /// Signs certificates and countersigns roster changes.
    pub fn identity(&self) -> &SecretKey {
        &self.identity
    }

    /// What clients pin.
    pub fn server_key(&self) -> ServerKey {
        ServerKey(self.identity.public())
    }

    /// The public half of the token key.
    pub fn token_public(&self) -> [u8; 32] {
        self.tokens.public()
    }

    /// The name of the token key in JWKS and in the head of tokens: its thumbprint, shortened.
    pub fn token_key_id(&self) -> String {
        URL_SAFE_NO_PAD.encode(blake3::hash(&self.token_public()).as_bytes().first_chunk::<12>().unwrap_or(&[0; 12]))
    }

    /// The token key as PKCS #8, which is what `jsonwebtoken` takes.
    pub(crate) fn token_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, String> {
        let key = SigningKey::from_bytes(&self.tokens.seed());
        key.to_pkcs8_der().map(|der| Zeroizing::new(der.as_bytes().to_vec())).map_err(|error| error.to_string())
    }

    /// The key that marks refresh tokens as issued here.
    pub(crate) fn refresh_mark_key(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(blake3::derive_key(REFRESH_CONTEXT, self.identity.seed().as_slice()))
    }

    /// The JSON Web Key Set (RFC 7517, RFC 8037).
    pub fn jwks(&self) -> Value {
        json!({ "keys": [{
            "kty": "OKP",
            "crv": "Ed25519",
            "alg": "EdDSA",
            "use": "sig",
            "kid": self.token_key_id(),
            "x": URL_SAFE_NO_PAD.encode(self.token_public()),
        }] })
    }
}

fn open_or_make(path: &Path) -> Result<SecretKey, KeyError> {
    let io_error = |cause| KeyError::Io { path: path.to_path_buf(), cause };
    let malformed = |cause: String| KeyError::Malformed { path: path.to_path_buf(), cause };
    match fs::metadata(path) {
        Ok(metadata) if metadata.len() > FILE_BYTES_MAX => return Err(malformed("it is too large".to_owned())),
        Ok(metadata) => {
            if metadata.permissions().mode() & 0o077 != 0 {
                tracing::warn!(path = %path.display(), "others could read a secret key; its permissions are narrowed");
                fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(io_error)?;
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(path).map_err(io_error)?,
        Err(error) => return Err(io_error(error)),
    }
    // Also after making one: what was written is what must be readable at the next start.
    let pem = Zeroizing::new(fs::read_to_string(path).map_err(io_error)?);
    let key = SigningKey::from_pkcs8_pem(&pem).map_err(|error| malformed(error.to_string()))?;
    Ok(SecretKey::from_seed(&Zeroizing::new(key.to_bytes())))
}

/// Writes a fresh key so that the file is there whole or not at all, and never readable by others.
fn make(path: &Path) -> io::Result<()> {
    let key = SigningKey::from_bytes(&SecretKey::generate().seed());
    let pem = key.to_pkcs8_pem(LineEnding::LF).map_err(io::Error::other)?;
    let draft = path.with_extension("new");
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(pem.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    if let Some(folder) = path.parent() {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_once_and_only_their_owner_reads_them() {
        let folder = tempfile::tempdir().unwrap();
        let first = SigningKeys::open(folder.path()).unwrap();
        let second = SigningKeys::open(folder.path()).unwrap();
        assert_eq!(first.server_key(), second.server_key());
        assert_eq!(first.token_public(), second.token_public());
        assert_ne!(first.server_key().0, first.token_public());
        for name in ["identity.pem", "tokens.pem"] {
            let mode = fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no draft is left");
    }

    #[test]
    fn a_key_that_others_can_read_is_narrowed() {
        let folder = tempfile::tempdir().unwrap();
        SigningKeys::open(folder.path()).unwrap();
        let path = folder.path().join("identity.pem");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        SigningKeys::open(folder.path()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_key_is_refused_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        SigningKeys::open(folder.path()).unwrap();
        let path = folder.path().join("identity.pem");
        for damage in ["", "nonsense", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
            fs::write(&path, damage).unwrap();
            let error = SigningKeys::open(folder.path()).unwrap_err();
            assert!(matches!(error, KeyError::Malformed { .. }), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), damage);
        }
    }

    #[test]
    fn a_draft_of_an_interrupted_start_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("identity.new"), "half").unwrap();
        SigningKeys::open(folder.path()).unwrap();
        assert!(!folder.path().join("identity.new").exists());
    }
}
