//! Whole worlds of one document: three people's engines, as they are shipped, over stores of memory. One seed draws who
//! types, what reaches whom and when, who may write, who is killed, and what is folded. In the end everything reaches
//! everybody, and all have the same document, in which nothing is of an edit that was refused.
//!
//! Not here: links and their protocol (`replica`'s own simulation, with faults), rights alone (`documents::rights`).

use std::collections::BTreeSet;
use std::sync::Arc;

use momoland_protocol::document::Editors;
use momoland_protocol::ephemeral::kind;
use momoland_protocol::id::{DeviceId, Nonce, RosterHash, SetHash};
use momoland_protocol::replication::Frame;
use momoland_protocol::roster::{
    Countersignature, CountersignedChange, Founder, Genesis, History, Posting, Role, RoomKind, RosterOp, Settings,
    Visibility,
};
use momoland_protocol::signed::Signed;
use momoland_replica::input::{Input, LinkId, Remote};
use tokio::sync::{broadcast, mpsc};

use super::source::FoldLimits;
use super::*;
use crate::account::record::Records;
use crate::documents::document::Edit;
use crate::documents::update::Update;
use crate::engine::actor::Channels;
use crate::engine::fixture;
use crate::engine::replication::tests::HeldStore;
use crate::persistence::DiskEvent;

const NAMES: [&str; 3] = ["ada", "grace", "carol"];
const ADA: usize = 0;

/// Each insertion is one character that no other has.
const FIRST_TOKEN: u32 = 0x4e00;

/// What falls by chance in a world, the same for a seed: xorshift64* (Vigna, An experimental exploration of Marsaglia's
/// xorshift generators, scrambled).
#[derive(Clone)]
struct Chance(u64);

impl Chance {
    fn new(seed: u64) -> Self {
        // Never zero, and far apart for neighbouring seeds.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn draw(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
    }
}

struct Person {
    number: usize,
    home: Home,
    store: Arc<HeldStore>,
    disk: mpsc::UnboundedReceiver<DiskEvent>,
    _told: broadcast::Receiver<Arc<Event>>,
    /// Changes of the roster that reached them.
    changes: usize,
}

struct World {
    chance: Chance,
    people: Vec<Person>,
    room: RoomId,
    log: LogId,
    /// The server's order of changes.
    changes: Vec<CountersignedChange>,
    /// Who typed each character, from [`FIRST_TOKEN`] on.
    typed_by: Vec<usize>,
    /// Those that somebody deleted, or that were within reach of it.
    deleted: BTreeSet<char>,
    /// Whether a right ended, of the document or of the room.
    ended: bool,
    /// Whether none ever does, and no line is taken away: then nothing that was acknowledged may be missing.
    peaceful: bool,
}

impl Person {
    fn start(number: usize, store: Arc<HeldStore>, changes: usize) -> Self {
        let seed = u8::try_from(number + 1).unwrap();
        let (account, key) = fixture::person(seed, NAMES[number]);
        let (disk_sender, disk) = mpsc::unbounded_channel();
        let channels = Channels { disk: disk_sender, server: mpsc::channel(1).0, peers: mpsc::channel(1).0 };
        let (sender, told) = broadcast::channel(4_096);
        let records = Records::new(store.clone());
        let mut home = Home::open(account, key, store.clone(), records, sender, channels).unwrap();
        // Often: what is tried out here is a matter of some dozen events.
        home.documents.fold_limits = FoldLimits { updates: 3, bytes: 1 << 20 };
        Self { number, home, store, disk, _told: told, changes }
    }

    fn device(&self) -> DeviceId {
        self.home.key.device()
    }

    async fn until(&mut self, mut holds: impl FnMut(&mut Home) -> bool) {
        self.home.settle();
        while !holds(&mut self.home) {
            let event = tokio::time::timeout(Duration::from_secs(30), self.disk.recv()).await.unwrap().unwrap();
            self.home.disk(event);
            self.home.settle();
        }
    }

