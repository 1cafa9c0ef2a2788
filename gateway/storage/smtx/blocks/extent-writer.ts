import assert from "node:assert/strict";
import type { Geometry } from "../../../../core/api/object/volume-shape.ts";
import { blockAt, blockBytes } from "../../../../core/extent/geometry.ts";
import { assertExtent, extentRanges, locate, partsOf } from "../../../../core/extent/striping.ts";
import type { Lun } from "../../../iscsi/lun/lun.ts";
import { steadyTime } from "../../../time/time.ts";
import { within } from "../../../time/within.ts";
import { blockHash, blockHashBytes } from "../../block-hash.ts";
import type { StorageCall } from "../../call.ts";
import { readAhead } from "../../image/read-ahead.ts";
import type { MirrorExtentWriter } from "../../volume-io.ts";
import { readBytes } from "./lun-bytes.ts";
import { WriteQueue } from "./write-queue.ts";

/** So much is read at once where an extent is read back. */
const blocksAtOnce = 32;
const zeros = new Uint8Array(256 * 1024);
/** Below what a worker thread waits for the last word of a job that was given up. */
const endMsMax = 5_000;
const never = new AbortController().signal;

/** What is known of the extent, and is noted of it. */
export interface ExtentRecord {
  /** Before the first byte is written. @throws FENCED, VOLUME_UNKNOWN, CLUSTER_BUSY */
  claim(call?: StorageCall): Promise<void>;
  /**
   * Of all blocks, as they were read back when the base was written, where nobody but this writer
   * has begun to write the extent since.
   */
  hashesOfBase(call?: StorageCall): Promise<Buffer | undefined>;
  /** The extent is done. @throws FENCED, VOLUME_UNKNOWN, CLUSTER_BUSY */
  markDone(call?: StorageCall): Promise<void>;
  /** Nothing of what this writer has written is under way any more. */
  endClaim(): Promise<void>;
  /** For the next one that writes it. @throws what the file system throws */
  keepHashes(hashes: Uint8Array): Promise<void>;
}

export interface ExtentWriterOptions {
  readonly lun: Lun;
  /** What the mirror was when the group's writing began; undefined: nothing but zeros. */
  readonly base: Lun | undefined;
  readonly geometry: Geometry;
  readonly sizeBytes: number;
  readonly extent: number;
  readonly from: "base" | "zeros";
  readonly record: ExtentRecord;
  readonly onWarning: ((warning: string) => void) | undefined;
}

/**
 * Writes one extent of a mirror in place, from the first write on as the only one in its epoch.
 * What it was before is read from a clone of the base group's snapshot, since a writer that was cut
 * may have left some of it here.
 */
export class ClusterExtentWriter implements MirrorExtentWriter {
  readonly writeStored = undefined;
  readonly #of: ExtentWriterOptions;
  readonly #queue: WriteQueue;
  /** Of each block, whether anything was written to it. */
  readonly #written: Uint8Array;
  /** As they were read back after the last writing. */
  #hashes: Uint8Array | undefined;
  #begun: Promise<void> | undefined;
  #hasBegun = false;
  #open = true;

  constructor(of: ExtentWriterOptions) {
    assertExtent(of.geometry, of.sizeBytes, of.extent);
    this.#of = of;
    this.#queue = new WriteQueue(of.lun);
    this.#written = new Uint8Array(of.geometry.extentBytes / blockBytes);
  }

