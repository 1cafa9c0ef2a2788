import { VisibleError } from "../../../core/api/errors.ts";
import type { SiteId } from "../../../core/api/ids.ts";
import type { Log } from "../../log/log.ts";
import { keepRunning } from "../../processes/keep-running.ts";
import { type OwnedProcess, startOwned } from "../../processes/owned-process.ts";
import type { Time } from "../../time/time.ts";
import { until } from "../../time/until.ts";
import { isReady, pollMs } from "./admin.ts";
import type { EnvoyLayout } from "./layout.ts";
import { connectionLine, logLine, outputArguments } from "./output.ts";

const startMs = 20_000;

export interface SupervisedEnvoy {
  /** Rejects when it can't be kept running. Resolves after a stop. */
  readonly ended: Promise<void>;
  /** Ends it, and starts no other. */
  stop(): Promise<void>;
}

/**
 * Runs Envoy for as long as the gateway runs: starts it again when it dies, and takes it along when
 * the gateway itself is killed. What it writes goes to the gateway's log.
 * @throws VisibleError INTERNAL when it does not serve within 20 s of its first start
 */
export const superviseEnvoy = async (options: {
  readonly command: string;
  readonly layout: EnvoyLayout;
  readonly log: Log;
  readonly time: Time;
  /** Is told why gateways of a site were refused, or refused us. */
  readonly onRefused?: (siteId: SiteId, reason: string) => void;
}): Promise<SupervisedEnvoy> => {
  const { command, layout, log, time, onRefused } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  const run = (): OwnedProcess =>
    startOwned({
      command,
      parameters: ["-c", layout.bootstrap, "--disable-hot-restart", ...outputArguments],
      endsBy: "signal",
      output: { stdout: (line) => connectionLine(line, log, onRefused), stderr: (line) => logLine(line, log) },
    });

  const first = run();
  const serves = until(() => isReady(layout.adminSocket), { everyMs: pollMs, withinMs: startMs, time, signal });
  if (!(await Promise.race([serves, first.ended.then(() => false)]))) {
    stopping.abort();
    const why = first.hasEnded() ? `: ${await first.ended}` : "";
    await first.stop();
    throw new VisibleError("INTERNAL", `Envoy (${command}) does not start${why}.`, {
      hint: "The gateway's log has what it said. See that its port is free.",
    });
  }
  const ended = keepRunning({
    what: "Envoy",
    first,
    start: async () => run(),
    onDeath: ({ how, pauseMs }) => log.error({ how, pauseMs }, "Envoy has died, and is started again"),
    hint: "The gateway's log has what it said. See that its port is free.",
    time,
    signal,
  });
  // Whoever waits for it hears of it.
  ended.catch(() => undefined);
  return {
    ended,
    stop: async () => {
      stopping.abort();
      await ended.catch(() => undefined);
    },
  };
};
