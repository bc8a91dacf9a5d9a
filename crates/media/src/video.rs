//! Pictures in calls: codec, packets, repair of what was lost, and how much the way carries.
//!
//! ```text
//!  camera ─► sender: ladder ─► VP8 ─► outgoing: pace, repeat ─► (RTP, elsewhere)
//!  window ◄─ receiver: VP8 ◄─ assembly ◄─ incoming: what is missing ◄─ (RTP, elsewhere)
//!                                            └─ feedback ─► outgoing of the other side: bandwidth
//! ```
//!
//! One link has one sequence of packets for everything: camera, screen and feedback. So one report tells of all, and
//! what arrives late tells of the way, whichever picture it belonged to.

pub mod picture;
pub mod payload;
pub mod codec;
pub mod vp8;
mod vpx;
mod rate_meter;
pub mod ladder;
pub mod bandwidth;
pub mod assembly;
pub mod incoming;
pub mod outgoing;
pub mod sender;
pub mod receiver;

/// Where a picture comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A face.
    Camera,
    /// A screen or a window.
    Screen,
}

/// One encoded picture, the same for everybody it is sent to.
#[derive(Debug, Clone)]
pub struct EncodedPicture {
    /// What of.
    pub source: Source,
    /// Whether it can be shown without those before.
    pub key: bool,
    /// When it was taken, of a clock of 90 kHz.
    pub timestamp: u32,
    /// VP8.
    pub data: std::sync::Arc<[u8]>,
}

/// One packet as RTP carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoPacket {
    /// One more than that of the packet sent before on the link, unless it is sent again.
    pub sequence: u16,
    /// Of the picture, of a clock of 90 kHz.
    pub timestamp: u32,
    /// Whether it is the last of its picture.
    pub marker: bool,
    /// See [`payload`].
    pub payload: Vec<u8>,
}
