import { Button } from "@/components/button";
import { strings } from "@/strings/strings";

/** In the place of a page that is not here yet. */
export function Loading() {
  return (
    <div className="relative flex-1" aria-busy="true">
      <div className="loading-line" />
    </div>
  );
}

/** In the place of a page that could not be had. */
export function Failed({ sentence, onAgain }: { sentence: string; onAgain: () => void }) {
  return (
    <div role="alert" className="flex-1 grid place-content-center justify-items-center gap-3 p-6 text-center">
      <p className="max-w-[420px] text-body text-ink-2 foreign">{sentence}</p>
      <Button onClick={onAgain}>{strings.tryAgain}</Button>
    </div>
  );
}
