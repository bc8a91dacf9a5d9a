//! Accounts over the store in memory, with threads in place of requests.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use momoland_protocol::cbor;
use momoland_protocol::certificate::DeviceCertificate;
use momoland_protocol::id::DeviceId;
use momoland_protocol::limits::CERTIFICATE_BYTES_MAX;
use momoland_protocol::signed::{SecretKey, Signed};
use momoland_store::kv::{MemoryStore, Store, StoreError};

use super::handles::Handle;
use super::notices::{Notice, Notices, SignOut};
use super::signing_keys::SigningKeys;
use super::tokens::Tokens;
use super::{AccountError, Accounts, DisplayName, NewAccount, Policy, SignedIn};
use crate::clock::{Clock, ManualClock};

struct World {
    store: Arc<MemoryStore>,
    hand: ManualClock,
    keys: SigningKeys,
    tokens: Arc<Tokens>,
    notices: Notices,
    accounts: Accounts,
}

impl World {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Policy)) -> Self {
        let (clock, hand) = Clock::manual(1_790_000_000_000);
        let keys = SigningKeys::generate();
        let tokens = Arc::new(Tokens::new(clock.clone(), &keys, Duration::from_secs(900)).unwrap());
        let notices = Notices::new();
        let store = Arc::new(MemoryStore::new());
        let mut policy = Policy {
            admin: None,
            devices_max: 3,
            refresh_ttl: Duration::from_secs(90 * 86_400),
            refresh_grace: Duration::from_secs(30),
        };
        change(&mut policy);
        let as_store: Arc<dyn Store> = store.clone();
        let accounts = Accounts::new(as_store, clock, keys.clone(), Arc::clone(&tokens), notices.clone(), policy);
        Self { store, hand, keys, tokens, notices, accounts }
    }

    fn register(&self, handle: &str) -> Result<(SignedIn, DeviceId), AccountError> {
        let device = SecretKey::generate().device();
        self.accounts.register(&new_account(handle, device)).map(|signed_in| (signed_in, device))
    }

    fn sign_in(&self, handle: &str, device: DeviceId) -> Result<SignedIn, AccountError> {
        let account = self.accounts.find(handle)?.expect("an account of that handle").record;
        self.accounts.sign_in(&account, device, &name(""))
    }

    fn refresh(&self, token: &str) -> Result<(String, String), AccountError> {
        let token = self.tokens.read_refresh(token).map_err(|_| AccountError::NotSignedIn)?;
        self.accounts.refresh(&token).map(|refreshed| (refreshed.access_token, refreshed.refresh_token))
    }

    fn is_in(&self, access_token: &str) -> bool {
        let token = self.tokens.check_access(access_token).unwrap();
        self.accounts.session(&token).is_ok()
    }
}

fn name(text: &str) -> DisplayName {
    DisplayName::parse(text).unwrap()
}

fn new_account(handle: &str, device: DeviceId) -> NewAccount {
    NewAccount {
        handle: Handle::parse(handle).unwrap(),
        display_name: name(""),
        password: "$argon2id$stands-for-a-hash".to_owned(),
        device,
        device_name: name("desk"),
    }
}

#[test]
fn a_certificate_binds_account_handle_and_device() {
    let world = World::new();
    let (signed_in, device) = world.register("Alice").unwrap();
    let certificate: Signed<DeviceCertificate> =
        cbor::decode(&signed_in.certificate, CERTIFICATE_BYTES_MAX + 128).unwrap();
    assert!(certificate.is_by(world.keys.server_key()));
    assert_eq!(certificate.get().account, signed_in.account.id);
    assert_eq!(certificate.get().handle, "Alice");
    assert_eq!(certificate.get().device, device);
    assert!(world.is_in(&signed_in.access_token));
}

#[test]
fn of_parallel_registrations_one_wins() {
    let world = World::new();
    let spellings = ["alice", "Alice", "ALICE", "aIice", "a1ice", "ＡＬＩＣＥ", "alice", "aLICE"];
    let outcomes: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> =
            spellings.iter().map(|spelling| scope.spawn(|| world.register(spelling).map(|_| ()))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(()) | Err(AccountError::HandleTaken))), "{outcomes:?}");
}

