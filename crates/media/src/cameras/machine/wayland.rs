//! Screens and windows of a Wayland desktop: its portal asks the person which one, and PipeWire brings the pictures.
//!
//! So there is one entry to choose here, and the desktop shows what there is. Each showing asks anew, since each may be of
//! something else.
//!
//! Where nothing changes on a screen the desktop sends nothing: the last picture is repeated then, at a slower pace.

mod pipewire;
mod pod;
mod portal;

use std::time::Duration;

use self::pipewire::{Stream, Taken};
use self::portal::Portal;
use super::Pace;
use crate::cameras::{CameraError, PictureSource, Screen, ScreenKind, convert};
use crate::devices::Device;
use crate::video::picture::Picture;

/// Where a Wayland desktop says that it is one.
const ENV: &str = "WAYLAND_DISPLAY";
/// Between two pictures where nothing changes: as long as somebody who comes then waits for the first.
const STILL_EVERY: Duration = Duration::from_millis(200);
/// The first picture comes within so many times that.
const FIRST_WITHIN: u32 = 75;

/// Whether this is such a desktop.
pub(super) fn is_here() -> bool {
    std::env::var_os(ENV).is_some_and(|it| !it.is_empty())
}

pub(super) fn screens() -> Vec<Screen> {
    let device = Device { id: "portal".to_owned(), name: "A screen or window…".to_owned(), is_default: true };
    vec![Screen { device, kind: ScreenKind::Asked }]
}

/// A desktop has one; whether it can be had.
pub(super) fn look_for_screen() -> Result<(), CameraError> {
    pipewire::library()?;
    portal::look()
}

/// Has the person asked, as long as it is wanted.
pub(super) fn screen(is_wanted: &dyn Fn() -> bool) -> Result<Box<dyn PictureSource>, CameraError> {
    let library = pipewire::library()?;
    let (portal, chosen) = Portal::ask(is_wanted)?;
    let stream = Stream::start(library, chosen.remote, chosen.node).map_err(CameraError::NoPictures)?;
    let name = if chosen.is_window { "Window" } else { "Screen" };
    let mut looking = Looking { stream, portal, name, pace: Pace::default(), taken: Taken::default(), last: None };
    for _ in 0..FIRST_WITHIN {
        if !is_wanted() {
            return Err(CameraError::NotChosen);
        }
        looking.look()?;
        if looking.last.is_some() {
            return Ok(Box::new(looking));
        }
    }
    Err(CameraError::NoPictures("none came".to_owned()))
}

/// What was chosen, while it is looked at. The stream goes before the session that it belongs to.
struct Looking {
    stream: Stream,
    portal: Portal,
    name: &'static str,
    pace: Pace,
    taken: Taken,
    last: Option<Picture>,
}

impl Looking {
    /// Waits a moment for the next picture.
    fn look(&mut self) -> Result<(), CameraError> {
        let taken = self.stream.take(STILL_EVERY, &mut self.taken);
        if self.portal.is_closed() {
            return Err(CameraError::ShownNoMore);
        }
        let format = taken.map_err(|why| {
            tracing::debug!(why, "the stream of a screen ended");
            // The first says that it never began.
            if self.last.is_some() { CameraError::ShownNoMore } else { CameraError::NoPictures(why) }
        })?;
        if let Some(format) = format {
            let Taken { data, width, height, stride } = &self.taken;
            let picture = convert::from_pixels(data, (*width, *height), *stride, format.pixels);
            // A window may be a pixel wide for a moment.
            self.last = picture.or(self.last.take());
        }
        Ok(())
    }
}

impl PictureSource for Looking {
    fn name(&self) -> &str {
        self.name
    }

    fn next(&mut self) -> Result<Picture, CameraError> {
        self.pace.wait();
        self.look()?;
        self.last.clone().ok_or(CameraError::ShownNoMore)
    }
}
