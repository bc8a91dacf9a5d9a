import { Expand, MapPin, X } from "lucide-react";
import { Dialog } from "radix-ui";
import { useEffect, useMemo, useState } from "react";
import type { Location, Room } from "@/client/types";
import { Avatar } from "@/components/avatar";
import { Button } from "@/components/button";
import { useMinute } from "@/components/clock";
import { Refusal } from "@/components/field";
import { useFocusReturn } from "@/components/focus";
import { IconButton } from "@/components/icon-button";
import { useAttempt } from "@/components/use-attempt";
import type { Position } from "@/features/places/geo";
import { WorldMap, type Marker } from "@/features/places/map";
import { ShareForm, type Found } from "@/features/places/share-form";
import { positionWords, timeWords } from "@/features/places/words";
import { useActions, useAppState } from "@/state/context";
import { isLive } from "@/state/places";
import { ownAccount } from "@/state/selectors";
import { strings } from "@/strings/strings";

const words = strings.places;
const NOBODY: ReadonlyMap<string, Location> = new Map();

/** Where people of a room are: a map, and the same in words. `wide` has them side by side. */
export function Places({ room, wide = false }: { room: Room; wide?: boolean }) {
  const actions = useActions();
  const { roomId } = room;
  const places = useAppState((state) => state.places.get(roomId));
  const people = useAppState((state) => state.people);
  const ownId = useAppState((state) => ownAccount(state)?.userId ?? "");
  const minute = useMinute();
  const [sharing, setSharing] = useState(false);
  const [picked, setPicked] = useState<Found | null>(null);
  const [target, setTarget] = useState<Position | null>(null);
  useEffect(() => actions.readPlaces(roomId), [actions, roomId]);

  const byPerson = places?.kind === "ready" ? places.byPerson : NOBODY;
  const markers = useMemo(
    () => [...byPerson.values()].map((location): Marker => ({ userId: location.userId, name: people.get(location.userId)?.displayName ?? strings.somebody, lat: location.lat, lng: location.lng, accuracyM: location.accuracyM, live: isLive(location, minute) })),
    [byPerson, people, minute],
  );
  const listed = [...markers].sort((a, b) => Number(b.userId === ownId) - Number(a.userId === ownId) || Number(b.live) - Number(a.live) || a.name.localeCompare(b.name));
  const own = byPerson.get(ownId);

  return (
    <div className={wide ? "flex-1 min-h-0 grid grid-cols-[minmax(0,1fr)_280px] gap-4 touch:flex touch:flex-col touch:overflow-y-auto" : "flex-1 min-h-0 overflow-y-auto scroller px-3 pb-3"}>
      <WorldMap
        markers={markers}
        target={target}
        picked={sharing ? picked : null}
        onPick={sharing ? setPicked : null}
        more={
          !wide && (
            <IconButton label={words.larger} className="size-7 touch:size-9" onClick={() => actions.show({ kind: "map", roomId })}>
              <Expand aria-hidden="true" />
            </IconButton>
          )
        }
        className={wide ? "min-h-0 touch:flex-none touch:h-[46vh]" : "h-[220px]"}
      />
      <div className={wide ? "min-h-0 overflow-y-auto scroller touch:overflow-visible" : "mt-3"}>
        {places?.kind === "failed" && (
          <div className="grid justify-items-start gap-2 mb-3">
            <p role="alert" className="text-ink-2 foreign">
              {words.failed} {places.error.message}
            </p>
            <Button onClick={() => actions.readPlaces(roomId)}>{strings.tryAgain}</Button>
          </div>
        )}
        {sharing ? (
          <ShareForm
            room={room}
            picked={picked}
            onPicked={(found) => {
              setPicked(found);
              setTarget(found);
            }}
            onDone={() => setSharing(false)}
          />
        ) : (
          <Own
            roomId={roomId}
            own={own}
            onShare={() => {
              setPicked(own === undefined ? null : { lat: own.lat, lng: own.lng });
              setSharing(true);
            }}
          />
        )}
        {places?.kind === "ready" && markers.length === 0 && !sharing && <p className="mt-3 text-ink-3">{words.empty}</p>}
        {markers.length > 0 && (
          <ul aria-label={words.people} className="mt-3">
            {listed.map((marker) => {
              const location = byPerson.get(marker.userId);
              return location === undefined ? null : <Entry key={marker.userId} marker={marker} location={location} own={marker.userId === ownId} now={minute} onShow={() => setTarget({ lat: marker.lat, lng: marker.lng })} />;
            })}
          </ul>
        )}
      </div>
    </div>
  );
}

