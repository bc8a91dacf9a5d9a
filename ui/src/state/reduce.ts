// The next state: pure functions of the present one and of something that happened. The engine's events come in as
// they are; what this window did or read itself comes in as an `Action`.
//
// Invariants: a delivery state never goes back, whatever arrives in which order; a message is in a timeline once; a
// list that was asked for before an event but answered after it does not undo the event.
import type { ApiError } from "@/client/error";
import type { LinkState } from "@/client/client";
import type {
  Announcement, Announcements, DeliveryState, Doc, Docs, Drafts, Event, Member, Members, Message, Messages, NetStatus, Notification, Notifications, NotificationState, PeerStatus, PresenceList, PresenceStatus, Room, Rooms, Whoami,
} from "@/client/types";
import { feedEvent, INITIAL_FEED, reduceFeed, type FeedAction } from "@/state/feed";
import { callsEvent, reduceCalls, type CallsAction } from "@/state/calls";
import { placesEvent, reducePlaces, type PlacesAction } from "@/state/places";
import {
  INITIAL, type Change, type Draft, type Marker, type Notice, type Overlay, type Person, type Pinned, type State, type Timeline,
  type Unsent,
} from "@/state/state";

export type Action =
  | { type: "event"; event: Event; now: number }
  | { type: "link"; link: LinkState }
  | { type: "startFailed"; error: ApiError }
  | { type: "whoami"; whoami: Whoami }
  | { type: "net"; status: NetStatus }
  | { type: "rooms"; list: Rooms }
  | { type: "people"; list: PresenceList }
  | { type: "members"; roomId: string; list: Members }
  | { type: "timelineLoading"; roomId: string }
  | { type: "timeline"; roomId: string; page: Messages }
  | { type: "timelineFailed"; roomId: string; error: ApiError }
  | { type: "olderLoading"; roomId: string }
  | { type: "older"; roomId: string; page: Messages }
  | { type: "olderFailed"; roomId: string }
  | { type: "openRoom"; roomId: string | null }
  | { type: "attending"; attending: boolean }
  | { type: "left"; roomId: string }
  | { type: "readLocally"; roomId: string; messageId: string }
  | { type: "markedUnread"; roomId: string; messageId: string }
  | { type: "draft"; roomId: string; text: string; replyTo?: string | undefined }
  | { type: "drafts"; list: Drafts }
  | { type: "draftSaved"; roomId: string; text: string; replyTo?: string | undefined }
  | { type: "changing"; change: Change }
  | { type: "changed"; change: Change; message: Message | null }
  | { type: "changeRefused"; change: Change; error: ApiError }
  | { type: "refusalGone"; messageId: string }
  | { type: "editor"; messageId: string; text: string | null }
  | { type: "message"; message: Message }
  | { type: "pinned"; roomId: string; pinned: Pinned }
  | { type: "jump"; roomId: string; messageId: string }
  | { type: "notice"; notice: Notice }
  | { type: "inbox"; list: Notifications }
  | { type: "inboxLoading" }
  | { type: "inboxOlder"; list: Notifications }
  | { type: "inboxFailed" }
  | { type: "notificationRead"; notificationId: string | null }
  | { type: "docs"; roomId: string; list: Docs }
  | { type: "docsLoading"; roomId: string }
  | { type: "docsFailed"; roomId: string; error: ApiError }
  | { type: "openDoc"; docId: string | null }
  | { type: "openInbox" }
  | { type: "openFeed" }
  | { type: "feed"; feed: FeedAction }
  | { type: "places"; places: PlacesAction }
  | { type: "announcements"; list: Announcements }
  | { type: "calls"; calls: CallsAction }
  | { type: "announcementGone"; announcementId: string }
  | { type: "ownPresence"; status: PresenceStatus; text: string | null }
  | { type: "unsent"; unsent: Unsent }
  | { type: "retrying"; id: string }
  | { type: "unsentGone"; id: string }
  | { type: "typingExpired"; now: number }
  | { type: "overlay"; overlay: Overlay | null }
  | { type: "details"; details: Partial<State["details"]> };

