//! Who is in which call of which room, from what devices say of themselves.
//!
//! Nobody decides for others: each device in a call says so each second, and all draw the same conclusions. A lost
//! signal costs a second, a device that crashed is gone by itself, and the server need not know of calls.
//!
//! # Invariants
//! 1. A room has one call: of two that begin at once the one with the smaller id goes on, with everybody in it.
//!    Test: `two_who_call_at_once_are_in_one_call`.
//! 2. What others can cause is bounded: [`RINGS_MAX`], [`DEVICES_MAX`]. Test: `a_flood_of_rings_is_limited`.
//!
//! Not here: whether a device belongs to the room (who calls [`Calls::hear`] has looked), sound.

use std::collections::{BTreeMap, VecDeque};

use momoland_protocol::call::{CallSignal, CallState};
use momoland_protocol::clock::UnixMillis;
use momoland_protocol::content::CallOutcome;
use momoland_protocol::id::{AccountId, CallId, DeviceId, RoomId};

use super::record::{Over, Record};

/// A device in a call says so this often, milliseconds.
const SAY_EVERY_MS: u64 = 1_000;
/// A device that was silent for so long is gone, milliseconds.
const SILENT_MS: u64 = 10_000;
/// Nobody waits longer for an answer, milliseconds.
const RING_MS: u64 = 45_000;
/// New calls of one account that are taken note of here within [`RINGS_WITHIN_MS`]. More are passed over.
const RINGS_MAX: usize = 3;
const RINGS_WITHIN_MS: u64 = 60_000;
/// Devices in a call; sound goes from each to each.
const DEVICES_MAX: usize = 8;

/// Why a call is over for this device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Left,
    Declined,
    Busy,
    Unanswered,
    /// Declined on another device.
    Elsewhere,
    Removed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    NoSuchCall,
    InAnotherCall,
    Full,
}

/// What is to be told or sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Output {
    Say {
        room: RoomId,
        signal: CallSignal,
    },
    Incoming {
        room: RoomId,
        call: CallId,
        from: AccountId,
        video: bool,
    },
    Changed {
        room: RoomId,
    },
    Ended {
        room: RoomId,
        call: CallId,
        why: Ended,
    },
    /// This device is the one to tell in the room what became of a call.
    Over {
        room: RoomId,
        call: CallId,
        video: bool,
        over: Over,
    },
    /// It rang here, or would have, and this person did not answer.
    Missed {
        room: RoomId,
        call: CallId,
        from: AccountId,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Participant {
    pub(crate) account: AccountId,
    pub(crate) since: UnixMillis,
    pub(crate) mic: bool,
    pub(crate) camera: bool,
    pub(crate) screen: bool,
    heard_ms: u64,
}

/// This device's part in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Rung {
        since_ms: u64,
    },
    /// It goes on without this device.
    Out,
    /// In it, and nobody has answered yet.
    Calling {
        since_ms: u64,
    },
    In,
}

/// The call of a room.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) id: CallId,
    pub(crate) part: Part,
    pub(crate) others: BTreeMap<DeviceId, Participant>,
    pub(crate) mic: bool,
    pub(crate) camera: bool,
    pub(crate) screen: bool,
    /// It began with a camera.
    pub(crate) video: bool,
    /// Between two people: it ends when either says no.
    direct: bool,
    declined: bool,
    /// Who rang.
    from: Option<AccountId>,
    pub(crate) since: UnixMillis,
    said_ms: u64,
    /// What this call was named before it met the other one.
    former: Option<CallId>,
    record: Record,
}

impl Call {
    pub(crate) fn is_in(&self) -> bool {
        matches!(self.part, Part::Calling { .. } | Part::In)
    }
}

/// All calls that this device knows of.
#[derive(Debug)]
pub(crate) struct Calls {
    own: AccountId,
    rooms: BTreeMap<RoomId, Call>,
    rings: BTreeMap<AccountId, VecDeque<u64>>,
    outputs: VecDeque<Output>,
}

