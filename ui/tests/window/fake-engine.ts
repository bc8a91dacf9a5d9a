// A scripted engine behind a loopback socket, for looking at the built window and for driving it: it serves `dist/`
// under a strict content security policy and answers the API from memory. Tests only; nothing of it is in the bundle.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { yXmlFragmentToProseMirrorRootNode } from "@tiptap/y-tiptap";
import * as Y from "yjs";
import { WebSocketServer, type WebSocket } from "ws";
import type { Method, Params, Result } from "@/client/methods";
import { SCHEMA } from "@/features/documents/extensions";
import type { PictureOf } from "@/state/pictures";
import { messageOf, type Scene } from "./scenes.js";
import type { Activity, Announcement, Call, CallListening, CallPart, Comment, Doc, DocPresence, Draft, ErrorKind, Event, FeedPolicy, Hidden, Location, Member, Message, NetStatus, Notification, OwnAccount, Post, Receipt, Room, Tile } from "@/client/types";

const DIST = fileURLToPath(new URL("../../dist", import.meta.url));
const TYPES: Readonly<Record<string, string>> = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".woff2": "font/woff2", ".svg": "image/svg+xml" };
// Radix and Sonner put style elements in while they run; scripts are only ours.
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'";

/** Of a document's beginning. */
const BEGINNING_BLOCKS_MAX = 64;

export const FEED_ROOM = "public-feed";
/** A feed in which everybody posts, read by somebody who moderates it. */
export const OPEN: FeedPolicy = { posting: "members", mayPost: true, mayModerate: true };

