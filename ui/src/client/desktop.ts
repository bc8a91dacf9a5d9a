// What only the desktop window has: links that the system opened, and its dialog to choose a file. A browser page gets
// its links by its own address, and is not told where a file lies.
import { Channel, invoke, isTauri } from "@tauri-apps/api/core";

/** Hears of each link once, also of those that were opened before. Gives its own off, after which they wait. */
export function watchLinks(onLink: (link: string) => void): () => void {
  if (!isTauri()) return () => undefined;
  let on = true;
  const channel = new Channel<string>();
  channel.onmessage = (link) => {
    if (on) onLink(link);
  };
  invoke("watch_links", { onLink: channel }).catch(() => undefined);
  return () => {
    on = false;
    invoke("keep_links").catch(() => undefined);
  };
}

export const hasFileDialog = (): boolean => isTauri();

/** Asks in the system's own dialog for a file of sound, and answers its path; `null` where none is chosen. */
export function chooseSound(): Promise<string | null> {
  return invoke<string | null>("choose_sound");
}
