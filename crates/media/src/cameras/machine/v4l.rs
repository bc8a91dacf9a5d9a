//! Cameras of Linux, by V4L2.
//!
//! Device files are named by the kernel's list of them, since one camera has several, and only one gives pictures.

use std::io;
use std::path::{Path, PathBuf};

use linuxvideo::format::{PixFormat, PixelFormat};
use linuxvideo::stream::ReadStream;
use linuxvideo::{CapabilityFlags, Fract};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};

use super::{STUCK_AFTER, first_whole};
use crate::cameras::{CameraError, PictureSource, convert};
use crate::devices::Device;
use crate::video::picture::Picture;

const LIST: &str = "/sys/class/video4linux";
const NV12: PixelFormat = PixelFormat::from_fourcc(*b"NV12");
/// What a camera is asked for, the first that it gives often enough. Over USB only JPEG is, in this size.
const WANTED: [(PixelFormat, u32, u32); 6] = [
    (PixelFormat::MJPG, 1_280, 720),
    (NV12, 1_280, 720),
    (PixelFormat::YUYV, 1_280, 720),
    (PixelFormat::MJPG, 640, 480),
    (NV12, 640, 480),
    (PixelFormat::YUYV, 640, 480),
];
/// Pictures a second: at least, and as asked for.
const RATE_MIN: u32 = 20;
const RATE: u32 = 30;

/// A camera's device file, and its name for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Node {
    file: PathBuf,
    name: String,
}

/// The first device file of each camera, in the kernel's order.
fn nodes(list: &Path) -> Vec<Node> {
    let mut nodes: Vec<(u32, Node)> = std::fs::read_dir(list)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let folder = entry.ok()?.path();
            let file = folder.file_name()?.to_str()?;
            let number = file.strip_prefix("video")?.parse().ok()?;
            let read = |what: &str| std::fs::read(folder.join(what)).ok();
            // Beside the pictures a camera may have a file for its own data.
            if read("index").is_some_and(|index| index.trim_ascii() != b"0") {
                return None;
            }
            let name = read("name").map(|name| String::from_utf8_lossy(name.trim_ascii()).into_owned());
            let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| file.to_owned());
            Some((number, Node { file: Path::new("/dev").join(file), name }))
        })
        .collect();
    nodes.sort_by_key(|(number, _)| *number);
    nodes.into_iter().map(|(_, node)| node).collect()
}

/// Whether it gives pictures. One that may not be opened is shown, so that the reason can be said.
fn may_be_camera(node: &Node) -> bool {
    match linuxvideo::Device::open(&node.file).and_then(|device| device.capabilities()) {
        Ok(capabilities) => capabilities.device_capabilities().contains(CapabilityFlags::VIDEO_CAPTURE),
        Err(error) => matches!(refusal(&node.name, &error), CameraError::NotAllowed(_) | CameraError::Busy(_)),
    }
}

/// What the system says, for a person.
fn refusal(name: &str, error: &io::Error) -> CameraError {
    let name = name.to_owned();
    match Errno::from_io_error(error) {
        Some(Errno::BUSY) => CameraError::Busy(name),
        Some(Errno::ACCESS | Errno::PERM) => CameraError::NotAllowed(name),
        Some(Errno::NOSPC) => {
            CameraError::Refused(name, "the port that it is plugged into carries too much".to_owned())
        }
        Some(Errno::NODEV | Errno::NXIO | Errno::NOENT | Errno::IO) => CameraError::Unplugged(name),
        _ => CameraError::Refused(name, error.to_string()),
    }
}

pub(super) fn cameras() -> Vec<Device> {
    let cameras = nodes(Path::new(LIST)).into_iter().filter(may_be_camera).enumerate();
    let listed = cameras.map(|(n, Node { file, name })| Device {
        id: file.to_string_lossy().into_owned(),
        name,
        is_default: n == 0,
    });
    listed.collect()
}

pub(super) fn look_for_camera() -> Result<(), CameraError> {
    if nodes(Path::new(LIST)).iter().any(may_be_camera) { Ok(()) } else { Err(CameraError::NoCamera) }
}

pub(super) fn camera(id: Option<&str>) -> Result<Box<dyn PictureSource>, CameraError> {
    let mut cameras = nodes(Path::new(LIST)).into_iter();
    let node = match id {
        Some(id) => cameras
            .find(|node| node.file.as_os_str() == id)
            .ok_or_else(|| CameraError::Unplugged("The camera that you chose".to_owned()))?,
        None => cameras.find(may_be_camera).ok_or(CameraError::NoCamera)?,
    };
    let camera = Camera::open(&node.file).map_err(|error| refusal(&node.name, &error))?;
    camera
        .map(|camera| Box::new(Named { name: node.name.clone(), camera }) as Box<dyn PictureSource>)
        .ok_or_else(|| CameraError::Refused(node.name, "it gives pictures of a kind that is not known here".to_owned()))
}

/// A camera that gives pictures.
struct Camera {
    stream: ReadStream,
    format: PixelFormat,
    size: (usize, usize),
    stride: usize,
}

