use std::sync::Arc;

use momoland_protocol::id::{EventId, RosterHash};
use momoland_protocol::roster::{Countersignature, CountersignedChange};
use momoland_store::kv::{Durability, KeyRange, Order, Store};

use super::*;
use crate::api::types::NotifyLevel;
use crate::engine::fixture;
use crate::engine::replication::tests::{Device, HeldStore};

/// The server puts the own room in order.
fn found(device: &mut Device) {
    let home = &mut device.home;
    let (room, op) = home.own_room_to_found().unwrap();
    let change = home.sign_change_after(room, RosterHash::ZERO, op, Vec::new()).unwrap();
    let countersignature =
        Countersignature { change: change.change_hash(), version: 1, at: UnixMillis::now(), cuts: Vec::new() };
    let countersignature = Signed::sign(countersignature, &fixture::server()).unwrap();
    home.take_changes(vec![CountersignedChange { change, countersignature }]);
    home.settle();
}

/// The relay says of all that this device chose that it has it.
fn heard(home: &mut Home) {
    let registers: Vec<_> = home.replica.registers(home.own_room.id).map(|it| (it.get().key(), it.get().hlc)).collect();
    for (key, hlc) in registers {
        home.choice_heard(&key, hlc);
    }
}

fn keys(store: &HeldStore, prefix: &[u8]) -> usize {
    store.range(&KeyRange::prefix(prefix), Order::Ascending, 100).unwrap().len()
}

