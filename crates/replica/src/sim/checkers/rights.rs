//! Invariant 3: nothing is stored or passed on that is forged, or that its author may not write (EV5, CU2, RO2, RO4).
//!
//! - What goes to the disk is within the cuts of the roster that the node holds, which allowed it to its author; what it
//!   sends still counts by that roster.
//! - What is told as stored was signed by its device.
//! - A roster grows by changes alone that the server put in that place: a server that countersigns what its members may
//!   not do lets nobody in.
//! - Read without the core's fold: who is in a room that is not public was let in by an invite that was open, unexpired
//!   and not used up at that moment (IN1, IN2).

use std::collections::BTreeMap;

use momoland_protocol::event::Event;
use momoland_protocol::id::{InviteKey, RoomId};
use momoland_protocol::replication::Frame;
use momoland_protocol::roster::RosterOp;

use crate::output::{Notice, Record};
use crate::sim::world::{Node, World};

/// Whether an event counts by the roster that a node holds.
fn counts(world: &World, node: Node, room: RoomId, event: &Event) -> bool {
    world.replica_of(node).roster(room).expect("a room with events").counts_event(event.header.get())
}

/// Holds what a replica wants written against the roster that it holds.
pub(crate) fn taken(world: &World, node: Node, batch: &[Record]) {
    for record in batch {
        let Record::Event { room, event } = record else { continue };
        let header = event.header.get();
        let roster = world.replica_of(node).roster(*room).expect("a room with events");
        let version = roster.version_of(header.roster).expect("rights: an event under no roster was taken");
        let cut = roster.is_cut(header.log, header.chain(), header.seq, version);
        assert!(!cut, "rights: an event beyond a cut was taken");
        let allowed = roster.allows(header.device, version, header.action).is_ok();
        assert!(allowed, "rights: an event was taken that its author may not write");
    }
}

/// Holds a frame against the sender's roster.
pub(crate) fn sent(world: &World, node: Node, frame: &Frame) {
    let Frame::Events { log, events } = frame else { return };
    let room = world.replica_of(node).room_of(*log).expect("a log that is known");
    // A header alone is the proof of a fork.
    for event in events.iter().filter(|event| event.body.is_some()) {
        assert!(counts(world, node, room, event), "rights: an event beyond a cut was sent");
    }
}

/// Holds what a node tells its people against the roster that it holds, and that against the server's order.
pub(crate) fn told(world: &World, node: Node, notice: &Notice) {
    match notice {
        Notice::Stored { event, .. } => {
            let header = event.header.get();
            assert!(event.header.verify(&header.device).is_ok(), "rights: a forged event was stored");
        }
        Notice::Roster { room, changes, reordered: _ } => {
            for taken in changes {
                let (version, change) = (taken.countersignature.get().version, taken.roster_hash());
                let ordered = world.server.has_ordered(*room, version, change);
                assert!(ordered, "rights: node {node} took a change that the server never put there");
            }
        }
        _ => {}
    }
}

/// Reads the roster of a private room as a node's disk has it, where that never had two branches.
pub(crate) fn invited(world: &World, node: Node, room: RoomId) {
    let changes = world.roster_on_disk(node, room);
    if (1..).zip(changes).any(|(place, change)| change.countersignature.get().version != place) {
        return;
    }
    let mut uses_left: BTreeMap<InviteKey, (u32, u64)> = BTreeMap::new();
    for change in changes {
        let at = change.countersignature.get().at.0;
        match &change.change.get().op {
            RosterOp::OpenInvite { invite, uses_max, expires_at, .. } => {
                uses_left.insert(*invite, (uses_max.unwrap_or(u32::MAX), expires_at.0));
            }
            RosterOp::CloseInvite { invite } => {
                uses_left.remove(invite);
            }
            RosterOp::Join { invite, .. } => {
                let open = invite.as_ref().and_then(|proof| uses_left.get_mut(&proof.invite));
                let open = open.filter(|(uses, expires_at)| *uses > 0 && at < *expires_at);
                let (uses, _) = open.expect("rights: somebody is in by an invite that was over, or by none");
                *uses -= 1;
            }
            _ => {}
        }
    }
}
