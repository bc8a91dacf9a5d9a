//! Keeps a microphone and speakers open: what was chosen, else the default; and another one when a device goes.
//!
//! On a thread of its own, since opening a device can take long, and whoever is in a call must not wait for it.
//!
//! # Invariants
//! 1. A device that goes is replaced within a second where there is another, and otherwise said to be missing; it is
//!    used again once it is back. Test: `a_device_that_goes_is_replaced_and_used_again_when_it_is_back`.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{DeviceError, Devices, OnCapture, OnPlay, Purpose, Running};

/// How often open devices are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// After a device could not be had it is tried again this often.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// Which devices are wanted, by their ids; the defaults where there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// To be heard with.
    pub microphone: Option<String>,
    /// To hear with.
    pub speakers: Option<String>,
}

/// Which devices are used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InUse {
    /// The microphone's name.
    pub microphone: Option<String>,
    /// The speakers' name.
    pub speakers: Option<String>,
    /// Why one of them is missing.
    pub problem: Option<DeviceError>,
}

/// See the module. The devices are closed when this is dropped.
#[derive(Debug)]
pub struct Keeper {
    choices: Sender<Choice>,
    in_use: Arc<Mutex<InUse>>,
}

impl Keeper {
    /// Opens devices, soon.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(
        devices: Arc<dyn Devices>,
        choice: Choice,
        on_capture: OnCapture,
        on_play: OnPlay,
    ) -> std::io::Result<Self> {
        let (choices, chosen) = channel();
        let in_use = Arc::<Mutex<InUse>>::default();
        let told = Arc::clone(&in_use);
        let run = move || {
            let microphone = Kept::new(Purpose::Microphone, {
                let devices = Arc::clone(&devices);
                move |id| devices.capture(id, Arc::clone(&on_capture))
            });
            let speakers = Kept::new(Purpose::Speakers, {
                let devices = Arc::clone(&devices);
                move |id| devices.play(id, Arc::clone(&on_play))
            });
            keep(&*devices, choice, &chosen, microphone, speakers, &told);
        };
        std::thread::Builder::new().name("sound".to_owned()).spawn(run)?;
        Ok(Self { choices, in_use })
    }

    /// Uses other devices from now on.
    pub fn choose(&self, choice: Choice) {
        // The thread ends only with this.
        let _ = self.choices.send(choice);
    }

    /// What is used now.
    pub fn in_use(&self) -> InUse {
        self.in_use.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// One of the two.
struct Kept<Open> {
    purpose: Purpose,
    open: Open,
    running: Option<(Running, Option<String>)>,
    problem: Option<DeviceError>,
    tried: Option<Instant>,
}

impl<Open: Fn(Option<&str>) -> Result<Running, DeviceError>> Kept<Open> {
    fn new(purpose: Purpose, open: Open) -> Self {
        Self { purpose, open, running: None, problem: None, tried: None }
    }

    fn look(&mut self, devices: &dyn Devices, wanted: Option<&str>) {
        if let Some(problem) = self.running.as_ref().and_then(|(running, _)| running.problem()) {
            tracing::warn!(%problem, "a device went");
            (self.running, self.tried) = (None, None);
        }
        let due = self.tried.is_none_or(|at| at.elapsed() >= RETRY_EVERY);
        let is_wanted = self.running.as_ref().is_some_and(|(_, id)| id.as_deref() == wanted);
        if is_wanted {
            // What was said of one that was chosen before is over.
            self.problem = None;
        }
        if is_wanted || !due {
            return;
        }
        // Another than was chosen runs: back to that one as soon as it is there.
        let is_there = |id: &str| devices.list(self.purpose).iter().any(|device| device.id == id);
        let chosen = wanted.filter(|id| is_there(id));
        self.tried = Some(Instant::now());
        if self.running.is_some() && wanted.is_some() && chosen.is_none() {
            return;
        }
        let mut refused = None;
        if let Some(id) = chosen {
            match (self.open)(Some(id)) {
                Ok(running) => {
                    (self.running, self.problem) = (Some((running, Some(id.to_owned()))), None);
                    return;
                }
                Err(problem) => refused = Some(problem),
            }
        }
        // What runs in the place of one that cannot be had runs on.
        if self.running.is_none() || wanted.is_none() {
            self.running = None;
            match (self.open)(None) {
                Ok(running) => self.running = Some((running, None)),
                Err(problem) => refused = refused.or(Some(problem)),
            }
        }
        self.problem = refused;
    }

    fn name(&self) -> Option<String> {
        self.running.as_ref().map(|(running, _)| running.name().to_owned())
    }
}

fn keep<Capture, Play>(
    devices: &dyn Devices,
    mut choice: Choice,
    chosen: &Receiver<Choice>,
    mut microphone: Kept<Capture>,
    mut speakers: Kept<Play>,
    told: &Mutex<InUse>,
) where
    Capture: Fn(Option<&str>) -> Result<Running, DeviceError>,
    Play: Fn(Option<&str>) -> Result<Running, DeviceError>,
{
    loop {
        microphone.look(devices, choice.microphone.as_deref());
        speakers.look(devices, choice.speakers.as_deref());
        *told.lock().unwrap_or_else(PoisonError::into_inner) = InUse {
            microphone: microphone.name(),
            speakers: speakers.name(),
            problem: microphone.problem.clone().or_else(|| speakers.problem.clone()),
        };
        match chosen.recv_timeout(LOOK_EVERY) {
            Ok(other) => {
                choice = other;
                (microphone.tried, speakers.tried) = (None, None);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::devices::Device;
    use crate::devices::synthetic::Synthetic;

    fn wait(what: &str, is_so: impl Fn() -> bool) {
        let started = Instant::now();
        while !is_so() {
            assert!(started.elapsed() < Duration::from_secs(5), "{what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// It lists a device that somebody else has, beside one that works.
    #[derive(Debug)]
    struct Busy {
        synthetic: Synthetic,
        opened: Arc<AtomicU64>,
    }

    impl Devices for Busy {
        fn list(&self, purpose: Purpose) -> Vec<Device> {
            self.synthetic.list(purpose)
        }

        fn capture(&self, id: Option<&str>, on_capture: OnCapture) -> Result<Running, DeviceError> {
            if id == Some("headset") {
                return Err(DeviceError::Refused("headset".to_owned(), "it is busy".to_owned()));
            }
            self.opened.fetch_add(1, Ordering::Relaxed);
            self.synthetic.capture(id, on_capture)
        }

        fn play(&self, id: Option<&str>, on_play: OnPlay) -> Result<Running, DeviceError> {
            self.synthetic.play(id, on_play)
        }
    }

    #[test]
    fn a_chosen_device_that_cannot_be_had_is_said_and_another_runs_on() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("devices");
        std::fs::write(&list, "desk\nheadset\n").unwrap();
        let opened = Arc::new(AtomicU64::new(0));
        let busy = Busy { synthetic: Synthetic::new(1).listed_in(list), opened: Arc::clone(&opened) };
        let headset = Choice { microphone: Some("headset".to_owned()), speakers: Some("headset".to_owned()) };
        let keeper = Keeper::start(Arc::new(busy), headset, Arc::new(|_| {}), Arc::new(|_| {})).unwrap();
        let in_use = || keeper.in_use();
        wait("the other one is used, and why is said", || {
            in_use().microphone.as_deref() == Some("desk") && matches!(in_use().problem, Some(DeviceError::Refused(..)))
        });
        // It is tried again, and what runs is not interrupted for it.
        std::thread::sleep(RETRY_EVERY * 2);
        assert_eq!(opened.load(Ordering::Relaxed), 1, "the other one was opened once");

        wait("the chosen speakers are used", || in_use().speakers.as_deref() == Some("headset"));
        keeper.choose(Choice::default());
        wait("the default again", || in_use().speakers.as_deref() == Some("desk") && in_use().problem.is_none());
    }

    #[test]
    fn a_device_that_goes_is_replaced_and_used_again_when_it_is_back() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("devices");
        std::fs::write(&list, "desk\nheadset\n").unwrap();
        let heard = Arc::new(AtomicU64::new(0));
        let counting = Arc::clone(&heard);
        let keeper = Keeper::start(
            Arc::new(Synthetic::new(1).listed_in(list.clone())),
            Choice { microphone: Some("headset".to_owned()), speakers: None },
            Arc::new(move |_| {
                counting.fetch_add(1, Ordering::Relaxed);
            }),
            Arc::new(|_| {}),
        )
        .unwrap();
        let microphone = || keeper.in_use().microphone;
        let is = |name: &str| microphone().as_deref() == Some(name);
        wait("what was chosen is used", || is("headset") && keeper.in_use().speakers.as_deref() == Some("desk"));

        std::fs::write(&list, "desk\n").unwrap();
        wait("another is used", || is("desk"));
        let before = heard.load(Ordering::Relaxed);
        wait("it is heard", || heard.load(Ordering::Relaxed) > before + 5);

        std::fs::write(&list, "desk\nheadset\n").unwrap();
        wait("what was chosen is used again", || is("headset"));

        std::fs::write(&list, "").unwrap();
        wait("there is none", || keeper.in_use().problem == Some(DeviceError::NoMicrophone) && microphone().is_none());
        std::fs::write(&list, "new\n").unwrap();
        wait("the one that came is used", || is("new") && keeper.in_use().problem.is_none());
        keeper.choose(Choice::default());
        assert!(is("new"));
    }
}
