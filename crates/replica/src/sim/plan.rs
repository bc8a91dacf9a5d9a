//! What happens in a run: operations, one a line, read from a file or drawn from a seed ([`super::draw`]).

use std::fmt;
use std::str::FromStr;

use super::{HONEST, LIAR, PEOPLE, RELAY, TABLET};

/// The public room, which everybody may join.
pub(crate) const PUBLIC: usize = 0;

/// The private room, which is joined by invite.
pub(crate) const PRIVATE: usize = 1;

/// What somebody sends who lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
    Inventions,
    /// Very many questions, chains and registers.
    Flood,
    /// A register in somebody else's name.
    Register,
    /// A join of a private room without an invite, which the server countersigned as an accomplice.
    SelfInvited,
    /// A join by what was overheard of somebody else's.
    ReplayedInvite,
    /// A member makes an owner.
    Promoted,
    /// A roster from its beginning, as it once was.
    OldRoster,
    /// A change that the server puts where it puts another one for everybody else.
    TwoSuccessors,
}

/// All lies, by what plans call them.
pub(crate) const LIES: [(&str, Lie); 13] = [
    ("forged", Lie::Forged),
    ("stranger", Lie::Stranger),
    ("fork", Lie::Fork),
    ("middle", Lie::Middle),
    ("backdated", Lie::Backdated),
    ("inventions", Lie::Inventions),
    ("flood", Lie::Flood),
    ("register", Lie::Register),
    ("self-invited", Lie::SelfInvited),
    ("replayed-invite", Lie::ReplayedInvite),
    ("promoted", Lie::Promoted),
    ("old-roster", Lie::OldRoster),
    ("two-successors", Lie::TwoSuccessors),
];

impl Lie {
    /// What it is called in plans and totals.
    pub fn name(self) -> &'static str {
        LIES.iter().find(|(_, lie)| *lie == self).map_or("", |(name, _)| name)
    }
}

/// One operation. Nodes and rooms are numbers: node 0 is the relay, room 0 the public one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// A node writes an event into a room.
    Post(usize, usize),
    /// A node writes so many: more than a newcomer is given at once.
    PostMany(usize, usize, u32),
    /// A node edits, reacts to, retracts or redacts one of the events that it holds of a room.
    Amend(usize, usize, u32),
    /// A node sets a register.
    Mark(usize, usize),
    /// A node asks the relay to hold back what peers bring, or not to.
    Mode(usize, usize, bool),
    /// One of the things that are due happens.
    Step(u32),
    /// So many of them, in the order of time.
    Steps(u32),
    /// Time passes, milliseconds, and nothing that is under way comes to its end meanwhile.
    Wait(u32),
    /// Time passes, and what is due happens.
    Run(u32),
    /// Two nodes are linked.
    Link(usize, usize),
    /// A second link between two nodes, as after one that only one end knows to be broken.
    Twin(usize, usize),
    /// Their links break; what was under way is lost.
    Cut(usize, usize),
    /// Nothing of the first reaches the second any more, and neither notices.
    Stall(usize, usize),
    /// What goes from the first to the second takes so long at least, and so much more now and then, milliseconds.
    Latency(usize, usize, u32, u32),
    /// The second takes nothing from the first for so long, milliseconds.
    SlowReader(usize, usize, u32),
    /// A node's disk takes so long for everything from now on, milliseconds.
    SlowDisk(usize, u32),
    /// The relay withholds events from a node.
    Withhold(usize),
    /// A node loses power.
    Crash(usize),
    /// A node's disk refuses so many batches, after each of which the store is opened anew.
    FullDisk(usize, u32),
    /// A node's wall clock goes wrong, milliseconds.
    Skew(usize, i64),
    /// A copy of a node's disk is taken,
    Copy(usize),
    /// and the node starts from it again.
    Restore(usize),
    /// Somebody joins a room without an invite,
    Join(usize, usize),
    /// or by one.
    JoinBy(usize, usize),
    /// Somebody opens an invite to the private room for so many uses and minutes,
    Invite(usize, u32, u32),
    /// and somebody withdraws one.
    Withdraw(usize, usize),
    /// Somebody leaves.
    Leave(usize, usize),
    /// Somebody who is out forgets all of a room.
    Forget(usize, usize),
    /// Person 1 removes somebody,
    Remove(usize, usize),
    /// and keeps them out,
    Ban(usize, usize),
    /// or lets them in again.
    Unban(usize, usize),
    /// Person 1 lets somebody read only, or write again.
    SetRole(usize, usize, bool),
    /// The relay is away, all others are linked with each other, and they come to rest.
    Gather,
    /// Person 2's second device adds itself,
    AddDevice(usize),
    /// and is revoked by the first.
    Revoke(usize),
    /// Everybody meets the relay, and the owner joins what branches the rosters have.
    Repair,
    /// Somebody lies to a node.
    Lie(usize, Lie),
}

/// What kind of operation it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sort {
    /// What people do.
    Command,
    /// What goes wrong, or is done on purpose.
    Fault,
    /// What is under way goes on.
    Time,
}

