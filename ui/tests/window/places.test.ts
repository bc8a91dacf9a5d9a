// Where people of a room are: a map and the same in words; shared once or live, by a click or by the keyboard.
import AxeBuilder from "@axe-core/playwright";
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { Refused } from "./fake-engine.js";
import { asked, expectSteady, openRoom, openWindow, until, type Opened } from "./harness.js";
import { club, tidewater } from "./tidewater.js";

type Shared = { roomId: string; lat: number; lng: number; precision: string; ttlS?: number };

async function openPlaces(world = club(), options: Parameters<typeof openWindow>[1] = {}): Promise<Opened> {
  const opened = await openWindow(world, options);
  await openRoom(opened.page, "boat-shed");
  await opened.page.keyboard.press("Control+Shift+L");
  await map(opened.page).waitFor();
  return opened;
}

const map = (page: Page) => page.getByRole("application", { name: /^Map/ });
const people = (page: Page) => page.getByRole("list", { name: "People on the map" });
/** Where a person's marker is in the map, pixels. */
const marker = (page: Page, userId: string): Promise<{ x: number; y: number }> =>
  page.locator(`[data-marker="${userId}"]`).evaluate((element) => {
    const { e, f } = new DOMMatrix(getComputedStyle(element).transform);
    return { x: e, y: f };
  });

/** Whether the canvas has land on it: more than one colour. */
const painted = (page: Page): Promise<boolean> =>
  page.locator("[data-map] canvas").evaluate((element) => {
    const canvas = element as HTMLCanvasElement;
    const pixels = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
    const seen = new Set<string>();
    for (let at = 0; at < pixels.length; at += 4 * 97) seen.add(`${pixels[at] ?? 0},${pixels[at + 1] ?? 0},${pixels[at + 2] ?? 0}`);
    return seen.size > 2;
  });

