use momoland_protocol::clock::Hlc;
use momoland_protocol::id::{ChainId, Incarnation};
use momoland_protocol::roster::Posting;
use momoland_protocol::signed::SecretKey;

use super::*;
use crate::sim::world::World;

const LATE: UnixMillis = UnixMillis(u64::MAX - 1);

/// A world whose relay holds a room of the first person's.
fn world(people: usize, visibility: Visibility) -> (World, RoomId) {
    let mut world = World::with_people(people);
    let room = world.create_room(1, visibility);
    world.settle();
    (world, room)
}

fn roster(world: &World, room: RoomId) -> Roster {
    world.replica_of(0).roster(room).unwrap().clone()
}

/// What the roster says to a change that somebody signs.
fn check(world: &World, author: usize, room: RoomId, op: RosterOp) -> Result<(), RosterRefusal> {
    roster(world, room).check(&world.signed_change(author, room, op), LATE)
}

// Rules: RO4, IN1
#[test]
fn a_private_room_is_joined_by_invite_only() {
    let (mut world, room) = world(3, Visibility::Private);
    let certificate = world.person(2).certificate.clone();
    let uninvited = check(&world, 2, room, RosterOp::Join { certificate, invite: None });
    assert_eq!(uninvited, Err(RosterRefusal::NoInvite));
    let secret = world.open_invite(1, room, Some(1));
    world.join_by(2, room, &secret);
    assert_eq!(roster(&world, room).role(world.person(2).account), Some(Role::Member));
    // Used up.
    let invite = momoland_protocol::roster::InviteProof::new(&secret, room, world.person(3).device());
    let certificate = world.person(3).certificate.clone();
    let late = check(&world, 3, room, RosterOp::Join { certificate, invite: Some(invite) });
    assert_eq!(late, Err(RosterRefusal::NoInvite));
}

// Rules: IN1
#[test]
fn an_invite_is_for_the_device_that_proves_it() {
    let (mut world, room) = world(3, Visibility::Private);
    let secret = world.open_invite(1, room, None);
    // Somebody overheard person 2's proof.
    let overheard = momoland_protocol::roster::InviteProof::new(&secret, room, world.person(2).device());
    let certificate = world.person(3).certificate.clone();
    let stolen = check(&world, 3, room, RosterOp::Join { certificate, invite: Some(overheard) });
    assert_eq!(stolen, Err(RosterRefusal::BadSignature("invite")));
}

// Rules: CE1
#[test]
fn a_certificate_of_another_device_or_server_lets_nobody_in() {
    let (world, room) = world(3, Visibility::Public);
    let anothers = world.person(3).certificate.clone();
    let join = RosterOp::Join { certificate: anothers, invite: None };
    assert_eq!(check(&world, 2, room, join), Err(RosterRefusal::BadSignature("certificate")));

    let mut own = world.person(2).certificate.get().clone();
    let impostor = SecretKey::from_seed(&[66; 32]);
    own.server = ServerKey(impostor.public());
    let foreign = Signed::sign(own, &impostor).unwrap();
    let join = RosterOp::Join { certificate: foreign, invite: None };
    assert_eq!(check(&world, 2, room, join), Err(RosterRefusal::BadSignature("certificate")));
}

// Rules: RO1
#[test]
fn a_chain_without_its_predecessor_is_refused() {
    let (mut world, room) = world(2, Visibility::Public);
    let certificate = world.person(2).certificate.clone();
    let early = world.signed_change(2, room, RosterOp::Join { certificate, invite: None });
    world.open_invite(1, room, None);
    let held = roster(&world, room);
    assert_eq!(held.check(&early, LATE), Err(RosterRefusal::Stale { head: held.head() }));
    assert_eq!(held.version(), 2);
    assert_eq!(held.version_of(held.head()), Some(2));
    assert_eq!(held.hash_at(2), Some(held.head()));
}

