//! Calls as fronts make them, their signals, and the sound of the one that this device is in; its pictures are in
//! [`pictures`], files that all listen to in [`listening`], what devices do before a call in [`trial`].

mod listening;
mod pictures;
mod trial;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use momoland_media::cameras::{self, Screen};
use momoland_media::conference::Conference;
use momoland_media::devices::keeper::Choice;
use momoland_media::devices::{self, Device};
use momoland_media::video::Source;
use momoland_media::{FRAME_MS, Packet, Sound as SoundOf};
use momoland_protocol::call::CallSignal;
use momoland_protocol::cbor;
use momoland_protocol::clock::Hlc;
use momoland_protocol::content::{CallEntry, MessageContent};
use momoland_protocol::ephemeral::{Ephemeral, EphemeralSignal, kind};
use momoland_protocol::event::Action;
use momoland_protocol::id::{AccountId, CallId, DeviceId, RoomId, random};
use momoland_protocol::limits;
use momoland_protocol::roster::{Role, RoomKind};
use momoland_replica::input::Command;
use tokio::time::Instant;

use self::listening::Together;
use self::pictures::{Pictures, Wanted};
use self::trial::Trying;
use super::{Home, body_of};
use crate::account::record::{MISSED_CALL, MediaRecord, Noted};
use crate::api::error::{ApiError, ErrorKind};
use crate::api::events::Event;
use crate::api::types::{
    AudioStats, Call as ApiCall, CallDevices, CallEnd, CallMedia, CallPart, CallParticipant, CallPeerStats, CallSound,
    CallStats, MediaDevice, NotificationLevel, ScreenKind, ScreenSource, SetCallMediaParams,
};
use crate::calls::{Call, Calls, Ended, Gallery, Output, Over, Part, Refusal, Tile};
use crate::link::{AudioPort, AudioSink};

/// The sound of links, by connection.
type Ports = BTreeMap<u64, Arc<AudioPort>>;

/// While in a call it is looked this often who speaks and what became of the devices, milliseconds.
const LOOK_EVERY_MS: u64 = 250;
/// Figures are told this often, milliseconds.
const STATS_EVERY_MS: u64 = 1_000;

/// Calls, and the sound of the current one.
#[derive(Debug)]
pub(in crate::engine) struct Calling {
    calls: Calls,
    sound: Option<Sound>,
    choice: Choice,
    /// Whether the microphone's sound is freed of echo and noise.
    processing: bool,
    pictures: Pictures,
    together: Option<Together>,
    trying: Option<Trying>,
}

#[derive(Debug)]
struct Sound {
    conference: Conference,
    /// The links that sound goes to.
    ports: Arc<Mutex<Ports>>,
    /// What fronts were told of the call last.
    told: Option<ApiCall>,
    looked_ms: u64,
    measured_ms: u64,
    /// By link: the bytes that had come a while ago, and the bits a second since.
    rates: BTreeMap<u64, (u64, u64)>,
}

impl Sound {
    fn ports(&self) -> MutexGuard<'_, Ports> {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Calling {
    pub(in crate::engine) fn new(own: AccountId, chosen: MediaRecord) -> Self {
        let MediaRecord { microphone, speakers, camera, unprocessed } = chosen;
        let mut pictures = Pictures::default();
        pictures.chosen_camera = camera;
        Self {
            calls: Calls::new(own),
            sound: None,
            choice: Choice { microphone, speakers },
            processing: !unprocessed,
            pictures,
            together: None,
            trying: None,
        }
    }
}

fn refusal(refusal: Refusal) -> ApiError {
    match refusal {
        Refusal::NoSuchCall => ApiError::not_found("There is no such call, or it is over."),
        Refusal::InAnotherCall => ApiError::new(ErrorKind::Conflict, "You are in another call. Leave it first."),
        Refusal::Full => ApiError::new(ErrorKind::Conflict, "The call is full: eight devices can be in one."),
    }
}

impl Home {
    /// Where the pictures of calls go.
    pub(in crate::engine) fn set_gallery(&mut self, gallery: Gallery) {
        self.calling.pictures.gallery = gallery;
    }

    pub(crate) fn start_call(&mut self, room: RoomId, camera: bool) -> Result<CallId, ApiError> {
        self.require_voice(room)?;
        let direct = self.require_member(room)?.kind() == RoomKind::Direct;
        let (now_ms, wall) = (self.mono_ms(), self.wall());
        self.open_sound()?;
        let started = self.calling.calls.start((room, direct), camera, CallId(random()), now_ms, wall);
        self.carry_calls();
        started.map_err(refusal)
    }

