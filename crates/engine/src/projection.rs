//! What people see: folds of what is on disk. Same events, same state, whatever the order of arrival. Pure, but for
//! `texts`, which reads what messages say when somebody looks.

pub(crate) mod history;
pub(crate) mod locations;
pub(crate) mod emoji;
pub(crate) mod mentions;
pub(crate) mod amendments;
pub(crate) mod texts;
pub(crate) mod timeline;
