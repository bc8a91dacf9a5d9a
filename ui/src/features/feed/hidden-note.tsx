import { EyeOff } from "lucide-react";
import type { Hidden } from "@/client/types";
import { exactTime } from "@/components/clock";
import { strings } from "@/strings/strings";

const words = strings.feed;

/** Who hid a post or comment. `reads`: whether the reader still has its words, and so is told who else does. */
export function HiddenNote({ hidden, reads }: { hidden: Hidden; reads: boolean }) {
  return (
    <p title={exactTime(hidden.at)} className="flex items-start gap-2 mt-1 mb-1.5 px-2.5 py-1.5 rounded-control bg-sunken text-small text-ink-2">
      <EyeOff aria-hidden="true" className="flex-none size-4 mt-px stroke-[1.75]" />
      <span className="min-w-0 foreign">
        {words.hiddenBy(hidden.name, hidden.reason)} {reads && words.hiddenFor}
      </span>
    </p>
  );
}
