import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, test } from "vitest";
import { matchName } from "@/features/palette/match";
import { Palette } from "@/features/palette/palette";
import { fakeClient, member, renderWith, room, signedIn } from "../../../tests/unit/world.js";

function open() {
  const client = fakeClient({ "rooms.members": () => ({ members: [] }), "messages.list": () => ({ messages: [] }), "rooms.direct": () => ({ roomId: "dm" }), "rooms.list": () => ({ rooms: [room({ roomId: "dm", kind: "direct", name: "Mateo Ruiz" })] }) });
  const store = signedIn([room(), room({ roomId: "tides", name: "tides-and-weather" })], [member("ada", "Ada Okafor"), member("mateo", "Mateo Ruiz")]);
  return { user: userEvent.setup(), ...renderWith(<Palette />, client, store) };
}

test("a room is found and opened with the keyboard", async () => {
  const { user, store } = open();
  expect(screen.getByRole("combobox")).toHaveFocus();
  await user.keyboard("weather{Enter}");
  expect(store.getState().openRoomId).toBe("tides");
});

test("arrows move, and what was typed is marked", async () => {
  const { user } = open();
  await user.keyboard("boat");
  expect(within(screen.getByRole("option", { selected: true })).getByText("boat").tagName).toBe("MARK");
  await user.clear(screen.getByRole("combobox"));
  await user.keyboard("{ArrowDown}");
  expect(screen.getByRole("option", { selected: true })).toHaveTextContent("tides-and-weather");
});

test("somebody is found by name, and oneself is not", async () => {
  const { user, client } = open();
  expect(screen.queryByRole("option", { name: /Ada Okafor/ })).toBeNull();
  await user.keyboard("mateo{Enter}");
  await Promise.resolve();
  expect(client.calls).toContainEqual({ method: "rooms.direct", params: { userId: "mateo" } });
});

test("commands are there too", async () => {
  const { user, store } = open();
  await user.keyboard("create{Enter}");
  expect(store.getState().overlay).toEqual({ kind: "createRoom" });
});

test("what is not there is said", async () => {
  const { user } = open();
  await user.keyboard("zzzz");
  expect(screen.getByText("Nothing here by that name.")).toBeVisible();
});

describe("matching", () => {
  test.each([
    ["boat-shed", "sh", true],
    ["boat-shed", "boat sh", true],
    ["boat-shed", "ship", false],
    ["Größe", "größe", true],
    ["İstanbul", "stan", true],
    ["anything", "", true],
  ])("%s by %s: %s", (name, query, found) => {
    expect(matchName(name, query) !== null).toBe(found);
  });

  test("the beginning of a name counts more than a word in it, and that more than a piece of one", () => {
    const ranks = ["shed", "boat-shed", "boatshed"].map((name) => matchName(name, "shed")?.rank);
    expect(ranks).toEqual([0, 1, 2]);
  });
});
