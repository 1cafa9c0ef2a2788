import { z } from "zod";
import { toldPlanSchema } from "./adoption/told-plan.ts";
import { entriesMax } from "./bounds.ts";
import { VisibleError } from "./errors.ts";
import { groupIdSchema, instantSchema, planIdSchema, planNameSchema, siteIdSchema } from "./ids.ts";
import { mappingSchema, type ObjectConfig, objectConfigSchema } from "./object.ts";

/** Of the manifests that this program writes. Those of version 1 do not say it. */
export const manifestVersion = 3;

/**
 * What a target keeps with a group of a foreign plan: enough to rebuild from when the
 * source site is gone (W3).
 */
export const manifestSchema = z.object({
  version: z.int().min(1).max(manifestVersion).default(1),
  planId: planIdSchema,
  planName: planNameSchema,
  source: siteIdSchema,
  groupId: groupIdSchema,
  sequence: z.int().min(1),
  takenAt: instantSchema,
  /** As the source had them, in the plan's order. */
  objects: z.array(objectConfigSchema).max(entriesMax),
  /**
   * How the mirror of each of them differs from it; null: in nothing. Absent: a
   * version before 3 wrote it.
   */
  mappings: z.array(mappingSchema.nullable()).max(entriesMax).optional(),
  /**
   * How the plan was set. Absent: nobody told, as versions before; or it is of a form that this one
   * does not know.
   */
  plan: toldPlanSchema.optional().catch(undefined),
});
export type Manifest = z.infer<typeof manifestSchema>;

/** A manifest but for its objects. */
export const manifestHeadSchema = manifestSchema.omit({ version: true, objects: true, mappings: true, plan: true });

const versionSchema = z.object({ version: z.int().min(1).default(1) });

/**
 * A manifest as it was kept, of this version or one before.
 * @param whose the group that it was kept with
 * @throws STORE_TOO_NEW, STORE_CORRUPT (it is no manifest)
 */
export const readManifest = (value: unknown, whose: string): Manifest => {
  refuseNewer(value, whose);
  return readable(manifestSchema, value, whose);
};

/**
 * One object of a manifest, of which nothing else is looked at; undefined: it has none of this id.
 * @throws as `readManifest`
 */
export const objectIn = (
  value: unknown,
  whose: string,
  { kind, id }: Pick<ObjectConfig, "kind" | "id">,
): ObjectConfig | undefined => {
  refuseNewer(value, whose);
  const { objects } = readable(objectsSchema, value, whose);
  const object = objects.find((one) => one["kind"] === kind && one["id"] === id);
  return object === undefined ? undefined : readable(objectConfigSchema, object, whose);
};

const isRecord = (value: unknown): boolean => typeof value === "object" && value !== null;

const objectsSchema = z.object({ objects: z.array(z.custom<Record<string, unknown>>(isRecord)).max(entriesMax) });

const refuseNewer = (value: unknown, whose: string): void => {
  const version = versionSchema.safeParse(value).data?.version ?? 1;
  if (version <= manifestVersion) return;
  throw new VisibleError(
    "STORE_TOO_NEW",
    `The manifest of ${whose} has version ${version}; this program knows up to ${manifestVersion}.`,
    { hint: "Use the version of smtx-backup that wrote it, or a newer one." },
  );
};

const readable = <T>(schema: z.ZodType<T>, value: unknown, whose: string): T => {
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw new VisibleError(
    "STORE_CORRUPT",
    `The manifest of ${whose} can't be read: ${issue?.path.join(".")}: ${issue?.message}.`,
    { hint: "Look for another group of the plan; its manifest says the same of objects that have not changed." },
  );
};
