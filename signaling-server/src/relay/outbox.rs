//! What waits to be written to one connection, each kind with its own bound and policy.
//!
//! | kind | bound | at the bound |
//! | --- | --- | --- |
//! | events | the window's bytes | the replica waits for credit |
//! | other durable frames, answers | [`FRAMES_BYTES_MAX`] | what waits is sent, then the connection ends; it may come back at once |
//! | introductions, ephemerals | [`PASSING_MAX`], [`PASSING_BYTES_MAX`] | the oldest goes |
//! | presence, names | an entry an account | a newer value replaces an older |
//! | number online | one | the newer replaces the older |
//! | notices of administrators | a mark to look for them in the store | |
//!
//! The relay's task puts in and never waits; the connection's writer takes out. Empty, it owns no heap memory.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use momoland_protocol::cbor;
use momoland_protocol::id::AccountId;
use momoland_protocol::limits::{FRAME_BYTES_MAX, PROFILES_PER_FRAME_MAX};
use momoland_protocol::server::{AccountPresence, Goodbye, GoodbyeReason, ServerFrame};
use tokio::sync::Notify;

/// Bytes of frames that must arrive: rosters, answers, acknowledgements.
const FRAMES_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Introductions and ephemerals that wait.
const PASSING_MAX: usize = 256;

/// Their bytes.
const PASSING_BYTES_MAX: usize = 256 * 1024;

/// Bytes of one frame of presence, below what a frame may have.
const PRESENCE_BYTES_MAX: usize = FRAME_BYTES_MAX - 8 * 1024;

/// One connection's outbox.
#[derive(Debug, Default)]
pub struct Outbox {
    waiting: Mutex<Waiting>,
    /// Told when something was put in.
    filled: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    frames: VecDeque<Framed>,
    frames_bytes: usize,
    passing: VecDeque<Bytes>,
    passing_bytes: usize,
    presence: BTreeMap<AccountId, AccountPresence>,
    meetings: BTreeSet<AccountId>,
    online: Option<u32>,
    check_standing: bool,
    told: bool,
    goodbye: Option<Goodbye>,
    /// Nothing more is taken in: a goodbye waits or was taken out.
    closed: bool,
}

#[derive(Debug)]
struct Framed {
    bytes: Bytes,
    /// Bytes of events in it, as the replica counts them; given back when the socket took it.
    events_bytes: usize,
}

/// What the writer does next.
#[derive(Debug)]
pub enum Outgoing {
    /// Write this. `events_bytes` go back to the relay once the socket took it.
    Frame { bytes: Bytes, events_bytes: usize },
    /// Ask the store, and write what it says.
    LookUp(LookUp),
    /// Write this, then end.
    Goodbye(Goodbye),
}

/// What a connection asks the store for, all at once: each question is a way to another thread and back.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct LookUp {
    /// Whether the device is still signed in.
    pub standing: bool,
    /// What administrators told since the last time.
    pub notices: bool,
    /// The names of these accounts.
    pub names: Vec<AccountId>,
}

impl Outbox {
    /// A frame that must arrive, with the bytes of events in it.
    pub fn push(&self, frame: &ServerFrame, events_bytes: usize) {
        self.push_encoded(encode(frame), events_bytes);
    }

    /// A frame that must arrive, encoded once for all who get it.
    pub fn push_encoded(&self, bytes: Bytes, events_bytes: usize) {
        let mut waiting = self.lock();
        if waiting.closed {
            return;
        }
        if events_bytes == 0 && waiting.frames_bytes + bytes.len() > FRAMES_BYTES_MAX {
            waiting.close(Goodbye {
                reason: GoodbyeReason::RateLimited,
                sentence: "More waited for this device than the server keeps. Connect again for the rest.".to_owned(),
                retry_after_ms: None,
            });
        } else {
            if events_bytes == 0 {
                waiting.frames_bytes += bytes.len();
            }
            waiting.frames.push_back(Framed { bytes, events_bytes });
        }
        drop(waiting);
        self.filled.notify_one();
    }

    /// A frame that is worth little later: an introduction or an ephemeral, encoded once for all who get it.
    pub fn pass(&self, bytes: Bytes) {
        let mut waiting = self.lock();
        if waiting.closed {
            return;
        }
        waiting.passing_bytes += bytes.len();
        waiting.passing.push_back(bytes);
        while waiting.passing.len() > PASSING_MAX || waiting.passing_bytes > PASSING_BYTES_MAX {
            let Some(oldest) = waiting.passing.pop_front() else { break };
            waiting.passing_bytes -= oldest.len();
        }
        drop(waiting);
        self.filled.notify_one();
    }

    /// How accounts are now.
    pub fn show(&self, accounts: impl IntoIterator<Item = AccountPresence>) {
        let mut waiting = self.lock();
        if waiting.closed {
            return;
        }
        waiting.presence.extend(accounts.into_iter().map(|account| (account.account, account)));
        drop(waiting);
        self.filled.notify_one();
    }