    pub(crate) fn join_call(&mut self, call: &str, camera: bool) -> Result<CallId, ApiError> {
        let room = self.call_room(call)?;
        self.require_voice(room)?;
        let (now_ms, wall) = (self.mono_ms(), self.wall());
        self.open_sound()?;
        let answered = self.calling.calls.answer(room, camera, now_ms, wall);
        self.carry_calls();
        answered.map_err(refusal)
    }

    pub(crate) fn decline_call(&mut self, call: &str) -> Result<(), ApiError> {
        let room = self.call_room(call)?;
        let declined = self.calling.calls.decline(room);
        self.carry_calls();
        declined.map_err(refusal)
    }

    pub(crate) fn leave_call(&mut self, call: &str) -> Result<(), ApiError> {
        let room = self.call_room(call)?;
        let left = self.calling.calls.leave(room);
        self.carry_calls();
        left.map_err(refusal)
    }

    pub(crate) fn set_call_media(&mut self, params: SetCallMediaParams) -> Result<(), ApiError> {
        let before = self.chosen_media();
        let chosen = |id: String| Some(id).filter(|id| !id.is_empty());
        if let Some(microphone) = params.microphone {
            self.calling.choice.microphone = chosen(microphone);
        }
        if let Some(speakers) = params.speakers {
            self.calling.choice.speakers = chosen(speakers);
        }
        if let Some(camera) = params.camera_device {
            self.calling.pictures.chosen_camera = chosen(camera);
        }
        if let Some(screen) = params.screen_source {
            self.calling.pictures.chosen_screen = chosen(screen);
        }
        if let Some(processing) = params.processing {
            self.calling.processing = processing;
        }
        self.devices_chosen(&before);
        if params.mic.is_some() || params.camera.is_some() || params.screen.is_some() {
            let room = match &params.call_id {
                Some(call) => self.call_room(call)?,
                None => {
                    let current = self.calling.calls.current();
                    current.map(|(room, _)| room).ok_or_else(|| refusal(Refusal::NoSuchCall))?
                }
            };
            let now_ms = self.mono_ms();
            let calls = &mut self.calling.calls;
            let mic = params.mic.map(|mic| calls.set_mic(room, mic, now_ms));
            let camera = params.camera.map(|camera| calls.set_camera(room, camera, now_ms));
            let screen = params.screen.map(|screen| calls.set_screen(room, screen, now_ms));
            [mic, camera, screen].into_iter().flatten().collect::<Result<(), Refusal>>().map_err(refusal)?;
        }
        self.carry_calls();
        Ok(())
    }

    /// What a front shows of a call from now on, or without one of the camera that is tried out.
    pub(crate) fn view_call(&self, call: Option<&str>, front: u64, tiles: Vec<Tile>) -> Result<u32, ApiError> {
        let Some(call) = call else { return self.view_trial(front, tiles) };
        let room = self.call_room(call)?;
        self.calling.calls.get(room).filter(|call| call.is_in()).ok_or_else(|| refusal(Refusal::NoSuchCall))?;
        let look = self.calling.pictures.gallery.look(front, tiles);
        look.ok_or_else(|| ApiError::invalid("This front is closed, and shows nothing."))
    }

    /// What can be chosen, and what is.
    pub(crate) fn call_devices(
        &self,
        [microphones, speakers, cameras]: [Vec<Device>; 3],
        screens: Vec<Screen>,
    ) -> CallDevices {
        let listed = |devices: Vec<Device>| {
            let devices = devices.into_iter();
            devices.map(|Device { id, name, is_default }| MediaDevice { device_id: id, name, is_default }).collect()
        };
        CallDevices {
            microphones: listed(microphones),
            speakers: listed(speakers),
            cameras: listed(cameras),
            screens: screens.into_iter().map(api_screen).collect(),
            chosen_camera: self.calling.pictures.chosen_camera.clone(),
            chosen_microphone: self.calling.choice.microphone.clone(),
            chosen_speakers: self.calling.choice.speakers.clone(),
            processing: self.calling.processing,
        }
    }

    pub(crate) fn list_calls(&self) -> Vec<ApiCall> {
        self.calling.calls.list().map(|(room, call)| self.api_call(room, call)).collect()
    }

    pub(crate) fn call_stats(&self, call: &str) -> Result<CallStats, ApiError> {
        let room = self.call_room(call)?;
        let call = self.calling.calls.get(room).ok_or_else(|| refusal(Refusal::NoSuchCall))?;
        Ok(CallStats { call_id: call.id.to_string(), peers: self.peer_stats(call) })
    }

