import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe } from "node:test";
import { rollbackConformance } from "../../conformance/rollback.ts";
import { rollbackCutConformance } from "../../conformance/rollback-cut.ts";
import { standInGroupConformance } from "../../conformance/stand-in-groups.ts";
import { ExtentStore } from "../extentstore.ts";
import { storeTraits } from "../testing/traits.ts";

const open = async () => {
  const dir = await mkdtemp(join(tmpdir(), "extentstore-"));
  const driver = await ExtentStore.open(dir, { swaps: false });
  let current = driver;
  return {
    driver,
    reopen: async () => {
      await current.close();
      current = await ExtentStore.open(dir, { swaps: false });
      return current;
    },
    close: async () => {
      await current.close();
      await rm(dir, { recursive: true });
    },
  };
};

describe("an extentstore without a swap", () => {
  rollbackConformance(open, storeTraits);
  rollbackCutConformance(open);
  standInGroupConformance(open);
});
