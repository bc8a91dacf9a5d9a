//! Who may do what, as a table: role by action by front. Every cell is tried and asserted.
//!
//! The fronts are `momo rpc`, the window's WebSocket of `momo ui`, and a modified client that signs what it likes with the
//! key of a member and says it to the server (to a peer: `raw_frames_count_as_far_as_their_role_reaches` of the engine).
//! The desktop's window calls the same `Engine::handle` as both of the first two.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use momoland_protocol::cbor;
use momoland_protocol::clock::{Hlc, UnixMillis};
use momoland_protocol::content::{DeletionContent, MessageContent, PinContent, ReactionContent};
use momoland_protocol::event::{Action, Body, BodyBytes, Event, EventHeader, EventPlace};
use momoland_protocol::id::{AccountId, EventId, Incarnation, InviteKey, RoomId, RosterHash, Seq, random};
use momoland_protocol::replication::Frame;
use momoland_protocol::roster::{History, Posting, Role, RosterChange, RosterOp, Settings, Visibility};
use momoland_protocol::server::{ClientFrame, RefusalKind, Request, Response, ServerFrame};
use momoland_protocol::signed::Signed;
use serde_json::{Value, json};
use support::device::{self, Device};
use support::socket::Socket;
use support::{Momo, PASSWORD, RpcError, Window, World, invite_and_join, wait_until};

const ARRIVES_WITHIN: Duration = Duration::from_secs(20);

/// The columns.
const ROLES: [&str; 6] = ["owner", "moderator", "member", "reader", "removed", "stranger"];

/// What one may do through a front: `y` yes, `f` `forbidden`, `n` as if there were no such room.
const FRONTS: [(&str, &str); 17] = [
    ("read", "yyyynn"),
    ("mark read", "yyyynn"),
    ("send", "yyyfnn"),
    ("edit own", "yyyfnn"),
    ("edit another's", "ffffnn"),
    ("react", "yyyfnn"),
    ("pin", "yyyfnn"),
    ("delete own", "yyyfnn"),
    ("delete another's", "yyffnn"),
    ("publish in the feed", "yyyfnn"),
    ("create a document", "yyyfnn"),
    ("write in a document", "yyyfnn"),
    ("share a location", "yyyfnn"),
    ("invite", "yyyfnn"),
    ("update the room", "yyffnn"),
    ("set a role", "yfffnn"),
    ("remove somebody", "yyffnn"),
];

/// What has an effect on others when a modified client says it to the server: `y` yes, `n` no. `s`: the server stores it,
/// since the role may do such a thing, and nobody shows it, since it is not theirs to do.
const RAW_EVENTS: [(&str, &str); 8] = [
    ("send", "yyynnn"),
    ("edit own", "yyynnn"),
    ("edit another's", "sssnnn"),
    ("react", "yyynnn"),
    ("pin", "yyynnn"),
    ("retract own", "yyynnn"),
    ("retract another's", "sssnnn"),
    ("redact another's", "yynnnn"),
];

/// What the server puts in order when a modified client asks for it.
const RAW_CHANGES: [(&str, &str); 4] =
    [("invite", "yyynnn"), ("update the room", "yynnnn"), ("set a role", "ynnnnn"), ("remove somebody", "yynnnn")];

/// Ada made the room and undoes what was done; Carol is whom things are done to, and sees it; the others are what they are
/// called.
struct Stage {
    world: World,
    ada: Momo,
    carol: Momo,
    /// Linus's device, under a client that only looks.
    watcher: Device,
    people: Vec<Momo>,
    room: String,
    doc: String,
    /// By author and what it is for.
    messages: BTreeMap<(String, String), String>,
}

