import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { VisibleError } from "../../../core/api/errors.ts";
import type { Log } from "../../log.ts";
import { backoffMs } from "../../queues/backoff.ts";
import type { Time } from "../../time.ts";
import { isReady, until } from "./admin.ts";
import type { EnvoyLayout } from "./layout.ts";
import { connectionLine, logLine, outputArguments } from "./output.ts";

const startMs = 20_000;
const stopMs = 5_000;
/** What ran for so long begins again with short waits. */
const steadyMs = 60_000;
const backoff = { firstMs: 500, maxMs: 30_000 };

export interface SupervisedEnvoy {
  /** Ends it, and starts no other. */
  stop(): Promise<void>;
}

/**
 * Runs Envoy for as long as the gateway runs: starts it again when it dies, with growing waits, and takes it along when the
 * gateway itself is killed (`setpriv --pdeathsig`, of util-linux). What it writes goes to the gateway's log.
 * @throws VisibleError INTERNAL when it does not serve within 20 s of its first start
 */
export const superviseEnvoy = async (options: {
  readonly command: string;
  readonly layout: EnvoyLayout;
  readonly log: Log;
  readonly time: Time;
}): Promise<SupervisedEnvoy> => {
  const { command, layout, log, time } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  let child: ChildProcess | undefined;

  /** @returns a promise of how it ended; it never rejects */
  const run = async (): Promise<unknown> => {
    try {
      const args = ["-c", layout.bootstrap, "--disable-hot-restart", ...outputArguments];
      const started = spawn("setpriv", ["--pdeathsig", "TERM", command, ...args], {
        stdio: ["ignore", "pipe", "pipe"],
      });
      const ended = once(started, "close");
      child = started;
      eachLine(started.stdout, (line) => connectionLine(line, log));
      eachLine(started.stderr, (line) => logLine(line, log));
      const [code, killedBy] = await ended;
      return { code, killedBy };
    } catch (error) {
      return { err: error };
    } finally {
      child = undefined;
    }
  };

  const keepRunning = async (first: Promise<unknown>): Promise<void> => {
    let ended = first;
    let startedMs = performance.now();
    for (let deaths = 1; ; deaths++) {
      const how = await ended;
      if (signal.aborted) return;
      if (performance.now() - startedMs > steadyMs) deaths = 1;
      log.error({ how }, "Envoy has died, and is started again");
      await time.sleep(backoffMs(deaths, backoff), signal);
      if (signal.aborted) return;
      startedMs = performance.now();
      ended = run();
    }
  };

  const first = run();
  const serves = until(() => isReady(layout.adminSocket), { withinMs: startMs, time, signal });
  if (!(await Promise.race([serves, first.then(() => false)]))) {
    stopping.abort();
    child?.kill("SIGKILL");
    await first;
    throw new VisibleError("INTERNAL", `Envoy (${command}) does not start.`, {
      hint: "The gateway's log has what it said. See that its port is free.",
    });
  }
  const kept = keepRunning(first);
  return {
    stop: async () => {
      stopping.abort();
      const late = setTimeout(() => child?.kill("SIGKILL"), stopMs);
      child?.kill("SIGTERM");
      await kept;
      clearTimeout(late);
    },
  };
};

/** A process that could not be made has no streams. */
const eachLine = (stream: Readable | undefined, take: (line: string) => void): void =>
  void (stream && createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on("line", take));
