//! Screens and windows of an X11 desktop.
//!
//! A window is looked at by its own pixels, whatever lies on top of it, where the server has the extension for it; else as it is
//! seen. The pointer is drawn, since the server leaves it out.
//!
//! Not here: Wayland, whose desktops show X11 programs a screen of their own, which is black.

use std::time::{Duration, Instant};

use x11rb::connection::Connection as _;
use x11rb::errors::ReplyError;
use x11rb::protocol::composite::{ConnectionExt as _, Redirect};
use x11rb::protocol::randr::ConnectionExt as _;
use x11rb::protocol::xfixes::ConnectionExt as _;
use x11rb::protocol::xproto::{
    AtomEnum, ConnectionExt as _, Drawable, Format, GetImageReply, ImageFormat, ImageOrder, MapState, Pixmap, Window,
};
use x11rb::rust_connection::RustConnection;

use super::Pace;
use crate::cameras::convert::{self, Pixels};
use crate::cameras::{CameraError, PictureSource, Screen, ScreenKind};
use crate::devices::Device;
use crate::video::picture::Picture;

/// How often monitors are taken anew: they are plugged in, turned and set to other sizes.
const MONITORS_EVERY: Duration = Duration::from_secs(1);
/// Windows that are listed.
const WINDOWS_MAX: u32 = 200;
/// Letters of a window's name, in fours.
const NAME_MAX: u32 = 64;

/// A part of the whole screen.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Area {
    name: String,
    left: i16,
    top: i16,
    width: u16,
    height: u16,
    is_main: bool,
}

/// A connection to the desktop's server.
struct Desktop {
    connection: RustConnection,
    root: Window,
    whole: Area,
    /// Windows have pixels of their own.
    composes: bool,
    has_pointer: bool,
}

impl Desktop {
    fn open() -> Result<Self, CameraError> {
        let (connection, screen) = x11rb::connect(None).map_err(|error| {
            tracing::debug!(%error, "there is no X11 desktop");
            CameraError::NoDesktop
        })?;
        let screen = connection.setup().roots.get(screen).ok_or(CameraError::NoDesktop)?;
        let (root, width, height) = (screen.root, screen.width_in_pixels, screen.height_in_pixels);
        let whole = Area { name: "Screen".to_owned(), left: 0, top: 0, width, height, is_main: true };
        let mut desktop = Self { connection, root, whole, composes: false, has_pointer: false };
        let connection = &desktop.connection;
        // Each has to be asked for its version before it is used.
        let _ = connection.randr_query_version(1, 5).map(|cookie| cookie.reply());
        let pointer = connection.xfixes_query_version(5, 0).is_ok_and(|cookie| cookie.reply().is_ok());
        let composes = connection.composite_query_version(0, 4).is_ok_and(|cookie| cookie.reply().is_ok());
        (desktop.composes, desktop.has_pointer) = (composes, pointer);
        Ok(desktop)
    }

    /// The monitors, the main one first.
    fn monitors(&self) -> Vec<Area> {
        let monitors = self.connection.randr_get_monitors(self.root, true).ok().and_then(|cookie| cookie.reply().ok());
        let monitors = monitors.into_iter().flat_map(|reply| reply.monitors);
        let mut areas: Vec<Area> = monitors
            .filter(|it| it.width > 0 && it.height > 0)
            .map(|it| Area {
                name: self.atom_name(it.name).unwrap_or_else(|| self.whole.name.clone()),
                left: it.x,
                top: it.y,
                width: it.width,
                height: it.height,
                is_main: it.primary,
            })
            .collect();
        areas.sort_by_key(|area| !area.is_main);
        if areas.is_empty() {
            areas.push(self.whole.clone());
        }
        areas
    }

    fn atom_name(&self, atom: u32) -> Option<String> {
        let reply = self.connection.get_atom_name(atom).ok()?.reply().ok()?;
        Some(String::from_utf8_lossy(&reply.name).into_owned())
    }

    fn atom(&self, name: &str) -> Option<u32> {
        let reply = self.connection.intern_atom(true, name.as_bytes()).ok()?.reply().ok()?;
        (reply.atom != 0).then_some(reply.atom)
    }

    /// The windows that the window manager lists and that are seen, the newest first, with their names.
    fn windows(&self) -> Vec<(Window, String)> {
        let Some(list) = self.atom("_NET_CLIENT_LIST") else { return Vec::new() };
        let property = self.connection.get_property(false, self.root, list, AtomEnum::WINDOW, 0, WINDOWS_MAX);
        let Some(reply) = property.ok().and_then(|cookie| cookie.reply().ok()) else { return Vec::new() };
        let windows: Vec<Window> = reply.value32().into_iter().flatten().collect();
        let seen = windows.into_iter().rev().filter(|window| self.is_seen(*window));
        seen.filter_map(|window| Some((window, self.name_of(window)?))).collect()
    }