    /// Accounts whose names the device may not know.
    pub fn meet(&self, accounts: impl IntoIterator<Item = AccountId>) {
        let mut waiting = self.lock();
        if waiting.closed {
            return;
        }
        waiting.meetings.extend(accounts);
        drop(waiting);
        self.filled.notify_one();
    }

    /// How many people are online.
    pub fn count(&self, online: u32) {
        self.lock().online = Some(online);
        self.filled.notify_one();
    }

    /// Has the connection find out whether its device is still signed in.
    pub fn check_standing(&self) {
        self.lock().check_standing = true;
        self.filled.notify_one();
    }

    /// Has the connection look for what administrators told.
    pub fn look_for_notices(&self) {
        self.lock().told = true;
        self.filled.notify_one();
    }

    /// What waits is still written, then the goodbye. The first goodbye counts.
    pub fn close(&self, goodbye: Goodbye) {
        self.lock().close(goodbye);
        self.filled.notify_one();
    }

    /// What to write next; waits until there is something.
    ///
    /// # Cancel safety
    /// Nothing is taken out before it completes.
    pub async fn next(&self) -> Outgoing {
        loop {
            if let Some(outgoing) = self.try_next() {
                return outgoing;
            }
            self.filled.notified().await;
        }
    }

    /// What to write next, if anything.
    pub fn try_next(&self) -> Option<Outgoing> {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // No code under this lock can panic half-way through a change, so a poisoned one is still sound.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn close(&mut self, goodbye: Goodbye) {
        if !self.closed {
            self.closed = true;
            self.goodbye = Some(goodbye);
        }
    }

    /// Standing first, then what must arrive in its order, then what is newest.
    fn take(&mut self) -> Option<Outgoing> {
        if self.check_standing {
            return Some(Outgoing::LookUp(self.take_look_up()));
        }
        if let Some(Framed { bytes, events_bytes }) = self.frames.pop_front() {
            if events_bytes == 0 {
                self.frames_bytes -= bytes.len();
            }
            if self.frames.is_empty() {
                // A burst must not keep its memory: most connections are idle most of the time.
                self.frames = VecDeque::new();
            }
            return Some(Outgoing::Frame { bytes, events_bytes });
        }
        if self.told || !self.meetings.is_empty() {
            return Some(Outgoing::LookUp(self.take_look_up()));
        }
        if let Some(bytes) = self.passing.pop_front() {
            self.passing_bytes -= bytes.len();
            if self.passing.is_empty() {
                self.passing = VecDeque::new();
            }
            return Some(Outgoing::Frame { bytes, events_bytes: 0 });
        }
        if !self.presence.is_empty() {
            let accounts = self.take_presence();
            return Some(Outgoing::of(&ServerFrame::Presence { accounts }));
        }
        if let Some(count) = self.online.take() {
            return Some(Outgoing::of(&ServerFrame::Online { count }));
        }
        self.goodbye.take().map(Outgoing::Goodbye)
    }

    /// Everything to ask for, of names as many as fit into one frame.
    fn take_look_up(&mut self) -> LookUp {
        let names: Vec<AccountId> = self.meetings.iter().take(PROFILES_PER_FRAME_MAX).copied().collect();
        self.meetings.retain(|account| names.last().is_some_and(|last| account > last));
        if self.meetings.is_empty() {
            self.meetings = BTreeSet::new();
        }
        LookUp { standing: std::mem::take(&mut self.check_standing), notices: std::mem::take(&mut self.told), names }
    }

    /// As many as fit into one frame.
    fn take_presence(&mut self) -> Vec<AccountPresence> {
        let mut accounts = Vec::new();
        let mut bytes = 0;
        while let Some(next) = self.presence.first_entry() {
            // Ids with their marks, the text, and what is of fixed size.
            bytes += next.get().devices.len() * 34 + next.get().chosen.text.len() + 50;
            if !accounts.is_empty() && (accounts.len() >= PROFILES_PER_FRAME_MAX || bytes > PRESENCE_BYTES_MAX) {
                break;
            }
            accounts.push(next.remove());
        }
        if self.presence.is_empty() {
            // An empty map keeps its last node, which is a kilobyte.
            self.presence = BTreeMap::new();
        }
        accounts
    }
}

/// The bytes of a frame.
pub fn encode(frame: &ServerFrame) -> Bytes {
    let bytes = cbor::encode(frame);
    if bytes.len() > FRAME_BYTES_MAX {
        // The receiver refuses it, and is right. What builds frames keeps below; this is where it would show.
        tracing::error!(bytes = bytes.len(), "a frame is larger than frames may be");
    }
    bytes.into()
}

impl Outgoing {
    /// A frame without events.
    pub fn of(frame: &ServerFrame) -> Self {
        Self::Frame { bytes: encode(frame), events_bytes: 0 }
    }
}

#[cfg(test)]
mod tests {
    use momoland_protocol::id::{DeviceId, RoomId};
    use momoland_protocol::limits::{DEVICES_PER_ACCOUNT_MAX, STATUS_TEXT_CHARS_MAX};
    use momoland_protocol::replication::Frame;
    use momoland_protocol::server::ChosenStatus;

    use super::*;

