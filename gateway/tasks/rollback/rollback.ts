import { VisibleError } from "../../../core/api/errors.ts";
import { shownName } from "../../../core/api/name.ts";
import type { Reason } from "../../../core/api/reason.ts";
import type { RollbackTask, TaskResultOf, UndoRollbackTask } from "../../../core/api/task.ts";
import type { ObjectId } from "../../storage/control.ts";
import type { StorageDriver } from "../../storage/driver.ts";
import type { RolledBack } from "../../storage/rollback.ts";
import { ownerOf, type TaskContext } from "../context.ts";
import { objectKey } from "../entries.ts";
import { objectsHere } from "../home/objects-here.ts";
import { boundedWarnings } from "../warnings.ts";

/**
 * Makes objects what a group has of them (W12), after the safety group, which names the rollback.
 * @throws what the storage throws
 */
export const rollback = async (task: RollbackTask, { storage }: TaskContext): Promise<TaskResultOf<"rollback">> => {
  const { groupId: key, from, discardChanges, unchangedSince } = task;
  const owner = ownerOf(task);
  const fromOwner = ownerOf({ planId: from.planId, source: task.source });
  const rolledBack = await storage.rollback({
    ...{ key, owner, discardChanges, ...(unchangedSince && { unchangedSince }) },
    objects: await meantHere(task, storage),
    from: { groupId: from.groupId, owner: fromOwner },
  });
  const warnings = rolledBack.flatMap(warningsOf);
  return { kind: "rollback", ...(warnings.length > 0 && { warnings: [...boundedWarnings(warnings)] }) };
};

/** @throws OBJECT_GONE (what stood for one was deleted; never is the original meant instead) */
const meantHere = async (
  task: RollbackTask,
  storage: Pick<StorageDriver, "standIns" | "findObjects">,
): Promise<readonly ObjectId[]> => {
  if (task.standIns === undefined) return task.objects;
  const here = await objectsHere(task, task.objects, storage);
  return task.objects.map((object) => {
    const found = here.get(objectKey(object));
    if (found !== undefined) return { kind: found.kind, id: found.id };
    throw new VisibleError("OBJECT_GONE", `What stood for the ${object.kind} ${object.id} here was deleted since.`, {
      hint: `Rebuild it from there: smtx-backup rebuild ${task.from.groupId} --site SITE --object ${object.id}`,
    });
  });
};

const warningsOf = ({ name: written, takenOut, cameBack, lostExtents }: RolledBack): readonly Reason[] => {
  const name = `“${shownName(written)}”`;
  const list = (names: readonly string[]) => names.map((one) => `“${shownName(one)}”`).join(", ");
  return [
    ...(takenOut.length === 0
      ? []
      : [
          { code: "DISK_TAKEN_OUT", message: `${name} did not have ${list(takenOut)}: kept as volumes by themselves.` },
        ]),
    ...(cameBack.length === 0
      ? []
      : [{ code: "DISK_CAME_BACK", message: `${name} had ${list(cameBack)}, deleted since: there again.` }]),
    ...(lostExtents === 0
      ? []
      : [
          {
            code: "CHANGED_MEANWHILE",
            message: `${name} was written, in ${lostExtents} extents, after the safety group was taken: that is in no group.`,
          },
        ]),
  ];
};

/**
 * Gives a rollback up, wherever it was, and puts back what it has written in place.
 * @throws what the storage throws
 */
export const undoRollback = async (
  task: UndoRollbackTask,
  { storage }: TaskContext,
): Promise<TaskResultOf<"undo-rollback">> => {
  const { groupId: key } = task;
  const { wasDone } = await storage.undoRollback({ key, owner: ownerOf(task) });
  if (!wasDone) return { kind: "undo-rollback" };
  const message = `It was done before it could be given up. To have it as it was before: smtx-backup rollback ${key} --discard-changes`;
  return { kind: "undo-rollback", warnings: [{ code: "ROLLBACK_DONE", message }] };
};
