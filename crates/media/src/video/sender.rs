//! A camera or screen on its way out: opened, scaled to what the rate is good for, encoded once for everybody.
//!
//! One thread each, which the source drives: it waits for the next picture there, encodes it and hands it out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::codec::{Content, PictureEncoder, VideoError};
use super::ladder::Ladder;
use super::picture::Picture;
use super::rate_meter::RateMeter;
use super::{EncodedPicture, Source, vp8};
use crate::cameras::{CameraError, Cameras, PictureSource};

/// What is wanted of the next picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// How much may be sent of this source.
    pub bits_per_second: u32,
    /// Somebody can go on with a key picture alone.
    pub key: bool,
}

/// Who sees it. On the source's thread: must not wait.
pub trait Audience: Send {
    /// For who takes them: a picture as it was taken, and when, milliseconds.
    fn taken(&mut self, picture: Arc<Picture>, at_ms: u32);
    /// What is wanted; `None`: nobody gets anything for now, and nothing is encoded.
    fn demand(&mut self) -> Option<Demand>;
    /// For everybody else.
    fn encoded(&mut self, picture: EncodedPicture);
}

/// Between two attempts to open what would not open.
const RETRY_EVERY: Duration = Duration::from_millis(500);
/// Between two attempts to open what was chosen, while another camera runs in its place.
const CHOSEN_EVERY: Duration = Duration::from_secs(3);
/// A key picture goes out no more often, whoever asks for one: it costs as much as ten others.
const KEY_EVERY: Duration = Duration::from_millis(250);

/// What a sender does.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SenderState {
    /// The camera or screen that is open.
    pub name: Option<String>,
    /// What is wrong, for a person.
    pub problem: Option<String>,
    /// It ended, and begins no more: to open it again would ask a person again.
    pub is_over: bool,
    /// The size that is sent.
    pub width: u16,
    /// The same.
    pub height: u16,
    /// Pictures of the last second.
    pub pictures_per_second: f32,
    /// Bits of the last second.
    pub bits_per_second: u64,
    /// Key pictures, ever.
    pub key_pictures: u64,
}

#[derive(Debug)]
struct Control {
    chosen: Option<String>,
    stop: bool,
    state: SenderState,
}

/// See the module. Ends when it is dropped, within one picture's time.
#[derive(Debug)]
pub struct Sender {
    control: Arc<Mutex<Control>>,
}

impl Sender {
    /// Opens a camera or screen, soon.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(
        cameras: Arc<dyn Cameras>,
        source: Source,
        chosen: Option<String>,
        audience: Box<dyn Audience>,
    ) -> std::io::Result<Self> {
        Self::start_trying(cameras, source, chosen, audience, CHOSEN_EVERY)
    }

    /// With another time than [`CHOSEN_EVERY`].
    fn start_trying(
        cameras: Arc<dyn Cameras>,
        source: Source,
        chosen: Option<String>,
        audience: Box<dyn Audience>,
        chosen_every: Duration,
    ) -> std::io::Result<Self> {
        let state = SenderState::default();
        let control = Control { chosen, stop: false, state };
        let control = Arc::new(Mutex::new(control));
        let worker = Worker {
            cameras,
            source,
            chosen_every,
            control: Arc::clone(&control),
            audience,
            key_wanted: false,
            started: Instant::now(),
            encoder: None,
            last_key: None,
            due: Instant::now(),
            meter: RateMeter::default(),
            sent: (0, 0),
        };
        let name = match source {
            Source::Camera => "camera",
            Source::Screen => "screen",
        };
        // Not joined at the end: it may be waiting for the device, and nobody waits for that.
        std::thread::Builder::new().name(name.to_owned()).spawn(move || worker.run())?;
        Ok(Self { control })
    }

    /// Uses another camera or screen from now on.
    pub fn choose(&self, chosen: Option<String>) {
        locked(&self.control).chosen = chosen;
    }

    /// What it does.
    pub fn state(&self) -> SenderState {
        locked(&self.control).state.clone()
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        locked(&self.control).stop = true;
    }
}

struct Encoding {
    encoder: Box<dyn PictureEncoder>,
    width: u16,
    height: u16,
    target: u32,
    ladder: Ladder,
}

