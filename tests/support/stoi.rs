//! How much of speech is understood, without a listener: short-time objective intelligibility.
//!
//! C. H. Taal, R. C. Hendriks, R. Heusdens, J. Jensen: "An Algorithm for Intelligibility Prediction of Time–Frequency
//! Weighted Noisy Speech", IEEE Transactions on Audio, Speech, and Language Processing 19 (7), 2011. 1 is speech as it
//! was said.

use std::f64::consts::PI;
use std::sync::Arc;

use rustfft::num_complex::Complex;
use rustfft::{Fft, FftPlanner};

/// The rate that it is defined for, hertz.
const RATE: f64 = 10_000.0;
/// What comes in, hertz.
const RATE_IN: f64 = 48_000.0;
/// Samples of a frame, half of which the next one shares.
const FRAME: usize = 256;
const HOP: usize = FRAME / 2;
const TRANSFORM: usize = 512;
/// One-third octave bands, the lowest around so many hertz.
const BANDS: usize = 15;
const LOWEST: f64 = 150.0;
/// Frames that are compared at a time: 384 ms.
const SEGMENT: usize = 30;
/// Frames that are quieter than the loudest by this much are silence, decibels.
const RANGE_DB: f64 = 40.0;
/// The lower bound of the ratio of signal to distortion, decibels.
const BETA_DB: f64 = -15.0;
/// Samples on each side that one of the lower rate is made of.
const REACH: usize = 160;

/// Of what was heard beside what was said, both at 48 kHz and beginning at the same moment. `None`: of less than a segment
/// that is not silence nothing is known.
pub fn intelligibility(said: &[f32], heard: &[f32]) -> Option<f64> {
    let (said, heard) = without_silence(&resampled(said), &resampled(heard));
    let bands = Bands::new();
    let (said, heard) = (bands.of(&said), bands.of(&heard));
    let frames = said.first().map_or(0, Vec::len);
    let clip = 1.0 + 10_f64.powf(-BETA_DB / 20.0);
    let mut likeness = Vec::new();
    for (said, heard) in said.iter().zip(&heard) {
        for end in SEGMENT..=frames {
            let (x, y) = (&said[end - SEGMENT..end], &heard[end - SEGMENT..end]);
            let scale = norm(x) / norm(y).max(f64::EPSILON);
            let y: Vec<f64> = x.iter().zip(y).map(|(x, y)| (y * scale).min(x * clip)).collect();
            likeness.push(correlation(x, &y));
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a count")]
    let count = likeness.len() as f64;
    (!likeness.is_empty()).then(|| likeness.iter().sum::<f64>() / count)
}

/// By a windowed sinc that lets through what the lower rate can hold.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "samples of minutes"
)]
fn resampled(samples: &[f32]) -> Vec<f64> {
    let step = RATE_IN / RATE;
    let count = (samples.len() as f64 / step) as usize;
    let at = |number: usize| {
        let middle = number as f64 * step;
        let first = (middle as usize).saturating_sub(REACH);
        let near = samples.iter().enumerate().skip(first).take(2 * REACH);
        near.map(|(place, sample)| {
            let off = place as f64 - middle;
            let window = 0.5 + 0.5 * (PI * off / REACH as f64).cos();
            let turn = PI * off / step;
            let sinc = if turn.abs() < 1e-9 { 1.0 } else { turn.sin() / turn };
            f64::from(*sample) * window * sinc / step
        })
        .sum()
    };
    (0..count).map(at).collect()
}

fn window() -> Vec<f64> {
    #[expect(clippy::cast_precision_loss, reason = "below 256")]
    let at = |place: usize| 0.5 - 0.5 * (2.0 * PI * (place + 1) as f64 / (FRAME + 1) as f64).cos();
    (0..FRAME).map(at).collect()
}

fn frames<'a>(samples: &'a [f64], window: &'a [f64]) -> impl Iterator<Item = Vec<f64>> + 'a {
    let whole = samples.windows(FRAME).step_by(HOP);
    whole.map(move |frame| frame.iter().zip(window).map(|(sample, weight)| sample * weight).collect())
}

/// Both without the frames in which what was said is silent.
fn without_silence(said: &[f64], heard: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let window = window();
    let both: Vec<(Vec<f64>, Vec<f64>)> = frames(said, &window).zip(frames(heard, &window)).collect();
    let loudness = |frame: &[f64]| 20.0 * (norm(frame) + f64::EPSILON).log10();
    let loudest = both.iter().map(|(said, _)| loudness(said)).fold(f64::NEG_INFINITY, f64::max);
    let spoken: Vec<_> = both.iter().filter(|(said, _)| loudness(said) > loudest - RANGE_DB).collect();
    let length = if spoken.is_empty() { 0 } else { (spoken.len() - 1) * HOP + FRAME };
    let (mut said, mut heard) = (vec![0.0; length], vec![0.0; length]);
    for (number, (of_said, of_heard)) in spoken.into_iter().enumerate() {
        for (to, from) in [(&mut said, of_said), (&mut heard, of_heard)] {
            to[number * HOP..].iter_mut().zip(from).for_each(|(to, from)| *to += from);
        }
    }
    (said, heard)
}

/// What of a sound is in each band.
struct Bands {
    window: Vec<f64>,
    transform: Arc<dyn Fft<f64>>,
    /// Of the transform, from and to, the latter not in it.
    places: [(usize, usize); BANDS],
}

impl Bands {
    fn new() -> Self {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "below 512"
        )]
        let nearest = |hertz: f64| (hertz * TRANSFORM as f64 / RATE).round() as usize;
        #[expect(clippy::cast_precision_loss, reason = "below 15")]
        let edge = |sixths: usize| LOWEST * 2_f64.powf((sixths as f64 - 1.0) / 6.0);
        let places = std::array::from_fn(|band| (nearest(edge(2 * band)), nearest(edge(2 * band + 2))));
        Self { window: window(), transform: FftPlanner::new().plan_fft_forward(TRANSFORM), places }
    }

    /// By band, of each frame.
    fn of(&self, samples: &[f64]) -> Vec<Vec<f64>> {
        let mut bands = vec![Vec::new(); BANDS];
        for frame in frames(samples, &self.window) {
            let mut spectrum: Vec<Complex<f64>> = frame.into_iter().map(Complex::from).collect();
            spectrum.resize(TRANSFORM, Complex::default());
            self.transform.process(&mut spectrum);
            for (band, (from, to)) in bands.iter_mut().zip(self.places) {
                band.push(spectrum[from..to].iter().map(Complex::norm_sqr).sum::<f64>().sqrt());
            }
        }
        bands
    }
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}

fn correlation(x: &[f64], y: &[f64]) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "thirty")]
    let around_mean = |values: &[f64]| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.iter().map(|value| value - mean).collect::<Vec<f64>>()
    };
    let (x, y) = (around_mean(x), around_mean(y));
    let product: f64 = x.iter().zip(&y).map(|(x, y)| x * y).sum();
    product / (norm(&x) * norm(&y)).max(f64::EPSILON)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound::voice;

    #[test]
    fn the_same_is_understood_and_another_voice_is_not() {
        let voice = |number| voice(number, 192_000);
        let said = voice(1);
        assert!(intelligibility(&said, &said).is_some_and(|same| same > 0.999));
        let softer: Vec<f32> = said.iter().map(|sample| sample * 0.1).collect();
        assert!(intelligibility(&said, &softer).is_some_and(|softer| softer > 0.999), "loudness does not count");
        assert!(intelligibility(&said, &voice(2)).is_some_and(|other| other < 0.6));
        assert_eq!(intelligibility(&said[..480], &said[..480]), None);
    }
}
