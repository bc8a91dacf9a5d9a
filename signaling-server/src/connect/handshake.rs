//! Who is at the other end of a WebSocket: token and device proof, within a time limit.
//!
//! The server says hello with a nonce; the device answers with its access token and a signature over both nonces and
//! both keys (`protocol::handshake`). A failure ends in a goodbye that says what to do, and counts against the address.

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use momoland_protocol::cbor;
use momoland_protocol::certificate::DeviceCertificate;
use momoland_protocol::clock::UnixMillis;
use momoland_protocol::handshake::{ServerTranscript, VERSION};
use momoland_protocol::id::{Nonce, random};
use momoland_protocol::limits::{CERTIFICATE_BYTES_MAX, FRAME_BYTES_MAX};
use momoland_protocol::server::{
    ClientFrame, ClientHello, Goodbye, GoodbyeReason, Profile, ServerFrame, ServerHello, Welcome,
};
use momoland_protocol::signed::Signed;
use tokio_tungstenite::tungstenite::Message;

use super::socket::Socket;
use crate::accounts::AccountError;
use crate::accounts::tokens::TokenError;
use crate::limits::addresses::ClientAddress;
use crate::relay::outbox::encode;
use crate::rooms::Peer;
use crate::{App, AuthenticateError};

/// When to come back while the store cannot be read, milliseconds.
const UNAVAILABLE_RETRY_MS: u64 = 5_000;

/// Messages that are neither the hello nor an end: pings, at most. More before the hello are a flood.
const OTHERS_BEFORE_HELLO_MAX: usize = 16;

/// A device that has proved who it is.
#[derive(Debug)]
pub(super) struct Authenticated {
    pub(super) peer: Peer,
    pub(super) welcome: Welcome,
}

/// How a handshake can fail.
#[derive(Debug)]
pub(super) enum Failed {
    /// With something to say.
    Refused(Goodbye),
    /// The other end went.
    Gone,
}

/// Authenticates the other end of a fresh socket.
///
/// # Errors
/// [`Failed`].
pub(super) async fn authenticate(
    app: &Arc<App>,
    address: ClientAddress,
    socket: &mut Socket,
) -> Result<Authenticated, Failed> {
    let server_nonce = Nonce(random());
    let server = app.keys.server_key();
    let hello = ServerFrame::Hello(ServerHello { version: VERSION, server, nonce: server_nonce });
    send(app, socket, &hello).await?;
    let hello = tokio::time::timeout(app.config.limits.handshake_timeout, receive_hello(app, socket))
        .await
        .map_err(|_| protocol("No hello came in time."))??;
    if hello.version != VERSION {
        return Err(refused(
            GoodbyeReason::Version,
            format!("This server speaks version {VERSION}, this app version {}. Update the older one.", hello.version),
        ));
    }
    let transcript = ServerTranscript { server_nonce, client_nonce: hello.nonce, server, device: hello.device };
    if transcript.verify_device(&hello.proof).is_err() {
        count_failure(app, address, "device_proof");
        return Err(refused(GoodbyeReason::Unauthorized, "The device did not prove its key for this connection."));
    }
    let token =
        app.tokens.check_access(&hello.access_token).map_err(|error| unauthenticated(app, address, error.into()))?;
    if token.device != hello.device {
        count_failure(app, address, "foreign_token");
        return Err(refused(GoodbyeReason::Unauthorized, "The access token is another device's."));
    }
    // All that the store knows, in one question: each is a way to another thread and back.
    let found = app
        .blocking(move |app| {
            app.accounts.session(&token)?;
            let device = app.accounts.device(token.device)?;
            let account = app.accounts.account(token.account)?;
            Ok(device
                .zip(account)
                .map(|(device, account)| (device, app.accounts.administers(&account.record), account)))
        })
        .await
        .map_err(|error| unauthenticated(app, address, error.into()))?;
    let Some((device, admin, account)) = found else {
        return Err(refused(GoodbyeReason::Revoked, "This device is not signed in. Sign in again."));
    };
    if device.revoked_at_ms.is_some() {
        return Err(refused(GoodbyeReason::Revoked, "This device was revoked. Sign in with a new device key."));
    }
    let certificate: Signed<DeviceCertificate> = cbor::decode(&device.certificate, CERTIFICATE_FORM_BYTES_MAX)
        .map_err(|error| {
            tracing::error!(%error, device = %token.device, "a certificate in the store is not readable");
            refused(GoodbyeReason::Revoked, "This device's certificate is damaged. Sign in with a new device key.")
        })?;
    let welcome = Welcome {
        proof: transcript.prove_server(app.keys.identity()),
        account: token.account,
        certificate,
        time: UnixMillis(app.clock.unix_ms()),
        profile: Profile {
            account: token.account,
            handle: account.record.handle,
            display_name: account.record.display_name,
        },
        admin,
    };
    Ok(Authenticated { peer: Peer { device: token.device, account: token.account }, welcome })
}