    fn is_seen(&self, window: Window) -> bool {
        let attributes = self.connection.get_window_attributes(window).ok().and_then(|cookie| cookie.reply().ok());
        attributes.is_some_and(|attributes| attributes.map_state == MapState::VIEWABLE)
    }

    fn name_of(&self, window: Window) -> Option<String> {
        let of = |property: u32, kind: u32| {
            let reply = self.connection.get_property(false, window, property, kind, 0, NAME_MAX).ok()?.reply().ok()?;
            let name = String::from_utf8_lossy(&reply.value).trim().to_owned();
            (!name.is_empty()).then_some(name)
        };
        let newer = self.atom("_NET_WM_NAME").zip(self.atom("UTF8_STRING"));
        let newer = newer.and_then(|(property, kind)| of(property, kind));
        newer.or_else(|| of(AtomEnum::WM_NAME.into(), AtomEnum::STRING.into()))
    }

    fn image(&self, of: Drawable, area: &Area) -> Result<GetImageReply, ReplyError> {
        let Area { left, top, width, height, .. } = *area;
        let request = self.connection.get_image(ImageFormat::Z_PIXMAP, of, left, top, width, height, u32::MAX)?;
        request.reply()
    }

    /// The pixels as a picture; none where they are of a kind that hardly any desktop has.
    fn picture(&self, image: GetImageReply, area: &Area, pointer: Option<(i16, i16)>) -> Option<Picture> {
        let setup = self.connection.setup();
        let format = setup.pixmap_formats.iter().find(|format| format.depth == image.depth)?;
        let pixels = pixels_of(format, setup.image_byte_order)?;
        let size = (usize::from(area.width), usize::from(area.height));
        let mut data = image.data;
        if let Some(corner) = pointer.filter(|_| setup.image_byte_order == ImageOrder::LSB_FIRST) {
            self.draw_pointer(&mut data, size, corner);
        }
        convert::from_pixels(&data, size, size.0 * 4, pixels)
    }

    /// Over pixels whose first is this one of the whole screen.
    fn draw_pointer(&self, data: &mut [u8], (width, height): (usize, usize), (left, top): (i16, i16)) {
        let pointer = self.connection.xfixes_get_cursor_image().ok().and_then(|cookie| cookie.reply().ok());
        let Some(pointer) = pointer.filter(|pointer| pointer.width > 0) else { return };
        let first_x = i32::from(pointer.x) - i32::from(pointer.xhot) - i32::from(left);
        let first_y = i32::from(pointer.y) - i32::from(pointer.yhot) - i32::from(top);
        for (y, line) in (first_y..).zip(pointer.cursor_image.chunks_exact(usize::from(pointer.width))) {
            for (x, pixel) in (first_x..).zip(line) {
                let inside = usize::try_from(x).ok().zip(usize::try_from(y).ok());
                let Some((x, y)) = inside.filter(|(x, y)| *x < width && *y < height) else { continue };
                // Its colours are multiplied by how much of it is seen.
                let [blue, green, red, seen] = pixel.to_le_bytes();
                let Some(under) = data.get_mut((y * width + x) * 4..).and_then(|rest| rest.first_chunk_mut::<4>())
                else {
                    return;
                };
                for (under, over) in under.iter_mut().zip([blue, green, red]) {
                    let left = u16::from(*under) * u16::from(255 - seen) / 255;
                    *under = u8::try_from(left + u16::from(over)).unwrap_or(255);
                }
            }
        }
    }
}

/// Eight bits a colour. In 30 bits each has ten, across bytes.
fn pixels_of(format: &Format, order: ImageOrder) -> Option<Pixels> {
    let is_known = format.bits_per_pixel == 32 && matches!(format.depth, 24 | 32);
    is_known.then(|| if order == ImageOrder::LSB_FIRST { Pixels::BGRX } else { Pixels::XRGB })
}

pub(super) fn screens() -> Vec<Screen> {
    let Ok(desktop) = Desktop::open() else { return Vec::new() };
    let monitors = desktop.monitors().into_iter().enumerate().map(|(n, area)| Screen {
        device: Device { id: format!("screen:{}", area.name), name: area.name, is_default: n == 0 },
        kind: ScreenKind::Screen,
    });
    let windows = desktop.windows().into_iter().map(|(window, name)| Screen {
        device: Device { id: format!("window:{window}"), name, is_default: false },
        kind: ScreenKind::Window,
    });
    monitors.chain(windows).collect()
}

/// A desktop has one.
pub(super) fn look_for_screen() -> Result<(), CameraError> {
    Desktop::open().map(drop)
}

