import { useEffect } from "react";
import { useAppState } from "@/state/context";

/** Fetches the editor once documents are listed, since one of them is opened next. Where it does not come, the page that needs it asks again and says so. */
export function useEditorAhead(): void {
  const listed = useAppState((state) => {
    const list = state.openRoomId === null ? undefined : state.docs.get(state.openRoomId);
    return list?.kind === "ready" && list.docs.length > 0;
  });
  useEffect(() => {
    if (listed) void import("@/features/documents/editor").catch(() => undefined);
  }, [listed]);
}
