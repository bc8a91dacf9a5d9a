//! The pictures of the call that this device is in: cameras and screens out, everybody's in, to whoever looks.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use momoland_media::cameras;
use momoland_media::video::payload::Feedback;
use momoland_media::video::picture::Picture;
use momoland_media::video::receiver::{Receiver, VideoStats as ReceivedVideo, Wire};
use momoland_media::video::sender::{Audience, Demand, Sender, SenderState};
use momoland_media::video::{EncodedPicture, Source};
use momoland_protocol::id::DeviceId;

use crate::api::types::{CallPicture, SentPictures, SentVideo, VideoStats};
use crate::calls::Gallery;
use crate::link::{VideoPort, VideoSink};

/// The pictures of links, by connection.
type Ports = BTreeMap<u64, Arc<VideoPort>>;

/// The share of a way that a face has beside a screen, per cent: text must be read, a face is known anyway.
const FACE_BESIDE_SCREEN: u32 = 35;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Pictures {
    pub(super) gallery: Gallery,
    pub(super) chosen_camera: Option<String>,
    pub(super) chosen_screen: Option<String>,
    camera: Option<Sender>,
    screen: Option<Sender>,
    shared: Arc<Shared>,
    others: BTreeMap<u64, Other>,
}

#[derive(Debug)]
struct Other {
    device: DeviceId,
    port: Arc<VideoPort>,
    receiver: Arc<Receiver>,
}

/// What the threads of cameras look at.
#[derive(Debug, Default)]
struct Shared {
    ports: Mutex<Ports>,
    camera: AtomicBool,
    screen: AtomicBool,
}

impl Shared {
    fn ports(&self) -> MutexGuard<'_, Ports> {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Everybody {
    own: DeviceId,
    source: Source,
    gallery: Gallery,
    shared: Arc<Shared>,
}

impl Audience for Everybody {
    fn taken(&mut self, picture: Arc<Picture>, at_ms: u32) {
        // Not after it was switched off: the thread is one picture behind.
        let on = match self.source {
            Source::Camera => &self.shared.camera,
            Source::Screen => &self.shared.screen,
        };
        if on.load(Ordering::Relaxed) {
            self.gallery.show(self.own, self.source, &picture, at_ms);
        }
    }

    /// One encoding for all: as much as the narrowest way carries.
    fn demand(&mut self) -> Option<Demand> {
        let ports = self.shared.ports();
        // Of all: each is asked once.
        let key = ports.values().filter(|port| port.takes_key(self.source)).count() > 0;
        let narrowest = ports.values().filter_map(|port| port.estimate()).min()?;
        let both = self.shared.camera.load(Ordering::Relaxed) && self.shared.screen.load(Ordering::Relaxed);
        let share = match self.source {
            _ if !both => 100,
            Source::Camera => FACE_BESIDE_SCREEN,
            Source::Screen => 100 - FACE_BESIDE_SCREEN,
        };
        Some(Demand { bits_per_second: narrowest / 100 * share, key })
    }

    fn encoded(&mut self, picture: EncodedPicture) {
        let on = match self.source {
            Source::Camera => &self.shared.camera,
            Source::Screen => &self.shared.screen,
        };
        if on.load(Ordering::Relaxed) {
            self.shared.ports().values().for_each(|port| port.send(&picture));
        }
    }
}

struct Ends(Arc<VideoPort>);

impl Wire for Ends {
    fn tell(&mut self, feedback: Feedback) {
        self.0.tell(&feedback);
    }

    fn hear(&mut self, feedback: Feedback) {
        self.0.hear(&feedback);
    }
}

/// What is to be sent, and who is in the call.
pub(super) struct Wanted {
    pub(super) camera: bool,
    pub(super) screen: bool,
    pub(super) links: BTreeMap<u64, (DeviceId, Arc<VideoPort>)>,
}

impl Pictures {
    /// Sends and takes what is wanted, and nothing else.
    pub(super) fn follow(&mut self, own: DeviceId, wanted: Wanted) {
        let gone: Vec<u64> = self.others.keys().filter(|link| !wanted.links.contains_key(link)).copied().collect();
        for link in gone {
            if let Some(other) = self.others.remove(&link) {
                other.port.set_sink(None);
                self.gallery.forget(other.device, Source::Camera);
                self.gallery.forget(other.device, Source::Screen);
            }
        }
        for (link, (device, port)) in &wanted.links {
            if !self.others.contains_key(link) {
                match self.other(*device, port) {
                    Ok(other) => drop(self.others.insert(*link, other)),
                    Err(error) => tracing::warn!(%error, "somebody cannot be seen"),
                }
            }
        }
        *self.shared.ports() = wanted.links.into_iter().map(|(link, (_, port))| (link, port)).collect();
        self.switch(own, Source::Camera, wanted.camera);
        self.switch(own, Source::Screen, wanted.screen);
    }