    fn peer_stats(&self, call: &Call) -> Vec<CallPeerStats> {
        let rtts: BTreeMap<DeviceId, f64> = self.round_trips();
        let peers = call.others.iter().map(|(device, other)| {
            let connection = self.connection_to(*device);
            let sound = self.calling.sound.as_ref();
            let stats = connection.and_then(|it| sound?.conference.stats(it)).unwrap_or_default();
            let rate = connection.and_then(|it| sound?.rates.get(&it)).map_or(0, |(_, rate)| *rate);
            let rtt_ms = rtts.get(device).copied();
            #[expect(clippy::cast_precision_loss, reason = "milliseconds")]
            let buffered_ms = (2 * FRAME_MS + stats.delay_ms) as f64;
            CallPeerStats {
                user_id: other.account.to_string(),
                device_id: device.to_string(),
                path: self.path_to(*device),
                audio: AudioStats {
                    packets_received: stats.counts.received,
                    packets_lost: stats.counts.lost,
                    frames_decoded: stats.counts.played,
                    frames_recovered: stats.counts.recovered,
                    frames_concealed: stats.counts.concealed,
                    jitter_ms: stats.jitter_ms,
                    delay_ms: stats.delay_ms,
                    rtt_ms,
                    // A frame is heard whole before it is sent, and given to the speakers whole.
                    mouth_to_ear_ms: rtt_ms.map(|rtt| rtt / 2.0 + buffered_ms),
                    bits_per_second: rate,
                    packets_refused: stats.refused,
                    level: stats.level,
                    speaking: stats.speaking,
                },
                video: connection.and_then(|it| self.calling.pictures.received(it, Source::Camera)),
                screen: connection.and_then(|it| self.calling.pictures.received(it, Source::Screen)),
                sent: connection.and_then(|it| self.calling.pictures.sent(it)),
            }
        });
        peers.collect()
    }

    /// There and back to the linked devices, milliseconds.
    fn round_trips(&self) -> BTreeMap<DeviceId, f64> {
        let Some(links) = &self.links else { return BTreeMap::new() };
        links.stats().into_iter().map(|stats| (stats.device, stats.rtt.as_secs_f64() * 1_000.0)).collect()
    }

    /// Refuses who is not heard in a room's calls, since nobody takes what they say.
    fn require_voice(&self, room: RoomId) -> Result<(), ApiError> {
        if self.require_member(room)?.role(self.account.id) < Some(Role::Member) {
            return Err(ApiError::new(ErrorKind::Forbidden, "Who only reads in a room takes no part in its calls."));
        }
        Ok(())
    }

    fn call_room(&self, call: &str) -> Result<RoomId, ApiError> {
        self.calling.calls.room_of(call).ok_or_else(|| refusal(Refusal::NoSuchCall))
    }

    /// A member's device said something of a call.
    pub(super) fn hear_call(&mut self, room: RoomId, account: AccountId, device: DeviceId, payload: &[u8]) {
        let Ok(signal) = cbor::decode::<CallSignal>(payload, limits::EPHEMERAL_BYTES_MAX) else {
            tracing::debug!(%device, "a call's signal could not be read");
            return;
        };
        // It rings at nobody who could not answer.
        if self.require_voice(room).is_err() {
            return;
        }
        let direct = self.replica.roster(room).is_some_and(|roster| roster.kind() == RoomKind::Direct);
        let now_ms = self.mono_ms();
        let wall = self.wall();
        self.calling.calls.hear((room, direct), (account, device), signal, now_ms, wall);
        self.carry_calls();
    }

    /// Whether somebody hears what comes over links.
    pub(crate) fn is_in_call(&self) -> bool {
        self.calling.sound.is_some()
    }

    pub(super) fn next_call(&self) -> Option<Instant> {
        let look = self.calling.sound.as_ref().map(|sound| sound.looked_ms + LOOK_EVERY_MS);
        let tell = self.calling.trying.as_ref().map(Trying::next_ms);
        let at = [self.calling.calls.poll_timeout(), look, tell].into_iter().flatten().min();
        at.map(|at| self.instant_of(at))
    }

