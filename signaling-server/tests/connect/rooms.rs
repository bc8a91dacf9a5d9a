use std::time::Duration;

use momoland_protocol::id::{AccountId, Nonce, RoomId, RosterHash, random};
use momoland_protocol::replication::Frame;
use momoland_protocol::roster::{Genesis, History, Posting, Role, RosterOp, Settings, Visibility};
use momoland_protocol::server::{RefusalKind, Request, Response, ServerFrame};

use crate::world::{Connected, Server, refused, settings};

const HOUR: Duration = Duration::from_secs(3_600);

async fn directory(asker: &mut Connected) -> Vec<String> {
    match asker.request(Request::Directory { after: None }).await {
        Response::Directory { rooms, next: None } => rooms.into_iter().map(|entry| entry.name).collect(),
        other => panic!("{other:?}"),
    }
}

// Rules: SV10
#[tokio::test]
async fn public_rooms_are_found_and_joined_by_everybody() {
    let server = Server::start().await;
    let (mut ada, mut bob) = (server.newcomer("ada").await, server.newcomer("bob").await);
    let room = ada.create("Garden", Visibility::Public).await;
    ada.create("Cellar", Visibility::Private).await;
    assert_eq!(directory(&mut bob).await, ["Garden"]);
    let (entry, _) = bob.preview(room, None).await.unwrap();
    assert_eq!((entry.name.as_str(), entry.topic.as_str(), entry.members), ("Garden", "what is tested", 1));
    bob.join(room, None).await.unwrap();
    ada.until_members(room, 2).await;
    let roster = ada.device.replica.roster(room).unwrap();
    assert_eq!(roster.role(bob.device.account), Some(Role::Member));
    assert_eq!(roster.role(ada.device.account), Some(Role::Owner));
    let again = bob.do_in(room, RosterOp::Join { certificate: bob.device.certificate.clone(), invite: None }).await;
    refused(again, RefusalKind::Conflict);
}

// Rules: SV10
#[tokio::test]
async fn the_directory_comes_in_pages() {
    let server = Server::start().await;
    let mut ada = server.newcomer("ada").await;
    let mut made = std::collections::BTreeSet::new();
    for number in 0..105 {
        let creation = ada.device.creation(&format!("Room {number}"), Visibility::Public);
        made.insert(creation.get().room);
        ada.submit(creation).await.unwrap();
    }
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let Response::Directory { rooms, next } = ada.request(Request::Directory { after }).await else { panic!() };
        assert!(rooms.len() <= 100);
        found.extend(rooms.into_iter().map(|entry| entry.room));
        after = next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, made.into_iter().collect::<Vec<_>>());
}

// Rules: RO10
#[tokio::test]
async fn a_stranger_cannot_tell_a_private_room_from_none() {
    let server = Server::start().await;
    let (mut ada, mut eve) = (server.newcomer("ada").await, server.newcomer("eve").await);
    let room = ada.create("Cellar", Visibility::Private).await;
    let nowhere = RoomId(random());
    let head = ada.device.head(room);
    let secret = momoland_protocol::signed::SecretKey::generate();

    for prev in [head, RosterHash(random())] {
        for invite in [None, Some(&secret)] {
            let join = |of: RoomId, eve: &Connected| RosterOp::Join {
                certificate: eve.device.certificate.clone(),
                invite: invite.map(|secret| eve.proof(of, secret)),
            };
            let ops = |of: RoomId, eve: &Connected| {
                [
                    join(of, eve),
                    RosterOp::Leave,
                    RosterOp::AddDevice { certificate: eve.device.certificate.clone() },
                    RosterOp::Remove { account: ada.device.account, ban: true },
                    RosterOp::Configure { settings: settings("Mine", Visibility::Public) },
                ]
            };
            for (real, none) in ops(room, &eve).into_iter().zip(ops(nowhere, &eve)) {
                let of_real = eve.submit(eve.device.change(room, prev, real)).await.unwrap_err();
                let of_none = eve.submit(eve.device.change(nowhere, prev, none)).await.unwrap_err();
                assert_eq!(of_real, of_none);
                assert_eq!(of_real.kind, RefusalKind::NotFound);
            }
            assert_eq!(eve.preview(room, invite).await, eve.preview(nowhere, invite).await);
        }
    }
    // Its roster neither.
    for of in [room, nowhere] {
        let ask = Frame::Room { room: of, version: 0, head: RosterHash::ZERO };
        eve.send(momoland_protocol::server::ClientFrame::Replication(ask)).await;
        let answer = eve
            .until("an answer about a room", |frame| match frame {
                ServerFrame::Replication(frame) => Some(frame.clone()),
                _ => None,
            })
            .await;
        assert_eq!(answer, Frame::Closed { room: of });
    }
    assert!(directory(&mut eve).await.is_empty());
}

