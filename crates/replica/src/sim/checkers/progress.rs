//! What is healed goes on (DESIGN §3 promises it by "they merge"; SY7, SY10, SY15, SY16).
//!
//! - The world comes to rest within bounded steps and virtual time (`World::settle`), and no ticket is open then.
//! - No replica wants to be woken in the past: that would be a loop.
//! - What is written afterwards is acknowledged to its author by the relay.
//! - No honest replica takes another for a liar.

use momoland_protocol::id::RoomId;

use crate::input::{LinkId, Remote};
use crate::output::Notice;
use crate::sim::world::{Node, World};

/// How long a healed world may take to come to rest, virtual milliseconds.
const REST_WITHIN_MS: u64 = 30 * 60 * 1000;

/// A node was woken, and did what was due.
pub(crate) fn woken(world: &World, node: Node) {
    if let Some((at, why)) = world.replica_of(node).poll_timeout() {
        assert!(at.0 > world.now_ms, "progress: node {node} wants to be woken in the past: {why:?}");
    }
}

/// A node closed a link for what came over it: there is nobody honest at its other end.
pub(crate) fn closed(world: &World, node: Node, link: LinkId) {
    let pipe = world.network.pipe_from(node, link).map(|place| &world.network.pipes[place]);
    assert!(
        pipe.is_none(),
        "progress: node {node} took an honest one for a liar, who is {:?}",
        pipe.map(|pipe| pipe.to)
    );
}

/// Lets a healed world come to rest.
pub(crate) fn rest(world: &mut World) {
    let began = world.now_ms;
    world.settle();
    let took = world.now_ms - began;
    assert!(took < REST_WITHIN_MS, "progress: the world took {took} ms to come to rest");
    for node in 0..world.machines.len() {
        assert_eq!(world.replica_of(node).tickets_open(), 0, "progress: a ticket stayed open at node {node}");
    }
}

/// Somebody writes once more, and whether the relay told that it has it.
pub(crate) fn is_acknowledged(world: &mut World, node: Node, room: RoomId, text: &str) -> bool {
    let heard = world.notices(node).len();
    world.post(node, room, text);
    rest(world);
    let log = room.conversation();
    let by_relay = |notice: &Notice| {
        let Notice::Acknowledged { log: of, by, .. } = notice else { return false };
        (*of, *by) == (log, Remote::Relay)
    };
    world.notices(node).iter().skip(heard).any(by_relay)
}
