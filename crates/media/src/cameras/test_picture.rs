//! A picture that moves and counts itself: the number is in it as blocks of black and white, coarse enough to be read
//! after encoding, loss of detail and scaling, with check bits, so that what is read was sent.
//!
//! ```text
//!   ┌─┬─┬─┬─┬─┬─┬─┬─┐   upper half: 4 rows of 8 blocks, the highest bit first:
//!   │who    │count …│     4 bits who, 20 bits count, 8 check bits
//!   ├─┴─┴─┴─┴─┴─┴─┴─┤
//!   │ stripes, moving │   lower half: for the encoder to do
//!   └───────────────┘
//! ```

use crate::video::picture::Picture;

const COLUMNS: usize = 8;
const ROWS: usize = 4;
const BLACK: u8 = 30;
const WHITE: u8 = 220;

/// Which picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TestPicture {
    /// Of whom, 0 to 15.
    pub who: u8,
    /// The how manieth, up to 20 bits.
    pub count: u32,
}

impl TestPicture {
    fn bits(self) -> u32 {
        let value = u32::from(self.who & 15) << 20 | (self.count & 0xf_ffff);
        value << 8 | check(value)
    }

    /// Draws it, of an even size of at least 16 pixels each way.
    pub fn draw(self, width: u16, height: u16) -> Picture {
        let mut picture = Picture::grey(width, height, 0);
        let bits = self.bits();
        let (columns, rows) = (usize::from(width), usize::from(height));
        let block_width = columns / COLUMNS;
        let block_height = rows / 2 / ROWS;
        let shift = self.count as usize * 4;
        for (y, line) in picture.luma_mut().chunks_exact_mut(columns).enumerate() {
            if y < rows / 2 {
                let row = (y / block_height.max(1)).min(ROWS - 1);
                for (column, block) in line.chunks_mut(block_width.max(1)).enumerate() {
                    let bit = 31 - (row * COLUMNS + column.min(COLUMNS - 1));
                    block.fill(if bits >> bit & 1 == 1 { WHITE } else { BLACK });
                }
            } else {
                for (x, pixel) in line.iter_mut().enumerate() {
                    // Stripes that run to the left, and lean.
                    *pixel = u8::try_from(((x + shift + y / 2) * 2) % 256).unwrap_or(0) / 2 + 60;
                }
            }
        }
        // A hue for each.
        let (u, v) = picture.chroma_mut();
        u.fill(96 + self.who * 4);
        v.fill(160 - self.who * 4);
        picture
    }
}

fn check(value: u32) -> u32 {
    value.wrapping_mul(0x9e37_79b1) >> 24
}

/// What is written in a picture, of whatever size; `None` where it is none of these or too damaged.
pub fn read(picture: &Picture) -> Option<TestPicture> {
    let (columns, rows) = (usize::from(picture.width()), usize::from(picture.height()));
    let (block_width, block_height) = (columns / COLUMNS, rows / 2 / ROWS);
    if block_width < 2 || block_height < 2 {
        return None;
    }
    let mut bits = 0;
    for block in 0..COLUMNS * ROWS {
        // Of a size that does not divide evenly they lie between pixels.
        let (left, top) = (block % COLUMNS * columns / COLUMNS, block / COLUMNS * rows / 2 / ROWS);
        // The middle: the edges are blurred.
        let mut sum = 0;
        let mut pixels = 0;
        let lines = picture.luma().chunks_exact(columns).skip(top + block_height / 4).take((block_height / 2).max(1));
        for line in lines {
            for pixel in &line[left + block_width / 4..][..(block_width / 2).max(1)] {
                sum += u32::from(*pixel);
                pixels += 1;
            }
        }
        bits = bits << 1 | u32::from(sum > 125 * pixels);
    }
    let value = bits >> 8;
    let who = u8::try_from(value >> 20).ok()?;
    (bits & 0xff == check(value)).then_some(TestPicture { who, count: value & 0xf_ffff })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_number_is_read_at_any_size(who in 0_u8..16, count in 0_u32..1 << 20, width in 40_u16..400) {
            let drawn = TestPicture { who, count };
            let picture = drawn.draw(640, 360);
            prop_assert_eq!(read(&picture), Some(drawn));
            prop_assert_eq!(read(&picture.scaled_to_fit(width * 2, 720)), Some(drawn));
        }
    }

    #[test]
    fn a_grey_picture_says_nothing() {
        assert_eq!(read(&Picture::grey(640, 360, 200)), None);
        assert_eq!(read(&Picture::grey(8, 8, 200)), None);
    }
}