    async fn answered<T>(&mut self, mut waiting: oneshot::Receiver<T>) -> T {
        let mut answer = None;
        self.until(|_| {
            answer = waiting.try_recv().ok();
            answer.is_some()
        })
        .await;
        answer.unwrap()
    }

    fn high(&self, log: LogId, chain: ChainId) -> u64 {
        self.home.replica.chains(log).find(|(of, _)| *of == chain).map_or(0, |(_, seq)| seq.0)
    }

    /// Makes events of what was typed, where that can be.
    async fn issue(&mut self, log: LogId) {
        self.home.edit_together();
        self.home.issue_document(log);
        self.until(|home| home.documents.shelf.get(&log).is_none_or(|shelved| shelved.issuing.is_none())).await;
    }
}

impl World {
    async fn new(seed: u64, peaceful: bool) -> Self {
        let people: Vec<Person> = (0..3).map(|number| Person::start(number, Arc::default(), 0)).collect();
        let genesis = Genesis::Made { kind: RoomKind::Chat, device: people[ADA].device(), nonce: Nonce([3; 32]) };
        let room = genesis.room();
        let mut world = Self {
            chance: Chance::new(seed),
            people,
            room,
            log: LogId([0; 32]),
            changes: Vec::new(),
            typed_by: Vec::new(),
            deleted: BTreeSet::new(),
            ended: false,
            peaceful,
        };
        let certificates = vec![world.people[ADA].home.account.certificate.clone()];
        let founders = vec![Founder { account: world.people[ADA].home.account.id, role: Role::Owner, certificates }];
        let settings = Settings {
            name: "shed".to_owned(),
            topic: String::new(),
            visibility: Visibility::Public,
            history: History::All,
            posting: Posting::Members,
        };
        let op = RosterOp::Create { genesis, settings, founders };
        let change = world.people[ADA].home.sign_change_after(room, RosterHash::ZERO, op, Vec::new()).unwrap();
        world.put_in_order(change);
        for number in 1..3 {
            let joining = &world.people[number].home;
            let op = RosterOp::Join { certificate: joining.account.certificate.clone(), invite: None };
            let prev = world.changes.last().unwrap().roster_hash();
            let change = joining.sign_change_after(room, prev, op, Vec::new()).unwrap();
            world.put_in_order(change);
        }
        for number in 0..3 {
            world.bring_changes(number).await;
            world.link(number);
        }
        let ada = &mut world.people[ADA];
        let waiting = ada.home.create_document(room, "Tide tables".to_owned(), Editors::Members).unwrap();
        ada.home.settle();
        world.log = ada.answered(waiting).await.unwrap();
        for number in 1..3 {
            world.bring_all(ADA, number).await;
        }
        world
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.chance.draw() % limit as u64).unwrap()
    }

    fn put_in_order(&mut self, change: Signed<momoland_protocol::roster::RosterChange>) {
        let version = self.changes.len() as u64 + 1;
        let countersignature = Countersignature {
            change: change.change_hash(),
            version,
            at: momoland_protocol::clock::UnixMillis::now(),
            cuts: Vec::new(),
        };
        let countersignature = Signed::sign(countersignature, &fixture::server()).unwrap();
        self.changes.push(CountersignedChange { change, countersignature });
    }

    /// Everybody's links to everybody: what is brought on them is the courier's choice.
    fn link(&mut self, number: usize) {
        let others: Vec<(usize, DeviceId, AccountId)> =
            self.people.iter().map(|other| (other.number, other.device(), other.home.account.id)).collect();
        let (version, head) = (self.changes.len() as u64, self.changes.last().unwrap().roster_hash());
        let (room, log) = (self.room, self.room.conversation());
        let home = &mut self.people[number].home;
        for (other, device, account) in others.into_iter().filter(|(other, ..)| *other != number) {
            let link = LinkId(1_000_000 + other as u64);
            let now = home.now();
            home.replica.handle_input(now, Input::LinkUp { link, remote: Remote::Device { device, account } });
            home.replica.handle_input(now, Input::Frame { link, frame: Frame::Room { room, version, head } });
            let nothing = Frame::Have { log, chains: Vec::new(), more: false, registers: SetHash::ZERO };
            home.replica.handle_input(now, Input::Frame { link, frame: nothing });
            home.drain();
        }
    }

    async fn bring_changes(&mut self, number: usize) {
        let (room, all) = (self.room, self.changes.len() as u64);
        let person = &mut self.people[number];
        let new = self.changes[person.changes..].to_vec();
        if new.is_empty() {
            return;
        }
        person.changes = self.changes.len();
        person.home.take_changes(new);
        person.until(|home| home.replica.roster(room).is_some_and(|roster| roster.version() == all)).await;
    }

    /// Brings some events of one chain.
    async fn bring(&mut self, from: usize, to: usize, log: LogId, chain: ChainId, most: u64) -> bool {
        let (held, next) = (self.people[from].high(log, chain), self.people[to].high(log, chain) + 1);
        if held < next {
            return false;
        }
        let until = held.min(next + most - 1);
        let reader = self.people[from].home.persistence.reader();
        let mut events = reader.load(log, chain, Seq(next), Seq(until), usize::MAX).unwrap();
        // Whoever has an event has the change that it names. What a cut is on is taken by nobody who knows of that.
        self.bring_changes(to).await;
        let Some(roster) = self.people[to].home.replica.roster(self.room) else { return false };
        let counting = events.iter().take_while(|event| roster.counts_event(event.header.get())).count();
        events.truncate(counting);
        let Some(until) = events.last().map(|event| event.header.get().seq.0) else { return false };
        let link = LinkId(1_000_000 + from as u64);
        let person = &mut self.people[to];
        let now = person.home.now();
        person.home.replica.handle_input(now, Input::Frame { link, frame: Frame::Events { log, events } });
        person.home.drain();
        person.until(|home| home.replica.chains(log).any(|(of, seq)| of == chain && seq.0 >= until)).await;
        true
    }

    /// Brings everything that one has and the other lacks.
    async fn bring_all(&mut self, from: usize, to: usize) -> bool {
        let mut any = false;
        for log in [self.room.conversation(), self.log] {
            let chains: Vec<ChainId> = self.people[from].home.replica.chains(log).map(|(chain, _)| chain).collect();
            for chain in chains {
                any |= self.bring(from, to, log, chain, u64::MAX / 2).await;
            }
        }
        any
    }

    async fn step(&mut self) {
        let (who, other) = (self.below(3), self.below(3));
        match self.below(20) {
            0..7 => self.type_something(who).await,
            7..9 => self.people[who].issue(self.log).await,
            9..11 if who != other => self.show_keys(who, other),
            11..16 if who != other => {
                let log = self.log;
                let chains: Vec<ChainId> = self.people[who].home.replica.chains(log).map(|(chain, _)| chain).collect();
                if !chains.is_empty() {
                    let chain = chains[self.below(chains.len())];
                    let most = self.below(3) as u64 + 1;
                    self.bring(who, other, log, chain, most).await;
                }
            }
            16 => self.restart(who),
            17 => self.fold(who).await,
            18 if !self.peaceful => self.say_who_may_write().await,
            19 if !self.peaceful => self.change_a_role(who).await,
            _ => {}
        }
    }

    async fn type_something(&mut self, who: usize) {
        let log = self.log;
        let Ok(text) = self.people[who].home.document_text(log) else { return };
        let letters: Vec<char> = text.chars().collect();
        let at = self.below(letters.len() + 1);
        // Whoever joins two lines takes the second one away, and with it what others write there meanwhile.
        let may_go = letters.get(at).is_some_and(|letter| !self.peaceful || *letter != '\n');
        let edit = if self.below(5) == 0 && may_go {
            self.deleted.insert(letters[at]);
            Edit::Delete { at: at as u32, len: 1 }
        } else {
            let token = char::from_u32(FIRST_TOKEN + self.typed_by.len() as u32).unwrap();
            self.typed_by.push(who);
            let text = if self.below(6) == 0 { format!("{token}\n") } else { token.to_string() };
            Edit::Insert { at: at as u32, text }
        };
        let refused = match self.people[who].home.edit_document(log, vec![edit]) {
            Ok(waiting) => self.people[who].answered(waiting).await.is_err(),
            Err(_) => true,
        };
        if refused {
            // It is nowhere.
            self.deleted.extend(self.typed_by.len().checked_sub(1).and_then(token));
        }
    }

    /// Shows one what the other types, ahead of its event.
    fn show_keys(&mut self, from: usize, to: usize) {
        let (room, log) = (self.room, self.log);
        let (account, device) = (self.people[from].home.account.id, self.people[from].device());
        let shelved = self.people[from].home.documents.shelf.get_mut(&log);
        let Some(content) = shelved.and_then(|shelved| shelved.document.as_mut()?.take_unsent()) else { return };
        let signal = momoland_protocol::document::DocumentSignal {
            document: momoland_protocol::document::DocumentSignal::name(log),
            content,
        };
        let bytes = momoland_protocol::cbor::encode(&signal);
        // Whoever has it open.
        let _ = self.people[to].home.document_text(log);
        self.people[to].home.document_signal(room, account, device, kind::DOCUMENT_KEYS, &bytes);
    }

    /// Killed, and started on what its disk has.
    fn restart(&mut self, who: usize) {
        let Person { number, home, store, disk, _told, changes: _ } = self.people.remove(who);
        drop((home, disk));
        let mut person = Person::start(number, store, 0);
        person.changes = usize::try_from(person.home.replica.roster(self.room).map_or(0, |it| it.version())).unwrap();
        self.people.insert(who, person);
        self.link(who);
    }

    /// Whatever is folded beside comes to its end, and is what the next reading begins with.
    async fn fold(&mut self, who: usize) {
        let log = self.log;
        let person = &mut self.people[who];
        person.until(|home| home.documents.shelf.get(&log).is_none_or(|shelved| !shelved.unfolded.folding)).await;
        if let Some(shelved) = person.home.documents.shelf.get_mut(&log)
            && shelved.document.as_ref().is_some_and(|document| !document.has_unissued())
            && shelved.issuing.is_none()
        {
            shelved.document = None;
        }
    }

    async fn say_who_may_write(&mut self) {
        let accounts: Vec<AccountId> = self.people.iter().map(|person| person.home.account.id).collect();
        let editors = match self.below(4) {
            0 => Editors::Members,
            1 => Editors::Author,
            2 => Editors::Listed { accounts: vec![accounts[1]] },
            _ => Editors::Listed { accounts: vec![accounts[2]] },
        };
        self.ended = true;
        let log = self.log;
        let Ok(waiting) = self.people[ADA].home.set_document_editors(log, editors) else { return };
        let answer = self.people[ADA].answered(waiting).await;
        assert!(answer.is_ok(), "{answer:?}");
    }

    async fn change_a_role(&mut self, who: usize) {
        if who == ADA {
            return;
        }
        let account = self.people[who].home.account.id;
        self.bring_changes(ADA).await;
        let ada = &self.people[ADA].home;
        let is_reader = ada.replica.roster(self.room).and_then(|roster| roster.role(account)) == Some(Role::Reader);
        let role = if is_reader { Role::Member } else { Role::Reader };
        let change = ada.sign_change(self.room, RosterOp::SetRole { account, role }).unwrap();
        self.ended = true;
        self.put_in_order(change);
        self.bring_changes(ADA).await;
    }

    /// Everybody may write again, so that what waits for that is said, and everything reaches everybody.
    async fn heal(&mut self) {
        if self.ended {
            for who in 1..3 {
                let (room, account) = (self.room, self.people[who].home.account.id);
                let ada = &self.people[ADA].home;
                if ada.replica.roster(room).and_then(|roster| roster.role(account)) == Some(Role::Reader) {
                    self.change_a_role(who).await;
                }
            }
            let said = self.people[ADA].home.set_document_editors(self.log, Editors::Members).unwrap();
            self.people[ADA].answered(said).await.unwrap();
        }
        for round in 0.. {
            assert!(round < 30, "it never comes to rest");
            let mut moved = false;
            for who in 0..3 {
                self.bring_changes(who).await;
                // What it was written beside has had its time.
                let log = self.log;
                let home = &mut self.people[who].home;
                let now_ms = home.mono_ms() + 60_000;
                if home.documents.shelf.contains_key(&log) {
                    let _ = home.document(log);
                }
                if let Some(shelved) = home.documents.shelf.get_mut(&log) {
                    shelved.leans_since = shelved.leans_since.and_then(|at| at.checked_sub(Duration::from_secs(60)));
                    if let Some(document) = &mut shelved.document {
                        document.expire_live(now_ms);
                        moved |= document.has_unissued();
                    }
                }
                self.people[who].issue(log).await;
            }
            for from in 0..3 {
                for to in 0..3 {
                    moved |= from != to && self.bring_all(from, to).await;
                }
            }
            if !moved {
                return;
            }
        }
    }

    /// What everybody has, which is the same.
    fn check(&mut self, seed: u64) {
        let log = self.log;
        let texts: Vec<String> = self.people.iter_mut().map(|it| it.home.document_text(log).unwrap()).collect();
        for person in &self.people {
            let source = person.home.source(log).unwrap();
            let whole = source.fold_updates(source.updates().unwrap().iter()).text();
            let name = NAMES[person.number];
            assert_eq!(texts[person.number], whole, "seed {seed}: what {name} has is not what all events add up to");
            let again = source.fold().unwrap().document.text();
            assert_eq!(again, whole, "seed {seed}: {name}'s snapshot and the rest are not the whole");
        }
        assert!(texts.iter().all(|text| *text == texts[ADA]), "seed {seed}: {texts:?}");
        let ada = &self.people[ADA].home;
        let source = ada.source(log).unwrap();
        let mut counted = BTreeSet::new();
        for written in source.updates().unwrap().iter().filter(|written| written.standing == Standing::Counts) {
            counted.extend(letters_of(&written.update));
        }
        let shown: BTreeSet<char> = texts[ADA].chars().filter(|c| *c != '\n').collect();
        let refused: Vec<&char> = shown.difference(&counted).collect();
        assert!(refused.is_empty(), "seed {seed}: {refused:?} is of no edit that counts");
        if self.peaceful {
            let lost: Vec<char> = (0..self.typed_by.len())
                .filter_map(token)
                .filter(|token| !shown.contains(token) && !self.deleted.contains(token))
                .collect();
            assert!(lost.is_empty(), "seed {seed}: {lost:?} was acknowledged and is lost");
        }
    }
}

