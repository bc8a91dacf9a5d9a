import { FileText, Plus } from "lucide-react";
import { useEffect, useState } from "react";
import type { Doc, Room } from "@/client/types";
import { Button } from "@/components/button";
import { useMinute } from "@/components/clock";
import { Failed, Loading } from "@/components/reading";
import { lastSeenWords } from "@/features/details/last-seen";
import { useActions, useAppState } from "@/state/context";
import { mayPost } from "@/state/selectors";
import { strings } from "@/strings/strings";

const words = strings.docs;

/** The documents of the open room, the newest change first. */
export function Documents({ room }: { room: Room }) {
  const actions = useActions();
  const list = useAppState((state) => state.docs.get(room.roomId));
  const [archived, setArchived] = useState(false);
  useEffect(() => actions.readDocs(room.roomId), [actions, room.roomId]);
  const create = mayPost(room) && (
    <Button onClick={() => actions.show({ kind: "createDoc", roomId: room.roomId })}>
      <Plus aria-hidden="true" className="size-4 stroke-[1.75]" />
      {words.create}
    </Button>
  );

  switch (list?.kind) {
    case undefined:
    case "loading":
      return <Loading />;
    case "failed":
      return <Failed sentence={`${words.listFailed} ${list.error.message}`} action={strings.tryAgain} onRetry={() => actions.readDocs(room.roomId)} />;
    case "ready": {
      const shown = list.docs.filter((doc) => doc.archived === archived);
      const put = list.docs.filter((doc) => doc.archived).length;
      return (
        <div className="flex flex-col flex-1 min-h-0">
          <div className="flex-1 min-h-0 overflow-y-auto scroller px-2">
            {shown.length === 0 ? (
              <div className="grid justify-items-start gap-3 px-3 py-2">
                <p className="text-ink-3">{archived ? words.noArchived : words.empty}</p>
                {!archived && create}
              </div>
            ) : (
              <ul>
                {shown.map((doc) => (
                  <Row key={doc.docId} doc={doc} />
                ))}
              </ul>
            )}
          </div>
          <div className="flex flex-wrap items-center gap-2 flex-none p-3">
            {shown.length > 0 && !archived && create}
            {(put > 0 || archived) && (
              <Button tone="quiet" onClick={() => setArchived(!archived)}>
                {archived ? words.showCurrent : words.showArchived(put)}
              </Button>
            )}
          </div>
        </div>
      );
    }
  }
}

function Row({ doc }: { doc: Doc }) {
  const actions = useActions();
  const open = useAppState((state) => state.openDocId === doc.docId);
  const name = useAppState((state) => state.people.get(doc.author)?.displayName ?? strings.somebody);
  const minute = useMinute();
  return (
    <li>
      <button
        type="button"
        aria-current={open ? "page" : undefined}
        onClick={() => actions.openDoc(doc.docId)}
        className={`flex items-center gap-2.5 w-full min-h-[44px] px-2 py-1 rounded-control text-start transition-colors duration-(--fast) hover:bg-hover ${open ? "bg-selected" : ""}`}
      >
        <FileText aria-hidden="true" className="flex-none size-[17px] stroke-[1.75] text-ink-3" />
        <span className="flex-1 min-w-0">
          <span className="block truncate foreign font-medium">{doc.title}</span>
          <span className="block truncate foreign text-small text-ink-2">{words.by(name, lastSeenWords(doc.changedAt, minute))}</span>
        </span>
      </button>
    </li>
  );
}
