//! What is never stored, where the newest counts: typing, and who is here.

pub(crate) mod presence;
pub(crate) mod typing;
