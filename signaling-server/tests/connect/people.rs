use momoland_protocol::clock::UnixMillis;
use momoland_protocol::ephemeral::{Ephemeral, EphemeralSignal};
use momoland_protocol::roster::{RosterOp, Visibility};
use momoland_protocol::server::{Availability, ChosenStatus, ClientFrame, ServerFrame};
use signaling_server::accounts::DisplayName;
use signaling_server::connect::Pace;
use std::time::Duration;

use crate::world::{Connected, Server};

/// Two members of a room.
async fn pair(server: &Server) -> (Connected, Connected, momoland_protocol::id::RoomId) {
    let (mut ada, mut bob) = (server.newcomer("ada").await, server.newcomer("bob").await);
    let room = ada.create("Garden", Visibility::Public).await;
    bob.join(room, None).await.unwrap();
    ada.until_members(room, 2).await;
    (ada, bob, room)
}

// Rules: SV4
#[tokio::test]
async fn presence_follows_devices_as_they_come_and_go() {
    let server = Server::start().await;
    let (mut ada, mut bob, _) = pair(&server).await;
    let account = bob.device.account;
    let bob_device = bob.id();
    let seen = ada.sees(account, |presence| !presence.devices.is_empty()).await;
    assert_eq!((seen.devices, seen.idle, seen.last_seen), (vec![bob_device], false, None));

    let lunch = |at| ChosenStatus { availability: Availability::Busy, text: "at lunch".to_owned(), at: UnixMillis(at) };
    bob.send(ClientFrame::Presence { idle: true, chosen: lunch(7) }).await;
    ada.sees(account, |presence| presence.idle && presence.chosen == lunch(7)).await;
    let mut laptop = server.connect(server.another(&bob.device)).await;
    ada.sees(account, |presence| presence.devices.len() == 2 && !presence.idle).await;
    // The laptop knows of nothing.
    laptop.send(ClientFrame::Presence { idle: true, chosen: ChosenStatus::default() }).await;
    ada.sees(account, |presence| presence.devices.len() == 2 && presence.idle).await;

    drop(laptop);
    let bob = bob.vanish();
    let gone = ada.sees(account, |presence| presence.devices.is_empty()).await;
    assert!(gone.last_seen.is_some() && !gone.idle);
    assert_eq!(gone.chosen, lunch(7), "what was chosen stays (CASES C56)");

    // Who comes later, also to a server that was started anew, sees when he was last here.
    let ada = ada.vanish();
    let server = server.stop().await.start().await;
    let mut ada = server.connect(ada).await;
    let seen = ada.sees(account, |_| true).await;
    assert_eq!(seen, gone);
    let bob = server.connect(bob).await;
    let back = ada.sees(account, |presence| !presence.devices.is_empty()).await;
    assert_eq!((back.devices, back.last_seen), (vec![bob.id()], None));
}

// Rules: SV4
#[tokio::test]
async fn many_who_come_at_once_do_not_hold_back_what_is_told_next() {
    const PEOPLE: usize = 150;
    let server = Server::start().await;
    let mut ada = server.newcomer("ada").await;
    let room = ada.create("Garden", Visibility::Public).await;
    let mut away = Vec::new();
    for number in 0..PEOPLE {
        let mut somebody = server.newcomer(&format!("person{number}")).await;
        somebody.join(room, None).await.unwrap();
        away.push(somebody.vanish());
    }
    // What ada was told so far is not what is looked at.
    let ada = ada.vanish();
    let mut here = Vec::new();
    for device in away {
        here.push(server.connect(device).await);
    }
    let mut ada = server.connect(ada).await;
    let last = here.pop().unwrap();
    let account = last.device.account;
    ada.sees(account, |presence| !presence.devices.is_empty()).await;
    drop(last);
    // Each of them is told of many, which is one frame all the same: by the number of both it would be eleven seconds.
    let gone = ada.sees(account, |presence| presence.devices.is_empty());
    tokio::time::timeout(Duration::from_secs(5), gone).await.expect("it is told soon");
}

