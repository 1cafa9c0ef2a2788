import { VisibleError } from "../../../../core/api/errors.ts";
import type { Database } from "../database/database.ts";
import type { VolumeRow } from "./volume-row.ts";

/* Mirrors can't be operated (W8). Both run inside the caller's transaction. */

type Guarded = Pick<VolumeRow, "id" | "role" | "name" | "planId" | "source">;

const hint =
  "Only its plan's runs change it. To have one that can be used, rebuild it from a restore point of that plan: " +
  "smtx-backup group list --plan PLAN, then smtx-backup rebuild GROUP --site SITE.";

/** @throws VOLUME_IS_MIRROR */
export const refuseMirror = (database: Database, row: VolumeRow): VolumeRow => {
  if (row.role !== "mirror") return row;
  throw new VisibleError("VOLUME_IS_MIRROR", `Volume ${row.id} (“${row.name}”) is ${whose(database, row)}.`, { hint });
};

/** @param kind of the object, for the message. @throws OBJECT_IS_MIRROR */
export const refuseMirrorObject = <Row extends Guarded>(database: Database, kind: string, row: Row): Row => {
  if (row.role !== "mirror") return row;
  throw new VisibleError("OBJECT_IS_MIRROR", `The ${kind} “${row.name}” is ${whose(database, row)}.`, { hint });
};

/** Refuses an export or an iSCSI target that has mirrors in it. @throws OBJECT_IS_MIRROR */
export const refuseMirrorsIn = (database: Database, what: "export" | "lunTarget", name: string): void => {
  const sql =
    what === "export"
      ? "SELECT * FROM volumes WHERE export = ? AND role = 'mirror' LIMIT 1"
      : "SELECT * FROM volumes WHERE lunTarget = ? AND role = 'mirror' LIMIT 1";
  const mirror = database.one<VolumeRow>(sql, name);
  if (mirror !== undefined) {
    refuseMirrorObject(database, what === "export" ? "NFS export" : "iSCSI target", { ...mirror, name });
  }
};

const whose = (database: Database, { planId, source }: Guarded): string => {
  const plan = database.one<{ planName: string }>(
    "SELECT planName FROM foreignPlans WHERE planId = ? AND source = ?",
    planId,
    source,
  );
  const name = plan === undefined ? `${planId}` : `“${plan.planName}” (${planId})`;
  return `a mirror of the plan ${name} of site ${source}`;
};
