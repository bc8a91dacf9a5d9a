//! PipeWire's own notation (SPA POD), as much of it as the format of pictures needs: what is asked for, and what was agreed.
//!
//! A value is its length and kind in 32 bits each, then its bytes, filled up to eight. All numbers are the machine's own.
//! What comes from outside is read piece by piece: bytes that are no format are none.

use crate::cameras::convert::Pixels;

/// Kinds of values, by their numbers in `spa/utils/type.h`.
const ID: u32 = 3;
const INT: u32 = 4;
const RECTANGLE: u32 = 10;
const FRACTION: u32 = 11;
const OBJECT: u32 = 15;
const CHOICE: u32 = 19;
/// Kinds of objects: `SPA_TYPE_OBJECT_Format`, `_ParamBuffers`, `_ParamMeta`.
const FORMAT: u32 = 0x4_0003;
const BUFFERS: u32 = 0x4_0004;
const META: u32 = 0x4_0005;
/// What an object is for, of `spa/param/param.h`.
const ENUM_FORMAT: u32 = 3;
const PARAM_BUFFERS: u32 = 5;
const PARAM_META: u32 = 6;
/// `SPA_CHOICE_Range`, `_Enum` and `_Flags`.
const RANGE: u32 = 1;
const ENUM: u32 = 3;
const FLAGS: u32 = 4;
/// Properties of a format, of `spa/param/format.h`.
const MEDIA_TYPE: u32 = 1;
const MEDIA_SUBTYPE: u32 = 2;
const VIDEO_FORMAT: u32 = 0x2_0001;
const VIDEO_SIZE: u32 = 0x2_0003;
const VIDEO_RATE: u32 = 0x2_0004;
/// `SPA_MEDIA_TYPE_video`, and `SPA_MEDIA_SUBTYPE_raw`.
const VIDEO: u32 = 2;
const RAW: u32 = 1;
/// Orders of colours that are understood, by their numbers in `spa/param/video/raw.h`, the usual one first.
const BGRX: u32 = 8;
const BGRA: u32 = 12;
const RGBX: u32 = 7;
const RGBA: u32 = 11;
/// Properties of buffers and of what is told beside them, of `spa/param/buffers.h`.
const BUFFERS_COUNT: u32 = 1;
const BUFFERS_MEMORY: u32 = 6;
const META_TYPE: u32 = 1;
const META_SIZE: u32 = 2;
/// `SPA_META_VideoCrop`: the part of the picture that is meant.
pub(super) const CROP: u32 = 2;
/// Bytes of what is told of it.
pub(super) const CROP_BYTES: u32 = 16;
/// Memory that is simply read: a bit each for `SPA_DATA_MemPtr` and `SPA_DATA_MemFd`. Not that of a graphics card.
const MEMORY: u32 = 1 << 1 | 1 << 2;
/// Pictures in flight: one is kept here while another is drawn.
const COUNT: [u32; 3] = [4, 3, 8];
/// Pictures a second that are asked for. A desktop that draws more is taken as it is.
const RATES: [u32; 6] = [30, 1, 0, 1, 240, 1];
/// The largest side that is taken.
const SIDE_MAX: u32 = 16_384;

/// How the pixels of a picture lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) pixels: Pixels,
}

/// An object that is written: as aligned as the library wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pod(Vec<u64>);

impl Pod {
    fn object(kind: u32, purpose: u32, properties: &[&[u32]]) -> Self {
        let mut words = vec![kind, purpose];
        for property in properties {
            words.extend_from_slice(property);
            // Each begins at a multiple of eight bytes.
            words.resize(words.len().next_multiple_of(2), 0);
        }
        let length = u32::try_from(words.len() * 4).unwrap_or(u32::MAX);
        let head = [length, OBJECT];
        let words = head.into_iter().chain(words).collect::<Vec<u32>>();
        let pairs = words.as_chunks::<2>().0.iter().map(|[first, second]| {
            let mut both = [0; 8];
            both[..4].copy_from_slice(&first.to_ne_bytes());
            both[4..].copy_from_slice(&second.to_ne_bytes());
            u64::from_ne_bytes(both)
        });
        Self(pairs.collect())
    }

