//! What a codec of pictures can do, so that another one may take VP8's place.

use super::picture::Picture;

/// Why there is no picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VideoError {
    /// The system has no libvpx.
    #[error(
        "Pictures in calls need the library libvpx, which was not found. Install it ({0}), and start Momoland again. Sound works without it."
    )]
    Missing(&'static str),
    /// It is there, and is not as this program knows it.
    #[error("The library libvpx here is of a version that Momoland cannot use ({0}). Sound works without it.")]
    Unfit(String),
    /// It refused something.
    #[error("VP8: {0}")]
    Codec(String),
}

/// What is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Moving, natural.
    Camera,
    /// Text and lines, often still.
    Screen,
}

/// What came out of an encoder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// Whether it can be shown without those before.
    pub key: bool,
    /// As the codec writes it.
    pub data: Vec<u8>,
}

/// Pictures of one size to packets.
pub trait PictureEncoder: Send + std::fmt::Debug {
    /// The next picture, taken at a time of a clock of 90 kHz that never stands; `None` where the rate has no room for
    /// it. A key picture has always.
    ///
    /// # Errors
    /// [`VideoError::Codec`].
    fn encode(&mut self, picture: &Picture, at: i64, key: bool) -> Result<Option<Encoded>, VideoError>;

    /// The rate from now on.
    ///
    /// # Errors
    /// [`VideoError::Codec`].
    fn set_rate(&mut self, bits_per_second: u32) -> Result<(), VideoError>;
}

/// And back, of any size up to [`super::picture::SIDE_MAX`].
pub trait PictureDecoder: Send + std::fmt::Debug {
    /// The picture, if there is one to be shown.
    ///
    /// # Errors
    /// [`VideoError::Codec`]; only a key picture helps then.
    fn decode(&mut self, data: &[u8]) -> Result<Option<Picture>, VideoError>;
}
