//! The desktop's portal, by D-Bus: it asks the person what may be seen, and hands out a connection to PipeWire on which that
//! is all there is.
//!
//! A call to it is answered with the path of a request, and later by a signal from there. All its signals to this program
//! are listened to before the first call, so none is missed, whatever the path is called.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures_util::{FutureExt as _, StreamExt as _};
use zbus::blocking::connection::Builder;
use zbus::blocking::{Connection, MessageIterator};
use zbus::message::{Message, Type};
use zbus::zvariant::{OwnedFd, OwnedObjectPath, OwnedValue, Value};
use zbus::{MatchRule, MessageStream};

use crate::cameras::CameraError;

const NAME: &str = "org.freedesktop.portal.Desktop";
const PATH: &str = "/org/freedesktop/portal/desktop";
const SCREEN_CAST: &str = "org.freedesktop.portal.ScreenCast";
const REQUEST: &str = "org.freedesktop.portal.Request";
const SESSION: &str = "org.freedesktop.portal.Session";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
/// An answer that waits for nobody. The portal may have to be started for it.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// How often it is looked whether there is an answer, and whether a person is still to be asked.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Signals that wait. It sends a handful.
const QUEUE: usize = 64;
/// `MONITOR` and `WINDOW` of the kinds of sources.
const MONITOR: u32 = 1;
const WINDOW: u32 = 2;
/// `EMBEDDED` of the ways in which the pointer is shown: drawn into the picture.
const POINTER: u32 = 2;
/// What a request ends with: it was done, or the person did not want it.
const DONE: u32 = 0;
const CANCELLED: u32 = 1;

type Options<'a> = HashMap<&'a str, Value<'a>>;
type Results = HashMap<String, OwnedValue>;

/// What the portal says by itself.
#[derive(Debug)]
enum Said {
    Answer { request: OwnedObjectPath, code: u32, results: Results },
    Closed { session: OwnedObjectPath },
}

/// What the person chose.
pub(super) struct Chosen {
    pub(super) remote: std::os::fd::OwnedFd,
    pub(super) node: u32,
    pub(super) is_window: bool,
}

/// A session with it, which ends when this goes.
pub(super) struct Portal {
    connection: Connection,
    signals: MessageStream,
    session: Option<OwnedObjectPath>,
    is_closed: bool,
    requests: u32,
}

/// Why there is no answer.
enum Refused {
    /// It failed.
    Failed(zbus::Error),
    /// The person said no, or nobody wants it any more.
    Declined,
}

impl From<zbus::Error> for Refused {
    fn from(error: zbus::Error) -> Self {
        Self::Failed(error)
    }
}

/// Before the person was asked, whatever fails means that it cannot be had on this desktop.
fn is_missing(refused: Refused) -> CameraError {
    match refused {
        Refused::Failed(error) => tracing::debug!(%error, "there is no portal for screens"),
        Refused::Declined => tracing::debug!("the portal refuses"),
    }
    CameraError::NoPortal
}

/// Whether this desktop has one that shows screens.
pub(super) fn look() -> Result<(), CameraError> {
    let sources = || -> zbus::Result<u32> { property(&connect()?, "AvailableSourceTypes") };
    let sources = sources().map_err(|error| is_missing(error.into()))?;
    if sources & (MONITOR | WINDOW) == 0 { Err(CameraError::NoPortal) } else { Ok(()) }
}

fn connect() -> zbus::Result<Connection> {
    Builder::session()?.method_timeout(ANSWER_WITHIN).build()
}

fn property(connection: &Connection, name: &str) -> zbus::Result<u32> {
    let answer = connection.call_method(Some(NAME), PATH, Some(PROPERTIES), "Get", &(SCREEN_CAST, name))?;
    Ok(u32::try_from(answer.body().deserialize::<OwnedValue>()?)?)
}

