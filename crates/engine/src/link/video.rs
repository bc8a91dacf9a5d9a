//! Pictures on a peer link, on the track that `tracks` makes.
//!
//! # Invariants
//! 1. What comes is dropped unless a sink was set, which only the owner of the call does.
//!    Test: `pictures_cross_a_link_and_only_to_who_asked`.
//! 2. What waits to be sent is bounded by time: `momoland_media::video::outgoing`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use momoland_media::video::outgoing::Outgoing;
use momoland_media::video::payload::Feedback;
use momoland_media::video::{EncodedPicture, Source, VideoPacket};
use tokio::sync::Notify;

/// Takes what comes. Called by the connection's task: must not wait.
pub(crate) type VideoSink = Arc<dyn Fn(VideoPacket) + Send + Sync>;

/// The owner's end of a link's pictures. Outlives the link; then what is sent is dropped.
pub(crate) struct VideoPort {
    started: Instant,
    outgoing: Mutex<Outgoing>,
    /// Something may go out sooner than it was to.
    changed: Notify,
    sink: Mutex<Option<VideoSink>>,
}

impl Default for VideoPort {
    fn default() -> Self {
        Self { started: Instant::now(), outgoing: Mutex::default(), changed: Notify::new(), sink: Mutex::new(None) }
    }
}

impl VideoPort {
    fn outgoing(&self) -> MutexGuard<'_, Outgoing> {
        self.outgoing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Sends a picture, if the way has room for it.
    pub(crate) fn send(&self, picture: &EncodedPicture) {
        self.outgoing().push(self.now(), picture);
        self.changed.notify_one();
    }

    /// Nothing of a source goes out any more before its next key picture.
    pub(crate) fn leave_out(&self, source: Source) {
        self.outgoing().leave_out(source);
    }

    /// Tells the other side what came of theirs.
    pub(crate) fn tell(&self, feedback: &Feedback) {
        self.outgoing().tell(feedback);
        self.changed.notify_one();
    }

    /// What the other side tells.
    pub(crate) fn hear(&self, feedback: &Feedback) {
        self.outgoing().hear(self.now(), feedback);
        self.changed.notify_one();
    }

    /// Whether a key picture is wanted at the other end. Once.
    pub(crate) fn takes_key(&self, source: Source) -> bool {
        self.outgoing().takes_key(self.now(), source)
    }

    /// Bits a second that the way is thought to carry; none where pictures pause.
    pub(crate) fn estimate(&self) -> Option<u32> {
        self.outgoing().estimate(self.now())
    }

    /// Begins anew, with somebody else.
    pub(crate) fn begin(&self) {
        self.outgoing().begin();
    }

    /// Who takes what comes; nobody to begin with, and what comes is dropped.
    pub(crate) fn set_sink(&self, sink: Option<VideoSink>) {
        self.begin();
        *self.sink.lock().unwrap_or_else(PoisonError::into_inner) = sink;
    }

    /// The next packet to be sent, when it is time for it.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(crate) async fn next_out(&self) -> VideoPacket {
        loop {
            let changed = self.changed.notified();
            let (packet, next) = {
                let mut outgoing = self.outgoing();
                (outgoing.poll(self.now()), outgoing.poll_timeout())
            };
            if let Some(packet) = packet {
                return packet;
            }
            match next {
                Some(next) => {
                    let _ = tokio::time::timeout(next.saturating_sub(self.now()), changed).await;
                }
                None => changed.await,
            }
        }
    }

    pub(crate) fn seen(&self, packet: VideoPacket) {
        let sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(sink) = sink {
            sink(packet);
        }
    }
}

impl std::fmt::Debug for VideoPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VideoPort").finish_non_exhaustive()
    }
}
