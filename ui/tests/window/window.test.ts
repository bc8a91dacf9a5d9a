// The built window in a real browser, against a scripted engine: what jsdom cannot show. Layout, scrolling, focus,
// the clipboard, a socket that breaks, and what axe finds in both themes.
import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { Refused, startFakeEngine, type FakeEngine, type World } from "./fake-engine.js";
import { composer, expectSteady, focused, fromEnd, log, openPage, openRoom, openSettledRoom, openWindow, until, type Opened } from "./harness.js";
import { busy, message, OWN, PEOPLE, room, tidewater } from "./tidewater.js";

/** A room with so many messages, of which the last are new. */
function longWithNew(count: number, unread: number): World {
  const world = long(count);
  const readUpTo = world.messages.get("boat-shed")?.at(-unread - 1)?.messageId ?? "";
  world.rooms = world.rooms.map((each) => (each.roomId === "boat-shed" ? { ...each, unreadCount: unread, readUpTo } : each));
  return world;
}

/** A room with so many messages, all read. */
function long(count: number): World {
  const world = tidewater();
  const start = Date.now() - count * 90_000;
  const messages = Array.from({ length: count }, (_, n) => message(["ingrid", "mateo", "ada", "yuki"][Math.floor(n / 3) % 4] ?? "ada", start + n * 90_000, `number ${n} ${"word ".repeat((n * 7) % 40)}.`, "read"));
  world.messages.set("boat-shed", messages);
  world.rooms = world.rooms.map((each) => (each.roomId === "boat-shed" ? { ...each, unreadCount: 0, readUpTo: messages.at(-1)?.messageId ?? "" } : each));
  return world;
}

