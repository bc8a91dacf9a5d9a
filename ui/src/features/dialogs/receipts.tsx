import { useEffect, useState } from "react";
import { ApiError } from "@/client/error";
import type { Receipt, Room } from "@/client/types";
import { Avatar } from "@/components/avatar";
import { Button } from "@/components/button";
import { Dialog } from "@/components/dialog";
import { Refusal } from "@/components/field";
import { useActions, useAppState } from "@/state/context";
import { ownAccount } from "@/state/selectors";
import { strings } from "@/strings/strings";

const words = strings.receipts;

type Found = { kind: "loading" } | { kind: "failed"; error: ApiError } | { kind: "ready"; receipts: readonly Receipt[] };

/** Who has a message, and who has read it. Read again whenever the message changes. */
export function ReceiptsDialog({ room, messageId }: { room: Room; messageId: string }) {
  const actions = useActions();
  const [found, setFound] = useState<Found>({ kind: "loading" });
  const [round, setRound] = useState(0);
  const message = useAppState((state) => {
    const timeline = state.timelines.get(room.roomId);
    return timeline?.kind === "ready" ? timeline.messages.find((each) => each.messageId === messageId) : undefined;
  });

  useEffect(() => {
    let current = true;
    actions.receipts(room.roomId, messageId).then(
      (receipts) => current && setFound({ kind: "ready", receipts }),
      (thrown: unknown) => current && setFound({ kind: "failed", error: ApiError.from(thrown) }),
    );
    return () => {
      current = false;
    };
  }, [actions, room.roomId, messageId, message, round]);

  return (
    <Dialog title={words.title} closeLabel={strings.close} onClose={actions.closeOverlay}>
      <div className="mt-3 min-h-[96px]" aria-busy={found.kind === "loading"}>
        {found.kind === "failed" && (
          <>
            <Refusal>{found.error.message}</Refusal>
            <Button className="mt-3" onClick={() => setRound(round + 1)}>
              {strings.tryAgain}
            </Button>
          </>
        )}
        {found.kind === "ready" && <People room={room} author={message?.author} receipts={found.receipts} />}
      </div>
    </Dialog>
  );
}

function People({ room, author, receipts }: { room: Room; author: string | undefined; receipts: readonly Receipt[] }) {
  const ownId = useAppState(ownAccount)?.userId;
  const members = useAppState((state) => [...(state.rosters.get(room.roomId)?.keys() ?? [])]);
  const read = receipts.filter((receipt) => receipt.state === "read").map(({ userId }) => userId);
  const delivered = receipts.filter((receipt) => receipt.state === "delivered").map(({ userId }) => userId);
  const known = new Set([...read, ...delivered, author, ownId]);
  const waiting = members.filter((userId) => !known.has(userId));
  if (read.length + delivered.length === 0) return <p className="py-2 text-ink-2">{words.nobody}</p>;
  return (
    <div className="grid gap-3">
      <Group label={words.read} userIds={read} />
      <Group label={words.delivered} userIds={delivered} />
      <Group label={words.waiting} userIds={waiting} quiet />
    </div>
  );
}

function Group({ label, userIds, quiet = false }: { label: string; userIds: readonly string[]; quiet?: boolean }) {
  const names = useAppState((state) => userIds.map((userId) => state.people.get(userId)?.displayName ?? strings.somebody));
  if (userIds.length === 0) return null;
  return (
    <section aria-label={label}>
      <h3 className="mb-1 text-small font-medium text-ink-3">
        {label} <span className="tabular-nums">{userIds.length}</span>
      </h3>
      <ul>
        {userIds.map((userId, at) => (
          <li key={userId} className={`flex items-center gap-2.5 h-[34px] ${quiet ? "text-ink-3 [&_.avatar]:saturate-30" : ""}`}>
            <Avatar userId={userId} name={names[at] ?? ""} size={22} />
            <span className="truncate foreign">{names[at]}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
