//! Perfect negotiation between this device and one other: who offers, who answers, which attempt counts.
//!
//! After the W3C's "perfect negotiation" (WebRTC 1.0 §10.7): when both sides offer at once, the *polite* one, here the
//! device with the lower id, drops its own offer and answers the other's; the *impolite* one ignores what crossed its
//! offer. `links` feeds it dials, signals and what became of connections, and carries its actions out.
//!
//! The first exchange of a session differs from the W3C's: the polite side gives its `RTCPeerConnection` up and makes a
//! fresh one instead of rolling back. Nothing runs over it yet, so nothing is lost; the side that offered is the same
//! on both ends, which the session handshake signs; and an abandoned attempt leaves no half-gathered state behind.
//! Within a session that stands (an ICE restart, new media) the roll-back is explicit, since the library has no
//! implicit one.
//!
//! ```text
//!                 dial                    answer
//!       Idle ───────────────► Offering ──────────► Offering, answered ──┐ opened
//!        │ offer                 │ offer, and polite                    ▼
//!        └─────────► Answering ◄─┘ ───────────────────────────────► Linked
//!                                             opened
//!       any ── bye, ended, too late ──► Idle
//! ```
//!
//! # Invariants
//! 1. However dials and deliveries interleave, both ends come to the same one session.
//!    Tests: `prop_every_interleaving_ends_in_one_session`, `prop_loss_and_disorder_are_healed_by_dialling_again`.
//! 2. At most one session is current; each that was begun ends by an `End` or by `handle_ended`. Same tests.
//! 3. A session that was given up never returns, whatever arrives late. Test: `a_stale_offer_is_ignored`.
//! 4. Memory is bounded: [`EARLY_CANDIDATES_MAX`], [`GIVEN_UP_MAX`].
//!
//! Not here: any IO, any clock (time comes in as a parameter), retrying (`dialer`), what a description says.

use std::collections::VecDeque;
use std::time::Duration;

use momoland_protocol::id::DeviceId;

use super::CloseReason;
use super::signal::{Candidate, SessionId, Signal, SignalPayload};

#[cfg(test)]
mod tests;

/// Candidates kept that came before the description they belong to. Full: the oldest goes; ICE has others, and the
/// other side's checks reveal its addresses as well.
const EARLY_CANDIDATES_MAX: usize = 64;

/// Sessions remembered as given up. Full: the oldest is forgotten; a signal delayed by more than this many attempts
/// makes one needless attempt that then ends by a `Bye`.
const GIVEN_UP_MAX: usize = 16;

/// What is to be done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Make a peer connection and an offer.
    Offer { session: SessionId },
    /// Make a peer connection and answer this offer.
    Answer { session: SessionId, sdp: String },
    /// Send the offer again, with the candidates gathered by now: the other side seems not to have seen it.
    Repeat { session: SessionId },
    /// Take the answer to our offer.
    Apply { session: SessionId, sdp: String },
    /// Take a candidate of the other side.
    Candidate { session: SessionId, candidate: Candidate },
    /// On the connection that stands: offer fresh ICE credentials.
    Restart { session: SessionId, round: u32 },
    /// On the connection that stands: answer this offer, after taking back our own if `rollback`.
    Accept { session: SessionId, round: u32, sdp: String, rollback: bool },
    /// On the connection that stands: take our own offer back, it was never answered.
    Rollback { session: SessionId },
    /// Close the peer connection.
    End { session: SessionId, reason: CloseReason },
    /// Send this to the other device.
    Send(Signal),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Idle,
    Offering { session: SessionId, answered: bool, deadline: Duration },
    Answering { session: SessionId, deadline: Duration },
    Linked { session: SessionId, round: u32, offered_until: Option<Duration> },
}

/// The negotiation with one other device.
#[derive(Debug)]
pub(crate) struct Negotiation {
    polite: bool,
    attempt_timeout: Duration,
    state: State,
    early: VecDeque<(SessionId, Candidate)>,
    given_up: VecDeque<SessionId>,
    actions: VecDeque<Action>,
}

impl Negotiation {
    /// `attempt_timeout`: from dial or offer until both channels are open; also how long a renegotiation may take.
    pub(crate) fn new(own: DeviceId, other: DeviceId, attempt_timeout: Duration) -> Self {
        Self {
            polite: own < other,
            attempt_timeout,
            state: State::Idle,
            early: VecDeque::new(),
            given_up: VecDeque::new(),
            actions: VecDeque::new(),
        }
    }

