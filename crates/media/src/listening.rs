//! Listening together: a file from one person's disk, heard by everybody in a call at the same moment.
//!
//! It is a stream beside the voice, with packets of its own, so a muted voice stops no music and the other way round. Its
//! frames are numbered by the sender's clock, and everybody plays each of them the same time after it was sent, the
//! sender too: as long as the slowest way and its jitter need.
//!
//! ```text
//!  file ─► SoundFile ─► Player ─► Opus ─┬► (RTP, elsewhere) ─► Playout ─► mix
//!          decoded, 48 kHz   each 20 ms └────────────────────► Playout ─► mix, here
//! ```

pub mod file;
pub mod player;
pub mod playout;
mod resampler;
