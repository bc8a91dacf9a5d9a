//! A device as the server sees one: a socket, the handshake, and a replica whose disk costs nothing.
//!
//! Thousands of them fit into this process, and none is slowed by a disk of its own, so that what is measured is the
//! server. Accounts are made in the server's data before it starts, without hashing passwords that nobody logs in with.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use momoland_protocol::cbor;
use momoland_protocol::certificate::DeviceCertificate;
use momoland_protocol::clock::{Hlc, UnixMillis};
use momoland_protocol::content::MessageContent;
use momoland_protocol::event::{Action, Body, BodyBytes};
use momoland_protocol::handshake::{ServerTranscript, VERSION};
use momoland_protocol::id::{AccountId, EventId, Nonce, RoomId, RosterHash, ServerKey, random};
use momoland_protocol::limits::FRAME_BYTES_MAX;
use momoland_protocol::roster::{
    CountersignedChange, Founder, Genesis, History, Posting, Role, RoomKind, RosterChange, RosterOp, Settings,
    Visibility,
};
use momoland_protocol::server::{ClientFrame, ClientHello, Request, Response, ServerFrame};
use momoland_protocol::signed::{SecretKey, Signed};
use momoland_replica::input::{Command, CommandId, Input, LinkId, Mono, Now, Remote};
use momoland_replica::output::{Notice, Output};
use momoland_replica::replica::{Config as ReplicaConfig, DurableState, Own, Replica};
use signaling_server::App;
use signaling_server::accounts::handles::Handle;
use signaling_server::accounts::{DisplayName, NewAccount};
use signaling_server::clock::Clock;
use signaling_server::config::Config;
use signaling_server::shutdown::Shutdown;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::bare_relay::Socket;

const LINK: LinkId = LinkId(1);

/// What a measurement that asks somebody who is disconnected is told.
const AWAY: &str = "who is disconnected sends and hears nothing";

/// What a member of the measured rooms keeps in memory; all of it.
const RECENT_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Between two tries to reach a server that does not answer.
const COME_BACK_EVERY: Duration = Duration::from_millis(50);

/// Where nothing is due, it is looked again after so long.
const IDLE: Duration = Duration::from_secs(60);

/// The changes of one room's roster, in order.
pub(crate) type Line = Vec<CountersignedChange>;

/// An account with one device, signed in.
#[derive(Debug, Clone)]
pub(crate) struct Registered {
    key: SecretKey,
    account: AccountId,
    token: String,
    certificate: Signed<DeviceCertificate>,
}

/// Makes so many accounts in the data of a server that is not running.
pub(crate) fn register(data: &Path, count: usize) -> Vec<Registered> {
    let mut config = Config::load(None, Vec::new()).expect("the defaults are sound");
    config.data = data.to_owned();
    let app = App::open(config, Clock::system(), Shutdown::new()).expect("new data opens");
    (0..count).map(|number| registered(&app, number)).collect()
}

fn registered(app: &App, number: usize) -> Registered {
    let key = SecretKey::generate();
    let account = NewAccount {
        handle: Handle::parse(&format!("member-{number}")).expect("a handle"),
        display_name: DisplayName::parse(&format!("Member {number}")).expect("a name"),
        password: "not hashed: nobody logs in with it".to_owned(),
        device: key.device(),
        device_name: DisplayName::parse("desk").expect("a name"),
    };
    let signed_in = app.accounts.register(&account).expect("the account is new");
    Registered {
        key,
        account: signed_in.account.id,
        token: signed_in.access_token,
        certificate: cbor::decode(&signed_in.certificate, FRAME_BYTES_MAX).expect("a certificate"),
    }
}

/// As a client has it: it reads less at once than the library would.
pub(crate) fn socket_config() -> WebSocketConfig {
    WebSocketConfig::default().read_buffer_size(16 * 1024)
}

/// Connects and signs the handshake, as far as the welcome.
pub(crate) async fn sign_in(port: u16, who: &Registered) -> (Socket, ServerKey) {
    try_sign_in(port, who).await.unwrap_or_else(|why| panic!("the server does not take the connection: {why}"))
}

