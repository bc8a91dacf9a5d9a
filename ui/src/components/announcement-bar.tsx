import { Megaphone } from "lucide-react";
import type { ReactNode } from "react";
import type { NotificationLevel } from "@/client/types";

const TONES: Readonly<Record<NotificationLevel, string>> = { info: "bg-quiet-soft text-quiet", success: "bg-ok-soft text-ok", warning: "bg-notice-soft text-notice", error: "bg-danger-soft text-danger" };

/** What an administrator told everybody, in one bar; `end` stands behind it. */
export function AnnouncementBar({ message, level, end, live = true }: { message: string; level: NotificationLevel; end?: ReactNode; live?: boolean }) {
  return (
    <div role={!live ? undefined : level === "error" ? "alert" : "status"} className={`flex items-center gap-2.5 min-h-9 ps-4 pe-2 py-1 ${TONES[level]}`}>
      <Megaphone aria-hidden="true" className="flex-none size-4 stroke-[1.75]" />
      <p dir="auto" className="flex-1 min-w-0 foreign font-medium whitespace-pre-line">
        {message.slice(0, 4_096)}
      </p>
      {end}
    </div>
  );
}
