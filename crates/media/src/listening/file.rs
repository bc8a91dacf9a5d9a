//! A file of sound, read as it is played: whatever its format, frames of one channel at 48 kHz come out.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::Path;

use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, SeekMode, SeekTo, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;
use symphonia::core::units::{Time, TimeBase};

use super::resampler::Resampler;
use crate::{FRAME_MS, FRAME_SAMPLES, Frame, SAMPLE_RATE, SILENCE};

/// The longest file that is played, hours.
const HOURS_MAX: u64 = 12;
/// Packets in a row that are no sound before the file is given up: a scratch is passed over, a wrong file is not.
const BAD_PACKETS_MAX: u32 = 100;
/// Characters of a title.
const TITLE_CHARS_MAX: usize = 128;

/// Why a file is not played, in words for a person.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// There is none, or it is a folder or a device.
    #[error("There is no file at {0}.")]
    Missing(String),
    /// The system refused.
    #[error("The file could not be read: {0}.")]
    Unreadable(#[from] std::io::Error),
    /// No format of these.
    #[error("This file's format is not known. WAV, FLAC, MP3, Ogg Vorbis and AAC can be played.")]
    NotKnown,
    /// A film without sound, or nothing at all.
    #[error("There is no sound in this file.")]
    NoSound,
    /// Longer than [`HOURS_MAX`].
    #[error("This file is too long. Up to {HOURS_MAX} hours can be played.")]
    TooLong,
    /// It cannot go on.
    #[error("The file is damaged: {0}.")]
    Damaged(String),
}

/// See the module.
pub struct SoundFile {
    title: String,
    source: File,
    hint: Option<String>,
    reader: Reader,
    /// Whether the reader came to its end, from which some formats cannot be moved back.
    read_out: bool,
    /// With the rate that it is for, which a file may change.
    resampler: Option<(u32, Resampler)>,
    interleaved: Vec<f32>,
    ready: VecDeque<f32>,
    /// Samples to be left out still after a jump, which goes to a packet's beginning.
    skip: usize,
    ended: bool,
}

/// What the library reads a file with.
struct Reader {
    format: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track: u32,
    time_base: Option<TimeBase>,
    length_ms: Option<u64>,
}

impl Reader {
    fn new(source: &File, extension: Option<&str>) -> Result<Self, FileError> {
        let mut source = source.try_clone()?;
        source.seek(SeekFrom::Start(0))?;
        let source = MediaSourceStream::new(Box::new(source), MediaSourceStreamOptions::default());
        let mut hint = Hint::new();
        if let Some(extension) = extension {
            hint.with_extension(extension);
        }
        let probe = symphonia::default::get_probe();
        let format = probe.probe(&hint, source, FormatOptions::default(), MetadataOptions::default());
        let format = format.map_err(|_| FileError::NotKnown)?;
        let track = format.default_track(TrackType::Audio).ok_or(FileError::NoSound)?;
        let parameters = track.codec_params.as_ref().and_then(|it| it.audio()).ok_or(FileError::NoSound)?;
        let decoder = symphonia::default::get_codecs().make_audio_decoder(parameters, &AudioDecoderOptions::default());
        let decoder = decoder.map_err(|_| FileError::NotKnown)?;
        let time_base = track.time_base;
        let length = time_base.zip(track.duration).and_then(|(base, duration)| base.calc_duration(duration));
        let length_ms = length.and_then(|length| u64::try_from(length.as_millis()).ok());
        let track = track.id;
        Ok(Self { format, decoder, track, time_base, length_ms })
    }
}

