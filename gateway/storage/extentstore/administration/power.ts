import { VisibleError } from "../../../../core/api/errors.ts";
import type { ObjectConfig } from "../../../../core/api/object.ts";
import type { ObjectId } from "../../control.ts";
import { objectOfVm } from "../cluster/objects.ts";
import { refuseUnfinishedVm } from "../cluster/unfinished.ts";
import { findVm } from "../cluster/vms.ts";
import type { Database } from "../database/database.ts";
import { findOwn, kindNames } from "./find.ts";

/**
 * Inside a transaction.
 * @throws VOLUME_UNKNOWN, OBJECT_IS_MIRROR, BAD_REQUEST (it is no VM), ROLLBACK_UNFINISHED
 */
export const setPower = (database: Database, id: ObjectId, power: "on" | "off"): ObjectConfig => {
  const own = findOwn(database, id);
  if (own.kind !== "vm") {
    throw new VisibleError(
      "BAD_REQUEST",
      `The ${kindNames[own.kind]} “${own.volume.name}” can't be switched ${power}.`,
      {
        hint: "VMs can.",
      },
    );
  }
  if (power === "on") refuseUnfinishedVm(database, own.vm);
  database.run("UPDATE vms SET status = ? WHERE id = ?", power === "on" ? "RUNNING" : "STOPPED", own.vm.id);
  return objectOfVm(database, findVm(database, own.vm.id));
};
