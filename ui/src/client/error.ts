// A refusal as the screens see it: the engine's kind and sentence, never a stack or a status code.
import type { ErrorKind } from "@/client/types";

const KINDS: readonly ErrorKind[] = ["unauthorized", "forbidden", "not_found", "invalid", "conflict", "rate_limited", "offline", "internal"];

export class ApiError extends Error {
  readonly kind: ErrorKind;
  /** Milliseconds until a repeat can succeed, where the engine knows. */
  readonly retryAfterMs: number | undefined;
  /** How many of something stand in the way, where the sentence names a number. */
  readonly count: number | undefined;

  constructor(kind: ErrorKind, message: string, retryAfterMs?: number, count?: number) {
    super(message);
    this.name = "ApiError";
    this.kind = kind;
    this.retryAfterMs = retryAfterMs;
    this.count = count;
  }

  /** Reads the `error` member of a JSON-RPC answer; what cannot be read is `internal`. */
  static fromJson(json: unknown): ApiError {
    const error = asRecord(json);
    const data = asRecord(error.data);
    const kind = KINDS.find((known) => known === data.kind) ?? "internal";
    return new ApiError(kind, typeof error.message === "string" ? error.message : "", asNumber(data.retryAfterMs), asNumber(data.count));
  }

  /** Anything that was thrown, as a refusal. */
  static from(thrown: unknown): ApiError {
    if (thrown instanceof ApiError) return thrown;
    return new ApiError("internal", thrown instanceof Error ? thrown.message : String(thrown));
  }
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function asNumber(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}
