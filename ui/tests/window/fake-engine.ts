// A scripted engine behind a loopback socket, for looking at the built window and for driving it: it serves `dist/`
// under a strict content security policy and answers the API from memory. Tests only; nothing of it is in the bundle.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import * as Y from "yjs";
import { WebSocketServer, type WebSocket } from "ws";
import type { Method, Params, Result } from "@/api/methods";
import type { Activity, Doc, DocPresence, Draft, ErrorKind, Event, Member, Message, NetStatus, Notification, OwnAccount, Receipt, Room } from "@/api/types";

const DIST = fileURLToPath(new URL("../../dist", import.meta.url));
const TYPES: Readonly<Record<string, string>> = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".woff2": "font/woff2", ".svg": "image/svg+xml" };
// Radix and Sonner put style elements in while they run; scripts are only ours.
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'";

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
  docs: Doc[];
  replicas: Map<string, Y.Doc>;
  /** Who is in every document. */
  present: DocPresence[];
  drafts: Map<string, Draft>;
};

type Answers = { [M in Method]?: (params: Params<M>, world: World) => Result<M> };

export type FakeEngine = {
  address: string;
  world: World;
  /** Every call that arrived, in order. */
  calls: { method: string; params: unknown }[];
  emit: (event: Event) => void;
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
      "admin.announce": ({ message, level }) => {
        emit({ type: "announcement.new", announcement: { announcementId: `announced-${message}`, message, level, at: Date.now() } });
        return {};
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
        return { doc: docOf(docId), clientId: 1_000 + opened, update: base64(Y.encodeStateAsUpdate(replica)), stateVector: base64(Y.encodeStateVector(replica)), present: world.present };
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
