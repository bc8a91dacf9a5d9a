import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ShareLocationParams } from "@/client/types";
import { createFollowing, MOVE_EVERY_MS } from "@/state/following";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function device() {
  let found: PositionCallback | null = null;
  let failed: PositionErrorCallback | null | undefined = null;
  const geolocation = {
    watchPosition(onFound: PositionCallback, onFailed?: PositionErrorCallback | null) {
      found = onFound;
      failed = onFailed;
      return 1;
    },
    clearWatch: () => {
      found = null;
    },
  } as unknown as Geolocation;
  return {
    geolocation,
    at: (latitude: number) => found?.({ coords: { latitude, longitude: 5, accuracy: 8 } } as GeolocationPosition),
    refuse: (code: number) => failed?.({ code, PERMISSION_DENIED: 1 } as GeolocationPositionError),
    watched: () => found !== null,
  };
}

function setup() {
  const told: ShareLocationParams[] = [];
  const place = device();
  const following = createFollowing((params) => {
    told.push(params);
    return Promise.resolve();
  }, place.geolocation);
  following.follow({ roomId: "shed", precision: "street", ttlS: 900 });
  return { told, place, following };
}

test("it moves with the device, not too often, the newest last, and keeps its end", () => {
  const { told, place } = setup();
  place.at(60);
  place.at(60.1);
  place.at(60.2);
  expect(told).toEqual([{ roomId: "shed", lat: 60, lng: 5, accuracyM: 8, precision: "street", ttlS: 900 }]);
  vi.advanceTimersByTime(MOVE_EVERY_MS);
  expect(told.slice(1)).toEqual([{ roomId: "shed", lat: 60.2, lng: 5, accuracyM: 8, precision: "street", ttlS: 895 }]);
  vi.advanceTimersByTime(MOVE_EVERY_MS * 4);
  expect(told).toHaveLength(2);
  place.at(60.3);
  expect(told).toHaveLength(3);
});

test("it ends when its time is over, and when it is stopped", () => {
  const first = setup();
  first.place.at(60);
  vi.advanceTimersByTime(900_000);
  expect(first.place.watched()).toBe(false);
  const second = setup();
  second.place.at(60);
  second.place.at(61);
  second.following.stop("shed");
  vi.advanceTimersByTime(MOVE_EVERY_MS * 2);
  expect([second.told.length, second.place.watched()]).toEqual([1, false]);
});

test("everything stops at once", () => {
  const { told, place, following } = setup();
  following.stopAll();
  place.at(60);
  expect([told.length, place.watched()]).toEqual([0, false]);
});

test("a device that loses its signal is waited for, one that may not say is left alone", () => {
  const { place } = setup();
  place.refuse(2);
  expect(place.watched()).toBe(true);
  place.refuse(1);
  expect(place.watched()).toBe(false);
});
