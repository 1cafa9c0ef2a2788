import { VisibleError } from "../../../../core/api/errors.ts";
import { newName } from "../../../../core/api/name.ts";
import type { ObjectConfig } from "../../../../core/api/object.ts";
import type { ObjectSpecOf } from "../../../../core/api/object-spec.ts";
import { objectOfVm } from "../cluster/objects.ts";
import { findPool } from "../cluster/pools.ts";
import { insertVm, setDisks, setNics } from "../cluster/vms.ts";
import type { Database } from "../database/database.ts";
import { newCpus } from "./cpus.ts";
import { makeDisks } from "./disks.ts";
import { makeNics } from "./nics.ts";

/**
 * A VM, switched off, with its disks and NICs. Inside a transaction.
 * @throws OBJECT_NAME_TAKEN, OBJECT_BUSY, OBJECT_IS_MIRROR, POOL_UNKNOWN, POOL_FULL,
 *   SWITCH_UNKNOWN, VOLUME_UNKNOWN, BAD_REQUEST
 */
export const createVm = (database: Database, spec: ObjectSpecOf<"vm">): ObjectConfig => {
  const { memory, firmware, ha, description, labels, pool, disks, nics } = spec;
  const name = freeVmName(database, spec.name);
  if (pool !== undefined) findPool(database, pool);
  const config = {
    ...newCpus(spec),
    memory,
    firmware,
    ha,
    status: "STOPPED",
    ...(description !== undefined && { description }),
  } as const;
  const vm = insertVm(database, { role: "plain", name, config, labels });
  setDisks(database, vm.id, makeDisks(database, { vm, wanted: disks, had: [], pool }));
  setNics(database, vm.id, makeNics(database, vm, nics));
  return objectOfVm(database, vm);
};

/** @throws OBJECT_NAME_TAKEN, BAD_REQUEST */
export const freeVmName = (database: Database, written: string): string => {
  const name = newName(written, "a VM");
  if (database.one("SELECT 1 FROM vms WHERE name = ? AND role <> 'mirror'", name) === undefined) return name;
  throw new VisibleError("OBJECT_NAME_TAKEN", `There is a VM named “${name}” already.`, {
    hint: `Choose another name, or delete that VM first: smtx-backup object delete ${name} --site SITE.`,
  });
};
