use std::collections::BTreeSet;

use momoland_protocol::clock::{Hlc, UnixMillis};
use momoland_protocol::event::Action;
use momoland_protocol::id::{ChainId, Incarnation, InviteKey, RoomId, Seq};
use momoland_protocol::roster::{Countersignature, Cut, InviteProof, Role, RosterChange, Visibility};
use momoland_protocol::signed::{SecretKey, Signed};
use proptest::prelude::*;

use super::*;
use crate::sim::world::World;

/// An owner (1), a moderator (2), two members (3, 4); the fifth is outside.
const PEOPLE: usize = 5;

/// Signatures are looked at where somebody sends something, and not again at each start; rights are.
#[test]
fn what_was_kept_is_folded_as_it_was_taken() {
    let (stage, line) = Stage::new();
    let server = stage.world.server_key();
    let (first, rest) = line.changes().split_first().unwrap();
    let countersigned = |change: Signed<RosterChange>, of: &CountersignedChange| {
        let content = Countersignature { change: change.change_hash(), ..of.countersignature.get().clone() };
        CountersignedChange { change, countersignature: Signed::sign(content, &stage.server).unwrap() }
    };
    let forged = |change: &CountersignedChange| {
        let somebody = SecretKey::from_seed(&[66; 32]);
        countersigned(Signed::sign(change.change.get().clone(), &somebody).unwrap(), change)
    };
    let mut sent = Line::create(first, server).unwrap();
    assert_eq!(sent.take(&forged(&rest[0])), Err(RosterRefusal::BadSignature("device")));
    assert_eq!(Line::create(&forged(first), server).unwrap_err(), RosterRefusal::BadSignature("device"));
    assert!(Line::recover(&forged(first), &[], server).is_ok(), "it is taken for what it was");
    let (kept, refused) = Line::recover(first, rest, server).unwrap();
    assert_eq!((kept.roster(), refused), (line.roster(), Vec::new()));
    // Whoever is no moderator removes nobody, whatever says so.
    let mut at = line.clone();
    let removal = stage.go(&mut at, 1, stage.remove(4));
    let it = RosterChange { device: stage.world.person(3).device(), ..removal.change.get().clone() };
    let bad = countersigned(Signed::sign(it, &stage.world.person(3).key).unwrap(), &removal);
    let (kept, refused) = Line::recover(first, &[rest, &[bad]].concat(), server).unwrap();
    assert_eq!((kept.roster(), refused), (line.roster(), vec![RosterRefusal::Forbidden { role: Role::Member }]));
}

/// The test is the server that countersigns, and may do so twice for one place.
struct Stage {
    world: World,
    room: RoomId,
    server: SecretKey,
}

impl Stage {
    fn new() -> (Self, Line) {
        let mut world = World::with_people(PEOPLE);
        let room = world.create_room(1, Visibility::Public);
        world.settle();
        let server = SecretKey::from_seed(&[255; 32]);
        let first = world.roster_on_disk(0, room).first().cloned().unwrap();
        let mut line = Line::create(&first, world.server_key()).unwrap();
        let stage = Self { world, room, server };
        for node in [2, 3, 4] {
            stage.go(&mut line, node, stage.joining(node));
        }
        stage.go(&mut line, 1, RosterOp::SetRole { account: stage.account(2), role: Role::Moderator });
        (stage, line)
    }

    fn account(&self, node: usize) -> momoland_protocol::id::AccountId {
        self.world.person(node).account
    }

    fn joining(&self, node: usize) -> RosterOp {
        RosterOp::Join { certificate: self.world.person(node).certificate.clone(), invite: None }
    }

