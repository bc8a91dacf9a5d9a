//! What the tidy tests look with: the tracked files, the tables and rules of the documents, and the protocol's schema.
//!
//! `tests/tidy` asks; nothing ships. All of it is read from the sources as text, so that it builds in seconds and needs
//! none of the crates that it looks at.

pub mod document;
pub mod rules;
pub mod schema;
pub mod tree;
