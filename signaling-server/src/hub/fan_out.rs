//! Who gets an ephemeral, and how often typing is told.
//!
//! Typing is coalesced for each device and room: a repeat is told at most once a second, a change at once while the
//! sender has not changed its mind more often than that; else the newest value is told when its second is over. A
//! device that goes while it types is told to have stopped. A lost stop ends by itself at the receivers, after
//! [`TYPING_HOLDS_MS`].

use std::collections::{BTreeMap, BTreeSet};

use momoland_protocol::ephemeral::{EphemeralSignal, TYPING_HOLDS_MS};
use momoland_protocol::id::{DeviceId, RoomId};
use momoland_replica::input::{LinkId, Mono};
use momoland_replica::roster::Roster;

use super::registry::Registry;
use crate::rooms::Peer;

/// Typing of one device in one room is told this often at most in the long run, milliseconds.
pub const TYPING_EVERY_MS: u64 = 1_000;

/// Changes that may be told at once after a pause: it began, and it ended.
const CHANGES_AT_ONCE: u64 = 2;

/// Rooms in which one device can type at once. More: ignored.
const ROOMS_PER_DEVICE_MAX: usize = 16;

/// Whether a device may send a signal into a room.
pub fn may_send(roster: &Roster, from: Peer, signal: &EphemeralSignal) -> bool {
    roster.role_of_device(from.device).is_some_and(|(account, role)| account == from.account && signal.role() <= role)
}

/// The links of the devices that belong to a room and are connected, without the sender's and those it reaches itself.
pub fn recipients(registry: &Registry, roster: &Roster, from: DeviceId, except: &[DeviceId]) -> Vec<LinkId> {
    roster
        .members()
        .flat_map(|member| registry.devices_of(member.account))
        .filter(|(device, _)| *device != from && !except.contains(device))
        .filter(|(device, _)| roster.role_of_device(*device).is_some())
        .map(|(_, link)| link)
        .collect()
}

/// Who types where, as it was told.
#[derive(Debug, Default)]
pub struct Typing {
    states: BTreeMap<DeviceId, BTreeMap<RoomId, State>>,
    /// When each state next needs attention.
    deadlines: BTreeSet<(Mono, DeviceId, RoomId)>,
}

#[derive(Debug)]
struct State {
    /// What others were told last.
    told: bool,
    /// How far in the future the budget of changes is used up: each tells costs [`TYPING_EVERY_MS`].
    spent_until: u64,
    /// A newer value that waits for its time, and who need not be told.
    held: Option<(bool, Vec<DeviceId>)>,
    deadline: Mono,
}

/// Something to tell the room's other members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub device: DeviceId,
    pub room: RoomId,
    pub typing: bool,
    pub except: Vec<DeviceId>,
}

impl Typing {
    /// A device says whether it types. Answers what to tell now.
    pub fn handle(
        &mut self,
        now: Mono,
        device: DeviceId,
        room: RoomId,
        typing: bool,
        except: Vec<DeviceId>,
    ) -> Option<Told> {
        let rooms = self.states.entry(device).or_default();
        if !rooms.contains_key(&room) {
            if !typing || rooms.len() >= ROOMS_PER_DEVICE_MAX {
                if rooms.is_empty() {
                    self.states.remove(&device);
                }
                return None;
            }
            rooms.insert(room, State { told: false, spent_until: now.0, held: None, deadline: now });
            self.deadlines.insert((now, device, room));
        }
        let state = rooms.get_mut(&room)?;
        let budget_ms = if typing == state.told { 0 } else { (CHANGES_AT_ONCE - 1) * TYPING_EVERY_MS };
        let tell = state.spent_until <= now.0 + budget_ms;
        if tell {
            state.tell(now, typing);
        } else {
            state.held = Some((typing, except.clone()));
        }
        self.rearm(now, device, room);
        tell.then_some(Told { device, room, typing, except })
    }

    /// What waited until `now`. Also forgets what nobody holds true any more.
    pub fn take_due(&mut self, now: Mono) -> Vec<Told> {
        let mut due = Vec::new();
        while let Some((at, device, room)) = self.deadlines.first().copied().filter(|(at, _, _)| *at <= now) {
            let state = self.states.get_mut(&device).and_then(|rooms| rooms.get_mut(&room));
            let Some(state) = state else {
                self.deadlines.remove(&(at, device, room));
                continue;
            };
            match state.held.take() {
                Some((typing, except)) => {
                    // Taken back within its second: nobody heard of it, and nobody needs to.
                    if typing || state.told {
                        state.tell(now, typing);
                        due.push(Told { device, room, typing, except });
                    }
                    self.rearm(now, device, room);
                }
                None => self.forget(device, room),
            }
        }
        due
    }

    /// When [`Typing::take_due`] has something to do.
    pub fn poll_timeout(&self) -> Option<Mono> {
        self.deadlines.first().map(|(at, _, _)| *at)
    }

    /// A device went: where others think that it types.
    pub fn depart(&mut self, device: DeviceId) -> Vec<Told> {
        let rooms: Vec<RoomId> = self.states.get(&device).into_iter().flat_map(BTreeMap::keys).copied().collect();
        let mut stopped = Vec::new();
        for room in rooms {
            let told = self.states.get(&device).and_then(|rooms| rooms.get(&room)).is_some_and(|state| state.told);
            self.forget(device, room);
            if told {
                stopped.push(Told { device, room, typing: false, except: Vec::new() });
            }
        }
        stopped
    }

