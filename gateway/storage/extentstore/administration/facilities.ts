import { VisibleError } from "../../../../core/api/errors.ts";
import { facilitiesMax } from "../../../../core/api/facilities.ts";
import type { ObjectSpecOf } from "../../../../core/api/object-spec.ts";
import { newName } from "../../../../core/object/name.ts";
import type { FacilityId } from "../../administration.ts";
import type { Database } from "../database.ts";
import { ensureExport, findExport } from "../exports.ts";
import { refuseMirrorsIn } from "../guard.ts";
import { defaultPool, findPool, listPools, refuseFullPool } from "../pools.ts";
import { findSwitch, listSwitches } from "../switches.ts";

/* Pools, switches and exports. Everything here runs inside the caller's transaction. */

/** @throws BAD_REQUEST, POOL_FULL (it is there, and has more already) */
export const putPool = (database: Database, spec: ObjectSpecOf<"pool">): void => {
  const name = newName(spec.name, "a pool");
  if (name === defaultPool && spec.capacity !== undefined) {
    throw new VisibleError("BAD_REQUEST", `The pool “${name}” takes as much as the disk does.`, {
      hint: "Make another pool for what is to have a limit.",
    });
  }
  database.run(
    `INSERT INTO pools (name, capacityBytes) VALUES (?1, ?2)
     ON CONFLICT (name) DO UPDATE SET capacityBytes = excluded.capacityBytes`,
    name,
    spec.capacity ?? null,
  );
  refuseMany("pools", listPools(database));
  refuseFullPool(database, name, "what is in it");
};

/** @throws BAD_REQUEST */
export const putSwitch = (database: Database, spec: ObjectSpecOf<"switch">): void => {
  const name = newName(spec.name, "a virtual switch");
  const names = spec.vlans.map((vlan) => vlan.name);
  const twice = names.find((vlan, index) => names.indexOf(vlan) !== index);
  if (twice !== undefined) {
    throw new VisibleError("BAD_REQUEST", `The virtual switch “${name}” can't have two VLANs “${twice}”.`, {
      hint: "Give each VLAN a name of its own.",
    });
  }
  database.run(
    "INSERT INTO switches (name, vlans) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET vlans = excluded.vlans",
    name,
    JSON.stringify(spec.vlans),
  );
  refuseMany("virtual switches", listSwitches(database));
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
  ensureExport(database, { name, pool: findPool(database, pool), settings });
};

/** @throws POOL_UNKNOWN, SWITCH_UNKNOWN, VOLUME_UNKNOWN, OBJECT_BUSY, OBJECT_IS_MIRROR, BAD_REQUEST */
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
