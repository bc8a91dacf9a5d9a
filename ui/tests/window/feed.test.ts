// The public feed in the window: read, written, liked, commented; what comes in meanwhile moves nothing by itself.
import AxeBuilder from "@axe-core/playwright";
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import type { Post } from "@/client/types";
import { FEED_ROOM, OPEN, Refused, type World } from "./fake-engine.js";
import { asked, expectSteady, focused, openWindow, until, type Opened } from "./harness.js";
import { club } from "./tidewater.js";

async function openFeed(world: World = club(), options: Parameters<typeof openWindow>[1] = {}): Promise<Opened> {
  const opened = await openWindow(world, options);
  await opened.page.getByRole("button", { name: "Feed", exact: true }).click();
  await opened.page.getByRole("heading", { name: "Feed", exact: true }).waitFor();
  return opened;
}

const titles = (page: Page): Promise<string[]> => page.getByRole("article").evaluateAll((posts) => posts.map((each) => each.getAttribute("aria-label") ?? ""));
const card = (page: Page, name: string | RegExp) => page.getByRole("article", { name });
const post = (postId: string, more: Partial<Post> = {}): Post => ({ postId, roomId: FEED_ROOM, author: "sam", authorName: "Sam Whitlock", followed: false, title: postId, body: "", tags: [], publishedAt: Date.now(), likesCount: 0, liked: false, commentsCount: 0, deleted: false, ...more });

