//! What was deleted is on no disk: of a target, and of its edits, no body is kept where a deletion of it that counts is held
//! (BO4).
//!
//! Not the reverse: a body that was dropped for a deletion that was taken back later is gone.

use momoland_protocol::event::Action;
use momoland_protocol::id::RoomId;

use crate::sim::world::{Node, World};

/// Looks at a node's disk, at rest.
pub(crate) fn obeyed(world: &World, node: Node, room: RoomId) {
    let Some(roster) = world.replica_of(node).roster(room) else { return };
    let disk = world.disk(node);
    for (_, event) in disk.events.values().filter(|(of, event)| *of == room && event.body.is_some()) {
        let header = event.header.get();
        let edited = header.amended().filter(|_| header.action == Action::EDIT);
        let kept = [Some((header.own_place(), event.id())), edited];
        for (place, target) in kept.into_iter().flatten() {
            let deletions = disk.deletions.iter().filter(|((log, of, _), _)| (*log, *of) == (header.log, place));
            let deleted = deletions.filter(|(_, deletion)| deletion.target == target);
            let counts = deleted.into_iter().any(|(_, deletion)| deletion.counts(header.log, place, roster));
            assert!(!counts, "deletions: node {node} keeps the body of what was deleted");
        }
    }
}
