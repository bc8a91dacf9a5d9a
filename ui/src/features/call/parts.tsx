// What the call under a room's head and the small one elsewhere have in common.
import { MicOff, TriangleAlert, X } from "lucide-react";
import { useEffect, useState } from "react";
import type { ApiError } from "@/client/error";
import type { Call } from "@/client/types";
import { Avatar } from "@/components/avatar";
import { IconButton } from "@/components/icon-button";
import { useActions, useAppState } from "@/state/context";
import { strings } from "@/strings/strings";

const words = strings.call;

/** What is wrong with what one sends oneself, and what was refused in the call's room. Nothing, as a rule. */
export function Problems({ call, className }: { call: Call; className: string }) {
  const refused = useAppState((state) => (state.calls.refused?.roomId === call.roomId ? state.calls.refused.error : null));
  const sentences = [call.sound?.problem, call.picture?.problem].filter((each) => each !== undefined);
  if (sentences.length === 0 && refused === null) return null;
  return (
    <div className={`grid gap-1 flex-none ${className}`}>
      {sentences.map((sentence) => (
        <Problem key={sentence} sentence={sentence} />
      ))}
      {refused !== null && <Refused error={refused} />}
    </div>
  );
}

function Problem({ sentence }: { sentence: string }) {
  return (
    <p role="status" className="flex items-center gap-2 text-small text-notice foreign">
      <TriangleAlert aria-hidden="true" className="flex-none size-4 stroke-[1.75]" />
      {sentence}
    </p>
  );
}

export function Refused({ error }: { error: ApiError }) {
  const actions = useActions();
  return (
    <div role="alert" className="flex items-center gap-2 text-small text-danger">
      <p className="flex-1 min-w-0 foreign">{error.message}</p>
      <IconButton label={words.dismiss} className="size-7 [&_svg]:size-3.5 text-current" onClick={actions.dismissCallRefusal}>
        <X aria-hidden="true" />
      </IconButton>
    </div>
  );
}

export function Muted({ className = "size-4 text-ink-3" }: { className?: string }) {
  return <MicOff role="img" aria-label={words.muted} className={`flex-none stroke-[1.75] ${className}`} />;
}

/** Somebody's square, with a ring while they speak. */
export function Face({ userId, name, speaking, size = 28 }: { userId: string; name: string; speaking: boolean; size?: number }) {
  return (
    <span className={`flex-none rounded-[34%] transition-shadow duration-(--fast) ${speaking ? "shadow-[0_0_0_2px_var(--under),0_0_0_4px_var(--ok-dot)]" : ""}`}>
      <Avatar userId={userId} name={name} size={size} />
      {speaking && <span className="sr-only">{words.speaking}</span>}
    </span>
  );
}

/** How long it has lasted. */
export function Lasting({ since }: { since: number }) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.max(0, Math.floor((now - since) / 1_000));
  const two = (n: number): string => String(n).padStart(2, "0");
  const hours = Math.floor(seconds / 3_600);
  return <span aria-hidden="true">{`${hours > 0 ? `${hours}:` : ""}${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`}</span>;
}
