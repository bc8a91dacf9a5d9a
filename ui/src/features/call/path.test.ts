import { expect, test } from "vitest";
import { pathOf } from "@/features/call/path";

test.each([
  ["/home/ada/low water.mp3", "/home/ada/low water.mp3"],
  ["  /home/ada/a.mp3\n", "/home/ada/a.mp3"],
  ['"C:\\Music\\a.mp3"', "C:\\Music\\a.mp3"],
  ["'/home/ada/a.mp3'", "/home/ada/a.mp3"],
  ["file:///home/ada/low%20water.mp3", "/home/ada/low water.mp3"],
  ["file:///C:/Music/a.mp3", "C:/Music/a.mp3"],
  ["file:///home/ada/%ff.mp3", "file:///home/ada/%ff.mp3"],
  ['"', '"'],
  ["", ""],
])("%s is %s", (typed, path) => expect(pathOf(typed)).toBe(path));
