//! Listening together in the call that this device is in: files that are played here, and what is said of them.

use momoland_media::conference::Whose;
use momoland_media::listening::file::SoundFile;
use momoland_media::listening::player::{Player, Progress};
use momoland_protocol::cbor;
use momoland_protocol::ephemeral::{Ephemeral, EphemeralSignal, kind};
use momoland_protocol::id::{DeviceId, RoomId};
use momoland_protocol::limits;
use momoland_protocol::listening::{ListeningSignal, PlaybackState, Wish};

use super::{Home, refusal};
use crate::api::error::{ApiError, ErrorKind};
use crate::api::types::{CallListening, ListeningState};
use crate::calls::{Call, Clocks, Listening, Refusal, Step};

/// What is listened to in the current call.
#[derive(Debug)]
pub(super) struct Together {
    room: RoomId,
    listening: Listening,
    /// The file that is played here.
    player: Option<Player>,
    /// Why the one that was played here last could not be read on.
    problem: Option<String>,
}

impl Home {
    /// Plays a file to the call that this device is in, in place of what is played there.
    pub(crate) fn play_in_call(&mut self, call: &str, file: SoundFile) -> Result<(), ApiError> {
        let room = self.room_of_current(call)?;
        let clocks = self.clocks();
        let own = self.key.device();
        let Some(sound) = &self.calling.sound else { return Err(refusal(Refusal::NoSuchCall)) };
        let together = self.calling.together.get_or_insert_with(|| Together::new(room, own));
        let ports = std::sync::Arc::clone(&sound.ports);
        let (title, length_ms) = (file.title().to_owned(), file.length_ms());
        let player = sound
            .conference
            .play_file(file, Box::new(move |packet| super::send_to(&ports, momoland_media::Sound::File, packet)));
        let player = player.map_err(|error| ApiError::new(ErrorKind::Internal, error.to_string()))?;
        (together.player, together.problem) = (Some(player), None);
        together.listening.begin(title, length_ms, clocks);
        self.carry_listening(true);
        Ok(())
    }

    /// Wishes something of what is played in the call that this device is in.
    pub(crate) fn wish_in_call(&mut self, call: &str, wish: Wish) -> Result<(), ApiError> {
        self.room_of_current(call)?;
        let clocks = self.clocks();
        let nothing = || ApiError::new(ErrorKind::Conflict, "Nothing is played in this call. Play a file first.");
        let together = self.calling.together.as_mut().ok_or_else(nothing)?;
        let step = together.listening.wish(wish, clocks).ok_or_else(nothing)?;
        self.do_step(step);
        Ok(())
    }

    /// A device in a room's call said something of what is listened to.
    pub(in crate::engine::home) fn hear_listening(&mut self, room: RoomId, device: DeviceId, payload: &[u8]) {
        let Ok(signal) = cbor::decode::<ListeningSignal>(payload, limits::EPHEMERAL_BYTES_MAX) else {
            tracing::debug!(%device, "what was said of a file could not be read");
            return;
        };
        let current = self.calling.calls.current();
        if !current.is_some_and(|(it, call)| it == room && call.others.contains_key(&device)) {
            return;
        }
        let (clocks, own) = (self.clocks(), self.key.device());
        let together = self.calling.together.get_or_insert_with(|| Together::new(room, own));
        let step = together.listening.hear(device, signal, clocks);
        self.do_step(step);
    }

    fn do_step(&mut self, step: Step) {
        let Some(together) = &mut self.calling.together else { return };
        match step {
            Step::Nothing => return self.carry_listening(false),
            Step::Changed => {}
            Step::Yield => together.player = None,
            Step::Obey(wish) => {
                if let Some(player) = &together.player {
                    match wish {
                        Wish::Play => player.set_playing(true),
                        Wish::Pause => player.set_playing(false),
                        Wish::Seek { position_ms } => player.seek(position_ms),
                        Wish::Stop => together.player = None,
                    }
                }
            }
        }
        self.carry_listening(true);
    }

