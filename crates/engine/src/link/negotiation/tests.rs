//! Two machines, the signals between them, and a stand-in for their peer connections: a session opens when the
//! offerer has applied the answer of the answerer. Everything that may happen next is a choice of the test.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

use super::*;

const TIMEOUT: Duration = Duration::from_secs(15);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Offerer { applied: bool, round: u32 },
    Answerer,
}

/// One end: the machine, its peer connections by session, and what it has sent that is under way.
struct End {
    machine: Negotiation,
    connections: BTreeMap<SessionId, Role>,
    under_way: VecDeque<Signal>,
    /// Candidates that reached a connection.
    candidates: usize,
    begun: u32,
    dials: u8,
    name: u8,
}

struct Pair {
    now: Duration,
    ends: [End; 2],
}

impl End {
    fn new(name: u8) -> Self {
        let (own, other) = (DeviceId([name; 32]), DeviceId([3 - name; 32]));
        Self {
            machine: Negotiation::new(own, other, TIMEOUT),
            connections: BTreeMap::new(),
            under_way: VecDeque::new(),
            candidates: 0,
            begun: 0,
            dials: 0,
            name,
        }
    }

    fn send(&mut self, session: SessionId, payload: SignalPayload) {
        self.under_way.push_back(Signal { session, payload });
    }

    /// Carries out what the machine wants, as `links` does.
    fn settle(&mut self) {
        self.machine.check_invariants();
        while let Some(action) = self.machine.poll_action() {
            match action {
                Action::Offer { session } => {
                    self.begun += 1;
                    assert!(self.connections.insert(session, Role::Offerer { applied: false, round: 0 }).is_none());
                    self.send(session, SignalPayload::Offer { round: 0, sdp: "offer".to_owned() });
                    self.send(session, candidate());
                }
                Action::Answer { session, sdp } => {
                    assert_eq!(sdp, "offer");
                    self.begun += 1;
                    assert!(self.connections.insert(session, Role::Answerer).is_none(), "one connection a session");
                    self.send(session, SignalPayload::Answer { round: 0, sdp: "answer".to_owned() });
                    self.send(session, candidate());
                }
                Action::Repeat { session } => {
                    assert!(self.connections.contains_key(&session));
                    self.send(session, SignalPayload::Offer { round: 0, sdp: "offer".to_owned() });
                }
                Action::Apply { session, sdp } => {
                    assert_eq!(sdp, "answer");
                    if let Some(Role::Offerer { applied, .. }) = self.connections.get_mut(&session) {
                        *applied = true;
                    }
                }
                Action::Candidate { session, .. } => {
                    let role = self.connections.get(&session).expect("candidates are for connections");
                    assert_ne!(*role, Role::Offerer { applied: false, round: 0 }, "not before the description");
                    self.candidates += 1;
                }
                Action::Restart { session, round } => {
                    self.send(session, SignalPayload::Offer { round, sdp: "restart".to_owned() });
                }
                Action::Accept { session, round, sdp, rollback: _ } => {
                    assert_eq!(sdp, "restart");
                    self.send(session, SignalPayload::Answer { round, sdp: "answer".to_owned() });
                }
                Action::Rollback { session } => assert!(self.connections.contains_key(&session)),
                Action::End { session, .. } => {
                    assert!(self.connections.remove(&session).is_some(), "only what was begun is ended");
                }
                Action::Send(signal) => self.under_way.push_back(signal),
            }
        }
        assert!(self.connections.len() <= 1, "one connection at a time");
        assert_eq!(self.machine.session(), self.connections.keys().next().copied());
    }
}

fn candidate() -> SignalPayload {
    SignalPayload::Candidate(Candidate { line: "candidate:".to_owned(), mid: None, mline_index: None })
}

impl Pair {
    fn new() -> Self {
        Self { now: Duration::ZERO, ends: [End::new(1), End::new(2)] }
    }

    fn dial(&mut self, end: usize) {
        let name = self.ends[end].name;
        self.ends[end].dials += 1;
        let session = SessionId([[name, self.ends[end].dials]; 8].concat().try_into().unwrap());
        self.ends[end].machine.handle_dial(self.now, session);
        self.ends[end].settle();
    }

    /// Delivers the `index`th signal under way from `end`.
    fn deliver(&mut self, end: usize, index: usize) -> bool {
        let Some(signal) = self.ends[end].under_way.remove(index) else { return false };
        self.receive(1 - end, signal);
        true
    }

    fn receive(&mut self, end: usize, signal: Signal) {
        self.ends[end].machine.handle_signal(self.now, signal);
        self.ends[end].settle();
    }

    /// Channels open at `end` once the descriptions have crossed.
    fn open(&mut self, end: usize) {
        let Some(session) = self.ends[end].machine.session() else { return };
        let roles = [0, 1].map(|end: usize| self.ends[end].connections.get(&session).copied());
        let crossed = roles.iter().flatten().any(|role| matches!(role, Role::Offerer { applied: true, .. }))
            && roles.contains(&Some(Role::Answerer));
        if crossed {
            self.ends[end].machine.handle_opened(session);
            self.ends[end].settle();
        }
    }

