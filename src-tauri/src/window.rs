//! The one window: how it is made, where it stands, and what it may navigate to.
//!
//! Its place is kept in the data folder as one line, in the form that `--geometry` takes; with a word after it where
//! the window filled the screen.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use tauri::webview::{NewWindowResponse, PageLoadEvent};
use tauri::{App, AppHandle, LogicalPosition, LogicalSize, Manager, Url, WebviewUrl, WebviewWindow};
use tauri::{Monitor, WebviewWindowBuilder};

use crate::links::{Link, Links};

pub(crate) const LABEL: &str = "main";
const TITLE: &str = "Momoland";
const MAXIMISED: &str = "maximised";

/// Logical pixels. At the smallest size the UI shows one pane, with 36 px targets.
const SIZE_MIN: (u32, u32) = (360, 480);
/// Three panes with a comfortable conversation between them.
const FIRST: Geometry = Geometry { width: 1180, height: 760, position: None };
/// Logical pixels. More than any desktop of several monitors; a limit on what a damaged file can ask for.
const EXTENT_MAX: u32 = 32_768;
/// Logical pixels of the window's top edge that must lie on a monitor, so that it can be taken and moved.
const GRIP: i32 = 40;

/// Size and place in logical pixels, much as X11 writes them: `1180x760+40+30`; without a place, `1180x760`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Geometry {
    width: u32,
    height: u32,
    position: Option<(i32, i32)>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text} is not a window geometry; write width, height and place in pixels, like 1180x760+40+30.")]
pub(crate) struct GeometryError {
    pub(crate) text: String,
}

impl FromStr for Geometry {
    type Err = GeometryError;

    fn from_str(text: &str) -> Result<Self, GeometryError> {
        parse(text).ok_or_else(|| GeometryError { text: text.to_owned() })
    }
}

fn parse(text: &str) -> Option<Geometry> {
    let (width, rest) = text.split_once('x')?;
    let signed = rest.find(['+', '-']);
    let (height, position) = match signed {
        None => (rest, None),
        Some(at) => {
            let (height, position) = rest.split_at(at);
            let y_at = position.char_indices().skip(1).find(|(_, c)| matches!(c, '+' | '-'))?.0;
            let (x, y) = position.split_at(y_at);
            (height, Some((coordinate(x)?, coordinate(y)?)))
        }
    };
    Some(Geometry { width: extent(width)?, height: extent(height)?, position })
}

fn extent(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let extent: u32 = digits.then(|| text.parse().ok())??;
    (1..=EXTENT_MAX).contains(&extent).then_some(extent)
}

/// `+40` or `-40`: from the first monitor's top left corner, to the left of it or above where negative.
fn coordinate(text: &str) -> Option<i32> {
    let coordinate: i32 = text.parse().ok()?;
    (coordinate.unsigned_abs() <= EXTENT_MAX).then_some(coordinate)
}

impl fmt::Display for Geometry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)?;
        match self.position {
            Some((x, y)) => write!(f, "{x:+}{y:+}"),
            None => Ok(()),
        }
    }
}

/// A window as it was left. One that filled the screen has the size and place that it goes back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Left {
    geometry: Geometry,
    maximised: bool,
}

impl Left {
    fn read(line: &str) -> Option<Self> {
        let (geometry, maximised) = match line.trim().split_once(' ') {
            Some((geometry, MAXIMISED)) => (geometry, true),
            Some(_) => return None,
            None => (line.trim(), false),
        };
        Some(Self { geometry: parse(geometry)?, maximised })
    }

    fn write(&self) -> String {
        if self.maximised { format!("{} {MAXIMISED}", self.geometry) } else { self.geometry.to_string() }
    }
}

/// Makes the window. `asked` is taken as it is; what was remembered is taken as far as it still fits the monitors.
pub(crate) fn open(app: &App, data_dir: &Path, asked: Option<Geometry>) -> tauri::Result<WebviewWindow> {
    let Left { geometry, maximised } = match asked {
        Some(geometry) => Left { geometry, maximised: false },
        None => remembered(app, data_dir),
    };
    let handle = app.handle().clone();
    let window = WebviewWindowBuilder::new(app, LABEL, WebviewUrl::App("index.html".into()))
        .title(TITLE)
        .inner_size(f64::from(geometry.width), f64::from(geometry.height))
        .min_inner_size(f64::from(SIZE_MIN.0), f64::from(SIZE_MIN.1))
        .maximized(maximised)
        .data_directory(data_dir.join("webview"))
        .on_navigation({
            let app = handle.clone();
            move |url| {
                let own = is_own(url);
                if !own {
                    leave_page(&app, url);
                }
                own
            }
        })
        .on_new_window(move |url, _| {
            leave_page(&handle, &url);
            NewWindowResponse::Deny
        })
        .on_page_load(|window, load| {
            // The page that took links is gone; its successor says when it can.
            if load.event() == PageLoadEvent::Started {
                window.state::<Links>().keep();
            }
        })
        .on_document_title_changed(|window, title| {
            if let Err(error) = window.set_title(&title) {
                tracing::debug!(%error, "the window kept its old title");
            }
        });
    let window = match geometry.position {
        Some((x, y)) => window.position(f64::from(x), f64::from(y)),
        None => window.center(),
    };
    window.build()
}

