import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { open, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { groupId, owner, readSnapshot, readVolume, snapshotOf } from "../conformance/fixtures.ts";
import { openStorage } from "../open.ts";
import { importImage } from "./import.ts";
import { pieceBytes } from "./pieces.ts";
import { signal, temporaryFolder } from "./testing.ts";

const [before, after] = [randomBytes(6 * pieceBytes), randomBytes(6 * pieceBytes)];

/** A store with a volume that holds `before`, and an image of `after`. */
const setUp = async (context: TestContext) => {
  const folder = await temporaryFolder(context);
  const storage = await openStorage({ kind: "extentstore", dir: join(folder, "store") });
  context.after(() => storage.close());
  const [first, file] = [join(folder, "first.raw"), join(folder, "disk.raw")];
  await writeFile(first, before);
  await writeFile(file, after);
  const { volumeId } = await importImage({ file: first, storage, name: "web1", kind: "lun", signal });
  const snapshot = async (n: number) => {
    await storage.snapshotGroup({ groupId: groupId(n), owner, volumeIds: [volumeId] });
    return readSnapshot(storage, await snapshotOf(storage, groupId(n), volumeId));
  };
  const data = join(folder, "store", "data");
  return { storage, file, first, volumeId, snapshot, data };
};

describe("an import into an extentstore", () => {
  test("has no part in a snapshot that is taken while it runs, and all of it in the next", async (context) => {
    const { storage, file, volumeId, snapshot } = await setUp(context);
    const taken: Promise<Buffer>[] = [];
    // After every MiB, also where a part of the image is flushed already.
    const onProgress = () => void taken.push(snapshot(taken.length));
    await importImage({ file, storage, into: volumeId, signal, onProgress });
    assert.equal(taken.length, 6);
    for (const content of await Promise.all(taken)) assert.ok(content.equals(before));
    assert.ok((await snapshot(10)).equals(after));
  });

  test("that is interrupted at any MiB leaves the volume as it was, for the next writer too", async (context) => {
    const { storage, file, volumeId, snapshot } = await setUp(context);
    for (let stopAt = 1; stopAt <= 6; stopAt++) {
      const stop = new AbortController();
      const onProgress = ({ doneBytes }: { doneBytes: number }) => {
        if (doneBytes === stopAt * pieceBytes) stop.abort(new Error("stopped by SIGINT"));
      };
      const importing = importImage({ file, storage, into: volumeId, signal: stop.signal, onProgress });
      await assert.rejects(importing, /stopped by SIGINT/);
      assert.ok((await readVolume(storage, volumeId)).equals(before));
    }
    assert.ok((await snapshot(1)).equals(before));
    await importImage({ file, storage, into: volumeId, signal });
    assert.ok((await readVolume(storage, volumeId)).equals(after));
  });

  test("into a new volume shows nothing of it before it is whole", async (context) => {
    const { storage, file } = await setUp(context);
    const seen: Promise<readonly { name: string }[]>[] = [];
    const onProgress = () => void seen.push(storage.inventory());
    await importImage({ file, storage, name: "web2", kind: "lun", signal, onProgress });
    for (const objects of await Promise.all(seen)) assert.equal(objects.length, 1);
    assert.equal((await storage.inventory()).length, 2);
  });

  test("over a volume that is damaged makes it whole again", async (context) => {
    const { storage, first, volumeId, data } = await setUp(context);
    const [damaged] = await readdir(data);
    assert(damaged);
    const file = await open(join(data, damaged), "r+");
    await file.write(Buffer.from("damage"), 0, 6, 3 * pieceBytes);
    await file.close();
    await assert.rejects(readVolume(storage, volumeId), { code: "STORE_CORRUPT" });
    await importImage({ file: first, storage, into: volumeId, signal });
    assert.ok((await readVolume(storage, volumeId)).equals(before));
  });
});