describe("reading", () => {
  test("comes in three orders", async () => {
    const { page } = await openFeed();
    await card(page, /Tea at four/).waitFor();
    expect(await titles(page)).toEqual(["Tea at four, by Ada Okafor", "The shed is open, by Ingrid Solheim", "Spring regatta: who sails what, by Priya Nair", "Post by Tom Brandt"]);
    await page.getByRole("radio", { name: "Top" }).click();
    await until("the most liked is first", async () => (await titles(page))[0] === "The shed is open, by Ingrid Solheim" && (await titles(page))[3] === "Tea at four, by Ada Okafor");
  });

  test("goes on by itself towards the end, and by hand where that failed", async () => {
    const world = club();
    world.posts = Array.from({ length: 65 }, (_, n) => post(`number ${n}`, { publishedAt: Date.now() - n * 60_000, body: "word ".repeat(60) }));
    const { page, engine } = await openFeed(world);
    await card(page, "number 0, by Sam Whitlock").waitFor();
    expect((await titles(page)).length).toBeLessThan(65);
    engine.answer({ "feed.list": () => { throw new Refused("internal", "The disk is slow."); } });
    await card(page, "number 19, by Sam Whitlock").scrollIntoViewIfNeeded();
    await page.getByText("More posts could not be had.").waitFor();
    engine.answer({ "feed.list": ({ before = "0", limit = 20 }) => ({ roomId: FEED_ROOM, policy: OPEN, posts: (world.posts ?? []).slice(Number(before), Number(before) + limit), ...(Number(before) + limit < 65 ? { next: String(Number(before) + limit) } : {}) }) });
    await page.getByRole("button", { name: "Try again" }).click();
    await until("all are read", async () => {
      await page.getByRole("article").last().scrollIntoViewIfNeeded();
      return (await titles(page)).length === 65;
    });
    await page.getByText("You have reached the first post.").waitFor();
    expect(new Set(await titles(page)).size).toBe(65);
  });

  test("is not moved by what others publish: that is announced, and comes when it is asked for", async () => {
    const { page, engine } = await openFeed();
    await card(page, /Tea at four/).waitFor();
    engine.emit({ type: "post.new", post: post("first") });
    engine.emit({ type: "post.new", post: post("second") });
    await page.getByRole("button", { name: "2 new posts" }).waitFor();
    expect(await titles(page)).toHaveLength(4);
    await page.getByRole("button", { name: "2 new posts" }).click();
    await until("they are on top", async () => (await titles(page)).slice(0, 2).join() === "second, by Sam Whitlock,first, by Sam Whitlock");
    expect(await page.getByRole("button", { name: /new posts?$/ }).count()).toBe(0);
  });

  test("follows the ranking and the counts while it is looked at", async () => {
    const { page, engine } = await openFeed();
    await page.getByRole("radio", { name: "Top" }).click();
    await until("in that order", async () => (await titles(page))[0] === "The shed is open, by Ingrid Solheim");
    const regatta = club().posts?.find((each) => each.postId === "regatta") ?? post("regatta");
    engine.emit({ type: "post.changed", post: { ...regatta, likesCount: 30 } });
    engine.emit({ type: "ranking.changed", roomId: FEED_ROOM, order: "top", postIds: ["regatta", "launch", "lamps", "tea"] });
    await until("it is first", async () => (await titles(page))[0] === "Spring regatta: who sails what, by Priya Nair");
    await card(page, /Spring regatta/).getByRole("button", { name: "Like, 30 likes" }).waitFor();
  });

  test("glides to the new places, unless less motion is wanted", async () => {
    const { page, engine } = await openFeed();
    await page.getByRole("radio", { name: "Top" }).click();
    await until("in that order", async () => (await titles(page))[0] === "The shed is open, by Ingrid Solheim");
    await page.evaluate(() => {
      const glides: string[] = [];
      const animate = Reflect.get(Element.prototype, "animate");
      Element.prototype.animate = function (...given) {
        glides.push(this.getAttribute("data-entry") ?? "");
        return animate.apply(this, given);
      };
      Object.assign(window, { glides });
    });
    const glides = (): Promise<string[]> => page.evaluate(() => (window as unknown as { glides: string[] }).glides);
    engine.emit({ type: "ranking.changed", roomId: FEED_ROOM, order: "top", postIds: ["regatta", "launch", "lamps", "tea"] });
    await until("it is first", async () => (await titles(page))[0] === "Spring regatta: who sails what, by Priya Nair");
    expect(await glides()).toEqual([]);
    await page.emulateMedia({ reducedMotion: "no-preference" });
    engine.emit({ type: "ranking.changed", roomId: FEED_ROOM, order: "top", postIds: ["launch", "regatta", "lamps", "tea"] });
    await until("it is second", async () => (await titles(page))[1] === "Spring regatta: who sails what, by Priya Nair");
    expect((await glides()).toSorted()).toEqual(["launch", "regatta"]);
  });

  test("says that a server has no feed yet, that nothing was posted, and comes back with the server", async () => {
    const { page, engine } = await openFeed({ ...club(), posts: null });
    await page.getByRole("heading", { name: "No feed yet" }).waitFor();
    await page.getByText("This server has no public feed yet.").waitFor();
    engine.world.posts = [];
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("button", { name: "Write the first post" }).waitFor();
  });

  test("a room has a feed of its own, and what is posted elsewhere does not come into it", async () => {
    const { page, engine } = await openWindow(club());
    const room = "boat-shed";
    const held = [post("rails", { roomId: room, title: "The rails are in" })];
    engine.answer({ "feed.list": ({ roomId }) => ({ roomId: roomId ?? FEED_ROOM, policy: OPEN, posts: roomId === room ? held : [] }), "feed.publish": () => ({ postId: "mine" }) });
    await page.getByRole("button", { name: /boat-shed/ }).first().click();
    await page.getByRole("button", { name: "Room menu" }).click();
    await page.getByRole("menuitem", { name: "Open the room's feed" }).click();
    await page.getByRole("heading", { name: "Feed of boat-shed" }).waitFor();
    await card(page, /The rails are in/).waitFor();
    engine.emit({ type: "post.new", post: post("public", { title: "Elsewhere" }) });
    engine.emit({ type: "post.new", post: post("here", { roomId: room, title: "Here" }) });
    await page.getByRole("button", { name: "1 new post" }).click();
    await card(page, /Here/).waitFor();
    expect(await titles(page)).toEqual(["Here, by Sam Whitlock", "The rails are in, by Sam Whitlock"]);
    await page.getByRole("button", { name: "New post" }).click();
    await page.getByRole("textbox", { name: "Title" }).fill("Paint is dry");
    await page.getByRole("button", { name: "Publish" }).click();
    await until("it was posted", () => Promise.resolve(asked(engine, "feed.publish").length === 1));
    expect(asked(engine, "feed.publish")[0]).toMatchObject({ roomId: room, title: "Paint is dry" });
    await page.getByRole("button", { name: "Back to boat-shed" }).click();
    await page.getByRole("log", { name: "Messages" }).waitFor();
  });

  test("that needs a server which is away is there once it is back", async () => {
    const world = club();
    world.net = { ...world.net, server: "offline", peers: [] };
    const opened = await openWindow(world);
    opened.engine.answer({ "feed.list": () => { throw new Refused("offline", "The server does not answer."); } });
    await opened.page.getByRole("button", { name: "Feed", exact: true }).click();
    await opened.page.getByText("The server is away. The feed is here once it is back").waitFor();
    opened.engine.answer({ "feed.list": () => ({ roomId: FEED_ROOM, policy: OPEN, posts: [post("back")] }) });
    opened.engine.emit({ type: "net.changed", status: { ...world.net, server: "online" } });
    await card(opened.page, /back/).waitFor();
  });
});

