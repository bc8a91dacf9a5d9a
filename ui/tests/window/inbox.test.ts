// What concerns the reader, wherever it happened: the inbox, toasts, announcements, and how much of it is wanted.
import { describe, expect, test } from "vitest";
import { Refused } from "./fake-engine.js";
import { asked, focused, log, openRoom, openWindow, until } from "./harness.js";
import { busy, OWN, tidewater } from "./tidewater.js";

describe("the inbox", () => {
  test("counts what is unread, leads to what it is about, and is read by going there", async () => {
    const { page, engine } = await openWindow(busy());
    await page.getByRole("button", { name: /Inbox/ }).click();
    await page.getByRole("img", { name: "3 unread in the inbox" }).waitFor();
    await page.getByRole("button", { name: /Yuki Tanabe mentioned you/ }).click();
    await until("the message has the focus", () => page.evaluate(() => document.activeElement?.textContent.includes("no signal at the shed today") ?? false));
    await page.getByRole("img", { name: "2 unread in the inbox" }).waitFor();
    expect(asked(engine, "notifications.markRead")).toEqual([{ notificationId: "n4" }]);
    await page.getByRole("button", { name: /Inbox/ }).click();
    await page.getByRole("button", { name: "Mark all read" }).click();
    await until("nothing is unread", async () => (await page.getByRole("img", { name: /unread in the inbox/ }).count()) === 0);
    expect(asked(engine, "notifications.markRead").at(-1)).toEqual({});
  });

  test("that is empty says what belongs there, and one that the engine does not know is not there", async () => {
    const { page, engine } = await openWindow(tidewater());
    await page.getByRole("button", { name: /Inbox/ }).click();
    await page.getByText("Nothing for you yet.").waitFor();
    engine.answer({ "notifications.list": () => { throw new Refused("internal", "There is no such method."); } });
    await page.reload();
    await page.getByRole("button", { name: "boat-shed" }).waitFor();
    expect(await page.getByRole("button", { name: /Inbox/ }).count()).toBe(0);
  });

  test("what comes in elsewhere is a toast that leads there, and none in the room that is looked at", async () => {
    const { page, engine } = await openWindow(busy());
    await openRoom(page, "deliveries");
    const messageId = engine.world.messages.get("boat-shed")?.[0]?.messageId ?? "";
    engine.emit({ type: "notification.new", notification: { notificationId: "x1", kind: "reply", title: "as an engine of another language puts it", body: "Until then.", level: "info", roomId: "boat-shed", messageId, userId: "ingrid", at: Date.now(), read: false }, silent: false, unreadCount: 4 });
    await page.getByText("Ingrid Solheim answered you").waitFor();
    await page.getByRole("button", { name: "Open", exact: true }).click();
    await until("the message has the focus", () => page.evaluate(() => document.activeElement?.textContent.includes("Low water is at") ?? false));
  });
});

test("an announcement stands above the panes until it is put away, also in a window opened later", async () => {
  const { page, engine } = await openWindow(busy());
  await openRoom(page, "boat-shed");
  const announcement = { announcementId: "a1", message: "The server moves on Sunday.", level: "warning" as const, userId: "ingrid", at: Date.now(), expiresAt: Date.now() + 3_600_000 };
  engine.world.announcements.push(announcement);
  engine.emit({ type: "announcement.new", announcement });
  engine.emit({ type: "announcement.new", announcement });
  const region = page.getByRole("region", { name: "Announcements" });
  await region.getByText("The server moves on Sunday.").waitFor();
  expect(await region.getByText("The server moves on Sunday.").count()).toBe(1);
  expect(await page.evaluate(() => document.documentElement.scrollHeight <= window.innerHeight)).toBe(true);
  await page.reload();
  await region.getByText("The server moves on Sunday.").waitFor();
  await region.getByRole("button", { name: "Put away" }).click();
  await until("it is gone", async () => (await region.count()) === 0);
  await until("the engine keeps that", () => asked(engine, "announcements.dismiss").length === 1);
  await page.reload();
  await page.getByRole("button", { name: /boat-shed/ }).first().waitFor();
  expect(await region.count()).toBe(0);
});

