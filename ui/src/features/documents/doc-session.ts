// A document in the webview: a Yjs replica that is kept in step with the engine's, and the carets of whoever else is in it.
//
// Every change here goes to the engine at once, many as one while the engine is still busy with those before. It counts as
// saved only when the engine has it on the disk. Invariants: nothing typed is dropped without a word (`failed` keeps it in
// the replica); what the engine says is never sent back to it; a caret that is not heard of any more goes.
import { applyAwarenessUpdate, Awareness, removeAwarenessStates } from "y-protocols/awareness";
import * as Y from "yjs";
import { ApiError } from "@/client/error";
import type { Doc, DocPresence } from "@/client/types";
import { fromBase64, type DocLine } from "@/state/doc-line";

export type Saving = { kind: "saved" } | { kind: "saving" } | { kind: "failed"; error: ApiError };

export type DocSession = {
  replica: Y.Doc;
  awareness: Awareness;
  /** As it was when it was opened. */
  doc: Doc;
  /** User ids of those who are in it besides this device, each once. */
  present: () => readonly string[];
  saving: () => Saving;
  /** Of `present` or `saving`. */
  onChange: (listener: () => void) => () => void;
  /** Once more, after a failure. */
  retry: () => void;
  close: () => void;
};

/** Carets are told at most this often. */
const AWARENESS_DELAY_MS = 120;
/** A state that nobody has confirmed for so long is not shown any more. The engine drops stale ones too. */
const STALE_MS = 30_000;
const FROM_ENGINE = Symbol("from the engine");

type Remote = { userId: string; clientId: number; heardAt: number };

export type SessionOptions = {
  /** Aborted when nobody wants the session any more: what is under way then ends in a rejection. */
  gone: AbortSignal;
  /** The first blocks, long before all is taken in, which waits until this is done. */
  onBeginning: (blocks: readonly unknown[]) => Promise<void>;
  /** The replica counts no more; the session is closed and a new one has to be opened. */
  onReset: () => void;
};

