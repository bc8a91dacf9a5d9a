//! Which of Linux's two kinds of desktop this is: what is shown of it is had in its own way.

use super::{wayland, x11};
use crate::cameras::{CameraError, PictureSource, Screen};

pub(super) fn screens() -> Vec<Screen> {
    if wayland::is_here() { wayland::screens() } else { x11::screens() }
}

/// A desktop has one.
pub(super) fn look_for_screen() -> Result<(), CameraError> {
    if wayland::is_here() { wayland::look_for_screen() } else { x11::look_for_screen() }
}

pub(super) fn screen(id: Option<&str>, is_wanted: &dyn Fn() -> bool) -> Result<Box<dyn PictureSource>, CameraError> {
    if wayland::is_here() { wayland::screen(is_wanted) } else { x11::screen(id) }
}
