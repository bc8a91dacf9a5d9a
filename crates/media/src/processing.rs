//! What the microphone hears, freed of what the speakers play and of steady noise, and as loud as speech is wanted.
//!
//! By `sonora`, WebRTC's own processing in Rust: echo cancellation (AEC3), noise suppression, gain. It finds out by itself how
//! much later the microphone hears what is played, and that it hears none of it, as with headphones.
//!
//! `MOMOLAND_MEDIA_PROCESSING=off` leaves the sound of the machine's devices as it is, and `on` processes synthetic ones, too.

use sonora::config::{AdaptiveDigital, EchoCanceller, GainController2, HighPassFilter, MaxProcessingRate};
use sonora::config::{NoiseSuppression, Pipeline};
use sonora::{AudioProcessing, Config, StreamConfig};

use crate::{FRAME_SAMPLES, Frame, SAMPLE_RATE, SILENCE};

/// Switches it on or off.
pub const PROCESSING_ENV: &str = "MOMOLAND_MEDIA_PROCESSING";
/// Before anything was said; from then on speech is what it follows. What is left of an echo is raised by it, too.
const INITIAL_GAIN_DB: f32 = 6.0;
/// The library takes 10 ms at a time.
const HALF: usize = FRAME_SAMPLES / 2;

/// See the module.
pub struct Processing {
    library: AudioProcessing,
}

impl Default for Processing {
    fn default() -> Self {
        let config = Config {
            pipeline: Pipeline {
                maximum_internal_processing_rate: MaxProcessingRate::Rate48kHz,
                ..Pipeline::default()
            },
            high_pass_filter: Some(HighPassFilter::default()),
            echo_canceller: Some(EchoCanceller::default()),
            noise_suppression: Some(NoiseSuppression::default()),
            gain_controller2: Some(GainController2 {
                adaptive_digital: Some(AdaptiveDigital {
                    initial_gain_db: INITIAL_GAIN_DB,
                    ..AdaptiveDigital::default()
                }),
                ..GainController2::default()
            }),
            ..Config::default()
        };
        let mono = StreamConfig::new(SAMPLE_RATE, 1);
        Self { library: AudioProcessing::builder().config(config).capture_config(mono).render_config(mono).build() }
    }
}

impl Processing {
    /// One, unless the environment says otherwise, for devices that hear a room.
    pub fn from_environment(hears_room: bool) -> Option<Self> {
        let is_on = match std::env::var(PROCESSING_ENV).as_deref() {
            Ok("on") => true,
            Ok("off") => false,
            _ => hears_room,
        };
        is_on.then(Self::default)
    }

    /// This is played next.
    pub fn play(&mut self, frame: &Frame) {
        let mut unused = [0.0; HALF];
        for half in frame.chunks_exact(HALF) {
            if let Err(error) = self.library.process_render_f32(&[half], &mut [&mut unused]) {
                tracing::warn!(%error, "what is played cannot be told from an echo");
            }
        }
    }

    /// What was heard, as it is to be sent.
    #[must_use]
    pub fn clean(&mut self, frame: &Frame) -> Frame {
        let mut cleaned = SILENCE;
        for (half, into) in frame.chunks_exact(HALF).zip(cleaned.chunks_exact_mut(HALF)) {
            if let Err(error) = self.library.process_capture_f32(&[half], &mut [into]) {
                tracing::warn!(%error, "what was heard goes out as it is");
                return *frame;
            }
        }
        cleaned
    }
}

impl std::fmt::Debug for Processing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Processing").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::devices::synthetic::Speech;
    use crate::level::{correlation, rms};
    use crate::split_mix::SplitMix;

    /// Frames in which it finds out what the room is like: 5 s.
    const SETTLING: usize = 250;
    /// How a room answers: after so many samples, so much of what was played.
    const ROOM: [(usize, f32); 5] = [(1_920, 0.4), (2_311, 0.2), (3_007, 0.12), (4_501, 0.05), (6_007, 0.02)];

    /// What a microphone hears of speakers, a second later at most, and a little noise.
    fn echo(played: &[f32], at: usize, chance: &mut SplitMix) -> f32 {
        let of = |(later, much): (usize, f32)| at.checked_sub(later).map_or(0.0, |at| played[at] * much);
        #[expect(clippy::cast_precision_loss, reason = "a thousand")]
        let noise = (chance.draw() % 1_000) as f32 / 1_000.0 - 0.5;
        ROOM.into_iter().map(of).sum::<f32>() + noise * 1e-3
    }

    #[test]
    fn an_echo_of_what_is_played_is_20_db_quieter() {
        let (mut speech, mut chance) = (Speech::new(4), SplitMix::new(1));
        let mut processing = Processing::default();
        let (mut played, mut before, mut after) = (Vec::new(), Vec::new(), Vec::new());
        for n in 0..SETTLING + 500 {
            let frame = speech.next_frame();
            processing.play(&frame);
            played.extend(frame);
            let first = n * FRAME_SAMPLES;
            let heard: Frame = std::array::from_fn(|sample| echo(&played, first + sample, &mut chance));
            let cleaned = processing.clean(&heard);
            if n >= SETTLING {
                before.extend(heard);
                after.extend(cleaned);
            }
        }
        let quieter = 20.0 * (rms(&before) / rms(&after).max(1e-9)).log10();
        eprintln!("{quieter:.1} dB quieter");
        assert!(quieter >= 20.0, "{quieter:.1} dB");
    }

    #[test]
    fn a_voice_is_let_through_and_a_quiet_one_is_raised() {
        let mut speech = Speech::new(5);
        let mut processing = Processing::default();
        let (mut said, mut sent) = (Vec::new(), Vec::new());
        for n in 0..SETTLING + 250 {
            // 40 dB below the loudest that there is.
            let frame = speech.next_frame().map(|sample| sample * 0.05);
            processing.play(&SILENCE);
            let cleaned = processing.clean(&frame);
            if n >= SETTLING {
                said.extend(frame);
                sent.extend(cleaned);
            }
        }
        let louder = 20.0 * (rms(&sent) / rms(&said)).log10();
        let (alike, later) = correlation(&said, &sent, 2_400);
        assert!(alike >= 0.7 && later < 1_200, "{alike} alike, {later} samples later");
        eprintln!("{louder:.1} dB louder, {alike:.2} alike, {later} samples later");
        assert!((3.0..40.0).contains(&louder), "{louder:.1} dB louder");
    }

    #[test]
    fn it_costs_a_small_part_of_the_time() {
        let mut speech = Speech::new(6);
        let mut processing = Processing::default();
        let frames: Vec<Frame> = (0..25).map(|_| speech.next_frame()).collect();
        // The quickest of many: others may use the processor.
        let took = (0..40).map(|_| {
            let begun = Instant::now();
            for frame in &frames {
                processing.play(frame);
                let _ = processing.clean(frame);
            }
            begun.elapsed()
        });
        let each = took.min().unwrap_or_default() / 25;
        eprintln!("{} µs for 20 ms of sound", each.as_micros());
        assert!(each <= Duration::from_millis(4), "{each:?} for 20 ms of sound");
    }
}
