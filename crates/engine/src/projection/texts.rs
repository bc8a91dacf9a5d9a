//! What messages and posts say: on the disk, and read when somebody looks; what came or was looked at last is kept.
//!
//! A conversation holds of each message where it stands and what it counts for, and no text, and so does a feed. Fed by
//! `engine` with what is stored; asked by `timeline`, and by the fold of a feed, for an event at a place, whose body says
//! the same whenever it is read.
//!
//! # Invariants
//! 1. Memory is bounded by [`KEPT_BYTES_MAX`] for messages and as much for feeds, however many conversations there are and however long they are. Test:
//!    `no_more_is_kept_than_may_be`.
//! 2. What was deleted is not kept. Test: `a_deleted_message_leaves_no_text`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use momoland_protocol::content::MessageContent;
use momoland_protocol::event::{BodyBytes, Event, EventPlace};
use momoland_protocol::id::LogId;
use momoland_store::event_log::EventReader;
use momoland_store::kv::StoreError;

/// Bytes of texts that are kept, of all conversations together, or of all feeds: some thousand messages. Full: those that came first go.
pub(crate) const KEPT_BYTES_MAX: usize = 512 * 1024;

/// What an entry takes beside its text, roughly.
const ENTRY_BYTES: usize = 384;

/// Where events are read; blocks on the disk.
pub(crate) trait ReadEvents: std::fmt::Debug + Send + Sync {
    /// The event at a place, where it is held.
    fn event_at(&self, log: LogId, place: EventPlace) -> Result<Option<Event>, StoreError>;
}

impl ReadEvents for EventReader {
    fn event_at(&self, log: LogId, place: EventPlace) -> Result<Option<Event>, StoreError> {
        self.event(log, place.chain, place.seq)
    }
}

/// What is kept of an event.
pub(crate) trait Text: Sized {
    /// `None` where its body was dropped, or is none of these.
    fn of(event: &Event) -> Option<Self>;

    /// What it takes.
    fn bytes(&self) -> usize;
}

impl Text for MessageContent {
    fn of(event: &Event) -> Option<Self> {
        event.content()
    }

    fn bytes(&self) -> usize {
        let mentions = self.mentions.as_ref().map_or(0, |mentions| size_of_val(mentions.accounts.as_slice()));
        self.text.len() + mentions
    }
}

/// Of a feed, which has posts and comments: as it was encoded.
impl Text for BodyBytes {
    fn of(event: &Event) -> Option<Self> {
        event.body.clone()
    }

    fn bytes(&self) -> usize {
        self.len()
    }
}

/// Texts of one conversation that were read beside, by where they stand.
pub(crate) type TextsRead<T = MessageContent> = BTreeMap<EventPlace, Option<Arc<T>>>;

/// The texts of all conversations, or of all feeds.
#[derive(Debug)]
pub(crate) struct Texts<T = MessageContent> {
    disk: Arc<dyn ReadEvents>,
    kept: Mutex<Kept<T>>,
}

#[derive(Debug)]
struct Kept<T> {
    texts: BTreeMap<(LogId, EventPlace), Arc<T>>,
    /// In the order in which they came; some may be gone since.
    order: VecDeque<(LogId, EventPlace)>,
    bytes: usize,
}

impl<T: Text> Texts<T> {
    pub(crate) fn new(disk: Arc<dyn ReadEvents>) -> Self {
        Self { disk, kept: Mutex::new(Kept { texts: BTreeMap::new(), order: VecDeque::new(), bytes: 0 }) }
    }

    /// What an event says; `None` where its body was dropped. Blocks on the disk, where it is not kept.
    ///
    /// # Errors
    /// Where the disk cannot be read.
    pub(crate) fn get(&self, log: LogId, place: EventPlace) -> Result<Option<Arc<T>>, StoreError> {
        if let Some(text) = self.kept().texts.get(&(log, place)) {
            return Ok(Some(Arc::clone(text)));
        }
        let text = self.read(log, place)?;
        if let Some(text) = &text {
            self.keep(log, place, Arc::clone(text));
        }
        Ok(text)
    }

