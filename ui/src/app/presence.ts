// Tells the engine when nobody is at this window any more, and when somebody is again.
//
// It says "away" only for somebody who is "online": what a person chose themselves (away, do not disturb) is theirs.
import { useEffect } from "react";
import { useActions, useAppState } from "@/state/context";
import { ownAccount } from "@/state/selectors";

/** So long without a key or a movement somebody is away. */
export const IDLE_MS = 10 * 60_000;
const SIGNS = ["pointerdown", "pointermove", "keydown", "wheel", "focus"] as const;

export function usePresence(): void {
  const actions = useActions();
  const own = useAppState((state) => state.people.get(ownAccount(state)?.userId ?? ""));
  const status = own?.status ?? "online";
  const text = own?.text ?? "";

  useEffect(() => {
    if (status !== "online") return;
    let away = false;
    let idle = setTimeout(leave, IDLE_MS);

    function leave(): void {
      away = true;
      // Told, not kept: the state goes on saying what the person chose.
      actions.tellPresence("away", text);
    }
    function sign(): void {
      clearTimeout(idle);
      idle = setTimeout(leave, IDLE_MS);
      if (!away) return;
      away = false;
      actions.tellPresence("online", text);
    }
    for (const name of SIGNS) window.addEventListener(name, sign, { passive: true, capture: true });
    return () => {
      clearTimeout(idle);
      for (const name of SIGNS) window.removeEventListener(name, sign, true);
    };
  }, [actions, status, text]);
}
