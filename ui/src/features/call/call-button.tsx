import { Phone, PhoneCall } from "lucide-react";
import type { Room } from "@/client/types";
import { Button } from "@/components/button";
import { IconButton } from "@/components/icon-button";
import { useActions, useAppState } from "@/state/context";
import { currentCall } from "@/state/calls";
import { mayPost } from "@/state/selectors";
import { strings } from "@/strings/strings";

const words = strings.call;

/** In a room's head: calls the room, or joins the call that goes on in it. Nothing while one is in that call. */
export function CallButton({ room }: { room: Room }) {
  const actions = useActions();
  const call = useAppState((state) => state.calls.byRoom.get(room.roomId) ?? null);
  const busy = useAppState((state) => currentCall(state.calls) !== null);
  if (!mayPost(room)) return null;
  if (call === null) {
    return (
      <IconButton label={words.start} disabled={busy} className="disabled:opacity-50" onClick={() => actions.startCall(room.roomId)}>
        <Phone aria-hidden="true" />
      </IconButton>
    );
  }
  if (call.part !== "out") return null;
  return (
    <Button disabled={busy} aria-label={words.join(call.participants.length)} onClick={() => actions.joinCall(room.roomId, call.callId)}>
      <PhoneCall aria-hidden="true" className="size-4 stroke-[1.75] text-ok" />
      <span className="tabular-nums">{call.participants.length}</span>
    </Button>
  );
}