    /// A connection is wanted. `session` must be fresh; it is used only if none is current.
    pub(crate) fn handle_dial(&mut self, now: Duration, session: SessionId) {
        if self.state == State::Idle {
            self.state = State::Offering { session, answered: false, deadline: now + self.attempt_timeout };
            self.actions.push_back(Action::Offer { session });
        }
    }

    pub(crate) fn handle_signal(&mut self, now: Duration, signal: Signal) {
        let Signal { session, payload } = signal;
        match payload {
            SignalPayload::Offer { round, sdp } => self.handle_offer(now, session, round, sdp),
            SignalPayload::Answer { round, sdp } => self.handle_answer(session, round, sdp),
            SignalPayload::Candidate(candidate) => self.handle_candidate(session, candidate),
            // The library waits for no end of candidates: its checks go by time.
            SignalPayload::EndOfCandidates => {}
            SignalPayload::Bye => {
                self.give_up(session);
                if self.session() == Some(session) {
                    self.state = State::Idle;
                    self.actions.push_back(Action::End { session, reason: CloseReason::RemoteClosed });
                }
            }
        }
    }

    /// Both channels of the session are open.
    pub(crate) fn handle_opened(&mut self, session: SessionId) {
        match self.state {
            State::Offering { session: current, .. } | State::Answering { session: current, .. }
                if current == session =>
            {
                self.state = State::Linked { session, round: 0, offered_until: None };
            }
            State::Idle | State::Offering { .. } | State::Answering { .. } | State::Linked { .. } => {}
        }
    }

    /// The session's connection ended by itself: it failed, or the other side closed it.
    pub(crate) fn handle_ended(&mut self, session: SessionId) {
        self.give_up(session);
        if self.session() == Some(session) {
            self.state = State::Idle;
            self.say_bye(session);
        }
    }

    /// The way under the session that stands broke or changed: look for another.
    pub(crate) fn handle_restart(&mut self, now: Duration, session: SessionId) {
        if let State::Linked { session: current, round, offered_until } = &mut self.state
            && *current == session
            && offered_until.is_none()
        {
            *offered_until = Some(now + self.attempt_timeout);
            self.actions.push_back(Action::Restart { session, round: round.saturating_add(1) });
        }
    }

    /// Nothing more is wanted of the other device, for now.
    pub(crate) fn handle_close(&mut self, reason: CloseReason) {
        if let Some(session) = self.session() {
            self.abandon(session, reason);
            self.state = State::Idle;
        }
    }

    /// Safe to call early, late or twice.
    pub(crate) fn handle_timeout(&mut self, now: Duration) {
        match &mut self.state {
            State::Offering { session, deadline, .. } | State::Answering { session, deadline } if *deadline <= now => {
                let session = *session;
                self.abandon(session, CloseReason::TimedOut);
                self.state = State::Idle;
            }
            State::Linked { session, offered_until, .. } if offered_until.is_some_and(|until| until <= now) => {
                *offered_until = None;
                self.actions.push_back(Action::Rollback { session: *session });
            }
            State::Idle | State::Offering { .. } | State::Answering { .. } | State::Linked { .. } => {}
        }
    }

    pub(crate) fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    pub(crate) fn poll_timeout(&self) -> Option<Duration> {
        match self.state {
            State::Idle => None,
            State::Offering { deadline, .. } | State::Answering { deadline, .. } => Some(deadline),
            State::Linked { offered_until, .. } => offered_until,
        }
    }

    /// The current session.
    pub(crate) fn session(&self) -> Option<SessionId> {
        match self.state {
            State::Idle => None,
            State::Offering { session, .. } | State::Answering { session, .. } | State::Linked { session, .. } => {
                Some(session)
            }
        }
    }

