import { Check, CheckCheck, Clock3, type LucideIcon } from "lucide-react";
import type { DeliveryState } from "@/client/types";
import { strings } from "@/strings/strings";

const ICONS: Readonly<Record<DeliveryState, LucideIcon>> = { stored: Clock3, relayed: Check, delivered: CheckCheck, read: CheckCheck };

/** How far one's own message has got. In words too while it has not left this device. */
export function Delivery({ state }: { state: DeliveryState }) {
  const Icon = ICONS[state];
  const word = strings.delivery[state];
  return (
    <span
      role="img"
      aria-label={word}
      title={word}
      className={`inline-flex items-center gap-1 ms-1.5 align-[-2px] text-micro whitespace-nowrap ${state === "read" ? "text-accent-text" : "text-ink-3"}`}
    >
      <Icon aria-hidden="true" className="size-3.5" />
      {state === "stored" && <span aria-hidden="true">{word}</span>}
    </span>
  );
}