#[test]
fn of_parallel_first_accounts_one_administers() {
    let world = World::new();
    let admins = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|number| {
                let world = &world;
                scope.spawn(move || world.register(&format!("user{number}")).unwrap().0.admin)
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).filter(|admin| *admin).count()
    });
    assert_eq!(admins, 1);
}

#[test]
fn the_configured_handle_administers_in_place_of_the_first() {
    let world = World::with(|policy| policy.admin = Some("carol".to_owned()));
    assert!(!world.register("alice").unwrap().0.admin);
    assert!(world.register("Carol").unwrap().0.admin);
}

#[test]
fn a_look_alike_finds_nobody() {
    let world = World::new();
    let (signed_in, _) = world.register("alice").unwrap();
    for spelling in ["alice", "ALICE", "ＡＬＩＣＥ"] {
        assert_eq!(world.accounts.find(spelling).unwrap().unwrap().record.id, signed_in.account.id, "{spelling}");
    }
    for spelling in ["a1ice", "alice ", "bob", "", "a\u{0}b", "\u{430}lice"] {
        assert!(world.accounts.find(spelling).unwrap().is_none(), "{spelling}");
    }
}

#[test]
fn a_device_belongs_to_one_account() {
    let world = World::new();
    let (_, device) = world.register("alice").unwrap();
    world.register("bob").unwrap();
    assert_eq!(world.sign_in("bob", device).unwrap_err(), AccountError::DeviceElsewhere);
    assert_eq!(world.accounts.register(&new_account("carol", device)).unwrap_err(), AccountError::DeviceElsewhere);
    assert!(world.accounts.find("carol").unwrap().is_none(), "nothing of a refused registration is kept");
}

#[test]
fn a_revoked_device_cannot_come_back() {
    let world = World::new();
    let (first, device) = world.register("alice").unwrap();
    let mut listener = world.notices.listen();
    let id = first.account.id;
    world.accounts.revoke(id, device).unwrap();
    world.accounts.revoke(id, device).unwrap();
    assert_eq!(listener.try_recv().unwrap(), Notice::SignedOut { account: id, device, reason: SignOut::Revoked });
    assert!(listener.try_recv().is_err(), "a repeat tells nobody");
    assert!(!world.is_in(&first.access_token));
    assert_eq!(world.refresh(&first.refresh_token).unwrap_err(), AccountError::NotSignedIn);
    assert_eq!(world.sign_in("alice", device).unwrap_err(), AccountError::DeviceRevoked);
    let (_, others) = world.register("bob").unwrap();
    assert_eq!(world.accounts.revoke(id, others).unwrap_err(), AccountError::NoSuchDevice);
}

#[test]
fn devices_are_counted_and_revoked_ones_make_room() {
    let world = World::new();
    let (first, device) = world.register("alice").unwrap();
    for _ in 0..2 {
        world.sign_in("alice", SecretKey::generate().device()).unwrap();
    }
    let refused = world.sign_in("alice", SecretKey::generate().device()).unwrap_err();
    assert_eq!(refused, AccountError::TooManyDevices { max: 3 });
    world.sign_in("alice", device).unwrap();
    world.accounts.revoke(first.account.id, device).unwrap();
    world.sign_in("alice", SecretKey::generate().device()).unwrap();
    let list = world.accounts.devices(first.account.id).unwrap();
    assert_eq!(list.len(), 4);
    assert_eq!(list.iter().filter(|entry| entry.revoked_at_ms.is_none()).count(), 3);
}

#[test]
fn parallel_log_ins_never_exceed_the_devices() {
    let world = World::new();
    let (first, _) = world.register("alice").unwrap();
    let signed_in = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|_| scope.spawn(|| world.sign_in("alice", SecretKey::generate().device()).is_ok())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).filter(|signed_in| *signed_in).count()
    });
    assert_eq!(signed_in, 2);
    assert_eq!(world.accounts.devices(first.account.id).unwrap().len(), 3);
}