/// Brings the window before the person's eyes.
pub(crate) fn come_forward(app: &AppHandle) {
    let Some(window) = app.get_webview_window(LABEL) else { return };
    let result = window.unminimize().and_then(|()| window.show()).and_then(|()| window.set_focus());
    if let Err(error) = result {
        tracing::warn!(%error, "the window could not be brought forward");
    }
}

/// Takes the window from the screen and leaves it running. Whether it did.
pub(crate) fn hide(app: &AppHandle) -> bool {
    app.get_webview_window(LABEL).is_some_and(|window| window.hide().is_ok())
}

/// Keeps the window's place for the next start. A minimised window has none worth keeping.
pub(crate) fn remember(app: &AppHandle, data_dir: &Path) {
    let Some(window) = app.get_webview_window(LABEL) else { return };
    let kept = match measure(&window, data_dir) {
        Ok(Some(left)) => write_whole(&geometry_file(data_dir), &left.write()),
        Ok(None) => Ok(()),
        Err(error) => {
            tracing::debug!(%error, "the window's place could not be measured");
            Ok(())
        }
    };
    if let Err(error) = kept {
        tracing::warn!(%error, "the window's place could not be kept");
    }
}

fn measure(window: &WebviewWindow, data_dir: &Path) -> tauri::Result<Option<Left>> {
    if window.is_minimized()? || window.is_fullscreen()? || !window.is_visible()? {
        return Ok(None);
    }
    if window.is_maximized()? {
        // Where it goes back to cannot be asked now: that is what was kept before.
        let geometry = kept(data_dir).map_or(FIRST, |left| left.geometry);
        return Ok(Some(Left { geometry, maximised: true }));
    }
    let scale = window.scale_factor()?;
    let size: LogicalSize<u32> = window.inner_size()?.to_logical(scale);
    let place: LogicalPosition<i32> = window.outer_position()?.to_logical(scale);
    let geometry = Geometry { width: size.width, height: size.height, position: Some((place.x, place.y)) };
    Ok(Some(Left { geometry, maximised: false }))
}

fn kept(data_dir: &Path) -> Option<Left> {
    Left::read(&std::fs::read_to_string(geometry_file(data_dir)).ok()?)
}

fn remembered(app: &App, data_dir: &Path) -> Left {
    let Some(left) = kept(data_dir) else { return Left { geometry: FIRST, maximised: false } };
    let monitors = app.available_monitors().unwrap_or_default();
    let position = left.geometry.position.filter(|place| {
        monitors.iter().map(LogicalArea::of).any(|area| area.shows_top_edge(*place, left.geometry.width))
    });
    Left { geometry: Geometry { position, ..left.geometry }, ..left }
}

/// A monitor's place in logical pixels.
#[derive(Debug, Clone, Copy)]
struct LogicalArea {
    left: i32,
    top: i32,
    right: i32,
    bottom: i32,
}

impl LogicalArea {
    fn of(monitor: &Monitor) -> Self {
        let place: LogicalPosition<i32> = monitor.position().to_logical(monitor.scale_factor());
        let size: LogicalSize<i32> = monitor.size().to_logical(monitor.scale_factor());
        Self {
            left: place.x,
            top: place.y,
            right: place.x.saturating_add(size.width),
            bottom: place.y.saturating_add(size.height),
        }
    }

    fn shows_top_edge(self, (x, y): (i32, i32), width: u32) -> bool {
        let right = x.saturating_add_unsigned(width);
        let shown = right.min(self.right).saturating_sub(x.max(self.left));
        shown >= GRIP && y >= self.top && y <= self.bottom.saturating_sub(GRIP)
    }
}

fn geometry_file(data_dir: &Path) -> PathBuf {
    data_dir.join("window-geometry")
}

/// Replaces the file in one step: a crash leaves the old line or the new one.
pub(crate) fn write_whole(file: &Path, text: &str) -> io::Result<()> {
    let draft = file.with_extension("draft");
    std::fs::write(&draft, text)?;
    std::fs::rename(draft, file)
}

/// Whether the address is the embedded UI: `tauri://localhost`, on Windows `http://tauri.localhost`.
fn is_own(url: &Url) -> bool {
    match url.scheme() {
        "tauri" => url.host_str() == Some("localhost"),
        "http" | "https" => url.host_str() == Some("tauri.localhost"),
        _ => false,
    }
}

