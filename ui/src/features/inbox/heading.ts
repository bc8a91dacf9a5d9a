import type { Notification } from "@/client/types";
import { strings } from "@/strings/strings";

/** What a notification is headed with: in the window's own words where its kind and its person say all. */
export function headingOf({ kind, title }: Notification, name: string | undefined): string {
  if (name === undefined) return title;
  switch (kind) {
    case "mention":
      return strings.inbox.mentioned(name);
    case "reply":
      return strings.inbox.answered(name);
    case "direct":
    case "message":
      return name;
    case "room":
    case "post":
    case "personal":
      return title;
  }
}