    fn drain(&mut self) {
        for _ in 0..1_000 {
            let delivered = self.deliver(0, 0) | self.deliver(1, 0);
            self.open(0);
            self.open(1);
            if !delivered {
                return;
            }
        }
        panic!("the two never come to rest");
    }

    fn assert_linked(&self) {
        let sessions = [0, 1].map(|end: usize| self.ends[end].machine.session());
        assert!(sessions[0].is_some(), "no session");
        assert_eq!(sessions[0], sessions[1]);
        for end in &self.ends {
            assert!(matches!(end.machine.state, State::Linked { offered_until: None, .. }), "{:?}", end.machine.state);
        }
        let roles = [0, 1].map(|end: usize| self.ends[end].connections.values().next().copied().unwrap());
        assert_ne!(roles[0] == Role::Answerer, roles[1] == Role::Answerer, "one offered, one answered");
    }

    fn sleep(&mut self, duration: Duration) {
        self.now += duration;
        for end in &mut self.ends {
            end.machine.handle_timeout(self.now);
            end.settle();
        }
    }
}

#[test]
fn one_who_dials_is_answered() {
    let mut pair = Pair::new();
    pair.dial(1);
    pair.drain();
    pair.assert_linked();
    assert_eq!(pair.ends.map(|end| (end.begun, end.candidates)), [(1, 1), (1, 1)]);
}

// Rules: PL5
#[test]
fn of_two_who_dial_at_once_the_impolite_ones_offer_holds() {
    let mut pair = Pair::new();
    pair.dial(0);
    pair.dial(1);
    pair.drain();
    pair.assert_linked();
    assert!(matches!(pair.ends[1].connections.values().next(), Some(Role::Offerer { .. })));
    assert_eq!(pair.ends.map(|end| end.begun), [2, 1]);
}

#[test]
fn an_offer_that_never_arrived_is_repeated_when_the_other_side_offers() {
    let mut pair = Pair::new();
    pair.dial(1);
    pair.ends[1].under_way.clear();
    pair.dial(0);
    pair.drain();
    pair.assert_linked();
}

// Rules: PL4
#[test]
fn a_stale_offer_is_ignored() {
    let mut pair = Pair::new();
    pair.dial(0);
    let stale = pair.ends[0].under_way[0].clone();
    pair.dial(1);
    pair.drain();
    pair.assert_linked();
    let before = pair.ends[1].machine.session();
    pair.receive(1, stale);
    assert_eq!(pair.ends[1].machine.session(), before);
    pair.drain();
    pair.assert_linked();
}

#[test]
fn an_attempt_nobody_answers_ends_by_time() {
    let mut pair = Pair::new();
    pair.dial(0);
    pair.ends[0].under_way.clear();
    pair.sleep(TIMEOUT - Duration::from_millis(1));
    assert!(pair.ends[0].machine.session().is_some());
    pair.sleep(Duration::from_millis(1));
    assert_eq!(pair.ends[0].machine.session(), None);
    assert!(pair.ends[0].connections.is_empty());
}

#[test]
fn a_new_session_replaces_one_that_only_this_side_still_believes_in() {
    let mut pair = Pair::new();
    pair.dial(0);
    pair.drain();
    let session = pair.ends[1].machine.session().unwrap();
    pair.ends[1].connections.clear();
    pair.ends[1].machine.handle_ended(session);
    pair.ends[1].settle();
    pair.ends[1].under_way.clear();
    pair.dial(1);
    pair.drain();
    pair.assert_linked();
    assert_ne!(pair.ends[0].machine.session(), Some(session));
}

#[test]
fn when_both_restart_ice_the_polite_side_rolls_back() {
    let mut pair = Pair::new();
    pair.dial(0);
    pair.drain();
    let session = pair.ends[0].machine.session().unwrap();
    for end in &mut pair.ends {
        end.machine.handle_restart(Duration::ZERO, session);
        end.settle();
    }
    let offer = pair.ends[1].under_way[0].clone();
    pair.ends[0].machine.handle_signal(Duration::ZERO, offer);
    let action = pair.ends[0].machine.poll_action();
    assert!(matches!(action, Some(Action::Accept { rollback: true, round: 1, .. })), "{action:?}");
    pair.ends[0].send(session, SignalPayload::Answer { round: 1, sdp: "answer".to_owned() });
    pair.ends[1].under_way.pop_front();
    pair.drain();
    pair.assert_linked();
}

#[test]
fn a_restart_that_is_not_answered_is_taken_back() {
    let mut pair = Pair::new();
    pair.dial(0);
    pair.drain();
    let session = pair.ends[0].machine.session().unwrap();
    pair.ends[0].machine.handle_restart(pair.now, session);
    pair.ends[0].settle();
    pair.ends[0].under_way.clear();
    assert_eq!(pair.ends[0].machine.poll_timeout(), Some(pair.now + TIMEOUT));
    pair.now += TIMEOUT;
    pair.ends[0].machine.handle_timeout(pair.now);
    assert_eq!(pair.ends[0].machine.poll_action(), Some(Action::Rollback { session }));
    pair.assert_linked();
}

