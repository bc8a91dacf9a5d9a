//! The bytes of the protocol, frozen: every kind of object that is signed or sent, compared byte for byte with
//! `golden/vectors.txt`. A difference means that two versions of Momoland would not understand each other.
//!
//! After a deliberate change, with a new `VERSION`: `./dev bless`.
#![allow(clippy::unwrap_used, reason = "a test ends where something does not hold")]

use std::fmt::Write as _;

use momoland_protocol::call::{CallSignal, CallState};
use momoland_protocol::cbor::{self, Bounded};
use momoland_protocol::certificate::{
    DeviceCertificate, REGISTRATION_CONTEXT, VOUCH_CONTEXT, Vouch, registration_message,
};
use momoland_protocol::clock::{Hlc, UnixMillis};
use momoland_protocol::content::{
    CallEntry, CallOutcome, DeletionContent, Mentions, MessageContent, PinContent, ReactionContent,
};
use momoland_protocol::document::{
    Announcement, DocumentChange, DocumentCut, DocumentSignal, DocumentUpdate, Editors, EditorsChange, NewDocument,
    client_seed,
};
use momoland_protocol::ephemeral::{Ephemeral, EphemeralSignal};
use momoland_protocol::event::{Action, Body, BodyBytes, Event, EventHeader, EventPlace};
use momoland_protocol::feed::{CommentContent, HideContent, LikeContent, PostContent};
use momoland_protocol::handshake::{Fingerprint, PeerHello, PeerTranscript, ServerTranscript, Side};
use momoland_protocol::id::{
    AccountId, CallId, ChainId, EventId, Incarnation, InviteKey, Nonce, NoticeId, RoomId, RosterHash, Seq, ServerKey,
    SetHash,
};
use momoland_protocol::listening::{ListeningSignal, PlaybackState, Wish};
use momoland_protocol::location::{LivePosition, LocationContent, Point};
use momoland_protocol::notice::{Notice, NoticeLevel};
use momoland_protocol::peer::PeerFrame;
use momoland_protocol::register::{
    DeliveredChain, DeliveryMark, Draft, FavouriteChoice, Follow, NotifyChoice, PutAway, ReadMark, Register,
    RegisterName, UnreadFrom,
};
use momoland_protocol::replication::{ChainHead, ChainRange, Frame, RelayMode};
use momoland_protocol::roster::{
    Countersignature, CountersignedChange, Cut, Founder, Genesis, History, InviteProof, Posting, Role, RoomKind,
    RosterChange, RosterOp, Settings, Visibility,
};
use momoland_protocol::server::{
    AccountPresence, Availability, ChosenStatus, ClientFrame, ClientHello, DirectoryEntry, Goodbye, GoodbyeReason,
    Profile, Refusal, RefusalKind, Request, Response, ServerFrame, ServerHello, TurnAccess, Welcome,
};
use momoland_protocol::signed::{SecretKey, Signable, Signature, Signed};

fn path() -> std::path::PathBuf {
    // Of the run, not of the build: clones that share a target folder share what was compiled.
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs it");
    std::path::Path::new(&manifest).join("golden/vectors.txt")
}
const LIMIT: usize = 64 * 1024;
const AT: UnixMillis = UnixMillis(1_800_000_000_000);

struct Vectors(String);

impl Vectors {
    fn bytes(&mut self, name: &str, bytes: &[u8]) {
        let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        });
        writeln!(self.0, "{name} {hex}").unwrap();
    }

    /// An object that stands alone; it decodes to itself.
    fn value<T>(&mut self, name: &str, value: &T)
    where
        T: minicbor::Encode<()> + for<'b> minicbor::Decode<'b, ()> + Bounded + PartialEq + std::fmt::Debug,
    {
        let bytes = cbor::encode(value);
        assert_eq!(&cbor::decode::<T>(&bytes, LIMIT).unwrap(), value, "{name}");
        self.bytes(name, &bytes);
    }

    /// A signed object, with the hash that names it.
    fn signed<T: Signable + PartialEq + std::fmt::Debug>(&mut self, name: &str, signed: &Signed<T>) {
        self.value(name, signed);
        self.bytes(&format!("{name}.hash"), &signed.hash());
    }
}

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

