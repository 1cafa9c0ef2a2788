import { VisibleError } from "../../../core/api/errors.ts";
import type { IscsiCall } from "../call.ts";
import type { IscsiLimits } from "../limits.ts";
import type { IscsiPortal } from "../portal.ts";
import { getLbaStatus, read16, synchronizeCache16, unmap, write16 } from "../scsi/cdb.ts";
import { lbaStatusBytes, lbaStatusOf, unmapList } from "../scsi/lba-status.ts";
import { CommandUnsupported } from "../scsi/meaning.ts";
import type { BlockLimits, DiskCapacity, DiskIdentity } from "../scsi/shape.ts";
import { capacityAt } from "./look.ts";
import type { LunCommand, Nexus } from "./nexus.ts";
import { RequestSlots } from "./request-slots.ts";
import type { LunReservation } from "./reservation.ts";

/** Bytes of a LUN that have content, or read as zeros. */
export interface MappedRange {
  readonly offset: number;
  readonly length: number;
  readonly isMapped: boolean;
}

/** So much is given back at once at most, so that it is told how far it is. */
const unmapBytesMax = 2 ** 30;

/**
 * One LUN, through one or several sessions. Offsets and lengths are bytes, whole blocks each. A
 * call throws CLUSTER_UNREACHABLE, CLUSTER_REFUSED, CLUSTER_BUSY, VOLUME_UNKNOWN (it is gone),
 * FENCED (for good), DISK_FAILED, TIMEOUT, BAD_REQUEST (not whole blocks, or not inside), or the
 * signal's reason; its buffer is nobody's any more then.
 */
export class Lun {
  readonly blockBytes: number;
  readonly identity: DiskIdentity;
  readonly reservation: LunReservation;
  readonly #name: string;
  readonly #sessions: readonly [Nexus, ...Nexus[]];
  readonly #slots: RequestSlots;
  readonly #requestBytes: number;
  readonly #unmapBytes: number;
  #sizeBytes: number;
  #fenced: VisibleError | undefined;

  constructor(options: {
    readonly name: string;
    readonly sessions: readonly [Nexus, ...Nexus[]];
    readonly capacity: DiskCapacity;
    readonly identity: DiskIdentity;
    readonly blockLimits: BlockLimits;
    readonly reservation: LunReservation;
    readonly limits: IscsiLimits;
  }) {
    const { name, sessions, capacity, identity, blockLimits, reservation, limits } = options;
    const { blockBytes, blocks } = capacity;
    const upTo = (bytes: number, blocksMax: number) =>
      Math.min(bytes, (blocksMax === 0 ? Number.POSITIVE_INFINITY : blocksMax) * blockBytes);
    this.#name = name;
    this.#sessions = sessions;
    this.#slots = new RequestSlots(limits.requestsInFlight * sessions.length);
    this.blockBytes = blockBytes;
    this.#sizeBytes = blocks * blockBytes;
    this.identity = identity;
    this.reservation = reservation;
    this.#requestBytes = upTo(Math.max(limits.requestBytes, blockBytes), blockLimits.transferBlocksMax);
    this.#unmapBytes = upTo(unmapBytesMax, blockLimits.unmapBlocksMax);
  }

  /** As it was when it was measured last. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Where its sessions are: what the portals have sent them to. */
  get portals(): readonly IscsiPortal[] {
    return this.#sessions.flatMap(({ portal }) => portal ?? []);
  }

