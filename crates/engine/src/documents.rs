//! Documents that people write together: Yjs documents, held in `yrs`.
//!
//! `engine` hands in the events of a document's log and what this person writes, and takes out the updates that become
//! events. Nothing here does IO, and no other module knows `yrs`. In reading order: updates as events carry them and as data, a document as lines
//! of text, one document and what it is folded to, what is kept of it between two starts.

pub(crate) mod packing;
pub(crate) mod update;
mod graft;
mod lines;
mod depths;
pub(crate) mod rich;
pub(crate) mod snapshot;
pub(crate) mod document;
pub(crate) mod rights;
pub(crate) mod awareness;
pub(crate) mod records;
