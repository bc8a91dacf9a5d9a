//! A `momo ui` and the one page that is open on it: asks, hears events, and sees the pictures of calls.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use momoland_media::video::picture::Picture;
use serde_json::{Value, json};

use crate::momo::Momo;
use crate::socket::{Error, Message, Socket};
use crate::window::Window;

/// As of `momo rpc`.
const ANSWER_WITHIN: Duration = Duration::from_secs(25);
/// How long a read waits before the clock is looked at.
const READ_WAIT: Duration = Duration::from_millis(50);
/// Pictures and events that are remembered until they are asked for. More: the oldest go.
const KEPT_MAX: usize = 2_000;

/// A picture as the page got it.
#[derive(Debug, Clone)]
pub struct Shown {
    pub view: u64,
    pub tile: usize,
    pub picture: Picture,
}

/// See the module.
#[derive(Debug)]
pub struct Viewer {
    window: Window,
    cookie: String,
    socket: Socket,
    next_id: u64,
    answers: Vec<Value>,
    events: VecDeque<Value>,
    pictures: VecDeque<Shown>,
}

impl Viewer {
    /// A person's window, in place of their `momo rpc`, which ends.
    pub fn instead_of(person: &Momo, environment: &[(String, String)]) -> Self {
        let (status, _) = person.close();
        assert!(status.success(), "{} ended with {status}", person.name());
        let folder = person.data().parent().expect("it lies in a folder");
        let window = Window::start_with(folder, person.name(), environment);
        let cookie = window.cookie();
        let socket = page(&window, &cookie);
        Self {
            window,
            cookie,
            socket,
            next_id: 0,
            answers: Vec::new(),
            events: VecDeque::new(),
            pictures: VecDeque::new(),
        }
    }

    /// Closes the page. The window's program goes on without one.
    pub fn close_page(&mut self) {
        self.socket.close(None).expect("it is open");
        self.socket.flush().expect("it is open");
    }

    /// Opens the page again.
    pub fn open_page(&mut self) {
        self.socket = page(&self.window, &self.cookie);
    }

    /// A result, or the refusal.
    ///
    /// # Errors
    /// The refusal.
    pub fn call(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        self.next_id += 1;
        let id = self.next_id;
        let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.socket.send(Message::text(request.to_string())).expect("the window reads");
        let answer = self.wait(method, ANSWER_WITHIN, |viewer| {
            let place = viewer.answers.iter().position(|answer| answer["id"] == id)?;
            Some(viewer.answers.swap_remove(place))
        });
        if answer["error"].is_null() { Ok(answer["result"].clone()) } else { Err(answer["error"].clone()) }
    }

    #[track_caller]
    pub fn ask(&mut self, method: &str, params: Value) -> Value {
        self.call(method, params).unwrap_or_else(|error| panic!("{method} was refused: {error}"))
    }

    /// The first event from now on, or that nobody asked for yet, that matches; those before it are forgotten.
    #[track_caller]
    pub fn wait_event(&mut self, what: &str, within: Duration, matches: impl Fn(&Value) -> bool) -> Value {
        self.wait(what, within, |viewer| {
            while let Some(event) = viewer.events.pop_front() {
                if matches(&event) {
                    return Some(event);
                }
            }
            None
        })
    }

    /// The next picture that matches; those before it are forgotten.
    #[track_caller]
    pub fn wait_picture(&mut self, what: &str, within: Duration, matches: impl Fn(&Shown) -> bool) -> Shown {
        self.wait(what, within, |viewer| {
            while let Some(shown) = viewer.pictures.pop_front() {
                if matches(&shown) {
                    return Some(shown);
                }
            }
            None
        })
    }

    /// The pictures from now on, until there are enough.
    #[track_caller]
    pub fn wait_pictures(&mut self, what: &str, within: Duration, enough: impl Fn(&[Shown]) -> bool) -> Vec<Shown> {
        self.pictures.clear();
        let mut seen = Vec::new();
        self.wait(what, within, |viewer| {
            seen.extend(viewer.pictures.drain(..));
            enough(&seen).then_some(())
        });
        seen
    }

    /// All pictures of so long.
    pub fn watch(&mut self, time: Duration) -> Vec<Shown> {
        self.pictures.clear();
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.read();
        }
        self.pictures.drain(..).collect()
    }

    #[track_caller]
    fn wait<T>(&mut self, what: &str, within: Duration, mut found: impl FnMut(&mut Self) -> Option<T>) -> T {
        let until = Instant::now() + within;
        loop {
            if let Some(found) = found(self) {
                return found;
            }
            assert!(Instant::now() < until, "in {within:?} not: {what}");
            self.read();
        }
    }

    fn read(&mut self) {
        match self.socket.read() {
            Ok(Message::Text(text)) => {
                let value: Value = serde_json::from_str(&text).expect("it speaks JSON");
                if value["method"] == "event" {
                    self.events.push_back(value["params"].clone());
                    while self.events.len() > KEPT_MAX {
                        self.events.pop_front();
                    }
                } else {
                    self.answers.push(value);
                }
            }
            Ok(Message::Binary(bytes)) => {
                self.pictures.push_back(understand(&bytes));
                while self.pictures.len() > KEPT_MAX {
                    self.pictures.pop_front();
                }
            }
            Ok(_) => {}
            Err(Error::Io(error))
                if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(error) => panic!("the window closed its socket: {error}"),
        }
    }
}

fn page(window: &Window, cookie: &str) -> Socket {
    let socket = window.page_socket(cookie);
    socket.get_ref().set_read_timeout(Some(READ_WAIT)).expect("a socket takes a timeout");
    socket
}

/// A message with a picture, as `docs/protocol.md` has it.
fn understand(bytes: &[u8]) -> Shown {
    let (head, planes) = bytes.split_first_chunk::<16>().expect("a head");
    assert_eq!(head[..2], [1, 0], "a picture");
    let number = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
    let long = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let picture = Picture::from_planes(number(8), number(10), planes.to_vec()).expect("planes of its size");
    Shown { view: long(4).into(), tile: number(2).into(), picture }
}
