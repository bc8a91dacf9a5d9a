//! The machine's microphones and speakers, by cpal.
//!
//! Whatever rate and channels a device has, frames are 48 kHz mono: channels are averaged, and another rate is
//! interpolated linearly, which loses nothing of speech.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{FromSample, Sample, SampleFormat, SizedSample};

use super::{Device, DeviceError, Devices, OnCapture, OnPlay, Purpose, Running};
use crate::{FRAME_SAMPLES, Frame, SAMPLE_RATE, SILENCE};

/// The machine's devices.
#[derive(Debug)]
pub struct Machine;

type Problem = Arc<Mutex<Option<DeviceError>>>;

fn refused(name: &str, error: impl std::fmt::Display) -> DeviceError {
    DeviceError::Refused(name.to_owned(), error.to_string())
}

fn tell(problem: &Problem, name: &str, error: impl std::fmt::Display) {
    *problem.lock().unwrap_or_else(PoisonError::into_inner) = Some(refused(name, error));
}

fn id_of(device: &cpal::Device) -> Option<String> {
    device.id().ok().map(|id| id.to_string())
}

fn name_of(device: &cpal::Device) -> String {
    device.to_string()
}

fn default_of(host: &cpal::Host, purpose: Purpose) -> Option<cpal::Device> {
    match purpose {
        Purpose::Microphone => host.default_input_device(),
        Purpose::Speakers => host.default_output_device(),
    }
}

fn config_of(device: &cpal::Device, purpose: Purpose) -> Option<cpal::SupportedStreamConfig> {
    match purpose {
        Purpose::Microphone => device.default_input_config().ok(),
        Purpose::Speakers => device.default_output_config().ok(),
    }
}

fn all(host: &cpal::Host, purpose: Purpose) -> Vec<cpal::Device> {
    match purpose {
        Purpose::Microphone => host.input_devices().map(Iterator::collect).unwrap_or_default(),
        Purpose::Speakers => host.output_devices().map(Iterator::collect).unwrap_or_default(),
    }
}

/// A device and how it is used. A machine without a card names devices all the same; only their configuration tells.
fn find(purpose: Purpose, id: Option<&str>) -> Result<(cpal::Device, cpal::SupportedStreamConfig), DeviceError> {
    let host = cpal::default_host();
    let device = match id {
        Some(id) => all(&host, purpose).into_iter().find(|device| id_of(device).as_deref() == Some(id)),
        None => default_of(&host, purpose),
    };
    let device = device.ok_or(DeviceError::none(purpose))?;
    let config = config_of(&device, purpose).ok_or(DeviceError::none(purpose))?;
    Ok((device, config))
}

impl Devices for Machine {
    fn list(&self, purpose: Purpose) -> Vec<Device> {
        let host = cpal::default_host();
        let default = default_of(&host, purpose).as_ref().and_then(id_of);
        let usable = all(&host, purpose).into_iter().filter(|device| config_of(device, purpose).is_some());
        let mut listed: Vec<Device> = usable
            .filter_map(|device| {
                let id = id_of(&device)?;
                let is_default = default.as_deref() == Some(&id);
                Some(Device { id, name: name_of(&device), is_default })
            })
            .collect();
        listed.sort_by_key(|device| !device.is_default);
        listed
    }

    fn capture(&self, id: Option<&str>, on_capture: OnCapture) -> Result<Running, DeviceError> {
        let (device, config) = find(Purpose::Microphone, id)?;
        let problem = Problem::default();
        let stream = match config.sample_format() {
            SampleFormat::F32 => capture::<f32>(&device, &config, on_capture, &problem),
            SampleFormat::I16 => capture::<i16>(&device, &config, on_capture, &problem),
            SampleFormat::I32 => capture::<i32>(&device, &config, on_capture, &problem),
            SampleFormat::U8 => capture::<u8>(&device, &config, on_capture, &problem),
            other => Err(refused(&name_of(&device), format!("samples of kind {other}"))),
        }?;
        Ok(Running::new(name_of(&device), problem, Box::new(stream)))
    }

    fn play(&self, id: Option<&str>, on_play: OnPlay) -> Result<Running, DeviceError> {
        let (device, config) = find(Purpose::Speakers, id)?;
        let problem = Problem::default();
        let stream = match config.sample_format() {
            SampleFormat::F32 => play::<f32>(&device, &config, on_play, &problem),
            SampleFormat::I16 => play::<i16>(&device, &config, on_play, &problem),
            SampleFormat::I32 => play::<i32>(&device, &config, on_play, &problem),
            SampleFormat::U8 => play::<u8>(&device, &config, on_play, &problem),
            other => Err(refused(&name_of(&device), format!("samples of kind {other}"))),
        }?;
        Ok(Running::new(name_of(&device), problem, Box::new(stream)))
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
    on_capture: OnCapture,
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
    let (problem, name) = (Arc::clone(problem), name_of(device));
    let of_device = name.clone();
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
        move |error| tell(&problem, &of_device, error),
        None,
    );
    let stream = stream.map_err(|error| refused(&name, error))?;
    stream.play().map_err(|error| refused(&name, error))?;
    Ok(stream)
}

fn play<T>(
    device: &cpal::Device,
    config: &cpal::SupportedStreamConfig,
    on_play: OnPlay,
    problem: &Problem,
) -> Result<cpal::Stream, DeviceError>
where
    T: SizedSample + FromSample<f32>,
{
    let config: cpal::StreamConfig = config.config();
    let channels = usize::from(config.channels).max(1);
    let mut resampler = Resampler::new(SAMPLE_RATE, config.sample_rate);
    let mut ready: VecDeque<f32> = VecDeque::with_capacity(4 * FRAME_SAMPLES);
    let (problem, name) = (Arc::clone(problem), name_of(device));
    let of_device = name.clone();
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
        move |error| tell(&problem, &of_device, error),
        None,
    );
    let stream = stream.map_err(|error| refused(&name, error))?;
    stream.play().map_err(|error| refused(&name, error))?;
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
