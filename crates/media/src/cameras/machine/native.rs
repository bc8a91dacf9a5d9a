//! Cameras and screens of Windows and macOS: by Media Foundation and AVFoundation (`nokhwa`), and the systems' own pictures of
//! what is on the screen (`xcap`).

use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::time::Duration;

use nokhwa::utils::{ApiBackend, CameraFormat, CameraInfo, FrameFormat, RequestedFormat, RequestedFormatType};
use nokhwa::{Camera, NokhwaError};

use super::{Pace, STUCK_AFTER, first_whole};
use crate::cameras::convert::{self, Pixels};
use crate::cameras::{CameraError, PictureSource, Screen, ScreenKind};
use crate::devices::Device;
use crate::video::picture::Picture;

/// What a camera is asked for, the first that it has.
const WANTED: [FrameFormat; 6] = [
    FrameFormat::NV12,
    FrameFormat::YUYV,
    FrameFormat::MJPEG,
    FrameFormat::RAWRGB,
    FrameFormat::RAWBGR,
    FrameFormat::GRAY,
];
const SIZE: (u32, u32) = (1_280, 720);
const RATE: u32 = 30;
/// How long a person may take to answer whether the camera may be used.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// What Windows says where its settings forbid the camera.
const ACCESS_DENIED: &str = "80070005";

fn listed() -> Vec<CameraInfo> {
    nokhwa::query(ApiBackend::Auto).unwrap_or_else(|error| {
        tracing::debug!(%error, "cameras cannot be listed");
        Vec::new()
    })
}

/// By what the system knows it, whatever else is plugged in; where it has nothing of the kind, by its place.
fn id_of(camera: &CameraInfo) -> String {
    Some(camera.misc()).filter(|id| !id.is_empty()).unwrap_or_else(|| camera.index().as_string())
}

pub(super) fn cameras() -> Vec<Device> {
    let cameras = listed().into_iter().enumerate();
    cameras.map(|(n, camera)| Device { id: id_of(&camera), name: camera.human_name(), is_default: n == 0 }).collect()
}

pub(super) fn look_for_camera() -> Result<(), CameraError> {
    if listed().is_empty() { Err(CameraError::NoCamera) } else { Ok(()) }
}

/// macOS asks the person once.
fn is_allowed() -> bool {
    if nokhwa::nokhwa_check() {
        return true;
    }
    let (answer, answered) = mpsc::sync_channel(1);
    nokhwa::nokhwa_initialize(move |allowed| {
        let _ = answer.try_send(allowed);
    });
    answered.recv_timeout(ANSWER_WITHIN).unwrap_or(false)
}

fn refusal(name: &str, error: &NokhwaError) -> CameraError {
    let text = error.to_string();
    match error {
        _ if text.contains(ACCESS_DENIED) => CameraError::NotAllowed(name.to_owned()),
        NokhwaError::ReadFrameError(_) => CameraError::Unplugged(name.to_owned()),
        _ => CameraError::Refused(name.to_owned(), text),
    }
}

pub(super) fn camera(id: Option<&str>) -> Result<Box<dyn PictureSource>, CameraError> {
    let found = listed().into_iter().find(|camera| id.is_none_or(|id| id_of(camera) == id));
    let found = found.ok_or_else(|| match id {
        Some(_) => CameraError::Unplugged("The camera that you chose".to_owned()),
        None => CameraError::NoCamera,
    })?;
    let name = found.human_name();
    if !is_allowed() {
        return Err(CameraError::NotAllowed(name));
    }
    let (opened, is_open) = mpsc::sync_channel(1);
    let (give, pictures) = mpsc::sync_channel(1);
    let (id, of_thread) = (id_of(&found), name.clone());
    // On a thread of its own: macOS lets who asks a camera that went for a picture wait for ever.
    let run = move || match open(&found, &of_thread) {
        Ok(camera) => {
            let _ = opened.send(Ok(()));
            take(&of_thread, camera, &give);
        }
        Err(error) => {
            let _ = opened.send(Err(error));
        }
    };
    let begun = std::thread::Builder::new().name("camera-taking".to_owned()).spawn(run);
    begun.map_err(|error| CameraError::Refused(name.clone(), error.to_string()))?;
    let taking = Taking { id, name, pictures };
    is_open.recv().unwrap_or_else(|_| Err(taking.silent()))?;
    Ok(Box::new(taking))
}

fn open(found: &CameraInfo, name: &str) -> Result<Camera, CameraError> {
    let mut refused = CameraError::NoCamera;
    for format in WANTED {
        let wanted = CameraFormat::new_from(SIZE.0, SIZE.1, format, RATE);
        let formats = [format];
        let request = RequestedFormat::with_formats(RequestedFormatType::Closest(wanted), &formats);
        let opened = Camera::new(found.index().clone(), request).and_then(|mut camera| {
            camera.open_stream()?;
            Ok(camera)
        });
        match opened {
            Ok(camera) => return Ok(camera),
            Err(error) => refused = refusal(name, &error),
        }
    }
    Err(refused)
}

/// Gives pictures until nobody takes them any more, or the camera goes.
fn take(name: &str, mut camera: Camera, give: &SyncSender<Result<Picture, CameraError>>) {
    loop {
        match first_whole(name, || next(&mut camera).map_err(|error| refusal(name, &error))) {
            // One that nobody had the time for is left out.
            Ok(picture) => {
                if let Err(TrySendError::Disconnected(_)) = give.try_send(Ok(picture)) {
                    return;
                }
            }
            Err(error) => {
                let _ = give.send(Err(error));
                return;
            }
        }
    }
}

