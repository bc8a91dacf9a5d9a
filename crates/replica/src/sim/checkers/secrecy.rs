//! Invariant 4: nobody outside of a room's roster, as the sender holds it, is sent any of it (SY1 to SY4).
//!
//! Events, vectors, acknowledgements, questions and registers go to devices of the roster. The roster itself, and that
//! there is a room, go also to a device of a member that is to add itself; it has them from the relay alone. The relay's
//! question for a roster (`Room` with version 0) says nothing of it.

use momoland_protocol::replication::Frame;

use crate::input::Remote;
use crate::sim::world::{Node, World};

/// Holds a frame against the sender's roster and its receiver.
pub(crate) fn sent(world: &World, node: Node, peer: Node, frame: &Frame) {
    let Remote::Device { device, account } = world.remote(peer) else { return };
    let (room, content) = match frame {
        Frame::Events { log, .. }
        | Frame::Have { log, .. }
        | Frame::Ack { log, .. }
        | Frame::Want { log, .. }
        | Frame::Digest { log, .. }
        | Frame::Fetch { log, .. } => {
            let room = world.replica_of(node).room_of(*log).expect("a log that is known");
            (room, true)
        }
        Frame::Registers { room, .. } => (*room, true),
        Frame::Room { version: 0, .. } => return,
        Frame::Room { room, .. } | Frame::Roster { room, .. } => (*room, false),
        Frame::Closed { .. } | Frame::Mode { .. } | Frame::Position { .. } => return,
    };
    let roster = world.replica_of(node).roster(room).expect("a room that is shared");
    let inside = roster.role_of_device(device).is_some_and(|(owner, _)| owner == account);
    let to_add_itself = !content && node == 0 && roster.role(account).is_some() && roster.account_of(device).is_none();
    assert!(
        inside || to_add_itself,
        "secrecy: somebody outside of the roster is sent what belongs to the room: {}",
        name(frame)
    );
}

fn name(frame: &Frame) -> &'static str {
    match frame {
        Frame::Events { .. } => "events",
        Frame::Have { .. } => "a vector",
        Frame::Ack { .. } => "an acknowledgement",
        Frame::Want { .. } => "a question",
        Frame::Registers { .. } => "registers",
        Frame::Room { .. } => "that there is a room",
        Frame::Roster { .. } => "a roster",
        Frame::Digest { .. } => "a list of chains",
        Frame::Fetch { .. } => "a question for chains",
        Frame::Closed { .. } | Frame::Mode { .. } | Frame::Position { .. } => "a frame",
    }
}
