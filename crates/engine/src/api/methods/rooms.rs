//! `rooms.*`: steps that end in a signed roster change which the server puts in order.
//!
//! Somebody else's change may come between; then the roster is fetched or awaited and the change signed anew.

use std::time::Duration;

use momoland_protocol::id::{AccountId, DeviceId, InviteKey, Nonce, RoomId, RosterHash, random};
use momoland_protocol::roster::{
    Founder, Genesis, History, InviteProof, Posting, Role as WireRole, RoomKind as WireKind, RosterOp, Settings,
    Visibility as WireVisibility,
};
use momoland_protocol::server::{RefusalKind, Request, Response};
use momoland_protocol::signed::SecretKey;
use momoland_replica::roster::Roster;
use tokio::time::Instant;

use super::{id, kept};
use crate::api::error::{ApiError, ErrorKind};
use crate::api::invite::InviteContent;
use crate::api::types::{
    CreateRoomParams, DirectParams, Directory, DirectoryRoom, Done, Invite, InviteParams, JoinRoomParams, Members,
    NoParams, RemoveMemberParams, Role, RoomCreated, RoomKind, RoomParams, Rooms, SetRoleParams, UpdateRoomParams,
    Visibility,
};
use crate::engine::{Engine, Home, RequestFailure, no_such_room};

/// How long a change is signed anew because somebody else's came first (C30: settled within 15 s).
const TRYING_TIME_MAX: Duration = Duration::from_secs(10);

/// How long a room may take to arrive after one joined it.
const ARRIVAL_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an invite holds unless said otherwise, seconds.
const INVITE_TTL_S: u64 = 7 * 24 * 3_600;

/// The longest that an invite may hold, seconds: a year.
const INVITE_TTL_S_MAX: u64 = 366 * 24 * 3_600;

pub(super) async fn create(engine: &Engine, params: CreateRoomParams) -> Result<RoomCreated, ApiError> {
    if params.kind == RoomKind::Direct {
        return Err(ApiError::invalid("A direct room is opened with rooms.direct, which names the other person."));
    }
    let name = params.name.trim().to_owned();
    if name.is_empty() {
        return Err(ApiError::invalid("A room needs a name."));
    }
    let settings = Settings {
        name,
        topic: params.topic.unwrap_or_default().trim().to_owned(),
        visibility: wire_visibility(params.visibility),
        history: History::All,
        posting: Posting::Members,
    };
    let submitted = engine
        .with_home(move |home| {
            let device = home.key.device();
            let genesis = Genesis::Made { kind: WireKind::Chat, device, nonce: Nonce(random()) };
            let certificates = vec![home.account.certificate.clone()];
            let founders = vec![Founder { account: home.account.id, role: WireRole::Owner, certificates }];
            let room = genesis.room();
            let op = RosterOp::Create { genesis, settings, founders };
            let change = home.sign_change_after(room, RosterHash::ZERO, op, Vec::new())?;
            Ok((room, home.request(Request::SubmitChange { change })))
        })
        .await?;
    let (room, answered) = submitted;
    accept(engine, answer(answered).await?).await?;
    arrive(engine, room).await?;
    Ok(RoomCreated { room_id: room.to_string() })
}

pub(super) async fn list(engine: &Engine, NoParams {}: NoParams) -> Result<Rooms, ApiError> {
    engine.with_home(|home| Ok(Rooms { rooms: home.rooms() })).await
}

pub(super) async fn directory(engine: &Engine, NoParams {}: NoParams) -> Result<Directory, ApiError> {
    let mut rooms = Vec::new();
    let mut after = None;
    loop {
        let answered = engine.with_home(move |home| Ok(home.request(Request::Directory { after }))).await?;
        let Response::Directory { rooms: page, next } = answer(answered).await? else {
            return Err(RequestFailure::Unexpected.into());
        };
        rooms.extend(page);
        after = next;
        if after.is_none() || rooms.len() >= DIRECTORY_ROOMS_MAX {
            break;
        }
    }
    engine
        .with_home(move |home| {
            let rooms = rooms.into_iter().map(|entry| DirectoryRoom {
                room_id: entry.room.to_string(),
                name: entry.name,
                topic: entry.topic,
                member_count: entry.members,
                joined: home.has_room(entry.room),
            });
            Ok(Directory { rooms: rooms.collect() })
        })
        .await
}

/// Rooms that one call of `rooms.directory` gathers.
const DIRECTORY_ROOMS_MAX: usize = 1_000;

