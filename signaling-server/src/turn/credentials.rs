//! Credentials that end by themselves, in the form of coturn's REST API (draft-uberti-behave-turn-rest-00).
//!
//! A username is `TIME:USER`, with the Unix second at which it ends; its password is the base64 of HMAC-SHA1 over the
//! username, keyed with a secret that the TURN server knows. So the server keeps no list, and a coturn with the same
//! secret takes the same credentials.
//!
//! `USER` crosses the network in the clear. Ours is `ACCOUNT.DEVICE`, both hashed with the secret: it tells a listener
//! nothing about who they are, and this server what to count together.
//!
//! Not here: signatures of requests (`stun`), sign-outs (`allocations`).

use std::fmt;
use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use md5::{Digest, Md5};
use momoland_protocol::id::{AccountId, DeviceId, random};
use sha1::Sha1;
use zeroize::Zeroizing;

/// The realm of the long-term mechanism (RFC 8489 §9.2).
pub(super) const REALM: &str = "momoland";

/// Bytes of a username (RFC 8489 §14.3).
const USERNAME_BYTES_MAX: usize = 508;

/// Bytes of a hash in a user's name.
const NAME_BYTES: usize = 8;

/// What the TURN server and whoever issues credentials for it share.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

/// What a device shows to a TURN server.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub username: String,
    pub password: String,
}

/// A username, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Username {
    /// The second at which it ends.
    pub(super) ends_at_s: u64,
    /// What stands behind the time; may be empty.
    pub(super) user: String,
}

impl Secret {
    /// One that nobody else knows.
    pub fn fresh() -> Self {
        Self(Zeroizing::new(random::<32>().to_vec()))
    }

    /// The one that was agreed on.
    pub fn shared(text: &str) -> Self {
        Self(Zeroizing::new(text.as_bytes().to_vec()))
    }

    /// Credentials of `user` until the second `ends_at_s`.
    pub fn credentials(&self, user: &str, ends_at_s: u64) -> Credentials {
        let username = format!("{ends_at_s}:{user}");
        let password = self.password(&username);
        Credentials { username, password }
    }

    /// What a device is called towards a TURN server.
    pub fn user(&self, account: AccountId, device: DeviceId) -> String {
        let key = blake3::derive_key("momoland 1 turn users", &self.0);
        let mut name = String::with_capacity(4 * NAME_BYTES + 1);
        let mut write = |bytes: &[u8]| {
            let hash = blake3::keyed_hash(&key, bytes);
            hash.as_bytes().iter().take(NAME_BYTES).for_each(|byte| {
                // Writing to a String cannot fail.
                let _ = write!(name, "{byte:02x}");
            });
            if name.len() == 2 * NAME_BYTES {
                name.push('.');
            }
        };
        write(account.as_bytes());
        write(device.as_bytes());
        name
    }

    fn password(&self, username: &str) -> String {
        let mut mac = Hmac::<Sha1>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(username.as_bytes());
        STANDARD.encode(mac.finalize().into_bytes())
    }

    /// The key that requests under `username` are signed with (RFC 8489 §9.2.2).
    pub(super) fn key(&self, username: &str) -> [u8; 16] {
        let password = self.password(username);
        Md5::digest(format!("{username}:{REALM}:{password}")).into()
    }
}

impl Username {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (time, user) = text.split_once(':')?;
        let digits = !time.is_empty() && time.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || text.len() > USERNAME_BYTES_MAX || user.chars().any(char::is_control) {
            return None;
        }
        Some(Self { ends_at_s: time.parse().ok()?, user: user.to_owned() })
    }
}

/// What is counted together: of our own names the account's half, of anybody else's the whole.
pub(super) fn account_of(user: &str) -> &str {
    user.split_once('.').map_or(user, |(account, _)| account)
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_those_that_coturn_computes() {
        // printf %s 1433895918:ninefingers | openssl dgst -sha1 -hmac my_secret -binary | base64
        let credentials = Secret::shared("my_secret").credentials("ninefingers", 1_433_895_918);
        assert_eq!(credentials.username, "1433895918:ninefingers");
        assert_eq!(credentials.password, "AYiCUwX+eluB3k0edPWe+Lw8+EA=");
    }

    #[test]
    fn a_username_says_when_it_ends() {
        let parse = |text: &str| Username::parse(text).map(|name| (name.ends_at_s, name.user));
        assert_eq!(parse("17:ada"), Some((17, "ada".to_owned())));
        assert_eq!(parse("17:"), Some((17, String::new())));
        assert_eq!(parse("17:a:b"), Some((17, "a:b".to_owned())));
        for text in ["ada", "17", ":ada", "+17:ada", "x:ada", "99999999999999999999999:ada", "17:a\nb"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse(&format!("17:{}", "a".repeat(USERNAME_BYTES_MAX))), None);
    }

    #[test]
    fn a_devices_name_says_nothing_and_is_counted_with_its_account() {
        let secret = Secret::fresh();
        let (account, one, other) = (AccountId([1; 16]), DeviceId([2; 32]), DeviceId([3; 32]));
        let names = [secret.user(account, one), secret.user(account, other)];
        assert_ne!(names[0], names[1]);
        assert_eq!(account_of(&names[0]), account_of(&names[1]));
        assert_eq!(names[0].len(), 4 * NAME_BYTES + 1);
        assert_ne!(names[0], Secret::fresh().user(account, one), "another server's name is another");
        assert!(!names[0].contains(&account.to_string()[..8]));
        assert_eq!(account_of("ada"), "ada");
    }
}
