import { useState } from "react";
import { ApiError } from "@/client/error";
import { Button } from "@/components/button";
import { PostEditor } from "@/features/feed/post-editor";
import { useAttempt } from "@/components/use-attempt";
import { useActions, useAppState } from "@/state/context";
import { EMPTY_POST, type PostDraft } from "@/state/feed";
import { keepPostDraft, keptPostDraft } from "@/state/preferences";
import { connectionOf, ownAccount } from "@/state/selectors";
import { strings } from "@/strings/strings";

const words = strings.feed;

/** A new post. What was begun is there again when it is opened the next time, also after a restart. */
export function NewPost({ onClosed }: { onClosed: () => void }) {
  const actions = useActions();
  const userId = useAppState((state) => ownAccount(state)?.userId ?? "");
  const away = useAppState((state) => connectionOf(state).kind !== "connected");
  const [draft, setDraft] = useState<PostDraft>(() => parsed(keptPostDraft(userId)));
  const [missing, setMissing] = useState(false);
  const attempt = useAttempt();
  const empty = draft.title.trim() === "" && draft.body.trim() === "";

  function write(next: PostDraft): void {
    setDraft(next);
    setMissing(false);
    keepPostDraft(userId, next.title + next.body + next.tags === "" ? "" : JSON.stringify(next));
  }

  function close(): void {
    actions.setComposing(false);
    onClosed();
  }

  async function publish(): Promise<void> {
    if (empty) {
      setMissing(true);
      return;
    }
    if (!(await attempt.run(() => actions.publish(draft)))) return;
    keepPostDraft(userId, "");
    onClosed();
  }

  return (
    <div className="mb-5">
      <PostEditor
        label={words.newPost}
        draft={draft}
        onDraft={write}
        action={words.publish}
        busy={attempt.busy}
        error={missing ? new ApiError("invalid", words.emptyPost) : attempt.error}
        onSubmit={() => void publish()}
        onClose={close}
        note={away ? words.publishAway : empty ? words.publishHint : words.keptDraft}
        more={
          !empty && (
            <Button tone="quiet" onClick={() => write(EMPTY_POST)}>
              {words.discard}
            </Button>
          )
        }
      />
    </div>
  );
}

/** What an earlier window kept; anything else is an empty post. */
function parsed(kept: string): PostDraft {
  try {
    const value: unknown = JSON.parse(kept);
    if (typeof value !== "object" || value === null) return EMPTY_POST;
    const { title, body, tags } = value as Record<string, unknown>;
    return typeof title === "string" && typeof body === "string" && typeof tags === "string" ? { title, body, tags } : EMPTY_POST;
  } catch {
    return EMPTY_POST;
  }
}
