import { CircleAlert } from "lucide-react";
import { memo, useId } from "react";
import type { Message } from "@/api/types.gen";
import { Avatar } from "@/components/avatar";
import { Button } from "@/components/button";
import { Delivery } from "@/features/conversation/delivery";
import { MessageText } from "@/features/conversation/message-text";
import { clockTime, exactTime } from "@/features/conversation/times";
import { strings } from "@/strings/strings";
import type { Unsent } from "@/state/state";

const ROW =
  "group relative grid grid-cols-[34px_minmax(0,1fr)] gap-x-3 touch:gap-x-2 -mx-3 touch:-mx-2 px-3 touch:px-2 py-[3px] rounded-large text-body pane:hover:bg-hover focus-visible:bg-hover";

export type MessageRowProps = {
  message: Message;
  name: string;
  /** First of its group: it carries the author. */
  head: boolean;
  own: boolean;
  /** The one message that Tab reaches; arrow keys move it. */
  focusable: boolean;
};

/** One message. */
export const MessageRow = memo(function MessageRow({ message, name, head, own, focusable }: MessageRowProps) {
  const bodyId = useId();
  const time = clockTime(message.sentAt);
  const clock = (
    <time dateTime={new Date(message.sentAt).toISOString()} title={exactTime(message.sentAt)} className="text-micro text-ink-3 tabular-nums">
      {time}
    </time>
  );

  return (
    <div className={head ? "pt-[9px]" : ""}>
      <article
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- arrow keys walk the log, so its messages take the focus
        tabIndex={focusable ? 0 : -1}
        aria-label={strings.conversation.messageLabel(name, time)}
        aria-describedby={bodyId}
        data-message-id={message.messageId}
        data-state={message.state}
        className={ROW}
      >
        {head ? (
          <div className="pt-0.5">
            <Avatar userId={message.author} name={name} />
          </div>
        ) : (
          <div className="text-end leading-(--lead-body) opacity-0 pane:group-hover:opacity-100 group-focus-visible:opacity-100">{clock}</div>
        )}
        <div className="min-w-0">
          {head && (
            <header className="flex items-baseline gap-2 leading-5">
              <b className="min-w-0 truncate foreign font-strong tracking-[-0.008em]">{name}</b>
              {clock}
            </header>
          )}
          <MessageText id={bodyId} text={message.text} end={own && <Delivery state={message.state} />} />
        </div>
      </article>
    </div>
  );
});

export type UnsentRowProps = { unsent: Unsent; userId: string; name: string; onRetry: () => void; onDiscard: () => void };

/** What the engine did not take: the text stays, with the reason and a way to send it after all. */
export function UnsentRow({ unsent, userId, name, onRetry, onDiscard }: UnsentRowProps) {
  const bodyId = useId();
  const words = strings.conversation;
  return (
    <div className="pt-[9px]">
      <article aria-label={words.messageLabel(name, words.notSent)} aria-describedby={bodyId} data-state="failed" className={ROW}>
        <div className="pt-0.5">
          <Avatar userId={userId} name={name} />
        </div>
        <div className="min-w-0">
          <header className="flex items-baseline gap-2 leading-5">
            <b className="min-w-0 truncate foreign font-strong tracking-[-0.008em]">{name}</b>
          </header>
          <MessageText id={bodyId} text={unsent.text} />
          <p role="alert" className="flex items-start gap-1.5 mt-1 text-small text-danger">
            <CircleAlert aria-hidden="true" className="flex-none size-3.5 mt-px" />
            <span className="min-w-0 foreign">
              {words.notSent} {unsent.error.message}
            </span>
          </p>
          <div className="flex gap-2 mt-1.5 mb-1">
            <Button className="h-7 px-2.5 text-small" disabled={unsent.retrying} onClick={onRetry}>
              {unsent.retrying ? words.sending : strings.tryAgain}
            </Button>
            <Button tone="quiet" className="h-7 px-2.5 text-small" disabled={unsent.retrying} onClick={onDiscard}>
              {words.discard}
            </Button>
          </div>
        </div>
      </article>
    </div>
  );
}
