//! Plans drawn from seeds: each seed has its own set of faults, its own network, and its own haste.

use super::chance::Chance;
use super::plan::{LIES, Op, PRIVATE, PUBLIC, Plan};
use super::{HONEST, LIAR, PEOPLE, RELAY, TABLET};

/// Commands of one seed: what people do, faults and steps aside.
pub(crate) const COMMANDS: usize = 300;

/// Kinds of fault of one seed, at least; its crashes aside.
pub(crate) const KINDS_MIN: usize = 4;

impl Plan {
    /// The plan of a seed: 300 commands, at least four kinds of fault among them, two crashes, and steps between them.
    pub fn from_seed(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let kinds: Vec<Kind> = loop {
            let chosen: Vec<Kind> = Kind::ALL.into_iter().filter(|_| chance.one_in(2)).collect();
            if chosen.len() >= KINDS_MIN {
                break chosen;
            }
        };
        let mut ops = Vec::new();
        if chance.one_in(2) {
            draw_latencies(&mut chance, &mut ops);
        }
        // How much of what is under way happens after each command, and in which order.
        let haste = *chance.pick(&[1, 3, 8]);
        // Whether people are linked with the relay again soon after they lost it.
        let redials = chance.one_in(2);
        let long = chance.one_in(5);
        let crashes = [chance.below(COMMANDS / 2), COMMANDS / 2 + chance.below(COMMANDS / 2)];
        // Each kind that was chosen comes at least once.
        let mut due: Vec<usize> = kinds.iter().map(|_| chance.below(COMMANDS)).collect();
        for number in 0..COMMANDS {
            if crashes.contains(&number) {
                ops.push(Op::Crash(chance.below(HONEST + 1)));
            }
            for (kind, at) in kinds.iter().zip(&mut due) {
                if *at == number {
                    kind.draw(&mut chance, &mut ops);
                }
            }
            if chance.one_in(4) {
                chance.pick(&kinds).draw(&mut chance, &mut ops);
            }
            let (writer, room) = (draw_writer(&mut chance), draw_room(&mut chance));
            ops.push(match long && number % 100 == 50 {
                true => Op::PostMany(writer, room, 140),
                false => draw_command(&mut chance, writer, room),
            });
            if redials && chance.one_in(2) {
                ops.push(Op::Link(RELAY, draw_writer(&mut chance)));
            }
            for _ in 0..chance.below(haste) {
                ops.push(Op::Step(chance.small()));
            }
            match chance.below(12) {
                0 | 1 => ops.push(Op::Steps(chance.small() % 200)),
                2 => ops.push(Op::Wait(chance.small())),
                3 => ops.push(Op::Run(chance.small())),
                _ => {}
            }
        }
        Self { ops }
    }
}

fn draw_room(chance: &mut Chance) -> usize {
    if chance.one_in(3) { PRIVATE } else { PUBLIC }
}

/// Everybody but the relay.
fn draw_writer(chance: &mut Chance) -> usize {
    1 + chance.below(HONEST)
}

/// Who comes and goes.
fn draw_guest(chance: &mut Chance) -> usize {
    *chance.pick(&[2, 3, 4, 5, LIAR])
}

fn draw_pair(chance: &mut Chance) -> (usize, usize) {
    let one = chance.below(HONEST + 1);
    (one, (one + 1 + chance.below(HONEST)) % (HONEST + 1))
}

fn draw_latencies(chance: &mut Chance, ops: &mut Vec<Op>) {
    for one in RELAY..=HONEST {
        for other in RELAY..=HONEST {
            if one != other {
                let (least, jitter) = (*chance.pick(&[0, 5, 40, 300]), *chance.pick(&[0, 3, 50, 1_000]));
                ops.push(Op::Latency(one, other, least, jitter));
            }
        }
    }
}

fn draw_command(chance: &mut Chance, writer: usize, room: usize) -> Op {
    match chance.below(15) {
        0 => Op::Mark(writer, room),
        1 => Op::Mode(writer, room, chance.one_in(2)),
        2 | 3 => {
            let (one, other) = draw_pair(chance);
            Op::Link(one, other)
        }
        4 => match chance.below(15) {
            9 => Op::Repair,
            6 => Op::Unban(draw_guest(chance), room),
            7 => Op::Forget(writer, room),
            8 => Op::Gather,
            0 => Op::Invite(1 + chance.below(PEOPLE), 1 + chance.small() % 3, *chance.pick(&[1, 60])),
            1 | 2 => Op::JoinBy(draw_guest(chance), chance.below(8)),
            3 => Op::AddDevice(room),
            _ => Op::Join(draw_guest(chance), PUBLIC),
        },
        5 => Op::Amend(writer, room, chance.small()),
        _ => Op::Post(writer, room),
    }
}

