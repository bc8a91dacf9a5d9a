//! Device certificates: the server's word that a device belongs to an account.

use minicbor::{Decode, Encode};

use crate::cbor::{Bounded, DecodeError, bound, bound_line};
use crate::clock::UnixMillis;
use crate::id::{AccountId, DeviceId, ServerKey};
use crate::limits;
use crate::signed::{Context, Signable, Signature, Signed};

/// Binds a device to an account of a server. Signed by the server's key.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct DeviceCertificate {
    /// The server that issues it; its key signs.
    #[n(0)]
    pub server: ServerKey,
    /// The account.
    #[n(1)]
    pub account: AccountId,
    /// The account's handle, as chosen at registration.
    #[n(2)]
    pub handle: String,
    /// The device.
    #[n(3)]
    pub device: DeviceId,
    /// When it was issued, by the server's clock.
    #[n(4)]
    pub issued_at: UnixMillis,
    /// Another device of the account that vouches for this one. No rule asks for it yet.
    #[n(5)]
    pub vouch: Option<Vouch>,
}

/// A signature of one device of an account over the key of another, [`VOUCH_CONTEXT`], account then device.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Vouch {
    /// Who vouches.
    #[n(0)]
    pub by: DeviceId,
    /// Its signature.
    #[n(1)]
    pub signature: Signature,
}

/// Context of a [`Vouch`].
pub const VOUCH_CONTEXT: Context = Context::new("momoland/1/vouch\0");

/// Context of the signature by which a device proves its key when it asks for a certificate:
/// over the handle as sent (UTF-8), NUL, then the device's key.
pub const REGISTRATION_CONTEXT: Context = Context::new("momoland/1/device-registration\0");

/// What a device signs when it asks for a certificate, see [`REGISTRATION_CONTEXT`].
pub fn registration_message(handle: &str, device: DeviceId) -> Vec<u8> {
    let mut message = handle.as_bytes().to_vec();
    message.push(0);
    message.extend_from_slice(device.as_bytes());
    message
}

impl Bounded for DeviceCertificate {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        bound(self.handle.chars().count() >= limits::HANDLE_CHARS.0, "handle")?;
        bound_line(&self.handle, limits::HANDLE_CHARS.1, "handle")
    }
}

impl Signable for DeviceCertificate {
    const CONTEXT: Context = Context::new("momoland/1/device-certificate\0");
    const BYTES_MAX: usize = limits::CERTIFICATE_BYTES_MAX;
}

impl Signed<DeviceCertificate> {
    /// Whether the server that it names, and that is `server`, issued it.
    pub fn is_by(&self, server: ServerKey) -> bool {
        self.get().server == server && self.verify(&server).is_ok()
    }
}
