//! What cameras and screens give, as pictures of brightness and half-sized colour (BT.601, limited range, as VP8 has it).
//!
//! Whatever length of data comes with whatever size: too little of it is no picture, and nothing is read beyond it.

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::video::picture::{Picture, SIDE_MAX};

/// Where the colours of a pixel lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pixels {
    bytes: usize,
    red: usize,
    green: usize,
    blue: usize,
}

impl Pixels {
    /// Blue, green, red, and one byte without a meaning.
    pub(super) const BGRX: Self = Self { bytes: 4, red: 2, green: 1, blue: 0 };
    /// The other way round.
    pub(super) const XRGB: Self = Self { bytes: 4, red: 1, green: 2, blue: 3 };
    /// Red, green, blue, and one byte without a meaning.
    pub(super) const RGBX: Self = Self { bytes: 4, red: 0, green: 1, blue: 2 };
    /// Red, green, blue.
    pub(super) const RGB: Self = Self { bytes: 3, red: 0, green: 1, blue: 2 };
    /// Blue, green, red.
    #[cfg(any(test, not(target_os = "linux")))]
    pub(super) const BGR: Self = Self { bytes: 3, red: 2, green: 1, blue: 0 };
    /// Brightness alone.
    pub(super) const GREY: Self = Self { bytes: 1, red: 0, green: 0, blue: 0 };
}

/// The planes of a picture while it is made: an even size, which ends where the data's own does or one pixel before.
struct Canvas {
    width: usize,
    height: usize,
    planes: Vec<u8>,
}

impl Canvas {
    fn new(width: usize, height: usize) -> Option<Self> {
        let (width, height) = (width & !1, height & !1);
        let fits = |side: usize| (2..=usize::from(SIDE_MAX)).contains(&side);
        let planes = || vec![128; width * height * 3 / 2];
        (fits(width) && fits(height)).then(|| Self { width, height, planes: planes() })
    }

    /// Brightness, and both of colour.
    fn planes(&mut self) -> (&mut [u8], &mut [u8], &mut [u8]) {
        let pixels = self.width * self.height;
        let (y, colours) = self.planes.split_at_mut(pixels);
        let (u, v) = colours.split_at_mut(pixels / 4);
        (y, u, v)
    }

    fn picture(self) -> Option<Picture> {
        Picture::from_planes(u16::try_from(self.width).ok()?, u16::try_from(self.height).ok()?, self.planes)
    }
}

/// From pixels with colours, line after line, each `stride` bytes after the one before. Too large a picture is shrunk.
pub(super) fn from_pixels(
    data: &[u8],
    (width, height): (usize, usize),
    stride: usize,
    pixels: Pixels,
) -> Option<Picture> {
    if width == 0 || height == 0 || width.checked_mul(pixels.bytes)? > stride || !reaches(data, stride, height) {
        return None;
    }
    // So many pixels each way become one.
    let step = width.max(height).div_ceil(usize::from(SIDE_MAX));
    let mut canvas = Canvas::new(width / step, height / step)?;
    let (out_width, area) = (canvas.width, u32::try_from(step * step).ok()?);
    let (y_plane, u_plane, v_plane) = canvas.planes();
    let rows = y_plane.chunks_exact_mut(2 * out_width);
    let colours = u_plane.chunks_exact_mut(out_width / 2).zip(v_plane.chunks_exact_mut(out_width / 2));
    for (row, (luma, (us, vs))) in rows.zip(colours).enumerate() {
        for column in 0..out_width / 2 {
            let mut sums = [0; 3];
            for (down, right) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                let colour = mean(data, stride, pixels, (2 * column + right, 2 * row + down), step, area);
                luma[down * out_width + 2 * column + right] = luma_of(colour);
                sums = [sums[0] + colour[0], sums[1] + colour[1], sums[2] + colour[2]];
            }
            let [red, green, blue] = sums.map(|sum| sum / 4);
            us[column] = chroma(-38 * red - 74 * green + 112 * blue);
            vs[column] = chroma(112 * red - 94 * green - 18 * blue);
        }
    }
    canvas.picture()
}