/// A node starts from an older copy of its disk: of long ago, or of a moment ago, so that what it forgot is still under
/// way.
fn draw_relapse(chance: &mut Chance, node: usize, room: usize, ops: &mut Vec<Op>) {
    let writer = if node == RELAY { draw_writer(chance) } else { node };
    match chance.below(4) {
        0 => ops.push(Op::Copy(node)),
        1 => ops.push(Op::Restore(node)),
        2 => {
            ops.extend([Op::Copy(node), Op::Post(writer, room)]);
            ops.extend((0..chance.below(6)).map(|_| Op::Step(chance.small())));
            ops.extend([Op::Restore(node), Op::Link(RELAY, writer)]);
        }
        // What it wrote with a wrong clock is known to the relay, and comes back later than anything else.
        _ => {
            ops.extend([
                Op::Link(RELAY, writer),
                Op::Skew(writer, 24 * 3_600_000),
                Op::Post(writer, room),
                Op::Run(2_000),
            ]);
            ops.extend([Op::Copy(node), Op::SlowDisk(RELAY, 4_000), Op::Post(writer, room), Op::Run(1_000)]);
            ops.extend([Op::Restore(node), Op::Skew(writer, 0), Op::Link(RELAY, writer), Op::Run(1_500)]);
            ops.extend([Op::Post(writer, room), Op::SlowDisk(RELAY, 0)]);
        }
    }
}

/// A folder was copied, and goes on in two places: the one is known to the relay, the other to one more person alone,
/// who meets the relay after its author was removed.
fn draw_double_life(chance: &mut Chance, room: usize, ops: &mut Vec<Op>) {
    let node = *chance.pick(&[3, 4, 5]);
    let friend = *chance.pick(&[1, 2, TABLET]);
    ops.extend([Op::Link(RELAY, node), Op::Link(node, friend), Op::Post(node, room), Op::Run(2_000), Op::Copy(node)]);
    ops.extend([Op::Cut(RELAY, friend), Op::Cut(node, friend), Op::Post(node, room), Op::Run(2_000)]);
    ops.extend([Op::Restore(node), Op::Link(node, friend)]);
    ops.extend((0..8 + chance.below(12)).map(|_| Op::Post(node, room)));
    ops.extend([Op::Run(2_000), Op::Cut(node, friend)]);
    if chance.one_in(2) {
        ops.push(Op::Remove(node, room));
    }
    ops.extend([Op::Run(500), Op::Link(RELAY, friend)]);
}

/// A kind of fault that a seed may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Cuts,
    Stalls,
    Twins,
    Latencies,
    SlowReaders,
    SlowDisks,
    FullDisks,
    Crashes,
    Clocks,
    ClientCopies,
    DoubleLives,
    RelayBackups,
    Members,
    Roles,
    Devices,
    Invites,
    Withholding,
    Lies,
}

impl Kind {
    const ALL: [Self; 18] = [
        Self::Cuts,
        Self::Stalls,
        Self::Twins,
        Self::Latencies,
        Self::SlowReaders,
        Self::SlowDisks,
        Self::FullDisks,
        Self::Crashes,
        Self::Clocks,
        Self::ClientCopies,
        Self::DoubleLives,
        Self::RelayBackups,
        Self::Members,
        Self::Roles,
        Self::Devices,
        Self::Invites,
        Self::Withholding,
        Self::Lies,
    ];

    fn draw(self, chance: &mut Chance, ops: &mut Vec<Op>) {
        let (writer, guest, room) = (draw_writer(chance), draw_guest(chance), draw_room(chance));
        let (node, other) = draw_pair(chance);
        ops.push(match self {
            Self::Cuts => Op::Cut(node, other),
            Self::Stalls => Op::Stall(node, other),
            Self::Twins => Op::Twin(node, other),
            Self::Latencies => Op::Latency(node, other, chance.small() % 500, chance.small()),
            Self::SlowReaders => Op::SlowReader(node, other, chance.small() * 2),
            Self::SlowDisks => Op::SlowDisk(node, *chance.pick(&[0, 5, 400, 4_000])),
            Self::FullDisks => Op::FullDisk(node, 1 + chance.small() % 3),
            Self::Crashes => Op::Crash(node),
            Self::Clocks => {
                let hour = 3_600_000i64;
                Op::Skew(writer, *chance.pick(&[0, hour, -2 * 24 * hour, 24 * hour, 5_000]))
            }
            Self::ClientCopies => return draw_relapse(chance, writer, room, ops),
            Self::DoubleLives => return draw_double_life(chance, room, ops),
            Self::RelayBackups => return draw_relapse(chance, RELAY, room, ops),
            Self::Members => match chance.below(6) {
                5 => Op::Ban(guest, room),
                0 => Op::Leave(guest, room),
                1 => Op::Remove(guest, room),
                2 => Op::JoinBy(guest, chance.below(8)),
                _ => Op::Join(guest, PUBLIC),
            },
            Self::Roles => Op::SetRole(guest, room, chance.one_in(2)),
            Self::Devices if chance.one_in(4) => Op::Revoke(room),
            Self::Devices => Op::AddDevice(room),
            Self::Invites => match chance.below(4) {
                0 => Op::Withdraw(1 + chance.below(PEOPLE), chance.below(8)),
                // Without an invite there is no way into the private room.
                1 => Op::Join(guest, PRIVATE),
                _ => Op::JoinBy(guest, chance.below(8)),
            },
            Self::Withholding => Op::Withhold(*chance.pick(&[1, 2, 3, 4, 5, TABLET])),
            Self::Lies => Op::Lie(node, chance.pick(&LIES).1),
        });
    }
}
