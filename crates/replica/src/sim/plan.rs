//! What happens in a run: drawn from a seed, or read from a file, one operation a line.

use std::fmt;
use std::str::FromStr;

use super::PEOPLE;

/// Commands and faults of one seed, steps of what is under way aside.
const COMMANDS: usize = 300;

/// What the liar sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// An event in somebody else's name.
    Forged,
    /// An event of a device that is in no roster.
    Stranger,
    /// One of two events for one place.
    Fork,
    /// A chain from its middle.
    Middle,
    /// A chain under an older roster.
    Backdated,
    /// Vectors, acknowledgements and questions about what does not exist.
    Flood,
}

const LIES: [(&str, Lie); 6] = [
    ("forged", Lie::Forged),
    ("stranger", Lie::Stranger),
    ("fork", Lie::Fork),
    ("middle", Lie::Middle),
    ("backdated", Lie::Backdated),
    ("flood", Lie::Flood),
];

/// One operation. Nodes are numbers: 0 is the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// A node writes an event.
    Post(usize),
    /// A node writes so many: more than a newcomer is given at once.
    PostMany(usize, u32),
    /// A node sets a register.
    Mark(usize),
    /// A node asks the relay to hold back what peers bring, or not to.
    Mode(usize, bool),
    /// One of the things that are under way happens.
    Step(u32),
    /// So many of them, in their order.
    Steps(u32),
    /// Time passes, milliseconds.
    Wait(u32),
    /// Two nodes are linked.
    Link(usize, usize),
    /// Their link breaks; what was under way is lost.
    Cut(usize, usize),
    /// Nothing of the first reaches the second any more, and neither notices.
    Stall(usize, usize),
    /// A node loses power.
    Crash(usize),
    /// A node's disk refuses what it was to write next.
    FullDisk(usize),
    /// A node's wall clock goes wrong, milliseconds.
    Skew(usize, i64),
    /// A copy of a node's disk is taken,
    Copy(usize),
    /// and the node starts from it again.
    Restore(usize),
    /// Somebody joins, leaves, is removed, may read only or write again.
    Join(usize),
    /// See [`Op::Join`].
    Leave(usize),
    /// See [`Op::Join`].
    Remove(usize),
    /// See [`Op::Join`].
    SetRole(usize, bool),
    /// The liar says something to a node.
    Lie(usize, Lie),
}

impl Op {
    /// What it is called in plans and totals.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Post(_) => "post",
            Self::PostMany(..) => "post-many",
            Self::Mark(_) => "mark",
            Self::Mode(..) => "mode",
            Self::Step(_) => "step",
            Self::Steps(_) => "steps",
            Self::Wait(_) => "wait",
            Self::Link(..) => "link",
            Self::Cut(..) => "cut",
            Self::Stall(..) => "stall",
            Self::Crash(_) => "crash",
            Self::FullDisk(_) => "full-disk",
            Self::Skew(..) => "skew",
            Self::Copy(_) => "copy",
            Self::Restore(_) => "restore",
            Self::Join(_) => "join",
            Self::Leave(_) => "leave",
            Self::Remove(_) => "remove",
            Self::SetRole(..) => "set-role",
            Self::Lie(..) => "lie",
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name())?;
        match self {
            Self::Post(node)
            | Self::Mark(node)
            | Self::Crash(node)
            | Self::FullDisk(node)
            | Self::Copy(node)
            | Self::Restore(node)
            | Self::Join(node)
            | Self::Leave(node)
            | Self::Remove(node) => write!(f, " {node}"),
            Self::Step(number) | Self::Steps(number) | Self::Wait(number) => write!(f, " {number}"),
            Self::PostMany(node, number) => write!(f, " {node} {number}"),
            Self::Link(one, other) | Self::Cut(one, other) | Self::Stall(one, other) => write!(f, " {one} {other}"),
            Self::Mode(node, set) | Self::SetRole(node, set) => write!(f, " {node} {}", u8::from(*set)),
            Self::Skew(node, ms) => write!(f, " {node} {ms}"),
            Self::Lie(node, lie) => {
                let name = LIES.iter().find(|(_, known)| known == lie).map_or("", |(name, _)| name);
                write!(f, " {node} {name}")
            }
        }
    }
}

/// A line of a plan that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no operation of a plan")]
pub struct NoOperation(String);

impl FromStr for Op {
    type Err = NoOperation;

    fn from_str(line: &str) -> Result<Self, NoOperation> {
        let refused = || NoOperation(line.to_owned());
        let mut words = line.split_whitespace();
        let name = words.next().ok_or_else(refused)?;
        let words: Vec<&str> = words.collect();
        let word = |place: usize| words.get(place).copied().ok_or_else(refused);
        let number = |place: usize| word(place)?.parse::<u32>().map_err(|_| refused());
        let node = |place: usize| {
            let node = number(place)? as usize;
            if node <= PEOPLE { Ok(node) } else { Err(refused()) }
        };
        // Rosters and clocks are people's; the relay has none of its own.
        let person = |place: usize| node(place).and_then(|node| if node > 0 { Ok(node) } else { Err(refused()) });
        Ok(match name {
            "post" => Self::Post(person(0)?),
            "post-many" => Self::PostMany(person(0)?, number(1)?),
            "mark" => Self::Mark(person(0)?),
            "mode" => Self::Mode(person(0)?, number(1)? != 0),
            "step" => Self::Step(number(0)?),
            "steps" => Self::Steps(number(0)?),
            "wait" => Self::Wait(number(0)?),
            "link" => Self::Link(node(0)?, node(1)?),
            "cut" => Self::Cut(node(0)?, node(1)?),
            "stall" => Self::Stall(node(0)?, node(1)?),
            "crash" => Self::Crash(node(0)?),
            "full-disk" => Self::FullDisk(node(0)?),
            "skew" => Self::Skew(person(0)?, word(1)?.parse().map_err(|_| refused())?),
            "copy" => Self::Copy(node(0)?),
            "restore" => Self::Restore(node(0)?),
            "join" => Self::Join(person(0)?),
            "leave" => Self::Leave(person(0)?),
            "remove" => Self::Remove(person(0)?),
            "set-role" => Self::SetRole(person(0)?, number(1)? != 0),
            "lie" => {
                let told = word(1)?;
                let lie = LIES.iter().find(|(name, _)| *name == told).ok_or_else(refused)?;
                Self::Lie(node(0)?, lie.1)
            }
            _ => return Err(refused()),
        })
    }
}