/** A person is shown as typing for so long after the last word of it; the sender repeats it more often. */
export const TYPING_MS = 8_000;

/** Messages kept of a room that is not open. More than these are forgotten when it is left. */
const KEPT_MESSAGES_MAX = 1_000;

export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case "event":
      return reduceEvent(state, action.event, action.now);
    case "link":
      return { ...state, link: action.link };
    case "startFailed":
      return state.session.kind === "starting" || state.session.kind === "failed" ? { ...state, session: { kind: "failed", error: action.error } } : state;
    case "whoami":
      return signedInAs(state, action.whoami);
    case "net":
      return { ...state, net: action.status };
    case "rooms":
      return withRooms(state, action.list.rooms);
    case "people":
      return { ...state, people: withPeople(state.people, action.list.users) };
    case "members":
      return {
        ...state,
        people: withPeople(state.people, action.list.members),
        rosters: new Map(state.rosters).set(action.roomId, new Map(action.list.members.map((member) => [member.userId, member.role]))),
      };
    case "timelineLoading":
      return state.timelines.get(action.roomId)?.kind === "ready" ? state : withTimeline(state, action.roomId, { kind: "loading", meanwhile: [] });
    case "timeline":
      return settleMarker(withTimeline(state, action.roomId, firstPage(state.timelines.get(action.roomId), action.page)), action.roomId);
    case "timelineFailed":
      // What is on the screen stays there: a page that could not be read again takes nothing away.
      return state.timelines.get(action.roomId)?.kind === "ready" ? state : withTimeline(state, action.roomId, { kind: "failed", error: action.error });
    case "olderLoading":
      return mapReady(state, action.roomId, (timeline) => ({ ...timeline, older: "loading" }));
    case "older":
      return settleMarker(
        mapReady(state, action.roomId, (timeline) => {
          // What is held may be a thousand times as much as what came.
          const came = new Map(action.page.messages.map((message) => [message.messageId, message]));
          for (const { messageId } of timeline.messages) came.delete(messageId);
          const messages = [...came.values(), ...timeline.messages];
          const next = action.page.next ?? null;
          // There is more, and nobody who has it can be reached: it is not asked for again by itself.
          return { kind: "ready", messages, next, older: next !== null && action.page.messages.length === 0 ? "failed" : "idle" };
        }),
        action.roomId,
      );
    case "olderFailed":
      return mapReady(state, action.roomId, (timeline) => ({ ...timeline, older: "failed" }));
    case "openRoom":
      return openRoom(state, action.roomId);
    case "left":
      return withoutRoom(state, action.roomId);
    case "attending":
      return state.attending === action.attending ? state : { ...state, attending: action.attending };
    case "readLocally":
      return readOn(mapRoom(state, action.roomId, (room) => ({ ...room, unreadCount: 0, mentionsCount: 0, readUpTo: action.messageId })), action.roomId, action.messageId);
    case "markedUnread":
      return markedUnread(state, action.roomId, action.messageId);
    case "draft":
      return withDraft(state, action.roomId, draftOf(action.text, action.replyTo, false));
    case "drafts":
      return { ...state, drafts: mergedDrafts(state, action.list) };
    case "draftSaved": {
      const kept = withKeptDraft(state, action.roomId, action.text, action.replyTo);
      const draft = state.drafts.get(action.roomId);
      if (draft?.text !== action.text || draft.replyTo !== action.replyTo) return kept;
      return withDraft(kept, action.roomId, action.text === "" && action.replyTo === undefined ? null : { ...draft, saved: true });
    }
    case "changing":
      return { ...state, changes: [...state.changes, action.change], refused: without(state.refused, action.change.messageId) };
    case "changed":
      return action.message === null ? withoutChange(state, action.change) : withMessage(withoutChange(state, action.change), action.change.roomId, action.message);
    case "changeRefused":
      return changeRefused(withoutChange(state, action.change), action.change, action.error);
    case "refusalGone":
      return { ...state, refused: without(state.refused, action.messageId) };
    case "editor":
      return { ...state, editors: action.text === null ? without(state.editors, action.messageId) : new Map(state.editors).set(action.messageId, { text: action.text, error: null }) };
    case "message":
      return withMessage(state, action.message.roomId, action.message);
    case "pinned":
      return { ...state, pinned: new Map(state.pinned).set(action.roomId, action.pinned) };
    case "jump":
      return { ...state, jump: { roomId: action.roomId, messageId: action.messageId, round: (state.jump?.round ?? 0) + 1 } };
    case "notice":
      return { ...state, notice: action.notice };
    case "inbox":
      return { ...state, inbox: { notifications: action.list.notifications, unread: action.list.unreadCount, next: action.list.next ?? null, older: "idle" } };
    case "inboxLoading":
      return state.inbox === null ? state : { ...state, inbox: { ...state.inbox, older: "loading" } };
    case "inboxOlder": {
      if (state.inbox === null) return state;
      const held = new Set(state.inbox.notifications.map((each) => each.notificationId));
      const older = action.list.notifications.filter((each) => !held.has(each.notificationId));
      return { ...state, inbox: { notifications: [...state.inbox.notifications, ...older], unread: action.list.unreadCount, next: action.list.next ?? null, older: "idle" } };
    }
    case "inboxFailed":
      return state.inbox === null ? state : { ...state, inbox: { ...state.inbox, older: "failed" } };
    case "notificationRead":
      return notificationRead(state, action.notificationId);
    case "docs":
      return { ...state, docs: new Map(state.docs).set(action.roomId, { kind: "ready", docs: action.list.docs }) };
    case "docsLoading":
      return state.docs.get(action.roomId)?.kind === "ready" ? state : { ...state, docs: new Map(state.docs).set(action.roomId, { kind: "loading" }) };
    case "docsFailed":
      return state.docs.get(action.roomId)?.kind === "ready" ? state : { ...state, docs: new Map(state.docs).set(action.roomId, { kind: "failed", error: action.error }) };
    case "openDoc":
      // Whoever writes in a document does not read the conversation behind it.
      return { ...state, openDocId: action.docId, attending: false, details: { ...state.details, sheet: false } };
    case "openInbox":
      return { ...openRoom(state, null), inboxOpen: true };
    case "openFeed":
      return { ...openRoom(state, null), feedOpen: true };
    case "feed":
      return { ...state, feed: reduceFeed(state.feed, action.feed) };
    case "places":
      return { ...state, places: reducePlaces(state.places, action.places) };
    case "announcements":
      return { ...state, announcements: action.list.announcements };
    case "calls":
      return { ...state, calls: reduceCalls(state.calls, action.calls) };
    case "announcementGone":
      return withoutAnnouncement(state, action.announcementId);
    case "ownPresence":
      return ownPresence(state, action.status, action.text);
    case "unsent":
      return { ...state, unsent: [...state.unsent.filter((unsent) => unsent.id !== action.unsent.id), action.unsent] };
    case "retrying":
      return { ...state, unsent: state.unsent.map((unsent) => (unsent.id === action.id ? { ...unsent, retrying: true } : unsent)) };
    case "unsentGone":
      return { ...state, unsent: state.unsent.filter((unsent) => unsent.id !== action.id) };
    case "typingExpired":
      return { ...state, typing: liveTyping(state.typing, action.now) };
    case "overlay":
      return { ...state, overlay: action.overlay };
    case "details":
      return { ...state, details: { ...state.details, ...action.details } };
  }
}

