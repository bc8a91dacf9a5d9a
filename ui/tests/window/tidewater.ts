// The small world that the pictures show: a boat club with one busy room. Times are of today, so that day rules hold.
import type { Comment, Doc, Member, Message, NetStatus, OwnAccount, Post, Room } from "@/client/types";
import { FEED_ROOM, type World } from "./fake-engine.js";

const person = (userId: string, displayName: string, status: Member["status"], role: Member["role"] = "member", lastSeen?: number): Member => ({
  userId, handle: userId, displayName, role, status, ...(lastSeen === undefined ? {} : { lastSeen }),
});

const DAY_MS = 86_400_000;

export const PEOPLE: readonly Member[] = [
  person("ada", "Ada Okafor", "online", "owner"),
  person("ingrid", "Ingrid Solheim", "online", "moderator"),
  person("mateo", "Mateo Ruiz", "online"),
  person("sam", "Sam Whitlock", "online"),
  person("priya", "Priya Nair", "online"),
  person("yuki", "Yuki Tanabe", "away"),
  person("tom", "Tom Brandt", "offline", "reader", Date.now() - DAY_MS),
];

export function at(clock: string): number {
  const [hours = 0, minutes = 0] = clock.split(":").map(Number);
  const date = new Date();
  date.setHours(hours, minutes, 0, 0);
  return date.getTime();
}

let lastId = 0;
export function message(author: string, clock: string | number, text: string, state: Message["state"] = "delivered", roomId = "boat-shed"): Message {
  lastId += 1;
  return { messageId: `m${lastId}`, roomId, author, deviceId: `${author}-1`, text, sentAt: typeof clock === "number" ? clock : at(clock), reactions: [], mentions: [], mentionsRoom: false, pinned: false, files: [], state };
}

export function room(name: string, more: Partial<Room> = {}): Room {
  return { roomId: name, name, topic: "", kind: "chat", visibility: "public", role: "member", memberCount: 7, unreadCount: 0, mentionsCount: 0, notify: "all", favourite: false, ...more };
}

export function net(): NetStatus {
  const peer = (userId: string, path: NetStatus["peers"][number]["path"], rttMs: number, bytes: number) => ({ userId, deviceId: `${userId}-1`, path, rttMs, bytesIn: bytes, bytesOut: bytes });
  return {
    server: "online",
    peers: [peer("ingrid", "direct", 3, 400_000), peer("mateo", "direct", 11, 300_000), peer("sam", "direct", 4, 180_000), peer("priya", "turn", 46, 220_000), peer("yuki", "direct", 7, 90_000)],
    onlineCount: 6,
    serverBytesIn: 3_000,
    serverBytesOut: 2_000,
  };
}

export const OWN: OwnAccount = { userId: "ada", deviceId: "ada-1", handle: "ada", displayName: "Ada Okafor", server: "https://tidewater.example", admin: false };

export function tidewater(): World {
  const log = [
    message("ingrid", "09:02", "Morning. Low water is at 10:40, so we have about two hours on the slip."),
    message("ingrid", "09:03", "The plan is at https://tidewater.example/slipway, can you bring the long straps?"),
    message("mateo", "09:06", "Already in the van. And I found the winch manual at last."),
    message("ada", "09:11", "I’ll be down from ten. Beam sag measured at 4.2 mm, well inside the limit.", "read"),
    message("yuki", "09:24", "No signal at the shed today, but our laptops find each other anyway. Keep writing here."),
    message("ada", "09:27", "Good. Call at noon, from the hill?", "delivered"),
    message("ada", "09:28", "On the hill there is a signal.", "relayed"),
    message("ada", "09:29", "Straps, winch, tea. In that order.", "stored"),
  ];
  return {
    account: OWN,
    net: net(),
    rooms: [
      room("boat-shed", { topic: "Rebuild of the shed: plans, tides, deliveries", role: "owner", readUpTo: log[3]?.messageId ?? "", unreadCount: 1 }),
      room("general", { unreadCount: 12 }),
      room("tides-and-weather", { unreadCount: 240 }),
      room("treasurer", { visibility: "private" }),
      room("deliveries"),
      room("spring-regatta"),
      room("Mateo Ruiz", { roomId: "dm-mateo", kind: "direct", visibility: "private", peerUserId: "mateo", unreadCount: 1, memberCount: 2 }),
      room("Ingrid Solheim", { roomId: "dm-ingrid", kind: "direct", visibility: "private", peerUserId: "ingrid", memberCount: 2 }),
      room("Yuki Tanabe", { roomId: "dm-yuki", kind: "direct", visibility: "private", peerUserId: "yuki", memberCount: 2 }),
      room("Tom Brandt", { roomId: "dm-tom", kind: "direct", visibility: "private", peerUserId: "tom", memberCount: 2 }),
    ],
    members: new Map([["boat-shed", [...PEOPLE]], ["general", [...PEOPLE]]]),
    messages: new Map([["boat-shed", log]]),
    receipts: [{ userId: "ingrid", state: "read" }, { userId: "mateo", state: "read" }, { userId: "sam", state: "delivered" }],
    drafts: new Map(),
    notifications: [],
    activities: [],
    announcements: [],
    docs: [],
    replicas: new Map(),
    present: [],
    posts: [],
    comments: [],
    locations: [],
    calls: [],
  };
}

