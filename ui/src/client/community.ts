// The client under the names that the community's web code uses. A thin cover over `client.ts`, for embedding and for
// scripts in a page; the window itself does not need it. A name is added with the feature that it belongs to.
import type { Client, Off } from "@/client/client";
import type { Message, Sent } from "@/client/types";

export type TypingStart = { roomId: string; userId: string };

export interface CommunityClient {
  /** Opens the way to the front it runs in, and waits until it is open. `token` is the front's, where it gave one. */
  connect(token?: string): Promise<void>;
  disconnect(): void;
  /** Joins a public room by its id, or any room by its invite. Answers the room's id. */
  joinChatRoom(roomIdOrInvite: string): Promise<string>;
  leaveChatRoom(roomId: string): Promise<void>;
  sendMessage(roomId: string, text: string): Promise<Sent>;
  sendTypingIndicator(roomId: string, typing: boolean): Promise<void>;
  onNewMessage(listener: (message: Message) => void): Off;
  offNewMessage(listener: (message: Message) => void): void;
  onTypingStart(listener: (typing: TypingStart) => void): Off;
  offTypingStart(listener: (typing: TypingStart) => void): void;
}

const INVITE_PREFIX = "momoland://join/";

/** `open` makes the client for a token; see `createClient` and `openTransport`. */
export function createCommunityClient(open: (token: string | undefined) => Client): CommunityClient {
  let client: Client | null = null;
  const newMessage = new Set<(message: Message) => void>();
  const typingStart = new Set<(typing: TypingStart) => void>();

  function connected(): Client {
    if (client === null) throw new Error("connect() comes first");
    return client;
  }

  function listen<T>(listeners: Set<T>, listener: T): Off {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  return {
    connect(token) {
      client?.stop();
      const opened = open(token);
      client = opened;
      opened.onEvent((event) => {
        if (event.type === "message.new") for (const listener of newMessage) listener(event.message);
        if (event.type === "typing.changed" && event.typing) for (const listener of typingStart) listener({ roomId: event.roomId, userId: event.userId });
      });
      return new Promise((resolve) => {
        const off = opened.onLink((state) => {
          if (state !== "open") return;
          off();
          resolve();
        });
        opened.start();
      });
    },
    disconnect() {
      client?.stop();
      client = null;
    },
    async joinChatRoom(roomIdOrInvite) {
      const target = roomIdOrInvite.startsWith(INVITE_PREFIX) ? { invite: roomIdOrInvite } : { roomId: roomIdOrInvite };
      return (await connected().call("rooms.join", target)).roomId;
    },
    async leaveChatRoom(roomId) {
      await connected().call("rooms.leave", { roomId });
    },
    sendMessage: (roomId, text) => connected().call("messages.send", { roomId, text }),
    async sendTypingIndicator(roomId, typing) {
      await connected().call("typing.set", { roomId, typing });
    },
    onNewMessage: (listener) => listen(newMessage, listener),
    offNewMessage: (listener) => void newMessage.delete(listener),
    onTypingStart: (listener) => listen(typingStart, listener),
    offTypingStart: (listener) => void typingStart.delete(listener),
  };
}
