// What people do, as calls to the engine and steps of the state. Those that can be refused in a dialog throw
// `ApiError`, so that the refusal is shown where it happened; the others put it into the state.
import { ApiError } from "@/client/error";
import type { Client } from "@/client/client";
import type { Activities, AnnounceParams, CreateDocParams, CreateRoomParams, DirectoryRoom, DocAsItWas, DocVersion, ExportedDoc, ExportFormat, ImportDocParams, InviteParams, LoginParams, Message, Notification, NotifyLevel, PresenceStatus, Receipt, RegisterParams, RemoveMemberParams, Role, SendNotificationParams, SetEditorsParams, ShareLocationParams, UpdateRoomParams } from "@/client/types";
import { createCallActions } from "@/state/call-actions";
import { createDocLine, type DocLine } from "@/state/doc-line";
import { createFeedActions } from "@/state/feed-actions";
import { createFollowing } from "@/state/following";
import { placeOf } from "@/state/links";
import { lastRoomOf, rememberRoom } from "@/state/preferences";
import { ownAccount, startingRoom } from "@/state/selectors";
import type { Store } from "@/state/store";
import type { Sync } from "@/state/sync";
import type { Change, Overlay, State, Unsent } from "@/state/state";

/** While somebody types, peers are told again this often; their windows forget it a little later. */
const TYPING_REPEAT_MS = 3_000;
/** What was asked for at a click and is on no page by then is closed. */
const ASKED_MS_MAX = 10_000;
/** So long after the last key somebody is no longer typing. */
const TYPING_IDLE_MS = 4_000;

export type Actions = ReturnType<typeof createActions>;