/// The colour of a square of pixels: red, green, blue.
fn mean(data: &[u8], stride: usize, pixels: Pixels, (x, y): (usize, usize), step: usize, area: u32) -> [i32; 3] {
    let of = |x: usize, y: usize| {
        let at = y * stride + x * pixels.bytes;
        [data[at + pixels.red], data[at + pixels.green], data[at + pixels.blue]]
    };
    if step == 1 {
        return of(x, y).map(i32::from);
    }
    let mut sums = [0; 3];
    for line in y * step..(y + 1) * step {
        for column in x * step..(x + 1) * step {
            for (sum, value) in sums.iter_mut().zip(of(column, line)) {
                *sum += u32::from(value);
            }
        }
    }
    sums.map(|sum| i32::try_from(sum / area).unwrap_or(i32::MAX))
}

fn luma_of([red, green, blue]: [i32; 3]) -> u8 {
    byte(((66 * red + 129 * green + 25 * blue + 128) >> 8) + 16)
}

fn chroma(value: i32) -> u8 {
    byte(((value + 128) >> 8) + 128)
}

fn byte(value: i32) -> u8 {
    u8::try_from(value.clamp(0, 255)).unwrap_or(0)
}

/// Whether there are so many whole lines.
fn reaches(data: &[u8], stride: usize, lines: usize) -> bool {
    stride.checked_mul(lines).is_some_and(|all| data.len() >= all)
}

/// From YUYV: two pixels share their colour.
pub(super) fn from_yuyv(data: &[u8], (width, height): (usize, usize), stride: usize) -> Option<Picture> {
    if width.checked_mul(2)? > stride || !reaches(data, stride, height) {
        return None;
    }
    let mut canvas = Canvas::new(width, height)?;
    let width = canvas.width;
    let (y_plane, u_plane, v_plane) = canvas.planes();
    for (line, row) in y_plane.chunks_exact_mut(width).zip(data.chunks_exact(stride)) {
        for (pixel, pair) in line.iter_mut().zip(row.as_chunks::<2>().0) {
            *pixel = pair[0];
        }
    }
    let colours = u_plane.chunks_exact_mut(width / 2).zip(v_plane.chunks_exact_mut(width / 2));
    for ((us, vs), rows) in colours.zip(data.chunks_exact(2 * stride)) {
        let (upper, lower) = rows.split_at(stride);
        let both = upper.as_chunks::<4>().0.iter().zip(lower.as_chunks::<4>().0);
        for ((u, v), (one, other)) in us.iter_mut().zip(vs).zip(both) {
            (*u, *v) = (one[1].midpoint(other[1]), one[3].midpoint(other[3]));
        }
    }
    canvas.picture()
}

/// From NV12: brightness, then both colours by turns.
pub(super) fn from_nv12(data: &[u8], (width, height): (usize, usize), stride: usize) -> Option<Picture> {
    if width > stride || height % 2 == 1 || !reaches(data, stride, height.checked_mul(3)? / 2) {
        return None;
    }
    let mut canvas = Canvas::new(width, height)?;
    let width = canvas.width;
    let (luma, colours) = data.split_at(stride * height);
    let (y_plane, u_plane, v_plane) = canvas.planes();
    for (line, row) in y_plane.chunks_exact_mut(width).zip(luma.chunks_exact(stride)) {
        line.copy_from_slice(&row[..width]);
    }
    let planes = u_plane.chunks_exact_mut(width / 2).zip(v_plane.chunks_exact_mut(width / 2));
    for ((us, vs), row) in planes.zip(colours.chunks_exact(stride)) {
        for ((u, v), pair) in us.iter_mut().zip(vs).zip(row.as_chunks::<2>().0) {
            [*u, *v] = *pair;
        }
    }
    canvas.picture()
}

/// How a JPEG image begins, and how one begins that may lack the tables of its codes and means the standard's own.
const JPEG: [u8; 2] = [0xff, 0xd8];
const OF_CAMERA: [u8; 20] = *b"\xff\xd8\xff\xe0\0\x10AVI1\0\0\0\0\0\0\0\0\0\0";

