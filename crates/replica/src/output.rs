//! What the replica wants done. See [`crate::replica::Replica::poll_output`].

use momoland_protocol::clock::Hlc;
use momoland_protocol::event::{Event, EventHeader};
use momoland_protocol::id::{AccountId, ChainId, DeviceId, LogId, RoomId, Seq};
use momoland_protocol::register::{Register, RegisterKey};
use momoland_protocol::replication::Frame;
use momoland_protocol::roster::CountersignedChange;
use momoland_protocol::signed::Signed;

use crate::admission::Rejection;
use crate::input::{CommandId, LinkId, Remote, Ticket};
use crate::roster::RosterRefusal;

/// What a driver carries out, in order.
#[derive(Debug)]
pub enum Output {
    /// Send a frame on a link's reliable channel. Frames of events stay within the link's credit.
    Send {
        /// The link.
        link: LinkId,
        /// The frame.
        frame: Frame,
    },
    /// Write all of it or nothing, synced; then answer with `Input::Persisted`. Batches are answered in order.
    Persist {
        /// To be confirmed.
        ticket: Ticket,
        /// What to write.
        batch: Vec<Record>,
    },
    /// Read events; then answer with `Input::Loaded`.
    Load {
        /// To be confirmed.
        ticket: Ticket,
        /// What to read.
        load: Load,
    },
    /// Something happened that the layers above want to know.
    Notice(Notice),
    /// Close a link, telling the other end why.
    CloseLink {
        /// The link.
        link: LinkId,
        /// Why.
        reason: CloseReason,
    },
}

/// Part of a chain, to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// The log.
    pub log: LogId,
    /// The chain.
    pub chain: ChainId,
    /// The first place,
    pub from: Seq,
    /// and the last.
    pub to: Seq,
    /// Stop after the event that reaches this many bytes.
    pub bytes_max: usize,
    /// Which end of the range comes first.
    pub order: LoadOrder,
}

/// The order in which events are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadOrder {
    /// From the first place upwards.
    OldestFirst,
    /// From the last place downwards.
    NewestFirst,
}

/// One thing to be written.
#[derive(Debug, Clone)]
pub enum Record {
    /// A change of a room's roster.
    Roster {
        /// Its place among those that were taken, from 1 on: mostly its version, but not in the branches of a split.
        place: u64,
        /// The change.
        change: CountersignedChange,
    },
    /// The next event of a chain, the first that is held of one at any place, or the one before its first. The store
    /// keeps `(log, chain) → low, its prev, high, head, hlc` beside it.
    Event {
        /// The room of its log.
        room: RoomId,
        /// The event.
        event: Event,
    },
    /// An event that was written before it deletes its target. The store drops the bodies of the target and of the
    /// target's edits, as far as it holds them, once this is on the disk, over a crash too.
    Deletion {
        /// The room of the log.
        room: RoomId,
        /// The deletion.
        by: Signed<EventHeader>,
    },
    /// The proof that a device signed two events for one place of a chain: the one that is not in the chain as it is
    /// held here. Of several the one at the lowest place counts.
    Fork {
        /// The room of the log.
        room: RoomId,
        /// Where the two part.
        seq: Seq,
        /// At that place, or after it and naming another event there.
        offered: Signed<EventHeader>,
    },
    /// A register that replaces what was held under its key.
    Register(Signed<Register>),
    /// Everything of a room goes.
    Forget {
        /// The room.
        room: RoomId,
    },
}

/// What happened. Everything told here is on disk.
#[derive(Debug, Clone)]
pub enum Notice {
    /// An event is stored here: our own, or another's.
    Stored {
        /// The room of its log.
        room: RoomId,
        /// The event.
        event: Event,
        /// The account of its author.
        author: AccountId,
        /// The version of the roster that it names.
        roster_version: u64,
        /// The command that wrote it, where it is our own.
        command: Option<CommandId>,
    },
    /// A register is stored here.
    Register {
        /// The register.
        register: Signed<Register>,
    },
    /// A command was done that stores no event.
    Done {
        /// The command.
        command: CommandId,
    },
    /// A command was refused; nothing changed.
    Refused {
        /// The command.
        command: CommandId,
        /// Why.
        why: CommandRefusal,
    },
    /// A roster grew; read it with `Replica::roster`.
    Roster {
        /// The room.
        room: RoomId,
        /// What is new.
        changes: Vec<CountersignedChange>,
        /// Whether the server put two changes in one place, or what it did so was joined: versions that were told
        /// before mean others now, and what counted may count no more.
        reordered: bool,
    },
    /// A room was forgotten.
    Forgotten {
        /// The room.
        room: RoomId,
    },
    /// Somebody has a chain of ours on disk, up to here. Never told twice for one place and remote.
    Acknowledged {
        /// The log.
        log: LogId,
        /// The chain.
        chain: ChainId,
        /// The last place.
        seq: Seq,
        /// Who has it.
        by: Remote,
    },
    /// The relay has a register that this device set on its disk. May be told again.
    RegisterAcknowledged {
        /// Which register.
        key: RegisterKey,
        /// When it was set.
        hlc: Hlc,
    },
    /// Roster changes given by `Input::Roster` were refused, or those of a link.
    RosterRefused {
        /// The room.
        room: RoomId,
        /// Why.
        why: RosterRefusal,
    },
    /// An event from a link was refused.
    Rejected {
        /// The link.
        link: LinkId,
        /// The device that the event says it is by.
        device: DeviceId,
        /// Why.
        why: Rejection,
    },
    /// The store failed: nothing is acknowledged any more until a new replica is made from a reopened store. Commands
    /// that were under way are refused after this.
    Halted,
}

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandRefusal {
    /// The room or log is not held here.
    #[error("there is no such room here")]
    UnknownRoom,
    /// One's own role does not allow it, or one is no member.
    #[error("your role in this room does not allow it")]
    NotAllowed(RosterRefusal),
    /// Too large, or otherwise not to be signed.
    #[error("it is out of bounds: {0}")]
    OutOfBounds(String),
    /// The store failed earlier.
    #[error("the disk refuses to take anything")]
    Halted,
    /// The store failed while it was being written: whether it is there shows when the store is opened again.
    #[error("the disk failed while this was being written")]
    Unsure,
}

/// Why a link is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The other end sent what no honest replica sends: a bad signature, a chain that does not link.
    Misbehaved,
}
