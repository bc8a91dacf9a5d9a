import { MicOff, Pin, PinOff } from "lucide-react";
import type { Call } from "@/client/types";
import { Avatar } from "@/components/avatar";
import { IconButton } from "@/components/icon-button";
import { PathBadge } from "@/components/path-badge";
import type { Seat } from "@/features/call/arrange";
import { PictureView } from "@/features/call/picture";
import { problemsOf } from "@/state/call-quality";
import { useActions, useAppState } from "@/state/context";
import { strings } from "@/strings/strings";

const words = strings.call;
/** A narrower tile has room for a name. */
const WIDE = 230;
/** A narrower one is a face and no more. */
const NAMED = 80;

export type TileProps = { call: Call; seat: Seat; width: number; height: number; pinnable?: boolean; className?: string };

/** Somebody in the call: their picture, or their square while there is none, and how they come through. */
export function Tile({ call, seat, width, height, pinnable = true, className = "" }: TileProps) {
  const name = useAppState((state) => state.people.get(seat.userId)?.displayName ?? strings.somebody);
  const participant = call.participants.find(({ deviceId }) => deviceId === seat.deviceId);
  const isScreen = seat.source === "screen";
  const from = seat.own ? call : participant;
  const on = isScreen ? from?.screen === true : from?.camera === true;
  const speaks = !isScreen && from?.mic === true && from.speaking;
  const title = isScreen ? words.screenOf(name) : name;
  // The face's size follows the tile's in steps, so that it does not swim while the window is pulled.
  const face = Math.min(96, Math.max(28, Math.round(Math.min(width, height) / 32) * 12));
  return (
    <li
      data-seat={seat.key}
      data-person={seat.userId}
      style={{ width, height }}
      className={`group relative flex-none overflow-hidden rounded-large border border-line bg-sunken [--under:var(--sunken)] ${className}`}
    >
      <div className="absolute inset-0 grid place-items-center">
        <Avatar userId={seat.userId} name={name} size={face} />
      </div>
      {on && <PictureView key={seat.key} deviceId={seat.deviceId} source={seat.source} mirrored={seat.own} label={seat.own ? words.pictureOfYou : isScreen ? title : words.pictureOf(name)} />}
      <div aria-hidden="true" className={`absolute inset-0 rounded-large pointer-events-none transition-shadow duration-(--fast) ${speaks ? "shadow-[inset_0_0_0_3px_var(--ok-dot)]" : ""}`} />
      {width >= NAMED && (
        <div className="absolute bottom-1.5 inset-x-1.5 flex items-end gap-1.5 pointer-events-none">
          <div className="flex flex-wrap items-center gap-x-1.5 min-w-0 max-w-full px-2 py-0.5 rounded-control bg-raised text-small">
            <Name seat={seat} title={title} />
            {!isScreen && from?.mic === false && <MicOff role="img" aria-label={words.muted} className="flex-none size-3.5 stroke-[1.75] text-ink-2" />}
            {speaks && <span className="sr-only">{words.speaking}</span>}
            {!on && <span className="sr-only">{words.noCamera}</span>}
            {!seat.own && <Passing call={call} seat={seat} wide={width >= WIDE} />}
          </div>
        </div>
      )}
      {pinnable && <PinButton seat={seat} title={seat.own ? words.you : title} />}
    </li>
  );
}

function Name({ seat, title }: { seat: Seat; title: string }) {
  return <span className="truncate foreign font-medium leading-[18px]">{seat.own ? words.you : title}</span>;
}

/** The path to them, where there is room, and what is wrong, always. */
function Passing({ call, seat, wide }: { call: Call; seat: Seat; wide: boolean }) {
  const problem = useAppState((state) => problemsOf(call, seat.deviceId, state.calls.passages)[0]);
  const rttMs = useAppState((state) => state.calls.passages.get(seat.deviceId)?.rttMs ?? null);
  const path = call.participants.find(({ deviceId }) => deviceId === seat.deviceId)?.path;
  if (seat.source === "screen" && problem !== "lossy") return null;
  return (
    <>
      {wide && path !== undefined && problem !== "unheard" && <PathBadge path={path} word={strings.paths[path]} title={strings.details.pathTitle(path)} rttMs={rttMs} />}
      {problem !== undefined && <span className="text-notice leading-[18px]">{words.problems[problem]}</span>}
    </>
  );
}

function PinButton({ seat, title }: { seat: Seat; title: string }) {
  const actions = useActions();
  const pinned = useAppState((state) => state.calls.look.pinned === seat.key);
  return (
    <IconButton
      label={pinned ? words.unpin(title) : words.pin(title)}
      aria-pressed={pinned}
      className={`absolute top-1.5 end-1.5 bg-raised hover:bg-raised border border-line transition-opacity ${pinned ? "" : "opacity-0 group-hover:opacity-100 focus-visible:opacity-100 touch:opacity-100"} size-7 touch:size-8 [&_svg]:size-4`}
      onClick={() => actions.setCallLook({ pinned: pinned ? null : seat.key })}
    >
      {pinned ? <PinOff aria-hidden="true" /> : <Pin aria-hidden="true" />}
    </IconButton>
  );
}
