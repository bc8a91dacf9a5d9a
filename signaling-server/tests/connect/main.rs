//! The WebSocket over real sockets: devices with real keys and tokens, and the same replication core as every client.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

mod failing;
mod floods;
mod handshake;
mod notices;
mod people;
mod process;
mod relaying;
mod rooms;
mod stopping;
#[cfg(target_os = "linux")]
#[path = "../../../tests/support/small_disk.rs"]
mod small_disk;
mod world;
