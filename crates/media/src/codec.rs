//! Opus as calls use it: mono, 20 ms, with the former frame repeated inside each packet (in-band FEC), and nothing sent
//! while nothing is said (DTX). Music has settings of its own.

use ropus::{Application, Bitrate, Channels, DecodeMode, InbandFec, Signal};

use crate::{FRAME_SAMPLES, Frame, SAMPLE_RATE, SILENCE};

/// In-band FEC needs at least 24 kbit/s to fit; speech in full band is good from here on.
const BITS_PER_SECOND: u32 = 32_000;
/// Music in one channel is as the file from here on.
const MUSIC_BITS_PER_SECOND: u32 = 96_000;
/// What the encoder assumes is lost, per cent: how much of a packet repeats the one before.
const LOSS_EXPECTED: u8 = 10;
/// The first steps of quality are cheap and the last are dear: at this one speech sounds as at the highest.
const COMPLEXITY: u8 = 5;
/// The longest packet of one frame (RFC 6716 §3.4).
const PACKET_BYTES_MAX: usize = 1_275;
/// A packet this short says only that nothing is said: it need not be sent (RFC 6716 §3.1).
const SILENT_BYTES_MAX: usize = 2;

/// The codec could not be made, or refused a packet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Opus: {0}")]
pub struct CodecError(String);

/// Sound to packets.
pub struct Encoder {
    inner: ropus::Encoder,
    output: Vec<u8>,
}

impl Encoder {
    /// # Errors
    /// Where the codec refuses these settings, which it does not.
    pub fn new() -> Result<Self, CodecError> {
        let settings = ropus::Encoder::builder(SAMPLE_RATE, Channels::Mono, Application::Voip)
            .bitrate(bits(BITS_PER_SECOND)?)
            .complexity(COMPLEXITY)
            .signal(Signal::Voice)
            .inband_fec(InbandFec::Forced)
            .packet_loss_perc(LOSS_EXPECTED)
            .dtx(true);
        let inner = settings.build().map_err(|error| CodecError(format!("{error:?}")))?;
        Ok(Self { inner, output: vec![0; PACKET_BYTES_MAX] })
    }

    /// For music: every frame is sent, and none repeated, since its codec cannot.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn music() -> Result<Self, CodecError> {
        let settings = ropus::Encoder::builder(SAMPLE_RATE, Channels::Mono, Application::Audio)
            .bitrate(bits(MUSIC_BITS_PER_SECOND)?)
            .complexity(COMPLEXITY)
            .signal(Signal::Music);
        let inner = settings.build().map_err(|error| CodecError(format!("{error:?}")))?;
        Ok(Self { inner, output: vec![0; PACKET_BYTES_MAX] })
    }

    /// One frame; `None` where nothing is said that is worth sending.
    ///
    /// # Errors
    /// Where the codec fails; the next frame may be tried.
    pub fn encode(&mut self, frame: &Frame) -> Result<Option<Vec<u8>>, CodecError> {
        let length =
            self.inner.encode_float(frame, &mut self.output).map_err(|error| CodecError(format!("{error:?}")))?;
        let packet = self.output.get(..length).unwrap_or_default();
        Ok((packet.len() > SILENT_BYTES_MAX).then(|| packet.to_vec()))
    }
}

fn bits(per_second: u32) -> Result<Bitrate, CodecError> {
    Bitrate::try_bits(per_second).map_err(|error| CodecError(format!("{error:?}")))
}

/// Packets to sound.
pub struct Decoder {
    inner: ropus::Decoder,
}

impl Decoder {
    /// # Errors
    /// Where the codec refuses these settings, which it does not.
    pub fn new() -> Result<Self, CodecError> {
        let inner = ropus::Decoder::new(SAMPLE_RATE, Channels::Mono);
        Ok(Self { inner: inner.map_err(|error| CodecError(format!("{error:?}")))? })
    }

    /// The frame that a packet is.
    ///
    /// # Errors
    /// The packet is no Opus, or not of one frame.
    pub fn decode(&mut self, packet: &[u8]) -> Result<Frame, CodecError> {
        self.run(Some(packet), DecodeMode::Normal)
    }

