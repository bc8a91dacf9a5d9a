//! Devices before a call: how loud the microphone is, a sound for the speakers. Nothing is encoded, sent or kept.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::devices::Devices;
use crate::devices::keeper::{Choice, InUse, Keeper};
use crate::level::Speaking;
use crate::processing::Cleaner;
use crate::{FRAME_SAMPLES, Frame, SAMPLE_RATE, SILENCE};

/// What is played for somebody to hear whether they hear it: two tones, hertz.
const TONES: [f32; 2] = [523.25, 659.25];
/// Each for so long, samples: 0.35 s.
const TONE_SAMPLES: usize = SAMPLE_RATE as usize * 35 / 100;
/// As loud as speech.
const TONE_PEAK: f32 = 0.2;

#[derive(Debug, Default)]
struct State {
    speaking: Speaking,
    /// The loudest since it was asked for last.
    loudest: f32,
    /// Samples of the sound that were played; `None` where none is.
    played: Option<usize>,
}

/// See the module. The devices are closed when this is dropped.
#[derive(Debug)]
pub struct Trial {
    state: Arc<Mutex<State>>,
    cleaner: Arc<Cleaner>,
    keeper: Keeper,
}

impl Trial {
    /// Opens devices, soon.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(devices: Arc<dyn Devices>, choice: Choice, processing: bool) -> std::io::Result<Self> {
        let cleaner = Arc::new(Cleaner::new(devices.hear_room(), processing));
        let state = Arc::<Mutex<State>>::default();
        let (hears, heard) = (Arc::clone(&state), Arc::clone(&cleaner));
        let (plays, played) = (Arc::clone(&state), Arc::clone(&cleaner));
        let keeper = Keeper::start(
            devices,
            choice,
            Arc::new(move |frame| {
                let frame = heard.clean(frame);
                let mut state = locked(&hears);
                state.speaking.hear(&frame);
                state.loudest = state.loudest.max(state.speaking.level());
            }),
            Arc::new(move |frame| {
                *frame = locked(&plays).play();
                played.play(frame);
            }),
        )?;
        Ok(Self { state, cleaner, keeper })
    }

    /// Uses other devices from now on.
    pub fn choose(&self, choice: Choice) {
        self.keeper.choose(choice);
    }

    /// Frees what is heard of echo and noise from now on, or leaves it as it is.
    pub fn set_processing(&self, on: bool) {
        self.cleaner.set(on);
    }

    /// The devices that are used, and why one is missing.
    pub fn in_use(&self) -> InUse {
        self.keeper.in_use()
    }

    /// The loudest frame since this was asked last, 0 to 1 (root mean square), and whether somebody speaks.
    pub fn level(&self) -> (f32, bool) {
        let mut state = locked(&self.state);
        (std::mem::take(&mut state.loudest), state.speaking.is_speaking())
    }

    /// Plays a short sound, from its beginning.
    pub fn play_sound(&self) {
        locked(&self.state).played = Some(0);
    }
}

impl State {
    fn play(&mut self) -> Frame {
        let mut frame = SILENCE;
        let Some(played) = &mut self.played else { return frame };
        for sample in &mut frame {
            *sample = tone(*played);
            *played += 1;
        }
        if *played >= TONES.len() * TONE_SAMPLES + FRAME_SAMPLES {
            self.played = None;
        }
        frame
    }
}

/// The sound at a moment. Each tone swells and fades, so that nothing clicks.
fn tone(at: usize) -> f32 {
    let Some(hertz) = TONES.get(at / TONE_SAMPLES) else { return 0.0 };
    #[expect(clippy::cast_precision_loss, reason = "less than a second")]
    let (within, length, rate) = ((at % TONE_SAMPLES) as f32, TONE_SAMPLES as f32, SAMPLE_RATE as f32);
    let swell = (std::f32::consts::PI * within / length).sin();
    TONE_PEAK * swell * (std::f32::consts::TAU * hertz * within / rate).sin()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::devices::synthetic::Synthetic;

    fn wait(what: &str, is_so: impl Fn() -> bool) {
        let started = Instant::now();
        while !is_so() {
            assert!(started.elapsed() < Duration::from_secs(20), "{what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn the_microphone_has_a_level_and_the_speakers_play_a_sound() {
        let folder = tempfile::tempdir().unwrap();
        let heard = folder.path().join("heard");
        let devices = Synthetic::new(1).recorded_in(heard.clone());
        let trial = Trial::start(Arc::new(devices), Choice::default(), true).unwrap();
        wait("somebody speaks", || trial.level().0 > 0.01);
        wait("both are open", || trial.in_use().microphone.is_some() && trial.in_use().speakers.is_some());
        let loudest = || {
            let bytes = std::fs::read(&heard).unwrap_or_default();
            let samples = bytes.as_chunks::<4>().0.iter().map(|sample| f32::from_le_bytes(*sample).abs());
            samples.fold(0.0, f32::max)
        };
        assert!(loudest() == 0.0, "nothing is played unasked");
        trial.play_sound();
        wait("the sound is heard", || loudest() > TONE_PEAK / 2.0);
    }

    #[test]
    fn the_sound_ends_without_a_click() {
        let mut state = State { played: Some(0), ..State::default() };
        let mut all = Vec::new();
        while state.played.is_some() {
            all.extend(state.play());
        }
        let steps = all.windows(2).map(|pair| (pair[1] - pair[0]).abs());
        assert!(steps.fold(0.0, f32::max) < 0.02, "a step is a click");
        assert_eq!((state.play(), all.last().copied()), (SILENCE, Some(0.0)));
    }
}
