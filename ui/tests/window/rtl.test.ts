// Right-to-left: the whole window turned round, at every width that people have, with nothing outside of it.
import { describe, expect, test } from "vitest";
import type { Page } from "playwright-core";
import { openRoom, openWindow } from "./harness.js";
import { busy, OWN } from "./tidewater.js";

const SIZES = [
  { name: "wide", width: 1440, height: 900 },
  { name: "medium", width: 960, height: 700 },
  { name: "narrow", width: 360, height: 740 },
] as const;

async function turnRound(page: Page): Promise<void> {
  await page.evaluate(() => {
    document.documentElement.dir = "rtl";
  });
}

/** What is drawn outside of the window, or outside of a box that does not scroll, by its classes. */
async function outside(page: Page): Promise<readonly string[]> {
  return page.evaluate(() => {
    const found: string[] = [];
    for (const element of document.querySelectorAll<HTMLElement>("body *")) {
      const box = element.getBoundingClientRect();
      const style = getComputedStyle(element);
      if (box.width === 0 || box.height === 0 || style.visibility === "hidden" || element.closest(".sr-only, [aria-hidden=true], [data-sonner-toaster]") !== null) continue;
      if (box.left < -1 || box.right > window.innerWidth + 1) found.push(`${element.tagName} ${element.getAttribute("class")?.slice(0, 60) ?? ""} ${Math.round(box.left)}..${Math.round(box.right)}`);
    }
    if (document.documentElement.scrollWidth > window.innerWidth) found.push(`the page is ${document.documentElement.scrollWidth} wide`);
    return found;
  });
}

const PLACES: Readonly<Record<string, (page: Page) => Promise<void>>> = {
  conversation: (page) => page.getByRole("log").waitFor(),
  inbox: async (page) => {
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox").fill("inbox");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Inbox" }).waitFor();
  },
  feed: async (page) => {
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox").fill("feed");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 1 }).waitFor();
  },
  palette: async (page) => {
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox").waitFor();
  },
  announcing: async (page) => {
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox").fill("announce");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
  },
};

describe.each(SIZES)("right to left, $name", ({ name, width, height }) => {
  test.each(Object.keys(PLACES))("nothing of the %s is outside", async (place) => {
    const { page, engine } = await openWindow({ ...busy(), account: { ...OWN, admin: true } });
    await page.setViewportSize({ width, height });
    await turnRound(page);
    await openRoom(page, "boat-shed");
    engine.emit({ type: "announcement.new", announcement: { announcementId: "a", message: "הסירה חוזרת בשעה 16:00. The server moves on Sunday.", level: "warning", userId: "ingrid", at: Date.now(), expiresAt: Date.now() + 3_600_000 } });
    await page.getByRole("region", { name: "Announcements" }).waitFor();
    await PLACES[place]?.(page);
    expect(await outside(page)).toEqual([]);
    if (process.env.MOMOLAND_SHOTS !== undefined) await page.screenshot({ path: `${process.env.MOMOLAND_SHOTS}/rtl-${name}-${place}.png` });
  });

  test("each pane begins at the right, and a list's marks stand by its words", async () => {
    const { page } = await openWindow(busy());
    await page.setViewportSize({ width, height });
    await turnRound(page);
    const rooms = await page.getByRole("button", { name: /Inbox/ }).first().boundingBox();
    expect(rooms !== null && rooms.x + rooms.width > width - 20).toBe(true);
    await openRoom(page, "boat-shed");
    // English in a window that is turned round: its list is English too.
    const list = page.getByRole("log").getByRole("list").filter({ hasText: "check the shackles" });
    expect(await list.evaluate((element) => getComputedStyle(element).direction)).toBe("ltr");
    if (name === "wide") {
      const members = page.getByRole("tabpanel", { name: "Members" });
      expect(await members.evaluate((element) => getComputedStyle(element).direction)).toBe("rtl");
    }
  });
});
