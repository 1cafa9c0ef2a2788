import { VisibleError } from "../../../core/api/errors.ts";
import { backoff } from "../../../core/waiting/backoff.ts";
import type { Time } from "../../time/time.ts";
import { unlessAborted } from "../../time/unless-aborted.ts";
import type { IscsiCall } from "../call.ts";
import type { ScsiCommand, ScsiReply } from "../connection/command.ts";
import { IscsiConnection } from "../connection/connection.ts";
import { dial } from "../connection/dial.ts";
import { ConnectionLost } from "../connection/lost.ts";
import type { IscsiLimits } from "../limits.ts";
import type { LoginOptions } from "../login/login.ts";
import type { IscsiPortal } from "../portal.ts";
import { meaningOf } from "../scsi/meaning.ts";
import { unreachable } from "../unreachable.ts";

const connectBackoffMs = { first: 100, max: 4_000, jitter: 0.5 };
const busyBackoffMs = { first: 50, max: 5_000, jitter: 0.5 };
/** So many conditions a LUN may have to tell before it does what it is asked to. */
const attentionsMax = 20;

/** A command for the nexus's own LUN. */
export type LunCommand = Omit<ScsiCommand, "lun">;

/** Sends a command, waits out what passes, and gives a good reply. */
export type Ask = (command: LunCommand, call?: IscsiCall) => Promise<ScsiReply>;

export interface NexusOptions extends Omit<LoginOptions, "portal"> {
  readonly portals: readonly IscsiPortal[];
  /** Of the LUN, for people. */
  readonly name: string;
  readonly lun: Uint8Array;
  readonly limits: IscsiLimits;
  readonly time: Time;
  readonly isSentOn?: boolean;
  /** What has to be done on each new connection before anything else. */
  readonly onConnected?: (ask: Ask) => Promise<void>;
  readonly onClosed: () => void;
}

/**
 * One initiator's way to one LUN: a connection that is made anew when it is lost, under the same
 * name, so that the target drops what it still had of the old one.
 */
export class Nexus {
  /** Whether something was written that is not known to be flushed. */
  hasWritten = false;
  readonly #options: NexusOptions;
  readonly #closing = new AbortController();
  #connection: IscsiConnection | undefined;
  #connecting: Promise<IscsiConnection> | undefined;
  /** In a row, without a good reply in between. */
  #failures = 0;
  #dials = 0;
  #underWay = 0;

  constructor(options: NexusOptions) {
    this.#options = options;
  }

  /** Where its connection is, or was; undefined before the first. */
  get portal(): IscsiPortal | undefined {
    return this.#connection?.portal;
  }

  get underWay(): number {
    return this.#underWay;
  }

  /**
   * @param options.isRepeatable whether it may be done twice; otherwise a lost connection is an
   *   error
   * @throws VisibleError, the signal's reason
   */
  async run(command: LunCommand, call: IscsiCall = {}, { isRepeatable = true } = {}): Promise<ScsiReply> {
    this.#underWay += 1;
    try {
      for (let losses = 0; ; losses += 1) {
        const connection = await this.#connected(call.signal);
        try {
          return await this.#ask(connection, command, call);
        } catch (error) {
          call.signal?.throwIfAborted();
          const isLost = error instanceof ConnectionLost;
          if (!isLost) throw error;
          if (!isRepeatable || losses >= this.#options.limits.reconnects) throw this.#unreachable(error);
        }
      }
    } finally {
      this.#underWay -= 1;
    }
  }

  /** What is under way fails. */
  async close(): Promise<void> {
    this.#closing.abort(new VisibleError("CLUSTER_UNREACHABLE", `${this.#options.name} was closed.`));
    await this.#connecting?.catch(() => undefined);
    await this.#connection?.close(this.#options.time);
    this.#options.onClosed();
  }

  async #connected(signal: AbortSignal | undefined): Promise<IscsiConnection> {
    if (this.#connection?.isUsable) return this.#connection;
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined;
    });
    return unlessAborted(signal, this.#connecting);
  }

  async #connect(): Promise<IscsiConnection> {
    const { limits, portals, time } = this.#options;
    const { signal } = this.#closing;
    const isFirst = this.#connection === undefined;
    if (this.#connection !== undefined) {
      // Whoever is asked to leave may still have commands to end.
      await this.#connection.ended;
      this.#failures += 1;
    }
    const failuresMax = isFirst ? portals.length - 1 : limits.reconnects;
    for (;;) {
      signal.throwIfAborted();
      if (this.#failures > 0 && !isFirst) {
        await time.sleep(backoff(connectBackoffMs, this.#failures, Math.random()), signal);
      }
      try {
        this.#connection = await this.#dial();
        return this.#connection;
      } catch (error) {
        signal.throwIfAborted();
        this.#failures += 1;
        if (this.#failures > failuresMax || !mayPass(error, isFirst)) throw this.#unreachable(error);
      }
    }
  }

  async #dial(): Promise<IscsiConnection> {
    const { limits, time, portals, onConnected } = this.#options;
    const portal = portals[this.#dials % portals.length];
    if (portal === undefined) throw new ConnectionLost("there is none");
    this.#dials += 1;
    const options = { ...this.#options, signal: this.#closing.signal };
    const connection = await dial(portal, options, (wire, loggedIn) => {
      return new IscsiConnection({ wire, loggedIn, limits, time });
    });
    try {
      await onConnected?.((command, call = {}) => this.#ask(connection, command, call));
      return connection;
    } catch (error) {
      await connection.close(time);
      throw error;
    }
  }

  async #ask(connection: IscsiConnection, command: LunCommand, call: IscsiCall): Promise<ScsiReply> {
    const { lun, name, limits, time } = this.#options;
    let [attentions, busy] = [0, 0];
    for (;;) {
      const reply = await connection.run({ ...command, lun }, call);
      const meaning = meaningOf(reply, name);
      if (meaning.kind === "good") {
        this.#failures = 0;
        return reply;
      }
      if (meaning.kind === "failed") throw meaning.error;
      if (meaning.kind === "again") {
        attentions += 1;
        if (attentions > attentionsMax) throw meaning.error;
        continue;
      }
      busy += 1;
      if (busy > limits.busyTries) throw meaning.error;
      const signal = AbortSignal.any([this.#closing.signal, ...(call.signal === undefined ? [] : [call.signal])]);
      await time.sleep(backoff(busyBackoffMs, busy, Math.random()), signal);
      signal.throwIfAborted();
    }
  }

  #unreachable(error: unknown): unknown {
    if (!(error instanceof ConnectionLost)) return error;
    return unreachable(this.#options.name, this.#options.portals, error);
  }
}

/** A node that has just come back may not know its targets yet; who is refused stays so. */
const mayPass = (error: unknown, isFirst: boolean): boolean =>
  error instanceof ConnectionLost ||
  VisibleError.is(error, "CLUSTER_BUSY") ||
  (!isFirst && VisibleError.is(error, "VOLUME_UNKNOWN"));
