//! The door at which a second start on the same data folder knocks, so that the first one's window comes forward.
//!
//! The process that holds the data folder listens on a loopback port and leaves `{port, secret}` in the folder,
//! readable by its owner alone. A second process reads the file, sends the secret, and is answered once the window
//! was told. It goes by data folder, not by application: two people of one machine can have a window each.
//!
//! Not here: refusing the second process. That is the data folder's lock, in the engine.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tauri::AppHandle;
use tauri::async_runtime::JoinHandle;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::window;

/// For one knock, from connecting to the answer. A second process has to end within two seconds.
const KNOCK_TIMEOUT: Duration = Duration::from_millis(800);
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
        Self::open_for(data_dir, move || window::come_forward(&app)).await
    }

    async fn open_for(data_dir: &Path, on_knock: impl Fn() + Send + Sync + 'static) -> io::Result<Self> {
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

async fn answer(mut stream: TcpStream, secret: &str, on_knock: &(impl Fn() + Sync)) -> io::Result<()> {
    let mut heard = [0; SECRET_LENGTH];
    stream.read_exact(&mut heard).await?;
    if heard == secret.as_bytes() {
        on_knock();
        stream.write_all(ANSWER).await?;
    }
    Ok(())
}

/// Knocks at the door of the process that holds `data_dir`. `false` if none answers: it has no window (`momo` has
/// none), or the file was left by a process that was killed.
pub(crate) async fn ask_to_come_forward(data_dir: &Path) -> bool {
    matches!(tokio::time::timeout(KNOCK_TIMEOUT, knock(data_dir)).await, Ok(Ok(())))
}

async fn knock(data_dir: &Path) -> io::Result<()> {
    let address: Address = serde_json::from_slice(&tokio::fs::read(address_file(data_dir)).await?)?;
    let mut stream = TcpStream::connect(("127.0.0.1", address.port)).await?;
    stream.write_all(address.secret.as_bytes()).await?;
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

    #[tokio::test]
    async fn a_knock_is_answered_while_the_door_is_held_and_not_after() {
        let data_dir = tempfile::tempdir().unwrap();
        assert!(!ask_to_come_forward(data_dir.path()).await, "nobody is there yet");

        let knocks = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&knocks);
        let door = Door::open_for(data_dir.path(), move || {
            counted.fetch_add(1, Ordering::SeqCst);
        })
        .await
        .unwrap();
        assert!(ask_to_come_forward(data_dir.path()).await);
        assert!(ask_to_come_forward(data_dir.path()).await);
        assert_eq!(knocks.load(Ordering::SeqCst), 2);

        drop(door);
        assert!(!address_file(data_dir.path()).exists());
        assert!(!ask_to_come_forward(data_dir.path()).await);
    }

    #[tokio::test]
    async fn a_wrong_secret_moves_nothing() {
        let data_dir = tempfile::tempdir().unwrap();
        let knocks = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&knocks);
        let door = Door::open_for(data_dir.path(), move || {
            counted.fetch_add(1, Ordering::SeqCst);
        })
        .await
        .unwrap();
        let file = address_file(data_dir.path());
        let mut address: Address = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        address.secret = "0".repeat(SECRET_LENGTH);
        write_private(&file, &serde_json::to_vec(&address).unwrap()).unwrap();
        assert!(!ask_to_come_forward(data_dir.path()).await);
        assert_eq!(knocks.load(Ordering::SeqCst), 0);
        drop(door);
    }
}
