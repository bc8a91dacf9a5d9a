//! What administrators tell: everybody, or one account. On the disk before anybody is told, and gone once it has ended.
//!
//! Each has a number that rises, so that a connection asks for what came after the last that it wrote. One batch at a
//! time gets a number, also where several servers share the store.

use std::time::Duration;

use momoland_protocol::cbor::Bounded;
use momoland_protocol::clock::UnixMillis;
use momoland_protocol::id::{AccountId, NoticeId, random};
use momoland_protocol::limits::{NOTICE_TEXT_BYTES_MAX, NOTICE_TITLE_CHARS_MAX};
use momoland_protocol::notice::{Notice, NoticeLevel};
use momoland_store::kv::{Batch, Durability, Expect, StoreError};

use super::notices::Notice as AccountNotice;
use super::{AccountError, Accounts, TRIES_MAX};
use crate::records::{self, NoticeKey};

/// How long an announcement is in force: at least, unless it says otherwise, at most.
pub const ANNOUNCEMENT_TTL: (Duration, Duration, Duration) =
    (Duration::from_secs(1), Duration::from_secs(7 * 86_400), Duration::from_secs(90 * 86_400));

/// How long what was told one account waits for its devices.
const PERSONAL_TTL: Duration = Duration::from_secs(90 * 86_400);

/// Announcements in force. All of them go to whoever connects, so a further one is refused.
const ANNOUNCEMENTS_MAX: usize = 64;

/// Notices kept for one account. The oldest beyond go.
const PERSONAL_MAX: usize = 200;

/// Why an administrator's words were not taken. Nobody was told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TellError {
    #[error("Only an administrator of this server can do this.")]
    NotAdministrator,
    #[error("Nobody on this server has this id.")]
    NoSuchAccount,
    #[error("{ANNOUNCEMENTS_MAX} announcements are in force. Wait until one of them ends.")]
    TooMany,
    #[error(
        "It needs words, at most {NOTICE_TEXT_BYTES_MAX} bytes of them, a title at most {NOTICE_TITLE_CHARS_MAX} \
         characters in one line; and no control characters but line breaks."
    )]
    Words,
    #[error("An announcement lasts from one second to {} days.", ANNOUNCEMENT_TTL.2.as_secs() / 86_400)]
    Ttl,
}

impl Accounts {
    /// Tells everybody, from now until `ttl` is over.
    ///
    /// # Errors
    /// [`TellError`], or a fault of the store.
    pub fn announce(
        &self,
        by: AccountId,
        text: String,
        level: NoticeLevel,
        ttl: Option<Duration>,
    ) -> Result<Notice, AccountError> {
        self.check_administers(by)?;
        let ttl = ttl.unwrap_or(ANNOUNCEMENT_TTL.1);
        if !(ANNOUNCEMENT_TTL.0..=ANNOUNCEMENT_TTL.2).contains(&ttl) {
            return Err(TellError::Ttl.into());
        }
        self.tell(by, None, None, text, level, ttl)
    }

    /// Tells one account, on all of its devices.
    ///
    /// # Errors
    /// [`TellError`], or a fault of the store.
    pub fn tell_one(
        &self,
        by: AccountId,
        to: AccountId,
        title: String,
        text: String,
        level: NoticeLevel,
    ) -> Result<Notice, AccountError> {
        self.check_administers(by)?;
        if self.account(to)?.is_none() {
            return Err(TellError::NoSuchAccount.into());
        }
        self.tell(by, Some(to), Some(title), text, level, PERSONAL_TTL)
    }

    /// What is in force for an account beyond a number, the oldest first, and the number of the last.
    ///
    /// # Errors
    /// A fault of the store.
    pub fn told(&self, account: AccountId, after: u64) -> Result<(Vec<Notice>, u64), AccountError> {
        let now = UnixMillis(self.clock.unix_ms());
        // First: what gets a higher number while the two lists are read is for the next time, in whichever it lies.
        let last = records::number_of(self.store.get(records::NOTICE_NUMBER)?.as_deref())?;
        let mut found = records::notices(&*self.store, None, after)?;
        found.extend(records::notices(&*self.store, Some(account), after)?);
        found.retain(|(key, notice)| key.number <= last && notice.until > now);
        found.sort_by_key(|(key, _)| key.number);
        Ok((found.into_iter().map(|(_, notice)| notice).collect(), last))
    }

    fn check_administers(&self, account: AccountId) -> Result<(), AccountError> {
        let account = self.account(account)?.ok_or(AccountError::NotSignedIn)?;
        if self.administers(&account.record) { Ok(()) } else { Err(TellError::NotAdministrator.into()) }
    }

    fn tell(
        &self,
        by: AccountId,
        to: Option<AccountId>,
        title: Option<String>,
        text: String,
        level: NoticeLevel,
        ttl: Duration,
    ) -> Result<Notice, AccountError> {
        let at = UnixMillis(self.clock.unix_ms());
        let until = UnixMillis(at.0.saturating_add(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)));
        let text = text.replace("\r\n", "\n");
        let notice = Notice { id: NoticeId(random()), by, at, until, level, text, title };
        notice.check_bounds().map_err(|_| TellError::Words)?;
        for _ in 0..TRIES_MAX {
            let held = self.store.get(records::NOTICE_NUMBER)?;
            let last = records::number_of(held.as_deref())?;
            let key = NoticeKey { to, number: last.saturating_add(1) };
            let mut batch = Batch::new();
            batch.require(records::NOTICE_NUMBER, held.map_or(Expect::Absent, Expect::Value));
            batch.put(records::NOTICE_NUMBER, key.number.to_be_bytes());
            records::put(&mut batch, key.bytes(), &notice);
            let kept = records::notices(&*self.store, to, 0)?;
            let (in_force, over): (Vec<_>, Vec<_>) = kept.into_iter().partition(|(_, notice)| notice.until > at);
            match to {
                None if in_force.len() >= ANNOUNCEMENTS_MAX => return Err(TellError::TooMany.into()),
                None => {}
                Some(_) => {
                    let too_many = (in_force.len() + 1).saturating_sub(PERSONAL_MAX);
                    for (key, _) in in_force.iter().take(too_many) {
                        batch.delete(key.bytes());
                    }
                }
            }
            for (key, _) in &over {
                batch.delete(key.bytes());
            }
            match self.store.commit(batch, Durability::Synced) {
                Ok(()) => {
                    self.notices.send(AccountNotice::Told { account: to });
                    return Ok(notice);
                }
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(AccountError::Contended)
    }
}