    /// Lets sound follow what is listened to, and says and tells what there is.
    pub(super) fn carry_listening(&mut self, mut is_news: bool) {
        let clocks = self.clocks();
        let own = self.key.device();
        let current = self.calling.calls.current();
        let Some(together) = &mut self.calling.together else { return };
        let Some((room, call)) = current.filter(|(room, _)| *room == together.room) else {
            self.calling.together = None;
            return;
        };
        is_news |= together.listening.retain(|device| call.others.contains_key(&device));
        if let Some(Progress { playing, position_ms, problem }) = together.player.as_ref().map(Player::progress) {
            let state = match (&problem, playing) {
                (Some(_), _) => PlaybackState::Failed,
                (None, true) => PlaybackState::Playing,
                (None, false) => PlaybackState::Paused,
            };
            is_news |= together.listening.progress(state, position_ms, clocks);
            if problem.is_some() {
                (together.player, together.problem) = (None, problem);
            }
        }
        let owner = together.listening.current().map(|played| (played.owner, played.delay_ms));
        let (whose, way_ms) = match owner {
            None => (None, 0),
            Some((owner, _)) if owner == own => (Some(Whose::Own), 0),
            Some((owner, _)) => {
                let way_ms = self.round_trips().get(&owner).map_or(0.0, |rtt_ms| rtt_ms / 2.0);
                (self.connection_to(owner).map(Whose::Person), way_ms as u64)
            }
        };
        let Some(sound) = &self.calling.sound else { return };
        if let Err(error) = sound.conference.listen_to(whose) {
            tracing::warn!(%error, "a file cannot be heard");
        }
        let delay_ms = owner.map_or(0, |(_, delay_ms)| delay_ms);
        sound.conference.set_listening_delay(delay_ms, way_ms);
        let needs_ms = way_ms + sound.conference.listening_needs_ms().unwrap_or(0);
        let told = is_news.then(|| self.api_call(room, call));
        let Some(together) = &mut self.calling.together else { return };
        for signal in together.listening.say(needs_ms, clocks.mono_ms) {
            let signal = EphemeralSignal::Other { kind: kind::LISTENING, payload: cbor::encode(&signal) };
            self.send_ephemeral(Ephemeral { room, signal });
        }
        if let Some(told) = told {
            self.tell_call(told);
        }
    }

    /// What fronts see of it.
    pub(super) fn api_listening(&self, room: RoomId, call: &Call) -> Option<CallListening> {
        let together = self.calling.together.as_ref().filter(|it| it.room == room)?;
        let played = together.listening.played()?;
        let own = self.key.device();
        let account = |device: DeviceId| {
            let other = call.others.get(&device).map(|other| other.account);
            other.or_else(|| (device == own).then_some(self.account.id)).map(|account| account.to_string())
        };
        let state = match played.state {
            _ if played.is_gone => ListeningState::Left,
            PlaybackState::Playing => ListeningState::Playing,
            PlaybackState::Paused => ListeningState::Paused,
            PlaybackState::Stopped => ListeningState::Stopped,
            PlaybackState::Failed => ListeningState::Failed,
        };
        Some(CallListening {
            device_id: played.owner.to_string(),
            user_id: account(played.owner),
            title: played.title.clone(),
            length_ms: played.length_ms,
            state,
            position_ms: played.position_ms,
            at: played.at_wall,
            changed_by: account(played.version.1),
            problem: together.problem.clone().filter(|_| played.owner == own),
        })
    }

    fn room_of_current(&self, call: &str) -> Result<RoomId, ApiError> {
        let room = self.call_room(call)?;
        let is_in = self.calling.calls.get(room).is_some_and(Call::is_in);
        if is_in { Ok(room) } else { Err(refusal(Refusal::NoSuchCall)) }
    }

    fn clocks(&self) -> Clocks {
        Clocks { mono_ms: self.mono_ms(), wall_ms: self.wall().0 }
    }
}

impl Together {
    fn new(room: RoomId, own: DeviceId) -> Self {
        Self { room, listening: Listening::new(own), player: None, problem: None }
    }
}