impl Stage {
    fn new(rounds: &[&str]) -> Self {
        let (world, [ada, carol, linus]) = World::with_people(["ada", "carol", "linus"]);
        let people: Vec<Momo> = ROLES.iter().map(|role| world.person(role)).collect();
        let room = ada.create_room("the workshop", "private");
        let inside: Vec<&Momo> = people.iter().filter(|person| person.name() != "stranger").collect();
        for person in inside.iter().copied().chain([&carol, &linus]) {
            invite_and_join(&ada, person, &room);
        }
        let created = ada.ask("docs.create", json!({ "roomId": room, "title": "Tides", "editing": "members" }));
        let doc = created["docId"].as_str().expect("an id").to_owned();
        let mut messages = BTreeMap::new();
        for round in rounds {
            for author in &inside {
                for purpose in ["edit", "delete"] {
                    let id = author.send(&room, &format!("{round} {purpose} {}", author.name()));
                    messages.insert((author.name().to_owned(), format!("{round} {purpose}")), id);
                }
                for purpose in ["edit", "delete", "react"] {
                    let purpose = format!("{round} {purpose} by {}", author.name());
                    messages.insert(("carol".to_owned(), purpose.clone()), carol.send(&room, &purpose));
                }
            }
        }
        let all = messages.len();
        for person in inside.iter().copied().chain([&ada, &carol]) {
            wait_until("everybody has everything", ARRIVES_WITHIN, || {
                let here = person.call("docs.text", json!({ "docId": doc })).is_ok();
                here && person.messages(&room).len() == all
            });
        }
        linus.kill();
        let watcher = Device::take_over(world.server.port(), "linus", PASSWORD, linus.data());
        for (person, role) in people.iter().zip(ROLES) {
            match role {
                "owner" | "moderator" | "reader" => {
                    let params = json!({ "roomId": room, "userId": person.user_id(), "role": role });
                    ada.ask("rooms.setRole", params);
                    wait_until("the role is known", ARRIVES_WITHIN, || {
                        person.room(&room).is_some_and(|room| room["role"] == role)
                    });
                }
                "removed" => {
                    ada.ask("rooms.remove", json!({ "roomId": room, "userId": person.user_id() }));
                    wait_until("the room is gone", ARRIVES_WITHIN, || person.room(&room).is_none());
                }
                _ => {}
            }
        }
        Self { world, ada, carol, watcher, people, room, doc, messages }
    }

    fn person(&self, role: &str) -> &Momo {
        self.people.iter().find(|person| person.name() == role).expect("a role")
    }

    /// One's own message for a purpose. The stranger, who has none, tries the owner's.
    fn own(&self, role: &str, purpose: &str) -> &str {
        let author = if role == "stranger" { "owner" } else { role };
        &self.messages[&(author.to_owned(), purpose.to_owned())]
    }

    /// Carol's message for what a role does with it.
    fn hers(&self, role: &str, purpose: &str) -> &str {
        let by = if role == "stranger" { "owner" } else { role };
        &self.messages[&("carol".to_owned(), format!("{purpose} by {by}"))]
    }

    /// The room's last change of membership or settings, as the server has it.
    fn head(&self) -> RosterHash {
        let mut socket = self.watcher.welcome(self.world.server.port());
        device::enter_room(&mut socket, self.room.parse().expect("a room's id")).1
    }

    /// The call of one cell.
    fn call(&self, action: &str, role: &str, round: &str) -> (&'static str, Value) {
        let own = |purpose: &str| self.own(role, &format!("{round} {purpose}"));
        let hers = |purpose: &str| self.hers(role, &format!("{round} {purpose}"));
        let lat = if round == "rpc" { 1.5 } else { 2.5 };
        let (method, mut params) = match action {
            "read" => ("messages.list", json!({})),
            "mark read" => ("messages.markRead", json!({ "messageId": hers("react") })),
            "send" => ("messages.send", json!({ "text": format!("{round}: {role} speaks") })),
            "edit own" => {
                ("messages.edit", json!({ "messageId": own("edit"), "text": format!("{round}: {role} edits") }))
            }
            "edit another's" => ("messages.edit", json!({ "messageId": hers("edit"), "text": "put into her mouth" })),
            "react" => ("messages.react", json!({ "messageId": hers("react"), "emoji": "👍", "on": true })),
            "pin" => ("messages.pin", json!({ "messageId": hers("react"), "on": true })),
            "delete own" => ("messages.delete", json!({ "messageId": own("delete") })),
            "delete another's" => ("messages.delete", json!({ "messageId": hers("delete") })),
            "publish in the feed" => ("feed.publish", json!({ "title": format!("{round}: {role}"), "body": "news" })),
            "create a document" => {
                ("docs.create", json!({ "title": format!("{round}: {role}"), "editing": "members" }))
            }
            "write in a document" => {
                return (
                    "docs.edit",
                    json!({ "docId": self.doc, "ops": [{ "at": 0, "insert": format!("{round} {role} ") }] }),
                );
            }
            "share a location" => ("location.share", json!({ "lat": lat, "lng": 2.5 })),
            "invite" => ("rooms.invite", json!({})),
            "update the room" => ("rooms.update", json!({ "topic": format!("{round}: {role} was here") })),
            "set a role" => ("rooms.setRole", json!({ "userId": self.carol.user_id(), "role": "reader" })),
            "remove somebody" => ("rooms.remove", json!({ "userId": self.carol.user_id() })),
            other => panic!("no such action: {other}"),
        };
        params["roomId"] = json!(self.room);
        (method, params)
    }

