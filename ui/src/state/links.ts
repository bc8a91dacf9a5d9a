// Links to places in Momoland: `momoland://join/…` is an invite, `momoland://room/ROOM` a room,
// `momoland://room/ROOM/MESSAGE` a message in it. They are nothing to whoever does not belong to the room.

export type Place = { kind: "invite"; invite: string } | { kind: "room"; roomId: string } | { kind: "message"; roomId: string; messageId: string };

const JOIN = "momoland://join/";
const ROOM = "momoland://room/";

export function linkToMessage(roomId: string, messageId: string): string {
  return `${ROOM}${encodeURIComponent(roomId)}/${encodeURIComponent(messageId)}`;
}

/** `null` where it is none of ours, or nothing that this version knows. */
export function placeOf(link: string): Place | null {
  if (link.startsWith(JOIN)) return { kind: "invite", invite: link };
  if (!link.startsWith(ROOM)) return null;
  try {
    const [roomId = "", messageId = ""] = link.slice(ROOM.length).split("/").map(decodeURIComponent);
    if (roomId === "") return null;
    return messageId === "" ? { kind: "room", roomId } : { kind: "message", roomId, messageId };
  } catch {
    return null;
  }
}