impl Op {
    /// What kind it is.
    pub fn sort(&self) -> Sort {
        match self {
            Self::Post(..)
            | Self::PostMany(..)
            | Self::Amend(..)
            | Self::Mark(..)
            | Self::Mode(..)
            | Self::Link(..)
            | Self::Join(..)
            | Self::JoinBy(..)
            | Self::Invite(..)
            | Self::Forget(..)
            | Self::Unban(..)
            | Self::Gather
            | Self::Repair
            | Self::AddDevice(..) => Sort::Command,
            Self::Step(_) | Self::Steps(_) | Self::Wait(_) | Self::Run(_) => Sort::Time,
            Self::Twin(..)
            | Self::Cut(..)
            | Self::Stall(..)
            | Self::Latency(..)
            | Self::SlowReader(..)
            | Self::SlowDisk(..)
            | Self::Withhold(_)
            | Self::Crash(_)
            | Self::FullDisk(..)
            | Self::Skew(..)
            | Self::Copy(_)
            | Self::Restore(_)
            | Self::Withdraw(..)
            | Self::Leave(..)
            | Self::Remove(..)
            | Self::Ban(..)
            | Self::SetRole(..)
            | Self::Revoke(_)
            | Self::Lie(..) => Sort::Fault,
        }
    }

    /// What it is called in plans and totals.
    pub fn name(&self) -> &'static str {
        self.words().0
    }

    /// Its name and numbers, as they stand in a plan; what a lie is called comes behind them.
    fn words(&self) -> (&'static str, Vec<i64>) {
        fn number(value: usize) -> i64 {
            i64::try_from(value).unwrap_or(i64::MAX)
        }
        match *self {
            Self::Post(node, room) => ("post", vec![number(node), number(room)]),
            Self::PostMany(node, room, count) => ("post-many", vec![number(node), number(room), count.into()]),
            Self::Amend(node, room, choice) => ("amend", vec![number(node), number(room), choice.into()]),
            Self::Mark(node, room) => ("mark", vec![number(node), number(room)]),
            Self::Mode(node, room, held) => ("mode", vec![number(node), number(room), held.into()]),
            Self::Step(choice) => ("step", vec![choice.into()]),
            Self::Steps(count) => ("steps", vec![count.into()]),
            Self::Wait(ms) => ("wait", vec![ms.into()]),
            Self::Run(ms) => ("run", vec![ms.into()]),
            Self::Link(one, other) => ("link", vec![number(one), number(other)]),
            Self::Twin(one, other) => ("twin", vec![number(one), number(other)]),
            Self::Cut(one, other) => ("cut", vec![number(one), number(other)]),
            Self::Stall(one, other) => ("stall", vec![number(one), number(other)]),
            Self::Latency(one, other, least, jitter) => {
                ("latency", vec![number(one), number(other), least.into(), jitter.into()])
            }
            Self::SlowReader(one, other, ms) => ("slow-reader", vec![number(one), number(other), ms.into()]),
            Self::SlowDisk(node, ms) => ("slow-disk", vec![number(node), ms.into()]),
            Self::Withhold(node) => ("withhold", vec![number(node)]),
            Self::Crash(node) => ("crash", vec![number(node)]),
            Self::FullDisk(node, count) => ("full-disk", vec![number(node), count.into()]),
            Self::Skew(node, ms) => ("skew", vec![number(node), ms]),
            Self::Copy(node) => ("copy", vec![number(node)]),
            Self::Restore(node) => ("restore", vec![number(node)]),
            Self::Join(node, room) => ("join", vec![number(node), number(room)]),
            Self::JoinBy(node, invite) => ("join-by", vec![number(node), number(invite)]),
            Self::Invite(node, uses, minutes) => ("invite", vec![number(node), uses.into(), minutes.into()]),
            Self::Withdraw(node, invite) => ("withdraw", vec![number(node), number(invite)]),
            Self::Leave(node, room) => ("leave", vec![number(node), number(room)]),
            Self::Remove(node, room) => ("remove", vec![number(node), number(room)]),
            Self::Ban(node, room) => ("ban", vec![number(node), number(room)]),
            Self::Unban(node, room) => ("unban", vec![number(node), number(room)]),
            Self::Forget(node, room) => ("forget", vec![number(node), number(room)]),
            Self::Gather => ("gather", Vec::new()),
            Self::Repair => ("repair", Vec::new()),
            Self::SetRole(node, room, reader) => ("set-role", vec![number(node), number(room), reader.into()]),
            Self::AddDevice(room) => ("add-device", vec![number(room)]),
            Self::Revoke(room) => ("revoke", vec![number(room)]),
            Self::Lie(node, _) => ("lie", vec![number(node)]),
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, numbers) = self.words();
        write!(f, "{name}")?;
        numbers.iter().try_for_each(|number| write!(f, " {number}"))?;
        match self {
            Self::Lie(_, lie) => write!(f, " {}", lie.name()),
            _ => Ok(()),
        }
    }
}

