import "@fontsource-variable/inter/index.css";
import "@/styles/window.css";
import { lazy, Suspense, type ReactNode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "@/app/app";
import { openMomoland } from "@/client/momoland";
import { socketOf } from "@/client/stage";
import { createActions } from "@/state/actions";
import { applyTheme, loadPreferences } from "@/state/preferences";
import { createAppStore } from "@/state/store";
import { createSync } from "@/state/sync";
import { strings } from "@/strings/strings";

/** Where `momo ui --demo` has everybody in one page. A window of one person need not load it. */
const DEMO_PAGE = "/demo-realtime";
const Demo = lazy(() => import("@/app/demo/demo").then((demo) => ({ default: demo.Demo })));

const element = document.getElementById("root");
if (element === null) throw new Error("index.html has no #root");
const root = createRoot(element);

function begin(page: ReactNode): void {
  void loadPreferences().then(() => {
    applyTheme();
    root.render(page);
  });
}

if (window.location.pathname === DEMO_PAGE) {
  begin(
    <Suspense>
      <Demo />
    </Suspense>,
  );
} else {
  // Of a demonstration each person can be opened alone.
  const as = new URLSearchParams(window.location.search).get("as");
  const client = openMomoland(strings.engine.lost, as === null ? undefined : socketOf(as));
  const store = createAppStore();
  const sync = createSync(client, store);
  sync.start();
  begin(<App model={{ store, actions: createActions(client, store, sync) }} />);
}
