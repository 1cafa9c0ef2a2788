import { VisibleError } from "../../../core/api/errors.ts";
import { shownName } from "../../../core/api/name.ts";
import type { CheckTask, TaskResultOf } from "../../../core/api/task.ts";
import { instantText } from "../../../core/object/instant-text.ts";
import type { ObjectId } from "../../storage/control.ts";
import type { StorageDriver } from "../../storage/driver.ts";
import type { ObjectChanges } from "../../storage/rollback.ts";
import { ownerOf, type TaskContext } from "../context.ts";
import { objectKey } from "../entries.ts";
import { objectsHere } from "../home/objects-here.ts";

const shownMax = 5;

/**
 * Looks whether a rollback can be done and what would be lost by it. Nothing is touched, but that
 * VMs are switched off when that is asked for and nothing else is in the way; and what an earlier
 * rollback has left half done is put back.
 * @throws OBJECT_GONE, OBJECT_BUSY, CHANGED_SINCE, and what else the storage throws
 */
export const check = async (task: CheckTask, { storage }: TaskContext): Promise<TaskResultOf<"check">> => {
  const here = await objectsHere(task, task.objects, storage);
  refuseGone(task, here);
  const found = [...here.values()];
  const objects = found.map(({ kind, id }) => ({ kind, id }));
  for (const { key, owner } of await storage.unfinishedRollbacks(objects)) {
    if (key !== task.groupId) await storage.undoRollback({ key, owner });
  }
  const changes = await changesOf(task, objects, storage);
  const goesOff = new Set(task.powerOff ? found.flatMap((object) => (object.kind === "vm" ? [object.id] : [])) : []);
  refuseUsed(changes.filter(({ usedBy }) => usedBy !== undefined && !goesOff.has(usedBy.vmId ?? "")));
  if (!task.discardChanges) refuseChanged(task, changes);
  for (const object of found) {
    if (goesOff.has(object.id) && object.kind === "vm" && object.vm.status !== "STOPPED") {
      await storage.powerOff({ kind: "vm", id: object.id });
    }
  }
  return { kind: "check" };
};

/** Since the group that they become; what is other than that, since the one that is expected. */
const changesOf = async (
  { from, source, planId, unchangedSince }: CheckTask,
  objects: readonly ObjectId[],
  storage: Pick<StorageDriver, "changesSince">,
): Promise<readonly ObjectChanges[]> => {
  const owner = ownerOf({ planId: from.planId, source });
  const changes = await storage.changesSince({ owner, groupId: from.groupId, objects });
  if (unchangedSince === undefined || changes.every(({ extents }) => extents === 0)) return changes;
  const expected = { owner: ownerOf({ planId, source }), groupId: unchangedSince, objects };
  const since = new Map((await storage.changesSince(expected)).map((one) => [objectKey(one), one]));
  return changes.map((one) => (one.extents === 0 ? one : (since.get(objectKey(one)) ?? one)));
};

const refuseGone = ({ objects, from }: CheckTask, here: ReadonlyMap<string, unknown>): void => {
  const gone = objects.find((object) => !here.has(objectKey(object)));
  if (gone === undefined) return;
  throw new VisibleError("OBJECT_GONE", `The ${gone.kind} ${gone.id} was deleted since. Nothing was touched.`, {
    hint: `Rebuild it from there: smtx-backup rebuild ${from.groupId} --site SITE --object ${gone.id}`,
  });
};

/** Not tried again: a person is waiting to hear it. */
const refuseUsed = ([first]: readonly ObjectChanges[]): void => {
  if (first === undefined) return;
  const message = `“${shownName(first.name)}” can't be rolled back: ${first.usedBy?.why}. Nothing was touched.`;
  const hint =
    first.usedBy?.vmId === undefined
      ? "End what writes it first."
      : `Add --power-off to a rollback, or switch it off before: smtx-backup object power-off ${first.usedBy.vmId} --site SITE`;
  throw new VisibleError("OBJECT_BUSY", message, { hint, retryable: false });
};

/** What nobody knows of counts as changed (I12). */
const refuseChanged = ({ takenAt }: CheckTask, all: readonly ObjectChanges[]): void => {
  const changed = all.filter(({ extents }) => extents !== 0);
  if (changed.length === 0) return;
  const shown = changed.slice(0, shownMax).map(({ name, extents, since = takenAt }) => {
    const at = instantText(since);
    const who = `“${shownName(name)}”`;
    if (extents === undefined) return `what was written to ${who} since ${at} is not known: its snapshot is gone here`;
    return `${who} has changed since ${at}, in ${extents} ${extents === 1 ? "extent" : "extents"}`;
  });
  const more = changed.length > shownMax ? `; and ${changed.length - shownMax} objects more` : "";
  const said = `${shown.join("; ")}${more}`;
  throw new VisibleError("CHANGED_SINCE", `${said.charAt(0).toUpperCase()}${said.slice(1)}. Nothing was touched.`, {
    hint: "To give that up, add --discard-changes: a group of what is there now is kept for some days.",
  });
};
