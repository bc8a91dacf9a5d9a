//! The machine's own screens in calls: what is drawn on a real screen, of X11 or of Wayland, with a number in it, is what the
//! other sees.

use std::path::Path;
use std::time::{Duration, Instant};

use momoland_media::cameras::test_picture::{TestPicture, read};
use momoland_media::video::picture::Picture;
use serde_json::{Value, json};
use support::display::Display;
use support::wayland::Wayland;
use support::{Momo, Viewer, World, sound, wait_until};

const WITHIN: Duration = Duration::from_secs(20);
const PAPER: &str = "Paper on the desk";
const BESIDE: &str = "BESIDE-1";

/// Whether all of it is about #2050c0: its brightness and both its colours, as BT.601 has them.
fn is_blue(picture: &Picture) -> bool {
    let (bright, colours) = picture.planes().split_at(picture.luma().len());
    let (blue, red) = colours.split_at(colours.len() / 2);
    let all = |plane: &[u8], expected: u8| plane.iter().all(|it| it.abs_diff(expected) <= 6);
    all(bright, 83) && all(blue, 184) && all(red, 99)
}

/// Ada shows her screen in a call, and Grace's window looks at it.
struct Showing {
    _world: World,
    ada: Momo,
    window: Viewer,
    call: Value,
}

/// Until Grace's window looks at Ada's screen on an X11 display.
fn show(folder: &Path, display: &Display) -> Showing {
    let mut showing = call(folder, vec![("DISPLAY".to_owned(), display.name().to_owned())]);
    showing.share(&json!(""));
    showing.view();
    showing
}

/// A call of the two, where Ada's program has such an environment.
fn call(folder: &Path, environment: Vec<(String, String)>) -> Showing {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    // The machine's own devices, whatever there is: no sound is heard, and the screen is this one.
    ada.set_environment(environment);
    ada.kill_and_start_again();
    ada.wait_server("online", WITHIN);
    let mut window = Viewer::instead_of(&grace, &sound::environment(2, &folder.join("grace"), None));
    let call = ada.ask("calls.start", json!({ "roomId": room, "media": "audio" }))["callId"].clone();
    window.wait_event("it rings", WITHIN, |event| event["type"] == "call.incoming");
    window.ask("calls.join", json!({ "callId": call }));
    let joined = |event: &Value| !event["call"]["participants"].as_array().is_none_or(Vec::is_empty);
    ada.wait_event(0, "grace is in it", WITHIN, joined);
    Showing { _world: world, ada, window, call }
}

impl Showing {
    /// Asks for a screen to be shown.
    fn share(&self, source: &Value) {
        self.ada.ask("calls.setMedia", json!({ "callId": self.call, "screen": true, "screenSource": source }));
    }

    /// Has Grace's window look, as soon as it knows that there is something.
    fn view(&mut self) {
        let event = self.window.wait_event("she shows her screen", WITHIN, |event| {
            event["call"]["participants"]
                .as_array()
                .is_some_and(|others| others.iter().any(|other| other["screen"] == true))
        });
        let of = event["call"]["participants"][0]["deviceId"].clone();
        let tiles = json!([{ "deviceId": of, "source": "screen", "width": 1_920, "height": 1_080 }]);
        self.window.ask("calls.view", json!({ "callId": self.call, "tiles": tiles }));
    }

    /// Waits until nothing is shown any more, and she is told why.
    fn wait_off(&self, why: &str) {
        wait_until("she is told why nothing is shown", WITHIN, || {
            let own = self.own();
            own["screen"] == false && own["picture"]["problem"].as_str().is_some_and(|problem| problem.contains(why))
        });
        assert_eq!(self.own()["part"], "in");
    }

    /// What she is told of her call.
    fn own(&self) -> Value {
        self.ada.ask("calls.list", json!({}))["calls"][0].clone()
    }

