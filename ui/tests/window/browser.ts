// The installed Chromium, without a download and without anything of its own on the network.
import { chromium, type Browser } from "playwright-core";

/** With WebGL, worked out by the processor where there is no card. */
const WITH_CARD = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"];

export function openBrowser({ card = false }: { card?: boolean } = {}): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.MOMOLAND_CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", ...(card ? WITH_CARD : ["--disable-gpu"]), "--disable-dev-shm-usage", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
}