describe("axe finds nothing", () => {
  const screens: readonly { name: string; world?: () => World; size?: [number, number]; go: (page: Page, engine: FakeEngine) => Promise<unknown> }[] = [
    { name: "sign in", world: () => ({ ...tidewater(), account: null }), go: (page) => page.getByLabel("Handle").waitFor() },
    {
      name: "create account, refused",
      world: () => ({ ...tidewater(), account: null }),
      go: async (page, started) => {
        started.answer({ "account.register": () => { throw new Refused("conflict", "That handle is taken. Choose another one."); } });
        await page.getByRole("radio", { name: "Create account" }).click();
        await page.getByLabel("Handle").fill("ada");
        await page.getByLabel("Password", { exact: true }).fill("long enough for it");
        await page.keyboard.press("Enter");
        await page.getByRole("alert").waitFor();
      },
    },
    { name: "a conversation", go: async (page, started) => {
      await openRoom(page, "boat-shed");
      started.emit({ type: "typing.changed", roomId: "boat-shed", userId: "mateo", typing: true });
      await page.getByText("Mateo Ruiz is typing").waitFor();
    } },
    { name: "an empty room", world: () => ({ ...tidewater(), messages: new Map() }), go: (page) => openRoom(page, "deliveries") },
    { name: "no rooms", world: () => ({ ...tidewater(), rooms: [] }), go: (page) => page.getByText("No rooms yet.").waitFor() },
    { name: "a refused message", go: async (page, started) => {
      started.answer({ "messages.send": () => { throw new Refused("internal", "The disk is full. Make room, then try again."); } });
      await openRoom(page, "boat-shed");
      await composer(page).fill("hello");
      await page.keyboard.press("Enter");
      await page.getByRole("button", { name: "Try again" }).waitFor();
    } },
    { name: "the palette", go: async (page) => {
      await openRoom(page, "boat-shed");
      await page.keyboard.press("Control+k");
      await page.getByRole("combobox").fill("a");
    } },
    { name: "creating a room", go: async (page) => {
      await page.getByRole("button", { name: "New room" }).click();
      await page.getByRole("menuitem", { name: "Create a room" }).click();
      await page.getByLabel("Topic").waitFor();
    } },
    { name: "public rooms", go: async (page) => {
      await page.getByRole("button", { name: "New room" }).click();
      await page.getByRole("menuitem", { name: "Browse public rooms" }).click();
      await page.getByRole("button", { name: /^Join / }).first().waitFor();
    } },
    { name: "inviting", go: async (page) => {
      await openRoom(page, "boat-shed");
      await page.getByRole("button", { name: "Room menu" }).click();
      await page.getByRole("menuitem", { name: "Invite people" }).click();
      await page.getByRole("button", { name: "Make link" }).click();
      await page.getByLabel("Invite link").waitFor();
    } },
    { name: "room settings", go: async (page) => {
      await openRoom(page, "boat-shed");
      await page.getByRole("button", { name: "Room menu" }).click();
      await page.getByRole("menuitem", { name: "Room settings" }).click();
      await page.getByLabel("Topic").waitFor();
    } },
    { name: "a member's menu", go: async (page) => {
      await openRoom(page, "boat-shed");
      await page.getByRole("button", { name: /^Mateo Ruiz, here/ }).click();
      await page.getByRole("menuitem", { name: "Message" }).waitFor();
    } },
    { name: "the settings menu", go: async (page) => {
      await page.getByRole("button", { name: "Settings" }).click();
      await page.getByRole("menuitem", { name: "Sign out" }).waitFor();
    } },
    { name: "the connection", go: async (page) => {
      await page.getByRole("button", { name: "Connected, 4 direct" }).click();
      await page.getByText("Devices in reach").waitFor();
    } },
    { name: "a busy conversation", world: busy, go: async (page) => {
      await openSettledRoom(page, "boat-shed");
      await page.locator(".hljs-keyword").first().waitFor();
      await page.getByRole("article").filter({ hasText: "no signal at the shed today" }).hover();
    } },
    { name: "a message's menu", world: busy, go: async (page) => {
      await openSettledRoom(page, "boat-shed");
      await page.getByText("On the hill there is one.").click({ button: "right" });
      await page.getByRole("menuitem", { name: "Edit" }).waitFor();
    } },
    { name: "a message's editor, refused", world: busy, go: async (page, started) => {
      await openRoom(page, "boat-shed");
      started.answer({ "messages.edit": () => { throw new Refused("internal", "The disk is full."); } });
      await page.keyboard.press("ArrowUp");
      await page.keyboard.type("!");
      await page.keyboard.press("Enter");
      await page.getByRole("alert").waitFor();
    } },
    { name: "the emoji", world: busy, go: async (page) => {
      await openRoom(page, "boat-shed");
      await page.getByRole("button", { name: "Emoji" }).click();
      await page.getByRole("gridcell", { name: "grinning face", exact: true }).waitFor();
    } },
    { name: "mentioning", world: busy, go: async (page) => {
      await openRoom(page, "boat-shed");
      await page.keyboard.type("so @");
      await page.getByRole("listbox").waitFor();
    } },
    { name: "answering", world: busy, go: async (page) => {
      await openSettledRoom(page, "boat-shed");
      await page.getByText("On the hill there is one.").click({ button: "right" });
      await page.getByRole("menuitem", { name: "Reply" }).click();
      await page.getByText("Reply to Ada Okafor").waitFor();
    } },
    { name: "who has seen it", world: busy, go: async (page) => {
      await openSettledRoom(page, "boat-shed");
      await page.getByText("On the hill there is one.").click({ button: "right" });
      await page.getByRole("menuitem", { name: "Seen by" }).click();
      await page.getByRole("region", { name: "Read" }).waitFor();
    } },
    { name: "deleting", world: busy, go: async (page) => {
      await openSettledRoom(page, "boat-shed");
      await page.getByText("On the hill there is one.").click({ button: "right" });
      await page.getByRole("menuitem", { name: "Delete" }).click();
      await page.getByRole("dialog").waitFor();
    } },
    { name: "what is pinned", world: busy, go: async (page) => {
      await openRoom(page, "boat-shed");
      await page.getByRole("tab", { name: "Pinned" }).click();
      await page.getByRole("button", { name: "Go to the message of Ingrid Solheim" }).waitFor();
    } },
    { name: "the inbox", world: busy, go: async (page, started) => {
      await page.getByRole("button", { name: /Inbox/ }).click();
      await page.getByText("Yuki Tanabe mentioned you").waitFor();
      for (const level of ["info", "success", "warning", "error"] as const) started.emit({ type: "announcement.new", announcement: { announcementId: level, message: `This is ${level}.`, level, userId: "ingrid", at: Date.now(), expiresAt: Date.now() + 3_600_000 } });
      await page.getByText("This is error.").waitFor();
    } },
    { name: "the documents of a room", world: busy, go: async (page) => {
      await openRoom(page, "boat-shed");
      await page.getByRole("tab", { name: "Documents" }).click();
      await page.getByText("Slipway plan").waitFor();
    } },
    { name: "a document", world: () => ({ ...busy(), present: [{ userId: "ingrid", deviceId: "ingrid-1", state: {} }] }), go: async (page) => {
      await openRoom(page, "boat-shed");
      await page.getByRole("tab", { name: "Documents" }).click();
      await page.getByRole("button", { name: /Slipway plan/ }).click();
      await page.getByRole("textbox", { name: "Text of Slipway plan" }).click();
      await page.keyboard.type("Words.");
      await page.getByText("Saved on this device").waitFor();
    } },
    { name: "a document that one may only read", world: busy, go: async (page) => {
      await openRoom(page, "boat-shed");
      await page.getByRole("tab", { name: "Documents" }).click();
      await page.getByRole("button", { name: /Rules of the shed/ }).click();
      await page.getByRole("textbox", { name: "Text of Rules of the shed" }).waitFor();
    } },
    { name: "a new document", world: busy, go: async (page) => {
      await openRoom(page, "boat-shed");
      await page.getByRole("tab", { name: "Documents" }).click();
      await page.getByRole("button", { name: "New document" }).click();
      await page.getByRole("radio", { name: "People you choose" }).click();
    } },
    { name: "the activity of a room", world: busy, go: async (page) => {
      await openRoom(page, "boat-shed");
      await page.getByRole("button", { name: "Room menu" }).click();
      await page.getByRole("menuitem", { name: "Activity" }).click();
      await page.getByText("Ingrid Solheim pinned a message").waitFor();
    } },
    { name: "announcing", world: () => ({ ...busy(), account: { ...OWN, admin: true } }), go: async (page) => {
      await page.getByRole("button", { name: "Settings" }).click();
      await page.getByRole("menuitem", { name: "Announce to everybody" }).click();
      await page.getByRole("button", { name: "Announce", exact: true }).click();
      await page.getByText("This is needed.").waitFor();
    } },
    { name: "name and status", go: async (page) => {
      await page.getByRole("button", { name: "Settings" }).click();
      await page.getByRole("menuitem", { name: "Name and status" }).click();
      await page.getByLabel("What you are doing").waitFor();
    } },
    { name: "the shortcuts", go: async (page) => {
      await openRoom(page, "boat-shed");
      await page.keyboard.press("Control+/");
      await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
    } },
    { name: "a narrow list", size: [390, 800], go: (page) => page.getByText("Connected, 4 direct").waitFor() },
    { name: "a narrow conversation", size: [390, 800], go: (page) => openRoom(page, "boat-shed") },
    { name: "the details as a sheet", size: [1000, 700], go: async (page) => {
      await openRoom(page, "boat-shed");
      await page.keyboard.press("Control+.");
      await page.getByRole("dialog", { name: "Details" }).waitFor();
    } },
  ];

  for (const { name, world, size, go } of screens) {
    test.each(["light", "dark"] as const)(`${name}, %s`, async (theme) => {
      const opened = await openWindow(world?.() ?? tidewater(), { theme, ...(size === undefined ? {} : { size }) });
      await go(opened.page, opened.engine);
      const { violations } = await new AxeBuilder({ page: opened.page }).withTags(["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]).analyze();
      expect(violations.map((each) => `${each.id}: ${each.nodes.map((node) => `${node.target.join(" ")} ${node.any[0]?.message ?? ""}`).join(" | ")}`)).toEqual([]);
    });
  }
});

describe("the log", () => {
  test("begins at its end, and holds few rows of many", async () => {
    const { page } = await openWindow(long(10_000));
    await openRoom(page, "boat-shed");
    await page.getByText("number 9999").waitFor();
    await until("the end is in view", async () => (await fromEnd(page)) <= 1);
    expect(await log(page).getByRole("article").count()).toBeLessThan(80);
  });

  test("keeps what is being read in its place while older messages load above", async () => {
    const { page, engine: started } = await openWindow(long(2_000));
    await openRoom(page, "boat-shed");
    await page.getByText("number 1999").waitFor();
    for (let round = 0; round < 4; round += 1) {
      const before = started.calls.filter(({ method }) => method === "messages.list").length;
      // Watches the place of one message over every frame in which a page may come in.
      const drift = await log(page).evaluate(async (element) => {
        const frame = (): Promise<number> => new Promise((resolve) => requestAnimationFrame(resolve));
        element.scrollTop = 500;
        for (let n = 0; n < 4; n += 1) await frame();
        const row = [...element.querySelectorAll<HTMLElement>("[data-message-id]")].find((each) => each.getBoundingClientRect().top > 150);
        const id = row?.dataset.messageId ?? "";
        const top = (): number | undefined => element.querySelector(`[data-message-id="${id}"]`)?.getBoundingClientRect().top;
        const from = top() ?? NaN;
        let worst = 0;
        for (let n = 0; n < 40; n += 1) {
          await frame();
          worst = Math.max(worst, Math.abs((top() ?? NaN) - from));
        }
        return worst;
      });
      await until("an older page was asked for", () => started.calls.filter(({ method }) => method === "messages.list").length > before);
      expect(drift).toBeLessThanOrEqual(1);
    }
  });

  test("stays at its end while messages arrive, and is let go by scrolling up", async () => {
    const { page, engine: started } = await openWindow(long(300));
    await openRoom(page, "boat-shed");
    await page.getByText("number 299").waitFor();
    const arrive = (text: string): void => started.emit({ type: "message.new", roomId: "boat-shed", message: message("mateo", Date.now(), text) });
    for (let n = 0; n < 20; n += 1) arrive(`fresh ${n} ${"long ".repeat(n * 5)}`);
    await log(page).getByText("fresh 19").waitFor();
    await until("the end is in view", async () => (await fromEnd(page)) <= 1);

    await log(page).hover();
    await page.mouse.wheel(0, -1_200);
    const jump = page.getByRole("button", { name: /Jump to latest/ });
    await jump.waitFor();
    const place = await log(page).evaluate((element) => element.scrollTop);
    arrive("while reading above");
    await page.getByRole("button", { name: "Jump to latest 1 new message" }).waitFor();
    expect(await log(page).evaluate((element) => element.scrollTop)).toBe(place);
    await jump.click();
    await log(page).getByText("while reading above").waitFor();
    await until("the end is in view", async () => (await fromEnd(page)) <= 1);
    expect(await jump.count()).toBe(0);
  });

  test("one's own message is brought into view", async () => {
    const { page } = await openWindow(long(300));
    await openRoom(page, "boat-shed");
    await page.getByText("number 299").waitFor();
    await log(page).hover();
    await page.mouse.wheel(0, -1_200);
    await page.getByRole("button", { name: /Jump to latest/ }).waitFor();
    await composer(page).fill("here I am");
    await page.keyboard.press("Enter");
    await log(page).getByText("here I am").waitFor();
    await until("the end is in view", async () => (await fromEnd(page)) <= 1);
  });

  test("opens at what is new where there is much of it, and reads it only at its end", async () => {
    const { page, engine: started } = await openWindow(longWithNew(200, 80));
    await openRoom(page, "boat-shed");
    const rule = log(page).getByRole("heading", { name: "New" });
    await rule.waitFor();
    await until("the rule is near the top", async () => ((await rule.boundingBox())?.y ?? 999) < 200);
    expect(started.calls.some(({ method }) => method === "messages.markRead")).toBe(false);
    await page.getByRole("button", { name: /Jump to latest/ }).click();
    await until("it is marked as read", () => started.calls.some(({ method, params }) => method === "messages.markRead" && (params as { messageId: string }).messageId !== ""));
  });

  // A measurement in the same frame, after the virtualiser's own patience, and after that of a reader.
  test.each([20, 250, 900])("opens at what is new when rows are measured %i ms late, while messages arrive and older ones load", async (measuredLateMs) => {
    const world = longWithNew(400, 60);
    const { page, engine: started } = await openWindow(world, { measuredLateMs });
    // So few are read above the rule that older ones are wanted at once.
    started.answer({
      "messages.list": ({ roomId, before, limit = 50 }) => {
        const all = world.messages.get(roomId) ?? [];
        const end = before === undefined ? all.length : Number(before);
        const start = Math.max(0, end - (before === undefined ? 70 : limit));
        return { messages: all.slice(start, end), ...(start > 0 ? { next: String(start) } : {}) };
      },
    });
    await openRoom(page, "boat-shed");
    const rule = log(page).getByRole("heading", { name: "New" });
    await rule.waitFor();
    started.emit({ type: "message.new", roomId: "boat-shed", message: message("mateo", Date.now(), "one more while it opens") });
    // Older ones are asked for once the place is found, and the place is kept while they come in above.
    const askedTwice = (): boolean => started.calls.filter(({ method }) => method === "messages.list").length > 1;
    await until("the rule is near the top", async () => askedTwice() && ((await rule.boundingBox())?.y ?? 999) < 200);
    await expectSteady(async () => {
      const y = (await rule.boundingBox())?.y ?? 999;
      return y > 52 && y < 200;
    });
    expect(started.calls.some(({ method }) => method === "messages.markRead")).toBe(false);
  });

  test("who scrolls while the rows are still measured is not pulled back to what is new", async () => {
    const { page } = await openWindow(longWithNew(200, 80), { measuredLateMs: 400 });
    await openRoom(page, "boat-shed");
    const rule = log(page).getByRole("heading", { name: "New" });
    await rule.waitFor();
    await log(page).hover();
    await page.mouse.wheel(0, 2_000);
    await until("the rule is out of view", async () => ((await rule.count()) === 0 ? true : ((await rule.boundingBox())?.y ?? 0) < 52));
    await expectSteady(async () => ((await rule.count()) === 0 ? true : ((await rule.boundingBox())?.y ?? 0) < 52));
  });

  test("what was read is said once, and the rule stays until the room is left", async () => {
    const { page, engine: started } = await openWindow();
    await openRoom(page, "boat-shed");
    await until("it is marked as read", () => started.calls.some(({ method }) => method === "messages.markRead"));
    await log(page).getByRole("heading", { name: "New" }).waitFor();
    await openRoom(page, "general");
    await openRoom(page, "boat-shed");
    await page.getByText("Straps, winch, tea.").waitFor();
    expect(await log(page).getByRole("heading", { name: "New" }).count()).toBe(0);
    expect(started.calls.filter(({ method }) => method === "messages.markRead")).toHaveLength(1);
  });

  test("a delivery state is told in a word, and changes in place", async () => {
    const { page, engine: started } = await openWindow();
    await openRoom(page, "boat-shed");
    const mine = log(page).getByRole("article").filter({ hasText: "Straps, winch, tea." });
    await mine.getByRole("img", { name: "Kept on this device" }).waitFor();
    const held = started.world.messages.get("boat-shed")?.at(-1);
    if (held === undefined) throw new Error("the world has no message");
    started.emit({ type: "message.changed", roomId: "boat-shed", message: { ...held, state: "read" } });
    await mine.getByRole("img", { name: "Read by all" }).waitFor();
    expect(await mine.getAttribute("data-state")).toBe("read");
  });

  test("arrows walk it, C copies the whole text, and the composer is a Tab away", async () => {
    const { page } = await openWindow(long(500));
    await openRoom(page, "boat-shed");
    await page.getByText("number 499").waitFor();
    await page.keyboard.press("Shift+Tab");
    expect(await page.evaluate(() => document.activeElement?.textContent)).toContain("number 499");
    for (let n = 0; n < 60; n += 1) {
      await page.keyboard.press("ArrowUp");
      await until(`number ${498 - n} has the focus`, () => page.evaluate((text) => document.activeElement?.textContent.includes(text) ?? false, `number ${498 - n} `));
    }
    await page.keyboard.press("c");
    await until("it is in the clipboard", async () => (await page.evaluate(() => navigator.clipboard.readText())).startsWith("number 439 "));
    await page.keyboard.press("Tab");
    expect(await focused(page)).toContain("Jump to latest");
    await page.keyboard.press("Tab");
    expect(await focused(page)).toBe("Message boat-shed");
  });

  test("keys that are faster than the rows still lead to the message that they count to", async () => {
    const { page } = await openWindow(long(500));
    await openRoom(page, "boat-shed");
    await page.getByText("number 499").waitFor();
    await page.keyboard.press("Shift+Tab");
    /** Pressed within one task, so that nothing is mounted or measured between. */
    const press = (...keys: string[]): Promise<number> =>
      page.evaluate((pressed) => {
        const numbers = [...document.querySelectorAll("[data-message-id]")].map((row) => Number(/number (\d+)/.exec(row.textContent)?.[1]));
        for (const key of pressed) document.activeElement?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
        return Math.min(...numbers);
      }, keys);
    const number = (): Promise<number> => page.evaluate(() => Number(/number (\d+)/.exec(document.activeElement?.closest("[data-message-id]")?.textContent ?? "")?.[1] ?? -1));
    const inView = (): Promise<boolean> =>
      page.evaluate(() => {
        const row = document.activeElement?.getBoundingClientRect();
        const pane = document.activeElement?.closest("[role='log']")?.getBoundingClientRect();
        return row !== undefined && pane !== undefined && row.bottom > pane.top && row.top < pane.bottom;
      });

    const highestMounted = await press("Home", "ArrowDown", "ArrowDown", "ArrowUp");
    await until("a message has the focus that was not mounted", async () => (await number()) >= 0 && (await number()) < highestMounted);
    await until("it is in view", inView);
    await press("End");
    await until("the last one has the focus", async () => (await number()) === 499);
    await press(...Array.from({ length: 40 }, () => "ArrowUp"));
    await until("the fortieth before it has the focus", async () => (await number()) === 459);
    await until("it is in view", inView);
  });
});

describe("hostile content", () => {
  function hostile(): World {
    const world = tidewater();
    world.messages.set("boat-shed", [
      message("mateo", "09:00", `a${"\u0301".repeat(100_000)} tower`),
      message("mateo", "09:01", "x".repeat(1_000_000)),
      message("yuki", "09:02", "javascript:alert(1) https://example.com/ok <b>bold</b>"),
      message("ada", "09:03", "After it all, a plain line.", "read"),
    ]);
    return world;
  }

  test("opens a room with it, paints little of it, and shows the line after it", async () => {
    const { page } = await openWindow(hostile());
    await openRoom(page, "boat-shed");
    await page.getByText("After it all, a plain line.").waitFor();
    // Drawn whole it takes minutes.
    expect(await log(page).evaluate((element) => element.textContent.length)).toBeLessThan(5_000);
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth)).toBe(true);
  });

  test("shows all of it when asked, and the window stays alive", async () => {
    const { page } = await openWindow(hostile());
    await openRoom(page, "boat-shed");
    await page.getByRole("button", { name: /Show all/ }).click();
    await page.getByRole("button", { name: "Show less" }).waitFor();
    const wait = await page.evaluate(async () => {
      const from = performance.now();
      await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
      return performance.now() - from;
    });
    expect(wait).toBeLessThan(1_000);
  });

  test("only web addresses are links, and they open outside", async () => {
    const { page } = await openWindow(hostile());
    await openRoom(page, "boat-shed");
    const links = log(page).getByRole("link");
    await links.first().waitFor();
    expect(await links.count()).toBe(1);
    expect(await links.first().evaluate((link: HTMLAnchorElement) => [link.href, link.target, link.rel])).toEqual(["https://example.com/ok", "_blank", "noopener noreferrer"]);
    expect(await log(page).getByText("<b>bold</b>").count()).toBe(1);
  });
});

