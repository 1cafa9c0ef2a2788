import { randomBytes } from "node:crypto";
import { VisibleError } from "../../core/api/errors.ts";
import { steadyTime, type Time } from "../time/time.ts";
import type { IscsiCall } from "./call.ts";
import { type DiscoveredTarget, discover } from "./connection/discovery.ts";
import { ConnectionLost } from "./connection/lost.ts";
import { type IscsiLimits, usualIscsiLimits } from "./limits.ts";
import type { ChapAccount } from "./login/chap.ts";
import { blockLimitsAt, capacityAt, identityOf, lunsAt } from "./lun/look.ts";
import { Lun } from "./lun/lun.ts";
import { type Ask, Nexus } from "./lun/nexus.ts";
import { joinReservation, LunReservation } from "./lun/reservation.ts";
import type { IscsiPortal } from "./portal.ts";
import { lunAddress } from "./scsi/lun-address.ts";
import { unreachable } from "./unreachable.ts";

export interface InitiatorOptions {
  /** Tried in turn; each may send us on to a node. */
  readonly portals: readonly IscsiPortal[];
  /** False: one that sends us on is CLUSTER_REFUSED. */
  readonly isSentOn?: boolean;
  /** iqn… */
  readonly initiatorName: string;
  /** MD5. */
  readonly chap?: ChapAccount;
  readonly limits?: Partial<IscsiLimits>;
  /** One that nobody sets. */
  readonly time?: Time;
}

export interface LunOptions {
  readonly targetName: string;
  readonly lun: number;
  /** One unless told otherwise. */
  readonly sessions?: number;
  /** Each session registers it when it begins; the first reserves the LUN if nobody has. */
  readonly reservationKey?: bigint;
  /**
   * Whether the key is still the writer's whose it was, which must not ask this LUN. It is asked
   * after each registration; without it a session whose connection was lost is fenced.
   */
  readonly mayRegister?: () => Promise<boolean>;
}

/** Opens LUNs of a cluster over iSCSI (RFC 7143). */
export class Initiator {
  readonly #options: InitiatorOptions;
  readonly #limits: IscsiLimits;
  readonly #time: Time;
  readonly #sessions = new Set<Nexus>();

  constructor(options: InitiatorOptions) {
    this.#options = options;
    this.#limits = { ...usualIscsiLimits, ...options.limits };
    this.#time = options.time ?? steadyTime;
  }

  /**
   * @throws CLUSTER_UNREACHABLE, CLUSTER_REFUSED, CLUSTER_BUSY, VOLUME_UNKNOWN, FENCED, TIMEOUT,
   *   the signal's reason
   */
  async openLun(options: LunOptions, call?: IscsiCall): Promise<Lun> {
    const name = `LUN ${options.lun} of ${options.targetName}`;
    const [first, ...others] = Array.from({ length: options.sessions ?? 1 }, (_, i) => this.#nexus(name, options, i));
    if (first === undefined) throw new VisibleError("BAD_REQUEST", "A LUN is opened with one session or more.");
    const sessions = [first, ...others] as const;
    try {
      const ask: Ask = (command, each) => first.run(command, each);
      const identity = await identityOf(ask, name, call);
      const capacity = await capacityAt(ask, name, call);
      const blockLimits = await blockLimitsAt(ask, call);
      await Promise.all(others.map((other) => capacityAt((command, each) => other.run(command, each), name, call)));
      const reservation = new LunReservation(sessions);
      return new Lun({ name, sessions, identity, capacity, blockLimits, reservation, limits: this.#limits });
    } catch (error) {
      await Promise.all(sessions.map((session) => session.close()));
      throw error;
    }
  }

  /** The ids of a target's LUNs, disks or not. @throws as `openLun` */
  async luns(targetName: string, call?: IscsiCall): Promise<readonly number[]> {
    const nexus = this.#nexus(`The target ${targetName}`, { targetName, lun: 0 }, 0);
    try {
      return await lunsAt((command, each) => nexus.run(command, each), call);
    } finally {
      await nexus.close();
    }
  }

  /** The targets that the first portal that answers knows of. @throws as `openLun` */
  async targets(call: IscsiCall = {}): Promise<readonly DiscoveredTarget[]> {
    const { initiatorName, chap, portals } = this.#options;
    const { signal = new AbortController().signal } = call;
    const options = { initiatorName, chap, isid: isidOf(0), limits: this.#limits, time: this.#time, signal };
    let lost: ConnectionLost | undefined;
    for (const portal of portals) {
      try {
        return await discover(portal, options);
      } catch (error) {
        if (!(error instanceof ConnectionLost)) throw error;
        lost ??= error;
      }
    }
    throw unreachable("The cluster", portals, lost);
  }

  /** Closes all LUNs that are open. */
  async close(): Promise<void> {
    await Promise.all([...this.#sessions].map((session) => session.close()));
  }

  #nexus(name: string, options: LunOptions, index: number): Nexus {
    const { initiatorName, chap, portals, isSentOn = true } = this.#options;
    const { targetName, reservationKey: key } = options;
    const mayRegister = options.mayRegister ?? onceOnly();
    const nexus = new Nexus({
      ...{ name, targetName, initiatorName, chap, portals, isSentOn },
      ...{ lun: lunAddress(options.lun), isid: isidOf(index), limits: this.#limits, time: this.#time },
      ...(key !== undefined && { onConnected: (ask: Ask) => joinReservation(ask, { key, mayRegister, name }) }),
      onClosed: () => this.#sessions.delete(nexus),
    });
    this.#sessions.add(nexus);
    return nexus;
  }
}

/** Random, of the form that is nobody's (RFC 7143, 11.12.5), with a number of ours. */
const isidOf = (index: number): Uint8Array => {
  const isid = Buffer.concat([Uint8Array.of(0x80), randomBytes(3), Buffer.alloc(2)]);
  isid.writeUInt16BE(index, 4);
  return isid;
};

const onceOnly = (): (() => Promise<boolean>) => {
  let isFirst = true;
  return async () => {
    const was = isFirst;
    isFirst = false;
    return was;
  };
};
