//! The HTTP surface: one table of routes, and what every request passes on its way to one.
//!
//! ```text
//!  server → [who asks] → [metrics, log] → [CORS] → [rate] → route → accounts → answer
//! ```
//! Handlers turn JSON into typed values, call `accounts`, and turn what comes back into JSON. Facts become statuses in
//! one place, [`error`]. Nothing here decides who may do what.

mod account;
mod admin;
mod auth;
pub mod cors;
pub mod error;
pub mod extract;
mod feed;
mod health;
pub mod routes;
mod well_known;
