// The installed Chromium, without a download and without anything of its own on the network.
import { chromium, type Browser } from "playwright-core";

/** With WebGL, which the processor works out; the page itself is put together as without. */
const WITH_CARD = ["--enable-unsafe-swiftshader"];
const WITHOUT_CARD = ["--disable-3d-apis"];

export function openBrowser({ card = false }: { card?: boolean } = {}): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.MOMOLAND_CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", ...(card ? WITH_CARD : WITHOUT_CARD), "--disable-dev-shm-usage", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
}