impl Portal {
    /// Has the person asked which screen or window it shall be, and waits for the answer as long as it is wanted.
    pub(super) fn ask(is_wanted: &dyn Fn() -> bool) -> Result<(Self, Chosen), CameraError> {
        let open = || -> zbus::Result<Self> {
            let connection = connect()?;
            let rule = MatchRule::builder().msg_type(Type::Signal).sender(NAME)?.path_namespace(PATH)?.build();
            let signals = MessageIterator::for_match_rule(rule, &connection, Some(QUEUE))?;
            Ok(Self { connection, signals: signals.into_inner(), session: None, is_closed: false, requests: 0 })
        };
        let mut this = open().map_err(|error| is_missing(error.into()))?;
        let session = this.create_session().map_err(is_missing)?;
        // Some ask at the first of these, some at the second.
        let chosen = this.select(&session, is_wanted).and_then(|()| this.start(&session, is_wanted));
        match chosen {
            Ok(chosen) => Ok((this, chosen)),
            Err(Refused::Declined) => Err(CameraError::NotChosen),
            Err(Refused::Failed(error)) => Err(CameraError::NoPictures(error.to_string())),
        }
    }

    fn create_session(&mut self) -> Result<OwnedObjectPath, Refused> {
        let options = Options::from([("session_handle_token", Value::from("momoland"))]);
        let request = self.request(options, |connection, options| {
            connection.call_method(Some(NAME), PATH, Some(SCREEN_CAST), "CreateSession", &(options,))
        })?;
        let results = self.answer_to(&request, &|| true, Some(ANSWER_WITHIN))?;
        // Text, where other paths are paths.
        let path = results.get("session_handle").and_then(|path| match &**path {
            Value::Str(path) => OwnedObjectPath::try_from(path.as_str()).ok(),
            Value::ObjectPath(path) => Some(path.clone().into()),
            _ => None,
        });
        let path = path.ok_or(zbus::Error::InvalidReply)?;
        self.session = Some(path.clone());
        Ok(path)
    }

    /// Says what may be chosen from: screens and windows, with the pointer drawn on them.
    fn select(&mut self, session: &OwnedObjectPath, is_wanted: &dyn Fn() -> bool) -> Result<(), Refused> {
        let sources = property(&self.connection, "AvailableSourceTypes")?;
        let mut options =
            Options::from([("types", Value::from(sources & (MONITOR | WINDOW))), ("multiple", Value::from(false))]);
        // An old portal does not know of it.
        if property(&self.connection, "AvailableCursorModes").is_ok_and(|modes| modes & POINTER != 0) {
            options.insert("cursor_mode", Value::from(POINTER));
        }
        let request = self.request(options, |connection, options| {
            connection.call_method(Some(NAME), PATH, Some(SCREEN_CAST), "SelectSources", &(session, options))
        })?;
        self.answer_to(&request, is_wanted, None).map(drop)
    }

    /// Has the question shown. A person may think about it for long.
    fn start(&mut self, session: &OwnedObjectPath, is_wanted: &dyn Fn() -> bool) -> Result<Chosen, Refused> {
        let request = self.request(Options::new(), |connection, options| {
            connection.call_method(Some(NAME), PATH, Some(SCREEN_CAST), "Start", &(session, "", options))
        })?;
        let results = self.answer_to(&request, is_wanted, None)?;
        let (node, is_window) = first_stream(&results).ok_or(zbus::Error::InvalidReply)?;
        let arguments = (session, Options::new());
        let answer =
            self.connection.call_method(Some(NAME), PATH, Some(SCREEN_CAST), "OpenPipeWireRemote", &arguments)?;
        let remote: OwnedFd = answer.body().deserialize()?;
        Ok(Chosen { remote: remote.into(), node, is_window })
    }

    /// The path of the request that a call made.
    fn request<'a>(
        &mut self,
        mut options: Options<'a>,
        call: impl FnOnce(&Connection, Options<'a>) -> zbus::Result<Message>,
    ) -> zbus::Result<OwnedObjectPath> {
        self.requests += 1;
        options.insert("handle_token", Value::from(format!("momoland{}", self.requests)));
        call(&self.connection, options)?.body().deserialize()
    }

