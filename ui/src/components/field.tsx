import { ChevronDown, CircleAlert } from "lucide-react";
import { useId, type ComponentProps, type ReactNode } from "react";

export type FieldProps = Omit<ComponentProps<"input">, "onChange" | "value" | "id"> & {
  label: string;
  value: string;
  onValue: (value: string) => void;
  hint?: string;
  /** What is wrong with the value; it takes the hint's place. */
  problem?: string | undefined;
  /** A control at the end of the box. */
  end?: ReactNode;
};

const BOX =
  "w-full px-3 rounded-control bg-raised dark:bg-surface border border-line-strong text-body text-ink placeholder:text-ink-3 transition-colors duration-(--fast) hover:border-ink-3 focus-visible:border-accent focus-visible:outline-none focus-visible:shadow-[0_0_0_1px_var(--accent)] aria-invalid:border-danger";

/** One line of text with its name above and a word of help, or of what is wrong, below. */
export function Field({ label, value, onValue, hint, problem, end, className = "", ...rest }: FieldProps) {
  const id = useId();
  const note = problem ?? hint;
  return (
    <div className={className}>
      <label htmlFor={id} className="block mb-1 font-medium text-ink">
        {label}
      </label>
      <div className="relative">
        <input
          id={id}
          value={value}
          onChange={(event) => onValue(event.target.value)}
          aria-invalid={problem !== undefined || undefined}
          aria-describedby={note === undefined ? undefined : `${id}-note`}
          className={`${BOX} h-9 ${end === undefined ? "" : "pe-10"}`}
          {...rest}
        />
        {end !== undefined && <div className="absolute inset-y-0 end-[3px] grid place-items-center">{end}</div>}
      </div>
      {note !== undefined && (
        <p id={`${id}-note`} aria-live="polite" className={`mt-1 text-small ${problem === undefined ? "text-ink-3" : "text-danger"}`}>
          {note}
        </p>
      )}
    </div>
  );
}

export type LinesProps = Omit<ComponentProps<"textarea">, "onChange" | "value" | "id"> & {
  label: string;
  value: string;
  onValue: (value: string) => void;
  /** What is wrong with the value. */
  problem?: string | undefined;
};

/** A few lines of text, otherwise as `Field`. */
export function Lines({ label, value, onValue, problem, rows = 3, ...rest }: LinesProps) {
  const id = useId();
  return (
    <div>
      <label htmlFor={id} className="block mb-1 font-medium text-ink">
        {label}
      </label>
      <textarea
        id={id}
        dir="auto"
        value={value}
        rows={rows}
        onChange={(event) => onValue(event.target.value)}
        aria-invalid={problem !== undefined || undefined}
        aria-describedby={problem === undefined ? undefined : `${id}-note`}
        className={`${BOX} block py-2 resize-none overflow-y-auto scroller`}
        {...rest}
      />
      {problem !== undefined && (
        <p id={`${id}-note`} aria-live="polite" className="mt-1 text-small text-danger">
          {problem}
        </p>
      )}
    </div>
  );
}

export type PickProps<T extends string> = {
  label: string;
  value: T;
  onValue: (value: T) => void;
  options: readonly { value: T; label: string }[];
  className?: string;
};

/** One of a few; the system's own list, so that every keyboard and screen reader knows it. */
export function Pick<T extends string>({ label, value, onValue, options, className = "" }: PickProps<T>) {
  const id = useId();
  return (
    <div className={className}>
      <label htmlFor={id} className="block mb-1 font-medium text-ink">
        {label}
      </label>
      <div className="relative">
        <select
          id={id}
          value={value}
          onChange={(event) => {
            const picked = options.find((option) => option.value === event.target.value);
            if (picked !== undefined) onValue(picked.value);
          }}
          className={`${BOX} h-9 appearance-none pe-8`}
        >
          {options.map((option) => (
            <option key={option.value} value={option.value}>
              {option.label}
            </option>
          ))}
        </select>
        <ChevronDown aria-hidden="true" className="absolute end-2.5 top-2.5 size-4 stroke-[1.75] text-ink-3 pointer-events-none" />
      </div>
    </div>
  );
}

/** A refusal, in place where it happened. */
export function Refusal({ children }: { children: string }) {
  return (
    <p role="alert" className="flex gap-2 mt-4 px-3 py-2 rounded-control bg-danger-soft text-danger foreign">
      <CircleAlert aria-hidden="true" className="flex-none size-4 mt-px" />
      {children}
    </p>
  );
}
