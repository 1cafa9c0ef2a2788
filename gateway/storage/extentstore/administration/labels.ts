import { VisibleError } from "../../../../core/api/errors.ts";
import { labelsMax, textCharactersMax, textSchema } from "../../../../core/api/object/common.ts";
import type { ObjectConfig } from "../../../../core/api/object.ts";
import type { ObjectId } from "../../control.ts";
import { objectOfVm, objectWithVolume } from "../cluster/objects.ts";
import { findVm } from "../cluster/vms.ts";
import { labelsText } from "../cluster/volumes.ts";
import type { Database } from "../database/database.ts";
import { findOwn } from "./find.ts";

/**
 * Inside a transaction; null takes a label away.
 * @throws VOLUME_UNKNOWN, OBJECT_IS_MIRROR, BAD_REQUEST
 */
export const setLabels = (
  database: Database,
  id: ObjectId,
  labels: Readonly<Record<string, string | null>>,
): ObjectConfig => {
  const own = findOwn(database, id);
  const row = own.kind === "vm" ? own.vm : own.volume;
  const text = labelsText(merged(row.labels, labels));
  if (own.kind === "vm") {
    database.run("UPDATE vms SET labels = ? WHERE id = ?", text, row.id);
    return objectOfVm(database, findVm(database, row.id));
  }
  database.run("UPDATE volumes SET labels = ? WHERE id = ?", text, row.id);
  return objectWithVolume(database, row.id);
};

const merged = (kept: string | null, labels: Readonly<Record<string, string | null>>): Record<string, string> => {
  const all = new Map(Object.entries(JSON.parse(kept ?? "{}") as Record<string, string>));
  for (const [key, value] of Object.entries(labels)) {
    if (value === null) all.delete(key);
    else all.set(checkedKey(key), checkedValue(value));
  }
  if (all.size > labelsMax) throw refused(`an object has ${labelsMax} labels at most, and this would be ${all.size}`);
  return Object.fromEntries(all);
};

const checkedKey = (key: string): string => {
  if (textSchema.safeParse(key).success) return key;
  throw refused(`the key of a label has 1 to ${textCharactersMax} characters`);
};

const checkedValue = (value: string): string => {
  if (value.length <= textCharactersMax) return value;
  throw refused(`the value of a label has ${textCharactersMax} characters at most`);
};

const refused = (why: string): VisibleError =>
  new VisibleError("BAD_REQUEST", `These can't be labels: ${why}.`, { hint: "Give fewer, or shorter ones." });
