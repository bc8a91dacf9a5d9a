//! Invariant 2: after healing, who belongs to a room holds the same of it: the roster, the events that count in the
//! same order, and the registers (EV9, RG1, SY5, SY11).
//!
//! The same without the relay, for those who are linked with each other and hold the same roster.
//!
//! Not held alike: chains that forked, of which each replica keeps the branch that it saw first until a change says
//! which counts (`docs/protocol.md`, Events, As built).

use std::collections::{BTreeMap, BTreeSet};

use momoland_protocol::id::{ChainId, RoomId, RosterHash};

use crate::sim::world::{Node, World};

/// Holds the members of a room against the relay.
pub(crate) fn alike(world: &World, room: RoomId, members: &[Node]) {
    let held = world.replica_of(0).roster(room);
    let (events, registers) = (world.shown(0, room), world.registers(0, room));
    for node in members.iter().copied() {
        assert!(
            world.replica_of(node).roster(room) == held,
            "convergence: node {node} has another roster than the relay"
        );
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

/// Holds those against each other who are linked without the relay and hold the same roster. Chains of which nobody
/// among them has the beginning are the relay's to give, and left out.
pub(crate) fn alike_without_relay(world: &World, room: RoomId, nodes: impl Iterator<Item = Node>) {
    // By all changes, not by the last: while there are two branches, who holds one ends like who holds both.
    let mut groups: BTreeMap<Vec<RosterHash>, Vec<Node>> = BTreeMap::new();
    for node in nodes {
        let Some(roster) = world.replica_of(node).roster(room) else { continue };
        if roster.role_of_device(world.person(node).device()).is_some() {
            let changes = (1..=roster.version()).filter_map(|version| roster.hash_at(version)).collect();
            groups.entry(changes).or_default().push(node);
        }
    }
    for group in groups.values() {
        let whole: BTreeSet<ChainId> = group.iter().flat_map(|node| world.whole_chains(*node, room)).collect();
        let shown = |node: Node| -> Vec<_> {
            let events = world.shown_by_chain(node, room);
            events.into_iter().filter(|(chain, ..)| whole.contains(chain)).collect()
        };
        let Some((first, others)) = group.split_first() else { continue };
        for node in others {
            let alike = shown(*node) == shown(*first);
            assert!(alike, "convergence: without the relay node {node} shows other events than node {first}");
            let alike = world.registers(*node, room) == world.registers(*first, room);
            assert!(alike, "convergence: without the relay node {node} has other registers than node {first}");
        }
    }
}