    /// The next change of a line, as the server puts it there; with a list of cuts.
    fn cutting(&self, line: &Line, author: usize, op: RosterOp, cuts: Vec<Cut>) -> CountersignedChange {
        let (person, roster) = (self.world.person(author), line.roster());
        let hlc = Hlc(roster.version() + 1);
        let change =
            RosterChange { room: self.room, prev: roster.head(), device: person.device(), hlc, op, cuts: cuts.clone() };
        let change = Signed::sign(change, &person.key).unwrap();
        let version = roster.version() + 1;
        let at = UnixMillis(1_000 + version);
        let countersignature = Countersignature { change: change.change_hash(), version, at, cuts };
        CountersignedChange { change, countersignature: Signed::sign(countersignature, &self.server).unwrap() }
    }

    fn change(&self, line: &Line, author: usize, op: RosterOp) -> CountersignedChange {
        self.cutting(line, author, op, Vec::new())
    }

    /// Lets a change follow.
    fn go(&self, line: &mut Line, author: usize, op: RosterOp) -> CountersignedChange {
        let change = self.change(line, author, op);
        assert_eq!(line.take(&change), Ok(Taken::Next));
        change
    }

    fn remove(&self, node: usize) -> RosterOp {
        RosterOp::Remove { account: self.account(node), ban: false }
    }

    fn repair(&self, line: &Line) -> CountersignedChange {
        let heads = line.roster().split().expect("two branches");
        self.change(line, 1, RosterOp::Repair { one: heads.one, other: heads.other })
    }
}

fn after(held: &Line, since: &Line) -> Vec<CountersignedChange> {
    held.changes()[since.changes().len()..].to_vec()
}

/// What a line comes to that takes changes as they come.
fn taking(common: &Line, changes: &[CountersignedChange]) -> Line {
    let mut line = common.clone();
    for change in changes {
        line.take(change).unwrap();
    }
    line
}

// Rules: RO1, RO13
#[test]
fn one_change_that_was_put_in_order_twice_is_two() {
    let (stage, common) = Stage::new();
    let left = stage.change(&common, 3, RosterOp::Leave);
    let chain = ChainId { device: stage.world.person(3).device(), incarnation: Incarnation([1; 16]) };
    let cut =
        Cut { log: stage.room.conversation(), chain, seq: Seq(7), event: momoland_protocol::id::EventId([7; 32]) };
    let again = Countersignature { cuts: vec![cut], ..left.countersignature.get().clone() };
    let again = CountersignedChange { countersignature: Signed::sign(again, &stage.server).unwrap(), ..left.clone() };
    let line = taking(&common, &[left.clone(), again.clone()]);
    let turned = taking(&common, &[again, left]);
    assert!(line.roster().split().is_some(), "who holds the one is told of the other");
    assert_eq!(line.roster(), turned.roster(), "whichever came first");
    assert_eq!(line.roster().role(stage.account(3)), None);
    // Of what both lists name the lower end counts: each change takes away what is beyond its own.
    assert!(line.roster().is_cut(stage.room.conversation(), chain, Seq(1), common.roster().version()));
}

// Rules: RO13, RO14
#[test]
fn both_branches_take_rights_away_and_nothing_else_follows() {
    let (stage, common) = Stage::new();
    let (mut one, mut other) = (common.clone(), common.clone());
    stage.go(&mut one, 1, stage.remove(3));
    stage.go(&mut one, 5, stage.joining(5));
    stage.go(&mut other, 2, stage.remove(4));
    let mut line = taking(&one, &after(&other, &common));
    let roster = line.roster();
    assert_eq!(roster.role(stage.account(3)), None);
    assert_eq!(roster.role(stage.account(4)), None);
    assert_eq!(roster.role(stage.account(5)), Some(Role::Member), "whom nobody denies is in");
    assert_eq!(roster.version(), common.roster().version() + 3);
    let next = stage.change(&line, 1, stage.remove(5));
    assert_eq!(line.roster().check(&next.change, UnixMillis(9)), Err(RosterRefusal::Frozen));
    assert!(line.take(&next).is_err());
}

