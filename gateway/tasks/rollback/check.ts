import { VisibleError } from "../../../core/api/errors.ts";
import { shownName } from "../../../core/api/name.ts";
import type { ObjectConfig } from "../../../core/api/object.ts";
import type { CheckTask, TaskResultOf } from "../../../core/api/task.ts";
import { instantText } from "../../../core/object/instant-text.ts";
import type { ObjectChanges } from "../../storage/rollback.ts";
import { ownerOf, type TaskContext } from "../context.ts";

const shownMax = 5;

/**
 * Looks whether a rollback can be done and what would be lost by it. Nothing is touched, but that
 * VMs are switched off when that is asked for and nothing else is in the way; and what an earlier
 * rollback has left half done is put back.
 * @throws OBJECT_GONE, OBJECT_BUSY, CHANGED_SINCE, and what else the storage throws
 */
export const check = async (task: CheckTask, { storage }: TaskContext): Promise<TaskResultOf<"check">> => {
  const { objects, from } = task;
  const found = await storage.findObjects(objects);
  refuseGone(task, found);
  for (const { key, owner } of await storage.unfinishedRollbacks(objects)) {
    if (key !== task.groupId) await storage.undoRollback({ key, owner });
  }
  const owner = ownerOf({ planId: from.planId, source: task.source });
  const changes = await storage.changesSince({ owner, groupId: from.groupId, objects });
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

const refuseGone = ({ objects, from }: CheckTask, found: readonly ObjectConfig[]): void => {
  const there = new Set(found.map(({ kind, id }) => `${kind}/${id}`));
  const [gone] = objects.filter(({ kind, id }) => !there.has(`${kind}/${id}`));
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
      : `Add --power-off, or switch it off before: smtx-backup object power-off ${first.usedBy.vmId} --site SITE`;
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
