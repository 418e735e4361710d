// The system's browser, which finds nothing outside this machine.
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const EXECUTABLE = process.env.CHROMIUM ?? "/usr/bin/chromium";
// The two names of this machine are two sites to a browser. Whatever else it wants to look up is not found.
const NAMES = "MAP localhost 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1";
const ARGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", `--host-resolver-rules=${NAMES}`,
];

export async function launch(options) {
  if (!existsSync(EXECUTABLE)) throw new Error(`there is no ${EXECUTABLE}; CHROMIUM can name another browser`);
  return chromium.launch({ executablePath: EXECUTABLE, args: ARGS, ...options });
}
