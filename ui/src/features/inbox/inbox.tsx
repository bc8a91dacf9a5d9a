import { AtSign, Bell, ChevronLeft, CheckCheck, Hash, Mail, MessageCircle, MessagesSquare, Newspaper, Reply, type LucideIcon } from "lucide-react";
import { useEffect, useRef } from "react";
import type { Notification, NotificationKind, NotificationLevel } from "@/client/types";
import { Button } from "@/components/button";
import { useMinute } from "@/components/clock";
import { IconButton } from "@/components/icon-button";
import { Middle } from "@/components/middle";
import { headingOf } from "@/features/inbox/heading";
import { useActions, useAppState } from "@/state/context";
import { strings } from "@/strings/strings";

const words = strings.inbox;

const ICONS: Readonly<Record<NotificationKind, LucideIcon>> = { mention: AtSign, reply: Reply, direct: MessageCircle, message: MessagesSquare, room: Hash, post: Newspaper, personal: Mail };
const TONES: Readonly<Record<NotificationLevel, string>> = { info: "text-ink-2", success: "text-ok", warning: "text-notice", error: "text-danger" };

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

/** Everything that concerns the reader, wherever it happened, in the place of a room. */
export function Inbox() {
  const actions = useActions();
  const inbox = useAppState((state) => state.inbox);
  const head = useRef<HTMLHeadingElement>(null);
  useEffect(() => head.current?.focus(), []);

  return (
    <Middle>
      <header className="flex items-center gap-2.5 touch:gap-1 flex-none h-[52px] ps-6 pe-3 touch:ps-1 touch:pe-1.5 border-b border-line">
        <IconButton label={strings.conversation.back} className="hidden touch:grid" onClick={actions.closeInbox}>
          <ChevronLeft aria-hidden="true" className="rtl:-scale-x-100" />
        </IconButton>
        <h1 ref={head} tabIndex={-1} className="flex-1 font-strong text-title tracking-[-0.012em] focus:outline-none focus-visible:shadow-none">
          {words.label}
        </h1>
        {inbox !== null && inbox.unread > 0 && (
          <Button tone="quiet" onClick={() => actions.markNotificationRead(null)}>
            <CheckCheck aria-hidden="true" className="size-4 stroke-[1.75]" />
            {words.markAll}
          </Button>
        )}
      </header>
      {inbox === null || inbox.notifications.length === 0 ? (
        <div className="flex-1 grid place-content-center justify-items-center gap-3 p-6 text-center">
          <Bell aria-hidden="true" className="size-6 stroke-[1.5] text-ink-3" />
          <p className="max-w-[360px] text-body text-ink-2">{words.empty}</p>
        </div>
      ) : (
        <div className="flex-1 min-h-0 overflow-y-auto scroller px-3 py-2">
          <ul className="max-w-(--size-measure)">
            {inbox.notifications.map((notification) => (
              <Entry key={notification.notificationId} notification={notification} />
            ))}
          </ul>
          {inbox.next !== null && (
            <div className="flex items-center gap-2 px-3 py-3 text-small text-ink-2">
              {inbox.older === "failed" && words.olderFailed}
              <Button disabled={inbox.older === "loading"} onClick={actions.readOlderNotifications}>
                {inbox.older === "failed" ? strings.tryAgain : words.older}
              </Button>
            </div>
          )}
        </div>
      )}
    </Middle>
  );
}

function Entry({ notification }: { notification: Notification }) {
  const actions = useActions();
  const room = useAppState((state) => (notification.roomId === undefined ? undefined : state.rooms?.get(notification.roomId)?.name));
  const name = useAppState((state) => (notification.userId === undefined ? undefined : state.people.get(notification.userId)?.displayName));
  const minute = useMinute();
  const Icon = ICONS[notification.kind];
  const today = new Date(notification.at).toDateString() === new Date(minute).toDateString();
  return (
    <li>
      <button
        type="button"
        onClick={() => actions.openNotification(notification)}
        className={`flex items-start gap-3 w-full px-3 py-2.5 rounded-large text-start transition-colors duration-(--fast) hover:bg-hover ${notification.read ? "text-ink-2" : "text-ink"}`}
      >
        <Icon role="img" aria-label={words.kinds[notification.kind]} className={`flex-none size-[17px] mt-0.5 stroke-[1.75] ${TONES[notification.level]}`} />
        <span className="flex-1 min-w-0">
          <span className="flex items-baseline gap-2">
            <span className={`truncate foreign ${notification.read ? "" : "font-strong"}`}>{headingOf(notification, name)}</span>
            {room !== undefined && <span className="truncate foreign text-small text-ink-3">{room}</span>}
          </span>
          <span dir="auto" className="block foreign text-ink-2 line-clamp-2">
            {notification.body.slice(0, 400)}
          </span>
        </span>
        <time dateTime={new Date(notification.at).toISOString()} className="flex-none mt-px text-micro text-ink-3 tabular-nums">
          {today ? clock.format(notification.at) : day.format(notification.at)}
        </time>
        {!notification.read && <span role="img" aria-label={words.fresh} className="flex-none size-2 mt-1.5 rounded-round bg-accent" />}
      </button>
    </li>
  );
}
