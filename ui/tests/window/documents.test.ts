// A document in the built window, against a scripted engine that holds real Yjs replicas: what is typed reaches it, what
// others write is shown, and what is refused is said and not lost.
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { Refused, type FakeEngine } from "./fake-engine.js";
import { asked, composer, openRoom, openWindow, until } from "./harness.js";
import { busy } from "./tidewater.js";

const text = (page: Page) => page.getByRole("textbox", { name: "Text of Slipway plan" });

async function openPlan(page: Page): Promise<void> {
  await openRoom(page, "boat-shed");
  await page.getByRole("tab", { name: "Documents" }).click();
  await page.getByRole("button", { name: /Slipway plan/ }).click();
  await text(page).waitFor();
}

/** What the engine's replica says. */
const held = (engine: FakeEngine): string => engine.world.replicas.get("plan")?.getXmlFragment("default").toJSON() ?? "";

/** Somebody else writes a paragraph, as their own Yjs would. */
function writes(engine: FakeEngine, words: string): void {
  const replica = engine.world.replicas.get("plan") ?? new Y.Doc();
  const theirs = new Y.Doc();
  Y.applyUpdate(theirs, Y.encodeStateAsUpdate(replica));
  const before = Y.encodeStateVector(theirs);
  const paragraph = new Y.XmlElement("paragraph");
  paragraph.insert(0, [new Y.XmlText(words)]);
  theirs.getXmlFragment("default").push([paragraph]);
  const update = Y.encodeStateAsUpdate(theirs, before);
  Y.applyUpdate(replica, update);
  engine.world.replicas.set("plan", replica);
  engine.emit({ type: "doc.update", docId: "plan", update: Buffer.from(update).toString("base64") });
}

/** A page of everything that documents hold, many screens long. */
function writeEverything(engine: FakeEngine): void {
  const replica = new Y.Doc();
  const line = (words: string) => ["paragraph", {}, words] as const;
  const item = (words: string) => ["listItem", {}, [line(words)]] as const;
  const row = (cell: string, ...words: string[]) => ["tableRow", {}, words.map((each) => [cell, {}, [line(each)]] as const)] as const;
  const blocks: Written[] = [
    ["heading", { level: 1 }, "Slipway"],
    line("The sleepers are oak, and what is written about them is longer than a line is wide, so that it goes on in the next one and in that after it. ".repeat(2)),
    line(""),
    ["bulletList", {}, [item("rail"), item("winch")]],
    ["orderedList", { start: 3 }, [item("third")]],
    ["taskList", {}, [["taskItem", { checked: true }, [line("greased")]], ["taskItem", { checked: false }, [line("lowered")]]]],
    ["blockquote", {}, [line("Low water is at ten.")]],
    ["codeBlock", {}, "tide --next\ntide --last"],
    ["horizontalRule", {}, ""],
    ["table", {}, [row("tableHeader", "Tide", "At"), row("tableCell", "low", "10:14")]],
    ...Array.from({ length: 200 }, (_, at) => line(`Line ${at}`)),
  ];
  write(replica.getXmlFragment("default"), blocks);
  engine.world.replicas.set("plan", replica);
}

type Written = readonly [name: string, attributes: Readonly<Record<string, string | number | boolean>>, within: string | readonly Written[]];

/** A type of Yjs can be filled once it is in a document. */
function write(into: Y.XmlFragment, blocks: readonly Written[]): void {
  for (const [name, attributes, within] of blocks) {
    const element = new Y.XmlElement<Record<string, string | number | boolean>>(name);
    into.push([element as Y.XmlElement]);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (typeof within !== "string") write(element, within);
    else if (within !== "") element.push([new Y.XmlText(within)]);
  }
}

/** Runs in a page, before it does: notes where the blocks stand as long as there is no editor, and lets `window.whenBegun` act then. */
function watchBeginning(): void {
  const page = window as unknown as { begun?: string[]; whenBegun?: () => void };
  const blocks = "h1, p, li, input, blockquote, pre, hr, table, td, th";
  addEventListener("DOMContentLoaded", () => {
    new MutationObserver(() => {
      const beginning = document.querySelector("[inert].prose");
      if (beginning === null || page.begun !== undefined) return;
      page.begun = [...beginning.querySelectorAll(blocks)].map((block) => `${block.nodeName} ${JSON.stringify(block.getBoundingClientRect())}`);
      page.whenBegun?.();
    }).observe(document.body, { childList: true, subtree: true });
  });
}

