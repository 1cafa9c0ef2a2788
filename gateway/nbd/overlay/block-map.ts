import { blockBytes } from "../../../core/extent/geometry.ts";

/** 256 MiB: what is zeroed as a whole is noted in one place. */
const blocksPerArea = 4096;
export const areaBytes = blocksPerArea * blockBytes;

/** Where a block is: in a slot of the overlay's file, nowhere for it is zeros, or in the base. */
export type BlockPlace = number | "zeros" | "base";

interface Area {
  /** Of the blocks that are not in `places`. */
  readonly rest: "zeros" | "base";
  readonly places: Map<number, Exclude<BlockPlace, "base">>;
}

/**
 * Where the blocks of 64 KiB of an overlay are. It takes memory for what was written alone, however
 * large the disk is.
 */
export class BlockMap {
  readonly #areas = new Map<number, Area>();
  readonly #free: number[] = [];
  readonly #slotsMax: number;
  readonly #notesMax: number;
  #slots = 0;
  #notes = 0;

  /**
   * @param options.slotsMax blocks that may be written
   * @param options.notesMax blocks that may be noted in all, those that are zeros too
   */
  constructor(options: { readonly slotsMax: number; readonly notesMax: number }) {
    this.#slotsMax = options.slotsMax;
    this.#notesMax = options.notesMax;
  }

  get slotsUsed(): number {
    return this.#slots - this.#free.length;
  }

  /** Whether all of the area that a block is in is the base's. */
  isAreaOfBase(block: number): boolean {
    return !this.#areas.has(areaOf(block));
  }

  place(block: number): BlockPlace {
    const area = this.#areas.get(areaOf(block));
    return area === undefined ? "base" : (area.places.get(block) ?? area.rest);
  }

  /** A slot that nobody has, or undefined when there is none. */
  reserve(): number | undefined {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    return this.#slots < this.#slotsMax ? this.#slots++ : undefined;
  }

  /** A slot that was reserved, and not used after all. */
  release(slot: number): void {
    this.#free.push(slot);
  }

  /** @returns false when there is no room for one more note */
  put(block: number, place: Exclude<BlockPlace, "base">): boolean {
    const key = areaOf(block);
    const area = this.#areas.get(key) ?? { rest: "base", places: new Map() };
    const before = area.places.get(block);
    if (before === undefined && place === "zeros" && area.rest === "zeros") return true;
    if (before === undefined && this.#notes >= this.#notesMax) return false;
    if (typeof before === "number") this.#free.push(before);
    if (before === undefined) this.#notes++;
    area.places.set(block, place);
    this.#areas.set(key, area);
    return true;
  }

  /** All blocks of the area that this one is in are zeros. */
  zeroArea(block: number): boolean {
    const key = areaOf(block);
    const area = this.#areas.get(key);
    for (const place of area?.places.values() ?? []) if (typeof place === "number") this.#free.push(place);
    this.#notes -= area?.places.size ?? 0;
    this.#areas.set(key, { rest: "zeros", places: new Map() });
    return true;
  }
}

const areaOf = (block: number): number => Math.floor(block / blocksPerArea);
