// How the window is built and tested. The bundle is relative (`base: './'`), without inline scripts and without
// inlined assets, so that every front can serve it under a strict content security policy.
import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

/**
 * Where it is just past noon. The world that the window is tested on speaks of this morning ("09:24"), which has to be
 * over, of today, and before whatever a test says now: at whatever hour the tests run.
 */
function zoneAtNoon(): string {
  const west = new Date().getUTCHours() - 12;
  // In these names west of Greenwich counts as positive, as POSIX has it.
  return `Etc/GMT${west < 0 ? "" : "+"}${west}`;
}

export default defineConfig({
  plugins: [react(), tailwindcss()],
  base: "./",
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: { outDir: "dist", emptyOutDir: true, assetsInlineLimit: 0, modulePreload: { polyfill: false }, target: "es2022" },
  test: {
    projects: [
      {
        extends: true,
        test: { name: "unit", environment: "jsdom", include: ["src/**/*.test.{ts,tsx}"], setupFiles: ["tests/unit/setup.ts"] },
      },
      { extends: true, test: { name: "rules", environment: "node", include: ["tests/rules/**/*.test.ts"], testTimeout: 60_000 } },
      {
        extends: true,
        test: { name: "window", environment: "node", include: ["tests/window/**/*.test.ts"], testTimeout: 60_000, hookTimeout: 60_000, fileParallelism: false, env: { TZ: zoneAtNoon() } },
      },
    ],
  },
});
