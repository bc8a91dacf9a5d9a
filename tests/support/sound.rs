//! What people with synthetic devices say and hear in calls: a voice a person, and a file of what the speakers play.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use crate::momo::Momo;

/// Samples of a coarse sound a sample: voices are far below the 6 kHz that are left.
pub const COARSE: usize = 8;

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
        ("MOMOLAND_MEDIA_VOICE".to_owned(), voice.to_string()),
        ("MOMOLAND_MEDIA_CAPTURE".to_owned(), heard.display().to_string()),
    ];
    environment.extend(list.map(|list| ("MOMOLAND_MEDIA_DEVICES".to_owned(), list.display().to_string())));
    environment
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
