// What an open editor says to the engine about its document, and what it hears. Bytes only: neither side of it is in the
// state, since a keystroke concerns nobody but the editor.
import type { Client, Off } from "@/client/client";
import type { OpenedDoc } from "@/client/types";

export type DocLineEvent =
  | { kind: "update"; update: Uint8Array }
  | { kind: "awareness"; userId: string; deviceId: string; state: unknown }
  /** What the editor holds counts no more: it has to begin anew. */
  | { kind: "reset" }
  /** The way to the engine is open again, or events were dropped: there may be more than was heard. */
  | { kind: "again" };

export type DocLine = {
  /** Asks the engine before there is somebody to listen; the next `open` has the answer, and the next listener hears what there was to hear since. */
  ask: () => void;
  open: () => Promise<OpenedDoc>;
  /** Answers once it is on this device's disk. */
  update: (update: Uint8Array) => Promise<void>;
  /** What the asker lacks, and what the engine has. */
  state: (stateVector: Uint8Array) => Promise<{ update: Uint8Array; stateVector: Uint8Array }>;
  /** Lossy by design: nobody is told when it does not get through. */
  awareness: (state: unknown) => void;
  close: () => void;
  listen: (listener: (event: DocLineEvent) => void) => Off;
};

export function createDocLine(client: Client, docId: string): DocLine {
  // Which of this device's editors it is, once it is open.
  let editor: { clientId?: number } = {};
  let asked: Promise<OpenedDoc> | null = null;
  // The engine tells of what others write once it has opened the document, and tells it once.
  let early: { heard: DocLineEvent[]; off: Off } | null = null;

  function hear(listener: (event: DocLineEvent) => void): Off {
    const offs = [
      client.onEvent((event) => {
        if (event.type === "resync") listener({ kind: "again" });
        if (!("docId" in event) || event.docId !== docId) return;
        if (event.type === "doc.update") listener({ kind: "update", update: fromBase64(event.update) });
        else if (event.type === "doc.awareness") listener({ kind: "awareness", userId: event.userId, deviceId: event.deviceId, state: event.state });
        else if (event.type === "doc.reset") listener({ kind: "reset" });
      }),
      client.onLink((link) => link === "open" && listener({ kind: "again" })),
    ];
    return () => offs.forEach((off) => off());
  }

  /** What was heard while nobody listened; from now on it is not kept. */
  function takeEarly(): readonly DocLineEvent[] {
    const heard = early?.heard ?? [];
    early?.off();
    early = null;
    return heard;
  }

  return {
    ask() {
      const heard: DocLineEvent[] = [];
      early = { heard, off: hear((event) => heard.push(event)) };
      asked = client.call("docs.open", { docId });
      // Whoever opens it hears of a refusal.
      asked.catch(() => undefined);
    },
    async open() {
      const answer = asked ?? client.call("docs.open", { docId });
      asked = null;
      const opened = await answer;
      editor = { clientId: opened.clientId };
      return opened;
    },
    update: async (update) => {
      await client.call("docs.update", { docId, update: toBase64(update) });
    },
    state: async (stateVector) => {
      const state = await client.call("docs.state", { docId, stateVector: toBase64(stateVector) });
      return { update: fromBase64(state.update), stateVector: fromBase64(state.stateVector) };
    },
    awareness: (state) => void client.call("docs.awareness", { docId, ...editor, state }).catch(() => undefined),
    close() {
      takeEarly();
      // What was asked for and is not here yet can be closed once it is.
      void Promise.resolve(asked)
        .then(() => client.call("docs.close", { docId }))
        .catch(() => undefined);
    },
    listen(listener) {
      for (const event of takeEarly()) listener(event);
      return hear(listener);
    },
  };
}

/** In pieces: a document has more bytes than a call takes arguments. */
const PIECE_BYTES = 0x8000;

export function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) text += String.fromCharCode(...bytes.subarray(at, at + PIECE_BYTES));
  return btoa(text);
}

export function fromBase64(text: string): Uint8Array {
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  // A call for each byte of a long document would be seen.
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = characters.charCodeAt(at);
  return bytes;
}