export async function openDocSession(line: DocLine, { gone, onBeginning, onReset }: SessionOptions): Promise<DocSession> {
  const heard: Parameters<Parameters<DocLine["listen"]>[0]>[0][] = [];
  let hear = (event: (typeof heard)[number]): void => void heard.push(event);
  // Listening begins before the answer, so that nothing falls between the two.
  const off = line.listen((event) => hear(event));
  let opened;
  try {
    opened = await line.open();
    if (!gone.aborted) await onBeginning(opened.beginning);
    if (gone.aborted) line.close();
    gone.throwIfAborted();
  } catch (thrown) {
    off();
    throw thrown;
  }

  const replica = new Y.Doc();
  replica.clientID = opened.clientId;
  Y.applyUpdate(replica, fromBase64(opened.update), FROM_ENGINE);
  const awareness = new Awareness(replica);
  const remotes = new Map<string, Remote>();
  const listeners = new Set<() => void>();
  let saving: Saving = { kind: "saved" };
  let waiting: Uint8Array[] = [];
  let busy = false;
  let closed = false;
  let nextRemote = 1;

  const tell = (): void => listeners.forEach((listener) => listener());
  function setSaving(next: Saving): void {
    saving = next;
    tell();
  }

  async function flush(): Promise<void> {
    if (busy || waiting.length === 0) return;
    busy = true;
    const batch = waiting;
    waiting = [];
    setSaving({ kind: "saving" });
    try {
      await line.update(batch.length === 1 && batch[0] !== undefined ? batch[0] : Y.mergeUpdates(batch));
      busy = false;
      if (waiting.length > 0) void flush();
      else setSaving({ kind: "saved" });
    } catch (thrown) {
      busy = false;
      waiting = [...batch, ...waiting];
      setSaving({ kind: "failed", error: ApiError.from(thrown) });
    }
  }

  function onUpdate(update: Uint8Array, origin: unknown): void {
    if (origin === FROM_ENGINE) return;
    waiting.push(update);
    // After a refusal nothing more is sent by itself: it leans on what was refused.
    if (saving.kind !== "failed") void flush();
  }
  replica.on("update", onUpdate);

  /** Both sides give what the other lacks. */
  async function compare(): Promise<void> {
    try {
      const theirs = await line.state(Y.encodeStateVector(replica));
      if (closed) return;
      Y.applyUpdate(replica, theirs.update, FROM_ENGINE);
      waiting = [Y.encodeStateAsUpdate(replica, theirs.stateVector)];
      // An update that holds nothing is two zeros.
      if ((waiting[0]?.length ?? 0) <= 2) waiting = [];
      if (waiting.length > 0) await flush();
      else setSaving({ kind: "saved" });
    } catch (thrown) {
      if (!closed && waiting.length > 0) setSaving({ kind: "failed", error: ApiError.from(thrown) });
    }
  }

  let caretTimer: ReturnType<typeof setTimeout> | undefined;
  function onAwareness(_: unknown, origin: unknown): void {
    if (origin === FROM_ENGINE || caretTimer !== undefined) return;
    caretTimer = setTimeout(() => {
      caretTimer = undefined;
      line.awareness(awareness.getLocalState());
    }, AWARENESS_DELAY_MS);
  }
  awareness.on("update", onAwareness);

  /** One device is one caret, under a number of ours: what it says of itself is only where it is. */
  function place({ userId, deviceId, state }: DocPresence): void {
    const known = remotes.get(deviceId);
    const clientId = known?.clientId ?? replica.clientID + nextRemote;
    if (state === null || typeof state !== "object") {
      remotes.delete(deviceId);
      removeAwarenessStates(awareness, [clientId], FROM_ENGINE);
    } else {
      if (known === undefined) nextRemote += 1;
      remotes.set(deviceId, { userId, clientId, heardAt: Date.now() });
      putState(awareness, clientId, { ...state, user: { userId } });
    }
    tell();
  }
  for (const each of opened.present) place(each);

  const sweep = setInterval(() => {
    const late = Date.now() - STALE_MS;
    for (const [deviceId, remote] of remotes) if (remote.heardAt < late) place({ userId: remote.userId, deviceId, state: null });
    // One's own is said again, so that others do not take it for stale.
    line.awareness(awareness.getLocalState());
  }, STALE_MS / 2);

  function close(): void {
    if (closed) return;
    closed = true;
    off();
    clearInterval(sweep);
    clearTimeout(caretTimer);
    replica.off("update", onUpdate);
    line.awareness(null);
    line.close();
    awareness.destroy();
    replica.destroy();
  }

  hear = (event) => {
    switch (event.kind) {
      case "update":
        Y.applyUpdate(replica, event.update, FROM_ENGINE);
        break;
      case "awareness":
        place(event);
        break;
      case "again":
        void compare();
        break;
      case "reset":
        close();
        onReset();
        break;
    }
  };
  for (const event of heard) hear(event);

  return {
    replica,
    awareness,
    doc: opened.doc,
    present: () => [...new Set([...remotes.values()].map(({ userId }) => userId))],
    saving: () => saving,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    retry: () => void compare(),
    close,
  };
}

/** Awareness has no way to set another's state but its wire form, so a state is put into that. */
function putState(awareness: Awareness, clientId: number, state: object): void {
  const clock = (awareness.meta.get(clientId)?.clock ?? 0) + 1;
  applyAwarenessUpdate(awareness, encodeState(clientId, clock, JSON.stringify(state)), FROM_ENGINE);
}

function encodeState(clientId: number, clock: number, state: string): Uint8Array {
  const text = new TextEncoder().encode(state);
  return Uint8Array.from([...varUint(1), ...varUint(clientId), ...varUint(clock), ...varUint(text.length), ...text]);
}

/** Seven bits a byte, the lowest first. Client ids pass 32 bits, so no shifts. */
function varUint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push(128 + (rest % 128));
    rest = Math.floor(rest / 128);
  }
  return [...bytes, rest];
}
