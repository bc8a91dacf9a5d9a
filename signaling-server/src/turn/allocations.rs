//! The relay's state: who has an address here, whom they may talk to through it, and until when (RFC 8656).
//!
//! Pure: `sockets` hands in datagrams with the time, and carries out what comes of them. Everything that a client can
//! make this keep has a bound, and what is kept ends by itself.
//!
//! ```text
//!   client ── Allocate ──► NeedPort ── sockets binds ──► granted           relayed address
//!   client ── CreatePermission, ChannelBind ──► reach? own? bounds? ──►     permissions, channels
//!   client ── Send, ChannelData ──► to_peer ──► permission? rate? ──►       ToPeer | ToClient (a relay of our own)
//!   peer   ── datagram ──► relay_in ──► permission? rate? ──►              Data, ChannelData ──► client
//! ```
//! What one allocation sends to another of this server does not leave it: it needs no route from this machine to its
//! own outer address, and so the machine's own addresses can be closed for everything else.
//!
//! # Invariants
//! 1. Nothing is allocated, permitted or bound without a request signed with credentials that have not ended and whose
//!    device was not signed out since. Tests: `only_good_credentials_get_an_address`, `who_is_signed_out_is_relayed_no_more`.
//! 2. An allocation is used by its user alone. Test: `an_allocation_is_its_users_own`.
//! 3. Nothing passes to or from an address that `reach` closes, nor to this machine but for the live allocation of
//!    another user. Tests: `c25_nothing_passes_into_closed_networks`, `c25_of_this_machine_only_others_live_relays_are_reached`.
//! 4. Memory: allocations in all and of one account, permissions, channels, signed-out users. Strangers cost nothing:
//!    a nonce is recomputed, never kept. Tests: `quotas_hold`, `a_nonce_is_this_addresss_own_and_ends`.
//!
//! 5. What is not used is given back when it would be renewed. Test: `what_carries_nothing_is_given_back`.
//!
//! An allocation goes on under the credentials and the nonce that opened it, as coturn's do: a link over TURN outlives
//! both, for as long as its device stays signed in.
//!
//! Not here: sockets, clocks, TCP, reservations of ports.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use super::credentials::{REALM, Secret, Username, account_of};
use super::reach::Reach;
use super::stun::{self, Builder, Class, Message, Method, Transaction, attribute};

#[cfg(test)]
mod tests;

/// Lifetime of an allocation, seconds: what is given at least, and at most (RFC 8656 §3.2).
const LIFETIME_S: (u64, u64) = (600, 3_600);
/// Lifetimes of a permission and a channel, milliseconds (RFC 8656 §9, §12).
const PERMISSION_MS: u64 = 300_000;
const CHANNEL_MS: u64 = 600_000;
/// How long a nonce is good for a first request, milliseconds (RFC 8656 §5).
const NONCE_MS: u64 = 3_600_000;
/// Addresses that one allocation may talk to. A peer has some eight addresses. Full: 508.
const PERMISSIONS_MAX: usize = 64;
/// Channels of one allocation. Full: 508; data then goes in indications.
const CHANNELS_MAX: usize = 64;
/// Users that were signed out while their credentials are good. Full: the one whose end is nearest is forgotten.
const SIGNED_OUT_MAX: usize = 10_000;
/// How long an allocation may carry nothing, milliseconds. A link asks for one wherever it may need it, and keeps it
/// although a direct way was found; a link that does go over it is checked several times a second (RFC 7675).
const UNUSED_MS: u64 = 120_000;
/// Of a rate, what may come at once: so many milliseconds' worth.
const RATE_BURST_MS: u64 = 2_000;

/// What one server gives.
#[derive(Debug, Clone)]
pub(super) struct Quotas {
    pub(super) allocations_max: usize,
    pub(super) allocations_per_account_max: usize,
    /// Both ways together, of one account.
    pub(super) bytes_per_second_per_account: u64,
}

/// The moment: for what lasts, and for what ends at a date.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    pub(super) mono_ms: u64,
    pub(super) unix_ms: u64,
}