// Rules: RO15
#[test]
fn a_repair_joins_the_branches_and_life_goes_on() {
    let (stage, common) = Stage::new();
    let (mut one, mut other) = (common.clone(), common.clone());
    stage.go(&mut one, 1, stage.remove(3));
    stage.go(&mut other, 5, stage.joining(5));
    let mut line = taking(&one, &after(&other, &common));
    let heads = line.roster().split().unwrap();
    let by_a_moderator = stage.change(&line, 2, RosterOp::Repair { one: heads.one, other: heads.other });
    assert_eq!(line.take(&by_a_moderator), Err(RosterRefusal::Forbidden { role: Role::Moderator }));
    assert_eq!(line.take(&stage.repair(&line)), Ok(Taken::Next));
    assert_eq!(line.roster().split(), None);
    stage.go(&mut line, 3, stage.joining(3));
    assert_eq!(line.roster().role(stage.account(3)), Some(Role::Member), "a fresh grant");
    // Somebody who was away gets it all in order.
    assert_eq!(taking(&common, &after(&line, &common)).roster(), line.roster());
    // And where only a branch is held, it is known how much that has in common: the first stands here as it does there.
    let (since, version) = (common.roster().version(), other.roster().version());
    let ends = [one.roster().head(), other.roster().head()];
    let in_common = ends.map(|end| line.in_common(end, version).unwrap());
    assert!(in_common == [since, version] || in_common == [version, since], "{in_common:?}");
    assert_eq!(line.in_common(line.roster().head(), line.roster().version()), Some(line.roster().version()));
}

// Rules: RO15
#[test]
fn what_a_repair_does_not_name_is_dropped_by_all() {
    let (stage, common) = Stage::new();
    let (mut one, mut other) = (common.clone(), common.clone());
    stage.go(&mut one, 1, stage.remove(3));
    stage.go(&mut other, 2, stage.remove(4));
    let known = taking(&one, &after(&other, &common));
    let repair = stage.repair(&known);
    // The server went on in one branch all the same.
    let late = stage.go(&mut other, 5, stage.joining(5));
    let repaired = taking(&known, std::slice::from_ref(&repair));
    let mut told_late = taking(&known, std::slice::from_ref(&late));
    assert_eq!(told_late.roster().role(stage.account(5)), Some(Role::Member));
    assert!(matches!(told_late.take(&repair), Ok(Taken::Reordered { .. })));
    assert_eq!(told_late.roster(), repaired.roster());
    let mut repaired = repaired;
    assert!(repaired.take(&late).is_err());
}

// Rules: RO13
#[test]
fn a_third_branch_and_a_split_in_a_split_are_refused() {
    let (stage, common) = Stage::new();
    let branch = |node: usize| {
        let mut line = common.clone();
        stage.go(&mut line, 1, stage.remove(node));
        after(&line, &common)
    };
    let mut line = taking(&common, &[branch(2), branch(3)].concat());
    let before = line.roster().clone();
    assert!(line.take(&branch(4)[0]).is_err());
    assert_eq!(line.roster(), &before);
    // What has no place at all is refused, and says what is held.
    let mut elsewhere = common.clone();
    stage.go(&mut elsewhere, 1, stage.remove(4));
    let unknown = stage.change(&elsewhere, 1, stage.remove(3));
    assert!(matches!(line.take(&unknown), Err(RosterRefusal::Stale { .. })));
}

// Rules: RO14
#[test]
fn who_was_removed_lets_nobody_in_by_the_other_branch() {
    let (stage, common) = Stage::new();
    let mut orders = BTreeSet::new();
    for seed in 1..=16 {
        let (mut one, mut other) = (common.clone(), common.clone());
        stage.go(&mut one, 1, stage.remove(3));
        // The server lets the removed one go on as if nothing had been.
        let secret = SecretKey::from_seed(&[seed; 32]);
        let (invite, expires_at) = (InviteKey(secret.public()), UnixMillis(u64::MAX));
        let open = RosterOp::OpenInvite { invite, role: Role::Member, uses_max: None, expires_at };
        stage.go(&mut other, 3, open);
        let proof = InviteProof::new(&secret, stage.room, stage.world.person(5).device());
        let certificate = stage.world.person(5).certificate.clone();
        stage.go(&mut other, 5, RosterOp::Join { certificate, invite: Some(proof) });
        let line = taking(&one, &after(&other, &common));
        let roster = line.roster();
        orders.insert(roster.version_of(one.roster().head()) == Some(common.roster().version() + 1));
        assert_eq!(roster.role(stage.account(3)), None);
        assert_eq!(roster.role(stage.account(5)), None);
    }
    assert_eq!(orders.len(), 2, "the removal was in the first branch, and in the second");
}