impl Calls {
    pub(crate) fn new(own: AccountId) -> Self {
        Self { own, rooms: BTreeMap::new(), rings: BTreeMap::new(), outputs: VecDeque::new() }
    }

    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub(crate) fn list(&self) -> impl Iterator<Item = (RoomId, &Call)> {
        self.rooms.iter().map(|(room, call)| (*room, call))
    }

    pub(crate) fn get(&self, room: RoomId) -> Option<&Call> {
        self.rooms.get(&room)
    }

    /// The call that this device is in.
    pub(crate) fn current(&self) -> Option<(RoomId, &Call)> {
        self.list().find(|(_, call)| call.is_in())
    }

    /// Where a call is, by its id or its former one.
    pub(crate) fn room_of(&self, id: &str) -> Option<RoomId> {
        let is_it = |call: &Call| [Some(call.id), call.former].into_iter().flatten().any(|it| it.to_string() == id);
        self.list().find(|(_, call)| is_it(call)).map(|(room, _)| room)
    }

    /// Calls a room, or joins the call that is there.
    pub(crate) fn start(
        &mut self,
        (room, direct): (RoomId, bool),
        camera: bool,
        id: CallId,
        now_ms: u64,
        wall: UnixMillis,
    ) -> Result<CallId, Refusal> {
        if self.rooms.contains_key(&room) {
            return self.answer(room, camera, now_ms, wall);
        }
        if self.current().is_some() {
            return Err(Refusal::InAnotherCall);
        }
        let mut call = Call::new(id, Part::Calling { since_ms: now_ms }, direct, wall);
        call.said_ms = now_ms;
        (call.camera, call.video) = (camera, camera);
        call.record.entered(self.own, wall, true);
        self.rooms.insert(room, call);
        self.say(room, now_ms);
        self.outputs.push_back(Output::Changed { room });
        Ok(id)
    }

    /// Goes into a call. Who is in it already may switch their camera on by it, not off.
    pub(crate) fn answer(
        &mut self,
        room: RoomId,
        camera: bool,
        now_ms: u64,
        wall: UnixMillis,
    ) -> Result<CallId, Refusal> {
        if self.current().is_some_and(|(current, _)| current != room) {
            return Err(Refusal::InAnotherCall);
        }
        let call = self.rooms.get_mut(&room).ok_or(Refusal::NoSuchCall)?;
        if !call.is_in() {
            if call.others.len() >= DEVICES_MAX {
                return Err(Refusal::Full);
            }
            (call.part, call.since, call.mic) = (Part::In, wall, true);
            (call.camera, call.screen) = (false, false);
            call.record.entered(self.own, wall, false);
        }
        if camera {
            call.turn_camera(true);
        }
        let id = call.id;
        self.say(room, now_ms);
        self.outputs.push_back(Output::Changed { room });
        Ok(id)
    }

    /// Does not want a call that rings.
    pub(crate) fn decline(&mut self, room: RoomId) -> Result<(), Refusal> {
        let call = self.rooms.get_mut(&room).ok_or(Refusal::NoSuchCall)?;
        let Part::Rung { .. } = call.part else { return Err(Refusal::NoSuchCall) };
        (call.part, call.declined) = (Part::Out, true);
        let signal = CallSignal { call: call.id, state: CallState::Declined };
        self.outputs.extend([Output::Say { room, signal }, Output::Changed { room }]);
        Ok(())
    }

    /// Hangs up.
    pub(crate) fn leave(&mut self, room: RoomId) -> Result<(), Refusal> {
        self.rooms.get(&room).filter(|call| call.is_in()).ok_or(Refusal::NoSuchCall)?;
        self.end(room, Ended::Left);
        Ok(())
    }

    pub(crate) fn set_mic(&mut self, room: RoomId, mic: bool, now_ms: u64) -> Result<(), Refusal> {
        self.set(room, now_ms, |call| call.mic = mic)
    }

    pub(crate) fn set_camera(&mut self, room: RoomId, camera: bool, now_ms: u64) -> Result<(), Refusal> {
        self.set(room, now_ms, |call| call.turn_camera(camera))
    }