function reduceEvent(state: State, event: Event, now: number): State {
  switch (event.type) {
    case "account.changed":
    case "resync":
      // `sync.ts` reads everything again.
      return state;
    case "doc.changed":
      return withDoc(state, event.doc);
    case "doc.removed":
      return { ...mapDocs(state, event.roomId, (docs) => docs.filter((doc) => doc.docId !== event.docId)), openDocId: state.openDocId === event.docId ? null : state.openDocId };
    case "doc.update":
    case "doc.awareness":
    case "doc.reset":
      // For the editor that has it open: it hears of them itself.
      return state;
    case "notification.new":
      return notified(state, event.notification, event.silent, event.unreadCount);
    case "notification.changed":
      return notificationsChanged(state, event.notificationIds, event.state, event.unreadCount);
    case "announcement.new":
      return announced(state, event.announcement);
    case "announcement.gone":
      return withoutAnnouncement(state, event.announcementId);
    case "activity.new":
      // Read when somebody looks at it; the dialog hears of nothing meanwhile.
      return state;
    case "location.changed":
      return { ...state, places: placesEvent(state.places, event) };
    case "post.new":
    case "post.changed":
    case "comment.new":
    case "comment.changed":
    case "ranking.changed":
    case "feed.changed":
    case "follow.changed":
      return { ...state, feed: feedEvent(state.feed, event, state.session.kind === "signedIn" ? state.session.account.userId : "") };
    case "net.changed":
      return { ...state, net: event.status };
    case "peer.changed":
      return state.net === null ? state : { ...state, net: { ...state.net, peers: withPeer(state.net.peers, event) } };
    case "room.changed":
      return takeDraft({ ...state, rooms: new Map(state.rooms).set(event.room.roomId, event.room) }, event.room);
    case "room.removed":
      return roomGone(state, event.roomId);
    case "member.joined":
      return withMember(state, event.roomId, event.member);
    case "member.left":
      return withoutMember(state, event.roomId, event.userId);
    case "message.new":
      return arrived(withTyping(withMessage(state, event.roomId, event.message), event.roomId, event.message.author, null), event.roomId, event.message);
    case "message.changed":
      return withMessage(state, event.roomId, event.message);
    case "typing.changed":
      return withTyping(state, event.roomId, event.userId, event.typing ? now : null);
    case "call.incoming":
      // `call.changed` tells of the same call.
      return state;
    case "call.changed":
    case "call.stats":
    case "call.test":
      return { ...state, calls: callsEvent(state.calls, event) };
    case "presence.changed": {
      const person = state.people.get(event.userId);
      if (person === undefined) return state;
      const lastSeen = event.lastSeen ?? person.lastSeen;
      const next: Person = { userId: person.userId, handle: person.handle, displayName: event.displayName, status: event.status };
      return { ...state, people: new Map(state.people).set(event.userId, { ...next, ...(event.text === undefined ? {} : { text: event.text }), ...(lastSeen === undefined ? {} : { lastSeen }) }) };
    }
  }
}

