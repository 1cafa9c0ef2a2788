import assert from "node:assert/strict";
import { closeSync, openSync, readFileSync, readSync, writeSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import fc from "fast-check";
import { VisibleError } from "../../../core/api/errors.ts";
import {
  groupId,
  hashesOf,
  noise,
  openMirror,
  owner,
  prepareMirror,
  publish,
  readSnapshot,
  rejects,
  snapshotOf,
  sourceObject,
} from "../../../gateway/storage/conformance/fixtures.ts";
import type { SmtxCluster } from "../../../gateway/storage/smtx/driver.ts";
import { openSmtx } from "../../../gateway/storage/smtx/open.ts";
import type { MirrorExtentWriter } from "../../../gateway/storage/volume-io.ts";
import { until } from "../../patience.ts";
import { ClusterStandIn } from "../stand-in/stand-in.ts";
import { configOf, openDriver } from "./under-test.ts";

const blockBytes = 2 ** 16;
const extentBytes = 4 * blockBytes;
const extents = 4;
const sizeBytes = extents * extentBytes;

/** A gateway of the same site on another host: it has hashes of its own. */
const openElsewhere = async (standIn: ClusterStandIn, dir: string): Promise<SmtxCluster> =>
  openSmtx({ ...(await configOf(standIn, dir)), hashesDir: join(dir, "hashes") });

const fileOf = (standIn: ClusterStandIn, mirrorVolumeId: string): string => {
  const lun = standIn.tower.model.luns.all().find(({ name }) => name.endsWith(`.${mirrorVolumeId}`));
  return lun?.volume.path ?? assert.fail(`there is no LUN of ${mirrorVolumeId}`);
};

/** What the LUN has of an extent. */
const bytesOf = (file: string, extent: number): Buffer =>
  readFileSync(file).subarray(extent * extentBytes, (extent + 1) * extentBytes);

/** Changes a byte where nobody who keeps to the rules does. Again, it is as before. */
const flip = (file: string, offset: number): void => {
  const fd = openSync(file, "r+");
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, offset);
  writeSync(
    fd,
    byte.map((value) => value ^ 1),
    0,
    1,
    offset,
  );
  closeSync(fd);
};

interface Step {
  /** Which one of the published groups, from the newest on; 0: none. */
  readonly base: number;
  readonly by: "us" | "another";
  readonly isPublished: boolean;
  /** The oldest group is deleted then. */
  readonly isDeleted: boolean;
  readonly writings: readonly {
    readonly extent: number;
    readonly blocks: readonly number[];
    readonly from: "base" | "zeros";
    /** `cut`: nobody hears of the writer again, and whoever is next opens the mirror anew. */
    readonly ending: "commit" | "discard" | "reopen" | "cut";
  }[];
}

const mostly = <T>(usual: T, ...others: readonly T[]): fc.Arbitrary<T> =>
  fc.constantFrom(usual, usual, usual, ...others);

const history: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({
    base: mostly(1, 0, 2, 3),
    by: mostly<Step["by"]>("us", "another"),
    isPublished: mostly(true, false),
    isDeleted: mostly(false, true),
    writings: fc.array(
      fc.record({
        extent: fc.nat(extents - 1),
        blocks: fc.uniqueArray(fc.nat(3), { maxLength: 2 }),
        from: mostly<"base" | "zeros">("base", "zeros"),
        ending: mostly<"commit" | "discard" | "reopen" | "cut">("commit", "discard", "reopen", "cut"),
      }),
      { maxLength: 6 },
    ),
  }),
  { minLength: 4, maxLength: 8 },
);

