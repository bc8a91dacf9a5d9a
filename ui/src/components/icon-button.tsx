import { Tooltip } from "radix-ui";
import type { ComponentProps } from "react";
import { Keys } from "@/components/keys";

export type IconButtonProps = ComponentProps<"button"> & {
  /** Its name, also shown on hover and focus. */
  label: string;
  keys?: readonly string[];
  /** Without a tooltip, which is most of what a button costs: for many that only stand there for a moment. */
  bare?: boolean;
};

/** A button that is only a picture: it always has a name, and says it. */
export function IconButton({ label, keys, bare = false, className = "", type = "button", children, ...rest }: IconButtonProps) {
  const button = (
    <button
      data-slot="icon-button"
      type={type}
      aria-label={label}
      className={`grid place-items-center flex-none size-[30px] touch:size-9 rounded-control text-ink-2 transition-colors duration-(--fast) hover:bg-hover hover:text-ink data-[state=open]:bg-hover data-[state=open]:text-ink [&_svg]:size-[17px] [&_svg]:stroke-[1.75] ${className}`}
      {...rest}
    >
      {children}
    </button>
  );
  if (bare) return button;
  return (
    <Tooltip.Root>
      <Tooltip.Trigger asChild>{button}</Tooltip.Trigger>
      <Tooltip.Portal>
        <Tooltip.Content sideOffset={6} collisionPadding={8} className="floats z-50 flex items-center gap-2 px-2 py-1 rounded-control bg-raised border border-line shadow-2 text-small text-ink-2">
          {label}
          {keys !== undefined && <Keys keys={keys} />}
        </Tooltip.Content>
      </Tooltip.Portal>
    </Tooltip.Root>
  );
}
