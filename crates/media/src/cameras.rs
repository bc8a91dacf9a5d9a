//! Cameras and screens behind one trait: the machine's (feature `devices`) and synthetic ones.

#[cfg(all(feature = "devices", any(target_os = "linux", target_os = "macos", windows)))]
mod convert;
#[cfg(all(feature = "devices", any(target_os = "linux", target_os = "macos", windows)))]
mod machine;
pub mod synthetic;
pub mod test_picture;

use std::sync::Arc;

use crate::devices::{Device, SELECT_ENV};
use crate::video::picture::Picture;

/// A screen or a window that can be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Screen {
    /// Its id and name, and whether it is shown where none is chosen.
    pub device: Device,
    /// What it is.
    pub kind: ScreenKind,
}

/// What a [`Screen`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScreenKind {
    /// All that one monitor shows.
    Screen,
    /// The window of one program.
    Window,
    /// What a person chooses when the desktop asks them, which it does each time.
    Asked,
}

/// Where a person allows the use of cameras.
const ALLOW: &str = if cfg!(target_os = "linux") {
    "Ask who looks after this machine to put you into its group “video”"
} else {
    "Allow it in the system's settings, under privacy"
};

/// Why there is no picture, in words for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CameraError {
    /// There is no camera.
    #[error("No camera was found. The others see you without a picture.")]
    NoCamera,
    /// There is no screen, or it is gone.
    #[error("There is no such screen or window to show any more. Choose another.")]
    NoScreen,
    /// Another program has it.
    #[error("{0} is used by another program. Close it there, and it is used here a moment later.")]
    Busy(String),
    /// The system does not let this program use it.
    #[error("Momoland may not use {0}. {ALLOW}.")]
    NotAllowed(String),
    /// It is not there any more.
    #[error("{0} was unplugged or switched off. Plug it in again, or choose another.")]
    Unplugged(String),
    /// There is no desktop, so no screen.
    #[error("There is no desktop here whose screen could be shown.")]
    NoDesktop,
    /// A Wayland desktop without the service that asks what may be seen.
    #[error(
        "This Wayland desktop has no portal that shows its screens. Install pipewire, wireplumber, xdg-desktop-portal and the \
         one for your desktop (xdg-desktop-portal-gnome, -kde, or -wlr for Sway), and log in again."
    )]
    NoPortal,
    /// A Wayland desktop without the library that brings its pictures.
    #[error(
        "The library PipeWire is missing, which brings the pictures of a Wayland desktop. Debian and Ubuntu: apt-get install \
         pipewire libpipewire-0.3-0; Fedora: dnf install pipewire."
    )]
    NoPipeWire,
    /// The desktop asked, and nothing was chosen.
    #[error("No screen or window was chosen, so nothing is shown.")]
    NotChosen,
    /// What was chosen when the desktop asked gives no pictures.
    #[error("The desktop gives no pictures of what you chose: {0}. Share it again, or choose another.")]
    NoPictures(String),
    /// What was chosen when the desktop asked is gone, or was ended there.
    #[error("What you showed is closed, or was stopped by the desktop. Choose another.")]
    ShownNoMore,
    /// It would not open, or went.
    #[error("{0} could not be used: {1}. Close what else uses it, or choose another.")]
    Refused(String, String),
    /// This build has no access to cameras.
    #[error(
        "This build of Momoland cannot use the machine's cameras and screens. Use the desktop app, or build it with `--features momo/devices`."
    )]
    NotBuilt,
}

impl CameraError {
    /// Whether opening it again would ask the person again, who did not ask for that.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::NotChosen | Self::NoPictures(_) | Self::ShownNoMore)
    }
}

/// A camera that is open, or a screen that is looked at. It stays on the thread that opened it.
pub trait PictureSource {
    /// Its name, for a person.
    fn name(&self) -> &str;

    /// Waits for the next picture; of even sides.
    ///
    /// # Errors
    /// Where it went. It gives none any more then.
    fn next(&mut self) -> Result<Picture, CameraError>;
}

/// Where cameras and screens are had. Listing and opening may take long.
pub trait Cameras: Send + Sync + std::fmt::Debug {
    /// What there is now, the default first.
    fn cameras(&self) -> Vec<Device>;

    /// What can be shown now, the main screen first.
    fn screens(&self) -> Vec<Screen>;

    /// Whether there is a camera.
    ///
    /// # Errors
    /// Why there is none.
    fn look_for_camera(&self) -> Result<(), CameraError>;

    /// Whether there is a screen.
    ///
    /// # Errors
    /// As for cameras.
    fn look_for_screen(&self) -> Result<(), CameraError>;

    /// Opens a camera, by its id, or the default one.
    ///
    /// # Errors
    /// A [`CameraError`].
    fn open_camera(&self, id: Option<&str>) -> Result<Box<dyn PictureSource>, CameraError>;

    /// Looks at a screen or window, by its id, or at the main one. A desktop that asks the person first takes its question
    /// back when it is not wanted any more.
    ///
    /// # Errors
    /// A [`CameraError`].
    fn open_screen(
        &self,
        id: Option<&str>,
        is_wanted: &dyn Fn() -> bool,
    ) -> Result<Box<dyn PictureSource>, CameraError>;
}

/// The cameras that the environment selects: the machine's, unless it asks for synthetic ones.
pub fn from_environment() -> Arc<dyn Cameras> {
    if std::env::var(SELECT_ENV).is_ok_and(|value| value == "synthetic") {
        return Arc::new(synthetic::SyntheticCameras::from_environment());
    }
    #[cfg(all(feature = "devices", any(target_os = "linux", target_os = "macos", windows)))]
    return Arc::new(machine::Machine);
    #[cfg(not(all(feature = "devices", any(target_os = "linux", target_os = "macos", windows))))]
    return Arc::new(none::NoCameras);
}

#[cfg(not(all(feature = "devices", any(target_os = "linux", target_os = "macos", windows))))]
mod none {
    use super::{CameraError, Cameras, Device, PictureSource, Screen};

    #[derive(Debug)]
    pub(super) struct NoCameras;

    impl Cameras for NoCameras {
        fn cameras(&self) -> Vec<Device> {
            Vec::new()
        }

        fn screens(&self) -> Vec<Screen> {
            Vec::new()
        }

        fn look_for_camera(&self) -> Result<(), CameraError> {
            Err(CameraError::NotBuilt)
        }

        fn look_for_screen(&self) -> Result<(), CameraError> {
            Err(CameraError::NotBuilt)
        }

        fn open_camera(&self, _: Option<&str>) -> Result<Box<dyn PictureSource>, CameraError> {
            Err(CameraError::NotBuilt)
        }

        fn open_screen(&self, _: Option<&str>, _: &dyn Fn() -> bool) -> Result<Box<dyn PictureSource>, CameraError> {
            Err(CameraError::NotBuilt)
        }
    }
}
