import type { Duplex } from "node:stream";
import { UploadConnection } from "./connection.ts";

/** Below the receiver's own limit, so that it never closes one under an upload. */
const idleMs = 30_000;
const idleMax = 8;

/** The upload connections to one endpoint: those in use, and those that wait for their next use. */
export class UploadConnections {
  readonly #open: (signal: AbortSignal) => Promise<Duplex>;
  readonly #all = new Set<UploadConnection>();
  readonly #idle = new Map<UploadConnection, NodeJS.Timeout>();
  #isRetired = false;

  constructor(open: (signal: AbortSignal) => Promise<Duplex>) {
    this.#open = open;
  }

  /** One that waits, or a new one. @throws what opening it throws */
  async take(signal: AbortSignal): Promise<UploadConnection> {
    for (const [connection, timer] of this.#idle) {
      clearTimeout(timer);
      this.#idle.delete(connection);
      if (connection.isIdle) return connection;
    }
    const connection = new UploadConnection(await this.#open(signal));
    this.#all.add(connection);
    void connection.closed.then(() => {
      this.#all.delete(connection);
      clearTimeout(this.#idle.get(connection));
      this.#idle.delete(connection);
    });
    if (this.#isRetired) connection.destroy();
    return connection;
  }

  /** After its use, whatever it came to. */
  give(connection: UploadConnection): void {
    if (this.#isRetired || !connection.isIdle || this.#idle.size === idleMax) {
      connection.destroy();
      return;
    }
    const timer = setTimeout(() => connection.destroy(), idleMs);
    timer.unref();
    this.#idle.set(connection, timer);
  }

  /** None is used again after what it has under way, which is cut after `withinMs`. Resolves when all are closed. */
  async retire(withinMs: number): Promise<void> {
    this.#isRetired = true;
    for (const connection of this.#idle.keys()) connection.destroy();
    const cut = setTimeout(() => this.destroy(), withinMs);
    await Promise.all([...this.#all].map(({ closed }) => closed));
    clearTimeout(cut);
  }

  /** Cuts all. */
  destroy(): void {
    this.#isRetired = true;
    for (const connection of this.#all) connection.destroy();
  }
}
