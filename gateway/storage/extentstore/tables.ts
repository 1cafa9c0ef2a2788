import { VisibleError } from "../../../core/api/errors.ts";
import { type BlockTable, BlockTableDamaged, damageHint } from "./blocks.ts";
import type { DamageNotes } from "./damage.ts";
import type { BlockTables } from "./reader.ts";

/** Block tables as they are committed, the most recently used ones kept. */
export class CommittedTables implements BlockTables {
  readonly #label: string;
  readonly #load: (extent: number) => BlockTable | undefined;
  readonly #damage: DamageNotes;
  readonly #cachedMax: number;
  readonly #cached = new Map<number, BlockTable | undefined>();

  /** @param options.stripeCount as many extents are read in turn, so at least those are kept */
  constructor(options: {
    label: string;
    stripeCount: number;
    load: (extent: number) => BlockTable | undefined;
    damage: DamageNotes;
  }) {
    this.#label = options.label;
    this.#damage = options.damage;
    this.#load = options.load;
    this.#cachedMax = 8 + options.stripeCount;
  }

  get(extent: number): BlockTable | undefined {
    const cached = this.#cached.get(extent);
    if (cached !== undefined || this.#cached.has(extent)) return cached;
    const table = this.#loadVerified(extent);
    this.put(extent, table);
    return table;
  }

  /** Says what a commit has made of an extent. */
  put(extent: number, table: BlockTable | undefined): void {
    this.#cached.delete(extent);
    this.#cached.set(extent, table);
    if (this.#cached.size <= this.#cachedMax) return;
    for (const oldest of this.#cached.keys()) {
      this.#cached.delete(oldest);
      return;
    }
  }

  reload(): void {
    this.#cached.clear();
  }

  #loadVerified(extent: number): BlockTable | undefined {
    try {
      return this.#load(extent);
    } catch (error) {
      if (!(error instanceof BlockTableDamaged)) throw error;
      if (error.versionId !== undefined) this.#damage.note({ versionId: error.versionId });
      throw new VisibleError("STORE_CORRUPT", `The block table of extent ${extent} of ${this.#label} is damaged.`, {
        hint: damageHint,
        cause: error,
      });
    }
  }
}
