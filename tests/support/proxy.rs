//! A wire between a client and its server that a scenario can cut, silence or slow down.
//!
//! Silence is what a dropped route looks like to both ends: no bytes, no FIN, no RST, and new connections that open
//! (the kernel accepts them) and stay mute. What was sent into the silence arrives after it, as TCP would deliver it.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a read may block before a pump looks whether the wire was cut.
const LOOK_PAUSE: Duration = Duration::from_millis(50);

/// Forwards connections from a port of its own to another.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    wire: Arc<Wire>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Wire {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    mode: Mode,
    delay: Duration,
    /// Rises with every cut; pumps of an older generation end.
    generation: u64,
    connections: u64,
    /// What came from the server, where that is wanted.
    recorded: Option<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Open,
    Silent,
    /// Connections end as soon as they open.
    Refusing,
    Closed,
}

impl Proxy {
    /// Starts to forward to `target` on this machine.
    pub fn start(target: u16) -> Self {
        let port = crate::server::free_port();
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port was free a moment ago");
        let state = State { mode: Mode::Open, delay: Duration::ZERO, generation: 0, connections: 0, recorded: None };
        let wire = Arc::new(Wire { state: Mutex::new(state), changed: Condvar::new() });
        let accepting = std::thread::spawn({
            let wire = Arc::clone(&wire);
            move || wire.accept(&listener, target)
        });
        Self { port, wire, accepting: Some(accepting) }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// As a person types it.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// From now on nothing passes and nobody is told.
    pub fn silence(&self) {
        self.wire.change(|state| state.mode = Mode::Silent);
    }

    /// Everything passes again, what was held back first.
    pub fn restore(&self) {
        self.wire.change(|state| state.mode = Mode::Open);
    }

    /// Ends the connections there are; new ones are let through.
    pub fn cut(&self) {
        self.wire.change(|state| state.generation += 1);
    }

    /// Ends the connections there are, and new ones as soon as they open.
    pub fn refuse(&self) {
        self.wire.change(|state| {
            state.generation += 1;
            state.mode = Mode::Refusing;
        });
    }

    /// Each block of bytes arrives this much later.
    pub fn delay(&self, delay: Duration) {
        self.wire.change(|state| state.delay = delay);
    }

    /// Keeps what the server sends from now on.
    pub fn record(&self) {
        self.wire.change(|state| state.recorded = Some(Vec::new()));
    }

    /// What the server sent since [`Proxy::record`].
    pub fn recorded(&self) -> Vec<u8> {
        self.wire.state().recorded.clone().unwrap_or_default()
    }

    /// How many connections were opened so far.
    pub fn connections(&self) -> u64 {
        self.wire.state().connections
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.wire.change(|state| {
            state.generation += 1;
            state.mode = Mode::Closed;
        });
        // Wakes the acceptor.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(accepting) = self.accepting.take() {
            // It has no state that a panic could leave behind.
            let _ = accepting.join();
        }
    }
}

impl Wire {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_all();
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener, target: u16) {
        for client in listener.incoming() {
            let (mode, generation) = {
                let mut state = self.state();
                state.connections += 1;
                (state.mode, state.generation)
            };
            match (mode, client) {
                (Mode::Closed, _) => return,
                (Mode::Refusing, _) | (_, Err(_)) => {}
                (Mode::Open | Mode::Silent, Ok(client)) => {
                    let wire = Arc::clone(self);
                    std::thread::spawn(move || wire.forward(client, target, generation));
                }
            }
        }
    }

    fn forward(self: &Arc<Self>, client: TcpStream, target: u16, generation: u64) {
        if !self.wait_passage(generation) {
            return;
        }
        // The server may be stopped: then the client's connection just ends.
        let Ok(server) = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], target))) else { return };
        let (Ok(client_reader), Ok(server_reader)) = (client.try_clone(), server.try_clone()) else { return };
        let upward = std::thread::spawn({
            let wire = Arc::clone(self);
            move || wire.pump(client_reader, server, generation, false)
        });
        self.pump(server_reader, client, generation, true);
        let _ = upward.join();
    }

    /// Carries bytes one way until an end closes or the wire is cut; then closes both.
    fn pump(&self, mut from: TcpStream, mut to: TcpStream, generation: u64, is_down: bool) {
        let mut block = [0; 16 * 1024];
        // Without it a cut would wait for the next byte.
        let _ = from.set_read_timeout(Some(LOOK_PAUSE));
        while self.state().generation == generation {
            let length = match from.read(&mut block) {
                Ok(length) if length > 0 => length,
                Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                    continue;
                }
                // The end, by FIN or RST: not told either while the wire is silent.
                Ok(_) | Err(_) => {
                    self.wait_passage(generation);
                    break;
                }
            };
            let delay = {
                let mut state = self.state();
                if let Some(recorded) = state.recorded.as_mut().filter(|_| is_down) {
                    recorded.extend(block.get(..length).unwrap_or_default());
                }
                state.delay
            };
            if !delay.is_zero() {
                // The delay is what this wire is for; no condition is waited for.
                std::thread::sleep(delay);
            }
            if !self.wait_passage(generation) || to.write_all(block.get(..length).unwrap_or_default()).is_err() {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }

    /// Waits while the wire is silent; `false` once it was cut.
    fn wait_passage(&self, generation: u64) -> bool {
        let state = self.state();
        let state = self
            .changed
            .wait_while(state, |state| state.generation == generation && state.mode == Mode::Silent)
            .unwrap_or_else(PoisonError::into_inner);
        state.generation == generation && state.mode == Mode::Open
    }
}
