//! Pictures as they are: brightness, and two planes of colour at half the size (I420).

use std::borrow::Cow;

/// The longest side of a picture. Larger ones are refused before anything is made for them.
pub const SIDE_MAX: u16 = 2_560;

/// A picture, its planes one after the other without gaps: Y, then U and V.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    width: u16,
    height: u16,
    planes: Vec<u8>,
}

/// The side of a colour plane.
fn half(side: u16) -> usize {
    usize::from(side).div_ceil(2)
}

/// Bytes of a picture of a size.
fn length(width: u16, height: u16) -> usize {
    usize::from(width) * usize::from(height) + 2 * half(width) * half(height)
}

impl Picture {
    /// All of one grey.
    pub fn grey(width: u16, height: u16, luma: u8) -> Self {
        let mut planes = vec![128; length(width, height)];
        planes[..usize::from(width) * usize::from(height)].fill(luma);
        Self { width, height, planes }
    }

    /// From its planes; `None` where their length is not that of the size.
    pub fn from_planes(width: u16, height: u16, planes: Vec<u8>) -> Option<Self> {
        let fits = width > 0 && height > 0 && width <= SIDE_MAX && height <= SIDE_MAX;
        (fits && planes.len() == length(width, height)).then_some(Self { width, height, planes })
    }

    /// Pixels across.
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Pixels down.
    pub fn height(&self) -> u16 {
        self.height
    }

    /// All planes.
    pub fn planes(&self) -> &[u8] {
        &self.planes
    }

    /// How bright each pixel is.
    pub fn luma(&self) -> &[u8] {
        &self.planes[..usize::from(self.width) * usize::from(self.height)]
    }

    /// To draw into.
    pub fn luma_mut(&mut self) -> &mut [u8] {
        let pixels = usize::from(self.width) * usize::from(self.height);
        &mut self.planes[..pixels]
    }

    /// Both planes of colour, to draw into.
    pub fn chroma_mut(&mut self) -> (&mut [u8], &mut [u8]) {
        let pixels = usize::from(self.width) * usize::from(self.height);
        self.planes[pixels..].split_at_mut(half(self.width) * half(self.height))
    }

    /// The largest even size in the same proportion that fits, never larger than the picture.
    pub fn fitted(&self, width: u16, height: u16) -> (u16, u16) {
        let (own_width, own_height) = (u32::from(self.width), u32::from(self.height));
        let (width, height) = (u32::from(width).min(own_width), u32::from(height).min(own_height));
        let (width, height) = if width * own_height <= height * own_width {
            (width, width * own_height / own_width)
        } else {
            (height * own_width / own_height, height)
        };
        let even = |side: u32| u16::try_from(side.max(2) & !1).unwrap_or(2);
        (even(width), even(height))
    }

    /// This picture, scaled down until it fits.
    #[must_use]
    pub fn scaled_to_fit(&self, width: u16, height: u16) -> Cow<'_, Self> {
        let (width, height) = self.fitted(width, height);
        self.scaled(width, height)
    }

    /// This picture in exactly this size; each pixel is the mean of those that it stands for. Not copied where it has the
    /// size.
    #[must_use]
    pub fn scaled(&self, width: u16, height: u16) -> Cow<'_, Self> {
        if (width, height) == (self.width, self.height) {
            return Cow::Borrowed(self);
        }
        let mut planes = Vec::with_capacity(length(width, height));
        let (y, colours) = self.planes.split_at(usize::from(self.width) * usize::from(self.height));
        let (u, v) = colours.split_at(half(self.width) * half(self.height));
        let size = |width, height| (usize::from(width), usize::from(height));
        shrink(y, size(self.width, self.height), size(width, height), &mut planes);
        for colour in [u, v] {
            shrink(colour, (half(self.width), half(self.height)), (half(width), half(height)), &mut planes);
        }
        Cow::Owned(Self { width, height, planes })
    }
}