#[tokio::test]
async fn what_earlier_versions_kept_on_the_device_alone_moves_into_the_own_room_once() {
    let store = Arc::new(HeldStore::default());
    let mut device = Device::start(Arc::clone(&store));
    let room = device.create_room().await;
    device.home.close(None).await;
    let long = "long ".repeat(2_000);
    let mut batch = Batch::new();
    let mut put = |prefix: &[u8], id: &[u8], json: &str| {
        batch.put([prefix, id].concat(), json.as_bytes().to_vec());
    };
    let (of_room, of_other) = (room.0, [5; 32]);
    put(b"An", &of_room, r#"{"notify":"mentions","favourite":true}"#);
    put(b"Ad", &of_room, r#"{"text":"half a","replyTo":null,"changedAt":1700000000000}"#);
    put(b"Ad", &of_other, &format!(r#"{{"text":"{long}","replyTo":null,"changedAt":1700000000000}}"#));
    put(b"Ac", &of_room, &format!(r#"{{"until":77,"messages":["{}"]}}"#, "ab".repeat(32)));
    put(b"Au", &of_room, r#"{"after":55,"message":null}"#);
    put(b"Af", &[], &format!(r#"[["{}",99]]"#, "02".repeat(16)));
    store.commit(batch, Durability::Synced).unwrap();

    for start in 0..3 {
        let mut device = Device::start(Arc::clone(&store));
        let home = &device.home;
        let shown = home.room(room).unwrap();
        assert_eq!((shown.notify, shown.favourite), (NotifyLevel::Mentions, true), "start {start}");
        assert_eq!(shown.draft.as_deref(), Some("half a"));
        assert_eq!(home.draft(RoomId(of_other)).unwrap().text, long, "what no register holds stays where it is");
        let away = home.own_room.put_away(Choice::of_room(RegisterName::PUT_AWAY, room));
        assert_eq!((away.until, away.these.len()), (Hlc(77), 1));
        assert_eq!(home.own_room.unread_from(room).unwrap().after, Hlc(55));
        assert_eq!(home.following().people.len(), 1);
        assert!(home.dirty.is_empty(), "fronts read the list");
        assert_eq!(home.unsent(), 6, "a sign-out would lose it");
        if start == 1 {
            // Nothing of it waits any more once the room is there, but for the relay's word.
            found(&mut device);
            device.until(|home| home.own_room.unheard.values().all(|unheard| unheard.step == Step::Said)).await;
            assert_eq!(device.home.unsent(), 6);
        }
        if start == 2 {
            assert!(!device.home.own_room.is_due(), "it is not said again");
            heard(&mut device.home);
            assert_eq!(device.home.unsent(), 0);
        }
        let registers = device.home.replica.registers(device.home.own_room.id).count();
        assert_eq!(registers, if start == 0 { 0 } else { 6 });
        device.home.close(None).await;
        assert_eq!([b"An", b"Ac", b"Au", b"Af"].map(|prefix| keys(&store, prefix)), [0; 4]);
        assert_eq!((keys(&store, b"Ad"), keys(&store, b"Aw")), (1, if start == 2 { 0 } else { 6 }));
    }
}

#[tokio::test]
async fn a_register_is_written_at_most_every_two_seconds_and_the_last_value_at_the_end() {
    let store = Arc::new(HeldStore::default());
    let mut device = Device::start(Arc::clone(&store));
    let room = device.create_room().await;
    found(&mut device);
    let own = device.home.own_room.id;
    let choice = Choice::of_room(RegisterName::DRAFT, room);
    let said = |home: &Home| {
        let register = home.replica.registers(own).next().map(|register| said(register.get()));
        register.and_then(|(_, chosen)| crate::account::record::DraftRecord::of(&chosen)).map(|draft| draft.text)
    };
    // Time stands still: what is not due is not, however slow the machine is.
    tokio::time::pause();
    for text in ["h", "ha", "half"] {
        drop(device.home.set_draft(room, text.to_owned(), None).unwrap());
        device.home.settle();
    }
    assert_eq!(device.home.own_room.unheard[&choice].step, Step::Due);
    assert_eq!(said(&device.home).as_deref(), Some("h"), "the others wait");
    assert_eq!(device.home.next_choice(), Some(Instant::now() + WRITE_EVERY));
    device.home.close(None).await;
    let device = Device::start(store);
    assert_eq!(said(&device.home).as_deref(), Some("half"));
    assert_eq!(device.home.draft(room).unwrap().text, "half");
}

/// Another device's register, of a later time than anything here.
fn hear(home: &mut Home, choice: Choice, value: Vec<u8>) {
    let Choice { name, target } = choice;
    let (account, device, room) = (home.account.id, DeviceId([2; 32]), home.own_room.id);
    let hlc = home.own_room.next(choice, home.wall());
    home.own_register(&Register { account, device, room, name, target, roster: RosterHash::ZERO, hlc, value });
}

// Rules: RG5
#[tokio::test]
async fn what_is_settled_here_is_not_put_away_again() {
    let mut device = Device::start(Arc::new(HeldStore::default()));
    let room = device.create_room().await;
    let mut answered = device.home.send_message(room, "read".to_owned(), None).unwrap();
    let mut sent = None;
    device
        .until(|_| {
            sent = answered.try_recv().ok();
            sent.is_some()
        })
        .await;
    let (read, unknown) = (sent.unwrap().unwrap(), EventId([7; 32]));
    let home = &mut device.home;
    home.mark_read(room, read).unwrap();
    let choice = Choice::of_room(RegisterName::PUT_AWAY, room);
    let mut away = PutAway::default();
    away.insert(read);
    drop(home.choose_one(choice, cbor::encode(&away)));
    hear(home, choice, cbor::encode(&PutAway::default()));
    assert_eq!(home.own_room.put_away(choice).these, [], "the other one knows that it was read");
    away.insert(unknown);
    drop(home.choose_one(choice, cbor::encode(&away)));
    hear(home, choice, cbor::encode(&PutAway::default()));
    assert_eq!(home.own_room.put_away(choice).these, [unknown], "it may be unread there");
}

// Rules: RG5
#[tokio::test]
async fn of_more_names_than_have_place_those_that_the_other_said_stay() {
    let mut device = Device::start(Arc::new(HeldStore::default()));
    let home = &mut device.home;
    let choice = Choice::of_nothing(RegisterName::PUT_AWAY);
    let names =
        |from: u8| PutAway { until: Hlc::default(), these: (from..from + 60).map(|it| EventId([it; 32])).collect() };
    drop(home.choose_one(choice, cbor::encode(&names(100))));
    hear(home, choice, cbor::encode(&names(1)));
    let away = home.own_room.put_away(choice);
    assert!(away.covers(&names(1)), "else the two would go on correcting each other");
    assert_eq!(away.these.len(), PutAway::THESE_MAX);
}

#[tokio::test]
async fn what_a_later_version_put_away_is_left_as_it_is() {
    let mut device = Device::start(Arc::new(HeldStore::default()));
    let home = &mut device.home;
    let choice = Choice::of_nothing(RegisterName::PUT_AWAY);
    let mut away = PutAway::default();
    away.insert(EventId([7; 32]));
    drop(home.choose_one(choice, cbor::encode(&away)));
    let of_later_version = vec![0x61, b'?'];
    hear(home, choice, of_later_version.clone());
    assert_eq!(home.own_room.value(choice), of_later_version);
}

#[tokio::test]
async fn what_was_chosen_again_meanwhile_is_not_heard_yet() {
    let mut device = Device::start(Arc::new(HeldStore::default()));
    let room = device.create_room().await;
    found(&mut device);
    let said = |home: &Home| home.own_room.unheard.values().all(|unheard| unheard.step == Step::Said);
    let choice = Choice::of_room(RegisterName::FAVOURITE, room);
    drop(device.home.choose_one(choice, vec![1]));
    device.home.settle();
    device.until(|home| said(home)).await;
    let first = device.home.replica.registers(device.home.own_room.id).next().unwrap().get().clone();
    drop(device.home.choose_one(choice, vec![2]));
    device.home.choice_heard(&first.key(), first.hlc);
    assert_eq!(device.home.unsent(), 1, "the relay has what was chosen before");
    // Of two devices that chose at the same moment one counts: the other's own choice waits for nothing.
    drop(device.home.say_choices_at_last());
    device.until(|home| said(home)).await;
    let Register { hlc: last, .. } = *device.home.replica.registers(device.home.own_room.id).next().unwrap().get();
    let other = Register { device: DeviceId([255; 32]), hlc: last, value: vec![3], ..first };
    device.home.own_register(&other);
    assert_eq!((device.home.unsent(), device.home.own_room.value(choice)), (0, [3].as_slice()));
}
