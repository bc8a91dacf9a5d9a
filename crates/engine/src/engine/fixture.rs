//! An account as a server made it, for tests of what works with one.

use momoland_protocol::certificate::DeviceCertificate;
use momoland_protocol::clock::UnixMillis;
use momoland_protocol::id::{AccountId, ServerKey};
use momoland_protocol::signed::{SecretKey, Signed};

use crate::account::address::ServerAddress;
use crate::account::record::{Account, StoredTokens};

pub(super) const ADA: AccountId = AccountId([1; 16]);

/// The server's key.
pub(super) fn server() -> SecretKey {
    SecretKey::from_seed(&[9; 32])
}

/// Ada's account and her device's key.
pub(super) fn ada() -> (Account, SecretKey) {
    person(1, "ada")
}

/// Somebody's account and their device's key. Nobody listens at the server's address.
pub(super) fn person(number: u8, handle: &str) -> (Account, SecretKey) {
    let (server, key) = (server(), SecretKey::from_seed(&[number; 32]));
    let server_key = ServerKey(server.device().0);
    let certificate = DeviceCertificate {
        server: server_key,
        account: AccountId([number; 16]),
        handle: handle.to_owned(),
        device: key.device(),
        issued_at: UnixMillis::now(),
        vouch: None,
    };
    let account = Account {
        server: ServerAddress::parse("http://127.0.0.1:1").unwrap(),
        server_key,
        id: AccountId([number; 16]),
        handle: handle.to_owned(),
        display_name: handle.to_owned(),
        admin: false,
        certificate: Signed::sign(certificate, &server).unwrap(),
        tokens: StoredTokens::default(),
        clock_offset_ms: 0,
    };
    (account, key)
}
