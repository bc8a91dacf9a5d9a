import { useEffect, useState } from "react";
import { ApiError } from "@/client/error";
import type { Activity, Room } from "@/client/types";
import { Avatar } from "@/components/avatar";
import { Button } from "@/components/button";
import { Dialog } from "@/components/dialog";
import { Refusal } from "@/components/field";
import { useActions, useAppState } from "@/state/context";
import { strings } from "@/strings/strings";

const words = strings.activity;
const when = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

type Found = { kind: "loading" } | { kind: "failed"; error: ApiError; before: string | undefined } | { kind: "ready" };

/** Who did what in a room, the newest first. */
export function ActivityDialog({ room }: { room: Room }) {
  const actions = useActions();
  const [activities, setActivities] = useState<readonly Activity[]>([]);
  const [next, setNext] = useState<string | undefined>(undefined);
  const [found, setFound] = useState<Found>({ kind: "loading" });
  const [wanted, setWanted] = useState<{ before: string | undefined; round: number }>({ before: undefined, round: 0 });

  useEffect(() => {
    let current = true;
    actions.activity(room.roomId, wanted.before).then(
      (page) => {
        if (!current) return;
        setActivities((held) => (wanted.before === undefined ? page.activities : [...held, ...page.activities]));
        setNext(page.next);
        setFound({ kind: "ready" });
      },
      (thrown: unknown) => current && setFound({ kind: "failed", error: ApiError.from(thrown), before: wanted.before }),
    );
    return () => {
      current = false;
    };
  }, [actions, room.roomId, wanted]);

  return (
    <Dialog title={words.title(room.name)} closeLabel={strings.close} onClose={actions.closeOverlay}>
      <div className="mt-3 min-h-[96px]" aria-busy={found.kind === "loading"}>
        {found.kind === "ready" && activities.length === 0 && <p className="py-2 text-ink-2">{words.empty}</p>}
        <ul>
          {activities.map((activity) => (
            <Line key={activity.activityId} activity={activity} />
          ))}
        </ul>
        {found.kind === "failed" && (
          <>
            <Refusal>{found.error.message}</Refusal>
            <Button className="mt-3" onClick={() => setWanted({ before: found.before, round: wanted.round + 1 })}>
              {strings.tryAgain}
            </Button>
          </>
        )}
        {found.kind === "ready" && next !== undefined && (
          <Button className="mt-2" onClick={() => setWanted({ before: next, round: wanted.round + 1 })}>
            {words.more}
          </Button>
        )}
      </div>
    </Dialog>
  );
}

function Line({ activity }: { activity: Activity }) {
  const who = useAppState((state) => state.people.get(activity.userId)?.displayName ?? strings.somebody);
  const whom = useAppState((state) => (activity.targetUserId === undefined ? "" : (state.people.get(activity.targetUserId)?.displayName ?? strings.somebody)));
  return (
    <li className="flex items-center gap-2.5 min-h-9 py-1">
      <Avatar userId={activity.userId} name={who} size={22} />
      <span className="flex-1 min-w-0 foreign">{words.line(activity.kind, who, whom)}</span>
      <span className="flex-none text-micro text-ink-3 tabular-nums">{when.format(activity.at)}</span>
    </li>
  );
}
