import type { Emulator } from "./emulator.ts";
import { type EmulatorPlace, listenAt } from "./socket.ts";

/**
 * How late a message may be whose delay or visibility has passed. What is sent wakes whoever
 * waits for it at once.
 */
const lookMs = 500;

/** What is replaced of fauxqs's queue, which is not exported. */
interface Queue {
  pollTimer: NodeJS.Timeout | undefined;
  processTimers(): void;
  startPollTimerIfNeeded(): void;
}

/**
 * While somebody waits at a queue, fauxqs looks every 20 ms whether a message has come back: with
 * eight queues that is most of what this machine has to do when there is nothing to do.
 */
const lookRarely = async (): Promise<void> => {
  const url = new URL("./sqs/sqsStore.js", import.meta.resolve("fauxqs"));
  const { SqsQueue } = (await import(url.href)) as { readonly SqsQueue: { readonly prototype: Queue } };
  SqsQueue.prototype.startPollTimerIfNeeded = function (): void {
    this.pollTimer ??= setInterval(() => this.processTimers(), lookMs);
  };
};

/**
 * Starts fauxqs in this process, on a socket, or on 127.0.0.1 and a free port unless one is given.
 * It keeps its queues and messages in memory: make the queues again after every start; outbox and
 * sweep send again what was in them.
 * @throws {VisibleError} CONFLICT when the port is taken
 */
export const startSqs = async (place: EmulatorPlace = {}): Promise<Emulator> => {
  // Loaded when needed: it brings half of AWS's SDK along.
  const { buildApp } = await import("fauxqs");
  await lookRarely();
  const app = buildApp({ logger: false });
  const endpoint = await listenAt(place, async (where) => {
    await app.listen(where);
    const address = app.server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  });
  return {
    endpoint,
    async stop() {
      const closed = app.close();
      // Clients keep their connections open, and would keep us waiting.
      app.server.closeAllConnections();
      await closed;
    },
  };
};
