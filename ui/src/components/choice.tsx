import type { LucideIcon } from "lucide-react";
import { RadioGroup } from "radix-ui";
import { useId, type ReactNode } from "react";

export type ChoiceProps<T extends string> = {
  label: string;
  value: T;
  onValue: (value: T) => void;
  options: readonly { value: T; label: string; hint: string; icon: LucideIcon }[];
};

/** One of two or three that need a sentence each. Arrow keys move. */
export function Choice<T extends string>({ label, value, onValue, options }: ChoiceProps<T>) {
  const id = useId();
  return (
    <div>
      <p id={id} className="mb-1 font-medium">
        {label}
      </p>
      <RadioGroup.Root aria-labelledby={id} value={value} onValueChange={(picked) => onValue(picked as T)} className="grid gap-1.5">
        {options.map((option) => (
          <ChoiceRow key={option.value} value={option.value} label={option.label} icon={option.icon} hintId={`${id}-${option.value}`}>
            <span className="block font-medium">{option.label}</span>
            <span id={`${id}-${option.value}`} className="block text-small text-ink-2">
              {option.hint}
            </span>
          </ChoiceRow>
        ))}
      </RadioGroup.Root>
    </div>
  );
}

export type ChoiceRowProps = { value: string; label: string; icon: LucideIcon; hintId?: string; children: ReactNode };

/** One of those that can be chosen, in a Radix `RadioGroup`. */
export function ChoiceRow({ value, label, icon: Icon, hintId, children }: ChoiceRowProps) {
  return (
    <RadioGroup.Item
      value={value}
      aria-label={label}
      aria-describedby={hintId}
      className="group flex items-center gap-3 min-w-0 px-3 py-2 rounded-control border border-line-strong text-start transition-colors duration-(--fast) hover:bg-hover data-[state=checked]:border-accent data-[state=checked]:bg-accent-soft"
    >
      <Icon aria-hidden="true" className="flex-none size-4 stroke-[1.75] text-ink-3 group-data-[state=checked]:text-accent-text" />
      <span className="min-w-0">{children}</span>
    </RadioGroup.Item>
  );
}
