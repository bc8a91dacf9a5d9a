//! WebSockets to a port, with every header of the upgrade in the scenario's hands.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use tungstenite::client::IntoClientRequest as _;
use tungstenite::handshake::HandshakeError;
use tungstenite::http::{HeaderName, HeaderValue};

pub use tungstenite::{Error, Message};

/// Longer than any answer to an upgrade takes.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

pub type Socket = tungstenite::WebSocket<TcpStream>;

/// Upgrades `path`, with these headers beside the usual ones.
///
/// # Errors
/// The HTTP status, where the upgrade was refused.
///
/// # Panics
/// Where there is no answer at all.
#[track_caller]
pub fn open(port: u16, path: &str, headers: &[(&str, &str)]) -> Result<Socket, u16> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let stream = TcpStream::connect_timeout(&address, ANSWER_WITHIN).expect("somebody listens");
    stream.set_read_timeout(Some(ANSWER_WITHIN)).expect("a socket takes a timeout");
    let mut request = format!("ws://{address}{path}").into_client_request().expect("an address");
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header's name");
        request.headers_mut().insert(name, HeaderValue::from_str(value).expect("a header's value"));
    }
    match tungstenite::client::client(request, stream) {
        Ok((socket, _)) => Ok(socket),
        Err(HandshakeError::Failure(Error::Http(response))) => Err(response.status().as_u16()),
        Err(error) => panic!("the upgrade of {path} got no answer: {error}"),
    }
}
