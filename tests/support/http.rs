//! Requests over a bare socket, so that a scenario decides every byte of a request's head.
//!
//! One request a connection, whole answers only; that is all that the server's HTTP part needs from a test.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Longer than the server's own longest wait (a queue of passwords to be hashed).
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case, in the order in which they came.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// # Panics
    /// Where the body is not JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {:?}", self.text()))
    }

    pub fn header(&self, wanted: &str) -> Option<&str> {
        self.headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
    }
}

/// `GET path` on this machine.
///
/// # Errors
/// Where the connection fails, or ends before a whole head came.
pub fn get(port: u16, path: &str) -> std::io::Result<Answer> {
    send(port, "GET", path, &[], b"")
}

/// `POST path` with JSON.
///
/// # Errors
/// As [`get`].
pub fn post(port: u16, path: &str, body: &Value) -> std::io::Result<Answer> {
    send(port, "POST", path, &[("content-type", "application/json")], body.to_string().as_bytes())
}

/// Any request; `headers` may name `host`, which is our own otherwise.
///
/// # Errors
/// As [`get`].
pub fn send(port: u16, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> std::io::Result<Answer> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_WITHIN)?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    stream.set_write_timeout(Some(ANSWER_WITHIN))?;

    let mut request = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        request.push_str(&format!("host: {address}\r\n"));
    }
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    let mut bytes = request.into_bytes();
    bytes.extend_from_slice(body);
    // A server that refuses early may close before it has read everything; its answer counts.
    let written = stream.write_all(&bytes);

    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    if answer.is_empty() {
        written?;
        read?;
    }
    parse(&answer)
}

fn parse(answer: &[u8]) -> std::io::Result<Answer> {
    let malformed = |what: &str| {
        std::io::Error::new(std::io::ErrorKind::InvalidData, format!("{what}: {:?}", String::from_utf8_lossy(answer)))
    };
    let head_end =
        answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").ok_or_else(|| malformed("no whole head"))?;
    let (head, body) = answer.split_at(head_end);
    let body = body.get(4..).unwrap_or_default();
    let head = std::str::from_utf8(head).map_err(|_| malformed("the head is not text"))?;
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .and_then(|status| status.parse().ok())
        .ok_or_else(|| malformed("no status"))?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value.contains("chunked"));
    let body = if chunked { unchunk(body).ok_or_else(|| malformed("broken chunks"))? } else { body.to_vec() };
    Ok(Answer { status, headers, body })
}

/// RFC 9112 §7.1, without extensions and trailers, which the server does not send.
fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line_end = rest.windows(2).position(|bytes| bytes == b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(rest.get(..line_end)?).ok()?.trim(), 16).ok()?;
        if length == 0 {
            return Some(body);
        }
        let start = line_end + 2;
        body.extend_from_slice(rest.get(start..start + length)?);
        rest = rest.get(start + length + 2..)?;
    }
}
