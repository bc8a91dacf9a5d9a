//! The machine's default microphone and speakers, by cpal.
//!
//! Whatever rate and channels a device has, frames are 48 kHz mono: channels are averaged, and another rate is
//! interpolated linearly, which loses nothing of speech.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{FromSample, Sample, SampleFormat, SizedSample};

use super::{DeviceError, Devices, OnCapture, OnPlay, Running};
use crate::{FRAME_SAMPLES, Frame, SAMPLE_RATE, SILENCE};

/// The default devices.
#[derive(Debug)]
pub struct Machine;

type Problem = Arc<Mutex<Option<DeviceError>>>;

fn refused(error: impl std::fmt::Display) -> DeviceError {
    DeviceError::Refused(error.to_string())
}

fn tell(problem: &Problem, error: impl std::fmt::Display) {
    *problem.lock().unwrap_or_else(PoisonError::into_inner) = Some(refused(error));
}

impl Devices for Machine {
    fn open(&self, on_capture: OnCapture, on_play: OnPlay) -> Result<Running, DeviceError> {
        let host = cpal::default_host();
        let microphone = host.default_input_device().ok_or(DeviceError::None)?;
        let speakers = host.default_output_device().ok_or(DeviceError::None)?;
        // A machine without a card names devices all the same; only their configuration tells.
        let input = microphone.default_input_config().map_err(|_| DeviceError::None)?;
        let output = speakers.default_output_config().map_err(|_| DeviceError::None)?;
        let problem = Problem::default();
        let capturing = match input.sample_format() {
            SampleFormat::F32 => capture::<f32>(&microphone, &input, on_capture, &problem),
            SampleFormat::I16 => capture::<i16>(&microphone, &input, on_capture, &problem),
            SampleFormat::I32 => capture::<i32>(&microphone, &input, on_capture, &problem),
            SampleFormat::U8 => capture::<u8>(&microphone, &input, on_capture, &problem),
            other => Err(refused(format!("samples of kind {other}"))),
        }?;
        let playing = match output.sample_format() {
            SampleFormat::F32 => play::<f32>(&speakers, &output, on_play, &problem),
            SampleFormat::I16 => play::<i16>(&speakers, &output, on_play, &problem),
            SampleFormat::I32 => play::<i32>(&speakers, &output, on_play, &problem),
            SampleFormat::U8 => play::<u8>(&speakers, &output, on_play, &problem),
            other => Err(refused(format!("samples of kind {other}"))),
        }?;
        Ok(Running::new(problem, Box::new((capturing, playing))))
    }
}

/// Reads samples of one rate as of another.
struct Resampler {
    /// Samples of the source a sample of the result.
    step: f64,
    at: f64,
    last: f32,
}

impl Resampler {
    fn new(from: u32, to: u32) -> Self {
        Self { step: f64::from(from) / f64::from(to), at: 0.0, last: 0.0 }
    }

    /// Takes a sample of the source; gives those of the result up to it.
    #[expect(clippy::cast_possible_truncation, reason = "a place between two samples")]
    fn push(&mut self, sample: f32, mut give: impl FnMut(f32)) {
        while self.at < 1.0 {
            give(self.last + (sample - self.last) * self.at as f32);
            self.at += self.step;
        }
        self.at -= 1.0;
        self.last = sample;
    }
}

fn capture<T>(
    device: &cpal::Device,
    config: &cpal::SupportedStreamConfig,
    mut on_capture: OnCapture,
    problem: &Problem,
) -> Result<cpal::Stream, DeviceError>
where
    T: SizedSample,
    f32: FromSample<T>,
{
    let config: cpal::StreamConfig = config.config();
    let channels = usize::from(config.channels).max(1);
    let mut resampler = Resampler::new(config.sample_rate, SAMPLE_RATE);
    let mut filled: Vec<f32> = Vec::with_capacity(FRAME_SAMPLES);
    let problem = Arc::clone(problem);
    let stream = device.build_input_stream(
        config,
        move |data: &[T], _: &_| {
            for group in data.chunks(channels) {
                let sum: f32 = group.iter().map(|sample| f32::from_sample(*sample)).sum();
                #[expect(clippy::cast_precision_loss, reason = "a few channels")]
                resampler.push(sum / group.len() as f32, |sample| {
                    filled.push(sample);
                    if let Ok(frame) = <&Frame>::try_from(filled.as_slice()) {
                        on_capture(frame);
                        filled.clear();
                    }
                });
            }
        },
        move |error| tell(&problem, error),
        None,
    );
    let stream = stream.map_err(refused)?;
    stream.play().map_err(refused)?;
    Ok(stream)
}

fn play<T>(
    device: &cpal::Device,
    config: &cpal::SupportedStreamConfig,
    mut on_play: OnPlay,
    problem: &Problem,
) -> Result<cpal::Stream, DeviceError>
where
    T: SizedSample + FromSample<f32>,
{
    let config: cpal::StreamConfig = config.config();
    let channels = usize::from(config.channels).max(1);
    let mut resampler = Resampler::new(SAMPLE_RATE, config.sample_rate);
    let mut ready: VecDeque<f32> = VecDeque::with_capacity(4 * FRAME_SAMPLES);
    let problem = Arc::clone(problem);
    let stream = device.build_output_stream(
        config,
        move |data: &mut [T], _: &_| {
            for group in data.chunks_mut(channels) {
                while ready.is_empty() {
                    let mut frame = SILENCE;
                    on_play(&mut frame);
                    for sample in frame {
                        resampler.push(sample, |sample| ready.push_back(sample));
                    }
                }
                group.fill(T::from_sample(ready.pop_front().unwrap_or(0.0)));
            }
        },
        move |error| tell(&problem, error),
        None,
    );
    let stream = stream.map_err(refused)?;
    stream.play().map_err(refused)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_rate_keeps_its_length_and_its_values() {
        for rate in [16_000, 44_100, 48_000, 96_000] {
            let mut resampler = Resampler::new(rate, SAMPLE_RATE);
            let mut given = Vec::new();
            for _ in 0..rate {
                resampler.push(0.5, |sample| given.push(sample));
            }
            assert!(given.len().abs_diff(SAMPLE_RATE as usize) <= 1, "{rate}: {}", given.len());
            assert!(given.iter().skip(10).all(|sample| (sample - 0.5).abs() < 1e-6));
        }
    }
}
