import { CircleAlert, Pin, Trash } from "lucide-react";
import { memo, useId, useState } from "react";
import type { Message, Room } from "@/client/types";
import { Avatar } from "@/components/avatar";
import { exactTime } from "@/components/clock";
import { Button } from "@/components/button";
import { CallEntry } from "@/features/conversation/call-entry";
import { Delivery } from "@/features/conversation/delivery";
import { MessageEditor } from "@/features/conversation/message-editor";
import { MessageText } from "@/features/conversation/message-text";
import { ToolStrip, type RowCommands } from "@/features/conversation/message-tools";
import { Quote } from "@/features/conversation/quote";
import { Reactions } from "@/features/conversation/reactions";
import { clockTime } from "@/features/conversation/times";
import { useAppState } from "@/state/context";
import { mentionsMe, sayerOf, toolsFor } from "@/state/selectors";
import { strings } from "@/strings/strings";
import type { Unsent } from "@/state/state";

const words = strings.conversation;

const ROW =
  "group relative grid grid-cols-[34px_minmax(0,1fr)] gap-x-3 touch:gap-x-2 max-w-[1320px] -mx-3 touch:-mx-2 px-3 touch:px-2 py-[3px] rounded-large text-body pane:hover:bg-hover focus-visible:bg-hover has-focus-visible:bg-hover data-flash:bg-accent-soft transition-colors duration-(--normal)";

export type MessageRowProps = {
  room: Room;
  message: Message;
  name: string;
  ownId: string;
  /** First of its group: it carries the author. */
  head: boolean;
  /** What it answers; absent where it answers nothing, `null` where that is not held. */
  origin: Message | null | undefined;
  /** The one message that Tab reaches; arrow keys move it. */
  focusable: boolean;
  /** Somebody was just led here. */
  flash: boolean;
  commands: RowCommands;
};

