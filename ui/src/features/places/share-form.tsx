import { LocateFixed } from "lucide-react";
import { useState, type SubmitEvent } from "react";
import type { LocationPrecision, Room } from "@/client/types";
import { Button } from "@/components/button";
import { Pick, Refusal } from "@/components/field";
import { useAttempt } from "@/components/use-attempt";
import type { Position } from "@/features/places/geo";
import { positionWords } from "@/features/places/words";
import { useActions } from "@/state/context";
import { strings } from "@/strings/strings";

const words = strings.places;
const TTL_S = { once: undefined, quarter: 900, hour: 3_600, workday: 28_800 } as const;
type Duration = keyof typeof TTL_S;
const DURATIONS = (Object.keys(TTL_S) as Duration[]).map((value) => ({ value, label: words.durations[value] }));
const PRECISIONS = (["exact", "street", "district", "city"] as const).map((value) => ({ value, label: words.precisions[value] }));
/** A device that has not answered by then does not know. */
const LOCATE_MS = 10_000;

export type Found = Position & { accuracyM?: number };

/** What to share: where, for how long, how exactly. The position comes from the map or, where it knows it, from the device. */
export function ShareForm({ room, picked, onPicked, onDone }: { room: Room; picked: Found | null; onPicked: (found: Found) => void; onDone: () => void }) {
  const actions = useActions();
  const attempt = useAttempt();
  const [duration, setDuration] = useState<Duration>("hour");
  const [precision, setPrecision] = useState<LocationPrecision>("street");
  const [locating, setLocating] = useState<"idle" | "asking" | "failed">("idle");
  const [missing, setMissing] = useState(false);
  const [follow, setFollow] = useState(true);
  // What was found by the device says how exact it is; a click on the map does not.
  const followable = picked?.accuracyM !== undefined && TTL_S[duration] !== undefined;

  function locate(): void {
    setLocating("asking");
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        setLocating("idle");
        onPicked({ lat: coords.latitude, lng: coords.longitude, accuracyM: coords.accuracy });
      },
      () => setLocating("failed"),
      { timeout: LOCATE_MS, enableHighAccuracy: true },
    );
  }

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    setMissing(picked === null);
    if (picked === null) return;
    const ttlS = TTL_S[duration];
    if (await attempt.run(() => actions.shareLocation({ roomId: room.roomId, ...picked, precision, ...(ttlS === undefined ? {} : { ttlS }) }, followable && follow))) onDone();
  }

  return (
    <form noValidate aria-label={words.share} className="grid gap-3" onSubmit={(event) => void submit(event)}>
      <div>
        <p className="font-medium">{words.position}</p>
        <p aria-live="polite" className={`mt-0.5 text-small ${missing && picked === null ? "text-danger" : "text-ink-2"}`}>
          {picked !== null ? positionWords(picked) : missing ? words.needsPosition : words.notSet}
        </p>
        {"geolocation" in navigator && (
          <Button tone="quiet" className="mt-1 -ms-3" disabled={locating === "asking"} onClick={locate}>
            <LocateFixed aria-hidden="true" className="size-4 stroke-[1.75]" />
            {locating === "asking" ? words.locating : words.locate}
          </Button>
        )}
        {locating === "failed" && (
          <p role="alert" className="text-small text-danger">
            {words.locateFailed}
          </p>
        )}
      </div>
      <Pick label={words.duration} value={duration} onValue={setDuration} options={DURATIONS} />
      <Pick label={words.precision} value={precision} onValue={setPrecision} options={PRECISIONS} />
      {followable && (
        <label className="flex items-center gap-2.5 touch:min-h-9">
          <input type="checkbox" checked={follow} onChange={(event) => setFollow(event.target.checked)} className="size-4 accent-(--accent)" />
          {words.follow}
        </label>
      )}
      {attempt.error !== null && <Refusal>{attempt.error.message}</Refusal>}
      <div className="flex flex-wrap justify-end gap-2">
        <Button onClick={onDone}>{words.cancel}</Button>
        <Button tone="main" type="submit" disabled={attempt.busy}>
          {words.action}
        </Button>
      </div>
    </form>
  );
}
