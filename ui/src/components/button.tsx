import type { ComponentProps } from "react";

export type ButtonProps = ComponentProps<"button"> & { tone?: "main" | "plain" | "quiet" | "danger" };

const BASE =
  "inline-flex items-center justify-center gap-2 h-8 touch:h-9 px-3 rounded-control font-medium whitespace-nowrap select-none transition-[background,color,scale] duration-(--fast) active:scale-[0.98] disabled:opacity-60 disabled:active:scale-100";

// The accent means *you*, and the one main button.
const TONES: Readonly<Record<NonNullable<ButtonProps["tone"]>, string>> = {
  main: "bg-accent text-on-accent hover:bg-accent-hover",
  plain: "bg-raised dark:bg-sunken border border-line-strong text-ink shadow-1 hover:bg-sunken dark:hover:bg-raised",
  quiet: "text-ink-2 hover:bg-hover hover:text-ink",
  danger: "bg-danger-soft text-danger hover:bg-danger hover:text-surface",
};

export function Button({ tone = "plain", className = "", type = "button", ...rest }: ButtonProps) {
  return <button data-slot="button" type={type} className={`${BASE} ${TONES[tone]} ${className}`} {...rest} />;
}