/// Likewise; why not, where there is no server, or it says goodbye.
async fn try_sign_in(port: u16, who: &Registered) -> Result<(Socket, ServerKey), String> {
    let address = format!("ws://127.0.0.1:{port}/v1/connect");
    let connecting = tokio_tungstenite::connect_async_with_config(address, Some(socket_config()), true);
    let mut socket = connecting.await.map_err(|error| error.to_string())?.0;
    let hello = match receive(&mut socket).await.ok_or("it ended before the hello")? {
        ServerFrame::Hello(hello) => hello,
        ServerFrame::Goodbye(goodbye) => return Err(goodbye.sentence),
        other => panic!("a hello comes first, not {other:?}"),
    };
    let nonce = Nonce(random());
    let device = who.key.device();
    let transcript = ServerTranscript { server_nonce: hello.nonce, client_nonce: nonce, server: hello.server, device };
    let proof = transcript.prove_device(&who.key);
    let answer = ClientHello { version: VERSION, access_token: who.token.clone(), device, nonce, proof };
    send(&mut socket, &ClientFrame::Hello(answer)).await;
    match receive(&mut socket).await.ok_or("it ended before the welcome")? {
        ServerFrame::Welcome(welcome) => transcript.verify_server(&welcome.proof).expect("the server has its key"),
        ServerFrame::Goodbye(goodbye) => return Err(goodbye.sentence),
        other => panic!("no welcome: {other:?}"),
    }
    Ok((socket, hello.server))
}

/// Hands a frame over. That the socket broke is found where it is read from.
async fn send(socket: &mut Socket, frame: &ClientFrame) {
    let _ = socket.send(Message::Binary(cbor::encode(frame).into())).await;
}

/// The next frame; `None` where the connection ended.
///
/// # Cancel safety
/// A frame that was not given is given the next time.
async fn receive(socket: &mut Socket) -> Option<ServerFrame> {
    loop {
        if let Message::Binary(bytes) = socket.next().await?.ok()? {
            return Some(cbor::decode(&bytes, FRAME_BYTES_MAX).expect("the server sends frames"));
        }
    }
}

/// Makes the first one's public room, and has all others join; the room, and its roster.
pub(crate) async fn gathered(port: u16, people: &[Registered]) -> (RoomId, Line) {
    let (owner, others) = people.split_first().expect("there are people");
    let mut owner = Member::connect(port, owner.clone()).await;
    let room = owner.create_public_room().await;
    let mut line = owner.replica.changes(room).to_vec();
    for other in others {
        line.push(Member::visit(port, other.clone(), room).await);
    }
    (room, line)
}

/// Somebody connected who writes.
pub(crate) struct Member {
    /// `None` between [`Self::disconnect`] and the return.
    socket: Option<Socket>,
    server: ServerKey,
    replica: Replica,
    key: SecretKey,
    account: AccountId,
    token: String,
    certificate: Signed<DeviceCertificate>,
    notices: VecDeque<Notice>,
    started: Instant,
    commands: u64,
    requests: u32,
    linked: bool,
}

impl Member {
    pub(crate) async fn connect(port: u16, who: Registered) -> Self {
        Self::resume(port, who, Vec::new()).await
    }

    /// Somebody who has rooms' rosters from another time.
    pub(crate) async fn resume(port: u16, who: Registered, rosters: Vec<(RoomId, Line)>) -> Self {
        let mut member = Self::aloof(port, who, rosters).await;
        member.link_up().await;
        member
    }

    /// Somebody who asks and is answered, and does not replicate.
    async fn aloof(port: u16, who: Registered, rosters: Vec<(RoomId, Line)>) -> Self {
        let (socket, server) = sign_in(port, &who).await;
        let Registered { key, account, token, certificate } = who;
        let own = Own::Device { key: Arc::new(key.clone()), account };
        let config = ReplicaConfig { own, server, recent_bytes_max: RECENT_BYTES_MAX };
        let state = DurableState { rosters, ..DurableState::default() };
        Self {
            socket: Some(socket),
            server,
            replica: Replica::new(config, random(), state),
            key,
            account,
            token,
            certificate,
            notices: VecDeque::new(),
            started: Instant::now(),
            commands: 0,
            requests: 0,
            linked: false,
        }
    }

