import { VisibleError } from "../../../core/api/errors.ts";
import { blockBytes } from "../../../core/extent/geometry.ts";
import { makePrivateFolder } from "../../files/private-folder.ts";
import type { NbdExport, NbdExtent } from "../export.ts";
import { areaBytes, BlockMap, type BlockPlace } from "./block-map.ts";
import { ScratchFile } from "./scratch-file.ts";

/** Notes of zeros beside those of what is written; each takes some 40 bytes. */
const zerosMax = 1_000_000;

/** A part of one block. */
interface BlockPart {
  readonly block: number;
  /** In the block. */
  readonly from: number;
  readonly length: number;
  /** From the beginning of the range that it is a part of. */
  readonly at: number;
}

/**
 * An export over a read-only one: writes go to a file of its own, and are gone when it is closed or
 * its process ends. Blocks of 64 KiB are copied when they are first written to.
 */
export class Overlay implements NbdExport {
  readonly name: string;
  readonly description: string | undefined;
  readonly sizeBytes: number;
  readonly write = {
    write: (offset: number, data: Uint8Array) => this.#inTurn(() => this.#write(offset, data)),
    zero: (offset: number, length: number) => this.#inTurn(() => this.#zero(offset, length)),
    // What nobody finds again need not be durable.
    flush: () => this.#inTurn(async () => undefined),
  };
  readonly #base: NbdExport;
  readonly #file: ScratchFile;
  readonly #map: BlockMap;
  readonly #bytesMax: number;
  readonly #block = Buffer.allocUnsafeSlow(blockBytes);
  #last: Promise<void> = Promise.resolve();

  private constructor(base: NbdExport, file: ScratchFile, bytesMax: number) {
    this.name = base.name;
    this.description = base.description;
    this.sizeBytes = base.sizeBytes;
    this.#base = base;
    this.#file = file;
    this.#bytesMax = bytesMax;
    const slotsMax = Math.floor(bytesMax / blockBytes);
    this.#map = new BlockMap({ slotsMax, notesMax: slotsMax + zerosMax });
  }

  /**
   * @param options.folder where the file is made, which has no name; this user's alone
   * @param options.bytesMax what it may hold; then writes fail with STORE_FULL
   * @throws VisibleError BAD_REQUEST (of the folder), STORE_FULL, DISK_FAILED
   */
  static async over(
    base: NbdExport,
    options: { readonly folder: string; readonly bytesMax: number },
  ): Promise<Overlay> {
    await makePrivateFolder(options.folder);
    return new Overlay(base, new ScratchFile(options.folder), options.bytesMax);
  }

  /** What was written, in whole blocks. */
  get usedBytes(): number {
    return this.#map.slotsUsed * blockBytes;
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    for (let at = 0; at < into.length; ) {
      const { place, length } = this.#run(offset + at, into.length - at);
      const part = into.subarray(at, at + length);
      if (place === "base") await this.#base.read(offset + at, part);
      else if (place === "zeros") part.fill(0);
      else this.#file.read(place * blockBytes + ((offset + at) % blockBytes), part);
      at += length;
    }
  }

  async extents(offset: number, length: number): Promise<readonly NbdExtent[]> {
    const found: NbdExtent[] = [];
    // To the end of the area: then whoever asks has a turn.
    const end = Math.min(offset + length, (Math.floor(offset / areaBytes) + 1) * areaBytes);
    for (let at = offset; at < end; ) {
      const run = this.#run(at, end - at);
      const told =
        run.place === "base"
          ? await this.#base.extents(at, run.length)
          : [{ length: run.length, isHole: run.place === "zeros" }];
      const toldBytes = told.reduce((sum, extent) => sum + extent.length, 0);
      found.push(...told);
      at += toldBytes;
      if (toldBytes < run.length) break;
    }
    return found;
  }

  /** After what is being written. What was written is gone. */
  async close(): Promise<void> {
    await this.#last;
    this.#file.close();
  }

  /** What lies together from `offset` on: blocks of the base, zeros, or a part of one slot. */
  #run(offset: number, length: number): { readonly place: BlockPlace; readonly length: number } {
    let block = Math.floor(offset / blockBytes);
    const place = this.#map.place(block);
    const end = offset + length;
    const blocksPerArea = areaBytes / blockBytes;
    const isSame = () => typeof place !== "number" && this.#map.place(block) === place;
    do {
      const skipsArea = place === "base" && this.#map.isAreaOfBase(block);
      block = skipsArea ? (Math.floor(block / blocksPerArea) + 1) * blocksPerArea : block + 1;
    } while (block * blockBytes < end && isSame());
    return { place, length: Math.min(end, block * blockBytes) - offset };
  }

  async #write(offset: number, data: Uint8Array): Promise<void> {
    for (const part of partsOf(offset, data.length)) {
      await this.#put(part, data.subarray(part.at, part.at + part.length));
    }
  }

  async #put({ block, from, length }: BlockPart, data: Uint8Array): Promise<void> {
    const place = this.#map.place(block);
    if (typeof place === "number") return this.#file.write(place * blockBytes + from, data);
    const slot = this.#map.reserve();
    if (slot === undefined) throw this.#full();
    try {
      await this.#copy(block, slot, { from, length, data });
    } catch (error) {
      this.#map.release(slot);
      throw error;
    }
    if (this.#map.put(block, slot)) return;
    this.#map.release(slot);
    throw this.#full();
  }

  /** Writes a block into a slot, as it is but for `data`. */
  async #copy(
    block: number,
    slot: number,
    { from, length, data }: { readonly from: number; readonly length: number; readonly data: Uint8Array },
  ): Promise<void> {
    if (length === blockBytes) return this.#file.write(slot * blockBytes, data);
    const whole = this.#block.subarray(0, Math.min(blockBytes, this.sizeBytes - block * blockBytes));
    if (this.#map.place(block) === "zeros") whole.fill(0);
    else await this.#base.read(block * blockBytes, whole);
    whole.set(data, from);
    this.#file.write(slot * blockBytes, whole);
  }

  async #zero(offset: number, length: number): Promise<void> {
    const end = offset + length;
    for (let at = offset; at < end; ) {
      const isArea = at % areaBytes === 0 && end - at >= areaBytes;
      const next = isArea ? at + areaBytes : Math.min(end, (Math.floor(at / blockBytes) + 1) * blockBytes);
      if (isArea) this.#map.zeroArea(at / blockBytes);
      else await this.#zeroInBlock(at, next - at);
      at = next;
    }
  }

  async #zeroInBlock(offset: number, length: number): Promise<void> {
    const block = Math.floor(offset / blockBytes);
    const place = this.#map.place(block);
    if (place === "zeros") return;
    const isWhole = offset % blockBytes === 0 && (length === blockBytes || offset + length === this.sizeBytes);
    if (!isWhole) return this.#put({ block, from: offset % blockBytes, length, at: 0 }, Buffer.alloc(length));
    if (!this.#map.put(block, "zeros")) throw this.#full();
  }

  /** One after the other: what copies a block is not to meet what writes to it. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }

  #full(): VisibleError {
    return new VisibleError("STORE_FULL", `The overlay holds ${this.#bytesMax} bytes of writes at most.`, {
      hint: "Detach, and attach it again: what was written is gone by that.",
    });
  }
}

function* partsOf(offset: number, length: number): Generator<BlockPart, void, void> {
  for (let at = 0; at < length; ) {
    const from = (offset + at) % blockBytes;
    const part = Math.min(blockBytes - from, length - at);
    yield { block: (offset + at - from) / blockBytes, from, length: part, at };
    at += part;
  }
}
