//! The server of a demonstration: a `momoland-server` process on a loopback port of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::Instant;

const PROGRAM: &str = if cfg!(windows) { "momoland-server.exe" } else { "momoland-server" };

/// How long a start may take on a slow disk.
const READY_WITHIN: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServerError {
    #[error(
        "{PROGRAM} was found neither beside momo nor on the PATH ({0}). Build it with `cargo build --bins`, or install it \
         beside momo."
    )]
    Missing(std::io::Error),
    #[error("No port could be had for the server of the demonstration: {0}.")]
    Port(std::io::Error),
    #[error("The server of the demonstration ended at once. What it said stands above.")]
    Ended,
    #[error("The server of the demonstration was not ready within {} s.", READY_WITHIN.as_secs())]
    Late,
    #[error("The server of the demonstration could not be stopped: {0}.")]
    Unstoppable(std::io::Error),
}

/// A server over one folder and one port, which outlive its process.
#[derive(Debug)]
pub(super) struct ServerProcess {
    address: SocketAddr,
    shown: String,
    data: PathBuf,
    child: Option<Child>,
}

impl ServerProcess {
    pub(super) async fn start(data: &Path) -> Result<Self, ServerError> {
        let address = free_address().await.map_err(ServerError::Port)?;
        let mut server = Self { address, shown: address.to_string(), data: data.to_owned(), child: None };
        server.restart().await?;
        Ok(server)
    }

    /// Starts it where it is not running, and waits until it answers.
    pub(super) async fn restart(&mut self) -> Result<(), ServerError> {
        if self.is_running() {
            return Ok(());
        }
        // Beside this program, as `cargo build` and packages have it; else wherever the system finds it.
        let beside = std::env::current_exe().ok().map(|own| own.with_file_name(PROGRAM)).filter(|path| path.is_file());
        let mut command = Command::new(beside.unwrap_or_else(|| PROGRAM.into()));
        command
            .env("MOMOLAND_LISTEN", &self.shown)
            .env("MOMOLAND_DATA", &self.data)
            .env("MOMOLAND_LOG", std::env::var("MOMOLAND_LOG").unwrap_or_else(|_| "error".to_owned()))
            // A pipe that nothing is written into: the system closes it when this process is gone, even by SIGKILL, and
            // the server goes with it.
            .arg("--until-stdin-closes")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            // A signal at the terminal is for momo, which then ends this one.
            .kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        self.child = Some(command.spawn().map_err(ServerError::Missing)?);
        let until = Instant::now() + READY_WITHIN;
        while !is_ready(self.address).await {
            if !self.is_running() {
                return Err(ServerError::Ended);
            }
            if Instant::now() > until {
                self.kill().await?;
                return Err(ServerError::Late);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Kills it as a power cut would.
    pub(super) async fn kill(&mut self) -> Result<(), ServerError> {
        match self.child.take() {
            Some(mut child) => child.kill().await.map_err(ServerError::Unstoppable),
            None => Ok(()),
        }
    }

    pub(super) fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// As a person types it.
    pub(super) fn address(&self) -> &str {
        &self.shown
    }
}

async fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()
}

async fn is_ready(address: SocketAddr) -> bool {
    let asked = async {
        let mut stream = TcpStream::connect(address).await?;
        let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut status = [0; 12];
        stream.read_exact(&mut status).await?;
        std::io::Result::Ok(status == *b"HTTP/1.1 200")
    };
    tokio::time::timeout(Duration::from_secs(1), asked).await.is_ok_and(|answered| answered.unwrap_or(false))
}