describe("the beginning", () => {
  /** A window that the person is not looking at until `look`. */
  async function openUnseen(world: World): Promise<Opened & { look: () => Promise<void> }> {
    const started = await startFakeEngine(world);
    const page = await openPage(started, { viewport: { width: 720, height: 800 }, reducedMotion: "reduce" });
    await page.addInitScript(() => {
      // A page of this browser always believes that it has the focus.
      document.hasFocus = () => document.documentElement.dataset.seen === "yes";
    });
    await page.goto(started.address);
    const look = (): Promise<void> =>
      page.evaluate(() => {
        document.documentElement.dataset.seen = "yes";
        window.dispatchEvent(new FocusEvent("focus"));
      });
    return { page, engine: started, look };
  }

  test("is the newest room, then the last one; with the cursor in its composer, and unread until somebody looks", async () => {
    const world = tidewater();
    const last = world.messages.get("boat-shed")?.at(-1);
    if (last === undefined) throw new Error("the world has no message");
    world.rooms = world.rooms.map((each) => (each.roomId === "boat-shed" ? { ...each, lastMessage: last } : each.roomId === "general" ? { ...each, lastMessage: { ...last, roomId: "general", sentAt: last.sentAt - 1 } } : each));
    const { page, engine: started, look } = await openUnseen(world);
    const marked = (): boolean => started.calls.some(({ method }) => method === "messages.markRead");

    await page.getByText("Straps, winch, tea.").waitFor();
    await until("the composer has the focus", async () => (await focused(page)) === "Message boat-shed");
    await until("the end is in view", async () => (await fromEnd(page)) <= 1);
    expect(marked()).toBe(false);
    await look();
    await until("it is marked as read", marked);

    await page.getByRole("navigation", { name: "Rooms" }).getByRole("button", { name: "boat-shed" }).click();
    await until("the composer has the focus again", async () => (await focused(page)) === "Message boat-shed");
    await page.getByRole("navigation", { name: "Rooms" }).getByRole("button", { name: "general" }).click();
    await until("the other composer has the focus", async () => (await focused(page)) === "Message general");
    await page.reload();
    await until("the last room is open", async () => (await focused(page)) === "Message general");
  });
});

