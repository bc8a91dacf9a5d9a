//! Who lies: a member's device without a replica, and a relay that is its accomplice. Both sign with real keys, so that
//! what they say meets the real checks.
#![allow(clippy::unwrap_used, reason = "a run ends where something does not hold")]

use std::sync::Arc;

use momoland_protocol::clock::Hlc;
use momoland_protocol::event::{Action, Body, BodyBytes, Event, EventHeader};
use momoland_protocol::id::{ChainId, EventId, Incarnation, RoomId, RosterHash, Seq, SetHash};
use momoland_protocol::register::{Register, RegisterName};
use momoland_protocol::replication::{ChainHead, ChainRange, Frame};
use momoland_protocol::roster::{InviteProof, Role, RosterChange, RosterOp};
use momoland_protocol::signed::{SecretKey, Signed};

use super::plan::Lie;
use super::world::{Node, World};
use super::{LIAR, PEOPLE};
use crate::input::{Input, LinkId, Remote};
use crate::roster::Roster;

/// Links of its own, beyond all others.
const LINKS_FROM: u64 = 1_000_000;

/// The liar, and how often it lied.
pub(crate) struct Liar {
    told: u64,
    /// The public room, in which it is a member now and then.
    public: RoomId,
    /// The private one, in which it is not, unless somebody invites it.
    private: RoomId,
    /// An invite to it, which somebody else used: what went over the wire can be overheard.
    overheard: InviteProof,
}

impl Liar {
    /// The liar overhears how `guest` joins the private room.
    pub(crate) fn new(world: &World, public: RoomId, private: RoomId, invite: &SecretKey, guest: Node) -> Self {
        let overheard = InviteProof::new(invite, private, world.person(guest).device());
        Self { told: 0, public, private, overheard }
    }

    /// Says something to a node over a link of its own.
    pub(crate) fn lie(&mut self, world: &mut World, node: Node, lie: Lie) {
        self.told += 1;
        let link = LinkId(LINKS_FROM + self.told);
        let (device, account) = (world.person(LIAR).device(), world.person(LIAR).account);
        let of_rosters =
            matches!(lie, Lie::SelfInvited | Lie::ReplayedInvite | Lie::Promoted | Lie::OldRoster | Lie::TwoSuccessors);
        // Of rosters a device believes its relay; the relay has no other to believe.
        let remote = if of_rosters && node != 0 { Remote::Relay } else { Remote::Device { device, account } };
        world.input(node, Input::LinkUp { link, remote });
        for frame in self.frames(world, node, lie) {
            if let (Lie::TwoSuccessors, Frame::Roster { room: _, changes }) = (lie, &frame) {
                world.server.note_ordered(changes);
            }
            world.input(node, Input::Frame { link, frame });
        }
        world.input(node, Input::LinkDown { link });
    }

    fn frames(&self, world: &World, node: Node, lie: Lie) -> Vec<Frame> {
        let log = self.public.conversation();
        let device = world.person(LIAR).device();
        let key = Arc::clone(&world.person(LIAR).key);
        let told = u8::try_from(self.told % 100).unwrap();
        let own = |incarnation: u8| ChainId { device, incarnation: Incarnation([incarnation; 16]) };
        match lie {
            Lie::Forged => {
                let chain = ChainId { device: world.person(1).device(), incarnation: Incarnation([9; 16]) };
                vec![self.event(world, chain, 1, &key)]
            }
            Lie::Stranger => {
                let stranger = SecretKey::from_seed(&[200; 32]);
                let chain = ChainId { device: stranger.device(), incarnation: Incarnation([9; 16]) };
                vec![self.event(world, chain, 1, &stranger)]
            }
            // Two first events of one chain, told to different nodes by turns.
            Lie::Fork => vec![self.event(world, own(told % 3), 1, &key)],
            Lie::Middle => vec![self.event(world, own(100), 40, &key)],
            // A chain that was kept back, under whatever right the liar once had.
            Lie::Backdated => vec![self.event(world, own(110 + told), 1, &key)],
            Lie::Inventions => {
                let chain = ChainId { device: world.person(1).device(), incarnation: Incarnation([7; 16]) };
                let (head, high) = (EventId([7; 32]), Seq(u64::MAX - 1));
                let range = ChainRange { chain, low: Seq(1), high, head };
                let have = |more| Frame::Have { log, chains: vec![range], more, registers: SetHash([1; 32]) };
                vec![
                    have(true),
                    have(false),
                    Frame::Ack { log, chains: vec![ChainHead { chain, seq: high, event: head }; 64] },
                    Frame::Want { log, chain, from: Seq(1), to: high },
                ]
            }
            Lie::Flood => self.flood(world, own(250).device, &key),
            Lie::Register => {
                let account = world.person(1).account;
                vec![self.registers(world, account.0, 1, &key)]
            }
            Lie::SelfInvited => {
                let certificate = world.person(LIAR).certificate.clone();
                self.colluded(world, node, self.private, &key, RosterOp::Join { certificate, invite: None })
            }
            Lie::ReplayedInvite => {
                let certificate = world.person(LIAR).certificate.clone();
                let invite = Some(self.overheard.clone());
                self.colluded(world, node, self.private, &key, RosterOp::Join { certificate, invite })
            }
            Lie::Promoted => {
                let account = world.person(2).account;
                self.colluded(world, node, self.public, &key, RosterOp::SetRole { account, role: Role::Owner })
            }
            // A change that is the liar's to make. The others are told of another one in its place.
            Lie::TwoSuccessors => {
                let account = world.person(LIAR).account;
                let roster = world.replica_of(node).roster(self.public);
                let op = match roster.and_then(|roster| roster.role(account)) {
                    Some(_) => RosterOp::Leave,
                    None => world.join_op(LIAR),
                };
                self.colluded(world, node, self.public, &key, op)
            }
            Lie::OldRoster => {
                let changes = world.disk(0).rosters.get(&self.public).cloned().unwrap_or_default();
                vec![Frame::Roster { room: self.public, changes: changes.into_iter().take(5).collect() }]
            }
        }
    }

