import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, open } from "node:fs/promises";
import { extname, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Environment } from "../../functions/aws/clients.ts";
import type { Log } from "../../functions/deps.ts";
import { writeFileSafely } from "../../gateway/files.ts";

/** A gateway process: where its configuration is, and where its log and its process id go. */
export interface GatewayProcess {
  readonly id: string;
  readonly configFile: string;
  readonly logFile: string;
  readonly pidFile: string;
}

const script = fileURLToPath(new URL(`./gateway-process${extname(import.meta.url)}`, import.meta.url));

const restartMillisecondsMax = 10_000;
/** One that lived this long starts again at once. */
const healthyMilliseconds = 30_000;
const stopMilliseconds = 12_000;

/**
 * Keeps a gateway running until the signal: one that ends is started again, ever later if it keeps ending. It ends with
 * this process, however this process ends.
 */
export const superviseGateway = async (options: {
  readonly gateway: GatewayProcess;
  readonly env: Environment;
  readonly log: Log;
  readonly signal: AbortSignal;
}): Promise<void> => {
  const { gateway, log, signal } = options;
  let pause = 250;
  while (!signal.aborted) {
    const begun = Date.now();
    const how = await runOnce(options);
    if (signal.aborted) return;
    pause = Date.now() - begun > healthyMilliseconds ? 250 : Math.min(restartMillisecondsMax, pause * 2);
    log.warn({ gatewayId: gateway.id, how, logFile: gateway.logFile, pause }, "a gateway ended and is started again");
    await wait(pause, undefined, { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }
};

const runOnce = async ({ gateway, env, signal }: Parameters<typeof superviseGateway>[0]): Promise<string> => {
  await mkdir(join(gateway.logFile, ".."), { recursive: true });
  const output = await open(gateway.logFile, "a");
  try {
    // Its standard input stays open for as long as we live: its end tells the gateway that we are gone.
    const child = spawn(process.execPath, [script, gateway.configFile], {
      stdio: ["pipe", output.fd, output.fd],
      env: { ...env } as NodeJS.ProcessEnv,
      detached: true,
    });
    const exited = once(child, "exit");
    if (child.pid !== undefined) await writeFileSafely(gateway.pidFile, `${child.pid}\n`);
    const [code, name] = await endedOrStopped(child, exited, signal);
    return name === null ? `exit ${code}` : `signal ${name}`;
  } finally {
    await output.close();
  }
};

const endedOrStopped = async (child: ChildProcess, exited: Promise<unknown[]>, signal: AbortSignal) => {
  const stop = () => {
    child.kill("SIGTERM");
    setTimeout(() => child.kill("SIGKILL"), stopMilliseconds).unref();
  };
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await exited;
  } finally {
    signal.removeEventListener("abort", stop);
  }
};