describe("keys", () => {
  test("Ctrl K opens the palette, Esc closes it and gives the focus back", async () => {
    const { page } = await openWindow();
    await openRoom(page, "boat-shed");
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox").waitFor();
    await page.keyboard.press("Escape");
    await until("the composer has the focus", async () => (await focused(page)) === "Message boat-shed");
  });

  test("a room chosen in the palette is opened with the cursor in its composer", async () => {
    const { page } = await openWindow();
    await openRoom(page, "boat-shed");
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox").fill("tides");
    await page.keyboard.press("Enter");
    await until("the other composer has the focus", async () => (await focused(page)) === "Message tides-and-weather");
  });

  test("Alt and arrows go from room to room, with Shift from unread to unread", async () => {
    const { page } = await openWindow();
    await openRoom(page, "boat-shed");
    await page.keyboard.press("Alt+ArrowDown");
    await page.getByRole("textbox", { name: "Message deliveries" }).waitFor();
    await page.keyboard.press("Alt+ArrowUp");
    await page.getByRole("textbox", { name: "Message boat-shed" }).waitFor();
    await page.keyboard.press("Alt+Shift+ArrowDown");
    await page.getByRole("textbox", { name: "Message general" }).waitFor();
    await page.keyboard.press("Alt+Shift+ArrowDown");
    await page.getByRole("textbox", { name: "Message tides-and-weather" }).waitFor();
  });

  test("F6 goes around the panes, Ctrl . shows and hides the details", async () => {
    const { page } = await openWindow();
    await openRoom(page, "boat-shed");
    const pane = (): Promise<string | undefined> => page.evaluate(() => document.activeElement?.closest<HTMLElement>("[data-pane]")?.dataset.pane);
    const visited: (string | undefined)[] = [];
    for (let n = 0; n < 3; n += 1) {
      await page.keyboard.press("F6");
      visited.push(await pane());
    }
    expect(visited).toEqual(["details", "rooms", "conversation"]);
    await page.keyboard.press("Control+.");
    await until("the details are gone", async () => (await page.getByRole("complementary", { name: "Details" }).count()) === 0);
    await page.keyboard.press("Control+.");
    await page.getByRole("complementary", { name: "Details" }).waitFor();
  });

  test("a room is made with the keyboard alone, and Esc gives the focus back to the button", async () => {
    const { page, engine: started } = await openWindow();
    await page.getByRole("button", { name: "New room" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("menuitem", { name: "Create a room" }).waitFor();
    await page.keyboard.press("Enter");
    await until("the name has the focus", () => page.getByLabel("Name").evaluate((input) => input === document.activeElement));
    await page.keyboard.press("Escape");
    await until("the button has the focus", async () => (await focused(page)) === "New room");
    await page.keyboard.press("Enter");
    await page.getByRole("menuitem", { name: "Create a room" }).waitFor();
    await page.keyboard.press("Enter");
    await until("the name has the focus", () => page.getByLabel("Name").evaluate((input) => input === document.activeElement));
    await page.keyboard.type("slipway");
    await page.keyboard.press("Enter");
    await page.getByRole("textbox", { name: "Message slipway" }).waitFor();
    await until("the composer has the focus", async () => (await focused(page)) === "Message slipway");
    expect(started.calls.find(({ method }) => method === "rooms.create")?.params).toEqual({ name: "slipway", kind: "chat", visibility: "private" });
  });
});

describe("people", () => {
  test("each is shown with the best path, in a word", async () => {
    const { page, engine: started } = await openWindow();
    await openRoom(page, "boat-shed");
    const details = page.getByRole("complementary", { name: "Details" });
    const badge = details.getByRole("button", { name: /^Ingrid Solheim/ }).locator("[data-path]");
    expect([await badge.getAttribute("data-path"), await badge.textContent()]).toEqual(["direct", "direct 3 ms"]);
    started.emit({ type: "peer.changed", userId: "ingrid", deviceId: "ingrid-1", peer: { userId: "ingrid", deviceId: "ingrid-1", path: "relay", rttMs: 88, bytesIn: 0, bytesOut: 0 } });
    await details.getByText("relay 88 ms").waitFor();
    await page.getByText("Connected, 3 direct").waitFor();
    started.emit({ type: "net.changed", status: { ...started.world.net, server: "offline", problem: "The server does not answer." } });
    await page.getByText("Server away, 5 peers here").waitFor();
    started.emit({ type: "net.changed", status: { ...started.world.net, server: "offline", peers: [] } });
    await page.getByText("Offline, changes are kept").waitFor();
  });

  test("an owner gives a role; the choice goes to the engine", async () => {
    const { page, engine: started } = await openWindow();
    await openRoom(page, "boat-shed");
    await page.getByRole("button", { name: /^Mateo Ruiz, here/ }).click();
    await page.getByRole("menuitemradio", { name: "Moderator" }).click();
    await until("the role was set", () => started.calls.some(({ method, params }) => method === "rooms.setRole" && JSON.stringify(params) === JSON.stringify({ roomId: "boat-shed", userId: "mateo", role: "moderator" })));
  });

  test("a member who may not manage is offered a conversation only", async () => {
    const world = tidewater();
    world.members.set("general", [...PEOPLE]);
    const { page } = await openWindow(world);
    await openRoom(page, "general");
    await page.getByRole("button", { name: /^Tom Brandt, offline/ }).click();
    await page.getByRole("menuitem", { name: "Message" }).waitFor();
    expect(await page.getByRole("menuitem").count()).toBe(1);
    expect(await page.getByRole("menuitemradio").count()).toBe(0);
  });
});

describe("the way to the engine", () => {
  test("the token leaves the address and is used again after a reload", async () => {
    const { page } = await openWindow(tidewater(), { query: "&server=https://kept.example" });
    expect(new URL(page.url()).searchParams.has("token")).toBe(false);
    expect(new URL(page.url()).searchParams.get("server")).toBe("https://kept.example");
    const socket = page.waitForEvent("websocket");
    await page.reload();
    expect(new URL((await socket).url()).searchParams.get("token")).toBe("secret");
  });

  test("when it breaks the window says so, keeps everything, comes back by itself and catches up", async () => {
    const { page, engine: started } = await openWindow();
    await openRoom(page, "boat-shed");
    await page.getByText("Straps, winch, tea.").waitFor();
    await composer(page).fill("half written");
    started.cut(true);
    await page.getByRole("status").getByText("Connecting…").waitFor();
    expect(await page.getByText("Straps, winch, tea.").isVisible()).toBe(true);
    started.world.messages.set("boat-shed", [...(started.world.messages.get("boat-shed") ?? []), message("mateo", Date.now(), "Said while you were away.")]);
    started.cut(false);
    await page.getByText("Said while you were away.").first().waitFor({ timeout: 15_000 });
    await page.getByText("Connected, 4 direct").waitFor();
    expect(await composer(page).inputValue()).toBe("half written");
  });

  test("a refused message keeps its text and is sent when it is tried again", async () => {
    const { page, engine: started } = await openWindow();
    await openRoom(page, "boat-shed");
    started.answer({ "messages.send": () => { throw new Refused("internal", "The disk is full."); } });
    await composer(page).fill("precious words");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").getByText("Not sent. The disk is full.").waitFor();
    started.answer({ "messages.send": ({ roomId, text }) => {
      started.emit({ type: "message.new", roomId, message: { ...message("ada", Date.now(), text, "stored"), messageId: "kept" } });
      return { messageId: "kept", state: "stored" };
    } });
    await page.getByRole("button", { name: "Try again" }).click();
    await page.locator('[data-message-id="kept"]').waitFor();
    await until("the red line is gone", async () => (await page.getByRole("alert").count()) === 0);
  });

  test("nothing is asked of any other host", async () => {
    const started = await startFakeEngine(tidewater());
    const page = await openPage(started, {});
    const hosts = new Set<string>();
    page.on("request", (request) => hosts.add(new URL(request.url()).host));
    await page.goto(started.address);
    await openRoom(page, "boat-shed");
    await page.evaluate(() => document.fonts.ready);
    expect([...hosts]).toEqual([new URL(started.address).host]);
  });
});

describe("signing out", () => {
  test.each([
    [1, "1 message or choice has not left this device yet. If you sign out now, it is lost.", "Sign out and lose it"],
    [2, "2 messages or choices have not left this device yet. If you sign out now, they are lost.", "Sign out and lose them"],
  ])("says how much would be lost (%i), and loses it only when told to", async (count, sentence, anyway) => {
    const { page, engine: started } = await openWindow();
    started.answer({ "account.logout": ({ force }, world) => {
      if (force !== true) throw new Refused("conflict", "Something has not left this device.", count);
      world.account = null;
      return {};
    } });
    await page.getByRole("button", { name: "Settings" }).click();
    await page.getByRole("menuitem", { name: "Sign out" }).click();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByText(sentence).waitFor();
    expect(started.world.account).not.toBeNull();
    await page.getByRole("button", { name: anyway }).click();
    await page.getByRole("heading", { name: "Welcome to Momoland" }).waitFor();
  });
});

test("a narrow window shows one pane at a time, with targets that a thumb can hit", async () => {
  const { page } = await openWindow({ ...tidewater(), rooms: [room("boat-shed", { role: "owner" }), room("general")] }, { size: [390, 800] });
  expect(await page.getByRole("main").getByRole("textbox").count()).toBe(0);
  await openRoom(page, "boat-shed");
  expect(await page.getByRole("navigation", { name: "Rooms" }).count()).toBe(0);
  const sizes = await page.getByRole("main").getByRole("button").evaluateAll((buttons) => buttons.map((button) => Math.min(button.getBoundingClientRect().width, button.getBoundingClientRect().height)));
  expect(Math.min(...sizes)).toBeGreaterThanOrEqual(36);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await page.getByRole("button", { name: "Back to rooms" }).click();
  await page.getByRole("navigation", { name: "Rooms" }).waitFor();
});

test("a theme that was chosen is kept", async () => {
  const { page } = await openWindow(tidewater(), { theme: "light" });
  expect(await page.locator("html").getAttribute("data-theme")).toBe("light");
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByRole("menuitemradio", { name: "Dark" }).click();
  await until("it is dark", async () => (await page.locator("html").getAttribute("data-theme")) === "dark");
  await page.reload();
  await page.locator("nav").first().waitFor();
  expect(await page.locator("html").getAttribute("data-theme")).toBe("dark");
});
