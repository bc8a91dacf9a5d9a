// What people do with calls. Refusals go into the state, to be said in the room that was called.
import { ApiError } from "@/client/error";
import type { Client } from "@/client/client";
import type { Call, CallMedia, SetCallMediaParams } from "@/client/types";
import { currentCall, type CallLook } from "@/state/calls";
import { createPictures } from "@/state/pictures";
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

  async function refreshDevices(): Promise<void> {
    store.dispatch({ type: "calls", calls: { type: "devices", devices: await client.call("calls.devices", {}) } });
  }

  function setMedia(how: (call: Call) => SetCallMediaParams): void {
    const call = currentCall(store.getState().calls);
    if (call !== null) void ask(call.roomId, () => client.call("calls.setMedia", { callId: call.callId, ...how(call) }));
  }

  return {
    /** Calls a room, or joins the call that is there. */
    startCall: (roomId: string, media: CallMedia) => void ask(roomId, () => client.call("calls.start", { roomId, media })),
    joinCall: (roomId: string, callId: string, camera = false) => void ask(roomId, () => client.call("calls.join", { callId, ...(camera ? { camera } : {}) })),
    declineCall: (roomId: string, callId: string) => void ask(roomId, () => client.call("calls.decline", { callId })),
    leaveCall: (roomId: string, callId: string) => void ask(roomId, () => client.call("calls.leave", { callId })),
    toggleMicrophone: () => setMedia((call) => ({ mic: !call.mic })),
    toggleCamera: () => setMedia((call) => ({ camera: !call.camera })),
    /** Shows a screen or a window; an empty id for the main screen. A refusal is for whoever asked. */
    async shareScreen(screenSource: string): Promise<void> {
      const call = currentCall(store.getState().calls);
      if (call !== null) await client.call("calls.setMedia", { callId: call.callId, screen: true, screenSource });
    },
    stopScreen: () => setMedia(() => ({ screen: false })),
    watchPicture: createPictures(client, store),
    setCallLook: (look: Partial<CallLook>) => store.dispatch({ type: "calls", calls: { type: "look", look } }),
    readCallDevices: () => void refreshDevices().catch(() => undefined),
    refreshCallDevices: refreshDevices,
    async chooseCallDevice(chosen: { microphone: string } | { speakers: string } | { cameraDevice: string }): Promise<void> {
      await client.call("calls.setMedia", chosen);
      await refreshDevices();
    },
    dismissCallRefusal: () => store.dispatch({ type: "calls", calls: { type: "refusalGone" } }),
  };
}
