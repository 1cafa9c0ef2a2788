import { hash } from "node:crypto";
import type { Facilities } from "../../core/api/facilities.ts";
import type { Damage } from "../../core/api/group.ts";
import type { Instant } from "../../core/api/ids.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import { secondsBetween } from "../../core/ports/clock.ts";
import type { ReportQueue } from "../../core/ports/queue.ts";
import type { Log } from "../log/log.ts";
import type { GroupDamage } from "../storage/control.ts";
import type { StorageDriver } from "../storage/driver.ts";
import type { GatewayIdentity } from "../tasks/context.ts";
import { inventoryReports } from "../tasks/inventory.ts";
import type { Watch } from "../time/standstill.ts";
import { steadyTime, type Time } from "../time/time.ts";

export interface InventoryTeller {
  /**
   * Tells what the site has.
   * @throws what the storage and the queue throw; then it counts as not told
   */
  tell(watch: Watch): Promise<void>;
  /**
   * Tells it when it is not what was told last, or when that is long ago, or lies in the future
   * since a clock was wrong.
   */
  tellChanges(watch: Watch): Promise<void>;
  /** How long a look is not worth another one: 0 where looks are quick. */
  readonly restSeconds: number;
}

/**
 * What a site has is looked at, and told, for a twentieth of the time at most; with thousands of
 * objects it takes a while.
 */
const restPerLook = 19;
const restSecondsMax = 60;

/** What got lost, and what is known by an instant that is wrong, is known again after this. */
const tellAgainSeconds = 6 * 3600;

const byId = (a: ObjectConfig, b: ObjectConfig) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
const byVolume = (a: Damage, b: Damage) => {
  const [one, other] = [a, b].map(({ groupId, volumeId }) => `${groupId}/${volumeId}`) as [string, string];
  return one < other ? -1 : one > other ? 1 : 0;
};

const damageLoggedMax = 20;
const isDamaged =
  "groups of this site are damaged: check its disk; the next run of their plan sends again what its newest mirror has lost";

const damageOf = ({ groupId, sourceVolumeId, name, extents }: GroupDamage): Damage => ({
  groupId,
  volumeId: sourceVolumeId,
  name,
  extents,
});

/** How full pools are changes all the time: that alone is no news. */
const newsOf = ({ pools, ...others }: Facilities) => ({
  ...others,
  pools: pools.map(({ usedBytes: _, ...pool }) => pool),
});

/**
 * Tells the control plane what the site has, when it is asked to and when something has changed.
 */
export const createInventoryTeller = (options: {
  readonly storage: Pick<StorageDriver, "inventory" | "damage" | "facilities">;
  readonly reports: ReportQueue;
  readonly identity: GatewayIdentity;
  readonly now: () => Instant;
  readonly log: Log;
  readonly time?: Pick<Time, "nowMs">;
}): InventoryTeller => {
  const { storage, reports, identity, now, log, time = steadyTime } = options;
  let restSeconds = 0;
  let told: { readonly digest: string; readonly observedAt: Instant } | undefined;

  const isRecent = ({ observedAt }: NonNullable<typeof told>, at: Instant): boolean =>
    observedAt <= at && secondsBetween(observedAt, at) < tellAgainSeconds;

  const isKnown = (digest: string, at: Instant): boolean =>
    told !== undefined && digest === told.digest && isRecent(told, at);

  const look = async (watch: Watch) => {
    const objects = [...(await storage.inventory(watch))].sort(byId);
    const damage = ((await storage.damage(watch)) ?? []).map(damageOf).sort(byVolume);
    const facilities = await storage.facilities(watch);
    const digest = hash("sha256", JSON.stringify([objects, damage, newsOf(facilities)]));
    return { objects, damage, facilities, digest };
  };

  const tellUnless = async (isTold: typeof isKnown, watch: Watch): Promise<void> => {
    const sinceMs = time.nowMs();
    try {
      await lookAndTell(isTold, watch);
    } finally {
      // A clock may be set meanwhile.
      restSeconds = Math.min(Math.max(0, restPerLook * ((time.nowMs() - sinceMs) / 1000)), restSecondsMax);
    }
  };

  const lookAndTell = async (isTold: typeof isKnown, watch: Watch): Promise<void> => {
    const observedAt = now();
    const { digest, ...inventory } = await look(watch);
    const { objects, damage } = inventory;
    if (isTold(digest, observedAt)) return;
    for (const report of inventoryReports(inventory, identity, observedAt)) {
      await reports.send(report);
      // Somebody newer tells it now.
      watch.signal.throwIfAborted();
      watch.onMoved();
    }
    told = { digest, observedAt };
    log.info({ objects: objects.length }, "inventory told");
    if (damage.length > 0) log.warn({ damage: damage.slice(0, damageLoggedMax), count: damage.length }, isDamaged);
  };

  return {
    tell: (watch) => tellUnless(() => false, watch),
    tellChanges: (watch) => tellUnless(isKnown, watch),
    get restSeconds() {
      return restSeconds;
    },
  };
};