describe("an extent of a mirror", () => {
  let standIn: ClusterStandIn;
  let driver: SmtxCluster;
  let other: SmtxCluster;
  let dir: string;
  let mirror: string;

  beforeEach(async () => {
    standIn = await ClusterStandIn.open();
    dir = await mkdtemp(join(tmpdir(), "claims-"));
    driver = await openDriver(standIn);
    other = await openElsewhere(standIn, dir);
    mirror = await prepareMirror(driver, sourceObject({ sizeBytes }));
  });
  afterEach(async () => {
    for (const one of [driver, other]) await one.close();
    await standIn.close();
    await rm(dir, { recursive: true, force: true });
    assert.deepEqual(standIn.tower.breaches, []);
  });

  const session = (group: number, base?: number, by = driver) =>
    openMirror(by, mirror, { group, sizeBytes, ...(base !== undefined && { base }) });

  const begin = async (epoch: number, extent: number, by = driver): Promise<MirrorExtentWriter> =>
    by.openMirrorExtent({ mirrorVolumeId: mirror, epoch, extent });

  /** Writes the first block of an extent, and looks at all of it. */
  const rewrite = async (writer: MirrorExtentWriter, extent: number, seed: number): Promise<void> => {
    await writer.write(extent * extentBytes, noise(blockBytes, seed));
    assert.deepEqual(await writer.blockHashes(), hashesOf(bytesOf(fileOf(standIn, mirror), extent)));
  };

  const send = async (group: number, base: number | undefined, written: readonly number[], by = driver) => {
    const { epoch } = await session(group, base, by);
    for (const extent of written) {
      const writer = await begin(epoch, extent, by);
      await rewrite(writer, extent, group);
      await writer.commit();
    }
    await by.completeMirror({ mirrorVolumeId: mirror, epoch });
    await publish(by, group, mirror);
  };

  /** Whether its last block, to which nothing was written, is read as well. */
  const isReadWhole = async (writer: MirrorExtentWriter, extent: number): Promise<boolean> => {
    const file = fileOf(standIn, mirror);
    await writer.write(extent * extentBytes, noise(blockBytes, 99));
    const without = await writer.blockHashes();
    flip(file, (extent + 1) * extentBytes - 1);
    const hashes = await writer.blockHashes();
    const isWhole = !Buffer.from(hashes).equals(without);
    if (isWhole) assert.deepEqual(hashes, hashesOf(bytesOf(file, extent)));
    flip(file, (extent + 1) * extentBytes - 1);
    return isWhole;
  };

  test("is read back as far as it was written, where nobody has begun to write it since its base", async () => {
    await send(1, undefined, [0, 1]);
    await send(2, 1, [1]);
    const { epoch } = await session(3, 2);
    for (const [extent, isWhole] of [false, false, true].entries()) {
      assert.equal(await isReadWhole(await begin(epoch, extent), extent), isWhole, `extent ${extent}`);
    }
  });

  test("is read back whole where it was begun before in the session, here or elsewhere", async () => {
    await send(1, undefined, [0, 1, 2]);
    const { epoch } = await session(2, 1);
    for (const [extent, by] of [driver, other, driver].entries()) {
      const writer = await begin(epoch, extent, by);
      await rewrite(writer, extent, 2);
      await (extent === 2 ? writer.commit() : writer.discard());
    }
    for (const extent of [0, 1, 2]) assert.equal(await isReadWhole(await begin(epoch, extent), extent), true);
    const again = await session(2, 1);
    for (const extent of [0, 1, 2]) assert.equal(await isReadWhole(await begin(again.epoch, extent), extent), true);
  });

  test("is read back whole where another gateway has written it last, and where the base is an older one", async () => {
    await send(1, undefined, [0, 1]);
    await send(2, 1, [0], other);
    await send(3, 2, [1]);
    const { epoch } = await session(4, 2);
    for (const extent of [0, 1]) assert.equal(await isReadWhole(await begin(epoch, extent), extent), true);
  });

  test("is read back whole where the volume has another size than then", async () => {
    await send(1, undefined, [0, 3]);
    const larger = sizeBytes + extentBytes;
    assert.equal(await prepareMirror(driver, sourceObject({ sizeBytes: larger })), mirror);
    const { epoch } = await openMirror(driver, mirror, { group: 2, base: 1, sizeBytes: larger });
    for (const extent of [0, 3]) assert.equal(await isReadWhole(await begin(epoch, extent), extent), true);
  });

  test("that was done is not done any more when somebody has begun to write it again", async () => {
    await send(1, undefined, [0]);
    const first = await session(2, 1);
    for (const extent of [0, 1]) {
      const writer = await begin(first.epoch, extent);
      await rewrite(writer, extent, 5);
      await writer.commit();
    }
    const writer = await driver.openMirrorExtent({ mirrorVolumeId: mirror, ...first, extent: 1, from: "zeros" });
    await writer.zero(extentBytes, extentBytes);
    await writer.discard();
    assert.deepEqual((await session(2, 1)).done, [0]);
  });

  test("is written by one at a time in an epoch, and by whoever opens the mirror anew", async () => {
    const { epoch } = await session(1);
    const writers = [await begin(epoch, 0), await begin(epoch, 0, other)] as const;
    await rewrite(writers[0], 0, 3);
    await rejects(writers[1].write(0, noise(blockBytes, 4)), "CLUSTER_BUSY");
    await writers[1].discard();
    // Who is refused says nothing for the other one.
    await rejects((await begin(epoch, 0, other)).write(0, noise(blockBytes, 4)), "CLUSTER_BUSY");
    const anew = await session(1, undefined, other);
    await rewrite(await begin(anew.epoch, 0, other), 0, 5);
    const before = bytesOf(fileOf(standIn, mirror), 0);
    await writers[0].write(0, noise(blockBytes, 6)).catch(() => undefined);
    await rejects(writers[0].commit(), "FENCED");
    assert(bytesOf(fileOf(standIn, mirror), 0).equals(before), "a late byte arrived");
    assert.deepEqual((await session(1)).done, []);
  });

  test("is the next one's when its writer has said that it is over", async () => {
    const { epoch } = await session(1);
    for (const by of [driver, other, driver]) {
      const writer = await begin(epoch, 0, by);
      await rewrite(writer, 0, 3);
      await writer.discard();
    }
    const last = await begin(epoch, 0);
    await rewrite(last, 0, 4);
    await last.commit();
    const again = await begin(epoch, 0, other);
    await rewrite(again, 0, 5);
    await again.commit();
    assert.deepEqual((await session(1)).done, [0]);
  });

  test("that was begun and not committed is never part of a group", async () => {
    await send(1, undefined, [0, 1]);
    const { epoch } = await session(2, 1);
    const writer = await begin(epoch, 1);
    await rewrite(writer, 1, 7);
    await rejects(driver.completeMirror({ mirrorVolumeId: mirror, epoch }), "GROUP_INCOMPLETE");
    await writer.discard();
    await rejects(other.completeMirror({ mirrorVolumeId: mirror, epoch }), "GROUP_INCOMPLETE");
    await rejects(publish(other, 2, mirror), "GROUP_INCOMPLETE");
    const again = await begin(epoch, 1, other);
    await rewrite(again, 1, 7);
    await again.commit();
    await other.completeMirror({ mirrorVolumeId: mirror, epoch });
    await publish(other, 2, mirror);
    await send(3, 1, [0]);
  });

  test("tells what its base has whatever was written since, and nobody claims it for that", async () => {
    await send(1, undefined, [0, 1]);
    const base = readFileSync(fileOf(standIn, mirror));
    const { epoch } = await session(2, 1);
    const half = await begin(epoch, 1);
    await rewrite(half, 1, 7);
    await half.discard();
    for (const by of [driver, other]) {
      for (const extent of [0, 1, 2]) {
        const wanted = hashesOf(base.subarray(extent * extentBytes, (extent + 1) * extentBytes));
        const reader = await begin(epoch, extent, by);
        assert.deepEqual(Buffer.from(await reader.baseHashes()), wanted, `extent ${extent}`);
        await reader.discard();
        const emptied = await by.openMirrorExtent({ mirrorVolumeId: mirror, epoch, extent, from: "zeros" });
        assert.deepEqual(Buffer.from(await emptied.baseHashes()), hashesOf(Buffer.alloc(extentBytes)));
      }
    }
    const writer = await begin(epoch, 1, other);
    await rewrite(writer, 1, 8);
    await writer.commit();
    await driver.completeMirror({ mirrorVolumeId: mirror, epoch });
  });

  test("that somebody else has written since it was opened is left to that one", async () => {
    const { epoch } = await session(1);
    const early = await begin(epoch, 0, other);
    const writer = await begin(epoch, 0);
    await rewrite(writer, 0, 3);
    await writer.commit();
    await rejects(early.write(0, noise(blockBytes, 4)), "CLUSTER_BUSY");
    await early.discard();
    await driver.completeMirror({ mirrorVolumeId: mirror, epoch });
    await publish(driver, 1, mirror);
  });

  test("takes no late byte when its mirror is complete, also while its snapshot is taken", async () => {
    const content = noise(extentBytes, 1);
    const { epoch } = await session(1);
    const writer = await begin(epoch, 0);
    await writer.write(0, content);
    await writer.commit();
    const late = await driver.openMirrorExtent({ mirrorVolumeId: mirror, epoch, extent: 0, from: "zeros" });
    await driver.completeMirror({ mirrorVolumeId: mirror, epoch });
    const { commands } = standIn;
    const run = commands.run.bind(commands);
    const refused: unknown[] = [];
    commands.run = async (line) => {
      if (line.includes("batch_create")) await late.zero(0, extentBytes).catch((error) => refused.push(error));
      return run(line);
    };
    await publish(driver, 1, mirror);
    assert.deepEqual(
      refused.map((error) => VisibleError.is(error, "FENCED")),
      [true],
    );
    const there = await readSnapshot(driver, await snapshotOf(driver, groupId(1), mirror));
    assert(there.subarray(0, extentBytes).equals(content));
  });

  test("that a late rollback has undone is not done, and is written again", async () => {
    await send(1, undefined, [0, 1]);
    const rollback = "rollback-iscsi-lun-from-snapshot";
    const asked = () => standIn.tower.requests.filter(({ operation }) => operation === rollback).length;
    const before = asked();
    // Somebody holds the LUN, and the opening waits for that.
    standIn.tower.faults.add(rollback, { kind: "locked" }, { times: 4 });
    const opening = session(2, 1).then(() => "opened", String);
    await until("the opening to be refused four times", () => asked() >= before + 4);
    const { epoch } = await session(2, 1, other);
    const writer = await begin(epoch, 0, other);
    await rewrite(writer, 0, 2);
    await writer.commit();
    assert.notEqual(await opening, "opened");
    await rejects(other.completeMirror({ mirrorVolumeId: mirror, epoch }), "GROUP_INCOMPLETE");
    const again = await session(2, 1, other);
    assert.deepEqual([again.done, again.begun], [[], [0]]);
    const last = await begin(again.epoch, 0, other);
    await rewrite(last, 0, 2);
    await last.commit();
    await other.completeMirror({ mirrorVolumeId: mirror, epoch: again.epoch });
    await publish(other, 2, mirror);
    const there = await readSnapshot(other, await snapshotOf(other, groupId(2), mirror));
    assert(there.subarray(0, blockBytes).equals(noise(blockBytes, 2)));
  });

  test("has the hashes that its LUN has, whatever was written and begun before, by whom and on what base", async () => {
    let last = 0;
    let content = 0;
    const published = new Map<number, Buffer>();
    const play = async (sessions: readonly Step[]): Promise<void> => {
      for (const step of sessions) {
        const by = step.by === "us" ? driver : other;
        const group = ++last;
        const bases = [undefined, ...[...published.keys()].toReversed()];
        const base = bases[step.base % bases.length];
        let { epoch } = await session(group, base, by);
        const halves = new Set<number>();
        const file = fileOf(standIn, mirror);
        if (base !== undefined) assert(published.get(base)?.equals(readFileSync(file)));
        for (const { extent, blocks, from, ending } of step.writings) {
          const writer = await by.openMirrorExtent({ mirrorVolumeId: mirror, epoch, extent, from });
          for (const block of blocks) {
            await writer.write(extent * extentBytes + block * blockBytes, noise(blockBytes, ++content));
          }
          assert.deepEqual(await writer.blockHashes(), hashesOf(bytesOf(file, extent)));
          if (ending === "commit") await writer.commit();
          else if (ending !== "cut") await writer.discard();
          halves[ending === "commit" ? "delete" : "add"](extent);
          if (ending === "reopen" || ending === "cut") {
            const again = await session(group, base, by);
            assert.deepEqual(again.begun, [...halves].toSorted());
            epoch = again.epoch;
          }
          if (ending === "cut")
            await writer.write(extent * extentBytes, noise(blockBytes, ++content)).catch(() => undefined);
        }
        if (!step.isPublished) continue;
        for (const extent of halves) {
          const writer = await by.openMirrorExtent({ mirrorVolumeId: mirror, epoch, extent });
          await writer.write(extent * extentBytes, noise(blockBytes, ++content));
          await writer.commit();
        }
        await by.completeMirror({ mirrorVolumeId: mirror, epoch });
        published.set(group, readFileSync(file));
        await publish(by, group, mirror);
        const there = await readSnapshot(by, await snapshotOf(by, groupId(group), mirror));
        assert(published.get(group)?.equals(there));
        const [oldest] = published.keys();
        if (step.isDeleted && oldest !== undefined && published.size > 1) {
          published.delete(oldest);
          await by.deleteGroup({ groupId: groupId(oldest), owner });
        }
      }
    };
    await fc.assert(fc.asyncProperty(history, play), { numRuns: 12, endOnFailure: true });
  });
});