fn server() -> ServerKey {
    ServerKey(key(9).public())
}

fn certificate(seed: u8) -> Signed<DeviceCertificate> {
    let it = DeviceCertificate {
        server: server(),
        account: AccountId([seed; 16]),
        handle: "ada".to_owned(),
        device: key(seed).device(),
        issued_at: AT,
        vouch: None,
    };
    Signed::sign(it, &key(9)).unwrap()
}

fn settings() -> Settings {
    Settings {
        name: "boat-shed".to_owned(),
        topic: "Rebuild of the shed: plans, tides, deliveries".to_owned(),
        visibility: Visibility::Public,
        history: History::All,
        posting: Posting::Members,
    }
}

fn genesis() -> Genesis {
    Genesis::Made { kind: RoomKind::Chat, device: key(1).device(), nonce: Nonce([4; 32]) }
}

fn chain() -> ChainId {
    ChainId { device: key(1).device(), incarnation: Incarnation([5; 16]) }
}

fn change(op: RosterOp) -> Signed<RosterChange> {
    let first = matches!(op, RosterOp::Create { .. });
    let it = RosterChange {
        room: genesis().room(),
        prev: if first { RosterHash::ZERO } else { RosterHash([6; 32]) },
        device: key(1).device(),
        hlc: Hlc::at(AT),
        op,
        cuts: Vec::new(),
    };
    Signed::sign(it, &key(1)).unwrap()
}

fn countersigned(change: Signed<RosterChange>) -> CountersignedChange {
    let cut = Cut { log: genesis().room().conversation(), chain: chain(), seq: Seq(3), event: EventId([7; 32]) };
    let it = Countersignature { change: change.change_hash(), version: 2, at: AT, cuts: vec![cut] };
    CountersignedChange { change, countersignature: Signed::sign(it, &key(9)).unwrap() }
}

fn event(body: &Body, action: Action, targets: Vec<EventId>) -> Event {
    let body = BodyBytes::new(body).unwrap();
    let header = EventHeader {
        log: genesis().room().conversation(),
        device: key(1).device(),
        incarnation: Incarnation([5; 16]),
        seq: Seq(1),
        prev: EventId::ZERO,
        hlc: Hlc::at(AT).tick(AT).unwrap(),
        roster: RosterHash([6; 32]),
        action,
        targets,
        body_hash: body.hash(),
        body_length: u32::try_from(body.len()).unwrap(),
        place: None,
    };
    Event { header: Signed::sign(header, &key(1)).unwrap(), body: Some(body) }
}

fn register(name: RegisterName, value: Vec<u8>) -> Signed<Register> {
    let it = Register {
        account: AccountId([1; 16]),
        device: key(1).device(),
        room: genesis().room(),
        name,
        target: genesis().room().0,
        roster: RosterHash([6; 32]),
        hlc: Hlc::at(AT),
        value,
    };
    Signed::sign(it, &key(1)).unwrap()
}

fn profile() -> Profile {
    Profile { account: AccountId([1; 16]), handle: "ada".to_owned(), display_name: "Ada Okafor".to_owned() }
}