    /// Does what is due: rosters and links may have changed too.
    pub(super) fn calls_due(&mut self) {
        let now_ms = self.mono_ms();
        self.calling.calls.handle_timeout(now_ms);
        let (replica, own) = (&self.replica, self.key.device());
        let has_voice = |room, device| {
            let role = replica.roster(room).and_then(|roster| roster.role_of_device(device));
            role.is_some_and(|(_, role)| role >= Role::Member)
        };
        self.calling.calls.retain(|room| has_voice(room, own), has_voice, now_ms);
        self.carry_calls();
        self.look_for_windows(now_ms);
        self.look_for_end(now_ms);
        self.carry_listening(false);
        self.look_at_sound(now_ms);
        self.look_at_trial(now_ms);
    }

    /// Tells who speaks, what became of the devices, and figures, when it is time.
    fn look_at_sound(&mut self, now_ms: u64) {
        let Some(sound) = self.calling.sound.as_mut().filter(|it| it.looked_ms + LOOK_EVERY_MS <= now_ms) else {
            return;
        };
        sound.looked_ms = now_ms;
        let elapsed_ms = now_ms.saturating_sub(sound.measured_ms);
        let measures = elapsed_ms >= STATS_EVERY_MS;
        if measures {
            sound.measured_ms = now_ms;
            let links: Vec<u64> = sound.ports().keys().copied().collect();
            let rates = links.into_iter().map(|link| {
                let bytes = sound.conference.stats(link).map_or(0, |stats| stats.bytes);
                let before = sound.rates.get(&link).map_or(0, |(before, _)| *before);
                (link, (bytes, bytes.saturating_sub(before) * 8_000 / elapsed_ms))
            });
            sound.rates = rates.collect();
        }
        for (device, rtt_ms) in self.round_trips() {
            let round_trip = Duration::try_from_secs_f64(rtt_ms / 1_000.0).unwrap_or_default();
            self.calling.pictures.set_round_trip(device, round_trip);
        }
        let Some((room, call)) = self.calling.calls.current() else { return };
        let now = self.api_call(room, call);
        let stats = measures.then(|| Event::CallStats { call_id: call.id.to_string(), peers: self.peer_stats(call) });
        if self.calling.sound.as_ref().is_some_and(|sound| sound.told.as_ref() != Some(&now)) {
            self.tell_call(now);
        }
        if let Some(stats) = stats {
            self.tell(stats);
        }
    }

    /// Nobody is seen who cannot see that they are.
    fn look_for_windows(&mut self, now_ms: u64) {
        let Some((room, call)) = self.calling.calls.current() else { return };
        let (camera, screen) = (call.camera, call.screen);
        if !self.calling.pictures.are_left(now_ms) {
            return;
        }
        tracing::info!("the last window was closed: camera and screen are off");
        let calls = &mut self.calling.calls;
        let off = [
            camera.then(|| calls.set_camera(room, false, now_ms)),
            screen.then(|| calls.set_screen(room, false, now_ms)),
        ];
        // The call is there.
        off.into_iter().flatten().for_each(|off| debug_assert!(off.is_ok(), "{off:?}"));
        self.carry_calls();
    }

    /// A screen that ended by itself is off, for everybody, and can be switched on again.
    fn look_for_end(&mut self, now_ms: u64) {
        let is_over = self.calling.pictures.screen_is_over(now_ms);
        let Some((room, _)) = self.calling.calls.current().filter(|_| is_over) else { return };
        let off = self.calling.calls.set_screen(room, false, now_ms);
        debug_assert!(off.is_ok(), "{off:?}: the call is there");
        self.carry_calls();
    }

    /// Leaves the call, before the links go over which that is said, and ends a trial: microphone, camera and screen are off
    /// at once.
    pub(in crate::engine) fn end_call(&mut self) {
        self.end_trial();
        if let Some((room, _)) = self.calling.calls.current() {
            let left = self.calling.calls.leave(room);
            debug_assert!(left.is_ok(), "{left:?}");
            self.carry_calls();
        }
    }

    fn tell_call(&mut self, call: ApiCall) {
        if let Some(sound) = &mut self.calling.sound {
            sound.told = Some(call.clone());
        }
        self.tell(Event::CallChanged { call });
    }