    fn wait_gone(&self) {
        wait_until("she is told that it is gone", WITHIN, || {
            self.own()["picture"]["problem"].as_str().is_some_and(|problem| problem.contains("Choose another"))
        });
        assert_eq!(self.own()["part"], "in");
    }

    fn choose(&self, source: &Value) {
        self.ada.ask("calls.setMedia", json!({ "callId": self.call, "screenSource": source }));
    }

    fn wait_shown(&mut self, what: &str, expected: TestPicture) -> (u16, u16) {
        let shown = self.window.wait_picture(what, WITHIN, |shown| read(&shown.picture) == Some(expected));
        (shown.picture.width(), shown.picture.height())
    }
}

#[test]
fn what_is_on_a_screen_or_in_a_window_is_seen_by_the_others_and_a_closed_window_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut display = Display::start(folder.path(), (1_280, 720));
    let whole = |count| TestPicture { who: 5, count };
    let all = display.open("Wallpaper", (0, 0), &whole(1).draw(1_280, 720));
    let mut showing = show(folder.path(), &display);
    assert_eq!(showing.wait_shown("the whole screen", whole(1)), (1_280, 720));
    let before = Instant::now();
    display.draw(all, &whole(2).draw(1_280, 720));
    showing.wait_shown("what is drawn on it now", whole(2));
    eprintln!("seen {} ms after it was drawn", before.elapsed().as_millis());

    // One window, by its name in the list, also under another one.
    let paper = TestPicture { who: 6, count: 9 };
    let above = display.open(PAPER, (300, 200), &paper.draw(640, 360));
    let screens = showing.ada.ask("calls.devices", json!({}))["screens"].clone();
    let listed = screens.as_array().expect("a list");
    assert_eq!((&listed[0]["kind"], &listed[0]["isDefault"]), (&json!("screen"), &json!(true)), "{screens}");
    let of_name = |name: &str| listed.iter().find(|screen| screen["name"] == name && screen["kind"] == "window");
    assert!(of_name("Wallpaper").is_some(), "{screens}");
    showing.choose(&of_name(PAPER).expect("it is listed")["sourceId"]);
    assert_eq!(showing.wait_shown("the window alone", paper), (640, 360));
    display.raise(all);
    let paper = TestPicture { who: 6, count: 10 };
    display.draw(above, &paper.draw(640, 360));
    showing.wait_shown("the window under another", paper);

    // Minimised it is seen as it was; shown again, of the same size, what is drawn on it is seen.
    display.minimise(above);
    showing.wait_shown("the window as it was when it was minimised", paper);
    display.restore(above);
    let paper = TestPicture { who: 6, count: 11 };
    display.draw(above, &paper.draw(640, 360));
    showing.wait_shown("the window that is shown again", paper);

    // Closed it is gone, which is said, and the call goes on.
    display.close(above);
    showing.wait_gone();
    showing.choose(&json!(""));
    showing.wait_shown("the whole screen again", whole(2));
    wait_until("nothing is wrong any more", WITHIN, || showing.own()["picture"]["problem"].is_null());
}

#[test]
fn a_monitor_that_is_moved_is_followed_and_one_that_is_unplugged_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut display = Display::start(folder.path(), (1_280, 720));
    let shown = |count| TestPicture { who: 4, count };
    display.open("Left", (0, 0), &shown(1).draw(640, 360));
    display.open("Below", (0, 360), &shown(2).draw(320, 180));
    display.put_monitor(BESIDE, (0, 0), (640, 360));
    let mut showing = show(folder.path(), &display);
    let screens = showing.ada.ask("calls.devices", json!({}))["screens"].clone();
    let listed = screens.as_array().expect("a list");
    let beside = listed.iter().find(|screen| screen["name"] == BESIDE && screen["kind"] == "screen");
    showing.choose(&beside.expect("it is listed")["sourceId"]);
    assert_eq!(showing.wait_shown("what is on the monitor", shown(1)), (640, 360));
    // No picture fails meanwhile: there is a screen wherever it was.
    display.put_monitor(BESIDE, (0, 360), (320, 180));
    assert_eq!(showing.wait_shown("what is on it at its new place", shown(2)), (320, 180));
    display.unplug_monitor(BESIDE);
    showing.wait_gone();
}