// Rules: RO2
#[test]
fn the_server_alone_cannot_make_a_change() {
    let (world, room) = world(2, Visibility::Public);
    let mut held = roster(&world, room);
    let certificate = world.person(2).certificate.clone();
    let change = world.signed_change(2, room, RosterOp::Join { certificate, invite: None });
    // Countersigned by somebody who is not the room's server.
    let impostor = SecretKey::from_seed(&[66; 32]);
    let mut countersigned = world.countersign(change);
    let content = countersigned.countersignature.get().clone();
    countersigned.countersignature = Signed::sign(content, &impostor).unwrap();
    assert_eq!(held.apply(&countersigned), Err(RosterRefusal::BadSignature("server")));
}

// Rules: RO5
#[test]
fn a_removed_member_is_out_until_rejoined() {
    let (mut world, room) = world(2, Visibility::Public);
    world.join(2, room);
    let (account, device) = (world.person(2).account, world.person(2).device());
    world.change(1, room, RosterOp::Remove { account, ban: false });
    let held = roster(&world, room);
    assert_eq!(held.role(account), None);
    assert!(held.allows(device, 2, Action::POST).is_ok(), "the old right still judges old events");
    assert_eq!(held.allows(device, 3, Action::POST), Err(RosterRefusal::NotAMember));
    world.join(2, room);
    let held = roster(&world, room);
    assert!(held.allows(device, 4, Action::POST).is_ok());
    assert_eq!(held.allows(device, 3, Action::POST), Err(RosterRefusal::NotAMember));
}

// Rules: RO6
#[test]
fn a_ban_holds_until_it_is_lifted() {
    let (mut world, room) = world(2, Visibility::Public);
    world.join(2, room);
    let account = world.person(2).account;
    world.change(1, room, RosterOp::Remove { account, ban: true });
    let certificate = world.person(2).certificate.clone();
    let join = RosterOp::Join { certificate, invite: None };
    assert_eq!(check(&world, 2, room, join.clone()), Err(RosterRefusal::Banned));
    world.change(1, room, RosterOp::Unban { account });
    assert_eq!(check(&world, 2, room, join), Ok(()));
}

// Rules: RO4
#[test]
fn roles_bound_what_members_do() {
    let (mut world, room) = world(3, Visibility::Public);
    world.join(2, room);
    world.join(3, room);
    let (second, third) = (world.person(2).account, world.person(3).account);
    let forbidden = |role| Err(RosterRefusal::Forbidden { role });
    let remove = |account| RosterOp::Remove { account, ban: false };
    assert_eq!(check(&world, 2, room, remove(third)), forbidden(Role::Member));
    let promote = RosterOp::SetRole { account: second, role: Role::Moderator };
    assert_eq!(check(&world, 2, room, promote.clone()), forbidden(Role::Member));
    world.change(1, room, promote);
    assert_eq!(check(&world, 2, room, remove(third)), Ok(()));
    assert_eq!(check(&world, 2, room, remove(world.person(1).account)), forbidden(Role::Moderator));
    let above = RosterOp::OpenInvite {
        invite: InviteKey([1; 32]),
        role: Role::Owner,
        uses_max: None,
        expires_at: UnixMillis(u64::MAX),
    };
    assert_eq!(check(&world, 2, room, above), forbidden(Role::Moderator));
}

// Rules: RO5, IN2
#[test]
fn nobody_comes_back_by_an_invite_of_ones_own() {
    let (mut world, room) = world(2, Visibility::Private);
    let secret = world.open_invite(1, room, None);
    world.join_by(2, room, &secret);
    let account = world.person(2).account;
    world.change(1, room, RosterOp::SetRole { account, role: Role::Moderator });
    let own = SecretKey::from_seed(&[78; 32]);
    let invite = InviteKey(own.public());
    let expires_at = UnixMillis(u64::MAX);
    world.change(2, room, RosterOp::OpenInvite { invite, role: Role::Moderator, uses_max: None, expires_at });
    assert_eq!(roster(&world, room).invite_role(invite, LATE), Ok(Role::Moderator));
    world.change(1, room, RosterOp::Remove { account, ban: false });
    assert_eq!(roster(&world, room).invite_role(invite, LATE), Err(RosterRefusal::NoInvite));
    let others = InviteKey(secret.public());
    assert_eq!(roster(&world, room).invite_role(others, LATE), Ok(Role::Member), "others' invites go on");
}

