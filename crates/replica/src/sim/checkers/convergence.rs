//! Invariant 2: after healing, who belongs to a room holds the same of it: the roster, the events that count in the
//! same order, and the registers (EV9, RG1, SY5, SY11).
//!
//! Not held alike: chains that forked, of which each replica keeps the branch that it saw first until a change says
//! which counts (`docs/protocol.md`, Events, As built).

use momoland_protocol::id::RoomId;

use crate::roster::Roster;
use crate::sim::world::{Node, World};

/// Holds the members of a room against the relay.
pub(crate) fn alike(world: &World, room: RoomId, members: &[Node]) {
    let head = world.replica_of(0).roster(room).map(Roster::head);
    let (events, registers) = (world.shown(0, room), world.registers(0, room));
    for node in members.iter().copied() {
        let roster = world.replica_of(node).roster(room).map(Roster::head);
        assert!(roster == head, "convergence: node {node} has another roster than the relay");
        let shown = world.shown(node, room);
        let lacks: Vec<_> = events.iter().filter(|event| !shown.contains(event)).take(5).collect();
        let extra: Vec<_> = shown.iter().filter(|event| !events.contains(event)).take(5).collect();
        assert!(
            shown == events,
            "convergence: node {node} shows other events than the relay: lacks {lacks:?}, has {extra:?}"
        );
        let alike = world.registers(node, room) == registers;
        assert!(alike, "convergence: node {node} has other registers than the relay");
    }
}
