import { useRef } from "react";
import type { Call, Room } from "@/client/types";
import { useBox } from "@/components/box";
import { arrange, ASPECT, bestGrid, seatsOf, stripFor, type Arrangement, type Seat } from "@/features/call/arrange";
import { CallControls } from "@/features/call/controls";
import { Lasting, Problem, Refused } from "@/features/call/parts";
import { Tile } from "@/features/call/tile";
import { useAppState } from "@/state/context";
import { ownAccount } from "@/state/selectors";
import { strings } from "@/strings/strings";

const words = strings.call;
const GAP = 8;

/** A call with pictures: everybody in it, above the conversation of its room or over it. */
export function CallStage({ room, call }: { room: Room; call: Call }) {
  const own = useAppState(ownAccount);
  const look = useAppState((state) => state.calls.look);
  const speaker = useAppState((state) => state.calls.speaker);
  const refused = useAppState((state) => (state.calls.refused?.roomId === room.roomId ? state.calls.refused.error : null));
  const area = useRef<HTMLDivElement>(null);
  const box = useBox(area);
  const seats = own === null ? [] : seatsOf(call, own);
  const arranged = arrange(seats, look, speaker, call.camera);
  return (
    <section
      aria-label={words.region(room.name)}
      className={`flex flex-col flex-none bg-bg [--under:var(--bg)] ${look.large ? "absolute z-10 inset-x-0 bottom-0 top-[52px]" : "h-[46%] min-h-[240px] max-h-[calc(100%-230px)] border-b border-line"}`}
    >
      <div ref={area} className="relative flex-1 min-h-0 m-2 mb-0">
        {box.width > 0 && <Places call={call} arranged={arranged} width={box.width} height={box.height} />}
      </div>
      {(call.sound?.problem !== undefined || call.picture?.problem !== undefined || refused !== null) && (
        <div className="flex-none pt-1.5">
          {call.sound?.problem !== undefined && <Problem sentence={call.sound.problem} />}
          {call.picture?.problem !== undefined && <Problem sentence={call.picture.problem} />}
          {refused !== null && <Refused error={refused} />}
        </div>
      )}
      <div className="flex items-center gap-2 flex-none min-h-[46px] px-3 touch:px-2">
        <p role="status" className="flex-1 min-w-0 truncate text-small text-ink-3 tabular-nums">
          {call.screen ? words.showing : call.part === "calling" ? words.calling : call.participants.length === 0 ? words.alone : <Lasting since={call.since} />}
        </p>
        <CallControls call={call} pictures />
        <span className="flex-1 touch:hidden" />
      </div>
    </section>
  );
}

function Places({ call, arranged, width, height }: { call: Call; arranged: Arrangement; width: number; height: number }) {
  const { large, rest, corner } = arranged;
  return (
    <>
      {large === null ? <Everybody call={call} seats={rest} width={width} height={height} /> : <Focus call={call} large={large} rest={rest} width={width} height={height} />}
      {corner !== null && <Corner call={call} seat={corner} width={width} height={height} />}
    </>
  );
}

function Everybody({ call, seats, width, height }: { call: Call; seats: readonly Seat[]; width: number; height: number }) {
  const grid = bestGrid(seats.length, width, height, GAP);
  return (
    <ul aria-label={words.people} className="flex flex-wrap place-content-center justify-center size-full gap-2 mx-auto" style={{ maxWidth: grid.columns * (grid.width + GAP) }}>
      {seats.map((seat) => (
        <Tile key={seat.key} call={call} seat={seat} width={grid.width} height={grid.height} pinnable={seats.length > 1} />
      ))}
    </ul>
  );
}

function Focus({ call, large, rest, width, height }: { call: Call; large: Seat; rest: readonly Seat[]; width: number; height: number }) {
  const { side, tile } = stripFor(rest.length, width, height, GAP);
  const strip = rest.length === 0 ? 0 : (side === "end" ? tile.width : tile.height) + GAP;
  const room = side === "end" ? { width: width - strip, height } : { width, height: height - strip };
  // A screen has the shape that it has; a face is framed.
  const face = bestGrid(1, room.width, room.height, 0, ASPECT);
  const size = large.source === "screen" ? { width: Math.floor(room.width), height: Math.floor(room.height) } : face;
  return (
    <ul aria-label={words.people} className={`flex size-full gap-2 items-center justify-center ${side === "end" ? "" : "flex-col"}`}>
      <Tile key={large.key} call={call} seat={large} width={size.width} height={size.height} />
      {rest.length > 0 && (
        <li className={`flex-none scroller ${side === "end" ? "max-h-full overflow-y-auto" : "max-w-full overflow-x-auto"}`} style={side === "end" ? { width: tile.width } : { height: tile.height }}>
          <ul aria-label={words.others} className={`flex gap-2 ${side === "end" ? "flex-col" : ""}`}>
            {rest.map((seat) => (
              <Tile key={seat.key} call={call} seat={seat} width={tile.width} height={tile.height} />
            ))}
          </ul>
        </li>
      )}
    </ul>
  );
}

/** Oneself, over the end of the others. */
function Corner({ call, seat, width, height }: { call: Call; seat: Seat; width: number; height: number }) {
  const side = Math.round(Math.max(88, Math.min(220, width * 0.22, (height * ASPECT) / 3)));
  return (
    <ul aria-label={words.you}>
      <Tile call={call} seat={seat} width={side} height={Math.round(side / ASPECT)} pinnable={false} className="absolute! bottom-0 end-0 shadow-2" />
    </ul>
  );
}
