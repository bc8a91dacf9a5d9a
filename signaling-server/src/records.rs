//! Keys and codecs of what only the server stores: accounts, devices, sessions, and facts about the store itself.
//!
//! ```text
//!  m ‖ name                          facts about the store, below
//!  a ‖ account (16)                  AccountRecord
//!  h ‖ skeleton (UTF-8)              account (16)        everything that looks like a taken handle
//!  d ‖ device (32)                   DeviceRecord
//!  D ‖ account (16) ‖ device (32)    empty               the devices of an account
//!  s ‖ device (32)                   SessionRecord       who is signed in, and with which refresh token
//!  p ‖ account (16)                  LastSeenRecord      when its last device went
//!  n ‖ number (8)                    Notice              what everybody is told
//!  N ‖ account (16) ‖ number (8)     Notice              what one account is told
//!  L …                               rooms, as `momoland_store::event_log` lays them out
//! ```
//! The other first letters are free. A value is one byte, the version of its form, then CBOR;
//! a version that this program does not know is an error, never a guess. Reads and writes block: they belong on a
//! thread that may wait for the disk ([`crate::App::blocking`]).

use minicbor::{Decode, Encode};
use momoland_protocol::id::{AccountId, DeviceId};
use momoland_protocol::notice::Notice;
use momoland_protocol::server::Availability;
use momoland_store::kv::{Batch, Expect, KeyRange, Order, RANGE_PAIRS_MAX, Store, StoreError};

/// The schema of the whole store; raised when the layout above changes.
pub const SCHEMA: u32 = 2;

/// `m`: the public identity key that this store belongs to.
pub const SERVER_KEY: &[u8] = b"mserver-key";
/// `m`: the first account, which administers where the configuration names nobody.
pub const FIRST_ACCOUNT: &[u8] = b"mfirst-account";
/// `m`: the number of the last notice of an administrator, 8 bytes, big endian.
pub const NOTICE_NUMBER: &[u8] = b"mnotice-number";
/// `m`: written now and then to see whether writing works.
pub const PROBE: &[u8] = b"mprobe";

/// Why a record could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The bytes are whole (the store checks that) but no record of a form that this program knows.
    #[error("a record of kind {kind} is not readable: {cause}")]
    Unreadable { kind: &'static str, cause: String },
}

/// A record with a versioned form.
pub trait Record: Encode<()> + for<'b> Decode<'b, ()> {
    /// What it is called in errors.
    const KIND: &'static str;
    /// The version of its form that is written, and the only one that is read so far.
    const VERSION: u8 = 1;
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct AccountRecord {
    #[n(0)]
    pub id: AccountId,
    /// As its owner writes it.
    #[n(1)]
    pub handle: String,
    /// As log-in looks for it.
    #[n(2)]
    pub folded: String,
    #[n(3)]
    pub display_name: String,
    /// The PHC string of the password.
    #[n(4)]
    pub password: String,
    #[n(5)]
    pub created_at_ms: u64,
    /// Devices that are not revoked.
    #[n(6)]
    pub devices: u32,
    /// Whether it was the first of this server.
    #[n(7)]
    pub first: bool,
}

/// A device of an account. Stays when it is revoked, so that its key cannot come back.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct DeviceRecord {
    #[n(0)]
    pub account: AccountId,
    /// The encoded `Signed<DeviceCertificate>`.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub certificate: Vec<u8>,
    /// What its owner calls it; may be empty.
    #[n(2)]
    pub name: String,
    #[n(3)]
    pub created_at_ms: u64,
    #[n(4)]
    pub revoked_at_ms: Option<u64>,
}

/// Where a device is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SessionRecord {
    #[n(0)]
    pub account: AccountId,
    /// Oldest first.
    #[n(1)]
    pub families: Vec<TokenFamily>,
}

/// Refresh tokens that descend from one log-in.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct TokenFamily {
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub id: [u8; 16],
    #[n(1)]
    pub used_at_ms: u64,
    /// The hash of the token that is good now.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub current: [u8; 32],
    /// The tokens before it, oldest first, each the direct predecessor of the next.
    #[n(3)]
    pub retired: Vec<RetiredToken>,
}

/// A refresh token that was used.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RetiredToken {
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub hash: [u8; 32],
    #[n(1)]
    pub at_ms: u64,
    /// Its successor's secret under a pad that only its own secret gives.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub sealed_successor: [u8; 32],
}

