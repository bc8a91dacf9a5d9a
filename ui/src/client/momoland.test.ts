import { expect, test } from "vitest";
import { withNames } from "@/client/momoland";
import type { Post } from "@/client/types";
import { fakeClient, message } from "../../tests/unit/world.js";

const post = (postId: string, more: Partial<Post> = {}): Post => ({
  postId, roomId: "feed", author: "mateo", authorName: "Mateo", followed: false, title: postId, body: "", tags: [], publishedAt: 1, likesCount: 0, liked: false, commentsCount: 0, deleted: false, ...more,
});

function setup() {
  const engine = fakeClient({
    "rooms.join": ({ roomId }) => ({ roomId: roomId ?? "invited" }),
    "rooms.leave": () => ({}),
    "messages.send": () => ({ messageId: "m", state: "stored" }),
    "messages.react": () => ({ message: message("m") }),
    "typing.set": () => ({}),
    "calls.start": ({ roomId }) => ({ callId: `call-${roomId}` }),
    "calls.join": ({ callId }) => ({ callId }),
    "calls.decline": () => ({}),
    "calls.leave": () => ({}),
    "location.share": ({ lat, lng }) => ({ lat, lng }),
    "feed.list": ({ roomId }) => ({ roomId: roomId ?? "feed", policy: { posting: "members", mayPost: true, mayModerate: false }, posts: [post("old", { likesCount: 3 })] }),
  });
  return { engine, client: withNames(engine) };
}

test("connect resolves when the way is open, not before", async () => {
  const { engine, client } = setup();
  let open = false;
  const connecting = client.connect("secret").then(() => (open = true));
  await Promise.resolve();
  expect(open).toBe(false);
  engine.link("open");
  await connecting;
  expect(open).toBe(true);
});

test("the known names reach the engine's methods", async () => {
  const { engine, client } = setup();
  expect(await client.joinChatRoom("shed")).toBe("shed");
  expect(await client.joinChatRoom("momoland://join/x")).toBe("invited");
  expect(await client.sendMessage("shed", "hello")).toEqual({ messageId: "m", state: "stored" });
  await client.sendTypingIndicator("shed", true);
  await client.sendReaction("shed", "m", "🌊");
  await client.sendReaction("shed", "m", "🌊", false);
  await client.shareLocation("shed", { lat: 60, lng: 5, ttlS: 900 });
  await client.leaveChatRoom("shed");
  expect(engine.calls).toEqual([
    { method: "rooms.join", params: { roomId: "shed" } },
    { method: "rooms.join", params: { invite: "momoland://join/x" } },
    { method: "messages.send", params: { roomId: "shed", text: "hello" } },
    { method: "typing.set", params: { roomId: "shed", typing: true } },
    { method: "messages.react", params: { roomId: "shed", messageId: "m", emoji: "🌊", on: true } },
    { method: "messages.react", params: { roomId: "shed", messageId: "m", emoji: "🌊", on: false } },
    { method: "location.share", params: { roomId: "shed", lat: 60, lng: 5, ttlS: 900 } },
    { method: "rooms.leave", params: { roomId: "shed" } },
  ]);
});

test("each on has its off, by its name and by what it returned", () => {
  const { engine, client } = setup();
  const heard: string[] = [];
  const hear = ({ messageId }: { messageId: string }): void => void heard.push(messageId);
  const typing = ({ userId }: { userId: string }): void => void heard.push(userId);
  const off = client.onNewMessage(hear);
  client.onTypingStart(typing);
  const arrive = (id: string): void => engine.emit({ type: "message.new", roomId: "shed", message: message(id) });
  arrive("one");
  engine.emit({ type: "typing.changed", roomId: "shed", userId: "mateo", typing: true });
  engine.emit({ type: "typing.changed", roomId: "shed", userId: "mateo", typing: false });
  off();
  arrive("two");
  client.onNewMessage(hear);
  client.offNewMessage(hear);
  client.offTypingStart(typing);
  arrive("three");
  engine.emit({ type: "typing.changed", roomId: "shed", userId: "mateo", typing: true });
  expect(heard).toEqual(["one", "mateo"]);
});

test("posts and likes are told of the feeds that were joined, a like once for each change of its number", async () => {
  const { engine, client } = setup();
  const heard: string[] = [];
  client.onNewPost(({ postId }) => void heard.push(postId));
  client.onPostLike(({ postId, likesCount }) => void heard.push(`${postId} ${likesCount}`));
  engine.emit({ type: "post.new", post: post("early") });
  expect(await client.joinBlogRoom()).toBe("feed");
  engine.emit({ type: "post.new", post: post("new") });
  engine.emit({ type: "post.new", post: post("elsewhere", { roomId: "shed" }) });
  engine.emit({ type: "post.changed", post: post("old", { likesCount: 4 }) });
  engine.emit({ type: "post.changed", post: post("old", { likesCount: 4, title: "edited" }) });
  engine.emit({ type: "post.changed", post: post("old", { likesCount: 3 }) });
  expect(await client.joinBlogRoom("shed")).toBe("shed");
  engine.emit({ type: "post.new", post: post("there", { roomId: "shed" }) });
  client.leaveBlogRoom("feed");
  engine.emit({ type: "post.new", post: post("late") });
  engine.emit({ type: "post.changed", post: post("old", { likesCount: 9 }) });
  expect(heard).toEqual(["new", "old 4", "old 3", "there"]);
});

test("notifications and announcements come in the community's words", () => {
  const { engine, client } = setup();
  const heard: unknown[] = [];
  const off = client.onNotification((told) => void heard.push(told));
  const announced = (told: { message: string }): void => void heard.push(told);
  client.onSystemAnnouncement(announced);
  const note = { type: "notification.new", notification: { notificationId: "n", kind: "personal", title: "Tide", body: "at four", level: "success", at: 1, read: false }, silent: false, unreadCount: 1 } as const;
  const word = { type: "announcement.new", announcement: { announcementId: "a", message: "Back at noon", level: "info", userId: "ada", at: 1, expiresAt: 9e12 } } as const;
  engine.emit(note);
  engine.emit(word);
  off();
  client.offSystemAnnouncement(announced);
  engine.emit(note);
  engine.emit(word);
  expect(heard).toEqual([{ title: "Tide", message: "at four", type: "success" }, { message: "Back at noon" }]);
});

test("calls are made, answered and heard of by their names", async () => {
  const { engine, client } = setup();
  const heard: unknown[] = [];
  const off = client.onIncomingCall((call) => heard.push(call));
  client.onCallChange((call) => heard.push(call.part));
  expect(await client.initiateCall("shed", "audio")).toBe("call-shed");
  await client.joinCall("other");
  await client.declineCall("third");
  await client.leaveCall("call-shed");
  expect(engine.calls.map(({ method, params }) => [method, params])).toEqual([
    ["calls.start", { roomId: "shed", media: "audio" }],
    ["calls.join", { callId: "other" }],
    ["calls.decline", { callId: "third" }],
    ["calls.leave", { callId: "call-shed" }],
  ]);
  const incoming = { callId: "c", roomId: "shed", from: "mateo", media: "audio" as const };
  engine.emit({ type: "call.incoming", ...incoming });
  off();
  engine.emit({ type: "call.incoming", ...incoming });
  engine.emit({ type: "call.changed", call: { callId: "c", roomId: "shed", media: "audio", part: "ringing", mic: false, speaking: false, camera: false, screen: false, since: 1, participants: [] } });
  expect(heard).toEqual([incoming, "ringing"]);
});