#[test]
fn candidates_before_their_description_wait_and_are_bounded() {
    let mut machine = Negotiation::new(DeviceId([1; 32]), DeviceId([2; 32]), TIMEOUT);
    let session = SessionId([9; 16]);
    for _ in 0..EARLY_CANDIDATES_MAX * 2 {
        machine.handle_signal(Duration::ZERO, Signal { session, payload: candidate() });
        machine.check_invariants();
    }
    assert_eq!(machine.poll_action(), None);
    let payload = SignalPayload::Offer { round: 0, sdp: "offer".to_owned() };
    machine.handle_signal(Duration::ZERO, Signal { session, payload });
    assert!(matches!(machine.poll_action(), Some(Action::Answer { .. })));
    let released = std::iter::from_fn(|| machine.poll_action()).count();
    assert_eq!(released, EARLY_CANDIDATES_MAX);
}

/// What may happen next.
#[derive(Debug, Clone, Copy)]
enum Step {
    Dial(usize),
    Deliver(usize),
    Open(usize),
    Restart(usize),
}

fn step() -> impl Strategy<Value = Step> {
    (0usize..2, 0u8..8).prop_map(|(end, kind)| match kind {
        0 => Step::Dial(end),
        1..=4 => Step::Deliver(end),
        5 | 6 => Step::Open(end),
        _ => Step::Restart(end),
    })
}

/// What a bad network may do as well.
#[derive(Debug, Clone, Copy)]
enum Fault {
    None(Step),
    Lose(usize, usize),
    Double(usize, usize),
    Overtake(usize, usize),
    Sleep(u64),
    Break(usize),
}

fn fault() -> impl Strategy<Value = Fault> {
    (step(), 0usize..2, 0usize..4, 0u8..12, 0u64..20).prop_map(|(step, end, index, kind, seconds)| match kind {
        0 => Fault::Lose(end, index),
        1 => Fault::Double(end, index),
        2 => Fault::Overtake(end, index),
        3 => Fault::Sleep(seconds),
        4 => Fault::Break(end),
        _ => Fault::None(step),
    })
}

impl Pair {
    fn step(&mut self, step: Step) {
        match step {
            Step::Dial(end) => self.dial(end),
            Step::Deliver(end) => {
                self.deliver(end, 0);
            }
            Step::Open(end) => self.open(end),
            Step::Restart(end) => {
                if let Some(session) = self.ends[end].machine.session() {
                    self.ends[end].machine.handle_restart(self.now, session);
                    self.ends[end].settle();
                }
            }
        }
    }

    fn fault(&mut self, fault: Fault) {
        match fault {
            Fault::None(step) => self.step(step),
            Fault::Lose(end, index) => drop(self.ends[end].under_way.remove(index)),
            Fault::Double(end, index) => {
                if let Some(signal) = self.ends[end].under_way.get(index).cloned() {
                    self.ends[end].under_way.push_back(signal);
                }
            }
            Fault::Overtake(end, index) => drop(self.deliver(end, index)),
            Fault::Sleep(seconds) => self.sleep(Duration::from_secs(seconds)),
            Fault::Break(end) => {
                if let Some(session) = self.ends[end].machine.session() {
                    self.ends[end].connections.clear();
                    self.ends[end].machine.handle_ended(session);
                    self.ends[end].settle();
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    // Rules: PL5
    #[test]
    fn prop_every_interleaving_ends_in_one_session(
        first in 0usize..2,
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let mut pair = Pair::new();
        pair.dial(first);
        for step in steps {
            pair.step(step);
        }
        pair.drain();
        pair.assert_linked();
    }

    // Rules: PL5
    #[test]
    fn prop_loss_and_disorder_are_healed_by_dialling_again(faults in prop::collection::vec(fault(), 0..80)) {
        let mut pair = Pair::new();
        for fault in faults {
            pair.fault(fault);
        }
        // What is still under way arrives; then each side goes on as `dialer` would: a time-out, another dial.
        for _ in 0..3 {
            pair.drain();
            pair.sleep(TIMEOUT);
            pair.drain();
            let linked = pair.ends.iter().all(|end| matches!(end.machine.state, State::Linked { .. }));
            let one = pair.ends[0].machine.session() == pair.ends[1].machine.session();
            if !(linked && one) {
                // A connection without its other end fails its ICE checks.
                for index in 0..2 {
                    let session = pair.ends[index].machine.session();
                    if session.is_some() && session != pair.ends[1 - index].machine.session() {
                        pair.fault(Fault::Break(index));
                    }
                }
                pair.dial(0);
                pair.dial(1);
            }
        }
        pair.drain();
        pair.assert_linked();
        prop_assert!(pair.ends.iter().all(|end| end.connections.len() == 1));
    }
}
