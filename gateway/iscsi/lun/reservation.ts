import { VisibleError } from "../../../core/api/errors.ts";
import type { IscsiCall } from "../call.ts";
import { persistentReserveIn, persistentReserveOut, reservationIn, reservationOut } from "../scsi/cdb.ts";
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
  readonly #name: string;
  readonly #sessions: readonly [Nexus, ...Nexus[]];

  constructor(name: string, sessions: readonly [Nexus, ...Nexus[]]) {
    this.#name = name;
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
    await this.#sessions[0].run(out(reservationOut.reserve, reserveList(key)), call);
  }

  /**
   * Takes the registration `old` away, and the reservation if it is held under it: none of its
   * sessions writes any more. Of several who try, one succeeds.
   * @throws FENCED when the registration `key`, or `old`, is not there
   */
  async preempt(key: bigint, old: bigint, call?: IscsiCall): Promise<void> {
    const [first] = this.#sessions;
    const command = out(reservationOut.preempt, reserveList(key, old));
    try {
      await first.run(command, call, { isRepeatable: false });
    } catch (error) {
      if (!VisibleError.is(error, "CLUSTER_UNREACHABLE")) throw error;
      // It may have been done: that it is done by us shows in whose the reservation is.
      const { keys } = await this.keys(call);
      const held = await this.holder(call);
      if (!keys.includes(old) && held?.key === key) return;
      if (!keys.includes(old) || !keys.includes(key)) throw fencedError(this.#name);
      await first.run(command, call, { isRepeatable: false });
    }
  }

  async release(key: bigint, call?: IscsiCall): Promise<void> {
    await this.#each((session) => session.run(out(reservationOut.release, reserveList(key)), call));
  }

  /**
   * Takes away all registrations and the reservation. @throws FENCED when `key` is not registered
   */
  async clear(key: bigint, call?: IscsiCall): Promise<void> {
    const [first] = this.#sessions;
    try {
      await first.run(out(reservationOut.clear, reserveList(key)), call, { isRepeatable: false });
    } catch (error) {
      if (!VisibleError.is(error, "CLUSTER_UNREACHABLE")) throw error;
      if ((await this.keys(call)).keys.length > 0) throw error;
    }
  }

  async keys(call: IscsiCall = {}): Promise<RegisteredKeys> {
    return keysOf(await answerOf(this.#ask, reservationIn.readKeys, keysBytes, call));
  }

  /** Undefined when nobody holds it. */
  async holder(call?: IscsiCall): Promise<ReservationHolder | undefined> {
    return holder(this.#ask, call);
  }

  readonly #ask: Ask = (command, call) => this.#sessions[0].run(command, call);

  async #each(work: (session: Nexus) => Promise<unknown>): Promise<void> {
    await Promise.all(this.#sessions.map(work));
  }
}
