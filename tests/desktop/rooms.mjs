// What long rooms cost a person: opening one, acting in it, scrolling through it, and the memory of ten of them, with the
// real engine and server and the built window in Chromium. Prints one JSON line a figure; called by `./dev bench desktop`
// with optimised programs.
//
// Where the disk is slow to sync, `TMPDIR=/dev/shm` fills the rooms in a fraction of the time.
import { makeRoom, openBrowser, openEngine, openWindow, withServer } from "./figures.mjs";
import { median } from "./median.mjs";
import { report } from "./report.mjs";
import { megabytes } from "./usage.mjs";

const LONG = Number(process.env.MOMOLAND_BENCH_MESSAGES ?? 100_000);
const SHORT = 100;
const ROOMS = 10;
const RUNS = 5;
const ACTIONS = 20;
/** Turns of the wheel in each direction, one a frame, and how far each goes. */
const TURNS = 200;
const TURN_PX = 120;
/** A hand rests between one direction and the other. */
const TURNING_MS = 300;
/** What is empty for longer than a line of text and its distance to the next. */
const HOLE_PX = 40;
/** What is not on the screen by then does not come. */
const PATIENCE_MS = 30_000;
/** Messages that are on their way to the disk at once. */
const AT_ONCE = 500;
/** After it started nothing is left to do, and what it took for that is given back. */
const IDLE_MS = 5_000;

await withServer(async (port) => {
  const ten = await fill("ten", port, Array.from({ length: ROOMS }, () => LONG / ROOMS));
  const engine = await openEngine("ten");
  await engine.ask("rooms.list", {});
  await new Promise((done) => setTimeout(done, IDLE_MS));
  report("window.engine_pss_ten_rooms", megabytes([engine.child.pid]), "MB", { atMost: 60 });
  await engine.close();
  const listed = [];
  for (let run = 0; run < RUNS; run += 1) {
    const began = performance.now();
    const again = await openEngine("ten");
    await again.ask("rooms.list", {});
    listed.push(performance.now() - began);
    await again.close();
  }
  report("window.engine_start_to_ten_rooms", median(listed), "ms");

  const [short, long, other] = await fill("two", port, [SHORT, LONG, 1]);
  const browser = await openBrowser();
  const opened = { short: [], long: [] };
  const acted = [];
  const scrolled = [];
  const started = [];
  for (let run = 0; run < RUNS; run += 1) {
    // A window that has loaded another room, each time; by turns which comes first.
    for (const name of run % 2 === 0 ? ["short", "long"] : ["long", "short"]) {
      const { page, close } = await openWindow(browser, "two", other);
      opened[name].push(await timeToMessage(page, name === "short" ? short : long, name === "short" ? SHORT : LONG));
      // Once the room needs to be opened no more: what is written in it pushes its newest message up.
      if (name === "long" && run === RUNS - 1) {
        acted.push(...(await timesToAct(page)));
        scrolled.push(...(await framesOfScrolling(page)));
      }
      await close();
    }
    const began = performance.now();
    const { page, close } = await openWindow(browser, "ten", ten[0]);
    await page.getByText(new RegExp(`^${LONG / ROOMS - 1}: low water`, "u")).waitFor();
    await page.getByRole("textbox", { name: /^Message/u }).waitFor();
    started.push(performance.now() - began);
    await close();
  }
  await browser.close();
  report("window.open_room_of_100", median(opened.short), "ms");
  report("window.open_room_of_100000", median(opened.long), "ms", { atMost: 300, reference: median(opened.short), ratioMax: 1.2 });
  report("window.action_to_screen", median(acted), "ms", { atMost: 50 });
  report("window.scroll_frame_median", median(scrolled.map(({ ms }) => ms)), "ms");
  report("window.scroll_frame_p95", scrolled.map(({ ms }) => ms).toSorted((a, b) => a - b)[Math.floor(scrolled.length * 0.95)], "ms");
  report("window.scroll_frames_with_a_hole", (100 * scrolled.filter(({ hole }) => hole > HOLE_PX).length) / scrolled.length, "%");
  report("window.browser_start_to_usable_ten_rooms", median(started), "ms");
});

