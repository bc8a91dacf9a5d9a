import { Eye, EyeOff } from "lucide-react";
import { RadioGroup } from "radix-ui";
import { useRef, useState, type SubmitEvent } from "react";
import { ApiError } from "@/client/error";
import { Button } from "@/components/button";
import { Field, Refusal } from "@/components/field";
import { IconButton } from "@/components/icon-button";
import { Mark } from "@/components/mark";
import { useActions } from "@/state/context";
import { offeredServer, rememberServer } from "@/state/preferences";
import { strings } from "@/strings/strings";

type Mode = "signIn" | "register";

/** The engine's own rule (characters, not bytes, and no composition rules), said while it is typed. */
const PASSWORD_CHARACTERS_MIN = 10;
const words = strings.welcome;

/** The first screen: sign in, or make an account. Nothing is checked here that the server would not refuse as well. */
export function Welcome() {
  const actions = useActions();
  const [mode, setMode] = useState<Mode>("signIn");
  const [server, setServer] = useState(offeredServer);
  const [handle, setHandle] = useState("");
  const [password, setPassword] = useState("");
  const [displayName, setDisplayName] = useState("");
  const [passwordShown, setPasswordShown] = useState(false);
  const [checked, setChecked] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const form = useRef<HTMLFormElement>(null);

  const registering = mode === "register";
  const passwordMissing = PASSWORD_CHARACTERS_MIN - Array.from(password).length;
  const needed = (value: string): string | undefined => (checked && value.trim() === "" ? words.required : undefined);

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    setChecked(true);
    const missing = [server.trim() === "", handle.trim() === "", registering ? passwordMissing > 0 : password === ""].indexOf(true);
    if (missing !== -1) {
      form.current?.querySelectorAll("input")[missing]?.focus();
      return;
    }
    setBusy(true);
    setError(null);
    const account = { server: server.trim(), handle: handle.trim(), password };
    try {
      if (registering) await actions.register({ ...account, ...(displayName.trim() === "" ? {} : { displayName: displayName.trim() }) });
      else await actions.login(account);
      rememberServer(account.server);
    } catch (thrown) {
      setError(ApiError.from(thrown));
      setBusy(false);
    }
  }

  function change(next: Mode): void {
    setMode(next);
    setChecked(false);
    setError(null);
  }

  return (
    <main className="h-full overflow-y-auto scroller grid place-items-center p-4 [--under:var(--bg)]">
      <div className="w-full max-w-[384px] py-8">
        <div className="flex flex-col items-center text-center">
          <Mark size={48} />
          <h1 className="mt-4 font-strong text-display tracking-[-0.022em]">{words.title}</h1>
          <p className="mt-1 text-body text-ink-2 text-balance">{words.body}</p>
        </div>

        <div className="mt-8 p-5 rounded-[15px] border border-line bg-surface shadow-2">
          <RadioGroup.Root
            aria-label={words.modes}
            orientation="horizontal"
            value={mode}
            onValueChange={(picked) => change(picked as Mode)}
            className="grid grid-cols-2 gap-1 p-[3px] mb-5 rounded-[9px] bg-sunken"
          >
            {(["signIn", "register"] as const).map((each) => (
              <RadioGroup.Item
                key={each}
                value={each}
                className="h-7 touch:h-9 rounded-[6px] font-medium text-ink-2 transition-colors duration-(--fast) hover:text-ink data-[state=checked]:bg-raised data-[state=checked]:text-ink data-[state=checked]:shadow-1 dark:data-[state=checked]:bg-selected"
              >
                {words[each]}
              </RadioGroup.Item>
            ))}
          </RadioGroup.Root>
          <form ref={form} noValidate aria-label={registering ? words.register : words.signIn} onSubmit={(event) => void submit(event)}>
            <div className="grid gap-4">
              <Field label={words.server} value={server} onValue={setServer} hint={words.serverHint} problem={needed(server)} inputMode="url" autoComplete="url" autoCapitalize="none" spellCheck={false} maxLength={512} />
              <Field
                label={words.handle}
                value={handle}
                onValue={setHandle}
                {...(registering ? { hint: words.handleHint } : {})}
                problem={needed(handle)}
                autoFocus
                autoComplete="username"
                autoCapitalize="none"
                spellCheck={false}
                maxLength={64}
              />
              <Field
                label={words.password}
                type={passwordShown ? "text" : "password"}
                value={password}
                onValue={setPassword}
                {...(registering ? { hint: passwordHint(password, passwordMissing) } : {})}
                problem={registering && checked && passwordMissing > 0 ? words.passwordShort(passwordMissing) : registering ? undefined : needed(password)}
                autoComplete={registering ? "new-password" : "current-password"}
                maxLength={1024}
                end={
                  <IconButton label={passwordShown ? words.hidePassword : words.showPassword} onClick={() => setPasswordShown(!passwordShown)}>
                    {passwordShown ? <EyeOff aria-hidden="true" /> : <Eye aria-hidden="true" />}
                  </IconButton>
                }
              />
              {registering && <Field label={words.displayName} value={displayName} onValue={setDisplayName} hint={words.displayNameHint} autoComplete="name" maxLength={64} />}
            </div>
            {error !== null && <Refusal>{error.message}</Refusal>}
            <Button tone="main" type="submit" disabled={busy} className="w-full h-9 mt-5">
              {busy ? words.working : words[mode]}
            </Button>
          </form>
        </div>
      </div>
    </main>
  );
}

function passwordHint(password: string, missing: number): string {
  if (password === "") return words.passwordRule;
  return missing > 0 ? words.passwordShort(missing) : words.passwordGood;
}