    async fn link_up(&mut self) {
        self.linked = true;
        let wall = UnixMillis::now();
        self.replica.handle_input(self.now(wall), Input::LinkUp { link: LINK, remote: Remote::Relay });
        self.input_at(Input::Credit { link: LINK, bytes: usize::MAX / 2 }, wall).await;
    }

    /// Has somebody join a public room and go again at once, without reading what is in it; gives the change.
    async fn visit(port: u16, who: Registered, room: RoomId) -> CountersignedChange {
        let mut member = Self::aloof(port, who, Vec::new()).await;
        let prev = match member.ask(Request::Preview { room, invite: None }).await {
            Response::Preview { head, .. } => head,
            other => panic!("no preview: {other:?}"),
        };
        let op = RosterOp::Join { certificate: member.certificate.clone(), invite: None };
        let hlc = Hlc::at(UnixMillis::now());
        let change = RosterChange { room, prev, device: member.key.device(), hlc, op, cuts: Vec::new() };
        let change = Signed::sign(change, &member.key).expect("within its bounds");
        match member.ask(Request::SubmitChange { change }).await {
            Response::Accepted { change } => change,
            other => panic!("nobody may join: {other:?}"),
        }
    }

    /// Takes what comes, and tells of each event of others, until the server goes; for how long it wants to be left alone.
    pub(crate) async fn follow(&mut self, heard: impl Fn()) -> Duration {
        loop {
            for notice in self.notices.drain(..) {
                if matches!(notice, Notice::Stored { command: None, .. }) {
                    heard();
                }
            }
            if let Stepped::Parted(retry_after) = self.try_step().await {
                return retry_after;
            }
        }
    }

    /// Until so many events of others came, and the relay acknowledged all that was written.
    pub(crate) async fn until_in_step(&mut self, others: usize) {
        let (mut heard, mut acknowledged) = (0, false);
        loop {
            for notice in self.notices.drain(..) {
                match notice {
                    Notice::Stored { command: None, .. } => heard += 1,
                    Notice::Acknowledged { seq, by: Remote::Relay, .. } => acknowledged |= seq.0 >= self.commands,
                    _ => {}
                }
            }
            if acknowledged && heard >= others {
                return;
            }
            self.step().await;
        }
    }

    /// Comes back to a server that was away, as soon as it is there.
    pub(crate) async fn come_back(&mut self, port: u16) {
        self.disconnect().await;
        self.socket = loop {
            match try_sign_in(port, &self.registered()).await {
                Ok((socket, _)) => break Some(socket),
                Err(_) => tokio::time::sleep(COME_BACK_EVERY).await,
            }
        };
        self.link_up().await;
    }

    /// Writes a message, which goes out when somebody is there.
    pub(crate) async fn say(&mut self, room: RoomId, text: String) {
        let content = MessageContent { text, sent_at: UnixMillis::now(), mentions: None, call: None };
        let body = BodyBytes::new(&Body::Plain(cbor::encode(&content))).expect("a short body");
        let (action, targets) = (Action::POST, Vec::new());
        let command = Command::Append { log: room.conversation(), action, targets, place: None, body };
        self.commands += 1;
        self.input(Input::Command { id: CommandId(self.commands), command }).await;
    }

    /// A private room of its own. What is written there goes to the relay and to nobody else.
    pub(crate) async fn create_room(&mut self) -> RoomId {
        self.create(Visibility::Private).await
    }

    /// A room that others can join.
    pub(crate) async fn create_public_room(&mut self) -> RoomId {
        self.create(Visibility::Public).await
    }