export function createActions(client: Client, store: Store, sync: Sync) {
  let typing: { roomId: string; toldAt: number; idle: ReturnType<typeof setTimeout> } | null = null;
  // Old typings promise a device that can say where it is; pages without a secure origin have none.
  const following = createFollowing((params) => client.call("location.share", params), (navigator as Partial<Navigator>).geolocation);
  client.onEvent((event) => {
    // Somebody ended it on another device, or may not be there any more: going on would begin it again.
    if (event.type === "location.changed" && event.ended === true && event.userId === ownAccount(store.getState())?.userId) following.stop(event.roomId);
    else if (event.type === "room.removed") following.stop(event.roomId);
  });
  let lastUnsent = 0;
  /** Asked for at the click; an editor takes it. */
  let asked: { docId: string; line: DocLine; late: ReturnType<typeof setTimeout> } | null = null;
  let lastChange = 0;

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
      await client.call("messages.send", { roomId: unsent.roomId, text: unsent.text, ...(unsent.replyTo === undefined ? {} : { replyTo: unsent.replyTo }) });
      store.dispatch({ type: "unsentGone", id: unsent.id });
    } catch (thrown) {
      store.dispatch({ type: "unsent", unsent: { ...unsent, error: ApiError.from(thrown), retrying: false } });
    }
  }

  /** Shows a change at once and asks for it. A refusal takes it back and is said at the message. */
  async function change(wanted: Change): Promise<void> {
    store.dispatch({ type: "changing", change: wanted });
    const before = heldMessage(wanted);
    try {
      const message = await ask(wanted);
      // Answers and events come by two ways. Where an event was here first it is at least as new, or the newest is to come.
      store.dispatch({ type: "changed", change: wanted, message: heldMessage(wanted) === before ? message : null });
    } catch (thrown) {
      store.dispatch({ type: "changeRefused", change: wanted, error: ApiError.from(thrown) });
    }
  }

  async function ask(wanted: Change): Promise<Message> {
    const { roomId, messageId } = wanted;
    switch (wanted.kind) {
      case "edit":
        return (await client.call("messages.edit", { roomId, messageId, text: wanted.text })).message;
      case "react":
        return (await client.call("messages.react", { roomId, messageId, emoji: wanted.emoji, on: wanted.on })).message;
      case "pin":
        return (await client.call("messages.pin", { roomId, messageId, on: wanted.on })).message;
    }
  }

  function heldMessage({ roomId, messageId }: { roomId: string; messageId: string }): Message | null {
    const timeline = store.getState().timelines.get(roomId);
    return timeline?.kind === "ready" ? (timeline.messages.find((message) => message.messageId === messageId) ?? null) : null;
  }

  function nextChange(): number {
    lastChange += 1;
    return lastChange;
  }

  function setDraft(roomId: string, text: string, replyTo: string | undefined): void {
    store.dispatch({ type: "draft", roomId, text, replyTo });
    sync.drafts.changed(roomId);
  }

  function openRoom(roomId: string | null): void {
    const { openRoomId, openDocId } = store.getState();
    if (roomId === openRoomId) {
      if (openDocId !== null) store.dispatch({ type: "openDoc", docId: null });
      return;
    }
    stopTyping();
    sync.drafts.flush();
    store.dispatch({ type: "openRoom", roomId });
    if (roomId === null) return;
    const account = ownAccount(store.getState());
    if (account !== null) rememberRoom(account.userId, roomId);
    void sync.readMembers(roomId);
    void sync.readTimeline(roomId);
  }

  /** The engine opens a document while the window still turns to it. Its page takes the line over, with what was heard on it while the editor was fetched. */
  function askForDoc(docId: string | null): void {
    forgetAsked();
    if (docId === null || docId === store.getState().openDocId) return;
    const line = createDocLine(client, docId);
    line.ask();
    asked = { docId, line, late: setTimeout(forgetAsked, ASKED_MS_MAX) };
  }

  function forgetAsked(): void {
    asked?.line.close();
    if (asked !== null) clearTimeout(asked.late);
    asked = null;
  }

  function takeAsked(docId: string): DocLine | null {
    if (asked?.docId !== docId) return null;
    const { line, late } = asked;
    clearTimeout(late);
    asked = null;
    return line;
  }

  /** Brings a message before the eyes, in whatever room and however far back it is. */
  async function jumpTo(roomId: string, messageId: string): Promise<void> {
    if (store.getState().rooms?.has(roomId) !== true) {
      store.dispatch({ type: "notice", notice: { kind: "messageAway" } });
      return;
    }
    openRoom(roomId);
    if (await sync.seek(roomId, messageId)) store.dispatch({ type: "jump", roomId, messageId });
    else store.dispatch({ type: "notice", notice: { kind: "messageAway" } });
  }

  function markNotificationRead(notificationId: string | null): void {
    store.dispatch({ type: "notificationRead", notificationId });
    client.call("notifications.markRead", notificationId === null ? {} : { notificationId }).catch(() => undefined);
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
      following.stopAll();
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
      following.stop(roomId);
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
    setDraft: (roomId: string, text: string) => setDraft(roomId, text, store.getState().drafts.get(roomId)?.replyTo),
    /** Makes what is being written a reply, or a message of its own again. */
    setReply: (roomId: string, messageId: string | null) => setDraft(roomId, store.getState().drafts.get(roomId)?.text ?? "", messageId ?? undefined),
    send(roomId: string, text: string): void {
      stopTyping();
      const replyTo = store.getState().drafts.get(roomId)?.replyTo;
      store.dispatch({ type: "draft", roomId, text: "" });
      sync.drafts.sent(roomId);
      lastUnsent += 1;
      void deliver({ id: `unsent-${lastUnsent}`, roomId, text, at: Date.now(), ...(replyTo === undefined ? {} : { replyTo }) });
    },
    retry(unsent: Unsent): void {
      store.dispatch({ type: "retrying", id: unsent.id });
      void deliver(unsent);
    },
    /** Up in an empty composer: the last message of one's own that can still be written anew. */
    editLast(roomId: string): void {
      const state = store.getState();
      const ownId = ownAccount(state)?.userId;
      const timeline = state.timelines.get(roomId);
      const last = timeline?.kind === "ready" ? timeline.messages.findLast((message) => message.author === ownId && message.deletedAt === undefined && message.call === undefined) : undefined;
      if (last === undefined) return;
      store.dispatch({ type: "editor", messageId: last.messageId, text: state.editors.get(last.messageId)?.text ?? last.text });
      store.dispatch({ type: "jump", roomId, messageId: last.messageId });
    },
    /** Opens a message's editor with this text; `null` closes it. */
    setEditor: (messageId: string, text: string | null) => store.dispatch({ type: "editor", messageId, text }),
    edit(roomId: string, messageId: string, text: string): void {
      store.dispatch({ type: "editor", messageId, text: null });
      void change({ id: nextChange(), roomId, messageId, kind: "edit", text });
    },
    react: (roomId: string, messageId: string, emoji: string, on: boolean) => void change({ id: nextChange(), roomId, messageId, kind: "react", emoji, on }),
    pin: (roomId: string, messageId: string, on: boolean) => void change({ id: nextChange(), roomId, messageId, kind: "pin", on }),
    changeAgain: (refused: Change) => void change({ ...refused, id: nextChange() }),
    forgetRefusal: (messageId: string) => store.dispatch({ type: "refusalGone", messageId }),
    async deleteMessage(roomId: string, messageId: string): Promise<void> {
      const { message } = await client.call("messages.delete", { roomId, messageId });
      store.dispatch({ type: "editor", messageId, text: null });
      store.dispatch({ type: "message", message });
    },
    async receipts(roomId: string, messageId: string): Promise<readonly Receipt[]> {
      return (await client.call("messages.receipts", { roomId, messageId })).receipts;
    },
    markUnread(roomId: string, messageId: string): void {
      store.dispatch({ type: "markedUnread", roomId, messageId });
      client.call("messages.markUnread", { roomId, messageId }).catch((thrown: unknown) => store.dispatch({ type: "notice", notice: { kind: "failed", error: ApiError.from(thrown) } }));
    },
    jumpTo,
    /** Follows a link to a place in Momoland. */
    follow(link: string): void {
      const place = placeOf(link);
      switch (place?.kind) {
        case undefined:
          store.dispatch({ type: "notice", notice: { kind: "messageAway" } });
          break;
        case "invite":
          store.dispatch({ type: "overlay", overlay: { kind: "joinByInvite", invite: place.invite } });
          break;
        case "room":
          if (store.getState().rooms?.has(place.roomId) === true) openRoom(place.roomId);
          else store.dispatch({ type: "notice", notice: { kind: "messageAway" } });
          break;
        case "message":
          void jumpTo(place.roomId, place.messageId);
          break;
      }
    },
    /** To the first message that was new when the open room was opened, however far back it is. */
    async jumpToFirstNew(roomId: string): Promise<void> {
      const wanted = store.getState().marker;
      if (wanted === null) return;
      if (wanted.firstNew === null && wanted.readUpTo !== null) await sync.seek(roomId, wanted.readUpTo);
      const firstNew = store.getState().marker?.firstNew;
      if (typeof firstNew === "string") await jumpTo(roomId, firstNew);
    },
    async setNotify(roomId: string, level: NotifyLevel): Promise<void> {
      await client.call("rooms.setNotify", { roomId, level });
    },
    async setFavourite(roomId: string, on: boolean): Promise<void> {
      await client.call("rooms.setFavourite", { roomId, on });
    },
    /** `text` is what one says one is doing; empty says nothing. */
    async setPresence(status: Exclude<PresenceStatus, "offline">, text: string): Promise<void> {
      await client.call("presence.set", { status, text });
      store.dispatch({ type: "ownPresence", status, text });
    },
    /** A courtesy, like typing: nobody is told when it does not get through. */
    tellPresence: (status: "online" | "away", text: string) => void client.call("presence.set", { status, text }).catch(() => undefined),
    openInbox(): void {
      stopTyping();
      sync.drafts.flush();
      store.dispatch({ type: "openInbox" });
    },
    /** A room's own, or without one the server's. */
    openFeed(roomId: string | null = null): void {
      stopTyping();
      sync.drafts.flush();
      store.dispatch({ type: "feed", feed: { type: "opened", of: roomId } });
      store.dispatch({ type: "openFeed" });
      void sync.feed.read();
    },
    closeFeed: () => openRoom(store.getState().feed.of),
    ...createFeedActions(client, store, sync.feed),
    ...createCallActions(client, store),
    readPlaces: (roomId: string) => void sync.readPlaces(roomId),
    /** `follow`: while a live one lasts it moves with this device, also when nobody looks at the map. */
    async shareLocation(params: ShareLocationParams, follow = false): Promise<void> {
      following.stop(params.roomId);
      await client.call("location.share", params);
      if (follow && params.ttlS !== undefined) following.follow({ roomId: params.roomId, precision: params.precision ?? "exact", ttlS: params.ttlS });
      await sync.readPlaces(params.roomId);
    },
    async stopLocation(roomId: string, keepLast: boolean): Promise<void> {
      following.stop(roomId);
      await client.call("location.stop", { roomId, keepLast });
      await sync.readPlaces(roomId);
    },
    closeInbox: () => store.dispatch({ type: "openRoom", roomId: null }),
    readOlderNotifications: () => void sync.readOlderNotifications(),
    /** To what a notification is about; from then on it is read. */
    openNotification(notification: Notification): void {
      markNotificationRead(notification.notificationId);
      if (notification.roomId === undefined) return;
      if (notification.postId !== undefined) {
        // A room's feed that is here, or else the server's.
        const roomId = store.getState().rooms?.has(notification.roomId) === true ? notification.roomId : null;
        store.dispatch({ type: "feed", feed: { type: "opened", of: roomId } });
        store.dispatch({ type: "openFeed" });
        void sync.feed.read("new", false);
      } else if (notification.messageId !== undefined) void jumpTo(notification.roomId, notification.messageId);
      else if (store.getState().rooms?.has(notification.roomId) === true) openRoom(notification.roomId);
      else store.dispatch({ type: "notice", notice: { kind: "messageAway" } });
    },
    /** One, or all of them. */
    markNotificationRead,
    /** For good, also where it is told again. */
    dismissAnnouncement(announcementId: string): void {
      store.dispatch({ type: "announcementGone", announcementId });
      client.call("announcements.dismiss", { announcementId }).catch((thrown: unknown) => store.dispatch({ type: "notice", notice: { kind: "failed", error: ApiError.from(thrown) } }));
    },
    async announce(params: AnnounceParams): Promise<void> {
      await client.call("admin.announce", params);
    },
    async notify(params: SendNotificationParams): Promise<void> {
      await client.call("notifications.send", params);
    },
    async activity(roomId: string, before?: string): Promise<Activities> {
      return client.call("activity.list", { roomId, limit: 50, ...(before === undefined ? {} : { before }) });
    },
    readDocs: (roomId: string) => void sync.readDocs(roomId),
    openDoc(docId: string | null): void {
      stopTyping();
      askForDoc(docId);
      store.dispatch({ type: "openDoc", docId });
    },
    async createDoc(params: CreateDocParams): Promise<void> {
      const { docId } = await client.call("docs.create", params);
      await sync.readDocs(params.roomId);
      store.dispatch({ type: "openDoc", docId });
    },
    async renameDoc(docId: string, title: string): Promise<void> {
      await client.call("docs.rename", { docId, title });
    },
    async setDocEditors(params: SetEditorsParams): Promise<void> {
      await client.call("docs.setEditors", params);
    },
    async archiveDoc(docId: string, archived: boolean): Promise<void> {
      await client.call("docs.archive", { docId, archived });
    },
    async deleteDoc(docId: string): Promise<void> {
      await client.call("docs.delete", { docId });
    },
    async restoreDoc(roomId: string, docId: string): Promise<void> {
      await client.call("docs.restore", { docId });
      await sync.readDocs(roomId);
    },
    async exportDoc(docId: string, format: ExportFormat): Promise<ExportedDoc> {
      return client.call("docs.export", { docId, format });
    },
    async docVersions(docId: string): Promise<readonly DocVersion[]> {
      return (await client.call("docs.history", { docId })).versions;
    },
    async docVersion(docId: string, versionId: string): Promise<DocAsItWas> {
      return client.call("docs.version", { docId, versionId });
    },
    async revertDoc(docId: string, versionId: string): Promise<void> {
      await client.call("docs.revert", { docId, versionId });
    },
    async importDoc(params: ImportDocParams): Promise<void> {
      await client.call("docs.import", params);
    },
    /** The way between an editor and the engine's copy of its document. */
    docLine: (docId: string): DocLine => takeAsked(docId) ?? createDocLine(client, docId),
    readPinned: (roomId: string) => void sync.readPinned(roomId),
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
