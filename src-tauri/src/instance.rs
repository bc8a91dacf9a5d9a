//! The door at which a second start on the same data folder knocks, so that the first one's window comes forward.
//!
//! The process that holds the data folder listens on a loopback port and leaves `{port, secret}` in the folder,
//! readable by its owner alone. A second process reads the file, sends the secret, and with it the link that it was
//! started with: two bytes of length, most significant first, then the link; no length is no link. It is answered once
//! the window was told. It goes by data folder, not by application: two people of one machine can have a window each.
//!
//! Not here: refusing the second process. That is the data folder's lock, in the engine.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tauri::async_runtime::JoinHandle;
use tauri::{AppHandle, Manager};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::links::{self, Link, Links};
use crate::window;

/// For one knock, from connecting to the answer. A second process has to end within two seconds.
const KNOCK_TIMEOUT: Duration = Duration::from_millis(800);
/// How long the first process may take from its lock to its door, with a link waiting outside.
const DOOR_PATIENCE: Duration = Duration::from_secs(10);
const DOOR_POLL: Duration = Duration::from_millis(50);
/// Hexadecimal digits: 128 bits.
const SECRET_LENGTH: usize = 32;
const ANSWER: &[u8; 2] = b"ok";

#[derive(Debug, Serialize, Deserialize)]
struct Address {
    port: u16,
    secret: String,
}

/// Open as long as it is held.
#[derive(Debug)]
pub(crate) struct Door {
    file: PathBuf,
    task: JoinHandle<()>,
}

impl Door {
    pub(crate) async fn open(data_dir: &Path, app: AppHandle) -> io::Result<Self> {
        Self::open_for(data_dir, move |link| {
            if let Some(link) = link {
                app.state::<Links>().deliver(link);
            }
            window::come_forward(&app);
        })
        .await
    }

    async fn open_for(data_dir: &Path, on_knock: impl Fn(Option<Link>) + Send + Sync + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = Address { port: listener.local_addr()?.port(), secret: fresh_secret()? };
        let file = address_file(data_dir);
        write_private(&file, &serde_json::to_vec(&address)?)?;
        let task = tauri::async_runtime::spawn(async move {
            // One knock at a time, each bounded: a stranger who connects and says nothing delays others, no more.
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => {
                        let _ = tokio::time::timeout(KNOCK_TIMEOUT, answer(stream, &address.secret, &on_knock)).await;
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a second start will no longer bring this window forward");
                        return;
                    }
                }
            }
        });
        Ok(Self { file, task })
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.task.abort();
        let _ = std::fs::remove_file(&self.file);
    }
}

async fn answer(mut stream: TcpStream, secret: &str, on_knock: &(impl Fn(Option<Link>) + Sync)) -> io::Result<()> {
    let mut heard = [0; SECRET_LENGTH];
    stream.read_exact(&mut heard).await?;
    if heard == secret.as_bytes() {
        let link = read_link(&mut stream).await?;
        on_knock(link);
        stream.write_all(ANSWER).await?;
    }
    Ok(())
}

