//! Objects that somebody signed, kept as the bytes that were signed.
//!
//! A [`Signed`] is well-formed, not verified: whoever relies on it asks [`Signed::verify`] with the key that it must
//! be from. Verification is the strict kind of Ed25519 (no small-order keys, no cofactor), since all replicas must
//! agree on every single signature.

use std::fmt;
use std::sync::Arc;

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use minicbor::{Decode, Decoder, Encode, Encoder};
use zeroize::Zeroizing;

use crate::cbor::{self, Bounded, DecodeError};
use crate::id::{DeviceId, InviteKey, ServerKey};

/// A kind of object that can be signed.
pub trait Signable: Encode<()> + for<'b> Decode<'b, ()> + Bounded {
    /// What its signatures begin with, so that a signature for one kind is never one for another.
    const CONTEXT: Context;
    /// Bytes of its encoding at most.
    const BYTES_MAX: usize;
}

/// The context string of one kind of object. No string is a prefix of another, since each ends in its only NUL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context(&'static str);

impl Context {
    /// # Panics
    /// At compile time, unless `text` begins with `momoland/1/` and ends in its only NUL.
    pub const fn new(text: &'static str) -> Self {
        let bytes = text.as_bytes();
        assert!(bytes[bytes.len() - 1] == 0, "a context ends in NUL");
        let mut at = 0;
        while at < bytes.len() - 1 {
            assert!(bytes[at] != 0, "a context has one NUL");
            at += 1;
        }
        Self(text)
    }

    fn message(self, bytes: &[u8]) -> Vec<u8> {
        let mut message = Vec::with_capacity(self.0.len() + bytes.len());
        message.extend_from_slice(self.0.as_bytes());
        message.extend_from_slice(bytes);
        message
    }
}

/// An Ed25519 signature (RFC 8032).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; 64]);

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

impl<C> Encode<C> for Signature {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Signature {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let bytes = d.bytes()?;
        bytes.try_into().map(Self).map_err(|_| minicbor::decode::Error::message("wrong length of a signature"))
    }
}

/// The signature is not by the key that it should be by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not fit")]
pub struct BadSignature;

/// A key that signatures are checked with.
pub trait PublicKey {
    /// The 32 bytes of the Ed25519 public key.
    fn key_bytes(&self) -> &[u8; 32];

    /// Checks a signature over a context and bytes.
    ///
    /// # Errors
    /// [`BadSignature`], also where the key itself is no point on the curve.
    fn check(&self, context: Context, bytes: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        let key = VerifyingKey::from_bytes(self.key_bytes()).map_err(|_| BadSignature)?;
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        key.verify_strict(&context.message(bytes), &signature).map_err(|_| BadSignature)
    }
}

