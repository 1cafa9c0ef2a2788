import type { StorageDriver } from "../driver.ts";

/** An empty storage that a test may fill. */
export interface StorageUnderTest {
  readonly driver: StorageDriver;
  /** Closes the driver and opens another one over the same storage. */
  reopen(): Promise<StorageDriver>;
  /** Closes the driver that is open and removes the storage. */
  close(): Promise<void>;
}

/** What the tests may ask of a cluster besides what every driver promises. */
export interface ClusterTraits {
  /** The driver has `stageVolume`. */
  readonly stagesVolumes: boolean;
  /**
   * Ordinary objects are made, changed and guarded by the driver's own rules. Elsewhere that is for
   * the cluster's console, which the tests reach by the same calls.
   */
  readonly isConsole: boolean;
  /** It can be given another pool than `default`, with a capacity. */
  readonly hasPools: boolean;
  /** An extent becomes what was written in one step; see `StorageCaps.atomicExtents`. */
  readonly atomicExtents: boolean;
  /** How many random histories are tried; fewer where each step takes long. */
  readonly histories: number;
  /** So many suites run beside each other, and so many tests of each. */
  readonly atOnce: number;
}