#[test]
fn on_a_wayland_desktop_what_was_chosen_when_it_asked_is_seen_by_the_others() {
    // The compositor may run as nobody, who must be able to go there.
    let folder = tempfile::tempdir_in("/tmp").expect("a folder");
    let mut desktop = Wayland::start(folder.path(), (1_280, 720));
    let shown = |count| TestPicture { who: 7, count };
    desktop.draw(&shown(1).draw(1_280, 720));
    let mut showing = call(folder.path(), desktop.environment());
    let screens = showing.ada.ask("calls.devices", json!({}))["screens"].clone();
    let listed = screens.as_array().expect("a list");
    assert_eq!((listed.len(), &listed[0]["kind"]), (1, &json!("asked")), "{screens}");

    // Nothing chosen, nothing shown, and nobody is asked again before they want it.
    desktop.answer(false);
    showing.share(&listed[0]["sourceId"]);
    showing.wait_off("was chosen");
    desktop.answer(true);
    showing.share(&listed[0]["sourceId"]);
    showing.view();
    assert_eq!(showing.wait_shown("the screen", shown(1)), (1_280, 720));
    assert_eq!(showing.own()["picture"]["problem"], Value::Null);
    desktop.draw(&shown(2).draw(1_280, 720));
    showing.wait_shown("what is on it now", shown(2));

    // In its colours: none stands in another's place.
    desktop.paint("#2050c0");
    showing.window.wait_picture("the blue screen", WITHIN, |shown| is_blue(&shown.picture));

    // Its size changes while it is shown.
    desktop.resize((800, 600));
    desktop.draw(&shown(3).draw(800, 600));
    assert_eq!(showing.wait_shown("the smaller screen", shown(3)), (800, 600));

    // The desktop ends it, which is said, and the call goes on; then it can be shown again.
    desktop.stop_portals();
    showing.wait_off("Choose another");
    let files = showing.ada.usage().files;
    desktop.start_portals();
    showing.share(&json!(""));
    showing.view();
    showing.wait_shown("the screen again", shown(3));
    let threads = || {
        let names = std::fs::read_dir(format!("/proc/{}/task", showing.ada.pid())).expect("it runs");
        let names = names.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
        names.filter(|name| name.starts_with("pipewire") || name.starts_with("zbus")).count()
    };
    assert_ne!(threads(), 0);
    showing.ada.ask("calls.setMedia", json!({ "callId": showing.call, "screen": false }));
    wait_until("nothing of it is left", WITHIN, || threads() == 0 && showing.ada.usage().files <= files);
}

#[test]
fn without_a_desktop_that_can_be_shown_it_is_said_why() {
    let (world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    let call = ada.ask("calls.start", json!({ "roomId": room, "media": "audio" }))["callId"].clone();
    let screen = json!({ "callId": call, "screen": true });
    assert!(ada.refused_as("invalid", "calls.setMedia", screen.clone()).message.contains("no desktop"));
    assert_eq!(ada.ask("calls.devices", json!({}))["screens"], json!([]));
    let no_bus = "unix:path=/nowhere/bus".to_owned();
    let wayland = ("WAYLAND_DISPLAY".to_owned(), "wayland-0".to_owned());
    ada.set_environment(vec![wayland, ("DBUS_SESSION_BUS_ADDRESS".to_owned(), no_bus)]);
    ada.kill_and_start_again();
    ada.wait_server("online", WITHIN);
    let call = ada.ask("calls.start", json!({ "roomId": room, "media": "audio" }))["callId"].clone();
    let screen = json!({ "callId": call, "screen": true });
    let refused = ada.refused_as("invalid", "calls.setMedia", screen).message;
    assert!(refused.contains("xdg-desktop-portal"), "{refused}");
}