function signedInAs(state: State, { account }: Whoami): State {
  if (account === null) return { ...INITIAL, link: state.link, net: state.net, session: { kind: "signedOut" } };
  const before = state.session.kind === "signedIn" ? state.session.account.userId : account.userId;
  // Another person on the same window must see nothing of the one before.
  const base = before === account.userId ? state : { ...INITIAL, link: state.link, net: state.net };
  return { ...base, session: { kind: "signedIn", account } };
}

function withRooms(state: State, list: readonly Room[]): State {
  const rooms = new Map(list.map((room) => [room.roomId, room]));
  const next = { ...state, rooms };
  return state.openRoomId !== null && !rooms.has(state.openRoomId) ? { ...next, openRoomId: null, marker: null } : next;
}

/** Somebody else, or another device, took this person out of a room. */
function roomGone(state: State, roomId: string): State {
  const room = state.rooms?.get(roomId);
  return room === undefined ? state : { ...withoutRoom(state, roomId), notice: { kind: "roomGone", roomName: room.name } };
}

function withoutRoom(state: State, roomId: string): State {
  return {
    ...state,
    rooms: state.rooms && without(state.rooms, roomId),
    rosters: without(state.rosters, roomId),
    timelines: without(state.timelines, roomId),
    typing: without(state.typing, roomId),
    drafts: without(state.drafts, roomId),
    changes: state.changes.filter((change) => change.roomId !== roomId),
    pinned: without(state.pinned, roomId),
    docs: without(state.docs, roomId),
    places: without(state.places, roomId),
    unsent: state.unsent.filter((unsent) => unsent.roomId !== roomId),
    ...(state.feed.of === roomId ? { feed: INITIAL_FEED, feedOpen: false } : {}),
    ...(state.openRoomId === roomId ? { openRoomId: null, openDocId: null, marker: null } : {}),
  };
}

