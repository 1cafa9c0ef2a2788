import assert from "node:assert/strict";
import { describe } from "node:test";
import { owner, strangers } from "./fixtures.ts";
import { fileOfSource, kindTest, prepareAll, theOnly } from "./objects.ts";
import type { StorageUnderTest } from "./storage-under-test.ts";

const mirrorExport = `mirror.${owner.source}.${owner.planId}.e1`;

export const fileMirrorConformance = (open: () => Promise<StorageUnderTest>): void => {
  const files = { kinds: ["nfs-file"], open } as const;
  describe("the mirror of an NFS file", () => {
    kindTest("has its path in a mirror of its export, with the export's settings (W6)", files, async (driver) => {
      const source = fileOfSource();
      await prepareAll(driver, 1, [source]);
      const mirror = await theOnly(driver, "nfs-file");
      assert.equal(mirror.name, source.name);
      assert.deepEqual(mirror.file, { ...source.file, export: mirrorExport });
      assert.deepEqual(mirror.origin, { planId: owner.planId, siteId: owner.source, role: "mirror" });
    });

    kindTest("lies beside those of the same tree, in whatever directory", files, async (driver) => {
      const paths = ["a", "d/a", "d/b", "d/e/a"];
      const tree = paths.map((path, n) => fileOfSource({ id: `00000000000000c${n}`, path }));
      await prepareAll(driver, 1, tree);
      const listed = (await driver.inventory()).flatMap((one) => (one.kind === "nfs-file" ? [one.file.path] : []));
      assert.deepEqual(listed.toSorted(), paths);
      for (const stranger of strangers) await prepareAll(driver, 1, tree, stranger);
      const places = (await driver.inventory()).flatMap((one) =>
        one.kind === "nfs-file" ? [`${one.file.export}/${one.file.path}`] : [],
      );
      assert.equal(new Set(places).size, paths.length * (1 + strangers.length));
    });

    kindTest("follows it to another path, and follows the export's settings", files, async (driver) => {
      await prepareAll(driver, 1, [fileOfSource()]);
      const moved = fileOfSource({ path: "archive/web.vmdk", settings: { description: "moved" } });
      await prepareAll(driver, 2, [moved]);
      const mirror = await theOnly(driver, "nfs-file");
      assert.deepEqual(mirror.file, { ...moved.file, export: mirrorExport });
      assert.equal(mirror.name, moved.name);
    });

    kindTest("changes places with another one as its source did", files, async (driver) => {
      const pair = (first: string, second: string) => [
        fileOfSource({ path: first }),
        fileOfSource({ id: "00000000000000c2", path: second }),
      ];
      const before = await prepareAll(driver, 1, pair("one", "two"));
      await prepareAll(driver, 2, pair("two", "one"));
      const paths = new Map(
        (await driver.inventory()).flatMap((one) =>
          one.kind === "nfs-file" ? [[one.volumes[0]?.id, one.file.path]] : [],
        ),
      );
      assert.deepEqual(
        before.map(({ mirrorVolumeId }) => paths.get(mirrorVolumeId)),
        ["two", "one"],
      );
    });
  });
};