pub(super) async fn join(engine: &Engine, params: JoinRoomParams) -> Result<RoomCreated, ApiError> {
    let (room, secret) = match (params.room_id, params.invite) {
        (Some(room), None) => (id::<RoomId>(&room, "room")?, None),
        (None, Some(invite)) => {
            let content = InviteContent::read(&invite).ok_or_else(|| {
                ApiError::invalid(
                    "This is not an invite. It is one line that begins with momoland://join/; copy it whole.",
                )
            })?;
            let own = engine.with_home(|home| Ok(home.account.server_key)).await?;
            if content.server_key != own {
                return Err(ApiError::new(
                    ErrorKind::Conflict,
                    format!("This invite is for another server, {}. Sign in there to use it.", content.server),
                ));
            }
            (content.room, Some(SecretKey::from_seed(&content.secret.0)))
        }
        (Some(_), Some(_)) | (None, None) => {
            return Err(ApiError::invalid("Give the id of a public room, or an invite."));
        }
    };
    let is_in = move |home: &mut Home| {
        if home.is_own_room(room) {
            return Err(no_such_room());
        }
        Ok(home.has_room(room))
    };
    if !engine.with_home(is_in).await? {
        enter(engine, room, secret).await?;
    }
    Ok(RoomCreated { room_id: room.to_string() })
}

/// Joins a public room, or with the secret of an invite another; gives way while others' changes come first.
pub(super) async fn enter(engine: &Engine, room: RoomId, secret: Option<SecretKey>) -> Result<(), ApiError> {
    let until = Instant::now() + TRYING_TIME_MAX;
    let mut tries = 0;
    while Instant::now() < until {
        let of_preview = secret.clone();
        let answered = engine
            .with_home(move |home| {
                let device = home.key.device();
                let invite = of_preview.map(|secret| InviteProof::new(&secret, room, device));
                Ok(home.request(Request::Preview { room, invite }))
            })
            .await?;
        let Response::Preview { entry: _, head } = answer(answered).await? else {
            return Err(RequestFailure::Unexpected.into());
        };
        let of_join = secret.clone();
        let answered = engine
            .with_home(move |home| {
                let invite = of_join.map(|secret| InviteProof::new(&secret, room, home.key.device()));
                let op = RosterOp::Join { certificate: home.account.certificate.clone(), invite };
                let change = home.sign_change_after(room, head, op, Vec::new())?;
                Ok(home.request(Request::SubmitChange { change }))
            })
            .await?;
        match answered.await.unwrap_or(Err(RequestFailure::Offline)) {
            Ok(_) => {
                // The relay sends the roster from its beginning; the change alone would not fit what is held here.
                return arrive(engine, room).await;
            }
            Err(failure) if is_stale(&failure) => {
                tries += 1;
                step_aside(tries).await;
            }
            Err(failure) => return Err(failure.into()),
        }
    }
    Err(too_busy())
}

/// Spreads those who try at the same moment: each time one of them wins.
async fn step_aside(tries: u32) {
    let longest = Duration::from_millis(8 << tries.min(6));
    let fraction = f64::from(u32::from_be_bytes(random())) / f64::from(u32::MAX);
    tokio::time::sleep(longest.mul_f64(fraction)).await;
}

pub(super) async fn leave(engine: &Engine, params: RoomParams) -> Result<Done, ApiError> {
    let room: RoomId = id(&params.room_id, "room")?;
    change(engine, room, RosterOp::Leave).await?;
    let forgotten = move |home: &mut Home| {
        home.forget_choices(room);
        Ok(())
    };
    engine.with_home(forgotten).await?;
    depart(engine, room).await?;
    Ok(Done {})
}

pub(super) async fn invite(engine: &Engine, params: InviteParams) -> Result<Invite, ApiError> {
    let room: RoomId = id(&params.room_id, "room")?;
    let ttl_s = params.ttl_s.unwrap_or(INVITE_TTL_S);
    if !(1..=INVITE_TTL_S_MAX).contains(&ttl_s) || params.max_uses == Some(0) {
        return Err(ApiError::invalid("An invite holds from a second to a year, and for at least one person."));
    }
    let role = params.role.map_or(WireRole::Member, wire_role);
    let secret = SecretKey::generate();
    let invite = InviteKey(secret.public());
    let (expires_at, server, server_key) = engine
        .with_home(move |home| {
            let now = home.wall();
            let expires_at = momoland_protocol::clock::UnixMillis(now.0 + ttl_s * 1_000);
            Ok((expires_at, home.account.server.to_string(), home.account.server_key))
        })
        .await?;
    change(engine, room, RosterOp::OpenInvite { invite, role, uses_max: params.max_uses, expires_at }).await?;
    let content = InviteContent { server, server_key, room, secret: Nonce(*secret.seed()) };
    Ok(Invite { invite: content.write() })
}