    pub(super) fn as_ptr(&self) -> *const u64 {
        self.0.as_ptr()
    }

    #[cfg(test)]
    fn bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|pair| pair.to_ne_bytes()).collect()
    }
}

/// One property of one value: a number or an id.
fn single(key: u32, kind: u32, value: u32) -> [u32; 5] {
    [key, 0, 4, kind, value]
}

/// One property, of which the other may choose a value: the first is preferred.
fn choice(key: u32, how: u32, kind: u32, each: usize, values: &[u32]) -> Vec<u32> {
    let bytes = |words: usize| u32::try_from(words * 4).unwrap_or(u32::MAX);
    let mut words = vec![key, 0, bytes(4 + values.len()), CHOICE, how, 0, bytes(each), kind];
    words.extend_from_slice(values);
    words
}

/// Which pictures are understood. No word of a graphics card's memory, so none is offered.
pub(super) fn wanted() -> Pod {
    let sizes = [1_920, 1_080, 1, 1, SIDE_MAX, SIDE_MAX];
    Pod::object(
        FORMAT,
        ENUM_FORMAT,
        &[
            &single(MEDIA_TYPE, ID, VIDEO),
            &single(MEDIA_SUBTYPE, ID, RAW),
            &choice(VIDEO_FORMAT, ENUM, ID, 1, &[BGRX, BGRX, BGRA, RGBX, RGBA]),
            &choice(VIDEO_SIZE, RANGE, RECTANGLE, 2, &sizes),
            &choice(VIDEO_RATE, RANGE, FRACTION, 2, &RATES),
        ],
    )
}

/// In which memory they are to come.
pub(super) fn buffers() -> Pod {
    let count = choice(BUFFERS_COUNT, RANGE, INT, 1, &COUNT);
    Pod::object(BUFFERS, PARAM_BUFFERS, &[&count, &choice(BUFFERS_MEMORY, FLAGS, INT, 1, &[MEMORY])])
}

/// That the part that is meant is to be told.
pub(super) fn crop() -> Pod {
    Pod::object(META, PARAM_META, &[&single(META_TYPE, ID, CROP), &single(META_SIZE, INT, CROP_BYTES)])
}

/// The format that was agreed, as bytes from outside: none, where they are no format, or of pictures that were not wanted.
pub(super) fn read(bytes: &[u8]) -> Option<Format> {
    let (kind, body, _) = value(bytes)?;
    if kind != OBJECT || word(body, 0)? != FORMAT {
        return None;
    }
    let mut rest = body.get(8..)?;
    let (mut is_video, mut is_raw, mut pixels, mut size) = (false, false, None, None);
    while !rest.is_empty() {
        let key = word(rest, 0)?;
        let (kind, body, after) = value(rest.get(8..)?)?;
        let (kind, body) = if kind == CHOICE { (word(body, 12)?, body.get(16..)?) } else { (kind, body) };
        match (key, kind) {
            (MEDIA_TYPE, ID) => is_video = word(body, 0)? == VIDEO,
            (MEDIA_SUBTYPE, ID) => is_raw = word(body, 0)? == RAW,
            (VIDEO_FORMAT, ID) => pixels = pixels_of(word(body, 0)?),
            (VIDEO_SIZE, RECTANGLE) => size = Some((word(body, 0)?, word(body, 4)?)),
            _ => {}
        }
        rest = after;
    }
    let fits = |side: &u32| (1..=SIDE_MAX).contains(side);
    let (width, height) = size.filter(|(width, height)| fits(width) && fits(height))?;
    (is_video && is_raw).then_some(Format { width, height, pixels: pixels? })
}

fn pixels_of(format: u32) -> Option<Pixels> {
    match format {
        BGRX | BGRA => Some(Pixels::BGRX),
        RGBX | RGBA => Some(Pixels::RGBX),
        _ => None,
    }
}

