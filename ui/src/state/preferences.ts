// What a person chose for this window alone. Kept by the webview, never sent anywhere.
import { useSyncExternalStore } from "react";

export type Theme = "light" | "dark" | "system";

const THEME_KEY = "momoland.theme";
const SERVER_KEY = "momoland.server";
const DEFAULT_SERVER = "http://127.0.0.1:7420";
const listeners = new Set<() => void>();

function readTheme(): Theme {
  const kept = window.localStorage.getItem(THEME_KEY);
  return kept === "light" || kept === "dark" ? kept : "system";
}

/** Puts the chosen theme onto the document, and follows the system's while that is the choice. */
export function applyTheme(): () => void {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const apply = (): void => {
    const theme = readTheme();
    document.documentElement.dataset.theme = theme === "system" ? (dark.matches ? "dark" : "light") : theme;
  };
  apply();
  listeners.add(apply);
  dark.addEventListener("change", apply);
  return () => {
    listeners.delete(apply);
    dark.removeEventListener("change", apply);
  };
}

export function useTheme(): [Theme, (theme: Theme) => void] {
  const theme = useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, readTheme);
  return [theme, setTheme];
}

function setTheme(theme: Theme): void {
  window.localStorage.setItem(THEME_KEY, theme);
  for (const listener of listeners) listener();
}

/** The server to offer: the one in the address (`?server=`), else the last one used, else the one on this machine. */
export function offeredServer(): string {
  return new URLSearchParams(window.location.search).get("server") ?? window.localStorage.getItem(SERVER_KEY) ?? DEFAULT_SERVER;
}

export function rememberServer(server: string): void {
  window.localStorage.setItem(SERVER_KEY, server);
}