fn locations(vectors: &mut Vectors) {
    let point = Point { lat: 383_666_667, lng: -750_000_000, accuracy_m: Some(12), at: AT };
    vectors.value("location.once", &LocationContent::Once { point });
    vectors.value("location.begun", &LocationContent::Begun { until: AT });
    vectors.value("location.ended", &LocationContent::Ended { last: None });
    let last = Some(Point { accuracy_m: None, ..point });
    vectors.value("location.ended-last", &LocationContent::Ended { last });
    let call = CallId([9; 16]);
    let since = UnixMillis(1_700_000_000_000);
    vectors.value(
        "call.in",
        &CallSignal { call, state: CallState::In { since, mic: true, ringing: true, camera: true, screen: false } },
    );
    vectors.value("call.left", &CallSignal { call, state: CallState::Left });
    vectors.value("call.declined", &CallSignal { call, state: CallState::Declined });
    vectors.value("call.busy", &CallSignal { call, state: CallState::Busy });
    let by = momoland_protocol::id::DeviceId([8; 32]);
    let plays = |length_ms, state| ListeningSignal::Plays {
        counter: 1_700_000_000_000,
        by,
        title: "Low water".to_owned(),
        length_ms,
        position_ms: 61_500,
        state,
        delay_ms: 180,
    };
    vectors.value("listening.plays", &plays(Some(215_000), PlaybackState::Playing));
    vectors.value("listening.stopped", &plays(None, PlaybackState::Stopped));
    vectors.value("listening.listens", &ListeningSignal::Listens { needs_ms: 140 });
    let wishes = |wish| ListeningSignal::Wishes { counter: 1_700_000_000_001, wish };
    vectors.value("listening.wishes-pause", &wishes(Wish::Pause));
    vectors.value("listening.wishes-seek", &wishes(Wish::Seek { position_ms: 90_000 }));
    vectors.value("location.live", &LivePosition { share: EventId([7; 32]), point });
}

fn feeds(vectors: &mut Vectors) {
    let (title, body) = ("Low water".to_owned(), "At **10:40**.".to_owned());
    let tags = vec!["tides".to_owned()];
    vectors.value("feed.post", &PostContent { title, body, tags, sent_at: AT });
    vectors.value("feed.like", &LikeContent { on: true });
    vectors.value("feed.comment", &CommentContent { text: "Thanks.".to_owned(), sent_at: AT });
    vectors.value("feed.hide", &HideContent { on: true, reason: "off topic".to_owned() });
}

fn chosen() -> ChosenStatus {
    ChosenStatus { availability: Availability::Busy, text: "at the shed".to_owned(), at: AT }
}