/// Why something was not done, for the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    Malformed,
    Credentials,
    SignedOut,
    Quota,
    Rate,
    ClosedAddress,
    NoPermission,
    NoAllocation,
    Unsupported,
}

/// What comes of a datagram.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// To its sender. `stranger`: nobody was authenticated, so whoever sends these out bounds their rate.
    Reply { bytes: Vec<u8>, refused: Option<Refused>, stranger: bool },
    /// A port is to be bound for its sender, then [`Relays::granted`].
    NeedPort(Box<Pending>),
    /// The allocation is gone: its port is free after the reply.
    Released { bytes: Vec<u8>, relayed: SocketAddr },
    /// From the relayed address to a peer.
    ToPeer { relayed: SocketAddr, peer: SocketAddr, data: Vec<u8> },
    /// To the client of another allocation.
    ToClient { client: SocketAddr, bytes: Vec<u8>, data_bytes: usize },
    /// Not answered.
    Dropped(Refused),
}

/// An Allocate that was granted but for its port.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pending {
    pub(super) client: SocketAddr,
    pub(super) wants_v6: bool,
    transaction: Transaction,
    username: String,
    user: String,
    nonce: String,
    lifetime_s: u64,
}

#[derive(Debug)]
struct Allocation {
    relayed: SocketAddr,
    user: String,
    /// Of the request that made or last renewed it.
    username: String,
    nonce: String,
    /// Of the request that made it, with its answer: it may come again (RFC 8656 §7.2).
    made_by: (Transaction, Vec<u8>),
    ends_ms: u64,
    /// When it last carried something, or was made.
    used_ms: u64,
    /// Until when.
    permissions: BTreeMap<IpAddr, u64>,
    channels: BTreeMap<u16, (SocketAddr, u64)>,
}

/// What one account has.
#[derive(Debug, Default)]
struct Account {
    allocations: usize,
    /// Bytes that it may relay at once, and when that was.
    tokens: u64,
    at_ms: u64,
}

/// All allocations of one server.
#[derive(Debug)]
pub(super) struct Relays {
    secret: Secret,
    credential_ttl_s: u64,
    reach: Reach,
    quotas: Quotas,
    /// This machine's addresses, and the one that it is reached at from outside.
    own: BTreeSet<IpAddr>,
    nonce_key: [u8; 32],
    /// By client.
    allocations: BTreeMap<SocketAddr, Allocation>,
    /// Clients by relayed address.
    relayed: BTreeMap<SocketAddr, SocketAddr>,
    accounts: BTreeMap<String, Account>,
    /// When, Unix seconds.
    signed_out: BTreeMap<String, u64>,
}

/// Whose a request is.
struct Authenticated {
    username: String,
    user: String,
    nonce: String,
    key: [u8; 16],
}

impl Relays {
    /// `nonce_key` must be fresh.
    pub(super) fn new(
        secret: Secret,
        credential_ttl_s: u64,
        reach: Reach,
        quotas: Quotas,
        nonce_key: [u8; 32],
    ) -> Self {
        Self {
            secret,
            credential_ttl_s,
            reach,
            quotas,
            own: BTreeSet::new(),
            nonce_key,
            allocations: BTreeMap::new(),
            relayed: BTreeMap::new(),
            accounts: BTreeMap::new(),
            signed_out: BTreeMap::new(),
        }
    }

    /// This machine's addresses, which may change; those of relayed addresses count besides.
    pub(super) fn set_own(&mut self, addresses: impl IntoIterator<Item = IpAddr>) {
        self.own = addresses.into_iter().chain(self.relayed.keys().map(SocketAddr::ip)).collect();
    }

