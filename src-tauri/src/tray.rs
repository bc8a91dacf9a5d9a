//! The icon in the tray: how much is unread, and the way back to a window that was closed.

use momoland_engine::Engine;
use serde_json::json;
use tauri::image::Image;
use tauri::menu::{CheckMenuItem, Menu, MenuItem, PredefinedMenuItem};
use tauri::tray::{MouseButton, MouseButtonState, TrayIcon, TrayIconBuilder, TrayIconEvent};
use tauri::{AppHandle, Manager, Wry};

use crate::settings::Settings;
use crate::window;

const OPEN: &str = "open";
const DO_NOT_DISTURB: &str = "dnd";
const KEEP_RUNNING: &str = "keep";
const QUIT: &str = "quit";
/// The dot on the icon while something is unread: the product's red, on a ring that parts it from the icon.
const DOT: [u8; 4] = [0xE0, 0x3E, 0x2D, 0xFF];
const RING: [u8; 4] = [0xFF, 0xFF, 0xFF, 0xFF];

pub(crate) struct Tray {
    icon: TrayIcon,
    open: MenuItem<Wry>,
    do_not_disturb: CheckMenuItem<Wry>,
}

impl Tray {
    pub(crate) fn open(app: &AppHandle) -> tauri::Result<Self> {
        let keep_running = app.state::<Settings>().choices().keep_running;
        let open = MenuItem::with_id(app, OPEN, "Open Momoland", true, None::<&str>)?;
        let do_not_disturb = CheckMenuItem::with_id(app, DO_NOT_DISTURB, "Do not disturb", false, false, None::<&str>)?;
        let keep =
            CheckMenuItem::with_id(app, KEEP_RUNNING, "Keep running when closed", true, keep_running, None::<&str>)?;
        let quit = MenuItem::with_id(app, QUIT, "Quit", true, None::<&str>)?;
        let (first, second) = (PredefinedMenuItem::separator(app)?, PredefinedMenuItem::separator(app)?);
        let menu = Menu::with_items(app, &[&open, &first, &do_not_disturb, &keep, &second, &quit])?;
        let (busy, kept) = (do_not_disturb.clone(), keep);
        let mut builder = TrayIconBuilder::with_id("main")
            .menu(&menu)
            .tooltip("Momoland")
            .show_menu_on_left_click(cfg!(target_os = "linux"))
            .on_menu_event(move |app, event| match event.id().as_ref() {
                OPEN => window::come_forward(app),
                DO_NOT_DISTURB => disturb(app, !busy.is_checked().unwrap_or(false)),
                KEEP_RUNNING => {
                    let chosen = kept.is_checked().unwrap_or(true);
                    app.state::<Settings>().choose(|choices| choices.keep_running = chosen);
                }
                QUIT => app.exit(0),
                _ => {}
            })
            .on_tray_icon_event(|tray, event| {
                if let TrayIconEvent::Click { button: MouseButton::Left, button_state: MouseButtonState::Up, .. } =
                    event
                {
                    window::come_forward(tray.app_handle());
                }
            });
        if let Some(icon) = app.default_window_icon() {
            builder = builder.icon(icon.clone());
        }
        Ok(Self { icon: builder.build(app)?, open, do_not_disturb })
    }

    /// `do_not_disturb` is none while nobody is signed in.
    pub(crate) fn tell(&self, app: &AppHandle, unread: u32, do_not_disturb: Option<bool>) -> tauri::Result<()> {
        if let Some(icon) = app.default_window_icon() {
            self.icon.set_icon(Some(if unread == 0 { icon.clone() } else { dotted(icon) }))?;
        }
        let words = match unread {
            0 => "Momoland".to_owned(),
            unread => format!("Momoland, {unread} unread"),
        };
        self.icon.set_title((unread > 0).then(|| unread.to_string()))?;
        self.icon.set_tooltip(Some(&words))?;
        self.open.set_text(format!("Open {words}"))?;
        self.do_not_disturb.set_enabled(do_not_disturb.is_some())?;
        self.do_not_disturb.set_checked(do_not_disturb.unwrap_or(false))
    }
}

fn disturb(app: &AppHandle, on: bool) {
    let engine = app.state::<Engine>().inner().clone();
    let status = if on { "online" } else { "dnd" };
    tauri::async_runtime::spawn(async move {
        if let Err(error) = engine.ask("presence.set", json!({ "status": status })).await {
            tracing::warn!(error = error.message, "the status could not be set from the tray");
        }
    });
}

/// The icon with a dot in its upper right corner.
fn dotted(icon: &Image<'_>) -> Image<'static> {
    let (width, height) = (icon.width(), icon.height());
    let mut pixels = icon.rgba().to_vec();
    let radius = i64::from(width.min(height)) / 4;
    let ring = radius + i64::from(width.min(height)) / 16;
    let (centre_x, centre_y) = (i64::from(width) - ring, ring);
    for (pixel, at) in pixels.chunks_exact_mut(4).zip(0_i64..) {
        let (x, y) = (at % i64::from(width.max(1)) - centre_x, at / i64::from(width.max(1)) - centre_y);
        let distance = x * x + y * y;
        if distance <= radius * radius {
            pixel.copy_from_slice(&DOT);
        } else if distance <= ring * ring {
            pixel.copy_from_slice(&RING);
        }
    }
    Image::new_owned(pixels, width, height)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dot_is_in_the_corner_and_the_rest_stays() {
        let plain = Image::new_owned(vec![7; 32 * 32 * 4], 32, 32);
        let icon = dotted(&plain);
        let pixel = |x: usize, y: usize| icon.rgba()[(y * 32 + x) * 4..][..4].to_vec();
        assert_eq!(pixel(22, 10), DOT);
        assert_eq!(pixel(4, 28), [7; 4]);
        assert_eq!((icon.width(), icon.height()), (32, 32));
        assert_eq!(dotted(&Image::new_owned(Vec::new(), 0, 0)).rgba(), &[] as &[u8]);
    }
}
