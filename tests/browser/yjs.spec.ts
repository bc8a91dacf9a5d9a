// Editors that know Yjs and y-websocket and nothing of Momoland, each at somebody's own `momo ui`: they write together,
// see each other, and change nothing where they may not write. No window is opened.
import { expect, test } from "@playwright/test";
import { WebSocket } from "ws";
import { WebsocketProvider } from "y-websocket";
import * as Y from "yjs";
import { Ground, until } from "./processes.js";

const WITHIN_MS = 20_000;
const PASSWORD = "correct horse battery";

type Answer = { id?: number; result?: Record<string, unknown>; error?: { message: string; data: { kind: string } } };

/** Somebody's own replica, asked through the window's socket. */
class Person {
  readonly #origin: string;
  readonly #cookie: string;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  readonly #editors: Editor[] = [];
  #asked = 0;

  private constructor(origin: string, cookie: string, socket: WebSocket) {
    this.#origin = origin;
    this.#cookie = cookie;
    this.#socket = socket;
    socket.on("message", (data) => {
      const answer = JSON.parse(String(data)) as Answer;
      if (answer.id !== undefined) this.#waiting.get(answer.id)?.(answer);
    });
  }

  static async start(ground: Ground, name: string, server: string): Promise<Person> {
    const { address } = await ground.window(name);
    const entrance = await fetch(address, { redirect: "manual" });
    const cookie = entrance.headers.get("set-cookie")?.split(";")[0] ?? "";
    const { host } = new URL(address);
    const socket = new WebSocket(`ws://${host}/ws`, { headers: { cookie } });
    await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
    const person = new Person(host, cookie, socket);
    await person.ask("account.register", { server, handle: name, password: PASSWORD });
    return person;
  }

  async call(method: string, params: object): Promise<Answer> {
    const id = (this.#asked += 1);
    const answer = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve));
    this.#socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    return answer;
  }

  async ask(method: string, params: object): Promise<Record<string, unknown>> {
    const answer = await this.call(method, params);
    if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`);
    return answer.result ?? {};
  }

  async text(docId: string): Promise<string | undefined> {
    const answer = await this.call("docs.text", { docId });
    return answer.result?.["text"] as string | undefined;
  }

  /** A stock editor, which comes in with the window's cookie or with `cookie`. */
  edit(docId: string, cookie = this.#cookie): Editor {
    const editor = new Editor(this.#origin, docId, cookie);
    this.#editors.push(editor);
    return editor;
  }

  end(): void {
    for (const editor of this.#editors) editor.end();
    this.#socket.terminate();
  }
}

class Editor {
  readonly replica = new Y.Doc();
  readonly provider: WebsocketProvider;

  constructor(host: string, docId: string, cookie: string) {
    class Polyfill extends WebSocket {
      constructor(address: string | URL, protocols?: string | string[]) {
        super(address, protocols ?? [], { headers: { cookie } });
      }
    }
    this.provider = new WebsocketProvider(`ws://${host}/yjs`, docId, this.replica, { WebSocketPolyfill: Polyfill as unknown as typeof globalThis.WebSocket, disableBc: true });
  }

  /** The text of all paragraphs. */
  get text(): string {
    const paragraphs = this.replica.getXmlFragment("default").toArray();
    return paragraphs.map((each) => (each instanceof Y.XmlElement ? each.toArray().join("") : "")).join("\n");
  }

  /** Adds a paragraph at the end, as an editor does. */
  write(text: string): void {
    const paragraph = new Y.XmlElement("paragraph");
    paragraph.insert(0, [new Y.XmlText(text)]);
    this.replica.getXmlFragment("default").push([paragraph]);
  }

  async synced(): Promise<void> {
    await holds("the editor is in step", () => this.provider.synced);
  }

  end(): void {
    this.provider.destroy();
    this.replica.destroy();
  }
}