    /// What events say, from any thread. It is not kept: a long list is not to push out what the next one needs.
    ///
    /// # Errors
    /// Where the disk cannot be read.
    pub(crate) fn read_all(&self, log: LogId, places: &[EventPlace]) -> Result<TextsRead<T>, StoreError> {
        places.iter().map(|place| Ok((*place, self.read(log, *place)?))).collect()
    }

    fn read(&self, log: LogId, place: EventPlace) -> Result<Option<Arc<T>>, StoreError> {
        let event = self.disk.event_at(log, place)?;
        Ok(event.and_then(|event| T::of(&event)).map(Arc::new))
    }

    /// Keeps what an event says that was stored just now, and will be looked at next.
    pub(crate) fn keep(&self, log: LogId, place: EventPlace, text: Arc<T>) {
        let mut kept = self.kept();
        kept.bytes += size(&*text);
        match kept.texts.insert((log, place), text) {
            Some(before) => kept.bytes = kept.bytes.saturating_sub(size(&*before)),
            None => kept.order.push_back((log, place)),
        }
        while kept.bytes > KEPT_BYTES_MAX {
            let Some(oldest) = kept.order.pop_front() else { break };
            if let Some(text) = kept.texts.remove(&oldest) {
                kept.bytes = kept.bytes.saturating_sub(size(&*text));
            }
        }
    }

    pub(crate) fn is_kept(&self, log: LogId, place: EventPlace) -> bool {
        self.kept().texts.contains_key(&(log, place))
    }

    /// Drops what is kept of an event.
    pub(crate) fn forget(&self, log: LogId, place: EventPlace) {
        let mut kept = self.kept();
        if let Some(text) = kept.texts.remove(&(log, place)) {
            kept.bytes = kept.bytes.saturating_sub(size(&*text));
            // Else what is kept again later would be found, and dropped, at its first place in the order.
            kept.order.retain(|held| *held != (log, place));
        }
    }

    /// Drops what is kept of a conversation.
    pub(crate) fn forget_log(&self, log: LogId) {
        let mut kept = self.kept();
        let Kept { texts, order, bytes } = &mut *kept;
        texts.retain(|(of, _), text| {
            let stays = *of != log;
            if !stays {
                *bytes = bytes.saturating_sub(size(&**text));
            }
            stays
        });
        order.retain(|(of, _)| *of != log);
    }

    fn kept(&self) -> MutexGuard<'_, Kept<T>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn size<T: Text>(text: &T) -> usize {
    ENTRY_BYTES + text.bytes()
}

#[cfg(test)]
mod tests {
    use momoland_protocol::clock::UnixMillis;
    use momoland_protocol::id::{ChainId, DeviceId, Incarnation, Seq};

    use super::*;

    #[derive(Debug)]
    struct Nothing;

    impl ReadEvents for Nothing {
        fn event_at(&self, _: LogId, _: EventPlace) -> Result<Option<Event>, StoreError> {
            Ok(None)
        }
    }

    const LOG: LogId = LogId([1; 32]);

    fn place(seq: u64) -> EventPlace {
        let chain = ChainId { device: DeviceId([2; 32]), incarnation: Incarnation([3; 16]) };
        EventPlace { chain, seq: Seq(seq) }
    }

    fn text(bytes: usize) -> Arc<MessageContent> {
        Arc::new(MessageContent { text: "a".repeat(bytes), sent_at: UnixMillis(0), mentions: None, call: None })
    }

    #[test]
    fn no_more_is_kept_than_may_be() {
        let texts = Texts::new(Arc::new(Nothing));
        for seq in 0..100 {
            texts.keep(LOG, place(seq), text(KEPT_BYTES_MAX / 10));
            assert!(texts.kept().bytes <= KEPT_BYTES_MAX);
        }
        let there: Vec<u64> = (0..100).filter(|seq| texts.is_kept(LOG, place(*seq))).collect();
        assert_eq!(there, (91..100).collect::<Vec<_>>(), "the last are there");
        // What is kept twice counts once, and what is forgotten does not count.
        texts.keep(LOG, place(99), text(10));
        texts.forget(LOG, place(98));
        assert!(!texts.is_kept(LOG, place(98)));
        texts.forget_log(LOG);
        let kept = texts.kept();
        assert_eq!((kept.bytes, kept.order.len(), kept.texts.len()), (0, 0, 0));
    }
}
