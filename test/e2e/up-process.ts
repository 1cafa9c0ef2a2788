import { localUp } from "../../infra/local/up.ts";

/** The whole system as a process that a test can kill: `node up-process.ts <dir> <gateways per site>`. */
const [dir, gateways] = process.argv.slice(2);
if (dir === undefined) throw new Error("usage: up-process <dir> [gateways per site]");
const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());
// The test may be gone without having said so.
process.stdin.once("end", () => process.exit(1)).resume();
await localUp({
  dir,
  sites: ["a", "b"],
  gatewaysPerSite: Number(gateways ?? 1),
  signal: stop.signal,
  onReady: (client) => process.stdout.write(`${JSON.stringify(client)}\n`),
});
process.stdin.destroy();