impl SoundFile {
    /// Opens a file and decodes its beginning. Takes its time: not for a thread that others wait for.
    ///
    /// # Errors
    /// A [`FileError`].
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let missing = || FileError::Missing(path.display().to_string());
        let about = std::fs::metadata(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => missing(),
            _ => FileError::Unreadable(error),
        })?;
        // A pipe would be waited for.
        if !about.is_file() {
            return Err(missing());
        }
        let source = File::open(path)?;
        let hint = path.extension().and_then(|extension| extension.to_str()).map(str::to_owned);
        let reader = Reader::new(&source, hint.as_deref())?;
        if reader.length_ms.is_some_and(|length_ms| length_ms > HOURS_MAX * 3_600_000) {
            return Err(FileError::TooLong);
        }
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let title = name.chars().filter(|it| !it.is_control()).take(TITLE_CHARS_MAX).collect();
        let mut file = Self {
            title,
            source,
            hint,
            reader,
            read_out: false,
            resampler: None,
            interleaved: Vec::new(),
            ready: VecDeque::new(),
            skip: 0,
            ended: false,
        };
        file.fill()?;
        if file.ready.is_empty() {
            return Err(FileError::NoSound);
        }
        Ok(file)
    }

    /// Its name, without what tells the format.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Where its format tells.
    pub fn length_ms(&self) -> Option<u64> {
        self.reader.length_ms
    }

    /// The next 20 ms; `None` at the end.
    ///
    /// # Errors
    /// It cannot be read any more.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FileError> {
        self.fill()?;
        if self.ready.is_empty() {
            return Ok(None);
        }
        let mut frame = SILENCE;
        let count = self.ready.len().min(FRAME_SAMPLES);
        frame.iter_mut().zip(self.ready.drain(..count)).for_each(|(sample, from)| *sample = from);
        Ok(Some(frame))
    }

    /// Goes on from another moment; one behind the end is the end.
    ///
    /// # Errors
    /// It cannot be read there.
    pub fn seek(&mut self, position_ms: u64) -> Result<(), FileError> {
        self.ready.clear();
        self.resampler = None;
        self.skip = 0;
        self.ended = self.reader.length_ms.is_some_and(|length_ms| position_ms.saturating_add(FRAME_MS) >= length_ms);
        if self.ended {
            return Ok(());
        }
        #[expect(clippy::cast_precision_loss, reason = "hours in milliseconds")]
        let time = Time::try_from_secs_f64(position_ms as f64 / 1_000.0);
        let Some(time) = time else {
            self.ended = true;
            return Ok(());
        };
        if std::mem::take(&mut self.read_out) {
            self.reader = Reader::new(&self.source, self.hint.as_deref())?;
        }
        let reader = &mut self.reader;
        let sought = reader.format.seek(SeekMode::Accurate, SeekTo::Time { time, track_id: Some(reader.track) });
        reader.decoder.reset();
        match sought {
            Ok(sought) => {
                let ahead = u64::try_from(sought.required_ts.get() - sought.actual_ts.get()).unwrap_or(0);
                let ahead = reader.time_base.and_then(|base| base.calc_duration(ahead.into()));
                let samples = ahead.map_or(0.0, |ahead| ahead.as_secs_f64() * f64::from(SAMPLE_RATE));
                self.skip = samples as usize;
                Ok(())
            }
            // A file whose length nobody knew ends sooner.
            Err(Error::SeekError(_)) => {
                self.ended = true;
                Ok(())
            }
            // So does one that was cut off.
            Err(Error::IoError(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                self.end();
                Ok(())
            }
            Err(error) => Err(refused(error)),
        }
    }

    /// Decodes until a frame is there, or the end.
    fn fill(&mut self) -> Result<(), FileError> {
        let mut bad = 0;
        while self.ready.len() < FRAME_SAMPLES && !self.ended {
            let packet = match self.reader.format.next_packet() {
                Ok(Some(packet)) if packet.track_id == self.reader.track => packet,
                Ok(Some(_)) => continue,
                Ok(None) => {
                    self.end();
                    break;
                }
                // It was cut off.
                Err(Error::IoError(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                    self.end();
                    break;
                }
                // Another stream follows in the same file: the first is what its length tells of.
                Err(Error::ResetRequired) => {
                    self.end();
                    break;
                }
                Err(error) => return Err(refused(error)),
            };
            match self.reader.decoder.decode(&packet) {
                Ok(sound) => {
                    let (rate, channels) = (sound.spec().rate(), sound.spec().channels().count().max(1));
                    sound.copy_to_vec_interleaved(&mut self.interleaved);
                    #[expect(clippy::cast_precision_loss, reason = "channels are few")]
                    let share = 1.0 / channels as f32;
                    let one: Vec<f32> =
                        self.interleaved.chunks_exact(channels).map(|all| all.iter().sum::<f32>() * share).collect();
                    if self.resampler.as_ref().is_none_or(|(of, _)| *of != rate) {
                        self.resampler = Some((rate, Resampler::new(rate, SAMPLE_RATE)));
                    }
                    if let Some((_, resampler)) = &mut self.resampler {
                        resampler.push(&one, &mut self.ready);
                    }
                    let skipped = self.skip.min(self.ready.len());
                    self.ready.drain(..skipped);
                    self.skip -= skipped;
                    bad = 0;
                }
                Err(Error::DecodeError(reason)) => {
                    bad += 1;
                    if bad > BAD_PACKETS_MAX {
                        return Err(FileError::Damaged(reason.to_owned()));
                    }
                }
                Err(error) => return Err(refused(error)),
            }
        }
        Ok(())
    }

    fn end(&mut self) {
        (self.ended, self.read_out) = (true, true);
        if let Some((_, mut resampler)) = self.resampler.take() {
            resampler.finish(&mut self.ready);
        }
    }
}

fn refused(error: Error) -> FileError {
    match error {
        Error::IoError(error) => FileError::Unreadable(error),
        error => FileError::Damaged(error.to_string()),
    }
}

impl std::fmt::Debug for SoundFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SoundFile").field("title", &self.title).finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::devices::synthetic::Speech;
    use crate::level::correlation;

    /// A WAV file of 16 bits.
    pub(in crate::listening) fn wav(rate: u32, channels: u16, samples: &[f32]) -> Vec<u8> {
        let mut data = Vec::new();
        for sample in samples {
            (0..channels).for_each(|_| data.extend(((sample * 32_000.0) as i16).to_le_bytes()));
        }
        let (block, length) = (channels * 2, data.len() as u32);
        let mut file = b"RIFF".to_vec();
        file.extend((36 + length).to_le_bytes());
        file.extend(b"WAVEfmt \x10\0\0\0\x01\0");
        file.extend(channels.to_le_bytes());
        file.extend(rate.to_le_bytes());
        file.extend((rate * u32::from(block)).to_le_bytes());
        file.extend(block.to_le_bytes());
        file.extend(b"\x10\0data");
        file.extend(length.to_le_bytes());
        file.extend(data);
        file
    }

    pub(in crate::listening) fn speech(seconds: usize) -> Vec<f32> {
        let mut speech = Speech::new(9);
        (0..seconds * 50).flat_map(|_| speech.next_frame()).collect()
    }

    fn all(file: &mut SoundFile) -> Vec<f32> {
        let mut all = Vec::new();
        while let Some(frame) = file.next_frame().unwrap() {
            all.extend(frame);
        }
        all
    }

    #[test]
    fn a_file_is_read_whole_and_from_any_moment() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Low water.wav");
        let said = speech(4);
        std::fs::write(&path, wav(48_000, 2, &said)).unwrap();
        let mut file = SoundFile::open(&path).unwrap();
        assert_eq!((file.title(), file.length_ms()), ("Low water", Some(4_000)));
        let heard = all(&mut file);
        assert!(heard.len().abs_diff(said.len()) <= FRAME_SAMPLES, "{} of {}", heard.len(), said.len());
        for position_ms in [2_500, 0, 3_333] {
            file.seek(position_ms).unwrap();
            let from = position_ms as usize * 48;
            let (best, later) = correlation(&said[from..from + 9_600], &all(&mut file), 960);
            assert!(best > 0.99 && later <= 1, "{position_ms}: {best}, {later} samples late");
        }
        for position_ms in [4_000, 1_000_000, u64::MAX] {
            file.seek(position_ms).unwrap();
            assert!(file.next_frame().unwrap().is_none(), "{position_ms}");
        }
    }

    #[test]
    fn a_moment_behind_where_a_file_was_cut_off_is_its_end() {
        // MP3, one channel at 44.1 kHz and 128 kbit/s: frames of 417 bytes, silent ones.
        let mut silent = [0; 417];
        silent[..4].copy_from_slice(&[0xff, 0xfb, 0x90, 0xc0]);
        // The first tells that a thousand follow, which are 26 s.
        let mut cut_off = silent;
        cut_off[21..25].copy_from_slice(b"Xing");
        cut_off[25..33].copy_from_slice(&[0, 0, 0, 1, 0, 0, 3, 0xe8]);
        let mut cut_off = cut_off.to_vec();
        (0..100).for_each(|_| cut_off.extend(silent));
        cut_off.extend(&silent[..200]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Cut off.mp3");
        std::fs::write(&path, cut_off).unwrap();
        let mut file = SoundFile::open(&path).unwrap();
        assert!(file.length_ms().is_some_and(|length_ms| length_ms > 20_000), "{:?}", file.length_ms());
        for _ in 0..2 {
            file.seek(20_000).unwrap();
            assert!(file.next_frame().unwrap().is_none());
            file.seek(1_000).unwrap();
            let seconds = all(&mut file).len() as f64 / f64::from(SAMPLE_RATE);
            assert!((1.5..1.7).contains(&seconds), "{seconds} s are left of 2.6");
        }
    }

    #[test]
    fn what_cannot_be_played_is_refused_with_a_reason() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            SoundFile::open(&path).unwrap_err()
        };
        assert!(matches!(SoundFile::open(&folder.path().join("none.wav")), Err(FileError::Missing(_))));
        assert!(matches!(SoundFile::open(folder.path()), Err(FileError::Missing(_))));
        assert!(matches!(at("text.mp3", b"This is no sound at all."), FileError::NotKnown));
        assert!(matches!(at("nothing.wav", b""), FileError::NotKnown));
        assert!(matches!(at("silent.wav", &wav(48_000, 1, &[])), FileError::NoSound));
        let mut long = wav(8, 1, &[0.0; 8]);
        // It says that more follows.
        let length = 8 * 2 * 3_600 * 13_u32;
        long[4..8].copy_from_slice(&(36 + length).to_le_bytes());
        long[40..44].copy_from_slice(&length.to_le_bytes());
        assert!(matches!(at("long.wav", &long), FileError::TooLong));
    }
}
