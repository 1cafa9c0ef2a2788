import type { StorageDriver } from "../driver.ts";

/** An empty storage that a test may fill. */
export interface StorageUnderTest {
  readonly driver: StorageDriver;
  /** Closes the driver and opens another one over the same storage. */
  reopen(): Promise<StorageDriver>;
  /** Closes the driver that is open and removes the storage. */
  close(): Promise<void>;
}
