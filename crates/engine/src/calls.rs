//! Calls: who is in one and who is rung (`control`, pure), and pictures on their way to fronts (`gallery`). `engine` carries
//! signals, sound and pictures between them.

mod control;
mod gallery;

pub(crate) use self::control::{Call, Calls, Ended, Output, Part, Refusal};
pub use self::gallery::PictureStream;
pub(crate) use self::gallery::{Gallery, TILES_MAX, Tile};