pub(super) async fn members(engine: &Engine, params: RoomParams) -> Result<Members, ApiError> {
    let room: RoomId = id(&params.room_id, "room")?;
    engine
        .with_home(move |home| {
            let roster = home.require_member(room)?;
            let mut members: Vec<_> = roster.members().map(|member| home.member(member.account, member.role)).collect();
            members.sort_by_cached_key(|member| (member.display_name.to_lowercase(), member.user_id.clone()));
            Ok(Members { members })
        })
        .await
}

pub(super) async fn set_role(engine: &Engine, params: SetRoleParams) -> Result<Done, ApiError> {
    let room: RoomId = id(&params.room_id, "room")?;
    let account: AccountId = id(&params.user_id, "person")?;
    change(engine, room, RosterOp::SetRole { account, role: wire_role(params.role) }).await?;
    Ok(Done {})
}

pub(super) async fn remove(engine: &Engine, params: RemoveMemberParams) -> Result<Done, ApiError> {
    let room: RoomId = id(&params.room_id, "room")?;
    let account: AccountId = id(&params.user_id, "person")?;
    change(engine, room, RosterOp::Remove { account, ban: params.ban.unwrap_or(false) }).await?;
    Ok(Done {})
}

pub(super) async fn update(engine: &Engine, params: UpdateRoomParams) -> Result<Done, ApiError> {
    let room: RoomId = id(&params.room_id, "room")?;
    let UpdateRoomParams { room_id: _, name, topic, visibility } = params;
    // Of the settings at the moment of each try, so that two who change different things both succeed.
    let configure = move |roster: &Roster| {
        let mut settings = roster.settings().clone();
        if let Some(name) = &name {
            name.trim().clone_into(&mut settings.name);
        }
        if let Some(topic) = &topic {
            topic.trim().clone_into(&mut settings.topic);
        }
        if let Some(visibility) = visibility {
            settings.visibility = wire_visibility(visibility);
        }
        RosterOp::Configure { settings }
    };
    change_by(engine, room, configure).await?;
    Ok(Done {})
}

pub(super) async fn direct(engine: &Engine, params: DirectParams) -> Result<RoomCreated, ApiError> {
    let other: AccountId = id(&params.user_id, "person")?;
    let opened = engine
        .with_home(move |home| {
            let own = home.account.id;
            if other == own {
                return Err(ApiError::invalid("A direct room is with somebody else."));
            }
            let genesis = Genesis::direct(home.account.server_key, own, other);
            let room = genesis.room();
            if home.has_room(room) {
                return Ok((room, None));
            }
            let settings = Settings {
                name: String::new(),
                topic: String::new(),
                visibility: WireVisibility::Private,
                history: History::All,
                posting: Posting::Members,
            };
            let certificates = vec![home.account.certificate.clone()];
            let founders = vec![
                Founder { account: own, role: WireRole::Owner, certificates },
                Founder { account: other, role: WireRole::Owner, certificates: Vec::new() },
            ];
            let op = RosterOp::Create { genesis, settings, founders };
            let change = home.sign_change_after(room, RosterHash::ZERO, op, Vec::new())?;
            Ok((room, Some(home.request(Request::SubmitChange { change }))))
        })
        .await?;
    let (room, answered) = opened;
    if let Some(answered) = answered {
        match answered.await.unwrap_or(Err(RequestFailure::Offline)) {
            Ok(response) => accept(engine, response).await?,
            // The other side was faster: the room is there, and on its way to us.
            Err(failure) if is_stale(&failure) => {}
            Err(failure) => return Err(failure.into()),
        }
        arrive(engine, room).await?;
    }
    Ok(RoomCreated { room_id: room.to_string() })
}

/// Takes a device of one's own out of all rooms. One that cannot be changed now does not keep the others from it; the
/// first failure is the answer.
pub(super) async fn revoke_everywhere(engine: &Engine, device: DeviceId) -> Result<(), ApiError> {
    kept(engine.with_home(move |home| Ok(home.take_over_choices(device))).await?).await?;
    let rooms = engine
        .with_home(move |home| {
            // Feeds, and the own room, are in no list of rooms.
            Ok(home.rooms_with(device))
        })
        .await?;
    let mut failed = None;
    for room in rooms {
        if let Err(error) = change_in(engine, room, move |_| RosterOp::RevokeDevice { device }).await {
            failed.get_or_insert(error);
        }
    }
    failed.map_or(Ok(()), Err)
}

/// Makes a change to a room that one is in; signs it anew while others' changes come first.
pub(super) async fn change(engine: &Engine, room: RoomId, op: RosterOp) -> Result<(), ApiError> {
    change_by(engine, room, move |_| op.clone()).await
}

