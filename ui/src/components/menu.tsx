import type { LucideIcon } from "lucide-react";
import { Check } from "lucide-react";
import { DropdownMenu } from "radix-ui";
import { createContext, use, useCallback, useRef, type ReactNode } from "react";
import { Keys } from "@/components/keys";

const ITEM =
  "flex items-center gap-2.5 h-8 touch:h-9 px-2 rounded-[6px] cursor-default outline-none data-highlighted:bg-selected data-highlighted:shadow-none [&_svg]:size-4 [&_svg]:stroke-[1.75]";

/** What was chosen, to be done once the menu is gone and its button has the focus back: a dialog that opens earlier would lose it. */
const ChooseContext = createContext<(run: () => void) => void>((run) => run());

export type MenuProps = {
  trigger: ReactNode;
  align?: "start" | "center" | "end";
  side?: "top" | "bottom";
  children: ReactNode;
};

/** A list of commands under a button. */
export function Menu({ trigger, align = "end", side = "bottom", children }: MenuProps) {
  const chosen = useRef<(() => void) | null>(null);
  const choose = useCallback((run: () => void) => {
    chosen.current = run;
  }, []);
  return (
    // Not modal: what lies around stays readable to a screen reader. And not in a portal: it belongs to the landmark of
    // its button. It is placed against the window, so no pane clips it.
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      <DropdownMenu.Content
        align={align}
        side={side}
        sideOffset={6}
        collisionPadding={8}
        onCloseAutoFocus={() => {
          const run = chosen.current;
          chosen.current = null;
          if (run !== null) queueMicrotask(run);
        }}
        className="floats z-50 font-body text-ui text-start min-w-[200px] max-w-[320px] p-1 rounded-large border border-line bg-raised shadow-2 [--under:var(--raised)]"
      >
        <ChooseContext value={choose}>{children}</ChooseContext>
      </DropdownMenu.Content>
    </DropdownMenu.Root>
  );
}

export type AnchoredMenuProps = {
  /** Where it opens, in pixels of the window: a point, or a button's rectangle. */
  at: { x: number; y: number; width: number; height: number };
  label: string;
  onClose: () => void;
  /** After it is gone: where the focus goes. What was chosen is done after that. */
  onClosed: () => void;
  children: ReactNode;
};

/** A list of commands at a place that is no button of its own: under the pointer, or at one of many alike. */
export function AnchoredMenu({ at, label, onClose, onClosed, children }: AnchoredMenuProps) {
  const chosen = useRef<(() => void) | null>(null);
  const choose = useCallback((run: () => void) => {
    chosen.current = run;
  }, []);
  return (
    <DropdownMenu.Root modal={false} open onOpenChange={(open) => !open && onClose()}>
      <DropdownMenu.Trigger asChild>
        <span aria-hidden="true" className="fixed pointer-events-none" style={{ insetBlockStart: at.y, left: at.x, width: at.width, height: at.height }} />
      </DropdownMenu.Trigger>
      <DropdownMenu.Content
        aria-label={label}
        align={at.width === 0 ? "start" : "end"}
        sideOffset={4}
        collisionPadding={8}
        onCloseAutoFocus={(event) => {
          event.preventDefault();
          onClosed();
          const run = chosen.current;
          chosen.current = null;
          if (run !== null) queueMicrotask(run);
        }}
        className="floats z-50 font-body text-ui text-start min-w-[220px] max-w-[320px] max-h-(--radix-dropdown-menu-content-available-height) overflow-y-auto scroller p-1 rounded-large border border-line bg-raised shadow-2 [--under:var(--raised)]"
      >
        <ChooseContext value={choose}>{children}</ChooseContext>
      </DropdownMenu.Content>
    </DropdownMenu.Root>
  );
}

export type MenuItemProps = { icon: LucideIcon; danger?: boolean; /** What does the same without the menu. */ keys?: readonly string[]; onChoose: () => void; children: ReactNode };

export function MenuItem({ icon: Icon, danger = false, keys, onChoose, children }: MenuItemProps) {
  const choose = use(ChooseContext);
  return (
    <DropdownMenu.Item
      className={`${ITEM} ${danger ? "text-danger [&_svg]:text-danger" : "text-ink [&_svg]:text-ink-2"}`}
      onSelect={() => choose(onChoose)}
    >
      <Icon aria-hidden="true" />
      {children}
      {keys !== undefined && <Keys keys={keys} className="ms-auto ps-4 touch:hidden" />}
    </DropdownMenu.Item>
  );
}

export type MenuChoiceProps<T extends string> = { label: string; value: T; onValue: (value: T) => void; options: readonly { value: T; label: string }[] };

/** One of a few, inside a menu. */
export function MenuChoice<T extends string>({ label, value, onValue, options }: MenuChoiceProps<T>) {
  return (
    <>
      <DropdownMenu.Label className="px-2 pt-1.5 pb-1 text-small font-medium text-ink-3">{label}</DropdownMenu.Label>
      <DropdownMenu.RadioGroup value={value} onValueChange={(picked) => onValue(picked as T)} aria-label={label}>
        {options.map((option) => (
          <DropdownMenu.RadioItem key={option.value} value={option.value} className={`${ITEM} text-ink [&_svg]:text-ink-2`}>
            <span className="grid place-items-center size-4">
              <DropdownMenu.ItemIndicator>
                <Check aria-hidden="true" />
              </DropdownMenu.ItemIndicator>
            </span>
            {option.label}
          </DropdownMenu.RadioItem>
        ))}
      </DropdownMenu.RadioGroup>
    </>
  );
}

/** What the menu is about, above its commands. */
export function MenuHead({ children }: { children: ReactNode }) {
  return <DropdownMenu.Label className="px-2 pt-1.5 pb-1">{children}</DropdownMenu.Label>;
}

export function MenuLine() {
  return <DropdownMenu.Separator className="h-px my-1 -mx-1 bg-line" />;
}