describe("who posts and who is read", () => {
  test("following an author is in their post's menu, and leaves only theirs on request", async () => {
    const { page, engine } = await openFeed();
    await card(page, /The shed is open/).getByRole("button", { name: "Post menu" }).click();
    await page.getByRole("menuitem", { name: "Follow Ingrid Solheim" }).click();
    await until("it was asked for", () => asked(engine, "feed.follow").length === 1);
    await page.getByRole("button", { name: "Following" }).click();
    await until("only theirs are left", async () => (await titles(page)).join() === "The shed is open, by Ingrid Solheim");
    await card(page, /The shed is open/).getByRole("button", { name: "Post menu" }).click();
    await page.getByRole("menuitem", { name: "Stop following Ingrid Solheim" }).click();
    await page.getByRole("button", { name: "Following" }).click();
    await until("all are back", async () => (await titles(page)).length === 4);
    expect(asked(engine, "feed.follow")).toEqual([{ userId: "ingrid", on: true }, { userId: "ingrid", on: false }]);
  });

  test("what is hidden says who hid it and why; moderators show it again", async () => {
    const { page, engine } = await openFeed();
    await card(page, /The shed is open/).getByRole("button", { name: "Post menu" }).click();
    await page.getByRole("menuitem", { name: "Hide" }).click();
    await page.getByRole("textbox", { name: "Why" }).fill("It is not open.");
    await page.getByRole("dialog").getByRole("button", { name: "Hide" }).click();
    await card(page, /The shed is open/).getByText("Hidden by Ada Okafor: It is not open. Only its author and those who moderate read it.").waitFor();
    expect(asked(engine, "feed.hide")).toEqual([{ postId: "launch", on: true, reason: "It is not open." }]);
    const { violations } = await new AxeBuilder({ page }).include('[data-post="launch"]').analyze();
    expect(violations.map(({ id, nodes }) => [id, nodes.map((node) => node.html)])).toEqual([]);
    await card(page, /The shed is open/).getByRole("button", { name: "Post menu" }).click();
    await page.getByRole("menuitem", { name: "Show again" }).click();
    await until("it is shown again", async () => (await page.getByText(/Hidden by/).count()) === 0);
    // To others nothing is left but that.
    engine.emit({ type: "post.changed", post: post("tea", { author: "ada", authorName: "Ada Okafor", title: "", body: "", hidden: { userId: "priya", name: "Priya Nair", reason: "", at: Date.now() } }) });
    await page.getByText("Hidden by Priya Nair.").waitFor();
    expect(await card(page, "Post by Ada Okafor").getByRole("button", { name: /Like|comment/ }).count()).toBe(0);
  });

  test("where posting is curated the reason stands where one would write", async () => {
    const world = club();
    world.policy = { posting: "curated", mayPost: false, mayModerate: false };
    const { page, engine } = await openFeed(world);
    await page.getByRole("note").getByText("Posting is curated here").waitFor();
    expect(await page.getByRole("button", { name: "New post" }).isDisabled()).toBe(true);
    await page.keyboard.press("n");
    expect(await page.getByRole("textbox", { name: "Title" }).count()).toBe(0);
    expect(await page.getByRole("button", { name: "Who may post" }).count()).toBe(0);
    engine.emit({ type: "feed.changed", roomId: FEED_ROOM, policy: { posting: "curated", mayPost: true, mayModerate: true } });
    await page.getByRole("button", { name: "Who may post" }).click();
    await page.getByRole("radio", { name: "Everybody" }).click();
    await until("it was asked for", () => asked(engine, "feed.setPosting").length === 1);
    await page.getByRole("dialog").getByRole("button", { name: "Close" }).last().click();
    await page.getByRole("button", { name: "New post" }).click();
    await page.getByRole("textbox", { name: "Title" }).waitFor();
  });
});

