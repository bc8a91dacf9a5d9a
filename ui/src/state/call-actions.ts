// What people do with calls. Refusals go into the state, to be said in the room that was called.
import { ApiError } from "@/client/error";
import type { Client } from "@/client/client";
import type { CallMedia } from "@/client/types";
import { currentCall, type CallLook } from "@/state/calls";
import { createPictures } from "@/state/pictures";
import type { Store } from "@/state/store";

type Asked = "join" | "decline" | "leave" | "mic" | "camera" | "screen";

export function createCallActions(client: Client, store: Store) {
  /** Somebody who presses twice means it once. What is asked of another kind waits for nothing: one can always mute, and leave. */
  const asking = new Set<Asked>();

  async function ask(kind: Asked, roomId: string, run: () => Promise<unknown>): Promise<void> {
    if (asking.has(kind)) return;
    asking.add(kind);
    store.dispatch({ type: "calls", calls: { type: "refusalGone" } });
    try {
      await run();
    } catch (thrown) {
      store.dispatch({ type: "calls", calls: { type: "refused", roomId, error: ApiError.from(thrown) } });
    } finally {
      asking.delete(kind);
    }
  }

  async function refreshDevices(): Promise<void> {
    store.dispatch({ type: "calls", calls: { type: "devices", devices: await client.call("calls.devices", {}) } });
  }

  function toggle(kind: "mic" | "camera" | "screen"): void {
    const call = currentCall(store.getState().calls);
    if (call !== null) void ask(kind, call.roomId, () => client.call("calls.setMedia", { callId: call.callId, [kind]: !call[kind] }));
  }

  return {
    /** Calls a room, or joins the call that is there. */
    startCall: (roomId: string, media: CallMedia) => void ask("join", roomId, () => client.call("calls.start", { roomId, media })),
    joinCall: (roomId: string, callId: string, camera = false) => void ask("join", roomId, () => client.call("calls.join", { callId, ...(camera ? { camera } : {}) })),
    declineCall: (roomId: string, callId: string) => void ask("decline", roomId, () => client.call("calls.decline", { callId })),
    leaveCall: (roomId: string, callId: string) => void ask("leave", roomId, () => client.call("calls.leave", { callId })),
    toggleMicrophone: () => toggle("mic"),
    toggleCamera: () => toggle("camera"),
    /** Stops showing the screen, or asks which shall be shown, where nothing else is asked. */
    toggleScreen: () => {
      const { calls, overlay } = store.getState();
      const call = currentCall(calls);
      if (call?.screen === true) toggle("screen");
      else if (call !== null && overlay === null) store.dispatch({ type: "overlay", overlay: { kind: "shareScreen" } });
    },
    /** Shows a screen or a window; an empty id for the main screen. A refusal is for whoever asked. */
    async shareScreen(screenSource: string): Promise<void> {
      const call = currentCall(store.getState().calls);
      if (call !== null) await client.call("calls.setMedia", { callId: call.callId, screen: true, screenSource });
    },
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
