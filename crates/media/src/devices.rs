//! Microphones and speakers behind one trait: the machine's ([`machine`], feature `devices`) and synthetic ones.

#[cfg(feature = "devices")]
pub mod machine;
pub mod synthetic;

use std::sync::{Arc, Mutex, PoisonError};

use crate::Frame;

/// Selects synthetic devices where it is `synthetic`.
pub const SELECT_ENV: &str = "MOMOLAND_MEDIA";

/// Takes what the microphone heard. On the device's thread.
pub type OnCapture = Box<dyn FnMut(&Frame) + Send>;
/// Fills what is to be played next. On the device's thread.
pub type OnPlay = Box<dyn FnMut(&mut Frame) + Send>;

/// Why there is no sound, in words for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// There is none.
    #[error("This machine has no microphone or speakers that can be used. Connect a headset, then try again.")]
    None,
    /// It would not open, or went.
    #[error("The microphone or the speakers could not be used: {0}. Close what else uses them, then try again.")]
    Refused(String),
    /// This build has no access to devices.
    #[error(
        "This build of Momoland cannot use the machine's microphone. Use the desktop app, or build with `--features devices`."
    )]
    NotBuilt,
    /// The file for what is heard could not be written.
    #[error("What is heard could not be written to a file: {0}.")]
    Capture(String),
}

/// Opens a microphone and speakers together.
pub trait Devices: Send + Sync + std::fmt::Debug {
    /// Begins to capture and play; ends when what comes back is dropped.
    ///
    /// # Errors
    /// A [`DeviceError`].
    fn open(&self, on_capture: OnCapture, on_play: OnPlay) -> Result<Running, DeviceError>;
}

/// Devices that run. They stop when this is dropped.
pub struct Running {
    problem: Arc<Mutex<Option<DeviceError>>>,
    _held: Box<dyn std::any::Any + Send>,
}

impl Running {
    fn new(problem: Arc<Mutex<Option<DeviceError>>>, held: Box<dyn std::any::Any + Send>) -> Self {
        Self { problem, _held: held }
    }

    /// Why they stopped, if they did.
    pub fn problem(&self) -> Option<DeviceError> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").finish_non_exhaustive()
    }
}

/// The devices that the environment asks for, else the machine's.
pub fn from_environment() -> Box<dyn Devices> {
    if std::env::var(SELECT_ENV).is_ok_and(|value| value == "synthetic") {
        return Box::new(synthetic::Synthetic::from_environment());
    }
    #[cfg(feature = "devices")]
    return Box::new(machine::Machine);
    #[cfg(not(feature = "devices"))]
    Box::new(NoDevices)
}

#[cfg(not(feature = "devices"))]
#[derive(Debug)]
struct NoDevices;

#[cfg(not(feature = "devices"))]
impl Devices for NoDevices {
    fn open(&self, _: OnCapture, _: OnPlay) -> Result<Running, DeviceError> {
        Err(DeviceError::NotBuilt)
    }
}
