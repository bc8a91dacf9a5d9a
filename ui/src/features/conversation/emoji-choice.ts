import { useState } from "react";
import type { EmojiPickerProps } from "@/components/emoji/emoji-picker";
import { recentEmoji, rememberEmoji, rememberSkinTone, skinTone } from "@/state/preferences";

/** What the picker begins with, and what is remembered of what was picked. */
export function useEmojiChoice(): EmojiPickerProps {
  const [tone, setTone] = useState(skinTone);
  return {
    recent: recentEmoji(),
    tone,
    onTone: (chosen) => {
      rememberSkinTone(chosen);
      setTone(chosen);
    },
    onPick: rememberEmoji,
  };
}
