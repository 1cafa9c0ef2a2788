import { rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { socketEndpoint } from "../../../core/address/service-endpoint.ts";
import { VisibleError } from "../../../core/api/errors.ts";
import { visibleFailure } from "../../../core/api/failure.ts";
import { makeFolder } from "../../../gateway/files/folder.ts";
import { type Death, keepRunning } from "../../../gateway/processes/keep-running.ts";
import { type OwnedProcess, startOwned } from "../../../gateway/processes/owned-process.ts";
import { steadyTime, type Time } from "../../../gateway/time/time.ts";
import { until } from "../../../gateway/time/until.ts";
import type { Emulator } from "./emulator.ts";
import { withOwnNetwork } from "./namespace.ts";
import { freePort } from "./port.ts";
import { answersAt, type EmulatorPlace } from "./socket.ts";

export interface DynamoOptions extends EmulatorPlace {
  /** Where its database lies; it is made if need be, and what is in it is found again. */
  readonly dir: string;
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

const untilItAnswers = async (dynoxide: OwnedProcess, endpoint: string, signal: AbortSignal): Promise<void> => {
  const isOver = async () => dynoxide.hasEnded() || (await answersAt(endpoint, signal));
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

/** In its own network nobody else has it. */
const portWithin = 8000;

const bridge = fileURLToPath(new URL(`./bridge${extname(import.meta.url)}`, import.meta.url));

/** How dynoxide is started at a place, each time anew. */
const startAt = async ({
  dir,
  socket,
  port,
}: DynamoOptions): Promise<{ endpoint: string; start: () => Promise<OwnedProcess> }> => {
  const binary = dynoxidePath();
  const listeningOn = (chosen: number) => [
    ...["--host", "127.0.0.1", "--port", chosen.toString()],
    ...["--db-path", join(dir, "dynamo.sqlite")],
  ];
  if (socket === undefined) {
    const chosen = await freePort(port ?? 0);
    return {
      endpoint: `http://127.0.0.1:${chosen}`,
      start: async () => {
        await freePort(chosen);
        return startOwned({ command: binary, parameters: listeningOn(chosen), endsBy: "signal" });
      },
    };
  }
  const inside = [bridge, socket, portWithin.toString(), binary, ...listeningOn(portWithin)];
  const [command, parameters] = withOwnNetwork(process.execPath, inside);
  return {
    endpoint: socketEndpoint(socket),
    start: async () => {
      await rm(socket, { force: true });
      return startOwned({ command, parameters, endsBy: "input" });
    },
  };
};

/**
 * Starts dynoxide with its database in `dir`, and waits until it answers, two minutes at most. It
 * listens on 127.0.0.1, or with `socket` in a network of its own, with a bridge from the socket.
 * One that dies is started again, at the same place with the same database. It ends with this
 * process, however this process ends.
 *
 * @throws {VisibleError} TOOL_MISSING, CONFLICT when the port is taken, STORE_FULL, INTERNAL when
 *   it does not start
 */
export const startDynamo = async (options: DynamoOptions): Promise<Emulator> => {
  const { dir, onDeath = () => undefined, time = steadyTime } = options;
  await makeFolder(dir);
  const { endpoint, start: startOne } = await startAt(options);
  const start = async (signal: AbortSignal): Promise<OwnedProcess> => {
    const dynoxide = await startOne();
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