// Rules: RO14, CU2
#[test]
fn events_of_either_branch_count_up_to_the_cuts_of_both() {
    let (stage, common) = Stage::new();
    let log = stage.room.conversation();
    let device = stage.world.person(3).device();
    let chain = ChainId { device, incarnation: Incarnation([7; 16]) };
    let cut = Cut { log, chain, seq: Seq(5), event: momoland_protocol::id::EventId([1; 32]) };
    let (mut one, mut other) = (common.clone(), common.clone());
    let removal = stage.cutting(&one, 1, stage.remove(3), vec![cut]);
    one.take(&removal).unwrap();
    stage.go(&mut other, 5, stage.joining(5));
    let line = taking(&one, &after(&other, &common));
    let roster = line.roster();
    // Written under the branch that knew of no removal.
    let version = roster.version_of(other.roster().head()).unwrap();
    assert!(!roster.is_cut(log, chain, Seq(5), version));
    assert!(roster.is_cut(log, chain, Seq(6), version));
    assert!(roster.allows(stage.world.person(5).device(), version, Action::POST).is_ok());
    // Who joined by both branches acts under both.
    let (mut one, mut other) = (common.clone(), common.clone());
    stage.go(&mut one, 1, stage.remove(4));
    stage.go(&mut one, 5, stage.joining(5));
    stage.go(&mut other, 5, stage.joining(5));
    let line = taking(&one, &after(&other, &common));
    for branch in [&one, &other] {
        let version = line.roster().version_of(branch.roster().head()).unwrap();
        let allowed = line.roster().allows(stage.world.person(5).device(), version, Action::POST);
        assert!(allowed.is_ok(), "{allowed:?}");
    }
}

/// Something that somebody tries.
fn tries() -> impl Strategy<Value = Vec<(usize, usize, u8)>> {
    prop::collection::vec((1..=PEOPLE, 1..=PEOPLE, 0..6_u8), 1..6)
}

fn op(stage: &Stage, author: usize, target: usize, kind: u8) -> RosterOp {
    let account = stage.account(target);
    match kind {
        0 => stage.joining(author),
        1 => RosterOp::Leave,
        2 => RosterOp::Remove { account, ban: false },
        3 => RosterOp::Remove { account, ban: true },
        4 => RosterOp::SetRole { account, role: Role::Reader },
        _ => RosterOp::SetRole { account, role: Role::Moderator },
    }
}

