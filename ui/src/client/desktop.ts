// What only the desktop window has: links that the system opened, its dialog to choose a file, and a file for what the page
// keeps. A browser page gets its links by its own address, is not told where a file lies, and has storage of its own.
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

/** What the page kept before; `null` where the webview keeps it by itself. */
export async function readKept(): Promise<ReadonlyMap<string, string> | null> {
  if (!isTauri()) return null;
  return new Map(Object.entries(await invoke<Record<string, string>>("kept")));
}

/** Keeps a value in the desktop's file, which is on the disk soon. An empty one takes the name away. */
export function keepValue(name: string, value: string): Promise<void> {
  return invoke("keep", { name, value });
}