// Rules: RO7
#[test]
fn a_room_never_stays_without_an_owner() {
    let (mut world, room) = world(3, Visibility::Public);
    world.join(2, room);
    world.join(3, room);
    let first = world.person(1).account;
    let step_down = RosterOp::SetRole { account: first, role: Role::Member };
    assert!(matches!(check(&world, 1, room, step_down), Err(RosterRefusal::Invalid(_))));
    world.change(1, room, RosterOp::Leave);
    let held = roster(&world, room);
    assert_eq!(held.role(world.person(2).account), Some(Role::Owner), "who is there longest");
    assert_eq!(held.role(world.person(3).account), Some(Role::Member));
}

// Rules: RO8, CE2
#[test]
fn a_revoked_device_does_not_come_back() {
    let (mut world, room) = world(2, Visibility::Public);
    world.join(2, room);
    let device = world.person(2).device();
    world.change(2, room, RosterOp::RevokeDevice { device });
    let held = roster(&world, room);
    assert_eq!(held.role_of_device(device), None);
    assert_eq!(held.role(world.person(2).account), Some(Role::Member), "the account stays");
    let certificate = world.person(2).certificate.clone();
    assert_eq!(check(&world, 2, room, RosterOp::AddDevice { certificate }), Err(RosterRefusal::AlreadySo));
}

// Rules: CU1, CU2
#[test]
fn of_two_lists_of_cuts_the_higher_counts() {
    let (world, room) = world(1, Visibility::Public);
    let mut held = roster(&world, room);
    let log = room.conversation();
    let chain = ChainId { device: world.person(1).device(), incarnation: Incarnation([1; 16]) };
    let cut = |seq| Cut { log, chain, seq: Seq(seq), event: EventId([2; 32]) };
    held.fold_cuts(2, &[cut(3)], &[cut(5)]);
    assert!(!held.is_cut(log, chain, Seq(5), 1));
    assert!(held.is_cut(log, chain, Seq(6), 1));
    assert!(!held.is_cut(log, chain, Seq(6), 2), "a roster from then on may grant it again");
    assert_eq!(held.cuts_of(2).count(), 1);
}

// Rules: ID3, RO3
#[test]
fn a_direct_room_has_two_owners_and_takes_nobody_else() {
    let world = World::with_people(3);
    let (one, other) = (world.person(1).account, world.person(2).account);
    let genesis = Genesis::direct(world.server_key(), one, other);
    assert_eq!(genesis.room(), Genesis::direct(world.server_key(), other, one).room());
    let room = genesis.room();
    let founder =
        |account, certificates| momoland_protocol::roster::Founder { account, role: Role::Owner, certificates };
    let settings = Settings {
        name: String::new(),
        topic: String::new(),
        visibility: Visibility::Private,
        history: momoland_protocol::roster::History::All,
        posting: Posting::Members,
    };
    let founders = vec![founder(one, vec![world.person(1).certificate.clone()]), founder(other, Vec::new())];
    let op = RosterOp::Create { genesis, settings, founders };
    let create = |author: usize| world.countersign(world.signed_change(author, room, op.clone()));
    assert!(Roster::create(&create(3), world.server_key()).is_err(), "somebody else may not open it");
    let held = Roster::create(&create(1), world.server_key()).unwrap();
    assert_eq!(held.members().count(), 2);
    let certificate = world.person(3).certificate.clone();
    let join = RosterOp::Join { certificate, invite: None };
    let it = RosterChange {
        room,
        prev: held.head(),
        device: world.person(3).device(),
        hlc: Hlc(1),
        op: join,
        cuts: Vec::new(),
    };
    let join = Signed::sign(it, &world.person(3).key).unwrap();
    assert_eq!(held.check(&join, LATE), Err(RosterRefusal::NoInvite));
}
