//! Passwords: argon2id, off the runtime's threads, a few at a time.
//!
//! One hash takes 19 MiB and some 50 ms of a core, so they run behind a semaphore ([`Passwords::turn`]) and the queue
//! before it is bounded. Whoever holds a [`Turn`] may hash once; the caller takes its rate-limit tokens in between, so
//! that no more attempts are in flight than there are threads.
//!
//! # Invariants
//! 1. A log-in to an unknown handle does the same work as one with a wrong password. Test:
//!    `an_unknown_account_costs_a_hash_too`.
//! 2. A password is compared in Unicode's normal form C (RFC 8265 §4.2), so that it works from every keyboard. Test:
//!    `the_normal_form_of_a_password_does_not_matter`.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// Characters of a new password, at least. No rule of composition beside it.
pub const CHARS_MIN: usize = 10;
/// Bytes of a password: bounds the work of normalising it.
pub const BYTES_MAX: usize = 1024;

/// A password as somebody typed it, wiped from memory when it goes, never shown.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

/// Why a text is no password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    #[error("A password has at least {CHARS_MIN} characters. A few unrelated words are easy to keep in mind.")]
    TooShort,
    #[error("A password has at most {BYTES_MAX} bytes.")]
    TooLong,
}

/// The queue for hashing is full. Nothing was hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Too many people are signing in at this moment.")]
pub struct Busy;

/// The hashing itself failed: out of memory, or the runtime is going down.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a password could not be hashed: {0}")]
pub struct HashingFailed(String);

/// The threads that hash.
#[derive(Debug, Clone)]
pub struct Passwords {
    threads: Arc<Semaphore>,
    queue: Arc<Semaphore>,
    /// What the passwords of unknown accounts are compared with. Nobody knows what it is the hash of.
    decoy: Arc<str>,
}

/// The right to hash once.
#[derive(Debug)]
pub struct Turn {
    _thread: OwnedSemaphorePermit,
    decoy: Arc<str>,
}

impl Password {
    /// A password that is being chosen.
    ///
    /// # Errors
    /// [`PasswordError`] where it is too short or too long.
    pub fn choose(text: &str) -> Result<Self, PasswordError> {
        let password = Self::given(text)?;
        if password.0.chars().count() < CHARS_MIN { Err(PasswordError::TooShort) } else { Ok(password) }
    }

