import { Tooltip } from "radix-ui";
import { useEffect, useState } from "react";
import { Toaster } from "sonner";
import { Network } from "@/app/demo/network";
import { PersonPane } from "@/app/demo/pane";
import { createPlayers, type Player } from "@/app/demo/players";
import { Button } from "@/components/button";
import { Mark } from "@/components/mark";
import { ApiError } from "@/client/error";
import { readStage, setStageServer, type Stage } from "@/client/stage";
import { useTheme } from "@/state/preferences";
import { strings } from "@/strings/strings";

const words = strings.demo;
/** Somebody else may have cut the server, or it may have ended. */
const LOOK_EVERY_MS = 2_000;

/** Several people side by side, each with an engine of their own, and the network between them. */
export function Demo() {
  const [theme] = useTheme();
  const [state, setState] = useState<{ kind: "loading" } | { kind: "failed"; error: ApiError } | { kind: "ready"; stage: Stage; players: readonly Player[] }>({ kind: "loading" });
  const [round, setRound] = useState(0);

  useEffect(() => {
    let gone = false;
    let players: readonly Player[] = [];
    readStage().then(
      (stage) => {
        if (gone) return;
        players = createPlayers(stage);
        setState({ kind: "ready", stage, players });
      },
      (thrown: unknown) => !gone && setState({ kind: "failed", error: ApiError.from(thrown) }),
    );
    return () => {
      gone = true;
      for (const player of players) player.stop();
    };
  }, [round]);

  useEffect(() => {
    document.title = `${words.title} – ${strings.product}`;
  }, []);

  switch (state.kind) {
    case "loading":
      return <main aria-busy="true" aria-label={strings.product} className="h-full" />;
    case "failed":
      return (
        <main className="h-full grid place-content-center justify-items-center gap-3 p-6 text-center">
          <Mark size={40} />
          <h1 className="font-strong text-head tracking-[-0.016em]">{words.failed}</h1>
          <p role="alert" className="max-w-[420px] text-body text-ink-2 foreign">
            {state.error.kind === "not_found" ? words.notHere : state.error.message}
          </p>
          <Button onClick={() => setRound(round + 1)}>{strings.tryAgain}</Button>
        </main>
      );
    case "ready":
      return (
        <Tooltip.Provider delayDuration={400} skipDelayDuration={200}>
          <Screen first={state.stage} players={state.players} />
          <Toaster position="bottom-right" theme={theme} duration={5_000} gap={8} />
        </Tooltip.Provider>
      );
  }
}

function Screen({ first, players }: { first: Stage; players: readonly Player[] }) {
  const [server, setServer] = useState({ ...first.server, changing: false });
  const [error, setError] = useState<ApiError | null>(null);

  useEffect(() => {
    const look = setInterval(() => {
      readStage().then(
        (stage) => setServer((held) => (held.changing ? held : { ...stage.server, changing: false })),
        () => undefined,
      );
    }, LOOK_EVERY_MS);
    return () => clearInterval(look);
  }, []);

  async function switchServer(running: boolean): Promise<void> {
    setServer((held) => ({ ...held, changing: true }));
    setError(null);
    try {
      const stage = await setStageServer(running);
      setServer({ ...stage.server, changing: false });
    } catch (thrown) {
      setServer((held) => ({ ...held, changing: false }));
      setError(ApiError.from(thrown));
    }
  }

  return (
    <main className="h-full flex flex-col overflow-y-auto scroller bg-bg [--under:var(--bg)]">
      <header className="flex flex-none items-center gap-2.5 min-h-[52px] px-4 touch:px-3 py-2">
        <Mark />
        <h1 className="flex-none font-strong text-title tracking-[-0.012em]">{words.title}</h1>
        <p className="min-w-0 truncate ps-2.5 border-s border-line-strong leading-4 text-ink-3 touch:hidden">{words.lead}</p>
      </header>
      <div className={`grid gap-3 px-3 ${COLUMNS[players.length] ?? ""}`}>
        {players.map((player) => (
          <PersonPane key={player.person.userId} player={player} others={players.filter((each) => each !== player)} roomId={first.roomId} docId={first.docId} />
        ))}
      </div>
      <Network players={players} server={server} error={error} onServer={(running) => void switchServer(running)} />
    </main>
  );
}

/** Where they stand in one row they share the height that is left; else each has enough to work in, and the page scrolls. */
const COLUMNS: Readonly<Record<number, string>> = {
  2: "flex-none auto-rows-[560px] grid-cols-[minmax(0,1fr)] pane:flex-1 pane:min-h-[440px] pane:auto-rows-[minmax(0,1fr)] pane:grid-cols-[repeat(2,minmax(0,1fr))]",
  3: "flex-none auto-rows-[560px] grid-cols-[minmax(0,1fr)] pane:grid-cols-[repeat(2,minmax(0,1fr))] details:flex-1 details:min-h-[440px] details:auto-rows-[minmax(0,1fr)] details:grid-cols-[repeat(3,minmax(0,1fr))]",
  4: "flex-none auto-rows-[560px] grid-cols-[minmax(0,1fr)] pane:grid-cols-[repeat(2,minmax(0,1fr))]",
};
