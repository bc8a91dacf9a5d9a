//! `net.doctor`: what works, what stands in the way, and what to do about it, in plain words.
//!
//! Asks the server as anybody can and tries UDP by itself, so that it says what is wrong also where no link stands.
//!
//! Not here: how a front shows it.

use std::time::{Duration, SystemTime};

use momoland_protocol::handshake::VERSION;
use momoland_protocol::id::ServerKey;
use tokio::time::Instant;

use crate::account::address::ServerAddress;
use crate::account::http::{About, HttpClient, HttpFailure};
use crate::api::error::ApiError;
use crate::api::types::{Check, CheckState, CheckSubject, Diagnosis, DoctorParams, PeerPath, PeerPolicy, ServerState};
use crate::engine::Engine;
use crate::link::IceServer;
use crate::link::probe::{self, Findings, Turn, Udp};

/// A clock that is off by more shows in what people see: messages are dated by it while the server is away.
const CLOCK_OFF: Duration = Duration::from_secs(60);

/// How long the server's word on TURN may take to arrive after the connection stands.
const TURN_ACCESS_WITHIN: Duration = Duration::from_secs(2);

/// What this machine knows before it asks.
struct Known {
    server: ServerAddress,
    server_key: ServerKey,
    state: ServerState,
    problem: Option<String>,
    policy: PeerPolicy,
    ice_server: Option<IceServer>,
    paths: Vec<PeerPath>,
}

pub(super) async fn doctor(engine: &Engine, DoctorParams { server }: DoctorParams) -> Result<Diagnosis, ApiError> {
    match server {
        Some(typed) => strange(&typed).await,
        None => own(engine).await,
    }
}

/// A server that nobody here is signed in to.
async fn strange(typed: &str) -> Result<Diagnosis, ApiError> {
    let address = ServerAddress::parse(typed).map_err(|error| ApiError::invalid(error.to_string()))?;
    let mut checks = Vec::new();
    match HttpClient::new(address.clone()).about().await {
        Err(failure) => checks.push(unreachable(&address, &failure)),
        Ok(about) => {
            checks.push(good(CheckSubject::Server, format!("{address} answers.")));
            checks.extend(version(&about));
            checks.extend(about.time.map(clock));
            match about.turn.first().and_then(|url| url.split('?').next()) {
                None => checks.push(no_turn()),
                Some(url) => {
                    let urls = vec![url.to_owned()];
                    let server = IceServer { urls, username: String::new(), credential: String::new() };
                    try_udp(&server, &mut checks).await;
                }
            }
        }
    }
    Ok(diagnosis(checks))
}

async fn own(engine: &Engine) -> Result<Diagnosis, ApiError> {
    let Some(mut known) = look(engine).await? else {
        let sentence = "Nobody is signed in here, so there is no server to look at.";
        return Ok(diagnosis(vec![broken(CheckSubject::Session, sentence, "Sign in first.")]));
    };
    let mut checks = Vec::new();
    let about = HttpClient::new(known.server.clone()).about().await;
    let has_turn = about.as_ref().is_ok_and(|about| !about.turn.is_empty());
    // It comes on the heels of the welcome.
    let until = Instant::now() + TURN_ACCESS_WITHIN;
    while has_turn && known.state == ServerState::Online && known.ice_server.is_none() && Instant::now() < until {
        tokio::time::sleep(TURN_ACCESS_WITHIN / 20).await;
        let Some(again) = look(engine).await? else { break };
        known = again;
    }
    let is_right = server(&known, &about, &mut checks);
    if is_right {
        session(&known, &mut checks);
    }
    network(&known, has_turn, &mut checks).await;
    Ok(diagnosis(checks))
}

/// What is known without asking; `None` where nobody is signed in.
async fn look(engine: &Engine) -> Result<Option<Known>, ApiError> {
    engine
        .with_actor(|actor| {
            let home = actor.home()?;
            let (server, server_key) = home.home_server();
            let status = home.net_status();
            Some(Known {
                server,
                server_key,
                state: status.server,
                problem: status.problem,
                policy: home.policy(),
                ice_server: home.ice_server(),
                paths: status.peers.iter().map(|peer| peer.path).collect(),
            })
        })
        .await
}

fn diagnosis(checks: Vec<Check>) -> Diagnosis {
    Diagnosis { well: checks.iter().all(|check| check.state == CheckState::Good), checks }
}

