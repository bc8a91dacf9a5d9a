//! A server on a free port, and devices that connect to it and keep their own replica in memory.

use std::collections::{BTreeSet, VecDeque};
use std::fmt::Debug;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use momoland_protocol::cbor;
use momoland_protocol::certificate::DeviceCertificate;
use momoland_protocol::clock::{Hlc, UnixMillis};
use momoland_protocol::content::MessageContent;
use momoland_protocol::ephemeral::{Ephemeral, EphemeralSignal};
use momoland_protocol::event::{Action, Body, BodyBytes};
use momoland_protocol::handshake::{ServerTranscript, VERSION};
use momoland_protocol::id::{AccountId, DeviceId, InviteKey, Nonce, RoomId, RosterHash, ServerKey, random};
use momoland_protocol::limits::FRAME_BYTES_MAX;
use momoland_protocol::roster::{
    CountersignedChange, Founder, Genesis, History, InviteProof, Posting, Role, RoomKind, RosterChange, RosterOp,
    Settings, Visibility,
};
use momoland_protocol::server::{
    AccountPresence, ClientFrame, ClientHello, DirectoryEntry, Goodbye, Refusal, RefusalKind, Request, Response,
    ServerFrame, ServerHello, Welcome,
};
use momoland_protocol::signed::{SecretKey, Signed};
use momoland_replica::input::{Command, CommandId, Input, LinkId, Mono, Now, Remote};
use momoland_replica::output::{Notice, Output};
use momoland_replica::replica::{Config as ReplicaConfig, DurableState, Own, Replica};
use momoland_store::kv::Store;
use signaling_server::accounts::handles::Handle;
use signaling_server::accounts::signing_keys::SigningKeys;
use signaling_server::accounts::{DisplayName, NewAccount};
use signaling_server::clock::Clock;
use signaling_server::config::Config;
use signaling_server::connect::Pace;
use signaling_server::shutdown::Shutdown;
use signaling_server::{App, server};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// How long anything that must happen may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

const LINK: LinkId = LinkId(1);

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) app: Arc<App>,
    pub(crate) shutdown: Shutdown,
    data: Arc<TempDir>,
    task: JoinHandle<()>,
    pace: Pace,
    settings: Vec<(String, String)>,
}

/// Somebody's device: its key, its token, and what it holds.
pub(crate) struct Device {
    pub(crate) key: SecretKey,
    pub(crate) account: AccountId,
    pub(crate) handle: String,
    pub(crate) token: String,
    pub(crate) certificate: Signed<DeviceCertificate>,
    pub(crate) server: ServerKey,
    pub(crate) replica: Replica,
    pub(crate) notices: VecDeque<Notice>,
    started: Instant,
    commands: u64,
}

