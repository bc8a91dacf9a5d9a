import { describe, expect, test } from "vitest";
import type { NetStatus, PeerStatus } from "@/client/types";
import { carriedBetween, connectionOf, pathTo, type Connection } from "@/state/selectors";
import { INITIAL, type State } from "@/state/state";
import { ADA } from "../../tests/unit/world.js";

const peer = (userId: string, path: PeerStatus["path"], more: Partial<PeerStatus> = {}): PeerStatus => ({ userId, deviceId: `${userId}-1`, path, rttMs: 5, bytesIn: 0, bytesOut: 0, ...more });
const net = (server: NetStatus["server"], peers: PeerStatus[] = []): NetStatus => ({ server, peers, onlineCount: 0, serverBytesIn: 0, serverBytesOut: 0 });
const state = (status: NetStatus | null, link: State["link"] = "open"): State => ({ ...INITIAL, link, net: status, session: { kind: "signedIn", account: ADA } });

describe("the connection line tells the truth", () => {
  test.each<[string, State, Connection]>([
    ["connected", state(net("online")), { kind: "connected", direct: 0 }],
    ["people, not devices, and not oneself", state(net("online", [peer("bo", "direct"), peer("bo", "direct", { deviceId: "bo-2" }), peer("ada", "direct", { deviceId: "ada-2" }), peer("cy", "turn")])), { kind: "connected", direct: 1 }],
    ["looking for the server alone", state(net("connecting")), { kind: "connecting" }],
    ["looking for the server in company", state(net("connecting", [peer("bo", "direct")])), { kind: "serverAway", peers: 1 }],
    ["the server is gone, peers are not", state(net("offline", [peer("bo", "direct"), peer("cy", "turn")])), { kind: "serverAway", peers: 2 }],
    ["who was only reached by the relay is not here without it", state(net("offline", [peer("bo", "relay")])), { kind: "offline" }],
    ["nobody at all", state(net("offline")), { kind: "offline" }],
    ["the engine itself is away", state(net("online", [peer("bo", "direct")]), "closed"), { kind: "connecting" }],
  ])("%s", (_, given, expected) => {
    expect(connectionOf(given)).toEqual(expected);
  });
});

test("the best of a person's devices is shown: by path first, then by round trip", () => {
  const status = net("online", [peer("bo", "relay", { rttMs: 1 }), peer("bo", "direct", { deviceId: "slow", rttMs: 40 }), peer("bo", "direct", { deviceId: "fast", rttMs: 2 }), peer("bo", "direct", { deviceId: "new", rttMs: null })]);
  expect(pathTo(status, "bo")?.deviceId).toBe("fast");
  expect(pathTo(status, "cy")).toBeNull();
});

describe("what peers carried", () => {
  test("is not told before there is something to tell", () => {
    expect(carriedBetween({ ...net("online", [peer("bo", "direct", { bytesIn: 400, bytesOut: 400 })]), serverBytesIn: 90_000 })).toBeNull();
    const signalling = { ...net("online", [peer("bo", "direct", { bytesIn: 20_000 }), peer("cy", "turn", { bytesOut: 20_000 })]), serverBytesIn: 20_000 };
    expect(carriedBetween({ ...signalling, serverBytesOut: 3_999 })).toBeNull();
    expect(carriedBetween({ ...signalling, serverBytesOut: 4_000 })).toEqual({ direct: 20_000, turn: 20_000, server: 24_000 });
  });

  test("counts the relay's bytes as the server's, not as peers'", () => {
    const status = { ...net("online", [peer("bo", "direct", { bytesIn: 200_000, bytesOut: 100_000 }), peer("cy", "turn", { bytesIn: 500 }), peer("di", "relay", { bytesIn: 77 })]), serverBytesIn: 10, serverBytesOut: 20 };
    expect(carriedBetween(status)).toEqual({ direct: 300_000, turn: 500, server: 30 });
  });
});
