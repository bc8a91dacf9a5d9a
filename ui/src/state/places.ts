// Where people of a room are, as the window knows it. Pure; `sync.ts` reads the lists and hears of movements.
//
// Invariants: one place a person and room; a word that is older than the one held changes nothing, for live positions
// are told by several ways.
import type { ApiError } from "@/client/error";
import type { Event, Location, Locations } from "@/client/types";

export type Places = { kind: "loading" } | { kind: "failed"; error: ApiError } | { kind: "ready"; byPerson: ReadonlyMap<string, Location> };

export type PlacesAction =
  | { type: "reading"; roomId: string }
  | { type: "read"; roomId: string; list: Locations }
  | { type: "readFailed"; roomId: string; error: ApiError };

/** By room; only rooms where somebody looked. */
export type PlacesState = ReadonlyMap<string, Places>;

export function reducePlaces(places: PlacesState, action: PlacesAction): PlacesState {
  const held = places.get(action.roomId);
  switch (action.type) {
    case "reading":
      return held?.kind === "ready" ? places : new Map(places).set(action.roomId, { kind: "loading" });
    case "read":
      return new Map(places).set(action.roomId, { kind: "ready", byPerson: new Map(action.list.locations.map((location) => [location.userId, location])) });
    case "readFailed":
      return held?.kind === "ready" ? places : new Map(places).set(action.roomId, { kind: "failed", error: action.error });
  }
}

export function placesEvent(places: PlacesState, event: Extract<Event, { type: "location.changed" }>): PlacesState {
  const { roomId, userId, lat, lng, accuracyM, at, until, ended } = event;
  const room = places.get(roomId);
  // Whether a last point stays, only the list tells; it is read again.
  if (room?.kind !== "ready" || ended === true) return places;
  const held = room.byPerson.get(userId);
  if (held !== undefined && held.at > at) return places;
  const location: Location = { roomId, userId, lat, lng, at, ...(accuracyM === undefined ? {} : { accuracyM }), ...(until === undefined ? {} : { until }) };
  return new Map(places).set(roomId, { kind: "ready", byPerson: new Map(room.byPerson).set(userId, location) });
}

/** Still moving, as far as this clock can tell. */
export function isLive(location: Location, now: number): boolean {
  return location.until !== undefined && location.until > now;
}
