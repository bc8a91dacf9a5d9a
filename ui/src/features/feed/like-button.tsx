import { Heart } from "lucide-react";
import type { Ref } from "react";
import { strings } from "@/strings/strings";

/** A like and how many there are. It has the accent where one of them is the reader's. */
export function LikeButton({ liked, count, onLike, ref }: { liked: boolean; count: number; onLike: (on: boolean) => void; ref?: Ref<HTMLButtonElement> }) {
  return (
    <button
      ref={ref}
      type="button"
      data-like
      aria-pressed={liked}
      aria-label={strings.feed.like(count)}
      onClick={() => onLike(!liked)}
      className={`inline-flex items-center gap-1.5 h-7 touch:h-9 px-2 -ms-2 rounded-control text-small tabular-nums transition-colors duration-(--fast) hover:bg-hover ${liked ? "text-accent-text font-medium" : "text-ink-2 hover:text-ink"}`}
    >
      <Heart aria-hidden="true" className={`size-4 stroke-[1.75] ${liked ? "fill-current" : ""}`} />
      {count > 0 && count}
    </button>
  );
}
