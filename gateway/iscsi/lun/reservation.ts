import { VisibleError } from "../../../core/api/errors.ts";
import type { IscsiCall } from "../call.ts";
import {
  persistentReserveIn,
  persistentReserveOut,
  reservationIn,
  reservationOut,
  testUnitReady,
} from "../scsi/cdb.ts";
import { fencedError } from "../scsi/meaning.ts";
import {
  holderBytes,
  holderOf,
  keysBytes,
  keysOf,
  type RegisteredKeys,
  type ReservationHolder,
  reserveList,
} from "../scsi/reservations.ts";
import type { Ask, Nexus } from "./nexus.ts";

/** Of connections, under one and the same request. */
const lossesMax = 3;

const out = (action: number, list: Buffer) => ({ cdb: persistentReserveOut(action, list.length), data: list });

const answerOf = async (ask: Ask, action: number, bytes: number, call: IscsiCall): Promise<Buffer> => {
  const into = Buffer.alloc(bytes);
  const { received } = await ask({ cdb: persistentReserveIn(action, bytes), into }, call);
  return into.subarray(0, received);
};

const holder = async (ask: Ask, call: IscsiCall = {}): Promise<ReservationHolder | undefined> =>
  holderOf(await answerOf(ask, reservationIn.readReservation, holderBytes, call));

/** Whether somebody has a reservation that this is up against. */
const isConflict = (error: unknown): boolean => VisibleError.is(error, "FENCED");

/**
 * Registers a key for a session that has just begun, and reserves the LUN if nobody has. A key that
 * was taken away never comes back by this: `mayRegister` says afterwards whether it may be there,
 * for whoever takes it away does so after saying that it may not.
 * @throws FENCED
 */
export const joinReservation = async (
  ask: Ask,
  { key, mayRegister, name }: { key: bigint; mayRegister: () => Promise<boolean>; name: string },
): Promise<void> => {
  await ask(out(reservationOut.registerAndIgnore, reserveList(0n, key)));
  if (!(await mayRegister())) {
    await ask(out(reservationOut.register, reserveList(key, 0n))).catch((error: unknown) => {
      if (!isConflict(error)) throw error;
    });
    throw fencedError(name);
  }
  if ((await holder(ask)) !== undefined) return;
  await ask(out(reservationOut.reserve, reserveList(key))).catch(async (error: unknown) => {
    // Another one was quicker, be it another session of ours.
    if (!isConflict(error) || (await holder(ask)) === undefined) throw error;
  });
};

/**
 * Persistent reservations of a LUN, always "write exclusive, registrants only". A key is that of a
 * writer: each of its sessions registers it, and whoever has registered none can't write.
 */
export class LunReservation {
  readonly #sessions: readonly [Nexus, ...Nexus[]];

  constructor(sessions: readonly [Nexus, ...Nexus[]]) {
    this.#sessions = sessions;
  }

  /** Of each session, whatever it had registered before. */
  async register(key: bigint, call?: IscsiCall): Promise<void> {
    await this.#each((session) => session.run(out(reservationOut.registerAndIgnore, reserveList(0n, key)), call));
  }

  /** Of each session; one that has not registered it, or not any more, has nothing to undo. */
  async unregister(key: bigint, call?: IscsiCall): Promise<void> {
    await this.#each((session) =>
      session.run(out(reservationOut.register, reserveList(key, 0n)), call).catch((error: unknown) => {
        if (!isConflict(error)) throw error;
      }),
    );
  }

  /** @throws FENCED when somebody else holds it, or the key is not registered */
  async reserve(key: bigint, call?: IscsiCall): Promise<void> {
    const [first] = this.#sessions;
    await first.run(out(reservationOut.reserve, reserveList(key)), call).catch(async (error: unknown) => {
      // One of our sessions that was lost may hold it.
      if (!isConflict(error) || (await this.holder(call))?.key !== key) throw error;
    });
  }

  /**
   * Takes the registration `old` away, and the reservation if it is held under it: none of its
   * sessions writes any more, and what the LUN had taken of them has ended. Of several who try, one
   * succeeds; to try again does no harm.
   * @throws FENCED when the registration `key`, or `old`, is not there
   */
  async preempt(key: bigint, old: bigint, call?: IscsiCall): Promise<void> {
    await this.#onceOnly(reservationOut.preempt, reserveList(key, old), call, async () => {
      const { keys } = await this.keys(call);
      return !keys.includes(old) && (await this.holder(call))?.key === key;
    });
    await this.settled(call);
  }

  /** What the LUN had taken before has ended, whoever sent it. */
  async settled(call?: IscsiCall): Promise<void> {
    await this.#sessions[0].run({ cdb: testUnitReady(), isOrdered: true }, call);
  }

  async release(key: bigint, call?: IscsiCall): Promise<void> {
    await this.#each((session) => session.run(out(reservationOut.release, reserveList(key)), call));
  }

  /** Takes away all registrations and the reservation. @throws FENCED: `key` is not registered */
  async clear(key: bigint, call?: IscsiCall): Promise<void> {
    const isCleared = async () => (await this.keys(call)).keys.length === 0;
    await this.#onceOnly(reservationOut.clear, reserveList(key), call, isCleared);
  }

  async keys(call: IscsiCall = {}): Promise<RegisteredKeys> {
    return keysOf(await answerOf(this.#ask, reservationIn.readKeys, keysBytes, call));
  }

  /** Undefined when nobody holds it. */
  async holder(call?: IscsiCall): Promise<ReservationHolder | undefined> {
    return holder(this.#ask, call);
  }

  /**
   * What can't be done twice: after a failure it looks whether it is done, and then tries again.
   */
  async #onceOnly(
    action: number,
    list: Buffer,
    call: IscsiCall | undefined,
    isDone: () => Promise<boolean>,
  ): Promise<void> {
    for (let losses = 0; ; losses += 1) {
      try {
        await this.#sessions[0].run(out(action, list), call, { isRepeatable: false });
        return;
      } catch (error) {
        const isLost = VisibleError.is(error, "CLUSTER_UNREACHABLE") && losses < lossesMax;
        if (!isLost && !isConflict(error)) throw error;
        if (await isDone()) return;
        if (!isLost) throw error;
      }
    }
  }

  readonly #ask: Ask = (command, call) => this.#sessions[0].run(command, call);

  async #each(work: (session: Nexus) => Promise<unknown>): Promise<void> {
    await Promise.all(this.#sessions.map(work));
  }
}
