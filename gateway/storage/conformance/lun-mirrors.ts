import assert from "node:assert/strict";
import { describe } from "node:test";
import { lunSchema } from "../../../core/api/object/lun.ts";
import { owner, strangers } from "./fixtures.ts";
import { kindTest, lunOfSource, prepareAll, theOnly } from "./objects.ts";
import type { StorageUnderTest } from "./storage-under-test.ts";

export const lunMirrorConformance = (open: () => Promise<StorageUnderTest>): void => {
  const luns = { kinds: ["lun"], open } as const;
  describe("the mirror of a LUN", () => {
    kindTest("has its LUN id in a mirror of its target, with the target's settings (W6)", luns, async (driver) => {
      const source = lunOfSource();
      await prepareAll(driver, 1, [source]);
      const mirror = await theOnly(driver, "lun");
      assert.equal(mirror.name, "database");
      assert.deepEqual(mirror.lun, { ...source.lun, target: `mirror.${owner.source}.${owner.planId}.iscsi` });
      assert.deepEqual(mirror.origin, { planId: owner.planId, siteId: owner.source, role: "mirror" });
    });

    kindTest(
      "has a target of its own that every site can tell of, however long its source's name is",
      luns,
      async (driver) => {
        const [one, other] = [`${"t".repeat(254)}1`, `${"t".repeat(254)}2`];
        for (const [n, target] of [one, other].entries()) {
          const id = `00000000000000a${n + 1}`;
          const source = { ...lunOfSource({ target }), id: `lun-${id}` };
          const volumes = source.volumes.map((volume) => ({ ...volume, id: `volume-${id}` }));
          await prepareAll(driver, 1, [{ ...source, volumes }]);
        }
        const mirrors = (await driver.inventory()).map((object) => lunSchema.parse(object));
        assert.equal(new Set(mirrors.map(({ lun }) => lun?.target)).size, 2);
      },
    );

    kindTest(
      "keeps its LUN id whoever else has it, in a target of that name or of another plan",
      luns,
      async (driver) => {
        const lun = { target: "iscsi", lunId: 7 };
        await driver.createVolume({ kind: "lun", name: "production", sizeBytes: 64 * 1024, lun });
        await prepareAll(driver, 1, [lunOfSource()]);
        for (const stranger of strangers) await prepareAll(driver, 1, [lunOfSource()], stranger);
        const listed = (await driver.inventory()).flatMap((object) => (object.kind === "lun" ? [object.lun] : []));
        assert.deepEqual(
          listed.map((one) => one?.lunId),
          [7, 7, 7, 7],
        );
        assert.equal(new Set(listed.map((one) => one?.target)).size, 4);
      },
    );

    kindTest("follows it to another id and target, and follows the target's settings", luns, async (driver) => {
      await prepareAll(driver, 1, [lunOfSource()]);
      const moved = lunOfSource({ target: "other", lunId: 3, settings: { ipWhitelist: "10.1.0.0/16" } });
      await prepareAll(driver, 2, [moved]);
      const mirror = await theOnly(driver, "lun");
      assert.deepEqual(mirror.lun, { ...moved.lun, target: `mirror.${owner.source}.${owner.planId}.other` });
    });

    kindTest("changes places with another one as its source did", luns, async (driver) => {
      const other = { id: "lun-00000000000000a2", name: "other" };
      const pair = (first: number, second: number) => [
        lunOfSource({ lunId: first }),
        {
          ...lunOfSource({ lunId: second }),
          ...other,
          volumes: [{ ...lunOfSource().volumes[0], id: "volume-00000000000000a2" }],
        } as ReturnType<typeof lunOfSource>,
      ];
      await prepareAll(driver, 1, pair(1, 2));
      await prepareAll(driver, 2, pair(2, 1));
      const ids = (await driver.inventory()).map((one) => [one.name, one.kind === "lun" ? one.lun?.lunId : undefined]);
      assert.deepEqual(ids.toSorted(), [
        ["database", 2],
        ["other", 1],
      ]);
    });
  });
};