fn token(number: usize) -> Option<char> {
    char::from_u32(FIRST_TOKEN + u32::try_from(number).ok()?)
}

fn letters_of(update: &[u8]) -> Vec<char> {
    Update::decode(update).map(|update| update.text_of(|_| true).chars().collect()).unwrap_or_default()
}

/// Worlds and steps; more with MOMOLAND_DOCUMENT_SEEDS, as `FIRST..LAST`.
fn seeds() -> std::ops::Range<u64> {
    let given = std::env::var("MOMOLAND_DOCUMENT_SEEDS").ok();
    let given = given.and_then(|text| {
        let (from, to) = text.split_once("..")?;
        Some(from.parse().ok()?..to.parse().ok()?)
    });
    given.unwrap_or(1..25)
}

// Rules: DO5, DO6, DO7
#[tokio::test]
async fn any_world_ends_in_one_document_without_what_was_refused() {
    for seed in seeds() {
        let mut world = World::new(seed, seed % 3 == 0).await;
        for _ in 0..80 {
            world.step().await;
        }
        world.heal().await;
        world.check(seed);
        for who in 0..3 {
            world.restart(who);
        }
        world.heal().await;
        world.check(seed);
    }
}

impl World {
    async fn type_at(&mut self, who: usize, at: u32, text: &str) {
        let log = self.log;
        let edit = Edit::Insert { at, text: text.to_owned() };
        let waiting = self.people[who].home.edit_document(log, vec![edit]).unwrap();
        self.people[who].answered(waiting).await.unwrap();
        self.people[who].issue(log).await;
    }