/** From the click to the frame in which a message is there. */
async function timeToMessage(page, room, size) {
  await page.evaluate(([name, newest, patienceMs]) => {
    const isThere = () => [...document.querySelectorAll("[role=log] article div")].some((line) => line.textContent.startsWith(newest));
    if (isThere()) throw new Error(`${name} is loaded already: ${document.title}`);
    const button = [...document.querySelectorAll("button")].find((each) => each.textContent.includes(name));
    window.painted = new Promise((done, fail) => {
      const began = performance.now();
      const look = () => {
        if (isThere()) requestAnimationFrame(() => done(performance.now() - began));
        else if (performance.now() - began > patienceMs) fail(new Error(`${newest} is nowhere to be seen`));
        else requestAnimationFrame(look);
      };
      button.click();
      look();
    });
  }, [room.title, `${size - 1}: low water`, PATIENCE_MS]);
  return page.evaluate(() => window.painted);
}

/** From Enter to the frame in which one's message is there. */
async function timesToAct(page) {
  const box = page.getByRole("textbox", { name: /^Message/ });
  const times = [];
  for (let at = 0; at < ACTIONS; at += 1) {
    const words = `an action of many, number ${at}`;
    await box.fill(words);
    await page.evaluate((text) => {
      window.shown = new Promise((done) => {
        window.addEventListener("keydown", () => {
          const began = performance.now();
          const look = () => (document.querySelector("[role=log]").textContent.includes(text) ? requestAnimationFrame(() => done(performance.now() - began)) : requestAnimationFrame(look));
          requestAnimationFrame(look);
        }, { once: true, capture: true });
      });
    }, words);
    await box.press("Enter");
    times.push(await page.evaluate(() => window.shown));
  }
  return times;
}

/** The wheel is turned, back through what has to be read first, and down again: how long each frame took, and how much of the pane was empty in it. */
async function framesOfScrolling(page) {
  const log = await page.getByRole("log").boundingBox();
  await page.mouse.move(log.x + log.width / 2, log.y + log.height / 2);
  await page.evaluate(() => {
    window.seen = [];
    let before = performance.now();
    const pane = document.querySelector("[role=log]");
    const look = (now) => {
      const { top, bottom } = pane.getBoundingClientRect();
      const rows = [...pane.querySelectorAll("[data-row]")].filter((row) => row.style.visibility !== "hidden").map((row) => row.getBoundingClientRect());
      let filled = top;
      let hole = 0;
      for (const row of rows.filter((each) => each.bottom > top && each.top < bottom).sort((a, b) => a.top - b.top)) {
        hole = Math.max(hole, row.top - filled);
        filled = row.bottom;
      }
      window.seen.push({ ms: now - before, hole: Math.max(hole, bottom - filled) });
      before = now;
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
  for (const turn of [-TURN_PX, TURN_PX]) {
    for (let at = 0; at < TURNS; at += 1) {
      await page.mouse.wheel(0, turn);
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(done)));
    }
    await new Promise((done) => setTimeout(done, TURNING_MS));
  }
  return page.evaluate(() => window.seen.slice(1));
}

/** An account in a folder of its own with rooms of so many messages. The rooms. */
async function fill(name, port, sizes) {
  const engine = await openEngine(name);
  const { userId } = await engine.ask("account.register", { server: `http://127.0.0.1:${port}`, handle: name, password: "a long password" });
  const rooms = [];
  for (const [at, size] of sizes.entries()) {
    const title = `room-${at}-of-${size}`;
    const roomId = await makeRoom(engine, title);
    rooms.push({ userId, roomId, title });
    for (let sent = 0; sent < size; sent += AT_ONCE) {
      const many = Array.from({ length: Math.min(AT_ONCE, size - sent) }, (_, of) => engine.ask("messages.send", { roomId, text: `${sent + of}: low water is at ten, and the slip is free until noon; bring the pump and the long line.` }));
      const written = await Promise.all(many);
      // As a window that shows them does: what nobody has read is counted anew with each that follows.
      await engine.ask("messages.markRead", { roomId, messageId: written.at(-1).messageId });
    }
  }
  await engine.close();
  return rooms;
}