    /// A datagram on the server's own port.
    pub(super) fn handle(&mut self, now: Now, from: SocketAddr, datagram: &[u8]) -> Outcome {
        if let Some((number, data)) = stun::decode_channel_data(datagram) {
            let Some(allocation) = self.allocations.get(&from) else { return Outcome::Dropped(Refused::NoAllocation) };
            return match allocation.channels.get(&number) {
                Some((peer, until)) if *until > now.mono_ms => self.relay_out(now, from, *peer, data),
                Some(_) | None => Outcome::Dropped(Refused::NoPermission),
            };
        }
        let Some(message) = Message::decode(datagram) else { return Outcome::Dropped(Refused::Malformed) };
        match (message.class, message.method) {
            (Class::Indication, Method::Send) => {
                let peer = message.peers().and_then(|peers| peers.first().copied());
                let (Some(peer), Some(data)) = (peer, message.get(attribute::DATA)) else {
                    return Outcome::Dropped(Refused::Malformed);
                };
                self.relay_out(now, from, peer, data)
            }
            (Class::Request, Method::Binding) => {
                let reply = Builder::new(Class::Success, Method::Binding, message.transaction);
                let bytes = reply.with_address(attribute::XOR_MAPPED_ADDRESS, from).finish(None);
                Outcome::Reply { bytes, refused: None, stranger: true }
            }
            (Class::Request, Method::Allocate | Method::Refresh | Method::CreatePermission | Method::ChannelBind) => {
                self.request(now, from, &message)
            }
            // Answers nobody asked for, and indications that only a server sends.
            (Class::Request | Class::Indication | Class::Success | Class::Error, _) => {
                Outcome::Dropped(Refused::Malformed)
            }
        }
    }

    /// A datagram that a peer sent to a relayed address: what its client is sent.
    pub(super) fn relay_in(
        &mut self,
        now: Now,
        relayed: SocketAddr,
        peer: SocketAddr,
        data: &[u8],
    ) -> Result<(SocketAddr, Vec<u8>), Refused> {
        // Our own allocations do not send through the network.
        if self.relayed.contains_key(&peer) {
            return Err(Refused::ClosedAddress);
        }
        if self.own.contains(&peer.ip()) && !self.reach.is_allowed(peer.ip()) {
            return Err(Refused::ClosedAddress);
        }
        self.hand_over(now, relayed, peer, data)
    }

    /// A port was bound for an Allocate, or none could be: the answer.
    pub(super) fn granted(&mut self, now: Now, pending: Pending, relayed: Option<SocketAddr>) -> Outcome {
        let Pending { client, wants_v6: _, transaction, username, user, nonce, lifetime_s } = pending;
        let key = self.secret.key(&username);
        let Some(relayed) = relayed else {
            return refuse_known(Method::Allocate, transaction, (508, "Insufficient Capacity"), Refused::Quota, &key);
        };
        let bytes = Builder::new(Class::Success, Method::Allocate, transaction)
            .with_address(attribute::XOR_RELAYED_ADDRESS, relayed)
            .with(attribute::LIFETIME, &seconds(lifetime_s))
            .with_address(attribute::XOR_MAPPED_ADDRESS, client)
            .finish(Some(&key));
        let account = self.accounts.entry(account_of(&user).to_owned()).or_insert_with(|| Account {
            allocations: 0,
            tokens: burst(self.quotas.bytes_per_second_per_account),
            at_ms: now.mono_ms,
        });
        account.allocations += 1;
        self.relayed.insert(relayed, client);
        self.own.insert(relayed.ip());
        let allocation = Allocation {
            relayed,
            user,
            username,
            nonce,
            made_by: (transaction, bytes.clone()),
            ends_ms: now.mono_ms + lifetime_s * 1_000,
            used_ms: now.mono_ms,
            permissions: BTreeMap::new(),
            channels: BTreeMap::new(),
        };
        self.allocations.insert(client, allocation);
        Outcome::Reply { bytes, refused: None, stranger: false }
    }

    /// Ends what is over: the relayed addresses whose ports are free now.
    pub(super) fn expire(&mut self, now: Now) -> Vec<SocketAddr> {
        for allocation in self.allocations.values_mut() {
            allocation.permissions.retain(|_, until| *until > now.mono_ms);
            allocation.channels.retain(|_, (_, until)| *until > now.mono_ms);
        }
        let signed_out_before = (now.unix_ms / 1_000).saturating_sub(self.credential_ttl_s);
        self.signed_out.retain(|_, at_s| *at_s >= signed_out_before);
        self.release_where(|allocation| allocation.ends_ms <= now.mono_ms)
    }