// Rules: IN2
#[tokio::test]
async fn an_invite_lets_in_as_often_as_it_says() {
    let server = Server::start().await;
    let mut ada = server.newcomer("ada").await;
    let room = ada.create("Cellar", Visibility::Private).await;
    let invite = ada.invite(room, Some(1), HOUR).await;
    let (mut bob, mut eve) = (server.newcomer("bob").await, server.newcomer("eve").await);
    let (entry, _) = bob.preview(room, Some(&invite)).await.unwrap();
    assert_eq!(entry.name, "Cellar");
    bob.join(room, Some(&invite)).await.unwrap();
    let used_up = refused(eve.join(room, Some(&invite)).await, RefusalKind::Conflict);
    assert_eq!(used_up.sentence, "This invite is used up. Ask for a new one.");
    // An invite for one device is none for another: the proof names it.
    let other = ada.invite(room, None, HOUR).await;
    let stolen = bob.proof(room, &other);
    let (_, head) = eve.preview(room, Some(&other)).await.unwrap();
    let op = RosterOp::Join { certificate: eve.device.certificate.clone(), invite: Some(stolen) };
    refused(eve.submit(eve.device.change(room, head, op)).await, RefusalKind::NotFound);
    eve.join(room, Some(&other)).await.unwrap();
    ada.until_members(room, 3).await;
}

