//! Links to places in Momoland, on their way from the system to the page.
//!
//! They come from outside (a browser, a mail, any program), so their form is checked before anything is done with
//! them; what they mean is the page's business (`ui/src/state/links.ts`), which asks before it joins a room.
//!
//! # Invariants
//! 1. A link is handed to the page once. It waits here while there is no page that can open it: while the window is
//!    loading, and until somebody has signed in.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tauri::ipc::Channel;
use tauri::{AppHandle, Manager};

/// Bytes. The longest that Momoland makes, an invite, has at most 1,024.
pub(crate) const LENGTH_MAX: usize = 2_048;
/// So many wait for somebody to sign in; beyond that the oldest goes.
const WAITING_MAX: usize = 16;
const INVITE: &str = "momoland://join/";
const ROOM: &str = "momoland://room/";

/// `momoland://join/…`, `momoland://room/ROOM` or `momoland://room/ROOM/MESSAGE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link(String);

/// The link itself is left out: it may be long, and an invite is a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not a link to a place in Momoland; those begin with momoland://room/ or momoland://join/")]
pub(crate) struct LinkError;

impl FromStr for Link {
    type Err = LinkError;

    fn from_str(text: &str) -> Result<Self, LinkError> {
        if text.len() > LENGTH_MAX {
            return Err(LinkError);
        }
        let (place, parts_max) = match (text.strip_prefix(INVITE), text.strip_prefix(ROOM)) {
            (Some(invite), _) => (invite, 1),
            (None, Some(room)) => (room, 2),
            (None, None) => return Err(LinkError),
        };
        let parts: Vec<&str> = place.split('/').collect();
        let sound = parts.len() <= parts_max && parts.iter().all(|part| !part.is_empty() && part.bytes().all(is_plain));
        if sound { Ok(Self(text.to_owned())) } else { Err(LinkError) }
    }
}

/// What base64url, and ids in percent-encoding, are made of.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'%')
}

impl Link {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What waits, and the page that takes it.
#[derive(Default)]
pub(crate) struct Links(Mutex<Desk>);

#[derive(Default)]
struct Desk {
    waiting: VecDeque<Link>,
    page: Option<Channel<String>>,
}

impl Links {
    pub(crate) fn deliver(&self, link: Link) {
        let mut desk = self.desk();
        desk.waiting.push_back(link);
        if desk.waiting.len() > WAITING_MAX {
            desk.waiting.pop_front();
            tracing::warn!("more links were opened than wait for somebody to sign in, so the oldest was dropped");
        }
        desk.hand_over();
    }

    fn watch(&self, page: Channel<String>) {
        let mut desk = self.desk();
        desk.page = Some(page);
        desk.hand_over();
    }

    /// The page is gone, being loaded anew, or nobody is signed in.
    pub(crate) fn keep(&self) {
        self.desk().page = None;
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Desk {
    fn hand_over(&mut self) {
        while let (Some(page), Some(link)) = (&self.page, self.waiting.front()) {
            if page.send(link.0.clone()).is_err() {
                self.page = None;
                return;
            }
            self.waiting.pop_front();
        }
    }
}

/// The page can open links from here on: somebody is signed in, and the rooms are there.
#[tauri::command]
pub(crate) fn watch_links(app: AppHandle, on_link: Channel<String>) {
    app.state::<Links>().watch(on_link);
}

/// It no longer can.
#[tauri::command]
pub(crate) fn keep_links(app: AppHandle) {
    app.state::<Links>().keep();
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tauri::ipc::InvokeResponseBody;

    use super::*;

    fn link(text: &str) -> Link {
        text.parse().unwrap()
    }

    /// A page that writes down what it is handed.
    fn page() -> (Channel<String>, Arc<Mutex<Vec<String>>>) {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let list = Arc::clone(&heard);
        let channel = Channel::new(move |body| {
            if let InvokeResponseBody::Json(text) = body {
                list.lock().unwrap().push(serde_json::from_str(&text).unwrap());
            }
            Ok(())
        });
        (channel, heard)
    }

    #[test]
    fn places_are_links() {
        for text in ["momoland://room/abc", "momoland://room/abc%2B/def-_", "momoland://join/gqRk_-9"] {
            assert_eq!(link(text).to_string(), text);
        }
    }

    #[test]
    fn what_is_no_place_is_refused() {
        let long = format!("momoland://room/{}", "a".repeat(100_000));
        for text in [
            "",
            "momoland:",
            "momoland://",
            "momoland://room/",
            "momoland://join/",
            "momoland://room//m",
            "momoland://room/a/b/c",
            "momoland://join/a/b",
            "momoland://room/a?x=1",
            "momoland://room/a#b",
            "momoland://room/a b",
            "momoland://room/a\n",
            "momoland://room/a\u{202e}",
            "momoland://room/<script>",
            "momoland://run/a",
            "javascript:alert(1)",
            "javascript:momoland://room/a",
            "https://example.org/",
            "file:///etc/passwd",
            "MOMOLAND://room/a",
            long.as_str(),
        ] {
            assert_eq!(text.parse::<Link>(), Err(LinkError), "{}", text.get(..60).unwrap_or(text));
        }
    }

    #[test]
    fn a_link_waits_for_a_page_and_is_handed_over_once() {
        let links = Links::default();
        links.deliver(link("momoland://room/a"));
        links.deliver(link("momoland://room/b"));
        let (first, heard) = page();
        links.watch(first);
        assert_eq!(*heard.lock().unwrap(), ["momoland://room/a", "momoland://room/b"]);
        links.deliver(link("momoland://room/c"));
        assert_eq!(heard.lock().unwrap().len(), 3);

        links.keep();
        links.deliver(link("momoland://room/d"));
        assert_eq!(heard.lock().unwrap().len(), 3, "nobody is signed in");
        let (second, heard) = page();
        links.watch(second);
        assert_eq!(*heard.lock().unwrap(), ["momoland://room/d"]);
    }

    #[test]
    fn only_so_many_wait() {
        let links = Links::default();
        for n in 0..=WAITING_MAX {
            links.deliver(link(&format!("momoland://room/{n}")));
        }
        let (page, heard) = page();
        links.watch(page);
        assert_eq!(heard.lock().unwrap().first().unwrap(), "momoland://room/1");
        assert_eq!(heard.lock().unwrap().len(), WAITING_MAX);
    }
}
