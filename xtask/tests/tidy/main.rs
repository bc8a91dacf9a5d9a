//! Tidy tests: what holds the tree together and no compiler checks. Each failure says what to do.

mod documents;
mod protocol;
mod sources;
mod workspace;