describe("looking", () => {
  test("shows people on land that is drawn without a network, and says the same in words", async () => {
    const { page } = await openPlaces();
    await people(page).getByText("59.914° N, 10.752° E, within 20 m").waitFor();
    await people(page).getByText(/^live, 4[12] min left$/).waitFor();
    await people(page).getByText(/^[23] h ago$/).waitFor();
    await until("the land is drawn", () => painted(page));
    const { width, height } = (await map(page).boundingBox()) ?? { width: 0, height: 0 };
    for (const userId of ["ingrid", "mateo", "yuki"]) {
      const { x, y } = await marker(page, userId);
      expect([x > 0 && x < width, y > 0 && y < height]).toEqual([true, true]);
    }
    expect(await map(page).getAttribute("aria-label")).toBe("Map with Ingrid Solheim, Mateo Ruiz, and Yuki Tanabe. The list beside it says where they are.");
  });

  test("is had only when somebody looks at it", async () => {
    const { page, engine } = await openWindow(club());
    await openRoom(page, "boat-shed");
    const scripts = (): Promise<number> => page.evaluate(() => performance.getEntriesByType("resource").filter((each) => each.name.includes("/places-")).length);
    expect(await scripts()).toBe(0);
    expect(asked(engine, "location.list")).toEqual([]);
    await page.getByRole("tab", { name: "Places" }).click();
    await until("it came", async () => (await scripts()) > 0);
  });

  test("is moved and brought nearer by the keys, the wheel and the pointer", async () => {
    const { page } = await openPlaces();
    await people(page).waitFor();
    await map(page).focus();
    const before = await marker(page, "ingrid");
    await page.keyboard.press("ArrowRight");
    await until("it moved to the west", async () => Math.round((await marker(page, "ingrid")).x - before.x) === -48);
    const apart = async (): Promise<number> => Math.abs((await marker(page, "ingrid")).x - (await marker(page, "mateo")).x);
    const far = await apart();
    await page.keyboard.press("+");
    await until("it is nearer", async () => (await apart()) > 1.5 * far);
    const near = await apart();
    await map(page).hover();
    await page.mouse.wheel(0, 300);
    await until("it is further", async () => (await apart()) < near);
    await page.keyboard.press("0");
    await until("everybody is in sight", async () => Math.abs((await marker(page, "ingrid")).x - before.x) < 1);
    const box = (await map(page).boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
    const from = await marker(page, "ingrid");
    await page.mouse.move(box.x + 60, box.y + 60);
    await page.mouse.down();
    await page.mouse.move(box.x + 100, box.y + 60, { steps: 4 });
    await page.mouse.up();
    await until("it follows the pointer", async () => Math.round((await marker(page, "ingrid")).x - from.x) === 40);
    await people(page).getByRole("button", { name: /Yuki Tanabe/ }).click();
    await until("she is in the middle", async () => Math.abs((await marker(page, "yuki")).x - box.width / 2) < 1);
  });

  test("somebody who crosses the antimeridian moves the short way, and not at once", async () => {
    const world = club();
    world.locations = [{ roomId: "boat-shed", userId: "mateo", lat: -17, lng: 179.9, at: Date.now() - 1_000, until: Date.now() + 600_000 }];
    const { page, engine } = await openPlaces(world);
    await page.emulateMedia({ reducedMotion: "no-preference" });
    await people(page).waitFor();
    await map(page).focus();
    for (let n = 0; n < 4; n += 1) await page.keyboard.press("+");
    await until("it stands still", async () => {
      const first = await marker(page, "mateo");
      return JSON.stringify(first) === JSON.stringify(await marker(page, "mateo"));
    });
    const from = await marker(page, "mateo");
    await page.evaluate(() => {
      const seen: number[] = [];
      const look = (): void => {
        const element = document.querySelector('[data-marker="mateo"]');
        if (element !== null) seen.push(new DOMMatrix(getComputedStyle(element).transform).e);
        requestAnimationFrame(look);
      };
      look();
      Object.assign(window, { seen });
    });
    engine.emit({ type: "location.changed", roomId: "boat-shed", userId: "mateo", lat: -17, lng: -179.9, at: Date.now(), until: Date.now() + 600_000 });
    await people(page).getByText("179.900° W").waitFor();
    await until("it arrived", async () => (await marker(page, "mateo")).x > from.x + 5);
    await page.waitForTimeout(900);
    const seen = await page.evaluate(() => (window as unknown as { seen: number[] }).seen);
    const steps = seen.slice(1).map((x, at) => x - (seen[at] ?? x));
    expect(steps.every((step) => step >= -0.01)).toBe(true);
    const whole = (seen.at(-1) ?? 0) - (seen[0] ?? 0);
    expect(new Set(seen.map((x) => Math.round(x * 10))).size).toBeGreaterThan(3);
    // 0.2° at this scale; the long way would be 359.8°.
    expect(whole).toBeLessThan(60);
  });

  test("an empty one says what belongs there, and one that failed offers to try again", async () => {
    const { page, engine } = await openPlaces(tidewater());
    await page.getByText("Nobody shares where they are.").waitFor();
    engine.answer({ "location.list": () => { throw new Refused("internal", "The disk is slow."); } });
    await openRoom(page, "general");
    await page.getByRole("alert").getByText("The disk is slow.").waitFor();
    engine.answer({ "location.list": () => ({ locations: [{ roomId: "general", userId: "sam", lat: 1, lng: 2, at: Date.now() }] }) });
    await page.getByRole("button", { name: "Try again" }).click();
    await people(page).getByText("Sam Whitlock").waitFor();
  });
});

describe("sharing", () => {
  test("a place that is clicked is shared for a time, and stopped", async () => {
    const { page, engine } = await openPlaces();
    await page.getByRole("button", { name: "Share where you are" }).click();
    await page.getByRole("form", { name: "Share where you are" }).getByRole("button", { name: "Share" }).click();
    await page.getByText("Set where you are first.").waitFor();
    const { x, y } = await marker(page, "mateo");
    await map(page).click({ position: { x, y } });
    await page.getByLabel("For how long").selectOption("quarter");
    await page.getByLabel("How exactly").selectOption("city");
    await page.getByRole("form", { name: "Share where you are" }).getByRole("button", { name: "Share" }).click();
    await people(page).getByText("Ada Okafor").waitFor();
    const [shared] = asked(engine, "location.share") as Shared[];
    expect(shared).toMatchObject({ roomId: "boat-shed", ttlS: 900, precision: "city" });
    // A pixel of this map is a good part of a degree.
    expect(Math.abs((shared?.lat ?? 0) - 43.36)).toBeLessThan(2);
    expect(Math.abs((shared?.lng ?? 0) + 8.41)).toBeLessThan(2);
    await page.getByRole("button", { name: "Stop sharing" }).click();
    await page.getByRole("button", { name: "Share where you are" }).waitFor();
    await until("it is gone", async () => (await people(page).getByText("Ada Okafor").count()) === 0);
    expect(asked(engine, "location.stop")).toEqual([{ roomId: "boat-shed", keepLast: false }]);
  });

  test("goes by the keyboard alone, once, and a refusal is said in the form", async () => {
    const { page, engine } = await openPlaces();
    engine.answer({ "location.share": () => { throw new Refused("forbidden", "Readers cannot share where they are."); } });
    await page.getByRole("button", { name: "Share where you are" }).focus();
    await page.keyboard.press("Enter");
    await map(page).focus();
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("Enter");
    await page.getByText(/^\d+\.\d{3}° [NS], \d+\.\d{3}° [EW]$/).first().waitFor();
    await page.getByLabel("For how long").selectOption("once");
    await page.getByRole("form", { name: "Share where you are" }).getByRole("button", { name: "Share" }).press("Enter");
    await page.getByRole("alert").getByText("Readers cannot share where they are.").waitFor();
    expect((asked(engine, "location.share") as Shared[])[0]).not.toHaveProperty("ttlS");
  });

  test("a device that does not know where it is is no obstacle", async () => {
    const { page } = await openPlaces();
    await page.getByRole("button", { name: "Share where you are" }).click();
    await page.getByRole("button", { name: "Ask this device" }).click();
    await page.getByText("This device does not know where it is. Click on the map instead.").waitFor();
  });

  test("a live place moves with the device, under other panes too, until it is stopped", async () => {
    const { page, engine } = await openPlaces();
    const device = page.context();
    await device.grantPermissions(["geolocation"]);
    await device.setGeolocation({ latitude: 60.39, longitude: 5.32, accuracy: 12 });
    await page.getByRole("button", { name: "Share where you are" }).click();
    await page.getByRole("button", { name: "Ask this device" }).click();
    await page.getByLabel("Move with this device while it lasts").waitFor();
    await page.getByRole("form", { name: "Share where you are" }).getByRole("button", { name: "Share" }).click();
    await page.getByRole("button", { name: "Stop sharing" }).waitFor();
    await page.getByRole("tab", { name: "Members" }).click();
    const shared = (): Shared[] => asked(engine, "location.share") as Shared[];
    await device.setGeolocation({ latitude: 60.5, longitude: 5.4, accuracy: 12 });
    await until("it moved along", () => Promise.resolve(shared().at(-1)?.lat === 60.5));
    expect(shared().at(-1)?.ttlS).toBeLessThanOrEqual(shared()[0]?.ttlS ?? 0);
    await page.getByRole("tab", { name: "Places" }).click();
    await page.getByRole("button", { name: "Stop sharing" }).click();
    await page.getByRole("button", { name: "Share where you are" }).waitFor();
    const told = shared().length;
    await device.setGeolocation({ latitude: 61, longitude: 5.5, accuracy: 12 });
    await expectSteady(() => Promise.resolve(shared().length === told));
  });

  test("the last point can stay; whether it does, the list tells", async () => {
    const world = club();
    world.locations.push({ roomId: "boat-shed", userId: "ada", lat: 10, lng: 10, at: Date.now(), until: Date.now() + 600_000 });
    const { page, engine } = await openPlaces(world);
    await page.getByRole("button", { name: "Stop, and leave the last point" }).click();
    await until("the engine was told", () => asked(engine, "location.stop").length === 1);
    await people(page).getByText("10.000° N, 10.000° E").waitFor();
    await until("it is no longer live", async () => (await page.getByRole("button", { name: "Stop, and leave the last point" }).count()) === 0);
  });
});

describe("axe finds nothing", () => {
  for (const theme of ["light", "dark"] as const) {
    test(`${theme}: beside a room, sharing, large, and narrow`, async () => {
      const { page } = await openPlaces(club(), { theme });
      const clean = async (where: string): Promise<void> => {
        const { violations } = await new AxeBuilder({ page }).analyze();
        expect([where, violations.map(({ id, nodes }) => [id, nodes.map((node) => node.html)])]).toEqual([where, []]);
      };
      await people(page).waitFor();
      await clean("pane");
      await page.getByRole("button", { name: "Share where you are" }).click();
      await map(page).click();
      await clean("sharing");
      await page.getByRole("button", { name: "Cancel" }).click();
      await page.getByRole("button", { name: "Larger map" }).click();
      await page.getByRole("dialog", { name: "Map, boat-shed" }).waitFor();
      await page.setViewportSize({ width: 360, height: 740 });
      await clean("narrow");
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth)).toBe(true);
    });
  }
});