    /// The user's credentials from before now let nobody in any more; its relayed addresses, whose ports are free now.
    pub(super) fn sign_out(&mut self, now: Now, user: &str) -> Vec<SocketAddr> {
        if self.signed_out.len() >= SIGNED_OUT_MAX {
            let oldest = self.signed_out.iter().min_by_key(|(_, at_s)| **at_s).map(|(user, _)| user.clone());
            oldest.map(|user| self.signed_out.remove(&user));
        }
        self.signed_out.insert(user.to_owned(), now.unix_ms / 1_000);
        self.release_where(|allocation| allocation.user == user)
    }

    /// Everything ends.
    pub(super) fn release_all(&mut self) -> Vec<SocketAddr> {
        self.release_where(|_| true)
    }

    fn release_where(&mut self, ends: impl Fn(&Allocation) -> bool) -> Vec<SocketAddr> {
        let clients: Vec<SocketAddr> =
            self.allocations.iter().filter(|(_, allocation)| ends(allocation)).map(|(client, _)| *client).collect();
        clients.into_iter().filter_map(|client| self.release(client)).collect()
    }

    fn release(&mut self, client: SocketAddr) -> Option<SocketAddr> {
        let allocation = self.allocations.remove(&client)?;
        self.relayed.remove(&allocation.relayed);
        let name = account_of(&allocation.user);
        if let Some(account) = self.accounts.get_mut(name) {
            account.allocations = account.allocations.saturating_sub(1);
            if account.allocations == 0 {
                self.accounts.remove(name);
            }
        }
        Some(allocation.relayed)
    }

    // Requests that must be signed.

    fn request(&mut self, now: Now, from: SocketAddr, message: &Message<'_>) -> Outcome {
        let authenticated = match self.authenticate(now, from, message) {
            Ok(authenticated) => authenticated,
            Err(outcome) => return outcome,
        };
        let (method, transaction) = (message.method, message.transaction);
        let refuse = |code, refused| refuse_known(method, transaction, code, refused, &authenticated.key);
        let unknown = message.not_understood();
        if !unknown.is_empty() {
            let kinds: Vec<u8> = unknown.into_iter().flat_map(u16::to_be_bytes).collect();
            let bytes = Builder::new(Class::Error, method, transaction)
                .with_error(420, "Unknown Attribute")
                .with(attribute::UNKNOWN_ATTRIBUTES, &kinds)
                .finish(Some(&authenticated.key));
            return Outcome::Reply { bytes, refused: Some(Refused::Unsupported), stranger: false };
        }
        let user_of = |allocation: &Allocation| allocation.user == authenticated.user;
        match (method, self.allocations.get(&from)) {
            (_, Some(allocation)) if !user_of(allocation) => refuse((441, "Wrong Credentials"), Refused::Credentials),
            (Method::Allocate, Some(allocation)) => {
                let (made_by, answer) = &allocation.made_by;
                if *made_by == transaction {
                    Outcome::Reply { bytes: answer.clone(), refused: None, stranger: false }
                } else {
                    refuse((437, "Allocation Mismatch"), Refused::NoAllocation)
                }
            }
            (Method::Allocate, None) => self.allocate(from, message, authenticated),
            (_, None) => refuse((437, "Allocation Mismatch"), Refused::NoAllocation),
            (Method::Refresh, Some(_)) => self.refresh(now, from, message, authenticated),
            (Method::CreatePermission, Some(_)) => self.create_permission(now, from, message, &authenticated),
            (Method::ChannelBind, Some(_)) => self.channel_bind(now, from, message, &authenticated),
            (Method::Binding | Method::Send | Method::Data, Some(_)) => Outcome::Dropped(Refused::Malformed),
        }
    }