fn objects(vectors: &mut Vectors) {
    let message = MessageContent { text: "Low water is at 10:40.".to_owned(), sent_at: AT, mentions: None, call: None };
    vectors.value("content.message", &message);
    let mentions = Mentions { accounts: vec![AccountId([1; 16]), AccountId([2; 16])], room: true };
    vectors.value("content.message.mentions", &MessageContent { mentions: Some(mentions), ..message });
    let call = CallEntry {
        call: CallId([3; 16]),
        from: AccountId([1; 16]),
        video: true,
        began: AT,
        length_ms: 754_000,
        accounts: vec![AccountId([1; 16]), AccountId([2; 16])],
        outcome: CallOutcome::Held,
    };
    let entry = MessageContent { text: String::new(), sent_at: AT, mentions: None, call: Some(call) };
    vectors.value("content.call", &entry);
    vectors.value("content.reaction", &ReactionContent { emoji: "\u{1f44d}".to_owned(), on: true });
    vectors.value("content.pin", &PinContent { on: false });
    vectors.value("content.deletion", &DeletionContent {});
    for (name, editors) in [
        ("author", Editors::Author),
        ("members", Editors::Members),
        ("listed", Editors::Listed { accounts: vec![AccountId([1; 16]), AccountId([2; 16])] }),
    ] {
        let document = NewDocument { title: "Tide tables".to_owned(), editors, created_at: AT };
        vectors.value(&format!("document.announcement.{name}"), &Announcement::Document(document));
    }
    let cuts = vec![DocumentCut { chain: chain(), seq: Seq(7) }];
    vectors.value("document.editors", &EditorsChange { editors: Editors::Author, cuts });
    vectors.value("document.change.rename", &DocumentChange::Rename { title: "Tides".to_owned() });
    vectors.value("document.change.archive", &DocumentChange::Archive { archived: true });
    vectors.value("document.change.delete", &DocumentChange::Delete { deleted: true });
    let signal = DocumentSignal { document: [7; 8], content: b"{}".to_vec() };
    vectors.value("document.signal", &signal);
    let update = vec![1, 1, 7, 0, 4, 1, 1, b't', 2, b'h', b'i', 0];
    vectors.value("document.update", &DocumentUpdate { update: update.clone(), inflated: None });
    // As one stored block: there is more than one way to deflate, and one to inflate.
    let inflated = u32::try_from(update.len()).ok();
    let deflated = [&[1, 12, 0, 243, 255], update.as_slice()].concat();
    vectors.value("document.update.deflated", &DocumentUpdate { update: deflated, inflated });
    let seed = client_seed(RoomId([3; 32]).conversation(), key(1).device());
    vectors.bytes("document.client.hash", &seed);
    vectors.signed("certificate", &certificate(1));
    let vouch = Vouch { by: key(2).device(), signature: key(2).sign(VOUCH_CONTEXT, b"account and device") };
    let vouched = DeviceCertificate { vouch: Some(vouch), ..certificate(1).get().clone() };
    vectors.signed("certificate.vouched", &Signed::sign(vouched, &key(9)).unwrap());
    let message = registration_message("ada", key(1).device());
    vectors.bytes("registration.proof", &key(1).sign(REGISTRATION_CONTEXT, &message).0);

    let plain = Body::Plain(cbor::encode(&MessageContent {
        text: "hello".to_owned(),
        sent_at: AT,
        mentions: None,
        call: None,
    }));
    let sealed = Body::Sealed { epoch: 3, nonce: [8; 24], ciphertext: vec![1, 2, 3] };
    vectors.value("event.post", &event(&plain, Action::POST, Vec::new()));
    vectors.value("event.reply", &event(&plain, Action::POST, vec![EventId([7; 32])]));
    vectors.value("event.sealed", &event(&sealed, Action::POST, Vec::new()));
    let bodiless = Event { body: None, ..event(&plain, Action::REDACT, vec![EventId([7; 32])]) };
    vectors.value("event.bodiless", &bodiless);
    let about = EventPlace { chain: chain(), seq: Seq(3) };
    let retract = event(&Body::Plain(cbor::encode(&DeletionContent {})), Action::RETRACT, vec![EventId([7; 32])]);
    let header = EventHeader { place: Some(about), ..retract.header.get().clone() };
    vectors.value("event.retract", &Event { header: Signed::sign(header, &key(1)).unwrap(), body: retract.body });
    vectors.bytes("event.id", event(&plain, Action::POST, Vec::new()).id().as_bytes());

    let read = ReadMark { hlc: Hlc::at(AT), event: EventId([7; 32]) };
    vectors.value("register.read-mark", &read);
    let delivered = DeliveryMark { chains: vec![DeliveredChain { chain: chain(), seq: Seq(12) }] };
    vectors.value("register.delivery-mark", &delivered);
    vectors.value("register.notify", &NotifyChoice::Mentions);
    vectors.value("register.favourite", &FavouriteChoice { on: true });
    vectors.value("register.draft", &Draft { text: "half a".to_owned(), reply_to: Some(EventId([7; 32])) });
    vectors.value("register.follow", &Follow { since: Hlc::at(AT) });
    vectors.value("register.put-away", &PutAway { until: Hlc::at(AT), these: vec![EventId([7; 32])] });
    vectors.value("register.unread", &UnreadFrom { after: Hlc::at(AT), read: Hlc::at(AT), event: None });
    vectors.signed("register", &register(RegisterName::READ, cbor::encode(&read)));
}