/// Where an address leads that is not the page's own.
fn leave_page(app: &AppHandle, url: &Url) {
    match url.as_str().parse::<Link>() {
        Ok(link) => app.state::<Links>().deliver(link),
        Err(_) => open_outside(url),
    }
}

/// Hands a web address to the system's browser, and a mail address to its mail program.
fn open_outside(url: &Url) {
    let Some(address) = outside_address(url) else {
        tracing::warn!(scheme = url.scheme(), "a link of this scheme is not opened");
        return;
    };
    if let Err(error) = open::that_detached(address.as_str()) {
        tracing::warn!(%error, "the system's program for this link could not be started");
    }
}

/// What of an address another program gets to see. Anything but the web and mail (file:, javascript:, other programs'
/// schemes) is nothing: a message must not be able to start a program. Of a mail only to whom and about what: some mail
/// programs take an `attach` for the name of a file to send.
fn outside_address(url: &Url) -> Option<Url> {
    match url.scheme() {
        "http" | "https" => Some(url.clone()),
        "mailto" => {
            let fields: Vec<(String, String)> = url
                .query_pairs()
                .filter(|(name, _)| matches!(name.to_ascii_lowercase().as_str(), "to" | "cc" | "subject" | "body"))
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect();
            let mut mail = url.clone();
            mail.set_fragment(None);
            mail.set_query(None);
            if !fields.is_empty() {
                // Mail programs take a plus for a plus.
                let form = mail.query_pairs_mut().extend_pairs(fields).finish().query().unwrap_or_default();
                let query = form.replace('+', "%20");
                mail.set_query(Some(&query));
            }
            Some(mail)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn geometry(width: u32, height: u32, position: Option<(i32, i32)>) -> Option<Geometry> {
        Some(Geometry { width, height, position })
    }

    #[test]
    fn a_geometry_reads_as_it_is_written() {
        for text in ["1180x760", "800x600+0+0", "800x600+10-20", "360x480-1280+40"] {
            assert_eq!(text.parse::<Geometry>().unwrap().to_string(), text);
        }
        assert_eq!(parse("800x600-10+20"), geometry(800, 600, Some((-10, 20))));
    }

    #[test]
    fn a_damaged_geometry_is_refused() {
        for text in
            ["", "x", "800", "800x", "x600", "0x600", "800x600+10", "800x600+10+", "+8x+6", "99999x600", "8x6+1+2+3"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_window_on_a_monitor_that_is_gone_is_not_put_there() {
        let area = LogicalArea { left: 0, top: 0, right: 1920, bottom: 1080 };
        assert!(area.shows_top_edge((100, 100), 800));
        assert!(area.shows_top_edge((-700, 0), 800));
        assert!(!area.shows_top_edge((1900, 100), 800));
        assert!(!area.shows_top_edge((2000, 100), 800));
        assert!(!area.shows_top_edge((100, -30), 800));
        assert!(!area.shows_top_edge((100, 1070), 800));
    }

    #[test]
    fn only_the_embedded_ui_is_shown_in_the_window() {
        for own in ["tauri://localhost/index.html", "http://tauri.localhost/"] {
            assert!(is_own(&own.parse().unwrap()), "{own}");
        }
        for foreign in ["https://example.org/", "tauri://elsewhere/", "file:///etc/passwd", "http://localhost/"] {
            assert!(!is_own(&foreign.parse().unwrap()), "{foreign}");
        }
    }

    #[test]
    fn a_window_is_left_as_it_is_found_again() {
        for text in ["1180x760+40+30", "1180x760+40+30 maximised", "800x600 maximised"] {
            assert_eq!(Left::read(text).unwrap().write(), text);
        }
        assert!(Left::read("1180x760+40+30 maximised\n").unwrap().maximised);
        for damaged in ["maximised", "1180x760 minimised", "1180x760 maximised twice", " maximised"] {
            assert_eq!(Left::read(damaged), None, "{damaged}");
        }
    }

    #[test]
    fn only_the_web_and_mail_are_handed_to_other_programs() {
        let given = |text: &str| outside_address(&text.parse().unwrap()).map(String::from);
        assert_eq!(given("https://example.org/a?b=c#d").as_deref(), Some("https://example.org/a?b=c#d"));
        assert_eq!(given("mailto:ada@example.org").as_deref(), Some("mailto:ada@example.org"));
        assert_eq!(
            given("mailto:ada@example.org?subject=low%20water&attach=/etc/passwd&Body=10%3A40%2B2").as_deref(),
            Some("mailto:ada@example.org?subject=low%20water&Body=10%3A40%2B2")
        );
        for foreign in
            ["file:///etc/passwd", "javascript:alert(1)", "ssh://host/", "data:text/html,x", "momoland://run/x"]
        {
            assert_eq!(given(foreign), None, "{foreign}");
        }
    }
}