    fn handle_offer(&mut self, now: Duration, session: SessionId, round: u32, sdp: String) {
        if self.given_up.contains(&session) {
            return;
        }
        match &mut self.state {
            State::Linked { session: current, round: done, offered_until } if *current == session => {
                let (done, offered) = (*done, offered_until.is_some());
                // Another round than the next is a repetition. Of two offers of one round the impolite side's holds.
                if round != done.saturating_add(1) || (offered && !self.polite) {
                    return;
                }
                self.state = State::Linked { session, round, offered_until: None };
                self.actions.push_back(Action::Accept { session, round, sdp, rollback: offered });
            }
            // Only who has seen both channels open here renegotiates; this side is about to see the same.
            State::Answering { session: current, .. } | State::Offering { session: current, answered: true, .. }
                if *current == session && round == 1 =>
            {
                self.state = State::Linked { session, round, offered_until: None };
                self.actions.push_back(Action::Accept { session, round, sdp, rollback: false });
            }
            // It renegotiates what does not stand here.
            State::Idle | State::Offering { .. } | State::Answering { .. } | State::Linked { .. } if round != 0 => {
                if self.session() != Some(session) {
                    self.say_bye(session);
                }
            }
            State::Idle => self.answer(now, session, sdp),
            State::Offering { session: ours, .. } => {
                let ours = *ours;
                if ours == session {
                    return;
                }
                if self.polite {
                    self.abandon(ours, CloseReason::Superseded);
                    self.answer(now, session, sdp);
                } else {
                    // The other side yields when it sees our offer. That it offers may just mean that it never did.
                    self.give_up(session);
                    self.actions.push_back(Action::Repeat { session: ours });
                }
            }
            // A new session means that the other side has given the old one up, even if its `Bye` was lost.
            State::Answering { session: current, .. } | State::Linked { session: current, .. } => {
                let current = *current;
                if current != session {
                    self.give_up(current);
                    self.actions.push_back(Action::End { session: current, reason: CloseReason::Superseded });
                    self.answer(now, session, sdp);
                }
            }
        }
    }

    fn handle_answer(&mut self, session: SessionId, answered_round: u32, sdp: String) {
        match &mut self.state {
            State::Offering { session: ours, answered, .. } if *ours == session => {
                if !*answered && answered_round == 0 {
                    *answered = true;
                    self.actions.push_back(Action::Apply { session, sdp });
                    self.release_early(session);
                }
            }
            State::Linked { session: current, round, offered_until } if *current == session => {
                if offered_until.is_some() && answered_round == round.saturating_add(1) {
                    *round = answered_round;
                    *offered_until = None;
                    self.actions.push_back(Action::Apply { session, sdp });
                }
            }
            State::Answering { session: current, .. } if *current == session => {}
            // Whoever answers a session that is over here should not wait for it. A `Bye` is never answered, so two
            // ends cannot keep each other busy.
            State::Idle | State::Offering { .. } | State::Answering { .. } | State::Linked { .. } => {
                self.say_bye(session);
            }
        }
    }

    fn handle_candidate(&mut self, session: SessionId, candidate: Candidate) {
        let described = match self.state {
            State::Idle => false,
            State::Offering { session: current, answered, .. } => current == session && answered,
            State::Answering { session: current, .. } | State::Linked { session: current, .. } => current == session,
        };
        if described {
            self.actions.push_back(Action::Candidate { session, candidate });
        } else if !self.given_up.contains(&session) {
            if self.early.len() == EARLY_CANDIDATES_MAX {
                self.early.pop_front();
            }
            self.early.push_back((session, candidate));
        }
    }

    fn answer(&mut self, now: Duration, session: SessionId, sdp: String) {
        self.state = State::Answering { session, deadline: now + self.attempt_timeout };
        self.actions.push_back(Action::Answer { session, sdp });
        self.release_early(session);
    }

    fn release_early(&mut self, session: SessionId) {
        for (early, candidate) in std::mem::take(&mut self.early) {
            if early == session {
                self.actions.push_back(Action::Candidate { session, candidate });
            } else {
                self.early.push_back((early, candidate));
            }
        }
    }

    fn abandon(&mut self, session: SessionId, reason: CloseReason) {
        self.give_up(session);
        self.actions.push_back(Action::End { session, reason });
        self.say_bye(session);
    }

    fn say_bye(&mut self, session: SessionId) {
        self.actions.push_back(Action::Send(Signal { session, payload: SignalPayload::Bye }));
    }

    fn give_up(&mut self, session: SessionId) {
        self.early.retain(|(early, _)| *early != session);
        if !self.given_up.contains(&session) {
            if self.given_up.len() == GIVEN_UP_MAX {
                self.given_up.pop_front();
            }
            self.given_up.push_back(session);
        }
    }

    /// Panics where an invariant above does not hold.
    #[cfg(test)]
    pub(crate) fn check_invariants(&self) {
        assert!(self.early.len() <= EARLY_CANDIDATES_MAX);
        assert!(self.given_up.len() <= GIVEN_UP_MAX);
        if let Some(session) = self.session() {
            assert!(!self.given_up.contains(&session), "a session that was given up is current");
        }
    }
}
