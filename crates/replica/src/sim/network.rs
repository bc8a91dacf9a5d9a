//! Links: ordered, within credit, and late.
//!
//! A link is two pipes. What goes into one comes out in its order, after the latency of that direction and some jitter,
//! unless the link breaks before. A pipe may stop without a word (a one-way partition), take nothing for a while (a slow
//! reader), or lose events on purpose (a hostile relay that withholds them).

use std::collections::{BTreeMap, VecDeque};

use momoland_protocol::event::Event;
use momoland_protocol::replication::Frame;

use super::chance::Chance;
use super::world::{Due, Node};
use crate::input::LinkId;

/// Bytes of events that may be under way on a pipe before its reader takes some.
pub(crate) const WINDOW: usize = 64 * 1024;

/// One direction of a link.
pub(crate) struct Pipe {
    pub(crate) from: Node,
    pub(crate) to: Node,
    /// The link's name at the sender,
    pub(crate) at_sender: LinkId,
    /// and at the receiver.
    pub(crate) at_receiver: LinkId,
    frames: VecDeque<(Due, Frame)>,
    /// Nothing comes through any more, and neither end notices.
    pub(crate) stalled: bool,
    /// Events are taken from it, and nobody gets them.
    pub(crate) withholds: bool,
    /// The receiver takes nothing before.
    pub(crate) quiet_until_ms: u64,
    /// What the sender may still send: the same sum as it keeps itself.
    credit: usize,
    /// Bytes of events that are under way.
    under_way: usize,
}

impl Pipe {
    pub(crate) fn new(from: Node, to: Node, at_sender: LinkId, at_receiver: LinkId) -> Self {
        Self {
            from,
            to,
            at_sender,
            at_receiver,
            frames: VecDeque::new(),
            stalled: false,
            withholds: false,
            quiet_until_ms: 0,
            credit: WINDOW,
            under_way: 0,
        }
    }

    /// When its first frame comes out.
    pub(crate) fn due(&self) -> Option<Due> {
        let (due, _) = self.frames.front()?;
        Some(Due { at_ms: due.at_ms.max(self.quiet_until_ms), number: due.number })
    }

    /// Bytes of events that are under way.
    pub(crate) fn under_way(&self) -> usize {
        self.under_way
    }

    fn put(&mut self, due: Due, frame: Frame) {
        let bytes = event_bytes(&frame);
        self.credit = self.credit.saturating_sub(bytes);
        if self.stalled {
            return;
        }
        self.under_way += bytes;
        let last = self.frames.back().map_or(0, |(due, _)| due.at_ms);
        self.frames.push_back((Due { at_ms: due.at_ms.max(last), number: due.number }, frame));
    }

    /// The first frame, and the credit that its sender gets for it.
    pub(crate) fn take(&mut self) -> Option<(Frame, usize)> {
        let (_, frame) = self.frames.pop_front()?;
        self.under_way -= event_bytes(&frame);
        let credit = WINDOW.saturating_sub(self.under_way + self.credit);
        self.credit += credit;
        Some((frame, credit))
    }

    /// Nothing comes through from now on.
    pub(crate) fn stall(&mut self) {
        self.stalled = true;
        self.frames.clear();
        self.under_way = 0;
    }
}

fn event_bytes(frame: &Frame) -> usize {
    match frame {
        Frame::Events { log: _, events } => events.iter().map(Event::size).sum(),
        _ => 0,
    }
}

/// How late a direction is, milliseconds.
#[derive(Debug, Clone, Copy, Default)]
struct Latency {
    least: u64,
    jitter: u64,
}

/// All links of a world.
pub(crate) struct Network {
    pub(crate) pipes: Vec<Pipe>,
    latencies: BTreeMap<(Node, Node), Latency>,
    chance: Chance,
}

impl Network {
    pub(crate) fn new() -> Self {
        Self { pipes: Vec::new(), latencies: BTreeMap::new(), chance: Chance::new(0) }
    }

    pub(crate) fn set_latency(&mut self, from: Node, to: Node, least: u64, jitter: u64) {
        self.latencies.insert((from, to), Latency { least, jitter });
    }

    pub(crate) fn forget_latencies(&mut self) {
        self.latencies.clear();
    }

    /// Puts a frame into a sender's pipe; `false` where the link is gone.
    pub(crate) fn send(&mut self, place: usize, now_ms: u64, number: u64, frame: Frame) {
        let pipe = &mut self.pipes[place];
        let latency = self.latencies.get(&(pipe.from, pipe.to)).copied().unwrap_or_default();
        let late = latency.least + self.chance.up_to(latency.jitter);
        pipe.put(Due { at_ms: now_ms + late, number }, frame);
    }

    /// The pipe into which a node sends by a link of its own.
    pub(crate) fn pipe_from(&self, node: Node, link: LinkId) -> Option<usize> {
        self.pipes.iter().position(|pipe| pipe.from == node && pipe.at_sender == link)
    }

    /// Takes the links of two nodes out that `which` says; answers both ends' names for each.
    pub(crate) fn remove(&mut self, which: impl Fn(&Pipe) -> bool) -> Vec<(Node, LinkId)> {
        let gone = self.pipes.extract_if(.., |pipe| which(pipe));
        gone.map(|pipe| (pipe.to, pipe.at_receiver)).collect()
    }
}
