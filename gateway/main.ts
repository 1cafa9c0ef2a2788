import { once } from "node:events";
import { VisibleError } from "../core/api/errors.ts";
import type { GatewayConfig } from "./config/config.ts";
import { refuseTooFewDescriptors } from "./files/descriptors.ts";
import { type RunningGateway, startGateway } from "./gateway.ts";
import { createLog, type Log } from "./log/log.ts";
import { whileMoving } from "./time/standstill.ts";
import { systemTime } from "./time/time.ts";

export interface RunGatewayOptions {
  /** Ends the gateway. */
  readonly signal: AbortSignal;
  /**
   * Ends the gateway also when standard input, a pipe, is closed at its other end, so that no
   * orphan stays behind when the process that started it is killed.
   */
  readonly stopWithParent?: boolean;
  readonly stdin?: NodeJS.ReadStream;
  /** Where to log; JSON lines on standard output unless told otherwise. */
  readonly log?: Log;
}

/** For opening the storage, starting threads and Envoy, each within its own limit. */
const startSeconds = 300;

/**
 * Starts it, and stops it again when it is there after nobody waits for it any more.
 * @throws what starting it throws, TIMEOUT, the signal's reason
 */
const started = (config: GatewayConfig, log: Log, signal: AbortSignal): Promise<RunningGateway> =>
  whileMoving(
    {
      seconds: startSeconds,
      time: systemTime,
      signal,
      late: () =>
        new VisibleError("TIMEOUT", `The gateway did not start within ${startSeconds} s.`, {
          hint: "See whether the disks that its storage and its files are on answer: smtx-backup gateway check -c FILE.",
        }),
      onAbandoned: (late) => void late.then((gateway) => gateway.stop()).catch(() => undefined),
    },
    (watch) => startGateway(config, log, watch),
  );

/** Resolves when the pipe is closed at its other end, or the signal is aborted. */
const closed = async (stdin: NodeJS.ReadStream, signal: AbortSignal): Promise<void> => {
  stdin.resume();
  try {
    await once(stdin, "close", { signal });
  } catch (error) {
    // A pipe that fails has nobody at its other end either.
    if (!signal.aborted && error !== stdin.errored) throw error;
  } finally {
    // An open pipe that is read would keep the process from ending.
    stdin.pause();
    stdin.unref();
  }
};

/**
 * Runs a gateway until the signal is aborted, then lets go of its work and closes everything,
 * within 10 s. It writes nothing to standard output but its log.
 * @throws what starting it throws, and what it can't go on after
 */
export const runGateway = async (config: GatewayConfig, options: RunGatewayOptions): Promise<void> => {
  const { stopWithParent = false, stdin = process.stdin } = options;
  const { gatewayId, siteId, logLevel: level } = config;
  const log = options.log ?? createLog({ gatewayId, siteId, level });
  const over = new AbortController();
  const signal = AbortSignal.any([options.signal, over.signal]);
  const orphaned = stopWithParent ? closed(stdin, signal) : new Promise<never>(() => undefined);
  // Also while it starts.
  orphaned.then(
    () => over.abort(),
    () => undefined,
  );
  try {
    await refuseTooFewDescriptors();
    const gateway = await started(config, log, signal);
    log.info({ endpoint: gateway.endpoint }, "ready");
    await untilEnd(gateway, { signal, orphaned, log });
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error;
    log.info({}, "stopped before it had started");
  } finally {
    over.abort();
  }
};

const untilEnd = async (
  gateway: RunningGateway,
  { signal, orphaned, log }: { readonly signal: AbortSignal; readonly orphaned: Promise<void>; readonly log: Log },
): Promise<void> => {
  const asked = signal.aborted ? Promise.resolve() : once(signal, "abort");
  try {
    await Promise.race([asked, orphaned, gateway.ended]);
  } catch (error) {
    log.error({ err: error }, "the gateway can't go on");
    throw error;
  } finally {
    log.info({}, "stopping");
    await gateway.stop();
    log.info({}, "stopped");
  }
};
