import { expect, test } from "vitest";
import { readPicture } from "@/client/pictures";

type Head = { kind?: number; nothing?: number; tile?: number; view?: number; width: number; height: number; at?: number };

function message({ kind = 1, nothing = 0, tile = 0, view = 0, width, height, at = 0 }: Head, planes: readonly number[]): ArrayBuffer {
  const bytes = new Uint8Array(16 + planes.length);
  const head = new DataView(bytes.buffer);
  head.setUint8(0, kind);
  head.setUint8(1, nothing);
  head.setUint16(2, tile, true);
  head.setUint32(4, view, true);
  head.setUint16(8, width, true);
  head.setUint16(10, height, true);
  head.setUint32(12, at, true);
  bytes.set(planes, 16);
  return bytes.buffer;
}

test("a picture is read as it was laid out, without a copy", () => {
  const bytes = message({ tile: 0x0102, view: 0xfffffffe, width: 2, height: 2, at: 0x80000001 }, [1, 2, 3, 4, 5, 6]);
  const picture = readPicture(bytes);
  expect(picture).toMatchObject({ tile: 0x0102, view: 0xfffffffe, width: 2, height: 2, at: 0x80000001 });
  expect([picture?.y, picture?.u, picture?.v].map((plane) => [...(plane ?? [])])).toEqual([[1, 2, 3, 4], [5], [6]]);
  expect(picture?.y.buffer).toBe(bytes);
});

test("odd sides have one more line of colour", () => {
  const picture = readPicture(message({ width: 3, height: 1 }, [1, 2, 3, 4, 5, 6, 7]));
  expect([picture?.y, picture?.u, picture?.v].map((plane) => [...(plane ?? [])])).toEqual([[1, 2, 3], [4, 5], [6, 7]]);
});

test("what is no whole picture is none", () => {
  const whole = { width: 2, height: 2 };
  const planes = [1, 2, 3, 4, 5, 6];
  expect(readPicture(message(whole, planes))).not.toBeNull();
  expect(readPicture(message({ ...whole, kind: 2 }, planes))).toBeNull();
  expect(readPicture(message({ ...whole, nothing: 1 }, planes))).toBeNull();
  expect(readPicture(message(whole, planes.slice(1)))).toBeNull();
  expect(readPicture(message(whole, [...planes, 7]))).toBeNull();
  expect(readPicture(message({ width: 0, height: 2 }, []))).toBeNull();
  expect(readPicture(message({ width: 2, height: 0 }, []))).toBeNull();
  expect(readPicture(message({ width: 0xffff, height: 0xffff }, planes))).toBeNull();
  for (let length = 0; length < 16; length += 1) expect(readPicture(message(whole, planes).slice(0, length))).toBeNull();
});

test("no bytes whatever make it throw", () => {
  let seed = 7;
  const random = (): number => (seed = (seed * 48_271) % 0x7fffffff);
  for (let round = 0; round < 2_000; round += 1) {
    const bytes = new Uint8Array(random() % 64).map(() => random() & 0xff);
    if (bytes.length > 0) bytes[0] = 1;
    if (bytes.length > 1) bytes[1] = 0;
    expect(() => readPicture(bytes.buffer)).not.toThrow();
  }
});
