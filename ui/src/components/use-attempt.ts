import { useState } from "react";
import { ApiError } from "@/client/error";

export type Attempt = {
  busy: boolean;
  error: ApiError | null;
  /** Runs it once at a time; a refusal is kept, to be shown where it happened. Answers whether it was done. */
  run: (work: () => Promise<void>) => Promise<boolean>;
};

/** One thing that is tried where a person asked for it, and what came of it. */
export function useAttempt(): Attempt {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  return {
    busy,
    error,
    async run(work) {
      if (busy) return false;
      setBusy(true);
      setError(null);
      try {
        await work();
        return true;
      } catch (thrown) {
        setError(ApiError.from(thrown));
        return false;
      } finally {
        setBusy(false);
      }
    },
  };
}
