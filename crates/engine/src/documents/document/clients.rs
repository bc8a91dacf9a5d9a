//! Yjs client ids and whose they are: those of a device are derived from it (docs/protocol.md, DO4).

use momoland_protocol::id::{DeviceId, LogId};

/// Client ids from here on belong to the device that they are derived from; lower ones to who uses them first.
pub(super) const BOUND_FROM: u64 = 1 << 52;

/// Bits of a bound client id that the device chooses: for each life of an editor another id.
const CHOSEN_BITS: u32 = 16;

/// The client id of a device in a document with these chosen bits.
pub(super) fn bound_client(log: LogId, device: DeviceId, chosen: [u8; 2]) -> u64 {
    bound_prefix(log, device) | u64::from(u16::from_be_bytes(chosen))
}

pub(super) fn is_bound(client: u64, log: LogId, device: DeviceId) -> bool {
    client >> CHOSEN_BITS == bound_prefix(log, device) >> CHOSEN_BITS
}

fn bound_prefix(log: LogId, device: DeviceId) -> u64 {
    let hash = momoland_protocol::document::client_seed(log, device);
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash[..8]);
    BOUND_FROM | ((u64::from_be_bytes(bytes) >> 12 >> CHOSEN_BITS) << CHOSEN_BITS)
}
