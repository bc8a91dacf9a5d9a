import { Ellipsis, Link, MailOpen, Pencil, Pin, PinOff, Reply, SmilePlus, Trash, Copy, Users } from "lucide-react";
import type { Message } from "@/client/types";
import { IconButton } from "@/components/icon-button";
import { AnchoredMenu, MenuItem, MenuLine, type AnchoredMenuProps } from "@/components/menu";
import type { MessageTools } from "@/state/selectors";
import { strings } from "@/strings/strings";

const words = strings.tools;

/** What can be done with a message. Each has a key in the log; the menu names it. */
export type RowCommands = {
  openPicker: (message: Message, anchor: Element) => void;
  react: (message: Message, emoji: string, on: boolean) => void;
  reply: (message: Message) => void;
  edit: (message: Message) => void;
  remove: (message: Message) => void;
  pin: (message: Message) => void;
  copyText: (message: Message) => void;
  copyLink: (message: Message) => void;
  markUnread: (message: Message) => void;
  receipts: (message: Message) => void;
  /** `anchor` is the message's row, for what opens after the menu. */
  openMenu: (message: Message, at: AnchoredMenuProps["at"], anchor: Element | null) => void;
  jump: (messageId: string) => void;
  tryAgain: (message: Message) => void;
  dismiss: (message: Message) => void;
};

/** Keys of the commands while a message has the focus. */
export const TOOL_KEYS = { react: "E", reply: "R", edit: "F2", remove: "Delete", pin: "P", copyText: "C", copyLink: "L", markUnread: "U", receipts: "I", menu: "M" } as const;

const STRIP =
  "absolute z-10 -top-[14px] end-3 touch:end-1 flex p-0.5 rounded-[9px] border border-line bg-raised shadow-2 transition-opacity duration-(--fast) opacity-0 pointer-events-none pane:group-hover:opacity-100 pane:group-hover:pointer-events-auto group-focus-visible:opacity-100 group-focus-visible:pointer-events-auto group-has-focus-visible:opacity-100 group-has-focus-visible:pointer-events-auto touch:opacity-100 touch:pointer-events-auto";
const TOOL = "size-[26px]! touch:size-9! [&_svg]:size-4!";

/** The strip over a message. It lies over the text and never moves it. */
export function ToolStrip({ message, tools, commands }: { message: Message; tools: MessageTools; commands: RowCommands }) {
  return (
    <div role="toolbar" aria-label={words.label} className={STRIP}>
      {tools.react && (
        <IconButton label={words.react} keys={[TOOL_KEYS.react]} data-control="" tabIndex={-1} className={TOOL} onClick={(event) => commands.openPicker(message, event.currentTarget)}>
          <SmilePlus aria-hidden="true" />
        </IconButton>
      )}
      {tools.reply && (
        <IconButton label={words.reply} keys={[TOOL_KEYS.reply]} data-control="" tabIndex={-1} className={TOOL} onClick={() => commands.reply(message)}>
          <Reply aria-hidden="true" className="rtl:-scale-x-100" />
        </IconButton>
      )}
      <IconButton
        label={words.more}
        keys={[TOOL_KEYS.menu]}
        data-control=""
        tabIndex={-1}
        className={TOOL}
        onClick={(event) => {
          const { x, y, width, height } = event.currentTarget.getBoundingClientRect();
          commands.openMenu(message, { x, y, width, height }, event.currentTarget.closest("article"));
        }}
      >
        <Ellipsis aria-hidden="true" />
      </IconButton>
    </div>
  );
}

export type MessageMenuProps = { message: Message; tools: MessageTools; commands: RowCommands; at: AnchoredMenuProps["at"]; anchor: Element | null; onClose: () => void; onClosed: () => void };

/** Everything that can be done with a message. */
export function MessageMenu({ message, tools, commands, at, anchor, onClose, onClosed }: MessageMenuProps) {
  const alive = message.deletedAt === undefined;
  return (
    <AnchoredMenu at={at} label={words.menu} onClose={onClose} onClosed={onClosed}>
      {tools.react && (
        <MenuItem icon={SmilePlus} keys={[TOOL_KEYS.react]} onChoose={() => anchor !== null && commands.openPicker(message, anchor)}>
          {words.react}
        </MenuItem>
      )}
      {tools.reply && (
        <MenuItem icon={Reply} keys={[TOOL_KEYS.reply]} onChoose={() => commands.reply(message)}>
          {words.reply}
        </MenuItem>
      )}
      {tools.edit && (
        <MenuItem icon={Pencil} keys={[TOOL_KEYS.edit]} onChoose={() => commands.edit(message)}>
          {words.edit}
        </MenuItem>
      )}
      {tools.pin && (
        <MenuItem icon={message.pinned ? PinOff : Pin} keys={[TOOL_KEYS.pin]} onChoose={() => commands.pin(message)}>
          {message.pinned ? words.unpin : words.pin}
        </MenuItem>
      )}
      {tools.reply && <MenuLine />}
      {alive && message.call === undefined && (
        <MenuItem icon={Copy} keys={[TOOL_KEYS.copyText]} onChoose={() => commands.copyText(message)}>
          {words.copyText}
        </MenuItem>
      )}
      <MenuItem icon={Link} keys={[TOOL_KEYS.copyLink]} onChoose={() => commands.copyLink(message)}>
        {words.copyLink}
      </MenuItem>
      <MenuItem icon={MailOpen} keys={[TOOL_KEYS.markUnread]} onChoose={() => commands.markUnread(message)}>
        {words.markUnread}
      </MenuItem>
      {alive && (
        <MenuItem icon={Users} keys={[TOOL_KEYS.receipts]} onChoose={() => commands.receipts(message)}>
          {words.receipts}
        </MenuItem>
      )}
      {tools.delete && (
        <>
          <MenuLine />
          <MenuItem icon={Trash} danger keys={["Del"]} onChoose={() => commands.remove(message)}>
            {words.delete}
          </MenuItem>
        </>
      )}
    </AnchoredMenu>
  );
}
