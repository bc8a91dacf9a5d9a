import type { LucideIcon } from "lucide-react";
import { Check } from "lucide-react";
import { DropdownMenu } from "radix-ui";
import type { ComponentProps, ReactNode } from "react";

const ITEM =
  "flex items-center gap-2.5 h-8 touch:h-9 px-2 rounded-[6px] cursor-default outline-none text-ink data-highlighted:bg-selected data-highlighted:shadow-none [&_svg]:size-4 [&_svg]:stroke-[1.75] [&_svg]:text-ink-2";

export type MenuProps = {
  trigger: ReactNode;
  align?: "start" | "center" | "end";
  side?: "top" | "bottom";
  children: ReactNode;
};

/** A list of commands under a button. */
export function Menu({ trigger, align = "end", side = "bottom", children }: MenuProps) {
  return (
    <DropdownMenu.Root>
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          align={align}
          side={side}
          sideOffset={6}
          collisionPadding={8}
          className="floats z-50 min-w-[200px] max-w-[320px] p-1 rounded-large border border-line bg-raised shadow-2 [--under:var(--raised)]"
        >
          {children}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

export function MenuItem({ icon: Icon, danger = false, children, ...rest }: ComponentProps<typeof DropdownMenu.Item> & { icon: LucideIcon; danger?: boolean }) {
  return (
    <DropdownMenu.Item className={`${ITEM} ${danger ? "text-danger [&_svg]:text-danger" : ""}`} {...rest}>
      <Icon aria-hidden="true" />
      {children}
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
          <DropdownMenu.RadioItem key={option.value} value={option.value} className={ITEM}>
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

export function MenuLine() {
  return <DropdownMenu.Separator className="h-px my-1 -mx-1 bg-line" />;
}
