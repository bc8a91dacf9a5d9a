// Listening together: a file that somebody plays to all in a call, as everybody in it has it.
import AxeBuilder from "@axe-core/playwright";
import type { Locator } from "playwright-core";
import { describe, expect, test } from "vitest";
import type { Call, CallListening, CallParticipant } from "@/client/types";
import { Refused, type FakeEngine } from "./fake-engine.js";
import { asked, composer, expectSteady, focused, openRoom, openWindow, until, type Opened } from "./harness.js";
import { tidewater } from "./tidewater.js";

const INGRID: CallParticipant = { userId: "ingrid", deviceId: "ingrid-1", mic: true, speaking: false, camera: false, screen: false, since: 1, path: "direct" };
const call = (more: Partial<Call> = {}): Call => ({
  callId: "c1", roomId: "boat-shed", media: "audio", part: "in", mic: true, speaking: false, camera: false, screen: false, since: Date.now() - 65_000,
  sound: { microphone: "Built-in microphone", speakers: "Built-in speakers" }, participants: [INGRID], ...more,
});
const played = (more: Partial<CallListening> = {}): CallListening => ({ deviceId: "ingrid-1", userId: "ingrid", title: "Low water", lengthMs: 185_000, state: "paused", positionMs: 60_000, at: Date.now(), changedBy: "ingrid", ...more });

async function inCall(listening?: CallListening, options: Parameters<typeof openWindow>[1] = {}): Promise<Opened & { bar: Locator; strip: Locator; slider: Locator }> {
  const world = tidewater();
  world.calls = [call(listening === undefined ? {} : { listening })];
  const opened = await openWindow(world, options);
  await openRoom(opened.page, "boat-shed");
  const bar = opened.page.getByRole("region", { name: "Call in boat-shed" });
  await bar.waitFor();
  const strip = bar.getByRole("group", { name: "Listening together" });
  return { ...opened, bar, strip, slider: strip.getByRole("slider", { name: "Moment" }) };
}

function tell(engine: FakeEngine, listening: CallListening): void {
  engine.world.calls = [call({ listening })];
  engine.emit({ type: "call.changed", call: call({ listening }) });
}

const moment = (slider: Locator): Promise<string | null> => slider.getAttribute("aria-valuetext");

describe("a file is begun", () => {
  test("by its path, by the keyboard alone, and the focus comes back", async () => {
    const { page, engine, bar, strip } = await inCall();
    const begin = bar.getByRole("button", { name: "Play a file together" });
    await begin.focus();
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog", { name: "Play a file together" });
    await dialog.getByText("A browser does not tell, so type or paste it.").waitFor();
    await page.keyboard.press("Enter");
    await dialog.getByText("Type or paste where the file lies.").waitFor();
    expect(asked(engine, "calls.play")).toEqual([]);
    await page.keyboard.type('"/home/ada/Music/Low water.mp3"');
    await page.keyboard.press("Enter");
    await strip.getByText("Low water").waitFor();
    await strip.getByText("Played by you").waitFor();
    expect(asked(engine, "calls.play")).toEqual([{ callId: "c1", path: "/home/ada/Music/Low water.mp3" }]);
    await until("the focus is back", async () => (await focused(page)) === "Play another file in its place");
  });

  test("and what the engine refuses is said where it was asked, to be tried again", async () => {
    const { page, engine, bar, strip } = await inCall();
    for (const sentence of ["There is no file at /tmp/a.mp3.", "There is no sound in this file.", "This file is too long. Up to 12 hours can be played."]) {
      engine.answer({ "calls.play": () => { throw new Refused("invalid", sentence); } });
      if (sentence.startsWith("There is no file")) {
        await bar.getByRole("button", { name: "Play a file together" }).click();
        await page.getByLabel("Path of the file").fill("/tmp/a.mp3");
      }
      await page.getByRole("dialog").getByRole("button", { name: "Play", exact: true }).click();
      await page.getByRole("dialog").getByRole("alert").getByText(sentence).waitFor();
    }
    expect(await page.getByLabel("Path of the file").inputValue()).toBe("/tmp/a.mp3");
    expect(await strip.count()).toBe(0);
  });

  test("in place of another one, which is said before", async () => {
    const { page, bar } = await inCall(played());
    await bar.getByRole("button", { name: "Play another file in its place" }).click();
    await page.getByRole("dialog").getByText("It takes the place of “Low water”, which is played now.").waitFor();
  });

  test("from the palette, and from the menu of a narrow window", async () => {
    const { page, bar } = await inCall();
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox").fill("play a file");
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog", { name: "Play a file together" });
    await dialog.getByLabel("Path of the file").waitFor();
    await page.keyboard.press("Escape");
    await until("it is closed", async () => (await dialog.count()) === 0);
    await page.setViewportSize({ width: 360, height: 740 });
    expect(await bar.getByRole("button", { name: "Play a file together" }).count()).toBe(0);
    await bar.getByRole("button", { name: "View of the call, and more" }).click();
    await page.getByRole("menuitem", { name: "Play a file together" }).click();
    await dialog.waitFor();
  });

  test("and the dialog goes with the call", async () => {
    const { page, engine, bar } = await inCall();
    await bar.getByRole("button", { name: "Play a file together" }).click();
    await page.getByRole("dialog").waitFor();
    engine.world.calls = [];
    engine.emit({ type: "call.changed", call: call({ part: "ended" }) });
    await until("it is closed", async () => (await page.getByRole("dialog").count()) === 0);
  });
});

