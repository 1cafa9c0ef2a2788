import assert from "node:assert/strict";
import type { Geometry } from "../../../../core/api/object/volume-shape.ts";
import { blockAt, blockBytes } from "../../../../core/extent/geometry.ts";
import { assertExtent, extentRanges, locate, partsOf } from "../../../../core/extent/striping.ts";
import type { Lun } from "../../../iscsi/lun/lun.ts";
import { blockHash, blockHashBytes } from "../../block-hash.ts";
import type { StorageCall } from "../../call.ts";
import { readAhead } from "../../image/read-ahead.ts";
import type { MirrorExtentWriter } from "../../volume-io.ts";
import { readBytes } from "./lun-bytes.ts";
import { WriteQueue } from "./write-queue.ts";

/** So much is read at once where an extent is read back. */
const blocksAtOnce = 32;
const zeros = new Uint8Array(256 * 1024);
const never = new AbortController().signal;

export interface ExtentWriterOptions {
  readonly lun: Lun;
  /** What the mirror was when the group's writing began; undefined: nothing but zeros. */
  readonly base: Lun | undefined;
  readonly geometry: Geometry;
  readonly sizeBytes: number;
  readonly extent: number;
  readonly from: "base" | "zeros";
  /**
   * Whether ranges may be given back to the cluster: no older writer lives, which a reservation
   * would not keep from doing the same.
   */
  readonly mayUnmap: boolean;
  /**
   * Of all blocks, as they were read back when the base was written, where nobody has begun to
   * write the extent since: what isn't written here is that, and needs no reading.
   */
  readonly hashesOfBase: () => Promise<Buffer | undefined>;
  /** For the next one. */
  readonly keepHashes: (hashes: Uint8Array) => Promise<void>;
  readonly onWarning: ((warning: string) => void) | undefined;
  /** Marks the extent done, for the holder of the epoch. @throws FENCED */
  readonly markDone: (call?: StorageCall) => Promise<void>;
}

/**
 * Writes one extent of a mirror in place. What it was before is read from a clone of the base
 * group's snapshot, since a writer that was cut may have left some of it here.
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
  #open = true;

  constructor(of: ExtentWriterOptions) {
    assertExtent(of.geometry, of.sizeBytes, of.extent);
    this.#of = of;
    this.#queue = new WriteQueue(of.lun);
    this.#written = new Uint8Array(of.geometry.extentBytes / blockBytes);
  }

  async write(offset: number, data: Uint8Array, call?: StorageCall): Promise<void> {
    this.#noteRange(offset, data.length);
    if (this.#of.from === "base") return this.#queue.write(offset, data, call);
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

  async blockHashes(call?: StorageCall): Promise<Uint8Array> {
    assert(this.#open, "the extent is committed or discarded");
    await this.#begin(call);
    await this.#queue.settle(call);
    const { lun, from, hashesOfBase } = this.#of;
    const known = from === "base" ? await hashesOfBase() : undefined;
    if (known === undefined) this.#written.fill(1);
    const hashes = known ?? Buffer.allocUnsafeSlow(this.#written.length * blockHashBytes);
    const pieces = readAhead({
      pieces: piecesOf(this.#written),
      makeBuffers: () => Buffer.allocUnsafeSlow(Math.min(blocksAtOnce, this.#written.length) * blockBytes),
      fill: (into, runs) => this.#readRuns(lun, runs, into, call),
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
    this.#hashes = hashes;
    return hashes;
  }

  async commit(call?: StorageCall): Promise<void> {
    assert(this.#open, "the extent is committed or discarded");
    await this.#begin(call);
    await this.#queue.settle(call);
    await this.#of.lun.flush(call);
    await this.#of.markDone(call);
    this.#open = false;
    if (this.#hashes !== undefined) await this.#keep(this.#hashes);
  }

  async discard(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    // Nothing of it may arrive after somebody was told that it is over.
    await this.#queue.settle().catch(() => undefined);
  }

  async #keep(hashes: Uint8Array): Promise<void> {
    const { keepHashes, onWarning } = this.#of;
    await keepHashes(hashes).catch((error: unknown) =>
      onWarning?.(error instanceof Error ? error.message : String(error)),
    );
  }

  async #readRuns(lun: Lun, runs: readonly BlockRun[], into: Buffer, call: StorageCall | undefined): Promise<void> {
    const all = runs.map(({ block, count, at }) => {
      const part = into.subarray(at * blockBytes, (at + count) * blockBytes);
      return this.#read(lun, block * blockBytes, part, call);
    });
    // None may read into a buffer that somebody else has by then.
    await Promise.allSettled(all);
    await Promise.all(all);
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

  /** What begins as zeros is made so, before the first write. */
  #begin(call: StorageCall | undefined): Promise<void> {
    this.#begun ??= this.#of.from === "zeros" ? this.#zeroExtent(call) : Promise.resolve();
    return this.#begun;
  }

  async #zeroExtent(call: StorageCall | undefined): Promise<void> {
    const { geometry, sizeBytes, extent } = this.#of;
    for (const { offset, length } of extentRanges(geometry, sizeBytes, extent)) {
      await this.#zeroRange(offset, length, call);
    }
  }

  /** What the LUN has nothing of stays so: it is thin. */
  async #zeroRange(offset: number, wanted: number, call: StorageCall | undefined): Promise<void> {
    const { lun, mayUnmap } = this.#of;
    const length = Math.min(wanted, lun.sizeBytes - offset);
    if (length <= 0) return;
    await this.#queue.settle(call);
    const isWhole = offset % lun.blockBytes === 0 && length % lun.blockBytes === 0;
    const ranges = isWhole ? await lun.mapped(offset, length, call) : undefined;
    for (const range of ranges ?? [{ offset, length, isMapped: true }]) {
      if (!range.isMapped) continue;
      if (mayUnmap && isWhole) await lun.unmap(range.offset, range.length, call);
      else await this.#writeZeros(range.offset, range.length, call);
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
