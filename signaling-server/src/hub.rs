//! Who is here: which devices are connected, what others see of them, and who may be told what.
//!
//! Owned by the relay's task, which feeds it what happens and carries out what it answers. Pure: no await, no lock, no
//! clock; time comes in as [`Mono`](momoland_replica::input::Mono).
//!
//! # Invariants
//! 1. A device has one link at a time; the newer one replaces the older. Test: `a_newer_link_replaces_the_older`.
//! 2. Nobody is told of anybody with whom they share no room. Tests:
//!    `strangers_are_not_introduced`, `an_ephemeral_goes_to_the_rooms_devices_alone`.
//! 3. What is kept here of a device goes when its link goes. Test: `prop_the_registry_stays_sound`.

pub mod fan_out;
pub mod introductions;
pub mod presence;
pub mod registry;
#[cfg(test)]
mod tests;
