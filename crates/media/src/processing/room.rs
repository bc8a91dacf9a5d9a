//! A room in which a microphone hears the speakers, for tests of what frees sound of its echo.

use crate::split_mix::SplitMix;
use crate::{FRAME_SAMPLES, Frame};

/// How it answers: after so many samples, so much of what was played.
const ANSWERS: [(usize, f32); 5] = [(1_920, 0.4), (2_311, 0.2), (3_007, 0.12), (4_501, 0.05), (6_007, 0.02)];

/// See the module.
pub(crate) struct Room {
    played: Vec<f32>,
    chance: SplitMix,
}

impl Room {
    pub(crate) fn new() -> Self {
        Self { played: Vec::new(), chance: SplitMix::new(1) }
    }

    /// What the microphone hears while this is played: what was played before, and a little noise.
    pub(crate) fn hear(&mut self, played: &Frame) -> Frame {
        let first = self.played.len();
        self.played.extend(played);
        let Self { played, chance } = self;
        std::array::from_fn(|n| {
            let of = |(later, much): (usize, f32)| (first + n).checked_sub(later).map_or(0.0, |at| played[at] * much);
            #[expect(clippy::cast_precision_loss, reason = "a thousand")]
            let noise = (chance.draw() % 1_000) as f32 / 1_000.0 - 0.5;
            ANSWERS.into_iter().map(of).sum::<f32>() + noise * 1e-3
        })
    }

    /// How long it was.
    pub(crate) fn frames(&self) -> usize {
        self.played.len() / FRAME_SAMPLES
    }
}
