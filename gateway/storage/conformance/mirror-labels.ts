import assert from "node:assert/strict";
import { describe } from "node:test";
import { objectKindSchema } from "../../../core/api/object/common.ts";
import { isMirror, kindTest, objectOfKind, prepareAll, theOnly } from "./objects.ts";
import type { StorageUnderTest } from "./storage-under-test.ts";

/** What a mirror's source is labelled with is seen at the target as well. */
export const mirrorLabelConformance = (open: () => Promise<StorageUnderTest>): void => {
  describe("the labels of a mirror", () => {
    for (const kind of objectKindSchema.options) {
      kindTest(`of a ${kind} are its source's, as they are now`, { kinds: [kind], open }, async (driver) => {
        const source = objectOfKind[kind]();
        for (const [index, labels] of [{ env: "prod", tier: "" }, { env: "test" }, undefined].entries()) {
          await prepareAll(driver, index + 1, [{ ...source, labels }]);
          assert.deepEqual((await theOnly(driver, kind, isMirror)).labels, labels);
        }
      });
    }

    kindTest("of a volume stay when a VM has it, too", { kinds: ["vm", "volume"], open }, async (driver) => {
      const vm = objectOfKind.vm();
      const [disk] = vm.volumes;
      assert(disk !== undefined);
      const itself = { ...objectOfKind.volume(), volumes: [disk], labels: { tier: "data" } };
      await prepareAll(driver, 1, [vm, itself]);
      await prepareAll(driver, 2, [vm]);
      const mirror = await theOnly(driver, "volume", ({ labels }) => labels !== undefined);
      assert.deepEqual(mirror.labels, itself.labels);
    });
  });
};
