// A call that is over, as its room tells of it.
import { Phone, PhoneMissed, PhoneOff, Video } from "lucide-react";
import type { MessageCall, Room } from "@/client/types";
import { Button } from "@/components/button";
import { callSummary } from "@/features/conversation/call-summary";
import { currentCall } from "@/state/calls";
import { useActions, useAppState } from "@/state/context";
import { mayPost } from "@/state/selectors";
import { strings } from "@/strings/strings";

const words = strings.conversation.callEntry;

export type CallEntryProps = { id: string; room: Room; call: MessageCall; ownId: string };

/** What came of it, who was in it, and a way to call back who missed it. */
export function CallEntry({ id, room, call, ownId }: CallEntryProps) {
  const actions = useActions();
  const people = useAppState((state) => state.people);
  const busy = useAppState((state) => currentCall(state.calls) !== null || state.calls.byRoom.has(room.roomId));
  const missed = call.outcome !== "held" && call.outcome !== "declined" && call.from !== ownId;
  const Icon = missed ? PhoneMissed : call.outcome !== "held" ? PhoneOff : call.media === "video" ? Video : Phone;
  const others = call.userIds.filter((userId) => userId !== call.from).map((userId) => (userId === ownId ? words.you : (people.get(userId)?.displayName ?? strings.somebody)));
  return (
    <div className="flex flex-wrap items-center gap-x-1.5 min-h-(--lead-body) leading-(--lead-body) text-ink-2">
      <p id={id} className="flex items-center gap-1.5 min-w-0">
        <Icon aria-hidden="true" className={`flex-none size-3.5 stroke-2 ${missed ? "text-danger" : "text-ink-3"}`} />
        <span className="flex-none tabular-nums">{callSummary(call, ownId)}</span>
        {others.length > 0 && <span className="min-w-0 truncate foreign text-ink-3">{words.with(others)}</span>}
      </p>
      {missed && mayPost(room) && (
        // Not `disabled`: that would drop the focus of whoever called back by keys, and block the way to it.
        <Button
          data-control
          tabIndex={-1}
          className="h-6! touch:h-8! px-2! text-small aria-disabled:opacity-60 aria-disabled:active:scale-100"
          aria-disabled={busy}
          onClick={() => !busy && actions.startCall(room.roomId, call.media)}
        >
          {words.callBack}
        </Button>
      )}
    </div>
  );
}