fn rosters(vectors: &mut Vectors) {
    vectors.bytes("room.made", genesis().room().as_bytes());
    let (one, other) = (AccountId([1; 16]), AccountId([2; 16]));
    vectors.bytes("room.direct", Genesis::direct(server(), other, one).room().as_bytes());
    vectors.bytes("room.public-feed", Genesis::PublicFeed { server: server() }.room().as_bytes());
    vectors.bytes("room.own", Genesis::Own { server: server(), account: one }.room().as_bytes());
    let founders = vec![Founder { account: one, role: Role::Owner, certificates: vec![certificate(1)] }];
    let invite = InviteKey(key(3).public());
    let proof = InviteProof::new(&key(3), genesis().room(), key(1).device());
    let ops = [
        ("create", RosterOp::Create { genesis: genesis(), settings: settings(), founders }),
        ("join", RosterOp::Join { certificate: certificate(1), invite: None }),
        ("join-by-invite", RosterOp::Join { certificate: certificate(1), invite: Some(proof) }),
        ("leave", RosterOp::Leave),
        ("add-device", RosterOp::AddDevice { certificate: certificate(1) }),
        ("revoke-device", RosterOp::RevokeDevice { device: key(1).device() }),
        ("set-role", RosterOp::SetRole { account: other, role: Role::Moderator }),
        ("remove", RosterOp::Remove { account: other, ban: true }),
        ("unban", RosterOp::Unban { account: other }),
        ("open-invite", RosterOp::OpenInvite { invite, role: Role::Member, uses_max: Some(3), expires_at: AT }),
        ("open-invite.unlimited", RosterOp::OpenInvite { invite, role: Role::Reader, uses_max: None, expires_at: AT }),
        ("close-invite", RosterOp::CloseInvite { invite }),
        ("configure", RosterOp::Configure { settings: settings() }),
        ("repair", RosterOp::Repair { one: RosterHash([1; 32]), other: RosterHash([2; 32]) }),
        ("list-author", RosterOp::ListAuthor { account: other, listed: true }),
    ];
    for (name, op) in ops {
        vectors.signed(&format!("roster.{name}"), &change(op));
    }
    vectors.value("roster.countersigned", &countersigned(change(RosterOp::Leave)));
}

fn handshakes(vectors: &mut Vectors) {
    let transcript = ServerTranscript {
        server_nonce: Nonce([1; 32]),
        client_nonce: Nonce([2; 32]),
        server: server(),
        device: key(1).device(),
    };
    vectors.bytes("handshake.server.transcript", &cbor::encode(&transcript));
    vectors.bytes("handshake.server.device-proof", &transcript.prove_device(&key(1)).0);
    vectors.bytes("handshake.server.server-proof", &transcript.prove_server(&key(9)).0);
    let transcript = PeerTranscript {
        offerer_fingerprint: Fingerprint([1; 32]),
        answerer_fingerprint: Fingerprint([2; 32]),
        offerer: key(1).device(),
        answerer: key(2).device(),
        offerer_nonce: Nonce([3; 32]),
        answerer_nonce: Nonce([4; 32]),
    };
    vectors.bytes("handshake.peer.transcript", &cbor::encode(&transcript));
    vectors.bytes("handshake.peer.offerer-proof", &transcript.prove(Side::Offerer, &key(1)).0);
    vectors.bytes("handshake.peer.answerer-proof", &transcript.prove(Side::Answerer, &key(2)).0);
    let hello = PeerHello { version: 1, device: key(1).device(), nonce: Nonce([3; 32]) };
    vectors.value("peer.hello", &PeerFrame::Hello(hello));
    vectors.value("peer.proof", &PeerFrame::Proof(Signature([7; 64])));
    vectors.value("peer.replication", &PeerFrame::Replication(Frame::Closed { room: genesis().room() }));
    vectors.value("peer.goodbye", &PeerFrame::Goodbye("you left the room".to_owned()));
    vectors.value("peer.around", &PeerFrame::Around { devices: vec![key(1).device(), key(2).device()] });
    vectors.value("peer.introduce", &PeerFrame::Introduce { to: key(2).device(), signal: vec![1, 2, 3] });
    vectors.value("peer.introduced", &PeerFrame::Introduced { from: key(1).device(), signal: vec![1, 2, 3] });
}

