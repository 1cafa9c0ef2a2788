import { once } from "node:events";
import type { GatewayConfig } from "./config.ts";
import { startGateway } from "./gateway.ts";
import { createLog, type Log } from "./log.ts";

export interface RunGatewayOptions {
  /** Ends the gateway. */
  readonly signal: AbortSignal;
  /**
   * Ends the gateway also when standard input, a pipe, is closed at its other end, so that no orphan stays behind when
   * the process that started it is killed.
   */
  readonly stopWithParent?: boolean;
  readonly stdin?: NodeJS.ReadStream;
  /** Where to log; JSON lines on standard output unless told otherwise. */
  readonly log?: Log;
}

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
 * Runs a gateway until the signal is aborted, then lets go of its work and closes everything, within 10 s. It writes
 * nothing to standard output but its log.
 * @throws what starting it throws, and what it can't go on after
 */
export const runGateway = async (config: GatewayConfig, options: RunGatewayOptions): Promise<void> => {
  const { stopWithParent = false, stdin = process.stdin } = options;
  const { gatewayId, siteId, logLevel: level } = config;
  const log = options.log ?? createLog({ gatewayId, siteId, level });
  const gateway = await startGateway(config, log);
  log.info({ endpoint: gateway.endpoint }, "ready");
  const over = new AbortController();
  const signal = AbortSignal.any([options.signal, over.signal]);
  const asked = signal.aborted ? Promise.resolve() : once(signal, "abort");
  const orphaned = stopWithParent ? closed(stdin, signal) : asked;
  try {
    await Promise.race([asked, orphaned, gateway.ended]);
  } catch (error) {
    log.error({ err: error }, "the gateway can't go on");
    throw error;
  } finally {
    log.info({}, "stopping");
    over.abort();
    await gateway.stop();
    log.info({}, "stopped");
  }
};
