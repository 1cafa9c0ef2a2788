import { LRUCache } from "lru-cache";
import { VisibleError } from "../../../../core/api/errors.ts";
import type { Initiator } from "../../../iscsi/initiator.ts";
import type { Lun } from "../../../iscsi/lun/lun.ts";
import { allOf } from "../../../time/all-of.ts";
import type { StorageCall } from "../../call.ts";
import { findMirror } from "../../extentstore/mirrors/mirrors.ts";
import { abilitiesOf } from "../abilities/abilities.ts";
import { withHoles } from "../blocks/believed-holes.ts";
import { copyLun } from "../blocks/copy.ts";
import type { Hands, LunRef } from "../cluster/hands.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { maySayThatItCant } from "../rebuild/fill.ts";
import { lunOfVolume } from "../records/luns.ts";
import { forgetDone } from "./claims.ts";
import { endReset, findReset, type Reset } from "./resets.ts";

/** So many mirrors are open for writing at once; the others are opened again. */
const openMax = 32;
/** For telling of it, also where the opening was called off. */
const lateMsMax = 30_000;
const emptiedBytesMax = 256 * 1024 * 1024;

/** A mirror that is open for the holder of an epoch. */
export interface OpenMirrorLun {
  readonly lun: Lun;
  /** What the writing started from; undefined: nothing. */
  readonly base: Lun | undefined;
}

/**
 * The LUNs of mirrors, open for whoever holds their epochs. The reservation's key is the epoch: all
 * who have an older one are out when a new one is opened, in the middle of a write as well.
 */
export class MirrorWriting {
  readonly #ledger: Ledger;
  readonly #initiator: Initiator;
  readonly #hands: Hands;
  readonly #open: LRUCache<string, Promise<OpenMirrorLun>>;
  readonly #closing = new Set<Promise<unknown>>();

  constructor(of: { readonly ledger: Ledger; readonly initiator: Initiator; readonly hands: Hands }) {
    this.#ledger = of.ledger;
    this.#initiator = of.initiator;
    this.#hands = of.hands;
    this.#open = new LRUCache({ max: openMax, dispose: (opened) => this.#close(opened) });
  }

