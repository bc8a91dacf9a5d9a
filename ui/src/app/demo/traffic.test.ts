import { expect, test } from "vitest";
import { counted, linkTo, NO_TRAFFIC, type Traffic } from "@/app/demo/traffic";
import type { NetStatus, PeerStatus } from "@/client/types";

const peer = (bytesOut: number, more: Partial<PeerStatus> = {}): PeerStatus => ({ userId: "grace", deviceId: "g1", path: "direct", rttMs: 1, bytesIn: 0, bytesOut, ...more });
const status = (serverBytesIn: number, peers: PeerStatus[] = []): NetStatus => ({ server: "online", peers, onlineCount: 2, serverBytesIn, serverBytesOut: 0 });
const after = (...looks: readonly NetStatus[]): Traffic => looks.reduce(counted, NO_TRAFFIC);

test("a link that breaks and comes back takes nothing back and counts nothing twice", () => {
  const traffic = after(status(10, [peer(100)]), status(30, [peer(150)]), status(30), status(40, [peer(20)]), status(40, [peer(25)]));
  expect(traffic.peers.get("grace")?.out).toBe(175);
  expect(traffic.server.in).toBe(40);
});

test("the devices of one person are one sum", () => {
  const both = [peer(5), peer(7, { deviceId: "g2" })];
  expect(after(status(0, both), status(0, both)).peers.get("grace")?.out).toBe(12);
});

test("a way by the relay is no link, and a direct one is named first", () => {
  expect(linkTo(status(0, [peer(1, { path: "relay" })]), "grace")).toBeNull();
  expect(linkTo(status(0, [peer(1, { path: "turn" }), peer(2, { deviceId: "g2" })]), "grace")?.path).toBe("direct");
  expect(linkTo(null, "grace")).toBeNull();
});
