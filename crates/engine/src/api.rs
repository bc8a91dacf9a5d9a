//! The API: one engine, three fronts.

pub mod error;
pub mod events;
pub mod types;
