//! The desktop's own services, on Linux's session bus: is there a tray, and the notifications that it shows.
//!
//! Asked through GLib, which the window brings along, on the main thread, whose loop hears the answers. Without a bus
//! there is neither, and nothing is said to be missing: the window works alone.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use gtk::gio::{BusType, Cancellable, DBusCallFlags, DBusConnection, DBusSignalFlags, bus_get_sync};
use gtk::glib::variant::ToVariant;
use gtk::glib::{Variant, VariantTy};
use tauri::{AppHandle, Manager};

use crate::attention::Notice;
use crate::links::Links;
use crate::window;

const NOTIFICATIONS: &str = "org.freedesktop.Notifications";
const NOTIFICATIONS_PATH: &str = "/org/freedesktop/Notifications";
const TRAY: &str = "org.kde.StatusNotifierWatcher";
/// The action that a click on the notification itself is.
const CLICK: &str = "default";
const TIMEOUT_MS: i32 = 500;

thread_local! {
    static DESKTOP: RefCell<Option<Desktop>> = const { RefCell::new(None) };
}

struct Desktop {
    bus: DBusConnection,
    /// By the service's number.
    shown: BTreeMap<u32, Notice>,
}

/// Finds the bus. On the main thread.
pub(crate) fn open(app: &AppHandle) {
    // Asked without a bus, GLib starts one.
    let address = std::env::var_os("DBUS_SESSION_BUS_ADDRESS").is_some();
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").is_some_and(|dir| Path::new(&dir).join("bus").exists());
    if !address && !runtime {
        return;
    }
    let bus = match bus_get_sync(BusType::Session, Cancellable::NONE) {
        Ok(bus) => bus,
        Err(error) => {
            tracing::warn!(%error, "the desktop's bus is not there: no tray, no notifications");
            return;
        }
    };
    bus.set_exit_on_close(false);
    let app = app.clone();
    bus.signal_subscribe(
        None,
        Some(NOTIFICATIONS),
        None,
        Some(NOTIFICATIONS_PATH),
        None,
        DBusSignalFlags::NONE,
        move |_, _, _, _, signal, parameters| hear(&app, signal, parameters),
    );
    DESKTOP.with_borrow_mut(|desktop| *desktop = Some(Desktop { bus, shown: BTreeMap::new() }));
}

pub(crate) fn is_there() -> bool {
    DESKTOP.with_borrow(Option::is_some)
}

/// Whether something shows tray icons: a window that is hidden without one would be lost. On the main thread.
pub(crate) fn shows_trays() -> bool {
    let Some(bus) = DESKTOP.with_borrow(|desktop| desktop.as_ref().map(|desktop| desktop.bus.clone())) else {
        return false;
    };
    let answer = bus.call_sync(
        Some("org.freedesktop.DBus"),
        "/org/freedesktop/DBus",
        "org.freedesktop.DBus",
        "NameHasOwner",
        Some(&(TRAY,).to_variant()),
        VariantTy::new("(b)").ok(),
        DBusCallFlags::NONE,
        TIMEOUT_MS,
        Cancellable::NONE,
    );
    answer.ok().and_then(|answer| answer.get::<(bool,)>()).is_some_and(|(owned,)| owned)
}

/// On the main thread.
pub(crate) fn show(notice: Notice) {
    let found = DESKTOP.with_borrow(|desktop| {
        desktop.as_ref().map(|desktop| {
            let same = desktop.shown.iter().find(|(_, shown)| shown.subject == notice.subject);
            (desktop.bus.clone(), same.map_or(0, |(number, _)| *number))
        })
    });
    let Some((bus, replaced)) = found else { return };
    let hints: BTreeMap<String, Variant> = [("desktop-entry".to_owned(), "momoland".to_variant())].into();
    let actions = vec![CLICK.to_owned(), "Open".to_owned()];
    let parameters =
        ("Momoland", replaced, "momoland", &notice.title, escape(&notice.body), actions, hints, -1_i32).to_variant();
    bus.call(
        Some(NOTIFICATIONS),
        NOTIFICATIONS_PATH,
        NOTIFICATIONS,
        "Notify",
        Some(&parameters),
        VariantTy::new("(u)").ok(),
        DBusCallFlags::NONE,
        -1,
        Cancellable::NONE,
        move |answer| match answer.map(|answer| answer.get::<(u32,)>()) {
            Ok(Some((number,))) => DESKTOP.with_borrow_mut(|desktop| {
                if let Some(desktop) = desktop {
                    desktop.shown.insert(number, notice);
                }
            }),
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "nothing shows notifications"),
        },
    );
}

fn hear(app: &AppHandle, signal: &str, parameters: &Variant) {
    match signal {
        "ActionInvoked" => {
            let Some((number, action)) = parameters.get::<(u32, String)>() else { return };
            // Numbers are the service's, for all programs: one that is not here is not ours.
            let Some(notice) = forget(number).filter(|_| action == CLICK) else { return };
            // Not every service takes a notification away once it was clicked.
            close(number);
            if let Some(link) = notice.link {
                app.state::<Links>().deliver(link);
            }
            window::come_forward(app);
        }
        "NotificationClosed" => {
            if let Some((number, _)) = parameters.get::<(u32, u32)>() {
                forget(number);
            }
        }
        _ => {}
    }
}

fn close(number: u32) {
    let Some(bus) = DESKTOP.with_borrow(|desktop| desktop.as_ref().map(|desktop| desktop.bus.clone())) else { return };
    bus.call(
        Some(NOTIFICATIONS),
        NOTIFICATIONS_PATH,
        NOTIFICATIONS,
        "CloseNotification",
        Some(&(number,).to_variant()),
        None,
        DBusCallFlags::NONE,
        TIMEOUT_MS,
        Cancellable::NONE,
        |_| {},
    );
}

fn forget(number: u32) -> Option<Notice> {
    DESKTOP.with_borrow_mut(|desktop| desktop.as_mut()?.shown.remove(&number))
}

/// The service takes some markup; what people write is none.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_no_markup() {
        assert_eq!(escape("<img src='x'> & <b>"), "&lt;img src='x'&gt; &amp; &lt;b&gt;");
    }
}
