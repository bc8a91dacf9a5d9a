import { useSyncExternalStore } from "react";

export type Direction = "ltr" | "rtl";

/** Which way the page reads, as its root element says. What is drawn by a library that asks needs to be told. */
export function useDirection(): Direction {
  return useSyncExternalStore(listen, read);
}

function read(): Direction {
  return document.documentElement.dir === "rtl" ? "rtl" : "ltr";
}

function listen(changed: () => void): () => void {
  const observer = new MutationObserver(changed);
  observer.observe(document.documentElement, { attributeFilter: ["dir"] });
  return () => observer.disconnect();
}