function Entry({ marker, location, own, now, onShow }: { marker: Marker; location: Location; own: boolean; now: number; onShow: () => void }) {
  return (
    <li>
      <button type="button" title={words.show(marker.name)} onClick={onShow} className="flex items-center gap-2.5 w-full min-w-0 py-1.5 px-2 rounded-control text-start transition-colors duration-(--fast) hover:bg-hover">
        <Avatar userId={marker.userId} name={marker.name} size={26} />
        <span className="flex-1 min-w-0">
          <span className="flex gap-1.5">
            <span className="truncate foreign">{marker.name}</span>
            {own && <span className="text-ink-3">{strings.you}</span>}
          </span>
          <span className="block text-micro text-ink-2 tabular-nums">
            {positionWords(marker)}
            {marker.accuracyM !== undefined && `, ${words.within(words.metres(marker.accuracyM))}`}
          </span>
          <span className={`block text-micro tabular-nums ${marker.live ? "text-ok" : "text-ink-3"}`}>{timeWords(location, now)}</span>
        </span>
      </button>
    </li>
  );
}

/** What the reader shares themselves, and a way to begin, to change and to stop it. */
function Own({ roomId, own, onShare }: { roomId: string; own: Location | undefined; onShare: () => void }) {
  const actions = useActions();
  const attempt = useAttempt();
  const stop = (keepLast: boolean): void => void attempt.run(() => actions.stopLocation(roomId, keepLast));
  if (own === undefined) {
    return (
      <Button className="w-full" onClick={onShare}>
        <MapPin aria-hidden="true" className="size-4 stroke-[1.75]" />
        {words.share}
      </Button>
    );
  }
  return (
    <div className="grid gap-2">
      <p className="text-small text-ink-2">{words.sharing}</p>
      <div className="flex flex-wrap gap-2">
        <Button tone="danger" disabled={attempt.busy} onClick={() => stop(false)}>
          {words.stop}
        </Button>
        <Button onClick={onShare}>{words.shareAgain}</Button>
        {own.until !== undefined && (
          <Button tone="quiet" className="-ms-3" disabled={attempt.busy} onClick={() => stop(true)}>
            {words.stopKeep}
          </Button>
        )}
      </div>
      {attempt.error !== null && <Refusal>{attempt.error.message}</Refusal>}
    </div>
  );
}

/** The same over the panes, with room for the world. */
export function MapDialog({ room }: { room: Room }) {
  const actions = useActions();
  const onClosed = useFocusReturn();
  return (
    <Dialog.Root open onOpenChange={(open) => !open && actions.closeOverlay()}>
      <Dialog.Portal>
        <Dialog.Overlay className="fades fixed inset-0 z-40 bg-scrim" />
        <Dialog.Content
          aria-describedby={undefined}
          onCloseAutoFocus={onClosed}
          className="floats fixed z-40 inset-3 pane:inset-[5vh_5vw] flex flex-col rounded-[15px] border border-line bg-raised shadow-3 p-4 focus:outline-none [--under:var(--raised)]"
          onOpenAutoFocus={(event) => {
            // Onto the map, which the keys move.
            event.preventDefault();
            if (event.currentTarget instanceof HTMLElement) event.currentTarget.querySelector<HTMLElement>("[data-map]")?.focus();
          }}
        >
          <div className="flex items-center gap-3 flex-none mb-3">
            <Dialog.Title className="flex-1 min-w-0 truncate foreign font-strong text-title tracking-[-0.012em]">
              {words.map}, {room.name}
            </Dialog.Title>
            <IconButton label={strings.close} onClick={actions.closeOverlay}>
              <X aria-hidden="true" />
            </IconButton>
          </div>
          <Places room={room} wide />
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
