import { z } from "zod";
import { type Damage, damageSchema } from "../../core/api/group.ts";
import { type Instant, instantSchema, type SiteId } from "../../core/api/ids.ts";
import { type JudgedObject, judgedObjectSchema } from "../../core/api/judged-object.ts";
import { isAhead } from "../../core/ports/clock.ts";
import type { Key } from "../../core/ports/store.ts";
import { readRange } from "../documents/ranges.ts";
import { inventoryKey, inventoryPrefix } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";

/**
 * Inventories as versions before stored them: in parts of 200 objects, a generation of them for
 * each time that a gateway looked. They are taken over once, and deleted when a gateway has told
 * anew what there is.
 */
const partSchema = z.object({
  gatewayId: z.string(),
  generation: z.int(),
  parts: z.int(),
  observedAt: instantSchema,
  objects: z.array(judgedObjectSchema),
  damage: z.array(damageSchema).default([]),
});
type Part = z.infer<typeof partSchema>;

export interface InventoryBefore {
  readonly generation: number;
  readonly gatewayId: string;
  readonly observedAt: Instant;
  readonly objects: readonly JudgedObject[];
  readonly damage: readonly Damage[];
}

type StoreAndClock = Pick<Deps, "store" | "clock">;

/**
 * What the site had, by the newest generation whose parts are all there. One of the future was
 * written when all clocks were ahead: it counts where there is no other.
 */
export const readInventoryBefore = async (
  { store, clock }: StoreAndClock,
  siteId: SiteId,
): Promise<InventoryBefore | undefined> => {
  const now = clock.now();
  let parts: Part[] = [];
  let found: readonly Part[] | undefined;
  for await (const { body } of readRange<unknown>({ store }, firstKey(siteId))) {
    const part = partSchema.safeParse(body).data;
    if (part === undefined) continue;
    // Two gateways may have looked in the same millisecond: a generation is of one of them only.
    if (parts[0]?.generation !== part.generation || parts[0].gatewayId !== part.gatewayId) parts = [];
    parts.push(part);
    if (parts.length === part.parts && (found === undefined || !isAhead(part.observedAt, now))) found = parts;
  }
  const [first] = found ?? [];
  if (found === undefined || first === undefined) return undefined;
  const { generation, gatewayId, observedAt } = first;
  const objects = found.flatMap((part) => part.objects);
  return { generation, gatewayId, observedAt, objects, damage: found.flatMap((part) => part.damage) };
};

/** The keys of all parts of before. */
export const inventoryKeysBefore = async ({ store }: Pick<Deps, "store">, siteId: SiteId): Promise<readonly Key[]> => {
  const keys: Key[] = [];
  for await (const { key } of readRange({ store }, firstKey(siteId))) keys.push(key);
  return keys;
};

const firstKey = (siteId: SiteId): Key => ({ ...inventoryKey(siteId, 0, 0), sort: inventoryPrefix });
