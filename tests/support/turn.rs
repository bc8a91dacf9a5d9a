//! A TURN client by hand (RFC 8656), as an attacker or another program would be.
//!
//! Written apart from the product's own codec, so that the two cannot agree on a mistake.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use md5::{Digest, Md5};
use sha1::Sha1;

/// An answer over loopback; sent again where it does not come.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);
const TRIES: usize = 10;

const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const ALLOCATE: u16 = 0x0003;
const REFRESH: u16 = 0x0004;
const SEND: u16 = 0x0016;
const DATA: u16 = 0x0017;
const CREATE_PERMISSION: u16 = 0x0008;
const CHANNEL_BIND: u16 = 0x0009;

/// One client with one five-tuple.
#[derive(Debug)]
pub struct TurnClient {
    socket: UdpSocket,
    server: SocketAddr,
    username: String,
    password: String,
    realm: String,
    nonce: String,
    transactions: u8,
}

/// Credentials in coturn's REST form.
pub fn credentials(secret: &str, user: &str, ends_at_s: u64) -> (String, String) {
    let username = format!("{ends_at_s}:{user}");
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).expect("any key");
    mac.update(username.as_bytes());
    let password = STANDARD.encode(mac.finalize().into_bytes());
    (username, password)
}

impl TurnClient {
    pub fn new(server: SocketAddr, (username, password): (String, String)) -> Self {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).expect("a free port");
        socket.set_read_timeout(Some(ANSWER_WITHIN)).expect("a socket takes a time-out");
        let (realm, nonce) = (String::new(), String::new());
        Self { socket, server, username, password, realm, nonce, transactions: 0 }
    }

    /// The relayed address.
    ///
    /// # Errors
    /// The error's code.
    pub fn allocate(&mut self) -> Result<SocketAddr, u16> {
        let answer = self.request(ALLOCATE, &[(0x0019, vec![17, 0, 0, 0])])?;
        Ok(address(&answer, 0x0016).expect("a relayed address"))
    }

    /// # Errors
    /// The error's code.
    pub fn permit(&mut self, peer: SocketAddr) -> Result<(), u16> {
        self.request(CREATE_PERMISSION, &[(0x0012, xor(peer))]).map(drop)
    }

    /// # Errors
    /// The error's code.
    pub fn bind(&mut self, channel: u16, peer: SocketAddr) -> Result<(), u16> {
        let [high, low] = channel.to_be_bytes();
        self.request(CHANNEL_BIND, &[(0x000C, vec![high, low, 0, 0]), (0x0012, xor(peer))]).map(drop)
    }

    /// # Errors
    /// The error's code.
    pub fn release(&mut self) -> Result<(), u16> {
        self.request(REFRESH, &[(0x000D, vec![0; 4])]).map(drop)
    }

    /// Sends by an indication, which is never answered.
    pub fn send(&mut self, peer: SocketAddr, data: &[u8]) {
        let (bytes, _) = self.message(SEND, &[(0x0012, xor(peer)), (0x0013, data.to_vec())]);
        self.socket.send_to(&bytes, self.server).expect("it is sent");
    }

    /// Sends over a channel.
    pub fn send_channel(&self, channel: u16, data: &[u8]) {
        let length = u16::try_from(data.len()).expect("short data");
        let bytes = [&channel.to_be_bytes()[..], &length.to_be_bytes(), data].concat();
        self.socket.send_to(&bytes, self.server).expect("it is sent");
    }

    /// The next data that is relayed here, and who sent it where that is said.
    pub fn receive(&self, within: Duration) -> Option<(Option<SocketAddr>, Vec<u8>)> {
        let until = Instant::now() + within;
        let mut buffer = [0; 2_048];
        while Instant::now() < until {
            let Ok((length, _)) = self.socket.recv_from(&mut buffer) else { continue };
            let datagram = &buffer[..length];
            if datagram[0] & 0xC0 == 0x40 {
                return Some((None, datagram[4..].to_vec()));
            }
            if u16::from_be_bytes([datagram[0], datagram[1]]) == DATA {
                return Some((address(datagram, 0x0012), attribute(datagram, 0x0013).expect("data").to_vec()));
            }
        }
        None
    }

    fn request(&mut self, method: u16, attributes: &[(u16, Vec<u8>)]) -> Result<Vec<u8>, u16> {
        match self.ask(method, attributes) {
            Err((401 | 438, answer)) if self.take_challenge(&answer) => {
                self.ask(method, attributes).map_err(|(code, _)| code)
            }
            answered => answered.map_err(|(code, _)| code),
        }
    }

    /// Whether the challenge is one that was not there before.
    fn take_challenge(&mut self, answer: &[u8]) -> bool {
        let text = |kind| String::from_utf8(attribute(answer, kind).unwrap_or_default().to_vec()).expect("text");
        let first = self.nonce.is_empty();
        (self.realm, self.nonce) = (text(0x0014), text(0x0015));
        first
    }

    fn ask(&mut self, method: u16, attributes: &[(u16, Vec<u8>)]) -> Result<Vec<u8>, (u16, Vec<u8>)> {
        let (mut bytes, transaction) = self.message(method, attributes);
        if !self.nonce.is_empty() {
            push(&mut bytes, 0x0006, self.username.as_bytes());
            push(&mut bytes, 0x0014, self.realm.as_bytes());
            push(&mut bytes, 0x0015, self.nonce.as_bytes());
            set_length(&mut bytes, 24);
            let key = Md5::digest(format!("{}:{}:{}", self.username, self.realm, self.password));
            let mut mac = Hmac::<Sha1>::new_from_slice(&key).expect("any key");
            mac.update(&bytes);
            let mac = mac.finalize().into_bytes();
            push(&mut bytes, 0x0008, &mac);
        }
        for _ in 0..TRIES {
            self.socket.send_to(&bytes, self.server).expect("it is sent");
            let mut buffer = [0; 2_048];
            while let Ok((length, _)) = self.socket.recv_from(&mut buffer) {
                let answer = buffer[..length].to_vec();
                if length >= 20 && answer[8..20] == transaction {
                    return match attribute(&answer, 0x0009) {
                        Some(error) => Err((u16::from(error[2]) * 100 + u16::from(error[3]), answer)),
                        None => Ok(answer),
                    };
                }
            }
        }
        panic!("the TURN server at {} does not answer", self.server);
    }

    fn message(&mut self, kind: u16, attributes: &[(u16, Vec<u8>)]) -> (Vec<u8>, [u8; 12]) {
        self.transactions = self.transactions.wrapping_add(1);
        let transaction = [self.transactions; 12];
        let mut bytes = [&kind.to_be_bytes()[..], &[0, 0], &COOKIE, &transaction].concat();
        for (kind, value) in attributes {
            push(&mut bytes, *kind, value);
        }
        (bytes, transaction)
    }
}

