import { CircleAlert } from "lucide-react";
import { useEffect, useId, useRef } from "react";
import type { Message, Room } from "@/client/types";
import { Button } from "@/components/button";
import { focusComposer } from "@/components/focus";
import { TextBox } from "@/features/conversation/text-box";
import { useActions } from "@/state/context";
import type { Editor } from "@/state/state";
import { strings } from "@/strings/strings";

const words = strings.editor;

/** A message written anew in its place. What is typed is kept until it was taken or thrown away. */
export function MessageEditor({ room, message, editor }: { room: Room; message: Message; editor: Editor }) {
  const actions = useActions();
  const id = useId();
  const box = useRef<HTMLTextAreaElement>(null);

  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    element.focus({ preventScroll: true });
    element.setSelectionRange(element.value.length, element.value.length);
    element.scrollIntoView({ block: "nearest" });
  }, []);

  function close(): void {
    actions.setEditor(message.messageId, null);
    focusComposer();
  }

  function save(): void {
    const text = editor.text.replace(/\s+$/u, "");
    // Emptied: that is a wish to delete, and asked as one.
    if (text.trim() === "") actions.show({ kind: "deleteMessage", roomId: room.roomId, messageId: message.messageId });
    else if (text === message.text) close();
    else {
      actions.edit(room.roomId, message.messageId, text);
      focusComposer();
    }
  }

  return (
    <div className="my-1">
      <div className="rounded-large border border-line-strong bg-raised focus-within:border-[color-mix(in_oklch,var(--text-3)_55%,transparent)]">
        <TextBox
          ref={box}
          room={room}
          label={words.label}
          text={editor.text}
          onText={(text) => actions.setEditor(message.messageId, text)}
          onEnter={save}
          onEscape={close}
          describedBy={editor.error === null ? undefined : `${id}-refused`}
        />
      </div>
      {editor.error !== null && (
        <p id={`${id}-refused`} role="alert" className="flex items-start gap-1.5 mt-1 text-small text-danger">
          <CircleAlert aria-hidden="true" className="flex-none size-3.5 mt-px" />
          <span className="min-w-0 foreign">{words.refused(editor.error.message)}</span>
        </p>
      )}
      <div className="flex items-center gap-2 mt-1.5 mb-1">
        <span className="flex-1 text-small text-ink-3 touch:hidden">{words.hint}</span>
        <Button className="h-7 px-2.5 text-small" onClick={close}>
          {strings.cancel}
        </Button>
        <Button tone="main" className="h-7 px-2.5 text-small" onClick={save}>
          {words.save}
        </Button>
      </div>
    </div>
  );
}
