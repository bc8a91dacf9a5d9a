//! Invariants 5 and 6: every frame is within its bound and decodes to itself; a link that takes nothing costs its
//! window and one read; an account has a bounded number of chains and registers (EN3, SY9, LM2, RG3).
//!
//! What a replica keeps for a link is counted by `Replica::check_invariants`.

use std::collections::BTreeMap;

use momoland_protocol::cbor;
use momoland_protocol::id::{AccountId, RoomId};
use momoland_protocol::limits;
use momoland_protocol::replication::Frame;

use crate::sim::network::{Pipe, WINDOW};
use crate::sim::world::{Node, World};

/// What may be under way on a pipe: its window, one read of the disk that overdraws it, and the event that ends the read.
const UNDER_WAY_MAX: usize = WINDOW + 256 * 1024 + limits::BODY_BYTES_MAX + limits::HEADER_BYTES_MAX;

/// Registers of one account in one room.
const REGISTERS_MAX: usize = 256;

/// Holds a frame against its bound; answers its bytes.
pub(crate) fn sent(frame: &Frame) -> Vec<u8> {
    let bytes = cbor::encode(frame);
    assert!(bytes.len() <= limits::FRAME_BYTES_MAX, "bounds: a frame of {} bytes", bytes.len());
    let decoded = cbor::decode::<Frame>(&bytes, limits::FRAME_BYTES_MAX);
    assert_eq!(decoded.as_ref(), Ok(frame), "bounds: a frame that does not decode to itself");
    bytes
}

/// Holds what is under way on a pipe against its window.
pub(crate) fn under_way(pipe: &Pipe) {
    let bytes = pipe.under_way();
    assert!(bytes <= UNDER_WAY_MAX, "bounds: {bytes} bytes of events are under way on one link");
}

/// Holds what a node has of a room against what an account may have there.
pub(crate) fn held(world: &World, node: Node, room: RoomId) {
    let replica = world.replica_of(node);
    let Some(roster) = replica.roster(room) else { return };
    let mut chains: BTreeMap<AccountId, usize> = BTreeMap::new();
    for (chain, _) in replica.chains(room.conversation()) {
        if let Some(account) = roster.account_of(chain.device) {
            *chains.entry(account).or_default() += 1;
        }
    }
    let most = chains.values().max().copied().unwrap_or(0);
    assert!(most <= limits::CUTS_MAX, "bounds: node {node} holds {most} chains of one account");
    let mut registers: BTreeMap<AccountId, usize> = BTreeMap::new();
    for register in replica.registers(room) {
        *registers.entry(register.get().account).or_default() += 1;
    }
    let most = registers.values().max().copied().unwrap_or(0);
    assert!(most <= REGISTERS_MAX, "bounds: node {node} holds {most} registers of one account");
}
