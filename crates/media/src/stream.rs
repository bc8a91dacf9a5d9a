//! One person's sound on its way in: the jitter buffer, the decoder behind it, and what is told of both.

use crate::codec::{CodecError, Decoder};
use crate::jitter_buffer::{Counts, JitterBuffer, Step};
use crate::level::Speaking;
use crate::{FRAME_MS, Frame, Packet, SILENCE};

/// The figures of one person's sound.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct StreamStats {
    /// Packets and frames.
    pub counts: Counts,
    /// Packets that were no Opus of one frame.
    pub refused: u64,
    /// See [`JitterBuffer::jitter_ms`].
    pub jitter_ms: u64,
    /// What the jitter buffer adds, milliseconds.
    pub delay_ms: u64,
    /// Whether they speak.
    pub speaking: bool,
    /// How loud, 0 to 1.
    pub level: f32,
    /// Bytes of Opus.
    pub bytes: u64,
}

/// See the module.
#[derive(Debug)]
pub struct Stream {
    buffer: JitterBuffer,
    decoder: Decoder,
    speaking: Speaking,
    refused: u64,
    bytes: u64,
}

impl Stream {
    /// # Errors
    /// Where no decoder can be made.
    pub fn new() -> Result<Self, CodecError> {
        let decoder = Decoder::new()?;
        Ok(Self { buffer: JitterBuffer::default(), decoder, speaking: Speaking::default(), refused: 0, bytes: 0 })
    }

    /// A packet came.
    pub fn push(&mut self, arrival_ms: u64, packet: Packet) {
        self.bytes += packet.payload.len() as u64;
        self.buffer.push(arrival_ms, packet);
    }

    /// The next 20 ms.
    pub fn pull(&mut self) -> Frame {
        let frame = match self.buffer.pull() {
            Step::Play(packet) => self.decoder.decode(&packet),
            Step::Recover(next) => self.decoder.recover(&next),
            Step::Conceal => Ok(self.decoder.conceal()),
            Step::Silence => Ok(SILENCE),
        };
        let frame = frame.unwrap_or_else(|error| {
            self.refused += 1;
            tracing::debug!(%error, "a packet was refused");
            SILENCE
        });
        self.speaking.hear(&frame);
        frame
    }

    /// The figures so far.
    pub fn stats(&self) -> StreamStats {
        StreamStats {
            counts: self.buffer.counts(),
            refused: self.refused,
            jitter_ms: self.buffer.jitter_ms(),
            delay_ms: self.buffer.target_frames() as u64 * FRAME_MS,
            speaking: self.speaking.is_speaking(),
            level: self.speaking.level(),
            bytes: self.bytes,
        }
    }
}
