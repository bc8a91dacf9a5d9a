//! What people with synthetic devices say and hear in calls: a voice a person, and a file of what the speakers play.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use momoland_media::devices::synthetic::{CAPTURE_ENV, DEVICES_ENV, SPEECH_ENV, Speech, VOICE_ENV};
use momoland_media::level::correlation;
use momoland_media::listening::file::SoundFile;
use momoland_media::{FRAME_MS, FRAME_SAMPLES, SAMPLE_RATE};

use crate::momo::Momo;

/// Samples of a coarse sound a sample: voices are far below the 6 kHz that are left.
pub const COARSE: usize = 8;
/// What is as much alike as this is the same, behind a codec and with some of it missing.
pub const ALIKE: f32 = 0.6;
/// What is compared to find how late a voice is heard, samples: 0.4 s.
pub const PIECE: usize = 19_200;
/// The latest that anything is heard, samples: 2 s.
const LATE_MAX: usize = 96_000;
/// What is said, with all that English sounds like.
const TEXT: &str = "The ferry leaves the harbour at half past seven, unless the fog comes in from the sea. Bring thick gloves and \
    a jar of fish soup for the children. We measured the bridge twice, and both times the numbers were too large by a third. \
    Yesterday Joyce threw the old azure carpet out of the window, which pleased nobody. Could you check whether the engine \
    is warm enough to start? The judge asked for five copies of each page, and a good pencil. Rough weather is usual here \
    in spring; the cows stay in their shed and chew. She thought that the other path would be shorter, but a bull stood \
    in the way. Put the yellow box under the table and the blue one beside the chair. Nothing is as quiet as the village \
    after the first snow. My uncle owns a boat house with a very thin roof. He vanished with a huge bunch of violets, \
    singing. Please weigh the cheese again, and tell me what it comes to.";

/// Starts a person's process again with synthetic devices: this voice, `heard` for what they hear, and the devices that
/// the file `list` names, or one.
pub fn with_devices(person: &Momo, voice: u64, heard: &Path, list: Option<&Path>) {
    person.set_environment(environment(voice, heard, list));
    person.kill_and_start_again();
}

/// What makes a process use synthetic devices.
pub fn environment(voice: u64, heard: &Path, list: Option<&Path>) -> Vec<(String, String)> {
    let mut environment = vec![
        ("MOMOLAND_MEDIA".to_owned(), "synthetic".to_owned()),
        (VOICE_ENV.to_owned(), voice.to_string()),
        (CAPTURE_ENV.to_owned(), heard.display().to_string()),
    ];
    environment.extend(list.map(|list| (DEVICES_ENV.to_owned(), list.display().to_string())));
    environment
}

/// So many samples of a synthetic voice.
pub fn voice(number: u64, samples: usize) -> Vec<f32> {
    let mut voice = Speech::new(number);
    (0..samples.div_ceil(FRAME_SAMPLES)).flat_map(|_| voice.next_frame()).collect()
}

/// Starts a person's process again with synthetic devices, and with what a file says for a voice.
pub fn with_speech(person: &Momo, speech: &Path, heard: &Path) {
    let mut environment = environment(1, heard, None);
    environment.push((SPEECH_ENV.to_owned(), speech.display().to_string()));
    person.set_environment(environment);
    person.kill_and_start_again();
}

/// A minute of speech, of espeak-ng: a file in a folder, and its samples.
pub fn spoken(folder: &Path) -> (PathBuf, Vec<f32>) {
    let path = folder.join("speech.wav");
    let speaks = Command::new("espeak-ng").arg("-w").arg(&path).arg(TEXT).status();
    assert!(speaks.is_ok_and(|status| status.success()), "espeak-ng is needed to speak");
    let mut file = SoundFile::open(&path).expect("it wrote a sound");
    let samples = std::iter::from_fn(|| file.next_frame().expect("it wrote all of it")).flatten().collect();
    (path, samples)
}

