// The API's types: the engine's own (`types.gen.ts`), and beside them what this window already knows of and the engine does
// not tell yet. A declaration here goes when the engine has its own; until then everything that rests on it is hidden where
// the engine does not answer (`tellsNotifications` in the selectors).
import type * as Engine from "@/api/types.gen";

export type * from "@/api/types.gen";

export type Event =
  | Engine.Event
  | { type: "announcement.new"; announcement: Announcement };

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
