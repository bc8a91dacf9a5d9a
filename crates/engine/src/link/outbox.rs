//! What waits to be sent over one link.
//!
//! The session puts frames in, from any thread and without waiting; the link's `connection` takes them out as fast as
//! the data channels accept them.
//!
//! # Invariants
//! 1. Bounded: see the constants. Test: `a_full_queue_refuses_durable_frames_and_replaces_ephemeral_ones`.
//! 2. A durable frame that was accepted leaves in its order, or the link closes. Test: `durable_frames_keep_their_order`.
//! 3. Whoever was told `Full` is told once when there is room again. Test: `who_was_refused_hears_of_room_once`.
//!
//! Not here: what SCTP holds; `peer` bounds that.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use super::framing::{DURABLE_FRAME_BYTES_MAX, EPHEMERAL_FRAME_BYTES_MAX};
use super::{Class, SendRefused};

/// Bytes of durable frames waiting for one link: two of the longest. Full: `Full`, and the caller keeps the frame.
const DURABLE_BYTES_MAX: usize = 2 * DURABLE_FRAME_BYTES_MAX;
/// Durable frames waiting for one link, whatever their size. Full: as above.
const DURABLE_FRAMES_MAX: usize = 1024;
/// Ephemeral frames waiting for one link. Full: the oldest goes, since a newer one says more.
const EPHEMERAL_FRAMES_MAX: usize = 32;
/// A refused caller hears of room when no more than this is left, so that it can send several frames at once.
const LOW_WATER_BYTES: usize = DURABLE_BYTES_MAX / 4;

#[derive(Debug, Default)]
struct Queues {
    durable: VecDeque<Bytes>,
    durable_bytes: usize,
    ephemeral: VecDeque<Bytes>,
    refused: bool,
    closed: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queues: Mutex<Queues>,
    filled: Notify,
}

impl Outbox {
    pub(crate) fn try_send(&self, class: Class, frame: Bytes) -> Result<(), SendRefused> {
        let mut queues = self.queues();
        if queues.closed {
            return Err(SendRefused::Closed);
        }
        match class {
            Class::Durable => {
                if frame.len() > DURABLE_FRAME_BYTES_MAX {
                    return Err(SendRefused::TooLong);
                }
                let full = queues.durable.len() >= DURABLE_FRAMES_MAX
                    || queues.durable_bytes + frame.len() > DURABLE_BYTES_MAX;
                if full {
                    queues.refused = true;
                    return Err(SendRefused::Full);
                }
                queues.durable_bytes += frame.len();
                queues.durable.push_back(frame);
            }
            Class::Ephemeral => {
                if frame.len() > EPHEMERAL_FRAME_BYTES_MAX {
                    return Err(SendRefused::TooLong);
                }
                if queues.ephemeral.len() == EPHEMERAL_FRAMES_MAX {
                    queues.ephemeral.pop_front();
                }
                queues.ephemeral.push_back(frame);
            }
        }
        drop(queues);
        self.filled.notify_one();
        Ok(())
    }

    pub(crate) fn pop_durable(&self) -> Option<Bytes> {
        let mut queues = self.queues();
        let frame = queues.durable.pop_front()?;
        queues.durable_bytes -= frame.len();
        Some(frame)
    }

    pub(crate) fn pop_ephemeral(&self) -> Option<Bytes> {
        self.queues().ephemeral.pop_front()
    }

    /// Whether somebody was refused and there is room now. Answers so once.
    pub(crate) fn take_writable(&self) -> bool {
        let mut queues = self.queues();
        let writable =
            queues.refused && queues.durable_bytes <= LOW_WATER_BYTES && queues.durable.len() <= DURABLE_FRAMES_MAX / 4;
        if writable {
            queues.refused = false;
        }
        writable
    }

    /// Nothing goes in any more, and what waits is dropped.
    pub(crate) fn close(&self) {
        let mut queues = self.queues();
        *queues = Queues { closed: true, ..Queues::default() };
    }

    /// Resolves once something was put in since the last call.
    ///
    /// # Cancel safety
    /// Nothing is lost: the notification stays.
    pub(crate) async fn filled(&self) {
        self.filled.notified().await;
    }

    fn queues(&self) -> MutexGuard<'_, Queues> {
        // No code above panics while it holds the lock; were it ever to, the queues would still be whole.
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durable_frames_keep_their_order() {
        let outbox = Outbox::default();
        for index in 0..100u8 {
            outbox.try_send(Class::Durable, Bytes::from(vec![index; 10])).unwrap();
        }
        let out: Vec<u8> = std::iter::from_fn(|| outbox.pop_durable()).map(|frame| frame[0]).collect();
        assert_eq!(out, (0..100).collect::<Vec<u8>>());
        assert_eq!(outbox.queues().durable_bytes, 0);
    }

    #[test]
    fn a_full_queue_refuses_durable_frames_and_replaces_ephemeral_ones() {
        let outbox = Outbox::default();
        let long = Bytes::from(vec![0; DURABLE_FRAME_BYTES_MAX]);
        assert_eq!(outbox.try_send(Class::Durable, long.clone()), Ok(()));
        assert_eq!(outbox.try_send(Class::Durable, long.clone()), Ok(()));
        assert_eq!(outbox.try_send(Class::Durable, Bytes::from_static(b"x")), Err(SendRefused::Full));
        let too_long = Bytes::from(vec![0; DURABLE_FRAME_BYTES_MAX + 1]);
        assert_eq!(outbox.try_send(Class::Durable, too_long), Err(SendRefused::TooLong));

        for index in 0..=EPHEMERAL_FRAMES_MAX {
            assert_eq!(outbox.try_send(Class::Ephemeral, Bytes::from(vec![index as u8])), Ok(()));
        }
        assert_eq!(outbox.pop_ephemeral().unwrap()[0], 1, "the oldest was replaced");
        let too_long = Bytes::from(vec![0; EPHEMERAL_FRAME_BYTES_MAX + 1]);
        assert_eq!(outbox.try_send(Class::Ephemeral, too_long), Err(SendRefused::TooLong));
    }

    #[test]
    fn many_small_frames_are_bounded_too() {
        let outbox = Outbox::default();
        for _ in 0..DURABLE_FRAMES_MAX {
            outbox.try_send(Class::Durable, Bytes::new()).unwrap();
        }
        assert_eq!(outbox.try_send(Class::Durable, Bytes::new()), Err(SendRefused::Full));
    }

    #[test]
    fn who_was_refused_hears_of_room_once() {
        let outbox = Outbox::default();
        let long = Bytes::from(vec![0; DURABLE_FRAME_BYTES_MAX]);
        outbox.try_send(Class::Durable, long.clone()).unwrap();
        assert!(!outbox.take_writable(), "nobody was refused");
        outbox.try_send(Class::Durable, long.clone()).unwrap();
        outbox.try_send(Class::Durable, long).unwrap_err();
        assert!(!outbox.take_writable(), "still full");
        outbox.pop_durable();
        outbox.pop_durable();
        assert!(outbox.take_writable());
        assert!(!outbox.take_writable());
    }

    #[test]
    fn a_closed_outbox_takes_nothing_and_holds_nothing() {
        let outbox = Outbox::default();
        outbox.try_send(Class::Durable, Bytes::from_static(b"x")).unwrap();
        outbox.close();
        assert_eq!(outbox.try_send(Class::Durable, Bytes::from_static(b"x")), Err(SendRefused::Closed));
        assert_eq!(outbox.try_send(Class::Ephemeral, Bytes::from_static(b"x")), Err(SendRefused::Closed));
        assert_eq!(outbox.pop_durable(), None);
    }
}