  async write(offset: number, data: Uint8Array, call?: StorageCall): Promise<void> {
    this.#noteRange(offset, data.length);
    if (this.#hasBegun) return this.#queue.write(offset, data, call);
    const own = Buffer.from(data);
    await this.#begin(call);
    await this.#queue.write(offset, own, call);
  }

  async zero(offset: number, length: number, call?: StorageCall): Promise<void> {
    this.#noteRange(offset, length);
    await this.#begin(call);
    await this.#zeroRange(offset, length, call);
  }

  async readBase(offset: number, into: Uint8Array, call?: StorageCall): Promise<void> {
    const { base, geometry, from } = this.#of;
    assert(offset >= 0 && offset + into.length <= geometry.extentBytes, "a read outside the extent");
    if (base === undefined || from === "zeros") {
      into.fill(0);
      return;
    }
    await this.#read(base, offset, into, call);
  }

  async baseHashes(call?: StorageCall): Promise<Uint8Array> {
    const { geometry, record, from } = this.#of;
    const known = from === "base" ? await record.hashesOfBase(call) : undefined;
    if (known !== undefined) return known;
    const blocks = geometry.extentBytes / blockBytes;
    const hashes = Buffer.allocUnsafeSlow(blocks * blockHashBytes);
    const all = new Uint8Array(blocks).fill(1);
    await this.#hash(all, (block, into) => this.readBase(block * blockBytes, into, call), { hashes, call });
    return hashes;
  }

  async blockHashes(call?: StorageCall): Promise<Uint8Array> {
    assert(this.#open, "the extent is committed or discarded");
    await this.#begin(call);
    await this.#queue.settle(call);
    const { lun, from, record } = this.#of;
    // What isn't written here is what was read back when the base was written.
    const known = from === "base" ? await record.hashesOfBase(call) : undefined;
    if (known === undefined) this.#written.fill(1);
    const hashes = known ?? Buffer.allocUnsafeSlow(this.#written.length * blockHashBytes);
    await this.#hash(this.#written, (block, into) => this.#read(lun, block * blockBytes, into, call), { hashes, call });
    this.#hashes = hashes;
    return hashes;
  }

  async commit(call?: StorageCall): Promise<void> {
    assert(this.#open, "the extent is committed or discarded");
    await this.#begin(call);
    await this.#queue.settle(call);
    await this.#of.lun.flush(call);
    await this.#of.record.markDone(call);
    this.#open = false;
    if (this.#hashes !== undefined) await this.#keep(this.#hashes);
  }

  async discard(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    // Where nobody knows whether all of it is over, the next one needs an epoch that shuts it out.
    let isOver = false;
    const ending = this.#queue.end().then((isAllOver) => {
      isOver = isAllOver;
    });
    await within(ending, endMsMax, steadyTime);
    if (isOver) await this.#of.record.endClaim().catch(() => undefined);
  }

  async #keep(hashes: Uint8Array): Promise<void> {
    const { record, onWarning } = this.#of;
    await record
      .keepHashes(hashes)
      .catch((error: unknown) => onWarning?.(error instanceof Error ? error.message : String(error)));
  }

  /** Puts the hashes of all blocks that are marked where they belong. */
  async #hash(
    marked: Uint8Array,
    read: (block: number, into: Buffer) => Promise<void>,
    { hashes, call }: { readonly hashes: Buffer; readonly call: StorageCall | undefined },
  ): Promise<void> {
    const pieces = readAhead({
      pieces: piecesOf(marked),
      makeBuffers: () => Buffer.allocUnsafeSlow(Math.min(blocksAtOnce, marked.length) * blockBytes),
      fill: async (into, runs: readonly BlockRun[]) => {
        const all = runs.map(({ block, count, at }) =>
          read(block, into.subarray(at * blockBytes, (at + count) * blockBytes)),
        );
        // None may read into a buffer that somebody else has by then.
        await Promise.allSettled(all);
        await Promise.all(all);
      },
      signal: call?.signal ?? never,
    });
    for await (const { piece, buffers } of pieces) {
      for (const { block, count, at } of piece) {
        for (let n = 0; n < count; n++) {
          const hash = blockHash(buffers.subarray((at + n) * blockBytes, (at + n + 1) * blockBytes));
          hashes.set(hash, (block + n) * blockHashBytes);
        }
      }
    }
  }

  /** From byte `offset` of the extent, wherever the volume has it. */
  async #read(lun: Lun, offset: number, into: Uint8Array, call: StorageCall | undefined): Promise<void> {
    const { geometry, extent } = this.#of;
    const parts = [...partsOf(geometry, extent, { offset, length: into.length })];
    await Promise.all(
      parts.map((part) => {
        const at = part.offsetInExtent - offset;
        return readBytes(lun, part.offset, into.subarray(at, at + part.length), call);
      }),
    );
  }

  /** Before the first write: the extent is this writer's, and what begins as zeros is made so. */
  #begin(call: StorageCall | undefined): Promise<void> {
    this.#begun ??= this.#prepare(call);
    return this.#begun;
  }

  async #prepare(call: StorageCall | undefined): Promise<void> {
    const { record, from } = this.#of;
    await record.claim(call);
    if (from === "zeros") await this.#zeroExtent(call);
    this.#hasBegun = true;
  }

  async #zeroExtent(call: StorageCall | undefined): Promise<void> {
    const { geometry, sizeBytes, extent } = this.#of;
    for (const { offset, length } of extentRanges(geometry, sizeBytes, extent)) {
      await this.#zeroRange(offset, length, call);
    }
  }

  /**
   * What the LUN has nothing of stays so: it is thin. No space is given back: a late UNMAP of a
   * writer that was shut out would pass the reservation.
   */
  async #zeroRange(offset: number, wanted: number, call: StorageCall | undefined): Promise<void> {
    const { lun } = this.#of;
    const length = Math.min(wanted, lun.sizeBytes - offset);
    if (length <= 0) return;
    await this.#queue.settle(call);
    const isWhole = offset % lun.blockBytes === 0 && length % lun.blockBytes === 0;
    const ranges = isWhole ? await lun.mapped(offset, length, call) : undefined;
    for (const range of ranges ?? [{ offset, length, isMapped: true }]) {
      if (range.isMapped) await this.#writeZeros(range.offset, range.length, call);
    }
  }

  async #writeZeros(offset: number, length: number, call: StorageCall | undefined): Promise<void> {
    for (let done = 0; done < length; done += zeros.length) {
      await this.#queue.write(offset + done, zeros.subarray(0, Math.min(zeros.length, length - done)), call);
    }
  }

  #noteRange(offset: number, length: number): void {
    assert(this.#open, "the extent is committed or discarded");
    const { geometry, extent } = this.#of;
    for (let done = 0; done < length; ) {
      const at = locate(geometry, offset + done);
      assert.equal(at.extent, extent, "a write outside the extent");
      const until = at.offsetInExtent + Math.min(at.contiguousBytes, length - done);
      this.#written.fill(1, blockAt(at.offsetInExtent), Math.ceil(until / blockBytes));
      done += at.contiguousBytes;
    }
    this.#hashes = undefined;
  }
}

/** Blocks behind each other that were written, and where they are in what is read at once. */
interface BlockRun {
  readonly block: number;
  readonly count: number;
  readonly at: number;
}

/** All blocks that are marked, as many at once as `blocksAtOnce`. */
function* piecesOf(marked: Uint8Array): Generator<readonly BlockRun[]> {
  let runs: BlockRun[] = [];
  let at = 0;
  for (let block = marked.indexOf(1); block >= 0; ) {
    const end = marked.indexOf(0, block);
    const until = Math.min(end < 0 ? marked.length : end, block + blocksAtOnce - at);
    runs.push({ block, count: until - block, at });
    at += until - block;
    if (at === blocksAtOnce) {
      yield runs;
      [runs, at] = [[], 0];
    }
    block = marked.indexOf(1, until);
  }
  if (at > 0) yield runs;
}