    async fn text_everywhere(&mut self) -> [String; 3] {
        for _ in 0..2 {
            for who in 0..3 {
                self.people[who].issue(self.log).await;
            }
            for (from, to) in (0..9).map(|pair| (pair / 3, pair % 3)).filter(|(from, to)| from != to) {
                self.bring_all(from, to).await;
            }
        }
        let log = self.log;
        std::array::from_fn(|who| self.people[who].home.document_text(log).unwrap())
    }
}

// Rules: DO7
#[tokio::test]
async fn what_was_written_beside_what_a_cut_took_is_made_again_once() {
    const GRACE: usize = 1;
    const CAROL: usize = 2;
    let mut world = World::new(1, false).await;
    let (log, room) = (world.log, world.room);
    world.type_at(GRACE, 0, "[]").await;
    world.bring_all(GRACE, ADA).await;
    world.bring_all(GRACE, CAROL).await;
    world.type_at(CAROL, 1, "carol").await;
    world.bring_all(CAROL, ADA).await;
    world.type_at(ADA, 3, " ada ").await;
    world.type_at(ADA, 8, "again ").await;
    // What no event says yet stays where it is as well.
    let edit = Edit::Insert { at: 14, text: "soon ".to_owned() };
    let waiting = world.people[ADA].home.edit_document(log, vec![edit]).unwrap();
    world.people[ADA].answered(waiting).await.unwrap();
    assert_eq!(world.people[ADA].home.document_text(log).unwrap(), "[ca ada again soon rol]");
    // What Grace lacks of Carol's is cut. Grace has Ada's, which wait there for what never comes.
    let account = world.people[CAROL].home.account.id;
    let cuts = world.people[GRACE].home.replica.cuts_for(room, account);
    let device = world.people[ADA].device();
    let of_ada =
        world.people[ADA].home.replica.chains(log).map(|(chain, _)| chain).find(|chain| chain.device == device);
    world.bring(ADA, GRACE, log, of_ada.unwrap(), 9).await;
    assert_eq!(world.people[GRACE].home.document_text(log).unwrap(), "[]");
    let op = RosterOp::SetRole { account, role: Role::Reader };
    let prev = world.changes.last().unwrap().roster_hash();
    let change = world.people[ADA].home.sign_change_after(room, prev, op, cuts).unwrap();
    world.put_in_order(change);
    for who in 0..3 {
        world.bring_changes(who).await;
    }
    // Hers is on her screen still, once the disk has the change.
    world.people[ADA].until(|home| home.document_text(log).is_ok_and(|text| text == "[ ada again soon ]")).await;
    // And once only, where it is read again before the note of it is on the disk.
    world.people[ADA].home.read_document_again(log);
    assert_eq!(world.people[ADA].home.document_text(log).unwrap(), "[ ada again soon ]");
    assert_eq!(world.text_everywhere().await, [(); 3].map(|()| "[ ada again soon ]"));
    for round in 0..2 {
        world.restart(ADA);
        assert_eq!(world.text_everywhere().await, [(); 3].map(|()| "[ ada again soon ]"), "in round {round}");
        world.type_at(ADA, 0, "").await;
        world.fold(ADA).await;
    }
}
