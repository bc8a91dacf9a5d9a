//! Own messages that a change of the roster took back, written anew where this device may write again.
//!
//! A cut, or a repair that drops a branch, ends the right under which a message was written; then no replica counts it, and it
//! would be lost although its author saw it as stored. Once the author has the right anew (or never lost it: the branch
//! was dropped), the device writes what it said in a new incarnation (DESIGN §3, Incarnation).
//!
//! # Invariants
//! 1. A message is written anew once, over restarts too, and where the room is read again before that is on the disk: what was
//!    is known by its body. Test: `what_a_cut_took_back_is_written_anew_once`.
//!
//! Not here: reactions, edits and the like, whose target may be gone with them; what was lost with a room that was left.

use std::collections::BTreeSet;

use momoland_protocol::event::{Action, Event};
use momoland_protocol::id::{BodyHash, DeviceId, EventId, RoomId};
use momoland_replica::input::Command;

use super::{Home, Waiting};

/// Messages of this device in one room, as they are read: those that do not count, and what the others say.
pub(super) struct Reissue {
    device: DeviceId,
    dead: Vec<Event>,
    /// What the device itself deleted meanwhile.
    unwanted: BTreeSet<EventId>,
    said: BTreeSet<BodyHash>,
}

impl Reissue {
    pub(super) fn new(device: DeviceId) -> Self {
        Self { device, dead: Vec::new(), unwanted: BTreeSet::new(), said: BTreeSet::new() }
    }

    /// Takes an event, which counts by the roster held now or does not.
    pub(super) fn note(&mut self, event: &Event, counts: bool) {
        let header = event.header.get();
        if header.device != self.device {
            return;
        }
        match (header.action, counts) {
            (Action::POST, true) => _ = self.said.insert(header.body_hash),
            (Action::POST, false) if event.body.is_some() => self.dead.push(event.clone()),
            (Action::RETRACT, _) => self.unwanted.extend(&header.targets),
            _ => {}
        }
    }

    /// What is to be written anew, in the order in which it was written.
    fn unsaid(self) -> Vec<Event> {
        let Self { device: _, mut dead, unwanted, mut said } = self;
        dead.retain(|event| !unwanted.contains(&event.id()));
        dead.sort_by_key(|event| std::cmp::Reverse(event.header.get().order()));
        // A message that was written anew, and taken back again, is one message, and stood where it came last.
        dead.retain(|event| said.insert(event.header.get().body_hash));
        dead.reverse();
        dead
    }
}

impl Home {
    /// Writes anew what does not count any more, where this device may write.
    pub(super) fn issue_again(&mut self, room: RoomId, reissue: Reissue) {
        let log = room.conversation();
        let may_write = self
            .replica
            .roster(room)
            .is_some_and(|roster| roster.writes_under(self.key.device(), Action::POST).is_ok());
        for event in may_write.then(|| reissue.unsaid()).into_iter().flatten() {
            tracing::info!(%room, "a message that a change of the room took back is written anew");
            let header = event.header.get();
            let (action, targets) = (header.action, header.targets.clone());
            let said = (room, header.body_hash);
            let Some(body) = event.body else { continue };
            // The room may be read once more before what is written now is on the disk.
            if self.again.insert(said) {
                self.command(Command::Append { log, action, targets, place: None, body }, Waiting::Again(said));
            }
        }
    }
}
