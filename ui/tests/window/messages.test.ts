// What people do with messages, in the built window: by the pointer, by the keyboard, and when the engine says no.
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { Refused } from "./fake-engine.js";
import { asked, composer, focused, log, openSettledRoom as openRoom, openWindow, until } from "./harness.js";
import { busy, message, tidewater } from "./tidewater.js";

const row = (page: Page, words: string) => log(page).getByRole("article").filter({ hasText: words });
const HILL = "On the hill there is one.";

/** The last message has the focus. */
async function walkIn(page: Page): Promise<void> {
  await composer(page).focus();
  await page.keyboard.press("Shift+Tab");
  await until("a message has the focus", () => page.evaluate(() => document.activeElement?.matches("[data-message-id]") ?? false));
}

describe("reactions", () => {
  test("are given with E and the search, shown at once, and taken back by pressing them", async () => {
    const { page, engine } = await openWindow(busy());
    await openRoom(page, "boat-shed");
    await walkIn(page);
    await page.keyboard.press("e");
    await page.getByRole("combobox", { name: "Search emoji" }).fill("tada");
    await page.getByRole("gridcell", { name: "party popper" }).waitFor();
    await page.keyboard.press("Enter");
    const chip = row(page, "Straps, winch, tea.").getByRole("button", { name: "🎉, 1 reaction, yours is one" });
    await chip.waitFor();
    expect(asked(engine, "messages.react")).toEqual([{ roomId: "boat-shed", messageId: engine.world.messages.get("boat-shed")?.at(-1)?.messageId, emoji: "🎉", on: true }]);
    await until("the message has the focus again", () => page.evaluate(() => document.activeElement?.matches("[data-message-id]") ?? false));
    await chip.click();
    await until("it is gone", async () => (await chip.count()) === 0);
    expect(asked(engine, "messages.react")).toHaveLength(2);
  });

  test("say who gave them, and one's own is told apart", async () => {
    const { page } = await openWindow(busy());
    await openRoom(page, "boat-shed");
    const own = page.getByRole("button", { name: "🙌, 4 reactions, yours is one" });
    expect(await own.getAttribute("aria-pressed")).toBe("true");
    await page.getByRole("button", { name: "💛, 5 reactions" }).hover();
    await page.getByRole("tooltip").getByText("Ingrid Solheim, Mateo Ruiz, Sam Whitlock, Priya Nair, and Tom Brandt").waitFor();
  });

  test("that are refused are taken back, and said under the message until they are tried again", async () => {
    const { page, engine } = await openWindow(busy());
    await openRoom(page, "boat-shed");
    const usual = { roomId: "boat-shed", emoji: "💛" };
    engine.answer({ "messages.react": () => { throw new Refused("internal", "The disk is full."); } });
    await page.getByRole("button", { name: "💛, 5 reactions" }).click();
    const alert = row(page, "no signal at the shed today").getByRole("alert");
    await alert.getByText("Not done. The disk is full.").waitFor();
    await page.getByRole("button", { name: "💛, 5 reactions", exact: true }).waitFor();
    engine.answer({ "messages.react": ({ roomId, messageId, emoji }) => {
      expect({ roomId, emoji }).toEqual(usual);
      const held = engine.world.messages.get(roomId)?.find((each) => each.messageId === messageId);
      if (held === undefined) throw new Refused("not_found", "No such message.");
      return { message: { ...held, reactions: [{ emoji, userIds: [...(held.reactions[0]?.userIds ?? []), "ada"] }] } };
    } });
    await alert.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("button", { name: "💛, 6 reactions, yours is one" }).waitFor();
    expect(await alert.count()).toBe(0);
  });
});

