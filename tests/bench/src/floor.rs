//! The floor under a round trip: what every chat that keeps our promises does beside carrying bytes.
//!
//! The author signs and stores before anything leaves; the reader verifies and stores before anything is shown. Here
//! that is done with the product's signatures, store and writer, and with nothing around them.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use momoland_protocol::id::DeviceId;
use momoland_protocol::signed::{Context, PublicKey as _, SecretKey, Signature};
use momoland_store::kv::{Batch, SchemaVersion, SledStore};
use momoland_store::writer::Writer;
use tokio::sync::mpsc;

const CONTEXT: Context = Context::new("momoland/1/bench\0");

/// Bytes of a signature (RFC 8032).
const SIGNATURE_BYTES: usize = 64;

/// Bytes of a short message's event, header and body, without its signature (`event.post` of the golden vectors, and a
/// few for the text). The bare references carry as many.
pub(crate) const EVENT_BYTES: usize = 240;

/// Somebody with a key and a disk.
#[derive(Debug)]
pub(crate) struct Author {
    key: SecretKey,
    writer: Writer,
    written: mpsc::UnboundedReceiver<()>,
    number: u64,
}

impl Author {
    /// Opens a store of its own in `folder`.
    pub(crate) fn open(folder: &Path) -> Self {
        let store = SledStore::open(folder, SchemaVersion(1)).expect("a new store opens");
        let (done, written) = mpsc::unbounded_channel();
        let writer = Writer::spawn(Arc::new(store), move |_, result| {
            result.expect("the disk takes it");
            // Nobody waits once the measuring is over.
            let _ = done.send(());
        });
        Self { key: SecretKey::generate(), writer: writer.expect("a thread"), written, number: 0 }
    }

    pub(crate) fn device(&self) -> DeviceId {
        self.key.device()
    }

    /// A signed event that is on this disk.
    pub(crate) async fn write(&mut self) -> Bytes {
        let mut bytes = vec![0; EVENT_BYTES];
        bytes[..8].copy_from_slice(&self.number.to_be_bytes());
        let signature = self.key.sign(CONTEXT, &bytes);
        bytes.extend_from_slice(&signature.0);
        self.store(&bytes).await;
        bytes.into()
    }

    /// Takes an event of `author`'s; it is on this disk when this returns.
    pub(crate) async fn take(&mut self, author: DeviceId, bytes: &[u8]) {
        let (event, signature) = bytes.split_at(EVENT_BYTES);
        let signature: [u8; SIGNATURE_BYTES] = signature.try_into().expect("a signature follows");
        author.check(CONTEXT, event, &Signature(signature)).expect("its author signed it");
        self.store(bytes).await;
    }

    /// An event under its place, and its place under its id, as every event is stored.
    async fn store(&mut self, bytes: &[u8]) {
        self.number += 1;
        let mut batch = Batch::new();
        batch.put([b"e".as_slice(), &self.number.to_be_bytes()].concat(), bytes);
        batch.put([b"i".as_slice(), &bytes[EVENT_BYTES..]].concat(), self.number.to_be_bytes());
        self.writer.submit(self.number, batch).expect("the writer runs");
        self.written.recv().await.expect("the writer runs");
    }
}
