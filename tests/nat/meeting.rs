//! Two people who meet: the way that they find, and what crosses the wire while they chat.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use support::{Momo, PASSWORD, Server, invite_and_join, wait_until};
use tempfile::TempDir;

use crate::network::{self, Home, Kind, SERVER, SERVER_V6, Sent};

/// A link over TURN opens within three seconds on an idle machine; a test machine is not idle. One that opens over TURN though
/// there is a direct way looks for that after half a minute.
pub(crate) const PATH_WITHIN: Duration = Duration::from_secs(60);

/// What the two say: far more than everything else that they send meanwhile, checks and acknowledgements included.
const MESSAGES: usize = 40;
const TEXT_BYTES: usize = 8_000;
const SAID: u64 = (MESSAGES * TEXT_BYTES) as u64;

/// The internet, its server, and two homes of each kind.
#[derive(Debug)]
pub(crate) struct Stage {
    server: Server,
    homes: Vec<(Kind, [Home; 2])>,
    /// A third open one.
    third: Home,
    homes_v6: [Home; 2],
    folder: Option<TempDir>,
    path: PathBuf,
    meetings: usize,
}

impl Stage {
    pub(crate) fn build() -> Self {
        network::build();
        let mut number = 0;
        let mut home = |kind| {
            number += 1;
            Home::build(kind, number)
        };
        let homes = Kind::ALL.map(|kind| (kind, [home(kind), home(kind)])).into_iter().collect();
        let third = Home::build(Kind::Open, 9);
        let homes_v6 = [Home::build_v6(21), Home::build_v6(22)];
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().to_owned();
        let port = support::free_port();
        let mut server = Server::prepare(&path, port, &[("LISTEN", &format!("[::]:{port}"))]);
        server.start_again();
        Self { server, homes, third, homes_v6, folder: Some(folder), path, meetings: 0 }
    }

    /// Two people register, share a room and chat. Ends by a panic that says what was not as expected.
    pub(crate) fn meet(&mut self, one: Kind, other: Kind, expected: &str) {
        let (ada, grace, room) = self.people(one, other);
        let [ada_home, grace_home] = self.homes_of(one, other);
        let begun = Instant::now();
        wait_path(&ada, &grace, expected);
        let took = begun.elapsed();

        let before = self.look(ada_home, grace_home);
        let text = "x".repeat(TEXT_BYTES - 4);
        for number in 0..MESSAGES {
            ada.send(&room, &format!("{number:04}{text}"));
        }
        let last = ada.send(&room, "that was all");
        ada.wait_state(&room, &last, "delivered");
        grace.wait_text("that was all");
        wait_until("grace has every message", PATH_WITHIN, || grace.messages(&room).len() == MESSAGES + 1);
        let after = self.look(ada_home, grace_home);
        assert_eq!(grace.times_told(&last), 1, "once");
        wait_path(&ada, &grace, expected);
        let seen = after.since(&before);
        eprintln!("{one}/{other}: {expected} after {} ms; {seen:?}", took.as_millis());
        seen.check(expected);
    }

    /// Two newcomers, and a room of theirs.
    pub(crate) fn people(&mut self, one: Kind, other: Kind) -> (Momo, Momo, String) {
        self.meetings += 1;
        self.people_at(&format!("{one}-{other}"), SERVER, self.homes_of(one, other))
    }

    /// Two newcomers with IPv6 alone, and a room of theirs.
    pub(crate) fn people_v6(&mut self) -> (Momo, Momo, String) {
        self.meetings += 1;
        self.people_at("v6", &format!("[{SERVER_V6}]"), self.homes_v6.each_ref())
    }

    /// Three newcomers in open homes, and a room of theirs.
    pub(crate) fn three(&mut self) -> ([Momo; 3], String) {
        self.meetings += 1;
        let homes = self.open_homes();
        let (ada, grace, room) = self.people_at("three", SERVER, [homes[0], homes[1]]);
        let linus = self.join(&self.path.join(format!("{}-three", self.meetings)), SERVER, "linus", homes[2]);
        invite_and_join(&ada, &linus, &room);
        ([ada, grace, linus], room)
    }

    pub(crate) fn open_homes(&self) -> [&Home; 3] {
        let [one, other] = self.homes_of(Kind::Open, Kind::Open);
        [one, other, &self.third]
    }

