// What screens ask of the state. Pure; a selector that builds a list is read through a shallow comparison.
import type { Message, NetStatus, OwnAccount, PeerPath, PeerStatus, PresenceStatus, Reaction, Role, Room } from "@/client/types";
import type { Change, Person, State, Timeline } from "@/state/state";

export function ownAccount(state: State): OwnAccount | null {
  return state.session.kind === "signedIn" ? state.session.account : null;
}

export function openRoom(state: State): Room | null {
  return state.openRoomId === null ? null : (state.rooms?.get(state.openRoomId) ?? null);
}

export function timelineOf(state: State, roomId: string): Timeline | undefined {
  return state.timelines.get(roomId);
}

// Rooms

/** Whether the engine tells of notifications, and with them of activity. */
export function tellsNotifications(state: State): boolean {
  return state.inbox !== null;
}

/** Whether this person administers the server. */
export function administers(state: State): boolean {
  return ownAccount(state)?.admin === true;
}

/** Rooms by name, as people look for them; a room does not move because somebody spoke in it. */
export function chatRooms(state: State): readonly Room[] {
  return [...(state.rooms?.values() ?? [])].filter((room) => room.kind === "chat" && !room.favourite).sort(byName);
}

/** What somebody wants at the top, rooms and people alike. */
export function favouriteRooms(state: State): readonly Room[] {
  return [...(state.rooms?.values() ?? [])].filter((room) => room.favourite).sort(byName);
}

/** Conversations of two, the latest first. */
export function directRooms(state: State): readonly Room[] {
  const latest = (room: Room): number => room.lastMessage?.sentAt ?? 0;
  return [...(state.rooms?.values() ?? [])].filter((room) => room.kind === "direct" && !room.favourite).sort((a, b) => latest(b) - latest(a) || byName(a, b));
}

/** All rooms in the order of the list on the screen. */
export function listedRooms(state: State): readonly Room[] {
  return [...favouriteRooms(state), ...chatRooms(state), ...directRooms(state)];
}

/** What a window begins with: the room that was open last, else the one with the newest message. */
export function startingRoom(state: State, lastId: string | null): Room | null {
  const last = lastId === null ? undefined : state.rooms?.get(lastId);
  if (last !== undefined) return last;
  const spoken = listedRooms(state).flatMap((room) => (room.lastMessage === undefined ? [] : [{ room, at: room.lastMessage.sentAt }]));
  return spoken.sort((a, b) => b.at - a.at)[0]?.room ?? null;
}

function byName(a: Room, b: Room): number {
  return a.name.localeCompare(b.name) || (a.roomId < b.roomId ? -1 : 1);
}

/** Whether what arrives in a room is read as it comes. */
function attends(state: State, room: Room): boolean {
  return state.attending && state.openRoomId === room.roomId && state.marker?.held !== true;
}

/** Unread messages of a room; none while they arrive before somebody's eyes. */
export function unreadOf(state: State, room: Room): number {
  return attends(state, room) ? 0 : room.unreadCount;
}

/** How many of them are about the reader. */
export function mentionsOf(state: State, room: Room): number {
  return attends(state, room) ? 0 : room.mentionsCount;
}

export function unreadTotal(state: State): number {
  return listedRooms(state).reduce((sum, room) => sum + (room.notify === "none" ? mentionsOf(state, room) : unreadOf(state, room)), 0);
}

export function mayManage(room: Room): boolean {
  return room.kind === "chat" && (room.role === "owner" || room.role === "moderator");
}

/** Whether the reader moderates a feed, as its roster says. The engine decides. */
export function mayModerateFeed(state: State): boolean {
  return state.feed.policy?.mayModerate === true;
}

export function mayPost(room: Room): boolean {
  return room.role !== "reader";
}

// Messages

/** A message as it will be once what was asked for is done. */
export function asChanged(message: Message, changes: readonly Change[], ownId: string): Message {
  return changes.reduce((shown, change) => {
    if (change.messageId !== shown.messageId) return shown;
    switch (change.kind) {
      case "edit":
        return { ...shown, text: change.text };
      case "react":
        return { ...shown, reactions: withReaction(shown.reactions, change.emoji, ownId, change.on) };
      case "pin":
        return { ...shown, pinned: change.on };
    }
  }, message);
}

function withReaction(reactions: readonly Reaction[], emoji: string, userId: string, on: boolean): Reaction[] {
  const held = reactions.some((reaction) => reaction.emoji === emoji);
  const all = held || !on ? reactions : [...reactions, { emoji, userIds: [] }];
  return all
    .map((reaction) => (reaction.emoji === emoji ? { ...reaction, userIds: [...reaction.userIds.filter((each) => each !== userId), ...(on ? [userId] : [])] } : reaction))
    .filter((reaction) => reaction.userIds.length > 0);
}

export function mentionsMe(message: Message, ownId: string): boolean {
  return message.author !== ownId && (message.mentionsRoom || message.mentions.includes(ownId));
}