/// From a JPEG image, with or without its tables. Cameras leave them out, and few say that they do.
pub(super) fn from_jpeg(data: &[u8]) -> Option<Picture> {
    let data = [&OF_CAMERA, data.strip_prefix(&JPEG)?].concat();
    let side = usize::from(SIDE_MAX);
    let options = DecoderOptions::default().set_max_width(side).set_max_height(side);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(data.as_slice()), options);
    let bytes = decoder.decode().ok()?;
    let info = decoder.info()?;
    let pixels = match decoder.output_colorspace()? {
        ColorSpace::RGB => Pixels::RGB,
        ColorSpace::Luma => Pixels::GREY,
        _ => return None,
    };
    let (width, height) = (usize::from(info.width), usize::from(info.height));
    from_pixels(&bytes, (width, height), width * pixels.bytes, pixels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cameras::test_picture::{TestPicture, read};
    use proptest::prelude::*;

    /// A red, and its brightness and colours by the standard.
    const RED: [u8; 3] = [255, 0, 0];
    const OF_RED: [u8; 3] = [82, 90, 240];

    fn colours(picture: &Picture) -> Vec<(u8, u8, u8)> {
        let pixels = usize::from(picture.width()) * usize::from(picture.height());
        let (luma, colours) = picture.planes().split_at(pixels);
        let (us, vs) = colours.split_at(pixels / 4);
        us.iter().zip(vs).enumerate().map(|(n, (u, v))| (luma[2 * n], *u, *v)).collect()
    }

    #[test]
    fn colours_are_those_of_the_standard_whatever_order_they_come_in() {
        let all = [
            (Pixels::RGB, [255, 0, 0].to_vec()),
            (Pixels::BGR, [0, 0, 255].to_vec()),
            (Pixels::BGRX, [0, 0, 255, 9].to_vec()),
            (Pixels::XRGB, [9, 255, 0, 0].to_vec()),
            (Pixels::RGBX, [255, 0, 0, 9].to_vec()),
        ];
        for (pixels, one) in all {
            let picture = from_pixels(&one.repeat(4), (2, 2), one.len() * 2, pixels).unwrap();
            let [y, u, v] = OF_RED;
            assert_eq!(colours(&picture), [(y, u, v)], "{pixels:?}");
        }
        for (rgb, expected) in [([255; 3], (235, 128, 128)), ([0; 3], (16, 128, 128)), ([0, 0, 255], (41, 240, 110))] {
            assert_eq!(colours(&from_pixels(&rgb.repeat(4), (2, 2), 6, Pixels::RGB).unwrap()), [expected]);
        }
    }

    #[test]
    fn a_line_ends_before_its_stride_and_an_odd_pixel_is_left_out() {
        // Three by three red pixels in lines of 12 bytes, with blue where nothing belongs to the picture.
        let line = [RED, RED, RED, [0, 0, 255]].concat();
        let picture = from_pixels(&line.repeat(3), (3, 3), 12, Pixels::RGB).unwrap();
        assert_eq!((picture.width(), picture.height()), (2, 2));
        assert_eq!(picture.planes(), [82, 82, 82, 82, 90, 240]);
        assert!(from_pixels(&RED, (1, 1), 3, Pixels::RGB).is_none(), "too small to have a colour");
    }

    #[test]
    fn a_large_screen_is_shrunk_and_what_it_shows_can_be_read() {
        let drawn = TestPicture { who: 9, count: 4_711 };
        let (width, height) = (3_840, 2_160);
        let shown = drawn.draw(1_920, 1_080);
        let mut screen = vec![0; width * height * 4];
        for (y, line) in screen.chunks_exact_mut(width * 4).enumerate() {
            for (x, pixel) in line.as_chunks_mut::<4>().0.iter_mut().enumerate() {
                *pixel = [shown.luma()[y / 2 * 1_920 + x / 2]; 4];
            }
        }
        let picture = from_pixels(&screen, (width, height), width * 4, Pixels::BGRX).unwrap();
        assert_eq!((picture.width(), picture.height()), (1_920, 1_080));
        assert_eq!(read(&picture), Some(drawn));
    }

    #[test]
    fn what_cameras_give_is_the_picture_that_they_took() {
        let taken = TestPicture { who: 3, count: 77 }.draw(64, 48);
        let (y, colours) = taken.planes().split_at(64 * 48);
        let (u, v) = colours.split_at(32 * 24);
        let mut nv12 = Vec::new();
        for line in y.chunks_exact(64) {
            nv12.extend(line);
            nv12.extend([1; 6]);
        }
        for (us, vs) in u.chunks_exact(32).zip(v.chunks_exact(32)) {
            nv12.extend(us.iter().zip(vs).flat_map(|(u, v)| [*u, *v]));
            nv12.extend([1; 6]);
        }
        assert_eq!(from_nv12(&nv12, (64, 48), 70).as_ref(), Some(&taken));
        let mut yuyv = Vec::new();
        for (row, line) in y.chunks_exact(64).enumerate() {
            for (column, pair) in line.as_chunks::<2>().0.iter().enumerate() {
                let at = row / 2 * 32 + column;
                yuyv.extend([pair[0], u[at], pair[1], v[at]]);
            }
            yuyv.extend([1; 8]);
        }
        assert_eq!(from_yuyv(&yuyv, (64, 48), 136), Some(taken));
    }

    /// An image as cameras send it: one block of grey of which only the mean is coded, with no table of codes in it.
    fn camera_jpeg() -> Vec<u8> {
        let mut jpeg = JPEG.to_vec();
        jpeg.extend([0xff, 0xdb, 0, 67, 0]);
        jpeg.extend([1; 64]);
        // 8 bits, 8×8 pixels, one component.
        jpeg.extend([0xff, 0xc0, 0, 11, 8, 0, 8, 0, 8, 1, 1, 0x11, 0]);
        jpeg.extend([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0]);
        // The mean lies 512 / 8 above the middle: of ten bits, whose code is 11111110 by the standard's table, then the
        // bits; the end of the block, 1010; and ones.
        let bits = "11111110".to_owned() + "1000000000" + "1010" + "11";
        jpeg.extend(
            bits.as_bytes().chunks(8).map(|byte| byte.iter().fold(0, |value, bit| value << 1 | u8::from(*bit == b'1'))),
        );
        jpeg.extend([0xff, 0xd9]);
        jpeg
    }

    #[test]
    fn a_cameras_jpeg_without_tables_is_decoded_and_a_damaged_one_is_none() {
        let jpeg = camera_jpeg();
        let picture = from_jpeg(&jpeg).unwrap();
        assert_eq!((picture.width(), picture.height()), (8, 8));
        // 192 of 255, in the limited range.
        assert!(picture.luma().iter().all(|y| y.abs_diff(181) <= 1), "{:?}", picture.luma());
        assert!(picture.planes()[64..].iter().all(|colour| colour.abs_diff(128) <= 1));
        // One that says so, and one with a camera's own head.
        for head in [&OF_CAMERA[..], b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0"] {
            assert_eq!(from_jpeg(&[head, &jpeg[2..]].concat()).as_ref(), Some(&picture));
        }
        assert!(from_jpeg(&jpeg[..60]).is_none());
        assert!(from_jpeg(b"").is_none());
    }

    proptest! {
        #[test]
        fn nothing_is_read_beyond_what_came(
            (width, height) in (0_usize..40, 0_usize..40),
            stride in 0_usize..170,
            data in prop::collection::vec(any::<u8>(), 0..6_000),
        ) {
            for pixels in [Pixels::RGB, Pixels::BGRX, Pixels::GREY] {
                let picture = from_pixels(&data, (width, height), stride, pixels);
                prop_assert!(picture.is_none_or(|it| usize::from(it.width()) == width & !1));
            }
            from_yuyv(&data, (width, height), stride);
            from_nv12(&data, (width, height), stride);
            from_jpeg(&data);
            from_jpeg(&[&JPEG[..], &data].concat());
        }
    }
}