    /// The next change of a roster as a node holds it, countersigned by a server that looks away.
    fn colluded(&self, world: &World, node: Node, room: RoomId, key: &SecretKey, op: RosterOp) -> Vec<Frame> {
        let (version, prev) = match world.replica_of(node).roster(room) {
            Some(roster) => (roster.version(), roster.head()),
            None => (0, RosterHash::ZERO),
        };
        let at = world.now(0).wall;
        let change = RosterChange { room, prev, device: key.device(), hlc: Hlc::at(at), op, cuts: Vec::new() };
        let change = world.server.collude(Signed::sign(change, key).unwrap(), version + 1, at);
        vec![Frame::Roster { room, changes: vec![change] }]
    }

    fn flood(&self, world: &World, device: momoland_protocol::id::DeviceId, key: &SecretKey) -> Vec<Frame> {
        let log = self.public.conversation();
        let mut frames = Vec::new();
        for number in 0..40_u8 {
            let chain = ChainId { device, incarnation: Incarnation([number; 16]) };
            frames.push(Frame::Want { log, chain, from: Seq(1), to: Seq(u64::MAX) });
            frames.push(Frame::Have { log, chains: Vec::new(), more: false, registers: SetHash([number; 32]) });
        }
        for number in 0..4_u8 {
            let chain = ChainId { device, incarnation: Incarnation([number + 10; 16]) };
            frames.push(self.event(world, chain, 1, key));
        }
        let account = world.person(LIAR).account;
        frames.push(self.registers(world, account.0, 20, key));
        frames
    }

    fn registers(&self, world: &World, account: [u8; 16], count: u8, key: &SecretKey) -> Frame {
        let roster = world.replica_of(0).roster(self.public).map_or(RosterHash::ZERO, Roster::head);
        let register = |number: u8| {
            let mut target = [number; 32];
            target[..8].copy_from_slice(&(self.told % 32).to_be_bytes());
            let register = Register {
                account: momoland_protocol::id::AccountId(account),
                device: key.device(),
                room: self.public,
                name: RegisterName::DRAFT,
                target,
                roster,
                hlc: Hlc(self.told),
                value: vec![number],
            };
            Signed::sign(register, key).unwrap()
        };
        Frame::Registers { room: self.public, registers: (0..count).map(register).collect() }
    }

    /// An event that continues nothing but itself, under the first roster that the liar was in.
    fn event(&self, world: &World, chain: ChainId, seq: u64, key: &SecretKey) -> Frame {
        let log = self.public.conversation();
        let body = BodyBytes::new(&Body::Plain(self.told.to_be_bytes().to_vec())).unwrap();
        let roster = world.replica_of(0).roster(self.public).unwrap();
        let version = roster.version().min(PEOPLE as u64 + 1);
        let header = EventHeader {
            log,
            device: chain.device,
            incarnation: chain.incarnation,
            seq: Seq(seq),
            prev: if seq == 1 { EventId::ZERO } else { EventId([8; 32]) },
            hlc: Hlc(self.told),
            roster: roster.hash_at(version).unwrap(),
            action: Action::POST,
            targets: Vec::new(),
            body_hash: body.hash(),
            body_length: u32::try_from(body.len()).unwrap(),
            place: None,
        };
        let event = Event { header: Signed::sign(header, key).unwrap(), body: Some(body) };
        Frame::Events { log, events: vec![event] }
    }
}
