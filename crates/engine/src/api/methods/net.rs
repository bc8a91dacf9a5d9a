//! `net.*`: links and what stands in their way.

use crate::api::error::ApiError;
use crate::api::types::{Done, NetStatus, NoParams, ServerState, SetOnlineParams, SetPolicyParams};
use crate::engine::Engine;

pub(super) async fn status(engine: &Engine, NoParams {}: NoParams) -> Result<NetStatus, ApiError> {
    let nobody = NetStatus {
        server: ServerState::Offline,
        problem: None,
        peers: Vec::new(),
        online_count: 0,
        server_bytes_in: 0,
        server_bytes_out: 0,
    };
    engine.with_actor(|actor| actor.home().map_or(nobody, |home| home.net_status())).await
}

pub(super) async fn set_online(engine: &Engine, params: SetOnlineParams) -> Result<Done, ApiError> {
    engine
        .with_actor(move |actor| {
            actor.online = params.online;
            if let Some(home) = actor.home_mut() {
                home.set_online(params.online);
            }
            Done {}
        })
        .await
}

pub(super) async fn set_policy(engine: &Engine, params: SetPolicyParams) -> Result<Done, ApiError> {
    engine
        .with_actor(move |actor| {
            actor.policy = params.peers;
            if let Some(home) = actor.home_mut() {
                home.set_policy(params.peers);
            }
            Done {}
        })
        .await
}
