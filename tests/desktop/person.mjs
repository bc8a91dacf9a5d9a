// What a person does in a window, said the way a person finds things: by role and name, never by class or position.
import { until } from "./processes.mjs";

/** What each role is in this UI's markup. */
const ROLES = {
  button: "button",
  submit: "button[type=submit]",
  textbox: "input, textarea",
  menuitem: "[role=menuitem], [role=menuitemradio]",
  heading: "h1, h2",
  log: "[role=log]",
  status: "[role=status]",
};

// Runs in the page. An element's name: its aria-label, else its label's text, else its own text.
const FIND = `
  const [selector, name] = arguments;
  const nameOf = (element) => element.getAttribute("aria-label") ?? element.labels?.[0]?.textContent ?? element.textContent;
  const shown = (element) => element.getClientRects().length > 0 && getComputedStyle(element).visibility === "visible";
  return [...document.querySelectorAll(selector)].filter((element) => shown(element) && nameOf(element).trim() === name);
`;

const MESSAGES = `
  return [...document.querySelectorAll("[role=log] article")].map((article) => ({
    text: document.getElementById(article.getAttribute("aria-describedby"))?.firstChild?.textContent ?? "",
    state: article.dataset.state,
  }));
`;

export class Person {
  constructor(name, driver) {
    this.name = name;
    this.driver = driver;
  }

  /** The one element of this role and name, once it is there. */
  async find(role, name, secondsMax = 20) {
    return await until(
      `${this.name} sees the ${role} "${name}"`,
      async () => {
        const found = await this.driver.executeScript(FIND, ROLES[role], name);
        if (found.length > 1) throw new Error(`there are ${found.length}`);
        return found[0];
      },
      secondsMax,
    );
  }

  async press(role, name) {
    // What was found may be drawn anew before the click arrives; then it is looked for again.
    await until(`${this.name} presses "${name}"`, async () => {
      await (await this.find(role, name)).click();
      return true;
    });
  }

  async fill(name, text) {
    const box = await this.find("textbox", name);
    await box.clear();
    await box.sendKeys(text);
    await until(`"${name}" holds what ${this.name} typed`, async () => (await box.getProperty("value")) === text);
  }

  async valueOf(name) {
    return await until(`"${name}" has a value`, async () => (await (await this.find("textbox", name)).getProperty("value")) || null);
  }

  async register({ server, handle, password, displayName }) {
    await this.press("button", "Create account");
    await this.fill("Server", server);
    await this.fill("Handle", handle);
    await this.fill("Password", password);
    await this.fill("Name", displayName);
    await this.press("submit", "Create account");
    await this.connection("connected");
  }

  /** What the engine behind the window answers. */
  async call(method, params = {}) {
    const request = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    const answer = JSON.parse(await this.driver.executeAsyncScript("window.__TAURI_INTERNALS__.invoke('rpc', { request: arguments[0] }).then(arguments[1])", request));
    if (answer.error !== undefined) throw new Error(answer.error.message);
    return answer.result;
  }

  async createRoom(name) {
    await this.press("button", "Add a room");
    await this.press("menuitem", "Create a room");
    await this.fill("Name", name);
    await this.press("submit", "Create room");
    await this.find("heading", name);
  }

  /** Makes an invite to the open room and gives the link. */
  async invite() {
    await this.press("button", "Room menu");
    await this.press("menuitem", "Invite people");
    await this.press("button", "Make link");
    const link = await this.valueOf("Invite link");
    await this.driver.actions().sendKeys("\uE00C").perform();
    return link;
  }

  async join(invite, room) {
    await this.press("button", "Add a room");
    await this.press("menuitem", "Join with an invite");
    await this.fill("Invite", invite);
    await this.press("submit", "Join room");
    await this.find("heading", room);
  }

  async say(room, text) {
    await this.fill(`Message ${room}`, text);
    await this.press("button", "Send");
  }

  /** `[{text, state}]` of the open room, as far as it is on the screen. */
  async messages() {
    return await this.driver.executeScript(MESSAGES);
  }

  /** Waits until a message with this text is in the log exactly once, in one of the states if any are named. */
  async sees(text, states = null) {
    return await until(`${this.name} sees "${text}"${states === null ? "" : ` as ${states.join(" or ")}`}`, async () => {
      const found = (await this.messages()).filter((message) => message.text === text);
      if (found.length > 1) throw new Error(`it is there ${found.length} times`);
      return found.length === 1 && (states === null || states.includes(found[0].state));
    });
  }

  /** Waits until the connection line under the person's name is of this kind; gives its words. */
  async connection(kind, secondsMax = 30) {
    return await until(
      `${this.name}'s connection line says ${kind}`,
      async () => await this.driver.executeScript(CONNECTION, kind),
      secondsMax,
    );
  }

  /** Waits until the window shows this path to somebody. */
  async path(path, secondsMax = 30) {
    await until(
      `${this.name}'s window shows a path ${path}`,
      async () => await this.driver.executeScript(`return document.querySelector('[data-path="' + arguments[0] + '"]') !== null`, path),
      secondsMax,
    );
  }

  /** Waits until nothing on the page moves. */
  async settled() {
    await until(`${this.name}'s window is still`, async () => await this.driver.executeScript("return document.getAnimations().every((each) => each.playState !== 'running')"));
  }

  /** Waits until the window has the focus. */
  async focused() {
    await until(`${this.name}'s window has the focus`, async () => await this.driver.executeScript("return document.hasFocus()"));
  }

  async chooseTheme(name) {
    await this.press("button", "Settings");
    await this.press("menuitem", name);
    await until(`the theme is ${name}`, async () => await this.driver.executeScript(`return document.documentElement.dataset.theme === arguments[0]`, name.toLowerCase()));
  }
}

const CONNECTION = `
  const dot = document.querySelector("[role=status] [data-connection]");
  return dot !== null && dot.dataset.connection === arguments[0] ? dot.parentElement.textContent : null;
`;
