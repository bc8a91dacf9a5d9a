import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { ApiError } from "@/client/error";
import { Welcome } from "@/features/welcome/welcome";
import { ADA, fakeClient, renderWith, type Answers } from "../../../tests/unit/world.js";

function open(answers: Answers = {}) {
  const client = fakeClient({
    "account.whoami": () => ({ account: ADA }),
    "net.status": () => ({ server: "online", peers: [], onlineCount: 1, serverBytesIn: 0, serverBytesOut: 0 }),
    "rooms.list": () => ({ rooms: [] }),
    "presence.list": () => ({ users: [], count: 0 }),
    ...answers,
  });
  return { user: userEvent.setup(), ...renderWith(<Welcome />, client) };
}

test("one signs in with the keyboard alone", async () => {
  const { user, client } = open({ "account.login": () => ({ userId: "ada", deviceId: "d" }) });
  expect(screen.getByLabelText("Handle")).toHaveFocus();
  await user.keyboard("ada{Tab}correct horse{Enter}");
  expect(client.calls[0]).toEqual({ method: "account.login", params: { server: "http://127.0.0.1:7420", handle: "ada", password: "correct horse" } });
});

test("the password's rule is said while it is typed, and counts characters", async () => {
  const { user, client } = open();
  await user.click(screen.getByRole("radio", { name: "Create account" }));
  const password = screen.getByLabelText("Password");
  expect(password).toHaveAccessibleDescription(/at least 10 characters/i);
  await user.type(password, "🍑🍑🍑🍑🍑🍑🍑");
  expect(password).toHaveAccessibleDescription(/3 more to go/);
  await user.type(screen.getByLabelText("Handle"), "ada{Enter}");
  expect(client.calls).toEqual([]);
  expect(password).toHaveFocus();
  expect(password).toBeInvalid();
  await user.type(password, "🍑🍑🍑");
  expect(password).toHaveAccessibleDescription("Long enough.");
});

test("an account is made with a name only where one was given", async () => {
  const { user, client } = open({ "account.register": () => ({ userId: "ada", deviceId: "d" }) });
  await user.click(screen.getByRole("radio", { name: "Create account" }));
  await user.type(screen.getByLabelText("Handle"), " ada ");
  await user.type(screen.getByLabelText("Password"), "correct horse{Enter}");
  expect(client.calls[0]).toEqual({ method: "account.register", params: { server: "http://127.0.0.1:7420", handle: "ada", password: "correct horse" } });
});

test("a refusal is shown in place, in the server's words, and nothing that was typed is lost", async () => {
  const { user } = open({
    "account.login": () => {
      throw new ApiError("unauthorized", "The handle or the password is wrong.");
    },
  });
  await user.keyboard("ada{Tab}correct horse{Enter}");
  expect(await screen.findByRole("alert")).toHaveTextContent("The handle or the password is wrong.");
  expect(screen.getByLabelText("Password")).toHaveValue("correct horse");
  expect(screen.getByRole("button", { name: "Sign in" })).toBeEnabled();
});

test("what is missing gets the focus and says so", async () => {
  const { user } = open();
  await user.keyboard("{Tab}secret{Enter}");
  expect(screen.getByLabelText("Handle")).toHaveFocus();
  expect(screen.getByLabelText("Handle")).toHaveAccessibleDescription("This is needed.");
});

test("the last server is offered again", async () => {
  const { user, unmount } = open({ "account.login": () => ({ userId: "ada", deviceId: "d" }) });
  await user.clear(screen.getByLabelText("Server"));
  await user.type(screen.getByLabelText("Server"), "chat.example");
  await user.type(screen.getByLabelText("Handle"), "ada");
  await user.type(screen.getByLabelText("Password"), "correct horse{Enter}");
  await Promise.resolve();
  unmount();
  open();
  expect(screen.getByLabelText("Server")).toHaveValue("chat.example");
});