// Rules: SV4
#[tokio::test]
async fn strangers_see_no_presence_and_everybody_the_count() {
    let server = Server::start().await;
    let (mut ada, bob, _) = pair(&server).await;
    let mut eve = server.newcomer("eve").await;
    eve.until("three people", |frame| match frame {
        ServerFrame::Online { count: 3 } => Some(()),
        _ => None,
    })
    .await;
    drop(bob);
    for somebody in [&mut eve, &mut ada] {
        somebody
            .until("two people", |frame| match frame {
                ServerFrame::Online { count: 2 } => Some(()),
                _ => None,
            })
            .await;
    }
    eve.settle().await;
    for frame in &eve.seen {
        if let ServerFrame::Presence { accounts } = frame {
            assert!(accounts.iter().all(|presence| presence.account == eve.device.account), "{accounts:?}");
        }
    }
}

// Rules: SV5
#[tokio::test]
async fn names_come_with_those_who_are_met_and_when_they_change() {
    let server = Server::start().await;
    let (mut ada, mut bob, _) = pair(&server).await;
    let named = |account, name: &'static str| {
        move |frame: &ServerFrame| match frame {
            ServerFrame::Profiles { profiles } => {
                profiles.iter().any(|profile| profile.account == account && profile.display_name == name).then_some(())
            }
            _ => None,
        }
    };
    ada.until("bob's name", named(bob.device.account, "bob the tester")).await;
    bob.until("ada's name", named(ada.device.account, "ada the tester")).await;
    server.app.accounts.rename(ada.device.account, &DisplayName::parse("Countess").unwrap()).unwrap();
    bob.until("ada's new name", named(ada.device.account, "Countess")).await;
    ada.until("her own", named(ada.device.account, "Countess")).await;
}

// Rules: EP3
#[tokio::test]
async fn typing_reaches_the_other_members_and_ends_with_the_typist() {
    let server = Server::start().await;
    let (mut ada, mut bob, room) = pair(&server).await;
    let mut eve = server.newcomer("eve").await;
    ada.type_in(room, true).await;
    assert_eq!(bob.hears_typing().await, (ada.id(), true));
    ada.type_in(room, false).await;
    assert_eq!(bob.hears_typing().await, (ada.id(), false));
    // CASES C54: who is killed while typing has stopped.
    bob.type_in(room, true).await;
    assert_eq!(ada.hears_typing().await, (bob.id(), true));
    let bob = bob.vanish();
    assert_eq!(ada.hears_typing().await, (bob.id(), false));
    // A stranger hears none of it, and is not heard.
    eve.type_in(room, true).await;
    eve.settle().await;
    ada.settle().await;
    let typing = |frame: &ServerFrame| matches!(frame, ServerFrame::Ephemeral { .. });
    assert!(!eve.seen.iter().any(typing) && !ada.seen.iter().any(typing));
    assert_eq!(server.app.metrics.ws_dropped.get("ephemeral_not_allowed"), 1);
}

// Rules: EP3
#[tokio::test]
async fn typing_said_a_hundred_times_is_heard_once_a_second() {
    let server = Server::start().await;
    let (mut ada, mut bob, room) = pair(&server).await;
    let started = std::time::Instant::now();
    for _ in 0..100 {
        ada.type_in(room, true).await;
    }
    ada.settle().await;
    bob.settle().await;
    let heard = bob.seen.iter().filter(|frame| matches!(frame, ServerFrame::Ephemeral { .. })).count();
    let seconds = usize::try_from(started.elapsed().as_secs()).unwrap();
    assert!((1..=2 + seconds).contains(&heard), "{heard} in {seconds} s");
}

