// Pictures of calls as the engine hands them over: one binary message each, in plain I420.
//
// All numbers are little-endian: kind (u8, 1), nothing (u8), tile (u16), view (u32), width and height (u16), when it was
// taken (u32, ms); then the planes Y, U and V, tightly packed, the latter two at half the size, rounded up.

/** The planes lie in the message itself; nothing is copied. Whoever keeps a picture keeps the message. */
export type Picture = {
  /** Which list of tiles it is for, as `calls.view` answered. */
  view: number;
  /** Its place in that list. */
  tile: number;
  width: number;
  height: number;
  /** When it was taken, by the sender's clock in milliseconds, which begins anywhere and starts anew after seven weeks. */
  at: number;
  y: Uint8Array;
  u: Uint8Array;
  v: Uint8Array;
};

const KIND_PICTURE = 1;
const HEAD_BYTES = 16;

/** Half a side, for the planes of colour. */
export const halved = (side: number): number => Math.ceil(side / 2);

/** `null` for whatever is no whole picture, and no more than one. */
export function readPicture(message: ArrayBuffer): Picture | null {
  if (message.byteLength < HEAD_BYTES) return null;
  const head = new DataView(message, 0, HEAD_BYTES);
  if (head.getUint8(0) !== KIND_PICTURE || head.getUint8(1) !== 0) return null;
  const width = head.getUint16(8, true);
  const height = head.getUint16(10, true);
  const light = width * height;
  const colour = halved(width) * halved(height);
  if (light === 0 || message.byteLength !== HEAD_BYTES + light + 2 * colour) return null;
  return {
    tile: head.getUint16(2, true),
    view: head.getUint32(4, true),
    width,
    height,
    at: head.getUint32(12, true),
    y: new Uint8Array(message, HEAD_BYTES, light),
    u: new Uint8Array(message, HEAD_BYTES + light, colour),
    v: new Uint8Array(message, HEAD_BYTES + light + colour, colour),
  };
}
