//! A WebSocket as this server has it: few bytes for each of many connections.
//!
//! The library keeps what its longest message needed to be written, for as long as the connection lives: who once caught up
//! would cost a frame's 64 KiB until it goes. So a longer message leaves in fragments (RFC 6455 §5.4), which every other
//! end puts together again by itself.

use std::future::poll_fn;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::Response;
use futures_util::SinkExt as _;
use futures_util::stream::{SplitSink, SplitStream, StreamExt as _};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use momoland_protocol::limits::FRAME_BYTES_MAX;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

/// Bytes that are read at once; a frame that is longer gets a buffer of its own size while it comes. The library holds so
/// many for every connection, and its default takes 128 KiB.
const READ_BUFFER_BYTES: usize = 1024;

/// Bytes that are written before a flush asks for it, and of a message in one fragment.
const WRITE_BUFFER_BYTES: usize = 4 * 1024;

/// Bytes that may wait in the write buffer: a fragment and what answers pings, over what the socket has not taken yet.
const WRITE_BUFFER_BYTES_MAX: usize = 64 * 1024;

/// Both directions of a connection, which has been upgraded.
pub(super) type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// What comes in.
pub(super) type Stream<S = TokioIo<Upgraded>> = SplitStream<WebSocketStream<S>>;

/// The opening handshake (RFC 6455 §4.2): the answer, and what becomes the socket once that has been written.
///
/// # Errors
/// What is wrong with the request.
pub(super) fn upgrade(mut request: Request) -> Result<(Response<Body>, OnUpgrade), Error> {
    let answer = create_response_with_body(&request, Body::empty)?;
    Ok((answer, hyper::upgrade::on(&mut request)))
}

/// The socket.
///
/// # Errors
/// The connection broke before, or cannot be upgraded.
pub(super) async fn open(upgrading: OnUpgrade) -> Result<Socket, hyper::Error> {
    let connection = TokioIo::new(upgrading.await?);
    Ok(WebSocketStream::from_raw_socket(connection, Role::Server, Some(config())).await)
}

fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_write_buffer_size(WRITE_BUFFER_BYTES_MAX)
        .max_message_size(Some(FRAME_BYTES_MAX))
        .max_frame_size(Some(FRAME_BYTES_MAX))
}

/// Both halves of a socket.
pub(super) fn split<S: AsyncRead + AsyncWrite + Unpin>(socket: WebSocketStream<S>) -> (Sink<S>, Stream<S>) {
    let (socket, stream) = socket.split();
    (Sink { socket, rest: None }, stream)
}

/// What goes out.
#[derive(Debug)]
pub(super) struct Sink<S = TokioIo<Upgraded>> {
    socket: SplitSink<WebSocketStream<S>, Message>,
    rest: Option<Rest>,
}

/// What the socket has not been given of a message.
#[derive(Debug)]
struct Rest {
    bytes: Bytes,
    /// Of its next fragment.
    data: Data,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sink<S> {
    /// Hands over a binary message, which is on its way after a flush.
    ///
    /// # Cancel safety
    /// Of a message that has begun to leave, the rest leaves before whatever is handed over next.
    ///
    /// # Errors
    /// The socket broke.
    pub(super) async fn feed(&mut self, message: Bytes) -> Result<(), Error> {
        self.finish().await?;
        self.rest = Some(Rest { bytes: message, data: Data::Binary });
        self.finish().await
    }

    /// Sends a ping. One may come between the fragments of a message.
    ///
    /// # Errors
    /// The socket broke.
    pub(super) async fn ping(&mut self) -> Result<(), Error> {
        self.socket.send(Message::Ping(Bytes::new())).await
    }

    /// Hands over the close frame, which is the last.
    ///
    /// # Errors
    /// The socket broke.
    pub(super) async fn close(&mut self, close: CloseFrame) -> Result<(), Error> {
        self.finish().await?;
        self.socket.feed(Message::Close(Some(close))).await
    }

    /// Waits until the system has all that was handed over.
    ///
    /// # Errors
    /// The socket broke.
    pub(super) async fn flush(&mut self) -> Result<(), Error> {
        self.socket.flush().await
    }

    async fn finish(&mut self) -> Result<(), Error> {
        while self.rest.is_some() {
            poll_fn(|context| self.socket.poll_ready_unpin(context)).await?;
            // Nothing waits between: a fragment is either here or the socket's.
            if let Some(fragment) = self.next_fragment() {
                self.socket.start_send_unpin(Message::Frame(fragment))?;
            }
        }
        Ok(())
    }

    fn next_fragment(&mut self) -> Option<Frame> {
        let Rest { mut bytes, data } = self.rest.take()?;
        if bytes.len() <= WRITE_BUFFER_BYTES {
            return Some(Frame::message(bytes, OpCode::Data(data), true));
        }
        let part = bytes.split_to(WRITE_BUFFER_BYTES);
        self.rest = Some(Rest { bytes, data: Data::Continue });
        Some(Frame::message(part, OpCode::Data(data), false))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// What a client hears over a connection that takes a kilobyte at a time.
    #[tokio::test]
    async fn what_has_begun_to_leave_leaves_whole_before_what_comes_next() {
        let (ours, theirs) = tokio::io::duplex(1024);
        let server = WebSocketStream::from_raw_socket(ours, Role::Server, Some(config())).await;
        let mut client = WebSocketStream::from_raw_socket(theirs, Role::Client, None).await;
        let (mut sink, _stream) = split(server);
        let long: Bytes = (0..60_000_u32).flat_map(u32::to_be_bytes).take(FRAME_BYTES_MAX).collect();
        let given_up = tokio::time::timeout(Duration::from_millis(50), sink.feed(long.clone())).await;
        assert!(given_up.is_err(), "nobody reads yet");
        let says = async {
            sink.feed(Bytes::from_static(b"goodbye")).await.unwrap();
            sink.close(CloseFrame { code: 1001.into(), reason: "".into() }).await.unwrap();
            sink.flush().await.unwrap();
        };
        let hears = async {
            assert_eq!(client.next().await.unwrap().unwrap(), Message::Binary(long));
            assert_eq!(client.next().await.unwrap().unwrap(), Message::Binary(Bytes::from_static(b"goodbye")));
            assert!(matches!(client.next().await.unwrap().unwrap(), Message::Close(Some(_))));
        };
        tokio::join!(says, hears);
    }
}
