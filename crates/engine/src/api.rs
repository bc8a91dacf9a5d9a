//! The API: one engine, three fronts. Modules in reading order: what goes in and out, then what is done.

pub mod error;
pub mod events;
pub(crate) mod methods;
pub mod export;
pub mod types;