    pub(crate) fn set_screen(&mut self, room: RoomId, screen: bool, now_ms: u64) -> Result<(), Refusal> {
        self.set(room, now_ms, |call| call.screen = screen)
    }

    fn set(&mut self, room: RoomId, now_ms: u64, what: impl FnOnce(&mut Call)) -> Result<(), Refusal> {
        let call = self.rooms.get_mut(&room).filter(|call| call.is_in()).ok_or(Refusal::NoSuchCall)?;
        what(call);
        self.say(room, now_ms);
        self.outputs.push_back(Output::Changed { room });
        Ok(())
    }

    /// Keeps what still belongs: devices to their rooms, and rooms to this account.
    pub(crate) fn retain(
        &mut self,
        is_here: impl Fn(RoomId) -> bool,
        belongs: impl Fn(RoomId, DeviceId) -> bool,
        now_ms: u64,
    ) {
        let rooms: Vec<RoomId> = self.rooms.keys().copied().collect();
        for room in rooms {
            if !is_here(room) {
                self.end(room, Ended::Removed);
                continue;
            }
            let gone = self.others(room, |device, _| !belongs(room, device));
            gone.into_iter().for_each(|device| self.went(room, device, None, now_ms));
        }
    }

    /// A member's device said something.
    pub(crate) fn hear(
        &mut self,
        (room, direct): (RoomId, bool),
        (account, device): (AccountId, DeviceId),
        CallSignal { call: id, state }: CallSignal,
        now_ms: u64,
        wall: UnixMillis,
    ) {
        let is_own = account == self.own;
        let CallState::In { since, mic, ringing, camera, screen } = state else {
            let known = self.rooms.get(&room).filter(|call| call.id == id || call.former == Some(id));
            let Some(call) = known else { return };
            match (state, call.part) {
                (CallState::Left, _) => self.went(room, device, Some(wall), now_ms),
                (CallState::Declined, Part::Rung { .. }) if is_own => self.end(room, Ended::Elsewhere),
                (CallState::Declined, Part::Calling { .. }) if call.direct && !is_own => {
                    self.end(room, Ended::Declined)
                }
                (CallState::Busy, Part::Calling { .. }) if call.direct && !is_own => self.end(room, Ended::Busy),
                (CallState::Declined | CallState::Busy | CallState::In { .. }, _) => {}
            }
            return;
        };
        if !self.rooms.contains_key(&room) {
            if !self.may_begin(account, now_ms) {
                return;
            }
            let rings = ringing && !is_own;
            let part = match self.current() {
                None if rings => Part::Rung { since_ms: now_ms },
                None | Some(_) => Part::Out,
            };
            match part {
                Part::Rung { .. } => {
                    self.outputs.push_back(Output::Incoming { room, call: id, from: account, video: camera })
                }
                Part::Out if rings => {
                    let signal = CallSignal { call: id, state: CallState::Busy };
                    let missed = Output::Missed { room, call: id, from: account };
                    self.outputs.extend([Output::Say { room, signal }, missed]);
                }
                Part::Out | Part::Calling { .. } | Part::In => {}
            }
            let mut call = Call::new(id, part, direct, since);
            call.from = Some(account).filter(|_| rings);
            call.video = camera;
            self.rooms.insert(room, call);
        }
        let Some(call) = self.rooms.get_mut(&room).filter(|call| id <= call.id) else {
            // They hear of the call here within a second, and come over.
            return;
        };
        if id < call.id {
            call.former = Some(std::mem::replace(&mut call.id, id));
        }
        let others_max = DEVICES_MAX - usize::from(call.is_in());
        if call.others.len() >= others_max && !call.others.contains_key(&device) {
            return;
        }
        let before = call.others.insert(device, Participant { account, since, mic, camera, screen, heard_ms: now_ms });
        call.record.came(account, (since, ringing), call.others.len(), (now_ms, wall));
        let changed = before.is_none_or(|before| {
            (before.mic, before.camera, before.screen, before.since) != (mic, camera, screen, since)
        });
        match call.part {
            // Whoever else is in it has answered.
            Part::Calling { .. } if !is_own => {
                call.part = Part::In;
                self.say(room, now_ms);
            }
            Part::Rung { .. } if is_own => call.part = Part::Out,
            Part::Out if call.declined && ringing && !is_own => {
                let signal = CallSignal { call: id, state: CallState::Declined };
                self.outputs.push_back(Output::Say { room, signal });
            }
            Part::Calling { .. } | Part::Rung { .. } | Part::Out | Part::In => {}
        }
        if changed {
            self.outputs.push_back(Output::Changed { room });
        }
    }

