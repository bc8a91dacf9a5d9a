//! The server over real sockets: each endpoint's happy path and its refusals, and the process itself.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

mod account;
mod admin;
mod cors;
mod limits;
mod login;
mod process;
mod registration;
mod requests;
mod stopping;
mod tokens;
mod world;
