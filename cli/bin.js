#!/usr/bin/env node
// Plain JavaScript that any Node can read, so that one that is too old is told so instead of failing on the syntax.
import { existsSync } from "node:fs";

const interrupted = 130;

const end = (exitCode) => {
  // An exit waits for calls of a disk that does not answer. The signal that asked for the end does not.
  const hangs = process.getActiveResourcesInfo().some((name) => name.startsWith("FSReq"));
  if (exitCode !== interrupted || !hangs) process.exit();
  process.removeAllListeners("SIGINT");
  process.kill(process.pid, "SIGINT");
};

const wanted = [22, 19];
const [major, minor] = process.versions.node.split(".").map(Number);

if (major < wanted[0] || (major === wanted[0] && minor < wanted[1])) {
  process.stderr.write(
    `error: smtx-backup needs Node.js ${wanted.join(".")} or newer, and this is ${process.versions.node} (${process.execPath}).\n` +
      "  hint: Install a newer one from https://nodejs.org and put it first in PATH. Where npm has brought one: npx smtx-backup …, or PATH=node_modules/.bin:$PATH\n",
  );
  process.exitCode = 2;
} else {
  // What Node finds experimental is our business and no user's.
  const emitWarning = process.emitWarning;
  process.emitWarning = (warning, ...rest) => {
    const kind = typeof rest[0] === "object" ? rest[0]?.type : rest[0];
    if (kind !== "ExperimentalWarning") emitWarning.call(process, warning, ...rest);
  };
  // Node strips types in a checkout, and refuses to in node_modules: there the package has what was built from them.
  const isCheckout = existsSync(new URL("./main.ts", import.meta.url));
  const built = (path) => new URL(isCheckout ? `./${path}.ts` : `../dist/cli/${path}.js`, import.meta.url).href;
  const { main } = await import(built("main"));
  const { processHost } = await import(built("host/host"));
  const exitCode = await main(process.argv.slice(2), processHost());
  process.exitCode = exitCode;
  // What hangs, and was given up, must not hold the process; whoever reads slowly what was printed may take his time.
  process.stdout.write("", () => setTimeout(() => end(exitCode), 1_000).unref());
}