    fn may_begin(&mut self, account: AccountId, now_ms: u64) -> bool {
        let rings = self.rings.entry(account).or_default();
        while rings.front().is_some_and(|at| at + RINGS_WITHIN_MS <= now_ms) {
            rings.pop_front();
        }
        let may = rings.len() < RINGS_MAX;
        if may {
            rings.push_back(now_ms);
        }
        may
    }

    fn others(&self, room: RoomId, which: impl Fn(DeviceId, &Participant) -> bool) -> Vec<DeviceId> {
        let others = self.rooms.get(&room).into_iter().flat_map(|call| &call.others);
        others.filter(|(device, other)| which(**device, other)).map(|(device, _)| *device).collect()
    }

    /// A device is in a room's call no more, as it said or as its silence does.
    fn went(&mut self, room: RoomId, device: DeviceId, said: Option<UnixMillis>, now_ms: u64) {
        let Some(call) = self.rooms.get_mut(&room) else { return };
        if call.others.remove(&device).is_none() {
            return;
        }
        call.record.went(call.others.len(), said, now_ms);
        match call.part {
            Part::Rung { .. } if call.others.is_empty() => self.end(room, Ended::Unanswered),
            Part::Out if call.others.is_empty() => self.end(room, Ended::Left),
            // Who is left alone by the other hangs up as well; in a room others may come.
            Part::In if call.others.is_empty() && call.direct => self.end(room, Ended::Left),
            Part::Rung { .. } | Part::Out | Part::In | Part::Calling { .. } => {
                self.outputs.push_back(Output::Changed { room });
            }
        }
    }

    fn end(&mut self, room: RoomId, why: Ended) {
        let Some(call) = self.rooms.remove(&room) else { return };
        if call.is_in() {
            let signal = CallSignal { call: call.id, state: CallState::Left };
            self.outputs.push_back(Output::Say { room, signal });
            let refused = match why {
                Ended::Declined => Some(CallOutcome::Declined),
                Ended::Busy => Some(CallOutcome::Busy),
                Ended::Left | Ended::Unanswered | Ended::Elsewhere | Ended::Removed => None,
            };
            // Who is removed can say no more.
            let over = call.record.over(call.others.len(), refused).filter(|_| why != Ended::Removed);
            self.outputs.extend(over.map(|over| Output::Over { room, call: call.id, video: call.video, over }));
        }
        self.outputs.push_back(Output::Ended { room, call: call.id, why });
        if let (Part::Rung { .. }, Ended::Unanswered, Some(from)) = (call.part, why, call.from) {
            self.outputs.push_back(Output::Missed { room, call: call.id, from });
        }
    }

    fn say(&mut self, room: RoomId, now_ms: u64) {
        let Some(call) = self.rooms.get_mut(&room).filter(|call| call.is_in()) else { return };
        call.said_ms = now_ms;
        let ringing = matches!(call.part, Part::Calling { .. });
        let state =
            CallState::In { since: call.since, mic: call.mic, ringing, camera: call.camera, screen: call.screen };
        self.outputs.push_back(Output::Say { room, signal: CallSignal { call: call.id, state } });
    }