  async read(offset: number, into: Uint8Array, call?: IscsiCall): Promise<void> {
    await this.#inPieces(
      { offset, length: into.length, pieceBytes: this.#requestBytes, call },
      async (at, bytes, each) => {
        const body = into.subarray(at - offset, at - offset + bytes);
        const { received } = await this.#run(
          { cdb: read16(this.#block(at), bytes / this.blockBytes), into: body },
          each,
        );
        if (received < bytes) throw new VisibleError("DISK_FAILED", `${this.#name} gave less than it was asked for.`);
      },
    );
  }

  /** Takes `data` from beginning to end of the call. @throws STORE_FULL */
  async write(offset: number, data: Uint8Array, call?: IscsiCall): Promise<void> {
    await this.#inPieces(
      { offset, length: data.length, pieceBytes: this.#requestBytes, call },
      async (at, bytes, each) => {
        const body = data.subarray(at - offset, at - offset + bytes);
        await this.#run({ cdb: write16(this.#block(at), bytes / this.blockBytes), data: body }, each, {
          isWrite: true,
        });
      },
    );
  }

  /** What was written before is durable when this returns. */
  async flush(call?: IscsiCall): Promise<void> {
    this.#assertNotFenced();
    await Promise.all(this.#sessions.map((session) => this.#flush(session, call)));
  }

  /**
   * Makes a range read as zeros and gives its space back. @throws CLUSTER_REFUSED where that can't
   * be
   */
  async unmap(offset: number, length: number, call?: IscsiCall): Promise<void> {
    await this.#inPieces({ offset, length, pieceBytes: this.#unmapBytes, call }, async (at, bytes, each) => {
      const list = unmapList(this.#block(at), bytes / this.blockBytes);
      await this.#run({ cdb: unmap(list.length), data: list }, each, { isWrite: true });
    });
  }

  /** In order and without gaps; undefined where the target can't tell. */
  async mapped(offset: number, length: number, call?: IscsiCall): Promise<readonly MappedRange[] | undefined> {
    this.#assertInside(offset, length);
    const ranges: MappedRange[] = [];
    try {
      for (let at = offset; at < offset + length; ) {
        for (const range of await this.#mappedFrom(at, offset + length, call)) {
          append(ranges, range);
          at = range.offset + range.length;
        }
      }
    } catch (error) {
      if (error instanceof CommandUnsupported) return undefined;
      throw error;
    }
    return ranges;
  }

  /** Asks how large it is now. @returns bytes */
  async measure(call?: IscsiCall): Promise<number> {
    const { blocks } = await capacityAt((command, each) => this.#run(command, each ?? {}), this.#name, call);
    this.#sizeBytes = blocks * this.blockBytes;
    return this.#sizeBytes;
  }

  /** What is under way fails. Registrations and a reservation stay. */
  async close(): Promise<void> {
    await Promise.all(this.#sessions.map((session) => session.close()));
  }

  async #mappedFrom(from: number, to: number, call: IscsiCall | undefined): Promise<readonly MappedRange[]> {
    const into = Buffer.alloc(lbaStatusBytes);
    const { received } = await this.#run({ cdb: getLbaStatus(this.#block(from), into.length), into }, call ?? {});
    const ranges: MappedRange[] = [];
    let at = from;
    for (const { block, blocks, isMapped } of lbaStatusOf(into.subarray(0, received))) {
      const [begins, ends] = [block * this.blockBytes, Math.min(to, (block + blocks) * this.blockBytes)];
      if (begins > at || ends <= at) break;
      ranges.push({ offset: at, length: ends - at, isMapped });
      at = ends;
    }
    if (at === from)
      throw new VisibleError("DISK_FAILED", `${this.#name} does not say what is mapped at byte ${from}.`);
    return ranges;
  }

  async #flush(session: Nexus, call: IscsiCall | undefined): Promise<void> {
    if (!session.hasWritten) return;
    session.hasWritten = false;
    try {
      await this.#fencing(session.run({ cdb: synchronizeCache16() }, call));
    } catch (error) {
      session.hasWritten = true;
      throw error;
    }
  }

  /** Does it piece by piece, many at once. When one fails the others are called off. */
  async #inPieces(
    range: { offset: number; length: number; pieceBytes: number; call: IscsiCall | undefined },
    work: (at: number, bytes: number, call: IscsiCall) => Promise<void>,
  ): Promise<void> {
    const { offset, length, pieceBytes, call = {} } = range;
    this.#assertInside(offset, length);
    if (length <= pieceBytes) {
      if (length > 0) await this.#slots.run(call.signal, () => work(offset, length, call));
      return;
    }
    const stop = new AbortController();
    const signal = call.signal === undefined ? stop.signal : AbortSignal.any([call.signal, stop.signal]);
    const pieces: Promise<void>[] = [];
    for (let at = offset; at < offset + length; at += pieceBytes) {
      const bytes = Math.min(pieceBytes, offset + length - at);
      const piece = this.#slots.run(signal, () => work(at, bytes, { ...call, signal }));
      pieces.push(piece.catch((error: unknown) => stop.abort(error)));
    }
    await Promise.all(pieces);
    call.signal?.throwIfAborted();
    stop.signal.throwIfAborted();
  }

  async #run(command: LunCommand, call: IscsiCall, { isWrite = false } = {}) {
    this.#assertNotFenced();
    const session = this.#sessions.reduce((least, next) => (next.underWay < least.underWay ? next : least));
    try {
      return await this.#fencing(session.run(command, call));
    } finally {
      // Also when it failed: some of it may have been done.
      if (isWrite) session.hasWritten = true;
    }
  }

  async #fencing<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (VisibleError.is(error, "FENCED")) this.#fenced ??= error;
      throw error;
    }
  }

  #assertNotFenced(): void {
    if (this.#fenced !== undefined) throw this.#fenced;
  }

  #assertInside(offset: number, length: number): void {
    this.#assertNotFenced();
    const isWhole = offset % this.blockBytes === 0 && length % this.blockBytes === 0;
    if (isWhole && offset >= 0 && length >= 0 && offset + length <= this.#sizeBytes) return;
    throw new VisibleError("BAD_REQUEST", `${this.#name} has no ${length} bytes in whole blocks from ${offset} on.`);
  }

  #block(offset: number): bigint {
    return BigInt(offset / this.blockBytes);
  }
}

const append = (ranges: MappedRange[], range: MappedRange): void => {
  const last = ranges.at(-1);
  if (last?.isMapped !== range.isMapped) ranges.push(range);
  else ranges[ranges.length - 1] = { ...last, length: last.length + range.length };
};
