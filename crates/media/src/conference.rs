//! A call as this machine hears it: one microphone encoded for everybody, everybody mixed into one output.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::codec::{CodecError, Encoder};
use crate::devices::Devices;
use crate::devices::keeper::{Choice, InUse, Keeper};
use crate::level::{Speaking, mix};
use crate::listening::file::SoundFile;
use crate::listening::player::{Hand, Player};
use crate::listening::playout::Playout;
use crate::processing::Processing;
use crate::stream::{Stream, StreamStats};
use crate::{FRAME_SAMPLES, Frame, Packet, SILENCE};

/// People heard at once. Packets of more are dropped.
pub const STREAMS_MAX: usize = 8;

/// What captured frames become. Called on the device's thread: must not wait.
pub type Send = Box<dyn FnMut(&Packet) + std::marker::Send>;

/// Why there is no sound at all. A missing device is no such reason: see [`Conference::in_use`].
#[derive(Debug, thiserror::Error)]
pub enum ConferenceError {
    /// The codec refused.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The system gave no thread.
    #[error("Sound could not be started: {0}.")]
    Thread(#[from] std::io::Error),
}

struct State {
    encoder: Encoder,
    send: Send,
    sequence: u16,
    timestamp: u32,
    muted: bool,
    processing: Option<Processing>,
    speaking: Speaking,
    streams: BTreeMap<u64, Stream>,
    /// The file that is listened to, and whose.
    listening: Option<(Whose, Playout)>,
    started: Instant,
}

/// Whose file is listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// One that is played here.
    Own,
    /// A person's.
    Person(u64),
}

/// See the module. Ends with its last handle.
#[derive(Clone)]
pub struct Conference {
    state: Arc<Mutex<State>>,
    started: Instant,
    keeper: Arc<Keeper>,
}

impl Conference {
    /// Opens devices, soon. Muted or not from the first frame on.
    ///
    /// # Errors
    /// A [`ConferenceError`]; nothing is open then.
    pub fn start(devices: Arc<dyn Devices>, choice: Choice, muted: bool, send: Send) -> Result<Self, ConferenceError> {
        let state = State {
            encoder: Encoder::new()?,
            send,
            sequence: 0,
            timestamp: 0,
            muted,
            processing: Processing::from_environment(devices.hear_room()),
            speaking: Speaking::default(),
            streams: BTreeMap::new(),
            listening: None,
            started: Instant::now(),
        };
        let started = state.started;
        let state = Arc::new(Mutex::new(state));
        let (capturing, playing) = (Arc::clone(&state), Arc::clone(&state));
        let keeper = Keeper::start(
            devices,
            choice,
            Arc::new(move |frame| locked(&capturing).capture(frame)),
            Arc::new(move |frame| *frame = locked(&playing).play()),
        )?;
        Ok(Self { state, started, keeper: Arc::new(keeper) })
    }

    /// Uses other devices from now on.
    pub fn choose(&self, choice: Choice) {
        self.keeper.choose(choice);
    }

    /// The devices that are used, and why one is missing.
    pub fn in_use(&self) -> InUse {
        self.keeper.in_use()
    }

    /// Muted: nothing of the microphone is encoded or sent.
    pub fn set_muted(&self, muted: bool) {
        locked(&self.state).muted = muted;
    }

    /// A packet of a person came. From any thread.
    pub fn receive(&self, person: u64, packet: Packet) {
        let arrival_ms = elapsed_ms(self.started);
        let mut state = locked(&self.state);
        if !state.streams.contains_key(&person) {
            if state.streams.len() >= STREAMS_MAX {
                return;
            }
            match Stream::new() {
                Ok(stream) => state.streams.insert(person, stream),
                Err(error) => {
                    tracing::warn!(%error, "somebody cannot be heard");
                    return;
                }
            };
        }
        if let Some(stream) = state.streams.get_mut(&person) {
            stream.push(arrival_ms, packet);
        }
    }

