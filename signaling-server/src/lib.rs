//! The server: accounts and tokens over HTTP.
pub mod config;
pub mod clock;
pub mod limits;
pub mod shutdown;
pub mod metrics;
pub mod records;
pub mod accounts;