/// Where in a sound a piece is most alike, roughly first, then to the sample; and how much.
pub fn place_of(piece: &[f32], sound: &[f32]) -> (usize, f32) {
    let (few, all) = (coarse(piece), coarse(sound));
    let (_, near) = correlation(&few, &all, all.len().saturating_sub(few.len()));
    let from = (near * COARSE).saturating_sub(2 * COARSE);
    let (likeness, lag) = correlation(piece, &sound[from..], 4 * COARSE);
    (from + lag, likeness)
}

/// What somebody heard beside what another said.
#[derive(Debug, Clone, Copy)]
pub struct Heard {
    /// Where in what was said it is.
    pub place: usize,
    /// How late it was heard, milliseconds.
    pub late_ms: f64,
    /// From 0 to 1.
    pub likeness: f32,
}

/// Where in all that the first of two said a piece of what the second heard is, and how late that was heard. A synthetic
/// microphone begins with the speakers beside it, and those with the file of what is heard, so the files' ages tell when
/// each sample was spoken and played.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "samples of minutes"
)]
pub fn heard_late(files: [&Path; 2], said: &[f32], piece: Range<usize>) -> Heard {
    let begun = |file: &Path| {
        let made =
            std::fs::metadata(file).and_then(|it| it.created()).expect("the file system keeps when a file was made");
        ms(made)
    };
    let samples_per_ms = f64::from(SAMPLE_RATE) / 1e3;
    let head_start = begun(files[1]) - begun(files[0]);
    let played = &heard(files[1])[piece.clone()];
    // If it were heard at once.
    let newest = (piece.start as f64 + head_start * samples_per_ms) as usize;
    let from = newest.saturating_sub(LATE_MAX).min(said.len());
    let (place, likeness) = place_of(played, &said[from..said.len().min(newest + PIECE + played.len())]);
    let place = from + place;
    // A microphone hands out a frame once it has heard it whole, which the synthetic one does at its beginning.
    let late_ms = head_start + (piece.start as f64 - place as f64) / samples_per_ms + FRAME_MS as f64;
    Heard { place, late_ms, likeness }
}

fn ms(at: SystemTime) -> f64 {
    at.duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64() * 1e3
}

/// All that somebody heard so far, at 48 kHz.
pub fn heard(file: &Path) -> Vec<f32> {
    let bytes = std::fs::read(file).unwrap_or_default();
    bytes.as_chunks::<4>().0.iter().map(|sample| f32::from_le_bytes(*sample)).collect()
}

/// A sound with [`COARSE`] samples taken together, which is compared that much faster.
pub fn coarse(sound: &[f32]) -> Vec<f32> {
    #[expect(clippy::cast_precision_loss, reason = "eight")]
    sound.chunks_exact(COARSE).map(|group| group.iter().sum::<f32>() / COARSE as f32).collect()
}

/// The last samples that each of some people heard, as near to one moment as files can be read.
pub fn last_heard(files: &[&Path], count: usize) -> Vec<Vec<f32>> {
    let tail = |file: &&Path| {
        let mut file = File::open(file).ok()?;
        let length = file.metadata().ok()?.len() / 4 * 4;
        file.seek(SeekFrom::Start(length.saturating_sub(count as u64 * 4))).ok()?;
        let mut bytes = Vec::with_capacity(count * 4);
        file.take(count as u64 * 4).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    };
    let tails: Vec<Vec<u8>> = files.iter().map(|file| tail(file).unwrap_or_default()).collect();
    let samples = |bytes: &Vec<u8>| bytes.as_chunks::<4>().0.iter().map(|sample| f32::from_le_bytes(*sample)).collect();
    tails.iter().map(samples).collect()
}

/// A WAV file of 16 bits, one channel at 48 kHz.
pub fn wav(samples: &[f32]) -> Vec<u8> {
    let length = u32::try_from(samples.len() * 2).expect("a short file");
    let mut file = b"RIFF".to_vec();
    file.extend((36 + length).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend(48_000_u32.to_le_bytes());
    file.extend(96_000_u32.to_le_bytes());
    file.extend(b"\x02\0\x10\0data");
    file.extend(length.to_le_bytes());
    file.extend(samples.iter().flat_map(|sample| ((sample * 32_000.0) as i16).to_le_bytes()));
    file
}
