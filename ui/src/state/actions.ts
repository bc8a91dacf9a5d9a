// What people do, as calls to the engine and steps of the state. Those that can be refused in a dialog throw
// `ApiError`, so that the refusal is shown where it happened; the others put it into the state.
import { ApiError } from "@/api/error";
import type { Client } from "@/api/client";
import type { CreateRoomParams, DirectoryRoom, InviteParams, LoginParams, RegisterParams, RemoveMemberParams, Role, UpdateRoomParams } from "@/api/types.gen";
import { lastRoomOf, rememberRoom } from "@/state/preferences";
import { ownAccount, startingRoom } from "@/state/selectors";
import type { Store } from "@/state/store";
import type { Sync } from "@/state/sync";
import type { Overlay, State, Unsent } from "@/state/state";

/** While somebody types, peers are told again this often; their windows forget it a little later. */
const TYPING_REPEAT_MS = 3_000;
/** So long after the last key somebody is no longer typing. */
const TYPING_IDLE_MS = 4_000;

export type Actions = ReturnType<typeof createActions>;

export function createActions(client: Client, store: Store, sync: Sync) {
  let typing: { roomId: string; toldAt: number; idle: ReturnType<typeof setTimeout> } | null = null;
  let lastUnsent = 0;

  /** Typing is a courtesy: it is lossy by design, and nobody is told when it does not get through. */
  function tellTyping(roomId: string, isTyping: boolean): void {
    client.call("typing.set", { roomId, typing: isTyping }).catch(() => undefined);
  }

  function stopTyping(): void {
    if (typing === null) return;
    clearTimeout(typing.idle);
    tellTyping(typing.roomId, false);
    typing = null;
  }

  async function deliver(unsent: Omit<Unsent, "error" | "retrying">): Promise<void> {
    try {
      await client.call("messages.send", { roomId: unsent.roomId, text: unsent.text });
      store.dispatch({ type: "unsentGone", id: unsent.id });
    } catch (thrown) {
      store.dispatch({ type: "unsent", unsent: { ...unsent, error: ApiError.from(thrown), retrying: false } });
    }
  }

  function openRoom(roomId: string | null): void {
    if (roomId === store.getState().openRoomId) return;
    stopTyping();
    store.dispatch({ type: "openRoom", roomId });
    if (roomId === null) return;
    const account = ownAccount(store.getState());
    if (account !== null) rememberRoom(account.userId, roomId);
    void sync.readMembers(roomId);
    void sync.readTimeline(roomId);
  }

  /** A room that was just made or joined: known to the list before it is opened. */
  async function enter(roomId: string): Promise<void> {
    if (store.getState().rooms?.has(roomId) !== true) store.dispatch({ type: "rooms", list: await client.call("rooms.list", {}) });
    openRoom(roomId);
  }

  return {
    async register(params: RegisterParams): Promise<void> {
      await client.call("account.register", params);
      await sync.readAll();
    },
    async login(params: LoginParams): Promise<void> {
      await client.call("account.login", params);
      await sync.readAll();
    },
    async logout(force: boolean): Promise<void> {
      await client.call("account.logout", force ? { force } : {});
      await sync.readAll();
    },
    async setDisplayName(displayName: string): Promise<void> {
      await client.call("account.setProfile", { displayName });
      await sync.readAll();
    },
    async setOnline(online: boolean): Promise<void> {
      await client.call("net.setOnline", { online });
      store.dispatch({ type: "net", status: await client.call("net.status", {}) });
    },
    retryStart: () => void sync.readAll(),

    openRoom,
    /** Opens what a window begins with; nothing where a room is open, or none is worth it. */
    openStartingRoom(): void {
      const state = store.getState();
      const account = ownAccount(state);
      if (account === null || state.openRoomId !== null) return;
      const room = startingRoom(state, lastRoomOf(account.userId));
      if (room !== null) openRoom(room.roomId);
    },
    async createRoom(params: Omit<CreateRoomParams, "kind">): Promise<void> {
      await enter((await client.call("rooms.create", { ...params, kind: "chat" })).roomId);
    },
    async joinRoom(target: { roomId: string } | { invite: string }): Promise<void> {
      await enter((await client.call("rooms.join", target)).roomId);
    },
    async directory(): Promise<readonly DirectoryRoom[]> {
      return (await client.call("rooms.directory", {})).rooms;
    },
    async openDirect(userId: string): Promise<void> {
      const known = [...(store.getState().rooms?.values() ?? [])].find((room) => room.kind === "direct" && room.peerUserId === userId);
      if (known === undefined) await enter((await client.call("rooms.direct", { userId })).roomId);
      else openRoom(known.roomId);
    },
    async invite(params: InviteParams): Promise<string> {
      return (await client.call("rooms.invite", params)).invite;
    },
    async updateRoom(params: UpdateRoomParams): Promise<void> {
      await client.call("rooms.update", params);
    },
    async leaveRoom(roomId: string): Promise<void> {
      await client.call("rooms.leave", { roomId });
      store.dispatch({ type: "left", roomId });
    },
    async setRole(roomId: string, userId: string, role: Role): Promise<void> {
      await client.call("rooms.setRole", { roomId, userId, role });
      await sync.readMembers(roomId);
    },
    async removeMember(params: RemoveMemberParams): Promise<void> {
      await client.call("rooms.remove", params);
      await sync.readMembers(params.roomId);
    },

    readTimeline: (roomId: string) => void sync.readTimeline(roomId),
    readOlder: (roomId: string) => void sync.readOlder(roomId),
    setAttending: (attending: boolean) => store.dispatch({ type: "attending", attending }),
    markRead(roomId: string, messageId: string): void {
      store.dispatch({ type: "readLocally", roomId, messageId });
      // When it is refused the room comes back as unread with the engine's next word about it.
      client.call("messages.markRead", { roomId, messageId }).catch(() => undefined);
    },
    setDraft: (roomId: string, text: string) => store.dispatch({ type: "draft", roomId, text }),
    send(roomId: string, text: string): void {
      stopTyping();
      store.dispatch({ type: "draft", roomId, text: "" });
      lastUnsent += 1;
      void deliver({ id: `unsent-${lastUnsent}`, roomId, text, at: Date.now() });
    },
    retry(unsent: Unsent): void {
      store.dispatch({ type: "retrying", id: unsent.id });
      void deliver(unsent);
    },
    discard: (unsent: Unsent) => store.dispatch({ type: "unsentGone", id: unsent.id }),
    /** A key was pressed in a composer. */
    typed(roomId: string): void {
      if (typing !== null && typing.roomId !== roomId) stopTyping();
      const now = Date.now();
      const due = typing === null || now - typing.toldAt >= TYPING_REPEAT_MS;
      if (typing !== null) clearTimeout(typing.idle);
      typing = { roomId, toldAt: due ? now : (typing?.toldAt ?? now), idle: setTimeout(stopTyping, TYPING_IDLE_MS) };
      if (due) tellTyping(roomId, true);
    },
    stopTyping,

    show: (overlay: Overlay) => store.dispatch({ type: "overlay", overlay }),
    closeOverlay: () => store.dispatch({ type: "overlay", overlay: null }),
    setDetails: (details: Partial<State["details"]>) => store.dispatch({ type: "details", details }),
  };
}