    /// Tells and sends what there is, and lets sound follow.
    fn carry_calls(&mut self) {
        while let Some(output) = self.calling.calls.poll_output() {
            match output {
                Output::Say { room, signal } => {
                    let signal = EphemeralSignal::Other { kind: kind::CALL, payload: cbor::encode(&signal) };
                    self.send_ephemeral(Ephemeral { room, signal });
                }
                Output::Incoming { room, call, from, video } => self.tell(Event::CallIncoming {
                    call_id: call.to_string(),
                    room_id: room.to_string(),
                    from: from.to_string(),
                    media: api_media(video),
                }),
                Output::Changed { room } => {
                    if let Some(call) = self.calling.calls.get(room) {
                        let call = self.api_call(room, call);
                        self.tell_call(call);
                    }
                }
                Output::Ended { room, call, why } => {
                    let call = ApiCall {
                        call_id: call.to_string(),
                        room_id: room.to_string(),
                        media: CallMedia::Audio,
                        part: CallPart::Ended,
                        mic: false,
                        speaking: false,
                        camera: false,
                        screen: false,
                        picture: None,
                        since: self.wall().0,
                        sound: None,
                        participants: Vec::new(),
                        listening: None,
                        ended: Some(api_end(why)),
                    };
                    self.tell_call(call);
                }
                Output::Over { room, call, video, over } => self.tell_over(room, call, video, over),
                Output::Missed { room, call, from } => self.note_missed(room, call, from),
            }
        }
        self.sound_follows();
        self.pictures_follow();
        self.carry_listening(false);
    }

    /// Tells in a room of its call that is over.
    fn tell_over(&mut self, room: RoomId, call: CallId, video: bool, over: Over) {
        let Over { from, began, length_ms, accounts, outcome } = over;
        let entry = CallEntry { call, from, video, began, length_ms, accounts, outcome };
        let content = MessageContent { text: String::new(), sent_at: self.wall(), mentions: None, call: Some(entry) };
        let may_write =
            self.replica.roster(room).is_some_and(|it| it.writes_under(self.key.device(), Action::CALL).is_ok());
        let Some(body) = body_of(&content).ok().filter(|_| may_write) else { return };
        let (log, action, targets) = (room.conversation(), Action::CALL, Vec::new());
        // Nobody waits for it.
        drop(self.append(Command::Append { log, action, targets, place: None, body }));
    }

    /// Lists what this person missed.
    fn note_missed(&mut self, room: RoomId, call: CallId, from: AccountId) {
        let Some(roster) = self.replica.roster(room) else { return };
        let name = self.display_name(from);
        let (title, body) = if roster.kind() == RoomKind::Direct {
            (name, "You missed a call.".to_owned())
        } else {
            (roster.settings().name.clone(), format!("{name} called, and you missed it."))
        };
        self.note(Noted {
            id: format!("{MISSED_CALL}{call}"),
            hlc: Hlc::at(self.wall()).0,
            personal: false,
            title,
            body,
            level: NotificationLevel::Warning,
            room: Some(room.to_string()),
            account: Some(from.to_string()),
            post: None,
            read: false,
        });
    }

    fn open_sound(&mut self) -> Result<(), ApiError> {
        if self.calling.sound.is_some() {
            return Ok(());
        }
        self.end_trial();
        let ports: Arc<Mutex<Ports>> = Arc::default();
        let of_sound = Arc::clone(&ports);
        let conference = Conference::start(
            devices::from_environment(),
            self.calling.choice.clone(),
            self.calling.processing,
            true,
            Box::new(move |packet| send_to(&of_sound, SoundOf::Voice, packet)),
        );
        let conference = conference.map_err(|error| ApiError::new(ErrorKind::Internal, error.to_string()))?;
        let (looked_ms, told, rates) = (self.mono_ms(), None, BTreeMap::new());
        self.calling.sound = Some(Sound { conference, ports, told, looked_ms, measured_ms: looked_ms, rates });
        Ok(())
    }

    /// Sound goes to, and comes from, the linked devices that are in the same call, and nobody else.
    fn sound_follows(&mut self) {
        let Some(sound) = &self.calling.sound else { return };
        let current = self.calling.calls.current().map(|(_, call)| call);
        let port = |device: &DeviceId| {
            let connection = self.connection_to(*device)?;
            Some((connection, self.links.as_ref()?.audio(connection)?))
        };
        let wanted: Ports = current.map(|call| call.others.keys().filter_map(port).collect()).unwrap_or_default();
        let before = std::mem::replace(&mut *sound.ports(), wanted.clone());
        for (link, port) in before.iter().filter(|(link, _)| !wanted.contains_key(link)) {
            port.set_sink(None);
            sound.conference.forget(*link);
        }
        for (link, port) in wanted.iter().filter(|(link, _)| !before.contains_key(link)) {
            let (conference, link) = (sound.conference.clone(), *link);
            let sink: AudioSink = Arc::new(move |of, packet| match of {
                SoundOf::Voice => conference.receive(link, packet),
                SoundOf::File => conference.receive_file(link, packet),
            });
            port.set_sink(Some(sink));
        }
        match current {
            Some(call) => sound.conference.set_muted(!call.mic),
            None => self.calling.sound = None,
        }
    }

