import { LRUCache } from "lru-cache";
import { VisibleError } from "../../../../core/api/errors.ts";
import { type BlockTable, BlockTableDamaged, damageHint } from "./blocks.ts";
import type { DamageNotes } from "./damage.ts";
import type { BlockTables } from "./reader.ts";

/** That there is no table is known of an extent as well. */
const hole = "hole";

/** Block tables as they are committed, the most recently used ones kept. */
export class CommittedTables implements BlockTables {
  readonly #label: string;
  readonly #load: (extent: number) => BlockTable | undefined;
  readonly #damage: DamageNotes;
  readonly #cached: LRUCache<number, BlockTable | typeof hole>;

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
    this.#cached = new LRUCache({ max: 8 + options.stripeCount });
  }

  get(extent: number): BlockTable | undefined {
    const cached = this.#cached.get(extent);
    if (cached !== undefined) return cached === hole ? undefined : cached;
    const table = this.#loadVerified(extent);
    this.put(extent, table);
    return table;
  }

  /** Says what a commit has made of an extent. */
  put(extent: number, table: BlockTable | undefined): void {
    this.#cached.set(extent, table ?? hole);
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
