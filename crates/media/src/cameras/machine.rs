//! The machine's cameras and screens: by V4L2 and X11 on Linux, by the systems' own ways elsewhere.
//!
//! Not here: screens of Wayland desktops, which a portal gives out after asking.

#[cfg(target_os = "linux")]
mod v4l;
#[cfg(target_os = "linux")]
mod x11;

#[cfg(not(target_os = "linux"))]
mod native;

use super::{CameraError, Cameras, PictureSource, Screen};
use crate::devices::Device;

#[cfg(not(target_os = "linux"))]
use self::native::{camera, cameras, screen, screens};
#[cfg(target_os = "linux")]
use self::{
    v4l::{camera, cameras},
    x11::{screen, screens},
};

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

    fn open_camera(&self, id: Option<&str>) -> Result<Box<dyn PictureSource>, CameraError> {
        camera(id)
    }

    fn open_screen(&self, id: Option<&str>) -> Result<Box<dyn PictureSource>, CameraError> {
        screen(id)
    }
}
