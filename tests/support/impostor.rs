//! Somebody at a port who speaks HTTP but is no Momoland server, or one of another time.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Answers every request with the same status and body.
#[derive(Debug)]
pub struct Impostor {
    port: u16,
    ended: Arc<AtomicBool>,
    answering: Option<JoinHandle<()>>,
}

impl Impostor {
    pub fn start(status: u16, content_type: &str, body: &str) -> Self {
        Self::start_at(crate::server::free_port(), status, content_type, body)
    }

    /// Where somebody else was.
    pub fn start_at(port: u16, status: u16, content_type: &str, body: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port was free a moment ago");
        let ended = Arc::new(AtomicBool::new(false));
        let answer = format!(
            "HTTP/1.1 {status} So\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        let answering = std::thread::spawn({
            let ended = Arc::clone(&ended);
            move || {
                for client in listener.incoming().flatten() {
                    if ended.load(Ordering::Acquire) {
                        return;
                    }
                    serve(client, &answer);
                }
            }
        });
        Self { port, ended, answering: Some(answering) }
    }

    /// Somebody who speaks TLS with a certificate of their own making, as a server does whose certificate is over, or
    /// whoever sits in between.
    pub fn start_with_own_certificate() -> Self {
        let port = crate::server::free_port();
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port was free a moment ago");
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a certificate can be made");
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has them")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.into())
            .expect("the key is the certificate's");
        let (config, ended) = (Arc::new(config), Arc::new(AtomicBool::new(false)));
        let answering = std::thread::spawn({
            let ended = Arc::clone(&ended);
            move || {
                for mut client in listener.incoming().flatten() {
                    if ended.load(Ordering::Acquire) {
                        return;
                    }
                    let mut session =
                        rustls::ServerConnection::new(Arc::clone(&config)).expect("the settings are whole");
                    // Who does not trust it says so and goes: that is an error here, and what is waited for.
                    while session.is_handshaking() && session.complete_io(&mut client).is_ok() {}
                }
            }
        });
        Self { port, ended, answering: Some(answering) }
    }

    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// Reads a request as far as it comes at once, which a small one does, and answers it.
fn serve(mut client: TcpStream, answer: &str) {
    let mut request = [0; 16 * 1024];
    let read = client.read(&mut request);
    // The client may be gone; it is the one that is tested.
    let _ = read.and_then(|_| client.write_all(answer.as_bytes()));
}

impl Drop for Impostor {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        // Wakes the listener.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(answering) = self.answering.take() {
            let _ = answering.join();
        }
    }
}