    /// The frame before the one that a packet is, from what the packet repeats of it.
    ///
    /// # Errors
    /// As [`Self::decode`].
    pub fn recover(&mut self, next: &[u8]) -> Result<Frame, CodecError> {
        self.run(Some(next), DecodeMode::Fec)
    }

    /// A frame that never came: what was heard last, fading out.
    pub fn conceal(&mut self) -> Frame {
        self.run(None, DecodeMode::Normal).unwrap_or(SILENCE)
    }

    fn run(&mut self, packet: Option<&[u8]>, mode: DecodeMode) -> Result<Frame, CodecError> {
        let mut frame = SILENCE;
        // An empty packet would count as a lost one.
        if packet.is_some_and(<[u8]>::is_empty) {
            return Err(CodecError("an empty packet".to_owned()));
        }
        let decoded = self.inner.decode_float(packet.unwrap_or_default(), &mut frame, mode);
        match decoded {
            Ok(FRAME_SAMPLES) => Ok(frame),
            Ok(samples) => Err(CodecError(format!("a packet of {samples} samples"))),
            Err(error) => Err(CodecError(format!("{error:?}"))),
        }
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::synthetic::Speech;
    use crate::level::correlation;

    fn speech(frames: usize) -> Vec<Frame> {
        let mut speech = Speech::new(1);
        (0..frames).map(|_| speech.next_frame()).collect()
    }

    #[test]
    fn what_is_decoded_is_what_was_encoded() {
        let (mut encoder, mut decoder) = (Encoder::new().unwrap(), Decoder::new().unwrap());
        let frames = speech(100);
        let mut heard = Vec::new();
        for frame in &frames {
            let packet = encoder.encode(frame).unwrap();
            heard.extend(match packet {
                Some(packet) => decoder.decode(&packet).unwrap(),
                None => decoder.conceal(),
            });
        }
        let (best, _) = correlation(&frames.concat(), &heard, 2 * FRAME_SAMPLES);
        assert!(best > 0.8, "{best}");
    }

    #[test]
    fn a_lost_frame_is_recovered_from_the_next_packet() {
        let (mut encoder, mut decoder) = (Encoder::new().unwrap(), Decoder::new().unwrap());
        let frames = speech(60);
        let packets: Vec<_> = frames.iter().filter_map(|frame| encoder.encode(frame).unwrap()).collect();
        assert_eq!(packets.len(), 60, "speech is sent");
        let (mut all, mut repaired) = (Vec::new(), Vec::new());
        let mut whole = Decoder::new().unwrap();
        for (n, packet) in packets.iter().enumerate() {
            all.extend(whole.decode(packet).unwrap());
            let lost = n % 10 == 5;
            repaired.extend(if lost {
                decoder.recover(&packets[n + 1]).unwrap()
            } else {
                decoder.decode(packet).unwrap()
            });
        }
        let lost: Vec<usize> = (0..6).map(|n| (n * 10 + 5) * FRAME_SAMPLES).collect();
        let of = |sound: &[f32]| lost.iter().flat_map(|at| sound[*at..at + FRAME_SAMPLES].to_vec()).collect::<Vec<_>>();
        let (best, _) = correlation(&of(&all), &of(&repaired), 1);
        assert!(best > 0.7, "the lost frames are much as they were: {best}");
    }

    #[test]
    fn silence_is_not_sent() {
        let mut encoder = Encoder::new().unwrap();
        let sent = (0..100).filter(|_| encoder.encode(&SILENCE).unwrap().is_some()).count();
        assert!(sent < 30, "{sent} of 100 silent frames were sent");
    }

    #[test]
    fn what_is_no_opus_is_refused() {
        let mut decoder = Decoder::new().unwrap();
        for packet in [&[][..], &[0xff; 3], &[3, 0xff], &[0xfb, 200, 1, 2, 3]] {
            assert!(decoder.decode(packet).is_err(), "{packet:?}");
        }
    }
}
