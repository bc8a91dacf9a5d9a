//! Authors of real, signed events, for this crate's tests.

use std::sync::Arc;

use minicbor::Encode;
use momoland_protocol::clock::{Hlc, UnixMillis};
use momoland_protocol::event::{Action, BodyBytes, Event, EventHeader};
use momoland_protocol::feed::{CommentContent, HideContent, LikeContent, PostContent};
use momoland_protocol::id::{AccountId, DeviceId, EventId, Incarnation, LogId, RosterHash, Seq};
use momoland_protocol::signed::{SecretKey, Signed};

pub(crate) const ADA: AccountId = AccountId([1; 16]);
pub(crate) const GRACE: AccountId = AccountId([2; 16]);
pub(crate) const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

/// One device's chain.
pub(crate) struct Author {
    pub(crate) account: AccountId,
    key: Arc<SecretKey>,
    last: Option<Event>,
}

impl Author {
    pub(crate) fn new(account: AccountId, seed: u8) -> Self {
        Self { account, key: Arc::new(SecretKey::from_seed(&[seed; 32])), last: None }
    }

    pub(crate) fn device(&self) -> DeviceId {
        self.key.device()
    }

    pub(crate) fn publish(&mut self, title: &str, at_ms: u64) -> Event {
        let at = UnixMillis(NOW.0 + at_ms);
        self.says(Action::PUBLISH, Vec::new(), &post(title, at), at)
    }

    pub(crate) fn edit(&mut self, post_id: EventId, title: &str, at_ms: u64) -> Event {
        let at = UnixMillis(NOW.0 + at_ms);
        self.says(Action::EDIT, vec![post_id], &post(title, at), at)
    }

    pub(crate) fn like(&mut self, target: EventId, on: bool, at_ms: u64) -> Event {
        self.says(Action::LIKE, vec![target], &LikeContent { on }, UnixMillis(NOW.0 + at_ms))
    }

    pub(crate) fn comment(&mut self, targets: Vec<EventId>, text: &str, at_ms: u64) -> Event {
        let at = UnixMillis(NOW.0 + at_ms);
        self.says(Action::COMMENT, targets, &CommentContent { text: text.to_owned(), sent_at: at }, at)
    }

    pub(crate) fn take_back(&mut self, action: Action, target: EventId, at_ms: u64) -> Event {
        self.says(action, vec![target], &LikeContent { on: false }, UnixMillis(NOW.0 + at_ms))
    }

    pub(crate) fn hide(&mut self, target: EventId, on: bool, at_ms: u64) -> Event {
        let content = HideContent { on, reason: format!("because of {at_ms}") };
        self.says(Action::HIDE, vec![target], &content, UnixMillis(NOW.0 + at_ms))
    }

    fn says<T: Encode<()>>(&mut self, action: Action, targets: Vec<EventId>, content: &T, at: UnixMillis) -> Event {
        let body = BodyBytes::plain(content).unwrap();
        let (seq, prev, after) = match &self.last {
            Some(last) => (last.header.get().seq.next().unwrap(), last.id(), last.header.get().hlc),
            None => (Seq(1), EventId::ZERO, Hlc(0)),
        };
        let header = EventHeader {
            log: LogId([7; 32]),
            device: self.key.device(),
            incarnation: Incarnation([9; 16]),
            seq,
            prev,
            hlc: after.tick(at).unwrap(),
            roster: RosterHash::ZERO,
            action,
            targets,
            body_hash: body.hash(),
            body_length: u32::try_from(body.len()).unwrap(),
            place: None,
        };
        let event = Event { header: Signed::sign(header, &self.key).unwrap(), body: Some(body) };
        self.last = Some(event.clone());
        event
    }
}

fn post(title: &str, at: UnixMillis) -> PostContent {
    PostContent { title: title.to_owned(), body: format!("about {title}"), tags: Vec::new(), sent_at: at }
}
