import assert from "node:assert/strict";
import { describe } from "node:test";
import type { KeptGroup, ManifestProof } from "../../../core/api/foreign/proof.ts";
import { manifestDigest, volumeSetOf } from "../../../pki/manifest-proof.ts";
import type { StorageDriver } from "../driver.ts";
import { mirrorSetOf } from "../mirror-set.ts";
import { groupId, noise, owner, sendAll, sourceObject, storageTest, strangers, takenAt, volumeOf } from "./fixtures.ts";
import { prepareAll } from "./objects.ts";
import type { StorageUnderTest } from "./storage-under-test.ts";

const bytes = noise(1024 * 1024, 1);
const proof: ManifestProof = { statement: "{ }", signature: "x", certificatePem: "p" };
const objects = [7, 8].map((lunId) => sourceObject({ lunId, name: `disk ${lunId}` }));

/** Publishes a group of two volumes. @returns its volumes, and whatever it was asked to prove */
const publish = async (
  driver: StorageDriver,
  group: number,
  sign: ((kept: KeptGroup) => ManifestProof | undefined) | undefined,
) => {
  const asked: KeptGroup[] = [];
  const volumes = await prepareAll(driver, group, objects);
  for (const { mirrorVolumeId } of volumes) await sendAll(driver, mirrorVolumeId, { group, bytes });
  const options = {
    ...{ groupId: groupId(group), owner, sequence: group, takenAt, planName: "daily", objects: [null, null] },
    mirrors: mirrorSetOf(volumes.map(({ mirrorVolumeId }) => mirrorVolumeId)),
    ...(sign && {
      prove: (kept: KeptGroup) => {
        asked.push(kept);
        return sign(kept);
      },
    }),
  };
  await driver.publishGroup(options);
  return { volumes, asked, again: () => driver.publishGroup(options) };
};
const signed = () => proof;

/** What a site keeps beside a published group, for whoever has nothing but its storage. */
export const proofConformance = (open: () => Promise<StorageUnderTest>): void => {
  describe("a published group's proof", () => {
    storageTest("is made of what is kept, and kept with it", open, async (driver, storage) => {
      const { volumes, asked } = await publish(driver, 1, signed);
      const reopened = await storage.reopen();
      const text = (await reopened.foreignManifest(groupId(1))) ?? "";
      assert.deepEqual(asked, [
        {
          ...{ groupId: groupId(1), ...owner, sequence: 1, takenAt },
          ...{ volumes: volumeSetOf(volumes), manifestSha256: manifestDigest(text) },
        },
      ]);
      assert.deepEqual(
        objects.map((object) => volumeOf(object).id),
        volumes.map(({ sourceVolumeId }) => sourceVolumeId),
      );
      assert.deepEqual(await reopened.foreignGroups(), [
        { group: asked[0], planName: "daily", sizeBytes: 2 * bytes.length, proof },
      ]);
      assert.deepEqual(JSON.parse(text), (await reopened.manifests())[0]?.manifest);
    });

    storageTest("is made once, and not where the group is there already", open, async (driver) => {
      const { asked, again } = await publish(driver, 1, signed);
      await again();
      assert.equal(asked.length, 1);
      assert.deepEqual((await driver.foreignGroups())[0]?.proof, proof);
    });

    storageTest("is not there where nobody proves, and each group has its own", open, async (driver) => {
      const other = { ...proof, statement: "another" };
      await publish(driver, 1, signed);
      await publish(driver, 2, () => other);
      await publish(driver, 3, () => undefined);
      await publish(driver, 4, undefined);
      assert.deepEqual(
        (await driver.foreignGroups()).map(({ group, ...of }) => [group.sequence, of.proof]),
        [
          [4, undefined],
          [3, undefined],
          [2, other],
          [1, proof],
        ],
      );
    });

    storageTest("is all or nothing with its group: what can't be proved is not published", open, async (driver) => {
      const failing = () => {
        throw new Error("the key is gone");
      };
      await assert.rejects(publish(driver, 1, failing), /the key is gone/);
      assert.deepEqual(await driver.listGroups(owner), []);
      assert.deepEqual(await driver.foreignGroups(), []);
    });

    storageTest("goes with its group, and source groups have none", open, async (driver) => {
      await publish(driver, 1, signed);
      const volumeIds = [volumeOf(await driver.createVolume({ name: "own", kind: "volume", sizeBytes: 4096 })).id];
      await driver.snapshotGroup({ groupId: groupId(2), owner, volumeIds, sequence: 2 });
      assert.equal((await driver.foreignGroups()).length, 1);
      assert.equal(await driver.foreignManifest(groupId(2)), undefined);
      for (const stranger of strangers) {
        await assert.rejects(driver.deleteGroup({ groupId: groupId(1), owner: stranger }));
      }
      await driver.deleteGroup({ groupId: groupId(1), owner });
      assert.deepEqual(await driver.foreignGroups(), []);
      assert.equal(await driver.foreignManifest(groupId(1)), undefined);
    });
  });
};
