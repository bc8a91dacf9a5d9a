// The API's types: the engine's own (`types.gen.ts`), and beside them what this window knows of announcements, which the
// engine does not tell yet: until it does, no menu leads to them.
import type * as Engine from "@/client/types.gen";

export type * from "@/client/types.gen";

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