/** The club with a feed that people read. */
export function club(): World {
  const world = tidewater();
  const name = (userId: string): string => PEOPLE.find((each) => each.userId === userId)?.displayName ?? userId;
  const post = (postId: string, author: string, hoursAgo: number, title: string, body: string, likesCount: number, more: Partial<Post> = {}): Post => ({
    postId, roomId: FEED_ROOM, author, authorName: name(author), followed: false, title, body, tags: [], publishedAt: Date.now() - hoursAgo * 3_600_000, likesCount, liked: false, commentsCount: 0, deleted: false, ...more,
  });
  const comment = (commentId: string, author: string, minutesAgo: number, text: string, more: Partial<Comment> = {}): Comment => ({
    commentId, postId: "launch", roomId: FEED_ROOM, author, authorName: name(author), text, sentAt: Date.now() - minutesAgo * 60_000, likesCount: 0, liked: false, deleted: false, ...more,
  });
  world.posts = [
    post("lamps", "tom", 30, "", "The harbour lamps are lit again, all nine of them.", 7),
    post("regatta", "priya", 9, "Spring regatta: who sails what", "Entries close on **Friday**. So far:\n- two Folkboats\n- the gig, if she floats\n- Yuki in `whatever is left`", 12, { tags: ["regatta", "spring"], liked: true }),
    post("launch", "ingrid", 3, "The shed is open", "The last beam went in this morning. Sag measured at 4.2 mm, well inside the limit, so the winch goes back on *tomorrow*.\n\nThanks to everybody who carried something heavy. The plan is at https://tidewater.example/slipway", 24, { tags: ["shed"], commentsCount: 4 }),
    post("tea", "ada", 0.4, "Tea at four", "On the slip, if it stays dry.", 2),
  ];
  world.comments = [
    comment("c1", "mateo", 150, "I found the winch manual at last. Grease the *lower* block first.", { likesCount: 3 }),
    comment("c2", "ada", 140, "Bring it along, and the long straps.", { replyTo: "c1" }),
    comment("c3", "sam", 90, "", { deleted: true }),
    comment("c4", "yuki", 12, "From here it looks straight.", { replyTo: "c3", likesCount: 1, liked: true }),
  ];
  world.locations = [
    { roomId: "boat-shed", userId: "ingrid", lat: 59.9139, lng: 10.7522, accuracyM: 20, at: Date.now() - 30_000, until: Date.now() + 42 * 60_000 },
    { roomId: "boat-shed", userId: "mateo", lat: 43.3623, lng: -8.4115, accuracyM: 1_200, at: Date.now() - 3 * 3_600_000 },
    { roomId: "boat-shed", userId: "yuki", lat: 35.4437, lng: 139.638, at: Date.now() - 60_000, until: Date.now() + 5 * 3_600_000 },
  ];
  return world;
}

