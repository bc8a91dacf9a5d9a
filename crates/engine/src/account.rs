//! Who we are: the server, the account on it, this device's key, and the tokens that sign it in.
//!
//! The record lies in the data folder's store under a namespace of its own; the key lies beside the store or in the
//! system's keychain, so that a copy of the store alone is not the device.

pub(crate) mod address;
pub(crate) mod http;
pub(crate) mod keys;
pub(crate) mod record;
