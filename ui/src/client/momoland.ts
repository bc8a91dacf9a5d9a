// The client under the names that the community's web code uses, beside `call` and `onEvent` with the API's own.
//
// One object for the window, for a page of one's own and for a bot in a page. A name is added with the feature that it
// belongs to; what has no name here is a `call` away, as fully typed.
import { createClient, type Client, type Off } from "@/client/client";
import { openTransport } from "@/client/transport";
import type { Call, CallMedia, Event, LocationPrecision, Message, NotificationLevel, Sent, SharedLocation, Post } from "@/client/types";

export type TypingStart = { roomId: string; userId: string };
export type IncomingCall = { callId: string; roomId: string; from: string; media: CallMedia };
export type PostLike = { postId: string; likesCount: number };
export type NotificationShown = { title: string; message: string; type: NotificationLevel };
export type SystemAnnouncement = { message: string };
/** `ttlS`: for so long, moving along with every further call; without it the point is shared once. */
export type Position = { lat: number; lng: number; accuracyM?: number; ttlS?: number; precision?: LocationPrecision };

type Listener<T> = (told: T) => void;

export interface Momoland extends Client {
  /** Joins a public room by its id, or any room by its invite. Answers the room's id. */
  joinChatRoom(roomIdOrInvite: string): Promise<string>;
  leaveChatRoom(roomId: string): Promise<void>;
  sendMessage(roomId: string, text: string): Promise<Sent>;
  sendTypingIndicator(roomId: string, typing: boolean): Promise<void>;
  sendReaction(roomId: string, messageId: string, emoji: string, on?: boolean): Promise<void>;
  shareLocation(roomId: string, position: Position): Promise<SharedLocation>;
  /** Calls a room, or joins the call that goes on in it. Answers the call's id. */
  initiateCall(roomId: string, media: CallMedia): Promise<string>;
  /** Without a word about the camera it is off. */
  joinCall(callId: string, camera?: boolean): Promise<void>;
  declineCall(callId: string): Promise<void>;
  leaveCall(callId: string): Promise<void>;
  /** Begins to hear of a feed's posts: a room's, or without one the server's public feed. Answers the feed's room. */
  joinBlogRoom(roomId?: string): Promise<string>;
  /** Ends it. Nobody leaves a room by it. */
  leaveBlogRoom(roomId: string): void;

  onIncomingCall(listener: Listener<IncomingCall>): Off;
  offIncomingCall(listener: Listener<IncomingCall>): void;
  /** Whenever something of a call changed, to its end. */
  onCallChange(listener: Listener<Call>): Off;
  offCallChange(listener: Listener<Call>): void;
  onNewMessage(listener: Listener<Message>): Off;
  offNewMessage(listener: Listener<Message>): void;
  onTypingStart(listener: Listener<TypingStart>): Off;
  offTypingStart(listener: Listener<TypingStart>): void;
  /** Of the feeds that were joined. */
  onNewPost(listener: Listener<Post>): Off;
  offNewPost(listener: Listener<Post>): void;
  /** When the number of a post's likes changed, of the feeds that were joined. */
  onPostLike(listener: Listener<PostLike>): Off;
  offPostLike(listener: Listener<PostLike>): void;
  onNotification(listener: Listener<NotificationShown>): Off;
  offNotification(listener: Listener<NotificationShown>): void;
  onSystemAnnouncement(listener: Listener<SystemAnnouncement>): Off;
  offSystemAnnouncement(listener: Listener<SystemAnnouncement>): void;
}

const INVITE_PREFIX = "momoland://join/";
/** Posts of a joined feed whose likes are known from the beginning. */
const LIKES_KNOWN = 200;

/** The client of the front that this page runs in. `lostSentence` is what a person reads when the way to the engine broke under a call. */
export function openMomoland(lostSentence: string, path?: string): Momoland {
  return withNames(createClient(openTransport(path), lostSentence));
}

