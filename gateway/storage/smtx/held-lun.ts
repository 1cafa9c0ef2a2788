import { randomBytes } from "node:crypto";
import { VisibleError } from "../../../core/api/errors.ts";
import type { Initiator, LunOptions } from "../../iscsi/initiator.ts";
import type { Lun } from "../../iscsi/lun/lun.ts";
import type { Time } from "../../time/time.ts";
import type { StorageCall } from "../call.ts";
import type { LedgerDevice } from "./ledger/device.ts";

/** Who holds it longer than this under one key has died, or hangs. */
const heldMsMax = 15_000;
const waitMsMax = 120_000;
const lookMs = { first: 5, max: 100 };

/**
 * A small LUN of ours. Whoever holds its reservation may change it: each time under a key of its
 * own, so that one who hangs is told from one who comes and goes. Who is preempted can write no
 * more.
 */
export class HeldLun implements LedgerDevice {
  readonly name: string;
  readonly #initiator: Initiator;
  readonly #place: LunOptions;
  readonly #time: Time;
  readonly #keys = randomBytes(6).readUIntBE(0, 6);
  #count = 0;
  #lun: Promise<Lun> | undefined;
  #sizeBytes: number;
  #queue: Promise<unknown> = Promise.resolve();
  #wasFenced = false;

  constructor(of: {
    readonly initiator: Initiator;
    readonly place: LunOptions;
    readonly sizeBytes: number;
    readonly time: Time;
    readonly name: string;
  }) {
    this.name = of.name;
    this.#initiator = of.initiator;
    this.#place = of.place;
    this.#time = of.time;
    this.#sizeBytes = of.sizeBytes;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  async read(offset: number, into: Uint8Array, call?: StorageCall): Promise<void> {
    await (await this.#opened(call)).read(offset, into, call);
  }

  async write(offset: number, data: Uint8Array, call?: StorageCall): Promise<void> {
    await this.#fencing(async () => (await this.#opened(call)).write(offset, data, call));
  }

  async flush(call?: StorageCall): Promise<void> {
    await this.#fencing(async () => (await this.#opened(call)).flush(call));
  }

  async written(call?: StorageCall): Promise<readonly { readonly offset: number; readonly length: number }[]> {
    const lun = await this.#opened(call);
    const ranges = await lun.mapped(0, lun.sizeBytes, call);
    if (ranges === undefined) return [{ offset: 0, length: lun.sizeBytes }];
    return ranges.filter(({ isMapped }) => isMapped);
  }

  exclusively<T>(work: () => Promise<T>, call?: StorageCall): Promise<T> {
    const turn = this.#queue.then(() => this.#whileHeld(work, call));
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  async close(): Promise<void> {
    await this.#queue;
    await (await this.#lun?.catch(() => undefined))?.close();
    this.#lun = undefined;
  }

  async #whileHeld<T>(work: () => Promise<T>, call: StorageCall | undefined): Promise<T> {
    call?.signal?.throwIfAborted();
    const lun = await this.#opened(call);
    this.#wasFenced = false;
    this.#count = (this.#count + 1) % 65_536;
    const key = (BigInt(this.#keys) << 16n) | BigInt(this.#count);
    try {
      await lun.reservation.register(key, call);
      await this.#take(lun, key, call);
    } catch (error) {
      await this.#letGo(lun, key);
      throw VisibleError.is(error, "FENCED") ? takenOver(this.name) : error;
    }
    try {
      const result = await work();
      await lun.reservation.release(key);
      return result;
    } catch (error) {
      await this.#letGo(lun, key);
      throw this.#wasFenced ? takenOver(this.name) : error;
    }
  }

  /** Who was preempted is told apart from whose work finds that it is. */
  async #fencing(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#wasFenced ||= VisibleError.is(error, "FENCED");
      throw error;
    }
  }

  /** Waits for whoever holds it, and takes it from who has held it for too long. */
  async #take(lun: Lun, key: bigint, call: StorageCall | undefined): Promise<void> {
    const { signal = never } = call ?? {};
    const begunMs = this.#time.nowMs();
    let seen: { readonly key: bigint; readonly sinceMs: number } | undefined;
    for (let waitMs: number = lookMs.first; ; waitMs = Math.min(lookMs.max, waitMs * 2)) {
      const held = await lun.reservation.holder(call);
      const nowMs = this.#time.nowMs();
      if (held === undefined) {
        if (await this.#tryReserve(lun, key, call)) return;
      } else if (held.key === key) {
        return;
      } else if (seen?.key === held.key && nowMs - seen.sinceMs > heldMsMax) {
        await lun.reservation.preempt(key, held.key, call).catch((error: unknown) => {
          if (!VisibleError.is(error, "FENCED")) throw error;
        });
        continue;
      }
      if (held !== undefined && seen?.key !== held.key) seen = { key: held.key, sinceMs: nowMs };
      if (nowMs - begunMs > waitMsMax) throw takenOver(this.name);
      await this.#time.sleep(waitMs * (0.5 + Math.random()), signal);
      signal.throwIfAborted();
    }
  }

  async #tryReserve(lun: Lun, key: bigint, call: StorageCall | undefined): Promise<boolean> {
    try {
      await lun.reservation.reserve(key, call);
      return true;
    } catch (error) {
      if (VisibleError.is(error, "FENCED")) return false;
      throw error;
    }
  }

  /** A session that lost its key, or that hangs, is not used again. */
  async #letGo(lun: Lun, key: bigint): Promise<void> {
    await lun.reservation.release(key).catch(() => undefined);
    this.#lun = undefined;
    await lun.close();
  }

  async #opened(call: StorageCall | undefined): Promise<Lun> {
    this.#lun ??= this.#initiator.openLun(this.#place, call);
    const opening = this.#lun;
    try {
      const lun = await opening;
      this.#sizeBytes = lun.sizeBytes;
      return lun;
    } catch (error) {
      if (this.#lun === opening) this.#lun = undefined;
      throw VisibleError.is(error, "VOLUME_UNKNOWN") ? isGone(this.name, error) : error;
    }
  }
}

const isGone = (name: string, cause: VisibleError): VisibleError =>
  new VisibleError("VOLUME_UNKNOWN", `The cluster does not have ${name} any more, or not for us.`, {
    hint: "See who deleted it, and restart this cluster's gateways: they make it again, with what can be known of it.",
    cause,
  });

const never = new AbortController().signal;

const takenOver = (name: string): VisibleError =>
  new VisibleError("CLUSTER_BUSY", `Others are changing ${name}.`, { hint: "It will be tried again." });
