// Builds the window, or a part of it, over a scripted client, and a few things to fill it with.
import { render, type RenderResult } from "@testing-library/react";
import { Tooltip } from "radix-ui";
import type { ReactNode } from "react";
import type { Client, LinkState } from "@/client/client";
import type { Method, Params, Result } from "@/client/methods";
import type { Picture } from "@/client/pictures";
import type { Event, Member, Message, Room } from "@/client/types";
import { createActions } from "@/state/actions";
import { AppContext } from "@/state/context";
import { createAppStore, type Store } from "@/state/store";
import { createSync } from "@/state/sync";

export type Answers = { [M in Method]?: (params: Params<M>) => Result<M> };
export type Call = { method: Method; params: unknown };

export type FakeClient = Client & { calls: Call[]; answers: Answers; emit: (event: Event) => void; picture: (picture: Picture) => void; link: (state: LinkState) => void };

export function fakeClient(answers: Answers = {}): FakeClient {
  const calls: Call[] = [];
  const events = new Set<(event: Event) => void>();
  const links = new Set<(state: LinkState) => void>();
  const pictures = new Set<(picture: Picture) => void>();
  const client: FakeClient = {
    calls,
    answers,
    async call<M extends Method>(method: M, params: Params<M>): Promise<Result<M>> {
      calls.push({ method, params });
      const answer = client.answers[method] as ((params: Params<M>) => Result<M>) | undefined;
      await Promise.resolve();
      if (answer === undefined) throw new Error(`the test gave no answer for ${method}`);
      return answer(params);
    },
    onEvent(listener) {
      events.add(listener);
      return () => events.delete(listener);
    },
    onLink(listener) {
      links.add(listener);
      return () => links.delete(listener);
    },
    onPicture(listener) {
      pictures.add(listener);
      return () => pictures.delete(listener);
    },
    connect: () =>
      new Promise((resolve) => {
        links.add((state) => state === "open" && resolve());
      }),
    disconnect: () => undefined,
    emit: (event) => events.forEach((listener) => listener(event)),
    picture: (picture) => pictures.forEach((listener) => listener(picture)),
    link: (state) => links.forEach((listener) => listener(state)),
  };
  return client;
}

export type Rendered = RenderResult & { client: FakeClient; store: Store };

export function renderWith(screen: ReactNode, client: FakeClient, store: Store = createAppStore()): Rendered {
  const sync = createSync(client, store);
  sync.start();
  const model = { store, actions: createActions(client, store, sync) };
  const result = render(
    <AppContext value={model}>
      <Tooltip.Provider>{screen}</Tooltip.Provider>
    </AppContext>,
  );
  return { ...result, client, store };
}

export const ADA = { userId: "ada", deviceId: "ada-1", handle: "ada", displayName: "Ada Okafor", server: "http://127.0.0.1:7420", admin: false };

/** A store of somebody who is signed in, with these rooms. */
export function signedIn(rooms: readonly Room[] = [], members: readonly Member[] = []): Store {
  const store = createAppStore();
  store.dispatch({ type: "link", link: "open" });
  store.dispatch({ type: "whoami", whoami: { account: ADA } });
  store.dispatch({ type: "net", status: { server: "online", peers: [], onlineCount: 1, serverBytesIn: 0, serverBytesOut: 0 } });
  store.dispatch({ type: "rooms", list: { rooms: [...rooms] } });
  for (const room of rooms) store.dispatch({ type: "members", roomId: room.roomId, list: { members: [...members] } });
  return store;
}

export function room(more: Partial<Room> = {}): Room {
  return { roomId: "shed", name: "boat-shed", topic: "", kind: "chat", visibility: "public", role: "owner", memberCount: 2, unreadCount: 0, mentionsCount: 0, notify: "all", favourite: false, ...more };
}

export function member(userId: string, displayName: string, more: Partial<Member> = {}): Member {
  return { userId, handle: userId, displayName, role: "member", status: "online", ...more };
}

export function message(messageId: string, more: Partial<Message> = {}): Message {
  return { messageId, roomId: "shed", author: "mateo", deviceId: "mateo-1", text: messageId, sentAt: 1_000, reactions: [], mentions: [], mentionsRoom: false, pinned: false, files: [], state: "delivered", ...more };
}
