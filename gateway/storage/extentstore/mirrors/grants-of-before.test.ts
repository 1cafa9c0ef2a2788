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
  publish,
  rejects,
  sendAll,
  sender,
  sourceObject,
} from "../../conformance/fixtures.ts";
import { ExtentStore } from "../extentstore.ts";

const bytes = noise(1024 * 1024, 1);
const runOf = (sequence: number) => ({ groupId: groupId(sequence), sequence, sender });

/** Stores had this form before there were grants. */
const before = `
  DROP TABLE grants;
  DROP TABLE releasedMirrors;
  DROP TABLE restoreOwners;
  DROP TABLE rollbackLocks;
  DROP TABLE rollbacks;
  ALTER TABLE snapshotGroups DROP COLUMN keepUntil;
  ALTER TABLE snapshotGroups DROP COLUMN proof;
  DROP TABLE madeObjects;
  DROP TABLE madeVolumes;
  ALTER TABLE groupObjects DROP COLUMN mapping;
  PRAGMA user_version = 7;
`;

const withDir = async (body: (dir: string) => Promise<void>): Promise<void> => {
  const dir = await mkdtemp(join(tmpdir(), "grants-"));
  await body(dir).finally(() => rm(dir, { recursive: true }));
};

const change = (dir: string, sql: string): void => {
  const database = new DatabaseSync(join(dir, "store.sqlite"));
  database.exec(sql);
  database.close();
};

/** Prepares the mirror of a LUN of its own for a run. @returns its id */
const prepare = async (store: ExtentStore, lunId: number, sequence: number): Promise<string> => {
  const run = { ...runOf(sequence), index: lunId };
  const [mirror] = await store.prepareMirror({ owner, object: sourceObject({ lunId }), run });
  return mirror?.mirrorVolumeId ?? "";
};

test("in a store of before, what is prepared or half written goes on, and nothing else", async () => {
  await withDir(async (dir) => {
    const store = await ExtentStore.open(dir);
    const published = await prepare(store, 1, 1);
    await sendAll(store, published, { group: 1, bytes });
    await publish(store, 1, published);
    const prepared = await prepare(store, 2, 2);
    const halfWritten = await prepare(store, 3, 2);
    const overtaken = await prepare(store, 4, 2);
    for (const mirror of [halfWritten, overtaken]) await openMirror(store, mirror, { group: 2 });
    await prepare(store, 4, 3);
    await store.close();
    // What two versions before has prepared, it has not kept.
    change(dir, `DELETE FROM preparedObjects WHERE objectIndex = 3; ${before}`);
    const opened = await ExtentStore.open(dir);
    const grants = [published, prepared, halfWritten, overtaken].map(
      async (id) => (await opened.findMirrorVolume(id))?.grant,
    );
    assert.deepEqual(await Promise.all(grants), [undefined, runOf(2), runOf(2), runOf(3)]);
    await opened.close();
  });
});

test("what a gateway of before prepares in a store that both have open is NOT_GRANTED, and the next run heals", async () => {
  await withDir(async (dir) => {
    const store = await ExtentStore.open(dir);
    const mirror = await prepare(store, 1, 1);
    change(dir, "DELETE FROM grants");
    await rejects(openMirror(store, mirror, { group: 1 }), "NOT_GRANTED");
    await prepare(store, 1, 2);
    await sendAll(store, mirror, { group: 2, bytes });
    await publish(store, 2, mirror);
    await store.close();
  });
});