// Rules: IN2
#[tokio::test]
async fn expired_and_withdrawn_invites_say_so() {
    let server = Server::start().await;
    let (mut ada, mut eve) = (server.newcomer("ada").await, server.newcomer("eve").await);
    let room = ada.create("Cellar", Visibility::Private).await;
    let short = ada.invite(room, None, Duration::from_millis(300)).await;
    let withdrawn = ada.invite(room, None, HOUR).await;
    let key = momoland_protocol::id::InviteKey(withdrawn.public());
    ada.do_in(room, RosterOp::CloseInvite { invite: key }).await.unwrap();
    let sentence = refused(eve.join(room, Some(&withdrawn)).await, RefusalKind::Conflict).sentence;
    assert_eq!(sentence, "This invite was withdrawn. Ask for a new one.");
    let until = std::time::Instant::now() + crate::world::PATIENCE;
    let refusal = loop {
        if let Err(refusal) = eve.preview(room, Some(&short)).await {
            break refusal;
        }
        assert!(std::time::Instant::now() < until, "in vain: the invite's end");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(refusal.kind, RefusalKind::Conflict);
    assert_eq!(refusal.sentence, "This invite has expired. Ask for a new one.");
    refused(eve.join(room, Some(&short)).await, RefusalKind::Conflict);
}

// Rules: RO9
#[tokio::test]
async fn of_two_changes_at_once_one_is_stale() {
    let server = Server::start().await;
    let mut ada = server.newcomer("ada").await;
    let mut laptop = server.connect(server.another(&ada.device)).await;
    let room = ada.create("Garden", Visibility::Public).await;
    let (_, head) = laptop.preview(room, None).await.unwrap();
    let add = RosterOp::AddDevice { certificate: laptop.device.certificate.clone() };
    laptop.submit(laptop.device.change(room, head, add)).await.unwrap();
    laptop.until_member(room).await;
    let head = laptop.device.head(room);
    let named = |name: &str| RosterOp::Configure { settings: settings(name, Visibility::Public) };
    let one = ada.device.change(room, head, named("One"));
    let other = laptop.device.change(room, head, named("Other"));
    let (one, other) = tokio::join!(ada.submit(one), laptop.submit(other));
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    refused(if one.is_err() { one } else { other }, RefusalKind::Stale);
}

// Rules: RO9
#[tokio::test]
async fn a_change_comes_from_the_device_that_signed_it() {
    let server = Server::start().await;
    let (mut ada, mut eve) = (server.newcomer("ada").await, server.newcomer("eve").await);
    let room = ada.create("Garden", Visibility::Public).await;
    let leave = ada.device.change(room, ada.device.head(room), RosterOp::Leave);
    refused(eve.submit(leave).await, RefusalKind::Forbidden);
    // One's own signature over another's certificate.
    let join = RosterOp::Join { certificate: ada.device.certificate.clone(), invite: None };
    let (_, head) = eve.preview(room, None).await.unwrap();
    refused(eve.submit(eve.device.change(room, head, join)).await, RefusalKind::Forbidden);
    // A role that does not allow it.
    eve.join(room, None).await.unwrap();
    let remove = eve.do_in(room, RosterOp::Remove { account: ada.device.account, ban: false }).await;
    refused(remove, RefusalKind::Forbidden);
}

// Rules: ID3
#[tokio::test]
async fn a_direct_room_is_made_once() {
    let server = Server::start().await;
    let (mut ada, mut bob) = (server.newcomer("ada").await, server.newcomer("bob").await);
    let genesis = Genesis::direct(ada.device.server, ada.device.account, bob.device.account);
    let room = genesis.room();
    let create = |one: &Connected, other: &Connected| {
        let settings = Settings {
            name: String::new(),
            topic: String::new(),
            visibility: Visibility::Private,
            history: History::All,
            posting: Posting::Members,
        };
        let founders = vec![one.device.founder(), other.device.founder()];
        let op = RosterOp::Create { genesis: genesis.clone(), settings, founders };
        one.device.change(room, RosterHash::ZERO, op)
    };
    ada.submit(create(&ada, &bob)).await.unwrap();
    refused(bob.submit(create(&bob, &ada)).await, RefusalKind::Stale);
    bob.until_member(room).await;
    assert_eq!(bob.device.replica.roster(room).unwrap().role(bob.device.account), Some(Role::Owner));

    // With nobody.
    let nobody = AccountId(random());
    let genesis = Genesis::direct(ada.device.server, ada.device.account, nobody);
    let mut founder = bob.device.founder();
    founder.account = nobody;
    founder.certificates.clear();
    let op = RosterOp::Create {
        settings: settings("", Visibility::Private),
        founders: vec![ada.device.founder(), founder],
        genesis: genesis.clone(),
    };
    let change = ada.device.change(genesis.room(), RosterHash::ZERO, op);
    refused(ada.submit(change).await, RefusalKind::NotFound);
}

#[tokio::test]
async fn a_stranger_cannot_tell_a_direct_room_from_none() {
    let server = Server::start().await;
    let (mut ada, mut bob, mut eve) =
        (server.newcomer("ada").await, server.newcomer("bob").await, server.newcomer("eve").await);
    // Eve knows both accounts, the server, and so the room's id.
    let genesis = Genesis::direct(ada.device.server, ada.device.account, bob.device.account);
    let settings = settings("", Visibility::Private);
    let creation = |by: &Connected, founders: Vec<momoland_protocol::roster::Founder>| {
        let op = RosterOp::Create { genesis: genesis.clone(), settings: settings.clone(), founders };
        by.device.change(genesis.room(), RosterHash::ZERO, op)
    };
    let (of_ada, of_bob) = (ada.device.founder(), bob.device.founder());
    let forgeries = |eve: &Connected| {
        let mut as_ada = eve.device.founder();
        as_ada.account = of_ada.account;
        [
            creation(eve, vec![of_ada.clone(), of_bob.clone()]),
            creation(eve, vec![eve.device.founder(), of_bob.clone()]),
            creation(eve, vec![as_ada, of_bob.clone()]),
        ]
    };
    let mut before = Vec::new();
    for forgery in forgeries(&eve) {
        before.push(eve.submit(forgery).await.unwrap_err());
    }
    let honest = creation(&ada, vec![of_ada.clone(), of_bob.clone()]);
    ada.submit(honest).await.unwrap();
    bob.until_member(genesis.room()).await;
    let mut after = Vec::new();
    for forgery in forgeries(&eve) {
        after.push(eve.submit(forgery).await.unwrap_err());
    }
    assert_eq!(before, after);
}

/// CASES C40 in spirit: both open the conversation at once.
#[tokio::test]
async fn of_two_who_open_a_direct_room_at_once_both_are_in_it() {
    let server = Server::start().await;
    let (mut ada, mut bob) = (server.newcomer("ada").await, server.newcomer("bob").await);
    let genesis = Genesis::direct(ada.device.server, ada.device.account, bob.device.account);
    let founders = vec![ada.device.founder(), bob.device.founder()];
    let op = RosterOp::Create { genesis: genesis.clone(), settings: settings("", Visibility::Private), founders };
    let one = ada.device.change(genesis.room(), RosterHash::ZERO, op.clone());
    let other = bob.device.change(genesis.room(), RosterHash::ZERO, op);
    let (one, other) = tokio::join!(ada.submit(one), bob.submit(other));
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    refused(if one.is_err() { one } else { other }, RefusalKind::Stale);
    ada.until_member(genesis.room()).await;
    bob.until_member(genesis.room()).await;
    ada.say(genesis.room(), "you too?").await;
    ada.until_relayed(1).await;
    assert_eq!(bob.hears().await, "you too?");
}

// Rules: CE1
#[tokio::test]
async fn the_certificates_of_founders_must_count() {
    let server = Server::start().await;
    let mut ada = server.newcomer("ada").await;
    let laptop = server.another(&ada.device);
    server.app.accounts.revoke(ada.device.account, laptop.id()).unwrap();
    let genesis =
        Genesis::Made { kind: momoland_protocol::roster::RoomKind::Chat, device: ada.id(), nonce: Nonce(random()) };
    let mut founder = ada.device.founder();
    founder.certificates.push(laptop.certificate.clone());
    let op = RosterOp::Create {
        genesis: genesis.clone(),
        settings: settings("Garden", Visibility::Public),
        founders: vec![founder],
    };
    let change = ada.device.change(genesis.room(), RosterHash::ZERO, op);
    refused(ada.submit(change).await, RefusalKind::Forbidden);
}

// Rules: RO12
#[tokio::test]
async fn who_is_removed_is_told_by_what_at_once_and_later() {
    let server = Server::start().await;
    let (mut ada, mut bob) = (server.newcomer("ada").await, server.newcomer("bob").await);
    let room = ada.create("Garden", Visibility::Public).await;
    bob.join(room, None).await.unwrap();
    ada.until_members(room, 2).await;
    let op = RosterOp::Remove { account: bob.device.account, ban: true };
    let removal = ada.do_in(room, op).await.unwrap();
    let removed = |frame: &ServerFrame| match frame {
        ServerFrame::Removed { change } => Some(change.clone()),
        _ => None,
    };
    assert_eq!(bob.until("the removal", removed).await, removal);
    let closed = |frame: &ServerFrame| match frame {
        ServerFrame::Replication(Frame::Closed { room }) => Some(*room),
        _ => None,
    };
    assert_eq!(bob.until("the room's end", closed).await, room);
    let banned = refused(bob.join(room, None).await, RefusalKind::Conflict);
    assert_eq!(banned.sentence, "You are banned from this room.");

    // Over a restart of the server too: the device comes back and says that it is in the room.
    let bob = bob.vanish();
    drop(ada);
    let server = server.stop().await.start().await;
    let mut bob = server.connect(bob).await;
    assert_eq!(bob.until("the removal", removed).await, removal);
    assert_eq!(bob.until("the room's end", closed).await, room);
}

/// CASES C58.
// Rules: RO11
#[tokio::test]
async fn the_last_to_leave_ends_the_room() {
    let server = Server::start().await;
    let (mut ada, mut bob) = (server.newcomer("ada").await, server.newcomer("bob").await);
    let room = ada.create("Garden", Visibility::Public).await;
    bob.join(room, None).await.unwrap();
    ada.until_members(room, 2).await;
    ada.say(room, "anybody here?").await;
    assert_eq!(bob.hears().await, "anybody here?");
    ada.do_in(room, RosterOp::Leave).await.unwrap();
    bob.until_members(room, 1).await;
    assert_eq!(bob.device.replica.roster(room).unwrap().role(bob.device.account), Some(Role::Owner));
    assert_eq!(server.app.metrics.rooms.get(), 1);
    bob.do_in(room, RosterOp::Leave).await.unwrap();
    assert!(directory(&mut bob).await.is_empty());
    refused(bob.preview(room, None).await, RefusalKind::NotFound);
    assert_eq!(server.app.metrics.rooms.get(), 0);
    drop((ada, bob));
    let server = server.stop().await.start().await;
    let mut eve = server.newcomer("eve").await;
    refused(eve.preview(room, None).await, RefusalKind::NotFound);
    assert_eq!(server.app.metrics.rooms.get(), 0);
}

// Rules: SV5
#[tokio::test]
async fn names_are_found_by_handle_and_by_account() {
    let server = Server::start().await;
    let mut ada = server.newcomer("ada").await;
    let bob = server.device("bob");
    let Response::Profiles { profiles } = ada.request(Request::Lookup { handle: "BOB".to_owned() }).await else {
        panic!("bob is found");
    };
    assert_eq!((profiles[0].account, profiles[0].handle.as_str()), (bob.account, "bob"));
    let Response::Refused(refusal) = ada.request(Request::Lookup { handle: "nobody".to_owned() }).await else {
        panic!("nobody is not");
    };
    assert_eq!(refusal.kind, RefusalKind::NotFound);
    let accounts = vec![bob.account, AccountId(random())];
    let Response::Profiles { profiles } = ada.request(Request::Profiles { accounts }).await else { panic!() };
    assert_eq!(profiles.len(), 1);
    assert_eq!(profiles[0].display_name, "bob the tester");
}