fn replication(vectors: &mut Vectors) {
    let (room, log) = (genesis().room(), genesis().room().conversation());
    let head = ChainHead { chain: chain(), seq: Seq(4), event: EventId([7; 32]) };
    let range = ChainRange { chain: chain(), low: Seq(1), high: Seq(4), head: EventId([7; 32]) };
    let plain = Body::Plain(vec![1, 2, 3]);
    let frames = [
        ("room", Frame::Room { room, version: 2, head: RosterHash([6; 32]) }),
        ("roster", Frame::Roster { room, changes: vec![countersigned(change(RosterOp::Leave))] }),
        ("closed", Frame::Closed { room }),
        ("have", Frame::Have { log, chains: vec![range], more: false, registers: SetHash([8; 32]) }),
        ("events", Frame::Events { log, events: vec![event(&plain, Action::POST, Vec::new())] }),
        ("ack", Frame::Ack { log, chains: vec![head] }),
        ("registers", Frame::Registers { room, registers: vec![register(RegisterName::STATUS, vec![1])] }),
        ("want", Frame::Want { log, chain: chain(), from: Seq(1), to: Seq(3) }),
        ("position", Frame::Position { log, n: 70_000, h: EventId([7; 32]) }),
        ("digest", Frame::Digest { log, chains: vec![head] }),
        ("mode", Frame::Mode { log, mode: RelayMode::Digest }),
        ("fetch", Frame::Fetch { log, chains: vec![head] }),
    ];
    for (name, frame) in frames {
        vectors.value(&format!("replication.{name}"), &frame);
    }
    vectors.value("ephemeral.typing", &Ephemeral { room, signal: EphemeralSignal::Typing { typing: true } });
    let other = EphemeralSignal::Other { kind: 2, payload: vec![1, 2, 3] };
    vectors.value("ephemeral.other", &Ephemeral { room, signal: other });
}

fn client_frames(vectors: &mut Vectors) {
    let room = genesis().room();
    let hello = ClientHello {
        version: 1,
        access_token: "a.b.c".to_owned(),
        device: key(1).device(),
        nonce: Nonce([2; 32]),
        proof: Signature([7; 64]),
    };
    vectors.value("client.hello", &ClientFrame::Hello(hello));
    let proof = InviteProof::new(&key(3), room, key(1).device());
    let requests = [
        ("submit-change", Request::SubmitChange { change: change(RosterOp::Leave) }),
        ("preview", Request::Preview { room, invite: Some(proof) }),
        ("preview.public", Request::Preview { room, invite: None }),
        ("directory", Request::Directory { after: None }),
        ("directory.next", Request::Directory { after: Some(room) }),
        ("profiles", Request::Profiles { accounts: vec![AccountId([1; 16])] }),
        ("lookup", Request::Lookup { handle: "ada".to_owned() }),
    ];
    for (name, request) in requests {
        vectors.value(&format!("client.request.{name}"), &ClientFrame::Request { id: 7, request });
    }
    vectors.value("client.replication", &ClientFrame::Replication(Frame::Closed { room }));
    let ephemeral = Ephemeral { room, signal: EphemeralSignal::Typing { typing: false } };
    vectors.value("client.ephemeral", &ClientFrame::Ephemeral { ephemeral, except: vec![key(2).device()] });
    vectors.value("client.introduce", &ClientFrame::Introduce { to: key(2).device(), signal: vec![1, 2] });
    vectors.value("client.presence", &ClientFrame::Presence { idle: true, chosen: chosen() });
}