describe("editing", () => {
  test("Up in an empty composer edits the last own message, Enter saves, and the mark says when", async () => {
    const { page, engine } = await openWindow(busy());
    await openRoom(page, "boat-shed");
    await page.keyboard.press("ArrowUp");
    const editor = page.getByRole("textbox", { name: "Edit message" });
    await until("the editor has the focus", async () => (await focused(page)) === "Edit message");
    expect(await editor.inputValue()).toBe("Straps, winch, tea. In that order.");
    await editor.fill("Straps, winch, coffee.");
    await page.keyboard.press("Enter");
    const edited = row(page, "Straps, winch, coffee.");
    await edited.getByText("edited").waitFor();
    expect(await edited.getByText("edited").getAttribute("title")).toMatch(/^Edited /);
    expect(asked(engine, "messages.edit")).toEqual([{ roomId: "boat-shed", messageId: engine.world.messages.get("boat-shed")?.at(-1)?.messageId, text: "Straps, winch, coffee." }]);
    await until("the composer has the focus", async () => (await focused(page)) === "Message boat-shed");
  });

  test("Esc leaves everything as it was, and the same text again is no edit", async () => {
    const { page, engine } = await openWindow(busy());
    await openRoom(page, "boat-shed");
    await page.keyboard.press("ArrowUp");
    await page.getByRole("textbox", { name: "Edit message" }).fill("something else");
    await page.keyboard.press("Escape");
    await until("the composer has the focus", async () => (await focused(page)) === "Message boat-shed");
    expect(await row(page, "Straps, winch, tea. In that order.").count()).toBe(1);
    await page.keyboard.press("ArrowUp");
    await page.getByRole("textbox", { name: "Edit message" }).waitFor();
    await page.keyboard.press("Enter");
    await until("the editor is gone", async () => (await page.getByRole("textbox", { name: "Edit message" }).count()) === 0);
    expect(asked(engine, "messages.edit")).toEqual([]);
  });

  test("a refused text comes back into its editor with the reason", async () => {
    const { page, engine } = await openWindow(busy());
    await openRoom(page, "boat-shed");
    engine.answer({ "messages.edit": () => { throw new Refused("conflict", "The message was deleted meanwhile."); } });
    await page.keyboard.press("ArrowUp");
    await page.getByRole("textbox", { name: "Edit message" }).fill("precious words");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").getByText("The message was deleted meanwhile.").waitFor();
    expect(await page.getByRole("textbox", { name: "Edit message" }).inputValue()).toBe("precious words");
  });

  test("with something written Up stays in the composer", async () => {
    const { page } = await openWindow(busy());
    await openRoom(page, "boat-shed");
    await page.keyboard.type("half");
    await page.keyboard.press("ArrowUp");
    expect(await page.getByRole("textbox", { name: "Edit message" }).count()).toBe(0);
  });
});

describe("deleting", () => {
  test("is asked first, and leaves a mark and nothing else", async () => {
    const { page, engine } = await openWindow(busy());
    await openRoom(page, "boat-shed");
    await row(page, HILL).click({ button: "right" });
    await page.getByRole("menuitem", { name: "Delete" }).click();
    await page.getByRole("dialog", { name: "Delete this message?" }).waitFor();
    expect(asked(engine, "messages.delete")).toEqual([]);
    await page.getByRole("button", { name: "Delete" }).click();
    await log(page).getByText("This message was deleted.").nth(1).waitFor();
    expect(await page.getByText(HILL).count()).toBe(0);
  });

  test("what is refused is said in the question", async () => {
    const { page, engine } = await openWindow(busy());
    engine.answer({ "messages.delete": () => { throw new Refused("forbidden", "You may not delete what others wrote."); } });
    await openRoom(page, "boat-shed");
    await walkIn(page);
    await page.keyboard.press("Delete");
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await page.getByRole("dialog").getByRole("alert").getByText("You may not delete what others wrote.").waitFor();
  });

  test("an answer to it quotes nothing of it, and it offers neither reply nor reaction", async () => {
    const world = busy();
    const [first] = world.messages.get("boat-shed") ?? [];
    if (first === undefined) throw new Error("the world has no message");
    const gone = { ...first, text: "", deletedAt: Date.now(), deletedBy: "ingrid" };
    world.messages.set("boat-shed", [gone, { ...message("mateo", Date.now(), "what was that?"), replyTo: gone.messageId }]);
    const { page } = await openWindow(world);
    await openRoom(page, "boat-shed");
    await row(page, "what was that?").getByText("A message that was deleted").waitFor();
    await row(page, "This message was deleted.").click({ button: "right" });
    await page.getByRole("menuitem", { name: "Copy link" }).waitFor();
    for (const name of ["React", "Reply", "Edit", "Copy text", "Delete", "Pin to the room"]) expect(await page.getByRole("menuitem", { name }).count()).toBe(0);
  });
});