/// The server, its key, its version and this machine's clock; whether it is the right server.
fn server(known: &Known, about: &Result<About, HttpFailure>, checks: &mut Vec<Check>) -> bool {
    let name = &known.server;
    let about = match about {
        Ok(about) => about,
        Err(failure) => {
            checks.push(unreachable(name, failure));
            return false;
        }
    };
    checks.push(good(CheckSubject::Server, format!("{name} answers.")));
    if about.server_key != known.server_key {
        checks.push(broken(
            CheckSubject::Key,
            format!("{name} shows another key than when you first signed in: somebody may be in between, or it was set up anew."),
            "Do not sign in again before you have asked whoever runs the server, by another way than Momoland.",
        ));
        return false;
    }
    checks.push(good(CheckSubject::Key, "It shows the key that was remembered when you first signed in.".to_owned()));
    checks.extend(version(about));
    checks.extend(about.time.map(clock));
    true
}

fn version(about: &About) -> Option<Check> {
    if (about.protocol_min..=about.protocol_max).contains(&VERSION) {
        return None;
    }
    let older = if about.protocol_max < VERSION { "the server" } else { "this Momoland" };
    let sentence =
        format!("The server and this Momoland speak different versions of the protocol; {older} is the older one.");
    Some(broken(CheckSubject::Version, sentence, format!("Update {older}.")))
}

fn unreachable(name: &ServerAddress, failure: &HttpFailure) -> Check {
    match failure {
        HttpFailure::Unreachable { cause, .. } if cause.contains("certificate") => broken(
            CheckSubject::Server,
            format!("The certificate of {name} is not one that this machine trusts ({cause})."),
            "If this machine's clock is right, ask whoever runs the server to renew it; or somebody is in between.",
        ),
        HttpFailure::Unreachable { cause, .. } => broken(
            CheckSubject::Server,
            format!("{name} cannot be reached ({cause})."),
            "Look whether this machine has a network, and ask whoever runs the server. People who are linked go on \
             without it, and what you write is kept.",
        ),
        HttpFailure::NotMomoland { .. } => broken(
            CheckSubject::Server,
            format!("{name} answers, but not as a Momoland server does."),
            "A network that wants you to sign in first (a hotel's, a train's) may answer in its place: open a browser.",
        ),
        HttpFailure::Refused { message, .. } => {
            broken(CheckSubject::Server, format!("{name} refuses: {message}"), "Wait a minute, then look again.")
        }
    }
}

/// A duration as people say it, in its largest unit of which there are at least two.
fn amount(duration: Duration) -> String {
    let minutes = duration.as_secs() / 60;
    match minutes {
        0..2 => format!("{} seconds", duration.as_secs()),
        2..120 => format!("{minutes} minutes"),
        120..2_880 => format!("{} hours", minutes / 60),
        _ => format!("{} days", minutes / 1_440),
    }
}

fn clock(server: SystemTime) -> Check {
    let here = SystemTime::now();
    let (off, word) = match here.duration_since(server) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(error) => (error.duration(), "behind"),
    };
    if off <= CLOCK_OFF {
        return good(CheckSubject::Clock, "This machine's clock agrees with the server's.".to_owned());
    }
    limited(
        CheckSubject::Clock,
        format!(
            "This machine's clock is {} {word} the server's. Momoland corrects for it while it knows of it.",
            amount(off)
        ),
        "Let the system set the clock by itself (NTP).",
    )
}

fn session(known: &Known, checks: &mut Vec<Check>) {
    let check = match (&known.state, &known.problem) {
        (ServerState::Online, _) => good(CheckSubject::Session, "You are signed in and connected to it.".to_owned()),
        (ServerState::Connecting | ServerState::Offline, Some(problem)) => {
            broken(CheckSubject::Session, format!("You are not connected to it. {problem}"), "Look again in a moment.")
        }
        (ServerState::Connecting, None) => {
            limited(CheckSubject::Session, "The connection to it is just being made.", "Look again in a moment.")
        }
        (ServerState::Offline, None) => {
            broken(CheckSubject::Session, "You are not connected to it.", "Go online, or look again in a moment.")
        }
    };
    checks.push(check);
}

