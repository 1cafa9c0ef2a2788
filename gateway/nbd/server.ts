import type { Socket } from "node:net";
import type { Log } from "../log/log.ts";
import { seldom } from "../log/seldom.ts";
import { steadyTime, type Time } from "../time/time.ts";
import { within } from "../time/within.ts";
import type { NbdExport } from "./export.ts";
import { type Settled, shakeHands } from "./handshake/handshake.ts";
import type { NbdTls } from "./handshake/tls.ts";
import { ConnectionEnded } from "./incoming.ts";
import { type NbdLimits, usualLimits } from "./limits.ts";
import { Pieces } from "./transmission/pieces.ts";
import { transmit } from "./transmission/transmission.ts";
import { Turns } from "./transmission/turns.ts";

export interface NbdServerOptions {
  /** The first is the one that is served to whoever names none. */
  readonly exports: readonly NbdExport[];
  /** Missing where only those come who may. */
  readonly tls?: NbdTls;
  readonly limits?: Partial<NbdLimits>;
  readonly log: Log;
  readonly time?: Time;
}

/** How long a client has to take the last words. */
const lastWordsMs = 1000;

/** Serves exports to connections that somebody else accepts. */
export class NbdServer {
  readonly #options: NbdServerOptions;
  readonly #limits: NbdLimits;
  readonly #pieces = new Pieces();
  readonly #turns = new Turns();
  readonly #handshakes = new Set<Socket>();
  readonly #conversations = new Map<Settled, Promise<void>>();
  readonly #onFailed: (error: unknown) => void;
  readonly #onBadClient: (error: unknown) => void;
  #connections = 0;
  #isClosing = false;

  constructor(options: NbdServerOptions) {
    this.#options = options;
    this.#limits = { ...usualLimits, ...options.limits };
    this.#onFailed = this.#seldom((fields) => options.log.failed(fields, "requests to an export failed"));
    this.#onBadClient = this.#seldom((fields) => options.log.warn(fields, "clients of an export were sent away"));
  }

  /** Those that have chosen an export. */
  get connections(): number {
    return this.#connections;
  }

  /** Serves a connection until it ends. */
  accept(socket: Socket): void {
    // What ends it, those who read and write find out.
    socket.on("error", () => undefined);
    if (this.#isClosing) return void socket.destroy();
    socket.setNoDelay(true);
    // A host that died keeps no place.
    socket.setKeepAlive(true, 10_000);
    this.#handshakes.add(socket);
    const [oldest] = this.#handshakes;
    if (this.#handshakes.size > this.#limits.handshakes) this.#endHandshake(oldest);
    void this.#serve(socket);
  }

  /**
   * Takes nothing more from clients, and lets what they have asked for end; what takes longer than
   * `withinSeconds` is cut.
   */
  async close(withinSeconds: number): Promise<void> {
    this.#isClosing = true;
    for (const socket of this.#handshakes) this.#endHandshake(socket);
    for (const { incoming } of this.#conversations.keys()) incoming.stop();
    const ending = Promise.all(this.#conversations.values());
    await within(ending, withinSeconds * 1000, this.#options.time ?? steadyTime);
    for (const { stream } of this.#conversations.keys()) stream.destroy();
  }

  async #serve(socket: Socket): Promise<void> {
    let hasEntered = false;
    const enter = () => {
      hasEntered = this.#connections < this.#limits.connections;
      if (hasEntered) this.#connections++;
      return hasEntered;
    };
    const late = setTimeout(() => this.#endHandshake(socket), this.#limits.handshakeSeconds * 1000);
    try {
      const { exports, tls } = this.#options;
      const settled = await shakeHands(socket, { exports: () => exports, tls, enter });
      clearTimeout(late);
      if (settled !== undefined && this.#handshakes.delete(socket)) await this.#converse(settled);
    } catch (error) {
      if (!(error instanceof ConnectionEnded) && !socket.destroyed) this.#onBadClient(error);
    } finally {
      clearTimeout(late);
      this.#endHandshake(socket);
      if (hasEntered) this.#connections--;
      socket.destroy();
    }
  }

  async #converse(settled: Settled): Promise<void> {
    const { stream } = settled;
    const talking = transmit({
      ...settled,
      pieces: this.#pieces,
      turns: this.#turns,
      requestsInFlight: this.#limits.requestsInFlight,
      onFailed: this.#onFailed,
      cut: () => stream.destroy(),
    });
    this.#conversations.set(settled, talking.then(ignore, ignore));
    try {
      await talking;
    } finally {
      const said = new Promise((resolve) => stream.once("close", resolve).end(resolve));
      await within(said, lastWordsMs, this.#options.time ?? steadyTime);
      stream.destroy();
      this.#conversations.delete(settled);
    }
  }

  #endHandshake(socket: Socket | undefined): void {
    if (socket !== undefined && this.#handshakes.delete(socket)) socket.destroy();
  }

  /** Tells of the newest of many errors, once a minute. */
  #seldom(tell: (fields: { readonly err: unknown; readonly times: number }) => void): (error: unknown) => void {
    let err: unknown;
    const told = seldom(steadyTime.nowMs, (times) => tell({ err, times }));
    return (error) => {
      err = error;
      told();
    };
  }
}

const ignore = (): void => undefined;
