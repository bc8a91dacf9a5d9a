//! What happens to two people who are linked when the network under them changes: nothing said is lost or repeated,
//! and they are linked again by the same way, or by the one that a trial names beside it.

use std::time::Duration;

use serde_json::json;
use support::{Momo, wait_until};

use crate::meeting::{PATH_WITHIN, Stage, wait_path};
use crate::network::Kind;

/// Said in each part of a trial.
const MESSAGES: usize = 20;

/// The server is back within 10 s (CASES C29), and the machine may be busy.
const SERVER_WITHIN: Duration = Duration::from_secs(20);

/// Between two tries of a link lie up to 10 s (`link::dialer`), and a try takes its time as well.
const LINKED_AGAIN_WITHIN: Duration = Duration::from_secs(60);

/// A trial: its name, who meets, what happens, and by which other way they may be linked afterwards.
pub(crate) type Trial = (&'static str, Kind, Kind, fn(&mut Talk<'_>), Option<&'static str>);

pub(crate) const ALL: [Trial; 7] = [
    ("an address changes while messages flow", Kind::Open, Kind::Open, address_changes, None),
    ("the wire is cut and comes back", Kind::Restricted, Kind::Restricted, wire_is_cut, None),
    // A link that is made anew in the noise may go over TURN, and is kept while it works.
    ("every tenth packet is lost, directly", Kind::Open, Kind::Restricted, packets_are_lost, Some("turn")),
    ("every tenth packet is lost, over TURN", Kind::Symmetric, Kind::Symmetric, packets_are_lost, None),
    (
        "a third of the packets comes late and out of order, directly",
        Kind::Open,
        Kind::Restricted,
        packets_dawdle,
        Some("turn"),
    ),
    (
        "a third of the packets comes late and out of order, over TURN",
        Kind::Symmetric,
        Kind::Symmetric,
        packets_dawdle,
        None,
    ),
    // Where it comes back amid a try, that may have found TURN first.
    ("UDP ends and comes back", Kind::Open, Kind::Open, udp_ends, Some("turn")),
];

