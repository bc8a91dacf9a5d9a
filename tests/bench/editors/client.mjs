// `node client.mjs y-websocket|hocuspocus PORT DOCUMENT`: one editor of a document, driven by one JSON object a line on
// standard input, answered by one a line on standard output:
//
//   {"await": FILE}                        → {"done": true} once its text is the end of the trace in FILE
//   {"type": FILE, "keys": N}              → {"done": true} once all of the trace is typed, N keystrokes a transaction
//   {"pace": TIMES, "everyMs": MS}         → {"latenciesMs": […], "bytes": N}: types a letter every so often, and a second
//                                            editor in this process, which it opens, sees it
//
// A trace is {"ops": [[at, deleted, inserted], …], "end": text}, in UTF-16 code units. The text is the Y.Text `default`.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { HocuspocusProvider, HocuspocusProviderWebsocket } from "@hocuspocus/provider";
import { WebSocket } from "ws";
import { WebsocketProvider } from "y-websocket";
import * as Y from "yjs";

const [kind, port, name] = process.argv.slice(2);

/** Bytes that may wait for the socket before typing pauses: an editor's user waits for nothing, a benchmark's queue would only grow. */
const BEHIND_BYTES_MAX = 256 * 1024;

const connects = {
  "y-websocket"(doc) {
    const provider = new WebsocketProvider(`ws://127.0.0.1:${port}`, name, doc, {
      WebSocketPolyfill: WebSocket,
      disableBc: true,
    });
    return { synced: (then) => provider.once("sync", then), socket: () => provider.ws };
  },
  hocuspocus(doc) {
    const websocketProvider = new HocuspocusProviderWebsocket({
      url: `ws://127.0.0.1:${port}`,
      WebSocketPolyfill: WebSocket,
      // Whoever types and hears of nobody for half a minute would connect anew.
      messageReconnectTimeout: 600_000,
    });
    const provider = new HocuspocusProvider({ websocketProvider, name, document: doc });
    provider.attach();
    return { synced: (then) => provider.on("synced", then), socket: () => websocketProvider.webSocket };
  },
};

async function open() {
  const doc = new Y.Doc();
  const link = connects[kind](doc);
  await new Promise((synced) => link.synced(synced));
  return { doc, text: doc.getText("default"), ...link };
}

/** Bytes of a socket both ways, with the frames of WebSocket and without TCP's. */
function bytesOf(editor) {
  const tcp = editor.socket()._socket;
  return tcp.bytesRead + tcp.bytesWritten;
}

const editor = await open();
console.log(JSON.stringify({ ready: true }));

const commands = {
  async await({ await: file }) {
    const { end } = JSON.parse(readFileSync(file, "utf8"));
    const isThere = () => editor.text.length === end.length && editor.text.toString() === end;
    if (!isThere()) {
      await new Promise((done) => {
        editor.doc.on("update", function look() {
          if (!isThere()) return;
          editor.doc.off("update", look);
          done();
        });
      });
    }
    return { done: true };
  },

  async type({ type: file, keys }) {
    const { ops } = JSON.parse(readFileSync(file, "utf8"));
    for (let from = 0; from < ops.length; from += keys) {
      editor.doc.transact(() => {
        for (const [at, deleted, inserted] of ops.slice(from, from + keys)) {
          if (deleted > 0) editor.text.delete(at, deleted);
          if (inserted !== "") editor.text.insert(at, inserted);
        }
      });
      // Its socket is served between transactions.
      if ((from / keys) % 64 === 0) await pause(0);
      while (editor.socket().bufferedAmount > BEHIND_BYTES_MAX) await pause(1);
    }
    return { done: true };
  },

  async pace({ pace: times, everyMs }) {
    const other = await open();
    const latenciesMs = [];
    const before = bytesOf(editor) + bytesOf(other);
    for (let number = 0; number < times; number += 1) {
      const begun = performance.now();
      const seen = new Promise((then) => other.doc.once("update", then));
      editor.text.insert(editor.text.length, "x");
      await seen;
      latenciesMs.push(performance.now() - begun);
      await pause(Math.max(0, everyMs - (performance.now() - begun)));
    }
    return { latenciesMs, bytes: bytesOf(editor) + bytesOf(other) - before };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  const what = Object.keys(commands).find((name) => name in command);
  console.log(JSON.stringify(await commands[what](command)));
}
process.exit(0);
