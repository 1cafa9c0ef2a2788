import assert from "node:assert/strict";
import type { Geometry } from "../../../../core/api/object/volume-shape.ts";
import { blockBytes } from "../../../../core/extent/geometry.ts";
import { assertExtent, extentRanges, locate, partsOf } from "../../../../core/extent/striping.ts";
import type { Lun } from "../../../iscsi/lun/lun.ts";
import { blockHash, blockHashBytes } from "../../block-hash.ts";
import type { StorageCall } from "../../call.ts";
import { readAhead } from "../../image/read-ahead.ts";
import type { MirrorExtentWriter } from "../../volume-io.ts";
import { readBytes } from "./lun-bytes.ts";
import { WriteQueue } from "./write-queue.ts";

/** So much is read at once where an extent is read back. */
const readBytesMax = 2 * 1024 * 1024;
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
  #begun: Promise<void> | undefined;
  #open = true;

  constructor(of: ExtentWriterOptions) {
    assertExtent(of.geometry, of.sizeBytes, of.extent);
    this.#of = of;
    this.#queue = new WriteQueue(of.lun);
  }

  async write(offset: number, data: Uint8Array, call?: StorageCall): Promise<void> {
    this.#checkRange(offset, data.length);
    if (this.#of.from === "base") return this.#queue.write(offset, data, call);
    const own = Buffer.from(data);
    await this.#begin(call);
    await this.#queue.write(offset, own, call);
  }

  async zero(offset: number, length: number, call?: StorageCall): Promise<void> {
    this.#checkRange(offset, length);
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
    const { geometry, lun } = this.#of;
    const hashes = new Uint8Array((geometry.extentBytes / blockBytes) * blockHashBytes);
    const pieces = readAhead({
      pieces: piecesOf(geometry.extentBytes),
      makeBuffers: () => Buffer.allocUnsafeSlow(Math.min(readBytesMax, geometry.extentBytes)),
      fill: (into, { offset, length }) => this.#read(lun, offset, into.subarray(0, length), call),
      signal: call?.signal ?? never,
    });
    for await (const { piece, buffers } of pieces) {
      for (let at = 0; at < piece.length; at += blockBytes) {
        const hash = blockHash(buffers.subarray(at, at + blockBytes));
        hashes.set(hash, ((piece.offset + at) / blockBytes) * blockHashBytes);
      }
    }
    return hashes;
  }

  async commit(call?: StorageCall): Promise<void> {
    assert(this.#open, "the extent is committed or discarded");
    await this.#begin(call);
    await this.#queue.settle(call);
    await this.#of.lun.flush(call);
    await this.#of.markDone(call);
    this.#open = false;
  }

  async discard(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    // Nothing of it may arrive after somebody was told that it is over.
    await this.#queue.settle().catch(() => undefined);
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

  #checkRange(offset: number, length: number): void {
    assert(this.#open, "the extent is committed or discarded");
    const { geometry, extent } = this.#of;
    for (let done = 0; done < length; ) {
      const at = locate(geometry, offset + done);
      assert.equal(at.extent, extent, "a write outside the extent");
      done += at.contiguousBytes;
    }
  }
}

function* piecesOf(extentBytes: number): Generator<{ readonly offset: number; readonly length: number }> {
  for (let offset = 0; offset < extentBytes; offset += readBytesMax) {
    yield { offset, length: Math.min(readBytesMax, extentBytes - offset) };
  }
}
