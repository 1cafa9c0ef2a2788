import { newName } from "../../../../core/api/name.ts";
import type { ObjectConfig } from "../../../../core/api/object.ts";
import type { ObjectSpec, ObjectSpecOf } from "../../../../core/api/object-spec.ts";
import { findExport } from "../cluster/exports.ts";
import { fileNamed, refuseTakenPath } from "../cluster/files.ts";
import { refuseMirrorsIn } from "../cluster/guard.ts";
import { objectOfVolume } from "../cluster/objects.ts";
import { ensureTarget } from "../cluster/targets.ts";
import type { VolumeRow } from "../cluster/volume-row.ts";
import { chooseLun, refuseTakenName } from "../cluster/volumes.ts";
import type { Database } from "../database/database.ts";
import { createVm } from "./create-vm.ts";
import { putExport, putPool, putSwitch } from "./facilities.ts";
import { insertNew, newVolume } from "./new-volume.ts";

/*
 * What documents describe, made. Everything here runs inside the caller's transaction, which undoes
 * all of it when one is refused.
 */

/** @returns the objects, in the documents' order. @throws as ClusterAdministration says */
export const createObjects = (database: Database, specs: readonly ObjectSpec[]): ObjectConfig[] =>
  specs.flatMap((spec) => create(database, spec) ?? []);

const create = (database: Database, spec: ObjectSpec): ObjectConfig | undefined => {
  switch (spec.kind) {
    case "pool":
      putPool(database, spec);
      return undefined;
    case "switch":
      putSwitch(database, spec);
      return undefined;
    case "nfs-export":
      putExport(database, spec);
      return undefined;
    case "volume":
      return objectOfVolume(database, createVolume(database, spec));
    case "lun":
      return objectOfVolume(database, createLun(database, spec));
    case "nfs-file":
      return objectOfVolume(database, createFile(database, spec));
    case "vm":
      return createVm(database, spec);
  }
};

const createVolume = (database: Database, spec: ObjectSpecOf<"volume">): VolumeRow => {
  const name = freeName(database, spec.name);
  const { labels, sharing } = spec;
  return insertNew(database, { ...newVolume(database, spec), kind: "volume", name, labels, sharing });
};

const createLun = (database: Database, spec: ObjectSpecOf<"lun">): VolumeRow => {
  const { target: written, lunId, allowedInitiators, settings, labels } = spec;
  const name = freeName(database, spec.name);
  const target = newName(written, "an iSCSI target");
  const wanted = { target, ...(lunId !== undefined && { lunId }) };
  const lun = { ...chooseLun(database, wanted, "OBJECT_NAME_TAKEN"), allowedInitiators };
  ensureTarget(database, target, settings);
  return insertNew(database, { ...newVolume(database, spec), kind: "lun", name, lun, labels });
};

const createFile = (database: Database, spec: ObjectSpecOf<"nfs-file">): VolumeRow => {
  const { name, ...file } = fileNamed(spec.name);
  const { pool } = findExport(database, file.export);
  refuseMirrorsIn(database, "export", file.export);
  refuseTakenPath(database, file);
  const { labels } = spec;
  return insertNew(database, { ...newVolume(database, { ...spec, pool }), kind: "nfs-file", name, file, labels });
};

const freeName = (database: Database, written: string): string => {
  const name = newName(written);
  refuseTakenName(database, name, "OBJECT_NAME_TAKEN");
  return name;
};
