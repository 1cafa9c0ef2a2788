import { describe } from "node:test";
import { blockConformance } from "./conformance/blocks.ts";
import { groupConformance } from "./conformance/groups.ts";
import { manifestConformance } from "./conformance/manifests.ts";
import { mirrorConformance } from "./conformance/mirrors.ts";
import { orderConformance } from "./conformance/order.ts";
import { rebuildConformance } from "./conformance/rebuild.ts";
import { stagingConformance } from "./conformance/staging.ts";
import { volumeConformance } from "./conformance/volumes.ts";
import type { StorageDriver } from "./driver.ts";

/** An empty storage that a test may fill. */
export interface StorageUnderTest {
  readonly driver: StorageDriver;
  /** Closes the driver and opens another one over the same storage. */
  reopen(): Promise<StorageDriver>;
  /** Closes the driver that is open and removes the storage. */
  close(): Promise<void>;
}

/**
 * Registers the tests that every storage driver passes: what the comments of driver.ts promise.
 *
 * @param options.stagesVolumes whether the driver has `stageVolume`, which not every cluster can do
 */
export const storageConformance = (
  name: string,
  open: () => Promise<StorageUnderTest>,
  { stagesVolumes }: { readonly stagesVolumes: boolean },
): void => {
  describe(`${name} keeps the promises of the storage port`, () => {
    volumeConformance(open);
    stagingConformance(open, stagesVolumes);
    groupConformance(open);
    mirrorConformance(open);
    manifestConformance(open);
    orderConformance(open);
    rebuildConformance(open);
    blockConformance(open);
  });
};
