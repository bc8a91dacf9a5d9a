//! Who certifies devices and puts rosters in order, as the server does it: a change that may not come next is refused,
//! and of the right that a change ends the relay's own list of cuts is countersigned.
#![allow(clippy::unwrap_used, reason = "a world ends where something does not hold")]
#![cfg_attr(not(test), allow(dead_code, reason = "tests use more of it than the simulation does"))]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use momoland_protocol::certificate::DeviceCertificate;
use momoland_protocol::clock::{Hlc, UnixMillis};
use momoland_protocol::id::{AccountId, DeviceId, InviteKey, Nonce, RoomId, RosterHash, ServerKey};
use momoland_protocol::roster::{
    Countersignature, CountersignedChange, Cut, Founder, Genesis, History, InviteProof, Posting, Role, RoomKind,
    RosterChange, RosterOp, Settings, Visibility,
};
use momoland_protocol::signed::{SecretKey, Signed};

use super::world::{Node, World};
use crate::input::Input;
use crate::roster::{Roster, RosterRefusal};

/// Somebody's device.
pub(crate) struct Person {
    pub(crate) key: Arc<SecretKey>,
    pub(crate) account: AccountId,
    pub(crate) certificate: Signed<DeviceCertificate>,
}

impl Person {
    pub(crate) fn device(&self) -> DeviceId {
        self.key.device()
    }
}

/// The server's key, and what it countersigned.
pub(crate) struct Server {
    key: SecretKey,
    /// The changes that it put in a place. A server that was restored from a backup may know of several for one.
    ordered: BTreeMap<(RoomId, u64), BTreeSet<RosterHash>>,
    rooms: u8,
}

impl Server {
    pub(crate) fn new() -> Self {
        Self { key: SecretKey::from_seed(&[255; 32]), ordered: BTreeMap::new(), rooms: 0 }
    }

    pub(crate) fn certify(&self, account: AccountId, device: DeviceId) -> Signed<DeviceCertificate> {
        let server = ServerKey(self.key.public());
        let handle = format!("person{}", account.0[0]);
        let certificate = DeviceCertificate { server, account, handle, device, issued_at: UnixMillis(1), vouch: None };
        Signed::sign(certificate, &self.key).unwrap()
    }

    /// Notes changes that it gave to its relay.
    pub(crate) fn note_ordered(&mut self, changes: &[CountersignedChange]) {
        for change in changes {
            let place = (change.change.get().room, change.countersignature.get().version);
            self.ordered.entry(place).or_default().insert(change.roster_hash());
        }
    }

    /// Whether it ever put a change in this place.
    pub(crate) fn has_ordered(&self, room: RoomId, version: u64, change: RosterHash) -> bool {
        self.ordered.get(&(room, version)).is_some_and(|changes| changes.contains(&change))
    }

    /// Countersigns whatever it is given: what a server would do that is somebody's accomplice.
    pub(crate) fn collude(&self, change: Signed<RosterChange>, version: u64, at: UnixMillis) -> CountersignedChange {
        let countersignature = Countersignature { change: change.change_hash(), version, at, cuts: Vec::new() };
        CountersignedChange { change, countersignature: Signed::sign(countersignature, &self.key).unwrap() }
    }
}

impl World {
    pub(crate) fn server_key(&self) -> ServerKey {
        ServerKey(self.server.key.public())
    }

    pub(crate) fn create_room(&mut self, owner: Node, visibility: Visibility) -> RoomId {
        self.server.rooms += 1;
        let nonce = Nonce([self.server.rooms; 32]);
        let person = self.person(owner);
        let genesis = Genesis::Made { kind: RoomKind::Chat, device: person.device(), nonce };
        let room = genesis.room();
        let certificates = vec![person.certificate.clone()];
        let founders = vec![Founder { account: person.account, role: Role::Owner, certificates }];
        let settings = Settings {
            name: "boat-shed".to_owned(),
            topic: String::new(),
            visibility,
            history: History::All,
            posting: Posting::Members,
        };
        self.change(owner, room, RosterOp::Create { genesis, settings, founders });
        room
    }

    pub(crate) fn join(&mut self, node: Node, room: RoomId) {
        let op = self.join_op(node);
        self.change(node, room, op);
    }

    pub(crate) fn join_op(&self, node: Node) -> RosterOp {
        RosterOp::Join { certificate: self.person(node).certificate.clone(), invite: None }
    }

    pub(crate) fn join_by(&mut self, node: Node, room: RoomId, secret: &SecretKey) {
        let op = self.join_by_op(node, room, secret);
        self.change(node, room, op);
    }

