import { useEffect, useState } from "react";
import { ApiError } from "@/client/error";
import type { Doc, DocAsItWas, DocVersion } from "@/client/types";
import { Button } from "@/components/button";
import { exactTime } from "@/components/clock";
import { Dialog } from "@/components/dialog";
import { Refusal } from "@/components/field";
import { Loading } from "@/components/reading";
import { useAttempt } from "@/components/use-attempt";
import { useActions, useAppState } from "@/state/context";
import { strings } from "@/strings/strings";

const words = strings.docs.history;

/** Who wrote when, what that changed, and the way back. */
export function DocHistoryDialog({ doc }: { doc: Doc }) {
  const actions = useActions();
  const attempt = useAttempt();
  const people = useAppState((state) => state.people);
  const [versions, setVersions] = useState<readonly DocVersion[] | null>(null);
  const [chosen, setChosen] = useState<DocAsItWas | null>(null);
  const [failed, setFailed] = useState<ApiError | null>(null);

  useEffect(() => {
    let current = true;
    actions.docVersions(doc.docId).then(
      (read) => current && setVersions(read),
      (thrown: unknown) => current && setFailed(ApiError.from(thrown)),
    );
    return () => {
      current = false;
    };
  }, [actions, doc.docId]);

  async function goBack(to: DocAsItWas): Promise<void> {
    if (await attempt.run(() => actions.revertDoc(doc.docId, to.version.versionId))) actions.closeOverlay();
  }

  return (
    <Dialog title={words.title(doc.title)} body={words.body} closeLabel={strings.close} onClose={actions.closeOverlay}>
      {failed !== null && <Refusal>{failed.message}</Refusal>}
      {versions === null && failed === null && <Loading />}
      {versions?.length === 0 && <p className="text-body text-ink-2">{words.empty}</p>}
      <ul className="grid gap-1">
        {versions?.map((version) => {
          const open = chosen?.version.versionId === version.versionId;
          return (
            <li key={version.versionId}>
              <button
                type="button"
                aria-expanded={open}
                className="w-full px-2 py-1.5 rounded-[8px] text-start foreign hover:bg-selected"
                onClick={() => {
                  if (open) setChosen(null);
                  else void attempt.run(async () => setChosen(await actions.docVersion(doc.docId, version.versionId)));
                }}
              >
                {strings.docs.by(people.get(version.userId)?.displayName ?? strings.somebody, exactTime(version.at))}
              </button>
              {open && (
                <div className="grid gap-2 px-2 pb-2">
                  <Changes before={chosen.before} after={chosen.markdown} />
                  {doc.readOnly === undefined && version !== versions[0] && (
                    <div>
                      <Button disabled={attempt.busy} onClick={() => void goBack(chosen)}>
                        {words.back}
                      </Button>
                    </div>
                  )}
                </div>
              )}
            </li>
          );
        })}
      </ul>
      {attempt.error !== null && <Refusal>{attempt.error.message}</Refusal>}
    </Dialog>
  );
}

/** The lines that went and came, by what both have at their beginning and end. */
function Changes({ before, after }: { before: string; after: string }) {
  const [old, now] = [before.split("\n"), after.split("\n")];
  let first = 0;
  while (first < Math.min(old.length, now.length) && old[first] === now[first]) first += 1;
  let last = 0;
  while (last < Math.min(old.length, now.length) - first && old[old.length - 1 - last] === now[now.length - 1 - last]) last += 1;
  const [gone, came] = [old.slice(first, old.length - last), now.slice(first, now.length - last)].map((lines) => lines.join("\n"));
  return (
    <>
      {gone !== "" && <del aria-label={words.gone} className="max-h-40 overflow-y-auto scroller whitespace-pre-wrap foreign text-small text-ink-3">{gone}</del>}
      {came !== "" && <ins aria-label={words.came} className="max-h-40 overflow-y-auto scroller whitespace-pre-wrap foreign text-small no-underline">{came}</ins>}
      {gone === "" && came === "" && <p className="text-small text-ink-3">{words.nothing}</p>}
    </>
  );
}
