import { VisibleError } from "../../../../core/api/errors.ts";
import { facilitiesMax, type VirtualSwitch } from "../../../../core/api/facilities.ts";
import { newName } from "../../../../core/api/name.ts";
import type { NfsExportSettings } from "../../../../core/api/object/nfs-file.ts";
import type { ObjectSpecOf } from "../../../../core/api/object-spec.ts";
import type { FacilityDescription, FacilityId } from "../../administration.ts";
import { ensureExport, exportRow, findExport } from "../cluster/exports.ts";
import { refuseMirrorsIn } from "../cluster/guard.ts";
import { defaultPool, findPool, listPools, refuseFullPool } from "../cluster/pools.ts";
import { findSwitch, listSwitches } from "../cluster/switches.ts";
import type { Database } from "../database/database.ts";

/* Pools, switches and exports. Everything here runs inside the caller's transaction. */

/*
 * What is described of one that is there, it has from then on; what is not said stays.
 */

/** @throws BAD_REQUEST, POOL_FULL (it is there, and has more already) */
export const putPool = (database: Database, spec: ObjectSpecOf<"pool">): void => {
  const name = newName(spec.name, "a pool");
  if (name === defaultPool && typeof spec.capacity === "number") {
    throw new VisibleError("BAD_REQUEST", `The pool “${name}” takes as much as the disk does.`, {
      hint: "Make another pool for what is to have a limit.",
    });
  }
  database.run(
    `INSERT INTO pools (name, capacityBytes) VALUES (?1, ?2)
     ON CONFLICT (name) DO UPDATE SET capacityBytes = iif(?3, capacityBytes, excluded.capacityBytes)`,
    name,
    spec.capacity ?? null,
    spec.capacity === undefined ? 1 : 0,
  );
  refuseMany("pools", listPools(database));
  refuseFullPool(database, name, "what is in it");
};

/** @throws BAD_REQUEST, OBJECT_BUSY (a VM has a NIC in a VLAN that would go) */
export const putSwitch = (database: Database, spec: ObjectSpecOf<"switch">): void => {
  const name = newName(spec.name, "a virtual switch");
  const before = listSwitches(database).find((one) => one.name === name);
  const vlans = spec.vlans ?? before?.vlans ?? [];
  const names = vlans.map((vlan) => vlan.name);
  const twice = names.find((vlan, index) => names.indexOf(vlan) !== index);
  if (twice !== undefined) {
    throw new VisibleError("BAD_REQUEST", `The virtual switch “${name}” can't have two VLANs “${twice}”.`, {
      hint: "Give each VLAN a name of its own.",
    });
  }
  if (before !== undefined) refuseUsedVlans(database, before, vlans);
  database.run(
    "INSERT INTO switches (name, vlans) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET vlans = excluded.vlans",
    name,
    JSON.stringify(vlans),
  );
  refuseMany("virtual switches", listSwitches(database));
};

/** Mirrors are connected anew by their next run. @throws OBJECT_BUSY */
const refuseUsedVlans = (database: Database, before: VirtualSwitch, now: VirtualSwitch["vlans"]): void => {
  const gone = before.vlans.filter((vlan) => !now.some((one) => one.name === vlan.name && one.vlanId === vlan.vlanId));
  for (const { name, vlanId } of gone) {
    const used = database.one<{ name: string }>(
      `SELECT name FROM vmNics JOIN vms ON id = vmId
       WHERE switch = ? AND vlanName = ? AND vlanId = ? AND role <> 'mirror' LIMIT 1`,
      before.name,
      name,
      vlanId,
    );
    if (used === undefined) continue;
    const message = `The VM “${used.name}” is in the VLAN “${name}” (${vlanId}) of the virtual switch “${before.name}”, which would not have that any more`;
    throw new VisibleError("OBJECT_BUSY", `${message}.`, {
      hint: "List that VLAN as well, or bring the VM's NIC into another one first. Without `vlans` they stay as they are.",
    });
  }
};