    /// When [`Self::handle_timeout`] has something to do.
    pub(crate) fn poll_timeout(&self) -> Option<u64> {
        let of_call = |call: &Call| {
            let say = call.is_in().then_some(call.said_ms + SAY_EVERY_MS);
            let silent = call.others.values().map(|other| other.heard_ms + SILENT_MS).min();
            let ring = match call.part {
                Part::Rung { since_ms } | Part::Calling { since_ms } => Some(since_ms + RING_MS),
                Part::Out | Part::In => None,
            };
            [say, silent, ring].into_iter().flatten().min()
        };
        self.rooms.values().filter_map(of_call).min()
    }

    /// Does what is due. Safe to call early.
    pub(crate) fn handle_timeout(&mut self, now_ms: u64) {
        let rooms: Vec<RoomId> = self.rooms.keys().copied().collect();
        for room in rooms {
            let gone = self.others(room, |_, other| other.heard_ms + SILENT_MS <= now_ms);
            gone.into_iter().for_each(|device| self.went(room, device, None, now_ms));
            let Some(call) = self.rooms.get(&room) else { continue };
            match call.part {
                Part::Calling { since_ms } | Part::Rung { since_ms } if since_ms + RING_MS <= now_ms => {
                    self.end(room, Ended::Unanswered);
                }
                Part::Calling { .. } | Part::In if call.said_ms + SAY_EVERY_MS <= now_ms => self.say(room, now_ms),
                Part::Calling { .. } | Part::Rung { .. } | Part::Out | Part::In => {}
            }
        }
    }
}

impl Call {
    fn turn_camera(&mut self, on: bool) {
        self.camera = on;
        // Nobody has heard of it yet.
        self.video |= on && matches!(self.part, Part::Calling { .. });
    }