describe("answers", () => {
  test("R begins one, the draft keeps it, Enter sends it, and its quote leads to what it answers", async () => {
    const world = busy();
    const many = Array.from({ length: 400 }, (_, n) => message("mateo", Date.now() - (400 - n) * 60_000, `number ${n}`));
    world.messages.set("boat-shed", [...many, message("ingrid", Date.now(), "the last word")]);
    const { page, engine } = await openWindow(world);
    await openRoom(page, "boat-shed");
    await walkIn(page);
    await page.keyboard.press("r");
    await page.getByText("Reply to Ingrid Solheim").waitFor();
    await until("the composer has the focus", async () => (await focused(page)) === "Message boat-shed");
    await page.keyboard.type("agreed");
    await until("the draft is kept", () => asked(engine, "drafts.set").length > 0);
    await page.keyboard.press("Enter");
    await row(page, "agreed").getByRole("button", { name: "Answer to Ingrid Solheim. Go to the message." }).waitFor();
    expect(asked(engine, "messages.send")).toEqual([{ roomId: "boat-shed", text: "agreed", replyTo: world.messages.get("boat-shed")?.[400]?.messageId }]);
    expect(await page.getByText("Reply to Ingrid Solheim").count()).toBe(0);

    // One that answers something far above, which is not even read yet.
    engine.emit({ type: "message.new", roomId: "boat-shed", message: { ...message("sam", Date.now(), "about the start"), replyTo: many[3]?.messageId ?? "" } });
    await row(page, "about the start").getByRole("button", { name: "An earlier message" }).click();
    await until("it has the focus", () => page.evaluate(() => document.activeElement?.textContent.includes("number 3") ?? false));
    const box = await row(page, "number 3").first().boundingBox();
    expect(box?.y ?? 0).toBeGreaterThan(52);
  });

  test("Esc makes it a message of its own again", async () => {
    const { page } = await openWindow(busy());
    await openRoom(page, "boat-shed");
    await walkIn(page);
    await page.keyboard.press("r");
    await page.getByText("Reply to Ada Okafor").waitFor();
    await page.keyboard.press("Escape");
    await until("there is no answer", async () => (await page.getByText("Reply to Ada Okafor").count()) === 0);
  });
});