    /// A person left.
    pub fn forget(&self, person: u64) {
        locked(&self.state).streams.remove(&person);
    }

    /// Plays a file to `hand`, and here as to everybody else, once [`Self::listen_to`] says so.
    ///
    /// # Errors
    /// A [`ConferenceError`]; nothing is played then.
    pub fn play_file(&self, file: SoundFile, mut hand: Hand) -> Result<Player, ConferenceError> {
        let (state, started) = (Arc::clone(&self.state), self.started);
        let hand: Hand = Box::new(move |packet| {
            hand(packet);
            locked(&state).hear_file(Whose::Own, packet.clone());
        });
        Ok(Player::start(file, Encoder::music()?, started, hand)?)
    }

    /// Whose file is heard from now on. What others send as one is dropped.
    ///
    /// # Errors
    /// No decoder could be made.
    pub fn listen_to(&self, whose: Option<Whose>) -> Result<(), ConferenceError> {
        let mut state = locked(&self.state);
        if state.listening.as_ref().map(|(whose, _)| *whose) != whose {
            state.listening = whose.map(|whose| Ok::<_, CodecError>((whose, Playout::new()?))).transpose()?;
        }
        Ok(())
    }

    /// See [`Playout::set_delay`].
    pub fn set_listening_delay(&self, delay_ms: u64, way_ms: u64) {
        if let Some((_, playout)) = &mut locked(&self.state).listening {
            playout.set_delay(delay_ms, way_ms);
        }
    }

    /// See [`Playout::needs_ms`].
    pub fn listening_needs_ms(&self) -> Option<u64> {
        locked(&self.state).listening.as_ref().map(|(_, playout)| playout.needs_ms())
    }

    /// A packet of a file came from a person. From any thread.
    pub fn receive_file(&self, person: u64, packet: Packet) {
        locked(&self.state).hear_file(Whose::Person(person), packet);
    }

    /// The figures of a person.
    pub fn stats(&self, person: u64) -> Option<StreamStats> {
        locked(&self.state).streams.get(&person).map(Stream::stats)
    }

    /// Whether this person speaks into an open microphone.
    pub fn is_speaking(&self) -> bool {
        let state = locked(&self.state);
        !state.muted && state.speaking.is_speaking()
    }
}

impl State {
    fn capture(&mut self, frame: &Frame) {
        // Time goes on whatever is sent, so that a pause is known for one.
        self.timestamp = self.timestamp.wrapping_add(FRAME_SAMPLES as u32);
        if self.muted {
            self.speaking = Speaking::default();
            return;
        }
        let cleaned = self.processing.as_mut().map(|processing| processing.clean(frame));
        let frame = cleaned.as_ref().unwrap_or(frame);
        self.speaking.hear(frame);
        match self.encoder.encode(frame) {
            Ok(Some(payload)) => {
                let packet = Packet { sequence: self.sequence, timestamp: self.timestamp, payload };
                self.sequence = self.sequence.wrapping_add(1);
                (self.send)(&packet);
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "a frame was not encoded"),
        }
    }

    fn hear_file(&mut self, from: Whose, packet: Packet) {
        let arrival_ms = elapsed_ms(self.started);
        if let Some((_, playout)) = self.listening.as_mut().filter(|(whose, _)| *whose == from) {
            playout.push(arrival_ms, packet);
        }
    }

    fn play(&mut self) -> Frame {
        let now_ms = elapsed_ms(self.started);
        let file = self.listening.as_mut().map(|(_, playout)| playout.pull(now_ms));
        let is_quiet = self.streams.is_empty() && file.is_none();
        let frame = if is_quiet { SILENCE } else { mix(self.streams.values_mut().map(Stream::pull).chain(file)) };
        if let Some(processing) = &mut self.processing {
            processing.play(&frame);
        }
        frame
    }
}

fn elapsed_ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Conference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Conference").finish_non_exhaustive()
    }
}