describe("writing", () => {
  test("keeps what was begun over a restart, and publishes it with its tags", async () => {
    const { page, engine } = await openFeed();
    await card(page, /Tea at four/).waitFor();
    await page.keyboard.press("n");
    await page.getByLabel("Title").fill("Low water");
    await page.getByLabel("Text").fill("At **10:40**, on the slip.");
    await page.getByRole("textbox", { name: "Tags" }).fill("#tide slip");
    await page.getByText("Kept as a draft on this device.").waitFor();
    await page.keyboard.press("Escape");
    expect(await page.getByRole("form", { name: "New post" }).count()).toBe(0);
    await page.reload();
    await page.getByRole("button", { name: "Feed", exact: true }).click();
    await page.getByRole("button", { name: "New post" }).click();
    expect(await page.getByLabel("Text").inputValue()).toBe("At **10:40**, on the slip.");
    await page.getByLabel("Text").press("Control+Enter");
    await until("it is on top, once", async () => (await titles(page)).filter((title) => title === "Low water, by Ada Okafor").length === 1);
    expect(asked(engine, "feed.publish")).toEqual([{ title: "Low water", body: "At **10:40**, on the slip.", tags: ["tide", "slip"] }]);
    await card(page, /Low water/).getByText("10:40", { exact: true }).waitFor();
    await page.getByRole("button", { name: "New post" }).click();
    expect(await page.getByLabel("Text").inputValue()).toBe("");
  });

  test("an empty post is not sent, and a refusal is said where it was written", async () => {
    const { page, engine } = await openFeed();
    await page.getByRole("button", { name: "New post" }).click();
    await page.getByRole("button", { name: "Publish" }).click();
    await page.getByRole("alert").getByText("Write a title or a text first.").waitFor();
    expect(asked(engine, "feed.publish")).toEqual([]);
    engine.answer({ "feed.publish": () => { throw new Refused("forbidden", "Only its authors may post in this feed."); } });
    await page.getByLabel("Text").fill("hello");
    await page.getByRole("button", { name: "Publish" }).click();
    await page.getByRole("alert").getByText("Only its authors may post in this feed.").waitFor();
    expect(await page.getByLabel("Text").inputValue()).toBe("hello");
  });

  test("one's own post is changed and deleted; others' menu has nothing of that", async () => {
    const world = club();
    world.policy = { ...OPEN, mayModerate: false };
    const { page, engine } = await openFeed(world);
    await card(page, /The shed is open/).getByRole("button", { name: "Post menu" }).click();
    expect(await page.getByRole("menuitem").allTextContents()).toEqual(["Follow Ingrid Solheim"]);
    await page.keyboard.press("Escape");
    await card(page, /Tea at four/).getByRole("button", { name: "Post menu" }).click();
    await page.getByRole("menuitem", { name: "Edit" }).click();
    await page.getByLabel("Title").fill("Tea at five");
    await page.getByRole("button", { name: "Save" }).click();
    await card(page, "Tea at five, by Ada Okafor").getByText("edited").waitFor();
    expect(asked(engine, "feed.edit")).toEqual([{ postId: "tea", title: "Tea at five", body: "On the slip, if it stays dry.", tags: [] }]);
    await card(page, /Tea at five/).getByRole("button", { name: "Post menu" }).click();
    await page.getByRole("menuitem", { name: "Delete" }).click();
    await page.getByRole("dialog", { name: "Delete this post?" }).getByRole("button", { name: "Delete" }).click();
    await until("it is gone", async () => (await titles(page)).length === 3 && (await page.getByRole("dialog").count()) === 0);
  });

  test("a moderator may delete what others wrote, and reads why not where that is refused", async () => {
    const world = club();
    world.members.set(FEED_ROOM, [{ userId: "ada", handle: "ada", displayName: "Ada Okafor", role: "moderator", status: "online" }]);
    const { page, engine } = await openFeed(world);
    await card(page, /The shed is open/).getByRole("button", { name: "Post menu" }).click();
    expect(await page.getByRole("menuitem", { name: "Edit" }).count()).toBe(0);
    await page.getByRole("menuitem", { name: "Delete as a moderator" }).click();
    engine.answer({ "feed.delete": () => { throw new Refused("forbidden", "You no longer moderate this feed."); } });
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await page.getByRole("alert").getByText("You no longer moderate this feed.").waitFor();
  });
});