fn push(bytes: &mut Vec<u8>, kind: u16, value: &[u8]) {
    bytes.extend(kind.to_be_bytes());
    bytes.extend(u16::try_from(value.len()).expect("a short value").to_be_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    set_length(bytes, 0);
}

fn set_length(bytes: &mut [u8], further: usize) {
    let length = u16::try_from(bytes.len() - 20 + further).expect("a short message");
    bytes[2..4].copy_from_slice(&length.to_be_bytes());
}

/// An IPv4 address under the cookie, which is all that loopback needs.
fn xor(peer: SocketAddr) -> Vec<u8> {
    let IpAddr::V4(ip) = peer.ip() else { panic!("IPv4 only") };
    let port = peer.port() ^ 0x2112;
    let ip = ip.octets().into_iter().zip(COOKIE).map(|(byte, mask)| byte ^ mask);
    [0, 1].into_iter().chain(port.to_be_bytes()).chain(ip).collect()
}

fn address(message: &[u8], kind: u16) -> Option<SocketAddr> {
    let value = attribute(message, kind)?;
    let port = u16::from_be_bytes([value[2], value[3]]) ^ 0x2112;
    let ip: Vec<u8> = value[4..8].iter().zip(COOKIE).map(|(byte, mask)| byte ^ mask).collect();
    Some(SocketAddr::from(([ip[0], ip[1], ip[2], ip[3]], port)))
}

fn attribute(message: &[u8], kind: u16) -> Option<&[u8]> {
    let mut at = 20;
    while at + 4 <= message.len() {
        let found = u16::from_be_bytes([message[at], message[at + 1]]);
        let length = usize::from(u16::from_be_bytes([message[at + 2], message[at + 3]]));
        if found == kind {
            return message.get(at + 4..at + 4 + length);
        }
        at += 4 + length.next_multiple_of(4);
    }
    None
}