    /// The call is over.
    pub(super) fn end(&mut self, own: DeviceId) {
        if !self.others.is_empty() || self.camera.is_some() || self.screen.is_some() {
            self.follow(own, Wanted { camera: false, screen: false, links: BTreeMap::new() });
            self.gallery.clear();
        }
    }

    fn other(&self, device: DeviceId, port: &Arc<VideoPort>) -> std::io::Result<Other> {
        let gallery = self.gallery.clone();
        let receiver = Receiver::start(
            Box::new(move |source, picture, at_ms| gallery.show(device, source, &picture, at_ms)),
            Box::new(Ends(Arc::clone(port))),
        )?;
        let receiver = Arc::new(receiver);
        let of_sink = Arc::clone(&receiver);
        let sink: VideoSink = Arc::new(move |packet| of_sink.receive(packet));
        port.set_sink(Some(sink));
        Ok(Other { device, port: Arc::clone(port), receiver })
    }

    fn switch(&mut self, own: DeviceId, source: Source, on: bool) {
        let (sender, chosen, flag) = match source {
            Source::Camera => (&mut self.camera, &self.chosen_camera, &self.shared.camera),
            Source::Screen => (&mut self.screen, &self.chosen_screen, &self.shared.screen),
        };
        flag.store(on, Ordering::Relaxed);
        match sender {
            Some(sender) if on => sender.choose(chosen.clone()),
            None if on => {
                let (gallery, shared) = (self.gallery.clone(), Arc::clone(&self.shared));
                let everybody = Box::new(Everybody { own, source, gallery, shared });
                match Sender::start(cameras::from_environment(), source, chosen.clone(), everybody) {
                    Ok(started) => *sender = Some(started),
                    Err(error) => tracing::warn!(%error, "no picture is sent"),
                }
            }
            Some(_) => {
                *sender = None;
                self.gallery.forget(own, source);
            }
            None => {}
        }
    }

    /// A participant shows something no more.
    pub(super) fn forget(&self, device: DeviceId, source: Source) {
        self.gallery.forget(device, source);
    }

    pub(super) fn set_round_trip(&self, device: DeviceId, round_trip: Duration) {
        for other in self.others.values().filter(|other| other.device == device) {
            other.receiver.set_round_trip(round_trip);
        }
    }

    /// What of one's own is sent, and what is wrong with it.
    pub(super) fn own(&self) -> Option<CallPicture> {
        if self.camera.is_none() && self.screen.is_none() {
            return None;
        }
        let camera = self.camera.as_ref().map(Sender::state);
        let screen = self.screen.as_ref().map(Sender::state);
        let problem = [&camera, &screen].into_iter().flatten().find_map(|state| state.problem.clone());
        Some(CallPicture { camera: camera.and_then(|state| state.name), problem })
    }

    pub(super) fn received(&self, link: u64, source: Source) -> Option<VideoStats> {
        let ReceivedVideo {
            packets_received,
            packets_lost,
            packets_refused,
            frames_decoded,
            frames_dropped,
            key_frames_asked,
            width,
            height,
            frames_per_second,
            bits_per_second,
            delay_ms,
        } = self.others.get(&link)?.receiver.stats(source)?;
        Some(VideoStats {
            packets_received,
            packets_lost,
            packets_refused,
            frames_decoded,
            frames_dropped,
            key_frames_asked,
            width,
            height,
            frames_per_second,
            bits_per_second,
            delay_ms,
        })
    }

    pub(super) fn sent(&self, link: u64) -> Option<SentPictures> {
        let estimate = self.others.get(&link)?.port.estimate().unwrap_or(0);
        let sent = |sender: &Option<Sender>| {
            let SenderState { width, height, pictures_per_second, bits_per_second, key_pictures, .. } =
                sender.as_ref()?.state();
            Some(SentVideo {
                width,
                height,
                frames_per_second: pictures_per_second,
                bits_per_second,
                target_bits_per_second: estimate.into(),
                key_frames: key_pictures,
            })
        };
        let sent = SentPictures { video: sent(&self.camera), screen: sent(&self.screen) };
        (sent.video.is_some() || sent.screen.is_some()).then_some(sent)
    }
}