    async fn create(&mut self, visibility: Visibility) -> RoomId {
        let device = self.key.device();
        let genesis = Genesis::Made { kind: RoomKind::Chat, device, nonce: Nonce(random()) };
        let room = genesis.room();
        let settings = Settings {
            name: "the bench".to_owned(),
            topic: String::new(),
            visibility,
            history: History::All,
            posting: Posting::Members,
        };
        let certificates = vec![self.certificate.clone()];
        let founders = vec![Founder { account: self.account, role: Role::Owner, certificates }];
        let op = RosterOp::Create { settings, founders, genesis };
        let hlc = Hlc::at(UnixMillis::now());
        let change = RosterChange { room, prev: RosterHash::ZERO, device, hlc, op, cuts: Vec::new() };
        let change = Signed::sign(change, &self.key).expect("within its bounds");
        match self.ask(Request::SubmitChange { change }).await {
            Response::Accepted { change } => self.input(Input::Roster(vec![change])).await,
            other => panic!("the room was refused: {other:?}"),
        }
        room
    }

    /// The server's public feed, which this one makes as its administrator, or else joins.
    pub(crate) async fn public_feed(&mut self) -> RoomId {
        let genesis = Genesis::PublicFeed { server: self.server };
        let room = genesis.room();
        let request = Request::Preview { room, invite: None };
        let (prev, op) = match self.ask(request).await {
            Response::Preview { head, .. } => {
                (head, RosterOp::Join { certificate: self.certificate.clone(), invite: None })
            }
            Response::Refused(_) => {
                let settings = Settings {
                    name: "Feed".to_owned(),
                    topic: String::new(),
                    visibility: Visibility::Public,
                    history: History::All,
                    posting: Posting::Members,
                };
                let certificates = vec![self.certificate.clone()];
                let founders = vec![Founder { account: self.account, role: Role::Owner, certificates }];
                (RosterHash::ZERO, RosterOp::Create { settings, founders, genesis })
            }
            other => panic!("no preview: {other:?}"),
        };
        let makes = matches!(op, RosterOp::Create { .. });
        let hlc = Hlc::at(UnixMillis::now());
        let change = RosterChange { room, prev, device: self.key.device(), hlc, op, cuts: Vec::new() };
        let change = Signed::sign(change, &self.key).expect("within its bounds");
        match self.ask(Request::SubmitChange { change }).await {
            Response::Accepted { change } if makes => self.input(Input::Roster(vec![change])).await,
            // Who joins is given the whole roster by the relay.
            Response::Accepted { .. } => {
                while self.replica.roster(room).is_none_or(|roster| roster.role(self.account).is_none()) {
                    self.step().await;
                }
            }
            other => panic!("the feed was refused: {other:?}"),
        }
        room
    }

    /// What is written from now on waits for [`Self::reconnect`].
    pub(crate) async fn disconnect(&mut self) {
        self.linked = false;
        self.socket = None;
        self.input(Input::LinkDown { link: LINK }).await;
    }

    fn socket(&mut self) -> &mut Socket {
        self.socket.as_mut().expect(AWAY)
    }

    /// Connects again, and comes back when the relay has acknowledged everything.
    pub(crate) async fn reconnect(&mut self, port: u16) {
        self.socket = Some(sign_in(port, &self.registered()).await.0);
        self.notices.clear();
        self.link_up().await;
        self.wait_relayed().await;
    }

    fn registered(&self) -> Registered {
        Registered {
            key: self.key.clone(),
            account: self.account,
            token: self.token.clone(),
            certificate: self.certificate.clone(),
        }
    }

    /// Writes something in a room's conversation, at a moment of its choice.
    pub(crate) async fn append<T: minicbor::Encode<()>>(
        &mut self,
        room: RoomId,
        action: Action,
        targets: Vec<EventId>,
        content: &T,
        at: UnixMillis,
    ) -> EventId {
        let body = BodyBytes::plain(content).expect("a short body");
        let command = Command::Append { log: room.conversation(), action, targets, place: None, body };
        self.commands += 1;
        self.input_at(Input::Command { id: CommandId(self.commands), command }, at).await;
        let stored = self.notices.drain(..).find_map(|notice| match notice {
            Notice::Stored { event, command: Some(_), .. } => Some(event.id()),
            _ => None,
        });
        stored.expect("what costs no disk is stored at once")
    }

