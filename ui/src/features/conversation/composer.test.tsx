import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { Composer } from "@/features/conversation/composer";
import { fakeClient, renderWith, room, signedIn } from "../../../tests/unit/world.js";

function open(of = room()) {
  const client = fakeClient({ "typing.set": () => ({}), "messages.send": () => ({ messageId: "m", state: "stored" }) });
  const result = renderWith(<Composer room={of} />, client, signedIn([of]));
  return { user: userEvent.setup(), ...result, sent: () => client.calls.filter(({ method }) => method === "messages.send").map(({ params }) => params) };
}

test("it has the focus when a room is opened; Enter sends, Shift and Enter break", async () => {
  const { user, sent } = open();
  expect(screen.getByRole("textbox", { name: "Message boat-shed" })).toHaveFocus();
  await user.keyboard("one{Shift>}{Enter}{/Shift}two  {Enter}");
  expect(sent()).toEqual([{ roomId: "shed", text: "one\ntwo" }]);
  expect(screen.getByRole("textbox")).toHaveValue("");
  expect(screen.getByRole("textbox")).toHaveFocus();
});

test("nothing but space is nothing", async () => {
  const { user, sent } = open();
  await user.keyboard("   {Enter}");
  await user.click(screen.getByRole("button", { name: "Send" }));
  expect(sent()).toEqual([]);
});

test("what is half written is there when one comes back", async () => {
  const { user, rerender, store } = open();
  await user.keyboard("half");
  expect(store.getState().drafts.get("shed")?.text).toBe("half");
  rerender(<></>);
  expect(store.getState().drafts.get("shed")?.text).toBe("half");
});

test("who may only read is told so, and has no box", () => {
  open(room({ role: "reader" }));
  expect(screen.queryByRole("textbox")).toBeNull();
  expect(screen.getByText(/read here, but not write/)).toBeVisible();
});