function without<T>(map: ReadonlyMap<string, T>, key: string | null): ReadonlyMap<string, T> {
  return new Map([...map].filter(([each]) => each !== key));
}

function mapRoom(state: State, roomId: string, change: (room: Room) => Room): State {
  const room = state.rooms?.get(roomId);
  return room === undefined ? state : { ...state, rooms: new Map(state.rooms).set(roomId, change(room)) };
}

function withPeople(people: State["people"], list: readonly (Omit<Person, "status"> & { status: Person["status"] })[]): State["people"] {
  const next = new Map(people);
  for (const { userId, handle, displayName, status, text, lastSeen } of list) {
    next.set(userId, { userId, handle, displayName, status, ...(text === undefined || text === "" ? {} : { text }), ...(lastSeen === undefined ? {} : { lastSeen }) });
  }
  return next;
}

function withMember(state: State, roomId: string, member: Member): State {
  return {
    ...state,
    people: withPeople(state.people, [member]),
    rosters: new Map(state.rosters).set(roomId, new Map(state.rosters.get(roomId)).set(member.userId, member.role)),
  };
}

function withoutMember(state: State, roomId: string, userId: string): State {
  const roster = new Map(state.rosters.get(roomId));
  roster.delete(userId);
  return withTyping({ ...state, rosters: new Map(state.rosters).set(roomId, roster) }, roomId, userId, null);
}

function withPeer(peers: readonly PeerStatus[], event: { userId: string; deviceId: string; peer?: PeerStatus }): PeerStatus[] {
  const others = peers.filter((peer) => peer.userId !== event.userId || peer.deviceId !== event.deviceId);
  return event.peer === undefined ? others : [...others, event.peer];
}

function withTyping(state: State, roomId: string, userId: string, at: number | null): State {
  const here = state.typing.get(roomId);
  if (at === null && here?.has(userId) !== true) return state;
  const next = new Map(here);
  if (at === null) next.delete(userId);
  else next.set(userId, at);
  return { ...state, typing: new Map(state.typing).set(roomId, next) };
}

function liveTyping(typing: State["typing"], now: number): State["typing"] {
  return new Map([...typing].map(([roomId, people]) => [roomId, new Map([...people].filter(([, at]) => now - at < TYPING_MS))]));
}

// Documents

function mapDocs(state: State, roomId: string, change: (docs: readonly Doc[]) => readonly Doc[]): State {
  const list = state.docs.get(roomId);
  return list?.kind === "ready" ? { ...state, docs: new Map(state.docs).set(roomId, { kind: "ready", docs: change(list.docs) }) } : state;
}

/** The newest change first, as the engine lists them. */
function withDoc(state: State, doc: Doc): State {
  const next = mapDocs(state, doc.roomId, (docs) => [doc, ...docs.filter((each) => each.docId !== doc.docId)].filter((each) => !each.deleted).sort((a, b) => b.changedAt - a.changedAt));
  return doc.deleted && state.openDocId === doc.docId ? { ...next, openDocId: null } : next;
}

// What concerns the reader

/** A message that is nobody's in particular is its room's business: the list of rooms counts it. */
function notified(state: State, notification: Notification, silent: boolean, unread: number): State {
  if (state.inbox === null || notification.kind === "message" || state.inbox.notifications.some((each) => each.notificationId === notification.notificationId)) return state;
  return { ...state, inbox: { ...state.inbox, notifications: [notification, ...state.inbox.notifications], unread }, arrival: notification.read || silent ? state.arrival : notification };
}