/// When an account was last here, and what its person had chosen then.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct LastSeenRecord {
    #[n(0)]
    pub at_ms: u64,
    #[n(1)]
    pub text: String,
    /// Absent in a record of before there was a choice.
    #[n(2)]
    pub availability: Option<Availability>,
    #[n(3)]
    pub chosen_at_ms: Option<u64>,
}

impl Record for Notice {
    const KIND: &'static str = "notice";
}

impl Record for LastSeenRecord {
    const KIND: &'static str = "last seen";
}

impl Record for AccountRecord {
    const KIND: &'static str = "account";
}

impl Record for DeviceRecord {
    const KIND: &'static str = "device";
}

impl Record for SessionRecord {
    const KIND: &'static str = "session";
}

/// Where a notice lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoticeKey {
    /// Whom it is for; none: everybody.
    pub to: Option<AccountId>,
    pub number: u64,
}

impl NoticeKey {
    pub fn bytes(self) -> Vec<u8> {
        [notice_prefix(self.to).as_slice(), &self.number.to_be_bytes()].concat()
    }
}

fn notice_prefix(to: Option<AccountId>) -> Vec<u8> {
    match to {
        None => vec![b'n'],
        Some(account) => key(b'N', &[account.as_bytes()]),
    }
}

/// A record as it was read, and the bytes that a later commit can require to be unchanged.
#[derive(Debug, Clone)]
pub struct Held<R> {
    pub record: R,
    raw: Vec<u8>,
}

impl<R> Held<R> {
    /// What a batch requires so that it is applied to this state only.
    pub fn unchanged(&self) -> Expect {
        Expect::Value(self.raw.clone())
    }
}

pub fn account_key(account: AccountId) -> Vec<u8> {
    key(b'a', &[account.as_bytes()])
}

pub fn skeleton_key(skeleton: &str) -> Vec<u8> {
    key(b'h', &[skeleton.as_bytes()])
}

pub fn device_key(device: DeviceId) -> Vec<u8> {
    key(b'd', &[device.as_bytes()])
}

pub fn account_device_key(account: AccountId, device: DeviceId) -> Vec<u8> {
    key(b'D', &[account.as_bytes(), device.as_bytes()])
}

pub fn session_key(device: DeviceId) -> Vec<u8> {
    key(b's', &[device.as_bytes()])
}

pub fn last_seen_key(account: AccountId) -> Vec<u8> {
    key(b'p', &[account.as_bytes()])
}

/// The bytes of a record.
pub fn encode<R: Record>(record: &R) -> Vec<u8> {
    let mut bytes = vec![R::VERSION];
    let done: Result<(), minicbor::encode::Error<std::convert::Infallible>> = minicbor::encode(record, &mut bytes);
    debug_assert!(done.is_ok(), "encoding into memory cannot fail");
    bytes
}

/// The record in `bytes`.
///
/// # Errors
/// [`RecordError::Unreadable`].
pub fn decode<R: Record>(bytes: &[u8]) -> Result<R, RecordError> {
    let unreadable = |cause: String| RecordError::Unreadable { kind: R::KIND, cause };
    let (version, body) = bytes.split_first().ok_or_else(|| unreadable("it is empty".to_owned()))?;
    if *version != R::VERSION {
        return Err(unreadable(format!("its form has version {version}, this program knows {}", R::VERSION)));
    }
    let mut decoder = minicbor::Decoder::new(body);
    let record = decoder.decode().map_err(|error| unreadable(error.to_string()))?;
    if decoder.position() != body.len() {
        return Err(unreadable("bytes follow it".to_owned()));
    }
    Ok(record)
}

/// The record under `key`.
///
/// # Errors
/// [`RecordError`].
pub fn read<R: Record>(store: &dyn Store, key: &[u8]) -> Result<Option<Held<R>>, RecordError> {
    let Some(raw) = store.get(key)? else { return Ok(None) };
    Ok(Some(Held { record: decode(&raw)?, raw }))
}

/// The account that has a handle which looks like `skeleton`.
///
/// # Errors
/// [`RecordError`].
pub fn read_skeleton(store: &dyn Store, skeleton: &str) -> Result<Option<AccountId>, RecordError> {
    store.get(&skeleton_key(skeleton))?.map(|bytes| id_of(&bytes, "handle")).transpose()
}

