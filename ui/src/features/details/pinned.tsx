import { PinOff } from "lucide-react";
import { useEffect } from "react";
import type { Message, Room } from "@/client/types";
import { Avatar } from "@/components/avatar";
import { IconButton } from "@/components/icon-button";
import { Failed, Loading } from "@/components/reading";
import { useActions, useAppState } from "@/state/context";
import { mayPost } from "@/state/selectors";
import { strings } from "@/strings/strings";

const words = strings.details;
const SHOWN_CHARACTERS_MAX = 600;
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

/** What was pinned to a room, the newest pin first. */
export function PinnedMessages({ room }: { room: Room }) {
  const actions = useActions();
  const pinned = useAppState((state) => state.pinned.get(room.roomId));
  useEffect(() => actions.readPinned(room.roomId), [actions, room.roomId]);

  switch (pinned?.kind) {
    case undefined:
    case "loading":
      return <Loading />;
    case "failed":
      return <Failed sentence={`${words.pinnedFailed} ${pinned.error.message}`} action={strings.tryAgain} onRetry={() => actions.readPinned(room.roomId)} />;
    case "ready":
      if (pinned.messages.length === 0) return <p className="flex-1 px-5 py-2 text-ink-3">{words.pinnedEmpty}</p>;
      return (
        <ul className="grid content-start gap-2 flex-1 min-h-0 overflow-y-auto scroller px-3 pb-3">
          {[...pinned.messages].reverse().map((message) => (
            <PinnedCard key={message.messageId} room={room} message={message} />
          ))}
        </ul>
      );
  }
}

function PinnedCard({ room, message }: { room: Room; message: Message }) {
  const actions = useActions();
  const name = useAppState((state) => state.people.get(message.author)?.displayName ?? strings.somebody);

  function jump(): void {
    actions.setDetails({ sheet: false });
    void actions.jumpTo(room.roomId, message.messageId);
  }

  return (
    <li className="group/card relative rounded-large border border-line bg-surface transition-colors duration-(--fast) hover:border-line-strong">
      <button type="button" onClick={jump} aria-label={words.jumpTo(name)} className="block w-full px-3 py-2.5 rounded-large text-start">
        <span className="flex items-center gap-2 pe-7">
          <Avatar userId={message.author} name={name} size={20} />
          <span className="truncate foreign font-medium">{name}</span>
          <span className="flex-none ms-auto text-micro text-ink-3 tabular-nums">{day.format(message.sentAt)}</span>
        </span>
        <span dir="auto" className="mt-1.5 foreign text-ink-2 whitespace-pre-wrap line-clamp-5">
          {message.text.slice(0, SHOWN_CHARACTERS_MAX)}
        </span>
      </button>
      {mayPost(room) && (
        <IconButton
          label={strings.tools.unpin}
          className="absolute end-1.5 top-1.5 size-7 [&_svg]:size-3.5 opacity-0 group-hover/card:opacity-100 focus-visible:opacity-100 touch:opacity-100"
          onClick={() => actions.pin(room.roomId, message.messageId, false)}
        >
          <PinOff aria-hidden="true" />
        </IconButton>
      )}
    </li>
  );
}
