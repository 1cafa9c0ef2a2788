import type { StorageCall } from "../../call.ts";

/** What is read and written of a `LedgerDevice` begins and ends at a multiple of it. */
export const deviceBlockBytes = 4096;

export const blocksUp = (bytes: number): number => Math.ceil(bytes / deviceBlockBytes) * deviceBlockBytes;

/**
 * What a ledger lies on. Each sector of 512 bytes is written wholly or not at all. What was flushed
 * stays; of what was written since, a crash may leave anything.
 */
export interface LedgerDevice {
  /** As people know it, for errors. */
  readonly name: string;
  /** May grow. */
  readonly sizeBytes: number;
  read(offset: number, into: Uint8Array, call?: StorageCall): Promise<void>;
  write(offset: number, data: Uint8Array, call?: StorageCall): Promise<void>;
  flush(call?: StorageCall): Promise<void>;
  /** Where it has anything but zeros, as far as that can be told without reading it. */
  written?(call?: StorageCall): Promise<readonly { readonly offset: number; readonly length: number }[]>;
  /**
   * Runs `work` while nobody else holds the device, in this process or another. When this settles,
   * also with an error, no write of `work` is on its way any more; of a holder that died, or was
   * given up, none arrives once the next one's `work` has begun.
   */
  exclusively<T>(work: () => Promise<T>, call?: StorageCall): Promise<T>;
}
