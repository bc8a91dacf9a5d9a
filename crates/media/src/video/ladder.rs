//! Which size and how many pictures a second a rate is good for.

use super::Source;

/// A step: at least this rate, for pictures that fit into this size, so many a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    bits_per_second: u32,
    /// Pixels across at most.
    pub width: u16,
    /// Pixels down at most.
    pub height: u16,
    /// Pictures a second.
    pub rate: u16,
}

const fn step(bits_per_second: u32, width: u16, height: u16, rate: u16) -> Step {
    Step { bits_per_second, width, height, rate }
}

/// Of a face: motion is kept as long as it can be.
const CAMERA: [Step; 5] = [
    step(700_000, 1_280, 720, 30),
    step(280_000, 640, 360, 30),
    step(150_000, 320, 180, 30),
    step(80_000, 320, 180, 15),
    step(0, 320, 180, 8),
];
/// Of a screen: sharpness is kept, so that text can be read, and motion is given up.
const SCREEN: [Step; 4] = [
    step(600_000, 1_920, 1_080, 15),
    step(250_000, 1_920, 1_080, 8),
    step(100_000, 1_280, 720, 5),
    step(0, 1_280, 720, 2),
];
/// Up only where there is so much more than the step needs, per cent, so that it does not go back and forth.
const UP_PERCENT: u64 = 120;

/// Where on the ladder a source is.
#[derive(Debug, Clone, Copy)]
pub struct Ladder {
    source: Source,
    at: usize,
}

impl Ladder {
    /// At the step for a rate.
    pub fn new(source: Source, bits_per_second: u32) -> Self {
        let mut ladder = Self { source, at: usize::MAX };
        ladder.at = ladder.step_for(u64::from(bits_per_second));
        ladder
    }

    fn steps(self) -> &'static [Step] {
        match self.source {
            Source::Camera => &CAMERA,
            Source::Screen => &SCREEN,
        }
    }

    fn step_for(self, bits_per_second: u64) -> usize {
        let steps = self.steps();
        steps.iter().position(|step| u64::from(step.bits_per_second) <= bits_per_second).unwrap_or(steps.len() - 1)
    }

    /// The step from now on.
    pub fn follow(&mut self, bits_per_second: u32) -> Step {
        let bits = u64::from(bits_per_second);
        let down = self.step_for(bits);
        let up = self.step_for(bits * 100 / UP_PERCENT);
        if down > self.at {
            self.at = down;
        } else if up < self.at {
            self.at = up;
        }
        self.steps()[self.at.min(self.steps().len() - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_room_makes_faces_small_and_screens_slow_and_no_step_flutters() {
        let mut face = Ladder::new(Source::Camera, 1_000_000);
        assert_eq!((face.follow(1_000_000).height, face.follow(1_000_000).rate), (720, 30));
        assert_eq!(face.follow(690_000).height, 360);
        assert_eq!(face.follow(710_000).height, 360, "a little more is not enough");
        assert_eq!(face.follow(850_000).height, 720);
        assert_eq!(face.follow(0).rate, 8);
        let mut screen = Ladder::new(Source::Screen, 1_000_000);
        assert_eq!(screen.follow(300_000).height, 1_080);
        assert!(screen.follow(300_000).rate < 15);
    }
}
