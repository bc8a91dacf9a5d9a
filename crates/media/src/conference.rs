//! A call as this machine hears it: one microphone encoded for everybody, everybody mixed into one output.
//!
//! The threads of the devices, of links and of whoever asks meet in one lock. What echo cancellation knows has a lock of its
//! own, which only the devices' threads take: it computes for long.

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
use crate::processing::Cleaner;
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

/// What the devices' threads do. Where both locks are wanted, one is taken after the other, never within it.
struct Sound {
    state: Arc<Mutex<State>>,
    cleaner: Arc<Cleaner>,
}

/// See the module. Ends with its last handle.
#[derive(Clone)]
pub struct Conference {
    state: Arc<Mutex<State>>,
    started: Instant,
    cleaner: Arc<Cleaner>,
    keeper: Arc<Keeper>,
}

impl Conference {
    /// Opens devices, soon. Muted or not from the first frame on; `processing`: see [`Self::set_processing`].
    ///
    /// # Errors
    /// A [`ConferenceError`]; nothing is open then.
    pub fn start(
        devices: Arc<dyn Devices>,
        choice: Choice,
        processing: bool,
        muted: bool,
        send: Send,
    ) -> Result<Self, ConferenceError> {
        let state = State {
            encoder: Encoder::new()?,
            send,
            sequence: 0,
            timestamp: 0,
            muted,
            speaking: Speaking::default(),
            streams: BTreeMap::new(),
            listening: None,
            started: Instant::now(),
        };
        let started = state.started;
        let state = Arc::new(Mutex::new(state));
        let cleaner = Arc::new(Cleaner::new(devices.hear_room(), processing));
        let capturing = Arc::new(Sound { state: Arc::clone(&state), cleaner: Arc::clone(&cleaner) });
        let playing = Arc::clone(&capturing);
        let keeper = Keeper::start(
            devices,
            choice,
            Arc::new(move |frame| capturing.capture(frame)),
            Arc::new(move |frame| *frame = playing.play()),
        )?;
        Ok(Self { state, started, cleaner, keeper: Arc::new(keeper) })
    }

    /// Uses other devices from now on.
    pub fn choose(&self, choice: Choice) {
        self.keeper.choose(choice);
    }

    /// The devices that are used, and why one is missing.
    pub fn in_use(&self) -> InUse {
        self.keeper.in_use()
    }

    /// Frees what the microphone hears of echo and noise from now on, or leaves it as it is.
    pub fn set_processing(&self, on: bool) {
        self.cleaner.set(on);
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

impl Sound {
    /// Cleaned also while nothing of it is sent: what is played is remembered until the microphone may have heard it, and
    /// would pile up.
    fn capture(&self, frame: &Frame) {
        let cleaned = self.cleaner.clean(frame);
        locked(&self.state).capture(&cleaned);
    }

    fn play(&self) -> Frame {
        let frame = locked(&self.state).play();
        self.cleaner.play(&frame);
        frame
    }
}

impl State {
    /// Takes what was heard, as it is to be sent.
    fn capture(&mut self, frame: &Frame) {
        // Time goes on whatever is sent, so that a pause is known for one.
        self.timestamp = self.timestamp.wrapping_add(FRAME_SAMPLES as u32);
        if self.muted {
            self.speaking = Speaking::default();
            return;
        }
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
        if is_quiet { SILENCE } else { mix(self.streams.values_mut().map(Stream::pull).chain(file)) }
    }
}

fn elapsed_ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Conference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Conference").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;
    use crate::codec::Decoder;
    use crate::devices::synthetic::Speech;
    use crate::devices::{Device, DeviceError, OnCapture, OnPlay, Purpose, Running};
    use crate::level::rms;
    use crate::processing::room::Room;

    const WITHIN: Duration = Duration::from_secs(20);

    enum Opened {
        Microphone(OnCapture),
        Speakers(OnPlay),
    }

    /// Devices whose time the test makes.
    #[derive(Debug)]
    struct ByHand(mpsc::Sender<Opened>);

    impl ByHand {
        fn open(&self, opened: Opened) -> Result<Running, DeviceError> {
            // The test may be over.
            let _ = self.0.send(opened);
            Ok(Running::new("by hand".to_owned(), Arc::default(), Box::new(())))
        }
    }

    impl Devices for ByHand {
        fn list(&self, _: Purpose) -> Vec<Device> {
            Vec::new()
        }

        fn capture(&self, _: Option<&str>, on_capture: OnCapture) -> Result<Running, DeviceError> {
            self.open(Opened::Microphone(on_capture))
        }

        fn play(&self, _: Option<&str>, on_play: OnPlay) -> Result<Running, DeviceError> {
            self.open(Opened::Speakers(on_play))
        }
    }

    /// Somebody who speaks all the time, in a room where the microphone hears the speakers.
    struct Talk {
        conference: Conference,
        capture: OnCapture,
        play: OnPlay,
        sent: mpsc::Receiver<Packet>,
        speech: Speech,
        encoder: Encoder,
        decoder: Decoder,
        room: Room,
    }

    impl Talk {
        fn begin() -> Self {
            let (opened, devices) = mpsc::channel();
            let (send, sent) = mpsc::channel();
            let send: Send = Box::new(move |packet| send.send(packet.clone()).unwrap());
            let conference = Conference::start(Arc::new(ByHand(opened)), Choice::default(), true, false, send).unwrap();
            let (mut capture, mut play) = (None, None);
            let (capture, play) = loop {
                match devices.recv_timeout(WITHIN).expect("both are opened") {
                    Opened::Microphone(on_capture) => capture = Some(on_capture),
                    Opened::Speakers(on_play) => play = Some(on_play),
                }
                if let (Some(capture), Some(play)) = (&capture, &play) {
                    break (Arc::clone(capture), Arc::clone(play));
                }
            };
            let (encoder, decoder) = (Encoder::new().unwrap(), Decoder::new().unwrap());
            Self { conference, capture, play, sent, speech: Speech::new(4), encoder, decoder, room: Room::new() }
        }

        /// What is heard and what is sent of it, of so many frames.
        fn go_on(&mut self, frames: usize) -> (Vec<f32>, Vec<f32>) {
            let (mut heard, mut sent) = (Vec::new(), Vec::new());
            for _ in 0..frames {
                let n = self.room.frames();
                if let Some(payload) = self.encoder.encode(&self.speech.next_frame()).unwrap() {
                    let packet = Packet { sequence: n as u16, timestamp: (n * FRAME_SAMPLES) as u32, payload };
                    self.conference.receive(1, packet);
                }
                let mut frame = SILENCE;
                (self.play)(&mut frame);
                let echo = self.room.hear(&frame);
                (self.capture)(&echo);
                heard.extend(echo);
                sent.extend(self.sent.try_iter().flat_map(|packet| self.decoder.decode(&packet.payload).unwrap()));
            }
            (heard, sent)
        }
    }

    #[test]
    fn whoever_was_muted_is_heard_without_an_echo_at_once() {
        let mut talk = Talk::begin();
        talk.go_on(250);
        talk.conference.set_muted(true);
        let (_, sent) = talk.go_on(300);
        assert_eq!(sent.len(), 0, "muted, and sent");
        talk.conference.set_muted(false);
        let (heard, sent) = talk.go_on(50);
        let (heard, sent) = (rms(&heard), rms(&sent));
        let quieter = 20.0 * (heard / sent.max(1e-9)).log10();
        eprintln!("{quieter:.1} dB quieter");
        assert!(heard > 0.01, "there is an echo: {heard}");
        assert!(quieter >= 20.0, "{quieter:.1} dB");
    }
}
