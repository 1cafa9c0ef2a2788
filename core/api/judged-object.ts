import { z } from "zod";
import { VisibleError } from "../api/errors.ts";
import { plainIssues } from "../api/issues.ts";
import { messageText } from "../api/message.ts";
import { type ObjectKind, objectKindSchema } from "../api/object/common.ts";
import type { VmDisk } from "../api/object/vm.ts";
import { type ObjectConfig, objectConfigSchema, type UnusableObject, unusableObjectSchema } from "../api/object.ts";
import { nameCharactersMax, shownName } from "./name.ts";

/** Of one object in a message; many of them have to fit into one. */
const objectBytesMax = 64 * 1024;
const reasonCharactersMax = 500;
/** Of a `storageIdSchema`. */
const idCharactersMax = 256;

export type JudgedObject = ObjectConfig | UnusableObject;

export const isUnusable = (object: JudgedObject): object is UnusableObject => "unusable" in object;

/**
 * An object of an inventory, as it is; or, where it can't be used, what is known of it and why. So
 * one that is wrong takes nothing from the others.
 */
export const judgeObject = (value: unknown): JudgedObject => {
  const known = unusableObjectSchema.safeParse(value);
  if (known.success) return known.data;
  const object = objectConfigSchema.safeParse(value);
  if (!object.success) return unusable(value, reasonOf(value, object.error));
  const stray = strayDisk(object.data);
  if (stray !== undefined) return unusable(value, `the volume of its disk “${shownName(stray.name)}” is not known`);
  const bytes = messageText(object.data).length;
  if (bytes <= objectBytesMax) return object.data;
  return unusable(value, `its description takes ${bytes} bytes, and ${objectBytesMax} are the most`);
};

/**
 * A disk of a VM that none of its volumes is: whoever made the VM anew would have
 * nothing to put there.
 */
const strayDisk = (object: ObjectConfig): VmDisk | undefined => {
  if (object.kind !== "vm") return undefined;
  const ids = new Set(object.volumes.map(({ id }) => id));
  return object.vm.disks.find(({ volumeId }) => !ids.has(volumeId));
};

/** What to do about it, by kind. */
const mend: Record<ObjectKind, string> = {
  lun: "another name: smtx-backup volume rename OLD NEW --site SITE",
  volume: "another name: smtx-backup volume rename OLD NEW --site SITE",
  "nfs-file": "another name: smtx-backup object update NAME --site SITE --name NEW",
  vm: "another name, or a disk of its own: smtx-backup object update NAME --site SITE -f FILE",
};

/** The refusal to work with it. */
export const objectUnusable = ({ kind, id, name, unusable: reason }: UnusableObject): VisibleError => {
  const known = objectKindSchema.safeParse(kind).data;
  return new VisibleError("OBJECT_UNUSABLE", `The ${kind || "object"} “${name}” (${id}) can't be used: ${reason}.`, {
    hint: `Mend that on its site${known === undefined ? "" : ` (${mend[known]})`}, or leave it out.`,
  });
};

/** Each by itself; for lists that come from elsewhere. */
export const judgedObjectSchema = z.unknown().transform(judgeObject);

const unusable = (value: unknown, reason: string): UnusableObject => {
  const { kind, id, name } = looselySchema.parse(value);
  return { kind, id, name: shownName(name), unusable: shortened(reason) };
};

/** As much as can be read of what is no object. */
const text = z.coerce.string().catch("");
const looselySchema = z
  .object({ kind: text, id: text, name: text })
  .partial()
  .catch({})
  .transform(({ kind = "", id = "", name = "" }) => ({
    kind: shownName(kind),
    id: id.slice(0, idCharactersMax),
    name,
  }));

const diskless = z.object({ kind: z.literal("vm"), volumes: z.tuple([]) });

const reasonOf = (value: unknown, error: z.ZodError): string => {
  const { name } = looselySchema.parse(value);
  if (name === "") return "it has no name";
  if (name.length > nameCharactersMax) {
    return `its name has ${name.length} characters, and ${nameCharactersMax} are the most`;
  }
  if (diskless.safeParse(value).success) return "it has no disk that can be protected";
  return plainIssues(error.issues)
    .map(({ path, message }) => `${path}: ${message}`)
    .join("; ");
};

const shortened = (reason: string): string =>
  reason.length <= reasonCharactersMax ? reason : `${reason.slice(0, reasonCharactersMax)}…`;
