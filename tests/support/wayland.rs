//! A Wayland desktop without a monitor, with all that a program needs to be shown its screen: a compositor, a session bus,
//! the portals, and PipeWire. Whoever it asks which screen to show answers by a file.
//!
//! Linux only, from packages which `./dev test` installs.

mod wire;

use std::ffi::OsStr;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use momoland_media::video::picture::Picture;
use rustix::process::geteuid;

use crate::process::Watched;
use crate::wait::{wait_for, wait_until};

/// On a machine that has much else to do.
const WITHIN: Duration = Duration::from_secs(60);
/// What the compositor calls a monitor that is none.
const MONITOR: &str = "HEADLESS-1";
/// Who the compositor runs as where this runs as root, as which it will not: nobody.
const NOBODY: u32 = 65_534;
/// The socket by which the compositor's portal knows it.
const WIRE: &str = "wire";
/// Where Debian and Fedora have what is no command.
const PROGRAMS: &str = "/usr/libexec";
/// One that starts no other services, and knows no user but this one.
const BUS: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=BUS_PATH</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;

/// See the module.
#[derive(Debug)]
pub struct Wayland {
    folder: PathBuf,
    environment: Vec<(String, String)>,
    /// What is on the screen.
    wallpaper: Option<Watched>,
    /// In the order in which they end.
    portals: Vec<Watched>,
    _others: Vec<Watched>,
}

impl Wayland {
    /// Starts one of this size, in a folder that anybody may reach.
    ///
    /// # Panics
    /// Where one of its programs is not installed.
    pub fn start(folder: &Path, (width, height): (u16, u16)) -> Self {
        let run = folder.join("run");
        let settings = folder.join("settings/xdg-desktop-portal-wlr");
        for folder in [&run, &settings] {
            std::fs::create_dir_all(folder).expect("folders can be made");
        }
        allow(folder, 0o711);
        allow(&run, 0o700);
        if geteuid().is_root() {
            chown(&run, Some(NOBODY), Some(NOBODY)).expect("root may");
        }
        let (bus, answer) = (run.join("bus"), folder.join("answer"));
        let write = |name: &str, text: String| {
            let path = folder.join(name);
            std::fs::write(&path, text).expect("files can be written");
            path
        };
        let bus_settings = write("bus.conf", BUS.replace("BUS_PATH", &bus.display().to_string()));
        let screen = format!("xwayland disable\noutput {MONITOR} resolution {width}x{height} position 0 0\n");
        let screen = write("sway.conf", screen);
        let chooser = format!("[screencast]\nchooser_type=simple\nchooser_cmd=cat {}\n", answer.display());
        std::fs::write(settings.join("config"), chooser).expect("files can be written");
        let text = |path: &Path| path.display().to_string();
        let mut desktop = Self {
            folder: folder.to_owned(),
            environment: vec![
                ("XDG_RUNTIME_DIR".to_owned(), text(&run)),
                ("XDG_CONFIG_HOME".to_owned(), text(&folder.join("settings"))),
                ("XDG_CURRENT_DESKTOP".to_owned(), "sway".to_owned()),
                ("DBUS_SESSION_BUS_ADDRESS".to_owned(), format!("unix:path={}", bus.display())),
                ("SWAYSOCK".to_owned(), text(&run.join("sway"))),
            ],
            wallpaper: None,
            portals: Vec::new(),
            _others: Vec::new(),
        };
        let mut bus_daemon = desktop.command("dbus-daemon");
        bus_daemon.arg("--nofork").arg("--config-file").arg(bus_settings);
        let bus_daemon = desktop.run(bus_daemon);
        wait_until("the bus listens", WITHIN, || bus.exists());
        let mut sway = desktop.command("sway");
        sway.arg("--config").arg(screen);
        sway.envs([("WLR_BACKENDS", "headless"), ("WLR_LIBINPUT_NO_DEVICES", "1"), ("WLR_RENDERER", "pixman")]);
        if geteuid().is_root() {
            sway.uid(NOBODY).gid(NOBODY);
        }
        let sway = desktop.run(sway);
        let socket = wait_for("the compositor listens", WITHIN, || socket_in(&run));
        wire::lay(&run.join(WIRE), &run.join(&socket));
        desktop.environment.push(("WAYLAND_DISPLAY".to_owned(), socket));
        let pipewire = desktop.run(desktop.command("pipewire"));
        wait_until("PipeWire listens", WITHIN, || run.join("pipewire-0").exists());
        let manager = desktop.run(desktop.command("wireplumber"));
        desktop.start_portals();
        desktop._others = vec![manager, pipewire, sway, bus_daemon];
        desktop
    }

