//! Who may do what, at a peer: a modified client with the key of a role says on a link that stands whatever it likes.

use momoland_protocol::content::{DeletionContent, PinContent, ReactionContent};
use momoland_protocol::event::EventPlace;

use super::*;

/// What has an effect at a peer when a modified client says it with the key of a role: owner, moderator, member, reader.
/// Who was removed, and strangers, have no link for it: the test above.
const PEER_TABLE: [(&str, &str); 8] = [
    ("send", "yyyn"),
    ("edit own", "yyyn"),
    ("edit another's", "nnnn"),
    ("react", "yyyn"),
    ("pin", "yyyn"),
    ("retract own", "yyyn"),
    ("retract another's", "nnnn"),
    ("redact another's", "yynn"),
];

impl Stage {
    /// Everything of a room's messages that an amendment can change.
    fn shown(&self, room: RoomId) -> Vec<String> {
        let timeline = &self.ada.timelines[&room];
        let (page, _) = timeline.page(None, None, 1_000).unwrap();
        let shown = page.iter().map(|entry| {
            let it = timeline.message(entry).unwrap();
            format!("{} {:?} {:?} {} {:?}", it.message_id, it.text, it.reactions, it.pinned, it.deleted_at)
        });
        shown.collect()
    }

    fn about(&self, room: RoomId, message: EventId) -> (EventPlace, EventId) {
        self.ada.timelines[&room].get(message).unwrap().about()
    }
}

impl Eve {
    /// One event in a chain of its own.
    fn event_of(
        &self,
        room: RoomId,
        life: u8,
        roster: RosterHash,
        action: Action,
        about: Option<(EventPlace, EventId)>,
        content: Vec<u8>,
    ) -> WireEvent {
        let body = BodyBytes::new(&Body::Plain(content)).unwrap();
        let header = EventHeader {
            incarnation: Incarnation([life; 16]),
            action,
            targets: about.map(|(_, target)| target).into_iter().collect(),
            place: about.map(|(place, _)| place),
            body_hash: body.hash(),
            body_length: u32::try_from(body.len()).unwrap(),
            ..self.message(room, 1, EventId::ZERO, roster, "").header.get().clone()
        };
        WireEvent { header: Signed::sign(header, &self.key).unwrap(), body: Some(body) }
    }
}

// Rules: EV5, AM2
#[tokio::test]
async fn raw_frames_count_as_far_as_their_role_reaches() {
    let (mut stage, room, fence) = Stage::new().await;
    for of in [room, fence] {
        stage.eve.say(Frame::Room { room: of, version: 2, head: stage.head(of) });
    }
    let words = |text: &str| {
        cbor::encode(&MessageContent { text: text.to_owned(), sent_at: UnixMillis::now(), mentions: None, call: None })
    };
    // She writes while she may, and once more for each role what is hers by then.
    let (mut own, mut hers) = (Vec::new(), Vec::new());
    for life in 100..108 {
        let event = stage.eve.event_of(room, life, stage.head(room), Action::POST, None, words("mine"));
        own.push(event.id());
        stage.eve.say(Frame::Events { log: room.conversation(), events: vec![event] });
        hers.push(stage.post(room, "ada's").await);
    }
    stage.until(|stage| own.iter().all(|id| stage.ada.timelines[&room].get(*id).is_some())).await;
    let mut life = 0;
    for (column, role) in [Role::Owner, Role::Moderator, Role::Member, Role::Reader].into_iter().enumerate() {
        if stage.ada.replica.roster(room).unwrap().role(EVE) != Some(role) {
            let version = stage.ada.replica.roster(room).unwrap().version() + 1;
            let change = stage.ada.sign_change(room, RosterOp::SetRole { account: EVE, role }).unwrap();
            stage.ada.take_changes(vec![in_place(change, version, &fixture::server())]);
            stage.until(|stage| stage.ada.replica.roster(room).unwrap().role(EVE) == Some(role)).await;
        }
        let head = stage.head(room);
        for (action, cells) in PEER_TABLE {
            let allowed = cells.as_bytes()[column] == b'y';
            let (mine, another) = (stage.about(room, own[2 * column]), stage.about(room, hers[2 * column]));
            let (mine_gone, another_gone) =
                (stage.about(room, own[2 * column + 1]), stage.about(room, hers[2 * column + 1]));
            let deletion = cbor::encode(&DeletionContent {});
            let emoji = cbor::encode(&ReactionContent { emoji: "\u{1f44d}".to_owned(), on: true });
            let (code, about, content) = match action {
                "send" => (Action::POST, None, words(&format!("{role:?}"))),
                "edit own" => (Action::EDIT, Some(mine), words(&format!("{role:?} edits"))),
                "edit another's" => (Action::EDIT, Some(another), words("put into her mouth")),
                "react" => (Action::REACT, Some(another), emoji),
                "pin" => (Action::PIN, Some(another), cbor::encode(&PinContent { on: true })),
                "retract own" => (Action::RETRACT, Some(mine_gone), deletion),
                "retract another's" => (Action::RETRACT, Some(another), deletion),
                "redact another's" => (Action::REDACT, Some(another_gone), deletion),
                other => panic!("no such action: {other}"),
            };
            life += 1;
            let before = stage.shown(room);
            let event = stage.eve.event_of(room, life, head, code, about, content);
            stage.eve.say(Frame::Events { log: room.conversation(), events: vec![event] });
            // The channel is in order: once this is acknowledged, that was decided.
            let told_before = stage.eve.heard.len();
            let behind = stage.eve.event_of(fence, life, stage.head(fence), Action::POST, None, words("behind it"));
            stage.eve.say(Frame::Events { log: fence.conversation(), events: vec![behind] });
            let is_fence = |frame: &Frame| matches!(frame, Frame::Ack { log, .. } if *log == fence.conversation());
            stage.until(|stage| stage.eve.heard.iter().skip(told_before).any(is_fence)).await;
            if allowed {
                stage.until(|stage| stage.shown(room) != before).await;
            }
            assert_eq!(stage.shown(room) != before, allowed, "{action} as {role:?}");
            assert!(!stage.eve.closed, "the link stands");
        }
    }
}