describe("the tools of a message", () => {
  test("show on hover without moving anything, and right from the keyboard", async () => {
    const { page } = await openWindow(busy());
    await openRoom(page, "boat-shed");
    const target = row(page, "no signal at the shed today");
    const before = await target.boundingBox();
    await target.hover();
    await target.getByRole("toolbar", { name: "Message tools" }).waitFor();
    expect(await target.boundingBox()).toEqual(before);
    await walkIn(page);
    await page.keyboard.press("ArrowRight");
    expect(await focused(page)).toBe("React");
    await page.keyboard.press("ArrowRight");
    expect(await focused(page)).toBe("Reply");
    await page.keyboard.press("Escape");
    await until("the message has the focus", () => page.evaluate(() => document.activeElement?.matches("[data-message-id]") ?? false));
    await page.keyboard.press("Tab");
    expect(await focused(page)).toBe("Message boat-shed");
  });

  test("M opens the menu, Esc gives the focus back; a link can be copied and followed", async () => {
    const { page, engine } = await openWindow(busy());
    await openRoom(page, "boat-shed");
    await walkIn(page);
    await page.keyboard.press("m");
    await page.getByRole("menuitem", { name: "Copy link" }).waitFor();
    await page.keyboard.press("Escape");
    await until("the message has the focus", () => page.evaluate(() => document.activeElement?.matches("[data-message-id]") ?? false));
    await page.keyboard.press("l");
    const last = engine.world.messages.get("boat-shed")?.at(-1)?.messageId ?? "";
    await until("it is in the clipboard", async () => (await page.evaluate(() => navigator.clipboard.readText())) === `momoland://room/boat-shed/${last}`);
    engine.world.messages.set("general", [message("sam", Date.now(), `look: momoland://room/boat-shed/${last}`, "delivered", "general")]);
    await openRoom(page, "general");
    await page.getByRole("link", { name: /momoland:/ }).click();
    await until("the message has the focus", () => page.evaluate(() => document.activeElement?.textContent.includes("Straps, winch, tea.") ?? false));
  });

  test("pinning shows in the message and in the tab, from where one gets back to it", async () => {
    const { page, engine } = await openWindow(busy());
    await openRoom(page, "boat-shed");
    await page.getByRole("tab", { name: "Pinned" }).click();
    await page.getByRole("button", { name: "Go to the message of Ingrid Solheim" }).waitFor();
    await row(page, HILL).click({ button: "right" });
    await page.getByRole("menuitem", { name: "Pin to the room" }).click();
    await row(page, HILL).getByText("Pinned").waitFor();
    await page.getByRole("button", { name: "Go to the message of Ada Okafor" }).click();
    await until("the message has the focus", () => page.evaluate((words) => document.activeElement?.textContent.includes(words) ?? false, HILL));
    expect(asked(engine, "messages.pin")).toHaveLength(1);
  });

  test("what is marked unread stays unread while it is looked at", async () => {
    const { page, engine } = await openWindow(busy());
    await openRoom(page, "boat-shed");
    await until("it is marked as read", () => asked(engine, "messages.markRead").length > 0);
    const marks = asked(engine, "messages.markRead").length;
    await row(page, "no signal at the shed today").click({ button: "right" });
    await page.getByRole("menuitem", { name: "Mark unread from here" }).click();
    await until("the engine was told", () => asked(engine, "messages.markUnread").length === 1);
    const known = engine.world.rooms.find((each) => each.roomId === "boat-shed");
    if (known === undefined) throw new Error("the world has no such room");
    engine.emit({ type: "room.changed", room: { ...known, unreadCount: 1, mentionsCount: 1, readUpTo: engine.world.messages.get("boat-shed")?.[5]?.messageId ?? "" } });
    await page.getByRole("img", { name: "1 mention, 1 unread" }).waitFor();
    expect(asked(engine, "messages.markRead")).toHaveLength(marks);
  });

  test("a reader is offered what a reader may do", async () => {
    const world = busy();
    world.rooms = world.rooms.map((each) => (each.roomId === "boat-shed" ? { ...each, role: "reader" } : each));
    const { page } = await openWindow(world);
    await page.getByRole("navigation", { name: "Rooms" }).getByRole("button", { name: "boat-shed" }).click();
    await row(page, "no signal at the shed today").click({ button: "right" });
    await page.getByRole("menuitem", { name: "Copy text" }).waitFor();
    for (const name of ["React", "Reply", "Edit", "Delete", "Pin to the room"]) expect(await page.getByRole("menuitem", { name }).count()).toBe(0);
  });
});

describe("mentions", () => {
  test("are completed by name, sent as a handle, and shown as a name; one's own stand out", async () => {
    const { page, engine } = await openWindow(busy());
    await openRoom(page, "boat-shed");
    await page.keyboard.type("so @solh");
    await page.getByRole("option", { name: /Ingrid Solheim/ }).waitFor();
    await page.keyboard.press("Enter");
    expect(await composer(page).inputValue()).toBe("so @ingrid ");
    await page.keyboard.type("and @no");
    await page.keyboard.press("Enter");
    await row(page, "so @Ingrid Solheim and @no").waitFor();
    expect(asked(engine, "messages.send")).toEqual([{ roomId: "boat-shed", text: "so @ingrid and @no" }]);
    expect(await page.locator('[data-mention="you"]').allTextContents()).toEqual(["@Ada Okafor"]);
  });

  test("Esc closes what is offered and keeps what is written", async () => {
    const { page } = await openWindow(busy());
    await openRoom(page, "boat-shed");
    await page.keyboard.type("so @in");
    await page.getByRole("listbox").waitFor();
    await page.keyboard.press("Escape");
    await until("nothing is offered", async () => (await page.getByRole("listbox").count()) === 0);
    expect(await composer(page).inputValue()).toBe("so @in");
  });

  test("a shortcode is completed, and turned by its second colon", async () => {
    const { page } = await openWindow(busy());
    await openRoom(page, "boat-shed");
    await page.keyboard.type("well done :tad");
    await page.getByRole("option", { name: ":tada:" }).waitFor();
    await page.keyboard.press("Tab");
    await page.keyboard.type(":peach: ok");
    await until("both are emoji", async () => (await composer(page).inputValue()) === "well done 🎉 🍑 ok");
  });
});

