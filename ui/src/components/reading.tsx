import { Button } from "@/components/button";

/** A list that is on its way: a line under the head that it fills below, after a moment. */
export function Loading() {
  return (
    <div className="relative flex-1" aria-busy="true">
      <div className="loading-line" />
    </div>
  );
}

export type FailedProps = {
  sentence: string;
  /** What the button says. */
  action: string;
  onRetry: () => void;
  /** In the middle of a pane, or at the beginning of a list. */
  middle?: boolean;
};

/** What could not be read, why, and a way to try again. */
export function Failed({ sentence, action, onRetry, middle = false }: FailedProps) {
  return (
    <div role="alert" className={`flex-1 text-ink-2 ${middle ? "grid place-content-center justify-items-center gap-3 p-6 text-center text-body" : "px-5 py-2"}`}>
      <p className="max-w-[420px] foreign">{sentence}</p>
      <Button className={middle ? "" : "mt-3"} onClick={onRetry}>
        {action}
      </Button>
    </div>
  );
}
