//! Five thousand clients and a server that restarts: each wrote something while it was away, and all return within the
//! spread that it asked for. How long until all are in step and nothing is lost, from the start of the new process.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use momoland_protocol::id::RoomId;
use support::{Server, free_port};
use tokio::task::JoinSet;

use crate::figure::{Samples, Target, print_beside};
use crate::member::{self, Line, Member, Registered};

const PEOPLE: usize = 5_000;
const ROOM_OF: usize = 10;

/// Rooms that are made, and handshakes that are under way, at once.
const AT_ONCE: usize = 16;

const SPREAD_S: &str = "2";
const MS_MAX: f64 = 5_000.0;

/// For the return of everybody, on a busy machine.
const WITHIN: Duration = Duration::from_secs(180);

/// `false` where it takes longer than was promised. Panics where something is lost.
pub(super) async fn measure(folder: &Path) -> bool {
    let per_minute = (PEOPLE * 20).to_string();
    let settings =
        [("CONNECTS_PER_MINUTE", per_minute.as_str()), ("SHUTDOWN_RETRY_SPREAD_S", SPREAD_S), ("LOG", "warn")];
    let mut server = Server::prepare(folder, free_port(), &settings);
    let people = member::register(server.data(), PEOPLE);
    server.start_again();
    let port = server.port();
    let rooms: Vec<Vec<Registered>> = people.chunks(ROOM_OF).map(<[Registered]>::to_vec).collect();
    let mut made = futures_util::stream::iter(rooms)
        .map(async |people| (member::gathered(port, &people).await, people))
        .buffer_unordered(AT_ONCE);
    let mut all = Vec::new();
    while let Some(((room, line), people)) = made.next().await {
        all.extend(people.into_iter().map(|who| (who, room, line.clone())));
    }
    drop(made);
    let gone = Arc::new(tokio::sync::Barrier::new(PEOPLE + 1));
    let mut clients = JoinSet::new();
    let mut connecting = futures_util::stream::iter(all)
        .map(async |(who, room, line): (Registered, RoomId, Line)| {
            (Member::resume(port, who, vec![(room, line)]).await, room)
        })
        .buffer_unordered(AT_ONCE);
    while let Some((mut member, room)) = connecting.next().await {
        let gone = Arc::clone(&gone);
        clients.spawn(async move {
            let retry_after = member.follow(|| {}).await;
            let parted = Instant::now();
            member.disconnect().await;
            member.say(room, "written while the server was away".to_owned()).await;
            gone.wait().await;
            tokio::time::sleep(retry_after.saturating_sub(parted.elapsed())).await;
            member.come_back(port).await;
            member.until_in_step(ROOM_OF - 1).await;
            // It stays, as people do.
            (Instant::now(), member)
        });
    }
    drop(connecting);
    server.stop();
    gone.wait().await;
    let begun = Instant::now();
    server.start_again();
    let returning = tokio::time::timeout(WITHIN, clients.join_all()).await.expect("somebody does not get in step");
    let last = returning.iter().map(|(at, _)| *at).max().expect("there are clients");
    let took = last.duration_since(begun);
    let figure = format!("server.restart_until_all_in_step.{PEOPLE}_clients");
    print_beside(&figure, "ms", &Samples::from(took.as_secs_f64() * 1e3), None, Target::AtMost(MS_MAX))
}