    fn rearm(&mut self, now: Mono, device: DeviceId, room: RoomId) {
        let Some(state) = self.states.get_mut(&device).and_then(|rooms| rooms.get_mut(&room)) else { return };
        let deadline = match &state.held {
            Some(_) => Mono(state.spent_until.max(now.0 + 1)),
            // Receivers let it lapse by then; kept until then, so that a stop is told and the budget counts.
            None => Mono(now.0 + TYPING_HOLDS_MS),
        };
        self.deadlines.remove(&(state.deadline, device, room));
        state.deadline = deadline;
        self.deadlines.insert((deadline, device, room));
    }

    fn forget(&mut self, device: DeviceId, room: RoomId) {
        let Some(rooms) = self.states.get_mut(&device) else { return };
        if let Some(state) = rooms.remove(&room) {
            self.deadlines.remove(&(state.deadline, device, room));
        }
        if rooms.is_empty() {
            self.states.remove(&device);
        }
    }

    /// # Panics
    /// Where a state has no deadline, or a deadline no state.
    #[cfg(test)]
    pub(crate) fn check_invariants(&self) {
        let mut states = 0;
        for (device, rooms) in &self.states {
            assert!(!rooms.is_empty() && rooms.len() <= ROOMS_PER_DEVICE_MAX);
            for (room, state) in rooms {
                assert!(self.deadlines.contains(&(state.deadline, *device, *room)));
                states += 1;
            }
        }
        assert_eq!(states, self.deadlines.len());
    }
}

impl State {
    fn tell(&mut self, now: Mono, typing: bool) {
        self.told = typing;
        self.held = None;
        self.spent_until = self.spent_until.max(now.0) + TYPING_EVERY_MS;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DESK: DeviceId = DeviceId([1; 32]);
    const ROOM: RoomId = RoomId([2; 32]);

    fn say(typing: &mut Typing, at: u64, value: bool) -> Option<bool> {
        let told = typing.handle(Mono(at), DESK, ROOM, value, Vec::new()).map(|told| told.typing);
        typing.check_invariants();
        told
    }

    fn due(typing: &mut Typing, at: u64) -> Vec<bool> {
        let told = typing.take_due(Mono(at)).into_iter().map(|told| told.typing).collect();
        typing.check_invariants();
        told
    }

    #[test]
    fn a_change_is_told_at_once_and_a_repeat_once_a_second() {
        let mut typing = Typing::default();
        assert_eq!(say(&mut typing, 10_000, true), Some(true));
        assert_eq!(say(&mut typing, 10_100, true), None);
        assert_eq!(due(&mut typing, 11_000), [true], "the repeat, when its second is over");
        assert_eq!(say(&mut typing, 11_200, false), Some(false), "the stop is not kept waiting");
        assert_eq!(due(&mut typing, 11_200 + TYPING_HOLDS_MS), [] as [bool; 0]);
        assert!(typing.states.is_empty());
    }

    #[test]
    fn a_stop_without_a_start_is_not_told() {
        let mut typing = Typing::default();
        assert_eq!(say(&mut typing, 10_000, false), None);
        assert!(typing.states.is_empty());
    }

    #[test]
    fn who_goes_while_typing_has_stopped() {
        let mut typing = Typing::default();
        say(&mut typing, 10_000, true);
        typing.handle(Mono(10_000), DESK, RoomId([3; 32]), true, Vec::new());
        typing.handle(Mono(10_001), DESK, RoomId([3; 32]), false, Vec::new());
        let stopped = typing.depart(DESK);
        typing.check_invariants();
        assert_eq!(stopped, [Told { device: DESK, room: ROOM, typing: false, except: Vec::new() }]);
        assert!(typing.states.is_empty() && typing.poll_timeout().is_none());
    }

    #[test]
    fn typing_in_everything_at_once_is_bounded() {
        let mut typing = Typing::default();
        for room in 0..=255 {
            typing.handle(Mono(0), DESK, RoomId([room; 32]), true, Vec::new());
        }
        typing.check_invariants();
    }

    proptest! {
        /// CASES C54: however often it is said, others hear it once a second, and the last word is heard.
        #[test]
        fn prop_typing_is_told_once_a_second_and_ends_as_it_was_said(
            said in proptest::collection::vec((1_u64..400, any::<bool>()), 1..200),
        ) {
            let mut typing = Typing::default();
            let (mut now, mut told, mut last_said) = (10_000, Vec::new(), false);
            for (pause, value) in said {
                let until = now + pause;
                while let Some(Mono(at)) = typing.poll_timeout().filter(|at| at.0 <= until) {
                    told.extend(due(&mut typing, at).into_iter().map(|value| (at, value)));
                }
                now = until;
                last_said = value;
                told.extend(say(&mut typing, now, value).map(|value| (now, value)));
            }
            let end = now;
            while let Some(Mono(at)) = typing.poll_timeout() {
                prop_assert!(at <= end + 2 * TYPING_EVERY_MS + TYPING_HOLDS_MS);
                told.extend(due(&mut typing, at).into_iter().map(|value| (at, value)));
            }
            let span_s = usize::try_from((end - 10_000) / TYPING_EVERY_MS).unwrap();
            prop_assert!(told.len() <= span_s + 4, "{} in {span_s} s", told.len());
            prop_assert_eq!(told.last().is_some_and(|(_, value)| *value), last_said);
        }
    }
}
