// What the window knows of calls: one to a room at most, as the engine tells them, and how the sound of the own one gets
// through. Pure.
import type { Call, CallDevices, CallEnd, CallPeerStats, Event } from "@/client/types";
import type { ApiError } from "@/client/error";

/** How somebody's sound came through over the last second. */
export type Sound = { rttMs: number | null; /** Share of it that was lost and had to be made up. */ madeUp: number };

export type CallsState = {
  /** By room; those that ended are not there. */
  byRoom: ReadonlyMap<string, Call>;
  /** By device, of the call that this window is in. */
  sounds: ReadonlyMap<string, Sound>;
  /** The last figures, to tell what is new in the next. By device. */
  figures: ReadonlyMap<string, CallPeerStats>;
  /** How the last call that this window was in ended by others' doing. */
  ended: { callId: string; roomId: string; why: CallEnd } | null;
  /** Where a call could not be made or joined, and why. */
  refused: { roomId: string; error: ApiError } | null;
  devices: CallDevices | null;
};

export const INITIAL_CALLS: CallsState = { byRoom: new Map(), sounds: new Map(), figures: new Map(), ended: null, refused: null, devices: null };

export type CallsAction =
  | { type: "list"; calls: readonly Call[] }
  | { type: "refused"; roomId: string; error: ApiError }
  | { type: "refusalGone" }
  | { type: "devices"; devices: CallDevices };

export function reduceCalls(state: CallsState, action: CallsAction): CallsState {
  switch (action.type) {
    case "list":
      return { ...state, byRoom: new Map(action.calls.map((call) => [call.roomId, call])) };
    case "refused":
      return { ...state, refused: { roomId: action.roomId, error: action.error } };
    case "refusalGone":
      return { ...state, refused: null };
    case "devices":
      return { ...state, devices: action.devices };
  }
}

export function callsEvent(state: CallsState, event: Extract<Event, { type: "call.changed" | "call.stats" }>): CallsState {
  if (event.type === "call.stats") {
    const sounds = event.peers.map((peer): [string, Sound] => [peer.deviceId, soundOf(peer, state.figures.get(peer.deviceId))]);
    return { ...state, sounds: new Map(sounds), figures: new Map(event.peers.map((peer) => [peer.deviceId, peer])) };
  }
  const { call } = event;
  const held = state.byRoom.get(call.roomId);
  const byRoom = new Map(state.byRoom);
  if (call.part !== "ended") byRoom.set(call.roomId, call);
  else if (held?.callId === call.callId) byRoom.delete(call.roomId);
  else return state;
  const wasIn = held?.part === "in" || held?.part === "calling";
  const ended = wasIn && call.ended !== undefined ? { callId: call.callId, roomId: call.roomId, why: call.ended } : state.ended;
  // What was refused is moot once something happens in that room's call.
  return { ...state, byRoom, ended, refused: state.refused?.roomId === call.roomId ? null : state.refused };
}

function soundOf(now: CallPeerStats, before: CallPeerStats | undefined): Sound {
  const made = now.audio.framesConcealed - (before?.audio.framesConcealed ?? 0);
  const played = now.audio.framesDecoded - (before?.audio.framesDecoded ?? 0);
  const all = made + played;
  return { rttMs: now.audio.rttMs ?? null, madeUp: before === undefined || all <= 0 || made < 0 ? 0 : made / all };
}

/** The call that this window is in, or makes. */
export function currentCall(state: CallsState): Call | null {
  return [...state.byRoom.values()].find((call) => call.part === "in" || call.part === "calling") ?? null;
}

export function ringingCalls(state: CallsState): readonly Call[] {
  return [...state.byRoom.values()].filter((call) => call.part === "ringing");
}

export type Quality = "good" | "unheard" | "breaking" | "slow";

/** Above this a pause before every answer is felt. */
const SLOW_MS = 400;
/** One frame in twelve made up is heard as a stutter. */
const BREAKING = 0.08;

/** What a person would say of somebody's sound. Sound takes the link alone, never the server's relay. */
export function qualityOf(call: Call, deviceId: string, sounds: CallsState["sounds"]): Quality {
  const participant = call.participants.find((each) => each.deviceId === deviceId);
  if (participant?.path !== "direct" && participant?.path !== "turn") return "unheard";
  const sound = sounds.get(deviceId);
  if (sound === undefined) return "good";
  if (sound.madeUp > BREAKING) return "breaking";
  return (sound.rttMs ?? 0) > SLOW_MS ? "slow" : "good";
}