/// The ways to other people.
async fn network(known: &Known, has_turn: bool, checks: &mut Vec<Check>) {
    let count = |path: PeerPath| known.paths.iter().filter(|other| **other == path).count();
    let (direct, turn, relay) = (count(PeerPath::Direct), count(PeerPath::Turn), count(PeerPath::Relay));
    if !known.paths.is_empty() {
        let sentence = format!(
            "Of the devices that are here, {direct} are linked directly, {turn} through TURN, {relay} by the server."
        );
        checks.push(good(CheckSubject::Links, sentence));
    }
    if known.policy == PeerPolicy::None {
        checks.push(limited(
            CheckSubject::Links,
            "Links to other devices are switched off, so everything goes over the server.",
            "Set the policy to all, or to turnOnly to keep your address to yourself.",
        ));
        return;
    }
    let Some(ice_server) = &known.ice_server else {
        if known.state == ServerState::Online && has_turn {
            checks.push(limited(
                CheckSubject::Turn,
                "The server has TURN, but says nothing that leads to it from here.",
                "Whoever runs the server has to set MOMOLAND_TURN_PUBLIC.",
            ));
        } else if known.state == ServerState::Online {
            checks.push(no_turn());
        }
        return;
    };
    try_udp(ice_server, checks).await;
}

async fn try_udp(ice_server: &IceServer, checks: &mut Vec<Check>) {
    let Some(Findings { udp, turn }) = probe::look(ice_server).await else {
        checks.push(limited(
            CheckSubject::Udp,
            "UDP could not be tried from here.",
            "Look whether there is a network.",
        ));
        return;
    };
    checks.push(udp_check(udp, turn));
    checks.extend(turn_check(udp, turn));
}

fn no_turn() -> Check {
    limited(
        CheckSubject::Turn,
        "The server has no TURN: devices whose networks do not let them reach each other go over the server.",
        "Whoever runs the server can switch it on (MOMOLAND_TURN_LISTEN).",
    )
}

fn udp_check(udp: Udp, turn: Turn) -> Check {
    match udp {
        Udp::Silent => limited(
            CheckSubject::Udp,
            "UDP does not get through to the server, so there are no direct links: everything goes over the server, \
             slower, and calls suffer.",
            "A firewall here, or at the server, blocks UDP. Ask for UDP to be let out; another network shows which it is.",
        ),
        Udp::Open => {
            good(CheckSubject::Udp, "UDP gets through, and nothing rewrites this machine's address.".to_owned())
        }
        Udp::Mapped => {
            good(CheckSubject::Udp, "UDP gets through; the router lets others reach this machine.".to_owned())
        }
        Udp::SomeNat => good(CheckSubject::Udp, "UDP gets through, by way of a router.".to_owned()),
        Udp::Symmetric if turn == Turn::Works => limited(
            CheckSubject::Nat,
            "This network shows everybody another address (a symmetric NAT): where the other side has a router too, \
             links go through TURN, a little slower.",
            "Nothing needs to be done. Where the router is yours, UPnP or “endpoint-independent NAT” makes links direct.",
        ),
        Udp::Symmetric => broken(
            CheckSubject::Nat,
            "This network shows everybody another address (a symmetric NAT), and TURN does not work: with most people \
             there are no links, and everything goes over the server.",
            "Ask whoever runs the server to look at TURN; where the router is yours, at its NAT.",
        ),
    }
}

fn turn_check(udp: Udp, turn: Turn) -> Option<Check> {
    let check = match turn {
        Turn::Works => {
            good(CheckSubject::Turn, "TURN works: there is a way to people behind difficult routers.".to_owned())
        }
        Turn::Refused => limited(
            CheckSubject::Turn,
            "The TURN server refuses this device: there may be too many links at once, or its secret is another.",
            "Look again in a minute; if it stays, tell whoever runs the server.",
        ),
        // Said of UDP already.
        Turn::Silent if udp == Udp::Silent => return None,
        Turn::Untried => return None,
        Turn::Silent => {
            limited(CheckSubject::Turn, "The TURN server does not answer.", "Tell whoever runs the server.")
        }
    };
    Some(check)
}

fn good(subject: CheckSubject, sentence: String) -> Check {
    Check { subject, state: CheckState::Good, sentence, advice: None }
}

fn limited(subject: CheckSubject, sentence: impl Into<String>, advice: impl Into<String>) -> Check {
    Check { subject, state: CheckState::Limited, sentence: sentence.into(), advice: Some(advice.into()) }
}

fn broken(subject: CheckSubject, sentence: impl Into<String>, advice: impl Into<String>) -> Check {
    Check { subject, state: CheckState::Broken, sentence: sentence.into(), advice: Some(advice.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_told_in_a_unit_that_has_a_plural() {
        let told = |seconds| amount(Duration::from_secs(seconds));
        let expected = ["61 seconds", "119 seconds", "2 minutes", "119 minutes", "2 hours", "47 hours", "2 days"];
        assert_eq!([61, 119, 120, 7_199, 7_200, 172_799, 172_800].map(told), expected);
    }
}