pub(super) fn screen(id: Option<&str>) -> Result<Box<dyn PictureSource>, CameraError> {
    let desktop = Desktop::open()?;
    let window = id.and_then(|id| id.strip_prefix("window:")).map(|window| window.parse::<Window>());
    let (name, what) = match window {
        Some(window) => {
            let window = window.ok().filter(|window| desktop.is_seen(*window)).ok_or(CameraError::NoScreen)?;
            if desktop.composes {
                // Where somebody has it so already, it is.
                let _ = desktop.connection.composite_redirect_window(window, Redirect::AUTOMATIC);
            }
            let name = desktop.name_of(window).ok_or(CameraError::NoScreen)?;
            (name, Looked::Window { window, own: None })
        }
        None => {
            let of_id = |area: &Area| id.is_none_or(|id| id.strip_prefix("screen:") == Some(&area.name));
            let area = desktop.monitors().into_iter().find(of_id).ok_or(CameraError::NoScreen)?;
            (area.name.clone(), Looked::Monitor { area, found: Instant::now() })
        }
    };
    Ok(Box::new(Looking { desktop, name, what, pace: Pace::default() }))
}

enum Looked {
    /// Where it was, and when that was asked for.
    Monitor { area: Area, found: Instant },
    /// With its own pixels, of this size, where it has some.
    Window { window: Window, own: Option<(Pixmap, u16, u16)> },
}

/// A screen or window that is looked at.
struct Looking {
    desktop: Desktop,
    name: String,
    what: Looked,
    pace: Pace,
}

impl Looking {
    /// What is to be seen now.
    fn look(&mut self) -> Result<Option<Picture>, ReplyError> {
        let Self { desktop, what, .. } = self;
        let (of, area, corner) = match what {
            Looked::Monitor { area, .. } => (desktop.root, area.clone(), (area.left, area.top)),
            Looked::Window { window, own } => {
                let shape = desktop.connection.get_geometry(*window)?.reply()?;
                let corner = desktop.connection.translate_coordinates(*window, desktop.root, 0, 0)?.reply()?;
                let (width, height) = (shape.width, shape.height);
                if desktop.composes {
                    follow(desktop, *window, own, (width, height));
                }
                // What it was, where it has no other pixels any more: it is minimised.
                let (of, width, height) = own.unwrap_or((*window, width, height));
                let area = Area { name: String::new(), left: 0, top: 0, width, height, is_main: false };
                (of, area, (corner.dst_x, corner.dst_y))
            }
        };
        let image = desktop.image(of, &area)?;
        let pointer = desktop.has_pointer.then_some(corner);
        Ok(desktop.picture(image, &area, pointer))
    }

    /// Where a monitor is now: it may have another place or size, or be gone.
    fn find_again(&mut self) -> Result<(), CameraError> {
        if let Looked::Monitor { area, found } = &mut self.what {
            let now = self.desktop.monitors().into_iter().find(|other| other.name == area.name);
            (*area, *found) = (now.ok_or(CameraError::NoScreen)?, Instant::now());
        }
        Ok(())
    }
}

/// A window gets other pixels each time that it is shown and whenever its size changes. While it is minimised it has none,
/// and what it had last is kept.
fn follow(desktop: &Desktop, window: Window, own: &mut Option<(Pixmap, u16, u16)>, (width, height): (u16, u16)) {
    let Ok(pixmap) = desktop.connection.generate_id() else { return };
    let named = desktop.connection.composite_name_window_pixmap(window, pixmap);
    if named.is_ok_and(|cookie| cookie.check().is_ok())
        && let Some((before, _, _)) = own.replace((pixmap, width, height))
    {
        let _ = desktop.connection.free_pixmap(before);
    }
}

impl PictureSource for Looking {
    fn name(&self) -> &str {
        &self.name
    }

    fn next(&mut self) -> Result<Picture, CameraError> {
        self.pace.wait();
        if matches!(self.what, Looked::Monitor { found, .. } if found.elapsed() >= MONITORS_EVERY) {
            self.find_again()?;
        }
        let seen = match self.look() {
            Err(error) => {
                tracing::debug!(%error, "a screen is looked for again");
                self.find_again()?;
                self.look().map_err(|_| CameraError::NoScreen)?
            }
            Ok(seen) => seen,
        };
        seen.ok_or_else(|| {
            CameraError::Refused(self.name.clone(), "its colours are of a kind that is not known".to_owned())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_of_ten_bits_are_not_taken_for_eight() {
        let of = |depth, bits_per_pixel, order| pixels_of(&Format { depth, bits_per_pixel, scanline_pad: 32 }, order);
        for depth in [24, 32] {
            assert_eq!(of(depth, 32, ImageOrder::LSB_FIRST), Some(Pixels::BGRX));
            assert_eq!(of(depth, 32, ImageOrder::MSB_FIRST), Some(Pixels::XRGB));
        }
        for (depth, bits_per_pixel) in [(30, 32), (16, 16), (24, 24)] {
            assert_eq!(of(depth, bits_per_pixel, ImageOrder::LSB_FIRST), None, "{depth} in {bits_per_pixel}");
        }
    }
}