    fn authenticate(&self, now: Now, from: SocketAddr, message: &Message<'_>) -> Result<Authenticated, Outcome> {
        let (method, transaction) = (message.method, message.transaction);
        let challenge = |code: (u16, &str), refused: Option<Refused>| {
            let bytes = Builder::new(Class::Error, method, transaction)
                .with_error(code.0, code.1)
                .with(attribute::REALM, REALM.as_bytes())
                .with(attribute::NONCE, self.nonce(now, from).as_bytes())
                .finish(None);
            Outcome::Reply { bytes, refused, stranger: true }
        };
        let unauthorized = |refused| challenge((401, "Unauthorized"), refused);
        if !message.has_integrity() {
            return Err(unauthorized(None));
        }
        let fields =
            (message.text(attribute::USERNAME), message.text(attribute::REALM), message.text(attribute::NONCE));
        let (Some(username), Some(realm), Some(nonce)) = fields else {
            let bytes = Builder::new(Class::Error, method, transaction).with_error(400, "Bad Request").finish(None);
            return Err(Outcome::Reply { bytes, refused: Some(Refused::Malformed), stranger: true });
        };
        let allocation = self.allocations.get(&from);
        let opened_it = allocation.is_some_and(|allocation| allocation.nonce == nonce);
        if !opened_it && !self.is_nonce(now, from, nonce) {
            return Err(challenge((438, "Stale Nonce"), None));
        }
        let Some(parsed) = Username::parse(username).filter(|_| realm == REALM) else {
            return Err(unauthorized(Some(Refused::Credentials)));
        };
        let key = self.secret.key(username);
        if !message.is_sealed_with(&key) {
            return Err(unauthorized(Some(Refused::Credentials)));
        }
        let goes_on = allocation.is_some_and(|allocation| allocation.username == username);
        if !goes_on && parsed.ends_at_s <= now.unix_ms / 1_000 {
            return Err(unauthorized(Some(Refused::Credentials)));
        }
        let issued_at_s = parsed.ends_at_s.saturating_sub(self.credential_ttl_s);
        if self.signed_out.get(&parsed.user).is_some_and(|at_s| issued_at_s <= *at_s) {
            return Err(unauthorized(Some(Refused::SignedOut)));
        }
        Ok(Authenticated { username: username.to_owned(), user: parsed.user, nonce: nonce.to_owned(), key })
    }

    fn allocate(&self, from: SocketAddr, message: &Message<'_>, authenticated: Authenticated) -> Outcome {
        let Authenticated { username, user, nonce, key } = authenticated;
        let refuse = |code, refused| refuse_known(Method::Allocate, message.transaction, code, refused, &key);
        match message.get(attribute::REQUESTED_TRANSPORT) {
            Some([17, ..]) => {}
            Some([_, ..]) => return refuse((442, "Unsupported Transport Protocol"), Refused::Unsupported),
            Some([]) | None => return refuse((400, "Bad Request"), Refused::Malformed),
        }
        let wants_v6 = match message.get(attribute::REQUESTED_ADDRESS_FAMILY) {
            None => false,
            Some([family @ (1 | 2), ..]) => *family == 2,
            Some(_) => return refuse((440, "Address Family not Supported"), Refused::Unsupported),
        };
        let reserves = [attribute::EVEN_PORT, attribute::RESERVATION_TOKEN];
        if reserves.into_iter().any(|kind| message.get(kind).is_some()) {
            return refuse((508, "Insufficient Capacity"), Refused::Unsupported);
        }
        if self.allocations.len() >= self.quotas.allocations_max {
            return refuse((508, "Insufficient Capacity"), Refused::Quota);
        }
        let of_account = self.accounts.get(account_of(&user)).map_or(0, |account| account.allocations);
        if of_account >= self.quotas.allocations_per_account_max {
            return refuse((486, "Allocation Quota Reached"), Refused::Quota);
        }
        let lifetime_s = lifetime_s(message);
        let transaction = message.transaction;
        Outcome::NeedPort(Box::new(Pending { client: from, wants_v6, transaction, username, user, nonce, lifetime_s }))
    }

