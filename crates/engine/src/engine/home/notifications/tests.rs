use std::sync::Arc;

use momoland_protocol::clock::UnixMillis;

use super::*;
use crate::engine::replication::tests::{Device, HeldStore};

const YEAR_MS: u64 = 365 * 86_400_000;

fn start() -> Home {
    Device::start(Arc::new(HeldStore::default())).home
}

fn note(home: &mut Home, id: String, at: u64) {
    home.note(Noted {
        id,
        hlc: Hlc::at(UnixMillis(at)).0,
        personal: false,
        title: "grace published a post".to_owned(),
        body: "the slipway".to_owned(),
        level: NotificationLevel::Info,
        room: None,
        account: None,
        post: None,
        read: false,
    });
}

fn post(number: u16) -> String {
    EventId(std::array::from_fn(|place| number.to_be_bytes()[place % 2])).to_string()
}

fn noted_away(home: &Home) -> PutAway {
    home.own_room.put_away(OF_NOTES)
}

#[tokio::test]
async fn a_missed_call_is_put_away_as_any_other_note() {
    let mut home = start();
    let now = home.wall().0;
    let calls = ["1a", "2b"].map(|part| format!("call-{}", part.repeat(16)));
    for call in &calls {
        note(&mut home, call.clone(), now);
    }
    drop(home.mark_notified(Some(&calls[0])).unwrap());
    assert_eq!(home.inbox.unread_count(), 1);
    drop(home.mark_notified(None).unwrap());
    assert_eq!(home.inbox.unread_count(), 0);
    assert_eq!(noted_away(&home).these.len(), 2, "other devices are told of both");
}

#[tokio::test]
async fn all_read_is_what_is_here_and_not_what_comes_later() {
    let mut home = start();
    let now = home.wall().0;
    // An author's own clock says when a post was written, and nobody bounds it.
    note(&mut home, post(1), now + YEAR_MS);
    note(&mut home, post(2), now);
    drop(home.mark_notified(None).unwrap());
    assert_eq!(home.inbox.unread_count(), 0);
    note(&mut home, post(3), now + 1);
    // Written offline, and heard of late.
    note(&mut home, post(4), now - 1);
    assert_eq!(home.inbox.unread_count(), 2);
}

#[tokio::test]
async fn of_too_many_notes_to_name_the_older_ones_are_put_away_by_their_time() {
    let mut home = start();
    let now = home.wall().0;
    for number in 0..150 {
        note(&mut home, post(number), now - 1_000 + u64::from(number));
    }
    drop(home.mark_notified(None).unwrap());
    assert_eq!(home.inbox.unread_count(), 0);
    let away = noted_away(&home);
    assert_eq!((away.until, away.these.len()), (Hlc::at(UnixMillis(now - 1_000 + 49)), PutAway::THESE_MAX));
    // Not by a time that is still to come; the others are named when it is said again.
    for number in 200..320 {
        note(&mut home, post(number), now + YEAR_MS + u64::from(number));
    }
    for left in [20, 0] {
        drop(home.mark_notified(None).unwrap());
        assert_eq!(home.inbox.unread_count(), left);
        assert!(noted_away(&home).until <= Hlc::at(home.wall()));
    }
}

#[tokio::test]
async fn what_another_device_put_away_and_is_not_here_yet_stays_away() {
    let mut home = start();
    let now = home.wall().0;
    let elsewhere: EventId = post(9).parse().unwrap();
    let away = PutAway { until: Hlc::default(), these: vec![elsewhere] };
    drop(home.choose_one(OF_NOTES, cbor::encode(&away)));
    note(&mut home, post(1), now);
    note(&mut home, post(2), now);
    drop(home.mark_notified(Some(&post(1))).unwrap());
    assert_eq!(noted_away(&home).these.len(), 2);
    drop(home.mark_notified(None).unwrap());
    note(&mut home, post(9), now);
    assert_eq!(home.inbox.unread_count(), 0);
}