    pub(crate) fn join_by_op(&self, node: Node, room: RoomId, secret: &SecretKey) -> RosterOp {
        let person = self.person(node);
        let invite = Some(InviteProof::new(secret, room, person.device()));
        RosterOp::Join { certificate: person.certificate.clone(), invite }
    }

    pub(crate) fn open_invite(&mut self, node: Node, room: RoomId, uses_max: Option<u32>) -> SecretKey {
        let secret = SecretKey::from_seed(&[77; 32]);
        let invite = InviteKey(secret.public());
        let expires_at = UnixMillis(u64::MAX);
        self.change(node, room, RosterOp::OpenInvite { invite, role: Role::Member, uses_max, expires_at });
        secret
    }

    /// Somebody asks for a change, and the server orders or refuses it. Who holds more of the roster than the server
    /// names what that does not know.
    ///
    /// # Errors
    /// The server's refusal.
    pub(crate) fn submit(&mut self, author: Node, room: RoomId, op: RosterOp) -> Result<(), RosterRefusal> {
        let change = self.signed_change(author, room, op);
        let at = self.now(0).wall;
        let roster = self.replica_of(0).roster(room).ok_or(RosterRefusal::WrongRoom)?;
        if self.replica_of(author).roster(room).is_some_and(|held| roster.version_of(held.head()).is_none()) {
            return Err(RosterRefusal::Stale { head: roster.head() });
        }
        roster.check(&change, at)?;
        let countersigned = self.countersign(change);
        self.input(0, Input::Roster(vec![countersigned]));
        Ok(())
    }

    /// Signs a change, countersigns it unseen, and gives it to the relay.
    pub(crate) fn change(&mut self, author: Node, room: RoomId, op: RosterOp) {
        let change = self.signed_change(author, room, op);
        let countersigned = self.countersign(change);
        self.input(0, Input::Roster(vec![countersigned]));
    }

    /// As [`Self::change`], with a list of cuts of the author's own making.
    pub(crate) fn change_with_cuts(&mut self, author: Node, room: RoomId, op: RosterOp, cuts: Vec<Cut>) {
        let mut change = self.signed_change(author, room, op).get().clone();
        change.cuts = cuts;
        let change = Signed::sign(change, &self.person(author).key).unwrap();
        let countersigned = self.countersign(change);
        self.input(0, Input::Roster(vec![countersigned]));
    }

    pub(crate) fn signed_change(&self, author: Node, room: RoomId, op: RosterOp) -> Signed<RosterChange> {
        let prev = self.replica_of(0).roster(room).map_or(RosterHash::ZERO, Roster::head);
        let person = self.person(author);
        let cuts = self.cuts_at(author, room, person.device(), &op);
        let hlc = Hlc::at(self.now(author).wall);
        Signed::sign(RosterChange { room, prev, device: person.device(), hlc, op, cuts }, &person.key).unwrap()
    }

    pub(crate) fn countersign(&self, change: Signed<RosterChange>) -> CountersignedChange {
        let it = change.get();
        let room = it.room;
        let version = self.replica_of(0).roster(room).map_or(0, Roster::version) + 1;
        let cuts = self.cuts_at(0, room, it.device, &it.op);
        let countersignature = Countersignature { change: change.change_hash(), version, at: self.now(0).wall, cuts };
        CountersignedChange { change, countersignature: Signed::sign(countersignature, &self.server.key).unwrap() }
    }

    /// Where the chains of those end at a node whose right a change of `device` ends or lowers.
    fn cuts_at(&self, node: Node, room: RoomId, device: DeviceId, op: &RosterOp) -> Vec<Cut> {
        let replica = self.replica_of(node);
        let Some(roster) = replica.roster(room) else { return Vec::new() };
        let account = match op {
            RosterOp::Remove { account, ban: _ } => Some(*account),
            RosterOp::SetRole { account, role } if roster.role(*account).is_some_and(|held| *role < held) => {
                Some(*account)
            }
            RosterOp::Leave => roster.account_of(device),
            RosterOp::RevokeDevice { device } => roster.account_of(*device),
            _ => None,
        };
        if let (None, Some(roster)) = (account, replica.roster(room)) {
            return replica.post_cuts_for(room, &roster.unlists(op));
        }
        let mut cuts = account.map_or_else(Vec::new, |account| replica.cuts_for(room, account));
        if let RosterOp::RevokeDevice { device } = op {
            cuts.retain(|cut| cut.chain.device == *device);
        }
        cuts
    }
}
