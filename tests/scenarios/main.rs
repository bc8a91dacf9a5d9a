//! What Momoland does, seen from outside: real processes, over stdio, sockets and signals.
//!
//! One module a subject. A scenario that stands for a fault which people met elsewhere carries its number (`c40_…`).
//!
//! Not here: what needs namespaces and NATs, long loads, windows on a screen.

mod activity;
mod announcements;
mod backups;
mod bad_input;
mod calls;
mod chat;
mod clocks;
mod connectivity;
mod crashes;
mod doctor;
mod documents;
mod edits;
mod feed;
#[cfg(target_os = "linux")]
mod full_disk;
mod half_open;
mod history;
mod joins;
mod leaks;
mod listening;
mod locations;
mod names;
mod notifications;
mod origins;
mod own_room;
mod pictures;
mod permissions;
mod presence;
mod processes;
mod reactions;
mod reading;
mod restarts;
#[cfg(target_os = "linux")]
mod screens;
mod server_away;
mod stalls;
mod states;
mod strangers;
mod tokens;
mod turn;
mod typing;
