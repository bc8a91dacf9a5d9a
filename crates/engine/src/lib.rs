//! The client: account, links, rooms, projections and the API over them.
//!
//! Fronts (`momo`, the desktop shell) open an [`Engine`], hand it JSON-RPC texts, and read its events. Modules are
//! declared in the order in which bytes become what people see; a module uses only those above it.

mod account;
pub mod link;
mod session;
mod persistence;
mod projection;
mod ephemeral;
mod documents;
mod calls;
mod engine;
pub mod api;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;

pub use crate::account::keys::KeyVault;
pub use crate::calls::PictureStream;
pub use crate::engine::{Engine, EngineConfig, EventStream, KeyStorage, OpenError, SCHEMA};

/// What a front logs unless it is told otherwise. The WebRTC stack warns of what is normal while a link opens.
pub const LOG_FILTER: &str =
    "warn,rtc=error,rtc_dtls=error,rtc_ice=error,rtc_turn=error,webrtc::peer_connection::transport=off";
