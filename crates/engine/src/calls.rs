//! Calls: who is in one and who is rung (`control`, pure), what is told of one that is over (`record`, pure), pictures on
//! their way to fronts (`gallery`), and what all listen to (`listening`, pure). `engine` carries signals, sound and
//! pictures between them.

mod control;
mod gallery;
mod listening;
mod record;

pub(crate) use self::control::{Call, Calls, Ended, Output, Part, Refusal};
pub use self::gallery::PictureStream;
pub(crate) use self::gallery::{Gallery, TILES_MAX, Tile};
pub(crate) use self::listening::{Clocks, Listening, Step};
pub(crate) use self::record::Over;