/** Read, here or elsewhere, or not any more. The count is the engine's. */
function notificationsChanged(state: State, ids: readonly string[], to: NotificationState, unread: number): State {
  if (state.inbox === null) return state;
  const changed = new Set(ids);
  const held = state.inbox.notifications;
  const notifications = to === "gone" ? held.filter((each) => !changed.has(each.notificationId)) : held.map((each) => (changed.has(each.notificationId) ? { ...each, read: to === "read" } : each));
  return { ...state, inbox: { ...state.inbox, notifications, unread } };
}

function notificationRead(state: State, notificationId: string | null): State {
  if (state.inbox === null) return state;
  const fresh = state.inbox.notifications.filter((each) => !each.read && (notificationId === null || each.notificationId === notificationId)).length;
  const notifications = state.inbox.notifications.map((each) => (notificationId === null || each.notificationId === notificationId ? { ...each, read: true } : each));
  return { ...state, inbox: { ...state.inbox, notifications, unread: notificationId === null ? 0 : Math.max(0, state.inbox.unread - fresh) } };
}

/** Told again after a reconnection, it is still one. */
function announced(state: State, announcement: Announcement): State {
  return state.announcements.some((each) => each.announcementId === announcement.announcementId) ? state : { ...state, announcements: [...state.announcements, announcement] };
}

function withoutAnnouncement(state: State, announcementId: string): State {
  return { ...state, announcements: state.announcements.filter((each) => each.announcementId !== announcementId) };
}

function ownPresence(state: State, status: PresenceStatus, text: string | null): State {
  const own = state.session.kind === "signedIn" ? state.people.get(state.session.account.userId) : undefined;
  if (own === undefined) return state;
  const { userId, handle, displayName } = own;
  return { ...state, people: new Map(state.people).set(userId, { userId, handle, displayName, status, ...(text === null || text === "" ? {} : { text }) }) };
}

// What is written

function draftOf(text: string, replyTo: string | undefined, saved: boolean): Draft {
  return { text, saved, ...(replyTo === undefined ? {} : { replyTo }) };
}

function withDraft(state: State, roomId: string, draft: Draft | null): State {
  return { ...state, drafts: draft === null ? without(state.drafts, roomId) : new Map(state.drafts).set(roomId, draft) };
}

/** The engine says so itself a moment later; until then what it had told of the room is older than what it holds. */
function withKeptDraft(state: State, roomId: string, text: string, replyTo: string | undefined): State {
  const room = state.rooms?.get(roomId);
  if (room === undefined) return state;
  const next = { ...room };
  delete next.draft;
  delete next.draftReplyTo;
  if (text !== "") {
    next.draft = text;
    if (replyTo !== undefined) next.draftReplyTo = replyTo;
  }
  return { ...state, rooms: new Map(state.rooms).set(roomId, next) };
}

/** What this window was not yet rid of is newer than any list; the rest is as the engine has it. */
function mergedDrafts(state: State, { drafts }: Drafts): ReadonlyMap<string, Draft> {
  const unsaved = [...state.drafts].filter(([roomId, draft]) => !draft.saved || roomId === state.openRoomId);
  return new Map([...drafts.map((draft): [string, Draft] => [draft.roomId, draftOf(draft.text, draft.replyTo, true)]), ...unsaved]);
}

/** A draft of another device. Never in the room that is open: nobody's composer changes under their hands. */
function takeDraft(state: State, room: Room): State {
  const held = state.drafts.get(room.roomId);
  // The engine keeps no answer without a word.
  if (held?.text === "" && room.draft === undefined) return state;
  if (room.roomId === state.openRoomId || held?.saved === false || (held?.text === room.draft && held?.replyTo === room.draftReplyTo)) return state;
  return withDraft(state, room.roomId, room.draft === undefined ? null : draftOf(room.draft, room.draftReplyTo, true));
}

