//! Sound on a peer link, on the track that `tracks` makes.
//!
//! # Invariants
//! 1. What comes is dropped unless a sink was set, which only the owner of the call does. Test:
//!    `sound_crosses_a_link_and_only_to_who_asked`.
//! 2. What waits to be sent is bounded: [`OUT_MAX`].

use std::sync::{Arc, Mutex, PoisonError};

use momoland_media::{Packet, Sound};
use tokio::sync::mpsc;

/// Packets that wait to be sent, 0.3 s of a voice and a file. Full: the newest is dropped.
const OUT_MAX: usize = 32;

/// Takes what is heard. Called by the connection's task: must not wait.
pub(crate) type AudioSink = Arc<dyn Fn(Sound, Packet) + Send + Sync>;

/// What a packet carries: of what it is, its number among those, and Opus. The track's own numbers are of all packets.
pub(super) fn framed(of: Sound, number: u16, opus: &[u8]) -> Vec<u8> {
    let kind = match of {
        Sound::Voice => 1,
        Sound::File => 2,
    };
    let [high, low] = number.to_be_bytes();
    [&[kind, high, low], opus].concat()
}

/// The other way round; `None` of what this protocol has not.
pub(super) fn unframed(payload: &[u8]) -> Option<(Sound, u16, &[u8])> {
    let ([kind, high, low], opus) = payload.split_first_chunk()?;
    let of = match kind {
        1 => Sound::Voice,
        2 => Sound::File,
        _ => return None,
    };
    Some((of, u16::from_be_bytes([*high, *low]), opus))
}

/// The owner's end of a link's sound. Outlives the link; then what is sent is dropped.
pub(crate) struct AudioPort {
    out: mpsc::Sender<(Sound, Packet)>,
    waiting: tokio::sync::Mutex<mpsc::Receiver<(Sound, Packet)>>,
    sink: Mutex<Option<AudioSink>>,
}

impl Default for AudioPort {
    fn default() -> Self {
        let (out, waiting) = mpsc::channel(OUT_MAX);
        Self { out, waiting: tokio::sync::Mutex::new(waiting), sink: Mutex::new(None) }
    }
}

impl AudioPort {
    /// Sends a packet. Where too much waits it is dropped: late it is worth nothing.
    pub(crate) fn send(&self, of: Sound, packet: Packet) {
        let _ = self.out.try_send((of, packet));
    }

    /// Who takes what is heard; nobody to begin with, and what comes is dropped.
    pub(crate) fn set_sink(&self, sink: Option<AudioSink>) {
        *self.sink.lock().unwrap_or_else(PoisonError::into_inner) = sink;
    }

    /// The next packet to be sent.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(crate) async fn next_out(&self) -> (Sound, Packet) {
        match self.waiting.lock().await.recv().await {
            Some(packet) => packet,
            // The sender is held beside the receiver.
            None => std::future::pending().await,
        }
    }

    pub(crate) fn heard(&self, of: Sound, packet: Packet) {
        let sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(sink) = sink {
            sink(of, packet);
        }
    }
}

impl std::fmt::Debug for AudioPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AudioPort").finish_non_exhaustive()
    }
}