/** One message. */
export const MessageRow = memo(function MessageRow({ room, message, name, ownId, head, origin, focusable, flash, commands }: MessageRowProps) {
  const bodyId = useId();
  const editor = useAppState((state) => state.editors.get(message.messageId));
  const refused = useAppState((state) => state.refused.get(message.messageId));
  // The strip is made for the row that is looked at, and for no other of hundreds.
  const [attended, setAttended] = useState({ pointer: false, focus: false });
  const own = message.author === ownId;
  const deleted = message.deletedAt !== undefined;
  const tools = toolsFor(room, message, ownId);
  const time = clockTime(message.sentAt);
  const clock = (
    <time dateTime={new Date(message.sentAt).toISOString()} title={exactTime(message.sentAt)} className="text-micro text-ink-3 tabular-nums">
      {time}
    </time>
  );

  return (
    <div className={head ? "pt-[9px]" : ""}>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- it only takes note of where the pointer and the focus are */}
      <article
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- arrow keys walk the log, so its messages take the focus
        tabIndex={focusable ? 0 : -1}
        aria-label={words.messageLabel(name, time)}
        aria-describedby={editor === undefined ? bodyId : undefined}
        data-message-id={message.messageId}
        data-state={message.state}
        data-flash={flash || undefined}
        onPointerEnter={() => setAttended({ ...attended, pointer: true })}
        onPointerLeave={() => setAttended({ ...attended, pointer: false })}
        onFocus={() => setAttended((before) => (before.focus ? before : { ...before, focus: true }))}
        onBlur={() => setAttended((before) => ({ ...before, focus: false }))}
        className={`${ROW} ${mentionsMe(message, ownId) ? "before:absolute before:start-0 before:inset-y-1.5 before:w-0.5 before:rounded-round before:bg-accent" : ""}`}
      >
        {head ? (
          <div className="pt-0.5">
            <Avatar userId={sayerOf(message)} name={name} />
          </div>
        ) : (
          <div className="text-end leading-(--lead-body) opacity-0 pane:group-hover:opacity-100 group-focus-visible:opacity-100 group-has-focus-visible:opacity-100">{clock}</div>
        )}
        <div className="min-w-0">
          {head && (
            <header className="flex items-baseline gap-2 leading-5">
              <b className="min-w-0 truncate foreign font-strong tracking-[-0.008em]">{name}</b>
              {clock}
            </header>
          )}
          {message.pinned && (
            <p className="flex items-center gap-1 text-micro text-ink-3">
              <Pin aria-hidden="true" className="size-3" />
              {words.pinnedMark}
            </p>
          )}
          {origin !== undefined && !deleted && <Quote origin={origin} onJump={() => message.replyTo !== undefined && commands.jump(message.replyTo)} />}
          {deleted ? (
            <DeletedMark id={bodyId} message={message} />
          ) : message.call !== undefined ? (
            <CallEntry id={bodyId} room={room} call={message.call} ownId={ownId} />
          ) : editor !== undefined ? (
            <MessageEditor room={room} message={message} editor={editor} />
          ) : (
            <MessageText
              id={bodyId}
              text={message.text}
              mentions={message.mentionsRoom || message.mentions.length > 0 ? { userIds: message.mentions, room: message.mentionsRoom } : NO_MENTIONS}
              end={
                <>
                  {message.editedAt !== undefined && <EditedMark at={message.editedAt} />}
                  {own && <Delivery state={message.state} />}
                </>
              }
            />
          )}
          {refused !== undefined && (
            <div role="alert" className="flex flex-wrap items-center gap-x-2 gap-y-1 my-1 text-small text-danger">
              <CircleAlert aria-hidden="true" className="flex-none size-3.5" />
              <span className="min-w-0 foreign">
                {words.notChanged} {refused.error.message}
              </span>
              <Button className="h-7 px-2.5 text-small" onClick={() => commands.tryAgain(message)}>
                {strings.tryAgain}
              </Button>
              <Button tone="quiet" className="h-7 px-2.5 text-small" onClick={() => commands.dismiss(message)}>
                {words.dismiss}
              </Button>
            </div>
          )}
          {message.reactions.length > 0 && !deleted && (
            <Reactions
              reactions={message.reactions}
              ownId={ownId}
              may={tools.react}
              onToggle={(emoji, on) => commands.react(message, emoji, on)}
              onAdd={(anchor) => commands.openPicker(message, anchor)}
            />
          )}
        </div>
        {(attended.pointer || attended.focus) && editor === undefined && <ToolStrip message={message} tools={tools} commands={commands} />}
      </article>
    </div>
  );
});

const NO_MENTIONS = { userIds: [], room: false };

function EditedMark({ at }: { at: number }) {
  return (
    <time dateTime={new Date(at).toISOString()} title={words.editedAt(exactTime(at))} className="ms-1.5 text-micro text-ink-3 whitespace-nowrap">
      {words.edited}
    </time>
  );
}

/** What is left of a message that was deleted: that there was one, and who took it away. */
function DeletedMark({ id, message }: { id: string; message: Message }) {
  const by = useAppState((state) => (message.deletedBy === undefined || message.deletedBy === message.author ? null : (state.people.get(message.deletedBy)?.displayName ?? strings.somebody)));
  return (
    <p id={id} title={message.deletedAt === undefined ? undefined : exactTime(message.deletedAt)} className="flex items-center gap-1.5 min-w-0 leading-(--lead-body) text-ink-3">
      <Trash aria-hidden="true" className="flex-none size-3.5 stroke-[1.75]" />
      <span className="truncate foreign italic">{by === null ? words.deleted : words.deletedByOther(by)}</span>
    </p>
  );
}

export type UnsentRowProps = { unsent: Unsent; userId: string; name: string; onRetry: () => void; onDiscard: () => void };

/** What the engine did not take: the text stays, with the reason and a way to send it after all. */
export function UnsentRow({ unsent, userId, name, onRetry, onDiscard }: UnsentRowProps) {
  const bodyId = useId();
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
