import type { Duplex } from "node:stream";
import { UploadConnection } from "./connection.ts";

/** Below the receiver's own limit, so that it closes none under an upload unless it stops. */
const idleMs = 30_000;
const idleMax = 8;

/** The upload connections to one endpoint: those in use, and those that wait for their next use. */
export class UploadConnections {
  readonly #open: (signal: AbortSignal) => Promise<Duplex>;
  readonly #all = new Set<UploadConnection>();
  readonly #idle = new Map<UploadConnection, NodeJS.Timeout>();
  readonly #opening = new Set<Promise<unknown>>();
  #isRetired = false;
  #isCut = false;

  constructor(open: (signal: AbortSignal) => Promise<Duplex>) {
    this.#open = open;
  }

  /**
   * The one that was used last of those that wait, so that the others end, or a new one.
   * @throws what opening it throws
   */
  async take(signal: AbortSignal): Promise<UploadConnection> {
    for (const [connection, timer] of [...this.#idle].reverse()) {
      clearTimeout(timer);
      this.#idle.delete(connection);
      if (connection.isIdle) return connection;
    }
    const opening = this.#open(signal);
    this.#opening.add(opening);
    try {
      const connection = new UploadConnection(await opening);
      this.#all.add(connection);
      void connection.closed.then(() => {
        this.#all.delete(connection);
        clearTimeout(this.#idle.get(connection));
        this.#idle.delete(connection);
      });
      if (this.#isCut) connection.destroy();
      return connection;
    } finally {
      this.#opening.delete(opening);
    }
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

  /**
   * None is used again after what it has under way, or is being opened for, which is cut after
   * `withinMs`. Resolves when all are closed.
   */
  async retire(withinMs: number): Promise<void> {
    this.#isRetired = true;
    for (const connection of this.#idle.keys()) connection.destroy();
    const cut = setTimeout(() => this.destroy(), withinMs);
    while (this.#all.size > 0 || this.#opening.size > 0) {
      const opened = [...this.#opening].map((opening) => opening.catch(() => undefined));
      await Promise.race([...opened, ...[...this.#all].map(({ closed }) => closed)]);
    }
    clearTimeout(cut);
  }

  /** Cuts all. */
  destroy(): void {
    this.#isRetired = true;
    this.#isCut = true;
    for (const connection of this.#all) connection.destroy();
  }
}