    fn refresh(&mut self, now: Now, from: SocketAddr, message: &Message<'_>, by: Authenticated) -> Outcome {
        let is_unused = |allocation: &Allocation| now.mono_ms.saturating_sub(allocation.used_ms) >= UNUSED_MS;
        let ends = message.number(attribute::LIFETIME) == Some(0) || self.allocations.get(&from).is_some_and(is_unused);
        let lifetime_s = if ends { 0 } else { lifetime_s(message) };
        let bytes = Builder::new(Class::Success, Method::Refresh, message.transaction)
            .with(attribute::LIFETIME, &seconds(lifetime_s))
            .finish(Some(&by.key));
        if ends {
            return match self.release(from) {
                Some(relayed) => Outcome::Released { bytes, relayed },
                None => Outcome::Dropped(Refused::NoAllocation),
            };
        }
        if let Some(allocation) = self.allocations.get_mut(&from) {
            allocation.ends_ms = now.mono_ms + lifetime_s * 1_000;
            // Newer credentials of the same user carry it on.
            allocation.username = by.username;
            allocation.nonce = by.nonce;
        }
        Outcome::Reply { bytes, refused: None, stranger: false }
    }

    fn create_permission(&mut self, now: Now, from: SocketAddr, message: &Message<'_>, by: &Authenticated) -> Outcome {
        let refuse =
            |code, refused| refuse_known(Method::CreatePermission, message.transaction, code, refused, &by.key);
        let peers = message.peers().filter(|peers| !peers.is_empty());
        let Some(peers) = peers else { return refuse((400, "Bad Request"), Refused::Malformed) };
        if let Err((code, refused)) = peers.iter().try_for_each(|peer| self.may_permit(from, peer.ip())) {
            return refuse(code, refused);
        }
        let Some(allocation) = self.allocations.get_mut(&from) else {
            return Outcome::Dropped(Refused::NoAllocation);
        };
        for peer in peers {
            if !permit(allocation, now, peer.ip()) {
                return refuse((508, "Insufficient Capacity"), Refused::Quota);
            }
        }
        let reply = Builder::new(Class::Success, Method::CreatePermission, message.transaction);
        Outcome::Reply { bytes: reply.finish(Some(&by.key)), refused: None, stranger: false }
    }

    fn channel_bind(&mut self, now: Now, from: SocketAddr, message: &Message<'_>, by: &Authenticated) -> Outcome {
        let refuse = |code, refused| refuse_known(Method::ChannelBind, message.transaction, code, refused, &by.key);
        let malformed = || refuse((400, "Bad Request"), Refused::Malformed);
        let number = message.number(attribute::CHANNEL_NUMBER).and_then(|value| u16::try_from(value >> 16).ok());
        let Some(number) = number.filter(|number| stun::CHANNELS.contains(number)) else { return malformed() };
        let Some(&[peer]) = message.peers().as_deref() else { return malformed() };
        if let Err((code, refused)) = self.may_permit(from, peer.ip()) {
            return refuse(code, refused);
        }
        // Of this machine's addresses a channel is for one port; a permission cannot tell.
        if let Err(refused) = self.check_own(from, peer) {
            return refuse((403, "Forbidden"), refused);
        }
        let Some(allocation) = self.allocations.get_mut(&from) else {
            return Outcome::Dropped(Refused::NoAllocation);
        };
        allocation.channels.retain(|_, (_, until)| *until > now.mono_ms);
        let other_peer = allocation.channels.get(&number).is_some_and(|(bound, _)| *bound != peer);
        let other_number = allocation.channels.iter().any(|(other, (bound, _))| *bound == peer && *other != number);
        if other_peer || other_number {
            return malformed();
        }
        let is_new = !allocation.channels.contains_key(&number);
        if is_new && allocation.channels.len() >= CHANNELS_MAX || !permit(allocation, now, peer.ip()) {
            return refuse((508, "Insufficient Capacity"), Refused::Quota);
        }
        allocation.channels.insert(number, (peer, now.mono_ms + CHANNEL_MS));
        let reply = Builder::new(Class::Success, Method::ChannelBind, message.transaction);
        Outcome::Reply { bytes: reply.finish(Some(&by.key)), refused: None, stranger: false }
    }