describe("drafts", () => {
  test("are kept by the engine a moment after the last key, shown in the list, and there after a restart", async () => {
    const { page, engine } = await openWindow(tidewater());
    await openRoom(page, "boat-shed");
    await page.keyboard.type("half a thought");
    await until("it is kept", () => engine.world.drafts.get("boat-shed")?.text === "half a thought");
    expect(asked(engine, "drafts.set").length).toBeLessThan(8);
    await openRoom(page, "general");
    await page.getByRole("button", { name: /boat-shed.*Draft|Draft.*boat-shed/ }).waitFor();
    await page.reload();
    await openRoom(page, "boat-shed");
    await until("it is there", async () => (await composer(page).inputValue()) === "half a thought");
    await page.keyboard.press("Enter");
    await until("there is no draft", () => !engine.world.drafts.has("boat-shed"));
  });

  test("of another device never change what is being written here", async () => {
    const { page, engine } = await openWindow(tidewater());
    await openRoom(page, "boat-shed");
    await page.keyboard.type("mine");
    const known = engine.world.rooms.find((each) => each.roomId === "boat-shed");
    const other = engine.world.rooms.find((each) => each.roomId === "deliveries");
    if (known === undefined || other === undefined) throw new Error("the world has no such room");
    engine.emit({ type: "room.changed", room: { ...known, draft: "theirs" } });
    engine.emit({ type: "room.changed", room: { ...other, draft: "from the phone" } });
    await page.getByRole("button", { name: /deliveries.*Draft|Draft.*deliveries/ }).waitFor();
    expect(await composer(page).inputValue()).toBe("mine");
    await openRoom(page, "deliveries");
    expect(await composer(page).inputValue()).toBe("from the phone");
  });
});

test("Ctrl J leads to the first new message, however far up", async () => {
  const world = tidewater();
  const many = Array.from({ length: 1_500 }, (_, n) => message("mateo", Date.now() - (1_500 - n) * 60_000, `number ${n} of many`));
  world.messages.set("boat-shed", many);
  world.rooms = world.rooms.map((each) => (each.roomId === "boat-shed" ? { ...each, readUpTo: many[99]?.messageId ?? "", unreadCount: 1_400 } : each));
  const { page } = await openWindow(world);
  await openRoom(page, "boat-shed");
  await page.getByRole("button", { name: "1,400 new above" }).waitFor();
  await page.keyboard.press("Control+j");
  await until("the first new one has the focus", () => page.evaluate(() => document.activeElement?.textContent.includes("number 100 ") ?? false));
  await log(page).getByRole("heading", { name: "New" }).waitFor();
});

describe("Markdown", () => {
  test("is shown, and nothing of it runs or loads", async () => {
    const world = tidewater();
    world.messages.set("boat-shed", [
      message("mateo", "09:00", "**bold** and `code` <img src=x onerror=alert(1)> ![x](https://evil.example/x.png)"),
      message("mateo", "09:01", "[https://bank.example](https://evil.example/steal)"),
      message("yuki", "09:02", "\u202Egnitirw si siht\u202C and \u0000 the rest"),
      message("yuki", "09:03", "مرحبا **بالعالم** كيف الحال"),
    ]);
    const { page } = await openWindow(world);
    const hosts = new Set<string>();
    page.on("request", (request) => hosts.add(new URL(request.url()).host));
    await openRoom(page, "boat-shed");
    await log(page).locator("strong", { hasText: "bold" }).waitFor();
    expect(await log(page).locator("img:not([role])").count()).toBe(0);
    expect(await row(page, "steal").getByRole("link").textContent()).toBe("https://evil.example/steal");
    const arabic = await log(page).locator("p", { hasText: "كيف" }).evaluate((line) => getComputedStyle(line).direction);
    expect(arabic).toBe("rtl");
    expect(await row(page, "the rest").evaluate((element) => /[\u202e\u0000]/u.test(element.textContent))).toBe(false);
    expect([...hosts].filter((host) => !host.startsWith("127.0.0.1"))).toEqual([]);
  });
});