describe("a file that is played", () => {
  test("is paused, played and ended by anybody, by the mouse and by the palette", async () => {
    const { page, engine, strip } = await inCall(played({ state: "playing" }));
    await strip.getByText("Played by Ingrid Solheim").waitFor();
    await strip.getByRole("button", { name: "Pause" }).click();
    await strip.getByText("Paused. Played by Ingrid Solheim").waitFor();
    await strip.getByRole("button", { name: "Play", exact: true }).click();
    await strip.getByRole("button", { name: "Pause" }).waitFor();
    for (const [command, action] of [["Pause “Low water”", "pause"], ["Play “Low water”", "play"], ["End “Low water” for everybody", "stop"]] as const) {
      await page.keyboard.press("Control+k");
      await page.getByRole("combobox").fill(command);
      await page.getByRole("option", { name: command }).waitFor();
      await page.keyboard.press("Enter");
      await until(command, () => (asked(engine, "calls.playback").at(-1) as { action: string }).action === action);
    }
    await until("it is gone", async () => (await strip.count()) === 0);
    expect(asked(engine, "calls.playback")).toEqual(["pause", "play", "pause", "play", "stop"].map((action) => ({ callId: "c1", action })));
  });

  test("is ended by its button, which hands the focus on", async () => {
    const { page, strip } = await inCall(played());
    await strip.getByRole("button", { name: "End it for everybody" }).focus();
    await page.keyboard.press("Enter");
    await until("it is gone", async () => (await strip.count()) === 0);
    expect(await focused(page)).toBe("Play a file together");
  });

  test("goes on by the clock between two words of the engine, and stands where it is paused", async () => {
    const { engine, slider } = await inCall(played({ state: "playing", positionMs: 60_000 }));
    const at = async (): Promise<number> => Number(await slider.getAttribute("aria-valuenow"));
    const from = await at();
    await until("it moves", async () => (await at()) >= from + 2);
    tell(engine, played({ positionMs: 100_000 }));
    await until("it is there", async () => (await moment(slider)) === "1 minute 40 seconds of 3 minutes 5 seconds");
    await expectSteady(async () => (await at()) === 100);
    expect(asked(engine, "calls.playback")).toEqual([]);
  });

  test("is moved in by the keys, each hold said once it is let go", async () => {
    const { page, engine, slider } = await inCall(played());
    // Its word on one key must not come between two later ones.
    engine.answer({ "calls.playback": () => ({}) });
    await slider.focus();
    const sought = (): unknown[] => asked(engine, "calls.playback").map((params) => (params as { positionMs: number }).positionMs);
    for (let times = 0; times < 3; times += 1) await page.keyboard.down("ArrowRight");
    expect(await moment(slider)).toBe("1 minute 15 seconds of 3 minutes 5 seconds");
    expect(sought()).toEqual([]);
    await page.keyboard.up("ArrowRight");
    await until("it is said", () => sought().length === 1);
    for (const key of ["ArrowLeft", "ArrowDown", "ArrowUp", "PageUp", "PageDown", "Home", "ArrowLeft", "End"]) await page.keyboard.press(key);
    await until("all are said", () => sought().length === 9);
    expect(sought()).toEqual([75_000, 70_000, 65_000, 70_000, 100_000, 70_000, 0, 0, 185_000]);
    expect(await moment(slider)).toBe("3 minutes 5 seconds of 3 minutes 5 seconds");
    // The palette's keys, and those that go from room to room, are not its.
    await page.keyboard.press("Alt+ArrowDown");
    expect(sought().length).toBe(9);
  });

  test.each(["ltr", "rtl"])("is pulled about with one word when it is let go, %s", async (direction) => {
    const { page, engine, slider } = await inCall(played());
    await page.evaluate((dir) => {
      document.documentElement.dir = dir;
    }, direction);
    const box = await slider.boundingBox();
    if (box === null) throw new Error("it is not there");
    const y = box.y + box.height / 2;
    await page.mouse.move(box.x + box.width / 4, y);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.75, y + 60, { steps: 12 });
    const wished = await moment(slider);
    expect(wished).toMatch(/^2 minutes 1[89] seconds/u);
    expect(asked(engine, "calls.playback")).toEqual([]);
    await page.mouse.up();
    await until("it is said", () => asked(engine, "calls.playback").length === 1);
    const { positionMs } = asked(engine, "calls.playback")[0] as { positionMs: number };
    expect(Math.abs(positionMs - 138_750)).toBeLessThan(1_500);
    expect(await moment(slider)).toBe(wished);
    // The engine's word takes its place.
    tell(engine, played({ positionMs: 30_000, changedBy: "ingrid" }));
    await until("it follows", async () => (await moment(slider)) === "30 seconds of 3 minutes 5 seconds");
  });

  test("is let be by Esc while it is pulled, which does nothing else", async () => {
    const { page, engine, slider } = await inCall(played());
    const box = await slider.boundingBox();
    if (box === null) throw new Error("it is not there");
    await page.mouse.move(box.x + 5, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width - 5, box.y + box.height / 2);
    await slider.focus();
    await page.keyboard.press("Escape");
    await page.mouse.up();
    expect(await moment(slider)).toBe("1 minute of 3 minutes 5 seconds");
    expect(asked(engine, "calls.playback")).toEqual([]);
  });

  test("says what was wished at once, and takes it back where it is refused", async () => {
    const { engine, bar, strip } = await inCall(played());
    engine.answer({ "calls.playback": () => { throw new Refused("conflict", "Nothing is played in this call. Play a file first."); } });
    await strip.getByRole("button", { name: "Play", exact: true }).click();
    await bar.getByRole("alert").getByText("Nothing is played in this call.").waitFor();
    await strip.getByRole("button", { name: "Play", exact: true }).waitFor();
  });

  test("of unknown length has its time and no way to another moment", async () => {
    const unknown = played({ positionMs: 3_725_000 });
    delete unknown.lengthMs;
    const { strip, slider } = await inCall(unknown);
    await strip.getByText("1:02:05").waitFor();
    expect(await slider.count()).toBe(0);
  });
});

