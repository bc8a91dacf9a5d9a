import { Video, VideoOff, Volume2 } from "lucide-react";
import { Switch } from "radix-ui";
import { useEffect, useId, useRef, useState } from "react";
import { ApiError } from "@/client/error";
import { Button } from "@/components/button";
import { Dialog, DialogActions } from "@/components/dialog";
import { Pick, Refusal } from "@/components/field";
import { optionsOf } from "@/features/call/device-options";
import { PictureView } from "@/features/call/picture";
import type { Trying } from "@/state/call-actions";
import { currentCall } from "@/state/calls";
import { useActions, useAppState } from "@/state/context";
import { ownAccount } from "@/state/selectors";
import { strings } from "@/strings/strings";

const words = strings.call.trying;

/** Quieter is silence on the bar, louder than speech its end: decibels below full. */
const QUIETEST_DB = -60;
const LOUDEST_DB = -12;

/** What one is heard and seen with, tried out while nobody listens. */
export function TryDevicesDialog() {
  const actions = useActions();
  const inCall = useAppState((state) => currentCall(state.calls) !== null);
  const devices = useAppState((state) => state.calls.devices);
  // The trial is asked for again and again, and each answer counts until the next; what was chosen is answered once.
  const [refused, setRefused] = useState<ApiError | null>(null);
  const [trialRefused, setTrialRefused] = useState<ApiError | null>(null);
  useEffect(() => actions.readCallDevices(), [actions]);
  const [camera, setCamera] = useState(false);
  // A call takes the camera, and nobody looks into theirs right after one.
  if (inCall && camera) setCamera(false);
  const trying = useRef<Trying | null>(null);
  useEffect(() => {
    if (inCall) return undefined;
    const begun = actions.tryDevices(setTrialRefused);
    trying.current = begun;
    return () => {
      begun.stop();
      // A call that begins takes the devices, and may refuse the trial before this window knows of it.
      setTrialRefused(null);
    };
  }, [actions, inCall]);
  const trial = useAppState((state) => (inCall ? null : state.calls.trial));
  const problem = refused?.message ?? trialRefused?.message ?? trial?.sound.problem ?? trial?.picture?.problem;

  const onDone = (): void => setRefused(null);
  const onRefused = (thrown: unknown): void => setRefused(ApiError.from(thrown));
  function choose(chosen: Parameters<typeof actions.chooseCallDevice>[0]): void {
    actions.chooseCallDevice(chosen).then(onDone, onRefused);
  }

  return (
    <Dialog title={words.title} body={inCall ? words.inCall : words.body} closeLabel={strings.close} onClose={actions.closeOverlay}>
      <div className="grid gap-4">
        <div className="grid gap-2">
          {!inCall && camera && <Preview problem={trial?.picture?.problem} />}
          <Pick label={strings.call.camera} value={devices?.chosenCamera ?? ""} onValue={(cameraDevice) => choose({ cameraDevice })} options={optionsOf(devices?.cameras ?? [])} />
          {!inCall && (
            <Button
              className="justify-self-start"
              onClick={() => {
                setCamera(!camera);
                trying.current?.setCamera(!camera);
              }}
            >
              {camera ? <VideoOff aria-hidden="true" className="size-4 stroke-[1.75]" /> : <Video aria-hidden="true" className="size-4 stroke-[1.75]" />}
              {camera ? words.hideCamera : words.showCamera}
            </Button>
          )}
        </div>
        <div className="grid gap-2">
          <Pick label={strings.call.microphone} value={devices?.chosenMicrophone ?? ""} onValue={(microphone) => choose({ microphone })} options={optionsOf(devices?.microphones ?? [])} />
          {!inCall && <Level key={devices?.chosenMicrophone ?? ""} level={trial?.level ?? 0} speaking={trial?.speaking === true} />}
          <Processing on={devices?.processing !== false} onChange={(processing) => choose({ processing })} />
        </div>
        <div className="grid gap-2">
          <Pick label={strings.call.speakers} value={devices?.chosenSpeakers ?? ""} onValue={(speakers) => choose({ speakers })} options={optionsOf(devices?.speakers ?? [])} />
          {!inCall && (
            <Button className="justify-self-start" onClick={() => void actions.playTestSound().then(onDone, onRefused)}>
              <Volume2 aria-hidden="true" className="size-4 stroke-[1.75]" />
              {words.playSound}
            </Button>
          )}
        </div>
      </div>
      {problem !== undefined && <Refusal>{problem}</Refusal>}
      <DialogActions>
        <Button tone="main" onClick={actions.closeOverlay}>
          {words.done}
        </Button>
      </DialogActions>
    </Dialog>
  );
}

function Preview({ problem }: { problem: string | undefined }) {
  const deviceId = useAppState((state) => ownAccount(state)?.deviceId ?? "");
  return (
    <div className="relative grid place-items-center aspect-video overflow-hidden rounded-large bg-sunken text-small text-ink-3">
      {problem === undefined && words.opening}
      <PictureView deviceId={deviceId} source="camera" label={words.picture} mirrored />
    </div>
  );
}

function Level({ level, speaking }: { level: number; speaking: boolean }) {
  const db = 20 * Math.log10(Math.max(level, 1e-6));
  const share = Math.max(0, Math.min(1, (db - QUIETEST_DB) / (LOUDEST_DB - QUIETEST_DB)));
  // Who was heard once is told so: between two words nothing jumps.
  const [heard, setHeard] = useState(false);
  if (speaking && !heard) setHeard(true);
  return (
    <div>
      <div role="meter" aria-label={words.level} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(share * 100)} className="h-1.5 overflow-hidden rounded-round bg-sunken">
        <div className={`h-full rounded-round transition-[width] duration-100 ease-linear ${speaking ? "bg-ok-dot" : "bg-line-strong"}`} style={{ width: `${share * 100}%` }} />
      </div>
      <p role="status" className="mt-1 text-small text-ink-3">
        {heard ? words.heard : words.quiet}
      </p>
    </div>
  );
}

function Processing({ on, onChange }: { on: boolean; onChange: (on: boolean) => void }) {
  const id = useId();
  return (
    <div className="flex items-start gap-3">
      <Switch.Root
        id={id}
        checked={on}
        onCheckedChange={onChange}
        aria-describedby={`${id}-note`}
        className="flex-none w-8 h-[18px] mt-px p-0.5 rounded-round bg-line-strong data-[state=checked]:bg-accent transition-colors duration-(--fast)"
      >
        <Switch.Thumb className="block size-3.5 rounded-round bg-surface transition-transform duration-(--fast) data-[state=checked]:translate-x-3.5 rtl:data-[state=checked]:-translate-x-3.5" />
      </Switch.Root>
      <div className="min-w-0">
        <label htmlFor={id} className="block font-medium">
          {words.processing}
        </label>
        <p id={`${id}-note`} className="text-small text-ink-2">
          {words.processingBody}
        </p>
      </div>
    </div>
  );
}