async fn read_link(stream: &mut TcpStream) -> io::Result<Option<Link>> {
    let length = usize::from(stream.read_u16().await?);
    if length == 0 {
        return Ok(None);
    }
    if length > links::LENGTH_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await?;
    let link = std::str::from_utf8(&bytes).ok().and_then(|text| text.parse().ok());
    link.map(Some).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Knocks at the door of the process that holds `data_dir`, and hands `link` in. `false` if none answers: it has no
/// window (`momo` has none), or the file was left by a process that was killed.
pub(crate) async fn ask_to_come_forward(data_dir: &Path, link: Option<&Link>) -> bool {
    matches!(tokio::time::timeout(KNOCK_TIMEOUT, knock(data_dir, link)).await, Ok(Ok(())))
}

/// The same for a process that is just starting: it has the folder's lock already, and its door in a moment.
pub(crate) async fn await_door(data_dir: &Path, link: Option<&Link>) -> bool {
    let patience = async {
        while !matches!(knock(data_dir, link).await, Ok(())) {
            tokio::time::sleep(DOOR_POLL).await;
        }
    };
    tokio::time::timeout(DOOR_PATIENCE, patience).await.is_ok()
}

async fn knock(data_dir: &Path, link: Option<&Link>) -> io::Result<()> {
    let address: Address = serde_json::from_slice(&tokio::fs::read(address_file(data_dir)).await?)?;
    let mut stream = TcpStream::connect(("127.0.0.1", address.port)).await?;
    let link = link.map(Link::as_str).unwrap_or_default();
    let length = u16::try_from(link.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let mut message = address.secret.into_bytes();
    message.extend_from_slice(&length.to_be_bytes());
    message.extend_from_slice(link.as_bytes());
    stream.write_all(&message).await?;
    let mut heard = [0; ANSWER.len()];
    stream.read_exact(&mut heard).await?;
    if heard == *ANSWER { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}

fn address_file(data_dir: &Path) -> PathBuf {
    data_dir.join("window-door.json")
}

fn fresh_secret() -> io::Result<String> {
    let mut bytes = [0; SECRET_LENGTH / 2];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Writes a file that only its owner can read, from its first byte on.
fn write_private(file: &Path, bytes: &[u8]) -> io::Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)?.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// A door, and how often somebody got through it.
    async fn counting_door(data_dir: &Path) -> (Door, Arc<AtomicUsize>) {
        let knocks = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&knocks);
        let opened = Door::open_for(data_dir, move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
        });
        (opened.await.unwrap(), knocks)
    }

    #[tokio::test]
    async fn a_knock_is_answered_while_the_door_is_held_and_not_after() {
        let data_dir = tempfile::tempdir().unwrap();
        assert!(!ask_to_come_forward(data_dir.path(), None).await, "nobody is there yet");

        let (door, knocks) = counting_door(data_dir.path()).await;
        assert!(ask_to_come_forward(data_dir.path(), None).await);
        assert!(ask_to_come_forward(data_dir.path(), None).await);
        assert_eq!(knocks.load(Ordering::SeqCst), 2);

        drop(door);
        assert!(!address_file(data_dir.path()).exists());
        assert!(!ask_to_come_forward(data_dir.path(), None).await);
    }

    #[tokio::test]
    async fn a_wrong_secret_moves_nothing() {
        let data_dir = tempfile::tempdir().unwrap();
        let (door, knocks) = counting_door(data_dir.path()).await;
        let file = address_file(data_dir.path());
        let mut address: Address = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        address.secret = "0".repeat(SECRET_LENGTH);
        write_private(&file, &serde_json::to_vec(&address).unwrap()).unwrap();
        assert!(!ask_to_come_forward(data_dir.path(), None).await);
        assert_eq!(knocks.load(Ordering::SeqCst), 0);
        drop(door);
    }

    #[tokio::test]
    async fn a_link_is_handed_in_at_the_door() {
        let data_dir = tempfile::tempdir().unwrap();
        let (handed_in, mut received) = tokio::sync::mpsc::unbounded_channel();
        let door = Door::open_for(data_dir.path(), move |link| handed_in.send(link).unwrap()).await.unwrap();
        let links: [Link; 2] = ["momoland://room/a/b".parse().unwrap(), "momoland://join/c".parse().unwrap()];
        for link in &links {
            assert!(ask_to_come_forward(data_dir.path(), Some(link)).await);
        }
        for link in links {
            assert_eq!(received.recv().await.unwrap(), Some(link));
        }
        drop(door);
    }

    #[tokio::test]
    async fn a_link_waits_for_a_door_that_is_not_open_yet() {
        let data_dir = tempfile::tempdir().unwrap();
        let link: Link = "momoland://room/a".parse().unwrap();
        let (handed_in, mut received) = tokio::sync::mpsc::unbounded_channel();
        let (answered, door) = tokio::join!(await_door(data_dir.path(), Some(&link)), async {
            tokio::task::yield_now().await;
            Door::open_for(data_dir.path(), move |link| handed_in.send(link).unwrap()).await.unwrap()
        });
        assert!(answered);
        assert_eq!(received.recv().await.unwrap(), Some(link));
        drop(door);
    }

    #[tokio::test]
    async fn what_is_no_link_does_not_get_through_the_door() {
        let data_dir = tempfile::tempdir().unwrap();
        let (door, knocks) = counting_door(data_dir.path()).await;
        let address: Address = serde_json::from_slice(&std::fs::read(address_file(data_dir.path())).unwrap()).unwrap();
        let oversized = u16::MAX.to_be_bytes();
        let hostile = b"\x00\x13javascript:alert(1)";
        for said in [&oversized[..], hostile] {
            let mut stream = TcpStream::connect(("127.0.0.1", address.port)).await.unwrap();
            stream.write_all(address.secret.as_bytes()).await.unwrap();
            stream.write_all(said).await.unwrap();
            let mut heard = Vec::new();
            // Closed with bytes unread, a connection may be reset: that is no answer either.
            let _ = stream.read_to_end(&mut heard).await;
            assert!(heard.is_empty());
        }
        assert_eq!(knocks.load(Ordering::SeqCst), 0);
        drop(door);
    }
}
