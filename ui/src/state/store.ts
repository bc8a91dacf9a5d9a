// The one store of the window: the state, the pure step to the next one, and who wants to know.
import { createStore, type StoreApi } from "zustand/vanilla";
import { reduce, type Action } from "@/state/reduce";
import { INITIAL, type State } from "@/state/state";

export type Store = StoreApi<State> & { dispatch: (action: Action) => void };

export function createAppStore(initial: State = INITIAL): Store {
  const store = createStore<State>(() => initial);
  return Object.assign(store, {
    dispatch: (action: Action) => {
      store.setState((state) => reduce(state, action), true);
    },
  });
}