    /// What a request ends with. One that nobody wants any more is taken back, with its question.
    fn answer_to(
        &mut self,
        request: &OwnedObjectPath,
        is_wanted: &dyn Fn() -> bool,
        within: Option<Duration>,
    ) -> Result<Results, Refused> {
        let begun = Instant::now();
        loop {
            if !is_wanted() || within.is_some_and(|within| begun.elapsed() > within) {
                let closed = self.connection.call_method(Some(NAME), &**request, Some(REQUEST), "Close", &());
                if let Err(error) = closed {
                    tracing::debug!(%error, "a question of the portal is not taken back");
                }
                return Err(Refused::Declined);
            }
            match self.heard() {
                Some(Said::Answer { request: of, code, results }) if of == *request => {
                    tracing::debug!(code, "the portal answered");
                    return match code {
                        DONE => Ok(results),
                        CANCELLED => Err(Refused::Declined),
                        _ => Err(zbus::Error::Failure("it was refused".to_owned()).into()),
                    };
                }
                Some(_) => {}
                None if self.is_closed => return Err(Refused::Declined),
                None => std::thread::sleep(LOOK_EVERY),
            }
        }
    }

    /// What it said next, of what it said so far.
    fn heard(&mut self) -> Option<Said> {
        while !self.is_closed {
            // It is looked at once, and not waited for.
            let Some(Ok(signal)) = self.signals.next().now_or_never()? else {
                // The connection is gone.
                self.is_closed = true;
                return None;
            };
            match said(&signal) {
                Some(Said::Closed { session }) => self.is_closed = Some(&session) == self.session.as_ref(),
                Some(said) => return Some(said),
                None => {}
            }
        }
        None
    }

    /// Whether the desktop ended the session, or is gone.
    pub(super) fn is_closed(&mut self) -> bool {
        while self.heard().is_some() {}
        self.is_closed
    }
}

impl Drop for Portal {
    fn drop(&mut self) {
        if let Some(session) = self.session.take().filter(|_| !self.is_closed) {
            let closed = self.connection.call_method(Some(NAME), &*session, Some(SESSION), "Close", &());
            if let Err(error) = closed {
                tracing::debug!(%error, "a session of the portal ended before");
            }
        }
    }
}

fn said(signal: &Message) -> Option<Said> {
    let header = signal.header();
    let path = header.path()?.to_owned().into();
    match (header.interface()?.as_str(), header.member()?.as_str()) {
        (REQUEST, "Response") => {
            let (code, results) = signal.body().deserialize().ok()?;
            Some(Said::Answer { request: path, code, results })
        }
        (SESSION, "Closed") => Some(Said::Closed { session: path }),
        _ => None,
    }
}

/// The node of the first stream, and whether it is a window.
fn first_stream(results: &Results) -> Option<(u32, bool)> {
    let Value::Array(streams) = &**results.get("streams")? else { return None };
    let Some(Value::Structure(stream)) = streams.inner().first() else { return None };
    let [Value::U32(node), Value::Dict(properties)] = stream.fields() else { return None };
    let kind = properties.get::<&str, u32>(&"source_type").ok().flatten();
    Some((*node, kind == Some(WINDOW)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(streams: Value<'static>) -> Results {
        Results::from([("streams".to_owned(), streams.try_into().expect("it holds no file"))])
    }

    #[test]
    fn the_first_stream_is_taken_and_what_is_none_is_not() {
        let stream = |node: u32, kind: u32| (node, HashMap::from([("source_type", Value::from(kind))]));
        assert_eq!(first_stream(&answered(Value::from(vec![stream(7, 2), stream(8, 1)]))), Some((7, true)));
        assert_eq!(first_stream(&answered(Value::from(vec![stream(9, 1)]))), Some((9, false)));
        let bare = (5_u32, HashMap::<&str, Value<'_>>::new());
        assert_eq!(first_stream(&answered(Value::from(vec![bare]))), Some((5, false)));
        let nothing = Vec::<(u32, HashMap<&str, Value<'_>>)>::new();
        for bad in [Value::from(nothing), Value::from(3_u32), Value::from(vec![4_u32]), Value::from("streams")] {
            assert_eq!(first_stream(&answered(bad)), None);
        }
        assert_eq!(first_stream(&Results::new()), None);
    }
}
