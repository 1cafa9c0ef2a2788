import type { Damage } from "../../core/api/group.ts";
import type { Instant, SiteId } from "../../core/api/ids.ts";
import type { Report } from "../../core/api/report.ts";
import type { InventoryTask } from "../../core/api/task.ts";
import { placedDamage, placedObjects } from "../../core/object/place.ts";
import { aheadSecondsMax, isAhead } from "../../core/ports/clock.ts";
import type { Stored } from "../../core/ports/store.ts";
import { retrying } from "../documents/conflicts.ts";
import { inventoryHeadKey } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";
import { putFacilities } from "../sites/facilities.ts";
import { inventoryKeysBefore, readInventoryBefore } from "./before.ts";
import { damageList, objectList, putEntries } from "./entries.ts";

/** A part of what a gateway has seen at its site; those of before tell of no damage. */
type InventoryPart = Omit<Extract<Report, { kind: "inventory" }>, "damage"> & { readonly damage?: readonly Damage[] };

/** One time that a gateway looked. */
interface Generation {
  /** Its gateway's clock in milliseconds. */
  readonly generation: number;
  readonly gatewayId: string;
  readonly observedAt: Instant;
  readonly parts: number;
  /** Those that have been taken in. */
  readonly arrived: readonly number[];
}

/**
 * Of when what is known of a site is. The objects and the damage are documents of their own, which
 * change with the part that tells of them.
 */
interface InventoryHead {
  /** All parts have been taken in of what a gateway saw then. Absent: never yet. */
  readonly observedAt?: Instant;
  readonly newest: Generation;
  /** There are no documents of versions before any more. */
  readonly isFreeOfBefore?: true;
}

type InventoryDeps = Pick<Deps, "store" | "clock" | "log" | "ids" | "tasks">;

/**
 * Takes in a part: what is stored of its ranges becomes what it says. Parts may come in any order,
 * twice, and from two gateways at once: one of an older generation than the newest is dropped.
 */
export const putInventoryPart = async (deps: InventoryDeps, part: InventoryPart): Promise<void> => {
  const { siteId, gatewayId, observedAt } = part;
  const now = deps.clock.now();
  if (isOfFuture(part, now)) {
    // It would hide what all others see until its time has come.
    deps.log.error({ siteId, gatewayId, observedAt, now }, "an inventory was dropped: its gateway's clock is ahead");
    return;
  }
  let hasChanged = false;
  await retrying(deps, async () => {
    const begun = await changeHead(deps, siteId, (head) => begin(head, part, now));
    if (begun === undefined || !isOf(begun.newest, part) || begun.newest.arrived.includes(part.part)) return;
    try {
      hasChanged = (await putPart(deps, part)) || hasChanged;
    } catch (error) {
      // Some of it may be written.
      hasChanged = true;
      throw error;
    }
  });
  const head = await changeHead(deps, siteId, (before) => arrive(before, part));
  if (head !== undefined && isOf(head.newest, part)) return clearBefore(deps, siteId, head);
  // Something newer was taken in at the same time, and some of it may just have been overwritten.
  if (hasChanged) await askForInventory(deps, siteId);
};

/** When a gateway last saw all that is known of the site; undefined before the first time. */
export const inventoryObservedAt = async (
  deps: Pick<Deps, "store" | "clock" | "ids">,
  siteId: SiteId,
): Promise<Instant | undefined> => (await retrying(deps, () => readHead(deps, siteId)))?.body.observedAt;

/** Has a gateway of the site look at what it has. @returns the id of its task */
export const askForInventory = async (deps: Pick<Deps, "tasks" | "clock">, siteId: SiteId): Promise<string> => {
  const issuedAt = deps.clock.now();
  const task: InventoryTask = { kind: "inventory", id: `inventory/${siteId}/${issuedAt}`, siteId, issuedAt };
  await deps.tasks.send(siteId, [{ task }]);
  return task.id;
};

const isOfFuture = ({ generation, observedAt }: Pick<Generation, "generation" | "observedAt">, now: Instant): boolean =>
  generation - Date.parse(now) > aheadSecondsMax * 1000 || isAhead(observedAt, now);

type Who = Pick<Generation, "generation" | "gatewayId">;

/** Two gateways may look in the same millisecond. */
const isOf = (one: Who, other: Who): boolean =>
  one.generation === other.generation && one.gatewayId === other.gatewayId;
const isNewer = (one: Who, other: Who): boolean =>
  one.generation > other.generation || (one.generation === other.generation && one.gatewayId > other.gatewayId);

