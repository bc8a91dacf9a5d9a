//! A device that speaks the protocol itself, over HTTP and a WebSocket, without an engine.
//!
//! For what an engine never does: tokens of others, wrong proofs, connections that die half way, a thousand at once.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use momoland_protocol::cbor;
use momoland_protocol::certificate::{REGISTRATION_CONTEXT, registration_message};
use momoland_protocol::handshake::{ServerTranscript, VERSION};
use momoland_protocol::id::{Nonce, RoomId, RosterHash, SetHash, random};
use momoland_protocol::limits::FRAME_BYTES_MAX;
use momoland_protocol::replication::Frame;
use momoland_protocol::server::{ClientFrame, ClientHello, Goodbye, ServerFrame};
use momoland_protocol::signed::SecretKey;
use serde_json::{Value, json};

use crate::http::{self, Answer};
use crate::socket::{self, Error, Message, Socket};

/// A device's key and what it was given when it signed in.
#[derive(Debug)]
pub struct Device {
    key: SecretKey,
    pub access_token: String,
    pub refresh_token: String,
}

/// How a connection begins.
#[derive(Debug)]
pub enum Admission {
    Welcome(Box<Socket>),
    Goodbye(Goodbye),
}

impl Device {
    /// Makes an account.
    #[track_caller]
    pub fn register(port: u16, handle: &str, password: &str) -> Self {
        let key = SecretKey::generate();
        let answer = sign_in(port, "register", handle, password, &key, &[]);
        assert_eq!(answer.status, 200, "registering {handle}: {}", answer.text());
        let answer = answer.json();
        Self { key, access_token: text_of(&answer, "accessToken"), refresh_token: text_of(&answer, "refreshToken") }
    }

    /// The device of a `momo` that is not running, by the key in its folder: what a modified client is.
    #[track_caller]
    pub fn take_over(port: u16, handle: &str, password: &str, data: &Path) -> Self {
        let text = std::fs::read_to_string(data.join("device.key")).expect("a momo keeps its key in a file");
        let seed: Nonce = text.trim().parse().expect("a key has the form of an id");
        let key = SecretKey::from_seed(&seed.0);
        let answer = sign_in(port, "login", handle, password, &key, &[]);
        assert_eq!(answer.status, 200, "signing in {handle}: {}", answer.text());
        let answer = answer.json();
        Self { key, access_token: text_of(&answer, "accessToken"), refresh_token: text_of(&answer, "refreshToken") }
    }

    pub fn key(&self) -> &SecretKey {
        &self.key
    }

    /// Connects, which must succeed.
    #[track_caller]
    pub fn welcome(&self, port: u16) -> Box<Socket> {
        match self.connect(port) {
            Admission::Welcome(socket) => socket,
            Admission::Goodbye(goodbye) => panic!("turned away: {goodbye:?}"),
        }
    }

    /// Takes new tokens; the refresh token that was sent is used up.
    #[track_caller]
    pub fn refresh(port: u16, refresh_token: &str) -> Answer {
        http::post(port, "/v1/auth/refresh", &json!({ "refreshToken": refresh_token })).expect("the server answers")
    }

    /// Connects and signs the handshake.
    #[track_caller]
    pub fn connect(&self, port: u16) -> Admission {
        self.connect_with(port, &[], &self.access_token, &self.key)
    }

    /// Connects with another token or another key than its own.
    #[track_caller]
    pub fn connect_with(&self, port: u16, headers: &[(&str, &str)], access_token: &str, key: &SecretKey) -> Admission {
        let mut socket = socket::open(port, "/v1/connect", headers)
            .unwrap_or_else(|status| panic!("the upgrade was refused with {status}"));
        let ServerFrame::Hello(hello) = receive(&mut socket).expect("the server speaks first") else {
            panic!("the server's first frame is no hello")
        };
        let nonce = Nonce(random());
        let transcript = ServerTranscript {
            server_nonce: hello.nonce,
            client_nonce: nonce,
            server: hello.server,
            device: self.key.device(),
        };
        let proof = transcript.prove_device(key);
        let answer = ClientHello {
            version: VERSION,
            access_token: access_token.to_owned(),
            device: self.key.device(),
            nonce,
            proof,
        };
        send(&mut socket, &ClientFrame::Hello(answer)).expect("the socket is open");
        match receive(&mut socket) {
            Ok(ServerFrame::Welcome(welcome)) => {
                transcript.verify_server(&welcome.proof).expect("the server has its key");
                Admission::Welcome(Box::new(socket))
            }
            Ok(ServerFrame::Goodbye(goodbye)) => Admission::Goodbye(goodbye),
            other => panic!("neither welcome nor goodbye: {other:?}"),
        }
    }
}

/// `POST /v1/auth/{what}` with a proven device, and headers of the scenario's choice.
#[track_caller]
pub fn sign_in(
    port: u16,
    what: &str,
    handle: &str,
    password: &str,
    key: &SecretKey,
    headers: &[(&str, &str)],
) -> Answer {
    let proof = key.sign(REGISTRATION_CONTEXT, &registration_message(handle, key.device()));
    let body = json!({
        "handle": handle,
        "password": password,
        "device": {
            "key": URL_SAFE_NO_PAD.encode(key.device().as_bytes()),
            "proof": URL_SAFE_NO_PAD.encode(proof.0),
        },
    });
    let mut all = vec![("content-type", "application/json")];
    all.extend_from_slice(headers);
    http::send(port, "POST", &format!("/v1/auth/{what}"), &all, body.to_string().as_bytes())
        .expect("the server answers")
}

/// Waits for the server's word on a room, says the same, and asks for everything in it. The roster's version and head.
#[track_caller]
pub fn enter_room(socket: &mut Socket, room: RoomId) -> (u64, RosterHash) {
    let (version, head) = loop {
        match receive(socket).expect("the socket is open") {
            ServerFrame::Replication(Frame::Room { room: named, version, head }) if named == room => {
                break (version, head);
            }
            _ => {}
        }
    };
    send_replication(socket, Frame::Room { room, version, head });
    send_replication(
        socket,
        Frame::Have { log: room.conversation(), chains: Vec::new(), more: false, registers: SetHash::ZERO },
    );
    (version, head)
}

#[track_caller]
pub fn send_replication(socket: &mut Socket, frame: Frame) {
    send(socket, &ClientFrame::Replication(frame)).expect("the socket is open");
}

/// # Errors
/// Where the socket is closed or broken.
pub fn send(socket: &mut Socket, frame: &ClientFrame) -> Result<(), Error> {
    socket.send(Message::binary(cbor::encode(frame)))
}

/// The next frame.
///
/// # Errors
/// Where the socket is closed or broken.
///
/// # Panics
/// Where the server sent what is no frame.
pub fn receive(socket: &mut Socket) -> Result<ServerFrame, Error> {
    loop {
        match socket.read()? {
            Message::Binary(bytes) => {
                return Ok(cbor::decode(&bytes, FRAME_BYTES_MAX).expect("the server sends frames"));
            }
            Message::Close(_) => return Err(Error::ConnectionClosed),
            Message::Ping(_) | Message::Pong(_) => {}
            Message::Text(text) => panic!("the server sent text: {text}"),
            Message::Frame(_) => panic!("a raw frame is never read"),
        }
    }
}

#[track_caller]
fn text_of(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("no text `{field}` in {value}")).to_owned()
}