/// Adds a plane in a smaller size.
fn shrink(
    plane: &[u8],
    (from_width, from_height): (usize, usize),
    (width, height): (usize, usize),
    into: &mut Vec<u8>,
) {
    let bounds = |n: usize, of: usize, all: usize| (n * all / of, ((n + 1) * all / of).max(n * all / of + 1).min(all));
    let columns: Vec<(usize, usize)> = (0..width).map(|column| bounds(column, width, from_width)).collect();
    let mut sums = vec![0_u32; from_width];
    for row in 0..height {
        let (top, bottom) = bounds(row, height, from_height);
        sums.fill(0);
        for line in plane.chunks_exact(from_width).skip(top).take(bottom - top) {
            for (sum, pixel) in sums.iter_mut().zip(line) {
                *sum += u32::from(*pixel);
            }
        }
        into.extend(columns.iter().map(|(left, right)| {
            let area = u32::try_from((right - left) * (bottom - top)).unwrap_or(u32::MAX);
            let sum: u32 = sums[*left..*right].iter().sum();
            u8::try_from((sum + area / 2) / area.max(1)).unwrap_or(u8::MAX)
        }));
    }
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture({}×{})", self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_picture_fits_into_a_tile_in_its_own_proportion_and_is_never_enlarged() {
        let wide = Picture::grey(1280, 720, 50);
        assert_eq!(wide.fitted(640, 640), (640, 360));
        assert_eq!(wide.fitted(2000, 2000), (1280, 720));
        assert_eq!(wide.fitted(101, 101), (100, 56));
        assert_eq!(wide.fitted(0, 0), (2, 2));
        let small = wide.scaled_to_fit(321, 181);
        assert_eq!((small.width(), small.height()), (320, 180));
        assert!(small.luma().iter().all(|pixel| *pixel == 50));
        assert_eq!(small.planes().len(), 320 * 180 * 3 / 2);
    }

    #[test]
    fn each_pixel_is_the_mean_of_those_it_stands_for() {
        let mut picture = Picture::grey(4, 4, 0);
        picture.luma_mut().copy_from_slice(&[0, 10, 100, 100, 20, 30, 100, 100, 7, 7, 0, 0, 7, 7, 0, 200]);
        assert_eq!(picture.scaled_to_fit(2, 2).luma(), [15, 100, 7, 50]);
    }

    #[test]
    fn a_picture_of_the_size_is_not_copied() {
        let picture = Picture::grey(640, 360, 9);
        assert!(matches!(picture.scaled_to_fit(1280, 720), Cow::Borrowed(_)));
        assert!(matches!(picture.scaled(320, 180), Cow::Owned(_)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_is_scaled_has_the_size_that_was_asked_for(
            (width, height) in (1_u16..1_400, 1_u16..900),
            (wide, high) in (0_u16..1_400, 0_u16..900),
        ) {
            let picture = Picture::grey(width, height, 7);
            let (wide, high) = picture.fitted(wide, high);
            prop_assert!(wide % 2 == 0 && high % 2 == 0 && wide >= 2 && high >= 2);
            prop_assert!(wide <= width.max(2) && high <= height.max(2));
            let scaled = picture.scaled(wide, high).into_owned();
            prop_assert_eq!((scaled.width(), scaled.height()), (wide, high));
            prop_assert!(scaled.luma().iter().all(|pixel| *pixel == 7));
            prop_assert!(Picture::from_planes(wide, high, scaled.planes).is_some());
        }
    }

    #[test]
    fn planes_of_another_length_are_no_picture() {
        assert!(Picture::from_planes(4, 4, vec![0; 24]).is_some());
        assert!(Picture::from_planes(3, 3, vec![0; 9 + 8]).is_some());
        assert!(Picture::from_planes(4, 4, vec![0; 23]).is_none());
        assert!(Picture::from_planes(0, 4, Vec::new()).is_none());
        assert!(Picture::from_planes(SIDE_MAX + 2, 2, vec![0; 7_686]).is_none());
    }
}
