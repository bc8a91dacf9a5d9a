//! A voice that nobody has and ears that write down what they hear, so that calls are tested without a sound card.
//!
//! `MOMOLAND_MEDIA_VOICE=N` chooses the voice, `MOMOLAND_MEDIA_CAPTURE=FILE` where what is played is written: 32-bit
//! floats, little-endian, mono, 48 kHz. Both ends can make the same voice, so samples can be compared.
//! `MOMOLAND_MEDIA_SPEECH=FILE` is said instead of the voice, over and over: a file of any format that can be listened to.
//! `MOMOLAND_MEDIA_DEVICES=FILE` names the devices that there are, one a line and the default first; the file may change
//! at any time. Without it there is one.

use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{Device, DeviceError, Devices, OnCapture, OnPlay, Purpose, Running};
use crate::listening::file::SoundFile;
use crate::{FRAME_MS, Frame, SAMPLE_RATE, SILENCE};

/// Which voice.
pub const VOICE_ENV: &str = "MOMOLAND_MEDIA_VOICE";
/// Where what is played is written.
pub const CAPTURE_ENV: &str = "MOMOLAND_MEDIA_CAPTURE";
/// What is said instead of the voice.
pub const SPEECH_ENV: &str = "MOMOLAND_MEDIA_SPEECH";
/// Where the devices are named.
pub const DEVICES_ENV: &str = "MOMOLAND_MEDIA_DEVICES";
/// The device where none is named.
const ONLY: &str = "synthetic";
/// Ticks after which a device looks whether it is still named: 100 ms.
const LOOK_TICKS: u32 = 5;

/// Syllables: a voice with a melody of its own, that opens and closes, and is never the same for long.
#[derive(Debug, Clone)]
pub struct Speech {
    chance: u64,
    phases: [f32; 6],
    pitch: f32,
    /// How strongly each harmonic sounds: the vowel.
    vowel: [f32; 6],
    /// Samples of the syllable that are left, of all.
    left: u32,
    length: u32,
}

impl Speech {
    /// A voice; the same number gives the same samples.
    pub fn new(voice: u64) -> Self {
        let chance = voice.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        Self { chance, phases: [0.0; 6], pitch: 120.0, vowel: [0.0; 6], left: 0, length: 1 }
    }

    /// The next 20 ms.
    pub fn next_frame(&mut self) -> Frame {
        let mut frame = SILENCE;
        for sample in &mut frame {
            *sample = self.next_sample();
        }
        frame
    }

    #[expect(clippy::cast_precision_loss, reason = "fractions of short syllables")]
    fn next_sample(&mut self) -> f32 {
        if self.left == 0 {
            self.length = 5_760 + (self.chance() * 7_680.0) as u32;
            self.left = self.length;
            self.pitch = 95.0 + self.chance() * 130.0;
            for harmonic in 0..6 {
                self.vowel[harmonic] = self.chance() / (1.0 + harmonic as f32 * 0.4);
            }
        }
        self.left -= 1;
        let through = self.left as f32 / self.length as f32;
        let opening = (through * std::f32::consts::PI).sin();
        let mut sum = 0.0;
        for (harmonic, phase) in self.phases.iter_mut().enumerate() {
            // The pitch falls through the syllable, as it does in speech.
            let hertz = self.pitch * (1.0 + 0.1 * through) * (harmonic + 1) as f32;
            *phase = (*phase + hertz / SAMPLE_RATE as f32).fract();
            sum += (*phase * std::f32::consts::TAU).sin() * self.vowel[harmonic];
        }
        0.18 * sum * (0.15 + 0.85 * opening)
    }

    /// From 0 to 1 (xorshift).
    #[expect(clippy::cast_precision_loss, reason = "24 bits fit")]
    fn chance(&mut self) -> f32 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        (self.chance >> 40) as f32 / (1_u32 << 24) as f32
    }
}

/// What a microphone hears.
enum Said {
    Voice(Speech),
    File(SoundFile),
}

impl Said {
    fn next_frame(&mut self) -> Frame {
        match self {
            Self::Voice(speech) => speech.next_frame(),
            Self::File(file) => match file.next_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => {
                    let again = file.seek(0).and_then(|()| file.next_frame());
                    again.ok().flatten().unwrap_or(SILENCE)
                }
                Err(_) => SILENCE,
            },
        }
    }
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Synthetic {
    voice: u64,
    speech: Option<PathBuf>,
    capture: Option<PathBuf>,
    list: Option<PathBuf>,
}

