//! The pictures of one link on their way in: put together, decoded, handed out.
//!
//! One thread a link, so that no decoder waits for another's, and the link's own task for none.

use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::codec::{PictureDecoder, VideoError};
use super::incoming::Incoming;
use super::payload::Feedback;
use super::picture::Picture;
use super::rate_meter::{RATE_WINDOW, RateMeter};
use super::{Source, VideoPacket, vp8};

/// Packets that wait to be looked at. More are dropped, and asked for again.
const WAITING_MAX: usize = 1_024;
/// While something is awaited it is looked after so often.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Takes decoded pictures and when they were taken, of the other side's clock in milliseconds. Must not wait.
pub type OnPicture = Box<dyn FnMut(Source, Arc<Picture>, u32) + Send>;

/// Takes what is to be told, and what was. Must not wait.
pub trait Wire: Send {
    /// To the other side.
    fn tell(&mut self, feedback: Feedback);
    /// From the other side, of what this one sent.
    fn hear(&mut self, feedback: Feedback);
}

/// The figures of one source's pictures.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct VideoStats {
    /// Packets that came.
    pub packets_received: u64,
    /// Packets that never did.
    pub packets_lost: u64,
    /// Packets and pictures that were none.
    pub packets_refused: u64,
    /// Pictures decoded.
    pub frames_decoded: u64,
    /// Pictures given up.
    pub frames_dropped: u64,
    /// Key pictures asked for.
    pub key_frames_asked: u64,
    /// Of the newest picture.
    pub width: u16,
    /// The same.
    pub height: u16,
    /// Of the last second.
    pub frames_per_second: f32,
    /// Of the last second.
    pub bits_per_second: u64,
    /// From the first packet of a picture until it was decoded, about.
    pub delay_ms: u64,
}

#[derive(Debug, Default)]
struct Shared {
    camera: VideoStats,
    screen: VideoStats,
    round_trip: Option<Duration>,
    problem: Option<String>,
}

/// See the module. Ends when it is dropped.
#[derive(Debug)]
pub struct Receiver {
    packets: SyncSender<(Instant, VideoPacket)>,
    shared: Arc<Mutex<Shared>>,
}

impl Receiver {
    /// Waits for packets.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(on_picture: OnPicture, wire: Box<dyn Wire>) -> std::io::Result<Self> {
        Self::start_with(on_picture, wire, vp8::decoder)
    }

    fn start_with(on_picture: OnPicture, wire: Box<dyn Wire>, decoder: NewDecoder) -> std::io::Result<Self> {
        let (packets, waiting) = mpsc::sync_channel(WAITING_MAX);
        let shared = Arc::new(Mutex::new(Shared::default()));
        let worker = Worker {
            started: Instant::now(),
            incoming: Incoming::default(),
            shared: Arc::clone(&shared),
            on_picture,
            wire,
            decoder,
            camera: Decoding::default(),
            screen: Decoding::default(),
        };
        std::thread::Builder::new().name("pictures".to_owned()).spawn(move || worker.run(&waiting))?;
        Ok(Self { packets, shared })
    }

    /// A packet came. Does not wait.
    pub fn receive(&self, packet: VideoPacket) {
        let _ = self.packets.try_send((Instant::now(), packet));
    }

    /// There and back on this link.
    pub fn set_round_trip(&self, round_trip: Duration) {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).round_trip = Some(round_trip);
    }

    /// Why what comes cannot be shown, for a person.
    pub fn problem(&self) -> Option<String> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).problem.clone()
    }

    /// The figures of a source, once something of it came.
    pub fn stats(&self, source: Source) -> Option<VideoStats> {
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let stats = match source {
            Source::Camera => shared.camera,
            Source::Screen => shared.screen,
        };
        (stats.packets_received > 0 || stats.packets_refused > 0).then_some(stats)
    }
}

#[derive(Debug, Default)]
struct Decoding {
    decoder: Option<Box<dyn PictureDecoder>>,
    decoded: u64,
    refused: u64,
    size: (u16, u16),
    delay_ms: f32,
    meter: RateMeter,
}

/// Makes a decoder, where there can be one.
type NewDecoder = fn() -> Result<Box<dyn PictureDecoder>, VideoError>;

struct Worker {
    started: Instant,
    incoming: Incoming,
    shared: Arc<Mutex<Shared>>,
    on_picture: OnPicture,
    wire: Box<dyn Wire>,
    decoder: NewDecoder,
    camera: Decoding,
    screen: Decoding,
}

