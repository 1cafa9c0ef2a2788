import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { z } from "zod";
import { groupIdSchema, instantSchema, runIdSchema, siteIdSchema } from "../../core/api/ids.ts";
import type { Local } from "../e2e/local.ts";

const KiB = 1024;
/**
 * Of each extent only the beginning is filled, with what does not compress, so that all of it stays
 * small.
 */
export const filledBytes = 2 * KiB;

/**
 * What the plan under way protects on site `a`: small extents, so that there is
 * a middle to stop in.
 */
export const volumes = [
  {
    name: "db1",
    kind: "lun",
    extents: 24,
    geometry: { extentBytes: 64 * KiB, stripeCount: 1, stripeBytes: 64 * KiB },
  },
  {
    name: "büro",
    kind: "volume",
    extents: 8,
    geometry: { extentBytes: 128 * KiB, stripeCount: 2, stripeBytes: 64 * KiB },
  },
] as const;
const other = { extents: 3, geometry: { extentBytes: 64 * KiB, stripeCount: 1, stripeBytes: 64 * KiB } } as const;
/** What other plans protect: those of site `b`, and `a`'s own snapshots. */
export const others = [
  { site: "a", name: "log1", kind: "lun", ...other },
  { site: "b", name: "archive", kind: "lun", ...other },
  { site: "b", name: "shop", kind: "volume", ...other },
] as const;
export type Volume = (typeof volumes)[number] | (typeof others)[number];

/**
 * Writes a volume's image as it is on a day. `dayOf` says on which day an extent got the content
 * that it has.
 */
export const writeImage = async (
  file: string,
  { name, extents, geometry }: Volume,
  dayOf: (extent: number) => number,
  outputLength = filledBytes,
): Promise<void> => {
  const image = Buffer.alloc(extents * geometry.extentBytes);
  for (let extent = 0; extent < extents; extent += 1) {
    const seed = `${name} ${extent} ${dayOf(extent)}`;
    createHash("shake256", { outputLength })
      .update(seed)
      .digest()
      .copy(image, extent * geometry.extentBytes);
  }
  await writeFile(file, image);
};

const sums = z.record(z.string(), z.string().regex(/^[0-9a-f]{64}$/));
const pointSchema = z.object({ groupId: groupIdSchema, sha256: sums });

const mirrorSchema = z.object({
  site: siteIdSchema,
  name: z.string(),
  volumeId: z.string(),
  lunId: z.int().optional(),
});

/** What is known of a folder from before, beside its archive. */
export const knownSchema = z.object({
  /** Of the code that made it. */
  commit: z.string(),
  madeAt: instantSchema,
  /** Bytes at the beginning of each extent; those of the first folder were more. */
  filledBytes: z.int().default(8 * KiB),
  plan: z.string(),
  /** Its restore points on `b`, oldest first: the SHA-256 of each volume's bytes, by its name. */
  points: z.array(pointSchema),
  /** The run that was under way when everything was killed, and what its restore point will be. */
  underWay: z.object({ runId: runIdSchema, groupId: groupIdSchema, committedExtents: z.int(), sha256: sums }),
  /**
   * Plans besides, and the one restore point of each at `site`; of a snapshot
   * plan that is its source.
   */
  others: z
    .array(z.object({ plan: z.string(), source: siteIdSchema, site: siteIdSchema, point: pointSchema }))
    .default([]),
  /** By site and name, the volume of each mirror and a LUN's id. The first folder does not tell. */
  mirrors: z.array(mirrorSchema).default([]),
});
export type Known = z.infer<typeof knownSchema>;

/** The SHA-256 of each volume of a group on a site, by the volume's name. */
export const sumsOf = async (local: Local, site: string, groupId: string): Promise<Record<string, string>> => {
  const names = await local.volumeNames(site);
  const found: Record<string, string> = {};
  for (const { volumeId, snapshotId } of await local.snapshotsOf(site, groupId)) {
    const { sha256 } = await local.exportImage(site, `${local.dir}.img`, { snapshotId });
    found[names.get(volumeId) ?? volumeId] = sha256;
  }
  return found;
};

/** The mirrors that a site's storage has. */
export const mirrorsOf = async (local: Local, site: "a" | "b"): Promise<Known["mirrors"]> => {
  const objects = await local.inventory(site);
  return objects
    .filter(({ origin }) => origin?.role === "mirror")
    .map((object) => ({
      site: siteIdSchema.parse(site),
      name: object.name,
      volumeId: object.volumes[0]?.id ?? "",
      ...(object.kind === "lun" && object.lun !== undefined && { lunId: object.lun.lunId }),
    }))
    .sort((one, another) => one.name.localeCompare(another.name));
};
