// What people do with calls. Refusals go into the state, to be said in the room that was called.
import { ApiError } from "@/client/error";
import type { Client } from "@/client/client";
import { chooseSound, hasFileDialog } from "@/client/desktop";
import type { CallDevices, CallMedia } from "@/client/types";
import { currentCall, type CallLook } from "@/state/calls";
import { fileOf, isAtEnd, playedIn, positionAt, versionOf, type Together, type Wished } from "@/state/listening";
import { ownAccount } from "@/state/selectors";
import { createPictures } from "@/state/pictures";
import type { Store } from "@/state/store";

type Asked = "join" | "decline" | "leave" | "mic" | "camera" | "screen" | "play";

/** For so long what was wished of a file is shown without a word of the engine: it may stand there already. */
const WISH_SHOWN_MS = 2_000;

/** What is wished of the file that all listen to. */
export type ListenWish = { action: "play" | "pause" | "stop" } | { action: "seek"; positionMs: number };

export type Trying = { setCamera: (on: boolean) => void; stop: () => void };

/** The engine ends a trial that nobody asked for in ten seconds. */
const TRY_EVERY_MS = 4_000;

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

  async function refreshDevices(): Promise<CallDevices> {
    const devices = await client.call("calls.devices", {});
    store.dispatch({ type: "calls", calls: { type: "devices", devices } });
    return devices;
  }

  function toggle(kind: "mic" | "camera" | "screen"): void {
    const call = currentCall(store.getState().calls);
    if (call !== null) void ask(kind, call.roomId, () => client.call("calls.setMedia", { callId: call.callId, [kind]: !call[kind] }));
  }

  const setTogether = (together: Partial<Together>): void => store.dispatch({ type: "calls", calls: { type: "together", together } });

  async function play(callId: string, path: string): Promise<void> {
    setTogether({ opening: true });
    try {
      await client.call("calls.play", { callId, path });
    } finally {
      setTogether({ opening: false });
    }
  }

  /** Each wish goes out, whatever is under way: of two moments the later one counts. */
  async function listen(wish: ListenWish): Promise<void> {
    const { calls } = store.getState();
    const call = currentCall(calls);
    const played = call === null ? null : playedIn(call, calls.together);
    if (call?.listening === undefined || played === null) return;
    const { callId, roomId, listening } = call;
    const again = wish.action === "play" && isAtEnd(played);
    let wished: Wished | null = null;
    const forget = (): void => {
      // There may be a later one in its place.
      if (wished !== null && store.getState().calls.together.wished === wished) setTogether({ wished: null });
    };
    if (wish.action !== "stop") {
      const at = Date.now();
      const positionMs = wish.action === "seek" ? wish.positionMs : again ? 0 : positionAt(played, at);
      const state = wish.action === "play" || (wish.action === "seek" && played.state === "playing") ? "playing" : "paused";
      wished = { of: versionOf(listening), file: fileOf(listening), by: ownAccount(store.getState())?.userId ?? "", state, positionMs, at };
      setTogether({ wished });
      setTimeout(forget, WISH_SHOWN_MS);
    }
    try {
      // Somebody may have moved it to its end, which is not the same as having played to it.
      if (again) await client.call("calls.playback", { callId, action: "seek", positionMs: 0 });
      await client.call("calls.playback", { callId, ...wish });
    } catch (thrown) {
      forget();
      store.dispatch({ type: "calls", calls: { type: "refused", roomId, error: ApiError.from(thrown) } });
    }
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
    /** Plays a file to everybody in a call, by its path on the engine's machine. A refusal is for whoever asked. */
    playFile: play,
    /** Asks for a file to be played to everybody: in the system's dialog where there is one, else for its path. */
    playTogether: () => {
      const { calls, overlay } = store.getState();
      const call = currentCall(calls);
      if (call === null) return;
      if (!hasFileDialog()) {
        if (overlay === null) store.dispatch({ type: "overlay", overlay: { kind: "playFile" } });
        return;
      }
      void ask("play", call.roomId, async () => {
        const path = await chooseSound();
        if (path !== null) await play(call.callId, path);
      });
    },
    listen: (wish: ListenWish) => void listen(wish),
    /** Says no more of a file that is over. */
    putListeningAway: () => {
      const listening = currentCall(store.getState().calls)?.listening;
      if (listening !== undefined) setTogether({ putAway: versionOf(listening) });
    },
    watchPicture: createPictures(client, store),
    setCallLook: (look: Partial<CallLook>) => store.dispatch({ type: "calls", calls: { type: "look", look } }),
    readCallDevices: () => void refreshDevices().catch(() => undefined),
    refreshCallDevices: refreshDevices,
    async chooseCallDevice(chosen: { microphone: string } | { speakers: string } | { cameraDevice: string } | { processing: boolean }): Promise<void> {
      await client.call("calls.setMedia", chosen);
      await refreshDevices();
    },
    /** Tries the devices out until it is stopped, or a call takes them; the camera only where that is asked for. Says each time why that cannot be, or `null` where it can. */
    tryDevices(onOutcome: (refused: ApiError | null) => void): Trying {
      let over = false;
      let camera = false;
      const ask = (): void =>
        void client.call("calls.test", { on: true, camera }).then(
          () => !over && onOutcome(null),
          (thrown: unknown) => !over && onOutcome(ApiError.from(thrown)),
        );
      ask();
      const timer = setInterval(ask, TRY_EVERY_MS);
      return {
        setCamera(on) {
          camera = on;
          ask();
        },
        stop() {
          over = true;
          clearInterval(timer);
          client.call("calls.test", { on: false }).catch(() => undefined);
        },
      };
    },
    playTestSound: (): Promise<unknown> => client.call("calls.test", { on: true, sound: true }),
    dismissCallRefusal: () => store.dispatch({ type: "calls", calls: { type: "refusalGone" } }),
  };
}
