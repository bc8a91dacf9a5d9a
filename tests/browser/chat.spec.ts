// Two people at two windows in Chromium: from the first screen to a conversation that needs no server.
import { expect, test } from "./people.js";

test("two people register, meet in a room and talk directly", async ({ world }) => {
  const [ada, grace] = await world.pair();

  await ada.say("the tide is at four");
  await expect(grace.message("the tide is at four")).toBeVisible();
  await grace.say("I bring the straps");
  await expect(ada.message("I bring the straps")).toBeVisible();

  // Both look at the room, so both have read.
  await expect(ada.message("the tide is at four").getByRole("img", { name: "Read by all" })).toBeVisible();
  await expect(grace.message("I bring the straps").getByRole("img", { name: "Read by all" })).toBeVisible();
  await expect(ada.connection).toContainText("Connected, 1 direct");
  await expect(grace.connection).toContainText("Connected, 1 direct");
  for (const person of [ada, grace]) {
    await expect(person.log.getByRole("article")).toHaveCount(2);
    await person.checkAccessible();
  }
});

test("typing is seen while it lasts", async ({ world }) => {
  const [ada, grace] = await world.pair();
  await ada.composer.pressSequentially("hm");
  await expect(grace.page.getByText("ada is typing")).toBeVisible();
  await ada.composer.press("Enter");
  await expect(grace.message("hm")).toBeVisible();
  await expect(grace.page.getByText("ada is typing")).toBeHidden();
});

test("the server stops, the line says so, and messages still go", async ({ world }) => {
  const [ada, grace] = await world.pair();
  await world.server.stop();
  for (const person of [ada, grace]) await expect(person.connection).toContainText("Server away, 1 peer here");

  await ada.say("still here?");
  await expect(grace.message("still here?")).toBeVisible();
  await grace.say("always");
  await expect(ada.message("always")).toBeVisible();
  await expect(ada.path(grace)).toHaveAttribute("data-path", "direct");
  await ada.checkAccessible();

  await world.server.start();
  for (const person of [ada, grace]) {
    await expect(person.connection).toContainText("Connected, 1 direct");
    await expect(person.log.getByRole("article")).toHaveCount(2);
  }
});

test("a reload is still signed in, with everything there", async ({ world }) => {
  const [ada, grace] = await world.pair();
  await ada.say("keep this");
  await expect(grace.message("keep this")).toBeVisible();
  await grace.page.reload();
  await expect(grace.message("keep this")).toBeVisible();
  await expect(grace.page).toHaveURL((url) => !url.search.includes("token"));
  await expect(grace.path(ada)).toHaveAttribute("data-path", "direct");
});

test("what is wrong with an account is said in place", async ({ world }) => {
  const ada = await world.person("ada");
  const other = await world.stranger("other");
  const { page } = other;
  await other.checkAccessible();
  await page.getByRole("radio", { name: "Create account" }).click();
  await page.getByLabel("Server").fill(world.server.address);
  await page.getByLabel("Handle").fill("Ada");
  await page.getByLabel("Password", { exact: true }).fill("correct horse battery");
  await page.getByRole("button", { name: "Create account" }).click();
  await expect(page.getByRole("alert")).toContainText("taken");
  await page.getByLabel("Handle").fill("other");
  await page.getByLabel("Server").fill("127.0.0.1:1");
  await page.getByRole("button", { name: "Create account" }).click();
  await expect(page.getByRole("alert")).toContainText("127.0.0.1:1");
  await other.checkAccessible();
  await page.getByLabel("Server").fill(world.server.address);
  await page.getByRole("button", { name: "Create account" }).click();
  await expect(other.connection).toContainText("Connected");
  await expect(ada.page.getByText("No rooms yet.")).toBeVisible();
});

test("in a small window there is one pane at a time", async ({ world }) => {
  const ada = await world.person("ada", { viewport: { width: 390, height: 800 } });
  const grace = await world.person("grace");
  await ada.createRoom("boat-shed");
  const rooms = ada.page.getByRole("navigation", { name: "Rooms" });
  await expect(rooms).toBeHidden();
  await grace.join(await ada.invite());
  await grace.say("from the large one");
  await expect(ada.message("from the large one")).toBeVisible();
  await ada.say("from the small one");
  await expect(grace.message("from the small one")).toBeVisible();
  await ada.checkAccessible();

  await ada.page.getByRole("button", { name: "Back to rooms" }).click();
  await expect(rooms).toBeVisible();
  await expect(ada.composer).toBeHidden();
  await grace.say("unread");
  await expect(rooms.getByRole("button", { name: /boat-shed/ })).toContainText("1");
  await ada.checkAccessible();
  const wide = await ada.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(wide, "nothing is wider than the window").toBe(0);
});

test("the address works once, in one browser", async ({ world, browser }) => {
  const { address } = await world.ground.window("ada");
  const first = await (await browser.newContext()).newPage();
  await first.goto(address);
  await expect(first.getByRole("form", { name: "Sign in" })).toBeVisible();
  const second = await (await browser.newContext()).newPage();
  const answer = await second.goto(address);
  expect(answer?.status()).toBe(401);
  await expect(second.getByText("It works once")).toBeVisible();
  await first.context().close();
  await second.context().close();
});
