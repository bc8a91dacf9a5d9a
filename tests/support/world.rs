//! Where a scenario begins: a server, people who are signed in, and the folder that all of them live in.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use crate::momo::Momo;
use crate::process::tail;
use crate::server::Server;
use crate::wait::wait_until;

/// Everybody's.
pub const PASSWORD: &str = "correct horse battery";

/// Two people who come online together are to be connected within 10 s (C40); they register first, here.
const DIRECT_WITHIN: Duration = Duration::from_secs(20);

/// A server and its people.
#[derive(Debug)]
pub struct World {
    pub server: Server,
    // Last, so that processes end before their folder goes.
    folder: Folder,
}

/// Kept where the scenario failed, so that the logs can be read.
#[derive(Debug)]
struct Folder(Option<TempDir>);

impl World {
    /// A server with its defaults, and nobody.
    pub fn new() -> Self {
        Self::with_settings(&[])
    }

    /// As [`Server::start`] takes them.
    pub fn with_settings(settings: &[(&str, &str)]) -> Self {
        let folder = Folder(Some(tempfile::tempdir().expect("a temporary folder")));
        let server = Server::start(folder.path(), settings);
        Self { server, folder }
    }

    /// A server with its defaults, and people with these handles who are signed in and online.
    pub fn with_people<const N: usize>(names: [&str; N]) -> (Self, [Momo; N]) {
        let world = Self::new();
        let people = names.map(|name| world.person(name));
        (world, people)
    }

    /// Somebody new, who registers at the server.
    #[track_caller]
    pub fn person(&self, name: &str) -> Momo {
        self.person_by_way_of(name, &self.server.address())
    }

    /// Somebody new, who reaches the server by another address, as through a proxy.
    #[track_caller]
    pub fn person_by_way_of(&self, name: &str, address: &str) -> Momo {
        let momo = self.stranger(name);
        momo.register(address, PASSWORD);
        momo.wait_server("online", DIRECT_WITHIN);
        momo
    }

    /// Somebody who has no account.
    pub fn stranger(&self, name: &str) -> Momo {
        Momo::start(self.folder.path(), name)
    }

    /// A private room of the first, with all others in it.
    #[track_caller]
    pub fn room_of(&self, people: &[&Momo]) -> String {
        let [owner, others @ ..] = people else { panic!("a room needs an owner") };
        let room = owner.create_room("the workshop", "private");
        for other in others {
            invite_and_join(owner, other, &room);
        }
        room
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

/// `guest` joins by an invite of `host`'s, and both see it.
#[track_caller]
pub fn invite_and_join(host: &Momo, guest: &Momo, room: &str) {
    assert_eq!(guest.join(&host.invite(room)), room, "the invite leads to the room");
    let what = format!("{} sees {} in the room", host.name(), guest.name());
    wait_until(&what, DIRECT_WITHIN, || host.members(room).iter().any(|member| member["userId"] == guest.user_id()));
}

/// Waits until two people reach each other directly, as both see it.
#[track_caller]
pub fn wait_direct(one: &Momo, other: &Momo) {
    wait_direct_within(one, other, DIRECT_WITHIN);
}

#[track_caller]
pub fn wait_direct_within(one: &Momo, other: &Momo, within: Duration) {
    for (from, to) in [(one, other), (other, one)] {
        let what = format!("{} reaches {} directly", from.name(), to.name());
        wait_until(&what, within, || from.path_to(to).as_deref() == Some("direct"));
    }
}

impl Folder {
    fn path(&self) -> &Path {
        self.0.as_ref().expect("it is taken in drop alone").path()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let kept: PathBuf = self.0.take().expect("it is taken once").keep();
        eprintln!("the data and logs of all processes are kept in {}", kept.display());
        eprintln!("--- the end of server.log:\n{}", tail(&kept.join("server.log"), 3_000));
    }
}