describe("before the editor is there", () => {
  test("the first blocks stand where it will have them, and nobody can do anything to them", async () => {
    const { page, engine } = await openWindow(busy(), { before: watchBeginning });
    writeEverything(engine);
    await openPlan(page);
    const [begun, edited, top] = await text(page).evaluate((editor) => [
      (window as unknown as { begun?: string[] }).begun ?? [],
      [...editor.querySelectorAll("h1, p, li, input, blockquote, pre, hr, table, td, th")].map((block) => `${block.nodeName} ${JSON.stringify(block.getBoundingClientRect())}`),
      editor.closest(".scroller")?.scrollTop,
    ] as const);
    expect(begun.length).toBeGreaterThan(40);
    expect(edited.slice(0, begun.length)).toEqual(begun);
    expect(edited.length).toBeGreaterThan(begun.length);
    expect(top).toBe(0);
    expect(await page.locator("[inert].prose").count()).toBe(0);
  });

  test("a press puts the caret where it was, however the page is scrolled since", async () => {
    const { page, engine } = await openWindow(busy(), { before: watchBeginning });
    writeEverything(engine);
    await page.evaluate(() => {
      (window as unknown as { whenBegun?: () => void }).whenBegun = () => {
        const line = [...document.querySelectorAll("[inert].prose > p")].find((each) => each.textContent === "Line 3");
        const { right, top, height } = line?.getBoundingClientRect() ?? new DOMRect();
        const pressed = document.elementFromPoint(right - 5, top + height / 2);
        pressed?.dispatchEvent(new MouseEvent("mousedown", { bubbles: true, clientX: right - 5, clientY: top + height / 2 }));
        pressed?.closest(".scroller")?.scrollBy(0, 90);
      };
    });
    await openPlan(page);
    await until("the editor has the focus", () => text(page).evaluate((editor) => document.activeElement === editor));
    await page.keyboard.type(" and more");
    await until("the engine has it", () => held(engine).includes("<paragraph>Line 3 and more</paragraph>"));
  });

  test("another document can be opened, and only that is", async () => {
    const { page, engine } = await openWindow(busy());
    writeEverything(engine);
    await openRoom(page, "boat-shed");
    await page.getByRole("tab", { name: "Documents" }).click();
    await page.getByRole("button", { name: /Slipway plan/ }).waitFor();
    await page.evaluate(() => {
      for (const title of ["Slipway plan", "Rules of the shed"]) [...document.querySelectorAll("button")].find((each) => each.textContent.includes(title))?.click();
    });
    await page.getByRole("textbox", { name: "Text of Rules of the shed" }).waitFor();
    await until("the other is closed", () => asked(engine, "docs.close").length > 0);
    expect(asked(engine, "docs.close")).toEqual([{ docId: "plan" }]);
    await page.getByRole("button", { name: /Slipway plan/ }).click();
    await text(page).getByText("Line 199").waitFor();
    await page.getByRole("button", { name: "Back to boat-shed" }).click();
    await page.getByRole("button", { name: /Slipway plan/ }).click();
    await text(page).getByText("Line 199").waitFor();
    expect(asked(engine, "docs.open")).toHaveLength(4);
    await until("each is closed but the last", () => asked(engine, "docs.close").length === 3);
  });

  test("it is said where the editor itself cannot be had, and it is fetched again", async () => {
    const { page, engine } = await openWindow(busy());
    await page.route(/assets\/editor-/u, (route) => route.abort());
    await openRoom(page, "boat-shed");
    await page.getByRole("tab", { name: "Documents" }).click();
    await page.getByRole("button", { name: /Slipway plan/ }).click();
    await page.getByRole("alert").getByText("The editor for documents could not be loaded.").waitFor();
    // The engine was asked for the document at the click, and tells what others write since then once.
    expect(asked(engine, "docs.open")).toHaveLength(1);
    writes(engine, "Written meanwhile.");
    await page.unroute(/assets\/editor-/u);
    await page.getByRole("button", { name: "Try again" }).click();
    await text(page).getByText("Written meanwhile.").waitFor();
  });
});

