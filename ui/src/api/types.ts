// The API's types: the engine's own (`types.gen.ts`), and before them what this window already knows of and the engine does
// not tell yet. A declaration here goes when the engine has its own; until then everything that rests on it is hidden where
// the engine does not answer (`tellsNotifications` in the selectors).
import type * as Engine from "@/api/types.gen";

export type * from "@/api/types.gen";

export type PresenceStatus = Engine.PresenceStatus | "dnd";

export type Room = Engine.Room & { notify?: NotifyLevel; favourite?: boolean };

export type Rooms = { rooms: Room[] };

export type Member = Omit<Engine.Member, "status"> & { status: PresenceStatus; text?: string };

export type Members = { members: Member[] };

export type UserPresence = Omit<Engine.UserPresence, "status"> & { status: PresenceStatus };

export type PresenceList = { users: UserPresence[]; count: number };

export type SetPresenceParams = { status: PresenceStatus; text?: string };

export type Event =
  | Exclude<Engine.Event, { type: "room.changed" | "member.joined" | "presence.changed" }>
  | { type: "room.changed"; room: Room }
  | { type: "member.joined"; roomId: string; member: Member }
  | { type: "presence.changed"; userId: string; displayName: string; status: PresenceStatus; text?: string; lastSeen?: number }
  | { type: "doc.changed"; doc: Doc }
  | { type: "doc.update"; docId: string; update: string }
  | { type: "doc.awareness"; docId: string; userId: string; deviceId: string; state: unknown }
  | { type: "doc.reset"; docId: string }
  | { type: "doc.removed"; docId: string; roomId: string }
  | { type: "notification.new"; notification: Notification }
  | { type: "announcement.new"; announcement: Announcement }
  | { type: "activity.new"; activity: Activity };

// Documents.

export type DocEditing = "author" | "members" | "listed";

export type Doc = {
  docId: string;
  roomId: string;
  title: string;
  /** The account that created it. */
  author: string;
  editing: DocEditing;
  /** Who is listed, with `listed`. */
  editors: string[];
  createdAt: number;
  changedAt: number;
  archived: boolean;
  deleted: boolean;
  /** Why this person can only read it, as a sentence; absent where they may write. */
  readOnly?: string;
};

export type CreateDocParams = {
  roomId: string;
  title: string;
  editing: DocEditing;
  /** Accounts, with `listed` only. */
  editors?: string[];
};

export type DocCreated = { docId: string };

export type Docs = { docs: Doc[] };

export type ListDocsParams = {
  roomId: string;
  /** Those that were deleted, instead of the others. */
  deleted?: boolean;
};

export type DocParams = { docId: string };

export type OpenedDoc = {
  doc: Doc;
  /** The Yjs client id for this editor: each that is opened gets another one. */
  clientId: number;
  /** All of it, as one update. */
  update: string;
  stateVector: string;
  /** Who is in it, this device aside. */
  present: DocPresence[];
};

export type DocPresence = { userId: string; deviceId: string; state: unknown };

export type DocAwarenessParams = {
  docId: string;
  /** An object; `null` where this person goes. */
  state: unknown;
};

export type SetEditorsParams = {
  docId: string;
  /** Left out: those who are listed. */
  editing?: DocEditing;
  /** Accounts, with `listed`. */
  editors?: string[];
};

export type RenameDocParams = { docId: string; title: string };

export type ArchiveDocParams = { docId: string; archived: boolean };

export type DocText = { text: string };

export type DocOp = DocInsert | DocDelete;

export type DocInsert = { at: number; insert: string };

export type DocDelete = {
  at: number;
  /** How much. */
  delete: number;
};

export type EditDocParams = { docId: string; ops: DocOp[] };

export type UpdateDocParams = { docId: string; update: string };

export type DocStateParams = {
  docId: string;
  /** What the asker has; nothing where it is left out. */
  stateVector?: string;
};

export type DocState = {
  /** What the asker lacks, as one update. */
  update: string;
  stateVector: string;
};

// Notifications, activity, and how much of it is wanted.

export type NotifyLevel = "all" | "mentions" | "none";

export type SetNotifyParams = { roomId: string; level: NotifyLevel };

export type SetFavouriteParams = { roomId: string; on: boolean };

export type ListNotificationsParams = {
  /** Notifications before this one, as `next` of an earlier answer gives it. */
  before?: string;
  limit?: number;
};

export type Notifications = {
  /** The newest first. */
  notifications: Notification[];
  unreadCount: number;
  next?: string;
};

export type Notification = {
  notificationId: string;
  kind: NotificationKind;
  title: string;
  body: string;
  level: NotificationLevel;
  roomId?: string;
  messageId?: string;
  /** Whose doing it is. */
  userId?: string;
  at: number;
  read: boolean;
};

export type NotificationKind = "mention" | "reply" | "reaction" | "invite" | "personal" | "announcement" | "room";

export type NotificationLevel = "info" | "success" | "warning" | "error";

export type MarkNotificationsReadParams = {
  /** All of them, where it is left out. */
  notificationId?: string;
};

export type Announcement = {
  announcementId: string;
  message: string;
  level: NotificationLevel;
  at: number;
  expiresAt?: number;
};

export type AnnounceParams = {
  message: string;
  level: NotificationLevel;
  /** Seconds for which it is told to those who come online. */
  ttlS?: number;
};

export type ListActivityParams = { roomId?: string; before?: string; limit?: number };

export type Activities = {
  /** The newest first. */
  activities: Activity[];
  next?: string;
};

export type Activity = {
  activityId: string;
  kind: ActivityKind;
  roomId: string;
  userId: string;
  /** The other person, where it is done to one. */
  targetUserId?: string;
  messageId?: string;
  at: number;
};

export type ActivityKind = "created" | "joined" | "left" | "removed" | "banned" | "invited" | "role" | "renamed" | "pinned" | "message" | "document";
