import { expect, test } from "vitest";
import { ApiError } from "@/client/error";
import type { Event, Location } from "@/client/types";
import { isLive, placesEvent, reducePlaces, type PlacesState } from "@/state/places";

const location = (userId: string, more: Partial<Location> = {}): Location => ({ roomId: "shed", userId, lat: 1, lng: 2, at: 100, ...more });
const moved = (userId: string, at: number, more: Partial<Extract<Event, { type: "location.changed" }>> = {}): Extract<Event, { type: "location.changed" }> => ({ type: "location.changed", roomId: "shed", userId, lat: 5, lng: 6, at, ...more });
const held = (...locations: Location[]): PlacesState => reducePlaces(new Map(), { type: "read", roomId: "shed", list: { locations } });
const of = (places: PlacesState, userId: string): Location | undefined => {
  const room = places.get("shed");
  return room?.kind === "ready" ? room.byPerson.get(userId) : undefined;
};

test("a movement is taken, an older word is not, and a newcomer is there", () => {
  const places = placesEvent(held(location("bo")), moved("bo", 200, { until: 900, accuracyM: 30 }));
  expect(of(places, "bo")).toEqual({ roomId: "shed", userId: "bo", lat: 5, lng: 6, at: 200, until: 900, accuracyM: 30 });
  expect(placesEvent(places, moved("bo", 150, { lat: 9 }))).toBe(places);
  expect(of(placesEvent(places, moved("cy", 1)), "cy")?.lat).toBe(5);
});

test("where nobody looked nothing is kept, and an end leaves it to the list", () => {
  const places = held(location("bo"));
  expect(placesEvent(places, moved("bo", 200, { roomId: "elsewhere" }))).toBe(places);
  expect(placesEvent(places, moved("bo", 200, { ended: true }))).toBe(places);
});

test("what is on the screen stays while it is read again, and where that fails", () => {
  const places = held(location("bo"));
  expect(reducePlaces(places, { type: "reading", roomId: "shed" })).toBe(places);
  expect(reducePlaces(places, { type: "readFailed", roomId: "shed", error: new ApiError("internal", "") })).toBe(places);
});

test("it is live until its end, and what was said once never is", () => {
  expect([isLive(location("bo", { until: 500 }), 499), isLive(location("bo", { until: 500 }), 500), isLive(location("bo"), 0)]).toEqual([true, false, false]);
});
