import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { groupIdSchema, planIdSchema, siteIdSchema } from "../../core/api/ids.ts";
import type { StorageDriver } from "../../gateway/storage/driver.ts";
import { openStorage } from "../../gateway/storage/open.ts";
import { createWorld, sleptTime, temporaryFolder } from "../testing.ts";

export const mib = 1024 * 1024;
const ulid = "01K0Z3NDEKTSV4RRFFQ69G5FAV";
export const groupId = groupIdSchema.parse(`group_${ulid}_20260301T010000000Z`);
export const owner = { planId: planIdSchema.parse(`plan_${ulid}`), source: siteIdSchema.parse("a") };

/** The id that a volume's cluster has below that of its object. */
export const innerIdOf = (name: string) => async (storage: StorageDriver) => {
  const object = (await storage.inventory()).find((one) => one.name === name);
  return object?.volumes[0]?.id ?? "";
};

/** A site's real extentstore, and an image with a hole in its middle. */
export const setUp = async (t: TestContext) => {
  const folder = await temporaryFolder(t);
  const store = join(folder, "store");
  const image = join(folder, "disk.img");
  const bytes = Buffer.concat([randomBytes(mib), Buffer.alloc(2 * mib), randomBytes(mib)]);
  await writeFile(image, bytes);
  const withStorage = async <T>(use: (storage: Awaited<ReturnType<typeof openStorage>>) => Promise<T>) => {
    const storage = await openStorage({ kind: "extentstore", dir: store });
    try {
      return await use(storage);
    } finally {
      await storage.close();
    }
  };
  await withStorage(async () => undefined);
  const world = await createWorld();
  // The site's gateway sees what is in the store whenever it looks.
  const time = sleptTime(async () => {
    [world.objects, world.facilities] = await withStorage(async (storage) => [
      await storage.inventory(),
      { a: await storage.facilities() },
    ]);
    await world.work();
  });
  const volume = (args: readonly string[]) =>
    world.run(["volume", ...args], { time }).then((result) => ({ ...result, json: () => JSON.parse(result.stdout) }));
  const at = ["--site", "a", "--store", store] as const;
  return { folder, image, bytes, world, time, volume, at, withStorage };
};
