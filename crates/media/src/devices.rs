//! Microphones and speakers behind one trait: the machine's ([`machine`], feature `devices`) and synthetic ones.
//!
//! [`keeper`] keeps a pair of them open while they come and go.

pub mod keeper;
#[cfg(feature = "devices")]
pub mod machine;
pub mod synthetic;

use std::sync::{Arc, Mutex, PoisonError};

use crate::Frame;

/// Selects synthetic devices where it is `synthetic`.
pub const SELECT_ENV: &str = "MOMOLAND_MEDIA";

/// Takes what the microphone heard. On the device's thread: must not wait.
pub type OnCapture = Arc<dyn Fn(&Frame) + Send + Sync>;
/// Fills what is to be played next. On the device's thread: must not wait.
pub type OnPlay = Arc<dyn Fn(&mut Frame) + Send + Sync>;

/// What a device is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It hears.
    Microphone,
    /// It plays.
    Speakers,
}

/// A device that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Names it for [`Devices::capture`] and [`Devices::play`].
    pub id: String,
    /// For a person.
    pub name: String,
    /// Whether it is used where none is chosen.
    pub is_default: bool,
}

/// Why a device is not used, in words for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// There is no microphone.
    #[error("No microphone was found. You hear the others, and they do not hear you.")]
    NoMicrophone,
    /// There are no speakers.
    #[error("No speakers were found. You cannot hear the others.")]
    NoSpeakers,
    /// It would not open, or went.
    #[error("{0} could not be used: {1}. Close what else uses it, or choose another.")]
    Refused(String, String),
    /// This build has no access to devices.
    #[error(
        "This build of Momoland cannot use the machine's microphone and speakers. Use the desktop app, or build it with `--features momo/devices`."
    )]
    NotBuilt,
    /// The file for what is heard could not be written.
    #[error("What is heard could not be written to a file: {0}.")]
    Capture(String),
    /// The file of what a synthetic microphone is to say cannot be played.
    #[error("What is to be said could not be read from a file: {0}")]
    Speech(String),
}

impl DeviceError {
    fn none(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Microphone => Self::NoMicrophone,
            Purpose::Speakers => Self::NoSpeakers,
        }
    }
}

/// Where microphones and speakers are had.
pub trait Devices: Send + Sync + std::fmt::Debug {
    /// What there is now, the default first.
    fn list(&self, purpose: Purpose) -> Vec<Device>;

    /// Begins to capture from a device, by its id, or from the default; ends when what comes back is dropped.
    ///
    /// # Errors
    /// A [`DeviceError`].
    fn capture(&self, id: Option<&str>, on_capture: OnCapture) -> Result<Running, DeviceError>;

    /// Begins to play, as [`Self::capture`] captures.
    ///
    /// # Errors
    /// A [`DeviceError`].
    fn play(&self, id: Option<&str>, on_play: OnPlay) -> Result<Running, DeviceError>;

    /// Whether the microphones hear a room, with the speakers and its noise in it.
    fn hear_room(&self) -> bool {
        true
    }
}

/// A device that runs. It stops when this is dropped.
pub struct Running {
    name: String,
    problem: Arc<Mutex<Option<DeviceError>>>,
    _held: Box<dyn std::any::Any + Send>,
}

impl Running {
    pub(crate) fn new(
        name: String,
        problem: Arc<Mutex<Option<DeviceError>>>,
        held: Box<dyn std::any::Any + Send>,
    ) -> Self {
        Self { name, problem, _held: held }
    }

    /// The device's name, for a person.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Why it stopped, if it did.
    pub fn problem(&self) -> Option<DeviceError> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The devices that the environment selects: the machine's, unless it asks for synthetic ones.
pub fn from_environment() -> Arc<dyn Devices> {
    if std::env::var(SELECT_ENV).is_ok_and(|value| value == "synthetic") {
        return Arc::new(synthetic::Synthetic::from_environment());
    }
    #[cfg(feature = "devices")]
    return Arc::new(machine::Machine);
    #[cfg(not(feature = "devices"))]
    Arc::new(NoDevices)
}

#[cfg(not(feature = "devices"))]
#[derive(Debug)]
struct NoDevices;

#[cfg(not(feature = "devices"))]
impl Devices for NoDevices {
    fn list(&self, _: Purpose) -> Vec<Device> {
        Vec::new()
    }

    fn capture(&self, _: Option<&str>, _: OnCapture) -> Result<Running, DeviceError> {
        Err(DeviceError::NotBuilt)
    }

    fn play(&self, _: Option<&str>, _: OnPlay) -> Result<Running, DeviceError> {
        Err(DeviceError::NotBuilt)
    }
}