    /// Undoes what would change the next cells.
    fn restore(&self) {
        let carols = |field: &str| {
            let members = self.ada.members(&self.room);
            members.iter().find(|member| member["userId"] == self.carol.user_id()).map(|member| member[field].clone())
        };
        match carols("role") {
            None => invite_and_join(&self.ada, &self.carol, &self.room),
            Some(role) if role != "member" => {
                let params = json!({ "roomId": self.room, "userId": self.carol.user_id(), "role": "member" });
                self.ada.ask("rooms.setRole", params);
            }
            Some(_) => {}
        }
        wait_until("carol is a member again, and sees what ada sees", ARRIVES_WITHIN, || {
            self.carol.room(&self.room).is_some_and(|room| room["role"] == "member")
                && self.seen(&self.carol) == self.seen(&self.ada)
        });
    }

    /// All that can be seen of the room, by somebody who may see it.
    fn seen(&self, by: &Momo) -> Value {
        let room = by.room(&self.room).expect("the room");
        let messages: Vec<Value> = by
            .messages(&self.room)
            .into_iter()
            .map(|message| {
                json!([
                    message["messageId"],
                    message["text"],
                    message["reactions"],
                    message["pinned"],
                    message["deletedAt"]
                ])
            })
            .collect();
        let mut members: Vec<String> =
            by.members(&self.room).iter().map(|member| format!("{} {}", member["userId"], member["role"])).collect();
        members.sort();
        let places = by.ask("location.list", json!({ "roomId": self.room }));
        let places = places["locations"].as_array().expect("a list").iter();
        let mut places: Vec<String> = places.map(|place| format!("{} {}", place["userId"], place["lat"])).collect();
        places.sort();
        json!({
            "messages": messages,
            "members": members,
            "room": [room["name"], room["topic"]],
            "posts": by.ask("feed.list", json!({ "roomId": self.room }))["posts"].as_array().map(Vec::len),
            "docs": by.ask("docs.list", json!({ "roomId": self.room }))["docs"].as_array().map(Vec::len),
            "text": by.call("docs.text", json!({ "docId": self.doc })).ok(),
            "locations": places,
        })
    }

    /// Tries a column through one front.
    fn try_column(&self, front: &str, role: &str, call: &dyn Fn(&str, Value) -> Result<Value, RpcError>) {
        let place = ROLES.iter().position(|known| *known == role).expect("a role");
        for (action, cells) in FRONTS {
            let (method, params) = self.call(action, role, front);
            let before = self.seen(&self.carol);
            let outcome = call(method, params);
            let cell = &cells[place..=place];
            let what = format!("{front}: {action} as {role}");
            match (&outcome, cell) {
                (Ok(_), "y") => {
                    let silent = ["read", "mark read", "invite"].contains(&action);
                    let effect = || match action {
                        "remove somebody" => self.carol.room(&self.room).is_none(),
                        _ => self.seen(&self.carol) != before,
                    };
                    if !silent {
                        wait_until(&format!("{what} is seen by others"), ARRIVES_WITHIN, effect);
                    }
                }
                (Err(refusal), "f") => assert_eq!(refusal.kind, "forbidden", "{what}: {refusal:?}"),
                (Err(refusal), "n") => {
                    assert!(["not_found", "forbidden"].contains(&refusal.kind.as_str()), "{what}: {refusal:?}");
                }
                _ => panic!("{what} should be {cell}, and is {outcome:?}"),
            }
            if cell == "y" {
                self.restore();
            } else {
                assert_eq!(self.seen(&self.carol), before, "{what} changed something");
            }
        }
    }
}

#[test]
fn what_a_role_may_do_over_rpc_and_through_the_window() {
    let stage = Stage::new(&["rpc", "window"]);
    for role in ROLES {
        let person = stage.person(role);
        stage.try_column("rpc", role, &|method, params| person.call(method, params));
    }
    for role in ROLES {
        let person = stage.person(role);
        person.kill();
        let window = Window::start(stage.world.folder(), person.name());
        let page = RefCell::new(window.enter());
        let call = |method: &str, params: Value| page.borrow_mut().call(method, params);
        wait_until("the window is online", ARRIVES_WITHIN, || {
            call("net.status", json!({})).is_ok_and(|status| status["server"] == "online")
        });
        stage.try_column("window", role, &call);
        drop(page);
        window.stop();
    }
}

