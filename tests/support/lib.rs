//! What the scenarios stand on: real `momoland-server` and `momo` processes, started, watched and stopped by id.
//!
//! [`World`] is where a scenario begins: a server and people who are signed in. [`Server`] and [`Momo`] are one
//! process each, over a folder that outlives it, so both can be killed and started again. [`Proxy`] is a wire that
//! can be cut. [`http`] and [`socket`] speak to ports directly, as an attacker or another program would.
//!
//! # Rules
//! 1. Nothing waits for time to pass; everything waits for a condition, with a bound ([`wait_for`]).
//! 2. Every process belongs to a value and is killed when that value goes, also when the test fails.
//! 3. A failure shows what was expected, what was there, and where the logs of all processes lie.
//!
//! Not here: scenarios (`tests/scenarios`), and the product's code but for the protocol's types and the store, with which
//! an attacker and a newer version are played: what is tested is what people run.

#![expect(
    clippy::unwrap_in_result,
    clippy::print_stderr,
    reason = "this is test code in a library's place: it ends a scenario by a panic, and tells the reader of its output why"
)]

pub mod clock;
pub mod device;
#[cfg(target_os = "linux")]
pub mod display;
pub mod http;
#[cfg(target_os = "linux")]
pub mod small_disk;
pub mod socket;
pub mod sound;
pub mod split_mix;
pub mod stoi;
pub mod turn;
#[cfg(target_os = "linux")]
pub mod wayland;

mod binaries;
mod disk;
mod impostor;
mod momo;
mod process;
mod proxy;
mod server;
mod viewer;
mod wait;
mod window;
mod world;

pub use crate::disk::is_in_folder;
pub use crate::impostor::Impostor;
pub use crate::momo::{Finished, Momo, Pending, RpcError, run_momo};
pub use crate::process::{Usage, Watched};
pub use crate::proxy::Proxy;
pub use crate::server::{Server, free_port};
pub use crate::viewer::{Shown, Viewer};
pub use crate::wait::{wait_for, wait_until};
pub use crate::window::{Page, Window};
pub use crate::world::{PASSWORD, World, invite_and_join, wait_direct, wait_direct_within};
