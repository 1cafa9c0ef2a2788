import assert from "node:assert/strict";
import { describe } from "node:test";
import type { VmObject } from "../../../core/api/object/vm.ts";
import type { MirrorVolume } from "../control.ts";
import { createVolume, owner } from "./fixtures.ts";
import {
  isMirror,
  kindTest,
  mirrorOf,
  nicOfSource,
  prepareAll,
  publishAll,
  sourceDisks,
  theOnly,
  vmOfSource,
  volumeBytes,
} from "./objects.ts";
import { switchesNamed } from "./places.ts";
import type { StorageUnderTest } from "./storage-under-test.ts";

/** A VM's configuration as its mirror must have it, but for its NICs' switches. */
const mirrored = ({ vm }: VmObject, mirrors: readonly MirrorVolume[]) => ({
  ...vm,
  status: "STOPPED",
  disks: vm.disks.map((disk) => ({ ...disk, volumeId: mirrorOf(mirrors, disk.volumeId) })),
  nics: vm.nics.map((nic) => ({ ...nic, virtualSwitch: null })),
});

export const vmMirrorConformance = (open: () => Promise<StorageUnderTest>): void => {
  const vms = { kinds: ["vm"], open } as const;
  describe("the mirror of a VM", () => {
    kindTest("has its resources, disks and NICs, and never runs (W6, W8)", vms, async (driver, storage) => {
      const source = vmOfSource();
      const mirrors = await prepareAll(driver, 1, [source]);
      assert.deepEqual(
        new Set(mirrors.map(({ sourceVolumeId }) => sourceVolumeId)),
        new Set(source.volumes.map(({ id }) => id)),
      );
      for (const look of [async () => driver, () => storage.reopen()]) {
        const mirror = await theOnly(await look(), "vm");
        assert.equal(mirror.name, "web");
        assert.deepEqual(mirror.vm, mirrored(source, mirrors));
        assert.deepEqual(
          mirror.volumes,
          source.volumes.map((volume) => ({ ...volume, id: mirrorOf(mirrors, volume.id) })),
        );
        assert.deepEqual(mirror.origin, { planId: owner.planId, siteId: owner.source, role: "mirror" });
      }
    });

    kindTest(
      "is connected to the switches that its source's are mapped to, others to none (W7)",
      vms,
      async (driver) => {
        const [switchName = ""] = await switchesNamed(driver, ["dr-prod"]);
        await prepareAll(driver, 1, [{ object: vmOfSource(), mapping: { switches: { prod: switchName } } }]);
        const { vm } = await theOnly(driver, "vm");
        assert.deepEqual(
          vm.nics.map(({ virtualSwitch, vlan }) => [virtualSwitch, vlan]),
          [
            [switchName, { name: "web", vlanId: 12 }],
            [null, { name: "web", vlanId: 12 }],
          ],
        );
      },
    );

    kindTest("follows it: renamed, resized, a disk more, one less, one grown, NICs moved", vms, async (driver) => {
      const [dr = "", drLab = ""] = await switchesNamed(driver, ["dr-prod", "dr-lab"]);
      const mapping = { switches: { prod: dr, lab: drLab } };
      const before = await publishAll(driver, 1, [{ object: vmOfSource(), mapping }]);
      const [first] = sourceDisks;
      assert(first !== undefined);
      const changed = vmOfSource({
        name: "shop",
        disks: [
          { ...first, boot: 2, sizeBytes: 2 * volumeBytes },
          { id: "00000000000000d4", index: 1, bus: "IDE", boot: 1 },
        ],
        vm: {
          ...{
            description: "moved",
            vcpu: 2,
            cpu: { cores: 2, sockets: 1 },
            memory: 2 ** 30,
            firmware: "BIOS",
            ha: false,
          },
          status: "STOPPED",
          nics: [
            nicOfSource({ virtualSwitch: "lab", vlan: { vlanId: 0 } }),
            nicOfSource({ macAddress: "52:54:00:00:00:03", order: 1, virtualSwitch: null }),
          ],
        },
      });
      const after = await publishAll(driver, 2, [{ object: changed, mapping }]);
      assert.equal(mirrorOf(after, `volume-${first.id}`), mirrorOf(before, `volume-${first.id}`));
      const mirror = await theOnly(driver, "vm");
      assert.equal(mirror.name, "shop");
      const expected = mirrored(changed, after);
      assert.deepEqual(mirror.vm, {
        ...expected,
        nics: expected.nics.map((nic, n) => ({ ...nic, virtualSwitch: n === 0 ? drLab : null })),
      });
      const sizes = new Map(mirror.volumes.map(({ id, sizeBytes }) => [id, sizeBytes]));
      assert.equal(sizes.get(mirrorOf(after, `volume-${first.id}`)), 2 * volumeBytes);
      const volumes = (await driver.inventory()).filter(({ kind }) => kind === "volume").map(({ id }) => id);
      assert.deepEqual(new Set(volumes), new Set(after.map(({ mirrorVolumeId }) => mirrorVolumeId)));
    });

    kindTest("and its disks have the names of their sources, whatever else is called so", vms, async (driver) => {
      await createVolume(driver, { name: "web" });
      await createVolume(driver, { name: "web-0" });
      const mirrors = await prepareAll(driver, 1, [vmOfSource()]);
      await createVolume(driver, { name: "web-2" });
      const listed = (await driver.inventory()).filter(isMirror).filter(({ kind }) => kind === "volume");
      const names = new Map(listed.map(({ id, name }) => [id, name]));
      assert.deepEqual(
        mirrors.map(({ mirrorVolumeId }) => names.get(mirrorVolumeId)),
        ["web-0", "web-2"],
      );
    });
  });
};
