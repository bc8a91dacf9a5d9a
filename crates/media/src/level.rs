//! How loud it is, who speaks, sums of several voices, and how much two recordings are alike.

use crate::{Frame, SILENCE};

/// Root mean square of a frame from which on somebody speaks: -40 dB.
const SPEAKING_RMS: f32 = 0.01;
/// Frames for which somebody still speaks after the last loud one, so that it does not flicker between words: 300 ms.
const HOLD_FRAMES: u8 = 15;

/// The root mean square of some samples.
pub fn rms(samples: &[f32]) -> f32 {
    if samples.is_empty() {
        return 0.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "frames are short")]
    let length = samples.len() as f32;
    (samples.iter().map(|sample| sample * sample).sum::<f32>() / length).sqrt()
}

/// Tells whether somebody speaks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Speaking {
    hold: u8,
    level: f32,
}

impl Speaking {
    /// Takes the next frame.
    pub fn hear(&mut self, frame: &Frame) {
        self.level = rms(frame);
        self.hold = if self.level >= SPEAKING_RMS { HOLD_FRAMES } else { self.hold.saturating_sub(1) };
    }

    /// Whether they speak.
    pub fn is_speaking(self) -> bool {
        self.hold > 0
    }

    /// How loud the last frame was, 0 to 1.
    pub fn level(self) -> f32 {
        self.level
    }
}

/// All voices at once. Where the sum is too loud it is bent, not cut: two who shout at once do not crackle.
pub fn mix(frames: impl Iterator<Item = Frame>) -> Frame {
    let mut sum = SILENCE;
    for frame in frames {
        for (total, sample) in sum.iter_mut().zip(frame) {
            *total += sample;
        }
    }
    for sample in &mut sum {
        *sample = bend(*sample);
    }
    sum
}

/// As it is up to 0.8, and from there ever less towards 1.
fn bend(sample: f32) -> f32 {
    const KNEE: f32 = 0.8;
    let size = sample.abs();
    if size <= KNEE || !sample.is_finite() {
        return if sample.is_finite() { sample } else { 0.0 };
    }
    let over = (size - KNEE) / (1.0 - KNEE);
    sample.signum() * (KNEE + (1.0 - KNEE) * over / (1.0 + over))
}

/// How much a recording is alike another, 0 to 1, where it is later by the best of up to `lag_max` samples; and by how
/// many.
pub fn correlation(sent: &[f32], heard: &[f32], lag_max: usize) -> (f32, usize) {
    let at = |lag: usize| {
        let heard = heard.get(lag..).unwrap_or_default();
        let (mut product, mut of_sent, mut of_heard) = (0.0_f64, 0.0_f64, 0.0_f64);
        for (sent, heard) in sent.iter().zip(heard) {
            let (sent, heard) = (f64::from(*sent), f64::from(*heard));
            product += sent * heard;
            of_sent += sent * sent;
            of_heard += heard * heard;
        }
        let size = (of_sent * of_heard).sqrt();
        if size > 0.0 { (product / size).abs() } else { 0.0 }
    };
    let best = (0..=lag_max).map(|lag| (at(lag), lag)).max_by(|one, other| one.0.total_cmp(&other.0));
    #[expect(clippy::cast_possible_truncation, reason = "from 0 to 1")]
    best.map_or((0.0, 0), |(best, lag)| (best as f32, lag))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FRAME_SAMPLES;

    #[test]
    fn one_voice_is_mixed_as_it_is_and_many_stay_in_range() {
        let voice = [0.5; FRAME_SAMPLES];
        assert_eq!(mix([voice].into_iter()), voice);
        let crowd = mix(std::iter::repeat_n(voice, 8));
        assert!(crowd.iter().all(|sample| *sample > 0.8 && *sample < 1.0));
        assert_eq!(mix([[f32::NAN; FRAME_SAMPLES]].into_iter()), SILENCE);
        assert_eq!(mix(std::iter::empty()), SILENCE);
    }

    #[test]
    fn speaking_outlasts_a_pause_between_words() {
        let mut speaking = Speaking::default();
        speaking.hear(&[0.1; FRAME_SAMPLES]);
        assert!(speaking.is_speaking());
        for _ in 0..HOLD_FRAMES - 1 {
            speaking.hear(&SILENCE);
        }
        assert!(speaking.is_speaking());
        speaking.hear(&SILENCE);
        assert!(!speaking.is_speaking());
    }
}
