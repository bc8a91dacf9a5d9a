//! Two bare peer connections of the WebRTC library in this process, with one data channel: what a peer link is measured beside.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;
use webrtc::data_channel::{DataChannel, DataChannelEvent, RTCDataChannelInit};
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceCandidateInit, RTCPeerConnectionIceEvent,
};

/// Pre-negotiated, as ours is.
const CHANNEL_ID: u16 = 0;

/// Candidates of one connection that wait for the other. Loopback has one.
const CANDIDATES_MAX: usize = 64;

/// One end.
pub(crate) struct End {
    connection: Arc<dyn PeerConnection>,
    channel: Arc<dyn DataChannel>,
}

struct Handler {
    candidates: mpsc::Sender<RTCIceCandidateInit>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_candidate(&self, event: RTCPeerConnectionIceEvent) {
        if let Ok(candidate) = event.candidate.to_json() {
            // Nobody waits once the channel is open.
            let _ = self.candidates.try_send(candidate);
        }
    }
}

/// Two ends of one open channel.
pub(crate) async fn pair() -> (End, End) {
    let (one, mut of_one) = end().await;
    let (other, mut of_other) = end().await;
    let offer = one.connection.create_offer(None).await.expect("an offer");
    one.connection.set_local_description(offer.clone()).await.expect("the own offer fits");
    other.connection.set_remote_description(offer).await.expect("the offer fits");
    let answer = other.connection.create_answer(None).await.expect("an answer");
    other.connection.set_local_description(answer.clone()).await.expect("the own answer fits");
    one.connection.set_remote_description(answer).await.expect("the answer fits");
    let exchange = async {
        loop {
            tokio::select! {
                Some(candidate) = of_one.recv() => other.connection.add_ice_candidate(candidate).await,
                Some(candidate) = of_other.recv() => one.connection.add_ice_candidate(candidate).await,
            }
            .expect("a candidate of the same library");
        }
    };
    tokio::select! {
        () = exchange => {}
        _ = async { tokio::join!(one.opened(), other.opened()) } => {}
    }
    (one, other)
}

async fn end() -> (End, mpsc::Receiver<RTCIceCandidateInit>) {
    let (sender, candidates) = mpsc::channel(CANDIDATES_MAX);
    let connection = PeerConnectionBuilder::new()
        .with_handler(Arc::new(Handler { candidates: sender }))
        .with_udp_addrs(vec!["127.0.0.1:0"])
        .build()
        .await
        .expect("a peer connection");
    let init = RTCDataChannelInit { negotiated: Some(CHANNEL_ID), ..RTCDataChannelInit::default() };
    let channel = connection.create_data_channel("bare", Some(init)).await.expect("a data channel");
    (End { connection: Arc::new(connection), channel }, candidates)
}

impl End {
    async fn opened(&self) {
        while !matches!(self.channel.poll().await.expect("the channel lives"), DataChannelEvent::OnOpen) {}
    }

    pub(crate) async fn send(&self, bytes: &[u8]) {
        self.channel.send(BytesMut::from(bytes)).await.expect("the channel is open");
    }

    /// The next message.
    pub(crate) async fn receive(&self) -> Bytes {
        loop {
            if let DataChannelEvent::OnMessage(message) = self.channel.poll().await.expect("the channel lives") {
                return message.data.freeze();
            }
        }
    }

    pub(crate) async fn close(self) {
        // The process goes on without it either way.
        let _ = self.connection.close().await;
    }
}
