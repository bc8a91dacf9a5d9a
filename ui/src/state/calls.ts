// What the window knows of calls: one to a room at most, as the engine tells them, and how the own one
// is shown. Pure.
import type { Call, CallDevices, CallEnd, CallPeerStats, CallPicture, CallSound, Event } from "@/client/types";
import type { ApiError } from "@/client/error";
import { linkQualityOf, type LinkQuality } from "@/state/call-quality";
import { isAnswered, NOTHING_TOGETHER, type Together } from "@/state/listening";

/** How this window shows the call that it is in. */
export type CallLook = {
  /** `auto`: side by side, and a shared screen large beside the people. */
  arranged: "auto" | "grid" | "speaker";
  /** What somebody wants to see large, whoever speaks. */
  pinned: string | null;
  /** Whether one sees oneself. */
  self: boolean;
  /** Over the conversation instead of above it. */
  large: boolean;
};

export type CallsState = {
  /** By room; those that ended are not there. */
  byRoom: ReadonlyMap<string, Call>;
  /** By device, of the call that this window is in. */
  links: ReadonlyMap<string, LinkQuality>;
  /** The last figures, to tell what is new in the next. By device. */
  figures: ReadonlyMap<string, CallPeerStats>;
  /** How the last call that this window was in ended, by whomever. */
  ended: { callId: string; roomId: string; why: CallEnd } | null;
  /** Where a call could not be made or joined, and why. */
  refused: { roomId: string; error: ApiError } | null;
  devices: CallDevices | null;
  /** What is heard and seen while devices are tried out. */
  trial: Trial | null;
  /** Which of the others spoke last, by device. */
  speaker: string | null;
  /** What is listened to in the call that this window is in. */
  together: Together;
  look: CallLook;
};

export type Trial = { level: number; speaking: boolean; sound: CallSound; picture?: CallPicture };

const LOOK: CallLook = { arranged: "auto", pinned: null, self: true, large: false };

export const INITIAL_CALLS: CallsState = { byRoom: new Map(), links: new Map(), figures: new Map(), ended: null, refused: null, devices: null, trial: null, speaker: null, together: NOTHING_TOGETHER, look: LOOK };

export type CallsAction =
  | { type: "list"; calls: readonly Call[] }
  | { type: "refused"; roomId: string; error: ApiError }
  | { type: "refusalGone" }
  | { type: "devices"; devices: CallDevices }
  | { type: "together"; together: Partial<Together> }
  | { type: "look"; look: Partial<CallLook> };

export function reduceCalls(state: CallsState, action: CallsAction): CallsState {
  switch (action.type) {
    case "list":
      // After another link to the engine: what was tried out over the one before is over.
      return settled({ ...state, trial: null, byRoom: new Map(action.calls.map((call) => [call.roomId, call])) }, currentCall(state));
    case "refused":
      return { ...state, refused: { roomId: action.roomId, error: action.error } };
    case "refusalGone":
      return { ...state, refused: null };
    case "devices":
      return { ...state, devices: action.devices };
    case "together":
      return { ...state, together: { ...state.together, ...action.together } };
    case "look":
      return { ...state, look: { ...state.look, ...action.look } };
  }
}

export function callsEvent(state: CallsState, event: Extract<Event, { type: "call.changed" | "call.stats" | "call.test" }>): CallsState {
  if (event.type === "call.test") {
    const { level, speaking, sound, picture } = event;
    return { ...state, trial: sound === undefined ? null : { level, speaking, sound, ...(picture === undefined ? {} : { picture }) } };
  }
  if (event.type === "call.stats") {
    const participants = currentCall(state)?.participants ?? [];
    const links = event.peers.map((peer): [string, LinkQuality] => {
      const { deviceId } = peer;
      const sends = participants.find((each) => each.deviceId === deviceId) ?? { camera: false, screen: false };
      return [deviceId, linkQualityOf(peer, state.figures.get(deviceId), state.links.get(deviceId), sends)];
    });
    return { ...state, links: new Map(links), figures: new Map(event.peers.map((peer) => [peer.deviceId, peer])) };
  }
  const { call } = event;
  const held = state.byRoom.get(call.roomId);
  const byRoom = new Map(state.byRoom);
  if (call.part !== "ended") byRoom.set(call.roomId, call);
  else if (held?.callId === call.callId) byRoom.delete(call.roomId);
  else return state;
  const ended = isIn(held) && call.ended !== undefined ? { callId: call.callId, roomId: call.roomId, why: call.ended } : state.ended;
  // What was refused is moot once the call is another one, or one has another part in it. Not before: it is to be read.
  const moot = state.refused?.roomId === call.roomId && (held?.callId !== call.callId || held.part !== call.part);
  return settled({ ...state, byRoom, ended, refused: moot ? null : state.refused }, currentCall(state));
}

/** The calls are others than before, when this window was in the one that was held. */
function settled(next: CallsState, held: Call | null): CallsState {
  const call = currentCall(next);
  // The next call is shown as a call is; who wants no picture of themselves wants none there either.
  const state = held === null || call?.callId === held.callId ? heard(next, call) : { ...next, links: new Map(), figures: new Map(), together: NOTHING_TOGETHER, look: { ...LOOK, self: next.look.self } };
  if (call === null) return { ...state, speaker: null };
  const lies = state.look.large && !hasPictures(call);
  return { ...state, speaker: speakerOf(call, state.speaker), look: lies ? { ...state.look, large: false } : state.look };
}

/** What was wished of a file is no longer shown once the engine has answered it. */
function heard(state: CallsState, call: Call | null): CallsState {
  const { wished } = state.together;
  const stands = wished === null || (call?.listening !== undefined && !isAnswered(call.listening, wished));
  return stands ? state : { ...state, together: { ...state.together, wished: null } };
}

/** Whether this window is in it, or makes it. */
export function isIn(call: Call | undefined): call is Call {
  return call?.part === "in" || call?.part === "calling";
}

/** Who speaks goes on being it while they do, and after that until somebody else does: pictures should not jump. */
function speakerOf(call: Call, before: string | null): string | null {
  const held = call.participants.find(({ deviceId }) => deviceId === before);
  if (held?.mic === true && held.speaking) return held.deviceId;
  return (call.participants.find(({ mic, speaking }) => mic && speaking) ?? held ?? call.participants[0])?.deviceId ?? null;
}

/** The call that this window is in, or makes. */
export function currentCall(state: CallsState): Call | null {
  return [...state.byRoom.values()].find(isIn) ?? null;
}

export function ringingCalls(state: CallsState): readonly Call[] {
  return [...state.byRoom.values()].filter((call) => call.part === "ringing");
}

/** Whether there is anything to be seen in it, or will be. */
export function hasPictures(call: Call): boolean {
  return call.media === "video" || call.camera || call.screen || call.participants.some(({ camera, screen }) => camera || screen);
}

/** Whether the call lies over the conversation of this room. */
export function coversRoom({ byRoom, look }: CallsState, roomId: string): boolean {
  const call = byRoom.get(roomId);
  return look.large && isIn(call) && hasPictures(call);
}
