import { useRef } from "react";
import type { Call } from "@/client/types";
import { useBox } from "@/components/box";
import { arrange, seatsOf, type Arrangement, type Seat } from "@/features/call/arrange";
import { layOut } from "@/features/call/layout";
import { Tile } from "@/features/call/tile";
import { useAppState } from "@/state/context";
import { ownAccount } from "@/state/selectors";
import { strings } from "@/strings/strings";

const GAP = 8;

/** Who is in a call's pictures, and how they are arranged. */
export function useArrangement(call: Call): { seats: readonly Seat[]; arranged: Arrangement } {
  const own = useAppState(ownAccount);
  const look = useAppState((state) => state.calls.look);
  const speaker = useAppState((state) => state.calls.speaker);
  const seats = own === null ? [] : seatsOf(call, own);
  return { seats, arranged: arrange(seats, look, speaker, call.camera) };
}

/** Everybody in a call with pictures, in as much room as there is. */
export function CallStage({ call }: { call: Call }) {
  const { seats, arranged } = useArrangement(call);
  const area = useRef<HTMLUListElement>(null);
  const box = useBox(area);
  const placed = box.width === 0 ? [] : layOut(seats, arranged, box, GAP);
  // Alone, or with oneself in the corner, it is as large as it can be.
  const canGrow = arranged.rest.length > 1;
  return (
    <ul ref={area} aria-label={strings.call.people} className="relative flex-1 min-h-0 m-2 mb-0">
      {placed.map(({ seat, place, as }) => (
        <Tile key={seat.key} call={call} seat={seat} place={place} pinnable={as !== "corner" && (as !== "one" || canGrow)} className={as === "corner" ? "shadow-2" : ""} />
      ))}
    </ul>
  );
}
