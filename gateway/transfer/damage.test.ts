import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import { blockBytes } from "../../core/extent/geometry.ts";
import { Database } from "../storage/extentstore/database/database.ts";
import { openSnapshotReader } from "../storage/snapshot-reader.ts";
import { dataSizes, groupOf, openTwoSites, owner, runOf, type TwoSites, writeTo } from "./testing/two-sites.ts";

const mib = 1024 * 1024;
/** Tries that follow at once. */
const time = { nowMs: () => performance.now(), sleep: async () => undefined };
const plain = { extentBytes: mib, stripeCount: 1, stripeBytes: mib };

describe("a target that is damaged", () => {
  let sites: TwoSites;
  let sequence = 0;
  /** Extents whose upload came, in order. */
  let puts: number[] = [];
  let lines = 0;
  before(async () => {
    sites = await openTwoSites({
      handlers: ({ handler, uploads }) => ({
        handler,
        uploads: (upload, identity) => {
          puts.push(Number(/extents\/(\d+)/.exec(upload.path)?.[1]));
          return uploads(upload, identity);
        },
      }),
    });
  });
  after(() => sites.close());
  beforeEach(() => {
    puts = [];
  });

  /** A volume of four extents whose first group the target has, and where it has the blocks. */
  const sent = async () => {
    sequence += 10;
    const volume = await sites.createVolume(`v${sequence}`, 4 * mib, plain);
    await writeTo(sites.source, volume, [{ offset: 0, data: randomBytes(4 * mib) }]);
    await sites.snapshot(volume, sequence);
    const had = await dataSizes(sites.targetData);
    const { mirrorVolumeId } = await sites.send(volume, sequence, null, { extentsInFlight: 1 });
    await sites.publish(mirrorVolumeId, sequence);
    const [file, ...more] = [...(await dataSizes(sites.targetData))].filter(([name, size]) => size !== had.get(name));
    assert.ok(file !== undefined && more.length === 0);
    const [name] = file;
    puts = [];
    lines = sites.log.lines.length;
    return { volume, group: sequence, mirrorVolumeId, blocks: { file: name, start: had.get(name) ?? 0 } };
  };

  const flip = async ({ file, start }: { readonly file: string; readonly start: number }, offset: number) => {
    const content = await readFile(file);
    const at = start + offset;
    content[at] = (content[at] ?? 0) ^ 1;
    await writeFile(file, content);
  };

  /** Takes a snapshot of what the source has now and publishes it at the target. */
  const next = async (volume: ObjectConfig, group: number, options: Parameters<TwoSites["send"]>[3] = {}) => {
    await sites.snapshot(volume, group + 1);
    const { mirrorVolumeId } = await sites.send(volume, group + 1, group, { extentsInFlight: 1, time, ...options });
    await sites.publish(mirrorVolumeId, group + 1);
    await sites.assertEqual(group + 1);
  };

  const change = (volume: ObjectConfig, offset: number) =>
    writeTo(sites.source, volume, [{ offset, data: randomBytes(100) }]);

  /** Reads a restore point as an export does. */
  const exported = async (group: number) => {
    const [snapshot] = (await sites.target.findGroup(groupOf(group)))?.snapshots ?? [];
    const reader = await openSnapshotReader(sites.target, snapshot?.snapshotId ?? "");
    try {
      const piece = Buffer.alloc(mib);
      for (let at = 0; at < 4 * mib; at += mib) await reader.read(at, piece);
    } finally {
      await reader.close();
    }
  };
  const isCorrupt = (error: unknown) => VisibleError.is(error, "STORE_CORRUPT");

  /** Groups in which damage is known, of those from `group` on. */
  const damaged = async (group: number) =>
    ((await sites.target.damage()) ?? [])
      .filter(({ groupId }) => groupId >= groupOf(group))
      .map(({ groupId, extents }) => [groupId, extents]);

  const tamper = (dir: string, sql: string, ...values: (string | number)[]) => {
    const database = new Database(path.join(dir, "store.sqlite"));
    try {
      database.execute("PRAGMA foreign_keys = OFF");
      return database.run(sql, ...values).changes;
    } finally {
      database.close();
    }
  };

  /** Flips a byte in the block table that a volume has for an extent. */
  const flipTable = (mirrorVolumeId: string, extent: number) => {
    const changes = tamper(
      sites.targetDir,
      `UPDATE versions SET blocks = CAST(x'ffffffff' || substr(blocks, 5) AS BLOB) WHERE id = (
         SELECT versionId FROM extents JOIN volumes USING (tableId) WHERE volumes.id = ? AND extent = ?)`,
      mirrorVolumeId,
      extent,
    );
    assert.equal(changes, 1);
  };

  const said = () =>
    sites.log.lines
      .slice(lines)
      .filter(({ level }) => level === "warn")
      .map(({ fields, message }) => {
        const { err } = fields as { err?: VisibleError };
        return `${message} ${err?.message ?? ""} ${err?.hint ?? ""} ${JSON.stringify(fields)}`;
      })
      .join("\n");

  test("notices what a transfer reads of it, gets it in full, and remembers it of the groups that have it", async () => {
    const { volume, group, blocks } = await sent();
    await flip(blocks, 5 * blockBytes + 1000);
    await change(volume, 5 * blockBytes);
    await next(volume, group);
    assert.deepEqual(puts, [0, 0], "once as a change, once in full");
    assert.deepEqual(await damaged(group), [[groupOf(group), 1]]);
    assert.match(
      said(),
      new RegExp(`Site b: A block of mirror .* of ${owner.planId} can't be read.*next run of its plan`),
    );
  });

  test("gets again what an export found, although nothing has changed there, and older groups are whole again", async () => {
    const { volume, group, blocks } = await sent();
    await next(volume, group);
    assert.deepEqual(puts, [], "nothing has changed");
    await flip(blocks, 2 * mib + 1000);
    await assert.rejects(exported(group), isCorrupt);
    assert.deepEqual(await damaged(group), [
      [groupOf(group), 1],
      [groupOf(group + 1), 1],
    ]);
    await next(volume, group + 1);
    assert.deepEqual(puts, [2]);
    assert.deepEqual(await damaged(group), []);
    for (const each of [group, group + 1, group + 2]) await exported(each);
    assert.match(said(), /extents of the mirror are damaged.*"site":"b","extents":\[\[2,2\]\]/);
    assert.doesNotMatch(
      said(),
      /the mirror is not what the snapshot is/,
      "known from the start, not found out at the end",
    );
  });

  test("gets again what was found while the transfer was going on, in an extent that is not sent", async () => {
    const { volume, group, blocks } = await sent();
    await flip(blocks, 2 * mib + 1000);
    await change(volume, 5 * blockBytes);
    const found = Promise.withResolvers<void>();
    const send = next(volume, group, {
      throttle: {
        take: async (bytes) => {
          await exported(group).then(found.reject, () => found.resolve());
          return bytes;
        },
      },
    });
    await Promise.all([send, found.promise]);
    assert.deepEqual(puts, [0, 2]);
    assert.deepEqual(await damaged(group), [], "the content is what it was");
  });

  test("is made whole though a block table is damaged that a change is to be applied to", async () => {
    const { volume, group, mirrorVolumeId } = await sent();
    flipTable(mirrorVolumeId, 1);
    await change(volume, mib);
    await next(volume, group);
    assert.deepEqual(puts, [1, 1], "once as a change, once in full");
    assert.deepEqual(await damaged(group), [[groupOf(group), 1]]);
    assert.match(said(), new RegExp(`Site b: The block table of extent 1 of mirror .* of ${owner.planId} is damaged`));
    await change(volume, mib + 1000);
    puts = [];
    await next(volume, group + 1);
    assert.deepEqual(puts, [1], "the plan's runs go on as ever");
  });

  test("is made whole though a block table is damaged and the source has lost the base", async () => {
    const { volume, group, mirrorVolumeId } = await sent();
    flipTable(mirrorVolumeId, 1);
    await next(volume, group, { baseLost: true });
    assert.deepEqual(puts, [1]);
    assert.deepEqual(await damaged(group), [], "the first group's table has the same content");
    await exported(group);
  });

  test("is made whole though a block table is damaged of what was being written", async () => {
    const { volume, group, mirrorVolumeId } = await sent();
    await change(volume, mib);
    await sites.snapshot(volume, group + 1);
    const cut = new AbortController();
    const cutOff = sites.send(volume, group + 1, group, { signal: cut.signal, onAcknowledged: () => cut.abort() });
    await assert.rejects(cutOff);
    flipTable(mirrorVolumeId, 1);
    const shape = { sizeBytes: 4 * mib, geometry: plain };
    const open = { owner, mirrorVolumeId, ...runOf(group + 1), baseGroupId: groupOf(group), ...shape };
    const { epoch } = await sites.target.openMirror(open);
    const reading = await sites.target.openMirrorExtent({ mirrorVolumeId, epoch, extent: 1 });
    await assert.rejects(reading.readBase(0, Buffer.alloc(1)), isCorrupt);
    await reading.discard();
    await sites.send(volume, group + 1, group);
    await sites.publish(mirrorVolumeId, group + 1);
    await sites.assertEqual(group + 1);
  });

  for (const [what, sql] of [
    ["a digest", `UPDATE versions SET digest = CAST(x'00' || substr(digest, 2) AS BLOB) WHERE id IN (:versions)`],
    ["which version an extent has", "DELETE FROM extents WHERE versionId IN (:versions)"],
    ["the version of an extent", "DELETE FROM versions WHERE id IN (:versions)"],
    ["the number of an extent", "UPDATE extents SET extent = extent + 1000 WHERE versionId IN (:versions)"],
  ] as const) {
    test(`is made whole though its metadata has lost ${what}`, async () => {
      const { volume, group, mirrorVolumeId } = await sent();
      const versions = "SELECT versionId FROM extents JOIN volumes USING (tableId) WHERE volumes.id = ? AND extent = 2";
      assert.notEqual(tamper(sites.targetDir, sql.replace(":versions", versions), mirrorVolumeId), 0);
      await change(volume, 0);
      await next(volume, group);
      assert.deepEqual(puts, [0, 2]);
      puts = [];
      await next(volume, group + 1);
      assert.deepEqual(puts, []);
    });
  }

  test("is made whole though it takes an extent for done that is not", async () => {
    const { volume, group, mirrorVolumeId } = await sent();
    for (const extent of [0, 1]) await change(volume, extent * mib);
    await sites.snapshot(volume, group + 1);
    const cut = new AbortController();
    const stop = { signal: cut.signal, onAcknowledged: () => cut.abort(), extentsInFlight: 1 };
    await assert.rejects(sites.send(volume, group + 1, group, stop));
    tamper(
      sites.targetDir,
      "INSERT INTO doneExtents (volumeId, extent) VALUES (?, 1), (?, 9)",
      mirrorVolumeId,
      mirrorVolumeId,
    );
    puts = [];
    await sites.send(volume, group + 1, group);
    assert.deepEqual(puts, [1]);
    await sites.publish(mirrorVolumeId, group + 1);
    await sites.assertEqual(group + 1);
  });

  test("is made whole by a source whose own digests and base are damaged", async () => {
    const { volume, group } = await sent();
    const [{ id } = { id: "" }] = volume.volumes;
    const versions = "SELECT versionId FROM extents JOIN volumes USING (tableId) WHERE volumes.id = ? AND extent = 2";
    const flipDigest = `UPDATE versions SET digest = CAST(x'00' || substr(digest, 2) AS BLOB) WHERE id IN (${versions})`;
    assert.equal(tamper(sites.sourceDir, flipDigest, id), 1);
    await next(volume, group);
    assert.deepEqual(puts, [2]);
    const pastEnd = `UPDATE extents SET extent = 99 WHERE extent = 0 AND tableId = (SELECT tableId FROM snapshots WHERE groupId = ?)`;
    assert.equal(tamper(sites.sourceDir, pastEnd, groupOf(group + 1)), 1);
    await change(volume, 0);
    await next(volume, group + 1);
  });
});
