// `momo ui --demo` in Chromium: real engines and a real server, everything that the page shows, and the cuts.
import { AxeBuilder } from "@axe-core/playwright";
import { expect, test as base, type Locator, type Page } from "@playwright/test";
import { readdir } from "node:fs/promises";
import { Ground, until, type Running } from "./processes.js";

type Demo = { page: Page; process: Running; ground: Ground; pane: (handle: string) => Pane; network: Locator };

/** One person's part of the page. */
class Pane {
  readonly root: Locator;

  constructor(page: Page, handle: string) {
    this.root = page.locator(`[data-person="${handle}"]`);
  }

  get path(): Locator {
    return this.root.getByRole("list", { name: /^Links of / }).locator("[data-path]");
  }

  get connection(): Locator {
    return this.root.getByRole("status").filter({ has: this.root.page().getByTitle("Connection details") });
  }

  get composer(): Locator {
    return this.root.getByRole("textbox", { name: /^Message / });
  }

  message(text: string): Locator {
    return this.root.getByRole("log", { name: "Messages" }).getByRole("article").filter({ hasText: text });
  }

  async say(text: string): Promise<void> {
    await this.composer.fill(text);
    await this.composer.press("Enter");
    await expect(this.message(text)).toBeVisible();
  }

  async open(tab: string): Promise<void> {
    await this.root.getByRole("group", { name: /looks at$/ }).getByRole("button", { name: tab }).click();
  }
}

const test = base.extend<{ people: number; demo: Demo }>({
  people: [2, { option: true }],
  demo: async ({ page, people }, use, info) => {
    const ground = await Ground.make();
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(String(error)));
    const process = ground.run("demo", "momo", ["ui", "--demo", "--people", String(people)], { TMPDIR: ground.folder, MOMOLAND_MEDIA: "synthetic" });
    try {
      const address = await until("momo ui --demo prints its address", 30_000, () => {
        process.check();
        const end = process.output.indexOf("\n");
        return end === -1 ? undefined : process.output.slice(0, end);
      });
      await page.goto(address);
      await use({ page, process, ground, pane: (handle) => new Pane(page, handle), network: page.getByRole("region", { name: "Network" }) });
      expect(complaints).toEqual([]);
    } finally {
      // Not killed: it ends the server that it started.
      await process.terminate();
      await ground.leave(info.errors.length > 0);
    }
  },
});

async function direct(...panes: readonly Pane[]): Promise<void> {
  for (const pane of panes) await expect(pane.path.first()).toHaveAttribute("data-path", "direct");
}

test("people see each other's words, typing, reactions and presence, and the path of every link", async ({ demo }) => {
  const [ada, grace] = [demo.pane("ada"), demo.pane("grace")];
  await direct(ada, grace);
  await expect(ada.connection).toContainText("Connected, 1 direct");

  await ada.composer.pressSequentially("hm");
  await expect(grace.root.getByText("Ada Okafor is typing")).toBeVisible();
  await ada.composer.fill("");
  await grace.say("I bring the straps");
  await expect(ada.message("I bring the straps")).toBeVisible();

  await ada.message("I bring the straps").hover();
  await ada.message("I bring the straps").getByRole("button", { name: "React" }).click();
  await demo.page.getByPlaceholder(/search/i).fill("anchor");
  await demo.page.keyboard.press("Enter");
  await expect(grace.message("I bring the straps").getByRole("button", { name: /1/ })).toBeVisible();
  await expect(grace.message("I bring the straps").getByRole("img", { name: "Read by all" })).toBeVisible();
  await expect(ada.root.locator("[data-presence=online]").first()).toBeVisible();
});

test("a like ranks the other's feed anew, a document is one for both, and a place shared is on the other's map", async ({ demo }) => {
  const [ada, grace] = [demo.pane("ada"), demo.pane("grace")];
  await direct(ada, grace);
  for (const pane of [ada, grace]) {
    await pane.open("Feed");
    await pane.root.getByRole("radio", { name: "Top" }).click();
    await expect(pane.root.getByRole("article")).toHaveCount(2);
  }
  // Of none liked the newest is first; the like brings the other one up, in both windows.
  const last = grace.root.getByRole("article").last();
  const title = (await last.getByRole("heading", { level: 2 }).textContent()) ?? "";
  await last.getByRole("button", { name: /^Like/ }).click();
  for (const pane of [ada, grace]) await expect(pane.root.getByRole("article").first().getByRole("heading", { level: 2 })).toHaveText(title);

  for (const pane of [ada, grace]) await pane.open("Document");
  const text = (pane: Pane): Locator => pane.root.locator("[contenteditable=true].ProseMirror");
  await expect(text(ada)).toContainText("Winch and straps");
  await text(ada).click();
  await demo.page.keyboard.press("Control+End");
  await demo.page.keyboard.type(" and buns");
  await expect(text(grace)).toContainText("Coffee and buns");

  for (const pane of [ada, grace]) await pane.open("Map");
  await ada.root.getByRole("button", { name: "Share where you are" }).click();
  await ada.root.locator("[data-map]").click({ position: { x: 200, y: 90 } });
  await ada.root.getByRole("button", { name: "Share", exact: true }).click();
  await expect(grace.root.getByRole("list", { name: /People/ }).getByText("Ada Okafor")).toBeVisible();
});

