// What the window knows. One immutable value; `reduce.ts` makes the next one, `selectors.ts` reads it.
//
// People are kept once, whatever told of them (a roster, a presence list); rosters only name them. Everything here can
// be had again from the engine, but for what a person has typed: drafts and texts that could not be sent.
import type { ApiError } from "@/api/error";
import type { LinkState } from "@/api/client";
import type { Message, NetStatus, OwnAccount, PresenceStatus, Role, Room } from "@/api/types.gen";

export type Session =
  | { kind: "starting" }
  /** The engine did not answer; nothing is known yet. */
  | { kind: "failed"; error: ApiError }
  | { kind: "signedOut" }
  | { kind: "signedIn"; account: OwnAccount };

export type Person = {
  userId: string;
  handle: string;
  displayName: string;
  status: PresenceStatus;
  lastSeen?: number;
};

export type Timeline =
  | { kind: "loading" }
  | { kind: "failed"; error: ApiError }
  | {
      kind: "ready";
      /** Oldest first. */
      messages: readonly Message[];
      /** Where older ones go on; `null` at the beginning of the room. */
      next: string | null;
      older: "idle" | "loading" | "failed";
    };

/** A text that the engine did not take. It stays until it was sent or thrown away. */
export type Unsent = { id: string; roomId: string; text: string; at: number; error: ApiError; retrying: boolean };

/** Where reading stopped when the room was opened, so that the "New" rule can stay while it is read. */
export type Marker = {
  readUpTo: string | null;
  /** Messages of others after it, for a room whose read mark lies further back than what is held. */
  unread: number;
  /** The first message of others after it; `null` while there is none. */
  firstNew: string | null;
};

/** What lies over the panes. One at a time; closing it gives the focus back. */
export type Overlay =
  | { kind: "palette" }
  | { kind: "createRoom" }
  | { kind: "browseRooms" }
  | { kind: "joinByInvite" }
  | { kind: "invite"; roomId: string }
  | { kind: "roomSettings"; roomId: string }
  | { kind: "leaveRoom"; roomId: string }
  | { kind: "removeMember"; roomId: string; userId: string }
  | { kind: "profile" }
  | { kind: "signOut" };

export type State = {
  link: LinkState;
  session: Session;
  net: NetStatus | null;
  /** `null` until the first list. */
  rooms: ReadonlyMap<string, Room> | null;
  people: ReadonlyMap<string, Person>;
  /** By room, then by user id. */
  rosters: ReadonlyMap<string, ReadonlyMap<string, Role>>;
  timelines: ReadonlyMap<string, Timeline>;
  /** By room, then by user id: when that person was last heard typing. */
  typing: ReadonlyMap<string, ReadonlyMap<string, number>>;
  unsent: readonly Unsent[];
  drafts: ReadonlyMap<string, string>;
  openRoomId: string | null;
  marker: Marker | null;
  /** Whether the open room's newest message is on the screen of a window that has the focus. */
  attending: boolean;
  overlay: Overlay | null;
  /** What last happened elsewhere and is worth a word. */
  notice: { roomName: string } | null;
  /** The details pane, beside the conversation where there is room and as a sheet over it where there is not. */
  details: { pane: boolean; sheet: boolean };
};

export const INITIAL: State = {
  link: "opening",
  session: { kind: "starting" },
  net: null,
  rooms: null,
  people: new Map(),
  rosters: new Map(),
  timelines: new Map(),
  typing: new Map(),
  unsent: [],
  drafts: new Map(),
  openRoomId: null,
  marker: null,
  attending: false,
  overlay: null,
  notice: null,
  details: { pane: true, sheet: false },
};
