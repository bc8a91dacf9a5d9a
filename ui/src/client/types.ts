// The API's types: the engine's own (`types.gen.ts`), and beside them what this window already knows of and the engine does
// not tell yet. A declaration here goes when the engine has its own; until then everything that rests on it is hidden where
// the engine does not answer (`tellsNotifications` in the selectors).
import type * as Engine from "@/client/types.gen";

export type * from "@/client/types.gen";

export type Event =
  | Engine.Event
  | { type: "notification.new"; notification: Notification }
  | { type: "announcement.new"; announcement: Announcement }
  | { type: "activity.new"; activity: Activity };

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