test("the server is killed, people go on, and all heals when it is back", async ({ demo }) => {
  const [ada, grace] = [demo.pane("ada"), demo.pane("grace")];
  await direct(ada, grace);
  const peers = demo.network.locator("[data-carried=peers]");
  const before = await peers.textContent();

  await demo.network.getByRole("button", { name: "Cut the server" }).click();
  for (const pane of [ada, grace]) await expect(pane.connection).toContainText("Server away, 1 peer here");
  await expect(demo.network.getByRole("log")).toContainText("The server was cut");
  await expect(demo.network.getByRole("img", { name: /Server cut; Ada to Grace: direct/ })).toBeVisible();
  await ada.say("still here?");
  await expect(grace.message("still here?")).toBeVisible();
  await grace.say("always");
  await expect(ada.message("always")).toBeVisible();
  await expect(peers).not.toHaveText(before ?? "");

  await demo.network.getByRole("button", { name: "Bring the server back" }).click();
  for (const pane of [ada, grace]) await expect(pane.connection).toContainText("Connected, 1 direct");
  await expect(demo.network.getByRole("log")).toContainText("Grace is connected again");
});

test("somebody who is cut off catches up, and without a direct link the relay carries", async ({ demo }) => {
  const [ada, grace] = [demo.pane("ada"), demo.pane("grace")];
  await direct(ada, grace);
  await demo.network.getByRole("button", { name: "Cut Grace off" }).click();
  await expect(grace.connection).toContainText("Offline");
  await expect(grace.path).toHaveAttribute("data-path", "none");
  await ada.say("while you were away");
  await demo.network.getByRole("button", { name: "Reconnect Grace" }).click();
  await expect(grace.message("while you were away")).toBeVisible();
  await direct(ada, grace);
  await expect(demo.network.getByRole("log")).toContainText("Ada to Grace: direct");

  await demo.network.getByRole("switch", { name: "Grace by the server only" }).click();
  await expect(ada.path).toHaveAttribute("data-path", "relay");
  await ada.say("the long way round");
  await expect(grace.message("the long way round")).toBeVisible();
  await demo.network.getByRole("switch", { name: "Grace by the server only" }).click();
  await direct(ada, grace);
});

test.describe("with three", () => {
  test.use({ people: 3 });

  test("everybody is linked with everybody, by every rule of access, and nothing stays when it ends", async ({ demo }) => {
    const panes = ["ada", "grace", "mateo"].map(demo.pane);
    for (const pane of panes) await expect(pane.connection).toContainText("Connected, 2 direct");
    for (const colorScheme of ["light", "dark"] as const) {
      await demo.page.emulateMedia({ colorScheme });
      const { violations } = await new AxeBuilder({ page: demo.page }).withTags(["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]).analyze();
      expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target.join(" ")).join(" | ")}`)).toEqual([]);
    }
    for (const width of [360, 800, 1280, 1920]) {
      await demo.page.setViewportSize({ width, height: 860 });
      expect(await demo.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), `at ${width} px`).toBe(0);
      await demo.network.scrollIntoViewIfNeeded();
      await expect(demo.network.getByRole("button", { name: "Cut the server" })).toBeInViewport();
    }
    expect((await readdir(demo.ground.folder)).some((name) => name.startsWith("momoland-demo."))).toBe(true);
    await demo.process.terminate();
    expect((await readdir(demo.ground.folder)).filter((name) => name.startsWith("momoland-demo."))).toEqual([]);
  });
});

test("one calls, the other answers, both are heard, and who is muted is not", async ({ demo }) => {
  const [ada, grace] = [demo.pane("ada"), demo.pane("grace")];
  await direct(ada, grace);
  await ada.root.getByRole("button", { name: "Call", exact: true }).click();
  await grace.root.getByRole("region", { name: "Ada Okafor is calling" }).getByRole("button", { name: "Answer" }).click();
  const bars = [ada, grace].map((pane) => pane.root.getByRole("region", { name: /^Call in / }));
  for (const bar of bars) {
    await expect(bar.locator("[data-person] [data-path]")).toHaveAttribute("data-path", "direct");
    // Synthetic voices speak all the time: the ring stands around somebody whose samples came.
    await expect(bar.locator("[data-person]").getByText("speaking")).toBeAttached();
  }
  await bars[0]?.getByRole("button", { name: "Mute your microphone" }).click();
  const atGrace = grace.root.getByRole("region", { name: /^Call in / }).locator("[data-person]");
  await expect(atGrace.getByRole("img", { name: "muted" })).toBeVisible();
  await expect(atGrace.getByText("speaking")).not.toBeAttached();
  await grace.root.getByRole("button", { name: "Leave the call" }).click();
  await expect(ada.root.getByText("Nobody else is in it yet.")).toBeVisible();
  await ada.root.getByRole("button", { name: "Leave the call" }).click();
  for (const bar of bars) await expect(bar).toHaveCount(0);
});
