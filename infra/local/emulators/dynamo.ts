import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { VisibleError } from "../../../core/api/errors.ts";
import type { Emulator } from "./emulator.ts";
import type { GuardedProcess } from "./guarded-process.ts";
import { startGuarded } from "./guarded-process.ts";
import { freePort } from "./port.ts";

export interface DynamoOptions {
  /** Where its database lies; it is made if need be, and what is in it is found again. */
  readonly dir: string;
  /** A free one unless given. */
  readonly port?: number;
  /** Ends the waiting for the start. A started emulator is ended by its `stop`. */
  readonly signal?: AbortSignal;
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

const untilItAnswers = async (guarded: GuardedProcess, endpoint: string, signal: AbortSignal): Promise<void> => {
  while (!(await answers(endpoint, signal))) {
    if (guarded.hasExited()) break;
    await setTimeout(20, undefined, { signal });
  }
  if (!guarded.hasExited()) return;
  throw new VisibleError("INTERNAL", `The DynamoDB emulator ended at its start: ${guarded.lastOutput()}`, {
    hint: "Is another one using the same folder?",
  });
};

/**
 * Starts dynoxide on 127.0.0.1 with its database in `dir`, and waits until it answers, two minutes at most. It ends with this
 * process, however this process ends.
 * @throws {VisibleError} TOOL_MISSING, CONFLICT when the port is taken, INTERNAL when it does not start
 */
export const startDynamo = async ({ dir, port, signal }: DynamoOptions): Promise<Emulator> => {
  const binary = dynoxidePath();
  await mkdir(dir, { recursive: true });
  const chosen = await freePort(port ?? 0);
  const parameters = ["--host", "127.0.0.1", "--port", chosen.toString(), "--db-path", join(dir, "dynamo.sqlite")];
  const guarded = startGuarded(binary, parameters);
  const endpoint = `http://127.0.0.1:${chosen}`;
  const limit = AbortSignal.timeout(startSecondsMax * 1000);
  try {
    await untilItAnswers(guarded, endpoint, signal === undefined ? limit : AbortSignal.any([signal, limit]));
  } catch (error) {
    await guarded.stop();
    throw error;
  }
  return { endpoint, stop: () => guarded.stop() };
};