// Rules: EP1, EP2
#[tokio::test]
async fn ephemerals_go_to_members_but_those_who_have_them() {
    let server = Server::start().await;
    let (mut ada, mut bob, room) = pair(&server).await;
    let mut carol = server.newcomer("carol").await;
    carol.join(room, None).await.unwrap();
    bob.until_members(room, 3).await;
    ada.until_members(room, 3).await;
    let ephemeral = Ephemeral { room, signal: EphemeralSignal::Other { kind: 7, payload: vec![1, 2, 3] } };
    ada.send(ClientFrame::Ephemeral { ephemeral: ephemeral.clone(), except: vec![bob.id()] }).await;
    let passed = |frame: &ServerFrame| match frame {
        ServerFrame::Ephemeral { device, account, ephemeral } => Some((*device, *account, ephemeral.clone())),
        _ => None,
    };
    assert_eq!(carol.until("the ephemeral", passed).await, (ada.id(), ada.device.account, ephemeral));
    for somebody in [&mut ada, &mut bob] {
        somebody.settle().await;
        assert!(!somebody.seen.iter().any(|frame| passed(frame).is_some()));
    }
    // And to nobody who is a member no more.
    carol.do_in(room, RosterOp::Leave).await.unwrap();
    ada.until_members(room, 2).await;
    ada.type_in(room, true).await;
    bob.hears_typing().await;
    carol.settle().await;
    assert!(!carol.seen.iter().any(|frame| passed(frame).is_some()));
}

// Rules: SV6
#[tokio::test]
async fn members_are_introduced_and_strangers_are_not() {
    let server = Server::start().await;
    let (mut ada, mut bob, _) = pair(&server).await;
    let mut eve = server.newcomer("eve").await;
    let introduced = |frame: &ServerFrame| match frame {
        ServerFrame::Introduced { from, signal } => Some((*from, signal.clone())),
        _ => None,
    };
    ada.send(ClientFrame::Introduce { to: bob.id(), signal: b"offer".to_vec() }).await;
    assert_eq!(bob.until("the offer", introduced).await, (ada.id(), b"offer".to_vec()));
    bob.send(ClientFrame::Introduce { to: ada.id(), signal: b"answer".to_vec() }).await;
    assert_eq!(ada.until("the answer", introduced).await, (bob.id(), b"answer".to_vec()));
    assert_eq!(server.app.metrics.introductions.get(), 2);

    eve.create("Elsewhere", Visibility::Public).await;
    eve.send(ClientFrame::Introduce { to: ada.id(), signal: b"offer".to_vec() }).await;
    ada.send(ClientFrame::Introduce { to: eve.id(), signal: b"offer".to_vec() }).await;
    // A device of a member's account that is not in the roster is a stranger too: who it is, the room has not seen.
    let mut laptop = server.connect(server.another(&bob.device)).await;
    laptop.send(ClientFrame::Introduce { to: ada.id(), signal: b"offer".to_vec() }).await;
    for somebody in [&mut eve, &mut laptop, &mut ada] {
        somebody.settle().await;
    }
    for somebody in [&mut eve, &mut ada, &mut laptop] {
        somebody.settle().await;
        assert!(!somebody.seen.iter().any(|frame| introduced(frame).is_some()));
    }
    assert_eq!(server.app.metrics.ws_dropped.get("introduction_strangers"), 3);
}

/// CASES C43: a half-open connection, as an unplugged cable leaves it.
// Rules: SV7
#[tokio::test]
async fn a_silent_connection_is_given_up() {
    let pace =
        Pace { ping_every: Duration::from_millis(200), silence_max: Duration::from_millis(900), ..Pace::standard() };
    let server = Server::with(pace, &[]).await;
    let (mut ada, bob, _) = pair(&server).await;
    let account = bob.device.account;
    ada.sees(account, |presence| !presence.devices.is_empty()).await;
    // Bob's socket is open and nobody reads from it: no ping is answered. Ada's is read, which answers them.
    let gone = ada.sees(account, |presence| presence.devices.is_empty()).await;
    assert!(gone.last_seen.is_some());
    assert_eq!(server.app.metrics.ws_goodbyes.get("silent"), 1);
    server.eventually("one connection", |app| app.metrics.ws_connections.get() == 1).await;
    drop(bob);
}