/** One of the future was written when all clocks were ahead: it counts until there is another. */
const begin = (head: InventoryHead | undefined, part: InventoryPart, now: Instant): InventoryHead | undefined => {
  const { generation, gatewayId, observedAt, parts } = part;
  const newest: Generation = { generation, gatewayId, observedAt, parts, arrived: [] };
  if (head === undefined) return { newest };
  return isNewer(part, head.newest) || isOfFuture(head.newest, now) ? { ...head, newest } : head;
};

const arrive = (head: InventoryHead | undefined, part: InventoryPart): InventoryHead | undefined => {
  if (head === undefined || !isOf(head.newest, part) || head.newest.arrived.includes(part.part)) return head;
  const newest = { ...head.newest, arrived: [...head.newest.arrived, part.part] };
  return { ...head, newest, ...(isComplete(newest) && { observedAt: newest.observedAt }) };
};

const isComplete = ({ arrived, parts }: Generation): boolean => arrived.length === parts;

/** A gateway of before tells no ranges; then they are known only where it has all in one part. */
const rangesOf = ({ ranges, parts }: InventoryPart) => {
  if (ranges !== undefined) return ranges;
  return parts === 1 ? { objects: {}, damage: {} } : {};
};

/** @returns whether it says anything else than what was known. @throws {CommitConflict} */
const putPart = async (deps: Pick<Deps, "store">, part: InventoryPart): Promise<boolean> => {
  const { siteId } = part;
  const ranges = rangesOf(part);
  const objects = placedObjects(part.objects, ranges.objects?.after);
  const damage = placedDamage(part.damage ?? [], ranges.damage?.after);
  const changed = [
    await putEntries(deps, siteId, objectList, objects, ranges.objects),
    await putEntries(deps, siteId, damageList, damage, ranges.damage),
    part.facilities !== undefined && (await putFacilities(deps, siteId, part.facilities)),
  ];
  return changed.includes(true);
};

/**
 * @param change gives back the same where there is nothing to change.
 * @returns what is so afterwards
 */
const changeHead = async (
  deps: Pick<Deps, "store" | "clock" | "ids">,
  siteId: SiteId,
  change: (head: InventoryHead | undefined) => InventoryHead | undefined,
): Promise<InventoryHead | undefined> => {
  const key = inventoryHeadKey(siteId);
  // Others count their parts in the same document.
  return retrying(deps, async () => {
    const stored = await readHead(deps, siteId);
    const body = change(stored?.body);
    if (body === undefined || body === stored?.body) return body;
    const expect = stored === undefined ? "absent" : { version: stored.version };
    await deps.store.commit([{ type: "put", key, body, expect }]);
    return body;
  });
};

/**
 * @throws {CommitConflict} when somebody else takes over the documents of before at the same time
 */
const readHead = async (
  deps: Pick<Deps, "store" | "clock">,
  siteId: SiteId,
): Promise<Stored<InventoryHead> | undefined> =>
  (await deps.store.get<InventoryHead>(inventoryHeadKey(siteId))) ?? (await takeOver(deps, siteId));

/** What a version before has stored becomes documents of today's form. Twice is as good as once. */
const takeOver = async (
  deps: Pick<Deps, "store" | "clock">,
  siteId: SiteId,
): Promise<Stored<InventoryHead> | undefined> => {
  const before = await readInventoryBefore(deps, siteId);
  if (before === undefined) return undefined;
  const { generation, gatewayId, observedAt } = before;
  await putEntries(deps, siteId, objectList, placedObjects(before.objects), {});
  await putEntries(deps, siteId, damageList, placedDamage(before.damage), {});
  const body: InventoryHead = { observedAt, newest: { generation, gatewayId, observedAt, parts: 1, arrived: [0] } };
  await deps.store.commit([{ type: "put", key: inventoryHeadKey(siteId), body, expect: "absent" }]);
  return deps.store.get<InventoryHead>(inventoryHeadKey(siteId));
};

/** Deletes what versions before have stored, once all is known without it. */
const clearBefore = async (deps: InventoryDeps, siteId: SiteId, head: InventoryHead): Promise<void> => {
  if (head.isFreeOfBefore || !isComplete(head.newest)) return;
  await deps.store.deleteAll(await inventoryKeysBefore(deps, siteId));
  await changeHead(deps, siteId, (now) => now && { ...now, isFreeOfBefore: true });
};