/// A line of a plan that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no operation of a plan")]
pub struct NoOperation(String);

/// The words of a line behind the first.
struct Words<'a> {
    line: &'a str,
    words: Vec<&'a str>,
}

impl<'a> Words<'a> {
    fn refused(&self) -> NoOperation {
        NoOperation(self.line.to_owned())
    }

    fn word(&self, place: usize) -> Result<&'a str, NoOperation> {
        self.words.get(place).copied().ok_or_else(|| self.refused())
    }

    fn number(&self, place: usize) -> Result<u32, NoOperation> {
        self.word(place)?.parse().map_err(|_| self.refused())
    }

    fn flag(&self, place: usize) -> Result<bool, NoOperation> {
        Ok(self.number(place)? != 0)
    }

    fn within(&self, place: usize, least: usize, most: usize) -> Result<usize, NoOperation> {
        let number = self.number(place)? as usize;
        if (least..=most).contains(&number) { Ok(number) } else { Err(self.refused()) }
    }

    fn node(&self, place: usize) -> Result<usize, NoOperation> {
        self.within(place, RELAY, HONEST)
    }

    /// Who writes and has a clock: the relay has none of its own.
    fn writer(&self, place: usize) -> Result<usize, NoOperation> {
        self.within(place, 1, HONEST)
    }

    /// Who comes and goes: the owner stays, and the second device follows the first.
    fn guest(&self, place: usize) -> Result<usize, NoOperation> {
        let node = self.within(place, 2, LIAR)?;
        if node == TABLET { Err(self.refused()) } else { Ok(node) }
    }

    fn room(&self, place: usize) -> Result<usize, NoOperation> {
        self.within(place, PUBLIC, PRIVATE)
    }
}

impl FromStr for Op {
    type Err = NoOperation;

    fn from_str(line: &str) -> Result<Self, NoOperation> {
        let mut words = line.split_whitespace();
        let name = words.next().unwrap_or_default();
        let w = Words { line, words: words.collect() };
        Ok(match name {
            "post" => Self::Post(w.writer(0)?, w.room(1)?),
            "post-many" => Self::PostMany(w.writer(0)?, w.room(1)?, w.number(2)?),
            "amend" => Self::Amend(w.writer(0)?, w.room(1)?, w.number(2)?),
            "mark" => Self::Mark(w.writer(0)?, w.room(1)?),
            "mode" => Self::Mode(w.writer(0)?, w.room(1)?, w.flag(2)?),
            "step" => Self::Step(w.number(0)?),
            "steps" => Self::Steps(w.number(0)?),
            "wait" => Self::Wait(w.number(0)?),
            "run" => Self::Run(w.number(0)?),
            "link" => Self::Link(w.node(0)?, w.node(1)?),
            "twin" => Self::Twin(w.node(0)?, w.node(1)?),
            "cut" => Self::Cut(w.node(0)?, w.node(1)?),
            "stall" => Self::Stall(w.node(0)?, w.node(1)?),
            "latency" => Self::Latency(w.node(0)?, w.node(1)?, w.number(2)?, w.number(3)?),
            "slow-reader" => Self::SlowReader(w.node(0)?, w.node(1)?, w.number(2)?),
            "slow-disk" => Self::SlowDisk(w.node(0)?, w.number(1)?),
            "withhold" => Self::Withhold(w.writer(0)?),
            "crash" => Self::Crash(w.node(0)?),
            "full-disk" => Self::FullDisk(w.node(0)?, w.number(1)?),
            "skew" => Self::Skew(w.writer(0)?, w.word(1)?.parse().map_err(|_| w.refused())?),
            "copy" => Self::Copy(w.node(0)?),
            "restore" => Self::Restore(w.node(0)?),
            "join" => Self::Join(w.guest(0)?, w.room(1)?),
            "join-by" => Self::JoinBy(w.guest(0)?, w.number(1)? as usize),
            "invite" => Self::Invite(w.within(0, 1, PEOPLE)?, w.number(1)?, w.number(2)?),
            "withdraw" => Self::Withdraw(w.within(0, 1, PEOPLE)?, w.number(1)? as usize),
            "leave" => Self::Leave(w.guest(0)?, w.room(1)?),
            "remove" => Self::Remove(w.guest(0)?, w.room(1)?),
            "ban" => Self::Ban(w.guest(0)?, w.room(1)?),
            "unban" => Self::Unban(w.guest(0)?, w.room(1)?),
            "forget" => Self::Forget(w.writer(0)?, w.room(1)?),
            "gather" => Self::Gather,
            "repair" => Self::Repair,
            "set-role" => Self::SetRole(w.guest(0)?, w.room(1)?, w.flag(2)?),
            "add-device" => Self::AddDevice(w.room(0)?),
            "revoke" => Self::Revoke(w.room(0)?),
            "lie" => {
                let told = w.word(1)?;
                let lie = LIES.iter().find(|(name, _)| *name == told).ok_or_else(|| w.refused())?;
                Self::Lie(w.node(0)?, lie.1)
            }
            _ => return Err(w.refused()),
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
