import { loadGatewayConfig } from "../../gateway/config/config.ts";
import { keepPrivate } from "../../gateway/files/private.ts";
import { runGateway } from "../../gateway/main.ts";

/**
 * One gateway in a process of its own: `node gateway-process.js <gateway.yaml>`. It ends when its
 * parent does.
 */
const [configFile] = process.argv.slice(2);
if (configFile === undefined) throw new Error("usage: gateway-process <gateway.yaml>");

keepPrivate();
const stop = new AbortController();
for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, () => stop.abort());
try {
  await runGateway(await loadGatewayConfig(configFile), { signal: stop.signal, stopWithParent: true });
} finally {
  // A call that hangs must not hold the process when all else is closed.
  setTimeout(() => process.exit(), 1_000).unref();
}