/** Under whose name a message stands: a call under that of who called, whoever told of its end. */
export function sayerOf(message: Message): string {
  return message.call?.from ?? message.author;
}

export type MessageTools = { reply: boolean; react: boolean; edit: boolean; delete: boolean; pin: boolean };

/** What the reader may do with a message. The engine decides; this spares people what it would refuse. */
export function toolsFor(room: Room, message: Message, ownId: string): MessageTools {
  const alive = message.deletedAt === undefined;
  const posts = alive && mayPost(room);
  const own = message.author === ownId;
  const call = message.call !== undefined;
  return { reply: posts, react: posts, edit: posts && own && !call, delete: alive && ((own && mayPost(room)) || mayManage(room)), pin: posts && !call };
}

// People

export function personOf(state: State, userId: string): Person | undefined {
  return state.people.get(userId);
}

export type RosterEntry = { person: Person; role: Role };

/** The members of a room: oneself first, then by name. For `useMemo`: it builds its entries anew. */
export function rosterEntries(roster: ReadonlyMap<string, Role>, people: State["people"], ownId: string | undefined): readonly RosterEntry[] {
  return [...roster]
    .flatMap(([userId, role]) => {
      const person = people.get(userId);
      return person === undefined ? [] : [{ person, role }];
    })
    .sort((a, b) => Number(b.person.userId === ownId) - Number(a.person.userId === ownId) || a.person.displayName.localeCompare(b.person.displayName));
}

export function presenceOf(state: State, userId: string): PresenceStatus {
  // Whoever looks at this window is here, whatever the server last said; but they may want to be left alone.
  if (userId === ownAccount(state)?.userId) return state.people.get(userId)?.status === "dnd" ? "dnd" : "online";
  if (reachable(state.net, userId) && state.people.get(userId)?.status === "offline") return "online";
  return state.people.get(userId)?.status ?? "offline";
}

export function typingIn(state: State, roomId: string): readonly string[] {
  const own = ownAccount(state)?.userId;
  return [...(state.typing.get(roomId)?.keys() ?? [])].filter((userId) => userId !== own).map((userId) => state.people.get(userId)?.displayName ?? "");
}

// Paths

const RANK: Readonly<Record<PeerPath, number>> = { direct: 0, turn: 1, relay: 2 };

/** The best way to any of a person's devices; `null` where none is up. */
export function pathTo(net: NetStatus | null, userId: string): PeerStatus | null {
  const devices = (net?.peers ?? []).filter((peer) => peer.userId === userId);
  return devices.sort((a, b) => RANK[a.path] - RANK[b.path] || (a.rttMs ?? Infinity) - (b.rttMs ?? Infinity))[0] ?? null;
}

function reachable(net: NetStatus | null, userId: string): boolean {
  const path = pathTo(net, userId)?.path;
  return path === "direct" || path === "turn";
}

/** People (not devices) at the end of a data channel, oneself not counted. */
export function peersHere(state: State): { direct: number; all: number } {
  const own = ownAccount(state)?.userId;
  const people = new Set((state.net?.peers ?? []).map((peer) => peer.userId).filter((userId) => userId !== own));
  const paths = [...people].map((userId) => pathTo(state.net, userId)?.path);
  return { direct: paths.filter((path) => path === "direct").length, all: paths.filter((path) => path === "direct" || path === "turn").length };
}

export type Connection = { kind: "connected"; direct: number } | { kind: "connecting" } | { kind: "serverAway"; peers: number } | { kind: "offline" };

/** The line under one's name. A server that is being looked for while peers are here is away. */
export function connectionOf(state: State): Connection {
  if (state.link !== "open" || state.net === null) return { kind: "connecting" };
  const { direct, all } = peersHere(state);
  switch (state.net.server) {
    case "online":
      return { kind: "connected", direct };
    case "connecting":
      return all > 0 ? { kind: "serverAway", peers: all } : { kind: "connecting" };
    case "offline":
      return all > 0 ? { kind: "serverAway", peers: all } : { kind: "offline" };
  }
}

export type Carried = { direct: number; turn: number; server: number };

/** Below this, in all, it is finding each other that is counted and not what people say: the shares would be noise. */
const CARRIED_BYTES_MIN = 64_000;
/** Of that, what peers need to have exchanged. */
const CARRIED_BY_PEERS_BYTES_MIN = 1_000;

/** What peers carried and what the server did, since the engine started; `null` until there is something to say. */
export function carriedBetween(net: NetStatus | null): Carried | null {
  if (net === null) return null;
  const along = (path: PeerPath): number => net.peers.filter((peer) => peer.path === path).reduce((sum, peer) => sum + peer.bytesIn + peer.bytesOut, 0);
  const carried = { direct: along("direct"), turn: along("turn"), server: net.serverBytesIn + net.serverBytesOut };
  const byPeers = carried.direct + carried.turn;
  return byPeers >= CARRIED_BY_PEERS_BYTES_MIN && byPeers + carried.server >= CARRIED_BYTES_MIN ? carried : null;
}
