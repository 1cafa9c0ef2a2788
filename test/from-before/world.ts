import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { z } from "zod";
import { groupIdSchema, instantSchema, runIdSchema } from "../../core/api/ids.ts";
import type { Local } from "../e2e/local.ts";

const KiB = 1024;
/**
 * Of each extent only the beginning is filled, with what does not compress, so that all of it stays
 * small.
 */
const filledBytes = 8 * KiB;

/** What the folder's site `a` has: small extents, so that there is a middle to stop in. */
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
export type Volume = (typeof volumes)[number];

/**
 * Writes a volume's image as it is on a day. `dayOf` says on which day an extent got the content
 * that it has.
 */
export const writeImage = async (
  file: string,
  { name, extents, geometry }: Volume,
  dayOf: (extent: number) => number,
): Promise<void> => {
  const image = Buffer.alloc(extents * geometry.extentBytes);
  for (let extent = 0; extent < extents; extent += 1) {
    const seed = `${name} ${extent} ${dayOf(extent)}`;
    createHash("shake256", { outputLength: filledBytes })
      .update(seed)
      .digest()
      .copy(image, extent * geometry.extentBytes);
  }
  await writeFile(file, image);
};

const sums = z.record(z.string(), z.string().regex(/^[0-9a-f]{64}$/));

/** What is known of a folder from before, beside its archive. */
export const knownSchema = z.object({
  /** Of the code that made it. */
  commit: z.string(),
  madeAt: instantSchema,
  plan: z.string(),
  /** Its restore points on `b`, oldest first: the SHA-256 of each volume's bytes, by its name. */
  points: z.array(z.object({ groupId: groupIdSchema, sha256: sums })),
  /** The run that was under way when everything was killed, and what its restore point will be. */
  underWay: z.object({ runId: runIdSchema, groupId: groupIdSchema, committedExtents: z.int(), sha256: sums }),
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