describe("an administrator", () => {
  const administrators = () => ({ ...busy(), account: { ...OWN, admin: true } });

  test("announces from the palette, and sees it as others do", async () => {
    const { page, engine } = await openWindow(administrators());
    await openRoom(page, "boat-shed");
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox").fill("announce");
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog", { name: "Announce to everybody" });
    await dialog.getByLabel("Message").fill("The server moves on Sunday.\nPlan for an hour.");
    await dialog.getByLabel("How important").selectOption("warning");
    await dialog.getByLabel("It lasts").selectOption("week");
    await dialog.getByRole("group", { name: "As others see it" }).getByText("Plan for an hour.").waitFor();
    await dialog.getByRole("button", { name: "Announce" }).click();
    await dialog.waitFor({ state: "detached" });
    await page.getByRole("region", { name: "Announcements" }).getByText("The server moves on Sunday.").waitFor();
    expect(asked(engine, "admin.announce")).toEqual([{ message: "The server moves on Sunday.\nPlan for an hour.", level: "warning", ttlS: 604_800 }]);
  });

  test("is told why, where the server refuses, and keeps what was written", async () => {
    const { page, engine } = await openWindow(administrators());
    engine.answer({ "admin.announce": () => { throw new Refused("forbidden", "Only an administrator of this server can do this."); } });
    await page.getByRole("button", { name: "Settings" }).click();
    await page.getByRole("menuitem", { name: "Announce to everybody" }).click();
    await page.getByLabel("Message").fill("Low water at ten.");
    await page.getByRole("button", { name: "Announce", exact: true }).click();
    await page.getByRole("alert").getByText("Only an administrator").waitFor();
    expect(await page.getByLabel("Message").inputValue()).toBe("Low water at ten.");
  });

  test("writes to one person, who gets a toast and an entry in the inbox", async () => {
    const { page, engine } = await openWindow(administrators());
    await openRoom(page, "boat-shed");
    await page.getByRole("button", { name: /Ingrid Solheim/ }).last().click();
    await page.getByRole("menuitem", { name: "Write as administrator" }).click();
    const dialog = page.getByRole("dialog", { name: "Write to Ingrid Solheim as administrator" });
    await dialog.getByLabel("Subject").fill("Your berth");
    await dialog.getByLabel("Message").fill("It is paid.");
    await dialog.getByRole("button", { name: "Send" }).click();
    await dialog.waitFor({ state: "detached" });
    await until("the engine was told", () => asked(engine, "notifications.send").length === 1);
    expect(asked(engine, "notifications.send")).toEqual([{ userId: "ingrid", title: "Your berth", body: "It is paid.", level: "info" }]);
    engine.emit({ type: "notification.new", notification: { notificationId: "p1", kind: "personal", title: "From the harbour office", body: "Renew it by May.", level: "warning", userId: "ingrid", at: Date.now(), read: false }, silent: false, unreadCount: 4 });
    await page.getByText("From the harbour office").waitFor();
    await page.getByRole("button", { name: /Inbox/ }).click();
    await page.getByRole("button", { name: /From the harbour office/ }).waitFor();
  });
});

test("who does not administer finds nothing to announce with", async () => {
  const { page } = await openWindow(busy());
  await openRoom(page, "boat-shed");
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByRole("menuitem", { name: "Keyboard shortcuts" }).waitFor();
  expect(await page.getByRole("menuitem", { name: "Announce to everybody" }).count()).toBe(0);
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox").fill("announce");
  await page.getByText("Nothing here by that name.").waitFor();
});

describe("how much is wanted", () => {
  test("a room is muted and made a favourite from its menu", async () => {
    const { page, engine } = await openWindow(busy());
    await openRoom(page, "treasurer");
    await page.getByRole("button", { name: "Room menu" }).click();
    await page.getByRole("menuitemradio", { name: "Nothing" }).click();
    await page.getByRole("button", { name: /treasurer.*Muted|Muted.*treasurer/ }).waitFor();
    await page.getByRole("button", { name: "Room menu" }).click();
    await page.getByRole("menuitem", { name: "Add to favourites" }).click();
    await page.getByRole("region", { name: "Favourites" }).getByRole("button", { name: /treasurer/ }).waitFor();
    expect(asked(engine, "rooms.setNotify")).toEqual([{ roomId: "treasurer", level: "none" }]);
    expect(asked(engine, "rooms.setFavourite")).toEqual([{ roomId: "treasurer", on: true }]);
  });

  test("who does not want to be disturbed says so, and gets no toast", async () => {
    const { page, engine } = await openWindow(busy());
    await openRoom(page, "deliveries");
    await page.getByRole("button", { name: "Settings" }).click();
    await page.getByRole("menuitemradio", { name: "Do not disturb" }).click();
    await until("the engine was told", () => JSON.stringify(asked(engine, "presence.set")) === JSON.stringify([{ status: "dnd", text: "" }]));
    engine.emit({ type: "notification.new", notification: { notificationId: "x2", kind: "personal", title: "A quiet word", body: "", level: "info", at: Date.now(), read: false }, silent: true, unreadCount: 4 });
    await page.getByRole("img", { name: "4 unread in the inbox" }).waitFor();
    expect(await page.getByText("A quiet word").count()).toBe(0);
  });
});

test("everything is in the palette: a link, the room's settings, the status, the shortcuts", async () => {
  const { page, engine } = await openWindow(busy());
  await openRoom(page, "boat-shed");
  const run = async (query: string): Promise<void> => {
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox").fill(query);
    await page.keyboard.press("Enter");
  };
  await run("settings of boat");
  await page.getByRole("dialog", { name: "Settings of boat-shed" }).waitFor();
  await page.keyboard.press("Escape");
  await run("status: away");
  await until("the engine was told", () => asked(engine, "presence.set").length === 1);
  await run(`momoland://room/boat-shed/${engine.world.messages.get("boat-shed")?.[0]?.messageId ?? ""}`);
  await until("the message has the focus", () => page.evaluate(() => document.activeElement?.textContent.includes("Low water is at") ?? false));
  await run("activity in");
  await page.getByText("Ada Okafor changed the role of Ingrid Solheim").waitFor();
  await page.keyboard.press("Escape");
  await run("keyboard");
  await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
  await page.keyboard.press("Escape");
  await until("the focus is back in the room", async () => (await focused(page)) !== "" && (await log(page).count()) === 1);
});