/// Bytes of a certificate with its signature.
const CERTIFICATE_FORM_BYTES_MAX: usize = CERTIFICATE_BYTES_MAX + 128;

async fn receive_hello(app: &Arc<App>, socket: &mut Socket) -> Result<ClientHello, Failed> {
    for _ in 0..OTHERS_BEFORE_HELLO_MAX {
        match socket.next().await {
            Some(Ok(Message::Binary(bytes))) => {
                app.metrics.ws_frames_in.increment();
                app.metrics.ws_bytes_in.add(bytes.len() as u64);
                return match cbor::decode(&bytes, FRAME_BYTES_MAX) {
                    Ok(ClientFrame::Hello(hello)) => Ok(hello),
                    Ok(_) => Err(protocol("The first frame must be a hello.")),
                    Err(error) => Err(protocol(format!("The hello is {error}."))),
                };
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            Some(Ok(Message::Text(_))) => return Err(protocol("Frames are binary messages.")),
            Some(Err(error)) => return Err(protocol(format!("The WebSocket broke: {error}."))),
            Some(Ok(Message::Close(_))) | None => return Err(Failed::Gone),
        }
    }
    Err(protocol("The first frame must be a hello."))
}

async fn send(app: &Arc<App>, socket: &mut Socket, frame: &ServerFrame) -> Result<(), Failed> {
    let bytes = encode(frame);
    app.metrics.ws_frames_out.increment();
    app.metrics.ws_bytes_out.add(bytes.len() as u64);
    let sending = tokio::time::timeout(app.config.limits.handshake_timeout, socket.send(Message::Binary(bytes)));
    match sending.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Failed::Gone),
    }
}

fn unauthenticated(app: &Arc<App>, address: ClientAddress, error: AuthenticateError) -> Failed {
    match error {
        // Clients come with a token that has just expired; that is no attack.
        AuthenticateError::Token(TokenError::Expired) => {
            refused(GoodbyeReason::Unauthorized, TokenError::Expired.to_string())
        }
        AuthenticateError::Token(error @ (TokenError::Foreign | TokenError::TooEarly)) => {
            count_failure(app, address, "access_token");
            refused(GoodbyeReason::Unauthorized, error.to_string())
        }
        AuthenticateError::Account(error @ AccountError::NotSignedIn) => {
            refused(GoodbyeReason::Revoked, error.to_string())
        }
        AuthenticateError::Account(error) => unavailable(&error),
    }
}

fn count_failure(app: &Arc<App>, address: ClientAddress, reason: &'static str) {
    app.metrics.auth_failures.increment(reason);
    app.limits.count_failure(address);
}

fn unavailable(error: &AccountError) -> Failed {
    tracing::error!(%error, "a device could not be authenticated");
    Failed::Refused(Goodbye {
        reason: GoodbyeReason::ShuttingDown,
        sentence: "The server cannot read its store at the moment. Try again later.".to_owned(),
        retry_after_ms: Some(UNAVAILABLE_RETRY_MS),
    })
}

fn protocol(sentence: impl Into<String>) -> Failed {
    refused(GoodbyeReason::Protocol, sentence)
}

fn refused(reason: GoodbyeReason, sentence: impl Into<String>) -> Failed {
    Failed::Refused(Goodbye { reason, sentence: sentence.into(), retry_after_ms: None })
}
