//! The pictures of the call that this device is in: cameras and screens out, everybody's in, to whoever looks.

use std::collections::{BTreeMap, BTreeSet};
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

/// A window that was closed for so long does not come back by itself, milliseconds.
const LEFT_MS: u64 = 5_000;
/// How long it is said why a screen is not shown any more that was switched off by itself, milliseconds.
const SAID_MS: u64 = 15_000;

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
    leaving: Leaving,
    /// Why the screen was switched off by itself, and when, milliseconds.
    screen_ended: Option<(String, u64)>,
}

/// How long the last window has been closed.
#[derive(Debug, Default)]
struct Leaving {
    /// Since when nobody looks, where somebody did, milliseconds.
    since_ms: Option<u64>,
}

impl Leaving {
    /// Whether nobody has looked for so long that they left. Told of often.
    fn is_over(&mut self, nobody_looks: bool, now_ms: u64) -> bool {
        if !nobody_looks {
            self.since_ms = None;
            return false;
        }
        *self.since_ms.get_or_insert(now_ms) + LEFT_MS <= now_ms
    }
}

#[derive(Debug)]
struct Other {
    device: DeviceId,
    port: Arc<VideoPort>,
    receiver: Arc<Receiver>,
}

impl Drop for Other {
    /// The port holds the receiver, whose thread holds the port: one of them must let go.
    fn drop(&mut self) {
        self.port.set_sink(None);
    }
}

impl Drop for Pictures {
    fn drop(&mut self) {
        self.gallery.clear();
    }
}

/// What the threads of cameras look at.
#[derive(Debug, Default)]
struct Shared {
    ports: Mutex<Ports>,
    camera: AtomicBool,
    screen: AtomicBool,
}

impl Shared {
    fn is_on(&self, source: Source) -> &AtomicBool {
        match source {
            Source::Camera => &self.camera,
            Source::Screen => &self.screen,
        }
    }

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
        self.gallery.show(self.own, self.source, &picture, at_ms);
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
        // Not after it was switched off, the thread is one picture behind: who switches it off does so before it takes
        // these.
        let ports = self.shared.ports();
        if self.shared.is_on(self.source).load(Ordering::Relaxed) {
            ports.values().for_each(|port| port.send(&picture));
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
    /// Who shows what, of the others.
    pub(super) shown: BTreeSet<(DeviceId, Source)>,
}

impl Pictures {
    /// Sends and takes what is wanted, and nothing else.
    pub(super) fn follow(&mut self, own: DeviceId, wanted: Wanted) {
        if wanted.screen {
            self.screen_ended = None;
        }
        // First no more goes to who is gone, then what waits for them goes.
        self.shared.ports().retain(|link, _| wanted.links.contains_key(link));
        self.others.retain(|link, _| wanted.links.contains_key(link));
        for (link, (device, port)) in &wanted.links {
            if !self.others.contains_key(link) {
                match self.other(*device, port) {
                    Ok(other) => drop(self.others.insert(*link, other)),
                    Err(error) => tracing::warn!(%error, "somebody cannot be seen"),
                }
            }
        }
        let linked = wanted.links.values().map(|(device, _)| *device).collect::<BTreeSet<DeviceId>>();
        let mut shown = wanted.shown;
        shown.retain(|(device, _)| linked.contains(device));
        *self.shared.ports() = wanted.links.into_iter().map(|(link, (_, port))| (link, port)).collect();
        for (source, on) in [(Source::Camera, wanted.camera), (Source::Screen, wanted.screen)] {
            if on {
                shown.insert((own, source));
            }
            self.switch(own, source, on);
        }
        self.gallery.admit(shown);
    }

    /// The call is over.
    pub(super) fn end(&mut self, own: DeviceId) {
        self.screen_ended = None;
        if !self.others.is_empty() || self.camera.is_some() || self.screen.is_some() {
            let (links, shown) = (BTreeMap::new(), BTreeSet::new());
            self.follow(own, Wanted { camera: false, screen: false, links, shown });
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
        let (sender, chosen) = match source {
            Source::Camera => (&mut self.camera, &self.chosen_camera),
            Source::Screen => (&mut self.screen, &self.chosen_screen),
        };
        self.shared.is_on(source).store(on, Ordering::Relaxed);
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
                // Off is off: not even what waits.
                self.shared.ports().values().for_each(|port| port.leave_out(source));
            }
            None => {}
        }
    }

    /// Whether the last window was closed a while ago while a picture of this person is shown: nothing tells them any
    /// more that it is. A window that is loaded again is back sooner.
    pub(super) fn are_left(&mut self, now_ms: u64) -> bool {
        let is_shown = self.camera.is_some() || self.screen.is_some();
        self.leaving.is_over(is_shown && self.gallery.is_left(), now_ms)
    }

    /// Whether the screen ended and is to be switched off: the person chose none when the desktop asked, or ended it there.
    /// Told of often. Why is said for a while.
    pub(super) fn screen_is_over(&mut self, now_ms: u64) -> bool {
        self.screen_ended.take_if(|(_, since_ms)| *since_ms + SAID_MS <= now_ms);
        let over = self.screen.as_ref().map(Sender::state).filter(|state| state.is_over);
        let is_over = over.is_some();
        if let Some(why) = over.and_then(|state| state.problem) {
            self.screen_ended = Some((why, now_ms));
        }
        is_over
    }

    pub(super) fn set_round_trip(&self, device: DeviceId, round_trip: Duration) {
        for other in self.others.values().filter(|other| other.device == device) {
            other.receiver.set_round_trip(round_trip);
        }
    }

    /// What of one's own is sent, and what is wrong with it, or with seeing others.
    pub(super) fn own(&self) -> Option<CallPicture> {
        let camera = self.camera.as_ref().map(Sender::state);
        let screen = self.screen.as_ref().map(Sender::state);
        let problem = [&camera, &screen].into_iter().flatten().find_map(|state| state.problem.clone());
        let problem = problem.or_else(|| self.screen_ended.as_ref().map(|(why, _)| why.clone()));
        let problem = problem.or_else(|| self.others.values().find_map(|other| other.receiver.problem()));
        if camera.is_none() && screen.is_none() && problem.is_none() {
            return None;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_that_is_loaded_again_is_not_taken_for_one_that_was_closed() {
        let mut leaving = Leaving::default();
        assert!(!leaving.is_over(false, 1_000));
        // It is away for a moment, twice, and each is a moment of its own.
        for begun_ms in [2_000, 9_000] {
            assert!(!leaving.is_over(true, begun_ms));
            assert!(!leaving.is_over(true, begun_ms + LEFT_MS - 1));
            assert!(!leaving.is_over(false, begun_ms + LEFT_MS + 10));
        }
        assert!(!leaving.is_over(true, 20_000));
        assert!(leaving.is_over(true, 20_000 + LEFT_MS));
        assert!(leaving.is_over(true, 90_000));
        assert!(!leaving.is_over(false, 90_001), "it is open again");
        assert!(!leaving.is_over(true, 90_002));
    }
}
