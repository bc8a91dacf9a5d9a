// Camera, microphone and speakers tried out while nobody listens, and what is chosen of them.
import AxeBuilder from "@axe-core/playwright";
import { expect, test } from "vitest";
import { Refused } from "./fake-engine.js";
import { asked, openRoom, openWindow, until } from "./harness.js";
import { sceneOf } from "./scenes.js";

test("devices are tried out before a call, and let go of when the dialog is closed", async () => {
  const { page, engine } = await openWindow();
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox").fill("camera, mic");
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Camera, microphone and speakers" });
  await dialog.getByText("You are heard.").waitFor();
  expect(await dialog.getByRole("meter", { name: "How loud your microphone is" }).getAttribute("aria-valuenow")).toBe("71");
  // The camera only where it is asked for, and it shows nobody but oneself.
  expect(asked(engine, "calls.test").every((params) => (params as { camera?: boolean }).camera === false)).toBe(true);
  await dialog.getByRole("button", { name: "Try the camera" }).click();
  await until("it is seen", async () => {
    engine.picture({ deviceId: "ada-1", source: "camera" }, sceneOf("ada-1", "camera"));
    return (await dialog.getByRole("img", { name: "What your camera shows" }).count()) > 0;
  });
  expect(asked(engine, "calls.view").at(-1)).toMatchObject({ tiles: [{ deviceId: "ada-1", source: "camera" }] });
  expect(asked(engine, "calls.view").at(-1)).not.toHaveProperty("callId");
  await dialog.getByRole("button", { name: "Play a sound" }).click();
  await until("a sound is asked for", () => asked(engine, "calls.test").some((params) => (params as { sound?: boolean }).sound === true));
  await dialog.getByRole("combobox", { name: "Microphone" }).selectOption("Headset");
  await dialog.getByRole("switch", { name: "Without echo and noise" }).click();
  await until("it is switched off", async () => (await dialog.getByRole("switch").getAttribute("aria-checked")) === "false");
  expect(asked(engine, "calls.setMedia")).toEqual([{ microphone: "headset" }, { processing: false }]);
  expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
  await dialog.getByRole("button", { name: "Done" }).click();
  await until("the devices are let go of", () => !(asked(engine, "calls.test").at(-1) as { on: boolean }).on);
});

test("in a call what is chosen is used at once, and nothing is tried out", async () => {
  const { page, engine } = await openWindow();
  await openRoom(page, "boat-shed");
  await page.getByRole("button", { name: "Call", exact: true }).click();
  const bar = page.getByRole("region", { name: "Call in boat-shed" });
  await bar.getByRole("button", { name: "Camera, microphone and speakers" }).click();
  await page.getByRole("menuitem", { name: "More about sound" }).click();
  const dialog = page.getByRole("dialog", { name: "Camera, microphone and speakers" });
  await dialog.getByText("what you choose is used at once").waitFor();
  expect(await dialog.getByRole("meter").count()).toBe(0);
  expect(asked(engine, "calls.test")).toEqual([]);
  await page.keyboard.press("Escape");
  await until("it is closed", async () => (await dialog.count()) === 0);
});

test("why nothing is heard is said where it is tried out", async () => {
  const { page, engine } = await openWindow();
  engine.answer({ "calls.test": () => ({}) });
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByRole("menuitem", { name: "Camera, microphone and speakers" }).click();
  const dialog = page.getByRole("dialog", { name: "Camera, microphone and speakers" });
  await dialog.getByText("Say something").waitFor();
  engine.emit({ type: "call.test", level: 0, speaking: false, sound: { speakers: "Built-in speakers", problem: "No microphone was found. You hear the others, and they do not hear you." } });
  await dialog.getByRole("alert").getByText("No microphone was found.").waitFor();
});

test("what was heard of one microphone is not said of the next", async () => {
  const { page, engine } = await openWindow();
  engine.answer({ "calls.test": () => ({}) });
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByRole("menuitem", { name: "Camera, microphone and speakers" }).click();
  const dialog = page.getByRole("dialog", { name: "Camera, microphone and speakers" });
  const sound = { microphone: "Built-in microphone", speakers: "Built-in speakers" };
  engine.emit({ type: "call.test", level: 0.05, speaking: true, sound });
  await dialog.getByText("You are heard.").waitFor();
  engine.emit({ type: "call.test", level: 0, speaking: false, sound });
  await until("nothing is heard", async () => (await dialog.getByRole("meter").getAttribute("aria-valuenow")) === "0");
  expect(await dialog.getByText("You are heard.").count()).toBe(1);
  await dialog.getByRole("combobox", { name: "Microphone" }).selectOption("Headset");
  await dialog.getByText("Say something").waitFor();
});

test("why a trial was refused is said until one is not, or a call takes the devices", async () => {
  const { page, engine } = await openWindow();
  const refuse = (): never => {
    throw new Refused("conflict", "Another program has the microphone.");
  };
  engine.answer({ "calls.test": refuse });
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByRole("menuitem", { name: "Camera, microphone and speakers" }).click();
  const dialog = page.getByRole("dialog", { name: "Camera, microphone and speakers" });
  const alert = dialog.getByRole("alert");
  await alert.getByText("Another program has the microphone.").waitFor();
  engine.answer({ "calls.test": () => ({}) });
  await dialog.getByRole("button", { name: "Try the camera" }).click();
  await until("it is said no more", async () => (await alert.count()) === 0);
  // What a choice was refused for stays, whatever becomes of the trial.
  engine.answer({ "calls.setMedia": () => { throw new Refused("not_found", "The headset is gone."); } });
  await dialog.getByRole("combobox", { name: "Microphone" }).selectOption("Headset");
  await alert.getByText("The headset is gone.").waitFor();
  const tried = asked(engine, "calls.test").length;
  await dialog.getByRole("button", { name: "Turn the camera off" }).click();
  await until("it is tried once more", () => asked(engine, "calls.test").length > tried);
  await alert.getByText("The headset is gone.").waitFor();
});

test("a trial that a call ended by beginning is not said to be refused", async () => {
  const { page, engine } = await openWindow();
  engine.answer({ "calls.test": () => { throw new Refused("conflict", "You are in a call."); } });
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByRole("menuitem", { name: "Camera, microphone and speakers" }).click();
  const dialog = page.getByRole("dialog", { name: "Camera, microphone and speakers" });
  await dialog.getByRole("alert").getByText("You are in a call.").waitFor();
  engine.emit({ type: "call.changed", call: { callId: "c1", roomId: "boat-shed", media: "audio", part: "in", mic: true, speaking: false, camera: false, screen: false, since: 1, participants: [] } });
  await dialog.getByText("what you choose is used at once").waitFor();
  await until("it is said no more", async () => (await dialog.getByRole("alert").count()) === 0);
});