function withoutChange(state: State, { id }: Change): State {
  return { ...state, changes: state.changes.filter((change) => change.id !== id) };
}

/** A text comes back into its editor; anything else is said under the message. */
function changeRefused(state: State, change: Change, error: ApiError): State {
  if (change.kind === "edit") return { ...state, editors: new Map(state.editors).set(change.messageId, { text: change.text, error }) };
  return { ...state, refused: new Map(state.refused).set(change.messageId, { change, error }) };
}

// Timelines

function withTimeline(state: State, roomId: string, timeline: Timeline): State {
  return { ...state, timelines: new Map(state.timelines).set(roomId, timeline) };
}

type Ready = Extract<Timeline, { kind: "ready" }>;

function mapReady(state: State, roomId: string, change: (timeline: Ready) => Timeline): State {
  const timeline = state.timelines.get(roomId);
  return timeline?.kind === "ready" ? withTimeline(state, roomId, change(timeline)) : state;
}

const ORDER: Readonly<Record<DeliveryState, number>> = { stored: 0, relayed: 1, delivered: 2, read: 3 };

function furthest(a: DeliveryState, b: DeliveryState): DeliveryState {
  return ORDER[a] >= ORDER[b] ? a : b;
}

function withMessage(state: State, roomId: string, message: Message): State {
  const timeline = state.timelines.get(roomId);
  if (timeline?.kind === "loading") return withTimeline(state, roomId, { ...timeline, meanwhile: [...timeline.meanwhile, message] });
  return mapReady(state, roomId, (ready) => placed(ready, message));
}

/** A timeline with a message that is new, or is not what it was. */
function placed(timeline: Ready, message: Message): Ready {
  const at = timeline.messages.findLastIndex((held) => held.messageId === message.messageId);
  const held = timeline.messages[at];
  if (held !== undefined) {
    return { ...timeline, messages: timeline.messages.with(at, { ...message, state: furthest(held.state, message.state) }) };
  }
  // The engine orders by its clock, which is not told; the author's time is nearly that, and `sync.ts` reads the
  // page again when something arrives out of order.
  const after = timeline.messages.findLastIndex((other) => other.sentAt <= message.sentAt);
  // Older than all that is held, and there is older to come: it belongs to a page that was not read yet.
  if (after === -1 && timeline.next !== null) return timeline;
  return { ...timeline, messages: timeline.messages.toSpliced(after + 1, 0, message) };
}

/** The newest page, read (again). Keeps what events brought meanwhile, and older pages where the two overlap. */
function firstPage(before: Timeline | undefined, page: Messages): Ready {
  const next = page.next ?? null;
  if (before?.kind !== "ready") {
    const read: Ready = { kind: "ready", messages: page.messages, next, older: "idle" };
    return before?.kind === "loading" ? before.meanwhile.reduce(placed, read) : read;
  }
  const held = new Map(before.messages.map((message) => [message.messageId, message]));
  const read = page.messages.map((message) => {
    const same = held.get(message.messageId);
    return same === undefined ? message : { ...message, state: furthest(same.state, message.state) };
  });
  const ids = new Set(read.map((message) => message.messageId));
  const newest = Math.max(0, ...read.slice(-1).map((message) => message.sentAt));
  const meanwhile = before.messages.filter((message) => !ids.has(message.messageId) && message.sentAt >= newest);
  const first = read[0];
  const overlap = first === undefined ? -1 : before.messages.findIndex((message) => message.messageId === first.messageId);
  const earlier = overlap > 0 ? before.messages.slice(0, overlap).filter((message) => !ids.has(message.messageId)) : [];
  return { kind: "ready", messages: [...earlier, ...read, ...meanwhile], next: earlier.length > 0 ? before.next : next, older: before.older };
}

// Reading