/// A device that is connected.
pub(crate) struct Connected {
    pub(crate) device: Device,
    pub(crate) welcome: Welcome,
    pub(crate) socket: Socket,
    /// What came and was not asked for yet.
    pub(crate) seen: VecDeque<ServerFrame>,
    requests: u32,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(Pace::standard(), &[]).await
    }

    pub(crate) async fn with(pace: Pace, settings: &[(&str, &str)]) -> Self {
        let settings = settings.iter().map(|(name, value)| (format!("MOMOLAND_{name}"), (*value).to_owned())).collect();
        Self::over(Arc::new(tempfile::tempdir().unwrap()), pace, settings).await
    }

    async fn over(data: Arc<TempDir>, pace: Pace, settings: Vec<(String, String)>) -> Self {
        let mut config = Config::load(None, settings.clone()).unwrap();
        config.data = data.path().join("data");
        let shutdown = Shutdown::new();
        let mut app = App::open(config, Clock::system(), shutdown.clone()).unwrap();
        Arc::get_mut(&mut app).unwrap().pace = pace;
        Self::serving(app, data, pace, settings).await
    }

    /// A server whose store is `store`, with keys of its own.
    pub(crate) async fn with_store(store: Arc<dyn Store>) -> Self {
        let config = Config::load(None, Vec::new()).unwrap();
        let app = App::with_store(config, Clock::system(), Shutdown::new(), store, SigningKeys::generate()).unwrap();
        Self::serving(app, Arc::new(tempfile::tempdir().unwrap()), Pace::standard(), Vec::new()).await
    }

    async fn serving(app: Arc<App>, data: Arc<TempDir>, pace: Pace, settings: Vec<(String, String)>) -> Self {
        let shutdown = app.shutdown.clone();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(server::run(listener, Arc::clone(&app)));
        Self { address, app, shutdown, data, task, pace, settings }
    }

    /// Stops it, and waits until it has freed its data.
    pub(crate) async fn stop(self) -> Stopped {
        let Self { app, shutdown, data, task, pace, settings, address: _ } = self;
        shutdown.begin();
        drop(app);
        tokio::time::timeout(PATIENCE, task).await.expect("a server stops").unwrap();
        Stopped { data, pace, settings }
    }

    /// A new account and its first device.
    pub(crate) fn device(&self, handle: &str) -> Device {
        let key = SecretKey::generate();
        let account = NewAccount {
            handle: Handle::parse(handle).unwrap(),
            display_name: DisplayName::parse(&format!("{handle} the tester")).unwrap(),
            password: "not hashed: nobody logs in here".to_owned(),
            device: key.device(),
            device_name: DisplayName::parse("desk").unwrap(),
        };
        let signed_in = self.app.accounts.register(&account).unwrap();
        self.device_of(key, signed_in)
    }

    /// Another device of the same account.
    pub(crate) fn another(&self, device: &Device) -> Device {
        let key = SecretKey::generate();
        let account = self.app.accounts.account(device.account).unwrap().unwrap().record;
        let name = DisplayName::parse("laptop").unwrap();
        let signed_in = self.app.accounts.sign_in(&account, key.device(), &name).unwrap();
        self.device_of(key, signed_in)
    }

    fn device_of(&self, key: SecretKey, signed_in: signaling_server::accounts::SignedIn) -> Device {
        let server = self.app.keys.server_key();
        let account = signed_in.account.id;
        let config = ReplicaConfig {
            own: Own::Device { key: Arc::new(key.clone()), account },
            server,
            recent_bytes_max: 1024 * 1024 * 1024,
        };
        Device {
            replica: Replica::new(config, random(), DurableState::default()),
            certificate: cbor::decode(&signed_in.certificate, FRAME_BYTES_MAX).unwrap(),
            account,
            handle: signed_in.account.handle,
            token: signed_in.access_token,
            key,
            server,
            notices: VecDeque::new(),
            started: Instant::now(),
            commands: 0,
        }
    }

    /// A socket on which nothing has been said.
    pub(crate) async fn socket(&self) -> Socket {
        socket(self.address).await
    }

    pub(crate) async fn connect(&self, device: Device) -> Connected {
        connect(self.address, device).await
    }

    /// A new account's device, connected.
    pub(crate) async fn newcomer(&self, handle: &str) -> Connected {
        self.connect(self.device(handle)).await
    }

    /// Waits for something that the server comes to by itself.
    pub(crate) async fn eventually(&self, what: &str, mut holds: impl FnMut(&App) -> bool) {
        let until = Instant::now() + PATIENCE;
        while !holds(&self.app) {
            assert!(Instant::now() < until, "in vain: {what}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// A server's data while no server runs.
pub(crate) struct Stopped {
    data: Arc<TempDir>,
    pace: Pace,
    settings: Vec<(String, String)>,
}

impl Stopped {
    /// Where a server that is another process finds it.
    pub(crate) fn folder(&self) -> std::path::PathBuf {
        self.data.path().join("data")
    }

    pub(crate) async fn start(self) -> Server {
        Server::over(self.data, self.pace, self.settings).await
    }
}

pub(crate) async fn socket(address: SocketAddr) -> Socket {
    let connecting = tokio_tungstenite::connect_async(format!("ws://{address}/v1/connect"));
    tokio::time::timeout(PATIENCE, connecting).await.unwrap().unwrap().0
}

/// The next frame; `None` once the server has closed.
pub(crate) async fn receive(socket: &mut Socket) -> Option<ServerFrame> {
    loop {
        let message = tokio::time::timeout(PATIENCE, socket.next()).await.expect("something comes");
        match message {
            Some(Ok(Message::Binary(bytes))) => return Some(cbor::decode(&bytes, FRAME_BYTES_MAX).unwrap()),
            Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
            Some(Ok(_)) => {}
        }
    }
}

pub(crate) async fn send(socket: &mut Socket, frame: &ClientFrame) {
    socket.send(Message::Binary(cbor::encode(frame).into())).await.unwrap();
}

pub(crate) async fn server_hello(socket: &mut Socket) -> ServerHello {
    match receive(socket).await {
        Some(ServerFrame::Hello(hello)) => hello,
        other => panic!("a hello comes first: {other:?}"),
    }
}

/// The goodbye that ends a socket; nothing follows it.
pub(crate) async fn goodbye(socket: &mut Socket) -> Goodbye {
    loop {
        match receive(socket).await {
            Some(ServerFrame::Goodbye(goodbye)) => {
                assert_eq!(receive(socket).await, None, "a goodbye is the last frame");
                return goodbye;
            }
            Some(_) => {}
            None => panic!("closed without a goodbye"),
        }
    }
}

/// As [`connect`], to a server that is still on its way back.
pub(crate) async fn connect_in_time(address: SocketAddr, device: Device) -> Connected {
    let until = Instant::now() + PATIENCE;
    let ready = format!("http://{address}/readyz");
    while !reqwest::get(&ready).await.is_ok_and(|answer| answer.status().is_success()) {
        assert!(Instant::now() < until, "in vain: the server is ready");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    connect(address, device).await
}

pub(crate) async fn connect(address: SocketAddr, device: Device) -> Connected {
    let mut socket = socket(address).await;
    let hello = server_hello(&mut socket).await;
    let client = device.hello(&hello);
    let nonce = client.nonce;
    send(&mut socket, &ClientFrame::Hello(client)).await;
    let welcome = match receive(&mut socket).await {
        Some(ServerFrame::Welcome(welcome)) => welcome,
        other => panic!("{} is welcome: {other:?}", device.handle),
    };
    let transcript =
        ServerTranscript { server_nonce: hello.nonce, client_nonce: nonce, server: device.server, device: device.id() };
    transcript.verify_server(&welcome.proof).unwrap();
    let mut connected = Connected { device, welcome, socket, seen: VecDeque::new(), requests: 0 };
    connected.input(Input::LinkUp { link: LINK, remote: Remote::Relay }).await;
    connected.input(Input::Credit { link: LINK, bytes: usize::MAX / 2 }).await;
    connected
}

impl Device {
    pub(crate) fn id(&self) -> DeviceId {
        self.key.device()
    }

    pub(crate) fn hello(&self, hello: &ServerHello) -> ClientHello {
        let nonce = Nonce(random());
        let transcript = ServerTranscript {
            server_nonce: hello.nonce,
            client_nonce: nonce,
            server: hello.server,
            device: self.id(),
        };
        ClientHello {
            version: VERSION,
            access_token: self.token.clone(),
            device: self.id(),
            nonce,
            proof: transcript.prove_device(&self.key),
        }
    }

    fn now(&self) -> Now {
        let mono = Mono(u64::try_from(self.started.elapsed().as_millis()).unwrap());
        Now { mono, wall: UnixMillis::now() }
    }

    /// The head of a room's roster, as this device has it.
    pub(crate) fn head(&self, room: RoomId) -> RosterHash {
        self.replica.roster(room).map_or(RosterHash::ZERO, momoland_replica::roster::Roster::head)
    }

    /// A change after `prev`, signed by this device.
    pub(crate) fn change(&self, room: RoomId, prev: RosterHash, op: RosterOp) -> Signed<RosterChange> {
        let hlc = Hlc::at(UnixMillis::now());
        let change = RosterChange { room, prev, device: self.id(), hlc, op, cuts: Vec::new() };
        Signed::sign(change, &self.key).unwrap()
    }

    pub(crate) fn founder(&self) -> Founder {
        Founder { account: self.account, role: Role::Owner, certificates: vec![self.certificate.clone()] }
    }

    /// The first change of a new room.
    pub(crate) fn creation(&self, name: &str, visibility: Visibility) -> Signed<RosterChange> {
        let genesis = Genesis::Made { kind: RoomKind::Chat, device: self.id(), nonce: Nonce(random()) };
        let op = RosterOp::Create {
            settings: settings(name, visibility),
            founders: vec![self.founder()],
            genesis: genesis.clone(),
        };
        self.change(genesis.room(), RosterHash::ZERO, op)
    }
}

pub(crate) fn settings(name: &str, visibility: Visibility) -> Settings {
    Settings {
        name: name.to_owned(),
        topic: "what is tested".to_owned(),
        visibility,
        history: History::All,
        posting: Posting::Members,
    }
}

impl Connected {
    pub(crate) fn id(&self) -> DeviceId {
        self.device.id()
    }

    pub(crate) async fn send(&mut self, frame: ClientFrame) {
        // That the server has closed shows where the next frame is awaited.
        let _ = self.socket.send(Message::Binary(cbor::encode(&frame).into())).await;
    }

    /// Tells the device's replica something, and carries out what it wants done. Its disk is a perfect one.
    pub(crate) async fn input(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let now = self.device.now();
            self.device.replica.handle_input(now, input);
            while let Some(output) = self.device.replica.poll_output() {
                match output {
                    Output::Send { link: _, frame } => self.send(ClientFrame::Replication(frame)).await,
                    Output::Persist { ticket, batch: _ } => {
                        inputs.push_back(Input::Persisted { ticket, result: Ok(()) })
                    }
                    Output::Notice(notice) => self.device.notices.push_back(notice),
                    Output::Load { .. } => panic!("nobody asks this device for more than is in memory"),
                    Output::CloseLink { .. } => panic!("the server misbehaved"),
                }
            }
        }
    }

    /// Takes one frame from the socket; `None` once the server has closed.
    pub(crate) async fn step(&mut self) -> Option<()> {
        let frame = receive(&mut self.socket).await?;
        if let ServerFrame::Replication(frame) = &frame {
            self.input(Input::Frame { link: LINK, frame: frame.clone() }).await;
        }
        self.seen.push_back(frame);
        Some(())
    }

    /// The first frame that `pick` takes, of those that came or come.
    pub(crate) async fn until<T>(&mut self, what: &str, mut pick: impl FnMut(&ServerFrame) -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(place) = self.seen.iter().position(|frame| pick(frame).is_some()) {
                let frame = self.seen.remove(place).unwrap();
                return pick(&frame).unwrap();
            }
            assert!(Instant::now() < until, "in vain: {what}");
            self.step().await.unwrap_or_else(|| panic!("closed before: {what}"));
        }
    }

    /// The first notice of the replica that `pick` takes.
    pub(crate) async fn until_notice<T>(&mut self, what: &str, mut pick: impl FnMut(&Notice) -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(place) = self.device.notices.iter().position(|notice| pick(notice).is_some()) {
                let notice = self.device.notices.remove(place).unwrap();
                return pick(&notice).unwrap();
            }
            assert!(Instant::now() < until, "in vain: {what}");
            self.step().await.unwrap_or_else(|| panic!("closed before: {what}"));
        }
    }

    pub(crate) async fn request(&mut self, request: Request) -> Response {
        self.requests += 1;
        let sent = self.requests;
        self.send(ClientFrame::Request { id: sent, request }).await;
        self.until("an answer", |frame| match frame {
            ServerFrame::Response { id, response } if *id == sent => Some(response.clone()),
            _ => None,
        })
        .await
    }

    /// Comes back once everything that the server had for this device before is here.
    pub(crate) async fn settle(&mut self) {
        // An answer overtakes what is passed on, but not what was there before the answer to the one before.
        for _ in 0..2 {
            self.request(Request::Directory { after: None }).await;
        }
    }

    pub(crate) async fn submit(&mut self, change: Signed<RosterChange>) -> Result<CountersignedChange, Refusal> {
        match self.request(Request::SubmitChange { change }).await {
            Response::Accepted { change } => {
                self.input(Input::Roster(vec![change.clone()])).await;
                Ok(change)
            }
            Response::Refused(refusal) => Err(refusal),
            other => panic!("{other:?}"),
        }
    }

    /// A change after the roster's present head; again, as a client does, where the room moved on meanwhile.
    pub(crate) async fn do_in(&mut self, room: RoomId, op: RosterOp) -> Result<CountersignedChange, Refusal> {
        let until = Instant::now() + PATIENCE;
        loop {
            let change = self.device.change(room, self.device.head(room), op.clone());
            match self.submit(change).await {
                Err(refusal) if refusal.kind == RefusalKind::Stale && Instant::now() < until => self.settle().await,
                answer => return answer,
            }
        }
    }

    pub(crate) async fn create(&mut self, name: &str, visibility: Visibility) -> RoomId {
        let creation = self.device.creation(name, visibility);
        let room = creation.get().room;
        self.submit(creation).await.unwrap();
        room
    }

    pub(crate) async fn invite(&mut self, room: RoomId, uses_max: Option<u32>, ttl: Duration) -> SecretKey {
        let secret = SecretKey::generate();
        let ttl_ms = u64::try_from(ttl.as_millis()).unwrap();
        let op = RosterOp::OpenInvite {
            invite: InviteKey(secret.public()),
            role: Role::Member,
            uses_max,
            expires_at: UnixMillis(UnixMillis::now().0 + ttl_ms),
        };
        self.do_in(room, op).await.unwrap();
        secret
    }

    pub(crate) fn proof(&self, room: RoomId, secret: &SecretKey) -> InviteProof {
        InviteProof::new(secret, room, self.id())
    }

    pub(crate) async fn preview(
        &mut self,
        room: RoomId,
        invite: Option<&SecretKey>,
    ) -> Result<(DirectoryEntry, RosterHash), Refusal> {
        let invite = invite.map(|secret| self.proof(room, secret));
        match self.request(Request::Preview { room, invite }).await {
            Response::Preview { entry, head } => Ok((entry, head)),
            Response::Refused(refusal) => Err(refusal),
            other => panic!("{other:?}"),
        }
    }

    /// Joins as a client does: a preview for the head, then the change, again where the room moved on in between.
    pub(crate) async fn join(&mut self, room: RoomId, invite: Option<&SecretKey>) -> Result<(), Refusal> {
        loop {
            let (_, head) = self.preview(room, invite).await?;
            let invite = invite.map(|secret| self.proof(room, secret));
            let op = RosterOp::Join { certificate: self.device.certificate.clone(), invite };
            let change = self.device.change(room, head, op);
            match self.request(Request::SubmitChange { change }).await {
                Response::Accepted { .. } => break,
                Response::Refused(refusal) if refusal.kind == RefusalKind::Stale => {}
                Response::Refused(refusal) => return Err(refusal),
                other => panic!("{other:?}"),
            }
        }
        self.until_member(room).await;
        Ok(())
    }

    /// Waits until the device's own roster has it in.
    pub(crate) async fn until_member(&mut self, room: RoomId) {
        let until = Instant::now() + PATIENCE;
        while self.device.replica.roster(room).is_none_or(|roster| roster.role_of_device(self.id()).is_none()) {
            assert!(Instant::now() < until, "in vain: membership");
            self.step().await.unwrap();
        }
    }

    /// Waits until the device's own roster has so many members.
    pub(crate) async fn until_members(&mut self, room: RoomId, count: usize) {
        let until = Instant::now() + PATIENCE;
        while self.device.replica.roster(room).map(|roster| roster.members().count()) != Some(count) {
            assert!(Instant::now() < until, "in vain: {count} members");
            self.step().await.unwrap();
        }
    }

    /// Writes a message; it is on this device's disk when this returns.
    pub(crate) async fn say(&mut self, room: RoomId, text: &str) -> CommandId {
        self.device.commands += 1;
        let id = CommandId(self.device.commands);
        let content = MessageContent { text: text.to_owned(), sent_at: UnixMillis::now(), mentions: None, call: None };
        let body = BodyBytes::new(&Body::Plain(cbor::encode(&content))).unwrap();
        let command =
            Command::Append { log: room.conversation(), action: Action::POST, targets: Vec::new(), place: None, body };
        self.input(Input::Command { id, command }).await;
        id
    }

    /// The next message that is stored here.
    pub(crate) async fn hears(&mut self) -> String {
        self.until_notice("a message", |notice| match notice {
            Notice::Stored { event, command: None, .. } => Some(text_of(event.body.as_ref().unwrap())),
            _ => None,
        })
        .await
    }

    /// The next so many messages that are stored here, in whatever order they come; none comes twice.
    pub(crate) async fn hears_many(&mut self, count: usize) -> BTreeSet<String> {
        let mut heard = BTreeSet::new();
        for _ in 0..count {
            let text = self.hears().await;
            assert!(heard.insert(text.clone()), "{text:?} came twice");
        }
        heard
    }

    /// Waits until the relay has acknowledged an own message.
    pub(crate) async fn until_relayed(&mut self, seq: u64) {
        self.until_notice("an acknowledgement", |notice| match notice {
            Notice::Acknowledged { seq: acknowledged, by: Remote::Relay, .. } => (acknowledged.0 >= seq).then_some(()),
            _ => None,
        })
        .await;
    }

    pub(crate) async fn type_in(&mut self, room: RoomId, typing: bool) {
        let ephemeral = Ephemeral { room, signal: EphemeralSignal::Typing { typing } };
        self.send(ClientFrame::Ephemeral { ephemeral, except: Vec::new() }).await;
    }

    /// The next that is heard of somebody's typing.
    pub(crate) async fn hears_typing(&mut self) -> (DeviceId, bool) {
        self.until("typing", |frame| match frame {
            ServerFrame::Ephemeral { device, account: _, ephemeral } => match ephemeral.signal {
                EphemeralSignal::Typing { typing } => Some((*device, typing)),
                EphemeralSignal::Other { .. } => None,
            },
            _ => None,
        })
        .await
    }

    /// Waits until somebody's presence is seen as `holds` wants it.
    pub(crate) async fn sees(
        &mut self,
        account: AccountId,
        mut holds: impl FnMut(&AccountPresence) -> bool,
    ) -> AccountPresence {
        self.until("presence", |frame| match frame {
            ServerFrame::Presence { accounts } => {
                accounts.iter().find(|presence| presence.account == account && holds(presence)).cloned()
            }
            _ => None,
        })
        .await
    }

    /// Goes as a device does that ends: what it sent is read to the end, and then that it closes.
    pub(crate) async fn part(mut self) {
        self.socket.close(None).await.unwrap();
        while receive(&mut self.socket).await.is_some() {}
    }

    /// Goes without a word, as a process that is killed does.
    pub(crate) fn vanish(self) -> Device {
        let Self { mut device, socket, .. } = self;
        drop(socket);
        let now = device.now();
        device.replica.handle_input(now, Input::LinkDown { link: LINK });
        device.notices.clear();
        device
    }
}

pub(crate) fn text_of(body: &BodyBytes) -> String {
    match body.decode().unwrap() {
        Body::Plain(bytes) => cbor::decode::<MessageContent>(&bytes, FRAME_BYTES_MAX).unwrap().text,
        Body::Sealed { .. } => panic!("nothing is sealed here"),
    }
}

/// Holds a refusal to its kind.
pub(crate) fn refused<T: Debug>(answer: Result<T, Refusal>, kind: RefusalKind) -> Refusal {
    let refusal = answer.expect_err("a refusal");
    assert_eq!(refusal.kind, kind, "{refusal:?}");
    refusal
}