/// All devices of an account, revoked ones too.
///
/// # Errors
/// [`RecordError`].
pub fn devices_of(store: &dyn Store, account: AccountId) -> Result<Vec<DeviceId>, RecordError> {
    let prefix = key(b'D', &[account.as_bytes()]);
    let range = KeyRange::prefix(prefix.clone());
    let mut devices = Vec::new();
    let mut rest = range.clone();
    loop {
        let page = store.range(&rest, Order::Ascending, RANGE_PAIRS_MAX)?;
        let Some((last, _)) = page.last() else { return Ok(devices) };
        rest = range.after(last);
        for (found, _) in &page {
            let device = found.get(prefix.len()..).unwrap_or_default();
            devices.push(
                DeviceId::try_from(device)
                    .map_err(|error| RecordError::Unreadable { kind: "account's device", cause: error.to_string() })?,
            );
        }
    }
}

/// The notices for everybody, or for one account, whose numbers are beyond `after`; the oldest first.
///
/// # Errors
/// [`RecordError`].
pub fn notices(store: &dyn Store, to: Option<AccountId>, after: u64) -> Result<Vec<(NoticeKey, Notice)>, RecordError> {
    let prefix = notice_prefix(to);
    let range = KeyRange::prefix(prefix.clone()).after(&NoticeKey { to, number: after }.bytes());
    // Their count is bounded far below a page.
    let page = store.range(&range, Order::Ascending, RANGE_PAIRS_MAX)?;
    let read = |(found, bytes): &(Vec<u8>, Vec<u8>)| {
        let number = number_of(found.get(prefix.len()..))?;
        Ok((NoticeKey { to, number }, decode(bytes)?))
    };
    page.iter().map(read).collect()
}

/// A number of eight bytes; none is 0.
///
/// # Errors
/// [`RecordError::Unreadable`].
pub fn number_of(bytes: Option<&[u8]>) -> Result<u64, RecordError> {
    let Some(bytes) = bytes else { return Ok(0) };
    let bytes = bytes
        .try_into()
        .map_err(|_| RecordError::Unreadable { kind: "number", cause: "it has not eight bytes".to_owned() })?;
    Ok(u64::from_be_bytes(bytes))
}

/// When each account was last here.
///
/// # Errors
/// [`RecordError`].
pub fn last_seen_of_all(store: &dyn Store) -> Result<Vec<(AccountId, LastSeenRecord)>, RecordError> {
    let range = KeyRange::prefix(vec![b'p']);
    let mut seen = Vec::new();
    let mut rest = range.clone();
    loop {
        let page = store.range(&rest, Order::Ascending, RANGE_PAIRS_MAX)?;
        let Some((last, _)) = page.last() else { return Ok(seen) };
        rest = range.after(last);
        for (found, bytes) in &page {
            let account = id_of(found.get(1..).unwrap_or_default(), "last seen")?;
            seen.push((account, decode(bytes)?));
        }
    }
}

/// Puts `record` under `key`.
pub fn put<R: Record>(batch: &mut Batch, key: Vec<u8>, record: &R) {
    batch.put(key, encode(record));
}

fn id_of(bytes: &[u8], kind: &'static str) -> Result<AccountId, RecordError> {
    AccountId::try_from(bytes).map_err(|error| RecordError::Unreadable { kind, cause: error.to_string() })
}

fn key(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut key = vec![kind];
    for part in parts {
        key.extend_from_slice(part);
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device() -> DeviceRecord {
        DeviceRecord {
            account: AccountId([1; 16]),
            certificate: vec![2, 3],
            name: "desk".to_owned(),
            created_at_ms: 4,
            revoked_at_ms: None,
        }
    }

    #[test]
    fn a_record_comes_back_as_it_went() {
        let bytes = encode(&device());
        assert_eq!(decode::<DeviceRecord>(&bytes).unwrap(), device());
        // Frozen: stores in the field have these bytes.
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "01845001010101010101010101010101010101420203646465736b04");
    }

    #[test]
    fn what_is_no_record_is_an_error() {
        let whole = encode(&device());
        let mut newer = whole.clone();
        newer[0] = 9;
        let mut longer = whole.clone();
        longer.push(0);
        for bytes in [&[][..], &whole[..1], &whole[..whole.len() - 1], &newer, &longer, &[1, 0xff]] {
            assert!(matches!(decode::<DeviceRecord>(bytes), Err(RecordError::Unreadable { .. })), "{bytes:?}");
        }
    }
}
