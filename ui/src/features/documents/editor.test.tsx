import { expect, test, vi } from "vitest";
import * as Y from "yjs";
import { Awareness } from "y-protocols/awareness";
import type { DocSession } from "@/features/documents/doc-session";
import DocEditor from "@/features/documents/editor";
import type { EditorPageProps } from "@/features/documents/editor-page";
import { fakeClient, renderWith } from "../../../tests/unit/world.js";

let opened: (session: DocSession) => void = () => undefined;
vi.mock("@/features/documents/doc-session", () => ({ openDocSession: () => new Promise<DocSession>((resolve) => (opened = resolve)) }));
vi.mock("@/features/documents/editor-page", () => ({ EditorPage: ({ session }: EditorPageProps) => <p>{session === null ? "none" : "open"}</p> }));

function sessionOf(): DocSession & { closed: () => boolean } {
  const replica = new Y.Doc();
  const close = vi.fn();
  const doc = { docId: "plan", roomId: "shed", title: "Plan", author: "ada", editing: "members" as const, editors: [], createdAt: 0, changedAt: 0, archived: false, deleted: false };
  return { replica, awareness: new Awareness(replica), doc, present: () => [], saving: () => ({ kind: "saved" }), onChange: () => () => undefined, retry: () => undefined, close, closed: () => close.mock.calls.length > 0 };
}

const editor = (onSession: (session: DocSession | null) => void) => <DocEditor docId="plan" title="Plan" readOnly={null} nameOf={(userId) => userId} onSession={onSession} />;

test("the page has the session in the task in which it was opened: keys wait for the end of no other", async () => {
  const onSession = vi.fn();
  const { container } = renderWith(editor(onSession), fakeClient());
  const session = sessionOf();
  opened(session);
  // Only what was promised, and no other task.
  for (let turns = 0; turns < 5; turns += 1) await Promise.resolve();
  expect(container.textContent).toBe("open");
  expect(onSession).toHaveBeenLastCalledWith(session);
});

test("a session that nobody waits for any more is closed", async () => {
  const onSession = vi.fn();
  const { unmount } = renderWith(editor(onSession), fakeClient());
  const session = sessionOf();
  unmount();
  onSession.mockClear();
  opened(session);
  await vi.waitFor(() => expect(session.closed()).toBe(true));
  expect(onSession).not.toHaveBeenCalled();
});