    fn new(id: CallId, part: Part, direct: bool, since: UnixMillis) -> Self {
        let others = BTreeMap::new();
        Self {
            id,
            part,
            others,
            mic: true,
            camera: false,
            screen: false,
            video: false,
            direct,
            declined: false,
            from: None,
            since,
            said_ms: 0,
            former: None,
            record: Record::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: RoomId = RoomId([1; 32]);

    fn calls(n: u8) -> Calls {
        Calls::new(AccountId([n; 16]))
    }

    /// Carries what is said between devices until nothing is; what else was told, with who was told.
    fn carry(all: &mut [Calls], now_ms: u64) -> Vec<(usize, Output)> {
        let mut told = Vec::new();
        while let Some((from, output)) = all.iter_mut().enumerate().find_map(|(at, it)| Some((at, it.poll_output()?))) {
            if let Output::Say { room, signal } = output {
                let who = (all[from].own, DeviceId([from as u8; 32]));
                for (_, other) in all.iter_mut().enumerate().filter(|(at, _)| *at != from) {
                    other.hear((room, true), who, signal, now_ms, UnixMillis(now_ms));
                }
            } else {
                told.push((from, output));
            }
        }
        told
    }

    fn start(calls: &mut Calls, id: u8) {
        calls.start((ROOM, true), false, CallId([id; 16]), 0, UnixMillis(0)).unwrap();
    }

    fn current(calls: &Calls) -> Option<CallId> {
        calls.current().map(|(_, call)| call.id)
    }

    #[test]
    fn a_call_with_a_camera_begins_with_one_signal_and_one_change() {
        let mut all = [calls(1), calls(2)];
        let begun = |calls: &mut Calls| {
            let outputs: Vec<Output> = std::iter::from_fn(|| calls.poll_output()).collect();
            let [Output::Say { signal, .. }, Output::Changed { .. }] = outputs[..] else { panic!("{outputs:?}") };
            assert!(matches!(signal.state, CallState::In { camera: true, .. }), "{signal:?}");
            signal
        };
        all[0].start((ROOM, true), true, CallId([5; 16]), 0, UnixMillis(0)).unwrap();
        let signal = begun(&mut all[0]);
        all[1].hear((ROOM, true), (all[0].own, DeviceId([0; 32])), signal, 0, UnixMillis(0));
        while all[1].poll_output().is_some() {}
        // Calling back joins the call that is there.
        all[1].start((ROOM, true), true, CallId([6; 16]), 0, UnixMillis(0)).unwrap();
        assert_eq!(begun(&mut all[1]).call, CallId([5; 16]));
        all[1].answer(ROOM, false, 0, UnixMillis(0)).unwrap();
        assert!(all[1].get(ROOM).unwrap().camera, "she is in it already, and it stays on");
    }

    // Rules: CA2
    #[test]
    fn two_who_call_at_once_are_in_one_call() {
        for ids in [[5, 6], [6, 5]] {
            let mut all = [calls(1), calls(2)];
            all.iter_mut().zip(ids).for_each(|(calls, id)| start(calls, id));
            let mut told = carry(&mut all, 0);
            all.iter_mut().for_each(|calls| calls.handle_timeout(1_000));
            told.extend(carry(&mut all, 1_000));
            assert!(all.iter().all(|calls| current(calls) == Some(CallId([5; 16]))));
            let wrong =
                |it: &Output| matches!(it, Output::Ended { .. } | Output::Incoming { .. } | Output::Missed { .. });
            assert!(!told.iter().any(|(_, it)| wrong(it)));
        }
    }

    // Rules: CA3
    #[test]
    fn an_answer_or_a_refusal_on_one_device_is_for_all_of_a_person() {
        let mut all = [calls(1), calls(2), calls(2)];
        start(&mut all[0], 5);
        let told = carry(&mut all, 0);
        assert_eq!(told.iter().filter(|(_, it)| matches!(it, Output::Incoming { .. })).count(), 2);
        let mut answered = [calls(1), calls(2), calls(2)];
        start(&mut answered[0], 5);
        carry(&mut answered, 0);
        answered[1].answer(ROOM, false, 0, UnixMillis(0)).unwrap();
        carry(&mut answered, 0);
        assert_eq!(answered[2].get(ROOM).unwrap().part, Part::Out, "it rings no more");
        assert_eq!(answered[0].get(ROOM).unwrap().part, Part::In);

        all[1].decline(ROOM).unwrap();
        let told = carry(&mut all, 0);
        let call = CallId([5; 16]);
        assert!(told.contains(&(0, Output::Ended { room: ROOM, call, why: Ended::Declined })));
        assert!(all.iter().all(|calls| calls.list().next().is_none()), "it is over on all three");
    }

    // Rules: CA10
    #[test]
    fn one_device_tells_what_became_of_a_call() {
        let told_by = |told: &[(usize, Output)]| {
            let over = told.iter().filter_map(|(at, it)| match it {
                Output::Over { over, .. } => Some((*at, over.outcome)),
                _ => None,
            });
            over.collect::<Vec<_>>()
        };
        let mut all = [calls(1), calls(2)];
        start(&mut all[0], 5);
        carry(&mut all, 0);
        all[1].answer(ROOM, false, 0, UnixMillis(2)).unwrap();
        carry(&mut all, 0);
        all[1].leave(ROOM).unwrap();
        assert_eq!(told_by(&carry(&mut all, 60_000)), [(1, CallOutcome::Held)], "who hung up, and not the other");

        for (outcome, decline) in [(CallOutcome::Declined, true), (CallOutcome::Unanswered, false)] {
            let mut all = [calls(1), calls(2), calls(2)];
            start(&mut all[0], 5);
            carry(&mut all, 0);
            if decline {
                all[1].decline(ROOM).unwrap();
            } else {
                all.iter_mut().for_each(|calls| calls.handle_timeout(RING_MS));
            }
            assert_eq!(told_by(&carry(&mut all, RING_MS)), [(0, outcome)], "the caller alone");
        }
    }

    // Rules: CA1
    #[test]
    fn who_is_silent_is_gone_and_who_comes_back_is_there_once() {
        let mut all = [calls(1), calls(2)];
        start(&mut all[0], 5);
        carry(&mut all, 0);
        all[1].answer(ROOM, false, 0, UnixMillis(0)).unwrap();
        carry(&mut all, 0);
        all[1] = calls(2);
        all[0].handle_timeout(2_000);
        carry(&mut all, 2_000);
        assert_eq!(all[1].get(ROOM).unwrap().part, Part::Out, "it can be joined, and does not ring");
        all[1].answer(ROOM, false, 2_000, UnixMillis(1)).unwrap();
        carry(&mut all, 2_000);
        assert_eq!(all[0].get(ROOM).unwrap().others.len(), 1);
        all[0].handle_timeout(11_900);
        assert!(current(&all[0]).is_some());
        all[0].handle_timeout(12_000);
        assert!(current(&all[0]).is_none(), "the last other is gone, and with them the call");
    }

    #[test]
    fn who_does_not_answer_or_speaks_to_another_has_missed_it() {
        let missed = |told: &[(usize, Output)]| {
            let missed = told.iter().filter(|(_, it)| matches!(it, Output::Missed { .. }));
            missed.map(|(at, _)| *at).collect::<Vec<_>>()
        };
        let mut all = [calls(1), calls(2), calls(2)];
        start(&mut all[0], 5);
        carry(&mut all, 0);
        all[0].leave(ROOM).unwrap();
        assert_eq!(missed(&carry(&mut all, 1_000)), [1, 2], "the caller gave up");

        let mut all = [calls(1), calls(2), calls(2)];
        start(&mut all[0], 5);
        carry(&mut all, 0);
        all[1].decline(ROOM).unwrap();
        assert_eq!(missed(&carry(&mut all, 0)), [0; 0], "who declined knows of it");

        let mut all = [calls(1), calls(2)];
        all[1].start((RoomId([9; 32]), true), false, CallId([9; 16]), 0, UnixMillis(0)).unwrap();
        while all[1].poll_output().is_some() {}
        start(&mut all[0], 5);
        let told = carry(&mut all, 0);
        assert_eq!(missed(&told), [1]);
        let call = CallId([5; 16]);
        assert!(told.contains(&(0, Output::Ended { room: ROOM, call, why: Ended::Busy })));
    }

    // Rules: CA4
    #[test]
    fn a_flood_of_rings_is_limited() {
        let mut calls = calls(1);
        let state = CallState::In { since: UnixMillis(0), mic: true, ringing: true, camera: false, screen: false };
        let who = AccountId([2; 16]);
        for n in 0..200 {
            let signal = CallSignal { call: CallId([n; 16]), state };
            calls.hear(
                (RoomId([n; 32]), true),
                (who, DeviceId([2; 32])),
                signal,
                u64::from(n),
                UnixMillis(u64::from(n)),
            );
            calls.hear(
                (RoomId([0; 32]), true),
                (who, DeviceId([n; 32])),
                CallSignal { call: CallId([0; 16]), state },
                0,
                UnixMillis(0),
            );
        }
        let rung = std::iter::from_fn(|| calls.poll_output()).filter(|it| matches!(it, Output::Incoming { .. }));
        assert_eq!(rung.count(), RINGS_MAX);
        assert_eq!(calls.list().count(), RINGS_MAX);
        assert!(calls.get(RoomId([0; 32])).unwrap().others.len() <= DEVICES_MAX);
    }

    // Rules: CA4
    #[test]
    fn a_call_takes_eight_devices_and_the_ninth_is_told_that_it_is_full() {
        let call = CallId([5; 16]);
        let is_in = CallSignal {
            call,
            state: CallState::In { since: UnixMillis(0), mic: true, ringing: false, camera: true, screen: false },
        };
        for (others, answered) in [(7, Ok(call)), (8, Err(Refusal::Full)), (9, Err(Refusal::Full))] {
            let mut calls = calls(1);
            for n in 0..others {
                calls.hear((ROOM, false), (AccountId([2; 16]), DeviceId([n; 32])), is_in, 0, UnixMillis(0));
            }
            assert_eq!(calls.answer(ROOM, false, 0, UnixMillis(0)), answered, "{others} others");
        }
    }
}