/// A modified client: a member's key, and no scruples.
struct Modified {
    device: Device,
    socket: Box<Socket>,
    heard: Vec<ServerFrame>,
    requests: u32,
}

impl Modified {
    fn new(stage: &Stage, person: &Momo) -> Self {
        let port = stage.world.server.port();
        let device = Device::take_over(port, person.name(), PASSWORD, person.data());
        let socket = device.welcome(port);
        Self { device, socket, heard: Vec::new(), requests: 0 }
    }

    fn request(&mut self, request: Request) -> Response {
        self.requests += 1;
        let id = self.requests;
        device::send(&mut self.socket, &ClientFrame::Request { id, request }).expect("the socket is open");
        loop {
            let frame = device::receive(&mut self.socket).expect("the server goes on");
            if let ServerFrame::Response { id: of, response } = &frame
                && *of == id
            {
                return response.clone();
            }
            self.heard.push(frame);
        }
    }

    /// Everything that was on its way.
    fn settle(&mut self) {
        for _ in 0..2 {
            self.request(Request::Directory { after: None });
        }
    }

    /// Where each event that it was given stands.
    fn places(&self) -> BTreeMap<EventId, EventPlace> {
        let mut places = BTreeMap::new();
        for frame in &self.heard {
            if let ServerFrame::Replication(Frame::Events { events, .. }) = frame {
                for event in events {
                    let header = event.header.get();
                    places.insert(event.id(), EventPlace { chain: header.chain(), seq: header.seq });
                }
            }
        }
        places
    }

    /// One event in a chain of its own.
    fn say(
        &mut self,
        room: RoomId,
        roster: RosterHash,
        action: Action,
        about: Option<(EventPlace, EventId)>,
        content: Vec<u8>,
    ) -> Incarnation {
        let body = BodyBytes::new(&Body::Plain(content)).expect("it is short");
        let incarnation = Incarnation(random());
        let header = EventHeader {
            log: room.conversation(),
            device: self.device.key().device(),
            incarnation,
            seq: Seq(1),
            prev: EventId::ZERO,
            hlc: Hlc::at(UnixMillis::now()),
            roster,
            action,
            targets: about.map(|(_, target)| target).into_iter().collect(),
            body_hash: body.hash(),
            body_length: u32::try_from(body.len()).expect("it is short"),
            place: about.map(|(place, _)| place),
        };
        let event = Event { header: Signed::sign(header, self.device.key()).expect("it fits"), body: Some(body) };
        let frame = Frame::Events { log: room.conversation(), events: vec![event] };
        device::send_replication(&mut self.socket, frame);
        incarnation
    }

    fn was_acknowledged(&self, incarnation: Incarnation) -> bool {
        self.heard.iter().any(|frame| match frame {
            ServerFrame::Replication(Frame::Ack { chains, .. }) => {
                chains.iter().any(|head| head.chain.incarnation == incarnation)
            }
            _ => false,
        })
    }
}

fn text(text: &str) -> Vec<u8> {
    cbor::encode(&MessageContent { text: text.to_owned(), sent_at: UnixMillis::now(), mentions: None, call: None })
}

