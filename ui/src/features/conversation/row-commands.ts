import { useMemo } from "react";
import { toast } from "sonner";
import type { Message, Room } from "@/client/types";
import { copyText } from "@/components/clipboard";
import { focusComposer } from "@/components/focus";
import type { RowCommands } from "@/features/conversation/message-tools";
import { useActions, useAppState } from "@/state/context";
import { linkToMessage } from "@/state/links";
import { strings } from "@/strings/strings";

/** What the rows of a room can ask for. The same object while the room is open, so that rows need not be painted anew. */
export function useRowCommands(room: Room, opens: Pick<RowCommands, "openPicker" | "openMenu">): RowCommands {
  const actions = useActions();
  const refused = useAppState((state) => state.refused);
  const { roomId } = room;
  const { openPicker, openMenu } = opens;

  return useMemo(
    () => ({
      openPicker,
      openMenu,
      react: (message, emoji, on) => actions.react(roomId, message.messageId, emoji, on),
      reply: (message) => {
        actions.setReply(roomId, message.messageId);
        focusComposer();
      },
      edit: (message) => actions.setEditor(message.messageId, message.text),
      remove: (message) => actions.show({ kind: "deleteMessage", roomId, messageId: message.messageId }),
      pin: (message) => actions.pin(roomId, message.messageId, !message.pinned),
      copyText: (message) => copy(message.text, strings.conversation.messageCopied),
      copyLink: (message: Message) => copy(linkToMessage(roomId, message.messageId), strings.tools.linkCopied),
      markUnread: (message) => actions.markUnread(roomId, message.messageId),
      receipts: (message) => actions.show({ kind: "receipts", roomId, messageId: message.messageId }),
      jump: (messageId) => void actions.jumpTo(roomId, messageId),
      tryAgain: (message) => {
        const held = refused.get(message.messageId);
        if (held !== undefined) actions.changeAgain(held.change);
      },
      dismiss: (message) => actions.forgetRefusal(message.messageId),
    }),
    [actions, roomId, refused, openPicker, openMenu],
  );
}

function copy(text: string, done: string): void {
  void copyText(text).then((copied) => (copied ? toast(done) : toast.error(strings.notCopied)));
}
