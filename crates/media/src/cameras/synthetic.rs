//! Cameras that show a picture that counts itself, and screens that do so more slowly.
//!
//! `MOMOLAND_MEDIA_VOICE=N` chooses whose picture it is, as it chooses the voice. `MOMOLAND_MEDIA_CAMERAS=FILE` names the
//! cameras that there are, one a line and the default first; the file may change at any time. Without it there is one.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::test_picture::TestPicture;
use super::{CameraError, Cameras, PictureSource, Screen, ScreenKind};
use crate::devices::Device;
use crate::devices::synthetic::VOICE_ENV;
use crate::video::picture::Picture;

/// Where the cameras are named.
pub const CAMERAS_ENV: &str = "MOMOLAND_MEDIA_CAMERAS";
/// The camera where none is named.
const ONLY: &str = "synthetic";
const SCREENS: [(&str, &str, bool); 2] = [("screen", "Synthetic screen", false), ("window", "Synthetic window", true)];
/// Added to who is seen, so that a screen is told from a face.
pub const SCREEN_OFFSET: u8 = 8;
/// Between two pictures, microseconds: 30 a second, and of a screen 10.
const CAMERA_EVERY: Duration = Duration::from_micros(33_333);
const SCREEN_EVERY: Duration = Duration::from_millis(100);

/// See the module.
#[derive(Debug, Clone)]
pub struct SyntheticCameras {
    who: u8,
    list: Option<PathBuf>,
}

impl SyntheticCameras {
    /// One camera, whose pictures name this number, 0 to 7.
    pub fn new(who: u8) -> Self {
        Self { who: who % SCREEN_OFFSET, list: None }
    }

    /// As the environment says.
    pub fn from_environment() -> Self {
        let voice: u64 = std::env::var(VOICE_ENV).ok().and_then(|voice| voice.parse().ok()).unwrap_or(1);
        let who = u8::try_from(voice % u64::from(SCREEN_OFFSET)).unwrap_or(1);
        Self { list: std::env::var_os(CAMERAS_ENV).map(PathBuf::from), ..Self::new(who) }
    }

    /// With the cameras that a file names.
    #[must_use]
    pub fn listed_in(self, list: PathBuf) -> Self {
        Self { list: Some(list), ..self }
    }

    fn names(&self) -> Vec<String> {
        match &self.list {
            Some(list) => {
                let text = std::fs::read_to_string(list).unwrap_or_default();
                text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
            }
            None => vec![ONLY.to_owned()],
        }
    }
}

impl Cameras for SyntheticCameras {
    fn cameras(&self) -> Vec<Device> {
        let names = self.names().into_iter().enumerate();
        names.map(|(n, name)| Device { id: name.clone(), name, is_default: n == 0 }).collect()
    }

    fn screens(&self) -> Vec<Screen> {
        let screens = SCREENS.into_iter().enumerate().map(|(n, (id, name, is_window))| Screen {
            device: Device { id: id.to_owned(), name: name.to_owned(), is_default: n == 0 },
            kind: if is_window { ScreenKind::Window } else { ScreenKind::Screen },
        });
        screens.collect()
    }

    fn look_for_camera(&self) -> Result<(), CameraError> {
        if self.names().is_empty() { Err(CameraError::NoCamera) } else { Ok(()) }
    }

    fn look_for_screen(&self) -> Result<(), CameraError> {
        Ok(())
    }

    fn open_camera(&self, id: Option<&str>) -> Result<Box<dyn PictureSource>, CameraError> {
        let mut names = self.names().into_iter();
        let name = match id {
            Some(id) => names.find(|name| name == id),
            None => names.next(),
        };
        let watched = self.list.is_some().then(|| self.clone());
        Ok(Box::new(Ticking {
            name: name.ok_or(CameraError::NoCamera)?,
            who: self.who,
            size: (1_280, 720),
            every: CAMERA_EVERY,
            next: Instant::now(),
            count: 0,
            watched,
        }))
    }

    fn open_screen(&self, id: Option<&str>, _: &dyn Fn() -> bool) -> Result<Box<dyn PictureSource>, CameraError> {
        let chosen = SCREENS.into_iter().find(|(known, _, _)| id.is_none_or(|id| id == *known));
        let (_, name, is_window) = chosen.ok_or(CameraError::NoScreen)?;
        Ok(Box::new(Ticking {
            name: name.to_owned(),
            who: self.who + SCREEN_OFFSET,
            size: if is_window { (800, 600) } else { (1_280, 720) },
            every: SCREEN_EVERY,
            next: Instant::now(),
            count: 0,
            watched: None,
        }))
    }
}

struct Ticking {
    name: String,
    who: u8,
    size: (u16, u16),
    every: Duration,
    next: Instant,
    count: u32,
    /// Looks into the file whether it is still there.
    watched: Option<SyntheticCameras>,
}

impl PictureSource for Ticking {
    fn name(&self) -> &str {
        &self.name
    }

    fn next(&mut self) -> Result<Picture, CameraError> {
        let now = Instant::now();
        std::thread::sleep(self.next.saturating_duration_since(now));
        // Where it was kept waiting it counts what nobody took, as a camera drops it.
        let late = now.saturating_duration_since(self.next).as_nanos() / self.every.as_nanos();
        let passed = 1 + u32::try_from(late).unwrap_or(0);
        self.next += self.every * passed;
        self.count = self.count.wrapping_add(passed);
        if let Some(cameras) = &self.watched
            && !cameras.names().contains(&self.name)
        {
            return Err(CameraError::Unplugged(self.name.clone()));
        }
        let (width, height) = self.size;
        Ok(TestPicture { who: self.who, count: self.count }.draw(width, height))
    }
}