/** The same club on a busier day: everything that a message can be. */
export function busy(): World {
  const world = tidewater();
  const slip = message("ingrid", "09:02", "Morning. Low water is at **10:40**, so we have about two hours on the slip.");
  const log: Message[] = [
    slip,
    { ...message("ingrid", "09:03", "The plan is at https://tidewater.example/slipway, @mateo can you bring the long straps?"), mentions: ["mateo"], pinned: true },
    { ...message("mateo", "09:06", "Already in the van. And I found the winch manual at last:\n- grease the *lower* block\n- check the shackles\n- `4.2 mm` of sag is fine"), reactions: [{ emoji: "🙌", userIds: ["ingrid", "ada", "sam", "priya"] }, { emoji: "⚓️", userIds: ["sam", "yuki"] }] },
    { ...message("ada", "09:11", "I’ll be down from ten. Beam sag measured at `4.2 mm`, well inside the limit.", "read"), replyTo: slip.messageId, editedAt: at("09:12") },
    { ...message("sam", "09:14", ""), deletedAt: at("09:15"), deletedBy: "sam" },
    message("priya", "09:16", "For the tide table I use this:\n```rust\n// half a day, and a bit\nfn next_low(now: Tide) -> Option<Time> {\n    let wait = 44_714; // seconds\n    Some(now.at + wait)\n}\n```"),
    { ...message("yuki", "09:24", "@ada no signal at the shed today, but our laptops find each other anyway. Keep writing here."), mentions: ["ada"], reactions: [{ emoji: "💛", userIds: ["ingrid", "mateo", "sam", "priya", "tom"] }] },
    message("ada", "09:27", "🍑", "delivered"),
    message("ada", "09:28", "> no signal at the shed\n\nOn the hill there is one.", "relayed"),
    message("ada", "09:29", "Straps, winch, tea. In that order.", "stored"),
  ];
  world.messages.set("boat-shed", log);
  world.rooms = world.rooms.map((each) => {
    if (each.roomId === "boat-shed") return { ...each, readUpTo: log[5]?.messageId ?? "", unreadCount: 1, mentionsCount: 1 };
    if (each.roomId === "tides-and-weather") return { ...each, unreadCount: 24, mentionsCount: 2 };
    return each;
  });
  world.notifications = [
    { notificationId: "n4", kind: "mention", title: "Yuki Tanabe mentioned you", body: "@ada no signal at the shed today, but our laptops find each other anyway.", level: "info", roomId: "boat-shed", messageId: log[6]?.messageId ?? "", userId: "yuki", at: at("09:24"), read: false },
    { notificationId: "n3", kind: "reply", title: "Sam Whitlock answered you", body: "Good, then I bring the tea.", level: "info", roomId: "general", userId: "sam", at: at("08:50"), read: false },
    { notificationId: "n2", kind: "personal", title: "From your administrator", body: "The server moves to a new machine on Sunday morning. Everything goes on between your computers meanwhile.", level: "warning", at: at("08:00"), read: false },
    { notificationId: "n1", kind: "room", title: "deliveries", body: "Mateo Ruiz made you a moderator of this room.", level: "info", roomId: "deliveries", userId: "mateo", at: at("07:30") - DAY_MS, read: true },
  ];
  const doc = (docId: string, title: string, more: Partial<Doc> = {}): Doc => ({ docId, roomId: "boat-shed", title, author: "ingrid", editing: "members", editors: [], createdAt: at("07:00"), changedAt: Date.now() - 120_000, archived: false, deleted: false, ...more });
  world.docs = [
    doc("plan", "Slipway plan"),
    doc("rota", "Workshop rota", { author: "ada", changedAt: Date.now() - 7_200_000 }),
    doc("rules", "Rules of the shed", { editing: "author", changedAt: Date.now() - 3 * DAY_MS, readOnly: "Only Ingrid Solheim writes in this document." }),
    doc("old", "Last year’s rota", { archived: true }),
  ];
  world.activities = [
    { activityId: "a3", kind: "pinned", roomId: "boat-shed", userId: "ingrid", at: at("09:04") },
    { activityId: "a2", kind: "role", roomId: "boat-shed", userId: "ada", targetUserId: "ingrid", at: at("08:00") - DAY_MS },
    { activityId: "a1", kind: "created", roomId: "boat-shed", userId: "ada", at: at("07:00") - DAY_MS },
  ];
  world.rooms = world.rooms.map((each) => (each.roomId === "spring-regatta" ? { ...each, notify: "none", unreadCount: 4 } : each.roomId === "general" ? { ...each, favourite: true } : each));
  world.drafts.set("deliveries", { roomId: "deliveries", text: "The crane comes on", changedAt: 1 });
  return world;
}
