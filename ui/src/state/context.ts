// How screens reach the state: selectors read it, actions change it. Nothing else of the machinery is handed down.
import { createContext, use } from "react";
import { useStore } from "zustand";
import { useShallow } from "zustand/react/shallow";
import type { Actions } from "@/state/actions";
import type { State } from "@/state/state";
import type { Store } from "@/state/store";

export type AppModel = { store: Store; actions: Actions };

export const AppContext = createContext<AppModel | null>(null);

function useModel(): AppModel {
  const model = use(AppContext);
  if (model === null) throw new Error("this screen is shown outside of AppContext");
  return model;
}

/** A part of the state; a list or an object built by the selector is compared member by member. */
export function useAppState<T>(selector: (state: State) => T): T {
  return useStore(useModel().store, useShallow(selector));
}

export function useActions(): Actions {
  return useModel().actions;
}
