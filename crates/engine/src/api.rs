//! The API: one engine, three fronts. Modules in reading order: what goes in and out, then what is done.

pub mod types;
pub mod events;
pub mod error;
pub(crate) mod invite;
pub(crate) mod methods;
pub mod export;