/// A trial with a meeting of its own.
pub(crate) type OtherTrial = (&'static str, fn(&mut Stage));

pub(crate) const OTHERS: [OtherTrial; 4] = [
    ("a link over TURN moves to a direct way that opens", opened_way),
    ("IPv6 alone, directly and over TURN", over_ipv6),
    ("the doctor knows each kind of network", doctor),
    ("a third person introduces two to each other while the server is away", introduced_by_a_third),
];

/// Two whose link is gone find each other again by way of somebody who is linked with both, without a server (PL7).
fn introduced_by_a_third(stage: &mut Stage) {
    let ([ada, grace, linus], room) = stage.three();
    for (one, other) in [(&ada, &grace), (&ada, &linus), (&grace, &linus)] {
        wait_path(one, other, "direct");
    }
    let [_, of_grace, of_linus] = stage.open_homes();
    for (home, other) in [(of_grace, of_linus), (of_linus, of_grace)] {
        home.trouble(&format!("ip saddr {} drop", other.address()));
    }
    // Nor by the server's TURN.
    stage.server().stop();
    for (one, other) in [(&grace, &linus), (&linus, &grace)] {
        let what = format!("{} finds the link dead", one.name());
        wait_until(&what, LINKED_AGAIN_WITHIN, || one.path_to(other).is_none_or(|path| path == "relay"));
    }
    linus.send(&room, "by way of ada");
    grace.wait_text_within("by way of ada", PATH_WITHIN);
    let [_, of_grace, of_linus] = stage.open_homes();
    for home in [of_grace, of_linus] {
        home.peace();
    }
    for (one, other) in [(&grace, &linus), (&linus, &grace)] {
        let what = format!("{} is linked again", one.name());
        wait_until(&what, LINKED_AGAIN_WITHIN, || one.path_to(other).as_deref() == Some("direct"));
    }
    // Without the one who introduced them.
    ada.kill();
    grace.send(&room, "on our own");
    linus.wait_text_within("on our own", PATH_WITHIN);
    for person in [&grace, &linus] {
        let said = person.texts(&room);
        assert_eq!(said, ["by way of ada", "on our own"], "{}: once, in order", person.name());
        assert_ne!(person.status()["server"], "online");
    }
    stage.server().start_again();
}

/// A link that could only go over TURN is direct once there is a direct way, and nothing is lost or doubled.
fn opened_way(stage: &mut Stage) {
    let kinds = (Kind::Open, Kind::Open);
    let [one, other] = stage.homes_of(kinds.0, kinds.1);
    for (home, far) in [(one, other), (other, one)] {
        home.trouble(&format!("ip saddr {} meta l4proto udp drop", far.address()));
    }
    let (ada, grace, room) = stage.people(kinds.0, kinds.1);
    wait_path(&ada, &grace, "turn");
    let mut talk = Talk { stage, kinds, ada: &ada, grace: &grace, room: &room, said: Vec::new() };
    talk.say("over TURN");
    for home in talk.stage.homes_of(kinds.0, kinds.1) {
        home.peace();
    }
    talk.say("with a way open");
    for (from, to) in [(&ada, &grace), (&grace, &ada)] {
        let what = format!("{} has the direct way", from.name());
        wait_until(&what, LINKED_AGAIN_WITHIN, || from.path_to(to).as_deref() == Some("direct"));
    }
    talk.say("directly");
    talk.check();
}

/// With IPv6 alone everything is as with IPv4, TURN as well.
fn over_ipv6(stage: &mut Stage) {
    let (ada, grace, room) = stage.people_v6();
    for (policy, path) in [("all", "direct"), ("turnOnly", "turn")] {
        for person in [&ada, &grace] {
            person.ask("net.setPolicy", json!({ "peers": policy }));
        }
        wait_path(&ada, &grace, path);
        let text = format!("by {path}");
        ada.send(&room, &text);
        grace.wait_text(&text);
    }
}

/// What `net.doctor` says of each kind of network: of what, how it is, and in which words.
const DIAGNOSES: [(Kind, &str, &str, &str); 4] = [
    (Kind::Open, "udp", "good", "nothing rewrites this machine's address"),
    (Kind::Restricted, "udp", "good", "lets others reach this machine"),
    (Kind::Symmetric, "nat", "limited", "symmetric NAT"),
    (Kind::Blocked, "udp", "limited", "UDP does not get through"),
];

/// The doctor knows where it is.
fn doctor(stage: &mut Stage) {
    for (kind, subject, state, words) in DIAGNOSES {
        let (ada, _grace, _room) = stage.people(kind, kind);
        let found = ada.ask("net.doctor", json!({}));
        let checks = found["checks"].as_array().expect("a list");
        let check = checks.iter().find(|check| check["subject"] == subject);
        let check = check.unwrap_or_else(|| panic!("{kind}: nothing of {subject}: {found}"));
        assert_eq!(check["state"], state, "{kind}: {found}");
        assert!(check["sentence"].as_str().is_some_and(|sentence| sentence.contains(words)), "{kind}: {found}");
        let advised = check["advice"].is_string();
        assert_eq!(advised, state != "good", "{kind}: what is not good comes with what to do: {found}");
        assert_eq!(found["well"], state == "good", "{kind}: {found}");
    }
}

/// Two people in the middle of a talk.
#[derive(Debug)]
pub(crate) struct Talk<'a> {
    stage: &'a Stage,
    kinds: (Kind, Kind),
    ada: &'a Momo,
    grace: &'a Momo,
    room: &'a str,
    said: Vec<String>,
}

