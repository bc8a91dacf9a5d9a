// How many pictures of a call get onto the screen: a real window, and somebody whose moving test picture it shows in a
// tile of about 640×360. Called by `./dev bench desktop`; one JSON line a figure.
//
// The page is asked at every frame that it paints whether a new picture was drawn on the tile since the last one.
import { Momo } from "./momo.mjs";
import { until } from "./processes.mjs";
import { report } from "./report.mjs";
import { Stage } from "./stage.mjs";

const ROOM = "boat-shed";
const TILE_WIDTH = 640;
/** Sizes are whole device pixels, and controls take what they need. */
const WIDTH_OFF_MAX = 24;
const MEASURED_S = 15;

const CANVAS = `document.querySelector('[role=img][aria-label^="Picture of"] canvas')`;
const WIDTH = `return ${CANVAS}?.clientWidth ?? null`;

// Runs in the page. Only what was drawn on this canvas counts, and twice between two frames counts once.
const COUNT = `
  const [seconds, done] = arguments;
  const canvas = ${CANVAS};
  const card = canvas.getContext("webgl2");
  let drawn = false, pictures = 0, shown = 0, frames = 0;
  const [target, name] = card === null ? [canvas.getContext("2d"), "putImageData"] : [card, "drawArrays"];
  const draw = target[name].bind(target);
  target[name] = (...args) => { draw(...args); drawn = true; pictures += 1; };
  const begun = performance.now();
  requestAnimationFrame(function frame(now) {
    frames += 1;
    shown += drawn ? 1 : 0;
    drawn = false;
    const elapsed = (now - begun) / 1000;
    if (elapsed < seconds) return requestAnimationFrame(frame);
    delete target[name];
    done({ drawnBy: name, shown: shown / elapsed, pictures: pictures / elapsed, frames: frames / elapsed, width: canvas.width, height: canvas.height });
  });
`;

process.env.MOMOLAND_MEDIA = "synthetic";
const stage = await Stage.open();
let grace;
try {
  const server = await stage.startServer();
  const window = await stage.openWindow("ada", 0);
  await window.register({ server: server.address, handle: "ada", password: "boat-shed ada", displayName: "Ada Okafor" });
  await window.createRoom(ROOM);
  const { invite } = await window.call("rooms.invite", { roomId: (await window.call("rooms.list")).rooms[0].roomId });
  grace = new Momo(`${stage.dir}/grace`);
  await grace.call("account.register", { server: server.address, handle: "grace", password: "boat-shed grace", displayName: "Grace Lindqvist" });
  await until("grace is connected", async () => (await grace.call("net.status")).server === "online");
  const { roomId } = await grace.call("rooms.join", { invite });
  await window.path("direct");
  const { callId } = await grace.call("calls.start", { roomId, media: "video" });
  await window.press("button", "Without video");
  await until("the picture is there", async () => (await window.driver.executeScript(WIDTH)) !== null);
  await fitTile(window);
  await window.driver.manage().setTimeouts({ script: (MEASURED_S + 20) * 1_000 });
  await until("the picture is sent as large as the tile", async () => (await pictureWidth(window)) >= TILE_WIDTH - 2 * WIDTH_OFF_MAX, 60);
  const seen = await window.driver.executeAsyncScript(COUNT, MEASURED_S);
  report(`desktop.call_pictures_shown.${seen.width}x${seen.height}.${seen.drawnBy}`, seen.shown, "1/s", { atLeast: 24 });
  report("desktop.call_pictures_drawn", seen.pictures, "1/s");
  report("desktop.call_page_frames", seen.frames, "1/s");
  await grace.call("calls.leave", { callId });
} finally {
  await grace?.close();
  await stage.close();
}

/** Makes the window as wide as it takes for the tile to have its width. */
async function fitTile(window) {
  await until(`the tile is ${TILE_WIDTH} pixels wide`, async () => {
    const off = TILE_WIDTH - (await window.driver.executeScript(WIDTH));
    if (Math.abs(off) <= WIDTH_OFF_MAX) return true;
    const rect = await window.driver.manage().window().getRect();
    await window.driver.manage().window().setRect({ ...rect, width: rect.width + off, height: rect.height + Math.round((off * 9) / 16) });
    return null;
  });
}

async function pictureWidth(window) {
  return await window.driver.executeScript(`return ${CANVAS}.width`);
}