describe("a file that ended", () => {
  test("of itself begins anew", async () => {
    const { engine, strip } = await inCall(played({ positionMs: 185_000 }));
    await strip.getByText("At its end. Played by Ingrid Solheim").waitFor();
    await strip.getByRole("button", { name: "Play from the beginning" }).click();
    await strip.getByRole("button", { name: "Pause" }).waitFor();
    expect(asked(engine, "calls.playback")).toEqual([{ callId: "c1", action: "seek", positionMs: 0 }, { callId: "c1", action: "play" }]);
  });

  test.each([
    ["with whoever had it", { state: "left" }, "Who played “Low water” left the call, and the file went with them."],
    ["by somebody", { state: "stopped", changedBy: "ingrid" }, "Ingrid Solheim ended “Low water”."],
    ["since it could not be read", { state: "failed" }, "“Low water” could not be read on, so it ended."],
    ["since it could not be read here", { state: "failed", userId: "ada", deviceId: "ada-1", problem: "The file is damaged: no frames." }, "“Low water” ended. The file is damaged: no frames."],
  ] as const)("%s is said, until it is put away", async (_, more, sentence) => {
    const { page, engine, bar, strip } = await inCall(played({ state: "playing" }));
    tell(engine, played(more));
    await strip.getByText(sentence).waitFor();
    expect(await strip.getByRole("slider").count()).toBe(0);
    await bar.getByRole("button", { name: "Play a file together" }).waitFor();
    await strip.getByRole("button", { name: "Dismiss" }).click();
    await until("it is gone", async () => (await strip.count()) === 0);
    expect(await focused(page)).toBe("Play a file together");
  });
});

test("elsewhere it is paused and played in the small call", async () => {
  const { page, engine } = await inCall(played({ state: "playing" }));
  await openRoom(page, "deliveries");
  const small = page.getByRole("region", { name: "You are in a call in boat-shed" });
  await small.getByText("Low water").waitFor();
  await small.getByRole("button", { name: "Pause" }).click();
  await small.getByRole("button", { name: "Play", exact: true }).waitFor();
  expect(asked(engine, "calls.playback")).toEqual([{ callId: "c1", action: "pause" }]);
  expect(await small.getByRole("slider").count()).toBe(0);
});

describe("axe finds nothing", () => {
  test.each(["light", "dark"] as const)("where one listens, %s", async (theme) => {
    const { page, bar, strip } = await inCall(played({ state: "playing" }), { theme });
    await strip.getByText("Played by").waitFor();
    expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
    await bar.getByRole("button", { name: "Play another file in its place" }).click();
    await page.getByRole("dialog").waitFor();
    expect((await new AxeBuilder({ page }).include("[role=dialog]").analyze()).violations).toEqual([]);
  });
});

describe("at every width and in both directions", () => {
  test.each([[360, 740], [720, 700], [1_280, 800]] as const)("%i × %i has nothing outside", async (width, height) => {
    const { page, bar, strip } = await inCall(played({ title: "W".repeat(128), lengthMs: 43_200_000, positionMs: 40_000_000 }), { size: [width, height] });
    await strip.waitFor();
    for (const direction of ["ltr", "rtl"] as const) {
      await page.evaluate((dir) => {
        document.documentElement.dir = dir;
      }, direction);
      const out = await bar.evaluate((element) => {
        const frame = element.getBoundingClientRect();
        return [...element.querySelectorAll("button, [role=slider], p")].filter((each) => {
          const { left, right, top, bottom } = each.getBoundingClientRect();
          return left < frame.left - 1 || right > frame.right + 1 || top < frame.top - 1 || bottom > frame.bottom + 1;
        }).length;
      });
      expect(out).toBe(0);
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth)).toBe(true);
    }
    await composer(page).waitFor();
  });
});