export function withNames(client: Client): Momoland {
  const newMessage = channel<Message>();
  const typingStart = channel<TypingStart>();
  const incomingCall = channel<IncomingCall>();
  const callChange = channel<Call>();
  const newPost = channel<Post>();
  const postLike = channel<PostLike>();
  const notification = channel<NotificationShown>();
  const announcement = channel<SystemAnnouncement>();
  /** By the room of a joined feed: the likes of its posts as told last. */
  const feeds = new Map<string, Map<string, number>>();

  /** What has no name here, `onEvent` tells. */
  function hear(event: Event): void {
    if (event.type === "message.new") newMessage.tell(event.message);
    else if (event.type === "typing.changed" && event.typing) typingStart.tell({ roomId: event.roomId, userId: event.userId });
    else if (event.type === "post.new" && learn(event.post) !== null) newPost.tell(event.post);
    else if (event.type === "post.changed" && learn(event.post) === "liked") postLike.tell({ postId: event.post.postId, likesCount: event.post.likesCount });
    else if (event.type === "notification.new") notification.tell({ title: event.notification.title, message: event.notification.body, type: event.notification.level });
    else if (event.type === "call.incoming") incomingCall.tell({ callId: event.callId, roomId: event.roomId, from: event.from, media: event.media });
    else if (event.type === "call.changed") callChange.tell(event.call);
    else if (event.type === "announcement.new") announcement.tell({ message: event.announcement.message });
  }

  /** Whether a post is of a joined feed, and whether its likes are others than were known. */
  function learn(post: Post): "liked" | "same" | null {
    const likes = feeds.get(post.roomId);
    if (likes === undefined) return null;
    const before = likes.get(post.postId) ?? 0;
    likes.set(post.postId, post.likesCount);
    return before === post.likesCount ? "same" : "liked";
  }

  client.onEvent(hear);
  return {
    ...client,
    async joinChatRoom(roomIdOrInvite) {
      const target = roomIdOrInvite.startsWith(INVITE_PREFIX) ? { invite: roomIdOrInvite } : { roomId: roomIdOrInvite };
      return (await client.call("rooms.join", target)).roomId;
    },
    async leaveChatRoom(roomId) {
      await client.call("rooms.leave", { roomId });
    },
    sendMessage: (roomId, text) => client.call("messages.send", { roomId, text }),
    async sendTypingIndicator(roomId, typing) {
      await client.call("typing.set", { roomId, typing });
    },
    async sendReaction(roomId, messageId, emoji, on = true) {
      await client.call("messages.react", { roomId, messageId, emoji, on });
    },
    shareLocation: (roomId, position) => client.call("location.share", { roomId, ...position }),
    initiateCall: async (roomId, media) => (await client.call("calls.start", { roomId, media })).callId,
    async joinCall(callId, camera) {
      await client.call("calls.join", { callId, ...(camera === undefined ? {} : { camera }) });
    },
    async declineCall(callId) {
      await client.call("calls.decline", { callId });
    },
    async leaveCall(callId) {
      await client.call("calls.leave", { callId });
    },
    async joinBlogRoom(roomId) {
      const page = await client.call("feed.list", { limit: LIKES_KNOWN, ...(roomId === undefined ? {} : { roomId }) });
      const likes = feeds.get(page.roomId) ?? new Map<string, number>();
      for (const post of page.posts) likes.set(post.postId, post.likesCount);
      feeds.set(page.roomId, likes);
      return page.roomId;
    },
    leaveBlogRoom: (roomId) => void feeds.delete(roomId),
    onIncomingCall: incomingCall.on,
    offIncomingCall: incomingCall.off,
    onCallChange: callChange.on,
    offCallChange: callChange.off,
    onNewMessage: newMessage.on,
    offNewMessage: newMessage.off,
    onTypingStart: typingStart.on,
    offTypingStart: typingStart.off,
    onNewPost: newPost.on,
    offNewPost: newPost.off,
    onPostLike: postLike.on,
    offPostLike: postLike.off,
    onNotification: notification.on,
    offNotification: notification.off,
    onSystemAnnouncement: announcement.on,
    offSystemAnnouncement: announcement.off,
  };
}

/** Who wants to be told of one thing. */
function channel<T>() {
  const listeners = new Set<Listener<T>>();
  return {
    on: (listener: Listener<T>): Off => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    off: (listener: Listener<T>): void => void listeners.delete(listener),
    tell: (told: T): void => {
      for (const listener of [...listeners]) listener(told);
    },
  };
}