export class Refused extends Error {
  readonly kind: ErrorKind;
  readonly count: number | undefined;
  constructor(kind: ErrorKind, message: string, count?: number) {
    super(message);
    this.kind = kind;
    this.count = count;
  }
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

export type World = {
  account: OwnAccount | null;
  net: NetStatus;
  rooms: Room[];
  members: Map<string, Member[]>;
  messages: Map<string, Message[]>;
  receipts: Receipt[];
  notifications: Notification[];
  activities: Activity[];
  announcements: Announcement[];
  docs: Doc[];
  replicas: Map<string, Y.Doc>;
  /** Who is in every document. */
  present: DocPresence[];
  drafts: Map<string, Draft>;
  /** Who may post in the feed, and what the reader may do there. */
  policy?: FeedPolicy;
  /** `null` on a server without a public feed. */
  posts: Post[] | null;
  comments: Comment[];
  locations: Location[];
  calls: Call[];
};

type Answers = { [M in Method]?: (params: Params<M>, world: World) => Result<M> };

export type FakeEngine = {
  address: string;
  world: World;
  /** Every call that arrived, in order. */
  calls: { method: string; params: unknown }[];
  emit: (event: Event) => void;
  /** What the window asked to see last. */
  readonly viewed: { view: number; tiles: readonly Tile[] };
  /** Sends what somebody's camera or screen shows, in the tile's size. Whether anybody looks at it. */
  picture: (of: PictureOf, scene: Scene) => boolean;
  /** Sends any bytes. */
  bytes: (bytes: Uint8Array) => void;
  /** Puts a method's answer in place of the usual one. */
  answer: (answers: Answers) => void;
  /** Breaks all sockets; while `refusing`, new ones too. */
  cut: (refusing: boolean) => void;
  close: () => Promise<void>;
};

export async function startFakeEngine(world: World): Promise<FakeEngine> {
  const calls: FakeEngine["calls"] = [];
  const sockets = new Set<WebSocket>();
  let answers: Answers = usual();
  let refusing = false;
  let sent = 0;
  let opened = 0;
  // Not from one, so that a window which takes a list's first number for its own is found out.
  let viewed: FakeEngine["viewed"] = { view: 40, tiles: [] };
  let processing = true;
  let chosenMicrophone = "";

  function putCall(call: Call): void {
    world.calls = [...world.calls.filter((each) => each.roomId !== call.roomId), ...(call.part === "ended" ? [] : [call])];
    emit({ type: "call.changed", call });
  }

  function callOf(callId: string): Call {
    const call = world.calls.find((each) => each.callId === callId);
    if (call === undefined) throw new Refused("not_found", "There is no such call, or it is over.");
    return call;
  }

  function listen(callId: string, listening: CallListening): void {
    putCall({ ...callOf(callId), listening });
  }

  function partInCall(callId: string, part: CallPart, camera = false): { callId: string } {
    putCall({ ...callOf(callId), part, mic: part === "in", camera });
    return { callId };
  }

  function usual(): Answers {
    return {
      "account.whoami": () => ({ account: world.account }),
      "account.login": () => ({ userId: "ada", deviceId: "ada-1" }),
      "account.register": () => ({ userId: "ada", deviceId: "ada-1" }),
      "account.logout": () => {
        world.account = null;
        return {};
      },
      "account.setProfile": ({ displayName }) => {
        if (world.account !== null) world.account = { ...world.account, displayName };
        return {};
      },
      "net.status": () => world.net,
      "net.setOnline": ({ online }) => {
        world.net = { ...world.net, server: online ? "online" : "offline", peers: online ? world.net.peers : [] };
        return {};
      },
      "rooms.list": () => ({ rooms: world.rooms }),
      "rooms.directory": () => ({ rooms: world.rooms.filter((room) => room.visibility === "public").map((room, at) => ({ ...room, joined: at % 2 === 0 })) }),
      "rooms.members": ({ roomId }) => ({ members: world.members.get(roomId) ?? [] }),
      "rooms.create": ({ name, visibility, topic }) => {
        const roomId = `room-${world.rooms.length}`;
        world.rooms.push({ roomId, name, topic: topic ?? "", kind: "chat", visibility, role: "owner", memberCount: 1, unreadCount: 0, mentionsCount: 0, notify: "all", favourite: false });
        return { roomId };
      },
      "rooms.invite": () => ({ invite: "momoland://join/tidewater.example/3f9a61c27e/Jb8w2vQx7sLkT0dM" }),
      "rooms.setRole": () => ({}),
      "rooms.update": () => ({}),
      "rooms.leave": () => ({}),
      "messages.list": ({ roomId, before, limit = 50 }) => {
        const all = world.messages.get(roomId) ?? [];
        const end = before === undefined ? all.length : Number(before);
        const start = Math.max(0, end - limit);
        return { messages: all.slice(start, end), ...(start > 0 ? { next: String(start) } : {}) };
      },
      "messages.send": ({ roomId, text, replyTo }) => {
        sent += 1;
        const mentions = (world.members.get(roomId) ?? []).filter((member) => text.includes(`@${member.handle}`)).map((member) => member.userId);
        const message: Message = {
          messageId: `sent-${sent}`, roomId, author: "ada", deviceId: "ada-1", text, sentAt: Date.now(), ...(replyTo === undefined ? {} : { replyTo }), reactions: [], mentions,
          mentionsRoom: text.includes("@room"), pinned: false, files: [], state: "stored",
        };
        world.messages.set(roomId, [...(world.messages.get(roomId) ?? []), message]);
        emit({ type: "message.new", roomId, message });
        return { messageId: message.messageId, state: "stored" };
      },
      "messages.edit": ({ roomId, messageId, text }) => ({ message: change(roomId, messageId, (message) => ({ ...message, text, editedAt: Date.now() })) }),
      "messages.delete": ({ roomId, messageId }) => ({
        message: change(roomId, messageId, (message) => ({ ...message, text: "", reactions: [], mentions: [], mentionsRoom: false, pinned: false, deletedAt: Date.now(), deletedBy: "ada" })),
      }),
      "messages.react": ({ roomId, messageId, emoji, on }) => ({
        message: change(roomId, messageId, (message) => {
          const all = message.reactions.some((each) => each.emoji === emoji) ? message.reactions : [...message.reactions, { emoji, userIds: [] }];
          const reactions = all.map((each) => (each.emoji === emoji ? { emoji, userIds: [...each.userIds.filter((userId) => userId !== "ada"), ...(on ? ["ada"] : [])] } : each));
          return { ...message, reactions: reactions.filter((each) => each.userIds.length > 0) };
        }),
      }),
      "messages.pin": ({ roomId, messageId, on }) => ({ message: change(roomId, messageId, (message) => ({ ...message, pinned: on })) }),
      "messages.pins": ({ roomId }) => ({ messages: (world.messages.get(roomId) ?? []).filter((message) => message.pinned) }),
      "messages.receipts": () => ({ receipts: world.receipts }),
      "messages.markRead": () => ({}),
      "messages.markUnread": () => ({}),
      "drafts.list": () => ({ drafts: [...world.drafts.values()] }),
      "drafts.set": ({ roomId, text, replyTo }) => {
        if (text === "" && replyTo === undefined) world.drafts.delete(roomId);
        else world.drafts.set(roomId, { roomId, text, ...(replyTo === undefined ? {} : { replyTo }), changedAt: Date.now() });
        return {};
      },
      "rooms.setNotify": ({ roomId, level }) => changeRoom(roomId, { notify: level }),
      "rooms.setFavourite": ({ roomId, on }) => changeRoom(roomId, { favourite: on }),
      "notifications.list": () => ({ notifications: world.notifications, unreadCount: world.notifications.filter((each) => !each.read).length }),
      "notifications.markRead": ({ notificationId }) => {
        world.notifications = world.notifications.map((each) => (notificationId === undefined || each.notificationId === notificationId ? { ...each, read: true } : each));
        return {};
      },
      "activity.list": ({ roomId }) => ({ activities: world.activities.filter((each) => each.roomId === roomId) }),
      "admin.announce": ({ message, level, ttlS = 604_800 }) => {
        const announcement = { announcementId: `announced-${message}`, message, level, userId: "ada", at: Date.now(), expiresAt: Date.now() + ttlS * 1_000 };
        world.announcements.push(announcement);
        emit({ type: "announcement.new", announcement });
        return { announcementId: announcement.announcementId };
      },
      "announcements.list": () => ({ announcements: world.announcements }),
      "announcements.dismiss": ({ announcementId }) => {
        world.announcements = world.announcements.filter((each) => each.announcementId !== announcementId);
        emit({ type: "announcement.gone", announcementId });
        return {};
      },
      "notifications.send": ({ title }) => ({ notificationId: `told-${title}` }),
      "feed.list": ({ order = "new", followed = false, before, limit = 20 }) => {
        const likes = (post: Post): number => (order === "new" ? 0 : order === "top" ? post.likesCount : Math.log10(Math.max(1, post.likesCount)) + post.publishedAt / 45_000_000);
        const all = feed().filter((post) => !followed || post.followed).toSorted((a, b) => likes(b) - likes(a) || b.publishedAt - a.publishedAt);
        const start = before === undefined ? 0 : Number(before);
        return { roomId: FEED_ROOM, policy: world.policy ?? OPEN, posts: all.slice(start, start + limit), ...(start + limit < all.length ? { next: String(start + limit) } : {}) };
      },
      "feed.publish": ({ title, body, tags = [] }) => {
        sent += 1;
        const post: Post = { postId: `posted-${sent}`, roomId: FEED_ROOM, author: "ada", authorName: "Ada Okafor", followed: false, title, body, tags, publishedAt: Date.now(), likesCount: 0, liked: false, commentsCount: 0, deleted: false };
        world.posts = [...feed(), post];
        emit({ type: "post.new", post });
        return { postId: post.postId };
      },
      "feed.edit": ({ postId, ...more }) => {
        changePost(postId, (post) => ({ ...post, ...more, editedAt: Date.now() }));
        return {};
      },
      "feed.delete": ({ postId }) => {
        const comment = world.comments.find((each) => each.commentId === postId);
        if (comment === undefined) {
          changePost(postId, (post) => ({ ...post, deleted: true }));
          world.posts = feed().filter((post) => post.postId !== postId);
        } else changeComment(postId, (each) => ({ ...each, text: "", deleted: true }));
        return {};
      },
      "feed.like": ({ postId, on }) => {
        const like = <T extends { liked: boolean; likesCount: number }>(it: T): T => (it.liked === on ? it : { ...it, liked: on, likesCount: it.likesCount + (on ? 1 : -1) });
        if (world.comments.some((each) => each.commentId === postId)) changeComment(postId, like);
        else changePost(postId, like);
        return {};
      },
      "feed.hide": ({ postId, on, reason = "" }) => {
        const hide = <T extends { hidden?: Hidden }>(it: T): T => {
          const { hidden: before, ...shown } = it;
          return (on ? { ...it, hidden: { userId: "ada", name: "Ada Okafor", reason, at: before?.at ?? Date.now() } } : shown) as T;
        };
        if (world.comments.some((each) => each.commentId === postId)) changeComment(postId, hide);
        else changePost(postId, hide);
        return {};
      },
      "feed.follow": ({ userId, on }) => {
        for (const post of feed().filter((each) => each.author === userId)) changePost(post.postId, (each) => ({ ...each, followed: on }));
        emit({ type: "follow.changed", userId, on });
        return {};
      },
      "feed.authors": () => ({ policy: world.policy ?? OPEN, authors: [] }),
      "feed.setPosting": ({ posting }) => {
        world.policy = { posting, mayPost: true, mayModerate: true };
        emit({ type: "feed.changed", roomId: FEED_ROOM, policy: world.policy });
        return {};
      },
      "feed.setAuthor": () => ({}),
      "feed.comment": ({ postId, text, replyTo }) => {
        sent += 1;
        const comment: Comment = { commentId: `comment-${sent}`, postId, roomId: FEED_ROOM, author: "ada", authorName: "Ada Okafor", text, ...(replyTo === undefined ? {} : { replyTo }), sentAt: Date.now(), likesCount: 0, liked: false, deleted: false };
        world.comments.push(comment);
        emit({ type: "comment.new", comment });
        changePost(postId, (post) => ({ ...post, commentsCount: post.commentsCount + 1 }));
        return { commentId: comment.commentId };
      },
      "feed.comments": ({ postId, before, limit = 50 }) => {
        const all = world.comments.filter((comment) => comment.postId === postId);
        const end = before === undefined ? all.length : Number(before);
        const start = Math.max(0, end - limit);
        return { comments: all.slice(start, end), ...(start > 0 ? { next: String(start) } : {}) };
      },
      "location.list": ({ roomId }) => ({ locations: world.locations.filter((each) => each.roomId === roomId) }),
      "location.share": ({ roomId, lat, lng, accuracyM, ttlS }) => {
        const more = { ...(accuracyM === undefined ? {} : { accuracyM }), ...(ttlS === undefined ? {} : { until: Date.now() + ttlS * 1_000 }) };
        world.locations = [...world.locations.filter((each) => each.roomId !== roomId || each.userId !== "ada"), { roomId, userId: "ada", lat, lng, at: Date.now(), ...more }];
        emit({ type: "location.changed", roomId, userId: "ada", lat, lng, at: Date.now(), ...more });
        return { lat, lng, ...more };
      },
      "location.stop": ({ roomId, keepLast = false }) => {
        const own = world.locations.find((each) => each.roomId === roomId && each.userId === "ada");
        if (own === undefined) return {};
        world.locations = world.locations.filter((each) => each !== own);
        if (keepLast) world.locations.push({ roomId: own.roomId, userId: own.userId, lat: own.lat, lng: own.lng, at: own.at });
        emit({ type: "location.changed", roomId: own.roomId, userId: "ada", lat: own.lat, lng: own.lng, at: Date.now(), ended: true });
        return {};
      },
      "calls.list": () => ({ calls: world.calls }),
      "calls.devices": () => ({
        microphones: [{ deviceId: "built-in", name: "Built-in microphone", isDefault: true }, { deviceId: "headset", name: "Headset", isDefault: false }],
        speakers: [{ deviceId: "built-in", name: "Built-in speakers", isDefault: true }],
        processing,
        ...(chosenMicrophone === "" ? {} : { chosenMicrophone }),
        cameras: [{ deviceId: "lid", name: "Camera in the lid", isDefault: true }, { deviceId: "desk", name: "Camera on the desk", isDefault: false }],
        screens: [
          { sourceId: "main", name: "Main screen", kind: "screen", isDefault: true },
          { sourceId: "second", name: "Second screen", kind: "screen", isDefault: false },
          { sourceId: "plan", name: "Slipway plan, an editor with a long name that nobody reads to its end", kind: "window", isDefault: false },
        ],
      }),
      "calls.start": ({ roomId, media }) => {
        const call: Call = { callId: `call-${roomId}`, roomId, media, part: "calling", mic: true, speaking: false, camera: media === "video", screen: false, since: Date.now(), sound: { microphone: "Built-in microphone", speakers: "Built-in speakers" }, participants: [] };
        putCall(call);
        return { callId: call.callId };
      },
      "calls.join": ({ callId, camera = false }) => partInCall(callId, "in", camera),
      "calls.decline": ({ callId }) => partInCall(callId, "ended"),
      "calls.leave": ({ callId }) => partInCall(callId, "ended"),
      "calls.test": ({ on, camera }) => {
        if (on && world.calls.some(({ part }) => part === "in")) throw new Refused("conflict", "You are in a call, which has the devices. Leave it to try them out.");
        if (!on) emit({ type: "call.test", level: 0, speaking: false });
        else emit({ type: "call.test", level: 0.05, speaking: true, sound: { microphone: "Built-in microphone", speakers: "Built-in speakers" }, ...(camera === true ? { picture: { camera: "Camera in the lid" } } : {}) });
        return {};
      },
      "calls.setMedia": ({ mic, camera, screen, microphone, processing: processed }) => {
        chosenMicrophone = microphone ?? chosenMicrophone;
        processing = processed ?? processing;
        const call = world.calls.find((each) => each.part === "in" || each.part === "calling");
        const more = { ...(mic === undefined ? {} : { mic }), ...(camera === undefined ? {} : { camera }), ...(screen === undefined ? {} : { screen }) };
        if (call !== undefined && Object.keys(more).length > 0) putCall({ ...call, ...more });
        return {};
      },
      "calls.play": ({ callId, path }) => {
        const title = (path.split(/[\\/]/u).at(-1) ?? "").replace(/\.[^.]*$/u, "");
        listen(callId, { deviceId: "ada-1", userId: "ada", title, lengthMs: 185_000, state: "playing", positionMs: 0, at: Date.now(), changedBy: "ada" });
        return {};
      },
      "calls.playback": ({ callId, action, positionMs = 0 }) => {
        const held = callOf(callId).listening;
        if (held === undefined || held.state === "stopped" || held.state === "left") throw new Refused("conflict", "Nothing is played in this call. Play a file first.");
        const at = Date.now();
        const reached = held.state === "playing" ? held.positionMs + at - held.at : held.positionMs;
        const begins = held.lengthMs !== undefined && reached >= held.lengthMs ? 0 : reached;
        const next = {
          play: { state: "playing", positionMs: begins },
          pause: { state: "paused", positionMs: reached },
          seek: { state: held.state, positionMs },
          stop: { state: "stopped", positionMs: reached },
        } as const;
        listen(callId, { ...held, ...next[action], at, changedBy: "ada" });
        return {};
      },
      "calls.view": ({ tiles }) => {
        viewed = { view: viewed.view + 1, tiles };
        return { view: viewed.view };
      },
      "presence.set": () => ({}),
      "docs.list": ({ roomId, deleted = false }) => ({ docs: world.docs.filter((doc) => doc.roomId === roomId && doc.deleted === deleted) }),
      "docs.create": ({ roomId, title, editing, editors = [] }) => {
        const docId = `doc-${world.docs.length}`;
        world.docs.unshift({ docId, roomId, title, author: "ada", editing, editors, createdAt: Date.now(), changedAt: Date.now(), archived: false, deleted: false });
        return { docId };
      },
      "docs.open": ({ docId }) => {
        opened += 1;
        const replica = replicaOf(docId);
        return { doc: docOf(docId), clientId: 1_000 + opened, beginning: beginningOf(replica), update: base64(Y.encodeStateAsUpdate(replica)), stateVector: base64(Y.encodeStateVector(replica)), present: world.present };
      },
      "docs.close": () => ({}),
      "docs.update": ({ docId, update }) => {
        const bytes = Buffer.from(update, "base64");
        Y.applyUpdate(replicaOf(docId), bytes);
        emit({ type: "doc.update", docId, update });
        return {};
      },
      "docs.state": ({ docId, stateVector }) => {
        const replica = replicaOf(docId);
        const theirs = stateVector === undefined ? undefined : Buffer.from(stateVector, "base64");
        return { update: base64(Y.encodeStateAsUpdate(replica, theirs)), stateVector: base64(Y.encodeStateVector(replica)) };
      },
      "docs.awareness": () => ({}),
      "docs.export": ({ docId, format }) => ({ content: `# ${docOf(docId).title}\n`, fileName: `${docOf(docId).title}.${format === "markdown" ? "md" : format === "html" ? "html" : "txt"}`, mediaType: "text/markdown" }),
      "docs.import": ({ docId, content }) => {
        const replica = replicaOf(docId);
        const before = Y.encodeStateVector(replica);
        const paragraph = new Y.XmlElement("paragraph");
        paragraph.insert(0, [new Y.XmlText(content)]);
        replica.getXmlFragment("default").push([paragraph]);
        emit({ type: "doc.update", docId, update: base64(Y.encodeStateAsUpdate(replica, before)) });
        return {};
      },
      "docs.history": () => ({
        versions: [
          { versionId: "third", userId: "ada", beganAt: 900_000, at: 901_000 },
          { versionId: "second", userId: "ada", beganAt: 2_000, at: 3_000 },
        ],
      }),
      "docs.version": ({ versionId }) => ({ version: { versionId, userId: "ada", beganAt: 2_000, at: 3_000 }, markdown: "Plan\n\nnow\n", before: "Plan\n\nonce\n" }),
      "docs.revert": () => ({}),
      "docs.rename": ({ docId, title }) => changeDoc(docId, { title }),
      "docs.archive": ({ docId, archived }) => changeDoc(docId, { archived }),
      "docs.delete": ({ docId }) => changeDoc(docId, { deleted: true }),
      "docs.restore": ({ docId }) => changeDoc(docId, { deleted: false }),
      "docs.setEditors": ({ docId, editing = "listed", editors = [] }) => changeDoc(docId, { editing, editors }),
      "typing.set": () => ({}),
      "presence.list": () => {
        const users = [...new Map([...world.members.values()].flat().map((member) => [member.userId, member])).values()];
        return { users, count: users.filter((user) => user.status !== "offline").length };
      },
    };
  }

  function feed(): Post[] {
    if (world.posts === null) throw new Refused("not_found", "This server has no public feed yet. It is there once its administrator has signed in with Momoland.");
    return world.posts;
  }

  function changePost(postId: string, how: (post: Post) => Post): void {
    const at = feed().findIndex((post) => post.postId === postId);
    const held = feed()[at];
    if (held === undefined) throw new Refused("not_found", "There is no such post or comment here, or it was taken back.");
    const post = how(held);
    world.posts = feed().with(at, post);
    emit({ type: "post.changed", post });
  }

  function changeComment(commentId: string, how: (comment: Comment) => Comment): void {
    world.comments = world.comments.map((each) => {
      if (each.commentId !== commentId) return each;
      const comment = how(each);
      emit({ type: "comment.changed", comment });
      return comment;
    });
  }

  function change(roomId: string, messageId: string, how: (message: Message) => Message): Message {
    const messages = world.messages.get(roomId) ?? [];
    const at = messages.findIndex((message) => message.messageId === messageId);
    const held = messages[at];
    if (held === undefined) throw new Refused("not_found", "There is no such message in this room.");
    const message = how(held);
    world.messages.set(roomId, messages.with(at, message));
    emit({ type: "message.changed", roomId, message });
    return message;
  }

  function changeRoom(roomId: string, how: Partial<Room>): Record<symbol, never> {
    world.rooms = world.rooms.map((each) => (each.roomId === roomId ? { ...each, ...how } : each));
    const room = world.rooms.find((each) => each.roomId === roomId);
    if (room !== undefined) emit({ type: "room.changed", room });
    return {};
  }

  function replicaOf(docId: string): Y.Doc {
    const held = world.replicas.get(docId);
    if (held !== undefined) return held;
    const replica = new Y.Doc();
    world.replicas.set(docId, replica);
    return replica;
  }

  /** As the engine has it. */
  function beginningOf(replica: Y.Doc): unknown[] {
    return (yXmlFragmentToProseMirrorRootNode(replica.getXmlFragment("default"), SCHEMA).toJSON() as { content?: unknown[] }).content?.slice(0, BEGINNING_BLOCKS_MAX) ?? [];
  }

  function docOf(docId: string): Doc {
    const doc = world.docs.find((each) => each.docId === docId);
    if (doc === undefined) throw new Refused("not_found", "There is no such document.");
    return doc;
  }

  function changeDoc(docId: string, how: Partial<Doc>): Record<symbol, never> {
    const doc = { ...docOf(docId), ...how, changedAt: Date.now() };
    world.docs = world.docs.map((each) => (each.docId === docId ? doc : each));
    emit({ type: "doc.changed", doc });
    return {};
  }

  function emit(event: Event): void {
    for (const socket of sockets) socket.send(JSON.stringify({ jsonrpc: "2.0", method: "event", params: event }));
  }

  function bytes(data: Uint8Array): void {
    for (const socket of sockets) socket.send(data);
  }

  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? "/", "http://127.0.0.1").pathname);
    const file = join(DIST, path === "/" ? "index.html" : path);
    readFile(file).then(
      (body) => response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream", "content-security-policy": POLICY }).end(body),
      () => response.writeHead(404).end(),
    );
  });
  const upgrades = new WebSocketServer({ server, path: "/ws", verifyClient: () => !refusing });
  upgrades.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("message", (data) => {
      const { id, method, params } = JSON.parse((data as Buffer).toString()) as { id: number; method: Method; params: never };
      calls.push({ method, params });
      const handler = answers[method] as ((params: never, world: World) => unknown) | undefined;
      try {
        if (handler === undefined) throw new Refused("not_found", "There is no such method.");
        socket.send(JSON.stringify({ jsonrpc: "2.0", id, result: handler(params, world) }));
      } catch (thrown) {
        if (!(thrown instanceof Refused)) throw thrown;
        socket.send(JSON.stringify({ jsonrpc: "2.0", id, error: { code: -32_000, message: thrown.message, data: { kind: thrown.kind, count: thrown.count } } }));
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };

  return {
    address: `http://127.0.0.1:${port}/?token=secret`,
    world,
    calls,
    emit,
    get viewed() {
      return viewed;
    },
    picture: ({ deviceId, source }, scene) => {
      const tile = viewed.tiles.findIndex((each) => each.deviceId === deviceId && each.source === source);
      const size = viewed.tiles[tile];
      if (size === undefined) return false;
      bytes(messageOf({ view: viewed.view, tile }, scene(size.width, size.height)));
      return true;
    },
    bytes,
    answer: (more) => {
      answers = { ...answers, ...more };
    },
    cut: (refuse) => {
      refusing = refuse;
      for (const socket of sockets) socket.terminate();
    },
    close: async () => {
      for (const socket of sockets) socket.terminate();
      upgrades.close();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
