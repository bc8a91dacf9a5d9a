// The API's types: the engine's own (`types.gen.ts`), and beside them what this window already knows of and the engine does
// not tell yet. A declaration here goes when the engine has its own; until then everything that rests on it is hidden where
// the engine does not answer (`tellsNotifications` in the selectors).
import type * as Engine from "@/api/types.gen";

export type * from "@/api/types.gen";

export type Event =
  | Engine.Event
  | { type: "announcement.new"; announcement: Announcement }
  | { type: "activity.new"; activity: Activity };

export type Announcement = {
  announcementId: string;
  message: string;
  level: Engine.NotificationLevel;
  at: number;
  expiresAt?: number;
};

export type AnnounceParams = {
  message: string;
  level: Engine.NotificationLevel;
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