async function holds(what: string, check: () => boolean | Promise<boolean>): Promise<void> {
  await until(what, WITHIN_MS, async () => ((await check()) ? true : undefined));
}

async function together(act: (ada: Person, grace: Person, docId: string) => Promise<void>): Promise<void> {
  const ground = await Ground.make();
  const people: Person[] = [];
  let failed = true;
  try {
    const server = await ground.server();
    for (const name of ["ada", "grace"]) people.push(await Person.start(ground, name, server.address));
    const [ada, grace] = people as [Person, Person];
    const { roomId } = await ada.ask("rooms.create", { name: "boat-shed", kind: "chat", visibility: "private" });
    const { invite } = await ada.ask("rooms.invite", { roomId });
    await grace.ask("rooms.join", { invite });
    const { docId } = (await ada.ask("docs.create", { roomId, title: "Plan", editing: "members" })) as { docId: string };
    await holds("grace has the document", async () => (await grace.text(docId)) !== undefined);
    await act(ada, grace, docId);
    failed = false;
  } finally {
    for (const person of people) person.end();
    await ground.leave(failed);
  }
}

// Rules: DO12
test("two stock editors at two replicas write one document and see each other", async () => {
  await together(async (ada, grace, docId) => {
    const [one, other] = [ada.edit(docId), grace.edit(docId)];
    await Promise.all([one.synced(), other.synced()]);
    one.write("The sleepers go first.");
    other.write("Then the rail.");
    await ada.ask("docs.edit", { docId, ops: [{ at: 0, insert: "By hand. " }] });
    const all = ["By hand.", "The sleepers go first.", "Then the rail."];
    await holds("both have all of it", () => [one, other].every((each) => all.every((part) => each.text.includes(part))));
    await holds("one text", async () => one.text === other.text && (await ada.text(docId)) === (await grace.text(docId)));
    expect(Y.encodeStateVector(one.replica)).toEqual(Y.encodeStateVector(other.replica));

    // What was written while an editor was away merges when it is back.
    other.provider.disconnect();
    other.write("Grease last.");
    one.write("Check the winch.");
    other.provider.connect();
    await holds("both have what was written meanwhile", () => [one, other].every((each) => each.text.includes("Grease last.") && each.text.includes("Check the winch.")));

    one.provider.awareness.setLocalState({ user: { name: "mallory", color: "#30bced" }, cursor: { anchor: 3 } });
    const seen = (): Record<string, unknown> | undefined => [...other.provider.awareness.getStates().values()].find((state) => "cursor" in state);
    await holds("grace's editor sees ada's caret", () => seen() !== undefined);
    // Under the name that she has in the room, not the one that her editor claims.
    expect(seen()?.["user"]).toMatchObject({ name: "ada", color: "#30bced" });
    one.end();
    await holds("it is gone when she goes", () => seen() === undefined);
  });
});

test("yrs and yjs make the same of a corpus of updates, in both directions", async () => {
  await together(async (ada, _, docId) => {
    const random = chance(20_261_129);
    const begun = (await ada.ask("docs.open", { docId })) as { update: string };
    const replicas = [new Y.Doc(), new Y.Doc()];
    for (const replica of replicas) Y.applyUpdate(replica, Buffer.from(begun.update, "base64"));
    for (let round = 0; round < 40; round += 1) {
      // Both change it at once, not knowing of each other; the engine's own hand is a third.
      for (const replica of replicas) {
        const before = Y.encodeStateVector(replica);
        replica.transact(() => {
          for (let step = 0; step < 5; step += 1) change(replica, random);
        });
        await ada.ask("docs.update", { docId, update: Buffer.from(Y.encodeStateAsUpdate(replica, before)).toString("base64") });
      }
      const units = ((await ada.text(docId)) ?? "").length;
      await ada.ask("docs.edit", { docId, ops: [{ at: units, insert: `${round}\n` }] });
      for (const replica of replicas) {
        const lacking = (await ada.ask("docs.state", { docId, stateVector: Buffer.from(Y.encodeStateVector(replica)).toString("base64") })) as { update: string };
        Y.applyUpdate(replica, Buffer.from(lacking.update, "base64"));
      }
      const whole = (await ada.ask("docs.state", { docId })) as { update: string; stateVector: string };
      const fresh = new Y.Doc();
      Y.applyUpdate(fresh, Buffer.from(whole.update, "base64"));
      const shown = [fresh, ...replicas].map((replica) => replica.getXmlFragment("default").toString());
      expect(new Set(shown).size, `round ${round}`).toBe(1);
      const vector = Y.decodeStateVector(Buffer.from(whole.stateVector, "base64"));
      for (const replica of replicas) expect(new Map(Y.decodeStateVector(Y.encodeStateVector(replica)))).toEqual(new Map(vector));
    }
  });
});