/// The value in front: its kind, its bytes, and what follows.
fn value(bytes: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let length = usize::try_from(word(bytes, 0)?).ok()?;
    let (kind, rest) = (word(bytes, 4)?, bytes.get(8..)?);
    let filled = length.checked_next_multiple_of(8)?;
    // The last may end where its bytes do.
    Some((kind, rest.get(..length)?, rest.get(filled..).unwrap_or(&[])))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|word| u32::from_ne_bytes(*word))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(pod: &Pod) -> Vec<u32> {
        pod.bytes().as_chunks::<4>().0.iter().map(|word| u32::from_ne_bytes(*word)).collect()
    }

    fn agreed(format: u32, size: &[u32]) -> Vec<u8> {
        let size = [&[VIDEO_SIZE, 0, 8, RECTANGLE], size].concat();
        let media = [single(MEDIA_TYPE, ID, VIDEO), single(MEDIA_SUBTYPE, ID, RAW), single(VIDEO_FORMAT, ID, format)];
        Pod::object(FORMAT, 4, &[&media[0], &media[1], &media[2], &size]).bytes()
    }

    /// What the library's own builder makes of the same, word for word.
    #[test]
    fn what_is_written_is_what_the_library_would_write() {
        let format: [u32; 58] = [
            224, 15, 0x4_0003, 3, 1, 0, 4, 3, 2, 0, 2, 0, 4, 3, 1, 0, 0x2_0001, 0, 36, 19, 3, 0, 4, 3, 8, 8, 12, 7, 11,
            0, 0x2_0003, 0, 40, 19, 1, 0, 8, 10, 1_920, 1_080, 1, 1, 16_384, 16_384, 0x2_0004, 0, 40, 19, 1, 0, 8, 11,
            30, 1, 0, 1, 240, 1,
        ];
        assert_eq!(words(&wanted()), format);
        let memory: [u32; 26] =
            [96, 15, 0x4_0004, 5, 1, 0, 28, 19, 1, 0, 4, 4, 4, 3, 8, 0, 6, 0, 20, 19, 4, 0, 4, 4, 6, 0];
        assert_eq!(words(&buffers()), memory);
        let part: [u32; 16] = [56, 15, 0x4_0005, 6, 1, 0, 4, 3, 2, 0, 2, 0, 4, 4, 16, 0];
        assert_eq!(words(&crop()), part);
    }

    #[test]
    fn a_format_that_was_agreed_is_read() {
        for (number, pixels) in [(BGRX, Pixels::BGRX), (BGRA, Pixels::BGRX), (RGBX, Pixels::RGBX), (RGBA, Pixels::RGBX)]
        {
            let format = Format { width: 1_366, height: 768, pixels };
            assert_eq!(read(&agreed(number, &[1_366, 768])), Some(format));
        }
        // A choice that was left open stands for its first value.
        assert_eq!(read(&wanted().bytes()), Some(Format { width: 1_920, height: 1_080, pixels: Pixels::BGRX }));
    }

    #[test]
    fn what_is_no_picture_that_was_wanted_is_none() {
        // YUY2, and sizes that no picture has.
        assert_eq!(read(&agreed(4, &[640, 480])), None);
        for size in [[0, 480], [640, 0], [u32::MAX, 480], [640, SIDE_MAX + 1]] {
            assert_eq!(read(&agreed(BGRX, &size)), None, "{size:?}");
        }
        assert_eq!(read(&buffers().bytes()), None);
        let whole = agreed(BGRX, &[640, 480]);
        for length in 0..whole.len() {
            assert_eq!(read(&whole[..length]), None, "{length} of its bytes");
        }
    }

    proptest! {
        #[test]
        fn prop_any_bytes_are_a_format_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = read(&bytes);
        }

        #[test]
        fn prop_a_damaged_format_is_one_or_none(
            damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        ) {
            let mut bytes = wanted().bytes();
            for (at, byte) in damage {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let Some(format) = read(&bytes) {
                prop_assert!(format.width <= SIDE_MAX && format.height <= SIDE_MAX);
            }
        }
    }
}
