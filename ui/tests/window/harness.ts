// Opens the built window on a scripted engine, and the few things that every test of it does. One window at a time.
import type { Browser, BrowserContext, Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { openBrowser } from "./browser.js";
import { startFakeEngine, type FakeEngine, type World } from "./fake-engine.js";
import { tidewater } from "./tidewater.js";

let browser: Browser;
/** One with WebGL, for the tests that draw by it. */
let withCard: Browser | undefined;
let context: BrowserContext | undefined;
let engine: FakeEngine | undefined;

beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(async () => {
  await withCard?.close();
  await browser.close();
});
afterEach(async () => {
  await context?.close();
  await engine?.close();
});

export type Opened = { page: Page; engine: FakeEngine };

export async function openWindow(world: World = tidewater(), options: { size?: [number, number]; theme?: "light" | "dark"; query?: string; measuredLateMs?: number; /** Whether there is a graphics card, or what stands for one. */ card?: boolean; /** Runs in the page before it does. */ before?: () => void } = {}): Promise<Opened> {
  const started = await startFakeEngine(world);
  engine = started;
  const [width, height] = options.size ?? [1280, 800];
  if (options.card === true) withCard ??= await openBrowser({ card: true });
  context = await (options.card === true && withCard !== undefined ? withCard : browser).newContext({ viewport: { width, height }, colorScheme: options.theme ?? "light", locale: "en-GB", permissions: ["clipboard-read", "clipboard-write"], reducedMotion: "reduce" });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  if (options.measuredLateMs !== undefined) await page.addInitScript(measureLate, options.measuredLateMs);
  if (options.before !== undefined) await page.addInitScript(options.before);
  await page.goto(started.address + (options.query ?? ""));
  await page.locator("nav, form").first().waitFor();
  return { page, engine: started };
}

export async function openRoom(page: Page, name: string | RegExp): Promise<void> {
  await page.getByRole("navigation", { name: "Rooms" }).getByRole("button", { name }).first().click();
  await composer(page).waitFor();
}

/** Opens a room and waits until its rows are measured and nothing moves: for what points at one of them. */
export async function openSettledRoom(page: Page, name: string | RegExp): Promise<void> {
  await openRoom(page, name);
  await log(page).or(page.getByText("No messages yet.")).first().waitFor();
  if ((await log(page).count()) === 0) return;
  await log(page).evaluate(async (element) => {
    let before = "";
    for (let still = 0; still < 6; ) {
      await new Promise((resolve) => requestAnimationFrame(resolve));
      const hidden = [...element.querySelectorAll<HTMLElement>("[data-row]")].filter((row) => row.style.visibility === "hidden").length;
      const now = `${element.scrollTop} ${element.scrollHeight} ${hidden}`;
      still = now === before && hidden === 0 ? still + 1 : 0;
      before = now;
    }
  });
}

export const composer = (page: Page): Locator => page.getByRole("textbox", { name: /^Message / });
export const log = (page: Page): Locator => page.getByRole("log", { name: "Messages" });

export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  await expect.poll(holds, { timeout: 10_000, interval: 30, message: what }).toBe(true);
}

/** What the engine was asked, by method. */
export function asked(engine: FakeEngine, method: string): unknown[] {
  return engine.calls.filter((call) => call.method === method).map(({ params }) => params);
}

/** Holds at every look for two seconds. */
export async function expectSteady(holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 2_000;
  while (Date.now() < end) expect(await holds()).toBe(true);
}

export const focused = (page: Page): Promise<string> => page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.textContent ?? "");
export const fromEnd = (page: Page): Promise<number> => log(page).evaluate((element) => Math.round(element.scrollHeight - element.scrollTop - element.clientHeight));

/** Makes the page a window that is short of time: what a row measures is heard of only so much later. */
function measureLate(byMs: number): void {
  const Prompt = window.ResizeObserver;
  window.ResizeObserver = class extends Prompt {
    constructor(callback: ResizeObserverCallback) {
      super((entries, observer) => setTimeout(() => callback(entries, observer), byMs));
    }
  };
}

/** A page of a context of its own on this engine; both are closed after the test. */
export async function openPage(engineOfPage: FakeEngine, options: Parameters<Browser["newContext"]>[0]): Promise<Page> {
  engine = engineOfPage;
  context = await browser.newContext(options);
  return context.newPage();
}
