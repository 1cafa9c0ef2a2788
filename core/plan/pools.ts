import { bytesText } from "../api/bytes.ts";
import type { StoragePool } from "../api/facilities.ts";
import type { Plan } from "../api/plan.ts";
import type { Reason } from "../api/reason.ts";
import type { KnownFacilities } from "./facilities.ts";
import type { ResolvedObject } from "./resolve.ts";

/**
 * Pools of targets that can't hold the mirrors of a plan's objects, so far as is known: its
 * runs would fail there.
 * @param isNew no target has a mirror of it yet
 */
export const poolWarnings = (
  { targets }: Pick<Plan, "targets">,
  objects: readonly Pick<ResolvedObject, "volumes">[],
  { facilities, isNew }: { readonly facilities: KnownFacilities; readonly isNew: boolean },
): readonly Reason[] => {
  const sizes = new Map(objects.flatMap(({ volumes }) => volumes.map(({ id, sizeBytes }) => [id, sizeBytes] as const)));
  const wantedBytes = [...sizes.values()].reduce((sum, sizeBytes) => sum + sizeBytes, 0);
  return targets.flatMap(({ site, pool: name }) => {
    const pools = facilities.get(site)?.pools ?? [];
    // Which pool a target takes by itself is known where there is one.
    const pool = name === undefined && pools.length === 1 ? pools[0] : pools.find((one) => one.name === name);
    const freeBytes = pool && roomOf(pool, isNew);
    if (pool === undefined || freeBytes === undefined || wantedBytes <= freeBytes) return [];
    const message = `The mirrors of the plan's objects take ${pool.isThin ? "up to " : ""}${bytesText(wantedBytes)} in the pool “${pool.name}” of site “${site}”, which has ${bytesText(freeBytes)} ${isNew ? "free" : "in all"}: ${pool.isThin ? "runs may fail there, once so much is written" : "runs will fail there"}. Take another pool, or fewer objects.`;
    return [{ code: "POOL_FULL", message }];
  });
};

const roomOf = ({ capacityBytes, usedBytes = 0 }: StoragePool, isNew: boolean): number | undefined =>
  capacityBytes === undefined ? undefined : Math.max(0, capacityBytes - (isNew ? usedBytes : 0));
