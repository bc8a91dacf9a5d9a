import { Megaphone, X } from "lucide-react";
import type { NotificationLevel } from "@/client/types";
import { IconButton } from "@/components/icon-button";
import { useMinute } from "@/components/clock";
import { useActions, useAppState } from "@/state/context";
import { strings } from "@/strings/strings";

const words = strings.announce;
const TONES: Readonly<Record<NotificationLevel, string>> = { info: "bg-quiet-soft text-quiet", success: "bg-ok-soft text-ok", warning: "bg-notice-soft text-notice", error: "bg-danger-soft text-danger" };

/** What an administrator told everybody, above the panes until it is put away or has expired. */
export function Announcements() {
  const actions = useActions();
  const minute = useMinute();
  const announcements = useAppState((state) => state.announcements).filter((each) => each.expiresAt === undefined || each.expiresAt > minute);
  if (announcements.length === 0) return null;
  return (
    <section aria-label={words.region} className="flex-none max-h-[30vh] overflow-y-auto scroller">
      {announcements.map((announcement) => (
        <div key={announcement.announcementId} role={announcement.level === "error" ? "alert" : "status"} className={`flex items-center gap-2.5 min-h-9 ps-4 pe-2 py-1 ${TONES[announcement.level]}`}>
          <Megaphone aria-hidden="true" className="flex-none size-4 stroke-[1.75]" />
          <p dir="auto" className="flex-1 min-w-0 foreign font-medium">
            {announcement.message.slice(0, 2_000)}
          </p>
          <IconButton label={words.dismiss} className="size-7 [&_svg]:size-3.5 text-current" onClick={() => actions.dismissAnnouncement(announcement.announcementId)}>
            <X aria-hidden="true" />
          </IconButton>
        </div>
      ))}
    </section>
  );
}
