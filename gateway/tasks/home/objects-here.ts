import { groupIdOf, type RunId } from "../../../core/api/ids.ts";
import type { ObjectConfig } from "../../../core/api/object.ts";
import type { RunTask } from "../../../core/api/task.ts";
import type { ObjectId, StandIn } from "../../storage/control.ts";
import type { StorageDriver } from "../../storage/driver.ts";
import { ownerOf } from "../context.ts";
import { objectKey } from "../entries.ts";

/** What a task says of where a plan's objects are. */
export interface PlacedTask extends Pick<RunTask, "planId" | "source" | "siteId"> {
  /** The restores that made what stands for the plan's objects here. */
  readonly standIns?: readonly RunId[] | undefined;
}

/** Whether the plan's objects are at the site that it protects, be they originals or not. */
export const isAtHome = ({ siteId, source }: Pick<PlacedTask, "siteId" | "source">): boolean => siteId === source;

/** What stands for the plan's objects here, or for these of them. */
export const standInsOf = async (
  task: Omit<PlacedTask, "siteId">,
  storage: Pick<StorageDriver, "standIns">,
  objects?: readonly ObjectId[],
): Promise<readonly StandIn[]> => {
  const { standIns = [] } = task;
  if (standIns.length === 0) return [];
  return storage.standIns({ owner: ownerOf(task), keys: standIns.map(groupIdOf), ...(objects && { objects }) });
};

/**
 * What this site has of objects that are named in home terms: what stands for them, or where they
 * are at home and nothing does, the originals. By their keys, and as the site has them; what is not
 * there is left out.
 */
export const objectsHere = async (
  task: PlacedTask,
  objects: readonly ObjectId[],
  storage: Pick<StorageDriver, "standIns" | "findObjects">,
): Promise<ReadonlyMap<string, ObjectConfig>> => {
  const standIns = new Map((await standInsOf(task, storage, objects)).map((one) => [objectKey(one.home), one]));
  const isOriginal = (id: ObjectId) => isAtHome(task) && !standIns.has(objectKey(id));
  const found = await storage.findObjects(objects.filter(isOriginal).map(({ kind, id }) => ({ kind, id })));
  const here = new Map(found.map((object) => [objectKey(object), object]));
  for (const id of objects) {
    const standIn = standIns.get(objectKey(id))?.object;
    if (standIn !== undefined) here.set(objectKey(id), standIn);
  }
  return here;
};