/// Why pictures stopped, though they are wanted.
#[derive(Debug, thiserror::Error)]
enum Stopped {
    #[error(transparent)]
    Source(#[from] CameraError),
    #[error(transparent)]
    Encoder(#[from] VideoError),
}

struct Worker {
    cameras: Arc<dyn Cameras>,
    source: Source,
    chosen_every: Duration,
    control: Arc<Mutex<Control>>,
    audience: Box<dyn Audience>,
    /// Asked for, and not made yet.
    key_wanted: bool,
    started: Instant,
    encoder: Option<Encoding>,
    last_key: Option<Instant>,
    /// When the next picture is due, of as many as the rate is good for.
    due: Instant,
    meter: RateMeter,
    /// Pictures and bytes, ever.
    sent: (u64, u64),
}

impl Worker {
    fn run(mut self) {
        while !locked(&self.control).stop {
            let chosen = locked(&self.control).chosen.clone();
            match self.open(chosen.as_deref()) {
                Ok((source, refused)) => match self.show(source, chosen.as_ref(), refused) {
                    Ok(()) => {}
                    Err(Stopped::Source(error)) if error.is_final() => return self.end(&error),
                    Err(stopped) => self.try_later(stopped.to_string()),
                },
                // What was chosen meanwhile is opened instead.
                Err(error) if error.is_final() && self.is_wanted(chosen.as_deref()) => return self.end(&error),
                Err(error) if error.is_final() => {}
                Err(error) => self.try_later(error.to_string()),
            }
        }
    }

    fn try_later(&self, problem: String) {
        self.tell(None, Some(problem));
        std::thread::sleep(RETRY_EVERY);
    }

    fn end(&self, error: &CameraError) {
        self.tell(None, Some(error.to_string()));
        locked(&self.control).state.is_over = true;
    }

    /// Whether this is what is to be opened.
    fn is_wanted(&self, chosen: Option<&str>) -> bool {
        let control = locked(&self.control);
        !control.stop && control.chosen.as_deref() == chosen
    }

    /// What was chosen, or of cameras another one, and why not the chosen one.
    fn open(&self, chosen: Option<&str>) -> Result<(Box<dyn PictureSource>, Option<CameraError>), CameraError> {
        match self.source {
            Source::Screen => {
                let is_wanted = || self.is_wanted(chosen);
                self.cameras.open_screen(chosen, &is_wanted).map(|source| (source, None))
            }
            Source::Camera => match self.cameras.open_camera(chosen) {
                Err(error) if chosen.is_some() => self.cameras.open_camera(None).map(|source| (source, Some(error))),
                opened => opened.map(|source| (source, None)),
            },
        }
    }

    fn tell(&self, name: Option<String>, problem: Option<String>) {
        let mut control = locked(&self.control);
        (control.state.name, control.state.problem) = (name, problem);
    }

    /// Sends pictures until something else is wanted, or the source went. A camera that was chosen, and was refused, takes
    /// the place of the other as soon as it can be had.
    fn show(
        &mut self,
        mut source: Box<dyn PictureSource>,
        chosen: Option<&String>,
        mut refused: Option<CameraError>,
    ) -> Result<(), Stopped> {
        let mut works = false;
        let mut tried = Instant::now();
        loop {
            if refused.is_some() && tried.elapsed() >= self.chosen_every {
                match self.cameras.open_camera(chosen.map(String::as_str)) {
                    Ok(wanted) => (source, refused, works) = (wanted, None, false),
                    // It may be another reason than before.
                    Err(error) => (refused, works) = (Some(error), false),
                }
                tried = Instant::now();
            }
            let picture = Arc::new(source.next()?);
            if !self.is_wanted(chosen.map(String::as_str)) {
                return Ok(());
            }
            let age = self.started.elapsed();
            self.audience.taken(Arc::clone(&picture), u32::try_from(age.as_millis() % (1 << 32)).unwrap_or(0));
            let demand = self.audience.demand();
            let went = match demand {
                Some(demand) => {
                    self.key_wanted |= demand.key;
                    self.encode(&picture, demand.bits_per_second, age).inspect_err(|_| self.encoder = None)?
                }
                None => {
                    self.encoder = None;
                    true
                }
            };
            // Not as soon as it is open: where it opens, and no picture ever goes through, the problem stays told.
            if went && !works {
                self.tell(Some(source.name().to_owned()), refused.as_ref().map(ToString::to_string));
                works = true;
            }
            self.measure();
        }
    }

    /// Whether the picture's turn was now; else it was left out.
    fn encode(&mut self, picture: &Picture, target: u32, age: Duration) -> Result<bool, VideoError> {
        let now = Instant::now();
        let mut ladder =
            self.encoder.as_ref().map_or_else(|| Ladder::new(self.source, target), |encoding| encoding.ladder);
        let step = ladder.follow(target);
        let every = Duration::from_secs(1) / u32::from(step.rate.max(1));
        // Half a picture early is in time: sources are not exact.
        if now + every / 2 < self.due {
            return Ok(false);
        }
        self.due = self.due.max(now - every) + every;
        let makes_key = self.key_wanted && self.last_key.is_none_or(|last| last + KEY_EVERY <= now);
        let (width, height) = picture.fitted(step.width, step.height);
        let fits = self.encoder.as_ref().is_some_and(|it| (it.width, it.height) == (width, height));
        if !fits {
            let content = match self.source {
                Source::Camera => Content::Camera,
                Source::Screen => Content::Screen,
            };
            let encoder = vp8::encoder(width, height, content, target)?;
            self.encoder = Some(Encoding { encoder, width, height, target, ladder });
        }
        let Some(encoding) = &mut self.encoder else { return Ok(false) };
        encoding.ladder = ladder;
        if encoding.target != target {
            encoding.encoder.set_rate(target)?;
            encoding.target = target;
        }
        let scaled = picture.scaled(width, height);
        let clock = i64::try_from(age.as_micros() * 9 / 100).unwrap_or(i64::MAX);
        let Some(encoded) = encoding.encoder.encode(&scaled, clock, makes_key || !fits)? else { return Ok(true) };
        if encoded.key {
            self.key_wanted = false;
            self.last_key = Some(now);
            locked(&self.control).state.key_pictures += 1;
        }
        self.sent.0 += 1;
        self.sent.1 += encoded.data.len() as u64;
        self.audience.encoded(EncodedPicture {
            source: self.source,
            key: encoded.key,
            timestamp: u32::try_from(clock & 0xffff_ffff).unwrap_or(0),
            data: encoded.data.into(),
        });
        Ok(true)
    }

    fn measure(&mut self) {
        let (pictures, bytes) = self.sent;
        let rates = self.meter.measure(Instant::now(), pictures, bytes);
        let mut control = locked(&self.control);
        if let Some(encoding) = &self.encoder {
            (control.state.width, control.state.height) = (encoding.width, encoding.height);
        }
        (control.state.pictures_per_second, control.state.bits_per_second) = rates;
    }
}

fn locked(control: &Mutex<Control>) -> MutexGuard<'_, Control> {
    control.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::Relaxed;

    use super::*;
    use crate::cameras::synthetic::SyntheticCameras;
    use crate::cameras::test_picture::read;

    type Seen = Arc<Mutex<Vec<u32>>>;

    struct Mirror(Seen);

    impl Audience for Mirror {
        fn taken(&mut self, picture: Arc<Picture>, _: u32) {
            self.0.lock().unwrap().push(read(&picture).expect("a test picture").count);
        }

        fn demand(&mut self) -> Option<Demand> {
            None
        }

        fn encoded(&mut self, _: EncodedPicture) {
            panic!("nobody wants any");
        }
    }

    #[track_caller]
    fn wait(what: &str, is_so: impl Fn() -> bool) {
        let begun = Instant::now();
        while !is_so() {
            assert!(begun.elapsed() < Duration::from_secs(10), "not within 10 s: {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// One camera of an odd size.
    #[derive(Debug)]
    struct Odd(u16, u16);

    impl Cameras for Odd {
        fn cameras(&self) -> Vec<crate::devices::Device> {
            Vec::new()
        }

        fn screens(&self) -> Vec<crate::cameras::Screen> {
            Vec::new()
        }

        fn look_for_camera(&self) -> Result<(), CameraError> {
            Ok(())
        }

        fn look_for_screen(&self) -> Result<(), CameraError> {
            Err(CameraError::NoScreen)
        }

        fn open_camera(&self, _: Option<&str>) -> Result<Box<dyn PictureSource>, CameraError> {
            Ok(Box::new(Self(self.0, self.1)))
        }

        fn open_screen(&self, _: Option<&str>, _: &dyn Fn() -> bool) -> Result<Box<dyn PictureSource>, CameraError> {
            Err(CameraError::NoScreen)
        }
    }

    impl PictureSource for Odd {
        fn name(&self) -> &'static str {
            "odd"
        }

        fn next(&mut self) -> Result<Picture, CameraError> {
            std::thread::sleep(Duration::from_millis(10));
            Ok(Picture::grey(self.0, self.1, 77))
        }
    }

    /// A desktop that asks: how often it did, and the answer, or none as long as it is wanted.
    #[derive(Debug, Default)]
    struct Asking {
        asked: std::sync::atomic::AtomicU32,
        taken_back: std::sync::atomic::AtomicU32,
        answer: Option<CameraError>,
    }

    impl Cameras for Asking {
        fn cameras(&self) -> Vec<crate::devices::Device> {
            Vec::new()
        }

        fn screens(&self) -> Vec<crate::cameras::Screen> {
            Vec::new()
        }

        fn look_for_camera(&self) -> Result<(), CameraError> {
            Err(CameraError::NoCamera)
        }

        fn look_for_screen(&self) -> Result<(), CameraError> {
            Ok(())
        }

        fn open_camera(&self, _: Option<&str>) -> Result<Box<dyn PictureSource>, CameraError> {
            Err(CameraError::NoCamera)
        }

        fn open_screen(
            &self,
            _: Option<&str>,
            is_wanted: &dyn Fn() -> bool,
        ) -> Result<Box<dyn PictureSource>, CameraError> {
            self.asked.fetch_add(1, Relaxed);
            if let Some(answer) = &self.answer {
                return Err(answer.clone());
            }
            while is_wanted() {
                std::thread::sleep(Duration::from_millis(5));
            }
            self.taken_back.fetch_add(1, Relaxed);
            Err(CameraError::NotChosen)
        }
    }

    fn nobody() -> Box<Mirror> {
        Box::new(Mirror(Seen::default()))
    }

    #[test]
    fn who_chose_no_screen_is_not_asked_again() {
        let cameras = Arc::new(Asking { answer: Some(CameraError::NotChosen), ..Asking::default() });
        let asking: Arc<dyn Cameras> = Arc::<Asking>::clone(&cameras);
        let sender = Sender::start(asking, Source::Screen, None, nobody()).unwrap();
        wait("it is over", || sender.state().is_over);
        assert_eq!(sender.state().problem, Some(CameraError::NotChosen.to_string()));
        // Its thread has ended, and nothing else has the cameras.
        wait("the thread is gone", || Arc::strong_count(&cameras) == 1);
        assert_eq!(cameras.asked.load(Relaxed), 1);
    }

    #[test]
    fn a_question_is_taken_back_when_its_answer_is_not_wanted_any_more() {
        let cameras = Arc::new(Asking::default());
        let asking: Arc<dyn Cameras> = Arc::<Asking>::clone(&cameras);
        let sender = Sender::start(asking, Source::Screen, None, nobody()).unwrap();
        wait("it asks", || cameras.asked.load(Relaxed) == 1);
        sender.choose(Some("another".to_owned()));
        wait("it asks for the other", || cameras.asked.load(Relaxed) == 2);
        assert_eq!((cameras.taken_back.load(Relaxed), sender.state().is_over), (1, false));
        drop(sender);
        wait("that is taken back too", || cameras.taken_back.load(Relaxed) == 2);
    }

    struct Reader(std::sync::mpsc::Sender<EncodedPicture>);

    impl Audience for Reader {
        fn taken(&mut self, _: Arc<Picture>, _: u32) {}

        fn demand(&mut self) -> Option<Demand> {
            Some(Demand { bits_per_second: 300_000, key: false })
        }

        fn encoded(&mut self, picture: EncodedPicture) {
            let _ = self.0.send(picture);
        }
    }

    #[test]
    fn a_camera_of_an_odd_size_is_seen_in_one_that_fits() {
        let (reader, encoded) = std::sync::mpsc::channel();
        // Into 640×360, and what fits of that into 636.
        let cameras = Arc::new(Odd(1_366, 768));
        let sender = Sender::start(cameras, Source::Camera, None, Box::new(Reader(reader))).unwrap();
        let first = encoded.recv_timeout(Duration::from_secs(10));
        let first = first.unwrap_or_else(|_| panic!("nothing is sent: {:?}", sender.state()));
        assert!(first.key);
        let seen = vp8::decoder().unwrap().decode(&first.data).unwrap().expect("a picture");
        assert_eq!((seen.width(), seen.height()), (640, 358));
    }

    #[test]
    fn a_camera_that_goes_is_replaced_and_one_that_comes_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("cameras");
        std::fs::write(&list, "desk\nhat\n").unwrap();
        let seen = Seen::default();
        let cameras = Arc::new(SyntheticCameras::new(3).listed_in(list.clone()));
        let mirror = Box::new(Mirror(Arc::clone(&seen)));
        let hat = Some("hat".to_owned());
        let sender = Sender::start_trying(cameras, Source::Camera, hat, mirror, Duration::from_millis(50)).unwrap();
        let is = |name: &str| sender.state().name.as_deref() == Some(name);
        wait("what was chosen is used", || is("hat") && seen.lock().unwrap().len() > 2);

        std::fs::write(&list, "desk\n").unwrap();
        wait("another is used, and why is said", || is("desk") && sender.state().problem.is_some());
        // Both are there, and the one that was chosen is used.
        std::fs::write(&list, "desk\nhat\n").unwrap();
        wait("what was chosen is used again", || is("hat") && sender.state().problem.is_none());
        std::fs::write(&list, "desk\n").unwrap();
        wait("the other one again", || is("desk") && sender.state().problem.is_some());
        std::fs::write(&list, "").unwrap();
        wait("there is none, and that is said", || {
            sender.state().name.is_none() && sender.state().problem.is_some_and(|problem| problem.contains("No camera"))
        });
        std::fs::write(&list, "new\n").unwrap();
        sender.choose(None);
        wait("the one that came is used", || is("new") && sender.state().problem.is_none());
        let before = seen.lock().unwrap().len();
        wait("it is seen", || seen.lock().unwrap().len() > before + 2);
        assert_eq!(sender.state().key_pictures, 0, "nothing is encoded for nobody");
    }
}
