// What a long document costs a person: from the click to the frame in which its text is there, in a window that never
// had it open, over an engine that was just started. The document is one that was typed, keystroke by keystroke, as a
// recording of somebody's says (MOMOLAND_TRACE; github.com/josephg/editing-traces). Called by `./dev bench desktop --trace`.
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { makeRoom, openBrowser, openEngine, openWindow, report, withServer } from "./figures.mjs";
import { median } from "./median.mjs";

const TITLE = "The finished paper";
const SHORT_TITLE = "A short note";
const SHORT = "low water is at ten";
const RUNS = 5;
/** Keystrokes that are on their way to the engine at once. */
const AT_ONCE = 1_000;
const PATIENCE_MS = 60_000;
/** From the list to the click: who reads the titles takes longer. The editor is fetched meanwhile. */
const CHOOSING_MS = 1_000;

const trace = JSON.parse(gunzipSync(readFileSync(process.env.MOMOLAND_TRACE)).toString());

await withServer(async (port) => {
  const engine = await openEngine("typist");
  const { userId } = await engine.ask("account.register", { server: `http://127.0.0.1:${port}`, handle: "typist", password: "a long password" });
  const roomId = await makeRoom(engine, "papers");
  const { docId } = await engine.ask("docs.create", { roomId, title: TITLE, editing: "members" });
  const patches = trace.txns.flatMap((txn) => txn.patches);
  for (let typed = 0; typed < patches.length; typed += AT_ONCE) {
    await Promise.all(patches.slice(typed, typed + AT_ONCE).map(([at, gone, text]) => {
      const ops = [];
      if (gone > 0) ops.push({ at, delete: gone });
      if (text !== "") ops.push({ at, insert: text });
      return engine.ask("docs.edit", { docId, ops });
    }));
  }
  const { text } = await engine.ask("docs.text", { docId });
  if (text !== trace.endContent) throw new Error("what was typed is not what was recorded");
  const { docId: note } = await engine.ask("docs.create", { roomId, title: SHORT_TITLE, editing: "members" });
  await engine.ask("docs.edit", { docId: note, ops: [{ at: 0, insert: SHORT }] });
  await engine.close();

  const lines = text.split("\n").filter((line) => line.trim().length > 20);
  const browser = await openBrowser();
  const [first, whole, short] = [[], [], []];
  for (let run = 0; run < RUNS; run += 1) {
    for (const [title, head, last, firsts, wholes] of [[TITLE, lines[0], lines.at(-1), first, whole], [SHORT_TITLE, SHORT, SHORT, short, []]]) {
      const { page, close } = await openWindow(browser, "typist", { userId, roomId });
      await page.getByRole("tab", { name: "Documents" }).click();
      await page.getByRole("button", { name: title }).waitFor();
      await new Promise((done) => setTimeout(done, CHOOSING_MS));
      const times = await timesToText(page, title, head, last);
      firsts.push(times.first);
      wholes.push(times.last);
      await close();
    }
  }
  await browser.close();
  report("open_document_first_line", median(first), "ms", 100);
  report("open_document_last_line", median(whole), "ms");
  report("open_short_document", median(short), "ms");
});

/** From the click to the frame in which the first line is there, and to that of the last. */
async function timesToText(page, title, head, last) {
  await page.evaluate(([of, firstLine, lastLine, patienceMs]) => {
    const button = [...document.querySelectorAll("button")].find((each) => each.textContent.includes(of));
    window.painted = new Promise((done, fail) => {
      const began = performance.now();
      const times = {};
      const has = (line) => document.querySelector(".ProseMirror")?.textContent.includes(line) === true;
      const look = () => {
        for (const [name, line] of [["first", firstLine], ["last", lastLine]]) {
          if (times[name] === undefined && has(line)) {
            times[name] = 0;
            requestAnimationFrame(() => {
              times[name] = performance.now() - began;
              if (times.first > 0 && times.last > 0) done(times);
            });
          }
        }
        if (performance.now() - began > patienceMs) fail(new Error(`${of} is nowhere to be seen`));
        else if (times.first === undefined || times.last === undefined) requestAnimationFrame(look);
      };
      button.click();
      look();
    });
  }, [title, head, last, PATIENCE_MS]);
  return page.evaluate(() => window.painted);
}
