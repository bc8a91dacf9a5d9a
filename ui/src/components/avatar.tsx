import type { CSSProperties } from "react";
import type { PresenceStatus } from "@/client/types";

export type AvatarProps = {
  userId: string;
  name: string;
  /** Pixels. Below 24 there is room for one letter. */
  size?: number;
  presence?: PresenceStatus;
};

/** A person's square: hue from the account id, initials from the name. Decoration: the name stands beside it. */
export function Avatar({ userId, name, size = 34, presence }: AvatarProps) {
  const style = { "--size": `${size}px`, "--dot-size": size < 24 ? "7px" : "8px", "--hue": hueOf(userId) } as CSSProperties;
  return (
    <span className="avatar person" aria-hidden="true" style={style}>
      {initialsOf(name, size < 24 ? 1 : 2)}
      {presence !== undefined && <span className="dot" data-presence={presence} />}
    </span>
  );
}

/** FNV-1a over the id, so that a person has one colour on every device. */
export function hueOf(userId: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < userId.length; at += 1) hash = Math.imul(hash ^ userId.charCodeAt(at), 0x01000193);
  return (hash >>> 0) % 360;
}

const letters = new Intl.Segmenter(undefined, { granularity: "grapheme" });

export function initialsOf(name: string, letterCount: 1 | 2): string {
  const words = name.slice(0, 200).replace(/[\p{Cc}\p{Cf}]/gu, "").trim().split(/\s+/u);
  const picked = letterCount === 1 ? words.slice(0, 1) : [words[0] ?? "", ...(words.length > 1 ? words.slice(-1) : [])];
  return picked
    .map((word) => [...letters.segment(word)][0]?.segment ?? "")
    // A letter with a tower of marks on it is painted with one of them.
    .map((letter) => letter.normalize("NFC").replace(/(\p{M})\p{M}+/gu, "$1").toLocaleUpperCase())
    .join("");
}
