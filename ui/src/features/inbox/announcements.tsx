import { X } from "lucide-react";
import { AnnouncementBar } from "@/components/announcement-bar";
import { IconButton } from "@/components/icon-button";
import { useMinute } from "@/components/clock";
import { useActions, useAppState } from "@/state/context";
import { strings } from "@/strings/strings";

const words = strings.announce;

/** What an administrator told everybody, above the panes until it is put away or has expired. */
export function Announcements() {
  const actions = useActions();
  const minute = useMinute();
  const announcements = useAppState((state) => state.announcements).filter((each) => each.expiresAt > minute);
  if (announcements.length === 0) return null;
  return (
    <section aria-label={words.region} className="flex-none max-h-[30vh] overflow-y-auto scroller">
      {announcements.map((announcement) => (
        <AnnouncementBar
          key={announcement.announcementId}
          message={announcement.message}
          level={announcement.level}
          end={
            <IconButton label={words.dismiss} className="size-7 [&_svg]:size-3.5 text-current" onClick={() => actions.dismissAnnouncement(announcement.announcementId)}>
              <X aria-hidden="true" />
            </IconButton>
          }
        />
      ))}
    </section>
  );
}