impl Synthetic {
    /// One device with a voice.
    pub fn new(voice: u64) -> Self {
        Self { voice, speech: None, capture: None, list: None }
    }

    /// As the environment says.
    pub fn from_environment() -> Self {
        let voice = std::env::var(VOICE_ENV).ok().and_then(|voice| voice.parse().ok()).unwrap_or(1);
        let path = |name| std::env::var_os(name).map(PathBuf::from);
        Self { voice, speech: path(SPEECH_ENV), capture: path(CAPTURE_ENV), list: path(DEVICES_ENV) }
    }

    /// With the devices that a file names.
    #[must_use]
    pub fn listed_in(self, list: PathBuf) -> Self {
        Self { list: Some(list), ..self }
    }

    /// Writing down what is played.
    #[cfg(test)]
    #[must_use]
    pub(crate) fn recorded_in(self, capture: PathBuf) -> Self {
        Self { capture: Some(capture), ..self }
    }

    /// What there is now.
    fn names(&self) -> Vec<String> {
        match &self.list {
            Some(list) => {
                let text = std::fs::read_to_string(list).unwrap_or_default();
                text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
            }
            None => vec![ONLY.to_owned()],
        }
    }

    /// Does something each 20 ms while the device is there.
    fn run(
        &self,
        purpose: Purpose,
        id: Option<&str>,
        mut each: impl FnMut() + Send + 'static,
    ) -> Result<Running, DeviceError> {
        let names = self.names();
        let name = match id {
            Some(id) => names.into_iter().find(|name| name == id),
            None => names.into_iter().next(),
        };
        let name = name.ok_or(DeviceError::none(purpose))?;
        let stop = Arc::new(AtomicBool::new(false));
        let problem = Arc::new(Mutex::new(None));
        let (stopped, told, is_named, own) = (Arc::clone(&stop), Arc::clone(&problem), self.clone(), name.clone());
        let tick = move || {
            let (mut next, mut ticks) = (Instant::now(), 0_u32);
            while !stopped.load(Ordering::Relaxed) {
                ticks = ticks.wrapping_add(1);
                if is_named.list.is_some() && ticks.is_multiple_of(LOOK_TICKS) && !is_named.names().contains(&own) {
                    let gone = DeviceError::Refused(own, "it was unplugged".to_owned());
                    *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(gone);
                    return;
                }
                each();
                next += Duration::from_millis(FRAME_MS);
                std::thread::sleep(next.saturating_duration_since(Instant::now()));
            }
        };
        let thread = std::thread::Builder::new().name("synthetic-audio".to_owned()).spawn(tick);
        let thread = thread.map_err(|error| DeviceError::Refused(name.clone(), error.to_string()))?;
        Ok(Running::new(name, problem, Box::new(Ticking { stop, thread: Some(thread) })))
    }
}

/// Stops the thread and waits for it.
struct Ticking {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Ticking {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("a synthetic device ended badly");
        }
    }
}

impl Devices for Synthetic {
    fn list(&self, _: Purpose) -> Vec<Device> {
        let names = self.names().into_iter().enumerate();
        names.map(|(n, name)| Device { id: name.clone(), name, is_default: n == 0 }).collect()
    }

    fn capture(&self, id: Option<&str>, on_capture: OnCapture) -> Result<Running, DeviceError> {
        let mut said = match &self.speech {
            Some(path) => Said::File(SoundFile::open(path).map_err(|error| DeviceError::Speech(error.to_string()))?),
            None => Said::Voice(Speech::new(self.voice)),
        };
        self.run(Purpose::Microphone, id, move || on_capture(&said.next_frame()))
    }

    fn hear_room(&self) -> bool {
        false
    }

    fn play(&self, id: Option<&str>, on_play: OnPlay) -> Result<Running, DeviceError> {
        let mut file = match &self.capture {
            Some(path) => {
                let opened = std::fs::OpenOptions::new().create(true).append(true).open(path);
                Some(std::io::BufWriter::new(opened.map_err(|error| DeviceError::Capture(error.to_string()))?))
            }
            None => None,
        };
        self.run(Purpose::Speakers, id, move || {
            let mut frame = SILENCE;
            on_play(&mut frame);
            let Some(file) = &mut file else { return };
            let written = frame.iter().try_for_each(|sample| file.write_all(&sample.to_le_bytes()));
            if let Err(error) = written.and_then(|()| file.flush()) {
                tracing::warn!(%error, "what is heard could not be written");
            }
        })
    }
}