/// A run's operations, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The operations.
    pub ops: Vec<Op>,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ops.iter().try_for_each(|op| writeln!(f, "{op}"))
    }
}

impl FromStr for Plan {
    type Err = NoOperation;

    fn from_str(text: &str) -> Result<Self, NoOperation> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        Ok(Self { ops: lines.map(str::parse).collect::<Result<_, _>>()? })
    }
}

impl Plan {
    /// The plan of a seed: 300 commands and faults, with steps between them. Each seed chooses its own set of faults, at
    /// least four kinds, two crashes among them.
    pub fn from_seed(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let faults: Vec<Fault> = loop {
            let chosen: Vec<Fault> = Fault::ALL.into_iter().filter(|_| chance.below(2) == 0).collect();
            if chosen.len() >= 3 {
                break chosen;
            }
        };
        let mut ops = Vec::new();
        let long = chance.below(4) == 0;
        let crashes = [chance.below(COMMANDS / 2), COMMANDS / 2 + chance.below(COMMANDS / 2)];
        for number in 0..COMMANDS {
            if crashes.contains(&number) {
                ops.push(Op::Crash(chance.below(PEOPLE + 1)));
            }
            let person = 1 + chance.below(PEOPLE);
            let fault = chance.below(5) == 0;
            match faults.get(chance.below(faults.len())).filter(|_| fault) {
                Some(fault) => fault.draw(&mut chance, &mut ops),
                None => ops.push(match chance.below(12) {
                    0 => Op::Mark(person),
                    1 => Op::Mode(person, chance.below(2) == 0),
                    2 if person > 1 && long && number % 40 == 0 => Op::PostMany(person, 140),
                    3 => {
                        let other = chance.below(PEOPLE + 1);
                        if other == person { Op::Wait(10) } else { Op::Link(other, person) }
                    }
                    4 => Op::Wait(chance.small()),
                    _ => Op::Post(person),
                }),
            }
            for _ in 0..chance.below(8) {
                ops.push(Op::Step(chance.small()));
            }
            if chance.below(6) == 0 {
                ops.push(Op::Steps(chance.small() % 200));
            }
        }
        Self { ops }
    }
}

/// A kind of fault that a seed may choose.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Cuts,
    Stalls,
    Crashes,
    FullDisks,
    Clocks,
    ClientCopies,
    RelayBackups,
    Members,
    Roles,
    Lies,
}

impl Fault {
    const ALL: [Self; 10] = [
        Self::Cuts,
        Self::Stalls,
        Self::Crashes,
        Self::FullDisks,
        Self::Clocks,
        Self::ClientCopies,
        Self::RelayBackups,
        Self::Members,
        Self::Roles,
        Self::Lies,
    ];

    fn draw(self, chance: &mut Chance, ops: &mut Vec<Op>) {
        let (node, person) = (chance.below(PEOPLE + 1), 1 + chance.below(PEOPLE));
        let other = (node + 1 + chance.below(PEOPLE)) % (PEOPLE + 1);
        ops.push(match self {
            Self::Cuts => Op::Cut(node, other),
            Self::Stalls => Op::Stall(node, other),
            Self::Crashes => Op::Crash(node),
            Self::FullDisks => Op::FullDisk(node),
            Self::Clocks => {
                let hour = 3_600_000i64;
                let skews = [0, hour, -2 * 24 * hour, 24 * hour, 5_000];
                Op::Skew(person, skews[chance.below(skews.len())])
            }
            Self::ClientCopies if chance.below(2) == 0 => Op::Copy(person),
            Self::ClientCopies => Op::Restore(person),
            Self::RelayBackups if chance.below(2) == 0 => Op::Copy(0),
            Self::RelayBackups => Op::Restore(0),
            Self::Members => match chance.below(4) {
                0 => Op::Leave(person),
                1 => Op::Remove(person),
                _ => Op::Join(person),
            },
            Self::Roles => Op::SetRole(2 + chance.below(PEOPLE - 1), chance.below(2) == 0),
            Self::Lies => Op::Lie(node, LIES[chance.below(LIES.len())].1),
        });
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, and the same everywhere.
struct Chance(u64);

impl Chance {
    fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = bound.max(1) as u64;
        usize::try_from(self.next() % bound).unwrap_or(0)
    }

    fn small(&mut self) -> u32 {
        u32::try_from(self.next() % 3_000).unwrap_or(0)
    }
}
