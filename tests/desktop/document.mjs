// What a long document costs a person: from the click to the frame in which its first line is on the screen, and to that
// in which the editor has all of it and takes keys, in a window that never had it open, over an engine that was just
// started. The document is one that was typed, keystroke by keystroke, as a recording of somebody's says
// (MOMOLAND_TRACE; github.com/josephg/editing-traces). Called by `./dev bench desktop --trace`.
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { makeRoom, openBrowser, openEngine, openWindow, withServer } from "./figures.mjs";
import { median } from "./median.mjs";
import { report } from "./report.mjs";

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
  const figures = { first: [], keys: [], shortFirst: [], shortKeys: [] };
  for (let run = 0; run < RUNS; run += 1) {
    for (const [title, head, last, firsts, keys] of [[TITLE, lines[0], lines.at(-1), figures.first, figures.keys], [SHORT_TITLE, SHORT, SHORT, figures.shortFirst, figures.shortKeys]]) {
      const { page, close } = await openWindow(browser, "typist", { userId, roomId });
      await page.getByRole("tab", { name: "Documents" }).click();
      await page.getByRole("button", { name: title }).waitFor();
      await new Promise((done) => setTimeout(done, CHOOSING_MS));
      const times = await timesToText(page, title, head, last);
      firsts.push(times.first);
      keys.push(times.keys);
      await close();
    }
  }
  await browser.close();
  report("window.open_document_first_line", median(figures.first), "ms", { atMost: 100 });
  report("window.open_document_editor", median(figures.keys), "ms");
  report("window.open_short_document", median(figures.shortFirst), "ms", { atMost: 100 });
  report("window.open_short_document_editor", median(figures.shortKeys), "ms");
});

/** From the click to the end of the frame that first shows the first line, and of that in which the editor has the last one, and the focus. */
async function timesToText(page, title, head, last) {
  await page.evaluate(([of, firstLine, lastLine, patienceMs]) => {
    const button = [...document.querySelectorAll("button")].find((each) => each.textContent.includes(of));
    window.painted = new Promise((done, fail) => {
      const began = performance.now();
      const times = {};
      const shows = {
        // Whatever shows it: the beginning that the engine told, or the editor.
        first: () => document.querySelector(".prose")?.textContent.includes(firstLine) === true,
        keys: () => document.activeElement?.matches(".ProseMirror") === true && document.activeElement.textContent.includes(lastLine),
      };
      const look = () => {
        for (const name of Object.keys(shows)) {
          if (times[name] !== undefined || !shows[name]()) continue;
          times[name] = 0;
          // This runs ahead of the frame's drawing, and what is posted now after it.
          const { port1, port2 } = new MessageChannel();
          port1.onmessage = () => {
            port1.close();
            times[name] = performance.now() - began;
            const { top, bottom } = document.querySelector(".prose > *").getBoundingClientRect();
            if (name === "first" && (top < 0 || bottom > innerHeight)) fail(new Error(`the first line of ${of} is out of sight`));
            if (times.first > 0 && times.keys > 0) done(times);
          };
          port2.postMessage(null);
        }
        if (performance.now() - began > patienceMs) fail(new Error(`${of} is nowhere to be seen`));
        else if (times.first === undefined || times.keys === undefined) requestAnimationFrame(look);
      };
      button.click();
      requestAnimationFrame(look);
    });
  }, [title, head, last, PATIENCE_MS]);
  return page.evaluate(() => window.painted);
}
