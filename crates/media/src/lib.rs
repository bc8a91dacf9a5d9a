//! Sound and pictures in calls: capture, codecs, what repairs and orders packets, mixing, devices. Knows nothing of rooms,
//! accounts or sockets. Pictures are told of in [`video`].
//!
//! All sound is mono at 48 kHz in frames of 20 ms. The device's clock drives it: each captured frame is encoded and
//! handed out at once, each frame to be played is pulled from every [`Stream`] and mixed.
//!
//! ```text
//!  microphone ─► Conference::capture ─► processing ─► Opus ─► (RTP, elsewhere)
//!                                           ▲ what is played, so that its echo is known
//!  speakers   ◄─ Conference::play ◄─ mix ◄──┴─ Opus ◄─ jitter buffer ◄─ (RTP, elsewhere)
//! ```

pub mod codec;
pub mod jitter_buffer;
pub mod level;
pub mod processing;
pub mod stream;
pub mod listening;
pub mod conference;
pub mod trial;
pub mod devices;
pub mod video;
pub mod cameras;

#[cfg(test)]
#[path = "../../../tests/support/split_mix.rs"]
mod split_mix;

/// Samples a second.
pub const SAMPLE_RATE: u32 = 48_000;
/// Length of a frame, milliseconds.
pub const FRAME_MS: u64 = 20;
/// Samples of a frame.
pub const FRAME_SAMPLES: usize = 960;

/// 20 ms of sound, each sample from -1 to 1.
pub type Frame = [f32; FRAME_SAMPLES];

/// Nothing to be heard.
pub const SILENCE: Frame = [0.0; FRAME_SAMPLES];

/// What a packet of sound is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sound {
    /// A microphone.
    Voice,
    /// A file that all listen to: [`listening`].
    File,
}

/// One encoded frame as RTP carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// One more than that of the packet sent before.
    pub sequence: u16,
    /// In samples; what was not sent because nothing was said is counted too.
    pub timestamp: u32,
    /// Opus.
    pub payload: Vec<u8>,
}