    /// Pictures likewise.
    fn pictures_follow(&mut self) {
        let own = self.key.device();
        let Some((_, call)) = self.calling.calls.current() else {
            if self.calling.trying.as_ref().is_some_and(|trying| trying.camera) {
                let (links, shown) = (BTreeMap::new(), BTreeSet::new());
                self.calling.pictures.follow(own, Wanted { camera: true, screen: false, links, shown });
            } else {
                self.calling.pictures.end(own);
            }
            return;
        };
        let shown = call.others.iter().flat_map(|(device, other)| {
            let sources = [(Source::Camera, other.camera), (Source::Screen, other.screen)];
            sources.into_iter().filter(|(_, on)| *on).map(|(source, _)| (*device, source))
        });
        let shown = shown.collect();
        let link = |device: &DeviceId| {
            let connection = self.connection_to(*device)?;
            Some((connection, (*device, self.links.as_ref()?.video(connection)?)))
        };
        let links = call.others.keys().filter_map(link).collect();
        let wanted = Wanted { camera: call.camera, screen: call.screen, links, shown };
        self.calling.pictures.follow(own, wanted);
    }

    /// The proven link with a device.
    fn connection_to(&self, device: DeviceId) -> Option<u64> {
        let linked = self.peers.iter().find(|(_, peer)| peer.device == device && peer.link.is_some());
        linked.map(|(connection, _)| *connection)
    }

    fn api_call(&self, room: RoomId, call: &Call) -> ApiCall {
        let sound = self.calling.sound.as_ref().filter(|_| call.is_in());
        let others = call.others.iter().map(|(device, other)| {
            let stats = self.connection_to(*device).and_then(|it| sound?.conference.stats(it));
            CallParticipant {
                user_id: other.account.to_string(),
                device_id: device.to_string(),
                mic: other.mic,
                speaking: other.mic && stats.is_some_and(|stats| stats.speaking),
                camera: other.camera,
                screen: other.screen,
                since: other.since.0,
                path: self.path_to(*device),
            }
        });
        ApiCall {
            call_id: call.id.to_string(),
            room_id: room.to_string(),
            media: api_media(call.video),
            part: match call.part {
                Part::Rung { .. } => CallPart::Ringing,
                Part::Out => CallPart::Out,
                Part::Calling { .. } => CallPart::Calling,
                Part::In => CallPart::In,
            },
            mic: call.is_in() && call.mic,
            speaking: sound.is_some_and(|sound| sound.conference.is_speaking()),
            camera: call.is_in() && call.camera,
            screen: call.is_in() && call.screen,
            picture: sound.and_then(|_| self.calling.pictures.own()),
            since: call.since.0,
            sound: sound.map(|sound| {
                let in_use = sound.conference.in_use();
                let problem = in_use.problem.map(|problem| problem.to_string());
                CallSound { microphone: in_use.microphone, speakers: in_use.speakers, problem }
            }),
            participants: others.collect(),
            listening: self.api_listening(room, call),
            ended: None,
        }
    }
}

/// Sends a packet to everybody who hears this device.
fn send_to(ports: &Mutex<Ports>, of: SoundOf, packet: &Packet) {
    for port in ports.lock().unwrap_or_else(PoisonError::into_inner).values() {
        port.send(of, packet.clone());
    }
}

fn api_media(video: bool) -> CallMedia {
    if video { CallMedia::Video } else { CallMedia::Audio }
}

fn api_screen(Screen { device, kind }: Screen) -> ScreenSource {
    let Device { id, name, is_default } = device;
    let kind = match kind {
        cameras::ScreenKind::Screen => ScreenKind::Screen,
        cameras::ScreenKind::Window => ScreenKind::Window,
        cameras::ScreenKind::Asked => ScreenKind::Asked,
    };
    ScreenSource { source_id: id, name, kind, is_default }
}

fn api_end(why: Ended) -> CallEnd {
    match why {
        Ended::Left => CallEnd::Left,
        Ended::Declined => CallEnd::Declined,
        Ended::Busy => CallEnd::Busy,
        Ended::Unanswered => CallEnd::Unanswered,
        Ended::Elsewhere => CallEnd::Elsewhere,
        Ended::Removed => CallEnd::Removed,
    }
}