/** To be asked afterwards. @throws BAD_REQUEST */
const refuseMany = (what: string, all: readonly unknown[]): void => {
  if (all.length <= facilitiesMax) return;
  throw new VisibleError("BAD_REQUEST", `A site has ${facilitiesMax} ${what} at most.`, {
    hint: "Delete one that nothing uses.",
  });
};

/** @throws BAD_REQUEST, POOL_UNKNOWN, OBJECT_IS_MIRROR */
export const putExport = (database: Database, spec: ObjectSpecOf<"nfs-export">): void => {
  const { kind: _, name: written, pool, ...settings } = spec;
  const name = newName(written, "an NFS export");
  refuseMirrorsIn(database, "export", name);
  const before = exportRow(database, name);
  const kept = before === undefined ? {} : (JSON.parse(before.settings) as NfsExportSettings);
  ensureExport(database, { name, pool: findPool(database, pool ?? before?.pool), settings: { ...kept, ...settings } });
};

/** What a document of something that is there would say of it; undefined where there is none. */
export const describeFacility = (
  database: Database,
  { kind, name: written }: FacilityId,
): FacilityDescription | undefined => {
  const name = written.normalize("NFC");
  if (kind === "switch") {
    const found = listSwitches(database).find((one) => one.name === name);
    return found && { vlans: found.vlans };
  }
  if (kind === "pool") {
    const found = listPools(database).find((one) => one.name === name);
    return found && { capacity: found.capacityBytes ?? null };
  }
  const found = exportRow(database, name);
  return found && { pool: found.pool, ...(JSON.parse(found.settings) as NfsExportSettings) };
};

/**
 * @throws POOL_UNKNOWN, SWITCH_UNKNOWN, EXPORT_UNKNOWN, OBJECT_BUSY, OBJECT_IS_MIRROR, BAD_REQUEST
 */
export const removeFacility = (database: Database, { kind, name }: FacilityId): void => {
  removers[kind](database, name);
};

const removePool = (database: Database, written: string): void => {
  const name = findPool(database, written);
  if (name === defaultPool) {
    throw new VisibleError("BAD_REQUEST", `The pool “${name}” can't be deleted.`, {
      hint: "It is where everything goes that names no pool.",
    });
  }
  const used =
    database.one<{ name: string }>("SELECT name FROM volumes WHERE pool = ? LIMIT 1", name) ??
    database.one<{ name: string }>("SELECT name FROM exports WHERE pool = ? LIMIT 1", name);
  if (used !== undefined) throw inUse(`The pool “${name}” has “${used.name}” in it`);
  database.run("DELETE FROM pools WHERE name = ?", name);
};

const removeSwitch = (database: Database, written: string): void => {
  const { name } = findSwitch(database, written);
  const used = database.one<{ name: string }>(
    "SELECT name FROM vmNics JOIN vms ON id = vmId WHERE switch = ? AND role <> 'mirror' LIMIT 1",
    name,
  );
  if (used !== undefined) throw inUse(`The VM “${used.name}” is connected to the virtual switch “${name}”`);
  database.run("UPDATE vmNics SET switch = NULL WHERE switch = ?", name);
  database.run("DELETE FROM switches WHERE name = ?", name);
};

const removeExport = (database: Database, written: string): void => {
  const { name } = findExport(database, written);
  refuseMirrorsIn(database, "export", name);
  const used = database.one<{ name: string }>("SELECT name FROM volumes WHERE export = ? LIMIT 1", name);
  if (used !== undefined) throw inUse(`The NFS export “${name}” has the file ${used.name}`);
  database.run("DELETE FROM exports WHERE name = ?", name);
};

const inUse = (message: string): VisibleError =>
  new VisibleError("OBJECT_BUSY", `${message}.`, { hint: "Delete or change what uses it first." });

const removers = { pool: removePool, switch: removeSwitch, "nfs-export": removeExport } as const;
