//! Invariant 1: acknowledged means on the disk of who acknowledges, and survives every crash (SY5, SY6, SY7, SY24).
//!
//! - What leaves, and what a vector claims, is on the sender's disk at that moment.
//! - What is told as stored is on that node's disk; what is told as acknowledged is on the other's.
//! - After a crash everything is there that was ever told as stored. A node that was put back to an older copy of its
//!   disk owes nothing from before.
//!
//! The disk itself adds: no gap in a chain, no place written twice, no proof of a fork without its chain
//! (`sim::disk`).

use std::collections::BTreeSet;

use momoland_protocol::id::EventId;
use momoland_protocol::replication::Frame;

use crate::output::Notice;
use crate::sim::RELAY;
use crate::sim::world::{Node, World};

/// Holds a frame against its sender's disk.
pub(crate) fn sent(world: &World, node: Node, frame: &Frame) {
    let disk = world.disk(node);
    match frame {
        Frame::Events { log: _, events } => {
            // A header alone is the proof of a fork: nobody drops bodies here.
            for event in events.iter().filter(|event| event.body.is_some()) {
                let header = event.header.get();
                let held = disk.events.get(&(header.log, header.chain(), header.seq));
                let there = held.is_some_and(|(_, held)| held.id() == event.id());
                assert!(there, "durability: an event left before it was on the sender's disk");
            }
        }
        Frame::Have { log, chains, .. } => {
            for range in chains {
                let first = disk.events.contains_key(&(*log, range.chain, range.low));
                let last = disk.events.get(&(*log, range.chain, range.high));
                let there = first && last.is_some_and(|(_, held)| held.id() == range.head);
                assert!(there, "durability: a vector claims what is not on the disk");
            }
        }
        Frame::Ack { log, chains } => {
            for head in chains {
                let there = disk.events.contains_key(&(*log, head.chain, head.seq));
                assert!(there, "durability: an acknowledgement of what is not on the disk");
            }
        }
        _ => {}
    }
}

/// Holds what a node tells its people against the disks.
pub(crate) fn told(world: &World, node: Node, notice: &Notice) {
    match notice {
        Notice::Stored { event, .. } => {
            let header = event.header.get();
            let held = world.disk(node).events.get(&(header.log, header.chain(), header.seq));
            let there = held.is_some_and(|(_, held)| held.id() == event.id());
            assert!(there, "durability: told as stored before it was on the disk");
            let before = world.acknowledged.contains(&(node, event.id()));
            assert!(!before, "durability: told as stored twice");
        }
        Notice::Acknowledged { log, chain, seq, by } => {
            let nodes = 0..world.machines.len();
            let remote = nodes.into_iter().find(|other| world.remote(*other) == *by).expect("somebody is there");
            let there = world.disk(remote).events.contains_key(&(*log, *chain, *seq));
            let unreliable = world.unreliable.contains(&remote);
            assert!(there || unreliable, "durability: acknowledged by one who does not have it on its disk");
        }
        Notice::RegisterAcknowledged { key, hlc } => {
            let there = world.disk(RELAY).registers.get(key).is_some_and(|held| held.get().hlc >= *hlc);
            let unreliable = world.unreliable.contains(&RELAY);
            assert!(there || unreliable, "durability: a register counts as acknowledged that the relay may lose");
        }
        _ => {}
    }
}

/// Holds a node's disk after a crash against what it told before.
pub(crate) fn restarted(world: &World, node: Node) {
    let held: BTreeSet<EventId> = world.disk(node).events.values().map(|(_, event)| event.id()).collect();
    let told = world.acknowledged.range((node, EventId([0; 32]))..=(node, EventId([255; 32])));
    for (_, event) in told {
        assert!(held.contains(event), "durability: an acknowledged event was lost");
    }
}

/// What a node need not have any more once it has forgotten what it is about to forget.
pub(crate) fn forgotten(world: &World, node: Node) -> Vec<EventId> {
    let mut events = Vec::new();
    for room in world.machines[node].disk.forgets() {
        let of_room = world.disk(node).events.values().filter(|(of, _)| *of == room);
        events.extend(of_room.map(|(_, event)| event.id()));
    }
    events
}
