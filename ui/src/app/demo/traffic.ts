// How many bytes went which way so far. Pure.
//
// An engine counts a link's bytes from the link's beginning and the server's from its own, so what is shown is the sum of
// what was added from one look to the next: a link that comes anew begins at nothing and takes nothing back.
import type { NetStatus, PeerStatus } from "@/client/types";

export type Bytes = { out: number; in: number };

export type Traffic = {
  /** By user id of the other end; all devices and links of theirs. */
  peers: ReadonlyMap<string, Bytes>;
  server: Bytes;
  last: NetStatus | null;
};

export const NO_TRAFFIC: Traffic = { peers: new Map(), server: { out: 0, in: 0 }, last: null };

export function counted(traffic: Traffic, status: NetStatus): Traffic {
  const peers = new Map(traffic.peers);
  const links = new Map((traffic.last?.peers ?? []).map((peer) => [peer.deviceId, peer]));
  for (const peer of status.peers) {
    const before = links.get(peer.deviceId);
    const sum = peers.get(peer.userId) ?? { out: 0, in: 0 };
    peers.set(peer.userId, { out: sum.out + added(before?.bytesOut, peer.bytesOut), in: sum.in + added(before?.bytesIn, peer.bytesIn) });
  }
  return {
    peers,
    server: { out: traffic.server.out + added(traffic.last?.serverBytesOut, status.serverBytesOut), in: traffic.server.in + added(traffic.last?.serverBytesIn, status.serverBytesIn) },
    last: status,
  };
}

function added(before: number | undefined, now: number): number {
  return before === undefined || now < before ? now : now - before;
}

/** The link to somebody, the best where they have several devices; none where they are only reached by the relay. */
export function linkTo(status: NetStatus | null, userId: string): PeerStatus | null {
  const links = (status?.peers ?? []).filter((peer) => peer.userId === userId && peer.path !== "relay");
  return links.find((peer) => peer.path === "direct") ?? links[0] ?? null;
}