/// The next picture; none where it was damaged.
fn next(camera: &mut Camera) -> Result<Option<Picture>, NokhwaError> {
    let taken = camera.frame()?;
    let (width, height) = (taken.resolution().width() as usize, taken.resolution().height() as usize);
    let (size, data) = ((width, height), taken.buffer());
    Ok(match taken.source_frame_format() {
        FrameFormat::NV12 => convert::from_nv12(data, size, width),
        FrameFormat::YUYV => convert::from_yuyv(data, size, 2 * width),
        FrameFormat::MJPEG => convert::from_jpeg(data),
        FrameFormat::RAWRGB => convert::from_pixels(data, size, 3 * width, Pixels::RGB),
        FrameFormat::RAWBGR => convert::from_pixels(data, size, 3 * width, Pixels::BGR),
        FrameFormat::GRAY => convert::from_pixels(data, size, width, Pixels::GREY),
    })
}

/// A camera whose pictures a thread takes.
struct Taking {
    id: String,
    name: String,
    pictures: Receiver<Result<Picture, CameraError>>,
}

impl Taking {
    /// Why it gives no pictures, and says nothing of it.
    fn silent(&self) -> CameraError {
        if listed().iter().any(|camera| id_of(camera) == self.id) {
            CameraError::Refused(self.name.clone(), "it gives no pictures any more".to_owned())
        } else {
            CameraError::Unplugged(self.name.clone())
        }
    }
}

impl PictureSource for Taking {
    fn name(&self) -> &str {
        &self.name
    }

    fn next(&mut self) -> Result<Picture, CameraError> {
        self.pictures.recv_timeout(STUCK_AFTER).unwrap_or_else(|_| Err(self.silent()))
    }
}

enum Looked {
    Monitor(xcap::Monitor),
    Window(xcap::Window),
}

impl Looked {
    /// Whether it can be looked at, and by which name a person knows it.
    fn name(&self) -> Option<String> {
        let name = match self {
            Self::Monitor(monitor) => monitor.friendly_name().or_else(|_| monitor.name()).ok()?,
            Self::Window(window) if window.is_minimized().unwrap_or(true) => return None,
            Self::Window(window) => window.title().ok()?,
        };
        (!name.trim().is_empty()).then_some(name)
    }

    fn id(&self) -> Option<String> {
        match self {
            Self::Monitor(monitor) => Some(format!("screen:{}", monitor.id().ok()?)),
            Self::Window(window) => Some(format!("window:{}", window.id().ok()?)),
        }
    }

    fn picture(&self) -> Result<Option<Picture>, xcap::XCapError> {
        let seen = match self {
            Self::Monitor(monitor) => monitor.capture_image()?,
            Self::Window(window) => window.capture_image()?,
        };
        let size = (seen.width() as usize, seen.height() as usize);
        Ok(convert::from_pixels(seen.as_raw(), size, 4 * size.0, Pixels::RGBX))
    }
}

/// Monitors, the main one first, and windows, with id and name.
fn all() -> Vec<(Looked, String, String)> {
    let mut monitors = xcap::Monitor::all().unwrap_or_default();
    monitors.sort_by_key(|monitor| !monitor.is_primary().unwrap_or(false));
    let monitors = monitors.into_iter().map(Looked::Monitor);
    let windows = xcap::Window::all().unwrap_or_default().into_iter().map(Looked::Window);
    let named = monitors.chain(windows).filter_map(|looked| {
        let (id, name) = (looked.id()?, looked.name()?);
        Some((looked, id, name))
    });
    named.collect()
}

pub(super) fn screens() -> Vec<Screen> {
    let listed = all().into_iter().enumerate().map(|(n, (looked, id, name))| Screen {
        device: Device { id, name, is_default: n == 0 },
        kind: match looked {
            Looked::Monitor(_) => ScreenKind::Screen,
            Looked::Window(_) => ScreenKind::Window,
        },
    });
    listed.collect()
}

/// Windows, of which there are many, are not asked.
pub(super) fn look_for_screen() -> Result<(), CameraError> {
    let monitors = xcap::Monitor::all().unwrap_or_default();
    if monitors.is_empty() { Err(CameraError::NoScreen) } else { Ok(()) }
}

fn find(id: Option<&str>) -> Result<(Looked, String, String), CameraError> {
    all().into_iter().find(|(_, known, _)| id.is_none_or(|id| id == known)).ok_or(CameraError::NoScreen)
}

pub(super) fn screen(id: Option<&str>, _: &dyn Fn() -> bool) -> Result<Box<dyn PictureSource>, CameraError> {
    let (looked, id, name) = find(id)?;
    Ok(Box::new(Looking { looked, id, name, pace: Pace::default() }))
}

struct Looking {
    looked: Looked,
    id: String,
    name: String,
    pace: Pace,
}

impl PictureSource for Looking {
    fn name(&self) -> &str {
        &self.name
    }

    fn next(&mut self) -> Result<Picture, CameraError> {
        self.pace.wait();
        let seen = match self.looked.picture() {
            Err(error) => {
                tracing::debug!(%error, "a screen is looked for again");
                (self.looked, _, _) = find(Some(&self.id))?;
                self.looked.picture().map_err(|error| CameraError::Refused(self.name.clone(), error.to_string()))?
            }
            Ok(seen) => seen,
        };
        seen.ok_or_else(|| CameraError::Refused(self.name.clone(), "it is too small to be shown".to_owned()))
    }
}
