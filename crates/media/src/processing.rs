//! What the microphone hears, freed of what the speakers play and of steady noise, and as loud as speech is wanted.
//!
//! By `sonora`, WebRTC's own processing in Rust: echo cancellation (AEC3), noise suppression, gain. It finds out by itself how
//! much later the microphone hears what is played, and that it hears none of it, as with headphones.
//!
//! `MOMOLAND_MEDIA_PROCESSING=off` leaves the sound of the machine's devices as it is, whatever is wanted, and `on` has synthetic
//! ones processed, too, where it is.

#[cfg(test)]
pub(crate) mod room;

use std::sync::{Mutex, MutexGuard, PoisonError};

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

/// Processing that can be switched while sound runs. It computes for long, so only the devices' threads wait for it.
pub struct Cleaner {
    hears_room: bool,
    processing: Mutex<Option<Processing>>,
}

impl Cleaner {
    /// For devices that hear a room, or do not; the environment may say otherwise.
    #[must_use]
    pub fn new(hears_room: bool, wanted: bool) -> Self {
        let cleaner = Self { hears_room, processing: Mutex::new(None) };
        cleaner.set(wanted);
        cleaner
    }

    /// Whether it is wanted from now on.
    pub fn set(&self, wanted: bool) {
        let is_on = match std::env::var(PROCESSING_ENV).as_deref() {
            Ok("on") => wanted,
            Ok("off") => false,
            _ => wanted && self.hears_room,
        };
        if self.processing().is_some() != is_on {
            // Made anew each time: what it knew of the room may be long ago. Made, and dropped, while nobody waits.
            let other = is_on.then(Processing::default);
            let _before = std::mem::replace(&mut *self.processing(), other);
        }
    }

    /// This is played next.
    pub fn play(&self, frame: &Frame) {
        if let Some(processing) = &mut *self.processing() {
            processing.play(frame);
        }
    }

    /// What was heard, as it is to be sent.
    #[must_use]
    pub fn clean(&self, frame: &Frame) -> Frame {
        self.processing().as_mut().map_or(*frame, |processing| processing.clean(frame))
    }

    fn processing(&self) -> MutexGuard<'_, Option<Processing>> {
        self.processing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Cleaner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cleaner").finish_non_exhaustive()
    }
}

impl Processing {
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

    use super::room::Room;
    use super::*;
    use crate::codec::Encoder;
    use crate::devices::synthetic::Speech;
    use crate::level::{correlation, rms};

    /// Frames in which it finds out what the room is like: 5 s.
    const SETTLING: usize = 250;
    /// It may take so many times what encoding takes.
    const COST_MAX: u32 = 20;

    fn timed(frames: &[Frame], each: impl FnMut(&Frame)) -> Duration {
        let begun = Instant::now();
        frames.iter().for_each(each);
        begun.elapsed()
    }

    #[test]
    fn an_echo_of_what_is_played_is_20_db_quieter() {
        let (mut speech, mut room) = (Speech::new(4), Room::new());
        let mut processing = Processing::default();
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for n in 0..SETTLING + 500 {
            let frame = speech.next_frame();
            processing.play(&frame);
            let heard = room.hear(&frame);
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

    /// Both take much longer where the machine is busy, so one is measured by the other.
    #[test]
    fn it_costs_no_more_than_a_few_encodings() {
        let mut speech = Speech::new(6);
        let (mut processing, mut encoder) = (Processing::default(), Encoder::new().unwrap());
        let frames: Vec<Frame> = (0..25).map(|_| speech.next_frame()).collect();
        let (mut cleaning, mut encoding) = (Duration::MAX, Duration::MAX);
        // The quickest of many, taken in turns: others may use the processor.
        for _ in 0..40 {
            let cleaned = timed(&frames, |frame| {
                processing.play(frame);
                let _ = processing.clean(frame);
            });
            let encoded = timed(&frames, |frame| drop(encoder.encode(frame)));
            (cleaning, encoding) = (cleaning.min(cleaned), encoding.min(encoded));
        }
        eprintln!("{} µs for 20 ms of sound, {} µs to encode it", cleaning.as_micros() / 25, encoding.as_micros() / 25);
        assert!(cleaning <= encoding * COST_MAX, "{cleaning:?} beside {encoding:?}");
    }
}