/// Ends by a panic where something is lost, doubled, or no link comes back.
pub(crate) fn run(stage: &mut Stage, (name, one, other, trial, or): Trial, expected: &str) {
    eprintln!("{name} …");
    let (ada, grace, room) = stage.people(one, other);
    wait_path(&ada, &grace, expected);
    let mut talk = Talk { stage, kinds: (one, other), ada: &ada, grace: &grace, room: &room, said: Vec::new() };
    talk.say("before");
    trial(&mut talk);
    talk.say("after");
    talk.check();
    for (from, to) in [(&ada, &grace), (&grace, &ada)] {
        let what = format!("{} is linked again", from.name());
        wait_until(&what, LINKED_AGAIN_WITHIN, || {
            let path = from.path_to(to);
            path.as_deref() == Some(expected) || or.is_some() && path.as_deref() == or
        });
    }
}

impl Talk<'_> {
    /// Both speak, whether or not anybody hears it now.
    fn say(&mut self, when: &str) {
        for number in 0..MESSAGES {
            for person in [self.ada, self.grace] {
                let text = format!("{when} {number} {}", person.name());
                person.send(self.room, &text);
                self.said.push(text);
            }
        }
    }

    /// Everything is at both, once.
    fn check(&mut self) {
        self.said.sort();
        for person in [self.ada, self.grace] {
            let what = format!("{} has everything", person.name());
            wait_until(&what, PATH_WITHIN, || person.messages(self.room).len() >= self.said.len());
            let mut texts = person.texts(self.room);
            texts.sort();
            assert_eq!(texts, self.said, "{}", person.name());
            for message in person.messages(self.room) {
                let id = message["messageId"].as_str().expect("an id");
                assert_eq!(person.times_told(id), 1, "{message}");
            }
        }
    }
}

fn address_changes(talk: &mut Talk<'_>) {
    let [home, _] = talk.stage.homes_of(talk.kinds.0, talk.kinds.1);
    let connected = talk.stage.connects();
    let back = home.change_address();
    talk.say("while she moves");
    // The old connection is dead, and no end of it was told.
    wait_until("she is connected anew", SERVER_WITHIN, || talk.stage.connects() > connected);
    wait_path(talk.ada, talk.grace, "direct");
    talk.say("moved");
    talk.check();
    let connected = talk.stage.connects();
    home.change_back(&back);
    wait_until("she is connected anew", SERVER_WITHIN, || talk.stage.connects() > connected);
}

fn wire_is_cut(talk: &mut Talk<'_>) {
    let [home, _] = talk.stage.homes_of(talk.kinds.0, talk.kinds.1);
    home.trouble("drop");
    wait_until("the link is found dead", PATH_WITHIN, || talk.grace.path_to(talk.ada).as_deref() != Some("direct"));
    talk.say("while it is cut");
    home.peace();
    talk.ada.wait_server("online", Duration::from_secs(60));
}

fn packets_are_lost(talk: &mut Talk<'_>) {
    let [one, other] = talk.stage.homes_of(talk.kinds.0, talk.kinds.1);
    for home in [one, other] {
        home.trouble("meta l4proto udp numgen random mod 10 0 drop");
    }
    for round in 0..3 {
        talk.say(&format!("in the noise {round}"));
    }
    talk.check();
    for home in [one, other] {
        home.peace();
    }
}

fn packets_dawdle(talk: &mut Talk<'_>) {
    let homes = talk.stage.homes_of(talk.kinds.0, talk.kinds.1);
    for home in homes {
        home.dawdle();
    }
    // Each round has arrived before the next, so that packets are many and small.
    for round in 0..10 {
        talk.say(&format!("slowly {round}"));
        talk.check();
    }
    let waited: u64 = homes.iter().map(|home| home.hurry()).sum();
    eprintln!("{waited} packets had to wait");
    assert!(waited > 20, "nothing was tried");
}

fn udp_ends(talk: &mut Talk<'_>) {
    let [home, _] = talk.stage.homes_of(talk.kinds.0, talk.kinds.1);
    home.trouble("meta l4proto udp drop");
    wait_path(talk.ada, talk.grace, "relay");
    talk.say("by the relay");
    talk.check();
    home.peace();
}
