// The stage of a demonstration (`momo ui --demo`): who is on it, and the switch of its server. Not a part of the API: a
// window of one person has no such thing.
import { ApiError } from "@/client/error";

export type StagePerson = { handle: string; userId: string; name: string };

export type Stage = {
  server: { running: boolean; address: string };
  people: readonly StagePerson[];
  /** The room that they share, and a document in it. */
  roomId: string;
  docId: string;
};

/** Where the engine of one of them is reached. */
export function socketOf(handle: string): string {
  return `/ws/${encodeURIComponent(handle)}`;
}

export function readStage(): Promise<Stage> {
  return ask("/stage", "GET");
}

/** Kills the server or starts it again; resolves when it is so. */
export function setStageServer(running: boolean): Promise<Stage> {
  return ask(`/stage/server?running=${running}`, "POST");
}

async function ask(path: string, method: "GET" | "POST"): Promise<Stage> {
  let answer: Response;
  try {
    answer = await fetch(path, { method });
  } catch {
    throw new ApiError("offline", "Momo does not answer. Is it still running?");
  }
  if (!answer.ok) throw new ApiError(answer.status === 404 ? "not_found" : "internal", (await answer.text()).trim());
  return (await answer.json()) as Stage;
}