#[test]
fn twenty_parallel_refreshes_keep_one_family() {
    let world = World::new();
    let (first, _) = world.register("alice").unwrap();
    let successors: Vec<String> = thread::scope(|scope| {
        let threads: Vec<_> = (0..20).map(|_| scope.spawn(|| world.refresh(&first.refresh_token).unwrap().1)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(successors.iter().all(|successor| *successor == successors[0]));
    world.hand.advance(Duration::from_secs(5));
    assert_eq!(world.refresh(&first.refresh_token).unwrap().1, successors[0], "the answer was lost");
    world.refresh(&successors[0]).unwrap();
}

#[test]
fn a_replay_ends_the_session() {
    let world = World::new();
    let (first, device) = world.register("alice").unwrap();
    let (access, second) = world.refresh(&first.refresh_token).unwrap();
    let mut listener = world.notices.listen();
    world.hand.advance(Duration::from_secs(120));
    assert_eq!(world.refresh(&first.refresh_token).unwrap_err(), AccountError::TokenReused);
    let account = first.account.id;
    assert_eq!(listener.try_recv().unwrap(), Notice::SignedOut { account, device, reason: SignOut::TokenReused });
    assert_eq!(world.refresh(&second).unwrap_err(), AccountError::NotSignedIn, "the whole family is gone");
    assert_eq!(world.refresh(&first.refresh_token).unwrap_err(), AccountError::NotSignedIn);
    assert!(!world.is_in(&access));
    world.sign_in("alice", device).unwrap();
}

#[test]
fn a_device_that_stays_away_too_long_is_signed_out() {
    let world = World::new();
    let (first, _) = world.register("alice").unwrap();
    world.hand.advance(Duration::from_secs(89 * 86_400));
    let (_, second) = world.refresh(&first.refresh_token).unwrap();
    world.hand.advance(Duration::from_secs(89 * 86_400));
    let (_, third) = world.refresh(&second).unwrap();
    world.hand.advance(Duration::from_secs(90 * 86_400 + 1));
    assert_eq!(world.refresh(&third).unwrap_err(), AccountError::NotSignedIn);
}

#[test]
fn a_log_in_repeated_keeps_the_newest_sessions() {
    let world = World::new();
    let (first, device) = world.register("alice").unwrap();
    let again: Vec<SignedIn> = (0..4).map(|_| world.sign_in("alice", device).unwrap()).collect();
    assert!(!world.is_in(&first.access_token), "only so many at once");
    assert!(again.iter().all(|signed_in| world.is_in(&signed_in.access_token)));
    assert!(again.iter().all(|signed_in| signed_in.certificate == first.certificate));
    world.accounts.log_out(first.account.id, device).unwrap();
    assert!(again.iter().all(|signed_in| !world.is_in(&signed_in.access_token)));
}

#[test]
fn a_password_changed_meanwhile_stops_the_log_in() {
    let world = World::new();
    world.register("alice").unwrap();
    let before = world.accounts.find("alice").unwrap().unwrap().record;
    world.accounts.change_password(&before, "$argon2id$another").unwrap();
    let device = SecretKey::generate().device();
    assert_eq!(world.accounts.sign_in(&before, device, &name("")).unwrap_err(), AccountError::PasswordChanged);
    assert_eq!(world.accounts.change_password(&before, "$argon2id$third").unwrap_err(), AccountError::PasswordChanged);
}

#[test]
fn a_full_disk_is_an_error_and_makes_no_account() {
    let world = World::new();
    world.register("alice").unwrap();
    world.store.fail_next(StoreError::Full);
    let refused = world.register("bob").unwrap_err();
    assert!(matches!(refused, AccountError::Records(_)), "{refused:?}");
    assert!(world.register("carol").is_err(), "it stays so until the store is opened again");
    world.store.crash();
    assert!(world.accounts.find("alice").unwrap().is_some(), "what was acknowledged is there");
    assert!(world.accounts.find("bob").unwrap().is_none());
    world.register("bob").unwrap();
}

#[test]
fn what_is_a_display_name() {
    for text in ["", "Alice", "  Alice  ", "Ærøskøbing", "李小龍", "👩\u{200D}👩\u{200D}👧", "naïve", &"x".repeat(64)]
    {
        assert_eq!(name(text).as_str(), text.trim());
    }
    for text in [
        "a\u{0}b",
        "a\nb",
        "a\u{7}",
        "\u{202E}evil",
        "a\u{200B}b",
        "a\u{2028}b",
        "a\u{FEFF}b",
        &"x".repeat(65),
        &format!("a{}", "\u{301}".repeat(6)),
        &format!("a{}", "\u{301}".repeat(100_000)),
    ] {
        assert!(DisplayName::parse(text).is_err(), "{text:.12?}");
    }
}