    fn closed_frame() -> ServerFrame {
        ServerFrame::Replication(Frame::Closed { room: RoomId([1; 32]) })
    }

    fn goodbye(reason: GoodbyeReason) -> Goodbye {
        Goodbye { reason, sentence: String::new(), retry_after_ms: None }
    }

    fn decode(bytes: &[u8]) -> ServerFrame {
        cbor::decode(bytes, FRAME_BYTES_MAX).unwrap()
    }

    #[test]
    fn what_must_arrive_comes_first_and_in_order_and_the_goodbye_last() {
        let outbox = Outbox::default();
        outbox.count(3);
        outbox.count(4);
        outbox.meet([AccountId([7; 16])]);
        outbox.push(&closed_frame(), 0);
        outbox.close(goodbye(GoodbyeReason::Replaced));
        outbox.close(goodbye(GoodbyeReason::ShuttingDown));
        outbox.push(&closed_frame(), 0);
        assert!(matches!(outbox.try_next(), Some(Outgoing::Frame { .. })));
        let names = |outgoing| matches!(outgoing, Some(Outgoing::LookUp(it)) if it.names == [AccountId([7; 16])]);
        assert!(names(outbox.try_next()));
        let Some(Outgoing::Frame { bytes, .. }) = outbox.try_next() else { panic!("the count") };
        assert_eq!(decode(&bytes), ServerFrame::Online { count: 4 });
        assert!(matches!(outbox.try_next(), Some(Outgoing::Goodbye(said)) if said.reason == GoodbyeReason::Replaced));
        assert!(outbox.try_next().is_none());
    }

    #[test]
    fn what_the_store_is_asked_is_asked_at_once_and_before_what_waits_where_the_device_may_be_signed_out() {
        let outbox = Outbox::default();
        outbox.push(&closed_frame(), 0);
        outbox.look_for_notices();
        outbox.meet([AccountId([7; 16])]);
        outbox.check_standing();
        let asked = LookUp { standing: true, notices: true, names: vec![AccountId([7; 16])] };
        assert!(matches!(outbox.try_next(), Some(Outgoing::LookUp(it)) if it == asked));
        assert!(matches!(outbox.try_next(), Some(Outgoing::Frame { .. })));
        assert!(outbox.try_next().is_none());
    }

    // Rules: SV9
    #[test]
    fn too_much_to_keep_ends_the_connection_after_what_waits() {
        let outbox = Outbox::default();
        let size = encode(&closed_frame()).len();
        for _ in 0..2 * FRAMES_BYTES_MAX / size {
            outbox.push(&closed_frame(), 0);
        }
        let mut bytes_out = 0;
        let said = loop {
            match outbox.try_next() {
                Some(Outgoing::Frame { bytes, .. }) => bytes_out += bytes.len(),
                Some(Outgoing::Goodbye(said)) => break said,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(said.reason, GoodbyeReason::RateLimited);
        assert!(bytes_out <= FRAMES_BYTES_MAX && bytes_out > FRAMES_BYTES_MAX / 2);
    }

    // Rules: SV9
    #[test]
    fn of_ephemerals_the_oldest_go() {
        let outbox = Outbox::default();
        for number in 0..1_000_u16 {
            outbox.pass(Bytes::from(number.to_be_bytes().to_vec()));
        }
        let mut passed = Vec::new();
        while let Some(Outgoing::Frame { bytes, .. }) = outbox.try_next() {
            passed.push(u16::from_be_bytes([bytes[0], bytes[1]]));
        }
        assert_eq!(passed, (744..1_000).collect::<Vec<u16>>());
        for _ in 0..100 {
            outbox.pass(Bytes::from(vec![0; 16 * 1024]));
        }
        let mut bytes_out = 0;
        while let Some(Outgoing::Frame { bytes, .. }) = outbox.try_next() {
            bytes_out += bytes.len();
        }
        assert!(bytes_out <= PASSING_BYTES_MAX);
    }

    #[test]
    fn presence_is_told_once_an_account_in_frames_that_fit() {
        let outbox = Outbox::default();
        let presence = |number: u16, idle| {
            let mut account = [0; 16];
            account[..2].copy_from_slice(&number.to_be_bytes());
            AccountPresence {
                account: AccountId(account),
                devices: vec![DeviceId([9; 32]); DEVICES_PER_ACCOUNT_MAX],
                idle,
                chosen: ChosenStatus { text: "\u{1F600}".repeat(STATUS_TEXT_CHARS_MAX), ..ChosenStatus::default() },
                last_seen: None,
            }
        };
        outbox.show((0..300).map(|number| presence(number, true)));
        outbox.show((0..300).map(|number| presence(number, false)));
        let mut told = Vec::new();
        while let Some(Outgoing::Frame { bytes, .. }) = outbox.try_next() {
            assert!(bytes.len() <= FRAME_BYTES_MAX);
            let ServerFrame::Presence { accounts } = decode(&bytes) else { panic!("presence") };
            told.extend(accounts);
        }
        assert_eq!(told, (0..300).map(|number| presence(number, false)).collect::<Vec<_>>());
    }
}
