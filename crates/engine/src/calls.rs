//! Calls: who is in one, and who is rung. Pure; `engine` carries signals and sound.

mod control;

pub(crate) use self::control::{Call, Calls, Ended, Output, Part, Refusal};
