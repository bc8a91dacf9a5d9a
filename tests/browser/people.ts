// People at windows: what they do, by the roles and names that a screen reader tells.
import { AxeBuilder } from "@axe-core/playwright";
import { expect, test as base, type Browser, type BrowserContextOptions, type Locator, type Page } from "@playwright/test";
import { Ground, type Server } from "./processes.js";

export const PASSWORD = "correct horse battery";

/** Every rule that a window is held to. */
const RULES = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"];

/** Somebody's window, in a browser context of its own. */
export class Person {
  readonly name: string;
  readonly page: Page;
  /** What the browser complained about: scripts that failed, a policy that was broken. */
  readonly complaints: string[] = [];

  constructor(name: string, page: Page) {
    this.name = name;
    this.page = page;
    page.on("pageerror", (error) => this.complaints.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error") this.complaints.push(message.text());
    });
  }

  get composer(): Locator {
    return this.page.getByRole("textbox", { name: /^Message / });
  }

  get log(): Locator {
    return this.page.getByRole("log", { name: "Messages" });
  }

  /** The connection line, under one's name. */
  get connection(): Locator {
    return this.page.getByRole("navigation", { name: "Rooms" }).getByRole("status");
  }

  /** The row of a message in the log. */
  message(text: string): Locator {
    return this.log.getByRole("article").filter({ hasText: text });
  }

  /** The badge of the path to somebody, in the open room's details. */
  path(other: Person): Locator {
    return this.page.getByRole("complementary", { name: "Details" }).getByRole("button", { name: new RegExp(`^${other.name}, `) }).locator("[data-path]");
  }

  async register(server: string): Promise<void> {
    const { page } = this;
    await page.getByRole("radio", { name: "Create account" }).click();
    await page.getByLabel("Server").fill(server);
    await page.getByLabel("Handle").fill(this.name);
    await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await page.getByRole("button", { name: "Create account" }).click();
    await expect(this.connection).toContainText("Connected");
  }

  async createRoom(name: string): Promise<void> {
    const { page } = this;
    await page.getByRole("button", { name: "New room" }).click();
    await page.getByRole("menuitem", { name: "Create a room" }).click();
    const dialog = page.getByRole("dialog", { name: "Create a room" });
    await dialog.getByLabel("Name").fill(name);
    await dialog.getByRole("button", { name: "Create room" }).click();
    await expect(dialog).toBeHidden();
    await expect(this.composer).toBeVisible();
  }

  /** Makes an invite to the open room. */
  async invite(): Promise<string> {
    const { page } = this;
    await page.getByRole("button", { name: "Room menu" }).click();
    await page.getByRole("menuitem", { name: "Invite people" }).click();
    const dialog = page.getByRole("dialog", { name: /^Invite to / });
    await dialog.getByRole("button", { name: "Make link" }).click();
    const link = await dialog.getByLabel("Invite link").inputValue();
    await page.keyboard.press("Escape");
    await expect(dialog).toBeHidden();
    return link;
  }

  async join(invite: string): Promise<void> {
    const { page } = this;
    await page.getByRole("button", { name: "New room" }).click();
    await page.getByRole("menuitem", { name: "Join with an invite" }).click();
    const dialog = page.getByRole("dialog", { name: "Join with an invite" });
    await dialog.getByLabel("Invite").fill(invite);
    await dialog.getByRole("button", { name: "Join room" }).click();
    await expect(dialog).toBeHidden();
    await expect(this.composer).toBeVisible();
  }

  async say(text: string): Promise<void> {
    await this.composer.fill(text);
    await this.composer.press("Enter");
    await expect(this.message(text)).toBeVisible();
  }

  /** Light and dark, as the person's system says. */
  async checkAccessible(): Promise<void> {
    for (const colorScheme of ["light", "dark"] as const) {
      await this.page.emulateMedia({ colorScheme });
      await expect(this.page.locator("html")).toHaveAttribute("data-theme", colorScheme);
      const { violations } = await new AxeBuilder({ page: this.page }).withTags(RULES).analyze();
      const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.target.join(" ")} ${node.any[0]?.message ?? ""}`).join(" | ")}`);
      expect(found, `${this.name}'s window, ${colorScheme}`).toEqual([]);
    }
  }
}

/** A server and whoever comes. */
export class World {
  readonly ground: Ground;
  readonly server: Server;
  readonly #browser: Browser;
  readonly #people: Person[] = [];

  constructor(ground: Ground, server: Server, browser: Browser) {
    this.ground = ground;
    this.server = server;
    this.#browser = browser;
  }

  /** Opens a window of somebody who has no account yet. */
  async stranger(name: string, options: BrowserContextOptions = {}): Promise<Person> {
    const { address } = await this.ground.window(name);
    const context = await this.#browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "en-GB", reducedMotion: "reduce", ...options });
    const person = new Person(name, await context.newPage());
    this.#people.push(person);
    await person.page.goto(address);
    return person;
  }

  /** Somebody who has an account, through the window. */
  async person(name: string, options: BrowserContextOptions = {}): Promise<Person> {
    const person = await this.stranger(name, options);
    await person.register(this.server.address);
    return person;
  }

  /** Two people in a room of the first's, connected directly as both see it. */
  async pair(): Promise<[Person, Person]> {
    const ada = await this.person("ada");
    const grace = await this.person("grace");
    await ada.createRoom("boat-shed");
    await grace.join(await ada.invite());
    await expect(ada.path(grace)).toHaveAttribute("data-path", "direct");
    await expect(grace.path(ada)).toHaveAttribute("data-path", "direct");
    return [ada, grace];
  }

  async end(failed: boolean): Promise<void> {
    const complaints = this.#people.flatMap(({ name, complaints }) => complaints.map((complaint) => `${name}: ${complaint}`));
    await Promise.all(this.#people.map(({ page }) => page.context().close()));
    await this.ground.leave(failed);
    if (!failed) expect(complaints).toEqual([]);
  }
}

export const test = base.extend<{ world: World }>({
  world: async ({ browser }, use, info) => {
    const ground = await Ground.make();
    let world: World | undefined;
    try {
      world = new World(ground, await ground.server(), browser);
      await use(world);
    } finally {
      const failed = world === undefined || info.errors.length > 0;
      if (world === undefined) await ground.leave(true);
      else await world.end(failed);
    }
  },
});

export { expect };