test("a short document goes on at its end, a long one begins at its beginning", async () => {
  const { page, engine } = await openWindow(busy());
  writes(engine, "One");
  writes(engine, "Two");
  await openPlan(page);
  const typed = async (words: string): Promise<void> => {
    await until("the editor has the focus", () => text(page).evaluate((editor) => document.activeElement === editor));
    await page.keyboard.type(words);
  };
  await typed(" and three");
  await until("the engine has it", () => held(engine).includes("<paragraph>Two and three</paragraph>"));
  await page.getByRole("button", { name: "Back to boat-shed" }).click();
  writeEverything(engine);
  await page.getByRole("button", { name: /Slipway plan/ }).click();
  await typed("The ");
  await until("the engine has it", () => held(engine).includes(">The Slipway</heading>"));
});

test("what others wrote is not made into links by whoever opens it", async () => {
  const { page, engine } = await openWindow(busy());
  writes(engine, "See https://tides.example/");
  writes(engine, "and the almanac.");
  await openPlan(page);
  writes(engine, "Or https://moon.example/ today.");
  await text(page).getByText("Or https").waitFor();
  await text(page).getByText("and the almanac.").click();
  await page.keyboard.type(" https://wind.example/ ");
  await until("one's own is one", () => held(engine).includes("https://wind.example/</link>"));
  expect(await text(page).locator("a").count()).toBe(1);
  expect(held(engine)).not.toMatch(/(tides|moon)\.example\/<\/link>/u);
});

test("what is typed is in the engine's replica, under the id that it gave, and what others write is on the page", async () => {
  const { page, engine } = await openWindow(busy());
  await openPlan(page);
  await text(page).click();
  await page.keyboard.type("The sleepers go first.");
  await until("the engine has it", () => held(engine).includes("The sleepers go first."));
  await page.getByText("Saved on this device").waitFor();
  expect([...(engine.world.replicas.get("plan")?.store.clients.keys() ?? [])]).toEqual([1_001]);
  writes(engine, "Then the rail.");
  await text(page).getByText("Then the rail.").waitFor();
  expect(await text(page).textContent()).toContain("The sleepers go first.");
});

test("what is typed into new lines stands as it was typed", async () => {
  const { page, engine } = await openWindow(busy());
  await openPlan(page);
  await text(page).click();
  const lines = Array.from({ length: 20 }, (_, at) => `: line ${at}`);
  for (const line of lines) {
    await page.keyboard.type(line);
    await page.keyboard.press("Enter");
  }
  await until("the engine has the last", () => held(engine).includes("line 19"));
  for (const line of lines) expect(held(engine)).toContain(`<paragraph>${line}</paragraph>`);
});

test("undo takes back one's own, not what others wrote", async () => {
  const { page, engine } = await openWindow(busy());
  await openPlan(page);
  await text(page).click();
  await page.keyboard.type("mine");
  writes(engine, "theirs");
  await text(page).getByText("theirs").waitFor();
  await page.getByRole("button", { name: "Undo" }).click();
  await until("mine is gone", async () => !((await text(page).textContent()) ?? "").includes("mine"));
  expect(await text(page).textContent()).toContain("theirs");
});

test("others' carets are there with the names that they have here, and go when they go", async () => {
  const { page, engine } = await openWindow({ ...busy(), present: [{ userId: "ingrid", deviceId: "ingrid-1", state: { user: { name: "Somebody else" } } }] });
  writes(engine, "The plan.");
  await openPlan(page);
  await page.getByRole("img", { name: "Ingrid Solheim is in this document" }).waitFor();
  const replica = engine.world.replicas.get("plan");
  if (replica === undefined) throw new Error("nobody wrote");
  const fragment = replica.getXmlFragment("default");
  const at = Y.relativePositionToJSON(Y.createRelativePositionFromTypeIndex(fragment, 0)) as unknown;
  engine.emit({ type: "doc.awareness", docId: "plan", userId: "ingrid", deviceId: "ingrid-1", state: { user: { name: "Somebody else" }, cursor: { anchor: at, head: at } } });
  await text(page).locator(".caret-name", { hasText: "Ingrid Solheim" }).waitFor();
  engine.emit({ type: "doc.awareness", docId: "plan", userId: "ingrid", deviceId: "ingrid-1", state: null });
  await until("the caret is gone", async () => (await text(page).locator(".caret").count()) === 0);
  await text(page).click();
  await until("one's own place is told", () => asked(engine, "docs.awareness").some((params) => JSON.stringify(params).includes("anchor")));
});

