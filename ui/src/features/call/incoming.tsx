import { Phone, PhoneOff, Video } from "lucide-react";
import { useEffect, useRef } from "react";
import type { Call } from "@/client/types";
import { Avatar } from "@/components/avatar";
import { Button } from "@/components/button";
import { useClearOfControls } from "@/features/call/clear-of-controls";
import { ring } from "@/features/call/ring";
import { ringingCalls } from "@/state/calls";
import { useActions, useAppState } from "@/state/context";
import { ownAccount, presenceOf } from "@/state/selectors";
import { strings } from "@/strings/strings";

const words = strings.call;

/** Who calls, until it is answered here or anywhere. It takes no focus from who is writing. */
export function IncomingCalls({ className = "" }: { className?: string }) {
  const calls = useAppState((state) => ringingCalls(state.calls));
  const disturb = useAppState((state) => presenceOf(state, ownAccount(state)?.userId ?? "") !== "dnd");
  const rings = calls.length > 0 && disturb;
  useEffect(() => (rings ? ring() : undefined), [rings]);
  if (calls.length === 0) return null;
  return (
    <div className={`grid gap-2 ${className}`}>
      {calls.map((call) => (
        <Incoming key={call.callId} call={call} />
      ))}
    </div>
  );
}

/** The same, over everything but what one mutes and leaves another call with. */
export function IncomingCallsOver() {
  const rings = useAppState((state) => ringingCalls(state.calls).length > 0);
  return rings ? <Over /> : null;
}

function Over() {
  const sheet = useRef<HTMLDivElement>(null);
  const top = useClearOfControls(sheet);
  return (
    <div ref={sheet} style={{ top }} className="fixed z-50 inset-x-3 mx-auto max-w-[460px]">
      <IncomingCalls />
    </div>
  );
}

function Incoming({ call }: { call: Call }) {
  const actions = useActions();
  const caller = call.participants[0]?.userId ?? "";
  const name = useAppState((state) => state.people.get(caller)?.displayName ?? strings.somebody);
  const room = useAppState((state) => state.rooms?.get(call.roomId));
  const video = call.media === "video";
  const title = video ? words.incomingVideo(name) : words.incoming(name);
  function answer(camera: boolean): void {
    actions.joinCall(call.roomId, call.callId, camera);
    actions.openRoom(call.roomId);
  }
  return (
    <section aria-label={title} className="floats flex flex-wrap items-center gap-3 p-3 rounded-large border border-line bg-raised shadow-3 [--under:var(--raised)]">
      <Avatar userId={caller} name={name} size={38} />
      <div role="alert" className="flex-1 min-w-[120px]">
        <p className="truncate foreign font-strong text-ui">{title}</p>
        {room?.kind === "chat" && <p className="truncate foreign text-small text-ink-3">{words.incomingIn(room.name)}</p>}
      </div>
      <div className="flex flex-wrap justify-end gap-2 ms-auto touch:grid touch:grid-cols-2 touch:w-full touch:[&>:nth-child(3)]:col-span-2">
        <Button tone="danger" onClick={() => actions.declineCall(call.roomId, call.callId)}>
          <PhoneOff aria-hidden="true" className="size-4 stroke-[1.75]" />
          {words.decline}
        </Button>
        {video && <Button onClick={() => answer(false)}>{words.answerSound}</Button>}
        <Button tone="main" onClick={() => answer(video)}>
          {video ? <Video aria-hidden="true" className="size-4 stroke-[1.75]" /> : <Phone aria-hidden="true" className="size-4 stroke-[1.75]" />}
          {video ? words.answerVideo : words.answer}
        </Button>
      </div>
    </section>
  );
}
