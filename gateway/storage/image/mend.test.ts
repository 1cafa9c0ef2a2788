import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { readVolume } from "../conformance/fixtures.ts";
import { Database } from "../extentstore/database/database.ts";
import { flip, flipTable } from "../extentstore/testing/damaged.ts";
import { openStorage } from "../open.ts";
import { importImage } from "./import.ts";
import { signal, temporaryFolder } from "./testing.ts";

const blockBytes = 64 * 1024;
/** The last block has 512 bytes. */
const sizeBytes = 16 * blockBytes + 512;
const content = randomBytes(sizeBytes);

/** A volume that `damage` was done to, over which `image` is imported. */
const mended = async (
  context: TestContext,
  { damage, image }: { damage: (dir: string) => void; image: Buffer },
): Promise<void> => {
  const folder = await temporaryFolder(context);
  const dir = join(folder, "store");
  const file = join(folder, "disk.raw");
  writeFileSync(file, content);
  const before = await openStorage({ kind: "extentstore", dir });
  const { volumeId } = await importImage({ file, storage: before, name: "web1", kind: "volume", signal });
  await before.close();
  damage(dir);
  const storage = await openStorage({ kind: "extentstore", dir });
  try {
    await assert.rejects(readVolume(storage, volumeId), { code: "STORE_CORRUPT" });
    writeFileSync(file, image);
    await importImage({ file, storage, into: volumeId, signal });
    assert.ok((await readVolume(storage, volumeId)).equals(image));
  } finally {
    await storage.close();
  }
};

const lastBlock = (dir: string): void => {
  const data = join(dir, "data");
  for (const name of readdirSync(data)) flip(join(data, name), 16 * blockBytes + 20);
};

const inMetadata =
  (change: (database: Database) => void) =>
  (dir: string): void => {
    const database = new Database(join(dir, "store.sqlite"));
    database.execute("PRAGMA foreign_keys = OFF");
    change(database);
    database.close();
  };

const damages = {
  "whose last block, which is no whole one, is damaged": lastBlock,
  "one of whose block tables is damaged": inMetadata((database) => flipTable(database)),
  "one of whose extents has lost its version": inMetadata((database) => database.execute("DELETE FROM versions")),
};

/** Half of it zeros, in holes and in blocks between data. */
const sparse = Buffer.from(content)
  .fill(0, 5 * blockBytes, 7 * blockBytes)
  .fill(0, 12 * blockBytes);

describe("an import over a volume", () => {
  for (const [what, damage] of Object.entries(damages)) {
    test(`${what} makes it whole again`, (context) => mended(context, { damage, image: content }));
    test(`${what} makes it whole with an image that has zeros`, (context) =>
      mended(context, { damage, image: sparse }));
    test(`${what} makes it whole with an image of zeros alone`, (context) =>
      mended(context, { damage, image: Buffer.alloc(sizeBytes) }));
  }
});
