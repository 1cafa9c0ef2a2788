import assert from "node:assert/strict";
import { describe } from "node:test";
import type { ErrorCode } from "../../../core/api/errors.ts";
import type { ObjectKind } from "../../../core/api/object/common.ts";
import type { StorageDriver } from "../driver.ts";
import { owner, rejects } from "./fixtures.ts";
import { kindTest, mirrorOf, objectOfKind, publishAll, theOnly } from "./objects.ts";
import type { StorageUnderTest } from "./storage-under-test.ts";

const kinds: readonly ObjectKind[] = ["lun", "volume", "nfs-file", "vm"];

/** Every way in which somebody might change a volume, by what the refusal is called. */
const changes = (driver: StorageDriver, volumeId: string): readonly (readonly [Promise<unknown>, ErrorCode])[] => [
  [driver.openVolume(volumeId, "write"), "VOLUME_IS_MIRROR"],
  [driver.renameVolume(volumeId, "mine"), "VOLUME_IS_MIRROR"],
  [driver.deleteVolume(volumeId), "VOLUME_IS_MIRROR"],
  [driver.snapshotGroup({ groupId: "group_own" as never, owner, volumeIds: [volumeId] }), "VOLUME_IS_MIRROR"],
  ...(driver.stageVolume === undefined ? [] : [[driver.stageVolume({ into: volumeId }), "VOLUME_IS_MIRROR"] as const]),
];

/** Mirrors can't be operated on the target site (W8). */
export const guardConformance = (open: () => Promise<StorageUnderTest>): void => {
  describe("mirrors can't be operated", () => {
    for (const kind of kinds) {
      kindTest(
        `nobody but a transfer writes, renames or deletes the volumes of a ${kind}`,
        { kinds: [kind], open },
        async (driver) => {
          const source = objectOfKind[kind]();
          const mirrors = await publishAll(driver, 1, [source]);
          const before = await driver.inventory();
          for (const { id } of source.volumes) {
            for (const [change, code] of changes(driver, mirrorOf(mirrors, id))) await rejects(change, code);
          }
          assert.deepEqual(await driver.inventory(), before);
        },
      );

      kindTest(
        `nobody changes, labels, switches on or deletes a ${kind}, nor its volumes`,
        { kinds: [kind], open },
        async (driver) => {
          const { administration } = driver;
          // Where objects are somebody else's to make, the guard is that cluster's.
          if (administration === undefined) return;
          await publishAll(driver, 1, [objectOfKind[kind]()]);
          const before = await driver.inventory();
          for (const object of before) {
            const id = { kind: object.kind, id: object.id };
            await rejects(administration.updateObject(id, { name: "mine" }), "OBJECT_IS_MIRROR");
            await rejects(administration.setLabels(id, { mine: "yes" }), "OBJECT_IS_MIRROR");
            await rejects(administration.deleteObject(id), "OBJECT_IS_MIRROR");
            if (object.kind === "vm") await rejects(administration.setPower(id, "on"), "OBJECT_IS_MIRROR");
          }
          assert.deepEqual(await driver.inventory(), before);
        },
      );
    }

    kindTest(
      "a refusal names the foreign plan, and says what to do instead",
      { kinds: ["volume"], open },
      async (driver) => {
        await publishAll(driver, 1, [objectOfKind.volume()]);
        const { id } = await theOnly(driver, "volume");
        await assert.rejects(driver.deleteVolume(id), { message: /daily/, hint: /ebuild/ });
      },
    );

    kindTest("no VM gets a mirror's disk", { kinds: ["vm", "volume"], open }, async (driver) => {
      const { administration } = driver;
      if (administration === undefined) return;
      await publishAll(driver, 1, [objectOfKind.volume()]);
      const disks = [{ volume: "loose", bus: "VIRTIO" as const }];
      const vm = {
        kind: "vm",
        name: "thief",
        cpu: { cores: 1, sockets: 1 },
        memory: 2 ** 30,
        firmware: "BIOS",
        ha: true,
      } as const;
      await assert.rejects(administration.createObjects([{ ...vm, disks, nics: [] }]));
      assert.equal((await driver.inventory()).length, 1);
    });
  });
};
