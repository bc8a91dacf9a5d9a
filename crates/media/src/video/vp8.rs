//! VP8 by libvpx, as calls use it. Chosen because everybody may use it freely, one core does 720p at 30 a second with
//! room to spare, and its rate follows within a second; libvpx is in every Linux distribution, and in Homebrew and MSYS2.

use super::codec::{Content, Encoded, PictureDecoder, PictureEncoder, VideoError};
use super::picture::{Picture, SIDE_MAX};
use super::vpx::{self, Settings};

/// Whether pictures can be encoded and decoded here.
///
/// # Errors
/// Why not, for a person.
pub fn available() -> Result<(), VideoError> {
    vpx::library().map(|_| ())
}

/// # Errors
/// A [`VideoError`].
pub fn encoder(
    width: u16,
    height: u16,
    content: Content,
    bits_per_second: u32,
) -> Result<Box<dyn PictureEncoder>, VideoError> {
    let settings = Settings {
        width,
        height,
        kilobits: kilobits(bits_per_second),
        // The fastest that still looks well; a screen has few changes, which may take longer.
        cpu_used: match content {
            Content::Camera => -8,
            Content::Screen => -6,
        },
        screen: content == Content::Screen,
    };
    Ok(Box::new(Vp8Encoder { inner: vpx::Encoder::new(vpx::library()?, settings)?, width, height }))
}

/// # Errors
/// A [`VideoError`].
pub fn decoder() -> Result<Box<dyn PictureDecoder>, VideoError> {
    Ok(Box::new(Vp8Decoder { inner: vpx::Decoder::new(vpx::library()?)? }))
}

fn kilobits(bits_per_second: u32) -> u32 {
    (bits_per_second / 1_000).max(10)
}

#[derive(Debug)]
struct Vp8Encoder {
    inner: vpx::Encoder,
    width: u16,
    height: u16,
}

impl PictureEncoder for Vp8Encoder {
    fn encode(&mut self, picture: &Picture, at: i64, key: bool) -> Result<Option<Encoded>, VideoError> {
        if (picture.width(), picture.height()) != (self.width, self.height) {
            return Err(VideoError::Codec(format!("{picture:?} for an encoder of {}×{}", self.width, self.height)));
        }
        self.inner.encode(picture, at, key)
    }

    fn set_rate(&mut self, bits_per_second: u32) -> Result<(), VideoError> {
        self.inner.set_rate(kilobits(bits_per_second))
    }
}

#[derive(Debug)]
struct Vp8Decoder {
    inner: vpx::Decoder,
}

impl PictureDecoder for Vp8Decoder {
    fn decode(&mut self, data: &[u8]) -> Result<Option<Picture>, VideoError> {
        if let Some((width, height)) = key_size(data)?
            && (width > SIDE_MAX || height > SIDE_MAX || width < 2 || height < 2)
        {
            return Err(VideoError::Codec(format!("a picture of {width}×{height}")));
        }
        self.inner.decode(data)
    }
}