#[test]
fn what_a_modified_client_may_do_with_the_key_of_a_role() {
    let stage = Stage::new(&["raw"]);
    let room: RoomId = stage.room.parse().expect("a room's id");
    let places = {
        // An honest reader's key is as good for looking.
        let reader = stage.person("reader");
        reader.kill();
        let mut modified = Modified::new(&stage, reader);
        device::enter_room(&mut modified.socket, room);
        wait_until("it was given everything", ARRIVES_WITHIN, || {
            modified.settle();
            stage.messages.values().all(|id| modified.places().contains_key(&id.parse().expect("an id")))
        });
        modified.places()
    };
    for role in ROLES {
        let person = stage.person(role);
        // The reader's process has made room above.
        if role != "reader" {
            person.kill();
        }
        let mut modified = Modified::new(&stage, person);
        let place = ROLES.iter().position(|known| *known == role).expect("a role");
        // The roster as everybody has it; those who are out are not told, and claim it all the same.
        let head = stage.head();
        if !["removed", "stranger"].contains(&role) {
            assert_eq!(device::enter_room(&mut modified.socket, room).1, head);
        }
        for (action, cells) in RAW_EVENTS {
            let cell = &cells[place..=place];
            let what = format!("raw: {action} as {role}");
            let own = |purpose: &str| stage.own(role, &format!("raw {purpose}"));
            let hers = |purpose: &str| stage.hers(role, &format!("raw {purpose}"));
            let about = |id: &str| {
                let id: EventId = id.parse().expect("an id");
                Some((places[&id], id))
            };
            let emoji = ReactionContent { emoji: "👍".to_owned(), on: true };
            let (code, about, content) = match action {
                "send" => (Action::POST, None, text(&format!("raw words of {role}"))),
                "edit own" => (Action::EDIT, about(own("edit")), text(&format!("raw edit of {role}"))),
                "edit another's" => (Action::EDIT, about(hers("edit")), text("put into her mouth")),
                "react" => (Action::REACT, about(hers("react")), cbor::encode(&emoji)),
                "pin" => (Action::PIN, about(hers("react")), cbor::encode(&PinContent { on: true })),
                "retract own" => (Action::RETRACT, about(own("delete")), cbor::encode(&DeletionContent {})),
                "retract another's" => (Action::RETRACT, about(hers("edit")), cbor::encode(&DeletionContent {})),
                "redact another's" => (Action::REDACT, about(hers("delete")), cbor::encode(&DeletionContent {})),
                other => panic!("no such action: {other}"),
            };
            let before = stage.seen(&stage.carol);
            let incarnation = modified.say(room, head, code, about, content);
            if cell == "y" {
                wait_until(&format!("{what} is seen"), ARRIVES_WITHIN, || stage.seen(&stage.carol) != before);
                continue;
            }
            if cell == "s" {
                wait_until(&format!("{what} is stored"), ARRIVES_WITHIN, || {
                    modified.settle();
                    modified.was_acknowledged(incarnation)
                });
            }
            // What is said behind it arrives everywhere: so would it have.
            let marker = stage.ada.send(&stage.room, &format!("behind {what}"));
            stage.carol.wait_message(&stage.room, &marker, "the marker", |_| true);
            stage.ada.wait_state(&stage.room, &marker, "delivered");
            modified.settle();
            assert_eq!(modified.was_acknowledged(incarnation), cell == "s", "{what}: stored by the server?");
            let mut after = stage.seen(&stage.carol);
            let last = after["messages"].as_array_mut().expect("a list").pop().expect("the marker");
            assert_eq!(last[0], marker.as_str());
            assert_eq!(after, before, "{what} changed something");
        }
        for (action, cells) in RAW_CHANGES {
            let cell = &cells[place..=place];
            let what = format!("raw: {action} as {role}");
            let carol: AccountId = stage.carol.user_id().parse().expect("an id");
            let op = match action {
                "invite" => RosterOp::OpenInvite {
                    invite: InviteKey(random()),
                    role: Role::Reader,
                    uses_max: None,
                    expires_at: UnixMillis(UnixMillis::now().0 + 60_000),
                },
                "update the room" => RosterOp::Configure {
                    settings: Settings {
                        name: "the workshop".to_owned(),
                        topic: format!("raw: {role} was here"),
                        visibility: Visibility::Private,
                        history: History::All,
                        posting: Posting::Members,
                    },
                },
                "set a role" => RosterOp::SetRole { account: carol, role: Role::Reader },
                "remove somebody" => RosterOp::Remove { account: carol, ban: false },
                other => panic!("no such change: {other}"),
            };
            let before = stage.seen(&stage.ada);
            let hlc = Hlc::at(UnixMillis::now());
            let device = modified.device.key().device();
            let change = RosterChange { room, prev: stage.head(), device, hlc, op, cuts: Vec::new() };
            let change = Signed::sign(change, modified.device.key()).expect("it fits");
            match (modified.request(Request::SubmitChange { change }), cell) {
                (Response::Accepted { .. }, "y") => {
                    if action != "invite" {
                        wait_until(&format!("{what} is seen"), ARRIVES_WITHIN, || stage.seen(&stage.ada) != before);
                    }
                    stage.restore();
                }
                (Response::Refused(refusal), "n") => {
                    let told = [RefusalKind::Forbidden, RefusalKind::NotFound];
                    assert!(told.contains(&refusal.kind), "{what}: {refusal:?}");
                    assert_eq!(stage.seen(&stage.ada), before, "{what} changed something");
                }
                (answer, _) => panic!("{what} should be {cell}, and is {answer:?}"),
            }
        }
    }
}
