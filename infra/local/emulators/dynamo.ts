import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { VisibleError } from "../../../core/api/errors.ts";
import { visibleFailure } from "../../../core/api/failure.ts";
import { makeFolder } from "../../../gateway/files/folder.ts";
import { type Death, keepRunning } from "../../../gateway/processes/keep-running.ts";
import { type OwnedProcess, startOwned } from "../../../gateway/processes/owned-process.ts";
import { steadyTime, type Time } from "../../../gateway/time/time.ts";
import { until } from "../../../gateway/time/until.ts";
import type { Emulator } from "./emulator.ts";
import { freePort } from "./port.ts";

export interface DynamoOptions {
  /** Where its database lies; it is made if need be, and what is in it is found again. */
  readonly dir: string;
  /** A free one unless given. */
  readonly port?: number;
  /** Ends the waiting for the start. A started emulator is ended by its `stop`. */
  readonly signal?: AbortSignal;
  /** Told when it has ended by itself and is started again. */
  readonly onDeath?: (death: Death) => void;
  readonly time?: Time;
}

/** It takes a tenth of a second, and longer on a machine that is busy. */
const startSecondsMax = 120;

/**
 * The path of dynoxide's binary for a platform.
 * @throws {VisibleError} TOOL_MISSING when no package for this platform is installed
 */
export const dynoxidePath = (platform: string = process.platform, arch: string = process.arch): string => {
  const name = `@dynoxide/${platform}-${arch}`;
  try {
    const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`);
    return join(dirname(manifest), platform === "win32" ? "dynoxide.exe" : "dynoxide");
  } catch (cause) {
    throw new VisibleError("TOOL_MISSING", `The DynamoDB emulator ${name} is not installed.`, {
      hint: `Install it (npm install ${name}), or use another emulator (LocalStack, ministack) by setting AWS_ENDPOINT_URL.`,
      cause,
    });
  }
};

const answers = async (endpoint: string, signal: AbortSignal): Promise<boolean> => {
  try {
    const response = await fetch(endpoint, { signal });
    await response.arrayBuffer();
    return true;
  } catch (error) {
    signal.throwIfAborted();
    // What undici says while nobody listens.
    if (error instanceof TypeError) return false;
    throw error;
  }
};

const untilItAnswers = async (dynoxide: OwnedProcess, endpoint: string, signal: AbortSignal): Promise<void> => {
  const isOver = async () => dynoxide.hasEnded() || (await answers(endpoint, signal));
  const withinMs = startSecondsMax * 1000;
  if (!(await until(isOver, { everyMs: 20, withinMs, time: steadyTime, signal }))) {
    signal.throwIfAborted();
    throw new VisibleError("TIMEOUT", `The DynamoDB emulator does not answer within ${startSecondsMax} s.`);
  }
  if (!dynoxide.hasEnded()) return;
  const last = dynoxide.lastOutput() || (await dynoxide.ended);
  throw endedAtStart(last);
};

/** STORE_FULL where the disk has no room for its database, which no other error of it says. */
export const endedAtStart = (last: string): VisibleError => {
  const message = `The DynamoDB emulator ended at its start: ${last}`;
  const lacking = visibleFailure(new Error(message), "the DynamoDB emulator");
  return lacking ?? new VisibleError("INTERNAL", message, { hint: "Is another one using the same folder?" });
};

/**
 * Starts dynoxide on 127.0.0.1 with its database in `dir`, and waits until it answers, two minutes
 * at most. One that dies is started again, on the same port with the same database. It ends with
 * this process, however this process ends.
 *
 * @throws {VisibleError} TOOL_MISSING, CONFLICT when the port is taken, STORE_FULL, INTERNAL when
 *   it does not start
 */
export const startDynamo = async (options: DynamoOptions): Promise<Emulator> => {
  const { dir, onDeath = () => undefined, time = steadyTime } = options;
  const binary = dynoxidePath();
  await makeFolder(dir);
  const port = await freePort(options.port ?? 0);
  const endpoint = `http://127.0.0.1:${port}`;
  const start = async (signal: AbortSignal): Promise<OwnedProcess> => {
    await freePort(port);
    const parameters = ["--host", "127.0.0.1", "--port", port.toString(), "--db-path", join(dir, "dynamo.sqlite")];
    const dynoxide = startOwned({ command: binary, parameters, endsBy: "signal" });
    const limit = AbortSignal.timeout(startSecondsMax * 1000);
    try {
      await untilItAnswers(dynoxide, endpoint, AbortSignal.any([signal, limit]));
      return dynoxide;
    } catch (error) {
      await dynoxide.stop();
      throw error;
    }
  };

  const stopping = new AbortController();
  const { signal } = stopping;
  const first = await start(options.signal ?? signal);
  const kept = keepRunning({ what: "the DynamoDB emulator", first, start: () => start(signal), onDeath, time, signal });
  const lost = kept.then(() => new Promise<never>(() => undefined));
  // Whoever waits for it hears of it.
  lost.catch(() => undefined);
  return {
    endpoint,
    lost,
    async stop() {
      stopping.abort();
      await kept.catch(() => undefined);
    },
  };
};
