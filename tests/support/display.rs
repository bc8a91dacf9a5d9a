//! An X11 screen without a monitor, and windows on it that show known pictures.
//!
//! Linux only, from the package `xvfb`, which `./dev test` installs.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use momoland_media::video::picture::Picture;
use x11rb::connection::Connection as _;
use x11rb::protocol::randr::{ConnectionExt as _, MonitorInfo};
use x11rb::protocol::xproto::{
    Atom, AtomEnum, ChangeWindowAttributesAux, ConfigureWindowAux, ConnectionExt as _, CreateGCAux, CreateWindowAux,
    ImageFormat, PropMode, StackMode, Window, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use crate::process::Watched;

/// Lines of a picture that go to the server at once, of at most 2,048 pixels: a request is 256 KiB at most.
const LINES: u16 = 31;
/// What every screen of today has.
const DEPTH: u8 = 24;

/// See the module.
#[derive(Debug)]
pub struct Display {
    name: String,
    _server: Watched,
    connection: RustConnection,
    root: Window,
    /// With their names, in the order in which they were opened.
    windows: BTreeMap<Window, String>,
}

impl Display {
    /// Starts one of this size.
    ///
    /// # Panics
    /// Where Xvfb is not installed.
    pub fn start(folder: &Path, (width, height): (u16, u16)) -> Self {
        let mut command = Command::new("Xvfb");
        command.args(["-displayfd", "1", "-nolisten", "tcp", "-noreset"]);
        command.args(["-screen", "0", &format!("{width}x{height}x{DEPTH}")]);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut server = Watched::start("Xvfb", command, &folder.join("xvfb.log"));
        let output = server.child().stdout.take().expect("it is piped");
        let mut number = String::new();
        // Ends where the process does.
        BufReader::new(output).read_line(&mut number).expect("a number is text");
        let name = format!(":{}", number.trim());
        let (connection, screen) = x11rb::connect(Some(&name)).expect("it listens, as it said");
        let root = connection.setup().roots[screen].root;
        Self { name, _server: server, connection, root, windows: BTreeMap::new() }
    }

    /// For the variable DISPLAY.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Opens a window there, above all others, as large as its picture; the desktop's list of windows names it.
    pub fn open(&mut self, name: &str, (left, top): (i16, i16), picture: &Picture) -> Window {
        let window = self.connection.generate_id().expect("there are ids");
        let (width, height, class) = (picture.width(), picture.height(), WindowClass::INPUT_OUTPUT);
        // There is no window manager whose place it would be.
        let values = CreateWindowAux::new().override_redirect(1);
        let made =
            self.connection.create_window(DEPTH, window, self.root, left, top, width, height, 0, class, 0, &values);
        made.expect("it is asked").check().expect("it is there");
        let title = self.connection.change_property8(
            PropMode::REPLACE,
            window,
            AtomEnum::WM_NAME,
            AtomEnum::STRING,
            name.as_bytes(),
        );
        title.expect("it is asked").check().expect("it has a name");
        self.draw(window, picture);
        self.connection.map_window(window).expect("it is asked").check().expect("it is shown");
        self.windows.insert(window, name.to_owned());
        self.list();
        window
    }

    /// Puts a window above all others.
    pub fn raise(&self, window: Window) {
        let values = ConfigureWindowAux::new().stack_mode(StackMode::ABOVE);
        self.connection.configure_window(window, &values).expect("it is asked").check().expect("it is above");
    }

    /// Minimises a window, as a window manager does.
    pub fn minimise(&self, window: Window) {
        self.connection.unmap_window(window).expect("it is asked").check().expect("it was shown");
    }

    /// Shows a minimised window again, of the size and at the place that it had.
    pub fn restore(&self, window: Window) {
        self.connection.map_window(window).expect("it is asked").check().expect("it is shown");
    }

    /// Plugs a monitor in that shows this part of the screen, or has it show another.
    pub fn put_monitor(&self, name: &str, (x, y): (i16, i16), (width, height): (u16, u16)) {
        let name = self.atom(name);
        let (primary, automatic, outputs) = (false, false, Vec::new());
        let (width_in_millimeters, height_in_millimeters) = (u32::from(width) / 4, u32::from(height) / 4);
        let monitor = MonitorInfo {
            name,
            primary,
            automatic,
            x,
            y,
            width,
            height,
            width_in_millimeters,
            height_in_millimeters,
            outputs,
        };
        // At once: nobody is to see that it is gone for a moment, where it was there before.
        self.connection.grab_server().expect("it is asked");
        let gone = self.connection.randr_delete_monitor(self.root, name).expect("it is asked");
        gone.ignore_error();
        self.connection.randr_set_monitor(self.root, monitor).expect("it is asked").check().expect("it is there");
        self.connection.ungrab_server().expect("it is asked").check().expect("others go on");
    }

    /// Unplugs a monitor.
    pub fn unplug_monitor(&self, name: &str) {
        let gone = self.connection.randr_delete_monitor(self.root, self.atom(name));
        gone.expect("it is asked").check().expect("it was there");
    }

    /// Closes a window.
    pub fn close(&mut self, window: Window) {
        self.connection.destroy_window(window).expect("it is asked").check().expect("it was there");
        self.windows.remove(&window);
        self.list();
    }

    /// Shows another picture in a window, in greys.
    pub fn draw(&self, window: Window, picture: &Picture) {
        let [pixmap, pen] = [(); 2].map(|()| self.connection.generate_id().expect("there are ids"));
        let (width, height) = (picture.width(), picture.height());
        self.connection.create_pixmap(DEPTH, pixmap, window, width, height).expect("it is asked");
        self.connection.create_gc(pen, pixmap, &CreateGCAux::new()).expect("it is asked");
        let lines = picture.luma().chunks(usize::from(width) * usize::from(LINES));
        for (top, lines) in (0..).step_by(LINES.into()).zip(lines) {
            let pixels: Vec<u8> = lines.iter().flat_map(|grey| [*grey; 4]).collect();
            let high = u16::try_from(lines.len() / usize::from(width)).expect("a few");
            let format = ImageFormat::Z_PIXMAP;
            let put = self.connection.put_image(format, pixmap, pen, width, high, 0, top, 0, DEPTH, &pixels);
            put.expect("it is asked").check().expect("it is drawn");
        }
        // The server draws it wherever the window is uncovered.
        let values = ChangeWindowAttributesAux::new().background_pixmap(pixmap);
        self.connection.change_window_attributes(window, &values).expect("it is asked");
        self.connection.free_gc(pen).expect("it is asked");
        self.connection.free_pixmap(pixmap).expect("it is asked");
        self.connection.clear_area(false, window, 0, 0, 0, 0).expect("it is asked").check().expect("it is shown");
    }

    /// As a window manager does.
    fn list(&self) {
        let list = self.atom("_NET_CLIENT_LIST");
        let windows: Vec<Window> = self.windows.keys().copied().collect();
        let told = self.connection.change_property32(PropMode::REPLACE, self.root, list, AtomEnum::WINDOW, &windows);
        told.expect("it is asked").check().expect("it is told");
    }

    fn atom(&self, name: &str) -> Atom {
        let atom = self.connection.intern_atom(false, name.as_bytes()).expect("it is asked");
        atom.reply().expect("an atom").atom
    }
}