    /// A password that is to be compared: a short one is merely wrong.
    ///
    /// # Errors
    /// [`PasswordError::TooLong`].
    pub fn given(text: &str) -> Result<Self, PasswordError> {
        if text.len() > BYTES_MAX {
            return Err(PasswordError::TooLong);
        }
        Ok(Self(Zeroizing::new(text.nfc().collect())))
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

impl Passwords {
    /// `threads` hash at once, `queue_max` more wait.
    ///
    /// # Errors
    /// [`HashingFailed`] where not even one hash could be made.
    pub fn new(threads: usize, queue_max: usize) -> Result<Self, HashingFailed> {
        let nobodys: [u8; 32] = momoland_protocol::id::random();
        Ok(Self {
            threads: Arc::new(Semaphore::new(threads)),
            queue: Arc::new(Semaphore::new(threads + queue_max)),
            decoy: hash(&nobodys)?.into(),
        })
    }

    /// Waits for a thread.
    ///
    /// # Errors
    /// [`Busy`] where the queue is full.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue.
    pub async fn turn(&self) -> Result<Turn, Busy> {
        let _place = self.queue.try_acquire().map_err(|_| Busy)?;
        let thread = Arc::clone(&self.threads).acquire_owned().await.map_err(|_| Busy)?;
        Ok(Turn { _thread: thread, decoy: Arc::clone(&self.decoy) })
    }
}

impl Turn {
    /// The PHC string of a new password.
    ///
    /// # Errors
    /// [`HashingFailed`].
    ///
    /// # Cancel safety
    /// A dropped future leaves the hash to finish on its thread, which stays taken until then.
    pub async fn hash(self, password: Password) -> Result<String, HashingFailed> {
        self.run(move |_| hash(password.0.as_bytes())).await
    }

    /// Whether `password` is the one that `stored` is the hash of. Without `stored`, the same work and `false`.
    ///
    /// # Errors
    /// [`HashingFailed`], also where `stored` is no PHC string.
    ///
    /// # Cancel safety
    /// As [`Turn::hash`].
    pub async fn verify(self, password: Password, stored: Option<String>) -> Result<bool, HashingFailed> {
        self.run(move |decoy| {
            let known = stored.is_some();
            let phc = stored.as_deref().unwrap_or(decoy);
            let parsed = PasswordHash::new(phc).map_err(|error| HashingFailed(error.to_string()))?;
            let same = Argon2::default().verify_password(password.0.as_bytes(), &parsed).is_ok();
            Ok(known && same)
        })
        .await
    }

    async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce(&str) -> Result<T, HashingFailed> + Send + 'static,
    ) -> Result<T, HashingFailed> {
        // The turn moves into the thread: a request that is given up must not free a thread that still hashes.
        tokio::task::spawn_blocking(move || work(&self.decoy))
            .await
            .map_err(|error| HashingFailed(error.to_string()))?
    }
}

fn hash(password: &[u8]) -> Result<String, HashingFailed> {
    let hash: PasswordHash =
        Argon2::default().hash_password(password).map_err(|error| HashingFailed(error.to_string()))?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn stored(password: &str) -> String {
        let passwords = Passwords::new(1, 1).unwrap();
        passwords.turn().await.unwrap().hash(Password::choose(password).unwrap()).await.unwrap()
    }

    async fn fits(password: &str, stored: Option<String>) -> bool {
        let passwords = Passwords::new(1, 1).unwrap();
        passwords.turn().await.unwrap().verify(Password::given(password).unwrap(), stored).await.unwrap()
    }

    #[tokio::test]
    async fn a_password_fits_its_own_hash_alone() {
        let hash = stored("correct horse").await;
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(fits("correct horse", Some(hash.clone())).await);
        assert!(!fits("correct horsf", Some(hash.clone())).await);
        assert!(!fits("", Some(hash)).await);
    }

    #[tokio::test]
    async fn the_normal_form_of_a_password_does_not_matter() {
        let hash = stored("pass\u{e9}pass\u{e9}").await;
        assert!(fits("passe\u{301}passe\u{301}", Some(hash)).await);
    }

    #[tokio::test]
    async fn an_unknown_account_costs_a_hash_too() {
        let passwords = Passwords::new(1, 1).unwrap();
        assert!(passwords.decoy.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(!fits("correct horse", None).await);
    }

    #[test]
    fn short_and_huge_passwords_are_refused() {
        assert_eq!(Password::choose("123456789").unwrap_err(), PasswordError::TooShort);
        assert_eq!(Password::choose("e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}").unwrap_err(), PasswordError::TooShort);
        assert!(Password::choose("1234567890").is_ok());
        assert!(Password::choose("пароль из слов").is_ok());
        assert!(Password::choose("          ").is_ok(), "no rules of composition");
        assert_eq!(Password::given(&"x".repeat(1025)).unwrap_err(), PasswordError::TooLong);
        assert_eq!(format!("{:?}", Password::given("secret").unwrap()), "Password(…)");
    }

    #[tokio::test]
    async fn a_full_queue_turns_people_away_at_once() {
        let passwords = Passwords::new(1, 1).unwrap();
        let first = passwords.turn().await.unwrap();
        let waiting = tokio::spawn({
            let passwords = passwords.clone();
            async move { passwords.turn().await.is_ok() }
        });
        while passwords.queue.available_permits() > 1 {
            tokio::task::yield_now().await;
        }
        // The first has left the queue for its thread, the second waits in it; one more place is free.
        let third = passwords.queue.try_acquire().unwrap();
        assert_eq!(passwords.turn().await.unwrap_err(), Busy);
        drop(third);
        drop(first);
        assert!(waiting.await.unwrap());
    }
}