impl Worker {
    fn run(mut self, waiting: &mpsc::Receiver<(Instant, VideoPacket)>) {
        loop {
            let packet = if self.incoming.is_busy(self.started.elapsed()) {
                waiting.recv_timeout(LOOK_EVERY)
            } else {
                waiting.recv_timeout(RATE_WINDOW)
            };
            match packet {
                Ok((at, packet)) => {
                    self.take(at, &packet);
                    // All that is there: what one decodes may be old by then. Not what comes meanwhile, of which there may
                    // be no end.
                    for (at, packet) in waiting.try_iter().take(WAITING_MAX) {
                        self.take(at, &packet);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            for source in [Source::Camera, Source::Screen] {
                self.decode(source);
            }
            let round_trip = self.shared.lock().unwrap_or_else(PoisonError::into_inner).round_trip;
            if let Some(round_trip) = round_trip {
                self.incoming.set_round_trip(self.started.elapsed(), round_trip);
            }
            if let Some(feedback) = self.incoming.feedback(self.started.elapsed()) {
                self.wire.tell(feedback);
            }
            self.measure();
        }
    }

    fn take(&mut self, at: Instant, packet: &VideoPacket) {
        match self.incoming.push(at.saturating_duration_since(self.started), packet) {
            Ok(Some(feedback)) => self.wire.hear(feedback),
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "a packet was refused"),
        }
    }

    /// Decodes what is whole, and hands out each.
    fn decode(&mut self, source: Source) {
        let decoding = match source {
            Source::Camera => &mut self.camera,
            Source::Screen => &mut self.screen,
        };
        while let Some(whole) = self.incoming.next_picture(source) {
            let decoder = match &mut decoding.decoder {
                Some(decoder) => decoder,
                empty => match (self.decoder)() {
                    Ok(decoder) => empty.insert(decoder),
                    Err(error) => {
                        // No key picture would help, and one costs everybody in the call.
                        decoding.refused += 1;
                        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
                        if shared.problem.is_none() {
                            tracing::warn!(%error, "pictures cannot be shown");
                            shared.problem = Some(error.to_string());
                        }
                        continue;
                    }
                },
            };
            match decoder.decode(&whole.data) {
                Ok(picture) => {
                    decoding.decoded += 1;
                    let delay = self.started.elapsed().saturating_sub(whole.first).as_secs_f32() * 1_000.0;
                    decoding.delay_ms += (delay - decoding.delay_ms) / 16.0;
                    if let Some(picture) = picture {
                        decoding.size = (picture.width(), picture.height());
                        (self.on_picture)(source, Arc::new(picture), whole.timestamp / 90);
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, ?source, "a picture was refused");
                    decoding.refused += 1;
                    decoding.decoder = None;
                    self.incoming.refuse(source);
                }
            }
        }
    }

    fn measure(&mut self) {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        for source in [Source::Camera, Source::Screen] {
            let counts = self.incoming.counts(source);
            let (decoding, stats) = match source {
                Source::Camera => (&mut self.camera, &mut shared.camera),
                Source::Screen => (&mut self.screen, &mut shared.screen),
            };
            let (frames_per_second, bits_per_second) =
                decoding.meter.measure(Instant::now(), decoding.decoded, counts.bytes);
            *stats = VideoStats {
                packets_received: counts.received,
                packets_lost: counts.lost,
                // What is no packet at all belongs to neither, and is told of with the camera.
                packets_refused: decoding.refused + if source == Source::Camera { self.incoming.refused() } else { 0 },
                frames_decoded: decoding.decoded,
                frames_dropped: counts.dropped,
                key_frames_asked: counts.keys_asked,
                width: decoding.size.0,
                height: decoding.size.1,
                frames_per_second,
                bits_per_second,
                delay_ms: decoding.delay_ms as u64,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cameras::synthetic::SyntheticCameras;
    use crate::cameras::test_picture::read;
    use crate::split_mix::SplitMix;
    use crate::video::EncodedPicture;
    use crate::video::outgoing::Outgoing;
    use crate::video::sender::{Audience, Demand, Sender};

    type Way = Arc<Mutex<Outgoing>>;

    struct Ends {
        own: Way,
    }

    impl Wire for Ends {
        fn tell(&mut self, feedback: Feedback) {
            self.own.lock().unwrap().tell(&feedback);
        }

        fn hear(&mut self, _: Feedback) {}
    }

    struct Told {
        way: Way,
        started: Instant,
    }

    impl Wire for Told {
        fn tell(&mut self, _: Feedback) {}

        fn hear(&mut self, feedback: Feedback) {
            self.way.lock().unwrap().hear(self.started.elapsed(), &feedback);
        }
    }

    struct Everybody {
        way: Way,
        started: Instant,
    }

    impl Audience for Everybody {
        fn taken(&mut self, _: Arc<Picture>, _: u32) {}

        fn demand(&mut self) -> Option<Demand> {
            let key = self.way.lock().unwrap().takes_key(self.started.elapsed(), Source::Camera);
            Some(Demand { bits_per_second: 400_000, key })
        }

        fn encoded(&mut self, picture: EncodedPicture) {
            self.way.lock().unwrap().push(self.started.elapsed(), &picture);
        }
    }

    struct Heard(mpsc::Sender<Feedback>);

    impl Wire for Heard {
        fn tell(&mut self, feedback: Feedback) {
            let _ = self.0.send(feedback);
        }

        fn hear(&mut self, _: Feedback) {}
    }

    #[test]
    fn who_cannot_decode_says_so_here_and_asks_nobody_for_key_pictures() {
        let (heard, feedback) = mpsc::channel();
        let none: NewDecoder = || Err(VideoError::Missing("a package"));
        let nothing: OnPicture = Box::new(|_, _, _| panic!("there is nothing to see"));
        let receiver = Receiver::start_with(nothing, Box::new(Heard(heard)), none).unwrap();
        let mut outgoing = Outgoing::default();
        let data: Arc<[u8]> = vec![7; 900].into();
        // Feedback goes every 50 ms where there is something to tell of, and a key picture would be asked for at once.
        for n in 0..10 {
            let picture = EncodedPicture { source: Source::Camera, key: n == 0, timestamp: n, data: Arc::clone(&data) };
            let now = Duration::from_millis(u64::from(n) * 100);
            outgoing.push(now, &picture);
            receiver.receive(outgoing.poll(now).expect("one packet each"));
            let told = feedback.recv_timeout(Duration::from_secs(10)).expect("it tells what came");
            assert!(!told.key_camera && !told.key_screen, "after {n}");
        }
        assert!(receiver.problem().is_some_and(|problem| problem.contains("a package")));
        assert_eq!(receiver.stats(Source::Camera).map(|stats| stats.frames_decoded), Some(0));
    }

    /// A camera here, a window there, a way between that loses one packet in ten each way: what is seen counts up.
    #[test]
    fn pictures_cross_a_way_that_loses_packets() {
        let started = Instant::now();
        let (there, back): (Way, Way) = (Way::default(), Way::default());
        let seen: Arc<Mutex<Vec<u32>>> = Arc::default();
        let seeing = Arc::clone(&seen);
        let show: OnPicture = Box::new(move |source, picture, _| {
            assert_eq!(source, Source::Camera);
            let counted = read(&picture).expect("a whole picture");
            assert_eq!(counted.who, 5);
            seeing.lock().unwrap().push(counted.count);
        });
        let receiver = Receiver::start(show, Box::new(Ends { own: Arc::clone(&back) })).unwrap();
        let told = Box::new(Told { way: Arc::clone(&there), started });
        let sending = Receiver::start(Box::new(|_, _, _| {}), told).unwrap();
        let everybody = Box::new(Everybody { way: Arc::clone(&there), started });
        let sender = Sender::start(Arc::new(SyntheticCameras::new(5)), Source::Camera, None, everybody).unwrap();
        let mut chance = SplitMix::new(3);
        // Figures follow what is seen.
        let enough = || receiver.stats(Source::Camera).is_some_and(|stats| stats.frames_decoded >= 60);
        while !enough() && started.elapsed() < Duration::from_secs(20) {
            let now = started.elapsed();
            for (way, end) in [(&there, &receiver), (&back, &sending)] {
                while let Some(packet) = way.lock().unwrap().poll(now) {
                    if !chance.draw().is_multiple_of(10) {
                        end.receive(packet);
                    }
                }
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let seen = seen.lock().unwrap().clone();
        assert!(seen.len() >= 60, "{} pictures in {:?}", seen.len(), started.elapsed());
        assert!(seen.is_sorted(), "out of order: {seen:?}");
        let stats = receiver.stats(Source::Camera).unwrap();
        assert!(stats.width == 640 && stats.frames_decoded >= 60, "{stats:?}");
        assert_eq!(sender.state().name.as_deref(), Some("synthetic"));
    }
}
