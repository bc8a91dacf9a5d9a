import { useId, useState } from "react";
import type { Room } from "@/client/types";
import { Button } from "@/components/button";
import { Dialog, DialogActions } from "@/components/dialog";
import { Refusal } from "@/components/field";
import { useAttempt } from "@/components/use-attempt";
import { useActions, useAppState } from "@/state/context";
import { ownAccount } from "@/state/selectors";
import { strings } from "@/strings/strings";

const words = strings.dialogs;

export function LeaveRoomDialog({ room }: { room: Room }) {
  const actions = useActions();
  const attempt = useAttempt();

  async function leave(): Promise<void> {
    if (await attempt.run(() => actions.leaveRoom(room.roomId))) actions.closeOverlay();
  }

  return (
    <Dialog
      title={words.leaveTitle(room.name)}
      body={room.visibility === "private" ? words.leaveBodyPrivate : words.leaveBodyPublic}
      closeLabel={strings.close}
      onClose={actions.closeOverlay}
    >
      {attempt.error !== null && <Refusal>{attempt.error.message}</Refusal>}
      <DialogActions>
        <Button onClick={actions.closeOverlay}>{strings.cancel}</Button>
        <Button tone="danger" disabled={attempt.busy} onClick={() => void leave()}>
          {words.leave}
        </Button>
      </DialogActions>
    </Dialog>
  );
}

export function RemoveMemberDialog({ room, userId }: { room: Room; userId: string }) {
  const actions = useActions();
  const attempt = useAttempt();
  const person = useAppState((state) => state.people.get(userId));
  const [ban, setBan] = useState(false);
  const id = useId();

  async function remove(): Promise<void> {
    if (await attempt.run(() => actions.removeMember({ roomId: room.roomId, userId, ...(ban ? { ban } : {}) }))) actions.closeOverlay();
  }

  return (
    <Dialog title={words.removeTitle(person?.displayName ?? strings.somebody)} body={words.removeBody(room.name)} closeLabel={strings.close} onClose={actions.closeOverlay}>
      <div className="flex items-center gap-2">
        <input id={id} type="checkbox" checked={ban} onChange={(event) => setBan(event.target.checked)} className="size-4 accent-accent rounded-small" />
        <label htmlFor={id}>{words.ban}</label>
      </div>
      {attempt.error !== null && <Refusal>{attempt.error.message}</Refusal>}
      <DialogActions>
        <Button onClick={actions.closeOverlay}>{strings.cancel}</Button>
        <Button tone="danger" disabled={attempt.busy} onClick={() => void remove()}>
          {words.removeAction}
        </Button>
      </DialogActions>
    </Dialog>
  );
}

/** Deleting is for everybody and for good, so it is asked. */
export function DeleteMessageDialog({ room, messageId }: { room: Room; messageId: string }) {
  const actions = useActions();
  const attempt = useAttempt();
  const message = useAppState((state) => {
    const timeline = state.timelines.get(room.roomId);
    return timeline?.kind === "ready" ? timeline.messages.find((each) => each.messageId === messageId) : undefined;
  });
  const other = useAppState((state) => (message === undefined || message.author === ownAccount(state)?.userId ? null : (state.people.get(message.author)?.displayName ?? strings.somebody)));

  async function remove(): Promise<void> {
    if (await attempt.run(() => actions.deleteMessage(room.roomId, messageId))) actions.closeOverlay();
  }

  return (
    <Dialog title={words.deleteTitle} body={other === null ? words.deleteBody : words.deleteBodyOther(other)} closeLabel={strings.close} onClose={actions.closeOverlay}>
      {message !== undefined && message.text !== "" && <p className="max-h-24 overflow-hidden px-3 py-2 rounded-control bg-sunken text-ink-2 foreign whitespace-pre-wrap line-clamp-4">{message.text.slice(0, 400)}</p>}
      {attempt.error !== null && <Refusal>{attempt.error.message}</Refusal>}
      <DialogActions>
        <Button onClick={actions.closeOverlay}>{strings.cancel}</Button>
        <Button tone="danger" autoFocus disabled={attempt.busy} onClick={() => void remove()}>
          {words.deleteAction}
        </Button>
      </DialogActions>
    </Dialog>
  );
}
