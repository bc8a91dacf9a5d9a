// What only the desktop window has: links that the system opened. A browser page gets its links by its own address.
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
