//! A feed: posts with likes and comments, ranked; a pure fold of a log's events.
//!
//! The client's engine folds the feeds of its rooms with it, the server the public one for browsers and readers, so both
//! show the same order for the same events. No clock, disk, thread or randomness of its own.
//!
//! Not here: who may do what (`replica` decides that by the roster before an event gets here), what is told to fronts.
#![warn(missing_docs)]

mod feed;
mod item;
mod likes;
mod lists;
mod names;
mod rank;
mod snapshots;
mod texts;
#[cfg(test)]
mod fixture;

pub use feed::{Change, Comment, Feed, Page, Post, Standing};
pub use item::Hidden;
pub use rank::Order;
pub use snapshots::{Cursor, Listed, Snapshots};
pub use texts::{Content, InMemory, Texts};
