//! Rates: how often an address may register, fail to log in, ask, and connect.
//!
//! Limits strike failures and strangers. A right password gives its token back, and failures count for the pair of
//! account and address, so nobody is locked out by what somebody else tries from elsewhere, and fifty people behind one
//! NAT get in.
//!
//! Not here: sizes and time-outs, which the socket and the extractors enforce (`server`, `http::extract`), and credit on
//! the WebSocket (`connect`).

pub mod addresses;
mod buckets;

use std::time::Duration;

use self::addresses::ClientAddress;
use self::buckets::{Buckets, Empty};
use crate::clock::Clock;
use crate::config;

/// Which limit was exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    Registrations,
    LoginFailuresOfAccount,
    LoginFailuresOfAddress,
    Requests,
    Connects,
}

/// A limit was exceeded; nothing was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{} Try again in {} s.", limit.sentence(), retry_after.as_secs_f64().ceil())]
pub struct Exceeded {
    pub limit: Limit,
    pub retry_after: Duration,
}

/// All rate limits of the server.
#[derive(Debug)]
pub struct RateLimits {
    clock: Clock,
    registrations: Buckets<ClientAddress>,
    failures_of_account: Buckets<(ClientAddress, AccountName)>,
    failures_of_address: Buckets<ClientAddress>,
    requests: Buckets<ClientAddress>,
    connects: Buckets<ClientAddress>,
}

/// What stands for an account in the failures' keys, of a fixed size whatever was typed.
pub type AccountName = [u8; 16];

/// Room for one failure to log in, taken before it is known whether it is one.
#[derive(Debug)]
#[must_use = "a log-in that succeeded gives it back"]
pub struct Attempt<'a> {
    limits: &'a RateLimits,
    address: ClientAddress,
    account: AccountName,
}

impl Limit {
    /// The word for it in metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Registrations => "registrations",
            Self::LoginFailuresOfAccount => "login_failures_account",
            Self::LoginFailuresOfAddress => "login_failures_address",
            Self::Requests => "requests",
            Self::Connects => "connects",
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Self::Registrations => "Too many registrations from your network.",
            Self::LoginFailuresOfAccount => "Too many failed log-ins to this account from your network.",
            Self::LoginFailuresOfAddress => "Too many failed log-ins from your network.",
            Self::Requests => "Too many requests from your network.",
            Self::Connects => "Too many connections opened from your network.",
        }
    }
}

impl RateLimits {
    pub fn new(clock: Clock, limits: &config::Limits) -> Self {
        Self {
            clock,
            registrations: Buckets::per_minute(limits.registrations_per_minute),
            failures_of_account: Buckets::per_minute(limits.login_failures_per_account_per_minute),
            failures_of_address: Buckets::per_minute(limits.login_failures_per_address_per_minute),
            requests: Buckets::per_minute(limits.requests_per_minute),
            connects: Buckets::per_minute(limits.connects_per_minute),
        }
    }

    /// A registration was tried.
    ///
    /// # Errors
    /// [`Exceeded`], as all below.
    pub fn registration(&self, address: ClientAddress) -> Result<(), Exceeded> {
        self.registrations.take(&address, self.clock.mono_ms()).map_err(exceeded(Limit::Registrations))
    }

    /// A request of any kind came in.
    pub fn request(&self, address: ClientAddress) -> Result<(), Exceeded> {
        self.requests.take(&address, self.clock.mono_ms()).map_err(exceeded(Limit::Requests))
    }

    /// A WebSocket is about to be authenticated.
    pub fn connect(&self, address: ClientAddress) -> Result<(), Exceeded> {
        self.connects.take(&address, self.clock.mono_ms()).map_err(exceeded(Limit::Connects))
    }

    /// Whether a log-in is worth queueing for.
    pub fn check_login(&self, address: ClientAddress, account: AccountName) -> Result<(), Exceeded> {
        let now_ms = self.clock.mono_ms();
        self.failures_of_account.check(&(address, account), now_ms).map_err(exceeded(Limit::LoginFailuresOfAccount))?;
        self.failures_of_address.check(&address, now_ms).map_err(exceeded(Limit::LoginFailuresOfAddress))
    }

