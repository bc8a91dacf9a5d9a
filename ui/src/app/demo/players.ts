// The people of a demonstration, each with a client, a store and actions of their own: as many windows as people.
import { useSyncExternalStore } from "react";
import { openMomoland } from "@/client/momoland";
import { socketOf, type Stage, type StagePerson } from "@/client/stage";
import type { NetStatus } from "@/client/types";
import { createActions } from "@/state/actions";
import type { AppModel } from "@/state/context";
import { createAppStore } from "@/state/store";
import { createSync } from "@/state/sync";
import { strings } from "@/strings/strings";

export type Player = {
  person: StagePerson;
  model: AppModel;
  /** Asks the engine for its network, bytes included; events tell only of what changed. */
  look: () => void;
  setPeers: (peers: "all" | "none") => Promise<void>;
  stop: () => void;
};

export function createPlayers(stage: Stage): readonly Player[] {
  return stage.people.map((person) => {
    const client = openMomoland(strings.engine.lost, socketOf(person.handle));
    const store = createAppStore();
    const sync = createSync(client, store);
    const stop = sync.start();
    return {
      person,
      model: { store, actions: createActions(client, store, sync) },
      look: () =>
        void client.call("net.status", {}).then(
          (status) => store.dispatch({ type: "net", status }),
          () => undefined,
        ),
      setPeers: (peers) => client.call("net.setPolicy", { peers }).then(() => undefined),
      stop,
    };
  });
}

/** What an engine last told of its network. */
export function useNet(player: Player): NetStatus | null {
  return useSyncExternalStore(player.model.store.subscribe, () => player.model.store.getState().net);
}