    /// Whether the client may talk to an address at all.
    fn may_permit(&self, client: SocketAddr, ip: IpAddr) -> Result<(), ((u16, &'static str), Refused)> {
        let family = self.allocations.get(&client).map(|allocation| allocation.relayed.is_ipv4());
        if family.is_some_and(|v4| v4 != ip.is_ipv4()) {
            return Err(((443, "Peer Address Family Mismatch"), Refused::Unsupported));
        }
        // Of an address with relayed ports it is the port that decides, when something is sent.
        let first = self.relayed.range(SocketAddr::new(ip, 0)..).next();
        let has_relays = first.is_some_and(|(relayed, _)| relayed.ip() == ip);
        if has_relays || self.is_reachable(ip) { Ok(()) } else { Err(((403, "Forbidden"), Refused::ClosedAddress)) }
    }

    /// Whether the client may send to this port: any port of others, but on this machine's addresses only those of
    /// others' allocations, and what the operator opened.
    fn check_own(&self, client: SocketAddr, peer: SocketAddr) -> Result<(), Refused> {
        if let Some(other) = self.relayed.get(&peer) {
            let user = |client: &SocketAddr| self.allocations.get(client).map(|allocation| &allocation.user);
            return if user(other) == user(&client) { Err(Refused::ClosedAddress) } else { Ok(()) };
        }
        if self.is_reachable(peer.ip()) { Ok(()) } else { Err(Refused::ClosedAddress) }
    }

    /// Whether any port of an address may be sent to.
    fn is_reachable(&self, ip: IpAddr) -> bool {
        if self.own.contains(&ip) { self.reach.is_allowed(ip) } else { self.reach.is_open(ip) }
    }

    // Data.

    fn relay_out(&mut self, now: Now, client: SocketAddr, peer: SocketAddr, data: &[u8]) -> Outcome {
        let Some(allocation) = self.allocations.get(&client) else { return Outcome::Dropped(Refused::NoAllocation) };
        let relayed = allocation.relayed;
        if allocation.permissions.get(&peer.ip()).is_none_or(|until| *until <= now.mono_ms) {
            return Outcome::Dropped(Refused::NoPermission);
        }
        if let Err(refused) = self.check_own(client, peer) {
            return Outcome::Dropped(refused);
        }
        if !self.take(now, client, data.len()) {
            return Outcome::Dropped(Refused::Rate);
        }
        if self.relayed.contains_key(&peer) {
            return match self.hand_over(now, peer, relayed, data) {
                Ok((client, bytes)) => Outcome::ToClient { client, bytes, data_bytes: data.len() },
                Err(refused) => Outcome::Dropped(refused),
            };
        }
        Outcome::ToPeer { relayed, peer, data: data.to_vec() }
    }

    fn hand_over(
        &mut self,
        now: Now,
        relayed: SocketAddr,
        peer: SocketAddr,
        data: &[u8],
    ) -> Result<(SocketAddr, Vec<u8>), Refused> {
        let client = *self.relayed.get(&relayed).ok_or(Refused::NoAllocation)?;
        let allocation = self.allocations.get(&client).ok_or(Refused::NoAllocation)?;
        if allocation.permissions.get(&peer.ip()).is_none_or(|until| *until <= now.mono_ms) {
            return Err(Refused::NoPermission);
        }
        let channel = allocation.channels.iter().find(|(_, (bound, until))| *bound == peer && *until > now.mono_ms);
        let bytes = match channel {
            Some((number, _)) => stun::encode_channel_data(*number, data),
            None => {
                // Indications are matched to nothing; any transaction will do.
                let transaction = Transaction::default();
                Builder::new(Class::Indication, Method::Data, transaction)
                    .with_address(attribute::XOR_PEER_ADDRESS, peer)
                    .with(attribute::DATA, data)
                    .without_fingerprint()
            }
        };
        if !self.take(now, client, data.len()) {
            return Err(Refused::Rate);
        }
        Ok((client, bytes))
    }

    /// Whether the client's account may relay so many bytes more.
    fn take(&mut self, now: Now, client: SocketAddr, bytes: usize) -> bool {
        let rate = self.quotas.bytes_per_second_per_account;
        let Some(allocation) = self.allocations.get_mut(&client) else { return false };
        allocation.used_ms = now.mono_ms;
        let Some(account) = self.accounts.get_mut(account_of(&allocation.user)) else { return false };
        let since_ms = now.mono_ms.saturating_sub(account.at_ms);
        account.tokens = account.tokens.saturating_add(rate.saturating_mul(since_ms) / 1_000).min(burst(rate));
        account.at_ms = now.mono_ms;
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let enough = account.tokens >= bytes;
        if enough {
            account.tokens -= bytes;
        }
        enough
    }

    // Nonces: when they end, and a hash over that and the client's address.

    fn nonce(&self, now: Now, client: SocketAddr) -> String {
        let ends_ms = now.mono_ms + NONCE_MS;
        format!("{ends_ms:x}-{}", self.nonce_hash(ends_ms, client))
    }

    fn is_nonce(&self, now: Now, client: SocketAddr, nonce: &str) -> bool {
        let Some((ends, hash)) = nonce.split_once('-') else { return false };
        let Ok(ends_ms) = u64::from_str_radix(ends, 16) else { return false };
        ends_ms > now.mono_ms && self.nonce_hash(ends_ms, client) == hash
    }

    fn nonce_hash(&self, ends_ms: u64, client: SocketAddr) -> String {
        let hash = blake3::keyed_hash(&self.nonce_key, format!("{ends_ms} {client}").as_bytes());
        hash.to_hex().chars().take(24).collect()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.allocations.len()
    }

    /// Panics where an invariant above does not hold.
    #[cfg(any(test, fuzzing))]
    pub(super) fn check_invariants(&self) {
        assert!(self.allocations.len() <= self.quotas.allocations_max);
        assert_eq!(self.allocations.len(), self.relayed.len());
        for (client, allocation) in &self.allocations {
            assert_eq!(self.relayed.get(&allocation.relayed), Some(client));
            assert!(allocation.permissions.len() <= PERMISSIONS_MAX && allocation.channels.len() <= CHANNELS_MAX);
        }
        for (name, account) in &self.accounts {
            let real = self.allocations.values().filter(|allocation| account_of(&allocation.user) == name).count();
            assert_eq!(account.allocations, real);
            assert!(real > 0 && real <= self.quotas.allocations_per_account_max);
        }
        assert!(self.signed_out.len() <= SIGNED_OUT_MAX);
    }
}

/// Permits an address, or renews it; `false` where there are too many.
fn permit(allocation: &mut Allocation, now: Now, ip: IpAddr) -> bool {
    allocation.permissions.retain(|_, until| *until > now.mono_ms);
    if allocation.permissions.len() >= PERMISSIONS_MAX && !allocation.permissions.contains_key(&ip) {
        return false;
    }
    allocation.permissions.insert(ip, now.mono_ms + PERMISSION_MS);
    true
}

/// A refusal to somebody who was authenticated.
fn refuse_known(
    method: Method,
    transaction: Transaction,
    (code, reason): (u16, &str),
    refused: Refused,
    key: &[u8],
) -> Outcome {
    let bytes = Builder::new(Class::Error, method, transaction).with_error(code, reason).finish(Some(key));
    Outcome::Reply { bytes, refused: Some(refused), stranger: false }
}

fn lifetime_s(message: &Message<'_>) -> u64 {
    message.number(attribute::LIFETIME).map_or(LIFETIME_S.0, u64::from).clamp(LIFETIME_S.0, LIFETIME_S.1)
}

fn seconds(seconds: u64) -> [u8; 4] {
    u32::try_from(seconds).unwrap_or(u32::MAX).to_be_bytes()
}

fn burst(bytes_per_second: u64) -> u64 {
    bytes_per_second.saturating_mul(RATE_BURST_MS) / 1_000
}

impl Refused {
    /// The word for it in metrics.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Credentials => "credentials",
            Self::SignedOut => "signed_out",
            Self::Quota => "quota",
            Self::Rate => "rate",
            Self::ClosedAddress => "closed_address",
            Self::NoPermission => "no_permission",
            Self::NoAllocation => "no_allocation",
            Self::Unsupported => "unsupported",
        }
    }
}
