//! The machine's cameras and screens: by V4L2, X11 and Wayland's portal on Linux, by the systems' own ways elsewhere.

#[cfg(target_os = "linux")]
mod desktop;
#[cfg(target_os = "linux")]
mod v4l;
#[cfg(target_os = "linux")]
mod wayland;
#[cfg(target_os = "linux")]
mod x11;

#[cfg(not(target_os = "linux"))]
mod native;

use std::time::{Duration, Instant};

use super::{CameraError, Cameras, PictureSource, Screen};
use crate::devices::Device;
use crate::video::picture::Picture;

#[cfg(not(target_os = "linux"))]
use self::native::{camera, cameras, look_for_camera, look_for_screen, screen, screens};
#[cfg(target_os = "linux")]
use self::{
    desktop::{look_for_screen, screen, screens},
    v4l::{camera, cameras, look_for_camera},
};

/// Between two pictures of a screen: as many as are ever sent.
const SCREEN_EVERY: Duration = Duration::from_micros(66_667);
/// Damaged pictures of a camera in a row that are passed over.
const DAMAGED_MAX: u32 = 30;
/// A camera that gives nothing for so long is stuck.
const STUCK_AFTER: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Debug)]
pub(super) struct Machine;

impl Cameras for Machine {
    fn cameras(&self) -> Vec<Device> {
        cameras()
    }

    fn screens(&self) -> Vec<Screen> {
        screens()
    }

    fn look_for_camera(&self) -> Result<(), CameraError> {
        look_for_camera()
    }

    fn look_for_screen(&self) -> Result<(), CameraError> {
        look_for_screen()
    }

    fn open_camera(&self, id: Option<&str>) -> Result<Box<dyn PictureSource>, CameraError> {
        camera(id)
    }

    fn open_screen(
        &self,
        id: Option<&str>,
        is_wanted: &dyn Fn() -> bool,
    ) -> Result<Box<dyn PictureSource>, CameraError> {
        screen(id, is_wanted)
    }
}

/// When a screen is looked at next.
struct Pace(Instant);

impl Default for Pace {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Pace {
    fn wait(&mut self) {
        let now = Instant::now();
        std::thread::sleep(self.0.saturating_duration_since(now));
        self.0 = self.0.max(now) + SCREEN_EVERY;
    }
}

/// The next picture of a camera that is whole.
fn first_whole(
    name: &str,
    mut take: impl FnMut() -> Result<Option<Picture>, CameraError>,
) -> Result<Picture, CameraError> {
    for _ in 0..DAMAGED_MAX {
        if let Some(picture) = take()? {
            return Ok(picture);
        }
    }
    Err(CameraError::Refused(name.to_owned(), "its pictures are damaged".to_owned()))
}
