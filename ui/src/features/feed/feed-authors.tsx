import { PenLine, UserPlus, Users, X } from "lucide-react";
import { useEffect, useState } from "react";
import { ApiError } from "@/client/error";
import type { FeedPerson, Posting } from "@/client/types";
import { Avatar } from "@/components/avatar";
import { Button } from "@/components/button";
import { Choice } from "@/components/choice";
import { Dialog, DialogActions } from "@/components/dialog";
import { Field, Refusal } from "@/components/field";
import { IconButton } from "@/components/icon-button";
import { useAttempt } from "@/components/use-attempt";
import { useActions, useAppState } from "@/state/context";
import { strings } from "@/strings/strings";

const words = strings.feed;
const OPTIONS = (["members", "curated"] as const).map((value) => ({ value, label: words.posting[value], hint: words.postingHint[value], icon: value === "members" ? Users : PenLine }));
/** As many as fit without scrolling; a longer name finds the others. */
const FOUND_MAX = 6;

type Lists = { kind: "loading" } | { kind: "failed"; error: ApiError } | { kind: "ready"; authors: readonly FeedPerson[]; people: readonly FeedPerson[] };

/** Who may post in the open feed. What is chosen holds at once, as it does for everybody else. */
export function FeedAuthorsDialog() {
  const actions = useActions();
  const attempt = useAttempt();
  const posting = useAppState((state) => state.feed.policy?.posting ?? "members");
  const [lists, setLists] = useState<Lists>({ kind: "loading" });
  const [sought, setSought] = useState("");

  // Until the engine has told of it, what was chosen is shown.
  const [chosen, setChosen] = useState<Posting | null>(null);

  useEffect(() => {
    let over = false;
    Promise.all([actions.feedAuthors(), actions.feedPeople()]).then(
      ([{ authors }, people]) => over || setLists({ kind: "ready", authors, people }),
      (thrown: unknown) => over || setLists({ kind: "failed", error: ApiError.from(thrown) }),
    );
    return () => {
      over = true;
    };
  }, [actions]);

  async function choose(value: Posting): Promise<void> {
    setChosen(value);
    if (!(await attempt.run(() => actions.setFeedPosting(value)))) setChosen(null);
  }

  async function list(person: FeedPerson, on: boolean): Promise<void> {
    if (!(await attempt.run(() => actions.setFeedAuthor(person.userId, on)))) return;
    setSought("");
    setLists((held) => (held.kind === "ready" ? { ...held, authors: on ? [...held.authors, person] : held.authors.filter((each) => each.userId !== person.userId) } : held));
  }

  const shown = chosen ?? posting;
  const needle = sought.trim().toLocaleLowerCase();
  const found = lists.kind !== "ready" || needle === "" ? [] : lists.people.filter((person) => person.name.toLocaleLowerCase().includes(needle) && !lists.authors.some((author) => author.userId === person.userId));

  return (
    <Dialog title={words.whoPosts} closeLabel={strings.close} onClose={actions.closeOverlay}>
      <div className="grid gap-4 mt-4">
        <Choice label={words.writtenBy} value={shown} onValue={(value) => void choose(value)} options={OPTIONS} />
        {shown === "curated" && (
          <section aria-label={words.authors} className="grid gap-2">
            <h3 className="font-medium">{words.authors}</h3>
            {lists.kind === "loading" && <div aria-hidden="true" className="loading-line" />}
            {lists.kind === "failed" && <Refusal>{`${words.authorsFailed} ${lists.error.message}`}</Refusal>}
            {lists.kind === "ready" && lists.authors.length === 0 && <p className="text-small text-ink-3">{words.noAuthors}</p>}
            {lists.kind === "ready" && lists.authors.length > 0 && (
              <ul className="grid gap-0.5 max-h-[180px] overflow-y-auto scroller">
                {lists.authors.map((author) => (
                  <li key={author.userId} className="flex items-center gap-2.5 h-9">
                    <Avatar userId={author.userId} name={author.name} size={24} />
                    <span className="flex-1 min-w-0 truncate foreign">{author.name}</span>
                    <IconButton label={words.takeOff(author.name)} disabled={attempt.busy} onClick={() => void list(author, false)}>
                      <X aria-hidden="true" />
                    </IconButton>
                  </li>
                ))}
              </ul>
            )}
            {lists.kind === "ready" && (
              <>
                <Field label={words.addAuthor} value={sought} onValue={setSought} hint={words.addAuthorHint} autoComplete="off" />
                {needle !== "" && found.length === 0 && <p className="text-small text-ink-3">{words.nobodyFound}</p>}
                <ul className="grid gap-0.5">
                  {found.slice(0, FOUND_MAX).map((person) => (
                    <li key={person.userId}>
                      <Button tone="quiet" className="w-full justify-start" disabled={attempt.busy} onClick={() => void list(person, true)}>
                        <UserPlus aria-hidden="true" className="size-4 stroke-[1.75]" />
                        {words.add(person.name)}
                      </Button>
                    </li>
                  ))}
                </ul>
              </>
            )}
          </section>
        )}
        {attempt.error !== null && <Refusal>{attempt.error.message}</Refusal>}
        <DialogActions>
          <Button tone="main" onClick={actions.closeOverlay}>
            {strings.close}
          </Button>
        </DialogActions>
      </div>
    </Dialog>
  );
}
