import { useRef } from "react";
import type { Call } from "@/client/types";
import { useBox } from "@/components/box";
import { arrange, seatsOf } from "@/features/call/arrange";
import { layOut } from "@/features/call/layout";
import { Tile } from "@/features/call/tile";
import { useAppState } from "@/state/context";
import { ownAccount } from "@/state/selectors";
import { strings } from "@/strings/strings";

const GAP = 8;

/** Everybody in a call with pictures, in as much room as there is. */
export function CallStage({ call }: { call: Call }) {
  const own = useAppState(ownAccount);
  const look = useAppState((state) => state.calls.look);
  const speaker = useAppState((state) => state.calls.speaker);
  const area = useRef<HTMLUListElement>(null);
  const box = useBox(area);
  const seats = own === null ? [] : seatsOf(call, own);
  const placed = box.width === 0 ? [] : layOut(seats, arrange(seats, look, speaker, call.camera), box, GAP);
  return (
    <ul ref={area} aria-label={strings.call.people} className="relative flex-1 min-h-0 m-2 mb-0">
      {placed.map(({ seat, place, as }) => (
        <Tile key={seat.key} call={call} seat={seat} place={place} pinnable={as !== "corner" && (as !== "one" || placed.length > 1)} className={as === "corner" ? "shadow-2" : ""} />
      ))}
    </ul>
  );
}