/** Small numbers, the same for the same seed. */
function chance(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** One change of what editors of rich text make. */
function change(replica: Y.Doc, random: (below: number) => number): void {
  const fragment = replica.getXmlFragment("default");
  const texts = fragment.toArray().flatMap((each) => (each instanceof Y.XmlElement ? each.toArray() : [])).filter((each) => each instanceof Y.XmlText);
  const text = texts[random(Math.max(texts.length, 1))];
  switch (random(6)) {
    case 0: {
      const block = new Y.XmlElement(random(2) === 0 ? "paragraph" : "heading");
      block.insert(0, [new Y.XmlText("né😀w")]);
      fragment.insert(random(fragment.length + 1), [block]);
      break;
    }
    case 1:
      if (fragment.length > 3) fragment.delete(random(fragment.length), 1);
      break;
    case 2: {
      const block = fragment.get(random(fragment.length));
      // Numbers are values of the attributes of editors, whatever the types say.
      if (block instanceof Y.XmlElement) block.setAttribute("level", (1 + random(6)) as unknown as string);
      break;
    }
    case 3:
      if (text !== undefined && text.length > 2) text.delete(random(text.length - 1), 1 + random(1));
      break;
    case 4:
      if (text !== undefined && text.length > 1) text.format(0, 1 + random(text.length - 1), random(2) === 0 ? { bold: {} } : { bold: null, link: { href: "https://momoland.example/" } });
      break;
    default:
      if (text !== undefined) text.insert(random(text.length + 1), "word ");
  }
}

// Rules: DO12
test("an editor of somebody who may not write changes nothing and is told", async () => {
  await together(async (ada, grace, docId) => {
    await ada.ask("docs.edit", { docId, ops: [{ at: 0, insert: "ada's" }] });
    await ada.ask("docs.setEditors", { docId, editing: "author" });
    await holds("grace may not write", async () => (await grace.call("docs.edit", { docId, ops: [{ at: 0, insert: "x" }] })).error?.data.kind === "forbidden");
    const reader = grace.edit(docId);
    await reader.synced();
    expect(reader.text).toBe("ada's");
    const warned: string[] = [];
    const warn = console.warn;
    console.warn = (text: string) => warned.push(text);
    try {
      reader.write("mine");
      await holds("she is told", () => warned.some((text) => text.includes("You can read it.")));
    } finally {
      console.warn = warn;
    }
    await ada.ask("docs.edit", { docId, ops: [{ at: 5, insert: " still" }] });
    await holds("she reads on", () => reader.text.startsWith("ada's still"));
    expect(await grace.text(docId)).toBe("ada's still");
    expect(await ada.text(docId)).toBe("ada's still");
  });
});

test("nobody comes in without the window's token", async () => {
  await together(async (ada, _, docId) => {
    const stranger = ada.edit(docId, "momoland=guess");
    const refused = await new Promise((resolve) => stranger.provider.once("connection-error", resolve));
    expect(String((refused as { message?: string }).message)).toContain("401");
    expect(stranger.text).toBe("");
  });
});
