import { Pin, PinOff, TriangleAlert } from "lucide-react";
import type { Call } from "@/client/types";
import { Avatar } from "@/components/avatar";
import { IconButton } from "@/components/icon-button";
import { PathBadge } from "@/components/path-badge";
import type { Seat } from "@/features/call/arrange";
import type { Place } from "@/features/call/layout";
import { Muted } from "@/features/call/parts";
import { PictureView } from "@/features/call/picture";
import { problemsOf } from "@/state/call-quality";
import { useActions, useAppState } from "@/state/context";
import { strings } from "@/strings/strings";

const words = strings.call;
/** A narrower tile has room for a name. */
const WIDE = 230;
/** In a narrower one there is room for a sign of trouble, not for words, nor for a button. */
const ROOMY = 150;

export type TileProps = { call: Call; seat: Seat; place: Place; pinnable: boolean; className: string };

/** Somebody in the call: their picture, or their square while there is none, and how they come through. */
export function Tile({ call, seat, place, pinnable, className }: TileProps) {
  const { start, top, width, height } = place;
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
      style={{ insetInlineStart: start, top, width, height }}
      className={`group absolute isolate overflow-hidden rounded-large border border-line bg-sunken [--under:var(--sunken)] ${className}`}
    >
      <div className="absolute inset-0 grid place-items-center">
        <Avatar userId={seat.userId} name={name} size={face} />
      </div>
      {on && <PictureView key={seat.key} deviceId={seat.deviceId} source={seat.source} mirrored={seat.own} label={seat.own ? words.pictureOfYou : isScreen ? title : words.pictureOf(name)} />}
      <div aria-hidden="true" className={`absolute inset-0 rounded-large pointer-events-none transition-shadow duration-(--fast) ${speaks ? "shadow-[inset_0_0_0_3px_var(--ok-dot)]" : ""}`} />
      <div className={`absolute bottom-1 inset-x-1 flex pointer-events-none ${width < ROOMY ? "" : "p-0.5"}`}>
        <div className={`flex flex-wrap items-center gap-x-1.5 min-w-0 max-w-full rounded-control bg-raised text-small ${width < ROOMY ? "px-1.5" : "px-2 py-0.5"} ${seat.own && width < ROOMY ? "sr-only" : ""}`}>
          <div className="flex items-center gap-x-1.5 min-w-0">
            <Name seat={seat} title={title} />
            {!isScreen && from?.mic === false && <Muted className="size-3.5 text-ink-2" />}
            {speaks && <span className="sr-only">{words.speaking}</span>}
            {!on && <span className="sr-only">{words.noCamera}</span>}
            {!seat.own && width < ROOMY && <Trouble call={call} seat={seat} />}
          </div>
          {!seat.own && width >= ROOMY && <Passing call={call} seat={seat} wide={width >= WIDE} />}
        </div>
      </div>
      {pinnable && <PinButton seat={seat} title={seat.own ? words.you : title} whole={width < ROOMY} />}
    </li>
  );
}

function Name({ seat, title }: { seat: Seat; title: string }) {
  return <span className="truncate foreign font-medium leading-[18px]">{seat.own ? words.you : title}</span>;
}

/** What is wrong with how they, or their screen, come through, if anything. */
function useTrouble(call: Call, seat: Seat): string | null {
  const problem = useAppState((state) => problemsOf(call, seat.deviceId, seat.source, state.calls.links)[0]);
  return problem === undefined ? null : words.problems[problem];
}

/** That something is wrong, where there is room for a sign alone. */
function Trouble({ call, seat }: { call: Call; seat: Seat }) {
  const trouble = useTrouble(call, seat);
  if (trouble === null) return null;
  return (
    // Above the button that a small tile is.
    <span title={trouble} className="relative z-10 pointer-events-auto">
      <TriangleAlert role="img" aria-label={trouble} className="flex-none size-3.5 stroke-[1.75] text-notice" />
    </span>
  );
}

/** The path to them, where there is room, and what is wrong, always. */
function Passing({ call, seat, wide }: { call: Call; seat: Seat; wide: boolean }) {
  const trouble = useTrouble(call, seat);
  const rttMs = useAppState((state) => state.calls.links.get(seat.deviceId)?.rttMs ?? null);
  const path = call.participants.find(({ deviceId }) => deviceId === seat.deviceId)?.path;
  return (
    <>
      {wide && seat.source === "camera" && path !== undefined && path !== "relay" && <PathBadge path={path} word={strings.paths[path]} title={strings.details.pathTitle(path)} rttMs={rttMs} />}
      {trouble !== null && <span className="text-notice leading-[18px]">{trouble}</span>}
    </>
  );
}

/** Keeps somebody large. A small picture is the button itself. */
function PinButton({ seat, title, whole }: { seat: Seat; title: string; whole: boolean }) {
  const actions = useActions();
  const pinned = useAppState((state) => state.calls.look.pinned === seat.key);
  const Icon = pinned ? PinOff : Pin;
  return (
    <IconButton
      label={pinned ? words.unpin(title) : words.pin(title)}
      className={
        whole
          ? "absolute inset-0 size-full touch:size-full rounded-large hover:bg-transparent focus-visible:inset-1 focus-visible:size-[calc(100%-8px)]"
          : `absolute top-1.5 end-1.5 size-7 touch:size-8 [&_svg]:size-4 bg-raised hover:bg-raised border border-line transition-opacity duration-(--fast) ${pinned ? "" : "opacity-0 group-hover:opacity-100 focus-visible:opacity-100 touch:opacity-100"}`
      }
      onClick={() => actions.setCallLook({ pinned: pinned ? null : seat.key })}
    >
      {!whole && <Icon aria-hidden="true" />}
    </IconButton>
  );
}
