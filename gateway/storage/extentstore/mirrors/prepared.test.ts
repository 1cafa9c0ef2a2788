import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import {
  groupId,
  noise,
  openMirror,
  owner,
  sendAll,
  sender,
  sourceObject,
  takenAt,
} from "../../conformance/fixtures.ts";
import { mirrorSetOf } from "../../mirror-set.ts";
import { ExtentStore } from "../extentstore.ts";

const bytes = noise(1024 * 1024, 1);

/** A store, and its metadata as another program sees it. */
const withStore = async (body: (store: ExtentStore, database: DatabaseSync) => Promise<void>): Promise<void> => {
  const dir = await mkdtemp(join(tmpdir(), "prepared-"));
  const store = await ExtentStore.open(dir);
  const database = new DatabaseSync(join(dir, "store.sqlite"));
  try {
    await body(store, database);
  } finally {
    database.close();
    await store.close();
    await rm(dir, { recursive: true });
  }
};

const prepareFor = async (store: ExtentStore, sequence: number, index = 0): Promise<string> => {
  const run = { groupId: groupId(sequence), sequence, index, sender };
  const [mirror] = await store.prepareMirror({ owner, object: sourceObject({ lunId: index }), run });
  return mirror?.mirrorVolumeId ?? "";
};

const publish = (store: ExtentStore, sequence: number, mirrors: readonly string[]) =>
  store.publishGroup({
    ...{ groupId: groupId(sequence), owner, sequence, takenAt, planName: "daily" },
    mirrors: mirrorSetOf(mirrors),
    objects: mirrors.map(() => null),
  });

test("what was prepared is kept as long as its group may be published, and of a mirror twice at most", async () => {
  await withStore(async (store, database) => {
    const kept = () =>
      database
        .prepare("SELECT sequence FROM preparedObjects ORDER BY sequence")
        .all()
        .map(({ sequence }) => sequence);
    const mirror = await prepareFor(store, 1);
    await prepareFor(store, 1);
    assert.deepEqual(kept(), [1]);
    await prepareFor(store, 2);
    assert.deepEqual(kept(), [2], "nothing was written for the first");
    await openMirror(store, mirror, { group: 2 });
    for (const sequence of [3, 4, 5]) await prepareFor(store, sequence);
    assert.deepEqual(kept(), [2, 5]);
    await store.abortGroup({ groupId: groupId(5), owner });
    assert.deepEqual(kept(), [2]);
    await prepareFor(store, 6);
    await sendAll(store, mirror, { group: 6, bytes });
    assert.deepEqual(kept(), [6]);
    // A mirror of which the plan has no object any more.
    await prepareFor(store, 4, 1);
    assert.deepEqual(kept(), [4, 6]);
    await publish(store, 6, [mirror]);
    assert.deepEqual(kept(), []);
    await prepareFor(store, 6);
    assert.deepEqual(kept(), [], "a late copy of a preparation");
  });
});

test("manifests of before are read, and newer ones are refused by name", async () => {
  await withStore(async (store, database) => {
    const mirror = await prepareFor(store, 1);
    await sendAll(store, mirror, { group: 1, bytes });
    await publish(store, 1, [mirror]);
    const [written] = await store.manifests();
    assert(written !== undefined);
    assert.equal(written.manifest.version, 3);
    const rewrite = (manifest: object) =>
      database.prepare("UPDATE snapshotGroups SET manifest = ?").run(JSON.stringify(manifest));
    const { version: _, mappings: __, ...ofBefore } = written.manifest;
    rewrite(ofBefore);
    assert.deepEqual(await store.manifests(), [{ ...written, manifest: { ...ofBefore, version: 1 } }]);
    rewrite({ ...ofBefore, version: 2 });
    assert.deepEqual(await store.manifests(), [{ ...written, manifest: { ...ofBefore, version: 2 } }]);
    rewrite({ version: 4, somethingElse: true });
    await assert.rejects(store.manifests(), {
      code: "STORE_TOO_NEW",
      message: `The manifest of group ${groupId(1)} has version 4; this program knows up to 3.`,
    });
    rewrite({ ...ofBefore, objects: "none" });
    await assert.rejects(store.manifests(), { code: "STORE_CORRUPT", message: /can't be read: objects: / });
  });
});