/// The size that a key picture announces (RFC 6386 §9.1); `None` of another.
fn key_size(data: &[u8]) -> Result<Option<(u16, u16)>, VideoError> {
    let [first, _, _, rest @ ..] = data else { return Err(VideoError::Codec("a picture without a head".to_owned())) };
    if first & 1 != 0 {
        return Ok(None);
    }
    let [0x9d, 0x01, 0x2a, a, b, c, d, ..] = rest else {
        return Err(VideoError::Codec("a key picture that is none".to_owned()));
    };
    // The two highest bits ask for enlargement, which nobody does.
    let side = |low: u8, high: u8| u16::from_le_bytes([low, high]) & 0x3fff;
    Ok(Some((side(*a, *b), side(*c, *d))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cameras::test_picture::{TestPicture, read};
    use proptest::prelude::*;

    /// How like two pictures of one size are: peak signal to noise of their brightness, decibels.
    fn likeness(one: &Picture, other: &Picture) -> f64 {
        assert_eq!((one.width(), one.height()), (other.width(), other.height()));
        let square = |(one, other): (&u8, &u8)| f64::from(one.abs_diff(*other)).powi(2);
        let error: f64 = one.luma().iter().zip(other.luma()).map(square).sum();
        let mean = error / (f64::from(one.width()) * f64::from(one.height()));
        10.0 * (255.0_f64.powi(2) / mean).log10()
    }

    #[test]
    fn what_is_encoded_is_seen() {
        let mut encoder = encoder(640, 360, Content::Camera, 600_000).unwrap();
        let mut decoder = decoder().unwrap();
        let mut bytes = 0;
        for n in 0..60 {
            let picture = TestPicture { who: 3, count: n }.draw(640, 360);
            let encoded = encoder.encode(&picture, i64::from(n) * 3_000, n == 30).unwrap();
            let Some(encoded) = encoded else { continue };
            assert_eq!(encoded.key, n == 0 || n == 30, "key pictures come when they are asked for");
            bytes += encoded.data.len();
            let seen = decoder.decode(&encoded.data).unwrap().expect("a picture");
            assert_eq!(read(&seen), Some(TestPicture { who: 3, count: n }));
            assert!(likeness(&seen, &picture) > 25.0);
        }
        assert!(bytes * 8 / 2 < 1_000_000, "{bytes} bytes in two seconds");
    }

    #[test]
    fn the_rate_follows() {
        let mut encoder = encoder(640, 360, Content::Camera, 800_000).unwrap();
        let second = |encoder: &mut dyn PictureEncoder, n: u32| {
            let pictures = n * 30..(n + 1) * 30;
            let bytes = pictures.map(|n| {
                let picture = TestPicture { who: 1, count: n }.draw(640, 360);
                encoder.encode(&picture, i64::from(n) * 3_000, false).unwrap().map_or(0, |it| it.data.len())
            });
            bytes.sum::<usize>()
        };
        let before: usize = (0..3).map(|n| second(&mut *encoder, n)).sum::<usize>() / 3;
        encoder.set_rate(100_000).unwrap();
        let _settling = second(&mut *encoder, 3);
        let after = second(&mut *encoder, 4);
        assert!(after * 2 < before, "{before} bytes a second, then {after}");
        assert!(after * 8 < 160_000, "{after} bytes a second at 100 kbit/s");
    }

    #[test]
    fn a_picture_of_another_size_and_a_giant_are_refused() {
        let mut encoder = encoder(64, 64, Content::Screen, 100_000).unwrap();
        assert!(encoder.encode(&Picture::grey(66, 64, 0), 0, true).is_err());
        let mut giant = encoder.encode(&Picture::grey(64, 64, 0), 0, true).unwrap().unwrap().data;
        giant[6..10].copy_from_slice(&[0xff, 0x3f, 0xff, 0x3f]);
        assert!(decoder().unwrap().decode(&giant).is_err());
        assert!(decoder().unwrap().decode(&[]).is_err());
        assert!(decoder().unwrap().decode(b"this is Opus, if anything").is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn damage_is_refused_or_shown_and_a_key_picture_heals(at in 0_usize..400, with: u8, short in 0_usize..400) {
            let mut encoder = encoder(160, 90, Content::Camera, 200_000).unwrap();
            let mut decoder = decoder().unwrap();
            let first = TestPicture { who: 1, count: 1 }.draw(160, 90);
            let mut damaged = encoder.encode(&first, 0, true).unwrap().unwrap().data;
            damaged.truncate(damaged.len().saturating_sub(short).max(1));
            let at = at % damaged.len();
            damaged[at] ^= with;
            let _ = decoder.decode(&damaged);
            let next = TestPicture { who: 1, count: 2 }.draw(160, 90);
            let whole = encoder.encode(&next, 3_000, true).unwrap().unwrap().data;
            let seen = decoder.decode(&whole).unwrap().unwrap();
            prop_assert_eq!(read(&seen), Some(TestPicture { who: 1, count: 2 }));
        }
    }
}
