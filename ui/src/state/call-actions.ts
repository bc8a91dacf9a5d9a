// What people do with calls. Refusals go into the state, to be said in the room that was called.
import { ApiError } from "@/client/error";
import type { Client } from "@/client/client";
import { currentCall } from "@/state/calls";
import type { Store } from "@/state/store";

export function createCallActions(client: Client, store: Store) {
  /** Somebody who presses twice means it once. */
  let asking = false;

  async function ask(roomId: string, run: () => Promise<unknown>): Promise<void> {
    if (asking) return;
    asking = true;
    store.dispatch({ type: "calls", calls: { type: "refusalGone" } });
    try {
      await run();
    } catch (thrown) {
      store.dispatch({ type: "calls", calls: { type: "refused", roomId, error: ApiError.from(thrown) } });
    } finally {
      asking = false;
    }
  }

  return {
    /** Calls a room, or joins the call that is there. */
    startCall: (roomId: string) => void ask(roomId, () => client.call("calls.start", { roomId, media: "audio" })),
    joinCall: (roomId: string, callId: string) => void ask(roomId, () => client.call("calls.join", { callId })),
    declineCall: (roomId: string, callId: string) => void ask(roomId, () => client.call("calls.decline", { callId })),
    leaveCall: (roomId: string, callId: string) => void ask(roomId, () => client.call("calls.leave", { callId })),
    toggleMicrophone: (): void => {
      const call = currentCall(store.getState().calls);
      if (call !== null) void ask(call.roomId, () => client.call("calls.setMedia", { callId: call.callId, mic: !call.mic }));
    },
    readCallDevices: (): void => {
      client.call("calls.devices", {}).then(
        (devices) => store.dispatch({ type: "calls", calls: { type: "devices", devices } }),
        () => undefined,
      );
    },
    async chooseCallDevice(chosen: { microphone: string } | { speakers: string }): Promise<void> {
      await client.call("calls.setMedia", chosen);
      store.dispatch({ type: "calls", calls: { type: "devices", devices: await client.call("calls.devices", {}) } });
    },
    dismissCallRefusal: () => store.dispatch({ type: "calls", calls: { type: "refusalGone" } }),
  };
}