impl Camera {
    /// None where its pictures cannot be understood.
    fn open(file: &Path) -> io::Result<Option<Self>> {
        let device = linuxvideo::Device::open(file)?;
        let gives = |(format, width, height): &(PixelFormat, u32, u32)| {
            let intervals = device.frame_intervals(*format, *width, *height);
            // The shortest time between two.
            intervals.is_ok_and(|it| it.min().numerator() * RATE_MIN <= it.min().denominator())
        };
        let (format, width, height) = WANTED.into_iter().find(gives).unwrap_or(WANTED[WANTED.len() - 1]);
        let device = device.video_capture(PixFormat::new(width, height, format))?;
        // A driver may give another than it was asked for.
        let (given, stride) = (device.format().pixel_format(), device.format().bytes_per_line());
        let size = (device.format().width() as usize, device.format().height() as usize);
        if ![PixelFormat::MJPG, PixelFormat::JPEG, NV12, PixelFormat::YUYV].contains(&given) {
            return Ok(None);
        }
        if let Err(error) = device.set_frame_interval(Fract::new(1, RATE)) {
            tracing::debug!(%error, "the camera keeps its own rate");
        }
        Ok(Some(Self { stream: device.into_stream()?, format: given, size, stride: stride as usize }))
    }

    /// The next picture; none where it was damaged.
    fn next(&mut self) -> io::Result<Option<Picture>> {
        let mut ready = [PollFd::new(&self.stream, PollFlags::IN)];
        let patience = Timespec { tv_sec: STUCK_AFTER.as_secs().cast_signed(), tv_nsec: 0 };
        if retry_on_intr(|| poll(&mut ready, Some(&patience)))? == 0 {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "it gives no pictures any more"));
        }
        let Self { stream, format, size, stride } = self;
        stream.dequeue(|data| {
            if data.is_error() {
                return Ok(None);
            }
            Ok(match *format {
                NV12 => convert::from_nv12(&data, *size, *stride),
                PixelFormat::YUYV => convert::from_yuyv(&data, *size, *stride),
                _ => convert::from_jpeg(&data),
            })
        })
    }
}

struct Named {
    name: String,
    camera: Camera,
}

impl PictureSource for Named {
    fn name(&self) -> &str {
        &self.name
    }

    fn next(&mut self) -> Result<Picture, CameraError> {
        let Self { name, camera } = self;
        first_whole(name, || camera.next().map_err(|error| refusal(name, &error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_lists_is_named_once_a_camera_and_in_its_order() {
        let list = tempfile::tempdir().unwrap();
        let add = |file: &str, what: &[(&str, &[u8])]| {
            std::fs::create_dir(list.path().join(file)).unwrap();
            what.iter().for_each(|(name, text)| std::fs::write(list.path().join(file).join(name), text).unwrap());
        };
        add("video10", &[("index", b"0\n"), ("name", b"Capture card\n")]);
        // Cut in the middle of a letter.
        add("video2", &[("index", b"0\n"), ("name", b"Kamera f\xc3\n")]);
        add("video3", &[("index", b"1\n"), ("name", b"Kamera f\xc3\n")]);
        add("video4", &[]);
        add("vbi0", &[("index", b"0\n"), ("name", b"Text\n")]);
        let nodes = nodes(list.path());
        let named: Vec<(&str, &str)> =
            nodes.iter().map(|node| (node.file.to_str().unwrap(), node.name.as_str())).collect();
        let expected =
            [("/dev/video2", "Kamera f\u{fffd}"), ("/dev/video4", "video4"), ("/dev/video10", "Capture card")];
        assert_eq!(named, expected);
        assert_eq!(super::nodes(&list.path().join("missing")), []);
    }

    #[test]
    fn what_the_system_refuses_is_said_so_that_a_person_knows_what_to_do() {
        let said = |error: Errno| refusal("Kamera", &error.into());
        let name = || "Kamera".to_owned();
        assert_eq!(said(Errno::BUSY), CameraError::Busy(name()));
        assert_eq!(said(Errno::ACCESS), CameraError::NotAllowed(name()));
        for gone in [Errno::NODEV, Errno::NXIO, Errno::NOENT, Errno::IO] {
            assert_eq!(said(gone), CameraError::Unplugged(name()));
        }
        assert!(matches!(said(Errno::NOSPC), CameraError::Refused(..)));
        assert!(said(Errno::BUSY).to_string().contains("another program"));
        let stuck = io::Error::new(io::ErrorKind::TimedOut, "it gives no pictures any more");
        assert!(refusal("Kamera", &stuck).to_string().contains("no pictures any more"));
    }

    #[test]
    fn what_is_no_camera_is_neither_listed_nor_opened() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let node = |file: &Path| Node { file: file.to_owned(), name: "none".to_owned() };
        assert!(!may_be_camera(&node(file.path())));
        assert!(!may_be_camera(&node(Path::new("/dev/null"))));
        assert!(!may_be_camera(&node(Path::new("/dev/missing"))));
        assert!(Camera::open(Path::new("/dev/null")).is_err());
        let chosen = camera(Some("/dev/missing")).err();
        assert!(matches!(chosen, Some(CameraError::Unplugged(_))), "{chosen:?}");
    }
}