describe("what goes wrong", () => {
  test("a refusal is said, the text stays, and it is sent when it is tried again", async () => {
    const { page, engine } = await openWindow(busy());
    await openPlan(page);
    engine.answer({ "docs.update": () => { throw new Refused("internal", "The disk is full."); } });
    await text(page).click();
    await page.keyboard.type("precious");
    await page.getByRole("alert").getByText("What you wrote is not saved. The disk is full.").waitFor();
    expect(await text(page).textContent()).toContain("precious");
    engine.answer({ "docs.update": ({ docId, update }) => {
      const replica = engine.world.replicas.get(docId) ?? new Y.Doc();
      engine.world.replicas.set(docId, replica);
      Y.applyUpdate(replica, Buffer.from(update, "base64"));
      return {};
    } });
    await page.getByRole("button", { name: "Try again" }).click();
    await until("the engine has it", () => held(engine).includes("precious"));
    await until("the line is gone", async () => (await page.getByRole("alert").count()) === 0);
  });

  test("a document that cannot be read is an error, never an empty page", async () => {
    const { page, engine } = await openWindow(busy());
    engine.answer({ "docs.open": () => { throw new Refused("internal", "Its bytes are damaged."); } });
    await openRoom(page, "boat-shed");
    await page.getByRole("tab", { name: "Documents" }).click();
    await page.getByRole("button", { name: /Slipway plan/ }).click();
    await page.getByRole("alert").getByText("This document could not be read. Its bytes are damaged.").waitFor();
    expect(await text(page).count()).toBe(0);
    expect(asked(engine, "docs.update")).toEqual([]);
  });

  test("what was typed while the way to the engine was broken is there when it is back", async () => {
    const { page, engine } = await openWindow(busy());
    await openPlan(page);
    await text(page).click();
    engine.cut(true);
    await page.getByText("Connecting…").waitFor();
    await text(page).click();
    await page.keyboard.type("offline words");
    writes(engine, "said meanwhile");
    engine.cut(false);
    await until("both are one", () => held(engine).includes("offline words") && held(engine).includes("said meanwhile"));
    await text(page).getByText("said meanwhile").waitFor();
    await page.getByText("Saved on this device").waitFor();
  });

  test("a document whose past was taken back is begun anew", async () => {
    const { page, engine } = await openWindow(busy());
    await openPlan(page);
    writes(engine, "revoked words");
    await text(page).getByText("revoked words").waitFor();
    engine.world.replicas.set("plan", new Y.Doc());
    writes(engine, "what counts");
    engine.emit({ type: "doc.reset", docId: "plan" });
    await text(page).getByText("what counts").waitFor();
    await until("the revoked words are gone", async () => !((await text(page).textContent()) ?? "").includes("revoked words"));
    expect(held(engine)).not.toContain("revoked words");
  });
});

test("who may only read is told why, and can type nothing", async () => {
  const { page, engine } = await openWindow(busy());
  await openRoom(page, "boat-shed");
  await page.getByRole("tab", { name: "Documents" }).click();
  await page.getByRole("button", { name: /Rules of the shed/ }).click();
  await page.getByText("Only Ingrid Solheim writes in this document.").waitFor();
  await page.getByRole("textbox", { name: "Text of Rules of the shed" }).click();
  await page.keyboard.type("nevertheless");
  expect(await page.getByRole("toolbar", { name: "Formatting" }).count()).toBe(0);
  expect(asked(engine, "docs.update")).toEqual([]);
});