    /// Takes room for one failure. To be called once a password is about to be hashed: then at most as many attempts
    /// are open as there are threads, and parallel right log-ins do not exhaust the room for wrong ones.
    pub fn login(&self, address: ClientAddress, account: AccountName) -> Result<Attempt<'_>, Exceeded> {
        let now_ms = self.clock.mono_ms();
        self.failures_of_account.take(&(address, account), now_ms).map_err(exceeded(Limit::LoginFailuresOfAccount))?;
        if let Err(empty) = self.failures_of_address.take(&address, now_ms) {
            self.failures_of_account.give_back(&(address, account), now_ms);
            return Err(exceeded(Limit::LoginFailuresOfAddress)(empty));
        }
        Ok(Attempt { limits: self, address, account })
    }

    /// Whether a token or code from this address is still looked at.
    pub fn check_failures(&self, address: ClientAddress) -> Result<(), Exceeded> {
        self.failures_of_address.check(&address, self.clock.mono_ms()).map_err(exceeded(Limit::LoginFailuresOfAddress))
    }

    /// A token or code was wrong.
    pub fn count_failure(&self, address: ClientAddress) {
        // An empty bucket stays empty: the next check says so.
        let _ = self.failures_of_address.take(&address, self.clock.mono_ms());
    }
}

impl Attempt<'_> {
    /// It was right: it does not count.
    pub fn succeeded(self) {
        let now_ms = self.limits.clock.mono_ms();
        self.limits.failures_of_account.give_back(&(self.address, self.account), now_ms);
        self.limits.failures_of_address.give_back(&self.address, now_ms);
    }

    /// It was wrong: it counts.
    pub fn failed(self) {}
}

/// The key under which failures for what somebody typed as a handle are counted.
pub fn account_name(handle: &str) -> AccountName {
    let folded = crate::accounts::handles::fold_for_lookup(handle);
    let hash = blake3::hash(folded.as_deref().unwrap_or(handle).as_bytes());
    hash.as_bytes().first_chunk().copied().unwrap_or_default()
}

fn exceeded(limit: Limit) -> impl Fn(Empty) -> Exceeded {
    move |empty| Exceeded { limit, retry_after: empty.retry_after }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn address(last: u8) -> ClientAddress {
        ClientAddress::of([192, 0, 2, last].into())
    }

    fn limits() -> (RateLimits, crate::clock::ManualClock) {
        let (clock, hand) = Clock::manual(1_000_000);
        (RateLimits::new(clock, &Config::standard().limits), hand)
    }

    #[test]
    fn failures_from_elsewhere_do_not_lock_anybody_out() {
        let (limits, _hand) = limits();
        let alice = account_name("alice");
        for _ in 0..10 {
            limits.login(address(1), alice).unwrap().failed();
        }
        let refused = limits.login(address(1), alice).unwrap_err();
        assert_eq!(refused.limit, Limit::LoginFailuresOfAccount);
        assert!(refused.to_string().ends_with("Try again in 6 s."), "{refused}");
        assert!(limits.check_login(address(1), account_name("ALICE")).is_err(), "another spelling is the same account");
        limits.login(address(2), alice).unwrap().failed();
        limits.login(address(1), account_name("bob")).unwrap().failed();
    }

    #[test]
    fn right_passwords_cost_nothing() {
        let (limits, _hand) = limits();
        for person in 0..500 {
            limits.login(address(1), account_name(&format!("user{person}"))).unwrap().succeeded();
        }
        for person in 0..60 {
            limits.login(address(1), account_name(&format!("user{person}"))).unwrap().failed();
        }
        let refused = limits.login(address(1), account_name("someone")).unwrap_err();
        assert_eq!(refused.limit, Limit::LoginFailuresOfAddress);
    }

    #[test]
    fn a_minute_brings_everything_back() {
        let (limits, hand) = limits();
        for _ in 0..120 {
            limits.registration(address(1)).unwrap();
        }
        assert_eq!(limits.registration(address(1)).unwrap_err().limit, Limit::Registrations);
        limits.registration(address(2)).unwrap();
        hand.advance(Duration::from_secs(60));
        for _ in 0..120 {
            limits.registration(address(1)).unwrap();
        }
    }
}
