import { AppWindow, Monitor } from "lucide-react";
import { RadioGroup } from "radix-ui";
import { useEffect, useId, useState, type SubmitEvent } from "react";
import { ApiError } from "@/client/error";
import type { ScreenSource } from "@/client/types";
import { Button } from "@/components/button";
import { ChoiceRow } from "@/components/choice";
import { Dialog, DialogActions } from "@/components/dialog";
import { Refusal } from "@/components/field";
import { useAttempt } from "@/components/use-attempt";
import { currentCall } from "@/state/calls";
import { useActions, useAppState } from "@/state/context";
import { strings } from "@/strings/strings";

const words = strings.call.share;

/** Which screen or window the others shall see. */
export function ShareScreenDialog() {
  const actions = useActions();
  const attempt = useAttempt();
  const inCall = useAppState((state) => currentCall(state.calls) !== null);
  const sources = useAppState((state) => state.calls.devices?.screens ?? null);
  const [looked, setLooked] = useState<"looking" | "done" | { refused: string }>("looking");
  const [picked, setPicked] = useState<string | null>(null);
  const [round, setRound] = useState(0);
  const { closeOverlay } = actions;

  // What can be shown changes whenever a window opens: it is listed anew each time.
  useEffect(() => {
    let gone = false;
    const refuse = (before: string) => (thrown: unknown) => {
      if (!gone) setLooked({ refused: `${before}${ApiError.from(thrown).message}` });
    };
    actions.refreshCallDevices().then(({ screens }) => {
      if (gone) return;
      // Where the desktop asks which it shall be, nothing is asked here.
      if (screens.length === 1 && screens[0]?.kind === "asked") actions.shareScreen(screens[0].sourceId).then(closeOverlay, refuse(""));
      else setLooked("done");
    }, refuse(`${words.failed} `));
    return () => {
      gone = true;
    };
  }, [actions, closeOverlay, round]);

  useEffect(() => {
    if (!inCall) closeOverlay();
  }, [inCall, closeOverlay]);

  const known = looked === "done" ? (sources ?? []) : [];
  const chosen = known.find(({ sourceId }) => sourceId === picked) ?? known.find(({ isDefault }) => isDefault) ?? known[0];

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    if (chosen !== undefined && (await attempt.run(() => actions.shareScreen(chosen.sourceId)))) actions.closeOverlay();
  }

  return (
    <Dialog title={words.title} body={words.body} closeLabel={strings.close} onClose={actions.closeOverlay}>
      <form noValidate onSubmit={(event) => void submit(event)}>
        {looked === "looking" ? (
          <p role="status" className="text-ink-3">
            {words.looking}
          </p>
        ) : looked !== "done" ? (
          <Refusal>{looked.refused}</Refusal>
        ) : known.length === 0 ? (
          <p className="text-ink-2">{words.none}</p>
        ) : (
          <RadioGroup.Root aria-label={words.title} value={chosen?.sourceId ?? ""} onValueChange={setPicked} className="grid gap-3">
            <Sources label={words.screens} sources={known.filter(({ kind }) => kind !== "window")} />
            <Sources label={words.windows} sources={known.filter(({ kind }) => kind === "window")} />
          </RadioGroup.Root>
        )}
        {attempt.error !== null && <Refusal>{attempt.error.message}</Refusal>}
        <DialogActions>
          <Button
            tone="quiet"
            className="me-auto"
            disabled={looked === "looking"}
            onClick={() => {
              setLooked("looking");
              setRound(round + 1);
            }}
          >
            {words.again}
          </Button>
          <Button onClick={actions.closeOverlay}>{strings.cancel}</Button>
          <Button tone="main" type="submit" disabled={attempt.busy || chosen === undefined}>
            {words.action}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}

function Sources({ label, sources }: { label: string; sources: readonly ScreenSource[] }) {
  const id = useId();
  if (sources.length === 0) return null;
  return (
    <div role="group" aria-labelledby={id}>
      <p id={id} className="mb-1 text-small font-medium text-ink-3">
        {label}
      </p>
      <div className="grid gap-1.5">
        {sources.map(({ sourceId, name, kind }) => (
          <ChoiceRow key={sourceId} value={sourceId} label={name} icon={kind === "window" ? AppWindow : Monitor}>
            <span className="block truncate foreign">{name}</span>
          </ChoiceRow>
        ))}
      </div>
    </div>
  );
}
