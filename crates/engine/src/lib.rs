//! The client: account, links, rooms, projections and the API over them.

pub mod api;
mod engine;
pub mod link;

pub use crate::engine::{Engine, EngineConfig, EventStream, KeyStorage, OpenError};
