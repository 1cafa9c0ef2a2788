import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { VisibleError } from "../../../core/api/errors.ts";
import {
  groupId,
  noise,
  owner,
  plain,
  prepareMirror,
  sender,
  sourceObject,
} from "../../../gateway/storage/conformance/fixtures.ts";
import type { MirrorExtentWriter } from "../../../gateway/storage/volume-io.ts";
import { ClusterStandIn } from "../stand-in/stand-in.ts";
import { openDriver } from "./under-test.ts";

const KiB = 1024;
const sizeBytes = 1024 * KiB;
const handovers = 200;

/** A writer that nobody ever refuses comes to an end, too. */
const writesMax = 100_000;

/** What a mirror's LUN has now, in the cluster's own file. */
const bytesOf = (standIn: ClusterStandIn, mirrorVolumeId: string): Buffer => {
  const lun = standIn.tower.model.luns.all().find(({ name }) => name.endsWith(`.${mirrorVolumeId}`));
  assert(lun !== undefined, `there is no LUN of ${mirrorVolumeId}`);
  return readFileSync(lun.volume.path);
};

/** Writes all of an extent again and again, until it is refused. @returns with what */
const writeOn = async (writer: MirrorExtentWriter, extent: number, seed: number): Promise<unknown> => {
  try {
    for (let n = 0; n < writesMax; n++) await writer.write(extent * 256 * KiB, noise(256 * KiB, seed + n));
    return undefined;
  } catch (error) {
    return error;
  } finally {
    await writer.discard();
  }
};

test("of two gateways that take a mirror from each other, none writes a byte when it has lost it", async (context) => {
  const standIn = await ClusterStandIn.open();
  context.after(() => standIn.close());
  const drivers = [await openDriver(standIn), await openDriver(standIn)] as const;
  const mirror = await prepareMirror(drivers[0], sourceObject({ sizeBytes }));
  const run = { groupId: groupId(1), sequence: 1, sender };
  await drivers[0].prepareMirror({ owner, object: sourceObject({ sizeBytes }), run: { ...run, index: 0 } });
  let writing: Promise<unknown>[] = [];
  for (let n = 0; n < handovers; n++) {
    const driver = drivers[n % 2 === 0 ? 0 : 1];
    const wanted = { owner, mirrorVolumeId: mirror, ...run, baseGroupId: null, sizeBytes, geometry: plain };
    const { epoch } = await driver.openMirror(wanted);
    const before = bytesOf(standIn, mirror);
    for (const end of await Promise.all(writing)) {
      assert.ok(VisibleError.is(end, "FENCED"), `a writer that lost the mirror ended with ${String(end)}`);
    }
    assert.ok(bytesOf(standIn, mirror).equals(before), `a late byte in hand-over ${n}`);
    const writers = await Promise.all(
      [0, 1, 2, 3].map((extent) => driver.openMirrorExtent({ mirrorVolumeId: mirror, epoch, extent })),
    );
    writing = writers.map((writer, extent) => writeOn(writer, extent, n * 1000 + extent));
  }
  await drivers[handovers % 2 === 0 ? 0 : 1].abortGroup({ groupId: groupId(1), owner });
  await Promise.all(drivers.map((driver) => driver.close()));
  await Promise.all(writing);
});