    async fn ask(&mut self, request: Request) -> Response {
        self.requests += 1;
        let id = self.requests;
        send(self.socket(), &ClientFrame::Request { id, request }).await;
        loop {
            if let Some(response) = self.step().await {
                return response;
            }
        }
    }

    /// Writes so many short messages at once, and comes back when the relay has acknowledged the last.
    pub(crate) async fn write(&mut self, room: RoomId, count: u64) {
        for number in 0..count {
            self.say(room, format!("message {number}")).await;
        }
        self.wait_relayed().await;
    }

    /// Until the relay has acknowledged everything that was written.
    async fn wait_relayed(&mut self) {
        let written = self.commands;
        while !self
            .notices
            .drain(..)
            .any(|notice| matches!(notice, Notice::Acknowledged { seq, by: Remote::Relay, .. } if seq.0 >= written))
        {
            self.step().await;
        }
    }

    /// Takes one frame from a server that stays; gives the answer, where it is one.
    async fn step(&mut self) -> Option<Response> {
        match self.try_step().await {
            Stepped::Answered(response) => Some(response),
            Stepped::On => None,
            Stepped::Parted(_) => panic!("the server ended the connection"),
        }
    }

    /// Takes one frame, or does what is due.
    async fn try_step(&mut self) -> Stepped {
        let due = self.replica.poll_timeout().map(|(due, _)| self.started + Duration::from_millis(due.0));
        let frame = tokio::select! {
            biased;
            frame = receive(self.socket.as_mut().expect(AWAY)) => frame,
            () = tokio::time::sleep_until(due.unwrap_or_else(|| Instant::now() + IDLE).into()) => {
                self.replica.handle_timeout(self.now(UnixMillis::now()));
                self.carry_out(UnixMillis::now()).await;
                return Stepped::On;
            }
        };
        match frame {
            Some(ServerFrame::Replication(frame)) if self.linked => {
                self.input(Input::Frame { link: LINK, frame }).await;
                Stepped::On
            }
            Some(ServerFrame::Response { id: _, response }) => Stepped::Answered(response),
            Some(ServerFrame::Goodbye(goodbye)) => {
                Stepped::Parted(Duration::from_millis(goodbye.retry_after_ms.unwrap_or_default()))
            }
            Some(_) => Stepped::On,
            None => Stepped::Parted(Duration::ZERO),
        }
    }

    /// Tells the replica something and carries out what it wants.
    async fn input(&mut self, input: Input) {
        self.input_at(input, UnixMillis::now()).await;
    }

    async fn input_at(&mut self, input: Input, wall: UnixMillis) {
        self.replica.handle_input(self.now(wall), input);
        self.carry_out(wall).await;
    }

    fn now(&self, wall: UnixMillis) -> Now {
        Now { mono: Mono(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)), wall }
    }

    /// What is to be sent leaves in one write, as it does from a client.
    async fn carry_out(&mut self, wall: UnixMillis) {
        let mut fed = false;
        while let Some(output) = self.replica.poll_output() {
            match output {
                Output::Send { link: _, frame } => {
                    let frame = Message::Binary(cbor::encode(&ClientFrame::Replication(frame)).into());
                    // That the socket broke is found where it is read from.
                    let _ = self.socket().feed(frame).await;
                    fed = true;
                }
                Output::Persist { ticket, .. } => {
                    let persisted = Input::Persisted { ticket, result: Ok(()) };
                    self.replica.handle_input(self.now(wall), persisted);
                }
                Output::Notice(notice) => self.notices.push_back(notice),
                Output::Load { .. } => panic!("everything recent is in memory"),
                Output::CloseLink { reason, .. } => panic!("the server misbehaved: {reason:?}"),
            }
        }
        if fed {
            let _ = self.socket().flush().await;
        }
    }
}

/// What came of waiting for one thing.
enum Stepped {
    Answered(Response),
    On,
    /// The connection ended; the server wants to be left alone for so long.
    Parted(Duration),
}