/// What of it the room's rules allow, one after the other.
fn branch(stage: &Stage, common: &Line, tries: &[(usize, usize, u8)]) -> Line {
    let mut line = common.clone();
    for (author, target, kind) in tries {
        // The owner stays, so that nobody is made one.
        if (*author, *kind) != (1, 1) {
            // What is not allowed changes nothing.
            let _ = line.take(&stage.change(&line, *author, op(stage, *author, *target, *kind)));
        }
    }
    line
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    // Rules: RO13, RO14
    #[test]
    fn prop_both_branches_of_a_split_deny(one in tries(), other in tries(), order in prop::collection::vec(any::<bool>(), 12)) {
        let (stage, common) = Stage::new();
        let (one, other) = (branch(&stage, &common, &one), branch(&stage, &common, &other));
        let (first, second) = (after(&one, &common), after(&other, &common));
        prop_assume!(!first.is_empty() && !second.is_empty() && first[0] != second[0]);

        let forth = taking(&common, &[first.clone(), second.clone()].concat());
        let back = taking(&common, &[second.clone(), first.clone()].concat());
        let (mut left, mut right) = (first.iter(), second.iter());
        let mut mixed = common.clone();
        for left_first in order.into_iter().chain([true; 6]).chain([false; 6]) {
            if let Some(next) = if left_first { left.next() } else { right.next() } {
                mixed.take(next).unwrap();
            }
        }
        prop_assert_eq!(forth.changes(), back.changes());
        prop_assert_eq!(forth.changes(), mixed.changes());
        prop_assert_eq!(forth.roster(), back.roster());
        prop_assert_eq!(forth.roster(), mixed.roster());

        let merged = forth.roster();
        for node in 1..=PEOPLE {
            // Whatever a device names in what it writes now counts, for everybody.
            let device = stage.world.person(node).device();
            let log = stage.room.conversation();
            let chain = ChainId { device, incarnation: Incarnation([u8::try_from(node).unwrap(); 16]) };
            match merged.writes_under(device, Action::POST) {
                Ok(version) => {
                    prop_assert!(merged.allows(device, version, Action::POST).is_ok());
                    prop_assert!(!merged.is_cut(log, chain, Seq(1), version));
                }
                Err(why) => {
                    let out = merged.role_of_device(device).is_none_or(|(_, role)| role < Role::Member);
                    prop_assert!(out || why == RosterRefusal::Frozen, "person {}: {}", node, why);
                }
            }
        }
        let repaired = taking(&forth, &[stage.repair(&forth)]);
        for node in 1..=PEOPLE {
            let device = stage.world.person(node).device();
            let role = repaired.roster().role_of_device(device);
            prop_assert_eq!(role, merged.role_of_device(device));
            let may = role.is_some_and(|(_, role)| role >= Role::Member);
            prop_assert_eq!(repaired.roster().writes_under(device, Action::POST).is_ok(), may);
        }
        for branch in [&one, &other] {
            for node in 1..=PEOPLE {
                let (account, device) = (stage.account(node), stage.world.person(node).device());
                let ended = branch.roster().endings_of(device).any(|at| at > common.roster().version());
                if ended {
                    prop_assert!(merged.role(account) <= branch.roster().role(account), "person {}", node);
                }
                if branch.roster().is_banned(account) {
                    prop_assert!(merged.is_banned(account), "person {} is banned", node);
                }
            }
        }
    }
}

/// The longer branch of a split is taken in after its other: as a client does that was away while the server lost both.
#[test]
fn a_long_branch_is_folded_once_for_all_that_comes_at_once() {
    const LOST: usize = 1_000;
    let (stage, common) = Stage::new();
    let (mut one, mut other) = (common.clone(), common.clone());
    stage.go(&mut one, 1, stage.remove(3));
    for number in 0..LOST {
        let mut settings = other.roster().settings().clone();
        settings.topic = format!("topic {number}");
        stage.go(&mut other, 1, RosterOp::Configure { settings });
    }
    let lost = after(&other, &common);
    let mut line = one.clone();
    let taken = line.take_all(lost.clone());
    assert_eq!((taken.new.len(), taken.refused), (LOST, None));
    assert_eq!(taken.reordered_after, Some(common.roster().version()));
    assert!(line.folds <= 2, "{} folds for {LOST} changes", line.folds);
    // It is what it comes to one by one, in the other order, and by what lies on the disk.
    assert_eq!(line.roster(), taking(&other, &after(&one, &common)).roster());
    let (first, rest) = line.changes().split_first().unwrap();
    let (again, refused) = Line::recover(first, rest, stage.world.server_key()).unwrap();
    assert_eq!(refused, []);
    assert_eq!(again.roster(), line.roster());
    assert!(again.folds <= 2, "{} folds at a start", again.folds);
    let few = taking(&one, &lost[..20]);
    assert_eq!(few.roster().version(), common.roster().version() + 21);
}
