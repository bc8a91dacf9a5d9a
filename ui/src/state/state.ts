// What the window knows. One immutable value; `reduce.ts` makes the next one, `selectors.ts` reads it.
//
// People are kept once, whatever told of them (a roster, a presence list); rosters only name them. Everything here can
// be had again from the engine, but for what a person has typed: drafts and texts that could not be sent.
import type { ApiError } from "@/client/error";
import type { LinkState } from "@/client/client";
import type { Announcement, Doc, Message, NetStatus, Notification, OwnAccount, PresenceStatus, Role, Room } from "@/client/types";
import { INITIAL_CALLS, type CallsState } from "@/state/calls";
import { INITIAL_FEED, type FeedState } from "@/state/feed";
import type { PlacesState } from "@/state/places";

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
  /** What they say they are doing. */
  text?: string;
  lastSeen?: number;
};

export type Timeline =
  /** `meanwhile`: what events brought since it was asked for; the answer may be from before them. */
  | { kind: "loading"; meanwhile: readonly Message[] }
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
export type Unsent = { id: string; roomId: string; text: string; replyTo?: string; at: number; error: ApiError; retrying: boolean };

/** What was begun in a room and not sent. */
export type Draft = {
  text: string;
  replyTo?: string;
  /** Whether the engine has it as it stands here. */
  saved: boolean;
};

/** A change of a message that the engine was told of and did not answer yet. It is shown as if it were done. */
export type Change = { id: number; roomId: string; messageId: string } & (
  | { kind: "edit"; text: string }
  | { kind: "react"; emoji: string; on: boolean }
  | { kind: "pin"; on: boolean }
);

/** A message that is being written anew in its place; with the reason when the engine did not take the new text. */
export type Editor = { text: string; error: ApiError | null };

/** A change that the engine did not take. Said under its message until it is tried again or put away. */
export type RefusedChange = { change: Change; error: ApiError };

/** Where reading stopped when the room was opened, so that the "New" rule can stay while it is read. */
export type Marker = {
  readUpTo: string | null;
  /** Messages of others after it, for a room whose read mark lies further back than what is held. */
  unread: number;
  /** The first message of others after it; `null` while there is none. */
  firstNew: string | null;
  /** Somebody wants it to stay unread, so looking at it does not count. */
  held: boolean;
};

/** The pinned messages of a room. */
export type Pinned = { kind: "loading" } | { kind: "failed"; error: ApiError } | { kind: "ready"; messages: readonly Message[] };

/** What concerns the reader, wherever it happened. `null` in the state while the engine has not told of any. */
export type Inbox = {
  /** The newest first. */
  notifications: readonly Notification[];
  unread: number;
  next: string | null;
  older: "idle" | "loading" | "failed";
};

/** What happened elsewhere and is worth a word. */
export type Notice = { kind: "roomGone"; roomName: string } | { kind: "messageAway" } | { kind: "failed"; error: ApiError };

/** Where the log was asked to go. A new number is a new wish, also for the same message. */
export type Jump = { roomId: string; messageId: string; round: number };

/** The documents of a room, as the engine lists them. */
export type DocList = { kind: "loading" } | { kind: "failed"; error: ApiError } | { kind: "ready"; docs: readonly Doc[] };

export type DetailsTab = "members" | "documents" | "pinned" | "places";

/** What lies over the panes. One at a time; closing it gives the focus back. */
export type Overlay =
  | { kind: "palette" }
  | { kind: "shortcuts" }
  | { kind: "deleteMessage"; roomId: string; messageId: string }
  | { kind: "receipts"; roomId: string; messageId: string }
  | { kind: "createRoom" }
  | { kind: "browseRooms" }
  | { kind: "joinByInvite"; invite?: string }
  | { kind: "invite"; roomId: string }
  | { kind: "roomSettings"; roomId: string }
  | { kind: "leaveRoom"; roomId: string }
  | { kind: "removeMember"; roomId: string; userId: string }
  | { kind: "createDoc"; roomId: string }
  | { kind: "docSettings"; roomId: string; docId: string }
  | { kind: "docHistory"; roomId: string; docId: string }
  | { kind: "activity"; roomId: string }
  | { kind: "announce" }
  | { kind: "notify"; userId: string }
  | { kind: "deletePost"; postId: string; commentId?: string }
  | { kind: "hidePost"; postId: string; commentId?: string }
  | { kind: "feedAuthors" }
  | { kind: "map"; roomId: string }
  | { kind: "shareScreen" }
  | { kind: "tryDevices" }
  | { kind: "playFile" }
  | { kind: "callPassage" }
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
  drafts: ReadonlyMap<string, Draft>;
  changes: readonly Change[];
  /** By message id. */
  editors: ReadonlyMap<string, Editor>;
  /** By message id. */
  refused: ReadonlyMap<string, RefusedChange>;
  pinned: ReadonlyMap<string, Pinned>;
  jump: Jump | null;
  openRoomId: string | null;
  /** The document in the middle pane, in the place of the open room's conversation. */
  openDocId: string | null;
  /** By room. */
  docs: ReadonlyMap<string, DocList>;
  /** Whether the inbox is in the middle pane, in the place of a room. */
  inboxOpen: boolean;
  inbox: Inbox | null;
  /** Whether the feed is in the middle pane, in the place of a room. */
  feedOpen: boolean;
  feed: FeedState;
  places: PlacesState;
  calls: CallsState;
  /** Told to everybody by an administrator, until they are put away. */
  announcements: readonly Announcement[];
  /** What last came in and is worth a toast. */
  arrival: Notification | null;
  marker: Marker | null;
  /** Whether the open room's newest message is on the screen of a window that has the focus. */
  attending: boolean;
  overlay: Overlay | null;
  notice: Notice | null;
  /** The details pane, beside the conversation where there is room and as a sheet over it where there is not. */
  details: { pane: boolean; sheet: boolean; tab: DetailsTab };
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
  changes: [],
  editors: new Map(),
  refused: new Map(),
  pinned: new Map(),
  jump: null,
  openRoomId: null,
  openDocId: null,
  docs: new Map(),
  inboxOpen: false,
  inbox: null,
  feedOpen: false,
  feed: INITIAL_FEED,
  places: new Map(),
  calls: INITIAL_CALLS,
  announcements: [],
  arrival: null,
  marker: null,
  attending: false,
  overlay: null,
  notice: null,
  details: { pane: true, sheet: false, tab: "members" },
};