impl PublicKey for DeviceId {
    fn key_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PublicKey for ServerKey {
    fn key_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PublicKey for InviteKey {
    fn key_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A secret key: of a device, a server or an invite. Its memory is wiped when it goes.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// A fresh key.
    pub fn generate() -> Self {
        let seed = Zeroizing::new(crate::id::random::<32>());
        Self::from_seed(&seed)
    }

    /// The key that a 32-byte seed stands for (RFC 8032 §5.1.5).
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The seed, to be kept somewhere safe.
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public half.
    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// The public half of a device's key.
    pub fn device(&self) -> DeviceId {
        DeviceId(self.public())
    }

    /// Signs a context and bytes.
    pub fn sign(&self, context: Context, bytes: &[u8]) -> Signature {
        Signature(self.0.sign(&context.message(bytes)).to_bytes())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

/// An object, the bytes it was received or signed as, and a signature that is not yet checked.
///
/// On the wire: an array of two byte strings. Cloning shares it.
pub struct Signed<T>(Arc<Parts<T>>);

struct Parts<T> {
    value: T,
    bytes: Vec<u8>,
    signature: Signature,
    hash: [u8; 32],
    /// The key that it was signed by here, or found to be signed by.
    #[cfg(feature = "memo")]
    signed_by: std::sync::OnceLock<[u8; 32]>,
}

impl<T> Parts<T> {
    fn new(value: T, bytes: Vec<u8>, signature: Signature, hash: [u8; 32]) -> Self {
        Self {
            value,
            bytes,
            signature,
            hash,
            #[cfg(feature = "memo")]
            signed_by: std::sync::OnceLock::new(),
        }
    }
}

impl<T: Signable> Signed<T> {
    /// Signs `value`.
    ///
    /// # Errors
    /// [`DecodeError`] where it is outside its bounds: everybody would refuse it.
    pub fn sign(value: T, key: &SecretKey) -> Result<Self, DecodeError> {
        value.check_bounds()?;
        let bytes = cbor::encode(&value);
        if bytes.len() > T::BYTES_MAX {
            return Err(DecodeError::TooLong { length: bytes.len(), limit: T::BYTES_MAX });
        }
        let signature = key.sign(T::CONTEXT, &bytes);
        let hash = Self::hash_of(&bytes, &signature);
        let parts = Parts::new(value, bytes, signature, hash);
        #[cfg(feature = "memo")]
        let _ = parts.signed_by.set(key.public());
        Ok(Self(Arc::new(parts)))
    }

    /// Checks that `key` signed it.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify(&self, key: &impl PublicKey) -> Result<(), BadSignature> {
        #[cfg(feature = "memo")]
        if self.0.signed_by.get() == Some(key.key_bytes()) {
            return Ok(());
        }
        key.check(T::CONTEXT, &self.0.bytes, &self.0.signature)?;
        #[cfg(feature = "memo")]
        let _ = self.0.signed_by.set(*key.key_bytes());
        Ok(())
    }

    /// The object.
    pub fn get(&self) -> &T {
        &self.0.value
    }

    /// The signature, not yet checked.
    pub fn signature(&self) -> &Signature {
        &self.0.signature
    }

    /// Bytes that its encoding takes, give or take a few.
    pub fn size(&self) -> usize {
        self.0.bytes.len() + 64 + 6
    }

    /// BLAKE3 of the encoding of the whole: bytes and signature.
    pub fn hash(&self) -> [u8; 32] {
        self.0.hash
    }

    fn hash_of(bytes: &[u8], signature: &Signature) -> [u8; 32] {
        let mut encoded = Vec::with_capacity(bytes.len() + 72);
        let mut e = Encoder::new(&mut encoded);
        let done = e.array(2).and_then(|e| e.bytes(bytes)).and_then(|e| e.bytes(&signature.0)).map(|_| ());
        debug_assert!(done.is_ok(), "encoding into memory cannot fail");
        *blake3::hash(&encoded).as_bytes()
    }
}

impl<T> Clone for Signed<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Two are equal where they were signed as the same bytes with the same signature.
impl<T> PartialEq for Signed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0.hash == other.0.hash
    }
}

impl<T> Eq for Signed<T> {}

impl<T: fmt::Debug> fmt::Debug for Signed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Signed").field(&self.0.value).finish()
    }
}

impl<C, T> Encode<C> for Signed<T> {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.array(2)?.bytes(&self.0.bytes)?.bytes(&self.0.signature.0)?.ok()
    }
}

impl<'b, C, T: Signable> Decode<'b, C> for Signed<T> {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, minicbor::decode::Error> {
        if d.array()? != Some(2) {
            return Err(minicbor::decode::Error::message("a signed object is an array of two"));
        }
        let bytes = d.bytes()?;
        let value = cbor::decode::<T>(bytes, T::BYTES_MAX)
            .map_err(|error| minicbor::decode::Error::message(error.to_string()))?;
        let signature = Signature::decode(d, ctx)?;
        let hash = Self::hash_of(bytes, &signature);
        Ok(Self(Arc::new(Parts::new(value, bytes.to_vec(), signature, hash))))
    }
}

/// Checked when it was decoded, or before it was signed.
impl<T> Bounded for Signed<T> {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        Ok(())
    }
}
