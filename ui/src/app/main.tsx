import "@fontsource-variable/inter/index.css";
import "@/styles/window.css";
import { createRoot } from "react-dom/client";
import { App } from "@/app/app";
import { openMomoland } from "@/client/momoland";
import { createActions } from "@/state/actions";
import { applyTheme } from "@/state/preferences";
import { createAppStore } from "@/state/store";
import { createSync } from "@/state/sync";
import { strings } from "@/strings/strings";

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");

applyTheme();
const client = openMomoland(strings.engine.lost);
const store = createAppStore();
const sync = createSync(client, store);
sync.start();
createRoot(root).render(<App model={{ store, actions: createActions(client, store, sync) }} />);
