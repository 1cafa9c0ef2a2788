import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
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
import type { SmtxCluster } from "../../../gateway/storage/smtx/driver.ts";
import type { MirrorExtentWriter } from "../../../gateway/storage/volume-io.ts";
import type { ClusterStandIn } from "../stand-in/stand-in.ts";

const KiB = 1024;
const sizeBytes = 1024 * KiB;

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

/**
 * Two gateways take a mirror from each other, each while the other one writes. Whoever has lost it
 * writes no more, and is told so. Closes the drivers.
 */
export const handOvers = async (
  standIn: ClusterStandIn,
  { drivers, count }: { readonly drivers: readonly [SmtxCluster, SmtxCluster]; readonly count: number },
): Promise<void> => {
  const mirror = await prepareMirror(drivers[0], sourceObject({ sizeBytes }));
  const run = { groupId: groupId(1), sequence: 1, sender };
  await drivers[0].prepareMirror({ owner, object: sourceObject({ sizeBytes }), run: { ...run, index: 0 } });
  let writing: Promise<unknown>[] = [];
  for (let n = 0; n < count; n++) {
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
  await drivers[count % 2 === 0 ? 0 : 1].abortGroup({ groupId: groupId(1), owner });
  await Promise.all(drivers.map((one) => one.close()));
  await Promise.all(writing);
};
