// The editor is a third of the window's code, and comes when documents are listed, since one of them is opened next.
//
// Once it is here a page renders it like any other component. It is not `lazy`: React shows what it had to wait for no
// sooner than 300 ms after it showed a placeholder, even where all of it was fetched long ago.
import { useEffect, useState, type ComponentType } from "react";
import type { DocEditorProps } from "@/features/documents/editor";
import { useAppState } from "@/state/context";

type DocEditor = ComponentType<DocEditorProps>;

export type Fetched = { kind: "fetching" } | { kind: "failed"; again: () => void } | { kind: "fetched"; DocEditor: DocEditor };

let here: DocEditor | null = null;

async function fetchEditor(): Promise<DocEditor> {
  here ??= (await import("@/features/documents/editor")).default;
  return here;
}

/** Fetches the editor once documents are listed. Where it does not come, the page that needs it asks again and says so. */
export function useEditorAhead(): void {
  const listed = useAppState((state) => {
    const list = state.openRoomId === null ? undefined : state.docs.get(state.openRoomId);
    return list?.kind === "ready" && list.docs.length > 0;
  });
  useEffect(() => {
    if (listed) void fetchEditor().catch(() => undefined);
  }, [listed]);
}

/** The editor, from the first frame on where it was fetched before. */
export function useFetchedEditor(): Fetched {
  const [outcome, setOutcome] = useState<DocEditor | "fetching" | "failed">(() => here ?? "fetching");
  useEffect(() => {
    if (outcome !== "fetching") return;
    let current = true;
    fetchEditor().then(
      // A component is a function, which a setter would call.
      (editor) => current && setOutcome(() => editor),
      () => current && setOutcome("failed"),
    );
    return () => {
      current = false;
    };
  }, [outcome]);
  if (outcome === "fetching") return { kind: "fetching" };
  if (outcome === "failed") return { kind: "failed", again: () => setOutcome("fetching") };
  return { kind: "fetched", DocEditor: outcome };
}
