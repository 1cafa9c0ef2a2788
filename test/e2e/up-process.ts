import { type LocalUpOptions, localUp } from "../../infra/local/up.ts";

/**
 * The whole system as a process that a test can kill:
 * `node up-process.ts <dir> <gateways per site> <sites> <more of its options, as JSON>`.
 */
const [dir, gateways, sites = "a,b", more = "{}"] = process.argv.slice(2);
if (dir === undefined) throw new Error("usage: up-process <dir> [gateways per site [sites [more]]]");
const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());
// The test may be gone without having said so.
process.stdin.once("end", () => process.exit(1)).resume();
await localUp({
  ...(JSON.parse(more) as Pick<LocalUpOptions, "storages" | "envoy">),
  dir,
  sites: sites.split(","),
  gatewaysPerSite: Number(gateways ?? 1),
  signal: stop.signal,
  onReady: (client) => process.stdout.write(`${JSON.stringify(client)}\n`),
});
process.stdin.destroy();
