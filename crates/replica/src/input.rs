//! What the replica is told. See [`crate::replica::Replica::handle_input`].

use momoland_protocol::clock::{Hlc, UnixMillis};
use momoland_protocol::event::{Action, BodyBytes, Event, EventPlace};
use momoland_protocol::id::{AccountId, ChainId, DeviceId, EventId, LogId, RoomId};
use momoland_protocol::register::RegisterName;
use momoland_protocol::replication::{Frame, RelayMode};
use momoland_protocol::roster::CountersignedChange;

/// Milliseconds since the driver started; never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Mono(pub u64);

/// The two clocks at the moment of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// For time-outs.
    pub mono: Mono,
    /// For the hybrid clock only: corrected by the known offset to the server's; may jump.
    pub wall: UnixMillis,
}

/// One link; chosen by the driver, never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkId(pub u64);

/// A request to the driver that it confirms: a persist or a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// A command; chosen by the driver, comes back in the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CommandId(pub u64);

/// Who is at the other end of a link, as the link's handshake proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Remote {
    /// The server's relay.
    Relay,
    /// A device and the account that it is certified for.
    Device {
        /// The device.
        device: DeviceId,
        /// Its account.
        account: AccountId,
    },
}

/// What a replica is told.
#[derive(Debug)]
pub enum Input {
    /// A link is open and its handshake done. It starts with no credit.
    LinkUp {
        /// The link.
        link: LinkId,
        /// Who is there.
        remote: Remote,
    },
    /// A link is gone. What was sent and not acknowledged is sent again elsewhere or later.
    LinkDown {
        /// The link.
        link: LinkId,
    },
    /// A frame came.
    Frame {
        /// From where.
        link: LinkId,
        /// The frame, decoded and within its bounds.
        frame: Frame,
    },
    /// The link can take this many more bytes of events now.
    Credit {
        /// The link.
        link: LinkId,
        /// Bytes, added to what is left.
        bytes: usize,
    },
    /// How the relay is to push a room's logs to this device: `Digest` while every other device that is here is linked
    /// with it, so that what its peers bring need not come from the relay as well.
    Mode {
        /// The room.
        room: RoomId,
        /// How.
        mode: RelayMode,
    },
    /// Somebody reads a log back to where it begins here: what is before the first events held of these chains is asked
    /// for before anything else, those named first soonest. In place of what was wanted so before.
    Fetch {
        /// The log.
        log: LogId,
        /// Of these chains; what goes beyond [`crate::replica::FETCHED_FIRST_MAX`] comes in its turn.
        chains: Vec<ChainId>,
    },
    /// Roster changes from elsewhere than a link: countersigned by this server, or its answer to a request.
    Roster(Vec<CountersignedChange>),
    /// Something to do.
    Command {
        /// Comes back in the answer.
        id: CommandId,
        /// What.
        command: Command,
    },
    /// The answer to `Output::Persist`. After an error the replica halts: reopen the store and make a new one.
    Persisted {
        /// The ticket.
        ticket: Ticket,
        /// Whether all of the batch is on disk, or none.
        result: Result<(), PersistFailed>,
    },
    /// The answer to `Output::Load`.
    Loaded {
        /// The ticket.
        ticket: Ticket,
        /// Events from the first in the order asked for, without a gap; fewer than asked for where `bytes_max` was
        /// reached. None where the first is not there.
        events: Vec<Event>,
    },
}

/// The store did not take a batch; nothing of it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PersistFailed;

/// What a replica is asked to do on behalf of its own device.
#[derive(Debug)]
pub enum Command {
    /// Writes an event. Answered by `Notice::Stored` once on disk, or by `Notice::Refused`.
    Append {
        /// Where.
        log: LogId,
        /// What it does.
        action: Action,
        /// To what.
        targets: Vec<EventId>,
        /// Where the first target stands; an amendment has it.
        place: Option<EventPlace>,
        /// What it says.
        body: BodyBytes,
    },
    /// Sets a register of one's own account.
    SetRegister {
        /// The room.
        room: RoomId,
        /// Which.
        name: RegisterName,
        /// About what; zero for the room.
        target: [u8; 32],
        /// The encoded value.
        value: Vec<u8>,
        /// When it was chosen, where that was before it could be set. A value that is not the newest changes nothing.
        at: Option<Hlc>,
    },
    /// Forgets a room that one left: rosters, events, registers.
    Forget {
        /// The room.
        room: RoomId,
    },
}
