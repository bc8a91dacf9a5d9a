import { Direction, Tooltip } from "radix-ui";
import { useEffect } from "react";
import { Toaster } from "sonner";
import { Notices } from "@/app/notices";
import { Overlays } from "@/app/overlays";
import { Shell } from "@/app/shell";
import { Button } from "@/components/button";
import { useDirection } from "@/components/direction";
import { Mark } from "@/components/mark";
import { Welcome } from "@/features/welcome/welcome";
import { AppContext, useActions, useAppState, type AppModel } from "@/state/context";
import { useTheme } from "@/state/preferences";
import { openRoom, unreadTotal } from "@/state/selectors";
import { strings } from "@/strings/strings";

/** The whole window. */
export function App({ model }: { model: AppModel }) {
  const [theme] = useTheme();
  const direction = useDirection();
  return (
    <AppContext value={model}>
      <Direction.Provider dir={direction}>
        <Tooltip.Provider delayDuration={400} skipDelayDuration={200}>
          <Screen />
          <Toaster position={direction === "rtl" ? "bottom-left" : "bottom-right"} dir={direction} theme={theme} duration={5_000} gap={8} />
        </Tooltip.Provider>
      </Direction.Provider>
    </AppContext>
  );
}

function Screen() {
  const session = useAppState((state) => state.session);
  const link = useAppState((state) => state.link);
  useTitle();

  switch (session.kind) {
    case "starting":
      return link === "closed" ? <NotReady sentence={strings.engine.startBody} /> : <main aria-busy="true" aria-label={strings.product} className="h-full" />;
    case "failed":
      return <NotReady sentence={session.error.message} />;
    case "signedOut":
      return <Welcome />;
    case "signedIn":
      return (
        <>
          <Shell key={session.account.userId} />
          <Overlays />
          <Notices />
        </>
      );
  }
}

function NotReady({ sentence }: { sentence: string }) {
  const actions = useActions();
  return (
    <main className="h-full grid place-content-center justify-items-center gap-3 p-6 text-center">
      <Mark size={40} />
      <h1 className="font-strong text-head tracking-[-0.016em]">{strings.engine.startTitle}</h1>
      <p role="alert" className="max-w-[380px] text-body text-ink-2 foreign">
        {sentence}
      </p>
      <Button onClick={actions.retryStart}>{strings.tryAgain}</Button>
    </main>
  );
}

/** The window's title says where one is and how much is unread, for the task bar. */
function useTitle(): void {
  const room = useAppState((state) => openRoom(state)?.name ?? null);
  const unread = useAppState(unreadTotal);
  useEffect(() => {
    document.title = `${unread > 0 ? `(${unread}) ` : ""}${room === null ? "" : `${room.slice(0, 80)} – `}${strings.product}`;
  }, [room, unread]);
}