test("a document is made, renamed, archived and left for the conversation", async () => {
  const { page, engine } = await openWindow(busy());
  await openRoom(page, "boat-shed");
  await page.getByRole("tab", { name: "Documents" }).click();
  await page.getByRole("button", { name: "New document" }).click();
  await page.getByLabel("Title").fill("Launch list");
  await page.keyboard.press("Enter");
  await page.getByRole("textbox", { name: "Text of Launch list" }).waitFor();
  expect(asked(engine, "docs.create")).toEqual([{ roomId: "boat-shed", title: "Launch list", editing: "members" }]);
  await page.getByRole("button", { name: "Document menu" }).click();
  await page.getByRole("menuitem", { name: "Document settings" }).click();
  await page.getByLabel("Title").fill("Launching");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Launching" }).waitFor();
  await page.getByRole("button", { name: "Document menu" }).click();
  await page.getByRole("menuitem", { name: "Archive" }).click();
  await page.getByRole("button", { name: "2 archived" }).waitFor();
  await page.getByRole("button", { name: "Back to boat-shed" }).click();
  await composer(page).waitFor();
  await until("the engine was told", () => asked(engine, "docs.close").length > 0);
});

test("a document is saved as a file, and a file is added to it", async () => {
  const { page, engine } = await openWindow(busy());
  await openPlan(page);
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Document menu" }).click();
  await page.getByRole("menuitem", { name: "Save as Markdown" }).click();
  expect((await download).suggestedFilename()).toBe("Slipway plan.md");
  expect(asked(engine, "docs.export")).toEqual([{ docId: "plan", format: "markdown" }]);
  const chooser = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: "Document menu" }).click();
  await page.getByRole("menuitem", { name: "Add from a file" }).click();
  await (await chooser).setFiles({ name: "more.md", mimeType: "text/markdown", buffer: Buffer.from("Grease the rails.") });
  await text(page).getByText("Grease the rails.").waitFor();
  await page.getByText("more.md was added at the end.").waitFor();
  expect(asked(engine, "docs.import")).toEqual([{ docId: "plan", format: "markdown", content: "Grease the rails." }]);
});

test("the history says what a version changed, and goes back to it", async () => {
  const { page, engine } = await openWindow(busy());
  await openPlan(page);
  await page.getByRole("button", { name: "Document menu" }).click();
  await page.getByRole("menuitem", { name: "History" }).click();
  const dialog = page.getByRole("dialog", { name: "History of Slipway plan" });
  const versions = dialog.getByRole("button", { expanded: false });
  await versions.first().click();
  await dialog.getByText("once", { exact: true }).waitFor();
  await dialog.getByText("now", { exact: true }).waitFor();
  // There is no way back to what is there.
  expect(await dialog.getByRole("button", { name: "Go back to this" }).count()).toBe(0);
  await versions.last().click();
  await dialog.getByRole("button", { name: "Go back to this" }).click();
  await until("the engine was told", () => asked(engine, "docs.revert").length > 0);
  expect(asked(engine, "docs.revert")).toEqual([{ docId: "plan", versionId: "second" }]);
  await dialog.waitFor({ state: "hidden" });
});

test("a document that was deleted is closed, and can be had back", async () => {
  const { page, engine } = await openWindow(busy());
  await openPlan(page);
  await page.getByRole("button", { name: "Document menu" }).click();
  await page.getByRole("menuitem", { name: "Delete document" }).click();
  await composer(page).waitFor();
  await until("it is not listed", async () => (await page.getByRole("button", { name: /Slipway plan/ }).count()) === 0);
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByRole("button", { name: /Slipway plan/ }).waitFor();
  expect(asked(engine, "docs.restore")).toEqual([{ docId: "plan" }]);
});

test("pasted HTML is what the page may hold and nothing else", async () => {
  const { page, engine } = await openWindow(busy());
  await openPlan(page);
  await text(page).click();
  await page.evaluate(() => {
    const data = new DataTransfer();
    data.setData("text/html", '<h1>Title</h1><p onclick="alert(1)">words <a href="javascript:alert(1)">bad</a> <a href="https://a.example/">good</a></p><script>alert(1)</script><img src="https://evil.example/x.png"><iframe src="https://evil.example"></iframe>');
    document.activeElement?.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
  });
  await text(page).getByRole("heading", { name: "Title" }).waitFor();
  expect(await text(page).locator("script, img, iframe, [onclick]").count()).toBe(0);
  expect(await text(page).locator("a").evaluateAll((links) => links.map((link) => link.getAttribute("href")))).toEqual(["https://a.example/"]);
  await until("the engine has it", () => held(engine).includes("Title"));
  expect(held(engine)).not.toContain("javascript:");
});