    /// For a program that runs on it.
    pub fn environment(&self) -> Vec<(String, String)> {
        self.environment.clone()
    }

    /// Whoever is asked from now on chooses the screen, or nothing.
    pub fn answer(&self, chooses: bool) {
        let answer = if chooses { format!("{MONITOR}\n") } else { String::new() };
        std::fs::write(self.folder.join("answer"), answer).expect("a file can be written");
    }

    /// Shows a picture on the whole screen, in greys.
    pub fn draw(&mut self, picture: &Picture) {
        let path = self.folder.join("wallpaper.pgm");
        let head = format!("P5 {} {} 255\n", picture.width(), picture.height());
        std::fs::write(&path, [head.as_bytes(), picture.luma()].concat()).expect("a file can be written");
        self.put(&["--mode", "stretch", "--image", &path.display().to_string()]);
    }

    /// Shows one colour on the whole screen: `#` and two digits each of red, green and blue.
    pub fn paint(&mut self, colour: &str) {
        self.put(&["--color", colour]);
    }

    fn put(&mut self, wallpaper: &[&str]) {
        let mut command = self.command("swaybg");
        command.args(wallpaper);
        // The one before goes when there is something else to see.
        self.wallpaper = None;
        self.wallpaper = Some(self.run(command));
    }

    /// Gives the screen another size.
    pub fn resize(&self, (width, height): (u16, u16)) {
        self.tell(&format!("output {MONITOR} resolution {width}x{height}"));
    }

    /// Ends the portals, and with them what they show.
    pub fn stop_portals(&mut self) {
        self.portals.clear();
    }

    /// Starts them.
    pub fn start_portals(&mut self) {
        let names = [
            ("xdg-desktop-portal-wlr", "org.freedesktop.impl.portal.desktop.wlr"),
            ("xdg-desktop-portal", "org.freedesktop.portal.Desktop"),
        ];
        for (program, name) in names {
            let mut command = self.command(Path::new(PROGRAMS).join(program));
            command.env("WAYLAND_DISPLAY", WIRE);
            self.portals.insert(0, self.run(command));
            wait_until("a portal is there", WITHIN, || self.is_on_bus(name));
        }
    }

    fn is_on_bus(&self, name: &str) -> bool {
        let mut command = Command::new("dbus-send");
        command.args(["--session", "--print-reply=literal", "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus"]);
        command.args(["org.freedesktop.DBus.NameHasOwner", &format!("string:{name}")]);
        let said = command.envs(self.environment()).output().expect("dbus-send is installed");
        String::from_utf8_lossy(&said.stdout).contains("true")
    }

    fn tell(&self, command: &str) {
        let told = Command::new("swaymsg").arg(command).envs(self.environment()).output().expect("swaymsg is there");
        assert!(told.status.success(), "{command}: {}", String::from_utf8_lossy(&told.stderr));
    }

    fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY").envs(self.environment());
        command.env("HOME", &self.folder).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    fn run(&self, command: Command) -> Watched {
        let name = Path::new(command.get_program()).file_name().expect("a program has a name").to_string_lossy();
        let name = name.into_owned();
        let log = self.folder.join(format!("{name}.log"));
        Watched::start(&name, command, &log)
    }
}

/// The name of the compositor's socket.
fn socket_in(run: &Path) -> Option<String> {
    let names = std::fs::read_dir(run).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.into_iter().find(|name| name.starts_with("wayland-") && !name.ends_with(".lock"))
}

fn allow(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("it is this test's own");
}
