//! Another rate to 48 kHz: a windowed sinc, so that music keeps its heights and gets none that it had not.

use std::collections::VecDeque;
use std::f64::consts::PI;

/// Zero crossings of the sinc on either side.
const CROSSINGS: f64 = 16.0;
/// Values of the kernel a source sample; between them the nearest is taken.
const STEPS: f64 = 512.0;

/// See the module. Takes one channel.
#[derive(Debug)]
pub(super) struct Resampler {
    /// Source samples a sample.
    step: f64,
    /// Half of the kernel.
    kernel: Vec<f32>,
    half: usize,
    /// Where the next sample lies in `held`.
    at: f64,
    held: Vec<f32>,
}

impl Resampler {
    pub(super) fn new(from: u32, to: u32) -> Self {
        let step = f64::from(from.max(1)) / f64::from(to.max(1));
        // What the lower rate cannot carry is taken away.
        let cut = (1.0 / step).min(1.0);
        let reach = CROSSINGS / cut;
        let half = reach.ceil() as usize;
        let value = |n: usize| {
            #[expect(clippy::cast_precision_loss, reason = "some thousands")]
            let x = n as f64 / STEPS;
            let through = (x / reach).min(1.0);
            let window = 0.42 + 0.5 * (PI * through).cos() + 0.08 * (2.0 * PI * through).cos();
            let sinc = if x == 0.0 { 1.0 } else { (PI * x * cut).sin() / (PI * x * cut) };
            #[expect(clippy::cast_possible_truncation, reason = "samples are f32")]
            let value = (cut * sinc * window) as f32;
            value
        };
        let kernel = (0..=(half + 1) * STEPS as usize).map(value).collect();
        #[expect(clippy::cast_precision_loss, reason = "some dozens")]
        let at = half as f64;
        Self { step, kernel, half, at, held: vec![0.0; half] }
    }

    /// Takes source samples, and gives what can be told by now.
    pub(super) fn push(&mut self, samples: &[f32], out: &mut VecDeque<f32>) {
        self.held.extend_from_slice(samples);
        loop {
            let middle = self.at as usize;
            let Some(around) = self.held.get(middle.saturating_sub(self.half)..=middle + self.half) else { break };
            let first = middle.saturating_sub(self.half);
            let sample = around.iter().enumerate().map(|(n, sample)| {
                #[expect(clippy::cast_precision_loss, reason = "a place in a short buffer")]
                let apart = ((first + n) as f64 - self.at).abs();
                sample * self.kernel.get((apart * STEPS).round() as usize).copied().unwrap_or(0.0)
            });
            out.push_back(sample.sum());
            self.at += self.step;
        }
        let done = (self.at as usize).saturating_sub(self.half).min(self.held.len());
        self.held.drain(..done);
        #[expect(clippy::cast_precision_loss, reason = "a place in a short buffer")]
        let done = done as f64;
        self.at -= done;
    }

    /// Gives what waits for source samples that never come.
    pub(super) fn finish(&mut self, out: &mut VecDeque<f32>) {
        self.push(&vec![0.0; self.half], out);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::SAMPLE_RATE;

    fn tone(rate: u32, hertz: f64, samples: usize) -> Vec<f32> {
        (0..samples).map(|n| (2.0 * PI * hertz * n as f64 / f64::from(rate)).sin() as f32 * 0.5).collect()
    }

    #[test]
    fn a_tone_of_any_rate_is_the_same_tone_at_the_same_moment() {
        for rate in [8_000, 22_050, 44_100, 48_000, 96_000, 192_000] {
            let (mut resampler, mut out) = (Resampler::new(rate, SAMPLE_RATE), VecDeque::new());
            // In pieces of no particular length.
            tone(rate, 1_000.0, rate as usize).chunks(777).for_each(|piece| resampler.push(piece, &mut out));
            resampler.finish(&mut out);
            assert!(out.len().abs_diff(SAMPLE_RATE as usize) <= 8, "{rate}: {} samples", out.len());
            let wanted = tone(SAMPLE_RATE, 1_000.0, 40_000);
            let off = wanted.iter().zip(&out).skip(2_000).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
            assert!(off < 0.005, "{rate}: off by {off}");
        }
    }

    #[test]
    fn what_cannot_be_carried_is_taken_away() {
        let (mut resampler, mut out) = (Resampler::new(96_000, SAMPLE_RATE), VecDeque::new());
        resampler.push(&tone(96_000, 30_000.0, 96_000), &mut out);
        let loudest = out.iter().skip(2_000).fold(0.0_f32, |loudest, sample| loudest.max(sample.abs()));
        assert!(loudest < 0.005, "{loudest}");
    }

    proptest! {
        #[test]
        fn prop_any_pieces_give_the_same_sound_of_the_same_length(
            rate in 4_000_u32..200_000,
            samples in prop::collection::vec(-1.0_f32..1.0, 0..3_000),
            pieces in prop::collection::vec(1_usize..900, 1..8),
        ) {
            let (mut whole, mut cut) = (VecDeque::new(), VecDeque::new());
            let mut resampler = Resampler::new(rate, SAMPLE_RATE);
            resampler.push(&samples, &mut whole);
            resampler.finish(&mut whole);
            let mut resampler = Resampler::new(rate, SAMPLE_RATE);
            let mut rest = samples.as_slice();
            for length in pieces.iter().cycle() {
                let (piece, after) = rest.split_at(rest.len().min(*length));
                resampler.push(piece, &mut cut);
                // No more than a kernel is kept, however long the file is.
                prop_assert!(resampler.held.len() <= 2 * resampler.half + 1 + resampler.step as usize);
                rest = after;
                if rest.is_empty() {
                    break;
                }
            }
            resampler.finish(&mut cut);
            let length = samples.len() as f64 * f64::from(SAMPLE_RATE) / f64::from(rate);
            prop_assert!((whole.len() as f64 - length).abs() <= 1.5, "{} of {length}", whole.len());
            prop_assert!(cut.len().abs_diff(whole.len()) <= 1);
            for (one, other) in whole.iter().zip(&cut) {
                prop_assert!((one - other).abs() < 0.02, "{one} and {other}");
            }
        }
    }
}
