import { useEffect, useState } from "react";
import { flushSync } from "react-dom";
import { ApiError } from "@/client/error";
import { openDocSession, type DocSession } from "@/features/documents/doc-session";
import { EditorPage } from "@/features/documents/editor-page";
import { Failed } from "@/features/documents/stand-ins";
import { useActions } from "@/state/context";
import { strings } from "@/strings/strings";

const words = strings.docs;

export type DocEditorProps = {
  docId: string;
  title: string;
  /** Why nothing can be written; `null` where it can. */
  readOnly: string | null;
  /** The name that a person has now. */
  nameOf: (userId: string) => string;
  onSession: (session: DocSession | null) => void;
};

/** A hidden window has no frames. */
const PAINTED_MS_MAX = 100;

type Opening = { kind: "asked" } | { kind: "begun"; beginning: readonly unknown[] } | { kind: "failed"; error: ApiError } | { kind: "open"; session: DocSession; beginning: readonly unknown[] };

/** A document, opened and kept in step. What cannot be read is an error, never an empty page. */
export default function DocEditor({ docId, title, readOnly, nameOf, onSession }: DocEditorProps) {
  const actions = useActions();
  const [opening, setOpening] = useState<Opening>({ kind: "asked" });
  const [round, setRound] = useState(0);

  useEffect(() => {
    const gone = new AbortController();
    let session: DocSession | null = null;
    let beginning: readonly unknown[] = [];
    openDocSession(actions.docLine(docId), {
      gone: gone.signal,
      async onBeginning(blocks) {
        beginning = blocks;
        // A page with nothing on it is no picture of one.
        if (blocks.length === 0) return;
        flushSync(() => setOpening({ kind: "begun", beginning }));
        await painted();
      },
      onReset: () => !gone.signal.aborted && setRound((before) => before + 1),
    }).then(
      (opened) => {
        if (gone.signal.aborted) {
          opened.close();
          return;
        }
        session = opened;
        // What is typed while all is taken in waits for this task to end, and is the editor's only if it is there by then.
        flushSync(() => {
          setOpening({ kind: "open", session: opened, beginning });
          onSession(opened);
        });
      },
      (thrown: unknown) => !gone.signal.aborted && setOpening({ kind: "failed", error: ApiError.from(thrown) }),
    );
    return () => {
      gone.abort();
      onSession(null);
      setOpening({ kind: "asked" });
      session?.close();
    };
  }, [actions, docId, round, onSession]);

  if (opening.kind === "failed") return <Failed sentence={`${words.failed} ${opening.error.message}`} onAgain={() => setRound(round + 1)} />;
  const beginning = opening.kind === "asked" ? null : opening.beginning;
  return <EditorPage beginning={beginning} session={opening.kind === "open" ? opening.session : null} title={title} readOnly={readOnly} nameOf={nameOf} />;
}

/** Once what is shown has been drawn; a window that draws nothing now is not waited for. */
function painted(): Promise<void> {
  return new Promise((done) => {
    const late = setTimeout(done, PAINTED_MS_MAX);
    requestAnimationFrame(() => {
      clearTimeout(late);
      // A frame's callbacks run before it is drawn, and what is posted in one after.
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        done();
      };
      port2.postMessage(null);
    });
  });
}