describe("liking and commenting", () => {
  test("a like counts at once, and not if it is refused", async () => {
    const { page, engine } = await openFeed();
    const like = card(page, /The shed is open/).getByRole("button", { name: /^Like/ });
    await like.click();
    await card(page, /The shed is open/).getByRole("button", { name: "Like, 25 likes", pressed: true }).waitFor();
    engine.answer({ "feed.like": () => { throw new Refused("rate_limited", "That was much at once. Wait a moment."); } });
    await like.click();
    await page.getByText("Your like was not taken. That was much at once. Wait a moment.").waitFor();
    await card(page, /The shed is open/).getByRole("button", { name: "Like, 25 likes", pressed: true }).waitFor();
    expect(asked(engine, "feed.like")).toEqual([{ postId: "launch", on: true }, { postId: "launch", on: false }]);
  });

  test("comments are a thread; an answer goes under what it answers", async () => {
    const { page, engine } = await openFeed();
    const shed = card(page, /The shed is open/);
    await shed.getByRole("button", { name: "4 comments" }).click();
    await shed.getByText("This comment was deleted.").waitFor();
    await shed.getByRole("button", { name: "Answer to Mateo Ruiz" }).click();
    await until("the box has the focus", async () => (await focused(page)) === "Answer to Mateo Ruiz");
    await page.keyboard.type("Both blocks, to be sure.");
    await page.keyboard.press("Enter");
    await shed.getByRole("listitem").getByText("Both blocks, to be sure.").waitFor();
    expect(asked(engine, "feed.comment")).toEqual([{ postId: "launch", text: "Both blocks, to be sure.", replyTo: "c1" }]);
    const texts = await shed.getByRole("region", { name: "Comments" }).getByRole("listitem").allInnerTexts();
    expect(texts.findIndex((text) => text.includes("Both blocks"))).toBe(2);
    await shed.getByRole("button", { name: "5 comments" }).waitFor();
    engine.emit({ type: "comment.new", comment: { commentId: "late", postId: "launch", roomId: FEED_ROOM, author: "tom", authorName: "Tom Brandt", text: "Well done.", sentAt: Date.now(), likesCount: 0, liked: false, deleted: false } });
    await shed.getByText("Well done.").waitFor();
  });
});

test("everything goes by the keyboard", async () => {
  const { page, engine } = await openFeed();
  await card(page, /Tea at four/).waitFor();
  expect(await focused(page)).toBe("Feed");
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  expect(await focused(page)).toBe("The shed is open, by Ingrid Solheim");
  await page.keyboard.press("l");
  await until("it is liked", () => asked(engine, "feed.like").length === 1);
  await page.keyboard.press("c");
  await until("the box has the focus", async () => (await focused(page)) === "Comment");
  await page.keyboard.type("jkl");
  await page.keyboard.press("Escape");
  expect(await focused(page)).toBe("The shed is open, by Ingrid Solheim");
  await page.keyboard.press("k");
  expect(await focused(page)).toBe("Tea at four, by Ada Okafor");
  await page.keyboard.press("Tab");
  expect(await focused(page)).toBe("Post menu");
  expect(asked(engine, "feed.comment")).toEqual([]);
});

describe("axe finds nothing", () => {
  for (const theme of ["light", "dark"] as const) {
    for (const size of [[1280, 800], [360, 740]] as [number, number][]) {
      test(`${theme}, ${size[0]} px`, async () => {
        const { page, engine } = await openFeed(club(), { theme, size });
        await card(page, /The shed is open/).getByRole("button", { name: "4 comments" }).click();
        await page.getByText("This comment was deleted.").waitFor();
        await page.getByRole("button", { name: "New post" }).click();
        engine.emit({ type: "post.new", post: post("fresh") });
        await page.getByRole("button", { name: "1 new post" }).waitFor();
        const { violations } = await new AxeBuilder({ page }).analyze();
        expect(violations.map(({ id, nodes }) => [id, nodes.map((node) => node.html)])).toEqual([]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth)).toBe(true);
      });
    }
  }
});

test("a thread that is open stays as it is while the feed is ranked anew", async () => {
  const { page, engine } = await openFeed();
  await page.getByRole("radio", { name: "Top" }).click();
  const shed = card(page, /The shed is open/);
  await shed.getByRole("button", { name: "4 comments" }).click();
  await shed.getByLabel("Comment", { exact: true }).fill("half a thought");
  engine.emit({ type: "ranking.changed", roomId: FEED_ROOM, order: "top", postIds: ["tea", "launch"] });
  await until("it moved", async () => (await titles(page))[1] === "The shed is open, by Ingrid Solheim");
  await expectSteady(async () => (await shed.getByLabel("Comment", { exact: true }).inputValue()) === "half a thought" && (await focused(page)) === "Comment");
});
