// Drafts on their way to the engine, which keeps them over restarts and gives them to one's other devices.
//
// Each key changes the state at once; the engine is told a little later, once for many keys, and at once when the window
// goes. What could not be told stays unsaved in the state and goes with the next key. Invariant: nothing is told of a
// room where nothing was ever kept, here or by another device, so that a message that is typed and sent in one go costs no
// second write.
import type { Client } from "@/client/client";
import type { Store } from "@/state/store";

/** Keys are gathered for so long. A crash of the window loses no more than this. */
const SAVE_DELAY_MS = 400;

export type Drafts = {
  read: () => Promise<void>;
  /** The draft of a room was changed in the state. */
  changed: (roomId: string) => void;
  /** The draft of a room was sent: there is none any more. */
  sent: (roomId: string) => void;
  /** Tells the engine at once of all that waits. */
  flush: () => void;
};

export function createDrafts(client: Client, store: Store): Drafts {
  const waiting = new Map<string, ReturnType<typeof setTimeout>>();
  /** Rooms of which the engine may hold a draft. */
  const told = new Set<string>();

  async function save(roomId: string): Promise<void> {
    clearTimeout(waiting.get(roomId));
    waiting.delete(roomId);
    const { text = "", replyTo } = store.getState().drafts.get(roomId) ?? {};
    const empty = text === "" && replyTo === undefined;
    const kept = told.has(roomId) || store.getState().rooms?.get(roomId)?.draft !== undefined;
    if (empty && !kept) {
      store.dispatch({ type: "draftSaved", roomId, text, replyTo });
      return;
    }
    told.add(roomId);
    try {
      await client.call("drafts.set", { roomId, text, ...(replyTo === undefined ? {} : { replyTo }) });
      store.dispatch({ type: "draftSaved", roomId, text, replyTo });
    } catch {
      // It is in the state still, unsaved: the next key takes it along.
    }
  }

  return {
    async read() {
      try {
        const list = await client.call("drafts.list", {});
        for (const draft of list.drafts) told.add(draft.roomId);
        store.dispatch({ type: "drafts", list });
      } catch {
        // Without the list the rooms' own drafts are shown, and what is written from here on is kept as ever.
      }
    },
    changed(roomId) {
      if (!waiting.has(roomId)) waiting.set(roomId, setTimeout(() => void save(roomId), SAVE_DELAY_MS));
    },
    sent: (roomId) => void save(roomId),
    flush() {
      for (const roomId of [...waiting.keys()]) void save(roomId);
    },
  };
}
