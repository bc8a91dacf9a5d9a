import { Check, Copy } from "lucide-react";
import { useState } from "react";
import { toast } from "sonner";
import type { Role, Room } from "@/client/types";
import { Button } from "@/components/button";
import { copyText } from "@/components/clipboard";
import { Dialog, DialogActions } from "@/components/dialog";
import { Field, Pick, Refusal } from "@/components/field";
import { useAttempt } from "@/components/use-attempt";
import { useActions } from "@/state/context";
import { strings } from "@/strings/strings";

const words = strings.dialogs;
const RANK: readonly Role[] = ["reader", "member", "moderator", "owner"];
const USES = { any: null, once: 1, five: 5, twentyFive: 25 } as const;
const TTL_S = { hour: 3_600, day: 86_400, week: 604_800, month: 2_592_000 } as const;
type Uses = keyof typeof USES;
type Ttl = keyof typeof TTL_S;

const USES_OPTIONS = (Object.keys(USES) as Uses[]).map((value) => ({ value, label: words.uses(USES[value]) }));
const TTL_OPTIONS = (Object.keys(TTL_S) as Ttl[]).map((value) => ({ value, label: words.ttl[value] }));

export function InviteDialog({ room }: { room: Room }) {
  const actions = useActions();
  const attempt = useAttempt();
  const [role, setRole] = useState<Role>(room.role === "reader" ? "reader" : "member");
  const [uses, setUses] = useState<Uses>("any");
  const [ttl, setTtl] = useState<Ttl>("week");
  const [link, setLink] = useState<string | null>(null);
  const [copied, setCopied] = useState(false);
  // Nobody gives away more than they have.
  const roles = RANK.slice(0, RANK.indexOf(room.role) + 1).map((value) => ({ value, label: strings.roles[value] }));

  function make(): void {
    const maxUses = USES[uses];
    void attempt.run(async () => {
      setLink(await actions.invite({ roomId: room.roomId, role, ttlS: TTL_S[ttl], ...(maxUses === null ? {} : { maxUses }) }));
      setCopied(false);
    });
  }

  async function copy(text: string): Promise<void> {
    const done = await copyText(text);
    setCopied(done);
    if (!done) toast.error(strings.notCopied);
  }

  return (
    <Dialog title={words.inviteTitle(room.name)} body={words.inviteBody} closeLabel={strings.close} onClose={actions.closeOverlay}>
      <div className="grid grid-cols-2 gap-3 touch:grid-cols-1">
        <Pick label={words.inviteRole} value={role} onValue={setRole} options={roles} />
        <Pick label={words.inviteTtl} value={ttl} onValue={setTtl} options={TTL_OPTIONS} />
        <Pick label={words.inviteUses} value={uses} onValue={setUses} options={USES_OPTIONS} className="col-span-full" />
      </div>
      {link !== null && (
        <div className="flex items-end gap-2 mt-4">
          <Field label={words.inviteLink} value={link} onValue={() => undefined} readOnly className="flex-1 min-w-0" onFocus={(event) => event.target.select()} />
          <Button className="h-9" onClick={() => void copy(link)}>
            {copied ? <Check aria-hidden="true" className="size-4" /> : <Copy aria-hidden="true" className="size-4" />}
            <span aria-live="polite">{copied ? strings.copied : words.copyLink}</span>
          </Button>
        </div>
      )}
      {attempt.error !== null && <Refusal>{attempt.error.message}</Refusal>}
      <DialogActions>
        <Button onClick={actions.closeOverlay}>{strings.close}</Button>
        <Button tone={link === null ? "main" : "plain"} disabled={attempt.busy} onClick={make}>
          {words.inviteAction}
        </Button>
      </DialogActions>
    </Dialog>
  );
}