/// As [`change`], with what is to be done as the roster of each try has it.
pub(super) async fn change_by(
    engine: &Engine,
    room: RoomId,
    op: impl Fn(&Roster) -> RosterOp + Clone + Send + 'static,
) -> Result<(), ApiError> {
    engine.with_home(move |home| home.require_member(room).map(|_| ())).await?;
    change_in(engine, room, op).await
}

/// As [`change_by`], in the own room as well.
async fn change_in(
    engine: &Engine,
    room: RoomId,
    op: impl Fn(&Roster) -> RosterOp + Clone + Send + 'static,
) -> Result<(), ApiError> {
    let until = Instant::now() + TRYING_TIME_MAX;
    let mut tries = 0;
    while Instant::now() < until {
        let op = op.clone();
        let (held, answered) = engine
            .with_home(move |home| {
                let roster = home.member_roster(room)?;
                let (held, op) = (roster.version(), op(roster));
                let change = home.sign_change(room, op)?;
                Ok((held, home.request(Request::SubmitChange { change })))
            })
            .await?;
        match answered.await.unwrap_or(Err(RequestFailure::Offline)) {
            Ok(response) => return accept(engine, response).await,
            Err(failure) if is_stale(&failure) => {
                wait_for_growth(engine, room, held).await?;
                tries += 1;
                step_aside(tries).await;
            }
            Err(failure) => return Err(failure.into()),
        }
    }
    Err(too_busy())
}

async fn accept(engine: &Engine, response: Response) -> Result<(), ApiError> {
    let Response::Accepted { change } = response else { return Err(RequestFailure::Unexpected.into()) };
    engine
        .with_home(move |home| {
            home.take_changes(vec![change]);
            Ok(())
        })
        .await
}

async fn answer(
    answered: tokio::sync::oneshot::Receiver<Result<Response, RequestFailure>>,
) -> Result<Response, ApiError> {
    Ok(answered.await.unwrap_or(Err(RequestFailure::Offline))?)
}

/// Between two looks at whether a room is gone, where nothing else happens.
const DEPARTED_LOOK: Duration = Duration::from_millis(20);

/// Waits until a room that one left is gone from here: who comes back at once would else be put out by its late end.
async fn depart(engine: &Engine, room: RoomId) -> Result<(), ApiError> {
    let mut events = engine.events();
    let until = Instant::now() + ARRIVAL_TIMEOUT;
    while engine.with_home(move |home| Ok(home.holds_room(room))).await? && Instant::now() < until {
        // Any event is an occasion to look; none is needed.
        let _ = tokio::time::timeout(DEPARTED_LOOK, events.next()).await;
    }
    Ok(())
}

/// Waits until a room that one joined is here.
async fn arrive(engine: &Engine, room: RoomId) -> Result<(), ApiError> {
    let mut events = engine.events();
    let arrived = async {
        loop {
            if engine.with_home(move |home| Ok(home.has_room(room))).await? {
                return Ok(());
            }
            if events.next().await.is_none() {
                return Err(ApiError::from(RequestFailure::Offline));
            }
        }
    };
    tokio::time::timeout(ARRIVAL_TIMEOUT, arrived).await.unwrap_or_else(|_| {
        Err(ApiError::new(ErrorKind::Offline, "You are in the room, but it has not arrived yet; it will by itself."))
    })
}

/// Waits until the roster that made a change stale is here.
async fn wait_for_growth(engine: &Engine, room: RoomId, held: u64) -> Result<(), ApiError> {
    let mut events = engine.events();
    let grown = async {
        loop {
            let version = engine.with_home(move |home| Ok(home.member_roster(room)?.version())).await?;
            if version > held {
                return Ok(());
            }
            if events.next().await.is_none() {
                return Err(ApiError::from(RequestFailure::Offline));
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(5), grown).await.unwrap_or_else(|_| Err(too_busy()))
}

fn is_stale(failure: &RequestFailure) -> bool {
    matches!(failure, RequestFailure::Refused(refusal) if refusal.kind == RefusalKind::Stale)
}

fn too_busy() -> ApiError {
    ApiError::new(ErrorKind::Conflict, "Others are changing this room just now. Nothing was changed; try again.")
}

fn wire_visibility(visibility: Visibility) -> WireVisibility {
    match visibility {
        Visibility::Private => WireVisibility::Private,
        Visibility::Public => WireVisibility::Public,
    }
}

fn wire_role(role: Role) -> WireRole {
    match role {
        Role::Reader => WireRole::Reader,
        Role::Member => WireRole::Member,
        Role::Moderator => WireRole::Moderator,
        Role::Owner => WireRole::Owner,
    }
}
