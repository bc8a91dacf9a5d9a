//! What an author is told of a message's way is true, and is never taken back.

use std::time::Duration;

use momoland_protocol::id::{EventId, RoomId};
use momoland_protocol::replication::Frame;
use momoland_protocol::server::ServerFrame;
use serde_json::json;
use support::device::{self, Device};
use support::{Momo, PASSWORD, World, wait_direct};

const ARRIVES_WITHIN: Duration = Duration::from_secs(20);

const STATES: [&str; 4] = ["stored", "relayed", "delivered", "read"];

// Rules: SY6
#[test]
fn c31_delivered_is_what_a_members_disk_holds_and_read_what_somebody_read() {
    let (mut world, [ada, grace]) = World::with_people(["ada", "grace"]);
    let room = world.room_of(&[&ada, &grace]);
    wait_direct(&ada, &grace);
    grace.kill();
    let first = ada.send(&room, "is anybody there?");
    ada.wait_state(&room, &first, "relayed");

    // A device that has the message, and dies before it is on its disk: it acknowledges nothing.
    let port = world.server.port();
    let modified = Device::take_over(port, "grace", PASSWORD, grace.data());
    let mut socket = modified.welcome(port);
    device::enter_room(&mut socket, room.parse().expect("a room's id"));
    wait_events(&mut socket, &room, &first);
    drop(socket);
    // Something that comes later and takes the same way: what the death could have changed has changed by then.
    let second = ada.send(&room, "nobody?");
    ada.wait_state(&room, &second, "relayed");
    assert_eq!([ada.state(&room, &first), ada.state(&room, &second)], ["relayed", "relayed"], "no disk has it");

    grace.start_again();
    grace.wait_text("nobody?");
    for message in [&first, &second] {
        ada.wait_state(&room, message, "delivered");
        assert_eq!(ada.state(&room, message), "delivered", "nobody has read it");
    }
    grace.ask("messages.markRead", json!({ "roomId": room, "messageId": second }));
    for message in [&first, &second] {
        ada.wait_state(&room, message, "read");
    }
    world.server.stop();
    world.server.start_again();
    ada.close();
    ada.start_again();
    ada.wait_server("online", ARRIVES_WITHIN);
    for message in [&first, &second] {
        assert_eq!(ada.state(&room, message), "read", "after a restart of all");
        let told = states_told(&ada, message);
        assert!(told.is_sorted(), "{told:?}");
        for (state, name) in STATES.iter().enumerate().skip(1) {
            assert!(told.contains(&state), "nobody told of {name}: {told:?}");
        }
    }
}

fn wait_events(socket: &mut support::socket::Socket, room: &str, wanted: &str) {
    let (room, wanted): (RoomId, EventId) = (room.parse().expect("an id"), wanted.parse().expect("an id"));
    loop {
        let frame = device::receive(socket).expect("the message comes before the socket's time is over");
        if let ServerFrame::Replication(Frame::Events { log, events }) = frame
            && log == room.conversation()
            && events.iter().any(|event| event.id() == wanted)
        {
            return;
        }
    }
}

/// The states that events told of, in their order.
fn states_told(momo: &Momo, message: &str) -> Vec<usize> {
    momo.events(|event| {
        (event["type"] == "message.new" || event["type"] == "message.changed")
            && event["message"]["messageId"] == message
    })
    .iter()
    .map(|event| STATES.iter().position(|state| event["message"]["state"] == *state).expect("a state"))
    .collect()
}
