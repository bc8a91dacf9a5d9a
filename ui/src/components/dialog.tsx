import { X } from "lucide-react";
import { Dialog as Radix } from "radix-ui";
import type { ReactNode } from "react";
import { useFocusReturn } from "@/components/focus";
import { IconButton } from "@/components/icon-button";

export type DialogProps = {
  title: string;
  body?: string;
  /** The name of the button that closes it. */
  closeLabel: string;
  onClose: () => void;
  children: ReactNode;
};

/** A question over the panes. It holds the focus, Esc closes it, and the focus goes back where it came from. */
export function Dialog({ title, body, closeLabel, onClose, children }: DialogProps) {
  const onClosed = useFocusReturn();
  return (
    <Radix.Root open onOpenChange={(open) => !open && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="fades fixed inset-0 z-40 bg-scrim" />
        <Radix.Content
          onCloseAutoFocus={onClosed}
          onOpenAutoFocus={(event) => {
            // What asks for the focus by itself has it already. Else into the dialog, but not onto its first button, which
            // would show its tooltip over it.
            event.preventDefault();
            if (event.currentTarget instanceof HTMLElement) event.currentTarget.focus();
          }}
          tabIndex={-1}
          {...(body === undefined ? { "aria-describedby": undefined } : {})}
          className="floats fixed z-40 inset-x-3 top-[12vh] mx-auto max-w-[440px] max-h-[80vh] overflow-y-auto scroller rounded-[15px] border border-line bg-raised shadow-3 p-5 focus:outline-none [--under:var(--raised)]"
        >
          <div className="flex items-start gap-3">
            <Radix.Title className="flex-1 min-w-0 foreign font-strong text-title tracking-[-0.012em]">{title}</Radix.Title>
            <IconButton label={closeLabel} className="-mt-1 -me-1" onClick={onClose}>
              <X aria-hidden="true" />
            </IconButton>
          </div>
          {body !== undefined && <Radix.Description className="mt-1 mb-4 text-ink-2 foreign">{body}</Radix.Description>}
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

/** The row of buttons at the end of a dialog; the main one last. */
export function DialogActions({ children }: { children: ReactNode }) {
  return <div className="flex flex-wrap justify-end gap-2 mt-5 in-[form.grid]:mt-1">{children}</div>;
}