    pub(crate) fn server(&mut self) -> &mut Server {
        &mut self.server
    }

    fn people_at(&self, name: &str, server: &str, homes: [&Home; 2]) -> (Momo, Momo, String) {
        let folder = self.path.join(format!("{}-{name}", self.meetings));
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        let (ada, grace) = (self.join(&folder, server, "ada", homes[0]), self.join(&folder, server, "grace", homes[1]));
        let room = ada.create_room("the workshop", "private");
        invite_and_join(&ada, &grace, &room);
        (ada, grace, room)
    }

    fn join(&self, folder: &Path, server: &str, name: &str, home: &Home) -> Momo {
        let momo = Momo::start_through(folder, &format!("{name}{}", self.meetings), home.entrance());
        momo.register(&format!("http://{server}:{}", self.server.port()), PASSWORD);
        momo.wait_server("online", PATH_WITHIN);
        momo
    }

    pub(crate) fn homes_of(&self, one: Kind, other: Kind) -> [&Home; 2] {
        let of = |kind| self.homes.iter().find(|(of, _)| *of == kind).map(|(_, homes)| homes).expect("every kind");
        [&of(one)[0], &of(other)[1]]
    }

    /// How often somebody connected to the server.
    pub(crate) fn connects(&self) -> u64 {
        self.server.metric("momoland_ws_connects_total").expect("the server tells it") as u64
    }

    fn look(&self, one: &Home, other: &Home) -> Wire {
        let metric = |name: &str| self.server.metric(name).unwrap_or_default() as u64;
        let (one, other) = (one.sent(), other.sent());
        Wire {
            author: one,
            reader: other,
            turn: metric("momoland_turn_bytes_out_total") + metric("momoland_turn_bytes_in_total"),
            relay: metric("momoland_ws_bytes_out_total"),
        }
    }

    /// Leaves the data and logs where they are.
    pub(crate) fn keep(&mut self) -> &Path {
        if let Some(folder) = self.folder.take() {
            let _ = folder.keep();
        }
        &self.path
    }
}

/// Counters at a moment, or their growth.
#[derive(Debug, Clone, Copy)]
struct Wire {
    author: Sent,
    reader: Sent,
    /// Bytes that the server's TURN relayed.
    turn: u64,
    /// Bytes that its relay sent over WebSockets.
    relay: u64,
}

impl Wire {
    fn since(&self, before: &Self) -> Self {
        let sent = |after: Sent, before: Sent| Sent {
            udp_to_server: after.udp_to_server - before.udp_to_server,
            udp_to_others: after.udp_to_others - before.udp_to_others,
            tcp: after.tcp - before.tcp,
        };
        Self {
            author: sent(self.author, before.author),
            reader: sent(self.reader, before.reader),
            turn: self.turn - before.turn,
            relay: self.relay - before.relay,
        }
    }

    /// What was said crossed one way, and no other.
    #[track_caller]
    fn check(&self, expected: &str) {
        let carried = |bytes: u64| bytes >= SAID;
        // Acknowledgements, checks and what the relay says of presence; also a message or two that went both ways.
        let idle = |bytes: u64| bytes < SAID / 4;
        let Self { author, reader, turn, relay } = *self;
        let fits = match expected {
            "direct" => carried(author.udp_to_others) && idle(author.udp_to_server) && idle(turn) && idle(relay),
            "turn" => carried(author.udp_to_server) && idle(author.udp_to_others) && carried(turn) && idle(relay),
            "relay" => carried(relay) && idle(author.udp_to_server + author.udp_to_others) && idle(turn),
            _ => false,
        };
        assert!(fits, "not what {expected} looks like on the wire: {self:?}");
        // The author keeps a copy at the relay, whatever way the reader has it.
        assert!(carried(author.tcp) && idle(reader.tcp), "{self:?}");
    }
}

#[track_caller]
pub(crate) fn wait_path(one: &Momo, other: &Momo, expected: &str) {
    for (from, to) in [(one, other), (other, one)] {
        let what = format!("net.status of {} says {expected}", from.name());
        wait_until(&what, PATH_WITHIN, || from.path_to(to).as_deref() == Some(expected));
    }
}