  /**
   * Shuts out whoever wrote before, and makes the LUN what the writing is to start from. To be
   * called when the epoch is in the records. @throws FENCED, VOLUME_UNKNOWN, …
   * @param as.base until the records have the clone of what the writing starts from
   */
  async begin(
    volumeId: string,
    { epoch, base: cloned }: { readonly epoch: number; readonly base: Promise<void> },
    call?: StorageCall,
  ): Promise<void> {
    const place = await this.#placeOf(volumeId, call);
    const reset = await this.#ledger.read((database) => findReset(database, volumeId), call);
    let lun = await this.#shutOut(volumeId, epoch, place, call);
    try {
      if (reset !== undefined) {
        try {
          lun = await this.#become(reset, { volumeId, epoch, place, lun, cloned }, call);
        } finally {
          await this.#tellIfLate(volumeId, epoch);
        }
        await this.#ledger.change((database) => {
          if (findMirror(database, volumeId)?.epoch === epoch) endReset(database, volumeId);
        }, call);
      }
      await cloned;
      const base = await this.#openBase(volumeId, call);
      const key = keyOf(volumeId, epoch);
      this.#open.delete(key);
      this.#open.set(key, Promise.resolve({ lun, base }));
    } catch (error) {
      await lun.close();
      throw error;
    }
  }

  /** @returns the LUN, which may have been opened anew */
  async #become(
    { snapshot }: Reset,
    of: {
      readonly volumeId: string;
      readonly epoch: number;
      readonly place: LunRef;
      readonly lun: Lun;
      readonly cloned: Promise<void>;
    },
    call: StorageCall | undefined,
  ): Promise<Lun> {
    const { volumeId, epoch, place, lun, cloned } = of;
    if (snapshot === null) {
      await empty(lun, () => this.#assertCurrent(volumeId, epoch, call), call);
      return lun;
    }
    await lun.close();
    const isBack = await this.#rolledBack(place, snapshot, call);
    const again = await this.#shutOut(volumeId, epoch, place, call);
    try {
      if (!isBack) await cloned.then(() => this.#copyBase(volumeId, epoch, again, call));
      return again;
    } catch (error) {
      await again.close();
      throw error;
    }
  }

  /** @throws FENCED */
  async open(volumeId: string, epoch: number, call?: StorageCall): Promise<OpenMirrorLun> {
    const key = keyOf(volumeId, epoch);
    const known = this.#open.get(key);
    if (known !== undefined) return known;
    const opening = this.#openAnew(volumeId, epoch, call);
    this.#open.set(key, opening);
    opening.catch(() => {
      if (this.#open.peek(key) === opening) this.#open.delete(key);
    });
    return opening;
  }

  /** Nobody writes with this epoch here any more. */
  async end(volumeId: string, epoch: number): Promise<void> {
    this.#open.delete(keyOf(volumeId, epoch));
    await Promise.allSettled(this.#closing);
  }

  async close(): Promise<void> {
    this.#open.clear();
    await Promise.allSettled(this.#closing);
  }

  async #openAnew(volumeId: string, epoch: number, call: StorageCall | undefined): Promise<OpenMirrorLun> {
    const opening = this.#placeOf(volumeId, call).then((place) => this.#reserved(volumeId, epoch, place, call));
    const openingBase = this.#openBase(volumeId, call);
    try {
      const [lun, base] = await allOf([opening, openingBase]);
      return { lun, base };
    } catch (error) {
      for (const opened of await Promise.allSettled([opening, openingBase])) {
        if (opened.status === "fulfilled") await opened.value?.close();
      }
      throw error;
    }
  }

  /** Our sessions have the key of the epoch, no other key is left, and no write under one. */
  async #shutOut(volumeId: string, epoch: number, place: LunRef, call: StorageCall | undefined): Promise<Lun> {
    const lun = await this.#reserved(volumeId, epoch, place, call);
    try {
      const { keys } = await lun.reservation.keys(call);
      for (const key of new Set(keys)) {
        if (key !== BigInt(epoch)) await lun.reservation.preempt(BigInt(epoch), key, call);
      }
      // Who preempted them before may have died before that was done.
      await lun.reservation.settled(call);
      return lun;
    } catch (error) {
      await lun.close();
      throw error;
    }
  }

  #reserved(volumeId: string, epoch: number, place: LunRef, call: StorageCall | undefined): Promise<Lun> {
    const { iqn, lunId } = place;
    const mayRegister = () => this.#isCurrent(volumeId, epoch);
    return this.#initiator.openLun({ targetName: iqn, lun: lunId, reservationKey: BigInt(epoch), mayRegister }, call);
  }

  #isCurrent(volumeId: string, epoch: number, call?: StorageCall): Promise<boolean> {
    return this.#ledger.read((database) => findMirror(database, volumeId)?.epoch === epoch, call);
  }

  async #assertCurrent(volumeId: string, epoch: number, call: StorageCall | undefined): Promise<void> {
    if (await this.#isCurrent(volumeId, epoch, call)) return;
    throw new VisibleError("FENCED", `Another has begun to write the mirror ${volumeId}.`, {
      hint: "Drop the task; whoever holds it now goes on.",
    });
  }

  /** @returns false: the cluster does not do it */
  async #rolledBack(place: LunRef, snapshot: string, call: StorageCall | undefined): Promise<boolean> {
    try {
      await this.#hands.rollBackLun(place.lun, { snapshot, atLeastBytes: place.sizeBytes }, call);
      return true;
    } catch (error) {
      const { rollsBackToOthers } = await this.#ledger.read(abilitiesOf, call);
      if (maySayThatItCant(error, rollsBackToOthers.answer)) return false;
      throw error;
    }
  }

  /**
   * No reservation keeps CloudTower from rolling a LUN back, and it may let an UNMAP pass. Where
   * somebody has begun a later epoch meanwhile, what that one has written may be gone.
   */
  async #tellIfLate(volumeId: string, epoch: number): Promise<void> {
    const call = { signal: AbortSignal.timeout(lateMsMax) };
    await this.#ledger.change((database) => {
      const now = findMirror(database, volumeId)?.epoch;
      if (now !== undefined && now > epoch) forgetDone(database, volumeId);
    }, call);
  }

  async #copyBase(volumeId: string, epoch: number, lun: Lun, call: StorageCall | undefined): Promise<void> {
    const base = await this.#openBase(volumeId, call);
    if (base === undefined) throw new Error(`the mirror ${volumeId} has no base to be copied from`);
    try {
      await empty(lun, () => this.#assertCurrent(volumeId, epoch, call), call);
      await copyLun(await withHoles(this.#ledger, base, call), lun, call);
    } finally {
      await base.close();
    }
  }

  async #openBase(volumeId: string, call: StorageCall | undefined): Promise<Lun | undefined> {
    const base = await this.#ledger.read(
      (database) =>
        database.one<{ iqn: string; lunId: number }>(
          "SELECT iqn, lunId FROM basesOfMirrors WHERE volumeId = ?",
          volumeId,
        ),
      call,
    );
    return base && this.#initiator.openLun({ targetName: base.iqn, lun: base.lunId }, call);
  }

  async #placeOf(volumeId: string, call: StorageCall | undefined): Promise<LunRef> {
    const place = await this.#ledger.read((database) => lunOfVolume(database, volumeId), call);
    if (place !== undefined) return place;
    throw new VisibleError("VOLUME_UNKNOWN", `The mirror ${volumeId} has no LUN on the cluster.`, {
      hint: "Prepare it again: run the plan.",
    });
  }

  #close(opened: Promise<OpenMirrorLun>): void {
    const closing = opened
      .then(({ lun, base }) => Promise.all([lun.close(), base?.close()]))
      .catch(() => undefined)
      .finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}

const keyOf = (volumeId: string, epoch: number): string => `${epoch} ${volumeId}`;

/**
 * Nobody else writes it now. What a cluster can't give back is written over.
 * @param assertCurrent asked again and again: an UNMAP may pass the reservation of whoever is next
 */
const empty = async (lun: Lun, assertCurrent: () => Promise<void>, call: StorageCall | undefined): Promise<void> => {
  const zeros = new Uint8Array(1024 * 1024);
  for (let offset = 0; offset < lun.sizeBytes; offset += emptiedBytesMax) {
    const length = Math.min(emptiedBytesMax, lun.sizeBytes - offset);
    await assertCurrent();
    await lun.unmap(offset, length, call);
    const left = (await lun.mapped(offset, length, call)) ?? [{ offset, length, isMapped: true }];
    for (const range of left) {
      for (let done = 0; range.isMapped && done < range.length; done += zeros.length) {
        await lun.write(range.offset + done, zeros.subarray(0, Math.min(zeros.length, range.length - done)), call);
      }
    }
  }
  await lun.flush(call);
};
