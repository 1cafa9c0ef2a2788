import type { Damage } from "../core/api/group.ts";
import type { Instant, SiteId } from "../core/api/ids.ts";
import type { Inventory } from "../core/api/object.ts";
import type { Report } from "../core/api/report.ts";
import { isUnusable } from "../core/object/judge.ts";
import { aheadSecondsMax } from "../core/ports/clock.ts";
import type { Change, Key, Stored } from "../core/ports/store.ts";
import type { Deps } from "./deps.ts";
import { inventoryKey, inventoryPrefix } from "./records.ts";

/** One part of what a site has; a generation is complete when all its parts are there. */
export type InventoryPart = Omit<Extract<Report, { kind: "inventory" }>, "kind" | "damage"> & {
  readonly damage?: readonly Damage[];
};

type Store = Pick<Deps, "store">;
type StoreAndClock = Pick<Deps, "store" | "clock">;

/** Parts are up to 200 objects each, so few are read at a time. */
const partsPerPage = 10;
const deletesPerCommit = 100;
/**
 * Stores one part; the same part twice is one. With the last part of a generation, what is older
 * than the newest complete generation is deleted. Parts may come in any order: what is left over
 * goes with the next generation.
 */
export const putInventoryPart = async (
  deps: Pick<Deps, "store" | "clock" | "log">,
  report: InventoryPart & { readonly kind: "inventory" },
): Promise<void> => {
  const { kind: _, ...part } = report;
  const now = deps.clock.now();
  if (isOfFuture(part, now)) {
    // It would hide what all others see until its time has come.
    const { siteId, gatewayId, observedAt } = part;
    deps.log.error({ siteId, gatewayId, observedAt, now }, "an inventory was dropped: its gateway's clock is ahead");
    return;
  }
  await deps.store.putAll([{ key: inventoryKey(part.siteId, part.generation, part.part), body: part }]);
  if (part.part !== part.parts - 1) return;
  const newest = await readNewestComplete(deps, part.siteId);
  if (newest !== undefined) await deleteReplaced(deps, part.siteId, newest.generation);
};

/** Generations are their gateway's clock in milliseconds. */
const isOfFuture = ({ generation }: Pick<InventoryPart, "generation">, now: Instant): boolean =>
  generation - Date.parse(now) > aheadSecondsMax * 1000;

/** What the site has, by the newest generation whose parts are all there; undefined before the first. */
export const readInventory = async (deps: StoreAndClock, siteId: SiteId): Promise<Inventory | undefined> => {
  const newest = await readNewestComplete(deps, siteId);
  if (newest === undefined) return undefined;
  const { observedAt } = newest.parts[0];
  const all = newest.parts.flatMap((part) => part.objects);
  const unusable = all.filter(isUnusable);
  const objects = all.flatMap((object) => (isUnusable(object) ? [] : [object]));
  return { siteId, observedAt, objects, ...(unusable.length > 0 && { unusable }) };
};

/** What the site says is damaged of its groups, by the same generation. */
export const readDamage = async (deps: StoreAndClock, siteId: SiteId): Promise<readonly Damage[]> =>
  // Parts that an earlier version stored have none.
  (await readNewestComplete(deps, siteId))?.parts.flatMap((part) => part.damage ?? []) ?? [];

type Parts = readonly [InventoryPart, ...InventoryPart[]];

type Generation = { readonly generation: number; readonly parts: Parts };

/**
 * One of the future was written when all clocks were ahead: it is what is known until there is
 * another, whatever it says.
 */
const readNewestComplete = async (deps: StoreAndClock, siteId: SiteId): Promise<Generation | undefined> => {
  const now = deps.clock.now();
  let ofFuture: Generation | undefined;
  let parts: InventoryPart[] = [];
  for await (const { body: part } of newestFirst(deps, siteId)) {
    // Two gateways may have looked in the same millisecond: a generation is of one of them only.
    if (parts[0]?.generation !== part.generation || parts[0].gatewayId !== part.gatewayId) parts = [];
    parts.push(part);
    if (!isComplete(parts)) continue;
    const found = { generation: part.generation, parts: parts.toReversed() as [...Parts] };
    if (!isOfFuture(part, now)) return found;
    ofFuture ??= found;
  }
  return ofFuture;
};

const isComplete = (parts: readonly InventoryPart[]): boolean => parts.length === parts[0]?.parts;

/**
 * Deletes the parts of generations that a complete one has replaced: the older ones, and those of
 * the future.
 */
const deleteReplaced = async (deps: StoreAndClock, siteId: SiteId, generation: number): Promise<void> => {
  const now = deps.clock.now();
  let old: Key[] = [];
  for await (const { key, body } of newestFirst(deps, siteId)) {
    if (body.generation < generation || (body.generation > generation && isOfFuture(body, now))) old.push(key);
    if (old.length === deletesPerCommit) {
      await deleteAll(deps, old);
      old = [];
    }
  }
  if (old.length > 0) await deleteAll(deps, old);
};

const deleteAll = (deps: Store, keys: readonly Key[]): Promise<void> =>
  deps.store.commit(keys.map((key): Change => ({ type: "delete", key, expect: "any" })));

/** All parts of a site, by falling generation, and within it from the last part to the first. */
async function* newestFirst({ store }: Store, siteId: SiteId): AsyncGenerator<Stored<InventoryPart>> {
  const { partition } = inventoryKey(siteId, 0, 0);
  let cursor: string | undefined;
  do {
    const page = await store.query<InventoryPart>({
      partition,
      prefix: inventoryPrefix,
      limit: partsPerPage,
      descending: true,
      ...(cursor === undefined ? {} : { cursor }),
    });
    yield* page.items;
    cursor = page.cursor;
  } while (cursor !== undefined);
}