function openRoom(state: State, roomId: string | null): State {
  if (roomId === state.openRoomId) {
    const covered = state.inboxOpen || state.feedOpen || state.openDocId !== null;
    return covered ? { ...state, inboxOpen: false, feedOpen: false, openDocId: null } : state;
  }
  const room = roomId === null ? undefined : state.rooms?.get(roomId);
  const marker: Marker | null = roomId === null ? null : { readUpTo: room?.readUpTo ?? null, unread: room?.unreadCount ?? 0, firstNew: null, held: false };
  const left = state.openRoomId === null ? undefined : state.timelines.get(state.openRoomId);
  // What was scrolled through is on the disk; it is read again when somebody comes back.
  const timelines = left?.kind === "ready" && left.messages.length > KEPT_MESSAGES_MAX ? without(state.timelines, state.openRoomId) : state.timelines;
  const next = { ...state, timelines, openRoomId: roomId, openDocId: null, inboxOpen: false, feedOpen: false, marker, attending: false, jump: null, details: { ...state.details, sheet: false } };
  // What became of its draft on another device meanwhile, now that nobody's hands are on it.
  const behind = state.openRoomId === null ? undefined : state.rooms?.get(state.openRoomId);
  const settled = behind === undefined ? next : takeDraft(next, behind);
  return roomId === null ? settled : settleMarker(settled, roomId);
}

/** What arrives before somebody's eyes is not new to them. */
function arrived(state: State, roomId: string, message: Message): State {
  if (state.attending && state.marker?.held !== true) return readOn(state, roomId, message.messageId);
  // A call that is over is unread nowhere.
  if (state.openRoomId !== roomId || state.marker === null || state.session.kind !== "signedIn" || message.author === state.session.account.userId || message.call !== undefined) return state;
  return settleMarker({ ...state, marker: { ...state.marker, unread: state.marker.unread + 1 } }, roomId);
}

function readOn(state: State, roomId: string, messageId: string): State {
  if (state.openRoomId !== roomId || state.marker?.firstNew !== null) return state;
  // Read at its end, while what was new begins further back than what is held: the way there stays.
  const { readUpTo, unread } = state.marker;
  const timeline = state.timelines.get(roomId);
  if (unread > 0 && readUpTo !== null && timeline?.kind === "ready" && timeline.next !== null && !timeline.messages.some((message) => message.messageId === readUpTo)) return state;
  return { ...state, marker: { readUpTo: messageId, unread: 0, firstNew: null, held: false } };
}

/** From here on it is new again, and stays so while it is looked at, until the room is left. */
function markedUnread(state: State, roomId: string, messageId: string): State {
  const timeline = state.timelines.get(roomId);
  if (state.openRoomId !== roomId || timeline?.kind !== "ready") return state;
  const at = timeline.messages.findIndex((message) => message.messageId === messageId);
  return at === -1 ? state : { ...state, marker: { readUpTo: timeline.messages[at - 1]?.messageId ?? null, unread: 0, firstNew: messageId, held: true } };
}

/** Finds the first new message once it is held. Set once, it stays until the room is left. */
function settleMarker(state: State, roomId: string): State {
  if (state.openRoomId !== roomId || state.marker?.firstNew !== null || state.session.kind !== "signedIn") return state;
  const timeline = state.timelines.get(roomId);
  if (timeline?.kind !== "ready") return state;
  const room = state.rooms?.get(roomId);
  const own = state.session.account.userId;
  const { readUpTo, unread } = state.marker;
  const at = readUpTo === null ? -1 : timeline.messages.findIndex((message) => message.messageId === readUpTo);
  // Somebody who reads a room for the first time finds everything new; a rule above all of it would say nothing.
  if (at === -1 && readUpTo === null && room?.readUpTo === undefined) return state;
  const foreign = timeline.messages.slice(at + 1).filter((message) => message.author !== own && message.call === undefined);
  // The mark lies further back than what is held: count from the end, or wait for older pages.
  const first = at === -1 && timeline.next !== null ? (unread > 0 && foreign.length >= unread ? foreign.at(-unread) : undefined) : foreign[0];
  return first === undefined ? state : { ...state, marker: { ...state.marker, firstNew: first.messageId } };
}