fn server_frames(vectors: &mut Vectors) {
    let room = genesis().room();
    let hello = ServerHello { version: 1, server: server(), nonce: Nonce([1; 32]) };
    vectors.value("server.hello", &ServerFrame::Hello(hello));
    let welcome = Welcome {
        proof: Signature([7; 64]),
        account: AccountId([1; 16]),
        certificate: certificate(1),
        time: AT,
        profile: profile(),
        admin: false,
    };
    vectors.value("server.welcome", &ServerFrame::Welcome(welcome));
    let entry = DirectoryEntry { room, name: "boat-shed".to_owned(), topic: String::new(), members: 6 };
    let refusal = Refusal { kind: RefusalKind::Stale, sentence: "Try again.".to_owned(), retry_after_ms: Some(5) };
    let responses = [
        ("accepted", Response::Accepted { change: countersigned(change(RosterOp::Leave)) }),
        ("preview", Response::Preview { entry: entry.clone(), head: RosterHash([6; 32]) }),
        ("directory", Response::Directory { rooms: vec![entry], next: Some(room) }),
        ("profiles", Response::Profiles { profiles: vec![profile()] }),
        ("refused", Response::Refused(refusal)),
    ];
    for (name, response) in responses {
        vectors.value(&format!("server.response.{name}"), &ServerFrame::Response { id: 7, response });
    }
    vectors.value("server.replication", &ServerFrame::Replication(Frame::Closed { room }));
    let ephemeral = Ephemeral { room, signal: EphemeralSignal::Typing { typing: true } };
    let (device, account) = (key(1).device(), AccountId([1; 16]));
    vectors.value("server.ephemeral", &ServerFrame::Ephemeral { device, account, ephemeral });
    vectors.value("server.introduced", &ServerFrame::Introduced { from: device, signal: vec![1, 2] });
    let presence =
        AccountPresence { account, devices: vec![device], idle: false, chosen: chosen(), last_seen: Some(AT) };
    vectors.value("server.presence", &ServerFrame::Presence { accounts: vec![presence] });
    vectors.value("server.online", &ServerFrame::Online { count: 3 });
    vectors.value("server.profiles", &ServerFrame::Profiles { profiles: vec![profile()] });
    vectors.value("server.removed", &ServerFrame::Removed { change: countersigned(change(RosterOp::Leave)) });
    let goodbye = Goodbye {
        reason: GoodbyeReason::ShuttingDown,
        sentence: "The server restarts.".to_owned(),
        retry_after_ms: Some(4_200),
    };
    vectors.value("server.goodbye", &ServerFrame::Goodbye(goodbye));
    let access = |host: Option<&str>| {
        ServerFrame::Turn(TurnAccess {
            port: 7420,
            username: "1700003600:0011223344556677.8899aabbccddeeff".to_owned(),
            password: "AYiCUwX+eluB3k0edPWe+Lw8+EA=".to_owned(),
            ttl_s: 3_600,
            host: host.map(str::to_owned),
        })
    };
    vectors.value("server.turn", &access(Some("turn.example.org")));
    vectors.value("server.turn.same-host", &access(None));
    let notice = |id, title: Option<&str>| Notice {
        id: NoticeId([id; 16]),
        by: account,
        at: AT,
        until: UnixMillis(AT.0 + 86_400_000),
        level: NoticeLevel::Warning,
        text: "The server moves on Sunday.\nPlan for an hour.".to_owned(),
        title: title.map(str::to_owned),
    };
    vectors
        .value("server.notices", &ServerFrame::Notices { notices: vec![notice(1, None), notice(2, Some("Your key"))] });
}

// Rules: EN2, EN6, ID4, SG1, BO1, BO3
#[test]
fn the_bytes_of_the_protocol_are_frozen() {
    let mut vectors = Vectors(String::new());
    objects(&mut vectors);
    locations(&mut vectors);
    feeds(&mut vectors);
    rosters(&mut vectors);
    handshakes(&mut vectors);
    replication(&mut vectors);
    client_frames(&mut vectors);
    server_frames(&mut vectors);
    if std::env::var_os("MOMOLAND_BLESS").is_some() {
        std::fs::write(path(), &vectors.0).unwrap();
    }
    let frozen = std::fs::read_to_string(path()).unwrap();
    for (now, then) in vectors.0.lines().zip(frozen.lines()) {
        assert_eq!(now, then, "this object has other bytes than before");
    }
    assert_eq!(vectors.0.lines().count(), frozen.lines().count());
}

// Rules: ID2
#[test]
fn a_room_is_named_after_what_made_it() {
    assert_ne!(genesis().room(), RoomId([0; 32]));
    let other = Genesis::Made { kind: RoomKind::Feed, device: key(1).device(), nonce: Nonce([4; 32]) };
    assert_ne!(other.room(), genesis().room());
}
